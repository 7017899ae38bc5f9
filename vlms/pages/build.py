"""Build reports: what is stale, by content; in parallel; published whole or not at all.

A report depends on its notebook, the data folders that it names, the modules of the package that
it imports (and those that they import), the page templates, the locked packages and the version
of Python. The build writes their SHA-256, and those of what it published, to
``reports/.cache/<report>.json``; a report is fresh while all of them are as they were.

The process that builds imports what the notebooks import, then forks a worker for each report,
which forks the kernel, runs the notebook and hands the finished files back. Only the building
process writes, and only whole reports, so whatever happens the last good report stays. A worker
dies with its parent and a kernel with its worker; a lock, dropped by the system when the process
ends, keeps two builds apart.
"""

import base64
import contextlib
import csv
import hashlib
import html
import io
import json
import multiprocessing
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import wait
from pathlib import Path

from vlms.pages.kernel import (
    CELL_SECONDS,
    RenderError,
    can_fork,
    die_with_parent,
    execute,
    folder_for_sockets,
    preload,
    without_paths,
)
from vlms.pages.page import (
    CARD_MIME,
    FILES_MIME,
    LEDGER_MIME,
    PageError,
    make_index,
    make_page,
    mark_stale,
    tables,
)
from vlms.provenance import PACKAGE, PROJECT, commit, locked, sealed_environment

CACHE = Path("reports/.cache")
_ABOUT = "*/paper.toml"
SOURCES = ("data", "notebooks", "vlms", "requirements.lock", "reports")

_RECORD = set(
    "stem python inputs outputs title kind order description card claims commit seconds"
    " warnings".split()
)
# What the index links to besides reports, where it is there.
_MORE = {
    "verdicts.csv": "All verdicts as one table",
    "certificate.md": "Certificate: what came out the same when made again",
    "api/index.html": "The package's functions",
}
_MODULE = re.compile(r"\bvlms((?:\.[a-z_]+)+)")
_BUILT_LINE = re.compile(r"Built on \d{4}-\d\d-\d\d \d\d:\d\d UTC\.")
_TITLE = re.compile(r"<title>(.*?)</title>")
_SECONDS_TO_STOP = 3

# One report that is to be there: its name, its notebook and data folders as paths from the root,
# and whether the notebook serves several papers, by its parameter `stem`.
_Plan = namedtuple("_Plan", "stem notebook data kind shared")

# There is no way to ask for the mask but to set it; done once, before any thread is there.
_UMASK = os.umask(0)
os.umask(_UMASK)


class BuildError(RuntimeError):
    """A build that could not begin."""


class PublishingError(RuntimeError):
    """Files that could not be written."""


@dataclass
class Outcome:
    """What a build did: names of reports, and what went wrong by name."""

    built: list = field(default_factory=list)
    fresh: list = field(default_factory=list)
    removed: list = field(default_factory=list)
    failed: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Rendered:
    """What one notebook gave: files by name, ledger rows, its place in the index, and its log."""

    files: dict
    claims: list
    card: dict
    about: dict
    log: str


def build(
    root=".",
    *,
    only=(),
    kind=None,
    force=False,
    strict=False,
    jobs=None,
    progress=None,
    cell_seconds=CELL_SECONDS,
):
    """Build every report that is stale, or of those the ones named or of a kind, and the index.

    Parameters
    ----------
    strict : bool
        A report whose notebook writes to standard error, as warnings do, has failed.
    jobs : int, optional
        Reports at a time; by default one more than twice the processors: the longest begin early.
    progress : callable, optional
        Called with an event, the report's name and what belongs to it: ``stale`` (reasons),
        ``started`` (None), ``cell`` (number, how many), ``done`` (seconds), ``warned`` (the log's
        path), ``failed`` (message, whether an earlier page is kept, marked as stale), and up to ten
        times a second ``waiting``.

    Raises
    ------
    BuildError
        When another build is running, the folder cannot be written or is a link, or a name is
        unknown.
    """
    root = Path(root).resolve()
    if not _place(root, "notebooks").is_dir():
        raise BuildError(f"{root} has no folder notebooks/: run this in the project's folder.")
    progress = progress or (lambda *event: None)
    with _lock(root):
        hashes, plans, outcome, stale = _hash_files(root), _plans(root), Outcome(), []
        known = [plan.stem for plan in plans]
        if unknown := [stem for stem in only if stem not in known]:
            raise BuildError(f"No report {', '.join(unknown)}; there are {', '.join(known)}.")
        for plan in plans:
            inputs = _inputs(plan, root, hashes)
            reasons = _reasons(plan, inputs, hashes, root, strict) or ["asked for"] * force
            if not reasons:
                outcome.fresh.append(plan.stem)
            elif plan.stem in only if only else kind in (None, plan.kind):
                stale.append((plan, inputs))
                progress("stale", plan.stem, reasons)
        _remove_orphans(root, known, outcome)
        if stale:
            _build_stale(root, stale, jobs, cell_seconds, strict, progress, outcome)
        write_index(root)
        _write_checksums(root, plans, hashes, outcome)
    return outcome


def status(root="."):
    """Return for each report the reasons to build it; none for a fresh one."""
    root = Path(root).resolve()
    hashes, plans = _hash_files(root), _plans(root)
    return {plan.stem: _reasons(plan, _inputs(plan, root, hashes), hashes, root) for plan in plans}


def render(notebook, stem=None, *, parameters=None, about=(), inputs=None, root=".", **running):
    """Run a notebook and turn it into the files of its report, without writing any.

    Parameters
    ----------
    notebook : path-like
        It is not changed.
    stem : str, optional
        Name of the report, by default that of the notebook.
    parameters : dict, optional
        Values for names that the cell tagged ``parameters`` assigns.
    about : dict, optional
        What the data say of the report, title and order for example; else its notebook says it.
        ``{title}`` in Markdown stands for that title.
    inputs : dict of str to str, optional
        Path → SHA-256 of what the report was made from, for its colophon.
    **running
        ``cell_seconds`` and ``on_cell``, as `vlms.pages.kernel.execute` takes them.

    Raises
    ------
    RenderError
        When a parameter is unknown or of another type, the kernel is not Python's, a cell fails,
        runs too long, ends its kernel or is not run, or the text refers to what is not there.

    Examples
    --------
    >>> notebook = Path(__file__).parents[2] / "notebooks" / "tilkorn2010.ipynb"
    >>> render(notebook, parameters={"colour": "red"})
    Traceback (most recent call last):
    vlms.pages.kernel.RenderError: tilkorn2010.ipynb has no parameter 'colour'; ...
    """
    started, notebook = time.perf_counter(), Path(notebook)
    stem = stem or notebook.stem
    done = execute(notebook, parameters or {}, root=root, **running)
    done.metadata["vlms"] = {**done.metadata.get("vlms", {}), **dict(about)}
    for cell in done.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("{title}", done.metadata["vlms"].get("title", ""))
    claims = [claim for ledger in _take(done, LEDGER_MIME) for claim in ledger["claims"]]
    cards, handed = _take(done, CARD_MIME), _take(done, FILES_MIME)
    run = done.metadata["run"]
    colophon = {
        "Notebook": notebook.name,
        "Commit": commit(_place(Path(root), "notebooks").parent),
        "Parameters": {f"{n} =": repr(value) for n, value in run["parameters"].items()} or "none",
        "Versions": run["versions"],
        "inputs": inputs or {notebook.name: _sha256(notebook.read_bytes())},
        "built": f"{_built_line()[:-1]} in {time.perf_counter() - started:.1f} s.",
    }
    try:
        page = make_page(done, colophon=colophon, claims=claims)
    except PageError as error:
        raise RenderError(f"{notebook.name}: {error}") from error
    files = {f"{stem}.html": page.encode()}
    if claims:
        files[f"{stem}_verdicts.csv"] = _as_csv(claims)
    files |= {f"{stem}/{label}.csv": text.encode() for label, text in tables(done)}
    for some in handed:
        for name, content in some["files"].items():
            files[f"{stem}/{Path(name).name}"] = base64.b64decode(content)
    given = {"kind": "report", "order": 100, "description": "", **done.metadata.get("vlms", {})}
    about = {
        "title": html.unescape(_TITLE.search(page)[1]),
        **{name: given[name] for name in ("kind", "order", "description")},
        "commit": colophon["Commit"],
        "seconds": round(time.perf_counter() - started, 2),
        "warnings": run["log"].count("\n"),
    }
    return Rendered(files, claims, _card(cards, page), about, run["log"])


def publish(files, folder):
    """Write files, path inside the folder → bytes, beside their targets, then move all into place.

    Raises
    ------
    PublishingError
        When the disk is full, the folder cannot be written, or it or what is to be replaced is a
        link or a folder. The message says what has been replaced by then, as a rule nothing.
    """
    folder, written, moved = Path(folder), [], []
    try:
        for name, content in files.items():
            target = folder / name
            for path in (folder, target.parent, target):
                _check_place(path, folder=path != target)
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".vlms-{target.name}-")
            written.append((Path(beside), target))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o666 & ~_UMASK)
        for beside, target in written:
            beside.replace(target)
            moved.append(target.name)
    except OSError as error:
        kept = f"Replaced already: {', '.join(moved)}." if moved else "No file there was replaced."
        raise PublishingError(
            f"Cannot write to {folder}: {error.strerror or error}. {kept} Make room or make the"
            " folder writable, then build again."
        ) from error
    finally:
        for beside, _ in written:
            with contextlib.suppress(OSError):
                beside.unlink()


def _check_place(path, *, folder):
    """Refuse to write through a link, to a folder as to a file, and the other way round."""
    what = "a link" if path.is_symlink() else "a file" if folder else "a folder"
    if path.is_symlink() or (path.exists() and path.is_dir() != folder):
        raise PublishingError(
            f"Cannot write to {path}: it is {what}. Remove it or move it away, then build again."
        )


def write_index(root="."):
    """Write the index page and all verdicts of the reports that are there, where out of date."""
    root, built = Path(root), _built_line()
    stems = [plan.stem for plan in _plans(root)]
    records = [record for stem in stems if (record := _read_record(stem, root))]
    verdicts = [{"paper": each["stem"], **row} for each in records for row in each["claims"]]
    path = root / "reports" / "verdicts.csv"
    if verdicts and (not path.exists() or path.read_bytes() != _as_csv(verdicts)):
        publish({path.name: _as_csv(verdicts)}, path.parent)
    own = {"kind": "cohort", "order": 100, "card": {}, "claims": [], "commit": ""}
    own["description"] = "A report on a cohort of your own."
    for path in sorted((root / "reports").glob("*-to-share.html")):  # these leave no record
        title = _TITLE.search(path.read_text("utf-8", errors="replace"))
        if path.stem not in stems and title:
            records.append({**own, "stem": path.stem, "title": html.unescape(title[1])})
    index = root / "reports" / "index.html"
    was = index.read_text(encoding="utf-8", errors="replace") if index.exists() else ""
    more = [(path, words) for path, words in _MORE.items() if (root / "reports" / path).exists()]
    told = {"failures": _failures(root), "more": more, "built": built}
    folders = _place(root, "data").glob(_ABOUT)
    diseases = [_about_paper(root, path.parent.name).get("disease", "") for path in sorted(folders)]
    subject = ", ".join(filter(None, dict.fromkeys(diseases))) or "cohort papers"
    page = make_index(records, subject=subject, **told)
    if _BUILT_LINE.sub(built, was) != page:
        publish({"index.html": page.encode()}, root / "reports")


def _as_csv(rows):
    writer = csv.DictWriter(text := io.StringIO(), list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


# --- What is stale --------------------------------------------------------------------------------


def _about_paper(root, stem):
    """What ``data/<stem>/paper.toml`` says of a paper: title, disease, order …; {} without one."""
    path = _place(Path(root), "data") / stem / "paper.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BuildError(f"data/{stem}/{path.name}: {error}. Correct it, then build.") from None


def _plans(root):
    """The reports there are to be: of ``notebooks/*.ipynb``, then of ``notebooks/lessons``.

    A notebook with ``"each": "paper.toml"`` serves every data folder that holds this file and has
    no notebook of its own.
    """
    root, plans = _place(Path(root), "notebooks").parent, []
    folder = root / "notebooks"
    own = {path.stem for path in folder.glob("*.ipynb")}
    for path in [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("lessons/*.ipynb"))]:
        try:
            about = dict(json.loads(path.read_text(encoding="utf-8"))["metadata"].get("vlms", {}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            about = {}  # the render says what is wrong with the notebook
        stem = about.get("stem") or ("cohort-example" if path.stem == "cohort" else path.stem)
        named = [match for name in about.get("data", [path.stem]) for match in _data(root, name)]
        kind = about.get("kind", "report" if path.parent == folder else "lesson")
        notebook = path.relative_to(root).as_posix()
        if each := about.get("each"):
            stems = [name.parent.name for name in sorted(root.glob(f"data/*/{each}"))]
            plans += [
                _Plan(stem, notebook, (f"data/{stem}",), kind, True)
                for stem in stems
                if stem not in own
            ]
        else:
            plans.append(_Plan(stem, notebook, tuple(named), kind, False))
    return plans


def _place(root, name):
    """Where a source of reports is: in the project or, where it has none, in what is installed."""
    if name.startswith("reports") or PROJECT != PACKAGE or (root / "notebooks").is_dir():
        return root / name
    return (PACKAGE.parent if name.startswith("vlms") else PACKAGE) / name


def _data(root, pattern):
    """The data folders of a name or a pattern (``*``), as paths from the root."""
    return [path.relative_to(root).as_posix() for path in sorted(root.glob(f"data/{pattern}"))]


def _inputs(plan, root, hashes):
    """What a report is made from: path from the root → SHA-256, in the order of the paths."""
    chosen = {plan.notebook, "requirements.lock", *plan.data, *_modules(plan, hashes, root)}
    folders = ("vlms/pages/template/", *(f"{source}/" for source in plan.data))
    return {
        path: digest
        for path, digest in sorted(hashes.items())
        if path in chosen or path.startswith(folders)
    }


def _modules(plan, hashes, root):
    """Files of the modules that the notebook imports, that they import, and that make the page."""
    wanted = ["pages", *_named_modules(_place(root, plan.notebook))]
    found = {"vlms/__init__.py"}
    while wanted:
        name = wanted.pop()
        for path in (f"vlms/{name}.py", f"vlms/{name}/__init__.py"):
            if path in hashes and path not in found:
                found.add(path)
                wanted += _named_modules(_place(root, path))
    return found


def _named_modules(path):
    """Every module of the package that a file speaks of, and the folders around: never too few."""
    named = set()
    for dotted in _MODULE.findall(path.read_text(encoding="utf-8", errors="replace")):
        parts = dotted.split(".")[1:]
        named |= {"/".join(parts[: k + 1]) for k in range(len(parts))}
    return named


def _reasons(plan, inputs, hashes, root, strict=False):
    """Why a report is stale; nothing when it is fresh."""
    record = _read_record(plan.stem, root)
    if record is None:
        return ["never built"]
    was, python, now = record["inputs"], record["python"], platform.python_version()
    reasons = [f"Python was {python}, is {now}"] * (python != now)
    reasons += ["it was built with warnings"] * (strict and record["warnings"] > 0)
    reasons += [f"{path} is new" for path in inputs if path not in was]
    reasons += [f"{path} is gone" for path in was if path not in inputs]
    reasons += [f"{path} changed" for path in inputs if was.get(path, inputs[path]) != inputs[path]]
    for path, digest in record["outputs"].items():
        if hashes.get(path) != digest:
            reasons.append(f"{path} is {'not as it was built' if path in hashes else 'missing'}")
    return reasons


def _hash_files(root, sources=SOURCES):
    """SHA-256 of every file that reports are made from, and of all that is published, by path."""
    hashes = {}
    for source in sources:
        start = _place(root, source)
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            parts = (source, *path.relative_to(start).parts)
            hidden = "__pycache__" in parts or any(part.startswith(".") for part in parts)
            if not hidden and path.is_file() and not path.is_symlink():
                hashes["/".join(parts)] = _sha256(path.read_bytes())
    return hashes


def _write_checksums(root, plans, hashes, outcome):
    """Write the checksums by which make sees that nothing changed, where all is fresh."""
    if outcome.failed or len(outcome.fresh) + len(outcome.built) < len(plans):
        (root / CACHE / "checksums").unlink(missing_ok=True)
        return
    # What came in is as it was at the start: an edit made while we built must show as one.
    now = {path: digest for path, digest in hashes.items() if not path.startswith("reports/")}
    now |= _hash_files(root, ["reports"])
    # As sha256sum prints them and LC_ALL=C sort sorts them.
    lines = sorted(f"{digest}  {path}\n".encode() for path, digest in now.items())
    publish({"checksums": b"".join(lines)}, root / CACHE)


def _read_record(stem, root):
    """What the last build wrote of a report; None when it is not there, or not readable."""
    try:
        record = json.loads((root / CACHE / f"{stem}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.keys() >= _RECORD else None


# --- What is published ----------------------------------------------------------------------------


def _build_stale(root, stale, jobs, cell_seconds, strict, progress, outcome):
    """Run the stale reports, the one that took longest last time first, and publish each."""
    records = {plan: _read_record(plan.stem, root) or {} for plan, _ in stale}
    stale.sort(key=lambda item: -records[item[0]].get("seconds", float("inf")))
    with contextlib.closing(_run(stale, root, jobs, cell_seconds)) as events:
        for event, (plan, inputs), content in events:
            if event == "done" and strict and content.log:
                told = f"{plan.notebook}: the notebook wrote to standard error, as warnings do:"
                event, content = "failed", f"{told}\n{content.log}"
            if event == "done":
                try:
                    publish(content.files, root / "reports")
                    _record(plan, inputs, content, records[plan].get("outputs", ()), root)
                    _note(root, plan.stem)
                except PublishingError as error:
                    event, content = "failed", str(error)
                else:
                    outcome.built.append(plan.stem)
                    if content.log:
                        progress("warned", plan.stem, CACHE / f"{plan.stem}.log")
                    content = content.about["seconds"]
            if event == "failed":
                outcome.failed[plan.stem] = content
                content = content, _mark_stale(root, plan, content)
            progress(event, plan and plan.stem, content)


def _mark_stale(root, plan, message):
    """Say on the page of before, and for the index, when and why its build failed; tell of it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    place = re.match(r"[^:]*, (cell \d+)", lines[0])
    why = f"{place[1]}: {lines[-1]}" if place else lines[0]
    why = without_paths(why[:300], root, _place(root, plan.notebook))
    failure = {"when": f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}", "why": why}
    path = root / "reports" / f"{plan.stem}.html"
    kept = path.exists()
    try:
        _note(root, plan.stem, failure)
        page = kept and mark_stale(path.read_text(encoding="utf-8"), failure)
        if page:
            publish({path.name: page.encode()}, path.parent)
            return "the last good report is still there, marked as out of date"
    except (PublishingError, OSError, UnicodeError):
        pass
    return "an earlier page is still there, not marked" if kept else "there is no report yet"


def _failures(root):
    """When and why the build of a report failed that has not succeeded since, by name."""
    try:
        return dict(json.loads((root / CACHE / "failed").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _note(root, stem, failure=None):
    """Note that the build of a report failed, or with nothing that it has none to note."""
    before = _failures(root)
    now = {name: told for name, told in before.items() if name != stem}
    now |= {stem: failure} if failure else {}
    if now != before:
        publish({"failed": json.dumps(now, indent=1).encode()}, root / CACHE)


def _record(plan, inputs, rendered, earlier, root):
    """Note what a report was made from and what it gave, and remove what it gives no more."""
    outputs = {f"reports/{name}": _sha256(data) for name, data in rendered.files.items()}
    record = {"stem": plan.stem, "python": platform.python_version(), "inputs": inputs}
    record |= {"outputs": outputs, **rendered.about, "card": rendered.card}
    record["claims"] = rendered.claims
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    files = {f"{plan.stem}.json": text.encode()}
    files |= {f"{plan.stem}.log": rendered.log.encode()} if rendered.log else {}
    publish(files, root / CACHE)
    if not rendered.log:
        (root / CACHE / f"{plan.stem}.log").unlink(missing_ok=True)
    for path in earlier:
        if path not in outputs:
            (root / path).unlink(missing_ok=True)


def _remove_orphans(root, stems, outcome):
    """Remove the reports of notebooks that are gone, and what a build left that was killed."""
    for path in (root / "reports").rglob(".vlms-*"):
        path.unlink(missing_ok=True)
    for path in sorted((root / CACHE).glob("*.json")):
        if path.stem not in stems and (record := _read_record(path.stem, root)) is not None:
            for output in record["outputs"]:
                (root / output).unlink(missing_ok=True)
            path.unlink()
            outcome.removed.append(path.stem)
    for stem in _failures(root).keys() - set(stems):
        _note(root, stem)


def _take(notebook, mime):
    """Take all outputs of one of our MIME types out of a notebook, in reading order."""
    taken = []
    for cell in notebook.cells:
        for output in list(cell.get("outputs", ())):
            if mime in output.get("data", {}):
                taken.append(output.data.pop(mime))
                if output.data.keys() <= {"text/plain"}:  # it was meant for us, not for the page
                    cell.outputs.remove(output)
    return taken


def _card(cards, page):
    """What the notebook says for the index, with the figure it names taken from the page."""
    card = {"patients": None, "figure": "", "findings": [], **(cards[-1] if cards else {})}
    label = re.escape(card["figure"])
    image = re.search(
        rf'<figure id="{label}"[^>]*>\s*(?:<div[^>]*>)?<img alt="([^"]*)" src="([^"]*)"', page
    )
    return {**card, "image": image and {"alt": html.unescape(image[1]), "src": image[2]}}


def _built_line():
    """The one line of a page that differs between two builds of the same sources."""
    return f"Built on {datetime.now(UTC):%Y-%m-%d %H:%M UTC}."


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


# --- Workers --------------------------------------------------------------------------------------


def _run(reports, root, jobs, cell_seconds):
    """Render reports, plans with their inputs, in parallel; yield event, report and content."""
    os.environ.update(sealed_environment())
    if can_fork():
        preload(_place(root, plan.notebook) for plan, _ in reports)
    context = multiprocessing.get_context("fork" if can_fork() else "spawn")
    place = folder_for_sockets("/vlms-12345678/vlms-12345678/k-5")
    scratch = tempfile.mkdtemp(prefix="vlms-", dir=place)
    waiting, running = list(reports), {}
    affinity = getattr(os, "sched_getaffinity", None)
    jobs = jobs or 2 * (len(affinity(0)) if affinity else os.cpu_count() or 1) + 1
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                report = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                order = (*report, root, cell_seconds, scratch, os.getpid(), theirs)
                worker = context.Process(target=_work, args=order)
                worker.start()
                theirs.close()
                running[ours] = (report, worker)
                yield "started", report, None
            for ours in wait(list(running), timeout=0.1):
                report, worker = running[ours]
                try:
                    event, content = ours.recv()
                except EOFError:
                    worker.join()
                    how = f"by itself (exit code {worker.exitcode}): killed, or out of memory"
                    event = "failed"
                    content = f"{report[0].notebook}: the process that ran it ended {how}."
                if event != "cell":
                    del running[ours]
                    worker.join()
                yield event, report, content
            yield "waiting", (None, None), None
    finally:
        _stop([worker for _, worker in running.values()])
        shutil.rmtree(scratch, ignore_errors=True)


def _work(plan, inputs, root, cell_seconds, scratch, parent, connection):
    """Render one report and send it to the parent. Runs in a worker."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers itself
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tempfile.tempdir = scratch
    try:
        told = {"on_cell": lambda *place: connection.send(("cell", place))}
        made = {"inputs": inputs, "root": root, "cell_seconds": cell_seconds, **told}
        if plan.shared:
            made["parameters"] = {"stem": plan.stem}
        made["about"] = _about_paper(root, plan.stem)
        connection.send(("done", render(_place(root, plan.notebook), plan.stem, **made)))
    except RenderError as error:
        connection.send(("failed", str(error)))
    except Exception:  # a fault of ours: say where it happened
        connection.send(("failed", f"{plan.notebook}:\n{traceback.format_exc()}"))


def _stop(workers):
    """End workers, and with them their kernels."""
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + _SECONDS_TO_STOP
    for worker in workers:
        worker.join(max(0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()


@contextlib.contextmanager
def _lock(root):
    """Hold the one lock of this project's builds."""
    folder = root / CACHE
    _check_place(root / "reports", folder=True)
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(folder / "lock.db"))
        except BlockingIOError as error:
            holder = "?"
            with contextlib.suppress(OSError):
                holder = (folder / "lock").read_text(encoding="ascii", errors="replace").strip()
            raise BuildError(
                f"Another build of {root} is running (process {holder});"
                " wait for it, or stop it, then build again."
            ) from error
        except OSError as error:
            raise BuildError(
                f"Cannot write to {folder}: {error.strerror or error}. Make the folder writable;"
                " nothing was changed."
            ) from error
        publish({"lock": f"{os.getpid()}\n".encode()}, folder)
        yield
