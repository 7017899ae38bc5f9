"""Every notebook is executed once; the verdict of every claim is the one that was agreed on.

`tests/expected/<paper>_verdicts.csv` holds id, printed and verdict of each claim. It was worked out
by hand; a verdict that changes must be changed there, where the diff shows it.
"""

import csv
from functools import cache
from pathlib import Path

import pytest

from vlms.render import render
from vlms.verdicts import VERDICTS

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
PAPERS = sorted(path.parent.name for path in (ROOT / "data").glob("*/claims.csv"))


@cache
def rendered(stem):
    (notebook,) = (path for path in NOTEBOOKS if path.stem == stem)
    return render(notebook, root=ROOT)


def expected(paper):
    path = ROOT / "tests" / "expected" / f"{paper}_verdicts.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("stem", [path.stem for path in NOTEBOOKS])
def test_a_notebook_runs_to_its_end_and_makes_a_light_page(stem):
    page = rendered(stem).files[f"{stem}.html"]
    assert len(page) < 1_500_000


@pytest.mark.parametrize("paper", PAPERS)
def test_every_claim_has_the_verdict_that_was_agreed_on(paper):
    found = {claim["id"]: claim["verdict"] for claim in rendered(paper).claims}
    agreed = {row["id"]: row["verdict"] for row in expected(paper)}
    assert {name: found.get(name) for name in agreed} == agreed
    assert set(found) == set(agreed)


@pytest.mark.parametrize("paper", PAPERS)
def test_the_expected_verdicts_speak_of_what_the_paper_prints(paper):
    with (ROOT / "data" / paper / "claims.csv").open(encoding="utf-8", newline="") as file:
        printed = {row["id"]: row["printed"] for row in csv.DictReader(file)}
    assert {row["id"]: row["printed"] for row in expected(paper)} == printed


@pytest.mark.parametrize("paper", PAPERS)
def test_a_contradiction_names_both_sides_and_a_refusal_its_reason(paper):
    for claim in rendered(paper).claims:
        assert claim["verdict"] in VERDICTS
        if claim["verdict"] == "contradicted":
            assert claim["against"], claim["id"]
        if claim["verdict"] in ("contradicted", "not checkable"):
            assert claim["because"], claim["id"]
        if claim["verdict"] == "conditional":
            assert claim["assuming"], claim["id"]
