import numpy as np
import pytest

from vlms.consistency.medians import (
    curve_check,
    median_ratio_check,
    median_reading_check,
    pooled_median_check,
)


def test_survival_above_half_after_the_median_is_contradictory():
    assert curve_check({60: "65%"}, median="43").contradictory
    assert not curve_check({60: "50%"}, median="43").contradictory


def test_survival_below_half_before_the_median_is_contradictory():
    assert curve_check({24: "40%"}, median="43").contradictory


def test_a_median_that_may_round_to_the_time_itself_decides_nothing():
    # 60 stands for 59.5 to 61, so survival at 60 may still be above half.
    assert not curve_check({60: "65%"}, median="60").contradictory


def test_survival_that_rises_is_contradictory():
    assert curve_check({12: "60%", 24: "62%"}).contradictory
    assert not curve_check({12: "60%", 24: "60%"}).contradictory


def test_a_median_can_be_told_to_be_among_those_with_the_event():
    # 65% at 60 rules out a median of 24 of all; half of 42 events leaves (63 − 21)/63 = 66.7%.
    finding = median_reading_check("24", {60: "65%"}, 63, 42)
    assert (finding.values["among_all"], finding.values["among_events"]) == (False, True)


def test_a_median_that_fits_neither_reading_is_contradictory():
    # 80% at 60 is above both 50% and 66.7%.
    assert median_reading_check("24", {60: "80%"}, 63, 42).contradictory


def test_true_curves_fit_both_checks():
    random = np.random.default_rng(33)
    for _ in range(500):
        n = int(random.integers(4, 60))
        death, censoring = random.exponential(40, n), random.exponential(random.uniform(30, 400), n)
        time, event = np.minimum(death, censoring), death <= censoring
        order = np.argsort(time)
        time, event = time[order], event[order]
        survival = np.cumprod(1 - event / np.arange(n, 0, -1))
        at = float(random.choice([12, 24, 60]))
        before = time <= at
        s_at = survival[before][-1] if before.any() else 1.0
        points = {at: f"{100 * s_at:.0f}%"}
        half = np.nonzero(survival <= 0.5)[0]
        if len(half):
            assert not curve_check(points, median=f"{time[half[0]]:.0f}").contradictory
        if event.any():
            own = f"{np.median(time[event]):.0f}"
            finding = median_reading_check(own, points, n, int(event.sum()))
            assert finding.values["among_events"], (own, points)


def test_the_median_of_all_lies_between_those_of_its_parts():
    random = np.random.default_rng(34)
    for _ in range(500):
        sizes = random.integers(1, 20, size=3)
        parts = [np.sort(random.exponential(30, size)) for size in sizes]
        # The first time by which half have had the event.
        first = [part[(len(part) - 1) // 2] for part in [*parts, np.sort(np.concatenate(parts))]]
        texts = [f"{median:.0f}" for median in first]
        assert not pooled_median_check(texts[:3], texts[3]).contradictory
    assert pooled_median_check(["43", "25", "15"], "48").contradictory


def test_a_ratio_of_medians_is_never_called_contradictory():
    # 75.9/54.6 = 1.39
    finding = median_ratio_check("5.33", "2.97", "9.57", "54.6", "75.9")
    assert finding.verdict == "undetermined"
    assert finding.values["ratio"] == pytest.approx(1.390, abs=0.001)


def test_more_events_than_patients_are_refused():
    with pytest.raises(ValueError, match="more than 10 patients"):
        median_reading_check("24", {60: "80%"}, 10, 42)
