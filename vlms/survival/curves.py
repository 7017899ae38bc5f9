"""Survival curves, what is read off them, landmarks and cumulative incidence.

A curve is a tidy frame with a row at time 0 and one each distinct time of each group: S(t) is the
product of (n - d) / n, its error Greenwood's. Own code where lifelines differs from R: ties up to
rounding noise, numbers at risk just before a time, limits on three scales, the midpoint rule
for quantiles, Greenwood's error of a restricted mean, tied causes (lifelines moves them at random).

Sources: Kaplan and Meier 1958; Greenwood 1926; Kalbfleisch and Prentice 2002 (log-log limits);
Schemper and Smith 1996 (follow-up); Anderson, Cain and Gelber 1983 (landmark); Aalen and Johansen
1978; Andersen, Borgan, Gill and Keiding 1993, section IV.4 (its variance).
"""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from vlms.survival.counts import (
    TIE_TOLERANCE,
    Counts,
    SurvivalInputError,
    check_choice,
    check_confidence,
    checked_event,
    checked_times,
    count,
    counts_of,
    delayed,
    group_slices,
    noise_of,
    observations,
    one_dimensional,
    refuse_rows,
    repeated,
    require_column,
    same_length,
    times_or_never,
    within_groups,
)
from vlms.survival.small import beta_product_limits

INTERVALS = ("plain", "log", "log-log", "beta-product", "beta-product-mid-p")
CURVE_COLUMNS = [
    "group", "time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper",
]  # fmt: skip
# A sum of shares reaches 1 but for this much.
ROUNDING = 1e-12


def kaplan_meier(time, event=None, group=None, *, entry=None, interval="log-log", confidence=0.95):
    """Estimate survival by Kaplan and Meier's product.

    Parameters
    ----------
    time : array-like of float, shape (n,), or DataFrame
        End of observation, in any unit; or what `event_table` returned, in place of all patients.
    event : array-like of bool, shape (n,)
        True where the observation ended with the event.
    group : array-like, shape (n,), optional
        One curve each group; without it one curve, whose group is called ``"all"``.
    entry : array-like of float, shape (n,), optional
        Delayed entry: at risk at t are those with ``entry < t <= time``.
    interval : {"log-log", "log", "plain", "beta-product", "beta-product-mid-p"}
        Scale of the pointwise limits. The beta product limits suit small cohorts: without
        censoring they are those of Clopper and Pearson, with mid-p their mid-p version.
    confidence : float
        Coverage of the limits, 0-1.

    Returns
    -------
    DataFrame
        ``group, time, at_risk, events, censored, survival, std_error, lower, upper``. ``at_risk``
        is just before the time; at time 0 it is the number at the first time. Limits are 1 before
        the first event and NaN, like the standard error, once S is 0; beta product limits exist
        there too, and their lower limit is below 1 from the start.

    Notes
    -----
    R: ``summary(survfit(Surv(time, event) ~ group, conf.type = "log-log"), censored = TRUE)``.

    Examples
    --------
    >>> curve = kaplan_meier([1, 2, 3, 3, 4], [1, 0, 1, 0, 1])
    >>> curve[["time", "at_risk", "survival", "std_error", "lower", "upper"]].round(4)
       time  at_risk  survival  std_error   lower   upper
    0   0.0        5    1.0000     0.0000  1.0000  1.0000
    1   1.0        5    0.8000     0.1789  0.2038  0.9692
    2   2.0        4    0.8000     0.1789  0.2038  0.9692
    3   3.0        3    0.5333     0.2483  0.0683  0.8631
    4   4.0        1    0.0000        NaN     NaN     NaN
    """
    check_choice(interval, "interval", INTERVALS)
    check_confidence(confidence)
    if isinstance(time, pd.DataFrame):
        counts = counts_of(time, event=event, group=group, entry=entry)
        late = delayed(time)
    else:
        counts = count(observations(time, event, group, entry=entry))
        late = entry is not None
    if interval.startswith("beta-product") and late:
        raise SurvivalInputError(
            f'interval: "{interval}" is defined for patients observed from time 0. '
            'With delayed entry use "log-log".'
        )
    return _curve(counts, interval, confidence)


def survival_at(curve, times):
    """Read survival and its limits at given times.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    times : float or array-like of float
        Times, in the unit of the curve.

    Returns
    -------
    DataFrame
        ``group, time, at_risk, survival, lower, upper``, the times in the order given within each
        group. Beyond a group's last observed time the estimate is NaN (0 are at risk).

    Notes
    -----
    R: ``summary(survfit(...), times = times)``, which leaves rows beyond follow-up out. As there,
    ``at_risk`` is the number at the next time on the curve.

    Examples
    --------
    >>> curve = kaplan_meier([1, 2, 3, 3, 4], [1, 0, 1, 0, 1])
    >>> survival_at(curve, [2.5, 5])[["time", "at_risk", "survival"]].round(4)
       time  at_risk  survival
    0   2.5        3       0.8
    1   5.0        0       NaN
    """
    _check_curve(curve)
    asked = checked_times(np.atleast_1d(np.asarray(times)), "times")
    time, at_risk = curve["time"].to_numpy(), curve["at_risk"].to_numpy()
    estimates = curve[["survival", "lower", "upper"]].to_numpy()
    slices = group_slices(curve)
    left, found = [], []
    for _, rows in slices:
        mine = time[rows]
        noise = noise_of(mine)
        upcoming = np.searchsorted(mine, asked - noise, side="left")
        last = np.searchsorted(mine, asked + noise, side="right") - 1
        left.append(np.append(at_risk[rows], 0)[upcoming])
        known = asked <= mine[-1] + noise
        found.append(np.where(known[:, None], estimates[rows][last], np.nan))
    survival, lower, upper = np.concatenate(found).T
    return pd.DataFrame(
        {
            "group": repeated([label for label, _ in slices], [asked.size] * len(slices)),
            "time": np.tile(asked, len(slices)),
            "at_risk": np.concatenate(left),
            "survival": survival,
            "lower": lower,
            "upper": upper,
        }
    )


def survival_quantile(curve, quantile=0.5):
    """Read the time by which a share of the patients have had the event.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    quantile : float or array-like of float
        Share with the event, 0-1: 0.5 is the median survival time, 0.25 the time at S = 0.75.

    Returns
    -------
    DataFrame
        ``group, quantile, time, lower, upper``; NaN where the curve, or the limit, does not reach
        the quantile. The limits are where the curve's own limits cross it.

    Notes
    -----
    R: ``quantile(survfit(...), probs = quantile)``, with its tolerance and midpoint rule: where S
    is exactly 1 - quantile over a stretch, the time is the middle of the stretch.

    Examples
    --------
    >>> survival_quantile(kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]))
      group  quantile  time  lower  upper
    0   all       0.5   2.5    1.0    NaN
    """
    _check_curve(curve)
    shares = np.atleast_1d(np.asarray(quantile))
    if shares.dtype.kind not in "iuf" or not ((shares >= 0) & (shares <= 1)).all():
        raise SurvivalInputError(f"quantile: {quantile} is not a share between 0 and 1.")
    time = curve["time"].to_numpy()
    rows = []
    for label, mine in group_slices(curve):
        found = [
            _crossings(time[mine], curve[name].to_numpy()[mine], shares)
            for name in ("survival", "lower", "upper")
        ]
        rows += [(label, share, *values) for share, *values in zip(shares, *found, strict=True)]
    return pd.DataFrame(rows, columns=["group", "quantile", "time", "lower", "upper"])


def median_follow_up(time, event, group=None, *, interval="log-log", confidence=0.95):
    """Estimate the median follow-up by the reverse Kaplan-Meier curve.

    The roles of event and censoring are swapped: a death ends the follow-up before its time. At
    a time with both, R counts the swapped event (the censoring) first.

    Parameters
    ----------
    time, event, group, interval, confidence
        As `kaplan_meier`.

    Returns
    -------
    DataFrame
        As `survival_quantile`, with quantile 0.5.

    Notes
    -----
    R: ``quantile(survfit(Surv(time, 1 - event) ~ group, conf.type = "log-log"), 0.5)``.

    Examples
    --------
    >>> median_follow_up([1, 2, 3, 4, 5], [1, 0, 1, 0, 0])["time"].item()
    4.0
    """
    options = {"interval": interval, "confidence": confidence}
    return survival_quantile(kaplan_meier(time, ~checked_event(event), group, **options))


def restricted_mean(curve, horizon):
    """Integrate the curve up to a horizon: the mean time lived within it.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    horizon : float or array-like of float
        Horizon, in the unit of the curve, above 0.

    Returns
    -------
    DataFrame
        ``group, horizon, rmst, std_error, lower, upper``; plain normal limits at the curve's
        confidence level. NaN, with a warning, where the horizon lies beyond a group's follow-up
        and its curve has not come down to 0: R would carry the last value on unasked.

    Notes
    -----
    R: ``print(survfit(...), rmean = horizon)``. The variance is Greenwood's, that of lifelines not:
    the sum over event times of (area to the right)^2 d / (n (n - d)).

    Examples
    --------
    >>> restricted_mean(kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]), 4).round(4)
      group  horizon  rmst  std_error   lower   upper
    0   all        4   2.5      0.559  1.4043  3.5957
    """
    _check_curve(curve)
    horizons = np.atleast_1d(np.asarray(horizon))
    if horizons.dtype.kind not in "iuf" or not ((horizons > 0) & np.isfinite(horizons)).all():
        raise SurvivalInputError(f"horizon: {horizon} is no time above 0.")
    z, rows = ndtri(0.5 + curve.attrs.get("confidence", 0.95) / 2), []
    for label, mine in group_slices(curve):
        for end in horizons:
            mean, error = _area(curve.iloc[mine], float(end), label)
            rows.append((label, end, mean, error, mean - z * error, mean + z * error))
    return pd.DataFrame(rows, columns=["group", "horizon", "rmst", "std_error", "lower", "upper"])


def at_landmark(frame, landmark, *, time="time", event="event", happened=None):
    """Keep the patients still under observation at a landmark and restart their clock there.

    Comparing those who ever had a recurrence with those who never did compares the long-lived with
    the others (immortal time bias); classifying everyone by what has happened until then does not.

    Parameters
    ----------
    frame : DataFrame
        One row a patient.
    landmark : float
        Time after time zero.
    time, event : str
        Columns with the end of observation and whether it ended with the event.
    happened : dict of str to str, optional
        For each new column the column with the time of what it is about, for example
        ``{"recurred": "local_recurrence_months"}``: True when that time is not after the landmark.

    Returns
    -------
    DataFrame
        The rows with ``time > landmark``, `time` counted from the landmark, all other columns as
        they were. ``.attrs``: ``landmark, events_before, censored_before``.

    Notes
    -----
    Whoever ends exactly at the landmark, but for rounding noise, is out: nothing of their
    follow-up lies after it. R: ``subset(transform(frame, time = time - landmark), time > 0)``.

    Examples
    --------
    >>> cohort = pd.DataFrame(
    ...     {"time": [5, 12, 30], "event": [True, True, False], "recurrence": [2, np.nan, 3]}
    ... )
    >>> at_landmark(cohort, 6, happened={"recurred": "recurrence"})
       time  event  recurrence  recurred
    1   6.0   True         NaN     False
    2  24.0  False         3.0      True
    """
    landmark = float(checked_times([landmark], "landmark")[0])
    for name, role in ((time, "time"), (event, "event")):
        require_column(frame, name, role)
    checked = observations(frame[time], frame[event])
    noise = noise_of(np.unique(checked.time))
    kept = checked.time > landmark + noise
    later = frame.loc[kept].copy()
    later[time] = checked.time[kept] - landmark
    for name, column in (happened or {}).items():
        later[name] = times_or_never(frame, column, "happened")[kept] <= landmark + noise
    later.attrs = {
        **frame.attrs,
        "landmark": landmark,
        "events_before": int((~kept & checked.event).sum()),
        "censored_before": int((~kept & ~checked.event).sum()),
    }
    return later


def cumulative_incidence(time, cause=None, group=None, *, confidence=0.95):
    """Estimate the cumulative incidence of each cause (Aalen-Johansen).

    Death of another cause is not censoring: one minus a Kaplan-Meier curve that censors the other
    causes is too high. Incidences of all causes and survival add up to one.

    Parameters
    ----------
    time : array-like of float, shape (n,), or dict
        End of observation, in any unit; or, in place of all patients, cause → what `event_table`
        returned with this cause as the event.
    cause : array-like of int, shape (n,)
        Cause of the event: whole numbers, 0 where it was censored.
    group : array-like, shape (n,), optional
        Group of each patient; without it there is one, ``"all"``.
    confidence : float
        Coverage of the limits, on the scale of the logarithm as `survfit` has them.

    Returns
    -------
    DataFrame
        ``group, cause, time, at_risk, incidence, std_error, lower, upper``: for each group and
        cause a row at time 0 and one at each distinct time. Limits are NaN where they do not
        exist: before the first event of the cause, and at an incidence of 1.

    Notes
    -----
    R: ``survfit(Surv(time, factor(cause)) ~ group)``. The standard error is that of survfit, the
    multinomial (Greenwood) variance; ``cmprsk::cuminc`` has a slightly larger one.

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
    check_confidence(confidence)
    if isinstance(time, dict):
        by_cause = {
            name: counts_of(table, cause=cause, group=group) for name, table in time.items()
        }
        if any(map(delayed, time.values())):
            raise SurvivalInputError("time: incidence with delayed entry is not estimated.")
    else:
        checked, kind, causes = coded_causes(time, cause, group)
        some = zip(causes, range(len(causes)), strict=True)
        by_cause = {name: count(replace(checked, event=kind == k)) for name, k in some}
    if not by_cause:
        raise SurvivalInputError(
            "cause: every patient is censored, so there is no cause to estimate. "
            "Check that 0 stands for censoring."
        )
    by_cause = {name: _from_time_zero(counts) for name, counts in by_cause.items()}
    first, parts = next(iter(by_cause.values())), []
    for counts in by_cause.values():
        if not all(
            np.array_equal(mine, its) for mine, its in zip(counts[:4], first[:4], strict=True)
        ):
            raise SurvivalInputError("time: the event tables are not of the same patients.")
    every, ends = sum(counts.events for counts in by_cause.values()), np.cumsum(first.sizes)
    z = ndtri(0.5 + confidence / 2)
    for label, size, end in zip(first.labels, first.sizes, ends, strict=True):
        rows = slice(end - size, end)
        for name, counts in by_cause.items():
            estimated = _aalen_johansen(first.at_risk[rows], counts.events[rows], every[rows])
            columns = {
                "group": repeated([label], [size]),
                "cause": repeated([name], [size]),
                "time": first.time[rows],
                "at_risk": first.at_risk[rows],
                **dict(zip(("incidence", "std_error"), estimated, strict=True)),
                **dict(zip(("lower", "upper"), _incidence_limits(*estimated, z), strict=True)),
            }
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def coded_causes(time, cause, group):
    """Checked patients, whose event is that of any cause; the number of each cause (-1: none)."""
    plain = np.asarray(cause) if isinstance(cause, pd.Categorical) else cause
    values = one_dimensional(plain, "cause")
    missing = np.asarray(pd.isna(values))
    refuse_rows(plain, missing, "cause", "missing", "Censored patients have a code too.", values)
    wrong = ~np.array([_is_code(value) for value in values], dtype=bool)
    remedy = "Causes are 1, 2, … and 0 for censored."
    refuse_rows(plain, wrong, "cause", "no code of a cause", remedy, values)
    same_length(values, np.atleast_1d(time), "cause")
    causes = np.unique(values.astype(np.int64))
    causes = causes[causes > 0].tolist()
    kind = np.where(values == 0, -1, np.searchsorted(causes, values.astype(np.int64)))
    return observations(time, kind >= 0, group), kind, causes


def _is_code(value):
    """Whether a value is a whole number from 0."""
    number = isinstance(value, int | float | np.number | np.bool_)
    return number and value >= 0 and value == int(value)


def _check_curve(frame):
    """Refuse what is no curve."""
    missing = [name for name in CURVE_COLUMNS if name not in getattr(frame, "columns", ())]
    if missing:
        raise SurvivalInputError(
            f"curve: lacks the columns {missing}. Pass what kaplan_meier returned."
        )


def _curve(counts, interval, confidence):
    """Survival, standard error and limits from the counts."""
    counts = _from_time_zero(counts)
    n, d = counts.at_risk.astype(float), counts.events
    survival = within_groups(np.cumprod, (n - d) / n, counts.sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = within_groups(np.cumsum, d / ((n - d) * n), counts.sizes)
        error_of_log = np.sqrt(greenwood)
        std_error = survival * error_of_log
        if interval.startswith("beta-product"):
            lower, upper = beta_product_limits(counts, interval, confidence)
        else:
            lower, upper = _limits(survival, error_of_log, interval, confidence)
    estimates = dict(zip(CURVE_COLUMNS[5:], (survival, std_error, lower, upper), strict=True))
    curve = counts.frame(**estimates)
    curve.attrs.update(interval=interval, confidence=confidence)
    return curve


def _from_time_zero(counts):
    """Put a row at time 0 before each group that has none."""
    first = np.cumsum(counts.sizes) - counts.sizes
    late = counts.time[first] > 0
    first = first[late]
    return Counts(
        counts.labels,
        counts.sizes + late,
        np.insert(counts.time, first, 0.0),
        np.insert(counts.at_risk, first, counts.at_risk[first]),
        np.insert(counts.events, first, 0),
        np.insert(counts.censored, first, 0),
    )


def _limits(survival, error_of_log, interval, confidence):
    """Normal limits on the asked scale, cut off at 0 and 1."""
    reach = ndtri(0.5 + confidence / 2) * error_of_log
    if interval == "plain":
        lower, upper = survival - survival * reach, survival + survival * reach
    elif interval == "log":
        lower, upper = survival / np.exp(reach), survival * np.exp(reach)
    else:
        log_survival = np.log(survival)
        factor = np.exp(reach / log_survival)
        lower, upper = np.exp(log_survival / factor), np.exp(log_survival * factor)
    for limit in (lower, upper):
        limit[error_of_log == 0] = 1.0  # before the first event
        limit[survival == 0] = np.nan
    return np.maximum(lower, 0), np.minimum(upper, 1)


def _crossings(time, survival, shares):
    """First time at which 1 - survival reaches each share, as R's findq finds it."""
    reached = 1 - survival
    if reached[0] != 0:
        # Events at time 0: R still starts the curve at S = 1.
        time, reached = np.append(0.0, time), np.append(0.0, reached)
    known = ~np.isnan(reached)
    levels, first = np.unique(reached[known], return_index=True)
    at = time[known][first]
    last_level = reached[known][first.max()] if known[-1] else np.nan
    found = np.full(shares.size, np.nan)
    for position, share in enumerate(shares):
        if share == 0:
            # R: time 0, unless the curve is known never to leave 1.
            found[position] = np.nan if abs(last_level) < TIE_TOLERANCE else 0.0
            continue
        left = np.searchsorted(levels, share - TIE_TOLERANCE, side="left")
        right = np.searchsorted(levels, share + TIE_TOLERANCE, side="left")
        if left == levels.size:
            continue
        if abs(share - last_level) < TIE_TOLERANCE:
            found[position] = (at[left] + time[-1]) / 2
        elif right < levels.size:
            found[position] = (at[left] + at[right]) / 2
    return found


def _area(curve, horizon, label):
    """Area under one curve up to a horizon, and its standard error."""
    time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
    if horizon > time[-1] + noise_of(time) and survival[-1] > 0:
        warnings.warn(
            f"restricted mean of group {label!r}: horizon {horizon:g} lies beyond its follow-up "
            f"({time[-1]:g}) and its curve is still at {survival[-1]:.3g}; the answer is "
            "missing. Choose a horizon within the follow-up of every group.",
            stacklevel=3,
        )
        return np.nan, np.nan
    kept = time <= horizon
    edges = np.append(time[kept], horizon)
    rectangles = np.diff(edges) * survival[kept]
    area_right = np.cumsum(rectangles[::-1])[::-1]
    n, d = curve["at_risk"].to_numpy(float)[kept], curve["events"].to_numpy(float)[kept]
    some = (d > 0) & (n > d)
    variance = np.sum(area_right[some] ** 2 * d[some] / (n[some] * (n[some] - d[some])))
    return rectangles.sum(), np.sqrt(variance)


def _aalen_johansen(at_risk, mine, every):
    """Incidence of one cause and its standard error, by running sums.

    For survival S and incidence F, at a time with hazard p of any event and q of this one and Y at
    risk, V(F) += 2 q C(S, F) + q² V(S) + S² q (1 - q) / Y; V(S) = S² g (Greenwood), C(S, F) = S w.
    """
    hazard, own = every / at_risk, mine / at_risk
    survival = _before(np.cumprod(1 - hazard), 1.0)
    incidence = np.cumsum(survival * own)
    left = at_risk - every
    greenwood = np.cumsum(np.divide(every, at_risk * left, out=np.zeros(left.size), where=left > 0))
    before = _before(greenwood, 0.0)
    covariance = _before(np.cumsum(survival * own * (before - 1 / at_risk)), 0.0)
    steps = 2 * survival * own * covariance + survival**2 * own**2 * before
    variance = np.cumsum(steps + survival**2 * own * (1 - own) / at_risk)
    # At an incidence of 1 nothing is left to vary but a trace of rounding.
    return incidence, np.sqrt(np.where(incidence > 1 - ROUNDING, 0.0, variance))


def _before(values, start):
    """Each value of a running sum or product just before its time."""
    return np.concatenate([[start], values[:-1]])


def _incidence_limits(incidence, error, z):
    """Normal limits on the scale of the logarithm, cut off at 1."""
    lower, upper = np.full((2, incidence.size), np.nan)
    some = (incidence > 0) & (incidence < 1 - ROUNDING) & (error > 0)
    share, width = incidence[some], z * error[some]
    lower[some] = share * np.exp(-width / share)
    upper[some] = np.minimum(share * np.exp(width / share), 1)
    return lower, upper
