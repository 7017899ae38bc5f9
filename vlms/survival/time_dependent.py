"""What is known only later: landmark analysis, and covariates that change during follow-up.

Whoever is to have a recurrence must first live until it: comparing those who ever recurred with
those who never did compares the long-lived with the others (immortal time bias). Two ways out:
classify everyone at a landmark and restart the clock there, or let the covariate change at the
time it happens, in start/stop intervals for `vlms.survival.regression.cox(..., entry="entry")`.

Sources: Anderson, Cain & Gelber, J Clin Oncol 1983;1:710 (landmark); Therneau & Grambsch,
Modeling Survival Data, 2000, section 3.7 (start/stop intervals).
"""

import numpy as np

from vlms.survival.counts import checked_times, observations, require_column


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
    >>> import pandas as pd
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


def _change_times(frame, column):
    """Month of a change, infinite where it was never seen."""
    require_column(frame, column, "changes")
    values = frame[column]
    seen = values.notna().to_numpy()
    months = np.full(len(frame), np.inf)
    if seen.any():
        months[seen] = checked_times(values[seen], column)
    return months
