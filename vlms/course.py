"""Exercises of the lessons: what a learner's answer gives away, and the solution.

A question stands in the lesson itself. Right answers, and those that common mistakes lead to, are
computed from the data, so that the feedback stays true when a lesson runs on another cohort.
"""

import html
from dataclasses import dataclass, field
from math import isfinite
from numbers import Real

from vlms.showing import Shown
from vlms.survival import kaplan_meier


@dataclass(frozen=True)
class Exercise:
    """The right answer to one question, and the wrong ones that tell what went wrong.

    Attributes
    ----------
    value : float or bool
        The right answer; shares are 0–1.
    solution : str
        How to get there; shown folded.
    mistakes : dict of str to float
        What to say of a mistake → the answer that this mistake leads to.
    tolerance : float
        How far an answer may be off.
    """

    value: float
    solution: str
    mistakes: dict = field(default_factory=dict)
    tolerance: float = 0.0051


def check_answer(exercise, answer):
    """Say whether an answer is right and, where it is not, which mistake gives this number.

    Parameters
    ----------
    exercise : Exercise
    answer : float, bool or None
        None where nothing has been answered yet.

    Returns
    -------
    Shown
        The feedback and, folded, the solution.

    Examples
    --------
    >>> half = Exercise(1.5, "3 / 2 = 1.5", {"You doubled.": 6})
    >>> print(check_answer(half, 6))
    Not yet. You doubled.
    >>> print(check_answer(half, None))
    Not answered yet.
    """
    said = _feedback(exercise, answer)
    told, solution = map(html.escape, (said, exercise.solution))
    page = f'<div class="vlms-exercise"><p role="status"><strong>{told}</strong></p>'
    page += f"<details><summary>Solution</summary><p>{solution}</p></details></div>"
    return Shown({"text/html": page, "text/plain": said})


def _feedback(exercise, answer):
    """Say in words what an answer gives away."""
    if answer is None:
        return "Not answered yet."
    if isinstance(exercise.value, bool) or isinstance(answer, bool):
        kinds = isinstance(exercise.value, bool), isinstance(answer, bool)
        if not all(kinds):
            return f"Not yet. Answer with {'True or False' if kinds[0] else 'a number'}."
    elif isinstance(answer, bool) or not isinstance(answer, Real) or not isfinite(answer):
        return "Not yet. Answer with a number; Python may work it out, as in 3 / 4 * 1 / 2."
    if abs(answer - exercise.value) <= exercise.tolerance:
        return "Right."
    near = {hint: abs(answer - wrong) for hint, wrong in exercise.mistakes.items()}
    hint = min(near, key=near.get, default=None)
    if hint is not None and near[hint] <= exercise.tolerance:
        return f"Not yet. {hint}"
    if 0 < exercise.value < 1 < answer <= 100:
        return "Not yet. Give a share between 0 and 1, not a percentage."
    return "Not yet. No common mistake gives this; go through the steps above once more."


def mistaken_survival(time, event, month):
    """Estimate survival in the ways that censored patients tempt one to.

    Parameters
    ----------
    time : pandas.Series
        Months.
    event : pandas.Series of bool
    month : float

    Returns
    -------
    dict of str to float
        ``ignored``: those not known to be dead, of all; ``dropped``: the same of those known to
        be dead or alive at the month; ``after``: a product with those at risk after each death.

    Examples
    --------
    >>> import pandas as pd
    >>> time, event = pd.Series([2, 4, 6, 9]), pd.Series([False, True, False, False])
    >>> {way: round(value, 2) for way, value in mistaken_survival(time, event, 5).items()}
    {'ignored': 0.75, 'dropped': 0.67, 'after': 0.5}
    """
    dead, lost = (event & (time <= month)).sum(), (~event & (time < month)).sum()
    curve = kaplan_meier(time, event)
    deaths = curve[(curve["events"] > 0) & (curve["time"] <= month)]
    after = deaths["at_risk"] - deaths["events"]
    late = (1 - deaths["events"] / after.where(after > 0)).clip(lower=0).prod()
    shares = {"ignored": 1 - dead / len(time), "dropped": 1 - dead / (len(time) - lost)}
    return {way: float(share) for way, share in {**shares, "after": late}.items()}
