"""From a cohort frame to what a regression needs: outcome, covariate columns, strata.

Numbers stay numbers, True/False becomes 1/0, text and categories become one 0/1 column a level
but for the first (the reference), named ``site[thigh]``. Patients with a missing covariate are
left out and counted; a missing or meaningless outcome is an error.
"""

from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from vlms.survival.arguments import SurvivalInputError, group_codes, refuse_rows
from vlms.survival.observations import Observations, observations


@dataclass(frozen=True)
class ModelFrame:
    """The patients of a regression, those with missing covariates left out.

    Attributes
    ----------
    outcome : vlms.survival.observations.Observations
    matrix : ndarray, shape (n, p)
        Covariate columns, as they are (not centred).
    terms : list of str
        Name of each column, e.g. ``age_years`` or ``sex[m]``.
    owners : list of str
        The covariate that each column belongs to.
    stratum, cluster : ndarray of int, shape (n,), or None
    strata : int
        Number of strata.
    dropped : int
        Patients left out for a missing covariate, stratum or cluster.
    notes : list of str
        What a reader must know about the columns.
    """

    outcome: Observations
    matrix: np.ndarray
    terms: list
    owners: list
    stratum: np.ndarray | None
    cluster: np.ndarray | None
    strata: int
    dropped: int
    notes: list


def model_frame(frame, covariates, *, time, event, entry=None, strata=None, cluster=None):
    """Check a frame and bring it into the arrays of a regression.

    Parameters
    ----------
    frame : DataFrame
        One row a patient, or one row an interval when `entry` is given.
    covariates : str or list of str
        Columns to be modelled.
    time, event, entry : str
        Columns with the end of observation, whether it ended with the event, and delayed entry.
    strata : str or list of str, optional
        Columns whose combinations have a baseline hazard of their own.
    cluster : str, optional
        Column that says which rows belong together.

    Returns
    -------
    ModelFrame

    Raises
    ------
    SurvivalInputError
        An unknown column, an outcome that has no meaning, a covariate that cannot be modelled.

    Examples
    --------
    >>> cohort = pd.DataFrame({"time": [1, 2, 3], "event": [1, 0, 1], "sex": ["m", "f", "m"]})
    >>> model_frame(cohort, "sex", time="time", event="event").terms
    ['sex[m]']
    """
    if not isinstance(frame, pd.DataFrame):
        raise SurvivalInputError(f"frame: a {type(frame).__name__} is no DataFrame. Pass one.")
    covariates = as_columns(covariates, "covariates")
    strata = [] if strata is None else as_columns(strata, "strata")
    if not covariates:
        raise SurvivalInputError("covariates: none given. Name at least one column.")
    if repeated := sorted({name for name in covariates if covariates.count(name) > 1}):
        raise SurvivalInputError(f"covariates: {', '.join(repeated)} given more than once.")
    for role, name in [
        ("time", time),
        ("event", event),
        ("entry", entry),
        ("cluster", cluster),
        *(("covariates", name) for name in covariates),
        *(("strata", name) for name in strata),
    ]:
        if name is not None:
            require_column(frame, name, role)
    if outcome_too := [name for name in covariates if name in (time, event, entry)]:
        raise SurvivalInputError(
            f"covariates: {', '.join(outcome_too)} is the outcome. Name other columns."
        )
    outcome = observations(frame[time], frame[event], entry=None if entry is None else frame[entry])
    needed = [*covariates, *strata, *([] if cluster is None else [cluster])]
    missing = frame[list(dict.fromkeys(needed))].isna()
    complete = ~missing.any(axis=1).to_numpy()
    dropped = int((~complete).sum())
    notes = []
    if dropped:
        gaps = ", ".join(str(name) for name in dict.fromkeys(needed) if missing[name].any())
        notes.append(f"{dropped} of {complete.size} rows left out: no value for {gaps}")
        frame, outcome = frame.loc[complete], _subset(outcome, complete)
    columns, terms, owners = [], [], []
    for name in covariates:
        notes += _reference_note(frame[name], name)
        for term, column in _columns(frame[name], name):
            columns.append(column)
            terms.append(term)
            owners.append(name)
    matrix = np.column_stack(columns) if len(frame) else np.empty((0, len(terms)))
    stratum, n_strata = _codes(frame, strata, "strata")
    return ModelFrame(
        outcome,
        matrix,
        terms,
        owners,
        stratum,
        None if cluster is None else _codes(frame, [cluster], "cluster")[0],
        n_strata,
        dropped,
        notes,
    )


def as_columns(names, role):
    """Return column names as a list; a single name stands for a list of one.

    Parameters
    ----------
    names : str or list of str
    role : str
        Name of the argument, for the message.

    Returns
    -------
    list of str

    Examples
    --------
    >>> as_columns("age_years", "covariates")
    ['age_years']
    """
    if isinstance(names, str):
        return [names]
    try:
        return list(names)
    except TypeError:
        raise SurvivalInputError(f"{role}: {names!r} is no column name or list of them.") from None


def require_column(frame, name, role):
    """Refuse a column that the frame does not have, with the nearest name it does have.

    Parameters
    ----------
    frame : DataFrame
    name : str
    role : str
        Name of the argument, for the message.

    Raises
    ------
    SurvivalInputError

    Examples
    --------
    >>> require_column(pd.DataFrame({"age_years": [1]}), "age", "covariates")
    Traceback (most recent call last):
        ...
    vlms...SurvivalInputError: covariates: there is no column 'age'; did you mean ...
    """
    if found := list(frame.columns).count(name):
        if found > 1:
            raise SurvivalInputError(f"{role}: {found} columns are named {name!r}. Rename them.")
        return
    near = get_close_matches(str(name), [str(column) for column in frame.columns], 1, 0.5)
    meant = f"; did you mean {near[0]!r}?" if near else "."
    raise SurvivalInputError(
        f"{role}: there is no column {name!r}{meant} "
        f"The columns are {', '.join(str(column) for column in frame.columns)}."
    )


def _reference_note(values, name):
    """Say that nobody has a category's first level, so that terms compare with another one."""
    if not isinstance(values.dtype, pd.CategoricalDtype) or (values.cat.codes == 0).any():
        return []
    levels = [level for level in values.cat.categories if (values == level).any()]
    if not levels:
        return []
    return [
        f"{name}: no patient has the reference level {values.cat.categories[0]}; "
        f"its terms are against {levels[-1]}. Remove the empty level"
    ]


def _columns(values, name):
    """The columns of one covariate: (term, numbers)."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels, codes = list(values.cat.categories), values.cat.codes.to_numpy()
    elif pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        if pd.api.types.is_complex_dtype(values.dtype):
            raise SurvivalInputError(f"{name}: complex numbers cannot be a covariate.")
        numbers = values.to_numpy(dtype=float)
        refuse_rows(
            values,
            ~np.isfinite(numbers),
            name,
            "infinite",
            "Leave the cell blank if it is unknown.",
            numbers,
        )
        return [(name, numbers)]
    elif pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(
        values.dtype
    ):
        raise SurvivalInputError(
            f"{name}: dates cannot be a covariate. Turn them into a number, such as years."
        )
    elif len(values) and all(isinstance(value, bool | np.bool_) for value in values):
        return [(name, values.to_numpy(dtype=float))]
    elif len(values) and all(_is_number(value) for value in values):
        # Numbers beside None arrive as objects; they are no levels.
        return _columns(values.astype(float), name)
    else:
        codes, labels = group_codes(values, len(values), name)
        levels = list(labels)
    if len(levels) == 1:
        return [(name, np.zeros(len(values)))]
    return [
        (f"{name}[{level}]", (codes == code).astype(float))
        for code, level in enumerate(levels)
        if code
    ]


def _is_number(value):
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool)


def _subset(outcome, rows):
    return replace(
        outcome,
        time=outcome.time[rows],
        event=outcome.event[rows],
        code=outcome.code[rows],
        entry=None if outcome.entry is None else outcome.entry[rows],
        ordered=None,
    )


def _codes(frame, names, role):
    if not names:
        return None, 1
    code = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        part, labels = group_codes(frame[name], len(frame), role)
        code = code * len(labels) + part
    labels, code = np.unique(code, return_inverse=True)
    return code, labels.size
