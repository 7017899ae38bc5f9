"""Which comparison can one printed P value for several groups belong to?

A paper prints medians of several groups and a single P value. Survival times are simulated with
those medians and group sizes, every comparison that could be meant is tested by log-rank in each
simulated study, and the share of studies whose P prints as given is reported. Simulated times
follow a Weibull law and are not censored; the result is a likelihood, not a proof.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from vlms.consistency.findings import printed_box, whole
from vlms.consistency.information import printed_ratio
from vlms.rounding import Printed


def which_comparison(groups, p, *, simulations=4000, seed=20160406, shape=1.0):
    """Simulate the log-rank P value of every comparison that a printed P could belong to.

    Parameters
    ----------
    groups : mapping of str to (int, str)
        Size and printed median of each group, in which every patient had the event.
    p : str
        P value as printed.
    simulations : int
        Simulated studies.
    seed : int
        Seed of the random numbers.
    shape : float
        Weibull shape: 1 for a constant hazard, above 1 for a rising one.

    Returns
    -------
    pandas.DataFrame
        comparison, df, median_p, prints (share of studies whose P prints as given) and as_small
        (share whose P is as small or smaller); likeliest first.

    Notes
    -----
    R: ``survdiff(Surv(time) ~ group)`` in each simulated study.

    Examples
    --------
    >>> result = which_comparison({"a": (40, "10"), "b": (40, "10"), "c": (40, "30")}, "<.001",
    ...                           simulations=200)
    >>> result.set_index("comparison").loc["a against b", "as_small"] < 0.05
    np.True_
    """
    names = list(groups)
    if len(names) < 2:
        raise ValueError("give two groups at least")
    if not shape > 0:
        raise ValueError(f"the shape must be above 0, found {shape}")
    sizes = np.array([whole(size, "group size", least=1) for size, _ in groups.values()])
    medians = np.array([printed_ratio(m, "median").value for _, m in groups.values()])
    low, high = printed_box(Printed.parse(p), smallest=0, largest=1)
    random = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(names)), sizes)
    draws = random.exponential(size=(simulations, len(label))) / np.log(2)
    times = np.repeat(medians, sizes) * draws ** (1 / shape)
    rows = []
    for title, arms in _comparisons(names):
        member = np.full(len(names), -1)
        for arm, chosen in enumerate(arms):
            member[list(chosen)] = arm
        kept = member[label] >= 0
        found = _log_rank_p(times[:, kept], member[label[kept]])
        prints, as_small = np.mean((found >= low) & (found <= high)), np.mean(found <= high)
        rows.append((title, len(arms) - 1, np.median(found), prints, as_small))
    frame = pd.DataFrame(rows, columns=["comparison", "df", "median_p", "prints", "as_small"])
    return frame.sort_values("prints", ascending=False, ignore_index=True)


def _comparisons(names):
    numbers = range(len(names))
    if len(names) > 2:
        yield "all groups", [(i,) for i in numbers]
    for i, j in combinations(numbers, 2):
        yield f"{names[i]} against {names[j]}", [(i,), (j,)]
    if len(names) > 2:
        for i in numbers:
            yield f"{names[i]} against the rest", [(i,), tuple(j for j in numbers if j != i)]


def _log_rank_p(times, arm):
    """P values of studies (rows) without censoring or ties."""
    arms = np.arange(arm.max() + 1)
    order = arm[np.argsort(times, axis=1)]
    is_arm = order[:, :, None] == arms
    at_risk = np.arange(order.shape[1], 0, -1)
    left = is_arm[:, ::-1].cumsum(axis=1)[:, ::-1]
    share = left / at_risk[None, :, None]
    excess = (is_arm - share).sum(axis=1)[:, :-1]
    variance = -np.einsum("sti,stj->sij", share, share)
    variance[:, arms, arms] += share.sum(axis=1)
    variance = variance[:, :-1, :-1]
    score = np.linalg.solve(variance, excess[:, :, None])[:, :, 0]
    return chdtrc(len(arms) - 1, (excess * score).sum(axis=1))
