"""What each printed column of a table is: canonical, mapped by a codebook, or a further one.

A column that is nearly an outcome is refused and not kept as a further one, for its events would be
lost without a word.
"""

import difflib
import re
from dataclasses import replace

from vlms.reading.cells import CellError, Rules, hazards, tidy
from vlms.reading.codebook import CANONICAL, OUTCOMES, REQUIRED, Use, canonical_use, tnm_uses
from vlms.reading.problems import Findings
from vlms.reading.tables import TextColumn, TextTable, plain_name

LIKE_AN_OUTCOME = re.compile(
    "status|vital|dead|death|died|alive|surviv|follow|recur|relaps|metasta|progress|time|month|days"
    "|monat|tage|rezidiv|verstorb|(^|_)tod|lebt|nachsorge|mois|jours|deces|recidiv"
)
_DECIMAL_COMMA = re.compile(r"[0-9]*,[0-9]+")


def plan_columns(table: TextTable, book: list[Use], findings: Findings) -> list[tuple[int, Use]]:
    """Decide what each printed column is; the place in the table and its use, in order."""
    places = {plain_name(name): place for place, name in enumerate(table.header)}
    plan, mapped = [], set()
    for use in book:
        key = plain_name(use.printed)
        mapped.add(key)
        if key in places:
            plan.append((places[key], use))
        else:
            findings.error(
                f"the codebook names a column “{use.printed}” that the table does not have",
                f"the table has {', '.join(table.header)}",
                line=findings.header_line,
                column=use.name,
            )
    claimed = {use.name for use in book}
    for key, place in places.items():
        if key not in mapped and (key in CANONICAL or key in claimed):
            if key in claimed:
                findings.error(
                    f"both this column and, by the codebook, another is {key}",
                    "name this column in the codebook, or in the table differently",
                    line=findings.header_line,
                    column=key,
                )
            plan.append((place, canonical_use(key, table.header[place])))
            mapped.add(key)
    named = {use.name for _, use in plan}
    if "tnm" in places and "tnm" not in mapped:
        plan += [(places["tnm"], use) for use in tnm_uses(table.header[places["tnm"]])]
    _require(named, table.header, findings)
    for _, use in plan:
        if use.name not in CANONICAL:
            _warn_of_misspelling(use.name, named, findings)
    marks = _decimal_marks(table)
    for key, place in places.items():
        if key not in mapped:
            _warn_of_likeness(key, named, findings)
            if danger := hazards(table.header[place]):
                findings.warn(danger, "kept", line=findings.header_line, column=table.header[place])
            further = _further(table.columns[place], table.header[place], marks, findings)
            plan.append((place, further))
    plan = [(place, replace(use, rules=replace(use.rules, **marks))) for place, use in plan]
    rank = {name: place for place, name in enumerate(CANONICAL)}
    return sorted(plan, key=lambda item: rank.get(item[1].name, len(rank)))


def _require(named: set, header: list[str], findings: Findings):
    for name in REQUIRED:
        if name not in named:
            findings.error(
                f"no column {name} ({CANONICAL[name].description})",
                f"rename a column, or map it in a codebook; the table has {', '.join(header)}",
                line=findings.header_line,
                column=name,
            )


def _warn_of_likeness(key: str, named: set, findings: Findings):
    """Refuse what is nearly a recurrence column, for its events would be lost; warn of others."""
    likeness = {
        name: 1 if key.startswith(name + "_") else _likeness(key[:60], name)
        for name in CANONICAL
        if name not in named
    }
    name = max(likeness, key=likeness.get, default=None)
    if name in OUTCOMES and name not in REQUIRED and likeness[name] >= 0.8:
        findings.error(
            f"not quite {name}",
            f"rename it to {name}, or name it in a codebook as what it is",
            line=findings.header_line,
            column=key,
        )
    elif name and likeness[name] >= 0.85:
        findings.warn(
            f"not quite {name}", "kept as a further column", line=findings.header_line, column=key
        )
    elif LIKE_AN_OUTCOME.search(key):
        findings.warn(
            "may be an outcome", "kept as a further column", line=findings.header_line, column=key
        )


def _warn_of_misspelling(name: str, named: set, findings: Findings):
    """Warn of a name in the codebook that is nearly a recurrence's, for it is read as none."""
    for outcome in set(OUTCOMES).difference(REQUIRED, named):
        if _likeness(name[:60], outcome) >= 0.9:
            findings.warn(
                f"not quite {outcome}", "kept as a further column", line=None, column=name
            )


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _further(column: TextColumn, printed: str, marks: dict, findings: Findings) -> Use:
    """Take a column without a canonical name as numbers if all its cells are, else as text."""
    as_text = Use(printed, printed, "parse_text", Rules())
    as_number = Use(printed, printed, "parse_number", Rules(**marks))
    cells = [text for text in column.texts if tidy(text).strip("-")]
    if any(re.match(r"0[0-9]", text.strip()) for text in cells):  # "007" is a code
        return as_text
    numbers = words = 0
    for text in cells:
        try:
            numbers += 1 if as_number.clean(text).value is not None else 0
        except CellError:
            words += 1
    if numbers and not words:
        return as_number
    if numbers > max(2, len(cells) / 2):
        findings.warn(
            "most cells are numbers, but not all",
            "kept as text",
            line=findings.header_line,
            column=printed,
        )
    return as_text


def _decimal_marks(table: TextTable) -> dict:
    """Find out what a comma and a point in a number can mean in this file."""
    free = table.separator != ","
    texts = (text for column in table.columns for text in column.texts if "," in text)
    seen = free and any(_DECIMAL_COMMA.fullmatch(text.strip()) for text in texts)
    return {"comma_is_decimal": free, "comma_seen": seen}
