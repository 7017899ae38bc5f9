"""Checking a reader's own table: is it sound, how was it read, what becomes of its columns?"""

import textwrap
from dataclasses import dataclass, field

import pandas as pd

from vlms.cohort.columns import CANONICAL, OUTCOMES, REQUIRED, resembled
from vlms.cohort.patients import examine
from vlms.cohort.personal import personal_columns
from vlms.cohort.problems import CohortError, Problems, by_kind, counted, printable
from vlms.cohort.tables import SEPARATORS

_MOST_KINDS = 12  # of problems, and
_MOST_NAMES = 14  # of columns that are told on one screen
_WIDTH = 100
_WIDEST = 90  # characters of a cell in a table on the terminal


@dataclass(frozen=True)
class Check:
    """What a check of a table found.

    Attributes
    ----------
    file : str
    patients : int
        0 if the table cannot be used.
    events : dict
        How many deaths and recurrences of each kind; only what the table records.
    problems, warnings : pandas.DataFrame
        As `CohortError.problems` and `Cohort.issues`.
    read_as : dict
        rows, columns, separator, encoding, decimal_mark and time_unit, as the table was read.
    ignored : dict of str to str
        Columns that no analysis uses unless it is asked to, and the canonical name that each
        resembles; empty if none.
    absent : list of str
        Optional canonical columns that the table does not have.
    personal : list of tuple of str
        Columns that look as if they named a person: the column, as what it looks, and why.
    missing : dict of str to int
        Patients without a value, by column. A blank recurrence says that none was seen.
    """

    file: str
    patients: int = 0
    events: dict = field(default_factory=dict)
    problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: pd.DataFrame = field(default_factory=pd.DataFrame)
    read_as: dict = field(default_factory=dict)
    ignored: dict = field(default_factory=dict)
    absent: list = field(default_factory=list)
    personal: list = field(default_factory=list)
    missing: dict = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether the table can be analysed."""
        return self.problems.empty

    def as_dict(self) -> dict:
        """Return everything in types that JSON knows, every cell by itself; missing is None."""
        return {
            "file": self.file,
            "sound": self.sound,
            "read_as": self.read_as,
            "patients": self.patients,
            "events": self.events,
            "problems": _records(self.problems),
            "warnings": _records(self.warnings),
            "ignored": [
                {"column": name, "resembles": other or None} for name, other in self.ignored.items()
            ],
            "absent": self.absent,
            "looks_like": [
                dict(zip(("column", "what", "because"), found, strict=True))
                for found in self.personal
            ],
            "missing": self.missing,
        }

    def as_text(self, *, every_cell=False) -> str:
        """Return a summary of one screen, or a table of every cell; safe to print to a terminal."""
        file = self.file if self.sound else self.problems["file"].iloc[0]  # or the codebook
        lines = [printable(file, 4096) + self._reading()]
        if self.events:
            lines.append("  " + ", ".join(f"{what}: {n}" for what, n in self.events.items()))
        lines += self._columns()
        for found, title in ((self.problems, "problem"), (self.warnings, "warning")):
            if found.empty:
                continue
            nothing = ", so nothing is computed" if title == "problem" else ""
            lines += ["", counted(len(found), title) + nothing]
            if every_cell:
                shown = found.astype(object).where(found.notna(), "")
                shown = shown.map(lambda cell: printable(cell, 1000))  # what to do is never cut
                lines.append(shown.to_string(index=False))
            else:
                lines += _kinds(found)
        return "\n".join(lines)

    def _reading(self) -> str:
        """Say how the file was read."""
        if not self.read_as:
            return ""
        rows = counted(self.patients, "patient") if self.sound else f"{self.read_as['rows']} rows"
        comma = self.read_as["decimal_mark"] == "comma"
        return (
            f": {rows}, {counted(self.read_as['columns'], 'column')};"
            f" {self.read_as['separator']}, {self.read_as['encoding'].upper()}"
            f"{', decimal comma' if comma else ''}; times in {self.read_as['time_unit']}"
        )

    def _columns(self) -> list[str]:
        """Say in a few lines what becomes of the columns, and what they hold."""
        resembling = [f"{name} (resembles {to})" for name, to in self.ignored.items() if to]
        others = [name for name, to in self.ignored.items() if not to]
        missing = [f"{name} {count}" for name, count in self.missing.items() if count]
        rename = "; rename it, or map it in a codebook, if that is what it holds"
        lines = [
            _named("not used", resembling, rename),
            _named("not used", others, "; only if you name it as group or covariate"),
            _named("absent", self.absent),
            _named("missing values", missing or (["none"] if self.missing else [])),
        ]
        for what in dict.fromkeys(what for _, what, _ in self.personal):
            found = [f"{name} ({why})" for name, kind, why in self.personal if kind == what]
            lines.append(
                _named(f"looks like {what}", found, "; remove it before you share the file")
            )
        return [row for line in lines for row in _wrapped(line, 2)]


def check_cohort(path, codebook=None, *, encoding=None) -> Check:
    """Check a table, without computing anything from it.

    Parameters
    ----------
    path, codebook, encoding
        As `vlms.cohort.read_cohort` takes them.

    Returns
    -------
    Check
        Never raises for what is in the file.

    Examples
    --------
    >>> check_cohort("https://example.org/patients.csv").problems["problem"].tolist()
    ['an address on a network, which is never fetched']
    """
    problems = Problems(str(path))
    try:
        patients, table, plan = examine(path, codebook, problems, encoding=encoding)
    except CohortError as error:
        return Check(str(path), problems=error.problems)
    named = {use.name for _, use in plan}
    absent = [name for name in CANONICAL if name not in named]
    marks = plan[0][1] if plan else None
    seen = {
        "read_as": {
            "rows": len(table.lines),
            "columns": len(table.header),
            "separator": SEPARATORS[table.separator],
            "encoding": table.encoding,
            "decimal_mark": "comma" if marks and marks.comma_seen else "point",
            "time_unit": _time_unit(plan),
        },
        "ignored": {
            use.printed: resembled(use.printed, absent)
            for _, use in plan
            if use.name not in CANONICAL
        },
        "absent": [name for name in absent if name not in REQUIRED],
        "personal": personal_columns(
            table, {place for place, use in plan if use.name in CANONICAL}
        ),
        "missing": _missing(patients, plan, problems),
        "warnings": problems.issues(),
    }
    try:
        problems.stop_if_any()
    except CohortError as error:
        return Check(str(path), problems=error.problems, **seen)
    return Check(str(path), len(patients), _events(patients), **seen)


def _events(patients) -> dict:
    """Count deaths and recurrences of each kind."""
    status = patients["status"].value_counts()
    events = {
        "deaths of the disease": int(status.get("dead_of_disease", 0)),
        "other deaths": int(status.get("dead_other", 0)),
    }
    for where in ("local", "distant"):
        if f"{where}_recurrence_months" in patients:
            seen = patients[f"{where}_recurrence_months"].notna()
            events[f"{where} recurrences"] = int(seen.sum())
    return events


def _time_unit(plan) -> str:
    """Say in which unit the times of the table stand."""
    uses = [use for _, use in plan if use.name in OUTCOMES and use.parser == "parse_months"]
    units = dict.fromkeys(use.unit or "months" for use in uses)
    return ", ".join(units) or "no unit"


def _missing(patients, plan, problems: Problems) -> dict:
    """Count the patients without a value; a cell that is listed as a problem is not one of them."""
    unread = {(column, line) for line, _, column, *_ in problems.errors if line}
    counts = {}
    for name in patients:
        if name not in OUTCOMES or name in REQUIRED:
            printed = {use.printed for _, use in plan if use.name == name}
            listed = len({line for column, line in unread if column in printed})
            counts[name] = max(0, int(patients[name].isna().sum()) - listed)
    return counts


def _named(title: str, names: list[str], more: str = "") -> str:
    """Set names in a line of the summary; of many, the first."""
    shown = ", ".join(printable(name, _WIDEST) for name in names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        shown += f" and {len(names) - _MOST_NAMES} more (--json lists all)"
    return f"{title}: {shown}{more}" if names else ""


def _kinds(found: pd.DataFrame) -> list[str]:
    """Tell problems by column and kind: how many cells, what they hold, where, what to write."""
    kinds = by_kind(found)
    width = max(len(kind.column) for kind in kinds)
    lines = []
    for kind in kinds[:_MOST_KINDS]:
        said = ": ".join(filter(None, [kind.held, kind.problem]))
        lines += _wrapped(f"{kind.column:{width}}  {said}", 2, width + 4)
        what_to_do = " · ".join(filter(None, [kind.where, kind.action]))
        lines += _wrapped(what_to_do, width + 4, width + 4)
    if len(kinds) > _MOST_KINDS:
        lines.append(f"  … and {len(kinds) - _MOST_KINDS} more kinds")
    if len(found) > min(len(kinds), _MOST_KINDS):
        lines.append("  --all lists every cell")
    return lines


def _wrapped(line: str, indent: int, hanging: int = 0) -> list[str]:
    """Break a line at the width of a terminal, but within no word."""
    return textwrap.wrap(
        line,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (hanging or indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _records(frame: pd.DataFrame) -> list[dict]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
