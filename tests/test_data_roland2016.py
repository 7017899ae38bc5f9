"""The transcription of Roland 2016 is whole and coherent, and its verdicts stand.

The expected verdicts were written from arithmetic by hand; what they rest on is worked out again
here without the package: sums as integers, Kaplan-Meier histories by brute force in fractions.
"""

import csv
import math
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import nbformat
import pytest

from vlms.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data" / "roland2016"
EXPECTED = ROOT / "tests" / "expected" / "roland2016_verdicts.csv"
PLACES = {"abstract", "introduction", "methods", "results", "discussion", "table 1", "table 2"}


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def claims():
    """Claims by id, of both files."""
    return Ledger.open("roland2016").claims.to_dict(orient="index")


@pytest.fixture(scope="module")
def cells():
    return rows(DATA / "characteristics.csv")


@pytest.fixture(scope="module")
def ledger():
    """Run the notebook's code cells, without a kernel."""
    import matplotlib

    matplotlib.use("Agg")
    notebook = nbformat.read(ROOT / "notebooks" / "roland2016.ipynb", as_version=4)
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)
    return {row["id"]: row for row in names["ledger"].frame.to_dict(orient="records")}


def test_each_claim_names_where_in_the_paper_it_stands(claims):
    assert len(claims) == 312
    for name, claim in claims.items():
        places = set(re.split("; |, ", claim["place"]))
        assert places <= PLACES | {"conclusions"}, name


def test_every_fact_is_a_claim_under_its_id(claims):
    with (DATA / "facts.csv").open(encoding="utf-8", newline="") as file:
        facts = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert {fact["id"] for fact in facts} <= set(claims)
    for fact in facts:
        assert fact["value"].casefold() in claims[fact["id"]]["printed"].casefold()


def test_each_cell_of_table_1_is_a_count_and_a_share_among_the_claims(claims, cells):
    filled = [cell for cell in cells if cell["count"]]
    of_table = [claim for claim in claims.values() if claim["place"] == "table 1"]
    printed = Counter(claim["printed"] for claim in of_table if claim["kind"] == "fraction")
    column = {"localised": 63, "microarray": 26}
    of = Counter(f"{c['count']}/{c['total'] or column[c['cohort']]}" for c in filled)
    assert (len(filled), printed) == (75, of)
    shares = Counter(claim["printed"] for claim in of_table if claim["kind"] == "share")
    assert shares == Counter(f"{cell['share']}%" for cell in filled)


def test_a_printed_cell_consists_of_its_count_total_and_share(cells):
    for cell in (cell for cell in cells if cell["count"]):
        total = f"/{cell['total']}" if cell["total"] else ""
        assert cell["printed"] == f"{cell['count']}{total} ({cell['share']})"


def test_only_one_cell_is_empty_and_only_one_lacks_its_total(cells):
    assert [(c["cohort"], c["level"]) for c in cells if not c["printed"]] == [("microarray", "any")]
    lacking = [c["level"] for c in cells if c["count"] and not c["total"]]
    assert lacking == ["surgery, chemotherapy and radiation"]


def test_each_hazard_ratio_is_a_claim_with_the_same_text(claims):
    ratios = [row for row in rows(DATA / "hazard_ratios.csv") if row["lower"]]
    for row in ratios:
        printed = [claims[f"{row['claim']}-{part}"]["printed"] for part in ("hr", "ci", "p")]
        limits = f"{row['lower']}-{row['upper']}"
        assert printed == [row["hazard_ratio"], limits, row["p_value"]]
    assert len(ratios) == 6


def test_survival_of_the_own_cohort_is_claimed_with_the_same_text(claims):
    printed = {claim["printed"] for claim in claims.values()}
    own = [row for row in rows(DATA / "survival.csv") if "cited" not in row["group"]]
    assert len(own) == 26
    printed |= {
        f"{claims['follow-up-minimum']['printed']}-{claims['follow-up-maximum']['printed']}"
    }
    left = [row["printed"] for row in own if row["printed"] not in printed]
    assert left == ["None reported"]
    assert "none reported" in claims["igf1r-median-none"]["printed"]


def test_a_trailing_zero_is_kept_as_printed(claims):
    assert claims["b-catenin-dss-ci"]["printed"] == "0.97-29.30"
    assert claims["b-catenin-dss-ci-discussion"]["printed"] == "0.97-29.3"


def test_every_claim_has_the_verdict_that_was_worked_out_by_hand(ledger):
    expected = [(row["id"], row["printed"], row["verdict"]) for row in rows(EXPECTED)]
    found = [(row["id"], row["printed"], row["verdict"]) for row in ledger.values()]
    assert found == expected


def test_every_contradiction_names_the_other_side_and_the_arithmetic(ledger):
    for row in ledger.values():
        if row["verdict"] == "contradicted":
            assert row["against"] and re.search(r"\d", row["because"]), row["id"]
            named = [side for side in row["against"].split("; ") if side not in ledger]
            assert named == [], row["id"]


def test_every_assumption_and_every_missing_check_is_explained(ledger):
    for row in ledger.values():
        if row["verdict"] == "conditional":
            assert row["assuming"], row["id"]
        if row["verdict"] == "not checkable":
            assert row["because"], row["id"]


def histories(n, boxes):
    """All (at risk, events, censored) that bring n patients through boxes of survival."""
    states = {(n, Fraction(1), 0, 0)}
    for low, high in boxes:
        seen, stack = set(states), list(states)
        while stack:
            at_risk, survival, events, censored = stack.pop()
            if at_risk == 0:
                continue
            fallen = survival * Fraction(at_risk - 1, at_risk)
            steps = [(at_risk - 1, survival, events, censored + 1)]
            steps += [(at_risk - 1, fallen, events + 1, censored)] if fallen >= low else []
            new = [step for step in steps if step not in seen]
            seen.update(new)
            stack += new
        states = {state for state in seen if low <= state[1] < high}
    return {(at_risk, events, censored) for at_risk, _, events, censored in states}


def percent(text, *, cut):
    """The box of shares that round to a percentage; digits cut off instead, if asked."""
    unit = Fraction(1, 100 * 10 ** len(text.partition(".")[2]))
    share = Fraction(text) / 100
    return share - unit / 2, share + (unit if cut else unit / 2)


def test_sixteen_patients_cannot_have_90_and_65_percent_by_rounding():
    assert histories(16, [percent("90", cut=False), percent("65", cut=False)]) == set()


def test_sixteen_patients_need_eight_censored_where_twenty_need_none():
    boxes = [percent("90", cut=True), percent("65", cut=True)]
    assert min(censored for _, _, censored in histories(16, boxes)) == 8
    # 18 of 20 and 13 of 20
    assert (13, 7, 0) in histories(20, boxes)


def test_the_groups_as_counted_die_too_seldom_for_the_survival_of_all(ledger):
    printed = {6: ("66.7", "50"), 16: ("90", "65"), 20: ("93.7", "43.7")}
    most = {
        n: max(events for _, events, _ in histories(n, [percent(p, cut=True) for p in pair]))
        for n, pair in printed.items()
    }
    assert most == {6: 3, 16: 3, 20: 9}
    # A median follow-up above five years leaves 32 of 63 at risk; survival is lowest when all
    # censoring comes first: 32 / (32 + deaths), here 32/47 = 68.1%, while 65% means below 66%.
    assert Fraction(32, 32 + sum(most.values())) > percent("65", cut=True)[1]
    assert "32/(32 + 15) = 68.1%" in ledger["dss-60-distant"]["because"]


def test_the_interval_of_igf1r_needs_twenty_events_and_fifteen_are_counted(ledger, cells):
    # Widest interval that prints as 1.14 to 6.56; SE² is at least 4/D with D events.
    error = math.log(6.57 / 1.135) / (2 * 1.959964)
    assert math.ceil(4 / error**2) == 20
    counted = [
        int(c["count"])
        for c in cells
        if (c["cohort"], c["variable"]) == ("microarray", "recurrence")
    ]
    assert sum(counted) == 15
    assert "at least 20 events, and at most 15" in ledger["igf1r-recurrence-ci"]["recomputed"]


def test_treatments_add_up_once_the_patient_of_the_footnote_counts_once(cells):
    kinds = (
        "surgery alone",
        "surgery and chemotherapy",
        "surgery and radiation",
        "surgery, chemotherapy and radiation",
    )
    count = {(c["cohort"], c["level"]): c["count"] for c in cells}
    localised = [int(count["localised", kind]) for kind in kinds]
    microarray = [int(count["microarray", kind]) for kind in kinds]
    # 33 + 13 + 9 + 9 = 64 = 63 + 1; in the other column 11 + 9 + 0 + 6 = 26, with 3 + 7 - 1 = 9.
    assert (sum(localised), sum(microarray)) == (63 + 1, 26)


def test_the_microarray_row_of_the_other_hospital_counts_two_patients_too_many(ledger):
    # 26 + 2 = 28 in a column of 26; taking either cell as printed the other is 24 or 0.
    assert ledger["primary-surgery-outside-microarray"]["recomputed"].startswith("24/26")
    assert ledger["primary-surgery-here-microarray"]["recomputed"].startswith("0/26")


def test_a_median_not_reached_leaves_too_few_recurrences_for_the_interval(ledger):
    # 6 of 14 leave 8/14 = 57 %, 7 of 14 would be a half; 6 + 12 = 18 of the 20 events needed.
    because = ledger["igf1r-median-none"]["because"]
    assert "at most 6 of the 14" in because
    assert "18 events; the interval needs 20" in because


def test_statements_are_not_supported_by_the_numbers_beside_them(ledger):
    for name in ("recurrence-b-catenin", "dss-b-catenin", "metastases-mostly-lung"):
        assert (ledger[name]["recomputed"], ledger[name]["verdict"]) == (
            "not supported",
            "not checkable",
        )
    assert ledger["adjuvant-improved"]["verdict"] == "conditional"  # the reference is not printed
    assert "ratio-of-surgery-alone" in ledger["adjuvant-improved"]["assuming"]
