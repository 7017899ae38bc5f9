"""What may be handed to a survival function, what is refused, and how it is counted."""

import dask
import dask.dataframe
import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from survival_reference import data_set

from vlms.survival import (
    SurvivalInputError,
    counts,
    cox_from_table,
    cumulative_incidence,
    event_table,
    kaplan_meier,
    log_rank,
)
from vlms.survival.counts import checked_event, checked_times, distinct_times, group_codes

COLUMNS = {"time": "months", "event": "died", "group": "arm"}
COLON = [
    ("Obs", 0, 1, [13, 24, 13, 16, 2, 5, 4, 0, 0, 0]),
    ("Obs", 0, 0, [0, 0, 0, 0, 4, 20, 24, 19, 5, 0]),
    ("Obs", 1, 1, [11, 27, 21, 12, 10, 6, 3, 1, 0, 0]),
    ("Obs", 1, 0, [0, 1, 0, 0, 1, 28, 29, 14, 2, 0]),
    ("Lev", 0, 1, [10, 17, 16, 10, 4, 6, 0, 0, 0, 0]),
    ("Lev", 0, 0, [0, 0, 0, 0, 1, 24, 23, 19, 1, 2]),
    ("Lev", 1, 1, [19, 29, 24, 12, 3, 6, 1, 4, 0, 0]),
    ("Lev", 1, 0, [0, 0, 0, 0, 1, 20, 37, 17, 4, 0]),
    ("Lev+5FU", 0, 1, [16, 24, 13, 7, 9, 5, 1, 0, 0, 0]),
    ("Lev+5FU", 0, 0, [0, 0, 0, 1, 2, 22, 34, 22, 6, 1]),
    ("Lev+5FU", 1, 1, [9, 11, 5, 12, 5, 2, 3, 1, 0, 0]),
    ("Lev+5FU", 1, 0, [0, 0, 0, 1, 2, 30, 38, 17, 4, 1]),
]


@pytest.fixture
def patients():
    frame, _ = data_set("colon_rx")
    return frame.rename(columns={"time": "months", "event": "died", "group": "arm"})


# Arguments


@pytest.mark.parametrize(
    "event",
    [
        [1, 0, 1],
        (1.0, 0.0, 1.0),
        np.array([1, 0, 1], dtype=np.int8),
        pd.Series([True, False, True], dtype="boolean", index=[7, 8, 9]),
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series([True, 0, 1.0], dtype=object),
    ],
)
def test_an_event_may_be_any_kind_of_zero_and_one(event):
    found = checked_event(event)
    assert found.dtype == bool
    assert found.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([1, 2, 1], r"event: neither 0/1 nor True/False in row 1 \(2\)\. Code the event yourself"),
        ([0, 0.5], r"row 1 \(0.5\)"),
        (["dead", "0"], r"rows 0 \('dead'\), 1 \('0'\)"),
        ([True, None], r"row 1 \(None\)"),
        ([1.0, np.nan], r"row 1 \(nan\)"),
        (pd.Series([True, pd.NA], dtype="boolean"), r"row 1 \(<NA>\)"),
        ([2] * 9, "and 4 more"),
        (
            pd.Series([1, 2, 2], index=["p1", "p2", "p3"], name="status"),
            r'event \(column "status"\).*p2 \(2\), p3 \(2\)',
        ),
    ],
)
def test_an_event_that_is_not_zero_or_one_is_refused_by_row(event, message):
    with pytest.raises(SurvivalInputError, match=message):
        checked_event(event)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1, -2], r"time: negative in row 1 \(-2.0\)"),
        ([1, np.nan], "time: missing in row 1"),
        (pd.Series([1, pd.NA], dtype="Int64"), "time: missing in row 1"),
        ([1, np.inf], "time: infinite in row 1"),
        (["1", "2"], r"time: not a number in rows 0 \('1'\), 1"),
        ([True, False], "time: holds True/False.*swapped"),
        (pd.to_datetime(["2020-01-01"]), "time: not a number"),
        ([[1, 2], [3, 4]], "time: has 2 dimensions"),
        (np.array([1 + 1j, 2]), "time: not a number in rows 0"),
    ],
)
def test_what_is_no_time_is_refused_by_row(times, message):
    with pytest.raises(SurvivalInputError, match=message):
        checked_times(times, "time")


@pytest.mark.parametrize("times", [(1, 2.0), pd.Series([1, 2], dtype="Int64"), np.array([1, 2])])
def test_times_may_be_any_kind_of_number(times):
    assert checked_times(times, "time").tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("group", "labels", "code"),
    [
        (["m", "f", "m"], ("f", "m"), [1, 0, 1]),
        ([10, 9, 10], (9, 10), [1, 0, 1]),
        (np.array([127, -128, 127], dtype=np.int8), (-128, 127), [1, 0, 1]),
        (np.array([2**63 + 5, 2, 2**63 + 5], dtype=np.uint64), (2, 2**63 + 5), [1, 0, 1]),
        ([True, False, True], (False, True), [1, 0, 1]),
        (pd.Series(["R1", "R0", "R1"], dtype="string", index=[5] * 3), ("R0", "R1"), [1, 0, 1]),
        (pd.Categorical(["lo", "hi", "lo"], ["lo", "hi", "none"]), ("lo", "hi"), [0, 1, 0]),
        (pd.Series(["b", 2, "b"], dtype=object), (2, "b"), [1, 0, 1]),
    ],
)
def test_groups_are_sorted_and_categories_keep_their_order(group, labels, code):
    found, names = group_codes(group, 3)
    assert names == labels
    assert found.tolist() == code


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (pd.Series(["a", None]), "group: missing in row 1"),
        (pd.Series(["a", pd.NA], dtype=object), "group: missing in row 1"),
        (pd.Categorical(["a", None]), "group: missing in row 1"),
        (pd.Series([["a"], ["b", "c"]]), "group: row 0 holds .*Pass one label each row"),
        (["a", "b", "a"], "group: 3 values for 2 times"),
    ],
)
def test_what_is_no_label_is_refused(group, message):
    with pytest.raises(SurvivalInputError, match=message):
        group_codes(group, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": [1, 2], "event": [1]}, "event: 1 values for 2 times"),
        ({"source": [1, 2]}, "event: missing. Pass one 0/1"),
        ({"source": [], "event": []}, "not one observation"),
        ({"source": [3, 5], "event": [1, 0], "entry": [1, 5]},
         r"entry: not before the time.*1 \(5.0\)"),
        ({"source": [0.3, 5], "event": [1, 0], "entry": [0.1 + 0.2 - 1e-12, 1]}, "rounding noise"),
        ({"source": pd.DataFrame({"months": [1]}), "time": "month"},
         "time: there is no column 'month'; did you mean 'months'"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_together_are_refused(arguments, message):
    with pytest.raises(SurvivalInputError, match=message):
        event_table(**arguments)


# Ties


def test_noise_around_one_time_is_one_time():
    # R: aeqSurv(Surv(c(0.3, 0.1 + 0.2, 0.7, 0.8 - 0.1), ...))
    times, row = distinct_times(np.array([0.1 + 0.2, 0.3, 0.7, 0.8 - 0.1]))
    assert times.size == 2
    assert row.tolist() == [0, 0, 1, 1]


def test_the_tolerance_grows_with_the_mean_of_the_distinct_times():
    # sqrt(.Machine$double.eps) is 1.49e-8; the mean of the times is 1000: 1.49e-5 counts as noise.
    assert distinct_times(np.array([1000.0, 1000.00001]))[0].size == 1
    assert distinct_times(np.array([1000.0, 1000.0001]))[0].size == 2
    assert distinct_times(np.array([1.0, 1.0000001]))[0].size == 2


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=40),
    st.sampled_from([1.0, 500.0]),
)
@settings(max_examples=60, deadline=None)
def test_merging_is_the_rule_of_aeqsurv_step_by_step(pieces, scale):
    # Neighbours 0.7e-8 apart (times the scale) are tied, also along a chain longer than the noise.
    values = np.array([scale * (base + 0.7e-8 * step) + 0.5 for base, step in pieces])
    distinct = sorted(set(values.tolist()))
    mean, tolerance = np.mean(distinct), np.finfo(float).eps ** 0.5
    meant, begins = {}, distinct[0]
    for before, value in zip([distinct[0], *distinct], distinct, strict=False):
        gap = value - before
        if not (gap <= tolerance or gap / mean <= tolerance):
            begins = value
        meant[value] = begins
    times, row = distinct_times(values)
    assert times[row].tolist() == [meant[value] for value in values.tolist()]


# Counts


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 40)), min_size=1, max_size=30
    )
)
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_counting_one_by_one(patients):
    # Whole times and halves, few and many groups: counted without sorting and by sorting.
    time, event, group = (np.array(column) for column in zip(*patients, strict=True))
    for shift, scale in ((0, 1), (0.5, 1), (0, 10**7)):
        table = event_table(time * scale + shift, event, group * scale)
        for row in table.itertuples():
            mine = group * scale == row.group
            here = mine & (time * scale + shift == row.time)
            counted = [(here & event).sum(), (here & ~event).sum()]
            assert [row.events, row.censored] == counted
            assert row.at_risk == (mine & (time * scale + shift >= row.time)).sum()
        assert (table["events"] + table["censored"]).sum() == len(time)


@pytest.mark.parametrize("wrong", [pd.DataFrame({"time": [1]}), event_table([1], [1])[:0]])
def test_what_is_no_event_table_is_refused(wrong):
    with pytest.raises(SurvivalInputError, match="table: lacks"):
        kaplan_meier(wrong)


def test_a_table_is_counted_already():
    with pytest.raises(SurvivalInputError, match="group: an event table is counted already"):
        kaplan_meier(event_table([1], [1]), group=["a"])


def test_counts_with_delayed_entry_are_refused_where_patients_are_needed():
    # Of b the second enters at 6: at 5, when one of a dies, b has 1 at risk, which no row of its
    # counts (2 at 7, 1 at 8) tells.
    frame = pd.DataFrame({"entry": [0, 0, 6, 0], "time": [5, 10, 8, 7], "event": 1})
    table = event_table(frame.assign(group=list("aabb")), group="group", entry="entry")
    for refused in (log_rank, cox_from_table, lambda table: cumulative_incidence({1: table})):
        with pytest.raises(SurvivalInputError, match="delayed entry"):
            refused(table)
    with pytest.raises(SurvivalInputError, match="observed from time 0"):
        kaplan_meier(table, interval="beta-product")


# Models of counts


@pytest.fixture
def years():
    """survival::colon in whole years: patients by arm, sex, status, and year of the end.

    R: d <- subset(colon, etype == 2); table(ceiling(d$time / 365.25), d$status, d$sex, d$rx)
    """
    rows = [
        (arm, sex, status, year, n)
        for arm, sex, status, counts in COLON
        for year, n in enumerate(counts, 1)
        if n
    ]
    frame = pd.DataFrame(rows, columns=["rx", "sex", "status", "t", "n"])
    return frame.assign(rx=pd.Categorical(frame["rx"], ["Obs", "Lev", "Lev+5FU"]))


def test_models_of_counts_with_hundreds_of_ties_are_those_of_r(years):
    tied = event_table(years, "status", "rx", time="t", weight="n")
    # R: coxph(Surv(t, status) ~ rx, d): coef, var, loglik
    fit = cox_from_table(tied)
    assert fit["log_hazard_ratio"].tolist() == pytest.approx(
        [-2.2199620990193e-02, -3.6475336241950e-01], abs=1e-8
    )
    assert np.diag(fit.attrs["covariance"]) == pytest.approx(
        [1.2165357208049e-02, 1.4097832838714e-02], abs=1e-9
    )
    assert fit.attrs["log_likelihood"] == pytest.approx(-2.9359540665405e03, abs=1e-8)
    assert fit.attrs["null_log_likelihood"] == pytest.approx(-2.9418586015349e03, abs=1e-8)
    # the same with ties = "breslow"
    breslow = cox_from_table(tied, ties="breslow")
    assert breslow.attrs["log_likelihood"] == pytest.approx(-2.9628185129634e03, abs=1e-8)
    # R: coxph(Surv(t, status) ~ rx + strata(sex), d); survdiff(the same)$chisq
    parts = [
        event_table(part, "status", "rx", time="t", weight="n") for _, part in years.groupby("sex")
    ]
    fit = cox_from_table(parts)
    assert fit["log_hazard_ratio"].tolist() == pytest.approx(
        [-2.4363645742808e-02, -3.6710259308356e-01], abs=1e-8
    )
    assert fit.attrs["score_test"]["statistic"] == pytest.approx(1.1429747702727e01, abs=1e-9)
    assert fit.attrs["strata"] == 2
    assert log_rank(parts).statistic == pytest.approx(11.400845756119, abs=1e-9)
    # R: coxph(Surv(t, status) ~ rx, d[rep(1:nrow(d), 20), ]): every sum is taken in closed form
    fit = cox_from_table(event_table(years.assign(n=20 * years["n"]), "status", "rx", time="t",
                                     weight="n"))  # fmt: skip
    assert fit["log_hazard_ratio"].tolist() == pytest.approx(
        [-2.2208634988696e-02, -3.6503586001078e-01], abs=1e-8
    )
    assert fit.attrs["log_likelihood"] == pytest.approx(-8.5793550185982e04, abs=1e-6)


def test_strata_may_lack_a_group_and_causes_need_the_same_patients():
    # R: d <- data.frame(t = c(1, 2, 3, 4, 2, 3, 5), e = c(1, 1, 0, 1, 1, 1, 0),
    # g = c("a", "b", "c", "a", "b", "c", "c"), s = rep(1:2, 4:3));
    # survdiff(Surv(t, e) ~ g + strata(s), d)
    frame = pd.DataFrame({"time": [1, 2, 3, 4, 2, 3, 5], "event": [1, 1, 0, 1, 1, 1, 0]})
    frame["group"], strata = list("abcabcc"), np.repeat([1, 2], [4, 3])
    parts = [event_table(part, group="group") for _, part in frame.groupby(strata)][::-1]
    columns = frame["time"], frame["event"], frame["group"]
    expected = log_rank(*columns, strata=strata)
    assert log_rank(parts).table["group"].tolist() == ["a", "b", "c"]
    assert log_rank(parts).statistic == pytest.approx(expected.statistic, rel=1e-12)
    cause = np.array([1, 2, 0, 1, 2, 1, 0])
    tables = {k: event_table(frame["time"], cause == k, frame["group"]) for k in (1, 2)}
    whole = cumulative_incidence(frame["time"], cause, frame["group"])
    pd.testing.assert_frame_equal(cumulative_incidence(tables), whole, check_dtype=False)
    with pytest.raises(SurvivalInputError, match="not of the same patients"):
        cumulative_incidence({1: tables[1], 2: event_table([1, 2], [1, 0])})


# Tables too large for memory


def everywhere(frame, folder, **columns):
    """The table counted from Parquet files, a DuckDB relation and a Dask frame."""
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), 3)):
        frame.iloc[rows].to_parquet(folder / f"part-{number}.parquet")
    yield event_table(folder / "*.parquet", **columns)
    yield event_table([folder / f"part-{number}.parquet" for number in range(3)], **columns)
    with duckdb.connect() as database:
        yield event_table(database.from_df(frame), **columns)
    with dask.config.set(scheduler="synchronous"):
        yield event_table(dask.dataframe.from_pandas(frame, npartitions=3), **columns)


def test_table_curve_and_test_are_those_of_the_patients(patients, tmp_path):
    columns = patients["months"], patients["died"], patients["arm"]
    for table in everywhere(patients, tmp_path, **COLUMNS):
        pd.testing.assert_frame_equal(table, event_table(*columns))
        pd.testing.assert_frame_equal(kaplan_meier(table), kaplan_meier(*columns))
        assert log_rank(table, rho=1).statistic == log_rank(*columns, rho=1).statistic


@pytest.mark.parametrize(
    ("name", "options"),
    [("noise_ties", {}), ("heart_entry", {"group": "group", "entry": "entry"})],
)
def test_ties_across_files_and_delayed_entry_are_counted(name, options, tmp_path):
    frame, _ = data_set(name)
    expected = event_table(frame, **options)
    for table in everywhere(frame, tmp_path, **options):
        pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize(
    ("time", "event", "group"),
    [([1, 2, 2], [True, False, True], [2, 1, 2]), ([1.5, 2, 2], [1.0, 0, 1], [True, False, True])],
)
def test_any_kind_of_number_and_label_will_do(time, event, group, tmp_path):
    frame = pd.DataFrame({'time "m"': time, "it's dead": event, "group": group})
    columns = {"time": 'time "m"', "event": "it's dead", "group": "group"}
    for table in everywhere(frame, tmp_path, **columns):
        pd.testing.assert_frame_equal(table, event_table(frame, **columns), check_dtype=False)


def test_dask_keeps_the_order_of_categories(patients):
    order = ["Obs", "Lev+5FU", "Lev"]
    patients["arm"] = pd.Categorical(patients["arm"], order)
    with dask.config.set(scheduler="synchronous"):
        table = event_table(dask.dataframe.from_pandas(patients, npartitions=2), **COLUMNS)
    assert table["group"].unique().tolist() == order


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("event", [1, 2, 0], r"event: neither 0/1 nor True/False in 1 row, first .*\(2\)"),
        ("event", [0, np.nan, np.nan], "event: neither 0/1 nor True/False in 2 rows"),
        ("event", ["1", "ali've", "1"], "event: neither 0/1 nor True/False in 3 rows"),
        ("time", [1.0, -2.0, -3.0], "time: negative in 2 rows"),
        ("time", [1.0, np.nan, 3.0], "time: missing in 1 row"),
        ("time", [1.0, np.inf, 3.0], "time: infinite in 1 row"),
        ("time", ["1", "2", "3"], "time: not a number in 3 rows"),
        ("group", ["a", None, "b"], "group: missing in 1 row"),
        ("entry", [0.0, 2.0, 0.0], "entry: not before the time of that row in 1 row"),
    ],
)
def test_rows_without_meaning_are_refused_by_file_and_row(column, values, message, tmp_path):
    columns = {"time": [1.0, 2.0, 3.0], "event": [1, 0, 1], "group": ["a", "b", "b"], "entry": 0.0}
    frame = pd.DataFrame({**columns, column: values})
    frame.to_parquet(tmp_path / "north.parquet")
    with pytest.raises(SurvivalInputError, match=message) as found:
        event_table(tmp_path / "*.parquet", group="group", entry="entry")
    assert "north.parquet row 1 (" in str(found.value)
    with duckdb.connect() as base, pytest.raises(SurvivalInputError, match=f"^{column}: "):
        event_table(base.from_df(frame), group="group", entry="entry")
    with dask.config.set(scheduler="synchronous"), pytest.raises(SurvivalInputError, match=column):
        late = dask.dataframe.from_pandas(frame, npartitions=1)
        event_table(late, group="group", entry="entry")


def test_a_missing_column_file_or_row_is_named(tmp_path):
    pd.DataFrame({"time": [1.0]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(
        SurvivalInputError, match="event: there is no column 'event'. The columns are"
    ):
        event_table(tmp_path / "a.parquet")
    with pytest.raises(SurvivalInputError, match="path"):
        event_table(tmp_path / "none-*.parquet")
    empty = pd.DataFrame({"time": [1.0], "event": [True]})[:0]
    empty.to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(SurvivalInputError, match="not one row"):
        event_table(str(tmp_path / "empty.parquet"))
    with dask.config.set(scheduler="synchronous"), pytest.raises(SurvivalInputError, match="one r"):
        event_table(dask.dataframe.from_pandas(empty, npartitions=1))


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(counts, "import_module", missing)
    with pytest.raises(ImportError, match=r"duckdb.*pip install \.\[scale\]"):
        event_table("any.parquet")


@pytest.mark.slow
def test_a_dask_cluster_counts_and_resamples_as_one_process_does(patients):
    import joblib
    from distributed import Client, LocalCluster

    from vlms.survival import bootstrap_survival

    columns = patients["months"], patients["died"], patients["stratum"]
    drawing = {"method": "permutation", "resamples": 50_000}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        frame = dask.dataframe.from_pandas(patients, npartitions=4)
        table = event_table(frame, **COLUMNS)
        with joblib.parallel_config(backend="dask"):
            drawn = bootstrap_survival(*columns[:2], 900, resamples=5000, jobs=2)
            test = log_rank(*columns, **drawing, jobs=2)
    pd.testing.assert_frame_equal(
        table, event_table(patients, **{key: COLUMNS[key] for key in ("time", "event", "group")})
    )
    alone = bootstrap_survival(*columns[:2], 900, resamples=5000)
    pd.testing.assert_frame_equal(drawn, alone)
    assert test.p_value == log_rank(*columns, **drawing).p_value
