"""The ledger: verdicts follow from the numbers, and none can be typed."""

import pandas as pd
import pytest

from vlms import ledger as ledger_module
from vlms.cohort import read_cohort
from vlms.consistency import Finding
from vlms.ledger import LEDGER_MIME, Ledger, LedgerError
from vlms.readings import Worlds

CLAIMS = {  # printed, kind
    "patients": ("twelve", "count"),
    "low-grade": ("16%", "share"),
    "age": ("59", "mean"),
    "ages": ("41-77", "range"),
    "women": ("410/630 (65)", "fraction"),
    "deaths": ("1, 2, 4 & 9", "patients"),
    "stage": ("T2", "text"),
    "size-1": ("8", "measure"),
    "size-2": ("5.0", "measure"),
}
PATIENTS = pd.DataFrame({"age": [41, 77], "relapse": [True, None]}, index=["1", "2"])
ACROSS = ("table 1; low-grade", "", "the sum is {recomputed}")
HEADER = "id,place,statement,printed,unit,kind,against,assuming,because"


def ledger_of(reasons=None):
    """Open a ledger; reasons are (against, assuming, because) by claim."""
    cells = {
        name: ("table 1", "<i>What</i>", printed, "", kind, *(reasons or {}).get(name, [""] * 3))
        for name, (printed, kind) in CLAIMS.items()
    }
    columns = HEADER.split(",")[1:]
    ledger = Ledger("example", pd.DataFrame.from_dict(cells, orient="index", columns=columns))
    ledger.patients = PATIENTS.astype({"relapse": "boolean"})
    return ledger


def judge(claim_id, value, reasons=("", "", ""), **fields):
    """Check one claim: recomputed, verdict, assuming, against, because."""
    ledger = ledger_of({claim_id: reasons})
    ledger.check({claim_id: value}, **fields)
    ledger.show()
    return ledger.frame.set_index("id").loc[claim_id].tolist()[-5:]


@pytest.mark.parametrize(
    ("claim_id", "value", "verdict", "recomputed"),
    [
        ("patients", 12, "reproduced", "12"),
        ("patients", ["1"] * 12, "reproduced", "12"),
        ("low-grade", 2 / 12, "rounding", "16.7%"),  # prints as 17%, is cut off to 16%
        ("age", 58.75, "reproduced", "58.8"),
        ("age", (58.2, 58.6), "rounding", "58.2 to 58.6"),  # made from rounded numbers
        ("age", (58.6, 59.2), "reproduced", "58.6 to 59.2"),
        ("ages", (41, 77), "reproduced", "41.0 to 77.0"),
        ("ages", (41.4, 77.9), "rounding", "41.4 to 77.9"),
        ("women", (410, 630), "reproduced", "410/630 (65.1%)"),
        ("deaths", [9, 4, 2, 1], "reproduced", "1, 2, 4, 9"),
        ("stage", "T2", "reproduced", "T2"),
    ],
)
def test_the_verdict_follows_from_the_value(claim_id, value, verdict, recomputed):
    *found, because = judge(claim_id, lambda p: value)
    assert found == [recomputed, verdict, "", ""]
    assert because.startswith("It agrees when ") == (verdict == "rounding")


@pytest.mark.parametrize(
    ("claim_id", "value"),
    [
        ("patients", 11),  # one off is not a matter of rounding where things are counted
        ("age", 52.0),
        ("age", 60.2),  # one unit off in the last place is no rule of rounding
        ("age", (57.1, 58.4)),  # nor do rounded numbers lead to it
        ("ages", (41, 80)),
        ("ages", (41.9, 80)),
        ("women", (411, 630)),
        ("women", (410, 629)),
        ("deaths", [1, 2, 4]),
        ("deaths", [1, 2, 4, 9, 10]),
        ("stage", "T1"),
    ],
)
def test_a_value_that_disagrees_needs_the_other_side_and_why(claim_id, value):
    for reasons in (("", "", ""), ("table 1", "", ""), ("", "anything", "x"), ("", "", "x")):
        with pytest.raises(LedgerError, match=f"{claim_id}.*name in claims.csv what contradicts"):
            judge(claim_id, value, reasons)
    recomputed, *found = judge(claim_id, value, ACROSS)
    assert found == ["contradicted", "", ACROSS[0], f"the sum is {recomputed}"]


def test_reasons_that_do_not_fit_the_numbers_are_refused():
    with pytest.raises(LedgerError, match="'age' agrees as printed, .*leave `against` blank"):
        judge("age", 58.75, ("table 1", "", "made up"))
    for reasons in (("", "", ""), ("table 1", "", "x"), ("", "anything", "x")):
        with pytest.raises(LedgerError, match="cannot be checked needs the reason"):
            judge("age", None, reasons)
    assert judge("age", None, ("", "", "x")) == ["", "not checkable", "", "", "x"]
    with pytest.raises(LedgerError, match="nothing need be assumed"):
        judge("age", 58.75, ("", "patient 2 is counted", ""))
    for value in (pd.NA, float("nan")):
        with pytest.raises(LedgerError, match="'age'.* name in claims.csv what contradicts"):
            judge("age", value)
        with pytest.raises(LedgerError, match="'age' is not known under any reading"):
            judge("age", value, ACROSS)


@pytest.mark.parametrize(
    ("outcome", "assumptions", "reasons", "expected"),
    [
        ("consistent", "", ("", "", ""), ["reproduced", "", "", "1 = 1"]),
        ("consistent", "ab", ("", "", ""), ["conditional", "a; b", "", "1 = 1"]),
        ("rounding", "", ("", "", ""), ["rounding", "", "", "1 = 1 It agrees when truncated."]),
        ("undetermined", "a", ("", "", ""), ["not checkable", "", "", "1 = 1"]),
        (
            "contradictory",
            "a",
            ("age", "", ""),
            ["contradicted", "", "age", "1 = 1 It is taken that a."],
        ),
        (
            "contradictory",
            "",
            ("age", "", "{recomputed} n = {values[n]}: {arithmetic}"),
            ["contradicted", "", "age", "It is. n = 3: 1 = 1"],
        ),
    ],
)
def test_a_finding_brings_its_verdict_and_its_reasons(outcome, assumptions, reasons, expected):
    finding = Finding(outcome, "It is.", "1 = 1", tuple(assumptions), {"n": 3})
    assert judge("size-1", finding, reasons) == ["It is.", *expected]


def test_functions_get_what_they_ask_for_by_name():
    printed = ledger_of().printed
    assert judge("ages", lambda p: (p["age"].min(), p["age"].max()))[1] == "reproduced"
    assert judge("deaths", lambda printed: printed["deaths"])[1] == "reproduced"
    assert judge("age", lambda p, printed: len(p) + printed["patients"] + 45)[0] == "59.0"
    assert isinstance(printed["patients"], int)
    assert (printed["low-grade"].text, printed["low-grade"]) == ("16%", 0.16)
    assert (printed["women"], printed["ages"]) == ((410, 630), (41, 77))


def test_yes_or_no_is_counted_shared_or_listed_and_never_guessed():
    yes = pd.Series([True, True, False], index=["2", "11", "1"])
    found = [judge(name, yes, ACROSS)[0] for name in ("patients", "deaths", "women")]
    assert found == ["2", "2, 11", "2/3 (66.7%)"]
    assert judge("low-grade", pd.Series([True] + [False] * 5, dtype="boolean"))[0] == "16.7%"
    with pytest.raises(LedgerError, match="recomputed 'not known for patient 2': name"):
        judge("patients", lambda p: p["relapse"])


def test_a_star_stands_for_several_claims():
    ledger = ledger_of({"size-2": ("", "", "printed once")})
    ledger.check({"size-*": pd.Series({"1": 8.0})})
    ledger.check(["size-*"])
    assert ledger.frame["verdict"].tolist()[-2:] == ["reproduced", "not checkable"]
    for claims, message in (
        (["size-*"], "no open claim 'size-\\*'"),
        ({"ag*": 3}, "needs a Series"),
        ({"size-*": {"7": 1}}, "has no claim 'size-7'"),
    ):
        with pytest.raises(LedgerError, match=message):
            ledger.check(claims)


def test_all_problems_of_a_check_are_told_at_once_and_nothing_is_entered():
    ledger = ledger_of({"stage": ("", "", "{why}")})
    with pytest.raises(LedgerError) as error:
        ledger.check({"age": 50, "agee": 1, "patients": 12, "stage": "T2"}, idle=1)
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "example has no claim 'agee'; see claims.csv",
        "claim 'stage'",
        "no reason of these claims has the field idle",
    ]
    assert "has the field why: give it to check by this name" in str(error.value)
    assert set(ledger.frame["verdict"]) == {""}
    with pytest.raises(LedgerError, match="returns None"):
        ledger.check({"age": lambda p: None})


def test_a_claim_is_checked_once():
    ledger = ledger_of()
    ledger.check({"age": 58.75})
    with pytest.raises(LedgerError, match="'age' of example was checked before; if you ran"):
        ledger.check({"age": 59})
    with pytest.raises(LedgerError, match="stands twice in this check"):
        ledger.check({"size-*": {"1": 8}, "size-1": 8})


def test_only_a_whole_ledger_is_published_and_each_claim_is_derived_once():
    ledger = ledger_of(dict.fromkeys(CLAIMS, ("", "", "<b>x</b>")))
    ledger.check({"age": 58.75})
    with pytest.raises(LedgerError, match="8 claims of example have no verdict: patients, low"):
        ledger.publish()
    assert 'id="claim-age"' in ledger.show()._repr_mimebundle_()["text/html"]
    ledger.check([name for name in CLAIMS if name != "age"])
    assert 'id="claim-age"' not in ledger.show()._repr_mimebundle_()["text/html"]
    bundle = ledger.publish()._repr_mimebundle_()
    claims = bundle[LEDGER_MIME]["claims"]
    columns = "id section statement printed unit kind recomputed verdict assuming against because"
    assert [claim["id"] for claim in claims] == list(CLAIMS)
    assert list(claims[0]) == columns.split()
    assert 'id="ledger-age"' in bundle["text/html"]
    assert 'href="#claim-age"' in bundle["text/html"]
    assert "<b>x" not in bundle["text/html"]
    assert "<i>W" not in bundle["text/html"]
    assert ledger.counts["n"].tolist() == [1, 0, 0, 0, 8]


def test_every_problem_of_a_claims_file_is_told_with_its_line(tmp_path):
    rows = {
        "age,x,y,5,,count,,,": "",
        "age,x,again,5,,count,,,": "line 3: id 'age' stands twice",
        "Bad Id,x,y,5,,count,,,": "line 4: id 'Bad Id' must be lower-case",
        "a,x,y,many,,count,,,": "line 5: printed: 'many' is not one printed number",
        "b,x,y,5,,cuont,,,": "line 6: kind 'cuont' is none of",
        "c,x,y,5,,range,,,": "line 7: printed: '5' is not a pair",
        "d,x,y,a/b,,fraction,,,": "line 8: printed: 'a/b' is not a count",
        "e,x,5,,count,,,": "line 9: the header has 9 fields",
        "f,x,y,5,,count,,,,more": "line 10: the header has 9 fields",
        "h,x,y,5,,count,table 1,,{open": "line 11: because: expected '}'",
    }
    path = tmp_path / "claims.csv"
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    with pytest.raises(LedgerError, match="claims.csv: line 3") as error:
        Ledger.open("example", path=path)
    assert all(message in str(error.value) for message in rows.values())
    assert str(error.value).count("line ") == len(rows) - 1
    path.write_text(f"{HEADER}\nage,x,y,5,,count,none; age,assumed,\n", encoding="utf-8")
    with pytest.raises(LedgerError, match="no claim, cell or reading 'none'; .*no reading 'assu"):
        Ledger.open("example", path=path)
    path.write_text("id,printed\nage,5\n", encoding="utf-8")
    with pytest.raises(LedgerError, match="line 1: column place, statement, unit, kind is missing"):
        Ledger.open("example", path=path)
    with pytest.raises(LedgerError, match="nothing.csv: cannot be read"):
        Ledger.open("example", path=tmp_path / "nothing.csv")


# --- Verdicts under readings ----------------------------------------------------------------------

READINGS = [  # reading, patient, name, value, source
    ("late", "1", "time_months", "30", "printed"),
    ("fast", "2", "time_months", "2", "assumed"),
    ("relapsed", "3", "relapse", "yes", "assumed"),
    ("free", "3", "relapse", "no", "assumed"),
    ("without-3", "3", "include", "no", "printed"),
    ("of-known", "", "means_of", "known", "assumed"),
]
UNDER_READINGS = {  # printed, kind, against, because
    "mean": ("20", "mean", "", ""),
    "longest": ("30", "measure", "", ""),
    "last": ("10", "measure", "", ""),
    "shortest": ("2", "measure", "", ""),
    "relapses": ("2", "count", "", ""),
    "free-patients": ("1", "count", "", ""),
    "late-1": ("30", "measure", "patient 1: time_months", "x"),
    "in-time": ("10", "measure", "late-1", "x"),
    "mean-size": ("4.5", "mean", "", ""),
    "died": ("improved", "statement", "patient 1: status", "x"),
    "unknown": ("none", "statement", "", "x"),
    "all-alive": ("all", "statement", "", ""),
}
TABLE = (  # relapse known of two; sizes of two
    "patient_id,time_months,status,size_cm,relapse\n"
    "1,10,alive,4,yes\n2,20,alive,5,no\n3,30,alive,,\n"
)


@pytest.fixture
def under_readings(tmp_path):
    """Open a ledger of three patients with these claims (all, if none is named)."""
    (tmp_path / "p.csv").write_text(TABLE, encoding="utf-8")
    study = '[study]\nbased_on = "sarcoma"\n[columns.relapse]\nkind = "yes-no"\n'
    (tmp_path / "p.study.toml").write_text(study, encoding="utf-8")
    cohort = read_cohort(tmp_path / "p.csv")
    columns = ["reading", "patient_id", "name", "value", "source"]
    readings = pd.DataFrame(READINGS, columns=columns).assign(where="somewhere")

    def opened(**changed):
        cells = UNDER_READINGS | changed
        rows = {
            name: ("table 1", "What", printed, "", kind, against, "", because)
            for name, (printed, kind, against, because) in cells.items()
        }
        columns = HEADER.split(",")[1:]
        claims = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        ledger = Ledger("example", claims, readings)
        ledger.worlds = Worlds(cohort, readings)
        ledger.patients = ledger.worlds.under()
        return ledger

    return opened


def verdicts(ledger, names):
    found = ledger.frame.set_index("id")
    return [(found.at[name, "verdict"], found.at[name, "recomputed"]) for name in names]


def times(patient):
    return lambda p: p.at[patient, "time_months"]


def test_a_claim_that_agrees_as_printed_is_reproduced_whatever_a_reading_says(under_readings):
    ledger = under_readings()
    ledger.check({"mean": lambda p: p["time_months"].mean()})  # (10 + 20 + 30) / 3
    assert verdicts(ledger, ["mean"]) == [("reproduced", "20.0")]
    matrix = ledger.matrix.set_index("readings")
    # With late it is (30 + 20 + 30) / 3, with fast (10 + 2 + 30) / 3, without 3 (10 + 20) / 2.
    assert matrix.loc[["as printed", "late", "fast", "without-3"], "recomputed"].tolist() == [
        "20.0", "26.7", "14.0", "15.0",
    ]  # fmt: skip
    assert "of-known" not in matrix.index  # the function does not ask for it
    assert "free" not in matrix.index  # nor for the relapses
    assert len(matrix) == 8  # late, fast, without-3: each with each


def test_an_assumption_that_breaks_nothing_makes_a_claim_conditional(under_readings):
    ledger = under_readings()
    ledger.check(
        {
            "shortest": times("2"),
            "relapses": lambda p: p["relapse"],
            "mean-size": lambda p, means_of: p["size_cm"].mean(skipna=means_of == "known"),
        }
    )
    names = ["shortest", "relapses", "mean-size"]
    assert [verdict for verdict, _ in verdicts(ledger, names)] == ["conditional"] * 3
    assumed = ledger.frame.set_index("id").loc[names, "assuming"]
    assert [name.split("reading ")[1] for name in assumed] == ["fast)", "relapsed)", "of-known)"]
    ledger = under_readings(**{"shortest": ("2", "measure", "patient 2: time_months", "x")})
    ledger.check({"mean": lambda p: p["time_months"].mean(), "shortest": times("2")})
    assert verdicts(ledger, ["mean", "shortest"]) == [
        ("reproduced", "20.0"),
        ("contradicted", "20.0"),  # the assumption would break the mean
    ]


def test_two_claims_that_need_opposite_assumptions_exclude_each_other(under_readings):
    ledger = under_readings(
        **{"relapses": ("2", "count", "", "x"), "free-patients": ("2", "count", "", "x")}
    )
    ledger.check({"relapses": lambda p: p["relapse"], "free-patients": lambda p: ~p["relapse"]})
    found = ledger.frame.set_index("id").loc[["relapses", "free-patients"]]
    assert found["verdict"].tolist() == ["contradicted"] * 2
    assert found["against"].tolist() == ["free-patients", "relapses"]
    assert "agrees under relapsed." in found["because"].iloc[0]


def test_another_printed_statement_never_saves_a_claim_and_both_sides_are_marked(under_readings):
    ledger = under_readings()
    ledger.check({"late-1": times("1"), "in-time": times("1"), "last": times("1")})
    names = ["late-1", "in-time", "last"]
    assert [v for v, _ in verdicts(ledger, names)] == ["contradicted", "contradicted", "reproduced"]
    because = ledger.frame.set_index("id").loc[names, "because"].tolist()
    assert because[0].endswith("agrees under late.")
    assert because[1].endswith("it agrees as printed, and fails under late.")
    ledger = under_readings(**{"in-time": ("20", "measure", "late-1", "x")})
    ledger.check({"late-1": times("1"), "in-time": times("2")})
    with pytest.raises(LedgerError, match="'in-time' agrees as printed, and under no reading"):
        ledger.show()


def test_a_statement_is_supported_impossible_or_not_supported(under_readings):
    ledger = under_readings()
    ledger.check(
        {
            "died": lambda p: (p["status"] != "alive").any(),
            "unknown": lambda p: p["size_cm"].notna().all() or pd.NA,
            "all-alive": lambda p: (p["status"] == "alive").all(),
        }
    )
    assert verdicts(ledger, ["died", "unknown", "all-alive"]) == [
        ("contradicted", "impossible"),
        ("not checkable", "not supported"),
        ("reproduced", "supported"),
    ]


def test_a_contradiction_that_names_no_other_side_cannot_be_shown(under_readings):
    ledger = under_readings(**{"longest": ("31", "measure", "", "x")})
    ledger.check({"longest": times("2")})
    with pytest.raises(LedgerError, match="'longest': printed '31', recomputed '20.0': name in"):
        ledger.show()


def test_a_verdict_that_a_later_check_changes_cannot_be_published(under_readings):
    reasons = {"relapses": ("2", "count", "", ""), "free-patients": ("2", "count", "", "x")}
    ledger = under_readings(**reasons)
    ledger.claims = ledger.claims.loc[list(reasons)]
    ledger.check({"relapses": lambda p: p["relapse"]})
    ledger.show()
    ledger.claims["because"] = "x"
    ledger.check({"free-patients": lambda p: ~p["relapse"]})
    ledger._judged["relapses"].reasons["because"] = "x"
    ledger._settled = None
    with pytest.raises(LedgerError, match="later check changed the verdict of relapses"):
        ledger.publish()


def test_a_cell_is_pinned_by_the_claims_made_from_it(under_readings):
    ledger = under_readings()
    ledger.check({"mean": lambda p: p["time_months"].mean()})
    # A sum of 59, 60 or 61 is a mean that prints as 20: from 19.5 on, below 20.5.
    pins = ledger.pins("time_months").set_index("patient_id")
    assert pins.loc["1"].tolist() == [10.0, 9.0, 11.0, "mean"]
    assert ledger.pins("time_months", within=(10, None))["lowest"].tolist()[0] == 10


def test_a_convention_needs_no_patients():
    rows = [
        ("plain", "", "median_of", "all", "assumed", "it is of all"),
        ("other", "", "median_of", "survivors", "assumed", "it is of survivors"),
    ]
    readings = pd.DataFrame(rows, columns=ledger_module._NO_READINGS.columns)
    cells = {
        name: ("results", "What", "5", "", "median", "", "", because)
        for name, because in (("first", "x"), ("second", "x"), ("third", ""))
    }
    claims = pd.DataFrame.from_dict(cells, orient="index", columns=HEADER.split(",")[1:])
    ledger = Ledger("example", claims, readings)
    known = {"all": 5, "survivors": 7, None: pd.NA}
    ledger.check(
        {
            "first": lambda median_of: known[median_of],
            "second": lambda median_of: 12 - known[median_of] if median_of else pd.NA,
            "third": lambda printed: printed["first"],
        }
    )
    found = ledger.frame.set_index("id")
    # 5 needs all patients, 12 - 7 survivors: opposite assumptions, so neither is saved.
    assert found["verdict"].tolist() == ["contradicted", "contradicted", "reproduced"]
    assert found["against"].tolist() == ["second", "first", ""]
    ledger = Ledger("example", claims.loc[["first"]], readings)
    ledger.check({"first": lambda median_of: known[median_of]})
    assert ledger.frame["verdict"].tolist() == ["conditional"]
    assert ledger.frame["assuming"].tolist() == ["it is of all (reading plain)"]


def test_claims_with_one_reasoning_share_a_row_and_keep_their_links():
    ledger = ledger_of({"size-1": ("", "", "printed once"), "size-2": ("", "", "printed once")})
    ledger.check(["size-*"])
    html = ledger.show()._repr_mimebundle_()["text/html"]
    assert html.count("<tr data-verdict") == 1
    assert html.count("printed once") == 1
    assert all(f'id="claim-size-{n}"' in html for n in (1, 2))
    ledger = ledger_of()
    ledger.check({"patients": 12, "age": 58.75})
    assert ledger.show()._repr_mimebundle_()["text/html"].count("<tr id=") == 2  # none is needed


def test_every_fact_is_a_claim_and_claims_csv_may_say_more(tmp_path):
    facts = tmp_path / "facts.csv"
    facts.write_text(
        "# unit: months\nid,group,endpoint,variable,level,kind,at,value,unit,total,place\n"
        "n-all,all,,,,n,,63,,,abstract\nmen,all,,sex,male,count,,22,,63,table 1\n"
        "five,all,death,,,survival,60,65%,,,results\n",
        encoding="utf-8",
    )
    known = ledger_module._read_facts(facts)
    path = tmp_path / "claims.csv"
    path.write_text(f"{HEADER}\nfive,,,,,,,,why\nage,x,y,5,,count,,,\n", encoding="utf-8")
    claims = ledger_module._read_claims(path, known)
    assert claims[["printed", "kind"]].T.to_dict("list") == {
        "five": ["65%", "survival"],
        "age": ["5", "count"],
        "n-all": ["63", "count"],
        "men": ["22/63", "fraction"],
    }
    assert claims.loc["five", ["place", "statement", "because"]].tolist() == [
        "results",
        "Death, survival, at 60 (all)",
        "why",
    ]
    path.write_text(f"{HEADER}\nfive,,,64%,,,,,\n", encoding="utf-8")
    with pytest.raises(LedgerError, match="line 2: printed: facts.csv has '65%'"):
        ledger_module._read_claims(path, known)


def test_names_that_nobody_knows_are_refused(under_readings):
    ledger = under_readings(
        **{"mean": ("20", "mean", "patient 9: time_months; table 1; late; mean", "x")}
    )
    assert list(ledger._unknown_names()) == [
        "mean: against: no claim, cell or reading 'patient 9: time_months'",
        "mean: against: no claim, cell or reading 'table 1'",
    ]


def test_the_cards_of_tilkorn_say_what_a_reading_changes():
    ledger = Ledger.open("tilkorn2010")
    measures = {"mean follow-up": lambda p: p["time_months"].mean()}
    changes = ledger.changes(measures, "death-2").set_index("readings")
    # The months add up to 457; with 6 or 5 in place of 15 they are 448 or 447.
    assert changes["as_printed"].tolist() == pytest.approx([457 / 12] * 2)
    assert changes.loc["death-2-text", "changed"] == pytest.approx(448 / 12)
    assert changes.loc["death-2-radiation", "changed"] == pytest.approx(447 / 12)
    html = ledger.cards(measures, ["death-2"])._repr_mimebundle_()["text/html"]
    assert "mean follow-up: 38.1 as printed, 37.2 to 37.3 otherwise" in html
    assert "15 months (table 2)" in html
    with pytest.raises(LedgerError, match="no discrepancy nothing"):
        ledger.cards(measures, ["nothing"])


def test_every_problem_of_a_discrepancies_file_is_told(tmp_path):
    path = tmp_path / "discrepancies.csv"
    path.write_text(
        "id,title,sides,matters,settle\n"
        "a,What?,women | nothing,patient,It.\nb,What?,women,record,It.\n"
        "c,,women | men,nobody,It.\n"
    )
    with pytest.raises(LedgerError) as error:
        ledger_module._read_discrepancies(path, Ledger.open("tilkorn2010"))
    for message in (
        "line 2: no claim, cell or reading 'nothing'",
        "line 3: name two sides",
        "line 4: matters 'nobody'",
        "line 4: a title",
    ):
        assert message in str(error.value)
