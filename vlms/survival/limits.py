"""Pointwise confidence limits of a survival curve.

Sources: Greenwood 1926; Kalbfleisch and Prentice 2002 (log-log); Fay, Brittain and Proschan 2013
and Fay and Brittain 2016 (beta product, for small cohorts). Own code, because lifelines has
neither R's plain and log limits nor the beta product.
"""

import numpy as np
from scipy import special

from vlms.survival.arguments import SurvivalInputError, check_number

INTERVALS = ("plain", "log", "log-log", "beta-product", "beta-product-mid-p")


def check_interval(interval, confidence):
    """Refuse an unknown kind of interval or a confidence level that is no share.

    Parameters
    ----------
    interval : str
        One of `INTERVALS`.
    confidence : float
        Confidence level, 0-1.

    Raises
    ------
    SurvivalInputError

    Examples
    --------
    >>> check_interval("log-log", 95)
    Traceback (most recent call last):
        ...
    vlms...SurvivalInputError: confidence: 95 is not a number between 0 and 1. Write ...
    """
    if interval not in INTERVALS:
        raise SurvivalInputError(f"interval: {interval!r} is unknown. Use one of {INTERVALS}.")
    check_number(confidence, "confidence", 0, 1, "Write 95% as 0.95.")


def normal_limits(survival, spread, interval, confidence):
    """Limits from the normal distribution, on the asked scale.

    Parameters
    ----------
    survival : ndarray of float
        S at each event time.
    spread : ndarray of float
        Standard error of log S there: the root of Greenwood's sum.
    interval : {"plain", "log", "log-log"}
        Scale on which the limits are symmetric. Plain limits are cut off at 0 and 1, log ones at 1.
    confidence : float
        Confidence level, 0-1.

    Returns
    -------
    (ndarray, ndarray)
        Lower and upper limits; meaningless where S is 0.

    Notes
    -----
    R: ``survfit(..., conf.type = "log-log")``.

    Examples
    --------
    >>> import numpy as np
    >>> [limit.round(4).tolist() for limit in
    ...  normal_limits(np.array([0.8]), np.array([0.05 ** 0.5]), "log-log", 0.95)]
    [[0.2038], [0.9692]]
    """
    reach = special.ndtri(1 - (1 - confidence) / 2) * spread
    if interval == "plain":
        reach *= survival
        lower, upper = np.maximum(survival - reach, 0), np.minimum(survival + reach, 1)
    elif interval == "log":
        reach = np.exp(reach)
        lower, upper = survival / reach, np.minimum(survival * reach, 1)
    else:
        # In place: with a million event times fresh memory costs as much as the arithmetic.
        log_survival = np.log(survival)
        # exp(-exp(log(-log S) -+ reach)) with reach below 0, so that the lower limit comes first
        reach /= log_survival
        factor = np.exp(reach, out=reach)
        lower = log_survival / factor
        np.exp(lower, out=lower)
        log_survival *= factor
        upper = np.exp(log_survival, out=log_survival)
    return lower, upper


def beta_product_limits(at_risk, events, censored, interval, confidence):
    """Limits of Fay, Brittain and Proschan 2013: S(t) as a product of beta variables.

    The upper limit multiplies Beta(n - d + 1, d) over the event times; the lower one has one more
    factor, Beta(m, 1), for the m still at risk: the next death might come at once. A product is
    replaced by the beta variable with the same first two moments, exactly right without censoring.

    Parameters
    ----------
    at_risk, events, censored : ndarray of int
        Counts at each distinct time, the first of which may be 0.
    interval : {"beta-product", "beta-product-mid-p"}
        The mid-p limits take quantiles of an even mixture of both distributions
        (Fay and Brittain 2016).
    confidence : float
        Confidence level, 0-1.

    Returns
    -------
    (ndarray, ndarray)
        Lower and upper limits from each time up to the next.

    Notes
    -----
    R: ``bpcp::bpcp(time, event)``.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([4, 3]), np.array([1, 1]), np.array([0, 0])
    >>> [limit.round(4).tolist() for limit in beta_product_limits(*counts, "beta-product", 0.95)]
    [[0.1941, 0.0676], [0.9937, 0.9324]]
    """
    tail = (1 - confidence) / 2
    n, left = at_risk.astype(float), at_risk - events - censored
    mean = np.cumprod((n - events + 1) / (n + 1))
    square = np.cumprod((n - events + 1) / (n + 1) * ((n - events + 2) / (n + 2)))
    high = _matched_beta(mean, square)
    low = _matched_beta(mean * left / (left + 1), square * left / (left + 2))
    if interval == "beta-product":
        return _beta_quantile(tail, *low), _beta_quantile(1 - tail, *high)
    return _mixture_quantile(tail, low, high), _mixture_quantile(1 - tail, low, high)


def _matched_beta(mean, square):
    # Mean 0 or 1 is a point, not a distribution: marked by its parameters being NaN.
    size = mean * (1 - mean) / (square - mean**2) - 1
    point = (mean <= 0) | (mean >= 1)
    return mean, np.where(point, np.nan, mean * size), np.where(point, np.nan, (1 - mean) * size)


def _beta_quantile(share, mean, a, b):
    return np.where(np.isnan(a), mean, special.betaincinv(a, b, share))


def _beta_share(x, mean, a, b):
    return np.where(np.isnan(a), (x >= mean).astype(float), special.betainc(a, b, x))


def _mixture_quantile(share, low, high):
    """Quantile of an even mixture of the two distributions, by halving the interval."""
    below, above = np.zeros_like(low[0]), np.ones_like(low[0])
    for _ in range(60):
        middle = (below + above) / 2
        short = (_beta_share(middle, *low) + _beta_share(middle, *high)) / 2 < share
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return (below + above) / 2
