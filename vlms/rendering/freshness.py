"""What is stale, decided by content: what a report was made from, and whether that still holds.

A report depends on its notebook, its parameters, the data folders that it names, the modules of
the package that it imports (and those that they import), the page template, the locked packages
and the version of Python. The build writes their SHA-256, and those of what it published, to
``reports/.cache/<report>.json``; a report is fresh while all of them are as they were.
"""

import hashlib
import json
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

CACHE = Path("reports/.cache")
CHECKSUMS = CACHE / "checksums"
SOURCES = ("data", "notebooks", "vlms", "requirements.lock", "reports")

RECORD = set(
    "stem notebook parameters python inputs outputs title kind order description card claims"
    " commit seconds".split()
)

_PACKAGE = "vlms"
_RENDERS = ("render",)
_MODULE = re.compile(rf"\b{_PACKAGE}((?:\.[a-z_]+)+)")


@dataclass(frozen=True)
class Plan:
    """One report that is to be there: a notebook under some parameters.

    Attributes
    ----------
    stem : str
        Name of the report's files.
    notebook : str
        Path from the root.
    parameters : dict
    data : tuple of str
        Paths from the root of the data folders or files that the notebook reads.
    kind : str
        paper, overview, lesson or cohort.
    """

    stem: str
    notebook: str
    parameters: dict = field(default_factory=dict)
    data: tuple = ()
    kind: str = "report"


def plan_reports(root):
    """Find the notebooks and what each makes.

    Parameters
    ----------
    root : path-like
        The project's folder.

    Returns
    -------
    list of Plan
        ``notebooks/*.ipynb``, then ``notebooks/lessons/*.ipynb``, each in alphabetical order.
    """
    root = Path(root)
    folder = root / "notebooks"
    notebooks = [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("lessons/*.ipynb"))]
    plans = []
    for path in notebooks:
        about = _metadata(path)
        folders = about.get("data", [path.stem])
        plans.append(
            Plan(
                stem=about.get("stem")
                or ("cohort-example" if path.stem == "cohort" else path.stem),
                notebook=path.relative_to(root).as_posix(),
                kind=about.get("kind", "lesson" if path.parent != folder else "report"),
                data=tuple(f"data/{name}" for name in folders if (root / "data" / name).exists()),
            )
        )
    return plans


def inputs_of(plan, root, hashes):
    """What a report is made from.

    Parameters
    ----------
    plan : Plan
    root : path-like
    hashes : dict of str to str
        As `hash_files` gives them.

    Returns
    -------
    dict of str to str
        Path from the root → SHA-256, in the order of the paths.
    """
    modules = _modules(plan, hashes, Path(root))
    template = f"{_PACKAGE}/rendering/template/"
    chosen = {
        path: digest
        for path, digest in hashes.items()
        if path in (plan.notebook, "requirements.lock")
        or path in modules
        or path.startswith(template)
        or any(path == source or path.startswith(f"{source}/") for source in plan.data)
    }
    return dict(sorted(chosen.items()))


def reasons_to_build(plan, inputs, hashes, root):
    """Why a report is stale.

    Parameters
    ----------
    plan : Plan
    inputs : dict of str to str
        As `inputs_of` gives them.
    hashes : dict of str to str
        As `hash_files` gives them, what is published included.
    root : path-like

    Returns
    -------
    list of str
        Empty when the report is fresh.
    """
    record = read_record(plan.stem, root)
    if record is None:
        return ["never built"]
    reasons = []
    if record["parameters"] != plan.parameters:
        reasons.append("parameters changed")
    if record["python"] != platform.python_version():
        reasons.append(f"Python was {record['python']}, is {platform.python_version()}")
    was = record["inputs"]
    reasons += [f"{path} is new" for path in inputs if path not in was]
    reasons += [f"{path} is gone" for path in was if path not in inputs]
    reasons += [f"{path} changed" for path in inputs if was.get(path, inputs[path]) != inputs[path]]
    for path, digest in record["outputs"].items():
        if path not in hashes:
            reasons.append(f"{path} is missing")
        elif hashes[path] != digest:
            reasons.append(f"{path} is not as it was built")
    return reasons


def read_record(stem, root):
    """Read what the last build wrote of a report.

    Returns
    -------
    dict or None
        None when there is none, or it cannot be read.
    """
    try:
        record = json.loads((Path(root) / CACHE / f"{stem}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.keys() >= RECORD else None


def hash_files(root, *, sources=SOURCES):
    """SHA-256 of every file that the reports are made from, and of all that is published.

    Parameters
    ----------
    root : path-like
    sources : iterable of str
        Files and folders under the root.

    Returns
    -------
    dict of str to str
        Path from the root → SHA-256.
    """
    root, hashes = Path(root), {}
    for source in sources:
        start = root / source
        found = [start] if start.is_file() else sorted(start.rglob("*"))
        for path in found:
            name = path.relative_to(root).as_posix()
            parts = path.relative_to(root).parts
            if "__pycache__" in parts or any(part.startswith(".") for part in parts):
                continue
            if path.is_file() and not path.is_symlink():
                hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


def checksum_lines(hashes):
    """The hashes as ``sha256sum`` prints them, sorted as ``LC_ALL=C sort`` sorts them.

    Examples
    --------
    >>> checksum_lines({"b": "1f", "a": "2e"})
    '1f  b\\n2e  a\\n'
    """
    lines = sorted(f"{digest}  {path}\n".encode() for path, digest in hashes.items())
    return b"".join(lines).decode()


def _modules(plan, hashes, root):
    """Files of the modules that the notebook imports, that they import, and that make the page."""
    wanted = [*_RENDERS, *_named_modules(root / plan.notebook)]
    found = {f"{_PACKAGE}/__init__.py"}
    while wanted:
        name = wanted.pop()
        for path in (f"{_PACKAGE}/{name}.py", f"{_PACKAGE}/{name}/__init__.py"):
            if path in hashes and path not in found:
                found.add(path)
                wanted += _named_modules(root / path)
    return found


def _named_modules(path):
    """Every module of the package that a file speaks of: at times too many, never too few.

    Whoever speaks of a module within a folder runs that folder's ``__init__`` as well.
    """
    named = set()
    for dotted in _MODULE.findall(path.read_text(encoding="utf-8", errors="replace")):
        parts = dotted.split(".")[1:]
        named |= {"/".join(parts[: k + 1]) for k in range(len(parts))}
    return named


def _metadata(path):
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return dict(notebook["metadata"].get("vlms", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # the render says what is wrong with the notebook
