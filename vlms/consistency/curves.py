"""Printed survival: which Kaplan-Meier estimates and medians can n patients give?

The idea of GRIM (a mean of n integers takes certain values only) carried over to the Kaplan-Meier
estimate. A history is the order in which n patients leave observation, each by an event or by
censoring. The estimate is the product of (r − 1)/r over the events, r being the number still at
risk; tied events are a run of single ones, since their factors telescope, and censoring at the time
of an event comes after it. So a history is a string of e and c, and each printed time cuts it.

Search. Histories are grouped by their plan: how many events and censorings fall in each segment
between printed times. Over a segment with r at risk, e events and c censorings, the factor lies
between (r − c − e)/(r − c), all censored first, and (r − e)/r, all censored last; plans whose
bounds miss a box are dropped, and that is a proof. What is left is enumerated with the fewest
censorings first: the values of a plan follow from those with one step fewer, C(e + c, c) at most.
A plan with more values than the budget allows is never called impossible but is reported as open.
Censorings after the last event before the last time change nothing, and are left out.

Subgroups and the whole. Without censoring, the survival of all is the mean of the subgroups'
survival, weighted by their sizes. With censoring the Kaplan-Meier estimate of the whole weights the
subgroups by who is still at risk, and need not even lie between theirs. What stays provable are
counts: events and censorings of the subgroups add up to those of the whole.

Sources: Kaplan and Meier, J Am Stat Assoc 1958;53:457 (the estimate); Brown and Heathers, Soc
Psychol Personal Sci 2017;8:363 (GRIM).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, comb, floor

import numpy as np
import pandas as pd

from vlms.consistency.finding import (
    Finding,
    printed_box,
    printed_limits,
    printed_ratio,
    printed_share,
    whole,
)
from vlms.printed import Printed, agreement

# Ties are decided to this precision; the open end of a box is drawn in by it.
_TIE = 1e-10
# Floats stand for the exact products; boxes are widened by far more than the rounding error.
_SLACK = 1e-11
# Products that differ by less are one value.
_SAME = 1e-14
_MOST_PATIENTS = 10_000


def attainable_survival(
    n, printed, *, most_censored=None, most_events=None, truncated=True, limit=10
):
    """List histories of n patients whose Kaplan-Meier estimate prints as given.

    Parameters
    ----------
    n : int
        Patients in the group.
    printed : str, or sequence of str
        The survival printed for one time, or for several in order of time: ``["88%", "61%"]``.
    most_censored, most_events : int, optional
        At most so many censored before the last of these times, so many events by it.
    truncated : bool
        Whether digits may have been cut off instead of rounded.
    limit : int
        Stop after so many histories.

    Returns
    -------
    pandas.DataFrame
        A row for each history and printed time, fewest censored first: history (1, 2, …), time
        (1, 2, … in the order given), printed, events and censored (both counted from the start),
        at_risk (left after that time), survival (exact), rule (how it prints like this) and steps
        (``3e 1c 2e``: three events, one censored, two events; ``|`` at each printed time). One
        history for each combination of counts. Empty when none exists.
        `.attrs`: ``fewest_censored``, ``at_least_censored`` (proven) and ``decided`` (False
        where too many histories were possible to try them all).

    Notes
    -----
    R: ``survfit(Surv(time, event) ~ 1)`` on one row per step gives the same survival.

    Examples
    --------
    >>> frame = attainable_survival(16, "90%", truncated=False, limit=1)
    >>> frame[["events", "censored", "survival", "steps"]].values.tolist()
    [[1, 6, 0.9, '6c 1e']]
    """
    n, shares = whole(n, "number of patients", least=1), _shares(printed)
    search = _searched(n, shares, truncated, most_censored, most_events, limit)
    rows = []
    for number, history in enumerate(search.histories, start=1):
        events = censored = 0
        reached = zip(shares, history.segments, history.survival(), strict=True)
        for time, (share, segment, survival) in enumerate(reached, start=1):
            events, censored = events + segment.count("e"), censored + segment.count("c")
            rule = agreement(survival, share)
            at_risk = n - events - censored
            cell = (events, censored, at_risk, float(survival), rule, history.steps)
            rows.append((number, time, share.text, *cell))
    columns = "history time printed events censored at_risk survival rule steps".split()
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs |= {
        "fewest_censored": search.fewest,
        "at_least_censored": search.at_least,
        "decided": search.open_from is None,
    }
    return frame


def survival_check(n, printed, *, most_censored=None, most_events=None):
    """Check printed survival against the size of the group.

    The arguments are those of `attainable_survival`. ``consistent`` when some history rounds to all
    printed values, the statement then says how many patients it needs censored; ``rounding`` when
    that takes truncated digits; ``undetermined`` when there were too many to try them all, and none
    was found. On 1000 simulated curves of 1 to 63 patients nothing was called contradictory.

    Examples
    --------
    >>> print(survival_check(16, "90%").statement)
    A Kaplan-Meier estimate of 90% in 16 patients needs at least 6 of them censored before that \
    time; if digits were cut off, at least 5.
    >>> print(survival_check(50, "99.5%").statement)
    No history of 50 patients has a Kaplan-Meier estimate of 99.5%.
    """
    n, shares = whole(n, "number of patients", least=1), _shares(printed)
    rounded = _searched(n, shares, False, most_censored, most_events, 1)
    either = _searched(n, shares, True, most_censored, most_events, 1)
    shown = " then ".join(share.text for share in shares)
    when = "before that time" if len(shares) == 1 else "before the last of these times"
    limits = []
    if most_censored is not None:
        limits.append(f"{_at_most(most_censored, 'patient')} censored {when}")
    if most_events is not None:
        limits.append(f"{_at_most(most_events, 'event')} {when}")
    assumptions = ("the figures are Kaplan-Meier estimates from the start", *limits)
    values = {
        "n": n,
        "fewest_censored": either.at_least,
        "fewest_censored_rounded": rounded.at_least,
    }
    under = f" with {' and '.join(limits)}" if limits else ""
    if either.impossible:
        statement = f"No history of {n} patients has a Kaplan-Meier estimate of {shown}{under}."
        arithmetic = "Every number of events and censorings was excluded."
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    if not either.histories:
        statement = (
            f"No history of {n} patients with a Kaplan-Meier estimate of {shown}{under} was found, "
            "but not all could be tried."
        )
        return Finding("undetermined", statement, "", assumptions, values)
    history = (rounded if rounded.histories else either).histories[0]
    values |= {"steps": history.steps, "survival": [float(s) for s in history.survival()]}
    reached = ", ".join(f"{float(s):.4f}" for s in history.survival())
    arithmetic = f"{history.steps} (e event, c censored) gives {reached}"
    if not any(history.segments):
        arithmetic = f"No event and nobody censored gives {reached}"
    if rounded.histories:
        statement = f"A Kaplan-Meier estimate of {shown} in {n} patients "
        least = rounded.at_least
        if least:
            statement += f"needs at least {least} of them censored {when}"
        else:
            statement += "is possible without censoring"
        if either.at_least < rounded.at_least:
            least = f"at least {either.at_least}" if either.at_least else "none"
            statement += f"; if digits were cut off, {least}"
        return Finding("consistent", f"{statement}.", f"{arithmetic}.", assumptions, values)
    least = either.at_least
    need = f"needs at least {least} of them censored {when}" if least else "without censoring"
    statement = (
        f"A Kaplan-Meier estimate of {shown} in {n} patients is possible only if digits were cut "
        f"off instead of rounded, and then {need}."
    )
    return Finding("rounding", statement, f"{arithmetic}.", assumptions, values)


def fitting_group_sizes(printed, sizes, *, most_censored=None):
    """Ask of several group sizes how many patients each needs censored.

    Arguments as for `attainable_survival`, `sizes` the group sizes to try. Returns a frame of n,
    fewest_censored (truncated digits allowed) and fewest_censored_rounded; NA where no history
    exists. A size that needs none fits best; it is a hint, not a proof.

    Examples
    --------
    >>> fitting_group_sizes(["90%", "65%"], [16, 20])["fewest_censored"].tolist()
    [8, 0]
    """
    shares = _shares(printed)
    rows = []
    for size in sizes:
        size = whole(size, "group size", least=1)
        found = (_searched(size, shares, cut, most_censored, None, 1) for cut in (True, False))
        rows.append((size, *(search.at_least for search in found)))
    columns = ["n", "fewest_censored", "fewest_censored_rounded"]
    return pd.DataFrame(rows, columns=columns).astype("Int64")


def mixture_check(groups, total, *, most_censored=None):
    """Check survival printed for subgroups, at one time, against survival printed for all.

    Parameters
    ----------
    groups : mapping of str to (int, str or sequence of str)
        Size and printed survival of each subgroup; together they are all patients. Survival
        printed for earlier times may stand before that for the time in question.
    total : tuple of (int, str)
        Size and printed survival of all, at the last of these times.
    most_censored : int, optional
        At most so many patients were censored before that time.

    Returns
    -------
    Finding
        `values`: ``mixture`` (the weighted mean, which holds without censoring), and
        ``fewest_censored`` (a lower bound for the number censored before that time, digits cut
        off allowed; None if no number will do) and ``fewest_censored_rounded``.

    Notes
    -----
    For each subgroup and for the whole, the fewest censored are found for every number of events;
    the subgroups' events must sum to those of the whole, and the same patients be censored. That
    the orders of leaving fit together is not asked, so a contradiction is a proof and a fit is
    not.

    Examples
    --------
    >>> finding = mixture_check({"a": (20, "90%"), "b": (20, "50%")}, (40, "55%"))
    >>> print(finding.statement)
    The subgroups' survival averages 70.0%, all 40 patients are printed with 55%: at least 14 \
    must have been censored before that time (13 if digits were cut off).
    """
    sizes = [whole(size, f"size of {name!r}", least=1) for name, (size, _) in groups.items()]
    shares = [_shares(share) for _, share in groups.values()]
    n, share = whole(total[0], "total", least=1), printed_share(total[1])
    if sum(sizes) != n:
        raise ValueError(
            f"the subgroups hold {' + '.join(map(str, sizes))} = {sum(sizes)} patients, not {n}"
        )
    most = n if most_censored is None else min(n, whole(most_censored, "number censored"))
    mixture = sum(s[-1].value * size for s, size in zip(shares, sizes, strict=True)) / n
    either, rounded = (
        _fewest_censored(sizes, shares, n, share, most, truncated) for truncated in (True, False)
    )
    values = {
        "mixture": mixture,
        "fewest_censored": either,
        "fewest_censored_rounded": rounded,
    }
    terms = " + ".join(f"{size} × {s[-1].text}" for s, size in zip(shares, sizes, strict=True))
    arithmetic = f"({terms})/{n} = {mixture:.1%} without censoring."
    assumptions = (
        "the subgroups are all patients, each once",
        "all are Kaplan-Meier estimates of the same endpoint at the same time",
    )
    if most_censored is not None:
        assumptions += (f"at most {most} patients were censored before that time",)
    pair = f"The subgroups' survival averages {mixture:.1%}"
    printed = f"all {n} patients are printed with {share.text}"
    if either is None:
        statement = f"{pair}, {printed}: no censoring of up to {most} patients explains it."
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    least = either if rounded is None else rounded
    if least:
        statement = f"{pair}, {printed}: at least {least} must have been censored before that time"
        if rounded is not None and either < rounded:
            statement += f" ({either} if digits were cut off)"
    else:
        statement = f"{pair}, and {printed}, as can be without censoring"
    if rounded is None:
        statement += ", and digits were cut off"
    verdict = "rounding" if rounded is None else "consistent"
    return Finding(verdict, f"{statement}.", arithmetic, assumptions, values)


def curve_check(points, *, median=None):
    """Check that printed survival never rises, and that its median lies where it reaches half.

    `points` maps a time to its printed survival, times in the unit of the `median`; the median
    ``"not reached"`` lies after all of them. ``contradictory`` when survival rises, is above one
    half after the median or below it before, over all values that print like this (cut off
    included).

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
    assumptions = ("all figures are of one Kaplan-Meier curve, all times in one unit",)
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
    reached_half = str(median).strip().lower() != "not reached"
    low = high = math.inf
    if reached_half:
        median = Printed.parse(median)
        low, high = printed_box(median, truncated=True, smallest=0)
    for time, (least, most) in boxes.items():
        past = time >= high and least > 0.5
        if past or (time < low and most < 0.5):
            when = "has passed, so it is 50% at most"
            when = when if past else "is yet to come, so it is 50% at least"
            which = (
                f"the median of {median.text} {when}"
                if reached_half
                else ("the median was not reached, so it is 50% at least")
            )
            statement = f"Survival of {shares[time].text} at {time:g} cannot be: {which}."
            return Finding("contradictory", statement, "", assumptions)
    which = f"the median of {median.text}" if reached_half else "a median that was not reached"
    statement = f"{reached} and {which} fit on one curve."
    return Finding("consistent", statement, "", assumptions)


def median_reading_check(median, points, n, events, *, most_censored=None):
    """Ask whether a printed median is of all patients, or of those only who had the event.

    Among those with the event, at least half of the events lie at or before the median m and at
    least half at or after it. So S(t) ≤ (n − ⌈e/2⌉)/n from m on, and before m S(t) is at least
    (n − ⌊e/2⌋ − c)/(n − c) with c censored. `points` maps a time to the printed survival of all n;
    `events` had the event by the end of follow-up; at most `most_censored` were censored before the
    latest of the times. ``contradictory`` when it can be neither.

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


def pooled_median_check(medians, pooled, *, complete=None):
    """Check that the median of all lies between the medians of the groups they fall into.

    If every patient had the event (`complete`), then before the smallest group median no group has
    reached half, and by the largest all have. Censoring voids the argument: a misfit is
    ``undetermined`` unless `complete` is declared.

    Examples
    --------
    >>> print(pooled_median_check(["43", "25", "15"], "48", complete=True).statement)
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
    verdict = "consistent"
    if outside:
        verdict = "contradictory" if complete else "undetermined"
    if verdict == "undetermined":
        statement += (
            " With censoring it need not; that every patient had the event is not declared."
        )
    assumptions = ("the groups are all patients, each once", "every patient had the event")
    return Finding(verdict, statement, "", assumptions, {"low": low, "high": high})


def median_ratio_check(hr, lower, upper, median, reference):
    """Compare the ratio of a group's and its reference's median with the hazard ratio.

    With constant hazards, HR = median of the reference / median of the group. Real hazards are
    not constant and medians of small groups are rough, so a misfit is ``undetermined``.

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


def survival_ratio_check(hr, lower, upper, survival, reference):
    """Compare two groups' survival at one time with their hazard ratio.

    Under proportional hazards S = S₀ ** HR, so that HR = ln S / ln S₀. That hazards are
    proportional is an assumption and both survivals are estimates, so a misfit is
    ``undetermined``: no ratio within the limits, or on the other side of 1 than the hazard ratio.

    Examples
    --------
    >>> print(survival_ratio_check("2.13", "0.99", "4.62", "40%", "65%").statement)
    Survival of 40% against 65% is a hazard ratio of 2.03 to 2.24 under proportional hazards, \
    within 2.13 (0.99 to 4.62).
    """
    hr, lower, upper = printed_limits(hr, lower, upper)
    shares = printed_share(survival), printed_share(reference)
    assumptions = ("the hazards of the two groups are proportional, and nothing is adjusted for",)
    boxes = [np.clip(_box(share, True), 1e-12, 1 - 1e-12) for share in shares]
    pair = f"Survival of {shares[0].text} against {shares[1].text}"
    told = f"{hr.text} ({lower.text} to {upper.text})"
    low, high = (math.log(a) / math.log(b) for a, b in zip(boxes[0][::-1], boxes[1], strict=True))
    ends = printed_box(lower, truncated=True)[0], printed_box(upper, truncated=True)[1]
    own = printed_box(hr, truncated=True)
    within = low <= ends[1] and high >= ends[0]
    same_side = (high >= 1 or own[0] <= 1) and (low <= 1 or own[1] >= 1)
    verdict = "consistent" if within and same_side else "undetermined"
    where = "within" if within else "outside"
    statement = f"{pair} is a hazard ratio of {low:.2f} to {high:.2f} under proportional hazards, "
    statement += f"{where} {told}" + ("." if same_side else " and on the other side of 1.")
    if verdict == "undetermined":
        statement += (
            " Hazards that are not proportional, curves that cross, an adjusted ratio or another "
            "reference group would explain it; the curves or the numbers at risk would decide."
        )
    values = {"lowest": low, "highest": high}
    arithmetic = f"ln S / ln S of the reference lies from {low:.3g} to {high:.3g}."
    return Finding(verdict, statement, arithmetic, assumptions, values)


def _shares(printed):
    """Read one printed share, or several."""
    single = isinstance(printed, str | Printed) or not hasattr(printed, "__iter__")
    shares = [printed_share(share) for share in ([printed] if single else printed)]
    if not shares:
        raise ValueError("no survival was given")
    return shares


def _box(share, truncated):
    """The interval in which a printed survival must lie, its open end drawn in."""
    low, high = printed_box(share, truncated=truncated, smallest=0)
    # The upper end prints as the next number: 15/16 does not round to 93.7%, and 1 is not 99%.
    if not share.comparator:
        high -= _TIE
    return low - _TIE, min(high, 1.0)


def _searched(n, shares, truncated, most_censored, most_events, limit):
    """Search for histories of n patients that print as these shares."""
    limits = {
        "most_censored": None if most_censored is None else whole(most_censored, "number censored"),
        "most_events": None if most_events is None else whole(most_events, "number of events"),
    }
    if n > _MOST_PATIENTS:
        raise ValueError(
            f"{n} patients can give nearly every survival: {_MOST_PATIENTS} can be checked at most"
        )
    boxes = [_box(share, truncated) for share in shares]
    return _search_histories(n, boxes, limit=limit, **limits)


def _at_most(number, what):
    """A limit in words: "no event", "at most 1 event", "at most 2 events"."""
    if not int(number):
        return f"no {what}"
    return f"at most {number} {what}" + ("" if int(number) == 1 else "s")


def _added(groups):
    """The fewest censored of several groups together, by number of events."""
    summed = np.zeros(1)
    for own in groups:
        both = (summed[:, None] + own[None, :])[::-1]
        summed = np.array([both.diagonal(k).min() for k in range(1 - len(summed), len(own))])
    return summed


def _fewest_censored(sizes, shares, n, share, most, truncated):
    """The fewest censored with which subgroups and whole can all be true, or None."""
    by_events = [
        _fewest_by_events(size, [_box(share, truncated) for share in group])
        for size, group in zip([*sizes, n], [*shares, [share]], strict=True)
    ]
    needed = np.maximum(_added(by_events[:-1]), by_events[-1])
    # Whoever had no event can have been censored, in whichever subgroup, after its last event.
    needed = needed[needed <= most]
    return int(needed.min()) if len(needed) else None


@dataclass(frozen=True)
class _History:
    """One order of leaving; a segment holds the steps up to a printed time, e event, c censored."""

    n: int
    segments: tuple

    def survival(self):
        """The exact Kaplan-Meier estimate at the end of each segment."""
        at_risk, estimate, values = self.n, Fraction(1), []
        for segment in self.segments:
            for step in segment:
                if step == "e":
                    estimate *= Fraction(at_risk - 1, at_risk)
                at_risk -= 1
            values.append(estimate)
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
class _Search:
    """The histories found, fewest censored first, and from how many censored plans stayed open."""

    histories: tuple
    open_from: int | None

    @property
    def fewest(self):
        """The fewest censored of a history that was found; None if none was."""
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


def _search_histories(
    n,
    boxes,
    *,
    most_censored=None,
    most_events=None,
    limit=1,
    budget=4_000_000,
    plans=20_000,
    effort=None,
):
    """Find histories whose estimate lies in each box (low, high), fewest censored first.

    Stops after `limit` histories. `budget` bounds the values enumerated, `plans` the plans tried,
    `effort` the steps taken to find plans.
    """
    most_censored = n if most_censored is None else min(n, most_censored)
    most_events = n if most_events is None else min(n, most_events)
    levels = range(most_censored + 1)
    table = _ProductTable(budget)
    return _search(n, boxes, levels, (0, most_events), limit, plans, table, effort)


def _fewest_by_events(n, boxes, *, budget=200_000, effort=None):
    """The fewest censored for each number of events from 0 to n; infinite where none will do.

    Beyond the budget the bounds alone decide, so that the number is never too large.
    """
    table, fewest = _ProductTable(budget), np.full(n + 1, np.inf)
    low, high = boxes[-1]
    for events in range(n + 1):
        # All censored last leaves (n - e)/n at most, all first (n - e - c)/(n - c) at least.
        if (n - events) / n < low - _SLACK:
            break
        least = n - events / (1 - high) if high < 1 else 0
        levels = range(max(ceil(least - 1e-6), 0), n - events + 1)
        search = _search(n, boxes, levels, (events, events), 0, 200_000, table, effort)
        if search.at_least is not None:
            fewest[events] = search.at_least
    return fewest


def _search(n, boxes, levels, events, limit, plans, table, effort=None):
    """Search level by level of the number censored; a limit of 0 stops at what is open, too."""
    boxes = [(low - _SLACK, high + _SLACK) for low, high in boxes]
    found, open_from, looked_at = [], None, 0
    left = [math.inf if effort is None else effort]
    for censored in levels:
        level = list(_plans(n, boxes, censored, events, plans - looked_at, left))
        looked_at = looked_at + len(level) + 1 if left[0] > 0 else plans
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
    return _Search(tuple(found), open_from)


def _plans(n, boxes, censored, events, most, effort):
    """Yield plans, (events, censored) a segment, that the bounds allow, and how far off they are.

    How far off: the distance of the middle of the bounds from the middle of the box, summed, so
    that the plan nearest to what is printed is tried first.
    """
    last = len(boxes) - 1
    spare = events[1] - events[0]
    stack = [(0, n, 1.0, 1.0, censored, events[1], (), 0.0)]
    while stack and most > 0 and effort[0] > 0:
        segment, at_risk, low, high, left, events_left, plan, off = stack.pop()
        if segment > last:
            most -= 1
            yield plan, off
            continue
        box = boxes[segment]
        for c in range(left if segment == last else 0, min(left, at_risk) + 1):
            effort[0] -= 1
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
    """How many values a plan has at most."""
    return sum(comb(e + c, c) for e, c in plan)


def _realise(n, boxes, plan, table):
    """Return a history that follows the plan into all boxes, and whether that was decided."""
    at_risk, start, trail = n, np.ones(1), []
    for index, (box, (e, c)) in enumerate(zip(boxes, plan, strict=True)):
        factors = table.factors(at_risk, e, c, ends_in_event=index == len(boxes) - 1 and c > 0)
        if factors is None or len(start) > table.budget // 20:
            return None, False
        with np.errstate(divide="ignore", invalid="ignore"):
            first = np.searchsorted(factors, np.where(start > 0, box[0] / start, -np.inf), "left")
            after = np.searchsorted(factors, np.where(start > 0, box[1] / start, np.inf), "right")
        counts = np.maximum(after - first, 0)
        if not 0 < counts.sum() <= table.budget:
            return None, not counts.sum()
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        came = np.repeat(np.arange(len(start)), counts)
        factor = factors[first[came] + offsets]
        kept = _distinct(start[came] * factor)
        trail.append((at_risk, e, c, came[kept], factor[kept]))
        start, at_risk = (start[came] * factor)[kept], at_risk - e - c
    spot, segments = np.argmin(np.abs(start - sum(boxes[-1]) / 2)), []
    for at_risk, e, c, came, factor in reversed(trail):
        segments.append(table.steps(at_risk, e, c, factor[spot], not segments))
        spot = came[spot]
    return _History(n, tuple(reversed(segments))), True


def _runs(segment):
    """Shorten ``eeec`` to ``3e 1c``."""
    runs = []
    for step in segment:
        if runs and runs[-1][1] == step:
            runs[-1][0] += 1
        else:
            runs.append([1, step])
    return " ".join(f"{count}{step}" for count, step in runs) or "–"


class _ProductTable:
    """The values of a Kaplan-Meier product over a segment, by at-risk number, events and censored.

    With r at risk, a step is an event, factor (r − 1)/r, or a censoring, factor 1; either leaves
    r − 1. The values for e and c follow from those with one step fewer. `budget` bounds them.
    """

    def __init__(self, budget):
        self.budget, self.left, self.known = budget, budget, {}

    def factors(self, at_risk, e, c, *, ends_in_event=False):
        """Return the sorted distinct factors, or None where there are too many."""
        if ends_in_event:
            before = self.factors(at_risk, e - 1, c)
            rest = at_risk - (e - 1) - c
            return None if before is None else before * ((rest - 1) / rest)
        if c == 0:
            return self._grow(at_risk, e, c)
        if (at_risk, e, c) not in self.known and comb(e + c + 1, c + 1) > self.left:
            return None
        for i in range(c + 1):
            for j in range(e + 1):
                if (at_risk, j, i) not in self.known:
                    self.known[at_risk, j, i] = self._grow(at_risk, j, i)
        return self.known[at_risk, e, c]

    def _grow(self, at_risk, e, c):
        """The factors from those with one step fewer, which are known."""
        if c == 0:
            return np.array([(at_risk - e) / at_risk if at_risk else 1.0])
        ways = [self.known[at_risk, e, c - 1]]
        if e:
            rest = at_risk - (e - 1) - c
            ways.append(self.known[at_risk, e - 1, c] * ((rest - 1) / rest))
        values = np.concatenate(ways)
        values = values[_distinct(values)]
        self.left -= len(values)
        return values

    def steps(self, at_risk, e, c, value, ends_in_event):
        """Return one order of steps that leads to a value of the table."""
        text = ""
        while e or c:
            rest = at_risk - (e - 1) - c
            if ends_in_event and not text and e:
                text, e, value = "e", e - 1, value * rest / max(rest - 1, 1)
                if rest == 1:
                    value = self.factors(at_risk, e, c)[0]
                continue
            by_event = value * rest / (rest - 1) if e and rest > 1 else value
            gap_event = self._gap(at_risk, e - 1, c, by_event) if e else np.inf
            gap_censored = self._gap(at_risk, e, c - 1, value) if c else np.inf
            # A product of 0 forgets its past: any order before the last event will do.
            if gap_event <= gap_censored or (e and rest == 1):
                text, e, value = "e" + text, e - 1, by_event
                if rest == 1:
                    value = self.factors(at_risk, e, c)[0]
            else:
                text, c = "c" + text, c - 1
        return text

    def _gap(self, at_risk, e, c, value):
        """How far a value is from the nearest factor."""
        return np.abs(self.factors(at_risk, e, c) - value).min()


def _distinct(values):
    """The places of the sorted values without those that differ by rounding noise only."""
    order = np.argsort(values)
    return order[np.concatenate(([True], np.diff(values[order]) > _SAME))]
