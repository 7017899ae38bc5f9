"""Times read off a curve: survival quantiles and the median follow-up.

R's midpoint rule: where a curve runs exactly at the level for a while, the quantile is the middle
of that stretch. lifelines has no such rule. The numbers are those of R's `quantile.survfit`.
"""

import numpy as np
import pandas as pd

from vlms.survival.arguments import SurvivalInputError, checked_event
from vlms.survival.curves import check_curve, kaplan_meier
from vlms.survival.event_table import group_slices
from vlms.survival.observations import TIE_TOLERANCE


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
    check_curve(curve)
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
