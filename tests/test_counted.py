"""A report from counts says what the report on the patients says, and R."""

import base64
import io
import subprocess
import sys

import pandas as pd
import pytest
from lifelines.datasets import load_lung

from vlms.cohort import CohortError
from vlms.own_cohort import (
    ChoiceError,
    count_cohort,
    open_cohort,
    open_counts,
    show_counted_curves,
    show_counted_flow,
    show_counted_incidence,
    show_not_counted,
)
from vlms.survival import cumulative_incidence, kaplan_meier

STUDY = """
[study]
title = "Lung"
time_zero = "entry"
unit = "days"
landmarks = [180, 365]
ignored = ["inst", "wt_loss"]
[time]
end = "time"
[columns.patient_id]
from = "id"
kind = "id"
[columns.time]
kind = "duration"
[columns.status]
kind = "category"
levels = { 0 = "alive", 1 = "dead", 2 = "dead_other" }
[columns.sex]
kind = "category"
levels = { 1 = "male", 2 = "female" }
order = ["male", "female"]
[columns.ecog]
from = "ph.ecog"
kind = "category"
levels = { 0 = "0", 1 = "1", 2 = "2", 3 = "3" }
[endpoints.overall_survival]
label = "Overall survival"
event = { status = ["dead", "dead_other"] }
censored = { status = ["alive"] }
[endpoints.specific]
label = "Death before 65"
event = { status = ["dead"] }
competing = { status = ["dead_other"] }
censored = { status = ["alive"] }
"""
CHOICES = {"groups": ["sex"], "adjust": ["ecog"]}


@pytest.fixture
def lung(tmp_path):
    """The patients of lifelines' lung data as a folder of two files and as one table."""
    frame = load_lung()[["inst", "time", "status", "age", "sex", "ph.ecog", "wt.loss"]]
    frame["status"] = frame["status"].mask((frame["status"] == 1) & (frame["age"] >= 65), 2)
    frame["id"] = [f"p{n}" for n in range(len(frame))]
    (tmp_path / "lung").mkdir()
    frame[:100].to_parquet(tmp_path / "lung" / "a.parquet")
    frame[100:].to_parquet(tmp_path / "lung" / "b.parquet")
    frame.to_parquet(tmp_path / "all.parquet")
    for name in ("lung", "all"):
        (tmp_path / f"{name}.study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def opened(folder, **choices):
    """What the report on the counts of the folder starts from."""
    counted = count_cohort(folder / "lung", **CHOICES)
    counted.to_parquet(folder / "counted.parquet")
    given = {"study_file": folder / "lung.study.toml", "disclosure": "full"}
    return open_counts(folder / "counted.parquet", **given, **CHOICES, **choices)


def handed(shown, name):
    """A file that a section hands over, as a frame."""
    files = {}
    for one in shown.shown:
        for bundle in one.bundle.values():
            files |= bundle.get("files", {}) if isinstance(bundle, dict) else {}
    return pd.read_csv(io.BytesIO(base64.b64decode(files[f"{name}.csv"])))


def test_curves_and_tests_from_counts_are_those_of_the_patients_and_of_r(lung):
    own = opened(lung, endpoints=["overall_survival"])
    assert len(own.patients) < 228
    shown = show_counted_curves(own)
    frame = (patients := open_cohort(lung / "all.parquet")).frame("overall_survival")
    curve = handed(shown, "tbl-curve-endpoints-overall-survival-sex")
    expected = kaplan_meier(frame["time"], frame["event"], patients.patients["sex"])
    pd.testing.assert_frame_equal(curve, expected, check_dtype=False, rtol=1e-12)
    # R: survdiff(Surv(time, status == 2) ~ sex, lung): 10.3267419549, P 0.0013; with
    # strata(ph.ecog): 10.7950596335, P 0.00102; one patient has no ph.ecog.
    said = str(shown.shown[2])
    assert (
        "log-rank test P = 0.001; log-rank test, stratified by ecog (1 left out"
        in said.lower().replace("p =", "P =")
    )
    # R: summary(coxph(Surv(time, status == 2) ~ factor(sex) [+ strata(ph.ecog)], lung))$conf.int
    ratios = handed(shown, "tbl-endpoints-ratios")
    found = ratios[["hazard_ratio", "lower", "upper"]].to_numpy().tolist()
    assert found[0] == pytest.approx([0.588002818564, 0.423717830354, 0.815984813171], abs=1e-8)
    assert found[1] == pytest.approx([0.574437223329, 0.41118776673, 0.802499855892], abs=1e-8)
    assert ratios[["comparison", "patients", "events"]].to_numpy().tolist() == [
        ["female vs male", 228, 165], ["female vs male", 227, 164]]  # fmt: skip
    # R: summary(survfit(Surv(time, status == 2) ~ sex, lung, conf.type = "log-log"), c(180, 365)),
    # print(.., rmean = 365): 241.495 (10.358), 297.465 (10.791); median 270 (210-306) and
    # 426 (345-524)
    numbers = handed(shown, "tbl-endpoints").set_index(["group", "days"]).iloc[4:]
    told = numbers[["survival", "interval"]].to_numpy().tolist()
    assert told == [
        ["64%", "56% to 72%"], ["34%", "25% to 42%"], ["270.0", "210.0 to 306.0"],
        ["241.5", "221.2 to 261.8"],
        ["84%", "75% to 90%"], ["53%", "40% to 64%"], ["426.0", "345.0 to 524.0"],
        ["297.5", "276.3 to 318.6"],
    ]  # fmt: skip


def test_incidence_and_flow_from_counts_are_those_of_the_patients_and_of_r(lung):
    own = opened(lung, endpoints=["specific"])
    shown = show_counted_incidence(own)
    frame = open_cohort(lung / "all.parquet").frame("specific")
    expected = cumulative_incidence(frame["time"], frame["cause"])
    curve = handed(shown, "tbl-curve-incidence-specific")
    pd.testing.assert_frame_equal(curve, expected, check_dtype=False, rtol=1e-9)
    # R: cause <- factor(ifelse(status == 2, ifelse(age >= 65, 2, 1), 0));
    # summary(survfit(Surv(time, cause) ~ 1, lung), c(180, 365)): .1416 .3002, .1367 .2906
    table = handed(shown, "tbl-incidence")
    assert table["incidence"].tolist() == ["14%", "30%", "14%", "29%"]
    assert table["interval"][:2].tolist() == ["10% to 20%", "24% to 37%"]
    flow = str(show_counted_flow(own).shown[0])
    for line in (
        "in the file | 228",
        "with the event | 86",
        "competing event | 79",
        "censored | 63",
    ):
        assert line in flow
    assert "Gray's test" in str(show_not_counted(own))


def test_what_counts_cannot_answer_is_refused(lung):
    with pytest.raises(ChoiceError, match="in full only"):
        opened(lung).rules  # noqa: B018
        open_counts(lung / "counted.parquet", study_file=lung / "lung.study.toml")
    with pytest.raises(ChoiceError, match="no column 'stage'; there are inst, time"):
        count_cohort(lung / "lung", groups=["stage"])
    frame = pd.read_parquet(lung / "all.parquet")
    frame.assign(id=frame["id"].replace({"p1": "p0", "p2": None})).to_parquet(lung / "all.parquet")
    with pytest.raises(ChoiceError, match=r"id: 3 rows have an identifier .* such as p0"):
        count_cohort(lung / "all.parquet")
    frame.assign(status=frame["status"].replace({2: 7})).to_parquet(lung / "lung" / "a.parquet")
    (lung / "lung" / "b.parquet").unlink()
    with pytest.raises(CohortError, match="7"):
        opened(lung)


@pytest.mark.slow
def test_a_folder_is_reported_by_a_cluster_as_by_duckdb(lung):
    from distributed import LocalCluster

    options = ["--group", "sex", "--adjust", "ecog", "--output", str(lung / "reports")]
    command = [sys.executable, "-m", "vlms", "report", str(lung / "lung"), *options]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        one = count_cohort(lung / "lung", **CHOICES, scheduler=cluster.scheduler_address)
        at = ["--scheduler", cluster.scheduler_address]
        subprocess.run([*command, "--name", "dask", *at], check=True)
    subprocess.run([*command, "--name", "duckdb"], check=True)
    other, by = count_cohort(lung / "lung", **CHOICES), ["time", "status", "sex", "ph.ecog"]
    one, other = (
        table.sort_values(by, ignore_index=True)[[*by, "patients"]] for table in (one, other)
    )
    pd.testing.assert_frame_equal(one, other, check_dtype=False)
    tables = [
        (lung / "reports" / f"{name}-private" / "tbl-endpoints.csv") for name in ("dask", "duckdb")
    ]
    assert tables[0].read_text() == tables[1].read_text()
    page = (lung / "reports" / "dask-private.html").read_text(encoding="utf-8")
    assert "What is not shown" in page and str(lung) not in page
