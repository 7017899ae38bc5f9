"""Estimates side by side: a forest plot of ratios, and intervals by several methods.

Both draw one estimate with its interval a row, and say in words where there is no estimate,
instead of leaving the row out.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from vlms.figures.drawing import (
    FAINT,
    PALETTE,
    axes,
    columns_of,
    limit,
    percent_axis,
    plain,
    text_columns,
    themed,
    width_of_rows,
    wrap,
)
from vlms.rounding import print_interval, print_number

_ROUND_RATIOS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100])
_PLAIN, _MARKED = PALETTE[0], PALETTE[1]


@themed
def plot_forest(
    table,
    *,
    term="term",
    estimate="hazard_ratio",
    lower="lower",
    upper="upper",
    columns=None,
    highlight=None,
    limits=None,
    decimals=2,
    xlabel="Hazard ratio (log scale)",
    heading="Ratio (95% CI)",
    ax=None,
):
    """Draw a forest plot of ratios on a log axis, with their numbers beside them.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a term, from top to bottom; a row whose estimate is NA is said to have none.
    term, estimate, lower, upper : str
        Columns with the label, the ratio and its limits.
    columns : dict, optional
        Further columns to print at the right: column → heading.
    highlight : str, optional
        Boolean column: rows drawn in the second colour, with a square.
    limits : tuple of float, optional
        Ends of the axis. An interval that goes beyond ends in an arrow.
    decimals : int
        Of the numbers printed beside the plot.
    xlabel, heading : str
        What the axis shows, and what stands over the numbers printed beside it.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column is missing, or a ratio is not above 0.

    Examples
    --------
    >>> table = pd.DataFrame({"term": ["age"], "hazard_ratio": [2.0], "lower": [1.0],
    ...     "upper": [4.0]})
    >>> [text.get_text() for text in plot_forest(table).get_yticklabels()]
    ['age']
    """
    columns_of(table, [term, estimate, lower, upper, *(columns or {})], "A forest plot")
    values = table[[estimate, lower, upper]].map(limit)
    if (values <= 0).to_numpy().any() and (values[estimate] <= 0).any():
        raise ValueError("A forest plot has a log axis: every ratio must be above 0.")
    numbers = [_print_estimate(*row, decimals, 1) for row in values.to_numpy()]
    printed = {heading: numbers}
    printed |= {head: _texts(table[name]) for name, head in (columns or {}).items()}
    ax = axes(ax, width=width_of_rows(table[term], printed), height=_height_of_rows(table[term]))
    ax.set_xscale("log")
    ends = limits or _ratio_limits(values.to_numpy())
    ax.set_xlim(*ends)
    shown = _ROUND_RATIOS[(ends[0] <= _ROUND_RATIOS) & (ends[1] >= _ROUND_RATIOS)]
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    ax.axvline(1, color=FAINT, lw=0.9, zorder=0)
    _draw_rows(ax, table[term], values.to_numpy(), _marked(table, highlight))
    text_columns(ax, printed, range(len(table)))
    ax.set_xlabel(plain(xlabel))
    return ax


@themed
def plot_intervals(
    table,
    *,
    label="method",
    estimate="survival",
    lower="lower",
    upper="upper",
    highlight=None,
    printed=None,
    percent=True,
    decimals=0,
    xlabel="Survival",
    heading="Estimate (interval)",
    ax=None,
):
    """Draw estimates with their intervals one below the other on a linear axis.

    Parameters
    ----------
    table : pandas.DataFrame
        One row an estimate: the same one by several methods, or several cohorts.
    label, estimate, lower, upper : str
        Columns with the label, the estimate and its limits.
    highlight : str, optional
        Boolean column: rows drawn in the second colour, with a square.
    printed : float, optional
        The value a paper prints, as a line through all rows.
    percent : bool
        The values are shares (0–1), shown as percentages.
    decimals : int
        Of the numbers printed beside the plot.
    xlabel, heading : str
        What the axis shows, and what stands over the numbers printed beside it.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> table = pd.DataFrame({"method": ["plain", "log-log"], "survival": [0.6, 0.6],
    ...     "lower": [0.3, 0.25], "upper": [0.9, 0.82]})
    >>> len(plot_intervals(table).get_yticks())
    2
    """
    columns_of(table, [label, estimate, lower, upper], "A figure of intervals")
    values = table[[estimate, lower, upper]].map(limit).to_numpy()
    ax = axes(ax, height=_height_of_rows(table[label]))
    ax.set_xlim(*_linear_limits(values, percent))
    if percent:
        percent_axis(ax.xaxis, *ax.get_xlim())
    if printed is not None:
        ax.axvline(printed, color=FAINT, lw=1, ls=(0, (4, 2)), zorder=0)
        ax.annotate(
            "printed",
            (printed, 1),
            (0, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=FAINT,
        )
    _draw_rows(ax, table[label], values, _marked(table, highlight))
    numbers = [_print_estimate(*row, decimals, 100 if percent else 1) for row in values]
    text_columns(ax, {f"{heading}, %" if percent else heading: numbers}, range(len(table)))
    ax.set_xlabel(plain(xlabel))
    return ax


def _draw_rows(ax, labels, values, marked):
    """Draw each estimate and interval on its own line, the first at the top."""
    ends = ax.get_xlim()
    for row, (middle, low, high) in enumerate(values):
        color = _MARKED if marked[row] else _PLAIN
        if np.isnan(middle):
            ax.annotate(
                "no estimate",
                (0.5, row),
                xycoords=("axes fraction", "data"),
                ha="center",
                va="center",
                fontsize=9,
                style="italic",
                color=FAINT,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
            )
            continue
        if not (np.isnan(low) and np.isnan(high)):
            # A limit that does not exist leaves the interval open: an arrow at the end of the axis.
            low = -np.inf if np.isnan(low) else low
            high = np.inf if np.isnan(high) else high
            left, right = np.clip([low, high], *ends)
            ax.plot([left, right], [row, row], color=color, lw=1.6, solid_capstyle="butt")
            if low < ends[0]:
                ax.plot(left, row, "<", color=color, ms=6, clip_on=False)
            if high > ends[1]:
                ax.plot(right, row, ">", color=color, ms=6, clip_on=False)
        if ends[0] <= middle <= ends[1]:
            ax.plot(middle, row, "s" if marked[row] else "o", color=color, ms=6.5, zorder=3)
    ax.set_yticks(range(len(values)), [wrap(text) for text in labels])
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.hlines(np.arange(len(values)), *ends, color="#f0f0f0", lw=0.8, zorder=0)


def _height_of_rows(labels):
    lines = max(wrap(label).count("\n") for label in labels) + 1
    return 1.1 + (0.24 + 0.1 * lines) * len(labels)


def _marked(table, highlight):
    if highlight is None:
        return np.zeros(len(table), dtype=bool)
    columns_of(table, [highlight], "The highlight")
    return table[highlight].fillna(False).astype(bool).to_numpy()


def _ratio_limits(values):
    """Return round ends of a log axis that hold the estimates, and 1, but no endless interval."""
    finite = values[np.isfinite(values) & (values > 0)]
    low, high = min([0.5, *finite]), max([2, *finite])
    middle = values[:, 0][np.isfinite(values[:, 0])]
    low = max(low, min([0.05, *(middle / 2)]))
    high = min(high, max([20, *(middle * 2)]))
    return (
        _ROUND_RATIOS[low * 1.001 >= _ROUND_RATIOS].max(initial=0.01),
        _ROUND_RATIOS[high * 0.999 <= _ROUND_RATIOS].min(initial=100),
    )


def _linear_limits(values, percent):
    """Return ends of the axis that hold every estimate and limit, and all shares from 0 to 1."""
    finite = [*values[np.isfinite(values)], *([0, 1] if percent else [])] or [0, 1]
    margin = 0 if percent else 0.08 * (max(finite) - min(finite) or 1)
    return min(finite) - margin, max(finite) + margin


def _print_estimate(middle, low, high, decimals, scale):
    if np.isnan(middle):
        return "–"
    limits = print_interval(low * scale, high * scale, decimals)
    return f"{print_number(middle * scale, decimals)} ({limits})"


def _texts(column):
    return ["–" if pd.isna(value) else str(value) for value in column]
