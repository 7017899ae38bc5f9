"""Cox regression and the test of proportional hazards in R's values, one test a table.

Left out are the rows of robust errors (with a `cluster`), which the package does not offer: their
estimates are those of the same fit without it. `cox.zph` does not depend on the cluster, but for
the rows that R leaves out where it is missing.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vlms.survival import cox, proportional_hazards_test, regression

# Made by tests/reference/regression.R
REFERENCE = Path(__file__).parent / "reference"
ALL = pd.read_csv(REFERENCE / "regression_cox.csv")
FITS = ALL[ALL["cluster"].isna()]
TESTS = pd.read_csv(REFERENCE / "regression_zph.csv")
ESTIMATES = {
    "log_hazard_ratio": "coef",
    "std_error": "std_error",
    "lower": "lower",
    "upper": "upper",
    "p_value": "p",
}


def arguments(case, ties):
    """Frame, covariates and options of one fit, and R's rows for it."""
    theirs = ALL.query("case == @case and ties == @ties")
    first = theirs.iloc[0]
    options = {name: first[name] for name in ("time", "entry", "strata")}
    options = {name: column for name, column in options.items() if isinstance(column, str)}
    frame = pd.read_csv(REFERENCE / f"regression_data_{first['data']}.csv")
    if isinstance(first["cluster"], str):
        frame = frame.dropna(subset=first["cluster"])
    return (frame, first["covariates"].split()), options | {"ties": ties}, theirs


@pytest.mark.parametrize(("case", "ties"), FITS.groupby(["case", "ties"], sort=False).groups)
def test_a_fit_is_that_of_coxph(case, ties):
    what, options, theirs = arguments(case, ties)
    ours, first = cox(*what, **options), theirs.iloc[0]
    assert len(ours) == len(theirs)
    for column, name in ESTIMATES.items():
        np.testing.assert_allclose(ours[column], theirs[name], rtol=1e-6, atol=1e-10)
    said = ours.attrs
    found = [said[name] for name in ("n", "events", "log_likelihood", "null_log_likelihood")]
    np.testing.assert_allclose(found, first[["n", "events", "loglik", "loglik0"]].astype(float))
    tests = [said[f"{name}_test"]["statistic"] for name in ("likelihood_ratio", "wald", "score")]
    np.testing.assert_allclose(tests, first[["lr", "wald", "score"]].astype(float), rtol=1e-6)
    assert said["likelihood_ratio_test"]["df"] == first["lr_df"]


@pytest.mark.parametrize(("case", "ties"), TESTS.groupby(["case", "ties"], sort=False).groups)
def test_the_test_of_proportional_hazards_is_cox_zph(case, ties, monkeypatch):
    # lifelines' start is held to R above; without it four fits a case take a tenth of the time.
    monkeypatch.setattr(regression, "_lifelines", lambda rows, x: np.zeros(x.shape[1]))
    what, options, _ = arguments(case, ties)
    for transform, theirs in TESTS.query("case == @case and ties == @ties").groupby("transform"):
        ours = proportional_hazards_test(*what, transform=transform, **options)
        assert ours["term"].tolist() == theirs["term"].tolist()
        assert ours["df"].tolist() == theirs["df"].tolist()
        np.testing.assert_allclose(ours["chi2"], theirs["chi2"], rtol=1e-6, err_msg=transform)
        np.testing.assert_allclose(ours["p_value"], theirs["p"], rtol=1e-6, err_msg=transform)
