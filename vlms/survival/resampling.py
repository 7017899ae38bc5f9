"""Bootstrap of survival and of a hazard ratio, vectorised over the resamples.

A resample is the number of times each patient was drawn. Patients stand sorted by time, so that
all a resample's numbers at risk are running sums of those counts, and thousands of resamples are
worked on at once: no resample is ever made into a data set and refitted. What an estimate cannot
tell apart is drawn as one cell: for S(t), all events with no censoring between them, all
censorings with no event between them, and everybody who is still there after t.

Source: Efron 1981 (bootstrap of censored data: draw patients, time and event together). The
intervals are percentile intervals. Permutation tests stand beside the tests themselves
(`vlms.survival.log_rank.log_rank`, ``method="permutation"``).
"""

from functools import partial

import numpy as np
import pandas as pd

from vlms.survival.arguments import SurvivalInputError, checked_times
from vlms.survival.curves import noise_of
from vlms.survival.observations import observations
from vlms.survival.spreading import spread

CHUNK = 2048
# Stands for 0 in a quotient, so that 0/0 is 1: who was never at risk does not lower a product.
TINY = 1e-290


def bootstrap_survival(
    time, event, at, group=None, *, resamples=10_000, seed=1, confidence=0.95, jobs=None
):
    """Bootstrap the Kaplan-Meier estimate at given times.

    Parameters
    ----------
    time : array-like of float, shape (n,)
        End of observation, in months.
    event : array-like of bool, shape (n,)
        True where the observation ended with the event.
    at : float or array-like of float
        Times at which survival is wanted, in months.
    group : array-like, shape (n,), optional
        Groups; patients are drawn within their group.
    resamples : int
        Bootstrap resamples.
    seed : int
        The same seed gives the same answer, whatever `jobs` is.
    confidence : float
        Confidence level, 0-1.
    jobs : int, optional
        Workers for joblib; None works in this process.

    Returns
    -------
    DataFrame
        ``group, time, survival, std_error, lower, upper``: the mean of the resampled estimates,
        their standard deviation and percentile limits. NaN beyond a group's follow-up.

    Raises
    ------
    SurvivalInputError
        For what `event_table` refuses.

    Notes
    -----
    R: ``boot::censboot(data, function(d) summary(survfit(...), times = at)$surv, R)``. In a
    resample whose last patient is censored before the time, its last estimate is carried on.

    Examples
    --------
    >>> months, died = [2, 5, 7, 12, 20, 24], [1, 1, 0, 1, 0, 1]
    >>> bootstrap_survival(months, died, 10)[["time", "std_error"]].round(1)
       time  std_error
    0  10.0        0.2
    """
    checked = observations(time, event, group)
    wanted = checked_times(np.atleast_1d(np.asarray(at)), "at")
    rows = []
    for code, label in enumerate(checked.labels):
        mine = checked.code == code
        last = checked.time[mine].max()
        draws = survival_draws(
            checked.time[mine], checked.event[mine], wanted,
            resamples=resamples, seed=[seed, code], jobs=jobs,
        )  # fmt: skip
        tail = (1 - confidence) / 2
        lower, upper = np.quantile(draws, [tail, 1 - tail], axis=0)
        spread_ = draws.std(axis=0, ddof=1) if resamples > 1 else np.full(wanted.size, np.nan)
        for column, month in enumerate(wanted):
            found = (draws[:, column].mean(), spread_[column], lower[column], upper[column])
            rows.append((label, month, *(found if month <= last else (np.nan,) * 4)))
    return pd.DataFrame(rows, columns=["group", "time", "survival", "std_error", "lower", "upper"])


def survival_draws(time, event, at, *, resamples=10_000, seed=1, jobs=None):
    """Draw bootstrap estimates of survival at given times, one group.

    Parameters
    ----------
    time, event, at, resamples, seed, jobs
        As `bootstrap_survival`.

    Returns
    -------
    ndarray of float, shape (resamples, times)

    Raises
    ------
    SurvivalInputError
        For what `event_table` refuses.

    Examples
    --------
    >>> survival_draws([1, 2, 3], [0, 0, 0], 2, resamples=2).tolist()
    [[1.0], [1.0]]
    """
    checked = observations(time, event)
    wanted = checked_times(np.atleast_1d(np.asarray(at)), "at")
    cell, kinds = _cells(checked.time, checked.event, wanted)
    draw = partial(_draw_survival, cell, kinds, wanted.size)
    drawn = np.concatenate(spread(draw, resamples, seed=seed, jobs=jobs, chunk=CHUNK))
    # Drawn in ascending order of the times, returned in the order asked for.
    return drawn[:, np.argsort(np.argsort(wanted, kind="stable"), kind="stable")]


def bootstrap_hazard_ratio(
    time, event, group, *, ties="efron", resamples=10_000, seed=1, confidence=0.95, jobs=None
):
    """Bootstrap the hazard ratio of two groups, a Cox model in every resample.

    Parameters
    ----------
    time, event
        As `bootstrap_survival`.
    group : array-like, shape (n,)
        Two groups; the ratio is that of the second to the first, in sorted or categorical order.
    ties : {"efron", "breslow"}
        Handling of ties. A patient drawn twice is tied with himself.
    resamples, seed, confidence, jobs
        As `bootstrap_survival`.

    Returns
    -------
    DataFrame
        One row: ``group, reference, hazard_ratio, lower, upper, std_error, resamples, infinite,
        undefined``: the median of the resampled ratios, their percentile limits, the standard
        deviation of the finite log ratios, and how many resamples separate (a ratio of 0 or
        infinity, which the limits count in) or hold no comparison (which they leave out).

    Raises
    ------
    SurvivalInputError
        For what `event_table` refuses, unknown ties, or other than two groups.

    Notes
    -----
    R: ``boot::boot(data, function(d, i) coef(coxph(Surv(time, event) ~ group, d[i, ])), R)``.

    Examples
    --------
    >>> months, died = [2, 5, 7, 12, 20, 24, 3, 9], [1, 1, 0, 1, 1, 1, 1, 1]
    >>> result = bootstrap_hazard_ratio(months, died, list("aabbaabb"), resamples=500)
    >>> result[["group", "reference", "resamples"]]
      group reference  resamples
    0     b         a        500
    """
    checked = observations(time, event, group)
    draws = log_hazard_ratio_draws(
        time, event, group, ties=ties, resamples=resamples, seed=seed, jobs=jobs
    )
    known, finite = draws[~np.isnan(draws)], draws[np.isfinite(draws)]
    tail = (1 - confidence) / 2
    # An order statistic, not a mean of two: infinite ratios have a rank but no average.
    limits = (
        np.quantile(known, [tail, 0.5, 1 - tail], method="inverted_cdf")
        if known.size
        else np.full(3, np.nan)
    )
    lower, middle, upper = np.exp(limits)
    return pd.DataFrame(
        {
            "group": [checked.labels[1]],
            "reference": [checked.labels[0]],
            "hazard_ratio": [middle],
            "lower": [lower],
            "upper": [upper],
            "std_error": [finite.std(ddof=1) if finite.size > 1 else np.nan],
            "resamples": [draws.size],
            "infinite": [known.size - finite.size],
            "undefined": [draws.size - known.size],
        }
    )


def log_hazard_ratio_draws(
    time, event, group, *, ties="efron", resamples=10_000, seed=1, jobs=None
):
    """Draw bootstrap estimates of the log hazard ratio of two groups.

    Parameters
    ----------
    time, event, group, ties, resamples, seed, jobs
        As `bootstrap_hazard_ratio`.

    Returns
    -------
    ndarray of float, shape (resamples,)
        Infinite where the resample separates, NaN where it holds no comparison.

    Raises
    ------
    SurvivalInputError
        As `bootstrap_hazard_ratio`.

    Examples
    --------
    >>> log_hazard_ratio_draws([1, 2], [1, 1], ["a", "b"], resamples=3).shape
    (3,)
    """
    if ties not in ("efron", "breslow"):
        raise SurvivalInputError(f"ties: {ties!r} is unknown. Use 'efron' or 'breslow'.")
    checked = observations(time, event, group)
    if len(checked.labels) != 2:
        raise SurvivalInputError(
            f"group: holds {list(checked.labels)}. A bootstrap hazard ratio compares two groups."
        )
    cell, happened = _cox_cells(checked)
    draw = partial(_draw_log_ratio, cell, happened, ties)
    return np.concatenate(spread(draw, resamples, seed=seed, jobs=jobs, chunk=CHUNK // 2))


def log_hazard_ratios(died, at_risk, *, ties="efron"):
    """Fit the Cox model of a binary covariate to many data sets at once.

    Parameters
    ----------
    died, at_risk : ndarray, shape (times, 2, fits)
        Events, and patients at risk, of the first and the second group at each event time.
    ties : {"efron", "breslow"}
        Handling of ties.

    Returns
    -------
    ndarray of float, shape (fits,)
        Maximum partial likelihood estimate by Newton's method; plus or minus infinity where the
        likelihood is monotone, NaN where nobody is compared with anybody.

    Notes
    -----
    R: ``coef(coxph(Surv(time, event) ~ group, ties = "efron"))``.

    Examples
    --------
    >>> import numpy as np
    >>> died = np.array([[[1], [0]], [[0], [1]]])
    >>> at_risk = np.array([[[2], [2]], [[1], [2]]])
    >>> log_hazard_ratios(died, at_risk).round(5).tolist()
    [-0.34657]
    """
    first, second, weight = _terms(died, at_risk, ties)
    up = ((died[:, 1] > 0) & (at_risk[:, 0] > 0)).any(axis=0)
    down = ((died[:, 0] > 0) & (at_risk[:, 1] > 0)).any(axis=0)
    answer = np.where(up, np.where(down, 0.0, np.inf), np.where(down, -np.inf, np.nan))
    open_ = np.flatnonzero(up & down)
    beta, seen = np.zeros(open_.size), died[:, 1].sum(axis=0, dtype=float)[open_]
    first, second, weight = (part[:, open_] for part in (first, second, weight))
    for _ in range(60):
        share = second * np.exp(beta)
        share /= share + first
        expected = share * weight
        score = seen - expected.sum(axis=0)
        expected *= 1 - share
        step = np.clip(score / np.maximum(expected.sum(axis=0), TINY), -1.5, 1.5)
        beta += step
        moving = np.abs(step) > 1e-9
        if not moving.all():
            answer[open_[~moving]] = beta[~moving]
            if not moving.any():
                return answer
            if moving.mean() < 0.7:
                open_, beta, seen = open_[moving], beta[moving], seen[moving]
                first, second, weight = (part[:, moving] for part in (first, second, weight))
    answer[open_] = np.nan
    return answer


def _draw_counts(cell, cells, draws, rng):
    """How often each cell is drawn: shape (cells, draws)."""
    picked = cell.take(
        rng.integers(0, cell.size, (draws, cell.size), dtype=np.uint16)
        if cell.size < 1 << 16
        else rng.integers(0, cell.size, (draws, cell.size))
    )
    picked *= draws
    picked += np.arange(draws)[:, None]
    return np.bincount(picked.ravel(), minlength=cells * draws).reshape(cells, draws)


def _cells(time, event, wanted):
    """Cell of each patient, and what each cell is: (asked times it precedes, is event)."""
    order = np.lexsort((~event, time))
    segment = np.searchsorted(np.sort(wanted) + noise_of(time), time[order], side="left")
    # What comes after the last asked time is one cell, as is every run of one kind before it.
    kind = np.where(segment == wanted.size, 2, event[order].astype(int))
    new = (np.diff(segment) != 0) | (np.diff(kind) != 0)
    number = np.concatenate([[0], np.cumsum(new)])
    first = np.flatnonzero(np.concatenate([[True], new]))
    cell = np.empty(time.size, dtype=np.int64)
    cell[order] = number
    return cell, list(zip(segment[first].tolist(), kind[first].tolist(), strict=True))


def _draw_survival(cell, kinds, times, draws, rng):
    counts = _draw_counts(cell, len(kinds), draws, rng)
    survival, answer = np.ones(draws), np.ones((times, draws))
    at_risk = np.full(draws, float(cell.size))
    filled = 0
    for (segment, kind), leaving in zip(kinds, counts, strict=True):
        answer[filled:segment] = survival
        filled = max(filled, segment)
        if kind == 2:
            break
        staying = at_risk - leaving
        if kind == 1:
            survival = survival * (np.maximum(staying, TINY) / np.maximum(at_risk, TINY))
        at_risk = staying
    answer[filled:] = survival
    answer[answer < 1e-200] = 0.0
    return answer.T


def _cox_cells(checked):
    """Cells of a two-group Cox model: for each event time its events by group, and the leavers.

    Cell 4 j + 2 + g holds group g's events at event time j; cell 4 j + g those of group g who
    leave without it before event time j, but were still at risk at event time j - 1.
    """
    happened = np.unique(checked.time[checked.event])
    position = np.searchsorted(happened, checked.time, side="left")
    later = np.searchsorted(happened, checked.time, side="right")
    cell = np.where(checked.event, 4 * position + 2, 4 * later) + checked.code
    return cell.astype(np.int64), happened.size


def _draw_log_ratio(cell, happened, ties, draws, rng):
    counts = _draw_counts(cell, 4 * happened + 4, draws, rng).reshape(-1, 2, 2, draws)
    # Those at risk at an event time: its own events and everybody in a later cell.
    leaving = counts.sum(axis=1)
    at_risk = np.cumsum(leaving[::-1], axis=0)[::-1][:-1] - counts[:-1, 0]
    return log_hazard_ratios(counts[:-1, 1], at_risk, ties=ties)


def _terms(died, at_risk, ties):
    """Those at risk for each term of the score, by group, and the weight of the term.

    Efron's method has one term for each of d tied events: the k-th of them takes k / d of the
    tied patients out. Terms are packed, so that a fit takes as many rows as it has events; in the
    rows that it does not fill nobody of the second group is at risk, which adds nothing.
    """
    total = died.sum(axis=1)
    if ties == "breslow":
        return np.where(total > 0, at_risk[:, 0], 1.0), at_risk[:, 1] * 1.0, total * 1.0
    row = np.cumsum(total, axis=0) - total
    rows = int(total.sum(axis=0).max(initial=0))
    first, second = np.ones((rows, died.shape[2])), np.zeros((rows, died.shape[2]))
    for k in range(int(total.max(initial=0))):
        j, fit = np.nonzero(total > k)
        out = k / total[j, fit]
        place = row[j, fit] + k
        first[place, fit] = at_risk[j, 0, fit] - out * died[j, 0, fit]
        second[place, fit] = at_risk[j, 1, fit] - out * died[j, 1, fit]
    return first, second, np.ones((1, died.shape[2]))
