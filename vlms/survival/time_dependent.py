"""What is known only later: landmark analysis, and covariates that change during follow-up.

Whoever is to have a recurrence must first live until it: comparing those who ever recurred with
those who never did compares the long-lived with the others (immortal time bias). Two ways out:
classify everyone at a landmark and restart the clock there, or let the covariate change at the
time it happens, in start/stop intervals for `vlms.survival.regression.cox(..., entry="entry")`.

Sources: Anderson, Cain & Gelber, J Clin Oncol 1983;1:710 (landmark); Therneau & Grambsch,
Modeling Survival Data, 2000, section 3.7 (start/stop intervals).
"""

from functools import partial

import numpy as np
import pandas as pd

from vlms.survival.arguments import SurvivalInputError, checked_times, refuse_rows
from vlms.survival.covariates import require_column
from vlms.survival.observations import observations


def at_landmark(frame, landmark, *, time="time", event="event", happened=None):
    """Keep the patients still under observation at a landmark and restart their clock there.

    Parameters
    ----------
    frame : DataFrame
        One row a patient.
    landmark : float
        Months after time zero.
    time, event : str
        Columns with the end of observation in months and whether it ended with the event.
    happened : dict of str to str, optional
        For each new column the column with the month of what it is about, for example
        ``{"recurred": "local_recurrence_months"}``: True when that month is not after the landmark.

    Returns
    -------
    DataFrame
        The rows with ``time > landmark``, `time` counted from the landmark, all other columns as
        they were. ``.attrs``: ``landmark, events_before, censored_before``.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        A landmark that is no time, an unknown column, an outcome without meaning.

    Notes
    -----
    Whoever ends exactly at the landmark is out: nothing of their follow-up lies after it.
    R: ``subset(transform(frame, time = time - landmark), time > 0)``.

    Examples
    --------
    >>> cohort = pd.DataFrame(
    ...     {"time": [5, 12, 30], "event": [True, True, False], "recurrence": [2, np.nan, 3]}
    ... )
    >>> at_landmark(cohort, 6, happened={"recurred": "recurrence"})
       time  event  recurrence  recurred
    1   6.0   True         NaN     False
    2  24.0  False         3.0      True
    """
    month = float(checked_times([landmark], "landmark")[0])
    require_column(frame, time, "time")
    require_column(frame, event, "event")
    checked = observations(frame[time], frame[event])
    kept = checked.time > month
    later = frame.loc[kept].copy()
    later[time] = checked.time[kept] - month
    for name, column in (happened or {}).items():
        at = _change_times(frame, column)[kept]
        later[name] = at <= month
    later.attrs = {
        **frame.attrs,
        "landmark": month,
        "events_before": int((~kept & checked.event).sum()),
        "censored_before": int((~kept & ~checked.event).sum()),
    }
    return later


def follow_up_intervals(frame, changes, *, patient="patient_id", time="time", event="event"):
    """Cut each patient's follow-up where a covariate changes.

    Parameters
    ----------
    frame : DataFrame
        One row a patient.
    changes : dict of str to str
        For each new column the column with the month from which it is True (blank: never), for
        example ``{"recurred": "local_recurrence_months"}``.
    patient, time, event : str
        Columns with the patient, the end of observation in months, and whether it ended with
        the event.

    Returns
    -------
    DataFrame
        One row an interval ``(entry, time]``: the patient's columns with `entry`, `time`, `event`
        and the new columns. The event stands in the last interval only. Ready for
        ``cox(intervals, ["recurred"], entry="entry", cluster="patient_id")``.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        A repeated patient, a change after the end of observation or before 0, a column name that
        is taken.

    Notes
    -----
    A change takes effect just after its month: an event in that month happened to a patient
    without it. R: ``tmerge(..., recurred = tdc(month))``.

    Examples
    --------
    >>> cohort = pd.DataFrame(
    ...     {"patient_id": ["a", "b"], "time": [10, 7], "event": [1, 0], "recurrence": [4, np.nan]}
    ... )
    >>> follow_up_intervals(cohort, {"recurred": "recurrence"})[
    ...     ["patient_id", "entry", "time", "event", "recurred"]
    ... ]
      patient_id  entry  time  event  recurred
    0          a    0.0   4.0  False     False
    1          a    4.0  10.0   True      True
    2          b    0.0   7.0  False     False
    """
    for name, role in ((patient, "patient"), (time, "time"), (event, "event")):
        require_column(frame, name, role)
    if taken := [name for name in ("entry", *changes) if name in frame.columns]:
        raise SurvivalInputError(
            f"changes: the frame already has the column {', '.join(taken)}. Rename it first."
        )
    checked = observations(frame[time], frame[event])
    refuse = partial(_refuse_patients, frame, patient)
    repeated = frame[patient].duplicated().to_numpy()
    refuse(repeated, patient, "repeated", "Pass one row a patient.")
    remedy = "Nobody is at risk during no time; leave such patients out knowingly."
    refuse(checked.time <= 0, time, "0", remedy)
    months = {}
    for name, column in changes.items():
        months[name] = _change_times(frame, column)
        after = np.isfinite(months[name]) & (months[name] > checked.time)
        remedy = "What is seen is seen under observation; correct one of the two."
        refuse(after, column, "after the end of observation", remedy)
    edges = np.column_stack([*months.values(), np.zeros(len(frame)), checked.time])
    edges.sort(axis=1)
    begin, end = edges[:, :-1], edges[:, 1:]
    row, cut = np.nonzero((end > begin) & (end <= checked.time[:, None]))
    begin, end = begin[row, cut], end[row, cut]
    intervals = frame.iloc[row].reset_index(drop=True)
    intervals[time] = end
    intervals[event] = checked.event[row] & (end == checked.time[row])
    intervals.insert(intervals.columns.get_loc(time), "entry", begin)
    for name, month in months.items():
        intervals[name] = month[row] <= begin
    return intervals


def check_intervals(
    frame,
    *,
    patient="patient_id",
    entry="entry",
    time="time",
    event="event",
    gaps=False,
    repeated=False,
):
    """Refuse start/stop intervals that do not make up a patient's follow-up.

    Parameters
    ----------
    frame : DataFrame
        One row an interval ``(entry, time]``.
    patient, entry, time, event : str
        Columns.
    gaps : bool
        Allow time between intervals during which the patient was not observed.
    repeated : bool
        Allow an event in an interval that is not the patient's last (recurrent events).

    Returns
    -------
    DataFrame
        `frame`, unchanged.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        Intervals that end before they begin, that are out of order, overlap or leave a gap, or
        an event before the last interval; each names patient and rows.

    Notes
    -----
    R: ``survcheck(Surv(entry, time, event) ~ 1, id = patient)``.

    Examples
    --------
    >>> intervals = pd.DataFrame(
    ...     {"patient_id": "a", "entry": [0, 3], "time": [4, 9], "event": [False, True]}
    ... )
    >>> check_intervals(intervals)
    Traceback (most recent call last):
        ...
    vlms.survival.arguments.SurvivalInputError: entry: patient 'a', rows 0 and 1: (0, 4] and (3, ...
    """
    for name, role in ((patient, "patient"), (entry, "entry"), (time, "time"), (event, "event")):
        require_column(frame, name, role)
    nameless = frame[patient].isna().to_numpy()
    refuse_rows(frame[patient], nameless, patient, "missing", "Every interval has a patient.")
    checked = observations(frame[time], frame[event], entry=frame[entry])
    code, names = pd.factorize(frame[patient])
    order = np.argsort(code, kind="stable")
    before, after = order[:-1], order[1:]
    same = code[before] == code[after]
    before, after = before[same], after[same]
    begin, end = checked.entry, checked.time

    def refuse(bad, column, wrong, remedy):
        found = np.flatnonzero(bad)
        if not found.size:
            return
        said = []
        for at in found[:3]:
            first, second = before[at], after[at]
            rows = f"rows {frame.index[first]} and {frame.index[second]}"
            pair = " and ".join(f"({begin[row]:g}, {end[row]:g}]" for row in (first, second))
            said.append(f"patient {names[code[first]]!r}, {rows}: {pair} {wrong}")
        more = f"; and {found.size - 3} more" if found.size > 3 else ""
        raise SurvivalInputError(f"{column}: {'; '.join(said)}{more}. {remedy}")

    refuse(begin[after] < begin[before], entry, "are out of order", "Sort by patient and entry.")
    refuse(begin[after] < end[before], entry, "overlap", "A patient is at risk once at a time.")
    if not gaps:
        remedy = "Fill it, or pass gaps=True where nobody watched the patient then."
        refuse(begin[after] > end[before], entry, "leave a gap", remedy)
    if not repeated:
        remedy = "Pass repeated=True for events that can happen again."
        refuse(checked.event[before], event, "follow one another after an event", remedy)
    return frame


def _change_times(frame, column):
    """Month of a change, infinite where it was never seen."""
    require_column(frame, column, "changes")
    values = frame[column]
    seen = values.notna().to_numpy()
    months = np.full(len(frame), np.inf)
    if seen.any():
        months[seen] = checked_times(values[seen], column)
    return months


def _refuse_patients(frame, patient, bad, column, wrong, remedy):
    rows = np.flatnonzero(bad)
    if not rows.size:
        return
    found = ", ".join(f"{frame[patient].iloc[row]!r} (row {frame.index[row]})" for row in rows[:5])
    more = f" and {rows.size - 5} more" if rows.size > 5 else ""
    raise SurvivalInputError(f"{column}: {wrong} for patient {found}{more}. {remedy}")
