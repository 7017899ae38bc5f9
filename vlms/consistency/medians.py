"""Medians against survival at other times, against each other and against a hazard ratio.

A survival curve never rises and its median is where it reaches one half, so a median and a
survival printed for another time restrict each other. A median among those who had the event is
not a median among all, and the two are told apart by the same counts.
"""

import math

from vlms.consistency.findings import Finding, printed_box, printed_share, whole
from vlms.consistency.information import printed_ratio
from vlms.rounding import Printed


def curve_check(points, *, median=None):
    """Check that printed survival never rises, and that its median lies where it reaches half.

    Parameters
    ----------
    points : mapping of float to str
        Time to printed survival; times in the unit of the median.
    median : str or float, optional
        Median survival time as printed.

    Returns
    -------
    Finding
        ``contradictory`` when survival rises, is above one half after the median or below it
        before, over all values that print like this (digits cut off included).

    Examples
    --------
    >>> print(curve_check({24: "66.7%", 60: "50%"}, median="72").statement)
    The survival printed for 24 and 60 and the median of 72 fit on one curve.
    >>> print(curve_check({60: "65%"}, median="43").statement)
    Survival of 65% at 60 cannot be: the median of 43 has passed, so it is 50% at most.
    """
    shares = {float(time): printed_share(share) for time, share in sorted(points.items())}
    for time in shares:
        if not math.isfinite(time) or time < 0:
            raise ValueError(f"a time must be a number from 0, found {time}")
    boxes = {
        time: printed_box(share, truncated=True, smallest=0, largest=1)
        for time, share in shares.items()
    }
    assumptions = ("all figures are of one Kaplan-Meier curve",)
    times = list(shares)
    for earlier, later in zip(times, times[1:], strict=False):
        if boxes[later][0] > boxes[earlier][1]:
            statement = (
                f"Survival rises from {shares[earlier].text} at {earlier:g} to "
                f"{shares[later].text} at {later:g}, which no survival curve does."
            )
            return Finding("contradictory", statement, "", assumptions)
    reached = f"The survival printed for {' and '.join(f'{time:g}' for time in times)}"
    if median is None:
        return Finding("consistent", f"{reached} never rises.", "", assumptions)
    median = Printed.parse(median)
    low, high = printed_box(median, truncated=True, smallest=0)
    for time, (least, most) in boxes.items():
        text = shares[time].text
        if time >= high and least > 0.5:
            statement = (
                f"Survival of {text} at {time:g} cannot be: the median of {median.text} has "
                "passed, so it is 50% at most."
            )
            return Finding("contradictory", statement, "", assumptions)
        if time < low and most < 0.5:
            statement = (
                f"Survival of {text} at {time:g} cannot be: the median of {median.text} is yet to "
                "come, so it is 50% at least."
            )
            return Finding("contradictory", statement, "", assumptions)
    statement = f"{reached} and the median of {median.text} fit on one curve."
    return Finding("consistent", statement, "", assumptions)


def median_reading_check(median, points, n, events, *, most_censored=None):
    """Ask whether a printed median is of all patients, or of those only who had the event.

    Among those with the event, at least half of the events lie at or before the median m and at
    least half at or after it. So S(t) ≤ (n − ⌈e/2⌉)/n from m on, and before m S(t) is at least
    (n − ⌊e/2⌋ − c)/(n − c) with c censored.

    Parameters
    ----------
    median : str or float
        As printed.
    points : mapping of float to str
        Time to printed survival (free of the event) of all n patients.
    n, events : int
        Patients, and those who had the event by the end of follow-up.
    most_censored : int, optional
        At most so many censored before the latest of the times; the others otherwise.

    Returns
    -------
    Finding
        ``values["among_all"]`` and ``values["among_events"]``: can it be read so?
        ``contradictory`` when it can be neither.

    Examples
    --------
    >>> finding = median_reading_check("33", {60: "35%"}, 63, 42)
    >>> finding.values["among_all"], finding.values["among_events"]
    (True, True)
    >>> print(median_reading_check("24", {60: "65%"}, 63, 42).statement)
    A median of 24 can only be the median among the 42 with the event, not among all 63.
    """
    n, events = whole(n, "number of patients", least=1), whole(events, "number of events", least=1)
    if events > n:
        raise ValueError(f"{events} events are more than {n} patients")
    censored = n - events
    if most_censored is not None:
        censored = min(censored, whole(most_censored, "number censored"))
    median = Printed.parse(median)
    low, high = printed_box(median, truncated=True, smallest=0)
    half_left = (n - events - censored) / max(n - censored, 1)
    among_all = not curve_check(points, median=median).contradictory and half_left <= 0.5
    most_after = (n - math.ceil(events / 2)) / n
    least_before = max((n - events // 2 - censored) / max(n - censored, 1), 0)
    among_events = True
    for time, share in points.items():
        least, most = printed_box(printed_share(share), truncated=True, smallest=0, largest=1)
        if (time >= high and least > most_after + 1e-12) or (
            time < low and most < least_before - 1e-12
        ):
            among_events = False
    values = {"among_all": among_all, "among_events": among_events}
    arithmetic = (
        f"Half of {events} events leaves at most {most_after:.1%} free of it after the median."
    )
    assumptions = ("the survival printed is of the same patients and the same event",)
    readings = f"among the {events} with the event", f"among all {n}"
    if among_all and among_events:
        statement = f"A median of {median.text} can be read {readings[0]} or {readings[1]}."
    elif among_events or among_all:
        can, cannot = readings if among_events else readings[::-1]
        statement = f"A median of {median.text} can only be the median {can}, not {cannot}."
    else:
        statement = f"A median of {median.text} fits neither {readings[0]} nor {readings[1]}."
    verdict = "consistent" if among_all or among_events else "contradictory"
    return Finding(verdict, statement, arithmetic, assumptions, values)


def pooled_median_check(medians, pooled):
    """Check that the median of all lies between the medians of the groups they fall into.

    If every patient had the event and a median is the first time by which half have had it, then
    before the smallest group median no group has reached half, and by the largest all have; so
    the median of all lies between them. Censoring voids the argument.

    Parameters
    ----------
    medians : iterable of str
        Medians of groups that make up all patients.
    pooled : str
        Median of all.

    Returns
    -------
    Finding

    Examples
    --------
    >>> pooled_median_check(["43", "25", "15"], "33").verdict
    'consistent'
    >>> print(pooled_median_check(["43", "25", "15"], "48").statement)
    The median of all, 48, does not lie between the groups' medians, 15 to 43.
    """
    parts = sorted((Printed.parse(median) for median in medians), key=lambda part: part.value)
    pooled = Printed.parse(pooled)
    low = printed_box(parts[0], truncated=True)[0]
    high = printed_box(parts[-1], truncated=True)[1]
    box = printed_box(pooled, truncated=True)
    outside = box[1] < low or box[0] > high
    does = "does not lie" if outside else "lies"
    statement = (
        f"The median of all, {pooled.text}, {does} between the groups' medians, "
        f"{parts[0].text} to {parts[-1].text}."
    )
    verdict = "contradictory" if outside else "consistent"
    assumptions = ("the groups are all patients, each once", "every patient had the event")
    return Finding(verdict, statement, "", assumptions, {"low": low, "high": high})


def median_ratio_check(hr, lower, upper, median, reference):
    """Compare the ratio of two printed medians with the hazard ratio.

    With constant hazards, HR = median of the reference / median of the group. Real hazards are
    not constant and medians of small groups are rough, so a misfit is never called contradictory.

    Parameters
    ----------
    hr, lower, upper : str
        Hazard ratio and limits as printed.
    median, reference : str
        Median time of the group and of the reference group.

    Returns
    -------
    Finding
        ``consistent`` when the ratio lies within the limits, else ``undetermined``.

    Examples
    --------
    >>> print(median_ratio_check("5.33", "0.97", "29.30", "54.6", "75.9").statement)
    The medians, 54.6 against 75.9, suggest a hazard ratio of 1.39, within 5.33 (0.97 to 29.30).
    """
    hr, lower, upper = (
        printed_ratio(hr),
        printed_ratio(lower, "limit"),
        printed_ratio(upper, "limit"),
    )
    median, reference = printed_ratio(median, "median"), printed_ratio(reference, "median")
    if median.value == 0:
        raise ValueError("a median of 0 has no ratio")
    ratio = reference.value / median.value
    ends = printed_box(lower, truncated=True)[0], printed_box(upper, truncated=True)[1]
    within = ends[0] <= ratio <= ends[1]
    statement = (
        f"The medians, {median.text} against {reference.text}, suggest a hazard ratio of "
        f"{ratio:.2f}, {'within' if within else 'outside'} "
        f"{hr.text} ({lower.text} to {upper.text})."
    )
    return Finding(
        "consistent" if within else "undetermined",
        statement,
        f"{reference.text}/{median.text} = {ratio:.3f}.",
        ("hazards are constant over time (exponential survival)",),
        {"ratio": ratio, "same_direction": (ratio > 1) == (hr.value > 1)},
    )
