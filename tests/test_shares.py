"""Percentages, sums, overlaps, means and standard deviations."""

from fractions import Fraction

import numpy as np
import pytest

from vlms.consistency import (
    binary_sd_check,
    mean_check,
    overlap_bounds,
    overlap_check,
    percentage_check,
    possible_totals,
    sd_check,
    sum_check,
)


@pytest.mark.parametrize(
    ("printed", "count", "total", "verdict"),
    [
        ("65%", 41, 63, "consistent"),  # 65.08
        ("66%", 42, 63, "rounding"),  # 66.67, cut off
        ("78%", 31, 40, "consistent"),  # 77.5, half up
        ("62%", 5, 8, "rounding"),  # 62.5, half to even
        ("43.7%", 7, 16, "rounding"),  # 43.75, cut off
        ("43%", 5, 12, "contradictory"),  # 41.67 rounds to 42: one unit off is no rule
        ("96%", 46, 58, "contradictory"),  # 79.3
        ("20%", 12, 10, "contradictory"),
        ("0.65", 41, 63, "consistent"),
        ("65", 41, 63, "consistent"),
        ("100%", 12, 12, "consistent"),
        ("0%", 0, 12, "consistent"),
        ("<1%", 1, 200, "consistent"),
    ],
)
def test_a_share_is_judged_by_the_rule_that_leads_to_it(printed, count, total, verdict):
    assert percentage_check(printed, count, total).verdict == verdict


def test_the_statement_names_the_nearest_total_that_fits_and_the_ledger_keeps_the_rule():
    # 46/48 = 95.8%; 46/47 = 97.9%; 46/58 = 79.3%
    statement = percentage_check("96%", 46, 58).statement
    assert statement == "46 of 58 is 79.3%, not the printed 96%; 46 of 48 would print as 96%."
    assert percentage_check("66%", 42, 63).values["rule"] == "truncated"


@pytest.mark.parametrize(
    ("printed", "count", "total"),
    [("5%", 1, 0), ("5%", -1, 3), ("5%", 1.5, 3), ("x", 1, 3), ("1", 1, 3), ("101%", 1, 3)],
)
def test_what_is_no_share_is_refused(printed, count, total):
    with pytest.raises(ValueError, match="must be|not one|percent sign|not a share"):
        percentage_check(printed, count, total)


def test_possible_totals_are_those_that_trying_all_counts_finds():
    # One decimal: of totals up to 20 only 15/16 = 93.75, cut off, gives 93.7%.
    assert possible_totals("93.7%", up_to=20)[["total", "count"]].values.tolist() == [[16, 15]]
    tried = {
        (total, count)
        for total in range(1, 31)
        for count in range(total + 1)
        # 29% stands for 28.5 to 29.5, and for 29 to 30 where it was cut off.
        if Fraction(285, 1000) <= Fraction(count, total) < Fraction(300, 1000)
    }
    found = possible_totals("29%", up_to=30)
    assert set(zip(found["total"], found["count"], strict=True)) == tried


@pytest.mark.parametrize(
    ("counts", "total", "declared", "verdict"),
    [
        (
            {"none": 33, "chemo": 13, "radio": 9, "both": 9},
            63,
            {"exclusive": True},
            "contradictory",
        ),
        ([33, 13, 9, 9], 63, {}, "undetermined"),
        ([33, 13, 9, 9], 63, {"exclusive": False, "exhaustive": True}, "consistent"),
        ([33, 13, 9, 9], 64, {"exclusive": True, "exhaustive": True}, "consistent"),
        # R: table(lung$ph.ecog): 63 113 50 1, of 228 patients; one is missing.
        ([63, 113, 50, 1], 228, {"exclusive": True}, "undetermined"),
        ([63, 113, 50, 1], 228, {"exhaustive": True}, "contradictory"),
        ([63, 113, 50, 1], 228, {"exhaustive": False}, "consistent"),
        ([37, 1], 36, {"exclusive": False}, "contradictory"),
    ],
)
def test_a_sum_decides_where_levels_are_declared_exclusive_and_complete(
    counts, total, declared, verdict
):
    finding = sum_check(counts, total, **declared)
    assert finding.verdict == verdict
    assert finding.values["total"] == total


def test_overlaps_keep_to_inclusion_and_exclusion():
    # |A ∪ B| = 22 + 18 − 9 = 31, so 32 of 63 had neither.
    counts = {"a": 22, "b": 18, "a & b": 9}
    assert overlap_check(counts | {"~a & ~b": 32, "a | b": 31}, 63)
    assert overlap_check(counts | {"~a & ~b": 33}, 63).contradictory
    assert overlap_check(counts | {"a | b": 32}, 63).contradictory
    assert overlap_check({"a": 20, "b": 10}, 31)
    assert overlap_check({"a": 20, "b": 10}, 31, exhaustive=True).contradictory
    assert overlap_bounds(42, 37, 63) == (16, 37)  # 42 + 37 − 63
    assert overlap_bounds(10, 20, 63) == (0, 10)


def test_a_conflict_is_reduced_to_the_counts_that_make_it():
    counts = {"c": 5, "a": 22, "b": 18, "a & b": 19, "d": 60}
    assert overlap_check(counts, 63).values["conflict"] == {"b": 18, "a & b": 19}


@pytest.mark.parametrize("expression", ["", "a &", "| b", "~"])
def test_a_broken_expression_is_refused(expression):
    with pytest.raises(ValueError, match="not an expression"):
        overlap_check({expression: 3}, 10)


def test_true_counts_of_random_patients_are_never_contradictory_and_a_wrong_one_often_is():
    random = np.random.default_rng(3)
    wrong_found = 0
    for _ in range(40):
        patients = random.random((int(random.integers(5, 60)), 3)) < random.random(3)
        a, b, c = patients.T
        counts = {"a": a, "b": b, "c": c, "a & b": a & b, "b & c": b & c, "a & ~c": a & ~c}
        counts = {name: int(inside.sum()) for name, inside in counts.items()}
        any_of = int(patients.any(axis=1).sum())
        assert overlap_check(counts | {"a | b | c": any_of}, len(patients))
        wrong = {"a | b | c": len(patients) - any_of}
        wrong_found += overlap_check(counts | wrong, len(patients)).contradictory
    # Planted: those in none printed as those in any. Measured 39 of 40.
    assert wrong_found >= 34


@pytest.mark.parametrize(
    ("mean", "n", "declared", "verdict"),
    [
        ("58.92", 12, {"integers": True}, "consistent"),  # 707/12 = 58.917
        ("58.91", 12, {"integers": True}, "rounding"),
        ("58.72", 12, {"integers": True}, "contradictory"),  # 704/12 = 58.667, 705/12 = 58.75
        ("58.72", 12, {}, "undetermined"),
        ("58.72", 12, {"integers": False}, "undetermined"),
        ("0.50", 1, {"integers": True}, "contradictory"),
        ("0.50", 1, {"integers": True, "items": 2}, "consistent"),  # the mean of 0 and 1
    ],
)
def test_a_mean_is_held_against_the_sums_of_whole_numbers(mean, n, declared, verdict):
    assert mean_check(mean, n, **declared).verdict == verdict


def test_a_mean_names_the_sums_that_give_it():
    assert mean_check("58.92", 12).values["sums"] == [707]


@pytest.mark.parametrize(
    ("mean", "sd", "n", "declared", "verdict"),
    [
        # R: mean(lung$age) 62.44737, sd(lung$age) 9.073457, 228 patients of 39 to 82
        ("62.4", "9.1", 228, {"smallest": 39, "largest": 82}, "consistent"),
        ("62.447", "9.073", 228, {"smallest": 39, "largest": 82}, "consistent"),
        # Σ(x − 3)² = 3 × 0.04 = 0.12 lies between 0 and 2, the next that an equal sum allows.
        ("3.00", "0.20", 4, {"integers": True}, "contradictory"),
        ("3.00", "0.20", 4, {}, "undetermined"),
        # Three whole numbers that sum to 3 have Σ(x − 1)² of 0, 2, 6 …, never 2 × 0.71² = 1.
        ("1.00", "0.71", 3, {"integers": True}, "contradictory"),
        # Mean 5 of 4 values from 4 to 6: at most two at each end, SD = √(4/3) = 1.15.
        ("5.00", "1.15", 4, {"smallest": 4, "largest": 6}, "consistent"),
        ("5.00", "1.50", 4, {"smallest": 4, "largest": 6, "integers": True}, "contradictory"),
    ],
)
def test_a_standard_deviation_is_held_against_whole_numbers(mean, sd, n, declared, verdict):
    assert sd_check(mean, sd, n, **declared).verdict == verdict


def test_a_yes_no_variable_has_its_sd_fixed_by_its_share():
    # 22/63 = 0.349; √(0.349 × 0.651 × 63/62) = 0.4805
    assert binary_sd_check("35%", "0.48", 63).verdict == "consistent"
    assert binary_sd_check("35%", "0.50", 63).contradictory


def test_true_samples_are_never_contradictory_and_a_wrong_sd_is_found_at_the_stated_rate():
    random = np.random.default_rng(17)
    planted = found = 0
    for _ in range(1000):
        n = int(random.integers(2, 40))
        values = random.integers(0, random.integers(1, 90) + 1, size=n)
        mean, sd = values.mean(), values.std(ddof=1)
        told = {"smallest": int(values.min()), "largest": int(values.max()), "integers": True}
        printed = f"{mean:.2f}", f"{sd:.2f}"
        assert mean_check(printed[0], n, integers=True)
        assert sd_check(*printed, n, **told), values
        yes = values > values.min()
        assert binary_sd_check(f"{100 * yes.mean():.0f}%", f"{yes.std(ddof=1):.2f}", n), values
        if n <= 10:
            planted += 1
            found += sd_check(printed[0], f"{sd + 0.37:.2f}", n, **told).contradictory
    # Planted: SD 0.37 too large, ten patients at most, two decimals. Measured 39%.
    assert found / planted > 0.3


@pytest.mark.parametrize("n", [0, -3, 1.5, "x", True, None, float("nan")])
def test_a_sample_without_patients_is_refused(n):
    with pytest.raises(ValueError, match="whole number"):
        mean_check("5.0", n)
