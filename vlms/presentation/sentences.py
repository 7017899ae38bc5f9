"""Sentences whose numbers come from code, and in which text from data stays text."""

import re
import string

import numpy as np
import pandas as pd

from vlms.presentation.shown import Shown, check_text, is_real, one_line
from vlms.rounding import print_p


def say(sentence, **values):
    """Write a sentence whose numbers come from code.

    Parameters
    ----------
    sentence : str
        Markdown with fields as `str.format` has them. Beyond its format specifications there are
        ``{p:p}`` for a P value and ``{time:.0f|not reached}``, the text for NA after the bar.
        A list, Series or array is written as "2, 4 and 9", each item by the same specification.
    **values
        What stands in the fields. Text is escaped: it cannot become Markdown, HTML or math.

    Returns
    -------
    Shown
        Markdown; as text, the sentence alone.

    Raises
    ------
    ValueError
        When a field has no value, a value has no field, or a value is NA and nothing is given
        to say instead.

    Examples
    --------
    >>> print(say("Survival is {share:.0%}; the median {median:.0f|is not reached}.",
    ...           share=0.567, median=None))
    Survival is 57%; the median is not reached.
    >>> print(say("Patients {ids} died.", ids=[2, 4, 9]))
    Patients 2, 4 and 9 died.
    """
    check_text(sentence, "The sentence")
    fields = {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}
    fields = {re.split(r"[.\[]", name, maxsplit=1)[0] for name in fields}
    if fields != set(values):
        lacking, idle = sorted(fields - set(values)), sorted(set(values) - fields)
        raise ValueError(
            f"Fields and values of the sentence differ: no value for {lacking},"
            f" no field for {idle}, in {sentence!r}."
        )
    return Shown(
        {
            "text/markdown": _Sentence(escape=_escape_markdown).vformat(sentence, (), values),
            "text/plain": _Sentence(escape=str).vformat(sentence, (), values),
        }
    )


class _Sentence(string.Formatter):
    """`str.format` that knows missing values, lists and P values, and escapes text."""

    def __init__(self, *, escape):
        self.escape = escape

    def format_field(self, value, format_spec):
        spec, bar, instead = format_spec.partition("|")
        if isinstance(value, (list, tuple, set, pd.Series, pd.Index, np.ndarray)):
            items = sorted(value) if isinstance(value, set) else list(value)
            return _enumerate([self.format_field(item, format_spec) for item in items])
        if isinstance(value, Shown):
            return value.bundle.get("text/markdown", str(value))
        if pd.isna(value):
            if not bar:
                raise ValueError(
                    "A value of the sentence is NA: write what to say instead after a bar,"
                    " as in {median:.0f|not reached}."
                )
            return instead
        if isinstance(value, (bool, np.bool_)) and not spec:
            return "yes" if value else "no"
        if spec == "p":
            return self.escape(print_p(value))
        text = format(value, spec)
        return text.replace("-", "−") if is_real(value) else self.escape(text)


def _escape_markdown(text):
    """Write every sign that Markdown or math could take up as a character reference."""
    return re.sub(
        r"[^\w\s.,;()%]", lambda m: f"&#{ord(m[0])};" if ord(m[0]) < 128 else m[0], one_line(text)
    ).replace("_", "&#95;")


def _enumerate(items):
    if len(items) < 2:
        return "".join(items) or "none"
    return f"{', '.join(items[:-1])} and {items[-1]}"
