"""One parser for each kind of cell: text in, value out, or a `CellError` that says why.

A parser never looks beyond its cell, and matches it whole: "not dead" holds "dead", but stands
in no list. The names of the parsers (`PARSERS`) are what a codebook writes in its column
``parser``.
"""

import re

from vlms.reading.cells import (
    CM_PER_UNIT,
    LONGEST_MONTHS,
    MONTHS_PER_UNIT,
    NONE_SEEN,
    NOT_KNOWN,
    NUMBER,
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
from vlms.reading.stages import parse_grade, parse_m_stage, parse_n_stage, parse_t_stage

_DAMAGED = re.compile(r"#(n/a|value!|ref!|div/0!|name\?|null!|num!|spill!|nv|wert!|bezug!)|#{3,}")

_TOTALS = re.compile(
    r"((grand |sub)?totals?|sum|summe|gesamt|insgesamt|∑|mean|average|median|mittel(wert)?|count"
    r"|anzahl|n ?(?==))( of all)?[ :=]*\(?[0-9.,]*\)?"
)

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
_SEX = {"f": "f", "female": "f", "woman": "f", "m": "m", "male": "m", "man": "m"}
_YES = {"yes": True, "y": True, "true": True, "ja": True, "given": True}
_NO = {"no": False, "n": False, "false": False, "nein": False, "none": False, "not given": False}
_TREATMENT = {"adjuvant", "neoadjuvant", "neo adjuvant", "palliative", "primary", "postoperative"}
_TREATMENT |= {"preoperative", "intraoperative", "definitive"}


def clean_cell(text: str, parser, rules: Rules = PLAIN) -> Cell:
    """Read one cell: the codebook's own missing words and levels first, then the parser.

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
    """Read a patient's identifier, kept as it is written but for the spaces around it."""
    if _TOTALS.fullmatch(tidy(text).casefold()):
        remedy = "remove the row, or give the patient another identifier"
        raise CellError("reads like a row of totals, not like a patient", remedy)
    if text.isalnum() and text.isascii() and text.casefold() not in NOT_KNOWN:
        return Cell(text)
    shown = tidy(text)
    if not shown.strip("-") or shown.casefold() in NOT_KNOWN:
        raise CellError("no patient identifier", "give every patient an identifier of its own")
    kept = " ".join(visible(text).split())
    if re.fullmatch(r"[0-9][.,][0-9]+e[+-]?[0-9]+", kept.casefold()):
        return Cell(kept, "looks like a number that a spreadsheet has shortened")
    return Cell(kept, hazards(kept))


def parse_text(text: str, rules: Rules = PLAIN) -> Cell:
    """Read free text or a category: kept as text, only blanks and dashes are missing."""
    shown = tidy(text)
    if shown.strip("-") == "":
        return Cell(None)
    kept = visible(text)
    if shown.casefold() in NOT_KNOWN:
        return Cell(kept, "kept as text; leave the cell blank if it means that this is not known")
    return Cell(kept, hazards(kept))


def parse_number(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a plain number, without a unit.

    Examples
    --------
    >>> parse_number("8,5", Rules(comma_is_decimal=True))
    Cell(value=8.5, note='')
    """
    shown = tidy(text).casefold()
    return absence(shown, rules) or Cell(*read_number(shown, rules))


def parse_months(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a length of time, in months; `Rules.unit` says what bare numbers are in.

    A month is 365.25 / 12 days, a year twelve months.

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


def parse_age(text: str, rules: Rules = PLAIN) -> Cell:
    """Read an age in years, between 0 and 120; "66/f" gives the 66."""
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
    """Read a sex as f or m; "66/f" gives the f."""
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

    Examples
    --------
    >>> parse_size("7.6 × 8 × 3.3")
    Cell(value=8.0, note='')
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


def parse_margin(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a resection margin as R0, R1 or R2."""
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
    """Read whether a treatment was given; a dose or a word such as "adjuvant" means yes."""
    shown = tidy(text).casefold().replace("-", " ").strip()
    if shown == "" and tidy(text):
        return Cell(None, "a dash; write no if it means no")
    if shown in _YES or shown in _NO:
        return Cell({**_YES, **_NO}[shown])
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
    """Read a dose of radiation in Gy."""
    shown = tidy(text).casefold()
    return absence(shown, rules) or read_quantity(shown, {"gy": 1.0}, "gy", rules)


def parse_occurred(text: str, rules: Rules = PLAIN) -> Cell:
    """Read whether something was seen: a dash or no means no, a place or a time means yes.

    Examples
    --------
    >>> parse_occurred("lung/ bone").value, parse_occurred("-").value
    (True, False)
    """
    shown = tidy(text).casefold()
    if shown and (shown.strip("-") == "" or shown in NONE_SEEN or shown in _NO):
        return Cell(False)
    if absent := absence(shown, rules):
        return absent
    if shown in {"0", "1", "2"}:
        raise CellError("a code without a meaning", "map the code to yes or no in a codebook")
    if "?" in shown or re.search(r"\b(no|not|without|suspected|possible|possibly)\b", shown):
        return Cell(None, "not certain")
    return Cell(True)


def parse_status(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a patient's status: alive, dead_of_disease or dead_other; no code is guessed."""
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
