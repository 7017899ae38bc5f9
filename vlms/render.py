"""Render one notebook: parameters → papermill → checks → HTML, all of it or nothing.

A report appears only when its notebook ran to the end, every cell, without error, under
parameters that the notebook declares. Its files are written beside their targets, forced to disk
and moved into place, so that a failure of any kind leaves the last good report.
"""

import ast
import csv
import html
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

import vlms.quick_imports  # noqa: F401  # isort: split
from vlms.kernels import OwnKernelManager
from vlms.page import PageError, make_page
from vlms.publishing import built_line, commit, sha256, versions

LEDGER_MIME = "application/vnd.vlms.ledger+json"
TABLE_MIME = "application/vnd.vlms.table+json"
CARD_MIME = "application/vnd.vlms.card+json"
CELL_SECONDS = 600


class RenderError(RuntimeError):
    """A notebook that cannot become a report; the message names the cell and what to do."""


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
    """
    started = time.perf_counter()
    notebook, parameters = Path(notebook), dict(parameters or {})
    stem = stem or notebook.stem
    source = read_notebook(notebook)
    check_parameters(source, parameters, notebook.name)
    executed = _execute(source, parameters, notebook, cell_seconds, on_cell)
    _check_every_cell(executed, notebook.name)
    ledgers, tables, cards = (_take(executed, m) for m in (LEDGER_MIME, TABLE_MIME, CARD_MIME))
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
        files[f"{stem}_tables/{table['label']}.csv"] = table["csv"].encode()
    title = html.unescape(re.search(r"<title>(.*?)</title>", page)[1])
    about = {"kind": "report", "order": 100, "description": "", **executed.metadata.get("vlms", {})}
    return Rendered(
        about={name: about[name] for name in ("kind", "order", "description")} | {"title": title},
        files=files,
        claims=claims,
        card=_card(cards, page),
        seconds=time.perf_counter() - started,
    )


def read_notebook(path):
    """Read a notebook of format 4 and see that it is one for Python.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    RenderError
        When the file is not a notebook, or asks for another kernel than ``python3``.
    """
    path = Path(path)
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except OSError as error:
        raise RenderError(f"{path}: cannot be read ({error.strerror}).") from error
    except Exception as error:  # nbformat raises several kinds
        raise RenderError(f"{path}: not a Jupyter notebook ({error}).") from error
    kernel = notebook.metadata.get("kernelspec", {}).get("name", "python3")
    if kernel != "python3":
        raise RenderError(
            f"{path.name}: it asks for the kernel {kernel!r}; reports run on 'python3'. Set"
            " metadata.kernelspec.name to python3 (in JupyterLab: Kernel, Change Kernel)."
        )
    return notebook


def declared_parameters(notebook):
    """Names and default values that the cell tagged ``parameters`` assigns.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    dict or None
        None when no cell has the tag. A default that is not a literal is given as `NotImplemented`.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> cell = new_code_cell("month = 36  # landmark", metadata={"tags": ["parameters"]})
    >>> declared_parameters(new_notebook(cells=[cell]))
    {'month': 36}
    """
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ()):
            break
    else:
        return None
    declared = {}
    for node in ast.parse(cell.source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    declared[target.id] = ast.literal_eval(node.value)
                except ValueError:
                    declared[target.id] = NotImplemented
    return declared


def check_parameters(notebook, parameters, name):
    """Refuse a parameter that the notebook does not declare or whose default has another type.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    parameters : dict
    name : str
        Of the notebook, for the message.

    Raises
    ------
    RenderError
    """
    if not parameters:
        return
    declared = declared_parameters(notebook)
    if declared is None:
        raise RenderError(
            f"{name} has no cell tagged 'parameters', so it takes none; given: "
            f"{', '.join(parameters)}."
        )
    unknown = [given for given in parameters if given not in declared]
    if unknown:
        raise RenderError(
            f"{name} has no parameter {', '.join(map(repr, unknown))}; it declares "
            f"{', '.join(declared) or 'none'}."
        )
    for given, value in parameters.items():
        default = declared[given]
        if not _same_type(value, default):
            raise RenderError(
                f"{name}: parameter {given} must be {type(default).__name__}, as in "
                f"{given} = {default!r}; found {value!r} ({type(value).__name__})."
            )


class _Client(PapermillNotebookClient):
    """Papermill's client, which remembers the cell it is at and stops its kernel at once."""

    at = None
    on_cell = None

    async def async_execute_cell(self, cell, cell_index, **options):
        _Client.at = (cell_index, cell)
        if self.on_cell:
            self.on_cell(cell_index + 1, len(self.nb.cells))
        return await super().async_execute_cell(cell, cell_index, **options)


class _Engine(NBClientEngine):
    """Papermill's engine with kernels of our own."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **options):
        _Client.at = None
        client = _Client(
            nb_man,
            km=None,
            kernel_manager_class=OwnKernelManager,
            kernel_name="python3",
            timeout=options["cell_seconds"],
            startup_timeout=60,
            shutdown_kernel="immediate",
            # A tag or a setting that allows errors would let a broken report pass.
            force_raise_errors=True,
            resources={"metadata": {"path": options["folder"]}},
        )
        client.on_cell = options["on_cell"]
        return client.execute()


papermill_engines.register("vlms", _Engine)


def _execute(notebook, parameters, path, cell_seconds, on_cell):
    """Run all cells in the notebook's own folder, as JupyterLab does."""
    try:
        # papermill takes a path for a format string, which a brace in it would break.
        return execute_notebook(
            nbformat.from_dict(notebook),
            None,
            parameters=parameters,
            engine_name="vlms",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            cell_seconds=cell_seconds,
            folder=str(path.resolve().parent),
            on_cell=on_cell,
        )
    except PapermillExecutionError as error:
        what = "\n".join(error.traceback) or f"{error.ename}: {error.evalue}"
        raise _cell_error(path.name, error.cell_index, error.source, what) from error
    except CellTimeoutError as error:
        index, cell = _Client.at
        what = (
            f"The cell did not end within {cell_seconds:g} s. Make it quicker, or allow it more"
            " time with --cell-seconds."
        )
        raise _cell_error(path.name, index, cell.source, what) from error
    except DeadKernelError as error:
        index, cell = _Client.at
        what = "The kernel died while it ran this cell (killed, out of memory, or a crash)."
        raise _cell_error(path.name, index, cell.source, what) from error


def _check_every_cell(notebook, name):
    """Every code cell ran, and none gave an error, whatever its tags allow."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                what = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
                raise _cell_error(name, index, cell.source, what)
        if cell.execution_count is None:
            what = "The cell was not run: one before it ended the kernel (exit, quit or os._exit)."
            raise _cell_error(name, index, cell.source, what)


def _cell_error(name, index, source, what):
    plain = re.sub(r"\x1b\[[0-9;]*m", "", what).strip()
    shown = "\n".join(f"    {line}" for line in source.splitlines())
    return RenderError(f"{name}, cell {index + 1}:\n\n{shown}\n\n{plain}")


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
    if not cards:
        return {}
    card = dict(cards[-1])
    label = re.escape(card.get("figure", ""))
    image = re.search(rf'<figure id="{label}"[^>]*>\s*<img alt="([^"]*)" src="([^"]*)"', page)
    card["image"] = image and {"alt": html.unescape(image[1]), "src": image[2]}
    return card


def _csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _same_type(value, default):
    if default is None or default is NotImplemented or value is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, (list, tuple)):
        return isinstance(value, (list, tuple))
    return isinstance(value, type(default))
