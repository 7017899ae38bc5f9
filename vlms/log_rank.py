"""Log-rank tests: is the hazard of the event the same in all groups?

At each event time the events are shared out among those at risk; a group's observed events minus
its expected ones, summed, tell how it differs. `rho` weights each event time by S(t-)^rho (the
G-rho family of Harrington and Fleming 1982): 0 is the log-rank test, 1 Peto and Peto's version of
Wilcoxon's.

Own code rather than lifelines: that has no strata, and its "peto" weights are not R's rho = 1.
The numbers are those of R's `survdiff` (package survival).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from vlms.curves import group_slices
from vlms.event_table import (
    Observations,
    SurvivalInputError,
    count_events,
    group_codes,
    observations,
)

ADJUSTMENTS = {"holm": "holm", "bonferroni": "bonferroni", "BH": "fdr_bh", "none": None}


@dataclass(frozen=True)
class LogRank:
    """Result of a log-rank test.

    Attributes
    ----------
    statistic : float
        Chi-square.
    df : int
        Degrees of freedom.
    p_value : float
        Two-sided P value.
    table : DataFrame
        ``group, n, observed, expected``; weighted sums when rho is not 0.
    method : str
        How the P value was found.
    """

    statistic: float
    df: int
    p_value: float
    table: pd.DataFrame
    method: str


def log_rank(time, event, group, *, strata=None, rho=0, method="asymptotic"):
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
    method : {"asymptotic"}
        Chi-square distribution.

    Returns
    -------
    LogRank

    Raises
    ------
    SurvivalInputError
        For what `event_table` refuses, one group only, or an unknown method.

    Notes
    -----
    R: ``survdiff(Surv(time, event) ~ group + strata(strata), rho = rho)``.

    Examples
    --------
    >>> test = log_rank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> round(test.statistic, 4), test.df, round(test.p_value, 4)
    (2.8824, 1, 0.0896)
    """
    checked = observations(time, event, group)
    _refuse_one_group(checked)
    stratum, names = group_codes(strata, checked.time.size, "strata")
    tables = [count_events(_subset(checked, stratum == code)) for code in range(len(names))]
    return _asymptotic(tables, checked.labels, rho)


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
    checked = observations(time, event, group)
    _refuse_one_group(checked)
    stratum, names = group_codes(strata, checked.time.size, "strata")
    rows = []
    for a, b in combinations(range(len(checked.labels)), 2):
        pair = (checked.code == a) | (checked.code == b)
        tables = [
            count_events(_subset(checked, pair & (stratum == code)))
            for code in range(len(names))
            if (pair & (stratum == code)).any()
        ]
        labels = (checked.labels[a], checked.labels[b])
        test = _asymptotic(tables, labels, rho)
        rows.append((*labels, test.statistic, test.df, test.p_value))
    pairs = pd.DataFrame(rows, columns=["group_a", "group_b", "statistic", "df", "p_value"])
    known = pairs["p_value"].notna()
    pairs["p_adjusted"] = pairs["p_value"]
    if ADJUSTMENTS[adjust] and known.any():
        pairs.loc[known, "p_adjusted"] = multipletests(
            pairs.loc[known, "p_value"], method=ADJUSTMENTS[adjust]
        )[1]
    return pairs


def _refuse_one_group(checked):
    if len(checked.labels) < 2:
        raise SurvivalInputError(
            f"group: there is one group only, {checked.labels[0]!r}. A comparison needs two."
        )


def _subset(checked, mine):
    if mine.all():
        return checked
    return Observations(checked.time[mine], checked.event[mine], checked.code[mine], checked.labels)


def _asymptotic(tables, labels, rho):
    sums = [_observed_expected(table, labels, rho) for table in tables]
    n, observed, expected, variance = (sum(part) for part in zip(*sums, strict=True))
    statistic, df = _chi_square(observed - expected, variance, expected > 0)
    table = pd.DataFrame(
        {"group": list(labels), "n": n, "observed": observed, "expected": expected}
    )
    p_value = float(stats.chi2.sf(statistic, df)) if df else np.nan
    return LogRank(statistic, df, p_value, table, "asymptotic")


def _observed_expected(table, labels, rho):
    """Sizes, observed and expected events of each group, and their covariance, in one stratum."""
    time, at_risk = table["time"].to_numpy(), table["at_risk"].to_numpy()
    events = table["events"].to_numpy()
    happened = np.unique(time[events > 0])
    n = np.zeros(len(labels), dtype=np.int64)
    risk = np.zeros((len(labels), happened.size))
    deaths = np.zeros((len(labels), happened.size))
    position = {label: code for code, label in enumerate(labels)}
    for label, rows in group_slices(table):
        code = position[label]
        n[code] = at_risk[rows][0]
        following = np.searchsorted(time[rows], happened, side="left")
        risk[code] = np.append(at_risk[rows], 0)[following]
        own = events[rows] > 0
        deaths[code, np.searchsorted(happened, time[rows][own])] = events[rows][own]
    total, dying = risk.sum(axis=0), deaths.sum(axis=0)
    weight = np.ones_like(total)
    if rho != 0:
        survival = np.cumprod((total - dying) / total)
        weight = np.concatenate([[1.0], survival[:-1]])[: total.size] ** rho
    share = risk / total
    expected = share @ (weight * dying)
    scale = weight**2 * dying * (total - dying) / np.maximum(total - 1, 1)
    variance = np.diag(share @ scale) - (share * scale) @ share.T
    return n, deaths @ weight, expected, variance


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
