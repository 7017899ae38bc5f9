"""What is wrong with a table: every problem collected, raised together, and told by kind.

An error forbids any computation. A warning is a decision that the reader of the table should
know of. Both say on which line, for which patient and in which column, and quote the cell. Told
to a person, they are grouped by column and kind: a code that 165 cells hold is one problem.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

_SHOWN = 160  # characters of a cell that are quoted
_MOST_KINDS = 30  # in the message of an exception
_FEW = 3  # lines, patients and texts that are named for each kind
# What differs between two problems of one kind: numbers, and the texts of cells.
_PARTICULAR = re.compile(r"“[^”]*”|\b[0-9][0-9.,]*\b|(?<=gives ).*?(?= for )|(?<=this one ).*")


class CohortError(ValueError):
    """A table that cannot be used; ``problems`` is a frame of all that is wrong with it.

    Its columns are file, line, patient_id, column, raw, problem and remedy.
    """

    def __init__(self, problems: pd.DataFrame):
        self.problems = problems
        super().__init__(_message(problems))

    def __reduce__(self):
        return type(self), (self.problems,)


@dataclass
class Problems:
    """What is found while a file is read; ``patients`` are the identifiers, by line."""

    file: str
    errors: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    header_line: int = 1
    patients: pd.Series = field(default_factory=lambda: pd.Series(dtype="string"))

    def error(self, problem, remedy, **where):
        """Note a problem that forbids any computation: its line, patient, column and raw text."""
        self.note("error", problem, remedy, **where)

    def warn(self, problem, action, **where):
        """Note a decision that the reader of the table should know of."""
        self.note("warning", problem, action, **where)

    def note(self, severity, problem, what, *, line=None, patient=None, column="", raw=""):
        """Note an "error" or a "warning"."""
        found = self.errors if severity == "error" else self.warnings
        found.append((line, patient, column, _shorten(raw), problem, what))

    def stop(self, problem, remedy, **where):
        """Note a problem after which nothing more can be read, and raise `CohortError`."""
        self.error(problem, remedy, **where)
        self.stop_if_any()

    def stop_if_any(self):
        """Raise `CohortError` with everything found so far, if there is an error."""
        if self.errors:
            problems = _as_frame(self.errors, "remedy", self.patients)
            problems.insert(0, "file", self.file)
            raise CohortError(problems)

    def issues(self) -> pd.DataFrame:
        """Return the warnings: line, patient_id, column, raw, problem, action."""
        return _as_frame(self.warnings, "action", self.patients)


def printable(text, longest: int = _SHOWN) -> str:
    """Show any text on one line of a terminal: control characters are written as escapes."""
    text = _shorten(str(text), longest)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


class Kind(NamedTuple):
    """Problems of one kind in one column, in words: what and how many cells, where, what to do."""

    column: str
    held: str
    where: str
    problem: str
    action: str


def by_kind(found: pd.DataFrame) -> list[Kind]:
    """Group problems, or issues, by column and kind, in the order of their first lines."""
    masked = found["problem"].astype(object).map(lambda text: _PARTICULAR.sub("…", text))
    kinds = []
    for (column, _), cells in found.groupby([found["column"], masked], sort=False):
        where = [_few("line", cells["line"]), _few("patient", cells["patient_id"])]
        said = map(_first_of, (cells["problem"], cells.iloc[:, -1]))
        kinds.append(
            Kind(printable(column, 30), _held(cells["raw"]), ", ".join(filter(None, where)), *said)
        )
    return kinds


def counted(number: int, what: str) -> str:
    """Write a number of things: "1 problem", "2 problems"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _as_frame(found, last, patients) -> pd.DataFrame:
    """Put what was found into a frame, in the order of the lines, with the patients' names."""
    names = ["line", "patient_id", "column", "raw", "problem", last]
    frame = pd.DataFrame(found, columns=names).drop_duplicates(ignore_index=True)
    named = frame["patient_id"].isna() & frame["line"].isin(patients.index)
    frame.loc[named, "patient_id"] = patients.loc[frame.loc[named, "line"]].to_numpy(object)
    frame["line"] = frame["line"].astype("Int64")
    text = dict.fromkeys(names[1:], "string")
    return frame.astype(text).sort_values("line", kind="stable", ignore_index=True)


def _held(raws: pd.Series) -> str:
    """Say how many cells are of a kind, and what most of them hold."""
    counts = raws[raws != ""].value_counts().head(_FEW + 1)
    times = " ({})" if len(counts) > 1 and counts.iloc[0] > 1 else ""
    texts = [f"“{printable(raw, 60)}”" + times.format(n) for raw, n in counts.items()]
    held = ", ".join(texts[:_FEW]) + (", …" if len(texts) > _FEW else "")
    if len(raws) == 1:
        return held
    return f"{len(raws)} cells" + (f" hold {held}" if held else "")


def _few(what: str, values: pd.Series) -> str:
    """Name the first few of some values: "lines 2 and 5", "lines 2, 3, 4, …"."""
    shown = [printable(value, 40) for value in values.dropna().unique()[: _FEW + 1]]
    if not shown:
        return ""
    if len(shown) > _FEW:
        return f"{what}s {', '.join(shown[:_FEW])}, …"
    *first, last = shown
    return f"{what}s {', '.join(first)} and {last}" if first else f"{what} {last}"


def _first_of(said: pd.Series) -> str:
    """Return what is said of the first cell of a kind, and whether it differs for others."""
    return printable(said.iloc[0], 1000) + (" (the first)" if said.nunique() > 1 else "")


def _shorten(text: str, longest: int = _SHOWN) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _message(problems: pd.DataFrame) -> str:
    """Tell each kind of problem on a line."""
    lines = [f"{counted(len(problems), 'problem')}, so nothing is computed:"]
    kinds = by_kind(problems)
    file = printable(problems["file"].iloc[0])
    for kind in kinds[:_MOST_KINDS]:
        column = f"column {kind.column}" if kind.column else ""
        where = ", ".join(filter(None, [file, kind.where, column]))
        held = f" {kind.held}" if kind.held else ""
        lines.append(f"{where}:{held} {kind.problem}; {kind.action}.")
    if len(kinds) > _MOST_KINDS:
        lines.append(f"… and {len(kinds) - _MOST_KINDS} more kinds; all are in .problems")
    return "\n".join(lines)
