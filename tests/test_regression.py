"""Cox regression and the test of proportional hazards, by hand, against R and by second routes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from firthmodels import FirthCoxPH
from lifelines import CoxPHFitter
from scipy.optimize import minimize, minimize_scalar

from vlms.survival import (
    SurvivalInputError,
    cox,
    cox_fit,
    cox_from_table,
    event_table,
    log_rank,
    partial_likelihood,
    proportional_hazards_test,
    risk_sets,
)
from vlms.survival.covariates import model_frame

# Made by tests/reference/regression.R
REFERENCE = Path(__file__).parent / "reference"
FITS = pd.read_csv(REFERENCE / "regression_cox.csv")
TESTS = pd.read_csv(REFERENCE / "regression_zph.csv")
CASES = list(FITS.groupby(["case", "ties"], sort=False).groups)
ESTIMATES = {
    "log_hazard_ratio": "coef",
    "std_error": "std_error",
    "lower": "lower",
    "upper": "upper",
    "p_value": "p",
}


def data_of(name):
    return pd.read_csv(REFERENCE / f"regression_data_{name}.csv")


def case_of(case, ties):
    """The frame, the covariates and the options of one reference fit, and R's rows for it."""
    theirs = FITS[(FITS["case"] == case) & (FITS["ties"] == ties)]
    first = theirs.iloc[0]
    options = {name: first[name] for name in ("time", "entry", "strata", "cluster")}
    options = {name: column for name, column in options.items() if isinstance(column, str)}
    return data_of(first["data"]), first["covariates"].split(), options | {"ties": ties}, theirs


def numbers(table):
    return table.drop(columns="term").to_numpy()


LUNG = data_of("lung")
KIDNEY = data_of("kidney")
SEPARATED = pd.DataFrame(
    {
        "time": range(1, 11),
        "event": [1, 1, 1, 1, 0, 1, 0, 1, 0, 0],
        "x": [1, 1, 1, 1, 0, 1, 0, 1, 0, 0],
        "z": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3],
        "g": list("aabbcacbcc"),
    }
)


# Against R


@pytest.mark.parametrize(("case", "ties"), CASES)
def test_a_fit_is_that_of_coxph(case, ties):
    frame, covariates, options, theirs = case_of(case, ties)
    ours = cox(frame, covariates, **options)
    assert len(ours) == len(theirs)
    for column, name in ESTIMATES.items():
        np.testing.assert_allclose(
            ours[column], theirs[name], rtol=1e-7, atol=1e-10, err_msg=column
        )
    said, first = ours.attrs, theirs.iloc[0]
    np.testing.assert_allclose(said["naive_std_error"], theirs["naive"], rtol=1e-8)
    np.testing.assert_allclose(
        [said["n"], said["events"], said["log_likelihood"], said["null_log_likelihood"]],
        [first["n"], first["events"], first["loglik"], first["loglik0"]],
        rtol=1e-11,
    )
    np.testing.assert_allclose(
        [said[f"{name}_test"]["statistic"] for name in ("likelihood_ratio", "wald", "score")],
        [first["lr"], first["wald"], first["score"]],
        rtol=1e-8,
    )
    assert said["likelihood_ratio_test"]["df"] == first["lr_df"]


@pytest.mark.parametrize(("case", "ties"), TESTS.groupby(["case", "ties"]).groups)
def test_the_test_of_proportional_hazards_is_cox_zph(case, ties):
    frame, covariates, options, _ = case_of(case, ties)
    for transform, theirs in TESTS.query("case == @case and ties == @ties").groupby("transform"):
        ours = proportional_hazards_test(frame, covariates, transform=transform, **options)
        assert ours["term"].tolist() == theirs["term"].tolist()
        assert ours["df"].tolist() == theirs["df"].tolist()
        np.testing.assert_allclose(ours["chi2"], theirs["chi2"], rtol=1e-6, err_msg=transform)
        np.testing.assert_allclose(ours["p_value"], theirs["p"], rtol=1e-6, err_msg=transform)


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


@pytest.mark.parametrize(
    ("ties", "denominator"),
    [
        # Two deaths (x = 1, 0) among x = 1, 1, 0, 0: Breslow takes 2θ + 2 twice; Efron, the
        # second time, takes half of the dead away: 2θ + 2 - (θ + 1)/2.
        ("breslow", lambda t: (2 * t + 2) ** 2),
        ("efron", lambda t: (2 * t + 2) * (1.5 * t + 1.5)),
    ],
)
def test_tied_deaths_by_hand(ties, denominator):
    # Month 1: deaths x = 1 and x = 0. Month 2: one death, x = 1, among x = 1, 0.
    frame = pd.DataFrame({"time": [1, 1, 2, 3], "event": [1, 1, 1, 0], "x": [1, 0, 1, 0]})

    def minus_log_likelihood(b):
        theta = np.exp(b)
        return -np.log(theta / denominator(theta) * theta / (theta + 1))

    best = minimize_scalar(minus_log_likelihood, bounds=(-5, 5), method="bounded")
    fit = cox(frame, "x", ties=ties)
    assert fit["log_hazard_ratio"][0] == pytest.approx(best.x, abs=1e-5)
    assert fit.attrs["log_likelihood"] == pytest.approx(-best.fun, abs=1e-10)


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


def test_firth_with_a_single_event_by_hand():
    # The one death, x = 1, is among x = 1, 0: log-likelihood β - log(1 + θ), information
    # θ/(1 + θ)². Penalised: 3β/2 - 2 log(1 + θ), with slope 3/2 - 2θ/(1 + θ) = 0 at θ = 3, where
    # the information is 3/16. (Steps by the information alone never arrive here.)
    frame = pd.DataFrame({"time": [1, 2], "event": [1, 0], "x": [1, 0]})
    fit = cox(frame, "x", penalty="firth")
    assert fit["hazard_ratio"][0] == pytest.approx(3, rel=1e-9)
    assert fit["std_error"][0] == pytest.approx(np.sqrt(16 / 3), rel=1e-9)


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        # Found among random cohorts: the search went back and forth, or out of all numbers.
        ({"time": [1, 5, 1], "event": [1, 1, 0], "z": [1.6, -0.7, -1.2], "s": [1, 2, 1]},
         {"strata": "s"}),
        ({"time": [1, 2, 3, 4], "event": [1, 1, 1, 0], "z": [0.1, 1e4, 0.2, 0.1]}, {}),
    ],
)  # fmt: skip
def test_firth_arrives_in_awkward_cohorts(columns, options):
    fit = cox(pd.DataFrame(columns), "z", penalty="firth", **options)
    assert np.isfinite(fit[["log_hazard_ratio", "std_error", "p_value"]].to_numpy()).all()
    assert fit.attrs["warnings"] == []


# By a second route


@pytest.mark.parametrize("covariates", [["age", "sex"], ["age", "sex", "ph_karno", "wt_loss"]])
def test_firth_is_that_of_firthmodels_where_both_apply(covariates):
    few = LUNG.dropna(subset=covariates).sample(40, random_state=2).assign(event=lambda d: d.event)
    outcome = np.array(
        list(zip(few["event"] == 1, few["time"].astype(float), strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    standard = few[covariates] / few[covariates].std()
    other = FirthCoxPH(gtol=1e-7, xtol=1e-9, max_iter=200).fit(standard.to_numpy(), outcome)
    ours = cox(few.assign(**standard), covariates, ties="breslow", penalty="firth")
    np.testing.assert_allclose(ours["log_hazard_ratio"], other.coef_, atol=1e-6)
    np.testing.assert_allclose(ours["std_error"], other.bse_, rtol=1e-6)
    limits = np.exp(other.conf_int(method="pl"))
    np.testing.assert_allclose(ours[["lower", "upper"]], limits, rtol=1e-4)
    assert ours.attrs["log_likelihood"] == pytest.approx(other.loglik_, rel=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_firth_with_strata_entry_and_ties_is_where_a_blind_search_ends(ties):
    # The slope of the penalty is the one thing not in the unpenalised fit, which R confirms; a
    # search that uses no slopes must end at the same place.
    frame = data_of("heart").head(60)
    covariates, options = ["age", "transplant"], {"entry": "entry", "strata": "surgery"}
    data = model_frame(frame, covariates, time="time", event="event", **options)
    sets = risk_sets.risk_sets(data.outcome, stratum=data.stratum)
    likelihood = partial_likelihood.PartialLikelihood(sets, data.matrix, ties)

    def loss(beta):
        value, _, information = likelihood.value(beta)
        return -value - np.linalg.slogdet(information)[1] / 2

    best = minimize(loss, [0, 0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    fit = cox(frame, covariates, ties=ties, penalty="firth", **options)
    np.testing.assert_allclose(fit["log_hazard_ratio"], best.x, atol=1e-6)
    assert fit.attrs["log_likelihood"] == pytest.approx(-best.fun, rel=1e-10)
    plain = cox(frame, covariates, ties=ties, **options)
    assert not np.allclose(fit["log_hazard_ratio"], plain["log_hazard_ratio"], atol=1e-4)


def test_a_fit_is_that_of_lifelines():
    few = LUNG[["time", "event", "age", "sex"]]
    other = CoxPHFitter().fit(few, "time", "event").summary
    ours = cox(few, ["age", "sex"])
    np.testing.assert_allclose(ours["log_hazard_ratio"], other["coef"], rtol=1e-5)
    np.testing.assert_allclose(ours["std_error"], other["se(coef)"], rtol=1e-5)


def test_the_score_test_of_one_group_is_the_log_rank_test():
    # True without ties; with Breslow's and Efron's handling of ties it is only close.
    untied = LUNG.drop_duplicates("time")
    score = cox(untied, "sex").attrs["score_test"]["statistic"]
    assert score == pytest.approx(
        log_rank(untied["time"], untied["event"], untied["sex"]).statistic
    )


def test_every_row_twice_is_twice_the_information_with_breslow_ties():
    once = cox(LUNG, ["age", "sex"], ties="breslow")
    twice = cox(pd.concat([LUNG, LUNG], ignore_index=True), ["age", "sex"], ties="breslow")
    np.testing.assert_allclose(twice["log_hazard_ratio"], once["log_hazard_ratio"], rtol=1e-9)
    np.testing.assert_allclose(twice["std_error"], once["std_error"] / np.sqrt(2), rtol=1e-9)


def test_every_row_twice_in_clusters_has_the_robust_error_of_once():
    once = LUNG.assign(patient=range(len(LUNG)))
    twice = pd.concat([once, once], ignore_index=True)
    options = {"ties": "breslow", "cluster": "patient"}
    np.testing.assert_allclose(
        numbers(cox(twice, ["age", "sex"], **options)),
        numbers(cox(once, ["age", "sex"], **options)),
        rtol=1e-8,
    )


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
    assert any(
        text.startswith("group[g1]: the events say nothing") for text in fit.attrs["warnings"]
    )
    penalised = cox(frame, "group", strata="stratum", penalty="firth")
    assert penalised["hazard_ratio"].between(1e-3, 1e3).all()


def test_an_empty_reference_level_is_said():
    # R: lung$s <- factor(lung$sex, 0:2); coxph(Surv(time, status) ~ s, lung)$coefficients
    # s1 0.5310235, s2 NA
    levels = LUNG.assign(s=pd.Categorical(LUNG["sex"], [0, 1, 2]))
    fit = cox(levels, "s")
    assert fit["log_hazard_ratio"].round(7).tolist()[0] == 0.5310235
    assert np.isnan(fit["log_hazard_ratio"][1])
    assert (
        "no patient has the reference level 0; its terms are against 2" in fit.attrs["warnings"][0]
    )


def test_one_cluster_has_no_robust_error_and_says_so():
    # R: coxph(Surv(time, status) ~ age, lung, cluster = rep(1, 228)) prints a robust error of
    # 9.5e-13 and P = 0
    fit = cox(LUNG.assign(centre=1), "age", cluster="centre")
    assert fit["hazard_ratio"].notna().all()
    assert fit[["std_error", "lower", "upper", "p_value"]].isna().all(axis=None)
    assert np.isnan(fit.attrs["wald_test"]["statistic"])
    assert "influences cancel within clusters (1 in all)" in fit.attrs["warnings"][0]


def test_fewer_clusters_than_terms_have_no_wald_test_together():
    # R: coxph(Surv(time, status) ~ age + sex, lung, cluster = (0:227) %% 2)$wald.test is 1.57858,
    # on 2 degrees of freedom from a covariance of rank 1: one term is silently left out
    halves = LUNG.assign(half=np.arange(len(LUNG)) % 2)
    fit = cox(halves, ["age", "sex"], cluster="half")
    assert fit["std_error"].notna().all()
    assert np.isnan(fit.attrs["wald_test"]["statistic"])
    assert "2 clusters are too few" in fit.attrs["warnings"][0]


def test_a_stratum_for_everyone_without_an_event_changes_nothing():
    more = pd.concat(
        [LUNG.assign(part="a"), LUNG.head(20).assign(part="b", event=0)], ignore_index=True
    )
    with_it = cox(more, ["age", "sex"], strata="part")
    np.testing.assert_allclose(numbers(with_it), numbers(cox(LUNG, ["age", "sex"])), rtol=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", ["lung_months", "heart_three", "lung_by_inst", "bladder_by_enum"])
def test_counts_at_risk_and_cumulative_sums_give_one_answer(case, ties, monkeypatch):
    frame, covariates, options, _ = case_of(case, ties)
    table = cox(frame, covariates, **options)
    monkeypatch.setattr(risk_sets, "MOST_TABLE_CELLS", 0)
    monkeypatch.setattr(risk_sets, "MOST_TABLE_PATTERNS", 0)
    sums = cox(frame, covariates, **options)
    np.testing.assert_allclose(numbers(sums), numbers(table), rtol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("options", [{}, {"strata": "inst"}, {"entry": "born", "time": "end"}])
def test_patients_with_equal_covariates_may_be_counted_together(ties, options, monkeypatch):
    covariates = ["sex", "ph_ecog"]
    single = cox(LUNG, covariates, ties=ties, **options)
    monkeypatch.setattr(cox_fit, "FEWEST_COLLAPSED", 1)
    together = cox(LUNG, covariates, ties=ties, **options)
    np.testing.assert_allclose(numbers(together), numbers(single), rtol=1e-8)
    monkeypatch.setattr(partial_likelihood, "MOST_TERM_CELLS", 0)
    np.testing.assert_allclose(
        numbers(cox(LUNG, covariates, ties=ties, **options)), numbers(single), rtol=1e-8
    )


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_an_event_table_is_enough_for_a_categorical_covariate(ties):
    frame = data_of("veteran")
    table = event_table(frame["time"], frame["event"], frame["celltype"])
    whole = cox(frame, "celltype", ties=ties)
    counted = cox_from_table(table, ties=ties)
    assert counted["term"].tolist() == ["group[large]", "group[smallcell]", "group[squamous]"]
    np.testing.assert_allclose(numbers(counted), numbers(whole), rtol=1e-9)
    assert counted.attrs["n"] == 137


# What must not matter


def test_row_order_does_not_matter():
    shuffled = LUNG.sample(frac=1, random_state=7)
    np.testing.assert_allclose(
        numbers(cox(shuffled, ["age", "sex"])), numbers(cox(LUNG, ["age", "sex"])), rtol=1e-10
    )


def test_the_unit_of_time_does_not_matter():
    months = LUNG.assign(time=LUNG["time"] / 30.4375)
    np.testing.assert_allclose(
        numbers(cox(months, ["age", "sex"])), numbers(cox(LUNG, ["age", "sex"])), rtol=1e-10
    )
    by = {"transform": "identity"}
    np.testing.assert_allclose(
        proportional_hazards_test(months, ["age", "sex"], **by)["chi2"],
        proportional_hazards_test(LUNG, ["age", "sex"], **by)["chi2"],
        rtol=1e-9,
    )


@pytest.mark.parametrize("penalty", [None, "firth"])
def test_the_unit_and_the_origin_of_a_covariate_only_rescale_its_coefficient(penalty):
    moved = LUNG.assign(age=1000 * LUNG["age"] + 1e6)
    here = cox(LUNG, ["age", "sex"], penalty=penalty)
    there = cox(moved, ["age", "sex"], penalty=penalty)
    np.testing.assert_allclose(there["log_hazard_ratio"] * [1000, 1], here["log_hazard_ratio"],
                               rtol=1e-6)  # fmt: skip
    np.testing.assert_allclose(there["p_value"], here["p_value"], rtol=1e-6)


def test_swapped_labels_turn_the_hazard_ratio_over():
    frame = KIDNEY.assign(sex=KIDNEY["sex"].map({1: "m", 2: "f"}))
    swapped = frame.assign(sex=frame["sex"].map({"m": "f", "f": "m"}))
    here, there = cox(frame, "sex"), cox(swapped, "sex")
    assert here["term"].tolist() == ["sex[m]"]
    assert there["hazard_ratio"][0] == pytest.approx(1 / here["hazard_ratio"][0], rel=1e-9)
    assert there["lower"][0] == pytest.approx(1 / here["upper"][0], rel=1e-9)


@pytest.mark.parametrize("penalty", [None, "firth"])
def test_an_added_constant_column_is_na_and_moves_nothing(penalty):
    with_it = cox(LUNG.assign(one=7.0), ["one", "age"], penalty=penalty)
    without = cox(LUNG, ["age"], penalty=penalty)
    assert np.isnan(numbers(with_it)[0]).all()
    np.testing.assert_allclose(numbers(with_it)[1], numbers(without)[0], rtol=1e-12)
    assert "one: the same value in every row" in with_it.attrs["warnings"][0]


# What has no answer says so


def test_a_level_without_events_is_na_and_named():
    # R: coxph(Surv(time, event) ~ g + z): g[b] -2.414870357885 (1.61679034877), g[c] -25.07,
    # z -0.435650440423 (0.256268233959).
    fit = cox(SEPARATED, ["g", "z"])
    assert fit["term"].tolist() == ["g[b]", "g[c]", "z"]
    np.testing.assert_allclose(
        fit["log_hazard_ratio"], [-2.414870357885, np.nan, -0.435650440423], rtol=1e-7
    )
    np.testing.assert_allclose(fit["std_error"], [1.61679034877, np.nan, 0.256268233959], rtol=1e-6)
    assert "no event among those with g[c]" in " ".join(fit.attrs["warnings"])


def test_a_reference_level_without_events_takes_all_its_levels_along_but_not_the_rest():
    # The same model as above with another reference: z must keep its estimate and error.
    renamed = SEPARATED.assign(g=SEPARATED["g"].map({"c": "1", "a": "2", "b": "3"}))
    fit = cox(renamed, ["g", "z"])
    assert fit["hazard_ratio"].isna().tolist() == [True, True, False]
    assert fit["std_error"][2] == pytest.approx(0.256268233959, rel=1e-6)
    assert "no event at the reference level of g" in fit.attrs["warnings"][0]


@pytest.mark.parametrize("x", [[1, 1, 1, 0, 0, 0], [9, 7, 5, 4, 3, 2], [2, 3, 4, 5, 7, 9]])
def test_a_monotone_likelihood_is_na_and_firth_finite(x):
    frame = pd.DataFrame({"time": range(1, 7), "event": 1, "x": x})
    fit = cox(frame, "x")
    assert np.isnan(numbers(fit)).all()
    assert "monotone likelihood" in fit.attrs["warnings"][0]
    assert np.isnan(fit.attrs["wald_test"]["p_value"])
    firth = cox(frame, "x", penalty="firth")
    assert np.isfinite(numbers(firth)).all()
    assert firth.attrs["warnings"] == []
    assert proportional_hazards_test(frame, "x")["p_value"].isna().all()


def test_separation_by_two_covariates_together_is_seen():
    # Neither x nor y alone is in order of death; x + y is.
    frame = pd.DataFrame(
        {"time": range(1, 6), "event": 1, "x": [5, 1, 4, 0, 0], "y": [4, 7, 2, 5, 0]}
    )
    fit = cox(frame, ["x", "y"])
    assert fit["hazard_ratio"].isna().all()


def test_a_strong_effect_is_not_taken_for_separation():
    # One patient out of order keeps the estimate finite, however large.
    time = np.arange(1, 41)
    frame = pd.DataFrame({"time": time, "event": 1, "x": 40.0 - time})
    frame.loc[20, "x"], frame.loc[21, "x"] = frame.loc[21, "x"], frame.loc[20, "x"]
    fit = cox(frame, "x")
    assert np.isfinite(numbers(fit)).all()
    assert fit.attrs["warnings"] == []


def test_without_events_there_is_nothing_to_estimate():
    fit = cox(LUNG.assign(event=0), ["age", "sex"])
    assert np.isnan(numbers(fit)).all()
    assert "no event" in fit.attrs["warnings"][-1]
    assert fit.attrs["events"] == 0


def test_an_empty_level_is_na_and_named():
    sex = pd.Categorical(["f", "m", "f", "m"], categories=["f", "m", "x"])
    fit = cox(pd.DataFrame({"time": [1, 2, 3, 4], "event": 1, "sex": sex}), "sex")
    assert fit["term"].tolist() == ["sex[m]", "sex[x]"]
    assert fit["hazard_ratio"].isna().tolist() == [False, True]
    assert fit.attrs["warnings"] == ["sex[x]: no patient has this level; no estimate"]


def test_a_covariate_that_only_differs_between_strata_is_na():
    fit = cox(LUNG, ["sex", "age"], strata="sex")
    assert fit["hazard_ratio"].isna().tolist() == [True, False]
    assert "does not differ among those at risk" in fit.attrs["warnings"][0]


def test_patients_with_a_missing_covariate_are_left_out_and_counted():
    # R: sum(is.na(lung$wt.loss)) is 14.
    fit = cox(LUNG, ["age", "wt_loss"])
    assert (fit.attrs["n"], fit.attrs["dropped"]) == (214, 14)
    assert fit.attrs["warnings"] == ["14 of 228 rows left out: no value for wt_loss"]


def test_events_per_variable_stand_with_each_fit():
    # 165 events over 2 terms.
    assert cox(LUNG, ["age", "sex"]).attrs["events_per_variable"] == 82.5


# Kinds of columns


def test_true_and_false_are_one_and_nought_missing_ones_left_out():
    frame = LUNG.assign(male=LUNG["sex"] == 1, number=(LUNG["sex"] == 1).astype(int))
    nullable = frame.assign(male=frame["male"].astype("boolean"))
    nullable.loc[0, "male"] = pd.NA
    assert cox(frame, "male")["term"].tolist() == ["male"]
    np.testing.assert_allclose(numbers(cox(frame, "male")), numbers(cox(frame, "number")))
    assert cox(nullable, "male").attrs["n"] == 227


def test_categories_keep_their_order_and_text_is_sorted():
    grade = pd.Categorical(["low", "high", "mid", "low", "high", "mid"], ["low", "mid", "high"])
    frame = pd.DataFrame({"time": [5, 1, 3, 6, 4, 2], "event": 1, "grade": grade})
    assert cox(frame, "grade", penalty="firth")["term"].tolist() == ["grade[mid]", "grade[high]"]
    text = frame.assign(grade=frame["grade"].astype(str))
    assert cox(text, "grade", penalty="firth")["term"].tolist() == ["grade[low]", "grade[mid]"]


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
    ("arguments", "options", "said"),
    [
        (["agee"], {}, "covariates: there is no column 'agee'; did you mean 'age'"),
        (["age"], {"strata": "centre"}, "strata: there is no column 'centre'"),
        (["age"], {"time": "months"}, "time: there is no column 'months'"),
        (["age", "age"], {}, "age given more than once"),
        (["age", "event"], {}, "event is the outcome"),
        ([], {}, "covariates: none given"),
        (["age"], {"ties": "exact"}, "ties: 'exact' is not known; choose 'efron' or 'breslow'"),
        (["age"], {"penalty": "ridge"}, "penalty: 'ridge'"),
        (["age"], {"confidence": 95}, "confidence: 95"),
        (["age"], {"confidence": "95%"}, "confidence: '95%'"),
        (["age"], {"penalty": "firth", "cluster": "inst"}, "cluster: robust errors"),
    ],
)
def test_an_unknown_column_or_option_is_refused(arguments, options, said):
    with pytest.raises(SurvivalInputError, match=said):
        cox(LUNG, arguments, **options)


def test_two_columns_of_one_name_are_refused():
    twice = pd.concat([LUNG, LUNG[["age"]]], axis=1)
    with pytest.raises(SurvivalInputError, match="covariates: 2 columns are named 'age'"):
        cox(twice, ["age"])


def test_what_is_no_frame_is_refused():
    with pytest.raises(SurvivalInputError, match="frame: a list is no DataFrame"):
        cox([1, 2], ["age"])


def test_numbers_that_arrive_as_objects_are_no_levels():
    objects = LUNG.assign(age=LUNG["age"].astype(object).where(LUNG.index > 0, None))
    numbers_ = LUNG.assign(age=LUNG["age"].astype(float).where(LUNG.index > 0))
    assert cox(objects, "age").equals(cox(numbers_, "age"))


def test_the_logarithm_of_time_nought_is_refused():
    frame = pd.DataFrame({"time": [0, 1, 2, 3], "event": 1, "x": [1, 0, 1, 0]})
    with pytest.raises(SurvivalInputError, match="event at time 0"):
        proportional_hazards_test(frame, "x", transform="log")


def test_the_frame_that_is_given_stays_as_it_is():
    before = LUNG.copy()
    cox(LUNG, ["age", "wt_loss"])
    pd.testing.assert_frame_equal(LUNG, before)
