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


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk and who has the event at each event time of each stratum.

    Attributes
    ----------
    times : ndarray of float, shape (t,)
        Event times; ascending within a stratum, strata one after the other.
    at_risk : ndarray of float, shape (t, k), or _Intervals
        Number at risk of each pattern just before each event time.
    deaths : sparse array, shape (t, k)
        Events of each pattern at each event time.
    """

    times: np.ndarray
    at_risk: object
    deaths: sparse.csr_array
    died: np.ndarray = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "died", np.asarray(self.deaths.sum(axis=1)).ravel())

    def total(self, values):
        """Sum values of the patterns, shape (k,) or (k, q), over each risk set."""
        return self.at_risk @ values

    def spread(self, values):
        """Sum values of the event times, shape (t,) or (t, q), over the time each is at risk."""
        return self.at_risk.T @ values


def risk_sets(checked, *, stratum=None, pattern=None, patterns=None):
    """Sort patients into risk sets.

    Parameters
    ----------
    checked : vlms.event_table.Observations
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
    >>> from vlms.event_table import observations
    >>> sets = risk_sets(observations([1, 2, 3], [True, False, True]))
    >>> sets.times.tolist(), sets.at_risk.sum(axis=1).tolist()
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

    def __init__(self, first, last, pattern, shape):
        seen = np.flatnonzero(last >= first)
        self.first, self.last, self.pattern = first[seen], last[seen], pattern[seen]
        self.shape = shape
        one = np.ones(seen.size)
        self._ending = sparse.csr_array((one, (self.last, self.pattern)), shape=shape)
        late = self.first > 0
        self._entering = sparse.csr_array(
            (one[late], (self.first[late] - 1, self.pattern[late])), shape=shape
        )
        self._late = bool(late.any())

    def table(self):
        at_risk = _sum_from_here(self._ending.toarray())
        return at_risk - _sum_from_here(self._entering.toarray()) if self._late else at_risk

    def __matmul__(self, values):
        at_risk = _sum_from_here(self._ending @ values)
        return at_risk - _sum_from_here(self._entering @ values) if self._late else at_risk

    @property
    def T(self):  # noqa: N802
        return _Transposed(self)


class _Transposed:
    def __init__(self, intervals):
        self.intervals = intervals

    def __matmul__(self, values):
        upto = np.cumsum(values, axis=0)
        mine = self.intervals
        spread = mine._ending.T @ upto
        return spread - mine._entering.T @ upto if mine._late else spread


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
        self.sets, self.covariates, self.ties = sets, covariates, ties
        died = sets.died.astype(np.int64)
        if ties == "efron":
            # Efron: the j-th of d tied events sees j/d of the tied patients already gone.
            self.at = np.repeat(np.arange(died.size), died)
            order = np.arange(self.at.size) - np.repeat(np.cumsum(died) - died, died)
            self.gone = order / died[self.at]
            self.weight = np.ones(self.at.size)
        else:
            self.at = np.arange(died.size)
            self.gone = np.zeros(died.size)
            self.weight = died.astype(float)
        self.tied = bool(self.gone.any())
        self.events = np.asarray(sets.deaths.sum(axis=0)).ravel()

    def evaluate(self, beta):
        """Evaluate at `beta`, shape (p,): a `Point`."""
        return Point(self, np.asarray(beta, dtype=float))

    def value(self, beta):
        """Log-likelihood, score and information at `beta`, as `maximise` wants them."""
        point = self.evaluate(beta)
        score, information = point.weighted()
        return point.log_likelihood, score, information

    def by_time(self, values):
        """Sum values of the tied terms, shape (m,) or (m, q), within each event time."""
        size = self.sets.died.size
        if values.ndim == 1:
            return np.bincount(self.at, values, minlength=size)
        columns = [np.bincount(self.at, column, minlength=size) for column in values.T]
        return np.stack(columns, axis=1)


class Point:
    """The partial likelihood at one value of the coefficients.

    Attributes
    ----------
    log_likelihood : float
    risk : ndarray, shape (k,)
        Relative hazard of each pattern, up to a common factor.
    mean : ndarray, shape (m, p)
        Risk-weighted mean of the covariates, for each tied term.
    hazard : ndarray, shape (m,)
        Increment of the baseline hazard, for each tied term.
    """

    def __init__(self, likelihood, beta):
        self.likelihood, self.beta = likelihood, beta
        sets, covariates = likelihood.sets, likelihood.covariates
        eta = covariates @ beta
        eta = eta - eta.max(initial=-np.inf)
        self.risk = np.exp(eta)
        weighted = np.column_stack([self.risk, self.risk[:, None] * covariates])
        sums = sets.total(weighted)
        if likelihood.tied:
            died = sets.deaths @ weighted
            sums = sums[likelihood.at] - likelihood.gone[:, None] * died[likelihood.at]
        elif likelihood.ties == "efron":
            sums = sums[likelihood.at]
        with np.errstate(all="ignore"):
            # Far out, a whole risk set may underflow: the value is then -inf and refused.
            self.mean = sums[:, 1:] / sums[:, :1]
            self.hazard = likelihood.weight / sums[:, 0]
            self.log_likelihood = float(
                likelihood.events @ eta - likelihood.weight @ np.log(sums[:, 0])
            )
        if not np.isfinite(self.mean).all():
            self.log_likelihood = -np.inf

    def expected(self, values):
        """Sum of values of the tied terms times the hazard each pattern meets at them."""
        likelihood, sets = self.likelihood, self.likelihood.sets
        spread = sets.spread(likelihood.by_time(values))
        if likelihood.tied:
            gone = likelihood.gone if values.ndim == 1 else likelihood.gone[:, None]
            spread = spread - sets.deaths.T @ likelihood.by_time(gone * values)
        return spread

    def weighted(self, by=None):
        """Score and information, each event time weighted by `by`, shape (t,) (default 1)."""
        likelihood, covariates = self.likelihood, self.likelihood.covariates
        if by is None:
            weight, hazard, events = likelihood.weight, self.hazard, likelihood.events
        else:
            here = by[likelihood.at]
            weight, hazard = likelihood.weight * here, self.hazard * here
            events = likelihood.sets.deaths.T @ by
        score = events @ covariates - weight @ self.mean
        expected = self.risk * self.expected(hazard)
        information = (covariates.T * expected) @ covariates
        information -= (self.mean.T * weight) @ self.mean
        return score, (information + information.T) / 2

    def score_residuals(self):
        """Each pattern's part of the score, shape (k, p); patterns must be single patients."""
        likelihood, covariates = self.likelihood, self.likelihood.covariates
        died = likelihood.sets.died
        tied_mean = likelihood.by_time(likelihood.weight[:, None] * self.mean) / died[:, None]
        observed = likelihood.events[:, None] * covariates - likelihood.sets.deaths.T @ tied_mean
        met = self.expected(self.hazard)[:, None] * covariates
        met -= self.expected(self.hazard[:, None] * self.mean)
        return observed - self.risk[:, None] * met


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


def maximise(value, start, *, held=(), most_steps=100):
    """Climb to the maximum by Newton-Raphson with step halving.

    Parameters
    ----------
    value : callable
        From the coefficients to (log-likelihood, score, information).
    start : ndarray, shape (p,)
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
    now, score, information = value(beta)
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
