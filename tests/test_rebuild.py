"""Synthetic cohorts print what was printed; contradictions, bounds and marks."""

import math
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from statistics import median, stdev

import pandas as pd
import pytest

from vlms.rebuild import InfeasibleError, RebuildError, rebuild, repaired, write_cohorts

# --- Independent code: fractions and loops, nothing of the package -------------------------------


def curve(rows):
    """Kaplan-Meier as steps (time, S) of exact fractions."""
    steps, s = [], Fraction(1)
    for time in sorted({t for t, _ in rows}):
        left = sum(t >= time for t, _ in rows)
        dead = sum(t == time and e for t, e in rows)
        s *= Fraction(left - dead, left)
        steps.append((time, s))
    return steps


def survival(rows, at):
    return next((s for t, s in reversed(curve(rows)) if t <= at), Fraction(1))


def median_survival(rows):
    steps = curve(rows)
    for k, (time, s) in enumerate(steps):
        if s < Fraction(1, 2):
            return time
        if s == Fraction(1, 2):
            return (time + next((t for t, later in steps[k:] if later < s), steps[-1][0])) / 2
    return math.inf


def shown(value, text):
    """A value as it would be printed beside this text: percent sign and decimals as there."""
    percent = text.endswith("%")
    places = Decimal(1).scaleb(-len(text.rstrip("%").partition(".")[2]))
    exact = value * 100 if percent else value
    exact = exact if isinstance(exact, Fraction) else Fraction(exact)
    number = Decimal(exact.numerator) / Decimal(exact.denominator)
    return f"{number.quantize(places, ROUND_HALF_UP)}{'%' * percent}"


def printed(rows, fact):
    """What a cohort, as pairs of time and event, prints for a fact."""
    kind, text = fact["kind"], fact["value"]
    at = float(fact["at"]) if fact["at"] else math.inf
    times = [t for t, _ in rows]
    if fact["variable"] == "follow_up":
        value = {"minimum": min, "maximum": max, "mean": lambda x: sum(x) / len(x), "sd": stdev,
                 "median": median}[kind](times)  # fmt: skip
        return shown(value, text)
    if kind == "n":
        return str(len(rows))
    if kind == "events":
        return str(sum(e and t <= at for t, e in rows))
    if kind == "at_risk":
        return str(sum(t >= at for t in times))
    if kind == "survival":
        return shown(survival(rows, at), text)
    value = median_survival(rows)
    return "not reached" if value == math.inf else shown(value, text)


def facts_of(lines, **header):
    columns = "kind at value endpoint variable group".split()
    rows = [[*line, *[""] * (len(columns) - len(line))] for line in lines]
    frame = pd.DataFrame(rows, columns=columns)
    frame["endpoint"] = frame["endpoint"].where(frame["variable"] != "", "death")
    frame.loc[frame["variable"] != "", "endpoint"] = ""
    frame["group"] = frame["group"].replace("", "all")
    frame.attrs = header
    return frame


SIMPLE = [("n", "", "63"), ("events", "", "36"), ("survival", "12", "96%"),
          ("survival", "36", "57%"), ("survival", "60", "40%"),
          ("maximum", "", "166", "", "follow_up")]  # fmt: skip


def pairs(frame):
    return list(zip(frame["time"], frame["event"], strict=True))


# --- One group, one endpoint ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        SIMPLE,
        [("n", "", "40"), ("survival", "24", "71.3%"), ("median", "", "41"),
         ("at_risk", "24", "22")],
        [("n", "", "25"), ("events", "", "9"), ("median", "", "not reached"),
         ("minimum", "", "3", "", "follow_up"), ("maximum", "", "120", "", "follow_up"),
         ("events", "12", "4")],
        [("n", "", "12"), ("survival", "36", "57%"), ("mean", "", "38", "", "follow_up"),
         ("sd", "", "30.6", "", "follow_up")],
    ],
)  # fmt: skip
def test_every_cohort_prints_what_was_printed(lines):
    facts = facts_of(lines, **{"follow-up": "plain"})
    drawn = rebuild(facts, cohorts=25, seed=3)
    assert drawn["cohort"].nunique() == 25
    wanted = facts["value"].tolist()
    for _, cohort in drawn.groupby("cohort"):
        assert [printed(pairs(cohort), fact) for _, fact in facts.iterrows()] == wanted


def test_the_same_seed_gives_the_same_cohorts():
    facts = facts_of(SIMPLE)
    one = rebuild(facts, cohorts=20, seed=5)
    assert one.equals(rebuild(facts, cohorts=20, seed=5))
    assert not one["time"].equals(rebuild(facts, cohorts=20, seed=6)["time"])


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing():
    facts = facts_of(SIMPLE)
    assert rebuild(facts, cohorts=260).equals(rebuild(facts, cohorts=260, jobs=2))


def test_contradicted_facts_are_refused_with_the_sets():
    facts = facts_of([("n", "", "12"), ("events", "", "9"), ("survival", "36", "77.9%"),
                      ("survival", "60", "39.0%")])  # fmt: skip
    with pytest.raises(InfeasibleError, match="9 events leave at most 3 censored") as caught:
        rebuild(facts)
    assert caught.value.sets["fact"].tolist() == ["1", "2", "3"]
    assert len(rebuild(repaired(facts, {"2": "7"}), cohorts=2)) == 24
    assert len(rebuild(repaired(facts, {"2": None}), cohorts=2)) == 24
    with pytest.raises(RebuildError, match="no fact has the id '9'"):
        repaired(facts, {"9": None})


def test_a_size_is_needed():
    with pytest.raises(RebuildError, match="number of patients of all is not printed"):
        rebuild(facts_of([("survival", "36", "57%")]))


def test_synthetic_rows_are_marked_in_the_frame_and_in_the_file(tmp_path):
    import pyarrow.parquet as pq

    drawn = rebuild(facts_of(SIMPLE), cohorts=2)
    assert drawn["synthetic"].all() and drawn["patient"].str.startswith("synthetic-").all()
    assert drawn["patient"].is_unique
    write_cohorts(drawn, tmp_path / "cohorts.parquet")
    told = pq.read_table(tmp_path / "cohorts.parquet").schema.metadata
    assert told[b"synthetic"] == b"synthetic: drawn to agree with what is printed"
