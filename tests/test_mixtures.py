import numpy as np
import pytest
from test_attainable import shown
from test_histories import exact_curve

from vlms.consistency.mixtures import mixture_check


def test_without_censoring_the_whole_is_the_weighted_mean():
    # (20 × 0.9 + 20 × 0.5)/40 = 28/40 = 70%
    groups = {"a": (20, "90%"), "b": (20, "50%")}
    finding = mixture_check(groups, (40, "70%"), most_censored=0)
    assert finding.verdict == "consistent"
    assert finding.values["mixture"] == pytest.approx(0.7)
    assert mixture_check(groups, (40, "66%"), most_censored=0).contradictory


def test_a_gap_needs_censoring_and_its_least_is_given():
    # 2 + 10 events leave (28 − c)/(40 − c) at least; 55.5% is met at c ≥ (28 − 22.2)/0.445 = 13.03,
    # and 56% (digits cut off) at (28 − 22.4)/0.44 = 12.7.
    finding = mixture_check({"a": (20, "90%"), "b": (20, "50%")}, (40, "55%"))
    assert finding.values["fewest_censored_rounded"] == 14
    assert finding.values["fewest_censored"] == 13


def test_survival_at_an_earlier_time_adds_to_what_must_be_censored():
    # 16 patients at 65% need 2 censored; at 90% and then 65% they need 8 (see attainable survival).
    alone = mixture_check({"a": (16, "65%"), "b": (4, "50%")}, (20, "62%"))
    both = mixture_check({"a": (16, ["90%", "65%"]), "b": (4, "50%")}, (20, "62%"))
    assert alone.values["fewest_censored"] == 2
    assert both.values["fewest_censored"] >= 8


def test_sizes_that_do_not_sum_to_the_total_are_refused():
    with pytest.raises(ValueError, match="21 \\+ 6 = 27 patients, not 63"):
        mixture_check({"a": (21, "100%"), "b": (6, "50%")}, (63, "65%"))


def test_true_cohorts_are_never_contradictory_and_need_no_more_censoring_than_they_had():
    random = np.random.default_rng(62)
    for _ in range(150):
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


def test_survival_of_another_cohort_is_found_at_the_stated_rate():
    # Planted: the whole printed 10 points too low, uncensored cohorts of 20 to 60.
    random = np.random.default_rng(63)
    found = 0
    for _ in range(30):
        sizes = random.integers(10, 30, size=2)
        alive = random.integers(3, sizes + 1)
        shares = [f"{share:.0%}" for share in alive / sizes]
        groups = dict(zip("ab", zip(sizes, shares, strict=True), strict=True))
        whole = max(sum(alive) / sum(sizes) - 0.1, 0)
        total = int(sum(sizes)), f"{whole:.0%}"
        found += mixture_check(groups, total, most_censored=0).contradictory
    assert found == 30
