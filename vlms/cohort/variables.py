"""What a variable of a cohort is: its levels in order, its groups, its name for a reader."""

import numpy as np
import pandas as pd

EVERYONE = "all"
_UNITS = {"months": "months", "years": "years", "cm": "cm", "mm": "mm", "gy": "Gy"}


def split_groups(patients, by):
    """Return the patients of each group by its name; those of no known group are "missing"."""
    if by is None:
        return {EVERYONE: patients}
    groups = {level_name(v): patients[patients[by] == v] for v in levels_of(patients[by])}
    if patients[by].isna().any():
        groups["missing"] = patients[patients[by].isna()]
    return groups


def levels_of(column):
    """Return the levels of a variable in order: categories, True before False, or sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.categories)
    levels = list(column.dropna().unique())
    if set(map(type, levels)) <= {bool, np.bool_}:
        return sorted(levels, reverse=True)
    return sorted(levels, key=lambda level: (isinstance(level, str), level))


def level_name(level):
    """Return a level as text: yes or no, a whole number without its point."""
    if isinstance(level, (bool, np.bool_)):
        return "yes" if level else "no"
    if isinstance(level, (float, np.floating)) and level % 1 == 0:
        return str(int(level))
    return str(level)


def readable(name):
    """Return the name of a column as a reader would write it, its unit in brackets.

    Examples
    --------
    >>> readable("size_cm"), readable("dead_of_disease"), readable("R0")
    ('size (cm)', 'dead of disease', 'R0')
    """
    words = str(name).split("_")
    if len(words) > 1 and words[-1] in _UNITS:
        return f"{' '.join(words[:-1])} ({_UNITS[words[-1]]})"
    return " ".join(words)


def holds_numbers(column):
    """Whether a column is of numbers, which True and False are not."""
    kind = pd.api.types
    return kind.is_numeric_dtype(column) and not kind.is_bool_dtype(column)


def need_columns(frame, names):
    """Raise ValueError with the columns that a frame does not have, and those that it has."""
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ValueError(f"No column {absent}; the frame has {list(frame.columns)}.")
