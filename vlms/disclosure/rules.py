"""Rules for what may leave a private cohort: which counts, which levels, which summaries.

Rules applied to a report in safe mode, all of them before anything is drawn or printed:

- A count below the threshold is withheld. A level that few patients have is pooled with the next
  smallest, until the pool is as large as the threshold; the missing join it, so that neither the
  pool nor its complement can be taken apart. What cannot be pooled is withheld whole, and so is a
  variable that is the same for all but a few.
- In a table of two variables further cells are withheld until no line of it, with its total,
  gives a withheld cell away (complementary suppression).
- Counts that are shown are rounded to 5, shares are computed from rounded counts, and a count
  that differs from one shown before by fewer patients than the threshold is shown as that one.
- No minimum and no maximum. A quantile is the mean of as many patients around it as the threshold.

Sources: OpenSAFELY, "Applying statistical disclosure control" (redact small counts, then round to
5, because releases are compared with one another); SACRO, acro (thresholds for every cell of a
table and for regressions; minima and maxima are refused); Hundepool et al., *Statistical
Disclosure Control*, Wiley 2012, chapter 4 (complementary suppression).

These are rules applied. They lower a risk; they do not make it nothing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vlms.variables import level_name, levels_of

BASE = 5  # counts are rounded to it
FLOOR = 5  # the lowest threshold that can be asked for
OTHER = "other or missing"
WITHHELD = "withheld"
RESERVED = (OTHER, WITHHELD, "missing", "all", "any", "variable", "level")
MODES = ("safe", "full")

RULES = {
    "threshold": "a count below the threshold is withheld",
    "pooling": "levels with fewer patients are pooled, with the missing, up to the threshold",
    "complements": "further cells are withheld so that totals do not give a withheld cell away",
    "rounding": "counts are rounded to the base, shares are computed from rounded counts",
    "differences": "a count closer than the threshold to one already shown is shown as that one",
    "extremes": "no minimum or maximum; quantiles are means over as many patients as the threshold",
    "curves": "a curve steps at months of a grid, at least a threshold of events apart and with a "
    "threshold at risk, is rounded to the share that the base is of its patients, and is cut where "
    "fewer are at risk; none for a group of less than twice the threshold",
    "groups": "curves of groups step in the same months and are all drawn, or none is",
    "landmarks": "an estimate at a month is exact, and shown as a band of a fixed grid with limits "
    "outwards to it; withheld with less than a threshold of events before, or of patients after",
    "quantiles": "a median of time is exact, and shown as the steps that it lies between",
    "tests": "a test is of all patients and all levels as recorded; its P value is withheld where "
    "a level has less than a threshold of events",
    "hazard_ratios": "a fit is of all levels as recorded; a ratio is withheld unless its level and "
    "the reference have each a threshold of events and of patients without",
    "records": "no identifier, row, date, free text, event time, mark of censoring or figure of a "
    "patient; figures are pixels only",
    "quality": "problems of the file are counted by kind, without the text of a cell",
    "releases": "a second release that differs by fewer patients than the threshold needs a reason",
}


class DisclosureError(ValueError):
    """A way of reporting that the rules do not allow."""


@dataclass(frozen=True)
class Disclosure:
    """How much of a cohort a report may show.

    Parameters
    ----------
    mode : {"safe", "full"}
        Rules applied, or everything shown as it is.
    min_count : int
        The threshold: the fewest patients that a number may be about. At least 5.

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

    @property
    def safe(self) -> bool:
        """Whether the rules are applied."""
        return self.mode == "safe"

    def count(self, n, *, near=None) -> str:
        """Print a count: rounded, or withheld; as `near` if it is too close to that one."""
        if not self.safe:
            return str(int(n))
        if near is not None and abs(int(near) - int(n)) < self.min_count:
            n = near
        return f"<{self.min_count}" if n < self.min_count else str(round_count(n))

    def share(self, n, total) -> str:
        """Print a count with its share of a total, by the rounded counts in safe mode."""
        if self.safe and n < self.min_count:
            return f"<{self.min_count}"
        if self.safe:
            n, total = round_count(n), round_count(total)
        return f"{n:g} ({min(n / total, 1):.0%})" if total else "–"

    def recorded(self, column: pd.Series) -> pd.Series:
        """Name each patient's level as it was recorded; what is computed rests on these."""
        names = column.map(_own_name, na_action="ignore").astype(object)
        order = list(dict.fromkeys(_own_name(level) for level in levels_of(column)))
        return pd.Series(pd.Categorical(names, categories=order), index=column.index)

    def levels(self, column: pd.Series) -> pd.Series:
        """Name each patient's level as it may be shown, see `shown_levels`."""
        names = self.recorded(column)
        order, names = list(names.cat.categories), names.astype(object)
        names = names.where(column.notna(), None)
        return shown_levels(names, order, self.min_count if self.safe else 0)

    def as_json(self, **also) -> dict:
        """Return what was applied, with its parameters, in types that JSON knows."""
        applied = [{"rule": name, "what": text} for name, text in RULES.items()]
        return {
            "disclosure": self.mode,
            "rules_applied": applied if self.safe else [],
            "parameters": {"min_count": int(self.min_count), "base": BASE} if self.safe else {},
            **also,
        }


def _own_name(level):
    """Name a level; in quotes where a table has a use of its own for the word."""
    name = level_name(level)
    return f"“{name}”" if name in RESERVED else name


def round_count(n) -> int:
    """Round a count to the base, a half upwards.

    Parameters
    ----------
    n : int

    Returns
    -------
    int
        A multiple of 5.

    Examples
    --------
    >>> [round_count(n) for n in (10, 12, 13, 148)]
    [10, 10, 15, 150]
    """
    return int(BASE * np.floor(n / BASE + 0.5))


def shown_levels(names: pd.Series, order: list, min_count: int) -> pd.Series:
    """Pool the levels that too few patients have.

    Parameters
    ----------
    names : pandas.Series of str
        Each patient's level, None where it is missing.
    order : list of str
        All levels, in the order to show them in.
    min_count : int
        Fewest patients of a level that may be shown.

    Returns
    -------
    pandas.Series
        Categorical, its categories in order. A small level is `OTHER`, and so is then the next
        smallest until the pool is large enough, and so are the missing. A variable of which no
        level can be shown is all `OTHER`.

    Examples
    --------
    40 R0, 20 R1 and 5 R2, one not known: R2 alone would be 5, so R1 joins it.

    >>> names = pd.Series(["R0"] * 40 + ["R1"] * 20 + ["R2"] * 5 + [None])
    >>> shown_levels(names, ["R0", "R1", "R2"], 10).value_counts(sort=False).to_dict()
    {'R0': 40, 'other or missing': 26}
    """
    counts = names.value_counts()
    order = list(dict.fromkeys(order))
    small = [level for level in order if counts.get(level, 0) < min_count]
    kept = sorted((level for level in order if level not in small), key=lambda x: counts[x])
    size = sum(counts.get(level, 0) for level in small)
    while small and size < min_count and kept:
        small.append(kept.pop(0))
        size += counts[small[-1]]
    if any(len(names) - counts[level] < min_count for level in kept):
        small, kept = order, []  # nearly all are the same, which says it of each of them
    if not small:
        return pd.Series(pd.Categorical(names, categories=order), index=names.index)
    shown = names.where(names.isin(kept), OTHER)
    categories = [level for level in order if level in kept and level != OTHER] + [OTHER]
    return pd.Series(pd.Categorical(shown, categories=categories), index=names.index)


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


def safe_numbers(values: pd.Series, min_count: int) -> dict | None:
    """Summarise numbers without showing anybody's.

    Parameters
    ----------
    values : pandas.Series of float
    min_count : int

    Returns
    -------
    dict or None
        mean, sd, and with four times the threshold median, q1, q3; rounded to a tenth of the
        leading digit of the SD. None with fewer than twice the threshold of values, or where
        all are the same.

    Notes
    -----
    A quantile is the mean of the `min_count` patients around its rank.

    Examples
    --------
    >>> safe_numbers(pd.Series(range(100)), 10)
    {'mean': 50.0, 'sd': 29.0, 'median': 50.0, 'q1': 25.0, 'q3': 75.0, 'decimals': 0}
    """
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
    found = {
        name: float(np.floor(v * 10.0**decimals + 0.5) / 10.0**decimals)
        for name, v in found.items()
    }
    return found | {"decimals": max(decimals, 0)}
