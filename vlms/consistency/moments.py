"""Means and standard deviations of whole numbers: GRIM, GRIMMER and DEBIT.

The mean of n whole numbers is a multiple of 1/n, and their sum of squares is a whole number as
odd or even as their sum; yes/no data have their standard deviation fixed by their mean. So many
printed pairs of mean and SD belong to no data of that size at all.
Sources: Brown and Heathers, Soc Psychol Personal Sci 2017;8:363 (GRIM); Anaya, PeerJ Preprints
2016;4:e2400 (GRIMMER); Heathers and Brown, DEBIT, 2019, osf.io/5vb3u.
"""

import math

from vlms.consistency.findings import Finding, graded, printed_box, printed_share, whole
from vlms.rounding import Printed, print_number

_MOST_PATIENTS = 10_000


def mean_check(mean, n, *, items=1):
    """Check that n whole numbers can have the printed mean (GRIM).

    Parameters
    ----------
    mean : str or float
        As printed.
    n : int
        Patients.
    items : int
        Whole numbers averaged for each patient.

    Returns
    -------
    Finding

    Examples
    --------
    >>> print(mean_check("58.9", 12).statement)
    A mean of 58.9 can come from 12 whole numbers, which then sum to 707.
    >>> mean_check("58.91", 12).verdict, mean_check("58.72", 12).verdict
    ('rounding', 'contradictory')
    """
    mean, n = _number(mean, "mean"), whole(n, "number of patients", least=1)
    count = n * whole(items, "number of items", least=1)
    verdict = graded(lambda truncated: bool(_sums(mean, count, truncated)))
    near = math.floor(mean.value * count)
    nearest = " and ".join(
        f"{total}/{count} = {print_number(total / count, mean.decimals + 2)}"
        for total in (near, near + 1)
    )
    assumptions = ("every value is a whole number", "no value is missing")
    found = _sums(mean, count, verdict != "consistent")
    values = {"n": n, "sums": list(found[:20])}
    if verdict == "contradictory":
        statement = f"No {count} whole numbers have a mean of {mean.text}: nearest are {nearest}."
        return Finding(verdict, statement, nearest + ".", assumptions, values)
    only = " only if digits were cut off" if verdict == "rounding" else ""
    sums = str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
    statement = (
        f"A mean of {mean.text} can come from {count} whole numbers{only}, "
        f"which then sum to {sums}."
    )
    return Finding(verdict, statement, nearest + ".", assumptions, values)


def sd_check(mean, sd, n, *, smallest=None, largest=None):
    """Check that n whole numbers can have the printed mean and standard deviation (GRIMMER).

    With sum S and sum of squares Q, (n − 1) SD² = Q − S²/n. Q must be a whole number, as odd or
    even as S, no smaller than when the values lie as close together as they can, and no larger
    than when they lie as far apart as `smallest` and `largest` let them.

    Parameters
    ----------
    mean, sd : str or float
        As printed.
    n : int
        Patients.
    smallest, largest : int, optional
        Limits of the values, such as the printed range.

    Returns
    -------
    Finding
        The divisor n is tried as well as n − 1. Of samples of ten at most, an SD 0.37 too large
        (two decimals) is found in 39%; a true one is never called contradictory. These conditions
        are necessary, not sufficient: ``consistent`` means that nothing speaks against the pair.

    Examples
    --------
    >>> sd_check("58.8", "10.7", 12).verdict
    'consistent'
    >>> sd_check("3.0", "0.20", 4).verdict
    'contradictory'
    """
    mean, sd = _number(mean, "mean"), _number(sd, "standard deviation", least=0)
    n = whole(n, "number of patients", least=2)
    if n > _MOST_PATIENTS:
        raise ValueError(f"{n} patients can have nearly every SD: {_MOST_PATIENTS} at most")
    verdict = graded(lambda truncated: _has_squares(mean, sd, n, smallest, largest, truncated))
    pair = f"mean {mean.text} and SD {sd.text}"
    assumptions = ["every value is a whole number", "no value is missing"]
    if smallest is not None or largest is not None:
        assumptions.append(f"the values lie from {smallest} to {largest}")
    arithmetic = "Sum of squares = (n − 1) SD² + sum²/n must be a whole number, even as the sum is."
    values = {"n": n}
    if verdict == "contradictory":
        statement = f"No {n} whole numbers have {pair}."
    else:
        only = " only if digits were cut off" if verdict == "rounding" else ""
        statement = f"Nothing speaks against {n} whole numbers with {pair}{only}."
        if verdict == "rounding":
            statement = f"{n} whole numbers have {pair}{only}."
    return Finding(verdict, statement, arithmetic, tuple(assumptions), values)


def binary_sd_check(share, sd, n):
    """Check the standard deviation of a yes/no variable against its share (DEBIT).

    SD = √(p (1 − p) n / (n − 1)) for p = k/n; the divisor n is tried as well.

    Parameters
    ----------
    share : str or float
        Share of yes, as printed (``"35%"`` or ``"0.35"``).
    sd : str or float
        As printed, from 0 to 1.
    n : int
        Patients.

    Returns
    -------
    Finding

    Examples
    --------
    >>> binary_sd_check("0.35", "0.48", 63).verdict
    'consistent'
    >>> binary_sd_check("0.35", "0.40", 63).verdict
    'contradictory'
    """
    share, sd = printed_share(share), _number(sd, "standard deviation", least=0)
    n = whole(n, "number of patients", least=2)
    if n > _MOST_PATIENTS:
        raise ValueError(f"{n} patients can have nearly every SD: {_MOST_PATIENTS} at most")

    def fits(truncated):
        low, high = printed_box(share, truncated=truncated, smallest=0, largest=1)
        ends = printed_box(sd, truncated=truncated, smallest=0)
        return any(
            low - 1e-9 <= k / n <= high + 1e-9
            and any(
                ends[0] - 1e-9 <= math.sqrt(k * (n - k) / n / divisor) <= ends[1] + 1e-9
                for divisor in (n, n - 1)
            )
            for k in range(n + 1)
        )

    verdict = graded(fits)
    expected = math.sqrt(share.value * (1 - share.value) * n / (n - 1))
    arithmetic = f"√(p(1 − p) n/(n − 1)) = {expected:.4g}."
    pair = f"a share of {share.text} and SD {sd.text}"
    can = "cannot" if verdict == "contradictory" else "can"
    only = " only if digits were cut off" if verdict == "rounding" else ""
    statement = f"A yes/no variable of {n} patients {can} have {pair}{only}."
    return Finding(verdict, statement, arithmetic, ("the variable is yes/no",), {"sd": expected})


def _number(printed, what, least=-math.inf):
    number = Printed.parse(printed)
    if number.comparator or number.percent or number.value < least:
        raise ValueError(f"the {what} must be a plain number, found {number.text!r}")
    return number


def _sums(mean, count, truncated):
    low, high = printed_box(mean, truncated=truncated)
    # A little slack keeps ties, which binary fractions would lose.
    return range(math.ceil(low * count - 1e-9), math.floor(high * count + 1e-9) + 1)


def _has_squares(mean, sd, n, smallest, largest, truncated):
    low, high = printed_box(sd, truncated=truncated, smallest=0)
    for total in _sums(mean, n, truncated):
        if smallest is not None and total < n * smallest:
            continue
        if largest is not None and total > n * largest:
            continue
        base, extra = divmod(total, n)
        least = (n - extra) * base**2 + extra * (base + 1) ** 2
        most = _most_squares(total, n, smallest, largest)
        for divisor in (n - 1, n):
            start = max(least, math.ceil(divisor * low**2 + total**2 / n - 1e-6))
            end = min(most, math.floor(divisor * high**2 + total**2 / n + 1e-6))
            if start + (start - total) % 2 <= end:
                return True
    return False


def _most_squares(total, n, smallest, largest):
    """The largest sum of squares: all values at the limits but one."""
    if smallest is None or largest is None:
        return math.inf
    width = largest - smallest
    if width == 0:
        return n * smallest**2
    at_top, rest = divmod(total - n * smallest, width)
    if at_top >= n:
        return n * largest**2
    between = smallest + rest
    return at_top * largest**2 + between**2 + (n - at_top - 1) * smallest**2
