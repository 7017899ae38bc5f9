"""What all parsers share: a cell's three outcomes, and how text, numbers and units are read.

A value without doubt comes back as ``Cell(value)``, a value that took a decision as
``Cell(value, note)``, and anything else is refused with a `CellError`. Columns that hold
outcomes (`Rules.outcome`) are read more strictly than others: a range, a question mark or a unit
other than the column's own is refused there, because a guess could move an event.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DAYS_PER_MONTH = 365.25 / 12
MONTHS_PER_UNIT = {
    "months": 1.0,
    "days": 1 / DAYS_PER_MONTH,
    "weeks": 7 / DAYS_PER_MONTH,
    "years": 12.0,
}
CM_PER_UNIT = {"cm": 1.0, "mm": 0.1}
LONGEST_MONTHS = 720  # sixty years: no patient is followed longer, so it is another unit

_UNIT_WORDS = {
    "days": "d day days tag tage tagen jour jours",
    "weeks": "w wk wks week weeks woche wochen semaine semaines",
    "months": "m mo mos mon mth mths month months monat monate monaten mois",
    "years": "y yr yrs year years jahr jahre jahren a an ans",
    "cm": "cm",
    "mm": "mm",
    "gy": "gy gray",
}
_UNIT_OF_WORD = {word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()}

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_TIMES = re.compile("[\u00d7\u2715\u2716\u2a2f*]")
_SPACES = re.compile(r"\s+")
NUMBER = r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:e[+-]?[0-9]+)?"
_QUANTITY = re.compile(rf"({NUMBER})\s*(?:([a-z]+)\.?)?", re.ASCII)
_RANGE = re.compile(
    rf"({NUMBER})\s*[a-z]*\s*(?:-|to|bis)\s*({NUMBER})\s*(?:([a-z]+)\.?)?", re.ASCII
)
_MONTH_NAME = "jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]"
_DATE = re.compile(
    r"[0-9]{4}([-/][0-9]{1,2}|[-/.][0-9]{1,2}[-/.][0-9]{1,2})([ t].*)?"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})?([ t].*)?"
    r"|[0-9]{1,2}/[0-9]{2,4}"
    rf"|.*\b({_MONTH_NAME})[a-z]*\b.*[0-9].*|[0-9].*\b({_MONTH_NAME})[a-z]*\b.*"
)
_GARBLED = re.compile("Ã[\u0080-\u00bf]|â€|Â[\u00a0-\u00bf]")  # UTF-8 read as something else
LONGEST_TEXT = 200  # characters in a cell that is not free text
_ABOUT = re.compile(r"^(ca\.?|circa|about|approx\.?|approximately|around|etwa|~|≈)\s*")

NOT_KNOWN = frozenset(
    "na n/a n.a. nan null ? ?? . .. unknown unk unbekannt missing nd n.d. nk n.k. k.a.".split()
) | {"not known", "not available", "not applicable", "not recorded", "not assessed", "k. a."}
NONE_SEEN = frozenset("no none nil never kein keine nein".split())


class CellError(ValueError):
    """A cell that cannot be read.

    Attributes
    ----------
    problem, remedy : str
        What is wrong with it, and what to write instead.
    """

    def __init__(self, problem: str, remedy: str):
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class Cell(NamedTuple):
    """What a cell holds.

    Attributes
    ----------
    value : object
        None where it is missing.
    note : str
        Where reading it took a decision, which.
    """

    value: Any
    note: str = ""


@dataclass(frozen=True)
class Rules:
    """What the parser of a cell may know about its column.

    Parameters
    ----------
    unit : str
        Unit of the bare numbers in the column; empty for the parser's own.
    outcome, required : bool
        Whether a guess could move, make or lose an event; whether a blank is refused.
    comma_is_decimal : bool
        Whether the file's separator leaves the comma free to be a decimal mark.
    comma_seen : bool
        Whether some number in the column has a comma, so that a point may mark thousands.
    missing : frozenset of str
        Further texts that mean missing, tidied and casefolded.
    levels : dict
        What a code means: tidied and casefolded text to canonical text.
    """

    unit: str = ""
    outcome: bool = False
    required: bool = False
    comma_is_decimal: bool = False
    comma_seen: bool = False
    missing: frozenset = frozenset()
    levels: dict = field(default_factory=dict)


PLAIN = Rules()


def tidy(text: str) -> str:
    """Drop what cannot be seen, and write every dash as "-" and every times sign as "x".

    Examples
    --------
    >>> tidy(" 7.6\u00a0× 8 –\u200b3 ")
    '7.6 x 8 -3'
    """
    if text.isascii() and text.isprintable() and "*" not in text and "  " not in text:
        return text.strip()  # most cells, at a tenth of the cost
    text = _DASHES.sub("-", _INVISIBLE.sub("", text))
    return _SPACES.sub(" ", _TIMES.sub("x", text)).strip()


def visible(text: str) -> str:
    """Drop what cannot be seen and the spaces around a text, and nothing else."""
    return _INVISIBLE.sub("", text.replace("\u00a0", " ")).strip()


def absence(shown: str, rules: Rules) -> Cell | None:
    """Say what a cell without a value means, or None where it has one."""
    if len(shown) > LONGEST_TEXT:
        raise CellError("far too long for this column", "has a quotation mark been left open?")
    dash = shown != "" and shown.strip("-") == ""
    if rules.required and (shown == "" or dash or shown in NOT_KNOWN):
        raise CellError("no value", "every patient needs a value here")
    if shown == "":
        return Cell(None)
    if dash:
        return Cell(None, "a dash, taken to mean that none was seen" if rules.outcome else "")
    if rules.outcome and not rules.required and shown in NONE_SEEN:
        return Cell(None, "taken to mean that none was seen")
    if shown not in NOT_KNOWN:
        return None
    if rules.outcome:
        raise CellError(
            "not known, or none seen?", "leave it blank if none was seen, else write the months"
        )
    return Cell(None, "says that it is not known")


def read_number(shown: str, rules: Rules) -> tuple[float, str]:
    """Read a number whole, and say which decision it took."""
    notes = []
    if shown.startswith("'"):
        shown, notes = shown[1:], ["the apostrophe is ignored"]
    if shown.startswith(("=", "@")):
        raise CellError("a formula, not a number", "write the number itself")
    if _DATE.fullmatch(shown):
        raise CellError("looks like a date", "write a number")
    if not re.fullmatch(NUMBER, shown, re.ASCII):
        raise CellError("not a number", "write a number such as 18 or 18.5")
    if "," in shown:
        thousands = re.fullmatch(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", shown)
        if thousands and not rules.comma_is_decimal:
            raise CellError("the comma may mark thousands or decimals", "write a decimal point")
        if thousands or not rules.comma_is_decimal:
            notes.append("the comma is read as a decimal mark")
    elif rules.comma_is_decimal and re.fullmatch(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}", shown):
        if rules.comma_seen:
            raise CellError("the point may mark thousands or decimals", "use one decimal mark")
        notes.append("the point is read as a decimal mark, not as one of thousands")
    if "e" in shown:
        notes.append("written with an exponent, so digits may be lost")
    if shown.startswith("+"):
        notes.append("the plus sign is ignored")
    value = float(shown.replace(",", "."))
    if not math.isfinite(value):
        raise CellError("a number without an end", "write a number such as 18 or 18.5")
    return value, "; ".join(notes)


def read_quantity(shown: str, factors: dict, own_unit: str, rules: Rules) -> Cell:
    """Read a number with or without a unit, and turn it into the parser's own unit."""
    if _DATE.fullmatch(shown):
        raise CellError("looks like a date", f"write a number of {own_unit}")
    bare = _ABOUT.sub("", re.sub(r"\s*\?+$", "", shown))
    notes = [f"read without the mark of doubt in “{shown}”"] if bare != shown else []
    whole, ends = _QUANTITY.fullmatch(bare), _RANGE.fullmatch(bare)
    if rules.outcome and (notes or (ends and not whole)):
        raise CellError("not one certain number", f"write one number of {own_unit}")
    if ends and not whole:
        low, high = (read_number(end, rules)[0] for end in ends.groups()[:2])
        if low >= high:
            raise CellError("not a range from low to high", "write one number")
        value, word, note = (low + high) / 2, ends[3], f"a range, read as {(low + high) / 2:g}"
    else:
        value, note = read_number(whole[1] if whole else bare, rules)
        word = whole[2] if whole else ""
    notes += [note] if note else []
    column_unit = rules.unit or own_unit
    unit = _UNIT_OF_WORD.get(word) if word else column_unit
    if unit not in factors:
        raise CellError(f"“{word}” is not a unit that fits", f"write a number of {own_unit}")
    if unit != column_unit:
        if rules.outcome:
            remedy = f"write every cell in {column_unit}"
            raise CellError(f"in {unit}, but the column is in {column_unit}", remedy)
        notes.append(f"{unit} turned into {own_unit}")
    # Without a conversion the number must come back bit for bit.
    scaled = value if unit == own_unit else value * factors[unit] / factors[own_unit]
    return Cell(scaled, "; ".join(notes))


def hazards(kept: str) -> str:
    """Name what in a text is harmless here but dangerous elsewhere."""
    notes = []
    if kept.startswith(("=", "+", "-", "@")):
        notes.append("starts like a spreadsheet formula; kept as text")
    if re.search(r"<\s*[a-z/!?]", kept, re.IGNORECASE):
        notes.append("holds HTML; kept as text")
    if not kept.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        notes.append("holds characters that cannot be seen")
    if "\ufffd" in kept or _GARBLED.search(kept):
        notes.append("holds a character that was garbled when the file was saved")
    return "; ".join(notes)
