"""Where a paper says two things: each reading alone, all combinations, and what they change."""

import pandas as pd
import pytest

from vlms.cohort import CohortError, read_cohort, read_paper
from vlms.endpoints import time_to_event
from vlms.readings import (
    Worlds,
    choose_readings,
    combine_readings,
    read_readings,
    under_each_reading,
    with_readings,
)
from vlms.survival import kaplan_meier, survival_at

COLUMNS = ["reading", "patient_id", "name", "value", "source", "where"]
READINGS = pd.DataFrame(
    [
        ("early", "P2", "time_months", "10", "printed", "text"),
        ("alive", "P3", "status", "alive", "printed", "text"),
        ("of-disease", "P3", "status", "dead_of_disease", "assumed", "a guess"),
        ("half", "", "means_of", "those measured", "assumed", "not said"),
    ],
    columns=COLUMNS,
)
TABLE = (
    "patient_id,time_months,status,local_recurrence_months\n"
    "P1,20,dead_of_disease,\nP2,30,alive,{}\nP3,40,dead_other,\n"
)


@pytest.fixture(scope="module")
def paper():
    return read_paper("tilkorn2010")


@pytest.fixture(scope="module")
def readings():
    return read_readings("tilkorn2010")


@pytest.fixture
def read(tmp_path):
    """Three patients, of whom P2 has this month of local recurrence."""

    def read_it(recurrence=""):
        path = tmp_path / "patients.csv"
        path.write_text(TABLE.format(recurrence), encoding="utf-8")
        return read_cohort(path)

    return read_it


def survival_by_combination(worlds, endpoint):
    outcome = time_to_event(worlds, endpoint)
    curve = kaplan_meier(outcome["time"], outcome["event"], worlds["combination"])
    return survival_at(curve, 36).set_index("group")["survival"]


@pytest.fixture
def folder(tmp_path):
    """A paper of three patients, without readings yet."""
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "patients.csv").write_text(TABLE.format(""), encoding="utf-8")
    return folder


def test_the_file_is_read_as_text_and_a_missing_column_is_named(folder):
    (folder / "readings.csv").write_text("patient_id,name\n1,status\n", encoding="utf-8")
    with pytest.raises(CohortError, match=r"missing column.*\n?.*reading, patient_id, name, value"):
        read_readings("paper", data=folder.parent)
    READINGS.to_csv(folder / "readings.csv", index=False)
    assert read_readings("paper", data=folder.parent).equals(READINGS.astype("string"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,P9,status,alive,printed,text", "no patient 'P9'"),
        ("x,P2,nothing,alive,printed,text", "no column 'nothing'"),
        ("x,P2,time_months,soon,printed,text", "see how time_months is written"),
        ("x,P2,status,alive,believed,text", "write printed or assumed"),
        ("x,P2,status,alive,printed,", "say where it stands"),
        ("x,P2,include,perhaps,printed,text", "write yes or no"),
        ("x,,status,alive,printed,text", "without a patient"),
        ("x y,P2,status,alive,printed,text", "a name of letters, digits and hyphens"),
        ("early,P3,time_months,9,assumed,text", "rows of one reading have one source"),
    ],
)
def test_a_row_that_names_what_the_paper_has_not_is_refused(folder, row, message):
    text = READINGS.to_csv(index=False) + row + "\n"
    (folder / "readings.csv").write_text(text, encoding="utf-8")
    with pytest.raises(CohortError, match=message):
        read_readings("paper", data=folder.parent)


def test_readings_combine_unless_they_give_one_cell_two_values():
    combinations = combine_readings(READINGS)
    assert len(combinations) == 2 * 3 * 2
    assert not combinations.iloc[0].any()
    assert not combinations.duplicated().any()
    assert not (combinations["alive"] & combinations["of-disease"]).any()
    many = pd.concat([READINGS[:1].assign(patient_id=f"X{k}", reading=f"r{k}") for k in range(13)])
    assert len(combine_readings(many[:12])) == 4096  # 2 to the 12
    with pytest.raises(ValueError, match="13 readings have more than 4,096 combinations"):
        combine_readings(many)


def test_rows_of_one_reading_hold_together_and_a_patient_can_be_left_out(read):
    rows = [
        ("both", "P1", "time_months", "21", "printed", "text"),
        ("both", "P3", "time_months", "41", "printed", "text"),
        ("without", "P2", "include", "no", "printed", "text"),
    ]
    readings = pd.DataFrame(rows, columns=COLUMNS)
    assert len(combine_readings(readings)) == 4
    worlds = Worlds(read(), readings)
    assert worlds.under(["both"])["time_months"].tolist() == [21, 30, 41]
    assert worlds.under(["both", "without"]).index.tolist() == ["P1", "P3"]
    assert worlds.under()["time_months"].tolist() == [20, 30, 40]
    assert worlds.that_matter({"time_months"}, ()) == ["both", "without"]


def test_a_reading_replaces_a_cell_and_is_listed(read):
    cohort = read()
    other = with_readings(cohort, {("P2", "time_months"): "10"})
    assert other.patients["time_months"].tolist() == [20, 10, 40]
    assert cohort.patients["time_months"].tolist() == [20, 30, 40]
    assert other.issues["raw"].tolist() == ["10"]
    assert with_readings(cohort, {("P2", "time_months"): "30"}).issues.empty


@pytest.mark.parametrize(
    ("choice", "value", "message"),
    [
        (("P9", "status"), "alive", "the cohort has no patient P9"),
        (("P2", "nothing"), "alive", "the cohort has no column nothing"),
        (("P2", "time_months"), "soon", "see how time_months is written"),
        (("P2", "time_months"), "10", "after the end of follow-up"),  # it recurred at 12
    ],
)
def test_a_reading_that_cannot_be_is_refused(read, choice, value, message):
    with pytest.raises(CohortError, match=message):
        with_readings(read("12"), {choice: value})


def test_readings_are_chosen_by_name():
    assert choose_readings(READINGS, ["early", "alive"]) == {
        ("P2", "time_months"): "10",
        ("P3", "status"): "alive",
    }
    with pytest.raises(ValueError, match="no reading 'text'; there are .*early"):
        choose_readings(READINGS, ["text"])
    with pytest.raises(ValueError, match="two readings of one fact"):
        choose_readings(READINGS, ["alive", "of-disease"])


def test_patients_are_stacked_under_each_combination_that_can_be_true(read):
    readings = READINGS[READINGS["patient_id"] != ""]
    stacked = under_each_reading(read(), readings)
    assert stacked.groupby("combination").size().tolist() == [3] * 6
    assert stacked.attrs["impossible"] == []
    early = combine_readings(readings)["early"]
    p2 = stacked.loc[stacked["patient_id"] == "P2"].set_index("combination")["time_months"]
    assert p2.tolist() == [10 if is_early else 30 for is_early in early]
    stacked = under_each_reading(read("12"), readings)  # P2 recurs at 12, after the end at 10
    assert stacked["combination"].unique().tolist() == early.index[~early].tolist()
    assert [number for number, _ in stacked.attrs["impossible"]] == early.index[early].tolist()
    assert "patient P2" in stacked.attrs["impossible"][0][1]


def test_every_reading_of_the_paper_changes_something_and_can_be_used(paper, readings):
    printed = paper.patients.set_index("patient_id", drop=False).rename_axis(None)
    worlds = Worlds(paper, readings)
    assert worlds.conventions == {"means_of", "t1_up_to_cm", "also_reconstructed"}
    for name, cells in worlds.cells.items():
        if all(patient for patient, _ in cells):
            assert not worlds.under([name]).equals(printed), name
    pd.testing.assert_frame_equal(worlds.under(), printed)


def test_three_year_survival_under_each_reading_is_what_hand_work_gives(paper, readings):
    contested = readings.query(
        "name == 'time_months' or (name == 'm_stage' and patient_id in ['11', '12'])"
    )
    worlds = under_each_reading(paper, contested)
    found = survival_by_combination(
        worlds[worlds["m_stage"].ne("M1").fillna(True)], "overall_survival"
    )
    used = combine_readings(contested)
    left_out = 2 - used[["no-metastasis-11", "no-metastasis-12"]].sum(axis=1)
    late = ~used[["death-2-text", "death-2-radiation"]].any(axis=1)
    # Deaths at 10, 15, 18, 28; one censored at 7 before them, two at 14 between the first two.
    by_hand = {
        (True, 0): 10 / 11 * 7 / 8 * 6 / 7 * 5 / 6,
        (True, 1): 9 / 10 * 7 / 8 * 6 / 7 * 5 / 6,
        (True, 2): 8 / 9 * 7 / 8 * 6 / 7 * 5 / 6,
        # A death at 5 or 6 months comes before the first patient is censored, at 7.
        (False, 0): 11 / 12 * 9 / 10 * 6 / 7 * 5 / 6,
        (False, 1): 10 / 11 * 8 / 9 * 6 / 7 * 5 / 6,
        (False, 2): 9 / 10 * 7 / 8 * 6 / 7 * 5 / 6,
    }
    expected = [by_hand[key] for key in zip(late, left_out, strict=True)]
    assert found.loc[used.index].tolist() == pytest.approx(expected)


def test_local_recurrence_under_each_reading_spans_what_hand_work_gives(paper, readings):
    contested = readings.query("name in ['time_months', 'local_recurrence_months']")
    worlds = under_each_reading(paper, contested)
    found = survival_by_combination(worlds, "local_recurrence")
    # All relapses counted (months 2, 5, 9, 10, 12, 25), patient 2 seen for 15 months.
    assert found.min() == pytest.approx(11 / 12 * 10 / 11 * 9 / 10 * 8 / 9 * 6 / 7 * 5 / 6)
    # Those of 2, 10 and 12 not counted: relapses at 5, 12 and 25; 4 and 10 are gone before 12.
    assert found.max() == pytest.approx(11 / 12 * 8 / 9 * 5 / 6)
    # The relapse nine months after the operation does not go with a death after 5 or 6.
    assert len(worlds.attrs["impossible"]) == 2 * 4
