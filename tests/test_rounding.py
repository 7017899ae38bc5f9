"""What a printed number means: boxes, rounding rules, and how numbers are printed."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlms.rounding import (
    Printed,
    agreement,
    print_interval,
    print_number,
    print_p,
    print_share,
)


@pytest.mark.parametrize(
    ("text", "value", "decimals", "lower", "upper"),
    [
        ("1.14", 1.14, 2, 1.135, 1.145),
        ("29.30", 29.3, 2, 29.295, 29.305),
        ("65%", 0.65, 0, 0.645, 0.655),
        ("43.7%", 0.437, 1, 0.4365, 0.4375),
        ("58", 58, 0, 57.5, 58.5),
        (".06", 0.06, 2, 0.055, 0.065),
        ("1,613", 1613, 0, 1612.5, 1613.5),
        ("0·57", 0.57, 2, 0.565, 0.575),
        ("−2.5", -2.5, 1, -2.55, -2.45),
        ("Seventy-seven", 77, 0, 76.5, 77.5),
        ("twelve", 12, 0, 11.5, 12.5),
        ("twenty eight", 28, 0, 27.5, 28.5),
        ("no", 0, 0, -0.5, 0.5),
    ],
)
def test_printed_text_stands_for_a_box_of_true_values(text, value, decimals, lower, upper):
    printed = Printed.parse(text)
    assert printed.value == pytest.approx(value, abs=1e-12)
    assert printed.decimals == decimals
    assert printed.lower == pytest.approx(lower, abs=1e-12)
    assert printed.upper == pytest.approx(upper, abs=1e-12)


def test_an_inequality_has_one_open_end():
    assert Printed.parse("<.001").upper == 0.001
    assert Printed.parse("<.001").lower == -math.inf
    assert Printed.parse("≥5").lower == 5
    assert Printed.parse(">5").upper == math.inf


def test_one_unit_in_the_last_printed_place_follows_the_trailing_zero():
    assert Printed.parse("1.50").unit == pytest.approx(0.01)
    assert Printed.parse("1.5").unit == pytest.approx(0.1)
    assert Printed.parse("65%").unit == pytest.approx(0.01)


@pytest.mark.parametrize(
    "text",
    ["", "n.a.", "5 months", "3-4", "1e5", "nan", "inf", "1.2.3", "twelve cats"],
)
def test_text_that_is_not_one_number_is_refused(text):
    with pytest.raises(ValueError, match="is not one printed number"):
        Printed.parse(text)


@pytest.mark.parametrize(
    ("value", "printed", "rule"),
    [
        (7.35, "7.4", "half up"),  # the tie that binary 7.35 hides
        (7.25, "7.2", "half even"),
        (7.29, "7.2", "truncated"),
        (7.31, "7.2", "one unit off"),
        (7.36, "7.2", None),
        (23 / 40, "58%", "half up"),  # 57.5% exactly
        (Fraction(23, 40), "57%", "truncated"),
        (15 / 16, "93.7%", "truncated"),  # 93.75%
        (15 / 16, "93.8%", "half up"),
        (-2.5, "-3", "half up"),
        (12, "twelve", "half up"),
        (0.0004, "<.001", "inequality"),
        (0.04, "<.001", None),
        (float("nan"), "7", None),
        (pd.NA, "7", None),
    ],
)
def test_agreement_names_the_first_rule_that_leads_to_the_printed_number(value, printed, rule):
    assert agreement(value, printed) == rule


@given(st.integers(0, 400), st.integers(1, 400), st.integers(0, 2))
def test_a_share_always_agrees_with_its_own_rounding(count, total, decimals):
    count = min(count, total)
    exact = Decimal(count * 100) / Decimal(total)
    by_hand = (exact * 10**decimals + Decimal("0.5")) // 1  # half up, in units of the last place
    text = f"{by_hand / 10**decimals:.{decimals}f}%"
    assert agreement(count / total, text) == "half up"
    box = Printed.parse(text)
    assert box.lower - 1e-12 <= count / total <= box.upper + 1e-12


def test_numbers_are_printed_with_ties_away_from_zero_and_no_negative_zero():
    assert print_number(0.125, 2) == "0.13"
    assert print_number(-0.001, 1) == "0.0"
    assert print_number(np.float64(3), 1) == "3.0"
    assert print_number(pd.NA, missing="not reached") == "not reached"


def test_shares_print_their_count_and_total():
    assert print_share(23, 40) == "23/40 (58%)"
    assert print_share(0, 0) == "0/0 (–)"


def test_intervals_print_a_missing_limit_as_missing():
    assert print_interval(1.005, float("nan")) == "1.01 to –"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0, "<0.001"),
        (0.00099, "<0.001"),
        (0.001, "0.001"),
        (0.0499, "0.0499"),
        (0.052, "0.052"),
        (0.05, "0.05"),
        (0.06, "0.06"),
        (0.997, ">0.99"),
        (1, ">0.99"),
        (float("nan"), "–"),
    ],
)
def test_p_values_print_one_way(p, text):
    assert print_p(p) == text


def test_an_impossible_p_value_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        print_p(1.2)
