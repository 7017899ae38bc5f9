"""From a reader's file to a report: what it shows, what it leaves out, and that nothing leaks.

Two reports are made: of a private cohort with identifiers, times, dates and notes that are easy to
search for, and levels that try to become markup, a formula, math or a reference; and of R's lung,
whose numbers are known. Sections are asked one by one for the rest.
"""

import base64
import csv
import hashlib
import html
import io
import json
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import vlms.cohort_report
from vlms.cli import main
from vlms.cohort import CohortError
from vlms.cohort_report import Order, ReportError, release, report
from vlms.disclosure import DisclosureError, ReleaseError, Releases
from vlms.own_cohort import (
    ChoiceError,
    open_cohort,
    show_comparison,
    show_competing_risks,
    show_endpoints,
    show_flow,
    show_follow_up,
    show_groups,
    show_hazard_ratios,
    show_landmark,
    show_left_out,
    show_marks,
    show_methods,
    show_quality,
    show_table_one,
)
from vlms.own_cohort.opening import FILES_MIME
from vlms.pages import RenderError
from vlms.provenance import FIXED_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "data" / "example_cohort" / "patients.csv"
PLAIN = ["patient_id", "time_months", "status"]
HEADER = (
    "patient_id age_years sex site size_cm grade margin radiotherapy time_months status"
    " local_recurrence_months distant_recurrence_months"
).split()
SITES = ["<script>alert(1)</script>"] * 2 + ["=HYPERLINK(1)"] * 2 + ["thigh"]


def write(path, rows, header=(*HEADER, "marker <i>", "notes")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def private_rows(n=160):
    """Make patients up; each time has four decimals that say whose it is."""
    draw = random.Random(7)
    for i in range(n):
        time = draw.randint(20, 900) / 10 + 0.0007
        recurrence = f"{time * 0.4137:.4f}" if draw.random() < 0.5 else ""
        yield [
            f"ZEBRA-{i:04d}",
            draw.randint(40, 80),
            draw.choice("fm"),
            "QUAGGA near Mr Smith" if i == 0 else draw.choice(SITES),
            draw.randint(20, 120) / 10,
            draw.choice([1, 2, 3]),
            draw.choice(["R0", "R0", "R1", ""]),
            "61 Gy" if i == 5 else draw.choice(["yes", "no"]),
            f"{time:.4f}",
            draw.choice(["alive", "dead_of_disease", "dead_other"]),
            recurrence,
            "",
            draw.choice(["low", "$x^2$ @fig-nothing"]),
            f"OKAPI seen 2021-03-{i % 28 + 1:02d}",
        ]


CHOICES = {
    "endpoints": ["overall_survival", "local_recurrence"],
    "groups": ["marker <i>"],
    "covariates": ["age_years", "site", "marker <i>"],
    "landmarks": [12, 36],
}


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """A private cohort under a hostile name, and its safe report."""
    folder = tmp_path_factory.mktemp("private")
    source = write(folder / "..it's $(touch owned) `x`; a.csv", private_rows())
    order = Order(str(source), parameters=CHOICES)
    ledger = Releases(folder / "ledger", key=folder / "key")
    page, _ = release(order, reports=folder / "out", releases=ledger)
    tables = page.with_suffix("")
    return {"source": source, "page": page, "tables": tables, "out": folder / "out", "all": folder}


def layers(path):
    """The bytes of a file, and of every picture or file that is encoded in it."""
    content = path.read_bytes()
    yield content
    for encoded in re.findall(rb"base64,([A-Za-z0-9+/=]{8,})", content):
        yield base64.b64decode(encoded)


def texts(shown):
    """All that a section shows, as text."""
    return "\n".join(map(str, getattr(shown, "shown", [shown])))


def csv_of(shown, name):
    """A table that a section handed over, by its name."""
    for one in getattr(shown, "shown", [shown]):
        files = one.bundle.get(FILES_MIME, {"files": {}})["files"]
        if f"{name}.csv" in files:
            content = base64.b64decode(files[f"{name}.csv"]).decode()
            return pd.read_csv(io.StringIO(content), dtype=str)
    raise AssertionError(f"no {name} in {texts(shown)}")


# Nothing of a patient leaves


@pytest.mark.slow
def test_no_byte_of_a_safe_report_or_of_its_ledger_holds_a_patient(private):
    times = {cell for row in private_rows() for cell in (row[8], row[10]) if cell}
    secrets = {"ZEBRA", "OKAPI", "QUAGGA", "Smith", "2021-03", "61 Gy", "touch owned"}
    secrets |= times | {time[:-3] for time in times if len(time) > 6}
    written = [path for path in private["all"].rglob("*") if path.is_file()]
    written.remove(private["source"])
    assert len(written) > 15
    for path in written:
        for content in layers(path):
            found = [secret for secret in secrets if secret.encode() in content]
            # A number that happens to stand in a style sheet or a checksum is no time of a patient.
            assert [f for f in found if not re.fullmatch(r"\d+\.\d", f)] == [], path.name
    page = private["page"].read_text("utf-8")
    assert str(private["source"].parent) not in page
    assert hashlib.sha256(private["source"].read_bytes()).hexdigest() not in page


def test_figures_of_a_safe_report_are_pixels_without_a_word_beside_them(private):
    pictures = sorted(private["tables"].glob("*.png"))
    assert pictures
    assert list(private["out"].rglob("*.svg")) == []
    for path in pictures:
        content, place, kinds = path.read_bytes(), 8, set()
        while place < len(content):
            size, kind = struct.unpack(">I4s", content[place : place + 8])
            kinds.add(kind)
            place += size + 12
        assert kinds <= {b"IHDR", b"pHYs", b"IDAT", b"IEND", b"PLTE"}


def test_all_files_stand_in_the_folder_under_a_harmless_name(private):
    assert {path.name for path in private["out"].iterdir()} == {
        "it-s-touch-owned-x-a-to-share.html",
        "it-s-touch-owned-x-a-to-share",
    }
    names = [path.name for path in private["tables"].iterdir()]
    assert all(re.fullmatch(r"[a-z0-9-]+\.(csv|png|json)", name) for name in names)
    assert not (ROOT / "owned").exists()


def test_text_of_a_cohort_cannot_become_markup_math_a_formula_or_a_reference(private):
    page = private["page"].read_text("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "marker &lt;i&gt;" in page
    assert "$x^2$ @ fig-nothing" in page
    for path in private["tables"].glob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert "'=HYPERLINK(1)" in (private["tables"] / "tbl-one.csv").read_text("utf-8")


def test_counts_of_a_safe_report_are_rounded_or_withheld_and_the_rules_are_named(private):
    flow = pd.read_csv(private["tables"] / "tbl-flow.csv", dtype=str)
    cells = flow[["patients", "left_out", "analysed", "events"]].to_numpy().ravel()
    assert all(cell in ("<10", "withheld") or int(cell) % 5 == 0 for cell in cells)
    account = json.loads((private["tables"] / "disclosure.json").read_text("utf-8"))
    assert account["disclosure"] == "safe"
    assert account["parameters"].items() >= {"min_count": 10, "base": 5}.items()
    assert {"rule", "what"} == set(account["rules_applied"][0])
    page = private["page"].read_text("utf-8")
    assert "anonym" not in page.lower()
    assert "Made-up patients" not in page


# Everybody, or nobody: R's lung by ECOG, where one patient has the level 3 and one has none


def lung(folder):
    """Write survival::lung as a cohort: months of 30.4375 days, 165 deaths of 228."""
    path = ROOT / "tests" / "reference" / "regression_data_lung.csv"
    died = {"0": "alive", "1": "dead_of_disease"}
    rows = [
        [f"p{i}", float(row["time"]) / 30.4375, died[row["event"]], ecog, row["sex"]]
        for i, row in enumerate(csv.DictReader(path.open(encoding="utf-8")))
        for ecog in [f"ecog {row['ph_ecog']}" if row["ph_ecog"] else ""]
    ]
    return write(folder / "lung.csv", rows, [*PLAIN, "ecog", "arm"])


OPTIONS = """--endpoint overall_survival --group ecog --group arm --covariate ecog
    --landmark 12 --landmark 18 --landmark 24 --landmark 36""".split()


@pytest.fixture(scope="module")
def lung_report(tmp_path_factory):
    """What `vlms report lung.csv --group ecog …` writes: the words of the page, and its tables."""
    folder = tmp_path_factory.mktemp("lung")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in FIXED_ENVIRONMENT.items():
            patch.setenv(name, value)
        arguments = [str(lung(folder)), *OPTIONS, "--disclosure", "safe"]
        arguments += ["--output", str(folder / "out")]
        found = CliRunner().invoke(main, ["report", *arguments])
    assert found.exit_code == 0, found.output
    page = (folder / "out" / "lung-preview.html").read_text("utf-8")
    words = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", page)))
    tables = (folder / "out" / "lung-preview").glob("*.csv")
    return words, {path.stem: pd.read_csv(path, dtype=str) for path in tables}


@pytest.fixture(scope="module")
def lung_in_full(tmp_path_factory):
    """The same cohort, opened in full."""
    chosen = {"endpoints": ["overall_survival"], "groups": ["ecog"]}
    path = lung(tmp_path_factory.mktemp("lung"))
    return open_cohort(path, covariates=["ecog"], disclosure="full", **chosen)


def test_no_test_of_a_part_of_the_patients_is_released(lung_report):
    # One patient has ecog 3. Of ecog 0 and 1 alone, 176 of 228 patients, P would be 0.06.
    words, _ = lung_report
    why = "a level has fewer than 10 events, and no part is tested without it"
    assert f"Log-rank test: Overall survival by ecog is not shown: {why}" in words
    assert words.count("Log-rank test of") == 1  # of the arms


def test_a_test_of_all_is_released_and_says_who_is_left_out(lung_report):
    # R: survdiff(Surv(time, status) ~ sex, lung): chisq 10.3, p = 0.001.
    said = "Log-rank test of all 2 levels as recorded (asymptotic): P = 0.001."
    assert f"{said} Left out, as arm is missing: <10." in lung_report[0]


def test_in_full_all_levels_are_tested_and_drawn_and_who_is_left_out_is_said(lung_in_full):
    # R: summary(survfit(Surv(time / 30.4375, status) ~ ph.ecog, lung))$strata: 63, 113, 50, 1.
    shown = show_groups(lung_in_full)
    assert "test of all 4 levels as recorded (permutation): P = 0.00" in texts(shown)
    assert "Left out, as ecog is missing: 1." in texts(shown)
    assert "Not drawn, as missing: 1." in texts(shown)
    curve = csv_of(shown, "tbl-curve-groups-ecog-overall-survival")
    assert curve.groupby("group")["at_risk"].first().tolist() == ["63", "113", "50", "1"]


def test_table_one_by_group_holds_all_patients(lung_report):
    # 63, 113 and 52: of the 52 one has ecog 3 and one has none.
    table = lung_report[1]["tbl-one"]
    pool = "ecog 2, other or missing"
    assert list(table) == ["variable", "level", "ecog 0", "ecog 1", pool, "all"]
    assert "SMD" in lung_report[0]
    assert table.iloc[0, 2:].tolist() == ["65", "115", "50", "230"]
    assert "as ecog is missing" not in lung_report[0].split("Patients, by ecog")[1].split("Age")[0]


def test_hazard_ratios_are_of_all_levels_and_withheld_where_few_lived(lung_report, lung_in_full):
    # R: coxph(Surv(time, status) ~ factor(ph.ecog, levels = c(1, 0, 2, 3)), lung): 0.6915 for
    # ecog 0 and 1.7290 for ecog 2, of whom 6 live; the one with ecog 3 died, so the fit is Firth's.
    safe = lung_report[1]["tbl-hazard-overall-survival"]
    assert safe["level"].tolist() == ["ecog 0", "ecog 2", "rarer levels"]
    assert safe["p_value"].tolist()[1:] == ["withheld", "withheld"]
    assert set(safe["proportional_p"]) == {"withheld"}
    assert set(safe["events"]) == {"withheld"}  # with those who live they would tell of the 6
    assert float(safe["hazard_ratio"][0]) == pytest.approx(0.6915, abs=0.01)
    full = csv_of(show_hazard_ratios(lung_in_full), "tbl-hazard-overall-survival")
    assert full["level"].tolist() == ["ecog 0", "ecog 2", "ecog 3"]
    assert full["hazard_ratio"].astype(float)[:2].tolist() == pytest.approx(
        [0.6915, 1.729], abs=0.02
    )
    assert full["left_out"].tolist() == ["1"] * 3
    assert safe["hazard_ratio"].astype(float)[0] == round(float(full["hazard_ratio"][0]), 2)
    assert safe["p_value"][0] == f"{float(full['p_value'][0]):.2f}"


def test_survival_at_a_month_is_exact_and_shown_as_a_band(lung_report, lung_in_full):
    # R: summary(survfit(Surv(time / 30.4375, status) ~ 1, lung, conf.type = "log-log"),
    # times = c(12, 18, 24)): 0.409 (0.339 to 0.478), 0.257, 0.116 (0.068 to 0.178); nobody is
    # left at 36. Median 10.2 (9.33 to 11.9).
    safe = lung_report[1]["tbl-endpoints"]
    bands = ["40–45%", "25–30%", "10–15%", "withheld", "6 to 12 months"]
    assert safe["survival"].tolist() == bands
    limits = ["30–50%", "15–35%", "5–20%", "fewer than 10 patients beyond", "6 to 12 months"]
    assert safe["interval"].tolist() == limits
    full = csv_of(show_endpoints(lung_in_full), "tbl-endpoints")
    assert full["survival"].tolist() == ["41%", "–", "–", "10.2 months"]  # at 12, 36 and 60
    assert full["interval"][0] == "34% to 48%"
    assert full["interval"][3] == "9.33 months to 11.9 months"


def test_methods_and_versions_name_what_ran_and_nothing_else(lung_report):
    words = lung_report[0].partition("This paragraph can go")[2]
    methods = words.partition("What is not shown")[0]
    assert "Kaplan–Meier method" in methods
    assert "log-rank test" in methods
    assert re.search(r"vlms [\d.]+\w* ?\(commit [0-9a-f]{12}|vlms [\d.]+ \(commit not", methods)
    for absent in ("landmark", "cumulative incidence", "permutations", "papermill"):
        assert absent not in methods
    for package in ("seaborn", "lifelines", "firthmodels"):
        assert (package in methods) == (package in sys.modules)


# The landmark


def landmark_cohort(folder, month_of_one=12):
    """Ten patients around a landmark at 12 months; the recurrence of one is in the given month."""
    rows = [
        ("p0", 12, "dead_of_disease", 3),  # ends at the landmark: not under observation after it
        ("p1", 13, "dead_of_disease", 3),
        ("p2", 15, "dead_of_disease", month_of_one),
        ("p3", 18, "alive", 6),
        ("p4", 20, "dead_of_disease", 11),
        ("p5", 22, "alive", ""),
        ("p6", 24, "dead_of_disease", ""),
        ("p7", 26, "alive", 14),  # comes after the landmark
        ("p8", 30, "dead_of_disease", ""),
        ("p9", 4, "dead_of_disease", 2),
    ]
    path = write(folder / "c.csv", rows, [*PLAIN, "local_recurrence_months"])
    return open_cohort(path, landmarks=[12], disclosure="full")


def test_the_landmark_restarts_the_clock_and_sorts_by_what_had_happened_until_then(tmp_path):
    # Recurrence until month 12: p1 to p4, at 1, 3, 6+ and 8 months after it. p0 ended at 12.
    shown = show_landmark(landmark_cohort(tmp_path))
    curve = csv_of(shown, "tbl-curve-landmark-event")
    before = curve[curve["group"] == "local recurrence until then"]
    after = curve[curve["group"] == "no local recurrence until then"]
    assert before["time"].astype(float).tolist() == [0, 1, 3, 6, 8]
    assert before["at_risk"].astype(int).tolist() == [4, 4, 3, 2, 1]
    assert after["time"].astype(float).tolist() == [0, 10, 12, 14, 18]
    assert "Overall survival after month 12" in texts(shown)
    assert "Left out, as their follow-up had ended by then: 2." in texts(shown)


def test_a_recurrence_after_the_landmark_had_not_happened(tmp_path):
    shown = show_landmark(landmark_cohort(tmp_path, 12.1))
    curve = csv_of(shown, "tbl-curve-landmark-event")
    assert (curve["group"] == "local recurrence until then").sum() == 4  # month 0, and p1, p3, p4


def test_the_ratio_after_a_landmark_is_withheld_where_few_of_a_group_lived():
    # Of the 26 with a recurrence until month 12, 21 died later and 5 live; of the others 61 died.
    shown = texts(show_landmark(open_cohort(EXAMPLE, landmarks=[12])))
    assert "Log-rank test of all 2 levels as recorded" in shown
    assert "recurrence until then* is not shown: fewer than 10 patients with the event" in shown


def test_a_ratio_after_a_landmark_that_separates_is_firths(tmp_path):
    # After month 12 one dies with a recurrence until then; the one without lives.
    # R: coxphf::coxphf(Surv(c(1, 18), c(1, 0)) ~ c(1, 0)): 3 is the penalised ratio of one event.
    rows = [["a", 13, "dead_of_disease", 12], ["b", 30, "alive", None]]
    path = write(tmp_path / "c.csv", rows, [*PLAIN, "distant_recurrence_months"])
    own = open_cohort(path, landmarks=[12], disclosure="full")
    assert "Hazard ratio: HR 3.00" in texts(show_landmark(own))
    methods = texts(show_methods(own))
    assert "Firth's penalty" in methods
    assert "Hazard ratios are of Cox models with Efron" not in methods


# Where events are few


def few_events(folder, in_a, in_b, n=30):
    """Two groups of n patients, of whom so many die; a number that goes with neither."""
    rows = []
    for group, events in (("a", in_a), ("b", in_b)):
        for i in range(n):
            status = "dead_of_disease" if i < events else "alive"
            rows.append([f"{group}{i}", 5 + (7 * i) % 23, status, group, 50 + (11 * i) % 17])
    path = write(folder / "c.csv", rows, [*PLAIN, "arm", "age_years"])
    chosen = {"endpoints": ["overall_survival"], "groups": ["arm"]}
    return open_cohort(path, covariates=["arm", "age_years"], disclosure="full", **chosen)


@pytest.mark.parametrize(("in_a", "method"), [(4, "permutation"), (5, "asymptotic")])
def test_a_group_of_less_than_five_events_is_tested_by_permutation(tmp_path, in_a, method):
    own = few_events(tmp_path, in_a, 12)
    assert f"all 2 levels as recorded ({method})" in texts(show_groups(own))
    assert ("permutations" in texts(show_methods(own))) == (method == "permutation")


@pytest.mark.parametrize(
    ("in_a", "in_b", "methods"),
    [
        (5, 5, {"arm": "Cox", "age_years": "Cox"}),  # ten events, five in a level
        (4, 5, {"arm": "Firth", "age_years": "Firth"}),  # nine events
        (4, 6, {"arm": "Firth", "age_years": "Cox"}),  # four events in a level
    ],
)
def test_few_events_are_fitted_with_firths_penalty(tmp_path, in_a, in_b, methods):
    shown = show_hazard_ratios(few_events(tmp_path, in_a, in_b))
    table = csv_of(shown, "tbl-hazard-overall-survival")
    found = dict(zip(["arm", "age_years"], table["method"], strict=True))
    assert found == methods


# What the columns and the rules allow


def test_a_cohort_of_three_columns_gives_what_it_can_and_says_what_it_skips(tmp_path):
    rows = [[f"p{i}", 6 + i, "alive" if i % 2 else "dead_of_disease"] for i in range(40)]
    own = open_cohort(write(tmp_path / "small.csv", rows, PLAIN))
    assert own.endpoints == ["overall_survival", "disease_specific_survival"]
    for show in (
        show_quality,
        show_flow,
        show_table_one,
        show_follow_up,
        show_endpoints,
        show_groups,
        show_competing_risks,
        show_hazard_ratios,
        show_comparison,
        show_methods,
    ):
        assert texts(show(own))
    assert texts(show_landmark(own)) == ""  # nor does its heading stand on the page
    left = texts(show_left_out(own))
    for section in ("Local recurrence", "Curves by group", "Landmark analysis"):
        assert section in left
    assert "no column local_recurrence_months" in left


def test_ten_patients_give_a_safe_report_that_shows_next_to_nothing(tmp_path):
    rows = [[f"p{i}", 6 + i, "alive" if i % 2 else "dead_of_disease"] for i in range(10)]
    own = open_cohort(write(tmp_path / "tiny.csv", rows, PLAIN))
    assert "fewer than 20 patients" in texts(show_endpoints(own))
    assert "fewer than 20 patients" in texts(show_follow_up(own))
    assert texts(show_methods(own)).startswith("No survival analysis could be made.")


def test_the_example_is_marked_as_made_up():
    assert "Made-up patients" in texts(show_marks(open_cohort(EXAMPLE)))


def test_a_table_by_group_withholds_what_totals_would_give_away(tmp_path):
    # R0: 40 f, 30 m. R1: 15 f, 3 m. The 3 are withheld; with them the 15 (column) and 30 (row),
    # and the 40 that would give those back. The totals, 55 and 33, are rounded.
    rows = [("R0", "f")] * 40 + [("R0", "m")] * 30 + [("R1", "f")] * 15 + [("R1", "m")] * 3
    rows = [[f"p{i}", 10 + i / 10, "alive", *row] for i, row in enumerate(rows)]
    path = write(tmp_path / "c.csv", rows, [*PLAIN, "margin", "sex"])
    shown = show_table_one(open_cohort(path, groups=["margin"]))
    table = csv_of(shown, "tbl-one").set_index("level")
    assert table.loc["f", ["R0", "R1", "all"]].tolist() == ["withheld", "withheld", "55 (61%)"]
    assert table.loc["m", ["R0", "R1", "all"]].tolist() == ["withheld", "withheld", "35 (39%)"]
    assert "In the last column only, as Margin is missing: <10." in texts(shown)


@pytest.mark.parametrize("mode", ["safe", "full"])
def test_levels_named_like_parts_of_a_table_are_told_from_them(tmp_path, mode):
    words = ["all", "missing", "other or missing", "level", ""] * 30
    rows = [[f"p{i}", 5 + i / 10, "alive", word] for i, word in enumerate(words)]
    source = write(tmp_path / "c.csv", rows, [*PLAIN, "group"])
    shown = show_table_one(open_cohort(source, groups=["group"], disclosure=mode))
    table = csv_of(shown, "tbl-one")
    named = {"“all”", "“missing”", "“other or missing”", "“level”", "missing", "all"}
    assert named <= set(table)
    assert set(table.iloc[0, 2:-1]) == {"30"}


def test_missing_values_are_counted_beside_the_pool_that_holds_them(tmp_path):
    # 50 R0, 20 R1, 4 R2, 16 missing: shown are 50 and 40 pooled, of whom 24 are R1 or R2.
    margins = ["R0"] * 50 + ["R1"] * 20 + ["R2"] * 4 + [""] * 16
    rows = [[f"p{i}", 10 + i / 10, "alive", margin] for i, margin in enumerate(margins)]
    own = open_cohort(write(tmp_path / "c.csv", rows, [*PLAIN, "margin"]))
    missing = csv_of(show_quality(own), "tbl-quality-missing").set_index("variable")["missing"]
    assert missing["Margin"] == "15 (17%)"
    one = csv_of(show_table_one(own), "tbl-one").set_index("level")["all"]
    assert one[["R0", "R1, other or missing"]].tolist() == ["50 (56%)", "40 (44%)"]


def test_deaths_of_the_disease_are_withheld_where_other_deaths_are_few(tmp_path):
    # 30 deaths, 26 of them of the disease: the difference would give the 4 others away.
    status = ["alive"] * 40 + ["dead_of_disease"] * 26 + ["dead_other"] * 4
    rows = [[f"p{i}", 10 + i / 10, word] for i, word in enumerate(status)]
    own = open_cohort(write(tmp_path / "c.csv", rows, PLAIN))
    events = csv_of(show_flow(own), "tbl-flow").set_index("endpoint")["events"]
    assert events["overall survival"] == "30"
    assert events["disease-specific survival"] == "withheld"


def test_levels_too_small_for_a_curve_are_drawn_as_one_and_named(tmp_path):
    # 60 R0, 30 R1 and 15 R2, 3 missing: R2 is too small for a curve of its own, and 18 for a pool.
    margins = ["R0"] * 60 + ["R1"] * 30 + ["R2"] * 15 + [""] * 3
    rows = [[f"p{i}", 3 + i % 40, "dead_other", margin] for i, margin in enumerate(margins)]
    path = write(tmp_path / "c.csv", rows, [*PLAIN, "margin"])
    own = open_cohort(path, endpoints=["overall_survival"], groups=["margin"])
    shown = show_groups(own)
    assert "Survival curves of 2 groups" in texts(shown)
    assert "test of all 3 levels as recorded (asymptotic)" in texts(shown)


def test_a_hazard_ratio_needs_a_threshold_of_events_in_each_group(tmp_path):
    # With radiotherapy 9 of 40 die, without 20 of 40; by sex 15 and 14 of 40.
    rows = []
    for i in range(80):
        died = i < 9 or 40 <= i < 60
        treated, sex = ("yes" if i < 40 else "no"), "fm"[i % 2]
        status = "dead_of_disease" if died else "alive"
        rows.append([f"p{i}", 10 + (i * 37) % 50, status, treated, sex])
    path = write(tmp_path / "c.csv", rows, [*PLAIN, "radiotherapy", "sex"])
    shown = show_hazard_ratios(open_cohort(path, endpoints=["overall_survival"]))
    assert csv_of(shown, "tbl-hazard-overall-survival")["covariate"].tolist() == ["Sex"]
    why = "fewer than 10 patients with the event or without it"
    assert f"Radiotherapy* is not shown: {why}" in texts(shown)


def test_a_ratio_of_a_number_needs_a_threshold_of_events(tmp_path):
    status = ["dead_other"] * 9 + ["alive"] * 40
    rows = [[f"p{i}", 10 + i % 20, word, 50 + i] for i, word in enumerate(status)]
    own = open_cohort(write(tmp_path / "c.csv", rows, [*PLAIN, "age_years"]))
    assert "Age (years)* is not shown: fewer than 10" in texts(show_hazard_ratios(own))


# What is refused, and how


def test_a_second_report_with_one_patient_less_is_refused_and_leaves_the_first(private, tmp_path):
    before = private["page"].read_bytes()
    fewer = write(tmp_path / private["source"].name, list(private_rows())[:-1])
    ledger = Releases(private["all"] / "ledger", key=private["all"] / "key")
    with pytest.raises(ReleaseError, match="fewer than 10"):
        release(Order(str(fewer), parameters=CHOICES), reports=private["out"], releases=ledger)
    assert private["page"].read_bytes() == before


def test_what_a_failing_cell_says_is_not_told_in_safe_mode(tmp_path, monkeypatch):
    source = write(tmp_path / "clinic.csv", private_rows())

    def fail(*_, **__):
        raise RenderError("cohort.ipynb, cell 9:\n\n    show()\n\nValueError: ZEBRA-0001 at 12.3")

    monkeypatch.setattr(vlms.cohort_report, "render", fail)
    releases = Releases(tmp_path / "ledger", key=tmp_path / "key")
    with pytest.raises(ReportError) as caught:
        release(Order(str(source)), reports=tmp_path / "out", releases=releases)
    assert "cell 9" in str(caught.value)
    assert "ValueError" in str(caught.value)
    assert "ZEBRA" not in str(caught.value)
    assert releases.entries() == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ([], ["2 problems", "perhaps"]),  # told to the owner of the file, cell by cell
        (["--min-count", "4"], ["5 or more"]),
        (["--reference", "sex"], ["write column=level"]),
    ],
)
def test_a_report_that_cannot_be_made_is_refused_and_nothing_is_written(
    tmp_path, monkeypatch, option, says
):
    rows = [["ZEBRA-1", "-3", "alive"], ["ZEBRA-2", "12", "perhaps"]]
    source = write(tmp_path / "bad.csv", rows, PLAIN)
    for name, value in FIXED_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    arguments = [str(source), *option, "--output", str(tmp_path / "out")]
    found = CliRunner().invoke(main, ["report", *arguments])
    assert found.exit_code in (1, 2)
    assert all(said in found.output for said in says)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"groups": ["wing"]}, "no group 'wing'; there are patient_id"),
        ({"groups": ["status"]}, "status is an outcome"),
        ({"covariates": ["local_recurrence_months"]}, "immortal time.*as a time-dependent"),
        ({"covariates": ["time_months"]}, "time_months is an outcome"),
        ({"covariates": "sex"}, r"give a list, such as \['sex'\]"),
        ({"endpoints": ["survival"]}, "no endpoint 'survival'"),
        ({"landmarks": [0]}, "landmarks lie above 0"),
        ({"interval": "wald"}, "no interval 'wald'"),
        ({"min_count": 3}, "give 5 or more"),
        ({"path": "https://example.org/patients.csv"}, "never fetched"),
    ],
)
def test_a_choice_that_does_not_fit_is_refused_with_those_that_would(choice, says):
    with pytest.raises((ChoiceError, DisclosureError, CohortError), match=says):
        open_cohort(**{"path": EXAMPLE, **choice})


# What takes longer


@pytest.mark.slow
def test_a_full_report_shows_everything_and_is_marked_in_its_name_and_on_its_page(tmp_path):
    source = write(tmp_path / "clinic.csv", private_rows())
    chosen = {**CHOICES, "endpoints": ["overall_survival"], "disclosure": "full"}
    [path] = report(Order(str(source), parameters=chosen), reports=tmp_path / "out")
    tables = path.with_suffix("")
    assert path.name == "clinic-private.html"
    page = path.read_text("utf-8")
    assert "Do not share" in page
    assert "PRIVATE" in re.search("<title>(.*?)</title>", page)[1]
    for said in ("ZEBRA-0005", "61 Gy", "data:image/svg+xml"):
        assert said in page
    assert {".svg", ".csv", ".json"} == {path.suffix for path in tables.iterdir()}
    times = pd.read_csv(tables / "tbl-curve-endpoints-overall-survival.csv")["time"]
    assert float(next(private_rows())[8]) in set(times)


RACE = """
import sys, time
from pathlib import Path
import vlms.cohort_report as module
from vlms.cohort_report import Order, release
from vlms.disclosure import Releases

folder, name = Path(sys.argv[1]), sys.argv[2]

def render(*_):
    time.sleep(1)
    return {f"{name}-to-share.html": b"page"}

module._render = render
ledger = Releases(folder / "ledger", key=folder / "key")
release(Order(str(folder / f"{name}.csv")), reports=folder / "out", releases=ledger)
"""


@pytest.mark.slow
def test_of_two_reports_started_together_on_nearly_the_same_patients_one_is_released(tmp_path):
    rows = list(private_rows())
    write(tmp_path / "a.csv", rows)
    write(tmp_path / "b.csv", rows[:-1])
    arguments = [sys.executable, "-c", RACE, str(tmp_path)]
    running = [subprocess.Popen([*arguments, n], stderr=subprocess.PIPE, text=True) for n in "ab"]
    errors = [process.communicate()[1] for process in running]
    assert sorted(process.returncode for process in running) == [0, 1]
    assert sum("ReleaseError" in error for error in errors) == 1
    assert len(list((tmp_path / "out").glob("*.html"))) == 1
