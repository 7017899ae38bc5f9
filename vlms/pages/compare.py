"""What changed since an earlier commit: verdicts, recomputed values and tables of the reports.

The earlier commit is unpacked into a temporary folder and its reports are built there, with the
packages installed now; then the CSV files of both builds are compared, cell by cell.
"""

import csv
import io
import math
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from vlms.provenance import git_output

_OF_A_CLAIM = ("verdict", "printed", "recomputed", "assuming", "against")


class CompareError(RuntimeError):
    """An earlier commit that is not there, or cannot be built."""


def compare_with(base, root="."):
    """Build the reports of an earlier commit; return how the files of now differ, file → changes.

    Raises
    ------
    CompareError
        When there is no such commit, or its reports cannot be built.
    """
    root = Path(root).resolve()
    commit = git_output(root, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}")
    if not commit:
        raise CompareError(f"{base!r} is no commit of {root}; `git log` lists them.")
    with tempfile.TemporaryDirectory(prefix="vlms-diff-") as folder:
        archive = ["git", "archive", "--format=tar", commit]
        packed = subprocess.run(archive, cwd=root, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(folder, filter="data")
        if not (Path(folder) / "notebooks").is_dir():
            raise CompareError(f"{commit[:12]} has no notebooks to build.")
        build = [sys.executable, "-m", "vlms", "build"]
        with_its_own = {"cwd": folder, "env": {**os.environ, "PYTHONPATH": folder}}
        done = subprocess.run(build, **with_its_own, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise CompareError(
                f"The reports of {commit[:12]} cannot be built with the packages that are"
                f" installed now:\n{done.stdout}{done.stderr}"
            )
        return compare_folders(Path(folder) / "reports", root / "reports")


def compare_folders(old, new):
    """Compare all CSV files of two reports folders: file → its changes, where it differs."""
    names = {
        path.relative_to(side).as_posix()
        for side in (old, new)
        for path in side.rglob("*.csv")
        if ".cache" not in path.parts
    }
    changes = {}
    for name in sorted(names):
        if not (old / name).exists():
            changes[name] = ["is new"]
        elif not (new / name).exists():
            changes[name] = ["is gone"]
        else:
            texts = ((side / name).read_bytes().decode() for side in (old, new))
            was, now = (list(csv.DictReader(io.StringIO(text, newline=""))) for text in texts)
            is_ledger = name.endswith("_verdicts.csv")
            changes[name] = list((_claims if is_ledger else _table)(was, now))
    return {name: found for name, found in changes.items() if found}


def _claims(old, new):
    """Yield which claims came, went, or changed in verdict, printed or recomputed value."""
    before, after = ({row["id"]: row for row in rows} for rows in (old, new))
    yield from (f"{name}: claim is gone" for name in before if name not in after)
    for name, row in after.items():
        if name not in before:
            yield f"{name}: new claim, {row['verdict']}"
        elif cells := _cells(before[name], row, _OF_A_CLAIM):
            yield f"{name}: {cells}"


def _table(old, new):
    """Yield which cells of a table changed, row by row."""
    columns = [list(rows[0]) if rows else [] for rows in (old, new)]
    if columns[0] != columns[1]:
        yield f"columns {', '.join(columns[0])} → {', '.join(columns[1])}"
        return
    if len(old) != len(new):
        yield f"{len(old)} rows → {len(new)} rows"
    for number, (was, now) in enumerate(zip(old, new, strict=False), start=1):
        if cells := _cells(was, now, columns[0]):
            key = columns[0][0]
            yield f"row {number} ({key} {was[key]}): {cells}"


def _cells(was, now, columns):
    """Say which of these columns differ; numbers that differ by rounding noise do not."""
    return ", ".join(
        f"{column} {was.get(column) or 'none'} → {now.get(column) or 'none'}"
        for column in columns
        if not _same(was.get(column), now.get(column))
    )


def _same(was, now):
    try:
        return was == now or math.isclose(float(was), float(now), rel_tol=1e-9, abs_tol=1e-12)
    except (TypeError, ValueError):
        return False
