"""What is wrong with a table: every problem collected, and raised together.

An error forbids any computation. A warning is a decision that the reader of the table should
know of. Both say on which line, for which patient and in which column, and quote the cell.
"""

from dataclasses import dataclass, field

import pandas as pd

_SHOWN = 160  # characters of a cell that are quoted


class CohortError(ValueError):
    """A table that cannot be used, with every problem found in it.

    Attributes
    ----------
    problems : pandas.DataFrame
        file, line, patient_id, column, raw, problem, remedy; one row a problem.
    """

    def __init__(self, problems: pd.DataFrame):
        self.problems = problems
        super().__init__(_describe(problems))

    def __reduce__(self):
        return type(self), (self.problems,)


@dataclass
class Findings:
    """What is found while a file is read.

    Attributes
    ----------
    file : str
    errors, warnings : list of tuple
        line, patient, column, raw, problem, remedy or action.
    header_line : int
    patients : pandas.Series of str
        The identifiers, by line.
    """

    file: str
    errors: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    header_line: int = 1
    patients: pd.Series = field(default_factory=lambda: pd.Series(dtype="string"))

    def error(self, problem, remedy, *, line=None, patient=None, column="", raw=""):
        """Note a problem that forbids any computation."""
        self.errors.append((line, patient, column, _shorten(raw), problem, remedy))

    def warn(self, problem, action, *, line=None, patient=None, column="", raw=""):
        """Note a decision that the reader of the table should know of."""
        self.warnings.append((line, patient, column, _shorten(raw), problem, action))

    def name_patients(self, lines, identifiers: pd.Series):
        """Say which patient stands on which line, so that findings can name the patient."""
        self.patients = pd.Series(identifiers.array, index=lines, dtype="string")

    def stop_if_any(self):
        """Raise `CohortError` with everything found so far, if there is an error."""
        if self.errors:
            problems = _frame(self.errors, "remedy", self.patients)
            problems.insert(0, "file", self.file)
            raise CohortError(problems)

    def issues(self) -> pd.DataFrame:
        """Return the warnings: line, patient_id, column, raw, problem, action."""
        return _frame(self.warnings, "action", self.patients)


def printable(text, longest: int = _SHOWN) -> str:
    """Show any text on one line of a terminal: control characters are written as escapes."""
    text = _shorten(str(text), longest)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _frame(found, last, patients) -> pd.DataFrame:
    names = ["line", "patient_id", "column", "raw", "problem", last]
    frame = pd.DataFrame(found, columns=names).drop_duplicates(ignore_index=True)
    named = frame["patient_id"].isna() & frame["line"].isin(patients.index)
    frame.loc[named, "patient_id"] = patients.loc[frame.loc[named, "line"]].to_numpy(object)
    frame["line"] = frame["line"].astype("Int64")
    text = dict.fromkeys(names[1:], "string")
    return frame.astype(text).sort_values("line", kind="stable", ignore_index=True)


def _shorten(text: str, longest: int = _SHOWN) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _describe(problems: pd.DataFrame, most: int = 200) -> str:
    count = len(problems)
    lines = [f"{count} problem{'s' if count != 1 else ''}, so nothing is computed:"]
    for row in problems.head(most).itertuples():
        where = [printable(row.file)]
        where += [] if pd.isna(row.line) else [f"line {row.line}"]
        where += [] if pd.isna(row.patient_id) else [f"patient {printable(row.patient_id)}"]
        where += [f"column {printable(row.column)}"] if row.column else []
        raw = f" “{printable(row.raw)}”" if row.raw else ""
        lines.append(f"{', '.join(where)}:{raw} {row.problem}; {row.remedy}.")
    if count > most:
        lines.append(f"… and {count - most} more; all are in .problems")
    return "\n".join(lines)
