"""Observations belong together, and times equal but for rounding noise are one time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.observations import merge_noise, observations, sorted_key


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1]), "event: 1 values for 2 times"),
        (([1, 2], [1, 0], ["a"]), "group: 1 values for 2 times"),
        (([], []), "not one observation"),
    ],
)
def test_arguments_of_unequal_length_are_refused(arguments, message):
    with pytest.raises(SurvivalInputError, match=message):
        observations(*arguments)


def test_entry_must_lie_before_the_end_of_observation():
    with pytest.raises(SurvivalInputError, match=r"entry: not before the time.*1 \(5.0\)"):
        observations([3, 5], [1, 0], entry=[1, 5])


def test_an_observation_no_longer_than_rounding_noise_is_refused():
    with pytest.raises(SurvivalInputError, match="rounding noise"):
        observations([0.3, 5], [1, 0], entry=[0.1 + 0.2 - 1e-12, 1])


def test_noise_around_one_time_is_one_time():
    # R: aeqSurv(Surv(c(0.3, 0.1 + 0.2, 0.7, 0.8 - 0.1), ...))
    merged, _ = merge_noise(np.array([0.3, 0.1 + 0.2, 0.7, 0.8 - 0.1]))
    assert np.unique(merged).size == 2


def test_the_tolerance_grows_with_the_mean_of_the_distinct_times():
    # sqrt(.Machine$double.eps) is 1.49e-8; the mean of the times is 1000: 1.49e-5 counts as noise.
    close = np.array([1000.0, 1000.00001])
    assert np.unique(merge_noise(close)[0]).size == 1
    assert np.unique(merge_noise(np.array([1000.0, 1000.0001]))[0]).size == 2


def test_times_apart_by_more_than_noise_stay_apart():
    times = np.array([1.0, 1.0000001])
    assert merge_noise(times)[0] is times


def test_noise_is_judged_over_entry_and_end_together():
    merged, entry = merge_noise(np.array([0.1 + 0.2, 2.5]), np.array([0.0, 0.3]))
    assert merged[0] == entry[1]


def test_minus_zero_is_zero():
    assert observations([-0.0, 1.5], [1, 1]).time.tolist() == [0.0, 1.5]
    assert not np.signbit(observations([-0.0, 1.5], [1, 1]).time[0])


def test_the_sorted_key_keeps_every_bit_of_a_time():
    times = np.array([np.nextafter(1.0, 2.0), 5e-324, 1.0, 1e300, 0.0])
    key = sorted_key(times, np.array([True, False, True, False, True]))
    assert (key >> np.uint64(1)).view(float).tolist() == sorted(times)
    assert (key & np.uint64(1)).tolist() == [1, 0, 1, 1, 0]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=40),
    st.sampled_from([1.0, 500.0]),
)
@settings(max_examples=100, deadline=None)
def test_merging_is_the_rule_of_aeqsurv_step_by_step(pieces, scale):
    # Neighbours 0.7e-8 apart (times the scale) are tied, also along a chain longer than the noise.
    times = np.array([scale * (base + 0.7e-8 * step) + 0.5 for base, step in pieces])
    distinct = sorted(set(times.tolist()))
    mean, tolerance = np.mean(distinct), np.finfo(float).eps ** 0.5
    meant, begins = {}, distinct[0]
    for before, value in zip([distinct[0], *distinct], distinct, strict=False):
        gap = value - before
        if not (gap <= tolerance or gap / mean <= tolerance):
            begins = value
        meant[value] = begins
    assert merge_noise(times)[0].tolist() == [meant[value] for value in times.tolist()]
