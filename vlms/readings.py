"""Where a paper says two things about one patient: run the analysis under each of them.

``readings.csv`` has one row a cell that a reading changes:

==========  ==================================================================================
reading     the name of the reading; rows of one reading hold together
patient_id  the patient; blank where the reading is a convention
name        a column; ``include`` (``no`` leaves the patient out); or the name of a convention
value       as a cell of that column would hold it; blank: not known
source      ``printed`` (another statement of the paper) or ``assumed`` (nothing printed says so)
where       the place of the statement, or what is assumed
==========  ==================================================================================

The tables as printed are no row. Readings combine unless they give one cell two values.
"""

import re
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from vlms.cohort import (
    CANONICAL,
    DATA,
    Cohort,
    CohortError,
    Problems,
    incoherences,
    paper_folder,
    plain_name,
    read_paper,
    read_table,
)

MOST_COMBINATIONS = 4_096

_COLUMNS = ["reading", "patient_id", "name", "value", "source", "where"]
_SOURCES = ("printed", "assumed")
_LEFT_OUT = ("include", "no")


def read_readings(stem: str, *, data=DATA) -> pd.DataFrame:
    """Read a paper's ``readings.csv`` as text, and check that its patients and columns exist.

    Parameters
    ----------
    stem : str
        The paper's folder under `data`.

    Returns
    -------
    pandas.DataFrame
        reading, patient_id, name, value, source, where; in the order of the file.

    Raises
    ------
    CohortError
        If the file cannot be read or lacks a column; if a name is no column of the patients, a
        patient is none of the paper's, a value cannot be read, or a source is neither printed nor
        assumed. The message has every problem with its line.

    Examples
    --------
    >>> readings = read_readings("tilkorn2010")
    >>> readings.loc[readings["name"] == "time_months", ["reading", "value"]].values.tolist()
    [['death-2-text', '6'], ['death-2-radiation', '5']]
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
    frame = frame.fillna("").apply(lambda column: column.str.strip())
    lines = [int(line) for line in table.lines]
    paper = read_paper(stem, data=data) if (path.parent / "patients.csv").exists() else None
    _refuse_bad_rows(frame, lines, paper, findings)
    return frame


def combine_readings(readings: pd.DataFrame) -> pd.DataFrame:
    """List every combination of readings that give no cell two values.

    Parameters
    ----------
    readings : pandas.DataFrame
        As `read_readings` returns, or the rows of it that matter to the analysis.

    Returns
    -------
    pandas.DataFrame
        One column a reading, True where it is used; index ``combination``, row 0 uses none.

    Raises
    ------
    ValueError
        If there are more than 4,096.

    Examples
    --------
    >>> readings = read_readings("tilkorn2010").query("name == 'time_months'")
    >>> combine_readings(readings).values.tolist()
    [[False, False], [True, False], [False, True]]
    """
    cells = _cells(readings)
    sets = [frozenset()]
    for name in cells:
        sets += [chosen | {name} for chosen in sets if _compatible(cells, chosen, name)]
        if len(sets) > MOST_COMBINATIONS:
            raise ValueError(
                f"{len(cells)} readings have more than {MOST_COMBINATIONS:,} combinations; "
                "choose fewer rows of the readings"
            )
    rows = [[name in chosen for name in cells] for chosen in sets]
    return pd.DataFrame(rows, columns=list(cells), dtype=bool).rename_axis("combination")


def choose_readings(readings: pd.DataFrame, names) -> dict:
    """Look up readings by name, for `with_readings`.

    Parameters
    ----------
    readings : pandas.DataFrame
        As `read_readings` returns.
    names : sequence of str
        Names of readings, such as "death-2-text".

    Returns
    -------
    dict
        (patient_id, name) to the cell's text.

    Raises
    ------
    ValueError
        If no reading has this name, or two give one cell different values; the message lists
        those of the paper.

    Examples
    --------
    >>> choose_readings(read_readings("tilkorn2010"), ["metastasis-2-yes"])
    {('2', 'metastasis'): 'yes'}
    """
    cells, chosen = _cells(readings), {}
    if unknown := [name for name in names if name not in cells]:
        raise ValueError(f"no reading {', '.join(map(repr, unknown))}; there are {list(cells)}")
    for name in names:
        if any(chosen.get(cell, text) != text for cell, text in cells[name].items()):
            raise ValueError(f"two readings of one fact in {list(names)}; choose one of them")
        chosen |= cells[name]
    return chosen


def with_readings(cohort: Cohort, choices) -> Cohort:
    """Return the cohort with some cells read otherwise.

    Parameters
    ----------
    cohort : Cohort
    choices : mapping
        (patient_id, name) to the cell's text, such as ``{("11", "m_stage"): "M0"}``, as
        `choose_readings` returns it; ``include`` with ``no`` leaves the patient out. A convention,
        which has no patient, changes no cell.

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
    left_out = set()
    for (patient, name), text in dict(choices).items():
        if name == "include":
            left_out |= {str(patient)} if text == "no" else set()
        elif patient:
            _apply(patients, cohort, str(patient), name, text, findings)
    for row, problem, remedy, name in _errors(patients, cohort.study):
        findings.error(problem, remedy, patient=patients["patient_id"][row], column=name)
    findings.stop_if_any()
    patients = patients[~patients["patient_id"].isin(left_out)].reset_index(drop=True)
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
        If there are more than 4,096 combinations.

    Examples
    --------
    >>> from vlms.cohort import read_paper
    >>> readings = read_readings("tilkorn2010").query("name == 'time_months'")
    >>> under_each_reading(read_paper("tilkorn2010"), readings)["combination"].unique().tolist()
    [0, 1, 2]
    """
    worlds = Worlds(cohort, readings)
    stacked, impossible = [], []
    for combination, row in combine_readings(readings).iterrows():
        patients = worlds.under(row.index[row])
        if isinstance(patients, str):
            impossible.append((combination, patients))
        else:
            stacked.append(patients.assign(combination=combination))
    frame = pd.concat(stacked, ignore_index=True)
    frame.insert(0, "combination", frame.pop("combination"))
    frame.attrs["impossible"] = impossible
    return frame


@dataclass
class Worlds:
    """The table of patients as printed and under readings, each made once.

    Attributes
    ----------
    cohort : Cohort
        None where the paper prints no patients, and readings are of conventions alone.
    readings : pandas.DataFrame
        As `read_readings` returns.
    """

    cohort: Cohort | None
    readings: pd.DataFrame
    _made: dict = field(default_factory=dict, repr=False)

    @cached_property
    def cells(self):
        """By reading, what it changes: (patient_id, name) to text."""
        return _cells(self.readings)

    @cached_property
    def sources(self):
        """By reading, whether it is printed or assumed."""
        return dict(zip(self.readings["reading"], self.readings["source"], strict=True))

    @cached_property
    def conventions(self):
        """The names of the conventions: what a function can ask for beside the patients."""
        return set(self.readings.loc[self.readings["patient_id"] == "", "name"])

    def under(self, chosen=()):
        """The patients under these readings, indexed by patient; a reason where they cannot be."""
        if self.cohort is None:
            return None
        chosen = frozenset(chosen)
        if chosen not in self._made:
            self._made[chosen] = self._make(chosen)
        return self._made[chosen]

    def convention(self, chosen, name):
        """What a convention is under these readings: a number where it is one, None if unsaid."""
        said = (self.cells[reading].get(("", name)) for reading in sorted(chosen))
        text = next((text for text in said if text is not None), None)
        return float(text) if text and re.fullmatch(r"\d+(\.\d+)?", text) else text

    def combinations(self, names):
        """Every combination of the readings named, smallest first; None beyond 4,096."""
        try:
            used = combine_readings(self.readings[self.readings["reading"].isin(names)])
        except ValueError:
            return None
        sets = [frozenset(row.index[row]) for _, row in used.iterrows()]
        return sorted(sets, key=len)

    def compatible(self, chosen):
        """Whether these readings give no cell two values."""
        values = {}
        return all(
            values.setdefault(cell, text) == text
            for name in chosen
            for cell, text in self.cells[name].items()
        )

    def that_matter(self, columns, conventions):
        """The readings that change one of these columns or conventions, or leave a patient out."""
        return [
            name
            for name, cells in self.cells.items()
            if any(
                (name in columns or name == "include") if patient else name in conventions
                for patient, name in cells
            )
        ]

    def _make(self, chosen):
        """Write the cells of the readings into a copy of the patients."""
        timed = frozenset(name for name in chosen if self._timed(name))
        if timed != chosen and isinstance(reason := self.under(timed), str):
            return reason
        choices = {cell: text for name in sorted(chosen) for cell, text in self.cells[name].items()}
        if timed == chosen:  # only these can be incoherent, so that only these are checked
            try:
                patients = with_readings(self.cohort, choices).patients
            except CohortError as error:
                found = error.problems[["patient_id", "column", "problem"]].itertuples(index=False)
                return "; ".join(f"patient {who}, {column}: {what}" for who, column, what in found)
            return patients.set_index("patient_id", drop=False).rename_axis(None)
        patients = self.under(timed).copy()
        kept = [cell for cell in choices if cell[0] in patients.index and cell[1] != "include"]
        for patient, name in kept:
            use = next(use for use in self.cohort.uses if use.name == name)
            value = use.clean(choices[patient, name]).value
            patients.at[patient, name] = pd.array([value], dtype=use.dtype)[0]
        left_out = [who for (who, name), text in choices.items() if (name, text) == _LEFT_OUT]
        return patients.drop(index=patients.index.intersection(left_out))

    def _timed(self, reading):
        """Whether a reading changes a time or the status, so that it may contradict another."""
        return any("months" in name or name == "status" for _, name in self.cells[reading])


def _cells(readings):
    """By reading, what it changes: (patient_id, name) to text."""
    cells = {}
    for row in readings.itertuples():
        cells.setdefault(row.reading, {})[row.patient_id, row.name] = row.value
    return cells


def _compatible(cells, chosen, name):
    """Whether a reading gives no cell another value than those chosen do."""
    return all(
        cells[other].get(cell, text) == text
        for other in chosen
        for cell, text in cells[name].items()
    )


def _refuse_bad_rows(frame, lines, paper, findings):
    """Report each row that names what the paper has not, or holds what cannot be read."""
    table = pd.DataFrame(columns=["patient_id"]) if paper is None else paper.patients
    columns, patients = set(table), set(table["patient_id"])
    seen = {}
    for line, row in zip(lines, frame.itertuples(index=False), strict=True):

        def refuse(problem, remedy, line=line):
            findings.error(problem, remedy, line=line)

        if not re.fullmatch(r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*", row.reading):
            refuse(f"the reading {row.reading!r}", "a name of letters, digits and hyphens")
        if row.source not in _SOURCES:
            refuse(f"the source {row.source!r}", "write printed or assumed")
        elif seen.setdefault(row.reading, row.source) != row.source:
            refuse(f"two sources of {row.reading!r}", "rows of one reading have one source")
        if not row.where:
            refuse("no place", "say where it stands, or what is assumed")
        if row.patient_id and row.patient_id not in patients:
            refuse(f"no patient {row.patient_id!r}", "correct the reading")
        elif row.name == "include":
            if row.value not in ("yes", "no") or not row.patient_id:
                refuse(f"include {row.value!r}", "name a patient, and write yes or no")
        elif not row.patient_id:
            if row.name in columns or not row.name.isidentifier():
                refuse(f"{row.name!r} without a patient", "name the patient, or a convention")
        elif row.name not in columns:
            refuse(f"no column {row.name!r}", "name a column of the patients, or include")
        else:
            _apply(paper.patients.copy(), paper, row.patient_id, row.name, row.value, findings)
    findings.stop_if_any()


def _apply(patients, cohort, patient, name, text, findings):
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
    rows, before = patients["patient_id"] == patient, before[name].iloc[0]
    patients.loc[rows, name] = pd.array([value], dtype=use.dtype)[0]
    if pd.isna(before) != (value is None) or (value is not None and before != value):
        label = CANONICAL[name].label if name in CANONICAL else name
        problem = f"the paper gives another reading of {label}"
        findings.warn(problem, "used as asked", patient=patient, column=name, raw=text)


def _errors(patients, study):
    """Yield row, problem, remedy and column of each cell that contradicts another."""
    for severity, *found in incoherences(patients, study):
        if severity == "error":
            row, name, problem, remedy = found
            yield row, problem, remedy, name
