"""Pooling across studies: shares and hazard ratios, with fixed or random effects.

Heterogeneity and DerSimonian and Laird's variance between studies come from
`statsmodels.stats.meta_analysis`. It has no restricted maximum likelihood, and its iteration for
Paule and Mandel's variance can end at 0 where the answer is not 0: both are short root searches
here. Whether studies may be pooled at all is a question of what they are, not of a statistic: the
heterogeneity stands in ``.attrs`` beside the pooled value.

Sources: DerSimonian & Laird, Control Clin Trials 1986;7:177; Paule & Mandel, J Res Natl Bur Stand
1982;87:377; Viechtbauer, J Educ Behav Stat 2005;30:261 (REML); Hartung & Knapp, Stat Med
2001;20:3875; Freeman & Tukey, Ann Math Stat 1950;21:607; Miller, Am Stat 1978;32:138 (its inverse).
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize_scalar
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from vlms.survival.arguments import SurvivalInputError, check_number

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
        row a study and last ``"pooled"``. ``.attrs``: ``method, hartung_knapp, tau_squared,
        i_squared, q, q_df, q_p_value, prediction`` (limits for a new study).

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        Unequal lengths, a missing value, an error that is not above 0, fewer than two studies.

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
    pooled = _pool(effect, error**2, method, hartung_knapp, confidence)
    table = pd.DataFrame(
        {
            "study": _names(study, effect.size),
            "log_hazard_ratio": pooled["effect"],
            "std_error": pooled["error"],
            "hazard_ratio": np.exp(pooled["effect"]),
            "lower": np.exp(pooled["lower"]),
            "upper": np.exp(pooled["upper"]),
            "p_value": pooled["p_value"],
            "weight": pooled["weight"],
        }
    )
    table.attrs = pooled["attrs"] | {
        "prediction": [float(np.exp(limit)) for limit in pooled["prediction"]]
    }
    return table


def pool_proportions(
    events, total, *, study=None, scale="logit", method="reml", hartung_knapp=False, confidence=0.95
):
    """Pool shares on a scale where they are nearly normal, and turn them back.

    Parameters
    ----------
    events, total : array-like of int, shape (k,)
        Patients with the characteristic, and patients, one a study.
    study : array-like of str, shape (k,), optional
        Names; by default 1, 2, …
    scale : {"logit", "freeman-tukey"}
        The logarithm of the odds (half an event added on either side in a study with none, or
        with nothing else), or the double arcsine, which needs no such addition but has no exact
        inverse for a pooled value: that of the harmonic mean of the totals is used.
    method, hartung_knapp, confidence
        As `pool_log_hazard_ratios`.

    Returns
    -------
    DataFrame
        ``study, events, total, share, lower, upper, effect, std_error, weight``: effect and error
        on the chosen scale, shares from 0 to 1; last row ``"pooled"``. ``.attrs`` as
        `pool_log_hazard_ratios`, and ``scale``.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        More events than patients, no patients, counts that are not whole.

    Notes
    -----
    R: ``metafor::rma(measure = "PLO", xi = events, ni = total, method = "REML")`` with
    ``transf.ilogit``; ``measure = "PFT"`` with ``transf.ipft.hm``. A share of a Kaplan-Meier curve
    is not a share of patients: pool its logit or log-log with its own error instead.

    Examples
    --------
    >>> pooled = pool_proportions([5, 42], [12, 63], method="fixed")
    >>> pooled[["study", "share"]].round(3)
        study  share
    0       1  0.417
    1       2  0.667
    2  pooled  0.626
    """
    if scale not in ("logit", "freeman-tukey"):
        raise SurvivalInputError(f"scale: {scale!r} is unknown. Use 'logit' or 'freeman-tukey'.")
    count, size = _numbers(events, "events"), _numbers(total, "total")
    if count.size != size.size:
        raise SurvivalInputError(f"total: {size.size} values for {count.size} studies.")
    whole = (count == np.floor(count)) & (size == np.floor(size))
    bad = np.flatnonzero(~whole | (count < 0) | (count > size) | (size < 1))
    if bad.size:
        found = ", ".join(f"{count[i]:g} of {size[i]:g} (study {i + 1})" for i in bad[:5])
        raise SurvivalInputError(f"events: {found} is no count of patients out of a total.")
    if scale == "logit":
        added = np.where((count == 0) | (count == size), 0.5, 0.0)
        with_it, without = count + added, size - count + added
        effect, variance = np.log(with_it / without), 1 / with_it + 1 / without
    else:
        effect = _double_arcsine(count, size)
        variance = 1 / (4 * size + 2)
    pooled = _pool(effect, variance, method, hartung_knapp, confidence)
    typical = 1 / np.mean(1 / size)

    def back(values):
        values = np.asarray(values, dtype=float)
        if scale == "logit":
            return 1 / (1 + np.exp(-values))
        each = np.append(size, typical) if values.size == size.size + 1 else typical
        return _undo_double_arcsine(values, each)

    table = pd.DataFrame(
        {
            "study": _names(study, count.size),
            "events": [*count.astype(int), int(count.sum())],
            "total": [*size.astype(int), int(size.sum())],
            "share": [*(count / size), back(pooled["effect"])[-1]],
            "lower": back(pooled["lower"]),
            "upper": back(pooled["upper"]),
            "effect": pooled["effect"],
            "std_error": pooled["error"],
            "weight": pooled["weight"],
        }
    )
    prediction = [float(limit) for limit in back(pooled["prediction"])]
    table.attrs = pooled["attrs"] | {"scale": scale, "prediction": prediction}
    return table


def _pool(effect, variance, method, hartung_knapp, confidence):
    """Studies and pooled value on the working scale."""
    if method not in METHODS:
        raise SurvivalInputError(f"method: {method!r} is unknown. Use one of {', '.join(METHODS)}.")
    check_number(confidence, "confidence", 0, 1, "Write 95% as 0.95.")
    studies = effect.size
    if studies < 2:
        raise SurvivalInputError(f"study: {studies} of them. Pooling takes at least two.")
    # Imported here: it brings scipy.stats along, which a notebook that pools nothing need not wait
    # for.
    from statsmodels.stats.meta_analysis import combine_effects

    with np.errstate(invalid="ignore"):
        # Its own errors are roots of negative numbers where the variance between studies is cut at
        # 0; they are not used.
        combined = combine_effects(effect, variance, method_re="dl")
    between = 0.0
    if method == "dersimonian-laird":
        between = max(0.0, float(combined.tau2))
    elif method == "paule-mandel":
        between = _paule_mandel(effect, variance)
    elif method == "reml":
        between = _reml(effect, variance, max(0.0, float(combined.tau2)))
    weight = 1 / (variance + between)
    centre = float(weight @ effect / weight.sum())
    error = 1 / np.sqrt(weight.sum())
    df = studies - 1
    if hartung_knapp:
        error = np.sqrt(weight @ (effect - centre) ** 2 / df / weight.sum())
        quantile = stdtrit(df, (1 + confidence) / 2)
        p_value = 2 * stdtr(df, -abs(centre / error)) if error else np.nan
    else:
        quantile = ndtri((1 + confidence) / 2)
        p_value = 2 * ndtr(-abs(centre / error))
    single = ndtri((1 + confidence) / 2)
    errors = np.sqrt(variance)
    fixed = 1 / variance
    # I² after Higgins & Thompson: the between-study share of the variance of a typical study.
    typical = df * fixed.sum() / (fixed.sum() ** 2 - (fixed**2).sum())
    q = float(combined.q)
    share = between / (between + typical)
    if method == "fixed":
        share = max(0.0, 1 - df / q) if q else 0.0
    reach = quantile * np.sqrt(error**2 + between)
    effects, all_errors = np.append(effect, centre), np.append(errors, error)
    quantiles = np.append(np.full(studies, single), quantile)
    return {
        "effect": effects,
        "error": all_errors,
        "lower": effects - quantiles * all_errors,
        "upper": effects + quantiles * all_errors,
        "p_value": np.append(2 * ndtr(-np.abs(effect / errors)), p_value),
        "weight": np.append(weight / weight.sum(), 1.0),
        "prediction": (centre - reach, centre + reach),
        "attrs": {
            "method": method,
            "hartung_knapp": hartung_knapp,
            "confidence": confidence,
            "tau_squared": between,
            "i_squared": float(share),
            "q": q,
            "q_df": df,
            "q_p_value": float(chdtrc(df, q)),
        },
    }


def _paule_mandel(effect, variance):
    """The between-study variance that brings the weighted spread down to its expectation."""

    def excess(between):
        weight = 1 / (variance + between)
        centre = weight @ effect / weight.sum()
        return weight @ (effect - centre) ** 2 - (effect.size - 1)

    if excess(0.0) <= 0:
        return 0.0
    high = np.ptp(effect) ** 2 + variance.max()
    while excess(high) > 0:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-15, rtol=1e-14))


def _reml(effect, variance, start):
    """The between-study variance that maximises the restricted likelihood."""

    def loss(between):
        weight = 1 / (variance + between)
        centre = weight @ effect / weight.sum()
        spread = weight @ (effect - centre) ** 2
        return np.log(variance + between).sum() + np.log(weight.sum()) + spread

    def slope(between):
        weight = 1 / (variance + between)
        centre = weight @ effect / weight.sum()
        square = weight**2
        return weight.sum() - square.sum() / weight.sum() - square @ (effect - centre) ** 2

    ceiling = 10 * (start + np.var(effect) + variance.max())
    rough = minimize_scalar(loss, bounds=(0, ceiling), method="bounded").x
    if loss(0.0) <= loss(rough):
        return 0.0
    # The minimum of a flat function is found to half the digits only; the root of its slope to all.
    low, high = 0.5 * rough, 2 * rough
    if slope(low) * slope(high) > 0:
        return float(rough)
    return float(brentq(slope, low, high, xtol=1e-15, rtol=1e-14))


def _double_arcsine(count, size):
    return (
        np.arcsin(np.sqrt(count / (size + 1))) + np.arcsin(np.sqrt((count + 1) / (size + 1)))
    ) / 2


def _undo_double_arcsine(value, size):
    """Miller's inverse; beyond what 0 and all of `size` patients give, it is 0 and 1."""
    low = _double_arcsine(0 * size, size)
    high = _double_arcsine(size, size)
    angle = 2 * np.clip(value, low, high)
    inner = np.sin(angle) + (np.sin(angle) - 1 / np.sin(angle)) / size
    share = (1 - np.sign(np.cos(angle)) * np.sqrt(np.maximum(0, 1 - inner**2))) / 2
    return np.where(value <= low, 0.0, np.where(value >= high, 1.0, share))


def _numbers(values, name):
    array = np.asarray(pd.to_numeric(pd.Series(list(values), dtype=object), errors="coerce"), float)
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise SurvivalInputError(
            f"{name}: not a finite number in study {', '.join(str(i + 1) for i in bad[:5])}."
        )
    return array


def _names(study, studies):
    names = list(range(1, studies + 1)) if study is None else list(study)
    if len(names) != studies:
        raise SurvivalInputError(f"study: {len(names)} names for {studies} studies.")
    return [*(str(name) for name in names), "pooled"]
