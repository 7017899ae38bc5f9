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
    Withheld,
    between_steps,
    estimate_at,
    incidence_curves,
    safe_table_one,
    suppress,
    survival_curves,
)

SAFE = Disclosure("safe", 10)


# Counts


@pytest.mark.parametrize(
    ("n", "shown"), [(0, "<10"), (9, "<10"), (10, "10"), (12, "10"), (13, "15"), (148, "150")]
)
def test_a_count_below_the_threshold_is_withheld_and_others_are_rounded(n, shown):
    assert SAFE.count(n) == shown


def test_a_share_is_computed_from_rounded_counts():
    # 33 of 148 would be 22.3%; 35 of 150 is 23.3%
    assert SAFE.share(33, 148) == "35 (23%)"


def test_a_count_too_near_one_already_shown_is_shown_as_that_one():
    # 146 would print as 145 beside 150: by subtraction, few were left out.
    assert SAFE.count(146, near=150) == "150"
    assert SAFE.count(139, near=150) == "140"


def test_full_disclosure_shows_counts_as_they_are():
    assert Disclosure("full").count(3, near=4) == "3"


@pytest.mark.parametrize("least", [4, 0, -1, True, 7.5, "10"])
def test_a_threshold_below_the_floor_is_refused(least):
    assert Disclosure("safe", 5).count(5) == "5"
    with pytest.raises(DisclosureError, match="min_count"):
        Disclosure("safe", least)


def test_another_mode_is_refused():
    with pytest.raises(DisclosureError, match="'safe' or 'full'"):
        Disclosure("secret")


def test_the_account_says_rules_applied_and_claims_no_more():
    said = json.dumps(SAFE.as_json()).lower()
    assert "rules_applied" in said
    assert "anonym" not in said
    assert SAFE.as_json()["parameters"]["min_count"] == 10
    assert Disclosure("full").as_json()["rules_applied"] == []


# Levels of a variable


def levels(counts, missing=0, least=10):
    names = [name for name, n in counts.items() for _ in range(n)] + [None] * missing
    column = pd.Series(pd.Categorical(names, categories=list(counts)))
    found = Disclosure("safe", least).levels(column)
    missing = {None: int(found.isna().sum())} if found.isna().any() else {}
    return found.value_counts(sort=False).to_dict() | missing


@pytest.mark.parametrize(
    ("counts", "missing", "shown"),
    [
        # 145 f and 5 m: the total, 150, would give the 5 away.
        ({"f": 145, "m": 5}, 0, {OTHER: 150}),
        # 5 are too few alone: R1 joins them, and is named; with 4 missing they are 29.
        ({"R0": 60, "R1": 20, "R2": 5}, 4, {"R0": 60, f"R1, {OTHER}": 29}),
        # 6 and 7 are enough together, and neither is named.
        ({"a": 30, "b": 20, "c": 6, "d": 7}, 0, {"a": 30, "b": 20, OTHER: 13}),
        # Large levels stay, and the missing apart.
        ({"f": 40, "m": 30}, 3, {"f": 40, "m": 30, None: 3}),
        # What all are is not said.
        ({"N0": 150}, 0, {OTHER: 150}),
    ],
)
def test_small_levels_are_pooled_with_the_next_smallest_and_the_missing(counts, missing, shown):
    assert levels(counts, missing) == shown


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.integers(0, 20), st.integers(5, 15))
def test_no_level_shown_nor_the_rest_is_ever_small(counts, missing, least):
    named = {f"level {place}": n for place, n in enumerate(counts) if n}
    total = sum(named.values()) + missing
    shown = {name: n for name, n in levels(named, missing, least).items() if name is not None}
    if list(shown) != [OTHER]:
        assert all(n >= least for n in shown.values())
        assert all(total - n >= least for name, n in shown.items() if not name.endswith(OTHER))


# Tables


@pytest.mark.parametrize(
    ("rows", "hidden"),
    [
        # 4 is withheld; then the smallest of its row (20) and column (15); then what crosses.
        ([[4, 20, 30], [15, 40, 50], [60, 70, 80]], [[1, 1, 0], [1, 1, 0], [0, 0, 0]]),
        # In each line with withheld cells there are two, of 10 and more together.
        ([[6, 5, 30], [5, 6, 30], [40, 50, 60]], [[1, 1, 0], [1, 1, 0], [0, 0, 0]]),
    ],
)
def test_a_small_cell_takes_others_along_where_totals_would_give_it_away(rows, hidden):
    assert suppress(pd.DataFrame(rows), 10).astype(int).to_numpy().tolist() == hidden


def test_missing_values_are_withheld_without_taking_others_along():
    counts = pd.DataFrame({"a": [40, 30, 2], "b": [50, 60, 0]}, index=["f", "m", "missing"])
    found = suppress(counts, 10, free=["missing"])
    assert not found.loc[["f", "m"]].to_numpy().any()
    assert found.loc["missing"].all()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.integers(2, 4), st.data())
def test_no_line_of_a_table_gives_a_withheld_cell_away(height, width, data):
    size = st.integers(0, 40)
    counts = pd.DataFrame([[data.draw(size) for _ in range(width)] for _ in range(height)])
    found = suppress(counts, 10)
    assert found.where(counts < 10, True).all(axis=None)
    lines = [(counts.loc[i], found.loc[i]) for i in counts.index]
    for n, mask in [*lines, *((counts[j], found[j]) for j in counts)]:
        if mask.any() and not mask.all():
            assert mask.sum() >= 2
            assert n[mask].sum() >= 10


def numbers(values):
    table = safe_table_one(pd.DataFrame({"x": values}), SAFE, columns=["x"])
    return table.set_index("level")["summary"]


def test_a_quantile_is_a_mean_of_as_many_patients_as_the_threshold():
    # 40 values 0 … 39, mean 19.5, SD 11.7, so whole numbers. Median: ranks 15 to 24, 19.5 → 20.
    # Quartiles: ranks 5 to 14, mean 9.5 → 10, and 25 to 34, mean 29.5 → 30. No extremes.
    found = numbers(range(40))
    assert found["mean (SD)"] == "20 (12)"
    assert found["median (quartiles)"] == "20 (10–30)"
    assert list(found.index) == ["", "mean (SD)", "median (quartiles)", "missing"]


def test_few_values_have_no_mean_and_not_many_more_no_quartiles():
    assert numbers(range(19))["mean (SD)"] == "withheld"
    assert numbers(range(39))["median (quartiles)"] == "withheld"
    assert numbers([61.0] * 50)["mean (SD)"] == "withheld"


def test_few_missing_numbers_of_a_group_are_withheld_in_all_groups():
    # Of arm a 30 known and 2 missing, of b 30 and 12: the total, 15, less the 12 would give the 2
    # away. The arm of 3 is not known, too few for a column.
    arms = [*"ab" * 30, *"aa", *"b" * 12, None, None, None]
    frame = pd.DataFrame({"x": [*range(60), *[None] * 14, 1, 2, 3], "arm": arms})
    table = safe_table_one(frame, SAFE, columns=["x"], by="arm")
    missing = table[table["level"] == "missing"].set_index("group")["summary"]
    assert missing.to_dict() == {"a": "withheld", "b": "withheld", "all": "15 (20%)"}


# Curves


def curve_of(time, event, **options):
    return survival_curves(pd.Series(time, dtype=float), pd.Series(event), SAFE, **options)


def test_a_curve_waits_for_a_threshold_of_events_and_reads_the_exact_one_there():
    # 100 patients: 6 die in month 0, 6 in month 8, 12 in month 20; 76 are seen to month 40.
    # By month 6 there are 6 deaths: no step. By month 12, 12: S = 88/100, in twentieths 0.90
    # (17.6 → 18). By month 24 twelve more: S = 76/100 → 15.2 → 0.75. Drawn half a step further.
    # R: summary(survfit(Surv(t, e) ~ 1, conf.type = "log-log"), times = 12): 0.798 to 0.930.
    curve = curve_of([0] * 6 + [8] * 6 + [20] * 12 + [40] * 76, [True] * 24 + [False] * 76)
    assert curve["time"].tolist() == [0, 6, 12, 18, 24, 30, 36, 39]
    assert curve["survival"].tolist() == [1, 1, 0.9, 0.9, 0.75, 0.75, 0.75, 0.75]
    assert curve.attrs["steps"] == [12, 24]
    assert curve.loc[:1, ["lower", "upper"]].isna().all(axis=None)
    assert curve.loc[2, ["lower", "upper"]].tolist() == [0.75, 0.95]


def test_a_curve_is_cut_where_fewer_than_the_threshold_are_left():
    # 30 leave at 13, 11 at 25, 9 at 50: after month 24 there are 20, after month 30 only 9.
    curve = curve_of([5] * 10 + [13] * 30 + [25] * 11 + [50] * 9, [True] * 10 + [False] * 50)
    assert curve["time"].max() == 24 + 3


@pytest.mark.parametrize(
    ("time", "event", "why"),
    [
        (range(1, 20), [True] * 19, "fewer than 20 patients"),
        (range(1, 101), [True] * 9 + [False] * 91, "fewer than 10 events"),
        ([1] * 15 + [2] * 9, [True] * 24, "too few events while enough patients"),
    ],
)
def test_a_curve_of_few_is_withheld_with_the_reason(time, event, why):
    with pytest.raises(Withheld, match=why):
        curve_of(time, event)


def test_a_number_at_risk_falls_only_by_a_threshold_and_begins_with_the_one_shown_elsewhere():
    # 104 were said to be elsewhere, which prints as 105; 94 are left in month 6, 84 in month 12.
    time = [2] * 6 + [8] * 10 + [40] * 84
    curve = curve_of(time, [True] * 16 + [False] * 84, sizes={"all": 104})
    assert curve["at_risk"].tolist()[:3] == ["105", "95", "85"]


def test_groups_step_together_and_a_group_that_has_ended_holds_none_up():
    # By month 6 only a has 10 events, by month 12 both; b ends there, and a goes on alone.
    a = [3] * 10 + [9] * 5 + [20] * 10 + [40] * 20, [True] * 25 + [False] * 20
    b = [9] * 10 + [13] * 12, [True] * 10 + [False] * 12
    group = pd.Series(pd.Categorical(["a"] * 45 + ["b"] * 22))
    drawn = curve_of(a[0] + b[0], a[1] + b[1], group=group)
    assert drawn.attrs["steps"] == [12, 24]
    a, b = (drawn[drawn["group"] == name].set_index("time") for name in "ab")
    # a: 30/45 at month 12, in ninths 6; 20/45 at 24, in ninths 4. b: 12/22, in quarters 2.
    assert a["survival"][[6, 12, 18, 24]].round(3).tolist() == [1, 0.667, 0.667, 0.444]
    assert b["survival"][[6, 12]].tolist() == [1, 0.5]
    assert np.isnan(b["survival"][18])
    assert b["at_risk"][18] == "<10"


def test_one_group_that_may_not_be_drawn_withholds_all():
    group = pd.Series(pd.Categorical(["a"] * 60 + ["b"] * 19))
    with pytest.raises(Withheld, match="fewer than 20 patients in a group"):
        curve_of(np.arange(79) % 30 + 1, [True] * 79, group=group)
    group = pd.Series(pd.Categorical(["a"] * 79, categories=["a", "nobody"]))
    with pytest.raises(Withheld, match="fewer than 20 patients in a group"):
        curve_of(np.arange(79) % 30 + 1, [True] * 79, group=group)


def test_incidence_counts_the_competing_event_and_steps_like_survival():
    # 100 patients: 10 relapse in month 2, 20 die in month 4, 14 relapse in month 8.
    # Incidence of relapse 0.10 by month 6; then 10/100 + 70/100 · 14/70 = 0.24 → 0.25 by month 12.
    months = pd.Series([2] * 10 + [4] * 20 + [8] * 14 + [30] * 56, dtype=float)
    cause = pd.Series([1] * 10 + [2] * 20 + [1] * 14 + [0] * 56)
    curve = incidence_curves(months, cause, SAFE, causes=[1])
    assert curve["incidence"].tolist()[:5] == [0, 0.1, 0.25, 0.25, 0.25]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), min_size=20, max_size=150))
def test_any_curve_falls_from_one_within_nought_and_one_by_thresholds(patients):
    months, event = map(np.array, zip(*patients, strict=True))
    try:
        curve = curve_of(months, event)
    except Withheld:
        return
    survival = curve["survival"].to_numpy()
    assert survival[0] == 1
    assert (np.diff(survival) <= 0).all()
    assert (survival >= 0).all()
    assert ((months > curve["time"].iloc[-2]).sum()) >= 10
    edges = [-1, *curve.attrs["steps"]]
    for start, end in zip(edges, edges[1:], strict=False):
        assert (event & (months > start) & (months <= end)).sum() >= 10
        assert (months > end).sum() >= 10


# Estimates


@pytest.mark.parametrize(
    ("found", "n", "shown"),
    [
        ((0.409, 0.339, 0.478), 228, ("40–45%", "30–50%")),
        ((0.4, 0.01, 0.95), 228, ("40–45%", "under 95%")),
        ((0.91, 0.88, 0.99), 228, ("90–95%", "over 85%")),
        ((0.0, 0.0, 0.1), 228, ("withheld", "withheld")),
        ((1.0, 0.9, 1.0), 228, ("withheld", "withheld")),
        # A band is five patients wide or more: 10% of 99, 20% of 40.
        ((0.41, 0.3, 0.5), 99, ("40–50%", "30–50%")),
        ((0.41, 0.3, 0.5), 40, ("40–60%", "20–60%")),
    ],
)
def test_an_estimate_is_a_band_of_a_fixed_grid_with_limits_outwards(found, n, shown):
    months, event = (
        pd.Series([3] * 20 + [40] * (n - 20)),
        pd.Series([True] * 20 + [False] * (n - 20)),
    )
    assert estimate_at(12, found, months, event, SAFE) == shown


@pytest.mark.parametrize(
    ("month", "why"),
    [(2.9, "fewer than 10 events until then"), (20, "fewer than 10 patients beyond")],
)
def test_an_estimate_needs_a_threshold_of_events_before_and_of_patients_after(month, why):
    months, event = pd.Series([3] * 10 + [20] * 10), pd.Series([True] * 10 + [False] * 10)
    assert estimate_at(month, (0.5, 0.4, 0.6), months, event, SAFE) == ("withheld", why)
    assert estimate_at(3, (0.5, 0.4, 0.6), months, event, SAFE)[0] != "withheld"


def test_a_median_lies_between_the_steps_around_it():
    assert between_steps(6, [6, 12]) == (0, 6)
    assert between_steps(6.1, [6, 12]) == (6, 12)
    assert between_steps(13, [6, 12]) == (12, np.inf)
    assert np.isnan(between_steps(np.nan, [6, 12])).all()


# Releases


def cohort(n, *, first=0):
    ids = [f"ZEBRA-{i}" for i in range(first, first + n)]
    return pd.DataFrame({"patient_id": ids, "time_months": np.arange(first, first + n) + 0.5})


@pytest.fixture
def releases(tmp_path):
    ledger = Releases(tmp_path / "ledger")
    ledger.record("cohort-a", ledger.fingerprint(cohort(150)), 10)
    return ledger


@pytest.mark.parametrize(
    "patients",
    [
        cohort(150).sample(frac=1, random_state=1),  # the same again
        cohort(140),
        cohort(160),
        cohort(150, first=1000),  # others
    ],
)
def test_the_same_patients_or_enough_others_may_be_reported(releases, patients):
    releases.check(releases.fingerprint(patients), 10)


@pytest.mark.parametrize(
    "patients",
    [
        cohort(149),
        cohort(141),
        cohort(159),
        cohort(150).replace({"time_months": {3.5: 99.25}}),  # one cell changed
        cohort(149).assign(patient_id=[f"N{i}" for i in range(149)]),  # renumbered, one gone
    ],
)
def test_a_report_that_differs_by_fewer_patients_than_the_threshold_is_refused(releases, patients):
    with pytest.raises(ReleaseError, match="fewer than 10"):
        releases.check(releases.fingerprint(patients), 5)  # the higher of two thresholds counts


def test_a_reason_lets_a_report_pass_and_is_recorded(releases):
    now = releases.fingerprint(cohort(149))
    releases.check(now, 10, reason="a patient withdrew consent")
    releases.record("cohort-a", now, 10, reason="a patient withdrew consent")
    assert releases.entries()[-1]["reason"] == "a patient withdrew consent"


def test_the_ledger_holds_hashes_under_a_key_of_its_own_and_is_closed_to_others(releases, tmp_path):
    text = "".join(path.read_text("latin-1") for path in releases.folder.iterdir())
    assert "ZEBRA" not in text
    assert "149.5" not in text
    modes = {path.name: path.stat().st_mode & 0o777 for path in releases.folder.iterdir()}
    assert modes["key"] == modes["ledger.json"] == 0o600
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
    with mine.locked(), pytest.raises(ReleaseError, match="Another"), theirs.locked(seconds=0):
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
