"""Newton-Raphson for a log-likelihood that may have no maximum, and says so.

R's `coxph` and lifelines stop where the likelihood no longer rises; on separated data that is
somewhere about a hazard ratio of 10⁷. What tells such a likelihood from others is that the steps
do not shrink, which is what is looked at here.
"""

from dataclasses import dataclass

import numpy as np


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
