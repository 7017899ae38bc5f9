"""Figures that show whether printed numbers can be true, without the arithmetic.

A printed number stands for the box of all values that print like it. These figures draw the box
against what is possible: the values that a cohort of this size can yield, the range that another
statement allows, and the curve that cannot rise.
"""

import numpy as np
import pandas as pd

from vlms.figures.drawing import (
    DASHES,
    FAINT,
    INK,
    PALETTE,
    above,
    axes,
    columns_of,
    limit,
    month_ticks,
    name_handles,
    percent_axis,
    plain,
    text_columns,
    themed,
    wrap,
)
from vlms.rounding import Printed

_HOLDS, _FAILS = PALETTE[2], PALETTE[1]


@themed
def plot_attainable(
    table,
    *,
    printed,
    value="survival",
    row="censored",
    limits=(0, 1),
    xlabel="Attainable survival",
    ylabel="Censored before",
    ax=None,
):
    """Draw the values that a cohort can yield, against the box of one printed number.

    Parameters
    ----------
    table : pandas.DataFrame
        One row an attainable value: its share (0–1), and what it takes, such as how many patients
        are censored before, or how large the group is.
    printed : str or Printed
        The number as printed, ``"57%"``.
    value, row : str
        Columns with the share and with what it takes.
    limits : tuple of float
        Ends of the axis of shares.
    xlabel, ylabel : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Its collections are the marks outside the box, then the dots inside.

    Examples
    --------
    >>> table = pd.DataFrame({"survival": [0.5, 0.58, 0.57], "censored": [0, 0, 1]})
    >>> outside, inside = plot_attainable(table, printed="57%").collections
    >>> len(outside.get_offsets()), len(inside.get_offsets())
    (2, 1)
    """
    columns_of(table, [value, row], "A figure of attainable values")
    printed = printed if isinstance(printed, Printed) else Printed.parse(printed)
    shares = table[value].astype(float)
    # Float noise must not move a value that lies on the edge of the box out of it.
    inside = shares.between(printed.lower - 1e-12, printed.upper + 1e-12)
    # Values too close to be told apart are drawn once: there can be very many of them.
    near = pd.DataFrame({"row": table[row], "share": shares.round(4), "inside": inside})
    inside, outside = inside & ~near.duplicated(), ~inside & ~near.duplicated()
    steps = sorted(table[row].unique())
    heights = table[row].map({step: number for number, step in enumerate(steps)})
    ax = axes(ax, height=1.5 + 0.3 * len(steps))
    ax.axvspan(printed.lower, printed.upper, color=_FAILS, alpha=0.2, lw=0)
    ax.axvline(printed.value, color=_FAILS, lw=0.8, zorder=1)
    ax.scatter(shares[outside], heights[outside], s=70, marker="|", color=FAINT, lw=0.9, zorder=3)
    ax.scatter(shares[inside], heights[inside], s=46, color=_HOLDS, ec=INK, lw=0.6, zorder=4)
    above(ax, (printed.lower + printed.upper) / 2, f"printed {printed.text}", _FAILS)
    ax.set_yticks(range(len(steps)), [plain(step) for step in steps])
    ax.set_ylim(len(steps) - 0.5, -0.5)
    ax.set_xlim(*limits)
    percent_axis(ax.xaxis, *limits)
    ax.grid(axis="y")
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel))
    return ax


@themed
def plot_claim_against(
    table,
    *,
    label="statement",
    lower="lower",
    upper="upper",
    columns=None,
    percent=True,
    limits=None,
    xlabel="Values that each statement allows",
    ax=None,
):
    """Draw the values that each of several statements allows, and whether any satisfies them all.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a statement about the same quantity.
    label, lower, upper : str
        Columns with its words and the range it allows; NA is an open end.
    columns : dict, optional
        Further columns to print at the right: column → heading.
    percent : bool
        The values are shares (0–1), shown as percentages.
    limits : tuple of float, optional
        Ends of the axis. Default: 0–1 for shares, else what the ranges need.
    xlabel : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        A green band spans what all allow; where nothing is, a band in vermilion spans the gap.

    Examples
    --------
    >>> table = pd.DataFrame({"statement": ["the table", "the text"],
    ...     "lower": [0.1, 0.5], "upper": [0.3, 0.6]})
    >>> [text.get_text() for text in plot_claim_against(table).texts]
    ['no value satisfies all']
    """
    columns_of(table, [label, lower, upper, *(columns or {})], "A figure of statements")
    ranges = table[[lower, upper]].map(limit).to_numpy()
    ax = axes(ax, height=1.5 + 0.36 * len(table))
    ends = limits or ((0, 1) if percent else _round_ends(ranges))
    highest, lowest = np.nanmax([ends[0], *ranges[:, 0]]), np.nanmin([ends[1], *ranges[:, 1]])
    agree = highest <= lowest
    color = _HOLDS if agree else _FAILS
    ax.axvspan(*sorted((highest, lowest)), color=color, alpha=0.18, lw=0)
    said = "what all of them allow" if agree else "no value satisfies all"
    above(ax, (highest + lowest) / 2, said, color)
    for row, (low, high) in enumerate(ranges):
        left = ends[0] if np.isnan(low) else low
        right = ends[1] if np.isnan(high) else high
        # A range of one value is still to be seen.
        ax.plot([left, right], [row, row], color=PALETTE[0], lw=7, solid_capstyle="butt", zorder=3)
        if left == right:
            ax.plot(left, row, "D", color=PALETTE[0], ms=7, zorder=3)
    ax.set_yticks(range(len(table)), [wrap(text) for text in table[label]])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(*ends)
    if percent:
        percent_axis(ax.xaxis, *ends)
    ax.grid(axis="x")
    ax.set_xlabel(plain(xlabel))
    printed = {
        head: ["–" if pd.isna(text) else str(text) for text in table[name]]
        for name, head in (columns or {}).items()
    }
    text_columns(ax, printed, range(len(table)))
    return ax


@themed
def plot_printed_survival(
    table,
    *,
    time="time",
    lower="lower",
    upper="upper",
    label=None,
    group=None,
    xlabel="Months",
    ylabel="Survival",
    ax=None,
):
    """Draw printed points of a survival curve, and which of them no falling curve passes through.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a printed point: a share surviving at a time, or a median as the time at which the
        share is a half.
    time, lower, upper : str
        Columns with the time (months) and the box of the share (0–1) that prints as it does.
    label : str, optional
        Column with what is written beside the point.
    group : str, optional
        Column with the group; only points of one group are held against each other.
    xlabel, ylabel : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        A dashed vermilion line joins each two points of which the later is the higher.

    Examples
    --------
    >>> table = pd.DataFrame({"time": [36, 60], "lower": [0.495, 0.595], "upper": [0.505, 0.605]})
    >>> rising = plot_printed_survival(table).get_lines()[-1]
    >>> rising.get_xdata().tolist()
    [36.0, 60.0]
    """
    columns_of(table, [time, lower, upper], "A figure of printed survival")
    ax = axes(ax)
    names = table[group] if group else pd.Series("", index=table.index)
    handles = {}
    words = {"fontsize": 9, "bbox": {"fc": "white", "ec": "none", "pad": 0.8, "alpha": 0.85}}
    for number, name in enumerate(dict.fromkeys(names)):
        rows = table[names == name].sort_values(time, kind="stable")
        points = rows[[time, lower, upper]].map(limit).to_numpy()
        middle = points[:, 1:].mean(axis=1)
        color = PALETTE[(0, 2, 3, 4)[number % 4]]
        half = points[:, 2] - middle
        handles[name] = ax.errorbar(
            points[:, 0], middle, half, fmt="os^D"[number % 4], ms=6, color=color, capsize=3
        )
        _join_rising(ax, points, middle)
        if label:
            for x, y, text in zip(points[:, 0], middle, rows[label], strict=True):
                ax.annotate(plain(text), (x, y), (7, 6), textcoords="offset points", **words)
    if len(handles) > 1:
        name_handles(ax, list(handles.values()), handles, loc="best")
    ax.set_ylim(0, 1.02)
    last = table[time].astype(float).max()
    ax.set_xticks(month_ticks(last))
    ax.set_xlim(0, last * 1.12)
    percent_axis(ax.yaxis, 0, 1)
    ax.grid(axis="y")
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel))
    return ax


def _join_rising(ax, points, middle):
    """Join the points of which a later one lies above an earlier one, whatever the rounding."""
    for first in range(len(points)):
        for second in range(first + 1, len(points)):
            later = points[second, 0] > points[first, 0]
            if later and points[second, 1] > points[first, 2] + 1e-12:
                ends = [first, second]
                ax.plot(points[ends, 0], middle[ends], color=_FAILS, ls=DASHES[1], zorder=1)


def _round_ends(ranges):
    low, high = np.nanmin(ranges), np.nanmax(ranges)
    margin = (high - low or abs(high) or 1) * 0.15
    return (0 if 0 <= low < high / 2 else low - margin), high + margin
