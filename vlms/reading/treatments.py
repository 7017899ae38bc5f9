"""Parsers of what was done: resection margin, whether a treatment was given, dose.

`vlms.cleaning` says what all parsers take, return and raise.
"""

import re

from vlms.reading.cells import (
    NUMBER,
    PLAIN,
    Cell,
    CellError,
    Rules,
    absence,
    read_number,
    read_quantity,
    tidy,
)

_YES = {"yes": True, "y": True, "true": True, "ja": True, "given": True}
NO = {"no": False, "n": False, "false": False, "nein": False, "none": False, "not given": False}
_TREATMENT = {"adjuvant", "neoadjuvant", "neo adjuvant", "palliative", "primary", "postoperative"}
_TREATMENT |= {"preoperative", "intraoperative", "definitive"}


def parse_margin(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a resection margin as R0, R1 or R2.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        R0, R1 or R2; None where not assessed.

    Examples
    --------
    >>> parse_margin("r 1"), parse_margin("clear")
    (Cell(value='R1', note=''), Cell(value='R0', note='a word for R0'))
    """
    shown = tidy(text).casefold().replace(" ", "")
    if absent := absence(shown, rules):
        return absent
    if shown == "rx":
        return Cell(None, "not assessed")
    if shown in {"negative", "clear", "free"}:
        return Cell("R0", "a word for R0")
    if shown not in {"r0", "r1", "r2"}:
        raise CellError("not a margin", "write R0, R1 or R2, or map the code in a codebook")
    return Cell(shown.upper())


def parse_yes_no(text: str, rules: Rules = PLAIN) -> Cell:
    """Read whether a treatment was given; a dose or a word such as "adjuvant" means yes.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        True or False; a dose of 0 Gy is False.

    Examples
    --------
    >>> parse_yes_no("no")
    Cell(value=False, note='')
    >>> parse_yes_no("60Gy")
    Cell(value=True, note='a dose, read as yes or no')
    """
    shown = tidy(text).casefold().replace("-", " ").strip()
    if shown == "" and tidy(text):
        return Cell(None, "a dash; write no if it means no")
    if shown in _YES or shown in NO:
        return Cell({**_YES, **NO}[shown])
    if absent := absence(shown, rules):
        return absent
    if tidy(text) in {"0", "1"}:
        return Cell(shown == "1", "taken for 1 = yes, 0 = no")
    if shown in _TREATMENT:
        return Cell(True, "a kind of treatment, taken to mean yes")
    if re.fullmatch(rf"{NUMBER}\s*(gy|gray)", shown):
        return Cell(read_number(shown.rstrip("gray "), rules)[0] > 0, "a dose, read as yes or no")
    raise CellError("neither yes nor no", "write yes or no, or map the code in a codebook")


def parse_dose(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a dose of radiation in Gy.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Gy.

    Examples
    --------
    >>> parse_dose("60 Gy"), parse_dose("50.4").value
    (Cell(value=60.0, note=''), 50.4)
    """
    shown = tidy(text).casefold()
    return absence(shown, rules) or read_quantity(shown, {"gy": 1.0}, "gy", rules)
