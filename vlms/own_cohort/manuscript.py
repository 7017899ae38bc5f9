"""The files of a manuscript: tables for Word and Excel, methods, and a checklist filled in.

The checklists follow STROBE (von Elm et al., Lancet 2007;370:1453) and, with markers, REMARK
(McShane et al., J Natl Cancer Inst 2005;97:1180), in our own words. An item is filled in only from
what ran, and names the table or figure by its number; all others are for the authors to state.
"""

import io

import pandas as pd

from vlms.own_cohort.closing import methods_text
from vlms.own_cohort.opening import OwnCohort, files, folded
from vlms.showing import say, together

AUTHORS = "authors to state"
# number | what is asked | what here answers it: see `_answers`
STROBE = """
1a|the design, in the title or the abstract|
1b|an abstract that says fairly what was done and found|
2|what was known and why the study was done|
3|aims, and hypotheses set beforehand|
4|the main features of the design, early in the paper|
5|where, and when patients were recruited and followed|
6a|who could take part, how they were found and followed|zero
6b|for matched cohorts, how they were matched|
7|outcomes, exposures, predictors and confounders, each defined|endpoints
8|where each variable comes from and how it was measured|
9|what was done against bias|
10|how the number of patients came about|
11|how numbers were handled, and why they were grouped as they are|numbers
12a|statistical methods, those against confounding among them|methods
12b|methods for subgroups and interactions|subgroup-methods
12c|what was done about missing values|missing-methods
12d|how loss to follow-up was dealt with|censoring
12e|sensitivity analyses|sensitivity
13a|how many patients there were at each stage|flow
13b|why patients were left out at each stage|left-out
13c|a flow diagram|diagram
14a|what the patients were like|one
14b|of how many each variable is not known|missing
14c|how long they were followed|follow-up
15|outcome events, or their share over time|events
16a|estimates alone and adjusted with their precision, and why these confounders|ratios
16b|where numbers were cut|cuts
16c|absolute risks over a meaningful time|absolute
17|other analyses: subgroups, interactions, sensitivity|others
18|main results, held against the aims|
19|limitations, with direction and size of bias|
20|a cautious interpretation|
21|to whom the results apply|
22|who paid, and what part they had|
"""
REMARK = """
R1|the marker, the aims, and hypotheses set beforehand|
R2|the patients: source, stage, other illness, who was taken and who was not|one
R3|treatments received, and how they were chosen|
R4|the specimens, controls among them, and how they were kept|
R5|the assay in detail, with its quality control, done without knowing the outcome|
R6|how cases were chosen; the period; the median follow-up|follow-up
R7|all clinical endpoints, defined|endpoints
R8|all variables that were looked at|covariates
R9|why the sample is as large as it is|
R10|statistical methods, and what was done about missing values|methods
R11|how marker values entered, and how cut-points were found|
R12|the flow of patients with the number of events|flow
R13|distributions of the standard variables and of the marker, with missing values|one
R14|how the marker goes with the standard variables|
R15|marker and outcome alone, with curves|ratios
R16|estimates with intervals from multivariable models|multivariable
R17|among these, marker and standard variables together, significant or not|
R18|further checks: assumptions of the model, sensitivity|checks
R19|interpretation against the hypotheses and other studies, with limitations|
R20|what it means for research and for care|
"""


def show_manuscript(own: OwnCohort):
    """Hand over tables, methods and checklist for a manuscript, where they were asked for."""
    if not own.paper:
        return together()
    checklist = checklist_of(own)
    made = {
        "tables.docx": _word([(label, caption, frame) for label, caption, frame, _ in own.tables]),
        "tables.xlsx": _excel(own.tables),
        "methods.txt": ("\n\n".join(methods_text(own)) + "\n").encode(),
    }
    stated = int((checklist["answer"] != AUTHORS).sum())
    name = "STROBE and REMARK" if "markers" in own.ran else "STROBE"
    caption = (
        f"{name}, in our own words: {stated} of {len(checklist)} items are answered from what ran, "
        "in whole or in part."
    )
    table = own.table(checklist, label="tbl-checklist", caption=caption)
    made["checklist.docx"] = _word([("", caption, checklist)])
    drawings = "600-dpi PNG, PDF and SVG"
    if own.rules.safe:
        drawings = (
            "600-dpi PNG only: a PDF or SVG holds each coordinate, and figures that may be shared "
            "are pixels"
        )
    said = say(
        "Beside this page stand tables.docx, tables.xlsx, methods.txt, checklist.docx and each "
        "figure as {drawings}.",
        drawings=drawings,
    )
    return together(said, folded("The checklist", [table]), files(made))


def checklist_of(own) -> pd.DataFrame:
    """The checklist: item, what is asked, answer."""
    answers = _answers(own)
    items = STROBE + (REMARK if "markers" in own.ran else "")
    rows = []
    for line in items.strip().splitlines():
        if line:
            item, asked, source = line.split("|")
            rows.append((item, asked, answers.get(source) or AUTHORS))
    return pd.DataFrame(rows, columns=["item", "what is asked", "answer"])


def _answers(own):
    """What ran answers, by the names that the lists use; blank where it answers nothing."""
    tables = {label: f"Table {k}" for k, (label, *_) in enumerate(own.tables, 1)}
    figures = {label: f"Figure {k}" for k, (label, _) in enumerate(own.drawn, 1)}

    def where(start, among=tables):
        return ", ".join(number for label, number in among.items() if label.startswith(start))

    ran, cuts = own.ran, [own.label(name) for name in own.groups if name in own.made_of]
    numbers = [f"{own.label(n)} {own.of_unit(n)[1]}" for n in own.covariates if own.is_numeric(n)]
    hazard, kept = where("tbl-hazard"), where("tbl-sensitivity")
    subgroups = where("tbl-subgroups")
    partly = "the rest: authors to state"
    others = [
        f"{what}: {found}"
        for what, found in (
            ("subgroups", subgroups),
            ("landmark", where("fig-landmark", figures)),
            ("time-dependent", where("tbl-time-dependent")),
            ("sensitivity", kept),
        )
        if found
    ]
    flow = where("tbl-flow").split(", ")[0]
    zero = own.study.time_zero
    return {
        "zero": zero and f"time zero: {zero}; {partly}",
        "endpoints": f"endpoints: {tables.get('tbl-flow-endpoints', '')}; {partly}",
        "numbers": numbers and f"linear in Cox models: {', '.join(numbers)}; {partly}",
        "methods": "the methods paragraph (methods.txt); why these: authors to state",
        "subgroup-methods": "subgroups" in ran and "the methods paragraph: test of interaction",
        "missing-methods": "cox" in ran and "complete cases of each model; see the methods",
        "censoring": "kaplan_meier" in ran
        and "those without the event are censored at their last time; whether those lost differ: "
        "authors to state",
        "sensitivity": kept and f"{kept}; see the methods",
        "flow": flow and f"from the file on: {flow}; before it: authors to state",
        "diagram": flow and f"as a table, from the file on: {flow}; {partly}",
        "left-out": flow and f"of those in the file: {flow}; before it: authors to state",
        "one": where("tbl-one") and f"{where('tbl-one')}; {partly}",
        "missing": tables.get("tbl-quality-missing"),
        "follow-up": where("fig-follow-up", figures)
        and f"median by the reverse Kaplan–Meier method, {where('fig-follow-up', figures)}",
        "events": f"{flow}; {where('fig-endpoints', figures)}".strip("; "),
        "ratios": hazard and f"{hazard}; why these covariates: authors to state",
        "multivariable": "multivariable" in ran and hazard,
        "cuts": cuts and f"{', '.join(cuts)}; why there: authors to state",
        "absolute": where("tbl-endpoints"),
        "others": "; ".join(others),
        "covariates": f"{', '.join(map(own.label, own.covariates))}; {partly}",
        "checks": "proportional_hazards" in ran and f"proportional hazards: {hazard}",
    }


def _word(tables):
    """A Word document with these tables, numbered, each under its caption."""
    from docx import Document
    from docx.shared import Pt

    document = Document()
    document.styles["Normal"].font.size = Pt(9)
    for number, (label, caption, frame) in enumerate(tables, start=1):
        begins = f"Table {number}. " if label else ""
        document.add_paragraph().add_run(f"{begins}{caption}").bold = True
        grid = document.add_table(rows=1, cols=len(frame.columns), style="Table Grid")
        for cell, head in zip(grid.rows[0].cells, frame.columns, strict=True):
            cell.paragraphs[0].add_run(str(head)).bold = True
        for row in frame.itertuples(index=False):
            for cell, value in zip(grid.add_row().cells, row, strict=True):
                cell.text = "–" if pd.isna(value) else str(value)
        document.add_paragraph()
    document.save(stored := io.BytesIO())
    return stored.getvalue()


def _excel(tables):
    """A workbook with a sheet for each table: its caption, then its numbers."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    book.remove(book.active)
    for number, (label, caption, _, data) in enumerate(tables, start=1):
        sheet = book.create_sheet(f"{number} {label.removeprefix('tbl-')}"[:31])
        rows = [(f"Table {number}. {caption}",), tuple(data.columns)]
        rows += list(data.itertuples(index=False))
        for place, row in enumerate(rows, start=1):
            for column, value in enumerate(row, start=1):
                cell = sheet.cell(place, column)
                if pd.isna(value):
                    continue
                cell.value = value.item() if hasattr(value, "item") else value
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # a text that begins with = is no formula
                if place <= 2:
                    cell.font = Font(bold=True)
    book.save(stored := io.BytesIO())
    return stored.getvalue()
