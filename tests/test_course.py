"""Feedback of the exercises; expected values are worked by hand on Tilkorn's twelve patients."""

import pandas as pd
import pytest

from vlms.cohort import read_paper
from vlms.course import Exercise, check_answer, mistaken_survival
from vlms.endpoints import time_to_event

SHARE = Exercise(25 / 44, "10/11 × 7/8 < 1", {"You ignored": 8 / 12, "Lost": 5 / 9})


@pytest.fixture(scope="module")
def course():
    return time_to_event(read_paper("tilkorn2010").patients, "overall_survival")


@pytest.mark.parametrize("answer", [25 / 44, 0.57, 0.568, 10 / 11 * 7 / 8 * 6 / 7 * 5 / 6])
def test_a_right_answer_is_right_however_it_is_rounded(answer):
    assert str(check_answer(SHARE, answer)) == "Right."


@pytest.mark.parametrize("answer, hint", [(8 / 12, "You ignored"), (0.67, "You ignored"),
                                          (5 / 9, "Lost"), (0.56, "Lost")])  # fmt: skip
def test_the_answer_of_a_common_mistake_is_told_from_others(answer, hint):
    assert str(check_answer(SHARE, answer)) == f"Not yet. {hint}"


def test_an_answer_that_no_mistake_gives_is_wrong_without_a_guess():
    assert "No common mistake" in str(check_answer(SHARE, 0.2))


def test_a_percentage_is_told_to_be_a_share():
    assert "between 0 and 1" in str(check_answer(SHARE, 57))


@pytest.mark.parametrize("answer", ["0.57", [0.57], float("nan"), float("inf")])
def test_what_is_no_number_is_asked_for_as_a_number(answer):
    assert "Answer with a number" in str(check_answer(SHARE, answer))


def test_yes_or_no_is_answered_with_true_or_false_and_a_number_with_a_number():
    yes = Exercise(True, "Yes.", {"Look again.": False})
    assert str(check_answer(yes, True)) == "Right."
    assert str(check_answer(yes, False)) == "Not yet. Look again."
    assert "True or False" in str(check_answer(yes, 1))
    assert "a number" in str(check_answer(SHARE, True))


def test_an_open_exercise_shows_its_solution_folded_and_as_text():
    page = check_answer(SHARE, None).bundle["text/html"]
    assert "Not answered yet." in page
    assert "<details><summary>Solution</summary><p>10/11 × 7/8 &lt; 1</p></details>" in page


def test_a_month_is_right_within_the_tolerance_of_its_exercise():
    month = Exercise(64, "64", {"That is the mean.": 38.08}, tolerance=0.5)
    assert str(check_answer(month, 64)) == "Right."
    assert str(check_answer(month, 38)) == "Not yet. That is the mean."


def test_the_mistaken_survivals_of_the_twelve_patients(course):
    """Before month 36: 4 dead, 3 last seen alive (7, 14, 14); at risk 11, 8, 7, 6 at a death."""
    found = mistaken_survival(course["time"], course["event"], 36)
    assert found["ignored"] == pytest.approx(8 / 12)
    assert found["dropped"] == pytest.approx(5 / 9)
    assert found["after"] == pytest.approx(9 / 10 * 6 / 7 * 5 / 6 * 4 / 5)


def test_nobody_left_after_a_death_makes_no_division_by_zero():
    """At risk after the deaths: 1, then 0; the second factor has no denominator and is left out."""
    time, event = pd.Series([1.0, 2.0]), pd.Series([True, True])
    assert mistaken_survival(time, event, 3)["after"] == 0
