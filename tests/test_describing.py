"""Table 1, shares with intervals and power, against R and against hand counts."""

import numpy as np
import pandas as pd
import pytest

from vlms.describing import (
    difference_of_shares,
    exact_power,
    share_interval,
    spread_groups,
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
    wide = spread_groups(table_one(patients, columns=["age_years", "grade"], by="radiotherapy"))
    assert wide.columns.tolist() == ["variable", "level", "yes", "no", "missing", "all"]
    # yes: 50, unknown, 59; the one of whom it is missing is 71 and of grade 3
    assert wide.loc[0, "yes"] == "54.5 (6.4)"
    assert wide.loc[0, "missing"] == "71.0 (–)"
    assert wide.loc[3, "missing"] == "0/1 (0%)"
    nobody = table_one(patients[:1].assign(age_years=np.nan), columns=["age_years"])
    assert nobody["summary"].tolist() == ["–", "–", "1/1 (100%)"]


@pytest.mark.parametrize("labels", [dict, pd.Series])
def test_variables_can_be_named_for_the_reader(patients, labels):
    labels = labels({"age_years": "Age (years)"})
    table = table_one(patients, columns=["age_years"], labels=labels)
    assert set(table["variable"]) == {"Age (years)"}


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


def test_the_intervals_of_a_share_are_those_of_r():
    both = share_interval(9, 12, method=["exact", "wilson"])[["lower", "upper"]].to_numpy()
    # R: binom.test(9, 12)$conf.int
    assert both[0].tolist() == pytest.approx([0.42814154, 0.94513936], abs=1e-8)
    # R: prop.test(9, 12, correct = FALSE)$conf.int
    assert both[1].tolist() == pytest.approx([0.46769467, 0.91105833], abs=1e-8)
    # R: binom.test(9, 12, conf.level = 0.9)$conf.int
    ninety = limits(share_interval(9, 12, confidence=0.9))
    assert ninety == pytest.approx([0.472673396, 0.928129744], abs=1e-8)


def test_the_interval_reaches_the_end_where_nobody_or_everybody_has_the_trait():
    # Clopper–Pearson by hand: with 0 of 12 the upper limit p solves (1 − p)^12 = 0.025
    assert limits(share_interval(0, 12)) == pytest.approx([0, 1 - 0.025 ** (1 / 12)])
    assert limits(share_interval(12, 12)) == pytest.approx([0.025 ** (1 / 12), 1])
    assert share_interval(0, 0).loc[0, ["share", "lower", "upper"]].isna().all()


def test_a_share_that_cannot_be_is_refused():
    for count in (13, -1):
        with pytest.raises(ValueError, match="between 0 and its total"):
            share_interval(count, 12)
    with pytest.raises(ValueError, match="wald"):
        share_interval(1, 2, method="wald")
    with pytest.raises(ValueError, match="between 0 and its total"):
        difference_of_shares(1, 2, 0, 0)


@pytest.mark.parametrize(
    ("counts", "printed"),
    [
        # Newcombe, Stat Med 1998;17:873, Table II, method 10, columns (a), (b) and (e)
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        # by hand: 1 − √((1 − 10 / (10 + z²))² + (z² / (20 + z²))²), z² = 3.8415; the upper is 1
        ((10, 10, 0, 20), (0.6791, 1)),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombe(counts, printed):
    assert limits(difference_of_shares(*counts)) == pytest.approx(printed, abs=6e-5)


def test_power_is_the_sum_over_all_outcomes_that_r_calls_significant():
    # R: sum over i, j of dbinom(i, 9, .25) dbinom(j, 3, .95) where fisher.test gives p <= .05
    assert exact_power(9, 3, 0.25, 0.95) == pytest.approx(0.5251706476, abs=1e-9)
    # the same for 20 and 15 patients, .2 and .7
    assert exact_power(20, 15, 0.2, 0.7) == pytest.approx(0.8303272839, abs=1e-9)
    # of three against three the most extreme table has P = 2 / choose(6, 3) = 0.1
    assert exact_power(3, 3, 0.0, 1.0) == exact_power(1, 1, 0.0, 1.0) == 0
    assert exact_power(3, 3, 0.0, 1.0, alpha=0.1) == 1


def test_a_group_of_nobody_has_no_power():
    with pytest.raises(ValueError, match="Both groups need a patient"):
        exact_power(9, 0, 0.2, 0.8)
