"""Notebooks are narrative and calls: the rules that keep them readable and clean in git."""

import ast
import re
import statistics
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
MAY_IMPORT = {"vlms", "pandas", "seaborn", "matplotlib"}
LOGIC = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines_of(cell):
    lines = (line.strip() for line in cell.source.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_there_is_a_notebook_for_every_paper():
    papers = {folder.parent.name for folder in (ROOT / "data").glob("*/claims.csv")}
    assert papers <= {path.stem for path in NOTEBOOKS}


def test_a_notebook_is_valid_and_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    assert [c.id for c in code_cells(notebook) if c.outputs or c.execution_count] == []
    assert notebook.metadata.kernelspec.name == "python3"


def test_a_notebook_holds_calls_and_no_logic(notebook):
    for cell in code_cells(notebook):
        found = [type(n).__name__ for n in ast.walk(ast.parse(cell.source)) if isinstance(n, LOGIC)]
        assert found == [], cell.source


def test_a_notebook_imports_the_package_and_plotting_only(notebook):
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            assert {name.split(".")[0] for name in names} <= MAY_IMPORT


def test_cells_are_short(notebook):
    lengths = [len(lines_of(cell)) for cell in code_cells(notebook)]
    assert max(lengths) <= 10
    assert statistics.median(lengths) <= 3


def test_there_is_more_prose_than_code(notebook):
    """At least ten words a line; a sentence that code fills with numbers is prose."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell in code_cells(notebook):
        texts = (n.value for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Constant))
        prose += [text for text in texts if isinstance(text, str) and text.count(" ") >= 3]
    words = sum(len(re.findall(r"\w+", text)) for text in prose)
    lines = sum(len(lines_of(cell)) for cell in code_cells(notebook))
    assert words >= 10 * lines


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


def test_every_figure_is_captioned_and_every_reference_leads_somewhere(notebook):
    source = "\n".join(cell.source for cell in notebook.cells)
    labels = set(re.findall(r'label="((?:fig|tbl)-[a-z0-9-]+)"', source))
    used = set(re.findall(r"@((?:fig|tbl)-[a-z0-9-]*[a-z0-9])", source))
    assert used <= labels
    assert len(labels) == len(re.findall(r'label="(?:fig|tbl)-', source)), "a label stands twice"
    assert "plt.show" not in source
