"""Fitting a Cox model to checked data: which terms can be estimated, where the likelihood ends.

Between the frame (`covariates`) and the partial likelihood stands the question whether there is
an answer at all. A column that does not vary within the risk sets carries no information; a
column that repeats others adds none; a coefficient along which the likelihood rises for ever has
no finite estimate. Each is found here, left out or marked, and said in words.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from vlms.survival.covariates import ModelFrame
from vlms.survival.event_table import count_groups
from vlms.survival.firth import FirthLikelihood
from vlms.survival.newton import Maximum, maximise
from vlms.survival.partial_likelihood import PartialLikelihood
from vlms.survival.risk_sets import RiskSets, risk_sets
from vlms.survival.side_by_side import side_by_side

# A column whose information, given the columns before it, is below this share of what one event
# could give at most is a combination of them.
COLLINEAR = 1e-11
# Share of the information at no effect below which a direction counts as faded to nothing.
FADED = 1e-7
# Patients with equal covariates are counted together from this many rows on.
FEWEST_COLLAPSED = 2000
MOST_PATTERNS = 64


@dataclass(frozen=True)
class CoxFit:
    """A fitted Cox model.

    Attributes
    ----------
    data : vlms.survival.covariates.ModelFrame
    sets : vlms.survival.risk_sets.RiskSets
    likelihood : vlms.survival.partial_likelihood.PartialLikelihood or None
        Of the usable columns, centred and scaled to range 1; None when there are none.
    objective : callable or None
        What was maximised, as `maximise` wants it.
    usable : ndarray of bool, shape (p,)
        The columns that were estimated.
    finite : ndarray of bool, shape (p,)
        The columns that have a finite estimate.
    scale : ndarray of float
        Range of each usable column; coefficients per unit are the scaled ones over it.
    peak : vlms.survival.newton.Maximum or None
    null : tuple
        Log-likelihood, score and information with all coefficients 0.
    n, events : int
    warnings : list of str
    """

    data: ModelFrame
    sets: RiskSets
    likelihood: PartialLikelihood | None
    objective: object
    usable: np.ndarray
    finite: np.ndarray
    scale: np.ndarray
    peak: Maximum | None
    null: tuple
    n: int
    events: int
    warnings: list


def fit_rows(data, *, ties, penalty=None, collapse=True):
    """Fit the model to patients.

    Parameters
    ----------
    data : vlms.survival.covariates.ModelFrame
    ties : {"efron", "breslow"}
    penalty : {None, "firth"}
    collapse : bool
        Count patients with equal covariates together where there are many.

    Returns
    -------
    CoxFit
    """
    outcome = data.outcome
    found = _patterns(data.matrix) if collapse else None
    if found is None:
        sets = risk_sets(outcome, stratum=data.stratum)
        return fit_patterns(
            data, sets, data.matrix, np.ones(outcome.time.size), ties=ties, penalty=penalty
        )
    code, patterns = found
    if data.stratum is None and outcome.entry is None:
        labels = tuple(range(len(patterns)))
        sets = sets_from_counts(count_groups(replace(outcome, code=code, labels=labels)))
    else:
        sets = risk_sets(outcome, stratum=data.stratum, pattern=code, patterns=len(patterns))
    counts = np.bincount(code, minlength=len(patterns))
    return fit_patterns(data, sets, patterns, counts, ties=ties, penalty=penalty)


def sets_from_counts(parts):
    """Make risk sets from an event table whose groups are the covariate patterns.

    Parameters
    ----------
    parts : list of (time, at_risk, events, censored)
        As `vlms.survival.event_table.count_groups` returns them, without delayed entry.

    Returns
    -------
    vlms.survival.risk_sets.RiskSets

    Examples
    --------
    >>> from vlms.survival.event_table import count_groups
    >>> from vlms.survival.observations import observations
    >>> parts = count_groups(observations([1, 2, 3], [1, 0, 1], [0, 1, 0]))
    >>> sets_from_counts(parts).at_risk.tolist()
    [[2.0, 1.0], [1.0, 0.0]]
    """
    times, at_risk, deaths = side_by_side(parts)
    return RiskSets(times, at_risk, sparse.csr_array(deaths).T)


def fit_patterns(data, sets, patterns, counts, *, ties, penalty=None):
    """Fit the model to covariate patterns and their risk sets.

    Parameters
    ----------
    data : vlms.survival.covariates.ModelFrame
        For the names of terms and the notes.
    sets : vlms.survival.risk_sets.RiskSets
    patterns : ndarray, shape (k, p)
        Covariates of each pattern.
    counts : ndarray of int, shape (k,)
        Patients of each pattern.
    ties : {"efron", "breslow"}
    penalty : {None, "firth"}

    Returns
    -------
    CoxFit
    """
    n, events = int(counts.sum()), int(sets.died.sum())
    warnings = list(data.notes)
    width = len(data.terms)
    span = np.ptp(patterns, axis=0) if len(patterns) else np.zeros(width)
    size = np.abs(patterns).max(axis=0, initial=0)
    varies = span > 1e-12 * size
    scale = np.where(varies, span, 1.0)
    centre = counts @ patterns / n if n else np.zeros(width)
    scaled = np.where(varies, (patterns - centre) / scale, 0.0)
    usable = np.zeros(width, dtype=bool)
    if events == 0:
        warnings.append(f"no event among the {n} rows analysed: nothing can be estimated")
    else:
        everything = PartialLikelihood(sets, scaled, ties)
        known = everything.value(np.zeros(width))
        information = known[2]
        usable = _estimable(information, events)
        for column in np.flatnonzero(~usable):
            warnings.append(_why_unusable(data, patterns, varies, information, column))
    if not usable.any():
        null = (_null_value(sets, ties), None, None)
        nothing = np.empty(0)
        return CoxFit(
            data, sets, None, None, usable, usable, nothing, None, null, n, events, warnings
        )
    likelihood = everything
    if not usable.all():
        likelihood = PartialLikelihood(sets, scaled[:, usable], ties)
    zero = np.zeros(int(usable.sum()))
    if penalty == "firth":
        objective = FirthLikelihood(likelihood).value
        null = objective(zero)
    else:
        objective = likelihood.value
        null = (known[0], known[1][usable], known[2][np.ix_(usable, usable)])
    peak = maximise(objective, zero, known=null)
    if penalty == "firth":
        # Errors are of the likelihood itself, as Heinze and Schemper have them.
        peak = replace(peak, information=likelihood.value(peak.beta)[2])
    finite = usable.copy()
    if not peak.converged:
        # Where nothing is known to rise the whole fit is unsettled, and none of it is shown.
        finite[usable] = ~peak.rising & peak.rising.any()
        for column in np.flatnonzero(usable & ~finite):
            warnings.append(
                _why_infinite(data, patterns, likelihood, column, peak.rising.any(), penalty)
            )
        left = _keeps_information(peak.information, known[2][np.ix_(usable, usable)])
        for column in np.flatnonzero(finite)[~left[finite[usable]]]:
            finite[column] = False
            warnings.append(
                f"{data.terms[column]}: the events say nothing of it once the terms without a "
                f"finite estimate are in the model; no estimate{_remedy(penalty)}"
            )
    scale = scale[usable]
    return CoxFit(
        data, sets, likelihood, objective, usable, finite, scale, peak, null, n, events, warnings
    )


def _estimable(information, events):
    """Take the columns in order; keep those that add information to the ones kept before."""
    kept = []
    for column in range(len(information)):
        own = information[column, column]
        left = own
        if kept:
            shared = information[kept, column]
            left = own - shared @ np.linalg.solve(information[np.ix_(kept, kept)], shared)
        if own > COLLINEAR * events * 1e-3 and left > max(COLLINEAR * own, 1e-14 * events):
            kept.append(column)
    usable = np.zeros(len(information), dtype=bool)
    usable[kept] = True
    return usable


def _why_unusable(data, patterns, varies, information, column):
    term = data.terms[column]
    if not varies[column]:
        if "[" in term and not patterns[:, column].any():
            return f"{term}: no patient has this level; no estimate"
        return f"{term}: the same value in every row analysed; no estimate"
    if information[column, column] <= 1e-14 * max(1.0, np.abs(information).max()):
        return f"{term}: does not differ among those at risk at any event; no estimate"
    return f"{term}: follows from the terms before it (collinear); no estimate"


def _why_infinite(data, patterns, likelihood, column, rises, penalty):
    term = data.terms[column]
    if not rises:
        return f"{term}: the fit did not converge; no estimate"
    values = patterns[:, column]
    reason = "the likelihood rises for ever as the coefficient grows (monotone likelihood)"
    alike = [other for other, owner in enumerate(data.owners) if owner == data.owners[column]]
    reference = ~patterns[:, alike].any(axis=1)
    if np.isin(values, (0, 1)).all():
        with_it = likelihood.events @ (values == 1)
        without = likelihood.events @ (values == 0)
        if not with_it:
            reason += f": no event among those with {term}"
        elif not without:
            reason += f": no event among those without {term}"
        elif not likelihood.events @ reference:
            reason += f": no event at the reference level of {data.owners[column]}"
    return f"{term}: {reason}; no estimate{_remedy(penalty)}"


def _remedy(penalty):
    return "" if penalty else '; penalty="firth" gives a finite estimate'


def _keeps_information(information, at_null):
    """Terms of which information is left where the likelihood of other terms rises for ever.

    There it fades along the directions that rise. A term with a part in those directions stopped
    wherever the search did: its value is no estimate, however small its error comes out.
    """
    values, directions = np.linalg.eigh(information)
    kept = directions[:, values > FADED * np.linalg.eigvalsh(at_null)[-1]]
    return (kept**2).sum(axis=1) > 1 - FADED


def _null_value(sets, ties):
    if not sets.died.sum():
        return 0.0
    return PartialLikelihood(sets, np.zeros((sets.deaths.shape[1], 1)), ties).value(np.zeros(1))[0]


def _patterns(matrix):
    """Code of each row's covariate pattern and the patterns; None where there are too many."""
    n = len(matrix)
    if n < FEWEST_COLLAPSED:
        return None
    code, patterns = np.zeros(n, dtype=np.int64), np.empty((1, 0))
    for column in matrix.T:
        if np.unique(column[:: n // FEWEST_COLLAPSED]).size > MOST_PATTERNS:
            return None
        part, values = pd.factorize(column)
        if values.size > MOST_PATTERNS:
            return None
        distinct = np.arange(values.size)
        if len(patterns) > 1:
            part, distinct = pd.factorize(code * values.size + part)
        if distinct.size > MOST_PATTERNS:
            return None
        before, value = np.divmod(distinct, values.size)
        code, patterns = part, np.column_stack([patterns[before], values[value]])
    return code, patterns
