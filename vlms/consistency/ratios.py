"""Printed hazard ratios: estimate, limits, P value, events, and the words beside them.

A Wald interval is exp(b ± z SE), symmetric on the log scale, so limits L and U give both the
estimate, √(LU), and its standard error, ln(U/L) / 2z. Limits of a profile likelihood (Firth's among
them) or of a bootstrap are not symmetric, so a misfit decides only where Wald's are declared.

Events needed. A Cox model learns only so much from each event. With tied or untied times, the
partial likelihood's observed information about the coefficient of x ∈ {0, 1} is a sum over events
of p(1 − p), where p is the risk-weighted share of x = 1 among those at risk (Breslow and Efron
alike; the exact method's hypergeometric variance obeys the same bound). Since p(1 − p) ≤ 1/4,
D events give an information of D/4 at most: SE² ≥ 4/D. At the maximum the score is zero, Σp = d₁,
the events with x = 1; p(1 − p) is concave, so by Jensen Σp(1 − p) ≤ D (d₁/D)(1 − d₁/D) = d₁d₀/D:
SE² ≥ 1/d₁ + 1/d₀. Strata leave both sums over events as they are; further covariates only take
information away (the profile information is at most its diagonal term). Left truncation changes who
is at risk, not the bound. A level of a factor against its reference level obeys both bounds, d₁ and
d₀ being their events, since diag(p) − pp' is concave as well. Limits of a profile likelihood obey
SE² ≥ 4/D only, with SE their width over 2z: as no information exceeds D/4, the log likelihood falls
by at most D/8 of the squared distance. Firth's penalty for one binary covariate adds to that no
more than an event would, since ½(log Σp(1 − p))″ ≥ −1/4. A continuous covariate has no bound,
because its unit sets the width; a robust (sandwich, cluster, weighted) variance, a bootstrap, other
penalties and a Fine-Gray model need not obey either.

Events possible. With group sizes and untied times more is known: whoever leaves first, the share
p = θy₁/(θy₁ + y₀) of the risk is fixed by how many, y₁ and y₀, are still at risk. The information
Σp(1 − p) and the score Σ(p − δ), zero at the estimate (δ = 1 for an event in the first group), are
then sums along a path of (y₁, y₀) down from the group sizes, each step an event or a censoring in
either group. For any number λ the smallest information of a path with score zero is at least the
minimum of Σ[p(1 − p) + λ(p − δ)] over all paths, and the largest at most the maximum (weak
duality). Both are found exactly by dynamic programming over (y₁, y₀, events left); the best of a
grid of λ is taken, and p ranges over all ratios that print alike. So the range is never too narrow.

Sources: Cox, J R Stat Soc B 1972;34:187 (score and information); Schoenfeld, Biometrics 1983;39:499
(the quarter); Altman and Bland, BMJ 2011;343:d2304 (P from an interval, without boxes).
"""

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from vlms.consistency.finding import (
    Finding,
    graded,
    one_of,
    printed_box,
    printed_limits,
    printed_ratio,
    together,
    whole,
)
from vlms.printed import Printed, print_p

_WALD = "the interval is a Wald interval (symmetric for the log hazard ratio)"
_PROFILE = "the limits are those of a profile likelihood"
_BINARY = "a covariate with two values in a Cox model, with the model's own (not a robust) variance"
_LEVEL = "one level against the reference level of a factor in a Cox model, with the model's own \
(not a robust) variance"
_UNTIED = "a single two-valued covariate in a Cox model, no two events at the same time"
_ROBUST = "a robust, cluster-robust, weighted or penalised variance need not obey any bound"
_MISSING = {
    "unknown": "it is not declared that the covariate has two values and that the variance is the "
    'model\'s own (covariate="binary" or groups; --binary or --groups)',
    "continuous": "the unit of a continuous covariate sets the width",
    "limits": 'it is not declared that the limits are Wald\'s (limits="wald"; --limits wald)',
}
_COVARIATES = ("unknown", "binary", "continuous", "categories")
_LIMITS = ("unknown", "wald", "profile")
_TINY = 1e-300

# A finer or wider grid of λ hardly narrows the range of events, and any grid is valid.
_MULTIPLIERS = np.linspace(-1.5, 1.5, 61)
_MOST_PATIENTS = 120

_FAVOURABLE = ("better", "improved", "longer", "protective", "superior", "lower risk", "favourable")
_ADVERSE = ("worse", "inferior", "shorter", "poorer", "poor", "harmful", "higher risk", "reduced")


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
    hr, lower, upper, p : str or float
        As printed; text keeps a trailing zero, and with it the precision.
    events, n : int, optional
        The most events that there can have been; patients in the model, which bound the events
        where those are not given (nobody then has more than one).
    groups : tuple of int, optional
        Patients with and without the covariate, which is then binary.
    test : str
        ``"wald"`` where limits and P value are known to be the model's Wald ones, as R, SAS, Stata
        and SPSS print them; with ``"unknown"`` a misfit of the P value is undetermined.
    covariate : str
        ``"binary"``, ``"categories"``, ``"continuous"`` or ``"unknown"``: only the first two let
        the number of events decide, see `information_check`.
    robust : bool
        Whether the variance is robust, cluster-robust or weighted.
    limits : str
        ``"wald"``, ``"profile"`` (likelihood) or ``"unknown"``, which leaves a ratio off the middle
        of its limits undetermined, and is ``"wald"`` where `test` is.

    Returns
    -------
    Finding
        The gravest of the single checks, which are its `parts`.

    Notes
    -----
    Of 4,457 real fits of R, printed four ways, none was called contradictory.

    Examples
    --------
    >>> printed = "1.80", "1.20", "2.70", "0.005"
    >>> hazard_ratio_check(*printed, events=40, covariate="binary").verdict
    'contradictory'
    >>> finding = hazard_ratio_check(*printed, events=40)
    >>> finding.verdict, finding.values["events_needed"]
    ('undetermined', 92)
    """
    hr, lower, upper = printed = printed_limits(hr, lower, upper)
    if one_of(limits, _LIMITS, "limits") == "unknown" and test == "wald":
        limits = "wald"
    parts = [log_symmetry_check(*printed, limits=limits)]
    if not _holds_estimate(*printed):
        return together(parts)
    if limits == "unknown" and parts[0].verdict == "undetermined":
        limits = "profile"  # no Wald limits, whatever else they are
    if p is not None:
        test = "unknown" if limits == "profile" else test
        parts.append(wald_p_check(*printed, p, confidence=confidence, test=test))
    if groups is not None and n is None and covariate != "categories":
        n = sum(whole(size, "group size") for size in groups)
    events = n if events is None else events
    if events is not None:
        if n is not None and whole(events, "number of events") > whole(n, "number of patients"):
            raise ValueError(
                f"{events} events are more than {n} patients: give patients with an event, or "
                "leave the number of patients out where one can have several events"
            )
        declared = {"covariate": covariate, "robust": robust, "limits": limits}
        bound = {"confidence": confidence, "groups": groups, **declared}
        parts.append(information_check(lower, upper, events, **bound))
    return together(parts)


def log_symmetry_check(hr, lower, upper, *, limits="unknown"):
    """Check that a hazard ratio lies at the geometric mean of its limits, as Wald's exp(b ± z SE).

    `limits` is ``"wald"``, ``"profile"`` (which has to hold the ratio, no more) or ``"unknown"``:
    off the middle is ``contradictory`` for the first, ``undetermined`` for the last.

    Examples
    --------
    >>> log_symmetry_check("2.74", "1.14", "6.56").verdict
    'consistent'
    >>> log_symmetry_check("2.74", "1.14", "7.56").verdict
    'undetermined'
    >>> log_symmetry_check("2.74", "1.14", "7.56", limits="wald").verdict
    'contradictory'
    """
    hr, lower, upper = printed_limits(hr, lower, upper)
    low, high = printed_box(lower, smallest=0), printed_box(upper, smallest=0)
    centre = math.sqrt(low[0] * high[0]), math.sqrt(low[1] * high[1])
    shown = f"{hr.text} ({lower.text} to {upper.text})"
    values = {"centre_lower": centre[0], "centre_upper": centre[1]}
    arithmetic = f"√(lower × upper) lies from {centre[0]:.4g} to {centre[1]:.4g}."
    if not _holds_estimate(hr, lower, upper):
        statement = f"The hazard ratio {shown} does not lie between its limits."
        holds = ("an interval holds its estimate",)
        return Finding("contradictory", statement, arithmetic, holds, values)
    if one_of(limits, _LIMITS, "limits") == "profile":
        statement = f"The hazard ratio {shown} lies between its limits."
        return Finding("consistent", statement, arithmetic, (_PROFILE,), values)
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
    return Finding(verdict, statement, arithmetic, (_WALD,), values)


def wald_p_check(hr, lower, upper, p, *, confidence=0.95, test="unknown"):
    """Check a printed P value against the hazard ratio and its limits.

    z = ln HR / SE with SE = ln(U/L) / 2z₀, where z₀ is the normal quantile of the confidence
    level. With a = ln L and b = ln U, z = z₀ (a + b) / (b − a) is a ratio of linear functions, so
    its extremes over all true values that print like this lie at vertices of a polygon: exact.
    `test` is ``"wald"`` or ``"unknown"``, see `hazard_ratio_check`.

    Examples
    --------
    >>> wald_p_check("2.74", "1.14", "6.56", ".02").verdict
    'consistent'
    >>> finding = wald_p_check("5.33", "0.97", "29.30", ".06")
    >>> finding.verdict, round(finding.values["p_lower"], 4), round(finding.values["p_upper"], 4)
    ('undetermined', 0.0537, 0.0546)
    """
    one_of(test, ("wald", "unknown"), "test")
    quantile = _quantile(confidence)
    hr, lower, upper = printed_limits(hr, lower, upper)
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
        return Finding("undetermined", statement, "", (_WALD,))
    values = {"p_lower": reached[0], "p_upper": reached[1]}
    arithmetic = f"Wald P from {reached[0]:.2g} to {reached[1]:.2g}."
    said = f"P {p.text}" if p.comparator else f"P = {p.text}"
    verdict, assumptions = graded(fits), (_WALD,)
    if verdict != "contradictory":
        only = " if digits were cut off instead of rounded" if verdict == "rounding" else ""
        statement = f"{said} agrees with the Wald P value of {shown}{only}."
    elif test == "wald":
        assumptions += ("the P value is the model's Wald P",)
        statement = f"{said} cannot be the Wald P value of {shown}, which is {_between(*reached)}."
    else:
        verdict = "undetermined"
        statement = (
            f"{said} is not the Wald P value of {shown}, which is {_between(*reached)}: "
            "it must come from another test, or be wrong."
        )
    return Finding(verdict, statement, arithmetic, assumptions, values)


def events_needed(lower, upper, *, confidence=0.95, groups=None):
    """Return the fewest events that a binary covariate needs for an interval this narrow.

    It is the least over all limits that print like this, cut off included. With `groups`, patients
    with and without the covariate, SE² ≥ 1/d₁ + 1/d₀ with neither number of events above its
    group's size; then None says that not even an event in every patient would do.

    Examples
    --------
    >>> events_needed("1.14", "6.56"), events_needed("1.14", "6.56", groups=(6, 30))
    (20, 36)
    """
    variance = _standard_error(lower, upper, confidence) ** 2
    fewest = max(1, math.ceil(4 / variance - 1e-9))
    if groups is None:
        return fewest
    first, second = (whole(size, "group size", least=1) for size in groups)
    for events in range(fewest, first + second + 1):
        if 1 / _most_information(events, (first, second)) <= variance * (1 + 1e-12):
            return events
    return None


def information_check(
    lower,
    upper,
    events,
    *,
    confidence=0.95,
    groups=None,
    covariate="unknown",
    robust=False,
    limits="unknown",
):
    """Check whether so few events can give an interval so narrow.

    Parameters
    ----------
    lower, upper : str or float
        Limits as printed.
    events : int
        The most events that there can have been.
    groups : tuple of int, optional
        Patients with and without the covariate, or the most events that each can have had. Giving
        them says that the covariate is binary.
    covariate : str
        ``"binary"``: two values, one unit apart, and a model-based variance; ``"categories"``: a
        level against the reference level of a factor, likewise. With ``"continuous"`` and
        ``"unknown"`` the number of events decides nothing.
    robust : bool
        Whether the variance is robust, cluster-robust, weighted or penalised: no bound holds then.
    limits : str
        ``"wald"``; ``"profile"`` (likelihood, Firth's included: one event fewer is asked for, and
        the bound by group is not used); ``"unknown"``: what only one of these decides is
        undetermined.

    Returns
    -------
    Finding
        ``contradictory`` when even the widest interval that prints like this needs more events;
        the derivation stands at the head of this module.

    Examples
    --------
    >>> print(information_check("1.14", "6.56", 15, covariate="binary").statement)
    An interval from 1.14 to 6.56 needs at least 20 events, and at most 15 can have occurred.
    >>> information_check("1.14", "6.56", 15).verdict
    'undetermined'
    """
    one_of(covariate, _COVARIATES, "covariate")
    one_of(limits, _LIMITS, "limits")
    if groups is not None and covariate == "continuous":
        raise ValueError("groups belong to a covariate with two values, not to a continuous one")
    events = whole(events, "number of events")
    arms = None if limits == "profile" else groups
    surely = max(events_needed(lower, upper, confidence=confidence) - 1, 1)  # Wald's limits or not
    needed = events_needed(lower, upper, confidence=confidence, groups=arms)
    needed = surely if limits == "profile" else needed
    enough = needed is not None and needed <= events
    widest = _standard_error(lower, upper, confidence)
    shown = f"from {printed_ratio(lower, 'limit').text} to {printed_ratio(upper, 'limit').text}"
    within = "" if arms is None else f" in groups of {arms[0]} and {arms[1]}"
    values = {"events_needed": needed, "events_possible": events, "std_error_at_most": widest}
    arithmetic = (
        f"SE = ln(upper/lower)/(2 × {_quantile(confidence):.3f}) is at most {widest:.4f}; "
        f"4/SE² = {4 / widest**2:.1f}."
    )
    kind = _PROFILE if limits == "profile" else _WALD
    missing = _ROBUST if robust else _MISSING.get(covariate if groups is None else "binary")
    if missing is None and limits == "unknown" and not enough and surely <= events:
        missing = _MISSING["limits"]
    if missing and (robust or covariate == "continuous" or not enough):
        would = f"at least {needed} events would be needed{within}"
        if needed is None:
            would = f"no number of events{within} would do"
        statement = (
            f"At most {events} events decide nothing about an interval {shown}: {missing}. "
            f"For a covariate with two values and the model's own variance {would}."
        )
        return Finding("undetermined", statement, arithmetic, (kind,), values)
    statement = f"An interval {shown} needs at least {needed} events{within}, and "
    statement += f"up to {events} can" if enough else f"at most {events} can"
    statement += " have occurred."
    if needed is None:
        statement = f"No number of events{within} gives an interval {shown}: it is too narrow."
    assumptions = (kind, _LEVEL if covariate == "categories" else _BINARY)
    verdict = "consistent" if enough else "contradictory"
    return Finding(verdict, statement, arithmetic, assumptions, values)


def narrowest_interval(hr, events, *, confidence=0.95, groups=None):
    """Return the narrowest Wald interval that so many events can give: exp(ln HR ± z · 2/√D).

    With `groups`, patients with and without the covariate, the bound by group is used.

    Examples
    --------
    >>> [round(limit, 2) for limit in narrowest_interval("2.74", 15)]
    [1.0, 7.54]
    """
    centre = math.log(printed_ratio(hr, "hazard ratio").value)
    half = _quantile(confidence) * _least_error(events, groups)
    return math.exp(centre - half), math.exp(centre + half)


def smallest_p(hr, events, *, groups=None):
    """Return the smallest two-sided Wald P that so many events can give: 2Φ(−|ln HR| √D / 2).

    The end of the printed ratio's box further from 1 is used; with `groups` the bound by group.

    Examples
    --------
    >>> round(smallest_p("2.74", 15), 4)
    0.0501
    """
    box = printed_box(printed_ratio(hr, "hazard ratio"), truncated=True, smallest=_TINY)
    furthest = max(abs(math.log(end)) for end in box)
    return 2 * NormalDist().cdf(-furthest / _least_error(events, groups))


def possible_events(hr, lower, upper, groups, *, confidence=0.95):
    """Return the fewest and the most events with which a printed result can be true, or None.

    Parameters
    ----------
    hr, lower, upper : str or float
        The hazard ratio of the first group against the second, and its limits, as printed.
    groups : tuple of int
        Patients in the first group and in the second (the reference).

    Notes
    -----
    Of more than 120 patients the range is that of `events_needed` to all, which is wider.
    R: no number of events outside this range gives such limits in ``coxph(Surv(time, event) ~ x)``.

    Examples
    --------
    >>> possible_events("2.74", "1.14", "6.56", (12, 14))
    (21, 26)
    """
    first, second = (whole(size, "group size", least=1) for size in groups)
    hr, lower, upper = printed_limits(hr, lower, upper)
    _ordered(lower, upper)
    if first + second > _MOST_PATIENTS:
        fewest = events_needed(lower, upper, confidence=confidence, groups=(first, second))
        return None if fewest is None else (fewest, first + second)
    low, high = _log_box(lower, True), _log_box(upper, True)
    scale = (2 * _quantile(confidence)) ** 2
    most_information = scale / max(high[0] - low[1], 1e-9) ** 2
    least_information = scale / (high[1] - low[0]) ** 2
    least, most = _information_ranges(_log_box(hr, True), first, second)
    meets = (least <= most_information + 1e-9) & (most >= least_information - 1e-9)
    events = np.nonzero(meets)[0]
    events = events[events > 0]
    return (int(events[0]), int(events[-1])) if len(events) else None


def same_events_check(results, *, most_events=None, confidence=0.95, robust=False, untied=None):
    """Check that results for one endpoint in the same patients can share a number of events.

    Parameters
    ----------
    results : mapping of str to (hr, lower, upper, groups)
        Univariate hazard ratios as printed, with the sizes of the first and the second group.
    most_events : int, optional
        The most events that there can have been.
    robust : bool
        Whether the variance is robust, cluster-robust, weighted or penalised: no bound holds then.
    untied : bool, optional
        Whether no two events are at the same time and the limits are Wald's. Unless that is
        declared, only a bound that needs neither can contradict (one less than `events_needed`).

    Returns
    -------
    Finding
        ``values["events"]`` holds the fewest and most events for each result.

    Examples
    --------
    >>> results = {
    ...     "marker A": ("2.74", "1.14", "6.56", (12, 14)),
    ...     "marker B": ("1.37", "0.20", "9.40", (11, 15)),
    ... }
    >>> print(same_events_check(results, untied=True).statement)
    The same patients cannot have had both 21 to 26 events (marker A) and 5 to 20 (marker B).
    >>> same_events_check(results).verdict
    'undetermined'
    """
    sizes = {sum(whole(size, "group size") for size in groups) for *_, groups in results.values()}
    if len(sizes) != 1:
        raise ValueError(f"the same patients are needed; groups sum to {sorted(sizes)}")
    ranges = {
        name: possible_events(*printed, groups, confidence=confidence)
        for name, (*printed, groups) in results.items()
    }
    same = "the same patients and the same endpoint"
    if robust:
        statement = f"The number of events decides nothing: {_ROBUST}."
        return Finding("undetermined", statement, "", (_WALD,), {"events": ranges})
    found = _shared_events(ranges, most_events, (_WALD, _UNTIED, same))
    if untied or not found.contradictory:
        return found
    most, ranges = sizes.pop(), {}
    for name, (_, lower, upper, _) in results.items():
        fewest = max(events_needed(lower, upper, confidence=confidence) - 1, 1)
        ranges[name] = (fewest, most) if fewest <= most else None
    tied = _shared_events(ranges, most_events, (_BINARY, same))
    if tied.contradictory:
        return tied
    statement = (
        f"{found.statement} Events at the same time void that argument, and that there are none, "
        "and that the limits are Wald's, is not declared (untied=True; --untied)."
    )
    return Finding("undetermined", statement, found.arithmetic, tied.assumptions, found.values)


def direction_check(hr, words, *, named="the group named", reference=None):
    """Check the direction of a hazard ratio against the words used for it.

    `words` is what the text says of the outcome of the group `named` (better, improved, longer;
    worse, inferior, shorter …). Unless the `reference` group is given, a ratio that goes against
    the words is ``undetermined``, since it may be that of the other group.

    Examples
    --------
    >>> print(direction_check("2.13", "improved", named="adjuvant therapy",
    ...                       reference="surgery alone").statement)
    A hazard ratio of 2.13 means more events with adjuvant therapy, yet the text says improved; \
    with the other group as reference it would be 0.47.
    >>> direction_check("2.13", "improved", named="adjuvant therapy").verdict
    'undetermined'
    """
    hr, said = printed_ratio(hr), words.strip().lower()
    if said not in _FAVOURABLE + _ADVERSE:
        raise ValueError(
            f"{words!r} is no direction; say one of {', '.join(_FAVOURABLE + _ADVERSE)}"
        )
    low, high = printed_box(hr, truncated=True, smallest=_TINY)
    favourable = said in _FAVOURABLE
    others = reference or "the others"
    assumptions = (f"the hazard is of a harmful event, of {named} against {others}",)
    values = {"reciprocal": 1 / hr.value, "favourable": favourable}
    arithmetic = f"HR from {low:.4g} to {high:.4g} against 1; 1/{hr.text} = {1 / hr.value:.3g}."
    meaning = "more" if hr.value > 1 else "fewer"
    verdict = "consistent"
    statement = (
        f"A hazard ratio of {hr.text} means {meaning} events with {named}, as the text says."
    )
    if (low > 1) if favourable else (high < 1):
        verdict = "contradictory" if reference else "undetermined"
        statement = (
            f"A hazard ratio of {hr.text} means {meaning} events with {named}, yet the text says "
            f"{said}; with the other group as reference it would be {1 / hr.value:.2f}."
        )
        if not reference:
            statement += " Which group is the reference is not declared (--reference)."
    elif low <= 1 <= high:
        statement = f"A hazard ratio of {hr.text} may lie on either side of 1."
    return Finding(verdict, statement, arithmetic, assumptions, values)


def significance_check(p, associated, *, level=None):
    """Check words of association against the P value and the paper's own level.

    `associated` is whether the text states an association or that there is none. Where the paper's
    `level` is not given it is 0.05, and a misfit ``undetermined``, as it is where the printed P
    stands for values on either side of the level.

    Examples
    --------
    >>> print(significance_check(".69", True, level="0.05").statement)
    The text states an association, yet P = .69 is not below the paper's own level of 0.05.
    >>> significance_check(".69", True).verdict, significance_check(".05", True).verdict
    ('undetermined', 'undetermined')
    """
    declared = level is not None
    p, level = Printed.parse(p), Printed.parse(level if declared else "0.05")
    low, high = printed_box(p, truncated=True, smallest=0, largest=1)
    said = f"P {p.text}" if p.comparator else f"P = {p.text}"
    states = "states an association" if associated else "states no association"
    own = f"the paper's own level of {level.text}" if declared else f"{level.text}"
    assumptions = ("an association is stated only where P is below the level",)
    values = {"p_lower": low, "p_upper": high, "level": level.value}
    # The upper end of the box is open: a P that prints as .04, cut off or rounded, is below 0.05.
    below = high <= level.value + 1e-12 and p.comparator != "≤"
    above = low >= level.value - 1e-12
    if not below and not above:
        statement = f"{said} may lie on either side of {own}."
        return Finding("undetermined", statement, "", assumptions, values)
    fits = below == associated
    statement = (
        f"The text {states}, {'and' if fits else 'yet'} {said} {'is' if below else 'is not'} "
        f"below {own}."
    )
    if not fits and not declared:
        statement += " The paper's own level is not declared."
    misfit = "contradictory" if declared else "undetermined"
    return Finding("consistent" if fits else misfit, statement, "", assumptions, values)


def which_comparison(groups, p, *, simulations=4000, seed=20160406, shape=1.0):
    """Simulate the log-rank P value of every comparison that a printed P could belong to.

    A paper prints medians of several groups and one P value. Survival times are simulated with
    those medians and sizes, following a Weibull law and not censored, and every comparison that
    could be meant is tested (R: ``survdiff(Surv(time) ~ group)``): the result is a likelihood, not
    a proof.

    Parameters
    ----------
    groups : mapping of str to (int, str)
        Size and printed median of each group, in which every patient had the event.
    p : str
        As printed.
    simulations, seed : int
        Simulated studies, and the seed of their random numbers.
    shape : float
        Weibull shape: 1 for a constant hazard, above 1 for a rising one.

    Returns
    -------
    pandas.DataFrame
        comparison, df, median_p, prints (share of studies whose P prints as given) and as_small
        (share whose P is as small or smaller); likeliest first.

    Examples
    --------
    >>> result = which_comparison({"a": (40, "10"), "b": (40, "10"), "c": (40, "30")}, "<.001",
    ...                           simulations=200)
    >>> result.set_index("comparison").loc["a against b", "as_small"] < 0.05
    np.True_
    """
    names = list(groups)
    if len(names) < 2:
        raise ValueError("give two groups at least")
    if not shape > 0:
        raise ValueError(f"the shape must be above 0, found {shape}")
    sizes = np.array([whole(size, "group size", least=1) for size, _ in groups.values()])
    medians = np.array([printed_ratio(m, "median").value for _, m in groups.values()])
    low, high = printed_box(Printed.parse(p), smallest=0, largest=1)
    random = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(names)), sizes)
    draws = random.exponential(size=(simulations, len(label))) / np.log(2)
    times = np.repeat(medians, sizes) * draws ** (1 / shape)
    rows = []
    for title, arms in _comparisons(names):
        member = np.full(len(names), -1)
        for arm, chosen in enumerate(arms):
            member[list(chosen)] = arm
        kept = member[label] >= 0
        found = _log_rank_p(times[:, kept], member[label[kept]])
        prints, as_small = np.mean((found >= low) & (found <= high)), np.mean(found <= high)
        rows.append((title, len(arms) - 1, np.median(found), prints, as_small))
    frame = pd.DataFrame(rows, columns=["comparison", "df", "median_p", "prints", "as_small"])
    return frame.sort_values("prints", ascending=False, ignore_index=True)


def identical_rows(frame, columns=("hazard_ratio", "lower", "upper")):
    """Find rows of different results that agree to the last printed digit in these columns.

    Rows with a gap are left out. The verdict is ``undetermined`` when there are such rows: a
    coincidence is possible, a copying error likelier; `values["groups"]` lists their index labels.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"hazard_ratio": ["2.74", "1.37", "2.74"],
    ...     "lower": ["1.14", "0.29", "1.14"], "upper": ["6.56", "6.54", "6.56"]})
    >>> identical_rows(table).values["groups"]
    [[0, 2]]
    """
    known = frame.dropna(subset=list(columns)).astype(dict.fromkeys(columns, str))
    groups = [list(rows) for rows in known.groupby(list(columns)).groups.values() if len(rows) > 1]
    if not groups:
        statement = f"No two of {len(known)} results agree in all printed digits."
        return Finding("consistent", statement, values={"groups": []})
    shown = "; ".join(" = ".join(map(str, rows)) for rows in groups)
    statement = (
        f"Different results are identical to the last digit ({shown}): possible by chance, "
        "more likely copied."
    )
    arithmetic = f"Compared in {', '.join(columns)}."
    return Finding("undetermined", statement, arithmetic, (), {"groups": groups})


def _ordered(lower, upper):
    """Refuse limits in the wrong order."""
    if lower.value > upper.value:
        raise ValueError(f"the lower limit {lower.text} is above the upper limit {upper.text}")


def _quantile(confidence):
    """The z such that ±z holds this share of a standard normal (R ``qnorm``)."""
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie between 0 and 1, found {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _log_box(printed, truncated):
    """The logarithms of the ends of a printed ratio's box."""
    low, high = printed_box(printed, truncated=truncated, smallest=_TINY)
    return math.log(low), math.log(high)


def _standard_error(lower, upper, confidence):
    """The largest standard error whose interval prints like this."""
    low, high = printed_ratio(lower, "limit"), printed_ratio(upper, "limit")
    _ordered(low, high)
    width = _log_box(high, True)[1] - _log_box(low, True)[0]
    return width / (2 * _quantile(confidence))


def _least_error(events, groups):
    """The smallest standard error that so many events can give."""
    events = whole(events, "number of events", least=1)
    return 1 / math.sqrt(_most_information(events, groups) if groups else events / 4)


def _most_information(events, groups):
    """The largest d₁d₀/(d₁ + d₀) with so many events and no arm above its size."""
    first, second = (whole(size, "group size", least=1) for size in groups)
    if events > first + second:
        raise ValueError(f"{events} events are more than {first} + {second} patients")
    splits = range(max(0, events - second), min(events, first) + 1)
    return max(max(d * (events - d) / events for d in splits), _TINY)


def _holds_estimate(hr, lower, upper):
    """Whether the limits can lie on either side of the estimate, rounding allowed."""
    low, middle, high = (printed_box(printed, truncated=True) for printed in (lower, hr, upper))
    return low[0] <= middle[1] and middle[0] <= high[1] and low[0] <= high[1]


def _vertices(hr, lower, upper, truncated):
    """Corners of the set of (ln L, ln U) that print as given and have the HR in their middle."""
    a, b, h = (_log_box(printed, truncated) for printed in (lower, upper, hr))
    slack = 1e-12
    ends = 2 * h[0] - slack, 2 * h[1] + slack
    corners = [(x, y) for x in a for y in b if ends[0] <= x + y <= ends[1]]
    for total in ends:
        corners += [(x, total - x) for x in a if b[0] <= total - x <= b[1]]
        corners += [(total - y, y) for y in b if a[0] <= total - y <= a[1]]
    return [(x, y) for x, y in corners if y >= x]


def _p_range(corners, quantile):
    """The smallest and the largest Wald P of limits in the polygon of these corners."""
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
    """Two P values as text, one where they print alike."""
    shown = print_p(low), print_p(high)
    return shown[0] if shown[0] == shown[1] else f"{shown[0]} to {shown[1]}"


def _shared_events(ranges, most_events, assumptions):
    """Whether results whose events lie in these ranges can share one number of events."""
    values = {"events": ranges}
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
    verdict = "contradictory"
    if fewest > most:
        statement = (
            f"The same patients cannot have had both {fewest} to {ranges[fewest_name][1]} events "
            f"({fewest_name}) and {ranges[most_name][0]} to {most} ({most_name})."
        )
    elif most_events is not None and fewest > whole(most_events, "number of events"):
        statement = (
            f"The result for {fewest_name} needs at least {fewest} events, "
            f"and at most {most_events} can have occurred."
        )
    else:
        verdict = "consistent"
        most = most if most_events is None else min(most, whole(most_events, "number of events"))
        what = "results can all" if len(ranges) > 1 else f"result for {fewest_name} can"
        statement = f"The {what} be true with {fewest} to {most} events."
    return Finding(verdict, statement, f"{arithmetic}.", assumptions, values)


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


def _comparisons(names):
    """Every comparison that could be meant: its title, and the groups in each of its arms."""
    numbers = range(len(names))
    if len(names) > 2:
        yield "all groups", [(i,) for i in numbers]
    for i, j in combinations(numbers, 2):
        yield f"{names[i]} against {names[j]}", [(i,), (j,)]
    if len(names) > 2:
        for i in numbers:
            yield f"{names[i]} against the rest", [(i,), tuple(j for j in numbers if j != i)]


def _log_rank_p(times, arm):
    """P values of studies (rows) without censoring or ties."""
    arms = np.arange(arm.max() + 1)
    order = arm[np.argsort(times, axis=1)]
    is_arm = order[:, :, None] == arms
    at_risk = np.arange(order.shape[1], 0, -1)
    left = is_arm[:, ::-1].cumsum(axis=1)[:, ::-1]
    share = left / at_risk[None, :, None]
    excess = (is_arm - share).sum(axis=1)[:, :-1]
    variance = -np.einsum("sti,stj->sij", share, share)
    variance[:, arms, arms] += share.sum(axis=1)
    variance = variance[:, :-1, :-1]
    score = np.linalg.solve(variance, excess[:, :, None])[:, :, 0]
    return chdtrc(len(arms) - 1, (excess * score).sum(axis=1))
