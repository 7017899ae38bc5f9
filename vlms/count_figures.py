"""Counts that should add up: the parts of a total as stacked bars."""

from matplotlib.ticker import MaxNLocator

from vlms.drawing import INK, above, axes, columns_of, plain, text_columns, themed

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
    ax = axes(ax, height=1.3 + 0.42 * len(bars))
    sums = [int(table.loc[table[bar] == name, count].sum()) for name in bars]
    widest = max([*sums, total or 0])
    for row, name in enumerate(bars):
        _stack(ax, row, table.loc[table[bar] == name, [part, count]].to_numpy(), widest)
    if total is not None:
        ax.axvline(total, color=INK, lw=1.3, ls=(0, (4, 2)), zorder=4)
        above(ax, total, f"total {total}", INK)
        text_columns(ax, {"": [_compare(number, total) for number in sums]}, range(len(bars)))
    ax.set_yticks(range(len(bars)), [plain(name) for name in bars])
    ax.set_ylim(len(bars) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, widest * 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(plain(xlabel))
    return ax


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
