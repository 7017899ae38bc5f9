"""All printed numbers of a paper together: which sets of them cannot be true at once?

Every count that a paper prints or implies (patients, events, censored, still observed, by group,
endpoint and time) is an unknown whole number between bounds; printed counts, survivals, medians,
numbers at risk, parts and subsets, nested endpoints are linear inequalities between them. Bounds
are tightened until nothing moves, and each remembers which facts it rests on. The single checks of
the folder then run with what the bounds leave: "9 of 12 relapsed, so at most 3 were censored".

With N patients, S in the printed box [a, b], E events and C censored by then: E ≤ (1 − a) N, as
when all are censored last, and E ≥ (1 − b)(N − C), as when all are censored first.

A contradiction names facts. Each of them is taken out in turn and everything is run again, until
the rest would be possible without any one of them: such a set is smallest. Fewer facts never make
a contradiction, so that a set stands on its own. Nothing here assumes proportional hazards.

Printed limits of a Kaplan-Meier estimate: the at-risk number at time t is at most N S(t−), since
the censored hand on their mass, hence Greenwood's Var/S² is at least (1/S − 1)/N, and with R at
risk at most (1/S − 1)/R. So limits can be too narrow for N and too wide for R, whatever the
interval (plain, log, log-log, logit, arcsine, and the binomial ones of an effective size).

Sources: Kaplan and Meier, J Am Stat Assoc 1958;53:457; Davis, Artif Intell 1987;32:281 (tightening
bounds); Mallows, Am Stat 1991;45:257 (|mean − median| ≤ SD).
"""

import math
from collections import deque
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, pairwise
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy import stats

from vlms.consistency.curves import _box as survival_box
from vlms.consistency.curves import (
    _fewest_by_events,
    _search_histories,
    curve_check,
)
from vlms.consistency.facts import as_date, read_facts
from vlms.consistency.finding import Finding, printed_box, printed_share
from vlms.consistency.ratios import hazard_ratio_check
from vlms.consistency.shares import mean_check, percentage_check, sd_check
from vlms.printed import Printed, print_p

_EVER = math.inf
_SLACK = 1e-7
# Sizes above these are bounded by inequalities alone.
_MOST_SEARCHED, _MOST_MIXED = 300, 90
_ALL = "all patients of a group are in each of its analyses, each at most once"
_CURVE = "survival is by Kaplan-Meier, unweighted, from the start (no delayed entry)"
_RELATED = "groups and endpoints are related as the header declares"
_PLAIN = "the median follow-up is that of the time observed of all patients"
_DEATHS = ("overall_survival", "os", "death", "all_cause_mortality", "all_cause_death")
_TESTS = ("chi", "fisher", "yates", "likelihood", "trend")


def check_paper(facts):
    """Find the smallest sets of printed numbers that cannot hold together.

    Parameters
    ----------
    facts : path or pandas.DataFrame
        A facts.csv (`vlms.consistency.facts`), or a frame of text with its columns.

    Returns
    -------
    pandas.DataFrame
        A row for each fact of each finding: set (1, 2, …; NA where nothing is contradicted), fact
        (its id), verdict (a `Finding`'s), statement and assumptions; contradictory sets first,
        then undetermined, rounding, consistent. `.attrs`: ``name``, ``facts`` and ``checks``.

    Raises
    ------
    FactsError
        With all problems of the facts, by line.

    Notes
    -----
    All verdicts hold over every true value that prints as given, rounded or cut off. It is assumed
    that all patients of a group are in each of its analyses (say otherwise by an ``n`` with an
    endpoint), that survival is a Kaplan-Meier estimate, and what the header declares. Of a hazard
    ratio the number of events decides only where its covariate is declared as binary. With
    ``# source: abstract`` nothing is contradictory.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame([("n", "", "12"), ("events", "", "9"), ("survival", "36", "77.9%"),
    ...     ("survival", "60", "39.0%")], columns=["kind", "at", "value"], dtype=str)
    >>> found = check_paper(frame.assign(endpoint="relapse"))
    >>> found[["set", "fact", "verdict"]].values.tolist()[:2]
    [[1, '1', 'contradictory'], [1, '2', 'contradictory']]
    >>> print(found["statement"][0])
    9 events leave at most 3 censored. No history of 12 patients has a Kaplan-Meier estimate of \
77.9% with at most 3 censored by then.
    """
    model = read_facts(facts)
    own = _sizes_of_endpoints(model)
    found = _checks(model, own)
    sets = []
    for ids, finding in found:
        if finding.contradictory and not any(known <= ids for known, _ in sets):
            smallest, finding = _smallest(model, own, ids, finding)
            sets = [(known, f) for known, f in sets if not smallest <= known]
            sets.append((smallest, finding))
    abstract = model.source == "abstract"
    order, rows = {key: place for place, key in enumerate(model.facts)}, []

    def add(number, ids, finding, verdict=None):
        assumed = "; ".join(finding.assumptions)
        for key in sorted(ids, key=order.get):
            row = (number, key, verdict or finding.verdict, finding.statement, assumed)
            rows.append(row)

    for number, (ids, finding) in enumerate(sets, start=1):
        if abstract:
            words = f"Not reconcilable from the abstract: {finding.statement}"
            add(pd.NA, ids, Finding("undetermined", words, "", finding.assumptions))
        else:
            add(number, ids, finding)
    for verdict in ("undetermined", "rounding", "consistent"):
        for ids, finding in found:
            if finding.verdict == verdict:
                add(pd.NA, ids, finding)
    frame = pd.DataFrame(rows, columns=["set", "fact", "verdict", "statement", "assumptions"])
    frame["set"] = frame["set"].astype("Int64")
    frame.attrs |= {"name": model.name, "facts": len(model), "checks": len(found)}
    return frame


def paper_bounds(model):
    """The bounds of every count of a paper that its facts leave, before any single check."""
    return _Bounds(model, _sizes_of_endpoints(model))


def pinned(values, *, mean=None, sd=None):
    """How far can each value move, alone, before the printed mean or SD breaks?

    Parameters
    ----------
    values : sequence of float
        A column of a table of patients, without missing values.
    mean, sd : str, optional
        As printed; digits may have been cut off. The SD has the divisor n − 1.

    Returns
    -------
    pandas.DataFrame
        value, lowest and highest: the range in which this value alone can lie. NA where not even
        the value itself fits.

    Examples
    --------
    >>> pinned([2, 4, 9], mean="5.0").round(2).values.tolist()
    [[2.0, 1.85, 2.3], [4.0, 3.85, 4.3], [9.0, 8.85, 9.3]]
    """
    values = np.asarray(values, dtype=float)
    n, rows = len(values), []
    if n < 2 or not np.isfinite(values).all():
        raise ValueError("give two values at least, none missing")
    for place, value in enumerate(values):
        rest = np.delete(values, place)
        low, high = -math.inf, math.inf
        if mean is not None:
            box = printed_box(mean, truncated=True)
            low, high = box[0] * n - rest.sum(), box[1] * n - rest.sum()
        if sd is not None:
            # (n − 1) SD² = rest's squares + (n − 1)/n (x − rest's mean)², a parabola in x.
            box = printed_box(sd, truncated=True, smallest=0)
            around = ((rest - rest.mean()) ** 2).sum()
            spread = [((n - 1) * end**2 - around) * n / (n - 1) for end in box]
            far = math.sqrt(spread[1]) if spread[1] >= 0 else math.nan
            near = math.sqrt(max(spread[0], 0))
            side = 1 if value >= rest.mean() else -1
            ends = sorted((rest.mean() + side * near, rest.mean() + side * far))
            ends = (rest.mean() - far, rest.mean() + far) if near == 0 else ends
            low, high = max(low, ends[0]), min(high, ends[1])
        fits = low - 1e-9 <= value <= high + 1e-9
        rows.append((value, low, high) if fits else (value, math.nan, math.nan))
    return pd.DataFrame(rows, columns=["value", "lowest", "highest"])


def _sizes_of_endpoints(model):
    """Groups that have an n of their own for an endpoint; it stays one where that n is left out."""
    sizes = {}
    for fact in model.of_kind("n"):
        sizes.setdefault(fact.group, set()).add(fact.value.value)
    several = {group for group, numbers in sizes.items() if len(numbers) > 1}
    return frozenset((f.group, f.endpoint) for f in model.of_kind("n") if f.group in several)


# --- Sets -----------------------------------------------------------------------------------------


def _smallest(model, own, ids, finding):
    """Take out facts as long as the rest stays contradictory; the set and what is found of it."""
    kept = set(ids)
    for key in sorted(ids, key=lambda key: -model.facts[key].line):
        if len(kept) > 1 and _contradiction(model, own, kept - {key}):
            kept -= {key}
    again = _contradiction(model, own, kept)
    return (frozenset(kept), again[1]) if again else (ids, finding)


def _contradiction(model, own, ids):
    """The first contradiction among these facts alone."""
    found = _checks(model.only(ids), own)
    return next(((ids, f) for ids, f in found if f.contradictory), None)


def _checks(model, own):
    """Every check whose inputs exist: pairs of the facts it rests on and its finding."""
    bounds = _Bounds(model, own)
    found = [*bounds.conflicts]
    for check in (
        _searches, _mixtures, _curves, _limits, _shares, _ratios, _tables, _ranges, _dates, _rates,
    ):  # fmt: skip
        found += check(model, bounds)
    touched = frozenset().union(*(ids for ids, _ in found)) if found else frozenset()
    counted = [f for f in model if f.kind in ("n", "events", "censored", "at_risk", "count")]
    counted = [f for f in counted if f.id not in touched]
    found += [(frozenset([f.id]), Finding("consistent", f"{f} fits the rest.")) for f in counted]
    return found


# --- Bounds ---------------------------------------------------------------------------------------


class _Bounds:
    """Lower and upper bounds of every count, and the facts that each rests on.

    Counts are named by tuples: ("n", group, endpoint), ("events" | "censored" | "left", group,
    endpoint, time) and ("count", group, variable, level, total).
    """

    def __init__(self, model, own):
        self.model, self.own, self.bound, self.rules, self.conflicts = model, own, {}, [], []
        self.texts, self._by_name = [], {}
        times = {}
        for fact in model:
            if fact.endpoint:
                found = times.setdefault(fact.endpoint, {_EVER})
                found |= {fact.at} | ({_ends(fact)[1]} if _is_median(fact) else set())
        self.times = {endpoint: sorted(found) for endpoint, found in times.items()}
        self.deaths = {e for e in times if e in _DEATHS or e.endswith("specific_survival")}
        self.deaths |= {b for a, b in model.nested if a in _DEATHS}
        self._families()
        self._facts()
        self._relations()
        self._tighten()

    def exactly(self, name):
        """The number, where only one is left, and what it rests on."""
        low, why_low, high, why_high = self.bound.get(name, (0, frozenset(), _EVER, frozenset()))
        return (int(low), why_low | why_high) if low == high else (None, frozenset())

    def most(self, name):
        """The upper bound and what it rests on."""
        _, _, high, why = self.bound.get(name, (0, frozenset(), _EVER, frozenset()))
        return (None if math.isinf(high) else int(high)), why

    def least(self, name):
        """The lower bound and what it rests on."""
        low, why, _, _ = self.bound.get(name, (0, frozenset(), _EVER, frozenset()))
        return int(low), why

    def size(self, group, endpoint=""):
        """The name of the number of patients in an analysis."""
        return "n", group, endpoint if (group, endpoint) in self.own else ""

    def _rule(self, terms, least, why=(), text=""):
        """Note that the sum of coefficient × count is at least so much."""
        joined = {}
        for name, factor in terms:
            joined[name] = joined.get(name, 0) + factor
            self.bound.setdefault(name, (0, frozenset(), _EVER, frozenset()))
        self.rules.append(([(n, f) for n, f in joined.items() if f], least, frozenset(why), text))

    def _is(self, name, value, fact):
        self._rule([(name, 1)], value, [fact.id])
        self._rule([(name, -1)], -value, [fact.id])

    def _families(self):
        """Each group with an endpoint, and the groups that it is related to."""
        related = [{whole, *parts} for whole, parts in self.model.parts]
        related += [set(pair) for pair in self.model.subsets]
        self.groups = {}
        for endpoint in self.times:
            found = {f.group for f in self.model if f.endpoint == endpoint}
            for _ in related:
                found |= {g for family in related if family & found for g in family}
            self.groups[endpoint] = found
        for endpoint, groups in self.groups.items():
            for group in groups:
                n = self.size(group, endpoint)
                if n[2]:
                    self._rule([(self.size(group), 1), (n, -1)], 0)
                for time in self.times[endpoint]:
                    e, c, left = self._three(group, endpoint, time)
                    self._rule([(left, 1), (e, -1), (c, -1)], 0)
                    self._rule([(left, -1), (e, 1), (c, 1)], 0)
                    self._rule([(n, 1), (left, -1)], 0)
                self._rule([(self._three(group, endpoint, _EVER)[2], 1), (n, -1)], 0)
                for early, late in pairwise(self.times[endpoint]):
                    for before, after in zip(
                        self._three(group, endpoint, early),
                        self._three(group, endpoint, late),
                        strict=True,
                    ):
                        self._rule([(after, 1), (before, -1)], 0)

    def _three(self, group, endpoint, time):
        return [(what, group, endpoint, time) for what in ("events", "censored", "left")]

    def _facts(self):
        """What each fact says of the counts."""
        for fact in self.model:
            kind, group, endpoint = fact.kind, fact.group, fact.endpoint
            n = self.size(group, endpoint)
            if kind == "n":
                self._is(n, fact.value.value, fact)
            elif kind in ("events", "censored"):
                self._is((kind, group, endpoint, fact.at), fact.value.value, fact)
            elif kind == "at_risk":
                gone = ("left", group, endpoint, fact.at)
                self._rule([(gone, 1), (n, -1)], -fact.value.value, [fact.id])
                for time in [t for t in self.times[endpoint] if t < fact.at]:
                    gone = ("left", group, endpoint, time)
                    self._rule([(n, 1), (gone, -1)], fact.value.value, [fact.id])
            elif kind == "survival":
                low, high = survival_box(fact.value, True)
                self._survives(fact, low, high, fact.at)
            elif _is_median(fact):
                low, high = _ends(fact)
                if fact.reached:
                    self._survives(fact, 0, 0.5, high)
                for time in [t for t in self.times[endpoint] if t < low]:
                    e = ("events", group, endpoint, time)
                    self._rule([(n, 0.5), (e, -1)], -_SLACK, [fact.id])
            elif kind == "count" and fact.variable != "person_years":
                name = ("count", group, fact.variable, fact.level, fact.total)
                self._is(name, fact.value.value, fact)
                if fact.total:
                    self._rule([(name, -1)], -fact.total, [fact.id])
                    if fact.variable != "tests":
                        self._rule([(("n", group, ""), 1)], fact.total, [fact.id])
                elif fact.variable != "tests":
                    self._rule([(("n", group, ""), 1), (name, -1)], 0)
            plain = self.model.plain_follow_up and fact.variable == "follow_up"
            if plain and fact.kind == "median" and fact.scale and fact.reached:
                low = _ends(fact)[0]
                for e, times in self.times.items():
                    for time in [t for t in times if t < low and group in self.groups[e]]:
                        what = "left" if e in self.deaths else "censored"
                        name = (what, group, e, time)
                        n = self.size(group, e)
                        self._rule([(n, 0.5), (name, -1)], -_SLACK, [fact.id], _PLAIN)

    def _survives(self, fact, low, high, time):
        """E ≤ (1 − a) N and E ≥ (1 − b)(N − C)."""
        e, c, _ = self._three(fact.group, fact.endpoint, time)
        n = self.size(fact.group, fact.endpoint)
        self._rule([(n, 1 - low), (e, -1)], -_SLACK, [fact.id], _CURVE)
        self._rule([(e, 1), (c, 1 - high), (n, high - 1)], -_SLACK, [fact.id], _CURVE)

    def _relations(self):
        """Parts and wholes, subsets, nested endpoints, levels."""
        model = self.model
        counts = {name for name in self.bound if name[0] == "count" and name[2] != "tests"}
        alike = {}
        for name in counts:
            alike.setdefault((name[1], name[2], name[3]), []).append(name)
        single = {key: names[0] for key, names in alike.items() if len(names) == 1}
        for whole, parts in model.parts:
            for name in self._shared([whole, *parts]):
                sums = [((name[0], part, *name[1:]), 1) for part in parts]
                self._rule([*sums, ((name[0], whole, *name[1:]), -1)], 0, (), _RELATED)
                back = [(own, -1) for own, _ in sums]
                self._rule([*back, ((name[0], whole, *name[1:]), 1)], 0, (), _RELATED)
        within = [*model.subsets, *((p, whole) for whole, parts in model.parts for p in parts)]
        for part, whole in within:
            rest = [(("n", whole, ""), 1), (("n", part, ""), -1)]
            self._rule(rest, 0, (), _RELATED)
            for name in self._shared([part, whole]):
                inner, outer = (name[0], part, *name[1:]), (name[0], whole, *name[1:])
                self._rule([(outer, 1), (inner, -1)], 0, (), _RELATED)
                if name[0] != "n":
                    self._rule([*rest, (outer, -1), (inner, 1)], 0, (), _RELATED)
            for group, variable, level in single:
                outer = single.get((whole, variable, level))
                if group == part and outer:
                    inner = single[group, variable, level]
                    self._rule([(outer, 1), (inner, -1)], 0, (), _RELATED)
                    self._rule([*rest, (outer, -1), (inner, 1)], 0, (), _RELATED)
        for first, second in model.nested:
            for group in self.groups.get(first, set()) & self.groups.get(second, set()):
                more, fewer = ("events", group, first, _EVER), ("events", group, second, _EVER)
                if self.size(group, first) == self.size(group, second):
                    self._rule([(more, 1), (fewer, -1)], 0, (), _RELATED)
        for variable, levels in model.levels.items():
            totals = {(f.group, f.total) for f in model if f.variable == variable and f.total}
            for group, total in totals:
                why = [f for f in model.of_kind("count") if f.variable == variable]
                why = [f for f in why if (f.group, f.total) == (group, total)]
                known = [f for f in why if f.level in levels]
                names = {f.level: ("count", group, variable, f.level, total) for f in known}
                ids = [known[0].id] if known else []
                terms = [(name, -1) for name in names.values()]
                if len(names) > 1:
                    self._rule(terms, -total, ids, _RELATED)
                if set(names) == set(levels):
                    self._rule([(name, 1) for name in names.values()], total, ids, _RELATED)
            for group in {group for group, _ in totals}:
                asked = {
                    f.total: f
                    for f in model.of_kind("count")
                    if (f.group, f.variable) == (group, variable) and f.total
                }
                for (one, a), (two, b) in combinations(asked.items(), 2):
                    if {a.level, b.level} <= set(levels):
                        words = f"{variable} is known of {one} patients or of {two}, not of both"
                        self._conflict({a.id, b.id}, words, [_RELATED])

    def _shared(self, groups):
        """The counts, without their group, that some of these groups have."""
        if any(("n", g, "") in self.bound for g in groups):
            yield ("n", "")
        for endpoint, found in self.groups.items():
            if set(groups) <= found and not any((g, endpoint) in self.own for g in groups):
                for time in self.times[endpoint]:
                    yield from (
                        ("events", endpoint, time),
                        ("censored", endpoint, time),
                        ("left", endpoint, time),
                    )

    def _conflict(self, ids, words, assumptions=()):
        listed = "; ".join(str(f) for f in self.model if f.id in ids)
        statement = f"{listed}: these cannot all be true, for {words}."
        if len(ids) == 1:
            statement = f"{listed} cannot be true, for {words}."
        assumed = tuple(dict.fromkeys([_ALL, *(a for a in assumptions if a)]))
        self.conflicts.append((frozenset(ids), Finding("contradictory", statement, "", assumed)))

    def _tighten(self):
        """Tighten all bounds by all rules until nothing moves, or enough was tried."""
        uses = {}
        for place, (terms, *_) in enumerate(self.rules):
            for name, _ in terms:
                uses.setdefault(name, []).append(place)
        waiting, queued = deque(range(len(self.rules))), set(range(len(self.rules)))
        left, broken = 40 * len(self.rules), set()
        while waiting and left:
            left -= 1
            place = waiting.popleft()
            queued.discard(place)
            for name in self._apply(place, broken):
                for other in uses[name]:
                    if other not in queued:
                        queued.add(other)
                        waiting.append(other)

    def _apply(self, place, broken):
        """Tighten by one rule; the names whose bounds moved."""
        terms, least, why, text = self.rules[place]
        tops, open_at, total = [], [], 0.0
        for name, factor in terms:
            low, why_low, high, why_high = self.bound[name]
            top, reason = (factor * high, why_high) if factor > 0 else (factor * low, why_low)
            tops.append((top, reason))
            if math.isinf(top):
                open_at.append(name)
            else:
                total += top
        if len(open_at) > 1:
            return []
        moved = []
        for (name, factor), (top, _) in zip(terms, tops, strict=True):
            if open_at and name != open_at[0]:
                continue
            rest = total if open_at else total - top
            limit = (least - rest) / factor
            low, why_low, high, why_high = self.bound[name]
            reason = None
            if factor > 0 and math.ceil(limit - _SLACK) > low:
                value = math.ceil(limit - _SLACK)
                reason = why.union(
                    *(r for (n, _), (_, r) in zip(terms, tops, strict=True) if n != name)
                )
                new, at_most, ids = (value, reason, high, why_high), high, reason | why_high
                fits = value <= high
            elif factor < 0 and math.floor(limit + _SLACK) < high:
                value = math.floor(limit + _SLACK)
                reason = why.union(
                    *(r for (n, _), (_, r) in zip(terms, tops, strict=True) if n != name)
                )
                new, at_most, ids = (low, why_low, value, reason), value, reason | why_low
                fits = low <= value
            if reason is None:
                continue
            if fits:
                self.bound[name] = new
                moved.append(name)
            elif name not in broken:
                broken.add(name)
                at_least = value if factor > 0 else low
                words = f"{_words(name)} would be at least {at_least:g} and at most {at_most:g}"
                if at_most < 0:
                    words = f"{_words(name)} would be fewer than none"
                self._conflict(ids, words, self._texts(ids, text))
            if moved:
                break
        # A bound that moved changes the sum: the rule is looked at again.
        return moved

    def _texts(self, ids, text):
        found = [t for _, _, why, t in self.rules if t and why and why <= ids]
        found += [_RELATED] if self.model.parts or self.model.subsets else []
        return [*dict.fromkeys([*found, text])]


def _words(name):
    """A count in words."""
    if name[0] == "count":
        return f"the number with {name[2]} {name[3]} in {name[1]}".replace("  ", " ")
    if name[0] == "n":
        return f"the number of patients in {name[1]}"
    what = {"events": "events", "censored": "censored", "left": "no longer observed"}[name[0]]
    when = "" if math.isinf(name[3]) else f" by {name[3]:g}"
    return f"the number of {what} in {name[1]}{when} ({name[2].replace('_', ' ')})"


def _is_median(fact):
    """Whether this is the median of a survival curve."""
    among = "among" in fact.note.lower()
    return fact.kind == "median" and bool(fact.endpoint) and fact.scale and not among


def _ends(fact):
    """The ends of a measure's box in the unit of the file; a median not reached is beyond all."""
    if not fact.reached:
        return _EVER, _EVER
    low, high = printed_box(fact.value, truncated=True)
    return low * fact.scale, high * fact.scale


# --- Survival -------------------------------------------------------------------------------------


@lru_cache(maxsize=20_000)
def _survival(n, texts, censored, events):
    """Whether some history gives these survivals, by a search of limited effort."""
    shares = [printed_share(text) for text in texts]
    what = f"a Kaplan-Meier estimate of {' then '.join(texts)}"
    limits = {"most_censored": censored, "most_events": events}
    effort = {"budget": 60_000, "plans": 2_000, "effort": 20_000}
    for verdict, cut in (("consistent", False), ("rounding", True)):
        boxes = [survival_box(share, cut) for share in shares]
        search = _search_histories(n, boxes, **limits, **effort)
        if search.histories:
            only = " if digits were cut off" if cut else ""
            return Finding(verdict, f"There are histories of {n} patients with {what}{only}.")
        if not search.impossible:
            words = f"No history of {n} patients with {what} was found, but not all were tried."
            return Finding("undetermined", words)
    told = [] if censored is None else [f"at most {censored} censored"]
    told += [] if events is None else [f"at most {events} {'event' if events == 1 else 'events'}"]
    under = f" with {' and '.join(told)} by then" if told else ""
    return Finding("contradictory", f"No history of {n} patients has {what}{under}.")


@lru_cache(maxsize=20_000)
def _fewest(n, boxes):
    """The fewest censored by number of events; nothing is known without a box."""
    if not boxes:
        return np.zeros(n + 1)
    return _fewest_by_events(n, list(boxes), budget=40_000, effort=2_000)


def _by_curve(model):
    """The survivals of each curve in order of time."""
    found = {}
    for fact in sorted(model.of_kind("survival"), key=lambda fact: fact.at):
        found.setdefault((fact.group, fact.endpoint), []).append(fact)
    return found


def _searches(model, bounds):
    """Survivals of one curve against its size, with the events and censored that are left."""
    for (group, endpoint), curve in _by_curve(model).items():
        n, why = bounds.exactly(bounds.size(group, endpoint))
        ids = frozenset(fact.id for fact in curve)
        times = [fact.at for fact in curve]
        once = [f for i, f in enumerate(curve) if f.at not in times[:i]]
        if not n:
            words = f"The size of {group} is not known: nothing limits its survival."
            yield ids, Finding("undetermined", words)
            continue
        if n > _MOST_SEARCHED:
            continue
        last = once[-1].at
        (censored, c_why), (events, e_why) = (
            bounds.most((what, group, endpoint, last)) for what in ("censored", "events")
        )
        told = n if censored is None else censored, n if events is None else events
        # As text: 65% and 65.0% are equal as numbers.
        texts = tuple(fact.value.text for fact in once)
        plain = _survival(n, texts, None, None)
        total, t_why = bounds.least(("events", group, endpoint, _EVER))
        lead = ""
        if plain.contradictory:
            finding, rests = plain, why
        else:
            finding, rests = _survival(n, texts, *told), why | c_why | e_why
            if finding.contradictory and total and told[0] == n - total:
                lead = f"{total} events leave at most {told[0]} censored. "
                alone = _survival(n, texts, told[0], None)
                if alone.contradictory:
                    finding, rests = alone, why | c_why | t_why
            if not finding.contradictory and n <= _MOST_MIXED:
                tight = _joint(bounds, group, endpoint, last, n, once)
                if tight:
                    yield tight[0] | ids | rests, tight[1]
                    continue
        assumed = (_ALL, _CURVE)
        words = lead + finding.statement
        if not finding.contradictory:
            finding = plain if plain.verdict != "undetermined" else finding
            words, rests = finding.statement, why
        yield ids | rests, Finding(finding.verdict, words, finding.arithmetic, assumed)


def _joint(bounds, group, endpoint, time, n, curve):
    """Events and censored together: whether some pair of them gives the curve."""
    boxes = tuple(survival_box(fact.value, True) for fact in curve)
    left, why = bounds.most(("left", group, endpoint, time))
    if left is None or left >= n:
        return None
    feasible, rests = _pairs(bounds, group, endpoint, time, _fewest(n, boxes))
    if feasible:
        return None
    shown = " then ".join(fact.value.text for fact in curve)
    words = (
        f"At most {left} of {n} patients had left by {time:g}, by event or censoring: no number of "
        f"events among them gives {shown}."
    )
    return why | rests, Finding("contradictory", words, "", (_ALL, _CURVE, *_plainly(bounds)))


def _plainly(bounds):
    return (_PLAIN,) if bounds.model.plain_follow_up else ()


def _pairs(bounds, group, endpoint, time, needed):
    """Whether some number of events leaves room for the censored that it needs; and on what."""
    most, c_why = bounds.most(("censored", group, endpoint, time))
    left, l_why = bounds.most(("left", group, endpoint, time))
    low, low_why = bounds.least(("events", group, endpoint, time))
    high, high_why = bounds.most(("events", group, endpoint, time))
    events = np.arange(len(needed))
    room = np.full(len(needed), np.inf)
    room = np.minimum(room, np.inf if most is None else most)
    room = np.minimum(room, np.inf if left is None else left - events)
    fits = (needed <= room) & (events >= low) & (events <= (len(needed) if high is None else high))
    return bool(fits.any()), c_why | l_why | low_why | high_why


def _mixtures(model, bounds):
    """Survival of the parts against that of the whole, with who can have been censored."""
    curves = _by_curve(model)
    for whole, parts in model.parts:
        for (group, endpoint), curve in curves.items():
            if group != whole:
                continue
            n, rests = bounds.exactly(bounds.size(whole, endpoint))
            if not n or n > _MOST_MIXED:
                continue
            sizes = [bounds.exactly(bounds.size(part, endpoint)) for part in parts]
            if any(size is None for size, _ in sizes) or sum(size for size, _ in sizes) != n:
                continue
            for fact in curve:
                ids, own = {fact.id}, []
                for part, (size, why) in zip(parts, sizes, strict=True):
                    known = [f for f in curves.get((part, endpoint), []) if f.at <= fact.at]
                    # A survival at an earlier time bounds the fewest censored by then, too.
                    known = known if known and known[-1].at == fact.at else []
                    boxes = tuple(survival_box(f.value, True) for f in known)
                    own.append(_fewest(size, boxes) if size else np.zeros(1))
                    ids |= {f.id for f in known}
                    rests |= why
                if len(ids) == 1:
                    continue
                summed = own[0]
                for more in own[1:]:
                    both = summed[:, None] + more[None, :]
                    diagonals = range(1 - len(summed), len(more))
                    summed = np.array([both[::-1].diagonal(k).min() for k in diagonals])
                needed = np.maximum(summed, _fewest(n, (survival_box(fact.value, True),)))
                feasible, why = _pairs(bounds, whole, endpoint, fact.at, needed)
                terms = ", ".join(
                    f"{part} {f.value.text}"
                    for part in parts
                    for f in curves.get((part, endpoint), [])
                    if f.at == fact.at
                )
                pair = f"{fact.value.text} of {whole} and {terms} at {fact.at:g}"
                assumed = (_ALL, _CURVE, _RELATED, *_plainly(bounds))
                if feasible:
                    words = f"The survivals {pair} can be true together."
                    yield frozenset(ids), Finding("consistent", words, "", assumed)
                else:
                    left, _ = bounds.most(("left", whole, endpoint, fact.at))
                    words = (
                        f"The survivals {pair} cannot be true together: no numbers of events and "
                        f"censored of the parts add up to those of {whole}"
                    )
                    words += f", of whom at most {left} had left by then." if left < n else "."
                    yield frozenset(ids) | rests | why, Finding("contradictory", words, "", assumed)


def _curves(model, bounds):
    """Survivals that rise, medians off their curve, nested endpoints in the wrong order."""
    curves = _by_curve(model)
    for curve in curves.values():
        for early, late in combinations(curve, 2):
            ids = frozenset((early.id, late.id))
            if early.at == late.at:
                one, two = survival_box(early.value, True), survival_box(late.value, True)
                if max(one[0], two[0]) > min(one[1], two[1]):
                    words = f"{early} is printed as {late.value.text} as well."
                    yield ids, Finding("contradictory", words, "", (_CURVE,))
            else:
                yield ids, curve_check({early.at: early.value, late.at: late.value})
    for median in filter(_is_median, model):
        for fact in curves.get((median.group, median.endpoint), []):
            ids = frozenset((median.id, fact.id))
            low, high = _ends(median)
            least, most = survival_box(fact.value, True)
            wrong = fact.at >= high and least > 0.5 + 1e-9 or fact.at < low and most < 0.5 - 1e-9
            shown = getattr(median.value, "text", median.value)
            words = f"A median of {shown} and survival of {fact.value.text} at {fact.at:g} "
            words += "cannot be of one curve." if wrong else "fit on one curve."
            kind = "contradictory" if wrong else "consistent"
            yield ids, Finding(kind, words, "", (_CURVE,))
    for first, second in model.nested:
        binds = first in _DEATHS
        for (group, endpoint), curve in curves.items():
            if endpoint != first:
                continue
            for one in curve:
                for two in curves.get((group, second), []):
                    if two.at > one.at:
                        continue
                    lowest, highest = survival_box(one.value, True), survival_box(two.value, True)
                    above = lowest[0] > highest[1]
                    kind = "contradictory" if above and binds else "consistent"
                    words = f"{one} and {two} are in the order of nested endpoints."
                    if above:
                        words = f"{one} is above {two}, whose events are all events of the first."
                    if above and not binds:
                        kind = "undetermined"
                        words += (
                            " With censoring a curve of the first event can be above that of death."
                        )
                    same = "the same patients, clock and follow-up"
                    yield frozenset((one.id, two.id)), Finding(kind, words, "", (same,))


def _limits(model, bounds):
    """Printed limits of a Kaplan-Meier estimate against the patients and those still at risk."""
    for fact in model.of_kind("survival"):
        if fact.lower is None:
            continue
        own, key = printed_box(fact.value, truncated=True, smallest=0, largest=1), fact.id
        low = printed_box(fact.lower, truncated=True, smallest=0, largest=1)
        high = printed_box(fact.upper, truncated=True, smallest=0, largest=1)
        if low[0] > own[1] or high[1] < own[0]:
            words = f"{fact} does not lie between its limits."
            yield frozenset([key]), Finding("contradictory", words)
            continue
        n, why = bounds.most(bounds.size(fact.group, fact.endpoint))
        if n is None or own[1] >= 1 or own[0] <= 0:
            continue
        slack = (own[1] - own[0]) / 4  # between the values tried
        fits_n = any(
            low[0] <= lowest + slack and high[1] >= highest - slack
            for lowest, highest in _bands(own, n)
        )
        assumed = (_CURVE, "limits of 95% by one of the usual formulas, not by a bootstrap")
        risk = [f for f in model.of_kind("at_risk") if f.at == fact.at]
        risk = [f for f in risk if (f.group, f.endpoint) == (fact.group, fact.endpoint)]
        words = f"The limits of {fact} are {{}} for {{}} patients by any of the usual formulas."
        if not fits_n:
            text = words.format("too narrow", n)
            yield why | {key}, Finding("contradictory", text, "", assumed)
        elif risk and risk[0].value.value >= 3:
            at_risk = int(risk[0].value.value)
            fits = any(
                high[0] <= highest + slack and low[1] >= lowest - slack
                for lowest, highest in _bands(own, at_risk)
            )
            text = words.format("possible" if fits else "too wide", f"{at_risk} observed")
            kind = "consistent" if fits else "contradictory"
            yield frozenset((key, risk[0].id)), Finding(kind, text, "", assumed)
        else:
            text = words.format("possible", n)
            yield frozenset([key]), Finding("consistent", text, "", assumed)


def _bands(box, n):
    """Limits by each usual formula for survivals in a box and an effective size, from 0 to 1."""
    for lower, upper in _formulas(box, n):
        yield max(lower, 0.0), min(upper, 1.0)


def _formulas(box, n):
    """The limits before they are cut to 0 and 1."""
    z = NormalDist().inv_cdf(0.975)
    for s in np.linspace(max(box[0], 1e-6), min(box[1], 1 - 1e-6), 5):
        error = math.sqrt(s * (1 - s) / n)
        yield s - z * error, s + z * error
        yield s * math.exp(-z * error / s), s * math.exp(z * error / s)
        log_log = z * error / (s * abs(math.log(s)))
        yield s ** math.exp(log_log), s ** math.exp(-log_log)
        logit = z * error / (s * (1 - s))
        odds = s / (1 - s)
        yield tuple(odds * math.exp(w) / (1 + odds * math.exp(w)) for w in (-logit, logit))
        angle, width = math.asin(math.sqrt(s)), z * error / (2 * math.sqrt(s * (1 - s)))
        yield math.sin(max(angle - width, 0)) ** 2, math.sin(min(angle + width, math.pi / 2)) ** 2
        centre, half = s + z * z / (2 * n), z * math.sqrt(s * (1 - s) / n + z * z / (4 * n * n))
        yield (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
        k = s * n
        yield stats.beta.ppf(0.025, k, n - k + 1), stats.beta.ppf(0.975, k + 1, max(n - k, 1e-9))
        yield (
            stats.beta.ppf(0.025, k + 0.5, n - k + 0.5),
            stats.beta.ppf(0.975, k + 0.5, n - k + 0.5),
        )


# --- Counts, ratios, tables -----------------------------------------------------------------------


def _shares(model, bounds):
    """Percentages against the count and total beside them, or against any count of the total."""
    for fact in model.of_kind("share"):
        alike = [
            f
            for f in model.of_kind("count")
            if (f.group, f.variable, f.level) == (fact.group, fact.variable, fact.level)
            and (f.total or fact.total) == (fact.total or f.total)
        ]
        for count in alike:
            total = fact.total or count.total
            if total:
                found = percentage_check(fact.value, int(count.value.value), total)
                yield frozenset((fact.id, count.id)), found
        if fact.total and not alike:
            low, high = printed_box(fact.value, smallest=0, largest=1)
            unit = fact.value.unit
            first = math.ceil((low - unit) * fact.total - _SLACK)
            fits = first <= (high + unit) * fact.total + _SLACK
            words = f"No count of {fact.total} prints as {fact.value.text}."
            words = f"Some count of {fact.total} prints as {fact.value.text}." if fits else words
            kind = "consistent" if fits else "contradictory"
            yield frozenset([fact.id]), Finding(kind, words)


def _ratios(model, bounds):
    """Hazard ratios against their limits, P value and the events that there can have been."""
    for fact in model.of_kind("hazard_ratio"):
        if fact.lower is None:
            continue
        note = fact.note.lower()
        robust = any(word in note for word in ("robust", "cluster", "weight", "penal", "bootstrap"))
        wald = "wald" in note
        others = [name for name in fact.of if name not in model.facts]
        ids, events = frozenset([fact.id]), None
        groups = [fact.group, *others] if others else [fact.group]
        found = [bounds.most(("events", g, fact.endpoint, _EVER)) for g in groups]
        sized = [bounds.most(bounds.size(g, fact.endpoint)) for g in groups]
        found = [e if e[0] is not None else n for e, n in zip(found, sized, strict=True)]
        if all(number is not None for number, _ in found):
            events, ids = sum(e for e, _ in found), ids.union(*(why for _, why in found))
        for whole, parts in model.parts:
            top, why = bounds.most(("events", whole, fact.endpoint, _EVER))
            inside = set(groups) <= set(parts)
            if inside and top is not None and (events is None or top < events):
                events, ids = top, why | {fact.id}
        options = {"covariate": fact.covariate, "robust": robust}
        options |= {"test": "wald", "limits": "wald"} if wald else {}
        ratio = (fact.value, fact.lower, fact.upper, fact.p)
        try:
            alone = hazard_ratio_check(*ratio, **options)
        except ValueError as error:
            words = f"{fact} cannot be read: {error}."
            alone = Finding("undetermined", words)
        yield frozenset([fact.id]), alone
        if events is not None and not alone.contradictory:
            together = hazard_ratio_check(*ratio, events=events, **options) if events else None
            if together is not None:
                part = together.parts[-1]
                # A part that the events do not decide rests on the ratio alone.
                rests = frozenset([fact.id]) if part.verdict == "undetermined" else ids
                assumed = (*part.assumptions, _ALL, *((_RELATED,) if len(ids) > 1 else ()))
                yield rests, replace(part, assumptions=assumed)
        if len(groups) == 2:
            yield from _directions(model, fact, groups)


def _directions(model, fact, groups):
    """A hazard ratio against survivals of its groups: no bound, only a question."""
    curves = _by_curve(model)
    pairs = [
        (one, two)
        for one in curves.get((groups[0], fact.endpoint), [])
        for two in curves.get((groups[1], fact.endpoint), [])
        if one.at == two.at
    ]
    against = [
        (a, b) for a, b in pairs if (a.value > b.value) == (fact.value > 1) and a.value != b.value
    ]
    if pairs and len(against) == len(pairs):
        ids = {fact.id, *(f.id for pair in pairs for f in pair)}
        words = (
            f"{fact} goes against the survivals of {groups[0]} and {groups[1]}. Curves that cross, "
            "or another reference group, would explain it: neither is declared."
        )
        yield frozenset(ids), Finding("undetermined", words)


def _tables(model, bounds):
    """P values of printed tables over the tests in use; log-rank and others decide nothing."""
    for fact in model.of_kind("p_value"):
        low, high = printed_box(fact.value, truncated=True, smallest=0)
        key = frozenset([fact.id])
        if low > 1 or fact.value.value > 1:
            yield key, Finding("contradictory", f"{fact} is above 1.")
            continue
        cells = [model.facts[o] for o in fact.of if o in model.facts]
        cells = [f for f in cells if f.kind == "count" and f.total]
        if len(cells) < 2 or len(cells) != len(fact.of):
            words = f"{fact}: no table of counts is named in 'of', so nothing printed decides it."
            yield key, Finding("undetermined", words)
            continue
        table = np.array([[f.value.value, f.total - f.value.value] for f in cells])
        if (table < 0).any() or 0 in table.sum(axis=0):
            continue
        tried = _table_tests(table)
        ids = key | {f.id for f in cells}
        fitting = [name for name, p in tried.items() if low - 1e-9 <= p <= high + 1e-9]
        listed = ", ".join(f"{name} {print_p(min(p, 1))}" for name, p in tried.items())
        if fitting:
            words = f"P = {fact.value.text} is that of the table by {' and '.join(fitting)}."
            yield ids, Finding("consistent", words)
            continue
        named = any(word in fact.note.lower() for word in _TESTS)
        words = f"P = {fact.value.text} is none of the table's ({listed})."
        words += "" if named else " The test is not printed: another would explain it."
        assumed = ("the counts named are the table that was tested",)
        yield ids, Finding("contradictory" if named else "undetermined", words, "", assumed)


def _table_tests(table):
    """P values of a 2 × k table by the tests in use."""
    tried = {}
    tried["chi-square"] = stats.chi2_contingency(table, correction=False).pvalue
    tried["likelihood ratio"] = stats.chi2_contingency(
        table, correction=False, lambda_="log-likelihood"
    ).pvalue
    if len(table) == 2:
        tried["chi-square with continuity correction"] = stats.chi2_contingency(table).pvalue
        for side in ("two-sided", "less", "greater"):
            name = "Fisher's exact test" + ("" if side == "two-sided" else f" ({side})")
            tried[name] = stats.fisher_exact(table, side).pvalue
    else:
        score, share = np.arange(len(table)), table[:, 0].sum() / table.sum()
        total = table.sum(axis=1)
        top = (score * (table[:, 0] - total * share)).sum()
        spread = (total * score**2).sum() - (total * score).sum() ** 2 / total.sum()
        if spread > 0:
            chi = top**2 / (share * (1 - share) * spread)
            tried["chi-square for trend"] = stats.chi2.sf(chi, 1)
    return tried


# --- Ranges, dates, rates -------------------------------------------------------------------------


def _ranges(model, bounds):
    """Medians, means and SDs against the extremes, and against each other."""
    found = {}
    for fact in model.of_kind("median", "mean", "sd", "minimum", "maximum"):
        if not fact.endpoint and fact.scale and isinstance(fact.value, Printed):
            found.setdefault((fact.group, fact.variable), {}).setdefault(fact.kind, []).append(fact)
    for (_, variable), kinds in found.items():
        if variable in ("rate", "accrual", "last_contact"):
            continue
        for facts in kinds.values():
            for one, two in combinations(facts, 2):
                a, b = _ends(one), _ends(two)
                if one.total == two.total and max(a[0], b[0]) > min(a[1], b[1]):
                    words = f"{one} is printed as {two.value.text} as well."
                    yield frozenset((one.id, two.id)), Finding("contradictory", words)
        single = {kind: facts[0] for kind, facts in kinds.items()}
        box = {kind: _ends(fact) for kind, fact in single.items()}

        def of(*kinds, single=single):
            return frozenset(single[kind].id for kind in kinds)

        for low, high in combinations(("minimum", "median", "mean", "maximum"), 2):
            if {low, high} <= box.keys() and (low, high) != ("median", "mean"):
                wrong = box[low][0] > box[high][1]
                words = f"{single[low]} is {'above' if wrong else 'not above'} {single[high]}."
                yield of(low, high), Finding("contradictory" if wrong else "consistent", words)
        if {"mean", "sd", "minimum", "maximum"} <= box.keys():
            sizes = [single[kind].total for kind in ("mean", "sd") if single[kind].total]
            n = max(sizes[0] if sizes else 4, 2)
            low, high = box["minimum"][0], box["maximum"][1]
            mean = min(max((low + high) / 2, box["mean"][0]), box["mean"][1])
            most = math.sqrt(max((high - mean) * (mean - low), 0) * n / (n - 1))
            wrong = box["sd"][0] > most + 1e-9
            words = (
                f"{single['sd']} is {'too large' if wrong else 'not too large'} for values from "
                f"{single['minimum'].value.text} to {single['maximum'].value.text} with a mean of "
                f"{single['mean'].value.text}: {most:.3g} is the most."
            )
            ids = of("mean", "sd", "minimum", "maximum")
            yield ids, Finding("contradictory" if wrong else "consistent", words)
        if {"mean", "median", "sd"} <= box.keys() and variable != "follow_up":
            gap = max(box["mean"][0] - box["median"][1], box["median"][0] - box["mean"][1])
            wrong = gap > box["sd"][1] + 1e-9
            far = "further" if wrong else "no further"
            words = (
                f"{single['mean']} is {far} from {single['median']} than the SD, which is the most."
            )
            ids = of("mean", "median", "sd")
            yield ids, Finding("contradictory" if wrong else "consistent", words)
        mean = single.get("mean")
        if mean is not None and mean.total and not mean.value.comparator:
            whole = True if "whole" in mean.note.lower() else None
            yield of("mean"), mean_check(mean.value, mean.total, integers=whole)
            if "sd" in single and 2 <= mean.total <= 10_000:
                found_sd = sd_check(mean.value, single["sd"].value, mean.total, integers=whole)
                yield of("mean", "sd"), found_sd


def _dates(model, bounds):
    """The longest follow-up against the first and the last date."""
    starts = [f for f in model if f.variable == "accrual" and f.kind == "minimum"]
    ends = [f for f in model if f.variable == "last_contact" and f.kind == "maximum"]
    years = {"years": 1, "months": 12, "weeks": 52.1, "days": 365.2}
    measures = [f for f in model if f.variable == "follow_up"]
    for fact in measures:
        if fact.kind not in ("maximum", "median", "mean") or not fact.reached:
            continue
        unit = fact.unit if fact.unit in years else model.unit
        for start in starts:
            for end in ends:
                if unit not in years:
                    continue
                most = as_date(end.value)[1] - as_date(start.value)[0]
                least = printed_box(fact.value, truncated=True)[0] / years[unit]
                wrong = least > most * 1.001
                words = (
                    f"{fact} {unit} is {'longer than' if wrong else 'within'} the time from "
                    f"{start.value} to {end.value}."
                )
                assumed = ("nobody's clock starts before the first date, or ends after the last",)
                kind = "contradictory" if wrong else "consistent"
                yield frozenset((fact.id, start.id, end.id)), Finding(kind, words, "", assumed)


def _rates(model, bounds):
    """Events over person-years against a printed rate, and tests made against tests reported."""
    for fact in model:
        if fact.variable == "tests" and fact.kind == "count" and fact.total:
            made, shown = fact.total, int(fact.value.value)
            words = (
                f"{shown} of {made} tests are reported; by chance alone {made * 0.05:.1f} of "
                f"{made} independent ones would have P below 0.05."
            )
            yield frozenset([fact.id]), Finding("undetermined", words)
        if fact.variable != "rate" or not isinstance(fact.value, Printed):
            continue
        per = Printed.parse(fact.note).value if fact.note.isdigit() else 1
        years = [f for f in model if f.variable == "person_years" and f.group == fact.group]
        for time in years:
            low, e_low = bounds.least(("events", fact.group, fact.endpoint, _EVER))
            high, e_high = bounds.most(("events", fact.group, fact.endpoint, _EVER))
            own, span = printed_box(fact.value, truncated=True), printed_box(time.value)
            if high is None or span[0] <= 0:
                continue
            wrong = own[1] < per * low / span[1] or own[0] > per * high / span[0]
            shown = f"{low}" if low == high else f"{low} to {high}"
            words = (
                f"{shown} events in {time.value.text} person-years are "
                f"{per * low / time.value.value:.4g} per {per:g}, "
                f"{'not' if wrong else 'as'} the printed {fact.value.text}."
            )
            kind = "contradictory" if wrong else "consistent"
            yield frozenset((fact.id, time.id)) | e_low | e_high, Finding(kind, words)
