"""The façade: one place to import every statistical name from."""

import ast
from pathlib import Path

import vlms.survival as survival

SOURCE = Path(survival.__file__)


def test_the_facade_holds_no_code():
    body = ast.parse(SOURCE.read_text(encoding="utf-8")).body
    assert isinstance(body[0], ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) for node in body[1:-1])
    assert isinstance(body[-1], ast.Assign)


def test_what_is_imported_is_what_is_offered():
    imported = {
        alias.name
        for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(survival.__all__)


def test_the_names_that_others_rely_on_are_there():
    names = """kaplan_meier survival_at survival_quantile median_follow_up restricted_mean log_rank
    pairwise_log_rank cox proportional_hazards_test cumulative_incidence gray_test at_landmark"""
    assert [name for name in names.split() if not hasattr(survival, name)] == []


def test_every_offered_function_is_documented_with_an_example():
    functions = [getattr(survival, name) for name in survival.__all__]
    assert [f.__name__ for f in functions if callable(f) and not f.__doc__] == []
    plain = [f for f in functions if callable(f) and not isinstance(f, type)]
    assert [f.__name__ for f in plain if ">>>" not in f.__doc__] == []
