"""Survival and incidence curves that may leave a private cohort.

An exact curve gives every patient's time away: it steps where one patient has the event. A safe
curve steps only at months of a grid, only when at least a threshold of events has come since its
last step, with at least a threshold of patients still observed; its height is the exact one,
rounded to the share that five patients are of the group. Between its steps the true curve lies
lower (an incidence: higher); at a step the two differ by no more than the rounding. Groups that
are drawn together step together. Survival at a month is computed exactly and shown as a band.

Sources: OpenSAFELY's Kaplan-Meier action delays events until enough have occurred in the same way;
acro withholds survival tables below a threshold.
"""

import numpy as np
import pandas as pd

from vlms.disclosure.rules import BASE, WITHHELD, Disclosure, round_count
from vlms.survival import cumulative_incidence, kaplan_meier

GRID_MONTHS = 6
BANDS = (0.05, 0.1, 0.2, 0.25, 0.5)  # widths of a band; the first that five patients fill
COLUMNS = ["group", "time", "at_risk", "survival", "lower", "upper"]


def safe_survival(
    time, event, rules: Disclosure, *, group="all", interval="log-log", near=None, steps=None
):
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
    steps : pandas.DataFrame, optional
        From `shared_steps`, where several groups are drawn on one axis.

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
    steps = shared_steps([(time, event)], rules) if steps is None else steps
    months = _grid(time, rules.min_count)
    at = [month for month in steps["time"][steps["steps"]] if month <= months[-1]]
    if not at:
        return _nothing(COLUMNS, "too few events while enough patients were under observation")
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


def safe_incidence(
    time, cause, wanted: int, rules: Disclosure, *, group="all", near=None, steps=None
):
    """Estimate the cumulative incidence of one cause, under the same rules.

    Parameters
    ----------
    time : array-like of float, shape (n,)
    cause : array-like of int, shape (n,)
        0 where the observation was censored.
    wanted : int
        The cause.
    rules, group, near, steps
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
    steps = shared_steps([(time, event)], rules) if steps is None else steps
    months = _grid(time, rules.min_count)
    at = [month for month in steps["time"][steps["steps"]] if month <= months[-1]]
    if not at:
        return _nothing(columns, "too few events while enough patients were under observation")
    exact = cumulative_incidence(time, cause)
    exact = exact[exact["cause"] == wanted]
    share = BASE / max(round_count(near or time.size), BASE)
    rows = exact.iloc[np.searchsorted(exact["time"].to_numpy(), [0, *at], side="right") - 1]
    heights = np.maximum.accumulate(_rounded(rows["incidence"], share, np.round))
    heights[0] = 0.0
    curve = pd.DataFrame({"group": group, "cause": wanted, "time": months})
    curve["at_risk"] = at_risk_texts(time, months, rules, near=near)
    curve["incidence"] = heights[np.searchsorted([0, *at], months, side="right") - 1]
    curve.attrs = {"steps": at}
    return curve


def shared_steps(groups: list, rules: Disclosure) -> pd.DataFrame:
    """Find the months at which the curves of several groups may step, all of them together.

    Curves that stepped at months of their own would seem to cross, or to lie apart, only because
    one of them waits for its next step.

    Parameters
    ----------
    groups : list of (time, event)
        Of each group, as `safe_survival` takes them.
    rules : Disclosure

    Returns
    -------
    pandas.DataFrame
        time, months of the grid; steps (bool), where every group that has a threshold of patients
        beyond has had a threshold of events since the last. A group without them ends before.

    Examples
    --------
    >>> early = ([3] * 10 + [40] * 20, [True] * 10 + [False] * 20)
    >>> late = ([9] * 10 + [40] * 20, [True] * 10 + [False] * 20)
    >>> steps = shared_steps([early, late], Disclosure("safe", 10))
    >>> steps["time"][steps["steps"]].tolist()
    [12.0]
    """
    groups = [(np.asarray(time, float), np.asarray(event, bool)) for time, event in groups]
    months = max((_grid(time, rules.min_count) for time, _ in groups), key=len)
    at, last = [], -1.0  # events at time 0 belong to the first step
    for month in months[1:]:
        came = [
            (event & (time > last) & (time <= month)).sum()
            for time, event in groups
            if (time > month).sum() >= rules.min_count
        ]
        if min(came) >= rules.min_count:
            at.append(month)
            last = month
    return pd.DataFrame({"time": months, "steps": np.isin(months, at)})


def band(share, n) -> str:
    """Print a share as a band of a fixed grid: 5% wide, wider where five patients are more.

    Parameters
    ----------
    share : float
    n : int
        Patients that the share is of.

    Returns
    -------
    str
        `WITHHELD` for none and for all.

    Examples
    --------
    >>> band(0.409, 228), band(0.409, 40), band(1.0, 40)
    ('40–45%', '40–60%', 'withheld')
    """
    if not 0 < share < 1:
        return WITHHELD
    lower, upper = _edges(share, share, n)
    return f"{100 * lower:.0f}–{100 * upper:.0f}%"


def band_limits(lower, upper, n) -> str:
    """Print an interval with limits outwards to the same grid as `band`; 0% and 100% withheld.

    Examples
    --------
    >>> band_limits(0.339, 0.478, 228), band_limits(0.87, 0.97, 228)
    ('30–50%', 'over 85%')
    """
    if np.isnan(lower) or np.isnan(upper):
        return "–"
    low, high = _edges(lower, upper, n)
    if low <= 0 and high >= 1:
        return WITHHELD
    if low <= 0:
        return f"under {100 * high:.0f}%"
    return f"over {100 * low:.0f}%" if high >= 1 else f"{100 * low:.0f}–{100 * high:.0f}%"


def withheld_at(time, event, month, rules: Disclosure) -> str:
    """Say why no estimate at a month may be shown; blank where one may.

    Examples
    --------
    >>> withheld_at([3] * 9 + [40] * 30, [True] * 9 + [False] * 30, 12, Disclosure("safe", 10))
    'fewer than 10 events until then'
    """
    time, event = np.asarray(time, float), np.asarray(event, bool)
    if (event & (time <= month)).sum() < rules.min_count:
        return f"fewer than {rules.min_count} events until then"
    if (time > month).sum() < rules.min_count:
        return f"fewer than {rules.min_count} patients beyond"
    return ""


def between_steps(month, curve: pd.DataFrame) -> tuple:
    """Find the steps of a safe curve between which an exact month lies.

    Parameters
    ----------
    month : float
        NaN where it is not reached.
    curve : pandas.DataFrame
        From `safe_survival`.

    Returns
    -------
    tuple of float
        The last step before it (0 before the first) and the first at or after it: infinite
        after the last step, NaN where it is not reached.

    Examples
    --------
    Of 40 patients 20 die in month 3, drawn in month 6.

    >>> curve = safe_survival(
    ...     [3] * 20 + [30] * 20, [True] * 20 + [False] * 20, Disclosure("safe", 10)
    ... )
    >>> between_steps(3, curve), between_steps(7, curve)
    ((0.0, 6.0), (6.0, inf))
    """
    if np.isnan(month):
        return (np.nan, np.nan)
    edges = np.array([0.0, *curve.attrs["steps"], np.inf])
    place = int(np.searchsorted(edges, month, side="left"))
    return (float(edges[max(place - 1, 0)]), float(edges[max(place, 1)]))


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


def _edges(lower, upper, n):
    """Round outwards to the grid; what lies on it begins a band."""
    width = next((w for w in BANDS if w * n >= BASE), BANDS[-1])
    low = np.floor(np.round(lower / width, 9)) * width
    high = np.ceil(np.round(upper / width, 9)) * width
    return low, min(high if high > low else low + width, 1.0)


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
