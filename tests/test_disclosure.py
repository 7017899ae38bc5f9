"""Rules for what may leave a private cohort, each held by counts that are worked out by hand."""

import json
import os
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlms.disclosure import (
    OTHER,
    Disclosure,
    DisclosureError,
    ReleaseError,
    Releases,
    at_risk_texts,
    band,
    band_limits,
    between_steps,
    lengthen,
    round_count,
    safe_incidence,
    safe_numbers,
    safe_survival,
    shared_steps,
    shown_levels,
    suppress,
    withheld_at,
)

SAFE = Disclosure("safe", 10)


def levels(counts, missing=0, least=10):
    names = [name for name, n in counts.items() for _ in range(n)] + [None] * missing
    found = shown_levels(pd.Series(names, dtype=object), list(counts), least)
    return {
        **found.value_counts(sort=False).to_dict(),
        **({None: int(found.isna().sum())} if found.isna().any() else {}),
    }


# Counts


@pytest.mark.parametrize(("n", "shown"), [(0, "<10"), (9, "<10"), (10, "10"), (12, "10")])
def test_a_count_below_the_threshold_is_withheld_and_others_are_rounded(n, shown):
    assert SAFE.count(n) == shown


def test_counts_are_rounded_to_five():
    assert [round_count(n) for n in (12, 13, 17, 18, 147, 148)] == [10, 15, 15, 20, 145, 150]


def test_zero_is_withheld_like_any_small_count():
    assert SAFE.count(0) == SAFE.count(1)


def test_a_share_is_computed_from_rounded_counts():
    # 33 of 148 would be 22.3%; 35 of 150 is 23.3%
    assert SAFE.share(33, 148) == "35 (23%)"


def test_a_count_too_near_one_already_shown_is_shown_as_that_one():
    # 146 would print as 145 beside 150: by subtraction, few were left out.
    assert SAFE.count(146, near=150) == "150"
    assert SAFE.count(139, near=150) == "140"


@pytest.mark.parametrize("least", [4, 0, -1, True, 7.5, "10"])
def test_a_threshold_below_the_floor_is_refused(least):
    with pytest.raises(DisclosureError, match="min_count"):
        Disclosure("safe", least)


def test_the_floor_itself_can_be_asked_for():
    assert Disclosure("safe", 5).count(5) == "5"


def test_another_mode_is_refused():
    with pytest.raises(DisclosureError, match="'safe' or 'full'"):
        Disclosure("secret")


def test_full_disclosure_shows_counts_as_they_are():
    assert Disclosure("full").count(3, near=4) == "3"


# Levels of a variable


def test_a_small_level_takes_its_complement_along():
    # 145 f and 5 m: the total, 150, would give the 5 away.
    assert levels({"f": 145, "m": 5}) == {OTHER: 150}


def test_a_small_level_is_pooled_with_the_next_smallest_and_the_missing():
    # 5 are too few alone; with the 20 of R1 and 4 missing they are 29.
    assert levels({"R0": 60, "R1": 20, "R2": 5}, missing=4) == {"R0": 60, OTHER: 29}


def test_small_levels_that_are_enough_together_take_no_other_along():
    assert levels({"a": 30, "b": 20, "c": 6, "d": 7}) == {"a": 30, "b": 20, OTHER: 13}


def test_large_levels_stay_as_they_are_and_the_missing_apart():
    assert levels({"f": 40, "m": 30}, missing=3) == {"f": 40, "m": 30, None: 3}


def test_what_nearly_all_are_is_not_said():
    assert levels({"N0": 150}) == {OTHER: 150}


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.integers(0, 20), st.integers(5, 15))
def test_no_level_shown_nor_the_rest_is_ever_small(counts, missing, least):
    named = {f"level {place}": n for place, n in enumerate(counts) if n}
    total = sum(named.values()) + missing
    shown = {name: n for name, n in levels(named, missing, least).items() if name is not None}
    if list(shown) == [OTHER]:
        return
    assert all(n >= least for n in shown.values())
    assert all(total - n >= least for name, n in shown.items() if name != OTHER)


# Two variables


def hidden(rows, columns, **options):
    counts = pd.DataFrame(rows, columns=columns)
    return suppress(counts, 10, **options).to_numpy().tolist()


def test_a_small_cell_takes_one_along_in_its_row_its_column_and_where_these_cross():
    # 4 is withheld; then the smallest of its row (20) and of its column (15); then what crosses.
    rows = [[4, 20, 30], [15, 40, 50], [60, 70, 80]]
    found = hidden(rows, ["a", "b", "c"])
    assert found == [[True, True, False], [True, True, False], [False, False, False]]


def test_small_cells_that_are_enough_together_take_no_other_along():
    # In each line with withheld cells there are two, of 10 and more together.
    rows = [[6, 5, 30], [5, 6, 30], [40, 50, 60]]
    found = hidden(rows, ["a", "b", "c"])
    assert found == [[True, True, False], [True, True, False], [False, False, False]]


def test_missing_values_are_withheld_without_taking_others_along():
    counts = pd.DataFrame({"a": [40, 30, 2], "b": [50, 60, 0]}, index=["f", "m", "missing"])
    found = suppress(counts, 10, free=["missing"])
    assert found.loc[["f", "m"]].to_numpy().any() == np.False_
    assert found.loc["missing"].all()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.integers(2, 4), st.data())
def test_no_line_of_a_table_gives_a_withheld_cell_away(height, width, data):
    size = st.integers(0, 40)
    rows = [[data.draw(size) for _ in range(width)] for _ in range(height)]
    counts = pd.DataFrame(rows)
    found = suppress(counts, 10)
    assert found.where(counts < 10, True).all(axis=None)
    for n, mask in [
        *((counts.loc[i], found.loc[i]) for i in counts.index),
        *((counts[j], found[j]) for j in counts),
    ]:
        if mask.any() and not mask.all():
            assert mask.sum() >= 2
            assert n[mask].sum() >= 10


# Numbers


def test_a_quantile_is_a_mean_of_as_many_patients_as_the_threshold():
    # 40 values 0 … 39, SD 11.7, so whole numbers. Median: ranks 15 to 24, mean 19.5 → 20.
    # Quartiles: ranks 5 to 14, mean 9.5 → 10, and 25 to 34, mean 29.5 → 30.
    found = safe_numbers(pd.Series(range(40)), 10)
    assert (found["median"], found["q1"], found["q3"]) == (20, 10, 30)


def test_numbers_have_no_minimum_and_no_maximum():
    assert not {"min", "max", "minimum", "maximum"} & set(safe_numbers(pd.Series(range(40)), 10))


def test_few_values_have_no_mean_and_not_many_more_no_quartiles():
    assert safe_numbers(pd.Series(range(19)), 10) is None
    assert "median" not in safe_numbers(pd.Series(range(39)), 10)


def test_a_number_that_all_share_is_not_shown():
    assert safe_numbers(pd.Series([61.0] * 50), 10) is None


# Curves


def test_a_curve_waits_for_a_threshold_of_events_and_reads_the_exact_one_there():
    # 100 patients: 6 die in month 2, 6 in month 8, 12 in month 20; 76 are seen to month 40.
    # By month 6 there are 6 deaths: no step. By month 12, 12: S = 88/100, in twentieths 0.90
    # (17.6 → 18). By month 24 twelve more: S = 76/100 → 15.2 → 0.75.
    time = [2] * 6 + [8] * 6 + [20] * 12 + [40] * 76
    curve = safe_survival(time, [True] * 24 + [False] * 76, SAFE)
    assert curve["time"].tolist() == [0, 6, 12, 18, 24, 30, 36]
    assert curve["survival"].tolist() == [1, 1, 0.9, 0.9, 0.75, 0.75, 0.75]
    assert curve.attrs["steps"] == [12, 24]


def test_limits_are_rounded_outwards_and_absent_before_the_first_step():
    # R: summary(survfit(Surv(t, e) ~ 1, conf.type = "log-log"), times = 12) for the cohort above
    # gives 0.798 to 0.930; in twentieths outwards 0.75 to 0.95.
    time = [2] * 6 + [8] * 6 + [20] * 12 + [40] * 76
    curve = safe_survival(time, [True] * 24 + [False] * 76, SAFE)
    at = curve.set_index("time")
    assert at.loc[[0, 6], ["lower", "upper"]].isna().all(axis=None)
    assert at.loc[12, ["lower", "upper"]].tolist() == [0.75, 0.95]


def test_a_curve_is_cut_where_fewer_than_the_threshold_are_left():
    # 30 leave at 13, 11 at 25, 9 at 50: after month 24 there are 20, after month 30 only 9.
    time = [5] * 10 + [13] * 30 + [25] * 11 + [50] * 9
    curve = safe_survival(time, [True] * 10 + [False] * 50, SAFE)
    assert curve["time"].max() == 24


def test_a_group_of_less_than_twice_the_threshold_has_no_curve():
    curve = safe_survival(range(1, 20), [True] * 19, SAFE)
    assert curve.empty
    assert curve.attrs["reason"] == "fewer than 20 patients"


def test_too_few_events_make_no_curve():
    curve = safe_survival(range(1, 101), [True] * 9 + [False] * 91, SAFE)
    assert curve.attrs["reason"] == "fewer than 10 events"


def test_a_number_at_risk_falls_only_by_a_threshold_or_more():
    # 100 at 0; 6 have left before month 6 and 12 before month 12; then 88 are shown, rounded.
    time = [2] * 6 + [8] * 6 + [40] * 83 + [41] * 5
    assert at_risk_texts(time, [0, 6, 12, 40.5], SAFE) == ["100", "100", "90", "<10"]


def test_a_curve_begins_with_the_number_shown_elsewhere():
    # 4 of 104 were left out; 104 prints as 105, and so does the start of the curve.
    time = [2] * 10 + [40] * 90
    curve = safe_survival(time, [True] * 10 + [False] * 90, SAFE, near=104)
    assert curve["at_risk"].iloc[0] == "105"


def test_a_median_is_shown_as_the_steps_that_it_lies_between():
    time = [3] * 20 + [9] * 12 + [30] * 18
    curve = safe_survival(time, [True] * 32 + [False] * 18, SAFE)
    assert curve.attrs["steps"] == [6, 12]
    assert between_steps(6, curve) == (0, 6)
    assert between_steps(6.1, curve) == (6, 12)
    assert between_steps(13, curve) == (12, np.inf)
    assert np.isnan(between_steps(np.nan, curve)).all()


@pytest.mark.parametrize(
    ("share", "n", "shown"),
    [(0.409, 228, "40–45%"), (0.4, 228, "40–45%"), (0.0, 228, "withheld"), (1.0, 228, "withheld")],
)
def test_an_estimate_is_a_band_of_a_fixed_grid(share, n, shown):
    assert band(share, n) == shown


def test_a_band_is_at_least_five_patients_wide():
    # 5% of 99 patients are fewer than five of them, 10% are not; of 40, 20% are eight.
    assert (band(0.41, 100), band(0.41, 99), band(0.41, 40)) == ("40–45%", "40–50%", "40–60%")


def test_limits_of_a_band_lie_outwards_on_its_grid_without_nought_or_all():
    assert band_limits(0.339, 0.478, 228) == "30–50%"
    assert band_limits(0.01, 0.12, 228) == "under 15%"
    assert band_limits(0.88, 0.99, 228) == "over 85%"


def test_an_estimate_needs_a_threshold_of_events_before_and_of_patients_after():
    time, event = [3] * 10 + [12] * 5 + [20] * 10, [True] * 10 + [False] * 15
    assert withheld_at(time, event, 12, SAFE) == ""
    assert withheld_at(time, event, 2.9, SAFE) == "fewer than 10 events until then"
    assert withheld_at(time, event, 20, SAFE) == "fewer than 10 patients beyond"


def test_groups_step_together_and_a_group_that_has_ended_holds_none_up():
    # By month 6 only a has 10 events, by month 12 both; b ends there, and a goes on alone.
    a = [3] * 10 + [9] * 5 + [20] * 10 + [40] * 20, [True] * 25 + [False] * 20
    b = [9] * 10 + [13] * 12, [True] * 10 + [False] * 12
    steps = shared_steps([a, b], SAFE)
    assert steps["time"][steps["steps"]].tolist() == [12, 24]
    curves = [safe_survival(*group, SAFE, steps=steps) for group in (a, b)]
    assert [curve.attrs["steps"] for curve in curves] == [[12, 24], [12]]


def test_incidence_counts_the_competing_event_and_steps_like_survival():
    # 100 patients: 10 relapse in month 2, 20 die in month 4, 14 relapse in month 8.
    # Incidence of relapse 0.10 by month 6; then 10/100 + 70/100 · 14/70 = 0.24 → 0.25 by month 12.
    time = [2] * 10 + [4] * 20 + [8] * 14 + [30] * 56
    cause = [1] * 10 + [2] * 20 + [1] * 14 + [0] * 56
    curve = safe_incidence(time, cause, 1, SAFE)
    assert curve["incidence"].tolist() == [0, 0.1, 0.25, 0.25, 0.25]


def test_a_shorter_curve_is_withheld_to_the_length_of_the_longest():
    short = safe_survival([3] * 10 + [14] * 20, [True] * 10 + [False] * 20, SAFE, group="a")
    long = safe_survival([3] * 10 + [26] * 20, [True] * 10 + [False] * 20, SAFE, group="b")
    both = lengthen([short, long], SAFE).set_index(["group", "time"])
    assert both.loc[("a", 18), "at_risk"] == "<10"
    assert np.isnan(both.loc[("a", 18), "survival"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), min_size=20, max_size=150))
def test_any_curve_falls_from_one_within_nought_and_one_by_thresholds(patients):
    time, event = map(np.array, zip(*patients, strict=True))
    curve = safe_survival(time, event, SAFE)
    if curve.empty:
        return
    survival = curve["survival"].to_numpy()
    assert survival[0] == 1
    assert (np.diff(survival) <= 0).all()
    assert ((survival >= 0) & (survival <= 1)).all()
    assert ((time > curve["time"].max()).sum()) >= 10
    edges = [-1, *curve.attrs["steps"]]
    for start, end in zip(edges, edges[1:], strict=False):
        assert (event & (time > start) & (time <= end)).sum() >= 10
        assert (time > end).sum() >= 10


# What is said of it


def test_the_account_says_rules_applied_and_claims_no_more():
    said = json.dumps(SAFE.as_json()).lower()
    assert "rules_applied" in said
    assert "anonym" not in said
    assert SAFE.as_json()["parameters"] == {"min_count": 10, "base": 5}


def test_full_disclosure_applies_no_rule():
    assert Disclosure("full").as_json()["rules_applied"] == []


# Releases


def cohort(n, *, first=0):
    ids = [f"ZEBRA-{i}" for i in range(first, first + n)]
    return pd.DataFrame({"patient_id": ids, "time_months": np.arange(first, first + n) + 0.5})


@pytest.fixture
def releases(tmp_path):
    ledger = Releases(tmp_path / "ledger")
    ledger.record("cohort-a", ledger.fingerprint(cohort(150)), 10)
    return ledger


def test_the_same_patients_may_be_reported_again(releases):
    releases.check(releases.fingerprint(cohort(150).sample(frac=1, random_state=1)), 10)


@pytest.mark.parametrize("n", [149, 141, 151, 159])
def test_a_report_that_differs_by_fewer_patients_than_the_threshold_is_refused(releases, n):
    with pytest.raises(ReleaseError, match="fewer than 10"):
        releases.check(releases.fingerprint(cohort(n)), 10)


@pytest.mark.parametrize("n", [140, 160])
def test_a_report_that_differs_by_the_threshold_may_be_released(releases, n):
    releases.check(releases.fingerprint(cohort(n)), 10)


def test_another_cohort_may_be_reported(releases):
    releases.check(releases.fingerprint(cohort(150, first=1000)), 10)


def test_a_changed_cell_counts_as_a_changed_patient(releases):
    changed = cohort(150)
    changed.loc[3, "time_months"] = 99.25
    with pytest.raises(ReleaseError):
        releases.check(releases.fingerprint(changed), 10)


def test_new_identifiers_do_not_hide_that_a_patient_is_gone(releases):
    renamed = cohort(149).assign(patient_id=[f"N{i}" for i in range(149)])
    with pytest.raises(ReleaseError):
        releases.check(releases.fingerprint(renamed), 10)


def test_the_higher_threshold_of_two_reports_counts(releases):
    with pytest.raises(ReleaseError, match="fewer than 10"):
        releases.check(releases.fingerprint(cohort(143)), 5)


def test_a_reason_lets_a_report_pass_and_is_recorded(releases):
    now = releases.fingerprint(cohort(149))
    releases.check(now, 10, reason="a patient withdrew consent")
    releases.record("cohort-a", now, 10, reason="a patient withdrew consent")
    assert releases.entries()[-1]["reason"] == "a patient withdrew consent"


def test_the_ledger_holds_hashes_under_a_key_of_its_own_and_is_closed_to_others(releases):
    text = "".join(path.read_text("latin-1") for path in releases.folder.iterdir())
    assert "ZEBRA" not in text
    assert "149.5" not in text
    modes = {path.name: path.stat().st_mode & 0o777 for path in releases.folder.iterdir()}
    assert modes["key"] == modes["ledger.json"] == 0o600


def test_two_ledgers_hash_one_patient_differently(releases, tmp_path):
    other = Releases(tmp_path / "other")
    assert not set(other.fingerprint(cohort(3)).rows) & set(releases.fingerprint(cohort(3)).rows)


def test_a_ledger_that_cannot_be_read_stops_the_report(releases):
    (releases.folder / "ledger.json").write_text("{")
    with pytest.raises(ReleaseError, match="cannot be read"):
        releases.check(releases.fingerprint(cohort(150)), 10)


@pytest.mark.parametrize("system", ["with the system's lock", "without"])
def test_one_process_at_a_time_holds_the_ledger(tmp_path, monkeypatch, system):
    if system == "without":
        monkeypatch.setitem(sys.modules, "fcntl", None)
    mine, theirs = Releases(tmp_path), Releases(tmp_path)
    with (
        mine.locked(),
        pytest.raises(ReleaseError, match="Another report"),
        theirs.locked(seconds=0),
    ):
        pass
    with theirs.locked(seconds=0):
        pass


def test_a_lock_file_that_was_left_behind_is_removed_when_it_is_old(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    left = tmp_path / "lock"
    left.touch()
    with pytest.raises(ReleaseError), Releases(tmp_path).locked(seconds=0):
        pass
    os.utime(left, (time.time() - 600,) * 2)
    with Releases(tmp_path).locked(seconds=1):
        pass
