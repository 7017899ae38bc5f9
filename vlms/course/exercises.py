"""Exercises that say whether an answer is right and, where it is not, which mistake leads to it.

The source of a lesson computes right answers, and those of common mistakes, from the data (`mark`).
A student's copy holds none of them: each is kept as a slow hash (PBKDF2-HMAC-SHA-256) of its
canonical form, and what is to be said of it is encrypted with a key that only this answer gives.
That is friction, not secrecy: whoever tries all numbers from 0.00 to 1.00 finds the right one.
"""

import hashlib
import html
import json
import math
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.showing import Shown
from vlms.survival import kaplan_meier

EXERCISE_MIME = "application/vnd.vlms.exercise+json"
ITERATIONS = 60_000
LESSONS = Path(__file__).with_name("lessons")  # student versions and hashed answers

# As in page.js, which does the same in the browser.
_NUMBER = re.compile(
    r"([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)(?:/([1-9]\d*(?:[.,]\d*)?))?(%?)"
)
_WORDS = {
    "not reached": "inf",
    "∞": "inf",
    "yes": "true",
    "no": "false",
    "ja": "true",
    "nein": "false",
}
_PERCENT = "Give a share between 0 and 1, or write the per cent sign."


def open_lesson(name):
    """Open a lesson's exercises, to check answers with what is returned.

    Parameters
    ----------
    name : str
        The lesson, as its notebook is called without ``.ipynb``.

    Returns
    -------
    Lesson
        Called with the exercise and the answer.

    Examples
    --------
    >>> check = open_lesson("01-survival-from-twelve-patients")
    >>> print(check("exercise-1", None))
    exercise-1: not answered yet.
    """
    file = LESSONS / f"{name}.json"
    exercises = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return Lesson(name, exercises)


@dataclass(frozen=True)
class Lesson:
    """The exercises of a lesson, answers hashed: ``lesson("exercise-1", answer)`` checks one."""

    name: str
    exercises: dict

    def __call__(self, exercise, answer):
        """Say whether an answer is right, or which mistake it comes from.

        Parameters
        ----------
        exercise : str
        answer : number, bool, text, list, Series, DataFrame or None
            Numbers are compared as rounded; None is not answered yet.

        Returns
        -------
        Shown
        """
        if exercise not in self.exercises:
            return _told(f"{exercise}: this copy of the lesson has no answers to it.")
        asked = self.exercises[exercise]
        try:
            given = canonical(answer, asked["digits"])
        except ValueError as error:
            return _told(f"{exercise}: not yet. {error}")
        return _told(f"{exercise}: {feedback(asked, given)[1]}")


def mark(exercise, answer, right, mistakes=None, *, digits=2, why=""):
    """Give the right answer to an exercise and those of common mistakes; for the lesson's source.

    It stands in the hidden part of a check cell, where nbgrader runs it, too.

    Parameters
    ----------
    exercise : str
    answer : object
        What the student's code arrived at.
    right : number, bool, text, list, Series or DataFrame, or a tuple of several that are right
    mistakes : dict of str to object
        What to say of a mistake → the answer that this mistake leads to. An answer that is also
        right, or that an earlier mistake leads to, is left out.
    digits : int
        Decimals to which numbers are compared.
    why : str
        Said of the right answer.

    Returns
    -------
    Shown
        Which carries the answers in clear to whoever makes the handout.

    Raises
    ------
    AssertionError
        Where the answer is not right; nbgrader takes that for no points.

    Examples
    --------
    >>> print(mark("factor", 3 / 4, 0.75, {"You doubled.": 1.5}))
    factor: right.
    >>> mark("factor", 1.5, 0.75, {"You doubled.": 1.5})
    Traceback (most recent call last):
    AssertionError: factor: You doubled.
    """
    several = right if isinstance(right, tuple) else (right,)
    said = {canonical(value, digits): ["right", why] for value in several}
    for words, value in (mistakes or {}).items():
        said.setdefault(canonical(value, digits), ["mistake", words])
    for value in several:
        if _is_number(value) and 0 < abs(value) < 1:
            for decimals in range(digits + 1):
                per_cent = canonical(round(100 * value, decimals), digits)
                said.setdefault(per_cent, ["mistake", _PERCENT])
    given = canonical(answer, digits)
    verdict, words = said.get(given, ["mistake", f"{given} is not right."])
    assert verdict == "right", f"{exercise}: {words}"
    found = {"exercise": exercise, "digits": digits, "said": said}
    return Shown({EXERCISE_MIME: found, "text/plain": f"{exercise}: right."})


def canonical(answer, digits):
    """Write an answer in the one way in which it is compared.

    Parameters
    ----------
    answer : number, bool, text, list, array, Series, DataFrame, dict or None
    digits : int
        Decimals of numbers.

    Returns
    -------
    str
        Empty for None.

    Raises
    ------
    ValueError
        For what cannot be an answer.

    Examples
    --------
    >>> [canonical(text, 2) for text in (0.568, "57 %", "0,57", "25/44", True, "Yes", [1, 2.5])]
    ['0.57', '0.57', '0.57', '0.57', 'true', 'true', '1.00; 2.50']
    """
    if answer is None:
        return ""
    if isinstance(answer, bool | np.bool_):
        return str(bool(answer)).lower()
    if _is_number(answer):
        if math.isnan(answer):
            raise ValueError("The answer is no number (NaN).")
        if math.isinf(answer):
            return "inf" if answer > 0 else "-inf"
        # A hair's breadth up, so that halves that arithmetic misses by nothing round alike.
        units = math.floor(abs(answer) * 10**digits + 0.5 + 1e-9)
        return f"{'-' if answer < 0 < units else ''}{units / 10**digits:.{digits}f}"
    if isinstance(answer, str):
        text = " ".join(answer.split()).casefold()
        text = re.sub(r"^[\[(](.*)[\])]$", r"\1", text)
        if len(parts := [part for part in re.split(r";|, ", text) if part.strip()]) > 1:
            return canonical(parts, digits)
        if match := _NUMBER.fullmatch(text.replace(" ", "").replace("−", "-")):
            top, bottom, per_cent = match.groups()
            value = float(top.replace(",", ".")) / float((bottom or "1").replace(",", "."))
            return canonical(value / 100 if per_cent else value, digits)
        return _WORDS.get(text, text)
    if isinstance(answer, pd.DataFrame):
        answer = answer.to_numpy().ravel().tolist()
    if isinstance(answer, dict):
        answer = [answer[name] for name in sorted(answer)]
    if isinstance(answer, set | frozenset):
        answer = sorted(answer)
    if isinstance(answer, list | tuple | np.ndarray | pd.Series | pd.Index):
        return "; ".join(canonical(item, digits) for item in answer)
    raise ValueError(f"A {type(answer).__name__} is no answer; give a number, a text or a table.")


def hashed(found, *, lesson):
    """Hash an exercise's answers, and encrypt what is said of each.

    Parameters
    ----------
    found : dict
        What `mark` carries: exercise, digits, said.
    lesson : str
        Part of the salt, so that no two exercises share one.

    Returns
    -------
    dict
        ``salt, iterations, digits, said``: hash → what is said, encrypted; in order of the hash,
        which tells nothing of which answer is right.
    """
    salt = hashlib.sha256(f"{lesson}/{found['exercise']}".encode()).hexdigest()[:32]
    said = {}
    for answer, words in found["said"].items():
        name, key = _derived(answer, salt, ITERATIONS)
        said[name] = _crypted(json.dumps(words).encode(), key).hex()
    said = dict(sorted(said.items()))
    return {"salt": salt, "iterations": ITERATIONS, "digits": found["digits"], "said": said}


def feedback(asked, given):
    """Whether a canonical answer is right, and what to say of it.

    Returns
    -------
    tuple of (bool, str)
    """
    if not given:
        return False, "not answered yet."
    name, key = _derived(given, asked["salt"], asked["iterations"])
    if name not in asked["said"]:
        return False, "not yet. No common mistake gives this; go through the steps once more."
    verdict, words = json.loads(_crypted(bytes.fromhex(asked["said"][name]), key))
    if verdict == "right":
        return True, f"right. {words}".strip()
    return False, f"not yet. {words}"


def answers_of(notebook):
    """What `mark` published while a lesson's source ran: exercise → answers in clear."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    found = (output.get("data", {}).get(EXERCISE_MIME) for output in outputs)
    return {item["exercise"]: item for item in found if item}


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


def _told(words):
    """Feedback as text and as a paragraph."""
    page = f'<p class="vlms-exercise" role="status"><strong>{html.escape(words)}</strong></p>'
    return Shown({"text/html": page, "text/plain": words})


def _is_number(value):
    """Whether a value is a number of Python, numpy or pandas, and no truth value."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)


def _derived(answer, salt, iterations):
    """The name under which an answer is kept, and the key to what is said of it."""
    word = hashlib.pbkdf2_hmac("sha256", answer.encode(), bytes.fromhex(salt), iterations)
    return hashlib.sha256(word + b"name").hexdigest()[:32], hashlib.sha256(word + b"key").digest()


def _crypted(content, key):
    """Content exclusive-or a stream of SHA-256; the same again gives it back."""
    blocks = -(-len(content) // 32)
    digest = partial(hashlib.sha256, usedforsecurity=False)
    stream = b"".join(digest(key + bytes([block])).digest() for block in range(blocks))
    return bytes(a ^ b for a, b in zip(content, stream, strict=False))
