import pytest

from vlms.consistency.hazards import hazard_ratio_check, log_symmetry_check, wald_p_check


def test_a_ratio_in_the_middle_of_its_limits_on_the_log_scale_is_consistent():
    # √(1.14 × 6.56) = 2.735
    assert log_symmetry_check("2.74", "1.14", "6.56").verdict == "consistent"


def test_a_ratio_off_the_middle_is_contradictory_for_wald_limits():
    # √(1.14 × 7.56) = 2.936; at most √(1.15 × 7.57) = 2.951, at least √(1.135 × 7.555) = 2.928.
    assert log_symmetry_check("2.74", "1.14", "7.56", limits="wald").contradictory
    assert log_symmetry_check("2.74", "1.14", "7.56").verdict == "undetermined"
    assert log_symmetry_check("2.74", "1.14", "7.56", limits="profile").verdict == "consistent"


def test_a_ratio_that_fits_only_when_cut_off_is_called_rounding():
    # √(1.145 × 6.565) = 2.7417 at most when rounded, yet 2.75 stands for 2.745 at least;
    # cut off, the limits reach √(1.15 × 6.57) = 2.7487.
    assert log_symmetry_check("2.75", "1.14", "6.56").verdict == "rounding"


def test_limits_that_do_not_hold_the_ratio_are_contradictory():
    finding = hazard_ratio_check("1.8", "2.7", "1.2", "0.01", events=9)
    assert finding.contradictory
    assert "does not lie between its limits" in finding.statement


def test_a_coarse_ratio_beside_a_finer_limit_is_not_held_against_it():
    # 1.0 stands for up to 1.05, so a lower limit of 1.02 and an upper of 1.08 hold it.
    assert log_symmetry_check("1.0", "1.02", "1.08").verdict == "consistent"


# R: lung ~ sex: 0.58800 (0.42372, 0.81598), P 0.0014912; ovarian ~ rx: 0.55080 (0.17432, 1.74037),
# P 0.30963; leukemia ~ x, Breslow: 2.4700 (0.90505, 6.74099), P 0.077530.
@pytest.mark.parametrize(
    ("hr", "lower", "upper", "p"),
    [
        ("0.588", "0.424", "0.816", "0.0015"),
        ("0.59", "0.42", "0.82", "0.001"),
        ("0.55", "0.17", "1.74", "0.31"),
        ("0.55", "0.17", "1.74", ".30"),
        ("2.47", "0.91", "6.74", "0.078"),
        ("2.5", "0.9", "6.7", "0.08"),
        ("2.5", "0.9", "6.7", "<0.1"),
    ],
)
def test_results_of_r_are_consistent_however_they_are_rounded(hr, lower, upper, p):
    assert wald_p_check(hr, lower, upper, p, test="wald")
    assert hazard_ratio_check(hr, lower, upper, p, test="wald")


def test_a_p_value_of_another_test_is_undetermined_unless_it_is_known_to_be_walds():
    # SE = ln(29.30/0.97)/3.92 = 0.869; z = ln 5.33/0.869 = 1.925; P = 0.054, not 0.06.
    printed = ("5.33", "0.97", "29.30", ".06")
    assert wald_p_check(*printed).verdict == "undetermined"
    assert wald_p_check(*printed, test="wald").contradictory


def test_the_p_value_of_a_ratio_of_1_may_be_anything_large():
    # With 1.0 (0.5 to 2.0) the log ratio may be 0, so P reaches 1.
    assert wald_p_check("1.0", "0.5", "2.0", "1.00").verdict == "consistent"


def test_an_inequality_is_compared_as_such():
    assert wald_p_check("0.59", "0.42", "0.82", "<.001", test="wald").contradictory
    assert wald_p_check("0.59", "0.42", "0.82", "<.05", test="wald").verdict == "consistent"


def test_too_few_events_make_the_whole_contradictory():
    # SE at most ln(2.71/1.195)/3.91993 = 0.208891, so at least 4/0.043636 = 91.7 events.
    finding = hazard_ratio_check("1.80", "1.20", "2.70", "0.005", events=40, covariate="binary")
    assert finding.verdict == "contradictory"
    assert finding.values["events_needed"] == 92
    assert [part.contradictory for part in finding.parts] == [False, False, True]


def test_the_number_of_patients_bounds_the_events():
    assert hazard_ratio_check("1.80", "1.20", "2.70", n=80, covariate="binary").contradictory
    assert hazard_ratio_check("1.80", "1.20", "2.70", groups=(40, 40)).contradictory
    assert not hazard_ratio_check("1.80", "1.20", "2.70", n=100).contradictory


def test_more_events_than_patients_are_refused():
    with pytest.raises(ValueError, match="more than 20 patients"):
        hazard_ratio_check("1.80", "1.20", "2.70", events=40, n=20)
