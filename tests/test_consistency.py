"""What all checks share: findings, boxes of printed numbers, messages."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlms import consistency
from vlms.consistency import Finding, percentage_check, together


@settings(max_examples=150, deadline=None)
@given(
    total=st.integers(1, 300),
    share=st.floats(0, 1),
    decimals=st.integers(0, 2),
    truncate=st.booleans(),
)
def test_a_true_share_is_never_contradictory(total, share, decimals, truncate):
    count = round(share * total)
    scaled, rest = divmod(count * 100 * 10**decimals, total)
    scaled += 0 if truncate else 2 * rest >= total
    text = f"{scaled / 10**decimals:.{decimals}f}%"
    assert percentage_check(text, count, total), text


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="0123456789.%<>-∞e ,x", max_size=8), total=st.integers(-2, 40))
def test_junk_is_refused_with_a_message_or_judged_but_never_crashes(text, total):
    checks = [
        lambda: consistency.percentage_check(text, 3, total),
        lambda: consistency.hazard_ratio_check(text, "1.2", "2.7", events=total),
        lambda: consistency.hazard_ratio_check("1.8", text, "2.7", text),
        lambda: consistency.survival_check(total, text),
        lambda: consistency.mean_check(text, total),
        lambda: consistency.sd_check("5.0", text, total),
        lambda: consistency.curve_check({12: text}, median=text),
    ]
    for check in checks:
        try:
            finding = check()
        except ValueError as error:
            assert str(error)
        else:
            assert finding.verdict in consistency.VERDICTS


def test_everything_named_can_be_imported():
    assert all(hasattr(consistency, name) for name in consistency.__all__)


def test_a_printed_number_is_a_box_that_ends_where_the_quantity_does():
    box = consistency.printed_box
    assert box("1.14") == pytest.approx((1.135, 1.145))
    assert box("1.14", truncated=True) == pytest.approx((1.135, 1.15))
    assert box("-0.5", truncated=True) == pytest.approx((-0.6, -0.45))
    assert box("<.001", smallest=0) == (0, 0.001)
    with pytest.raises(ValueError, match="cannot be printed"):
        box("7", smallest=0, largest=1)


def test_a_bare_number_above_one_is_a_percentage():
    assert consistency.printed_share("65").value == 0.65
    assert consistency.printed_share("0").value == 0
    with pytest.raises(ValueError, match="percent sign"):
        consistency.printed_share("1")


def test_the_gravest_of_several_findings_leads():
    joined = together([Finding("rounding", "A."), Finding("contradictory", "B.")])
    assert (joined.verdict, joined.statement, len(joined.parts)) == ("contradictory", "B. A.", 2)
    assert Finding("undetermined", "Maybe.") and not joined
    with pytest.raises(ValueError, match="none of"):
        Finding("wrong", "It is.")


def test_a_finding_becomes_json():
    finding = Finding("consistent", "Yes.", values={"a": np.int64(3), "b": float("inf")})
    assert json.loads(json.dumps(finding.to_dict()))["values"] == {"a": 3, "b": None}
