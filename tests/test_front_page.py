"""What the index and the overview say of a paper is no more than its ledger says."""

from pathlib import Path

import pytest

from vlms.pages import render

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


@pytest.fixture(scope="module")
def findings():
    return " ".join(render(NOTEBOOKS / "tilkorn2010.ipynb").card["findings"])


def test_the_card_gives_survival_without_the_patient_who_may_have_refused_the_operation(findings):
    # Without patient 2: deaths at 10, 18 and 28 months with 10, 7 and 6 at risk.
    without = 9 / 10 * 6 / 7 * 5 / 6
    assert (
        f"Without patient 2, who by some sentences refused the operation, it is {without:.1%}"
        in findings
    )


def test_the_range_over_the_readings_is_not_called_all_that_can_move_the_survival(findings):
    assert "only" not in findings


def test_the_overview_gives_both_sides_of_the_metastases_at_diagnosis():
    text = " ".join((NOTEBOOKS / "overview.ipynb").read_text(encoding="utf-8").split())
    assert "some patients had metastases at diagnosis" not in text
    assert "stages two patients M1, while its text says" in text.replace('\\n", "', " ")
