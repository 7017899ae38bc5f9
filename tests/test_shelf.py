"""The shelf of papers: verdicts, survival side by side, what is pooled; a further paper."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from report_project import Project, simple

from vlms.add_paper import new_paper, notebook_problems, paper_problems
from vlms.cli import main
from vlms.consistency import printed_box
from vlms.pages import build, status, write_index
from vlms.shelf import (
    SIGNS,
    audit_facts,
    forest_rows,
    overview_table,
    papers,
    pool_survival,
    pooled_table,
    reported_table,
    std_error_range,
    survivals,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def rows():
    return survivals()


# --- Verdicts -------------------------------------------------------------------------------------


def test_from_an_abstract_nothing_is_contradicted():
    about = papers()
    assert len(about) >= 12
    for stem in about.loc[about["read"] == "abstract", "stem"]:
        assert "contradicted" not in set(audit_facts(stem)["verdict"]), stem
        head = (ROOT / "data" / stem / "facts.csv").read_text(encoding="utf-8")
        assert "# source: abstract" in head, stem
    assert "contradicted" in set(audit_facts("roland2016")["verdict"])


def test_every_verdict_is_the_one_that_was_agreed_on():
    """A verdict that changes is changed in tests/expected/series_verdicts.csv, and seen there."""
    path = ROOT / "tests" / "expected" / "series_verdicts.csv"
    agreed = pd.read_csv(path, dtype=str, keep_default_na=False)
    stems = papers().query("read == 'abstract'")["stem"]
    found = pd.concat([audit_facts(stem).assign(stem=stem) for stem in stems])
    found = found[["stem", "id", "printed", "verdict"]].sort_values(["stem", "id"])
    assert found.to_numpy().tolist() == agreed.to_numpy().tolist()


@pytest.mark.parametrize(
    ("stem", "fact", "verdict"),
    [
        ("avsg2019", "distant-share", "not reconcilable"),  # 9 of 12 is 75.0%, printed 75.5%
        ("avsg2019", "dfs-36", "not reconcilable"),  # 9 of 12 relapse, so 3 are censored at most
        ("avsg2019", "women-share", "reproduced"),  # 10 of 12 is 83.3%
        ("avsg2019", "os-60", "possible"),  # histories exist, if it is Kaplan-Meier
        ("avsg2019", "chemotherapy", "not checkable"),
        ("teixeira2017", "dfs-60", "not reconcilable"),  # 4 of 7; of 4 at most 1 in 3: 19%
        ("illuminati2016", "dss-60-b", "not checkable"),  # a life table; 9 patients by Kaplan-Meier
        ("laskin2010", "died-of-unknown-share", "reproduced"),  # 9 of 34 is 26.5%, printed 26%
        ("roland2016", "n-all", "contradicted"),
    ],
)
def test_the_verdict_of_a_fact(stem, fact, verdict):
    found = audit_facts(stem).set_index("id").loc[fact]
    assert found["verdict"] == verdict, found["because"]


def test_a_life_table_is_not_judged_as_kaplan_meier():
    found = audit_facts("illuminati2016").set_index("id")["verdict"]
    assert not set(found[found.index.str.startswith("dss")]) & {"rounding", "not reconcilable"}


def test_the_overview_has_a_row_for_each_paper_and_a_sign_for_each_number():
    table = overview_table().set_index("Series")
    assert set(table.index) == set(papers()["name"])
    assert table.loc["Kim 2012", "Size"] == "mean 9.3 cm ○; from 5 cm ○; to 20 cm ○"
    assert table.loc["Teixeira 2017", "n"] == "7 ≠"
    assert table.loc["Teixeira 2017", "Survival"] == "OS at 3 y 100% ○; OS at 5 y 25% ○"
    cells = [cell for row in table.drop(columns=["Years", "Site"]).to_numpy() for cell in row]
    cells = [cell for cell in cells if cell != "printed by patient"]
    for number in [part for cell in cells if cell for part in cell.split("; ")]:
        assert number.split()[-1] in SIGNS.values(), number


def test_what_is_not_reported_is_said():
    reported = reported_table()
    assert not reported.loc["Teixeira 2017", "Grade"]
    assert reported.loc["Laskin 2010", "Grade"]
    assert reported.loc["Tilkorn 2010", "Margins"]  # by patient only
    assert not reported["Numbers at risk"].any()


# --- Standard errors that a print allows ----------------------------------------------------------


def histories(n, printed, time):
    """Every Greenwood sum of n patients who print this, by trying all orders of events."""
    sums, times = [], sorted(printed)

    def go(risk, at, survival, total):
        low, high = printed_box(printed[times[at]])
        if low - 1e-12 <= survival < high - 1e-12:
            if at + 1 == len(times):
                sums.append(total)
            else:
                go(risk, at + 1, survival, total)
        counted = times[at] <= time
        if risk:
            go(risk - 1, at, survival, total)
        for deaths in range(1, risk):
            added = deaths / (risk * (risk - deaths)) if counted else 0
            if survival * (1 - deaths / risk) >= low - 1e-9:
                go(risk - deaths, at, survival * (1 - deaths / risk), total + added)

    go(n, 0, 1.0, 0.0)
    return [float(min(sums)) ** 0.5, float(max(sums)) ** 0.5] if sums else [math.nan, math.nan]


@pytest.mark.parametrize(
    ("n", "printed", "time"),
    [
        (7, {36: "100%", 60: "25%"}, 60),
        (8, {36: "87.5%"}, 36),
        (9, {36: "75%", 60: "50%"}, 36),
        (9, {36: "75%", 60: "50%"}, 60),
        (7, {36: "57%", 60: "20%"}, 60),
    ],
)
def test_narrowest_and_widest_errors_are_those_of_all_histories(n, printed, time):
    middle = float(printed[time].rstrip("%")) / 100
    expected = [middle * end for end in histories(n, printed, time)]
    assert std_error_range(n, printed, time) == pytest.approx(expected, rel=1e-3, nan_ok=True)


def test_errors_by_hand():
    # 50% of 4 patients: two die with nobody censored, sqrt(0.5 * 0.5 / 4); or two are censored
    # first and one of two dies, sqrt(0.5 * 0.5 / 2).
    assert std_error_range(4, {12: "50%"}, 12) == pytest.approx((0.25, 0.125**0.5))
    # Seven patients print 25% only as one of four.
    assert std_error_range(4, {12: "25%"}, 12) == pytest.approx(((0.1875 / 4) ** 0.5,) * 2)
    assert all(math.isnan(end) for end in std_error_range(3, {12: "75%"}, 12))


# --- Survival side by side ------------------------------------------------------------------------


def test_no_stratum_mixes_endpoints_sites_denominators_clocks_or_designs(rows):
    pooled = pooled_table(rows)
    once = pooled[pooled["error"] != "widest"]
    of = once["of"].str.split("; ").explode()
    assert not set(of) & set(papers().query("design != 'cohort'")["name"])
    for stratum in once.to_dict("records"):
        keys = ["endpoint", "time", "site", "patients", "clock"]
        same = rows[(rows[keys] == pd.Series(stratum)[keys]).all(axis=1)]
        assert set(stratum["of"].split("; ")) == set(same.query("design == 'cohort'")["name"])
    joined = pooled[pooled["error"] == "narrowest"].set_index("time")
    assert set(joined["endpoint"]) == {"overall survival"}
    assert set(joined.loc[60, "of"].split("; ")) == {
        "Ann Vasc Surg 2019", "Teixeira 2017", "Bertrand 2024",
    }  # fmt: skip
    assert joined["predicted_lower"].isna().all()  # three series


def test_without_red_numbers_one_series_is_left(rows):
    kept = pooled_table(rows[~rows["red"].astype(bool)])
    assert set(kept["error"]) == {""}
    assert "not pooled: one series" in set(kept["reason"])


THREE = [0.7886806927, 0.3881051375, 0.9421954285]
FIVE = [0.5139609101, 0.1970350360, 0.7612895677]
PREDICTED = [0.00451644469, 0.92123244322]


def test_pooled_survival_is_that_of_r():
    # S <- c(.74, .875, 7.5/8); se <- c(.0685, .0955, sqrt(7.5/8 * .5/8 / 8))
    # rma(yi = log(-log(S)), sei = se / (S * abs(log(S))), test = "knha", method = "REML")
    three = pd.DataFrame(
        {"name": list("abc"), "survival": [0.74, 0.875, 1.0], "n": [41, 12, 7]}
    ).assign(error=[0.0685, 0.0955, 0.0])
    found = pool_survival(three, "error")
    assert [found[k] for k in ("survival", "lower", "upper")] == pytest.approx(THREE, abs=1e-7)
    assert math.isnan(found["predicted_lower"])
    five = pd.DataFrame({"name": list("abcde"), "survival": [0.2, 0.5, 0.8, 0.4, 0.6], "n": 50})
    found = pool_survival(five.assign(error=0.05), "error")
    assert [found[k] for k in ("survival", "lower", "upper")] == pytest.approx(FIVE, abs=1e-7)
    ends = [found["predicted_lower"], found["predicted_upper"]]
    assert ends == pytest.approx(PREDICTED, abs=1e-7)


def test_all_alive_has_the_exact_interval_of_as_many_patients(rows):
    full = rows[rows["survival"] == 1]
    drawn = forest_rows(full, "widest")
    # Seven of seven: the lower limit is the seventh root of 0.025.
    assert drawn["lower"].tolist() == pytest.approx([0.5904], abs=1e-4)
    assert drawn["label"].tolist() == ["vena cava: Teixeira 2017 (7) ≠"]


def test_fewer_than_five_published_patients_give_no_curve(rows):
    assert "Abisi 2006" not in set(rows["name"])
    assert set(rows.loc[rows["source"] == "patients", "name"]) == {"Tilkorn 2010"}


# --- A further paper ------------------------------------------------------------------------------


@pytest.mark.parametrize("patients", [True, False])
def test_a_new_paper_keeps_every_rule(tmp_path, patients):
    written = new_paper("smith2020", patients=patients, root=tmp_path)
    assert all((tmp_path / path).exists() for path in written)
    assert notebook_problems(tmp_path / "notebooks" / "smith2020.ipynb") == []
    found = paper_problems("smith2020", root=tmp_path, run=False)
    assert found == []
    with pytest.raises(ValueError, match="there already"):
        new_paper("smith2020", patients=patients, root=tmp_path)
    with pytest.raises(ValueError, match="author and year"):
        new_paper("../smith", patients=patients, root=tmp_path)


def test_a_check_lists_everything_at_once_with_its_line(tmp_path):
    new_paper("smith2020", patients=True, root=tmp_path)
    folder = tmp_path / "data" / "smith2020"

    def edit(name, old, new):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    edit("README.md", "Licence", "L")
    edit("README.md", "`readings.csv`", "`x`")
    edit("paper.toml", 'design = "cohort"', 'design = "series"')
    edit("facts.csv", "67%", "many")
    edit("claims.csv", "measure,,,", "measure,no such claim,,")
    edit("patients.csv", "dead of disease", "gone")
    notebook = tmp_path / "notebooks" / "smith2020.ipynb"
    text = notebook.read_text(encoding="utf-8").replace("@fig-survival", "@fig-x")
    notebook.write_text(text.replace("lambda p: len(p)", "lambda p: 3"), encoding="utf-8")
    (tmp_path / "tests" / "expected" / "smith2020_verdicts.csv").unlink()
    found = paper_problems("smith2020", root=tmp_path, run=False)
    told = [f"{path.removeprefix('data/smith2020/')}:{line}: {what}" for path, line, what in found]
    for expected in (
        "README.md:None: says nothing of the licence",
        "README.md:None: says nothing of readings.csv",
        "paper.toml:None: design 'series'",
        "facts.csv:6: value",
        "claims.csv:2: claims.csv: hospital-years: against: no claim",
        "patients.csv:2: patient 1, column status: “gone”",
        "notebooks/smith2020.ipynb:None: cell 7: refers to fig-x",
        "rests on a typed value: 3",
        "smith2020_verdicts.csv:None: there is no such file",
    ):
        assert [text for text in told if expected in text], (expected, told)


def test_the_commands_say_what_is_missing_and_how_to_begin():
    runner = CliRunner()
    asked = runner.invoke(main, ["new-paper", "smith2020"])
    assert asked.exit_code == 2
    assert "--patients or --aggregates" in asked.output
    none = runner.invoke(main, ["paper", "check", "--no-run", "nobody1900"])
    assert none.exit_code == 1
    assert "vlms new-paper nobody1900" in none.output
    fine = runner.invoke(main, ["paper", "check", "--no-run", "roland2016"])
    assert fine.output == "roland2016: no problems\n"


@pytest.mark.parametrize("stem", sorted(papers()["stem"]))
def test_every_paper_here_passes_its_check(stem):
    assert paper_problems(stem, root=ROOT, run=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("prints", ["--patients", "--aggregates"])
def test_a_new_paper_runs_at_once(tmp_path, prints):
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "vlms", tmp_path / "vlms", ignore=hidden)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)  # by which a project is known
    for command in (["new-paper", "smith2020", prints], ["paper", "check", "smith2020"]):
        run = [sys.executable, "-m", "vlms", *command]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "smith2020: no problems" in done.stdout


# --- Reports of series, and the index -------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """Two folders that share a notebook, and a paper with one of its own."""
    project = Project(tmp_path / "project")
    shared = simple(kind="series", each="paper.toml", title="One of many")
    shared.cells[0].source = "# {title}\n\nSome words."
    shared.cells[1].source = "stem = 'none'  # the folder"
    shared.cells[2].source = "print('of', stem)"
    project.write("series", shared)
    project.write("own2001", simple(kind="paper"))
    for stem, order in (("late2000", 9), ("early2001", 8), ("own2001", 1)):
        about = f'title = "Title of {stem}"\ndisease = "rare sarcoma"\norder = {order}\n'
        project.file(f"data/{stem}/paper.toml", about)
    return project


def test_one_notebook_serves_every_folder_without_its_own(project):
    assert sorted(status(project.root)) == ["early2001", "late2000", "own2001"]


def test_the_index_has_its_subject_from_data(project):
    write_index(project.root)
    index = (project.root / "reports" / "index.html").read_text(encoding="utf-8")
    assert "<h1>Rare sarcoma, number by number</h1>" in index
    assert "leiomyosarcoma" not in index


@pytest.mark.slow
def test_a_shared_notebook_is_rendered_with_what_the_data_say(project):
    outcome = build(project.root, kind="series")
    assert sorted(outcome.built) == ["early2001", "late2000"], outcome.failed
    page = (project.root / "reports" / "late2000.html").read_text(encoding="utf-8")
    assert "Title of late2000</h1>" in page
    assert "of late2000" in page
    index = (project.root / "reports" / "index.html").read_text(encoding="utf-8")
    assert index.index("Title of early2001") < index.index("Title of late2000")
    assert not status(project.root)["late2000"]
    project.file("data/late2000/paper.toml", 'title = "Another"\ndisease = "rare sarcoma"\n')
    assert status(project.root)["late2000"] == ["data/late2000/paper.toml changed"]
