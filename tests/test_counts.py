from itertools import product

import numpy as np
import pytest

from vlms.consistency.counts import overlap_bounds, overlap_check, sum_check


def test_levels_that_sum_to_one_too_many_are_contradictory():
    finding = sum_check({"none": 33, "chemo": 13, "radio": 9, "both": 9}, 63)
    assert finding.contradictory
    assert finding.values == {"sum": 64, "total": 63}


def test_levels_that_sum_to_too_few_are_contradictory_unless_some_patients_are_at_none():
    assert sum_check([10, 20], 31).contradictory
    assert not sum_check([10, 20], 31, exhaustive=False).contradictory


def test_levels_that_overlap_may_sum_to_more_than_the_total():
    assert not sum_check([15, 11, 8, 6, 7], 36, exclusive=False).contradictory
    assert sum_check([37, 1], 36, exclusive=False).contradictory


def test_overlaps_keep_to_inclusion_and_exclusion():
    # |A ∪ B| = 22 + 18 − 9 = 31, so 32 of 63 had neither.
    counts = {"a": 22, "b": 18, "a & b": 9}
    assert not overlap_check(counts | {"~a & ~b": 32}, 63).contradictory
    assert overlap_check(counts | {"~a & ~b": 33}, 63).contradictory


def test_a_conflict_is_reduced_to_the_counts_that_make_it():
    counts = {"c": 5, "a": 22, "b": 18, "a & b": 19, "d": 60}
    conflict = overlap_check(counts, 63).values["conflict"]
    assert conflict == {"b": 18, "a & b": 19}


def test_a_union_can_be_given():
    # 20 + 10 cannot make a union of 31.
    assert overlap_check({"a": 20, "b": 10, "a | b": 31}, 63).contradictory
    assert not overlap_check({"a": 20, "b": 10, "a | b": 30}, 63).contradictory


def test_every_patient_in_some_subgroup_bounds_the_overlap():
    assert overlap_check({"a": 20, "b": 10}, 31, exhaustive=True).contradictory
    assert not overlap_check({"a": 20, "b": 10}, 31).contradictory


def test_true_counts_of_random_patients_are_never_contradictory_and_a_wrong_one_often_is():
    random = np.random.default_rng(3)
    wrong_found = 0
    for _ in range(60):
        patients = random.random((int(random.integers(5, 60)), 3)) < random.random(3)
        counts = {}
        for cell in product("ab", "bc"):
            if cell[0] != cell[1]:
                first, second = ("abc".index(name) for name in cell)
                both = patients[:, first] & patients[:, second]
                counts[f"{cell[0]} & {cell[1]}"] = int(both.sum())
        for index, name in enumerate("abc"):
            counts[name] = int(patients[:, index].sum())
        counts["a | b | c"] = int(patients.any(axis=1).sum())
        assert not overlap_check(counts, len(patients)).contradictory
        counts["a | b | c"] = len(patients) - counts["a | b | c"]
        wrong_found += overlap_check(counts, len(patients)).contradictory
    # Planted: those in none printed as those in any. Measured 59 of 60.
    assert wrong_found >= 50


def test_bounds_of_an_overlap_are_frechets():
    assert overlap_bounds(42, 37, 63) == (16, 37)  # 42 + 37 − 63
    assert overlap_bounds(10, 20, 63) == (0, 10)


@pytest.mark.parametrize("expression", ["", "a &", "| b", "~"])
def test_a_broken_expression_is_refused(expression):
    with pytest.raises(ValueError, match="not an expression"):
        overlap_check({expression: 3}, 10)
