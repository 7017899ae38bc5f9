"""Simulated true studies, printed as papers print them, are never called contradictory."""

import json
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlms import consistency
from vlms.consistency import Finding, hazard_ratio_check, percentage_check, together

STUDIES, PATIENTS = 2500, 30


def printed(value, decimals, truncate):
    scaled = value * 10**decimals
    whole = math.floor(scaled) if truncate else math.floor(scaled + 0.5)
    return f"{whole / 10**decimals:.{decimals}f}"


@pytest.fixture(scope="module")
def studies():
    """Cox fits of one binary covariate by Newton's method, all studies at once, Breslow's ties."""
    random = np.random.default_rng(1972)
    size = random.integers(6, PATIENTS + 1, size=STUDIES)[:, None]
    real = np.arange(PATIENTS) < size
    group = random.random((STUDIES, PATIENTS)) < random.uniform(0.15, 0.6, size=(STUDIES, 1))
    hazard = np.where(group, np.exp(random.normal(0.4, 0.8, size=(STUDIES, 1))), 1)
    death = random.exponential(1 / hazard)
    censoring = random.exponential(random.uniform(0.5, 5, size=(STUDIES, 1)), death.shape)
    time = np.ceil(np.minimum(death, censoring) * 24)  # printed in whole units, so with ties
    event = (death <= censoring) & real
    at_risk = (time[:, None, :] >= time[:, :, None]) & real[:, None, :]
    ones = (at_risk & group[:, None, :]).sum(axis=2)
    zeros = (at_risk & ~group[:, None, :]).sum(axis=2)
    beta = np.zeros((STUDIES, 1))
    for _ in range(30):
        share = ones * np.exp(beta) / np.maximum(ones * np.exp(beta) + zeros, 1e-300)
        score = (event * (group - share)).sum(axis=1, keepdims=True)
        information = (event * share * (1 - share)).sum(axis=1, keepdims=True)
        step = np.clip(score / np.maximum(information, 1e-12), -1, 1)
        beta = beta + step
    events = np.stack([(event & group).sum(axis=1), (event & ~group).sum(axis=1)], axis=1)
    converged = (np.abs(step) < 1e-9).ravel() & (np.abs(beta) < 4).ravel()
    converged &= (events > 0).all(axis=1) & (information > 1e-3).ravel()
    assert converged.mean() > 0.5
    return [
        (b, i**-0.5, tuple(d), random)
        for b, i, d in zip(
            beta[converged, 0], information[converged, 0], events[converged].tolist(), strict=True
        )
    ]


def test_true_cox_fits_are_never_contradictory(studies):
    for log_ratio, error, events, random in studies:
        limits = [math.exp(log_ratio + side * 1.959964 * error) for side in (-1, 1)]
        p = 2 * NormalDist().cdf(-abs(log_ratio) / error)
        decimals, truncate = int(random.integers(1, 4)), bool(random.integers(2))
        ratio = printed(math.exp(log_ratio), decimals, truncate)
        if float(ratio) == 0:
            continue
        finding = hazard_ratio_check(
            ratio,
            *(printed(limit, decimals, truncate) for limit in limits),
            printed(p, int(random.integers(2, 5)), truncate),
            groups=events,
            events=sum(events),
            test="wald",
        )
        assert not finding.contradictory, (log_ratio, error, events, str(finding))


def test_an_interval_of_twice_the_patients_is_found_at_the_stated_rate(studies):
    # Planted: limits of a study with twice the events of the one that prints them. Measured 75%.
    found = 0
    for log_ratio, error, events, _ in studies[:800]:
        limits = [math.exp(log_ratio + s * 1.959964 * error / 2**0.5) for s in (-1, 1)]
        shown = [printed(limit, 2, False) for limit in limits]
        ratio = printed(math.exp(log_ratio), 2, False)
        if float(ratio):
            found += hazard_ratio_check(
                ratio, *shown, events=sum(events), covariate="binary", limits="wald"
            ).contradictory
    assert found / 800 > 0.7


def test_a_wrong_digit_in_a_limit_is_found_at_the_stated_rate(studies):
    # Planted: the first decimal of the upper limit raised by 3. Measured 76%.
    found = 0
    for log_ratio, error, _, _ in studies[:800]:
        limits = [math.exp(log_ratio + side * 1.959964 * error) for side in (-1, 1)]
        lower, upper = printed(limits[0], 2, False), printed(limits[1] + 0.3, 2, False)
        ratio = printed(math.exp(log_ratio), 2, False)
        if float(ratio):
            found += hazard_ratio_check(ratio, lower, upper, limits="wald").contradictory
    assert found / 800 > 0.7


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
