"""Notebooks are what a student learns from: the rules that keep them readable and clean in git."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
MAY_IMPORT = {"vlms", "pandas", "numpy", "seaborn", "matplotlib", "lifelines"}
# In a lesson students write what a report would have from the package.
IN_LESSONS = {"scipy", "math", "statistics", "itertools", "warnings"}
SAYING = {"say", "Exercise", "show_figure", "picture"}  # sentences, captions of a card's picture
LOGIC = (ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def report(path, notebook):
    if path.parent.name == "lessons":
        pytest.skip("of reports, not of lessons")
    return notebook


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


def test_a_notebook_holds_calls_and_no_logic(report):
    for cell in code_cells(report):
        found = [type(n).__name__ for n in ast.walk(ast.parse(cell.source)) if isinstance(n, LOGIC)]
        assert found == [], cell.source


def test_a_notebook_imports_what_a_student_of_the_field_knows(path, notebook):
    allowed = MAY_IMPORT | (IN_LESSONS if path.parent.name == "lessons" else set())
    for cell in code_cells(notebook):
        assert {name.split(".")[0] for name in imports_of(cell)} <= allowed


def test_imports_stand_in_one_cell_and_prose_in_none(report):
    assert len([cell for cell in code_cells(report) if list(imports_of(cell))]) <= 1
    for cell in code_cells(report):
        nodes = list(ast.walk(ast.parse(cell.source)))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        calls = [call for call in calls if ast.unparse(call.func) in SAYING]
        said = {id(part) for call in calls for part in ast.walk(call)}
        texts = [n.value for n in nodes if isinstance(n, ast.Constant) and id(n) not in said]
        long = [text for text in texts if isinstance(text, str) and len(text.split()) > 12]
        assert long == []
        unpacked = [n for n in nodes if isinstance(n, ast.keyword) and n.arg is None]
        assert [n for n in unpacked if isinstance(n.value, ast.Dict)] == [], "name the arguments"


def test_the_first_code_cell_holds_the_parameters_each_explained(report):
    first = code_cells(report)[0]
    assert "parameters" in first.metadata.get("tags", [])
    tree = ast.parse(first.source)
    assert all(isinstance(node, (ast.Assign, ast.AnnAssign)) for node in tree.body)
    lines = first.source.splitlines()
    for node in tree.body:
        around = lines[max(node.lineno - 2, 0) : node.end_lineno]
        assert any("#" in line for line in around), f"no comment explains line {node.lineno}"


def test_a_report_knows_its_title_citation_and_data(notebook):
    about = notebook.metadata.vlms
    assert about["kind"] in ("paper", "series", "overview", "lesson", "cohort")
    assert about["title"]
    assert all(list((ROOT / "data").glob(folder)) for folder in about.get("data", []))


def test_every_figure_is_labelled_once_and_every_reference_leads_somewhere(notebook):
    source = "\n".join(cell.source for cell in notebook.cells)
    labels = re.findall(r'(?:label="|#\| label: )((?:fig|tbl)-[a-z0-9-]+)', source)
    used = set(re.findall(r"@((?:fig|tbl)-[a-z0-9-]*[a-z0-9])", source))
    assert used <= set(labels)
    assert len(labels) == len(set(labels)), "a label stands twice"
    assert "plt.show" not in source


# --- Nobody types a verdict, nor what it rests on ------------------------------------------------

CALLS = {"fillna", "isin", "drop", "replace", "mask", "where", "clip", "assign"}
UNITS = {12, 100}  # months in a year, per cent


def constant(node):
    """Whether an expression is made of literals alone."""
    names = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Lambda)
    return not any(isinstance(part, names) for part in ast.walk(node))


def is_number(node):
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def results_of(function):
    """What a lambda or a function returns; both ends of `a if b else c`."""
    ends = [n.value for n in ast.walk(function) if isinstance(n, ast.Return)]
    ends = [function.body] if isinstance(function, ast.Lambda) else ends
    while any(isinstance(end, ast.IfExp) for end in ends):
        ends = [
            part
            for end in ends
            for part in ((end.body, end.orelse) if isinstance(end, ast.IfExp) else (end,))
        ]
    return ends


def typed_in(function, literals):
    """Yield each literal that the result of a function rests on; a threshold is none."""
    for end in results_of(function):
        if constant(end) or (isinstance(end, ast.Name) and end.id in literals):
            yield ast.unparse(end)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in literals:
            yield f"{node.id} is bound to a literal"
        elif isinstance(node, ast.BinOp):
            for side in (node.left, node.right):
                scale = isinstance(node.op, ast.Mult | ast.Div) and is_number(side)
                if is_number(side) and not (scale and side.value in UNITS):
                    yield ast.unparse(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = [*node.args, *(word.value for word in node.keywords)]
            if node.func.attr in CALLS and any(constant(each) for each in given):
                yield ast.unparse(node)
        elif isinstance(node, ast.IfExp):
            yield from (ast.unparse(e) for e in (node.body, node.orelse) if constant(e))


def typed_results(source):
    """What the checks of a notebook take from literals instead of from the data."""
    tree = ast.parse(source)
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assigned = [n for n in tree.body if isinstance(n, ast.Assign)]
    functions |= {n.targets[0].id: n.value for n in assigned if isinstance(n.value, ast.Lambda)}
    literals = {
        target.id
        for node in assigned
        if constant(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "ledger.check"):
            continue
        values = [v for arg in call.args if isinstance(arg, ast.Dict) for v in arg.values]
        for value in values:
            seen, waiting = set(), [value]
            if constant(value) or (isinstance(value, ast.Name) and value.id in literals):
                found.append(ast.unparse(value))
            while waiting:
                node = waiting.pop()
                function = functions.get(node.id) if isinstance(node, ast.Name) else node
                if function is None or id(function) in seen:
                    continue
                seen.add(id(function))
                found += typed_in(function, literals)
                used = (n for n in ast.walk(function) if isinstance(n, ast.Name))
                waiting += [n for n in used if n.id in functions]
    return found


@pytest.mark.parametrize(
    "offence",
    [
        '{"a": 0}',
        '{"a": 182 / 1613}',
        '{"a": left}',
        '{"a": lambda p: 9}',
        '{"a": lambda p: left}',
        '{"a": lambda p: (4, 12)}',
        '{"a": lambda p: p["t_stage"].fillna("T2") == "T2"}',
        '{"a": lambda p: p[p["id"].isin(["11"])]["age"].mean()}',
        '{"a": lambda p: p["relapse"].drop("2").sum()}',
        '{"a": lambda p: p.at["2", "time_months"] - 9}',
        '{"a": lambda p: "T2" if p.at["1", "size_cm"] > 5 else "T1"}',
        '{"a": lambda p: p["size_cm"].gt(left).sum()}',
        '{"a": helper}',
        '{"a": lambda p: helper(p)}',
        '{"a": lambda p: p["age"].replace({74: 75}).mean()}',
    ],
)
def test_a_planted_literal_is_found(offence):
    helper = 'def helper(p):\n    return p["m_stage"].fillna("M0")\n'
    assert typed_results(f"left = 15 - 9\n{helper}ledger.check({offence})")


def test_a_threshold_a_level_asked_for_and_a_unit_are_no_offence():
    assert not typed_results(
        'def old(p):\n    return p["age"] >= 65\n'
        'ledger.check({"a": old, "b": lambda p: (p["sex"] == "f").sum(), '
        '"c": lambda p: p.at["11", "growth_months"] / 12, '
        '"d": lambda p, printed: len(p) / printed["tumours"]})'
    )


@pytest.mark.parametrize("paper", ["tilkorn2010", "roland2016"])
def test_no_verdict_rests_on_a_typed_value(paper):
    path = ROOT / "notebooks" / f"{paper}.ipynb"
    cells = code_cells(nbformat.read(path, as_version=4))
    source = "\n".join(cell.source for cell in cells)
    assert typed_results(source) == []
    plain = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert "ledger.check" not in plain[0].source
