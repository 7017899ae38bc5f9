"""Cohorts that meet every demand: drawn leaf by leaf, then moved until nothing is off.

A patient has a last contact F; of each endpoint an event at or before it, or none. Death-like
endpoints end at F. Groups are sets of patients; nested endpoints are closed after every move (an
event of the inner one is one of the outer, no later). Many chains move at once: the same patients
in each, with times of their own; a move is taken by Metropolis' rule on the sum of all violations,
while the temperature falls (Kirkpatrick, Gelatt and Vecchi, Science 1983;220:671).
"""

import math

import numpy as np
from scipy import special

from vlms.rebuild.drawing import Knot, draw_curves

_WINDOW = 1.959963984540054


class Chains:
    """Many cohorts at once: arrays of chains × patients."""

    def __init__(self, problem, rng, size, mixture=None):
        self.problem, self.rng = problem, rng
        n = problem.n
        self.member, self.leaves, self.dealt = {}, [], []
        _members(self, problem, rng, size)
        self.last, self.event = np.zeros((size, n)), {}
        self.share = {}  # of the last contact, at which a non-terminal event happened
        self.kept, self.leaf_options = np.ones(size, bool), {}
        _first_times(self, problem, rng, size, mixture)
        self.close()

    def more(self, count):
        """So many chains, the same ones again and again."""
        self.take(np.arange(count) % len(self.last))

    def take(self, rows):
        """Keep only these chains."""
        self.last, self.kept = self.last[rows], self.kept[rows]
        for store in (self.member, self.event, self.share):
            for key in store:
                store[key] = store[key][rows]

    def time(self, endpoint):
        """Time of the event or of censoring."""
        if endpoint in self.problem.terminal:
            return self.last
        return np.where(self.event[endpoint], self.last * self.share[endpoint], self.last)

    def close(self, moved=None):
        """Every event of an inner endpoint is one of the outer, no later; what moved leads."""
        for outer, inner in self.problem.nested:
            if outer == moved:
                self.event[inner] = self.event[inner] & self.event[outer]
                if inner in self.share and outer in self.share:
                    self.share[inner] = np.maximum(self.share[inner], self.share[outer])
            has = self.event[inner]
            self.event[outer] = self.event[outer] | has
            if outer not in self.problem.terminal:
                inner_share = 1.0 if inner in self.problem.terminal else self.share[inner]
                earlier = np.minimum(self.share[outer], inner_share)
                self.share[outer] = np.where(has, earlier, self.share[outer])

    def copy(self):
        """The same chains, whose arrays may be replaced."""
        other = object.__new__(Chains)
        other.__dict__ = dict(self.__dict__)
        other.member, other.event = dict(self.member), dict(self.event)
        other.share = dict(self.share)
        return other


# --- Members and first draws ----------------------------------------------------------------------


def _members(chains, problem, rng, size):
    """Deal patients to groups: roots and their first parts in blocks, everything else at random."""
    n, start = problem.n, 0
    for root, count in problem.roots.items():
        mask = np.zeros((size, n), bool)
        mask[:, start : start + count] = True
        chains.member[root] = mask
        start += count
    parted, seen = {}, set()
    for whole, parts in problem.parts:
        parted.setdefault(whole, []).append(parts)
    for root in problem.roots:
        first = parted.get(root, [()])[0]
        place = int(np.argmax(chains.member[root][0]))
        for part in first:
            mask = np.zeros((size, n), bool)
            mask[:, place : place + problem.sizes[part]] = True
            place += problem.sizes[part]
            chains.member[part] = mask
        chains.leaves += [part for part in first if problem.sizes[part]] or [root]
        seen.add((root, first))
    waiting = [("subset", s, w) for s, w in problem.subsets]
    waiting += [
        ("parts", w, ps) for w, all_parts in parted.items() for ps in all_parts
        if (w, ps) not in seen
    ]  # fmt: skip
    wholes_of = dict(problem.subsets)
    for _ in range(len(waiting) + 1):
        for item in list(waiting):
            kind, name, others = item
            if kind == "subset":
                split = [ps for ps in parted.get(name, []) if all(p in wholes_of for p in ps)]
                if name in chains.member:
                    waiting.remove(item)
                elif split:
                    # Its parts lie in groups that are known: they are dealt there.
                    inside = [[w for w in wholes_of[p] if w != name] for p in split[0]]
                    if all(w in chains.member for ws in inside for w in ws):
                        for part, ws in zip(split[0], inside, strict=True):
                            chains.member[part] = _deal(chains, rng, ws, problem.sizes[part])
                        chains.member[name] = sum(chains.member[p] for p in split[0]) > 0
                        waiting.remove(item)
                elif all(w in chains.member for w in others):
                    chains.member[name] = _deal(chains, rng, others, problem.sizes[name])
                    waiting.remove(item)
            elif name in chains.member:
                if not all(p in chains.member for p in others):
                    _deal_parts(chains, rng, name, others, problem)
                    inner = {w for w, _ in problem.parts} | {
                        w for _, ws in problem.subsets for w in ws
                    }
                    if not set(others) & inner and not any(p in wholes_of for p in others):
                        chains.dealt.append((name, others))
                waiting.remove(item)
    for covariate, whole in problem.free.items():
        odds = rng.uniform(0.15, 0.85, (size, 1))
        chains.member[covariate] = chains.member[whole] & (rng.random((size, n)) < odds)


def _deal(chains, rng, wholes, count):
    """So many patients at random among those who are in all these groups."""
    among = np.logical_and.reduce([chains.member[w] for w in wholes])
    order = np.argsort(np.where(among, rng.random(among.shape), 2), axis=1)
    mask = np.zeros(among.shape, bool)
    np.put_along_axis(mask, order[:, :count], True, axis=1)
    return mask & among


def _deal_parts(chains, rng, whole, parts, problem):
    """Deal all patients of a group to its parts."""
    among = chains.member[whole]
    rank = np.argsort(np.argsort(np.where(among, rng.random(among.shape), 2), axis=1), axis=1)
    edges = np.cumsum([0, *(problem.sizes[part] for part in parts)])
    for part, begin, end in zip(parts, edges, edges[1:], strict=False):
        chains.member[part] = among & (rank >= begin) & (rank < end)


def _knots(problem, group, endpoint):
    """What is demanded of a curve at fixed times."""
    found = {}
    for d in problem.demands:
        if (d.group, d.endpoint) != (group, endpoint):
            continue
        if d.kind == "survival":
            found.setdefault(d.at, {}).update(low=d.low, high=d.high)
        elif d.kind == "at_risk":
            found.setdefault(d.at, {})["left"] = problem.sizes[group] - int(d.low)
        elif d.kind == "events" and math.isfinite(d.at):
            found.setdefault(d.at, {})["events"] = (d.low, d.high)
        elif d.kind == "median" and math.isfinite(d.low):
            found.setdefault(d.low, {}).setdefault("low", 0.5 + 1e-9)
            found.setdefault(d.high, {}).setdefault("high", 0.5)
    return [Knot(at, **what) for at, what in sorted(found.items()) if at > 0]


def _range_of(problem, group, kind):
    """The box of the smallest or the largest follow-up of a group."""
    for d in problem.demands:
        if d.kind == f"follow_up_{kind}" and d.group == group:
            return d.low, d.high
    return None


def _first_times(chains, problem, rng, size, mixture):
    """Draw each leaf's curve of the first death-like endpoint, then what happened before."""
    n = problem.n
    terminal = [e for e in problem.endpoints if e in problem.terminal]
    lead = terminal[0] if terminal else problem.endpoints[0]
    spans = {root: (_range_of(problem, root, "minimum"), _range_of(problem, root, "maximum"))
             for root in problem.roots}  # fmt: skip
    flags, laws = np.zeros((size, n), bool), rng.integers(1 << 32)
    for leaf in chains.leaves:
        cols = np.nonzero(chains.member[leaf][0])[0]
        root = next(r for r in problem.roots if chains.member[r][0, cols[0]])
        first, last = spans[root]
        knots = _knots(problem, leaf, lead)
        whole = leaf == root
        reach = None
        if not whole:
            longest = max([d.at for d in problem.demands if math.isfinite(d.at)] or [1.0])
            top, edge = last[1] if last else 2 * longest, knots[-1].at if knots else 0.0
            reach = (min(edge + (top - edge) * 0.85, top * 0.99), top)
            first = last = None
        bounds = problem.events[leaf, lead]
        options = {"first": first, "last": last, "reach": reach, "mixture": mixture}
        time, event = draw_curves(rng, size, len(cols), bounds, knots, laws=laws, **options)
        missed = np.isnan(time[:, 0])
        if missed.any() and not missed.all():
            chosen = rng.choice(np.nonzero(~missed)[0], missed.sum())
            time[missed], event[missed] = time[chosen], event[chosen]
            chains.kept &= ~missed | (not whole)
        elif missed.any():
            top = (last or reach or (0, 2 * max([k.at for k in knots] or [1.0])))[1]
            time = top * rng.random(time.shape) ** 0.8
            event = rng.random(time.shape) < 0.4
        chains.last[:, cols], flags[:, cols] = time, event
        if not whole and knots:
            chains.leaf_options[leaf] = (lead, cols, bounds, knots, laws, options)
    for root, (first, last) in spans.items():
        if root not in chains.leaves:
            _fit_range(chains, rng, np.nonzero(chains.member[root][0])[0], first, last)
    chains.event[lead] = flags
    if not terminal:
        # The event came before the last contact.
        top = chains.last.max(axis=1, keepdims=True)
        longer = chains.last + (top - chains.last) * rng.random((size, n))
        later = np.where(flags, longer, chains.last)
        chains.share[lead] = np.where(flags, chains.last / later, 1.0)
        chains.last = later
    for endpoint in problem.endpoints:
        if endpoint == lead:
            continue
        outer = [a for a, b in problem.nested if b == endpoint and a in chains.event]
        if outer:
            chains.event[endpoint] = chains.event[outer[0]].copy()
            if endpoint not in problem.terminal:
                chains.share[endpoint] = chains.share.get(outer[0], np.ones((size, n))).copy()
            continue
        chains.event[endpoint] = _first_flags(chains, problem, rng, endpoint, size)
        if endpoint not in problem.terminal:
            chains.share[endpoint] = rng.beta(1.2, 1.2, (size, n))


def _fit_range(chains, rng, cols, first, last):
    """Bring the smallest and the largest time into their boxes, and nobody beyond them."""
    time, rows = chains.last[:, cols], np.arange(len(chains.last))
    if last:
        time[rows, time.argmax(axis=1)] = rng.uniform(*last, len(rows))
        beyond = time > last[1]
        time = np.where(beyond, last[0] * rng.uniform(0.7, 1, time.shape), time)
    if first:
        time = np.where(time < first[1], first[1] * rng.uniform(1.001, 1.3, time.shape), time)
        time[rows, time.argmin(axis=1)] = rng.uniform(*first, len(rows))
    chains.last[:, cols] = time


def _first_flags(chains, problem, rng, endpoint, size):
    """Who has the event, as many in each leaf as there can be."""
    flags = np.zeros((size, problem.n), bool)
    inner = [b for a, b in problem.nested if a == endpoint and b in chains.event]
    for leaf in chains.leaves:
        low, high = problem.events[leaf, endpoint]
        cols = np.nonzero(chains.member[leaf][0])[0]
        count = rng.integers(low, high + 1, size) if low < high else np.full(size, low)
        order = rng.random((size, len(cols)))
        for name in inner:
            order = order - chains.event[name][:, cols]
        rank = np.argsort(np.argsort(order, axis=1), axis=1)
        flags[:, cols] = rank < count[:, None]
    return flags


# --- Violations -----------------------------------------------------------------------------------


def violations(chains, demands):
    """How far each chain is from these demands of one curve or test, 0 where they are met."""
    first = demands[0]
    if first.kind.startswith("follow_up_"):
        return sum(_follow_up(chains, d) for d in demands)
    if first.kind == "hazard_ratio":
        return sum(_cox(chains, d) for d in demands)
    if first.kind == "log_rank":
        return sum(_log_rank(chains, d) for d in demands)
    mask = chains.member[first.group]
    count = chains.problem.sizes[first.group]
    time, event = chains.time(first.endpoint), chains.event[first.endpoint]
    time, event = _sorted(time, event, mask, count)
    survival = np.cumprod(np.where(event, 1 - 1 / (count - np.arange(count)), 1.0), axis=1)
    return sum(_of_curve(d, time, event, survival, count) for d in demands)


def group_demands(problem):
    """Demands by what is computed once for them: a curve, the follow-up, a test each."""
    found = {}
    for d in problem.demands:
        kind = d.kind if d.kind in ("hazard_ratio", "log_rank") else d.kind[:9] == "follow_up"
        single = d.id if d.kind in ("hazard_ratio", "log_rank") else ""
        found.setdefault((d.group, d.endpoint, kind, single), []).append(d)
    return list(found.values())


def _sorted(time, event, mask, count):
    """Times and events of a group's patients, in order of time."""
    key = time if count == mask.shape[1] else np.where(mask, time, np.inf)
    order = np.argsort(key, axis=1)[:, :count]
    return np.take_along_axis(key, order, axis=1), np.take_along_axis(event, order, axis=1)


def _outside(value, low, high):
    """How far a value is outside a box."""
    return np.maximum(np.maximum(low - value, value - high), 0.0)


def _log_outside(value, low, high):
    """The same on the log scale, with a step at the edge."""
    off = np.maximum(np.log(max(low, 1e-12) / np.maximum(value, 1e-12)), 0)
    if math.isfinite(high):
        off = np.maximum(off, np.log(np.maximum(value, 1e-12) / max(high, 1e-12)))
    inside = (value >= low) & (value <= high)
    return np.where(inside, 0.0, off + 0.02)


def _at(time, survival, at):
    """S at a time, and whether it is observed."""
    reached = (time <= at).sum(axis=1)
    value = np.take_along_axis(survival, np.maximum(reached - 1, 0)[:, None], axis=1)[:, 0]
    value = np.where(reached == 0, 1.0, value)
    return value, (reached < time.shape[1]) | (value <= 0)


def median_of(time, event, survival):
    """Median by R's rule: the first time at one half, or the middle of a stretch at one half."""
    below = survival < 0.5 - 1e-9
    half = (np.abs(survival - 0.5) <= 1e-9) & event
    first = _first(time, below)
    at_half = _first(time, half)
    # On a stretch at one half that no event ends, the last time stands for its end.
    end = np.where(np.isinf(first), time[:, -1], first)
    value = np.where(np.isinf(at_half), first, (at_half + end) / 2)
    return np.where(np.isinf(at_half) & np.isinf(first), np.inf, value)


def _first(time, flags):
    """The first flagged time, infinite where there is none."""
    place = flags.argmax(axis=1)
    found = np.take_along_axis(time, place[:, None], axis=1)[:, 0]
    return np.where(flags.any(axis=1), found, np.inf)


def _of_curve(d, time, event, survival, count):
    """How far a curve is from one demand."""
    if d.kind == "survival":
        value, known = _at(time, survival, d.at)
        off = _outside(value, d.low, d.high) * count
        off = np.where(off > 0, off + 0.1, 0.0) + np.where(known, 0.0, 1.0)
        if d.limits:
            off = off + _limits_off(d, time, event, survival, value)
        return off
    if d.kind in ("events", "censored"):
        what = event if d.kind == "events" else ~event
        return _outside((what & (time <= d.at)).sum(axis=1), d.low, d.high).astype(float)
    if d.kind == "at_risk":
        return _outside((time >= d.at).sum(axis=1), d.low, d.high).astype(float)
    value = median_of(time, event, survival)
    if math.isinf(d.low):
        return np.where(np.isinf(value), 0.0, 1.0 + count * (0.5 - survival[:, -1]))
    never = 2.0 + count * np.maximum(survival[:, -1] - 0.5, 0)
    near = 4 * _log_outside(np.where(np.isinf(value), 1.0, value), d.low, d.high)
    return np.where(np.isinf(value), never, near)


def _limits_off(d, time, event, survival, value):
    """How far the limits of S are from those printed, by the nearest of three usual formulas."""
    count = time.shape[1]
    left = count - np.arange(count)
    used = event & (time <= d.at) & (left > 1)
    error = np.sqrt((used / np.maximum(left * (left - 1), 1)).sum(axis=1))
    s = np.clip(value, 1e-9, 1 - 1e-9)
    wide = _WINDOW * error / np.abs(np.log(s))
    tried = [
        (s ** np.exp(wide), s ** np.exp(-wide)),
        (s * (1 - _WINDOW * error), s * (1 + _WINDOW * error)),
        (s * np.exp(-_WINDOW * error), s * np.exp(_WINDOW * error)),
    ]
    off = [
        _outside(np.clip(a, 0, 1), *d.limits[0]) + _outside(np.clip(b, 0, 1), *d.limits[1])
        for a, b in tried
    ]
    return np.minimum.reduce(off) * count


def _follow_up(chains, d):
    """How far the follow-up of a group is from what is printed."""
    mask, what = chains.member[d.group], d.kind.removeprefix("follow_up_")
    values = chains.last[mask].reshape(len(chains.last), -1)
    if what in ("minimum", "maximum"):
        value = values.min(axis=1) if what == "minimum" else values.max(axis=1)
        return 4 * _log_outside(value, d.low, d.high)
    if what == "mean":
        off = _outside(values.mean(axis=1), d.low, d.high)
        return np.where(off > 0, 0.02 + 10 * off / d.high, 0.0)
    if what == "sd":
        off = _outside(values.std(axis=1, ddof=1), d.low, d.high)
        return np.where(off > 0, 0.02 + 10 * off / d.high, 0.0)
    plain = 4 * _log_outside(np.median(values, axis=1), d.low, d.high)
    if what == "plain_median":
        return plain
    lead = next((e for e in chains.problem.endpoints if e in chains.problem.terminal), None)
    if lead is None:
        return plain
    time, event = _sorted(chains.last, chains.event[lead], mask, values.shape[1])
    reverse = reverse_median(time, event)
    return np.minimum(plain, 4 * _log_outside(np.minimum(reverse, 1e12), d.low, d.high))


def reverse_median(time, event):
    """Median follow-up by the reverse Kaplan-Meier curve."""
    left = time.shape[1] - np.arange(time.shape[1])
    curve = np.cumprod(np.where(event, 1.0, 1 - 1 / left), axis=1)
    return median_of(time, ~event, curve)


def cox_binary(time, event, group, inside=None):
    """Log hazard ratio and its standard error, and P by Wald, score and likelihood ratio.

    Arrays of chains × patients in order of time; no ties. Newton's steps on the partial likelihood.
    """
    inside = np.ones_like(group) if inside is None else inside
    one = np.cumsum((group & inside)[:, ::-1], axis=1)[:, ::-1]
    other = np.cumsum((~group & inside)[:, ::-1], axis=1)[:, ::-1]
    events = event & inside
    observed = (events & group).sum(axis=1)
    beta = np.zeros(len(time))

    def parts(beta):
        weight = one * np.exp(beta)[:, None]
        share = weight / np.maximum(weight + other, 1e-300)
        expected = np.where(events, share, 0.0).sum(axis=1)
        return expected, np.where(events, share * (1 - share), 0.0).sum(axis=1)

    expected, information = parts(beta)
    score = np.divide((observed - expected) ** 2, information, out=np.zeros(len(time)),
                      where=information > 0)  # fmt: skip
    for _ in range(12):
        step = np.divide(observed - expected, information, out=np.zeros(len(time)),
                         where=information > 1e-9)  # fmt: skip
        beta = np.clip(beta + np.clip(step, -1, 1), -12, 12)
        expected, information = parts(beta)
        if np.abs(step).max(initial=0) < 1e-9:
            break
    error = 1 / np.sqrt(np.maximum(information, 1e-12))
    # Twice the gain in log partial likelihood.
    at_zero = np.where(events, np.log(np.maximum(one + other, 1)), 0).sum(axis=1)
    at_beta = np.where(
        events, np.log(np.maximum(one * np.exp(beta)[:, None] + other, 1e-300)), 0
    ).sum(axis=1)
    gain = 2 * (beta * observed - at_beta + at_zero)
    wald = (beta / error) ** 2
    return beta, error, [special.chdtrc(1, np.maximum(q, 0)) for q in (wald, score, gain)]


def _cox(chains, d):
    """How far a Cox model of two groups is from its printed ratio, limits and P value."""
    if d.against:
        group = chains.member[d.group]
        inside = group | chains.member[d.against[0]]
    else:
        group, inside = chains.member[d.id], chains.member[d.group]
    order = np.argsort(chains.time(d.endpoint), axis=1)
    event, group, inside = (
        np.take_along_axis(a, order, axis=1) for a in (chains.event[d.endpoint], group, inside)
    )
    return _ratio_off(d, event, group, inside)


def _ratio_off(d, event, group, inside):
    """The same for patients in order of time."""
    beta, error, p = cox_binary(event, event, group, inside)
    off = _outside(beta, math.log(max(d.low, 1e-12)), math.log(d.high))
    for sign, box in zip((-1, 1), d.limits, strict=False):
        end = beta + sign * _WINDOW * error
        off = off + _outside(end, math.log(max(box[0], 1e-12)), math.log(box[1])) / 2
    if d.p:
        off = off + np.minimum.reduce([_log_outside(q, *d.p) for q in p]) / 4
    return np.where(off > 0, 0.02 + 4 * off, 0.0)


def log_rank_p(time, event, groups):
    """P of the log-rank test of groups: arrays of chains × patients in order of time, no ties."""
    everyone = np.logical_or.reduce(groups)
    events = event & everyone
    left = np.stack([np.cumsum(g[:, ::-1], axis=1)[:, ::-1] for g in groups], axis=2)
    share = left / np.maximum(left.sum(axis=2, keepdims=True), 1)
    observed = np.stack([(events & g).sum(axis=1) for g in groups], axis=1)
    expected = np.where(events[:, :, None], share, 0.0).sum(axis=1)
    used = np.where(events[:, :, None], share, 0.0)[:, :, :-1]
    cross = np.einsum("bni,bnj->bij", used, used)
    diagonal = used.sum(axis=1)
    covariance = -cross
    place = np.arange(diagonal.shape[1])
    covariance[:, place, place] += diagonal
    covariance[:, place, place] += 1e-12
    off = (observed - expected)[:, :-1]
    chi = np.einsum("bi,bi->b", off, np.linalg.solve(covariance, off[:, :, None])[:, :, 0])
    return special.chdtrc(off.shape[1], np.maximum(chi, 0))


def _log_rank(chains, d):
    """How far the P value of a log-rank test is from the printed one."""
    order = np.argsort(chains.time(d.endpoint), axis=1)
    event = np.take_along_axis(chains.event[d.endpoint], order, axis=1)
    groups = [np.take_along_axis(chains.member[g], order, axis=1) for g in (d.group, *d.against)]
    return 2 * _log_outside(log_rank_p(order, event, groups), d.low, d.high)


# --- Moves ----------------------------------------------------------------------------------------


class Search:
    """Move chains until all demands are met, or the steps are used up."""

    def __init__(self, chains, *, free=False):
        self.chains, self.problem, self.rng = chains, chains.problem, chains.rng
        self.demands = [
            ds for ds in group_demands(self.problem)
            if free or ds[0].kind != "hazard_ratio" or ds[0].id not in self.problem.free
        ]  # fmt: skip
        self.windows = self._windows()
        self.off = self._all(chains)
        self.pools = {}
        for leaf, drawing in chains.leaf_options.items() if self.off.sum() else ():
            lead, cols, bounds, knots, laws, options = drawing
            drawn = draw_curves(self.rng, 300, len(cols), bounds, knots, laws=laws, **options)
            kept = ~np.isnan(drawn[0][:, 0])
            if kept.any():
                self.pools[leaf] = (lead, cols, drawn[0][kept], drawn[1][kept])
        problem = self.problem
        n = problem.n
        self.begin, self.length = np.zeros(n, int), np.zeros(n, int)
        self.free = {endpoint: np.zeros(n, bool) for endpoint in problem.endpoints}
        for leaf in chains.leaves:
            cols = np.nonzero(chains.member[leaf][0])[0]
            self.begin[cols], self.length[cols] = cols[0], len(cols)
            for endpoint in problem.endpoints:
                low, high = problem.events[leaf, endpoint]
                self.free[endpoint][cols] = low < high
        self.moves = ["time"] * 4 + ["swap", "exchange"]
        self.moves += ["flag"]
        if any(e not in problem.terminal for e in problem.endpoints):
            self.moves += ["share"] * 3
        self.moves += ["redraw"] * (2 * bool(self.pools))
        self.moves += ["label"] * (3 * bool(chains.dealt))

    def _windows(self):
        """Boxes in which somebody's time is likely to be needed, by endpoint ("" for F)."""
        found = {}
        for d in self.problem.demands:
            if d.kind == "median" and math.isfinite(d.low):
                found.setdefault(d.endpoint, []).append((d.low, d.high))
            if d.kind.startswith("follow_up") and d.kind.split("_")[-1] in (
                "median", "minimum", "maximum",
            ):  # fmt: skip
                found.setdefault("", []).append((d.low, d.high))
        return found

    def _all(self, chains):
        found = [violations(chains, ds) for ds in self.demands]
        return np.array(found).T if found else np.zeros((len(chains.last), 0))

    def run(self, steps, hot=0.5, cold=0.01):
        """Move; return the chains that meet every demand, as lists of their arrays."""
        done = []
        for step in range(steps + 1):
            met = self.off.sum(axis=1) <= 0
            if met.any() and (step % 10 == 0 or met.all() or step == steps):
                done.append(self._taken(met))
                self._keep(~met)
            if not len(self.chains.last):
                break
            if step < steps:
                self._step(hot * (cold / hot) ** (step / max(steps, 1)))
        return done

    def furthest(self):
        """The facts that the remaining chains are furthest from."""
        if not len(self.off) or not self.off.size:
            return []
        off = self.off.mean(axis=0)
        return [self.demands[k][0].id for k in np.argsort(-off)[:3] if off[k] > 0]

    def walk(self, steps):
        """Move chains that meet every demand so that they go on meeting it."""
        for _ in range(steps if self.demands else 0):
            self._step(1e-9)

    def _taken(self, rows):
        other = self.chains.copy()
        other.take(rows)
        return other

    def _keep(self, rows):
        self.chains.take(rows)
        self.off = self.off[rows]

    def _step(self, heat):
        chains, rng = self.chains, self.rng
        size, n = chains.last.shape
        rows = np.arange(size)
        new, move = chains.copy(), self.moves[rng.integers(len(self.moves))]
        # Each chain moves a patient of a group that is off; the kind of move is that of one chain.
        weight = np.cumsum(self.off + 1e-6, axis=1)
        if not weight.shape[1]:
            weight = np.ones((size, 1))
        place = (weight < rng.random((size, 1)) * weight[:, -1:]).sum(axis=1)
        i = rng.integers(n, size=size)
        for k in np.unique(place):
            mine = (place == k) & (rng.random(size) < 0.85)
            i[mine] = self._one_of(self._among(k)[mine])
        lead = place[rng.integers(size)]
        first, ds = self.demands[lead][0], self.demands[lead]
        aims = [d for d in ds if d.kind.endswith("median") and d.high < math.inf]
        groups = moved = None
        touched = i[:, None]
        if aims and rng.random() < 0.5:
            d = aims[rng.integers(len(aims))]
            touched, moved = self._aim(new, d), d.endpoint
        elif move == "time":
            new.last = chains.last.copy()
            new.last[rows, i] = np.maximum(self._new_times(rows, i, first), 1e-3)
        elif move in ("swap", "exchange"):
            j = self.begin[i] + (rng.random(size) * self.length[i]).astype(int)
            across = move == "exchange" and rng.random() < 0.3
            if across:
                j = rng.integers(n, size=size)
            touched = np.column_stack([i, j])
            if move == "swap":
                endpoint = self._endpoint(first)
                new.event[endpoint] = _swapped(chains.event[endpoint], rows, i, j)
            else:
                new.last = _swapped(chains.last, rows, i, j)
                for store in () if across else (new.event, new.share):
                    for key in store:
                        store[key] = _swapped(store[key], rows, i, j)
        elif move == "flag":
            endpoint = self._endpoint(first)
            moved, free = endpoint, self.free[endpoint][i]
            flags = chains.event[endpoint].copy()
            flags[rows[free], i[free]] ^= True
            new.event[endpoint] = flags
        elif move == "share":
            names = list(chains.share)
            moved = first.endpoint if first.endpoint in names else names[rng.integers(len(names))]
            new.share[moved] = self._new_shares(rows, i, moved, first)
        elif move == "redraw":
            touched = self._redraw(new)
        else:
            whole, parts = chains.dealt[rng.integers(len(chains.dealt))]
            among = chains.member[whole]
            touched = np.column_stack([self._one_of(among), self._one_of(among)])
            for part in parts:
                new.member[part] = _swapped(chains.member[part], rows, *touched.T)
            groups = set(parts)
        new.close(moved)
        self._accept(new, touched, groups, heat)

    def _among(self, place):
        """The patients whom a demand is about."""
        first, member = self.demands[place][0], self.chains.member
        return np.logical_or.reduce([member[g] for g in (first.group, *first.against)])

    def _one_of(self, mask):
        """A patient at random of each row."""
        return np.where(mask, self.rng.random(mask.shape), -1.0).argmax(axis=1)

    def _endpoint(self, first):
        names = self.problem.endpoints
        return first.endpoint or names[self.rng.integers(len(names))]

    def _new_times(self, rows, i, first):
        chains, rng = self.chains, self.rng
        old, size = chains.last[rows, i], len(rows)
        kind = rng.random()
        windows = self.windows.get("", []) + [
            w for e in self.problem.terminal for w in self.windows.get(e, [])
        ]
        if first.kind in ("follow_up_mean", "follow_up_sd") and kind < 0.6:
            return self._for_moments(rows, i, first)
        if first.kind == "hazard_ratio" and rng.random() < 0.5:
            return self._beside(chains.last, rows, i)
        if kind < 0.45 or (kind < 0.7 and not windows):
            return old * np.exp(rng.normal(0, 0.25 if kind < 0.3 else 0.02, size))
        if kind < 0.7:
            return rng.uniform(*windows[rng.integers(len(windows))], size)
        j = rng.integers(self.problem.n, size=size)
        return chains.last[rows, j] * rng.uniform(0.97, 1.03, size)

    def _new_shares(self, rows, i, endpoint, first):
        chains, rng = self.chains, self.rng
        last, share = chains.last[rows, i], chains.share[endpoint].copy()
        windows = self.windows.get(endpoint, [])
        kind = rng.random()
        if first.kind == "hazard_ratio" and rng.random() < 0.5:
            value = self._beside(chains.time(endpoint), rows, i) / last
        elif windows and kind < 0.4:
            value = rng.uniform(*windows[rng.integers(len(windows))], len(last)) / last
        elif kind < 0.7:
            value = share[rows, i] * np.exp(rng.normal(0, 0.2, len(last)))
        else:
            value = rng.random(len(last))
        share[rows, i] = np.where(value <= 1, np.maximum(value, 1e-3), share[rows, i])
        return share

    def _redraw(self, new):
        """Another curve of a leaf that prints as demanded; earlier events stay where they were."""
        chains, rng = self.chains, self.rng
        leaf = list(self.pools)[rng.integers(len(self.pools))]
        lead, cols, times, flags = self.pools[leaf]
        pick = rng.integers(len(times), size=len(chains.last))
        old = chains.last[:, cols]
        key = old + 1e6 * ~chains.event[lead][:, cols]
        rank = np.argsort(np.argsort(key, axis=1), axis=1)
        drawn, event = times[pick], flags[pick]
        order = np.argsort(drawn + 1e6 * ~event, axis=1)
        place = np.take_along_axis(order, rank, axis=1)
        new.last, new.event[lead] = chains.last.copy(), chains.event[lead].copy()
        new.last[:, cols] = np.take_along_axis(drawn, place, axis=1)
        new.event[lead][:, cols] = np.take_along_axis(event, place, axis=1)
        for endpoint, share in chains.share.items():
            share = share.copy()
            kept = share[:, cols] * old / new.last[:, cols]
            share[:, cols] = np.where(kept <= 1, kept, rng.random(kept.shape))
            new.share[endpoint] = share
        return np.tile(cols, (len(chains.last), 1))

    def _aim(self, new, d):
        """Move the patient at a median by what the median is off."""
        chains, rng = self.chains, self.rng
        mask, rows = chains.member[d.group], np.arange(len(chains.last))
        plain = d.kind.startswith("follow_up")
        time = chains.last if plain else chains.time(d.endpoint)
        flags = mask if plain else mask & chains.event[d.endpoint]
        inside, event = _sorted(time, flags, mask, self.problem.sizes[d.group])
        if plain:
            median = np.median(inside, axis=1)
        else:
            left = inside.shape[1] - np.arange(inside.shape[1])
            survival = np.cumprod(np.where(event, 1 - 1 / left, 1.0), axis=1)
            median = median_of(inside, event, survival)
        goal = rng.uniform(d.low, d.high, len(rows))
        goal = np.where(np.isfinite(median), goal, np.inf)
        known = np.isfinite(median)
        median = np.where(known, median, 0.0)
        gap = np.where(flags, np.abs(time - median[:, None]), np.inf)
        nearest = np.argpartition(gap, 1, axis=1)[:, : 1 + (gap.shape[1] > 1)]
        who = nearest[rows, rng.integers(nearest.shape[1], size=len(rows))]
        step = np.where(known, goal - median, 0.0) * rng.choice([1.0, 2.0], len(rows))
        value = np.maximum(time[rows, who] + step, 1e-3)
        value = np.where(rng.random(len(rows)) < 0.5, value, np.where(known, goal, value))
        if plain or d.endpoint in self.problem.terminal:
            new.last = chains.last.copy()
            new.last[rows, who] = value
        else:
            share = chains.share[d.endpoint].copy()
            ratio = value / chains.last[rows, who]
            longer = ratio > 1
            if longer.any():
                # Who is to have the event later is to be observed for longer, too.
                new.last, stretch = chains.last.copy(), rng.uniform(1.001, 1.6, len(rows))
                new.last[rows, who] = np.where(longer, value * stretch, chains.last[rows, who])
                ratio = np.where(longer, 1 / stretch, ratio)
            share[rows, who] = ratio
            new.share[d.endpoint] = share
        return who[:, None]

    def _beside(self, time, rows, i):
        """A time one or two places up or down in the order of all, which changes little."""
        order = np.argsort(time, axis=1)
        place = np.argsort(order, axis=1)[rows, i]
        to = np.clip(place + self.rng.choice([-2, -1, 1, 2], len(rows)), 0, time.shape[1] - 1)
        return time[rows, order[rows, to]] * (1 + self.rng.choice([-1e-4, 1e-4], len(rows)))

    def _for_moments(self, rows, i, first):
        """The time of one patient with which mean or SD come out as demanded."""
        rest = self.chains.last[:, self.chains.member[first.group][0]]
        n, own = rest.shape[1], self.chains.last[rows, i]
        mean = (rest.sum(axis=1) - own) / (n - 1)
        wanted = {d.kind: d for ds in self.demands for d in ds if d.kind in (
            "follow_up_mean", "follow_up_sd") and d.group == first.group}  # fmt: skip
        d = wanted[list(wanted)[self.rng.integers(len(wanted))]]
        goal = self.rng.uniform(d.low, d.high, len(own))
        if d.kind == "follow_up_mean":
            return n * goal - (n - 1) * mean
        around = (rest**2).sum(axis=1) - own**2 - (n - 1) * mean**2
        spread = ((n - 1) * goal**2 - around) * n / (n - 1)
        side = np.where(self.rng.random(len(own)) < 0.8, np.sign(own - mean), np.sign(mean - own))
        return np.where(spread > 0, mean + side * np.sqrt(np.maximum(spread, 0)), own)

    def _accept(self, new, touched, groups, heat):
        """Take the chains over in which a move helps, or harms little for the temperature."""
        off = self._moved(new, touched, groups)
        change = off.sum(axis=1) - self.off.sum(axis=1)
        draw = self.rng.random(len(change))
        taken = (change <= 0) | (draw < np.exp(-change.clip(0, 50) / heat))
        self._take_over(self.chains, new, off, taken)

    def _moved(self, new, touched, groups):
        """All violations after a move; only those are computed that it can have changed."""
        off, rows = self.off.copy(), np.arange(len(self.off))[:, None]
        for place, ds in enumerate(self.demands):
            names = {ds[0].group, *ds[0].against}
            if groups is not None:
                if not names & groups:
                    continue
            elif not any(self.chains.member[g][rows, touched].any() for g in names):
                continue
            off[:, place] = violations(new, ds)
        return off

    def _take_over(self, chains, new, off, taken):
        """Replace the chains that were taken by the moved ones."""
        rows = taken[:, None]
        self.off = np.where(rows, off, self.off)
        if new.last is not chains.last:
            chains.last = np.where(rows, new.last, chains.last)
        for name in ("member", "event", "share"):
            mine, theirs = getattr(chains, name), getattr(new, name)
            for key in mine:
                if theirs[key] is not mine[key]:
                    mine[key] = np.where(rows, theirs[key], mine[key])


def _swapped(array, rows, i, j):
    """The same array with two patients of each chain exchanged."""
    other = array.copy()
    other[rows, i], other[rows, j] = array[rows, j], array[rows, i]
    return other


def fit_free_covariates(chains, steps):
    """Deal each covariate of unknown patients until its model prints; which chains succeeded."""
    problem, rng = chains.problem, chains.rng
    chains.member = dict(chains.member)
    count = len(chains.last)
    fits = np.ones(count, bool)
    for covariate in problem.free:
        demand = next(d for d in problem.demands if d.id == covariate and d.kind == "hazard_ratio")
        order = np.argsort(chains.time(demand.endpoint), axis=1)
        parts = chains.event[demand.endpoint], chains.member[demand.group], chains.member[covariate]
        event, inside, mask = (np.take_along_axis(a, order, axis=1) for a in parts)
        # Several tries of each chain at once; the first that succeeds is kept.
        owner = np.repeat(np.arange(count), max(1, min(20, 600 // max(count, 1))))
        tried = mask[owner]
        off = _ratio_off(demand, event[owner], tried, inside[owner])
        met = np.zeros(count, bool)
        for step in range(steps + 1):
            for row in np.nonzero(off <= 0)[0]:
                if not met[owner[row]]:
                    mask[owner[row]], met[owner[row]] = tried[row], True
            left = ~met[owner]
            owner, tried, off = owner[left], tried[left], off[left]
            if step == steps or not owner.size:
                break
            heat = 0.3 * (0.005 / 0.3) ** (step / steps)
            new, among, here = tried.copy(), inside[owner], np.arange(len(owner))
            i, j = (np.where(among, rng.random(among.shape), -1).argmax(axis=1) for _ in range(2))
            if rng.random() < 0.3:
                new[here, i] ^= True
            else:
                new[here, i], new[here, j] = tried[here, j], tried[here, i]
            found = _ratio_off(demand, event[owner], new, among)
            change = found - off
            taken = (change <= 0) | (rng.random(len(off)) < np.exp(-change.clip(0, 50) / heat))
            off, tried = np.where(taken, found, off), np.where(taken[:, None], new, tried)
        back = np.zeros_like(mask)
        np.put_along_axis(back, order, mask, axis=1)
        chains.member[covariate] = back
        fits &= met
    return fits
