"""Start/stop intervals: where they cut, what they refuse."""

import numpy as np
import pandas as pd
import pytest

from vlms.survival import (
    SurvivalInputError,
    cox,
    follow_up_intervals,
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


def test_changes_cut_the_follow_up_and_lose_neither_time_nor_event():
    cohort = COHORT.assign(metastasis=[1.0, 2.0, 5.0] + [np.nan] * 5)
    changes = {"recurred": "recurrence_months", "spread": "metastasis"}
    cut = follow_up_intervals(cohort, changes)
    mine = cut.loc[cut["patient_id"] == "c", ["entry", "time", "event", *changes]]
    assert mine.to_numpy().tolist() == [
        [0, 4, False, False, False],
        [4, 5, False, True, False],
        [5, 8, True, True, True],
    ]
    # Patient b has both in month 2: one cut; d has neither.
    assert cut["patient_id"].value_counts()[["b", "d"]].tolist() == [2, 1]
    assert (cut["time"] - cut["entry"]).sum() == COHORT["time"].sum()
    assert cut["event"].sum() == COHORT["event"].sum()


def test_a_change_in_the_last_month_makes_no_interval_and_one_at_the_start_leaves_none_before():
    cohort = pd.DataFrame(
        {"patient_id": [1, 2], "time": [5, 5], "event": [1, 1], "month": [5.0, 0.0]}
    )
    assert follow_up_intervals(cohort, {"changed": "month"})["changed"].tolist() == [False, True]


def test_intervals_without_a_change_fit_as_the_patients_do():
    # Cutting follow-up at month 5 for everyone adds rows, not information.
    cut = COHORT.assign(five=np.where(COHORT["time"] > 5, 5.0, np.nan))
    whole = cox(COHORT, "age_years")
    pieces = cox(follow_up_intervals(cut, {"after": "five"}), "age_years", entry="entry")
    np.testing.assert_allclose(pieces["log_hazard_ratio"], whole["log_hazard_ratio"], rtol=1e-9)
    np.testing.assert_allclose(pieces["std_error"], whole["std_error"], rtol=1e-9)


def test_a_recurrence_as_a_start_stop_covariate_is_what_r_gives():
    # R (survival 3.5-3): tmerge as in follow_up_intervals, then
    # coxph(Surv(tstart, tstop, event) ~ recurred)
    intervals = follow_up_intervals(COHORT, {"recurred": "recurrence_months"})
    fit = cox(intervals, "recurred", entry="entry")
    assert fit["log_hazard_ratio"][0] == pytest.approx(0.917083481738, rel=1e-7)
    assert fit["std_error"][0] == pytest.approx(1.04138944654, rel=1e-7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recurrence_months": [9.0] + [np.nan] * 7}, "after the end of observation.*'a' .row 0."),
        ({"recurrence_months": [-1.0] + [np.nan] * 7}, "recurrence_months: negative in row 0"),
        ({"patient_id": list("aacdefgh")}, "patient_id: repeated for patient 'a' .row 1."),
        ({"time": [0.0] + [30.0] * 7}, "time: 0 for patient 'a'"),
        ({"entry": 0}, "already has the column entry"),
    ],
)
def test_a_follow_up_that_cannot_be_cut_is_refused(change, said):
    with pytest.raises(SurvivalInputError, match=said):
        follow_up_intervals(COHORT.assign(**change), {"recurred": "recurrence_months"})
    with pytest.raises(SurvivalInputError, match="no column 'month'"):
        follow_up_intervals(COHORT, {"recurred": "month"})
