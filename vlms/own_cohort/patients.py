"""Who the patients are: marks, the file, attrition, Table 1."""

import contextlib
import re

import numpy as np
import pandas as pd

from vlms.cohort import readable
from vlms.describing import spread_groups, standardised_difference
from vlms.disclosure import OTHER, WITHHELD, Withheld, safe_table_one
from vlms.own_cohort.opening import OwnCohort, folded, text
from vlms.showing import say, together

MOST_LEVELS = 30  # in Table 1
TOO_FEW_GROUPS = "there are fewer than two groups that can be shown"
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


def show_marks(own: OwnCohort):
    """Say at the top whether the patients are made up, and what the report may be used for."""
    made_up = say(
        "**Made-up patients.** Rows of this cohort say that they were made up. Nothing about "
        "the disease can be learnt from this report, and no P value in it is evidence."
    )
    safe = say(
        "**Disclosure: safe.** Rules were applied to everything below: numbers about fewer than "
        "{least} patients are withheld, counts are rounded, curves are coarse. The rules are "
        "listed at the end. They lower the risk that a patient is recognised; whether the report "
        "may be shared is for you to decide.",
        least=own.rules.min_count,
    )
    full = say(
        "**Disclosure: full. Do not share.** No rule was applied: this report holds rows, "
        "identifiers, exact times and small numbers of the patients."
    )
    return together(*([made_up] if own.made_up else []), safe if own.rules.safe else full)


def show_quality(own: OwnCohort, label="tbl-quality"):
    """Show what was decided while the file was read, and what is missing."""
    issues = own.cohort.issues
    named = {*own.study.columns, *own.covariates, *own.groups}
    caption = "Every cell that was read with a doubt, and what was done."
    found = issues[["line", "patient_id", "column", "raw", "problem", "action"]]
    if own.rules.safe:
        columns = issues["column"].where(issues["column"].isin(named), "further columns")
        kinds = issues["problem"].map(_kind).astype(str)
        counted = issues.groupby([columns.astype(str), kinds]).size()
        rows = [
            (own.label(column) if column in named else column, kind, own.rules.count(n))
            for (column, kind), n in counted.items()
        ]
        found = pd.DataFrame(rows, columns=["column", "what was done", "cells"])
        caption = (
            "Cells that were read with a doubt, counted by column and kind. Which cells they are "
            "is not shown; “vlms check” lists them for whoever holds the file."
        )
    first = say("Every cell was read without a doubt.")
    if len(found):
        # Last, and in no manuscript: it may name patients.
        doubts = [own.table(found, label=label, caption=caption, manuscript=False)]
        first = folded(
            f"Cells that were read with a doubt ({own.rules.count(len(issues))})", doubts
        )
    names = [name for name in own.study.columns if name in own.patients]
    names = [n for n in names if n not in {"patient_id", *own.event_columns}]
    lacking = own.patients[list(dict.fromkeys(names + own.covariates + own.groups))].isna().sum()
    rows = [
        (own.label(name), own.rules.share(n, len(own.patients)))
        for name, n in lacking.items()
        if n or own.rules.safe
    ]
    missing = pd.DataFrame(rows, columns=["variable", "missing"])
    caption = "Patients of whom a value is not known, of all patients in the file."
    if missing.empty:
        return together(say("No value is missing."), first)
    return together(own.table(missing, label=f"{label}-missing", caption=caption), first)


def show_flow(own: OwnCohort, label="tbl-flow"):
    """Show the way from the file to each endpoint: who is left out and why, and what happened.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort import open_cohort
    >>> path, chosen = DATA / "example_cohort" / "patients.csv", ["overall_survival"]
    >>> own = open_cohort(path, endpoints=chosen, disclosure="full")
    >>> print(show_flow(own).shown[0])
    Table tbl-flow: From the file to each endpoint: patients.
    step | Overall survival
    in the file | 150
    analysed | 150
    with the event | 90
    censored | 60
    """
    everyone, columns, rows = len(own.patients), {}, []
    for endpoint in own.endpoints:
        frame, rules = own.frame(endpoint), own.rules
        column = {"in the file": rules.count(everyone)}
        why = pd.Series([reason for _, reason in frame.attrs["left_out"]], dtype=object)
        if rules.safe:  # all reasons together: one of them may be about a few
            column["left out"] = rules.count(len(why))
        else:
            column |= {f"left out: {text(r)}": str(n) for r, n in why.value_counts().items()}
        column["analysed"] = rules.count(len(frame), near=everyone)
        column["with the event"] = count_events(own, endpoint)
        if not rules.safe:
            competed = int((frame["cause"] == 2).sum()) if "cause" in frame else 0
            if competed:
                column["with a competing event"] = str(competed)
            column["censored"] = str(len(frame) - int(frame["event"].sum()) - competed)
            if unknown := len(frame.attrs["unknown"]):
                column["of these of unknown cause"] = str(unknown)
        title = own.title(endpoint)
        columns[f"{title} ({endpoint})" if title in columns else title] = column
        reasons = "" if rules.safe else "; ".join(sorted(set(map(text, why))))
        name = re.sub(" (specific|free)", r"-\1", readable(endpoint))
        row = {"endpoint": name, "patients": column["in the file"]}
        row |= {"left_out": rules.count(len(why)), "why": reasons, "analysed": column["analysed"]}
        row |= {"events": column["with the event"], "definition": own.definition(endpoint)}
        rows.append(row)
    frame = pd.DataFrame(columns)
    order = ["in the file", *sorted(r for r in frame.index if r.startswith("left out")), "analysed"]
    order += "with the event,with a competing event,censored,of these of unknown cause".split(",")
    frame = frame.reindex([row for row in order if row in frame.index]).fillna("0")
    flow = frame.rename_axis("step").reset_index()
    data = pd.DataFrame(rows)
    defined = data[["endpoint", "definition"]].assign(endpoint=list(columns))
    caption = "From the file to each endpoint: patients."
    return together(
        own.table(flow, label=label, caption=caption, data=data),
        own.table(defined, label=f"{label}-endpoints", caption="What each endpoint counts."),
    )


def show_table_one(own: OwnCohort, label="tbl-one"):
    """Show Table 1: of all patients and, with standardised differences, of each group."""
    known = [n for n, c in own.study.columns.items() if n in own.patients and not c.never_shown]
    known = [n for n in known if n not in own.study.later and n != "patient_id"]
    names = list(dict.fromkeys(known + own.covariates + own.groups))
    many = [n for n in names if not own.is_numeric(n) and own.patients[n].nunique() > MOST_LEVELS]
    shown = [own.skipped(own.label(n), f"it has more than {MOST_LEVELS} levels") for n in many]
    shares = (
        "Counts are rounded to 5, shares are of all patients of the group."
        if own.rules.safe
        else "Shares are of the patients of whom the variable is known."
    )
    labels = {name: own.label(name) for name in names}
    groups = []
    for by in own.groups:
        if len(own.rules.levels(own.patients[by]).cat.categories) > 1:
            groups.append(by)
        else:
            shown.append(own.skipped(f"Table 1 by {own.label(by)}", TOO_FEW_GROUPS))
    for place, by in enumerate(groups or [None]):
        columns = [name for name in names if name != by and name not in many]
        tidy = safe_table_one(own.patients, own.rules, columns=columns, by=by, labels=labels)
        caption = f"Patients{f', by {own.label(by)}' if by else ''}. {shares}"
        pooled = any(str(group).endswith(OTHER) for group in tidy["group"])
        if by and not pooled and "missing" not in set(tidy["group"]):
            n = own.rules.count(own.rules.levels(own.patients[by]).isna().sum())
            if n != "0":
                caption += f" In the last column only, as {own.label(by)} is missing: {n}."
        wide = spread_groups(tidy).rename(columns=text)
        wide["level"] = wide["level"].map(text)
        data = wide
        if by:
            wide = wide.copy()
            wide["SMD"] = _differences(own, wide, columns, by)
            caption += (
                " SMD: standardised difference, the largest of any two groups as recorded, missing "
                "values left out; above 0.1 is often called out of balance."
            )
        name = f"{label}-{place + 1}" if place else label
        shown.append(own.table(wide, label=name, caption=caption, data=data, grouped=True))
        if by:
            differences = wide.loc[wide["SMD"] != "", ["variable", "SMD"]]
            shown.append(own.data_file(differences, label=f"{name}-differences"))
    return together(*shown)


def count_events(own, endpoint):
    """Print a number of events; withheld where those without, or of another cause, are few."""
    frame = own.frame(endpoint)
    n = int(frame["event"].sum())
    rest = [len(frame) - n]
    if "cause" in frame:
        rest += [int((frame["cause"] == 2).sum())]
    return WITHHELD if min(rest) < own.rules.least <= n else own.rules.count(n)


def _differences(own, wide, columns, by):
    """The standardised difference of each variable, beside its first line."""
    labels, found = {own.label(name): name for name in columns}, []
    hidden = (wide.drop(columns=["variable", "level", "all"]) == WITHHELD).any(axis=1)
    hidden = hidden.groupby(wide["variable"]).any()
    for at, variable in enumerate(wide["variable"]):
        name = labels.get(variable)
        if name is None or (at and wide["variable"][at - 1] == variable):
            found.append("")
        elif own.rules.safe and hidden[variable]:
            found.append(WITHHELD)
        else:
            values = own.patients[name]
            values = values if own.is_numeric(name) else own.rules.recorded(values)
            value = standardised_difference(values, own.patients[by])
            sizes = own.patients[by][values.notna()].value_counts()
            with contextlib.suppress(Withheld):
                found.append(own.rules.release_number(value, sizes[sizes > 0]))
            found += [WITHHELD] * (len(found) == at)
    own.note("standardised_difference")
    return np.array(found, dtype=object)


def _kind(problem):
    """The kind of a problem, in words that quote nothing."""
    return next((said for sign, said in _KINDS.items() if sign in str(problem)), "another doubt")
