"""Pooled shares and hazard ratios, by hand and against metafor."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vlms.survival import SurvivalInputError, pool_log_hazard_ratios, pool_proportions

# Made by tests/reference/pooling.R. Its rows on Freeman and Tukey's scale are not met: the package
# pools shares on the logit only, since a pooled double arcsine has no exact inverse.
REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "pooling.csv")
REFERENCE = REFERENCE[REFERENCE["what"] != "freeman-tukey"]
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
        pooled = table.iloc[-1].rename({"log_hazard_ratio": "effect", "hazard_ratio": "shown"})
        assert pooled["p_value"] == pytest.approx(row.p, rel=1e-6)
    else:
        table = pool_proportions(*SHARES[row.set], **options)
        pooled = table.iloc[-1].rename({"share": "shown"})
    found = pooled[["effect", "std_error", "shown", "lower", "upper"]].astype(float)
    expected = [row.effect, row.std_error, row.pooled, row.lower, row.upper]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    found = [table.attrs[name] for name in ("tau_squared", "i_squared", "q", "q_p_value")]
    np.testing.assert_allclose(found, [row.tau2, row.i2, row.q, row.q_p], rtol=1e-6, atol=1e-9)
    if not np.isnan(row.predicted_lower):
        expected = [row.predicted_lower, row.predicted_upper]
        np.testing.assert_allclose(table.attrs["prediction"], expected, rtol=1e-6)


def test_two_equally_precise_hazard_ratios_meet_in_the_geometric_middle():
    # Log HR 0.2 and 0.6, each with error 0.2: middle 0.4, error 0.2 / sqrt(2); Q = 2 · (0.2/0.2)².
    table = pool_log_hazard_ratios([0.2, 0.6], [0.2, 0.2], study=["a", "b"], method="fixed")
    pooled = table.iloc[-1]
    assert pooled["log_hazard_ratio"] == pytest.approx(0.4)
    assert pooled["std_error"] == pytest.approx(0.2 / np.sqrt(2))
    assert table.attrs["q"] == pytest.approx(2)
    assert table["study"].tolist() == ["a", "b", "pooled"]


def test_a_study_without_events_keeps_a_share_of_nought_and_gets_half_an_event_on_the_logit():
    table = pool_proportions([0, 3], [10, 12], method="fixed")
    assert table["share"].iloc[0] == 0
    assert table["effect"].iloc[:2].tolist() == pytest.approx([np.log(0.5 / 10.5), np.log(3 / 9)])
    assert table.loc[2, ["events", "total"]].tolist() == [3, 22]


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        # The likelihood falls at 0, to rise again to its maximum above it.
        ([-0.15, 0, 1.19, -1.85, 1.14], [0.32, 0.08, 0.77, 0.76, 0.92]),
        # The second maximum, at 0.15, is lower than that at 0.
        ([0.52, 0.13, -1.87, -0.27, 0.8], [0.91, 0.71, 0.75, 0.09, 0.96]),
    ],
)
def test_of_two_maxima_of_the_restricted_likelihood_the_higher_is_taken(effect, error):
    def loss(between):
        weight = 1 / (np.square(error) + between)
        squares = (effect - weight @ effect / weight.sum()) ** 2
        return weight @ squares - np.log(weight).sum() + np.log(weight.sum())

    found = pool_log_hazard_ratios(effect, error).attrs["tau_squared"]
    assert loss(found) <= min(loss(between) for between in np.linspace(0, 5, 5001)) + 1e-9


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: pool_proportions([13], [12]), "13 of 12 .study 1."),
        (lambda: pool_proportions([5], [12]), "at least two"),
        (lambda: pool_proportions([5, 2.5], [12, 10]), "2.5 of 10"),
        (lambda: pool_proportions([5, 2], [12, 10], study=["a"]), "1 names for 2 studies"),
        (lambda: pool_log_hazard_ratios([0.1, 0.2], [0.1]), "1 values for 2 studies"),
        (lambda: pool_log_hazard_ratios([0.1, 0.2], [0.1, 0]), "std_error: not above 0"),
        (lambda: pool_log_hazard_ratios([0.1, np.nan], [0.1, 1]), "not a finite number in study 2"),
        (lambda: pool_log_hazard_ratios([0.1, 1], [0.1, 1], method="DL"), "method: 'DL'"),
    ],
)
def test_what_cannot_be_pooled_is_refused(call, said):
    with pytest.raises(SurvivalInputError, match=said):
        call()
