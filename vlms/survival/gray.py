"""Gray's test: is the cumulative incidence of a cause the same in all groups?

Why own code: neither lifelines nor statsmodels has it. The log-rank test is no stand-in: it
compares cause-specific hazards, which can be equal while the shares that have the event differ.

Source: Gray, Ann Stat 1988;16:1141, sections 2 and 3, with rho = 0.
"""

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from vlms.survival.arguments import SurvivalInputError, group_codes
from vlms.survival.competing_risks import coded_causes


def gray_test(time, cause, group, *, strata=None, censored=0):
    """Test whether the cumulative incidence of each cause is the same in all groups (Gray).

    Parameters
    ----------
    time, cause, censored
        As `vlms.survival.competing_risks.cumulative_incidence`.
    group : array-like, shape (n,)
        Group of each patient.
    strata : array-like, shape (n,), optional
        The comparison is made within strata and added up.

    Returns
    -------
    DataFrame
        ``cause, statistic, df, p_value``, one row a cause; NA where the groups cannot be compared.

    Raises
    ------
    vlms.survival.arguments.SurvivalInputError
        As `vlms.survival.competing_risks.cumulative_incidence`, and for fewer than two groups.

    Notes
    -----
    R: ``cmprsk::cuminc(time, cause, group, strata)$Tests`` (rho = 0). Where there is no competing
    cause it comes close to the log-rank test, with another estimate of the variance.

    Examples
    --------
    >>> gray_test(range(1, 8), [1, 1, 0, 0, 0, 0, 0], list("aaabbbb")).round(4)
       cause  statistic  df  p_value
    0      1     3.1813   1   0.0745
    """
    checked, kind, causes = coded_causes(time, cause, group, censored)
    groups = len(checked.labels)
    if groups < 2:
        raise SurvivalInputError(
            f"group: only {list(checked.labels)}. A test compares at least two groups."
        )
    stratum, labels = group_codes(strata, checked.time.size, "strata")
    rows = []
    for number, name in enumerate(causes):
        score, variance = np.zeros(groups), np.zeros((groups, groups))
        for code in range(len(labels)):
            here = stratum == code
            part = _gray(checked.time[here], kind[here], checked.code[here], number, groups)
            score, variance = score + part[0], variance + part[1]
        statistic = _quadratic(score[1:], variance[1:, 1:])
        rows.append((name, statistic, groups - 1, float(chdtrc(groups - 1, statistic))))
    return pd.DataFrame(rows, columns=["cause", "statistic", "df", "p_value"])


def _gray(time, kind, code, cause, groups):
    """Score of each group and its variance, for one cause in one stratum.

    Gray's risk set of a group at a time is Y (1 - F) / S: those at risk and those who left by
    another cause, weighted for censoring. The score is observed minus expected events as in a
    log-rank test. A deviation in a group's hazard at one time moves the score there and, through
    S and F, at all later times; its variance is the sum of the squares of both together.
    """
    times = np.unique(time[kind >= 0])
    if not times.size:
        return np.zeros(groups), np.zeros((groups, groups))
    at_risk, mine, other = np.zeros((3, groups, times.size))
    for group in range(groups):
        here = code == group
        ended = np.sort(time[here])
        at_risk[group] = ended.size - np.searchsorted(ended, times, side="left")
        for table, chosen in ((mine, kind == cause), (other, (kind >= 0) & (kind != cause))):
            at = np.searchsorted(times, time[here & chosen])
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
    # Tied events vary less than independent ones: the hypergeometric factor (m - d) / (m - 1).
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
        variance += (
            from_mine * (per * pooled_jump * _tied(deaths, everyone * survival[group]))
        ) @ from_mine.T
        variance += (
            from_other * (per**2 * other[group] * _tied(other[group], at_risk[group]))
        ) @ from_other.T
    return score, variance


def _tied(events, at_risk):
    tied = events > 1
    return 1 - np.where(tied, (events - 1) / np.where(tied, at_risk - 1, 1), 0)


def _quadratic(score, variance):
    unit = np.sqrt(np.diag(variance))
    if not (unit > 0).all() or np.linalg.cond(variance / np.outer(unit, unit)) > 1e12:
        return np.nan
    return float(score @ np.linalg.solve(variance, score))
