"""What a cell of a notebook shows: a bundle of MIME types, and the checks that each kind shares."""

import re

import numpy as np

CARD_MIME = "application/vnd.vlms.card+json"


class Shown:
    """What one call shows.

    Attributes
    ----------
    bundle : dict of str to object
        The same content under several MIME types; always ``text/plain``.
    """

    def __init__(self, bundle):
        self.bundle = bundle

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.bundle

    def __str__(self):
        return self.bundle["text/plain"]

    __repr__ = __str__


class Several:
    """Several things that one cell shows, one below the other.

    Attributes
    ----------
    shown : list of Shown
    """

    def __init__(self, shown):
        self.shown = shown

    def _ipython_display_(self):
        from IPython.display import display  # a notebook has it loaded; a script has no need of it

        display(*self.shown)


def together(*shown):
    """Show several figures, tables or sentences from one cell.

    Parameters
    ----------
    *shown
        What `show_figure`, `show_table`, `say` returned, in reading order.

    Returns
    -------
    Several

    Examples
    --------
    >>> both = together(Shown({"text/plain": "One."}), Shown({"text/plain": "Two."}))
    >>> len(both.shown)
    2
    """
    return Several(list(shown))


def card(*, patients, figure, findings):
    """Give the index page what it shows of this report: patients, a figure, the main findings.

    Parameters
    ----------
    patients : int
        How many patients the report is about.
    figure : str
        Label of the figure that stands for the report.
    findings : list of str or of what `say` returns
        One to five sentences.

    Returns
    -------
    Shown
        The card under ``application/vnd.vlms.card+json``.

    Examples
    --------
    >>> print(card(patients=12, figure="fig-km", findings=["Four died."]))
    Card for the index page: 12 patients, fig-km, 1 finding
    """
    if isinstance(findings, str) or not 1 <= len(findings) <= 5:
        raise ValueError("A card has a list of one to five findings.")
    texts = [check_text(str(finding), "A finding") for finding in findings]
    content = {"patients": int(patients), "figure": check_label(figure, "fig"), "findings": texts}
    plural = "s" if len(texts) > 1 else ""
    summary = f"Card for the index page: {patients} patients, {figure}, {len(texts)} finding"
    return Shown({CARD_MIME: content, "text/plain": summary + plural})


def check_label(label, kind):
    """Return a label, or raise ValueError where it has not the form of its kind."""
    if not isinstance(label, str) or not re.fullmatch(rf"{kind}-[a-z0-9-]+", label):
        raise ValueError(
            f"A label is '{kind}-' and lower-case letters, digits or hyphens; found {label!r}."
        )
    return label


def check_text(text, what):
    """Return text without the blanks around it, or raise ValueError where nothing is left."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{what} is empty: found {text!r}; write a sentence.")
    return text.strip()


def one_line(text):
    """Return text without line breaks or signs that do not print, as one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def is_real(value):
    """Whether a value is a number, which True and False are not."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
