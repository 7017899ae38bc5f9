from fractions import Fraction
from itertools import combinations_with_replacement, product

import pytest

from vlms.consistency.histories import History, fewest_censored_by_events, search_histories


def exact_curve(steps):
    """Product-limit by its definition, one step a patient, as fractions."""
    at_risk, value, curve = len(steps), Fraction(1), [Fraction(1)]
    for step in steps:
        value *= Fraction(at_risk - 1, at_risk) if step == "e" else 1
        at_risk -= 1
        curve.append(value)
    return curve


def fewest_censored_of_all(n, boxes):
    """Try all 2^n orders and all ways to cut them at the printed times."""
    best = None
    for steps in product("ec", repeat=n):
        curve = exact_curve(steps)
        for cuts in combinations_with_replacement(range(n + 1), len(boxes)):
            inside = all(
                low <= curve[cut] <= high for cut, (low, high) in zip(cuts, boxes, strict=True)
            )
            if inside:
                censored = steps[: cuts[-1]].count("c")
                best = censored if best is None else min(best, censored)
    return best


def test_a_history_gives_the_survival_that_r_gives():
    # R: s <- strsplit("ccccceccceeec", "")[[1]]
    # summary(survfit(Surv(seq_along(s), s == "e") ~ 1))$surv: 0.875 0.65625 0.4375 0.21875
    history = History(13, ("ccccce", "ccce", "e", "ec"))
    assert [float(s) for s in history.survival()] == [0.875, 0.65625, 0.4375, 0.21875]


def test_tied_events_are_a_run_of_single_events():
    # Three of ten at once leave 7/10, as 9/10 × 8/9 × 7/8 does.
    assert History(10, ("eee",)).survival() == [Fraction(7, 10)]


def test_steps_are_shortened_and_cut_at_printed_times():
    assert History(9, ("eeec", "", "ee")).steps == "3e 1c | – | 2e"


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_one_time_agrees_with_trying_every_history(n):
    for percent in range(0, 101, 3):
        boxes = [(percent / 100 - 0.005, percent / 100 + 0.005)]
        assert search_histories(n, boxes).fewest == fewest_censored_of_all(n, boxes), percent


def test_two_times_agree_with_trying_every_history():
    for first in range(40, 101, 12):
        for second in range(0, first + 1, 9):
            boxes = [(p / 100 - 0.011, p / 100 + 0.011) for p in (first, second)]
            found = search_histories(6, boxes).fewest
            assert found == fewest_censored_of_all(6, boxes), (first, second)


def test_every_history_found_lies_in_its_boxes():
    boxes = [(0.895, 0.905), (0.645, 0.655), (0.645, 0.655), (0.2, 0.31)]
    histories = search_histories(23, boxes, limit=50).histories
    assert len(histories) == 50
    for history in histories:
        for value, (low, high) in zip(history.survival(), boxes, strict=True):
            assert low <= value <= high


def test_histories_come_with_the_fewest_censored_first():
    histories = search_histories(12, [(0.55, 0.65)], limit=30).histories
    censored = [history.censored for history in histories]
    assert censored == sorted(censored)


def test_no_history_has_more_censorings_than_allowed():
    # 0.9 in 16 patients takes one event at 10 at risk, so six censored before it.
    assert search_histories(16, [(0.895, 0.905)], most_censored=5).impossible
    assert search_histories(16, [(0.895, 0.905)], most_censored=6).fewest == 6


def test_no_history_has_more_events_than_allowed():
    # Half of ten without censoring takes five events; with four, someone must be censored.
    assert search_histories(10, [(0.499, 0.501)], most_events=5).fewest == 0
    assert search_histories(10, [(0.499, 0.501)], most_events=4).fewest > 0


def test_survival_of_zero_and_of_one_are_reached():
    assert search_histories(4, [(1.0, 1.0), (0.0, 0.0)]).histories[0].segments == ("", "eeee")


def test_survival_between_one_and_the_gentlest_step_is_impossible():
    # The first event leaves 49/50 = 0.98 at most.
    assert search_histories(50, [(0.981, 0.999)]).impossible


def test_a_search_out_of_budget_calls_nothing_impossible():
    search = search_histories(60, [(0.61379, 0.61381)], budget=50)
    assert not search.impossible
    assert search.at_least is not None


def test_the_fewest_censored_for_a_number_of_events_agrees_with_trying_every_history():
    box = (0.295, 0.455)
    found = fewest_censored_by_events(7, [box])
    for events in range(8):
        tried = [
            steps[:cut].count("c")
            for steps in product("ec", repeat=7)
            for cut in range(8)
            if steps[:cut].count("e") == events and box[0] <= exact_curve(steps)[cut] <= box[1]
        ]
        assert found[events] == min(tried, default=float("inf"))
