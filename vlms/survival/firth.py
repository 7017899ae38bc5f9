"""Firth's penalised partial likelihood: finite hazard ratios from separated and small cohorts.

The penalty is half the log determinant of the information (Jeffreys' prior). It removes the
first-order bias and has a maximum where the partial likelihood itself keeps rising.

Why own code: firthmodels 0.7 has Breslow ties only, neither strata nor delayed entry, and stops at
a gradient of 10⁻⁴; where both apply the two agree, which a test holds.

Sources: Firth, Biometrika 1993;80:27; Heinze & Schemper, Biometrics 2001;57:114 (Cox);
Venzon & Moolgavkar, Appl Stat 1988;37:87 (profile-likelihood limits).
"""

import numpy as np
from scipy.optimize import brentq

from vlms.survival.newton import maximise

# Step of the differences, in ranges of the covariate.
DIFFERENCE = 1e-5


class FirthLikelihood:
    """The penalised log partial likelihood over a `PartialLikelihood`.

    Parameters
    ----------
    likelihood : vlms.survival.partial_likelihood.PartialLikelihood
    """

    def __init__(self, likelihood):
        self.likelihood = likelihood

    def value(self, beta):
        """Penalised log-likelihood, its slope and its curvature, as `maximise` wants them.

        The information is no stand-in for the curvature here: in a cohort of a few patients the
        penalty bends as much as the likelihood, and steps taken by the information alone go back
        and forth. The curvature comes from differences of the slope.
        """
        height, slope, information = self._slope(beta)
        if not np.isfinite(height):
            return height, slope, information
        curvature = np.empty_like(information)
        for column in range(beta.size):
            step = np.zeros(beta.size)
            step[column] = DIFFERENCE * max(1.0, abs(beta[column]))
            ahead, behind = self._slope(beta + step)[1], self._slope(beta - step)[1]
            curvature[column] = (behind - ahead) / (2 * step[column])
        curvature = (curvature + curvature.T) / 2
        if not np.isfinite(curvature).all() or np.linalg.eigvalsh(curvature)[0] <= 0:
            curvature = information
        return height, slope, curvature

    def _slope(self, beta):
        point = self.likelihood.evaluate(beta)
        nowhere = -np.inf, np.zeros(beta.size), np.eye(beta.size)
        if not np.isfinite(point.log_likelihood):
            return nowhere
        score, information = point.weighted()
        sign, log_determinant = np.linalg.slogdet(information)
        if sign <= 0 or not np.isfinite(log_determinant):
            return nowhere
        height = point.log_likelihood + log_determinant / 2
        return height, score + _penalty_slope(point, information) / 2, information


def _penalty_slope(point, information):
    """Slope of the log determinant: the trace of I⁻¹ ∂I/∂βₖ, a third central moment.

    With q = (x - x̄)' I⁻¹ (x - x̄), it is the sum over the tied terms of E[q (x - x̄)]. Expanded in
    powers of x̄ every piece is a sum over patterns or over terms, none over both.
    """
    likelihood, rows, mean = point.likelihood, point.likelihood.rows, point.mean
    inverse = np.linalg.inv(information)
    quadratic = ((inverse @ rows) * rows).sum(axis=0)
    turned = inverse @ mean
    met = point.risk * point.expected(point.hazard)
    cross = point.risk * (rows * point.expected(point.hazard * turned)).sum(axis=0)
    # hazard / weight is 1 / the sum of the risks: the term's mean of the quadratic form.
    mean_quadratic = likelihood.terms(point.risk * quadratic) * point.hazard / likelihood.weight
    pull = likelihood.weight * (2 * (turned * mean).sum(axis=0) - mean_quadratic)
    return rows @ (quadratic * met - 2 * cross) + mean @ pull


def profile(value, peak, which, *, drop):
    """Limits of one coefficient where its profile log-likelihood lies `drop` below the maximum.

    Parameters
    ----------
    value : callable
        The log-likelihood, as for `maximise`.
    peak : vlms.survival.newton.Maximum
        Its maximum.
    which : int
        Position of the coefficient.
    drop : float
        Half the chi-squared quantile (1.92 for 95 %).

    Returns
    -------
    lower, upper : float
        NaN where the profile never falls that far.
    """
    error = np.sqrt(np.linalg.inv(peak.information)[which, which])
    centre = peak.beta[which]
    near = {centre: peak.beta}

    def height(at):
        closest = near[min(near, key=lambda known: abs(known - at))].copy()
        closest[which] = at
        best = maximise(value, closest, held=[which])
        near[at] = best.beta
        return best.value - (peak.value - drop)

    limits = []
    for side in (-1, 1):
        inner, outer = centre, centre + side * error * np.sqrt(2 * drop)
        for _ in range(12):
            if height(outer) < 0:
                limits.append(brentq(height, inner, outer, xtol=1e-11, rtol=1e-12))
                break
            inner, outer = outer, centre + 2 * (outer - centre)
        else:
            limits.append(np.nan)
    return tuple(limits)


def likelihood_ratio(value, peak, which):
    """Twice the fall of the log-likelihood when one coefficient is held at 0.

    Parameters
    ----------
    value : callable
        The log-likelihood, as for `maximise`.
    peak : vlms.survival.newton.Maximum
        Its maximum.
    which : int
        Position of the coefficient.

    Returns
    -------
    float
        Chi-squared with one degree of freedom under the null hypothesis.
    """
    start = peak.beta.copy()
    start[which] = 0.0
    return max(0.0, 2 * (peak.value - maximise(value, start, held=[which]).value))
