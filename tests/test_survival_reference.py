"""Every table of R's values under tests/reference that is about curves and tests.

Not compared, because the package does not give them: the cumulative hazards and their errors in
``survival_curves.csv`` (running sums of events / at_risk over the rows of a curve), and the exact
test with Hothorn and Lausen's ties in ``survival_exact.csv`` (its scores are the mid-ranks ones).
The mid-p limits of bpcp come from a simulation and are good to three or four digits.
"""

import numpy as np
import pytest
from survival_reference import agree, data_set, data_sets, read, values_of

from vlms.survival import (
    cumulative_incidence,
    event_table,
    gray_test,
    kaplan_meier,
    log_rank,
    median_follow_up,
    pairwise_log_rank,
    restricted_mean,
    survival_at,
    survival_quantile,
)

SCALES = [("plain", 0.95), ("log", 0.95), ("log-log", 0.95), ("log-log", 0.9)]
QUANTILES = [0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9]


def names(table):
    return read(table)["dataset"].unique()


def curve_of(name, **options):
    frame, entry = data_set(name)
    return kaplan_meier(frame["time"], frame["event"], frame["group"], entry=entry, **options)


def columns_of(name):
    frame, _ = data_set(name)
    return frame["time"], frame["event"], frame["group"]


def same(found, expected, *columns):
    for column in columns:
        if column.startswith(("group", "cause")):
            assert found[column].tolist() == expected[column].tolist()
        else:
            agree(found[column], expected[column])


@pytest.mark.parametrize("name", data_sets())
def test_curves(name):
    # R: survfit0(survfit(Surv(entry, time, event) ~ group, conf.type = interval))
    expected = values_of("survival_curves", name)
    counted = ["group", "time", "at_risk", "events", "censored"]
    for interval, confidence in SCALES:
        curve = curve_of(name, interval=interval, confidence=confidence)
        assert curve.attrs == {"interval": interval, "confidence": confidence}
        assert curve.columns.tolist() == [*counted, "survival", "std_error", "lower", "upper"]
        same(curve, expected, *counted, "survival", "std_error")
        key = f"{interval.replace('-', '')}{100 * confidence:.0f}"
        agree(curve["lower"], expected[f"lower_{key}"])
        agree(curve["upper"], expected[f"upper_{key}"])
    frame, entry = data_set(name)
    table = event_table(frame["time"], frame["event"], frame["group"], entry=entry)
    expected = expected[expected["events"] + expected["censored"] > 0]
    same(table, expected, *counted)


@pytest.mark.parametrize("name", names("survival_at"))
def test_survival_at_times(name):
    # R: summary(survfit(...), times = times)
    curve = curve_of(name)
    for label, mine in curve.groupby("group"):
        expected = values_of("survival_at", name, group=label)
        found = survival_at(mine, expected["time"])
        same(found, expected, "at_risk", "survival", "lower", "upper")


@pytest.mark.parametrize("name", data_sets())
def test_quantiles(name):
    # R: quantile(survfit(...), probs = c(0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9))
    for interval, confidence in SCALES:
        curve = curve_of(name, interval=interval, confidence=confidence)
        expected = values_of("survival_quantiles", name, interval=interval, confidence=confidence)
        found = survival_quantile(curve, QUANTILES)
        same(found, expected, "group", "quantile", "time", "lower", "upper")


@pytest.mark.parametrize("name", names("survival_follow_up"))
def test_follow_up(name):
    # R: quantile(survfit(Surv(time, 1 - event) ~ group, conf.type = "log-log"), 0.5)
    expected = values_of("survival_follow_up", name)
    same(median_follow_up(*columns_of(name)), expected, "group", "time", "lower", "upper")


@pytest.mark.parametrize("name", names("survival_restricted_means"))
def test_restricted_means(name):
    # R: print(survfit(...), rmean = horizon)
    for label, mine in curve_of(name).groupby("group"):
        expected = values_of("survival_restricted_means", name, group=label)
        found = restricted_mean(mine, expected["horizon"])
        same(found, expected, "rmst", "std_error")


@pytest.mark.parametrize("name", names("beta_product"))
def test_beta_product_limits(name):
    # R: bpcp(time, event, alpha = 1 - confidence, midp = midp)
    for confidence, midp in ((0.95, False), (0.9, False), (0.95, True)):
        kind = "beta-product-mid-p" if midp else "beta-product"
        curve = curve_of(name, interval=kind, confidence=confidence)
        for label, mine in curve.groupby("group"):
            where = {"group": label, "confidence": confidence, "midp": midp}
            expected = values_of("beta_product", name, **where)
            agree(mine["time"], expected["time"])
            near = {"atol": 5e-4, "rtol": 0} if midp else {"atol": 1e-12, "rtol": 1e-8}
            np.testing.assert_allclose(mine["lower"], expected["lower"], **near)
            np.testing.assert_allclose(mine["upper"], expected["upper"], **near)


@pytest.mark.parametrize("name", names("survival_log_rank"))
def test_log_rank(name):
    # R: survdiff(Surv(time, event) ~ group + strata(stratum), rho = rho)
    frame, _ = data_set(name)
    for (rho, stratified), expected in values_of("survival_log_rank", name).groupby(
        ["rho", "stratified"]
    ):
        expected = expected.reset_index(drop=True)
        found = log_rank(
            *columns_of(name), strata=frame["stratum"] if stratified else None, rho=rho
        )
        test = ["statistic", "df", "p_value"]
        agree([getattr(found, key) for key in test], expected.loc[0, test])
        assert found.table.columns.tolist() == ["group", "n", "observed", "expected"]
        same(found.table, expected, "group", "n", "observed", "expected")


@pytest.mark.parametrize("name", names("survival_pairwise"))
@pytest.mark.parametrize("adjust", ["holm", "bonferroni", "BH"])
def test_pairs(name, adjust):
    # R: survdiff on each pair, p.adjust(p, adjust)
    expected = values_of("survival_pairwise", name)
    found = pairwise_log_rank(*columns_of(name), adjust=adjust)
    same(found, expected, "group_a", "group_b", "statistic", "p_value")
    agree(found["p_adjusted"], expected[adjust])


@pytest.mark.parametrize("name", names("survival_exact"))
def test_the_exact_test(name):
    # R: coin::logrank_test(Surv(time, event) ~ group, distribution = "exact")
    expected = values_of("survival_exact", name, ties="mid-ranks")
    agree([log_rank(*columns_of(name), method="exact").p_value], expected["p_value"])


@pytest.mark.parametrize("name", names("competing_risks_data"))
def test_cumulative_incidence(name):
    # R: survfit(Surv(time, factor(cause)) ~ group, conf.type = "log")
    data = values_of("competing_risks_data", name)
    # R's other scales are left out: the package offers survfit's own, the logarithm.
    expected = values_of("competing_risks_incidence", name, interval="log")
    found = cumulative_incidence(data["time"], data["cause"], data["group"])
    key = ["group", "cause", "time"]
    both = expected.merge(found, on=key, how="left", suffixes=("", "_found"))
    for column in ("at_risk", "incidence", "std_error", "lower", "upper"):
        agree(both[f"{column}_found"], both[column])


@pytest.mark.parametrize("name", names("competing_risks_gray"))
def test_gray(name):
    # R: cmprsk::cuminc(time, cause, group, strata)$Tests
    data = values_of("competing_risks_data", name)
    for strata, expected in values_of("competing_risks_gray", name).groupby("strata"):
        within = data["stratum"] if strata == "yes" else None
        found = gray_test(data["time"], data["cause"], data["group"], strata=within)
        same(found, expected, "cause", "statistic", "df")
        agree(found["p_value"], expected["p"])
