"""Statistics of many cohorts at once: arrays of cohorts × patients, no ties between outcomes."""

import re

import numpy as np

from vlms.rebuild.problem import RebuildError
from vlms.rebuild.search import cox_binary, log_rank_p, median_of, reverse_median

_AT = ("survival", "std_error", "rmst", "at_risk", "events")
_PLAIN = ("median", "median_follow_up", "log_rank_p", "hazard_ratio")
STATISTICS = (*(f"{name}@t" for name in _AT), *_PLAIN)


def parse_statistic(text):
    """The name of a statistic and its time, or say which there are."""
    match = re.fullmatch(r"(\w+)(?:@(\d+(?:\.\d+)?))?", str(text))
    name, at = (match[1], match[2]) if match else (text, None)
    if (name in _AT) != (at is not None) or name not in (*_AT, *_PLAIN):
        raise RebuildError(
            f"statistic {text!r} is none of {', '.join(STATISTICS)}; write a time as survival@60"
        )
    return name, None if at is None else float(at)


def measure(name, at, time, event, groups=None):
    """The value of a statistic in each cohort; NaN where it is not estimated.

    `groups` are masks of two or more groups, of which the last against the first has the ratio.
    """
    order = np.argsort(time, axis=1, kind="stable")
    time, event = np.take_along_axis(time, order, 1), np.take_along_axis(event, order, 1)
    count = time.shape[1]
    left = count - np.arange(count)
    if name in ("log_rank_p", "hazard_ratio"):
        masks = [np.take_along_axis(g, order, axis=1) for g in groups]
        if name == "log_rank_p":
            return log_rank_p(time, event, masks)
        return np.exp(cox_binary(time, event, masks[-1], masks[-1] | masks[0])[0])
    if name == "median_follow_up":
        return _finite(reverse_median(time, event))
    survival = np.cumprod(np.where(event, 1 - 1 / left, 1.0), axis=1)
    if name == "median":
        return _finite(median_of(time, event, survival))
    reached = (time <= at).sum(axis=1)
    if name == "events":
        return (event & (time <= at)).sum(axis=1).astype(float)
    if name == "at_risk":
        return (time >= at).sum(axis=1).astype(float)
    before = np.concatenate([np.ones((len(time), 1)), survival], axis=1)
    value = np.take_along_axis(before, reached[:, None], axis=1)[:, 0]
    known = (reached < count) | (value <= 0)
    if name == "survival":
        return np.where(known, value, np.nan)
    if name == "std_error":
        used = event & (time <= at) & (left > 1)
        error = np.sqrt((used / np.maximum(left * (left - 1.0), 1)).sum(axis=1))
        return np.where(known & (value > 0), value * error, np.nan)
    edges = np.concatenate([np.zeros((len(time), 1)), np.minimum(time, at)], axis=1)
    widths = np.diff(np.concatenate([edges, np.full((len(time), 1), at)], axis=1), axis=1)
    return np.where(known, (widths * before).sum(axis=1), np.nan)


def _finite(value):
    """NaN for what is not reached."""
    return np.where(np.isfinite(value), value, np.nan)
