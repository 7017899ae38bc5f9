"""Notebooks are what a student learns from: the rules that keep them readable and clean in git."""

from pathlib import Path

import nbformat
import pytest

from vlms.add_paper import notebook_problems, typed_results

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


def test_there_is_a_notebook_for_every_paper():
    papers = {folder.parent.name for folder in (ROOT / "data").glob("*/claims.csv")}
    assert papers <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_rules(path):
    assert notebook_problems(path) == []


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("for k in [1]:\n    print(k)", "holds logic (For)"),
        ("import os", "imports os"),
        ("import numpy as np", "imports, as cell 4 does"),
        (f"print('{'word ' * 13}')", "prose"),
        ("print(**{'end': ''})", "name the arguments"),
        ("plt.show()", "plt.show"),
        ("x =", "invalid syntax"),
        ("#| label: fig-survival\nprint(1)", "the label fig-survival stands twice"),
        ("card(patients=1, figure='fig-x', findings=['a'])".replace("'", '"'), "refers to fig-x"),
    ],
)
def test_a_planted_offence_is_found(tmp_path, cell, problem):
    path = ROOT / "notebooks" / "tilkorn2010.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [*notebook.cells[:4], fig(), nbformat.v4.new_code_cell(cell, id="planted")]
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data" / "tilkorn2010").mkdir(parents=True)
    planted = tmp_path / "notebooks" / "planted.ipynb"
    planted.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    told = [text for number, text in notebook_problems(planted) if number == 6]
    assert [text for text in told if problem in text], told


def fig():
    return nbformat.v4.new_code_cell("#| label: fig-survival\nprint(1)", id="fig")


def test_outputs_and_a_save_by_hand_are_found(tmp_path):
    notebook = nbformat.read(ROOT / "notebooks" / "overview.ipynb", as_version=4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.execution_count, code.metadata.tags = 1, []
    planted = tmp_path / "notebooks" / "planted.ipynb"
    planted.parent.mkdir()
    planted.write_text(nbformat.writes(notebook), encoding="utf-8")
    told = " ".join(problem for _, problem in notebook_problems(planted))
    assert "not as JupyterLab saves it" in told
    assert "stored with output" in told
    assert "to hold the parameters" in told


# --- Nobody types a verdict, nor what it rests on ------------------------------------------------


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
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    source = "\n".join(cell.source for cell in cells)
    assert typed_results(source) == []
    plain = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert "ledger.check" not in plain[0].source
