"""The values that a Kaplan-Meier product can take over a stretch of events and censorings.

With r at risk, a step is an event, factor (r − 1)/r, or a censoring, factor 1; either leaves
r − 1. The values for e events and c censorings follow from those with one step fewer, so they are
kept in a table; there are C(e + c, c) at most.
"""

from math import comb

import numpy as np

_SAME = 1e-14


class ProductTable:
    """Values of the product over a segment, by at-risk number, events and censorings.

    Parameters
    ----------
    budget : int
        Values that may be held in all.

    Examples
    --------
    >>> ProductTable(100).factors(4, 1, 1).round(3)
    array([0.667, 0.75 ])
    """

    def __init__(self, budget):
        self.budget, self.left, self.known = budget, budget, {}

    def factors(self, at_risk, e, c, *, ends_in_event=False):
        """Return the sorted distinct factors, or None where there are too many."""
        if ends_in_event:
            before = self.factors(at_risk, e - 1, c)
            rest = at_risk - (e - 1) - c
            return None if before is None else before * ((rest - 1) / rest)
        if c == 0:
            return self._grow(at_risk, e, c)
        if (at_risk, e, c) not in self.known and comb(e + c + 1, c + 1) > self.left:
            return None
        for i in range(c + 1):
            for j in range(e + 1):
                if (at_risk, j, i) not in self.known:
                    self.known[at_risk, j, i] = self._grow(at_risk, j, i)
        return self.known[at_risk, e, c]

    def _grow(self, at_risk, e, c):
        if c == 0:
            return np.array([(at_risk - e) / at_risk if at_risk else 1.0])
        ways = [self.known[at_risk, e, c - 1]]
        if e:
            rest = at_risk - (e - 1) - c
            ways.append(self.known[at_risk, e - 1, c] * ((rest - 1) / rest))
        values = distinct(np.concatenate(ways))
        self.left -= len(values)
        return values

    def steps(self, at_risk, e, c, value, ends_in_event):
        """Return one order of steps that leads to a value of the table."""
        text = ""
        while e or c:
            rest = at_risk - (e - 1) - c
            if ends_in_event and not text and e:
                text, e, value = "e", e - 1, value * rest / max(rest - 1, 1)
                if rest == 1:
                    value = self.factors(at_risk, e, c)[0]
                continue
            by_event = value * rest / (rest - 1) if e and rest > 1 else value
            gap_event = self._gap(at_risk, e - 1, c, by_event) if e else np.inf
            gap_censored = self._gap(at_risk, e, c - 1, value) if c else np.inf
            # A product of 0 forgets its past: any order before the last event will do.
            if gap_event <= gap_censored or (e and rest == 1):
                text, e, value = "e" + text, e - 1, by_event
                if rest == 1:
                    value = self.factors(at_risk, e, c)[0]
            else:
                text, c = "c" + text, c - 1
        return text

    def _gap(self, at_risk, e, c, value):
        return np.abs(self.factors(at_risk, e, c) - value).min()


def distinct(values):
    """Return the sorted values without those that differ by rounding noise only.

    Parameters
    ----------
    values : numpy.ndarray
        Any order, one at least.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> distinct(np.array([0.3, 0.1 + 0.2, 0.1]))
    array([0.1, 0.3])
    """
    values = np.sort(values)
    return values[np.concatenate(([True], np.diff(values) > _SAME))]
