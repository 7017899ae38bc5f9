"""The vectorised bootstrap gives what refitting each resample gives."""

import numpy as np
import pytest
from lifelines import CoxPHFitter
from survival_reference import data_set

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.curves import kaplan_meier, survival_at
from vlms.survival.resampling import (
    bootstrap_hazard_ratio,
    bootstrap_survival,
    log_hazard_ratio_draws,
    log_hazard_ratios,
    survival_draws,
)


def picked(seed, n, resamples):
    """The patients that the first chunk of resamples draws, as resampling draws them."""
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    return rng.integers(0, n, (resamples, n), dtype=np.uint16)


@pytest.mark.parametrize(
    "name", ["aml", "lung_months", "flat_at_half", "event_and_censoring_together"]
)
def test_a_resampled_survival_is_that_of_the_resampled_patients(name):
    frame, _ = data_set(name)
    time, event = frame["time"].to_numpy(), frame["event"].to_numpy()
    at = np.quantile(time, [0.0, 0.2, 0.5, 0.5, 0.8]).tolist()[::-1]
    draws = survival_draws(time, event, at, resamples=30, seed=4)
    for rows, found in zip(picked(4, time.size, 30), draws, strict=True):
        curve = kaplan_meier(time[rows], event[rows])
        expected = survival_at(curve, np.minimum(at, time[rows].max()))["survival"]
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["aml", "ovarian"])
def test_a_resampled_hazard_ratio_is_that_of_a_cox_model_of_the_resampled_patients(name):
    frame, _ = data_set(name)
    frame["second"] = (frame["group"] == frame["group"].max()).astype(int)
    draws = log_hazard_ratio_draws(
        frame["time"], frame["event"], frame["group"], resamples=6, seed=9
    )
    for rows, found in zip(picked(9, len(frame), 6), draws, strict=True):
        resample = frame.iloc[rows][["time", "event", "second"]]
        expected = CoxPHFitter().fit(resample, "time", "event").params_["second"]
        assert found == pytest.approx(expected, abs=1e-5)


def whole(name):
    """Events and numbers at risk of a data set, as one fit."""
    frame, _ = data_set(name)
    second = frame["group"] == frame["group"].max()
    times = np.unique(frame["time"][frame["event"] == 1])
    sides = [frame[~second], frame[second]]
    died = [[((g["time"] == t) & (g["event"] == 1)).sum() for g in sides] for t in times]
    risk = [[(g["time"] >= t).sum() for g in sides] for t in times]
    return np.array(died)[:, :, None], np.array(risk)[:, :, None]


@pytest.mark.parametrize(
    ("name", "ties", "expected"),
    [
        # R: coxph(Surv(time, status) ~ x, aml); coxph(..., ties = "breslow")
        ("aml", "efron", 0.915532575015),
        ("aml", "breslow", 0.904219723686),
        # R: coxph(Surv(time, status == 2) ~ I(sex == 1), lung), by both ways with ties
        ("lung_sex", "efron", 0.531023540006),
        ("lung_sex", "breslow", 0.530396576883),
    ],
)
def test_the_fit_is_that_of_coxph(name, ties, expected):
    assert log_hazard_ratios(*whole(name), ties=ties).item() == pytest.approx(expected, abs=1e-8)


def test_a_hazard_ratio_by_hand():
    # First group dies at 1 (2 and 2 at risk), second at 2 (1 and 2 at risk):
    # 1 = x / (1 + x) + 2 x / (1 + 2 x), so 2 x^2 = 1 and log x = -log(2) / 2.
    died = np.array([[[1], [0]], [[0], [1]]])
    at_risk = np.array([[[2], [2]], [[1], [2]]])
    assert log_hazard_ratios(died, at_risk).item() == pytest.approx(-np.log(2) / 2)


def test_a_monotone_likelihood_is_infinite_and_no_comparison_is_missing():
    died = np.array([[[1, 0, 0], [0, 1, 0]]])
    at_risk = np.array([[[2, 2, 2], [2, 2, 2]]])
    found = log_hazard_ratios(died, at_risk)
    assert found[:2].tolist() == [-np.inf, np.inf]
    assert np.isnan(found[2])


def test_the_bootstrap_error_of_survival_is_near_greenwoods():
    frame, _ = data_set("lung_sex")
    found = bootstrap_survival(frame["time"], frame["event"], [180, 365], resamples=4000)
    curve = kaplan_meier(frame["time"], frame["event"]).set_index("time")
    for _, row in found.iterrows():
        last = curve.loc[: row["time"]].iloc[-1]
        assert row["survival"] == pytest.approx(last["survival"], abs=0.003)
        assert row["std_error"] == pytest.approx(last["std_error"], rel=0.06)
        assert row["lower"] == pytest.approx(last["lower"], abs=0.015)


def test_patients_are_drawn_within_their_group_and_beyond_follow_up_is_missing():
    frame, _ = data_set("aml")
    found = bootstrap_survival(frame["time"], frame["event"], [20, 100], frame["group"])
    assert found["group"].tolist() == ["Maintained"] * 2 + ["Nonmaintained"] * 2
    assert found["survival"].isna().tolist() == [False, False, False, True]
    assert list(found.columns) == ["group", "time", "survival", "std_error", "lower", "upper"]


def test_the_bootstrap_repeats_by_its_seed_and_does_not_depend_on_workers():
    time, event = np.arange(1.0, 31.0), np.arange(30) % 3 > 0
    one = survival_draws(time, event, 12, resamples=5000, seed=2)
    assert (one == survival_draws(time, event, 12, resamples=5000, seed=2, jobs=1)).all()
    assert not (one == survival_draws(time, event, 12, resamples=5000, seed=3)).all()


def test_a_bootstrap_hazard_ratio_counts_resamples_that_separate():
    found = bootstrap_hazard_ratio(
        [1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 0], list("ababab"), resamples=2000
    ).iloc[0]
    assert found["infinite"] > 0
    assert found["undefined"] > 0
    assert found["upper"] == np.inf
    assert np.isfinite(found["std_error"])


def test_a_bootstrap_hazard_ratio_lies_around_the_cox_estimate():
    frame, _ = data_set("lung_sex")
    found = bootstrap_hazard_ratio(frame["time"], frame["event"], frame["group"], resamples=3000)
    row = found.iloc[0]
    assert (row["group"], row["reference"]) == ("m", "f")
    assert row["hazard_ratio"] == pytest.approx(np.exp(0.531023540006), rel=0.02)
    assert row["lower"] < np.exp(0.531023540006) < row["upper"]


def test_what_the_bootstrap_cannot_compare_is_refused():
    with pytest.raises(SurvivalInputError, match="compares two groups"):
        bootstrap_hazard_ratio([1, 2, 3], [1, 1, 1], ["a", "b", "c"])
    with pytest.raises(SurvivalInputError, match="ties: 'exact' is unknown"):
        log_hazard_ratio_draws([1, 2], [1, 1], ["a", "b"], ties="exact")
