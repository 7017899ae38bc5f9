"""Checked patients and their event table: who is at risk, dies or leaves at each time.

Kaplan-Meier, the log-rank test and their relatives need only counts, group by group and time by
time: from arrays and pandas frames and, where a table is too large for memory, from Parquet files
and relations by DuckDB or frames of a Dask cluster by its workers.

Times that differ by rounding noise only are one time, by the rule of R's `aeqSurv` (package
survival): neighbours among the sorted distinct times are tied when their difference, or their
difference over the mean time, is at most the square root of the machine epsilon.

What has no meaning is refused with the name of the argument and the first rows that are wrong:
nobody's outcome is guessed, and no row is dropped.
"""

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

TIE_TOLERANCE = float(np.sqrt(np.finfo(float).eps))
NO_GROUP = "all"
TABLE_COLUMNS = ["group", "time", "at_risk", "events", "censored"]
# Whole times, and cells of group and time, up to so many are counted without sorting.
MOST_CELLS = 1 << 22
PATIENTS = "patients"


class SurvivalInputError(ValueError):
    """What was handed to a survival function has no meaning there; the message says why.

    Where rows are wrong, ``rows`` has their positions and ``about`` what is said of them.
    """

    rows, about = (), ()


def event_table(source, event="event", group=None, *, time="time", entry=None, weight=None):
    """Count events and censorings at each distinct time, group by group.

    Parameters
    ----------
    source : array-like of float, shape (n,), or a table of patients
        The times at which observation ended, 0 or later; or a pandas frame, a Parquet file, a glob
        such as ``"registry/*.parquet"`` or a list of them, a DuckDB relation, a Dask frame.
    event : array-like of bool, shape (n,), or str
        True (or 1) where the observation ended with the event, False (or 0) where it was censored;
        of a table, the name of that column.
    group : array-like, shape (n,), or str, optional
        Group of each patient, or its column. Without it there is one group, ``"all"``.
    time : str
        Of a table, the column with the times.
    entry : array-like of float, shape (n,), or str, optional
        Delayed entry: a patient is at risk at t when ``entry < t <= time``.
    weight : str, optional
        Of a pandas frame, the column with how many patients a row stands for, as `count_rows`
        counts them.

    Returns
    -------
    DataFrame
        ``group, time, at_risk, events, censored``, one row each distinct time of each group;
        ``at_risk`` is just before the time. ``.attrs["delayed_entry"]`` tells whether there is any:
        then the log-rank test and Cox models need the patients. Groups are sorted (categories keep
        their order, which Parquet does not store). `kaplan_meier` and `log_rank` take it in place
        of patients.

    Raises
    ------
    SurvivalInputError
        Times that are negative or missing, an event that is not 0/1, unequal lengths, a column
        that is not there; rows of Parquet files are named by file and row.
    ImportError
        When DuckDB or Dask is needed and not installed.

    Notes
    -----
    R: ``survfit(Surv(time, event) ~ group)[c("time", "n.risk", "n.event", "n.censor")]``.

    Examples
    --------
    >>> patients = pd.DataFrame({"months": [2, 3, 3], "died": [1, 1, 0]})
    >>> event_table(patients, "died", time="months")
      group  time  at_risk  events  censored
    0   all   2.0        3       1         0
    1   all   3.0        2       1         1
    """
    columns = {"time": time, "event": event, "group": group, "entry": entry}
    if _is_table(source) or (isinstance(event, str) and _paths(source)):
        counts = _count_of(source, columns, weight)
    else:
        counts = count(observations(source, event, group, entry=entry))
    table = counts.frame()
    # Who enters between two rows of a group cannot be told from its counts any more.
    table.attrs["delayed_entry"] = entry is not None
    return table


def count_rows(source, columns):
    """Count how many rows of a table hold each combination of values of some columns.

    Parameters
    ----------
    source : a table of patients
        As `event_table` takes it: Parquet files are counted by DuckDB, out of core, a Dask frame by
        the workers of its cluster. What comes back must fit in memory.
    columns : list of str

    Returns
    -------
    DataFrame
        The columns, and ``patients``, the number of rows.

    Examples
    --------
    >>> count_rows(pd.DataFrame({"months": [2, 3, 3], "died": [1, 1, 1]}), ["months", "died"])
       months  died  patients
    0       2     1         1
    1       3     1         2
    """
    if _paths(source):
        with open_parquet(source) as (relation, _):
            return count_rows(relation, columns)
    for name in columns:
        require_column(source, name, "column")
    columns = list(dict.fromkeys(columns))
    if type(source).__name__ == "DuckDBPyRelation":
        return source.aggregate(f"{', '.join(map(_quoted, columns))}, count(*) AS {PATIENTS}").df()
    by = {"dropna": False, "observed": True, "sort": False}
    counted = source[columns].groupby(columns, **by).size()
    counted = counted.compute() if hasattr(source, "to_delayed") else counted
    return counted.rename(PATIENTS).reset_index()


# Observations and their counts


@dataclass(frozen=True)
class Observations:
    """Checked patients: positions among the distinct times, event, and group as a code."""

    times: np.ndarray  # ascending; some may be nobody's
    row: np.ndarray  # position of each patient's end of observation in `times`
    event: np.ndarray
    code: np.ndarray  # position of each patient's group in `labels`
    labels: tuple
    start: np.ndarray | None = None  # position of each patient's delayed entry in `times`

    @property
    def time(self):
        """End of each observation; times equal but for rounding noise are equal."""
        return self.times[self.row]

    @property
    def entry(self):
        """Start of each observation, or None where everybody is observed from 0."""
        return None if self.start is None else self.times[self.start]


class Counts(NamedTuple):
    """An event table as arrays: `sizes` rows each group, one group after the other."""

    labels: tuple
    sizes: np.ndarray
    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray

    def frame(self, **more):
        """Return the counts as the frame of `event_table`, with more columns."""
        columns = dict(zip(TABLE_COLUMNS[1:], self[2:], strict=True)) | more
        return pd.DataFrame({"group": repeated(self.labels, self.sizes), **columns}, copy=False)


def observations(time, event, group=None, *, entry=None):
    """Check what a caller handed over (as `event_table`) and bring it into arrays."""
    end = checked_times(time, "time")
    if end.size == 0:
        raise SurvivalInputError("time: there is not one observation. Pass at least one patient.")
    if event is None or isinstance(event, str):
        raise SurvivalInputError("event: missing. Pass one 0/1 or True/False for each time.")
    happened = checked_event(event)
    same_length(happened, end, "event")
    code, labels = group_codes(group, end.size)
    if entry is None:
        return Observations(*distinct_times(end), happened, code, labels)
    start = checked_times(entry, "entry")
    same_length(start, end, "entry")
    times, row = distinct_times(np.concatenate([end, start]))
    row, entered = row[: end.size], row[end.size :]
    wrong = "not before the time of that row", "not before the time but for rounding noise"
    remedy = "A patient must enter before the observation ends; check for swapped columns."
    for late, said in zip((start >= end, entered >= row), wrong, strict=True):
        refuse_rows(entry, late, "entry", said, remedy, start)
    return Observations(times, row, happened, code, labels, entered)


def distinct_times(values):
    """Distinct times, ascending, and the position of each value; noise makes no other time."""
    highest = values.max()
    if highest < min(4 * values.size + 1024, MOST_CELLS):
        whole = values.astype(np.intp)
        if (whole == values).all():
            return np.arange(highest + 1), whole
    times, row = np.unique(values, return_inverse=True)
    apart = np.append(True, np.diff(times) > noise_of(times))
    if not apart.all():
        times, row = times[apart], (np.cumsum(apart) - 1)[row]
    return times, row


def noise_of(times):
    """How far apart two of these distinct times may be and still be one."""
    return TIE_TOLERANCE * max(1.0, float(np.mean(times)))


def count(checked, weight=None):
    """Count checked patients, or rows that stand for so many."""
    entering = None if checked.start is None else (checked.code, checked.start, weight)
    leaving = checked.code, checked.row, weight
    events = checked.event if weight is None else checked.event * weight
    return _count(checked.labels, checked.times, leaving, events, entering)


def _count(labels, times, leaving, events, entering=None):
    """Count from who leaves and who enters: groups, positions in `times`, numbers of patients."""
    code, row, leaving = leaving
    if entering is None:
        # Everybody enters before the first time.
        sizes = np.bincount(code, leaving, len(labels))
        entering = np.arange(len(labels)), np.full(len(labels), -1), sizes
    entry_code, entry_row, entering = entering
    # A cell is a group and a time; each group's first cell stands before all times.
    stride = times.size + 1
    cell = code * stride + row + 1
    entry_cell = entry_code * stride + entry_row + 1
    cells, total = None, len(labels) * stride
    if total > min(4 * cell.size + 4096, MOST_CELLS):
        cells, at = np.unique(np.concatenate([cell, entry_cell]), return_inverse=True)
        cell, entry_cell, total = at[: cell.size], at[cell.size :], cells.size
    events, leaving, entering = (
        np.bincount(where, number, total).astype(np.int64, copy=False)
        for where, number in ((cell, events), (cell, leaving), (entry_cell, entering))
    )
    at_risk = (np.cumsum(entering) - entering) - (np.cumsum(leaving) - leaving)
    seen = np.flatnonzero(leaving)
    group, position = np.divmod(seen if cells is None else cells[seen], stride)
    events, leaving = events[seen], leaving[seen]
    sizes = np.bincount(group, minlength=len(labels))
    return Counts(labels, sizes, times[position - 1], at_risk[seen], events, leaving - events)


def counts_of(table, **others):
    """Take an event table apart again, or say that it is none; nothing else can be asked of it."""
    if given := [name for name, value in others.items() if value is not None]:
        raise SurvivalInputError(
            f"{given[0]}: an event table is counted already. Pass {given[0]} to event_table."
        )
    check_table(table)
    slices = group_slices(table)
    sizes = np.array([rows.stop - rows.start for _, rows in slices])
    columns = (table[name].to_numpy() for name in TABLE_COLUMNS[1:])
    return Counts(tuple(label for label, _ in slices), sizes, *columns)


def delayed(table):
    """Whether patients of an event table enter late: by its mark, or by its counts."""
    _, sizes, _, at_risk, events, censored = counts_of(table)
    left = within_groups(lambda n: n[::-1].cumsum()[::-1], events + censored, sizes)
    return table.attrs.get("delayed_entry", False) or bool((at_risk != left).any())


def common_levels(tables):
    """Groups of the event tables of some strata, in one order."""
    for table in tables:
        check_table(table)
    each = [list(pd.unique(table["group"])) for table in tables]
    levels = max(each, key=len)
    every = list(dict.fromkeys(label for labels in each for label in labels))
    if len(every) == len(levels):
        return levels
    return [every[position] for position in sorted_positions(every)]


def check_table(table):
    """Refuse what is no event table."""
    missing = [name for name in TABLE_COLUMNS if name not in getattr(table, "columns", ())]
    if missing or not len(table):
        raise SurvivalInputError(
            f"table: lacks {missing or 'any row'}. Pass what event_table returned."
        )


def group_slices(frame):
    """Label and rows of each group of a frame that is sorted by group."""
    labels = frame["group"].to_numpy()
    starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1])[: len(labels)]).tolist()
    return [
        (labels[a], slice(a, b)) for a, b in zip(starts, [*starts[1:], len(labels)], strict=True)
    ]


def repeated(labels, sizes):
    """Group labels, each so many times, as plain values (no categorical)."""
    values = pd.Index(list(labels)).to_numpy()
    if len(values) > 1:
        return np.repeat(values, sizes)
    rows = np.empty(sizes[0], dtype=values.dtype)
    rows.fill(values[0])  # a hundred times as fast as np.full for objects
    return rows


def within_groups(accumulate, values, sizes):
    """Run a running sum or product within each group."""
    if len(sizes) == 1:
        return accumulate(values)
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return np.concatenate([accumulate(part) for part in parts])


# What a caller hands over, argument by argument


def checked_times(values, name):
    """Times as floats, finite and not negative, or an error that says which rows are not."""
    array = one_dimensional(values, name)
    if array.dtype.kind == "b":
        raise SurvivalInputError(
            f"{describe(values, name)}: holds True/False, not numbers. Were time and event swapped?"
        )
    if array.dtype.kind not in "iuf":
        array = _object_numbers(values, array, name)
    times = array.astype(float) + 0.0  # -0.0 becomes 0.0
    if times.size and not (times.min() >= 0 and times.max() < np.inf):
        for bad, wrong, remedy in (
            (np.isnan(times), "missing", "Leave such patients out knowingly, or find the time."),
            (times < 0, "negative", "Times run from 0; check the dates behind them."),
            (np.isinf(times), "infinite", "Give the last time seen."),
        ):
            refuse_rows(values, bad, name, wrong, remedy, times)
    return times


def times_or_never(frame, column, role):
    """Times of a column, infinite where it is blank."""
    require_column(frame, column, role)
    seen, when = frame[column].notna().to_numpy(), np.full(len(frame), np.inf)
    when[seen] = checked_times(frame.loc[seen, column], column)
    return when


def checked_event(values):
    """Events as booleans, or an error that says which rows are neither 0/1 nor True/False."""
    array = one_dimensional(values, "event")
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind in "iuf":
        happened = array == 1
        bad = ~(happened | (array == 0))
    else:
        known = [isinstance(value, _NUMBER | np.bool_) and value in (0, 1) for value in array]
        happened = np.array([ok and value == 1 for ok, value in zip(known, array, strict=True)])
        happened, bad = happened.astype(bool), ~np.array(known, dtype=bool)
    remedy = "Code the event yourself, e.g. event = status == 2; 1/2 and text are not guessed."
    refuse_rows(values, bad, "event", "neither 0/1 nor True/False", remedy, array)
    return happened


def group_codes(group, n, name="group"):
    """Number the groups that occur: a code for each patient, and the labels in order."""
    if group is None:
        return np.zeros(n, dtype=np.intp), (NO_GROUP,)
    categorical = isinstance(getattr(group, "dtype", None), pd.CategoricalDtype)
    values = pd.Categorical(group) if categorical else one_dimensional(group, name)
    same_length(values, range(n), name, group)
    try:
        code, labels = (values.codes, values.categories) if categorical else pd.factorize(values)
    except TypeError:
        raise SurvivalInputError(
            f"{describe(group, name)}: row 0 holds {_plain(values[0])}. "
            "Pass one label each row: text, a number or True/False."
        ) from None
    code = np.asarray(code, dtype=np.intp)
    remedy = "Leave such patients out knowingly, or give them a group of their own."
    refuse_rows(group, code < 0, name, "missing", remedy)
    found = np.bincount(code, minlength=len(labels)) > 0
    order = range(len(labels)) if categorical else sorted_positions(labels)
    order = [position for position in order if found[position]]
    rank = np.zeros(len(labels), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank[code], tuple(labels[position] for position in order)


def sorted_positions(labels):
    """Positions of the labels when sorted; labels of mixed kinds by kind, then by text."""
    positions = range(len(labels))
    try:
        return sorted(positions, key=labels.__getitem__)
    except TypeError:
        return sorted(positions, key=lambda i: (type(labels[i]).__name__, str(labels[i])))


def check_confidence(confidence):
    """Refuse what is no confidence level."""
    check_number(confidence, "confidence", 0, 1, "Write 95% as 0.95.")


def check_number(value, name, low, high, remedy):
    """Refuse an option that is no number strictly between two others."""
    if not isinstance(value, _NUMBER) or isinstance(value, bool) or not low < value < high:
        raise SurvivalInputError(
            f"{name}: {value!r} is not a number between {low:g} and {high:g}. {remedy}"
        )


def check_choice(value, name, allowed):
    """Refuse an option that is none of those allowed."""
    if value not in allowed:
        choices = ", ".join(map(repr, allowed))
        raise SurvivalInputError(f"{name}: {value!r} is unknown. Use one of {choices}.")


def require_column(frame, name, role):
    """Refuse a column that the frame does not have, with the nearest name that it has."""
    found = list(frame.columns).count(name)
    if found > 1:
        raise SurvivalInputError(f"{role}: {found} columns are named {name!r}. Rename them.")
    if not found:
        columns = [str(column) for column in frame.columns]
        near = get_close_matches(str(name), columns, 1, 0.5)
        meant = f"; did you mean {near[0]!r}?" if near else "."
        raise SurvivalInputError(
            f"{role}: there is no column {name!r}{meant} The columns are {', '.join(columns)}."
        )


def one_dimensional(values, name):
    """Values as an array of one dimension: numbers as numbers, everything else as objects."""
    if isinstance(values, pd.Series):
        numpy_kind = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
        array = values.to_numpy() if numpy_kind in "biuf" else values.to_numpy(dtype=object)
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
    """Name an argument, with the column's own name where it has another one."""
    column = getattr(values, "name", None)
    return name if column is None or column == name else f'{name} (column "{column}")'


def refuse_rows(values, bad, name, wrong, remedy, shown=None):
    """Raise for the rows marked bad, naming the first five by the index of a Series."""
    if not bad.any():
        return
    rows = np.flatnonzero(bad)
    index = values.index if isinstance(values, pd.Series) else range(len(bad))
    found = [
        f"{index[row]}" + ("" if shown is None else f" ({_plain(shown[row])})") for row in rows[:5]
    ]
    more = f" and {rows.size - 5} more" if rows.size > 5 else ""
    error = SurvivalInputError(
        f"{describe(values, name)}: {wrong} in row{'s' * (rows.size > 1)} "
        f"{', '.join(found)}{more}. {remedy}"
    )
    error.rows, error.about = (
        rows,
        (describe(values, name), wrong, remedy, getattr(values, "name", None)),
    )
    raise error


def optional_import(name):
    """Import what only the `scale` extra installs, or say how to get it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        raise ImportError(
            f"{missing.name or name} is not installed. It comes with: pip install .[scale]"
        ) from missing


_NUMBER = int | float | np.integer | np.floating


def _plain(value):
    """How a value prints, without numpy's wrapping."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def same_length(values, times, name, column=None):
    """Refuse an argument that has more or fewer rows than there are times."""
    if len(values) != len(times):
        raise SurvivalInputError(
            f"{describe(column, name)}: {len(values)} values for {len(times)} times. "
            "Take both from the same rows."
        )


def _object_numbers(values, array, name):
    """Numbers that stand in an object array, missing ones as NaN."""
    missing = np.array([value is None or value is pd.NA for value in array], dtype=bool)
    number = [isinstance(v, _NUMBER) and not isinstance(v, bool | np.bool_) for v in array]
    bad = ~(missing | np.array(number, dtype=bool))
    refuse_rows(values, bad, name, "not a number", "Times are numbers, all in one unit.", array)
    return pd.to_numeric(pd.Series(array, dtype=object), errors="coerce").to_numpy(dtype=float)


# Tables, of any size


def _is_table(source):
    """Whether this is a frame of pandas or Dask, or a relation of DuckDB."""
    kinds = isinstance(source, pd.DataFrame), type(source).__name__ == "DuckDBPyRelation"
    return any(kinds) or hasattr(source, "to_delayed")


def _paths(source):
    """The paths of Parquet files, where that is what was handed over; a folder is all in it."""
    paths = source if isinstance(source, list | tuple) else [source]
    if not paths or not all(isinstance(one, str | Path) for one in paths):
        return []
    return [f"{one}/**/*.parquet" if Path(one).is_dir() else str(one) for one in paths]


@contextmanager
def open_parquet(paths, scheduler=""):
    """Open Parquet files: a relation of DuckDB or, of a cluster at this address, a Dask frame.

    Beside it comes a relation that knows file and row, or None.

    Examples
    --------
    >>> with open_parquet("registry") as (table, _):  # doctest: +SKIP
    ...     counted = count_rows(table, ["months", "status"])
    """
    paths = _paths(paths)
    if scheduler:
        frames = optional_import("dask.dataframe")
        with optional_import("distributed").Client(scheduler):
            yield frames.read_parquet(paths), None
        return
    duckdb = optional_import("duckdb")
    with tempfile.TemporaryDirectory() as spilled, duckdb.connect() as database:
        database.execute("SET enable_progress_bar = false")
        database.execute("SET temp_directory = ?", [spilled])
        try:
            located = database.read_parquet(paths, filename=True, file_row_number=True)
            yield database.read_parquet(paths), located
        except duckdb.Error as error:
            raise SurvivalInputError(f"path: {error}") from error


def _count_of(table, columns, weight, located=None):
    """Count a table whose rows are patients or, with a weight, stand for several."""
    if _paths(table):
        with open_parquet(table) as (relation, located):
            return _count_of(relation, columns, None, located)
    for role, name in columns.items():
        if name is not None:
            require_column(table, name, role)
    rows = table
    if not isinstance(table, pd.DataFrame):
        rows, weight = count_rows(table, [n for n in columns.values() if n is not None]), PATIENTS
    if not len(rows):
        raise SurvivalInputError("the table holds not one row. Check the path and the filter.")
    taken = {role: None if name is None else rows[name] for role, name in columns.items()}
    try:
        return count(observations(**taken), None if weight is None else rows[weight].to_numpy())
    except SurvivalInputError as error:
        if rows is table or not error.about:
            raise
        raise _told_of_rows(error, rows, located) from None


def _told_of_rows(error, rows, located):
    """Say of rows of the table what was found of rows of its counts."""
    bad = rows.iloc[error.rows]
    about, wrong, remedy, column = error.about
    n, shown = int(bad[PATIENTS].sum()), [f"({_plain(value)})" for value in bad[column].head()]
    if located is not None:
        names = list(rows.columns.drop(PATIENTS))
        alike = [
            " AND ".join(_equals(name, value) for name, value in zip(names, one, strict=True))
            for one in bad[names].head().itertuples(index=False, name=None)
        ]
        places = ", ".join(["filename", "file_row_number", _quoted(column)])
        found = located.filter(" OR ".join(alike)).project(places).limit(5).fetchall()
        shown = [f"{file} row {row} ({value})" for file, row, value in found]
    return SurvivalInputError(
        f"{about}: {wrong} in {n:,} row{'s' * (n > 1)}, first {'; '.join(shown)}. {remedy}"
    )


def _equals(name, value):
    """SQL that finds a value of a column."""
    name = _quoted(name)
    if pd.isna(value):
        return f"({name} IS NULL OR isnan(TRY_CAST({name} AS DOUBLE)))"
    if isinstance(value, _NUMBER | np.bool_):
        return f"CAST({name} AS DOUBLE) = '{float(value)!r}'::DOUBLE"
    return f"CAST({name} AS VARCHAR) = '" + str(value).replace("'", "''") + "'"


def _quoted(column):
    """Quote a column name for SQL."""
    return '"' + column.replace('"', '""') + '"'
