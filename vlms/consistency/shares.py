"""Shares: can a count, a total and a percentage be true together?

A share of n patients can take n + 1 values only, so a printed percentage restricts both the count
and the total behind it (the GRIM idea of Brown and Heathers, Soc Psychol Personal Sci 2017;8:363,
applied to proportions).
"""

from fractions import Fraction

import pandas as pd

from vlms.consistency.findings import Finding, printed_share, whole
from vlms.rounding import agreement

_RULES = {"half up": "consistent", "inequality": "consistent", None: "contradictory"}


def percentage_check(printed, numerator, denominator):
    """Check a printed percentage against the count and the total printed beside it.

    Parameters
    ----------
    printed : str or float
        The percentage as printed: ``"65%"``, or ``"65"`` from a column of percentages.
    numerator, denominator : int
        Patients counted, patients in all.

    Returns
    -------
    Finding
        ``consistent`` when the share rounds (half up) to what is printed; ``rounding`` when it
        was truncated, rounded half to even, or is one unit off; else ``contradictory``, with the
        nearest total that would fit.

    Raises
    ------
    ValueError
        If a count is no whole number, is negative, or the total is 0.

    Notes
    -----
    Exact arithmetic on the fraction, so that a tie such as 23/40 is a tie.

    Examples
    --------
    >>> percentage_check("66%", 42, 63).verdict
    'rounding'
    >>> print(percentage_check("96%", 46, 58).statement)
    46 of 58 is 79.3%, not the printed 96%; 46 of 48 would print as 96%.
    """
    share = printed_share(printed)
    numerator, denominator = whole(numerator, "count"), whole(denominator, "total", least=1)
    if numerator > denominator:
        return Finding(
            "contradictory",
            f"{numerator} of {denominator} is more than all of them.",
            f"{numerator} > {denominator}.",
            values={"numerator": numerator, "denominator": denominator},
        )
    exact = Fraction(numerator, denominator)
    rule = agreement(exact, share)
    verdict = _RULES.get(rule, "rounding")
    places = share.decimals if share.percent else max(share.decimals - 2, 0)
    digits = places + (2 if verdict == "rounding" else 1)
    shown = share.text
    what = f"{numerator} of {denominator} is {float(exact):.{digits}%}"
    if verdict == "consistent":
        statement = f"{what}, which prints as {shown}."
    elif verdict == "rounding":
        how = {"half even": "by rounding half to even", "truncated": "by truncation"}
        statement = f"{what}, which prints as {shown} only {how.get(rule, 'one unit off')}."
    else:
        fitting = possible_totals(share, numerator, up_to=max(2 * denominator, 20))["total"]
        nearest = min(fitting, key=lambda total: abs(total - denominator), default=None)
        also = f"; {numerator} of {nearest} would print as {shown}" if nearest else ""
        statement = f"{what}, not the printed {shown}{also}."
    return Finding(
        verdict,
        statement,
        f"{numerator}/{denominator} = {float(exact):.6f}.",
        values={
            "numerator": numerator,
            "denominator": denominator,
            "share": float(exact),
            "rule": rule,
        },
    )


def possible_totals(printed, numerator=None, *, up_to=200):
    """List the totals, and counts out of them, whose share prints as given (GRIM).

    Parameters
    ----------
    printed : str or float
        The percentage as printed.
    numerator : int, optional
        The count where it is known; otherwise every count is tried.
    up_to : int
        Largest total tried.

    Returns
    -------
    pandas.DataFrame
        total, count, share, rule (``half up``, ``half even`` or ``truncated``).

    Examples
    --------
    >>> fits = possible_totals("93.7%", up_to=20)
    >>> fits[["total", "count", "rule"]].values.tolist()
    [[16, 15, 'truncated']]
    """
    share = printed_share(printed)
    counts = range(up_to + 1) if numerator is None else [whole(numerator, "count")]
    rows = []
    for total in range(1, whole(up_to, "largest total", least=1) + 1):
        near = share.value * total
        for count in counts:
            # Only counts within one patient and one printed unit of the share can fit.
            far = abs(count - near) > 1 + share.unit * total and not share.comparator
            if far or count > total:
                continue
            rule = agreement(Fraction(count, total), share)
            if rule not in (None, "one unit off"):
                rows.append((total, count, count / total, rule))
    return pd.DataFrame(rows, columns=["total", "count", "share", "rule"])
