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

from vlms.cohort.cells import CellError, Column, read_cells, read_tnm
from vlms.cohort.codebook import read_codebook
from vlms.cohort.coherence import incoherences
from vlms.cohort.columns import CANONICAL, plan_columns
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextColumn, TextTable, plain_name, read_table, uncollected

DATA = Path(__file__).resolve().parents[2] / "data"

_STAGES = {"t": "t_stage", "n": "n_stage", "m": "m_stage", "g": "grade"}


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
    uses : tuple of Column
        How each column was read.
    """

    patients: pd.DataFrame
    issues: pd.DataFrame
    columns: pd.DataFrame
    source: str
    uses: tuple[Column, ...]

    def __repr__(self):
        return f"<{len(self.patients)} patients of {self.source}, {len(self.issues)} issues>"


def read_cohort(path, codebook=None, *, encoding=None) -> Cohort:
    """Read a cohort from a CSV file.

    Parameters
    ----------
    path : str or pathlib.Path
        A text file with a header, separated by commas, semicolons, tabs or bars.
    codebook : str or pathlib.Path, optional
        Maps foreign columns, codes and units; see `vlms.cohort.codebook`. Columns that it does not
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
    problems = Problems(str(path))
    patients, _, plan = examine(path, codebook, problems, encoding=encoding)
    problems.stop_if_any()
    uses = tuple(use for _, use in plan)
    return Cohort(patients, problems.issues(), _label(uses), str(path), uses)


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
        Problems(str(stem)).stop("not the name of a paper", 'give a name such as "tilkorn2010"')
    return Path(data) / str(stem)


def examine(path, codebook, problems: Problems, *, encoding=None):
    """Read a table as far as it can be read, errors and all.

    Returns
    -------
    patients : pandas.DataFrame
        As in `Cohort`; a cell that could not be read is NA.
    table : TextTable
    plan : list of tuple of int and Column
        The place in the table of each use of a column.

    Raises
    ------
    CohortError
        If the file cannot be split into rows and columns, or the codebook cannot be used.
    """
    book = read_codebook(codebook) if codebook is not None else []
    wanted = {*CANONICAL, "tnm", *(plain_name(use.printed) for use in book)}
    table = read_table(path, problems, wanted=wanted, encoding=encoding)
    plan = plan_columns(table, book, problems)
    if not len(table.lines):
        problems.error("the file holds no patients", "write one row a patient below the header")
    with uncollected():
        patients = _type(table, plan, problems)
    _compare_stages(patients, table, plan, problems)
    _relate(patients, table, plan, problems)
    return patients, table, plan


def _type(table: TextTable, plan: list, problems: Problems) -> pd.DataFrame:
    """Read every cell, each distinct text once, and put the columns together."""
    typed: dict[str, pd.Series] = {}
    for place, use in plan:
        column = table.columns[place]
        values, said = read_cells(column.texts, use)
        if use.kind == "float64":
            values = [np.nan if value is None else value for value in values]
        series = pd.Series(pd.array(values, dtype=use.kind).take(column.codes))
        if use.name == "patient_id":
            problems.name_patients(table.lines, series)
        for row in np.flatnonzero(np.isin(column.codes, list(said))):
            severity, problem, action = said[column.codes[row]]
            problems.note(severity, problem, action, **_cell(table, place, row, use))
        if use.name in typed:
            series = _reconcile(typed[use.name], series, table, place, use, problems)
        typed[use.name] = series
    return pd.DataFrame(typed)


def _cell(table: TextTable, place: int, row: int, use: Column) -> dict:
    """Say where a cell stands, and what it holds."""
    raw = table.columns[place].at(row)
    return {"line": table.lines[row], "column": use.printed, "raw": raw}


def _reconcile(before, series, table, place, use, problems) -> pd.Series:
    """Join two printed columns that say the same thing; where they disagree, neither is right."""
    differs = (before.notna() & series.notna() & (before != series)).fillna(False).to_numpy(bool)
    for row in np.flatnonzero(differs):
        problem = f"another column gives {before[row]} for {use.name}, this one {series[row]}"
        problems.error(problem, "correct one of them", **_cell(table, place, row, use))
    if use.outcome:
        for row in np.flatnonzero((before.notna() != series.notna()).to_numpy(bool)):
            found = before[row] if pd.notna(before[row]) else series[row]
            problem = f"only one of two columns gives a {use.name}"
            problems.warn(problem, f"read as {found}", **_cell(table, place, row, use))
    return before.where(before.notna(), series)


def _compare_stages(patients: pd.DataFrame, table: TextTable, plan: list, problems: Problems):
    """Hold a whole TNM in a column of one stage against the columns of the others."""
    places = [place for place, _ in plan]
    for place, use in plan:
        if use.name not in _STAGES.values() or places.count(place) > 1:
            continue
        column: TextColumn = table.columns[place]
        parts = {code: _stages(text) for code, text in enumerate(column.texts)}
        several = [code for code, stages in parts.items() if len(stages) > 1]
        for row in np.flatnonzero(np.isin(column.codes, several)):
            where = _cell(table, place, row, use)
            for name, stage in parts[column.codes[row]].items():
                if name not in patients:
                    problems.warn(f"says {stage} too", f"not used: no column {name}", **where)
                elif pd.notna(found := patients[name].iloc[row]) and str(found) != stage:
                    problem = f"says {stage}, but {name} is {found}"
                    problems.error(problem, "correct one of them", **where)


def _stages(text: str) -> dict:
    """Take the stages out of a cell, by canonical column."""
    try:
        found = {letter: stage for letter, stage in read_tnm(text).items() if stage}
    except CellError:
        return {}
    return {
        _STAGES[letter]: stage if letter == "g" else letter.upper() + stage
        for letter, stage in found.items()
        if stage != "x"
    }


def _relate(patients: pd.DataFrame, table: TextTable, plan: list, problems: Problems):
    """Note what does not fit together between the cells of a row, or between rows."""
    places = {use.name: (place, use) for place, use in reversed(plan)}
    for severity, row, name, problem, action in incoherences(patients):
        place, use = places[name]
        where = {"line": problems.header_line, "column": use.printed}
        where = where if row is None else _cell(table, place, row, use)
        problems.note(severity, problem, action, **where)


def _label(uses) -> pd.DataFrame:
    """Name, label and description of each column; of several uses, the first."""
    frame = pd.DataFrame(
        [(use.name, use.label or use.name, use.description) for use in uses],
        columns=["name", "label", "description"],
    )
    return frame.drop_duplicates("name", ignore_index=True)
