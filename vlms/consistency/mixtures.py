"""Survival of subgroups against survival of the whole.

Without censoring, the survival of all is the mean of the subgroups' survival, weighted by their
sizes. With censoring it is not: the Kaplan-Meier estimate of the whole weights the subgroups by
who is still at risk, and need not even lie between the subgroups' estimates where their hazards
cross. What stays provable are counts: with e events and c censorings before a time, whatever their
order, only certain values can be reached, between (n − e − c)/(n − c), all censored first, and
(n − e)/n, all censored last. Events and censorings of the subgroups add up to those of the whole.
"""

import numpy as np

from vlms.consistency.attainable import printed_shares, survival_box
from vlms.consistency.findings import Finding, printed_share, whole
from vlms.consistency.histories import fewest_censored_by_events


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

    Raises
    ------
    ValueError
        If the sizes do not sum to the total.

    Notes
    -----
    For each subgroup and for the whole, the fewest censored are found for every number of events
    (`vlms.consistency.histories`); the subgroups' events must sum to those of the whole, and the
    same patients be censored. That the orders of leaving fit together is not asked, so a
    contradiction is a proof and a fit is not.

    Examples
    --------
    >>> finding = mixture_check({"a": (20, "90%"), "b": (20, "50%")}, (40, "55%"))
    >>> print(finding.statement)
    The subgroups' survival averages 70.0%, all 40 patients are printed with 55%: at least 14 \
must have been censored before that time (13 if digits were cut off).
    >>> mixture_check({"a": (20, "90%"), "b": (20, "50%")}, (40, "55%"), most_censored=5).verdict
    'contradictory'
    """
    sizes = [whole(size, f"size of {name!r}", least=1) for name, (size, _) in groups.items()]
    shares = [printed_shares(share) for _, share in groups.values()]
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


def _fewest_censored(sizes, shares, n, share, most, truncated):
    """The fewest censored with which subgroups and whole can all be true, or None."""
    # Fewest censored by number of events, summed over the subgroups so far.
    summed = np.array([0.0])
    for size, group_shares in zip(sizes, shares, strict=True):
        own = _censored_by_events(size, group_shares, truncated)
        both = summed[:, None] + own[None, :]
        summed = np.array([both[::-1].diagonal(k).min() for k in range(1 - len(summed), size + 1)])
    needed = np.maximum(summed, _censored_by_events(n, [share], truncated))
    # Whoever had no event can have been censored, in whichever subgroup, after its last event.
    needed = needed[needed <= np.minimum(n - np.arange(n + 1), most)]
    return int(needed.min()) if len(needed) else None


def _censored_by_events(n, shares, truncated):
    """The fewest censored for each number of events; infinite where no history exists."""
    boxes = [survival_box(share, truncated=truncated) for share in shares]
    return fewest_censored_by_events(n, boxes)
