"""Are hazard ratios constant over time? The score test, as `cox.zph` of R's survival 3 gives it.

Own code because `proportional_hazard_test` of lifelines 0.30 is the approximation of 1994.

Source: Grambsch & Therneau, Biometrika 1994;81:515, section 3 (the exact score test, before
their approximation to it).
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.covariates import model_frame
from vlms.survival.cox_fit import fit_rows
from vlms.survival.event_table import count_events
from vlms.survival.regression import one_of


def proportional_hazards_test(
    frame,
    covariates,
    *,
    transform="km",
    time="time",
    event="event",
    entry=None,
    strata=None,
    ties="efron",
    cluster=None,
):
    """Test whether hazard ratios are constant over time, by the score test.

    Each covariate is given a second coefficient that multiplies a function of time; the test is
    the score test of that coefficient being 0, at the fit without it.

    Parameters
    ----------
    frame, covariates, time, event, entry, strata, ties, cluster
        As `cox`; clusters change nothing but who is left out for a missing value, as in R.
    transform : {"km", "identity", "rank", "log"}
        The function of time: 1 - Kaplan-Meier just before it, the time itself, the rank of the
        event, or its logarithm.

    Returns
    -------
    DataFrame
        ``term, chi2, df, p_value``, one row a covariate (all levels of a category together), and
        last the row ``GLOBAL``. NA for a covariate without a finite estimate, and where there are
        too few event times for a second coefficient.

    Raises
    ------
    SurvivalInputError
        As `cox`, and for an unknown transform.

    Notes
    -----
    R (survival 3.0 and later): ``cox.zph(coxph(...), transform = "km")``. It is not the
    approximation of 1994, which lifelines still has and which assumes that the covariance of the
    covariates within the risk set stays the same throughout.

    Examples
    --------
    >>> cohort = pd.DataFrame(
    ...     {"time": [1, 2, 3, 4, 5], "event": True, "age_years": [70, 50, 64, 58, 66]}
    ... )
    >>> proportional_hazards_test(cohort, "age_years", transform="identity").round(3)
            term   chi2  df  p_value
    0  age_years  1.838   1    0.175
    1     GLOBAL  1.838   1    0.175
    """
    one_of("ties", ties, ("efron", "breslow"))
    one_of("transform", transform, ("km", "identity", "rank", "log"))
    data = model_frame(
        frame, covariates, time=time, event=event, entry=entry, strata=strata, cluster=cluster
    )
    fit = fit_rows(data, ties=ties, collapse=False)
    known = fit.peak is not None and fit.peak.converged
    columns = np.array(data.owners, dtype=object)[fit.usable]
    statistic = _score_statistic(fit, transform) if known else None
    rows = []
    for term in [*dict.fromkeys(data.owners), "GLOBAL"]:
        tested = np.flatnonzero((columns == term) | (term == "GLOBAL"))
        chi2 = statistic(tested) if known and tested.size else np.nan
        rows.append((term, chi2, tested.size, float(chdtrc(tested.size, chi2))))
    table = pd.DataFrame(rows, columns=["term", "chi2", "df", "p_value"])
    table.attrs = {
        "n": fit.n,
        "events": fit.events,
        "transform": transform,
        "ties": ties,
        "warnings": fit.warnings,
    }
    return table


def _score_statistic(fit, transform):
    """A function from columns to the score statistic of their interaction with time."""
    by = _time_function(fit, transform)
    by = by - np.average(by, weights=fit.sets.died)
    point = fit.likelihood.evaluate(fit.peak.beta)
    score = point.weighted(by)[0]
    plain, once, twice = (point.weighted(by**power)[1] for power in (0, 1, 2))
    information = np.block([[plain, once], [once, twice]])
    size = score.size

    def statistic(columns):
        keep = np.concatenate([np.arange(size), size + columns])
        gain = np.concatenate([np.zeros(size), score[columns]])
        part = information[np.ix_(keep, keep)]
        unit = np.sqrt(np.diag(part))
        if not (unit > 0).all() or np.linalg.cond(part / np.outer(unit, unit)) > 1e13:
            return np.nan
        return float(gain @ np.linalg.solve(part, gain))

    return statistic


def _time_function(fit, transform):
    """Value of the transform at each event time, strata taken together as R does."""
    times, outcome = fit.sets.times, fit.data.outcome
    if transform == "identity":
        return times
    if transform == "log":
        if (times <= 0).any():
            raise SurvivalInputError(
                'transform: "log" of an event at time 0 does not exist; choose "km" or "rank".'
            )
        return np.log(times)
    if transform == "rank":
        every = np.sort(outcome.time)
        below = np.searchsorted(every, times, side="left")
        return (below + np.searchsorted(every, times, side="right") + 1) / 2
    table = count_events(replace(outcome, code=np.zeros_like(outcome.code), labels=("all",)))
    hazard = table["events"].to_numpy() / np.maximum(table["at_risk"].to_numpy(), 1)
    survival = np.append(1.0, np.cumprod(1 - hazard))
    return 1 - survival[np.searchsorted(table["time"], times, side="left")]
