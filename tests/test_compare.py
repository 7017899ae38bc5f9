"""What changed between two builds is said claim by claim and cell by cell."""

import subprocess

import pytest
from report_project import Project, code, notebook, prose

from vlms.rendering.compare import (
    CompareError,
    compare_folders,
    compare_tables,
    compare_verdicts,
    compare_with,
)

LEDGER = "id,printed,recomputed,verdict,assuming,against\n"


def test_a_claim_that_came_and_one_that_went_are_named():
    old, new = LEDGER + "a,12,12,reproduced,,\n", LEDGER + "b,7,6,contradicted,,a\n"
    assert compare_verdicts(old, new) == ["a: claim is gone", "b: new claim, contradicted"]


def test_a_changed_verdict_is_shown_with_both_sides():
    old, new = LEDGER + "a,57%,57.1%,reproduced,,\n", LEDGER + "a,57%,58.3%,contradicted,,b\n"
    assert compare_verdicts(old, new) == [
        "a: verdict reproduced → contradicted, recomputed 57.1% → 58.3%, against none → b"
    ]


def test_rounding_noise_is_no_change():
    assert compare_tables("t,s\n1,0.3\n", "t,s\n1,0.30000000000000004\n") == []


def test_rows_and_columns_that_changed_are_counted():
    assert compare_tables("t,s\n1,2\n", "t,u\n1,2\n") == ["columns t, s → t, u"]
    assert compare_tables("t\n1\n", "t\n1\n2\n") == ["1 rows → 2 rows"]


def test_files_that_came_and_went_are_named(tmp_path):
    for side, name in (("old", "a.csv"), ("new", "b.csv")):
        (tmp_path / side).mkdir()
        (tmp_path / side / name).write_text("x\n1\n", encoding="utf-8")
    found = compare_folders(tmp_path / "old", tmp_path / "new")
    assert found == {"a.csv": ["is gone"], "b.csv": ["is new"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of one commit, and a later state of its notebook, built."""
    project = Project(tmp_path_factory.mktemp("compare") / "project")

    def report(survival):
        frame = f"frame = pd.DataFrame({{'month': [12, 36], 'survival': [0.9, {survival}]}})"
        project.write("paper", notebook(
            prose("# Paper"),
            code("import pandas as pd\nfrom vlms.presentation import show_table"),
            code(f"{frame}\nshow_table(frame, label='tbl-km', caption='Survival.')"),
        ))  # fmt: skip

    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=project.root, check=True)

    report(0.57)
    git("init", "-q")
    git("add", "notebooks")
    git("commit", "-q", "-m", "first")
    report(0.6)
    assert project.run("build").returncode == 0
    return project


def test_an_earlier_commit_is_built_and_compared(project):
    done = project.run("diff", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "paper/tbl-km.csv:" in done.stdout
    assert "row 2 (month 36): survival 0.57 → 0.6" in done.stdout
    assert "Changes since HEAD: 1, files that differ: 1." in done.stdout


def test_the_colophon_says_that_sources_differ_from_the_commit(project):
    assert "with uncommitted changes" in project.report("paper")


def test_a_commit_that_is_not_there_is_refused(project):
    with pytest.raises(CompareError, match="'nonsense' is no commit"):
        compare_with("nonsense", project.root)


def test_stale_reports_are_not_compared(project):
    project.write("later", notebook(prose("# Later"), code("1")))
    done = project.run("diff", "HEAD")
    assert done.returncode == 1
    assert "Not up to date: later" in done.stderr
