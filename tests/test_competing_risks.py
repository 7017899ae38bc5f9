"""Cumulative incidence and Gray's test, against hand-worked patients and R."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vlms.survival import (
    SurvivalInputError,
    cause_specific,
    cox,
    cumulative_incidence,
    gray_test,
    kaplan_meier,
    naive_one_minus_kaplan_meier,
)

# Made by tests/reference/competing_risks.R
REFERENCE = Path(__file__).parent / "reference"
DATA = pd.read_csv(REFERENCE / "competing_risks_data.csv")
CURVES = pd.read_csv(REFERENCE / "competing_risks_incidence.csv", dtype={"group": str})
TESTS = pd.read_csv(REFERENCE / "competing_risks_gray.csv")


def of(dataset):
    return DATA[DATA["dataset"] == dataset]


def at(curve, cause, time):
    return curve[(curve["cause"] == cause) & (curve["time"] == time)].iloc[0]


@pytest.mark.parametrize(("dataset", "interval"), CURVES.groupby(["dataset", "interval"]).groups)
def test_cumulative_incidence_is_that_of_survfit(dataset, interval):
    data = of(dataset)
    ours = cumulative_incidence(data["time"], data["cause"], data["group"], interval=interval)
    theirs = CURVES[(CURVES["dataset"] == dataset) & (CURVES["interval"] == interval)]
    both = theirs.merge(ours, on=["group", "cause", "time"], how="left", suffixes=("", "_ours"))
    for column in ("at_risk", "incidence", "std_error", "lower", "upper"):
        np.testing.assert_allclose(
            both[f"{column}_ours"], both[column], rtol=1e-9, atol=1e-12, err_msg=column
        )


@pytest.mark.parametrize(("dataset", "strata"), TESTS.groupby(["dataset", "strata"]).groups)
def test_gray_is_that_of_cuminc(dataset, strata):
    data = of(dataset)
    ours = gray_test(
        data["time"],
        data["cause"],
        data["group"],
        strata=data["stratum"] if strata == "yes" else None,
    )
    theirs = TESTS[(TESTS["dataset"] == dataset) & (TESTS["strata"] == strata)]
    assert ours["cause"].tolist() == theirs["cause"].tolist()
    assert ours["df"].tolist() == theirs["df"].tolist()
    np.testing.assert_allclose(ours["statistic"], theirs["statistic"], rtol=1e-9)
    np.testing.assert_allclose(ours["p_value"], theirs["p"], rtol=1e-9, atol=1e-15)


def test_four_patients_by_hand():
    # Month 1: cause 1 of 4 at risk -> 1/4, survival 3/4. Month 2: cause 2 of 3 -> 3/4 · 1/3 = 1/4,
    # survival 1/2. Month 3: censored. Month 4: cause 1 of 1 -> + 1/2 · 1 = 3/4 in all.
    curve = cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1])
    assert at(curve, 1, 1)["incidence"] == 0.25
    assert at(curve, 2, 2)["incidence"] == pytest.approx(0.25)
    assert at(curve, 1, 4)["incidence"] == pytest.approx(0.75)
    # The error of a first share of n without censoring is binomial: sqrt(1/4 · 3/4 / 4).
    assert at(curve, 1, 1)["std_error"] == pytest.approx(np.sqrt(0.25 * 0.75 / 4))


def test_causes_at_one_time_share_it_exactly():
    # Three causes at one time among 6: each takes 1/6, whatever the order of the rows.
    curve = cumulative_incidence([5] * 6, [1, 2, 3, 1, 0, 0])
    assert [at(curve, cause, 5)["incidence"] for cause in (1, 2, 3)] == pytest.approx(
        [2 / 6, 1 / 6, 1 / 6]
    )


def test_causes_and_survivors_add_up_to_one():
    data = of("tied")
    curve = cumulative_incidence(data["time"], data["cause"])
    every = curve.pivot(index="time", columns="cause", values="incidence").sum(axis=1)
    survivors = kaplan_meier(data["time"], data["cause"] > 0)
    np.testing.assert_allclose(every.to_numpy() + survivors["survival"], 1, rtol=1e-13)


def test_without_competing_causes_it_is_one_minus_kaplan_meier():
    data = of("tied").query("cause < 2")
    curve = cumulative_incidence(data["time"], data["cause"])
    alive = kaplan_meier(data["time"], data["cause"] == 1)
    np.testing.assert_allclose(1 - curve["incidence"], alive["survival"], atol=1e-13)
    inner = alive["survival"] > 0
    np.testing.assert_allclose(curve["std_error"][inner], alive["std_error"][inner], rtol=1e-9)


def test_row_order_does_not_matter():
    data = of("tied")
    shuffled = data.sample(frac=1, random_state=4)
    pd.testing.assert_frame_equal(
        cumulative_incidence(data["time"], data["cause"], data["group"]),
        cumulative_incidence(shuffled["time"], shuffled["cause"], shuffled["group"]),
    )
    pd.testing.assert_frame_equal(
        gray_test(data["time"], data["cause"], data["group"]),
        gray_test(shuffled["time"], shuffled["cause"], shuffled["group"]),
    )


def test_the_unit_of_time_and_the_names_of_groups_do_not_move_gray():
    data = of("tied")
    swapped = data["group"].map({"a": "z", "b": "b", "c": "a"})
    np.testing.assert_allclose(
        gray_test(data["time"] * 30.4375, data["cause"], swapped)["statistic"],
        gray_test(data["time"], data["cause"], data["group"])["statistic"],
        rtol=1e-10,
    )


def test_times_equal_but_for_rounding_noise_are_ties():
    noisy = cumulative_incidence([0.1 + 0.2, 0.3, 1], [1, 2, 0])
    clean = cumulative_incidence([0.3, 0.3, 1], [1, 2, 0])
    assert noisy["incidence"].tolist() == clean["incidence"].tolist()


def test_no_limits_where_there_is_no_interval():
    curve = cumulative_incidence([1, 2, 3], [2, 1, 1])
    before = at(curve, 1, 1)
    assert before["incidence"] == 0
    assert np.isnan(before["lower"])
    certain = at(cumulative_incidence([1, 2], [1, 1]), 1, 2)
    assert certain["incidence"] == 1
    assert np.isnan([certain["lower"], certain["upper"]]).all()


def test_the_naive_estimate_is_never_below_the_incidence():
    data = of("untied")
    naive = naive_one_minus_kaplan_meier(data["time"], data["cause"])
    true = cumulative_incidence(data["time"], data["cause"])
    both = naive.merge(true, on=["cause", "time"])
    assert (both["naive_incidence"] >= both["incidence"] - 1e-12).all()
    assert (both["naive_incidence"] > both["incidence"] + 0.01).any()


def test_a_cause_specific_hazard_ratio_is_cox_with_the_other_causes_censored():
    # R: coxph(Surv(time, cause == 1) ~ x) on the same rows with the event typed in by hand.
    frame = pd.DataFrame({"time": [1, 2, 3, 4, 5], "cause": [1, 2, 1, 0, 1], "x": [0, 1, 1, 0, 1]})
    typed = frame.assign(event=[True, False, True, False, True])
    assert cause_specific(frame, 1)["event"].tolist() == typed["event"].tolist()
    assert cox(cause_specific(frame, 1), "x")["p_value"].notna().all()
    with pytest.raises(SurvivalInputError, match="no patient has the cause 7"):
        cause_specific(frame, 7)


def test_causes_may_be_named_where_censoring_is_named():
    named = cumulative_incidence([1, 2, 3], ["tumour", "other", "alive"], censored="alive")
    coded = cumulative_incidence([1, 2, 3], [2, 1, 0])
    assert named["cause"].unique().tolist() == ["other", "tumour"]
    assert named["incidence"].tolist() == coded["incidence"].tolist()


@pytest.mark.parametrize(
    ("time", "cause", "said"),
    [
        ([1, -2], [1, 0], "time: negative in row 1"),
        ([1, np.nan], [1, 0], "time: missing in row 1"),
        ([1, 2], ["dead", "alive"], "cause: no code of a cause in rows 0 .'dead'."),
        ([1, 2], [1, np.nan], "cause: missing in row 1"),
        ([1, 2], [1, 0.5], "cause: no code of a cause in row 1"),
        ([1, 2], [-1, 0], "cause: no code of a cause in row 0"),
        ([1, 2, 3], [1, 0], "cause: 2 values for 3 times"),
        ([1, 2], [0, 0], "every patient is censored"),
    ],
)
def test_what_has_no_meaning_is_refused(time, cause, said):
    with pytest.raises(SurvivalInputError, match=said):
        cumulative_incidence(time, cause)


def test_one_group_is_no_comparison():
    with pytest.raises(SurvivalInputError, match="at least two groups"):
        gray_test([1, 2], [1, 2], ["a", "a"])


def test_groups_without_the_cause_in_common_follow_up_give_no_statistic():
    # Group b is gone before the only event of cause 1: nobody is compared with anybody.
    table = gray_test([1, 2, 3, 4], [0, 2, 1, 0], ["b", "b", "a", "a"])
    assert np.isnan(table.loc[table["cause"] == 1, "p_value"]).all()
