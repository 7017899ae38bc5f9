"""Table 1: a cohort described as the first table of a paper does, missing values counted."""

import numpy as np
import pandas as pd

from vlms.rounding import print_number, print_share
from vlms.variables import (
    EVERYONE,
    holds_numbers,
    level_name,
    levels_of,
    need_columns,
    readable,
    split_groups,
)

# Numbers that are codes: counted by level, not averaged.
CODES = ("grade",)
# An id describes nobody; times of events are censored, so that their mean would mislead.
_NOT_DESCRIBED = (
    "patient_id",
    "time_months",
    "local_recurrence_months",
    "distant_recurrence_months",
)
_MOST_LEVELS = 12


def table_one(patients, *, columns=None, by=None, labels=None, codes=CODES, decimals=1):
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
    codes : tuple of str
        Variables that are numbers but are counted by level, as a grade is.
    decimals : int
        Decimals of means and medians.

    Returns
    -------
    pandas.DataFrame
        variable, level, group, n, total, share, summary. For a level, n of total patients of whom
        the variable is known; for a number, level names the statistic and n those known. The
        level "missing" stands wherever a group lacks a value: n of all its patients.

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
        counted = column in codes or not holds_numbers(patients[column])
        shown = column if labels is None else labels.get(column, column)
        lines = _level_lines if counted else _number_lines
        lacking = patients[column].isna().any()
        for level, of_group in lines(patients[column], decimals, lacking):
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


def _level_lines(column, _, lacking):
    """Yield each level's name and what counts it in a group."""
    for level in levels_of(column):
        yield level_name(level), lambda values, level=level: _count_line(values, level)
    if lacking:
        yield "missing", _missing_line


def _number_lines(_, decimals, lacking):
    yield "mean (SD)", lambda values: _mean_line(values, decimals)
    yield "median (range)", lambda values: _median_line(values, decimals)
    if lacking:
        yield "missing", _missing_line


def _count_line(values, level):
    known = values.dropna()
    n = int((known == level).sum())
    share = n / len(known) if len(known) else np.nan
    return n, len(known), share, print_share(n, len(known)) if len(known) else "–"


def _missing_line(values):
    n, total = int(values.isna().sum()), len(values)
    return n, total, n / total if total else np.nan, print_share(n, total) if total else "–"


def _mean_line(values, decimals):
    known = values.dropna().astype(float)
    mean, sd = print_number(known.mean(), decimals), print_number(known.std(ddof=1), decimals)
    return len(known), len(values), np.nan, f"{mean} ({sd})" if len(known) else "–"


def _median_line(values, decimals):
    known = values.dropna().astype(float)
    if known.empty:
        return 0, len(values), np.nan, "–"
    numbers = known.median(), known.min(), known.max()
    # Whole months are not given a decimal that nobody measured; their median may fall between two.
    whole = (known % 1 == 0).all()
    places = [0 if whole and number % 1 == 0 else decimals for number in numbers]
    middle, low, high = map(print_number, numbers, places)
    return len(known), len(values), np.nan, f"{middle} ({low}–{high})"


def _described(column):
    if column.name in _NOT_DESCRIBED:
        return False
    levels = column.nunique()
    few = levels <= min(_MOST_LEVELS, max(2, column.notna().sum() / 2))
    return holds_numbers(column) or few
