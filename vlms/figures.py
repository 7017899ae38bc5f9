"""The figures of cohort studies, on matplotlib and seaborn; each returns its Axes.

Curves with the numbers at risk below them, the course of each patient, estimates with their
intervals, one estimate under every reading, and printed numbers held against what is possible.
Curves are drawn from the frames of `vlms.survival` or from fitted estimators of lifelines alike.

Figures are five inches wide with letters of ten points, so that they can be read on a telephone.
Colours are those of seaborn's palette for colour-blind readers; what differs by colour differs by
shape or dashes too. The look holds inside these functions.
"""

import functools
import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, PercentFormatter
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from vlms.printed import Printed, print_interval, print_number

_SEABORN = sns.color_palette("colorblind").as_hex()
_PALETTE = [_SEABORN[k] for k in (0, 3, 2, 4, 5, 9, 1, 7)]  # the darker hues first
_PARTS = [_SEABORN[k] for k in (0, 9, 5, 8, 7, 6)]
_FIRST, _SECOND, _HOLDS = _PALETTE[0], _PALETTE[1], _PALETTE[2]
_DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
_INK, _FAINT, _GRID, _BAR = "#262626", "#5f5f5f", "#e6e6e6", "#c6dbe8"
_WIDTH = 5.2  # inches
_SMALL = 9.5  # points
_THEME = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("notebook"),
    "font.sans-serif": ["DejaVu Sans"],
    **dict.fromkeys(["font.size", "axes.labelsize", "axes.titlesize", "legend.title_fontsize"], 10),
    **dict.fromkeys(["xtick.labelsize", "ytick.labelsize", "legend.fontsize"], _SMALL),
    **dict.fromkeys(["axes.spines.top", "axes.spines.right", "legend.frameon"], False),
    **dict.fromkeys(["text.color", "axes.labelcolor"], _INK),
    **dict.fromkeys(["axes.edgecolor", "xtick.color", "ytick.color"], _FAINT),
    **dict.fromkeys(["xtick.labelcolor", "ytick.labelcolor"], _INK),
    **dict.fromkeys(["axes.linewidth", "xtick.major.width", "ytick.major.width"], 0.8),
    **dict.fromkeys(["xtick.major.size", "ytick.major.size"], 3.5),
    "axes.prop_cycle": mpl.cycler(color=_PALETTE),
    "grid.color": _GRID,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "figure.figsize": (_WIDTH, 3.5),
    "figure.constrained_layout.use": True,
}
# Longer names would leave no room for the curves.
_LONGEST_LABEL, _LONGEST_GROUP = 60, 22
_NAMELESS = {"", "all", "nan", "<NA>", "None"}
_ROUND_RATIOS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100])
# Beyond this the dots of a multiverse would merge, and are drawn as bars.
_MOST_DOTS = 120
_EVENTS = {
    "local_recurrence_months": "local recurrence",
    "distant_recurrence_months": "metastasis",
}
_TREATMENTS = {"radiotherapy": "RT", "chemotherapy": "CT"}
_STATUS = {
    "dead_of_disease": ("died of the disease", "X", _SECOND),
    "dead_other": ("died of another cause", "X", _FAINT),
    "alive": ("alive at last contact", ">", _FIRST),
}
_EVENT_MARKS = list(zip("s^Dv", [_PALETTE[k] for k in (6, 3, 2, 4)], strict=True))


def _themed(plot):
    """Let a plot function draw in the theme, and leave matplotlib's settings as they were."""

    @functools.wraps(plot)
    def in_theme(*args, **kwargs):
        with mpl.rc_context(_THEME):
            return plot(*args, **kwargs)

    return in_theme


# --- Curves over time -----------------------------------------------------------------------------


@_themed
def plot_survival(
    curve,
    *,
    times=None,
    interval=True,
    censoring_marks=True,
    at_risk=True,
    xlabel=None,
    ylabel="Survival",
    ax=None,
):
    """Draw survival curves with their intervals, censoring marks and numbers at risk.

    Parameters
    ----------
    curve : pandas.DataFrame, lifelines.KaplanMeierFitter or list of the latter
        As `kaplan_meier` returns it: group, time (months), at_risk, censored, survival, lower,
        upper, with a row at time 0. Or what lifelines has fitted, each with a label of its own.
    times : sequence of float, optional
        Times at which the axis is ticked and those at risk are counted. Default: round numbers.
    interval : bool
        Draw the pointwise confidence band.
    censoring_marks : bool
        Mark where a patient's follow-up ended without the event.
    at_risk : bool
        Print below the axis how many were at risk just before each of `times`.
    xlabel, ylabel : str
        What the axes show. Without it a frame is taken to be in months; of an estimator of
        lifelines the unit is not known, so it is called time.
    ax : matplotlib Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column is missing, there is no row, or two estimators have one label.
    TypeError
        When lifelines' estimator is not that of Kaplan and Meier.

    Examples
    --------
    >>> curve = pd.DataFrame({"group": "all", "time": [0, 6, 18], "at_risk": [4, 4, 2],
    ...     "events": [0, 1, 0], "censored": [0, 1, 2], "survival": [1, .75, .75],
    ...     "lower": [1, .13, .13], "upper": [1, .96, .96]})
    >>> plot_survival(curve).get_lines()[0].get_ydata().tolist()
    [1.0, 1.0, 0.75, 0.75, 0.75]
    >>> from lifelines import KaplanMeierFitter
    >>> plot_survival(KaplanMeierFitter().fit([6, 9], [1, 0])).get_lines()[0].get_ydata().tolist()
    [1.0, 1.0, 0.5, 0.5, 0.5]
    """
    if not isinstance(curve, pd.DataFrame):
        curve, xlabel = _of_lifelines(curve), xlabel or "Time"
    needed = ["time", "at_risk", "survival"]
    needed += ["lower", "upper"] if interval else []
    needed += ["censored"] if censoring_marks else []
    _need(curve, needed, "A survival curve")
    groups = _groups(curve)
    ax = _axes(ax, height=3.4 + 0.2 * len(groups) * (1 + _names_over(groups)))
    handles = []
    for k, rows in enumerate(groups.values()):
        color, dash = _PALETTE[k % 8], _DASHES[k % 5]
        handles.append(_draw_step(ax, rows, "survival", color, dash, interval, bool(k)))
        if censoring_marks:
            ended = rows[rows["censored"].fillna(0) > 0]
            ax.plot(ended["time"], ended["survival"], "|", ms=8, mew=1.3, color=color)
    _finish_curve(ax, groups, handles, times, at_risk, xlabel, ylabel)
    return ax


@_themed
def plot_cumulative_incidence(
    incidence,
    *,
    causes=None,
    times=None,
    interval=True,
    at_risk=True,
    xlabel=None,
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
    _need(incidence, needed, "A cumulative incidence")
    found = list(dict.fromkeys(incidence["cause"]))
    causes = {cause: cause for cause in found} if causes is None else causes
    absent = [cause for cause in causes if cause not in found]
    if absent:
        raise ValueError(f"No cause {absent} in the incidence; there are {found}.")
    groups = _groups(incidence[incidence["cause"].isin(list(causes))])
    ax = _axes(ax, height=3.4 + 0.2 * len(groups) * (1 + _names_over(groups)))
    lines = {}
    for g, (name, rows) in enumerate(groups.items()):
        for c, (cause, called) in enumerate(causes.items()):
            # Colour tells groups apart where there are several, else causes; dashes tell causes.
            color = _PALETTE[(g if len(groups) > 1 else c) % 8]
            of_cause = rows[rows["cause"] == cause]
            label = ", ".join(str(part) for part in [name, called] if str(part) not in _NAMELESS)
            dash = _DASHES[c % 5]
            lines[label] = _draw_step(ax, of_cause, "incidence", color, dash, interval, bool(g + c))
    _finish_curve(ax, groups, list(lines.values()), times, at_risk, xlabel, ylabel, list(lines))
    return ax


@_themed
def plot_death_by_death(curve, *, xlabel="Months", ylabel="Survival", ax=None):
    """Draw how a Kaplan-Meier curve is built: each death, and the factor it multiplies by.

    Parameters
    ----------
    curve : pandas.DataFrame
        One group of what `kaplan_meier` returns: time (months), at_risk, events, censored,
        survival.
    xlabel, ylabel, ax
        As in `plot_survival`.

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
    _need(curve, ["time", "at_risk", "events", "censored", "survival"], "A built-up curve")
    deaths = curve[curve["events"] > 0].sort_values("time")
    if len(_groups(curve)) > 1 or not 1 <= len(deaths) <= 14:
        raise ValueError(
            f"A curve is built up for one group with 1 to 14 times of death; found"
            f" {len(_groups(curve))} group(s), {len(deaths)} times."
        )
    ax = _axes(ax, height=4.0 + 0.2 * len(deaths))
    line = _draw_step(ax, curve, "survival", _FIRST, "-", False, False)
    ended = curve[curve["censored"] > 0]
    ax.plot(ended["time"], ended["survival"], "|", ms=8, mew=1.3, color=_FIRST)
    before = (curve["survival"].shift(fill_value=1).loc[deaths.index] + deaths["survival"]) / 2
    for number, (time, height) in enumerate(zip(deaths["time"], before, strict=True), start=1):
        ax.plot(time, height, "o", ms=13, color="white", mec=_SECOND, mew=1.2, zorder=4)
        ax.text(time, height, number, ha="center", va="center_baseline", fontsize=9, zorder=5)
    _finish_curve(ax, {"": curve}, [line], None, True, xlabel, ylabel)
    alive = deaths["at_risk"] - deaths["events"]
    columns = {
        "Step": [str(number) for number in range(1, len(deaths) + 1)],
        "Time": [f"{time:g}" for time in deaths["time"]],
        "× survivors": [f"{a:g}/{n:g}" for a, n in zip(alive, deaths["at_risk"], strict=True)],
        "= survival": [f"{print_number(100 * s, 1)}%" for s in deaths["survival"]],
    }
    for place, (heading, lines) in zip((0.06, 0.32, 0.6, 0.9), columns.items(), strict=True):
        for row, text in enumerate([heading, *lines]):
            color = _INK if row else _FAINT
            _note(ax, (place, 0), text, (0, -72 - 14 * row), x="axes", y="axes", color=color)
    return ax


# --- The course of each patient -------------------------------------------------------------------


@_themed
def plot_swimmer(patients, *, events=None, columns=None, xlabel="Months", ax=None):
    """Draw each patient's follow-up as a bar, the longest on top, with what happened and the end.

    Parameters
    ----------
    patients : pandas.DataFrame
        Canonical cohort: patient_id, time_months, status, and what else is to be drawn.
    events : dict, optional
        Column of months → what the legend calls it. Default: local recurrence and metastasis, where
        those columns are there. NA is drawn as nothing.
    columns : dict, optional
        Boolean column → heading, printed left of the bars: ● yes, ○ no, ? not known. Default:
        radiotherapy (RT) and chemotherapy (CT), where those columns are there.
    xlabel, ax
        As in `plot_survival`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column is missing, a follow-up time is missing, or a status is none of the three.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient_id": [1, 2], "time_months": [10, 84],
    ...     "status": ["dead_of_disease", "alive"], "radiotherapy": [True, False]})
    >>> [text.get_text() for text in plot_swimmer(patients).get_yticklabels()]
    ['2', '1']
    """
    events = {c: n for c, n in _EVENTS.items() if c in patients} if events is None else events
    columns = (
        {c: n for c, n in _TREATMENTS.items() if c in patients} if columns is None else columns
    )
    _need(patients, ["patient_id", "time_months", "status", *events, *columns], "A swimmer plot")
    lost = patients[patients["time_months"].isna()]
    if len(lost):
        raise ValueError(f"No follow-up time: patients {list(lost['patient_id'])}; leave them out.")
    odd = sorted({str(status) for status in patients["status"] if status not in _STATUS})
    if odd:
        raise ValueError(f"A status is one of {list(_STATUS)}; found {odd}.")
    patients = patients.sort_values("time_months", ascending=False, kind="stable")
    ax = _axes(ax, height=1.5 + 0.27 * len(patients))
    rows = np.arange(len(patients))
    times = patients["time_months"].astype(float).to_numpy()
    ax.barh(rows, times, height=0.56, color=_BAR)
    for row, (time, status) in enumerate(zip(times, patients["status"], strict=True)):
        _, marker, color = _STATUS[status]
        ax.plot(time, row, marker, ms=9, color=color, mec="white", mew=0.8, clip_on=False, zorder=4)
    for number, column in enumerate(events):
        marker, color = _EVENT_MARKS[number % 4]
        months = pd.to_numeric(patients[column]).astype(float).to_numpy()
        # Side by side, so that two events of one month are both seen.
        lines = rows + 0.3 * (number - (len(events) - 1) / 2)
        ax.plot(months, lines, marker, color=color, mec=_INK, mew=0.7, ms=7, zorder=3)
    wide = 26 * len(columns)
    for number, (column, heading) in enumerate(columns.items()):
        place = {"x": "axes", "ha": "center"}
        for row, value in enumerate(patients[column]):
            sign = "?" if pd.isna(value) else "●" if value else "○"
            _note(ax, (0, row), sign, (26 * number - wide + 8, 0), **place, fontsize=10)
        offset = (26 * number - wide + 8, 8)
        _note(ax, (0, 1), heading, offset, y="axes", **place, color=_FAINT)
    _note(ax, (0, 1), "Patient", (-wide - 4, 8), x="axes", y="axes", ha="right", color=_FAINT)
    ax.set_yticks(rows, [_plain(name) for name in patients["patient_id"]])
    ax.tick_params(axis="y", length=0, pad=wide + 2)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ticks = _round_times(times.max())
    ax.set_xticks(ticks)
    ax.set_xlim(0, max(times.max(), ticks.max()) * 1.03)
    ax.grid(axis="x")
    ax.set_xlabel(_plain(xlabel))
    marks = [(*_STATUS[status], "white") for status in _STATUS if status in set(patients["status"])]
    marks += [(n, *m, _INK) for n, m in zip(events.values(), _EVENT_MARKS * 9, strict=False)]
    handles = [
        Line2D([], [], marker=marker, color=color, mec=edge, mew=0.7, ls="", ms=8)
        for _, marker, color, edge in marks
    ]
    inches = ax.get_position().height * ax.figure.get_size_inches()[1]
    below = {"loc": "upper center", "bbox_to_anchor": (0.4, -0.5 / inches), "ncols": 2}
    _legend(ax, handles, [name for name, *_ in marks], **below)
    return ax


# --- Estimates with their intervals ---------------------------------------------------------------


@_themed
def plot_forest(
    table,
    *,
    columns=None,
    highlight=None,
    limits=None,
    xlabel="Hazard ratio (log scale)",
    heading=None,
    ax=None,
):
    """Draw a forest plot of ratios on a log axis, with their numbers beside them.

    Parameters
    ----------
    table : pandas.DataFrame
        term, hazard_ratio, lower, upper: one row a term, from top to bottom; a row whose ratio is
        NA is said to have none. Or the ``summary`` of a Cox model of lifelines, whose P values are
        in a column ``p``.
    columns : dict, optional
        Further columns to print at the right: column → heading.
    highlight : str, optional
        Boolean column: rows drawn in the second colour, with a square.
    limits : tuple of float, optional
        Ends of the axis. An interval that goes beyond ends in an arrow.
    xlabel, heading : str
        What the axis shows, and what stands over the numbers. Default: the ratio with its level,
        95% where neither the table nor its ``attrs["confidence"]`` says.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column is missing, a ratio is not above 0, or a summary is of another model.

    Examples
    --------
    >>> table = pd.DataFrame({"term": ["age"], "hazard_ratio": [2.0], "lower": [1.0],
    ...     "upper": [4.0]})
    >>> [text.get_text() for text in plot_forest(table).texts]
    ['age', 'Ratio (95% CI)', '2.00 (1.00 to 4.00)']
    """
    needed = ["term", "hazard_ratio", "lower", "upper"]
    if not isinstance(table, pd.DataFrame):
        found = type(table).__name__
        raise TypeError(f"A forest plot is drawn from a frame or a model's .summary, not {found}.")
    level = f"{table.attrs.get('confidence', 0.95):.0%}"
    if "exp(coef)" in table:
        if "param" in table.index.names:
            raise ValueError("This summary is not of a Cox model: its ratios are not of hazards.")
        level, *others = [name.split()[-1] for name in table if name.startswith("exp(coef) lower ")]
        if others:
            raise ValueError("Summaries of different levels of confidence: draw each by itself.")
        names = ["exp(coef)", f"exp(coef) lower {level}", f"exp(coef) upper {level}"]
        table = table.rename(columns=dict(zip(names, needed[1:], strict=True)))
        table["term"] = [
            ": ".join(map(str, term)) if isinstance(term, tuple) else term for term in table.index
        ]
    _need(table, [*needed, *(columns or {})], "A forest plot")
    values = table[needed[1:]].map(_number).to_numpy()
    if (values[:, 0] <= 0).any():
        raise ValueError("A forest plot has a log axis: every ratio must be above 0.")
    beside = {heading or f"Ratio ({level} CI)": [_estimate(*row, 2, 1) for row in values]}
    beside |= {head: _texts(table[name]) for name, head in (columns or {}).items()}
    ax = _rows(ax, table["term"], beside)
    ax.set_xscale("log")
    ends = limits or _ratio_ends(values)
    ax.set_xlim(*ends)
    ax.set_xticks(_ROUND_RATIOS[(ends[0] <= _ROUND_RATIOS) & (ends[1] >= _ROUND_RATIOS)])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    ax.axvline(1, color=_FAINT, lw=0.9, zorder=0)
    if highlight is not None:
        _need(table, [highlight], "The highlight")
    marked = None if highlight is None else table[highlight].fillna(False).astype(bool).to_numpy()
    _draw_intervals(ax, values, marked)
    ax.set_xlabel(_plain(xlabel))
    return ax


@_themed
def plot_intervals(
    table,
    *,
    label="method",
    estimate="survival",
    printed=None,
    percent=True,
    xlabel="Survival",
    heading="Estimate (interval)",
    ax=None,
):
    """Draw estimates with their intervals one below the other on a linear axis.

    Parameters
    ----------
    table : pandas.DataFrame
        One row an estimate: the same one by several methods, or several cohorts; with its limits
        in the columns lower and upper.
    label, estimate : str
        Columns with the label and the estimate.
    printed : float, optional
        The value a paper prints, as a line through all rows.
    percent : bool
        The values are shares (0–1), shown as percentages.
    xlabel, heading : str
        What the axis shows, and what stands over the numbers.
    ax
        As in `plot_survival`.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> table = pd.DataFrame({"method": ["plain", "log-log"], "survival": [0.6, 0.6],
    ...     "lower": [0.3, 0.25], "upper": [0.9, 0.82]})
    >>> [text.get_text() for text in plot_intervals(table).texts][-1]
    '60 (25 to 82)'
    """
    _need(table, [label, estimate, "lower", "upper"], "A figure of intervals")
    values = table[[estimate, "lower", "upper"]].map(_number).to_numpy()
    numbers = [_estimate(*row, *((0, 100) if percent else (1, 1))) for row in values]
    ax = _rows(ax, table[label], {f"{heading}, %" if percent else heading: numbers})
    finite = [*values[np.isfinite(values)], *([0, 1] if percent else [])] or [0, 1]
    margin = 0 if percent else 0.08 * (max(finite) - min(finite) or 1)
    ax.set_xlim(min(finite) - margin, max(finite) + margin)
    if percent:
        _percent_axis(ax.xaxis, *ax.get_xlim())
    if printed is not None:
        ax.axvline(printed, color=_SECOND, lw=1, ls=(0, (4, 2)), zorder=0)
        xlabel = f"{xlabel} (dashed: as printed)"
    _draw_intervals(ax, values)
    ax.set_xlabel(_plain(xlabel))
    return ax


@_themed
def plot_multiverse(table, *, readings, printed=None, ylabel="Survival", ax=None):
    """Draw one estimate under every combination of readings, and which reading each one uses.

    Above, the estimates in rising order with their intervals; below, a dot in each column for the
    reading that was used (Simonsohn, Simmons and Nelson, Nature Human Behaviour 2020;4:1208).

    Parameters
    ----------
    table : pandas.DataFrame
        One row a combination: survival, lower, upper (shares, NA where there is none), and which
        reading was used.
    readings : list of str
        Columns that hold which reading was used, as text.
    printed : float, optional
        The value a paper prints, as a line across all combinations.
    ylabel, ax
        As in `plot_survival`.

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
    _need(table, [*readings, "survival", "lower", "upper"], "A multiverse")
    table = table.sort_values(["survival", *readings], na_position="last", kind="stable")
    values = table[["survival", "lower", "upper"]].map(_number).to_numpy()
    height = 0.19 * sum(table[name].nunique() + 1 for name in readings)
    ax = _axes(ax, height=2.8 + height)
    across = np.arange(len(table))
    size = float(np.clip(180 / len(table), 2, 6))
    ax.plot(across, values[:, 0], "o", ms=size, color=_FIRST, zorder=3)
    # One broken line for all intervals: hundreds of single ones would make a large file.
    ends = np.column_stack([values[:, 1:], np.full(len(table), np.nan)]).ravel()
    ax.plot(np.repeat(across, 3), ends, color=_FIRST, alpha=0.45, lw=size / 2.4)
    if printed is not None:
        line = ax.axhline(printed, color=_SECOND, lw=1.2, ls=(0, (4, 2)), zorder=2)
        _legend(ax, [line], ["as printed"], loc="upper right", borderpad=0)
    ax.set_ylim(0, 1.02)
    _percent_axis(ax.yaxis, 0, 1)
    ax.grid(axis="y")
    ax.set(xlim=(-1, len(table)), xticks=[], ylabel=_plain(ylabel))
    _draw_matrix(ax, table, readings, size, height)
    return ax


@_themed
def plot_verdict_matrix(matrix, *, ax=None):
    """Draw what claims are under readings, for the claims that some reading moves.

    A column is a claim, or several that the readings move alike; the rows are the tables as
    printed, each reading alone, and the smallest sets of readings under which a claim agrees.

    Parameters
    ----------
    matrix : pandas.DataFrame
        claim, readings, n, state (agrees, disagrees, not known), as `vlms.ledger.Ledger.matrix`.
    ax
        As in `plot_survival`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        When a column is missing, or no reading moves any claim.

    Examples
    --------
    >>> matrix = pd.DataFrame({"claim": ["women"] * 2, "readings": ["as printed", "man-12"],
    ...     "n": [0, 1], "state": ["agrees", "disagrees"]})
    >>> [text.get_text() for text in plot_verdict_matrix(matrix).get_xticklabels()]
    ['women']
    """
    _need(matrix, ["claim", "readings", "n", "state"], "A matrix of verdicts")
    states = matrix.groupby("claim", sort=False)["state"]
    moved = matrix[states.transform("nunique") > 1]
    agreeing = moved[moved["state"] == "agrees"]
    fewest = agreeing["n"] == agreeing.groupby("claim")["n"].transform("min")
    wanted = (moved["n"] <= 1) | moved.index.isin(agreeing.index[fewest])
    drawn = moved[wanted]
    first = drawn[drawn["n"] == 0].set_index("claim")["state"]
    single = drawn["n"] != 1
    changing = single | (drawn["state"] != drawn["claim"].map(first))
    columns = drawn[changing].sort_values("n", kind="stable")["readings"].drop_duplicates().tolist()
    claims = drawn["claim"].drop_duplicates().tolist()
    if not claims:
        raise ValueError("No reading moves any of these claims.")
    drawn = drawn[drawn["readings"].isin(columns)]
    pattern = drawn.groupby("claim", sort=False)[["readings", "state"]].apply(
        lambda rows: tuple(sorted(rows.itertuples(index=False, name=None)))
    )
    alike = pattern.groupby(pattern, sort=False).apply(lambda rows: rows.index.tolist())
    names = [f"{first} and {len(more)} more" if more else first for first, *more in alike]
    claims = [first for first, *_ in alike]
    drawn = drawn[drawn["claim"].isin(claims)]
    ax = _axes(ax, height=2.4 + 0.19 * len(columns))
    styles = {"agrees": ("o", _FIRST), "disagrees": ("x", _SECOND), "not known": ("$?$", _INK)}
    for state, (marker, color) in styles.items():
        rows = drawn[drawn["state"] == state]
        x = [claims.index(name) for name in rows["claim"]]
        y = [columns.index(name) for name in rows["readings"]]
        ax.plot(x, y, marker=marker, ms=4.5, color=color, label=state, ls="")
    ax.set_xticks(range(len(claims)), names, rotation=90, fontsize=_SMALL)
    ax.set_yticks(range(len(columns)), columns, fontsize=_SMALL)
    ax.set(xlim=(-0.6, len(claims) - 0.4), ylim=(len(columns) - 0.4, -0.6))
    ax.tick_params(length=0)
    ax.grid(axis="both", color="#f0f0f0")
    handles, labels = ax.get_legend_handles_labels()
    _legend(ax, handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0)
    return ax


# --- Printed numbers against what is possible -----------------------------------------------------


@_themed
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
        The number as printed, ``"57%"``; its box holds all values that print like it.
    value, row : str
        Columns with the share and with what it takes.
    limits : tuple of float
        Ends of the axis of shares.
    xlabel, ylabel, ax
        As in `plot_survival`.

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
    _need(table, [value, row], "A figure of attainable values")
    printed = Printed.parse(printed)
    shares = table[value].astype(float)
    # Float noise must not move a value that lies on the edge of the box out of it.
    inside = shares.between(printed.lower - 1e-12, printed.upper + 1e-12)
    # Values too close to be told apart are drawn once: there can be very many of them.
    near = pd.DataFrame({"row": table[row], "share": shares.round(4), "inside": inside})
    inside, outside = inside & ~near.duplicated(), ~inside & ~near.duplicated()
    steps = sorted(table[row].unique())
    heights = table[row].map({step: number for number, step in enumerate(steps)})
    ax = _axes(ax, height=1.5 + 0.3 * len(steps))
    ax.axvspan(printed.lower, printed.upper, color=_SECOND, alpha=0.2, lw=0)
    ax.axvline(printed.value, color=_SECOND, lw=0.8, zorder=1)
    ax.scatter(shares[outside], heights[outside], s=70, marker="|", color=_FAINT, lw=0.9, zorder=3)
    ax.scatter(shares[inside], heights[inside], s=46, color=_HOLDS, ec=_INK, lw=0.6, zorder=4)
    _above(ax, (printed.lower + printed.upper) / 2, f"printed {printed.text}", _SECOND)
    ax.set_yticks(range(len(steps)), [_plain(step) for step in steps])
    ax.set_ylim(len(steps) - 0.5, -0.5)
    ax.set_xlim(*limits)
    _percent_axis(ax.xaxis, *limits)
    ax.grid(axis="y")
    ax.set(xlabel=_plain(xlabel), ylabel=_plain(ylabel))
    return ax


@_themed
def plot_claim_against(
    table, *, limits=(0, 1), xlabel="Values that each statement allows", ax=None
):
    """Draw the values that each of several statements allows, and whether any satisfies them all.

    Parameters
    ----------
    table : pandas.DataFrame
        statement, lower, upper: one row a statement about the same quantity, in words, and the
        shares (0–1) that it allows; NA is an open end.
    limits : tuple of float
        Ends of the axis.
    xlabel, ax
        As in `plot_survival`.

    Returns
    -------
    matplotlib Axes
        A green band spans what all allow; where nothing is, a band in vermilion spans the gap.

    Examples
    --------
    >>> table = pd.DataFrame({"statement": ["the table", "the text"],
    ...     "lower": [0.1, 0.5], "upper": [0.3, 0.6]})
    >>> [text.get_text() for text in plot_claim_against(table).texts][-1]
    'no value satisfies all'
    """
    _need(table, ["statement", "lower", "upper"], "A figure of statements")
    ranges = table[["lower", "upper"]].map(_number).to_numpy()
    ax = _rows(ax, table["statement"], {})
    highest, lowest = np.nanmax([limits[0], *ranges[:, 0]]), np.nanmin([limits[1], *ranges[:, 1]])
    agree = highest <= lowest
    color = _HOLDS if agree else _SECOND
    ax.axvspan(*sorted((highest, lowest)), color=color, alpha=0.18, lw=0, zorder=0)
    for row, (low, high) in enumerate(ranges):
        span = [limits[0] if np.isnan(low) else low, limits[1] if np.isnan(high) else high]
        ax.plot(span, [row, row], color=_FIRST, lw=7, solid_capstyle="butt", zorder=3)
        if span[0] == span[1]:  # a range of one value is still to be seen
            ax.plot(span[0], row, "D", color=_FIRST, ms=7, zorder=3)
    ax.set_xlim(*limits)
    _percent_axis(ax.xaxis, *limits)
    ax.grid(axis="x")
    ax.set_xlabel(_plain(xlabel))
    said = "what all of them allow" if agree else "no value satisfies all"
    _above(ax, (highest + lowest) / 2, said, color)
    return ax


@_themed
def plot_parts(
    table, *, bar="variable", part="level", count="n", total=None, xlabel="Patients", ax=None
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
    xlabel, ax
        As in `plot_survival`.

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
    >>> [text.get_text() for text in plot_parts(table, total=12).texts if " of " in text.get_text()]
    ['11 of 12: 1 too few']
    """
    _need(table, [bar, part, count], "A figure of parts")
    if table[count].isna().any() or (table[count] < 0).any():
        raise ValueError("A part has a count of 0 or more: leave parts out that are not counted.")
    bars = {name: table.loc[table[bar] == name, [part, count]] for name in table[bar].unique()}
    sums = [int(parts[count].sum()) for parts in bars.values()]
    beside = {} if total is None else {"": [_compare(number, total) for number in sums]}
    lines = [_flow(parts[part], _WIDTH * 72 - 40) for parts in bars.values()]
    ax = _rows(
        ax, list(bars), beside, half=9, below=5 + 13 * max(1 + line[-1][0] for line in lines)
    )
    widest, half = max([*sums, total or 0]) or 1, 9 / ax.row_points
    for row, (parts, words) in enumerate(zip(bars.values(), lines, strict=True)):
        left = 0
        for k, ((name, number), (line, x)) in enumerate(zip(parts.to_numpy(), words, strict=True)):
            color, ink = _PARTS[k % 6], "white" if k % 6 == 0 else _INK
            ax.barh(row, number, left=left, height=2 * half, color=color, ec="white", lw=1)
            if number / widest > 0.04:
                middle = {"ha": "center", "va": "center", "fontsize": _SMALL, "color": ink}
                ax.text(left + number / 2, row, f"{number:g}", zorder=5, **middle)
            left += number
            below = {"x": "axes", "fontsize": 9}
            _note(ax, (0, row), "■", (x, -18 - 13 * line), color=color, **below)
            _note(ax, (0, row), name, (x + 10, -18 - 13 * line), **below)
        if total is not None:
            ax.plot(
                [total, total], [row - 1.25 * half, row + 1.25 * half], color=_INK, lw=1.5, zorder=4
            )
    ax.set_xlim(0, widest * 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(_plain(xlabel if total is None else f"{xlabel} (line: total of {total})"))
    return ax


# --- Checks and labels ----------------------------------------------------------------------------


def _need(frame, names, what):
    """Raise ValueError where a frame lacks a column that a figure draws, or has no row."""
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ValueError(f"{what} needs columns {absent}; the frame has {list(frame.columns)}.")
    if frame.empty:
        raise ValueError(f"{what}: the frame has no row, so there is nothing to draw.")


def _number(value):
    """Return a number for drawing, NaN for what is missing."""
    return np.nan if value is None or value is pd.NA else float(value)


def _short(text, longest=_LONGEST_LABEL):
    """Return text on one line, without signs that do not print, cut where it is too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _plain(text, longest=_LONGEST_LABEL):
    """Return short text that matplotlib draws as it stands: a ``$`` does not start math."""
    return _short(text, longest).replace("$", r"\$")


def _wrap(text, points, size=_SMALL):
    """Return a label on as many lines as it needs to be no wider than this."""
    lines = textwrap.wrap(_short(text), max(int(points / (0.58 * size)), 8)) or [""]
    return "\n".join(lines)


@functools.lru_cache(maxsize=1000)
def _text_width(text, size=_SMALL):
    """Return how wide a label is drawn, in points."""
    line = _plain(text)
    return float(TextPath((0, 0), line, size=size).get_extents().width) if line else 0.0


def _flow(words, width):
    """Place words with a sign before each one after the other: the line and offset of each."""
    places, line, x = [], 0, 0
    for word in words:
        wide = 10 + _text_width(str(word), 9)
        if x and x + wide > width:
            line, x = line + 1, 0
        places.append((line, x))
        x += wide + 10
    return places


def _texts(column):
    return ["–" if pd.isna(value) else str(value) for value in column]


def _estimate(middle, low, high, decimals, scale):
    """Print an estimate with its interval."""
    if np.isnan(middle):
        return "–"
    limits = print_interval(low * scale, high * scale, decimals)
    return f"{print_number(middle * scale, decimals)} ({limits})".replace("-", "−")


def _compare(number, total):
    if number == total:
        return f"{number} of {total}"
    return f"{number} of {total}: {abs(total - number)} too {'few' if number < total else 'many'}"


# --- Axes -----------------------------------------------------------------------------------------


def _axes(ax, *, height):
    """Return the axes given, dressed in the theme, or those of a new figure (inches)."""
    if ax is None:
        return plt.subplots(figsize=(_WIDTH, height))[1]
    # Axes take the settings when they are made: what a reader made beforehand has others.
    sns.despine(ax=ax)
    ax.spines[["left", "bottom"]].set_color(_FAINT)
    ax.tick_params(color=_FAINT, labelcolor=_INK, labelsize=_SMALL, grid_color=_GRID)
    return ax


def _rows(ax, labels, columns, *, half=4, below=0):
    """Return axes with a row for each label: its words and columns of text stand above it.

    So the plot itself has the whole width, and the letters keep their size on a narrow screen.
    `half` is how far what is drawn reaches up and down, `below` the room under it (points). How
    high a row is, in points, is left as ``row_points``.
    """
    heads = {
        head: _wrap(head, max(map(_text_width, texts)) + 14) for head, texts in columns.items()
    }
    wide = {
        head: max(_text_width(text) for text in [*heads[head].split("\n"), *texts])
        for head, texts in columns.items()
    }
    room = 72 * (_WIDTH if ax is None else ax.get_position().width * ax.figure.get_figwidth())
    words = [_wrap(label, room - sum(wide.values()) - 12 * len(wide)) for label in labels]
    above = half + 5 + 14 * max(text.count("\n") + 1 for text in words)
    row = above + half + below + 7
    height = 54 + row * len(words) + 13 * max([0, *(text.count("\n") for text in heads.values())])
    ax = _axes(ax, height=height / 72)
    ax.row_points = row
    ax.set_ylim(len(words) - 1 + (half + below + 6) / row, -above / row)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for number, text in enumerate(words):
        _note(ax, (0, number), text, (0, half + 5), x="axes", va="bottom", bbox=box)
    right = 0
    style = {"x": "axes", "ha": "right", "va": "bottom"}
    for head, texts in reversed(columns.items()):
        _note(ax, (1, 1), heads[head], (-right, 2), y="axes", color=_FAINT, **style)
        for number, text in enumerate(texts):
            _note(ax, (1, number), text, (-right, half + 5), bbox=box, **style)
        right += wide[head] + 12
    return ax


def _note(ax, at, text, offset=(0, 0), *, x="data", y="data", **style):
    """Write text at a place, moved by an offset (points); nothing in it is read as math."""
    where = tuple("axes fraction" if kind == "axes" else kind for kind in (x, y))
    lines = "\n".join(_plain(line) for line in str(text).split("\n"))
    style = {"fontsize": _SMALL, "va": "center", "color": _INK, "annotation_clip": False} | style
    ax.annotate(lines, at, offset, xycoords=where, textcoords="offset points", **style)


def _above(ax, x, text, color):
    """Write a word over the axes, at a place along them."""
    _note(ax, (x, 1), text, (0, 8), y="axes", ha="center", color=color)


def _percent_axis(axis, low, high):
    """Label an axis of shares in per cent, with a decimal only where it is stretched."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0 if high - low >= 0.1 else 1))


def _legend(ax, handles, labels, **options):
    """Draw a legend whose labels may begin with an underscore, which matplotlib would drop."""
    legend = ax.legend(handles, ["…"] * len(handles), **options)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(_plain(label, 2 * _LONGEST_GROUP))


def _round_times(last):
    """Return round times from 0 to the end of follow-up, at most nine of them."""
    steps = (0.1, 0.25, 0.5, 1, 2, 3, 6, 12, 24, 36, 60)  # of months or years
    steps += tuple(k * 10.0**power for power in range(2, 12) for k in (1, 2, 5))  # of days
    return np.arange(0, last + 1e-9, next(step for step in steps if last / step <= 8.5))


# --- Curves ---------------------------------------------------------------------------------------


def _of_lifelines(fitted):
    """Return the curves that lifelines has fitted as one frame, as `kaplan_meier` would."""
    fitted = list(fitted) if isinstance(fitted, (list, tuple)) else [fitted]
    frames = {}
    for fitter in fitted:
        if "KaplanMeierFitter" not in [kind.__name__ for kind in type(fitter).__mro__]:
            raise TypeError(
                "A survival curve is drawn from the frame of kaplan_meier or from a fitted"
                f" KaplanMeierFitter of lifelines, not {type(fitter).__name__}."
            )
        if not hasattr(fitter, "event_table"):
            raise ValueError("The KaplanMeierFitter has not been fitted: call its fit first.")
        counts, survival = fitter.event_table, fitter.survival_function_.iloc[:, 0]
        if not survival.index.equals(counts.index):
            raise ValueError("Fit the KaplanMeierFitter without a timeline: steps would be lost.")
        name = survival.name if len(fitted) > 1 or survival.name != "KM_estimate" else ""
        if name in frames:
            raise ValueError(f"Two estimators are labelled {name!r}: fit each with label=….")
        limits = fitter.confidence_interval_survival_function_
        later = counts.index > 0
        frames[name] = pd.DataFrame(
            {
                "group": name,
                "time": counts.index,
                # who enters at a time is at risk after it
                "at_risk": (counts["at_risk"] - counts["entrance"] * later).to_numpy(),
                "events": counts["observed"].to_numpy(),
                "censored": counts["censored"].to_numpy(),
                "survival": survival.to_numpy(),
                "lower": limits.iloc[:, 0].to_numpy(),
                "upper": limits.iloc[:, 1].to_numpy(),
            }
        )
    return pd.concat(frames.values(), ignore_index=True)


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
    corners = {
        name: np.repeat(pd.to_numeric(rows[name]).to_numpy(dtype=float), 2)
        for name in ["time", column, *(["lower", "upper"] if interval else [])]
    }
    x, y = corners["time"][1:], corners[column][:-1]
    if interval:
        low, high = corners["lower"][:-1], corners["upper"][:-1]
        ax.fill_between(x, low, high, color=color, alpha=0.13 if light else 0.17, lw=0)
    return ax.plot(x, y, color=color, ls=dash)[0]


def _finish_curve(ax, groups, handles, times, at_risk, xlabel, ylabel, labels=None):
    """Dress the axes of curves over time, and print the numbers at risk below them."""
    last = max(float(rows["time"].max()) for rows in groups.values())
    ticks = np.asarray(_round_times(last) if times is None else times)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xlim(0, max(last, ticks.max()) * 1.02 or 1)
    ax.set_ylim(0, 1.02)
    _percent_axis(ax.yaxis, 0, 1)
    ax.grid(axis="y")
    ax.set(xlabel=_plain(xlabel or "Months"), ylabel=_plain(ylabel))
    named = len(groups) > 1 or str(next(iter(groups))) not in _NAMELESS
    if named or (labels and labels != [""]):
        _legend(ax, handles, labels or groups, loc="best", handlelength=2.6)
    if at_risk:
        _print_at_risk(ax, groups, ticks, named)


def _print_at_risk(ax, groups, ticks, named):
    """Print how many were still under observation just before each tick."""
    left = {"x": "axes", "y": "axes", "ha": "right"}
    _note(ax, (0, 0), "At risk", (-14, -44), color=_FAINT, **left)
    over = _names_over(groups)
    height = -44 - 14 * named
    for k, (name, rows) in enumerate(groups.items()):
        if named:
            style = {**left, "color": _PALETTE[k % 8], "weight": "bold"}
            style |= {"ha": "left"} if over else {}
            offset = (-10 if over else -14, height)
            _note(ax, (0, 0), _short(name, _LONGEST_GROUP), offset, **style)
            height -= 14 * over
        for tick in ticks:
            _note(ax, (tick, 0), _number_at_risk(rows, tick), (0, height), y="axes", ha="center")
        height -= 14


def _names_over(groups):
    """Whether the name of a group does not fit beside its numbers at risk, and stands over them."""
    return max(_text_width(_short(name, _LONGEST_GROUP)) for name in groups) > 52


def _number_at_risk(rows, time):
    """Return the number at risk just before a time as text; what a report withholds stays so."""
    later = rows[rows["time"] >= time - 1e-9].sort_values("time")
    number = later["at_risk"].iloc[0] if len(later) else 0
    return "–" if pd.isna(number) else number if isinstance(number, str) else f"{number:g}"


# --- Rows of estimates ----------------------------------------------------------------------------


def _draw_intervals(ax, values, marked=None):
    """Draw an estimate and its interval in each row, or say that there is none."""
    marked = np.zeros(len(values)) if marked is None else marked
    ends = ax.get_xlim()
    ax.hlines(np.arange(len(values)), *ends, color="#f0f0f0", lw=0.8, zorder=0)
    for row, (middle, low, high) in enumerate(values):
        color = _SECOND if marked[row] else _FIRST
        if np.isnan(middle):
            style = {"ha": "center", "style": "italic", "color": _FAINT}
            box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
            _note(ax, (0.5, row), "no estimate", x="axes", bbox=box, **style)
            continue
        if not (np.isnan(low) and np.isnan(high)):
            # A limit that does not exist leaves the interval open: an arrow at the end of the axis.
            low = -np.inf if np.isnan(low) else low
            high = np.inf if np.isnan(high) else high
            left, right = np.clip([low, high], *ends)
            ax.plot([left, right], [row, row], color=color, lw=2, solid_capstyle="butt")
            for beyond, end, arrow in ((low < ends[0], left, "<"), (high > ends[1], right, ">")):
                if beyond:
                    ax.plot(end, row, arrow, color=color, ms=6, clip_on=False)
        if ends[0] <= middle <= ends[1]:
            ax.plot(middle, row, "s" if marked[row] else "o", color=color, ms=7, zorder=3)


def _ratio_ends(values):
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


def _draw_matrix(ax, table, readings, size, height):
    """Draw below the estimates which reading each combination uses."""
    inches = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, ax.transAxes)
    below = blended_transform_factory(ax.transAxes, inches)
    matrix = ax.inset_axes([0, -height - 0.1, 1, height], transform=below, sharex=ax)
    ticks, names, line = [], [], 0
    for reading in readings:
        _note(matrix, (0, line), reading, (-3.5, 0), x="axes", ha="right", weight="bold")
        for level in pd.unique(table[reading].dropna()):
            line += 1
            used = np.flatnonzero((table[reading] == level).to_numpy())
            matrix.axhline(line, color="#f0f0f0", lw=0.8, zorder=0)
            if len(table) <= _MOST_DOTS:
                matrix.plot(used, np.full(len(used), line), "o", ms=size * 0.9, color=_INK)
            else:
                # Neighbouring columns are joined to one bar each, all of them one broken line.
                runs = np.split(used, np.flatnonzero(np.diff(used) > 1) + 1)
                x = np.ravel([[run[0] - 0.5, run[-1] + 0.5, np.nan] for run in runs if len(run)])
                y = np.full(len(x), line)
                matrix.plot(x, y, color=_INK, lw=5, solid_capstyle="butt")
            ticks.append(line)
            names.append(_plain(level))
        line += 1
    matrix.set_yticks(ticks, names, fontsize=_SMALL)
    matrix.set_ylim(line - 0.4, -0.6)
    matrix.tick_params(axis="both", length=0, labelbottom=False)
    matrix.spines[:].set_visible(False)
    matrix.set_xlabel(f"{len(table)} combinations, in order of the estimate")
