"""One parser for each kind of cell: text in, value out, or a `CellError` that says why.

A parser never looks beyond its cell, and matches it whole: "not dead" holds "dead", but stands
in no list. The names of the parsers (`PARSERS`) are what a codebook writes in its column
``parser``. Each takes ``text``, the cell, and ``rules``, what is known of its column; it returns
a `Cell` whose value is None where the cell says nothing, and raises `CellError` rather than guess.
Those of stages, treatments and outcomes stand in modules of their own in ``vlms.reading``.
"""

import re

from vlms.reading.cells import (
    CM_PER_UNIT,
    MONTHS_PER_UNIT,
    NOT_KNOWN,
    PLAIN,
    Cell,
    CellError,
    Rules,
    absence,
    hazards,
    read_number,
    read_quantity,
    tidy,
    visible,
)
from vlms.reading.outcomes import parse_months, parse_occurred, parse_status
from vlms.reading.stages import parse_grade, parse_m_stage, parse_n_stage, parse_t_stage
from vlms.reading.treatments import parse_dose, parse_margin, parse_yes_no

_DAMAGED = re.compile(r"#(n/a|value!|ref!|div/0!|name\?|null!|num!|spill!|nv|wert!|bezug!)|#{3,}")

_TOTALS = re.compile(
    r"((grand |sub)?totals?|sum|summe|gesamt|insgesamt|∑|mean|average|median|mittel(wert)?|count"
    r"|anzahl|n ?(?==))( of all)?[ :=]*\(?[0-9.,]*\)?"
)

_SEX = {"f": "f", "female": "f", "woman": "f", "m": "m", "male": "m", "man": "m"}


def clean_cell(text: str, parser, rules: Rules = PLAIN) -> Cell:
    """Read one cell: the codebook's own missing words and levels first, then the parser.

    Parameters
    ----------
    text : str
        What the file holds.
    parser : callable
        One of `PARSERS`.
    rules : Rules
        What is known of the column.

    Returns
    -------
    Cell
        Value, or None where it is missing; and a note where reading took a decision.

    Raises
    ------
    CellError
        When the cell cannot be read without a guess.

    Examples
    --------
    >>> clean_cell("2", parse_status, Rules(levels={"2": "dead_of_disease"}))
    Cell(value='dead_of_disease', note='')
    """
    key = tidy(text).casefold()
    if key in rules.missing:
        if rules.required:
            raise CellError("is missing, by the codebook", "every patient needs a value here")
        return Cell(None)
    if key in rules.levels:
        return parser(rules.levels[key], rules)
    if key.startswith("#") and _DAMAGED.fullmatch(key):
        raise CellError("an error value of the spreadsheet", "write the value, or a blank")
    return parser(text, rules)


def parse_identifier(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a patient's identifier, kept as it is written but for the spaces around it.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Text, with single spaces inside.

    Examples
    --------
    >>> parse_identifier(" A 01 ")
    Cell(value='A 01', note='')
    """
    if text.isalnum() and text.isascii() and text[-1].isdigit():
        return Cell(text)  # nearly all, at a tenth of the cost
    shown = tidy(text)
    if _TOTALS.fullmatch(shown.casefold()):
        remedy = "remove the row, or give the patient another identifier"
        raise CellError("reads like a row of totals, not like a patient", remedy)
    if not shown.strip("-") or shown.casefold() in NOT_KNOWN:
        raise CellError("no patient identifier", "give every patient an identifier of its own")
    kept = " ".join(visible(text).split())
    if re.fullmatch(r"[0-9][.,][0-9]+e[+-]?[0-9]+", kept.casefold()):
        return Cell(kept, "looks like a number that a spreadsheet has shortened")
    return Cell(kept, hazards(kept))


def parse_text(text: str, rules: Rules = PLAIN) -> Cell:
    """Read free text or a category: kept as text, only blanks and dashes are missing.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Text as it stands, or None.

    Examples
    --------
    >>> parse_text("left thigh").value, parse_text("–").value
    ('left thigh', None)
    """
    shown = tidy(text)
    if shown.strip("-") == "":
        return Cell(None)
    kept = visible(text)
    if shown.casefold() in NOT_KNOWN:
        return Cell(kept, "kept as text; leave the cell blank if it means that this is not known")
    return Cell(kept, hazards(kept))


def parse_number(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a plain number, without a unit.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        A number, without a unit.

    Examples
    --------
    >>> parse_number("8,5", Rules(comma_is_decimal=True))
    Cell(value=8.5, note='')
    """
    shown = tidy(text).casefold()
    return absence(shown, rules) or Cell(*read_number(shown, rules))


def parse_age(text: str, rules: Rules = PLAIN) -> Cell:
    """Read an age in years, between 0 and 120; "66/f" gives the 66.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Years.

    Examples
    --------
    >>> parse_age("66/f"), parse_age("66")
    (Cell(value=66.0, note=''), Cell(value=66.0, note=''))
    """
    shown = tidy(text).casefold()
    pair = re.fullmatch(r"([0-9]+(?:[.,][0-9]+)?)\s*/\s*[a-z]+", shown)
    shown = pair[1] if pair else shown
    cell = absence(shown, rules) or read_quantity(shown, MONTHS_PER_UNIT, "years", rules)
    if cell.value is not None and not 0 <= cell.value <= 120:
        raise CellError("not an age between 0 and 120", "write the age at diagnosis in years")
    if cell.value is not None and (cell.value < 1 or cell.value >= 99) and not cell.note:
        return Cell(cell.value, "an unusual age; is it a code for not known?")
    return cell


def parse_sex(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a sex as f or m; "66/f" gives the f.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        "f" or "m".

    Examples
    --------
    >>> parse_sex("66/f"), parse_sex("weiblich")
    (Cell(value='f', note=''), Cell(value='f', note='a word for female'))
    """
    shown = re.sub(r"^[0-9.,]+\s*/\s*", "", tidy(text).casefold())
    if absent := absence(shown, rules):
        return absent
    if shown in {"w", "weiblich"}:
        return Cell("f", "a word for female")
    if shown in {"männlich", "maennlich"}:
        return Cell("m", "a word for male")
    if shown not in _SEX:
        raise CellError("not a sex that can be read", "write f or m, or map the code in a codebook")
    return Cell(_SEX[shown])


def parse_size(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a tumour's largest diameter in cm; the cell may hold "a x b x c".

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Centimetres.

    Examples
    --------
    >>> parse_size("7.6 × 8 × 3.3"), parse_size("80 mm").value
    (Cell(value=8.0, note=''), 8.0)
    """
    shown = tidy(text).casefold()
    if absent := absence(shown, rules):
        return absent
    unit = re.search(r"(?<![a-z])(cm|mm)$", shown)
    parts = [part.strip() for part in shown.split("x")]
    if unit and len(parts) > 1:
        parts = [part if part.endswith(unit[1]) else part + unit[1] for part in parts]
    cells = [read_quantity(part, CM_PER_UNIT, "cm", rules) for part in parts]
    largest = max(cell.value for cell in cells)
    if min(cell.value for cell in cells) <= 0 or largest > 60 or len(cells) > 3:
        raise CellError("not a tumour's size in cm", 'write the largest diameter, or "a x b x c"')
    notes = dict.fromkeys(cell.note for cell in cells if cell.note)
    if largest > 30:
        notes["larger than 30 cm; is it in mm?"] = None
    return Cell(largest, "; ".join(notes))


PARSERS = {
    parser.__name__: parser
    for parser in (
        parse_identifier,
        parse_text,
        parse_number,
        parse_months,
        parse_age,
        parse_sex,
        parse_size,
        parse_t_stage,
        parse_n_stage,
        parse_m_stage,
        parse_grade,
        parse_margin,
        parse_yes_no,
        parse_dose,
        parse_occurred,
        parse_status,
    )
}
