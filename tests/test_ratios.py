"""Hazard ratios, their limits, P values, events and words."""

import math

import numpy as np
import pandas as pd
import pytest

from vlms.consistency import (
    direction_check,
    events_needed,
    hazard_ratio_check,
    identical_rows,
    information_check,
    log_symmetry_check,
    narrowest_interval,
    possible_events,
    same_events_check,
    significance_check,
    smallest_p,
    wald_p_check,
    which_comparison,
)
from vlms.consistency.ratios import _log_rank_p


@pytest.mark.parametrize(
    ("printed", "limits", "verdict"),
    [
        (("2.74", "1.14", "6.56"), "unknown", "consistent"),  # √(1.14 × 6.56) = 2.735
        # √(1.14 × 7.56) = 2.936; at least √(1.135 × 7.555) = 2.928.
        (("2.74", "1.14", "7.56"), "wald", "contradictory"),
        (("2.74", "1.14", "7.56"), "unknown", "undetermined"),
        (("2.74", "1.14", "7.56"), "profile", "consistent"),
        # √(1.145 × 6.565) = 2.7417 at most when rounded, yet 2.75 stands for 2.745 at least;
        # cut off, the limits reach √(1.15 × 6.57) = 2.7487.
        (("2.75", "1.14", "6.56"), "wald", "rounding"),
        (("1.8", "2.7", "1.2"), "unknown", "contradictory"),  # outside its limits
        # 1.0 stands for up to 1.05, so a lower limit of 1.02 and an upper of 1.08 hold it.
        (("1.0", "1.02", "1.08"), "wald", "consistent"),
    ],
)
def test_a_ratio_is_held_against_the_middle_of_its_limits(printed, limits, verdict):
    assert log_symmetry_check(*printed, limits=limits).verdict == verdict


# R: lung ~ sex: 0.58800 (0.42372, 0.81598), P 0.0014912; ovarian ~ rx: 0.55080 (0.17432, 1.74037),
# P 0.30963; leukemia ~ x, Breslow: 2.4700 (0.90505, 6.74099), P 0.077530.
@pytest.mark.parametrize(
    "printed",
    [
        ("0.588", "0.424", "0.816", "0.0015"),
        ("0.59", "0.42", "0.82", "0.001"),
        ("0.55", "0.17", "1.74", ".30"),
        ("2.5", "0.9", "6.7", "0.08"),
        ("2.5", "0.9", "6.7", "<0.1"),
        ("1.0", "0.5", "2.0", "1.00"),  # the log ratio may be 0, so P reaches 1
    ],
)
def test_a_wald_p_value_agrees_however_it_is_rounded(printed):
    assert wald_p_check(*printed, test="wald")
    assert hazard_ratio_check(*printed, test="wald")


def test_another_p_value_is_undetermined_unless_it_is_known_to_be_walds():
    # SE = ln(29.30/0.97)/3.92 = 0.869; z = ln 5.33/0.869 = 1.925; P = 0.054, not 0.06.
    printed = ("5.33", "0.97", "29.30", ".06")
    assert wald_p_check(*printed).verdict == "undetermined"
    assert wald_p_check(*printed, test="wald").contradictory
    assert hazard_ratio_check(*printed, test="wald", limits="profile").verdict == "undetermined"
    assert wald_p_check("0.59", "0.42", "0.82", "<.001", test="wald").contradictory


@pytest.mark.parametrize(
    ("lower", "upper", "given", "needed"),
    [
        # Widest interval printing as 1.14 to 6.56, digits cut off included: 1.135 to 6.57.
        # SE = ln(6.57/1.135)/(2 × 1.95996) = 1.75591/3.91993 = 0.447944; 4/SE² = 19.93.
        ("1.14", "6.56", {}, 20),
        # 1.00 to 4.00: ln(4.01/0.995)/3.91993 = 0.355574, 4/SE² = 31.64.
        ("1.00", "4.00", {}, 32),
        # 1 to 4: ln(5/0.5)/3.91993 = 0.587404, 4/SE² = 11.59.
        ("1", "4", {}, 12),
        # At 99%: SE = 1.75591/(2 × 2.57583) = 0.340844; 4/SE² = 34.43.
        ("1.14", "6.56", {"confidence": 0.99}, 35),
        # SE² = 0.200654 ≥ 1/6 + 1/d0 gives d0 ≥ 29.4, so 6 + 30; and 1/4 > 0.2007 already.
        ("1.14", "6.56", {"groups": (6, 30)}, 36),
        ("1.14", "6.56", {"groups": (4, 1000)}, None),
    ],
)
def test_the_events_needed_follow_from_the_widest_standard_error(lower, upper, given, needed):
    assert events_needed(lower, upper, **given) == needed


# R: coxph(Surv(futime, fustat) ~ rx, ovarian): 0.1743 to 1.7404; 7 and 5 events.
# coxph(Surv(time, status == 2) ~ sex, lung): 0.4237 to 0.8160; 112 and 53 events.
# coxph(Surv(time, status) ~ x, leukemia, ties = "breslow"): 0.9050 to 6.7410; 7 and 11.
@pytest.mark.parametrize(
    ("lower", "upper", "groups"),
    [("0.17", "1.74", (7, 5)), ("0.42", "0.82", (112, 53)), ("0.91", "6.74", (7, 11))],
)
def test_real_fits_have_the_events_they_need(lower, upper, groups):
    assert information_check(lower, upper, sum(groups), groups=groups).verdict == "consistent"


@pytest.mark.parametrize(
    ("events", "declared", "verdict"),
    [
        (20, {}, "consistent"),
        (19, {}, "undetermined"),
        (99, {"covariate": "continuous"}, "undetermined"),
        (19, {"covariate": "binary", "limits": "wald"}, "contradictory"),
        (19, {"covariate": "binary"}, "undetermined"),
        (18, {"covariate": "binary"}, "contradictory"),
        (18, {"covariate": "categories"}, "contradictory"),
        (20, {"covariate": "binary"}, "consistent"),
        (99, {"covariate": "binary", "robust": True}, "undetermined"),
        (19, {"groups": (12, 14), "robust": True}, "undetermined"),
        (35, {"groups": (6, 30), "limits": "wald"}, "contradictory"),
        (35, {"groups": (6, 30)}, "undetermined"),
        (500, {"groups": (4, 1000), "limits": "wald"}, "contradictory"),
        # Firth's penalty may stand for one of the 20 events, and the groups bound nothing.
        (19, {"groups": (6, 30), "limits": "profile"}, "consistent"),
        (18, {"groups": (6, 30), "limits": "profile"}, "contradictory"),
    ],
)
def test_the_events_decide_where_covariate_and_variance_are_declared(events, declared, verdict):
    assert information_check("1.14", "6.56", events, **declared).verdict == verdict


def test_the_whole_is_as_grave_as_its_gravest_part():
    # SE at most ln(2.71/1.195)/3.91993 = 0.208891, so at least 4/0.043636 = 91.7 events.
    finding = hazard_ratio_check("1.80", "1.20", "2.70", "0.005", events=40, covariate="binary")
    assert finding.values["events_needed"] == 92
    assert [part.contradictory for part in finding.parts] == [False, False, True]


def test_the_number_of_patients_bounds_the_events():
    assert hazard_ratio_check("1.80", "1.20", "2.70", n=80, covariate="binary").contradictory
    assert hazard_ratio_check("1.80", "1.20", "2.70", groups=(40, 40)).contradictory
    assert not hazard_ratio_check("1.80", "1.20", "2.70", n=100, covariate="binary").contradictory
    with pytest.raises(ValueError, match="more than 20 patients"):
        hazard_ratio_check("1.80", "1.20", "2.70", events=40, n=20)


def test_limits_that_are_not_walds_leave_the_groups_out():
    # √(1.14 × 7.56) is not 2.74; SE = ln(7.57/1.135)/3.91993 = 0.484, 4/SE² = 17.1: 18 less one.
    told = {"groups": (6, 30), "events": 17}
    assert hazard_ratio_check("2.74", "1.14", "7.56", **told).verdict == "undetermined"
    assert hazard_ratio_check("2.74", "1.14", "7.56", **told | {"events": 16}).contradictory


def test_the_narrowest_interval_and_the_smallest_p_of_so_many_events():
    # HR 2, 16 events: SE = 1/2; exp(ln 2 ± 0.979982).
    assert narrowest_interval("2", 16) == pytest.approx((0.750630, 5.328857), rel=1e-5)
    # ovarian: 1/7 + 1/5 = 0.342857, R's se² = 0.344557.
    lower, upper = narrowest_interval("0.55080191", 12, groups=(7, 5))
    assert lower == pytest.approx(0.55080191 * math.exp(-1.959964 * math.sqrt(12 / 35)), rel=1e-6)
    assert lower == pytest.approx(0.17432073, rel=0.02)
    # Largest value printing as 2.74 is 2.75; z = ln 2.75 × √15/2 = 1.95896; P = 0.05012.
    assert smallest_p("2.74", 15) == pytest.approx(0.05012, abs=2e-5)


@pytest.mark.parametrize(
    ("lower", "upper", "events", "given"),
    [
        ("-1", "2", 5, {}),
        ("1.2", "x", 5, {}),
        ("2", "1", 5, {}),
        ("1", "2", -3, {}),
        ("1", "2", 2.5, {}),
        ("5%", "2", 5, {}),
        ("1", "2", 5, {"confidence": 95}),
        ("1", "2", 5, {"covariate": "ordinal"}),
        ("1", "2", 5, {"limits": "exact"}),
        ("1", "2", 5, {"covariate": "continuous", "groups": (6, 30)}),
    ],
)
def test_what_cannot_be_read_is_refused(lower, upper, events, given):
    with pytest.raises(ValueError, match="must |not one printed|above the upper|groups belong"):
        information_check(lower, upper, events, **given)


# R: coxph(Surv(futime, fustat) ~ rx, ovarian): 0.5508 (0.1743 to 1.7404), 12 events, 13 and 13.
# coxph(Surv(time, status) ~ x, leukemia): 2.4981 (0.9159 to 6.8135) by Efron, 18 events, 12 and 11.
@pytest.mark.parametrize(
    ("printed", "groups", "events"),
    [(("0.55", "0.17", "1.74"), (13, 13), 12), (("2.5", "0.9", "6.8"), (12, 11), 18)],
)
def test_real_fits_have_a_possible_number_of_events(printed, groups, events):
    fewest, most = possible_events(*printed, groups)
    assert events_needed(*printed[1:]) <= fewest <= events <= most


def test_groups_too_small_for_an_interval_are_impossible():
    assert possible_events("2.74", "1.14", "6.56", (12, 6)) is None
    assert same_events_check({"a": ("2.74", "1.14", "6.56", (12, 6))}).contradictory
    # One patient in each group: the score 1/2 − δ is never 0, so no estimate exists.
    assert possible_events("1.00", "0.50", "2.00", (1, 1)) is None


def fit(in_first, event):
    """Cox fit of one binary covariate by Newton's method; patients in order of leaving."""
    ones = in_first[::-1].cumsum()[::-1]
    zeros = (~in_first)[::-1].cumsum()[::-1]
    beta = 0.0
    for _ in range(60):
        share = ones * math.exp(beta) / (ones * math.exp(beta) + zeros)
        information = (event * share * (1 - share)).sum()
        if information < 1e-6:
            return None
        step = (event * (in_first - share)).sum() / information
        beta += max(min(step, 1), -1)
        if abs(step) < 1e-10:
            return beta, information**-0.5
    return None


def test_true_untied_fits_always_lie_in_the_range_of_events():
    random = np.random.default_rng(72)
    tried = 0
    while tried < 100:
        size = int(random.integers(4, 22))
        in_first, event = random.random(size) < 0.5, random.random(size) < random.uniform(0.3, 1)
        fitted = fit(in_first, event)
        if fitted is None or abs(fitted[0]) > 4:
            continue
        tried += 1
        log_ratio, error = fitted
        texts = [f"{math.exp(log_ratio + z * error):.2f}" for z in (0, -1.959964, 1.959964)]
        if float(texts[0]) == 0:
            continue
        found = possible_events(*texts, (int(in_first.sum()), int((~in_first).sum())))
        assert found is not None, (in_first, event)
        assert found[0] <= event.sum() <= found[1], (in_first, event, texts, found)


def test_ranges_of_events_that_do_not_meet_contradict_where_times_are_untied():
    # SE = ln(2.45/0.405)/3.92 = 0.459 needs 4/0.459² = 18.98 events; SE about ln(100/0.01)/3.92 =
    # 2.35 is an information of 0.18, less than one even comparison gives.
    results = {
        "narrow": ("1.00", "0.41", "2.44", (13, 13)),
        "wide": ("1.00", "0.01", "100.00", (13, 13)),
    }
    assert "(narrow)" in same_events_check(results, untied=True).statement
    assert same_events_check(results, untied=True).contradictory
    assert same_events_check(results).verdict == "undetermined"
    assert same_events_check(results, most_events=17).contradictory
    assert same_events_check(results, most_events=17, robust=True).verdict == "undetermined"
    with pytest.raises(ValueError, match="same patients"):
        same_events_check(results | {"a": ("1.0", "0.5", "2.0", (10, 11))})


def test_tied_events_of_a_real_fit_are_not_held_against_it():
    # R: coxph(Surv(c(1, 1, 2, 2), rep(1, 4)) ~ c(1, 0, 1, 0)): 1.0000 (0.1409 to 7.0991), which
    # no untied order of two and two patients gives.
    printed = {"a": ("1.0000", "0.1409", "7.0991", (2, 2))}
    assert same_events_check(printed, most_events=4, untied=True).contradictory
    assert same_events_check(printed, most_events=4).verdict == "undetermined"


@pytest.mark.parametrize(
    ("hr", "words", "reference", "verdict"),
    [
        ("2.13", "improved", "surgery alone", "contradictory"),
        ("2.13", "improved", None, "undetermined"),
        ("0.43", "worse", "surgery alone", "contradictory"),
        ("0.43", "improved", None, "consistent"),
        ("2.74", "inferior", "low", "consistent"),
        ("1.0", "better", "low", "consistent"),  # may lie on either side of 1
        ("1.0", "worse", "low", "consistent"),
    ],
)
def test_words_are_held_against_the_ratio_where_the_reference_is_known(
    hr, words, reference, verdict
):
    assert direction_check(hr, words, reference=reference).verdict == verdict


def test_words_without_a_direction_are_refused():
    with pytest.raises(ValueError, match="no direction"):
        direction_check("1.2", "different")


@pytest.mark.parametrize(
    ("p", "associated", "verdict"),
    [
        (".69", True, "contradictory"),
        (".69", False, "consistent"),
        (".06", True, "contradictory"),  # 0.055 at least
        ("<.05", True, "consistent"),
        (".05", True, "undetermined"),  # 0.045 to 0.06
        (".04", True, "consistent"),  # below 0.05 even where digits were cut off
        ("≤.05", True, "undetermined"),
        (".03", False, "contradictory"),
    ],
)
def test_words_of_association_are_held_against_the_declared_level(p, associated, verdict):
    assert significance_check(p, associated, level="0.05").verdict == verdict
    undeclared = "undetermined" if verdict == "contradictory" else verdict
    assert significance_check(p, associated).verdict == undeclared


def test_identical_rows_are_named_but_not_called_contradictory():
    columns = ["hazard_ratio", "lower", "upper"]
    rows = [
        ["2.74", "1.14", "6.56"],
        ["1.37", "0.29", "6.54"],
        ["2.74", "1.14", "6.56"],
        [None] * 3,
    ]
    table = pd.DataFrame(rows, columns=columns, index=["recurrence", "other", "death", "none"])
    finding = identical_rows(table)
    assert finding.verdict == "undetermined"
    assert finding.values["groups"] == [["recurrence", "death"]]
    trailing_zero = pd.DataFrame([["2.7", "1", "3"], ["2.70", "1", "3"]], columns=columns)
    assert identical_rows(trailing_zero).verdict == "consistent"


def test_log_rank_p_values_are_those_of_r():
    # R: survdiff(Surv(c(1,3,5,7, 2,4,8,9)) ~ rep(1:2, each = 4)): P 0.2676419277
    # survdiff(Surv(c(1,3,5,7, 2,4,8,9, 6,10,11,12)) ~ rep(1:3, each = 4)): P 0.03094566098
    times = np.array([[1, 3, 5, 7, 2, 4, 8, 9, 6, 10, 11, 12.0]])
    two, three = (
        _log_rank_p(times[:, :8], np.repeat([0, 1], 4)),
        _log_rank_p(times, np.repeat([0, 1, 2], 4)),
    )
    assert two[0] == pytest.approx(0.2676419277, rel=1e-9)
    assert three[0] == pytest.approx(0.03094566098, rel=1e-9)


def test_every_comparison_of_three_groups_is_tried_and_the_seed_decides():
    groups = {"local": (6, "43"), "distant": (16, "25"), "both": (20, "15")}
    first, second = (which_comparison(groups, ".04", simulations=50, seed=7) for _ in range(2))
    assert len(first) == 1 + 3 + 3
    assert first["df"].max() == 2
    assert first.equals(second)


def test_equal_groups_give_a_p_as_small_as_it_says():
    # Under no difference P is uniform: 5% are at most 0.05, within 4 standard errors of 2000.
    result = which_comparison({"a": (50, "20"), "b": (50, "20")}, "<.05", simulations=2000)
    assert result["as_small"][0] == pytest.approx(0.05, abs=0.02)
    with pytest.raises(ValueError, match="two groups"):
        which_comparison({"a": (5, "10")}, ".04")
