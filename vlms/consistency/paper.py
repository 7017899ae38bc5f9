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
from itertools import combinations, pairwise, product
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy import special, stats

from vlms.consistency.curves import (
    _added,
    _fewest_by_events,
    _search_histories,
    curve_check,
    survival_ratio_check,
)
from vlms.consistency.curves import _box as survival_box
from vlms.consistency.facts import as_date, read_facts
from vlms.consistency.finding import Finding, printed_box, printed_share
from vlms.consistency.ratios import hazard_ratio_check, wald_p_check
from vlms.consistency.shares import mean_check, percentage_check, sd_check
from vlms.printed import Printed, print_p

_EVER = math.inf
_SLACK = 1e-7
# Sizes above these are bounded by inequalities alone.
_MOST_SEARCHED, _MOST_MIXED = 300, 90
_ALL = "all patients of a group are in each of its analyses, each at most once"
_CURVE = "survival is by Kaplan-Meier, unweighted, from the start (no delayed entry)"
_KM = (_ALL, _CURVE)
_RELATED = "groups and endpoints are related as the header declares"
_ALIKE = "numbers at risk are counted at the same moment in all groups"
_PLAIN = "the median follow-up is that of the time observed of all patients"
_DEATHS = ("overall_survival", "os", "death", "all_cause_mortality", "all_cause_death")
_TESTS = ("chi", "fisher", "yates", "likelihood")


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


def holds_together(model):
    """Whether no check contradicts these facts: as `check_paper`, without the smallest sets."""
    found = () if model.source == "abstract" else _checks(model, _sizes_of_endpoints(model))
    return not any(finding.contradictory for _, finding in found)


def paper_bounds(model):
    """The bounds of every count of a paper that its facts leave, before any single check."""
    return _Bounds(model, _sizes_of_endpoints(model))


def pinned(values, *, mean=None, sd=None, share=None):
    """How far can each value move, alone, before the printed mean, SD or share breaks?

    The SD has the divisor n − 1; digits may have been cut off. A share is of values that are 0 or
    1 (no or yes). Returns a frame of value, lowest and highest: the range in which this value alone
    can lie, NA where not even the value itself fits.

    Examples
    --------
    >>> pinned([2, 4, 9], mean="5.0").round(2).values.tolist()
    [[2.0, 1.85, 2.3], [4.0, 3.85, 4.3], [9.0, 8.85, 9.3]]
    >>> pinned([True] + 11 * [False], share="8%")["highest"].unique().tolist()
    [1, 0]
    """
    values = np.asarray(values, dtype=float)
    n, rows = len(values), []
    if n < 2 or not np.isfinite(values).all():
        raise ValueError("give two values at least, none missing")
    if share is not None and not set(values) <= {0, 1}:
        raise ValueError("a share is of yes and no: write the values as 1 and 0")
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
        if share is not None:
            count = int(rest.sum())
            agree = [percentage_check(share, count + x, n).verdict for x in (0, 1)]
            may = [x for x in (0, 1) if agree[x] != "contradictory"]
            low, high = max([low, *may[:1]]), min([high, *may[-1:]])
            low = low if may else math.inf
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


def _judged(wrong, words, *assumptions):
    """Contradictory or consistent."""
    return Finding("contradictory" if wrong else "consistent", words, "", assumptions)


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

    def _of(self, name):
        return self.bound.get(name, (0, frozenset(), _EVER, frozenset()))

    def exactly(self, name):
        """The number, where only one is left, and what it rests on."""
        low, why_low, high, why_high = self._of(name)
        return (int(low), why_low | why_high) if low == high else (None, frozenset())

    def most(self, name):
        """The upper bound, infinite where there is none, and what it rests on."""
        _, _, high, why = self._of(name)
        return (high if math.isinf(high) else int(high)), why

    def least(self, name):
        """The lower bound and what it rests on."""
        low, why, _, _ = self._of(name)
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

    def _equal(self, terms, value, why=(), text=""):
        self._rule(terms, value, why, text)
        self._rule([(name, -factor) for name, factor in terms], -value, why, text)

    def _is(self, name, value, fact):
        self._equal([(name, 1)], value, [fact.id])

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
                    self._equal([(left, 1), (e, -1), (c, -1)], 0)
                    self._rule([(n, 1), (left, -1)], 0)
                self._rule([(self._three(group, endpoint, _EVER)[2], 1), (n, -1)], 0)
                for early, late in pairwise(self.times[endpoint]):
                    for what in ("events", "censored", "left"):
                        before, after = ((what, group, endpoint, time) for time in (early, late))
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
                self._is(("risk", group, endpoint, fact.at), fact.value.value, fact)
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
            sums = [
                ([(name[0], part, *name[1:]) for part in parts], (name[0], whole, *name[1:]))
                for name in self._shared([whole, *parts])
            ]
            for (group, variable, level), outer in single.items():
                inner = [single.get((part, variable, level)) for part in parts]
                if group == whole and all(inner):
                    sums.append((inner, outer))
            for inner, outer in sums:
                text = _ALIKE if outer[0] == "risk" else _RELATED
                self._equal([*((name, 1) for name in inner), (outer, -1)], 0, (), text)
        within = [*model.subsets, *((p, whole) for whole, parts in model.parts for p in parts)]
        for part, whole in within:
            rest = [(("n", whole, ""), 1), (("n", part, ""), -1)]
            self._rule(rest, 0, (), _RELATED)
            pairs = [
                ((name[0], part, *name[1:]), (name[0], whole, *name[1:]))
                for name in self._shared([part, whole])
            ]
            pairs += [
                (inner, single[whole, *what])
                for (group, *what), inner in single.items()
                if group == part and (whole, *what) in single
            ]
            for inner, outer in pairs:
                self._rule([(outer, 1), (inner, -1)], 0, (), _RELATED)
                if inner[0] != "n":
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
                    for what in ("events", "censored", "left"):
                        yield what, endpoint, time
                    if any(("risk", group, endpoint, time) in self.bound for group in groups):
                        yield "risk", endpoint, time

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
            up = factor > 0
            value = math.ceil(limit - _SLACK) if up else math.floor(limit + _SLACK)
            if not (value > low if up else value < high):
                continue
            others = zip(terms, tops, strict=True)
            reason = why.union(*(r for (n, _), (_, r) in others if n != name))
            if up:
                new, at_most, ids = (value, reason, high, why_high), high, reason | why_high
            else:
                new, at_most, ids = (low, why_low, value, reason), value, reason | why_low
            fits = new[0] <= new[2]
            if fits:
                self.bound[name] = new
                moved.append(name)
            elif name not in broken:
                broken.add(name)
                words = f"{_words(name)} would be at least {new[0]:g} and at most {at_most:g}"
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
    what = {"left": "no longer observed", "risk": "patients at risk"}.get(name[0], name[0])
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
    for verdict, cut in (("consistent", ""), ("rounding", " if digits were cut off")):
        boxes = [survival_box(share, bool(cut)) for share in shares]
        search = _search_histories(n, boxes, **limits, **effort)
        if search.histories:
            return Finding(verdict, f"There are histories of {n} patients with {what}{cut}.")
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
        once = list({fact.at: fact for fact in reversed(curve)}.values())[::-1]
        if not n:
            words = f"The size of {group} is not known: nothing limits its survival."
            yield ids, Finding("undetermined", words)
        if not n or n > _MOST_SEARCHED:
            continue
        at = group, endpoint, once[-1].at
        censored, c_why = bounds.most(("censored", *at))
        events, e_why = bounds.most(("events", *at))
        total, t_why = bounds.least(("events", group, endpoint, _EVER))
        censored, lead = min(n, censored), ""
        # As text: 65% and 65.0% are equal as numbers.
        texts = tuple(fact.value.text for fact in once)
        plain = finding = _survival(n, texts, None, None)
        if not plain.contradictory:
            finding, rests = _survival(n, texts, censored, min(n, events)), c_why | e_why
            if finding.contradictory and total and censored == n - total:
                lead = f"{total} events leave at most {censored} censored. "
                alone = _survival(n, texts, censored, None)
                finding, rests = (alone, c_why | t_why) if alone.contradictory else (finding, rests)
            if finding.contradictory:
                why |= rests
            elif n <= _MOST_MIXED and (tight := _joint(bounds, at, n, once)):
                yield tight[0] | ids | why | rests, tight[1]
                continue
            elif plain.verdict != "undetermined":
                finding = plain
        yield ids | why, replace(finding, statement=lead + finding.statement, assumptions=_KM)


def _joint(bounds, at, n, curve):
    """Events and censored together: whether some pair of them gives the curve."""
    boxes = tuple(survival_box(fact.value, True) for fact in curve)
    left, why = bounds.most(("left", *at))
    if left >= n:
        return None
    feasible, rests = _pairs(bounds, at, _fewest(n, boxes))
    if feasible:
        return None
    shown = " then ".join(fact.value.text for fact in curve)
    words = (
        f"At most {left} of {n} patients had left by {at[2]:g}, by event or censoring: no number "
        f"of events among them gives {shown}."
    )
    return why | rests, _judged(True, words, *_KM, *_plainly(bounds))


def _plainly(bounds):
    return (_PLAIN,) if bounds.model.plain_follow_up else ()


def _pairs(bounds, at, needed):
    """Whether some number of events leaves room for the censored that it needs; and on what."""
    most, c_why = bounds.most(("censored", *at))
    left, l_why = bounds.most(("left", *at))
    (low, low_why), (high, high_why) = bounds.least(("events", *at)), bounds.most(("events", *at))
    events = np.arange(len(needed))
    fits = (needed <= np.minimum(most, left - events)) & (events >= low) & (events <= high)
    return bool(fits.any()), c_why | l_why | low_why | high_why


def _mixtures(model, bounds):
    """Survival of the parts against that of the whole, with who can have been censored."""
    curves = _by_curve(model)
    for (whole, parts), (of, endpoint) in product(model.parts, curves):
        n, rests = bounds.exactly(bounds.size(whole, endpoint))
        sizes = [bounds.exactly(bounds.size(part, endpoint)) for part in parts]
        known = [size for size, _ in sizes if size is not None]
        if of != whole or not n or n > _MOST_MIXED or len(known) < len(sizes) or sum(known) != n:
            continue
        rests = rests.union(*(why for _, why in sizes))
        for fact in curves[whole, endpoint]:
            known, own = [], []
            for part, (size, _) in zip(parts, sizes, strict=True):
                # A survival at an earlier time bounds the fewest censored by then, too.
                before = [f for f in curves.get((part, endpoint), []) if f.at <= fact.at]
                before = before if before and before[-1].at == fact.at else []
                boxes = tuple(survival_box(f.value, True) for f in before)
                own.append(_fewest(size, boxes) if size else np.zeros(1))
                known += before
            if not known:
                continue
            needed = np.maximum(_added(own), _fewest(n, (survival_box(fact.value, True),)))
            feasible, why = _pairs(bounds, (whole, endpoint, fact.at), needed)
            terms = [f"{f.group} {f.value.text}" for f in known if f.at == fact.at]
            pair = f"{fact.value.text} of {whole} and {', '.join(terms)} at {fact.at:g}"
            ids = frozenset([fact.id, *(f.id for f in known)])
            words = f"The survivals {pair} can be true together."
            if not feasible:
                left, _ = bounds.most(("left", whole, endpoint, fact.at))
                words = (
                    f"The survivals {pair} cannot be true together: no numbers of events and "
                    f"censored of the parts add up to those of {whole}"
                )
                words += f", of whom at most {left} had left by then." if left < n else "."
                ids |= rests | why
            yield ids, _judged(not feasible, words, *_KM, _RELATED, *_plainly(bounds))


def _curves(model, bounds):
    """Survivals that rise, medians off their curve, nested endpoints in the wrong order."""
    curves = _by_curve(model)
    for curve in curves.values():
        for early, late in combinations(curve, 2):
            ids = frozenset((early.id, late.id))
            if early.at < late.at:
                yield ids, curve_check({early.at: early.value, late.at: late.value})
                continue
            one, two = survival_box(early.value, True), survival_box(late.value, True)
            if max(one[0], two[0]) > min(one[1], two[1]):
                yield (
                    ids,
                    _judged(True, f"{early} is printed as {late.value.text} as well.", _CURVE),
                )
    for median in filter(_is_median, model):
        for fact in curves.get((median.group, median.endpoint), []):
            low, high = _ends(median)
            least, most = survival_box(fact.value, True)
            wrong = fact.at >= high and least > 0.5 + 1e-9 or fact.at < low and most < 0.5 - 1e-9
            shown = getattr(median.value, "text", median.value)
            words = f"A median of {shown} and survival of {fact.value.text} at {fact.at:g} "
            words += "cannot be of one curve." if wrong else "fit on one curve."
            yield frozenset((median.id, fact.id)), _judged(wrong, words, _CURVE)
    for first, second in model.nested:
        ordered = [
            (one, two)
            for (group, endpoint), curve in curves.items()
            for one in curve
            for two in curves.get((group, second), [])
            if endpoint == first and two.at <= one.at
        ]
        for one, two in ordered:
            above = survival_box(one.value, True)[0] > survival_box(two.value, True)[1]
            words = f"{one} and {two} are in the order of nested endpoints."
            found = _judged(above, words, "the same patients, clock and follow-up")
            if above:
                words = f"{one} is above {two}, whose events are all events of the first."
                found = replace(found, statement=words)
            if above and first not in _DEATHS:
                words += " With censoring a curve of the first event can be above that of death."
                found = replace(found, verdict="undetermined", statement=words)
            yield frozenset((one.id, two.id)), found


def _limits(model, bounds):
    """Printed limits of a Kaplan-Meier estimate against the patients and those still at risk."""
    assumed = (_CURVE, "limits of 95% by one of the usual formulas, not by a bootstrap")
    for fact in model.of_kind("survival"):
        if fact.lower is None:
            continue
        own, low, high = (
            printed_box(text, truncated=True, smallest=0, largest=1)
            for text in (fact.value, fact.lower, fact.upper)
        )
        key = frozenset([fact.id])
        if low[0] > own[1] or high[1] < own[0]:
            yield key, _judged(True, f"{fact} does not lie between its limits.")
            continue
        n, why = bounds.most(bounds.size(fact.group, fact.endpoint))
        if math.isinf(n) or own[1] >= 1 or own[0] <= 0:
            continue
        slack = (own[1] - own[0]) / 4  # between the values tried
        narrow = all(low[0] > a + slack or high[1] < b - slack for a, b in _bands(own, n))
        what, size, ids = "too narrow" if narrow else "possible", n, key | why if narrow else key
        alike = fact.group, fact.endpoint, fact.at
        risk = [f for f in model.of_kind("at_risk") if (f.group, f.endpoint, f.at) == alike]
        wide = False
        if not narrow and risk and risk[0].value.value >= 3:
            left = int(risk[0].value.value)
            wide = all(high[0] > b + slack or low[1] < a - slack for a, b in _bands(own, left))
            what, size, ids = "too wide" if wide else what, f"{left} observed", key | {risk[0].id}
        words = f"The limits of {fact} are {what} for {size} patients by any of the usual formulas."
        yield ids, _judged(narrow or wide, words, *assumed)


def _bands(box, n):
    """Limits by each usual formula for survivals in a box and an effective size, from 0 to 1."""
    z = NormalDist().inv_cdf(0.975)
    for s in np.linspace(max(box[0], 1e-6), min(box[1], 1 - 1e-6), 5):
        error, k = math.sqrt(s * (1 - s) / n), s * n
        found = [(s - z * error, s + z * error)]
        # On the log, log-log and logit scale: limits are back(scale ∓ z × error × slope).
        log_log, logit = z * error / (s * abs(math.log(s))), z * error / (s * (1 - s))
        found.append((s * math.exp(-z * error / s), s * math.exp(z * error / s)))
        found.append((s ** math.exp(log_log), s ** math.exp(-log_log)))
        found.append(special.expit(special.logit(s) + np.array([-logit, logit])))
        angle, width = math.asin(math.sqrt(s)), z / (2 * math.sqrt(n))
        found.append(np.sin(np.clip([angle - width, angle + width], 0, math.pi / 2)) ** 2)
        centre, half = s + z * z / (2 * n), z * math.sqrt(s * (1 - s) / n + z * z / (4 * n * n))
        found.append(((centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)))
        for a in (0, 0.5):  # Clopper and Pearson, Jeffreys
            lower = stats.beta.ppf(0.025, k + a, n - k + 1 - a)
            found.append((lower, stats.beta.ppf(0.975, k + 1 - a, max(n - k + a, 1e-9))))
        for lower, upper in found:
            yield max(lower, 0.0), min(upper, 1.0)


# --- Counts, ratios, tables -----------------------------------------------------------------------


def _shares(model, bounds):
    """Percentages against the count and total beside them, or against any count of the total."""
    for fact in model.of_kind("share"):
        what = fact.group, fact.variable, fact.level
        alike = [f for f in model.of_kind("count") if (f.group, f.variable, f.level) == what]
        alike = [f for f in alike if (f.total or fact.total) == (fact.total or f.total)]
        for count in alike:
            if total := fact.total or count.total:
                found = percentage_check(fact.value, int(count.value.value), total)
                yield frozenset((fact.id, count.id)), found
        if fact.total and not alike:
            low, high = printed_box(fact.value, smallest=0, largest=1)
            first = math.ceil((low - fact.value.unit) * fact.total - _SLACK)
            wrong = first > (high + fact.value.unit) * fact.total + _SLACK
            words = (
                f"{'No' if wrong else 'Some'} count of {fact.total} prints as {fact.value.text}."
            )
            yield frozenset([fact.id]), _judged(wrong, words)


def _ratios(model, bounds):
    """Hazard ratios against their limits, P value and the events that there can have been."""
    for fact in model.of_kind("hazard_ratio"):
        if fact.lower is None:
            continue
        note, ids = fact.note.lower(), frozenset([fact.id])
        robust = any(word in note for word in ("robust", "cluster", "weight", "penal", "bootstrap"))
        groups = [fact.group, *(name for name in fact.of if name not in model.facts)]
        tops = [bounds.most(("events", g, fact.endpoint, _EVER)) for g in groups]
        sizes = [bounds.most(bounds.size(g, fact.endpoint)) for g in groups]
        tops = [n if math.isinf(e[0]) else e for e, n in zip(tops, sizes, strict=True)]
        events, rests = sum(e for e, _ in tops), ids.union(*(why for _, why in tops))
        for whole, parts in model.parts:
            top, why = bounds.most(("events", whole, fact.endpoint, _EVER))
            if set(groups) <= set(parts) and top < events:
                events, rests = top, why | ids
        options = {"covariate": fact.covariate, "robust": robust}
        options |= {"test": "wald", "limits": "wald"} if "wald" in note else {}
        ratio = (fact.value, fact.lower, fact.upper, fact.p)
        try:
            alone = hazard_ratio_check(*ratio, **options)
        except ValueError as error:
            impossible = fact.p is not None and fact.p.value > 1
            verdict = "contradictory" if impossible else "undetermined"
            yield ids, Finding(verdict, f"{fact} cannot be: {error}.")
            continue
        yield ids, alone
        if 0 < events < _EVER and not alone.contradictory:
            part = hazard_ratio_check(*ratio, events=events, **options).parts[-1]
            # A part that the events do not decide rests on the ratio alone.
            rests = ids if part.verdict == "undetermined" else rests
            assumed = (*part.assumptions, _ALL, *((_RELATED,) if len(rests) > 1 else ()))
            yield rests, replace(part, assumptions=assumed)
        if len(groups) == 2:
            yield from _proportional(model, fact, groups)


def _proportional(model, fact, groups):
    """A hazard ratio against survivals of its groups and a log-rank P: never a contradiction."""
    curves, ratio = _by_curve(model), (fact.value, fact.lower, fact.upper)
    for one in curves.get((groups[0], fact.endpoint), []):
        for two in curves.get((groups[1], fact.endpoint), []):
            if one.at == two.at:
                found = survival_ratio_check(*ratio, one.value, two.value)
                yield frozenset((fact.id, one.id, two.id)), found
    for p in model.of_kind("p_value"):
        if not _is_log_rank(p) or not ({fact.id} & {*p.of} or {*p.of} == {*groups}):
            continue
        if p.endpoint not in ("", fact.endpoint):
            continue
        found = wald_p_check(*ratio, p.value)
        words = f"{found.statement} The P value is of a log-rank test"
        if found.verdict == "undetermined":
            words += ": strata, weights, ties or few events would explain it; the times of events "
            words += "would decide."
        else:
            words += ": reproduced under proportional hazards."
        assumed = (*found.assumptions, "the hazards of the two groups are proportional")
        yield frozenset((fact.id, p.id)), replace(found, statement=words, assumptions=assumed)


def _is_log_rank(fact):
    """Whether a P value is said to be of a log-rank test."""
    return "log" in fact.note.lower() and "rank" in fact.note.lower()


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
            why = "no table of counts is named in 'of', so nothing printed decides it"
            why = (
                "a log-rank P would be decided by the times of events"
                if _is_log_rank(fact)
                else why
            )
            yield key, Finding("undetermined", f"{fact}: {why}.")
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
        note = fact.note.lower()
        named = any(word in note for word in _TESTS) and "trend" not in note
        named &= "Fisher's exact test" in tried or "fisher" not in note
        words = f"P = {fact.value.text} is none of the table's ({listed})."
        words += "" if named else " Another test would explain it: which it is, is not printed."
        assumed = ("the counts named are the table that was tested",)
        yield ids, Finding("contradictory" if named else "undetermined", words, "", assumed)


def _table_tests(table):
    """P values of a 2 × k table by the tests in use."""
    table = table.astype(int)
    chi = stats.chi2_contingency(table, correction=False)
    freedom, total = chi.dof, table.sum()
    tried = {"chi-square": chi.pvalue}
    tried["N − 1 chi-square"] = stats.chi2.sf(chi.statistic * (total - 1) / total, freedom)
    tried["likelihood ratio"] = stats.chi2_contingency(table, False, "log-likelihood").pvalue
    if len(table) == 2:
        tried["chi-square with continuity correction"] = stats.chi2_contingency(table).pvalue
        for side in ("two-sided", "less", "greater"):
            name = "Fisher's exact test" + ("" if side == "two-sided" else f" ({side})")
            tried[name] = stats.fisher_exact(table, side).pvalue
    else:
        exact = _exact(table)
        tried |= {} if exact is None else {"Fisher's exact test": exact}
        scores = np.repeat(np.arange(len(table)), table.sum(axis=1))
        yes = np.concatenate([np.repeat([1, 0], row) for row in table])
        r2 = np.corrcoef(scores, yes)[0, 1] ** 2
        tried["chi-square for trend"] = stats.chi2.sf(r2 * total, 1)
        tried["linear-by-linear association"] = stats.chi2.sf(r2 * (total - 1), 1)
    return tried


def _exact(table, most=1_000_000):
    """Fisher's exact P of a 2 × k table (Freeman and Halton), or None where it takes too long."""

    def ways(n, k):
        return -np.log1p(n) - special.betaln(n - k + 1, k + 1)

    sizes, left, weight = table.sum(axis=1), table[:, :1].sum(axis=0), np.zeros(1)
    for size in sizes:
        if len(left) * (size + 1) > most:
            return None
        chosen = np.arange(size + 1)
        weight = (weight[:, None] + ways(size, chosen)).ravel()
        left = (left[:, None] - chosen).ravel()
        left, weight = left[left >= 0], weight[left >= 0]
    weight = weight[left == 0]
    extreme = weight <= ways(sizes, table[:, 0]).sum() + 1e-7
    return float(np.exp(weight - special.logsumexp(weight))[extreme].sum())


# --- Ranges, dates, rates -------------------------------------------------------------------------


def _ranges(model, bounds):
    """Medians, means and SDs against the extremes, and against each other."""
    found = {}
    for fact in model.of_kind("median", "mean", "sd", "minimum", "maximum"):
        other = fact.endpoint or fact.variable in ("rate", "accrual", "last_contact")
        if not other and fact.scale and isinstance(fact.value, Printed):
            found.setdefault((fact.group, fact.variable), {}).setdefault(fact.kind, []).append(fact)
    for (_, variable), kinds in found.items():
        for one, two in (pair for facts in kinds.values() for pair in combinations(facts, 2)):
            a, b = _ends(one), _ends(two)
            if one.total == two.total and max(a[0], b[0]) > min(a[1], b[1]):
                words = f"{one} is printed as {two.value.text} as well."
                yield frozenset((one.id, two.id)), _judged(True, words)
        single = {kind: facts[0] for kind, facts in kinds.items()}
        box = {kind: _ends(fact) for kind, fact in single.items()}

        def of(*kinds, single=single):
            return frozenset(single[kind].id for kind in kinds)

        for low, high in combinations(("minimum", "median", "mean", "maximum"), 2):
            if {low, high} <= box.keys() and (low, high) != ("median", "mean"):
                wrong = box[low][0] > box[high][1]
                words = f"{single[low]} is {'above' if wrong else 'not above'} {single[high]}."
                yield of(low, high), _judged(wrong, words)
        if {"mean", "sd", "minimum", "maximum"} <= box.keys():
            n = max(single["mean"].total or single["sd"].total or 4, 2)
            low, high = box["minimum"][0], box["maximum"][1]
            mean = min(max((low + high) / 2, box["mean"][0]), box["mean"][1])
            most = math.sqrt(max((high - mean) * (mean - low), 0) * n / (n - 1))
            wrong = box["sd"][0] > most + 1e-9
            words = (
                f"{single['sd']} is {'too large' if wrong else 'not too large'} for values from "
                f"{single['minimum'].value.text} to {single['maximum'].value.text} with a mean of "
                f"{single['mean'].value.text}: {most:.3g} is the most."
            )
            yield of("mean", "sd", "minimum", "maximum"), _judged(wrong, words)
        if {"mean", "median", "sd"} <= box.keys() and variable != "follow_up":
            gap = max(box["mean"][0] - box["median"][1], box["median"][0] - box["mean"][1])
            wrong = gap > box["sd"][1] + 1e-9
            words = f"{single['mean']} is {'further' if wrong else 'no further'} from "
            words += f"{single['median']} than the SD, which is the most."
            yield of("mean", "median", "sd"), _judged(wrong, words)
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
    measures = [f for f in model.of_kind("maximum", "median", "mean") if f.variable == "follow_up"]
    for fact, start, end in product(measures, starts, ends):
        unit = fact.unit if fact.unit in years else model.unit
        if unit in years and fact.reached:
            most = as_date(end.value)[1] - as_date(start.value)[0]
            wrong = printed_box(fact.value, truncated=True)[0] / years[unit] > most * 1.001
            words = f"{fact} {unit} is {'longer than' if wrong else 'within'} the time from "
            words += f"{start.value} to {end.value}."
            assumed = "nobody's clock starts before the first date, or ends after the last"
            yield frozenset((fact.id, start.id, end.id)), _judged(wrong, words, assumed)


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
        for time in [f for f in model if f.variable == "person_years" and f.group == fact.group]:
            name = ("events", fact.group, fact.endpoint, _EVER)
            (low, e_low), (high, e_high) = bounds.least(name), bounds.most(name)
            own, span = printed_box(fact.value, truncated=True), printed_box(time.value)
            if math.isinf(high) or span[0] <= 0:
                continue
            wrong = own[1] < per * low / span[1] or own[0] > per * high / span[0]
            words = (
                f"{low if low == high else f'{low} to {high}'} events in {time.value.text} "
                f"person-years are {per * low / time.value.value:.4g} per {per:g}, "
                f"{'not' if wrong else 'as'} the printed {fact.value.text}."
            )
            yield frozenset((fact.id, time.id)) | e_low | e_high, _judged(wrong, words)
