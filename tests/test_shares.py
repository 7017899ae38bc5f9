from fractions import Fraction

import pytest

from vlms.consistency.shares import percentage_check, possible_totals


@pytest.mark.parametrize(
    ("printed", "count", "total", "verdict"),
    [
        ("65%", 41, 63, "consistent"),  # 65.08
        ("66%", 42, 63, "rounding"),  # 66.67, cut off
        ("78%", 31, 40, "consistent"),  # 77.5, half up
        ("62%", 5, 8, "rounding"),  # 62.5, half to even
        ("43.7%", 7, 16, "rounding"),  # 43.75, cut off
        ("43%", 5, 12, "rounding"),  # 41.67 rounds to 42, one unit off
        ("96%", 46, 58, "contradictory"),  # 79.3
        ("0.65", 41, 63, "consistent"),
        ("65", 41, 63, "consistent"),
        ("100%", 12, 12, "consistent"),
        ("0%", 0, 12, "consistent"),
        ("<1%", 1, 200, "consistent"),
    ],
)
def test_a_share_is_judged_by_the_rule_that_leads_to_it(printed, count, total, verdict):
    assert percentage_check(printed, count, total).verdict == verdict


def test_more_than_all_is_contradictory():
    assert percentage_check("120%"[1:], 12, 10).contradictory


def test_the_statement_names_the_nearest_total_that_fits():
    # 46/48 = 95.8%; 46/47 = 97.9%; 46/58 = 79.3%
    statement = percentage_check("96%", 46, 58).statement
    assert statement == "46 of 58 is 79.3%, not the printed 96%; 46 of 48 would print as 96%."


def test_the_rule_is_kept_for_the_ledger():
    assert percentage_check("66%", 42, 63).values["rule"] == "truncated"


@pytest.mark.parametrize(
    ("printed", "count", "total"),
    [("5%", 1, 0), ("5%", -1, 3), ("5%", 1.5, 3), ("x", 1, 3), ("1", 1, 3), ("101%", 1, 3)],
)
def test_what_is_no_share_is_refused(printed, count, total):
    with pytest.raises(ValueError, match="must be|not one|percent sign|not a share"):
        percentage_check(printed, count, total)


def test_totals_that_could_have_given_a_share():
    # One decimal: of totals up to 20 only 15/16 = 93.75, cut off, gives 93.7%.
    assert possible_totals("93.7%", up_to=20)[["total", "count"]].values.tolist() == [[16, 15]]


def test_possible_totals_are_those_that_trying_all_counts_finds():
    tried = {
        (total, count)
        for total in range(1, 31)
        for count in range(total + 1)
        # 29% stands for 28.5 to 29.5, and for 29 to 30 where it was cut off.
        if Fraction(285, 1000) <= Fraction(count, total) < Fraction(300, 1000)
    }
    found = possible_totals("29%", up_to=30)
    assert set(zip(found["total"], found["count"], strict=True)) == tried
