"""Rules for what may leave a private cohort, each held by counts that are worked out by hand."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlms.cohort import DATA
from vlms.disclosure import (
    OTHER,
    WITHHELD,
    Disclosure,
    DisclosureError,
    Withheld,
    between_steps,
    declared_merges,
    estimate_at,
    incidence_curves,
    safe_table_one,
    suppress,
    survival_curves,
)
from vlms.own_cohort import (
    open_cohort,
    show_groups,
    show_hazard_ratios,
    show_markers,
    show_table_one,
)
from vlms.printed import print_p

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


@settings(deadline=None)
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


def test_landmarks_that_are_close_do_not_bracket_few_events():
    # 20 die by month 6, 12 in 10 and 4 in 11, 30 in 20; 34 are seen to month 40. From 10 to 11
    # there are 4 events only, so of the two landmarks the first is shown; from 10 to 24 there are
    # 34. Month 9, which was not asked for, lies 12 events before month 10 and 0 after month 6.
    months = pd.Series([3] * 20 + [10] * 12 + [11] * 4 + [20] * 30 + [40] * 34, dtype=float)
    event = months < 40
    rules = Disclosure("safe", 10, landmarks=(11, 10, 24))
    shown = {m: estimate_at(m, (0.5, 0.4, 0.6), months, event, rules) for m in (6, 9, 10, 11, 24)}
    assert {m for m, (band, _) in shown.items() if band == WITHHELD} == {11}
    assert shown[11][1] == "fewer than 10 events from or to another month that is shown"
    month_7 = estimate_at(7, (0.5, 0.4, 0.6), months, event, Disclosure("safe", 10, landmarks=(6,)))
    assert month_7[0] == WITHHELD


def test_a_curve_steps_at_the_landmarks_first():
    # 10 die in month 9 and 6 in month 14: the grid alone would step in 12, and 6 would be left for
    # the landmark. S(15) = 84/100, in twentieths 0.85.
    time, event = (
        pd.Series([9.0] * 10 + [14] * 6 + [40] * 84),
        pd.Series([True] * 16 + [False] * 84),
    )
    curve = survival_curves(time, event, Disclosure("safe", 10, landmarks=(15,)))
    assert curve.attrs["steps"] == [15]
    assert curve.set_index("time")["survival"][[12, 15, 18]].tolist() == [1, 0.85, 0.85]


def grades(counts, merges):
    column = pd.Series([level for level, n in counts.items() for _ in range(n)], name="grade")
    found = Disclosure("safe", 10, merges={"grade": merges}).levels(column)
    return found.value_counts(sort=False).to_dict()


def test_small_levels_are_merged_as_the_study_declares_and_named():
    # 6 of grade 1: the paper's dichotomy is high against the rest, so 1 joins 2 and never 3.
    merges = [{"low or intermediate": ["1", "2"], "high": ["3"]}]
    counts = {"1": 6, "2": 50, "3": 20}
    assert grades(counts, merges) == {"low or intermediate": 56, "high": 20}
    assert grades({"1": 16, "2": 50, "3": 20}, merges) == {"1": 16, "2": 50, "3": 20}
    # All are on one side: which they are is not said.
    assert grades({"1": 6, "2": 50}, merges) == {OTHER: 56}
    # A side that is too small itself: nothing declared is enough, so the smallest are pooled.
    assert grades({"1": 26, "2": 50, "3": 6}, merges) == {"2": 50, f"1, {OTHER}": 32}


def test_merges_join_the_upper_levels_within_a_dichotomy():
    order = ("0", "1", "2", "3")
    ecog = SimpleNamespace(name="ecog", order=order)
    group = SimpleNamespace(column="ecog", levels={"0–1": ["0", "1"], "2–3": ["2", "3"]})
    study = SimpleNamespace(columns={"ecog": ecog}, groups=[group])
    assert declared_merges(study)["ecog"] == [
        {"0": ["0"], "1": ["1"], "2 or 3": ["2", "3"]},
        {"0–1": ["0", "1"], "2–3": ["2", "3"]},
    ]


def test_the_merge_that_would_unlock_a_result_is_named_without_rare_levels():
    counts = pd.DataFrame({"yes": [40, 8, 3], "no": [30, 20, 6]}, index=["R0", "R1", "R2"])
    assert SAFE.unlocked_by("margin", counts) == "it could be shown with R1 and rarer levels as one"
    named = Disclosure("safe", 10, merges={"margin": [{"R0": ["R0"], "R1–2": ["R1", "R2"]}]})
    assert named.unlocked_by("margin", counts) == "it could be shown by “R0”, “R1–2”"
    assert SAFE.unlocked_by("margin", counts - 3) == ""  # 5 and 0 are 5


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        # Two digits; the lower limit downwards, the upper one upwards; never three decimals.
        ((1.688, 1.046, 2.73), (1.7, 1.0, 2.8)),
        ((0.0567, 0.0123, 0.9101), (0.06, 0.01, 0.92)),
        ((12.4, 3.17, float("inf")), (12, 3.1, None)),
    ],
)
def test_a_ratio_has_two_digits_and_limits_outwards(given, shown):
    found = SAFE.release_ratio(*given, 0.0314, events=[10, 10], n=[20, 20])
    numbers = [found[name] for name in ("hazard_ratio", "lower", "upper")]
    assert [None if np.isnan(n) else n for n in numbers] == list(shown)
    assert found["p_value"] == "0.03"
    exact = Disclosure("full").release_ratio(*given, 0.0314, events=[1, 0], n=[1, 0])
    assert (exact["hazard_ratio"], exact["lower"], exact["upper"]) == given


@pytest.mark.parametrize(("events", "n"), [([9, 20], [40, 40]), ([20, 31], [40, 40])])
def test_a_ratio_is_withheld_where_few_had_the_event_or_few_had_not(events, n):
    with pytest.raises(Withheld, match="fewer than 10 patients with the event or without it"):
        SAFE.release_ratio(2, 1, 3, 0.1, events=events, n=n)


def test_a_p_value_of_few_events_or_of_counted_permutations_is_withheld():
    assert SAFE.release_p(0.0314, [10, 12]) == "0.03"
    with pytest.raises(Withheld, match="a group has fewer than 10 events"):
        SAFE.release_p(0.0314, [9, 12])
    for method in ("exact", "permutation"):
        with pytest.raises(Withheld, match="permutations"):
            SAFE.release_p(0.0314, [10, 12], method=method)
    assert Disclosure("full").release_p(0.0314, [2, 1], method="exact") == "0.03"


def test_a_difference_of_groups_needs_twice_the_threshold_as_a_mean_does():
    assert SAFE.release_number(0.2345, [20, 30]) == "0.2"
    with pytest.raises(Withheld, match="fewer than 20 patients"):
        SAFE.release_number(0.2345, [19, 30])


def test_what_was_solved_is_withheld():
    patients = pd.DataFrame({"sex": ["f", "m"] * 40, "margin": [*"ab"] * 20 + [*"ba"] * 20})
    rules = Disclosure("safe", 10, withhold=("sex by margin",))
    table = safe_table_one(patients, rules, columns=["sex"], by="margin")
    by_level = table[table["level"].isin(["f", "m"])].set_index(["level", "group"])["summary"]
    assert by_level["f", "a"] == by_level["m", "b"] == WITHHELD
    assert by_level["f", "all"] == "40 (50%)"
    rules = Disclosure("safe", 10, withhold=("sex",))
    table = safe_table_one(patients, rules, columns=["sex"]).set_index("level")["summary"]
    assert table["f"] == table["m"] == WITHHELD


# Sections of a report


@pytest.fixture
def rare(tmp_path):
    """300 patients: of 40 with a stent 3 died; the 4 from afar are all of 88 years or 89."""
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"patient_id": range(300), "sex": draw.choice([*"fm"], 300)})
    frame["age_years"] = draw.uniform(40, 75, 300).round(1)
    frame["time_months"] = draw.exponential(40 - 20 * (frame["sex"] == "m")).round(2) + 0.1
    frame["status"] = draw.choice(["dead_other", "alive"], 300)
    frame["stent"], frame["site"] = "no", np.where(np.arange(300) < 200, "near", "next")
    frame.loc[:39, ["stent", "status"]] = ["yes", "alive"]
    frame.loc[:2, "status"] = "dead_other"
    frame.loc[40:43, "site"], frame.loc[40:43, "age_years"] = "far", [88.0, 88.0, 89.0, 89.0]
    frame.to_csv(tmp_path / "rare.csv", index=False)
    return tmp_path / "rare.csv"


def both_modes(path, **chosen):
    chosen = {"endpoints": ["overall_survival"], **chosen}
    return [open_cohort(path, disclosure=mode, **chosen) for mode in ("full", "safe")]


def test_models_adjust_for_the_same_covariates_in_both_modes(rare):
    tables = []
    for own in both_modes(rare, covariates=["sex", "stent"]):
        show_hazard_ratios(own)
        _, caption, _, data = own.tables[-1]
        tables.append(data.set_index("covariate").loc["Sex"])
    exact, shown = tables
    assert exact["adjusted_hazard_ratio"] != pytest.approx(exact["hazard_ratio"], abs=0.005)
    assert shown["adjusted_hazard_ratio"] == pytest.approx(exact["adjusted_hazard_ratio"], abs=0.05)
    assert shown["adjusted_p_value"] == print_p(exact["adjusted_p_value"])
    assert "Adjusted also for stent, whose ratios are withheld." in caption
    # As many events as were told, of two coefficients each.
    events, each = re.search(r"with (\d+) events.*?; EPV (\d+);", caption).groups()
    assert float(each) == pytest.approx(int(events) / 2, abs=0.5)


def test_no_difference_of_groups_is_of_a_group_of_few(rare):
    exact, shown = both_modes(rare, groups=["site"])
    for own in (exact, shown):
        show_table_one(own)
    told = (own.tables[-1][2].drop_duplicates("variable") for own in (exact, shown))
    exact, shown = (dict(zip(table["variable"], table["SMD"], strict=True)) for table in told)
    assert float(exact["Age (years)"]) > 3  # those from afar against the others
    assert shown["Age (years)"] == shown["Sex"] == WITHHELD


@pytest.mark.slow
def test_ratios_of_markers_are_rounded_and_no_withheld_p_is_told():
    path, tables = DATA / "example_microarray" / "patients.csv", []
    for own in both_modes(path, endpoints=["overall_survival", "local_recurrence"]):
        show_markers(own)
        tables.append({label: frame for label, _, frame, _ in own.tables})
    names = ["marker", "endpoint"]
    exact, shown = (t["tbl-markers"].set_index(names)["HR_high_against_low"] for t in tables)
    assert exact["IGF-1R", "local recurrence"] == "1.26 (0.65 to 2.41)"
    assert shown["IGF-1R", "local recurrence"] == "1.30 (0.65 to 2.50)"
    readings = tables[1].get("tbl-markers-readings", pd.DataFrame(columns=names)).set_index(names)
    told = [" ".join(row) for row in readings.to_numpy()]
    assert all(re.search(r"P (<0\.|0\.0[0-4])", row) for row in told)
    assert len(readings) < len(tables[0]["tbl-markers-readings"])


def test_a_withheld_test_says_which_merge_would_unlock_it(rare):
    frame = pd.read_csv(rare)
    frame["part"] = np.where(
        np.arange(300) < 150, "arm", np.where(frame.index < 285, "leg", "hand")
    )
    frame.to_csv(rare, index=False)
    own = both_modes(rare, groups=["part"])[1]
    show_groups(own)
    # Of the arm fewer died than of the leg: 40 of its patients with a stent, but for 3, did not.
    reason = dict(own.left_out)["Log-rank test: Overall survival by part"]
    assert reason.endswith("; it could be shown with arm and rarer levels as one")
