"""Counting and drawing allocations of patients to groups."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlms.survival.allocations import count_allocations, exact_share, random_share, share_interval
from vlms.survival.arguments import SurvivalInputError


def codes(n, size):
    return np.array([0] * size + [1] * (n - size))


def test_allocations_are_binomial_and_multinomial_coefficients():
    # 26! / (13! 13!) = 10,400,600; 6! / (2! 2! 2!) = 90; strata multiply.
    assert count_allocations([codes(26, 13)], 2) == 10_400_600
    assert count_allocations([np.array([0, 0, 1, 1, 2, 2])], 3) == 90
    assert count_allocations([codes(4, 2), codes(3, 1)], 2) == 18


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=9), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_meeting_in_the_middle_counts_what_visiting_each_allocation_counts(values, size):
    n = len(values)
    size = min(size, n - 1)
    score = np.array(values, dtype=float) - np.mean(values)
    seen = abs(score[:size].sum())
    sums = np.array([score[list(chosen)].sum() for chosen in combinations(range(n), size)])
    expected = np.mean(np.abs(sums) >= seen - 1e-9)
    assert exact_share([score], [codes(n, size)], 2) == pytest.approx(expected)


def test_strata_are_dealt_out_each_for_itself():
    # Stratum 1: scores -1, 1, one to group 0; stratum 2: -2, 0, 2, one to group 0.
    # Sums over group 0: -3, -1, 1, -1, 1, 3. Seen -1 + -2 = -3: two of six as far.
    scores = [np.array([-1.0, 1.0]), np.array([-2.0, 0.0, 2.0])]
    assert exact_share(scores, [codes(2, 1), codes(3, 1)], 2) == pytest.approx(2 / 6)


def test_a_large_tied_cohort_is_counted_all_the_same():
    # 30 of 60 patients score 1 and 30 score -1; 20 of group 0's 30 score 1. With X of 30 from the
    # hypergeometric distribution, P = P(|X - 15| >= 5).
    from scipy.stats import hypergeom

    score = np.array([1.0] * 20 + [-1.0] * 10 + [1.0] * 10 + [-1.0] * 20)
    expected = 2 * hypergeom.sf(19, 60, 30, 30)
    assert exact_share([score], [codes(60, 30)], 2) == pytest.approx(expected)


def test_drawing_takes_every_allocation_equally_often_across_blocks():
    # 40 patients, four blocks of up to 13: the sum of 10 scores has the mean and variance of a
    # draw without replacement, n (N - n) / (N - 1) * variance.
    from vlms.survival.allocations import _block_tables, _draw_sums

    score = np.arange(40.0)
    sums = _draw_sums(_block_tables(score), 10, 200_000, np.random.default_rng(3))
    variance = 10 * 30 / 39 * score.var()
    assert sums.mean() == pytest.approx(10 * score.mean(), abs=4 * (variance / 200_000) ** 0.5)
    assert sums.var() == pytest.approx(variance, rel=0.02)
    assert sums.min() >= np.arange(10).sum()


def test_drawing_and_counting_agree():
    rng = np.random.default_rng(5)
    score = rng.normal(size=15)
    score -= score.mean()
    share = exact_share([score], [codes(15, 6)], 2)
    extreme = random_share([score], [codes(15, 6)], 2, draws=60_000, seed=2)
    lower, upper = share_interval(extreme, 60_000)
    assert lower < share < upper


def test_too_many_allocations_are_refused():
    score = np.random.default_rng(1).normal(size=64)
    with pytest.raises(SurvivalInputError, match="allocations"):
        exact_share([score], [codes(64, 32)], 2)
    with pytest.raises(SurvivalInputError, match="allocations"):
        exact_share([score[:30]], [np.arange(30) % 3], 3)


@pytest.mark.parametrize(
    ("extreme", "draws", "limits"),
    [
        # R: binom.test(0, 100)$conf.int; binom.test(100, 100)$conf.int; binom.test(5, 100)$conf.int
        (0, 100, (0, 0.03621669264517646)),
        (100, 100, (0.96378330735482354, 1)),
        (5, 100, (0.01643187918205216, 0.11283491110546273)),
    ],
)
def test_monte_carlo_limits_are_those_of_binom_test(extreme, draws, limits):
    assert share_interval(extreme, draws) == pytest.approx(limits, rel=1e-9)
