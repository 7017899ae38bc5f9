"""A cohort of patients, read from a table as text and typed in one place.

`read_cohort` reads a table under canonical headers, or any table with a codebook; `read_paper`
reads a paper's own, as it is printed. **All** problems are collected before anything stops. What
comes back is either sure or listed in ``.issues``; an outcome is never guessed.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.reading.cells import Cell, CellError
from vlms.reading.codebook import CANONICAL, Use, read_codebook
from vlms.reading.coherence import incoherences
from vlms.reading.columns import plan_columns
from vlms.reading.problems import CohortError, Findings
from vlms.reading.stages import read_tnm
from vlms.reading.tables import TextColumn, TextTable, plain_name, read_table, uncollected

DATA = Path(__file__).resolve().parents[1] / "data"

__all__ = ["DATA", "Cohort", "CohortError", "read_cohort", "read_paper"]

_STAGES_BY_LETTER = {"t": "t_stage", "n": "n_stage", "m": "m_stage", "g": "grade"}
_STAGES = frozenset(_STAGES_BY_LETTER.values())


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
        Maps foreign columns, codes and units; see `vlms.reading.codebook`. Columns that it does not
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
    patients, _, plan = examine(path, codebook, findings, encoding=encoding)
    findings.stop_if_any()
    uses = tuple(use for _, use in plan)
    return Cohort(patients, findings.issues(), _label(uses), str(path), uses)


def examine(path, codebook, findings: Findings, *, encoding=None):
    """Read a table as far as it can be read, errors and all.

    Returns
    -------
    patients : pandas.DataFrame
        As in `Cohort`; a cell that could not be read is NA.
    table : TextTable
    plan : list of tuple of int and Use
        The place in the table of each use of a column.

    Raises
    ------
    CohortError
        If the file cannot be split into rows and columns, or the codebook cannot be used.
    """
    book = read_codebook(codebook) if codebook is not None else []
    wanted = {*CANONICAL, "tnm", *(plain_name(use.printed) for use in book)}
    table = read_table(path, findings, wanted=wanted, encoding=encoding)
    plan = plan_columns(table, book, findings)
    if not len(table.lines):
        findings.error("the file holds no patients", "write one row a patient below the header")
    with uncollected():
        patients = _type(table, plan, findings)
    _compare_stages(patients, table, plan, findings)
    _relate(patients, table, plan, findings)
    return patients, table, plan


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

    Examples
    --------
    >>> len(read_paper("tilkorn2010").patients)
    12
    """
    folder = paper_folder(stem, data=data)
    return read_cohort(folder / "patients.csv", folder / "codebook.csv")


def paper_folder(stem: str, *, data=DATA) -> Path:
    """Return the folder of a paper's data, for a stem that is only a name."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", str(stem)):
        findings = Findings(str(stem))
        findings.error("not the name of a paper", 'give a name such as "tilkorn2010"')
        findings.stop_if_any()
    return Path(data) / str(stem)


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
    if use.rules.outcome:
        for row in np.flatnonzero((before.notna() != series.notna()).to_numpy(bool)):
            found = before[row] if pd.notna(before[row]) else series[row]
            findings.warn(
                f"only one of two columns gives a {use.name}",
                f"read as {found}",
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
