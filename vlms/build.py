"""Build all reports in one process: what is stale, in parallel workers, then the index.

Only this process writes, and only whole reports, so whatever happens to a worker the last good
report stays. A lock keeps two builds apart; the system drops it when the process ends, however it
ends.
"""

import contextlib
import fcntl
import html
import json
import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

from vlms.rendering.freshness import (
    CACHE,
    CHECKSUMS,
    checksum_lines,
    hash_files,
    inputs_of,
    plan_reports,
    read_record,
    reasons_to_build,
)
from vlms.rendering.publishing import PublishingError, built_line, commit, publish, sha256

_BUILT = "Built on 0000-00-00 00:00 UTC."
_BUILT_LINE = re.compile(r"Built on \d{4}-\d\d-\d\d \d\d:\d\d UTC\.")


class BuildError(RuntimeError):
    """A build that could not begin."""


@dataclass
class Outcome:
    """What a build did.

    Attributes
    ----------
    built, fresh, removed : list of str
        Stems of reports.
    failed : dict of str to str
        Stem → what went wrong.
    """

    built: list = field(default_factory=list)
    fresh: list = field(default_factory=list)
    removed: list = field(default_factory=list)
    failed: dict = field(default_factory=dict)


def build(root=".", *, only=(), kind=None, force=False, jobs=None, cell_seconds=600, progress=None):
    """Build every report that is stale, and the index.

    Parameters
    ----------
    root : path-like
        The project's folder.
    only : collection of str
        Stems of the reports to build; empty for all.
    kind : str, optional
        Build only reports of this kind: paper, overview, lesson or cohort.
    force : bool
        Build the fresh ones too.
    jobs : int, optional
        Reports at a time; by default one more than there are processors.
    cell_seconds : float
        Time limit for a cell.
    progress : vlms.rendering.progress.Progress, optional
        Told of what happens.

    Returns
    -------
    Outcome

    Raises
    ------
    BuildError
        When another build is running, the folder cannot be written, or a stem is unknown.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "notebooks").mkdir()
    ...     build(folder)
    Outcome(built=[], fresh=[], removed=[], failed={})
    """
    root = Path(root).resolve()
    if not (root / "notebooks").is_dir():
        raise BuildError(f"{root} has no folder notebooks/: run this in the project's folder.")
    progress = progress or _Silent()
    with _lock(root):
        hashes = hash_files(root)
        plans = plan_reports(root)
        _check_only(only, plans)
        outcome = Outcome()
        stale = []
        for plan in plans:
            inputs = inputs_of(plan, root, hashes)
            reasons = reasons_to_build(plan, inputs, hashes, root)
            reasons = reasons or ["asked for"] * force
            wanted = plan.stem in only if only else kind in (None, plan.kind)
            if reasons and wanted:
                stale.append((plan, inputs, reasons))
            elif not reasons:
                outcome.fresh.append(plan.stem)
        _remove_orphans(root, plans, outcome)
        if stale:
            _build_stale(root, stale, jobs, cell_seconds, progress, outcome)
        _finish(root, plans, hashes, outcome)
    return outcome


def status(root="."):
    """Say of each report whether it is fresh, and if not, why.

    Parameters
    ----------
    root : path-like

    Returns
    -------
    dict of str to list of str
        Stem → reasons to build it; none for a fresh one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "notebooks").mkdir()
    ...     _ = (Path(folder) / "notebooks" / "smith2020.ipynb").write_text('{"cells": []}')
    ...     status(folder)
    {'smith2020': ['never built']}
    """
    root = Path(root).resolve()
    hashes = hash_files(root)
    return {
        plan.stem: reasons_to_build(plan, inputs_of(plan, root, hashes), hashes, root)
        for plan in plan_reports(root)
    }


def write_index(root=".", *, plans=None):
    """Write the index page of all reports that are there, where it is out of date.

    Parameters
    ----------
    root : path-like
    plans : list of Plan, optional
        The project's own reports. Reports on a reader's cohorts are found in the folder.

    Returns
    -------
    None

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_index(folder)
    ...     (Path(folder) / "reports" / "index.html").exists()
    True
    """
    from vlms.rendering.index import make_index

    root = Path(root)
    stems = [plan.stem for plan in (plan_reports(root) if plans is None else plans)]
    records = [record for stem in stems if (record := read_record(stem, root))]
    records += _own_cohorts(root, stems)
    index = root / "reports" / "index.html"
    page = make_index(records, built=_BUILT)
    was = index.read_text(encoding="utf-8", errors="replace") if index.exists() else ""
    if _BUILT_LINE.sub(_BUILT, was) != page:
        page = page.replace(_BUILT, built_line())
        publish({"index.html": page.encode()}, root / "reports")


def _own_cohorts(root, stems):
    """Reports that ``vlms report`` wrote: they leave no record, so their page is asked."""
    for path in sorted((root / "reports").glob("cohort-*.html")):
        title = re.search(r"<title>(.*?)</title>", path.read_text("utf-8", errors="replace"))
        if path.stem not in stems and title:
            yield {
                "stem": path.stem,
                "title": html.unescape(title[1]),
                "kind": "cohort",
                "order": 100,
                "description": "A report on a cohort of your own.",
                "card": {},
                "claims": [],
                "commit": "",
            }


def _build_stale(root, stale, jobs, cell_seconds, progress, outcome):
    """Run the stale reports, the one that took longest last time first, and publish each."""
    from vlms.rendering.workers import (
        run_reports,  # slow to import, and a fresh build needs none of it
    )

    stale = sorted(stale, key=lambda item: -_last_seconds(item[0], root))
    inputs = {}
    for plan, found, reasons in stale:
        inputs[plan.stem] = found
        progress.stale(plan.stem, reasons)
    reports = [(plan, found) for plan, found, _ in stale]
    with contextlib.closing(
        run_reports(reports, root, jobs=jobs, cell_seconds=cell_seconds)
    ) as events:
        for plan, event, content in events:
            if event == "done":
                try:
                    publish(content.files, root / "reports")
                    _record(plan, inputs[plan.stem], content, root)
                except PublishingError as error:
                    event, content = "failed", str(error)
            if event == "waiting":
                progress.tick()
            elif event == "started":
                progress.started(plan.stem)
            elif event == "cell":
                progress.at_cell(plan.stem, *content)
            elif event == "done":
                outcome.built.append(plan.stem)
                progress.done(plan.stem, content.seconds)
            else:
                outcome.failed[plan.stem] = content
                progress.failed(plan.stem, content, kept=_has_report(plan, root))


def _record(plan, inputs, rendered, root):
    """Note what a report was made from and what it gave."""
    record = {
        "stem": plan.stem,
        "notebook": plan.notebook,
        "parameters": plan.parameters,
        "python": platform.python_version(),
        "inputs": inputs,
        "outputs": {f"reports/{name}": sha256(data) for name, data in rendered.files.items()},
        **rendered.about,
        "card": rendered.card,
        "claims": rendered.claims,
        "commit": commit(root),
        "seconds": round(rendered.seconds, 2),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    was = read_record(plan.stem, root) or {"outputs": {}}
    publish({f"{plan.stem}.json": text.encode()}, root / CACHE)
    for path in was["outputs"].keys() - record["outputs"].keys():
        (root / path).unlink(missing_ok=True)


def _finish(root, plans, hashes, outcome):
    """Write the index where it is out of date, and the checksums by which make sees a no-op."""
    write_index(root, plans=plans)
    checksums = root / CHECKSUMS
    if outcome.failed or len(outcome.fresh) + len(outcome.built) < len(plans):
        checksums.unlink(missing_ok=True)
        return
    # What came in is as it was at the start: an edit made while we built must show as one.
    now = {path: digest for path, digest in hashes.items() if not path.startswith("reports/")}
    now |= hash_files(root, sources=["reports"])
    publish({checksums.name: checksum_lines(now).encode()}, checksums.parent)


def _remove_orphans(root, plans, outcome):
    """Remove the reports of notebooks that are gone."""
    stems = {plan.stem for plan in plans}
    for path in sorted((root / CACHE).glob("*.json")):
        record = read_record(path.stem, root)
        if path.stem in stems or record is None:
            continue
        for output in record["outputs"]:
            (root / output).unlink(missing_ok=True)
        path.unlink()
        outcome.removed.append(path.stem)


def _check_only(only, plans):
    known = [plan.stem for plan in plans]
    unknown = [stem for stem in only if stem not in known]
    if unknown:
        raise BuildError(f"No report {', '.join(unknown)}; there are {', '.join(known)}.")


def _last_seconds(plan, root):
    record = read_record(plan.stem, root) or {}
    return record.get("seconds", float("inf"))


def _has_report(plan, root):
    return (root / "reports" / f"{plan.stem}.html").exists()


@contextlib.contextmanager
def _lock(root):
    """Hold the one lock of this project's builds.

    A lock of the POSIX kind is not inherited by a forked worker, so it ends with this process.
    """
    path = root / CACHE / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise BuildError(
            f"Cannot write to {path.parent}: {error.strerror}. Make the folder writable; the"
            " reports there are unchanged."
        ) from error
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise BuildError(
                f"Another build of {root} is running (process {file.read().strip() or '?'});"
                " wait for it, or stop it, then build again."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


class _Silent:
    """Progress that nobody watches."""

    def __getattr__(self, name):
        return lambda *arguments, **options: None
