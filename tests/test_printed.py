"""What a printed number means: boxes, rounding rules, and how numbers are printed."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlms.printed import (
    VERDICTS,
    Printed,
    agreement,
    print_interval,
    print_number,
    print_p,
    print_share,
    verdict_badge,
)


@pytest.mark.parametrize(
    ("text", "value", "decimals", "lower", "upper", "unit"),
    [
        ("1.14", 1.14, 2, 1.135, 1.145, 0.01),
        ("29.30", 29.3, 2, 29.295, 29.305, 0.01),
        ("43.7%", 0.437, 1, 0.4365, 0.4375, 0.001),
        (".06", 0.06, 2, 0.055, 0.065, 0.01),
        ("1,613", 1613, 0, 1612.5, 1613.5, 1),
        ("0·57", 0.57, 2, 0.565, 0.575, 0.01),
        ("−2.5", -2.5, 1, -2.55, -2.45, 0.1),
        ("Seventy-seven", 77, 0, 76.5, 77.5, 1),
        ("no", 0, 0, -0.5, 0.5, 1),
        ("<.001", 0.001, 3, -math.inf, 0.001, 0.001),
        ("≤3%", 0.03, 0, -math.inf, 0.03, 0.01),
        (">= 5", 5, 0, 5, math.inf, 1),
    ],
)
def test_printed_text_stands_for_a_box_of_true_values(text, value, decimals, lower, upper, unit):
    printed = Printed.parse(text)
    assert (printed.text, printed.decimals) == (text, decimals)
    found = [printed, printed.value, printed.lower, printed.upper, printed.unit]
    assert found == pytest.approx([value, value, lower, upper, unit], abs=1e-12)


def test_a_printed_number_counts_as_its_value_and_prints_as_its_text():
    share = Printed.parse("65%")
    assert Printed.parse("twelve") * share == pytest.approx(7.8)
    assert (f"{share}", f"{share:.2f}", Printed.parse(share) is share) == ("65%", "0.65", True)


@pytest.mark.parametrize(
    "text", ["", "n.a.", "5 months", "3-4", "1e5", "nan", "inf", "1.2.3", "twelve cats", True]
)
def test_text_that_is_not_one_number_is_refused(text):
    with pytest.raises(ValueError, match="is not (one|a) printed number"):
        Printed.parse(text)


@pytest.mark.parametrize(
    ("value", "printed", "rule"),
    [
        (7.35, "7.4", "half up"),  # the tie that binary 7.35 hides
        (7.25, "7.2", "half even"),
        (7.29, "7.2", "truncated"),
        (7.31, "7.2", None),  # one unit off is no rule of rounding
        (7.36, "7.2", None),
        (23 / 40, "58%", "half up"),  # 57.5% exactly
        (Fraction(23, 40), "57%", "truncated"),
        (15 / 16, "93.7%", "truncated"),  # 93.75%
        (-2.5, "-3", "half up"),
        (0.0004, "<.001", "inequality"),
        (0.001, "<.001", None),
        (0.001, "≤.001", "inequality"),
        (0.0004, "≤.001", "inequality"),
        (0.05, "≥5%", "inequality"),
        (0.05, ">5%", None),
        (float("nan"), "7", None),
        (pd.NA, "<7", None),
    ],
)
def test_agreement_names_the_first_rule_that_leads_to_the_printed_number(value, printed, rule):
    assert agreement(value, printed) == rule


@given(st.integers(0, 400), st.integers(1, 400), st.integers(0, 2))
def test_a_share_always_agrees_with_its_own_rounding(count, total, decimals):
    share = min(count, total) / total
    exact = Decimal(min(count, total) * 100) / Decimal(total)
    by_hand = (exact * 10**decimals + Decimal("0.5")) // 1  # half up, in units of the last place
    printed = Printed.parse(f"{by_hand / 10**decimals:.{decimals}f}%")
    assert agreement(share, printed) == "half up"
    assert printed.lower - 1e-12 <= share <= printed.upper + 1e-12


def test_numbers_are_printed_with_ties_away_from_zero_and_no_negative_zero():
    assert [print_number(0.125, 2), print_number(-0.125, 2)] == ["0.13", "-0.13"]
    assert [print_number(-0.001, 1), print_number(np.float64(3), 1)] == ["0.0", "3.0"]
    assert print_number(pd.NA, missing="not reached") == "not reached"
    assert [print_share(23, 40), print_share(0, 0)] == ["23/40 (58%)", "0/0 (–)"]
    assert print_interval(1.005, float("nan")) == "1.01 to –"


def test_p_values_print_one_way():
    values = [0, 0.00099, 0.001, 0.0499, 0.052, 0.05, 0.01, 0.997, float("nan")]
    texts = "<0.001 <0.001 0.001 0.0499 0.052 0.05 0.01 >0.99 –".split()
    assert [print_p(value) for value in values] == texts


def test_an_impossible_p_value_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        print_p(1.2)


def test_a_badge_is_read_without_colour():
    assert len({verdict_badge(name).split(">")[2][0] for name in VERDICTS}) == len(VERDICTS)
    assert all(name in verdict_badge(name) for name in VERDICTS)
