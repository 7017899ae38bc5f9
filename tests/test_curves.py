"""Kaplan-Meier curves and what is read off them, against R and by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from survival_reference import agree, data_set, data_sets, values_of

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.curves import (
    CURVE_COLUMNS,
    cumulative_hazard,
    kaplan_meier,
    kaplan_meier_from_table,
    numbers_at_risk,
    survival_at,
)
from vlms.survival.event_table import event_table

PATIENTS = st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=1, max_size=30)


@pytest.mark.parametrize("name", data_sets())
@pytest.mark.parametrize(
    ("interval", "confidence"),
    [("plain", 0.95), ("log", 0.95), ("log-log", 0.95), ("log-log", 0.9)],
)
def test_curves_are_those_of_survfit(name, interval, confidence):
    # R: survfit0(survfit(Surv(time, event) ~ group, conf.type = interval, conf.int = confidence))
    frame, entry = data_set(name)
    curve = kaplan_meier(
        frame["time"], frame["event"], frame["group"], entry=entry, interval=interval,
        confidence=confidence,
    )  # fmt: skip
    expected = values_of("survival_curves", name)
    key = f"{interval.replace('-', '')}{100 * confidence:.0f}"
    assert list(curve.columns) == CURVE_COLUMNS
    assert curve["group"].tolist() == expected["group"].tolist()
    for column in CURVE_COLUMNS[1:7]:
        agree(curve[column], expected[column])
    agree(curve["lower"], expected[f"lower_{key}"])
    agree(curve["upper"], expected[f"upper_{key}"])


@pytest.mark.parametrize("name", data_sets())
def test_hazards_are_those_of_survfit(name):
    # R: survfit(...)[c("cumhaz", "std.chaz")]
    frame, entry = data_set(name)
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"], entry=entry)
    hazard = cumulative_hazard(curve)
    expected = values_of("survival_curves", name)
    agree(hazard["cumulative_hazard"], expected["cumulative_hazard"])
    agree(hazard["std_error"], expected["hazard_error"])
    agree(hazard["cumulative_events"], expected.groupby("group", sort=False)["events"].cumsum())


@pytest.mark.parametrize("name", [n for n in data_sets() if n != "noise_ties"])
def test_survival_at_times_is_that_of_summary(name):
    # R: summary(survfit(...), times = times)
    frame, entry = data_set(name)
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"], entry=entry)
    for label, mine in curve.groupby("group"):
        expected = values_of("survival_at", name, group=label)
        found = survival_at(mine, expected["time"])
        assert list(found.columns) == ["group", "time", "at_risk", "survival", "lower", "upper"]
        for column in ("at_risk", "survival", "lower", "upper"):
            agree(found[column], expected[column])
        agree(numbers_at_risk(mine, expected["time"])["at_risk"], expected["at_risk"])


def test_a_curve_by_hand():
    # Deaths at 6, 6, 6, 7 and 10, censored at 6, 9 and 10+: the first rows of the 6-MP arm, n = 21.
    # S(6) = 18/21; S(7) = 18/21 * 16/17; S(10) = 18/21 * 16/17 * 14/15.
    # Var S(6) = (18/21)^2 * 3 / (21 * 18).
    time = [6, 6, 6, 6, 7, 9, 10, 10] + [11] * 13
    event = [1, 1, 1, 0, 1, 0, 1, 0] + [0] * 13
    curve = kaplan_meier(time, event).set_index("time")
    assert curve.loc[6, "survival"] == pytest.approx(18 / 21)
    assert curve.loc[7, "survival"] == pytest.approx(18 / 21 * 16 / 17)
    assert curve.loc[10, "survival"] == pytest.approx(18 / 21 * 16 / 17 * 14 / 15)
    assert curve.loc[6, "std_error"] == pytest.approx(18 / 21 * (3 / (21 * 18)) ** 0.5)
    assert curve.loc[[6, 7, 9, 10], "at_risk"].tolist() == [21, 17, 16, 15]


def test_limits_are_missing_once_the_curve_is_at_zero():
    last = kaplan_meier([1, 2], [1, 1]).iloc[-1]
    assert last["survival"] == 0
    assert last[["std_error", "lower", "upper"]].isna().all()


def test_no_group_is_one_group_called_all():
    assert kaplan_meier([1, 2], [1, 0])["group"].unique().tolist() == ["all"]


def test_groups_are_kept_as_plain_values_in_categorical_order():
    grade = pd.Categorical(["low", "high", "low"], ["low", "high"])
    curve = kaplan_meier([1, 2, 3], [1, 1, 0], grade)
    assert curve["group"].unique().tolist() == ["low", "high"]


@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series])
def test_lists_arrays_and_series_give_one_answer(make):
    time, event, group = [1.5, 3.0, 2.0], [True, False, True], ["b", "a", "b"]
    expected = kaplan_meier(np.array(time), np.array(event), np.array(group))
    pd.testing.assert_frame_equal(kaplan_meier(make(time), make(event), make(group)), expected)


def test_a_table_of_counts_gives_the_same_curve_as_the_patients():
    frame, _ = data_set("veteran_cell")
    patients = kaplan_meier(frame["time"], frame["event"], frame["group"], interval="log")
    table = event_table(frame["time"], frame["event"], frame["group"])
    pd.testing.assert_frame_equal(kaplan_meier_from_table(table, interval="log"), patients)


def test_a_curve_changed_by_its_reader_leaves_the_table_as_it_was():
    table = event_table([0, 1], [1, 1])
    curve = kaplan_meier_from_table(table)
    curve["events"] *= 7
    curve.loc[0, "time"] = -1
    assert table["events"].tolist() == [1, 1]
    assert table["time"].tolist() == [0, 1]


def test_beyond_follow_up_survival_is_missing_and_nobody_is_at_risk():
    found = survival_at(kaplan_meier([1, 2], [1, 0]), [2, 2.1])
    assert found["survival"].tolist()[0] == 0.5
    assert found.loc[1, ["survival", "lower", "upper"]].isna().all()
    assert found["at_risk"].tolist() == [1, 0]


def test_beyond_follow_up_survival_is_missing_also_when_everyone_has_died():
    # R: summary(survfit(Surv(1:2, c(1, 1)) ~ 1), times = 3) has no row
    assert np.isnan(survival_at(kaplan_meier([1, 2], [1, 1]), 3)["survival"].item())


def test_a_time_asked_for_is_the_time_on_the_curve_but_for_noise():
    curve = kaplan_meier([0.1 + 0.2, 1.0], [1, 0])
    found = survival_at(curve, [0.3, 1.0 + 1e-12])
    assert found["survival"].tolist() == [0.5, 0.5]
    assert found["at_risk"].tolist() == [2, 1]


@pytest.mark.parametrize("times", [-1, [1, np.nan], "soon"])
def test_asking_for_what_is_no_time_is_refused(times):
    with pytest.raises(SurvivalInputError, match="times"):
        survival_at(kaplan_meier([1, 2], [1, 0]), times)


def test_what_is_no_curve_is_refused():
    with pytest.raises(SurvivalInputError, match=r"curve: lacks the columns \['group'"):
        survival_at(pd.DataFrame({"time": [1]}), 1)


def test_numbers_at_risk_count_what_has_happened_so_far():
    # At 3: one has died (2) and one left (3), and the one who dies at 3 is counted as dead.
    found = numbers_at_risk(kaplan_meier([2, 3, 3, 5], [1, 1, 0, 0]), [0, 3, 9])
    assert found["at_risk"].tolist() == [4, 3, 0]
    assert found["cumulative_events"].tolist() == [0, 2, 2]
    assert found["cumulative_censored"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["veteran_cell", "colon_rx", "lung_months"])
def test_lifelines_gives_the_same_survival(name):
    frame, _ = data_set(name)
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"])
    for label, mine in frame.groupby("group"):
        theirs = KaplanMeierFitter().fit(mine["time"], mine["event"]).survival_function_
        own = curve[curve["group"] == label]
        agree(own["survival"], theirs["KM_estimate"], rtol=1e-8)


def test_each_patient_twice_leaves_survival_and_shrinks_the_error_by_root_two():
    frame, _ = data_set("ovarian")
    once = kaplan_meier(frame["time"], frame["event"])
    twice = kaplan_meier([*frame["time"]] * 2, [*frame["event"]] * 2)
    agree(twice["survival"], once["survival"])
    agree(twice["at_risk"], 2 * once["at_risk"])
    # Greenwood's 2d / (2n (2n - 2d)) is half of d / (n (n - d)).
    agree(twice["std_error"] * 2**0.5, once["std_error"])


def test_days_instead_of_months_move_the_times_and_nothing_else():
    frame, _ = data_set("lung_months")
    months = kaplan_meier(frame["time"], frame["event"], frame["group"])
    days = kaplan_meier(frame["time"] * 30.4375, frame["event"], frame["group"])
    agree(days["time"], months["time"] * 30.4375)
    pd.testing.assert_frame_equal(days.drop(columns="time"), months.drop(columns="time"))


def test_group_labels_swapped_swap_the_curves():
    frame, _ = data_set("aml")
    swapped = frame["group"].map({"Maintained": "B", "Nonmaintained": "A"})
    curve = kaplan_meier(frame["time"], frame["event"], frame["group"])
    other = kaplan_meier(frame["time"], frame["event"], swapped)
    for old, new in (("Maintained", "B"), ("Nonmaintained", "A")):
        agree(
            other.loc[other["group"] == new, "survival"],
            curve.loc[curve["group"] == old, "survival"],
        )


def test_delayed_entry_at_zero_for_everyone_changes_nothing():
    frame, _ = data_set("ovarian")
    plain = kaplan_meier(frame["time"], frame["event"])
    entered = kaplan_meier(frame["time"], frame["event"], entry=np.zeros(len(frame)))
    pd.testing.assert_frame_equal(entered, plain)


def test_a_patient_split_in_two_by_delayed_entry_counts_once():
    # The first patient is seen 0-2 and, as another row, 2-5.
    whole = kaplan_meier([5, 3, 4], [1, 1, 0])
    split = kaplan_meier([2, 5, 3, 4], [0, 1, 1, 0], entry=[0, 2, 0, 0])
    at_events = split["time"].isin(whole["time"])
    agree(split.loc[at_events, "survival"], whole["survival"])
    agree(split.loc[at_events, "at_risk"], whole["at_risk"])


@given(PATIENTS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_patients_does_not_matter(patients, random):
    shuffled = list(patients)
    random.shuffle(shuffled)
    curves = [
        kaplan_meier(*(list(column) for column in zip(*rows, strict=True)))
        for rows in (patients, shuffled)
    ]
    pd.testing.assert_frame_equal(*curves)


@given(PATIENTS)
@settings(max_examples=60, deadline=None)
def test_survival_falls_from_one_and_lies_between_its_limits(patients):
    time, event = zip(*patients, strict=True)
    for interval in ("plain", "log", "log-log", "beta-product"):
        curve = kaplan_meier(list(time), list(event), interval=interval)
        survival = curve["survival"].to_numpy()
        assert (np.diff(survival) <= 0).all()
        assert ((survival >= 0) & (survival <= 1)).all()
        known = curve.dropna(subset=["lower"])
        assert (known["lower"] <= known["survival"] + 1e-12).all()
        assert (known["upper"] >= known["survival"] - 1e-12).all()


@given(st.lists(st.integers(0, 15), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_without_censoring_survival_is_the_share_still_alive(times):
    curve = kaplan_meier(times, [1] * len(times))
    alive = [np.mean(np.array(times) > time) for time in curve["time"]]
    alive[0] = alive[0] if curve["events"][0] else 1.0
    agree(curve["survival"], alive)
