"""The event table of a registry that is too large for memory.

Kaplan-Meier and the log-rank test need the counts at each distinct time, never the patients. Here
those counts are made where the data lie: by DuckDB straight from Parquet files, reading only the
columns asked for, or by the workers of a Dask cluster, each on its own partitions. The table is
the one that `vlms.survival.event_table` makes of the same patients in memory, and goes into
`kaplan_meier_from_table` and `log_rank_from_table`.

DuckDB and Dask come with ``pip install .[scale]``.
"""

import numpy as np
import pandas as pd

from vlms.survival.arguments import (
    NO_GROUP,
    SurvivalInputError,
    checked_event,
    checked_times,
    describe,
    sorted_positions,
)
from vlms.survival.event_table import at_risk_before, table_of_counts
from vlms.survival.observations import merge_noise
from vlms.survival.spreading import optional_import

NUMBERS = (
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE"
).split()
PARTITIONS_AT_ONCE = 16


def event_table_from_parquet(path, *, time="time", event="event", group=None, entry=None):
    """Count events and censorings in Parquet files without loading them.

    Parameters
    ----------
    path : str, Path or list of them
        A file or a glob such as ``"registry/*.parquet"``.
    time, event : str
        Columns with the time in months and the event, boolean or 0/1.
    group, entry : str, optional
        Columns with the group and with the time of delayed entry.

    Returns
    -------
    DataFrame
        As `event_table`; groups sorted (Parquet keeps no order of categories).

    Raises
    ------
    SurvivalInputError
        For a column that is not there, or rows that `event_table` refuses: the first are named by
        file and row.
    ImportError
        When DuckDB is not installed.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> from pathlib import Path
    >>> file = Path(tempfile.mkdtemp()) / "registry.parquet"
    >>> pd.DataFrame({"time": [2, 3, 3], "event": [True, True, False]}).to_parquet(file)
    >>> event_table_from_parquet(file)
      group  time  at_risk  events  censored
    0   all   2.0        3       1         0
    1   all   3.0        2       1         1
    """
    duckdb = optional_import("duckdb")
    paths = [str(one) for one in (path if isinstance(path, list | tuple) else [path])]
    with duckdb.connect() as database:
        database.execute("SET enable_progress_bar = false")
        try:
            schema = database.execute("DESCRIBE SELECT * FROM read_parquet($1)", [paths]).fetchall()
        except duckdb.IOException as missing:
            raise SurvivalInputError(f"path: {missing}") from missing
        _check_schema({row[0]: row[1] for row in schema}, paths, time, event, group, entry)
        label = _quoted(group) if group else f"'{NO_GROUP}'"
        late = f"{_quoted(entry)} >= {_quoted(time)}" if entry else "false"
        counts = database.execute(
            f"SELECT {label} AS label, CAST({_quoted(time)} AS DOUBLE) AS month, "
            f"count(*) FILTER ({_quoted(event)} = 1) AS events, "
            f"count(*) FILTER ({_quoted(event)} = 0) AS censored, count(*) AS patients, "
            f"count(*) FILTER ({late}) AS late "
            "FROM read_parquet($1) GROUP BY ALL",
            [paths],
        ).df()
        entries = None
        if entry:
            entries = database.execute(
                f"SELECT {label} AS label, CAST({_quoted(entry)} AS DOUBLE) AS month, "
                "count(*) AS entered FROM read_parquet($1) GROUP BY ALL",
                [paths],
            ).df()
        if _suspicious(counts, entries):
            _refuse_bad_rows(database, paths, time, event, group, entry)
    return _assemble(counts, entries)


def event_table_from_dask(frame, *, time="time", event="event", group=None, entry=None):
    """Count events and censorings in a Dask frame, partition by partition, on its cluster.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        One row a patient.
    time, event, group, entry
        Columns, as `event_table_from_parquet`.

    Returns
    -------
    DataFrame
        As `event_table`; a categorical group keeps its order where Dask knows the categories.

    Raises
    ------
    SurvivalInputError
        For a column that is not there, or rows that `event_table` refuses.
    ImportError
        When Dask is not installed.

    Examples
    --------
    >>> import dask.dataframe, pandas as pd
    >>> patients = pd.DataFrame({"time": [2, 3, 3], "event": [True, True, False]})
    >>> event_table_from_dask(dask.dataframe.from_pandas(patients, npartitions=2))
      group  time  at_risk  events  censored
    0   all   2.0        3       1         0
    1   all   3.0        2       1         1
    """
    dask = optional_import("dask")
    columns = [name for name in (time, event, group, entry) if name is not None]
    _check_columns(columns, list(frame.columns), "frame")
    order = None
    if group is not None and isinstance(frame[group].dtype, pd.CategoricalDtype):
        categories = frame[group].cat
        order = list(categories.categories) if categories.known else None
    count, add = dask.delayed(_count_partition), dask.delayed(_add_counts)
    parts = [count(part, time, event, group, entry) for part in frame[columns].to_delayed()]
    while len(parts) > 1:
        parts = [
            add(parts[start : start + PARTITIONS_AT_ONCE])
            for start in range(0, len(parts), PARTITIONS_AT_ONCE)
        ]
    counts, entries = parts[0].compute()
    return _assemble(counts, entries, order)


def _assemble(counts, entries, order=None):
    """Bring counts by label and month, in any order, into the form of `event_table`."""
    if counts.empty:
        raise SurvivalInputError("the registry holds not one row. Check the path and the filter.")
    months = counts["month"].to_numpy(dtype=float) + 0.0
    starts = None if entries is None else entries["month"].to_numpy(dtype=float) + 0.0
    months, starts = merge_noise(months, starts)
    code, labels = pd.factorize(counts["label"])
    if order is None:
        labels_in_order = [labels[position] for position in sorted_positions(labels)]
    else:
        labels_in_order = [label for label in order if label in set(labels)]
    number = {label: position for position, label in enumerate(labels)}
    parts = []
    for label in labels_in_order:
        mine = code == number[label]
        times, row = np.unique(months[mine], return_inverse=True)
        events, censored = (
            np.bincount(row, weights=counts[name].to_numpy(dtype=float)[mine]).astype(np.int64)
            for name in ("events", "censored")
        )
        entered = None
        if entries is not None:
            own = (entries["label"] == label).to_numpy()
            sequence = np.argsort(starts[own])
            running = np.cumsum(entries["entered"].to_numpy()[own][sequence])
            before = np.searchsorted(starts[own][sequence], times, side="left")
            entered = np.concatenate([[0], running])[before]
        parts.append((times, at_risk_before(events, censored, entered), events, censored))
    return table_of_counts(labels_in_order, parts)


def _count_partition(part, time, event, group, entry):
    months = checked_times(part[time], "time")
    happened = checked_event(part[event])
    labels = pd.Series(NO_GROUP, index=part.index) if group is None else part[group]
    if labels.isna().any():
        rows = list(part.index[labels.isna()][:5])
        raise SurvivalInputError(f"{describe(labels, 'group')}: missing in rows {rows}.")
    label = labels.astype(object).to_numpy()
    counts = pd.DataFrame({"label": label, "month": months, "events": happened * 1})
    counts["censored"] = 1 - counts["events"]
    entries = None
    if entry is not None:
        starts = checked_times(part[entry], "entry")
        late = starts >= months
        if late.any():
            raise SurvivalInputError(
                f"{describe(part[entry], 'entry')}: not before the time in rows "
                f"{list(part.index[late][:5])}. A patient must enter before the observation ends."
            )
        entries = pd.DataFrame({"label": label, "month": starts, "entered": 1})
    return _add_counts([(counts, entries)])


def _add_counts(parts):
    def total(frames):
        return pd.concat(frames).groupby(["label", "month"], sort=False).sum().reset_index()

    entries = [entry for _, entry in parts if entry is not None]
    return total([counts for counts, _ in parts]), total(entries) if entries else None


def _quoted(column):
    return '"' + column.replace('"', '""') + '"'


def _check_columns(wanted, found, where):
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SurvivalInputError(f"{where}: lacks the columns {missing}. It has {found}.")


def _check_schema(types, paths, time, event, group, entry):
    wanted = [name for name in (time, event, group, entry) if name is not None]
    _check_columns(wanted, list(types), ", ".join(paths))
    for argument, column, allowed in (
        ("time", time, NUMBERS),
        ("event", event, [*NUMBERS, "BOOLEAN"]),
        ("entry", entry, NUMBERS),
    ):
        kind = types.get(column, "").split("(")[0]
        if column is not None and kind not in allowed and kind != "DECIMAL":
            remedy = (
                "Code the event as boolean or 0/1." if argument == "event"
                else "Times are numbers of months."
            )  # fmt: skip
            raise SurvivalInputError(
                f'{argument} (column "{column}"): is {types[column]}, not numbers, in '
                f"{', '.join(paths)}. {remedy}"
            )


def _suspicious(counts, entries):
    """Whether the counts betray a row that has no meaning, without a second look at the rows."""
    months = [counts["month"]] + ([] if entries is None else [entries["month"]])
    return (
        any(not ((month >= 0) & (month < np.inf)).all() for month in months)
        or (counts["events"] + counts["censored"] != counts["patients"]).any()
        or counts["label"].isna().any()
        or counts["late"].any()
    )


def _refuse_bad_rows(database, paths, time, event, group, entry):
    """Find what is wrong with the rows and name the first of them."""
    month, happened = _quoted(time), _quoted(event)
    rules = [
        ("time", time, "missing", f"{month} IS NULL OR isnan(CAST({month} AS DOUBLE))"),
        ("time", time, "negative or infinite", f"{month} < 0 OR isinf(CAST({month} AS DOUBLE))"),
        ("event", event, "neither 0/1 nor True/False",
         f"{happened} IS NULL OR CAST({happened} AS DOUBLE) NOT IN (0, 1)"),
    ]  # fmt: skip
    if group:
        rules.append(("group", group, "missing", f"{_quoted(group)} IS NULL"))
    if entry:
        start = _quoted(entry)
        rules += [
            ("entry", entry, "missing or negative", f"{start} IS NULL OR {start} < 0"),
            ("entry", entry, "not before the time of that row", f"{start} >= {month}"),
        ]
    tests = ", ".join(f"count(*) FILTER ({rule})" for *_, rule in rules)
    found = database.execute(f"SELECT {tests} FROM read_parquet($1)", [paths]).fetchone()
    for (argument, column, wrong, rule), count in zip(rules, found, strict=True):
        if count:
            rows = database.execute(
                f"SELECT filename, file_row_number, {_quoted(column)} FROM "
                f"read_parquet($1, filename = true, file_row_number = true) WHERE {rule} LIMIT 5",
                [paths],
            ).fetchall()
            shown = "; ".join(f"{file} row {row} ({value})" for file, row, value in rows)
            raise SurvivalInputError(
                f'{argument} (column "{column}"): {wrong} in {count} rows, first {shown}. '
                "Correct or leave out such rows knowingly."
            )
