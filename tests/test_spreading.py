"""Random draws in chunks: same answer whoever does the work."""

from functools import partial

import joblib
import numpy as np
import pytest

from vlms.survival.spreading import optional_import, spread


def draw(scale, size, rng):
    return scale * rng.random(size)


def test_workers_do_not_change_the_answer():
    alone = np.concatenate(spread(partial(draw, 2.0), 5000, seed=3, chunk=512))
    with joblib.parallel_config(backend="threading"):
        shared = np.concatenate(spread(partial(draw, 2.0), 5000, seed=3, jobs=2, chunk=512))
    assert alone.size == 5000
    assert (alone == shared).all()


def test_chunks_are_independent_and_the_seed_repeats_them():
    first, second = spread(partial(draw, 1.0), 20, seed=1, chunk=10)
    assert not np.isin(first, second).any()
    assert (np.array(spread(partial(draw, 1.0), 20, seed=1, chunk=10)) == [first, second]).all()


@pytest.mark.parametrize("draws", [0, -1, 2.5])
def test_a_number_of_draws_below_one_or_broken_is_refused(draws):
    with pytest.raises(ValueError, match="resamples"):
        spread(partial(draw, 1.0), draws, seed=1)


def test_a_missing_extra_says_how_to_install_it():
    with pytest.raises(ImportError, match=r"pip install \.\[scale\]"):
        optional_import("surely_not_installed")
