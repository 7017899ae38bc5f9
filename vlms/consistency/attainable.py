"""Attainable survival: which printed Kaplan-Meier percentages can n patients give?

The idea of GRIM (a mean of n integers can take certain values only) carried over to the
Kaplan-Meier estimate ("KM-GRIM"). Without censoring, n patients give n + 1 values; each censoring
adds more. So a printed survival, or a series of them, tells how many patients must at least have
been censored before that time, and whether another group size fits better. The search and its
proof stand in `vlms.consistency.histories`.
Source: Kaplan and Meier, J Am Stat Assoc 1958;53:457 (the estimate); Brown and Heathers, Soc
Psychol Personal Sci 2017;8:363 (the idea).
"""

import pandas as pd

from vlms.consistency.findings import Finding, printed_box, printed_share, whole
from vlms.consistency.histories import search_histories
from vlms.rounding import Printed, agreement

# Ties are decided to this precision; the open end of a box is drawn in by it.
_TIE = 1e-10
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
    most_censored : int, optional
        At most so many censored before the last of these times (0 when all were followed).
    most_events : int, optional
        At most so many events by the last of these times.
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

    Raises
    ------
    ValueError
        If n is below 1, or a printed survival is no share.

    Notes
    -----
    R: ``survfit(Surv(time, event) ~ 1)`` on one row per step gives the same survival.
    Events come before censorings at the same time, as is usual.

    Examples
    --------
    >>> frame = attainable_survival(16, "90%", truncated=False, limit=1)
    >>> frame[["events", "censored", "survival", "steps"]].values.tolist()
    [[1, 6, 0.9, '6c 1e']]
    >>> attainable_survival(20, ["90%", "65%"], limit=1)[["events", "censored"]].values.tolist()
    [[2, 0], [7, 0]]
    """
    n, shares = whole(n, "number of patients", least=1), printed_shares(printed)
    search = _search(n, shares, truncated, most_censored, most_events, limit)
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

    Parameters
    ----------
    n, printed, most_censored, most_events
        As for `attainable_survival`.

    Returns
    -------
    Finding
        ``consistent`` when some history rounds to all printed values; the statement then says how
        many patients it needs censored. ``rounding`` when that takes truncated digits.
        ``contradictory`` when no history does. ``undetermined`` when there were too many
        histories to try them all, and none was found.

    Notes
    -----
    On 1000 simulated curves of 1 to 63 patients at up to three times, nothing was called
    contradictory. Two uncensored values of 16 patients, printed with one decimal for a group of
    20, are found in 95% where `most_censored` is 0.

    Examples
    --------
    >>> print(survival_check(16, "90%").statement)
    A Kaplan-Meier estimate of 90% in 16 patients needs at least 6 of them censored before that \
time; if digits were cut off, at least 5.
    >>> survival_check(20, "90%", most_censored=0).verdict
    'consistent'
    >>> print(survival_check(50, "99.5%").statement)
    No history of 50 patients has a Kaplan-Meier estimate of 99.5%.
    """
    n, shares = whole(n, "number of patients", least=1), printed_shares(printed)
    rounded = _search(n, shares, False, most_censored, most_events, 1)
    either = _search(n, shares, True, most_censored, most_events, 1)
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

    Parameters
    ----------
    printed : str, or sequence of str
        As for `attainable_survival`.
    sizes : iterable of int
        Group sizes to try, such as those of the paper's other groups, or a range.
    most_censored : int, optional
        As for `attainable_survival`.

    Returns
    -------
    pandas.DataFrame
        n, fewest_censored (truncated digits allowed) and fewest_censored_rounded; NA where no
        history exists. A size that needs none fits best; it is a hint, not a proof.

    Examples
    --------
    >>> fitting_group_sizes(["90%", "65%"], [16, 20])["fewest_censored"].tolist()
    [8, 0]
    """
    shares = printed_shares(printed)
    rows = []
    for size in sizes:
        size = whole(size, "group size", least=1)
        found = [
            _search(size, shares, cut, most_censored, None, 1).at_least for cut in (True, False)
        ]
        rows.append((size, *found))
    columns = ["n", "fewest_censored", "fewest_censored_rounded"]
    return pd.DataFrame(rows, columns=columns).astype("Int64")


def printed_shares(printed):
    """Read one printed share, or several.

    Parameters
    ----------
    printed : str or float, or sequence of those
        As for `printed_share`.

    Returns
    -------
    list of Printed

    Raises
    ------
    ValueError
        If there is none, or one is no share.

    Examples
    --------
    >>> [share.value for share in printed_shares(["90%", "65%"])]
    [0.9, 0.65]
    """
    single = isinstance(printed, str | Printed) or not hasattr(printed, "__iter__")
    shares = [printed_share(share) for share in ([printed] if single else printed)]
    if not shares:
        raise ValueError("no survival was given")
    return shares


def survival_box(share, *, truncated):
    """Return the interval in which a printed survival must lie, its open end drawn in.

    Parameters
    ----------
    share : Printed
        A printed share.
    truncated : bool
        Whether digits may have been cut off.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> low, high = survival_box(printed_share("93.7%"), truncated=False)
    >>> low < 0.9365 < high < 0.9375
    True
    """
    low, high = printed_box(share, truncated=truncated, smallest=0)
    # The upper end prints as the next number: 15/16 does not round to 93.7%, and 1 is not 99%.
    if not share.comparator:
        high -= _TIE
    return low - _TIE, min(high, 1.0)


def _search(n, shares, truncated, most_censored, most_events, limit):
    limits = {
        "most_censored": None if most_censored is None else whole(most_censored, "number censored"),
        "most_events": None if most_events is None else whole(most_events, "number of events"),
    }
    if n > _MOST_PATIENTS:
        raise ValueError(
            f"{n} patients can give nearly every survival: {_MOST_PATIENTS} can be checked at most"
        )
    boxes = [survival_box(share, truncated=truncated) for share in shares]
    return search_histories(n, boxes, limit=limit, **limits)


def _at_most(number, what):
    if not int(number):
        return f"no {what}"
    return f"at most {number} {what}" + ("" if int(number) == 1 else "s")
