"""From a reader's file to a report: what it shows, what it leaves out, and that nothing leaks.

The private cohort is made here, with identifiers, times, dates and notes that are easy to search
for, and with levels that try to become markup, a formula, math or a reference.
"""

import base64
import csv
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

import vlms.own_cohort.report
from vlms.disclosure import DisclosureError, ReleaseError, Releases
from vlms.own_cohort import (
    open_study,
    report_name,
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
    show_proportional_hazards,
    show_quality,
    show_table_one,
)
from vlms.own_cohort.report import Order, ReportError, report
from vlms.own_cohort.study import FILES_MIME, StudyError
from vlms.reading.problems import CohortError
from vlms.rendering.parameters import RenderError

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "data" / "example_cohort" / "patients.csv"
HEADER = (
    "patient_id age_years sex site size_cm grade margin radiotherapy time_months status"
    " local_recurrence_months distant_recurrence_months"
).split()
SITES = ["<script>alert(1)</script>"] * 2 + ["=HYPERLINK(1)"] * 2 + ["thigh"]


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


def write(path, rows, header=(*HEADER, "marker <i>", "notes")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


CHOICES = {
    "endpoints": ["overall_survival", "local_recurrence"],
    "group_variables": ["marker <i>"],
    "covariates": ["age_years", "site", "marker <i>"],
    "landmark_months": [12, 36],
}


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """A private cohort under a hostile name, and its safe report."""
    folder = tmp_path_factory.mktemp("private")
    source = write(folder / "..it's $(touch owned) `x`; a.csv", private_rows())
    releases = Releases(folder / "ledger")
    page, tables = report(
        Order(str(source), parameters=CHOICES), reports=folder / "out", releases=releases
    )
    return {"source": source, "page": page, "tables": tables, "out": folder / "out", "all": folder}


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The full report on the same patients."""
    folder = tmp_path_factory.mktemp("full")
    source = write(folder / "clinic.csv", private_rows())
    chosen = {**CHOICES, "endpoints": ["overall_survival"], "disclosure": "full"}
    page, tables = report(
        Order(str(source), parameters=chosen),
        reports=folder / "out",
        releases=Releases(folder / "ledger"),
    )
    return {"page": page, "tables": tables, "ledger": folder / "ledger"}


def layers(path):
    """The bytes of a file, and of every picture or file that is encoded in it."""
    content = path.read_bytes()
    yield content
    for encoded in re.findall(rb"base64,([A-Za-z0-9+/=]{8,})", content):
        yield base64.b64decode(encoded)


# Nothing of a patient leaves


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


def test_neither_the_path_nor_the_checksum_of_a_private_file_is_shown(private):
    from vlms.rendering.publishing import sha256

    page = private["page"].read_text("utf-8")
    assert str(private["source"].parent) not in page
    assert sha256(private["source"].read_bytes()) not in page


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
        "cohort-it-s-touch-owned-x-a.html",
        "cohort-it-s-touch-owned-x-a",
    }
    names = [path.name for path in private["tables"].iterdir()]
    assert all(re.fullmatch(r"[a-z0-9-]+\.(csv|png|json)", name) for name in names)
    assert not (ROOT / "owned").exists()


def test_counts_of_a_safe_report_are_rounded_or_withheld(private):
    flow = pd.read_csv(private["tables"] / "tbl-flow.csv", dtype=str)
    cells = flow[["patients", "left_out", "analysed", "events"]].to_numpy().ravel()
    assert all(cell in ("<10", "withheld") or int(cell) % 5 == 0 for cell in cells)


def test_text_of_a_cohort_cannot_become_markup_math_or_a_reference(private):
    page = private["page"].read_text("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "marker &lt;i&gt;" in page
    assert "$x^2$ @ fig-nothing" in page


def test_csv_files_hold_no_formula(private):
    for path in private["tables"].glob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8")):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]
    text = (private["tables"] / "tbl-one.csv").read_text("utf-8")
    assert "'=HYPERLINK(1)" in text


def test_the_account_says_which_rules_were_applied(private):
    account = json.loads((private["tables"] / "disclosure.json").read_text("utf-8"))
    assert account["disclosure"] == "safe"
    assert account["parameters"] == {"min_count": 10, "base": 5}
    assert {"rule", "what"} == set(account["rules_applied"][0])
    assert "anonym" not in private["page"].read_text("utf-8").lower()


def test_a_private_cohort_is_not_called_made_up(private):
    assert "Made-up patients" not in private["page"].read_text("utf-8")


# Full disclosure


def test_a_full_report_is_marked_in_its_name_and_on_its_page(full):
    assert full["page"].name == "cohort-clinic-full-disclosure.html"
    page = full["page"].read_text("utf-8")
    assert "Do not share" in page
    assert "FULL DISCLOSURE" in re.search("<title>(.*?)</title>", page)[1]


def test_a_full_report_shows_rows_exact_times_and_drawings(full):
    page = full["page"].read_text("utf-8")
    assert "ZEBRA-0005" in page
    assert "61 Gy" in page
    assert "data:image/svg+xml" in page
    assert {".png", ".svg", ".csv", ".json"} == {path.suffix for path in full["tables"].iterdir()}
    times = pd.read_csv(full["tables"] / "tbl-curve-endpoints-overall-survival.csv")["time"]
    assert float(next(private_rows())[8]) in set(times)


def test_a_full_report_is_not_entered_in_the_ledger_of_safe_ones(full):
    assert not full["ledger"].exists()


# What is refused, and how


def test_a_second_report_with_one_patient_less_is_refused_and_leaves_the_first(private, tmp_path):
    before = private["page"].read_bytes()
    fewer = write(tmp_path / private["source"].name, list(private_rows())[:-1])
    ledger = Releases(private["all"] / "ledger")
    with pytest.raises(ReleaseError, match="fewer than 10"):
        report(Order(str(fewer), parameters=CHOICES), reports=private["out"], releases=ledger)
    assert private["page"].read_bytes() == before


def test_what_a_failing_cell_says_is_not_told_in_safe_mode(tmp_path, monkeypatch):
    source = write(tmp_path / "clinic.csv", private_rows())

    def fail(*_, **__):
        raise RenderError("cohort.ipynb, cell 9:\n\n    show()\n\nValueError: ZEBRA-0001 at 12.3")

    monkeypatch.setattr(vlms.own_cohort.report, "render", fail)
    releases = Releases(tmp_path / "ledger")
    with pytest.raises(ReportError) as caught:
        report(Order(str(source)), reports=tmp_path / "out", releases=releases)
    assert "cell 9" in str(caught.value)
    assert "ValueError" in str(caught.value)
    assert "ZEBRA" not in str(caught.value)
    assert releases.entries() == []
    assert not (tmp_path / "out").exists()


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "vlms", "report", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_problems_of_the_file_are_told_to_its_owner_and_nothing_is_written(tmp_path):
    rows = [["ZEBRA-1", "-3", "alive"], ["ZEBRA-2", "12", "perhaps"]]
    source = write(tmp_path / "bad.csv", rows, ["patient_id", "time_months", "status"])
    found = command(source, "--output", tmp_path / "out")
    assert found.returncode == 1
    assert "2 problems" in found.stdout
    assert "perhaps" in found.stdout
    assert "Traceback" not in found.stdout + found.stderr
    assert not (tmp_path / "out").exists()


def test_a_threshold_below_the_floor_is_refused_by_the_command(tmp_path):
    found = command(EXAMPLE, "--min-count", "4", "--output", tmp_path / "out")
    assert found.returncode == 1
    assert "5 or more" in found.stdout
    assert not (tmp_path / "out").exists()


def test_an_address_on_a_network_is_no_cohort():
    with pytest.raises(CohortError, match="never fetched"):
        report(Order("https://example.org/patients.csv"))


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"group_variables": ["wing"]}, "no group variable 'wing'; there are patient_id"),
        ({"group_variables": ["status"]}, "status is an outcome"),
        ({"covariates": ["time_months"]}, "time_months is an outcome"),
        ({"covariates": "sex"}, r"give a list, such as \['sex'\]"),
        ({"endpoints": ["survival"]}, "no endpoint 'survival'"),
        ({"landmark_months": [0]}, "landmark months lie above 0"),
        ({"interval": "wald"}, "no interval 'wald'"),
    ],
)
def test_a_choice_that_does_not_fit_is_refused_with_those_that_would(choice, says):
    with pytest.raises(StudyError, match=says):
        open_study(EXAMPLE, **choice)


def test_the_mode_of_disclosure_is_checked_where_the_notebook_opens_the_cohort():
    with pytest.raises(DisclosureError):
        open_study(EXAMPLE, min_count=3)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("My Cohort (2024)", "my-cohort-2024"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "cohort"),
        ("--output", "output"),
        ("ü;rm -rf ~", "rm-rf"),
        ("a" * 300, "a" * 60),
    ],
)
def test_a_name_cannot_leave_its_folder_nor_trouble_a_shell(given, name):
    assert report_name(given) == name


# What the columns allow


def shown_texts(shown):
    return "\n".join(map(str, getattr(shown, "shown", [shown])))


def test_a_cohort_of_three_columns_gives_what_it_can_and_says_what_it_skips(tmp_path):
    rows = [[f"p{i}", 6 + i, "alive" if i % 2 else "dead_of_disease"] for i in range(40)]
    source = write(tmp_path / "small.csv", rows, ["patient_id", "time_months", "status"])
    study = open_study(source)
    assert study.endpoints == ["overall_survival", "disease_specific_survival"]
    for show, label in [
        (show_quality, "tbl-q"),
        (show_flow, "tbl-f"),
        (show_table_one, "tbl-o"),
        (show_follow_up, "fig-u"),
        (show_endpoints, "fig-e"),
        (show_groups, "fig-g"),
        (show_competing_risks, "fig-c"),
        (show_hazard_ratios, "fig-h"),
        (show_proportional_hazards, "tbl-p"),
        (show_landmark, "fig-l"),
        (show_comparison, "tbl-c"),
    ]:
        assert shown_texts(show(study, label=label))
    left = shown_texts(show_left_out(study, label="tbl-left"))
    for section in ("local recurrence", "Curves by group", "Competing risks", "Landmark analysis"):
        assert section in left
    assert "no column local_recurrence_months" in left


def test_ten_patients_give_a_safe_report_that_shows_next_to_nothing(tmp_path):
    rows = [[f"p{i}", 6 + i, "alive" if i % 2 else "dead_of_disease"] for i in range(10)]
    source = write(tmp_path / "tiny.csv", rows, ["patient_id", "time_months", "status"])
    study = open_study(source)
    assert "fewer than 20 patients" in shown_texts(show_endpoints(study, label="fig-e"))
    assert "fewer than 20 patients" in shown_texts(show_follow_up(study, label="fig-f"))


def test_the_example_is_marked_as_made_up():
    assert "Made-up patients" in shown_texts(show_marks(open_study(EXAMPLE)))


def csv_of(shown):
    files = shown.bundle[FILES_MIME]["files"]
    content = next(data for name, data in files.items() if name.endswith(".csv"))
    return pd.read_csv(io.StringIO(base64.b64decode(content).decode()), dtype=str)


def test_a_table_by_group_withholds_what_totals_would_give_away(tmp_path):
    # R0: 40 f, 30 m. R1: 15 f, 3 m. The 3 are withheld; with them the 15 (column) and 30 (row),
    # and the 40 that would give those back. The totals, 55 and 33, are rounded.
    rows = [("R0", "f")] * 40 + [("R0", "m")] * 30 + [("R1", "f")] * 15 + [("R1", "m")] * 3
    rows = [[f"p{i}", 10 + i / 10, "alive", *row] for i, row in enumerate(rows)]
    header = ["patient_id", "time_months", "status", "margin", "sex"]
    study = open_study(write(tmp_path / "c.csv", rows, header), group_variables=["margin"])
    table = csv_of(show_table_one(study, label="tbl-one").shown[0]).set_index("level")
    assert table.loc["f", ["R0", "R1", "all"]].tolist() == ["withheld", "withheld", "55 (61%)"]
    assert table.loc["m", ["R0", "R1", "all"]].tolist() == ["withheld", "withheld", "35 (39%)"]


@pytest.mark.parametrize("mode", ["safe", "full"])
def test_levels_named_like_parts_of_a_table_are_told_from_them(tmp_path, mode):
    words = ["all", "missing", "other or missing", "level", ""] * 30
    rows = [[f"p{i}", 5 + i / 10, "alive", word] for i, word in enumerate(words)]
    header = ["patient_id", "time_months", "status", "group"]
    source = write(tmp_path / "c.csv", rows, header)
    study = open_study(source, group_variables=["group"], disclosure=mode)
    table = csv_of(show_table_one(study, label="tbl-one").shown[0])
    assert {"“all”", "“missing”", "“other or missing”", "“level”", "all"} <= set(table)


def test_missing_values_are_counted_beside_the_pool_that_holds_them(tmp_path):
    # 50 R0, 20 R1, 4 R2, 16 missing: shown are 50 and 40 pooled, of whom 24 are R1 or R2.
    margins = ["R0"] * 50 + ["R1"] * 20 + ["R2"] * 4 + [""] * 16
    rows = [[f"p{i}", 10 + i / 10, "alive", margin] for i, margin in enumerate(margins)]
    header = ["patient_id", "time_months", "status", "margin"]
    study = open_study(write(tmp_path / "c.csv", rows, header))
    missing = csv_of(show_quality(study, label="tbl-q").shown[1]).set_index("variable")["missing"]
    assert missing["Margin"] == "15 (17%)"
    one = csv_of(show_table_one(study, label="tbl-one").shown[0]).set_index("level")["all"]
    assert one.drop(one.index[0]).to_dict() == {"R0": "50 (56%)", "other or missing": "40 (44%)"}


def test_deaths_of_the_disease_are_withheld_where_other_deaths_are_few(tmp_path):
    # 30 deaths, 26 of them of the disease: the difference would give the 4 others away.
    status = ["alive"] * 40 + ["dead_of_disease"] * 26 + ["dead_other"] * 4
    rows = [[f"p{i}", 10 + i / 10, word] for i, word in enumerate(status)]
    header = ["patient_id", "time_months", "status"]
    study = open_study(write(tmp_path / "c.csv", rows, header))
    events = csv_of(show_flow(study, label="tbl-f")).set_index("endpoint")["events"]
    assert events["overall survival"] == "30"
    assert events["disease-specific survival"] == "withheld"


def test_a_hazard_ratio_needs_a_threshold_of_events_in_each_group(tmp_path):
    # With radiotherapy 9 of 40 die, without 20 of 40; by sex 15 and 14 of 40.
    rows = []
    for i in range(80):
        died = i < 9 or 40 <= i < 60
        treated, sex = ("yes" if i < 40 else "no"), "fm"[i % 2]
        status = "dead_of_disease" if died else "alive"
        rows.append([f"p{i}", 10 + (i * 37) % 50, status, treated, sex])
    header = ["patient_id", "time_months", "status", "radiotherapy", "sex"]
    study = open_study(write(tmp_path / "c.csv", rows, header), endpoints=["overall_survival"])
    shown = show_hazard_ratios(study, label="fig-h").shown
    assert csv_of(shown[1])["covariate"].tolist() == ["Sex"]
    assert "Hazard ratios: Radiotherapy" in [section for section, _ in study.left_out]


def test_the_mode_of_disclosure_does_not_change_a_hazard_ratio_nor_its_p_value():
    options = {"endpoints": ["distant_recurrence"], "covariates": ["age_years", "radiotherapy"]}
    tables = []
    for mode in ("safe", "full"):
        study = open_study(EXAMPLE, disclosure=mode, **options)
        tables.append(csv_of(show_hazard_ratios(study, label="fig-h").shown[1]))
    safe, full = (table.set_index("covariate") for table in tables)
    assert safe["p_value"].to_dict() == full["p_value"].to_dict()
    ratios = full["hazard_ratio"].astype(float).round(2)
    assert safe["hazard_ratio"].astype(float).to_dict() == ratios.to_dict()


# Everybody, or nobody: R's lung by ECOG, where one patient has the level 3 and one has none


def lung(folder):
    """Write survival::lung as a cohort: months of 30.4375 days, 165 deaths of 228."""
    rows = csv.DictReader(
        (ROOT / "tests/reference/regression_data_lung.csv").open(encoding="utf-8")
    )
    cells = [
        [f"p{i}", float(row["time"]) / 30.4375, STATUS[row["event"]], row["ph_ecog"], row["sex"]]
        for i, row in enumerate(rows)
    ]
    cells = [[*row[:3], f"ecog {row[3]}" if row[3] else "", row[4]] for row in cells]
    return write(folder / "lung.csv", cells, ["patient_id", "time_months", "status", "ecog", "arm"])


STATUS = {"0": "alive", "1": "dead_of_disease"}
LUNG = {
    "endpoints": ["overall_survival"],
    "group_variables": ["ecog", "arm"],
    "covariates": ["ecog"],
    "landmark_months": [12, 18, 24, 36],
    "reference_levels": {},
}


@pytest.fixture(scope="module")
def lungs(tmp_path_factory):
    """The safe and the full report on lung: mode → text of the page and folder of its tables."""
    folder = tmp_path_factory.mktemp("lung")
    made = {}
    for mode in ("safe", "full"):
        order = Order(str(lung(folder)), parameters={**LUNG, "disclosure": mode})
        page, tables = report(order, reports=folder / "out", releases=Releases(folder / "ledger"))
        text = html.unescape(re.sub("<[^>]+>", " ", page.read_text("utf-8")))
        made[mode] = {"text": re.sub(r"\s+", " ", text), "tables": tables}
    return made


def test_no_test_of_a_part_of_the_patients_is_released(lungs):
    # One patient has ecog 3. Of ecog 0 and 1 alone, 176 of 228 patients, P would be 0.06.
    text = lungs["safe"]["text"]
    assert "Log-rank test: Overall survival by ecog is not shown: a level has fewer" in text
    assert text.count("Log-rank test of") == 1  # of the arms


def test_a_test_of_all_is_released_and_says_who_is_left_out(lungs):
    # R: survdiff(Surv(time, status) ~ sex, lung): chisq 10.3, p = 0.001.
    said = "Log-rank test of all 2 levels as recorded (asymptotic): P = 0.001."
    assert f"{said} Left out, as arm is missing: <10." in lungs["safe"]["text"]
    assert said in lungs["full"]["text"]


def test_the_full_report_tests_all_levels_and_says_who_is_left_out(lungs):
    # One event with ecog 3: the P value comes from permutations of all 227.
    said = "Log-rank test of all 4 levels as recorded (permutation): P = 0.00"
    assert said in lungs["full"]["text"]
    assert "Left out, as ecog is missing: 1." in lungs["full"]["text"]


def test_table_one_by_group_holds_all_patients(lungs):
    # 63, 113 and 52: of the 52 one has ecog 3 and one has none.
    table = pd.read_csv(lungs["safe"]["tables"] / "tbl-one.csv", dtype=str)
    assert list(table) == ["variable", "level", "ecog 0", "ecog 1", "other or missing", "all"]
    assert table.iloc[0, 2:].tolist() == ["65", "115", "50", "230"]


def test_hazard_ratios_are_of_all_levels_and_withheld_where_few_had_no_event(lungs):
    # R: coxph(Surv(time, status) ~ factor(ph.ecog, levels = c(1, 0, 2, 3)), lung): 0.6915 for
    # ecog 0, with 37 deaths of 63; with ecog 2 six of 50 live, with ecog 3 nobody.
    safe, full = (
        pd.read_csv(lungs[mode]["tables"] / "tbl-hazard-overall-survival.csv", dtype=str)
        for mode in ("safe", "full")
    )
    assert safe["level"].tolist() == ["ecog 0", "ecog 2", "rarer levels"]
    assert safe["p_value"].tolist()[1:] == ["withheld", "withheld"]
    assert full["level"].tolist() == ["ecog 0", "ecog 2", "ecog 3"]
    assert full["left_out"].tolist() == ["1"] * 3
    assert float(safe["hazard_ratio"][0]) == pytest.approx(
        float(full["hazard_ratio"][0]), abs=0.005
    )


def test_survival_at_a_month_is_exact_and_shown_as_a_band(lungs):
    # R: summary(survfit(Surv(time / 30.4375, status) ~ 1, lung, conf.type = "log-log"),
    # times = c(12, 18, 24)): 0.409 (0.339 to 0.478), 0.257, 0.116 (0.068 to 0.178); 24 months
    # leave 13, 36 nobody. Median 10.2 (9.33 to 11.9).
    table = pd.read_csv(lungs["safe"]["tables"] / "tbl-endpoints.csv", dtype=str)
    assert table["survival"].tolist() == [
        "40–45%",
        "25–30%",
        "10–15%",
        "withheld",
        "6 to 12 months",
    ]
    assert table["interval"].tolist()[:3] == ["30–50%", "15–35%", "5–20%"]
    assert table["interval"].tolist()[3:] == ["fewer than 10 patients beyond", "6 to 12 months"]


def test_methods_and_versions_name_what_ran_and_nothing_else(lungs):
    for mode in ("safe", "full"):
        methods = lungs[mode]["text"].partition("This paragraph can go")[2].partition("Version")[0]
        assert "Kaplan–Meier" in methods
        assert "vlms 0." in methods
        assert "(commit" in methods
        for absent in ("landmark at", "cumulative incidence"):
            assert absent not in methods
    assert "permutations" not in lungs["safe"]["text"].partition("This paragraph can go")[2]


def landmark_cohort(folder, month_of_one):
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
    header = ["patient_id", "time_months", "status", "local_recurrence_months"]
    return write(folder / "c.csv", rows, header)


def test_the_landmark_restarts_the_clock_and_sorts_by_what_had_happened_until_then(tmp_path):
    # Recurrence until month 12: p1 to p4, at 1, 3, 6+ and 8 months after it. p0 ended at 12.
    study = open_study(landmark_cohort(tmp_path, 12), landmark_months=[12], disclosure="full")
    shown = show_landmark(study, label="fig-landmark").shown
    curve = csv_of(shown[1])
    before = curve[curve["group"] == "recurrence until then"]
    after = curve[curve["group"] == "no recurrence until then"]
    assert before["time"].astype(float).tolist() == [0, 1, 3, 6, 8]
    assert before["at_risk"].astype(int).tolist() == [4, 4, 3, 2, 1]
    assert after["time"].astype(float).tolist() == [0, 10, 12, 14, 18]
    assert "Survival after month 12" in shown_texts(shown[0])


def test_a_recurrence_after_the_landmark_had_not_happened(tmp_path):
    study = open_study(landmark_cohort(tmp_path, 12.1), landmark_months=[12], disclosure="full")
    curve = csv_of(show_landmark(study, label="fig-landmark").shown[1])
    assert (curve["group"] == "recurrence until then").sum() == 4  # month 0, and p1, p3, p4


RACE = """
import sys, time
from pathlib import Path
import vlms.own_cohort.report as room
from vlms.disclosure import Releases
from vlms.own_cohort.report import Order, report

folder, name = Path(sys.argv[1]), sys.argv[2]

def render(*_):  # both have passed their first check before either goes on
    (folder / f"{name}.ready").touch()
    while len(list(folder.glob("*.ready"))) < 2:
        time.sleep(0.01)
    return {f"cohort-{name}.html": b"page"}

room._render = render
ledger = Releases(folder / "ledger")
report(Order(str(folder / f"{name}.csv")), reports=folder / "out", releases=ledger)
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
