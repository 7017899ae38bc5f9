# shim: removed at integration
"""Counts per distinct time: the common sufficient statistic of the survival estimators.

Everything that Kaplan-Meier, the log-rank test and a Cox model of a categorical covariate need to
know about a cohort is, group by group and time by time, how many are at risk, how many have the
event, and how many leave without it. Whole times are counted by one `numpy.bincount`, any other
times by one sort with the event packed into the key; numbers at risk are cumulative sums.
"""

import numpy as np
import pandas as pd

from vlms.survival.arguments import (
    SurvivalInputError,
    checked_event,
    checked_times,
    describe,
    group_codes,
    one_dimensional,
    refuse_rows,
    sorted_positions,
)
from vlms.survival.observations import (
    BLOCK,
    Observations,
    merge_noise,
    observations,
    packed_key,
    sorted_key,
)

# Who counts also checks: those names can be had from here too.
__all__ = [
    "Observations",
    "SurvivalInputError",
    "at_risk_before",
    "checked_event",
    "checked_times",
    "count_events",
    "count_groups",
    "describe",
    "event_table",
    "group_codes",
    "group_slices",
    "joined",
    "merge_noise",
    "observations",
    "one_dimensional",
    "parts_of_table",
    "refuse_rows",
    "repeat_labels",
    "sorted_positions",
    "table_of_counts",
]

TABLE_COLUMNS = ["group", "time", "at_risk", "events", "censored"]
# Above this many cells a bincount over whole times would cost more than a sort.
MOST_CELLS = 1 << 22


def event_table(time, event, group=None, *, entry=None):
    """Count events and censorings at each distinct time, group by group.

    Parameters
    ----------
    time : array-like of float, shape (n,)
        End of observation, in months, 0 or later.
    event : array-like of bool, shape (n,)
        True (or 1) where the observation ended with the event, False (or 0) where it was censored.
    group : array-like, shape (n,), optional
        Group of each patient. Without it there is one group, ``"all"``.
    entry : array-like of float, shape (n,), optional
        Delayed entry: a patient is at risk at t when ``entry < t <= time``.

    Returns
    -------
    DataFrame
        ``group, time, at_risk, events, censored``, one row each distinct time of each group;
        ``at_risk`` is the number just before the time. Groups are sorted (categories keep their
        order), times ascend.

    Raises
    ------
    SurvivalInputError
        For times that are negative or missing, an event that is not 0/1, unequal lengths.

    Notes
    -----
    R: ``survfit(Surv(time, event) ~ group)[c("time", "n.risk", "n.event", "n.censor")]``.

    Examples
    --------
    >>> event_table([2, 3, 3, 5], [True, True, False, False])
      group  time  at_risk  events  censored
    0   all   2.0        4       1         0
    1   all   3.0        3       1         1
    2   all   5.0        1       0         1
    """
    return count_events(observations(time, event, group, entry=entry))


def count_events(checked):
    """Count as `event_table` does, from observations that are already checked.

    Parameters
    ----------
    checked : Observations
        What `observations` returned.

    Returns
    -------
    DataFrame
        As `event_table`.

    Examples
    --------
    >>> count_events(observations([1, 2], [1, 0]))["at_risk"].tolist()
    [2, 1]
    """
    return table_of_counts(checked.labels, count_groups(checked))


def count_groups(checked):
    """Count as `event_table` does, but leave the counts in arrays.

    Parameters
    ----------
    checked : Observations
        What `observations` returned.

    Returns
    -------
    list of (time, at_risk, events, censored)
        Arrays, one tuple a group; empty ones for a group without patients.

    Examples
    --------
    >>> [counts.tolist() for counts in count_groups(observations([1, 2], [1, 0]))[0]]
    [[1.0, 2.0], [2, 1], [1, 0], [0, 1]]
    """
    groups = len(checked.labels)
    top = int(min(checked.time.max(), MOST_CELLS)) + 1
    if checked.whole and 2 * groups * top <= min(MOST_CELLS, 64 * checked.time.size + 4096):
        counted = _count_whole(checked, top)
    else:
        counted = [_count_sorted(key) for key in _sorted_keys(checked)]
    parts = []
    for code, (times, events, censored) in enumerate(counted):
        entered = None
        if checked.entry is not None:
            started = checked.entry if groups == 1 else checked.entry[checked.code == code]
            entered = np.searchsorted(np.sort(started), times, side="left")
        parts.append((times, at_risk_before(events, censored, entered), events, censored))
    return parts


def at_risk_before(events, censored, entered=None):
    """Number at risk just before each time, from the counts at the times.

    Parameters
    ----------
    events, censored : ndarray of int
        Who leaves at each time, in order of time.
    entered : ndarray of int, optional
        How many had entered before each time; everyone, when not given.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> import numpy as np
    >>> at_risk_before(np.array([1, 0]), np.array([1, 1])).tolist()
    [3, 1]
    """
    leaving = events + censored
    left = np.cumsum(leaving)
    present = (left[-1] if left.size else 0) if entered is None else entered
    leaving -= left
    leaving += present
    return leaving


def table_of_counts(labels, parts):
    """Put counts per group together into the frame that `event_table` returns.

    Parameters
    ----------
    labels : sequence
        The groups, in order.
    parts : sequence of (time, at_risk, events, censored)
        As `count_groups` returns them.

    Returns
    -------
    DataFrame
        As `event_table`.

    Examples
    --------
    >>> table_of_counts(["a"], count_groups(observations([1, 1], [1, 0])))
      group  time  at_risk  events  censored
    0     a   1.0        2       1         1
    """
    columns = {"group": repeat_labels(labels, [len(part[0]) for part in parts])}
    for name, arrays in zip(TABLE_COLUMNS[1:], zip(*parts, strict=True), strict=True):
        columns[name] = joined(arrays)
    return pd.DataFrame(columns, copy=False)


def joined(arrays):
    """Put arrays end to end, without copying a single one.

    Parameters
    ----------
    arrays : sequence of ndarray

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> joined([np.array([1]), np.array([2])]).tolist()
    [1, 2]
    """
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def group_slices(frame):
    """Cut a frame sorted by group into its groups.

    Parameters
    ----------
    frame : DataFrame
        An event table or a curve, each group's rows together.

    Returns
    -------
    list of (label, slice)

    Examples
    --------
    >>> group_slices(event_table([1, 1], [1, 0], ["a", "b"]))
    [('a', slice(0, 1, None)), ('b', slice(1, 2, None))]
    """
    labels = frame["group"].to_numpy()
    if not labels.size:
        return []
    edges = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1], [True]]))
    return [
        (labels[start], slice(int(start), int(stop)))
        for start, stop in zip(edges[:-1], edges[1:], strict=True)
    ]


def parts_of_table(table):
    """Take an event table apart again.

    Parameters
    ----------
    table : DataFrame
        As `event_table` returns it.

    Returns
    -------
    labels : list
    parts : list of (time, at_risk, events, censored)

    Raises
    ------
    SurvivalInputError
        For a missing column or a table without rows.

    Examples
    --------
    >>> parts_of_table(event_table([1, 1], [1, 0]))[0]
    ['all']
    """
    missing = [name for name in TABLE_COLUMNS if name not in getattr(table, "columns", ())]
    if missing or not len(table):
        raise SurvivalInputError(
            f"table: lacks {missing or 'any row'}. Pass what event_table returned."
        )
    arrays = [table[name].to_numpy() for name in TABLE_COLUMNS[1:]]
    slices = group_slices(table)
    return [label for label, _ in slices], [
        tuple(array[rows] for array in arrays) for _, rows in slices
    ]


def repeat_labels(labels, lengths):
    """Repeat each group label over its rows, keeping plain values (no categorical).

    Parameters
    ----------
    labels : sequence
        The groups, in order.
    lengths : sequence of int
        Rows of each group.

    Returns
    -------
    ndarray
        Labels, one element a row.

    Examples
    --------
    >>> repeat_labels(["a", "b"], [1, 2]).tolist()
    ['a', 'b', 'b']
    """
    values = pd.Index(list(labels)).to_numpy()
    if len(values) == 1:
        rows = np.empty(lengths[0], dtype=values.dtype)
        rows.fill(values[0])
        return rows
    return np.repeat(values, lengths)


def _count_whole(checked, top):
    groups = len(checked.labels)
    cells = 2 * groups * top
    counts = np.zeros(cells, dtype=np.int64)
    # A block at a time, so that the cell numbers never leave the processor's cache.
    block = max(BLOCK, cells)
    for start in range(0, checked.time.size, block):
        rows = slice(start, start + block)
        cell = checked.time[rows].astype(np.int64)
        if groups > 1:
            cell += checked.code[rows] * top
        cell <<= 1
        cell += checked.event[rows]
        counts += np.bincount(cell, minlength=cells)
    counts = counts.reshape(groups, top, 2)
    parts = []
    for own in counts:
        seen = np.flatnonzero(own.any(axis=1))
        parts.append((seen.astype(float), own[seen, 1], own[seen, 0]))
    return parts


def _sorted_keys(checked):
    """Times with their events, sorted within each group."""
    if len(checked.labels) > 1:
        key = packed_key(checked.time, checked.event)
        return [np.sort(key[checked.code == code]) for code in range(len(checked.labels))]
    if checked.ordered is not None:
        time, event, key = checked.ordered
        if time is checked.time and event is checked.event:
            return [key]
    return [sorted_key(checked.time, checked.event)]


def _count_sorted(key):
    happened = (key & np.uint64(1)).view(np.int64)
    time = (key >> np.uint64(1)).view(float)
    starts = np.empty(key.size, dtype=bool)
    starts[:1] = True
    np.not_equal(time[1:], time[:-1], out=starts[1:])
    if starts.all():
        return time, happened, 1 - happened
    first = np.flatnonzero(starts)
    events = np.add.reduceat(happened, first)
    # Who leaves at a time and is no event; in place, since fresh memory is what takes time here.
    censored = np.empty_like(first)
    np.subtract(first[1:], first[:-1], out=censored[:-1])
    censored[-1] = key.size - first[-1]
    censored -= events
    return time.take(first), events, censored
