"""The Kaplan-Meier curve and what is read off it at given times.

A curve is a tidy frame with one row at time 0 and one each distinct time of each group. It is
computed from the event table: S(t) is the product of (n - d) / n, its standard error is
Greenwood's. Whatever reads a curve needs no patients.

Own code rather than lifelines, which counts those at risk at the end of a period and is slow.
Sources: Kaplan and Meier 1958; Greenwood 1926. The numbers are those of R's `survfit` and
`summary.survfit` (package survival).
"""

import numpy as np
import pandas as pd

from vlms.survival.arguments import SurvivalInputError, checked_times
from vlms.survival.event_table import (
    count_groups,
    group_slices,
    joined,
    parts_of_table,
    repeat_labels,
)
from vlms.survival.limits import beta_product_limits, check_interval, normal_limits
from vlms.survival.observations import TIE_TOLERANCE, observations

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
    check_interval(interval, confidence)
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
    >>> from vlms.survival.event_table import event_table
    >>> kaplan_meier_from_table(event_table([1, 2], [1, 0]))["survival"].tolist()
    [1.0, 0.5, 0.5]
    """
    check_interval(interval, confidence)
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
    check_curve(curve)
    return _read_at(curve, times, ["survival", "lower", "upper"], beyond=np.nan)


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
    check_curve(curve)
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
    check_curve(curve)
    counted = curve.assign(
        cumulative_events=curve.groupby("group", observed=True)["events"].cumsum(),
        cumulative_censored=curve.groupby("group", observed=True)["censored"].cumsum(),
    )
    return _read_at(counted, times, ["cumulative_events", "cumulative_censored"], beyond=None)


def check_curve(frame):
    """Refuse what is no curve.

    Parameters
    ----------
    frame : object
        What the caller passed as a curve.

    Raises
    ------
    SurvivalInputError
        Naming the columns that are missing.

    Examples
    --------
    >>> check_curve(kaplan_meier([1], [1]))
    """
    missing = [name for name in CURVE_COLUMNS if name not in getattr(frame, "columns", ())]
    if missing:
        raise SurvivalInputError(
            f"curve: lacks the columns {missing}. Pass what kaplan_meier returned."
        )


def noise_of(time):
    """How far apart two times may be and still be one, by the rule for ties.

    Parameters
    ----------
    time : ndarray of float
        Times of a curve.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> noise_of(np.array([0.0, 1.0])) < 1e-7
    True
    """
    return TIE_TOLERANCE * max(1.0, float(np.mean(time)))


def _curve(labels, parts, interval, confidence):
    """Curves of all groups from their counts, a row at time 0 put before each."""
    found = []
    for part in parts:
        # Without a row at time 0 one is put before; with one, a copy keeps the table apart.
        first = [(0,), part[1][:1], (0,), (0,)] if part[0][0] > 0 else [()] * 4
        mine = [
            np.concatenate([np.asarray(start, dtype=column.dtype), column])
            for start, column in zip(first, part, strict=True)
        ]
        found.append((*mine, *_estimate(*mine[1:], interval, confidence)))
    columns = {"group": repeat_labels(labels, [part[0].size for part in found])}
    for name, arrays in zip(CURVE_COLUMNS[1:], zip(*found, strict=True), strict=True):
        columns[name] = joined(arrays)
    curve = pd.DataFrame(columns, copy=False)
    curve.attrs.update(interval=interval, confidence=confidence)
    return curve


def _estimate(at_risk, events, censored, interval, confidence):
    """Survival, standard error and limits; only rows with an event change them."""
    rows = np.flatnonzero(events)
    n, d = at_risk.take(rows).astype(float), events.take(rows).astype(float)
    staying = n - d
    survival = np.cumprod(staying / n)
    lost = rows.size - np.searchsorted(survival[::-1], 0.0, side="right")
    with np.errstate(divide="ignore", invalid="ignore"):
        staying *= n
        d /= staying
        spread = np.sqrt(np.cumsum(d, out=d), out=d)
        std_error = survival * spread
        if interval.startswith("beta-product"):
            limits = beta_product_limits(at_risk, events, censored, interval, confidence)
        else:
            limits = normal_limits(survival, spread, interval, confidence)
            for limit in limits:
                limit[lost:] = np.nan
    # Before the first event nothing has been lost and nothing is uncertain.
    step = np.cumsum(events > 0)
    curve = [_stretched(1.0, survival, step), _stretched(0.0, std_error, step)]
    if interval.startswith("beta-product"):
        return *curve, *limits
    return *curve, *(_stretched(1.0, limit, step) for limit in limits)


def _stretched(start, values, step):
    return np.concatenate([[start], values]).take(step)


def _read_at(curve, times, columns, *, beyond):
    asked = checked_times(np.atleast_1d(np.asarray(times)), "times")
    time = curve["time"].to_numpy()
    values = {name: curve[name].to_numpy() for name in ["at_risk", *columns]}
    parts, labels = [], []
    for label, rows in group_slices(curve):
        mine = time[rows]
        noise = noise_of(mine)
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
