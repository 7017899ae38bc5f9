"""Figures that show whether printed numbers can be true, without the arithmetic.

A printed number stands for the box of all values that print like it. These figures draw the box
against what is possible: the values that a cohort of this size can yield, the range that another
statement allows, the parts of a total, and the curve that cannot rise.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vlms.drawing import (
    DASHES,
    FAINT,
    INK,
    PALETTE,
    axes,
    columns_of,
    limit,
    name_handles,
    plain,
    text_columns,
    themed,
)
from vlms.rounding import Printed

_HOLDS, _FAILS = PALETTE[2], PALETTE[1]
_PARTS = ("#0173B2", "#56B4E9", "#CA9161", "#ECE133", "#949494", "#FBAFE4")


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
        Its collections are the dots outside the box, then those inside.

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
    steps = sorted(table[row].unique())
    heights = table[row].map({step: number for number, step in enumerate(steps)})
    ax = axes(ax, height=1.5 + 0.3 * len(steps))
    ax.axvspan(printed.lower, printed.upper, color=_FAILS, alpha=0.2, lw=0)
    ax.scatter(shares[~inside], heights[~inside], s=20, color=FAINT, zorder=3)
    ax.scatter(shares[inside], heights[inside], s=46, color=_HOLDS, ec=INK, lw=0.6, zorder=4)
    _above(ax, (printed.lower + printed.upper) / 2, f"printed {printed.text}", _FAILS)
    ax.set_yticks(range(len(steps)), [plain(step) for step in steps])
    ax.set_ylim(len(steps) - 0.5, -0.5)
    ax.set_xlim(*limits)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
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
    _above(ax, (highest + lowest) / 2, said, color)
    for row, (low, high) in enumerate(ranges):
        left = ends[0] if np.isnan(low) else low
        right = ends[1] if np.isnan(high) else high
        # A range of one value is still to be seen.
        ax.plot([left, right], [row, row], color=PALETTE[0], lw=7, solid_capstyle="butt", zorder=3)
        if left == right:
            ax.plot(left, row, "D", color=PALETTE[0], ms=7, zorder=3)
    ax.set_yticks(range(len(table)), [plain(text) for text in table[label]])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(*ends)
    if percent:
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.grid(axis="x")
    ax.set_xlabel(plain(xlabel))
    printed = {
        head: ["–" if pd.isna(text) else str(text) for text in table[name]]
        for name, head in (columns or {}).items()
    }
    text_columns(ax, printed, range(len(table)))
    return ax


@themed
def plot_parts(
    table,
    *,
    bar="variable",
    part="level",
    count="n",
    total=None,
    xlabel="Patients",
    ax=None,
):
    """Draw counts that should add up to a total, one stacked bar a variable.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a part.
    bar, part, count : str
        Columns with the bar it belongs to, its name, and how many patients it counts.
    total : int, optional
        What each bar should reach, as a line. What is lacking or too much is printed beside.
    xlabel : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column or a count is missing, or a count is below 0.

    Examples
    --------
    >>> table = pd.DataFrame({"variable": "grade", "level": ["1", "2"], "n": [5, 6]})
    >>> ax = plot_parts(table, total=12)
    >>> [text.get_text() for text in ax.texts][-1]
    '11 of 12: 1 too few'
    """
    columns_of(table, [bar, part, count], "A figure of parts")
    if table[count].isna().any() or (table[count] < 0).any():
        raise ValueError("A part has a count of 0 or more: leave parts out that are not counted.")
    bars = list(dict.fromkeys(table[bar]))
    ax = axes(ax, height=1.3 + 0.42 * len(bars))
    sums = [int(table.loc[table[bar] == name, count].sum()) for name in bars]
    widest = max([*sums, total or 0])
    for row, name in enumerate(bars):
        _stack(ax, row, table.loc[table[bar] == name, [part, count]].to_numpy(), widest)
    if total is not None:
        ax.axvline(total, color=INK, lw=1.3, ls=(0, (4, 2)), zorder=4)
        _above(ax, total, f"total {total}", INK)
        text_columns(ax, {"": [_compare(number, total) for number in sums]}, range(len(bars)))
    ax.set_yticks(range(len(bars)), [plain(name) for name in bars])
    ax.set_ylim(len(bars) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, widest * 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(plain(xlabel))
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
                ax.annotate(plain(text), (x, y), (7, 6), textcoords="offset points", fontsize=9)
    if len(handles) > 1:
        name_handles(ax, list(handles.values()), handles, loc="best")
    ax.set_ylim(0, 1.02)
    ax.set_xlim(0, table[time].astype(float).max() * 1.12)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
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


def _stack(ax, row, parts, widest):
    left = 0
    for number, (name, count) in enumerate(parts):
        color = _PARTS[number % len(_PARTS)]
        ax.barh(row, count, left=left, height=0.62, color=color, ec="white", lw=1)
        text = f"{name}: {count}" if count / widest > 0.018 * len(f"{name}: {count}") else count
        dark = number % len(_PARTS) == 0
        if count / widest > 0.03:
            ax.text(
                left + count / 2,
                row,
                plain(text),
                ha="center",
                va="center",
                fontsize=9,
                color="white" if dark else INK,
            )
        left += count


def _compare(number, total):
    if number == total:
        return f"{number} of {total}"
    return f"{number} of {total}: {abs(total - number)} too {'few' if number < total else 'many'}"


def _above(ax, x, text, color):
    ax.annotate(
        plain(text),
        (x, 1),
        (0, 6),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=9,
        color=color,
        annotation_clip=False,
    )


def _round_ends(ranges):
    low, high = np.nanmin(ranges), np.nanmax(ranges)
    margin = (high - low or abs(high) or 1) * 0.15
    return (0 if 0 <= low < high / 2 else low - margin), high + margin
