"""Taking in a reader's own table: is it sound, how should it look, what are its columns?

Nothing here is guessed about outcomes: a draft of a codebook leaves their meaning blank, and a
blank is refused when the codebook is used.
"""

import csv
import difflib
import re
import textwrap
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from vlms.cohort import examine
from vlms.endpoints import RECURRENCE_COLUMNS
from vlms.reading.cells import CellError, Rules, tidy
from vlms.reading.codebook import (
    CANONICAL,
    CODEBOOK_COLUMNS,
    OUTCOMES,
    REQUIRED,
    Use,
    canonical_use,
)
from vlms.reading.columns import LIKE_AN_OUTCOME
from vlms.reading.problems import CohortError, Findings, printable
from vlms.reading.tables import TextColumn, plain_name, read_table

# Made up; one death of each kind, one recurrence of each kind, and cells left blank.
_EXAMPLE = """\
patient_id,age_years,sex,site,vessel,size_cm,t_stage,n_stage,m_stage,grade,margin,radiotherapy,\
chemotherapy,time_months,status,local_recurrence_months,distant_recurrence_months
A01,61,f,thigh,femoral vein,9 x 6 x 4,T2,N0,M0,3,R1,yes,no,28,dead_of_disease,12,20
A02,54,m,lower leg,great saphenous vein,4.5,T1,N0,M0,2,R0,no,no,64.5,alive,,
A03,77,f,retroperitoneum,inferior vena cava,,,,M0,1,R0,no,no,41,dead_other,,
"""

_SYNONYMS = {
    "age_years": "age alter age_at_diagnosis age_at_diagnosis_years alter_jahre",
    "sex": "gender geschlecht sexe",
    "site": "location localisation localization lokalisation anatomic_site",
    "vessel": "affected_vessel gefass vein",
    "size_cm": "size tumor_size tumour_size tumor_size_cm tumour_size_cm",
    "t_stage": "t pt t_category",
    "n_stage": "n pn n_category",
    "m_stage": "m m_category",
    "grade": "grading fnclcc g grade_fnclcc",
    "margin": "margins resection_margin r r_status resection",
    "radiotherapy": "rt radiation radiatio bestrahlung",
    "chemotherapy": "ctx chemo chemotherapie",
}
_NAME_OF = {synonym: name for name, words in _SYNONYMS.items() for synonym in words.split()}
_MOST_LEVELS = 12
_WIDEST = 90  # characters of a cell in a table on the terminal
_MOST_NAMES = 14  # columns named in one line of the summary

# A header in small letters and digits that announces what must not leave the clinic.
_PERSONAL_HEADERS = {
    "a name": "((patient|patienten|first|last|full|family|given|maiden|middle|birth)?names?"
    "|surname|forename|initials|(vor|nach|familien)name|nom(defamille)?|prenom|nombre|apellidos?"
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
_DAY = re.compile(
    r"(?:(\d{4})[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}))(?:[ T].*)?", re.ASCII
)
_YEAR = re.compile(r"(1[89]\d\d|20\d\d)(?:\.0)?", re.ASCII)
_LONG_AGO = 1975  # patients of today were born before it; what is recorded of them came later
_TWO_NAMES = re.compile(r"[^\W\d_][^\W\d_'-]+,? [^\W\d_][^\W\d_'.-]*( [^\W\d_][^\W\d_'-]+)?")


@dataclass(frozen=True)
class Intake:
    """What a check of a table found.

    Attributes
    ----------
    file : str
    patients : int
        0 if the table cannot be used.
    events : dict
        How many deaths and recurrences of each kind; only what the table records.
    problems, warnings : pandas.DataFrame
        As `CohortError.problems` and `Cohort.issues`.
    ignored : dict of str to str
        Columns that no analysis uses unless it is asked to, and the canonical name that each
        resembles; empty if none.
    absent : list of str
        Optional canonical columns that the table does not have.
    personal : list of tuple of str
        Columns that look as if they named a person: the column, as what it looks, and why.
    missing : dict of str to int
        Patients without a value, by column. A blank recurrence says that none was seen.
    """

    file: str
    patients: int = 0
    events: dict = field(default_factory=dict)
    problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: pd.DataFrame = field(default_factory=pd.DataFrame)
    ignored: dict = field(default_factory=dict)
    absent: list = field(default_factory=list)
    personal: list = field(default_factory=list)
    missing: dict = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether the table can be analysed."""
        return self.problems.empty

    def as_dict(self) -> dict:
        """Return everything in types that JSON knows; missing is None."""
        return {
            "file": self.file,
            "sound": self.sound,
            "patients": self.patients,
            "events": self.events,
            "problems": _records(self.problems),
            "warnings": _records(self.warnings),
            "ignored": [
                {"column": name, "resembles": other or None} for name, other in self.ignored.items()
            ],
            "absent": self.absent,
            "looks_like": [
                dict(zip(("column", "what", "because"), found, strict=True))
                for found in self.personal
            ],
            "missing": self.missing,
        }

    def as_text(self) -> str:
        """Return a summary, or a table of all problems; safe to print to a terminal."""
        file = printable(self.file, 4096)
        if not self.sound:
            count = len(self.problems)
            title = f"{file}: {count} problem{'s' if count > 1 else ''}, so nothing is computed"
            return "\n".join([title, *self._about_columns(), "", _columns(self.problems)])
        lines = [f"{file}: {self.patients} patients"]
        lines += [f"  {name}: {count}" for name, count in self.events.items()]
        lines.append(f"  warnings: {len(self.warnings)}")
        lines += self._about_columns()
        if len(self.warnings):
            lines += ["", _columns(self.warnings)]
        return "\n".join(lines)

    def _about_columns(self) -> list[str]:
        """Say in a few lines what becomes of the columns, and what they hold."""
        resembling = {name: other for name, other in self.ignored.items() if other}
        others = [name for name in self.ignored if name not in resembling]
        missing = [f"{name} {count}" for name, count in self.missing.items() if count]
        lines = [
            _line("not used", [f"{name} (resembles {other})" for name, other in resembling.items()])
            + (
                "; rename it, or map it in a codebook, if that is what it holds"
                if resembling
                else ""
            ),
            _line("not used", others)
            + ("; only if you name it as group or covariate" if others else ""),
            _line("absent", self.absent),
            _line("missing values", missing or (["none"] if self.missing else [])),
        ]
        for what in dict.fromkeys(what for _, what, _ in self.personal):
            found = [f"{name} ({why})" for name, kind, why in self.personal if kind == what]
            lines.append(
                _line(f"looks like {what}", found) + "; remove it before you share the file"
            )
        wrap = {"width": 100, "subsequent_indent": "    ", "break_on_hyphens": False}
        return [row for line in lines if line for row in textwrap.wrap(line, **wrap)]


def check_cohort(path, codebook=None, *, encoding=None) -> Intake:
    """Check a table, without computing anything from it.

    Parameters
    ----------
    path, codebook, encoding
        As `vlms.cohort.read_cohort` takes them.

    Returns
    -------
    Intake
        Never raises for what is in the file.

    Examples
    --------
    >>> check_cohort("https://example.org/patients.csv").problems["problem"].tolist()
    ['an address on a network, which is never fetched']
    """
    findings = Findings(str(path))
    try:
        patients, table, plan = examine(path, codebook, findings, encoding=encoding)
    except CohortError as error:
        return Intake(str(path), problems=error.problems)
    seen = {
        "ignored": _ignored(plan),
        "absent": [name for name in CANONICAL if name not in patients and name not in REQUIRED],
        "personal": _personal(table, plan),
        "missing": _missing(patients, plan, findings),
    }
    try:
        findings.stop_if_any()
    except CohortError as error:
        return Intake(str(path), problems=error.problems, **seen)
    status = patients["status"].value_counts()
    events = {
        "deaths of the disease": int(status.get("dead_of_disease", 0)),
        "other deaths": int(status.get("dead_other", 0)),
    }
    for name, column in RECURRENCE_COLUMNS.items():
        if column in patients:
            events[name.replace("_", " ") + "s"] = int(patients[column].notna().sum())
    return Intake(str(path), len(patients), events, warnings=findings.issues(), **seen)


def _ignored(plan) -> dict:
    """Return the columns without a canonical name, and which absent one each resembles."""
    named = {use.name for _, use in plan}
    absent = [name for name in CANONICAL if name not in named]
    return {
        use.printed: _resembled(plain_name(use.printed), absent)
        for _, use in plan
        if use.name not in CANONICAL
    }


def _resembled(key: str, absent: list[str]) -> str:
    if _NAME_OF.get(key) in absent:
        return _NAME_OF[key]
    whole = {name: name for name in absent}
    bare = {re.sub("_(years|cm|months|stage)$", "", name): name for name in absent}
    known = whole | {word: name for word, name in bare.items() if len(word) > 3}
    found = difflib.get_close_matches(key[:60], known, 1, cutoff=0.8)
    return known[found[0]] if found else ""


def _missing(patients, plan, findings: Findings) -> dict:
    """Count the patients without a value; a cell that is listed as a problem is not one of them."""
    unread = {(column, line) for line, _, column, *_ in findings.errors}
    counts = {}
    for name in patients:
        if name not in OUTCOMES or name in REQUIRED:
            printed = {use.printed for _, use in plan if use.name == name}
            listed = len({line for column, line in unread if column in printed and line})
            counts[name] = max(0, int(patients[name].isna().sum()) - listed)
    return counts


def _personal(table, plan) -> list[tuple[str, str, str]]:
    """Find columns that look as if they named a person, by their header or by their cells."""
    canonical = {place for place, use in plan if use.name in CANONICAL}
    found = []
    for place, (printed, column) in enumerate(zip(table.header, table.columns, strict=True)):
        key = _bare(printed)
        texts = [text for text in map(str.strip, column.texts) if text]
        for what, words in _PERSONAL_HEADERS.items():
            if place not in canonical and re.fullmatch(words, key):
                found.append((printed, what, "by its header"))
                break
        else:
            if shape := _shape(texts, is_identifier=key == "patientid"):
                found.append((printed, *shape))
    return found


def _shape(texts: list[str], *, is_identifier: bool) -> tuple[str, str] | None:
    """Say as what the cells of a column look, and how many of its distinct texts do."""
    text = "\n".join(texts)
    if not any(char.isdigit() for char in text):
        names = sum(1 for cell in texts if cell.istitle() and _TWO_NAMES.fullmatch(cell))
        if is_identifier and names > len(texts) / 2:
            return "a name", "by its cells"
        return None
    for whose, (pattern, valid, alone) in _NATIONAL_NUMBERS.items():
        cells = [match for match in re.findall(pattern, text, re.ASCII) if valid(match)]
        if len(cells) >= (1 if alone else max(3, len(texts) / 2)):
            return "a national number", f"by its cells: {whose}"
    years = [int(match[1] or match[2]) for match in map(_DAY.fullmatch, texts) if match]
    if years and len(years) >= len(texts) / 2 and sorted(years)[len(years) // 2] < _LONG_AGO:
        return "a date of birth", "by its cells: dates long ago"
    years = [int(match[1]) for match in map(_YEAR.fullmatch, texts) if match]
    if len(years) == len(texts) and sorted(years)[len(years) // 2] < _LONG_AGO:
        return "a date of birth", "by its cells: years long ago"
    return None


def _bare(printed: str) -> str:
    """Write a header in small letters and digits, without accents."""
    plain = printed.casefold().translate(str.maketrans({"ø": "o", "æ": "ae", "ß": "ss"}))
    return "".join(char for char in unicodedata.normalize("NFKD", plain) if char.isalnum())


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


def _ean(text: str) -> bool:
    """Whether the last of 13 digits is the check digit of the others, as in an AHV number."""
    digits = _digits(text)
    return sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def _mod_11(text: str) -> bool:
    """Whether the last of 10 digits is the check digit of an NHS number."""
    *digits, last = _digits(text)
    rest = sum(digit * (10 - place) for place, digit in enumerate(digits)) % 11
    return (11 - rest) % 11 == last and len({*digits, last}) > 1


def _mod_11_10(text: str) -> bool:
    """Whether the last of 11 digits is the check digit of a German Steuer-ID (ISO 7064)."""
    *digits, last = _digits(text)
    product = 10
    for digit in digits:
        product = 2 * ((digit + product) % 10 or 10) % 11
    return (11 - product) % 10 == last and digits[0] > 0


def _mod_97(text: str) -> bool:
    """Whether the last two of 15 digits are the key of a French social security number."""
    number = "".join(map(str, _digits(text)))
    return int(number[:13]) % 97 == 97 - int(number[13:])


def _letter_23(text: str) -> bool:
    """Whether the letter of a Spanish DNI fits its eight digits."""
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:8]) % 23] == text[-1]


# Whose number, its shape, its check, and whether one cell of it is enough to say so.
_NATIONAL_NUMBERS: dict[str, tuple[str, Callable, bool]] = {
    "AHV, Switzerland": (r"(?<![\d.])756\.?\d{4}\.?\d{4}\.?\d\d(?![\d.])", _ean, True),
    "SSN, United States": (
        r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])",
        bool,
        True,
    ),
    "codice fiscale, Italy": (
        r"\b[A-Z]{6}\d\d[A-EHLMPRST](?:[0-6]\d|7[01])[A-Z]\d{3}[A-Z]\b",
        bool,
        True,
    ),
    "NIR, France": (
        r"(?<!\d)[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d\d ?\d{3} ?\d{3} ?\d\d(?!\d)",
        _mod_97,
        True,
    ),
    "DNI, Spain": (r"\b\d{8}-?[A-Z]\b", _letter_23, False),
    "CPR, Denmark": (
        r"(?<![\d-])(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d-?\d{4}(?![\d-])",
        bool,
        False,
    ),
    "personnummer, Sweden": (
        r"(?<![\d-])(?:19|20)?\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[-+]?\d{4}(?![\d-])",
        bool,
        False,
    ),
    "NHS, England": (r"(?<![\d-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\d-])", _mod_11, False),
    "Steuer-ID, Germany": (r"(?<![\d-])\d{2} ?\d{3} ?\d{3} ?\d{3}(?![\d-])", _mod_11_10, False),
}


def write_template(path) -> tuple[Path, Path]:
    """Write an empty table with the canonical header, and beside it a filled example.

    Parameters
    ----------
    path : str or pathlib.Path
        Where the empty table goes; the example gets "-example" in its name.

    Returns
    -------
    tuple of pathlib.Path
        The empty table and the example.

    Raises
    ------
    FileExistsError
        If either file exists; then nothing is written.
    FileNotFoundError
        If there is no such folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     empty, example = write_template(Path(folder) / "mine.csv")
    ...     example.name, check_cohort(example).patients
    ('mine-example.csv', 3)
    """
    empty = Path(path)
    if not empty.name or not empty.parent.is_dir():
        raise FileNotFoundError(f"no file can be written at “{path}”; name one in an open folder")
    example = empty.with_name(f"{empty.stem}-example{empty.suffix}")
    for target in (empty, example):
        if target.exists() or target.is_symlink():
            raise FileExistsError(f"{target} exists already; name another file, or remove it")
    empty.write_text(_EXAMPLE.splitlines()[0] + "\n", encoding="utf-8")
    example.write_text(_EXAMPLE, encoding="utf-8")
    return empty, example


def draft_codebook(path, *, encoding=None) -> pd.DataFrame:
    """Draft a codebook for a table, to be corrected by whoever knows the table.

    A column under a canonical header, or a well-known name for one, is mapped to it. A column
    that may be an outcome, and every code whose meaning is not plain, is left to be filled in.

    Parameters
    ----------
    path : str or pathlib.Path
    encoding : str, optional
        As for `vlms.cohort.read_cohort`.

    Returns
    -------
    pandas.DataFrame
        The columns of a codebook; a row for each column of the table.

    Raises
    ------
    CohortError
        If the table cannot be split into columns.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> draft = draft_codebook(DATA / "tilkorn2010" / "patients.csv").set_index("printed")
    >>> draft.loc[["age", "localisation"], "name"].tolist()
    ['age_years', 'site']
    """
    findings = Findings(str(path))
    table = read_table(path, findings, wanted=[*CANONICAL, *_NAME_OF], encoding=encoding)
    findings.stop_if_any()
    pairs = zip(table.header, table.columns, strict=True)
    rows = [_draft(printed, column) for printed, column in pairs]
    return pd.DataFrame(rows, columns=list(CODEBOOK_COLUMNS)).fillna("")


def _draft(printed: str, column: TextColumn) -> dict:
    key = plain_name(printed)
    texts = [text for text in map(str.strip, column.texts) if text]
    # Bare of what a spreadsheet would take for a formula; it is recognised all the same.
    shown = "".join(char if char.isprintable() else " " for char in printed)
    row = {"printed": shown.lstrip("=+-@ ").rstrip()}
    name = key if key in CANONICAL else _NAME_OF.get(key, "")
    if not name and LIKE_AN_OUTCOME.search(key):
        note = "an outcome? Then give it a canonical name; else one of your own"
        return row | {"levels": _levels(texts), "description": note}
    if not name:
        number = Use(printed, key, "parse_number", Rules())
        parser = "parse_number" if texts and all(_reads(number, text) for text in texts) else ""
        return row | {"name": key, "parser": parser, "label": row["printed"]}
    use = canonical_use(name, printed)
    unread = [text for text in texts if not _reads(use, text)]
    row |= {"name": name, "parser": use.parser, "label": use.label}
    row |= {"description": use.description, "levels": _levels(unread)}
    if use.parser in {"parse_months", "parse_age", "parse_size"} and name not in OUTCOMES:
        row["unit"] = "years" if use.parser == "parse_age" else "cm"
    return row


def _reads(use, text: str) -> bool:
    try:
        use.clean(text)
    except CellError:
        return False
    return True


def _levels(texts: list[str]) -> str:
    """List codes for which a meaning is to be filled in, unless they are many or measurements."""
    known = {shown for text in texts if (shown := tidy(text)) and shown.isprintable()}
    if len(known) > _MOST_LEVELS or any(re.search(r"[;=]|^[+@-]", text) for text in known):
        return ""
    return "; ".join(f"{text}=" for text in sorted(known) if len(text) < 60)


def write_codebook(draft: pd.DataFrame, stream) -> None:
    """Write a codebook as CSV to an open text stream.

    Parameters
    ----------
    draft : pandas.DataFrame
        As `draft_codebook` returns it.
    stream : file-like
        Open for text.

    Returns
    -------
    None

    Examples
    --------
    >>> import sys
    >>> write_codebook(pd.DataFrame({"printed": ["age"], "name": ["age_years"]}), sys.stdout)
    printed,name
    age,age_years
    """
    draft.to_csv(stream, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")


def _line(title: str, names: list[str]) -> str:
    """Set names in a line of the summary; of many, the first."""
    more = (
        f" and {len(names) - _MOST_NAMES} more (--json lists all)"
        if len(names) > _MOST_NAMES
        else ""
    )
    shown = ", ".join(printable(name, _WIDEST) for name in names[:_MOST_NAMES])
    return f"  {title}: {shown}{more}" if names else ""


def _records(frame: pd.DataFrame) -> list[dict]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _fit(cell, name: str) -> str:
    """Shorten a cell, but never what to do, nor the end of a path, where the file's name is."""
    if name == "file" and len(cell) > _WIDEST:
        cell = "…" + cell[1 - _WIDEST :]
    return printable(cell, 1000 if name == "write instead" else _WIDEST)


def _columns(frame: pd.DataFrame) -> str:
    """Set a frame in columns, each as wide as its widest cell."""
    shown = frame.astype(object).where(frame.notna(), "")
    names = [{"patient_id": "patient", "remedy": "write instead"}.get(n, n) for n in frame.columns]
    rows = [names] + [
        [_fit(cell, name) for cell, name in zip(row, names, strict=True)]
        for row in shown.to_numpy()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
