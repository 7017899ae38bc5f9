"""Tests of survival and of cumulative incidence between groups: log-rank and Gray.

Log-rank: observed minus expected events of a group, each event time weighted by S(t-)^rho (0: the
log-rank test, 1: Peto and Peto's version of Wilcoxon's). For small groups the chi-square
distribution is a poor guide: observed minus expected are a sum of the patients' log-rank scores,
which stay as they are when the group labels are dealt out anew.

Gray: the same comparison of the cumulative incidence of one cause, where those who had another
event stay at risk. The log-rank test compares cause-specific hazards, which can be equal while the
shares that have the event differ.

Own code: lifelines has neither strata nor Gray's test, and its "peto" weights are not R's rho = 1.
Sources: Harrington and Fleming 1982 (rho); Gray 1988, sections 2 and 3, with its rho = 0.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from vlms.survival.counts import (
    Observations,
    SurvivalInputError,
    check_choice,
    check_number,
    common_levels,
    counts_of,
    delayed,
    distinct_times,
    group_codes,
    observations,
)
from vlms.survival.curves import coded_causes
from vlms.survival.small import count_allocations, exact_share, random_share, share_limits

METHODS = ("asymptotic", "exact", "permutation")
ADJUSTMENTS = {"holm": "holm", "bonferroni": "bonferroni", "BH": "fdr_bh", "none": None}


@dataclass(frozen=True)
class LogRank:
    """Result of a log-rank test: chi-square (asymptotic, whatever the method), P value and counts.

    `statistic` is NaN when every event time takes all who are left; 0 when there is nothing to
    compare. `df`: groups with an expected event, less one. `p_value`: as in R 1 where one group
    alone was at risk at the events; NaN without any event. `table`: ``group, n, observed,
    expected``, weighted by rho. `allocations`: counted (exact) or drawn (permutation). `p_lower,
    p_upper`: 95% Monte-Carlo limits of a drawn P value, else the P value itself.
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
    event=None,
    group=None,
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
    time, event
        As `kaplan_meier`; an event table (without delayed entry), or a list of one for each
        stratum, for the asymptotic test only.
    group : array-like, shape (n,)
        Groups to compare.
    strata : array-like, shape (n,), optional
        Compare within strata only, then add up.
    rho : float
        Weight S(t-)^rho of an event time.
    method : {"asymptotic", "exact", "permutation"}
        Where the P value comes from. Asymptotic: chi-square distribution. Exact (up to about 40
        patients, more with ties): the share of all ways of dealing the patients to groups of these
        sizes, within strata, whose distance of observed from expected is at least the one seen: the
        difference of two groups, of more the quadratic form of O - E in its covariance under
        permutation. Permutation: from random allocations; P is (extreme + 1) / (resamples + 1).
    resamples, seed : int
        Random allocations; the same seed gives the same P value.
    jobs : int, optional
        Workers that share the random allocations through joblib; P does not depend on it.

    Returns
    -------
    LogRank

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
    check_choice(method, "method", METHODS)
    _check_rho(rho)
    if isinstance(time, pd.DataFrame | list) and event is None:
        return _log_rank_of_table(time, rho, method, event=event, group=group, strata=strata)
    checked = observations(time, event, group)
    _refuse_one_group(checked.labels)
    parts = _by_stratum(checked, strata)
    groups = len(checked.labels)
    test = _asymptotic([_at_event_times(part, groups) for part in parts], checked.labels, rho)
    if method == "asymptotic":
        return test
    scores, codes = [_scores(part, rho) for part in parts], [part.code for part in parts]
    if method == "exact":
        p_value = lower = upper = exact_share(scores, codes, groups)
        allocations = count_allocations(codes, groups)
    else:
        allocations = int(resamples)
        extreme = random_share(scores, codes, groups, draws=allocations, seed=seed, jobs=jobs)
        p_value = (extreme + 1) / (allocations + 1)
        lower, upper = share_limits(extreme, allocations)
    return replace(
        test, p_value=p_value, method=method, allocations=allocations, p_lower=lower, p_upper=upper
    )


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

    Notes
    -----
    R: ``survdiff`` on each pair, then ``p.adjust(p, "holm")``.

    Examples
    --------
    >>> pairs = pairwise_log_rank([1, 2, 3, 4, 5, 6], [1] * 6, list("aabbcc"), adjust="bonferroni")
    >>> pairs["p_adjusted"].round(4).tolist()
    [0.2687, 0.2687, 0.2687]
    """
    check_choice(adjust, "adjust", ADJUSTMENTS)
    # Here, because importing it takes longer than everything else in this module.
    from statsmodels.stats.multitest import multipletests

    _check_rho(rho)
    checked = observations(time, event, group)
    _refuse_one_group(checked.labels)
    parts = _by_stratum(checked, strata)
    strata_counts = [_at_event_times(part, len(checked.labels)) for part in parts]
    rows = []
    for pair in map(list, combinations(range(len(checked.labels)), 2)):
        labels = [checked.labels[code] for code in pair]
        test = _asymptotic([_of_pair(pair, *one) for one in strata_counts], labels, rho)
        rows.append((*labels, test.statistic, test.df, test.p_value))
    pairs = pd.DataFrame(rows, columns=["group_a", "group_b", "statistic", "df", "p_value"])
    known = pairs["p_value"].notna()
    pairs["p_adjusted"] = pairs["p_value"]
    if ADJUSTMENTS[adjust] and known.any():
        adjusted = multipletests(pairs.loc[known, "p_value"], method=ADJUSTMENTS[adjust])[1]
        pairs.loc[known, "p_adjusted"] = adjusted
    return pairs


def gray_test(time, cause, group, *, strata=None):
    """Test whether the cumulative incidence of each cause is the same in all groups (Gray).

    Parameters
    ----------
    time, cause
        As `cumulative_incidence`.
    group : array-like, shape (n,)
        Group of each patient.
    strata : array-like, shape (n,), optional
        The comparison is made within strata and added up.

    Returns
    -------
    DataFrame
        ``cause, statistic, df, p_value``, one row a cause; NaN where the groups cannot be compared.

    Notes
    -----
    R: ``cmprsk::cuminc(time, cause, group, strata)$Tests`` (rho = 0). Without a competing cause it
    comes close to the log-rank test, with another estimate of the variance.

    Examples
    --------
    >>> gray_test(range(1, 8), [1, 1, 0, 0, 0, 0, 0], list("aaabbbb")).round(4)
       cause  statistic  df  p_value
    0      1     3.1813   1   0.0745
    """
    checked, kind, causes = coded_causes(time, cause, group)
    _refuse_one_group(checked.labels)
    groups = len(checked.labels)
    stratum, labels = group_codes(strata, checked.row.size, "strata")
    rows = []
    for number, name in enumerate(causes):
        score, variance = np.zeros(groups), np.zeros((groups, groups))
        for code in range(len(labels)):
            here = stratum == code
            part = _gray(checked.row[here], kind[here], checked.code[here], number, groups)
            score, variance = score + part[0], variance + part[1]
        statistic = _quadratic_form(score[1:], variance[1:, 1:])
        rows.append((name, statistic, groups - 1, float(chdtrc(groups - 1, statistic))))
    return pd.DataFrame(rows, columns=["cause", "statistic", "df", "p_value"])


# Log-rank


def _check_rho(rho):
    """Refuse a weight that is no number."""
    check_number(rho, "rho", -np.inf, np.inf, "0 weights all events alike, 1 early ones more.")


def _refuse_one_group(labels):
    """Refuse a comparison of one group."""
    if len(labels) < 2:
        raise SurvivalInputError(
            f"group: there is one group only, {labels[0]!r}. A comparison needs two."
        )


def _by_stratum(checked, strata):
    """Patients of each stratum, with the codes of all groups also where one is absent."""
    if strata is None:
        return [checked]
    stratum, names = group_codes(strata, checked.row.size, "strata")
    parts = []
    for mine in (stratum == code for code in range(len(names))):
        times, row = np.unique(checked.row[mine], return_inverse=True)
        patients = checked.times[times], row, checked.event[mine], checked.code[mine]
        parts.append(Observations(*patients, checked.labels))
    return parts


def _at_event_times(part, groups, leaving=None):
    """Patients of each group, and those at risk and dying at each time of an event in any.

    `part` holds patients, or, with `leaving`, rows of counts: events, and how many leave.
    """
    happened = np.bincount(part.row, part.event) > 0
    # The event times that fall within a patient's observation are those up to its end.
    within = np.cumsum(happened)[part.row]
    shape = groups, int(happened.sum()) + 1
    cell = part.code * shape[1] + within
    ended = np.bincount(cell, leaving, shape[0] * shape[1]).reshape(shape)
    died = np.bincount(cell, part.event, shape[0] * shape[1]).reshape(shape)
    at_risk = ended[:, ::-1].cumsum(axis=1)[:, ::-1]
    return at_risk[:, 0], at_risk[:, 1:].astype(float), died[:, 1:]


def _of_pair(pair, n, at_risk, died):
    """The counts of two groups at their own event times."""
    own = died[pair].any(axis=0)
    return n[pair], at_risk[pair][:, own], died[pair][:, own]


def _log_rank_of_table(table, rho, method, **others):
    """The asymptotic test from counts: each row stands for those who leave at its time."""
    tables, parts = table if isinstance(table, list) else [table], []
    labels = common_levels(tables)
    _refuse_one_group(labels)
    for one in tables:
        counts = counts_of(one, **others)
        if method != "asymptotic" or delayed(one):
            what = f"method {method!r}" if method != "asymptotic" else "delayed entry"
            raise SurvivalInputError(f"table: a log-rank test with {what} needs the patients.")
        code = np.repeat([labels.index(label) for label in counts.labels], counts.sizes)
        times, row = distinct_times(counts.time)
        part = Observations(times, row, counts.events, code, tuple(labels))
        parts.append(_at_event_times(part, len(labels), counts.events + counts.censored))
    return _asymptotic(parts, labels, rho)


def _asymptotic(strata, labels, rho):
    """The test from the counts of each stratum, as `_at_event_times` gives them."""
    sums = [_observed_expected(at_risk, died, rho) for _, at_risk, died in strata]
    observed, expected, variance = (sum(part) for part in zip(*sums, strict=True))
    statistic, df = _chi_square(observed - expected, variance, expected > 0)
    n = sum(n for n, _, _ in strata).astype(np.int64)
    table = {"group": list(labels), "n": n, "observed": observed, "expected": expected}
    p_value = float(chdtrc(df, statistic)) if df else np.nan
    if df == 0 and statistic == 0 and (expected > 0).any():
        p_value = 1.0
    return LogRank(statistic, df, p_value, pd.DataFrame(table), "asymptotic", 0, p_value, p_value)


def _observed_expected(at_risk, died, rho):
    """Observed and expected events of each group and their covariance, in one stratum."""
    n, d = at_risk.sum(axis=0), died.sum(axis=0)
    weight = _weight(n, d, rho)
    share = at_risk / n
    expected = share @ (weight * d)
    scale = weight**2 * d * (n - d) / np.maximum(n - 1, 1)
    variance = np.diag(share @ scale) - (share * scale) @ share.T
    return died @ weight, expected, variance


def _weight(n, d, rho):
    """S(t-)^rho of all groups together at each event time."""
    survival = np.cumprod((n - d) / n) if rho else np.ones(n.size)
    return np.append(1.0, survival)[:-1] ** rho


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


def _scores(part, rho):
    """Log-rank score of each patient of one stratum; over a group they add up to O - E."""
    together = replace(part, code=np.zeros_like(part.code))
    _, (n,), (d,) = _at_event_times(together, 1)
    weight = _weight(n, d, rho)
    hazard = np.append(0.0, np.cumsum(weight * d / n))
    within = np.cumsum(np.bincount(part.row, part.event) > 0)[part.row]
    return part.event * np.append(0.0, weight)[within] - hazard[within]


# Gray


def _gray(row, kind, code, cause, groups):
    """Score of each group and its variance, for one cause in one stratum.

    Gray's risk set of a group is Y (1 - F) / S: those at risk and those who left by another cause,
    weighted for censoring. A deviation in a group's hazard at one time moves the score there and,
    through S and F, at all later times; the variance sums the squares of both together.
    """
    times = np.unique(row[kind >= 0])
    if not times.size:
        return np.zeros(groups), np.zeros((groups, groups))
    at_risk, mine, other = np.zeros((3, groups, times.size))
    for group in range(groups):
        here = code == group
        ended = np.sort(row[here])
        at_risk[group] = ended.size - np.searchsorted(ended, times, side="left")
        for table, chosen in ((mine, kind == cause), (other, (kind >= 0) & (kind != cause))):
            at = np.searchsorted(times, row[here & chosen])
            table[group] = np.bincount(at, minlength=times.size)
    present = at_risk > 0
    some = np.maximum(at_risk, 1)
    after = np.cumprod(1 - (mine + other) / some, axis=1)
    survival = np.hstack([np.ones((groups, 1)), after[:, :-1]])
    jumps = survival * mine / some
    free = 1 - (np.cumsum(jumps, axis=1) - jumps)
    inflated = np.where(present, at_risk / np.where(present, survival, 1), 0)
    gray_set = inflated * free
    deaths = mine.sum(axis=0)
    with_cause = deaths > 0
    # Where nobody has the event of this cause the share does not matter, and may be 0/0.
    share = gray_set / np.where(with_cause, gray_set.sum(axis=0), 1)
    score = (mine - share * deaths).sum(axis=1)

    everyone = inflated.sum(axis=0)
    pooled_jump = deaths / np.maximum(everyone, 1)
    pooled = np.cumsum(pooled_jump)
    pooled_hazard = np.where(with_cause, pooled_jump / (1 - (pooled - pooled_jump)), 0)
    variance = np.zeros((groups, groups))
    for group in range(groups):
        weight = np.eye(groups)[:, [group]] - inflated / np.maximum(everyone, 1)
        now = weight * inflated[group]
        moved = now * pooled_hazard
        later = moved.sum(axis=1, keepdims=True) - np.cumsum(moved, axis=1)
        left = after[group] > 0
        lost = np.where(left, (1 - pooled) / np.where(left, after[group], 1), 0)
        per = np.where(present[group], survival[group] / some[group], 0)
        from_mine = now + (1 - lost) * later
        from_other = -lost * later
        tied_mine = _tied(deaths, everyone * survival[group])
        tied_other = _tied(other[group], at_risk[group])
        variance += (from_mine * (per * pooled_jump * tied_mine)) @ from_mine.T
        variance += (from_other * (per**2 * other[group] * tied_other)) @ from_other.T
    return score, variance


def _tied(events, at_risk):
    """Tied events vary less than independent ones: the hypergeometric (m - d) / (m - 1)."""
    tied = events > 1
    return 1 - np.where(tied, (events - 1) / np.where(tied, at_risk - 1, 1), 0)


def _quadratic_form(score, variance):
    """Chi-square of the scores, or NaN where their variance is singular."""
    unit = np.sqrt(np.diag(variance))
    if not (unit > 0).all() or np.linalg.cond(variance / np.outer(unit, unit)) > 1e12:
        return np.nan
    return float(score @ np.linalg.solve(variance, score))
