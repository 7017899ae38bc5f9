"""Every notebook is executed once; the verdict of every claim is the one that was agreed on.

`tests/expected/<paper>_verdicts.csv` holds id, printed and verdict of each claim. It was worked out
by hand; a verdict that changes must be changed there, where the diff shows it.
"""

import csv
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile

import pandas as pd
import pytest

from vlms.consistency import check_paper
from vlms.ledger import Ledger
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


@pytest.mark.slow
@pytest.mark.parametrize("stem", [*PAPERS, *SLOW])
def test_a_notebook_runs_to_its_end_and_makes_a_light_page(stem):
    assert len(rendered(stem).files[f"{stem}.html"]) < 1_500_000


@pytest.mark.parametrize("paper", PAPERS)
def test_every_claim_has_the_verdict_that_was_agreed_on(paper):
    found = {claim["id"]: (claim["printed"], claim["verdict"]) for claim in rendered(paper).claims}
    agreed = rows_of(ROOT / "tests" / "expected" / f"{paper}_verdicts.csv")
    assert {row["id"]: (row["printed"], row["verdict"]) for row in agreed} == found
    printed = Ledger.open(paper).claims["printed"].to_dict()
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


# --- The ledger against the audit of the same facts -----------------------------------------------

# A reading, and the header of facts.csv that declares the opposite.
DECLARED = {"reading follow-up-other": "# follow-up: plain\n"}
OF_RATIO = ("-hr", "-ci", "-p")  # one fact of a hazard ratio is three claims


@cache
def audited(paper, without=""):
    """Facts, and what the audit finds of them together: (facts of a finding, verdict, assumes)."""
    text = (ROOT / "data" / paper / "facts.csv").read_text(encoding="utf-8").replace(without, "")
    header = [line for line in text.splitlines() if line.startswith("#")]
    facts = pd.read_csv(StringIO(text), comment="#", dtype=str, keep_default_na=False)
    with NamedTemporaryFile("w", suffix=".csv", encoding="utf-8") as file:
        file.write("\n".join(header) + "\n" + facts.to_csv(index=False))
        file.flush()
        found = check_paper(Path(file.name))
    found["set"] = found["set"].fillna(0)
    grouped = found.groupby(["set", "verdict", "statement"], sort=False)
    return facts, [
        (set(rows["fact"]), rows["verdict"].iloc[0], rows["assumptions"].iloc[0])
        for _, rows in grouped
    ]


def claims_of(paper):
    return {claim["id"]: claim for claim in rendered(paper).claims}


def of_fact(claims, fact):
    """The claims that one fact is."""
    stems = {fact.removesuffix("-hr") + end for end in OF_RATIO} if fact.endswith("-hr") else {fact}
    return [claims[name] for name in stems | {fact} if name in claims]


def milder(paper, claims):
    """Contradicted sets of the audit of which the ledger marks nothing."""
    for facts, verdict, _ in audited(paper)[1]:
        if verdict == "contradictory":
            sides = [claim for fact in facts for claim in of_fact(claims, fact)]
            marked = any(claim["verdict"] == "contradicted" for claim in sides)
            headers = [
                header
                for reading, header in DECLARED.items()
                if any(reading in claim["assuming"] for claim in sides)
            ]
            undeclared = any(
                facts
                not in [ids for ids, found, _ in audited(paper, header)[1] if found == verdict]
                for header in headers
            )
            if not marked and not undeclared:
                yield sorted(facts)


def harsher(paper, claims):
    """Contradicted facts of the ledger that are in no set of the audit, all sides being facts."""
    ids = set(audited(paper)[0]["id"])
    in_sets = {
        i for facts, found, _ in audited(paper)[1] if found == "contradictory" for i in facts
    }
    of_sets = {claim["id"] for fact in in_sets for claim in of_fact(claims, fact)}
    sides = {i: claims[i]["against"].split("; ") for i in of_sets}
    for name, claim in claims.items():
        if claim["verdict"] == "contradicted" and (name in ids or name.endswith(OF_RATIO[1:])):
            against = claim["against"].split("; ")
            alike = any(against == side for side in sides.values())
            if name not in of_sets and not alike and set(against) <= ids:
                yield name


@pytest.mark.parametrize("paper", PAPERS)
def test_the_ledger_is_neither_milder_nor_harsher_than_the_audit_of_its_facts(paper):
    claims = claims_of(paper)
    assert list(milder(paper, claims)) == []
    assert list(harsher(paper, claims)) == []
    facts, findings = audited(paper)
    kinds = facts.set_index("id")["kind"]
    assert set(kinds.index) <= set(claims)
    rounded = {fact for ids, verdict, _ in findings if verdict == "rounding" for fact in ids}
    for name in kinds.index[kinds == "share"]:
        assert (claims[name]["verdict"] == "rounding") == (name in rounded), name
    if paper == "roland2016":  # where no patients are printed, what is assumed makes it conditional
        free = {fact for ids, _, assumed in findings if not assumed for fact in ids}
        for name in kinds.index[kinds.isin(["survival", "hazard_ratio"])]:
            assert claims[name]["verdict"] != "reproduced" or name in free, name
            assert claims[name]["verdict"] != "rounding", name


def test_a_ledger_that_is_milder_or_harsher_is_found():
    claims = {name: dict(claim) for name, claim in claims_of("roland2016").items()}
    claims["text-size"]["verdict"] = "reproduced"
    assert list(milder("roland2016", claims)) == []  # the other side is marked still
    claims["size-5-or-more-cm-all"]["verdict"] = "conditional"
    assert list(milder("roland2016", claims)) == [["size-5-or-more-cm-all", "text-size"]]
    claims["sex-male-all"] |= {"verdict": "contradicted", "against": "n-all; sex-female-all"}
    assert list(harsher("roland2016", claims)) == ["sex-male-all"]
