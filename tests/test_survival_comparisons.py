"""Log-rank and Gray's test: by hand, by going through every allocation, and against R."""

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from survival_reference import agree, data_set

from vlms.survival import SurvivalInputError, event_table, gray_test, log_rank, pairwise_log_rank


def columns(name):
    frame, _ = data_set(name)
    return frame["time"], frame["event"], frame["group"]


def test_observed_and_expected_by_hand():
    # a dies at 1 and 3, b at 2 and 4. At risk (a, b): 2,2 | 1,2 | 1,1 | 0,1.
    # Expected of a: 2/4 + 1/3 + 1/2 + 0 = 4/3; variance 1/4 + 2/9 + 1/4 = 13/18.
    # Chi-square (2 - 4/3)^2 / (13/18) = (4/9) (18/13) = 8/13.
    found = log_rank([1, 3, 2, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    agree(found.table["expected"], [4 / 3, 8 / 3])
    assert found.statistic == pytest.approx(8 / 13)
    assert found.df == 1


def test_without_any_event_there_is_nothing_to_test():
    found = log_rank([1, 2, 3], [0, 0, 0], ["a", "b", "b"])
    assert (found.statistic, found.df) == (0, 0)
    assert np.isnan(found.p_value)


def test_when_one_group_alone_was_at_risk_at_the_events_the_p_value_is_1():
    # R: survdiff(Surv(c(1, 2, 10, 11), c(0, 0, 1, 1)) ~ c(1, 1, 2, 2)) prints
    # Chisq= 0  on 0 degrees of freedom, p= 1
    found = log_rank([1, 2, 10, 11], [0, 0, 1, 1], ["a", "a", "b", "b"])
    assert (found.statistic, found.df, found.p_value) == (0, 0, 1)


def test_when_every_event_takes_all_who_are_left_there_is_no_statistic():
    # R: survdiff stops here, "Lapack routine dgesv: system is exactly singular"
    found = log_rank([3, 3, 3], [1, 1, 1], ["a", "b", "b"])
    assert np.isnan(found.statistic)
    assert np.isnan(found.p_value)
    assert log_rank([3, 3, 3], [1, 1, 1], ["a", "b", "b"], method="exact").p_value == 1


def test_a_pair_with_nothing_to_compare_counts_among_the_pairs():
    # Group b leaves before the first event, so two of the three pairs have P = 1. For a and c,
    # R: survdiff(Surv(c(2, 3, 5, 4, 6), c(1, 1, 1, 1, 1)) ~ c(1, 1, 1, 2, 2))$pvalue
    # 0.2768582; p.adjust(c(1, 0.2768581868, 1), "bonferroni")[2] 0.8305746
    time, event = [2, 3, 5, 1, 1, 4, 6], [1, 1, 1, 0, 0, 1, 1]
    pairs = pairwise_log_rank(time, event, list("aaabbcc"), adjust="bonferroni")
    assert pairs["p_value"].round(7).tolist() == [1, 0.2768582, 1]
    assert pairs["p_adjusted"].round(7).tolist() == [1, 0.8305746, 1]


@pytest.mark.parametrize("strata", [None, "stratum"])
def test_unadjusted_pairs_are_single_tests(strata):
    frame, _ = data_set("three_tiny")
    two = frame[frame["group"] != "c"]
    both, alone = (
        (rows["time"], rows["event"], rows["group"], rows[strata] if strata else None)
        for rows in (frame, two)
    )
    pairs = pairwise_log_rank(*both[:3], strata=both[3], rho=1, adjust="none")
    expected = log_rank(*alone[:3], strata=alone[3], rho=1)
    assert pairs["p_adjusted"][0] == pytest.approx(expected.p_value)


# Permutation


def test_the_exact_test_by_hand():
    # Four dead at 1, 2, 3, 4. Scores 1 - 1/4, 1 - 7/12, 1 - 13/12, 1 - 25/12, that is
    # 9, 5, -1, -13 twelfths. Sums of two: 14, 8, -4, 4, -8, -14. Seen a = (1, 3): 8.
    # At least 8 away from 0: 14, 8, -8, -14, so P = 4/6.
    found = log_rank([1, 3, 2, 4], [1, 1, 1, 1], ["a", "a", "b", "b"], method="exact")
    assert found.allocations == 6
    assert found.p_value == found.p_lower == found.p_upper == pytest.approx(4 / 6)


def brute_force(time, event, group, strata, rho):
    """P by relabelling the patients and reading O - E off the asymptotic test each time."""
    labels, strata = np.array(group), np.array(strata)
    where = [np.flatnonzero(strata == name) for name in np.unique(strata)]

    def distances(labels):
        table = log_rank(time, event, labels, strata=strata, rho=rho).table
        return (table["observed"] - table["expected"]).to_numpy()

    sums = []
    for chosen in product(*(sorted(set(permutations(labels[rows]))) for rows in where)):
        new = labels.copy()
        for rows, some in zip(where, chosen, strict=True):
            new[rows] = some
        sums.append(distances(new))
    sums, seen = np.array(sums), distances(labels)
    # All allocations are equally likely, so their own covariance is the one under permutation.
    inverse = np.linalg.pinv(np.cov(sums.T, bias=True))
    reach = np.einsum("ni,ij,nj->n", sums, inverse, sums)
    return np.mean(reach >= seen @ inverse @ seen - 1e-9), len(sums)


@pytest.mark.parametrize(
    ("group", "strata", "rho"),
    [
        ("aabbbaba", "11111111", 1),
        ("aabbbaba", "11122222", 0),
        ("aabbcca", "1111111", 0),
        ("aabbcca", "1112222", 0),
    ],
)
def test_the_exact_test_is_what_going_through_all_allocations_gives(group, strata, rho):
    n = len(group)
    time, event = [5, 3, 3, 8, 1, 9, 2, 7][:n], [1, 1, 0, 1, 1, 0, 1, 1][:n]
    found = log_rank(time, event, list(group), strata=list(strata), rho=rho, method="exact")
    p_value, allocations = brute_force(time, event, list(group), list(strata), rho)
    assert found.allocations == allocations
    assert found.p_value == pytest.approx(p_value)


def test_a_permutation_test_surrounds_the_exact_p_value_and_repeats_by_its_seed():
    exact = log_rank(*columns("ovarian"), method="exact")
    options = {"method": "permutation", "resamples": 50_000}
    drawn, again, other = (log_rank(*columns("ovarian"), **options, seed=s) for s in (7, 7, 8))
    assert drawn.p_lower < exact.p_value < drawn.p_upper
    assert drawn.p_upper - drawn.p_lower < 0.01
    assert drawn.p_value == again.p_value != other.p_value
    assert drawn.allocations == 50_000
    # The statistic is the asymptotic one whatever the method.
    plain = log_rank(*columns("ovarian"))
    assert exact.statistic == drawn.statistic == plain.statistic
    pd.testing.assert_frame_equal(drawn.table, plain.table)


def test_a_permutation_test_of_three_groups_agrees_with_the_exact_one():
    frame, _ = data_set("three_tiny")
    for strata in (None, frame["stratum"]):
        exact = log_rank(*columns("three_tiny"), strata=strata, method="exact")
        drawn = log_rank(
            *columns("three_tiny"), strata=strata, method="permutation", resamples=20_000
        )
        assert drawn.p_lower < exact.p_value < drawn.p_upper


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "bootstrap"}, "method: 'bootstrap' is unknown"),
        ({"rho": "1"}, "rho: '1' is not a number"),
        ({"rho": float("nan")}, "rho: nan is not a number"),
        ({"strata": ["x"]}, "strata: 1 values for 2 times"),
        ({"strata": ["x", None]}, "strata: missing in row 1"),
        ({"group": ["a", "a"]}, "one group only, 'a'"),
        ({"group": None}, "one group only"),
        ({"time": range(90), "event": [1] * 90, "group": [1, 2] * 45, "method": "exact"},
         'Use method="permutation"'),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(options, message):
    arguments = {"time": [1, 2], "event": [1, 1], "group": ["a", "b"], **options}
    if "range" in str(arguments["time"]):
        arguments["time"] = np.random.default_rng(1).exponential(10, 90)
    with pytest.raises(SurvivalInputError, match=message):
        log_rank(**arguments)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (event_table([1, 2], [1, 1]), {}, "A comparison needs two"),
        (event_table([1, 2], [1, 1], [1, 2]), {"method": "exact"}, "needs the patients"),
        (event_table([1, 2, 3], [1, 1, 1], [1, 2, 2], entry=[0, 0, 2]), {}, "delayed entry"),
        (event_table([1, 2], [1, 1], [1, 2]), {"strata": ["x"]}, "strata: an event table is"),
    ],
)
def test_what_a_table_cannot_tell_is_refused(table, options, message):
    with pytest.raises(SurvivalInputError, match=message):
        log_rank(table, **options)


def test_an_unknown_adjustment_or_one_group_is_refused_for_pairs():
    with pytest.raises(SurvivalInputError, match="adjust: 'fdr' is unknown"):
        pairwise_log_rank([1, 2], [1, 1], ["a", "b"], adjust="fdr")
    with pytest.raises(SurvivalInputError, match="one group only"):
        pairwise_log_rank([1, 2], [1, 1], ["a", "a"])


# Gray


def test_groups_without_the_cause_in_common_follow_up_give_no_statistic():
    # Group b is gone before the only event of cause 1: nobody is compared with anybody.
    table = gray_test([1, 2, 3, 4], [0, 2, 1, 0], ["b", "b", "a", "a"])
    assert np.isnan(table.loc[table["cause"] == 1, "p_value"]).all()
    with pytest.raises(SurvivalInputError, match="one group only"):
        gray_test([1, 2], [1, 2], ["a", "a"])
