"""Survival and incidence curves that may leave a private cohort.

An exact curve gives every patient's time away: it steps where one patient has the event. A safe
curve steps only at months of a grid, only when at least a threshold of events has come since its
last step, with at least a threshold of patients still observed; its height is the exact one,
rounded to the share that five patients are of the group. Between its steps the true curve lies
lower (an incidence: higher); at a step the two differ by no more than the rounding.

Sources: OpenSAFELY's Kaplan-Meier action delays events until enough have occurred in the same way;
acro withholds survival tables below a threshold.
"""

import numpy as np
import pandas as pd

from vlms.disclosure.rules import BASE, Disclosure, round_count
from vlms.survival import cumulative_incidence, kaplan_meier

GRID_MONTHS = 6
COLUMNS = ["group", "time", "at_risk", "survival", "lower", "upper"]


def safe_survival(time, event, rules: Disclosure, *, group="all", interval="log-log", near=None):
    """Estimate a survival curve of one group that keeps the rules of `vlms.disclosure`.

    Parameters
    ----------
    time, event : array-like, shape (n,)
        As `kaplan_meier` takes them (months, bool).
    rules : Disclosure
    group : str
        What the group is called.
    interval : str
        As in `kaplan_meier`.
    near : int, optional
        How many patients the group was said to have elsewhere.

    Returns
    -------
    pandas.DataFrame
        group, time (months of the grid), at_risk (text), survival, lower, upper; limits are
        rounded outwards and NaN before the first step. ``.attrs["steps"]`` has the months at
        which it steps. Without rows when the group is too small or too few events are far
        enough apart; ``.attrs["reason"]`` says which.

    Examples
    --------
    40 patients followed for 30 months, of whom 20 died in month 3 and 8 in month 9: one step, as
    the second would be of 8 events.

    >>> time = [3] * 20 + [9] * 8 + [30] * 12
    >>> curve = safe_survival(time, [True] * 28 + [False] * 12, Disclosure("safe", 10))
    >>> curve["survival"].tolist()
    [1.0, 0.5, 0.5, 0.5, 0.5]
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=bool)
    if reason := _too_few(time, event, rules):
        return _nothing(COLUMNS, reason)
    exact = kaplan_meier(time, event, interval=interval)
    at = _steps(time, event, rules.min_count)
    if not at:
        return _nothing(COLUMNS, "too few events while enough patients were under observation")
    months = _grid(time, rules.min_count)
    share = BASE / max(round_count(near or time.size), BASE)
    rows = exact.iloc[np.searchsorted(exact["time"].to_numpy(), [0, *at], side="right") - 1]
    heights = {
        "survival": np.minimum.accumulate(_rounded(rows["survival"], share, np.round)),
        "lower": _rounded(rows["lower"], share, np.floor),
        "upper": _rounded(rows["upper"], share, np.ceil),
    }
    heights["survival"][0] = 1.0  # deaths at time 0 belong to the first step
    place = np.searchsorted([0, *at], months, side="right") - 1
    curve = pd.DataFrame({name: values[place] for name, values in heights.items()})
    curve.loc[place == 0, ["lower", "upper"]] = np.nan
    curve.insert(0, "at_risk", at_risk_texts(time, months, rules, near=near))
    curve.insert(0, "time", months)
    curve.insert(0, "group", group)
    curve.attrs = {"steps": at}
    return curve


def safe_incidence(time, cause, wanted: int, rules: Disclosure, *, group="all", near=None):
    """Estimate the cumulative incidence of one cause, under the same rules.

    Parameters
    ----------
    time : array-like of float, shape (n,)
    cause : array-like of int, shape (n,)
        0 where the observation was censored.
    wanted : int
        The cause.
    rules, group, near
        As in `safe_survival`.

    Returns
    -------
    pandas.DataFrame
        group, cause, time, at_risk (text), incidence; as `safe_survival` where there is none.

    Examples
    --------
    40 patients, of whom 20 had the event in month 3 and the others left in month 30.

    >>> curve = safe_incidence(
    ...     [3] * 20 + [30] * 20, [1] * 20 + [0] * 20, 1, Disclosure("safe", 10)
    ... )
    >>> curve["incidence"].tolist()
    [0.0, 0.5, 0.5, 0.5, 0.5]
    """
    time, cause = np.asarray(time, dtype=float), np.asarray(cause, dtype=int)
    columns = ["group", "cause", "time", "at_risk", "incidence"]
    event = cause == wanted
    if reason := _too_few(time, event, rules):
        return _nothing(columns, reason)
    at = _steps(time, event, rules.min_count)
    if not at:
        return _nothing(columns, "too few events while enough patients were under observation")
    exact = cumulative_incidence(time, cause)
    exact = exact[exact["cause"] == wanted]
    share = BASE / max(round_count(near or time.size), BASE)
    rows = exact.iloc[np.searchsorted(exact["time"].to_numpy(), [0, *at], side="right") - 1]
    heights = np.maximum.accumulate(_rounded(rows["incidence"], share, np.round))
    heights[0] = 0.0
    months = _grid(time, rules.min_count)
    curve = pd.DataFrame({"group": group, "cause": wanted, "time": months})
    curve["at_risk"] = at_risk_texts(time, months, rules, near=near)
    curve["incidence"] = heights[np.searchsorted([0, *at], months, side="right") - 1]
    curve.attrs = {"steps": at}
    return curve


def quantile_of_steps(curve: pd.DataFrame, level=0.5) -> dict:
    """Read by when a safe curve lies at or below a level, and its limits, rounded outwards.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `safe_survival`.
    level : float

    Returns
    -------
    dict
        time, the first step at which it does; lower, the last step at which the lower limit
        does not yet (0 before the first); upper, the first at which the upper limit does. NaN
        where it is not reached.

    Examples
    --------
    Of 40 patients 20 die in month 3, drawn in month 6; the upper limit stays above a half.

    >>> curve = safe_survival(
    ...     [3] * 20 + [30] * 20, [True] * 20 + [False] * 20, Disclosure("safe", 10)
    ... )
    >>> quantile_of_steps(curve)
    {'time': 6.0, 'lower': 0.0, 'upper': nan}
    """
    steps = [0.0, *curve.attrs["steps"]]

    def first(name):
        reached = curve.loc[curve[name] <= level, "time"]
        return float(reached.iloc[0]) if len(reached) else np.nan

    lower = first("lower")
    if not np.isnan(lower):
        lower = max(step for step in steps if step < lower)
    return {"time": first("survival"), "lower": lower, "upper": first("upper")}


def at_risk_texts(time, months, rules: Disclosure, *, near=None) -> list[str]:
    """Count those at risk at months of the grid; a number falls only by a threshold or more.

    Parameters
    ----------
    time : array-like of float, shape (n,)
        Months followed.
    months : sequence of float
    rules : Disclosure
    near : int, optional
        As in `safe_survival`: a first number that lies closer to it is shown as this one.

    Returns
    -------
    list of str
        A text a month.

    Examples
    --------
    Of 40 patients 36 are left in month 6, too few less to say so, and 20 in month 12.

    >>> at_risk_texts([3] * 4 + [9] * 16 + [30] * 20, [0, 6, 12], Disclosure("safe", 10))
    ['40', '40', '20']
    """
    texts, last = [], near
    for month in months:
        n = int((np.asarray(time) >= month).sum())
        if last is None or n < rules.min_count or abs(last - n) >= rules.min_count:
            last = n
        texts.append(rules.count(last))
    return texts


def lengthen(curves: list[pd.DataFrame], rules: Disclosure) -> pd.DataFrame:
    """Stack curves of several groups, each as long as the longest, withheld where it was cut.

    Parameters
    ----------
    curves : list of pandas.DataFrame
        From `safe_survival` or `safe_incidence`, none of them empty.
    rules : Disclosure

    Returns
    -------
    pandas.DataFrame
        The columns of the first; heights are NaN where a curve was cut.

    Examples
    --------
    >>> long = pd.DataFrame({"group": "a", "time": [0, 6], "at_risk": ["40", "20"]})
    >>> short = pd.DataFrame({"group": "b", "time": [0], "at_risk": ["20"]})
    >>> lengthen([long, short], Disclosure("safe", 10))["at_risk"].tolist()
    ['40', '20', '20', '<10']
    """
    months = max((curve["time"] for curve in curves), key=len)
    whole = []
    for curve in curves:
        after = pd.DataFrame({"time": months[len(curve) :]})
        after = after.assign(group=curve["group"].iloc[0], at_risk=f"<{rules.min_count}")
        if "cause" in curve:
            after["cause"] = curve["cause"].iloc[0]
        whole.append(pd.concat([curve, after], ignore_index=True))
    return pd.concat(whole, ignore_index=True)[curves[0].columns]


def _too_few(time, event, rules):
    if time.size < 2 * rules.min_count:
        return f"fewer than {2 * rules.min_count} patients"
    if event.sum() < rules.min_count:
        return f"fewer than {rules.min_count} events"
    return ""


def _steps(time, event, least):
    """Months of the grid at which the curve may step."""
    at, last = [], 0.0
    for month in _grid(time, least)[1:]:
        came = int((event & (time > last) & (time <= month)).sum())
        if not at:
            came = int((event & (time <= month)).sum())
        if came >= least:
            at.append(month)
            last = month
    return at


def _grid(time, least):
    """Months of the grid after which at least so many patients are still observed."""
    months = np.arange(0, np.max(time) + GRID_MONTHS, GRID_MONTHS, dtype=float)
    after = [(time > month).sum() for month in months]
    return months[: int(np.sum(np.asarray(after) >= least))]


def _rounded(values, share, how):
    """Round to multiples of a share; noise in the last digits does not decide."""
    units = values.to_numpy(dtype=float) / share
    return np.clip(how(np.round(units, 9)) * share, 0, 1).round(6)


def _nothing(columns, reason):
    empty = pd.DataFrame(columns=columns)
    empty.attrs = {"steps": [], "reason": reason}
    return empty
