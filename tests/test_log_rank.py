"""Log-rank tests against R, by hand, and by going through every allocation."""

from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest
from lifelines.statistics import logrank_test
from survival_reference import agree, data_set, read, values_of

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.event_table import event_table
from vlms.survival.log_rank import log_rank, log_rank_from_table, pairwise_log_rank


def cases():
    tests = read("survival_log_rank")
    rows = tests[["dataset", "rho", "stratified"]].drop_duplicates()
    return list(rows.itertuples(index=False, name=None))


@pytest.mark.parametrize(("name", "rho", "stratified"), cases())
def test_the_test_is_that_of_survdiff(name, rho, stratified):
    # R: survdiff(Surv(time, event) ~ group + strata(stratum), rho = rho)
    frame, _ = data_set(name)
    strata = frame["stratum"] if stratified else None
    found = log_rank(frame["time"], frame["event"], frame["group"], strata=strata, rho=rho)
    expected = values_of("survival_log_rank", name, rho=rho, stratified=stratified)
    agree(
        [found.statistic, found.df, found.p_value],
        expected.loc[0, ["statistic", "df", "p_value"]],
    )
    assert list(found.table.columns) == ["group", "n", "observed", "expected"]
    assert found.table["group"].tolist() == expected["group"].tolist()
    for column in ("n", "observed", "expected"):
        agree(found.table[column], expected[column])


def test_observed_and_expected_by_hand():
    # a dies at 1 and 3, b at 2 and 4. At risk (a, b): 2,2 | 1,2 | 1,1 | 0,1.
    # Expected of a: 2/4 + 1/3 + 1/2 + 0 = 4/3; variance 1/4 + 2/9 + 1/4 = 13/18.
    # Chi-square (2 - 4/3)^2 / (13/18) = (4/9) (18/13) = 8/13.
    found = log_rank([1, 3, 2, 4], [1, 1, 1, 1], ["a", "a", "b", "b"])
    agree(found.table["expected"], [4 / 3, 8 / 3])
    assert found.statistic == pytest.approx(8 / 13)
    assert found.df == 1


@pytest.mark.parametrize("name", read("survival_pairwise")["dataset"].unique())
@pytest.mark.parametrize("adjust", ["holm", "bonferroni", "BH"])
def test_pairs_are_those_of_survdiff_and_p_adjust(name, adjust):
    expected = values_of("survival_pairwise", name)
    frame, _ = data_set(name)
    found = pairwise_log_rank(frame["time"], frame["event"], frame["group"], adjust=adjust)
    assert found["group_a"].tolist() == expected["group_a"].tolist()
    assert found["group_b"].tolist() == expected["group_b"].tolist()
    agree(found["statistic"], expected["statistic"])
    agree(found["p_value"], expected["p_value"])
    agree(found["p_adjusted"], expected[adjust])


def test_unadjusted_pairs_are_single_tests():
    frame, _ = data_set("three_tiny")
    pairs = pairwise_log_rank(frame["time"], frame["event"], frame["group"], adjust="none")
    two = frame[frame["group"] != "c"]
    alone = log_rank(two["time"], two["event"], two["group"])
    assert pairs["p_adjusted"][0] == pytest.approx(alone.p_value)


@pytest.mark.parametrize("name", read("survival_exact")["dataset"].unique())
def test_the_exact_test_is_that_of_coin(name):
    # R: coin::logrank_test(Surv(time, event) ~ group, distribution = "exact"), mid-ranks
    frame, _ = data_set(name)
    found = log_rank(frame["time"], frame["event"], frame["group"], method="exact")
    expected = values_of("survival_exact", name, ties="mid-ranks")
    agree([found.p_value], expected["p_value"])


def test_the_exact_test_by_hand():
    # Four dead at 1, 2, 3, 4. Scores 1 - 1/4, 1 - 7/12, 1 - 13/12, 1 - 25/12, that is
    # 9, 5, -1, -13 twelfths. Sums of two: 14, 8, -4, 4, -8, -14. Seen a = (1, 3): 8.
    # At least 8 away from 0: 14, 8, -8, -14, so P = 4/6.
    found = log_rank([1, 3, 2, 4], [1, 1, 1, 1], ["a", "a", "b", "b"], method="exact")
    assert found.allocations == 6
    assert found.p_value == pytest.approx(4 / 6)
    assert (found.p_lower, found.p_upper) == (found.p_value, found.p_value)


def brute_force(time, event, group, strata, rho=0):
    """P by relabelling the patients and reading O - E off the asymptotic test each time."""
    labels, strata = np.array(group), np.array(strata)
    where = [np.flatnonzero(strata == name) for name in np.unique(strata)]
    relabelled = [sorted(set(permutations(labels[rows].tolist()))) for rows in where]
    sums = []
    for chosen in product(*relabelled):
        new = labels.copy()
        for rows, some in zip(where, chosen, strict=True):
            new[rows] = some
        table = log_rank(time, event, new, strata=strata, rho=rho).table
        sums.append((table["observed"] - table["expected"]).to_numpy())
    sums = np.array(sums)
    table = log_rank(time, event, labels, strata=strata, rho=rho).table
    seen = (table["observed"] - table["expected"]).to_numpy()
    # All allocations are equally likely, so their own covariance is the one under permutation.
    inverse = np.linalg.pinv(np.cov(sums.T, bias=True))
    distance = np.einsum("ni,ij,nj->n", sums, inverse, sums)
    return np.mean(distance >= seen @ inverse @ seen - 1e-9), len(sums)


@pytest.mark.parametrize(
    ("group", "strata", "rho"),
    [
        ("aabbbaba", "11111111", 0),
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
    frame, _ = data_set("ovarian")
    columns = frame["time"], frame["event"], frame["group"]
    exact = log_rank(*columns, method="exact")
    drawn = log_rank(*columns, method="permutation", resamples=50_000, seed=7)
    assert drawn.p_lower < exact.p_value < drawn.p_upper
    assert drawn.p_upper - drawn.p_lower < 0.01
    assert drawn.allocations == 50_000
    again = log_rank(*columns, method="permutation", resamples=50_000, seed=7)
    other = log_rank(*columns, method="permutation", resamples=50_000, seed=8)
    assert drawn.p_value == again.p_value != other.p_value


def test_a_permutation_test_of_three_groups_agrees_with_the_exact_one():
    frame, _ = data_set("three_tiny")
    columns = frame["time"], frame["event"], frame["group"]
    for strata in (None, frame["stratum"]):
        exact = log_rank(*columns, strata=strata, method="exact")
        drawn = log_rank(*columns, strata=strata, method="permutation", resamples=20_000)
        assert drawn.p_lower < exact.p_value < drawn.p_upper


def test_a_permutation_p_value_is_never_zero():
    time, group = range(1, 21), ["a"] * 10 + ["b"] * 10
    found = log_rank(time, [1] * 20, group, method="permutation", resamples=99)
    assert found.p_value >= 1 / 100


def test_the_statistic_is_the_asymptotic_one_whatever_the_method():
    frame, _ = data_set("two_tiny")
    columns = frame["time"], frame["event"], frame["group"]
    plain = log_rank(*columns)
    for method in ("exact", "permutation"):
        found = log_rank(*columns, method=method)
        assert (found.statistic, found.df) == (plain.statistic, plain.df)
        pd.testing.assert_frame_equal(found.table, plain.table)


def test_lifelines_gives_the_same_chi_square():
    frame, _ = data_set("lung_sex")
    first = frame["group"] == "f"
    theirs = logrank_test(
        frame["time"][first], frame["time"][~first], frame["event"][first], frame["event"][~first]
    )
    found = log_rank(frame["time"], frame["event"], frame["group"])
    assert found.statistic == pytest.approx(theirs.test_statistic, rel=1e-9)


def test_a_table_of_counts_gives_the_same_test_as_the_patients():
    frame, _ = data_set("colon_rx")
    table = event_table(frame["time"], frame["event"], frame["group"])
    found = log_rank_from_table(table, rho=1)
    expected = log_rank(frame["time"], frame["event"], frame["group"], rho=1)
    assert found.p_value == expected.p_value


@pytest.mark.parametrize("name", ["aml", "veteran_cell"])
def test_neither_order_nor_unit_nor_names_change_the_test(name):
    frame, _ = data_set(name)
    found = log_rank(frame["time"], frame["event"], frame["group"], strata=frame["stratum"])
    other = frame.sample(frac=1, random_state=1)
    renamed = other["group"].map(lambda label: label[::-1])
    again = log_rank(other["time"] / 30.4375, other["event"], renamed, strata=other["stratum"])
    assert again.statistic == pytest.approx(found.statistic, rel=1e-9)


def test_one_stratum_is_no_stratum():
    frame, _ = data_set("aml")
    columns = frame["time"], frame["event"], frame["group"]
    one = log_rank(*columns, strata=["x"] * len(frame))
    assert one.statistic == log_rank(*columns).statistic


def test_each_patient_twice_doubles_observed_and_expected():
    frame, _ = data_set("aml")
    once = log_rank(frame["time"], frame["event"], frame["group"])
    twice = log_rank(*([*frame[column]] * 2 for column in ("time", "event", "group")))
    agree(twice.table["expected"], 2 * once.table["expected"])


def test_without_any_event_there_is_nothing_to_test():
    found = log_rank([1, 2, 3], [0, 0, 0], ["a", "b", "b"])
    assert (found.statistic, found.df) == (0, 0)
    assert np.isnan(found.p_value)


def test_when_one_group_alone_was_at_risk_at_the_events_the_p_value_is_1():
    # R: survdiff(Surv(c(1, 2, 10, 11), c(0, 0, 1, 1)) ~ c(1, 1, 2, 2)) prints
    # Chisq= 0  on 0 degrees of freedom, p= 1
    found = log_rank([1, 2, 10, 11], [0, 0, 1, 1], ["a", "a", "b", "b"])
    assert (found.statistic, found.df, found.p_value) == (0, 0, 1)


def test_a_pair_with_nothing_to_compare_counts_among_the_pairs():
    # Group b leaves before the first event, so two of the three pairs have P = 1. For a and c,
    # R: survdiff(Surv(c(2, 3, 5, 4, 6), c(1, 1, 1, 1, 1)) ~ c(1, 1, 1, 2, 2))$pvalue
    # 0.2768582; p.adjust(c(1, 0.2768581868, 1), "bonferroni")[2] 0.8305746
    time, event = [2, 3, 5, 1, 1, 4, 6], [1, 1, 1, 0, 0, 1, 1]
    pairs = pairwise_log_rank(time, event, list("aaabbcc"), adjust="bonferroni")
    assert pairs["p_value"].round(7).tolist() == [1, 0.2768582, 1]
    assert pairs["p_adjusted"].round(7).tolist() == [1, 0.8305746, 1]


def test_when_every_event_takes_all_who_are_left_there_is_no_statistic():
    # R: survdiff stops here, "Lapack routine dgesv: system is exactly singular"
    found = log_rank([3, 3, 3], [1, 1, 1], ["a", "b", "b"])
    assert np.isnan(found.statistic)
    assert np.isnan(found.p_value)
    assert log_rank([3, 3, 3], [1, 1, 1], ["a", "b", "b"], method="exact").p_value == 1


def test_a_group_that_leaves_before_the_first_event_is_not_compared():
    frame, _ = data_set("one_group_leaves_first")
    found = log_rank(frame["time"], frame["event"], frame["group"])
    assert found.df == 1
    assert found.table["expected"].tolist()[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "bootstrap"}, "method: 'bootstrap' is unknown"),
        ({"rho": "1"}, "rho: '1' is not a number"),
        ({"rho": float("nan")}, "rho: nan is not a number"),
        ({"strata": ["x"]}, "strata: 1 values for 2 times"),
        ({"strata": ["x", None]}, "strata: missing in row 1"),
    ],
)
def test_options_without_meaning_are_refused(options, message):
    with pytest.raises(SurvivalInputError, match=message):
        log_rank([1, 2], [1, 1], ["a", "b"], **options)


def test_one_group_is_refused():
    with pytest.raises(SurvivalInputError, match="one group only, 'a'"):
        log_rank([1, 2], [1, 1], ["a", "a"])
    with pytest.raises(SurvivalInputError, match="one group only"):
        pairwise_log_rank([1, 2], [1, 1], ["a", "a"])
    with pytest.raises(SurvivalInputError, match="A comparison needs two"):
        log_rank_from_table(event_table([1, 2], [1, 1]))


def test_an_unknown_adjustment_is_refused():
    with pytest.raises(SurvivalInputError, match="adjust: 'fdr' is unknown"):
        pairwise_log_rank([1, 2], [1, 1], ["a", "b"], adjust="fdr")


def test_too_many_patients_for_the_exact_test_are_sent_to_the_permutation_test():
    rng = np.random.default_rng(1)
    time, group = rng.exponential(10, 90), np.arange(90) % 2
    with pytest.raises(SurvivalInputError, match='Use method="permutation"'):
        log_rank(time, np.ones(90), group, method="exact")


def test_seen_and_all_pairs_of_the_smallest_cohort():
    # Two patients: both allocations are equally far from 0, so P is 1.
    for times in combinations([1, 2, 3], 2):
        assert log_rank(times, [1, 1], ["a", "b"], method="exact").p_value == 1
