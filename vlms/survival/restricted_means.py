"""Restricted mean survival time: the area under a curve up to a horizon.

Own code, because the variance that lifelines gives is not Greenwood's. The numbers are those of
R's `print.survfit` with `rmean` (package survival).
"""

import warnings

import numpy as np
import pandas as pd
from scipy import special

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.curves import check_curve, noise_of
from vlms.survival.event_table import group_slices


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
    >>> from vlms.survival.curves import kaplan_meier
    >>> restricted_mean(kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]), 4).round(4)
      group  horizon  rmst  std_error   lower   upper
    0   all        4   2.5      0.559  1.4043  3.5957
    """
    check_curve(curve)
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
    >>> from vlms.survival.curves import kaplan_meier
    >>> curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> restricted_mean_difference(curve, 3)[["difference", "std_error"]].round(4)
       difference  std_error
    0         1.5     0.3536
    """
    means = restricted_mean(curve, horizon).set_index("group")
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


def _normal_quantile(curve):
    return special.ndtri(1 - (1 - curve.attrs.get("confidence", 0.95)) / 2)


def _area(curve, horizon, label):
    time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
    if horizon > time[-1] + noise_of(time) and survival[-1] > 0:
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
