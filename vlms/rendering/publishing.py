"""Put finished files in place, all whole, and say what they were made with."""

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

_PACKAGES = (
    "dask distributed duckdb firthmodels joblib lifelines matplotlib numpy pandas papermill"
    " nbconvert pyarrow scipy seaborn statsmodels"
).split()


# There is no way to ask for the mask but to set it; done once, before any thread is there.
_UMASK = os.umask(0)
os.umask(_UMASK)


class PublishingError(RuntimeError):
    """Files that could not be written."""


def publish(files, folder):
    """Write files beside their targets, force them to disk, then move all into place.

    Parameters
    ----------
    files : dict of str to bytes
        Path inside the folder → content.
    folder : path-like

    Raises
    ------
    PublishingError
        When the disk is full or the folder cannot be written; nothing was replaced then.
    """
    folder, written = Path(folder), []
    try:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
            written.append((beside, target))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o666 & ~_UMASK)
                os.fsync(file.fileno())
        for beside, target in written:
            Path(beside).replace(target)
    except OSError as error:
        raise PublishingError(
            f"Cannot write to {folder}: {error.strerror or error}. The last good reports are"
            " unchanged; make room or make the folder writable, then build again."
        ) from error
    finally:
        for beside, _ in written:
            with contextlib.suppress(OSError):
                Path(beside).unlink()


def commit(root):
    """The commit that the project stands at, for a colophon.

    Parameters
    ----------
    root : path-like

    Returns
    -------
    str
        Twelve digits and the date of the commit, whether sources differ from it, or
        ``"not under version control"``.
    """
    log = git_output(root, "log", "-1", "--format=%H %cs")
    if not log:
        return "not under version control"
    digits, date = log.split()
    sources = ["data", "notebooks", "vlms", "requirements.lock"]
    changed = git_output(root, "status", "--porcelain", "--", *sources)
    return f"{digits[:12]} of {date}" + (" with uncommitted changes" if changed else "")


def versions():
    """Versions of Python, of vlms with its commit, and of the packages that this process imported.

    Only packages that a number may depend on are named.
    """
    root = Path(__file__).resolve().parents[2]
    found = {"Python": platform.python_version()}
    found["vlms"] = f"{_own_version(root)} (commit {commit(root)})"
    for name in (name for name in _PACKAGES if name in sys.modules):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _own_version(root):
    """The version that the project's own file gives, or that of the installed package."""
    with contextlib.suppress(OSError, AttributeError):
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
        return re.search(r'^version = "(.+)"', text, re.MULTILINE)[1]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("vlms")
    return "of unknown version"


def built_line(seconds=None):
    """The one line of a page that differs between two builds of the same sources."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Built on {now}." if seconds is None else f"Built on {now} in {seconds:.1f} s."


def sha256(content):
    """SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def git_output(root, *arguments):
    """What git prints, or nothing where there is no git, no repository or no commit.

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
            ["git", *arguments], cwd=root, capture_output=True, encoding="utf-8", timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
