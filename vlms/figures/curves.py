"""Curves over time: survival, cumulative incidence, and a curve built death by death.

Each is a step function that ends with the last patient's follow-up. Under it stand the numbers at
risk, aligned with the ticks: without them the right end of a curve is read as if it were the left.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from vlms.figures.drawing import (
    DASHES,
    FAINT,
    INK,
    PALETTE,
    axes,
    columns_of,
    month_ticks,
    name_handles,
    plain,
    text_columns,
    themed,
)
from vlms.rounding import print_number

# Longer names would leave no room for the curves.
_LONGEST_GROUP = 22
_ALL = {"", "all", "nan", "<NA>", "None"}


@themed
def plot_survival(
    curve,
    *,
    times=None,
    interval=True,
    censoring_marks=True,
    at_risk=True,
    xlabel="Months",
    ylabel="Survival",
    ax=None,
):
    """Draw survival curves with their intervals, censoring marks and numbers at risk.

    Parameters
    ----------
    curve : pandas.DataFrame
        As `kaplan_meier` returns it: group, time (months), at_risk, censored, survival, lower,
        upper, with a row at time 0.
    times : sequence of float, optional
        Months at which the axis is ticked and those at risk are counted. Default: round numbers.
    interval : bool
        Draw the pointwise confidence band.
    censoring_marks : bool
        Mark where a patient's follow-up ended without the event.
    at_risk : bool
        Print the numbers at risk below the axis.
    xlabel, ylabel : str
        What the axes show.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column is missing or there is no row.

    Examples
    --------
    >>> curve = pd.DataFrame({"group": "all", "time": [0, 6, 18], "at_risk": [4, 4, 2],
    ...     "events": [0, 1, 0], "censored": [0, 1, 2], "survival": [1, .75, .75],
    ...     "lower": [1, .13, .13], "upper": [1, .96, .96]})
    >>> plot_survival(curve).get_lines()[0].get_ydata().tolist()
    [1.0, 1.0, 0.75, 0.75, 0.75]
    """
    needed = ["time", "at_risk", "survival"]
    needed += ["lower", "upper"] if interval else []
    needed += ["censored"] if censoring_marks else []
    columns_of(curve, needed, "A survival curve")
    groups = _groups(curve)
    ax = axes(ax, height=4.2 + 0.2 * max(len(groups) - 2, 0))
    handles = []
    for k, rows in enumerate(groups.values()):
        color, dash = PALETTE[k % 8], DASHES[k % 5]
        handles.append(_draw_step(ax, rows, "survival", color, dash, interval, bool(k)))
        if censoring_marks:
            ended = rows[rows["censored"].fillna(0) > 0]
            ax.plot(ended["time"], ended["survival"], "|", ms=8, mew=1.3, color=color)
    _finish(ax, groups, handles, times, at_risk, xlabel, ylabel)
    return ax


@themed
def plot_cumulative_incidence(
    incidence,
    *,
    causes=None,
    times=None,
    interval=True,
    at_risk=True,
    xlabel="Months",
    ylabel="Cumulative incidence",
    ax=None,
):
    """Draw the cumulative incidence of competing events, a line for each cause and group.

    Parameters
    ----------
    incidence : pandas.DataFrame
        As `cumulative_incidence` returns it: group, cause, time (months), at_risk, incidence,
        lower, upper.
    causes : dict, optional
        Cause → what it is called; only these are drawn, in this order. Default: all.
    times, interval, at_risk, xlabel, ylabel, ax
        As in `plot_survival`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column or a named cause is missing.

    Examples
    --------
    >>> rising = pd.DataFrame({"group": "all", "cause": 1, "time": [0, 6, 18],
    ...     "at_risk": [4, 4, 2], "incidence": [0, .25, .25], "lower": 0.0, "upper": 0.9})
    >>> ax = plot_cumulative_incidence(rising, causes={1: "local recurrence"})
    >>> ax.get_lines()[0].get_ydata().tolist()
    [0.0, 0.0, 0.25, 0.25, 0.25]
    """
    needed = ["cause", "time", "at_risk", "incidence", *(["lower", "upper"] if interval else [])]
    columns_of(incidence, needed, "A cumulative incidence")
    found = list(dict.fromkeys(incidence["cause"]))
    causes = {cause: cause for cause in found} if causes is None else causes
    absent = [cause for cause in causes if cause not in found]
    if absent:
        raise ValueError(f"No cause {absent} in the incidence; there are {found}.")
    ax = axes(ax)
    groups = _groups(incidence[incidence["cause"].isin(list(causes))])
    lines = {}
    for g, (name, rows) in enumerate(groups.items()):
        for c, (cause, called) in enumerate(causes.items()):
            # Colour tells groups apart where there are several, else causes; dashes tell causes.
            color = PALETTE[(g if len(groups) > 1 else c) % 8]
            of_cause = rows[rows["cause"] == cause]
            label = ", ".join(str(part) for part in [name, called] if str(part) not in _ALL)
            dash = DASHES[c % 5]
            lines[label] = _draw_step(ax, of_cause, "incidence", color, dash, interval, bool(g + c))
    _finish(ax, groups, list(lines.values()), times, at_risk, xlabel, ylabel, labels=list(lines))
    return ax


@themed
def plot_death_by_death(curve, *, xlabel="Months", ylabel="Survival", ax=None):
    """Draw how a Kaplan-Meier curve is built: each death, and the factor it multiplies by.

    Parameters
    ----------
    curve : pandas.DataFrame
        One group of what `kaplan_meier` returns: time (months), at_risk, events, censored,
        survival.
    xlabel, ylabel : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When there are several groups, no death, or more than fourteen times of death: the steps
        could not be read.

    Examples
    --------
    >>> curve = pd.DataFrame({"time": [0, 6, 18], "at_risk": [4, 4, 2], "events": [0, 1, 0],
    ...     "censored": [0, 1, 2], "survival": [1, .75, .75]})
    >>> [text.get_text() for text in plot_death_by_death(curve).texts if "/" in text.get_text()]
    ['3/4']
    """
    columns_of(curve, ["time", "at_risk", "events", "censored", "survival"], "A built-up curve")
    deaths = curve[curve["events"] > 0].sort_values("time")
    if len(_groups(curve)) > 1 or not 1 <= len(deaths) <= 14:
        raise ValueError(
            f"A curve is built up for one group with 1 to 14 times of death; found"
            f" {len(_groups(curve))} group(s), {len(deaths)} times."
        )
    ax = axes(ax, width=7.8)
    line = _draw_step(ax, curve, "survival", PALETTE[0], "-", False, False)
    ended = curve[curve["censored"] > 0]
    ax.plot(ended["time"], ended["survival"], "|", ms=8, mew=1.3, color=PALETTE[0])
    before = (curve["survival"].shift(fill_value=1).loc[deaths.index] + deaths["survival"]) / 2
    for number, (time, height) in enumerate(zip(deaths["time"], before, strict=True), start=1):
        ax.plot(time, height, "o", ms=13, color="white", mec=PALETTE[1], mew=1.2, zorder=4)
        ax.text(time, height, number, ha="center", va="center_baseline", fontsize=8.5, zorder=5)
    _finish(ax, {"": curve}, [line], None, True, xlabel, ylabel)
    alive = deaths["at_risk"] - deaths["events"]
    columns = {
        "Step": [str(number) for number in range(1, len(deaths) + 1)],
        "Month": [f"{time:g}" for time in deaths["time"]],
        "× survivors": [f"{a:g}/{n:g}" for a, n in zip(alive, deaths["at_risk"], strict=True)],
        "= survival": [f"{print_number(100 * s, 1)}%" for s in deaths["survival"]],
    }
    text_columns(
        ax,
        columns,
        np.linspace(0.93, 0.93 - 0.067 * (len(deaths) - 1), len(deaths)),
        y_axes=True,
        top=2,
    )
    return ax


def _groups(curve):
    """Split a curve by group, in the order in which the groups appear."""
    if "group" not in curve.columns:
        return {"": curve}
    names = curve["group"].astype(object).where(curve["group"].notna(), "")
    return {name: curve[names == name] for name in dict.fromkeys(names)}


def _draw_step(ax, rows, column, color, dash, interval, light):
    """Draw one step curve with its band, a paler one where it lies over another."""
    rows = rows.sort_values("time")
    if rows["time"].iloc[0] > 0:
        # Before the first time nothing has happened, whether or not the frame says so.
        start = 1 if column == "survival" else 0
        first = {"time": 0, column: start, "lower": start, "upper": start}
        rows = pd.concat([pd.DataFrame([first]), rows])
    x, y = _steps(rows["time"], rows[column])
    if interval:
        _, lower = _steps(rows["time"], rows["lower"])
        _, upper = _steps(rows["time"], rows["upper"])
        ax.fill_between(x, lower, upper, color=color, alpha=0.13 if light else 0.17, lw=0)
    return ax.plot(x, y, color=color, ls=dash)[0]


def _steps(time, value):
    """Return the corners of a right-continuous step function, up to its last time."""
    time, value = (np.asarray(pd.to_numeric(c), dtype=float) for c in (time, value))
    return np.repeat(time, 2)[1:], np.repeat(value, 2)[:-1]


def _finish(ax, groups, handles, times, at_risk, xlabel, ylabel, *, labels=None):
    last = max(float(rows["time"].max()) for rows in groups.values())
    ticks = np.asarray(month_ticks(last) if times is None else times)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xlim(0, max(last, ticks.max()) * 1.02 or 1)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y")
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel))
    named = len(groups) > 1 or str(next(iter(groups))) not in _ALL
    if named or (labels and labels != [""]):
        name_handles(
            ax, handles, labels or groups, longest=2 * _LONGEST_GROUP, loc="best", handlelength=2.6
        )
    if at_risk:
        _print_at_risk(ax, groups, ticks, named)


def _print_at_risk(ax, groups, ticks, named):
    """Print how many were still under observation just before each tick."""
    _below(ax, 0, -44, "At risk", x_axes=True, ha="right", dx=-16, color=FAINT)
    for k, (name, rows) in enumerate(groups.items()):
        height = -44 - 14 * (k + named)
        if named:
            color = PALETTE[k % 8]
            _below(ax, 0, height, name, x_axes=True, ha="right", dx=-16, color=color, weight="bold")
        for tick in ticks:
            _below(ax, tick, height, _number_at_risk(rows, tick), ha="center", color=INK)


def _number_at_risk(rows, time):
    later = rows[rows["time"] >= time - 1e-9].sort_values("time")
    number = later["at_risk"].iloc[0] if len(later) else 0
    # A private report withholds small numbers: NA, or text such as "<10".
    return "–" if pd.isna(number) else number if isinstance(number, str) else f"{number:g}"


def _below(ax, x, y, text, *, x_axes=False, dx=0, **style):
    style = {"fontsize": 9, "va": "center", **style}
    where = "axes fraction" if x_axes else ("data", "axes fraction")
    ax.annotate(
        plain(text, _LONGEST_GROUP),
        (x, 0),
        (dx, y),
        xycoords=where,
        textcoords="offset points",
        annotation_clip=False,
        **style,
    )
