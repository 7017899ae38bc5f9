"""Competing risks: cumulative incidence, and the naive estimate to warn of.

Death of another cause is not censoring: whoever dies can no longer have the event. The share that
has had each kind of event by a time is the Aalen-Johansen estimate, whose causes and survivors
add up to one; one minus a Kaplan-Meier that censors the other causes is too high.

Why own code: lifelines 0.30 jitters tied times at random in its Aalen-Johansen estimate and
drops mass with ``timeline=``. Ties between causes are shared exactly here, from counts.

Sources: Aalen & Johansen, Scand J Stat 1978;5:141; Andersen, Borgan, Gill & Keiding, Statistical
Models Based on Counting Processes, 1993, section IV.4.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from vlms.survival.arguments import (
    SurvivalInputError,
    check_number,
    one_dimensional,
    refuse_rows,
)
from vlms.survival.curves import kaplan_meier
from vlms.survival.event_table import repeat_labels
from vlms.survival.observations import observations

# Running sums reach an incidence of 1 but for this much.
ROUNDING = 1e-12
INTERVALS = ("log", "log-log", "plain", "logit")


def cumulative_incidence(time, cause, group=None, *, censored=0, interval="log", confidence=0.95):
    """Estimate the cumulative incidence of each cause (Aalen-Johansen).

    Parameters
    ----------
    time : array-like of float, shape (n,)
        End of observation, in months.
    cause : array-like, shape (n,)
        Cause of the event: whole numbers, 0 where it was censored; or text, with `censored`.
    group : array-like, shape (n,), optional
        Group of each patient; without it there is one, ``"all"``.
    censored : int or str
        The code that stands for censoring.
    interval : {"log", "log-log", "plain", "logit"}
        Scale on which the limits are symmetric; ``"log"`` is what ``survfit`` takes.
    confidence : float
        Coverage of the limits.

    Returns
    -------
    DataFrame
        ``group, cause, time, at_risk, incidence, std_error, lower, upper``: for each group and
        cause a row at time 0 and one at each distinct time. Limits are NA where they do not
        exist: before the first event of the cause, and at an incidence of 1.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        Negative or missing times, causes that are no codes, unequal lengths.

    Notes
    -----
    R: ``survfit(Surv(time, factor(cause)) ~ group)``. The standard error is that of survfit, the
    infinitesimal jackknife, which for right-censored data is the multinomial (Greenwood) variance.
    ``cmprsk::cuminc`` has another variance, slightly larger in small samples.

    Examples
    --------
    >>> cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1]).query("cause == 1")[
    ...     ["time", "at_risk", "incidence"]
    ... ]
       time  at_risk  incidence
    0   0.0        4       0.00
    1   1.0        4       0.25
    2   2.0        3       0.25
    3   3.0        2       0.25
    4   4.0        1       0.75
    """
    if interval not in INTERVALS:
        raise SurvivalInputError(
            f"interval: {interval!r} is unknown. Use one of {', '.join(INTERVALS)}."
        )
    check_number(confidence, "confidence", 0, 1, "Write 95% as 0.95.")
    checked, kind, causes = coded_causes(time, cause, group, censored)
    if not causes:
        raise SurvivalInputError(
            "cause: every patient is censored, so there is no cause to estimate. "
            f"Check that {censored!r} stands for censoring."
        )
    z = -ndtri((1 - confidence) / 2)
    parts = []
    for position, label in enumerate(checked.labels):
        mine = checked.code == position
        times, at_risk, events = _counts(checked.time[mine], kind[mine], len(causes))
        for number, name in enumerate(causes):
            incidence, error = _aalen_johansen(at_risk, events[number], events.sum(axis=0))
            lower, upper = _limits(incidence, error, z, interval)
            part = pd.DataFrame(
                {
                    "group": repeat_labels([label], [times.size]),
                    "cause": repeat_labels([name], [times.size]),
                    "time": times,
                    "at_risk": at_risk,
                    "incidence": incidence,
                    "std_error": error,
                    "lower": lower,
                    "upper": upper,
                }
            )
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def naive_one_minus_kaplan_meier(time, cause, group=None, *, censored=0):
    """Show what one minus Kaplan-Meier would say, every other cause counted as censored.

    It is **not** the share of patients who have the event: it answers how many would have it if
    the other causes did not exist and changed nothing else, and is never below the cumulative
    incidence. It is here to show the difference.

    Parameters
    ----------
    time, cause, group, censored
        As `cumulative_incidence`.

    Returns
    -------
    DataFrame
        ``group, cause, time, at_risk, naive_incidence``.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        As `cumulative_incidence`.

    Notes
    -----
    R: ``1 - survfit(Surv(time, cause == 1) ~ group)$surv``.

    Examples
    --------
    >>> naive = naive_one_minus_kaplan_meier([1, 2, 3], [2, 1, 1]).query("cause == 2")
    >>> naive["naive_incidence"].round(3).tolist()
    [0.0, 0.333, 0.333, 0.333]
    """
    checked, kind, causes = coded_causes(time, cause, group, censored)
    labels = np.array(checked.labels, dtype=object)[checked.code]
    parts = []
    for number, name in enumerate(causes):
        curve = kaplan_meier(checked.time, kind == number, labels)
        curve.insert(1, "cause", name)
        curve["naive_incidence"] = 1 - curve["survival"]
        parts.append(curve[["group", "cause", "time", "at_risk", "naive_incidence"]])
    return pd.concat(parts, ignore_index=True)


def cause_specific(frame, which, *, cause="cause", censored=0, event="event"):
    """Make the event column of one cause, for `vlms.survival.regression.cox` on its hazard.

    Patients with another cause leave the risk set when it happens, as if censored: that gives the
    cause-specific hazard ratio, which describes the rate among those still free of any event, not
    the share that ends up with the event.

    Parameters
    ----------
    frame : DataFrame
        One row a patient.
    which : int or str
        The cause of interest.
    cause : str
        Column of `frame` with the causes.
    censored : int or str
        The code that stands for censoring.
    event : str
        Name of the column that is made.

    Returns
    -------
    DataFrame
        A copy of `frame` with the column `event`, True where the event was of cause `which`.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        When no patient has that cause.

    Notes
    -----
    R: ``coxph(Surv(time, cause == 1) ~ covariates)``.

    Examples
    --------
    >>> cohort = pd.DataFrame({"time": [1, 2, 3], "cause": [2, 1, 0]})
    >>> cause_specific(cohort, 1)["event"].tolist()
    [False, True, False]
    """
    if cause not in frame.columns:
        raise SurvivalInputError(f"cause: there is no column {cause!r} in the frame.")
    kind, causes = _cause_codes(frame[cause], censored)
    if which not in causes:
        raise SurvivalInputError(
            f"which: no patient has the cause {which!r}; the causes are {causes}."
        )
    return frame.assign(**{event: kind == causes.index(which)})


def coded_causes(time, cause, group, censored):
    """Check times, causes and groups, and number the causes.

    Parameters
    ----------
    time, cause, group, censored
        As `cumulative_incidence`.

    Returns
    -------
    checked : vlms.survival.observations.Observations
        Its event is that of any cause.
    kind : ndarray of int, shape (n,)
        Position of each patient's cause in `causes`, -1 where censored.
    causes : list
        Sorted.

    Examples
    --------
    >>> coded_causes([1, 2, 3], [2, 0, 1], None, 0)[1:]
    (array([ 1, -1,  0]), [1, 2])
    """
    kind, causes = _cause_codes(cause, censored)
    if kind.size != len(np.atleast_1d(time)):
        raise SurvivalInputError(
            f"cause: {kind.size} values for {len(np.atleast_1d(time))} times. "
            "Take both from the same rows."
        )
    return observations(time, kind >= 0, group), kind, causes


def _cause_codes(cause, censored):
    """Position of each patient's cause in the sorted causes (-1: censored), and the causes."""
    values = cause if isinstance(cause, pd.Series | pd.Categorical) else None
    plain = np.asarray(cause) if isinstance(cause, pd.Categorical) else cause
    array = one_dimensional(plain, "cause")
    missing = np.asarray(pd.isna(array))
    shown = array if values is None else values
    refuse_rows(shown, missing, "cause", "missing", "Censored patients have a code too.", array)
    if isinstance(censored, str):
        wrong = np.array([not isinstance(value, str) for value in array], dtype=bool)
        remedy = "With a text for censored, every cause is text."
    else:
        wrong = np.array([not _is_code(value) for value in array], dtype=bool)
        remedy = 'Causes are 1, 2, … and 0 for censored; or text with censored="…".'
    refuse_rows(shown, wrong, "cause", "no code of a cause", remedy, array)
    plain = array if isinstance(censored, str) else array.astype(np.int64)
    causes = sorted({*np.unique(plain).tolist()} - {censored})
    kind = np.full(array.size, -1)
    for number, name in enumerate(causes):
        kind[plain == name] = number
    return kind, causes


def _is_code(value):
    if isinstance(value, bool | np.bool_):
        return True
    return isinstance(value, int | float | np.number) and value >= 0 and value == int(value)


def _counts(time, kind, causes):
    """Distinct times from 0, numbers at risk, and events of each cause at each time."""
    times, at = np.unique(np.append(0.0, time), return_inverse=True)
    at = at[1:]
    leaving = np.bincount(at, minlength=times.size)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    events = [np.bincount(at[kind == cause], minlength=times.size) for cause in range(causes)]
    return times, at_risk, np.array(events)


def _before(values):
    """Each value of a running sum or product just before its time."""
    return np.concatenate([[values[0] * 0], values[:-1]])


def _aalen_johansen(at_risk, mine, every):
    """Incidence of one cause and its standard error, by running sums.

    The variances of survival S and incidence F and their covariance obey, at a time with hazard p
    of any event and q of this one and Y at risk, V(F) += 2 q C(S, F) + q² V(S) + S² q (1 - q) / Y.
    With V(S) = S² g (Greenwood) and C(S, F) = S w each is a running sum of its own.
    """
    hazard, own = every / at_risk, mine / at_risk
    survival = np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]])
    incidence = np.cumsum(survival * own)
    left = at_risk - every
    greenwood = np.cumsum(np.divide(every, at_risk * left, out=np.zeros(left.size), where=left > 0))
    before = _before(greenwood)
    covariance = _before(np.cumsum(survival * own * (before - 1 / at_risk)))
    steps = 2 * survival * own * covariance + survival**2 * own**2 * before
    variance = np.cumsum(steps + survival**2 * own * (1 - own) / at_risk)
    # At an incidence of 1 nothing is left to vary but a trace of rounding.
    return incidence, np.sqrt(np.where(incidence > 1 - ROUNDING, 0.0, variance))


def _limits(incidence, error, z, interval):
    lower, upper = np.full((2, incidence.size), np.nan)
    some = (incidence > 0) & (incidence < 1 - ROUNDING) & (error > 0)
    share, width = incidence[some], z * error[some]
    if interval == "plain":
        low, high = share - width, share + width
    elif interval == "log":
        low, high = share * np.exp(-width / share), share * np.exp(width / share)
    elif interval == "logit":
        odds, spread = np.log(share / (1 - share)), width / (share * (1 - share))
        low, high = 1 / (1 + np.exp(spread - odds)), 1 / (1 + np.exp(-spread - odds))
    else:
        spread = np.exp(width / (share * -np.log(share)))
        low, high = share**spread, share ** (1 / spread)
    lower[some], upper[some] = np.maximum(low, 0), np.minimum(high, 1)
    return lower, upper
