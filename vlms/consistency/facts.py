"""Printed aggregates of a paper, typed: the groups, endpoints and values of a facts.csv.

Values stay printed text (`vlms.printed.Printed`), so that what they can stand for is decided by
whoever uses them. Comments above the columns declare what holds for the paper as a whole::

    # unit: months
    # source: abstract
    # groups: none | local | distant = all; microarray < all
    # endpoints: overall_survival <= disease_specific_survival
    # levels: sex: female | male
    # follow-up: plain

`|` and `=` are parts that make up a whole, `<` is a subset; `a <= b` says that every event of b is
one of a, `levels` that each patient of a total is at one of these levels and no other. `follow-up:
plain` takes the printed median follow-up to be that of the time observed of all patients, and not
of survivors or of a reverse Kaplan-Meier curve. `source: abstract` lets nothing be contradicted.
"""

import csv
import io
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from vlms.consistency.finding import printed_share
from vlms.printed import Printed

COLUMNS = "id group endpoint variable level kind at value unit lower upper p total of".split()
COLUMNS += ["covariate", "place", "note"]
_COUNTS = ("n", "events", "censored", "at_risk", "count")
_MEASURES = ("median", "mean", "sd", "minimum", "maximum")
_KINDS = (*_COUNTS, "share", "survival", *_MEASURES, "hazard_ratio", "p_value", "statement")
_COVARIATES = ("binary", "categories", "continuous", "unknown")
# Time units by what they convert into exactly; a month of four weeks or of 30.4 days does not.
_UNITS = {"days": (1, "d"), "weeks": (7, "d"), "months": (1, "m"), "years": (12, "m")}
_HEADERS = ("unit", "source", "groups", "endpoints", "levels", "follow-up")
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?")


class FactsError(ValueError):
    """A facts file that cannot be read; `problems` lists all, a line each."""

    def __init__(self, problems):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Fact:
    """One printed number, or statement, and what it is about.

    `value`, `lower`, `upper` and `p` are `Printed`, or None where nothing is printed; `at` is in
    the unit of the file; `of` holds ids or groups; `scale` turns the value into that unit (None
    where it does not convert exactly).
    """

    id: str
    line: int
    kind: str
    group: str
    endpoint: str = ""
    variable: str = ""
    level: str = ""
    at: float = math.inf
    value: object = None
    unit: str = ""
    lower: object = None
    upper: object = None
    p: object = None
    total: int | None = None
    of: tuple = ()
    covariate: str = "unknown"
    place: str = ""
    note: str = ""
    scale: float | None = 1.0

    @property
    def reached(self):
        """Whether a median was reached."""
        return isinstance(self.value, Printed)

    def __str__(self):
        what = " ".join(t for t in (self.variable, self.level) if t) or self.endpoint
        when = "" if math.isinf(self.at) else f" at {self.at:g}"
        shown = getattr(self.value, "text", self.value)
        shown = f"{shown} of {self.total}" if self.total and self.kind == "count" else shown
        limits = f" ({self.lower} to {self.upper})" if self.lower is not None else ""
        named = "" if self.kind in ("count", "share") and what else self.kind.replace("_", " ")
        words = " ".join(t for t in (what.replace("_", " "), named, f"of {self.group}") if t)
        return f"{words}{when} = {shown}{limits}" + (f" ({self.place})" if self.place else "")


@dataclass(frozen=True)
class Facts:
    """The facts of a paper by id, and what its file declares.

    `parts` pairs a whole with the tuple of its parts, `subsets` a subset with its whole, `nested`
    two endpoints of which the first has every event of the second; `levels` maps a variable to
    the levels of which every patient has exactly one.
    """

    facts: dict
    unit: str = ""
    source: str = ""
    parts: tuple = ()
    subsets: tuple = ()
    nested: tuple = ()
    levels: dict = field(default_factory=dict)
    plain_follow_up: bool = False
    name: str = "facts"

    def __iter__(self):
        return iter(self.facts.values())

    def __len__(self):
        return len(self.facts)

    def only(self, ids):
        """The same declarations with fewer facts."""
        return replace(self, facts={key: fact for key, fact in self.facts.items() if key in ids})

    def of_kind(self, *kinds):
        """The facts of these kinds, in order."""
        return [fact for fact in self if fact.kind in kinds]


def read_facts(facts):
    """Read a facts.csv, or a frame of text with its columns.

    Parameters
    ----------
    facts : path or pandas.DataFrame
        Columns are found by name: id, group, endpoint, variable, level, kind, at, value, unit,
        lower, upper, p, total, of, covariate, place, note. Those that are absent are blank, a
        blank group is ``all``. A frame declares in `.attrs` what a file does in comments.

    Returns
    -------
    Facts

    Raises
    ------
    FactsError
        With every problem of the file: the line, what was found there, what to write.
    OSError
        If there is no such file.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"kind": ["n", "survival"], "at": ["", "60"], "value": ["63", "65%"],
    ...                       "endpoint": "death"})
    >>> [str(fact) for fact in read_facts(frame)]
    ['death n of all = 63', 'death survival of all at 60 = 65%']
    """
    if isinstance(facts, Facts):
        return facts
    problems = []
    if isinstance(facts, pd.DataFrame):
        headers = [(0, key, text) for key, text in facts.attrs.items() if key in _HEADERS]
        text = facts.astype(object).where(facts.notna(), "").astype(str)
        header, name = list(text.columns), "facts"
        rows = [(number, list(row)) for number, row in enumerate(text.to_numpy(), start=1)]
    else:
        headers, header, rows = _lines(Path(facts), problems)
        name = Path(facts).parent.name if Path(facts).stem == "facts" else Path(facts).stem
    header = [column.strip().lower() for column in header]
    for column in [c for c in header if c not in COLUMNS]:
        problems.append(f"columns: found {column!r}; write some of {', '.join(COLUMNS)}")
    for column in ("kind", "value"):
        if column not in header:
            problems.append(f"columns: no {column!r}; write it, every fact has one")
    if problems:
        raise FactsError(problems)
    declared = _declared(headers, problems)
    found = {}
    for line, row in rows:
        if len(row) > len(header):
            problems.append(
                f"line {line}: {len(row)} cells under {len(header)} columns; write text that "
                "holds a comma in quotes"
            )
            continue
        cells = dict.fromkeys(COLUMNS, "")
        cells |= {c: cell.strip() for c, cell in zip(header, row, strict=False)}
        fact = _fact(cells, line, declared["unit"], problems)
        if fact.id in found:
            problems.append(
                f"line {line}: id {fact.id!r} is that of line {found[fact.id].line} as well; "
                "write an id once"
            )
        found[fact.id] = fact
    groups = {fact.group for fact in found.values()}
    groups |= {group for whole, parts in declared["parts"] for group in (whole, *parts)}
    groups |= {group for pair in declared["subsets"] for group in pair}
    for fact in found.values():
        problems += [
            f"line {fact.line}: of names {other!r}, which is neither an id nor a group; write one"
            for other in fact.of
            if other not in found and other not in groups
        ]
    if not rows:
        problems.append("no fact; write a line for each printed number")
    if problems:
        raise FactsError(problems)
    return Facts(found, name=name, **declared)


def as_date(text):
    """A printed year or year-month as the years at its begin and its end; None for other text."""
    match = _DATE.fullmatch(str(text).strip())
    if match is None or not 1 <= int(match[2] or 1) <= 12:
        return None
    if match[2]:
        start = int(match[1]) + (int(match[2]) - 1) / 12
        return start, start + 1 / 12
    return float(match[1]), float(match[1]) + 1


def _lines(path, problems):
    """The header comments, the columns and the rows of a file, with line numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FactsError([f"byte {error.start}: not UTF-8; save the file as UTF-8"]) from None
    headers, kept, numbers = [], [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            key, colon, value = line[1:].partition(":")
            if colon and key.strip().lower() in _HEADERS:
                headers.append((number, key.strip().lower(), value.strip()))
        elif line.strip():
            kept.append(line)
            numbers.append(number)
    reader = csv.reader(io.StringIO("\n".join(kept)), skipinitialspace=True)
    rows, before = [], 0
    try:
        for row in reader:
            rows.append((numbers[before], row))
            before = min(reader.line_num, len(numbers) - 1)
    except csv.Error as error:
        problems.append(f"line {numbers[before]}: {error}; write it as CSV")
    if not rows:
        raise FactsError(["the file is empty; write the columns and a line for each number"])
    return headers, rows[0][1], rows[1:]


def _declared(headers, problems):
    """What the comments declare."""
    said = {"unit": "", "source": "", "plain_follow_up": False, "levels": {}}
    parts, subsets, nested = [], [], []
    for line, key, text in headers:
        where = f"line {line}" if line else key
        pieces = [piece.strip() for piece in str(text).split(";") if piece.strip()]
        if key == "unit":
            said["unit"] = pieces[0].lower() if pieces else ""
            if said["unit"] not in _UNITS:
                problems.append(f"{where}: unit {text!r}; write days, weeks, months or years")
        elif key == "source":
            said["source"] = str(text).strip().lower()
        elif key == "follow-up":
            said["plain_follow_up"] = str(text).strip().lower() == "plain"
            if not said["plain_follow_up"]:
                problems.append(f"{where}: follow-up {text!r}; write plain, or leave it out")
        elif key == "levels":
            for piece in pieces:
                variable, colon, levels = piece.partition(":")
                if not colon or "|" not in levels:
                    problems.append(f"{where}: {piece!r}; write levels as sex: female | male")
                    continue
                said["levels"][variable.strip()] = tuple(_names(levels, "|"))
        elif key == "groups":
            for piece in pieces:
                if "=" in piece:
                    left, _, right = piece.partition("=")
                    parts.append((right.strip(), tuple(_names(left, "|"))))
                elif "<" in piece:
                    left, _, right = piece.partition("<")
                    subsets.append((left.strip(), right.strip()))
                else:
                    problems.append(f"{where}: {piece!r}; write groups as a | b = all, or a < all")
        else:
            for piece in pieces:
                first, sign, second = piece.partition("<=")
                if not sign or not first.strip() or not second.strip():
                    problems.append(
                        f"{where}: {piece!r}; write endpoints as "
                        "overall_survival <= disease_specific_survival"
                    )
                    continue
                nested.append((first.strip(), second.strip()))
    return said | {"parts": tuple(parts), "subsets": tuple(subsets), "nested": tuple(nested)}


def _fact(cells, line, file_unit, problems):
    """One typed fact; what is wrong with it is added to the problems."""
    before = len(problems)

    def wrong(column, write):
        problems.append(f"line {line}: {column} {cells[column]!r}; write {write}")

    kind = cells["kind"].lower()
    if kind not in _KINDS:
        wrong("kind", f"one of {', '.join(_KINDS)}")
    typed = {name: cells[name] for name in ("endpoint", "variable", "level", "place", "note")}
    if cells["at"]:
        try:
            typed["at"] = float(cells["at"])
            if not (math.isfinite(typed["at"]) and typed["at"] >= 0):
                raise ValueError
        except ValueError:
            wrong("at", "a time from 0 as a plain number, in the unit of the file")
    if kind in ("survival", "at_risk") and not cells["at"]:
        wrong("at", f"the time of this {kind}")
    if kind in ("survival", "events", "censored", "at_risk") and not cells["endpoint"]:
        wrong("endpoint", f"the endpoint of this {kind}")
    value = cells["value"]
    dated = cells["variable"] in ("accrual", "last_contact")
    if kind == "statement":
        typed["value"] = value
    elif kind == "median" and value.lower() == "not reached":
        typed["value"] = "not reached"
    elif dated and as_date(value):
        typed["value"] = value
    elif dated:
        wrong("value", "a year as 1993 or a month as 1993-01")
    else:
        share = kind in ("survival", "share")
        shares = [("value", share), ("lower", share), ("upper", share), ("p", False)]
        for column, is_share in shares:
            if not cells[column] and column != "value":
                continue
            try:
                typed[column] = (printed_share if is_share else Printed.parse)(cells[column])
            except ValueError as error:
                problems.append(f"line {line}: {column} {error}")
        counted = typed.get("value")
        if kind in _COUNTS and counted is not None:
            whole = counted.value == int(counted.value) and counted.value >= 0
            if not whole or counted.comparator or counted.percent or counted.decimals:
                wrong("value", "a whole number from 0")
    if cells["total"]:
        if re.fullmatch(r"\d[\d,]*", cells["total"]) and int(cells["total"].replace(",", "")):
            typed["total"] = int(cells["total"].replace(",", ""))
        else:
            wrong("total", "a whole number from 1")
    if kind in ("count", "share") and not cells["variable"]:
        wrong("variable", "what is counted")
    if (cells["lower"] == "") != (cells["upper"] == ""):
        wrong("lower" if not cells["lower"] else "upper", "both limits or none")
    covariate = cells["covariate"].lower() or "unknown"
    if covariate not in _COVARIATES:
        wrong("covariate", f"one of {', '.join(_COVARIATES)}")
    unit = cells["unit"].lower()
    scale = 1.0
    if unit in _UNITS and unit != file_unit:
        own, of_file = _UNITS[unit], _UNITS.get(file_unit, (1, ""))
        scale = own[0] / of_file[0] if own[1] == of_file[1] else None
    elif unit and unit not in _UNITS and (typed["endpoint"] or typed["variable"] == "follow_up"):
        scale = 1.0 if kind not in _MEASURES else None
    if kind == "hazard_ratio" and len(problems) == before and typed["value"].value <= 0:
        wrong("value", "a hazard ratio above 0")
    of = tuple(_names(cells["of"], ";|" if "|" in cells["of"] else ";"))
    identity = cells["id"] or str(line)
    group = cells["group"] or "all"
    known = {"of": of, "covariate": covariate, "unit": unit, "scale": scale}
    return Fact(identity, line, kind, group, **known, **typed)


def _names(text, signs):
    """The names between these signs."""
    return [name.strip() for name in re.split(f"[{re.escape(signs)}]", text) if name.strip()]
