"""`vlms diff`: what changed since a commit is said claim by claim and cell by cell."""

import subprocess

import pytest
from report_project import Project, code, notebook, prose

from vlms.pages import compare_folders

LEDGER = "id,printed,recomputed,verdict,assuming,against\n"


@pytest.mark.parametrize(
    ("name", "old", "new", "changes"),
    [
        (
            "a_verdicts.csv",
            LEDGER + "a,12,12,reproduced,,\n",
            LEDGER + "b,7,6,contradicted,,a\n",
            ["a: claim is gone", "b: new claim, contradicted"],
        ),
        (
            "a_verdicts.csv",
            LEDGER + "a,57%,57.1%,reproduced,,\n",
            LEDGER + "a,57%,58.3%,contradicted,,b\n",
            ["a: verdict reproduced → contradicted, recomputed 57.1% → 58.3%, against none → b"],
        ),
        ("t.csv", "t,s\n1,0.3\n", "t,s\n1,0.30000000000000004\n", []),  # rounding noise
        ("t.csv", "t,s\n1,2\n", "t,s\n1,2.001\n", ["row 1 (t 1): s 2 → 2.001"]),
        ("t.csv", "t,s\n1,2\n", "t,u\n1,2\n", ["columns t, s → t, u"]),
        ("t.csv", "t\n1\n", "t\n1\n2\n", ["1 rows → 2 rows"]),
        ("t.csv", "t\n1\n", None, ["is gone"]),
        ("t.csv", None, "t\n1\n", ["is new"]),
    ],
)
def test_a_change_is_named(tmp_path, name, old, new, changes):
    for side, text in (("old", old), ("new", new)):
        (tmp_path / side).mkdir()
        if text is not None:
            (tmp_path / side / name).write_text(text, encoding="utf-8")
    found = compare_folders(tmp_path / "old", tmp_path / "new")
    assert found == ({name: changes} if changes else {})


@pytest.mark.slow
def test_an_earlier_commit_is_built_and_compared(tmp_path):
    project = Project(tmp_path / "project")

    def write(survival):
        table = f"frame = pd.DataFrame({{'month': [12, 36], 'survival': [0.9, {survival}]}})"
        shown = "show_table(frame, label='tbl-km', caption='Survival.')"
        imports = "import pandas as pd\nfrom vlms.showing import show_table"
        cells = [prose("# Paper"), code(f"{imports}\n{table}\n{shown}")]
        project.write("paper", notebook(*cells))

    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=project.root, check=True)

    write(0.57)
    git("init", "-q")
    git("add", "notebooks")
    git("commit", "-q", "-m", "first")
    write(0.6)
    assert project.run("build").returncode == 0
    done = project.run("diff", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "paper/tbl-km.csv:",
        "  row 2 (month 36): survival 0.57 → 0.6",
        "Changes since HEAD: 1, files that differ: 1.",
    ]
    assert "with uncommitted changes" in project.report("paper")
    assert "'nonsense' is no commit" in project.run("diff", "nonsense").stderr
    project.write("later", notebook(prose("# Later"), code("1")))
    done = project.run("diff", "HEAD")
    assert done.returncode == 1
    assert "Not up to date: later" in done.stderr
