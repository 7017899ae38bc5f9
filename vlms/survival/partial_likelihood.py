"""The Cox partial likelihood: log-likelihood, score and information, ties, strata, delayed entry.

Why own code: lifelines 0.30 knows no start/stop times in its proportional hazards test (and has
R's old approximation there), returns 10⁷ for a separated covariate, gives no limit for it, and
takes a thousand times as long for a categorical covariate; firthmodels has Breslow ties only and
neither strata nor entry. One likelihood with all of it is shorter than the work round them.

The sum over event times of a covariance within the risk set is ``X' diag(E) X - Σ x̄ x̄'``, with
E the expected events of each pattern, so that no matrix per event time is ever stored.

Sources: Cox, J R Stat Soc B 1972;34:187; Breslow, Biometrics 1974;30:89; Efron, JASA
1977;72:557; Therneau & Grambsch, Modeling Survival Data, 2000, ch. 3 (ties) and 7.2 (robust).
"""

import numpy as np

# With at most this many cells (patterns × events) Efron's terms are kept as one table.
MOST_TERM_CELLS = 16_000_000
# Log relative hazards that lie further below the highest one are out of bounds.
LOWEST = -500.0


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
        if point.log_likelihood == -np.inf:
            return -np.inf, np.zeros(len(self.rows)), np.eye(len(self.rows))
        return point.log_likelihood, *point.weighted()

    def _count_terms(self):
        """At risk less those gone, of each pattern at each tied term, where that fits a table."""
        at_risk = self.sets.at_risk
        if not isinstance(at_risk, np.ndarray) or not self.tied:
            return at_risk if isinstance(at_risk, np.ndarray) else None
        if len(at_risk) * self.weight.size > MOST_TERM_CELLS:
            return None
        counts = at_risk.take(self.at, axis=1)
        dead = self.sets.deaths.T.tocsr()
        for pattern in range(len(counts)):
            counts[pattern] -= self.gone * dead[[pattern]].toarray().ravel().take(self.at)
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
            # In place: fresh memory for a million terms takes longer than the arithmetic.
            self.hazard, self.mean = likelihood.weight / sums[0], sums[1:]
            self.mean /= sums[0]
            log_sums = np.log(sums[0], out=sums[0])
            self.log_likelihood = float(likelihood.events @ eta - likelihood.weight @ log_sums)
        # Far out a whole risk set has no weight that numbers could hold: no place to stand on.
        if eta.min(initial=0.0) < LOWEST or not np.isfinite(self.log_likelihood):
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
