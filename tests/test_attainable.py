"""Survival, medians and mixtures: what n patients can print."""

from fractions import Fraction
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from vlms.consistency import (
    attainable_survival,
    curve_check,
    fitting_group_sizes,
    median_ratio_check,
    median_reading_check,
    mixture_check,
    pooled_median_check,
    survival_check,
)
from vlms.consistency.curves import _search_histories


def exact_curve(steps):
    """Product-limit by its definition, one step a patient, as fractions."""
    at_risk, value, curve = len(steps), Fraction(1), [Fraction(1)]
    for step in steps:
        value *= Fraction(at_risk - 1, at_risk) if step == "e" else 1
        at_risk -= 1
        curve.append(value)
    return curve


def shown(value, decimals, truncate=False):
    """Print an exact share as a percentage with integer arithmetic."""
    scaled = value * 100 * 10**decimals
    whole = scaled.numerator // scaled.denominator
    if not truncate and 2 * (scaled - whole) >= 1:
        whole += 1
    digits = f"{whole:0{decimals + 1}d}"
    return f"{digits[: len(digits) - decimals]}.{digits[len(digits) - decimals :]}%".replace(
        ".%", "%"
    )


def fewest_censored_of_all(n, printed):
    """Try all 2^n orders and all ways to cut them at the printed times; {events: fewest}."""
    fewest = {}
    for steps in product("ec", repeat=n):
        curve = [shown(value, 0) for value in exact_curve(steps)]
        for cuts in combinations_with_replacement(range(n + 1), len(printed)):
            if all(curve[cut] == text for cut, text in zip(cuts, printed, strict=True)):
                events, censored = (steps[: cuts[-1]].count(step) for step in "ec")
                fewest[events] = min(censored, fewest.get(events, n))
    return fewest


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_one_time_agrees_with_trying_every_history(n):
    for percent in range(0, 101, 3):
        tried = fewest_censored_of_all(n, [f"{percent}%"])
        found = attainable_survival(n, f"{percent}%", truncated=False).attrs["fewest_censored"]
        assert found == min(tried.values(), default=None), percent


def test_two_times_agree_with_trying_every_history():
    for first in range(33, 101, 17):
        for second in range(0, first + 1, 9):
            printed = [f"{first}%", f"{second}%"]
            tried = fewest_censored_of_all(5, printed)
            found = attainable_survival(5, printed, truncated=False).attrs["fewest_censored"]
            assert found == min(tried.values(), default=None), printed


def test_a_mixture_of_one_group_needs_what_trying_every_history_needs():
    for percent in (14, 29, 38, 43, 57, 60):
        tried = fewest_censored_of_all(7, [f"{percent}%"])
        found = mixture_check({"all": (7, f"{percent}%")}, (7, f"{percent}%"))
        assert found.values["fewest_censored_rounded"] == min(tried.values(), default=None)


def test_every_history_found_prints_as_given_with_the_fewest_censored_first():
    printed = ["90%", "65%", "65%", "25%"]
    frame = attainable_survival(23, printed, truncated=False, limit=50)
    assert frame["history"].nunique() == 50
    for _, history in frame.groupby("history"):
        segments = history["steps"].iloc[0].replace("–", "").split("|")
        runs = [[(run[-1], int(run[:-1])) for run in segment.split()] for segment in segments]
        steps = "".join(step * count for segment in runs for step, count in segment)
        curve = exact_curve(steps + "c" * (23 - len(steps)))
        cuts = np.cumsum([sum(count for _, count in segment) for segment in runs])
        assert [shown(curve[cut], 0) for cut in cuts] == printed
    assert frame.groupby("history")["censored"].max().is_monotonic_increasing
    # Who is censored after the last event shows in no printed value, and is left out.
    same = attainable_survival(6, ["50%", "50%"], limit=50)
    assert not same["steps"].str.endswith("c").any()


def test_the_steps_of_a_history_give_the_survival_that_r_gives():
    # R: s <- strsplit("ccccceccceeec", "")[[1]]
    # summary(survfit(Surv(seq_along(s), s == "e") ~ 1))$surv: 0.875 0.65625 0.4375 0.21875
    curve = exact_curve("ccccceccceeec")
    assert [float(curve[step]) for step in (6, 10, 11, 12)] == [0.875, 0.65625, 0.4375, 0.21875]
    # 18/20 = 90%, 13/20 = 65%
    first = attainable_survival(20, ["90%", "65%"], limit=1)
    assert first[["events", "censored", "survival"]].values.tolist() == [[2, 0, 0.9], [7, 0, 0.65]]
    # Two events leave 14/16 = 87.5% at most; one event leaves (r - 1)/r = 0.9 at r = 10.
    first = attainable_survival(16, "90%", truncated=False, limit=1).iloc[0]
    assert (first["events"], first["censored"], first["at_risk"]) == (1, 6, 9)
    # 15/16 = 93.75% rounds to 93.8% and is cut off to 93.7%.
    first = attainable_survival(16, "93.7%", limit=1).iloc[0]
    assert (first["events"], first["censored"], first["rule"]) == (1, 0, "truncated")
    assert attainable_survival(4, ["100%", "0%"], limit=1)["steps"].tolist() == ["– | 4e"] * 2


@pytest.mark.parametrize(
    ("n", "printed", "limits", "verdict", "fewest"),
    [
        # 21/24 = 87.5% rounds to 88%. Uncensored, 15/24 = 62.5% and 14/24 = 58.3% miss 61%.
        # One censored of the 21 left: 0.875 × 14/20 = 61.25%.
        (24, ["88%", "61%"], {}, "consistent", 1),
        # One event gives (r - 1)/r: 14/15 = 93.3%, 15/16 = 93.75%; two give 14/16 = 87.5% at most.
        (16, ["93.7%", "43.7%"], {}, "rounding", 0),
        (40, "99%", {}, "contradictory", None),  # the first event leaves 39/40 = 97.5% at most
        (30, ["60%", "70%"], {}, "contradictory", None),
        # 0.9 in 16 patients takes one event at 10 at risk; cut off, 0.909 at 11.
        (16, "90%", {"most_censored": 4}, "contradictory", None),
        (16, "90%", {"most_censored": 5}, "rounding", 5),
        # Half of ten without censoring takes five events.
        (10, "50.0%", {"most_events": 5}, "consistent", 0),
        (10, "50.0%", {"most_events": 4, "most_censored": 0}, "contradictory", None),
    ],
)
def test_survival_is_held_against_the_size_of_the_group(n, printed, limits, verdict, fewest):
    finding = survival_check(n, printed, **limits)
    assert (finding.verdict, finding.values["fewest_censored"]) == (verdict, fewest)


def test_a_limit_on_censoring_stands_in_the_statement_and_the_assumptions():
    finding = survival_check(16, "90%", most_censored=4)
    assert "at most 4 patients censored" in finding.statement
    assert any("at most 4" in text for text in finding.assumptions)


def test_a_search_out_of_budget_calls_nothing_impossible():
    search = _search_histories(60, [(0.61379, 0.61381)], budget=50)
    assert not search.impossible
    assert search.at_least is not None


def test_the_other_printed_group_size_fits_without_censoring():
    fits = fitting_group_sizes(["93.7%", "43.7%"], [16, 20]).set_index("n")["fewest_censored"]
    assert fits[16] == 0 < fits[20]
    assert fitting_group_sizes("99%", [40])["fewest_censored"].isna().all()


@pytest.mark.parametrize(
    ("n", "printed"), [(0, "50%"), ("ten", "50%"), (10, "150%"), (10, []), (10, "1"), (10**7, "9%")]
)
def test_what_cannot_be_checked_is_refused(n, printed):
    with pytest.raises(ValueError, match="must|share|no survival|percent sign|at most"):
        survival_check(n, printed)


@pytest.mark.parametrize("studies", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_true_curves_are_never_contradictory_and_need_no_more_censoring_than_they_had(studies):
    random = np.random.default_rng(1958)
    for _ in range(studies):
        n = int(random.choice([*range(1, 13), 16, 20, 26, 40, 63]))
        steps = random.choice(["e", "c"], size=n, p=[0.6, 0.4])
        curve = exact_curve(steps)
        cuts = np.sort(random.integers(0, n + 1, size=random.integers(1, 4)))
        decimals, truncate = int(random.integers(0, 3)), bool(random.integers(2))
        printed = [shown(curve[cut], decimals, truncate) for cut in cuts]
        finding = survival_check(n, printed)
        assert finding.verdict != "contradictory", (n, "".join(steps), cuts, printed)
        least = finding.values["fewest_censored"]
        assert least <= list(steps[: cuts[-1]]).count("c"), (n, "".join(steps), cuts, printed)


def test_a_wrong_group_size_is_found_at_the_stated_rate():
    # Planted: the curve of 16 uncensored patients, two times with one decimal, printed for 20.
    random = np.random.default_rng(16)
    found = 0
    for _ in range(100):
        first, second = np.sort(random.integers(1, 16, size=2))[::-1]
        printed = [f"{100 * alive / 16:.1f}%" for alive in (first, second)]
        found += survival_check(20, printed, most_censored=0).contradictory
    # Sixteenths and twentieths share only quarters. Measured 95%.
    assert found > 90


def test_without_censoring_the_whole_is_the_weighted_mean():
    # (20 × 0.9 + 20 × 0.5)/40 = 28/40 = 70%
    groups = {"a": (20, "90%"), "b": (20, "50%")}
    finding = mixture_check(groups, (40, "70%"), most_censored=0)
    assert finding.verdict == "consistent"
    assert finding.values["mixture"] == pytest.approx(0.7)
    assert mixture_check(groups, (40, "66%"), most_censored=0).contradictory


def test_a_gap_between_parts_and_whole_needs_censoring_and_its_least_is_given():
    # 2 + 10 events leave (28 − c)/(40 − c) at least; 55.5% is met at c ≥ (28 − 22.2)/0.445 = 13.03,
    # and 56% (digits cut off) at (28 − 22.4)/0.44 = 12.7.
    values = mixture_check({"a": (20, "90%"), "b": (20, "50%")}, (40, "55%")).values
    assert (values["fewest_censored_rounded"], values["fewest_censored"]) == (14, 13)
    # 16 patients at 65% need 2 censored; at 90% and then 65% they need 8.
    alone = mixture_check({"a": (16, "65%"), "b": (4, "50%")}, (20, "62%"))
    both = mixture_check({"a": (16, ["90%", "65%"]), "b": (4, "50%")}, (20, "62%"))
    assert alone.values["fewest_censored"] == 2
    assert both.values["fewest_censored"] >= 8


def test_sizes_that_do_not_sum_to_the_total_are_refused():
    with pytest.raises(ValueError, match="21 \\+ 6 = 27 patients, not 63"):
        mixture_check({"a": (21, "100%"), "b": (6, "50%")}, (63, "65%"))


@pytest.mark.parametrize("studies", [40, pytest.param(150, marks=pytest.mark.slow)])
def test_true_mixtures_are_never_contradictory_and_a_whole_too_low_is(studies):
    random = np.random.default_rng(62)
    for _ in range(studies):
        n = int(random.integers(2, 40))
        steps = random.choice(["e", "c"], size=n, p=[0.6, 0.4])
        member = random.integers(0, 3, size=n)
        cut = int(random.integers(0, n + 1))
        decimals, truncate = int(random.integers(0, 2)), bool(random.integers(2))
        groups = {}
        for group in np.unique(member):
            own = steps[member == group]
            survival = exact_curve(own)[int((member[:cut] == group).sum())]
            groups[str(group)] = (len(own), shown(survival, decimals, truncate))
        total = n, shown(exact_curve(steps)[cut], decimals, truncate)
        censored = list(steps[:cut]).count("c")
        finding = mixture_check(groups, total, most_censored=censored)
        assert not finding.contradictory, (groups, total, censored)
        assert finding.values["fewest_censored"] <= censored
    for _ in range(studies // 10):
        # Planted: the whole printed 10 points too low, uncensored cohorts of 20 to 60.
        sizes = random.integers(10, 30, size=2)
        alive = random.integers(3, sizes + 1)
        shares = [f"{share:.0%}" for share in alive / sizes]
        groups = dict(zip("ab", zip(sizes, shares, strict=True), strict=True))
        low = max(sum(alive) / sum(sizes) - 0.1, 0)
        total = int(sum(sizes)), f"{low:.0%}"
        assert mixture_check(groups, total, most_censored=0).contradictory


@pytest.mark.parametrize(
    ("points", "median", "contradictory"),
    [
        ({60: "65%"}, "43", True),  # above half after the median
        ({60: "50%"}, "43", False),
        ({24: "40%"}, "43", True),  # below half before it
        ({60: "65%"}, "60", False),  # 60 stands for 59.5 to 61
        ({12: "60%", 24: "62%"}, None, True),  # rises
        ({12: "60%", 24: "60%"}, None, False),
    ],
)
def test_survival_and_median_fit_on_one_falling_curve(points, median, contradictory):
    assert curve_check(points, median=median).contradictory == contradictory


def test_a_median_can_be_told_to_be_among_those_with_the_event():
    # 65% at 60 rules out a median of 24 of all; half of 42 events leaves (63 − 21)/63 = 66.7%.
    values = median_reading_check("24", {60: "65%"}, 63, 42).values
    assert (values["among_all"], values["among_events"]) == (False, True)
    # 80% at 60 is above both 50% and 66.7%.
    assert median_reading_check("24", {60: "80%"}, 63, 42).contradictory
    # 20 events in 63 of whom nobody was censored leave 68%: half is never reached.
    values = median_reading_check("24", {12: "90%"}, 63, 20, most_censored=0).values
    assert (values["among_all"], values["among_events"]) == (False, True)
    with pytest.raises(ValueError, match="more than 10 patients"):
        median_reading_check("24", {60: "80%"}, 10, 42)


def test_true_curves_fit_their_medians():
    random = np.random.default_rng(33)
    for _ in range(300):
        n = int(random.integers(4, 60))
        death, censoring = random.exponential(40, n), random.exponential(random.uniform(30, 400), n)
        time, event = np.minimum(death, censoring), death <= censoring
        order = np.argsort(time)
        time, event = time[order], event[order]
        survival = np.cumprod(1 - event / np.arange(n, 0, -1))
        at = float(random.choice([12, 24, 60]))
        before = time <= at
        s_at = survival[before][-1] if before.any() else 1.0
        points = {at: f"{100 * s_at:.0f}%"}
        half = np.nonzero(survival <= 0.5)[0]
        if len(half):
            assert not curve_check(points, median=f"{time[half[0]]:.0f}").contradictory
        if event.any():
            own = f"{np.median(time[event]):.0f}"
            finding = median_reading_check(own, points, n, int(event.sum()))
            assert finding.values["among_events"], (own, points)


def test_the_median_of_all_lies_between_those_of_its_parts_without_censoring():
    random = np.random.default_rng(34)
    for _ in range(300):
        sizes = random.integers(1, 20, size=3)
        parts = [np.sort(random.exponential(30, size)) for size in sizes]
        # The first time by which half have had the event.
        first = [part[(len(part) - 1) // 2] for part in [*parts, np.sort(np.concatenate(parts))]]
        texts = [f"{median:.0f}" for median in first]
        assert not pooled_median_check(texts[:3], texts[3], complete=True).contradictory
    assert pooled_median_check(["43", "25", "15"], "48", complete=True).contradictory
    assert pooled_median_check(["43", "25", "15"], "48").verdict == "undetermined"


def test_a_ratio_of_medians_is_never_called_contradictory():
    finding = median_ratio_check("5.33", "2.97", "9.57", "54.6", "75.9")
    assert finding.verdict == "undetermined"
    assert finding.values["ratio"] == pytest.approx(75.9 / 54.6)
