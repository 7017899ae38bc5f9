"""The twelve patients of Tilkorn 2010: typed as printed, read as meant, complete.

Expected values are read off the two tables of the paper, or worked out by hand from them.
"""

import csv
from pathlib import Path

import pandas as pd
import pytest

from vlms.cohort import read_paper
from vlms.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data" / "tilkorn2010"
IDS = [str(number) for number in range(1, 13)]


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def raw():
    return rows_of(FOLDER / "patients.csv")


@pytest.fixture(scope="module")
def by_id():
    return read_paper("tilkorn2010").patients.set_index("patient_id")


def test_the_two_tables_agree_where_they_say_the_same(raw):
    assert [row["patient"] for row in raw] == IDS
    assert [row["age"] for row in raw] == [row["age_sex"].split("/")[0] for row in raw]
    dead = [row["time_to_death"] != "alive" for row in raw]
    assert [row["status"] == "DOD" for row in raw] == dead


def test_cells_hold_facts_and_no_sentences(raw):
    for row in raw:
        assert max(len(text.split()) for text in row.values()) <= 12, row["patient"]


def test_every_cell_can_be_read_and_three_are_read_with_a_note():
    noted = read_paper("tilkorn2010").issues[["patient_id", "column", "raw"]]
    assert noted.to_numpy().tolist() == [
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
    ("column", "value", "expected", "unknown"),
    [
        ("sex", "m", "3 6 10", ""),
        ("status", "dead_of_disease", "1 2 4 9", ""),
        ("site", "upper extremity", "1 3 5", ""),
        ("site", "vena cava", "7", ""),
        ("t_stage", "T1", "3 6", "2"),
        ("m_stage", "M1", "11 12", "2"),
        ("margin", "R1", "2 4 10", ""),
        ("radiotherapy", True, "2 4 5 8 9 12", ""),
        ("chemotherapy", True, "1 5 10 11 12", ""),
        ("relapse", True, "1 5 9 10 11 12", "2"),
        ("metastasis", True, "1 4 9 11 12", "2"),
        ("second_opinion", True, "1 6 7", "2 3 4 5 8 9 10 11 12"),
    ],
)
def test_patients_are_grouped_as_the_tables_print_them(by_id, column, value, expected, unknown):
    assert by_id.index[by_id[column].eq(value).fillna(False)].tolist() == expected.split()
    assert by_id.index[by_id[column].isna()].tolist() == unknown.split()


def test_what_the_comments_say_of_lymph_nodes_is_coded(by_id):
    assert by_id["nodes_in_comment"].dropna().to_dict() == {"8": "N0"}


def test_every_discrepancy_names_two_sides_and_the_readings_that_belong_to_it():
    found = Ledger.open("tilkorn2010").discrepancies.set_index("id")
    order = found["matters"].drop_duplicates().tolist()
    assert order == ["patient", "analysis", "record"]
    assert found.loc["death-2", "readings"] == ["death-2-text", "death-2-radiation"]
    assert found.loc["operation-2", "readings"] == ["left-out-2", "no-margin-2"]


def test_claims_on_single_patients_name_patients_of_the_paper():
    ledger = Ledger.open("tilkorn2010")
    named = ledger.claims.index[ledger.claims["kind"] == "patients"]
    assert {patient for claim in named for patient in ledger.printed[claim]} <= set(IDS)
