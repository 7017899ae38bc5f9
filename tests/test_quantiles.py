"""Survival quantiles and median follow-up."""

import numpy as np
import pytest
from survival_reference import agree, data_set, data_sets, read, values_of

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.curves import kaplan_meier
from vlms.survival.quantiles import median_follow_up, survival_quantile

QUANTILES = [0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9]


@pytest.mark.parametrize("name", data_sets())
@pytest.mark.parametrize(
    ("interval", "confidence"),
    [("plain", 0.95), ("log", 0.95), ("log-log", 0.95), ("log-log", 0.9)],
)
def test_quantiles_are_those_of_r(name, interval, confidence):
    # R: quantile(survfit(...), probs = c(0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9))
    frame, entry = data_set(name)
    curve = kaplan_meier(
        frame["time"], frame["event"], frame["group"], entry=entry, interval=interval,
        confidence=confidence,
    )  # fmt: skip
    found = survival_quantile(curve, QUANTILES)
    expected = values_of("survival_quantiles", name, interval=interval, confidence=confidence)
    assert list(found.columns) == ["group", "quantile", "time", "lower", "upper"]
    assert found["group"].tolist() == expected["group"].tolist()
    for column in ("quantile", "time", "lower", "upper"):
        agree(found[column], expected[column])


@pytest.mark.parametrize(
    ("time", "event", "median"),
    [
        # S: 3/4, 1/2, 1/4, 0. Flat at exactly 1/2 from 2 to 3: the middle.
        ([1, 2, 3, 4], [1, 1, 1, 1], 2.5),
        # S: 2/3, 1/3, 0. First time at or below 1/2.
        ([1, 2, 3], [1, 1, 1], 2.0),
        # S stays at 1/2 from 2 to the end of follow-up at 4.
        ([1, 2, 3, 4], [1, 1, 0, 0], 3.0),
        # S never comes down to 1/2.
        ([1, 2, 3], [1, 0, 0], np.nan),
        # S falls to 0 at once.
        ([3, 3], [1, 1], 3.0),
    ],
)
def test_medians_by_hand(time, event, median):
    agree(survival_quantile(kaplan_meier(time, event))["time"], [median])


def test_a_survival_of_one_half_up_to_rounding_is_one_half():
    # 1 - 0.1 - ... is not exactly 0.5 in floating point: ten patients, five dead by 0.5.
    time = np.arange(1, 11) / 10
    assert survival_quantile(kaplan_meier(time, np.ones(10)))["time"].item() == pytest.approx(0.55)


def test_the_limits_of_a_median_are_where_the_limits_of_the_curve_cross():
    frame, _ = data_set("lung_sex")
    curve = kaplan_meier(frame["time"], frame["event"])
    found = survival_quantile(curve).iloc[0]
    assert found["lower"] == curve.loc[curve["lower"] <= 0.5, "time"].min()
    assert found["upper"] == curve.loc[curve["upper"] <= 0.5, "time"].min()


@pytest.mark.parametrize("quantile", [-0.1, 1.5, 50, np.nan, "half", None])
def test_a_quantile_that_is_no_share_is_refused(quantile):
    with pytest.raises(SurvivalInputError, match="quantile"):
        survival_quantile(kaplan_meier([1, 2], [1, 0]), quantile)


@pytest.mark.parametrize("name", read("survival_follow_up")["dataset"].unique())
def test_follow_up_is_the_median_of_the_reverse_curve(name):
    # R: quantile(survfit(Surv(time, 1 - event) ~ group, conf.type = "log-log"), 0.5)
    frame, _ = data_set(name)
    found = median_follow_up(frame["time"], frame["event"], frame["group"])
    expected = values_of("survival_follow_up", name)
    assert found["group"].tolist() == expected["group"].tolist()
    for column in ("time", "lower", "upper"):
        agree(found[column], expected[column])


def test_follow_up_by_hand():
    # Deaths at 1 and 3, alive at 2, 4, 5. Reverse curve: 1 to 2, then 3/4, at 4 3/4 * 1/2 = 3/8.
    assert median_follow_up([1, 2, 3, 4, 5], [1, 0, 1, 0, 0])["time"].item() == 4


def test_follow_up_of_a_cohort_in_which_everyone_died_is_unknown():
    assert np.isnan(median_follow_up([1, 2, 3], [1, 1, 1])["time"].item())


def test_nobody_has_died_at_time_zero_and_everybody_at_the_last_death():
    # R: quantile(survfit(Surv(1:4, c(1, 1, 1, 1)) ~ 1, conf.type = "plain"), c(0, 1))
    #    time 0, 4; lower 0, NA; upper 0, NA
    found = survival_quantile(kaplan_meier([1, 2, 3, 4], [1] * 4, interval="plain"), [0, 1])
    agree(found["time"], [0, 4])
    agree(found["lower"], [0, np.nan])
    agree(found["upper"], [0, np.nan])
