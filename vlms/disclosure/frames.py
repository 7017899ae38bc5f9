"""Frames of a private cohort, made safe before anything is drawn or printed.

A report is written once, whatever the disclosure: it asks a `Disclosure` for counts, levels,
tables and curves, and gets them exact in full mode and under the rules in safe mode. What the
rules do not allow raises `Withheld`, whose message is the reason to print in its place. Nothing is
computed of a part of the patients to make it showable.

Counts. Small levels are merged by an order that knows no outcome: as the study declares it, else
the smallest first, with the missing, until the pool is as large as the threshold. In a table of two
variables further cells are withheld until no line with its total gives a withheld cell away. What
is shown is rounded to 5.

Curves. An exact curve gives every patient's time away: it steps where one patient has the event. A
safe curve steps only at landmarks and months of a grid, a threshold of events apart and with a
threshold of patients beyond; its height there is the exact one, rounded to the share that five
patients are of the group. Between its steps the true curve has moved on already. Groups step
together. Estimates at landmarks keep the same distance, so that no two of them bracket few events.

Sources: OpenSAFELY, "Applying statistical disclosure control" (redact small counts, round to 5;
its Kaplan-Meier action delays events in the same way); SACRO, acro (thresholds for every cell of a
table and for regressions; no minima and maxima); Hundepool et al., *Statistical Disclosure
Control*, Wiley 2012, chapter 4 (complementary suppression).
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vlms.cohort import holds_numbers, level_name, levels_of
from vlms.describing import table_one
from vlms.printed import print_number, print_p
from vlms.survival import cumulative_incidence, kaplan_meier

BASE = 5  # counts are rounded to it
FLOOR = 5  # the lowest threshold that can be asked for
GRID_MONTHS = 6
BANDS = (0.05, 0.1, 0.2, 0.25, 0.5)  # widths of a band; the first that five patients fill
OTHER = "other or missing"
WITHHELD = "withheld"
MISSING = "missing"
MODES = ("safe", "full")
CODES = ("grade",)  # numbers that are levels
_RESERVED = (WITHHELD, MISSING, "all", "any", "variable", "level")

RULES = {
    "threshold": "a count below the threshold is withheld",
    "pooling": "levels with fewer patients are merged as the study declares, else the smallest "
    "first and with the missing, up to the threshold; no outcome is looked at for it",
    "complements": "further cells are withheld so that totals do not give a withheld cell away",
    "rounding": "counts are rounded to the base, shares are computed from rounded counts",
    "differences": "a count closer than the threshold to one already shown is shown as that one",
    "extremes": "no minimum or maximum; quantiles are means over as many patients as the threshold",
    "curves": "a curve steps at landmarks and months of a grid, at least a threshold of events "
    "apart and with a threshold at risk, is rounded to the share that the base is of its patients, "
    "and is cut where fewer are at risk; none for a group of less than twice the threshold",
    "groups": "curves of groups step in the same months and are all drawn, or none is",
    "landmarks": "an estimate at a month is exact, and shown as a band of a fixed grid with limits "
    "outwards to it; withheld with less than a threshold of events before it, or to the next such "
    "month, or of patients after it",
    "quantiles": "a median of time is exact, and shown as the steps that it lies between",
    "tests": "a test is of all patients and all levels as recorded; its P value is rounded, and "
    "withheld where a level has less than a threshold of events, or where it counts permutations",
    "hazard_ratios": "a fit is of all levels as recorded; a ratio has two significant digits, "
    "limits outwards; withheld unless its level and the reference have each a threshold of events "
    "and of patients without",
    "records": "no identifier, row, date, free text, event time, mark of censoring or figure of a "
    "patient; figures are pixels only",
    "quality": "problems of the file are counted by kind, without the text of a cell",
    "releases": "all sums and differences of the releases on a cohort are about as many patients "
    "as the threshold, under the rules of the first; what their counts together give is withheld",
}


class DisclosureError(ValueError):
    """A way of reporting that the rules do not allow."""


class Withheld(Exception):
    """What the rules do not allow to be shown; the message is the reason, for any reader."""


@dataclass(frozen=True)
class Disclosure:
    """How much of a cohort a report may show.

    Parameters
    ----------
    mode : {"safe", "full"}
        Rules applied, or everything shown as it is.
    min_count : int
        The threshold: the fewest patients that a number may be about. At least 5.
    landmarks : tuple of float
        Times at which estimates are shown; curves step there first.
    grid : float
        Half a year in the unit of time: further steps of curves.
    merges : dict of str to sequence of dict
        Column → declared merges of its levels, name → levels, the first that is enough is taken.
    withhold : tuple of str
        What an attack has solved: ``"margin"``, or ``"margin by sex"`` for that table alone.

    Raises
    ------
    DisclosureError
        For another mode, or a threshold below 5.

    Examples
    --------
    >>> rules = Disclosure("safe", 10)
    >>> rules.count(9), rules.count(12), rules.count(13)
    ('<10', '10', '15')
    >>> Disclosure("full").count(9)
    '9'
    """

    mode: str = "safe"
    min_count: int = 10
    landmarks: tuple = ()
    grid: float = GRID_MONTHS
    merges: dict = field(default_factory=dict)
    withhold: tuple = ()

    def __post_init__(self):
        if self.mode not in MODES:
            raise DisclosureError(f"disclosure is 'safe' or 'full', not {self.mode!r}")
        if isinstance(self.min_count, bool) or not isinstance(self.min_count, (int, np.integer)):
            raise DisclosureError(f"min_count is a whole number, not {self.min_count!r}")
        if self.min_count < FLOOR:
            raise DisclosureError(
                f"min_count is {self.min_count}; a number about fewer than {FLOOR} patients is "
                f"never shown in safe mode: give {FLOOR} or more (10 is usual)"
            )
        object.__setattr__(self, "landmarks", tuple(sorted(map(float, self.landmarks))))

    @property
    def safe(self) -> bool:
        """Whether the rules are applied."""
        return self.mode == "safe"

    @property
    def least(self) -> int:
        """The fewest patients that a number may be about: none in full mode."""
        return self.min_count if self.safe else 0

    def pinned(self) -> dict:
        """Return the parameters that all releases on a cohort must share."""
        pinned = {"min_count": int(self.min_count), "base": BASE, "grid": float(self.grid)}
        return pinned | {"landmarks": list(self.landmarks), "bands": list(BANDS)}

    def count(self, n, *, near=None) -> str:
        """Print a count: rounded, or withheld; as `near` if it is too close to that one."""
        if not self.safe:
            return str(int(n))
        if near is not None and abs(int(near) - int(n)) < self.min_count:
            n = near
        return f"<{self.min_count}" if n < self.min_count else str(round_count(n))

    def share(self, n, total) -> str:
        """Print a count with its share of a total, by the rounded counts in safe mode."""
        if n < self.least:
            return f"<{self.min_count}"
        if self.safe:
            n, total = round_count(n), round_count(total)
        return f"{n:g} ({min(n / total, 1):.0%})" if total else "–"

    def recorded(self, column: pd.Series) -> pd.Series:
        """Name each patient's level as it was recorded; what is computed rests on these."""
        names = column.map(_own_name, na_action="ignore").astype(object)
        order = list(dict.fromkeys(_own_name(level) for level in levels_of(column)))
        return pd.Series(pd.Categorical(names, categories=order), index=column.index)

    def levels(self, column: pd.Series, *, fewest=None) -> pd.Series:
        """Name each patient's level as it may be shown: small ones are merged.

        `fewest` is how many patients a level needs, by default the threshold. A merge that the
        study declares is taken where all its parts are enough; else the smallest are pooled, with
        the missing.

        Examples
        --------
        40 R0, 20 R1 and 5 R2, one not known: R2 alone would be 5, so R1 joins it.

        >>> margins = pd.Series(["R0"] * 40 + ["R1"] * 20 + ["R2"] * 5 + [None])
        >>> Disclosure("safe", 10).levels(margins).value_counts(sort=False).to_dict()
        {'R0': 40, 'R1, other or missing': 26}
        """
        recorded, fewest = self.recorded(column), self.least if fewest is None else fewest
        order, sizes = list(recorded.cat.categories), recorded.value_counts()
        small = [level for level in order if sizes[level] < fewest]
        for merge in self._declared(column.name, order) if small else ():
            merged = recorded.astype(object).map(merge, na_action="ignore")
            parts = merged.value_counts()
            if min(parts) >= fewest and len(column) - max(parts) >= self.least:
                names = [name for name in dict.fromkeys(merge.values()) if name in parts]
                return pd.Series(pd.Categorical(merged, names), index=column.index)
        kept = sorted((level for level in order if level not in small), key=lambda x: sizes[x])
        while small and sizes[small].sum() < fewest and kept:
            small.append(kept.pop(0))
        if any(len(column) - sizes[level] < self.least for level in kept):
            small, kept = order, []  # nearly all are the same, which says it of each of them
        if not small:
            return recorded
        kept = [level for level in order if level in kept]
        frequent = [level for level in order if level in small and sizes[level] >= self.least]
        pool = ", ".join([*frequent, OTHER]) if kept else OTHER
        shown = recorded.astype(object).where(recorded.isin(kept), pool)
        return pd.Series(pd.Categorical(shown, categories=[*kept, pool]), index=column.index)

    def unlocked_by(self, name, counts: pd.DataFrame) -> str:
        """Say which merge of a column's levels would give each count a threshold; blank for none.

        `counts` has a row a level as recorded, and a column for each count that must be enough,
        such as patients with and without the event.

        Examples
        --------
        >>> counts = pd.DataFrame({"events": [40, 12, 3]}, index=["R0", "R1", "R2"])
        >>> Disclosure("safe", 10).unlocked_by("margin", counts)
        'it could be shown with R1 and rarer levels as one'
        """
        order, sizes = list(counts.index), counts.sum(axis=1)
        for merge in self._declared(name, order):
            if counts.groupby(merge).sum().min(axis=None) >= self.least:
                names = ", ".join(f"“{part}”" for part in dict.fromkeys(merge.values()))
                return f"it could be shown by {names}"
        rising = sorted(order, key=lambda level: sizes[level])
        for k in range(2, len(order)):
            pool, rest = rising[:k], rising[k:]
            least = min(counts.loc[pool].sum().min(), counts.loc[rest].min(axis=None))
            if least >= self.least:
                named = [level for level in order if level in pool and sizes[level] >= self.least]
                named += ["rarer levels"] * (len(named) < k)
                return f"it could be shown with {' and '.join(named)} as one"
        return ""

    def release_p(self, p, events, *, method="asymptotic") -> str:
        """Print a P value of all patients, as it may be shown.

        `events` are those of each group compared, or of all where a number is tested; `method` is
        that of the test: an exact or permutation P of a few patients gives their ranks away.

        Raises
        ------
        Withheld
            Where a group has fewer events than the threshold, or permutations were counted.

        Examples
        --------
        >>> Disclosure("safe", 10).release_p(0.0314, [25, 14])
        '0.03'
        """
        if self.safe and min(events, default=0) < self.least:
            raise Withheld(f"a group has fewer than {self.least} events")
        if self.safe and method in ("exact", "permutation"):
            raise Withheld("the P value counts permutations, which few patients have")
        return print_p(p)

    def release_ratio(self, ratio, lower, upper, p, *, events, n) -> dict:
        """Round a hazard, odds or subdistribution ratio of all patients, as it may be shown.

        Parameters
        ----------
        ratio, lower, upper, p : float
        events, n : sequence of int
            Of each level that it compares, the reference included, or of all for a number.

        Returns
        -------
        dict
            hazard_ratio, lower, upper (two significant digits and at most two decimals, limits
            outwards) and p_value (text); exact in full mode.

        Raises
        ------
        Withheld
            Where a level has fewer with or without the event than the threshold.

        Examples
        --------
        >>> counts = {"events": [35, 40], "n": [60, 62]}
        >>> Disclosure("safe", 10).release_ratio(1.688, 1.046, 2.73, 0.031, **counts)
        {'hazard_ratio': 1.7, 'lower': 1.0, 'upper': 2.8, 'p_value': '0.03'}
        """
        if self.safe and min([*events, *np.subtract(n, events)], default=0) < self.least:
            few = f"fewer than {self.least} patients with the event or without it"
            raise Withheld(few)
        found = {"hazard_ratio": ratio, "lower": lower, "upper": upper}
        if self.safe:
            ways = (np.round, np.floor, np.ceil)
            found = {
                k: _two_digits(v, how) for (k, v), how in zip(found.items(), ways, strict=True)
            }
        return found | {"p_value": print_p(p)}

    def release_number(self, value, n, *, decimals=1) -> str:
        """Print a statistic of groups (a standardised difference, say) that has no events.

        `n` are the patients of each group; withheld below twice the threshold, as a mean is.
        """
        if self.safe and min(n, default=0) < 2 * self.least:
            raise Withheld(f"a group has fewer than {2 * self.least} patients")
        return "–" if pd.isna(value) else print_number(value, decimals if self.safe else 2)

    def _declared(self, name, levels):
        """The declared merges that have a place for each of these levels: level → part."""
        for merge in self.merges.get(name, ()):
            part = {str(level): str(to) for to, some in merge.items() for level in some}
            if set(levels) <= set(part):
                yield {level: part[level] for level in levels}

    def as_json(self, **also) -> dict:
        """Return what was applied, with its parameters, in types that JSON knows."""
        applied = [{"rule": name, "what": text} for name, text in RULES.items()]
        return {
            "disclosure": self.mode,
            "rules_applied": applied if self.safe else [],
            "parameters": self.pinned() if self.safe else {},
            **also,
        }


def declared_merges(study) -> dict:
    """Return the merges that a study declares, for `Disclosure`; no outcome is looked at.

    A column with an order of levels has those that join its upper levels, one more at a time, and
    cross no dichotomy of the column; the dichotomy itself comes after them.
    """
    merges = {}
    parts = {group.column: group.levels for group in study.groups if group.levels}
    for column in study.columns.values():
        order = [str(level) for level in column.order]
        side = {str(level): to for to, some in parts.get(column.name, {}).items() for level in some}
        for k in range(len(order) - 2, 0, -1):
            if len({side.get(level) for level in order[k:]}) == 1:
                merge = {level: [level] for level in order[:k]}
                merge[" or ".join(order[k:])] = order[k:]
                merges.setdefault(column.name, []).append(merge)
    for name, merge in parts.items():
        merges.setdefault(name, []).append(dict(merge))
    return merges


def round_count(n) -> int:
    """Round a count to the base, a half upwards.

    Examples
    --------
    >>> [round_count(n) for n in (10, 12, 13, 148)]
    [10, 10, 15, 150]
    """
    return int(BASE * np.floor(n / BASE + 0.5))


def suppress(counts: pd.DataFrame, min_count: int, *, withheld=(), free=()) -> pd.DataFrame:
    """Say which cells of a table of counts are withheld, given that its totals are known.

    Parameters
    ----------
    counts : pandas.DataFrame
        True counts without totals, a row a level, a column a group; together all patients.
    min_count : int
    withheld : collection
        Columns that are not shown at all.
    free : collection
        Rows that are withheld where they are small without calling for more, and that do not
        help to cover others: counts of missing values, which the rounding of all others hides.

    Returns
    -------
    pandas.DataFrame of bool

    Notes
    -----
    In every row and column with a withheld cell there are at least two, and together they count
    at least `min_count` patients. The smallest cell of the line is withheld for it.

    Examples
    --------
    >>> counts = pd.DataFrame({"f": [30, 4], "m": [25, 18]}, index=["R0", "R1"])
    >>> suppress(counts, 10).to_numpy().tolist()
    [[True, True], [True, True]]
    """
    n = counts.to_numpy()
    hidden = n < min_count
    fixed = np.isin(counts.columns, list(withheld))[None, :] | np.zeros_like(hidden)
    exempt = np.isin(counts.index, list(free))[:, None] | np.zeros_like(hidden)
    hidden |= fixed
    open_ = hidden & ~fixed & ~exempt
    helps = ~exempt
    lines = [(i, slice(None)) for i in range(n.shape[0])]
    lines += [(slice(None), j) for j in range(n.shape[1]) if not fixed[0, j]]
    changed = True
    while changed:
        changed = False
        for line in lines:
            here, mine = hidden[line], n[line]
            cover = here & helps[line]
            short = cover.sum() < 2 or mine[cover].sum() < min_count
            if open_[line].any() and short and not here.all():
                place = np.flatnonzero(~here)[np.argmin(mine[~here])]
                for mask in (hidden, open_):
                    mask[line][place] = True
                changed = True
    return pd.DataFrame(hidden, index=counts.index, columns=counts.columns)


def safe_table_one(patients: pd.DataFrame, rules: Disclosure, *, columns, by=None, labels=None):
    """Describe a cohort as `vlms.describing.table_one` does, as far as it may be shown.

    Parameters
    ----------
    patients : pandas.DataFrame
    rules : Disclosure
    columns : list of str
    by : str, optional
        Each of its groups, then all patients; the missing are a group where they are enough.
    labels : dict of str to str, optional

    Returns
    -------
    pandas.DataFrame
        variable, level, group, summary; first the numbers of patients. In safe mode a number has
        mean and SD and, with four times the threshold of values, quartiles, each the mean of as
        many patients around its rank as the threshold.

    Examples
    --------
    >>> patients = pd.DataFrame({"sex": ["f"] * 40 + ["m"] * 22})
    >>> table = safe_table_one(patients, Disclosure("safe", 10), columns=["sex"])
    >>> table[["level", "summary"]].to_numpy().tolist()
    [['', '60'], ['f', '40 (67%)'], ['m', '20 (33%)'], ['missing', '<10']]
    """
    levels = [c for c in columns if c in CODES or not holds_numbers(patients[c])]
    levels += [by] if by else []
    patients = patients.assign(**{name: rules.levels(patients[name]) for name in levels})
    groups = {}
    if by is not None:
        groups = {name: patients[patients[by] == name] for name in patients[by].cat.categories}
        if patients[by].isna().sum() >= max(rules.least, 1):
            groups[MISSING] = patients[patients[by].isna()]
    groups["all"] = patients
    hidden = set(groups) - {"all"} if by in rules.withhold else ()
    rows = [
        ("Patients", "", name, WITHHELD if name in hidden else rules.count(len(some)))
        for name, some in groups.items()
    ]
    sizes = pd.DataFrame(rows, columns=["variable", "level", "group", "summary"])
    labels = labels or {}
    if not rules.safe:
        exact = table_one(patients, columns=columns, by=by, labels=labels)
        return pd.concat([sizes, exact[list(sizes)]], ignore_index=True)
    rows = []
    for name in columns:
        lines = _number_lines if holds_numbers(patients[name]) else _level_lines
        solved = name in rules.withhold
        parts = solved or by in rules.withhold or f"{name} by {by}" in rules.withhold
        for level, group, summary in lines(patients, name, by, groups, rules):
            if solved if group == "all" else parts:
                summary = WITHHELD
            rows.append((labels.get(name, name), level, group, summary))
    return pd.concat([sizes, pd.DataFrame(rows, columns=list(sizes))], ignore_index=True)


def survival_curves(
    time, event, rules: Disclosure, *, group=None, sizes=None, interval="log-log"
) -> pd.DataFrame:
    """Estimate survival curves by Kaplan-Meier, of all groups, as they may be drawn.

    Parameters
    ----------
    time, event : pandas.Series
        Months followed, and whether the event ended it (bool).
    rules : Disclosure
    group : pandas.Series of categories, optional
    sizes : dict of str to int, optional
        How many patients a group (without groups: ``"all"``) was said to have elsewhere.
    interval : str
        As `kaplan_meier` takes it.

    Returns
    -------
    pandas.DataFrame
        group, time, at_risk, survival, lower, upper, and in full mode events and censored. In
        safe mode time is months of the grid and half a step more, at_risk is text, limits are
        rounded outwards, and NaN before the first step; ``.attrs["steps"]`` has the months at
        which all groups step. A group that ends before the others has NaN from there on.

    Raises
    ------
    Withheld
        Where any of the groups may not be drawn.

    Examples
    --------
    40 patients followed for 30 months, of whom 20 died in month 3 and 8 in month 9: one step, as
    the second would be of 8 events.

    >>> time, event = [3] * 20 + [9] * 8 + [30] * 12, [True] * 28 + [False] * 12
    >>> curve = survival_curves(pd.Series(time), pd.Series(event), Disclosure("safe", 10))
    >>> curve["survival"].tolist()
    [1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    group = pd.Series("all", index=time.index, dtype="category") if group is None else group
    parts = {}
    for name in group.cat.categories:
        mine = group == name
        if mine.any() or rules.safe:
            parts[name] = (time[mine].to_numpy(float), event[mine].to_numpy(bool))
    if not parts or not len(time):
        raise Withheld("no patient was followed")
    _refuse_few(parts, rules)
    exact = {name: kaplan_meier(*part, interval=interval) for name, part in parts.items()}
    if not rules.safe:
        return pd.concat([curve.assign(group=name) for name, curve in exact.items()])
    return _in_steps(parts, exact, "survival", rules, sizes or {}).drop(columns="part")


def incidence_curves(time, cause, rules: Disclosure, *, causes, size=None) -> pd.DataFrame:
    """Estimate the cumulative incidence of each cause (Aalen-Johansen), as it may be drawn.

    Parameters
    ----------
    time, cause : pandas.Series
        Months followed; the code of the cause, 0 where the observation was censored.
    rules : Disclosure
    causes : list of int
        The codes to draw.
    size : int, optional
        How many patients there were said to be elsewhere.

    Returns
    -------
    pandas.DataFrame
        group, cause, time, at_risk, incidence, lower, upper, as `survival_curves`.
        ``.attrs["withheld"]`` has the reason of each cause that may not be drawn.

    Raises
    ------
    Withheld
        Where none of the causes may be drawn.

    Examples
    --------
    40 patients, of whom 20 had the event in month 3 and the others left in month 30.

    >>> time, cause = pd.Series([3] * 20 + [30] * 20), pd.Series([1] * 20 + [0] * 20)
    >>> curve = incidence_curves(time, cause, Disclosure("safe", 10), causes=[1, 2])
    >>> curve["incidence"].tolist(), curve.attrs["withheld"]
    ([0.0, 0.5, 0.5, 0.5, 0.5, 0.5], {2: 'fewer than 10 events'})
    """
    if not (cause > 0).any():
        raise Withheld("there was no event")
    parts, why = {}, {}
    for code in causes:
        part = (time.to_numpy(float), (cause == code).to_numpy())
        try:
            _refuse_few({code: part}, rules)
            if not part[1].any():
                raise Withheld("there was no such event")
            parts[code] = part
        except Withheld as reason:
            why[code] = str(reason)
    if not parts:
        raise Withheld(next(iter(why.values())))
    exact = cumulative_incidence(time, cause)
    exact = {code: exact[exact["cause"] == code] for code in parts}
    if rules.safe:
        sizes = dict.fromkeys(parts, size)
        drawn = _in_steps(parts, exact, "incidence", rules, sizes)
        drawn = drawn.assign(cause=drawn["part"], group="all").drop(columns="part")
    else:
        drawn = pd.concat(exact.values(), ignore_index=True)
    drawn.attrs["withheld"] = why
    return drawn


def estimate_at(month, found, time, event, rules: Disclosure) -> tuple:
    """Print an exact estimate at a month and its interval, as they may be shown.

    Parameters
    ----------
    month : float
    found : tuple of float
        The estimate and its limits, NaN where there is none.
    time, event : pandas.Series
        Of the patients that it is of.
    rules : Disclosure

    Returns
    -------
    tuple of str
        Estimate and interval. In safe mode a band of a fixed grid, 5% wide or as wide as five
        patients are, with limits outwards to it; 0% and 100% are withheld. Where there is none,
        the reason stands for the interval.

    Examples
    --------
    >>> time, event = pd.Series([3] * 100 + [40] * 128), pd.Series([True] * 100 + [False] * 128)
    >>> estimate_at(12, (0.561, 0.494, 0.623), time, event, Disclosure("safe", 10))
    ('55–60%', '45–65%')
    >>> estimate_at(2, (1.0, float("nan"), float("nan")), time, event, Disclosure("safe", 10))
    ('withheld', 'fewer than 10 events until then')
    """
    share, lower, upper = found
    if (event & (time <= month)).sum() < rules.least:
        return WITHHELD, f"fewer than {rules.least} events until then"
    if (time > month).sum() < rules.least:
        return WITHHELD, f"fewer than {rules.least} patients beyond"
    part = (time.to_numpy(float), event.to_numpy(bool))
    if rules.safe and month not in _apart([*rules.landmarks, float(month)], [part], rules.least):
        return WITHHELD, f"fewer than {rules.least} events from or to another month that is shown"
    if pd.isna(share):
        return "–", "beyond the last observation"
    if not rules.safe:
        limits = ["–" if pd.isna(limit) else f"{limit:.0%}" for limit in (lower, upper)]
        return f"{share:.0%}", "–" if limits == ["–", "–"] else " to ".join(limits)
    if not 0 < share < 1:
        return WITHHELD, WITHHELD
    low, high = _band(share, share, len(time))
    if pd.isna(lower) or pd.isna(upper):
        return f"{low}–{high}%", "–"
    outer = _band(lower, upper, len(time))
    if outer[0] <= 0 or outer[1] >= 100:
        one_sided = f"under {outer[1]}%" if outer[0] <= 0 else f"over {outer[0]}%"
        return f"{low}–{high}%", WITHHELD if outer == (0, 100) else one_sided
    return f"{low}–{high}%", f"{outer[0]}–{outer[1]}%"


def between_steps(month, steps) -> tuple:
    """Find the steps of a safe curve between which an exact month lies.

    Returns
    -------
    tuple of float
        The last step before it (0 before the first) and the first at or after it: infinite
        after the last step; NaN where the month is.

    Examples
    --------
    >>> between_steps(3, [6, 12]), between_steps(6, [6, 12]), between_steps(13, [6, 12])
    ((0.0, 6.0), (0.0, 6.0), (12.0, inf))
    """
    if pd.isna(month):
        return (np.nan, np.nan)
    edges = np.array([0.0, *steps, np.inf])
    place = max(int(np.searchsorted(edges, month, side="left")), 1)
    return (float(edges[place - 1]), float(edges[place]))


def _own_name(level):
    """Name a level; in quotes where a table has a use of its own for the word."""
    name = level_name(level)
    return f"“{name}”" if name in _RESERVED or name.endswith(OTHER) else name


def _level_lines(patients, name, by, groups, rules):
    """Yield level, group and count of a variable with levels."""
    shown = patients[name]
    if list(shown.cat.categories) == [OTHER]:
        yield from (("any", group, WITHHELD) for group in groups)
        return
    if not shown.cat.categories[-1].endswith(OTHER):  # a pool holds the missing already
        shown = shown.cat.add_categories(MISSING).fillna(MISSING)
    everyone = shown.value_counts(sort=False)
    if by is not None:
        group = patients[by].cat.add_categories(MISSING).fillna(MISSING)
        parts = pd.crosstab(shown, group, dropna=False).reindex(everyone.index, fill_value=0)
        outside = [part for part in parts if part not in groups]
        hidden = suppress(parts, rules.min_count, withheld=outside, free=[MISSING])
    for level in everyone.index:
        for group, some in groups.items():
            if group == "all":
                yield level, group, rules.share(everyone[level], len(some))
            elif hidden.loc[level, group]:
                yield level, group, WITHHELD
            else:
                yield level, group, rules.share(parts.loc[level, group], len(some))


def _number_lines(patients, name, _, groups, rules):
    """Yield statistic, group and summary of a variable of numbers."""
    numbers = {group: _safe_numbers(some[name], rules.min_count) for group, some in groups.items()}
    for group, found in numbers.items():
        yield "mean (SD)", group, "{mean} ({sd})".format(**found) if found else WITHHELD
    for group, found in numbers.items():
        enough = "median" in (found or {})
        text = "{median} ({q1}–{q3})".format(**found) if enough else WITHHELD
        yield "median (quartiles)", group, text
    parts = [some[name] for group, some in groups.items() if group != "all"]
    least = min((min(part.isna().sum(), part.notna().sum()) for part in parts), default=0)
    for group, some in groups.items():
        hidden = group != "all" and least < rules.least
        text = WITHHELD if hidden else rules.share(some[name].isna().sum(), len(some))
        yield MISSING, group, text


def _safe_numbers(values, min_count):
    """Summarise numbers without showing anybody's, to a tenth of the leading digit of the SD."""
    known = np.sort(values.dropna().to_numpy(dtype=float))
    spread = float(np.std(known, ddof=1)) if known.size > 1 else 0.0
    if known.size < 2 * min_count or not spread > 0 or not np.isfinite(spread):
        return None
    decimals = int(1 - np.floor(np.log10(spread)))
    found = {"mean": known.mean(), "sd": spread}
    if known.size >= 4 * min_count:
        for name, level in (("median", 0.5), ("q1", 0.25), ("q3", 0.75)):
            first = int(np.floor(level * known.size - min_count / 2))
            found[name] = known[first : first + min_count].mean()
    scale = 10.0**decimals
    return {
        name: print_number(np.floor(value * scale + 0.5) / scale, max(decimals, 0))
        for name, value in found.items()
    }


def _refuse_few(parts, rules):
    """Raise where a group has too few patients or events for a curve."""
    one = " in a group" if len(parts) > 1 else ""
    for time, event in parts.values():
        if time.size < 2 * rules.least:
            raise Withheld(f"fewer than {2 * rules.least} patients{one}")
        if event.sum() < rules.least:
            raise Withheld(f"fewer than {rules.least} events{one}")


def _in_steps(parts, exact, height, rules, sizes):
    """Draw exact curves in steps that all of them share; ``part`` names each."""
    months = max((_grid(time, rules) for time, _ in parts.values()), key=len)
    shared = _apart([*rules.landmarks, *months[1:]], list(parts.values()), rules.min_count)
    curves = []
    for name, (time, _) in parts.items():
        mine = _grid(time, rules)
        steps = [step for step in shared if step <= mine[-1]]
        if not steps:
            raise Withheld("too few events while enough patients were under observation")
        near = sizes.get(name)
        share = BASE / max(round_count(near or time.size), BASE)
        known = np.searchsorted(exact[name]["time"], [0, *steps], side="right") - 1
        place = np.searchsorted(steps, mine, side="right")
        curve = pd.DataFrame({"group": name, "part": name, "time": mine})
        curve["at_risk"] = _at_risk(time, mine, rules, near)
        for column, how in ((height, np.round), ("lower", np.floor), ("upper", np.ceil)):
            units = np.round(exact[name][column].to_numpy(dtype=float)[known] / share, 9)
            values = np.clip(how(units) * share, 0, 1).round(6)
            # What happened at time 0 belongs to the first step; before it there is no limit.
            values[0] = float(height == "survival") if column == height else np.nan
            curve[column] = values[place]
        end = curve.iloc[[-1]].assign(time=mine[-1] + rules.grid / 2)
        after = pd.DataFrame({"time": months[mine.size :], "at_risk": f"<{rules.min_count}"})
        curves += [curve, end, after.assign(group=name, part=name)]
    drawn = pd.concat([curve for curve in curves if len(curve)], ignore_index=True)
    drawn.attrs = {"steps": shared}
    return drawn


def _apart(months, parts, least):
    """Those of the months, taken in their order, that a threshold of events keeps apart.

    Of every group that goes on, and of none of those that have ended. Curves that stepped at
    months of their own would seem to cross only because one of them waits for its next step.
    """
    kept = [-1.0]  # events at time 0 belong to the first step

    def enough(start, end):
        came = [
            (event & (time > start) & (time <= end)).sum()
            for time, event in parts
            if (time > end).sum() >= least
        ]
        return bool(came) and min(came) >= least

    for month in months:
        before = [other for other in kept if other < month]
        later = [other for other in kept if other > month]
        free = month not in kept and enough(max(before), month)
        if free and (not later or enough(month, min(later))):
            kept.append(float(month))
    return sorted(kept[1:])


def _grid(time, rules):
    """Landmarks and months of the grid after which a threshold of patients is still observed."""
    months = np.arange(0, np.max(time) + rules.grid, rules.grid, dtype=float)
    months = np.union1d(months, rules.landmarks)
    after = [(time > month).sum() for month in months]
    return months[: max(int(np.sum(np.asarray(after) >= rules.least)), 1)]


def _two_digits(value, how):
    """Round to two significant digits, and to at most two decimals."""
    if pd.isna(value) or not np.isfinite(value) or value <= 0:
        return float("nan")
    scale = 10.0 ** min(1 - np.floor(np.log10(value)), 2)
    return float(round(how(round(value * scale, 9)) / scale, 2))


def _at_risk(time, months, rules, near):
    """Count those at risk at months of the grid; a number falls only by a threshold or more."""
    texts, last = [], near
    for month in months:
        n = int((time >= month).sum())
        if last is None or n < rules.min_count or abs(last - n) >= rules.min_count:
            last = n
        texts.append(rules.count(last))
    return texts


def _band(lower, upper, n):
    """Round outwards to the grid, in per cent; what lies on it begins a band."""
    width = next((w for w in BANDS if w * n >= BASE), BANDS[-1])
    low = np.floor(np.round(lower / width, 9)) * width
    high = np.ceil(np.round(upper / width, 9)) * width
    return round(100 * low), round(100 * min(high if high > low else low + width, 1))
