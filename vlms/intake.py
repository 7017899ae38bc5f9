"""Taking in a reader's own table: is it sound, how should it look, what are its columns?

Nothing here is guessed about outcomes: a draft of a codebook leaves their meaning blank, and a
blank is refused when the codebook is used.
"""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from vlms.cohort import read_cohort
from vlms.endpoints import RECURRENCE_COLUMNS
from vlms.reading.cells import CellError, Rules, tidy
from vlms.reading.codebook import CANONICAL, CODEBOOK_COLUMNS, OUTCOMES, Use, canonical_use
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
    """

    file: str
    patients: int = 0
    events: dict = field(default_factory=dict)
    problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: pd.DataFrame = field(default_factory=pd.DataFrame)

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
        }

    def as_text(self) -> str:
        """Return a summary, or a table of all problems; safe to print to a terminal."""
        file = printable(self.file, 4096)
        if not self.sound:
            count = len(self.problems)
            title = f"{file}: {count} problem{'s' if count > 1 else ''}, so nothing is computed"
            return "\n".join([title, "", _columns(self.problems)])
        lines = [f"{file}: {self.patients} patients"]
        lines += [f"  {name}: {count}" for name, count in self.events.items()]
        lines.append(f"  warnings: {len(self.warnings)}")
        if len(self.warnings):
            lines += ["", _columns(self.warnings)]
        return "\n".join(lines)


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
    try:
        cohort = read_cohort(path, codebook, encoding=encoding)
    except CohortError as error:
        return Intake(str(path), problems=error.problems)
    patients = cohort.patients
    status = patients["status"].value_counts()
    events = {
        "deaths of the disease": int(status.get("dead_of_disease", 0)),
        "other deaths": int(status.get("dead_other", 0)),
    }
    for name, column in RECURRENCE_COLUMNS.items():
        if column in patients:
            events[name.replace("_", " ") + "s"] = int(patients[column].notna().sum())
    return Intake(str(path), len(patients), events, warnings=cohort.issues)


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
