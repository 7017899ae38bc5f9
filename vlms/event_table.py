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
    """

    time: np.ndarray
    event: np.ndarray
    code: np.ndarray
    labels: tuple
    entry: np.ndarray | None = None


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
    whole = _whole_times(checked)
    parts = []
    for code in range(len(checked.labels)):
        mine = slice(None) if len(checked.labels) == 1 else checked.code == code
        times, events, censored = (_count_whole if whole else _count_sorted)(
            checked.time[mine], checked.event[mine]
        )
        parts.append((times, events, censored, _entered(checked, mine, times)))
    return table_of_counts(checked.labels, parts)


def table_of_counts(labels, parts):
    """Put counts per group together into the frame that `event_table` returns.

    Parameters
    ----------
    labels : sequence
        The groups, in order.
    parts : sequence of (times, events, censored, entered)
        Arrays for each group: distinct times, counts at each, and how many entered before each
        (None: everyone).

    Returns
    -------
    DataFrame
        As `event_table`.

    Examples
    --------
    >>> import numpy as np
    >>> table_of_counts(["a"], [(np.array([1.0]), np.array([2]), np.array([1]), None)])
      group  time  at_risk  events  censored
    0     a   1.0        3       2         1
    """
    at_risk = []
    for _, events, censored, entered in parts:
        leaving = events + censored
        left_before = np.cumsum(leaving) - leaving
        at_risk.append((leaving.sum() if entered is None else entered) - left_before)
    return pd.DataFrame(
        {
            "group": repeat_labels(labels, [len(part[0]) for part in parts]),
            "time": np.concatenate([part[0] for part in parts]),
            "at_risk": np.concatenate(at_risk).astype(np.int64, copy=False),
            "events": np.concatenate([part[1] for part in parts]).astype(np.int64, copy=False),
            "censored": np.concatenate([part[2] for part in parts]).astype(np.int64, copy=False),
        }
    )


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
    return Observations(months, happened, code, labels, started)


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
    both = months if started is None else np.concatenate([months, started])
    if _is_whole(both):
        return months, started
    distinct = np.unique(both)
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
    present = order[np.isin(order, np.unique(code))]
    rank = np.full(len(labels), -1, dtype=np.intp)
    rank[present] = np.arange(present.size)
    return rank[code], tuple(labels[position] for position in present)


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
    return bool((values == np.floor(values)).all())


def _whole_times(checked):
    top = checked.time.max()
    return top < min(MOST_CELLS, 64 * checked.time.size + 1024) and _is_whole(checked.time)


def _count_whole(time, event):
    cell = time.astype(np.int64)
    cell <<= 1
    cell += event
    counts = np.bincount(cell)
    if counts.size % 2:
        counts = np.append(counts, 0)
    counts = counts.reshape(-1, 2)
    seen = np.flatnonzero(counts.any(axis=1))
    return seen.astype(float), counts[seen, 1], counts[seen, 0]


def _count_sorted(time, event):
    # A time is never negative, so its sign bit is free: shifted out, it makes room for the event.
    key = np.sort((time.view(np.uint64) << np.uint64(1)) | event)
    bits = key >> np.uint64(1)
    first = np.flatnonzero(np.concatenate([[True], bits[1:] != bits[:-1]]))
    leaving = np.diff(np.append(first, key.size))
    events = np.add.reduceat((key & np.uint64(1)).astype(np.int64), first)
    return bits[first].view(float), events, leaving - events


def _entered(checked, mine, times):
    if checked.entry is None:
        return None
    return np.searchsorted(np.sort(checked.entry[mine]), times, side="left")
