"""A codebook: how the columns of a table map to the canonical ones.

A codebook is a CSV with one row for each use of a printed column. Several printed columns may
feed one canonical column (they must then agree), and one printed column several canonical ones
("T2 N0 M0 G2" holds four). Nothing is guessed about outcomes: a draft leaves their meaning blank,
and a blank is refused when the codebook is used. Its columns:

printed      the column's name in the table
name         the canonical name, or a further name of one's own
parser       one of `cells.PARSERS`; blank: the canonical column's own
unit         of bare numbers: months, days, weeks, years; cm, mm
levels       what codes mean, "1=alive; 2=dead_of_disease"
missing      further texts that mean missing, "-; tumor progression"
label, description   for readers
"""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vlms.cohort.cells import CM_PER_UNIT, MONTHS_PER_UNIT, PARSERS, CellError, Column, tidy
from vlms.cohort.columns import CANONICAL, LIKE_AN_OUTCOME, OUTCOMES, SYNONYMS
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextColumn, plain_name, read_table

CODEBOOK_COLUMNS = (
    "printed",
    "name",
    "parser",
    "unit",
    "levels",
    "missing",
    "label",
    "description",
)

_UNITS = {
    "parse_months": set(MONTHS_PER_UNIT),
    "parse_age": set(MONTHS_PER_UNIT),
    "parse_size": set(CM_PER_UNIT),
    "parse_dose": {"gy"},
}
_MOST_LEVELS = 12
# Made up; one death of each kind, one recurrence of each kind, and cells left blank.
_EXAMPLE = """\
patient_id,age_years,sex,site,vessel,size_cm,t_stage,n_stage,m_stage,grade,margin,radiotherapy,\
chemotherapy,time_months,status,local_recurrence_months,distant_recurrence_months
A01,61,f,thigh,femoral vein,9 x 6 x 4,T2,N0,M0,3,R1,yes,no,28,dead_of_disease,12,20
A02,54,m,lower leg,great saphenous vein,4.5,T1,N0,M0,2,R0,no,no,64.5,alive,,
A03,77,f,retroperitoneum,inferior vena cava,,,,M0,1,R0,no,no,41,dead_other,,
"""


def read_codebook(path) -> list[Column]:
    """Read a codebook, and refuse it with every problem in it.

    Parameters
    ----------
    path : str or pathlib.Path
        A CSV with the columns `CODEBOOK_COLUMNS`; only printed and name are required.

    Returns
    -------
    list of Column
        In the order of the codebook.

    Raises
    ------
    CohortError
        If the file cannot be read, or a row names no parser, unit or level that exists.
    """
    problems = Problems(str(path))
    table = read_table(path, problems, wanted=CODEBOOK_COLUMNS)
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    for name in ("printed", "name"):
        if name not in places:
            problems.error(f"the codebook has no column {name}", "`vlms codebook` drafts one")
    for name in set(places) - set(CODEBOOK_COLUMNS):
        problems.error("an unknown column of a codebook", "remove it", line=1, column=name)
    problems.stop_if_any()
    uses = []
    for row, line in enumerate(table.lines):
        cells = {
            name: table.columns[places[name]].at(row).strip() if name in places else ""
            for name in CODEBOOK_COLUMNS
        }
        uses += _read_use(cells, int(line), problems)
    pairs = [(plain_name(use.printed), use.name) for use in uses]
    for printed, name in {pair for pair in pairs if pairs.count(pair) > 1}:
        problems.error(f"{printed} is mapped to {name} twice", "remove one", column=name)
    problems.stop_if_any()
    return uses


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
    problems = Problems(str(path))
    table = read_table(path, problems, wanted=[*CANONICAL, *SYNONYMS], encoding=encoding)
    problems.stop_if_any()
    pairs = zip(table.header, table.columns, strict=True)
    rows = [_draft(printed, column) for printed, column in pairs]
    return pd.DataFrame(rows, columns=list(CODEBOOK_COLUMNS)).fillna("")


def write_codebook(draft: pd.DataFrame, stream) -> None:
    """Write a codebook as CSV to an open text stream."""
    draft.to_csv(stream, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")


def _read_use(cells: dict, line: int, problems: Problems) -> list[Column]:
    """Read one row of a codebook; of a wrong one note all that is wrong."""
    before = len(problems.errors)

    def refuse(column, problem, remedy):
        problems.error(problem, remedy, line=line, column=column, raw=cells[column])

    name = cells["name"]
    column = CANONICAL.get(name)
    parser = cells["parser"] or (column.parser if column else "parse_text")
    if not cells["printed"]:
        refuse("printed", "no column of the table", "write the column's name as printed")
    if not name:
        refuse("name", "not said what it is", "write a name, or remove the row to keep it as text")
    elif name != plain_name(name):
        refuse("name", "not a name", f"use small letters and underscores: {plain_name(name)}")
    if parser not in PARSERS:
        refuse("parser", "an unknown parser", f"use one of {', '.join(PARSERS)}")
    elif column and parser != column.parser:
        refuse("parser", f"not how {name} is read", f"use {column.parser}, or another name")
    unit, units = cells["unit"].casefold(), _UNITS.get(parser, set())
    if unit and units and unit not in units:
        refuse("unit", "an unknown unit", f"use one of {', '.join(sorted(units))}")
    elif unit and not units and parser != "parse_number":
        refuse("unit", f"{parser} has no unit", "leave it blank")
    levels = {}
    for pair in filter(None, map(str.strip, cells["levels"].split(";"))):
        raw, equals, meaning = (part.strip() for part in pair.partition("="))
        key = tidy(raw).casefold()
        if not equals or not meaning or not raw:
            refuse("levels", f"“{pair}” says not what it means", "write code=meaning; code=meaning")
        elif levels.setdefault(key, meaning) != meaning:
            refuse("levels", f"“{raw}” has two meanings", "give it one")
    texts = filter(str.strip, cells["missing"].split(";"))
    missing = frozenset(tidy(text).casefold() for text in texts)
    if missing & set(levels):
        refuse("missing", "a text is both missing and a level", "remove it from one")
    if len(problems.errors) > before:
        return []
    use = replace(
        column or Column(name, label=name),
        printed=cells["printed"],
        parser=parser,
        unit=unit if units else "",
        levels=levels,
        missing=missing,
    )
    said = {key: cells[key] for key in ("label", "description") if cells[key]}
    use = replace(use, **said)
    for meaning in levels.values():
        _check_level(use, meaning, line, problems)
    return [use]


def _check_level(use: Column, meaning: str, line: int, problems: Problems):
    """Refuse a level that the column's parser cannot read, or of an outcome not without doubt."""
    where = {"line": line, "column": "levels", "raw": meaning}
    try:
        note = PARSERS[use.parser](meaning, use).note
    except CellError as error:
        problems.error(str(error), "name a level that exists", **where)
    else:
        if note and use.name in OUTCOMES:
            problem = f"a level that is not canonical ({note})"
            problems.error(problem, "write the canonical word", **where)


def _draft(printed: str, column: TextColumn) -> dict:
    """Draft the row of one column."""
    key = plain_name(printed)
    texts = [text for text in map(str.strip, column.texts) if text]
    # Bare of what a spreadsheet would take for a formula; it is recognised all the same.
    shown = "".join(char if char.isprintable() else " " for char in printed)
    row = {"printed": shown.lstrip("=+-@ ").rstrip()}
    name = key if key in CANONICAL else SYNONYMS.get(key, "")
    if not name and LIKE_AN_OUTCOME.search(key):
        note = "an outcome? Then give it a canonical name; else one of your own"
        return row | {"levels": _levels(texts), "description": note}
    if not name:
        number = Column(key, "parse_number")
        parser = "parse_number" if texts and all(map(number.reads, texts)) else ""
        return row | {"name": key, "parser": parser, "label": row["printed"]}
    use = CANONICAL[name]
    row |= {"name": name, "parser": use.parser, "label": use.label}
    row |= {"description": use.description}
    row |= {"levels": _levels([text for text in texts if not use.reads(text)])}
    return row | {"unit": {"parse_age": "years", "parse_size": "cm"}.get(use.parser, "")}


def _levels(texts: list[str]) -> str:
    """List codes for which a meaning is to be filled in, unless they are many or measurements."""
    known = {shown for text in texts if (shown := tidy(text)) and shown.isprintable()}
    if len(known) > _MOST_LEVELS or any(re.search(r"[;=]|^[+@-]", text) for text in known):
        return ""
    return "; ".join(f"{text}=" for text in sorted(known) if len(text) < 60)
