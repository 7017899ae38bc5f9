"""The ledger: verdicts follow from the numbers, and none can be typed."""

import pandas as pd
import pytest

from vlms.consistency import Finding
from vlms.ledger import LEDGER_MIME, Ledger, LedgerError

HEADER = "id,place,statement,printed,unit,kind,against,assuming,because"
CLAIMS = {
    "patients": "abstract,Patients,twelve,patients,count",
    "low-grade": "results,Low-grade tumours,16%,,share",
    "age": "results,Mean age,59,years,mean",
    "ages": "results,Youngest and oldest,41-77,years,range",
    "women": "table 1,Women,410/630 (65),patients,fraction",
    "deaths": 'results,Who died,"1, 2, 4 & 9",patient numbers,patients',
    "stage": "table 1,T stage of patient 12,T2,,text",
    "ratio": "results,Hazard ratio,2.74,,hazard_ratio",
    "size-1": "table 1,Patient 1: size,8,cm,measure",
    "size-2": "table 1,Patient 2: size,5.0,cm,measure",
}
PATIENTS = pd.DataFrame({"age": [41, 77], "relapse": [True, None]}, index=["1", "2"])


@pytest.fixture
def open_ledger(tmp_path):
    """Open a ledger whose claims have these reasons, as (against, assuming, because)."""

    def open_it(reasons=None):
        lines = [
            f"{name},{cells}," + ",".join((reasons or {}).get(name, ("", "", "")))
            for name, cells in CLAIMS.items()
        ]
        (tmp_path / "claims.csv").write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
        ledger = Ledger.open("example", path=tmp_path / "claims.csv")
        ledger.patients = PATIENTS.astype({"relapse": "boolean"})
        return ledger

    return open_it


def entry(ledger, claim_id):
    return ledger.frame.set_index("id").loc[claim_id]


@pytest.mark.parametrize(
    ("claim_id", "value", "verdict", "recomputed"),
    [
        ("patients", 12, "reproduced", "12"),
        ("patients", ["1"] * 12, "reproduced", "12"),
        ("low-grade", 2 / 12, "rounding", "16.7%"),  # prints as 17%, is cut off to 16%
        ("age", 58.75, "reproduced", "58.8"),
        ("age", 60.2, "rounding", "60.2"),  # one unit off
        ("ages", (41, 77), "reproduced", "41.0 to 77.0"),
        ("ages", (41.4, 77.9), "rounding", "41.4 to 77.9"),
        ("women", (410, 630), "reproduced", "410/630 (65.1%)"),
        ("deaths", [9, 4, 2, 1], "reproduced", "1, 2, 4, 9"),
        ("stage", "T2", "reproduced", "T2"),
    ],
)
def test_the_verdict_follows_from_the_value(open_ledger, claim_id, value, verdict, recomputed):
    ledger = open_ledger()
    ledger.check({claim_id: lambda p: value})
    assert entry(ledger, claim_id)[["verdict", "recomputed"]].tolist() == [verdict, recomputed]
    assert entry(ledger, claim_id)["because"].startswith("agrees when") == (verdict == "rounding")


@pytest.mark.parametrize(
    ("claim_id", "value"),
    [
        ("patients", 11),  # one off is not a matter of rounding where things are counted
        ("patients", pd.NA),
        ("age", 52.0),
        ("ages", (41, 80)),
        ("ages", (41.9, 80)),
        ("women", (411, 630)),
        ("women", (410, 629)),
        ("deaths", [1, 2, 4]),
        ("deaths", [1, 2, 4, 9, 10]),
        ("stage", "T1"),
        ("low-grade", float("nan")),
    ],
)
def test_a_value_that_disagrees_needs_the_other_side_and_why(open_ledger, claim_id, value):
    for reasons in (("", "", ""), ("table 1", "", ""), ("", "anything", "x"), ("", "", "x")):
        with pytest.raises(LedgerError, match=f"{claim_id}.*name in claims.csv what contradicts"):
            open_ledger({claim_id: reasons}).check({claim_id: value})
    ledger = open_ledger({claim_id: ("table 1; low-grade", "", "the sum is {recomputed}")})
    ledger.check({claim_id: value})
    found = entry(ledger, claim_id)
    assert (found["verdict"], found["against"]) == ("contradicted", "table 1; low-grade")
    assert found["because"] == f"the sum is {found['recomputed']}"


def test_a_contradiction_is_refused_where_the_numbers_agree(open_ledger):
    with pytest.raises(LedgerError, match="'59', recomputed '58.8' .*nothing contradicts it"):
        open_ledger({"age": ("table 1", "", "made up")}).check({"age": 58.75})


def test_agreement_under_an_unstated_assumption_is_conditional(open_ledger):
    ledger = open_ledger({"age": ("", "patient {who} is counted", "")})
    ledger.check({"age": 58.75}, who=lambda p: p.index[p["age"] > 50])
    assert entry(ledger, "age")["verdict"] == "conditional"
    assert entry(ledger, "age")["assuming"] == "patient 2 is counted"


def test_a_claim_that_cannot_be_checked_needs_the_reason_and_nothing_else(open_ledger):
    for reasons in (("", "", ""), ("table 1", "", "x"), ("", "anything", "x")):
        with pytest.raises(LedgerError, match="needs the reason"):
            open_ledger({"age": reasons}).check(["age"])
    ledger = open_ledger({"age": ("", "", "no ages are printed")})
    ledger.check(["age"])
    assert entry(ledger, "age")["verdict"] == "not checkable"


@pytest.mark.parametrize(
    ("outcome", "assumptions", "reasons", "verdict", "assuming", "because"),
    [
        ("consistent", (), ("", "", ""), "reproduced", "", "1 = 1"),
        ("consistent", ("a", "b"), ("", "", ""), "conditional", "a; b", "1 = 1"),
        ("rounding", (), ("", "", ""), "rounding", "", "1 = 1"),
        ("undetermined", ("a",), ("", "", ""), "not checkable", "", "1 = 1"),
        ("contradictory", ("a",), ("its limits", "", ""), "contradicted", "a", "1 = 1"),
        (
            "contradictory",
            ("a", "b"),
            ("its limits", "{assumptions}; c", "{statement} n = {values[n]}: {arithmetic}"),
            "contradicted",
            "a; b; c",
            "It is. n = 3: 1 = 1",
        ),
    ],
)
def test_a_finding_brings_its_verdict_and_its_reasons(
    open_ledger, outcome, assumptions, reasons, verdict, assuming, because
):
    ledger = open_ledger({"ratio": reasons})
    ledger.check({"ratio": Finding(outcome, "It is.", "1 = 1", assumptions, {"n": 3})})
    found = entry(ledger, "ratio")[["recomputed", "verdict", "assuming", "because"]].tolist()
    assert found == ["It is.", verdict, assuming, because]


def test_functions_get_what_they_ask_for_by_name(open_ledger):
    ledger = open_ledger()
    ledger.check(
        {
            "ages": lambda p: (p["age"].min(), p["age"].max()),
            "age": lambda p, printed: (p["age"].sum() + printed["patients"] - 12) / 2,
            "deaths": lambda printed: printed["deaths"],
        }
    )
    assert entry(ledger, "age")["recomputed"] == "59.0"
    assert [type(ledger.printed[name]).__name__ for name in ("patients", "low-grade")] == [
        "int",
        "Printed",
    ]
    assert ledger.printed["women"] == (410, 630)
    assert ledger.printed["ages"] == (41, 77)


def test_yes_or_no_is_counted_shared_or_listed_and_never_guessed(open_ledger):
    yes = pd.Series([True, True, False], index=["2", "11", "1"])
    share = pd.Series([True] + [False] * 5, dtype="boolean")
    ledger = open_ledger(dict.fromkeys(["patients", "deaths", "women"], ("table 1", "", "x")))
    ledger.check({"patients": yes, "low-grade": share, "deaths": yes, "women": yes})
    found = ledger.frame.set_index("id")["recomputed"]
    assert found[["patients", "low-grade"]].tolist() == ["2", "16.7%"]
    assert found[["deaths", "women"]].tolist() == ["2, 11", "2/3 (66.7%)"]
    with pytest.raises(LedgerError, match="not known for patient 2; .*assumed"):
        open_ledger().check({"patients": lambda p: p["relapse"]})


def test_a_star_stands_for_several_claims(open_ledger):
    ledger = open_ledger({"size-2": ("", "", "printed once")})
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


def test_all_problems_of_a_check_are_told_at_once_and_nothing_is_entered(open_ledger):
    ledger = open_ledger({"stage": ("", "", "{why}")})
    with pytest.raises(LedgerError) as error:
        ledger.check({"age": 50, "agee": 1, "patients": 12, "stage": "T2"}, idle=1)
    assert str(error.value).splitlines() == [
        "claim 'age': printed '59', recomputed '50.0': name in claims.csv what contradicts it, "
        "`against`, and the arithmetic, `because`",
        "example has no claim 'agee'; see claims.csv",
        "claim 'stage': `because` in claims.csv has the field why: give it to check by this name",
        "no reason of these claims has the field idle",
    ]
    assert set(ledger.frame["verdict"]) == {""}
    with pytest.raises(LedgerError, match="returns None"):
        ledger.check({"age": lambda p: None})


def test_a_claim_is_checked_once(open_ledger):
    ledger = open_ledger()
    ledger.check({"age": 58.75})
    with pytest.raises(LedgerError, match="'age' of example was checked before; if you ran"):
        ledger.check({"age": 59})
    with pytest.raises(LedgerError, match="stands twice in this check"):
        ledger.check({"size-*": {"1": 8}, "size-1": 8})


def test_only_a_whole_ledger_is_published(open_ledger):
    ledger = open_ledger(dict.fromkeys(CLAIMS, ("", "", "<b>x</b>")))
    ledger.check({"age": 58.75})
    with pytest.raises(LedgerError, match="9 claims of example have no verdict: patients, low"):
        ledger.publish()
    assert 'id="claim-age"' in ledger.show()._repr_mimebundle_()["text/html"]
    ledger.check([name for name in CLAIMS if name != "age"])
    assert 'id="claim-age"' not in ledger.show()._repr_mimebundle_()["text/html"]
    bundle = ledger.publish()._repr_mimebundle_()
    claims = bundle[LEDGER_MIME]["claims"]
    assert [claim["id"] for claim in claims] == list(CLAIMS)
    assert list(claims[0]) == [
        *"id section statement printed unit kind recomputed verdict".split(),
        *"assuming against because".split(),
    ]
    assert 'id="ledger-age"' in bundle["text/html"]
    assert 'href="#claim-age"' in bundle["text/html"]
    assert "<b>x" not in bundle["text/html"]
    assert ledger.counts["n"].tolist() == [1, 0, 0, 0, 9]


def test_every_problem_of_a_claims_file_is_told_with_its_line(tmp_path):
    path = tmp_path / "claims.csv"
    rows = {
        "age,x,y,5,,count,,,": None,
        "age,x,again,5,,count,,,": "line 3: id 'age' stands twice",
        "Bad Id,x,y,5,,count,,,": "line 4: id 'Bad Id' must be lower-case",
        "a,x,y,many,,count,,,": "line 5: printed: 'many' is not one printed number",
        "b,x,y,5,,cuont,,,": "line 6: kind 'cuont' is none of",
        "c,x,y,5,,range,,,": "line 7: printed: '5' is not a pair",
        "d,x,y,a/b,,fraction,,,": "line 8: printed: 'a/b' is not a count",
        "e,x,5,,count,,,": "line 9: the header has 9 fields",
        "f,x,y,5,,count,,,,more": "line 10: the header has 9 fields",
        "g,x,y,5,,count,age; no-claim,,": "line 11: against: no claim 'no-claim'",
        "h,x,y,5,,count,table 1,,{open": "line 12: because: expected '}'",
    }
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    with pytest.raises(LedgerError, match="claims.csv: line 3") as error:
        Ledger.open("example", path=path)
    assert all(message in str(error.value) for message in rows.values() if message)
    assert str(error.value).count("line ") == len(rows) - 1


def test_a_missing_claims_file_or_column_is_named(tmp_path):
    with pytest.raises(LedgerError, match="nothing.csv: cannot be read"):
        Ledger.open("example", path=tmp_path / "nothing.csv")
    path = tmp_path / "claims.csv"
    path.write_text("id,printed\nage,5\n", encoding="utf-8")
    missing = "line 1: column place, statement, unit, kind is missing"
    with pytest.raises(LedgerError, match=missing):
        Ledger.open("example", path=path)
