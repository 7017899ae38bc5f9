"""Notebooks are what a student learns from: the rules that keep them readable and clean in git."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
MAY_IMPORT = {"vlms", "pandas", "numpy", "seaborn", "matplotlib", "lifelines"}
SAYING = {"say", "Exercise"}  # sentences that numbers are filled into
LOGIC = (ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def imports_of(cell):
    for node in ast.parse(cell.source).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_there_is_a_notebook_for_every_paper():
    papers = {folder.parent.name for folder in (ROOT / "data").glob("*/claims.csv")}
    assert papers <= {path.stem for path in NOTEBOOKS}


def test_a_notebook_is_valid_and_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    assert [c.id for c in code_cells(notebook) if c.outputs or c.execution_count] == []
    assert notebook.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_jupyterlab_saves_a_notebook_as_it_stands(path, notebook):
    """JupyterLab saves with nbformat: sorted keys, one space of indent, a line end at the end."""
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"


def test_a_notebook_holds_calls_and_no_logic(notebook):
    for cell in code_cells(notebook):
        found = [type(n).__name__ for n in ast.walk(ast.parse(cell.source)) if isinstance(n, LOGIC)]
        assert found == [], cell.source


def test_a_notebook_imports_what_a_student_of_the_field_knows(notebook):
    for cell in code_cells(notebook):
        assert {name.split(".")[0] for name in imports_of(cell)} <= MAY_IMPORT


def test_imports_stand_in_one_cell_and_prose_in_none(notebook):
    assert len([cell for cell in code_cells(notebook) if list(imports_of(cell))]) <= 1
    for cell in code_cells(notebook):
        nodes = list(ast.walk(ast.parse(cell.source)))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        calls = [call for call in calls if ast.unparse(call.func) in SAYING]
        said = {id(part) for call in calls for part in ast.walk(call)}
        texts = [n.value for n in nodes if isinstance(n, ast.Constant) and id(n) not in said]
        long = [text for text in texts if isinstance(text, str) and len(text.split()) > 12]
        assert long == []
        unpacked = [n for n in nodes if isinstance(n, ast.keyword) and n.arg is None]
        assert [n for n in unpacked if isinstance(n.value, ast.Dict)] == [], "name the arguments"


def test_the_first_code_cell_holds_the_parameters_each_explained(notebook):
    first = code_cells(notebook)[0]
    assert "parameters" in first.metadata.get("tags", [])
    tree = ast.parse(first.source)
    assert all(isinstance(node, (ast.Assign, ast.AnnAssign)) for node in tree.body)
    lines = first.source.splitlines()
    for node in tree.body:
        around = lines[max(node.lineno - 2, 0) : node.end_lineno]
        assert any("#" in line for line in around), f"no comment explains line {node.lineno}"


def test_a_report_knows_its_title_citation_and_data(notebook):
    about = notebook.metadata.vlms
    assert about["kind"] in ("paper", "overview", "lesson", "cohort")
    assert about["title"]
    assert all((ROOT / "data" / folder).is_dir() for folder in about.get("data", []))


def test_every_figure_is_labelled_once_and_every_reference_leads_somewhere(notebook):
    source = "\n".join(cell.source for cell in notebook.cells)
    labels = re.findall(r'(?:label="|#\| label: )((?:fig|tbl)-[a-z0-9-]+)', source)
    used = set(re.findall(r"@((?:fig|tbl)-[a-z0-9-]*[a-z0-9])", source))
    assert used <= set(labels)
    assert len(labels) == len(set(labels)), "a label stands twice"
    assert "plt.show" not in source
