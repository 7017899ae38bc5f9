import numpy as np
import pytest

from vlms.consistency.attainable import attainable_survival, fitting_group_sizes, survival_check


def test_without_censoring_the_survival_is_a_multiple_of_one_over_n():
    # 18/20 = 90%, 13/20 = 65%
    first = attainable_survival(20, ["90%", "65%"], limit=1)
    assert first["events"].tolist() == [2, 7]
    assert first["censored"].tolist() == [0, 0]
    assert first["survival"].tolist() == [0.9, 0.65]


def test_sixteen_patients_reach_90_percent_only_after_six_are_censored():
    # Two events leave 14/16 = 87.5% at most; one event leaves (r - 1)/r = 0.9 at r = 10.
    first = attainable_survival(16, "90%", truncated=False, limit=1).iloc[0]
    assert (first["events"], first["censored"], first["at_risk"]) == (1, 6, 9)


def test_a_tie_that_was_cut_off_is_named():
    # 15/16 = 93.75% rounds to 93.8% and is cut off to 93.7%.
    first = attainable_survival(16, "93.7%", limit=1).iloc[0]
    assert (first["events"], first["censored"], first["rule"]) == (1, 0, "truncated")


def test_rounding_alone_cannot_give_93_7_percent_of_16():
    # One event gives (r - 1)/r: 14/15 = 93.3%, 15/16 = 93.75%; two give 14/16 = 87.5% at most.
    assert attainable_survival(16, "93.7%", truncated=False).empty


def test_the_worked_command_line_example():
    # 21/24 = 87.5% rounds to 88%. Uncensored, 15/24 = 62.5% and 14/24 = 58.3% miss 61%.
    # One censored of the 21 left: 0.875 × 14/20 = 61.25%.
    finding = survival_check(24, ["88%", "61%"])
    assert finding.verdict == "consistent"
    assert finding.values["fewest_censored"] == 1
    assert "at least 1 of them" in finding.statement


def test_a_survival_above_the_gentlest_step_is_contradictory():
    finding = survival_check(40, "99%")
    assert finding.contradictory
    assert finding.statement == "No history of 40 patients has a Kaplan-Meier estimate of 99%."


def test_survival_that_rises_is_contradictory():
    assert survival_check(30, ["60%", "70%"]).contradictory


def test_a_limit_on_censoring_stands_in_the_statement_and_the_assumptions():
    finding = survival_check(16, "90%", most_censored=4)
    assert finding.contradictory
    assert "at most 4 patients censored" in finding.statement
    assert any("at most 4" in text for text in finding.assumptions)


def test_a_fit_by_truncation_only_is_called_rounding():
    assert survival_check(16, ["93.7%", "43.7%"]).verdict == "rounding"


def test_the_other_printed_group_size_fits_without_censoring():
    fits = fitting_group_sizes(["93.7%", "43.7%"], [16, 20]).set_index("n")
    assert fits.loc[16, "fewest_censored"] == 0
    assert fits.loc[20, "fewest_censored"] > 0


def test_a_size_that_cannot_fit_is_missing():
    assert fitting_group_sizes("99%", [40])["fewest_censored"].isna().all()


@pytest.mark.parametrize(
    ("n", "printed"), [(0, "50%"), ("ten", "50%"), (10, "150%"), (10, []), (10, "1"), (10**7, "9%")]
)
def test_what_cannot_be_checked_is_refused(n, printed):
    with pytest.raises(ValueError, match="must|share|no survival|percent sign|at most"):
        survival_check(n, printed)


def shown(value, decimals, truncate):
    """Print an exact share as a percentage with integer arithmetic."""
    scaled = value * 100 * 10**decimals
    whole = scaled.numerator // scaled.denominator
    if not truncate and 2 * (scaled - whole) >= 1:
        whole += 1
    digits = f"{whole:0{decimals + 1}d}"
    return f"{digits[: len(digits) - decimals]}.{digits[len(digits) - decimals :]}%".replace(
        ".%", "%"
    )


def test_true_curves_are_never_contradictory_and_need_no_more_censoring_than_they_had():
    from test_histories import exact_curve

    random = np.random.default_rng(1958)
    for _ in range(1000):
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
    # Found when 20 patients could give it only with someone censored.
    random = np.random.default_rng(16)
    found = 0
    for _ in range(200):
        first, second = np.sort(random.integers(1, 16, size=2))[::-1]
        printed = [f"{100 * alive / 16:.1f}%" for alive in (first, second)]
        found += survival_check(20, printed, most_censored=0).contradictory
    # Sixteenths and twentieths share only quarters. Measured 191 of 200.
    assert found / 200 > 0.9
