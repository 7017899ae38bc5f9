"""Pooling across studies: shares and hazard ratios, with fixed or random effects.

statsmodels gives the heterogeneity and DerSimonian and Laird's variance between studies. REML it
lacks, and its iteration for Paule and Mandel's can end at 0 wrongly: both are roots found here.

Sources: DerSimonian & Laird, Control Clin Trials 1986;7:177; Paule & Mandel, J Res Natl Bur Stand
1982;87:377; Viechtbauer, J Educ Behav Stat 2005;30:261 (REML); Hartung & Knapp, Stat Med
2001;20:3875; Higgins & Thompson, Stat Med 2002;21:1539 (I²).
"""

import numpy as np
import pandas as pd
from scipy.special import chdtrc, expit, logit, ndtr, ndtri, stdtr, stdtrit

from vlms.survival.counts import SurvivalInputError, check_choice, check_confidence

METHODS = ("fixed", "dersimonian-laird", "paule-mandel", "reml")


def pool_log_hazard_ratios(
    log_hazard_ratio, std_error, *, study=None, method="reml", hartung_knapp=False, confidence=0.95
):
    """Pool log hazard ratios by inverse variance.

    Parameters
    ----------
    log_hazard_ratio, std_error : array-like of float, shape (k,)
        One a study.
    study : array-like of str, shape (k,), optional
        Names; by default 1, 2, …
    method : {"fixed", "dersimonian-laird", "paule-mandel", "reml"}
        Fixed effect, or the estimator of the variance between studies.
    hartung_knapp : bool
        Error from the spread of the studies and Student's t with k - 1 degrees of freedom.
    confidence : float
        Coverage of the limits.

    Returns
    -------
    DataFrame
        ``study, log_hazard_ratio, std_error, hazard_ratio, lower, upper, p_value, weight``; one
        row a study and last ``"pooled"``. ``.attrs``: ``method, hartung_knapp, confidence,
        tau_squared, i_squared, q, q_df, q_p_value, prediction`` (limits for a new study).

    Notes
    -----
    R: ``metafor::rma(yi, sei = sei, method = "REML", test = "knha")`` (FE, DL, PM alike).

    Examples
    --------
    >>> pooled = pool_log_hazard_ratios([0.2, 0.6], [0.2, 0.2], method="fixed")
    >>> pooled.round(3)[["study", "hazard_ratio", "lower", "upper"]].tail(1)
        study  hazard_ratio  lower  upper
    2  pooled         1.492  1.131  1.968
    """
    effect, error = _numbers(log_hazard_ratio, "log_hazard_ratio"), _numbers(std_error, "std_error")
    if effect.size != error.size:
        raise SurvivalInputError(f"std_error: {error.size} values for {effect.size} studies.")
    if not (error > 0).all():
        raise SurvivalInputError("std_error: not above 0 in every study; take it from the limits.")
    pooled, attrs = _pool(effect, error**2, study, method, hartung_knapp, confidence)
    pooled = pooled.rename(columns={"effect": "log_hazard_ratio"})
    pooled.insert(3, "hazard_ratio", np.exp(pooled["log_hazard_ratio"]))
    pooled[["lower", "upper"]] = np.exp(pooled[["lower", "upper"]])
    pooled.attrs = attrs | {"prediction": np.exp(attrs["prediction"]).tolist()}
    return pooled


def pool_proportions(
    events, total, *, study=None, method="reml", hartung_knapp=False, confidence=0.95
):
    """Pool shares of patients on the scale of log odds.

    Parameters
    ----------
    events, total : array-like of int, shape (k,)
        Patients with the characteristic, and patients, one a study; in a study with none, or with
        nothing else, half an event is added on either side.
    study, method, hartung_knapp, confidence
        As `pool_log_hazard_ratios`.

    Returns
    -------
    DataFrame
        ``study, events, total, share, lower, upper, effect, std_error, weight``: effect and error
        are log odds, shares from 0 to 1; last row ``"pooled"``. ``.attrs`` as
        `pool_log_hazard_ratios`.

    Notes
    -----
    R: ``metafor::rma(measure = "PLO", xi = events, ni = total, method = "REML")`` with
    ``transf.ilogit``. A share read off a Kaplan-Meier curve is no share of patients.

    Examples
    --------
    >>> pool_proportions([5, 42], [12, 63], method="fixed")[["study", "share"]].round(3)
        study  share
    0       1  0.417
    1       2  0.667
    2  pooled  0.626
    """
    count, size = _numbers(events, "events"), _numbers(total, "total")
    if count.size != size.size:
        raise SurvivalInputError(f"total: {size.size} values for {count.size} studies.")
    whole = (count == np.floor(count)) & (size == np.floor(size))
    bad = np.flatnonzero(~whole | (count < 0) | (count > size) | (size < 1))
    if bad.size:
        found = ", ".join(f"{count[i]:g} of {size[i]:g} (study {i + 1})" for i in bad[:5])
        raise SurvivalInputError(f"events: {found} is no count of patients out of a total.")
    half = np.where((count == 0) | (count == size), 0.5, 0.0)
    effect = logit((count + half) / (size + 2 * half))
    variance = 1 / (count + half) + 1 / (size - count + half)
    pooled, attrs = _pool(effect, variance, study, method, hartung_knapp, confidence)
    pooled[["lower", "upper"]] = expit(pooled[["lower", "upper"]])
    pooled = pooled.assign(
        events=np.append(count, count.sum()).astype(int),
        total=np.append(size, size.sum()).astype(int),
        share=[*(count / size), expit(pooled["effect"].iloc[-1])],
    )
    pooled = pooled["study events total share lower upper effect std_error weight".split()]
    pooled.attrs = attrs | {"prediction": expit(attrs["prediction"]).tolist()}
    return pooled


def _pool(effect, variance, study, method, hartung_knapp, confidence):
    """Studies and pooled value on the working scale, and what goes with them."""
    check_choice(method, "method", METHODS)
    check_confidence(confidence)
    studies, df = effect.size, effect.size - 1
    if studies < 2:
        raise SurvivalInputError(f"study: {studies} of them. Pooling takes at least two.")
    names = list(range(1, studies + 1)) if study is None else list(study)
    if len(names) != studies:
        raise SurvivalInputError(f"study: {len(names)} names for {studies} studies.")
    # Imported here: it is slow, and a notebook that pools nothing need not wait for it.
    from statsmodels.stats.meta_analysis import combine_effects

    with np.errstate(invalid="ignore"):
        combined = combine_effects(effect, variance, method_re="dl")
    q, between = float(combined.q), 0.0
    if method == "dersimonian-laird":
        between = max(0.0, float(combined.tau2))
    elif method != "fixed":
        between = _between(effect, variance, method)
    weight = 1 / (variance + between)
    centre, error = weight @ effect / weight.sum(), 1 / np.sqrt(weight.sum())
    single = quantile = ndtri((1 + confidence) / 2)
    errors, effects = np.append(np.sqrt(variance), error), np.append(effect, centre)
    p_values = 2 * ndtr(-np.abs(effects / errors))
    if hartung_knapp:
        errors[-1] = error = np.sqrt(weight @ (effect - centre) ** 2 / df / weight.sum())
        quantile = stdtrit(df, (1 + confidence) / 2)
        p_values[-1] = 2 * stdtr(df, -abs(centre / error)) if error else np.nan
    # The between-study share of the variance of a typical study.
    fixed = 1 / variance
    share = between / (between + df * fixed.sum() / (fixed.sum() ** 2 - (fixed**2).sum()))
    if method == "fixed":
        share = max(0.0, 1 - df / q) if q else 0.0
    reach = np.append(np.full(studies, single), quantile) * errors
    predicted = quantile * np.sqrt(error**2 + between)
    table = pd.DataFrame(
        {
            "study": [*map(str, names), "pooled"],
            "effect": effects,
            "std_error": errors,
            "lower": effects - reach,
            "upper": effects + reach,
            "p_value": p_values,
            "weight": np.append(weight / weight.sum(), 1.0),
        }
    )
    attrs = {"method": method, "hartung_knapp": hartung_knapp, "confidence": confidence}
    attrs |= {"tau_squared": between, "i_squared": float(share), "q": q, "q_df": df}
    attrs |= {"q_p_value": float(chdtrc(df, q))}
    return table, attrs | {"prediction": [centre - predicted, centre + predicted]}


def _between(effect, variance, method):
    """The variance between studies: the root of Paule and Mandel's, or of REML's, equation."""
    from scipy.optimize import brentq

    def spread(between):
        weight = 1 / (variance + between)
        return weight, (effect - weight @ effect / weight.sum()) ** 2

    def excess(between):
        weight, squares = spread(between)
        if method == "paule-mandel":
            return weight @ squares - (effect.size - 1)
        return weight**2 @ squares - weight.sum() + (weight**2).sum() / weight.sum()

    def loss(between):
        weight, squares = spread(between)
        return weight @ squares - np.log(weight).sum() + np.log(weight.sum())

    # The restricted likelihood may have a maximum at 0 and another above it.
    highest = 10 * (np.ptp(effect) ** 2 + variance.max())
    grid = np.append(0.0, highest * np.logspace(-8, 0, 200))
    sign = np.array([excess(between) for between in grid]) > 0
    tops = [
        float(brentq(excess, grid[at], grid[at + 1], xtol=1e-15, rtol=1e-14))
        for at in np.flatnonzero(sign[:-1] & ~sign[1:])
    ]
    if method == "reml":
        tops = sorted([0.0, *tops], key=loss)
    return tops[0] if tops else 0.0


def _numbers(values, name):
    """Values as finite floats."""
    array = np.asarray(pd.to_numeric(pd.Series(list(values), dtype=object), errors="coerce"), float)
    if bad := [str(row + 1) for row in np.flatnonzero(~np.isfinite(array))[:5]]:
        raise SurvivalInputError(f"{name}: not a finite number in study {', '.join(bad)}.")
    return array
