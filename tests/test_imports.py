"""The package has one direction: a module imports only what stands before it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "vlms"

# From the ground up. A new module takes its place here, after all that it needs.
ORDER = """
    rounding
    cleaning table_reading codebook coherence cohort endpoints
    event_table curves log_rank
    survival
    descriptive
    consistency
    claims
    figures
    presentation
    render build
    audit __main__
""".split()


def imports_of(path):
    """Every module of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield "a relative import"
        elif isinstance(node, ast.ImportFrom) and node.module == "vlms":
            yield "vlms itself"
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("vlms."):
            yield node.module.removeprefix("vlms.")
        elif isinstance(node, ast.Import):
            yield from (a.name.removeprefix("vlms.") for a in node.names if a.name[:4] == "vlms")


def modules():
    return sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def test_every_module_has_its_place_and_every_place_a_module():
    assert sorted(ORDER) == modules()


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_stands_before_it(module):
    before = ORDER[: ORDER.index(module)]
    if module == "__main__":
        before = [*before, "__main__"]
    assert [name for name in imports_of(PACKAGE / f"{module}.py") if name not in before] == []


def test_the_package_itself_imports_nothing():
    assert list(imports_of(PACKAGE / "__init__.py")) == []


def test_the_command_line_starts_without_the_numerical_libraries():
    code = (
        "import sys, vlms.__main__; print(*({'pandas', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
