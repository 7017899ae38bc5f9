"""Which column of a table is read into which of the study's, and what becomes of the others.

A column that is nearly an outcome is refused and not kept as a further one, for its events would be
lost without a word. Where no study is declared, columns that have no canonical name are kept.
"""

import difflib
import re
from dataclasses import replace

from vlms.cohort.cells import (
    PARSERS,
    UNITS,
    CellError,
    Use,
    dangers,
    read_cells,
    tidy,
    use_of,
)
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextColumn, TextTable, plain_name
from vlms.study import SARCOMA, Study

CANONICAL = SARCOMA.columns
REQUIRED = tuple(name for name, column in CANONICAL.items() if column.required)
OUTCOMES = tuple(name for name, column in CANONICAL.items() if column.outcome)
# What others call a canonical column, as `plain_name` writes it.
_OTHERS = {
    "patient_id": "id pid patient pat patient_no patient_number pat_nr patnr patienten_nr nr case",
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
}
SYNONYMS = {other: name for name, others in _OTHERS.items() for other in others.split()}
LIKE_AN_OUTCOME = re.compile(
    "status|vital|dead|death|died|alive|surviv(?!in(?:_|$))|follow|recur|relaps|metasta|progress|time|month|days"
    "|monat|tage|rezidiv|verstorb|(^|_)tod|lebt|nachsorge|mois|jours|deces|recidiv"
)
_DECIMAL_COMMA = re.compile(r"[0-9]*,[0-9]+")


def plan_columns(
    table: TextTable, study: Study, problems: Problems
) -> tuple[list[tuple[int, Use]], list[str]]:
    """Decide what each printed column is: (place, use) in order, and the columns not used."""
    line, there = problems.header_line, ", ".join(table.header)
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    # What a comma and a point in a number can mean in this file.
    free = table.separator not in (",", "")
    texts = (text for column in table.columns for text in column.texts if "," in text)
    seen = free and any(_DECIMAL_COMMA.fullmatch(text.strip()) for text in texts)
    marks = {"comma_is_decimal": free, "comma_seen": seen, "into": study.unit}
    plan, used = [], set()
    for column in study.columns.values():
        for source in column.sources:
            if (key := plain_name(source)) in places:
                plan.append((places[key], use_of(column, printed=source, **marks)))
                used.add(key)
                continue
            problem = f"the study names a column “{source}” that the table does not have"
            close = difflib.get_close_matches(key, places, 1, cutoff=0.7)
            near = f"is it “{table.header[places[close[0]]]}”? " if close else ""
            problems.error(problem, f"{near}The table has {there}", line=line, column=column.name)
    for key, place in places.items():
        if key in study.columns and not study.columns[key].sources and key not in used:
            plan.append((place, use_of(study.columns[key], printed=table.header[place], **marks)))
            used.add(key)
        elif key in study.columns and key not in used and study.based_on:
            problem = f"both this column and, by the study, another is {key}"
            remedy = "name this column in the study, or in the table differently"
            problems.error(problem, remedy, line=line, column=key)
    for _, use in plan:
        _refuse_meanings(use, study, problems)
    named = {use.name for _, use in plan}
    sarcoma = study is SARCOMA or study.based_on
    if sarcoma and "tnm" in places and "tnm" not in used:
        stages = ("t_stage", "n_stage", "m_stage", "grade")
        mark = {"printed": table.header[places["tnm"]], **marks}
        plan += [(places["tnm"], use_of(CANONICAL[name], **mark)) for name in stages]
        used.add("tnm")
    for column in study.columns.values():
        if column.required and column.name not in named and not column.sources:
            problem = f"no column {column.name} ({column.description})"
            remedy = (
                f"`vlms start` writes a study file that says which it is; the table has {there}"
            )
            problems.error(problem, remedy, line=line, column=column.name)
    ignored = set(map(plain_name, study.ignored))
    unused = []
    for key, place in places.items():
        printed = table.header[place]
        if key in used or key in ignored:
            unused += [printed] if key in ignored else []
        elif sarcoma:
            _warn_of_likeness(key, named, problems)
            if danger := dangers(printed):
                problems.warn(danger, "kept", line=line, column=printed)
            plan.append((place, _further(table.columns[place], printed, marks, problems)))
        else:
            close = difflib.get_close_matches(key, [n for n in study.columns if n in named], 1, 0.8)
            like = f" (it resembles {close[0]})" if close else ""
            problem = f"neither declared nor in the study's list of ignored columns{like}"
            problems.warn(problem, "not used", line=line, column=printed)
            unused.append(printed)
    rank = {name: place for place, name in enumerate(study.columns)}
    return sorted(plan, key=lambda item: rank.get(item[1].name, len(rank))), unused


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


def _refuse_meanings(use: Use, study: Study, problems: Problems):
    """Refuse levels that are none of their kind, and units that do not fit it."""
    where = {"column": use.printed}

    def refuse(problem, remedy, raw=""):
        problems.error(f"{problem} (columns.{use.name} of the study)", remedy, raw=raw, **where)

    units = {"date": ("dd/mm/yyyy", "mm/dd/yyyy")}.get(use.kind, UNITS.get(use.kind, ()))
    if use.unit and units and use.unit.casefold() not in units:
        refuse(f"an unknown unit {use.unit}", f"use one of {', '.join(sorted(units))}")
    elif use.unit and not units and use.kind != "number":
        refuse(f"{use.kind} has no unit", "remove it")
    for text in use.missing & set(use.codes):
        refuse("a text is both missing and a level", "remove it from one", text)
    for level in dict.fromkeys(use.codes.values()):
        try:
            note = PARSERS[use.kind](level, use).note
        except CellError as error:
            refuse(error.problem, f"name a level that exists: {error.remedy}", level)
        else:
            if note and use.outcome and use.kind == "status":
                refuse(f"a level that is not canonical ({note})", "write the canonical word", level)


def _warn_of_likeness(key: str, named: set, problems: Problems):
    """Refuse what is nearly a recurrence column, for its events would be lost; warn of others."""
    absent = [name for name in CANONICAL if name not in named]
    ratios = (difflib.SequenceMatcher(None, key[:60], name).ratio() for name in absent)
    likeness = dict(zip(absent, ratios, strict=True))
    likeness |= dict.fromkeys((name for name in absent if key.startswith(name + "_")), 1)
    name = max(likeness, key=likeness.get, default=None)
    where = {"line": problems.header_line, "column": key}
    if name in OUTCOMES and name not in REQUIRED and likeness[name] >= 0.8:
        remedy = f"rename it to {name}, or name it in a study file as what it is"
        problems.error(f"not quite {name}", remedy, **where)
    elif name and likeness[name] >= 0.85:
        problems.warn(f"not quite {name}", "kept as a further column", **where)
    elif LIKE_AN_OUTCOME.search(key):
        problems.warn("may be an outcome", "kept as a further column", **where)


def _further(column: TextColumn, printed: str, marks: dict, problems: Problems) -> Use:
    """Take a column without a canonical name as numbers if all its cells are, else as text."""
    as_text = Use(printed, printed=printed)
    as_number = replace(as_text, kind="number", **marks)
    cells = [text for text in column.texts if tidy(text).strip("-")]
    if any(re.match(r"0[0-9]", text.strip()) for text in cells):  # "007" is a code
        return as_text
    values, said = read_cells(cells, as_number)
    words = any(severity == "error" for severity, *_ in said.values())
    numbers = sum(value is not None for value in values)
    if numbers and not words:
        return as_number
    if numbers > max(2, len(cells) / 2):
        problem = "most cells are numbers, but not all"
        problems.warn(problem, "kept as text", line=problems.header_line, column=printed)
    return as_text
