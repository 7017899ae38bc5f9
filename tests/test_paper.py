"""All printed numbers of a paper together: nothing true is contradicted, and slips are found."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from vlms.__main__ import main
from vlms.cohort import DATA
from vlms.consistency import check_paper, pinned
from vlms.consistency.facts import COLUMNS

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from bench_forensics import SLIPS, audited, samples, slipped  # noqa: E402
from exhaustive import impossible  # noqa: E402


def facts_of(*rows, headers=None):
    """A frame of facts from lines 'kind value column=cell …' (spaces as ~); ids count from 1."""
    table = []
    for number, row in enumerate(rows, start=1):
        kind, value, *more = row.split()
        cells = {"id": str(number), "kind": kind, "value": value}
        table.append(cells | dict(pair.split("=", 1) for pair in more))
    frame = pd.DataFrame(table).reindex(columns=COLUMNS).fillna("")
    frame = frame.replace("~", " ", regex=True)
    frame.attrs |= headers or {}
    return frame


def sets_of(frame):
    """The contradicted sets, each a set of ids."""
    known = frame.dropna(subset=["set"])
    return [set(rows["fact"]) for _, rows in known.groupby("set")]


# --- Printed from real cohorts --------------------------------------------------------------------


def test_true_results_are_never_contradicted_and_slips_that_can_be_proven_are_found():
    """A few of what benchmarks/bench_forensics.py measures, where its exhaustive search judges."""
    random, found, provable = np.random.default_rng(11), 0, 0
    for name, size, rows, levels in samples(8, random):
        assert not audited(rows, levels, []), (name, size, rows)
        if size > 26:  # the judge takes long
            continue
        assert not impossible(rows), (name, size)
        for kind in random.choice(SLIPS, 8):
            changed = slipped(rows, kind, random)
            if changed and changed != rows and impossible(changed):
                provable, found = provable + 1, found + audited(changed, levels, [])
    assert provable > 6
    assert found / provable >= 0.8


# --- One check at a time --------------------------------------------------------------------------

DEATH = "endpoint=overall_survival"
DISEASE = "endpoint=disease_specific_survival"
TABLE = (("a", 5, 12), ("b", 3, 12), ("c", 8, 10))
THREE = [f"count {k} variable=x level=y total={n} group={group}" for group, k, n in TABLE]


@pytest.mark.parametrize(
    ("rows", "headers", "sets"),
    [
        # 9 of 12 relapsed: at most 3 censored, and (1 - 1/(12 - c))... never gives 77.9%.
        (
            ["n 12 endpoint=r", "events 9 endpoint=r", "survival 77.9% endpoint=r at=36"],
            {},
            ["123"],
        ),
        (["n 12 endpoint=r", "events 8 endpoint=r", "survival 77.9% endpoint=r at=36"], {}, []),
        # Parts: 5 + 4 patients are not 10.
        (["n 5 group=a", "n 4 group=b", "n 10"], {"groups": "a | b = all"}, ["123"]),
        (["n 5 group=a", "n 5 group=b", "n 10"], {"groups": "a | b = all"}, []),
        # Subtraction: 8 of 10 events in 6 of 7 patients leave 2 for the other one.
        (
            [
                f"n 7 {DEATH}",
                f"n 6 group=a {DEATH}",
                f"events 6 {DEATH}",
                f"events 4 group=a {DEATH}",
            ],
            {"groups": "a < all"},
            ["1234"],
        ),
        # Every death of the disease is a death, and its survival is not below.
        (
            [f"survival 60% {DEATH} at=36", f"survival 50% {DISEASE} at=36"],
            {"endpoints": "overall_survival <= disease_specific_survival"},
            ["12"],
        ),
        (
            ["survival 60% endpoint=recurrence_free at=36", f"survival 50% {DEATH} at=36"],
            {"endpoints": "recurrence_free <= overall_survival"},
            [],
        ),
        (
            ["n 20 endpoint=x", "events 5 endpoint=recurrence_free", f"events 6 {DEATH}"],
            {"endpoints": "recurrence_free <= overall_survival"},
            ["23"],
        ),
        # 30 at risk at 36 of 40 leave 10 gone; S >= 30/40.
        (
            [f"n 40 {DEATH}", f"at_risk 30 {DEATH} at=36", f"survival 60% {DEATH} at=24"],
            {},
            ["123"],
        ),
        ([f"n 40 {DEATH}", f"at_risk 30 {DEATH} at=36", f"survival 80% {DEATH} at=24"], {}, []),
        # 40 patients, 50%: SE at least 0.079, so 45 to 55% is too narrow for every formula.
        ([f"n 40 {DEATH}", f"survival 50% {DEATH} at=24 lower=45% upper=55%"], {}, ["12"]),
        ([f"n 40 {DEATH}", f"survival 50% {DEATH} at=24 lower=35% upper=65%"], {}, []),
        # 30 at risk: SE at most 0.091, 20 to 80% is too wide.
        (
            [
                f"survival 50% {DEATH} at=24 lower=20% upper=80%",
                f"at_risk 30 {DEATH} at=24",
                "n 40",
            ],
            {},
            ["12"],
        ),
        # 5 of 10 against 1 of 10: chi-square .051, with correction .14, Fisher .14.
        (
            [
                "count 5 variable=x level=y total=10 group=a",
                "count 1 variable=x level=y total=10 group=b",
                "p_value .01 of=1;2 note=chi-square",
            ],
            {},
            ["123"],
        ),
        (
            [
                "count 5 variable=x level=y total=10 group=a",
                "count 1 variable=x level=y total=10 group=b",
                "p_value .01 of=1;2",
            ],
            {},
            [],
        ),
        # R: t <- matrix(c(5, 7, 3, 9, 8, 2), 3, byrow = TRUE); fisher.test(t)$p.value 0.04560639;
        # chisq.test(t)$p.value 0.0327; prop.trend.test(t[, 1], rowSums(t))$p.value 0.09141936.
        ([*THREE, "p_value .046 of=1;2;3 note=Fisher"], {}, []),
        ([*THREE, "p_value .091 of=1;2;3 note=chi-square"], {}, []),
        ([*THREE, "p_value .046 of=1;2;3 note=chi-square"], {}, []),
        ([*THREE, "p_value .050 of=1;2;3 note=Fisher"], {}, ["1234"]),
        (["median 90 variable=age", "maximum 78 variable=age"], {}, ["12"]),
        # Values from 0 to 10 with mean 5: SD at most 5 * sqrt(4/3) = 5.8.
        (
            [
                "mean 5.0 variable=x",
                "sd 6.5 variable=x",
                "minimum 0.0 variable=x",
                "maximum 10.0 variable=x",
            ],
            {},
            ["1234"],
        ),
        (["mean 5.0 variable=x", "median 9.0 variable=x", "sd 2.0 variable=x"], {}, ["123"]),
        # 2000 to 2005 is six years at most.
        (
            [
                "minimum 2000 variable=accrual",
                "maximum 2005 variable=last_contact",
                "maximum 80 variable=follow_up unit=months",
            ],
            {"unit": "months"},
            ["123"],
        ),
        # 10 events in 200 person-years are 5 per 100.
        (
            [
                f"events 10 {DEATH}",
                "count 200 variable=person_years",
                f"mean 7.0 variable=rate note=100 {DEATH}",
            ],
            {},
            ["123"],
        ),
        (["count 2 variable=tests level=reported total=18"], {}, []),
        # An interval from 1.2 to 2.7 needs 92 events (see test_audit) of a binary covariate.
        (
            [f"n 40 {DEATH}", f"hazard_ratio 1.8 {DEATH} lower=1.2 upper=2.7 covariate=binary"],
            {},
            ["12"],
        ),
        ([f"n 40 {DEATH}", f"hazard_ratio 1.8 {DEATH} lower=1.2 upper=2.7"], {}, []),
        (
            [
                f"n 40 {DEATH}",
                f"hazard_ratio 1.8 {DEATH} lower=1.2 upper=2.7 covariate=binary note=robust",
            ],
            {},
            [],
        ),
        ([f"median 20 {DEATH}", f"survival 60% {DEATH} at=24"], {}, ["12"]),
        ([f"survival 60% {DEATH} at=24", f"survival 70% {DEATH} at=36"], {}, ["12"]),
        # The levels of one total.
        (
            ["count 5 variable=sex level=f total=10", "count 6 variable=sex level=m total=10"],
            {"levels": "sex: f | m"},
            ["12"],
        ),
        (
            ["count 5 variable=sex level=f total=10", "count 6 variable=sex level=m total=10"],
            {},
            [],
        ),
        (["share 75.5% variable=x level=y total=12"], {}, ["1"]),
        # At risk 10 + 8 are not 17; with y 3 + 4 are not 8.
        (
            [f"at_risk {n} group={g} {DEATH} at=36" for g, n in (("all", 17), ("a", 10), ("b", 8))],
            {"groups": "a | b = all"},
            ["123"],
        ),
        (
            [
                f"count {n} group={g} variable=x level=y"
                for g, n in (("all", 8), ("a", 3), ("b", 4))
            ],
            {"groups": "a | b = all"},
            ["123"],
        ),
        ([f"hazard_ratio 2 {DEATH} lower=1 upper=4 p=1.2"], {}, ["1"]),
    ],
)
def test_the_smallest_sets_that_cannot_hold_together(rows, headers, sets):
    found = check_paper(facts_of(*rows, headers=headers))
    assert sets_of(found) == [set(ids) for ids in sets], found["statement"].tolist()


RATIO = f"hazard_ratio 2.13 group=a of=b {DEATH} lower=0.99 upper=4.62"


@pytest.mark.parametrize(
    ("rows", "verdict", "sentence"),
    [
        # ln .40 / ln .65 = 2.127; with the groups exchanged 0.470, below .99 and 1.
        ([f"survival {s} group={g} {DEATH} at=60" for g, s in (("a", "40%"), ("b", "65%"))],
         "consistent", "2.03 to 2.24 under proportional hazards, within"),
        ([f"survival {s} group={g} {DEATH} at=60" for g, s in (("a", "65%"), ("b", "40%"))],
         "undetermined", "on the other side of 1. Hazards that are not proportional"),
        # z = 3.92 ln 2.13 / ln(4.62/.99) = 1.924, P = .054.
        (["p_value .054 of=r note=log-rank"], "consistent", "reproduced under proportional"),
        ([f"p_value .054 {DEATH} of=a;b note=logrank"], "consistent", "reproduced under"),
        (["p_value .01 of=r note=log-rank"], "undetermined", "the times of events would decide"),
    ],
)  # fmt: skip
def test_proportional_hazards_are_an_assumption_and_contradict_nothing(rows, verdict, sentence):
    found = check_paper(facts_of(f"{RATIO} id=r", "n 30 group=b", *rows))
    told = found[found["statement"].str.contains(sentence, regex=False)]
    assert set(told["verdict"]) == {verdict}, found["statement"].tolist()
    assert found["set"].isna().all()


def test_from_an_abstract_nothing_is_contradicted():
    rows = ["median 90 variable=age", "maximum 78 variable=age"]
    found = check_paper(facts_of(*rows, headers={"source": "abstract"}))
    assert sets_of(found) == []
    assert found["statement"][0].startswith("Not reconcilable from the abstract")


def test_how_far_a_cell_can_move():
    # The mean of 2, 4 and x prints as 5.0 for a sum from 14.85 (or cut off below 15.3) on.
    assert pinned([2, 4, 9], mean="5.0")["highest"][2] == pytest.approx(9.3)
    # SD of (0, 0, x) is x / sqrt(3): 1.7 is 1.65 to 1.8, x 2.858 to 3.118.
    found = pinned([0, 0, 3], sd="1.7").iloc[2]
    assert (found["lowest"], found["highest"]) == pytest.approx((1.65 * 3**0.5, 1.8 * 3**0.5))
    assert pinned([2, 4, 9], mean="7.0")["lowest"].isna().all()
    # 1 of 3 prints as 33%, 0 and 2 of 3 do not. Of 300, 0 and 1 (0.3%) print as 0%, and 2 (0.7%)
    # does with its digits cut off: any one cell can move.
    assert pinned([1, 0, 0], share="33%")[["lowest", "highest"]].to_numpy().tolist() == [
        [1, 1], [0, 0], [0, 0]
    ]  # fmt: skip
    assert (pinned([1] + 299 * [0], share="0%")[["lowest", "highest"]] == [0, 1]).all(axis=None)


# --- The command and its files --------------------------------------------------------------------


def audit(path, *options):
    return CliRunner().invoke(main, ["audit", "paper", str(path), *options])


def test_all_problems_of_a_bad_file_are_told_by_line(tmp_path):
    path = tmp_path / "facts.csv"
    path.write_text(
        "# unit: fortnights\nid,kind,value,endpoint,at,total,of,lower,upper\n"
        "1,n,sixty-ish,,,,,,\n"
        "1,survival,65%,os,,,,,\n"
        "2,amount,5,,,,,,\n"
        "3,survival,120%,os,x,,,,\n"
        "4,p_value,.04,,,0,nobody,,\n"
        "5,hazard_ratio,2,os,,,,1.1,\n",
        encoding="utf-8",
    )
    result = audit(path)
    assert result.exit_code == 2
    for words in (
        "line 1: unit 'fortnights'; write days, weeks, months or years",
        "line 3: value 'sixty-ish' is not one printed number",
        "line 4: at ''; write the time of this survival",
        "line 4: id '1' is that of line 3 as well",
        "line 5: kind 'amount'; write one of n, events",
        "line 6: at 'x'; write a time",
        "line 6: value '120%' is not a share",
        "line 7: total '0'",
        "line 7: of names 'nobody'",
        "line 8: upper ''; write both limits or none",
    ):
        assert words in result.output, result.output


@pytest.mark.parametrize("text", ["", "# unit: months\n", "id,kind\n1,n\n", "id,kind,value\n"])
def test_a_file_without_facts_is_unreadable(tmp_path, text):
    path = tmp_path / "facts.csv"
    path.write_text(text, encoding="utf-8")
    assert audit(path).exit_code == 2
    assert audit(tmp_path / "none.csv").exit_code == 2


def test_roland_is_contradicted_where_its_ledger_is():
    result = audit(DATA / "roland2016" / "facts.csv", "--json")
    told = json.loads(result.output)
    sets = [set(finding["facts"]) for finding in told["findings"] if finding["set"]]
    assert result.exit_code == 1
    assert {"size-5-or-more-cm-all", "text-size"} in sets
    assert {"n-microarray", "primary-surgery-outside-microarray"} in sets
    treated = {
        f"treatment-{how}-all" for how in ("surgery-alone", "chemotherapy", "radiation", "both")
    }
    assert treated in sets
    exchanged = next(ids for ids in sets if "follow-up-median" in ids)
    assert {"dss-60", "dss-60-distant", "dss-60-both", "n-distant", "n-both"} <= exchanged
    assert sum("igf1r-recurrence-hr" in ids or "igf1r-dss-hr" in ids for ids in sets) == 2
    treated = {"treated-surgery-alone", "text-neoadjuvant", "text-postoperative"}
    assert treated in sets
    assert len(sets) == 7


def test_the_plain_text_tells_sets_first_and_counts_the_rest():
    result = audit(DATA / "tilkorn2010" / "facts.csv")
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("tilkorn2010: 47 facts, ")
    assert lines[1] == "contradicted (0)"
    assert lines[-1].startswith("consistent (")
