"""What make does with what is typed behind it."""

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
