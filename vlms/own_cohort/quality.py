"""How sound a cohort is: what was read with a doubt, what is missing, who is left out.

In safe mode problems are counted by kind, because the reader's own words may quote a cell.
"""

import pandas as pd

from vlms.disclosure import WITHHELD
from vlms.endpoints import ENDPOINTS, time_to_event
from vlms.own_cohort.study import Study, endpoint_name, table
from vlms.presentation import say, together
from vlms.reading.codebook import CANONICAL

MISSING = "missing"
# What is said of a problem in safe mode: the reader's own words may quote a cell.
_KINDS = {
    "turned into": "a unit was converted",
    "range": "a range was read as its middle",
    "dose": "a dose was read as yes or no",
    "kind of treatment": "a kind of treatment was read as yes",
    "three words": "a status was written in other words",
    "largest": "the largest of several diameters was taken",
    "not known": "a text may mean that the value is not known",
    "none was seen": "a text was read as none seen",
    "unusual age": "an unusual age",
    "outcome": "a further column may hold an outcome",
    "formula": "a text that a spreadsheet would run",
}
_NOT_VALUES = {"patient_id", "local_recurrence_months", "distant_recurrence_months"}


def show_quality(study: Study, *, label):
    """Show what was decided while the file was read, and what is missing.

    Parameters
    ----------
    study : Study
    label : str
        Of the first table; the second has ``-missing`` after it.

    Returns
    -------
    Several

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> print(show_quality(study, label="tbl-quality").shown[0])
    Table tbl-quality: Cells that were read with a doubt, counted by column and kind. ...
    """
    issues = study.cohort.issues
    if study.rules.safe:
        found = _issue_counts(study, issues)
        caption = (
            "Cells that were read with a doubt, counted by column and kind. Which cells they are "
            "is not shown; `vlms check` lists them for whoever holds the file."
        )
    else:
        found = issues[["line", "patient_id", "column", "raw", "problem", "action"]]
        caption = "Every cell that was read with a doubt, and what was done."
    first = (
        table(found, label=label, caption=caption.replace("`", ""))
        if len(found)
        else say("Every cell was read without a doubt.")
    )
    caption = "Patients of whom a value is not known, of all patients in the file."
    return together(first, table(_missing(study), label=f"{label}-missing", caption=caption))


def show_flow(study: Study, *, label):
    """Show how many patients each endpoint leaves out, and how many events it has.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Shown

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv", endpoints=["overall_survival"])
    >>> print(show_flow(study, label="tbl-flow"))
    Table tbl-flow: Patients and events of each endpoint.
    endpoint | patients | left out | why | analysed | events | definition
    overall survival | 150 | <10 | no status or follow-up time | 150 | ...
    """
    rules, everyone = study.rules, len(study.patients)
    rows = []
    for endpoint in study.endpoints:
        frame = time_to_event(study.patients, endpoint)
        reasons = sorted({reason for _, reason in frame.attrs["left_out"]})
        rows.append(
            {
                "endpoint": endpoint_name(endpoint),
                "patients": rules.count(everyone),
                "left_out": rules.count(everyone - len(frame)),
                "why": "; ".join(reasons) if not rules.safe else _reasons(study, endpoint),
                "analysed": rules.count(len(frame), near=everyone),
                "events": events_text(study, endpoint, frame["event"]),
                "definition": ENDPOINTS[endpoint],
            }
        )
    caption = "Patients and events of each endpoint."
    return table(pd.DataFrame(rows), label=label, caption=caption)


def events_text(study: Study, endpoint, event) -> str:
    """Print a number of events; withheld where those without, or of another cause, are few."""
    rules, n = study.rules, int(event.sum())
    if not rules.safe:
        return str(n)
    rest = [len(event) - n]
    if endpoint == "disease_specific_survival":
        rest.append(int((study.patients["status"] == "dead_other").sum()))
    return WITHHELD if min(rest) < rules.min_count <= n else rules.count(n)


def _issue_counts(study, issues):
    named = {*CANONICAL, *study.covariates, *study.group_variables}
    kinds = issues["problem"].map(_kind).astype(str)
    columns = issues["column"].where(issues["column"].isin(list(named)), "further columns")
    counted = issues.groupby([columns.astype(str), kinds], dropna=False).size()
    rows = [
        (study.label(column) if column in named else column, kind, study.rules.count(n))
        for (column, kind), n in counted.items()
    ]
    return pd.DataFrame(rows, columns=["column", "what was done", "cells"])


def _kind(problem):
    return next((said for sign, said in _KINDS.items() if sign in str(problem)), "another doubt")


def _missing(study):
    wanted = [name for name in CANONICAL if name in study.patients and name not in _NOT_VALUES]
    wanted += [name for name in study.covariates + study.group_variables if name not in CANONICAL]
    rows = []
    for name in dict.fromkeys(wanted):
        lacking = int(study.patients[name].isna().sum())
        if not study.rules.safe and not lacking:
            continue
        shown = study.rules.share(lacking, len(study.patients))
        rows.append((study.label(name), shown))
    return pd.DataFrame(rows, columns=["variable", MISSING])


def _reasons(study, endpoint):
    why = {"no status or follow-up time"}
    if endpoint in {"distant_recurrence", "recurrence_free_survival"}:
        why |= {"M1 at time zero"} if "m_stage" in study.patients else set()
    return "; ".join(sorted(why))
