"""What must hold between the cells of a cohort, beyond each of them being readable.

An error forbids any computation: a repeated patient, a recurrence after the end of follow-up, a
recurrence at 0 months (in most tables a code for "none"), times that cannot be in one unit. A
warning is listed: what is possible, but more often a slip.
"""

import re
import unicodedata

import numpy as np
import pandas as pd

from vlms.cohort.cells import tidy

RECURRENCES = ("local_recurrence_months", "distant_recurrence_months")
OLDEST_YEARS = 115

_PADDED = re.compile(r"(?<![0-9.])0+(?=[0-9])|(?<=[0-9])\.0*$", re.MULTILINE)


def incoherences(patients: pd.DataFrame):
    """Yield what does not fit together, one finding at a time.

    Parameters
    ----------
    patients : pandas.DataFrame
        The canonical frame; a cell that could not be read is NA.

    Yields
    ------
    tuple
        severity ("error" or "warning"), row (None where the whole column is meant), column,
        problem, and what to write instead or what was done.
    """
    yield from _repeated_patients(patients)
    if "time_months" not in patients:
        return
    yield from _recurrences(patients)
    yield from _mixed_units(patients)
    yield from _impossible_ages(patients)
    yield from _unlikely(patients)


def _repeated_patients(patients):
    """One row a patient, however the identifier is written."""
    if "patient_id" not in patients:
        return
    known = patients["patient_id"].dropna()
    keys = pd.Series(_keys(known.tolist()), index=known.index, dtype=object)
    if len(repeated := keys[keys.duplicated(keep=False)]):
        first = repeated.drop_duplicates()
        first_row = dict(zip(first, first.index, strict=True))
        for row, key in repeated[repeated.duplicated()].items():
            other = known[first_row[key]]
            differs = "" if known[row] == other else ", which differs only in case or spaces"
            remedy = "one row a patient: remove one, or give each its own identifier"
            yield "error", row, "patient_id", f"the same patient as “{other}”{differs}", remedy
    if _PADDED.search("\n".join(keys)):
        bare = keys.str.replace(_PADDED, "", regex=True)
        for row in bare[bare.duplicated() & ~keys.duplicated()].index:
            problem = "the same number as another patient's, written in another way"
            yield "warning", row, "patient_id", problem, "kept as two patients"


def _keys(identifiers: list[str]) -> list[str]:
    """Write identifiers so that those that look alike are the same."""
    joined = "".join(identifiers)
    if joined.isalnum() and joined.isascii():  # nearly always, at a tenth of the cost
        return "\n".join(identifiers).casefold().split("\n")
    # One letter can be written in several ways that look alike; a spreadsheet's leading
    # apostrophe only says that the cell is text.
    shown = (tidy(unicodedata.normalize("NFKC", text)) for text in identifiers)
    return ["".join(text.split()).casefold().lstrip("'") for text in shown]


def _recurrences(patients):
    """A recurrence lies after time zero, and not after the end of follow-up."""
    time, dead = patients["time_months"], pd.Series(False, index=patients.index)
    if "status" in patients:
        dead = _begins(patients["status"], "dead")
    for column in RECURRENCES:
        if column not in patients:
            continue
        months = patients[column]
        # Both are scaled alike, so only the last bit can differ.
        for row in patients.index[months > time * (1 + 1e-12)]:
            problem = f"after the end of follow-up at {time[row]:g} months"
            yield "error", row, column, problem, "correct the recurrence, or time_months"
        for row in patients.index[months == 0]:
            problem = "a recurrence at 0 months, or a code for none?"
            yield "error", row, column, problem, "leave it blank if none was seen"
        for row in patients.index[dead & (months > 0) & (abs(months - time) <= time * 1e-12)]:
            problem = "a recurrence on the day of death; or is this the time of death?"
            yield "warning", row, column, problem, "kept as a recurrence"
        seen = months.dropna()
        if len(seen) and (seen == 1).all():
            yield "warning", None, column, "holds nothing but 1", "read as one month, not as yes"


def _mixed_units(patients):
    """Look for days among months: far above all others, and above twenty years."""
    time = patients["time_months"]
    median = time.median() if time.notna().any() else 0
    suspect = np.zeros(len(time), dtype=bool)
    if time.notna().sum() >= 8 and median >= 3:
        suspect = (time > 240) & (time > 15 * median)
    for row in patients.index[suspect]:
        problem = f"more than 15 times the median of {median:g} months: days among months?"
        yield "error", row, "time_months", problem, "write every time in months"
    for row in patients.index[(time > 240) & ~suspect]:
        yield "warning", row, "time_months", "more than 20 years; is it in days?", "kept as months"
    if median > 240:
        problem = f"half of the times are above {median:g} months; are they in days?"
        yield "warning", None, "time_months", problem, "kept as months"


def _impossible_ages(patients):
    """Nobody is followed beyond a human life."""
    if "age_years" not in patients:
        return
    oldest = patients["age_years"] + patients["time_months"] / 12
    for row in patients.index[oldest > OLDEST_YEARS]:
        problem = f"the patient would be {oldest[row]:.0f} years old at the end of follow-up"
        yield "error", row, "time_months", problem, "correct the age or the time"


def _unlikely(patients):
    """What is possible, but more often a slip."""
    time = patients["time_months"]
    if len(time) > 1 and (time == 0).all():
        problem = "every follow-up time is 0: is this the right column?"
        yield (
            "warning",
            None,
            "time_months",
            problem,
            "kept as 0 months; there is nothing to analyse",
        )
    for row in patients.index[time == 0]:
        yield "warning", row, "time_months", "no follow-up at all", "kept as 0 months"
    if {"m_stage", "distant_recurrence_months"} <= set(patients):
        later = patients["distant_recurrence_months"].notna()
        spread = _begins(patients["m_stage"], "M1")
        for row in patients.index[spread & later]:
            problem = "M1 at diagnosis, and yet a first distant recurrence later"
            action = "kept; not at risk of a distant recurrence, so left out of that endpoint"
            yield "warning", row, "distant_recurrence_months", problem, action
    if (
        "status" in patients
        and len(patients)
        and patients["status"].eq("alive").fillna(False).all()
    ):
        yield "warning", None, "status", "every patient is alive", "there is no death to analyse"
    others = patients.columns.difference(["patient_id"])
    if len(others) >= 4 and len(patients):
        known = patients[list(others)].notna().sum(axis=1) >= 4  # blank rows are not alike
        for row in patients.index[known & patients.duplicated(subset=list(others))]:
            problem = "but for the identifier the same as an earlier patient"
            yield "warning", row, "patient_id", problem, "kept as two patients"


def _begins(column: pd.Series, start: str) -> pd.Series:
    """Whether each cell begins with a text; looked up among the distinct ones."""
    return column.isin([text for text in column.dropna().unique() if text.startswith(start)])
