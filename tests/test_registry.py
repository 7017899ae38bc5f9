"""A registry counted where it lies gives the table, curve and test of the patients in memory."""

import dask
import dask.dataframe
import numpy as np
import pandas as pd
import pytest
from survival_reference import data_set

from vlms.survival import registry
from vlms.survival.arguments import SurvivalInputError
from vlms.survival.curves import kaplan_meier, kaplan_meier_from_table
from vlms.survival.event_table import event_table
from vlms.survival.log_rank import log_rank, log_rank_from_table
from vlms.survival.registry import event_table_from_dask, event_table_from_parquet

COLUMNS = {"time": "months", "event": "died", "group": "arm"}


@pytest.fixture
def patients():
    frame, _ = data_set("colon_rx")
    return frame.rename(columns={"time": "months", "event": "died", "group": "arm"})


def in_files(frame, folder, parts=3):
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), parts)):
        frame.iloc[rows].to_parquet(folder / f"part-{number}.parquet")
    return folder / "*.parquet"


def both_ways(frame, folder, **columns):
    yield event_table_from_parquet(in_files(frame, folder), **columns)
    with dask.config.set(scheduler="synchronous"):
        yield event_table_from_dask(dask.dataframe.from_pandas(frame, npartitions=3), **columns)


def test_table_curve_and_test_are_those_of_the_patients(patients, tmp_path):
    expected = event_table(patients["months"], patients["died"], patients["arm"])
    curve = kaplan_meier(patients["months"], patients["died"], patients["arm"])
    test = log_rank(patients["months"], patients["died"], patients["arm"])
    for table in both_ways(patients, tmp_path, **COLUMNS):
        pd.testing.assert_frame_equal(table, expected)
        pd.testing.assert_frame_equal(kaplan_meier_from_table(table), curve)
        assert log_rank_from_table(table).statistic == test.statistic


def test_no_group_is_one_group_called_all(patients, tmp_path):
    expected = event_table(patients["months"], patients["died"])
    for table in both_ways(patients, tmp_path, time="months", event="died"):
        pd.testing.assert_frame_equal(table, expected)


def test_delayed_entry_is_counted(tmp_path):
    frame, _ = data_set("heart_entry")
    expected = event_table(frame["time"], frame["event"], frame["group"], entry=frame["entry"])
    for table in both_ways(frame, tmp_path, group="group", entry="entry"):
        pd.testing.assert_frame_equal(table, expected)


def test_noise_ties_are_merged_across_files(tmp_path):
    frame, _ = data_set("noise_ties")
    expected = event_table(frame["time"], frame["event"])
    for table in both_ways(frame, tmp_path):
        pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize("event", [[True, False, True], [1, 0, 1], [1.0, 0.0, 1.0]])
@pytest.mark.parametrize("time", [[1, 2, 2], [1.5, 2.0, 2.0]])
@pytest.mark.parametrize("group", [["b", "a", "b"], [2, 1, 2], [True, False, True]])
def test_any_kind_of_number_and_label_will_do(event, time, group, tmp_path):
    frame = pd.DataFrame({"time": time, "event": event, "group": group})
    expected = event_table(frame["time"], frame["event"], frame["group"])
    for table in both_ways(frame, tmp_path, group="group"):
        pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_dask_keeps_the_order_of_categories(patients):
    order = ["Obs", "Lev+5FU", "Lev"]
    patients["arm"] = pd.Categorical(patients["arm"], order)
    with dask.config.set(scheduler="synchronous"):
        table = event_table_from_dask(
            dask.dataframe.from_pandas(patients, npartitions=2), **COLUMNS
        )
    assert table["group"].unique().tolist() == order


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("event", [1, 2, 0], "event .*neither 0/1 nor True/False"),
        ("event", ["dead", "alive", "dead"], "event "),
        ("time", [1.0, -2.0, 3.0], "time .*negative"),
        ("time", [1.0, np.nan, 3.0], "time .*missing"),
        ("time", ["1", "2", "3"], "time "),
        ("group", ["a", None, "b"], "group .*missing"),
    ],
)
def test_rows_without_meaning_are_refused(column, values, message, tmp_path):
    columns = {"time": [1.0, 2.0, 3.0], "event": [1, 0, 1], "group": ["a", "b", "b"]}
    frame = pd.DataFrame({**columns, column: values})
    file = tmp_path / "registry.parquet"
    frame.to_parquet(file)
    with pytest.raises(SurvivalInputError, match=message.replace(" ", ".*", 1)):
        event_table_from_parquet(file, group="group")
    with dask.config.set(scheduler="synchronous"), pytest.raises(SurvivalInputError, match=column):
        event_table_from_dask(dask.dataframe.from_pandas(frame, npartitions=1), group="group")


def test_a_refusal_names_file_and_row(tmp_path):
    pd.DataFrame({"time": [1.0, 2.0], "event": [1, 2]}).to_parquet(tmp_path / "north.parquet")
    with pytest.raises(SurvivalInputError, match=r"in 1 rows, first .*north.parquet row 1 \(2\)"):
        event_table_from_parquet(tmp_path / "*.parquet")


def test_entry_after_the_end_is_refused(tmp_path):
    frame = pd.DataFrame({"time": [3.0, 5.0], "event": [1, 0], "entry": [0.0, 5.0]})
    frame.to_parquet(tmp_path / "late.parquet")
    with pytest.raises(SurvivalInputError, match="entry .*not before the time"):
        event_table_from_parquet(tmp_path / "late.parquet", entry="entry")
    with dask.config.set(scheduler="synchronous"), pytest.raises(SurvivalInputError, match="entry"):
        event_table_from_dask(dask.dataframe.from_pandas(frame, npartitions=1), entry="entry")


def test_a_missing_column_or_file_is_named(tmp_path):
    pd.DataFrame({"time": [1.0]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(
        SurvivalInputError, match=r"lacks the columns \['event'\]. It has \['time'\]"
    ):
        event_table_from_parquet(tmp_path / "a.parquet")
    with pytest.raises(SurvivalInputError, match="path"):
        event_table_from_parquet(tmp_path / "none-*.parquet")


def test_a_registry_without_rows_is_refused(tmp_path):
    empty = pd.DataFrame({"time": [1.0], "event": [True]})[:0]
    empty.to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(SurvivalInputError, match="not one row"):
        event_table_from_parquet(tmp_path / "empty.parquet")


def test_column_names_with_quotes_and_spaces_are_taken_as_they_are(tmp_path):
    frame = pd.DataFrame({'time "m"': [1.0, 2.0], "it's dead": [True, False]})
    frame.to_parquet(tmp_path / "odd.parquet")
    table = event_table_from_parquet(tmp_path / "odd.parquet", time='time "m"', event="it's dead")
    assert table["events"].tolist() == [1, 0]


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise ImportError(f"{name} is not installed. It comes with: pip install .[scale]")

    monkeypatch.setattr(registry, "optional_import", missing)
    with pytest.raises(ImportError, match=r"duckdb.*pip install \.\[scale\]"):
        event_table_from_parquet("any.parquet")
    with pytest.raises(ImportError, match=r"dask.*pip install \.\[scale\]"):
        event_table_from_dask(None)


@pytest.mark.slow
def test_a_dask_cluster_counts_and_resamples_as_one_process_does(patients):
    import joblib
    from distributed import Client, LocalCluster

    from vlms.survival.resampling import survival_draws

    expected = event_table(patients["months"], patients["died"], patients["arm"])
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        frame = dask.dataframe.from_pandas(patients, npartitions=4)
        pd.testing.assert_frame_equal(event_table_from_dask(frame, **COLUMNS), expected)
        with joblib.parallel_config(backend="dask"):
            drawn = survival_draws(
                patients["months"], patients["died"], 900, resamples=5000, jobs=2
            )
            columns = patients["months"], patients["died"], patients["stratum"]
            options = {"method": "permutation", "resamples": 50_000}
            test = log_rank(*columns, **options, jobs=2)
    alone = survival_draws(patients["months"], patients["died"], 900, resamples=5000)
    assert (drawn == alone).all()
    assert test.p_value == log_rank(*columns, **options).p_value
