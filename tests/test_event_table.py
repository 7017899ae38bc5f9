"""The event table: every estimator's counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from survival_reference import agree, data_set, data_sets, values_of

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.event_table import count_groups, event_table, parts_of_table
from vlms.survival.observations import observations

COLUMNS = ["group", "time", "at_risk", "events", "censored"]


def test_counts_by_hand():
    # 5 patients. At 2: all 5 at risk, one dies. At 3: 4 at risk, one dies, one leaves.
    # At 5: 5 - 1 - 2 = 2 at risk, both leave.
    table = event_table([2, 3, 3, 5, 5], [1, 1, 0, 0, 0])
    assert list(table.columns) == COLUMNS
    assert table.to_numpy().tolist() == [
        ["all", 2.0, 5, 1, 0],
        ["all", 3.0, 4, 1, 1],
        ["all", 5.0, 2, 0, 2],
    ]


def test_delayed_entry_counts_those_who_entered_before_the_time():
    # Entry 0, 2, 3: at 2 only the first has entered before; at 4 the second and third are there.
    table = event_table([2, 4, 4], [1, 1, 0], entry=[0, 2, 3])
    assert table["at_risk"].tolist() == [1, 2]


@pytest.mark.parametrize("name", data_sets())
def test_counts_are_those_of_survfit(name):
    frame, entry = data_set(name)
    table = event_table(frame["time"], frame["event"], frame["group"], entry=entry)
    expected = values_of("survival_curves", name)
    expected = expected[(expected["events"] > 0) | (expected["censored"] > 0)]
    assert table["group"].tolist() == expected["group"].tolist()
    for column in COLUMNS[1:]:
        agree(table[column], expected[column])


def test_no_group_is_one_group_called_all():
    assert event_table([1], [1])["group"].tolist() == ["all"]


def test_categories_keep_their_order_and_unused_ones_are_left_out():
    grade = pd.Categorical(["low", "high"], ["low", "middle", "high"])
    assert event_table([1, 2], [1, 1], grade)["group"].tolist() == ["low", "high"]


def test_the_index_of_a_series_does_not_matter():
    time = pd.Series([3.0, 1.0], index=["x", "y"])
    event = pd.Series([True, False], index=["y", "x"])
    assert event_table(time, event)["events"].tolist() == [0, 1]


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.booleans(), st.sampled_from("ab")), min_size=1, max_size=40
    ),
    st.randoms(),
)
@settings(max_examples=60, deadline=None)
def test_counting_whole_times_and_sorting_keys_give_one_table(patients, random):
    time, event, group = (list(column) for column in zip(*patients, strict=True))
    counted = event_table(time, event, group)
    # Half a month added: no longer whole, so the same patients go through the sort.
    order = list(range(len(patients)))
    random.shuffle(order)
    sorted_ = event_table(
        [time[i] + 0.5 for i in order], [event[i] for i in order], [group[i] for i in order]
    )
    pd.testing.assert_frame_equal(counted, sorted_.assign(time=sorted_["time"] - 0.5))
    assert counted["events"].sum() == sum(event)
    assert counted["censored"].sum() == len(event) - sum(event)
    for _, mine in counted.groupby("group"):
        leaving = mine["events"] + mine["censored"]
        assert mine["at_risk"].tolist() == leaving[::-1].cumsum()[::-1].tolist()


def test_a_group_without_patients_has_empty_counts():
    checked = replace(observations([1.5], [1], ["b"]), labels=("a", "b"), code=np.array([1]))
    assert [part[0].size for part in count_groups(checked)] == [0, 1]


def test_a_table_taken_apart_is_the_counts_it_was_made_of():
    labels, parts = parts_of_table(event_table([1, 2, 2], [1, 0, 1], ["b", "a", "b"]))
    assert labels == ["a", "b"]
    assert [column.tolist() for column in parts[1]] == [[1.0, 2.0], [2, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("wrong", [pd.DataFrame({"time": [1]}), None, event_table([1], [1])[:0]])
def test_what_is_no_event_table_is_refused(wrong):
    with pytest.raises(SurvivalInputError, match="table: lacks"):
        parts_of_table(wrong)
