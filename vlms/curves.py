"""The Kaplan-Meier curve and what is read off it.

A curve is a tidy frame with one row at time 0 and one each distinct time of each group. It is
computed from the event table: S(t) is the product of (n - d) / n, its standard error is
Greenwood's. Everything else here (survival at a time, quantiles, restricted mean, hazard, numbers
at risk) reads a curve and needs no patients.

Own code rather than lifelines where that differs from R or is slow: lifelines counts those at risk
at the end of a period, has no midpoint rule for a median on a flat stretch, and its variance of
the restricted mean is not Greenwood's.

Sources: Kaplan and Meier 1958; Greenwood 1926; Kalbfleisch and Prentice 2002 (log-log limits);
Fay, Brittain and Proschan 2013 and Fay and Brittain 2016 (beta product limits). The numbers are
those of R's `survfit`, `summary.survfit` and `quantile.survfit` (package survival).
"""

import warnings

import numpy as np
import pandas as pd
from scipy import special

from vlms.event_table import (
    TIE_TOLERANCE,
    SurvivalInputError,
    checked_event,
    checked_times,
    count_groups,
    group_slices,
    joined,
    observations,
    parts_of_table,
    repeat_labels,
)

INTERVALS = ("plain", "log", "log-log", "beta-product", "beta-product-mid-p")
CURVE_COLUMNS = [
    "group", "time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper",
]  # fmt: skip


def kaplan_meier(time, event, group=None, *, entry=None, interval="log-log", confidence=0.95):
    """Estimate survival by Kaplan and Meier's product.

    Parameters
    ----------
    time : array-like of float, shape (n,)
        End of observation, in months.
    event : array-like of bool, shape (n,)
        True where the observation ended with the event.
    group : array-like, shape (n,), optional
        One curve each group; without it one curve, whose group is called ``"all"``.
    entry : array-like of float, shape (n,), optional
        Delayed entry: at risk at t are those with ``entry < t <= time``.
    interval : {"log-log", "log", "plain", "beta-product", "beta-product-mid-p"}
        Scale of the pointwise limits. The beta product limits (Fay, Brittain and Proschan 2013,
        by the method of moments) suit small cohorts: without censoring they are the limits of
        Clopper and Pearson, and with the mid-p variant their mid-p version.
    confidence : float
        Confidence level, 0-1.

    Returns
    -------
    DataFrame
        ``group, time, at_risk, events, censored, survival, std_error, lower, upper``: a row at
        time 0, then one each distinct time. ``at_risk`` is just before the time; at time 0 it is
        the number at the first time. ``std_error`` is Greenwood's standard error of S. Limits are
        1 before the first event and NaN, like the standard error, once S is 0. Beta product
        limits exist there too, and their lower limit is below 1 from the start.

    Raises
    ------
    SurvivalInputError
        For what `event_table` refuses, an unknown interval, or beta product with delayed entry.

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
    if entry is not None and str(interval).startswith("beta-product"):
        raise SurvivalInputError(
            f'interval: "{interval}" is defined for patients observed from time 0. '
            'With entry= use "log-log".'
        )
    _check_interval(interval, confidence)
    checked = observations(time, event, group, entry=entry)
    return _curve(checked.labels, count_groups(checked), interval, confidence)


def kaplan_meier_from_table(table, *, interval="log-log", confidence=0.95):
    """Estimate survival from counts instead of patients.

    Parameters
    ----------
    table : DataFrame
        As `event_table` returns it, perhaps counted elsewhere from a registry.
    interval, confidence
        As `kaplan_meier`.

    Returns
    -------
    DataFrame
        As `kaplan_meier`.

    Raises
    ------
    SurvivalInputError
        For an unknown interval or a confidence level outside 0-1.

    Examples
    --------
    >>> from vlms.event_table import event_table
    >>> kaplan_meier_from_table(event_table([1, 2], [1, 0]))["survival"].tolist()
    [1.0, 0.5, 0.5]
    """
    _check_interval(interval, confidence)
    return _curve(*parts_of_table(table), interval, confidence)


def survival_at(curve, times):
    """Read survival and its limits at given times.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    times : float or array-like of float
        Times, in months.

    Returns
    -------
    DataFrame
        ``group, time, at_risk, survival, lower, upper``, the times in the order given within each
        group. Beyond a group's last observed time the estimate is NaN (0 are at risk).

    Raises
    ------
    SurvivalInputError
        For a negative or missing time.

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
    _check_columns(curve, CURVE_COLUMNS)
    return _read_at(curve, times, ["survival", "lower", "upper"], beyond=np.nan)


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

    Raises
    ------
    SurvivalInputError
        For a quantile outside 0-1.

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
    _check_columns(curve, CURVE_COLUMNS)
    shares = np.atleast_1d(np.asarray(quantile, dtype=float))
    if not ((shares >= 0) & (shares <= 1)).all():
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

    The roles of event and censoring are swapped: a death ends the follow-up without its having
    run its course. At a time with both, R counts the swapped event (the censoring) first.

    Parameters
    ----------
    time, event, group, interval, confidence
        As `kaplan_meier`.

    Returns
    -------
    DataFrame
        ``group, quantile, time, lower, upper`` with quantile 0.5, as `survival_quantile`.

    Raises
    ------
    SurvivalInputError
        For what `event_table` refuses.

    Notes
    -----
    R: ``quantile(survfit(Surv(time, 1 - event) ~ group, conf.type = "log-log"), 0.5)``.
    Source: Schemper and Smith 1996.

    Examples
    --------
    >>> median_follow_up([1, 2, 3, 4, 5], [1, 0, 1, 0, 0])["time"].item()
    4.0
    """
    censored = ~checked_event(event)
    if isinstance(event, pd.Series):
        censored = pd.Series(censored, index=event.index, name=event.name)
    return survival_quantile(
        kaplan_meier(time, censored, group, interval=interval, confidence=confidence)
    )


def restricted_mean(curve, horizon):
    """Integrate the curve up to a horizon: the mean time lived within it.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    horizon : float or array-like of float
        Horizon, in months, above 0.

    Returns
    -------
    DataFrame
        ``group, horizon, rmst, std_error, lower, upper``; plain normal limits at the curve's
        confidence level. NaN, with a warning, where the horizon lies beyond a group's follow-up
        and its curve has not come down to 0: R would carry the last value on unasked.

    Raises
    ------
    SurvivalInputError
        For a horizon of 0 or less.

    Notes
    -----
    R: ``print(survfit(...), rmean = horizon)``. The variance is Greenwood's: the sum over event
    times of (area to the right)^2 d / (n (n - d)).

    Examples
    --------
    >>> restricted_mean(kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]), 4).round(4)
      group  horizon  rmst  std_error   lower   upper
    0   all        4   2.5      0.559  1.4043  3.5957
    """
    _check_columns(curve, CURVE_COLUMNS)
    horizons = np.atleast_1d(np.asarray(horizon))
    if horizons.dtype.kind not in "iuf" or not ((horizons > 0) & np.isfinite(horizons)).all():
        raise SurvivalInputError(f"horizon: {horizon} is no time above 0.")
    z = _normal_quantile(curve)
    rows = []
    for label, mine in group_slices(curve):
        for limit in horizons:
            mean, error = _area(curve.iloc[mine], float(limit), label)
            rows.append((label, limit, mean, error, mean - z * error, mean + z * error))
    return pd.DataFrame(rows, columns=["group", "horizon", "rmst", "std_error", "lower", "upper"])


def restricted_mean_difference(curve, horizon, *, reference=None):
    """Compare restricted means: each other group minus the reference.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`, of two groups or more.
    horizon : float
        Horizon, in months.
    reference : label, optional
        Group that is subtracted; the first one unless named.

    Returns
    -------
    DataFrame
        ``group, reference, horizon, difference, std_error, lower, upper, p_value``. The groups
        are independent, so the variances add; the P value is two-sided, from the normal.

    Raises
    ------
    SurvivalInputError
        For fewer than two groups or an unknown reference.

    Notes
    -----
    R: ``survRM2::rmst2(time, event, arm, tau = horizon)``, its difference (whose variance has no
    d / (n (n - d)) term where n = d, as here).

    Examples
    --------
    >>> curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> restricted_mean_difference(curve, 3)[["difference", "std_error"]].round(4)
       difference  std_error
    0         1.5     0.3536
    """
    means = restricted_mean(curve, float(horizon)).set_index("group")
    if len(means) < 2:
        raise SurvivalInputError("curve: has one group only. A difference needs two.")
    reference = means.index[0] if reference is None else reference
    if reference not in means.index:
        raise SurvivalInputError(
            f"reference: no group {reference!r}. The groups are {list(means.index)}."
        )
    base, others = means.loc[reference], means.drop(index=reference)
    difference = (others["rmst"] - base["rmst"]).to_numpy()
    error = np.hypot(others["std_error"], base["std_error"]).to_numpy()
    z = _normal_quantile(curve)
    return pd.DataFrame(
        {
            "group": others.index,
            "reference": reference,
            "horizon": horizon,
            "difference": difference,
            "std_error": error,
            "lower": difference - z * error,
            "upper": difference + z * error,
            "p_value": 2 * special.ndtr(-np.abs(difference / np.where(error > 0, error, np.nan))),
        }
    )


def cumulative_hazard(curve):
    """Add up events and hazard along the curve.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.

    Returns
    -------
    DataFrame
        ``group, time, cumulative_events, cumulative_hazard, std_error``: the estimate of Nelson
        and Aalen, the sum of d / n, and its standard error, the root of the sum of d / n^2.

    Notes
    -----
    R: ``survfit(...)[c("cumhaz", "std.chaz")]``.

    Examples
    --------
    >>> cumulative_hazard(kaplan_meier([1, 2], [1, 1]))["cumulative_hazard"].tolist()
    [0.0, 0.5, 1.5]
    """
    _check_columns(curve, CURVE_COLUMNS)
    at_risk = curve["at_risk"].to_numpy(dtype=float)
    # A row without events adds nothing, also where nobody is at risk.
    step = curve["events"] / np.where(at_risk > 0, at_risk, 1)
    parts = [rows for _, rows in group_slices(curve)]

    def running(values):
        return np.concatenate([np.cumsum(values.to_numpy()[rows]) for rows in parts])

    return pd.DataFrame(
        {
            "group": curve["group"].to_numpy(),
            "time": curve["time"].to_numpy(),
            "cumulative_events": running(curve["events"]),
            "cumulative_hazard": running(step),
            "std_error": np.sqrt(running(step / np.where(at_risk > 0, at_risk, 1))),
        }
    )


def numbers_at_risk(curve, times):
    """Count those at risk, and what has happened so far, at given times.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    times : float or array-like of float
        Times, in months, as under the axis of a survival plot.

    Returns
    -------
    DataFrame
        ``group, time, at_risk, cumulative_events, cumulative_censored``: at risk just before the
        time, events and censorings up to and including it.

    Raises
    ------
    SurvivalInputError
        For a negative or missing time.

    Notes
    -----
    R: ``summary(survfit(...), times = times, extend = TRUE)$n.risk``. With delayed entry this is,
    as there, the number at the next time on the curve.

    Examples
    --------
    >>> numbers_at_risk(kaplan_meier([1, 2, 3], [1, 0, 1]), [0, 2, 6])["at_risk"].tolist()
    [3, 2, 0]
    """
    _check_columns(curve, CURVE_COLUMNS)
    counted = curve.assign(
        cumulative_events=curve.groupby("group", observed=True)["events"].cumsum(),
        cumulative_censored=curve.groupby("group", observed=True)["censored"].cumsum(),
    )
    return _read_at(counted, times, ["cumulative_events", "cumulative_censored"], beyond=None)


def _check_interval(interval, confidence):
    if interval not in INTERVALS:
        raise SurvivalInputError(f"interval: {interval!r} is unknown. Use one of {INTERVALS}.")
    if not 0 < confidence < 1:
        raise SurvivalInputError(
            f"confidence: {confidence!r} is not a share between 0 and 1. Write 95% as 0.95."
        )


def _curve(labels, parts, interval, confidence):
    """Curves of all groups from their counts, a row at time 0 put before each."""
    found = []
    for part in parts:
        mine = part
        if part[0][0] > 0:
            mine = [
                np.concatenate([[start], column])
                for start, column in zip((0, part[1][0], 0, 0), part, strict=True)
            ]
        found.append((*mine, *_estimate(*mine[1:], interval, confidence)))
    columns = {"group": repeat_labels(labels, [part[0].size for part in found])}
    for name, arrays in zip(CURVE_COLUMNS[1:], zip(*found, strict=True), strict=True):
        columns[name] = joined(arrays)
    curve = pd.DataFrame(columns, copy=False)
    curve.attrs.update(interval=interval, confidence=confidence)
    return curve


def _check_columns(frame, columns):
    missing = [name for name in columns if name not in getattr(frame, "columns", ())]
    if missing:
        raise SurvivalInputError(
            f"curve: lacks the columns {missing}. Pass what kaplan_meier or event_table returned."
        )


def _normal_quantile(curve):
    return special.ndtri(1 - (1 - curve.attrs.get("confidence", 0.95)) / 2)


def _estimate(at_risk, events, censored, interval, confidence):
    """Survival, standard error and limits; only rows with an event change them."""
    rows = np.flatnonzero(events)
    n, d = at_risk.take(rows).astype(float), events.take(rows).astype(float)
    staying = n - d
    survival = np.cumprod(staying / n)
    lost = np.searchsorted(-survival, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        staying *= n
        d /= staying
        spread = np.sqrt(np.cumsum(d, out=d), out=d)
        std_error = survival * spread
        if interval.startswith("beta-product"):
            limits = _beta_product(at_risk, events, censored, interval, confidence)
        else:
            limits = _normal_limits(survival, spread, interval, confidence)
            for limit in limits:
                limit[lost:] = np.nan
    std_error[lost:] = np.nan
    # Before the first event nothing has been lost and nothing is uncertain.
    step = np.cumsum(events > 0)
    curve = [_stretched(1.0, survival, step), _stretched(0.0, std_error, step)]
    if interval.startswith("beta-product"):
        return *curve, *limits
    return *curve, *(_stretched(1.0, limit, step) for limit in limits)


def _stretched(start, values, step):
    return np.concatenate([[start], values]).take(step)


def _normal_limits(survival, spread, interval, confidence):
    """Limits on the asked scale; `spread` is the standard error of log S."""
    reach = special.ndtri(1 - (1 - confidence) / 2) * spread
    if interval == "plain":
        reach *= survival
        lower, upper = np.maximum(survival - reach, 0), np.minimum(survival + reach, 1)
    elif interval == "log":
        reach = np.exp(reach)
        lower, upper = survival / reach, np.minimum(survival * reach, 1)
    else:
        log_survival = np.log(survival)
        # exp(-exp(log(-log S) -+ reach)) with reach below 0, so that the lower limit comes first
        factor = np.exp(reach / log_survival)
        lower, upper = np.exp(log_survival / factor), np.exp(log_survival * factor)
    return lower, upper


def _beta_product(at_risk, events, censored, interval, confidence):
    """Limits of Fay et al. 2013: S(t) as a product of beta variables, matched by two moments.

    The upper limit multiplies Beta(n - d + 1, d) over the event times; the lower one has one more
    factor, Beta(m, 1), for the m still at risk: the next death might come at once.
    """
    tail = (1 - confidence) / 2
    n, left = at_risk.astype(float), at_risk - events - censored
    mean = np.cumprod((n - events + 1) / (n + 1))
    square = np.cumprod((n - events + 1) / (n + 1) * ((n - events + 2) / (n + 2)))
    high = _matched_beta(mean, square)
    low = _matched_beta(mean * left / (left + 1), square * left / (left + 2))
    if interval == "beta-product":
        return _beta_quantile(tail, *low), _beta_quantile(1 - tail, *high)
    return _mixture_quantile(tail, low, high), _mixture_quantile(1 - tail, low, high)


def _matched_beta(mean, square):
    # Mean 0 or 1 is a point, not a distribution: marked by its parameters being NaN.
    size = mean * (1 - mean) / (square - mean**2) - 1
    point = (mean <= 0) | (mean >= 1)
    return mean, np.where(point, np.nan, mean * size), np.where(point, np.nan, (1 - mean) * size)


def _beta_quantile(share, mean, a, b):
    return np.where(np.isnan(a), mean, special.betaincinv(a, b, share))


def _beta_share(x, mean, a, b):
    return np.where(np.isnan(a), (x >= mean).astype(float), special.betainc(a, b, x))


def _mixture_quantile(share, low, high):
    """Quantile of an even mixture of the two distributions, by halving the interval."""
    below, above = np.zeros_like(low[0]), np.ones_like(low[0])
    for _ in range(60):
        middle = (below + above) / 2
        short = (_beta_share(middle, *low) + _beta_share(middle, *high)) / 2 < share
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return (below + above) / 2


def _noise(time):
    return TIE_TOLERANCE * max(1.0, float(np.mean(time)))


def _read_at(curve, times, columns, *, beyond):
    asked = checked_times(np.atleast_1d(np.asarray(times)), "times")
    time = curve["time"].to_numpy()
    values = {name: curve[name].to_numpy() for name in ["at_risk", *columns]}
    parts, labels = [], []
    for label, rows in group_slices(curve):
        mine = time[rows]
        noise = _noise(mine)
        upcoming = np.searchsorted(mine, asked - noise, side="left")
        last = np.searchsorted(mine, asked + noise, side="right") - 1
        part = {"time": asked, "at_risk": np.append(values["at_risk"][rows], 0)[upcoming]}
        for name in columns:
            part[name] = values[name][rows][last]
            if beyond is not None:
                part[name] = np.where(asked > mine[-1] + noise, beyond, part[name])
        labels.append(label)
        parts.append(part)
    frame = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return pd.DataFrame({"group": repeat_labels(labels, [asked.size] * len(labels)), **frame})


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
            found[position] = at[0] if levels.size > 1 else np.nan
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
    time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
    if horizon > time[-1] + _noise(time) and survival[-1] > 0:
        warnings.warn(
            f"restricted mean of group {label!r}: horizon {horizon:g} lies beyond its follow-up "
            f"({time[-1]:g} months) and its curve is still at {survival[-1]:.3g}; the answer is "
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
