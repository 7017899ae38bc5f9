import math

import numpy as np
import pytest

from vlms.consistency.event_bounds import possible_events, same_events_check


def fit(in_first, event):
    """Cox fit of one binary covariate by Newton's method; patients in order of leaving."""
    ones = in_first[::-1].cumsum()[::-1]
    zeros = (~in_first)[::-1].cumsum()[::-1]
    beta = 0.0
    for _ in range(60):
        share = ones * math.exp(beta) / (ones * math.exp(beta) + zeros)
        information = (event * share * (1 - share)).sum()
        if information < 1e-6:
            return None
        step = (event * (in_first - share)).sum() / information
        beta += max(min(step, 1), -1)
        if abs(step) < 1e-10:
            return beta, information**-0.5
    return None


# R: coxph(Surv(futime, fustat) ~ rx, ovarian): 0.5508 (0.1743 to 1.7404), 12 events, 13 and 13.
# coxph(Surv(time, status) ~ x, leukemia): 2.4981 (0.9159 to 6.8135) by Efron, 18 events, 12 and 11.
@pytest.mark.parametrize(
    ("printed", "groups", "events"),
    [(("0.55", "0.17", "1.74"), (13, 13), 12), (("2.5", "0.9", "6.8"), (12, 11), 18)],
)
def test_real_fits_have_a_possible_number_of_events(printed, groups, events):
    fewest, most = possible_events(*printed, groups)
    assert fewest <= events <= most


def test_the_lower_end_is_never_below_four_over_the_square_of_the_standard_error():
    # 4/SE² = 19.93 (see the information bound), so 20 at least.
    assert possible_events("2.74", "1.14", "6.56", (12, 14))[0] >= 20


def test_an_interval_too_narrow_for_its_patients_is_impossible():
    assert possible_events("2.74", "1.14", "6.56", (12, 6)) is None
    assert same_events_check({"a": ("2.74", "1.14", "6.56", (12, 6))}).contradictory


def test_one_patient_in_each_group_cannot_give_a_ratio_near_1():
    # Only the first event is informative; its share is 1/2 at HR 1, so SE = 2 and the limits are
    # exp(±3.92) = 0.0198 to 50.4. The score 1/2 − δ is never 0: no estimate exists.
    assert possible_events("1.00", "0.50", "2.00", (1, 1)) is None


def test_true_fits_always_lie_in_the_range():
    random = np.random.default_rng(72)
    tried = 0
    while tried < 150:
        size = int(random.integers(4, 22))
        in_first, event = random.random(size) < 0.5, random.random(size) < random.uniform(0.3, 1)
        fitted = fit(in_first, event)
        if fitted is None or abs(fitted[0]) > 4:
            continue
        tried += 1
        log_ratio, error = fitted
        texts = [f"{math.exp(log_ratio + z * error):.2f}" for z in (0, -1.959964, 1.959964)]
        if float(texts[0]) == 0:
            continue
        found = possible_events(*texts, (int(in_first.sum()), int((~in_first).sum())))
        assert found is not None, (in_first, event)
        assert found[0] <= event.sum() <= found[1], (in_first, event, texts, found)


def test_two_results_whose_ranges_do_not_meet_are_contradictory():
    # SE = ln(2.45/0.405)/3.92 = 0.459 needs 4/0.459² = 18.98 events; SE about ln(100/0.01)/3.92 =
    # 2.35 is an information of 0.18, less than one even comparison gives.
    finding = same_events_check(
        {
            "narrow": ("1.00", "0.41", "2.44", (13, 13)),
            "wide": ("1.00", "0.01", "100.00", (13, 13)),
        }
    )
    assert finding.contradictory
    assert "(narrow)" in finding.statement


def test_groups_of_different_patients_are_refused():
    with pytest.raises(ValueError, match="same patients"):
        same_events_check(
            {"a": ("1.0", "0.5", "2.0", (10, 10)), "b": ("1.0", "0.5", "2.0", (10, 11))}
        )
