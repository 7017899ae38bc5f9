"""Counts that should add up: the parts of a total as stacked bars."""

from matplotlib.ticker import MaxNLocator

from vlms.figures.drawing import (
    INK,
    above,
    axes,
    columns_of,
    plain,
    text_columns,
    text_width,
    themed,
    wrap,
)

_PARTS = ("#0173B2", "#56B4E9", "#CA9161", "#ECE133", "#949494", "#FBAFE4")


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
    >>> import pandas as pd
    >>> table = pd.DataFrame({"variable": "grade", "level": ["1", "2"], "n": [5, 6]})
    >>> ax = plot_parts(table, total=12)
    >>> [text.get_text() for text in ax.texts][-1]
    '11 of 12: 1 too few'
    """
    columns_of(table, [bar, part, count], "A figure of parts")
    if table[count].isna().any() or (table[count] < 0).any():
        raise ValueError("A part has a count of 0 or more: leave parts out that are not counted.")
    bars = list(dict.fromkeys(table[bar]))
    ax = axes(ax, height=1.2 + 0.52 * len(bars))
    sums = [int(table.loc[table[bar] == name, count].sum()) for name in bars]
    widest = max([*sums, total or 0])
    for row, name in enumerate(bars):
        _stack(ax, row, table.loc[table[bar] == name, [part, count]].to_numpy(), widest)
    if total is not None:
        for row in range(len(bars)):
            ax.plot([total, total], [row - 0.42, row + 0.26], color=INK, lw=1.5, zorder=4)
        above(ax, total, f"total {total}", INK)
        text_columns(ax, {"": [_compare(number, total) for number in sums]}, range(len(bars)))
    ax.set_yticks(range(len(bars)), [wrap(name) for name in bars])
    ax.set_ylim(len(bars) - 0.35, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, widest * 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(plain(xlabel))
    return ax


def _stack(ax, row, parts, widest):
    """Draw the parts of one bar with their counts, and what each of them is called below it."""
    left, offset = 0, 0
    for number, (name, count) in enumerate(parts):
        color = _PARTS[number % len(_PARTS)]
        ax.barh(row, count, left=left, height=0.5, color=color, ec="white", lw=1)
        if count / widest > 0.03:
            ink = "white" if number % len(_PARTS) == 0 else INK
            middle = {"ha": "center", "va": "center", "fontsize": 9, "color": ink, "zorder": 5}
            ax.text(left + count / 2, row, f"{count:g}", **middle)
        left += count
        for text, shade in (("■", color), (name, INK)):
            _legend_word(ax, row, text, offset, shade)
            offset += text_width(text, 8) + (3 if text == "■" else 9)


def _legend_word(ax, row, text, offset, color):
    ax.annotate(
        plain(text),
        (0, row + 0.27),
        (offset, -6),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=color,
        annotation_clip=False,
    )


def _compare(number, total):
    if number == total:
        return f"{number} of {total}"
    return f"{number} of {total}: {abs(total - number)} too {'few' if number < total else 'many'}"
