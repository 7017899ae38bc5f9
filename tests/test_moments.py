import numpy as np
import pytest

from vlms.consistency.moments import binary_sd_check, mean_check, sd_check


def test_a_mean_that_a_whole_sum_gives_is_consistent():
    # 707/12 = 58.917
    finding = mean_check("58.92", 12)
    assert finding.verdict == "consistent"
    assert finding.values["sums"] == [707]


def test_a_mean_between_two_whole_sums_is_contradictory():
    # 704/12 = 58.667, 705/12 = 58.75
    assert mean_check("58.72", 12).contradictory


def test_a_mean_that_was_cut_off_is_called_rounding():
    assert mean_check("58.91", 12).verdict == "rounding"


def test_several_items_make_a_finer_mean():
    # One patient's single whole number is not 0.50; the mean of two can be 1/2.
    assert mean_check("0.50", 1).contradictory
    assert not mean_check("0.50", 1, items=2).contradictory


def test_a_real_mean_and_sd_are_consistent():
    # R: mean(lung$age) 62.44737, sd(lung$age) 9.073457, 228 patients
    for mean, sd in [("62.4", "9.1"), ("62.45", "9.07"), ("62.447", "9.073")]:
        assert sd_check(mean, sd, 228, smallest=39, largest=82).verdict == "consistent"


def test_whole_numbers_with_a_whole_mean_of_four_cannot_spread_by_0_2():
    # Σ(x − 3)² = 3 × 0.04 = 0.12 lies between 0 and 2, the next that an equal sum allows.
    assert sd_check("3.00", "0.20", 4).contradictory


def test_a_range_bounds_the_standard_deviation():
    # Mean 5 of 4 values from 4 to 6: at most two at each end, SD = √(4/3) = 1.15.
    assert not sd_check("5.00", "1.15", 4, smallest=4, largest=6).contradictory
    assert sd_check("5.00", "1.50", 4, smallest=4, largest=6).contradictory


def test_a_yes_no_variable_has_its_sd_fixed_by_its_share():
    # 22/63 = 0.349; √(0.349 × 0.651 × 63/62) = 0.4805
    assert binary_sd_check("35%", "0.48", 63).verdict == "consistent"
    assert binary_sd_check("35%", "0.50", 63).contradictory


def test_true_samples_are_never_contradictory_and_a_wrong_sd_is_found_at_the_stated_rate():
    random = np.random.default_rng(17)
    planted = found = 0
    for _ in range(1500):
        n = int(random.integers(2, 40))
        values = random.integers(0, random.integers(1, 90) + 1, size=n)
        mean, sd = values.mean(), values.std(ddof=1)
        limits = {"smallest": int(values.min()), "largest": int(values.max())}
        printed = f"{mean:.2f}", f"{sd:.2f}"
        assert mean_check(printed[0], n)
        assert sd_check(*printed, n, **limits), values
        yes = values > values.min()
        share = f"{100 * yes.mean():.0f}%", f"{yes.std(ddof=1):.2f}"
        assert binary_sd_check(*share, n), values
        if n <= 10:
            planted += 1
            found += sd_check(printed[0], f"{sd + 0.37:.2f}", n, **limits).contradictory
    # Planted: SD 0.37 too large, ten patients at most, two decimals. Measured 39%.
    assert found / planted > 0.3


@pytest.mark.parametrize("n", [0, -3, 1.5, "x"])
def test_a_sample_without_patients_is_refused(n):
    with pytest.raises(ValueError, match="whole number"):
        mean_check("5.0", n)
