"""Synthetic cohorts print what was printed; contradictions, bounds and marks."""

import math
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from statistics import median, stdev

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from vlms.cli import main
from vlms.rebuild import (
    InfeasibleError,
    RebuildError,
    bounds,
    coverage_table,
    over_cohorts,
    rebuild,
    repaired,
    repairs,
    write_cohorts,
)

# --- Independent code: fractions and loops, nothing of the package --------------------------------


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


def test_a_survival_on_the_edge_of_rounding_is_found():
    # 5 of 8 is 62.5 %, which prints as 63 % and as nothing else.
    facts = facts_of([("n", "", "8"), ("events", "", "5"), ("survival", "26", "63%")])
    for _, cohort in rebuild(facts, cohorts=5).groupby("cohort"):
        assert shown(survival(pairs(cohort), 26), "63%") == "63%"


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


# --- Property: what a known cohort prints can be rebuilt ------------------------------------------


def known_cohort(rng):
    """Times and events of a made-up cohort, and what a journal would print of it."""
    n = int(rng.integers(8, 61))
    death, leave = rng.weibull(rng.uniform(0.6, 1.8), n) * 60, rng.uniform(5, 150, n)
    rows = list(zip(np.minimum(death, leave).tolist(), (death <= leave).tolist(), strict=True))
    longest = max(t for t, _ in rows)
    lines = [("n", "", str(n)), ("events", "", str(sum(e for _, e in rows)))]
    for share in (0.2, 0.5)[: rng.integers(1, 3)]:
        at = float(round(share * longest))
        blank = f"0{'.0' * int(rng.integers(2))}%"
        lines.append(("survival", f"{at:g}", shown(survival(rows, at), blank)))
    lines.append(("maximum", "", shown(longest, "0"), "", "follow_up"))
    return rows, facts_of(lines)


def rebuilt(seed):
    """Rebuild what a known cohort printed; each member prints the same, and bounds hold."""
    rows, facts = known_cohort(np.random.default_rng(seed))
    drawn = rebuild(facts, cohorts=3, seed=seed)
    for _, cohort in drawn.groupby("cohort"):
        found = [printed(pairs(cohort), fact) for _, fact in facts.iterrows()]
        assert found == facts["value"].tolist(), seed
    return rows, facts


@pytest.mark.slow
def test_what_a_known_cohort_prints_is_always_feasible():
    for seed in range(15):
        rebuilt(seed)


@pytest.mark.slow
def test_what_hundreds_of_known_cohorts_print_is_feasible():
    for seed in range(100, 400):
        rebuilt(seed)


# --- Groups, endpoints, tests ---------------------------------------------------------------------


def grouped_facts():
    facts = facts_of(
        [("n", "", "24", "", "", "early"), ("n", "", "30", "", "", "late"),
         ("survival", "24", "79%", "", "", "early"), ("survival", "24", "57%", "", "", "late"),
         ("survival", "24", "67%"), ("events", "", "31"),
         ("events", "", "20", "relapse"), ("hazard_ratio", "", "1.9", "", "", "late")],
        groups="early | late = all",
        endpoints="relapse <= death",
    )  # fmt: skip
    facts.loc[6, "endpoint"], facts.loc[6, "value"] = "relapse", "38"
    extra = {"lower": "", "upper": "", "of": "", "covariate": ""}
    facts = facts.assign(**extra)
    facts.loc[7, ["lower", "upper", "of", "covariate"]] = ["0.9", "4.0", "early", "binary"]
    return facts


def test_groups_nested_endpoints_and_a_hazard_ratio_print_together():
    lifelines = pytest.importorskip("lifelines")
    facts = grouped_facts()
    drawn = rebuild(facts, cohorts=4, seed=2)
    for _, cohort in drawn.groupby("cohort"):
        death = cohort[cohort["endpoint"] == "death"].set_index("patient")
        relapse = cohort[cohort["endpoint"] == "relapse"].set_index("patient")
        assert death["group"].value_counts().to_dict() == {"late": 30, "early": 24}
        assert (death["event"].sum(), relapse["event"].sum()) == (31, 38)
        assert (relapse["time"] <= death["time"]).all()
        assert relapse.loc[death["event"], "event"].all()
        for group, text in (("early", "79%"), ("late", "57%")):
            assert shown(survival(pairs(death[death["group"] == group]), 24), text) == text
        assert shown(survival(pairs(death), 24), "67%") == "67%"
        fit = lifelines.CoxPHFitter().fit(
            death.assign(late=(death["group"] == "late") * 1)[["time", "event", "late"]],
            "time",
            "event",
        )
        low, high = np.exp(fit.confidence_intervals_.iloc[0])
        ratio = np.exp(fit.params_.iloc[0])
        assert [shown(float(v), "0.0") for v in (ratio, low, high)] == ["1.9", "0.9", "4.0"]


def test_counts_are_dealt_as_printed():
    facts = facts_of([("n", "", "12"), ("count", "", "9", "", "sex"), ("events", "", "4")],
                     levels="sex: female | male")  # fmt: skip
    facts = facts.assign(level=["", "female", ""], total=["", "12", ""])
    drawn = rebuild(facts, cohorts=3)
    assert (drawn.groupby("cohort")["sex"].value_counts().unstack()["female"] == 9).all()


# --- Tilkorn: rebuilt without the table of patients -----------------------------------------------


@pytest.mark.slow
def test_the_truth_of_tilkorn_is_inside_the_bounds_from_the_text():
    # Text and abstract alone: twelve patients, 57 % alive at 36 months, follow-up 38 +- 30.6.
    lines = [("n", "", "12"), ("survival", "36", "57%"), ("mean", "", "38", "", "follow_up")]
    facts = facts_of([*lines, ("sd", "", "30.6", "", "follow_up")])
    drawn = rebuild(facts, cohorts=60)
    # Table 2: times in months, and who died.
    time = [18, 15, 84, 10, 82, 78, 64, 43, 28, 7, 14, 14]
    truth = [(t, t in (18, 15, 10, 28)) for t in time]
    assert shown(survival(truth, 36), "57%") == "57%"
    for statistic, value in (
        ("survival@12", survival(truth, 12)), ("at_risk@36", 5), ("events@36", 4),
        ("survival@24", survival(truth, 24)), ("std_error@36", 0.1627),
    ):  # fmt: skip
        lower, upper, _ = bounds(facts, statistic)
        assert lower <= float(value) <= upper
    assert drawn["cohort"].nunique() == 60


# --- Bounds, repairs, coverage, command -----------------------------------------------------------


def test_bounds_of_survival_between_printed_times_are_those_printed():
    facts = facts_of([("n", "", "20"), ("survival", "12", "80%"), ("survival", "36", "50.0%")])
    lower, upper, exact = bounds(facts, "survival@24", effort=0.4)
    # 80 % stands for less than 80.5 %, 50.0 % for 49.95 % or more.
    assert lower == pytest.approx(0.4995) and upper == pytest.approx(0.805)
    found = bounds(facts, "events@12", effort=0.4)
    assert found.inner[0] >= found.lower and found.inner[1] <= found.upper
    last = bounds(facts, lambda cohort: cohort["time"].max(), effort=0.2)
    assert last.kind == "inner" and not last.exact
    with pytest.raises(RebuildError, match="write a time as survival@60"):
        bounds(facts, "survival")


def test_a_planted_contradiction_gets_its_nearest_repair():
    facts = facts_of([("n", "", "12"), ("events", "", "9"), ("survival", "36", "77.9%"),
                      ("survival", "60", "39.0%")])  # fmt: skip
    found = repairs(facts).set_index("fact")["becomes"].to_dict()
    assert found["2"] == "8"
    with pytest.raises(InfeasibleError):
        rebuild(facts)
    assert len(rebuild(repaired(facts, {"2": found["2"]}), cohorts=1)) == 12


def test_the_coverage_that_ships_says_what_is_offered():
    table = coverage_table()
    whole = table[table["data"] == "all"]
    assert len(whole) == 13 and (whole["samples"] >= 200).all()
    offered = whole[whole["offered"]]
    assert offered["covered"].between(0.87, 1).all()


def test_the_command_writes_marked_cohorts_and_shows_conflicts(tmp_path):
    good, bad, out = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "out.parquet"
    facts_of(SIMPLE).to_csv(good, index=False)
    found = CliRunner().invoke(main, ["rebuild", str(good), "--cohorts", "3", "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert "3 cohorts of 63 patients" in found.output and len(pd.read_parquet(out)) == 189
    facts_of([("n", "", "12"), ("events", "", "14")]).to_csv(bad, index=False)
    found = CliRunner().invoke(main, ["rebuild", str(bad), "--out", str(tmp_path / "no.parquet")])
    assert found.exit_code == 1 and "3: 14 to 12" in found.output
    assert not (tmp_path / "no.parquet").exists()
    assert CliRunner().invoke(main, ["rebuild", str(tmp_path / "none.csv")]).exit_code == 2


def test_a_statistic_is_worked_out_in_each_cohort():
    """By hand: of the two in group a one dies at 3 in the first cohort, none in the second."""
    drawn = pd.DataFrame(
        {
            "cohort": [1, 1, 1, 2, 2, 2],
            "group": ["a", "a", "b"] * 2,
            "time": [3.0, 9, 4, 5, 8, 6],
            "event": [True, False, True, False, False, True],
        }
    )
    assert over_cohorts(drawn, "survival@6", group="a").tolist() == [0.5, 1.0]
    assert over_cohorts(drawn, "at_risk@4").tolist() == [2, 3]
    assert over_cohorts(drawn, lambda rows: rows["event"].sum()).tolist() == [2, 1]
    with pytest.raises(RebuildError, match="between"):
        over_cohorts(drawn, "log_rank_p")
    with pytest.raises(RebuildError, match="no row"):
        over_cohorts(drawn, "median", group="c")


def test_bounds_take_cohorts_that_were_drawn_before():
    facts = pd.DataFrame(
        {"kind": ["n", "survival"], "at": ["", "36"], "endpoint": "death", "value": ["12", "75%"]}
    )
    drawn = rebuild(facts, cohorts=5)
    seen = over_cohorts(drawn, "events@36")
    assert bounds(facts, "events@36", cohorts=drawn).inner == (seen.min(), seen.max())


def test_a_count_of_several_levels_together_is_dealt_to_none_of_them():
    rows = [("n", "", "9"), ("events", "", "4")]
    rows += [("count", "", number, "", "grade") for number in ("2", "3", "4", "7")]
    facts = facts_of(rows, levels="grade: low | high | highest")
    names = ["low", "high", "highest", "high or highest"]
    facts = facts.assign(level=["", "", *names], total=["", "", "9", "9", "9", "9"])
    counts = rebuild(facts, cohorts=2)["grade"].value_counts()
    assert counts.to_dict() == {"low": 4, "high": 6, "highest": 8}
