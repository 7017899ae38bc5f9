import pandas as pd
import pytest

from vlms.consistency.wording import direction_check, identical_rows, significance_check


def test_words_that_go_against_the_ratio_are_contradictory():
    assert direction_check("2.13", "improved").contradictory
    assert direction_check("0.43", "worse").contradictory
    assert not direction_check("0.43", "improved").contradictory
    assert not direction_check("2.74", "inferior").contradictory


def test_a_ratio_that_may_be_1_goes_with_any_words():
    assert not direction_check("1.0", "better").contradictory
    assert not direction_check("1.0", "worse").contradictory


def test_words_without_a_direction_are_refused():
    with pytest.raises(ValueError, match="no direction"):
        direction_check("1.2", "different")


def test_identical_rows_are_named_but_not_called_contradictory():
    table = pd.DataFrame(
        {
            "hazard_ratio": ["2.74", "1.37", "2.74", None],
            "lower": ["1.14", "0.29", "1.14", None],
            "upper": ["6.56", "6.54", "6.56", None],
        },
        index=["recurrence", "other", "death", "none"],
    )
    finding = identical_rows(table)
    assert finding.verdict == "undetermined"
    assert finding.values["groups"] == [["recurrence", "death"]]
    assert identical_rows(table.iloc[:2]).verdict == "consistent"


def test_a_trailing_zero_makes_rows_differ():
    table = pd.DataFrame(
        {"hazard_ratio": ["2.7", "2.70"], "lower": ["1", "1"], "upper": ["3", "3"]}
    )
    assert identical_rows(table).verdict == "consistent"


@pytest.mark.parametrize(
    ("p", "associated", "verdict"),
    [
        (".69", True, "contradictory"),
        (".69", False, "consistent"),
        (".06", True, "contradictory"),  # 0.055 at least
        (".02", True, "consistent"),
        ("<.05", True, "consistent"),
        (".05", True, "undetermined"),  # 0.045 to 0.06
        (".04", True, "consistent"),  # below 0.05 even where digits were cut off
        ("≤.05", True, "undetermined"),
        (".03", False, "contradictory"),
    ],
)
def test_words_of_association_are_held_against_the_level(p, associated, verdict):
    assert significance_check(p, associated).verdict == verdict
