"""Who is at risk and who has the event at each event time, with strata and delayed entry.

Patients with the same covariates form one *pattern*, so a categorical covariate needs only how
many of each pattern are at risk and have the event at each event time (the event table). Where
every patient is a pattern of their own and there are many, no such table is held: sums over risk
sets are then differences of cumulative sums.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

# With at most this many cells (event times × patterns) counts at risk are kept as one table:
# exact whole numbers, nothing lost by subtracting cumulative sums.
MOST_TABLE_CELLS = 250_000
MOST_TABLE_PATTERNS = 64


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk and who has the event at each event time of each stratum.

    Attributes
    ----------
    times : ndarray of float, shape (t,)
        Event times; ascending within a stratum, strata one after the other.
    at_risk : ndarray of float, shape (k, t), or _Intervals
        Number at risk of each pattern just before each event time.
    deaths : sparse array, shape (t, k)
        Events of each pattern at each event time.
    died : ndarray of float, shape (t,)
        Events at each event time.

    Notes
    -----
    Values run along the last axis, patterns and times alike: a million event times of two
    patterns are two long rows, which is what makes the sums over them fast.
    """

    times: np.ndarray
    at_risk: object
    deaths: sparse.csr_array
    died: np.ndarray = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "died", np.asarray(self.deaths.sum(axis=1)).ravel())

    def total(self, values):
        """Sum values of the patterns, shape (k,) or (q, k), over each risk set."""
        return values @ self.at_risk

    def spread(self, values):
        """Sum values of the event times, shape (t,) or (q, t), over the time each is at risk."""
        return values @ self.at_risk.T

    def total_dead(self, values):
        """Sum values of the patterns, shape (k,) or (q, k), over the events of each time."""
        return (self.deaths @ values.T).T

    def spread_dead(self, values):
        """Sum values of the event times, shape (t,) or (q, t), over each pattern's events."""
        return (self.deaths.T @ values.T).T


def risk_sets(checked, *, stratum=None, pattern=None, patterns=None):
    """Sort patients into risk sets.

    Parameters
    ----------
    checked : vlms.survival.observations.Observations
        Times, events and entry; its groups are not looked at.
    stratum : ndarray of int, shape (n,), optional
        Code of each patient's stratum.
    pattern : ndarray of int, shape (n,), optional
        Code of each patient's covariate pattern; by default every patient has their own.
    patterns : int, optional
        Number of patterns.

    Returns
    -------
    RiskSets

    Examples
    --------
    >>> from vlms.survival.observations import observations
    >>> sets = risk_sets(observations([1, 2, 3], [True, False, True]))
    >>> sets.times.tolist(), sets.at_risk.sum(axis=0).tolist()
    ([1.0, 3.0], [3.0, 1.0])
    """
    n = checked.time.size
    pattern = np.arange(n) if pattern is None else pattern
    patterns = n if patterns is None else patterns
    stratum = np.zeros(n, dtype=np.int64) if stratum is None else stratum
    every = checked.time if checked.entry is None else np.append(checked.time, checked.entry)
    distinct, rank = np.unique(every, return_inverse=True)
    begin = stratum * (distinct.size + 1)
    key = begin + rank[:n] + 1
    event_keys = np.unique(key[checked.event])
    last = np.searchsorted(event_keys, key, side="right") - 1
    entered = begin if checked.entry is None else begin + rank[n:] + 1
    first = np.searchsorted(event_keys, entered, side="right")
    shape = (event_keys.size, patterns)
    happened = np.flatnonzero(checked.event)
    deaths = sparse.csr_array(
        (np.ones(happened.size), (last[happened], pattern[happened])), shape=shape
    )
    deaths.sum_duplicates()
    intervals = _Intervals(first, last, pattern, shape)
    cells = shape[0] * shape[1]
    table = cells <= MOST_TABLE_CELLS or patterns <= MOST_TABLE_PATTERNS
    times = distinct[event_keys % (distinct.size + 1) - 1]
    return RiskSets(times, intervals.table() if table else intervals, deaths)


class _Intervals:
    """Numbers at risk as a linear map: pattern ↔ the run of event times it is at risk for."""

    # So that numpy hands ``values @ intervals`` over to __rmatmul__ below.
    __array_ufunc__ = None

    def __init__(self, first, last, pattern, shape):
        seen = np.flatnonzero(last >= first)
        one = np.ones(seen.size)
        self._ending = sparse.csr_array((one, (last[seen], pattern[seen])), shape=shape)
        late = seen[first[seen] > 0]
        self._entering = None
        if late.size:
            self._entering = sparse.csr_array(
                (np.ones(late.size), (first[late] - 1, pattern[late])), shape=shape
            )

    def table(self):
        """The numbers themselves, shape (patterns, times)."""
        return self._sum(self._ending.toarray(), lambda: self._entering.toarray()).T

    def __rmatmul__(self, values):
        return self._sum(self._ending @ values.T, lambda: self._entering @ values.T).T

    def _sum(self, ending, entering):
        at_risk = _sum_from_here(ending)
        return at_risk if self._entering is None else at_risk - _sum_from_here(entering())

    @property
    def T(self):  # noqa: N802
        return _Transposed(self._ending, self._entering)


@dataclass(frozen=True)
class _Transposed:
    ending: sparse.csr_array
    entering: sparse.csr_array | None

    __array_ufunc__ = None

    def __rmatmul__(self, values):
        upto = np.cumsum(values, axis=-1).T
        spread = self.ending.T @ upto
        return (spread if self.entering is None else spread - self.entering.T @ upto).T


def _sum_from_here(values):
    return np.cumsum(values[::-1], axis=0)[::-1]
