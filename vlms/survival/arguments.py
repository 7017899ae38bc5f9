"""What a caller hands to a survival function, checked argument by argument.

Times are numbers from 0, an event is 0/1 or True/False, a group is anything with equal and
different values. Whatever has no meaning is refused with the name of the argument and its first
offending rows: nothing is guessed about who had the event, and no row is dropped unsaid.
"""

import numpy as np
import pandas as pd

NO_GROUP = "all"
MOST_CODES = 1000


class SurvivalInputError(ValueError):
    """What was handed to a survival function has no meaning there; the message says why."""


def checked_times(values, name):
    """Return times as floats, or say which rows are no times.

    Parameters
    ----------
    values : array-like
        What the caller passed.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    ndarray of float
        Finite numbers, 0 or greater.

    Raises
    ------
    SurvivalInputError
        Text, dates, missing, infinite or negative times.

    Examples
    --------
    >>> checked_times([1, 2.5], "time")
    array([1. , 2.5])
    """
    array = one_dimensional(values, name)
    if array.dtype.kind == "b":
        raise SurvivalInputError(
            f"{describe(values, name)}: holds True/False, not numbers. Were time and event swapped?"
        )
    if array.dtype.kind not in "iuf":
        array = _object_numbers(values, array, name)
    months = array.astype(float, copy=False)
    low, high = (months.min(), months.max()) if months.size else (0.0, 0.0)
    if low == 0:
        # Turns -0.0 into 0.0, so that the bits of a time sort as the time does.
        months = months + 0.0
    if not (low >= 0 and high < np.inf):
        refuse_rows(
            values,
            np.isnan(months),
            name,
            "missing",
            "Leave such patients out knowingly, or find the time.",
            months,
        )
        refuse_rows(
            values,
            months < 0,
            name,
            "negative",
            "Times run from 0 in months; check the dates behind them.",
            months,
        )
        refuse_rows(values, np.isinf(months), name, "infinite", "Give the last time seen.", months)
    return months


def checked_event(values, name="event"):
    """Return the event indicator as booleans, or say which rows are neither 0 nor 1.

    Parameters
    ----------
    values : array-like
        What the caller passed: booleans, or numbers 0 and 1.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    ndarray of bool
        True where the event happened.

    Raises
    ------
    SurvivalInputError
        Codes such as 1/2, text, missing values: nothing is guessed about who had the event.

    Examples
    --------
    >>> checked_event([1, 0, True])
    array([ True, False,  True])
    >>> checked_event([1, 2])
    Traceback (most recent call last):
        ...
    vlms...SurvivalInputError: event: neither 0/1 nor True/False in row 1 (2). Code ...
    """
    array = one_dimensional(values, name)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind in "iuf":
        happened = array == 1
        bad = ~(happened | (array == 0))
    else:
        happened = np.array([_is_true(value) for value in array], dtype=object)
        bad = np.array([value is None for value in happened], dtype=bool)
    if bad.any():
        refuse_rows(
            values,
            bad,
            name,
            "neither 0/1 nor True/False",
            "Code the event yourself, e.g. event = status == 2; 1/2 and text are not guessed.",
            array,
        )
    return happened.astype(bool)


def group_codes(group, n, name="group"):
    """Number the groups: a code for each patient and the labels in order.

    Parameters
    ----------
    group : array-like, shape (n,), or None
        Strings, numbers, booleans or a categorical.
    n : int
        Number of patients.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    code : ndarray of int, shape (n,)
    labels : tuple
        The groups that occur; a categorical's in its own order, all others sorted.

    Raises
    ------
    SurvivalInputError
        A missing group, or a length other than `n`.

    Examples
    --------
    >>> group_codes(["m", "f", "m"], 3)
    (array([1, 0, 1]), ('f', 'm'))
    """
    if group is None:
        # One zero that stands in every row: a million of them are not worth writing.
        return np.broadcast_to(np.intp(0), n), (NO_GROUP,)
    categorical = isinstance(getattr(group, "dtype", None), pd.CategoricalDtype)
    values = pd.Categorical(group) if categorical else one_dimensional(group, name)
    if len(values) != n:
        raise SurvivalInputError(
            f"{describe(group, name)}: {len(values)} values for {n} times. "
            "Take both from the same rows."
        )
    if categorical:
        code, labels = np.asarray(values.codes, dtype=np.intp), values.categories
    elif values.dtype.kind in "iu" and values.min() >= 0 and values.max() < MOST_CODES:
        # Small whole numbers are codes already; gaps among them are closed below.
        code = values.astype(np.intp, copy=False)
        labels = np.arange(int(values.max()) + 1).astype(values.dtype)
    else:
        try:
            code, labels = pd.factorize(values)
        except TypeError:
            raise SurvivalInputError(
                f"{describe(group, name)}: row 0 holds {_plain(values[0])}. "
                "Pass one label each row: text, a number or True/False."
            ) from None
    if n and code.min() < 0:
        refuse_rows(
            group,
            code < 0,
            name,
            "missing",
            "Leave such patients out knowingly, or give them a group of their own.",
        )
    order = np.arange(len(labels)) if categorical else sorted_positions(labels)
    present = order[np.bincount(code, minlength=len(labels))[order] > 0]
    rank = np.full(len(labels), -1, dtype=np.intp)
    rank[present] = np.arange(present.size)
    code = np.asarray(code, dtype=np.intp)
    # Nothing to renumber when the groups were met in their order already.
    in_order = bool((rank == np.arange(rank.size)).all())
    return code if in_order else rank[code], tuple(labels[position] for position in present)


def sorted_positions(labels):
    """Order in which group labels are listed: sorted, mixed kinds by kind and text.

    Parameters
    ----------
    labels : sequence
        Distinct labels.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> sorted_positions(["b", "a"]).tolist()
    [1, 0]
    """
    try:
        return np.argsort(np.asarray(labels), kind="stable")
    except TypeError:
        # Mixed kinds have no order of their own: by kind, then by how they print.
        keys = [(type(label).__name__, str(label)) for label in labels]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def check_number(value, name, low, high, remedy):
    """Refuse an option that is no number strictly between two others.

    Parameters
    ----------
    value : object
        What the caller passed.
    name : str
        The option.
    low, high : float
        The bounds.
    remedy : str
        What to pass instead.

    Raises
    ------
    SurvivalInputError
        Text, a missing value, True or False, or a number outside the bounds.

    Examples
    --------
    >>> check_number(95, "confidence", 0, 1, "Write 95% as 0.95.")
    Traceback (most recent call last):
        ...
    vlms.survival.arguments.SurvivalInputError: confidence: 95 is not a number between 0 and 1. ...
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or isinstance(value, bool) or not low < value < high:
        raise SurvivalInputError(
            f"{name}: {value!r} is not a number between {low:g} and {high:g}. {remedy}"
        )


def one_dimensional(values, name):
    """Return values as an array of one dimension, numbers as numbers, everything else as objects.

    Parameters
    ----------
    values : array-like
        What the caller passed.
    name : str
        Name of the argument, for the message.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    SurvivalInputError
        A scalar, or more than one column.

    Examples
    --------
    >>> one_dimensional([1, 2], "time")
    array([1, 2])
    """
    if isinstance(values, pd.Series):
        plain = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
        array = values.to_numpy() if plain in "biuf" else values.to_numpy(dtype=object)
    elif isinstance(values, np.ndarray):
        array = values
    else:
        array = np.asarray(values if hasattr(values, "__len__") else list(np.atleast_1d(values)))
        if array.dtype.kind not in "biuf":
            array = np.array(list(values), dtype=object)
    if array.ndim != 1:
        raise SurvivalInputError(
            f"{name}: has {array.ndim} dimensions, shape {array.shape}. Pass one column."
        )
    return array


def describe(values, name):
    """Name an argument, with the column's own name where it has another one.

    Parameters
    ----------
    values : array-like
        What the caller passed.
    name : str
        Name of the argument.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> describe(pd.Series([1], name="months"), "time")
    'time (column "months")'
    """
    column = getattr(values, "name", None)
    return name if column is None or column == name else f'{name} (column "{column}")'


def refuse_rows(values, bad, name, wrong, remedy, shown=None):
    """Raise for the rows marked bad, naming the first of them; do nothing when there is none.

    Parameters
    ----------
    values : array-like
        What the caller passed; a Series gives its index as row names.
    bad : ndarray of bool
        The rows that are wrong.
    name, wrong, remedy : str
        The argument, what is wrong there, what to do.
    shown : ndarray, optional
        The values to show.

    Raises
    ------
    SurvivalInputError
        When any row is bad.

    Examples
    --------
    >>> import numpy as np
    >>> refuse_rows([1, 2], np.array([False, False]), "time", "negative", "Look again.")
    """
    rows = np.flatnonzero(bad)
    if rows.size == 0:
        return
    index = values.index if isinstance(values, pd.Series) else range(len(bad))
    found = [
        f"{index[row]}" + ("" if shown is None else f" ({_plain(shown[row])})") for row in rows[:5]
    ]
    more = f" and {rows.size - 5} more" if rows.size > 5 else ""
    noun = "row" if rows.size == 1 else "rows"
    raise SurvivalInputError(
        f"{describe(values, name)}: {wrong} in {noun} {', '.join(found)}{more}. {remedy}"
    )


def _plain(value):
    return repr(value.item() if isinstance(value, np.generic) else value)


def _is_true(value):
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.number) and value in (0, 1):
        return value == 1
    return None


def _object_numbers(values, array, name):
    bad = np.array(
        [
            isinstance(value, bool | np.bool_)
            or not (
                value is None
                or value is pd.NA
                or isinstance(value, int | float | np.integer | np.floating)
            )
            for value in array
        ],
        dtype=bool,
    )
    refuse_rows(values, bad, name, "not a number", "Times are numbers of months.", array)
    return pd.to_numeric(pd.Series(array, dtype=object), errors="coerce").to_numpy(dtype=float)
