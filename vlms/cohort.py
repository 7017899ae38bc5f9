"""A cohort of patients, read from a table as text and typed in one place.

`read_cohort` reads a table under canonical headers, or any table with a codebook; `read_paper`
reads a paper's own, as it is printed. **All** problems are collected before anything stops. What
comes back is either sure or listed in ``.issues``; an outcome is never guessed.
"""

import difflib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.cells import Cell, CellError, Rules, hazards, tidy
from vlms.cleaning import read_tnm
from vlms.codebook import (
    CANONICAL,
    OUTCOMES,
    REQUIRED,
    Use,
    canonical_use,
    read_codebook,
    tnm_uses,
)
from vlms.coherence import incoherences
from vlms.problems import CohortError, Findings
from vlms.table_reading import TextColumn, TextTable, plain_name, read_table, uncollected

DATA = Path(__file__).resolve().parents[1] / "data"

__all__ = ["DATA", "Cohort", "CohortError", "read_cohort", "read_paper"]

_STAGES_BY_LETTER = {"t": "t_stage", "n": "n_stage", "m": "m_stage", "g": "grade"}
_STAGES = frozenset(_STAGES_BY_LETTER.values())
_DECIMAL_COMMA = re.compile(r"[0-9]*,[0-9]+")
LIKE_AN_OUTCOME = re.compile(
    "status|vital|dead|death|died|alive|surviv|follow|recur|relaps|metasta|progress|time|month|days"
    "|monat|tage|rezidiv|verstorb|(^|_)tod|lebt|nachsorge|mois|jours|deces|recidiv"
)


@dataclass(frozen=True)
class Cohort:
    """Patients, what was decided while reading them, and what their columns mean.

    Attributes
    ----------
    patients : pandas.DataFrame
        One row a patient, canonical columns first; times in months, missing is NA.
    issues : pandas.DataFrame
        line, patient_id, column, raw, problem, action: every cell that was read with a doubt.
    columns : pandas.DataFrame
        name, label, description, of each column of `patients`.
    source : str
        The file.
    uses : tuple of Use
        How each column was read.
    """

    patients: pd.DataFrame
    issues: pd.DataFrame
    columns: pd.DataFrame
    source: str
    uses: tuple[Use, ...]

    def __repr__(self):
        return f"<{len(self.patients)} patients of {self.source}, {len(self.issues)} issues>"


def read_cohort(path, codebook=None, *, encoding=None) -> Cohort:
    """Read a cohort from a CSV file.

    Parameters
    ----------
    path : str or pathlib.Path
        A text file with a header, separated by commas, semicolons, tabs or bars.
    codebook : str or pathlib.Path, optional
        Maps foreign columns, codes and units; see `vlms.codebook`. Columns that it does not
        name are read under their canonical names, or kept as further columns.
    encoding : str, optional
        "latin-1" or "cp1252" where the file is neither UTF-8 nor UTF-16.

    Returns
    -------
    Cohort

    Raises
    ------
    CohortError
        With every problem in ``.problems``; then nothing has been computed.

    Examples
    --------
    >>> from vlms.cohort import DATA, read_cohort
    >>> cohort = read_cohort(DATA / "example_cohort" / "patients.csv")
    >>> len(cohort.patients)
    150
    >>> sorted(cohort.patients["status"].unique())
    ['alive', 'dead_of_disease', 'dead_other']
    """
    findings = Findings(str(path))
    book = read_codebook(codebook) if codebook is not None else []
    wanted = {*CANONICAL, "tnm", *(plain_name(use.printed) for use in book)}
    table = read_table(path, findings, wanted=wanted, encoding=encoding)
    plan = _plan(table, book, findings)
    if not len(table.lines):
        findings.error("the file holds no patients", "write one row a patient below the header")
    with uncollected():
        patients = _type(table, plan, findings)
    _compare_stages(patients, table, plan, findings)
    _relate(patients, table, plan, findings)
    findings.stop_if_any()
    uses = tuple(use for _, use in plan)
    return Cohort(patients, findings.issues(), _label(uses), str(path), uses)


def read_paper(stem: str, *, data=DATA) -> Cohort:
    """Read the patients of a paper as it prints them, by way of its codebook.

    Parameters
    ----------
    stem : str
        The paper's folder under `data`, such as "tilkorn2010".
    data : pathlib.Path
        The folder that holds all papers.

    Returns
    -------
    Cohort

    Raises
    ------
    CohortError
        As `read_cohort`; a stem is never a path.
    """
    folder = paper_folder(stem, data=data)
    return read_cohort(folder / "patients.csv", folder / "codebook.csv")


def paper_folder(stem: str, *, data=DATA) -> Path:
    """Return the folder of a paper's data, for a stem that is only a name."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", str(stem)):
        findings = Findings(str(stem))
        findings.error("not the name of a paper", 'give a name such as "tilkorn2010"')
        findings.stop_if_any()
    return Path(data) / stem


def _plan(table: TextTable, book: list[Use], findings: Findings) -> list[tuple[int, Use]]:
    """Decide what each printed column is; the place in the table and its use, in order."""
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    plan, mapped = [], set()
    for use in book:
        key = plain_name(use.printed)
        mapped.add(key)
        if key in places:
            plan.append((places[key], use))
        else:
            findings.error(
                f"the codebook names a column “{use.printed}” that the table does not have",
                f"the table has {', '.join(table.header)}",
                line=findings.header_line,
                column=use.name,
            )
    claimed = {use.name for use in book}
    for key, place in places.items():
        if key not in mapped and (key in CANONICAL or key in claimed):
            if key in claimed:
                findings.error(
                    f"both this column and, by the codebook, another is {key}",
                    "name this column in the codebook, or in the table differently",
                    line=findings.header_line,
                    column=key,
                )
            plan.append((place, canonical_use(key, table.header[place])))
            mapped.add(key)
    named = {use.name for _, use in plan}
    if "tnm" in places and "tnm" not in mapped:
        plan += [(places["tnm"], use) for use in tnm_uses(table.header[places["tnm"]])]
    _require(named, table.header, findings)
    marks = _decimal_marks(table)
    for key, place in places.items():
        if key not in mapped:
            _warn_of_likeness(key, named, findings)
            if danger := hazards(table.header[place]):
                findings.warn(danger, "kept", line=findings.header_line, column=table.header[place])
            further = _further(table.columns[place], table.header[place], marks, findings)
            plan.append((place, further))
    plan = [(place, replace(use, rules=replace(use.rules, **marks))) for place, use in plan]
    rank = {name: place for place, name in enumerate(CANONICAL)}
    return sorted(plan, key=lambda item: rank.get(item[1].name, len(rank)))


def _require(named: set, header: list[str], findings: Findings):
    for name in REQUIRED:
        if name not in named:
            findings.error(
                f"no column {name} ({CANONICAL[name].description})",
                f"the table has {', '.join(header)}; rename one, or map it in a codebook",
                line=findings.header_line,
                column=name,
            )


def _warn_of_likeness(key: str, named: set, findings: Findings):
    """Refuse what is nearly a recurrence column, for its events would be lost; warn of others."""
    likeness = {name: _likeness(key[:60], name) for name in CANONICAL if name not in named}
    name = max(likeness, key=likeness.get, default=None)
    if name in OUTCOMES and name not in REQUIRED and likeness[name] >= 0.8:
        findings.error(
            f"not quite {name}",
            f"rename it to {name}, or name it in a codebook as what it is",
            line=findings.header_line,
            column=key,
        )
    elif name and likeness[name] >= 0.85:
        findings.warn(
            f"not quite {name}", "kept as a further column", line=findings.header_line, column=key
        )
    elif LIKE_AN_OUTCOME.search(key):
        findings.warn(
            "may be an outcome", "kept as a further column", line=findings.header_line, column=key
        )


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _further(column: TextColumn, printed: str, marks: dict, findings: Findings) -> Use:
    """Take a column without a canonical name as numbers if all its cells are, else as text."""
    as_text = Use(printed, printed, "parse_text", Rules())
    as_number = Use(printed, printed, "parse_number", Rules(**marks))
    cells = [text for text in column.texts if tidy(text).strip("-")]
    if any(re.match(r"0[0-9]", text.strip()) for text in cells):  # "007" is a code
        return as_text
    numbers = words = 0
    for text in cells:
        try:
            numbers += 1 if as_number.clean(text).value is not None else 0
        except CellError:
            words += 1
    if numbers and not words:
        return as_number
    if numbers > max(2, len(cells) / 2):
        findings.warn(
            "most cells are numbers, but not all",
            "kept as text",
            line=findings.header_line,
            column=printed,
        )
    return as_text


def _decimal_marks(table: TextTable) -> dict:
    """Find out what a comma and a point in a number can mean in this file."""
    free = table.separator != ","
    texts = (text for column in table.columns for text in column.texts if "," in text)
    seen = free and any(_DECIMAL_COMMA.fullmatch(text.strip()) for text in texts)
    return {"comma_is_decimal": free, "comma_seen": seen}


def _type(table: TextTable, plan: list, findings: Findings) -> pd.DataFrame:
    """Read every cell, each distinct text once, and put the columns together."""
    typed: dict[str, pd.Series] = {}
    for place, use in plan:
        column = table.columns[place]
        values, wrong = _read_column(column, use)
        series = pd.Series(pd.array(values, dtype=use.kind).take(column.codes))
        if use.name == "patient_id":
            findings.name_patients(table.lines, series)
        _report(wrong, column, use, table, findings)
        if use.name in typed:
            series = _reconcile(typed[use.name], series, column, use, table, findings)
        typed[use.name] = series
    return pd.DataFrame(typed)


def _read_column(column: TextColumn, use: Use):
    """Read the distinct texts; the values, and for some texts what is to be said of them."""
    values, said = [], {}
    for code, text in enumerate(column.texts):
        try:
            cell = use.clean(text)
        except CellError as error:
            cell, said[code] = Cell(None), ("error", error.problem, error.remedy)
        else:
            if cell.note:
                action = "read as missing" if cell.value is None else f"read as {cell.value}"
                said[code] = ("warning", cell.note, action)
        values.append(np.nan if cell.value is None and use.kind == "float64" else cell.value)
    return values, said


def _report(said: dict, column: TextColumn, use: Use, table: TextTable, findings: Findings):
    spoken = np.zeros(len(column.texts), dtype=bool)
    spoken[list(said)] = True
    for row in np.flatnonzero(spoken[column.codes]):
        code = column.codes[row]
        severity, problem, action = said[code]
        note = findings.error if severity == "error" else findings.warn
        note(problem, action, line=table.lines[row], column=use.printed, raw=column.texts[code])


def _reconcile(before, series, column, use, table, findings) -> pd.Series:
    """Join two printed columns that say the same thing; where they disagree, neither is right."""
    differs = (before.notna() & series.notna() & (before != series)).fillna(False).to_numpy(bool)
    for row in np.flatnonzero(differs):
        findings.error(
            f"another column gives {before[row]} for {use.name}, this one {series[row]}",
            "correct one of them",
            line=table.lines[row],
            column=use.printed,
            raw=column.at(row),
        )
    return before.where(before.notna(), series)


def _compare_stages(patients: pd.DataFrame, table: TextTable, plan: list, findings: Findings):
    """Hold a whole TNM in a column of one stage against the columns of the others."""
    places = [place for place, _ in plan]
    for place, use in plan:
        if use.name not in _STAGES or places.count(place) > 1:
            continue
        column = table.columns[place]
        parts = [_several_stages(text) for text in column.texts]
        several = np.array([len(stages) > 1 for stages in parts], dtype=bool)
        for row in np.flatnonzero(several[column.codes]):
            text = column.at(row)
            where = {"line": table.lines[row], "column": use.printed, "raw": text}
            for name, stage in parts[column.codes[row]].items():
                if name not in patients:
                    findings.warn(f"says {stage} too", f"not used: no column {name}", **where)
                elif pd.notna(found := patients[name].iloc[row]) and str(found) != stage:
                    remedy = "correct one of them"
                    findings.error(f"says {stage}, but {name} is {found}", remedy, **where)


def _several_stages(text: str) -> dict:
    try:
        parts = {_STAGES_BY_LETTER[k]: v for k, v in read_tnm(text).items() if v and v != "x"}
    except CellError:
        return {}
    return {n: v if n == "grade" else n[0].upper() + v for n, v in parts.items()}


def _relate(patients: pd.DataFrame, table: TextTable, plan: list, findings: Findings):
    """Note what does not fit together between the cells of a row, or between rows."""
    places = {use.name: (place, use) for place, use in reversed(plan)}
    for severity, row, name, problem, action in incoherences(patients):
        place, use = places[name]
        note = findings.error if severity == "error" else findings.warn
        if row is None:
            note(problem, action, line=findings.header_line, column=use.printed)
        else:
            raw = table.columns[place].at(row)
            note(problem, action, line=table.lines[row], column=use.printed, raw=raw)


def _label(uses) -> pd.DataFrame:
    rows = {use.name: (use.name, use.label or use.name, use.description) for use in reversed(uses)}
    names = dict.fromkeys(use.name for use in uses)
    return pd.DataFrame([rows[name] for name in names], columns=["name", "label", "description"])
