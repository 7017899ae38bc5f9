"""One parser for each kind of cell: text in, value out, or a `CellError` that says why.

A cell has three outcomes: ``Cell(value)`` without doubt, ``Cell(value, note)`` where reading took
a decision, and a refusal; a value of None is missing. A parser never looks beyond its cell, and
matches it whole: "not dead" holds "dead", but stands in no list. Columns that hold outcomes
(`Column.outcome`) are read more strictly than others: a range, a question mark or a unit other than
the column's own is refused there, because a guess could move an event.
"""

import functools
import math
import re
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, NamedTuple

from vlms.study import DAYS, Column

# What a column of a kind can be in, and how much of its first unit each is.
UNITS = {"duration": DAYS, "age": DAYS, "size": {"cm": 1.0, "mm": 0.1}, "dose": {"gy": 1.0}}
_LONGEST_YEARS = 60  # no patient is followed longer, so it is another unit
_LONGEST_TEXT = 200  # characters in a cell that is not free text

NOT_KNOWN = frozenset(
    "na n/a n.a. nan null ? ?? . .. unknown unk unbekannt missing nd n.d. nk n.k. k.a.".split()
) | {"not known", "not available", "not applicable", "not recorded", "not assessed", "k. a."}
NONE_SEEN = frozenset("no none nil never kein keine nein".split())

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
_YES = set("yes y true ja given".split())
_NO = {*"no n false nein none".split(), "not given"}
_TREATMENTS = set(
    "adjuvant,neoadjuvant,neo adjuvant,palliative,primary,postoperative,preoperative"
    ",intraoperative,definitive".split(",")
)
_GRADES = {word: 1 + k % 3 for k, word in enumerate("1 2 3 i ii iii low intermediate high".split())}
_HIGHEST = {"T": 4, "N": 1, "M": 1}  # of soft tissue sarcomas
_STATUSES = {
    "alive": "alive, living, alive with disease, alive without disease, ned, awd, aned,"
    " alive with no evidence of disease, alive and well, no evidence of disease",
    "dead_of_disease": "dead of disease, died of disease, dod",
    "dead_other": "dead other, dead of other cause, dead of other causes, died of other cause,"
    " died of other causes, dead of intercurrent disease, died of intercurrent disease, doc",
    "dead_unknown": "dead unknown, dead of unknown cause, dead cause unknown",
}
_STATUS = {text: status for status, texts in _STATUSES.items() for text in texts.split(", ")}
_STATUS_WITHOUT_DOUBT = {
    "alive",
    "dead of disease",
    "died of disease",
    "dod",
    "dead other",
    "dead unknown",
}

_DTYPES = dict.fromkeys(("number", "date", *UNITS), "float64") | {"grade": "Int64"}
_DTYPES |= dict.fromkeys(("yes-no", "occurred"), "boolean")

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_TIMES = re.compile("[\u00d7\u2715\u2716\u2a2f*]")
_SPACES = re.compile(r"\s+")
_NUMBER = r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:e[+-]?[0-9]+)?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*(?:([a-z]+)\.?)?", re.ASCII)
_RANGE = re.compile(
    rf"({_NUMBER})\s*[a-z]*\s*(?:-|to|bis)\s*({_NUMBER})\s*(?:([a-z]+)\.?)?", re.ASCII
)
_ABOUT = re.compile(r"^(ca\.?|circa|about|approx\.?|approximately|around|etwa|~|≈)\s*")
_STAGE = re.compile(r"[pcyra]*([tnmg])\s?(is|[0-4][a-d]?|x)")
_WHOLE = re.compile(r"[0-9]{1,6}[.,](?![0-9]{3}$)[0-9]+", re.ASCII)  # 1.000 may be a thousand
_MONTH_NAME = "jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]"
_DATE = re.compile(
    r"[0-9]{4}([-/][0-9]{1,2}|[-/.][0-9]{1,2}[-/.][0-9]{1,2})([ t].*)?"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})?([ t].*)?"
    r"|[0-9]{1,2}/[0-9]{2,4}"
    rf"|.*\b({_MONTH_NAME})[a-z]*\b.*[0-9].*|[0-9].*\b({_MONTH_NAME})[a-z]*\b.*"
)
_GARBLED = re.compile("Ã[\u0080-\u00bf]|â€|Â[\u00a0-\u00bf]")  # UTF-8 read as something else
_DAMAGED = re.compile(r"#(n/a|value!|ref!|div/0!|name\?|null!|num!|spill!|nv|wert!|bezug!)|#{3,}")
_TOTALS = re.compile(
    r"((grand |sub)?totals?|sum|summe|gesamt|insgesamt|∑|mean|average|median|mittel(wert)?|count"
    r"|anzahl|n ?(?==))( of all)?[ :=]*\(?[0-9.,]*\)?"
)
_PLAIN_IDENTIFIER = re.compile(r"[A-Za-z0-9]*[0-9]")  # nearly all of them


class CellError(ValueError):
    """A cell that cannot be read: ``problem``, what is wrong, and ``remedy``, what to write."""

    def __init__(self, problem: str, remedy: str):
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class Cell(NamedTuple):
    """What a cell holds: a value, None where it is missing, and which decision reading it took."""

    value: Any
    note: str = ""


@dataclass(frozen=True)
class Use(Column):
    """How the cells of one printed column are read into one of the study's."""

    printed: str = ""
    into: str = "months"  # the unit of the study, for a duration
    comma_is_decimal: bool = False  # the file's separator leaves the comma free to be one, and
    comma_seen: bool = False  # some number in the file has one, so a point may mark thousands
    codes: dict = field(default_factory=dict)  # the levels, by their tidied and casefolded text

    @property
    def dtype(self) -> str:
        """The pandas dtype of the column that results."""
        return _DTYPES.get(self.kind, "string")

    def clean(self, text: str) -> Cell:
        """Read one cell, or raise `CellError`: by the study's own words first, then by its kind.

        Examples
        --------
        >>> Use("size_cm", "size").clean("85 mm")
        Cell(value=8.5, note='mm turned into cm')
        >>> Use("status", "status").clean("dead")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        vlms.cohort.cells.CellError: dead, but of what?; write dead_of_disease, dead_other or ...
        """
        key = tidy(text).casefold()
        if key in self.missing:
            if self.required:
                raise CellError("is missing, by the study", "every patient needs a value here")
            return Cell(None)
        if self.extract and key:
            found = re.search(self.extract, tidy(text), re.IGNORECASE)
            if found is None:
                raise CellError("not as the study's pattern has it", f"see {self.extract}")
            text = found[1] or ""
            key = text.casefold().strip()
        if self.split and tidy(self.split) in key:
            return self._of_parts(tidy(text).split(tidy(self.split)))
        if self.codes:
            key = key if key in self.codes else _whole(key)
        if key in self.codes:
            return PARSERS[self.kind](self.codes[key], self)
        if key.startswith("#") and _DAMAGED.fullmatch(key):
            raise CellError("an error value of the spreadsheet", "write the value, or a blank")
        return PARSERS[self.kind](text, self)

    def _of_parts(self, parts: list[str]) -> Cell:
        """Read each part of a cell, and take the one that the study asks for."""
        cells = [PARSERS[self.kind](part, self) for part in parts]
        known = [cell for cell in cells if cell.value is not None]
        if not known:
            return Cell(None)
        taken = {"first": known[0], "last": known[-1]}.get(self.take)
        choose = {"largest": max, "smallest": min}.get(self.take)
        return taken or choose(known, key=lambda cell: cell.value)

    def reads(self, text: str) -> bool:
        """Whether a cell can be read."""
        try:
            self.clean(text)
        except CellError:
            return False
        return True


def use_of(column: Column, **marks) -> Use:
    """Make ready how a printed column is read."""
    said = {each.name: getattr(column, each.name) for each in fields(Column)}
    said["missing"] = frozenset(tidy(text).casefold() for text in column.missing)
    codes = {tidy(text).casefold(): level for text, level in column.levels.items()}
    return Use(**said, codes=codes, **marks)


def read_cells(texts: list[str], column: Use) -> tuple[list, dict]:
    """Read the distinct texts of a column; beside the values, severity, problem and action."""
    # Identifiers are as many as patients: those that are plain are read at a tenth of the cost.
    quick = column.kind == "id" and not (column.codes or column.missing or column.extract)
    values, said = [], {}
    for place, text in enumerate(texts):
        if quick and _PLAIN_IDENTIFIER.fullmatch(text):
            values.append(text)
            continue
        try:
            cell = column.clean(text)
        except CellError as error:
            cell, said[place] = Cell(None), ("error", error.problem, error.remedy)
        else:
            if cell.note:
                done = "read as missing" if cell.value is None else f"read as {cell.value}"
                said[place] = ("warning", cell.note, done)
        values.append(cell.value)
    return values, said


def tidy(text: str) -> str:
    """Drop what cannot be seen, and write every dash as "-" and every times sign as "x"."""
    if text.isascii() and text.isprintable() and "*" not in text and "  " not in text:
        return text.strip()  # most cells, at a tenth of the cost
    text = _DASHES.sub("-", _INVISIBLE.sub("", text))
    return _SPACES.sub(" ", _TIMES.sub("x", text)).strip()


def dangers(text: str) -> str:
    """Name what in a text is harmless here but dangerous elsewhere."""
    notes = []
    if text.startswith(("=", "+", "-", "@")):
        notes.append("starts like a spreadsheet formula; kept as text")
    if re.search(r"<\s*[a-z/!?]", text, re.IGNORECASE):
        notes.append("holds HTML; kept as text")
    if not text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        notes.append("holds characters that cannot be seen")
    if "\ufffd" in text or _GARBLED.search(text):
        notes.append("holds a character that was garbled when the file was saved")
    return "; ".join(notes)


def read_tnm(text: str) -> dict:
    """Take a TNM cell apart, such as "pT2 N0 (0/3) M1"; all of it must be understood."""
    shown = tidy(text).casefold()
    if len(shown) > _LONGEST_TEXT:
        raise CellError("far too long for a stage", "write it like T2 N0 M0 G2")
    parts = dict.fromkeys("tnmg")
    rest = re.sub(r"\([^()]*\)", " ", shown)
    rest = re.sub(r"\b[rlv][0-2x]\b", " ", rest)  # margins and invasion often stand there
    for letter, stage in _STAGE.findall(rest):
        if parts[letter] is not None and parts[letter] != stage:
            raise CellError(f"two different {letter.upper()} stages", "write one stage of each")
        parts[letter] = stage
    if _STAGE.sub(" ", rest).strip(" ,;/") or not any(parts.values()):
        raise CellError("not a stage that can be read", "write it like T2 N0 M0 G2")
    return parts


def _whole(shown: str) -> str:
    """Write 1.0 or 55.000000001, as sums and exports leave them, as the whole number."""
    if _WHOLE.fullmatch(shown):
        value = float(shown.replace(",", "."))
        if abs(value - round(value)) < 1e-6:
            return str(round(value))
    return shown


def _absence(shown: str, rules: Use) -> Cell | None:
    """Say what a cell without a value means, or None where it has one."""
    if len(shown) > _LONGEST_TEXT:
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
        remedy = "leave it blank if none was seen, else write the months"
        raise CellError("not known, or none seen?", remedy)
    return Cell(None, "" if shown in {"n/a", "na"} else "says that it is not known")


def _of_value(parse):
    """Make a parser of one that only sees cells with a value, tidied and casefolded."""

    @functools.wraps(parse)
    def parser(text, rules):
        shown = tidy(text).casefold()
        return _absence(shown, rules) or parse(shown, rules)

    return parser


def _read_number(shown: str, rules: Use) -> tuple[float, str]:
    """Read a number whole, and say which decision it took."""
    notes = []
    if shown.startswith("'"):
        shown, notes = shown[1:], ["the apostrophe is ignored"]
    if shown.startswith(("=", "@")):
        raise CellError("a formula, not a number", "write the number itself")
    if _DATE.fullmatch(shown):
        raise CellError("looks like a date", "write a number")
    if not re.fullmatch(_NUMBER, shown, re.ASCII):
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
    if abs(value - round(value)) < 1e-6 and len(re.split("[.,]", shown)[-1]) > 6:
        value = float(round(value))  # 55.000000001, as sums and exports leave it
    return value, "; ".join(notes)


def _read_quantity(shown: str, factors: dict, own_unit: str, rules: Use) -> Cell:
    """Read a number with or without a unit, and turn it into the parser's own unit."""
    if _DATE.fullmatch(shown):
        raise CellError("looks like a date", f"write a number of {own_unit}")
    bare = _ABOUT.sub("", re.sub(r"\s*\?+$", "", shown))
    notes = [f"read without the mark of doubt in “{shown}”"] if bare != shown else []
    whole, ends = _QUANTITY.fullmatch(bare), _RANGE.fullmatch(bare)
    if rules.outcome and (notes or (ends and not whole)):
        raise CellError("not one certain number", f"write one number of {own_unit}")
    if ends and not whole:
        low, high = (_read_number(end, rules)[0] for end in ends.groups()[:2])
        if low >= high:
            raise CellError("not a range from low to high", "write one number")
        value, word, note = (low + high) / 2, ends[3], f"a range, read as {(low + high) / 2:g}"
    else:
        value, note = _read_number(whole[1] if whole else bare, rules)
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


def _identifier(text: str, rules: Use) -> Cell:
    """Keep an identifier as it is written but for the spaces around it."""
    shown = tidy(text)
    if _TOTALS.fullmatch(shown.casefold()):
        remedy = "remove the row, or give the patient another identifier"
        raise CellError("reads like a row of totals, not like a patient", remedy)
    if not shown.strip("-") or shown.casefold() in NOT_KNOWN:
        raise CellError("no patient identifier", "give every patient an identifier of its own")
    kept = " ".join(_INVISIBLE.sub("", text).split())
    if re.fullmatch(r"[0-9][.,][0-9]+e[+-]?[0-9]+", kept.casefold()):
        return Cell(kept, "looks like a number that a spreadsheet has shortened")
    return Cell(kept, dangers(kept))


def _text(text: str, rules: Use) -> Cell:
    """Keep free text or a category as it stands; blanks, dashes and n/a are missing."""
    shown = tidy(text)
    if shown.strip("-") == "" or shown.casefold() == "n/a":
        return Cell(None)
    kept = _INVISIBLE.sub("", text.replace("\u00a0", " ")).strip()
    if shown.casefold() in NOT_KNOWN:
        return Cell(kept, "kept as text; leave the cell blank if it means that this is not known")
    return Cell(kept, dangers(kept))


def _duration(text: str, rules: Use) -> Cell:
    """Read a length of time, at least 0, in the study's unit."""
    shown = tidy(text).casefold()
    if not rules.outcome and shown in {"immediate", "immediately", "at once"}:
        return Cell(0.0, "a word for no time at all")
    if re.fullmatch(rf"{_NUMBER}\s*\+", shown, re.ASCII):
        remedy = "if + means censored, say so in the study: `vlms start` writes how"
        raise CellError("a time with a plus sign", remedy)
    cell = _absence(shown, rules) or _read_quantity(shown, DAYS, rules.into, rules)
    if (cell.value or 0) < 0:
        raise CellError("a time below 0", "write the time since time zero")
    if (cell.value or 0) * DAYS[rules.into] > _LONGEST_YEARS * 365.25:
        problem = f"more than {_LONGEST_YEARS} years, so not in {rules.unit or rules.into}"
        remedy = f"is it in days, a year or a date? Write {rules.into}, or the column's unit"
        raise CellError(problem, f"{remedy} in the study")
    return cell


@_of_value
def _date(shown: str, rules: Use) -> Cell:
    """Read a day as days since the year 1: 2019-03-12, 12.03.2019, or as the study's unit says."""
    found = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})([ t][0-9:.+z]*)?", shown)
    year, month, day = found.groups()[:3] if found else (None, None, None)
    if not found:
        order = "([0-9]{1,2})([./-])([0-9]{1,2})[./-]([0-9]{4})( [0-9:.]*)?"
        found = re.fullmatch(order, shown)
        if not found:
            raise CellError("not a whole date", "write a day such as 2019-03-12 or 12.03.2019")
        day, mark, month, year = found.groups()[:4]
        if mark != "." and rules.unit not in ("dd/mm/yyyy", "mm/dd/yyyy"):
            remedy = 'say which in the study: unit = "dd/mm/yyyy" or "mm/dd/yyyy"'
            raise CellError("day or month first?", remedy)
        if rules.unit == "mm/dd/yyyy" and mark != ".":
            day, month = month, day
    try:
        written = date(int(year), int(month), int(day))
    except ValueError:
        raise CellError("no such day", "correct the date") from None
    if not date(1880, 1, 1) <= written <= date.today():
        raise CellError("a day long ago or in the future", "correct the date")
    return Cell(float(written.toordinal()))


@_of_value
def _age(shown: str, rules: Use) -> Cell:
    """Read an age in years, between 0 and 120; "66/f" gives the 66."""
    pair = re.fullmatch(r"([0-9]+(?:[.,][0-9]+)?)\s*/\s*[a-z]+", shown)
    cell = _read_quantity(pair[1] if pair else shown, DAYS, "years", rules)
    age = cell.value
    if not 0 <= age <= 120:
        raise CellError("not an age between 0 and 120", "write the age at diagnosis in years")
    if abs(age - round(age)) < 1e-6:
        age = float(round(age))
    if (age < 1 or age >= 99) and not cell.note:
        return Cell(age, "an unusual age; is it a code for not known?")
    return Cell(age, cell.note)


def _category(text: str, rules: Use) -> Cell:
    """Read a level of a category; where the study names the levels, no other is one."""
    shown = tidy(text).casefold()
    if shown.strip("-") == "" or shown in NOT_KNOWN:
        if rules.required:
            raise CellError("no value", "every patient needs a value here")
        return Cell(
            None, "" if shown in {"", "na", "n/a"} else "taken to mean that it is not known"
        )
    levels = {level.casefold(): level for level in [*rules.levels.values(), *rules.order]}
    if not levels:
        return _text(text, rules)
    if _whole(shown) not in levels:
        raise CellError("no level of the study", "say what it means: levels = { … }")
    return Cell(levels[_whole(shown)])


def _word(cells: dict, ignored: str, problem: str, remedy: str, text: str, rules: Use) -> Cell:
    """Read one of some words."""
    shown = re.sub(ignored, "", tidy(text).casefold())
    if absent := _absence(shown, rules):
        return absent
    if shown not in cells:
        raise CellError(problem, f"{remedy}, or map the code in the study")
    return cells[shown]


@_of_value
def _size(shown: str, rules: Use) -> Cell:
    """Read a tumour's largest diameter in cm; the cell may hold "a x b x c"."""
    unit = re.search(r"(?<![a-z])(cm|mm)$", shown)
    parts = [part.strip() for part in shown.split("x")]
    if unit and len(parts) > 1:
        parts = [part if part.endswith(unit[1]) else part + unit[1] for part in parts]
    cells = [_read_quantity(part, UNITS["size"], "cm", rules) for part in parts]
    largest = max(cell.value for cell in cells)
    if min(cell.value for cell in cells) <= 0 or largest > 60 or len(cells) > 3:
        raise CellError("not a tumour's size in cm", 'write the largest diameter, or "a x b x c"')
    notes = dict.fromkeys(cell.note for cell in cells if cell.note)
    if largest > 30:
        notes["larger than 30 cm; is it in mm?"] = None
    return Cell(largest, "; ".join(notes))


def _stage(letter: str, text: str, rules: Use) -> Cell:
    """Read a T, N or M, alone ("T2", "2b") or out of a whole TNM cell ("T2 N0 M1 (lung) G3")."""
    shown = tidy(text).casefold()
    if absent := _absence(shown, rules):
        return absent
    bare = re.fullmatch(r"[0-4][a-d]?", shown)
    stage = shown if bare else read_tnm(shown)[letter.lower()]
    if stage is None and len(shown) <= 4:
        raise CellError(f"not {letter}", f"write a stage such as {letter}1")
    if stage in {None, "x"}:
        return Cell(None, f"holds no {letter}")
    highest = _HIGHEST[letter]
    if stage[0].isdigit() and int(stage[0]) > highest:
        remedy = f"write one from {letter}0 to {letter}{highest}, or map it"
        raise CellError(f"no such {letter} in soft tissue sarcomas", remedy)
    return Cell(letter + stage, "a stage without its letter" if bare else "")


@_of_value
def _grade(shown: str, rules: Use) -> Cell:
    """Read a grade from 1 to 3, alone or out of a TNM cell."""
    if re.match(r"[pcyr]*[tnm]\s?[0-4x]", shown):
        grade = read_tnm(shown)["g"]
        if grade not in {"1", "2", "3", "x", None}:
            raise CellError("not a grade from 1 to 3", "write G1, G2 or G3")
        return Cell(int(grade)) if grade in _GRADES else Cell(None, "not graded" if grade else "")
    bare = _whole(re.sub(r"^(grade|grad|g)\s*|[.,]0+$", "", shown))
    if bare == "x":
        return Cell(None, "not graded")
    if bare not in _GRADES:
        raise CellError("not a grade from 1 to 3", "write 1, 2 or 3, or map the code in the study")
    return Cell(_GRADES[bare], "" if bare.isdigit() else "a word for a grade")


def _yes_no(text: str, rules: Use) -> Cell:
    """Read whether a treatment was given; a dose or a word such as "adjuvant" means yes."""
    written = tidy(text).casefold()
    shown = written.replace("-", " ").strip()
    if shown == "" and written:
        return Cell(None, "a dash; write no if it means no")
    if shown in _YES or shown in _NO:
        return Cell(shown in _YES)
    if absent := _absence(shown, rules):
        return absent
    if _whole(written) in {"0", "1"}:
        return Cell(_whole(written) == "1", "taken for 1 = yes, 0 = no")
    if shown in _TREATMENTS:
        return Cell(True, "a kind of treatment, taken to mean yes")
    if re.fullmatch(rf"{_NUMBER}\s*(gy|gray)", shown):
        return Cell(_read_number(shown.rstrip("gray "), rules)[0] > 0, "a dose, read as yes or no")
    raise CellError("neither yes nor no", "write yes or no, or map the code in the study")


def _occurred(text: str, rules: Use) -> Cell:
    """Read whether something was seen: a dash or no means no, a place or a time means yes."""
    shown = tidy(text).casefold()
    if shown and (shown.strip("-") == "" or shown in NONE_SEEN or shown in _NO):
        return Cell(False)
    if absent := _absence(shown, rules):
        return absent
    if _whole(shown) in {"0", "1", "2"}:
        raise CellError("a code without a meaning", "map the code to yes or no in the study")
    if "?" in shown or re.search(r"\b(no|not|without|suspected|possible|possibly)\b", shown):
        return Cell(None, "not certain")
    return Cell(True)


def _status(text: str, rules: Use) -> Cell:
    """Read a patient's status: alive, dead_of_disease or dead_other; no code is guessed."""
    shown = " ".join(re.sub(r"[_,-]", " ", tidy(text).casefold()).split())
    remedy = "write alive, dead_of_disease, dead_other or dead_unknown, or map it: levels = { … }"
    if not shown:
        raise CellError("no status", remedy)
    if shown in {"dead", "died", "deceased", "death", "exitus"}:
        raise CellError("dead, but of what?", "write dead_of_disease, dead_other or dead_unknown")
    if re.fullmatch(r"[0-9.]+|true|false|yes|no|y|n", shown):
        raise CellError("a code whose meaning is not known", remedy)
    if shown not in _STATUS:
        raise CellError("not a status that can be read", remedy)
    sure = shown in _STATUS_WITHOUT_DOUBT
    return Cell(_STATUS[shown], "" if sure else "not one of the three words")


_SEXES = dict.fromkeys(("f", "female", "woman"), Cell("f"))
_SEXES |= dict.fromkeys(("m", "male", "man"), Cell("m"))
_SEXES |= dict.fromkeys(("w", "weiblich"), Cell("f", "a word for female"))
_SEXES |= dict.fromkeys(("männlich", "maennlich"), Cell("m", "a word for male"))
_MARGINS = {"r0": Cell("R0"), "r1": Cell("R1"), "r2": Cell("R2"), "rx": Cell(None, "not assessed")}
_MARGINS |= dict.fromkeys(("negative", "clear", "free"), Cell("R0", "a word for R0"))
# The names are what a study writes as `kind`.
PARSERS = {
    "id": _identifier,
    "text": _text,
    "category": _category,
    "number": _of_value(lambda shown, rules: Cell(*_read_number(shown, rules))),
    "duration": _duration,
    "date": _date,
    "age": _age,
    # "66/f" gives the f
    "sex": functools.partial(
        _word, _SEXES, r"^[0-9.,]+\s*/\s*", "not a sex that can be read", "write f or m"
    ),
    "size": _size,
    **{f"{x.lower()}-stage": functools.partial(_stage, x) for x in _HIGHEST},
    "grade": _grade,
    "margin": functools.partial(_word, _MARGINS, " ", "not a margin", "write R0, R1 or R2"),
    "yes-no": _yes_no,
    "dose": _of_value(lambda *cell: _read_quantity(cell[0], {"gy": 1.0}, "gy", cell[1])),
    "occurred": _occurred,
    "status": _status,
}
