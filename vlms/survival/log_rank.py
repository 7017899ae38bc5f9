"""Log-rank tests: is the hazard of the event the same in all groups?

At each event time the events are shared out among those at risk; a group's observed events minus
its expected ones, summed, tell how it differs. `rho` weights each event time by S(t-)^rho (the
G-rho family of Harrington and Fleming 1982): 0 is the log-rank test, 1 Peto and Peto's version of
Wilcoxon's.

For small groups the chi-square distribution is a poor guide. There the P value comes from the
permutation distribution: the observed minus expected events of a group are a sum of its patients'
log-rank scores, event weight minus cumulative weighted hazard, and the scores stay as they are
when the group labels are dealt out anew.

Own code rather than lifelines: that has no strata, and its "peto" weights are not R's rho = 1.
The numbers are those of R's `survdiff` (package survival).
"""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import special

from vlms.survival.allocations import count_allocations, exact_share, random_share, share_interval
from vlms.survival.arguments import SurvivalInputError, check_number, group_codes
from vlms.survival.event_table import count_groups, parts_of_table
from vlms.survival.observations import Observations, observations
from vlms.survival.side_by_side import side_by_side

METHODS = ("asymptotic", "exact", "permutation")
ADJUSTMENTS = {"holm": "holm", "bonferroni": "bonferroni", "BH": "fdr_bh", "none": None}


@dataclass(frozen=True)
class LogRank:
    """Result of a log-rank test.

    Attributes
    ----------
    statistic : float
        Chi-square, that of the asymptotic test whatever the method. NaN when every event time
        takes all who are left, so that nothing varies; 0 when there is nothing to compare.
    df : int
        Degrees of freedom: groups with an expected event, less one.
    p_value : float
        Two-sided P value. Where only one group was at risk when events happened there is no
        degree of freedom and, as in R, P is 1; NaN without any event or a statistic.
    table : DataFrame
        ``group, n, observed, expected``; weighted sums when rho is not 0.
    method : str
        How the P value was found.
    allocations : int
        Allocations that were counted (exact) or drawn (permutation); 0 otherwise.
    p_lower, p_upper : float
        95% Monte-Carlo limits of a permutation P value; the P value itself otherwise.
    """

    statistic: float
    df: int
    p_value: float
    table: pd.DataFrame
    method: str
    allocations: int = 0
    p_lower: float = np.nan
    p_upper: float = np.nan


def log_rank(
    time,
    event,
    group,
    *,
    strata=None,
    rho=0,
    method="asymptotic",
    resamples=100_000,
    seed=1,
    jobs=None,
):
    """Compare the survival of two groups or more.

    Parameters
    ----------
    time : array-like of float, shape (n,)
        End of observation, in months.
    event : array-like of bool, shape (n,)
        True where the observation ended with the event.
    group : array-like, shape (n,)
        Groups to compare.
    strata : array-like, shape (n,), optional
        Compare within strata only, then add up.
    rho : float
        Weight S(t-)^rho of an event time.
    method : {"asymptotic", "exact", "permutation"}
        Where the P value comes from. Asymptotic: chi-square distribution. Exact: all ways of
        dealing the patients to groups of these sizes (within strata) are counted; P is the share
        whose distance between observed and expected is at least the one seen. Permutation: as
        exact, from random allocations; P is (extreme + 1) / (resamples + 1). The distance is
        \\|O - E\\| for two groups, and for more the quadratic form of O - E in its covariance under
        permutation.
    resamples : int
        Random allocations, for the permutation method.
    seed : int
        Seed of the random allocations: the same seed gives the same P value.
    jobs : int, optional
        Workers that share the random allocations through joblib (and so, within
        ``joblib.parallel_config(backend="dask")``, a cluster). The P value does not depend on it.

    Returns
    -------
    LogRank

    Raises
    ------
    SurvivalInputError
        For what `event_table` refuses, one group only, an unknown method, or too many patients
        for the exact method (about 40, more with ties).

    Notes
    -----
    R: ``survdiff(Surv(time, event) ~ group + strata(strata), rho = rho)``; for the exact method
    ``coin::logrank_test(..., distribution = "exact")``.

    Examples
    --------
    >>> test = log_rank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> round(test.statistic, 4), test.df, round(test.p_value, 4)
    (2.8824, 1, 0.0896)
    >>> exact = log_rank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"], method="exact")
    >>> exact.allocations, round(exact.p_value, 4)
    (6, 0.3333)
    """
    if method not in METHODS:
        raise SurvivalInputError(f"method: {method!r} is unknown. Use one of {METHODS}.")
    _check_rho(rho)
    checked = observations(time, event, group)
    _refuse_one_group(checked)
    subsets = _by_stratum(checked, strata)
    strata_counts = [count_groups(subset) for subset in subsets]
    test = _asymptotic(strata_counts, checked.labels, rho)
    if method == "asymptotic":
        return test
    scores = [_scores(subset, rho) for subset in subsets]
    return _permuted(
        test, scores, [subset.code for subset in subsets], method, resamples, seed, jobs
    )


def log_rank_from_table(table, *, rho=0):
    """Compare groups from counts instead of patients.

    Parameters
    ----------
    table : DataFrame
        As `event_table` returns it (without delayed entry), perhaps counted from a registry.
    rho : float
        As `log_rank`.

    Returns
    -------
    LogRank

    Raises
    ------
    SurvivalInputError
        For one group only.

    Examples
    --------
    >>> from vlms.survival.event_table import event_table
    >>> table = event_table([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> round(log_rank_from_table(table).statistic, 4)
    2.8824
    """
    labels, parts = parts_of_table(table)
    if len(labels) < 2:
        raise SurvivalInputError(f"table: holds the groups {labels}. A comparison needs two.")
    return _asymptotic([parts], labels, rho)


def pairwise_log_rank(time, event, group, *, adjust="holm", strata=None, rho=0):
    """Compare each pair of groups, the P values adjusted for their number.

    Parameters
    ----------
    time, event, group, strata, rho
        As `log_rank`.
    adjust : {"holm", "bonferroni", "BH", "none"}
        Adjustment over the pairs; BH is that of Benjamini and Hochberg.

    Returns
    -------
    DataFrame
        ``group_a, group_b, statistic, df, p_value, p_adjusted``, one row each pair.

    Raises
    ------
    SurvivalInputError
        For what `log_rank` refuses, or an unknown adjustment.

    Notes
    -----
    R: ``survdiff`` on each pair, then ``p.adjust(p, "holm")``.

    Examples
    --------
    >>> pairs = pairwise_log_rank([1, 2, 3, 4, 5, 6], [1] * 6, list("aabbcc"), adjust="bonferroni")
    >>> pairs["p_adjusted"].round(4).tolist()
    [0.2687, 0.2687, 0.2687]
    """
    if adjust not in ADJUSTMENTS:
        raise SurvivalInputError(f"adjust: {adjust!r} is unknown. Use one of {list(ADJUSTMENTS)}.")
    # Here, because importing it takes longer than everything else in this module.
    from statsmodels.stats.multitest import multipletests

    _check_rho(rho)
    checked = observations(time, event, group)
    _refuse_one_group(checked)
    counts = [count_groups(subset) for subset in _by_stratum(checked, strata)]
    rows = []
    for a, b in combinations(range(len(checked.labels)), 2):
        labels = (checked.labels[a], checked.labels[b])
        test = _asymptotic([[parts[a], parts[b]] for parts in counts], labels, rho)
        rows.append((*labels, test.statistic, test.df, test.p_value))
    pairs = pd.DataFrame(rows, columns=["group_a", "group_b", "statistic", "df", "p_value"])
    known = pairs["p_value"].notna()
    pairs["p_adjusted"] = pairs["p_value"]
    if ADJUSTMENTS[adjust] and known.any():
        pairs.loc[known, "p_adjusted"] = multipletests(
            pairs.loc[known, "p_value"], method=ADJUSTMENTS[adjust]
        )[1]
    return pairs


def _check_rho(rho):
    check_number(rho, "rho", -np.inf, np.inf, "0 weights all events alike, 1 early ones more.")


def _refuse_one_group(checked):
    if len(checked.labels) < 2:
        raise SurvivalInputError(
            f"group: there is one group only, {checked.labels[0]!r}. A comparison needs two."
        )


def _by_stratum(checked, strata):
    """Observations of each stratum; all groups are named in each, also where one is absent."""
    if strata is None:
        return [checked]
    stratum, names = group_codes(strata, checked.time.size, "strata")
    return [
        Observations(
            checked.time[mine], checked.event[mine], checked.code[mine], checked.labels,
            whole=checked.whole,
        )
        for mine in (stratum == code for code in range(len(names)))
    ]  # fmt: skip


def _asymptotic(strata_counts, labels, rho):
    sums = [_observed_expected(parts, rho) for parts in strata_counts]
    n, observed, expected, variance = (sum(part) for part in zip(*sums, strict=True))
    statistic, df = _chi_square(observed - expected, variance, expected > 0)
    table = pd.DataFrame(
        {"group": list(labels), "n": n, "observed": observed, "expected": expected}
    )
    p_value = float(special.chdtrc(df, statistic)) if df else np.nan
    if df == 0 and statistic == 0 and (expected > 0).any():
        p_value = 1.0
    return LogRank(statistic, df, p_value, table, "asymptotic", 0, p_value, p_value)


def _permuted(test, scores, codes, method, resamples, seed, jobs):
    groups = len(test.table)
    if method == "exact":
        p_value = lower = upper = exact_share(scores, codes, groups)
        allocations = count_allocations(codes, groups)
    else:
        allocations = int(resamples)
        extreme = random_share(scores, codes, groups, draws=allocations, seed=seed, jobs=jobs)
        p_value = (extreme + 1) / (allocations + 1)
        lower, upper = share_interval(extreme, allocations)
    return replace(
        test,
        p_value=p_value,
        method=method,
        allocations=allocations,
        p_lower=lower,
        p_upper=upper,
    )


def _scores(checked, rho):
    """Log-rank score of each patient of one stratum; over a group they add up to O - E."""
    everyone = replace(checked, code=np.zeros_like(checked.code), labels=("all",))
    ((times, at_risk, events, _),) = count_groups(everyone)
    survival = np.cumprod((at_risk - events) / at_risk)
    weight = np.concatenate([[1.0], survival[:-1]]) ** rho
    row = np.searchsorted(times, checked.time)
    return weight[row] * checked.event - np.cumsum(weight * events / at_risk)[row]


def _observed_expected(parts, rho):
    """Sizes, observed and expected events of each group, and their covariance, in one stratum."""
    n = np.array([events.sum() + censored.sum() for _, _, events, censored in parts])
    _, risk, deaths = side_by_side(parts)
    total, dying = risk.sum(axis=0), deaths.sum(axis=0)
    weight = dying
    if rho != 0:
        survival = np.cumprod((total - dying) / total)
        before = np.concatenate([[1.0], survival[:-1]])[: total.size] ** rho
        weight = before * dying
        deaths = deaths * before
    risk /= total
    expected = risk @ weight
    scale = (total - dying) / np.maximum(total - 1, 1)
    scale *= weight if rho == 0 else before * weight
    if len(parts) == 2:
        between = (risk[0] * risk[1]) @ scale
        variance = np.array([[between, -between], [-between, between]])
    else:
        variance = np.diag(risk @ scale) - (risk * scale) @ risk.T
    return n, deaths.sum(axis=1), expected, variance


def _chi_square(difference, variance, informative):
    """Quadratic form of the differences, one of the informative groups left out."""
    df = int(informative.sum()) - 1
    if df < 1:
        return 0.0, 0
    kept = np.flatnonzero(informative)[1:]
    inner = variance[np.ix_(kept, kept)]
    df = int(np.linalg.matrix_rank(inner, hermitian=True))
    if df == 0:
        return np.nan, 0
    return float(difference[kept] @ np.linalg.pinv(inner, hermitian=True) @ difference[kept]), df
