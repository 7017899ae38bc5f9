"""Curves over time: survival, cumulative incidence, and a curve built death by death.

Each is a step function that ends with the last patient's follow-up. Under it stand the numbers at
risk, aligned with the ticks: without them the right end of a curve is read as if it were the left.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from vlms.drawing import (
    DASHES,
    FAINT,
    INK,
    PALETTE,
    axes,
    columns_of,
    month_ticks,
    name_handles,
    plain,
    themed,
)

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
    ax = axes(ax)
    groups = _groups(curve)
    handles = [
        _draw_step(ax, rows, "survival", PALETTE[k % 8], DASHES[k % 5], interval, bool(k))
        for k, rows in enumerate(groups.values())
    ]
    if censoring_marks:
        for k, rows in enumerate(groups.values()):
            ended = rows[rows["censored"].fillna(0) > 0]
            ax.plot(ended["time"], ended["survival"], "|", ms=8, mew=1.3, color=PALETTE[k % 8])
    _finish(ax, groups, handles, times, at_risk, xlabel, ylabel)
    return ax


def _groups(curve):
    """Split a curve by group, in the order in which the groups appear."""
    if "group" not in curve.columns:
        return {"": curve}
    names = curve["group"].astype(object).where(curve["group"].notna(), "")
    return {name: curve[names == name] for name in dict.fromkeys(names)}


def _draw_step(ax, rows, column, color, dash, interval, light):
    rows = rows.sort_values("time")
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


def _finish(ax, groups, handles, times, at_risk, xlabel, ylabel):
    last = max(float(rows["time"].max()) for rows in groups.values())
    ticks = np.asarray(month_ticks(last) if times is None else times)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xlim(0, max(last, ticks.max()) * 1.02)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y")
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel))
    named = len(groups) > 1 or str(next(iter(groups))) not in _ALL
    if named:
        name_handles(ax, handles, groups, loc="best", handlelength=2.6)
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
    return int(later["at_risk"].iloc[0]) if len(later) else 0


def _below(ax, x, y, text, *, x_axes=False, dx=0, **style):
    style = {"fontsize": 9, "va": "center", **style}
    where = "axes fraction" if x_axes else ("data", "axes fraction")
    ax.annotate(
        plain(text),
        (x, 0),
        (dx, y),
        xycoords=where,
        textcoords="offset points",
        annotation_clip=False,
        **style,
    )
