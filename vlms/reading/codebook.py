"""What the columns of a cohort are: the canonical ones, and how a codebook maps others to them.

A codebook is a CSV with one row for each use of a printed column. Several printed columns may
feed one canonical column (they must then agree), and one printed column several canonical ones
("T2 N0 M0 G2" holds four). Its columns:

printed      the column's name in the table
name         the canonical name, or a further name of one's own
parser       one of `cleaning.PARSERS`; blank: the canonical column's own
unit         of bare numbers: months, days, weeks, years; cm, mm
levels       what codes mean, "1=alive; 2=dead_of_disease"
missing      further texts that mean missing, "-; tumor progression"
label, description   for readers
"""

from dataclasses import dataclass

from vlms.cleaning import PARSERS, clean_cell
from vlms.reading.cells import CM_PER_UNIT, MONTHS_PER_UNIT, Rules, tidy
from vlms.reading.problems import Findings
from vlms.reading.tables import plain_name, read_table


@dataclass(frozen=True)
class Column:
    """A canonical column: how its cells are read, and what it means.

    Attributes
    ----------
    name, parser, label, description : str
    kind : str
        The pandas dtype.
    outcome, required : bool
        As in `Rules`.
    """

    name: str
    parser: str
    kind: str
    label: str
    description: str
    outcome: bool = False
    required: bool = False


CANONICAL = {
    column.name: column
    for column in (
        Column(
            "patient_id",
            "parse_identifier",
            "string",
            "Patient",
            "identifier, one row a patient",
            outcome=True,
            required=True,
        ),
        Column("age_years", "parse_age", "float64", "Age (years)", "age at diagnosis, in years"),
        Column("sex", "parse_sex", "string", "Sex", "f or m"),
        Column("site", "parse_text", "string", "Site", "where the tumour grew"),
        Column("vessel", "parse_text", "string", "Vessel", "the vessel it arose from"),
        Column("size_cm", "parse_size", "float64", "Size (cm)", "largest diameter, in cm"),
        Column("t_stage", "parse_t_stage", "string", "T", "T1, T2, … at diagnosis"),
        Column("n_stage", "parse_n_stage", "string", "N", "N0 or N1 at diagnosis"),
        Column("m_stage", "parse_m_stage", "string", "M", "M0 or M1 at diagnosis"),
        Column("grade", "parse_grade", "Int64", "Grade", "1, 2 or 3"),
        Column("margin", "parse_margin", "string", "Margin", "R0, R1 or R2"),
        Column("radiotherapy", "parse_yes_no", "boolean", "Radiotherapy", "yes or no"),
        Column("chemotherapy", "parse_yes_no", "boolean", "Chemotherapy", "yes or no"),
        Column(
            "time_months",
            "parse_months",
            "float64",
            "Follow-up (months)",
            "months from diagnosis or operation to death or last contact",
            outcome=True,
            required=True,
        ),
        Column(
            "status",
            "parse_status",
            "string",
            "Status",
            "alive, dead_of_disease or dead_other, at the end of time_months",
            outcome=True,
            required=True,
        ),
        Column(
            "local_recurrence_months",
            "parse_months",
            "float64",
            "Local recurrence (months)",
            "months to local recurrence; blank if none was seen",
            outcome=True,
        ),
        Column(
            "distant_recurrence_months",
            "parse_months",
            "float64",
            "Distant recurrence (months)",
            "months to distant recurrence; blank if none was seen",
            outcome=True,
        ),
    )
}
REQUIRED = tuple(column.name for column in CANONICAL.values() if column.required)
OUTCOMES = tuple(column.name for column in CANONICAL.values() if column.outcome)
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

_KINDS = {
    "parse_number": "float64",
    "parse_months": "float64",
    "parse_age": "float64",
    "parse_size": "float64",
    "parse_dose": "float64",
    "parse_grade": "Int64",
    "parse_yes_no": "boolean",
    "parse_occurred": "boolean",
}
_UNITS = {
    "parse_months": set(MONTHS_PER_UNIT),
    "parse_age": set(MONTHS_PER_UNIT),
    "parse_size": set(CM_PER_UNIT),
    "parse_dose": {"gy"},
}


@dataclass(frozen=True)
class Use:
    """One use of a printed column.

    Attributes
    ----------
    printed, name : str
        What the column is called in the table, and what it becomes.
    parser : str
    rules : Rules
        How its cells are read.
    label, description : str
    """

    printed: str
    name: str
    parser: str
    rules: Rules
    label: str = ""
    description: str = ""

    @property
    def kind(self) -> str:
        """The pandas dtype of the column that results."""
        own = CANONICAL[self.name].kind if self.name in CANONICAL else None
        return own or _KINDS.get(self.parser, "string")

    def clean(self, text: str):
        """Read one cell."""
        return clean_cell(text, PARSERS[self.parser], self.rules)


def canonical_use(name: str, printed: str) -> Use:
    """Return how a canonical column is read that stands in a table under its own name."""
    column = CANONICAL[name]
    rules = Rules(outcome=column.outcome, required=column.required)
    return Use(printed, name, column.parser, rules, column.label, column.description)


def tnm_uses(printed: str) -> list[Use]:
    """Return the four canonical columns that a column named "TNM" holds."""
    return [canonical_use(name, printed) for name in ("t_stage", "n_stage", "m_stage", "grade")]


def read_codebook(path) -> list[Use]:
    """Read a codebook, and refuse it with every problem in it.

    Parameters
    ----------
    path : str or pathlib.Path
        A CSV with the columns `CODEBOOK_COLUMNS`; only printed and name are required.

    Returns
    -------
    list of Use
        In the order of the codebook.

    Raises
    ------
    CohortError
        If the file cannot be read, or a row names no parser, unit or level that exists.
    """
    findings = Findings(str(path))
    table = read_table(path, findings, wanted=CODEBOOK_COLUMNS)
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    for name in ("printed", "name"):
        if name not in places:
            findings.error(f"the codebook has no column {name}", "`vlms codebook` drafts one")
    for name in set(places) - set(CODEBOOK_COLUMNS):
        findings.error("an unknown column of a codebook", "remove it", line=1, column=name)
    findings.stop_if_any()
    uses = []
    for row, line in enumerate(table.lines):
        cells = {
            name: table.columns[places[name]].at(row).strip() if name in places else ""
            for name in CODEBOOK_COLUMNS
        }
        uses += _read_use(cells, int(line), findings)
    pairs = [(plain_name(use.printed), use.name) for use in uses]
    for printed, name in {pair for pair in pairs if pairs.count(pair) > 1}:
        findings.error(f"{printed} is mapped to {name} twice", "remove one", column=name)
    findings.stop_if_any()
    return uses


def _read_use(cells: dict, line: int, findings: Findings) -> list[Use]:
    before = len(findings.errors)

    def refuse(column, problem, remedy):
        findings.error(problem, remedy, line=line, column=column, raw=cells[column])

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
    unit = cells["unit"].casefold()
    allowed = _UNITS.get(parser, {""}) | {""}
    if unit not in allowed and parser in _UNITS:
        refuse("unit", "an unknown unit", f"use one of {', '.join(sorted(allowed - {''}))}")
    elif unit and parser not in _UNITS and parser != "parse_number":
        refuse("unit", f"{parser} has no unit", "leave it blank")
    levels = {}
    for pair in filter(None, map(str.strip, cells["levels"].split(";"))):
        raw, equals, meaning = (part.strip() for part in pair.partition("="))
        key = tidy(raw).casefold()
        if not equals or not meaning or not raw:
            refuse("levels", f"“{pair}” says not what it means", "write code=meaning; code=meaning")
        elif key in levels and levels[key] != meaning:
            refuse("levels", f"“{raw}” has two meanings", "give it one")
        levels[key] = meaning
    missing = frozenset(
        tidy(text).casefold() for text in cells["missing"].split(";") if text.strip()
    )
    if missing & set(levels):
        refuse("missing", "a text is both missing and a level", "remove it from one")
    if len(findings.errors) > before:
        return []
    rules = Rules(
        unit=unit if parser in _UNITS else "",
        outcome=bool(column and column.outcome),
        required=bool(column and column.required),
        levels=levels,
        missing=missing,
    )
    label = cells["label"] or (column.label if column else name)
    description = cells["description"] or (column.description if column else "")
    use = Use(cells["printed"], name, parser, rules, label, description)
    for meaning in levels.values():
        _check_level(use, meaning, line, findings)
    return [use]


def _check_level(use: Use, meaning: str, line: int, findings: Findings):
    try:
        note = PARSERS[use.parser](meaning, use.rules).note
    except ValueError as error:
        findings.error(
            str(error), "name a level that exists", line=line, column="levels", raw=meaning
        )
    else:
        if note and use.name in OUTCOMES:
            findings.error(
                f"a level that is not canonical ({note})",
                "write the canonical word",
                line=line,
                column="levels",
                raw=meaning,
            )
