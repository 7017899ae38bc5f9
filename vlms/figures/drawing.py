"""What all figures share: the theme, colours that colour-blind readers tell apart, safe labels.

The theme holds inside a plot function only: a figure of the reader's own, drawn in the same
notebook, looks as matplotlib or seaborn would have it unless `use_theme` is called.
"""

import functools
import textwrap

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.textpath import TextPath
from matplotlib.ticker import PercentFormatter

# seaborn's "colorblind" palette, its darker hues first, without importing seaborn
PALETTE = ("#0173B2", "#D55E00", "#029E73", "#CC78BC", "#CA9161", "#56B4E9", "#DE8F05", "#949494")
# Lines differ by their dashes too: a report may be printed in grey.
DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, FAINT, PALE = "#262626", "#6b6b6b", "#d9d9d9"
LONGEST_LABEL = 60

THEME = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "butt",
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
}


def use_theme():
    """Give every further figure of this notebook the look of the plot functions.

    Returns
    -------
    None
        It changes matplotlib's settings.

    Examples
    --------
    >>> with mpl.rc_context():
    ...     use_theme()
    ...     mpl.rcParams["axes.spines.top"]
    False
    """
    mpl.rcParams.update(THEME)


def themed(plot):
    """Let a plot function draw in the theme, and leave matplotlib's settings as they were."""

    @functools.wraps(plot)
    def in_theme(*args, **kwargs):
        with mpl.rc_context(THEME):
            return plot(*args, **kwargs)

    return in_theme


def axes(ax, *, width=7.0, height=4.2):
    """Return the axes given, dressed in the theme, or those of a new figure (inches)."""
    if ax is None:
        return plt.subplots(figsize=(width, height))[1]
    # Axes take the settings when they are made: what a reader made beforehand has others.
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    look = {"color": FAINT, "labelcolor": INK, "labelsize": THEME["xtick.labelsize"]}
    ax.tick_params(**look, grid_color=THEME["grid.color"], grid_linewidth=THEME["grid.linewidth"])
    return ax


def plain(text, longest=LONGEST_LABEL):
    """Return text that matplotlib draws as it stands, whatever a cohort's cell holds.

    Signs that cannot be drawn become spaces, a ``$`` does not start math, and what is longer than
    a label can be is cut.

    Examples
    --------
    >>> print(plain("costs $5$"))
    costs \\$5\\$
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    short = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return short.replace("$", r"\$")


def name_handles(ax, handles, labels, *, longest=LONGEST_LABEL, **options):
    """Draw a legend whose labels may begin with an underscore, which matplotlib would drop."""
    legend = ax.legend(handles, ["…"] * len(handles), **options)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(plain(label, longest))
    return legend


def columns_of(frame, names, what):
    """Check that a frame has the columns that a figure draws.

    Raises
    ------
    ValueError
        When one is missing, or there is no row.
    """
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ValueError(f"{what} needs columns {absent}; the frame has {list(frame.columns)}.")
    if frame.empty:
        raise ValueError(f"{what}: the frame has no row, so there is nothing to draw.")


def limit(value):
    """Return a number for drawing, NaN for what is missing."""
    try:
        return float(value)
    except (TypeError, ValueError):  # pandas.NA, None
        return np.nan


def month_ticks(last):
    """Return round times from 0 to the end of follow-up, at most nine of them.

    Examples
    --------
    >>> month_ticks(84).tolist()
    [0.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0, 84.0]
    """
    steps = (0.1, 0.25, 0.5, 1, 2, 3, 6, 12, 24, 36, 60, 120, 240)
    step = next((s for s in steps if last / s <= 8.5), 600)
    return np.arange(0, last + 1e-9, step)


def percent_axis(axis, low, high):
    """Label an axis of shares in per cent, with a decimal only where it is stretched."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0 if high - low >= 0.1 else 1))


def wrap(text, width=30):
    """Return a label on up to two lines, for the rows of a figure.

    Examples
    --------
    >>> wrap("short")
    'short'
    >>> wrap("chemotherapy and radiotherapy: death", 30).count(chr(10))
    1
    """
    lines = textwrap.wrap(plain(text), width, break_long_words=False)
    return "\n".join([lines[0], " ".join(lines[1:])]) if len(lines) > 1 else "".join(lines)


def width_of_rows(labels, columns, *, plot=3.3, size=9, gap=16):
    """Return how wide (inches) a figure of rows must be for its labels, columns and the plot."""
    lines = [line for label in labels for line in wrap(label).split("\n")]
    left = max((text_width(line, 9.5) for line in lines), default=0)
    right = [
        max(text_width(text, size) for text in [head, *texts]) for head, texts in columns.items()
    ]
    return float(np.clip((left + sum(right) + gap * (len(right) + 1)) / 72 + plot, 7, 10.5))


def text_width(text, size):
    """Return how wide a label is drawn, in points.

    Examples
    --------
    >>> 20 < text_width("wide", 10) < 40
    True
    """
    drawn = plain(text).replace(r"\$", "$")
    return float(TextPath((0, 0), drawn, size=size).get_extents().width) if drawn else 0.0


def text_columns(ax, columns, heights, *, y_axes=False, gap=16, size=9, top=10):
    """Print columns of text to the right of the axes, one line at each height.

    Parameters
    ----------
    ax : matplotlib Axes
    columns : dict
        Heading → texts, in the order from left to right.
    heights : sequence of float
        Where each line stands: data coordinates, or a share of the axes where `y_axes`.
    gap, size, top : float
        Space before a column, size of the letters, height of the headings over the axes (points).
    """
    along = "axes fraction" if y_axes else "data"
    left = gap
    for heading, texts in columns.items():
        lines = [str(text) for text in texts]
        _beside(ax, 1, heading, (left, top), "axes fraction", size, color=FAINT)
        for height, line in zip(heights, lines, strict=True):
            _beside(ax, height, line, (left, 0), along, size, color=INK)
        left += gap + max(text_width(line, size) for line in [heading, *lines])


def _beside(ax, height, text, offset, along, size, **style):
    ax.annotate(
        plain(text),
        (1, height),
        offset,
        xycoords=("axes fraction", along),
        textcoords="offset points",
        va="center",
        fontsize=size,
        annotation_clip=False,
        **style,
    )


def above(ax, x, text, color):
    """Write a word over the axes, at a place along them."""
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
