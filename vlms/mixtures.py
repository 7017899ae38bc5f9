"""Survival of subgroups against survival of the whole.

Without censoring, the survival of all is the mean of the subgroups' survival, weighted by their
sizes. With censoring it is not: the Kaplan-Meier estimate of the whole weights the subgroups by
who is still at risk, and need not even lie between the subgroups' estimates where their hazards
cross. What stays provable are counts: with e events and c censorings before a time, whatever their
order, the estimate lies between (n − e − c)/(n − c), all censored first, and (n − e)/n, all
censored last. Events and censorings of the subgroups add up to those of the whole.
"""

import numpy as np

from vlms.attainable import survival_box
from vlms.findings import Finding, printed_share, whole


def mixture_check(groups, total, *, most_censored=None):
    """Check survival printed for subgroups, at one time, against survival printed for all.

    Parameters
    ----------
    groups : mapping of str to (int, str)
        Size and printed survival of each subgroup; together they are all patients.
    total : tuple of (int, str)
        Size and printed survival of all.
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
    For each subgroup, every pair of events and censorings whose bounds meet its box is kept, and
    the pairs are summed over subgroups; then the bounds of the whole must meet its box. The
    bounds are necessary, so a contradiction is a proof and a fit is not.

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
    shares = [printed_share(share) for _, share in groups.values()]
    n, share = whole(total[0], "total", least=1), printed_share(total[1])
    if sum(sizes) != n:
        raise ValueError(
            f"the subgroups hold {' + '.join(map(str, sizes))} = {sum(sizes)} patients, not {n}"
        )
    most = n if most_censored is None else min(n, whole(most_censored, "number censored"))
    mixture = sum(s.value * size for s, size in zip(shares, sizes, strict=True)) / n
    either, rounded = (
        _fewest_censored(sizes, shares, n, share, most, truncated) for truncated in (True, False)
    )
    values = {
        "mixture": mixture,
        "fewest_censored": either,
        "fewest_censored_rounded": rounded,
    }
    terms = " + ".join(f"{size} × {s.text}" for s, size in zip(shares, sizes, strict=True))
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
    """The fewest censored with which bounds of subgroups and whole can all be met, or None."""
    possible = np.zeros((n + 1, n + 1), dtype=bool)
    possible[0, 0] = True
    for size, group_share in zip(sizes, shares, strict=True):
        grown = np.zeros_like(possible)
        for e, c in zip(*np.nonzero(_meets(size, group_share, truncated)), strict=True):
            grown[e:, c:] |= possible[: n + 1 - e, : n + 1 - c]
        possible = grown
    possible &= _meets(n, share, truncated)
    censored = np.nonzero(possible.any(axis=0))[0]
    return int(censored[0]) if len(censored) and censored[0] <= most else None


def _meets(n, share, truncated):
    """Which (events, censored) of n patients have bounds that meet the box."""
    low, high = survival_box(share, truncated=truncated)
    events, censored = np.ogrid[: n + 1, : n + 1]
    stay = np.maximum(n - censored, 1)
    bottom = np.where(censored < n, (n - events - censored) / stay, 1.0)
    top = (n - events) / n
    return (events + censored <= n) & (bottom <= high + 1e-11) & (top >= low - 1e-11)
