"""Time and event of each endpoint, on six patients whose histories are written out."""

import pandas as pd
import pytest

from vlms.endpoints import ENDPOINTS, time_to_cause, time_to_event
from vlms.study import StudyError, read_study

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
        "time_months": [20.0, 30, 40, 50, 60, 9],
        "status": ["dead_of_disease", "dead_other", *["alive"] * 3, "dead_of_disease"],
        "local_recurrence_months": [5.0, None, 40.0, None, None, None],
        "distant_recurrence_months": [8.0, None, None, 12.0, None, None],
    }
)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("overall_survival", "a 20 x, b 30 x, c 40 o, d 50 o, e 60 o, f 9 x"),
        ("disease_specific_survival", "a 20 x, b 30 o, c 40 o, d 50 o, e 60 o, f 9 x"),
        ("recurrence_free_survival", "a 5 x, b 30 x, c 40 x, d 12 x, e 60 o"),
        ("local_recurrence", "a 5 x, b 30 o, c 40 x, d 50 o, e 60 o, f 9 o"),
        ("distant_recurrence", "a 8 x, b 30 o, c 40 o, d 12 x, e 60 o"),
    ],
)
def test_each_endpoint_has_its_own_times_and_events(endpoint, expected):
    frame = time_to_event(PATIENTS, endpoint)
    rows = frame[["patient_id", "time", "event"]].itertuples(index=False)
    found = [f"{i} {t:g} {'x' if e else 'o'}" for i, t, e in rows]
    assert ", ".join(found) == expected
    m1 = [("f", "M1 at time zero")] if "f" not in expected else []
    assert frame.attrs["left_out"] == m1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_patient_without_time_or_status_is_left_out_and_named(endpoint):
    patients = PATIENTS.copy()
    patients.loc[0, "time_months"] = None
    patients.loc[1, "status"] = None
    left_out = dict(time_to_event(patients, endpoint).attrs["left_out"])
    assert (left_out["a"], left_out["b"]) == ("no follow-up time", "no status")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_times_are_floats_events_are_booleans_and_the_index_is_kept(endpoint):
    patients = PATIENTS.convert_dtypes().set_axis(list("uvwxyz"))
    frame = time_to_event(patients, endpoint)
    assert frame.dtypes[["time", "event"]].tolist() == ["float64", "bool"]
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


def test_an_endpoint_or_a_status_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="use one of overall_survival"):
        time_to_event(PATIENTS, "survival")
    with pytest.raises(ValueError, match="status holds dead"):
        time_to_event(PATIENTS.replace({"status": {"dead_other": "dead"}}), "overall_survival")
    with pytest.raises(ValueError, match="no competing events"):
        time_to_cause(PATIENTS, "overall_survival")


def test_death_without_the_event_competes_with_it():
    causes = time_to_cause(PATIENTS, "local_recurrence")
    assert causes["cause"].tolist() == [1, 2, 1, 0, 0, 2]
    assert causes["time"].tolist() == [5, 30, 40, 50, 60, 9]
    causes = time_to_cause(PATIENTS, "disease_specific_survival")
    assert causes["cause"].tolist() == [1, 2, 0, 0, 0, 1]
    assert causes.attrs["causes"][2] == "other death"


def test_a_cohort_of_nobody_gives_an_empty_frame():
    frame = time_to_event(PATIENTS.iloc[:0], "local_recurrence")
    assert list(frame) == ["patient_id", "time", "event", "cause"]
    assert frame.empty


def test_a_death_of_unknown_cause_can_be_counted_either_way_and_is_named():
    patients = PATIENTS.replace({"status": {"dead_other": "dead_unknown"}})
    for unknown, events, causes in (
        (None, "a f", [1, 2, 0, 0, 0, 1]),
        ("censored", "a f", [1, 2, 0, 0, 0, 1]),
        ("event", "a b f", [1, 1, 0, 0, 0, 1]),
    ):
        frame = time_to_event(patients, "disease_specific_survival", unknown=unknown)
        assert frame["patient_id"][frame["event"]].tolist() == events.split()
        assert frame["cause"].tolist() == causes
        assert frame.attrs["unknown"] == ["b"]
        assert "1 of unknown cause" in frame.attrs["definition"]
    assert time_to_event(patients, "overall_survival")["event"].sum() == 3


def test_a_competing_event_that_comes_first_ends_the_time(tmp_path):
    file = tmp_path / "design.study.toml"
    file.write_text(
        '[study]\nbased_on = "sarcoma"\n[endpoints.local_without_distant]\n'
        'at = "local_recurrence_months"\ncensored = { status = ["alive"] }\n'
        'competing = [{ at = "distant_recurrence_months" },'
        ' { status = ["dead_of_disease", "dead_other", "dead_unknown"] }]\n'
    )
    frame = time_to_event(PATIENTS, "local_without_distant", read_study(file))
    assert frame["time"].tolist() == [5, 30, 40, 12, 60, 9]
    assert frame["cause"].tolist() == [1, 2, 1, 2, 0, 2]


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ('event = { status = ["dead_other"] }', "alive, dead_of_disease, dead_unknown is not"),
        ('event = { status = ["dead"] }', "dead is no level"),
        ('event = { s = ["x"] }', "no column “s”"),
        ('censored = { status = ["alive"] }', "nothing says when"),
        ('event = { status = ["x"] }\ncensored = { status = ["x"] }', "both"),
    ],
)
def test_an_endpoint_that_leaves_a_status_open_is_refused(tmp_path, told, problem):
    file = tmp_path / "x.study.toml"
    levels = 'levels = { a = "alive", b = "dead_of_disease", c = "dead_other", d = "dead_unknown" }'
    file.write_text(
        f"[columns.patient_id]\n[columns.time]\n[columns.status]\n{levels}\n[endpoints.e]\n{told}\n"
    )
    with pytest.raises(StudyError, match=problem) as error:
        read_study(file)
    assert all(line for line, *_ in error.value.problems)


def test_of_two_events_on_one_day_the_event_counts_before_the_competing_one():
    patients = PATIENTS.assign(local_recurrence_months=[20.0, *[None] * 5])  # the day of death
    frame = time_to_event(patients, "local_recurrence")
    assert (frame["time"][0], frame["event"][0], frame["cause"][0]) == (20, True, 1)
