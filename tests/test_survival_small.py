"""Allocations of patients to groups, the bootstrap, and random draws in chunks."""

from functools import partial
from itertools import combinations

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from scipy.stats import hypergeom
from survival_reference import data_set

from vlms.survival import (
    SurvivalInputError,
    bootstrap_hazard_ratio,
    bootstrap_survival,
    kaplan_meier,
    log_hazard_ratios,
    small,
    survival_at,
)
from vlms.survival.counts import observations


def codes(n, size):
    return np.array([0] * size + [1] * (n - size))


# Allocations


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=9), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_meeting_in_the_middle_counts_what_visiting_each_allocation_counts(values, size):
    n = len(values)
    size = min(size, n - 1)
    score = np.array(values, dtype=float) - np.mean(values)
    sums = np.array([score[list(chosen)].sum() for chosen in combinations(range(n), size)])
    expected = np.mean(np.abs(sums) >= abs(score[:size].sum()) - 1e-9)
    assert small.exact_share([score], [codes(n, size)], 2) == pytest.approx(expected)


def test_strata_are_dealt_out_each_for_itself():
    # Stratum 1: scores -1, 1, one to group 0; stratum 2: -2, 0, 2, one to group 0.
    # Sums over group 0: -3, -1, 1, -1, 1, 3. Seen -1 + -2 = -3: two of six as far.
    scores = [np.array([-1.0, 1.0]), np.array([-2.0, 0.0, 2.0])]
    assert small.exact_share(scores, [codes(2, 1), codes(3, 1)], 2) == pytest.approx(2 / 6)


def test_a_large_tied_cohort_is_counted_all_the_same():
    # 30 of 60 patients score 1 and 30 score -1; 20 of group 0's 30 score 1. With X of 30 from the
    # hypergeometric distribution, P = P(|X - 15| >= 5).
    score = np.array([1.0] * 20 + [-1.0] * 10 + [1.0] * 10 + [-1.0] * 20)
    expected = 2 * hypergeom.sf(19, 60, 30, 30)
    assert small.exact_share([score], [codes(60, 30)], 2) == pytest.approx(expected)


def test_drawing_and_counting_agree_across_blocks():
    # 40 patients, four blocks of up to 13; few distinct scores, so that counting is quick.
    score = np.arange(40.0) % 5
    score -= score.mean()
    share = small.exact_share([score], [codes(40, 12)], 2)
    extreme = small.random_share([score], [codes(40, 12)], 2, draws=60_000, seed=2)
    lower, upper = small.share_limits(extreme, 60_000)
    assert 0.2 < share < 0.9
    assert lower < share < upper


def test_too_many_allocations_are_refused():
    score = np.random.default_rng(1).normal(size=64)
    for scores, groups in ((score, 2), (score[:30], 3)):
        with pytest.raises(SurvivalInputError, match="allocations"):
            small.exact_share([scores], [np.arange(scores.size) % groups], groups)


@pytest.mark.parametrize(
    ("extreme", "limits"),
    [
        # R: binom.test(0, 100)$conf.int; binom.test(100, 100)$conf.int; binom.test(5, 100)$conf.int
        (0, (0, 0.03621669264517646)),
        (100, (0.96378330735482354, 1)),
        (5, (0.01643187918205216, 0.11283491110546273)),
    ],
)
def test_monte_carlo_limits_are_those_of_binom_test(extreme, limits):
    assert small.share_limits(extreme, 100) == pytest.approx(limits, rel=1e-9)


# Bootstrap


def picked(seed, n, resamples):
    """The patients that the first chunk of resamples draws."""
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    return rng.integers(0, n, (resamples, n), dtype=np.uint16)


@pytest.mark.parametrize("name", ["lung_months", "flat_at_half", "event_and_censoring_together"])
def test_a_resampled_survival_is_that_of_the_resampled_patients(name):
    frame, _ = data_set(name)
    checked = observations(frame["time"], frame["event"])
    time, event = checked.time, checked.event
    at = np.quantile(time, [0.0, 0.2, 0.5, 0.5, 0.8])[::-1]
    draws = small._survival_draws(time, event, at, 30, seed=4)
    for rows, found in zip(picked(4, time.size, 30), draws, strict=True):
        curve = kaplan_meier(time[rows], event[rows])
        expected = survival_at(curve, np.minimum(at, time[rows].max()))["survival"]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_resampled_hazard_ratio_is_that_of_a_cox_model_of_the_resampled_patients():
    frame, _ = data_set("aml")
    frame["second"] = (frame["group"] == frame["group"].max()).astype(int)
    columns = frame["time"], frame["event"], frame["group"]
    draw = partial(small._draw_log_ratio, *small._cox_cells(observations(*columns)))
    draws = np.concatenate(small.spread(draw, 6, seed=9))
    for rows, found in zip(picked(9, len(frame), 6), draws, strict=True):
        resample = frame.iloc[rows][["time", "event", "second"]]
        expected = CoxPHFitter().fit(resample, "time", "event").params_["second"]
        assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # R: coxph(Surv(time, status) ~ x, aml)
        ("aml", 0.915532575015),
        # R: coxph(Surv(time, status == 2) ~ I(sex == 1), lung)
        ("lung_sex", 0.531023540006),
    ],
)
def test_a_batch_of_fits_is_that_of_coxph(name, expected):
    frame, _ = data_set(name)
    second = frame["group"] == frame["group"].max()
    times = np.unique(frame["time"][frame["event"] == 1])
    sides = [frame[~second], frame[second]]
    died = [[((g["time"] == t) & (g["event"] == 1)).sum() for g in sides] for t in times]
    risk = [[(g["time"] >= t).sum() for g in sides] for t in times]
    found = log_hazard_ratios(*(np.array(x)[:, :, None] for x in (died, risk)))
    assert found.item() == pytest.approx(expected, abs=1e-8)


def test_a_batch_of_fits_by_hand():
    # First group dies at 1 (2 and 2 at risk), second at 2 (1 and 2 at risk):
    # 1 = x / (1 + x) + 2 x / (1 + 2 x), so 2 x^2 = 1 and log x = -log(2) / 2.
    # Next to it one where only the first group dies, one where only the second, one without.
    died = np.zeros((2, 2, 4))
    died[0, 0, :2] = died[1, 1, [0, 2]] = 1
    at_risk = np.array([[[2] * 4, [2] * 4], [[1] * 4, [2] * 4]])
    found = log_hazard_ratios(died.astype(int), at_risk)
    assert found[0] == pytest.approx(-np.log(2) / 2)
    assert found[1:3].tolist() == [-np.inf, np.inf]
    assert np.isnan(found[3])


def test_patients_are_drawn_within_their_group_and_beyond_follow_up_is_missing():
    frame, _ = data_set("aml")
    found = bootstrap_survival(frame["time"], frame["event"], [20, 100], frame["group"])
    assert found["group"].tolist() == ["Maintained"] * 2 + ["Nonmaintained"] * 2
    assert found["survival"].isna().tolist() == [False, False, False, True]


def test_a_bootstrap_hazard_ratio_lies_around_the_cox_estimate():
    frame, _ = data_set("lung_sex")
    found = bootstrap_hazard_ratio(frame["time"], frame["event"], frame["group"], resamples=3000)
    row = found.iloc[0]
    assert (row["group"], row["reference"]) == ("m", "f")
    assert row["hazard_ratio"] == pytest.approx(np.exp(0.531023540006), rel=0.02)
    assert row["lower"] < np.exp(0.531023540006) < row["upper"]


def test_a_bootstrap_hazard_ratio_counts_resamples_that_separate():
    found = bootstrap_hazard_ratio(
        [1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 0], list("ababab"), resamples=2000
    ).iloc[0]
    assert found["infinite"] > 0
    assert found["undefined"] > 0
    assert found["upper"] == np.inf
    assert np.isfinite(found["std_error"])


def test_what_the_bootstrap_cannot_compare_is_refused():
    with pytest.raises(SurvivalInputError, match="compares two groups"):
        bootstrap_hazard_ratio([1, 2, 3], [1, 1, 1], ["a", "b", "c"])


# Chunks


def draw(scale, size, rng):
    return scale * rng.random(size)


def test_neither_workers_nor_repetition_change_the_answer_and_chunks_differ():
    alone = small.spread(partial(draw, 2.0), 5000, seed=3, chunk=512)
    with joblib.parallel_config(backend="threading"):
        shared = small.spread(partial(draw, 2.0), 5000, seed=3, jobs=2, chunk=512)
    assert [part.size for part in alone] == [512] * 9 + [392]
    assert (np.concatenate(alone) == np.concatenate(shared)).all()
    assert not np.isin(alone[0], alone[1]).any()
    assert not (alone[0] == small.spread(partial(draw, 2.0), 512, seed=4, chunk=512)[0]).any()


@pytest.mark.parametrize("draws", [0, -1, 2.5])
def test_a_number_of_draws_below_one_or_broken_is_refused(draws):
    with pytest.raises(ValueError, match="resamples"):
        bootstrap_survival([1, 2], [1, 1], 1, resamples=draws)
