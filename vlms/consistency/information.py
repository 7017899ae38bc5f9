"""How many events a printed confidence interval needs.

A Cox model learns only so much from each event: for a covariate with two values, the information
is at most a quarter per event. So an interval of given width needs a number of events, whatever
the patients were like.

Derivation. With tied or untied times, the partial likelihood's observed information about the
coefficient of x ∈ {0, 1} is a sum over events of p(1 − p), where p is the risk-weighted share of
x = 1 among those at risk (Breslow and Efron alike; the exact method's hypergeometric variance
obeys the same bound). Since p(1 − p) ≤ 1/4, D events give an information of D/4 at most:
SE² ≥ 4/D. At the maximum the score is zero, Σp = d₁, the events with x = 1; p(1 − p) is concave,
so by Jensen Σp(1 − p) ≤ D (d₁/D)(1 − d₁/D) = d₁d₀/D: SE² ≥ 1/d₁ + 1/d₀. Strata leave both sums
over events as they are; further covariates, or a variance inflated for clustering, only take
information away (the profile information is at most its diagonal term). Left truncation changes
who is at risk, not the bound. A level of a factor against its reference level obeys both bounds,
d₁ and d₀ being their events, since diag(p) − pp' is concave as well. Limits of a profile likelihood
obey SE² ≥ 4/D only, with SE their width over 2z: as no information exceeds D/4, the log likelihood
falls by at most D/8 of the squared distance. Firth's penalty for one binary covariate adds to that
no more than an event would, since ½(log Σp(1 − p))″ ≥ −1/4. A continuous covariate has no bound,
because its unit sets the width; a robust (sandwich, cluster, weighted) variance, a bootstrap, other
penalties and a Fine-Gray model need not obey either.
Source: Cox, J R Stat Soc B 1972;34:187; Schoenfeld, Biometrics 1983;39:499 for the quarter.
"""

import math
from statistics import NormalDist

from vlms.consistency.findings import Finding, printed_box, whole
from vlms.rounding import Printed

WALD = "the interval is a Wald interval (symmetric for the log hazard ratio)"
PROFILE = "the limits are those of a profile likelihood"
_BINARY = "a covariate with two values in a Cox model, with the model's own (not a robust) variance"
_LEVEL = "one level against the reference level of a factor in a Cox model, with the model's own \
(not a robust) variance"
ROBUST = "a robust, cluster-robust, weighted or penalised variance need not obey any bound"
COVARIATES = ("unknown", "binary", "continuous", "categories")
LIMITS = ("unknown", "wald", "profile")
_TINY = 1e-300


def events_needed(lower, upper, *, confidence=0.95, groups=None):
    """Return the fewest events that a binary covariate needs for an interval this narrow.

    Parameters
    ----------
    lower, upper : str or float
        Limits of the hazard ratio as printed.
    confidence : float
        Their confidence level.
    groups : tuple of int, optional
        Patients with and without the covariate: then SE² ≥ 1/d₁ + 1/d₀ with neither number of
        events above its group's size.

    Returns
    -------
    int or None
        Over the widest interval that prints like this, truncation included. None when `groups`
        are given and not even an event in every patient would do.

    Examples
    --------
    >>> events_needed("1.14", "6.56")
    20
    >>> events_needed("1.14", "6.56", groups=(12, 14))
    20
    >>> events_needed("1.14", "6.56", groups=(6, 30))
    36
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
    confidence : float
        Confidence level of the limits.
    groups : tuple of int, optional
        Patients with and without the covariate, or the most events that each can have had where
        that is known (a group whose median was not reached had it in fewer than half). Giving
        them says that the covariate is binary.
    covariate : str
        ``"binary"``: two values, one unit apart, and a model-based variance. ``"categories"``: a
        level against the reference level of a factor, likewise. ``"continuous"``, ``"unknown"``:
        the number of events then decides nothing.
    robust : bool
        Whether the variance is robust, cluster-robust, weighted or penalised: no bound holds then.
    limits : str
        ``"wald"``, ``"profile"`` (of a profile likelihood, Firth's included: one event fewer is
        asked for, and the bound by group is not used) or ``"unknown"``.

    Returns
    -------
    Finding
        ``contradictory`` when even the widest interval that prints like this needs more events;
        ``undetermined`` when it would, but what the bound needs is not declared or does not hold.
        The derivation stands at the head of this module.

    Examples
    --------
    >>> print(information_check("1.14", "6.56", 15, covariate="binary").statement)
    An interval from 1.14 to 6.56 needs at least 20 events, and at most 15 can have occurred.
    >>> information_check("1.14", "6.56", 15).verdict
    'undetermined'
    """
    known(covariate, COVARIATES, "covariate")
    known(limits, LIMITS, "limits")
    if groups is not None and covariate == "continuous":
        raise ValueError("groups belong to a covariate with two values, not to a continuous one")
    events = whole(events, "number of events")
    if groups is not None and covariate == "unknown":
        covariate = "binary"
    arms = None if limits == "profile" else groups
    needed = events_needed(lower, upper, confidence=confidence, groups=arms)
    if limits == "profile":
        needed = max(needed - 1, 1)
    widest = _standard_error(lower, upper, confidence)
    shown = f"from {printed_ratio(lower, 'limit').text} to {printed_ratio(upper, 'limit').text}"
    values = {"events_needed": needed, "events_possible": events, "std_error_at_most": widest}
    arithmetic = (
        f"SE = ln(upper/lower)/(2 × {normal_quantile(confidence):.3f}) is at most {widest:.4f}; "
        f"4/SE² = {4 / widest**2:.1f}."
    )
    kind = PROFILE if limits == "profile" else WALD
    assumptions = (kind, _LEVEL if covariate == "categories" else _BINARY)
    within = "" if arms is None else f" in groups of {arms[0]} and {arms[1]}"
    enough = needed is not None and needed <= events
    missing = _missing(covariate, robust)
    if missing and (robust or covariate == "continuous" or not enough):
        would = f"at least {needed} events would be needed{within}"
        if needed is None:
            would = f"no number of events{within} would do"
        statement = (
            f"At most {events} events decide nothing about an interval {shown}: {missing}. "
            f"For a covariate with two values and the model's own variance {would}."
        )
        return Finding("undetermined", statement, arithmetic, (kind,), values)
    if needed is None:
        statement = f"No number of events{within} gives an interval {shown}: it is too narrow."
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    if not enough:
        statement = (
            f"An interval {shown} needs at least {needed} events{within}, "
            f"and at most {events} can have occurred."
        )
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    statement = (
        f"An interval {shown} needs at least {needed} events{within}, "
        f"and up to {events} can have occurred."
    )
    return Finding("consistent", statement, arithmetic, assumptions, values)


def narrowest_interval(hr, events, *, confidence=0.95, groups=None):
    """Return the narrowest Wald interval that so many events can give.

    Parameters
    ----------
    hr : str or float
        The hazard ratio.
    events : int
        Events in all.
    confidence : float
        Confidence level.
    groups : tuple of int, optional
        Patients with and without the covariate.

    Returns
    -------
    tuple of float
        exp(ln HR ± z · 2/√D), or with the bound by arm.

    Examples
    --------
    >>> [round(limit, 2) for limit in narrowest_interval("2.74", 15)]
    [1.0, 7.54]
    """
    centre = math.log(printed_ratio(hr, "hazard ratio").value)
    half = normal_quantile(confidence) * _least_error(events, groups)
    return math.exp(centre - half), math.exp(centre + half)


def smallest_p(hr, events, *, groups=None):
    """Return the smallest two-sided Wald P value that so many events can give.

    Parameters
    ----------
    hr : str or float
        The hazard ratio as printed; the end of its box further from 1 is used.
    events : int
        Events in all.
    groups : tuple of int, optional
        Patients with and without the covariate.

    Returns
    -------
    float
        2Φ(−|ln HR| √D / 2), or with the bound by arm.

    Examples
    --------
    >>> round(smallest_p("2.74", 15), 4)
    0.0501
    """
    box = printed_box(printed_ratio(hr, "hazard ratio"), truncated=True, smallest=_TINY)
    furthest = max(abs(math.log(end)) for end in box)
    return 2 * NormalDist().cdf(-furthest / _least_error(events, groups))


def known(word, words, what):
    """Return a word of a closed list, or say which there are.

    Parameters
    ----------
    word : str
        What was given.
    words : tuple of str
        What is known.
    what : str
        Its name in the message.

    Returns
    -------
    str

    Examples
    --------
    >>> known("wald", LIMITS, "limits")
    'wald'
    """
    if word not in words:
        allowed = f"{', '.join(map(repr, words[:-1]))} or {words[-1]!r}"
        raise ValueError(f"{what} must be {allowed}, found {word!r}")
    return word


def printed_ratio(printed, what="hazard ratio"):
    """Read a printed ratio or limit: a plain number that is not negative.

    Parameters
    ----------
    printed : str or float or Printed
        As printed.
    what : str
        Its name in the message.

    Returns
    -------
    Printed

    Raises
    ------
    ValueError
        If it is negative, a percentage, an inequality or no number, or a hazard ratio of 0.

    Examples
    --------
    >>> printed_ratio("1.14").decimals
    2
    """
    number = Printed.parse(printed)
    if number.comparator or number.percent or number.value < 0:
        raise ValueError(f"the {what} must be a plain number above 0, found {number.text!r}")
    if number.upper <= 0 or (what == "hazard ratio" and number.value == 0):
        raise ValueError(f"the {what} must be above 0, found {number.text!r}")
    return number


def normal_quantile(confidence):
    """Return z such that ±z holds this share of a standard normal (R ``qnorm``).

    Parameters
    ----------
    confidence : float
        From 0 to 1, exclusive.

    Returns
    -------
    float

    Examples
    --------
    >>> round(normal_quantile(0.95), 3)
    1.96
    """
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie between 0 and 1, found {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def log_box(printed, truncated):
    """Return the logarithms of the ends of a printed ratio's box.

    Parameters
    ----------
    printed : Printed
        A ratio or limit.
    truncated : bool
        As in `printed_box`.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> [round(end, 4) for end in log_box(Printed.parse("2.74"), False)]
    [1.0061, 1.0098]
    """
    low, high = printed_box(printed, truncated=truncated, smallest=_TINY)
    return math.log(low), math.log(high)


def _missing(covariate, robust):
    """Why the number of events bounds nothing; None where the bound holds."""
    if robust:
        return ROBUST
    if covariate == "continuous":
        return "the unit of a continuous covariate sets the width"
    if covariate == "unknown":
        return (
            "it is not declared that the covariate has two values and that the variance is the "
            'model\'s own (covariate="binary" or groups; --binary or --groups)'
        )
    return None


def _standard_error(lower, upper, confidence):
    """The largest standard error whose interval prints like this."""
    low, high = printed_ratio(lower, "limit"), printed_ratio(upper, "limit")
    if low.value > high.value:
        raise ValueError(f"the lower limit {low.text} is above the upper limit {high.text}")
    width = log_box(high, True)[1] - log_box(low, True)[0]
    return width / (2 * normal_quantile(confidence))


def _least_error(events, groups):
    events = whole(events, "number of events", least=1)
    return 1 / math.sqrt(_most_information(events, groups) if groups else events / 4)


def _most_information(events, groups):
    """The largest d₁d₀/(d₁ + d₀) with so many events and no arm above its size."""
    first, second = (whole(size, "group size", least=1) for size in groups)
    if events > first + second:
        raise ValueError(f"{events} events are more than {first} + {second} patients")
    splits = range(max(0, events - second), min(events, first) + 1)
    return max(max(d * (events - d) / events for d in splits), _TINY)
