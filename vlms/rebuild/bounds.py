"""What the printed facts allow for a statistic that is not printed.

Outer bounds follow from the boxes of the printed values and from the counts that the audit of the
paper leaves possible: nothing that agrees with the facts lies beyond them. Inner bounds are the
extremes of cohorts that were found by a search which pulls at the statistic: what lies between them
was seen. Where the two meet the bounds are exact.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from vlms.consistency import paper_bounds, printed_share, read_facts
from vlms.rebuild.cohorts import _CHUNK, _chunk, _component_frame, _refuse_contradictions
from vlms.rebuild.problem import EVER, RebuildError, build_problem, split
from vlms.rebuild.search import Search
from vlms.rebuild.statistics import measure, parse_statistic

_STEPS = 1200
# Inner and outer bounds closer than this, relative to the value or to 1, are the same.
_SAME = 1e-3


class Bounds(tuple):
    """``lower, upper, exact``; `kind` is exact, outer or inner, `inner` what cohorts reached."""

    def __new__(cls, lower, upper, exact, inner, kind):
        """Three numbers to unpack, and two attributes."""
        made = super().__new__(cls, (lower, upper, exact))
        made.inner, made.kind = inner, kind
        return made

    @property
    def lower(self):
        """The lower bound."""
        return self[0]

    @property
    def upper(self):
        """The upper bound."""
        return self[1]

    @property
    def exact(self):
        """Whether both are reached."""
        return self[2]

    def __repr__(self):
        low, high = self.inner
        return (
            f"{self[0]:.6g} to {self[1]:.6g} ({self.kind}; cohorts found: {low:.6g} to {high:.6g})"
        )


def bounds(facts, statistic, *, endpoint=None, group=None, cohorts=None, seed=0, effort=1.0):
    """Bound a statistic over all cohorts that print the facts.

    Parameters
    ----------
    facts : path, pandas.DataFrame or Facts
        As for `rebuild`.
    statistic : str or callable
        ``"survival@60"``, ``"std_error@60"``, ``"rmst@60"``, ``"at_risk@60"``, ``"events@60"``,
        ``"median"``, ``"median_follow_up"`` (reverse Kaplan-Meier), ``"log_rank_p"`` or
        ``"hazard_ratio"`` (of the first split into groups: the last part against the first); or a
        function of one cohort's frame that returns a number.
    endpoint, group : str, optional
        Of which endpoint and group; by default the first endpoint, and all.
    cohorts : pandas.DataFrame, optional
        What `rebuild` drew from the same facts: its extremes are the inner bounds, without the
        search that pulls at the statistic.
    seed : int
        Of the search for inner bounds.
    effort : float
        Multiplies its steps.

    Returns
    -------
    Bounds
        ``lower, upper, exact`` and the attributes ``kind`` and ``inner``. ``kind`` "outer": no
        cohort lies beyond, but the ends may not be reached. "inner" (functions, tests of groups):
        cohorts reach these ends, others may lie beyond. A median of infinity is not reached.

    Raises
    ------
    InfeasibleError, RebuildError, FactsError
        As `rebuild`.

    Notes
    -----
    Bounds describe the unprinted values of this sample; they are no confidence limits.

    Examples
    --------
    >>> import pandas as pd
    >>> facts = pd.DataFrame({"kind": ["n", "survival"], "at": ["", "36"], "endpoint": "death",
    ...                       "value": ["12", "100%"]})
    >>> lower, upper, exact = bounds(facts, "survival@24")
    >>> lower, upper, exact
    (1.0, 1.0, True)
    """
    model = read_facts(facts)
    named = not callable(statistic)
    name, at = parse_statistic(statistic) if named else ("", None)
    if cohorts is not None:
        cuts = [cohorts.attrs.get("rounding") != "rounded"]
    else:
        cuts = (False, True) if _refuse_contradictions(model) else (True,)
    for cut in cuts:
        problem = build_problem(model, cut=cut)
        part = next((p for p in split(problem) if group in (None, *p.sizes)), None)
        if part is None:
            raise RebuildError(f"group {group!r} is none of {', '.join(problem.sizes)}")
        endpoint = endpoint or part.endpoints[0]
        if endpoint not in part.endpoints:
            raise RebuildError(f"endpoint {endpoint!r} is none of {', '.join(part.endpoints)}")
        pull = _Pull(part, name, at, statistic, endpoint, group or next(iter(part.roots)))
        inner = pull.extremes(seed, effort) if cohorts is None else pull.seen(cohorts)
        if inner is not None:
            break
    else:
        raise RebuildError("no cohort was found within the steps, which does not prove that there "
                           "is none")  # fmt: skip
    outer = _outer(model, part, name, at, endpoint, pull.group) if named else None
    if outer is None:
        return Bounds(*inner, False, inner, "inner")
    lower, upper = min(outer[0], inner[0]), max(outer[1], inner[1])
    exact = _same(lower, inner[0]) and _same(upper, inner[1])
    return Bounds(lower, upper, exact, inner, "exact" if exact else "outer")


def over_cohorts(cohorts, statistic, *, endpoint=None, group=None, between=None):
    """Work out a statistic in each synthetic cohort.

    Parameters
    ----------
    cohorts : pandas.DataFrame
        What `rebuild` drew, or some of its rows.
    statistic : str or callable
        As for `bounds`, or a function of a cohort's frame.
    endpoint, group : str, optional
        The rows of one endpoint, and of one value of the column ``group`` or of those marked in a
        column of that name.
    between : str, optional
        Column whose values are compared by ``log_rank_p`` and ``hazard_ratio`` (the last, as
        sorted, against the first).

    Returns
    -------
    pandas.Series
        By cohort; NaN where the statistic is not estimated.

    Raises
    ------
    RebuildError
        If the statistic is not known, no row is left, or a group differs in size by cohort.

    Examples
    --------
    >>> import pandas as pd
    >>> drawn = pd.DataFrame({"cohort": [1, 1, 2, 2], "time": [3.0, 9, 5, 8],
    ...                       "event": [True, False, False, False]})
    >>> over_cohorts(drawn, "survival@6").tolist()
    [0.5, 1.0]
    """
    if endpoint is not None and "endpoint" in cohorts:
        cohorts = cohorts[cohorts["endpoint"] == endpoint]
    if group is not None:
        inside = cohorts["group"] == group
        cohorts = cohorts[cohorts[group].eq(True) if group in cohorts else inside]
    if not len(cohorts):
        raise RebuildError(f"no row is of endpoint {endpoint!r} and group {group!r}")
    if callable(statistic):
        found = {number: float(statistic(rows)) for number, rows in cohorts.groupby("cohort")}
        return pd.Series(found, name="value").rename_axis("cohort")
    name, at = parse_statistic(statistic)
    if (name in ("log_rank_p", "hazard_ratio")) != (between is not None):
        raise RebuildError("`between` goes with log_rank_p and hazard_ratio, and they need it")
    sizes = cohorts.groupby("cohort").size()
    if sizes.nunique() > 1:
        raise RebuildError("the size differs by cohort: give a function of one cohort's frame")
    rows = cohorts.sort_values("cohort", kind="stable")
    time, event = (rows[c].to_numpy().reshape(len(sizes), -1) for c in ("time", "event"))
    groups = None
    if between is not None:
        labels = rows[between].to_numpy().reshape(time.shape)
        groups = [labels == level for level in sorted(rows[between].unique())]
    found = measure(name, at, time.astype(float), event.astype(bool), groups)
    return pd.Series(found, index=sizes.index, name="value")


def _same(one, two):
    return one == two or abs(one - two) <= _SAME * max(1.0, abs(one) * 0.1)


class _Pull:
    """Search cohorts in which a statistic is as small, or as large, as the facts allow."""

    def __init__(self, problem, name, at, statistic, endpoint, group):
        self.problem, self.name, self.at = problem, name, at
        self.statistic, self.endpoint, self.group = statistic, endpoint, group
        root = next(iter(problem.roots))
        inside = group if any(w == group for w, _ in problem.parts) else root
        self.parts = next((ps for w, ps in problem.parts if w == inside), ())
        if name in ("log_rank_p", "hazard_ratio") and not self.parts:
            raise RebuildError(f"{name} needs a split into groups; declare one, as # groups: a | b")

    def value(self, chains):
        """The statistic in each chain."""
        if not self.name:
            frame = _component_frame(chains, 0, 0).assign(synthetic=True)
            return np.array(
                [float(self.statistic(cohort)) for _, cohort in frame.groupby("cohort")]
            )
        time, event = chains.time(self.endpoint), chains.event[self.endpoint]
        groups = [chains.member[p] for p in self.parts] if self.parts else None
        size = self.problem.sizes[self.group]
        if size < time.shape[1] and self.name not in ("log_rank_p", "hazard_ratio"):
            mask = chains.member[self.group]
            order = np.argsort(~mask, axis=1, kind="stable")[:, :size]
            time, event = (np.take_along_axis(a, order, axis=1) for a in (time, event))
        found = measure(self.name, self.at, time, event, groups)
        if self.name in ("median", "median_follow_up"):
            return np.where(np.isnan(found), np.inf, found)
        return found

    def seen(self, cohorts):
        """The smallest and the largest value of cohorts that were drawn before."""
        root = next(iter(self.problem.roots))
        if first := next((ps for w, ps in self.problem.parts if w == root), ()):
            cohorts = cohorts[cohorts["group"].isin(first)]
        group = None if self.group == root else self.group
        between = "group" if self.name in ("log_rank_p", "hazard_ratio") else None
        options = {"endpoint": self.endpoint, "group": group, "between": between}
        found = over_cohorts(cohorts, self.statistic, **options)
        if self.name in ("median", "median_follow_up"):
            found = found.fillna(np.inf)
        if not found.notna().any():
            raise RebuildError("the statistic is not estimated in any of the cohorts")
        return float(found.min()), float(found.max())

    def extremes(self, seed, effort):
        """The smallest and the largest value of the cohorts found; None without any."""
        size = min(_CHUNK, 32)
        start, _, _ = _chunk(self.problem, size, (seed, 0, 0), effort)
        if start is None:
            return None
        first = self.value(start)
        known = first[~np.isnan(first)]
        if not known.size:
            raise RebuildError("the statistic is not estimated in any cohort that was found")
        finite = known[np.isfinite(known)]
        scale = max(float(finite.std()) if finite.size else 1.0, 1e-6)
        lower, upper = known.min(), known.max()
        steps = int((_STEPS if self.name else 150) * effort)
        for sign in (-1, 1):
            chains = start.copy()
            chains.take(np.arange(size))
            search = _Pulled(chains, self, sign, scale, first)
            search.climb(steps)
            best = search.best[~np.isnan(search.best)]
            lower, upper = min(lower, best.min()), max(upper, best.max())
        return float(lower), float(upper)


class _Pulled(Search):
    """A search that also pulls a statistic to one side."""

    def __init__(self, chains, pull, sign, scale, first):
        super().__init__(chains)
        self.pull, self.sign, self.scale = pull, sign, scale
        self.now, self.best = first.copy(), first.copy()
        edges = {d.at for d in self.problem.demands if math.isfinite(d.at)} | {pull.at or 0} - {0}
        near = [(t * (1 - 1e-5), t * (1 - 1e-7)) for t in edges if t]
        near += [(t * (1 + 1e-7), t * (1 + 1e-5)) for t in edges if t]
        for endpoint in ("", *self.problem.endpoints):
            self.windows.setdefault(endpoint, []).extend(near)

    def climb(self, steps):
        """Pull, hotter first."""
        for step in range(steps):
            self._step(0.5 * 0.02 ** (step / steps))

    def _height(self, value):
        return np.clip(np.nan_to_num(self.sign * value / self.scale, posinf=1e3, neginf=-1e3),
                       -1e3, 1e3)  # fmt: skip

    def _accept(self, new, touched, groups, heat):
        chains, before = self.chains, self.off
        off = self._moved(new, touched, groups)
        value = self.pull.value(new)
        lost = np.isnan(value)
        change = 3 * (off.sum(axis=1) - before.sum(axis=1))
        change = change - (self._height(value) - self._height(self.now))
        draw = self.rng.random(len(change))
        taken = ~lost & ((change <= 0) | (draw < np.exp(-change.clip(0, 50) / heat)))
        self._take_over(chains, new, off, taken)
        self.now = np.where(taken, value, self.now)
        fits = taken & (self.off.sum(axis=1) <= 0)
        pick = np.fmax if self.sign > 0 else np.fmin
        self.best = np.where(fits, pick(self.best, value), self.best)


# --- Outer bounds ---------------------------------------------------------------------------------


def _outer(model, problem, name, at, endpoint, group):
    """Bounds that nothing which agrees with the facts lies beyond; None where there are none."""
    if name in ("log_rank_p", "hazard_ratio"):
        return None
    n = problem.sizes[group]
    knots = _envelope(problem, endpoint, group)
    times = sorted({t for t, _, _ in knots} | ({at} if at else set()))
    counts = _Counts(model, endpoint, group, n, times)
    low = {t: max(_low(knots, t), counts.lowest(t)) for t in times}
    high = {t: min(_high(knots, t), counts.highest(t)) for t in times}
    if name == "survival":
        return low[at], high[at]
    if name == "events":
        return counts.range("events", at)
    if name == "at_risk":
        earlier = [t for t in times if t < at]
        least = counts.range("left", earlier[-1])[0] if earlier else 0
        return n - counts.range("left", at)[1], n - least
    if name == "std_error":
        ends = [low[at], high[at]] + [0.5] * (low[at] < 0.5 < high[at])
        spread = [math.sqrt(s * (1 - s)) for s in ends]
        left = max(n - counts.range("left", at)[1], 1)
        return min(spread) / math.sqrt(n), max(spread) / math.sqrt(left)
    if name == "rmst":
        edges = [0.0, *[t for t in times if t <= at]]
        gaps = list(zip(edges, edges[1:], strict=False))
        most = sum((b - a) * (high[a] if a else 1.0) for a, b in gaps)
        return sum((b - a) * low[b] for a, b in gaps), most
    reach = _reach(problem, group)
    if name == "median_follow_up":
        return reach[0], EVER
    early = [t for t in times if low[t] > 0.5 + 1e-9]
    late = [t for t in times if high[t] < 0.5 - 1e-9]
    # At one half exactly a median is the middle of a stretch, which may end at the next event.
    return (early[-1] if early else reach[0]), (late[0] if late else EVER)


def _envelope(problem, endpoint, group):
    """Times at which S is bounded by what is printed of the same curve."""
    found = {}
    for d in problem.demands:
        if (d.group, d.endpoint) != (group, endpoint):
            continue
        if d.kind == "survival":
            low, high = found.get(d.at, (0.0, 1.0))
            found[d.at] = max(low, d.low), min(high, d.high)
        elif d.kind == "median":
            ends = [t for t in (d.low, d.high) if math.isfinite(t)]
            for t, box in zip(ends, ((0.5, 1.0), (0.0, 0.5)), strict=False):
                low, high = found.get(t, (0.0, 1.0))
                found[t] = max(low, box[0]), min(high, box[1])
    return [(t, *found[t]) for t in sorted(found)]


def _low(knots, at):
    return max([low for t, low, _ in knots if t >= at] or [0.0])


def _high(knots, at):
    return min([high for t, _, high in knots if t <= at] or [1.0])


def _reach(problem, group):
    """The shortest and the longest follow-up that are possible."""
    low, high = 0.0, EVER
    for d in problem.demands:
        if d.group in (group, *problem.roots):
            low = d.low if d.kind == "follow_up_minimum" else low
            high = d.high if d.kind == "follow_up_maximum" else high
    return low, high


class _Counts:
    """Bounds of events, censored and those who left, by each time of interest."""

    def __init__(self, model, endpoint, group, n, times):
        self.endpoint, self.group, self.n = endpoint, group, n
        facts = dict(model.facts)
        some = next(f for f in model)
        for place, t in enumerate(times):
            # A survival of at most 100% says nothing but that there is such a time.
            facts[f" {place}"] = replace(
                some, id=f" {place}", kind="survival", group=group, endpoint=endpoint, at=t,
                value=printed_share("≤100%"), lower=None, upper=None, p=None, variable="",
            )  # fmt: skip
        self.bounds = paper_bounds(replace(model, facts=facts))

    def range(self, what, at):
        """The fewest and the most, by this time."""
        name = (what, self.group, self.endpoint, at)
        most = self.bounds.most(name)[0]
        return self.bounds.least(name)[0], self.n if most is None else min(most, self.n)

    def lowest(self, at):
        """S when all censored leave first."""
        events, censored = self.range("events", at)[1], self.range("censored", at)[1]
        if not events:
            return 1.0
        censored = min(censored, self.n - events)
        return max(0.0, 1 - events / (self.n - censored)) if censored < self.n else 0.0

    def highest(self, at):
        """S when all censored leave last."""
        return 1 - self.range("events", at)[0] / self.n
