"""Curves, what is read off them, landmarks and cumulative incidence, by hand and against R."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom
from survival_reference import agree

from vlms.survival import (
    SurvivalInputError,
    at_landmark,
    cumulative_incidence,
    kaplan_meier,
    restricted_mean,
    survival_at,
    survival_quantile,
)

PATIENTS = st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=1, max_size=30)


# Kaplan-Meier


def test_a_curve_by_hand():
    # The first rows of the 6-MP arm: deaths at 6, 6, 6, 7 and 10, censored at 6, 9 and 10, n = 21.
    # S(6) = 18/21; S(7) = 18/21 * 16/17; S(10) = 18/21 * 16/17 * 14/15.
    # Var S(6) = (18/21)^2 * 3 / (21 * 18).
    time = [6, 6, 6, 6, 7, 9, 10, 10] + [11] * 13
    event = [1, 1, 1, 0, 1, 0, 1, 0] + [0] * 13
    curve = kaplan_meier(time, event).set_index("time")
    assert curve.loc[6, "survival"] == pytest.approx(18 / 21)
    assert curve.loc[10, "survival"] == pytest.approx(18 / 21 * 16 / 17 * 14 / 15)
    assert curve.loc[6, "std_error"] == pytest.approx(18 / 21 * (3 / (21 * 18)) ** 0.5)
    assert curve.loc[[6, 7, 9, 10], "at_risk"].tolist() == [21, 17, 16, 15]
    assert set(curve["group"]) == {"all"}


@given(PATIENTS, st.randoms())
@settings(max_examples=40, deadline=None)
def test_survival_falls_between_its_limits_whatever_the_order_of_patients(patients, random):
    for interval in ("plain", "log", "log-log", "beta-product"):
        time, event = zip(*patients, strict=True)
        curve = kaplan_meier(time, event, interval=interval)
        assert (curve["survival"].diff()[1:] <= 0).all()
        assert curve["survival"].between(0, 1).all()
        known = curve.dropna(subset=["lower"])
        assert (known["lower"] <= known["survival"] + 1e-12).all()
        assert (known["upper"] >= known["survival"] - 1e-12).all()
        random.shuffle(patients)
        time, event = zip(*patients, strict=True)
        pd.testing.assert_frame_equal(kaplan_meier(time, event, interval=interval), curve)


# Limits


def test_plain_limits_are_cut_off_at_zero_and_one():
    # S = 0.8, Greenwood variance 0.64 / (5 * 4) = 0.032: 0.8 +- 1.96 * 0.179 = 0.449 and 1.15.
    plain = kaplan_meier([1, 2, 3, 4, 5], [1, 0, 0, 0, 0], interval="plain").iloc[1]
    assert plain["lower"] == pytest.approx(0.8 - 1.959964 * 0.032**0.5, abs=1e-6)
    assert plain["upper"] == 1


def test_without_censoring_beta_product_limits_are_those_of_clopper_and_pearson():
    # 7 patients, 2 die at 1, 1 at 2, 3 at 4: alive 7, 5, 4, 1 of 7.
    curve = kaplan_meier([1, 1, 2, 4, 4, 4, 9], [1] * 6 + [0], interval="beta-product")[:4]
    alive = np.array([7, 5, 4, 1])
    agree(curve["lower"], beta.ppf(0.025, alive, 8 - alive))
    agree(curve["upper"], [1, *beta.ppf(0.975, alive[1:] + 1, 7 - alive[1:])])
    # 4 of 4 dead: the upper limit is 1 - 0.025^(1/4) (Clopper and Pearson for 0 of 4 alive).
    last = kaplan_meier([1, 2, 3, 4], [1] * 4, interval="beta-product").iloc[-1]
    agree(last[["lower", "upper"]], [0, 1 - 0.025**0.25])


def test_without_censoring_mid_p_limits_put_half_of_each_tail_on_either_side():
    # The mid-p lower limit p for x of n alive: P(X > x | p) + P(X = x | p) / 2 = 0.025.
    curve = kaplan_meier([1, 2, 3, 4, 5], [1, 1, 0, 0, 0], interval="beta-product-mid-p")
    lower, upper = curve["lower"][2], curve["upper"][2]
    assert binom.sf(3, 5, lower) + binom.pmf(3, 5, lower) / 2 == pytest.approx(0.025, abs=1e-9)
    assert binom.cdf(2, 5, upper) + binom.pmf(3, 5, upper) / 2 == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": "loglog"}, "interval: 'loglog' is unknown"),
        ({"interval": None}, "interval: None is unknown"),
        ({"confidence": 95}, "Write 95% as 0.95"),
        ({"confidence": 1.0}, "confidence"),
        ({"interval": "beta-product", "entry": [0, 1]}, "observed from time 0"),
    ],
)
def test_an_interval_that_does_not_exist_is_refused(options, message):
    with pytest.raises(SurvivalInputError, match=message):
        kaplan_meier([2, 3], [1, 1], **options)


# Read off a curve


def test_beyond_follow_up_survival_is_missing_and_nobody_is_at_risk():
    found = survival_at(kaplan_meier([1, 2], [1, 0]), [2, 2.1])
    assert found["survival"].tolist()[0] == 0.5
    assert found.loc[1, ["survival", "lower", "upper"]].isna().all()
    assert found["at_risk"].tolist() == [1, 0]
    # R: summary(survfit(Surv(1:2, c(1, 1)) ~ 1), times = 3) has no row
    assert np.isnan(survival_at(kaplan_meier([1, 2], [1, 1]), 3)["survival"].item())


def test_a_time_asked_for_is_the_time_on_the_curve_but_for_noise():
    found = survival_at(kaplan_meier([0.1 + 0.2, 1.0], [1, 0]), [0.3, 1.0 + 1e-12])
    assert found["survival"].tolist() == [0.5, 0.5]
    assert found["at_risk"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("time", "event", "median"),
    [
        ([1, 2, 3, 4], [1, 1, 1, 1], 2.5),  # flat at exactly 1/2 from 2 to 3: the middle
        ([1, 2, 3], [1, 1, 1], 2.0),  # 2/3, 1/3: the first time at or below 1/2
        ([1, 2, 3, 4], [1, 1, 0, 0], 3.0),  # at 1/2 from 2 to the end of follow-up
        ([1, 2, 3], [1, 0, 0], np.nan),  # never comes down to 1/2
        # 1 - 0.1 - ... is not exactly 0.5 in floating point: ten patients, five dead by 0.5.
        (np.arange(1, 11) / 10, np.ones(10), 0.55),
    ],
)
def test_medians_by_hand(time, event, median):
    agree(survival_quantile(kaplan_meier(time, event))["time"], [median])


def test_nobody_has_died_at_time_zero_and_everybody_at_the_last_death():
    # R: quantile(survfit(Surv(1:4, c(1, 1, 1, 1)) ~ 1, conf.type = "plain"), c(0, 1))
    #    time 0, 4; lower 0, NA; upper 0, NA
    found = survival_quantile(kaplan_meier([1, 2, 3, 4], [1] * 4, interval="plain"), [0, 1])
    agree(found["time"], [0, 4])
    agree(found["lower"], [0, np.nan])
    agree(found["upper"], [0, np.nan])


@pytest.mark.parametrize(
    ("read", "wrong", "message"),
    [
        (survival_at, -1, "times"),
        (survival_at, [1, np.nan], "times"),
        (survival_at, "soon", "times"),
        (survival_quantile, 1.5, "quantile"),
        (survival_quantile, "half", "quantile"),
        (restricted_mean, 0, "horizon"),
        (restricted_mean, np.inf, "horizon"),
        (restricted_mean, "12", "horizon"),
    ],
)
def test_asking_for_what_has_no_meaning_is_refused(read, wrong, message):
    with pytest.raises(SurvivalInputError, match=message):
        read(kaplan_meier([1, 2], [1, 0]), wrong)
    with pytest.raises(SurvivalInputError, match=r"curve: lacks the columns \['group'"):
        read(pd.DataFrame({"time": [1]}), 1)


# Restricted means


def test_area_and_error_by_hand():
    # S: 1 to 1, 3/4 to 2, 1/2 to 3, then 1/4. Up to 3: 1 + 0.75 + 0.5 = 2.25.
    # Areas right of the deaths at 1 and 2: 1.25 and 0.5 (at 3: 0).
    # Variance 1.25^2 * 1 / (4 * 3) + 0.5^2 * 1 / (3 * 2) = 0.130208 + 0.041667 = 0.171875.
    for confidence, z in ((0.95, 1.959964), (0.9, 1.644854)):
        found = restricted_mean(kaplan_meier([1, 2, 3, 4], [1] * 4, confidence=confidence), 3)
        assert found["rmst"].item() == pytest.approx(2.25)
        assert found["std_error"].item() == pytest.approx(0.171875**0.5)
        assert found["lower"].item() == pytest.approx(2.25 - z * 0.171875**0.5, abs=1e-6)


def test_a_horizon_beyond_follow_up_is_missing_and_said():
    with pytest.warns(UserWarning, match="horizon 6 lies beyond its follow-up"):
        found = restricted_mean(kaplan_meier([1, 5], [1, 0]), 6)
    assert found[["rmst", "std_error"]].isna().all(axis=None)
    # Both dead by 4: mean (1 + 4) / 2, whatever the horizon.
    assert restricted_mean(kaplan_meier([1, 4], [1, 1]), 100)["rmst"].item() == 2.5
    assert restricted_mean(kaplan_meier([5, 6], [1, 1]), 2)["rmst"].item() == 2


# Landmark

COHORT = pd.DataFrame(
    {
        "patient_id": list("abcdefgh"),
        "time": [3.0, 6.0, 8.0, 12.0, 15.0, 20.0, 24.0, 30.0],
        "event": [True, False, True, True, False, True, False, True],
        "recurrence": [np.nan, 2.0, 4.0, np.nan, 6.0, 11.0, np.nan, 25.0],
    },
    index=range(10, 18),
)


def test_who_ends_at_the_landmark_is_out_and_the_clock_restarts():
    before = COHORT.copy()
    later = at_landmark(COHORT, 6, happened={"recurred": "recurrence"})
    assert later["patient_id"].tolist() == list("cdefgh")
    assert later["time"].tolist() == [2, 6, 9, 14, 18, 24]
    assert later["event"].tolist() == [True, True, False, True, False, True]
    # Recurrences in months 4 and 6 are known by month 6; those in 11 and 25 are not.
    assert later["recurred"].tolist() == [True, False, True, False, False, False]
    assert later.attrs == {"landmark": 6, "events_before": 1, "censored_before": 1}
    pd.testing.assert_frame_equal(COHORT, before)


def test_rounding_noise_moves_nobody_across_the_landmark():
    # 0.1 + 0.2 is 0.30000000000000004: that patient, and that recurrence, are at the landmark.
    frame = pd.DataFrame({"time": [0.1 + 0.2, 1.0], "event": [1, 1], "at": [0.1, 0.1 + 0.2]})
    later = at_landmark(frame, 0.3, happened={"before": "at"})
    assert later.index.tolist() == [1]
    assert later["before"].tolist() == [True]


def test_survival_from_a_landmark_is_conditional_survival():
    # S(t) = S(6) · S(t | 6), here at month 20.
    whole = survival_at(kaplan_meier(COHORT["time"], COHORT["event"]), [6, 20])["survival"]
    later = at_landmark(COHORT, 6)
    rest = survival_at(kaplan_meier(later["time"], later["event"]), [14])["survival"]
    assert whole[1] == pytest.approx(whole[0] * rest[0])


@pytest.mark.parametrize(
    ("landmark", "options", "message"),
    [
        (-1, {}, "landmark: negative"),
        (np.nan, {}, "landmark: missing"),
        (6, {"happened": {"x": "recurence"}}, "no column 'recurence'; did you mean 'recurrence'"),
        (6, {"time": "patient_id"}, "not a number"),
    ],
)
def test_a_landmark_is_a_time_and_its_columns_exist(landmark, options, message):
    with pytest.raises(SurvivalInputError, match=message):
        at_landmark(COHORT, landmark, **options)


# Cumulative incidence


def at(curve, cause, time):
    return curve[(curve["cause"] == cause) & (curve["time"] == time)].iloc[0]


def test_incidence_of_four_patients_by_hand():
    # Month 1: cause 1 of 4 at risk -> 1/4, survival 3/4. Month 2: cause 2 of 3 -> 3/4 · 1/3 = 1/4,
    # survival 1/2. Month 3: censored. Month 4: cause 1 of 1 -> + 1/2 · 1 = 3/4 in all.
    curve = cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1])
    assert at(curve, 1, 1)["incidence"] == 0.25
    assert at(curve, 2, 2)["incidence"] == pytest.approx(0.25)
    assert at(curve, 1, 4)["incidence"] == pytest.approx(0.75)
    # The error of a first share of n without censoring is binomial: sqrt(1/4 · 3/4 / 4).
    assert at(curve, 1, 1)["std_error"] == pytest.approx(np.sqrt(0.25 * 0.75 / 4))
    # No limits before the first event of a cause.
    assert np.isnan(at(curve, 2, 1)["lower"])


def test_causes_at_one_time_share_it_exactly():
    # Three causes at one time (but for noise) among 6: 2/6, 1/6, 1/6.
    noisy = [0.3, 0.1 + 0.2, 0.3, 0.3, 0.3, 0.3]
    curve = cumulative_incidence(noisy, [1, 2, 3, 1, 0, 0])
    found = [at(curve, cause, 0.3)["incidence"] for cause in (1, 2, 3)]
    assert found == pytest.approx([2 / 6, 1 / 6, 1 / 6])


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_causes_and_survivors_add_up_to_one(patients):
    time, cause = np.array(patients).T
    if not cause.any():
        return
    every = cumulative_incidence(time, cause).groupby("time")["incidence"].sum()
    agree(every, 1 - kaplan_meier(time, cause > 0)["survival"])
    # One cause alone is one minus Kaplan-Meier, with Greenwood's error.
    alone, alive = cumulative_incidence(time, cause > 0), kaplan_meier(time, cause > 0)
    agree(alone["incidence"], 1 - alive["survival"])
    inner = alive["survival"] > 0
    agree(alone["std_error"][inner], alive["std_error"][inner], rtol=1e-7)


@pytest.mark.parametrize(
    ("time", "cause", "message"),
    [
        ([1, -2], [1, 0], "time: negative in row 1"),
        ([1, 2], ["dead", "alive"], "cause: no code of a cause in rows 0 .'dead'."),
        ([1, 2], [1, np.nan], "cause: missing in row 1"),
        ([1, 2], [1, 0.5], "cause: no code of a cause in row 1"),
        ([1, 2], [-1, 0], "cause: no code of a cause in row 0"),
        ([1, 2, 3], [1, 0], "cause: 2 values for 3 times"),
        ([1, 2], [0, 0], "every patient is censored"),
    ],
)
def test_what_is_no_cause_is_refused(time, cause, message):
    with pytest.raises(SurvivalInputError, match=message):
        cumulative_incidence(time, cause)
