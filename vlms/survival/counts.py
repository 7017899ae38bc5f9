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
NUMBERS = (
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE"
).split()
PARTITIONS_AT_ONCE = 16
NO_COUNT = dict.fromkeys(("leaving", "events", "censored", "late", "entering"), 0)


class SurvivalInputError(ValueError):
    """What was handed to a survival function has no meaning there; the message says why."""


def event_table(source, event="event", group=None, *, time="time", entry=None):
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
    table = _count_source(source, columns)
    # Who enters between two rows of a group cannot be told from its counts any more.
    table.attrs["delayed_entry"] = entry is not None
    return table


def _count_source(source, columns):
    """Count any kind of table, or arrays."""
    event, group, entry = (columns[role] for role in ("event", "group", "entry"))
    if isinstance(source, pd.DataFrame):
        for role, name in columns.items():
            if name is not None:
                require_column(source, name, role)
        return count(observations(**_taken(source, columns))).frame()
    if type(source).__name__ == "DuckDBPyRelation":
        return _count_relation(source, columns)
    if hasattr(source, "to_delayed"):
        return _count_dask(source, columns)
    paths = source if isinstance(source, list | tuple) else [source]
    if isinstance(event, str) and paths and all(isinstance(one, str | Path) for one in paths):
        return _count_parquet([str(one) for one in paths], columns)
    return count(observations(source, event, group, entry=entry)).frame()


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


def count(checked):
    """Count checked patients."""
    entering = None if checked.start is None else (checked.code, checked.start, None)
    leaving = checked.code, checked.row, None
    return _count(checked.labels, checked.times, leaving, checked.event, entering)


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
    raise SurvivalInputError(
        f"{describe(values, name)}: {wrong} in row{'s' * (rows.size > 1)} "
        f"{', '.join(found)}{more}. {remedy}"
    )


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


# Tables too large for memory


def _count_parquet(paths, columns):
    """Count Parquet files, reading only the columns asked for."""
    duckdb = optional_import("duckdb")
    with duckdb.connect() as database:
        database.execute("SET enable_progress_bar = false")
        try:
            relation = database.read_parquet(paths)
        except duckdb.IOException as missing:
            raise SurvivalInputError(f"path: {missing}") from missing

        def located():
            return database.read_parquet(paths, filename=True, file_row_number=True)

        return _count_relation(relation, columns, ", ".join(paths), located)


def _count_relation(relation, columns, where="relation", located=None):
    """Count a DuckDB relation by two queries that group by label and time."""
    _check_columns(columns, relation.columns, where)
    _check_types(dict(zip(relation.columns, map(str, relation.types), strict=True)), columns, where)
    quoted = {role: _quoted(name) for role, name in columns.items() if name is not None}
    label = f"{quoted['group']} AS label" if "group" in quoted else f"'{NO_GROUP}' AS label"
    late = f"{quoted['entry']} >= {quoted['time']}" if "entry" in quoted else "false"
    counted = relation.aggregate(
        f"{label}, CAST({quoted['time']} AS DOUBLE) AS at, count(*) AS leaving, "
        f"count(*) FILTER ({quoted['event']} = 1) AS events, "
        f"count(*) FILTER ({quoted['event']} = 0) AS censored, "
        f"count(*) FILTER ({late}) AS late"
    ).df()
    if "entry" in quoted:
        entering = f"{label}, CAST({quoted['entry']} AS DOUBLE) AS at, count(*) AS entering"
        counted = pd.concat([counted, relation.aggregate(entering).df()]).fillna(NO_COUNT)
    # The counts betray a row that has no meaning; only then are the rows looked at again.
    if (
        not ((counted["at"] >= 0) & (counted["at"] < np.inf)).all()
        or (counted["events"] + counted["censored"] != counted["leaving"]).any()
        or counted["label"].isna().any()
        or counted["late"].any()
    ):
        _refuse_relation(located() if located else relation, columns, quoted)
    return _assemble(counted)


def _refuse_relation(relation, columns, quoted):
    """Find what is wrong with the rows of a relation and name the first of them."""
    time, event, group, entry = (quoted.get(role) for role in columns)
    rules = [
        ("time", "missing", f"{time} IS NULL OR isnan(CAST({time} AS DOUBLE))"),
        ("time", "negative or infinite", f"{time} < 0 OR isinf(CAST({time} AS DOUBLE))"),
        ("event", "neither 0/1 nor True/False",
         f"{event} IS NULL OR CAST({event} AS DOUBLE) NOT IN (0, 1)"),
        ("group", "missing", f"{group} IS NULL"),
        ("entry", "missing, negative or infinite",
         f"{entry} IS NULL OR {entry} < 0 OR NOT isfinite(CAST({entry} AS DOUBLE))"),
        ("entry", "not before the time of that row", f"{entry} >= {time}"),
    ]  # fmt: skip
    place = ["filename", "file_row_number"] if "file_row_number" in relation.columns else []
    for role, wrong, rule in rules:
        if role not in quoted:
            continue
        bad = relation.filter(rule)
        if number := bad.aggregate("count(*)").fetchall()[0][0]:
            rows = bad.project(", ".join([*place, quoted[role]])).limit(5).fetchall()
            form = "{} row {} ({})" if place else "({})"
            raise SurvivalInputError(
                f'{role} (column "{columns[role]}"): {wrong} in {number:,} '
                f"row{'s' * (number > 1)}, first {'; '.join(form.format(*row) for row in rows)}. "
                "Correct or leave out such rows knowingly."
            )


def _count_dask(frame, columns):
    """Count a Dask frame, partition by partition, on its cluster."""
    dask = optional_import("dask")
    _check_columns(columns, list(frame.columns), "frame")
    order, group = None, columns["group"]
    if group is not None and isinstance(frame[group].dtype, pd.CategoricalDtype):
        categories = frame[group].cat
        order = list(categories.categories) if categories.known else None
    counted, add = dask.delayed(_count_partition), dask.delayed(_add_counts)
    wanted = [name for name in columns.values() if name is not None]
    parts = [counted(part, columns) for part in frame[wanted].to_delayed()]
    while len(parts) > 1:
        parts = [
            add(parts[start : start + PARTITIONS_AT_ONCE])
            for start in range(0, len(parts), PARTITIONS_AT_ONCE)
        ]
    return _assemble(parts[0].compute(), order)


def _count_partition(part, columns):
    """Count one partition: who leaves and who enters, by label and time."""
    if not len(part):
        return pd.DataFrame()
    taken = _taken(part, columns)
    checked = observations(**taken)
    label = np.array(checked.labels, dtype=object)[checked.code]
    # The times as they are: noise is judged when all partitions are together.
    at = checked_times(taken["time"], "time")
    counted = pd.DataFrame({"label": label, "at": at, "leaving": 1, "events": checked.event * 1})
    if taken["entry"] is not None:
        at = checked_times(taken["entry"], "entry")
        entering = pd.DataFrame({"label": label, "at": at, "entering": 1})
        counted = pd.concat([counted, entering]).fillna(NO_COUNT)
    return _add_counts([counted])


def _add_counts(parts):
    """Add up the counts of partitions, some of which may have no row."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame()
    return pd.concat(parts).groupby(["label", "at"], sort=False).sum().reset_index()


def _assemble(counted, order=None):
    """Bring counts by label and time, in any order, into the form of `event_table`."""
    if counted.empty:
        raise SurvivalInputError("the table holds not one row. Check the path and the filter.")
    known = counted["label"] if order is None else pd.Categorical(counted["label"], order)
    code, labels = group_codes(known, len(counted))
    times, row = distinct_times(counted["at"].to_numpy() + 0.0)
    events, leaving = counted["events"].to_numpy(float), counted["leaving"].to_numpy(float)
    late = "entering" in counted
    entering = (code, row, counted["entering"].to_numpy(float)) if late else None
    counts = _count(labels, times, (code, row, leaving), events, entering)
    if (counts.at_risk < counts.events + counts.censored).any():
        raise SurvivalInputError("entry: not before the time but for rounding noise in some rows.")
    return counts.frame()


def _taken(frame, columns):
    """The columns of a frame by what they are."""
    return {role: None if name is None else frame[name] for role, name in columns.items()}


def _quoted(column):
    """Quote a column name for SQL."""
    return '"' + column.replace('"', '""') + '"'


def _check_columns(columns, found, where):
    """Refuse columns that a table does not have."""
    missing = [name for name in columns.values() if name is not None and name not in found]
    if missing:
        raise SurvivalInputError(f"{where}: lacks the columns {missing}. It has {found}.")


def _check_types(types, columns, where):
    """Refuse columns of a relation that hold no numbers."""
    for role in ("time", "event", "entry"):
        kind = types.get(columns[role], "DOUBLE")
        if kind.split("(")[0] not in [*NUMBERS, "DECIMAL", *["BOOLEAN"] * (role == "event")]:
            remedy = "Times are numbers, all in one unit."
            if role == "event":
                remedy = "Code the event as boolean or 0/1."
            raise SurvivalInputError(
                f'{role} (column "{columns[role]}"): is {kind}, not numbers, in {where}. {remedy}'
            )
