"""What each printed column of a table is: canonical, mapped by a codebook, or a further one.

A column that is nearly an outcome is refused and not kept as a further one, for its events would be
lost without a word.
"""

import difflib
import re
from dataclasses import replace

from vlms.cohort.cells import CellError, Column, dangers, tidy
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextColumn, TextTable, plain_name

LIKE_AN_OUTCOME = re.compile(
    "status|vital|dead|death|died|alive|surviv|follow|recur|relaps|metasta|progress|time|month|days"
    "|monat|tage|rezidiv|verstorb|(^|_)tod|lebt|nachsorge|mois|jours|deces|recidiv"
)
_DECIMAL_COMMA = re.compile(r"[0-9]*,[0-9]+")

# name | how its cells are read | label | what it means | whether it is an outcome, required
_TABLE = """
patient_id    | parse_identifier | Patient      | identifier, one row a patient | outcome required
age_years     | parse_age     | Age (years)     | age at diagnosis, in years |
sex           | parse_sex     | Sex             | f or m |
site          | parse_text    | Site            | where the tumour grew |
vessel        | parse_text    | Vessel          | the vessel it arose from |
size_cm       | parse_size    | Size (cm)       | largest diameter, in cm |
t_stage       | parse_t_stage | T               | T1, T2, … at diagnosis |
n_stage       | parse_n_stage | N               | N0 or N1 at diagnosis |
m_stage       | parse_m_stage | M               | M0 or M1 at diagnosis |
grade         | parse_grade   | Grade           | 1, 2 or 3 |
margin        | parse_margin  | Margin          | R0, R1 or R2 |
radiotherapy  | parse_yes_no  | Radiotherapy    | yes or no |
chemotherapy  | parse_yes_no  | Chemotherapy    | yes or no |
time_months   | parse_months  | Follow-up (months) | months from diagnosis or operation to death \
or last contact | outcome required
status        | parse_status  | Status          | alive, dead_of_disease or dead_other, at the end \
of time_months | outcome required
local_recurrence_months | parse_months | Local recurrence (months) | months to local recurrence; \
blank if none was seen | outcome
distant_recurrence_months | parse_months | Distant recurrence (months) | months to distant \
recurrence; blank if none was seen | outcome
"""
CANONICAL = {
    name: Column(name, *about, outcome="outcome" in flags, required="required" in flags)
    for name, *about, flags in (map(str.strip, row.split("|")) for row in _TABLE.split("\n") if row)
}
REQUIRED = tuple(name for name, column in CANONICAL.items() if column.required)
OUTCOMES = tuple(name for name, column in CANONICAL.items() if column.outcome)
# What others call them, as `plain_name` writes it.
SYNONYMS = {
    synonym: name
    for name, synonyms in {
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
    }.items()
    for synonym in synonyms.split()
}


def plan_columns(
    table: TextTable, book: list[Column], problems: Problems
) -> list[tuple[int, Column]]:
    """Decide what each printed column is; the place in the table and its use, in order."""
    line = problems.header_line
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    plan, claimed = [], {use.name for use in book}
    mapped = {plain_name(use.printed) for use in book}
    for use in book:
        if (key := plain_name(use.printed)) in places:
            plan.append((places[key], use))
            continue
        problem = f"the codebook names a column “{use.printed}” that the table does not have"
        remedy = f"the table has {', '.join(table.header)}"
        problems.error(problem, remedy, line=line, column=use.name)
    for key, place in places.items():
        if key not in mapped and (key in CANONICAL or key in claimed):
            if key in claimed:
                problem = f"both this column and, by the codebook, another is {key}"
                remedy = "name this column in the codebook, or in the table differently"
                problems.error(problem, remedy, line=line, column=key)
            plan.append((place, replace(CANONICAL[key], printed=table.header[place])))
            mapped.add(key)
    named = {use.name for _, use in plan}
    if "tnm" in places and "tnm" not in mapped:
        stages = ("t_stage", "n_stage", "m_stage", "grade")
        printed = table.header[places["tnm"]]
        plan += [(places["tnm"], replace(CANONICAL[name], printed=printed)) for name in stages]
    for name in (name for name in REQUIRED if name not in named):
        problem = f"no column {name} ({CANONICAL[name].description})"
        remedy = (
            f"rename a column, or map it in a codebook; the table has {', '.join(table.header)}"
        )
        problems.error(problem, remedy, line=line, column=name)
    for _, use in plan:
        if use.name not in CANONICAL:
            _warn_of_misspelling(use.name, named, problems)
    marks = _decimal_marks(table)
    for key, place in places.items():
        if key not in mapped:
            _warn_of_likeness(key, named, problems)
            if danger := dangers(table.header[place]):
                problems.warn(danger, "kept", line=line, column=table.header[place])
            plan.append(
                (place, _further(table.columns[place], table.header[place], marks, problems))
            )
    plan = [(place, replace(use, **marks)) for place, use in plan]
    rank = {name: place for place, name in enumerate(CANONICAL)}
    return sorted(plan, key=lambda item: rank.get(item[1].name, len(rank)))


def resembled(printed: str, absent) -> str:
    """Return which of some canonical columns a printed one resembles, or an empty text."""
    key = plain_name(printed)[:60]
    if SYNONYMS.get(key) in absent:
        return SYNONYMS[key]
    known = {re.sub("_(years|cm|months|stage)$", "", name): name for name in absent}
    known = {word: name for word, name in known.items() if len(word) > 3}
    known |= {name: name for name in absent}
    found = difflib.get_close_matches(key, known, 1, cutoff=0.8)
    return known[found[0]] if found else ""


def _warn_of_likeness(key: str, named: set, problems: Problems):
    """Refuse what is nearly a recurrence column, for its events would be lost; warn of others."""
    likeness = {
        name: 1 if key.startswith(name + "_") else _likeness(key[:60], name)
        for name in CANONICAL
        if name not in named
    }
    name = max(likeness, key=likeness.get, default=None)
    where = {"line": problems.header_line, "column": key}
    if name in OUTCOMES and name not in REQUIRED and likeness[name] >= 0.8:
        remedy = f"rename it to {name}, or name it in a codebook as what it is"
        problems.error(f"not quite {name}", remedy, **where)
    elif name and likeness[name] >= 0.85:
        problems.warn(f"not quite {name}", "kept as a further column", **where)
    elif LIKE_AN_OUTCOME.search(key):
        problems.warn("may be an outcome", "kept as a further column", **where)


def _warn_of_misspelling(name: str, named: set, problems: Problems):
    """Warn of a name in the codebook that is nearly a recurrence's, for it is read as none."""
    for outcome in set(OUTCOMES).difference(REQUIRED, named):
        if _likeness(name[:60], outcome) >= 0.9:
            problems.warn(f"not quite {outcome}", "kept as a further column", column=name)


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _further(column: TextColumn, printed: str, marks: dict, problems: Problems) -> Column:
    """Take a column without a canonical name as numbers if all its cells are, else as text."""
    as_text = Column(printed, printed=printed)
    as_number = Column(printed, "parse_number", printed=printed, **marks)
    cells = [text for text in column.texts if tidy(text).strip("-")]
    if any(re.match(r"0[0-9]", text.strip()) for text in cells):  # "007" is a code
        return as_text
    numbers = words = 0
    for text in cells:
        try:
            numbers += as_number.clean(text).value is not None
        except CellError:
            words += 1
    if numbers and not words:
        return as_number
    if numbers > max(2, len(cells) / 2):
        problem = "most cells are numbers, but not all"
        problems.warn(problem, "kept as text", line=problems.header_line, column=printed)
    return as_text


def _decimal_marks(table: TextTable) -> dict:
    """Find out what a comma and a point in a number can mean in this file."""
    free = table.separator != ","
    texts = (text for column in table.columns for text in column.texts if "," in text)
    seen = free and any(_DECIMAL_COMMA.fullmatch(text.strip()) for text in texts)
    return {"comma_is_decimal": free, "comma_seen": seen}
