"""Read a notebook, and hold the parameters that are given against those that it declares."""

import vlms.rendering.quick_imports  # noqa: F401

# isort: split

import ast
from pathlib import Path

import nbformat


class RenderError(RuntimeError):
    """A notebook that cannot become a report; the message names the cell and what to do."""


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
