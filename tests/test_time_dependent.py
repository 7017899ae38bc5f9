"""Landmarks and start/stop intervals: whom they keep, where they cut, what they refuse."""

import numpy as np
import pandas as pd
import pytest

from vlms.survival import (
    SurvivalInputError,
    at_landmark,
    check_intervals,
    cox,
    follow_up_intervals,
    kaplan_meier,
    survival_at,
)

COHORT = pd.DataFrame(
    {
        "patient_id": list("abcdefgh"),
        "time": [3.0, 6.0, 8.0, 12.0, 15.0, 20.0, 24.0, 30.0],
        "event": [True, False, True, True, False, True, False, True],
        "recurrence_months": [np.nan, 2.0, 4.0, np.nan, 6.0, 11.0, np.nan, 25.0],
        "age_years": [70, 61, 55, 48, 66, 59, 73, 51],
    }
)


def test_who_ends_at_the_landmark_is_out_and_the_clock_restarts():
    later = at_landmark(COHORT, 6, happened={"recurred": "recurrence_months"})
    assert later["patient_id"].tolist() == list("cdefgh")
    assert later["time"].tolist() == [2, 6, 9, 14, 18, 24]
    # Recurrences in months 4 and 6 are known by month 6; those in 11 and 25 are not.
    assert later["recurred"].tolist() == [True, False, True, False, False, False]
    assert later.attrs["events_before"] == 1
    assert later.attrs["censored_before"] == 1


def test_survival_from_a_landmark_is_conditional_survival():
    # S(t) = S(6) · S(t | 6), here at month 20.
    whole = survival_at(kaplan_meier(COHORT["time"], COHORT["event"]), [6, 20])["survival"]
    later = at_landmark(COHORT, 6)
    rest = survival_at(kaplan_meier(later["time"], later["event"]), [14])["survival"]
    assert whole[1] == pytest.approx(whole[0] * rest[0])


def test_a_landmark_leaves_the_frame_it_was_given_alone():
    before = COHORT.copy()
    at_landmark(COHORT, 6)
    pd.testing.assert_frame_equal(COHORT, before)


def test_a_recurrence_cuts_the_follow_up_in_two():
    intervals = follow_up_intervals(COHORT, {"recurred": "recurrence_months"})
    mine = intervals[intervals["patient_id"] == "c"]
    assert mine[["entry", "time", "event", "recurred"]].to_numpy().tolist() == [
        [0, 4, False, False],
        [4, 8, True, True],
    ]
    assert (intervals["patient_id"] == "a").sum() == 1


def test_no_time_and_no_event_is_lost_or_made():
    intervals = follow_up_intervals(COHORT, {"recurred": "recurrence_months"})
    assert (intervals["time"] - intervals["entry"]).sum() == COHORT["time"].sum()
    assert intervals["event"].sum() == COHORT["event"].sum()
    assert check_intervals(intervals) is intervals


def test_two_changes_make_up_to_three_intervals():
    cohort = COHORT.head(3).assign(metastasis=[1.0, 2.0, 5.0])
    intervals = follow_up_intervals(
        cohort, {"recurred": "recurrence_months", "spread": "metastasis"}
    )
    mine = intervals[intervals["patient_id"] == "c"]
    assert mine[["entry", "time", "recurred", "spread"]].to_numpy().tolist() == [
        [0, 4, False, False],
        [4, 5, True, False],
        [5, 8, True, True],
    ]
    # Patient b has both in month 2: one cut.
    assert (intervals["patient_id"] == "b").sum() == 2


def test_a_change_in_the_last_month_makes_no_interval_and_one_at_the_start_leaves_none_before():
    cohort = pd.DataFrame(
        {"patient_id": [1, 2], "time": [5, 5], "event": [1, 1], "month": [5.0, 0.0]}
    )
    intervals = follow_up_intervals(cohort, {"changed": "month"})
    assert intervals["changed"].tolist() == [False, True]


def test_intervals_without_a_change_fit_as_the_patients_do():
    # Cutting follow-up at month 5 for everyone adds rows, not information.
    cut = COHORT.assign(five=np.where(COHORT["time"] > 5, 5.0, np.nan))
    intervals = follow_up_intervals(cut, {"after_five": "five"})
    whole = cox(COHORT, "age_years")
    pieces = cox(intervals, "age_years", entry="entry")
    np.testing.assert_allclose(pieces["log_hazard_ratio"], whole["log_hazard_ratio"], rtol=1e-9)
    np.testing.assert_allclose(pieces["std_error"], whole["std_error"], rtol=1e-9)


def test_a_recurrence_as_a_start_stop_covariate_is_what_r_gives():
    # R (survival 3.5-3): tmerge as in follow_up_intervals, then
    # coxph(Surv(tstart, tstop, event) ~ recurred, cluster = id)
    intervals = follow_up_intervals(COHORT, {"recurred": "recurrence_months"})
    fit = cox(intervals, "recurred", entry="entry", cluster="patient_id")
    assert fit["log_hazard_ratio"][0] == pytest.approx(RECURRED["coef"], rel=1e-7)
    assert fit.attrs["naive_std_error"][0] == pytest.approx(RECURRED["se(coef)"], rel=1e-7)
    assert fit["std_error"][0] == pytest.approx(RECURRED["robust se"], rel=1e-7)


RECURRED = {"coef": 0.917083481738, "se(coef)": 1.04138944654, "robust se": 0.88602575263}


def cohort_with(**columns):
    return COHORT.assign(**columns)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (cohort_with(recurrence_months=[9.0] + [np.nan] * 7), "after the end of observation.*'a'"),
        (cohort_with(recurrence_months=[-1.0] + [np.nan] * 7), "negative in row 0"),
        (cohort_with(patient_id=list("aacdefgh")), "patient_id: repeated for patient 'a' .row 1."),
        (cohort_with(time=[0.0] + [30.0] * 7), "time: 0 for patient 'a'"),
        (cohort_with(entry=0), "already has the column entry"),
        (COHORT.drop(columns="recurrence_months"), "no column 'recurrence_months'"),
    ],
)
def test_a_follow_up_that_cannot_be_cut_is_refused(frame, said):
    with pytest.raises(SurvivalInputError, match=said):
        follow_up_intervals(frame, {"recurred": "recurrence_months"})


def intervals(*rows):
    return pd.DataFrame(rows, columns=["patient_id", "entry", "time", "event"])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (intervals(("p", 0, 4, 0), ("p", 3, 9, 1)), "patient 'p', rows 0 and 1: .*overlap"),
        (intervals(("p", 0, 4, 0), ("p", 5, 9, 1)), "patient 'p', rows 0 and 1: .*leave a gap"),
        (intervals(("p", 4, 9, 1), ("p", 0, 4, 0)), "rows 0 and 1: .*out of order"),
        (intervals(("p", 0, 4, 1), ("p", 4, 9, 0)), "follow one another after an event"),
        (intervals(("p", 4, 4, 1)), "entry: not before the time"),
        (intervals(("q", 0, 2, 0), ("p", 0, 4, 0), ("q", 1, 3, 1)), "patient 'q', rows 0 and 2"),
        (intervals((None, 0, 4, 1)), "patient_id: missing in row 0"),
    ],
)
def test_intervals_that_make_no_follow_up_are_refused(frame, said):
    with pytest.raises(SurvivalInputError, match=said):
        check_intervals(frame)


def test_gaps_and_repeated_events_pass_where_they_are_meant():
    gap = intervals(("p", 0, 4, 1), ("p", 5, 9, 1))
    assert check_intervals(gap, gaps=True, repeated=True) is gap


@pytest.mark.parametrize("landmark", [-1, np.nan])
def test_a_landmark_is_a_time(landmark):
    with pytest.raises(SurvivalInputError, match="landmark"):
        at_landmark(COHORT, landmark)
