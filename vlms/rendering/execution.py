"""Run a notebook through papermill on a kernel of our own, and see that every cell ran well."""

import vlms.rendering.quick_imports  # noqa: F401

# isort: split

import re

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

from vlms.rendering.kernels import OwnKernelManager
from vlms.rendering.parameters import RenderError

CELL_SECONDS = 600


def execute(notebook, parameters, path, cell_seconds, on_cell):
    """Run all cells in the notebook's own folder, as JupyterLab does.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    parameters : dict
        Already checked.
    path : pathlib.Path
        Where the notebook is.
    cell_seconds : float
        Time limit for a cell.
    on_cell : callable or None
        Called with the number of each cell before it runs, and how many there are.

    Returns
    -------
    nbformat.NotebookNode
        With its outputs.

    Raises
    ------
    RenderError
        When a cell fails, runs too long, ends its kernel or is not run; it shows the cell.
    """
    try:
        # papermill takes a path for a format string, which a brace in it would break.
        executed = execute_notebook(
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
    _check_every_cell(executed, path.name)
    return executed


class _Client(PapermillNotebookClient):
    """Papermill's client, which remembers the cell that it is at."""

    at = None
    on_cell = None

    def execute_cell(self, cell, cell_index, **options):
        _Client.at = (cell_index, cell)
        if self.on_cell:
            self.on_cell(cell_index + 1, len(self.nb.cells))
        return super().execute_cell(cell, cell_index, **options)


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


papermill_engines.register("vlms", _Engine)
