"""Time and event of each endpoint, on six patients whose histories are written out."""

import pandas as pd
import pytest

from vlms.endpoints import ENDPOINTS, time_to_cause, time_to_event

# a  dies of the disease at 20, local recurrence at 5, distant at 8
# b  dies of something else at 30, never recurred
# c  alive at 40, local recurrence at 40
# d  alive at 50, distant recurrence at 12
# e  alive at 60, never recurred
# f  M1 at diagnosis, dies of the disease at 9
PATIENTS = pd.DataFrame(
    {
        "patient_id": list("abcdef"),
        "m_stage": ["M0", "M0", None, "M0", "M0", "M1"],
        "time_months": [20.0, 30.0, 40.0, 50.0, 60.0, 9.0],
        "status": [
            "dead_of_disease",
            "dead_other",
            "alive",
            "alive",
            "alive",
            "dead_of_disease",
        ],
        "local_recurrence_months": [5.0, None, 40.0, None, None, None],
        "distant_recurrence_months": [8.0, None, None, 12.0, None, None],
    }
)


def pairs(endpoint, patients=PATIENTS):
    frame = time_to_event(patients, endpoint)
    return dict(
        zip(frame["patient_id"], zip(frame["time"], frame["event"], strict=True), strict=True)
    )


def test_overall_survival_counts_every_death():
    assert pairs("overall_survival") == {
        "a": (20, True),
        "b": (30, True),
        "c": (40, False),
        "d": (50, False),
        "e": (60, False),
        "f": (9, True),
    }


def test_disease_specific_survival_censors_other_deaths():
    found = pairs("disease_specific_survival")
    assert (found["a"], found["b"], found["f"]) == ((20, True), (30, False), (9, True))


def test_recurrence_free_survival_takes_the_first_of_recurrence_and_any_death():
    assert pairs("recurrence_free_survival") == {
        "a": (5, True),
        "b": (30, True),
        "c": (40, True),
        "d": (12, True),
        "e": (60, False),
    }


def test_local_recurrence_is_censored_at_death_and_last_contact():
    assert pairs("local_recurrence") == {
        "a": (5, True),
        "b": (30, False),
        "c": (40, True),
        "d": (50, False),
        "e": (60, False),
        "f": (9, False),
    }


def test_distant_recurrence_has_its_own_time():
    found = pairs("distant_recurrence")
    assert (found["a"], found["c"], found["d"]) == ((8, True), (40, False), (12, True))


@pytest.mark.parametrize("endpoint", ["distant_recurrence", "recurrence_free_survival"])
def test_patients_with_m1_are_left_out_and_named(endpoint):
    frame = time_to_event(PATIENTS, endpoint)
    assert "f" not in set(frame["patient_id"])
    assert frame.attrs["left_out"] == [("f", "M1 at time zero")]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_patient_without_time_or_status_is_left_out_and_named(endpoint):
    patients = PATIENTS.copy()
    patients.loc[0, "time_months"] = None
    patients.loc[1, "status"] = None
    left_out = dict(time_to_event(patients, endpoint).attrs["left_out"])
    assert left_out["a"] == "no follow-up time"
    assert left_out["b"] == "no status"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_times_are_floats_events_are_booleans_and_the_index_is_kept(endpoint):
    patients = PATIENTS.convert_dtypes().set_axis(list("uvwxyz"))
    frame = time_to_event(patients, endpoint)
    assert frame.dtypes[["time", "event"]].tolist() == ["float64", "bool"]
    assert frame.index.isin(patients.index).all()
    assert (patients.loc[frame.index, "patient_id"] == frame["patient_id"]).all()


@pytest.mark.parametrize(
    ("endpoint", "column"),
    [
        ("local_recurrence", "local_recurrence_months"),
        ("distant_recurrence", "distant_recurrence_months"),
        ("recurrence_free_survival", "distant_recurrence_months"),
        ("overall_survival", "status"),
    ],
)
def test_a_cohort_without_the_column_is_refused_rather_than_taken_as_event_free(endpoint, column):
    with pytest.raises(ValueError, match=f"needs the column {column}"):
        time_to_event(PATIENTS.drop(columns=column), endpoint)


def test_an_unknown_endpoint_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="use one of overall_survival"):
        time_to_event(PATIENTS, "survival")


def test_a_status_that_is_not_canonical_is_refused():
    with pytest.raises(ValueError, match="status holds dead"):
        time_to_event(PATIENTS.replace({"status": {"dead_other": "dead"}}), "overall_survival")


def test_death_without_local_recurrence_is_a_competing_event():
    causes = time_to_cause(PATIENTS, "local_recurrence")
    assert causes["cause"].tolist() == [1, 2, 1, 0, 0, 2]
    assert causes["time"].tolist() == [5, 30, 40, 50, 60, 9]


def test_other_deaths_compete_with_death_of_the_disease():
    causes = time_to_cause(PATIENTS, "disease_specific_survival")
    assert causes["cause"].tolist() == [1, 2, 0, 0, 0, 1]
    assert causes.attrs["causes"][2] == "other death"


def test_overall_survival_has_no_competing_event():
    with pytest.raises(ValueError, match="no competing events"):
        time_to_cause(PATIENTS, "overall_survival")


def test_a_cohort_of_nobody_gives_an_empty_frame():
    frame = time_to_event(PATIENTS.iloc[:0], "local_recurrence")
    assert list(frame) == ["patient_id", "time", "event"]
    assert frame.empty
