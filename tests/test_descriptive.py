"""Counts, shares, means, Table 1, exact tests and power, against R and against hand counts."""

import numpy as np
import pandas as pd
import pytest

from vlms.descriptive import (
    count_levels,
    cross_table,
    detectable_share,
    difference_of_shares,
    events_per_variable,
    exact_power,
    fisher_test,
    share_interval,
    spread_groups,
    summarise,
    table_one,
)


def limits(frame):
    return frame.loc[0, ["lower", "upper"]].astype(float).tolist()


@pytest.fixture
def patients():
    return pd.DataFrame(
        {
            "patient_id": ["a", "b", "c", "d", "e"],
            "sex": ["f", "f", "m", "f", None],
            "grade": pd.array([1, 3, 3, None, 3], dtype="Int64"),
            "age_years": [50.0, 60.0, 71.0, None, 59.0],
            "radiotherapy": pd.array([True, False, None, True, True], dtype="boolean"),
        }
    )


def test_the_exact_interval_is_that_of_binom_test():
    # R: binom.test(9, 12)$conf.int
    assert limits(share_interval(9, 12)) == pytest.approx([0.42814154, 0.94513936], abs=1e-8)


def test_the_wilson_interval_is_that_of_prop_test_without_correction():
    # R: prop.test(9, 12, correct = FALSE)$conf.int
    wilson = share_interval(9, 12, method="wilson")
    assert limits(wilson) == pytest.approx([0.46769467, 0.91105833], abs=1e-8)


def test_nobody_of_n_has_the_rule_of_three_kind_of_upper_limit():
    # Clopper–Pearson by hand: with 0 of 12 the upper limit p solves (1 − p)^12 = 0.025.
    assert limits(share_interval(0, 12)) == pytest.approx([0, 1 - 0.025 ** (1 / 12)])


def test_a_share_of_nobody_is_missing_and_not_zero():
    row = share_interval(0, 0).loc[0]
    assert row[["share", "lower", "upper"]].isna().all()


@pytest.mark.parametrize(("count", "total"), [(13, 12), (-1, 12)])
def test_a_count_beyond_its_total_is_refused(count, total):
    with pytest.raises(ValueError, match="between 0 and its total"):
        share_interval(count, total)


def test_an_unknown_interval_is_named():
    with pytest.raises(ValueError, match="wald"):
        share_interval(1, 2, method="wald")


def test_levels_are_counted_among_the_known_and_the_unknown_stand_beside(patients):
    counted = count_levels(patients, "sex")
    # of five patients one has no sex: 3 of 4 and 1 of 4
    assert counted[["level", "n", "total", "missing", "share"]].to_numpy().tolist() == [
        ["f", 3, 4, 1, 0.75],
        ["m", 1, 4, 1, 0.25],
    ]


def test_levels_that_nobody_has_are_listed_where_asked(patients):
    counted = count_levels(patients, "grade", levels=[1, 2, 3], labels={2: "intermediate"})
    assert counted["level"].tolist() == ["1", "intermediate", "3"]
    assert counted["n"].tolist() == [1, 0, 3]


def test_patients_of_no_known_group_form_a_group_of_their_own(patients):
    counted = count_levels(patients, "grade", by="sex")
    sizes = counted.groupby("group")["n"].sum()
    # f: grades 1, 3 and one unknown; m: 3; sex unknown: 3
    assert sizes.to_dict() == {"f": 2, "m": 1, "missing": 1}


def test_a_summary_is_that_of_r():
    # R: x <- c(2.7, 9, 7.8, 2.5, 8.8); quantile(x, c(.25, .5, .75)) gives 2.7 7.8 8.8
    # mean 30.8 / 5 = 6.16; squares of the differences
    # 3.46² + 2.84² + 1.64² + 3.66² + 2.64² = 43.092, over 4: 10.773, whose root is 3.2822
    row = summarise(pd.DataFrame({"size_cm": [2.7, 9, 7.8, 2.5, 8.8, np.nan]}), "size_cm").loc[0]
    assert (row["n"], row["missing"]) == (5, 1)
    assert row[["q1", "median", "q3"]].tolist() == pytest.approx([2.7, 7.8, 8.8])
    assert [row["mean"], row["sd"]] == pytest.approx([6.16, 3.2822], abs=1e-4)
    assert [row["minimum"], row["maximum"]] == [2.5, 9]


def test_the_spread_of_one_patient_is_missing():
    row = summarise(pd.DataFrame({"size_cm": [2.7]}), "size_cm").loc[0]
    assert row["mean"] == 2.7
    assert np.isnan(row["sd"])


def test_text_has_no_mean(patients):
    with pytest.raises(ValueError, match=r"\['sex'\] hold text"):
        summarise(patients, ["age_years", "sex"])


def test_table_one_counts_codes_averages_numbers_and_leaves_the_id_out(patients):
    table = table_one(patients)
    assert list(dict.fromkeys(table["variable"])) == ["sex", "grade", "age_years", "radiotherapy"]
    summaries = table.set_index(["variable", "level"])["summary"]
    assert summaries["grade", "3"] == "3/4 (75%)"
    # ages 50, 60, 71, 59: mean 60, squares 100 + 0 + 121 + 1 = 222, over 3: 74, root 8.6
    assert summaries["age_years", "mean (SD)"] == "60.0 (8.6)"
    # the median of 50, 59, 60, 71 is 59.5
    assert summaries["age_years", "median (range)"] == "59.5 (50–71)"
    assert summaries["radiotherapy", "yes"] == "3/4 (75%)"


def test_table_one_counts_the_missing_of_each_variable_that_lacks_any(patients):
    table = table_one(patients)
    missing = table[table["level"] == "missing"].set_index("variable")
    assert missing["n"].to_dict() == {"sex": 1, "grade": 1, "age_years": 1, "radiotherapy": 1}
    assert set(missing["total"]) == {5}
    assert "missing" not in set(table_one(patients[["patient_id"]].assign(x=1.0))["level"])


def test_the_parts_of_each_variable_add_up_to_all_patients(patients):
    table = table_one(patients, columns=["sex", "grade", "radiotherapy"], by="sex")
    sums = table[table["group"] == "all"].groupby("variable")["n"].sum()
    assert set(sums) == {5}


def test_groups_stand_side_by_side_with_all_patients_last(patients):
    wide = spread_groups(table_one(patients, columns=["age_years"], by="radiotherapy"))
    assert wide.columns.tolist() == ["variable", "level", "yes", "no", "missing", "all"]
    # yes: 50, unknown, 59
    assert wide.loc[0, "yes"] == "54.5 (6.4)"
    assert wide.loc[0, "missing"] == "71.0 (–)"


def test_variables_can_be_named_for_the_reader(patients):
    table = table_one(patients, columns=["age_years"], labels={"age_years": "Age (years)"})
    assert set(table["variable"]) == {"Age (years)"}


def test_table_one_takes_labels_as_a_cohort_holds_them(patients):
    labels = pd.Series({"age_years": "Age at diagnosis"})
    assert set(table_one(patients, columns=["age_years"], labels=labels)["variable"]) == {
        "Age at diagnosis"
    }


def test_table_one_leaves_out_times_of_events_and_free_text_unless_asked(patients):
    more = patients.assign(time_months=1.0, comment=["p", "q", "r", "s", "t"])
    assert not {"time_months", "comment"} & set(table_one(more)["variable"])
    assert set(table_one(more, columns=["comment"])["variable"]) == {"comment"}


def test_names_of_columns_are_written_for_the_reader_in_the_spread_table(patients):
    wide = spread_groups(table_one(patients.assign(status="dead_of_disease")))
    assert {"age (years)", "radiotherapy", "status"} <= set(wide["variable"])
    assert "dead of disease" in set(wide["level"])


def test_a_variable_that_is_not_there_is_named(patients):
    with pytest.raises(ValueError, match=r"No column \['size'\]"):
        table_one(patients, columns=["size"])


@pytest.mark.parametrize(
    ("counts", "printed"),
    [
        # Newcombe, Stat Med 1998;17:873, Table II, method 10, columns (a), (b) and (e)
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombe(counts, printed):
    assert limits(difference_of_shares(*counts)) == pytest.approx(printed, abs=6e-5)


def test_events_are_counted_for_each_coefficient():
    frame = pd.DataFrame(
        {
            "event": [True, True, True, False, True],
            "age": [50, 60, 70, 80, None],
            "site": ["arm", "leg", "cava", "leg", "leg"],
        }
    )
    # four patients with both known, three events; age costs 1 coefficient, three sites cost 2
    row = events_per_variable(frame, ["age", "site"]).loc[0]
    assert row.tolist() == [4, 3, 3, 1]


def test_a_cross_table_leaves_out_whom_either_variable_is_unknown_of(patients):
    table = cross_table(patients, "sex", "radiotherapy")
    # known of both: a (f, yes), b (f, no), d (f, yes); no man's radiotherapy is known
    assert table.to_numpy().tolist() == [[2, 1]]
    assert (table.index.tolist(), table.columns.tolist()) == (["f"], ["yes", "no"])


def test_fishers_test_of_two_by_two_is_that_of_r():
    # R: fisher.test(matrix(c(3, 1, 1, 3), 2, byrow = TRUE))
    row = fisher_test([[3, 1], [1, 3]]).loc[0]
    assert row["p_value"] == pytest.approx(0.4857143, abs=1e-7)
    assert row["odds_ratio"] == pytest.approx(6.408309, abs=1e-4)
    assert row["lower"] == pytest.approx(0.2117329, abs=1e-5)
    # P(X ≥ 3 | OR) = 0.975 at the lower limit, by hand: (16 OR³ + OR⁴) / (1 + 16 OR + 36 OR² +
    # 16 OR³ + OR⁴) is 0.025 there; by symmetry P(X ≤ 3) is 0.025 at the upper
    odds = row["upper"]
    weights = np.array([1, 16, 36, 16, 1]) * odds ** np.arange(5)
    assert weights[:4].sum() / weights.sum() == pytest.approx(0.025, rel=1e-3)


def test_an_odds_ratio_without_a_finite_estimate_has_one_limit():
    # R: fisher.test(matrix(c(4, 5, 0, 3), 2, byrow = TRUE))
    row = fisher_test([[4, 5], [0, 3]]).loc[0]
    assert row["p_value"] == pytest.approx(0.4909090909)
    assert np.isinf(row["odds_ratio"])
    assert row["lower"] == pytest.approx(0.203503, abs=1e-5)
    assert np.isinf(row["upper"])


@pytest.mark.parametrize(
    ("table", "p_value"),
    [
        # R: fisher.test(matrix(c(4, 1, 0, 2, 3, 5), 2, byrow = TRUE))$p.value
        ([[4, 1, 0], [2, 3, 5]], 0.0959040959),
        # R: fisher.test(matrix(c(3, 1, 0, 2, 2, 1, 0, 1, 4), 3, byrow = TRUE))$p.value
        ([[3, 1, 0], [2, 2, 1], [0, 1, 4]], 0.1104133961),
    ],
)
def test_larger_tables_are_enumerated_as_in_r(table, p_value):
    row = fisher_test(table).loc[0]
    assert row["p_value"] == pytest.approx(p_value, abs=1e-9)
    assert row["method"] == "exact"
    assert np.isnan(row["odds_ratio"])


def test_a_table_too_large_to_enumerate_is_simulated_and_says_so():
    # every row has the same proportions: no table is likelier than the observed one
    row = fisher_test(np.full((5, 5), 12)).loc[0]
    assert row["method"] == "simulated"
    assert row["p_value"] == 1


def test_a_simulated_p_is_near_that_of_r():
    # R: set.seed(1); fisher.test(m, simulate.p.value = TRUE, B = 1e5)$p.value gives 0.2037 for
    # m <- matrix(c(10, 6, 7, 9, 4, 12, 8, 8, 9, 5, 12, 6, 8, 7, 5, 13), 4, byrow = TRUE)
    table = [[10, 6, 7, 9], [4, 12, 8, 8], [9, 5, 12, 6], [8, 7, 5, 13]]
    row = fisher_test(table).loc[0]
    assert row["method"] == "simulated"
    assert row["p_value"] == pytest.approx(0.2037, abs=0.012)


def test_one_row_alone_tests_nothing():
    assert fisher_test([[3, 1], [0, 0]]).loc[0, "p_value"] == 1


@pytest.mark.parametrize("table", [[[1, -1], [2, 2]], [[0.5, 1], [1, 1]], [1, 2, 3]])
def test_what_is_no_table_of_counts_is_refused(table):
    with pytest.raises(ValueError, match="whole counts"):
        fisher_test(table)


def test_power_is_the_sum_over_all_outcomes_that_r_calls_significant():
    # R: sum over i, j of dbinom(i, 9, .25) dbinom(j, 3, .95) where fisher.test gives p <= .05
    assert exact_power(9, 3, 0.25, 0.95) == pytest.approx(0.5251706476, abs=1e-9)
    # the same for 20 and 15 patients, .2 and .7
    assert exact_power(20, 15, 0.2, 0.7) == pytest.approx(0.8303272839, abs=1e-9)


def test_three_against_three_can_never_be_significant():
    # the most extreme table has P = 2 / choose(6, 3) = 0.1
    assert exact_power(3, 3, 0.0, 1.0) == 0


def test_under_no_difference_fishers_test_keeps_its_level():
    assert exact_power(9, 3, 0.4, 0.4) <= 0.05


def test_the_detectable_share_is_the_nearest_with_that_power():
    found = detectable_share(20, 15, 0.2).set_index("direction")
    share = found.loc["higher", "other_share"]
    assert exact_power(20, 15, 0.2, share) >= 0.8 > exact_power(20, 15, 0.2, share - 0.001)
    assert np.isnan(found.loc["lower", "other_share"])


def test_a_group_of_nobody_has_no_power():
    with pytest.raises(ValueError, match="Both groups need a patient"):
        exact_power(9, 0, 0.2, 0.8)
