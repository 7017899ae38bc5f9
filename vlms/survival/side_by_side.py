# shim: removed at integration
"""Event tables of several groups brought onto common event times.

The log-rank test and the Cox model of a categorical covariate compare groups at each time at which
any of them has an event. Each group's times ascend already, so that one merge finds for all groups
together what a search per group and time would.
"""

import numpy as np


def side_by_side(parts):
    """Numbers at risk and events of every group at every event time of any.

    Parameters
    ----------
    parts : list of (time, at_risk, events, censored)
        As `vlms.survival.event_table.count_groups` returns them.

    Returns
    -------
    times : ndarray of float, shape (t,)
        Distinct times at which a group has an event, ascending.
    at_risk, events : ndarray of float, shape (groups, t)
        A group's number at risk at a time of others is the one at its own next time.

    Examples
    --------
    >>> from vlms.survival.event_table import count_groups
    >>> from vlms.survival.observations import observations
    >>> parts = count_groups(observations([1, 2, 3], [1, 0, 1], ["a", "b", "a"]))
    >>> times, at_risk, events = side_by_side(parts)
    >>> times.tolist(), at_risk.tolist(), events.tolist()
    ([1.0, 3.0], [[2.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]])
    """
    every = np.concatenate([part[0] for part in parts])
    # A stable sort of runs that ascend already only has to merge them.
    order = np.argsort(every, kind="stable")
    every = every.take(order)
    begins = np.flatnonzero(np.append(True, every[1:] > every[:-1])[: every.size])
    died = np.concatenate([part[2] > 0 for part in parts]).take(order)
    if begins.size:
        begins = begins[np.logical_or.reduceat(died, begins)]
    times = every.take(begins)
    ends = np.cumsum([part[0].size for part in parts])
    at_risk, events = np.empty((2, len(parts), times.size))
    for code, (own, still, happened, _) in enumerate(parts):
        mine = (order < ends[code]) & (order >= ends[code] - own.size)
        # Own rows before each time; the next one is the first at it or after it.
        row = np.cumsum(mine).take(begins)
        row -= mine.take(begins)
        at_risk[code] = np.append(still, 0).take(row)
        events[code] = np.append(happened, 0).take(row)
        events[code] *= np.append(own, np.inf).take(row) == times
    return times, at_risk, events
