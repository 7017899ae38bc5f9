"""What may be handed to a survival function, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from vlms.survival.arguments import (
    SurvivalInputError,
    checked_event,
    checked_times,
    group_codes,
    sorted_positions,
)


@pytest.mark.parametrize(
    "event",
    [
        [1, 0, 1],
        [True, False, True],
        (1.0, 0.0, 1.0),
        np.array([1, 0, 1], dtype=np.int8),
        pd.Series([1, 0, 1], index=[7, 8, 9]),
        pd.Series([True, False, True], dtype="boolean"),
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series([True, False, True], dtype=object),
    ],
    ids=["ints", "bools", "floats", "int8", "series", "nullable bool", "nullable int", "object"],
)
def test_an_event_may_be_any_kind_of_zero_and_one(event):
    assert checked_event(event).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([1, 2, 1], r"event: neither 0/1 nor True/False in row 1 \(2\)"),
        ([2, 2], r"rows 0 \(2\), 1 \(2\)"),
        ([0, -1], r"row 1 \(-1\)"),
        ([0, 0.5], r"row 1 \(0.5\)"),
        (["0", "1"], r"rows 0 \('0'\), 1 \('1'\)"),
        (["dead", "alive"], r"'dead'.*'alive'"),
        ([True, None], r"row 1 \(None\)"),
        ([1.0, np.nan], r"row 1 \(nan\)"),
        (pd.Series([True, pd.NA], dtype="boolean"), r"row 1 \(<NA>\)"),
    ],
)
def test_an_event_that_is_not_zero_or_one_is_refused_by_row(event, message):
    with pytest.raises(SurvivalInputError, match=message):
        checked_event(event)


def test_a_refusal_names_the_column_and_its_own_row_labels():
    status = pd.Series([1, 2, 2], index=["p1", "p2", "p3"], name="status")
    with pytest.raises(SurvivalInputError, match=r'event \(column "status"\).*p2 \(2\), p3 \(2\)'):
        checked_event(status)


def test_only_the_first_five_rows_are_named_and_the_rest_counted():
    with pytest.raises(SurvivalInputError, match="and 4 more"):
        checked_event([2] * 9)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1, -2], r"time: negative in row 1 \(-2.0\)"),
        ([1, np.nan], r"time: missing in row 1"),
        ([1, None], r"time: missing in row 1"),
        (pd.Series([1, pd.NA], dtype="Int64"), r"time: missing in row 1"),
        ([1, np.inf], r"time: infinite in row 1"),
        (["1", "2"], r"time: not a number in rows 0 \('1'\), 1"),
        ([True, False], r"time: holds True/False.*swapped"),
        (pd.to_datetime(["2020-01-01"]), r"time: not a number"),
        ([[1, 2], [3, 4]], r"time: has 2 dimensions"),
        (np.array([1 + 1j, 2]), r"time: not a number in rows 0"),
    ],
)
def test_what_is_no_time_is_refused_by_row(times, message):
    with pytest.raises(SurvivalInputError, match=message):
        checked_times(times, "time")


@pytest.mark.parametrize(
    "times",
    [[1, 2], (1.0, 2.0), pd.Series([1, 2], dtype="Int64"), pd.Series([1, 2.0], dtype=object)],
)
def test_times_may_be_any_kind_of_number(times):
    assert checked_times(times, "time").tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("group", "labels", "code"),
    [
        (["m", "f", "m"], ("f", "m"), [1, 0, 1]),
        ([10, 9, 10], (9, 10), [1, 0, 1]),
        ([3, -2, 3], (-2, 3), [1, 0, 1]),
        ([2010, 1999, 2010], (1999, 2010), [1, 0, 1]),
        (np.array([127, -128, 127], dtype=np.int8), (-128, 127), [1, 0, 1]),
        (np.array([255, 0, 255], dtype=np.uint8), (0, 255), [1, 0, 1]),
        (np.array([2**63 + 5, 2, 2**63 + 5], dtype=np.uint64), (2, 2**63 + 5), [1, 0, 1]),
        ([1.5, 0.5, 1.5], (0.5, 1.5), [1, 0, 1]),
        ([True, False, True], (False, True), [1, 0, 1]),
        (pd.Series(["m", "f", "m"], index=[5, 5, 5]), ("f", "m"), [1, 0, 1]),
        (pd.Categorical(["lo", "hi", "lo"], ["lo", "hi", "none"]), ("lo", "hi"), [0, 1, 0]),
        (pd.Series(["R1", "R0", "R1"], dtype="string"), ("R0", "R1"), [1, 0, 1]),
        (["b", 1, "b"], (1, "b"), [1, 0, 1]),
    ],
)
def test_groups_are_sorted_and_categories_keep_their_order(group, labels, code):
    found, names = group_codes(group, 3)
    assert names == labels
    assert found.tolist() == code


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_group_is_refused(missing):
    with pytest.raises(SurvivalInputError, match="group: missing in row 1"):
        group_codes(pd.Series(["a", missing, "b"], dtype=object), 3)


def test_a_missing_category_is_refused():
    with pytest.raises(SurvivalInputError, match="group: missing in row 1"):
        group_codes(pd.Categorical(["a", None]), 2)


def test_lists_are_no_labels():
    with pytest.raises(SurvivalInputError, match="site: row 0 holds .*Pass one label each row"):
        group_codes(pd.Series([["a"], ["b", "c"]]), 2, "site")


def test_a_group_of_another_length_is_refused():
    with pytest.raises(SurvivalInputError, match="group: 2 values for 3 times"):
        group_codes(["a", "b"], 3)


def test_labels_of_mixed_kinds_are_ordered_by_kind_and_text():
    assert sorted_positions(["b", 2, "a", 1]).tolist() == [3, 1, 2, 0]
