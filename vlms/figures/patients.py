"""The course of each patient, one line a patient (a swimmer plot)."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from vlms.figures.drawing import (
    FAINT,
    INK,
    MARKERS,
    PALETTE,
    axes,
    columns_of,
    month_ticks,
    name_handles,
    plain,
    themed,
)

# column of the canonical cohort → what the legend or the heading calls it
EVENTS = {
    "local_recurrence_months": "local recurrence",
    "distant_recurrence_months": "metastasis",
}
TREATMENTS = {"radiotherapy": "RT", "chemotherapy": "CT"}
_STATUS = {
    "dead_of_disease": ("died of the disease", "X", PALETTE[1]),
    "dead_other": ("died of another cause", "X", FAINT),
    "alive": ("alive at last contact", ">", PALETTE[0]),
}
_EVENT_COLORS = (PALETTE[6], PALETTE[3], PALETTE[2], PALETTE[4])
_BAR = "#c6dbe8"
_COLUMN_POINTS = 26


@themed
def plot_swimmer(
    patients,
    *,
    events=None,
    columns=None,
    order="time",
    label="patient_id",
    xlabel="Months",
    ax=None,
):
    """Draw each patient's follow-up as a bar, with what happened on the way and how it ended.

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
    order : {"time", "given"}
        Longest follow-up on top, or as the frame has them.
    label : str
        Column with each patient's name.
    xlabel : str
    ax : matplotlib Axes, optional

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
    events = _present(EVENTS, patients) if events is None else events
    columns = _present(TREATMENTS, patients) if columns is None else columns
    columns_of(patients, [label, "time_months", "status", *events, *columns], "A swimmer plot")
    _check(patients, label)
    if order == "time":
        patients = patients.sort_values("time_months", ascending=False, kind="stable")
    ax = axes(ax, height=1.3 + 0.3 * len(patients))
    rows = np.arange(len(patients))
    times = patients["time_months"].astype(float).to_numpy()
    ax.barh(rows, times, height=0.56, color=_BAR)
    for row, (time, status) in enumerate(zip(times, patients["status"], strict=True)):
        _, marker, color = _STATUS[status]
        ax.plot(time, row, marker, ms=9, color=color, mec="white", mew=0.8, clip_on=False, zorder=4)
    for number, column in enumerate(events):
        months = pd.to_numeric(patients[column]).astype(float).to_numpy()
        style = {"color": _EVENT_COLORS[number % 4], "mec": INK, "mew": 0.7, "ms": 7}
        # Side by side, so that two events of one month are both seen.
        lines = rows + 0.3 * (number - (len(events) - 1) / 2)
        ax.plot(months, lines, MARKERS[(number + 1) % 8], ls="", zorder=3, **style)
    for number, (column, heading) in enumerate(columns.items()):
        offset = -_COLUMN_POINTS * (len(columns) - number) + 8
        _print_column(ax, patients[column], heading, offset)
    ax.set_yticks(rows, [plain(name) for name in patients[label]])
    ax.tick_params(axis="y", length=0, pad=_COLUMN_POINTS * len(columns) + 2)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ticks = month_ticks(times.max())
    ax.set_xticks(ticks)
    ax.set_xlim(0, max(times.max(), ticks.max()) * 1.03)
    ax.grid(axis="x")
    ax.set_xlabel(plain(xlabel))
    _above(ax, "Patient", -_COLUMN_POINTS * len(columns) - 4, "right")
    handles, names = _legend(patients["status"], events)
    name_handles(
        ax, handles, names, loc="upper center", bbox_to_anchor=(0.45, -0.5 / _inches(ax)), ncols=3
    )
    return ax


def _check(patients, label):
    lost = patients[patients["time_months"].isna()]
    if len(lost):
        raise ValueError(f"No follow-up time: patients {list(lost[label])}; leave them out.")
    odd = sorted({str(status) for status in patients["status"] if status not in _STATUS})
    if odd:
        raise ValueError(f"A status is one of {list(_STATUS)}; found {odd}.")


def _present(names, patients):
    return {column: name for column, name in names.items() if column in patients.columns}


def _print_column(ax, values, heading, offset):
    for row, value in enumerate(values):
        sign = "?" if pd.isna(value) else "●" if value else "○"
        ax.annotate(
            sign,
            (0, row),
            (offset, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=10,
            color=INK,
            annotation_clip=False,
        )
    _above(ax, heading, offset, "center")


def _above(ax, text, offset, side):
    ax.annotate(
        plain(text),
        (0, 1),
        (offset, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=9,
        color=FAINT,
        annotation_clip=False,
    )


def _legend(statuses, events):
    shape = {"ls": "", "ms": 8}
    handles = [
        Line2D([], [], marker=marker, color=color, **shape)
        for status, (_, marker, color) in _STATUS.items()
        if (statuses == status).any()
    ]
    names = [name for status, (name, *_) in _STATUS.items() if (statuses == status).any()]
    for number, name in enumerate(events.values()):
        color = _EVENT_COLORS[number % 4]
        marker = MARKERS[(number + 1) % 8]
        handles.append(Line2D([], [], marker=marker, color=color, mec=INK, mew=0.7, **shape))
        names.append(name)
    return handles, names


def _inches(ax):
    """Return the height of the axes, for a legend at a fixed distance below them."""
    return ax.get_position().height * ax.figure.get_size_inches()[1]
