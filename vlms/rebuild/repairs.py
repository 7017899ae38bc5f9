"""Which single printed number, changed to what, lets a conflicting set hold together?"""

import math
from dataclasses import replace

import pandas as pd

from vlms.consistency import check_paper, read_facts
from vlms.printed import Printed

_KINDS = ("n", "events", "censored", "at_risk", "count", "survival", "median", "share",
          "hazard_ratio", "mean", "sd", "minimum", "maximum")  # fmt: skip
_MOST_TRIED = 60


def repairs(facts):
    """Find, for each conflicting set, single changes that let its facts hold together.

    Parameters
    ----------
    facts : path, pandas.DataFrame or Facts
        As for `vlms.consistency.check_paper`.

    Returns
    -------
    pandas.DataFrame
        set, fact (its id), printed, becomes, cost (relative change; for a count at least that of
        one in it), elsewhere (sets of the paper that the change would leave in conflict),
        cheapest first in each set. Two values that change places are one repair: ``fact`` then
        holds both ids, joined by `` <-> ``. ``.attrs["unrepaired"]``: sets without a repair.

    Notes
    -----
    A repair is the nearest value, in units of the last printed place, with which the audit of the
    paper no longer finds the set. It says what would make the numbers possible, not which is wrong.

    Examples
    --------
    >>> facts = pd.DataFrame({"kind": ["n", "events"], "value": ["12", "14"], "endpoint": "death"})
    >>> repairs(facts)[["fact", "printed", "becomes"]].values.tolist()
    [['1', '12', '14'], ['2', '14', '12']]
    """
    model = read_facts(facts)
    found = check_paper(model)
    found = found[found["verdict"] == "contradictory"]
    total = found["set"].nunique()
    rows = []
    for number, members in found.groupby("set"):
        ids = list(members["fact"])
        alone = model.only(set(ids))
        for key in ids:
            becomes = _nearest(alone, alone.facts[key])
            if becomes is not None:
                rows.append((number, key, alone.facts[key].value.text, becomes, {key: becomes}))
        rows += [(number, *swap) for swap in _swaps(model, alone)]
    listed = []
    for number, key, printed, becomes, changes in rows:
        changed = _with(model, changes)
        left = check_paper(changed)
        left = left[left["verdict"] == "contradictory"]["set"].nunique()
        cost = sum(_cost(model.facts[k].value, Printed.parse(v)) for k, v in changes.items())
        listed.append((int(number), key, printed, becomes, cost, left))
    frame = pd.DataFrame(listed, columns=["set", "fact", "printed", "becomes", "cost", "elsewhere"])
    frame = frame.sort_values(["set", "cost", "elsewhere"], kind="stable", ignore_index=True)
    frame.attrs["unrepaired"] = sorted(set(range(1, total + 1)) - set(frame["set"]))
    return frame


def _with(model, changes):
    """The facts with other printed values."""
    facts = dict(model.facts)
    for key, text in changes.items():
        facts[key] = replace(facts[key], value=Printed.parse(text))
    return replace(model, facts=facts)


def _holds(model):
    """Whether the audit finds nothing contradictory."""
    return not (check_paper(model)["verdict"] == "contradictory").any()


def _nearest(model, fact):
    """The nearest text of a fact with which the set holds, or None."""
    value = fact.value
    if not isinstance(value, Printed) or fact.kind not in _KINDS or value.comparator:
        return None
    best = None
    for sign in (1, -1):
        # Steps grow, then the last stretch is searched for its first value.
        tried, step = 0, 1
        while abs(step) <= 1 << 14 and tried < _MOST_TRIED:
            text = _moved(fact, sign * step)
            if text is None:
                break
            tried += 1
            if _holds(_with(model, {fact.id: text})):
                low, high = step // 2, step
                while high - low > 1:
                    middle = (low + high) // 2
                    text = _moved(fact, sign * middle)
                    fits = text is not None and _holds(_with(model, {fact.id: text}))
                    low, high = (low, middle) if fits else (middle, high)
                if best is None or high < best[0]:
                    best = high, _moved(fact, sign * high)
                break
            step *= 2
    return None if best is None else best[1]


def _moved(fact, steps):
    """A printed number some units of its last place away, or None where there is none."""
    value = fact.value
    unit = 10.0**-value.decimals
    number = float(value) * (100 if value.percent else 1) + steps * unit
    if number < 0 or (value.percent and number > 100):
        return None
    if fact.kind in ("n", "hazard_ratio") and number <= 0:
        return None
    if fact.kind == "count" and fact.total and number > fact.total:
        return None
    return f"{number:.{value.decimals}f}{'%' if value.percent else ''}"


def _swaps(model, alone):
    """Two facts of one kind that fit when their values change places."""
    facts = [f for f in alone if f.kind in ("n", "survival") and isinstance(f.value, Printed)]
    for place, one in enumerate(facts):
        for two in facts[place + 1 :]:
            same = one.kind == two.kind and one.at == two.at and one.value != two.value
            apart = len({one.group, two.group} & {w for w, _ in model.parts}) == 0
            if not (same and apart):
                continue
            texts = {one.id: two.value.text, two.id: one.value.text}
            if _holds(_with(alone, texts)):
                printed = f"{one.value.text} <-> {two.value.text}"
                yield f"{one.id} <-> {two.id}", printed, "exchanged", texts


def _cost(before, after):
    """The relative change of a printed number, on the log scale."""
    return abs(math.log((abs(float(after)) + 1e-3) / (abs(float(before)) + 1e-3)))
