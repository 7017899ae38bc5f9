"""Draw survival curves that print as demanded, many cohorts at once.

Hazard and censoring come from a mixture of laws, not one. Censored times: Dirichlet weights of the
gaps between printed times, a constant rate, uniform accrual. Events and censored within a gap: a
uniform variable to a log-normal power. The number of events in a gap is what brings the
Kaplan-Meier product, in the order drawn, into the printed box; who does not fit is drawn again.
"""

import math
from dataclasses import dataclass

import numpy as np

# Shares of Dirichlet weights, a constant rate and uniform accrual; sigma of the log-normal power.
MIXTURE = {"laws": (0.3, 0.1, 0.6), "sigma": 0.5, "concentration": 0.35, "late": 0.6}
_RETRIES = 8


@dataclass(frozen=True)
class Knot:
    """What holds of a curve at a time: boxes of S and of events, how many have left (None: any)."""

    at: float
    low: float = 0.0
    high: float = 1.0
    events: tuple = (0, math.inf)
    left: int | None = None


def draw_curves(
    rng, size, n, events, knots, *, first=None, last=None, reach=None, laws=None, mixture=None
):
    """Draw times and events of `size` cohorts of n patients; those not found are NaN.

    `events` bounds the number of events, `first` and `last` are the boxes of the smallest and the
    largest time, where they are known; `reach` is the box of a time that nobody is beyond. `laws`
    seeds the law of censoring, so that groups of a cohort share it.
    """
    mixture = mixture or MIXTURE
    time, event = np.full((size, n), np.nan), np.zeros((size, n), bool)
    waiting = np.arange(size)
    laws = rng.integers(1 << 32) if laws is None else laws
    for attempt in range(4 * _RETRIES):
        if not waiting.size:
            break
        # A law under which nothing fits gives way to another.
        law = _laws([laws, attempt // 3], size, len(knots) + 1, mixture)
        law = [values[waiting] for values in law]
        ranges = first, last, reach
        drawn, flags, fits = _draw(rng, waiting.size, n, events, knots, ranges, law, mixture)
        time[waiting[fits]], event[waiting[fits]] = drawn[fits], flags[fits]
        waiting = waiting[~fits]
    return time, event


def _laws(seed, size, gaps, mixture):
    """What the law of censoring of each cohort is made of."""
    rng = np.random.default_rng(seed)
    law = rng.choice(3, size, p=mixture["laws"])
    rate = np.exp(rng.uniform(math.log(0.2), math.log(4), (size, 1)))
    late = rng.random((size, 1)) < mixture["late"]
    begin = np.where(late, 1 - 0.25 * rng.random((size, 1)) ** 2, rng.random((size, 1)))
    begin = np.minimum(begin, 0.99)
    power = np.exp(rng.normal(0, mixture["sigma"], (size, 1)))
    return [law, rate, begin, power, rng.dirichlet(np.full(gaps, mixture["concentration"]), size)]


def _draw(rng, size, n, events, knots, ranges, law, mixture):
    """One attempt for each cohort."""
    first, last, reach = ranges
    ends = np.array([knot.at for knot in knots])
    horizon = _horizon(rng, size, ends, last or reach)
    start = np.zeros(size) if first is None else rng.uniform(*first, size)
    start = np.minimum(start, (ends[0] if len(ends) else horizon) * 0.999)
    edges = np.column_stack([start, *([t] * size for t in ends), horizon])
    total = _events(rng, size, n, events, knots)
    weights = _weights(edges, knots, law)
    censored = rng.multinomial(n - total, weights)
    time, event = np.full((size, n), np.nan), np.zeros((size, n), bool)
    at_risk, survival, done = np.full(size, n), np.ones(size), np.zeros(size, int)
    fits = np.ones(size, bool)
    floors = [max([k.low for k in knots[j:]]) for j in range(len(knots))]
    for j, knot in enumerate(knots):
        gap = _Gap(rng, n, at_risk, censored[:, j], survival, knot, floors[j], done, fits, mixture)
        fits &= gap.fits & (done + gap.events <= total)
        _fill(time, event, n - at_risk, gap, edges[:, j], edges[:, j + 1], fits)
        left = np.minimum(gap.events + gap.censored, at_risk)
        at_risk, survival = at_risk - left, np.where(fits, gap.survival, survival)
        done = done + gap.events
    rest = total - done
    fits &= (rest >= 0) & (rest <= at_risk)
    rest = np.clip(rest, 0, at_risk)
    powers = np.exp(rng.normal(0, mixture["sigma"], (1, size, 1)))
    place = rng.random((size, n))
    flags = np.arange(n) < rest[:, None]
    # Who is censored by uniform accrual is so from its begin on, by a power of a uniform else.
    edge = (edges[:, -2:-1] - edges[:, :1]) / np.maximum(edges[:, -1:] - edges[:, :1], 1e-12)
    late = np.clip((law[2] - edge) / np.maximum(1 - edge, 1e-12), 0, 0.99)
    late = late + (1 - late) * place
    of_censored = np.where(law[0][:, None] == 2, late, place ** law[3])
    place = np.where(flags, place ** powers[0], of_censored)
    used = np.arange(n) < at_risk[:, None]
    spans = edges[:, -2:-1] + place * (edges[:, -1:] - edges[:, -2:-1])
    rows, cols = np.nonzero(used)
    to = n - at_risk[rows] + cols
    time[rows, to], event[rows, to] = spans[rows, cols], flags[rows, cols]
    everyone = np.arange(size)
    time = np.where(np.isnan(time), 0.0, time)
    if last is not None:
        fits &= at_risk > 0
        time[everyone, time.argmax(axis=1)] = horizon
    if first is not None:
        lowest = time.argmin(axis=1)
        fits &= time[everyone, lowest] < (ends[0] if len(ends) else math.inf)
        time[everyone, lowest] = start
    return time, event, fits


def _horizon(rng, size, ends, last):
    """The longest time: as printed, else beyond the last printed time."""
    latest = ends[-1] if len(ends) else 1.0
    if last is None:
        return latest * (1 + rng.exponential(0.5, size) + 0.02)
    horizon = rng.uniform(*last, size)
    return np.maximum(horizon, latest * (1 + 1e-6))


def _events(rng, size, n, events, knots):
    """The number of events: as printed, else by a curve that goes on falling or stays."""
    low, high = events
    if low == high:
        return np.full(size, int(low))
    printed = [knot for knot in knots if knot.high - knot.low < 0.2]
    end = np.full(size, 1.0)
    if printed:
        end = rng.uniform(printed[-1].low, printed[-1].high, size)
    end = end * rng.beta(3, 1, size) if printed else rng.random(size)
    total = np.round(n * (1 - end) * rng.uniform(0.6, 1, size) + rng.uniform(-1, 2, size))
    return np.clip(total, low, min(high, n)).astype(int)


def _weights(edges, knots, laws):
    """The share of all censored that falls into each gap, by the law of each cohort."""
    law, rate, begin, _, dirichlet = laws
    survival = [1.0, *((knot.low + knot.high) / 2 for knot in knots)]
    middle = np.array([(a + b) / 2 for a, b in zip(survival, [*survival[1:], 0.7], strict=True)])
    middle[-1] = survival[-1] * 0.85
    reach = edges[:, -1:] - edges[:, :1]
    spent = (edges - edges[:, :1]) / np.maximum(reach, 1e-12)
    constant = -np.diff(np.exp(-rate * spent), axis=1) / (1 - np.exp(-rate))
    uniform = np.diff(np.clip((spent - begin) / (1 - begin), 0, 1), axis=1)
    kinds = np.stack([dirichlet, constant * middle, uniform * middle])
    weights = kinds[law, np.arange(len(law))] + 1e-9
    weights /= weights.sum(axis=1, keepdims=True)
    weights[:, -1] = np.maximum(0, 1 - weights[:, :-1].sum(axis=1))
    return weights


class _Gap:
    """Events and censored between two printed times, in an order that gives the printed S."""

    def __init__(self, rng, n, at_risk, censored, survival, knot, floor, done, alive, mixture):
        size = len(at_risk)
        self.events, self.censored = np.zeros(size, int), np.minimum(censored, at_risk)
        self.survival, self.fits = survival.copy(), np.zeros(size, bool)
        self.place = np.zeros((size, int(at_risk.max()) if size else 0))
        low, high = np.maximum(knot.low, floor), np.minimum(knot.high, survival)
        target = low + (high - low) * rng.random(size)
        leaving = None if knot.left is None else knot.left - (n - at_risk)
        waiting = np.nonzero((low <= high + 1e-12) & alive)[0]
        for _ in range(_RETRIES - 2):
            if not waiting.size:
                break
            r, s, c = at_risk[waiting], survival[waiting], self.censored[waiting]
            want = target[waiting] / np.maximum(s, 1e-12)
            guess = np.round((1 - want) * np.maximum(r - c * rng.random(len(r)), 0)).astype(int)
            powers = np.exp(rng.normal(0, mixture["sigma"], (2, len(r), 1)))
            width = int(r.max()) if len(r) else 0
            of_censored = rng.random((len(r), width)) ** powers[0]
            of_events = rng.random((len(r), width)) ** powers[1]
            e, now = guess, np.arange(len(r))
            for _ in range(5):
                # One event more lowers the product, one fewer raises it.
                c_now = c[now] if leaving is None else leaving[waiting[now]] - e
                possible = (e >= 0) & (c_now >= 0) & (e + c_now <= r[now])
                possible &= done[waiting[now]] + e >= knot.events[0]
                possible &= done[waiting[now]] + e <= knot.events[1]
                e_now, c_now = np.where(possible, e, 0), np.where(possible, c_now, 0)
                factor, order = _product(r[now], e_now, c_now, of_events[now], of_censored[now])
                value = s[now] * factor
                inside = possible & (value >= knot.low) & (value <= knot.high)
                to = waiting[now[inside]]
                self.events[to], self.censored[to] = e_now[inside], c_now[inside]
                self.survival[to], self.fits[to] = value[inside], True
                self.place[to, :width] = order[inside][:, :width]
                e = np.where(possible, e + np.where(value > knot.high, 1, -1), np.abs(e - 1))
                now, e = now[~inside], e[~inside]
                if not now.size:
                    break
            waiting = waiting[~self.fits[waiting]]


def _product(at_risk, events, censored, of_events, of_censored):
    """The factor of S over a gap; and the places, those of the events first."""
    width = of_events.shape[1]
    column = np.arange(width)
    most = int((events + censored).max(initial=0))
    if most == 0:
        return np.ones(len(at_risk)), np.zeros((len(at_risk), width))
    is_event = column < events[:, None]
    used = column < (events + censored)[:, None]
    shifted = np.take_along_axis(of_censored, (column - events[:, None]) % max(width, 1), axis=1)
    place = np.where(is_event, of_events, shifted)
    key = np.where(used, place, np.inf)[:, :most]
    order = np.argsort(key, axis=1)
    flags = np.take_along_axis(is_event[:, :most], order, axis=1)
    left = at_risk[:, None] - np.arange(most)
    factor = np.where(flags, 1 - 1 / np.maximum(left, 1), 1.0).prod(axis=1)
    return factor, place


def _fill(time, event, start, gap, begin, end, fits):
    """Put the patients of a gap behind those of the gaps before."""
    count = np.where(fits, gap.events + gap.censored, 0)
    rows, cols = np.nonzero(np.arange(gap.place.shape[1]) < count[:, None])
    to = start[rows] + cols
    # Never exactly at a printed time: who is at it has had it, or has not.
    spot = np.clip(gap.place[rows, cols], 1e-6, 1 - 1e-6)
    time[rows, to] = begin[rows] + spot * (end[rows] - begin[rows])
    event[rows, to] = cols < gap.events[rows]
