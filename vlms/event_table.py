"""Counts per distinct time: the common sufficient statistic of the survival estimators.

Everything that Kaplan-Meier, the log-rank test and a Cox model of a categorical covariate need to
know about a cohort is, group by group and time by time, how many are at risk, how many have the
event, and how many leave without it. This module checks what a caller hands over (times, event
indicator, groups, delayed entry), refuses what has no meaning, and counts once: whole numbers by
`numpy.bincount`, any other times by one sort of the times with the event packed into the key.

Times that differ by rounding noise only are one time. The rule is that of R's `aeqSurv`
(package survival): neighbours among the sorted distinct times are tied when their difference, or
their difference over the mean time, is at most the square root of the machine epsilon.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

TIE_TOLERANCE = float(np.sqrt(np.finfo(float).eps))
NO_GROUP = "all"
TABLE_COLUMNS = ["group", "time", "at_risk", "events", "censored"]
# Above this many cells a bincount over whole times would cost more than a sort.
MOST_CELLS = 1 << 22


class SurvivalInputError(ValueError):
    """What was handed to a survival function has no meaning there; the message says why."""


@dataclass(frozen=True)
class Observations:
    """Checked observations, one element a patient.

    Attributes
    ----------
    time : ndarray of float
        End of observation, in months; noise ties already merged.
    event : ndarray of bool
        Whether the observation ended with the event.
    code : ndarray of int
        Position of each patient's group in `labels`.
    labels : tuple
        The groups that occur, sorted, or in categorical order.
    entry : ndarray of float or None
        Time of delayed entry, or None when everyone is observed from 0.
    whole : bool
        Whether all times are whole numbers.
    ordered : tuple or None
        Time and event above with their sorted keys, kept from the search for noise ties.
    """

    time: np.ndarray
    event: np.ndarray
    code: np.ndarray
    labels: tuple
    entry: np.ndarray | None = None
    whole: bool = False
    ordered: tuple | None = None


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
    members = (
        [None] if groups == 1 else [np.flatnonzero(checked.code == code) for code in range(groups)]
    )
    top = int(min(checked.time.max(), MOST_CELLS)) + 1
    if checked.whole and 2 * groups * top <= min(MOST_CELLS, 64 * checked.time.size + 4096):
        counted = _count_whole(checked, top)
    else:
        counted = [_count_sorted(_key_of(checked, mine)) for mine in members]
    parts = []
    for (times, events, censored), mine in zip(counted, members, strict=True):
        entered = None
        if checked.entry is not None:
            entered = np.searchsorted(np.sort(_of(checked.entry, mine)), times, side="left")
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


def observations(time, event, group=None, *, entry=None):
    """Check what a caller handed over and bring it into arrays.

    Parameters
    ----------
    time, event, group, entry
        As `event_table`.

    Returns
    -------
    Observations
        Arrays of equal length; times equal but for rounding noise are merged.

    Raises
    ------
    SurvivalInputError
        Naming the argument and the first rows that are wrong.

    Examples
    --------
    >>> observations([1, 2], [True, False], ["b", "a"]).labels
    ('a', 'b')
    >>> observations([1, -2], [True, False])
    Traceback (most recent call last):
        ...
    vlms.event_table.SurvivalInputError: time: negative in row 1 (-2.0). Times ...
    """
    months = checked_times(time, "time")
    if months.size == 0:
        raise SurvivalInputError("time: there is not one observation. Pass at least one patient.")
    happened = checked_event(event)
    _same_length(months, happened, "event")
    code, labels = group_codes(group, months.size)
    started = None
    if entry is not None:
        started = checked_times(entry, "entry")
        _same_length(months, started, "entry")
        refuse_rows(
            entry,
            started >= months,
            "entry",
            "not before the time of that row",
            "A patient must enter before the observation ends; check for swapped columns.",
            started,
        )
    whole = _is_whole(months) and (started is None or _is_whole(started))
    ordered = None
    if not whole and started is None:
        key = _sorted_key(months, happened)
        if _has_noise((key >> np.uint64(1)).view(float)):
            months, _ = merge_noise(months)
        else:
            ordered = (months, happened, key)
    elif not whole:
        months, started = merge_noise(months, started)
    if started is not None:
        refuse_rows(
            entry,
            started >= months,
            "entry",
            "not before the time but for rounding noise",
            "A patient must enter before the observation ends.",
            started,
        )
    return Observations(months, happened, code, labels, started, whole, ordered)


def merge_noise(months, started=None):
    """Give times that differ by rounding noise only one value, as R's `aeqSurv` does.

    Parameters
    ----------
    months : ndarray of float
        Times.
    started : ndarray of float, optional
        Times of delayed entry, judged together with them.

    Returns
    -------
    (ndarray, ndarray or None)
        Both, each time of a tied run replaced by the first of the run.

    Examples
    --------
    >>> import numpy as np
    >>> merge_noise(np.array([0.3, 0.1 + 0.2]))[0].tolist()
    [0.3, 0.3]
    """
    both = np.sort(months if started is None else np.concatenate([months, started]))
    if not _has_noise(both):
        return months, started
    gaps = np.diff(both)
    distinct = both[np.concatenate([[True], gaps > 0])]
    gaps = np.diff(distinct)
    # A relative gap is measured against the mean of the distinct times, as aeqSurv does.
    tied = (gaps <= TIE_TOLERANCE) | (gaps <= TIE_TOLERANCE * distinct.mean())
    if not tied.any():
        return months, started
    starts = distinct[np.concatenate([[True], ~tied])]
    months = starts[np.searchsorted(starts, months, side="right") - 1]
    if started is not None:
        started = starts[np.searchsorted(starts, started, side="right") - 1]
    return months, started


def checked_times(values, name):
    """Return times as floats, or say which rows are no times.

    Parameters
    ----------
    values : array-like
        What the caller passed.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    ndarray of float
        Finite numbers, 0 or greater.

    Raises
    ------
    SurvivalInputError
        Text, dates, missing, infinite or negative times.

    Examples
    --------
    >>> checked_times([1, 2.5], "time")
    array([1. , 2.5])
    """
    array = one_dimensional(values, name)
    if array.dtype.kind == "b":
        raise SurvivalInputError(
            f"{describe(values, name)}: holds True/False, not numbers. Were time and event swapped?"
        )
    if array.dtype.kind not in "iuf":
        array = _object_numbers(values, array, name)
    # + 0.0 turns -0.0 into 0.0, so that the bits of a time sort as the time does.
    months = array.astype(float) + 0.0
    low, high = (months.min(), months.max()) if months.size else (0.0, 0.0)
    if not (low >= 0 and high < np.inf):
        refuse_rows(
            values,
            np.isnan(months),
            name,
            "missing",
            "Leave such patients out knowingly, or find the time.",
            months,
        )
        refuse_rows(
            values,
            months < 0,
            name,
            "negative",
            "Times run from 0 in months; check the dates behind them.",
            months,
        )
        refuse_rows(values, np.isinf(months), name, "infinite", "Give the last time seen.", months)
    return months


def checked_event(values, name="event"):
    """Return the event indicator as booleans, or say which rows are neither 0 nor 1.

    Parameters
    ----------
    values : array-like
        What the caller passed: booleans, or numbers 0 and 1.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    ndarray of bool
        True where the event happened.

    Raises
    ------
    SurvivalInputError
        Codes such as 1/2, text, missing values: nothing is guessed about who had the event.

    Examples
    --------
    >>> checked_event([1, 0, True])
    array([ True, False,  True])
    >>> checked_event([1, 2])
    Traceback (most recent call last):
        ...
    vlms.event_table.SurvivalInputError: event: neither 0/1 nor True/False in row 1 (2). Code ...
    """
    array = one_dimensional(values, name)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind in "iuf":
        happened = array == 1
        bad = ~(happened | (array == 0))
    else:
        happened = np.array([_is_true(value) for value in array], dtype=object)
        bad = np.array([value is None for value in happened], dtype=bool)
    if bad.any():
        refuse_rows(
            values,
            bad,
            name,
            "neither 0/1 nor True/False",
            "Code the event yourself, e.g. event = status == 2; 1/2 and text are not guessed.",
            array,
        )
    return happened.astype(bool)


def group_codes(group, n, name="group"):
    """Number the groups: a code for each patient and the labels in order.

    Parameters
    ----------
    group : array-like, shape (n,), or None
        Strings, numbers, booleans or a categorical.
    n : int
        Number of patients.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    code : ndarray of int, shape (n,)
    labels : tuple
        The groups that occur; a categorical's in its own order, all others sorted.

    Raises
    ------
    SurvivalInputError
        A missing group, or a length other than `n`.

    Examples
    --------
    >>> group_codes(["m", "f", "m"], 3)
    (array([1, 0, 1]), ('f', 'm'))
    """
    if group is None:
        return np.zeros(n, dtype=np.intp), (NO_GROUP,)
    values = (
        group if isinstance(group, pd.Series | pd.Categorical) else one_dimensional(group, name)
    )
    if len(values) != n:
        raise SurvivalInputError(
            f"{describe(group, name)}: {len(values)} values for {n} times. "
            "Take both from the same rows."
        )
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = pd.Categorical(values)
        code = np.asarray(values.codes, dtype=np.intp)
        labels = values.categories
    else:
        code, labels = pd.factorize(values)
    if (code < 0).any():
        refuse_rows(
            group,
            code < 0,
            name,
            "missing",
            "Leave such patients out knowingly, or give them a group of their own.",
        )
    if isinstance(values, pd.Categorical):
        order = np.arange(len(labels))
    else:
        order = sorted_positions(labels)
    present = order[np.bincount(code, minlength=len(labels))[order] > 0]
    rank = np.full(len(labels), -1, dtype=np.intp)
    rank[present] = np.arange(present.size)
    code = np.asarray(code, dtype=np.intp)
    # Nothing to renumber when the groups were met in their order already.
    in_order = bool((rank == np.arange(rank.size)).all())
    return code if in_order else rank[code], tuple(labels[position] for position in present)


def sorted_positions(labels):
    """Order in which group labels are listed: sorted, mixed kinds by kind and text.

    Parameters
    ----------
    labels : sequence
        Distinct labels.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> sorted_positions(["b", "a"]).tolist()
    [1, 0]
    """
    try:
        return np.argsort(np.asarray(labels), kind="stable")
    except TypeError:
        # Mixed kinds have no order of their own: by kind, then by how they print.
        keys = [(type(label).__name__, str(label)) for label in labels]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def one_dimensional(values, name):
    """Return values as an array of one dimension, numbers as numbers, everything else as objects.

    Parameters
    ----------
    values : array-like
        What the caller passed.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    SurvivalInputError
        A scalar, or more than one column.

    Examples
    --------
    >>> one_dimensional([1, 2], "time")
    array([1, 2])
    """
    if isinstance(values, pd.Series):
        plain = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
        array = values.to_numpy() if plain in "biuf" else values.to_numpy(dtype=object)
    elif isinstance(values, np.ndarray):
        array = values
    else:
        array = np.asarray(values if hasattr(values, "__len__") else list(np.atleast_1d(values)))
        if array.dtype.kind not in "biuf":
            array = np.array(list(values), dtype=object)
    if array.ndim != 1:
        raise SurvivalInputError(
            f"{name}: has {array.ndim} dimensions, shape {array.shape}. Pass one column."
        )
    return array


def describe(values, name):
    """Name an argument, with the column's own name where it has another one.

    Parameters
    ----------
    values : array-like
        What the caller passed.
    name : str
        Name of the argument.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> describe(pd.Series([1], name="months"), "time")
    'time (column "months")'
    """
    column = getattr(values, "name", None)
    return name if column is None or column == name else f'{name} (column "{column}")'


def refuse_rows(values, bad, name, wrong, remedy, shown=None):
    """Raise for the rows marked bad, naming the first of them; do nothing when there is none.

    Parameters
    ----------
    values : array-like
        What the caller passed; a Series gives its index as row names.
    bad : ndarray of bool
        The rows that are wrong.
    name, wrong, remedy : str
        The argument, what is wrong there, what to do.
    shown : ndarray, optional
        The values to show.

    Raises
    ------
    SurvivalInputError
        When any row is bad.

    Examples
    --------
    >>> import numpy as np
    >>> refuse_rows([1, 2], np.array([False, False]), "time", "negative", "Look again.")
    """
    rows = np.flatnonzero(bad)
    if rows.size == 0:
        return
    index = values.index if isinstance(values, pd.Series) else range(len(bad))
    found = [
        f"{index[row]}" + ("" if shown is None else f" ({_plain(shown[row])})") for row in rows[:5]
    ]
    more = f" and {rows.size - 5} more" if rows.size > 5 else ""
    noun = "row" if rows.size == 1 else "rows"
    raise SurvivalInputError(
        f"{describe(values, name)}: {wrong} in {noun} {', '.join(found)}{more}. {remedy}"
    )


def _plain(value):
    return repr(value.item() if isinstance(value, np.generic) else value)


def _same_length(months, other, name):
    if other.size != months.size:
        raise SurvivalInputError(
            f"{name}: {other.size} values for {months.size} times. Take both from the same rows."
        )


def _is_true(value):
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.number) and value in (0, 1):
        return value == 1
    return None


def _object_numbers(values, array, name):
    bad = np.array(
        [
            isinstance(value, bool | np.bool_)
            or not (value is None or value is pd.NA or isinstance(value, int | float | np.number))
            for value in array
        ],
        dtype=bool,
    )
    refuse_rows(values, bad, name, "not a number", "Times are numbers of months.", array)
    return pd.to_numeric(pd.Series(array, dtype=object), errors="coerce").to_numpy(dtype=float)


def _is_whole(values):
    # Continuous times betray themselves at once; only whole ones are looked at to the end.
    head = values[:1000]
    return bool((head == np.floor(head)).all()) and bool((values == np.floor(values)).all())


def _has_noise(ascending):
    """Whether two different times are near each other on the widest reading of aeqSurv's rule."""
    gaps = np.diff(ascending)
    near = gaps <= TIE_TOLERANCE * max(1.0, float(ascending[-1]))
    return bool((gaps[near] > 0).any())


def _of(array, members):
    return array if members is None else array.take(members)


def _count_whole(checked, top):
    groups = len(checked.labels)
    cell = checked.time.astype(np.int64)
    if groups > 1:
        cell += checked.code * top
    cell <<= 1
    cell += checked.event
    counts = np.bincount(cell, minlength=2 * groups * top).reshape(groups, top, 2)
    parts = []
    for own in counts:
        seen = np.flatnonzero(own.any(axis=1))
        parts.append((seen.astype(float), own[seen, 1], own[seen, 0]))
    return parts


def _sorted_key(time, event):
    # A time is never negative, so its sign bit is free: shifted out, it makes room for the event.
    return np.sort((time.view(np.uint64) << np.uint64(1)) | event)


def _key_of(checked, mine):
    if mine is None and checked.ordered is not None:
        time, event, key = checked.ordered
        if time is checked.time and event is checked.event:
            return key
    return _sorted_key(_of(checked.time, mine), _of(checked.event, mine))


def _count_sorted(key):
    happened = (key & np.uint64(1)).astype(np.int64)
    time = (key >> np.uint64(1)).view(float)
    starts = np.empty(key.size, dtype=bool)
    starts[:1] = True
    np.not_equal(time[1:], time[:-1], out=starts[1:])
    if starts.all():
        return time, happened, 1 - happened
    first = np.flatnonzero(starts)
    leaving = np.diff(np.append(first, key.size))
    events = np.add.reduceat(happened, first)
    return time.take(first), events, leaving - events
