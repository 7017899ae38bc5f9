"""Pooled shares and hazard ratios, by hand and against metafor."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vlms.survival import SurvivalInputError, pool_log_hazard_ratios, pool_proportions

# Made by tests/reference/pooling.R
REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "pooling.csv")
SHARES = {
    "four": ([5, 17, 30, 8], [12, 63, 40, 9]),
    "zero": ([0, 3, 12], [10, 12, 12]),
    "alike": ([10, 21, 31], [20, 40, 60]),
    "two": ([7, 40], [12, 63]),
}
RATIOS = {
    "five": ([0.59, 0.10, -0.22, 0.88, 0.41], [0.207, 0.31, 0.4, 0.25, 0.15]),
    "alike": ([0.2, 0.25, 0.22], [0.3, 0.2, 0.4]),
    "two": ([-0.5, 0.7], [0.2, 0.3]),
}


@pytest.mark.parametrize("row", list(REFERENCE.itertuples()), ids=lambda r: f"{r.what}-{r.Index}")
def test_pooling_is_that_of_metafor(row):
    options = {"method": row.method, "hartung_knapp": row.hartung_knapp}
    if row.what == "ratio":
        table = pool_log_hazard_ratios(*RATIOS[row.set], **options)
        pooled = table.iloc[-1]
        effect, shown = pooled["log_hazard_ratio"], pooled["hazard_ratio"]
        assert pooled["p_value"] == pytest.approx(row.p, rel=1e-6)
    else:
        table = pool_proportions(*SHARES[row.set], scale=row.what, **options)
        pooled = table.iloc[-1]
        effect, shown = pooled["effect"], pooled["share"]
    found = [effect, pooled["std_error"], shown, pooled["lower"], pooled["upper"]]
    expected = [row.effect, row.std_error, row.pooled, row.lower, row.upper]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    said = table.attrs
    found = [said["tau_squared"], said["i_squared"], said["q"], said["q_p_value"]]
    np.testing.assert_allclose(found, [row.tau2, row.i2, row.q, row.q_p], rtol=1e-6, atol=1e-9)
    if not np.isnan(row.predicted_lower):
        expected = [row.predicted_lower, row.predicted_upper]
        np.testing.assert_allclose(said["prediction"], expected, rtol=1e-6)


def test_two_equally_precise_hazard_ratios_meet_in_the_geometric_middle():
    # Log HR 0.2 and 0.6, each with error 0.2: middle 0.4, error 0.2 / sqrt(2); Q = 2 · (0.2/0.2)².
    table = pool_log_hazard_ratios([0.2, 0.6], [0.2, 0.2], method="fixed")
    pooled = table.iloc[-1]
    assert pooled["log_hazard_ratio"] == pytest.approx(0.4)
    assert pooled["std_error"] == pytest.approx(0.2 / np.sqrt(2))
    assert table.attrs["q"] == pytest.approx(2)


def test_a_study_without_events_keeps_a_share_of_nought_and_gets_half_an_event_on_the_logit():
    table = pool_proportions([0, 3], [10, 12], method="fixed")
    assert table["share"].iloc[0] == 0
    assert table["effect"].iloc[0] == pytest.approx(np.log(0.5 / 10.5))
    assert table["effect"].iloc[1] == pytest.approx(np.log(3 / 9))


def test_like_studies_have_no_variance_between_them():
    for method in ("dersimonian-laird", "paule-mandel", "reml"):
        assert pool_log_hazard_ratios(*RATIOS["alike"], method=method).attrs["tau_squared"] == 0


def test_order_and_a_doubled_error_do_what_they_must():
    effect, error = map(np.array, RATIOS["five"])
    plain = pool_log_hazard_ratios(effect, error, method="fixed").iloc[-1]
    turned = pool_log_hazard_ratios(effect[::-1], error[::-1], method="fixed").iloc[-1]
    wider = pool_log_hazard_ratios(effect, 2 * error, method="fixed").iloc[-1]
    assert turned["log_hazard_ratio"] == pytest.approx(plain["log_hazard_ratio"], rel=1e-13)
    assert wider["std_error"] == pytest.approx(2 * plain["std_error"], rel=1e-13)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: pool_proportions([13], [12]), "13 of 12 .study 1."),
        (lambda: pool_proportions([5], [12]), "at least two"),
        (lambda: pool_proportions([5, 2.5], [12, 10]), "2.5 of 10"),
        (lambda: pool_proportions([5, 2], [12, 10], scale="raw"), "scale: 'raw'"),
        (lambda: pool_log_hazard_ratios([0.1, 0.2], [0.1]), "1 values for 2 studies"),
        (lambda: pool_log_hazard_ratios([0.1, 0.2], [0.1, 0]), "std_error: not above 0"),
        (lambda: pool_log_hazard_ratios([0.1, np.nan], [0.1, 1]), "not a finite number in study 2"),
        (lambda: pool_log_hazard_ratios([0.1, 1], [0.1, 1], method="DL"), "method: 'DL'"),
    ],
)
def test_what_cannot_be_pooled_is_refused(call, said):
    with pytest.raises(SurvivalInputError, match=said):
        call()
