"""What make does with what is typed behind it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("how", ["argument", "environment"])
@pytest.mark.parametrize(
    "name",
    [
        "$(shell touch X).csv",
        "${shell touch X}.csv",
        "$$(touch X).csv",
        "`touch X`.csv",
        "a; touch X; .csv",
        'my "own" cohort\'s $HOME.csv',
        "-n # 100 % \\ {a,b} *.csv",
        "Würzburg=1.csv",
    ],
)
def test_the_name_of_a_cohort_reaches_its_command_as_it_was_typed(tmp_path, name, how):
    (tmp_path / name).touch()
    python = tmp_path / "python"  # in Python's place: says what it got, and whether it is a file
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nfor file; do :; done\n[ -f "$file" ]\n')
    python.chmod(0o755)
    typed, environment = ([f"COHORT={name}"], {}) if how == "argument" else ([], {"COHORT": name})
    done = subprocess.run(
        ["make", "-f", MAKEFILE, "cohort", f"PYTHON={python}", *typed],
        cwd=tmp_path,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == ["-m", "vlms", "report", "--", name]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "python"])


@pytest.fixture
def run_make(tmp_path):
    """Run make in a folder of that name, with a shell script in Python's place, or none."""

    def run(*typed, folder="project", python=True, **environment):
        place = tmp_path / folder
        place.mkdir()
        for name in ("requirements.lock", "pyproject.toml"):
            (place / name).touch()
        script = tmp_path / "python"
        script.write_text('#!/bin/sh\necho "$HOME" "$@"\n')
        script.chmod(0o755)
        command = ["make", "-f", MAKEFILE, *typed, *[f"PYTHON={script}"] * python]
        paths = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), **environment}
        return subprocess.run(command, cwd=place, env=paths, capture_output=True, encoding="utf-8")

    return run


START = "--LabApp.default_url=/lab/tree/lessons"


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_runs_jupyterlab_for_root_and_where_home_cannot_be_written(run_make, tmp_path):
    done = run_make("lab", HOME="/proc/none")
    as_root = ["--allow-root"] * (os.geteuid() == 0)
    home = str(tmp_path / "project/.venv/home")
    assert done.stdout.split() == [home, "-m", "jupyterlab", *as_root, "notebooks", START]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(("typed", "option"), [([], []), (["STRICT=1"], ["--strict"])])
def test_make_builds_reports_and_may_refuse_warnings(run_make, tmp_path, typed, option):
    said = run_make("reports", *typed, folder="ü {b} 'q' \"p\" $x").stdout
    assert said.split() == [str(tmp_path), "-m", "vlms", "build", *option]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_set_up_says_in_a_line_where_it_cannot_be(run_make):
    done = run_make("-j4", "reports", "status", folder="a:b", python=False)
    assert done.returncode == 2
    why, _ = done.stderr.splitlines()
    assert why == "This folder's path has a colon, which no search path can hold: move the project."
