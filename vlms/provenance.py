"""What a number was made with: environment, commit, and the packages that the run imported.

A page's kernel is forked from a process that has imported what any report needs, so that
``sys.modules`` there says nothing of one report. `record_imports` therefore notes every import
statement that a notebook or this package runs; `versions` adds what those modules import when
they are loaded.
"""

import builtins
import contextlib
import importlib.metadata
import os
import platform
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

# Where data/ and notebooks/ are: the project's folder in a clone, else the installed package.
PROJECT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else PACKAGE

# Under these a notebook gives the same bytes every time: UTF-8, one thread for each library of
# linear algebra (kernels run side by side, and the order of a threaded sum varies), no window.
FIXED_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "",
    "PYTHONNOUSERSITE": "1",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "TZ": "UTC",
}

_SHOW_ONLY = {"IPython", "ipykernel"}  # no number comes from them
_AT_THE_MARGIN = re.compile(r"^(?:import|from) ([\w.]+)", re.MULTILINE)
_recorded = None


def versions():
    """Versions of Python, of vlms with its commit, and of the packages that the run imported.

    Returns
    -------
    dict of str to str
        Name → version, the packages in alphabetical order. Where `record_imports` was not called,
        as in JupyterLab, a package counts as imported when this process has loaded it and vlms
        declares that it needs it.

    Examples
    --------
    >>> list(versions())[:2]
    ['Python', 'vlms']
    """
    project = PACKAGE.parent
    found = {"Python": platform.python_version(), "vlms": _own_version(project)}
    if (project / ".git").exists():
        found["vlms"] += f" (commit {commit(project)})"
    names = _declared() & sys.modules.keys() if _recorded is None else _reached(_recorded)
    for name in sorted(names - _SHOW_ONLY - {"vlms"} - sys.stdlib_module_names, key=str.lower):
        if number := _version(name):
            found[name] = number
    return found


def record_imports():
    """From now on note what notebooks and this package import; a kernel calls it as it starts."""
    global _recorded
    _recorded, plain = set(), builtins.__import__

    def import_and_note(name, globals=None, locals=None, fromlist=(), level=0):
        if ((globals or {}).get("__name__") or "").partition(".")[0] in ("__main__", "vlms"):
            _recorded.add(name)
            if name == "vlms":
                _recorded.update(f"vlms.{part}" for part in fromlist or ())
        return plain(name, globals, locals, fromlist, level)

    builtins.__import__ = import_and_note


def sealed_environment():
    """The environment in which neither a user's settings nor a user's start-up files reach Python.

    Returns
    -------
    dict of str to str
    """
    project = PACKAGE.parent
    ours = [PACKAGE / "pages" / "start", *[project] * (project.name != "site-packages")]
    paths = [*map(str, ours), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    paths = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    return {**os.environ, **FIXED_ENVIRONMENT, "PYTHONPATH": paths}


@contextlib.contextmanager
def locked(path):
    """Hold a lock that one process has at a time, on any system; the system drops it at its end.

    Parameters
    ----------
    path : path-like
        A file for this purpose alone; it is made where it is not there.

    Raises
    ------
    BlockingIOError
        When another process holds the lock.
    OSError
        When the file cannot be made or is of another kind.
    """
    try:  # a database knows how each system locks a file
        database = sqlite3.connect(path, timeout=0, isolation_level=None)
        with contextlib.closing(database):
            database.execute("BEGIN EXCLUSIVE")
            yield
    except sqlite3.Error as error:
        kind = BlockingIOError if "locked" in str(error) else OSError
        raise kind(f"{path}: {error}") from error


def commit(root):
    """The commit that a project stands at.

    Parameters
    ----------
    root : path-like
        The project's folder.

    Returns
    -------
    str
        Twelve digits and the date of the commit, whether sources differ from it, or
        ``"not under version control"``.
    """
    log = (Path(root) / ".git").exists() and git_output(root, "log", "-1", "--format=%H %cs")
    if not log:  # a repository around the project's folder is somebody else's
        return "not under version control"
    digits, date = log.split()
    sources = ["data", "notebooks", "vlms", "requirements.lock"]
    changed = git_output(root, "status", "--porcelain", "--", *sources)
    return f"{digits[:12]} of {date}" + (" with uncommitted changes" if changed else "")


def git_output(root, *arguments):
    """What git prints, or nothing where there is no git, no repository or no such commit.

    Parameters
    ----------
    root : path-like
        Where it runs.
    *arguments : str

    Returns
    -------
    str
    """
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=root,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            encoding="utf-8",
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _reached(names):
    """Top-level packages of these modules, and of what ours among them import when loaded."""
    found, wanted = set(), set(names)
    while wanted:
        name = wanted.pop()
        found.add(name)
        parts = name.split(".")
        if parts[0] == "vlms":
            wanted |= {".".join(parts[:k]) for k in range(1, len(parts))} - found
            for path in (PACKAGE.joinpath(*parts[1:], "__init__.py"),
                         PACKAGE.joinpath(*parts[1:]).with_suffix(".py")):  # fmt: skip
                if path.is_file():
                    wanted |= {*_AT_THE_MARGIN.findall(path.read_text(encoding="utf-8"))} - found
    return {name.partition(".")[0] for name in found}


def _declared():
    """Packages that vlms needs, by the name that is imported."""
    try:
        needed = importlib.metadata.requires("vlms") or []
    except importlib.metadata.PackageNotFoundError:
        return set()
    return {
        re.match(r"[\w-]+", text)[0].replace("-", "_") for text in needed if "extra" not in text
    }


def _version(name):
    """The version of an imported package, found under its own name or that of its distribution."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        distributions = importlib.metadata.packages_distributions().get(name)
        return importlib.metadata.version(distributions[0]) if distributions else None


def _own_version(project):
    """The version that the project's own file gives, else that of the installed package."""
    declared = project / "pyproject.toml"
    if declared.is_file():
        return re.search(r'^version = "(.+)"', declared.read_text("utf-8"), re.MULTILINE)[1]
    return _version("vlms") or "of unknown version"
