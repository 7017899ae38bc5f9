"""Does it come out the same? Every report made again from the last commit, in an empty folder.

The commit is cloned, so that no cache, no report and no uncommitted change is there; everything is
built, and each published file is compared byte for byte with the one that stands in ``reports/``.
A page may differ in when it was built, how long that took, and which commit it names.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from vlms.pages.build import CACHE, publish
from vlms.printed import VERDICTS
from vlms.provenance import commit, git_output

_WHEN = re.compile(
    rb"Built on \d{4}-\d\d-\d\d \d\d:\d\d UTC( in [\d.]+ s)?\."
    rb"|\b[0-9a-f]{12} of \d{4}-\d\d-\d\d( with uncommitted changes)?"
)


class CertificateError(RuntimeError):
    """A certificate that cannot be made; the message says why."""


def certify(root="."):
    """Make every report again in a clean clone, and write what agreed: ``reports/certificate.md``.

    Parameters
    ----------
    root : path-like
        The project's folder, with its reports.

    Returns
    -------
    list of str
        Files that differ, or that one side lacks; none when everything agreed.

    Raises
    ------
    CertificateError
        When there is no commit, or the clone cannot be built.
    """
    root, started = Path(root).resolve(), datetime.now(UTC)
    if not git_output(root, "rev-parse", "--verify", "HEAD"):
        raise CertificateError(f"{root} is not under version control: there is nothing to clone.")
    with tempfile.TemporaryDirectory(prefix="vlms-") as folder:
        clone = Path(folder) / "clone"
        copy = ["git", "clone", "--quiet", "--no-hardlinks", str(root), str(clone)]
        build = [sys.executable, "-m", "vlms", "build"]
        paths = [str(clone), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        for command, place in ((copy, root), (build, clone)):
            done = subprocess.run(
                command, cwd=place, env=environment, capture_output=True, encoding="utf-8"
            )
            if done.returncode:
                said = (done.stdout + done.stderr).replace(folder, "")
                raise CertificateError(f"`{command[0]} {command[-1]}` failed:\n{said}")
        ours, again = _digests(root), _digests(clone)
        records = [json.loads(path.read_bytes()) for path in sorted(clone.glob(f"{CACHE}/*.json"))]
    different = sorted(name for name in ours | again if ours.get(name) != again.get(name))
    text = _as_text(root, started, records, ours, again, different)
    publish({"certificate.md": text.encode()}, root / "reports")
    return different


def _digests(root):
    """SHA-256 of each published file, without the time and the commit that a page names."""
    names = {"reports/verdicts.csv"}  # the index lists own cohorts and the certificate, too
    for path in root.glob(f"{CACHE}/*.json"):
        names |= json.loads(path.read_bytes())["outputs"].keys()
    return {
        name: hashlib.sha256(_WHEN.sub(b"", (root / name).read_bytes())).hexdigest()
        for name in sorted(names)
        if (root / name).is_file()
    }


def _as_text(root, started, records, ours, again, different):
    """The certificate as Markdown."""
    agreed = len(ours | again) - len(different)
    minutes = (datetime.now(UTC) - started).total_seconds() / 60
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = [re.match(r"[\w-]+", text)[0] for text in project["dependencies"]]
    versions = ", ".join(f"{each} {importlib.metadata.version(each)}" for each in sorted(packages))
    lines = [
        "# Certificate of reproduction",
        "",
        f"**{agreed} of {len(ours | again)} published files came out the same, byte for byte**"
        " (of a page, all but when it was built, and from which commit).",
        "",
        f"- Commit: {commit(root)}",
        f"- When: {started:%Y-%m-%d %H:%M} UTC, in {minutes:.1f} minutes",
        "- How: the commit was cloned into an empty folder and `vlms build` was run there",
        f"- System: {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        f"- Packages: {versions}",
        "",
        "A file that agrees was computed twice on one machine. That it also agrees elsewhere is for"
        " others to say: run `make reports certificate` and compare the check sums below.",
        "",
        "| ledger | claims | " + " | ".join(VERDICTS) + " |",
        "|---" * (2 + len(VERDICTS)) + "|",
    ]
    for record in records:
        if verdicts := [claim["verdict"] for claim in record["claims"]]:
            counts = " | ".join(str(verdicts.count(verdict)) for verdict in VERDICTS)
            lines.append(f"| {record['stem']} | {len(verdicts)} | {counts} |")
    head = "SHA-256 of what was made again, without time and commit (first 16 digits)"
    lines += ["", f"| file | {head} | |", "|---|---|---|"]
    for name in sorted(ours | again):
        where = "" if name in ours else " (not published)"
        state = f"**differs**{where}" if name in different else "same"
        lines.append(f"| {name} | `{again.get(name, 'not made')[:16]}` | {state} |")
    return "\n".join(lines) + "\n"
