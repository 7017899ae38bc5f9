"""A cohort of patients, read from a table as text and typed in one place.

`read_cohort` reads a table as the study beside it declares, or under canonical headers;
`read_paper` a paper's own, as it is printed. **All** problems are collected before anything stops.
What comes back is either sure or listed in ``.issues``; an outcome is never guessed.

Dates become times since the first day; rows from start to end, and rows of one event each, become
one row a patient. Cells are then held against each other. An error forbids any computation: a
repeated patient, a recurrence after the end of follow-up or at time 0 (in most tables a code for
"none"), times that cannot be in one unit. A warning is listed: possible, but more often a slip.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.cohort.cells import CellError, Use, read_cells, read_tnm, tidy
from vlms.cohort.plan import plan_columns
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextColumn, TextTable, plain_name, read_table, uncollected
from vlms.cohort.variables import readable
from vlms.provenance import PROJECT
from vlms.study import DAYS, SARCOMA, Study, StudyError, find_study, read_study

DATA = PROJECT / "data"

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
    uses : tuple of vlms.cohort.cells.Use
        How each column was read.
    study : vlms.study.Study
        What the cohort declares: endpoints, groups, covariates, unit.
    """

    patients: pd.DataFrame
    issues: pd.DataFrame
    columns: pd.DataFrame
    source: str
    uses: tuple[Use, ...]
    study: Study = SARCOMA

    def __repr__(self):
        return f"<{len(self.patients)} patients of {self.source}, {len(self.issues)} issues>"


def read_cohort(path, study=None, *, encoding=None) -> Cohort:
    """Read a cohort from a table.

    Parameters
    ----------
    path : str or pathlib.Path
        A text file with a header, separated by commas, semicolons, tabs or bars; a sheet (.xlsx);
        or a Parquet file.
    study : Study or path-like, optional
        What the columns mean. By default the file ``<table>.study.toml`` beside the table or, where
        there is none, `vlms.study.SARCOMA`: its headers, and every other column as it is.
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
    seen = examine(path, study, problems, encoding=encoding)
    problems.stop_if_any()
    uses = tuple(use for _, use in seen.plan)
    said = [(use.name, use.label or use.name, use.description) for use in uses]
    columns = pd.DataFrame(said, columns=["name", "label", "description"])
    columns = columns.drop_duplicates("name", ignore_index=True)  # of several uses, the first
    columns = columns[columns["name"].isin(seen.patients.columns)].reset_index(drop=True)
    return Cohort(seen.patients, problems.issues(), columns, str(path), uses, seen.study)


def read_paper(stem: str, *, data=DATA) -> Cohort:
    """Read the patients of a paper as it prints them, by way of its study file.

    ``stem`` is the name of its folder under ``data``, never a path; errors are as of `read_cohort`.

    Examples
    --------
    >>> len(read_paper("tilkorn2010").patients)
    12
    """
    return read_cohort(paper_folder(stem, data=data) / "patients.csv")


def paper_folder(stem: str, *, data=DATA) -> Path:
    """Return the folder of a paper's data, for a stem that is only a name."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", str(stem)):
        Problems(str(stem)).stop("not the name of a paper", 'give a name such as "tilkorn2010"')
    return Path(data) / str(stem)


@dataclass
class Examined:
    """A table as far as it could be read; a cell that could not be is NA."""

    patients: pd.DataFrame
    table: TextTable
    plan: list
    study: Study
    unused: list


def examine(path, study, problems: Problems, *, encoding=None) -> Examined:
    """Read patients, table and plan as far as they can be."""
    try:
        if not isinstance(study, Study):
            study = find_study(path) if study is None else read_study(study)
    except StudyError as error:
        problems.file = error.file
        for line, where, problem, remedy in error.problems:
            problems.error(problem, remedy, line=line, column=where)
        problems.stop_if_any()
    sources = (name for column in study.columns.values() for name in column.sources)
    wanted = {*study.columns, "tnm", *map(plain_name, sources)}
    table = read_table(path, problems, wanted=wanted, encoding=encoding)
    plan, unused = plan_columns(table, study, problems)
    if not len(table.lines):
        problems.error("the file holds no patients", "write one row a patient below the header")
    with uncollected():
        patients = _type(table, plan, problems)
    _compare_stages(patients, table, plan, problems)
    places = {use.name: (place, use) for place, use in reversed(plan)}

    def note(severity, row, name, problem, action):
        if name not in places:  # one that was computed: of its source
            name = next((n for n in (study.time.end, study.time.start) if n in places), None)
        where = {"line": problems.header_line, "column": name or ""}
        if name:
            place, use = places[name]
            where["column"] = use.printed
            where = where if row is None else _cell(table, place, row, use)
        problems.note(severity, problem, action, **where)

    patients, study = _with_clock(patients, study, note)
    patients, study = _one_row_each(patients, study, note)
    if study.generate_id:
        patients.insert(0, "patient_id", pd.array(range(1, len(patients) + 1)).astype("string"))
    for use in (use for _, use in plan):
        levels = list(use.order) or list(dict.fromkeys(use.levels.values()))
        held = study.columns[use.name].kind if use.name in study.columns else use.kind
        if held == "category" and levels and use.name in patients:
            patients[use.name] = pd.Categorical(patients[use.name], levels)
    for found in incoherences(patients, study):
        note(*found)
    return Examined(patients.reset_index(drop=True), table, plan, study, unused)


def _with_clock(patients, study, note):
    """Turn dates into times since the first day, in the study's unit; other dates are dropped."""
    dates = [n for n, c in study.columns.items() if c.kind == "date" and n in patients]
    time = study.time
    if not dates or time.start not in patients:
        return patients.drop(columns=dates), study
    zero, patients = patients[time.start], patients.copy()
    for name in dates:
        days = patients.pop(name) - zero
        ages = study.columns[name].take == "age"
        if name == time.start or not (ages or name in study.later or name == time.entry):
            continue
        for row in days.index[(days > 0) if ages else (days < 0)]:
            problem = "a birth after time zero" if ages else f"before {time.start}"
            note("error", row, name, problem, "correct one of the two dates")
        days = -days / 365.25 if ages else days / DAYS[study.unit]
        patients["time" if name == time.end else name] = days
    return patients, replace(study, time=replace(time, end="time", start=""))


def _one_row_each(patients, study, note):
    """Join the rows of a patient, where the table has one for each interval or event."""
    time = study.time
    ready = {"patient_id", time.end, time.type or time.end} <= set(patients)
    if time.rows == "patients" or not ready:
        return patients, study
    key, later = patients["patient_id"], study.later
    if time.rows == "intervals":
        order = patients.sort_values(["patient_id", time.end], kind="stable").index
        patients = patients.loc[order]
        begins = patients[time.start]
        for row in patients.index[(begins >= patients[time.end]).fillna(False)]:
            note("error", row, time.end, "ends at or before it begins", "correct the row")
        gap = begins - patients.groupby("patient_id")[time.end].shift()
        for row in patients.index[gap.fillna(0) != 0]:
            problem = "does not begin where the patient's last row ends"
            note("error", row, time.start, problem, "correct one of the two rows")
        groups = patients.groupby("patient_id", sort=False)
        one, last = patients[~patients["patient_id"].duplicated()].copy(), groups.tail(1)
        last = last.set_index("patient_id").loc[one["patient_id"]]
        changing = _changes(patients, study, note)
        for name in [c for c in patients if c in later]:
            one[name] = last[name].to_numpy() if name == time.end else last[name].array
        for name, (at, column) in changing.items():
            if column is None:
                one = one.drop(columns=name)
                continue
            one[name] = one["patient_id"].map(at).astype("float64")
            study = replace(study, columns=study.columns | {name: column})
        ended = {s for e in study.endpoints.values() for s in e.event | e.competing | e.unknown}
        for status in {e.status for e in study.endpoints.values()} & set(patients):
            early = patients[status].isin(ended) & patients["patient_id"].duplicated(keep="last")
            for row in patients.index[early]:
                note("error", row, status, "an end before the last row", "correct the row")
        late = bool((one[time.start] > 0).any())  # delayed entry
        one = one.rename(columns={time.start: "entry"}) if late else one.drop(columns=time.start)
        study = replace(study, time=replace(time, start="", entry="entry" if late else ""))
    else:
        kinds = patients[time.type]
        ends = patients[kinds == "end"]
        for row in patients.index[patients.duplicated(["patient_id", time.type])]:
            note("error", row, time.type, "two rows of one kind for a patient", "remove one")
        for row in patients.index[~key.isin(ends["patient_id"]) & ~key.duplicated()]:
            remedy = 'name the kind that ends follow-up "end" in levels'
            note("error", row, time.type, 'the patient has no row of the kind "end"', remedy)
        one = ends.drop(columns=time.type).copy()
        at = {name for e in study.endpoints.values() for name in (*e.at, *e.competing_at)}
        state = next(iter({e.status for e in study.endpoints.values() if e.status}))
        censored = frozenset().union(*(e.censored for e in study.endpoints.values()))
        for name in sorted(at - set(patients)):
            seen = patients[(kinds == name) & ~patients[state].isin(censored)]
            times = seen.drop_duplicates("patient_id").set_index("patient_id")[time.end]
            one[name] = one["patient_id"].map(times).astype("float64")
    for name in one.columns.intersection(patients.columns).difference([*later, "patient_id"]):
        known = patients.groupby("patient_id", sort=False)[name].nunique(dropna=False)
        if name in (time.start, time.type) or not (varies := int((known > 1).sum())):
            continue
        what = "at the patient's first row" if time.rows == "intervals" else "of the row of the end"
        problem = f"differs between the rows of {varies} patients"
        note("warning", None, name, problem, f"the value {what} is kept")
    return one, study


def _changes(patients, study, note):
    """When a column that is known later changed between the rows of a patient, from the first day.

    Column → the time from which each patient has its second level, and the column that holds it;
    nothing twice where there is no such time, as it would be known before it happened.
    """
    ends = {name for e in study.endpoints.values() for name in e.columns}
    found, groups = {}, patients.groupby("patient_id", sort=False)
    for name in [n for n, c in study.columns.items() if c.known and n in patients]:
        if name in ends or name == study.time.end or not (groups[name].nunique() > 1).any():
            continue
        values = patients[name].astype("object")
        before = values.groupby(patients["patient_id"], sort=False).shift()
        changed = before.notna() & (before != values)
        steps = set(zip(before[changed], values[changed], strict=True))
        held = set(values.dropna())
        if len(steps) != 1 or len(held) != 2 or values.isna().any():
            problem = "changes between the rows of a patient otherwise than once, from no to yes"
            note("warning", None, name, problem, "left out; give a column for each change")
            found[name] = None, None
            continue
        level = steps.pop()[1]
        rows = patients[values == level].drop_duplicates("patient_id")
        declared = study.columns[name]
        label = declared.label or readable(name)
        plain = str(level).casefold() in ("yes", "true", "1", name.casefold())
        label = label if plain else f"{label}: {level}"
        column = replace(declared, kind="duration", label=label, levels={}, order=())
        found[name] = rows.set_index("patient_id")[study.time.start], column
    return found


def incoherences(patients: pd.DataFrame, study: Study = SARCOMA):
    """Yield what does not fit together: severity, row (None: all), column, problem, what to do."""
    yield from _repeated_patients(patients)
    if study.time.end in patients:
        for check in (_recurrences, _mixed_units, _unlikely):
            yield from check(patients, study)


def _type(table: TextTable, plan: list, problems: Problems) -> pd.DataFrame:
    """Read every cell, each distinct text once, and put the columns together."""
    typed: dict[str, pd.Series] = {}
    for place, use in plan:
        column = table.columns[place]
        values, said = read_cells(column.texts, use)
        if use.dtype == "float64":
            values = [np.nan if value is None else value for value in values]
        series = pd.Series(pd.array(values, dtype=use.dtype).take(column.codes))
        if use.name == "patient_id":
            problems.patients = pd.Series(series.array, index=table.lines, dtype="string")
        for row in np.flatnonzero(np.isin(column.codes, list(said))):
            severity, problem, action = said[column.codes[row]]
            problems.note(severity, problem, action, **_cell(table, place, row, use))
        if use.name in typed:
            series = _reconcile(typed[use.name], series, table, place, use, problems)
        typed[use.name] = series
    return pd.DataFrame(typed)


def _cell(table: TextTable, place: int, row: int, use: Use) -> dict:
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


def _recurrences(patients, study):
    """A recurrence lies after time zero, and not after the end of follow-up."""
    clock, unit = study.time.end, study.unit
    time, dead = patients[clock], pd.Series(False, index=patients.index)
    ends = [(e.status, e.event | e.competing | e.unknown) for e in study.endpoints.values()]
    for status in {status for status, _ in ends if status in patients}:
        dead |= patients[status].isin(frozenset().union(*(e for s, e in ends if s == status)))
    columns = [name for e in study.endpoints.values() for name in (*e.at, *e.competing_at)]
    for column in dict.fromkeys(name for name in columns if name in patients):
        at = patients[column]
        # Both are scaled alike, so only the last bit can differ.
        for row in patients.index[at > time * (1 + 1e-12)]:
            problem = f"after the end of follow-up at {time[row]:g} {unit}"
            yield "error", row, column, problem, f"correct the recurrence, or {clock}"
        for row in patients.index[at == 0]:
            problem = f"a recurrence at 0 {unit}, or a code for none?"
            yield "error", row, column, problem, "leave it blank if none was seen"
        for row in patients.index[dead & (at > 0) & (abs(at - time) <= time * 1e-12)]:
            problem = "a recurrence on the day of death; or is this the time of death?"
            yield "warning", row, column, problem, "kept as a recurrence"
        seen = at.dropna()
        if len(seen) and (seen == 1).all():
            action = f"read as one {unit.removesuffix('s')}, not as yes"
            yield "warning", None, column, "holds nothing but 1", action


def _mixed_units(patients, study):
    """Look for a smaller unit among the study's: far above all others, and above twenty years."""
    clock, unit, twenty = study.time.end, study.unit, 20 * 365.25 / DAYS[study.unit]
    time = patients[clock]
    median = time.median() if time.notna().any() else 0
    suspect = np.zeros(len(time), dtype=bool)
    if time.notna().sum() >= 8 and median * 80 >= twenty:
        suspect = (time > twenty) & (time > 15 * median)
    for row in patients.index[suspect]:
        problem = f"more than 15 times the median of {median:g} {unit}: days among {unit}?"
        yield "error", row, clock, problem, f"write every time in {unit}"
    for row in patients.index[(time > twenty) & ~suspect]:
        yield "warning", row, clock, "more than 20 years; is it in days?", f"kept as {unit}"
    if median > twenty:
        problem = f"half of the times are above {median:g} {unit}; are they in days?"
        yield "warning", None, clock, problem, f"kept as {unit}"


def _unlikely(patients, study):
    """What goes beyond a human life, and what is possible, but more often a slip."""
    clock, unit = study.time.end, study.unit
    time = patients[clock]
    if "age_years" in patients:
        oldest = patients["age_years"] + time * DAYS[unit] / 365.25
        for row in patients.index[oldest > _OLDEST_YEARS]:
            problem = f"the patient would be {oldest[row]:.0f} years old at the end of follow-up"
            yield "error", row, clock, problem, "correct the age or the time"
    if len(time) > 1 and (time == 0).all():
        problem = "every follow-up time is 0: is this the right column?"
        yield "warning", None, clock, problem, f"kept as 0 {unit}; there is nothing to analyse"
    else:
        for row in patients.index[time == 0]:
            yield "warning", row, clock, "no follow-up at all", f"kept as 0 {unit}"
    if {"m_stage", "distant_recurrence_months"} <= set(patients):
        later = patients["distant_recurrence_months"].notna()
        spread = _begins(patients["m_stage"], "M1")
        for row in patients.index[spread & later]:
            problem = "M1 at diagnosis, and yet a first distant recurrence later"
            action = "kept; not at risk of a distant recurrence, so left out of that endpoint"
            yield "warning", row, "distant_recurrence_months", problem, action
    for e in study.endpoints.values():
        plain = len(patients) and e.status in patients and not e.at
        if plain and patients[e.status].isin(e.censored).all():
            problem = f"nobody reaches {e.name}: every patient is censored"
            problem = "every patient is alive" if study is SARCOMA else problem
            yield "warning", None, e.status, problem, "there is no event to analyse"
            break
    others = patients.columns.difference(["patient_id"])
    if len(others) >= 4 and len(patients):
        known = patients[list(others)].notna().sum(axis=1) >= 4  # blank rows are not alike
        for row in patients.index[known & patients.duplicated(subset=list(others))]:
            problem = "but for the identifier the same as an earlier patient"
            yield "warning", row, "patient_id", problem, "kept as two patients"


def _begins(column: pd.Series, start: str) -> pd.Series:
    """Whether each cell begins with a text; looked up among the distinct ones."""
    return column.isin([text for text in column.dropna().unique() if text.startswith(start)])
