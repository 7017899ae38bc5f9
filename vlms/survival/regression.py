"""Cox regression with R's answers: fits, Firth's penalty, proportional hazards, start/stop rows.

lifelines fits the model and firthmodels its penalised form. Own is what they lack: Breslow's ties,
Firth's penalty with strata or entry, fits from counts, `cox.zph` as R has had it since survival 3,
and Newton's method, which finishes what they leave unfinished (lifelines stops at a log hazard
ratio of 0.96 where R has 3.66) and sees where a likelihood has no maximum (lifelines returns 10¹²).

Sources: Cox, J R Stat Soc B 1972;34:187; Breslow, Biometrics 1974;30:89; Efron, JASA 1977;72:557;
Heinze & Schemper, Biometrics 2001;57:114 (Firth); Grambsch & Therneau, Biometrika 1994;81:515,
section 3 (the exact score test); Therneau & Grambsch, Modeling Survival Data, 2000, section 3.7.
"""

import warnings
from numbers import Real
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import chdtrc, chdtri, digamma, gammaln, ndtr, ndtri, polygamma

from vlms.survival.counts import (
    SurvivalInputError,
    check_choice,
    check_confidence,
    common_levels,
    delayed,
    observations,
    refuse_rows,
    require_column,
    sorted_positions,
    times_or_never,
)

COLUMNS = ["log_hazard_ratio", "std_error", "hazard_ratio", "lower", "upper", "p_value"]
TIES = ("efron", "breslow")
TESTS = ("likelihood_ratio_test", "wald_test", "score_test")
NO_TEST = {"statistic": np.nan, "df": 0, "p_value": np.nan}
# A smaller share of a column's information than this, given those before it: a combination of them.
COLLINEAR = 1e-11
# Share of the information at no effect below which a direction counts as faded to nothing.
FADED = 1e-7
# Slope of the penalised likelihood that counts as none where no step leads higher.
FLAT = 1e-5
# With at most this many cells (event times × rows) who is at risk is kept as one table.
MOST_CELLS = 1_000_000
# Sums over more tied events than this are taken in closed form.
MANY_TIES = 64


def cox(
    frame,
    covariates,
    *,
    time="time",
    event="event",
    entry=None,
    strata=None,
    penalty=None,
    ties=None,
    confidence=0.95,
):
    """Fit a Cox proportional hazards model.

    Parameters
    ----------
    frame : DataFrame
        One row a patient, or one row an interval ``(entry, time]`` when `entry` is given.
    covariates : str or list of str
        Columns. Numbers enter as they are, True/False as 1/0; text and categories give a term a
        level, named ``sex[m]``, against the first level (alphabetical, or the category order).
    time, event, entry : str
        Columns with the end of observation, whether it ended with the event, and its start.
    strata : str or list of str, optional
        Columns whose combinations each have a baseline hazard of their own.
    penalty : {None, "firth"}
        With ``"firth"``: penalised estimates, profile-likelihood limits, P values of the
        penalised likelihood-ratio test.
    ties : {"efron", "breslow"}, optional
        By default Efron's, and with the penalty Breslow's, as R's `coxph` and `coxphf` have them.
    confidence : float
        Coverage of the limits.

    Returns
    -------
    DataFrame
        ``term, log_hazard_ratio, std_error, hazard_ratio, lower, upper, p_value``; limits are of
        the hazard ratio. A term that has no finite estimate (constant, collinear, separated) is
        NA, with the reason in ``.attrs["warnings"]``. ``.attrs``: ``n, events, dropped`` (rows
        left out for a missing value), ``events_per_variable, warnings, log_likelihood,
        null_log_likelihood, likelihood_ratio_test, wald_test, score_test`` (each ``statistic, df,
        p_value``), ``covariance, ties, penalty, strata, confidence``.

    Notes
    -----
    R: ``coxph(Surv(entry, time, event) ~ covariates + strata(s))``; with the penalty
    ``coxphf(Surv(time, event) ~ covariates)``.

    Examples
    --------
    >>> cohort = pd.DataFrame({"time": [1, 2, 3, 4], "event": True, "high_grade": [1, 0, 1, 0]})
    >>> cox(cohort, "high_grade").round(3)[["term", "log_hazard_ratio", "std_error"]]
             term  log_hazard_ratio  std_error
    0  high_grade             0.941       1.24
    >>> separated = cohort.assign(high_grade=[1, 1, 0, 0])
    >>> cox(separated, "high_grade")["hazard_ratio"].isna().tolist()
    [True]
    >>> cox(separated, "high_grade", penalty="firth")["hazard_ratio"].round(2).tolist()
    [7.56]
    """
    check_choice(penalty, "penalty", (None, "firth"))
    ties = ties or ("breslow" if penalty else "efron")
    check_choice(ties, "ties", TIES)
    check_confidence(confidence)
    rows = _rows(frame, covariates, time, event, entry, strata)
    fit = _fit(rows, _risk_sets(rows), np.ones(len(rows.x)), ties, penalty, confidence)
    return _table(fit, confidence)


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
):
    """Test whether hazard ratios are constant over time, by the score test.

    Tested is a second coefficient of each covariate, which multiplies a function of time.

    Parameters
    ----------
    frame, covariates, time, event, entry, strata, ties
        As `cox`.
    transform : {"km", "identity", "rank", "log"}
        The function of time: 1 - Kaplan-Meier just before it, the time itself, the rank of the
        event, or its logarithm.

    Returns
    -------
    DataFrame
        ``term, chi2, df, p_value``, one row a covariate (all levels of a category together), and
        last the row ``GLOBAL``. NA for a covariate without a finite estimate, and where there are
        too few event times for a second coefficient. ``.attrs``: ``n, events, dropped, transform,
        ties, warnings``.

    Notes
    -----
    R (survival 3.0 and later): ``cox.zph(coxph(...), transform = "km")``.

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
    check_choice(ties, "ties", TIES)
    check_choice(transform, "transform", ("km", "identity", "rank", "log"))
    rows = _rows(frame, covariates, time, event, entry, strata)
    fit = _fit(rows, _risk_sets(rows), np.ones(len(rows.x)), ties, start=False)
    known = fit.peak is not None and fit.peak.converged
    by = _time_function(rows, fit.sets, transform) if known else None
    statistic = _score_statistic(fit, by) if known else None
    owners = np.array(rows.owners, dtype=object)[fit.usable]
    found = []
    for term in [*dict.fromkeys(rows.owners), "GLOBAL"]:
        tested = np.flatnonzero((owners == term) | (term == "GLOBAL"))
        chi2 = statistic(tested) if known and tested.size else np.nan
        found.append((term, chi2, tested.size, float(chdtrc(tested.size, chi2))))
    table = pd.DataFrame(found, columns=["term", "chi2", "df", "p_value"])
    table.attrs = {"n": fit.n, "events": fit.events, "dropped": rows.dropped, "ties": ties}
    table.attrs |= {"transform": transform, "warnings": fit.warnings}
    return table


def cox_from_table(table, *, ties="efron", confidence=0.95):
    """Fit a Cox model of one categorical covariate from its event table.

    The counts are all that such a model needs, so that a registry of any size is fitted from
    counts that a database made.

    Parameters
    ----------
    table : DataFrame, or list of DataFrame
        As `event_table` returns it, without delayed entry; the first group is the reference. One
        table for each stratum in a stratified model.
    ties, confidence
        As `cox`.

    Returns
    -------
    DataFrame
        As `cox`, with terms ``group[level]``.

    Examples
    --------
    >>> from vlms.survival import event_table
    >>> cox_from_table(event_table([1, 2, 3, 4], [1, 1, 1, 1], [1, 0, 1, 0]))["term"].tolist()
    ['group[1]']
    """
    check_choice(ties, "ties", TIES)
    check_confidence(confidence)
    tables = table if isinstance(table, list) else [table]
    if any(map(delayed, tables)):
        raise SurvivalInputError("table: a Cox model with delayed entry needs the patients.")
    levels = common_levels(tables)
    times, at_risk, deaths, counts = [], [], [], np.zeros(len(levels))
    for one in tables:
        wide = one.assign(group=one["group"].astype(object)).pivot(index="time", columns="group")
        died = wide["events"].reindex(columns=levels).fillna(0)
        some = died.sum(axis=1) > 0
        # At a time of others a group has at risk who is at risk at its own next time.
        risk = wide["at_risk"].reindex(columns=levels).bfill().fillna(0)
        times.append(died.index[some])
        at_risk.append(risk[some].to_numpy(float))
        deaths.append(died[some].to_numpy(float))
        counts += risk.iloc[0].to_numpy(float)
    terms = [f"group[{level}]" for level in levels[1:]] or ["group"]
    x = np.eye(len(levels))[:, 1:] if len(levels) > 1 else np.zeros((1, 1))
    owners = ["group"] * len(terms)
    rows = SimpleNamespace(
        time=None, x=x, terms=terms, owners=owners, strata=len(tables), dropped=0, notes=[]
    )
    sets = _RiskSets(np.concatenate(times), np.vstack(at_risk), np.vstack(deaths))
    return _table(_fit(rows, sets, counts, ties), confidence)


def follow_up_intervals(frame, changes, *, patient="patient_id", time="time", event="event"):
    """Cut each patient's follow-up where a covariate changes.

    Whoever is to have a recurrence must first live until it: comparing those who ever recurred
    with those who never did is biased by that (immortal time). In intervals a patient belongs to
    those who recurred from the recurrence on.

    Parameters
    ----------
    frame : DataFrame
        One row a patient.
    changes : dict of str to str
        For each new column the column with the time from which it is True (blank: never), for
        example ``{"recurred": "local_recurrence_months"}``.
    patient, time, event : str
        Columns with the patient, the end of observation, and whether it ended with the event.

    Returns
    -------
    DataFrame
        One row an interval ``(entry, time]``: the patient's columns with `entry`, `time`, `event`
        and the new columns. The event stands in the last interval only. Ready for
        ``cox(intervals, "recurred", entry="entry")``.

    Notes
    -----
    A change takes effect just after its time: an event at that time happened to a patient without
    it. R: ``tmerge(..., recurred = tdc(month))``.

    Examples
    --------
    >>> cohort = pd.DataFrame(
    ...     {"patient_id": ["a", "b"], "time": [10, 7], "event": [1, 0], "recurrence": [4, np.nan]}
    ... )
    >>> follow_up_intervals(cohort, {"recurred": "recurrence"})[
    ...     ["patient_id", "entry", "time", "event", "recurred"]
    ... ]
      patient_id  entry  time  event  recurred
    0          a    0.0   4.0  False     False
    1          a    4.0  10.0   True      True
    2          b    0.0   7.0  False     False
    """
    for name, role in ((patient, "patient"), (time, "time"), (event, "event")):
        require_column(frame, name, role)
    if taken := [name for name in ("entry", *changes) if name in frame.columns]:
        raise SurvivalInputError(
            f"changes: the frame already has the column {', '.join(taken)}. Rename it first."
        )
    checked = observations(frame[time], frame[event])
    end = checked.time
    names = frame[patient]
    _refuse_patients(names, names.duplicated(), patient, "repeated", "Pass one row a patient.")
    remedy = "Nobody is at risk during no time; leave such patients out knowingly."
    _refuse_patients(names, end <= 0, time, "0", remedy)
    months = {}
    for name, column in changes.items():
        months[name] = times_or_never(frame, column, "changes")
        after = (months[name] > end) & (months[name] < np.inf)
        remedy = "What is seen is seen under observation; correct one of the two."
        _refuse_patients(names, after, column, "after the end of observation", remedy)
    edges = np.sort(np.column_stack([*months.values(), np.zeros(len(frame)), end]), axis=1)
    row, cut = np.nonzero((edges[:, 1:] > edges[:, :-1]) & (edges[:, 1:] <= end[:, None]))
    start, stop = edges[row, cut], edges[row, cut + 1]
    intervals = frame.iloc[row].reset_index(drop=True)
    intervals[time] = stop
    intervals[event] = checked.event[row] & (stop == end[row])
    intervals.insert(intervals.columns.get_loc(time), "entry", start)
    for name, month in months.items():
        intervals[name] = month[row] <= start
    return intervals


# From a frame to checked arrays


def _rows(frame, covariates, time, event, entry, strata):
    """Check a frame and bring it into the arrays of a regression."""
    if not isinstance(frame, pd.DataFrame):
        raise SurvivalInputError(f"frame: a {type(frame).__name__} is no DataFrame. Pass one.")
    covariates = _as_columns(covariates, "covariates")
    strata = [] if strata is None else _as_columns(strata, "strata")
    if not covariates:
        raise SurvivalInputError("covariates: none given. Name at least one column.")
    if repeated := sorted({name for name in covariates if covariates.count(name) > 1}):
        raise SurvivalInputError(f"covariates: {', '.join(repeated)} given more than once.")
    roles = {"time": [time], "event": [event], "entry": [entry] if entry else []}
    for role, names in (roles | {"covariates": covariates, "strata": strata}).items():
        for name in names:
            require_column(frame, name, role)
    if outcome_too := [name for name in covariates if name in (time, event, entry)]:
        raise SurvivalInputError(
            f"covariates: {', '.join(outcome_too)} is the outcome. Name other columns."
        )
    late = None if entry is None else frame[entry]
    checked = observations(frame[time], frame[event], entry=late)
    missing = frame[list(dict.fromkeys([*covariates, *strata]))].isna()
    complete, notes = ~missing.any(axis=1).to_numpy(), []
    if dropped := int((~complete).sum()):
        gaps = ", ".join(map(str, missing.columns[missing.any()]))
        notes.append(f"{dropped} of {complete.size} rows left out: no value for {gaps}")
        frame = frame.loc[complete]
    columns = []
    for name in covariates:
        notes += _reference_note(frame[name], name)
        columns += [(name, *column) for column in _columns(frame[name], name)]
    owners, terms, x = zip(*columns, strict=True)
    by = frame.groupby(strata, sort=False, observed=True).ngroup().to_numpy() if strata else None
    return SimpleNamespace(
        time=checked.time[complete],
        event=checked.event[complete],
        entry=None if entry is None else checked.entry[complete],
        x=np.column_stack(x),
        terms=terms,
        owners=owners,
        stratum=by,
        strata=1 if by is None else np.unique(by).size,
        dropped=dropped,
        notes=notes,
    )


def _columns(values, name):
    """The columns of one covariate: (term, numbers)."""
    kind = values.dtype.kind if not isinstance(values.dtype, pd.CategoricalDtype) else "O"
    if kind == "c":
        raise SurvivalInputError(f"{name}: complex numbers cannot be a covariate.")
    if kind in "mM":
        raise SurvivalInputError(
            f"{name}: dates cannot be a covariate. Turn them into a number, such as years."
        )
    if kind in "biuf":
        numbers = values.to_numpy(dtype=float)
        remedy = "Leave the cell blank if it is unknown."
        refuse_rows(values, np.isinf(numbers), name, "infinite", remedy, numbers)
        return [(name, numbers)]
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = list(values.cat.categories)
    else:
        flags = [isinstance(value, bool | np.bool_) for value in values]
        numbers = [isinstance(value, Real) for value in values]
        if flags and (all(flags) or (all(numbers) and not any(flags))):
            # Numbers beside None arrive as objects; they are no levels.
            return _columns(values.astype(float), name)
        levels = list(dict.fromkeys(values))
        levels = [levels[position] for position in sorted_positions(levels)]
    if len(levels) <= 1:
        return [(name, np.zeros(len(values)))]
    return [(f"{name}[{level}]", (values == level).to_numpy(float)) for level in levels[1:]]


def _reference_note(values, name):
    """Say that nobody has a category's first level, so that terms compare with another one."""
    if not isinstance(values.dtype, pd.CategoricalDtype) or (values.cat.codes == 0).any():
        return []
    first, *others = values.cat.categories
    against = [level for level in others if (values == level).any()][-1:]
    return [
        f"{name}: no patient has the reference level {first}; its terms are against {level}. "
        "Remove the empty level"
        for level in against
    ]


def _as_columns(names, role):
    """Column names as a list; a single name stands for a list of one."""
    if not isinstance(names, str) and not hasattr(names, "__iter__"):
        raise SurvivalInputError(f"{role}: {names!r} is no column name or list of them.")
    return [names] if isinstance(names, str) else list(names)


def _refuse_patients(names, bad, column, wrong, remedy):
    """Raise for the patients marked bad, naming the first five."""
    rows = np.flatnonzero(bad)
    if rows.size:
        found = ", ".join(f"{names.iloc[row]!r} (row {names.index[row]})" for row in rows[:5])
        more = f" and {rows.size - 5} more" if rows.size > 5 else ""
        raise SurvivalInputError(f"{column}: {wrong} for patient {found}{more}. {remedy}")


# Risk sets and the partial likelihood


class _RiskSets(NamedTuple):
    """Who is at risk (times × rows) and who has the event at each event time of each stratum."""

    times: np.ndarray
    at_risk: object
    deaths: object


class _Running(NamedTuple):
    """Who is at risk where a table would be too large: rows are at risk from `first` to `last`."""

    first: np.ndarray
    last: np.ndarray
    times: int

    def __matmul__(self, values):
        change = np.zeros((self.times + 1, values.shape[1]))
        np.add.at(change, self.last, values)
        np.add.at(change, self.first, -values)
        return np.cumsum(change[::-1], axis=0)[::-1][1:]


def _risk_sets(rows):
    """Sort rows into the risk sets of all strata."""
    n = rows.time.size
    every = rows.time if rows.entry is None else np.append(rows.time, rows.entry)
    distinct, rank = np.unique(every, return_inverse=True)
    # Times of the strata one after the other; each stratum begins before its first time.
    begin = (np.zeros(n, int) if rows.stratum is None else rows.stratum) * (distinct.size + 1)
    end = begin + rank[:n] + 1
    start = begin if rows.entry is None else begin + rank[n:] + 1
    events = np.unique(end[rows.event])
    running = _Running(
        np.searchsorted(events, start, "right"), np.searchsorted(events, end, "right"), events.size
    )
    died = np.flatnonzero(rows.event)
    deaths = sparse.csr_array(
        (np.ones(died.size), (running.last[died] - 1, died)), shape=(events.size, n)
    )
    at_risk = running
    if n * events.size <= MOST_CELLS:
        now = np.arange(events.size)[:, None]
        at_risk = ((running.first <= now) & (now < running.last)).astype(float)
        deaths = deaths.toarray()
    return _RiskSets(distinct[events % (distinct.size + 1) - 1], at_risk, deaths)


class _Likelihood:
    """The partial likelihood of covariates x, one row a patient (or a level), and its moments."""

    def __init__(self, sets, x, ties):
        self.sets, self.x, self.ties = sets, x, ties
        died = np.asarray(sets.deaths.sum(axis=1)).ravel().astype(int)
        if ties == "efron":
            # The j-th of d tied events sees j/d of the tied patients already gone.
            self.at = np.repeat(np.arange(died.size), died)
            order = np.arange(self.at.size) - np.repeat(np.cumsum(died) - died, died)
            self.gone, self.weight = order / died[self.at], np.ones(self.at.size)
        else:
            self.at, self.gone = np.arange(died.size), np.zeros(died.size)
            self.weight = died.astype(float)
        self.died, self.events = died, np.asarray(sets.deaths.sum(axis=0)).ravel()

    def sums(self, values):
        """Sums of values of the rows over the risk set of each tied event."""
        at_risk, dead = self.sets.at_risk @ values, self.sets.deaths @ values
        return at_risk[self.at] - self.gone[:, None] * dead[self.at]

    def moments(self, beta):
        """Relative hazards, log-likelihood, and total, mean and covariance in each risk set."""
        n, p = self.x.shape
        eta = self.x @ beta
        eta = eta - eta.max()
        risk = np.exp(eta)
        products = (self.x[:, :, None] * self.x[:, None, :]).reshape(n, p * p)
        sums = self.sums(risk[:, None] * np.hstack([np.ones((n, 1)), self.x, products]))
        with np.errstate(all="ignore"):
            total, mean = sums[:, 0], sums[:, 1 : p + 1] / sums[:, :1]
            spread = (sums[:, p + 1 :] / sums[:, :1]).reshape(-1, p, p)
            spread = spread - mean[:, :, None] * mean[:, None, :]
            value = float(self.events @ eta - self.weight @ np.log(total))
        # Far out a whole risk set has no weight that numbers could hold.
        if eta.min() < -500 or not np.isfinite(value):
            value = -np.inf
        return risk, value, total, mean, spread

    def weighted(self, mean, spread, by=None):
        """Score and information, each event time weighted by `by`."""
        by = np.ones(self.died.size) if by is None else by
        weight = self.weight * by[self.at]
        information = (weight @ spread.reshape(len(spread), -1)).reshape(spread.shape[1:])
        return (self.sets.deaths.T @ by) @ self.x - weight @ mean, information

    def value(self, beta):
        """Log-likelihood, score and information, as `_maximise` wants them.

        The mean of x at the j-th of m tied events is u + w / (A - D j/m): a sum over ties needs no
        more than sums of powers of the last term.
        """
        (n, p), eta = self.x.shape, self.x @ beta
        eta = eta - eta.max()
        products = (self.x[:, :, None] * self.x[:, None, :]).reshape(n, p * p)
        parts = np.exp(eta)[:, None] * np.hstack([np.ones((n, 1)), self.x, products])
        m, all_sums, dead = self.died, self.sets.at_risk @ parts, self.sets.deaths @ parts
        with np.errstate(all="ignore"):
            logs, once, twice = _sums_over_ties(all_sums[:, 0], dead[:, 0], m, self.ties)
            value = float(self.events @ eta - logs.sum())
            # Breslow's sums see nobody gone.
            u = dead / dead[:, :1] if self.ties == "efron" else np.zeros_like(dead)
            w = all_sums - all_sums[:, :1] * u
            total = (m @ u + once @ w)[1:]
        if eta.min() < -500 or not np.isfinite(value):
            return -np.inf, np.zeros(p), np.eye(p)
        u, w = u[:, 1 : p + 1], w[:, 1 : p + 1]
        cross = (u * once[:, None]).T @ w
        squares = (u * m[:, None]).T @ u + cross + cross.T + (w * twice[:, None]).T @ w
        return value, self.events @ self.x - total[:p], total[p:].reshape(p, p) - squares

    def penalised_slope(self, beta):
        """Log-likelihood with Firth's penalty, its slope, and the information without it."""
        risk, value, total, mean, spread = self.moments(beta)
        nowhere = -np.inf, np.zeros(beta.size), np.eye(beta.size)
        if value == -np.inf:
            return nowhere
        score, information = self.weighted(mean, spread)
        sign, log_determinant = np.linalg.slogdet(information)
        if sign <= 0 or not np.isfinite(log_determinant):
            return nowhere
        # The slope of the log determinant is tr(I⁻¹ ∂I), a third central moment: of q (x - x̄)
        # with q = (x - x̄)' I⁻¹ (x - x̄), expanded in powers of x̄.
        inverse = np.linalg.inv(information)
        q = ((self.x @ inverse) * self.x).sum(axis=1)
        sums = self.sums((risk * q)[:, None] * np.hstack([np.ones((q.size, 1)), self.x]))
        sums = sums / total[:, None]
        third = sums[:, 1:] - sums[:, :1] * mean
        third = third - 2 * np.einsum("tab,tb->ta", spread, mean @ inverse)
        return value + log_determinant / 2, score + self.weight @ third / 2, information

    def penalised(self, beta):
        """Log-likelihood with Firth's penalty, its slope and its curvature.

        The information is no stand-in for the curvature: in a cohort of a few patients the penalty
        bends as much as the likelihood, and steps by the information go back and forth.
        """
        height, slope, information = self.penalised_slope(beta)
        if height == -np.inf:
            return height, slope, information
        step = 1e-5 * np.maximum(1.0, np.abs(beta))
        sides = [
            self.penalised_slope(beta - move)[1] - self.penalised_slope(beta + move)[1]
            for move in np.diag(step)
        ]
        curvature = np.array(sides) / (2 * step[:, None])
        curvature = (curvature + curvature.T) / 2
        if not np.isfinite(curvature).all() or np.linalg.eigvalsh(curvature)[0] <= 0:
            curvature = information
        return height, slope, curvature


def _sums_over_ties(total, gone, m, ties):
    """Sum log(y), 1/y and 1/y² of y = total - gone j/m over j = 0 … m - 1, at each time.

    Where many are tied in closed form: y = gone/m (a - j) with a = m total/gone, and such sums are
    differences of the gamma function's logarithm and its derivatives.
    """
    if ties != "efron":
        return m * np.log(total), m / total, m / total**2
    few = m <= MANY_TIES
    at = np.repeat(np.arange(m.size), np.where(few, m, 0))
    j = np.arange(at.size) - np.searchsorted(at, at)
    y = total[at] - gone[at] * (j / m[at])
    terms = np.log(y), 1 / y, 1 / y**2
    logs, once, twice = (np.bincount(at, term, m.size) + 0.0 for term in terms)  # or whole: none
    total, gone, m = total[~few], gone[~few], m[~few]
    unit = gone / m
    first = total / unit + 1
    last = first - m
    logs[~few] = m * np.log(unit) + gammaln(first) - gammaln(last)
    once[~few] = (digamma(first) - digamma(last)) / unit
    twice[~few] = (polygamma(1, last) - polygamma(1, first)) / unit**2
    return logs, once, twice


class _Maximum(NamedTuple):
    """Where a likelihood ends up; `rising` are coefficients that grow though it rises no more."""

    beta: np.ndarray
    value: float
    information: np.ndarray
    rising: np.ndarray
    converged: bool


def _maximise(value, start, held=(), flat=0.0):
    """Climb to the maximum by Newton's method with step halving, or see that there is none.

    Where a likelihood has no maximum the steps settle at about one unit of the log hazard ratio
    while it no longer rises; everywhere else they shrink quadratically. Where a likelihood is
    known to have one the search ends at a slope below `flat`.
    """
    beta = np.array(start, dtype=float)
    free = np.setdiff1d(np.arange(beta.size), held)
    rising = np.zeros(beta.size, dtype=bool)
    now, score, information = value(beta)
    for _ in range(100 if free.size else 0):
        if np.abs(score[free]).max() < flat and now > -np.inf:
            return _Maximum(beta, now, information, rising, True)
        try:
            step = np.linalg.solve(information[np.ix_(free, free)], score[free])
        except np.linalg.LinAlgError:
            break
        if not np.isfinite(step).all():
            break
        size, trial = 1.0, beta.copy()
        for _ in range(30):
            trial[free] = beta[free] + size * step
            new = value(trial)
            if new[0] >= now - 1e-12 * (abs(now) + 1):
                break
            size /= 2
        else:
            arrived = np.abs(step).max() < 1e-6 or (flat and np.abs(score[free]).max() < FLAT)
            return _Maximum(beta, now, information, rising, bool(arrived))
        gain, moved = new[0] - now, np.abs(size * step)
        beta, (now, score, information) = trial, new
        if moved.max() < 1e-9:
            return _Maximum(beta, now, information, rising, True)
        if gain < 1e-11 * (abs(now) + 1e-2) and moved.max() > 1e-3:
            rising[free] = moved > 1e-4
            break
    return _Maximum(beta, now, information, rising, not free.size)


# From the likelihood to a table


def _fit(rows, sets, counts, ties, penalty=None, confidence=0.95, *, start=True):
    """Fit what can be estimated, and say in words what cannot, and why.

    Coefficients are of the usable columns, centred and scaled to range 1. Without `start` Newton's
    method begins at nought and not where lifelines arrived: the maximum is the same.
    """
    x, n, events, width = rows.x, int(counts.sum()), int(sets.deaths.sum()), rows.x.shape[1]
    span = np.ptp(x, axis=0) if len(x) else np.zeros(width)
    varies = span > 1e-12 * np.abs(x).max(axis=0, initial=0)
    scale = np.where(varies, span, 1.0)
    scaled = np.where(varies, (x - counts @ x / max(n, 1)) / scale, 0.0)
    usable, notes = np.zeros(width, dtype=bool), list(rows.notes)
    fit = SimpleNamespace(rows=rows, sets=sets, ties=ties, penalty=penalty, n=n, events=events)
    fit.warnings, fit.null, fit.peak = notes, (0.0, None, None), None
    if events:
        fit.null = _Likelihood(sets, scaled, ties).value(np.zeros(width))
        usable = _estimable(fit.null[2], events)
        for column in np.flatnonzero(~usable):
            notes.append(_why_unusable(rows, varies, fit.null[2], column))
    else:
        notes.append(f"no event among the {n} rows analysed: nothing can be estimated")
    fit.usable, fit.scale, fit.finite = usable, scale[usable], usable.copy()
    if not usable.any():
        return fit
    at_null = fit.null[2][np.ix_(usable, usable)]
    fit.null = (fit.null[0], fit.null[1][usable], at_null)
    likelihood = fit.likelihood = _Likelihood(sets, scaled[:, usable], ties)
    begin = np.zeros(fit.scale.size)
    if penalty:
        peak, fit.limits, fit.p_values = _firth(likelihood, rows, confidence)
        fit.null = likelihood.penalised_slope(begin)
    else:
        if start and ties == "efron" and rows.time is not None:
            begin = _lifelines(rows, likelihood.x)
        peak = _maximise(likelihood.value, begin)
    fit.peak = peak
    if not peak.converged:
        # Where nothing is known to rise the whole fit is unsettled, and none of it is shown.
        fit.finite[usable] = ~peak.rising & peak.rising.any()
        for column in np.flatnonzero(usable & ~fit.finite):
            notes.append(_why_infinite(rows, likelihood.events, column, peak, penalty))
        # Along a direction in which the likelihood rises for ever information fades. A term with
        # a part in it stopped wherever the search did, however small its error comes out.
        values, directions = np.linalg.eigh(peak.information)
        kept = directions[:, values > FADED * np.linalg.eigvalsh(at_null)[-1]]
        left = (kept**2).sum(axis=1) > 1 - FADED
        for column in np.flatnonzero(fit.finite)[~left[fit.finite[usable]]]:
            fit.finite[column] = False
            notes.append(
                f"{rows.terms[column]}: the events say nothing of it once the terms without a "
                f"finite estimate are in the model; no estimate{_remedy(penalty)}"
            )
    return fit


def _lifelines(rows, x):
    """Coefficients of lifelines' fit; noughts where it warns that it did not arrive, or stops."""
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    frame = pd.DataFrame(x, columns=[f"x{column}" for column in range(x.shape[1])])
    frame = frame.assign(time=rows.time, event=rows.event)
    options = {"fit_options": {"precision": 1e-12, "r_precision": 1e-14, "max_steps": 200}}
    if rows.entry is not None:
        frame, options["entry_col"] = frame.assign(entry=rows.entry), "entry"
    if rows.stratum is not None:
        frame, options["strata"] = frame.assign(stratum=rows.stratum), ["stratum"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return CoxPHFitter().fit(frame, "time", "event", **options).params_.to_numpy()
        except (ConvergenceError, ConvergenceWarning):
            return np.zeros(x.shape[1])


def _firth(likelihood, rows, confidence):
    """The penalised maximum, profile limits and P values of the likelihood-ratio test.

    firthmodels has neither Efron's ties, strata nor entry, and stops short in a few of the smallest
    cohorts; there Newton's method does the same. A limit of its is kept where the profile has the
    height that it should have.
    """
    size = likelihood.x.shape[1]
    breslow = likelihood.weight.size == likelihood.died.size
    found, limits, p_values = None, np.full((size, 2), np.nan), np.full(size, np.nan)
    if breslow and rows.entry is None and rows.stratum is None:
        found = _firthmodels(likelihood.x, rows, confidence)
    if found is not None:
        beta, height, limits, p_values = found
        peak = _Maximum(beta, height, None, np.zeros(size, dtype=bool), True)
    else:
        peak = _penalised_maximum(likelihood, np.zeros(size), flat=1e-9)
        for column in range(size):
            start = np.where(np.arange(size) == column, 0.0, peak.beta)
            held = _penalised_maximum(likelihood, start, [column])
            if held.converged:
                p_values[column] = chdtrc(1, max(0.0, 2 * (peak.value - held.value)))
    # Errors are of the likelihood itself, as Heinze and Schemper have them.
    peak = peak._replace(information=likelihood.value(peak.beta)[2])
    if peak.converged:
        drop = chdtri(1, 1 - confidence) / 2
        for column, side in np.ndindex(size, 2):
            guess = limits[column, side]
            limits[column, side] = _profile_limit(likelihood, peak, column, side, drop, guess)
    return peak, limits, p_values


def _firthmodels(x, rows, confidence):
    """Coefficients, log-likelihood, limits and P values of firthmodels; None if it stops short."""
    from firthmodels import FirthCoxPH

    fitter = FirthCoxPH(gtol=1e-6, xtol=1e-7, max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitter.fit(x, (rows.event, rows.time)).lrt()
            limits = fitter.conf_int(1 - confidence, method="pl", tol=1e-7, max_iter=100)
        except np.linalg.LinAlgError:
            return None
    known = fitter.converged_ and np.isfinite(fitter.lrt_pvalues_).all()
    return (fitter.coef_, fitter.loglik_, limits, fitter.lrt_pvalues_) if known else None


def _penalised_maximum(likelihood, start, held=(), flat=1e-6):
    """The maximum of the penalised likelihood, by steps of the information where these arrive."""
    top = _maximise(likelihood.penalised_slope, start, held, flat)
    return top if top.converged else _maximise(likelihood.penalised, start, held, flat)


def _profile_limit(likelihood, peak, which, side, drop, guess):
    """Where one coefficient's profile lies `drop` below the maximum; NaN where no search arrives.

    The profile of a few patients can have several maxima: what is found is confirmed afresh.
    """
    from scipy.optimize import brentq

    centre, others = peak.beta[which], np.arange(peak.beta.size) != which
    covariance = np.linalg.inv(peak.information)[which]
    near = {centre: peak.beta}

    def height(at, anew=False):
        # From the nearest place known, or anew: along the tangent, and from the maximum.
        starts = [near[min(near, key=lambda known: abs(known - at))]]
        if anew:
            starts = [peak.beta + (at - centre) * covariance / covariance[which], peak.beta]
        starts = [np.where(others, start, at) for start in starts]
        starts = starts[: 1 + others.any()]
        tops = [_penalised_maximum(likelihood, start, [which]) for start in starts]
        best = max((top for top in tops if top.converged), key=lambda top: top.value, default=None)
        if best is None:
            return np.nan
        near[at] = best.beta
        return best.value - peak.value + drop

    def settled(at):
        return at if abs(height(at, anew=True)) < 1e-5 else np.nan

    if np.isfinite(guess) and np.isfinite(settled(guess)):
        return guess
    inner, step = centre, (-1, 1)[side] * np.sqrt(2 * drop * covariance[which])
    for _ in range(12):
        outer = centre + step
        if np.isnan(reached := height(outer)):
            break
        if reached < 0:
            try:
                return settled(brentq(height, inner, outer, xtol=1e-9, rtol=1e-10))
            except ValueError:  # of a height that is not known
                break
        inner, step = outer, 2 * step
    return np.nan


def _estimable(information, events):
    """Take the columns in order; keep those that add information to the ones kept before."""
    kept = []
    for column in range(len(information)):
        own = left = information[column, column]
        if kept:
            shared = information[kept, column]
            left = own - shared @ np.linalg.solve(information[np.ix_(kept, kept)], shared)
        if left > max(COLLINEAR * own, 1e-14 * events):
            kept.append(column)
    return np.isin(np.arange(len(information)), kept)


def _why_unusable(rows, varies, information, column):
    """Why a column has no part in the fit."""
    term = rows.terms[column]
    why = "follows from the terms before it (collinear)"
    if not varies[column]:
        empty = "[" in term and not rows.x[:, column].any()
        why = "no patient has this level" if empty else "the same value in every row analysed"
    elif information[column, column] <= 1e-14 * max(1.0, np.abs(information).max()):
        why = "does not differ among those at risk at any event"
    return f"{term}: {why}; no estimate"


def _why_infinite(rows, events, column, peak, penalty):
    """Why a coefficient has no finite estimate."""
    term, x = rows.terms[column], rows.x
    if not peak.rising.any():
        return f"{term}: the fit did not converge; no estimate"
    reason = "the likelihood rises for ever as the coefficient grows (monotone likelihood)"
    alike = [other for other, owner in enumerate(rows.owners) if owner == rows.owners[column]]
    if np.isin(x[:, column], (0, 1)).all():
        if not events @ (x[:, column] == 1):
            reason += f": no event among those with {term}"
        elif not events @ (x[:, column] == 0):
            reason += f": no event among those without {term}"
        elif not events @ ~x[:, alike].any(axis=1):
            reason += f": no event at the reference level of {rows.owners[column]}"
    return f"{term}: {reason}; no estimate{_remedy(penalty)}"


def _remedy(penalty):
    """What to do about a coefficient without a finite estimate."""
    return "" if penalty else '; penalty="firth" gives a finite estimate'


def _table(fit, confidence):
    """The table of a fit, in the units of the covariates."""
    p = fit.usable.size
    numbers = {name: np.full(p, np.nan) for name in COLUMNS}
    covariance, notes = np.full((p, p), np.nan), list(fit.warnings)
    tests, value = dict.fromkeys(TESTS, NO_TEST), fit.null[0]
    if fit.peak is not None:
        shown = np.flatnonzero(fit.finite)
        within = np.flatnonzero(fit.finite[fit.usable])
        scale, value = fit.scale[within], fit.peak.value
        beta = fit.peak.beta[within] / scale
        # Terms with no part in a direction that has faded keep their variance.
        faded = 0 if fit.peak.converged else FADED
        inverse = np.linalg.pinv(fit.peak.information, rcond=faded, hermitian=True)
        inner = inverse[np.ix_(within, within)] / np.outer(scale, scale)
        covariance[np.ix_(shown, shown)] = inner
        error = np.sqrt(np.diag(inner))
        reach = -ndtri((1 - confidence) / 2) * error
        limits, p_values = (beta - reach, beta + reach), 2 * ndtr(-np.abs(beta / error))
        if fit.penalty:
            limits, p_values = fit.limits[within].T / scale, fit.p_values[within]
            notes += [
                f"{fit.rows.terms[shown[row]]}: no {('lower', 'upper')[side]} profile limit found"
                for side, row in np.argwhere(np.isnan(limits))
            ]
            notes += [
                f"{fit.rows.terms[shown[row]]}: no P value of the likelihood-ratio test found"
                for row in np.flatnonzero(np.isnan(p_values))
            ]
        with np.errstate(over="ignore"):
            found = [beta, error, np.exp(beta), *np.exp(limits), p_values]
        for name, values in zip(COLUMNS, found, strict=True):
            numbers[name][shown] = values
        tests = _tests(fit, beta, inner)
    # Firth's penalty depends on the unit of the covariates; told in their own units.
    unit = np.log(fit.scale).sum() if fit.penalty else 0.0
    estimated = int(fit.usable.sum())
    table = pd.DataFrame({"term": fit.rows.terms, **numbers})
    table.attrs = {
        "n": fit.n,
        "events": fit.events,
        "log_likelihood": float(value + unit),
        "null_log_likelihood": float(fit.null[0] + unit),
        **tests,
        "events_per_variable": fit.events / estimated if estimated else float("nan"),
        "covariance": covariance.tolist(),
        "penalty": fit.penalty,
        "confidence": confidence,
        "warnings": notes,
        "ties": fit.ties,
        "strata": fit.rows.strata,
        "dropped": fit.rows.dropped,
    }
    return table


def _tests(fit, beta, covariance):
    """Likelihood-ratio, Wald and score test of all terms together."""
    value, score, information = fit.null
    size = fit.scale.size
    # A coefficient without a finite estimate has no Wald test, so neither has the model.
    wald = beta @ np.linalg.solve(covariance, beta) if 0 < beta.size == size else np.nan
    at_null = np.nan if fit.penalty else score @ np.linalg.solve(information, score)
    statistics = [(2 * (fit.peak.value - value), size), (wald, beta.size), (at_null, size)]
    return {
        name: {"statistic": float(found), "df": int(df), "p_value": float(chdtrc(df, found))}
        for name, (found, df) in zip(TESTS, statistics, strict=True)
    }


# Proportional hazards


def _score_statistic(fit, by):
    """A function from columns to the score statistic of their interaction with time."""
    likelihood = fit.likelihood
    by = by - by.mean()  # for the sake of the arithmetic only
    _, _, _, mean, spread = likelihood.moments(fit.peak.beta)
    score = likelihood.weighted(mean, spread, by)[0]
    plain, once, twice = (likelihood.weighted(mean, spread, by**k)[1] for k in (0, 1, 2))
    information = np.block([[plain, once], [once, twice]])
    size = score.size

    def statistic(columns):
        keep = np.append(np.arange(size), size + columns)
        gain = np.append(np.zeros(size), score[columns])
        part = information[np.ix_(keep, keep)]
        unit = np.sqrt(np.maximum(np.diag(part), 0))
        if not (unit > 0).all() or np.linalg.cond(part / np.outer(unit, unit)) > 1e13:
            return np.nan
        return float(gain @ np.linalg.solve(part, gain))

    return statistic


def _time_function(rows, sets, transform):
    """Value of the transform at each event time, strata taken together as R does."""
    times, ends = sets.times, np.sort(rows.time)
    if transform == "identity":
        return times
    if transform == "log":
        if (times <= 0).any():
            raise SurvivalInputError(
                'transform: "log" of an event at time 0 does not exist; choose "km" or "rank".'
            )
        return np.log(times)
    if transform == "rank":
        return (np.searchsorted(ends, times) + np.searchsorted(ends, times, "right") + 1) / 2
    distinct, died = np.unique(rows.time[rows.event], return_counts=True)
    at_risk = ends.size - np.searchsorted(ends, distinct)
    if rows.entry is not None:
        at_risk = at_risk - (ends.size - np.searchsorted(np.sort(rows.entry), distinct))
    survival = np.append(1.0, np.cumprod(1 - died / at_risk))
    return 1 - survival[np.searchsorted(distinct, times)]
