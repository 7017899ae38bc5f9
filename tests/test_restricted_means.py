"""Restricted mean survival time and differences of two."""

import numpy as np
import pytest
from survival_reference import agree, data_set, read, values_of

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.curves import kaplan_meier
from vlms.survival.restricted_means import restricted_mean, restricted_mean_difference


@pytest.mark.parametrize("name", read("survival_restricted_means")["dataset"].unique())
def test_restricted_means_are_those_of_r(name):
    # R: print(survfit(...), rmean = horizon)
    frame, _ = data_set(name)
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"])
    for label, mine in curve.groupby("group"):
        expected = values_of("survival_restricted_means", name, group=label)
        found = restricted_mean(mine, expected["horizon"])
        assert list(found.columns) == [
            "group", "horizon", "rmst", "std_error", "lower", "upper",
        ]  # fmt: skip
        agree(found["rmst"], expected["rmst"])
        agree(found["std_error"], expected["std_error"])


def test_area_and_error_by_hand():
    # S: 1 to 1, 3/4 to 2, 1/2 to 3, then 1/4. Up to 3: 1 + 0.75 + 0.5 = 2.25.
    # Areas right of the deaths at 1 and 2: 1.25 and 0.5 (at 3: 0).
    # Variance 1.25^2 * 1 / (4 * 3) + 0.5^2 * 1 / (3 * 2) = 0.130208 + 0.041667 = 0.171875.
    found = restricted_mean(kaplan_meier([1, 2, 3, 4], [1] * 4), 3).iloc[0]
    assert found["rmst"] == pytest.approx(2.25)
    assert found["std_error"] == pytest.approx(0.171875**0.5)
    assert found["lower"] == pytest.approx(2.25 - 1.959964 * 0.171875**0.5, abs=1e-6)


def test_without_censoring_the_mean_is_the_mean_and_its_error_that_of_a_mean():
    # Greenwood's variance of the whole area is sum((t - mean)^2) / n^2.
    time = np.array([2.0, 3.0, 7.0, 8.0, 15.0])
    found = restricted_mean(kaplan_meier(time, np.ones(5)), 15).iloc[0]
    assert found["rmst"] == pytest.approx(time.mean())
    assert found["std_error"] == pytest.approx(time.std() / 5**0.5)


def test_a_horizon_beyond_follow_up_is_missing_and_said():
    curve = kaplan_meier([1, 5], [1, 0])
    with pytest.warns(UserWarning, match="horizon 6 lies beyond its follow-up"):
        found = restricted_mean(curve, 6)
    assert found[["rmst", "std_error"]].isna().all(axis=None)


def test_a_horizon_beyond_the_last_death_of_all_is_known():
    # Both dead by 4: mean (1 + 4) / 2, whatever the horizon.
    assert restricted_mean(kaplan_meier([1, 4], [1, 1]), 100)["rmst"].item() == 2.5


def test_a_horizon_before_the_first_event_is_the_horizon_itself():
    found = restricted_mean(kaplan_meier([5, 6], [1, 1]), 2).iloc[0]
    assert (found["rmst"], found["std_error"]) == (2, 0)


def test_the_limits_follow_the_confidence_of_the_curve():
    curve = kaplan_meier([1, 2, 3, 4], [1] * 4, confidence=0.9)
    found = restricted_mean(curve, 3).iloc[0]
    assert found["upper"] - found["rmst"] == pytest.approx(1.644854 * found["std_error"], rel=1e-6)


@pytest.mark.parametrize("horizon", [0, -1, np.nan, np.inf, "12"])
def test_a_horizon_that_is_no_time_is_refused(horizon):
    with pytest.raises(SurvivalInputError, match="horizon"):
        restricted_mean(kaplan_meier([1, 2], [1, 0]), horizon)


def test_a_difference_subtracts_means_and_adds_variances():
    frame, _ = data_set("aml")
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"])
    means = restricted_mean(curve, 24)
    found = restricted_mean_difference(curve, 24).iloc[0]
    assert (found["group"], found["reference"]) == ("Nonmaintained", "Maintained")
    assert found["difference"] == pytest.approx(means["rmst"][1] - means["rmst"][0])
    assert found["std_error"] == pytest.approx(np.hypot(*means["std_error"]))


def test_the_difference_of_the_ovarian_arms_at_500_days():
    # R: f <- summary(survfit(Surv(futime, fustat) ~ rx, ovarian), rmean = 500)$table[, 5:6]
    #    f[2, 1] - f[1, 1] = 98.88034188   sqrt(sum(f[, 2]^2)) = 47.06050138
    frame, _ = data_set("ovarian")
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"])
    found = restricted_mean_difference(curve, 500).iloc[0]
    assert found["difference"] == pytest.approx(98.88034188, rel=1e-9)
    assert found["std_error"] == pytest.approx(47.06050138, rel=1e-9)


def test_the_other_reference_turns_the_sign():
    frame, _ = data_set("aml")
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"])
    one = restricted_mean_difference(curve, 24).iloc[0]
    other = restricted_mean_difference(curve, 24, reference="Nonmaintained").iloc[0]
    assert other["difference"] == -one["difference"]
    assert other["p_value"] == one["p_value"]


def test_a_difference_needs_two_groups_and_a_reference_among_them():
    with pytest.raises(SurvivalInputError, match="one group only"):
        restricted_mean_difference(kaplan_meier([1, 2], [1, 1]), 1)
    curve = kaplan_meier([1, 2], [1, 1], ["a", "b"])
    with pytest.raises(SurvivalInputError, match="reference: no group 'c'"):
        restricted_mean_difference(curve, 1, reference="c")
