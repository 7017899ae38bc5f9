"""Cox regression as R's `coxph` gives it, with robust errors, and with Firth's penalty.

A fit that has no finite answer says so: a coefficient that the likelihood would drive to infinity
(separation), that is constant, or that repeats others is NA, with the reason in
``.attrs["warnings"]``; ``penalty="firth"`` gives a finite answer to the first.

Sources: Cox, J R Stat Soc B 1972;34:187; Lin & Wei, JASA 1989;84:1074 (robust errors);
Heinze & Schemper, Biometrics 2001;57:114
(Firth's penalty).
"""

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri, ndtr, ndtri

from vlms.survival.arguments import SurvivalInputError, check_number
from vlms.survival.covariates import ModelFrame, model_frame
from vlms.survival.cox_fit import FADED, fit_patterns, fit_rows, sets_from_counts
from vlms.survival.event_table import parts_of_table
from vlms.survival.firth import likelihood_ratio, profile

COLUMNS = (
    "term",
    "log_hazard_ratio",
    "std_error",
    "hazard_ratio",
    "lower",
    "upper",
    "p_value",
)


def cox(
    frame,
    covariates,
    *,
    time="time",
    event="event",
    entry=None,
    strata=None,
    ties="efron",
    penalty=None,
    cluster=None,
    confidence=0.95,
):
    """Fit a Cox proportional hazards model.

    Parameters
    ----------
    frame : DataFrame
        One row a patient, or one row an interval ``(entry, time]`` when `entry` is given.
    covariates : str or list of str
        Columns. Numbers enter as they are, True/False as 1/0; text and categories give a term a
        level, named ``sex[m]``, against the first level (alphabetical, or the category order).
    time, event : str
        Columns with the end of observation in months and whether it ended with the event.
    entry : str, optional
        Column with the start of observation (delayed entry, time-dependent covariates).
    strata : str or list of str, optional
        Columns whose combinations each have a baseline hazard of their own.
    ties : {"efron", "breslow"}
        Approximation for tied event times.
    penalty : {None, "firth"}
        With ``"firth"``: penalised estimates, profile-likelihood limits, P values of the
        penalised likelihood-ratio test.
    cluster : str, optional
        Column of patients (or pairs, centres): robust errors of the clusters' summed influence.
    confidence : float
        Coverage of the limits.

    Returns
    -------
    DataFrame
        ``term, log_hazard_ratio, std_error, hazard_ratio, lower, upper, p_value``; limits are of
        the hazard ratio. NA where there is no finite estimate. ``.attrs``: ``n, events, dropped,
        log_likelihood, null_log_likelihood, likelihood_ratio_test, wald_test, score_test`` (each
        ``statistic, df, p_value``), ``events_per_variable, covariance, ties, penalty, strata,
        robust, naive_std_error, confidence, warnings``.

    Raises
    ------
    SurvivalInputError
        A column that is not there, an outcome without meaning (event 1/2, negative times, entry
        not before the end), an unknown option.

    Notes
    -----
    R: ``coxph(Surv(entry, time, event) ~ covariates + strata(s), ties = "efron", cluster = id)``;
    ``coxphf(...)`` for the penalty (which has Breslow's ties only).

    Examples
    --------
    >>> cohort = pd.DataFrame({"time": [1, 2, 3, 4], "event": True, "high_grade": [1, 0, 1, 0]})
    >>> fit = cox(cohort, "high_grade")
    >>> fit.round(3)[["term", "log_hazard_ratio", "std_error"]]
             term  log_hazard_ratio  std_error
    0  high_grade             0.941       1.24
    >>> separated = cohort.assign(high_grade=[1, 1, 0, 0])
    >>> cox(separated, "high_grade")["hazard_ratio"].isna().tolist()
    [True]
    >>> cox(separated, "high_grade", penalty="firth")["hazard_ratio"].round(2).tolist()
    [7.56]
    """
    one_of("ties", ties, ("efron", "breslow"))
    one_of("penalty", penalty, (None, "firth"))
    check_number(confidence, "confidence", 0, 1, "Write 95% as 0.95.")
    if penalty and cluster is not None:
        raise SurvivalInputError(
            "cluster: robust errors are not defined for a penalised fit. Drop one of the two."
        )
    data = model_frame(
        frame, covariates, time=time, event=event, entry=entry, strata=strata, cluster=cluster
    )
    fit = fit_rows(data, ties=ties, penalty=penalty, collapse=cluster is None)
    table = _table(fit, penalty=penalty, confidence=confidence)
    table.attrs |= {"ties": ties, "strata": data.strata, "dropped": data.dropped}
    return table


def cox_from_table(table, *, ties="efron", confidence=0.95):
    """Fit a Cox model of one categorical covariate from its event table.

    The counts at risk and of events, level by level and time by time, are all that such a model
    needs, so that a registry of any size is fitted from counts that a database made.

    Parameters
    ----------
    table : DataFrame
        As `vlms.survival.event_table.event_table` returns it without delayed entry:
        ``group, time, at_risk, events, censored``.
    ties, confidence
        As `cox`.

    Returns
    -------
    DataFrame
        As `cox`, with terms ``group[level]``; the first group of the table is the reference.

    Examples
    --------
    >>> from vlms.survival.event_table import event_table
    >>> cox_from_table(event_table([1, 2, 3, 4], [1, 1, 1, 1], [1, 0, 1, 0]))["term"].tolist()
    ['group[1]']
    """
    one_of("ties", ties, ("efron", "breslow"))
    levels, parts = parts_of_table(table)
    counts = np.array([int(events.sum() + censored.sum()) for _, _, events, censored in parts])
    patterns = np.eye(len(levels))[:, 1:] if len(levels) > 1 else np.zeros((1, 1))
    terms = [f"group[{level}]" for level in levels[1:]] or ["group"]
    data = ModelFrame(None, patterns, terms, ["group"] * len(terms), None, None, 1, 0, [])
    fit = fit_patterns(data, sets_from_counts(parts), patterns, counts, ties=ties)
    fitted = _table(fit, penalty=None, confidence=confidence)
    fitted.attrs |= {"ties": ties, "strata": 1, "dropped": 0}
    return fitted


def one_of(name, value, allowed):
    """Refuse an option that is none of those allowed.

    Parameters
    ----------
    name : str
        The option.
    value : object
        What was passed.
    allowed : tuple
        What may be passed.

    Raises
    ------
    SurvivalInputError

    Examples
    --------
    >>> one_of("ties", "exact", ("efron", "breslow"))
    Traceback (most recent call last):
        ...
    vlms...SurvivalInputError: ties: 'exact' is not known; choose 'efron' or 'breslow'.
    """
    if value not in allowed:
        raise SurvivalInputError(
            f"{name}: {value!r} is not known; choose {' or '.join(map(repr, allowed))}."
        )


def _table(fit, *, penalty, confidence):
    p = fit.usable.size
    numbers = {name: np.full(p, np.nan) for name in COLUMNS[1:]}
    covariance = np.full((p, p), np.nan)
    naive = np.full(p, np.nan)
    shown = np.flatnonzero(fit.finite)
    tests = dict.fromkeys(("likelihood_ratio_test", "wald_test", "score_test"), _NO_TEST)
    value, warnings = fit.null[0], list(fit.warnings)
    if fit.peak is not None:
        value = fit.peak.value
        within = np.flatnonzero(fit.finite[fit.usable])
        scale = fit.scale[within]
        beta = fit.peak.beta[within] / scale
        inverse = _inverse(fit)
        inner = inverse[np.ix_(within, within)]
        naive[shown] = np.sqrt(np.diag(inner)) / scale
        if fit.data.cluster is not None:
            inner, told = _robust(fit, inverse, within)
            warnings += told
        covariance[np.ix_(shown, shown)] = inner / np.outer(scale, scale)
        error = np.sqrt(np.diag(covariance)[shown])
        numbers["log_hazard_ratio"][shown] = beta
        numbers["std_error"][shown] = error
        numbers["hazard_ratio"][shown] = np.exp(beta)
        if penalty == "firth":
            limits, p_values = _profiled(fit, within, confidence)
        else:
            z = -ndtri((1 - confidence) / 2)
            limits = beta - z * error, beta + z * error
            p_values = 2 * ndtr(-np.abs(beta / error))
        with np.errstate(over="ignore"):
            numbers["lower"][shown], numbers["upper"][shown] = np.exp(limits)
        numbers["p_value"][shown] = p_values
        tests = _tests(fit, beta, covariance[np.ix_(shown, shown)], penalty)
    table = pd.DataFrame({"term": fit.data.terms, **numbers}, columns=COLUMNS)
    # Firth's penalty depends on the unit of the covariates; told in their own units.
    unit = np.log(fit.scale).sum() if penalty == "firth" else 0.0
    estimated = int(fit.usable.sum())
    table.attrs = {
        "n": fit.n,
        "events": fit.events,
        "log_likelihood": float(value + unit),
        "null_log_likelihood": float(fit.null[0] + unit),
        **tests,
        "events_per_variable": fit.events / estimated if estimated else float("nan"),
        "covariance": covariance.tolist(),
        "penalty": penalty,
        "robust": fit.data.cluster is not None,
        "naive_std_error": naive.tolist(),
        "confidence": confidence,
        "warnings": warnings,
    }
    return table


def _inverse(fit):
    """Inverse of the information, leaving out directions in which it has faded to nothing.

    Along a direction in which the likelihood rises for ever no information is left; terms with no
    part in that direction keep their variance, whatever else they share with the others.
    """
    information = fit.peak.information
    if fit.peak.converged:
        return np.linalg.inv(information)
    return np.linalg.pinv(information, rcond=FADED, hermitian=True)


def _robust(fit, inverse, within):
    """Lin and Wei's sandwich: the clusters' summed influence on each coefficient, squared.

    The influences add up to nothing over all patients, so too few clusters have no spread to
    speak of: an error of 0 would print as P = 0, and is left out with a warning.
    """
    residuals = fit.likelihood.evaluate(fit.peak.beta).score_residuals()
    summed = np.array([np.bincount(fit.data.cluster, row) for row in residuals]).T
    influence = (summed @ inverse)[:, within]
    covariance = influence.T @ influence
    clusters = len(np.unique(fit.data.cluster))
    terms = [np.array(fit.data.terms)[fit.usable][column] for column in within]
    empty = np.diag(covariance) < 1e-12 * np.diag(inverse)[within]
    covariance[empty] = covariance[:, empty] = np.nan
    warnings = [
        f"{term}: no robust error, since influences cancel within clusters ({clusters} in all)."
        for term in np.array(terms)[empty]
    ]
    if not empty.any() and _rank(covariance) < len(within):
        warnings.append(
            f"cluster: {clusters} clusters are too few for a robust Wald test of {len(within)} "
            "terms together; the errors of the single terms are rough too."
        )
    return covariance, warnings


def _rank(covariance):
    """Rank after scaling to correlations, so that units do not count; 0 with a missing entry."""
    if np.isnan(covariance).any():
        return 0
    error = np.sqrt(np.diag(covariance))
    return int(np.linalg.matrix_rank(covariance / np.outer(error, error), 1e-9, hermitian=True))


def _profiled(fit, within, confidence):
    drop = chdtri(1, 1 - confidence) / 2
    limits, p_values = [], []
    for column in within:
        limits.append(profile(fit.objective, fit.peak, column, drop=drop))
        p_values.append(chdtrc(1, likelihood_ratio(fit.objective, fit.peak, column)))
    return np.reshape(limits, (-1, 2)).T / fit.scale[within], np.array(p_values)


_NO_TEST = {"statistic": float("nan"), "df": 0, "p_value": float("nan")}


def _tests(fit, beta, covariance, penalty):
    value, score, information = fit.null
    statistics = {"likelihood_ratio_test": (2 * (fit.peak.value - value), fit.scale.size)}
    # A coefficient without a finite estimate has no Wald test, so neither has the model; nor has
    # a robust covariance of fewer clusters than terms.
    whole = 0 < beta.size == fit.scale.size and _rank(covariance) == beta.size
    wald = float(beta @ np.linalg.solve(covariance, beta)) if whole else float("nan")
    statistics["wald_test"] = (wald, beta.size)
    at_null = float("nan") if penalty else float(score @ np.linalg.solve(information, score))
    statistics["score_test"] = (at_null, fit.scale.size)
    return {
        name: {"statistic": float(s), "df": int(df), "p_value": float(chdtrc(df, s))}
        for name, (s, df) in statistics.items()
    }
