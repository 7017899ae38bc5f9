"""The Cox partial likelihood: log-likelihood, score and information, ties, strata, delayed entry.

Why own code: lifelines 0.30 knows no start/stop times in its proportional hazards test (and has
R's old approximation there), returns 10⁷ for a separated covariate, gives no limit for it, and
takes a thousand times as long for a categorical covariate; firthmodels has Breslow ties only and
neither strata nor entry. One likelihood with all of it is shorter than the work round them.

Two ideas carry the module. Patients with the same covariates form one *pattern*, so a
categorical covariate needs only how many of each pattern are at risk and have the event at each
event time (the event table); where every patient is a pattern of their own, sums over risk sets
are differences of cumulative sums. And the sum over event times of a covariance within the risk
set is ``X' diag(E) X - Σ x̄ x̄'``, with E the expected events of each pattern, so that no matrix
per event time is ever stored.

Sources: Cox, J R Stat Soc B 1972;34:187; Breslow, Biometrics 1974;30:89; Efron, JASA
1977;72:557; Therneau & Grambsch, Modeling Survival Data, 2000, ch. 3 (ties) and 7.2 (robust).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

# With at most this many cells (event times × patterns) counts at risk are kept as one table:
# exact whole numbers, nothing lost by subtracting cumulative sums.
MOST_TABLE_CELLS = 250_000
MOST_TABLE_PATTERNS = 64
# The same with Efron's terms in place of event times, one for each event.
MOST_TERM_CELLS = 16_000_000


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
    checked : vlms.observations.Observations
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
    >>> from vlms.observations import observations
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


class PartialLikelihood:
    """The log partial likelihood of the covariates of each pattern.

    Parameters
    ----------
    sets : RiskSets
        Who is at risk when.
    covariates : ndarray, shape (k, p)
        One row a pattern, centred and scaled.
    ties : {"efron", "breslow"}
        How tied events enter.
    """

    def __init__(self, sets, covariates, ties):
        self.sets, self.rows = sets, np.ascontiguousarray(covariates.T)
        died = sets.died.astype(np.int64)
        # Without ties Efron's and Breslow's likelihoods are one, with a term an event time.
        self.tied = ties == "efron" and bool((died > 1).any())
        if self.tied:
            # Efron: the j-th of d tied events sees j/d of the tied patients already gone.
            self.at = np.repeat(np.arange(died.size), died)
            order = np.arange(self.at.size) - np.repeat(np.cumsum(died) - died, died)
            self.gone = order / died[self.at]
            self.weight = np.ones(self.at.size)
        else:
            self.weight = sets.died
        self.events = sets.spread_dead(np.ones(died.size))
        self.counts = self._count_terms()

    def evaluate(self, beta):
        """Evaluate at `beta`, shape (p,): a `Point`."""
        return Point(self, np.asarray(beta, dtype=float))

    def value(self, beta):
        """Log-likelihood, score and information at `beta`, as `maximise` wants them."""
        point = self.evaluate(beta)
        return point.log_likelihood, *point.weighted()

    def _count_terms(self):
        """At risk less those gone, of each pattern at each tied term, where that fits a table."""
        at_risk = self.sets.at_risk
        if not isinstance(at_risk, np.ndarray) or not self.tied:
            return at_risk if isinstance(at_risk, np.ndarray) else None
        if len(at_risk) * self.weight.size > MOST_TERM_CELLS:
            return None
        counts = at_risk[:, self.at]
        dead = self.sets.deaths.T.tocsr()
        for pattern in range(len(counts)):
            counts[pattern] -= self.gone * dead[[pattern]].toarray().ravel()[self.at]
        return counts

    def terms(self, values):
        """Risk-set sums of values of the patterns, shape (q, k), for each tied term."""
        if self.counts is not None:
            return values @ self.counts
        sums = self.sets.total(values)
        if self.tied:
            sums = sums[..., self.at] - self.gone * self.sets.total_dead(values)[..., self.at]
        return sums

    def by_time(self, values):
        """Sum values of the tied terms, shape (m,) or (q, m), within each event time."""
        if not self.tied:
            return values
        size = self.sets.died.size
        summed = [np.bincount(self.at, row, minlength=size) for row in np.atleast_2d(values)]
        return np.array(summed).reshape(*values.shape[:-1], size)


class Point:
    """The partial likelihood at one value of the coefficients.

    Attributes
    ----------
    log_likelihood : float
    risk : ndarray, shape (k,)
        Relative hazard of each pattern, up to a common factor.
    mean : ndarray, shape (p, m)
        Risk-weighted mean of the covariates, for each tied term.
    hazard : ndarray, shape (m,)
        Increment of the baseline hazard, for each tied term.
    """

    def __init__(self, likelihood, beta):
        self.likelihood, self.beta = likelihood, beta
        rows = likelihood.rows
        eta = beta @ rows
        eta = eta - eta.max(initial=-np.inf)
        self.risk = np.exp(eta)
        sums = likelihood.terms(np.vstack([self.risk, self.risk * rows]))
        with np.errstate(all="ignore"):
            # Far out, a whole risk set may underflow: the value is then -inf and refused.
            self.hazard = likelihood.weight / sums[0]
            self.mean = sums[1:] / sums[0]
            self.log_likelihood = float(
                likelihood.events @ eta - likelihood.weight @ np.log(sums[0])
            )
        if not (np.isfinite(self.log_likelihood) and np.isfinite(self.mean).all()):
            self.log_likelihood = -np.inf

    def expected(self, values):
        """Sum of values of the tied terms, shape (m,) or (q, m), that each pattern meets."""
        likelihood, sets = self.likelihood, self.likelihood.sets
        if likelihood.counts is not None:
            return values @ likelihood.counts.T
        met = sets.spread(likelihood.by_time(values))
        if likelihood.tied:
            met = met - sets.spread_dead(likelihood.by_time(likelihood.gone * values))
        return met

    def weighted(self, by=None):
        """Score and information, each event time weighted by `by`, shape (t,) (default 1)."""
        likelihood, rows = self.likelihood, self.likelihood.rows
        weight, hazard, events = likelihood.weight, self.hazard, likelihood.events
        if by is not None:
            here = by[likelihood.at] if likelihood.tied else by
            weight, hazard = weight * here, hazard * here
            events = likelihood.sets.spread_dead(by)
        score = rows @ events - self.mean @ weight
        information = (rows * (self.risk * self.expected(hazard))) @ rows.T
        information -= (self.mean * weight) @ self.mean.T
        return score, (information + information.T) / 2

    def score_residuals(self):
        """Each pattern's part of the score, shape (p, k); patterns must be single patients."""
        likelihood, rows = self.likelihood, self.likelihood.rows
        sets = likelihood.sets
        tied_mean = likelihood.by_time(likelihood.weight * self.mean) / sets.died
        observed = likelihood.events * rows - sets.spread_dead(tied_mean)
        met = self.expected(self.hazard) * rows - self.expected(self.hazard * self.mean)
        return observed - self.risk * met


@dataclass(frozen=True)
class Maximum:
    """Where a likelihood ends up.

    Attributes
    ----------
    beta : ndarray
    value : float
    information : ndarray
    rising : ndarray of bool
        The coefficients that still grow although the likelihood has stopped rising: it has no
        maximum there (monotone likelihood).
    converged : bool
    """

    beta: np.ndarray
    value: float
    information: np.ndarray
    rising: np.ndarray
    converged: bool


def maximise(value, start, *, known=None, held=(), most_steps=100):
    """Climb to the maximum by Newton-Raphson with step halving.

    Parameters
    ----------
    value : callable
        From the coefficients to (log-likelihood, score, information).
    start : ndarray, shape (p,)
    known : tuple, optional
        What `value` gives at the start, where that is known already.
    held : sequence of int
        Coefficients that stay at their starting value.
    most_steps : int
        Steps after which the search is given up.

    Returns
    -------
    Maximum

    Notes
    -----
    On a monotone likelihood Newton's steps settle at about one unit of the log hazard ratio
    while the likelihood no longer rises; on any other they shrink quadratically. That is what
    tells the two apart.

    Examples
    --------
    >>> peak = maximise(lambda b: (-(b[0] - 2) ** 2, 2 * (2 - b), np.array([[2.0]])), np.zeros(1))
    >>> peak.beta.tolist(), peak.converged
    ([2.0], True)
    """
    beta = np.array(start, dtype=float)
    free = np.setdiff1d(np.arange(beta.size), held)
    rising = np.zeros(beta.size, dtype=bool)
    now, score, information = value(beta) if known is None else known
    if free.size == 0:
        return Maximum(beta, now, information, rising, True)
    for _ in range(most_steps):
        step = _solve(information[np.ix_(free, free)], score[free])
        if step is None:
            return Maximum(beta, now, information, rising, False)
        scale = 1.0
        for _ in range(30):
            trial = beta.copy()
            trial[free] += scale * step
            new, new_score, new_information = value(trial)
            if new >= now - 1e-12 * (abs(now) + 1):
                break
            scale /= 2
        else:
            return Maximum(beta, now, information, rising, bool(np.abs(step).max() < 1e-6))
        gain = new - now
        beta, now, score, information = trial, new, new_score, new_information
        size = np.abs(scale * step)
        if size.max() < 1e-9:
            return Maximum(beta, now, information, rising, True)
        if gain < 1e-11 * (abs(now) + 1e-2) and size.max() > 1e-3:
            rising[free] = size > 1e-4
            return Maximum(beta, now, information, rising, False)
    return Maximum(beta, now, information, rising, False)


def _solve(information, score):
    try:
        step = np.linalg.solve(information, score)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None
