"""How many events a printed hazard ratio can have had, given the sizes of its two groups.

`vlms.consistency.information` bounds the events from below for any covariate. With group sizes
more is known: whoever leaves first, the share p = θy₁/(θy₁ + y₀) of the risk is fixed by how many,
y₁ and y₀, are still at risk. The information Σp(1 − p) and the score Σ(p − δ), zero at the
estimate (δ = 1 for an event in the first group), are then sums along a path of (y₁, y₀) down from
the group sizes, each step an event or a censoring in either group.

Bound. For any number λ the smallest information of a path with score zero is at least the minimum
of Σ[p(1 − p) + λ(p − δ)] over all paths, and the largest at most the maximum (weak duality). Both
are found exactly by dynamic programming over (y₁, y₀, events left); the best of a grid of λ is
taken, and p ranges over all ratios that print alike. So the range is never too narrow, and two
results for one endpoint in the same patients contradict each other when their ranges do not meet.
Source: Cox, J R Stat Soc B 1972;34:187 (score and information).
"""

import numpy as np

from vlms.consistency.findings import Finding, whole
from vlms.consistency.information import ROBUST, WALD, log_box, normal_quantile, printed_ratio

# A finer or wider grid hardly narrows the range, and any grid is valid.
_MULTIPLIERS = np.linspace(-1.5, 1.5, 61)
_MOST_PATIENTS = 120
_UNTIED = "a single two-valued covariate in a Cox model, no two events at the same time"


def possible_events(hr, lower, upper, groups, *, confidence=0.95):
    """Return the fewest and the most events with which a printed result can be true.

    Parameters
    ----------
    hr, lower, upper : str or float
        The hazard ratio of the first group against the second, and its limits, as printed.
    groups : tuple of int
        Patients in the first group and in the second (the reference).
    confidence : float
        Confidence level of the limits.

    Returns
    -------
    tuple of int, or None
        None when no number of events will do.

    Raises
    ------
    ValueError
        If the numbers cannot be read, or there are more than 120 patients.

    Notes
    -----
    R: no number of events outside this range gives such limits in ``coxph(Surv(time, event) ~ x)``.

    Examples
    --------
    >>> possible_events("2.74", "1.14", "6.56", (12, 14))
    (21, 26)
    >>> possible_events("1.37", "0.29", "6.54", (11, 15))
    (7, 22)
    """
    first, second = (whole(size, "group size", least=1) for size in groups)
    if first + second > _MOST_PATIENTS:
        raise ValueError(f"{first + second} patients are too many: {_MOST_PATIENTS} at most")
    hr, lower, upper = (
        printed_ratio(hr),
        printed_ratio(lower, "limit"),
        printed_ratio(upper, "limit"),
    )
    if lower.value > upper.value:
        raise ValueError(f"the lower limit {lower.text} is above the upper limit {upper.text}")
    low, high = log_box(lower, True), log_box(upper, True)
    scale = (2 * normal_quantile(confidence)) ** 2
    most_information = scale / max(high[0] - low[1], 1e-9) ** 2
    least_information = scale / (high[1] - low[0]) ** 2
    least, most = _information_ranges(log_box(hr, True), first, second)
    meets = (least <= most_information + 1e-9) & (most >= least_information - 1e-9)
    events = np.nonzero(meets)[0]
    events = events[events > 0]
    return (int(events[0]), int(events[-1])) if len(events) else None


def same_events_check(results, *, most_events=None, confidence=0.95, robust=False):
    """Check that results for one endpoint in the same patients can share a number of events.

    Parameters
    ----------
    results : mapping of str to (hr, lower, upper, groups)
        Univariate hazard ratios as printed, with the sizes of the first and the second group.
    most_events : int, optional
        The most events that there can have been.
    confidence : float
        Confidence level of the limits.
    robust : bool
        Whether the variance is robust, cluster-robust, weighted or penalised: no bound holds then.

    Returns
    -------
    Finding
        ``values["events"]`` holds the fewest and most events for each result.

    Examples
    --------
    >>> finding = same_events_check({
    ...     "marker A": ("2.74", "1.14", "6.56", (12, 14)),
    ...     "marker B": ("1.37", "0.20", "9.40", (11, 15)),
    ... })
    >>> print(finding.statement)
    The same patients cannot have had both 21 to 26 events (marker A) and 5 to 20 (marker B).
    """
    ranges, sizes = {}, set()
    for name, (hr, lower, upper, groups) in results.items():
        ranges[name] = possible_events(hr, lower, upper, groups, confidence=confidence)
        sizes.add(sum(whole(size, "group size") for size in groups))
    if len(sizes) != 1:
        raise ValueError(f"the same patients are needed; groups sum to {sorted(sizes)}")
    assumptions = (WALD, _UNTIED, "the same patients and the same endpoint")
    values = {"events": ranges}
    if robust:
        statement = f"The number of events decides nothing: {ROBUST}."
        return Finding("undetermined", statement, "", (WALD,), values)
    impossible = [name for name, found in ranges.items() if found is None]
    if impossible:
        statement = f"No number of events gives the interval of {impossible[0]} in such groups."
        return Finding("contradictory", statement, "", assumptions, values)
    fewest_name = max(ranges, key=lambda name: ranges[name][0])
    most_name = min(ranges, key=lambda name: ranges[name][1])
    fewest, most = ranges[fewest_name][0], ranges[most_name][1]
    arithmetic = "; ".join(
        f"{name}: {low} to {high} events" for name, (low, high) in ranges.items()
    )
    if fewest > most:
        statement = (
            f"The same patients cannot have had both {fewest} to {ranges[fewest_name][1]} events "
            f"({fewest_name}) and {ranges[most_name][0]} to {most} ({most_name})."
        )
        return Finding("contradictory", statement, f"{arithmetic}.", assumptions, values)
    if most_events is not None and fewest > whole(most_events, "number of events"):
        statement = (
            f"The result for {fewest_name} needs at least {fewest} events, "
            f"and at most {most_events} can have occurred."
        )
        return Finding("contradictory", statement, f"{arithmetic}.", assumptions, values)
    what = "results can all" if len(ranges) > 1 else f"result for {fewest_name} can"
    statement = f"The {what} be true with {fewest} to {most} events."
    return Finding("consistent", statement, f"{arithmetic}.", assumptions, values)


def _information_ranges(log_ratio, first, second):
    """Bounds of the information for each number of events from 0 to all patients."""
    least = _extreme(log_ratio, first, second, np.minimum, np.inf)
    most = _extreme(log_ratio, first, second, np.maximum, -np.inf)
    return least.max(axis=0), most.min(axis=0)


def _extreme(log_ratio, first, second, better, worst):
    """Best sum of p(1 − p) + λ(p − δ) by λ (rows) and number of events (columns)."""
    multiplier = _MULTIPLIERS[:, None]
    events = first + second
    best = {}
    for in_first in range(first + 1):
        for in_second in range(second + 1):
            value = np.full((len(_MULTIPLIERS), events + 1), worst)
            value[:, 0] = 0.0
            for step, arm in (((1, 0), in_first), ((0, 1), in_second)):
                if not arm:
                    continue
                before = best[in_first - step[0], in_second - step[1]]
                cost = _cost(log_ratio, in_first, in_second, multiplier, better)
                cost = cost - multiplier * step[0]
                value = better(value, before)
                value[:, 1:] = better(value[:, 1:], before[:, :-1] + cost)
            best[in_first, in_second] = value
        for in_second in range(second + 1):
            best.pop((in_first - 1, in_second), None)
    return best[first, second]


def _cost(log_ratio, in_first, in_second, multiplier, better):
    """The best p(1 − p) + λp over all ratios in the box."""
    if not in_first or not in_second:
        return multiplier * float(in_first > 0)
    odds = np.exp(np.array(log_ratio)) * in_first / in_second
    ends = odds / (1 + odds)
    # The function is concave in p: its minimum is at an end, its maximum there or at its top.
    inner = np.clip((1 + multiplier) / 2, *ends)
    shares = [*ends] if better is np.minimum else [*ends, inner]
    costs = [share * (1 - share) + multiplier * share for share in shares]
    return better.reduce(np.broadcast_arrays(*costs))
