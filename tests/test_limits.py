"""Confidence limits of a survival curve."""

import numpy as np
import pytest
from scipy.stats import beta
from survival_reference import agree, data_set, read, values_of

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.curves import kaplan_meier
from vlms.survival.limits import INTERVALS, check_interval


@pytest.mark.parametrize("name", read("beta_product")["dataset"].unique())
@pytest.mark.parametrize("confidence", [0.95, 0.9])
def test_beta_product_limits_are_those_of_bpcp(name, confidence):
    # R: bpcp(time, event, alpha = 1 - confidence)
    frame, _ = data_set(name)
    curve = kaplan_meier(
        frame["time"], frame["event"], frame["group"], interval="beta-product",
        confidence=confidence,
    )  # fmt: skip
    for label, mine in curve.groupby("group"):
        expected = values_of("beta_product", name, group=label, confidence=confidence, midp=False)
        agree(mine["time"], expected["time"])
        agree(mine["lower"], expected["lower"], rtol=1e-8)
        agree(mine["upper"], expected["upper"], rtol=1e-8)


@pytest.mark.parametrize("name", read("beta_product")["dataset"].unique())
def test_mid_p_limits_are_those_of_bpcp_as_far_as_its_simulation_goes(name):
    frame, _ = data_set(name)
    curve = kaplan_meier(
        frame["time"], frame["event"], frame["group"], interval="beta-product-mid-p"
    )
    for label, mine in curve.groupby("group"):
        expected = values_of("beta_product", name, group=label, confidence=0.95, midp=True)
        np.testing.assert_allclose(mine["lower"], expected["lower"], atol=5e-4)
        np.testing.assert_allclose(mine["upper"], expected["upper"], atol=5e-4)


def test_without_censoring_beta_product_limits_are_those_of_clopper_and_pearson():
    # 7 patients, 2 die at 1, 1 at 2, 3 at 4: alive 5, 4, 1 of 7.
    curve = kaplan_meier([1, 1, 2, 4, 4, 4, 9], [1] * 6 + [0], interval="beta-product")
    alive = np.array([5, 4, 1])
    agree(curve["lower"][1:4], beta.ppf(0.025, alive, [3, 4, 7]))
    agree(curve["upper"][1:4], beta.ppf(0.975, alive + 1, [2, 3, 6]))


def test_without_censoring_mid_p_limits_put_half_of_each_tail_on_either_side():
    # The mid-p lower limit p for x of n alive: P(X > x | p) + P(X = x | p) / 2 = 0.025.
    from scipy.stats import binom

    curve = kaplan_meier([1, 2, 3, 4, 5], [1, 1, 0, 0, 0], interval="beta-product-mid-p")
    lower, upper = curve["lower"][2], curve["upper"][2]
    assert binom.sf(3, 5, lower) + binom.pmf(3, 5, lower) / 2 == pytest.approx(0.025, abs=1e-9)
    assert binom.cdf(2, 5, upper) + binom.pmf(3, 5, upper) / 2 == pytest.approx(0.025, abs=1e-9)


def test_before_the_first_event_only_beta_product_limits_are_below_one():
    # n = 4, none dead: the lower limit solves p^4 = 0.025, p = 0.39764.
    time, event = [1, 2, 3, 4], [1, 1, 0, 0]
    for interval in INTERVALS[:3]:
        assert kaplan_meier(time, event, interval=interval)["lower"][0] == 1
    assert kaplan_meier(time, event, interval="beta-product")["lower"][0] == pytest.approx(
        0.025**0.25
    )


def test_a_curve_at_zero_keeps_beta_product_limits():
    # 4 of 4 dead: upper limit 1 - 0.025^(1/4) = 0.60236 (Clopper and Pearson for 0 of 4 alive).
    last = kaplan_meier([1, 2, 3, 4], [1] * 4, interval="beta-product").iloc[-1]
    assert last["lower"] == 0
    assert last["upper"] == pytest.approx(1 - 0.025**0.25)


def test_plain_limits_are_cut_off_at_zero_and_one():
    # S = 0.8, Greenwood variance 0.64 / (5 * 4) = 0.032: 0.8 +- 1.96 * 0.179 = 0.449 and 1.15.
    plain = kaplan_meier([1, 2, 3, 4, 5], [1, 0, 0, 0, 0], interval="plain").iloc[1]
    assert plain["lower"] == pytest.approx(0.8 - 1.959964 * 0.032**0.5, abs=1e-6)
    assert plain["upper"] == 1


def test_the_beta_product_is_refused_with_delayed_entry():
    with pytest.raises(SurvivalInputError, match="observed from time 0"):
        kaplan_meier([2, 3], [1, 1], entry=[0, 1], interval="beta-product")


@pytest.mark.parametrize(
    ("interval", "confidence", "message"),
    [
        ("loglog", 0.95, "interval: 'loglog' is unknown"),
        (None, 0.95, "interval: None is unknown"),
        ("log", 95, "Write 95% as 0.95"),
        ("log", 1.0, "confidence"),
    ],
)
def test_an_unknown_interval_or_level_is_refused(interval, confidence, message):
    with pytest.raises(SurvivalInputError, match=message):
        check_interval(interval, confidence)
