"""Parsers of what became of a patient: months, whether something was seen, status.

They are the strict ones: what could be read in two ways is refused, and no code is guessed.
`vlms.cleaning` says what all parsers take, return and raise.
"""

import re

from vlms.reading.cells import (
    LONGEST_MONTHS,
    MONTHS_PER_UNIT,
    NONE_SEEN,
    PLAIN,
    Cell,
    CellError,
    Rules,
    absence,
    read_quantity,
    tidy,
)
from vlms.reading.treatments import NO

_STATUS = {
    "alive": "alive",
    "living": "alive",
    "alive with disease": "alive",
    "alive without disease": "alive",
    "alive with no evidence of disease": "alive",
    "alive and well": "alive",
    "no evidence of disease": "alive",
    "ned": "alive",
    "awd": "alive",
    "aned": "alive",
    "dead of disease": "dead_of_disease",
    "died of disease": "dead_of_disease",
    "dod": "dead_of_disease",
    "dead other": "dead_other",
    "dead of other cause": "dead_other",
    "dead of other causes": "dead_other",
    "died of other cause": "dead_other",
    "died of other causes": "dead_other",
    "dead of intercurrent disease": "dead_other",
    "died of intercurrent disease": "dead_other",
    "doc": "dead_other",
}
_STATUS_WITHOUT_DOUBT = {"alive", "dead of disease", "died of disease", "dod", "dead other"}


def parse_months(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a length of time, in months; `Rules.unit` says what bare numbers are in.

    A month is 365.25 / 12 days, a year twelve months.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Months, at least 0.

    Examples
    --------
    >>> parse_months("2years ?")
    Cell(value=24.0, note='read without the mark of doubt in “2years ?”; years turned into months')
    """
    shown = tidy(text).casefold()
    if not rules.outcome and shown in {"immediate", "immediately", "at once"}:
        return Cell(0.0, "a word for no time at all")
    cell = absence(shown, rules) or read_quantity(shown, MONTHS_PER_UNIT, "months", rules)
    if cell.value is not None and cell.value < 0:
        raise CellError("a time below 0", "write the time since diagnosis or operation")
    if cell.value is not None and cell.value > LONGEST_MONTHS:
        unit = rules.unit or "months"
        raise CellError(
            f"more than {LONGEST_MONTHS} months, so not in {unit}: days, a year or a date?",
            "write the time in months, or name the column's unit in a codebook",
        )
    return cell


def parse_occurred(text: str, rules: Rules = PLAIN) -> Cell:
    """Read whether something was seen: a dash or no means no, a place or a time means yes.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        True or False; None where it is blank or not certain.

    Examples
    --------
    >>> parse_occurred("lung/ bone").value, parse_occurred("-").value
    (True, False)
    >>> parse_occurred("lung?")
    Cell(value=None, note='not certain')
    """
    shown = tidy(text).casefold()
    if shown and (shown.strip("-") == "" or shown in NONE_SEEN or shown in NO):
        return Cell(False)
    if absent := absence(shown, rules):
        return absent
    if shown in {"0", "1", "2"}:
        raise CellError("a code without a meaning", "map the code to yes or no in a codebook")
    if "?" in shown or re.search(r"\b(no|not|without|suspected|possible|possibly)\b", shown):
        return Cell(None, "not certain")
    return Cell(True)


def parse_status(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a patient's status: alive, dead_of_disease or dead_other; no code is guessed.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        One of the three words.

    Examples
    --------
    >>> parse_status("DOD")
    Cell(value='dead_of_disease', note='')
    >>> parse_status("dead")
    Traceback (most recent call last):
    vlms.reading.cells.CellError: dead, but of what?; write dead_of_disease or dead_other
    """
    shown = " ".join(re.sub(r"[_,-]", " ", tidy(text).casefold()).split())
    remedy = "write alive, dead_of_disease or dead_other, or map the code in a codebook"
    if not shown:
        raise CellError("no status", remedy)
    if shown in {"dead", "died", "deceased", "death", "exitus"}:
        raise CellError("dead, but of what?", "write dead_of_disease or dead_other")
    if re.fullmatch(r"[0-9.]+|true|false|yes|no|y|n", shown):
        raise CellError("a code whose meaning is not known", remedy)
    if shown not in _STATUS:
        raise CellError("not a status that can be read", remedy)
    value = _STATUS[shown]
    return Cell(value, "" if shown in _STATUS_WITHOUT_DOUBT else "not one of the three words")
