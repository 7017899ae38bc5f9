import math

import pytest

from vlms.consistency.information import (
    events_needed,
    information_check,
    narrowest_interval,
    smallest_p,
)


def test_events_needed_is_four_over_the_square_of_the_largest_standard_error():
    # Widest interval printing as 1.14 to 6.56, digits cut off included: 1.135 to 6.57.
    # SE = ln(6.57/1.135)/(2 × 1.95996) = 1.75591/3.91993 = 0.447944; 4/SE² = 19.93.
    assert events_needed("1.14", "6.56") == 20


def test_more_decimals_in_print_leave_a_smaller_box():
    # 1.00 to 4.00: ln(4.01/0.995)/3.91993 = 0.355574, 4/SE² = 31.64.
    # 1 to 4: ln(5/0.5)/3.91993 = 0.587404, 4/SE² = 11.59.
    assert events_needed("1.00", "4.00") == 32
    assert events_needed("1", "4") == 12


def test_a_higher_confidence_needs_more_events():
    # The same limits at 99%: SE = 1.75591/(2 × 2.57583) = 0.340844; 4/SE² = 34.43.
    assert events_needed("1.14", "6.56", confidence=0.99) == 35


def test_a_small_arm_needs_more_events():
    # SE² = 0.200654 ≥ 1/6 + 1/d0 gives d0 ≥ 29.4, so 6 + 30.
    assert events_needed("1.14", "6.56", groups=(6, 30)) == 36


def test_an_arm_too_small_can_never_do():
    # 1/4 > 0.2007 already.
    assert events_needed("1.14", "6.56", groups=(4, 1000)) is None
    assert information_check("1.14", "6.56", 500, groups=(4, 1000)).contradictory


# R: coxph(Surv(futime, fustat) ~ rx, ovarian): exp(coef) 0.5508, .95 limits 0.1743 to 1.7404,
# se(coef) 0.58699; 7 and 5 events.
# coxph(Surv(time, status == 2) ~ sex, lung): 0.5880 (0.4237 to 0.8160); 112 and 53 events.
# coxph(Surv(time, status) ~ x, leukemia, ties = "breslow"): 2.4700 (0.9050 to 6.7410); 7 and 11.
FITS = [
    ("0.17", "1.74", 7, 5),
    ("0.42", "0.82", 112, 53),
    ("0.91", "6.74", 7, 11),
]


@pytest.mark.parametrize(("lower", "upper", "first", "second"), FITS)
def test_real_fits_have_the_events_they_need(lower, upper, first, second):
    events = first + second
    assert information_check(lower, upper, events, covariate="binary").verdict == "consistent"
    assert not information_check(lower, upper, events, groups=(first, second)).contradictory


def test_a_level_of_a_factor_obeys_the_same_bound():
    assert information_check("1.14", "6.56", 15, covariate="categories").contradictory


def test_limits_of_a_profile_likelihood_leave_out_the_groups_and_ask_for_one_event_fewer():
    # 20 events by 4/SE²; Firth's penalty may stand for one of them.
    for events, verdict in ((19, "consistent"), (18, "contradictory")):
        found = information_check("1.14", "6.56", events, groups=(6, 30), limits="profile")
        assert found.verdict == verdict


@pytest.mark.parametrize(
    "declared", [{"covariate": "ordinal"}, {"limits": "exact"}, {"covariate": "continuous"}]
)
def test_a_declaration_that_is_unknown_or_denies_the_groups_is_refused(declared):
    with pytest.raises(ValueError, match="must be|groups belong"):
        information_check("1.14", "6.56", 15, groups=(6, 30), **declared)


def test_the_bound_by_arm_is_nearly_reached_by_a_real_fit():
    # ovarian: 1/7 + 1/5 = 0.342857, se² = 0.344557.
    lower, upper = narrowest_interval("0.55080191", 12, groups=(7, 5))
    half = 1.959964 * math.sqrt(1 / 7 + 1 / 5)
    assert lower == pytest.approx(0.55080191 * math.exp(-half), rel=1e-6)
    assert lower == pytest.approx(0.17432073, rel=0.02)
    assert upper > 1.7


def test_the_narrowest_interval_is_two_over_the_root_of_the_events():
    # HR 2, 16 events: SE = 1/2; exp(ln 2 ± 0.979982).
    assert narrowest_interval("2", 16) == pytest.approx((0.750630, 5.328857), rel=1e-5)


def test_the_smallest_p_of_15_events_at_2_74_does_not_reach_0_05():
    # Largest value printing as 2.74 is 2.75; z = ln 2.75 × √15/2 = 1.95896; P = 0.05012.
    assert smallest_p("2.74", 15) == pytest.approx(0.05012, abs=2e-5)


@pytest.mark.parametrize(
    ("lower", "upper", "events"),
    [
        ("-1", "2", 5),
        ("1.2", "x", 5),
        ("2", "1", 5),
        ("1", "2", -3),
        ("1", "2", 2.5),
        ("5%", "2", 5),
    ],
)
def test_what_cannot_be_read_is_refused(lower, upper, events):
    with pytest.raises(ValueError, match="must be|not one printed number|above the upper"):
        information_check(lower, upper, events)


def test_a_confidence_outside_0_and_1_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        events_needed("1", "2", confidence=95)
