"""Counts and shares with exact intervals, means and medians, events for each coefficient.

A share is counted among the patients of whom the variable is known, and how many are not known
stands beside it. Intervals of shares are Clopper and Pearson's (Biometrika 1934;26:404) or
Wilson's (JASA 1927;22:209), of differences Newcombe's (Stat Med 1998;17:873, method 10), all by
scipy or statsmodels.
"""

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from vlms.variables import (
    holds_numbers,
    level_name,
    levels_of,
    need_columns,
    split_groups,
)


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
    methods = [method] if isinstance(method, str) else list(method)
    unknown = sorted(set(methods) - {"exact", "wilson"})
    if unknown:
        raise ValueError(f"The interval of a share is 'exact' or 'wilson', not {unknown}.")
    rows = [_share_row(count, total, name, confidence) for name in methods]
    return pd.DataFrame(rows, columns=["method", "count", "total", "share", "lower", "upper"])


def count_levels(
    patients, column, *, by=None, levels=None, labels=None, method="exact", confidence=0.95
):
    """Count the patients at each level of a variable, with shares and intervals.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient.
    column : str
        The variable counted.
    by : str, optional
        A variable to count within; its own missing values form the group "missing".
    levels : list, optional
        Levels to list, also those that nobody has. Default: those that occur, in order.
    labels : dict, optional
        Level → text.
    method, confidence
        As in `share_interval`.

    Returns
    -------
    pandas.DataFrame
        variable, group, level, n, total (of whom it is known), missing, share, lower, upper.

    Examples
    --------
    >>> patients = pd.DataFrame({"sex": ["f", "f", "m", None]})
    >>> count_levels(patients, "sex")[["level", "n", "total", "missing", "share"]].round(3)
      level  n  total  missing  share
    0     f  2      3        1  0.667
    1     m  1      3        1  0.333
    """
    need_columns(patients, [column, *([by] if by else [])])
    levels = levels_of(patients[column]) if levels is None else levels
    rows = []
    for group, members in split_groups(patients, by).items():
        known = members[column].dropna()
        for level in levels:
            n = int((known == level).sum())
            interval = _share_row(n, len(known), method, confidence)
            name = (labels or {}).get(level, level_name(level))
            missing = len(members) - len(known)
            rows.append((column, group, name, n, len(known), missing, *interval[3:]))
    names = ["variable", "group", "level", "n", "total", "missing", "share", "lower", "upper"]
    return pd.DataFrame(rows, columns=names)


def summarise(patients, columns, *, by=None):
    """Summarise numbers: mean and SD, median, quartiles and range.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient.
    columns : str or list of str
        Variables, each in its own unit.
    by : str, optional
        A variable to summarise within.

    Returns
    -------
    pandas.DataFrame
        variable, group, n (known), missing, mean, sd (n − 1), median, q1, q3, minimum, maximum.
        Quartiles are R's type 7, its default.

    Raises
    ------
    ValueError
        When a column is not there or does not hold numbers.

    Examples
    --------
    >>> sizes = pd.DataFrame({"size_cm": [2.0, 4.0, 9.0, None]})
    >>> summarise(sizes, "size_cm")[["n", "missing", "mean", "median", "q1", "q3"]]
       n  missing  mean  median   q1   q3
    0  3        1   5.0     4.0  3.0  6.5
    """
    columns = [columns] if isinstance(columns, str) else list(columns)
    need_columns(patients, [*columns, *([by] if by else [])])
    words = [name for name in columns if not holds_numbers(patients[name])]
    if words:
        raise ValueError(f"Only numbers have a mean; {words} hold text: use count_levels.")
    rows = [
        _summary_row(column, group, members[column])
        for column in columns
        for group, members in split_groups(patients, by).items()
    ]
    return pd.DataFrame(rows)


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


def events_per_variable(frame, covariates, *, event="event"):
    """Count the events for each coefficient that a regression would estimate.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a patient, with the covariates and the event (bool).
    covariates : list of str
        A number costs one coefficient, a variable of k levels k − 1.
    event : str
        Column of the event.

    Returns
    -------
    pandas.DataFrame
        n (patients with every covariate known), events (among them), coefficients,
        events_per_variable; one row. Below about ten, coefficients are biased away from zero and
        intervals miss their coverage (Peduzzi et al., J Clin Epidemiol 1995;48:1503).

    Examples
    --------
    >>> frame = pd.DataFrame({"event": [True, True, False], "sex": ["f", "m", "f"]})
    >>> events_per_variable(frame, ["sex"])
       n  events  coefficients  events_per_variable
    0  3       2             1                  2.0
    """
    need_columns(frame, [*covariates, event])
    known = frame[[*covariates, event]].dropna()
    costs = [
        1 if holds_numbers(known[name]) else max(known[name].nunique() - 1, 0)
        for name in covariates
    ]
    events, needed = int(known[event].astype(bool).sum()), sum(costs)
    ratio = events / needed if needed else np.nan
    names = ["n", "events", "coefficients", "events_per_variable"]
    return pd.DataFrame([(len(known), events, needed, ratio)], columns=names)


def _share_row(count, total, method, confidence):
    if total == 0:
        return (method, count, total, np.nan, np.nan, np.nan)
    interval = stats.binomtest(count, total).proportion_ci(confidence, method=method)
    return (method, count, total, count / total, interval.low, interval.high)


def _summary_row(column, group, values):
    known = values.dropna().astype(float)
    quartiles = known.quantile([0.25, 0.5, 0.75]).to_numpy()
    return {
        "variable": column,
        "group": group,
        "n": len(known),
        "missing": len(values) - len(known),
        "mean": known.mean(),
        "sd": known.std(ddof=1),
        "median": quartiles[1],
        "q1": quartiles[0],
        "q3": quartiles[2],
        "minimum": known.min(),
        "maximum": known.max(),
    }
