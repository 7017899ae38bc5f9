"""Where a paper says two things about one patient: run the analysis under each of them.

``readings.csv`` has one row a reading: patient_id, name (a canonical column), reading (the order,
the first being the table's), value (as a cell of that column would hold it), where.
"""

import itertools
import math
from dataclasses import replace

import pandas as pd

from vlms.cohort import (
    CANONICAL,
    DATA,
    Cohort,
    Problems,
    incoherences,
    paper_folder,
    plain_name,
    read_table,
)

_COLUMNS = ["patient_id", "name", "reading", "value", "where"]
_MOST_ROWS = 1_000_000


def read_readings(stem: str, *, data=DATA) -> pd.DataFrame:
    """Read a paper's ``readings.csv`` as text.

    Parameters
    ----------
    stem : str
        The paper's folder under `data`.

    Returns
    -------
    pandas.DataFrame
        patient_id, name, reading, value, where; in the order of the file.

    Raises
    ------
    CohortError
        If the file cannot be read, or lacks one of its columns.

    Examples
    --------
    >>> readings = read_readings("tilkorn2010")
    >>> readings.loc[readings["name"] == "time_months", "value"].tolist()
    ['15', '6', '5']
    """
    path = paper_folder(stem, data=data) / "readings.csv"
    findings = Problems(str(path))
    table = read_table(path, findings, wanted=_COLUMNS)
    columns = dict(zip(map(plain_name, table.header), table.columns, strict=True))
    for _ in set(_COLUMNS) - columns.keys():
        findings.error("a missing column", f"the columns are {', '.join(_COLUMNS)}")
    findings.stop_if_any()
    texts = {name: pd.array(columns[name].texts, dtype="string") for name in _COLUMNS}
    frame = pd.DataFrame({name: texts[name].take(columns[name].codes) for name in _COLUMNS})
    return frame.apply(lambda column: column.str.strip())


def combine_readings(readings: pd.DataFrame) -> pd.DataFrame:
    """List every combination of readings, up to a million: one column a fact, one row each.

    Parameters
    ----------
    readings : pandas.DataFrame
        As `read_readings` returns, or the rows of it that matter to the analysis.

    Returns
    -------
    pandas.DataFrame
        Columns (patient_id, name), values as text, index ``combination``; row 0 holds the first
        reading of everything.

    Examples
    --------
    >>> readings = read_readings("tilkorn2010").query("name == 'time_months'")
    >>> combine_readings(readings)["2", "time_months"].tolist()
    ['15', '6', '5']
    """
    of_fact = readings.groupby(["patient_id", "name"], sort=False)["value"]
    facts = {fact: list(dict.fromkeys(values)) for fact, values in of_fact}
    if (number := math.prod(map(len, facts.values()))) > _MOST_ROWS:
        raise ValueError(f"{number} combinations; choose fewer rows of the readings")
    columns = pd.MultiIndex.from_tuples(list(facts), names=["patient_id", "name"])
    rows = list(itertools.product(*facts.values()))
    return pd.DataFrame(rows, columns=columns).rename_axis("combination")


def choose_readings(readings: pd.DataFrame, names) -> dict:
    """Look up readings by name, for `with_readings`.

    Parameters
    ----------
    readings : pandas.DataFrame
        As `read_readings` returns.
    names : sequence of str
        Each "patient name: reading", such as "2 time_months: prose".

    Returns
    -------
    dict
        (patient_id, name) to the cell's text.

    Raises
    ------
    ValueError
        If no reading has this name, or one fact is given two readings; the message lists those
        of the paper.

    Examples
    --------
    >>> choose_readings(read_readings("tilkorn2010"), ["2 time_months: prose"])
    {('2', 'time_months'): '6'}
    """
    known = {
        f"{patient} {name}: {reading}": ((patient, name), value)
        for patient, name, reading, value in readings[_COLUMNS[:4]].itertuples(index=False)
    }
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no reading {', '.join(map(repr, unknown))}; there are {list(known)}")
    chosen = dict(known[name] for name in names)
    if len(chosen) < len(names):
        raise ValueError(f"two readings of one fact in {list(names)}; choose one of them")
    return chosen


def with_readings(cohort: Cohort, choices) -> Cohort:
    """Return the cohort with some cells read otherwise.

    Parameters
    ----------
    cohort : Cohort
    choices : mapping
        (patient_id, name) to the cell's text, such as ``{("11", "m_stage"): "M0"}``; a row of
        `combine_readings` will do.

    Returns
    -------
    Cohort
        Each cell that changes is listed in its issues.

    Raises
    ------
    CohortError
        If a choice names no patient or column, cannot be read, or contradicts another cell.

    Examples
    --------
    >>> from vlms.cohort import read_paper
    >>> other = with_readings(read_paper("tilkorn2010"), {("11", "m_stage"): "M0"})
    >>> other.patients.set_index("patient_id").loc["11", "m_stage"]
    'M0'
    """
    findings, patients = Problems(cohort.source), cohort.patients.copy()
    for (patient, name), text in dict(choices).items():
        _apply(patients, cohort, str(patient), name, text, findings)
    for row, problem, remedy, name in _errors(patients):
        findings.error(problem, remedy, patient=patients["patient_id"][row], column=name)
    findings.stop_if_any()
    issues = pd.concat([cohort.issues, findings.issues()], ignore_index=True)
    return replace(cohort, patients=patients, issues=issues)


def under_each_reading(cohort: Cohort, readings: pd.DataFrame) -> pd.DataFrame:
    """Stack the patients under every combination of readings, to be analysed by ``combination``.

    Parameters
    ----------
    cohort : Cohort
    readings : pandas.DataFrame
        As `read_readings` returns, or the rows of it that matter; their number multiplies.

    Returns
    -------
    pandas.DataFrame
        combination (as in `combine_readings`), then the columns of the patients. Combinations
        that cannot be true together (a recurrence after the end of follow-up) are left out, and
        listed in ``.attrs["impossible"]`` as (combination, reason).

    Raises
    ------
    CohortError
        As `with_readings`.
    ValueError
        If they are more than a million rows.

    Examples
    --------
    >>> from vlms.cohort import read_paper
    >>> readings = read_readings("tilkorn2010").query("name == 'time_months'")
    >>> under_each_reading(read_paper("tilkorn2010"), readings)["combination"].unique().tolist()
    [0, 1, 2]
    """
    combinations, size = combine_readings(readings), len(cohort.patients)
    if len(combinations) * size > _MOST_ROWS:
        raise ValueError(f"{len(combinations)} combinations; choose fewer rows of the readings")
    findings = Problems(cohort.source)
    stacked = pd.concat([cohort.patients] * len(combinations), ignore_index=True)
    stacked.insert(0, "combination", combinations.index.repeat(size))
    for (patient, name), texts in combinations.items():
        for text in texts.unique():
            chosen = stacked["combination"].map(texts == text)
            _apply(stacked, cohort, patient, name, text, findings, among=chosen)
    findings.stop_if_any()
    impossible = {}
    for row, problem, _, name in _errors(stacked.drop(columns="patient_id")):
        patient = stacked["patient_id"][row]
        impossible[stacked["combination"][row]] = f"patient {patient}, {name}: {problem}"
    possible = stacked[~stacked["combination"].isin(impossible)].reset_index(drop=True)
    possible.attrs["impossible"] = list(impossible.items())
    return possible


def _apply(patients, cohort, patient, name, text, findings, *, among=True):
    """Write one reading into the rows of its patient, or report why it cannot be."""
    use = next((use for use in cohort.uses if use.name == name), None)
    before = cohort.patients.loc[cohort.patients["patient_id"] == patient]
    if use is None or before.empty:
        what = f"column {name}" if use is None else f"patient {patient}"
        findings.error(f"the cohort has no {what}", "correct the reading", patient=patient)
        return
    text = "" if pd.isna(text) else str(text)
    try:
        value = use.clean(text).value
    except ValueError as error:
        findings.error(str(error), f"see how {name} is written", patient=patient, column=name)
        return
    rows, before = (patients["patient_id"] == patient) & among, before[name].iloc[0]
    patients.loc[rows, name] = pd.array([value], dtype=use.kind)[0]
    if pd.isna(before) != (value is None) or (value is not None and before != value):
        label = CANONICAL[name].label if name in CANONICAL else name
        problem = f"the paper gives another reading of {label}"
        findings.warn(problem, "used as asked", patient=patient, column=name, raw=text)


def _errors(patients):
    """Yield row, problem, remedy and column of each cell that contradicts another."""
    for severity, *found in incoherences(patients):
        if severity == "error":
            row, name, problem, remedy = found
            yield row, problem, remedy, name
