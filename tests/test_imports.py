"""The house from below: who imports whom, what is declared is used, what is public is reached."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vlms"

# A room, file or folder, imports only from those before it; CONTRIBUTING draws the same.
ROOMS = """
    provenance printed study cohort endpoints readings survival describing markers consistency
    rebuild ledger figures showing disclosure own_cohort course pages cohort_report
    shelf add_paper cli __main__
""".split()

# Run, or loaded by others, without being imported.
TOOLS = {"jupyterlab", "ipykernel"}

# The names of the design's section 3, which stay whether or not anything here reaches them.
CONTRACT = set(
    "read_cohort read_paper time_to_event kaplan_meier survival_at survival_quantile"
    " median_follow_up restricted_mean log_rank pairwise_log_rank cox proportional_hazards_test"
    " cumulative_incidence gray_test at_landmark event_table Ledger check_paper rebuild bounds"
    " coverage_table".split()
)

# What the next rooms will reach: models of start/stop rows and of counts, many small cohorts at
# once, pooled studies.
AWAITED = set(
    "follow_up_intervals cox_from_table bootstrap_survival bootstrap_hazard_ratio"
    " log_hazard_ratios pool_proportions".split()
)


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) != "__init__"]


@cache
def notebook_trees():
    """The code of all notebooks, a tree each."""
    trees = []
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        trees.append(ast.parse("\n".join(code)))
    return trees


def imports_of(source):
    """Every module that some code imports, anywhere in it, with the names it takes from there."""
    for node in ast.walk(source):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            yield node.module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)


def ours(source):
    """Of these, the modules of the package, each as a path of names below it."""
    for module, names in imports_of(source):
        if module == "vlms":
            yield from ([name] for name in names)
        elif module.startswith("vlms."):
            yield module.split(".")[1:]


def test_every_room_has_its_place():
    assert {room_of(path) for path in MODULES} - set(ROOMS) == set()


def test_a_module_imports_only_rooms_before_its_own_and_from_their_name():
    wrong = []
    for path in MODULES:
        room = room_of(path)
        before = ROOMS[: ROOMS.index(room)]
        for imported, *part in ours(tree(path)):
            if imported != room and (imported not in before or part):
                wrong.append((path.relative_to(PACKAGE).as_posix(), ".".join([imported, *part])))
    assert wrong == []


def test_the_package_itself_imports_nothing():
    assert list(imports_of(tree(PACKAGE / "__init__.py"))) == []


def test_the_command_line_starts_without_the_numerical_libraries():
    code = "import sys, vlms.cli; print({'pandas', 'numpy', 'matplotlib'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_what_is_declared_is_imported_by_the_package_or_a_notebook():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", text)[0].lower() for text in project["dependencies"]}
    sources = [*map(tree, MODULES), *notebook_trees()]
    names = {module.split(".")[0] for source in sources for module, _ in imports_of(source)}
    by_name = importlib.metadata.packages_distributions()
    imported = {name.lower().replace("_", "-") for top in names for name in by_name.get(top, [top])}
    assert declared - imported - TOOLS == set()


def test_every_public_function_is_reached_by_a_notebook_command_lesson_or_guide():
    """From a notebook's or the command line's code on, through the functions that it names."""
    defined = {}
    for path in MODULES:
        for node in tree(path).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not (
                node.decorator_list and path.name == "cli.py"
            ):
                defined.setdefault(node.name, []).append(node)
            elif path.name != "__init__.py":  # what runs when a module is loaded
                defined.setdefault("", []).append(node)
    docs = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    guides = " ".join(path.read_text(encoding="utf-8") for path in docs)
    checks = {
        name
        for node in tree(PACKAGE / "consistency" / "__init__.py").body
        if isinstance(node, ast.ImportFrom)
        for name in (a.name for a in node.names)
    }
    reached = CONTRACT | AWAITED | checks | {name for name in defined if f"{name}(" in guides}
    waiting = [*notebook_trees(), tree(PACKAGE / "cli.py"), *defined.pop("", [])]
    waiting += [node for name in reached for node in defined.get(name, ())]
    while waiting:
        for node in ast.walk(waiting.pop()):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if name in defined and name not in reached:
                reached.add(name)
                waiting += defined[name]
    assert sorted(name for name in defined if name[0] != "_" and name not in reached) == []
