import numpy as np
import pytest

from vlms.consistency.comparisons import _log_rank_p, which_comparison


def test_log_rank_p_values_are_those_of_r():
    # R: survdiff(Surv(c(1,3,5,7, 2,4,8,9)) ~ rep(1:2, each = 4)): P 0.2676419277
    # survdiff(Surv(c(1,3,5,7, 2,4,8,9, 6,10,11,12)) ~ rep(1:3, each = 4)): P 0.03094566098
    two = _log_rank_p(np.array([[1, 3, 5, 7, 2, 4, 8, 9.0]]), np.repeat([0, 1], 4))
    three = _log_rank_p(
        np.array([[1, 3, 5, 7, 2, 4, 8, 9, 6, 10, 11, 12.0]]), np.repeat([0, 1, 2], 4)
    )
    assert two[0] == pytest.approx(0.2676419277, rel=1e-9)
    assert three[0] == pytest.approx(0.03094566098, rel=1e-9)


def test_every_comparison_of_three_groups_is_tried():
    groups = {"local": (6, "43"), "distant": (16, "25"), "both": (20, "15")}
    result = which_comparison(groups, ".04", simulations=50)
    assert len(result) == 1 + 3 + 3
    assert result["df"].max() == 2


def test_the_same_seed_gives_the_same_answer():
    groups = {"a": (10, "43"), "b": (12, "15")}
    first, second = (which_comparison(groups, ".04", simulations=100, seed=7) for _ in range(2))
    assert first.equals(second)


def test_equal_groups_give_a_p_as_small_as_it_says():
    # Under no difference P is uniform: 5% are at most 0.05, within 4 standard errors of 2000.
    result = which_comparison({"a": (50, "20"), "b": (50, "20")}, "<.05", simulations=2000)
    assert result["as_small"][0] == pytest.approx(0.05, abs=0.02)


def test_one_group_is_refused():
    with pytest.raises(ValueError, match="two groups"):
        which_comparison({"a": (5, "10")}, ".04")
