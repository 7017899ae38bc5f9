import json

import numpy as np
import pytest

from vlms.consistency.findings import Finding, graded, printed_box, printed_share, together, whole


def test_a_truncated_number_stands_for_the_unit_above_it():
    assert printed_box("1.14") == pytest.approx((1.135, 1.145))
    assert printed_box("1.14", truncated=True) == pytest.approx((1.135, 1.15))
    assert printed_box("-0.5", truncated=True) == pytest.approx((-0.6, -0.45))


def test_a_box_ends_where_the_quantity_does():
    assert printed_box("<.001", smallest=0) == (0, 0.001)
    assert printed_box("0.00", truncated=True, smallest=0) == pytest.approx((0, 0.01))


def test_a_number_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="cannot be printed"):
        printed_box("7", smallest=0, largest=1)


def test_the_gravest_verdict_leads():
    joined = together([Finding("rounding", "A."), Finding("contradictory", "B.")])
    assert (joined.verdict, joined.statement) == ("contradictory", "B. A.")
    assert len(joined.parts) == 2


def test_a_finding_is_true_unless_it_is_contradictory():
    assert Finding("undetermined", "Maybe.")
    assert not Finding("contradictory", "No.")


def test_a_finding_becomes_json():
    finding = Finding("consistent", "Yes.", values={"a": np.int64(3), "b": float("inf")})
    assert json.loads(json.dumps(finding.to_dict()))["values"] == {"a": 3, "b": None}


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="none of"):
        Finding("wrong", "It is.")


def test_rounding_is_tried_before_truncation():
    assert [graded(lambda cut, fit=fit: fit or cut) for fit in (True, False)] == [
        "consistent",
        "rounding",
    ]
    assert graded(lambda cut: False) == "contradictory"


def test_a_bare_number_above_one_is_a_percentage():
    assert printed_share("65").value == 0.65
    assert printed_share("0").value == 0
    with pytest.raises(ValueError, match="percent sign"):
        printed_share("1")


@pytest.mark.parametrize("junk", ["1.5", 1.5, None, True, float("inf"), float("nan"), -1])
def test_a_count_must_be_whole(junk):
    with pytest.raises(ValueError, match="whole number"):
        whole(junk, "count")
