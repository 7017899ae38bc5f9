"""The twelve patients of Tilkorn 2010: typed as printed, read as meant, complete.

Expected values are read off the two tables of the paper, or worked out by hand from them.
"""

import csv
from pathlib import Path

import pandas as pd
import pytest

from vlms.claims import Ledger
from vlms.cohort import read_paper
from vlms.endpoints import time_to_event
from vlms.readings import (
    choose_readings,
    combine_readings,
    read_readings,
    under_each_reading,
    with_readings,
)
from vlms.survival import kaplan_meier, survival_at
from vlms.verdicts import VERDICTS

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data" / "tilkorn2010"
IDS = [str(number) for number in range(1, 13)]
# What the text says about a patient of which the tables have no column.
NOT_IN_THE_TABLES = {
    "radiotherapy_intent",
    "diagnosis_before_operation",
    "transferred_after_relapse",
    "procedure",
}


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def raw():
    return rows_of(FOLDER / "patients.csv")


@pytest.fixture(scope="module")
def paper():
    return read_paper("tilkorn2010")


@pytest.fixture(scope="module")
def by_id(paper):
    return paper.patients.set_index("patient_id")


@pytest.fixture(scope="module")
def readings():
    return read_readings("tilkorn2010")


def test_there_is_one_row_for_each_of_the_twelve_patients(raw):
    assert [row["patient"] for row in raw] == IDS


def test_the_ages_of_both_tables_agree(raw):
    assert [row["age"] for row in raw] == [row["age_sex"].split("/")[0] for row in raw]


def test_the_status_of_the_first_table_agrees_with_the_deaths_of_the_second(raw):
    assert [row["status"] == "DOD" for row in raw] == [
        row["time_to_death"] != "alive" for row in raw
    ]


def test_every_printed_column_has_its_place_in_the_codebook(raw):
    mapped = {row["printed"] for row in rows_of(FOLDER / "codebook.csv")}
    assert set(raw[0]) <= mapped | {"patient"}


def test_cells_hold_facts_and_no_sentences(raw):
    for row in raw:
        assert max(len(text.split()) for text in row.values()) <= 12, row["patient"]


def test_every_cell_can_be_read_and_three_are_read_with_a_note(paper):
    noted = paper.issues[["patient_id", "column", "raw"]].to_numpy().tolist()
    assert noted == [
        ["2", "untreated_growth", "2years ?"],
        ["10", "untreated_growth", "immediate"],
        ["11", "untreated_growth", "2 years"],
    ]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("age_years", [66, 74, 77, 52, 55, 64, 41, 56, 61, 59, 44, 56]),
        ("time_months", [18, 15, 84, 10, 82, 78, 64, 43, 28, 7, 14, 14]),
        ("size_cm", [8, None, 2.7, 9, 7.8, 2.5, 8.8, 10.1, 6, 9.6, 12, 5]),
        ("grade", [2, None, 1, 3, 3, 2, 1, 2, 2, 3, 3, 3]),
        ("radiotherapy_gy", [None, 60, None, 60, 60, None, None, 60, 60, None, None, 72]),
        ("local_recurrence_months", [5, *[None] * 3, 45, *[None] * 3, 25, 2, 12, 10]),
        ("death_months", [18, 15, None, 10, *[None] * 4, 28, *[None] * 3]),
        ("growth_months", [None, 24, None, 2, None, 4, None, None, None, 0, 24, None]),
    ],
)
def test_numbers_are_read_as_the_tables_print_them(by_id, column, expected):
    assert by_id.index.tolist() == IDS
    assert [None if pd.isna(value) else value for value in by_id[column]] == expected


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("sex", "m", ["3", "6", "10"]),
        ("status", "dead_of_disease", ["1", "2", "4", "9"]),
        ("site", "upper extremity", ["1", "3", "5"]),
        ("site", "vena cava", ["7"]),
        ("t_stage", "T1", ["3", "6"]),
        ("m_stage", "M1", ["11", "12"]),
        ("margin", "R1", ["2", "4", "10"]),
        ("radiotherapy", True, ["2", "4", "5", "8", "9", "12"]),
        ("chemotherapy", True, ["1", "5", "10", "11", "12"]),
        ("relapse", True, ["1", "5", "9", "10", "11", "12"]),
        ("metastasis", True, ["1", "4", "9", "11", "12"]),
        ("second_opinion", True, ["1", "6", "7"]),
    ],
)
def test_patients_are_grouped_as_the_tables_print_them(by_id, column, value, expected):
    assert by_id.index[(by_id[column] == value).fillna(False).astype(bool)].tolist() == expected


@pytest.mark.parametrize("column", ["size_cm", "t_stage", "grade", "relapse", "metastasis"])
def test_what_is_not_sure_of_patient_2_is_missing(by_id, column):
    assert pd.isna(by_id.at["2", column])


def test_three_year_survival_is_the_product_of_four_factors(paper):
    outcome = time_to_event(paper.patients, "overall_survival")
    curve = kaplan_meier(outcome["time"], outcome["event"])
    # Deaths at 10, 15, 18, 28; one censored at 7 before them, two at 14 between the first two.
    expected = 10 / 11 * 7 / 8 * 6 / 7 * 5 / 6
    assert survival_at(curve, 36)["survival"].item() == pytest.approx(expected)


def test_the_first_reading_is_the_tables(by_id, paper, readings):
    """The cohort does not change when the first reading of everything is used."""
    first = readings.groupby(["patient_id", "name"], sort=False).first()["value"]
    first = first[~first.index.get_level_values("name").isin(NOT_IN_THE_TABLES | {"localisation"})]
    again = with_readings(paper, first)
    pd.testing.assert_frame_equal(again.patients.set_index("patient_id"), by_id)


def test_every_reading_can_be_used_but_those_without_a_column(paper, readings):
    for row in readings.itertuples():
        if row.name in NOT_IN_THE_TABLES:
            assert row.name not in paper.patients
        else:
            with_readings(paper, {(row.patient_id, row.name): row.value})


def test_a_contested_fact_has_at_least_two_different_readings(readings):
    values = readings.groupby(["patient_id", "name"])["value"].nunique()
    assert (values >= 2).all(), values[values < 2]


def test_three_year_survival_under_each_reading_is_what_hand_work_gives(paper, readings):
    contested = readings.query(
        "name == 'time_months' or (name == 'm_stage' and patient_id in ['11', '12'])"
    )
    worlds = under_each_reading(paper, contested)
    local = worlds[worlds["m_stage"].fillna("") != "M1"]
    outcome = time_to_event(local, "overall_survival")
    curve = kaplan_meier(outcome["time"], outcome["event"], local["combination"])
    found = survival_at(curve, 36).set_index("group")["survival"]
    used = combine_readings(contested)
    left_out = (used.xs("m_stage", axis=1, level="name") == "M1").sum(axis=1)
    late = used["2", "time_months"] == "15"
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
    outcome = time_to_event(worlds, "local_recurrence")
    curve = kaplan_meier(outcome["time"], outcome["event"], worlds["combination"])
    found = survival_at(curve, 36)["survival"]
    # All relapses counted (months 2, 5, 9, 10, 12, 25), patient 2 seen for 15 months.
    assert found.min() == pytest.approx(11 / 12 * 10 / 11 * 9 / 10 * 8 / 9 * 6 / 7 * 5 / 6)
    # Those of 2, 10 and 12 not counted: relapses at 5, 12 and 25; 4 and 10 are gone before 12.
    assert found.max() == pytest.approx(11 / 12 * 8 / 9 * 5 / 6)


def test_a_relapse_after_the_death_is_no_combination(paper, readings):
    """The relapse nine months after the operation does not go with a death after 5 or 6."""
    contested = readings.query(
        "patient_id == '2' and name in ['time_months', 'local_recurrence_months']"
    )
    worlds = under_each_reading(paper, contested)
    assert len(combine_readings(contested)) == 6
    assert len(worlds.attrs["impossible"]) == 2


def test_readings_are_chosen_by_name(readings):
    chosen = choose_readings(readings, ["2 time_months: prose", "11 m_stage: prose"])
    assert chosen == {("2", "time_months"): "6", ("11", "m_stage"): "M0"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["2 time_months: text"], "no reading '2 time_months: text'"),
        (["2 time_months: prose", "2 time_months: table"], "two readings of one fact"),
    ],
)
def test_a_reading_that_is_not_there_or_not_one_is_refused(readings, names, message):
    with pytest.raises(ValueError, match=message):
        choose_readings(readings, names)


def test_every_claim_has_an_expected_verdict():
    expected = rows_of(ROOT / "tests" / "expected" / "tilkorn2010_verdicts.csv")
    claims = Ledger.open("tilkorn2010").claims
    assert [row["id"] for row in expected] == claims.index.tolist()
    assert [row["printed"] for row in expected] == claims["printed"].tolist()
    assert {row["verdict"] for row in expected} <= set(VERDICTS)


def test_claims_on_single_patients_name_patients_of_the_paper():
    named = Ledger.open("tilkorn2010").claims.query("kind == 'patients'")["printed"]
    assert {number for text in named for number in text.split(", ")} <= set(IDS)
