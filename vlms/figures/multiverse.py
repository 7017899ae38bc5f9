"""One estimate under every combination of readings: a multiverse, or specification curve."""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from vlms.figures.drawing import INK, PALETTE, axes, columns_of, limit, plain, themed

# Beyond this the dots of the matrix would merge, and are drawn as bars.
_MOST_DOTS = 120


@themed
def plot_multiverse(
    table,
    *,
    readings,
    estimate="survival",
    lower="lower",
    upper="upper",
    printed=None,
    percent=True,
    labels=None,
    ylabel="Survival",
    ax=None,
):
    """Draw one estimate under every combination of readings, and which reading each one uses.

    Above, the estimates in rising order with their intervals; below, a dot in each column for the
    reading that was used (Simonsohn, Simmons and Nelson, Nature Human Behaviour 2020;4:1208).

    Parameters
    ----------
    table : pandas.DataFrame
        One row a combination.
    readings : list of str
        Columns that hold which reading was used, as text.
    estimate, lower, upper : str
        Columns with the estimate and its limits; NA where it cannot be estimated.
    printed : float, optional
        The value a paper prints, as a line across all combinations.
    percent : bool
        The values are shares (0–1), shown as percentages.
    labels : dict, optional
        Column of `readings` → text.
    ylabel : str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        The upper part; the matrix below is its ``child_axes[0]``.

    Raises
    ------
    ValueError
        When a column is missing or no reading is named.

    Examples
    --------
    >>> table = pd.DataFrame({"patient 4": ["table", "text"], "survival": [0.6, 0.5],
    ...     "lower": [0.3, 0.2], "upper": [0.8, 0.7]})
    >>> ax = plot_multiverse(table, readings=["patient 4"])
    >>> ax.get_lines()[0].get_ydata().tolist()
    [0.5, 0.6]
    """
    if not readings:
        raise ValueError("A multiverse needs at least one column of readings.")
    columns_of(table, [*readings, estimate, lower, upper], "A multiverse")
    table = table.sort_values([estimate, *readings], na_position="last", kind="stable")
    values = table[[estimate, lower, upper]].map(limit).to_numpy()
    lines = [(name, level) for name in readings for level in pd.unique(table[name].dropna())]
    height = 0.19 * (len(lines) + len(readings))
    ax = axes(ax, height=3.4 + height)
    across = np.arange(len(table))
    size = float(np.clip(240 / len(table), 2, 6))
    ax.plot(across, values[:, 0], "o", ms=size, color=PALETTE[0], zorder=3)
    # One broken line for all intervals: hundreds of single ones would make a large file.
    gaps = np.full(len(table), np.nan)
    ends = np.column_stack([values[:, 1:], gaps]).ravel()
    ax.plot(np.repeat(across, 3), ends, color=PALETTE[0], alpha=0.45, lw=size / 2.4)
    if printed is not None:
        ax.axhline(printed, color=PALETTE[1], lw=1.2, ls=(0, (4, 2)), zorder=2)
        ax.annotate(
            "printed",
            (1, printed),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=PALETTE[1],
        )
    if percent:
        ax.set_ylim(0, 1.02)
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y")
    ax.set(xlim=(-1, len(table)), xticks=[], ylabel=plain(ylabel))
    _draw_matrix(ax, table, readings, labels or {}, size, height)
    return ax


def _runs(used, line):
    """Join neighbouring columns to one bar each, as one broken line."""
    runs = np.split(used, np.flatnonzero(np.diff(used) > 1) + 1)
    x = [[run[0] - 0.5, run[-1] + 0.5, np.nan] for run in runs if len(run)]
    return np.ravel(x), np.full(3 * len(x), line)


def _draw_matrix(ax, table, readings, labels, size, height):
    """Draw below the estimates which reading each combination uses."""
    inches = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, ax.transAxes)
    below = blended_transform_factory(ax.transAxes, inches)
    matrix = ax.inset_axes([0, -height - 0.1, 1, height], transform=below, sharex=ax)
    ticks, names, line = [], [], 0
    for reading in readings:
        matrix.annotate(
            plain(labels.get(reading, reading)),
            (0, line),
            (-3.5, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=9,
            weight="bold",
        )
        for level in pd.unique(table[reading].dropna()):
            line += 1
            used = np.flatnonzero((table[reading] == level).to_numpy())
            matrix.axhline(line, color="#f0f0f0", lw=0.8, zorder=0)
            if len(table) <= _MOST_DOTS:
                matrix.plot(used, np.full(len(used), line), "o", ms=size * 0.9, color=INK)
            else:
                x, y = _runs(used, line)
                matrix.plot(x, y, color=INK, lw=5, solid_capstyle="butt")
            ticks.append(line)
            names.append(plain(level))
        line += 1
    matrix.set_yticks(ticks, names, fontsize=9)
    matrix.set_ylim(line - 0.4, -0.6)
    matrix.tick_params(axis="both", length=0, labelbottom=False)
    for spine in matrix.spines.values():
        spine.set_visible(False)
    matrix.set_xlabel(f"{len(table)} combinations, in order of the estimate")
