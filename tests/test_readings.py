"""Where a paper says two things: each reading alone, all combinations, and what they change."""

import pandas as pd
import pytest

from vlms.cohort import CohortError, read_cohort, read_paper
from vlms.endpoints import time_to_event
from vlms.readings import (
    choose_readings,
    combine_readings,
    read_readings,
    under_each_reading,
    with_readings,
)
from vlms.survival import kaplan_meier, survival_at

READINGS = pd.DataFrame(
    [
        ("P2", "time_months", "table", "30", ""),
        ("P2", "time_months", "prose", "10", ""),
        ("P3", "status", "table", "dead_other", ""),
        ("P3", "status", "prose", "alive", ""),
        ("P3", "status", "abstract", "dead_of_disease", ""),
    ],
    columns=["patient_id", "name", "reading", "value", "where"],
)
# What the text of Tilkorn 2010 says about a patient of which its tables have no column.
NOT_IN_THE_TABLES = set(
    "radiotherapy_intent diagnosis_before_operation transferred_after_relapse procedure".split()
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
        path.write_text(
            "patient_id,time_months,status,local_recurrence_months\n"
            f"P1,20,dead_of_disease,\nP2,30,alive,{recurrence}\nP3,40,dead_other,\n",
            encoding="utf-8",
        )
        return read_cohort(path)

    return read_it


def survival_by_combination(worlds, endpoint):
    outcome = time_to_event(worlds, endpoint)
    curve = kaplan_meier(outcome["time"], outcome["event"], worlds["combination"])
    return survival_at(curve, 36).set_index("group")["survival"]


def test_the_file_is_read_as_text_and_a_missing_column_is_named(tmp_path):
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "readings.csv").write_text("patient_id,name\n1,status\n", encoding="utf-8")
    with pytest.raises(CohortError, match=r"missing column.*\n?.*patient_id, name, reading, value"):
        read_readings("paper", data=tmp_path)
    READINGS.to_csv(folder / "readings.csv", index=False)
    assert read_readings("paper", data=tmp_path).fillna("").equals(READINGS.astype("string"))


def test_readings_combine_to_all_their_products_the_tables_first():
    combinations = combine_readings(pd.concat([READINGS, READINGS[:1]]))  # one stands twice
    assert len(combinations) == 2 * 3
    assert combinations.iloc[0].tolist() == ["30", "dead_other"]
    assert not combinations.duplicated().any()
    many = pd.concat([READINGS.iloc[:2].assign(patient_id=f"X{k}") for k in range(36)])
    with pytest.raises(ValueError, match="68719476736 combinations; choose fewer"):  # 2 to the 36
        combine_readings(many)


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


def test_readings_are_chosen_by_patient_name_and_reading():
    chosen = choose_readings(READINGS, ["P2 time_months: prose", "P3 status: table"])
    assert chosen == {("P2", "time_months"): "10", ("P3", "status"): "dead_other"}
    with pytest.raises(ValueError, match="no reading 'P2 time_months: text'; there are .*prose"):
        choose_readings(READINGS, ["P2 time_months: text"])
    with pytest.raises(ValueError, match="two readings of one fact"):
        choose_readings(READINGS, ["P3 status: table", "P3 status: prose"])


def test_patients_are_stacked_under_each_combination_that_can_be_true(read):
    stacked = under_each_reading(read(), READINGS)
    assert stacked.groupby("combination").size().tolist() == [3] * 6
    assert stacked.attrs["impossible"] == []
    p2 = stacked.loc[stacked["patient_id"] == "P2", "time_months"].tolist()
    assert p2 == [30, 30, 30, 10, 10, 10]
    stacked = under_each_reading(read("12"), READINGS)  # P2 recurs at 12, after the end at 10
    assert stacked["combination"].unique().tolist() == [0, 1, 2]
    assert [combination for combination, _ in stacked.attrs["impossible"]] == [3, 4, 5]
    assert "patient P2" in stacked.attrs["impossible"][0][1]


def test_every_contested_fact_of_the_paper_is_contested_and_can_be_used(paper, readings):
    values = readings.groupby(["patient_id", "name"])["value"].nunique()
    assert (values >= 2).all(), values[values < 2]
    assert set(readings["name"]) - set(paper.patients) == NOT_IN_THE_TABLES
    in_tables = readings[~readings["name"].isin(NOT_IN_THE_TABLES)]
    for _, second in in_tables.groupby(["patient_id", "name"]):
        for row in second.itertuples():
            with_readings(paper, {(row.patient_id, row.name): row.value})
    first = in_tables[in_tables["name"] != "localisation"].groupby(["patient_id", "name"]).first()
    again = with_readings(paper, first["value"]).patients
    pd.testing.assert_frame_equal(again, paper.patients)  # the first reading is the tables'


def test_three_year_survival_under_each_reading_is_what_hand_work_gives(paper, readings):
    contested = readings.query(
        "name == 'time_months' or (name == 'm_stage' and patient_id in ['11', '12'])"
    )
    worlds = under_each_reading(paper, contested)
    found = survival_by_combination(
        worlds[worlds["m_stage"].ne("M1").fillna(True)], "overall_survival"
    )
    used = combine_readings(contested)
    left_out = (used.xs("m_stage", axis=1, level="name") == "M1").sum(axis=1)
    late = used["2", "time_months"] == "15"
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
