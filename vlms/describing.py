"""What a cohort is made of: Table 1, shares with their intervals, and what so few can show.

A share is counted among the patients of whom the variable is known, and how many are not known
stands beside it. Intervals of shares are Clopper and Pearson's (Biometrika 1934;26:404) or
Wilson's (JASA 1927;22:209), of differences Newcombe's (Stat Med 1998;17:873, method 10), all by
statsmodels. Power is summed over every outcome of two groups under Fisher's exact test, not taken
from a normal approximation, which is far off at a dozen patients.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from vlms.cohort import (
    EVERYONE,
    holds_numbers,
    level_name,
    levels_of,
    need_columns,
    readable,
    split_groups,
)
from vlms.printed import print_number, print_share

# Numbers that are codes: counted by level, not averaged.
_CODES = ("grade",)
# An id describes nobody; times of events are censored, so that their mean would mislead.
_NOT_DESCRIBED = (
    "patient_id",
    "time_months",
    "local_recurrence_months",
    "distant_recurrence_months",
)
_MOST_LEVELS = 12
_INTERVALS = {"exact": "beta", "wilson": "wilson"}
# Tables as likely as the observed one count as it does, whatever the last binary digit (as in R).
_AS_LIKELY = 1 + 1e-7


def table_one(patients, *, columns=None, by=None, labels=None, decimals=1):
    """Describe a cohort as the first table of a paper does, missing values included.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient.
    columns : list of str, optional
        Variables in the order of the table. Default: every column but the id, times of events
        and free text (more than twelve different texts, or more than half as many as patients).
    by : str, optional
        Describe each of its groups, then all patients together.
    labels : dict or pandas.Series, optional
        Variable → text, as ``cohort.columns.set_index("name")["label"]`` has it.
    decimals : int
        Decimals of means and medians.

    Returns
    -------
    pandas.DataFrame
        variable, level, group, n, total, share, summary. For a level, n of total patients of whom
        the variable is known; for a number, level names the statistic and n those known. The
        level "missing" stands wherever a group lacks a value: n of all its patients. A grade is
        counted by level though it is a number.

    Raises
    ------
    ValueError
        When a column is not there.

    Examples
    --------
    >>> patients = pd.DataFrame({"sex": ["f", "f", "m"], "age_years": [50, 60, None]})
    >>> print(table_one(patients)[["variable", "level", "summary"]].to_string(index=False))
     variable          level     summary
          sex              f   2/3 (67%)
          sex              m   1/3 (33%)
    age_years      mean (SD)  55.0 (7.1)
    age_years median (range) 55 (50–60)
    age_years        missing   1/3 (33%)
    """
    if columns is None:
        columns = [name for name in patients if name != by and _described(patients[name])]
    need_columns(patients, [*columns, *([by] if by else [])])
    groups = split_groups(patients, by)
    if by:
        groups[EVERYONE] = patients
    rows = []
    for column in columns:
        shown = column if labels is None else labels.get(column, column)
        for level, of_group in _lines(patients[column], decimals):
            for group, members in groups.items():
                rows.append((shown, level, group, *of_group(members[column])))
    names = ["variable", "level", "group", "n", "total", "share", "summary"]
    return pd.DataFrame(rows, columns=names)


def spread_groups(table):
    """Turn `table_one` into the table that is read: a column for each group.

    Parameters
    ----------
    table : pandas.DataFrame
        What `table_one` returned.

    Returns
    -------
    pandas.DataFrame
        variable, level, then the summary of each group; names of columns are written for
        the reader.

    Examples
    --------
    >>> patients = pd.DataFrame({"sex": ["f", "f", "m"], "status": ["alive", "dead", "dead"]})
    >>> spread_groups(table_one(patients, by="status"))
      variable level       alive       dead        all
    0      sex     f  1/1 (100%)  1/2 (50%)  2/3 (67%)
    1      sex     m    0/1 (0%)  1/2 (50%)  1/3 (33%)
    """
    keys = ["variable", "level"]
    order = list(dict.fromkeys(table["group"]))
    wide = table.set_index([*keys, "group"])["summary"].unstack("group", sort=False)[order]
    wide = wide.reset_index().rename_axis(columns=None)
    return wide.assign(**{key: wide[key].map(readable) for key in keys})


def share_interval(count, total, *, method="exact", confidence=0.95):
    """Estimate a share with its confidence interval, by one method or several side by side.

    Parameters
    ----------
    count, total : int
        Patients with the trait, and patients of whom it is known.
    method : {"exact", "wilson"} or list of these
        Clopper–Pearson or Wilson without continuity correction.
    confidence : float
        Coverage, 0–1.

    Returns
    -------
    pandas.DataFrame
        method, count, total, share, lower, upper; one row a method, NA where the total is 0.

    Raises
    ------
    ValueError
        When the count is not between 0 and the total, or the method is unknown.

    Notes
    -----
    R: ``binom.test(9, 12)$conf.int``; ``prop.test(9, 12, correct = FALSE)$conf.int``.

    Examples
    --------
    >>> share_interval(9, 12, method=["exact", "wilson"]).round(4)
       method  count  total  share   lower   upper
    0   exact      9     12   0.75  0.4281  0.9451
    1  wilson      9     12   0.75  0.4677  0.9111
    """
    count, total = int(count), int(total)
    if not 0 <= count <= total:
        raise ValueError(f"A count is between 0 and its total; found {count} of {total}.")
    rows = []
    for name in [method] if isinstance(method, str) else method:
        if name not in _INTERVALS:
            raise ValueError(f"The interval of a share is 'exact' or 'wilson', not {name!r}.")
        limits, share = (np.nan, np.nan), np.nan
        if total:
            share = count / total
            limits = proportion_confint(count, total, 1 - confidence, _INTERVALS[name])
        rows.append((name, count, total, share, *limits))
    return pd.DataFrame(rows, columns=["method", "count", "total", "share", "lower", "upper"])


def difference_of_shares(count, total, other_count, other_total, *, confidence=0.95):
    """Estimate the difference of two independent shares with Newcombe's interval.

    Parameters
    ----------
    count, total, other_count, other_total : int
        Patients with the trait, and all, in either group.
    confidence : float
        Coverage, 0–1.

    Returns
    -------
    pandas.DataFrame
        share, other_share, difference (share − other_share), lower, upper; one row.

    Raises
    ------
    ValueError
        When a count is not between 0 and its total, or a total is 0.

    Notes
    -----
    R: ``DescTools::BinomDiffCI(56, 70, 48, 80, method = "score")``. Newcombe's Table II (a) prints
    0.0524 to 0.3339 for these counts.

    Examples
    --------
    >>> difference_of_shares(56, 70, 48, 80).round(4)
       share  other_share  difference   lower   upper
    0    0.8          0.6         0.2  0.0524  0.3339
    """
    for part, whole in ((count, total), (other_count, other_total)):
        if not 0 <= part <= whole or whole < 1:
            raise ValueError(f"A count is between 0 and its total; found {part} of {whole}.")
    lower, upper = confint_proportions_2indep(
        count, total, other_count, other_total, method="newcomb", alpha=1 - confidence
    )
    share, other = count / total, other_count / other_total
    row = {"share": share, "other_share": other, "difference": share - other}
    return pd.DataFrame([row | {"lower": lower, "upper": upper}])


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

    Raises
    ------
    ValueError
        When a group has no patient.

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
    if size < 1 or other_size < 1:
        raise ValueError(f"Both groups need a patient; found {size} and {other_size}.")
    power = 0.0
    for events in range(size + other_size + 1):
        first = np.arange(max(0, events - other_size), min(size, events) + 1)
        chances = stats.hypergeom.pmf(first, size + other_size, events, size)
        p_values = np.array([chances[chances <= c * _AS_LIKELY].sum() for c in chances])
        found = first[p_values <= alpha * _AS_LIKELY]
        other = stats.binom.pmf(events - found, other_size, other_share)
        power += float(stats.binom.pmf(found, size, share) @ other)
    return power


def standardised_difference(values, group):
    """Measure how far groups differ in one variable, in standard deviations.

    Parameters
    ----------
    values : pandas.Series
        Numbers, or levels.
    group : pandas.Series
        Group of each patient. Who lacks either is left out.

    Returns
    -------
    float
        The largest difference of any two groups, 0 or more; NaN where a group has too few values
        or nothing varies.

    Notes
    -----
    Of numbers the difference of the means over the root of the mean variance; of levels the
    distance of the shares in their mean covariance (Yang & Dalton, SAS Global Forum 2012, 335). R:
    ``tableone::ExtractSmd(CreateTableOne(strata = "group", data = d))``.

    Examples
    --------
    >>> arm = pd.Series(["a"] * 4 + ["b"] * 4)
    >>> round(standardised_difference(pd.Series([1, 2, 3, 4, 2, 3, 4, 5]), arm), 4)
    0.7746
    >>> round(standardised_difference(pd.Series(list("xxxyxyyy")), arm), 4)
    1.1547
    """
    known = values.notna() & group.notna()
    values, group = values[known], group[known].astype(str)
    if holds_numbers(values):
        moments = values.astype("float64").groupby(group).agg(["mean", "var"])
        means, spreads = moments[["mean"]].to_numpy(), moments["var"].to_numpy()[:, None, None]
    else:
        shares = pd.crosstab(group, values.astype(str), normalize="index").iloc[:, 1:]
        means = shares.to_numpy()
        spreads = np.array([np.diag(share) - np.outer(share, share) for share in means])
    found = [np.nan]
    for one, other in combinations(range(len(means)), 2):
        spread, apart = (spreads[one] + spreads[other]) / 2, means[one] - means[other]
        if spread.size and np.isfinite(spread).all() and np.any(spread > 0):
            found.append(np.sqrt(apart @ np.linalg.pinv(spread, hermitian=True) @ apart))
    return float(np.nanmax(found)) if len(found) > 1 else np.nan


def _described(column):
    """Whether Table 1 shows a column that nobody asked for by name."""
    if column.name in _NOT_DESCRIBED:
        return False
    few = column.nunique() <= min(_MOST_LEVELS, max(2, column.notna().sum() / 2))
    return holds_numbers(column) or few


def _lines(column, decimals):
    """Yield the name of each line of a variable, and what computes it in a group."""
    if column.name in _CODES or not holds_numbers(column):
        for level in levels_of(column):
            yield level_name(level), lambda values, level=level: _count(values.dropna() == level)
    else:
        yield "mean (SD)", lambda values: _mean(values, decimals)
        yield "median (range)", lambda values: _median(values, decimals)
    if column.isna().any():
        yield "missing", lambda values: _count(values.isna())


def _count(have):
    """How many have a level, of how many, as a share and in words."""
    n, total = int(have.sum()), len(have)
    return n, total, n / total if total else np.nan, print_share(n, total) if total else "–"


def _mean(values, decimals):
    """Mean and standard deviation (n − 1) in words, after how many are known of how many."""
    known = values.dropna().astype(float)
    mean, sd = print_number(known.mean(), decimals), print_number(known.std(ddof=1), decimals)
    return len(known), len(values), np.nan, f"{mean} ({sd})" if len(known) else "–"


def _median(values, decimals):
    """Median and range in words, after how many are known of how many."""
    known = values.dropna().astype(float)
    if known.empty:
        return 0, len(values), np.nan, "–"
    numbers = known.median(), known.min(), known.max()
    # Whole months are not given a decimal that nobody measured; their median may fall between two.
    whole = (known % 1 == 0).all()
    places = [0 if whole and number % 1 == 0 else decimals for number in numbers]
    middle, low, high = map(print_number, numbers, places)
    return len(known), len(values), np.nan, f"{middle} ({low}–{high})"
