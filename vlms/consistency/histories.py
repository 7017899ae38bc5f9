"""Which histories of n patients give a Kaplan-Meier estimate inside given boxes?

A history is the order in which n patients leave observation, each by an event or by censoring.
The estimate is the product of (r − 1)/r over the events, r being the number still at risk; tied
events are a run of single ones, since their factors telescope, and censoring at the time of an
event comes after it. So a history is a string of e and c, and each printed time cuts it.

Search. Histories are grouped by their plan: how many events and censorings fall in each segment
between printed times. Over a segment with r at risk, e events and c censorings, the factor lies
between (r − c − e)/(r − c), all censored first, and (r − e)/r, all censored last; plans whose
bounds miss a box are dropped, and that is a proof. What is left is enumerated with the fewest
censorings first: the values of a plan follow from those with one step fewer. A plan with more
values than the budget allows is never called impossible but is reported as open.
Censorings after the last event before the last time change nothing, and are left out.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, comb, floor

import numpy as np

from vlms.consistency.products import ProductTable, distinct

# Floats stand for the exact products; boxes are widened by far more than the rounding error.
_SLACK = 1e-11


@dataclass(frozen=True)
class History:
    """One order of leaving observation.

    Attributes
    ----------
    n : int
        Patients at the start.
    segments : tuple of str
        For each printed time, the steps since the one before: ``e`` an event, ``c`` a censoring.

    Examples
    --------
    >>> History(6, ("ee", "ce")).survival()
    [Fraction(2, 3), Fraction(4, 9)]
    """

    n: int
    segments: tuple

    def survival(self):
        """Return the exact Kaplan-Meier estimate at the end of each segment."""
        at_risk, product, values = self.n, Fraction(1), []
        for segment in self.segments:
            for step in segment:
                if step == "e":
                    product *= Fraction(at_risk - 1, at_risk)
                at_risk -= 1
            values.append(product)
        return values

    @property
    def censored(self):
        """Patients censored before the last time."""
        return sum(segment.count("c") for segment in self.segments)

    @property
    def steps(self):
        """The steps as text, ``|`` at each printed time."""
        return " | ".join(_runs(segment) for segment in self.segments)


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes
    ----------
    histories : tuple of History
        Fewest censored first, one for each plan.
    open_from : int or None
        The fewest censorings of a plan that the budget left open; None when all were decided.
    """

    histories: tuple
    open_from: int | None

    @property
    def fewest(self):
        """The fewest censorings of a history that was found; None if none was."""
        return self.histories[0].censored if self.histories else None

    @property
    def impossible(self):
        """Whether it is proven that there is no history."""
        return not self.histories and self.open_from is None

    @property
    def at_least(self):
        """A proven lower bound for the number censored; None if there is no history."""
        found = [c for c in (self.fewest, self.open_from) if c is not None]
        return min(found, default=None)


def search_histories(
    n,
    boxes,
    *,
    most_censored=None,
    most_events=None,
    limit=1,
    budget=4_000_000,
    plans=200_000,
):
    """Find histories whose estimate lies in each box, fewest censored first.

    Parameters
    ----------
    n : int
        Patients at the start.
    boxes : sequence of (float, float)
        Closed interval of the estimate at each printed time, in order of time.
    most_censored, most_events : int, optional
        At most so many by the last time.
    limit : int
        Stop after so many histories.
    budget : int
        Values that may be enumerated in all.
    plans : int
        Plans that may be looked at.

    Returns
    -------
    Search

    Examples
    --------
    >>> search_histories(16, [(0.885, 0.905)]).histories
    (History(n=16, segments=('cccccce',)),)
    >>> search_histories(50, [(0.994, 0.996)]).impossible
    True
    """
    most_censored = n if most_censored is None else min(n, most_censored)
    most_events = n if most_events is None else min(n, most_events)
    levels = range(most_censored + 1)
    return _search(n, boxes, levels, (0, most_events), limit, plans, ProductTable(budget))


def fewest_censored_by_events(n, boxes, *, budget=200_000):
    """Return the fewest censored for each number of events by the last time.

    Parameters
    ----------
    n : int
        Patients at the start.
    boxes : sequence of (float, float)
        As for `search_histories`.
    budget : int
        Values that may be enumerated; beyond it the bounds alone decide, so that the number is
        never too large.

    Returns
    -------
    numpy.ndarray of float, shape (n + 1,)
        By number of events from 0; infinite where no history exists.

    Examples
    --------
    >>> fewest_censored_by_events(6, [(0.49, 0.51)])
    array([inf,  4.,  2.,  0., inf, inf, inf])
    """
    table, fewest = ProductTable(budget), np.full(n + 1, np.inf)
    low, high = boxes[-1]
    for events in range(n + 1):
        # All censored last leaves (n - e)/n at most, all first (n - e - c)/(n - c) at least.
        if (n - events) / n < low - _SLACK:
            break
        least = n - events / (1 - high) if high < 1 else 0
        levels = range(max(ceil(least - 1e-6), 0), n - events + 1)
        search = _search(n, boxes, levels, (events, events), 0, 200_000, table)
        if search.at_least is not None:
            fewest[events] = search.at_least
    return fewest


def _search(n, boxes, levels, events, limit, plans, table):
    """Search level by level of the number censored; a limit of 0 stops at what is open, too."""
    boxes = [(low - _SLACK, high + _SLACK) for low, high in boxes]
    found, open_from, looked_at = [], None, 0
    for censored in levels:
        level = list(_plans(n, boxes, censored, events, plans - looked_at))
        looked_at += len(level) + 1
        # Only a full share of the budget lets a plan be missed.
        if looked_at >= plans and open_from is None:
            open_from = censored
        for _, _, plan in sorted((_cost(plan), off, plan) for plan, off in level):
            history, decided = _realise(n, boxes, plan, table)
            if history is not None:
                found.append(history)
            elif not decided and open_from is None:
                open_from = censored
            if len(found) >= max(limit, 1):
                break
        stopped = limit == 0 and open_from is not None
        if len(found) >= max(limit, 1) or looked_at >= plans or stopped:
            break
    return Search(tuple(found), open_from)


def _plans(n, boxes, censored, events, most):
    """Yield plans, (events, censored) a segment, that the bounds allow, and how far off they are.

    How far off: the distance of the middle of the bounds from the middle of the box, summed, so
    that the plan nearest to what is printed is tried first.
    """
    last = len(boxes) - 1
    spare = events[1] - events[0]
    stack = [(0, n, 1.0, 1.0, censored, events[1], (), 0.0)]
    while stack and most > 0:
        segment, at_risk, low, high, left, events_left, plan, off = stack.pop()
        if segment > last:
            most -= 1
            yield plan, off
            continue
        box = boxes[segment]
        for c in range(left if segment == last else 0, min(left, at_risk) + 1):
            stay = at_risk - c
            fewest = ceil(stay * (1 - box[1] / low) - 1e-6) if low > 0 else 0
            most_e = floor(at_risk * (1 - box[0] / high) + 1e-6) if high > 0 else 0
            # A censoring after the last event of all shows in no printed value.
            fewest = max(fewest, 1 if segment == last and c else 0)
            if segment == last:
                fewest = max(fewest, events_left - spare)
            for e in range(max(fewest, 0), min(stay, most_e, events_left) + 1):
                bottom = low * (stay - e) / stay if stay else low
                top = high * (at_risk - e) / at_risk if at_risk else high
                new = max(bottom, box[0]), min(top, box[1])
                if new[0] <= new[1] + _SLACK:
                    step = (segment + 1, stay - e, max(new[0], 0), new[1], left - c)
                    away = off + abs(bottom + top - box[0] - box[1])
                    stack.append((*step, events_left - e, (*plan, (e, c)), away))


def _cost(plan):
    return sum(comb(e + c, c) for e, c in plan)


def _realise(n, boxes, plan, table):
    """Return a history that follows the plan into all boxes, and whether that was decided."""
    at_risk, reached = n, [np.ones(1)]
    for index, (box, (e, c)) in enumerate(zip(boxes, plan, strict=True)):
        factors = table.factors(at_risk, e, c, ends_in_event=index == len(boxes) - 1 and c > 0)
        if factors is None:
            return None, False
        start = reached[-1]
        if len(start) > table.budget // 20:
            return None, False
        with np.errstate(divide="ignore", invalid="ignore"):
            first = np.searchsorted(factors, np.where(start > 0, box[0] / start, -np.inf), "left")
            after = np.searchsorted(factors, np.where(start > 0, box[1] / start, np.inf), "right")
        counts = np.maximum(after - first, 0)
        if counts.sum() > table.budget:
            return None, False
        if not counts.sum():
            return None, True
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        reached.append(
            distinct(np.repeat(start, counts) * factors[np.repeat(first, counts) + offsets])
        )
        at_risk -= e + c
    value = reached[-1][np.argmin(np.abs(reached[-1] - sum(boxes[-1]) / 2))]
    segments = []
    for index in range(len(plan) - 1, -1, -1):
        e, c = plan[index]
        at_risk += e + c
        factors = table.factors(at_risk, e, c, ends_in_event=index == len(plan) - 1 and c > 0)
        start = reached[index]
        wanted = value / np.where(start > 0, start, 1)
        spot = np.clip(np.searchsorted(factors, wanted), 1, len(factors)) - 1
        nearest = np.minimum(spot + 1, len(factors) - 1)
        spot = np.where(
            np.abs(factors[nearest] - wanted) < np.abs(factors[spot] - wanted), nearest, spot
        )
        best = np.argmin(np.abs(factors[spot] * start - value))
        segments.append(table.steps(at_risk, e, c, factors[spot[best]], index == len(plan) - 1))
        value = start[best]
    return History(n, tuple(reversed(segments))), True


def _runs(segment):
    """Shorten ``eeec`` to ``3e 1c``."""
    runs = []
    for step in segment:
        if runs and runs[-1][1] == step:
            runs[-1][0] += 1
        else:
            runs.append([1, step])
    return " ".join(f"{count}{step}" for count, step in runs) or "–"
