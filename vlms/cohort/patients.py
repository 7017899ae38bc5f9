"""A cohort of patients, read from a table as text and typed in one place.

`read_cohort` reads a table under canonical headers, or any table with a codebook; `read_paper`
reads a paper's own, as it is printed. **All** problems are collected before anything stops. What
comes back is either sure or listed in ``.issues``; an outcome is never guessed.

Cells are then held against each other. An error forbids any computation: a repeated patient, a
recurrence after the end of follow-up or at 0 months (in most tables a code for "none"), times that
cannot be in one unit. A warning is listed: what is possible, but more often a slip.
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.cohort.cells import CellError, Column, read_cells, read_tnm, tidy
from vlms.cohort.codebook import CANONICAL, plan_columns, read_codebook
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextColumn, TextTable, plain_name, read_table, uncollected
from vlms.study import SARCOMA, Study

DATA = Path(__file__).resolve().parents[2] / "data"

_RECURRENCES = ("local_recurrence_months", "distant_recurrence_months")
_OLDEST_YEARS = 115
_PADDED = re.compile(r"(?<![0-9.])0+(?=[0-9])|(?<=[0-9])\.0*$", re.MULTILINE)
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
    uses : tuple of vlms.cohort.cells.Column
        How each column was read.
    study : vlms.study.Study
        What the cohort declares: endpoints, groups, covariates, unit.
    """

    patients: pd.DataFrame
    issues: pd.DataFrame
    columns: pd.DataFrame
    source: str
    uses: tuple[Column, ...]
    study: Study = SARCOMA

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
    said = [(use.name, use.label or use.name, use.description) for use in uses]
    columns = pd.DataFrame(said, columns=["name", "label", "description"])
    columns = columns.drop_duplicates("name", ignore_index=True)  # of several uses, the first
    return Cohort(patients, problems.issues(), columns, str(path), uses)


def read_paper(stem: str, *, data=DATA) -> Cohort:
    """Read the patients of a paper as it prints them, by way of its codebook.

    ``stem`` is the name of its folder under ``data``, never a path; errors are as of `read_cohort`.

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
    """Read patients, table and plan as far as they can be; a cell that could not be read is NA."""
    book = read_codebook(codebook) if codebook is not None else []
    wanted = {*CANONICAL, "tnm", *(plain_name(use.printed) for use in book)}
    table = read_table(path, problems, wanted=wanted, encoding=encoding)
    plan = plan_columns(table, book, problems)
    if not len(table.lines):
        problems.error("the file holds no patients", "write one row a patient below the header")
    with uncollected():
        patients = _type(table, plan, problems)
    _compare_stages(patients, table, plan, problems)
    places = {use.name: (place, use) for place, use in reversed(plan)}
    for severity, row, name, problem, action in incoherences(patients):
        place, use = places[name]
        where = {"line": problems.header_line, "column": use.printed}
        where = where if row is None else _cell(table, place, row, use)
        problems.note(severity, problem, action, **where)
    return patients, table, plan


def incoherences(patients: pd.DataFrame):
    """Yield what does not fit together: severity, row (None: all), column, problem, what to do."""
    yield from _repeated_patients(patients)
    if "time_months" in patients:
        for check in (_recurrences, _mixed_units, _unlikely):
            yield from check(patients)


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
            problems.patients = pd.Series(series.array, index=table.lines, dtype="string")
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


def _repeated_patients(patients):
    """One row a patient, however the identifier is written."""
    if "patient_id" not in patients:
        return
    known = patients["patient_id"].dropna()
    keys = pd.Series(_keys(known.tolist()), index=known.index, dtype=object)
    if len(repeated := keys[keys.duplicated(keep=False)]):
        first = repeated.drop_duplicates()
        first_row = dict(zip(first, first.index, strict=True))
        for row, key in repeated[repeated.duplicated()].items():
            other = known[first_row[key]]
            differs = "" if known[row] == other else ", which differs only in case or spaces"
            remedy = "one row a patient: remove one, or give each its own identifier"
            yield "error", row, "patient_id", f"the same patient as “{other}”{differs}", remedy
    if _PADDED.search("\n".join(keys)):
        bare = keys.str.replace(_PADDED, "", regex=True)
        for row in bare[bare.duplicated() & ~keys.duplicated()].index:
            problem = "the same number as another patient's, written in another way"
            yield "warning", row, "patient_id", problem, "kept as two patients"


def _keys(identifiers: list[str]) -> list[str]:
    """Write identifiers so that those that look alike are the same."""
    joined = "".join(identifiers)
    if joined.isalnum() and joined.isascii():  # nearly always, at a tenth of the cost
        return "\n".join(identifiers).casefold().split("\n")
    # One letter can be written in several ways that look alike; a spreadsheet's leading
    # apostrophe only says that the cell is text.
    shown = (tidy(unicodedata.normalize("NFKC", text)) for text in identifiers)
    return ["".join(text.split()).casefold().lstrip("'") for text in shown]


def _recurrences(patients):
    """A recurrence lies after time zero, and not after the end of follow-up."""
    time, dead = patients["time_months"], pd.Series(False, index=patients.index)
    if "status" in patients:
        dead = _begins(patients["status"], "dead")
    for column in _RECURRENCES:
        if column not in patients:
            continue
        months = patients[column]
        # Both are scaled alike, so only the last bit can differ.
        for row in patients.index[months > time * (1 + 1e-12)]:
            problem = f"after the end of follow-up at {time[row]:g} months"
            yield "error", row, column, problem, "correct the recurrence, or time_months"
        for row in patients.index[months == 0]:
            problem = "a recurrence at 0 months, or a code for none?"
            yield "error", row, column, problem, "leave it blank if none was seen"
        for row in patients.index[dead & (months > 0) & (abs(months - time) <= time * 1e-12)]:
            problem = "a recurrence on the day of death; or is this the time of death?"
            yield "warning", row, column, problem, "kept as a recurrence"
        seen = months.dropna()
        if len(seen) and (seen == 1).all():
            yield "warning", None, column, "holds nothing but 1", "read as one month, not as yes"


def _mixed_units(patients):
    """Look for days among months: far above all others, and above twenty years."""
    time = patients["time_months"]
    median = time.median() if time.notna().any() else 0
    suspect = np.zeros(len(time), dtype=bool)
    if time.notna().sum() >= 8 and median >= 3:
        suspect = (time > 240) & (time > 15 * median)
    for row in patients.index[suspect]:
        problem = f"more than 15 times the median of {median:g} months: days among months?"
        yield "error", row, "time_months", problem, "write every time in months"
    for row in patients.index[(time > 240) & ~suspect]:
        yield "warning", row, "time_months", "more than 20 years; is it in days?", "kept as months"
    if median > 240:
        problem = f"half of the times are above {median:g} months; are they in days?"
        yield "warning", None, "time_months", problem, "kept as months"


def _unlikely(patients):
    """What goes beyond a human life, and what is possible, but more often a slip."""
    time = patients["time_months"]
    if "age_years" in patients:
        oldest = patients["age_years"] + time / 12
        for row in patients.index[oldest > _OLDEST_YEARS]:
            problem = f"the patient would be {oldest[row]:.0f} years old at the end of follow-up"
            yield "error", row, "time_months", problem, "correct the age or the time"
    if len(time) > 1 and (time == 0).all():
        problem = "every follow-up time is 0: is this the right column?"
        action = "kept as 0 months; there is nothing to analyse"
        yield "warning", None, "time_months", problem, action
    for row in patients.index[time == 0]:
        yield "warning", row, "time_months", "no follow-up at all", "kept as 0 months"
    if {"m_stage", "distant_recurrence_months"} <= set(patients):
        later = patients["distant_recurrence_months"].notna()
        spread = _begins(patients["m_stage"], "M1")
        for row in patients.index[spread & later]:
            problem = "M1 at diagnosis, and yet a first distant recurrence later"
            action = "kept; not at risk of a distant recurrence, so left out of that endpoint"
            yield "warning", row, "distant_recurrence_months", problem, action
    if (
        len(patients)
        and "status" in patients
        and patients["status"].eq("alive").fillna(False).all()
    ):
        yield "warning", None, "status", "every patient is alive", "there is no death to analyse"
    others = patients.columns.difference(["patient_id"])
    if len(others) >= 4 and len(patients):
        known = patients[list(others)].notna().sum(axis=1) >= 4  # blank rows are not alike
        for row in patients.index[known & patients.duplicated(subset=list(others))]:
            problem = "but for the identifier the same as an earlier patient"
            yield "warning", row, "patient_id", problem, "kept as two patients"


def _begins(column: pd.Series, start: str) -> pd.Series:
    """Whether each cell begins with a text; looked up among the distinct ones."""
    return column.isin([text for text in column.dropna().unique() if text.startswith(start)])
