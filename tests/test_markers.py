"""Two readers' scores, their agreement, low and high, and what goes with them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vlms.cohort import DATA, read_cohort
from vlms.endpoints import time_to_event
from vlms.markers import (
    ROLAND_2016,
    MarkerError,
    find_markers,
    marker_associations,
    reader_agreement,
    score_marker,
)
from vlms.own_cohort import ChoiceError, open_cohort, show_design, show_markers
from vlms.study import SARCOMA, Endpoint, Study, StudyError, read_design, under_design


@pytest.fixture(scope="module")
def example():
    return read_cohort(DATA / "example_microarray" / "patients.csv").patients


def scored(split="adjudicated", marker="igf1r", **columns):
    frame = pd.DataFrame({f"{marker}_{name}": values for name, values in columns.items()})
    return score_marker(frame, marker, split=split)


def test_the_list_of_roland_has_eighteen_markers_and_two_receptors():
    # Methods: 3 of apoptosis, 8 of survival and stress, Ki-67, 3 of the cycle, 2 of the
    # environment, VEGF; oestrogen and progesterone receptors are named among the nuclear stains.
    assert ROLAND_2016["listed"].sum() == 3 + 8 + 1 + 3 + 2 + 1
    assert ROLAND_2016.query("not listed")["marker"].tolist() == ["er", "pr"]
    nuclear = ROLAND_2016.query("scoring == 'nuclear'")["marker"].tolist()
    assert nuclear == ["ki67", "cyclin_d1", "er", "pr"]


@pytest.mark.parametrize(
    ("one", "other", "seen", "adjudicated", "low", "high", "how"),
    [
        (0, 0, None, "low", "low", "low", "agree"),
        (0, 1, None, "low", "low", "low", "averaged"),
        (1, 1, None, "low", "low", "low", "agree"),
        (2, 3, None, "high", "high", "high", "averaged"),
        (3, 2, 0, "high", "high", "high", "averaged"),  # one apart: nobody looks again
        (1, 2, 1, "low", "low", "high", "adjudicated"),
        (2, 1, 2, "high", "low", "high", "adjudicated"),
        (1, 2, None, None, "low", "high", "not adjudicated"),
        (0, 2, 2, "high", "high", "high", "adjudicated"),
        (3, 1, 1, "low", "low", "low", "adjudicated"),
        (0, 3, None, None, None, None, "not adjudicated"),
        (3, None, None, None, None, None, "one reader"),
        (None, None, None, None, None, None, "not scored"),
    ],
)
def test_pairs_of_intensities(one, other, seen, adjudicated, low, high, how):
    columns = {"intensity_1": [one], "intensity_2": [other], "adjudicated": [seen]}
    for split, meant in (("adjudicated", adjudicated), ("low", low), ("high", high)):
        found = scored(split, **columns).iloc[0]
        assert (found["expression"] if pd.notna(found["expression"]) else None) == meant
    assert scored(**columns)["how"].tolist() == [how]
    if {one, other} == {1, 2}:
        assert scored("low", **columns)["how"].tolist() == ["two sides"]


def test_less_than_ten_per_cent_of_cells_counts_as_no_stain():
    columns = {"intensity_1": [3, 3, 0, 2], "intensity_2": [3, 3, 0, 2]}
    found = scored(**columns, percent_1=[9.9, 10, 0, None], percent_2=[5, 60, 9, 80])
    assert found["first"].tolist()[:3] == [0, 3, 0]
    # Of the last nobody knows whether a tenth of the cells were stained.
    assert found["expression"].astype(object).fillna("").tolist() == ["low", "high", "low", ""]
    assert found["how"].iloc[3] == "one reader"


def test_nuclear_per_cents_on_two_sides_of_ten_are_what_the_reader_chooses():
    sides = {
        "percent_1": [9, 10, 2, 8],
        "percent_2": [9.9, 11, 30, 11],
        "adjudicated": [1, 1, 5, 0],
    }
    meant = {
        "adjudicated": ["low", "high", "low", "low"],
        "low": ["low", "high", "low", "low"],
        "high": ["low", "high", "high", "high"],
        "mean": ["low", "high", "high", "low"],  # 16 and 9.5
    }
    for split, expected in meant.items():
        assert scored(split, marker="ki67", **sides)["expression"].tolist() == expected
    with pytest.raises(MarkerError, match="split: 'mean'; for igf1r give one of adjudicated, low"):
        scored("mean", intensity_1=[1], intensity_2=[2])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"intensity_1": [0, 4], "intensity_2": [0, 1.5]},
         r"(?s)igf1r_intensity_1: not 0, 1, 2 or 3: 1 \(4\), 1×.*intensity_2: .*1 \(1.5\)"),
        ({"intensity_1": ["2+"], "intensity_2": [2]}, r"0 \(2\+\)"),
        ({"intensity_1": [1], "intensity_2": [1], "percent_1": [101], "percent_2": [10]},
         "igf1r_percent_1: not a per cent from 0 to 100"),
        ({"intensity_1": [1], "intensity_2": [1], "percent_1": [0.4], "percent_2": [0.9]},
         "igf1r_percent_1: look like shares; write 0.4 as 40"),
        ({"intensity_1": [0], "intensity_2": [0], "percent_1": [10], "percent_2": [9]},
         "igf1r_intensity_1: 10% or more of the cells are stained at an intensity of 0"),
        ({"intensity_1": [1], "intensity_2": [1], "percent_1": [5], "percent_2": [0]},
         "igf1r_intensity_2: none of the cells are stained at an intensity above 0"),
        ({"intensity_1": [1]}, "igf1r: intensity of one reader only"),
        ({"percent_1": [1], "percent_2": [1]}, "igf1r: scored by intensity, and there is no"),
    ],
)  # fmt: skip
def test_scores_without_meaning_are_refused_by_column_and_patient(columns, message):
    with pytest.raises(MarkerError, match=message):
        scored(**columns)


def test_agreement_by_hand_and_as_r_has_it(example):
    # Both use 0 and 1 of two levels: 3 of 4 alike; by chance (3×2 + 1×2)/16 = 0.5 are alike.
    assert reader_agreement([0, 0, 0, 1], [0, 0, 1, 1], levels=(0, 1))["kappa"] == 0.5
    # R, formula of Fleiss, Cohen and Everitt on table(factor(first, 0:3), factor(second, 0:3)),
    # weights 1 - d/3, 1 - d^2/9 and diag(4) with d = abs(outer(0:3, 0:3, "-")).
    scores = score_marker(example, "igf1r")
    for weights, expected in {
        "linear": (0.6080387685, 0.0572769064, 0.4957780948, 0.7202994422),
        "quadratic": (0.71017765733, 0.06350654275, 0.58570712075, 0.83464819391),
        None: (0.47761194030, 0.06385204564, 0.35246423050, 0.60275965009),
    }.items():
        found = reader_agreement(scores["first"], scores["second"], weights=weights)
        np.testing.assert_allclose(found[["kappa", "std_error", "lower", "upper"]], expected)
        assert found[["n", "left_out", "agree"]].tolist() == [110, 10, (25 + 14 + 18 + 11) / 110]


def test_readers_who_never_differ_have_no_interval_and_of_one_level_no_kappa():
    alike = reader_agreement([0, 1, 3], [0, 1, 3])
    assert (alike["kappa"], alike["agree"]) == (1, 1)
    assert alike[["lower", "upper"]].isna().all()
    assert np.isnan(reader_agreement([2, 2], [2, 2])["kappa"])
    assert reader_agreement([0, 0, 3], [1, 1, 3])["upper"] <= 1
    with pytest.raises(MarkerError, match="none of the levels"):
        reader_agreement([0.5], [1])


@pytest.mark.parametrize(
    ("split", "counts", "ratio"),
    [
        # R: coxph(Surv(time_months, status == "dead_of_disease") ~ high), the rule of the paper
        # written again in R: table(high), tapply(dead, high, sum), conf.int, P.
        ("adjudicated", (68, 40, 42, 32, 12), (1.84310460, 1.14159650, 2.97568763, 0.01235627852)),
        ("low", (75, 35, 45, 29, 10), (2.13689037, 1.31666109, 3.46809097, 0.002116346917)),
        ("high", (61, 49, 35, 39, 10), (1.73911169, 1.09514807, 2.76173565, 0.01901969126)),
    ],
)
def test_hazard_ratio_of_a_marker_under_each_reading(example, split, counts, ratio):
    outcome = {"dss": time_to_event(example, "disease_specific_survival")}
    row = marker_associations(example, outcome, markers=["igf1r"], split=split).iloc[0]
    numbers = ["n_low", "n_high", "events_low", "events_high", "left_out"]
    assert tuple(row[numbers]) == counts
    np.testing.assert_allclose(
        row[["hazard_ratio", "lower", "upper", "p_value"]].astype(float), ratio, rtol=1e-6
    )
    assert (row["method"], row["why"], row["p_holm"]) == ("Cox", "", row["p_value"])


def test_p_values_are_adjusted_for_all_tests_made():
    # Six markers of 12 patients; one is high in nobody and another has no score: four tests.
    rng = np.random.default_rng(1)
    scores = {f"m{i}": rng.integers(0, 4, 12) for i in range(4)} | {"none": [0] * 12}
    columns = {f"{m}_intensity_{k}": values for m, values in scores.items() for k in (1, 2)}
    patients = pd.DataFrame(columns | {"lost_percent_1": np.nan, "lost_percent_2": np.nan})
    course = pd.DataFrame({"time": rng.permutation(12) + 1.0, "event": [1, 1, 0, 1, 1, 1] * 2})
    found = marker_associations(patients, {"os": course})
    assert found["why"].tolist()[4:] == ["no tumour is high", "no tumour is low"]
    assert found["left_out"].tolist() == [0] * 5 + [12]
    assert found.attrs["tests"] == 4
    # Holm: the smallest P times 4, the next times 3 …, never less than the one before;
    # Benjamini and Hochberg: the largest as it is, the next times 4/3 …, never more than it.
    made = found["p_value"].dropna().sort_values()
    holm = np.minimum(np.maximum.accumulate(made * [4, 3, 2, 1]), 1)
    bh = np.minimum.accumulate((made * [4, 2, 4 / 3, 1])[::-1])
    np.testing.assert_allclose(found["p_holm"].loc[holm.index], holm)
    np.testing.assert_allclose(found["p_bh"].loc[bh.index], bh)
    assert found["p_holm"].isna().tolist() == [False] * 4 + [True] * 2


def test_a_group_with_few_events_gets_firth_and_a_separated_one_an_estimate():
    def fitted(events):
        high = [0] * 20 + [3] * 20
        patients = pd.DataFrame({"x_intensity_1": high, "x_intensity_2": high})
        course = pd.DataFrame({"time": [*range(1, 41, 2), *range(2, 41, 2)], "event": events})
        return marker_associations(patients, {"os": course}).iloc[0]

    assert fitted([1] * 5 + [0] * 15 + [1] * 5 + [0] * 15)["method"] == "Cox"
    assert fitted([1] * 4 + [0] * 16 + [1] * 6 + [0] * 14)["method"] == "Firth"
    assert fitted([1] * 5 + [0] * 15 + [1] * 4 + [0] * 16)["method"] == "Firth"
    none = fitted([1] * 12 + [0] * 8 + [0] * 20)
    assert none["method"] == "Firth"
    assert 0 < none["hazard_ratio"] < 1
    assert fitted([0] * 40)["why"] == "no event"


def test_delayed_entry_is_heeded(example):
    # R: coxph(Surv(pmin(6, time_months - 1), time_months, dss) ~ high), IGF-1R adjudicated.
    course = time_to_event(example, "disease_specific_survival")
    course = course.assign(entry=np.minimum(6, course["time"] - 1).clip(lower=0))
    row = marker_associations(example, {"dss": course}, markers=["igf1r"]).iloc[0]
    np.testing.assert_allclose(row["hazard_ratio"], 1.77778233678, rtol=1e-6)


def test_the_made_up_cohort_exercises_every_rule_and_says_that_it_is_made_up(example):
    assert (example["provenance"] == "made up").all()
    found = find_markers(example)
    assert found["scoring"].tolist() == ["intensity"] * 4 + ["nuclear"] * 3
    how = {m: set(score_marker(example, m)["how"]) for m in found["marker"]}
    both = {"agree", "adjudicated", "not adjudicated", "one reader", "not scored"}
    assert all(seen >= both for seen in how.values())
    assert all("averaged" in how[m] for m in found["marker"][:4])
    stained = example["igf1r_percent_1"] < 10
    assert (example.loc[stained, "igf1r_intensity_1"] > 0).any()


def section(path=DATA / "example_microarray" / "patients.csv", **options):
    """What the section says, a list of lines for each table or sentence."""
    own = open_cohort(path, **options)
    shown = show_markers(own)
    return [str(one).strip().splitlines() for one in getattr(shown, "shown", [shown])], own


@pytest.mark.slow
def test_the_section_tells_readers_ratios_readings_and_tests():
    # Numbers from R, as above; 25 + 14 + 18 + 11 of 110 pairs are equal, 8 + 8 + 2 + 4 one apart
    # and not 1 and 2 (8 + 8 + 2 + 4 = 22).
    options = {"endpoints": ["disease_specific_survival"], "disclosure": "full"}
    (readers, ratios, readings, (tests,)), own = section(**options)
    row = "IGF-1R | intensity | 110 | 68 (62%) | 0.61 (0.50 to 0.72) | 22 | 18 | 2 | 2 | 8"
    assert readers[2] == row
    assert ratios[2].startswith(
        "IGF-1R | disease-specific survival | 68 | 42 | 40 | 32 | 12 | 1.84 (1.14 to 2.98) | 0.01 |"
    )
    assert "adjusted for the 7 tests" in ratios[0]
    assert [line.split(" | ")[0] for line in readings[2:]] == ["IGF-1R", "Survivin", "Ki-67"]
    assert "| 2.14 (1.32 to 3.47), P 0.002, Holm 0.01 |" in readings[2]
    assert tests.startswith("7 tests were made of 7 markers and 1 endpoint in these patients")
    assert "0 with these pairs as both saw them together, 1 with these pairs all low" in tests
    assert own.ran == {"markers": [""]}


@pytest.mark.slow
def test_a_safe_section_withholds_small_cells_and_small_moves():
    # R: table(dead, high): of 40 high IGF-1R 32 died of the disease, 8 did not.
    # Taking 1 and 2 as low moves 7 patients of IGF-1R, as high 9; of Ki-67 10 and 5.
    endpoints = ["distant_recurrence", "disease_specific_survival"]
    (readers, ratios, readings, _), _ = section(endpoints=endpoints)
    assert readers[2] == "IGF-1R | intensity | 110 | 70 (64%) | 0.61 (0.50 to 0.72)"
    dss = [line.split(" | ") for line in ratios if "disease-specific" in line]
    assert set(dss[0][2:]) == {"withheld"}
    assert dss[4][:7] == ["Ki-67", "disease-specific survival", "50", "30", "60", "45", "10"]
    shown = {tuple(line.split(" | ")[:2]): line.split(" | ")[2:] for line in readings[2:]}
    assert shown["IGF-1R", "distant recurrence"][1:] == ["withheld", "withheld"]
    ki67 = shown["Ki-67", "disease-specific survival"]
    assert (ki67[1][:4], ki67[2]) == ("1.80", "withheld")  # 1.81, to two digits


def test_a_cohort_without_stains_says_so_and_wrong_scores_are_not_quoted(tmp_path):
    nothing, own = section(DATA / "example_cohort" / "patients.csv")
    assert nothing == []
    assert own.left_out[-1] == ("Markers", "no column holds the score of a stain")
    table = pd.read_csv(DATA / "example_microarray" / "patients.csv", dtype=str)
    table.loc[5, "er_percent_1"] = "437"
    table.to_csv(tmp_path / "wrong.csv", index=False)
    (safe,), _ = section(tmp_path / "wrong.csv")
    assert safe == ["*Markers* is not shown: scores of stains have no meaning as they stand."]
    (full,), _ = section(tmp_path / "wrong.csv", disclosure="full")
    assert "er_percent_1: not a per cent from 0 to 100: M006 (437)" in full[0]


# The designs of both papers on another cohort


def test_a_local_recurrence_of_roland_is_one_without_metastasis():
    # a: local at 5, alone; b: metastasis at 4, local at 6; c: both at 7; d: local at 8 and dead
    # then; e: dead at 9 without either; f: alive at 10.
    patients = pd.DataFrame({"patient_id": list("abcdef"), "time_months": [20, 20, 20, 8, 9, 10.0]})
    patients["status"] = ["alive"] * 3 + ["dead_of_disease", "dead_other", "alive"]
    patients["local_recurrence_months"] = [5, 6, 7, 8, None, None]
    patients["distant_recurrence_months"] = [None, 4, 7, None, None, None]
    design = read_design("roland2016")
    found = time_to_event(patients, "local_recurrence_free_survival", design)
    assert found["time"].tolist() == [5, 4, 7, 8, 9, 10]
    assert found["event"].tolist() == [True, False, False, True, False, False]
    assert found["cause"].tolist() == [1, 2, 2, 1, 2, 0]
    dss = time_to_event(patients, "disease_specific_survival", design)
    assert dss["event"].tolist() == [False, False, False, True, False, False]


def test_designs_follow_the_table_and_mark_every_reading():
    path = DATA / "example_microarray" / "patients.csv"
    own = open_cohort(path, study="roland2016", disclosure="full")
    table = pd.read_csv(path)
    groups = {name: own.patients[name].value_counts().to_dict() for name in own.groups}
    assert groups["age_years <= 55"]["≤ 55"] == (table["age_years"] <= 55).sum()
    assert groups["size_cm < 5"]["< 5"] == (table["size_cm"] < 5).sum()
    assert groups["resection"] == {"R0/R1": 94, "R2": 15}  # grep -c of R0 and R1, and of R2
    assert own.landmarks == [12, 24, 60]
    assert len(own.endpoints) == 4
    told, shown = show_design(own).shown
    assert "clock starts at: initial treatment" in str(told)
    assert "| our reading |" in str(shown)
    for stem in ("roland2016", "tilkorn2010"):
        for one in read_design(stem).basis:
            assert bool(one.get("alternatives")) == (one["source"] == "our reading")
            assert one["place"]
    tilkorn = open_cohort(DATA / "example_cohort" / "patients.csv", study="tilkorn2010")
    assert (tilkorn.endpoints, tilkorn.groups, tilkorn.landmarks) == (
        ["overall_survival"],
        [],
        [36],
    )


def test_a_design_keeps_the_unit_of_the_table_and_says_what_it_cannot_use(tmp_path):
    # 36 months of 30.4375 days are 1095.75 days.
    days = under_design(replace(SARCOMA, unit="days"), read_design("tilkorn2010"))
    assert (days.unit, days.landmarks) == ("days", (1095.75,))
    vital = Endpoint(
        "os", status="status", event=frozenset(["lost"]), censored=frozenset(["alive"])
    )
    with pytest.raises(
        StudyError, match="overall_survival .*: status lost; map it to one of alive"
    ):
        under_design(Study(endpoints={"os": vital}), read_design("tilkorn2010"))
    with pytest.raises(ChoiceError, match="no design “smith”; use one of roland2016, tilkorn2010"):
        open_cohort(DATA / "example_cohort" / "patients.csv", study="smith")
    table = pd.read_csv(DATA / "example_cohort" / "patients.csv", dtype=str)
    table.drop(columns=["margin", "local_recurrence_months"]).to_csv(
        tmp_path / "some.csv", index=False
    )
    own = open_cohort(tmp_path / "some.csv", study="roland2016")
    left = dict(own.left_out)
    assert left["Groups by Resection, R2"] == "the cohort has no column margin"
    lacks = "the cohort has no column local_recurrence_months"
    assert left["Recurrence-free survival"] == lacks
    assert own.endpoints == ["distant_recurrence_free_survival", "disease_specific_survival"]
