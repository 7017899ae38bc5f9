"""Which single printed number, changed to what, lets a conflicting set hold together?"""

import math

import pandas as pd

from vlms.consistency import check_paper, holds_together, read_facts
from vlms.printed import Printed
from vlms.rebuild.cohorts import repaired

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
        set, fact (its id), printed, becomes (a text that `repaired` takes), cost (the change on the
        log scale), cheapest first in each set. Two values that change places are one repair:
        ``fact`` then holds both ids, joined by `` <-> ``. ``.attrs["unrepaired"]``: sets without.

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
        rows += [(number, *total) for total in _totals(alone)]
    listed = [
        (
            int(number),
            key,
            printed,
            becomes,
            sum(_change(model.facts[k], v) for k, v in how.items()),
        )
        for number, key, printed, becomes, how in rows
    ]
    frame = pd.DataFrame(listed, columns=["set", "fact", "printed", "becomes", "cost"])
    frame = frame.sort_values(["set", "cost"], kind="stable", ignore_index=True)
    frame.attrs["unrepaired"] = sorted(set(range(1, total + 1)) - set(frame["set"]))
    return frame


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
            if holds_together(repaired(model, {fact.id: text})):
                low, high = step // 2, step
                while high - low > 1:
                    middle = (low + high) // 2
                    text = _moved(fact, sign * middle)
                    fits = text is not None and holds_together(repaired(model, {fact.id: text}))
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
            if holds_together(repaired(alone, texts)):
                printed = f"{one.value.text} <-> {two.value.text}"
                yield f"{one.id} <-> {two.id}", printed, "exchanged", texts


def _totals(alone):
    """A count whose total becomes that of another count of the set."""
    counts = [f for f in alone if f.kind == "count" and f.total]
    for fact in counts:
        for total in sorted({f.total for f in counts} - {fact.total}):
            text = f"{fact.value.text} of {total}"
            if fact.value <= total and holds_together(repaired(alone, {fact.id: text})):
                yield fact.id, f"{fact.value.text} of {fact.total}", text, {fact.id: text}


def _change(fact, text):
    """The change of a printed number, or of its total, on the log scale."""
    value, of, total = text.partition(" of ")
    before, after = (fact.total, int(total)) if of else (fact.value, Printed.parse(value))
    return abs(math.log((abs(float(after)) + 1e-3) / (abs(float(before)) + 1e-3)))
