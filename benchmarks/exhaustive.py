"""Can a printed results section be true? Decided by trying all counts, without vlms.

This is the judge of `bench_forensics.py`: which of the planted slips can arithmetic prove at all?
It shares no code with the checks that it judges. A section is a list of plain rows (kind, group,
value …) of patients who fall into groups, with the size of each; at most two times are printed.
A section is impossible where no cohort prints it, by any of:

- sums: patients, events, counts, totals and numbers at risk of the groups add up to those of all;
- shares: count / total lies in the box of the printed percentage;
- P of a table: none of the tests in use gives it;
- hazard ratio with Wald limits and P: a linear programme in (log ratio, standard error), with
  SE² ≥ 1/d₁ + 1/d₀;
- curves: for each curve every split of its patients into events and censored before, between and
  after the printed times is tried, with every order of leaving; those that print as given must
  add up over the groups to one that prints as given for all.

Boxes hold what prints alike rounded or cut off. Orders of leaving are products of (r − 1)/r; where
they are too many to list, a part is kept, and what is not among them counts as possible ("open").
So "impossible" is a proof. Not used: that the groups' orders interleave into that of all.
"""

from fractions import Fraction
from functools import cache, lru_cache

import numpy as np
from scipy import optimize, stats

_CAP, _TINY = 4000, 1e-9


def impossible(rows):
    """Why this section cannot be true (a word), or "" where nothing excludes it."""
    for name, check in (("sums", _sums), ("shares", _shares), ("table", _tables),
                        ("ratio", _ratios), ("curves", _curves)):  # fmt: skip
        if not check(rows):
            return name
    return ""


def box(text):
    """The values that print so, rounded or cut off, a percentage as a share."""
    digits = text.strip("<>=% ")
    scale = 100 if "%" in text else 1
    unit = 10.0 ** -len(digits.partition(".")[2])
    value = float(digits)
    if "<" in text:
        return 0.0, value / scale
    return max(value - unit / 2, 0) / scale, (value + unit) / scale


def _cells(rows, kind, **known):
    return [r for r in rows if r["kind"] == kind and all(r.get(k) == v for k, v in known.items())]


def _groups(rows):
    return [g for g in dict.fromkeys(r["group"] for r in rows if r["kind"] == "n") if g != "all"]


def _sums(rows):
    groups = _groups(rows)
    sizes = {r["group"]: int(r["value"]) for r in _cells(rows, "n")}
    for kind in ("n", "events", "at_risk", "count"):
        keyed = {}
        for r in _cells(rows, kind):
            key = r.get("at"), r.get("variable"), r.get("level")
            keyed.setdefault(key, {})[r["group"]] = r
        for at in keyed.values():
            for r in at.values():
                top = int(r.get("total") or sizes[r["group"]])
                if not 0 <= int(r["value"]) <= top <= sizes[r["group"]]:
                    return False
            if "all" in at and any(int(r["value"]) > int(at["all"]["value"]) for r in at.values()):
                return False
            if groups and set(at) == {"all", *groups}:
                for what in ("value", "total") if kind == "count" else ("value",):
                    if sum(int(at[g][what]) for g in groups) != int(at["all"][what]):
                        return False
    for group in ["all", *groups]:
        levels = _cells(rows, "count", group=group)
        if len(levels) == 2 and sum(int(r["value"]) for r in levels) != int(levels[0]["total"]):
            return False
        risk = sorted(_cells(rows, "at_risk", group=group), key=lambda r: float(r["at"]))
        falls = [int(r["value"]) for r in risk]
        if falls != sorted(falls, reverse=True):
            return False
    return True


def _shares(rows):
    for r in _cells(rows, "share"):
        for c in _cells(rows, "count", group=r["group"], variable=r["variable"], level=r["level"]):
            low, high = box(r["value"])
            exact = float(Fraction(int(c["value"]), int(r["total"])))
            if not low - _TINY <= exact <= high + _TINY or (exact >= high - _TINY and exact < 1):
                return False
    return True


def _tables(rows):
    by_id = {r["id"]: r for r in rows}
    for r in _cells(rows, "p_value"):
        cells = [by_id[key] for key in r["of"].split(";")]
        if any(c["kind"] != "count" for c in cells):
            continue
        table = np.array([[int(c["value"]), int(c["total"]) - int(c["value"])] for c in cells])
        if (table < 0).any() or (table.sum(axis=0) == 0).any():
            continue
        found = [stats.chi2_contingency(table, correction=False).pvalue]
        found.append(stats.chi2_contingency(table, False, lambda_="log-likelihood").pvalue)
        if len(table) == 2:
            found.append(stats.chi2_contingency(table, True).pvalue)
            found += [stats.fisher_exact(table, s).pvalue for s in ("two-sided", "less", "greater")]
        else:
            score = np.repeat(np.arange(len(table)), table.sum(axis=1))
            old = np.concatenate([np.repeat([1, 0], row) for row in table])
            r2 = np.corrcoef(score, old)[0, 1] ** 2
            found.append(stats.chi2.sf(r2 * len(old), 1))
        low, high = box(r["value"])
        if not any(low - _TINY <= p <= high + _TINY for p in found):
            return False
    return True


def _ratios(rows):
    z = stats.norm.ppf(0.975)
    for r in _cells(rows, "hazard_ratio"):
        ends = {key: box(r[key]) for key in ("value", "lower", "upper", "p")}
        if ends["value"][1] <= 0 or ends["upper"][1] <= 0:
            return False
        logs = {k: np.log(np.maximum(ends[k], 1e-12)) for k in ("value", "lower", "upper")}
        scores = stats.norm.isf(np.clip(np.array(ends["p"]), 1e-300, 1) / 2)[::-1]
        least = 0.0
        for g in (
            (r["group"], r["of"]) if r["covariate"] == "binary" else ()
        ):  # where its events are not printed, all may have had one
            most = (_cells(rows, "events", group=g) or _cells(rows, "n", group=g))[0]
            least = np.hypot(least, 1 / np.sqrt(max(int(most["value"]), 1e-6)))
        fits = False
        for sign in (1, -1):
            matrix, limit = [], []
            for slope, key in ((0, "value"), (-z, "lower"), (z, "upper")):
                matrix += [[1, slope], [-1, -slope]]
                limit += [logs[key][1], -logs[key][0]]
            matrix += [[-sign, scores[0]], [sign, -scores[1]]]  # z₀ se ≤ ±b ≤ z₁ se
            limit += [0, 0]
            limit = np.array(limit) + 1e-9
            ranges = [(None, None), (min(least, 50) * (1 - 1e-9), None)]
            fits |= optimize.linprog([0, 0], matrix, limit, bounds=ranges).status == 0
        if not fits:
            return False
    return True


def _curves(rows):
    groups, found = _groups(rows), {}
    times = sorted({float(r["at"]) for r in _cells(rows, "survival")})
    if not times:
        return True
    single = len(times) == 1
    for group in ["all", *groups]:
        n = int(_cells(rows, "n", group=group)[0]["value"])
        if n > 63:
            return True
        events = [int(r["value"]) for r in _cells(rows, "events", group=group)]
        boxes = [(0.0, 1.0), (0.0, 1.0)]
        for r in _cells(rows, "survival", group=group):
            low, high = box(r["value"])
            boxes[times.index(float(r["at"]))] = low, high - 1e-10
        risk = []
        for at in times:
            cell = [r for r in _cells(rows, "at_risk", group=group) if float(r["at"]) == at]
            risk.append(int(cell[0]["value"]) if cell else -1)
        risk += [-1] * single
        reached = ""
        for r in _cells(rows, "median", group=group, endpoint="os"):
            reached = "no" if "not" in r["value"] else "yes"
            early, late = (np.inf, np.inf) if reached == "no" else box(r["value"])
            for k, at in enumerate(times):
                if at >= late:
                    boxes[k] = boxes[k][0], min(boxes[k][1], 0.5)
                elif at < early:
                    boxes[k] = max(boxes[k][0], 0.5), boxes[k][1]
        found[group] = _splits(n, *(events or [None]), tuple(boxes), tuple(risk), reached, single)
        if not len(found[group]):
            return False
    if not groups:
        return True
    total = found[groups[0]]
    for group in groups[1:]:
        total = np.unique(np.add.outer(total, found[group]))
    return bool(np.isin(total, found["all"]).any())


@lru_cache(maxsize=50_000)
def _splits(n, events, boxes, risk, reached, single):
    """All (events, censored) before and between the times that print so, in base 64."""
    codes, known = [], events is not None
    if any(low > high for low, high in boxes):
        return np.array([], dtype=np.int64)
    events = events if known else n
    for e1, c1, s1, sure in _steps(n, np.ones(1), True, boxes[0], events):
        left = n - e1 - c1
        second = [(0, 0, s1, sure)]
        if not single:
            second = _steps(left, s1, sure, boxes[1], events - e1)
        for e2, c2, s2, _ in second:
            rest, more = left - e2 - c2, events - e1 - e2
            # At risk is counted just before the time, its events still there, or just after it.
            after = rest - more if known else rest
            falls = [(risk[0], left, e1, after if single else c2)]
            falls += [] if single else [(risk[1], rest, e2, after)]
            counted = all(r < 0 or now - c <= r <= now + e for r, now, e, c in falls)
            if not counted or (known and not 0 <= more <= rest):
                continue
            if reached == "yes" and not min(more, rest) and s2[0] > 0.5 + 1e-9:
                continue
            if known and reached == "no" and rest and s2[-1] * (rest - more) / rest < 0.5 - 1e-9:
                continue
            codes.append(e1 + 64 * c1 + 64**2 * e2 + 64**3 * c2)
    return np.unique(np.array(codes, dtype=np.int64))


def _steps(at_risk, starts, sure, ends, most):
    """Each number of events and censored that can lead from these survivals into the box."""
    low, high = ends[0] - 1e-12, ends[1] + 1e-12
    for c in range(at_risk + 1):
        for e in range(min(at_risk - c, most) + 1):
            top = (at_risk - e) / at_risk if at_risk else 1.0
            bottom = (at_risk - c - e) / (at_risk - c) if at_risk > c else 1.0
            if starts[-1] * top < low or starts[0] * bottom > high:
                continue
            factors, complete = _products(at_risk, e, c)
            some = starts if len(starts) * len(factors) < 1e6 else starts[:: len(starts) // 20 + 1]
            kept = np.multiply.outer(some, factors).ravel()
            kept = kept[(kept >= low) & (kept <= high)]
            whole = sure and complete and some is starts
            if not len(kept) and not whole:
                kept = np.array([max(low, starts[0] * bottom), min(high, starts[-1] * top)])
            if len(kept):
                kept = np.unique(np.round(kept, 13))
                yield e, c, kept[:_CAP], whole and len(kept) <= _CAP


@cache
def _products(at_risk, e, c):
    """The products of (r − 1)/r over all orders of e events and c censored; all of them?"""
    if not e:
        return np.ones(1), True
    values, whole = _products(at_risk - 1, e - 1, c)
    values = values * ((at_risk - 1) / at_risk)
    if c:
        more, also = _products(at_risk - 1, e, c - 1)
        values, whole = np.concatenate([values, more]), whole and also
        values = np.unique(np.round(values, 13))
    if len(values) > _CAP:
        chosen = np.linspace(0, len(values) - 1, _CAP).astype(int)
        values, whole = values[chosen], False
    return values, whole
