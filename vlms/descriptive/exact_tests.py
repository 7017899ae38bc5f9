"""Exact tests of small tables, and an honest word on what so few patients can show.

Fisher's test (Freeman and Halton's for more than two rows or columns, Biometrika 1951;38:141)
counts every table with the same margins. Power is computed over every outcome of the two groups,
not from a normal approximation, which is far off at a dozen patients.
"""

import math

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import gammaln

from vlms.variables import level_name, levels_of, need_columns

# Tables as likely as the observed one count as it does, whatever the last binary digit (as in R).
_AS_LIKELY = 1 + 1e-7
_MOST_TABLES = 200_000
_SIMULATED = 20_000


def cross_table(patients, row, column):
    """Count patients by two variables; those of whom either is not known are left out.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient.
    row, column : str
        The two variables.

    Returns
    -------
    pandas.DataFrame
        A row for each level of the first, a column for each level of the second.

    Examples
    --------
    >>> patients = pd.DataFrame({"sex": ["f", "f", "m"], "died": [True, False, False]})
    >>> cross_table(patients, "sex", "died").to_numpy().tolist()
    [[1, 1], [0, 1]]
    """
    need_columns(patients, [row, column])
    known = patients[[row, column]].dropna()
    rows, columns = levels_of(known[row]), levels_of(known[column])
    at_row, at_column = known[row].to_numpy(), known[column].to_numpy()
    counts = [[int(((at_row == r) & (at_column == c)).sum()) for c in columns] for r in rows]
    return pd.DataFrame(
        counts,
        index=pd.Index([level_name(r) for r in rows], name=row),
        columns=[level_name(c) for c in columns],
    )


def fisher_test(table, *, confidence=0.95, seed=20090101):
    """Test whether two variables are independent, exactly.

    Parameters
    ----------
    table : array-like of int, shape (rows, columns)
        Counts, as `cross_table` returns them.
    confidence : float
        Coverage of the interval of the odds ratio, 0–1.
    seed : int
        For the simulation that stands in where there are too many tables to enumerate.

    Returns
    -------
    pandas.DataFrame
        n, odds_ratio, lower, upper, p_value, method; one row. The odds ratio (conditional maximum
        likelihood) is of a two-by-two table, else NA. The method is "exact" or "simulated".

    Raises
    ------
    ValueError
        When the counts are not whole numbers of 0 or more, or not a table.

    Notes
    -----
    R: ``fisher.test(table)``; two-sided, by the tables that are no likelier than the observed one.
    R stops its search for the upper limit early: it gives 621.93 below, where 626.24 is exact.
    R stops its search for the upper limit early: it gives 621.93 below, where 626.24 is exact.

    Examples
    --------
    >>> fisher_test([[3, 1], [1, 3]]).round(4)
       n  odds_ratio   lower     upper  p_value method
    0  8      6.4083  0.2117  626.2435   0.4857  exact
    """
    counts = _whole_counts(table)
    kept = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    odds = [np.nan] * 3
    method = "exact"
    if counts.shape == (2, 2):
        odds = _odds_ratio(counts, confidence)
    if min(kept.shape, default=0) < 2:
        p_value = 1.0
    elif kept.shape == (2, 2):
        p_value = float(stats.fisher_exact(kept).pvalue)
    elif _at_most_tables(kept) <= _MOST_TABLES:
        p_value = _enumerated_p(kept)
    else:
        p_value, method = _simulated_p(kept, seed), "simulated"
    names = ["n", "odds_ratio", "lower", "upper", "p_value", "method"]
    return pd.DataFrame([(int(counts.sum()), *odds, p_value, method)], columns=names)


def exact_power(size, other_size, share, other_share, *, alpha=0.05):
    """Compute how often Fisher's test finds a true difference of two shares.

    Parameters
    ----------
    size, other_size : int
        Patients in either group.
    share, other_share : float
        True shares with the event, 0–1.
    alpha : float
        Two-sided level: a P at or below it counts as found.

    Returns
    -------
    float
        Power, 0–1: the summed probability of all outcomes that Fisher's test calls significant.

    Notes
    -----
    R: ``statmod::power.fisher.test`` simulates what is summed here.

    Examples
    --------
    >>> exact_power(3, 3, 0.0, 1.0)
    0.0
    >>> exact_power(4, 4, 0.0, 1.0)
    1.0
    """
    return float(_power(_significant(size, other_size, alpha), share, other_share))


def detectable_share(size, other_size, share, *, power=0.8, alpha=0.05):
    """Find how far from a given share the other group must truly lie to be told from it.

    Parameters
    ----------
    size, other_size : int
        Patients in either group.
    share : float
        True share with the event in the first group, 0–1.
    power, alpha : float
        Wanted chance to find it, and the two-sided level of Fisher's test.

    Returns
    -------
    pandas.DataFrame
        direction ("lower", "higher"), other_share (to the thousandth), power; NA where even a share
        of 0 or 1 would not be found that often.

    Examples
    --------
    >>> detectable_share(9, 3, 0.25)[["direction", "other_share"]]
      direction  other_share
    0     lower          NaN
    1    higher          NaN
    """
    significant = _significant(size, other_size, alpha)
    rows = []
    for direction, grid in (
        ("lower", np.arange(share, -0.0005, -0.001)),
        ("higher", np.arange(share, 1.0005, 0.001)),
    ):
        others = np.clip(grid, 0, 1)
        powers = np.array([_power(significant, share, other) for other in others])
        enough = np.flatnonzero(powers >= power)
        first = enough[0] if len(enough) else None
        found = (round(others[first], 3), powers[first]) if len(enough) else (np.nan, np.nan)
        rows.append((direction, *found))
    return pd.DataFrame(rows, columns=["direction", "other_share", "power"])


def _whole_counts(table):
    counts = np.asarray(table, dtype=float)
    if counts.ndim != 2 or not np.all(counts >= 0) or np.any(counts % 1):
        raise ValueError(f"A table holds whole counts of 0 or more in rows and columns: {table}.")
    return counts.astype(int)


def _odds_ratio(counts, confidence):
    margins = [*counts.sum(axis=0), *counts.sum(axis=1)]
    if min(margins) == 0:
        return [np.nan] * 3
    result = stats.contingency.odds_ratio(counts, kind="conditional")
    interval = result.confidence_interval(confidence)
    return [result.statistic, interval.low, interval.high]


def _at_most_tables(counts):
    """Bound the number of tables with these margins: the free cells range independently."""
    least = np.minimum.outer(counts.sum(axis=1)[:-1], counts.sum(axis=0)[:-1]) + 1
    return math.prod(int(cells) for cells in least.ravel())


def _enumerated_p(counts):
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    constant = gammaln(rows + 1).sum() + gammaln(columns + 1).sum() - gammaln(counts.sum() + 1)
    chances = np.exp(constant - np.array(list(_cell_sums(tuple(rows), tuple(columns)))))
    observed = math.exp(constant - gammaln(counts + 1).sum())
    return min(1.0, float(chances[chances <= observed * _AS_LIKELY].sum()))


def _cell_sums(rows, columns):
    """Yield the sum of log factorials of the cells, for each table with these margins."""
    if len(columns) == 1:
        yield sum(math.lgamma(cell + 1) for cell in rows)
        return
    for cells in _columns_that_fit(rows, columns[0]):
        here = sum(math.lgamma(cell + 1) for cell in cells)
        left = tuple(row - cell for row, cell in zip(rows, cells, strict=True))
        for rest in _cell_sums(left, columns[1:]):
            yield here + rest


def _columns_that_fit(rows, total):
    if len(rows) == 1:
        if total <= rows[0]:
            yield (total,)
        return
    for cell in range(min(rows[0], total) + 1):
        for rest in _columns_that_fit(rows[1:], total - cell):
            yield (cell, *rest)


def _simulated_p(counts, seed):
    drawn = stats.random_table(counts.sum(axis=1), counts.sum(axis=0)).rvs(
        _SIMULATED, random_state=seed
    )
    # Given the margins, a table is the likelier the smaller its product of factorials.
    no_likelier = gammaln(drawn + 1).sum(axis=(1, 2)) >= gammaln(counts + 1).sum() - 1e-7
    return float((1 + no_likelier.sum()) / (_SIMULATED + 1))


def _significant(size, other_size, alpha):
    """Return for each pair of event counts whether Fisher's test calls it significant."""
    if size < 1 or other_size < 1:
        raise ValueError(f"Both groups need a patient; found {size} and {other_size}.")
    found = np.zeros((size + 1, other_size + 1), dtype=bool)
    for events in range(size + other_size + 1):
        first = np.arange(max(0, events - other_size), min(size, events) + 1)
        chances = stats.hypergeom.pmf(first, size + other_size, events, size)
        p_values = np.array([chances[chances <= c * _AS_LIKELY].sum() for c in chances])
        found[first, events - first] = p_values <= alpha * _AS_LIKELY
    return found


def _power(significant, share, other_share):
    size, other_size = np.array(significant.shape) - 1
    chances = stats.binom.pmf(np.arange(size + 1), size, share)
    others = stats.binom.pmf(np.arange(other_size + 1), other_size, other_share)
    return chances @ significant @ others
