"""The ledger: verdicts follow from the numbers, and none can be typed."""

import pandas as pd
import pytest

from vlms.claims import LEDGER_MIME, Ledger, LedgerError
from vlms.consistency import Finding
from vlms.verdicts import VERDICTS, verdict_badge

CLAIMS = """id,place,statement,printed,unit,kind
patients,abstract,Patients,twelve,patients,count
low-grade,results,Low-grade tumours,16%,,share
age,results,Mean age,59,years,mean
ages,results,Youngest and oldest,41-77,years,range
women,table 1,Women,41/63 (65),patients,fraction
deaths,results,Who died,"1, 2, 4 & 9",patient numbers,patients
stage,table 1,T stage of patient 12,T2,,text
ratio,results,Hazard ratio,2.74,,hazard_ratio
"""


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(CLAIMS, encoding="utf-8")
    return Ledger.open("example", path=path)


def verdict(ledger, claim_id):
    return ledger.frame.set_index("id").loc[claim_id]


@pytest.mark.parametrize(
    ("claim_id", "value", "expected"),
    [
        ("patients", 12, "reproduced"),
        ("low-grade", 2 / 12, "rounding"),  # 16.67% prints as 17%, is truncated to 16%
        ("age", 58.75, "reproduced"),
        ("age", 60.2, "rounding"),  # one unit off
        ("ages", (41, 77), "reproduced"),
        ("women", (41, 63), "reproduced"),  # 65.08%
        ("deaths", [9, 4, 2, 1], "reproduced"),
        ("stage", "T2", "reproduced"),
    ],
)
def test_the_verdict_follows_from_the_recomputed_value(ledger, claim_id, value, expected):
    ledger.check(claim_id, value)
    assert verdict(ledger, claim_id)["verdict"] == expected


def test_a_count_that_is_one_off_is_not_a_matter_of_rounding(ledger):
    with pytest.raises(LedgerError, match="printed 'twelve', recomputed '11'.*name in"):
        ledger.check("patients", 11)


@pytest.mark.parametrize(
    ("claim_id", "value"),
    [
        ("age", 52.0),
        ("ages", (41, 80)),
        ("women", (40, 63)),
        ("women", (41, 62)),
        ("deaths", [1, 2, 4]),
        ("stage", "T1"),
        ("low-grade", float("nan")),
    ],
)
def test_a_value_that_disagrees_needs_the_other_side_and_the_arithmetic(ledger, claim_id, value):
    with pytest.raises(LedgerError, match="name in claims.csv what contradicts it"):
        ledger.check(claim_id, value)
    with pytest.raises(LedgerError, match="name in claims.csv what contradicts it"):
        ledger.check(claim_id, value, against="Table 1")
    ledger.check(claim_id, value, against=["Table 1", "age"], because="the sum is another")
    entry = verdict(ledger, claim_id)
    assert entry["verdict"] == "contradicted"
    assert entry["against"] == "Table 1; age"
    assert entry["because"] == "the sum is another"


def test_a_contradiction_is_refused_where_the_numbers_agree(ledger):
    with pytest.raises(LedgerError, match="nothing contradicts it"):
        ledger.check("age", 58.75, against="Table 1", because="made up")


def test_agreement_under_an_unstated_assumption_is_conditional(ledger):
    ledger.check("age", 58.75, assuming="patient 2 is counted")
    assert verdict(ledger, "age")["verdict"] == "conditional"
    assert verdict(ledger, "age")["assuming"] == "patient 2 is counted"


def test_an_assumption_does_not_excuse_a_value_that_disagrees(ledger):
    with pytest.raises(LedgerError, match="name in claims.csv what contradicts it"):
        ledger.check("age", 50, assuming="anything")


def test_a_claim_that_cannot_be_checked_needs_the_reason(ledger):
    with pytest.raises(LedgerError, match="needs the reason"):
        ledger.check("age")
    ledger.check("age", because="no ages are printed")
    assert verdict(ledger, "age")["verdict"] == "not checkable"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("contradictory", "contradicted"),
        ("rounding", "rounding"),
        ("consistent", "reproduced"),
        ("undetermined", "not checkable"),
    ],
)
def test_a_finding_of_the_consistency_checks_gives_its_verdict(ledger, outcome, expected):
    finding = Finding(outcome, "The interval fits.", "2.74 = sqrt(1.14 x 6.56)", (), {})
    ledger.check("ratio", finding, against="its limits" if expected == "contradicted" else None)
    assert verdict(ledger, "ratio")["verdict"] == expected
    assert verdict(ledger, "ratio")["because"] == "2.74 = sqrt(1.14 x 6.56)"


def test_what_a_finding_assumes_makes_the_verdict_conditional(ledger):
    finding = Finding("consistent", "It fits.", "arithmetic", ("a Wald interval",), {})
    ledger.check("ratio", finding)
    assert verdict(ledger, "ratio")["verdict"] == "conditional"
    assert verdict(ledger, "ratio")["assuming"] == "a Wald interval"


def test_a_claim_is_checked_once_and_must_exist(ledger):
    ledger.check("age", 58.75)
    with pytest.raises(LedgerError, match="checked before"):
        ledger.check("age", 59)
    with pytest.raises(LedgerError, match="has no claim 'agee'"):
        ledger.check("agee", 59)


def test_several_claims_can_share_one_line_of_reasoning(ledger):
    ledger.check_all(pd.Series({"age": 58.75, "patients": 12}))
    ledger.check_all(["stage", "ratio"], because="printed once")
    assert ledger.counts.set_index("verdict")["n"].to_dict() == {
        "reproduced": 2,
        "rounding": 0,
        "conditional": 0,
        "contradicted": 0,
        "not checkable": 2,
    }


def test_a_ledger_with_a_claim_left_over_cannot_be_published(ledger):
    ledger.check("age", 58.75)
    with pytest.raises(LedgerError, match="7 claims of example have no verdict: patients, low"):
        ledger.publish()


def test_the_whole_ledger_is_handed_to_the_report(ledger):
    ledger.check_all([*ledger.claims.index], because="an example")
    bundle = ledger.publish()._repr_mimebundle_()
    claims = bundle[LEDGER_MIME]["claims"]
    assert bundle[LEDGER_MIME]["paper"] == "example"
    assert [claim["id"] for claim in claims] == ledger.claims.index.to_list()
    assert {claim["verdict"] for claim in claims} == {"not checkable"}
    assert 'id="ledger-age"' in bundle["text/html"]
    assert 'href="#claim-age"' in bundle["text/html"]


def test_each_claim_is_shown_once_where_it_is_derived(ledger):
    ledger.check("age", 58.75)
    assert 'id="claim-age"' in ledger.show()._repr_mimebundle_()["text/html"]
    ledger.check("stage", "T2")
    second = ledger.show()._repr_mimebundle_()["text/html"]
    assert 'id="claim-stage"' in second
    assert 'id="claim-age"' not in second


def test_text_of_a_claim_is_escaped(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(CLAIMS + "html,x,<script>alert(1)</script>,5,,count\n", encoding="utf-8")
    ledger = Ledger.open("example", path=path)
    ledger.check("html", because="<b>no</b>")
    html = ledger.show()._repr_mimebundle_()["text/html"]
    assert "<script" not in html
    assert "<b>no" not in html


def test_a_badge_is_read_without_colour():
    assert len({verdict_badge(name).split(">")[2][0] for name in VERDICTS}) == len(VERDICTS)
    assert all(name in verdict_badge(name) for name in VERDICTS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("age,x,again,5,,count", "line 10: id 'age' stands twice"),
        ("Bad Id,x,y,5,,count", "line 10: id 'Bad Id' must be lower-case"),
        ("new,x,y,many,,count", "line 10: printed: 'many' is not one printed number"),
        ("new,x,y,5,,cuont", "line 10: kind 'cuont' is none of"),
        ("new,x,y,5,,range", "line 10: printed: '5' is not a pair"),
        ("new,x,y,a/b,,fraction", "line 10: printed: 'a/b' is not a count"),
        ("new,x,5,,count", "line 10: the header has 6 fields"),
        ("new,x,y,5,,count,more", "line 10: the header has 6 fields"),
    ],
)
def test_a_broken_claims_file_is_refused_with_file_and_line(tmp_path, row, message):
    path = tmp_path / "claims.csv"
    path.write_text(CLAIMS + row + "\n", encoding="utf-8")
    with pytest.raises(LedgerError, match="claims.csv") as error:
        Ledger.open("example", path=path)
    assert message in str(error.value)


def test_a_missing_claims_file_or_column_is_named(tmp_path):
    with pytest.raises(LedgerError, match="nothing.csv: cannot be read"):
        Ledger.open("example", path=tmp_path / "nothing.csv")
    path = tmp_path / "claims.csv"
    path.write_text("id,printed\nage,5\n", encoding="utf-8")
    with pytest.raises(LedgerError, match="line 1: column place, statement, unit, kind is missing"):
        Ledger.open("example", path=path)
