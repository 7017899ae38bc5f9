"""Small cohorts: permutation, beta product limits, the bootstrap and batches of fits.

Permutation: a rank test asks how often a group's sum of scores would be as far from its mean as the
one seen, if the group labels were dealt out anew within strata. For two groups all allocations are
counted without visiting each: the sums over subsets of one half of the patients are matched with
those of the other half (meet in the middle). For more groups each is visited. Where that is too
much, random allocations are drawn: patients are cut into blocks whose subset sums are tabulated
once, and a draw is one look-up a block.

Beta product limits: Fay, Brittain and Proschan 2013, Fay and Brittain 2016 (mid-p), by the method
of moments. Bootstrap (Efron 1981): a resample is how often each patient was drawn, patients sorted
by time; numbers at risk are running sums of that, for thousands of resamples at once. What an
estimate cannot tell apart is drawn as one cell.

Random draws come in chunks, each with a seed of its own: the answer is the same in one process, in
joblib's or, within ``joblib.parallel_config(backend="dask")``, on a cluster. lifelines and
statsmodels have none of these.
"""

from functools import partial
from math import comb, factorial, prod

import numpy as np
import pandas as pd
from scipy.special import betainc, betaincinv

from vlms.survival.counts import (
    SurvivalInputError,
    checked_times,
    noise_of,
    observations,
    optional_import,
    within_groups,
)

# Permutation
MOST_SUMS = 1 << 22
MOST_ALLOCATIONS = 3_000_000
BLOCK = 13
DRAWS_AT_ONCE = 1 << 15
# Sums that differ by rounding noise only are the same sum.
NOISE = 1e-9
# Bootstrap
CHUNK = 2048
# Stands for 0 in a quotient, so that 0/0 is 1: who was never at risk does not lower a product.
TINY = 1e-290
PIECES_PER_WORKER = 4


def bootstrap_survival(
    time, event, at, group=None, *, resamples=10_000, seed=1, confidence=0.95, jobs=None
):
    """Bootstrap the Kaplan-Meier estimate at given times.

    Parameters
    ----------
    time, event, group
        As `kaplan_meier`; patients are drawn within their group.
    at : float or array-like of float
        Times at which survival is wanted.
    resamples, seed : int
        The same seed gives the same answer, whatever `jobs` is.
    confidence : float
        Coverage of the percentile limits.
    jobs : int, optional
        Workers for joblib; None works in this process.

    Returns
    -------
    DataFrame
        ``group, time, survival, std_error, lower, upper``: the mean of the resampled estimates,
        their standard deviation and percentile limits. NaN beyond a group's follow-up.

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
    wanted, tail, rows = (
        checked_times(np.atleast_1d(np.asarray(at)), "at"),
        (1 - confidence) / 2,
        [],
    )
    for code, label in enumerate(checked.labels):
        mine = checked.code == code
        last = checked.time[mine].max() + noise_of(checked.times)
        patients = checked.time[mine], checked.event[mine]
        draws = _survival_draws(*patients, wanted, resamples, [seed, code], jobs)
        error = draws.std(axis=0, ddof=1) if resamples > 1 else np.full(wanted.size, np.nan)
        found = draws.mean(axis=0), error, *np.quantile(draws, [tail, 1 - tail], axis=0)
        found = np.where(wanted <= last, found, np.nan).T
        rows += [(label, month, *one) for month, one in zip(wanted, found, strict=True)]
    return pd.DataFrame(rows, columns=["group", "time", "survival", "std_error", "lower", "upper"])


def bootstrap_hazard_ratio(
    time, event, group, *, resamples=10_000, seed=1, confidence=0.95, jobs=None
):
    """Bootstrap the hazard ratio of two groups, a Cox model in every resample.

    Parameters
    ----------
    time, event, resamples, seed, confidence, jobs
        As `bootstrap_survival`.
    group : array-like, shape (n,)
        Two groups; the ratio is that of the second to the first, in sorted or categorical order.

    Returns
    -------
    DataFrame
        One row: ``group, reference, hazard_ratio, lower, upper, std_error, resamples, infinite,
        undefined``: the median of the resampled ratios, their percentile limits, the standard
        deviation of the finite log ratios, and how many resamples separate (a ratio of 0 or
        infinity, which the limits count in) or hold no comparison (which they leave out).

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
    if len(checked.labels) != 2:
        raise SurvivalInputError(
            f"group: holds {list(checked.labels)}. A bootstrap hazard ratio compares two groups."
        )
    draw = partial(_draw_log_ratio, *_cox_cells(checked))
    draws = np.concatenate(spread(draw, resamples, seed=seed, jobs=jobs, chunk=CHUNK // 2))
    known, finite = draws[~np.isnan(draws)], draws[np.isfinite(draws)]
    tail = (1 - confidence) / 2
    # An order statistic, not a mean of two: infinite ratios have a rank but no average.
    lower, middle, upper = np.full(3, np.nan)
    if known.size:
        shares = tail, 0.5, 1 - tail
        lower, middle, upper = np.exp(np.quantile(known, shares, method="inverted_cdf"))
    row = {
        "group": checked.labels[1],
        "reference": checked.labels[0],
        "hazard_ratio": middle,
        "lower": lower,
        "upper": upper,
        "std_error": finite.std(ddof=1) if finite.size > 1 else np.nan,
        "resamples": draws.size,
        "infinite": known.size - finite.size,
        "undefined": draws.size - known.size,
    }
    return pd.DataFrame([row])


def log_hazard_ratios(died, at_risk):
    """Fit the Cox model of a binary covariate to many data sets at once.

    Parameters
    ----------
    died, at_risk : ndarray, shape (times, 2, fits)
        Events, and patients at risk, of the first and the second group at each event time.

    Returns
    -------
    ndarray of float, shape (fits,)
        Log hazard ratios of the second group; plus or minus infinity where the likelihood is
        monotone, NaN where nobody is compared with anybody.

    Notes
    -----
    R: ``coef(coxph(Surv(time, event) ~ group))``.

    Examples
    --------
    >>> died = np.array([[[1], [0]], [[0], [1]]])
    >>> at_risk = np.array([[[2], [2]], [[1], [2]]])
    >>> log_hazard_ratios(died, at_risk).round(5).tolist()
    [-0.34657]
    """
    first, second = _terms(died, at_risk)
    up = ((died[:, 1] > 0) & (at_risk[:, 0] > 0)).any(axis=0)
    down = ((died[:, 0] > 0) & (at_risk[:, 1] > 0)).any(axis=0)
    answer = np.where(up, np.where(down, 0.0, np.inf), np.where(down, -np.inf, np.nan))
    open_ = np.flatnonzero(up & down)
    beta, seen = np.zeros(open_.size), died[:, 1].sum(axis=0, dtype=float)[open_]
    first, second = first[:, open_], second[:, open_]
    for _ in range(60):
        share = second * np.exp(beta)
        share /= share + first
        score = seen - share.sum(axis=0)
        share *= 1 - share
        step = np.clip(score / np.maximum(share.sum(axis=0), TINY), -1.5, 1.5)
        beta += step
        moving = np.abs(step) > 1e-9
        if not moving.all():
            answer[open_[~moving]] = beta[~moving]
            if not moving.any():
                return answer
            if moving.mean() < 0.7:
                open_, beta, seen = open_[moving], beta[moving], seen[moving]
                first, second = first[:, moving], second[:, moving]
    answer[open_] = np.nan
    return answer


# Permutation


def count_allocations(codes, groups):
    """Count the ways of dealing patients to groups of the sizes seen, within strata."""
    sizes = [np.bincount(code, minlength=groups) for code in codes]
    return prod(factorial(int(n.sum())) // prod(factorial(int(m)) for m in n) for n in sizes)


def exact_share(scores, codes, groups):
    """Share of all allocations whose sums over the groups are as far from 0 as those seen.

    `scores` (mean 0) and `codes` hold an array a stratum. The distance is the absolute sum of one
    of two groups; of more the quadratic form in the inverse covariance under permutation.
    """
    total = count_allocations(codes, groups)
    if groups == 2:
        if total >= 2**62:
            _refuse(total)
        return _count_two_groups(scores, codes, total) / total
    if total > MOST_ALLOCATIONS:
        _refuse(total)
    sums = np.zeros((1, groups))
    for score, code in zip(scores, codes, strict=True):
        own = _all_sums(score, np.bincount(code, minlength=groups))
        sums = (sums[:, None, :] + own[None, :, :]).reshape(-1, groups)
    distance = _distances(scores, codes, groups)
    reach = distance(_seen(scores, codes, groups))
    return float(np.mean(distance(sums) >= reach * (1 - NOISE)))


def random_share(scores, codes, groups, *, draws, seed, jobs=None):
    """Count random allocations at least as far from 0 as the one seen; as `exact_share`."""
    count = _count_two if groups == 2 else _count_more
    tables = [_block_tables(score) for score in scores] if groups == 2 else scores
    draw = partial(count, tables, scores, codes, groups)
    return sum(spread(draw, draws, seed=seed, jobs=jobs, chunk=DRAWS_AT_ONCE))


def share_limits(extreme, draws):
    """95% limits of a permutation P value, by Clopper and Pearson (R: ``binom.test``)."""
    lower = betaincinv(extreme, draws - extreme + 1, 0.025) if extreme else 0.0
    upper = betaincinv(extreme + 1, draws - extreme, 0.975) if extreme < draws else 1.0
    return float(lower), float(upper)


def _refuse(total):
    """Say that there are too many allocations to count."""
    raise SurvivalInputError(
        f'method: "exact" would have to go through {total:.3g} allocations. '
        'Use method="permutation" with a seed.'
    )


def _seen(scores, codes, groups):
    """Sum of the scores over each group, as the patients stand."""
    return sum(
        np.bincount(code, weights=score, minlength=groups)
        for score, code in zip(scores, codes, strict=True)
    )


def _distances(scores, codes, groups):
    """Return the function that turns sums a group (last axis) into a distance from 0."""
    covariance = np.zeros((groups, groups))
    for score, code in zip(scores, codes, strict=True):
        n = np.bincount(code, minlength=groups)
        if code.size > 1:
            spread = (score @ score) / (code.size * (code.size - 1))
            covariance += spread * (code.size * np.diag(n) - np.outer(n, n))
    inverse = np.linalg.pinv(covariance, hermitian=True)
    return lambda sums: np.einsum("...i,ij,...j->...", sums, inverse, sums)


def _count_two_groups(scores, codes, total):
    """How many allocations to two groups are as extreme as the one seen."""
    reach = abs(_seen(scores, codes, 2)[0])
    noise = _noise(scores)
    largest = max(range(len(scores)), key=lambda stratum: scores[stratum].size)
    # The other strata join the first half: their sums, with how often each occurs.
    values, times = np.zeros(1), np.ones(1, dtype=np.int64)
    for stratum, (score, code) in enumerate(zip(scores, codes, strict=True)):
        if stratum != largest:
            size = int((code == 0).sum())
            own = _sums_by_size(score, noise, total)[size]
            sums, ways = np.add.outer(values, own[0]), np.multiply.outer(times, own[1])
            values, times = _merge(sums.ravel(), ways.ravel(), noise)
            if values.size > MOST_SUMS:
                _refuse(total)
    score, size = scores[largest], int((codes[largest] == 0).sum())
    half = score.size // 2
    first, second = (_sums_by_size(part, noise, total) for part in (score[:half], score[half:]))
    inside = 0
    for chosen, (sums, ways) in enumerate(first):
        if not 0 <= size - chosen < len(second):
            continue
        if sums.size * values.size > MOST_SUMS:
            _refuse(total)
        left = np.add.outer(sums, values).ravel()
        left_ways = np.multiply.outer(ways, times).ravel()
        right, right_ways = second[size - chosen]
        running = np.concatenate([[0], np.cumsum(right_ways)])
        # Counted are the sums strictly nearer to 0 than what was seen; the rest is as extreme.
        below = running[np.searchsorted(right, reach - noise - left, side="left")]
        above = running[np.searchsorted(right, -reach + noise - left, side="right")]
        inside += int(left_ways @ np.maximum(below - above, 0))
    return total - inside


def _sums_by_size(score, noise, total):
    """Distinct sums over the subsets of each size, ascending, and how many subsets give each."""
    table = [(np.zeros(1), np.ones(1, dtype=np.int64))]
    for value in score:
        without = [*table[1:], (np.zeros(0), np.zeros(0, dtype=np.int64))]
        table = table[:1] + [
            _merge(np.append(old, sums + value), np.append(old_ways, ways), noise)
            for (old, old_ways), (sums, ways) in zip(without, table, strict=True)
        ]
        if sum(sums.size for sums, _ in table) > MOST_SUMS:
            _refuse(total)
    return table


def _merge(values, times, noise):
    """Equal sums as one, with how often each occurs."""
    order = np.argsort(values, kind="stable")
    values, times = values[order], times[order]
    first = np.flatnonzero(np.concatenate([[True], np.diff(values) > noise]))
    return values[first], np.add.reduceat(times, first)


def _all_sums(score, sizes):
    """Sums a group for every allocation of one stratum, one row each."""
    states = {tuple(0 for _ in sizes): np.zeros((1, len(sizes)))}
    for value in score:
        grown = {}
        for filled, sums in states.items():
            for group, size in enumerate(sizes):
                if filled[group] < size:
                    key = (*filled[:group], filled[group] + 1, *filled[group + 1 :])
                    moved = sums.copy()
                    moved[:, group] += value
                    grown.setdefault(key, []).append(moved)
        states = {key: np.concatenate(rows) for key, rows in grown.items()}
    return next(iter(states.values()))


def _count_two(tables, scores, codes, groups, draws, rng):
    """How many random allocations to two groups are as extreme."""
    reach = abs(_seen(scores, codes, groups)[0]) - _noise(scores)
    sums = sum(
        _draw_sums(table, int((code == 0).sum()), draws, rng)
        for table, code in zip(tables, codes, strict=True)
    )
    return int(np.count_nonzero(np.abs(sums) >= reach))


def _count_more(_, scores, codes, groups, draws, rng):
    """How many random allocations to three groups or more are as extreme."""
    distance = _distances(scores, codes, groups)
    reach, sums = distance(_seen(scores, codes, groups)) * (1 - NOISE), 0
    for score, code in zip(scores, codes, strict=True):
        dealt = rng.permuted(np.broadcast_to(code, (draws, code.size)), axis=1)
        sums = sums + np.stack([(dealt == group) @ score for group in range(groups)], axis=1)
    return int(np.count_nonzero(distance(sums) >= reach))


def _noise(scores):
    """How far apart equal sums of scores may be."""
    return NOISE * max(1.0, *(float(np.abs(score).sum()) for score in scores))


def _block_tables(score):
    """Cut scores into blocks; of each, the sums of all its subsets, ordered by subset size."""
    tables = []
    for start in range(0, score.size, BLOCK):
        part = score[start : start + BLOCK]
        sums, sizes = np.zeros(1), np.zeros(1, dtype=np.int64)
        for value in part:
            sums = np.concatenate([sums, sums + value])
            sizes = np.concatenate([sizes, sizes + 1])
        ways = np.array([comb(part.size, size) for size in range(part.size + 1)])
        tables.append((part.size, sums[np.argsort(sizes, kind="stable")], ways))
    return tables


def _draw_sums(tables, size, draws, rng):
    """Sums over random subsets of a given size: shares of the blocks first, then look-ups."""
    left = sum(n for n, _, _ in tables)
    wanted = size
    total = np.zeros(draws)
    for n, sums, ways in tables:
        left -= n
        taken = rng.hypergeometric(n, left, wanted, size=draws) if left else wanted
        first = (np.cumsum(ways) - ways)[taken]
        total += sums[first + (rng.random(draws) * ways[taken]).astype(np.int64)]
        wanted = wanted - taken
    return total


# Beta product limits


def beta_product_limits(counts, interval, confidence):
    """Limits from each time up to the next: S(t) as a product of beta variables.

    The upper limit multiplies Beta(n - d + 1, d) over the event times; the lower one has one more
    factor, Beta(m, 1), for the m still at risk: the next death might come at once. A product is
    replaced by the beta variable with its first two moments, right without censoring. The mid-p
    limits are quantiles of an even mixture of both. R: ``bpcp::bpcp(time, event)``.
    """
    tail = (1 - confidence) / 2
    n, d, left = counts.at_risk.astype(float), counts.events, counts.at_risk - counts.events
    left = left - counts.censored
    mean = within_groups(np.cumprod, (n - d + 1) / (n + 1), counts.sizes)
    square = (n - d + 1) / (n + 1) * ((n - d + 2) / (n + 2))
    square = within_groups(np.cumprod, square, counts.sizes)
    high = _matched_beta(mean, square)
    low = _matched_beta(mean * left / (left + 1), square * left / (left + 2))
    if interval == "beta-product":
        return _beta_quantile(tail, *low), _beta_quantile(1 - tail, *high)
    return _mixture_quantile(tail, low, high), _mixture_quantile(1 - tail, low, high)


def _matched_beta(mean, square):
    """Mean and parameters of the beta variable with these moments; NaN where it is a point."""
    size = mean * (1 - mean) / (square - mean**2) - 1
    point = (mean <= 0) | (mean >= 1)
    return mean, np.where(point, np.nan, mean * size), np.where(point, np.nan, (1 - mean) * size)


def _beta_quantile(share, mean, a, b):
    """Quantile of a beta variable, or of the point that it is."""
    return np.where(np.isnan(a), mean, betaincinv(a, b, share))


def _beta_share(x, mean, a, b):
    """Distribution function of a beta variable, or of the point that it is."""
    return np.where(np.isnan(a), (x >= mean).astype(float), betainc(a, b, x))


def _mixture_quantile(share, low, high):
    """Quantile of an even mixture of the two distributions, by halving the interval."""
    below, above = np.zeros_like(low[0]), np.ones_like(low[0])
    for _ in range(60):
        middle = (below + above) / 2
        short = (_beta_share(middle, *low) + _beta_share(middle, *high)) / 2 < share
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return (below + above) / 2


# Bootstrap


def _survival_draws(time, event, wanted, resamples, seed, jobs=None):
    """Bootstrap estimates of survival in one group: one row a resample, one column a time."""
    cell, kinds = _cells(time, event, wanted)
    draw = partial(_draw_survival, cell, kinds, wanted.size)
    drawn = np.concatenate(spread(draw, resamples, seed=seed, jobs=jobs, chunk=CHUNK))
    # Drawn in ascending order of the times, returned in the order asked for.
    return drawn[:, np.argsort(np.argsort(wanted, kind="stable"), kind="stable")]


def _draw_counts(cell, cells, draws, rng):
    """How often each cell is drawn: shape (cells, draws)."""
    kind = np.uint16 if cell.size < 1 << 16 else np.int64
    picked = cell.take(rng.integers(0, cell.size, (draws, cell.size), dtype=kind))
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
    """Survival at each asked time in each resample."""
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

    Cell 4 j + 2 + g: events of group g at event time j; 4 j + g: who leaves it between j - 1 and j.
    """
    happened = np.unique(checked.time[checked.event])
    position = np.searchsorted(happened, checked.time, side="left")
    later = np.searchsorted(happened, checked.time, side="right")
    cell = np.where(checked.event, 4 * position + 2, 4 * later) + checked.code
    return cell.astype(np.int64), happened.size


def _draw_log_ratio(cell, happened, draws, rng):
    """Log hazard ratio of each resample."""
    counts = _draw_counts(cell, 4 * happened + 4, draws, rng).reshape(-1, 2, 2, draws)
    # Those at risk at an event time: its own events and everybody in a later cell.
    leaving = counts.sum(axis=1)
    at_risk = np.cumsum(leaving[::-1], axis=0)[::-1][:-1] - counts[:-1, 0]
    return log_hazard_ratios(counts[:-1, 1], at_risk)


def _terms(died, at_risk):
    """Those at risk for each term of Efron's score, by group.

    The k-th of d tied events takes k / d of the tied out. Terms are packed; in the rows that a fit
    does not fill nobody of the second group is at risk.
    """
    total = died.sum(axis=1)
    row = np.cumsum(total, axis=0) - total
    rows = int(total.sum(axis=0).max(initial=0))
    first, second = np.ones((rows, died.shape[2])), np.zeros((rows, died.shape[2]))
    for k in range(int(total.max(initial=0))):
        j, fit = np.nonzero(total > k)
        out = k / total[j, fit]
        place = row[j, fit] + k
        first[place, fit] = at_risk[j, 0, fit] - out * died[j, 0, fit]
        second[place, fit] = at_risk[j, 1, fit] - out * died[j, 1, fit]
    return first, second


# Random draws in chunks


def spread(draw, draws, *, seed, jobs=None, chunk=2048):
    """Call ``draw(size, rng)`` for each chunk of a number of draws; the answers, in order.

    The same seed gives the same answers, whatever `jobs` is: workers for joblib (-1: all there
    are), or None for this process, without joblib. With `jobs`, `draw` must be picklable.
    """
    if draws != int(draws) or draws < 1:
        raise ValueError(f"resamples: {draws!r} is no number of draws; give 1 or more.")
    count = -(-int(draws) // chunk)
    sizes = [chunk] * (count - 1) + [int(draws) - chunk * (count - 1)]
    chunks = list(zip(sizes, np.random.SeedSequence(seed).spawn(count), strict=True))
    if jobs is None:
        return _work(draw, chunks)
    joblib = optional_import("joblib")
    pieces = min(count, PIECES_PER_WORKER * joblib.effective_n_jobs(jobs))
    cuts = np.linspace(0, count, pieces + 1).astype(int)
    answers = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_work)(draw, chunks[start:stop])
        for start, stop in zip(cuts[:-1], cuts[1:], strict=True)
    )
    return [answer for piece in answers for answer in piece]


def _work(draw, chunks):
    """The answers to some chunks, each with a generator of its own."""
    return [draw(size, np.random.default_rng(seed)) for size, seed in chunks]
