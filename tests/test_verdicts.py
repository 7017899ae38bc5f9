"""Every notebook is executed once; the verdict of every claim is the one that was agreed on.

`tests/expected/<paper>_verdicts.csv` holds id, printed and verdict of each claim. It was worked out
by hand; a verdict that changes must be changed there, where the diff shows it.
"""

import csv
from functools import cache
from pathlib import Path

import pytest

from vlms.pages import render
from vlms.printed import VERDICTS

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").rglob("*.ipynb"))}
PAPERS = sorted(path.parent.name for path in (ROOT / "data").glob("*/claims.csv"))
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in NOTEBOOKS if name not in PAPERS]


@cache
def rendered(stem):
    return render(NOTEBOOKS[stem], root=ROOT)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("stem", [*PAPERS, *SLOW])
def test_a_notebook_runs_to_its_end_and_makes_a_light_page(stem):
    assert len(rendered(stem).files[f"{stem}.html"]) < 1_500_000


@pytest.mark.parametrize("paper", PAPERS)
def test_every_claim_has_the_verdict_that_was_agreed_on(paper):
    found = {claim["id"]: (claim["printed"], claim["verdict"]) for claim in rendered(paper).claims}
    agreed = rows_of(ROOT / "tests" / "expected" / f"{paper}_verdicts.csv")
    assert {row["id"]: (row["printed"], row["verdict"]) for row in agreed} == found
    printed = {row["id"]: row["printed"] for row in rows_of(ROOT / "data" / paper / "claims.csv")}
    assert {row["id"]: row["printed"] for row in agreed} == printed


@pytest.mark.parametrize("paper", PAPERS)
def test_each_verdict_gives_the_reasons_that_it_needs(paper):
    needed = {
        "contradicted": {"against", "because"},
        "conditional": {"assuming"},
        "not checkable": {"because"},
    }
    for claim in rendered(paper).claims:
        assert claim["verdict"] in VERDICTS
        given = {name for name in ("against", "assuming", "because") if claim[name]}
        assert needed.get(claim["verdict"], set()) <= given, claim["id"]
