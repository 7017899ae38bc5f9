"""Printed hazard ratios: can estimate, limits and P value be true together?

A Wald interval is exp(b ± z SE), symmetric on the log scale, so limits L and U give both the
estimate, √(LU), and its standard error, ln(U/L) / 2z. Limits of a profile likelihood (Firth's among
them) or of a bootstrap are not symmetric, so a misfit decides only where Wald's are declared. Each
check looks for true values inside the printed boxes; how many events an interval needs is decided
in `vlms.consistency.information`.
"""

import math
from statistics import NormalDist

from vlms.consistency.findings import Finding, graded, printed_box, together, whole
from vlms.consistency.information import (
    LIMITS,
    PROFILE,
    WALD,
    information_check,
    known,
    log_box,
    normal_quantile,
    printed_ratio,
)
from vlms.rounding import Printed, print_p


def hazard_ratio_check(
    hr,
    lower,
    upper,
    p=None,
    *,
    confidence=0.95,
    events=None,
    n=None,
    groups=None,
    test="unknown",
    covariate="unknown",
    robust=False,
    limits="unknown",
):
    """Check a printed hazard ratio against its limits, its P value and the events behind it.

    Parameters
    ----------
    hr, lower, upper : str or float
        The hazard ratio and its limits as printed. Text keeps a trailing zero, and with it the
        precision; a number is taken as Python prints it.
    p : str or float, optional
        The P value as printed.
    confidence : float
        Confidence level of the limits.
    events : int, optional
        The most events that there can have been.
    n : int, optional
        Patients in the model; used as the most events where `events` is not given, which takes
        it that nobody has more than one event.
    groups : tuple of int, optional
        Patients with and without the covariate: neither arm has more events than patients.
        Giving them says that the covariate is binary.
    test : str
        ``"wald"`` when limits and P value are known to be the model's Wald ones, as R, SAS, Stata
        and SPSS print them; ``"unknown"`` when the P value may come from another test, and then
        a misfit is reported as undetermined.
    covariate : str
        ``"binary"``, ``"categories"``, ``"continuous"`` or ``"unknown"``: only the first two let
        the number of events decide, see `information_check`.
    robust : bool
        Whether the variance is robust, cluster-robust or weighted.
    limits : str
        ``"wald"``; ``"profile"`` (of a profile likelihood); or ``"unknown"``, which lets a ratio
        off the middle of its limits be undetermined, and is ``"wald"`` where `test` is.

    Returns
    -------
    Finding
        The gravest of the single checks, which are its `parts`.

    Notes
    -----
    On 3500 simulated Cox fits of 6 to 30 patients, printed with one to three decimals, rounded or
    cut off, nothing was called contradictory. Limits of a study twice the size are found by the
    events in 75% of such fits, an upper limit 0.3 too large by the asymmetry in 76%.

    Examples
    --------
    >>> printed = "1.80", "1.20", "2.70", "0.005"
    >>> hazard_ratio_check(*printed, events=40, covariate="binary").verdict
    'contradictory'
    >>> finding = hazard_ratio_check(*printed, events=40)
    >>> finding.verdict, finding.values["events_needed"]
    ('undetermined', 92)
    """
    estimates = (
        printed_ratio(hr, "hazard ratio"),
        printed_ratio(lower, "limit"),
        printed_ratio(upper, "limit"),
    )
    hr, lower, upper = estimates
    if known(limits, LIMITS, "limits") == "unknown" and test == "wald":
        limits = "wald"
    parts = [log_symmetry_check(hr, lower, upper, limits=limits)]
    if limits == "unknown" and parts[0].verdict == "undetermined":
        limits = "profile"  # no Wald limits, whatever else they are
    if not _holds_estimate(hr, lower, upper):
        return together(parts)
    if limits == "profile":
        test = "unknown"  # no Wald P follows from such limits
    if p is not None:
        parts.append(wald_p_check(hr, lower, upper, p, confidence=confidence, test=test))
    if groups is not None and n is None and covariate != "categories":
        n = sum(whole(size, "group size") for size in groups)
    if events is None and n is not None:
        events = n
    if events is not None:
        if n is not None and whole(events, "number of events") > whole(n, "number of patients"):
            raise ValueError(f"{events} events are more than {n} patients")
        declared = {"covariate": covariate, "robust": robust, "limits": limits}
        parts.append(
            information_check(
                lower, upper, events, confidence=confidence, groups=groups, **declared
            )
        )
    return together(parts)


def log_symmetry_check(hr, lower, upper, *, limits="unknown"):
    """Check that a hazard ratio lies at the geometric mean of its limits.

    A Wald interval is exp(b ± z SE), so HR = √(LU); the check asks whether any true values inside
    the printed boxes satisfy that.

    Parameters
    ----------
    hr, lower, upper : str or float
        As printed.
    limits : str
        ``"wald"``, ``"profile"`` or ``"unknown"``.

    Returns
    -------
    Finding
        Off the middle: ``contradictory`` for Wald limits, ``undetermined`` for unknown ones.
        Limits of a profile likelihood have to hold the ratio, no more.

    Examples
    --------
    >>> log_symmetry_check("2.74", "1.14", "6.56").verdict
    'consistent'
    >>> log_symmetry_check("2.74", "1.14", "7.56").verdict
    'undetermined'
    >>> log_symmetry_check("2.74", "1.14", "7.56", limits="wald").verdict
    'contradictory'
    """
    hr, lower, upper = (
        printed_ratio(hr, "hazard ratio"),
        printed_ratio(lower, "limit"),
        printed_ratio(upper, "limit"),
    )
    low, high = printed_box(lower, smallest=0), printed_box(upper, smallest=0)
    centre = math.sqrt(low[0] * high[0]), math.sqrt(low[1] * high[1])
    shown = f"{hr.text} ({lower.text} to {upper.text})"
    values = {"centre_lower": centre[0], "centre_upper": centre[1]}
    arithmetic = f"√(lower × upper) lies from {centre[0]:.4g} to {centre[1]:.4g}."
    if not _holds_estimate(hr, lower, upper):
        statement = f"The hazard ratio {shown} does not lie between its limits."
        assumptions = ("an interval holds its estimate",)
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    if known(limits, LIMITS, "limits") == "profile":
        statement = f"The hazard ratio {shown} lies between its limits."
        return Finding("consistent", statement, arithmetic, (PROFILE,), values)
    verdict = graded(lambda truncated: bool(_vertices(hr, lower, upper, truncated)))
    if verdict == "contradictory":
        statement = (
            f"The hazard ratio {shown} is not the middle of its limits on the log scale, "
            f"which is {math.sqrt(lower.value * upper.value):.3g}."
        )
        if limits == "unknown":
            statement += (
                " No Wald limits can be so; those of a profile likelihood or a bootstrap can. "
                'Which they are is not declared (limits="wald"; --limits wald).'
            )
            return Finding("undetermined", statement, arithmetic, (), values)
    else:
        only = " if digits were cut off instead of rounded" if verdict == "rounding" else ""
        statement = f"The hazard ratio {shown} is the middle of its limits on the log scale{only}."
    return Finding(verdict, statement, arithmetic, (WALD,), values)


def wald_p_check(hr, lower, upper, p, *, confidence=0.95, test="unknown"):
    """Check a printed P value against the hazard ratio and its limits.

    z = ln HR / SE with SE = ln(U/L) / 2z₀, where z₀ is the normal quantile of the confidence
    level. With a = ln L and b = ln U, z = z₀ (a + b) / (b − a) is a ratio of linear functions, so
    its extremes over all true values that print like this lie at vertices of a polygon: exact.

    Parameters
    ----------
    hr, lower, upper, p : str or float
        As printed.
    confidence : float
        Confidence level of the limits.
    test : str
        ``"wald"`` or ``"unknown"``, see `hazard_ratio_check`.

    Returns
    -------
    Finding

    Notes
    -----
    Altman and Bland, BMJ 2011;343:d2304 for the calculation without boxes.

    Examples
    --------
    >>> wald_p_check("2.74", "1.14", "6.56", ".02").verdict
    'consistent'
    >>> finding = wald_p_check("5.33", "0.97", "29.30", ".06")
    >>> finding.verdict, round(finding.values["p_lower"], 4), round(finding.values["p_upper"], 4)
    ('undetermined', 0.0537, 0.0546)
    """
    if test not in ("wald", "unknown"):
        raise ValueError(f"test must be 'wald' or 'unknown', found {test!r}")
    quantile = normal_quantile(confidence)
    hr, lower, upper = (
        printed_ratio(hr, "hazard ratio"),
        printed_ratio(lower, "limit"),
        printed_ratio(upper, "limit"),
    )
    p = Printed.parse(p)
    if not 0 <= p.value <= 1:
        raise ValueError(f"{p.text!r} is not a P value from 0 to 1")
    shown = f"{hr.text} ({lower.text} to {upper.text})"

    def wald(truncated):
        return _p_range(_vertices(hr, lower, upper, truncated), quantile)

    def fits(truncated):
        found = wald(truncated)
        box = printed_box(p, truncated=truncated, smallest=0, largest=1)
        return found is not None and found[0] <= box[1] and found[1] >= box[0]

    reached = wald(True)
    if reached is None:
        statement = f"No P value follows from {shown}, which is not symmetric on the log scale."
        return Finding("undetermined", statement, "", (WALD,))
    values = {"p_lower": reached[0], "p_upper": reached[1]}
    arithmetic = f"Wald P from {reached[0]:.2g} to {reached[1]:.2g}."
    verdict = graded(fits)
    said = f"P {p.text}" if p.comparator else f"P = {p.text}"
    if verdict != "contradictory":
        only = " if digits were cut off instead of rounded" if verdict == "rounding" else ""
        statement = f"{said} agrees with the Wald P value of {shown}{only}."
        return Finding(verdict, statement, arithmetic, (WALD,), values)
    is_p = _between(*reached)
    if test == "wald":
        statement = f"{said} cannot be the Wald P value of {shown}, which is {is_p}."
        assumptions = (WALD, "the P value is the model's Wald P")
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    statement = (
        f"{said} is not the Wald P value of {shown}, which is {is_p}: "
        "it must come from another test, or be wrong."
    )
    return Finding("undetermined", statement, arithmetic, (WALD,), values)


def _holds_estimate(hr, lower, upper):
    """Whether the limits can lie on either side of the estimate, rounding allowed."""
    low, middle, high = (printed_box(printed, truncated=True) for printed in (lower, hr, upper))
    return low[0] <= middle[1] and middle[0] <= high[1] and low[0] <= high[1]


def _vertices(hr, lower, upper, truncated):
    """Corners of the set of (ln L, ln U) that print as given and have the HR in their middle."""
    a, b, h = (log_box(printed, truncated) for printed in (lower, upper, hr))
    slack = 1e-12
    ends = 2 * h[0] - slack, 2 * h[1] + slack
    corners = [(x, y) for x in a for y in b if ends[0] <= x + y <= ends[1]]
    for total in ends:
        corners += [(x, total - x) for x in a if b[0] <= total - x <= b[1]]
        corners += [(total - y, y) for y in b if a[0] <= total - y <= a[1]]
    return [(x, y) for x, y in corners if y >= x]


def _p_range(corners, quantile):
    if not corners:
        return None
    scores = [
        quantile * (x + y) / (y - x) if y > x else math.copysign(math.inf, x + y)
        for x, y in corners
    ]
    nearest = 0 if min(scores) < 0 < max(scores) else min(map(abs, scores))
    tail = NormalDist().cdf
    return 2 * tail(-max(map(abs, scores))), 2 * tail(-nearest)


def _between(low, high):
    shown = print_p(low), print_p(high)
    return shown[0] if shown[0] == shown[1] else f"{shown[0]} to {shown[1]}"
