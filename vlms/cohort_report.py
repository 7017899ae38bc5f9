"""From a reader's file to a finished report: ``vlms report my.csv``.

The file is checked first. Its problems are told on the terminal, cell by cell, to whoever holds
the file; nothing is written then. A safe report is compared with earlier ones, recorded and
published under one lock, so that of two started together only one is the first. It is rendered from
a folder of its own in which the cohort has a neutral name, so that neither its path nor the
checksum of its content reaches the page. Should a cell of the notebook fail in safe mode, the
terminal names the cell and the kind of error; what the error says could quote a patient.
"""

import hashlib
import json
import re
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from vlms.disclosure import Disclosure, Releases
from vlms.own_cohort import open_cohort
from vlms.pages import RenderError, publish, read_notebook, render

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "cohort.ipynb"


class ReportError(RuntimeError):
    """A report that could not be made; the message may be shown to anybody."""


@dataclass
class Order:
    """What is asked for: the file, and the notebook's parameters by name.

    Attributes
    ----------
    cohort : str
        Path of the file.
    name, reason, encoding : str
        Of the report; why it is released although it differs little from an earlier one; as
        `open_cohort` takes it. Blank for the file's name, none, Unicode.
    parameters : dict
        Name → value, for the notebook; as `open_cohort` takes them.
    """

    cohort: str
    name: str = ""
    reason: str = ""
    encoding: str = ""
    parameters: dict = field(default_factory=dict)


def report(
    order: Order, *, reports="reports", releases=None, root=ROOT, on_cell=None
) -> list[Path]:
    """Make the report on a cohort, and the folder of its tables and figures.

    Parameters
    ----------
    order : Order
    reports : path-like
        The folder to write to.
    releases : Releases, optional
        The ledger of safe reports; by default that of the project.
    root : path-like
        The project's folder.
    on_cell : callable, optional
        As `vlms.pages.render` takes it.

    Returns
    -------
    list of pathlib.Path
        The page, and the folder beside it.

    Raises
    ------
    vlms.cohort.CohortError, vlms.own_cohort.ChoiceError, vlms.disclosure.DisclosureError
        When the file or a choice cannot be used. Their messages are for the owner of the file.
    vlms.disclosure.ReleaseError
        When the report differs too little from an earlier one.
    ReportError
        When the notebook fails.
    """
    parameters = dict(order.parameters)
    rules = Disclosure(parameters.get("disclosure", "safe"), parameters.get("min_count", 10))
    before = _digest(order.cohort)
    patients = open_cohort(order.cohort, encoding=order.encoding, **parameters).patients
    releases = Releases(Path(root) / ".releases") if releases is None else releases
    name = report_name(order.name or Path(str(order.cohort)).stem)
    if name == "example":  # the name of the report that comes with the project
        name = "my-example"
    stem = f"cohort-{name}" if rules.safe else f"cohort-{name}-full-disclosure"

    def check():
        found = releases.fingerprint(patients)
        releases.check(found, rules.min_count, reason=order.reason)
        return found

    if rules.safe:  # before the work, to spare it; what counts is the check after it
        with releases.locked():
            check()
    rendered = _render(order, name, stem, rules, root, on_cell)
    if _digest(order.cohort) != before:
        raise ReportError("The file changed while the report was made; make it again.")
    _check_bytes(rendered, rules)
    with releases.locked() if rules.safe else nullcontext():
        if rules.safe:
            # Recorded first: a report that is out and not in the ledger could not be compared.
            releases.record(stem, check(), rules.min_count, reason=order.reason)
        _remove_stale(Path(reports) / stem, rendered)
        publish(rendered, reports)
    return [Path(reports) / f"{stem}.html", Path(reports) / stem]


def report_name(name) -> str:
    """Return a name for a report's files: small letters, digits and hyphens, never a path.

    Examples
    --------
    >>> report_name("../My cohort (2024).v2"), report_name("$(rm -rf)"), report_name("--output")
    ('my-cohort-2024-v2', 'rm-rf', 'output')
    >>> report_name("../.."), len(report_name("a" * 300))
    ('cohort', 60)
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in str(name).lower())
    return "-".join(filter(None, kept.split("-")))[:60].strip("-") or "cohort"


def _render(order, name, stem, rules, root, on_cell):
    """Render in a folder where the files have neutral names; path → content."""
    with tempfile.TemporaryDirectory(prefix="vlms-") as folder:
        folder = Path(folder)
        given = {**order.parameters, "cohort": "cohort.csv"}
        if order.encoding:
            words = Path(order.cohort).read_bytes().decode(order.encoding)
            (folder / "cohort.csv").write_bytes(words.encode("utf-8"))
        else:
            (folder / "cohort.csv").symlink_to(Path(order.cohort).resolve())
        if given.get("codebook"):
            (folder / "codebook.csv").symlink_to(Path(given["codebook"]).resolve())
            given["codebook"] = "codebook.csv"
        notebook = read_notebook(NOTEBOOK)
        mode = "" if rules.safe else " – FULL DISCLOSURE, do not share"
        notebook.metadata["vlms"] = {"kind": "cohort", "title": f"Cohort {name}{mode}"}
        notebook.cells[0].source = re.sub(
            r"\A# .*", f"# Cohort *{name}*{mode}", notebook.cells[0].source
        )
        path = folder / "cohort.ipynb"
        path.write_text(json.dumps(notebook), encoding="utf-8")
        # The checksum of a private file would let others test whether they hold the same file.
        inputs = {"notebooks/cohort.ipynb": hashlib.sha256(NOTEBOOK.read_bytes()).hexdigest()}
        if not rules.safe:
            inputs["cohort"] = _digest(order.cohort)
        try:
            found = render(path, stem, parameters=given, inputs=inputs, root=root, on_cell=on_cell)
        except RenderError as error:
            raise ReportError(_harmless(error) if rules.safe else str(error)) from None
    return found.files


def _digest(path):
    """Checksum of a file, or nothing where it is none: the reader says what is wrong with it."""
    path = Path(str(path))
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _harmless(error):
    """Say which cell failed and with what kind of error, and nothing that could quote a cell."""
    where = re.search(r"cell \d+", str(error))
    kind = re.findall(r"^(\w+(?:Error|Exception|Warning))\b", str(error), re.MULTILINE)
    return (
        f"The report failed at {where[0] if where else 'a step'} of the notebook"
        f"{f' ({kind[-1]})' if kind else ''}. What the error says is not shown in safe mode, as it "
        "could quote the data; --disclosure full shows it, on this terminal."
    )


def _check_bytes(files, rules):
    """See that a safe report holds no drawing but pixels: a path has exact coordinates."""
    if not rules.safe:
        return
    page = next(content for path, content in files.items() if path.endswith(".html"))
    vector = [path for path in files if path.endswith(".svg")]
    if vector or b"data:image/svg" in page or b"<svg" in page:
        raise ReportError("A figure of a safe report is a vector drawing; nothing was written.")


def _remove_stale(folder, files):
    """Remove tables and figures of an earlier run that this one no longer makes."""
    if folder.is_symlink() or not folder.is_dir():
        return
    kept = {Path(path).name for path in files}
    for path in folder.iterdir():
        if path.suffix in (".csv", ".png", ".svg", ".json") and path.name not in kept:
            path.unlink()
