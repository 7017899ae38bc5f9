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

from vlms.rendering.publishing import git_output

_VERDICTS = "_verdicts.csv"


class CompareError(RuntimeError):
    """An earlier commit that is not there, or cannot be built."""


def compare_with(base, root="."):
    """Build the reports of an earlier commit and compare their verdicts and tables with now.

    Parameters
    ----------
    base : str
        A commit, as git names it.
    root : path-like
        The project's folder; its own reports must be built.

    Returns
    -------
    dict of str to list of str
        File → its changes; only files that differ.

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
        _unpack(commit, root, folder)
        if not (Path(folder) / "notebooks").is_dir():
            raise CompareError(f"{commit[:12]} has no notebooks to build.")
        environment = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(
            [sys.executable, "-m", "vlms", "build"],
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            raise CompareError(
                f"The reports of {commit[:12]} cannot be built with the packages that are"
                f" installed now:\n{done.stdout}{done.stderr}"
            )
        return compare_folders(Path(folder) / "reports", root / "reports")


def compare_folders(old, new):
    """Compare all CSV files of two reports folders.

    Parameters
    ----------
    old, new : pathlib.Path

    Returns
    -------
    dict of str to list of str
        File → its changes; only files that differ.
    """
    names = sorted({name for side in (old, new) for name in _tables(side)})
    changes = {}
    for name in names:
        if not (old / name).exists():
            changes[name] = ["is new"]
        elif not (new / name).exists():
            changes[name] = ["is gone"]
        else:
            texts = [(side / name).read_text(encoding="utf-8") for side in (old, new)]
            compare = compare_verdicts if name.endswith(_VERDICTS) else compare_tables
            changes[name] = compare(*texts)
    return {name: found for name, found in changes.items() if found}


def compare_verdicts(old, new):
    """Say which claims came, went, or changed in verdict, printed or recomputed value.

    Parameters
    ----------
    old, new : str
        Ledgers as CSV.

    Returns
    -------
    list of str

    Examples
    --------
    >>> header = "id,printed,recomputed,verdict"
    >>> compare_verdicts(f"{header}\\na,57%,56.7%,reproduced", f"{header}\\na,57%,56.4%,rounding")
    ['a: verdict reproduced → rounding, recomputed 56.7% → 56.4%']
    """
    before, after = ({row["id"]: row for row in _rows(text)} for text in (old, new))
    changes = [f"{name}: claim is gone" for name in before if name not in after]
    for name, row in after.items():
        if name not in before:
            changes.append(f"{name}: new claim, {row['verdict']}")
            continue
        cells = [
            f"{column} {before[name].get(column) or 'none'} → {row.get(column) or 'none'}"
            for column in ("verdict", "printed", "recomputed", "assuming", "against")
            if not _same(before[name].get(column), row.get(column))
        ]
        if cells:
            changes.append(f"{name}: {', '.join(cells)}")
    return changes


def compare_tables(old, new):
    """Say which cells of a table changed; numbers that differ by rounding noise did not.

    Parameters
    ----------
    old, new : str
        Tables as CSV.

    Returns
    -------
    list of str

    Examples
    --------
    >>> compare_tables("time,survival\\n12,0.75", "time,survival\\n12,0.7500000000000001")
    []
    >>> compare_tables("time,survival\\n12,0.75", "time,survival\\n12,0.8")
    ['row 1 (time 12): survival 0.75 → 0.8']
    """
    before, after = _rows(old), _rows(new)
    columns = [list(rows[0]) if rows else [] for rows in (before, after)]
    if columns[0] != columns[1]:
        return [f"columns {', '.join(columns[0])} → {', '.join(columns[1])}"]
    changes = []
    if len(before) != len(after):
        changes.append(f"{len(before)} rows → {len(after)} rows")
    for number, (was, now) in enumerate(zip(before, after, strict=False), start=1):
        cells = [
            f"{column} {was[column] or 'none'} → {now[column] or 'none'}"
            for column in columns[0]
            if not _same(was[column], now[column])
        ]
        if cells:
            key = columns[0][0]
            changes.append(f"row {number} ({key} {was[key]}): {', '.join(cells)}")
    return changes


def _unpack(commit, root, folder):
    """Put the files of a commit into a folder; git itself is not told of it."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=root, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")


def _tables(folder):
    found = [path.relative_to(folder) for path in folder.rglob("*.csv")]
    return [path.as_posix() for path in found if ".cache" not in path.parts]


def _rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def _same(was, now):
    if was == now:
        return True
    try:
        return math.isclose(float(was), float(now), rel_tol=1e-9, abs_tol=1e-12)
    except (TypeError, ValueError):
        return False
