"""What each column of a table is: canonical, mapped by a codebook, or a further one.

A column that is nearly an outcome is refused and not kept as a further one, for its events would be
lost without a word. A codebook is a CSV with one row for each use of a printed column. Several
printed columns may feed one canonical column (they must then agree), and one printed column several
canonical ones ("T2 N0 M0 G2" holds four). Nothing is guessed about outcomes: a draft leaves their
meaning blank, and a blank is refused when the codebook is used. Its columns:

printed      the column's name in the table
name         the canonical name, or a further name of one's own
parser       one of `cells.PARSERS`; blank: the canonical column's own
unit         of bare numbers: months, days, weeks, years; cm, mm
levels       what codes mean, "1=alive; 2=dead_of_disease"
missing      further texts that mean missing, "-; tumor progression"
label, description   for readers
"""

import csv
import difflib
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vlms.cohort.cells import PARSERS, UNITS, CellError, Column, dangers, read_cells, tidy
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextColumn, TextTable, plain_name, read_table

CODEBOOK_COLUMNS = "printed name parser unit levels missing label description".split()

_MOST_LEVELS = 12
# Made up; one death of each kind, one recurrence of each kind, and cells left blank.
_EXAMPLE = """\
A01,61,f,thigh,femoral vein,9 x 6 x 4,T2,N0,M0,3,R1,yes,no,28,dead_of_disease,12,20
A02,54,m,lower leg,great saphenous vein,4.5,T1,N0,M0,2,R0,no,no,64.5,alive,,
A03,77,f,retroperitoneum,inferior vena cava,,,,M0,1,R0,no,no,41,dead_other,,
"""

_LIKE_AN_OUTCOME = re.compile(
    "status|vital|dead|death|died|alive|surviv|follow|recur|relaps|metasta|progress|time|month|days"
    "|monat|tage|rezidiv|verstorb|(^|_)tod|lebt|nachsorge|mois|jours|deces|recidiv"
)
_DECIMAL_COMMA = re.compile(r"[0-9]*,[0-9]+")

# name | parser | label | what it means | whether it is an outcome, required | what others call it,
# as `plain_name` writes it
_TABLE = """
patient_id | identifier | Patient | identifier, one row a patient | outcome required |
age_years | age | Age (years) | age at diagnosis, in years || age alter age_at_diagnosis \
age_at_diagnosis_years alter_jahre
sex | sex | Sex | f or m || gender geschlecht sexe
site | text | Site | where the tumour grew || location localisation localization lokalisation \
anatomic_site
vessel | text | Vessel | the vessel it arose from || affected_vessel gefass vein
size_cm | size | Size (cm) | largest diameter, in cm || size tumor_size tumour_size tumor_size_cm \
tumour_size_cm
t_stage | t_stage | T | T1, T2, … at diagnosis || t pt t_category
n_stage | n_stage | N | N0 or N1 at diagnosis || n pn n_category
m_stage | m_stage | M | M0 or M1 at diagnosis || m m_category
grade | grade | Grade | 1, 2 or 3 || grading fnclcc g grade_fnclcc
margin | margin | Margin | R0, R1 or R2 || margins resection_margin r r_status resection
radiotherapy | yes_no | Radiotherapy | yes or no || rt radiation radiatio bestrahlung
chemotherapy | yes_no | Chemotherapy | yes or no || ctx chemo chemotherapie
time_months | months | Follow-up (months) | months from diagnosis or operation to death or last \
contact | outcome required |
status | status | Status | alive, dead_of_disease or dead_other, at the end of time_months | \
outcome required |
local_recurrence_months | months | Local recurrence (months) | months to local recurrence; blank \
if none was seen | outcome |
distant_recurrence_months | months | Distant recurrence (months) | months to distant recurrence; \
blank if none was seen | outcome |
"""
CANONICAL, _SYNONYMS = {}, {}
for _row in _TABLE.strip().split("\n"):
    _name, _parser, _label, _meaning, _flags, _others = map(str.strip, _row.split("|"))
    _is = {flag: flag in _flags for flag in ("outcome", "required")}
    CANONICAL[_name] = Column(_name, f"parse_{_parser}", _label, _meaning, **_is)
    _SYNONYMS |= dict.fromkeys(_others.split(), _name)
REQUIRED = tuple(name for name, column in CANONICAL.items() if column.required)
OUTCOMES = tuple(name for name, column in CANONICAL.items() if column.outcome)


def read_codebook(path) -> list[Column]:
    """Read a codebook, a CSV with printed, name and more, or refuse it with every problem in it."""
    problems = Problems(str(path))
    table = read_table(path, problems, wanted=CODEBOOK_COLUMNS)
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    for name in ("printed", "name"):
        if name not in places:
            problems.error(f"the codebook has no column {name}", "`vlms codebook` drafts one")
    for name in set(places) - set(CODEBOOK_COLUMNS):
        problems.error("an unknown column of a codebook", "remove it", line=1, column=name)
    problems.stop_if_any()
    uses = []
    for row, line in enumerate(table.lines):
        cells = {
            name: table.columns[places[name]].at(row).strip() if name in places else ""
            for name in CODEBOOK_COLUMNS
        }
        uses += _read_use(cells, int(line), problems)
    pairs = [(plain_name(use.printed), use.name) for use in uses]
    for printed, name in {pair for pair in pairs if pairs.count(pair) > 1}:
        problems.error(f"{printed} is mapped to {name} twice", "remove one", column=name)
    problems.stop_if_any()
    return uses


def write_template(path) -> tuple[Path, Path]:
    """Write an empty table with the canonical header, and beside it a filled "-example".

    Raises FileExistsError or FileNotFoundError, and writes nothing, if either file exists or the
    folder does not.
    """
    empty = Path(path)
    if not empty.name or not empty.parent.is_dir():
        raise FileNotFoundError(f"no file can be written at “{path}”; name one in an open folder")
    example = empty.with_name(f"{empty.stem}-example{empty.suffix}")
    for target in (empty, example):
        if target.exists() or target.is_symlink():
            raise FileExistsError(f"{target} exists already; name another file, or remove it")
    header = ",".join(CANONICAL) + "\n"
    empty.write_text(header, encoding="utf-8")
    example.write_text(header + _EXAMPLE, encoding="utf-8")
    return empty, example


def draft_codebook(path, *, encoding=None) -> pd.DataFrame:
    """Draft a codebook for a table, to be corrected by whoever knows the table.

    A column under a canonical header, or a well-known name for one, is mapped to it. A column
    that may be an outcome, and every code whose meaning is not plain, is left to be filled in.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> draft = draft_codebook(DATA / "tilkorn2010" / "patients.csv").set_index("printed")
    >>> draft.loc[["age", "localisation"], "name"].tolist()
    ['age_years', 'site']
    """
    problems = Problems(str(path))
    table = read_table(path, problems, wanted=[*CANONICAL, *_SYNONYMS], encoding=encoding)
    problems.stop_if_any()
    pairs = zip(table.header, table.columns, strict=True)
    rows = [_draft(printed, column) for printed, column in pairs]
    return pd.DataFrame(rows, columns=CODEBOOK_COLUMNS).fillna("")


def write_codebook(draft: pd.DataFrame, stream) -> None:
    """Write a codebook as CSV to an open text stream."""
    draft.to_csv(stream, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")


def plan_columns(
    table: TextTable, book: list[Column], problems: Problems
) -> list[tuple[int, Column]]:
    """Decide what each printed column is; the place in the table and its use, in order."""
    line, there = problems.header_line, ", ".join(table.header)
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    plan, claimed = [], {use.name for use in book}
    mapped = {plain_name(use.printed) for use in book}
    for use in book:
        if (key := plain_name(use.printed)) in places:
            plan.append((places[key], use))
            continue
        problem = f"the codebook names a column “{use.printed}” that the table does not have"
        problems.error(problem, f"the table has {there}", line=line, column=use.name)
    for key, place in places.items():
        if key not in mapped and (key in CANONICAL or key in claimed):
            if key in claimed:
                problem = f"both this column and, by the codebook, another is {key}"
                remedy = "name this column in the codebook, or in the table differently"
                problems.error(problem, remedy, line=line, column=key)
            use = CANONICAL.get(key, Column(key))
            plan.append((place, replace(use, printed=table.header[place])))
            mapped.add(key)
    named = {use.name for _, use in plan}
    if "tnm" in places and "tnm" not in mapped:
        stages = ("t_stage", "n_stage", "m_stage", "grade")
        printed = table.header[places["tnm"]]
        plan += [(places["tnm"], replace(CANONICAL[name], printed=printed)) for name in stages]
    for name in (name for name in REQUIRED if name not in named):
        problem = f"no column {name} ({CANONICAL[name].description})"
        remedy = f"rename a column, or map it in a codebook; the table has {there}"
        problems.error(problem, remedy, line=line, column=name)
    for name in (use.name for _, use in plan if use.name not in CANONICAL):
        for outcome in set(OUTCOMES).difference(REQUIRED, named):
            if difflib.SequenceMatcher(None, name[:60], outcome).ratio() >= 0.9:
                problems.warn(f"not quite {outcome}", "kept as a further column", column=name)
    # What a comma and a point in a number can mean in this file.
    free = table.separator != ","
    texts = (text for column in table.columns for text in column.texts if "," in text)
    seen = free and any(_DECIMAL_COMMA.fullmatch(text.strip()) for text in texts)
    marks = {"comma_is_decimal": free, "comma_seen": seen}
    for key, place in places.items():
        if key not in mapped:
            _warn_of_likeness(key, named, problems)
            if danger := dangers(table.header[place]):
                problems.warn(danger, "kept", line=line, column=table.header[place])
            use = _further(table.columns[place], table.header[place], marks, problems)
            plan.append((place, use))
    plan = [(place, replace(use, **marks)) for place, use in plan]
    rank = {name: place for place, name in enumerate(CANONICAL)}
    return sorted(plan, key=lambda item: rank.get(item[1].name, len(rank)))


def resembled(printed: str, absent) -> str:
    """Return which of some canonical columns a printed one resembles, or an empty text."""
    key = plain_name(printed)[:60]
    if _SYNONYMS.get(key) in absent:
        return _SYNONYMS[key]
    known = {re.sub("_(years|cm|months|stage)$", "", name): name for name in absent}
    known = {word: name for word, name in known.items() if len(word) > 3}
    known |= {name: name for name in absent}
    found = difflib.get_close_matches(key, known, 1, cutoff=0.8)
    return known[found[0]] if found else ""


def _read_use(cells: dict, line: int, problems: Problems) -> list[Column]:
    """Read one row of a codebook; of a wrong one note all that is wrong."""
    before = len(problems.errors)

    def refuse(column, problem, remedy):
        problems.error(problem, remedy, line=line, column=column, raw=cells[column])

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
    unit, units = cells["unit"].casefold(), UNITS.get(parser, {})
    if unit and units and unit not in units:
        refuse("unit", "an unknown unit", f"use one of {', '.join(sorted(units))}")
    elif unit and not units and parser != "parse_number":
        refuse("unit", f"{parser} has no unit", "leave it blank")
    levels = {}
    for pair in filter(None, map(str.strip, cells["levels"].split(";"))):
        raw, equals, meaning = (part.strip() for part in pair.partition("="))
        key = tidy(raw).casefold()
        if not equals or not meaning or not raw:
            refuse("levels", f"“{pair}” says not what it means", "write code=meaning; code=meaning")
        elif levels.setdefault(key, meaning) != meaning:
            refuse("levels", f"“{raw}” has two meanings", "give it one")
    texts = filter(str.strip, cells["missing"].split(";"))
    missing = frozenset(tidy(text).casefold() for text in texts)
    if missing & set(levels):
        refuse("missing", "a text is both missing and a level", "remove it from one")
    if len(problems.errors) > before:
        return []
    said = {key: cells[key] for key in ("printed", "label", "description") if cells[key]}
    said |= {"parser": parser, "unit": unit if units else "", "levels": levels, "missing": missing}
    use = replace(column or Column(name, label=name), **said)
    for meaning in levels.values():
        where = {"line": line, "column": "levels", "raw": meaning}
        try:
            note = PARSERS[parser](meaning, use).note
        except CellError as error:
            problems.error(str(error), "name a level that exists", **where)
        else:
            if note and name in OUTCOMES:
                problem = f"a level that is not canonical ({note})"
                problems.error(problem, "write the canonical word", **where)
    return [use]


def _draft(printed: str, column: TextColumn) -> dict:
    """Draft the row of one column."""
    key = plain_name(printed)
    texts = [text for text in map(str.strip, column.texts) if text]
    # Bare of what a spreadsheet would take for a formula; it is recognised all the same.
    shown = "".join(char if char.isprintable() else " " for char in printed)
    row = {"printed": shown.lstrip("=+-@ ").rstrip()}
    name = key if key in CANONICAL else _SYNONYMS.get(key, "")
    if not name and _LIKE_AN_OUTCOME.search(key):
        note = "an outcome? Then give it a canonical name; else one of your own"
        return row | {"levels": _levels(texts), "description": note}
    if not name:
        number = Column(key, "parse_number")
        parser = "parse_number" if texts and all(map(number.reads, texts)) else ""
        return row | {"name": key, "parser": parser, "label": row["printed"]}
    use = CANONICAL[name]
    row |= {"name": name, "parser": use.parser, "label": use.label, "description": use.description}
    row["levels"] = _levels([text for text in texts if not use.reads(text)])
    return row | {"unit": {"parse_age": "years", "parse_size": "cm"}.get(use.parser, "")}


def _levels(texts: list[str]) -> str:
    """List codes for which a meaning is to be filled in, unless they are many or measurements."""
    known = {shown for text in texts if (shown := tidy(text)) and shown.isprintable()}
    if len(known) > _MOST_LEVELS or any(re.search(r"[;=]|^[+@-]", text) for text in known):
        return ""
    return "; ".join(f"{text}=" for text in sorted(known) if len(text) < 60)


def _warn_of_likeness(key: str, named: set, problems: Problems):
    """Refuse what is nearly a recurrence column, for its events would be lost; warn of others."""
    absent = [name for name in CANONICAL if name not in named]
    ratios = (difflib.SequenceMatcher(None, key[:60], name).ratio() for name in absent)
    likeness = dict(zip(absent, ratios, strict=True))
    likeness |= dict.fromkeys((name for name in absent if key.startswith(name + "_")), 1)
    name = max(likeness, key=likeness.get, default=None)
    where = {"line": problems.header_line, "column": key}
    if name in OUTCOMES and name not in REQUIRED and likeness[name] >= 0.8:
        remedy = f"rename it to {name}, or name it in a codebook as what it is"
        problems.error(f"not quite {name}", remedy, **where)
    elif name and likeness[name] >= 0.85:
        problems.warn(f"not quite {name}", "kept as a further column", **where)
    elif _LIKE_AN_OUTCOME.search(key):
        problems.warn("may be an outcome", "kept as a further column", **where)


def _further(column: TextColumn, printed: str, marks: dict, problems: Problems) -> Column:
    """Take a column without a canonical name as numbers if all its cells are, else as text."""
    as_text = Column(printed, printed=printed)
    as_number = Column(printed, "parse_number", printed=printed, **marks)
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
