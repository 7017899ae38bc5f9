"""Cox regression by hand, what has no answer, what must not matter, and what is refused.

R's values for whole data sets are in test_regression_reference.py.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize, minimize_scalar

from vlms.survival import (
    SurvivalInputError,
    cox,
    cox_from_table,
    event_table,
    proportional_hazards_test,
    regression,
)

LUNG, HEART, VETERAN = (
    pd.read_csv(Path(__file__).parent / "reference" / f"regression_data_{name}.csv")
    for name in ("lung", "heart", "veteran")
)
SEPARATED = pd.DataFrame(
    {
        "time": range(1, 11),
        "event": [1, 1, 1, 1, 0, 1, 0, 1, 0, 0],
        "x": [1, 1, 1, 1, 0, 1, 0, 1, 0, 0],
        "z": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3],
        "g": list("aabbcacbcc"),
    }
)


def numbers(table):
    return table.drop(columns="term").to_numpy()


# By hand


def test_four_patients_by_hand():
    # x = 1, 0, 1, 0 in order of death. With θ = exp(β) the likelihood is
    # θ / (2θ + 2) · 1 / (θ + 2) · θ / (θ + 1); its log has slope 2 - 2θ/(θ+1) - θ/(θ+2) = 0,
    # which is θ² - θ - 4 = 0 for θ > 0.
    fit = cox(pd.DataFrame({"time": [1, 2, 3, 4], "event": 1, "x": [1, 0, 1, 0]}), "x")
    theta = (1 + np.sqrt(17)) / 2
    assert fit["hazard_ratio"][0] == pytest.approx(theta, rel=1e-10)
    # Information 2 θ/(θ+1)² + 2θ/(θ+2)²: the variance of x among those at risk at each death.
    information = 2 * theta / (theta + 1) ** 2 + 2 * theta / (theta + 2) ** 2
    assert fit["std_error"][0] == pytest.approx(1 / np.sqrt(information), rel=1e-10)
    value = np.log(theta**2 / ((2 * theta + 2) * (theta + 2) * (theta + 1)))
    assert fit.attrs["log_likelihood"] == pytest.approx(value, rel=1e-12)
    # With β = 0 everyone at risk is as likely: 1/4 · 1/3 · 1/2 · 1.
    assert fit.attrs["null_log_likelihood"] == pytest.approx(np.log(1 / 24), rel=1e-12)


def test_firth_by_hand_on_complete_separation():
    # x = 1, 1, 0, 0 in order of death: likelihood θ/(2θ+2) · θ/(θ+2) · 1/2, information
    # θ/(θ+1)² + 2θ/(θ+2)²; the penalty is half the log of the information.
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "event": 1, "x": [1, 1, 0, 0]})

    def penalised(b):
        theta = np.exp(b)
        information = theta / (theta + 1) ** 2 + 2 * theta / (theta + 2) ** 2
        likelihood = theta / (2 * theta + 2) * theta / (theta + 2) / 2
        return np.log(likelihood) + np.log(information) / 2

    best = minimize_scalar(lambda b: -penalised(b), bounds=(-5, 10), method="bounded")
    fit = cox(frame, "x", penalty="firth")
    assert fit["log_hazard_ratio"][0] == pytest.approx(best.x, abs=1e-5)
    assert fit.attrs["log_likelihood"] == pytest.approx(-best.fun, abs=1e-10)
    # Profile limits: where the penalised log-likelihood lies 3.841459 / 2 below its maximum.
    for limit in (fit["lower"][0], fit["upper"][0]):
        assert penalised(np.log(limit)) == pytest.approx(-best.fun - 3.841458820694124 / 2)
    # The penalised likelihood-ratio statistic of β = 0, whose P value is one of chi-squared, 1 df.
    statistic = 2 * (-best.fun - penalised(0.0))
    assert fit.attrs["likelihood_ratio_test"]["statistic"] == pytest.approx(statistic, abs=1e-9)
    assert fit.attrs["likelihood_ratio_test"]["p_value"] == pytest.approx(fit["p_value"][0])


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_firth_with_a_single_event_by_hand(ties):
    # The one death, x = 1, is among x = 1, 0: log-likelihood β - log(1 + θ), information
    # θ/(1 + θ)². Penalised: 3β/2 - 2 log(1 + θ), with slope 3/2 - 2θ/(1 + θ) = 0 at θ = 3, where
    # the information is 3/16. Efron's ties take the own search, Breslow's firthmodels.
    fit = cox(
        pd.DataFrame({"time": [1, 2], "event": [1, 0], "x": [1, 0]}),
        "x",
        penalty="firth",
        ties=ties,
    )
    assert fit["hazard_ratio"][0] == pytest.approx(3, rel=1e-6)
    assert fit["std_error"][0] == pytest.approx(np.sqrt(16 / 3), rel=1e-6)


# By a second route


@pytest.mark.parametrize("covariates", [["age"], ["age", "sex", "wt_loss"]])
def test_firth_of_firthmodels_and_of_the_own_search_are_one(covariates, monkeypatch):
    few = LUNG.dropna(subset=covariates).sample(40, random_state=2)
    theirs = cox(few, covariates, penalty="firth")
    monkeypatch.setattr(regression, "_firthmodels", lambda x, rows, confidence: None)
    ours = cox(few, covariates, penalty="firth")
    np.testing.assert_allclose(numbers(theirs), numbers(ours), rtol=1e-5)
    assert theirs.attrs["ties"] == "breslow"
    assert theirs.attrs["log_likelihood"] == pytest.approx(ours.attrs["log_likelihood"], rel=1e-10)


def test_a_limit_that_the_profile_does_not_bear_out_is_searched_for_anew(monkeypatch):
    few, arrived = LUNG.sample(40, random_state=2), regression._firthmodels
    right = cox(few, "sex", penalty="firth")

    def astray(x, rows, confidence):
        beta, value, limits, p_values = arrived(x, rows, confidence)
        return beta, value, limits * 1.001, p_values

    monkeypatch.setattr(regression, "_firthmodels", astray)
    np.testing.assert_allclose(numbers(cox(few, "sex", penalty="firth")), numbers(right), rtol=1e-6)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_firth_with_strata_entry_and_ties_is_where_a_blind_search_ends(ties):
    # The slope of the penalty is the one thing not in the unpenalised fit, which R confirms; a
    # search that uses no slopes must end at the same place.
    frame, covariates = HEART.head(60), ["age", "transplant"]
    options = {"entry": "entry", "strata": "surgery"}
    rows = regression._rows(frame, covariates, "time", "event", "entry", "surgery")
    likelihood = regression._Likelihood(regression._risk_sets(rows), rows.x, ties)

    def loss(beta):
        value, _, information = likelihood.value(beta)
        return -value - np.linalg.slogdet(information)[1] / 2

    best = minimize(loss, [0, 0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    fit = cox(frame, covariates, ties=ties, penalty="firth", **options)
    np.testing.assert_allclose(fit["log_hazard_ratio"], best.x, atol=1e-6)
    assert fit.attrs["log_likelihood"] == pytest.approx(-best.fun, rel=1e-10)
    plain = cox(frame, covariates, ties=ties, **options)
    assert not np.allclose(fit["log_hazard_ratio"], plain["log_hazard_ratio"], atol=1e-4)


def test_what_lifelines_leaves_unfinished_is_finished():
    # One patient out of order of 40: lifelines stops at 0.96, "failed to converge sufficiently".
    # R: coxph(Surv(time, event) ~ x, control = coxph.control(eps = 1e-12, iter.max = 100)):
    # 3.6635599041 (0.9870987977).
    frame = pd.DataFrame({"time": np.arange(1, 41), "event": 1, "x": np.arange(39.0, -1, -1)})
    frame.loc[[20, 21], "x"] = frame.loc[[21, 20], "x"].to_numpy()

    fit = cox(frame, "x")
    assert fit["log_hazard_ratio"][0] == pytest.approx(3.6635599041, rel=1e-8)
    assert fit["std_error"][0] == pytest.approx(0.9870987977, rel=1e-8)
    assert fit.attrs["warnings"] == []


@pytest.mark.parametrize("options", [{}, {"strata": "inst"}, {"entry": "born", "time": "end"}])
def test_many_rows_are_summed_as_few_are(options, monkeypatch):
    monkeypatch.setattr(regression, "_lifelines", lambda rows, x: np.zeros(x.shape[1]))
    few = cox(LUNG, ["sex", "ph_ecog"], **options)
    monkeypatch.setattr(regression, "MOST_CELLS", 0)
    many = cox(LUNG, ["sex", "ph_ecog"], **options)
    np.testing.assert_allclose(numbers(many), numbers(few), rtol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_an_event_table_is_enough_for_a_categorical_covariate(ties):
    table = event_table(VETERAN["time"], VETERAN["event"], VETERAN["celltype"])
    counted, whole = cox_from_table(table, ties=ties), cox(VETERAN, "celltype", ties=ties)
    assert counted["term"].tolist() == ["group[large]", "group[smallcell]", "group[squamous]"]
    np.testing.assert_allclose(numbers(counted), numbers(whole), rtol=1e-9)
    assert (counted.attrs["n"], counted.attrs["events"]) == (137, 128)


# What must not matter


def test_order_of_rows_unit_and_origin_do_not_matter():
    here = cox(LUNG, ["age", "sex"])
    moved = LUNG.sample(frac=1, random_state=7).assign(time=lambda d: d["time"] / 30.4375)
    np.testing.assert_allclose(numbers(cox(moved, ["age", "sex"])), numbers(here), rtol=1e-10)
    for penalty in (None, "firth"):
        here = cox(LUNG, ["age", "sex"], penalty=penalty)
        there = cox(LUNG.assign(age=1000 * LUNG["age"] + 1e6), ["age", "sex"], penalty=penalty)
        rescaled = there["log_hazard_ratio"] * [1000, 1]
        np.testing.assert_allclose(rescaled, here["log_hazard_ratio"], rtol=1e-6)
        np.testing.assert_allclose(there["p_value"], here["p_value"], rtol=1e-6)


# What has no answer says so


def test_a_separated_term_leaves_the_others_where_r_has_them():
    # R: coxph(Surv(time, event) ~ x + z), control = coxph.control(iter.max = 60): x runs to 22.9
    # (error 27805), z -0.236057214415 (error 0.193808046762), log-likelihood -5.69075274713.
    fit = cox(SEPARATED, ["x", "z"])
    assert np.isnan(numbers(fit)[0]).all()
    assert fit["log_hazard_ratio"][1] == pytest.approx(-0.236057214415, rel=1e-8)
    assert fit["std_error"][1] == pytest.approx(0.193808046762, rel=1e-6)
    assert fit.attrs["log_likelihood"] == pytest.approx(-5.69075274713, rel=1e-9)
    assert "no event among those without x" in fit.attrs["warnings"][0]
    assert 'penalty="firth"' in fit.attrs["warnings"][0]
    assert np.isnan(fit.attrs["wald_test"]["p_value"])


def test_a_level_without_events_is_na_and_named():
    # R: coxph(Surv(time, event) ~ g + z): g[b] -2.414870357885 (1.61679034877), g[c] -25.07,
    # z -0.435650440423 (0.256268233959).
    fit = cox(SEPARATED, ["g", "z"])
    assert fit["term"].tolist() == ["g[b]", "g[c]", "z"]
    expected = [-2.414870357885, np.nan, -0.435650440423]
    np.testing.assert_allclose(fit["log_hazard_ratio"], expected, rtol=1e-7)
    np.testing.assert_allclose(fit["std_error"], [1.61679034877, np.nan, 0.256268233959], rtol=1e-6)
    assert "no event among those with g[c]" in " ".join(fit.attrs["warnings"])
    # With the level c as reference all its levels go, and z keeps its estimate and error.
    fit = cox(SEPARATED.assign(g=SEPARATED["g"].map({"c": "1", "a": "2", "b": "3"})), ["g", "z"])
    assert fit["hazard_ratio"].isna().tolist() == [True, True, False]
    assert fit["std_error"][2] == pytest.approx(0.256268233959, rel=1e-6)
    assert "no event at the reference level of g" in fit.attrs["warnings"][0]


@pytest.mark.parametrize("x", [[1, 1, 1, 0, 0, 0], [9, 7, 5, 4, 3, 2], [2, 3, 4, 5, 7, 9]])
def test_a_monotone_likelihood_is_na_and_firth_finite(x):
    frame = pd.DataFrame({"time": range(1, 7), "event": 1, "x": x})
    fit = cox(frame, "x")
    assert np.isnan(numbers(fit)).all()
    assert "monotone likelihood" in fit.attrs["warnings"][0]
    firth = cox(frame, "x", penalty="firth")
    assert np.isfinite(numbers(firth)).all()
    assert firth.attrs["warnings"] == []
    assert proportional_hazards_test(frame, "x")["p_value"].isna().all()


def test_a_term_of_which_separation_leaves_no_information_has_no_estimate():
    # R: coxph(Surv(time, event) ~ group + strata(stratum)) warns "beta may be infinite" and prints
    # g1 -0.29 with a standard error of 542951: once g2 and g3 run away, no event compares g1.
    frame = pd.DataFrame(
        {
            "time": [10, 24, 9, 27, 29, 14, 16, 4, 3, 6, 2],
            "event": [0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1],
            "group": "g2 g3 g3 g2 g3 g2 g3 g2 g0 g0 g1".split(),
            "stratum": [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1],
        }
    )
    fit = cox(frame, "group", strata="stratum")
    assert fit.drop(columns="term").isna().all(axis=None)
    said = fit.attrs["warnings"]
    assert any(text.startswith("group[g1]: the events say nothing") for text in said)
    penalised = cox(frame, "group", strata="stratum", penalty="firth")
    assert penalised["hazard_ratio"].between(1e-3, 1e3).all()


def test_separation_by_two_covariates_together_is_seen():
    # Neither x nor y alone is in order of death; x + y is.
    frame = pd.DataFrame({"time": range(1, 6), "event": 1, "x": [5, 1, 4, 0, 0]})
    assert cox(frame.assign(y=[4, 7, 2, 5, 0]), ["x", "y"])["hazard_ratio"].isna().all()


@pytest.mark.parametrize(
    ("frame", "covariates", "options", "missing", "said"),
    [
        (LUNG.assign(one=7.0), ["one", "age"], {}, [1, 0], "one: the same value in every row"),
        (LUNG.assign(both=LUNG["age"] - LUNG["sex"]), ["age", "sex", "both"], {}, [0, 0, 1],
         r"both: follows from the terms before it \(collinear\)"),
        (LUNG.assign(event=0), ["age", "sex"], {}, [1, 1], "no event among the 228 rows"),
        (LUNG.assign(s=pd.Categorical(LUNG["sex"], [1, 2, 3])), ["s"], {}, [0, 1],
         r"s\[3\]: no patient has this level"),
        (LUNG.assign(s=pd.Categorical(LUNG["sex"], [0, 1, 2])), ["s"], {}, [0, 1],
         "no patient has the reference level 0; its terms are against 2"),
        (LUNG, ["sex", "age"], {"strata": "sex"}, [1, 0], "sex: does not differ among those at"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("penalty", [None, "firth"])
def test_what_cannot_be_estimated_is_na_and_the_reason_said(
    frame, covariates, options, missing, said, penalty
):
    fit = cox(frame, covariates, penalty=penalty, **options)
    np.testing.assert_array_equal(np.isnan(numbers(fit)).all(axis=1), np.array(missing, bool))
    assert pd.Series(fit.attrs["warnings"]).str.contains(said).any()


def test_who_is_left_out_is_counted_and_events_per_variable_said():
    # R: sum(is.na(lung$wt.loss)) is 14.
    fit = cox(LUNG, ["age", "wt_loss"])
    assert (fit.attrs["n"], fit.attrs["dropped"]) == (214, 14)
    assert fit.attrs["warnings"] == ["14 of 228 rows left out: no value for wt_loss"]
    # 165 events over 2 terms.
    assert cox(LUNG, ["age", "sex"]).attrs["events_per_variable"] == 82.5
    assert proportional_hazards_test(LUNG, ["age", "wt_loss"]).attrs["dropped"] == 14


# Kinds of columns


def test_true_and_false_are_one_and_nought_and_numbers_that_are_objects_no_levels():
    frame = LUNG.assign(male=LUNG["sex"] == 1, number=(LUNG["sex"] == 1).astype(int))
    np.testing.assert_allclose(numbers(cox(frame, "male")), numbers(cox(frame, "number")))
    nullable = frame.assign(male=frame["male"].astype("boolean").where(frame.index > 0))
    assert cox(nullable, "male")["term"].tolist() == ["male"]
    assert cox(nullable, "male").attrs["n"] == 227
    objects = LUNG.assign(age=LUNG["age"].astype(object).where(LUNG.index > 0, None))
    floats = LUNG.assign(age=LUNG["age"].astype(float).where(LUNG.index > 0))
    assert cox(objects, "age").equals(cox(floats, "age"))


def test_categories_keep_their_order_and_text_is_sorted():
    grade = pd.Categorical(["low", "high", "mid", "low", "high", "mid"], ["low", "mid", "high"])
    frame = pd.DataFrame({"time": [5, 1, 3, 6, 4, 2], "event": 1, "grade": grade})
    assert cox(frame, "grade")["term"].tolist() == ["grade[mid]", "grade[high]"]
    text = frame.assign(grade=frame["grade"].astype(str))
    assert cox(text, "grade")["term"].tolist() == ["grade[low]", "grade[mid]"]


# What is refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"event": [1, 2, 1, 2]}, r"event: neither 0/1 nor True/False in rows 1 \(2\), 3 \(2\)"),
        ({"event": ["dead", "alive"] * 2}, r"event: neither 0/1.*'dead'"),
        ({"time": [1, -2, 3, 4]}, r"time: negative in row 1 \(-2"),
        ({"time": [1, np.nan, 3, 4]}, "time: missing in row 1"),
        ({"entry": [0, 2, 1, 1]}, r"entry: not before the time of that row in row 1 \(2"),
        ({"x": pd.to_datetime(["2020-01-01"] * 4)}, "x: dates cannot be a covariate"),
        ({"x": [1, 2, np.inf, 0]}, "x: infinite in row 2"),
    ],
)
def test_an_outcome_or_covariate_without_meaning_is_refused(change, said):
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "event": 1, "x": [1, 0, 1, 0], "entry": 0})
    with pytest.raises(SurvivalInputError, match=said):
        cox(frame.assign(**change), "x", entry="entry")


@pytest.mark.parametrize(
    ("covariates", "options", "said"),
    [
        (["agee"], {}, "covariates: there is no column 'agee'; did you mean 'age'"),
        (["age"], {"strata": "centre"}, "strata: there is no column 'centre'"),
        (["age"], {"time": "months"}, "time: there is no column 'months'"),
        (["age", "age"], {}, "age given more than once"),
        (["age", "event"], {}, "event is the outcome"),
        ([], {}, "covariates: none given"),
        (5, {}, "covariates: 5 is no column name"),
        (["age"], {"ties": "exact"}, "ties: 'exact' is unknown. Use one of 'efron', 'breslow'"),
        (["age"], {"penalty": "ridge"}, "penalty: 'ridge'"),
        (["age"], {"confidence": 95}, "confidence: 95"),
        (["age"], {"confidence": "95%"}, "confidence: '95%'"),
    ],
)
def test_an_unknown_column_or_option_is_refused(covariates, options, said):
    with pytest.raises(SurvivalInputError, match=said):
        cox(LUNG, covariates, **options)


def test_what_is_no_frame_or_event_table_and_a_logarithm_of_nought_are_refused():
    with pytest.raises(SurvivalInputError, match=r"table: lacks \['group', 'at_risk'"):
        cox_from_table(pd.DataFrame({"time": [1], "events": [1]}))
    with pytest.raises(SurvivalInputError, match="frame: a list is no DataFrame"):
        cox([1, 2], ["age"])
    with pytest.raises(SurvivalInputError, match="covariates: 2 columns are named 'age'"):
        cox(pd.concat([LUNG, LUNG[["age"]]], axis=1), ["age"])
    frame = pd.DataFrame({"time": [0, 1, 2, 3], "event": 1, "x": [1, 0, 1, 0]})
    with pytest.raises(SurvivalInputError, match="event at time 0"):
        proportional_hazards_test(frame, "x", transform="log")
