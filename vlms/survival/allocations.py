"""Every way of dealing patients to groups: the permutation distribution of a sum of scores.

A rank test of small groups asks how often a sum of the patients' scores over one group would be as
far from its mean as the one seen, if the group labels were dealt out anew. For two groups all
allocations are counted exactly, without visiting each: the sums over subsets of one half of the
patients are matched with those of the other half (meet in the middle), so that 2^(n/2) sums stand
for all of them. For more groups every allocation is visited. Where even that is too much, random
allocations are drawn: patients are cut into blocks whose subset sums are tabulated once, and a
draw is one look-up a block.

Under the null hypothesis scores have mean 0 within each stratum; patients are dealt within strata.
"""

from functools import partial
from math import comb, factorial, prod

import numpy as np
from scipy import special

from vlms.survival.arguments import SurvivalInputError
from vlms.survival.spreading import spread

MOST_SUMS = 1 << 22
MOST_ALLOCATIONS = 3_000_000
BLOCK = 13
DRAWS_AT_ONCE = 1 << 15
# Sums that differ by rounding noise only are the same sum.
NOISE = 1e-9


def count_allocations(codes, groups):
    """Count the ways of dealing patients to groups of the sizes seen, within strata.

    Parameters
    ----------
    codes : sequence of ndarray of int
        Group of each patient, one array a stratum.
    groups : int
        Number of groups.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> count_allocations([np.array([0, 0, 1, 1])], 2)
    6
    """
    sizes = [np.bincount(code, minlength=groups) for code in codes]
    return prod(factorial(int(n.sum())) // prod(factorial(int(m)) for m in n) for n in sizes)


def exact_share(scores, codes, groups):
    """Share of all allocations whose sums are at least as far from 0 as those seen.

    Parameters
    ----------
    scores : sequence of ndarray of float
        Scores of the patients, one array a stratum, each with mean 0.
    codes : sequence of ndarray of int
        Group of each patient, one array a stratum.
    groups : int
        Number of groups, 2 or more.

    Returns
    -------
    float
        Two-sided P value. Two groups: distance is the absolute sum over a group; more: the
        quadratic form of the sums in the inverse of their covariance under permutation.

    Raises
    ------
    SurvivalInputError
        When there are too many allocations to count.

    Examples
    --------
    >>> import numpy as np
    >>> exact_share([np.array([-1.5, -0.5, 0.5, 1.5])], [np.array([0, 0, 1, 1])], 2)
    0.3333333333333333
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
    """Count random allocations at least as far from 0 as the one seen.

    Parameters
    ----------
    scores, codes, groups
        As `exact_share`.
    draws : int
        Random allocations.
    seed : int
        Seed of numpy's default generator: the same seed gives the same count.
    jobs : int, optional
        Workers, as `vlms.survival.spreading.spread`.

    Returns
    -------
    int
        How many of the draws are as extreme as what was seen.

    Examples
    --------
    >>> import numpy as np
    >>> scores, codes = [np.array([-1.5, -0.5, 0.5, 1.5])], [np.array([0, 0, 1, 1])]
    >>> 300 < random_share(scores, codes, 2, draws=1000, seed=1) < 370
    True
    """
    count = _count_two if groups == 2 else _count_more
    tables = [_block_tables(score) for score in scores] if groups == 2 else scores
    draw = partial(count, tables, scores, codes, groups)
    return sum(spread(draw, draws, seed=seed, jobs=jobs, chunk=DRAWS_AT_ONCE))


def share_interval(extreme, draws, *, confidence=0.95):
    """Monte-Carlo limits of a permutation P value, by Clopper and Pearson.

    Parameters
    ----------
    extreme, draws : int
        Draws as extreme as what was seen, and all draws.
    confidence : float
        Confidence level, 0-1.

    Returns
    -------
    (float, float)

    Notes
    -----
    R: ``binom.test(extreme, draws)$conf.int``.

    Examples
    --------
    >>> [round(limit, 4) for limit in share_interval(5, 100)]
    [0.0164, 0.1128]
    """
    tail = (1 - confidence) / 2
    lower = special.betaincinv(extreme, draws - extreme + 1, tail) if extreme else 0.0
    upper = special.betaincinv(extreme + 1, draws - extreme, 1 - tail) if extreme < draws else 1.0
    return float(lower), float(upper)


def _refuse(total):
    raise SurvivalInputError(
        f'method: "exact" would have to go through {total:.3g} allocations. '
        'Use method="permutation" with a seed.'
    )


def _seen(scores, codes, groups):
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
    reach = abs(_seen(scores, codes, 2)[0])
    noise = _noise(scores)
    largest = max(range(len(scores)), key=lambda stratum: scores[stratum].size)
    # The other strata join the first half: their sums, with how often each occurs.
    values, times = np.zeros(1), np.ones(1, dtype=np.int64)
    for stratum, (score, code) in enumerate(zip(scores, codes, strict=True)):
        if stratum != largest:
            size = int((code == 0).sum())
            own = _sums_by_size(score, noise, total)[size]
            values, times = _merge(
                np.add.outer(values, own[0]).ravel(),
                np.multiply.outer(times, own[1]).ravel(),
                noise,
            )
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
        grown = [table[0]]
        for (without, n_without), (sums, n_sums) in zip(
            [*table[1:], (np.zeros(0), np.zeros(0, dtype=np.int64))], table, strict=True
        ):
            grown.append(
                _merge(
                    np.concatenate([without, sums + value]),
                    np.concatenate([n_without, n_sums]),
                    noise,
                )
            )
        table = grown
        if sum(sums.size for sums, _ in table) > MOST_SUMS:
            _refuse(total)
    return table


def _merge(values, times, noise):
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
    reach = abs(_seen(scores, codes, groups)[0]) - _noise(scores)
    sums = sum(
        _draw_sums(table, int((code == 0).sum()), draws, rng)
        for table, code in zip(tables, codes, strict=True)
    )
    return int(np.count_nonzero(np.abs(sums) >= reach))


def _count_more(_, scores, codes, groups, draws, rng):
    distance = _distances(scores, codes, groups)
    reach = distance(_seen(scores, codes, groups)) * (1 - NOISE)
    sums = sum(
        _shuffle_sums(score, code, groups, draws, rng)
        for score, code in zip(scores, codes, strict=True)
    )
    return int(np.count_nonzero(distance(sums) >= reach))


def _noise(scores):
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


def _shuffle_sums(score, code, groups, draws, rng):
    dealt = rng.permuted(np.broadcast_to(code, (draws, code.size)), axis=1)
    return np.stack([(dealt == group) @ score for group in range(groups)], axis=1)
