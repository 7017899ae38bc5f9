# shim: removed at integration
"""Checked observations: time, event, group and delayed entry, one element a patient.

Times that differ by rounding noise only are one time. The rule is that of R's `aeqSurv`
(package survival): neighbours among the sorted distinct times are tied when their difference, or
their difference over the mean time, is at most the square root of the machine epsilon.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vlms.survival.arguments import (
    SurvivalInputError,
    checked_event,
    checked_times,
    group_codes,
    refuse_rows,
)

TIE_TOLERANCE = float(np.sqrt(np.finfo(float).eps))
BLOCK = 1 << 15


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
    vlms.survival.counts.SurvivalInputError: time: negative in row 1 (-2.0). Times ...
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
        key = sorted_key(months, happened)
        noisy, meant = _noise_ties((key >> np.uint64(1)).view(float))
        if noisy.size:
            months = _replaced(months, noisy, meant)
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
    both = months if started is None else np.concatenate([months, started])
    noisy, meant = _noise_ties(np.sort(both))
    if not noisy.size:
        return months, started
    months = _replaced(months, noisy, meant)
    return months, None if started is None else _replaced(started, noisy, meant)


def packed_key(time, event):
    """Time and event as one integer each, which sorts by time, the event last among equals.

    A time is never negative, so the sign bit of its float is free: shifted out, it makes room for
    the event, and the bits of the rest sort as the times do.

    Parameters
    ----------
    time : ndarray of float
    event : ndarray of bool

    Returns
    -------
    ndarray of uint64
        ``key >> 1`` holds the bits of the time, ``key & 1`` the event.

    Examples
    --------
    >>> import numpy as np
    >>> key = packed_key(np.array([2.0, 1.0]), np.array([True, False]))
    >>> (key >> np.uint64(1)).view(float).tolist(), (key & np.uint64(1)).tolist()
    ([2.0, 1.0], [1, 0])
    """
    key = time.view(np.uint64) << np.uint64(1)
    key |= event
    return key


def sorted_key(time, event):
    """Sort times with their events: `packed_key`, ascending.

    Parameters
    ----------
    time : ndarray of float
    event : ndarray of bool

    Returns
    -------
    ndarray of uint64

    Examples
    --------
    >>> import numpy as np
    >>> key = sorted_key(np.array([2.0, 1.0]), np.array([True, False]))
    >>> (key >> np.uint64(1)).view(float).tolist()
    [1.0, 2.0]
    """
    key = packed_key(time, event)
    key.sort()
    return key


def _same_length(months, other, name):
    if other.size != months.size:
        raise SurvivalInputError(
            f"{name}: {other.size} values for {months.size} times. Take both from the same rows."
        )


def _is_whole(values):
    return all((block == np.floor(block)).all() for block in _blocks(values))


def _noise_ties(ascending):
    """Times that are another one but for noise, ascending, and the time that each is meant to be.

    `ascending` holds all times, repeated as they occur.
    """
    nothing = np.zeros(0), np.zeros(0)
    widest = TIE_TOLERANCE * max(1.0, float(ascending[-1]))
    near = (np.diff(block) for block in _blocks(ascending))
    if not any(gaps[gaps <= widest].any() for gaps in near):
        return nothing
    distinct = ascending[np.concatenate([[True], ascending[1:] > ascending[:-1]])]
    # aeqSurv: a gap is noise by itself, or relative to the mean of the distinct times.
    noise = TIE_TOLERANCE * max(1.0, float(distinct.mean()))
    tied = np.flatnonzero(np.diff(distinct) <= noise) + 1
    if not tied.size:
        return nothing
    # A run of ties takes the value that it begins with.
    first = tied[np.concatenate([[True], np.diff(tied) > 1])] - 1
    return distinct[tied], distinct[first[np.searchsorted(first, tied) - 1]]


def _replaced(values, noisy, meant):
    # By hashing: noise is rare, and a search would cost each of the other times a dozen steps.
    position = pd.Index(noisy).get_indexer(values)
    rows = np.flatnonzero(position >= 0)
    replaced = values.copy()
    replaced[rows] = meant[position[rows]]
    return replaced


def _blocks(values):
    """Pieces that stay in the processor's cache, each beginning with the last value before it."""
    for start in range(0, values.size, BLOCK):
        yield values[max(start - 1, 0) : start + BLOCK]
