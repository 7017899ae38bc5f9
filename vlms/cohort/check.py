"""Checking a reader's own table: is it sound, how was it read, what becomes of its columns?

Columns that look as if they named a person are found by the words of the header, in a few
languages, or by the shape of the cells: dates and years long ago, and national numbers, with their
check digits where they have any. It is a hint for whoever holds the file: what is not found here
may still name somebody.
"""

import re
import textwrap
import unicodedata
from dataclasses import dataclass, field

import pandas as pd

from vlms.cohort.patients import examine
from vlms.cohort.plan import resembled
from vlms.cohort.problems import CohortError, Problems, by_kind, counted, printable
from vlms.cohort.tables import SEPARATORS, TextTable
from vlms.study import SARCOMA

_SCREEN = 24  # lines of the summary
_MOST_NAMES = 14  # of columns that are told on one screen
_WIDTH = 100
_WIDEST = 90  # characters of a cell in a table on the terminal

# Headers as small letters and digits, without accents.
_HEADERS = {
    "a name": "((pat|patients?|patienten|first|last|full|family|given|maiden|middle|birth)?names?"
    "|surname|forename|initial(s|en|es)|(vor|nach|familien)name|nom(defamille)?|prenom|nombre|apellidos?"
    "|cognome|nome|sobrenome|(achter|voor)?naam|(for|efter)navn|(for|efter)namn)",
    "a date of birth": "(dob|yob|birth(date|day|year)?|(date|day|year)ofbirth|born|geboren|jahrgang"
    "|geb(datum|dat|tag)?|geburts(datum|tag|jahr)|((date|annee)de)?naissance|ddn"
    "|((fecha|ano)de)?nacimiento|((data|anno)di)?nascita|datadenascimento|geboortedatum"
    "|fodselsdato|fodelsedatum)",
    "a national number": "(ahv|avs|ssn|socialsecurity|nhs|cpr|sv|sozialversicherungs|versicherten"
    "|nationalinsurance|insurance|passport|national|steuer|steueridentifikations)"
    "(nr|no|number|nummer|id)|ahv|avs|ssn|nhs|cpr|steueridnr|nir|insee|(numerode)?securitesociale"
    "|codicefiscale|dni|bsn|personnummer|fodselsnummer",
}
# A day or a year: its year is in the first or the second group.
_DAY = re.compile(
    r"(?:(\d{4})[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}))([ T].*)?", re.ASCII
)
_YEAR = re.compile(r"(1[89]\d\d|20\d\d)(?:\.0)?()", re.ASCII)
_LONG_AGO = 1975  # patients of today were born before it; what is recorded of them came later
_TWO_NAMES = re.compile(r"[^\W\d_][^\W\d_'-]+,? [^\W\d_][^\W\d_'.-]*( [^\W\d_][^\W\d_'-]+)?")
_SHORTEST_NUMBER = 10  # digits
_SAMPLE = 2_000  # distinct texts of a column that are looked at one by one


@dataclass(frozen=True)
class Check:
    """What a check of a table found; problems and warnings as in `CohortError` and `Cohort`."""

    file: str
    patients: int = 0  # none if the table cannot be used
    events: dict = field(default_factory=dict)
    problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: pd.DataFrame = field(default_factory=pd.DataFrame)
    read_as: dict = field(default_factory=dict)
    ignored: dict = field(default_factory=dict)  # column → the canonical one that it resembles
    absent: list = field(default_factory=list)  # of the optional canonical columns
    unheld: list = field(default_factory=list)  # levels of the study that no cell has
    personal: list = field(default_factory=list)  # column, as what it looks, and why
    declared: bool = False  # by a study of its own, which says what is used
    frame: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)  # the patients, if sound
    missing: dict = field(default_factory=dict)  # a blank recurrence says that none was seen

    @property
    def sound(self) -> bool:
        """Whether the table can be analysed."""
        return self.problems.empty

    def as_dict(self) -> dict:
        """Return everything in types that JSON knows, every cell by itself; missing is None."""
        return {
            "file": self.file,
            "sound": self.sound,
            "read_as": self.read_as,
            "patients": self.patients,
            "events": self.events,
            "problems": _records(self.problems),
            "warnings": _records(self.warnings),
            "ignored": [{"column": n, "resembles": to or None} for n, to in self.ignored.items()],
            "absent": self.absent,
            "levels_without_a_cell": self.unheld,
            "looks_like": [{"column": c, "what": w, "because": b} for c, w, b in self.personal],
            "missing": self.missing,
        }

    def as_text(self, *, every_cell=False) -> str:
        """Return a summary of one screen, or a table of every cell; safe to print to a terminal."""
        file = self.file if self.sound else self.problems["file"].iloc[0]  # or the study file
        lines = [printable(file, 4096) + self._reading()]
        if self.events:
            lines.append("  " + ", ".join(f"{what}: {n}" for what, n in self.events.items()))
        lines += self._columns()
        for found, title in ((self.problems, "problem"), (self.warnings, "warning")):
            if found.empty:
                continue
            nothing = ", so nothing is computed" if title == "problem" else ""
            lines += ["", counted(len(found), title) + nothing]
            if every_cell:
                shown = found.astype(object).where(found.notna(), "")
                shown = shown.map(lambda cell: printable(cell, 1000))  # what to do is never cut
                lines.append(shown.to_string(index=False))
            else:
                lines += _kinds(found, _SCREEN - len(lines) - (3 if title == "problem" else 0))
        return "\n".join(lines)

    def _reading(self) -> str:
        """Say how the file was read."""
        if not self.read_as:
            return ""
        rows = counted(self.patients, "patient") if self.sound else f"{self.read_as['rows']} rows"
        comma = self.read_as["decimal_mark"] == "comma"
        encoding = self.read_as["encoding"]
        encoding = encoding if " " in encoding else encoding.upper()
        how = ", ".join(filter(None, [self.read_as["separator"], encoding]))
        return (
            f": {rows}, {counted(self.read_as['columns'], 'column')}; {how}"
            f"{', decimal comma' if comma else ''}; times in {self.read_as['time_unit']}"
        )

    def _columns(self) -> list[str]:
        """Say in a few lines what becomes of the columns, and what they hold."""
        resembling = [f"{name} (resembles {to})" for name, to in self.ignored.items() if to]
        others = [name for name, to in self.ignored.items() if not to]
        missing = [f"{name} {count}" for name, count in self.missing.items() if count]
        rename = "; rename it, or map it in a study file, if that is what it holds"
        declared, only = self.declared, "; only if you name it as group or covariate"
        lines = [
            _named("not used", resembling, rename),
            _named("not used", others, " (by the study)" if declared else only),
            _named("absent", self.absent),
            _named("levels that no cell has", self.unheld),
            _named("missing values", missing or (["none"] if self.missing else [])),
        ]
        for what in dict.fromkeys(what for _, what, _ in self.personal):
            found = [f"{name} ({why})" for name, kind, why in self.personal if kind == what]
            remove = "; remove it before you share the file"
            lines.append(_named(f"looks like {what}", found, remove))
        return [row for line in lines for row in _wrapped(line, 2)]


def check_cohort(path, study=None, *, encoding=None) -> Check:
    """Check a table as `read_cohort` reads it; what is in the file never raises.

    Examples
    --------
    >>> check_cohort("https://example.org/patients.csv").problems["problem"].tolist()
    ['an address on a network, which is never fetched']
    """
    problems = Problems(str(path))
    try:
        seen = examine(path, study, problems, encoding=encoding)
    except CohortError as error:
        return Check(str(path), problems=error.problems)
    patients, table, plan, study = seen.patients, seen.table, seen.plan, seen.study
    canonical = study is SARCOMA or bool(study.based_on)
    named = {use.name for _, use in plan}
    absent = [name for name, column in study.columns.items() if name not in named]
    further = [use.printed for _, use in plan if use.name not in study.columns]
    known = {place for place, use in plan if use.name in study.columns}
    comma = bool(plan) and plan[0][1].comma_seen
    units = [use.unit or study.unit for _, use in plan if use.outcome and use.kind == "duration"]
    units += ["dates"] if any(use.kind == "date" for _, use in plan) else []
    told = {
        "read_as": {
            "rows": len(table.lines),
            "columns": len(table.header),
            "separator": SEPARATORS.get(table.separator, table.separator),
            "encoding": table.encoding,
            "decimal_mark": "comma" if comma else "point",
            "time_unit": ", ".join(dict.fromkeys(units)) or "no unit",
            "study": study.file,
        },
        "ignored": dict.fromkeys(seen.unused, "")
        | {printed: resembled(printed, absent) for printed in further if canonical},
        "absent": [
            name
            for name in absent
            if not study.columns[name].required and name not in patients  # which rows may make
        ],
        "declared": not canonical,
        "unheld": _unheld(patients, study, plan),
        "personal": looks_personal(table, known),
        "missing": _missing(patients, study, plan, problems),
        "warnings": problems.issues(),
    }
    try:
        problems.stop_if_any()
    except CohortError as error:
        return Check(str(path), problems=error.problems, **told)
    return Check(str(path), len(patients), _events(patients, study), frame=patients, **told)


def _events(patients, study) -> dict:
    """Count each status, and the patients with a time of each event."""
    events, ends = {}, {}
    for e in study.endpoints.values():
        ends.setdefault(e.status, set()).update(e.event | e.competing | e.unknown)
    for status in (name for name in ends if name in patients):
        counts = patients[status].value_counts()
        events |= {study.word(end): int(counts.get(end, 0)) for end in sorted(ends[status])}
    for name in dict.fromkeys(n for e in study.endpoints.values() for n in e.at if n in patients):
        events[study.word(name)] = int(patients[name].notna().sum())
    return events


def _unheld(patients, study, plan) -> list[str]:
    """Name the levels that the study declares and no cell has."""
    found = []
    for use in {use.name: use for _, use in plan if use.name in patients}.values():
        timed = use.name in study.event_times  # rows that change have become a time
        if use.kind in ("category", "status", "text") and not timed:
            declared = dict.fromkeys([*use.order, *use.levels.values()])
            held = set(patients[use.name].dropna().unique()) if declared else set()
            found += [f"{use.name} = {level}" for level in declared if level not in held]
    return found


def _missing(patients, study, plan, problems: Problems) -> dict:
    """Count the patients without a value; a cell that is listed as a problem is not one of them."""
    unread = {(column, line) for line, _, column, *_ in problems.errors if line}
    optional = {use.name for _, use in plan if use.outcome and not use.required}
    optional |= {*study.event_times}
    counts = {}
    for name in patients.columns.difference(optional, sort=False):
        printed = {use.printed for _, use in plan if use.name == name}
        listed = len({line for column, line in unread if column in printed})
        counts[name] = max(0, int(patients[name].isna().sum()) - listed)
    return counts


def _named(title: str, names: list[str], more: str = "") -> str:
    """Set names in a line of the summary; of many, the first."""
    shown = ", ".join(printable(name, _WIDEST) for name in names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        shown += f" and {len(names) - _MOST_NAMES} more (--json lists all)"
    return f"{title}: {shown}{more}" if names else ""


def _kinds(found: pd.DataFrame, room: int) -> list[str]:
    """Tell problems by column and kind, those of most cells first, as far as lines are left."""
    kinds = by_kind(found)
    width = max(len(kind.column) for kind in kinds)
    lines, told = [], 0
    for kind in kinds:
        said = ": ".join(filter(None, [kind.held, kind.problem]))
        what_to_do = " · ".join(filter(None, [kind.where, kind.action]))
        block = _wrapped(f"{kind.column:{width}}  {said}", 2, width + 4)
        block += _wrapped(what_to_do, width + 4, width + 4)
        if told and len(lines) + len(block) + 3 > room:
            break
        lines, told = lines + block, told + 1
    if left := list(dict.fromkeys(kind.column for kind in kinds[told:])):
        where = f" in {', '.join(left[:9])}{', …' if len(left) > 9 else ''}"
        lines += _wrapped(f"… and {len(kinds) - told} more kinds{where}; --all lists every cell", 2)
    elif len(found) > told:
        lines.append("  --all lists every cell")
    return lines


def _wrapped(line: str, indent: int, hanging: int = 0) -> list[str]:
    """Break a line at the width of a terminal, but within no word."""
    indents = {"initial_indent": " " * indent, "subsequent_indent": " " * (hanging or indent + 2)}
    whole = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(line, _WIDTH, **indents, **whole)


def _records(frame: pd.DataFrame) -> list[dict]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def looks_personal(table: TextTable, canonical=frozenset()) -> list[tuple[str, str, str]]:
    """Find columns that seem to name a person; the canonical ones are not judged by headers."""
    found = []
    for place, (printed, column) in enumerate(zip(table.header, table.columns, strict=True)):
        plain = printed.casefold().translate(str.maketrans({"ø": "o", "æ": "ae"}))
        key = "".join(char for char in unicodedata.normalize("NFKD", plain) if char.isalnum())
        headers = () if place in canonical else _HEADERS.items()
        looks = next((what for what, words in headers if re.fullmatch(words, key)), None)
        if looks:
            found.append((printed, looks, "by its header"))
        elif shape := _shape(column.texts, is_identifier=key == "patientid"):
            found.append((printed, *shape))
    return found


def _shape(texts: list[str], *, is_identifier: bool) -> tuple[str, str] | None:
    """Say as what the cells of a column look, and why."""
    long = max(map(len, texts), default=0) >= _SHORTEST_NUMBER
    for whose, (pattern, valid, alone) in _NATIONAL_NUMBERS.items() if long else ():
        some = texts if alone else texts[:_SAMPLE]
        found = re.findall(rf"(?<![\d.-]){pattern}(?![\d.-])", "\n".join(some), re.ASCII)
        cells = [number for number in found if valid(re.sub(r"\D", "", number))]
        filled = sum(1 for text in some if text.strip()) if cells else 0
        if len(cells) >= (1 if alone else max(3, filled / 2)):
            return "a national number", f"by its cells: {whose}"
    some = [text for text in map(str.strip, texts[:_SAMPLE]) if text]
    if is_identifier and sum(map(_is_name, some)) > len(some) / 2:
        return "a name", "by its cells"
    for shape, what, share in ((_DAY, "dates", 0.5), (_YEAR, "years", 1)):
        years = sorted(int(match[1] or match[2]) for match in map(shape.fullmatch, some) if match)
        if years and len(years) >= share * len(some) and years[len(years) // 2] < _LONG_AGO:
            return "a date of birth", f"by its cells: {what} long ago"
    return None


def _is_name(text: str) -> bool:
    return text.istitle() and _TWO_NAMES.fullmatch(text) is not None


def _ean(number: str) -> bool:
    """Whether the last of 13 digits is the check digit of the others, as in an AHV number."""
    return sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(number)) % 10 == 0


def _mod_11(number: str) -> bool:
    """Whether the last of 10 digits is the check digit of an NHS number."""
    total = sum(int(digit) * (10 - place) for place, digit in enumerate(number))
    return total % 11 == 0 and len(set(number)) > 1


def _mod_11_10(number: str) -> bool:
    """Whether the last of 11 digits is the check digit of a Steuer-ID (ISO 7064)."""
    product = 10
    for digit in number[:-1]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(number[-1]) and number[0] != "0"


# Whose number, its shape, its check, and whether one such cell is enough to say so.
_NATIONAL_NUMBERS = {
    "AHV, Switzerland": (r"756[.]?\d{4}[.]?\d{4}[.]?\d\d", _ean, True),
    "SSN, United States": (r"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}", bool, True),
    "CPR, Denmark": (r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d-?\d{4}", bool, False),
    "NHS, England": (r"\d{3}[ -]?\d{3}[ -]?\d{4}", _mod_11, False),
    "Steuer-ID, Germany": (r"\d\d(?: ?\d{3}){3}", _mod_11_10, False),
}
