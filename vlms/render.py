"""Render one notebook: parameters → papermill → checks → HTML, all of it or nothing.

A report appears only when its notebook ran to the end, every cell, without error, under
parameters that the notebook declares. Its files are written beside their targets, forced to disk
and moved into place, so that a failure of any kind leaves the last good report.
"""

import base64
import csv
import html
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

from vlms.rendering.execution import CELL_SECONDS, execute
from vlms.rendering.page import make_page
from vlms.rendering.parameters import (
    RenderError,
    check_parameters,
    declared_parameters,
    read_notebook,
)
from vlms.rendering.prose import PageError
from vlms.rendering.publishing import built_line, commit, sha256, versions

LEDGER_MIME = "application/vnd.vlms.ledger+json"
TABLE_MIME = "application/vnd.vlms.table+json"
FILES_MIME = "application/vnd.vlms.files+json"
CARD_MIME = "application/vnd.vlms.card+json"


@dataclass(frozen=True)
class Rendered:
    """What one notebook gave.

    Attributes
    ----------
    about : dict
        Title, kind, order and description for the index page, from ``metadata.vlms``.
    files : dict of str to bytes
        File name in the reports folder → content.
    claims : list of dict
        The rows of the ledger; empty without one.
    card : dict
        What the index page shows: patients, findings, image (its source and alt text).
    seconds : float
        How long it took.
    """

    about: dict
    files: dict
    claims: list
    card: dict
    seconds: float


def render(
    notebook,
    stem=None,
    *,
    parameters=None,
    inputs=None,
    root=".",
    cell_seconds=CELL_SECONDS,
    on_cell=None,
):
    """Run a notebook and turn it into the files of its report, without writing any.

    Parameters
    ----------
    notebook : path-like
        The notebook; it is not changed.
    stem : str, optional
        Name of the report, by default that of the notebook.
    parameters : dict, optional
        Values for names that the cell tagged ``parameters`` assigns.
    inputs : dict of str to str, optional
        Path → SHA-256 of what the report was made from, for its colophon.
    root : path-like
        The project's folder.
    cell_seconds : float
        Time limit for a cell.
    on_cell : callable, optional
        Called with the number of each cell before it runs, and how many there are.

    Returns
    -------
    Rendered

    Raises
    ------
    RenderError
        When a parameter is unknown or of another type, the kernel is not Python's, a cell fails,
        runs too long, ends its kernel or is not run, or the text refers to what is not there.

    Examples
    --------
    >>> notebook = Path(__file__).parents[1] / "notebooks" / "tilkorn2010.ipynb"
    >>> render(notebook, parameters={"colour": "red"})
    Traceback (most recent call last):
    vlms.rendering.parameters.RenderError: tilkorn2010.ipynb has no parameter 'colour'; ...
    """
    started = time.perf_counter()
    notebook, parameters = Path(notebook), dict(parameters or {})
    stem = stem or notebook.stem
    source = read_notebook(notebook)
    check_parameters(source, parameters, notebook.name)
    executed = execute(source, parameters, notebook, cell_seconds, on_cell)
    ledgers, tables, cards = (_take(executed, m) for m in (LEDGER_MIME, TABLE_MIME, CARD_MIME))
    handed = {n: data for out in _take(executed, FILES_MIME) for n, data in out["files"].items()}
    claims = [claim for ledger in ledgers for claim in ledger["claims"]]
    colophon = {
        "Notebook": notebook.name,
        "Commit": commit(root),
        "Parameters": _parameters(source, parameters),
        "Versions": versions(),
        "inputs": inputs or {notebook.name: sha256(notebook.read_bytes())},
        "built": "",
    }
    colophon["built"] = built_line(time.perf_counter() - started)
    try:
        page = make_page(executed, colophon=colophon, claims=claims, root=root)
    except PageError as error:
        raise RenderError(f"{notebook.name}: {error}") from error
    files = {f"{stem}.html": page.encode()}
    if claims:
        files[f"{stem}_verdicts.csv"] = _csv(claims).encode()
    for table in tables:
        files[f"{stem}/{table['label']}.csv"] = table["csv"].encode()
    title = html.unescape(re.search(r"<title>(.*?)</title>", page)[1])
    for name, content in handed.items():
        files[f"{stem}/{Path(name).name}"] = base64.b64decode(content)
    about = {"kind": "report", "order": 100, "description": "", **executed.metadata.get("vlms", {})}
    return Rendered(
        about={name: about[name] for name in ("kind", "order", "description")} | {"title": title},
        files=files,
        claims=claims,
        card=_card(cards, page),
        seconds=time.perf_counter() - started,
    )


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


def _parameters(notebook, given):
    """Every parameter of the run, as Python writes it."""
    run = {**(declared_parameters(notebook) or {}), **given}
    return {f"{name} =": repr(value) for name, value in run.items()} or "none"


def _card(cards, page):
    """What the notebook says for the index, with the figure it names taken from the page."""
    card = {"patients": None, "figure": "", "findings": [], **(cards[-1] if cards else {})}
    label = re.escape(card["figure"])
    image = re.search(rf'<figure id="{label}"[^>]*>\s*<img alt="([^"]*)" src="([^"]*)"', page)
    card["image"] = image and {"alt": html.unescape(image[1]), "src": image[2]}
    return card


def _csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
