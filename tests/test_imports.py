"""The package has one direction: a module imports only what stands before it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "vlms"

# From the ground up. A folder is one idea in several modules, and its name stands for what it
# offers to the others (its __init__). A new module takes its place here, after all that it needs.
ORDER = """
    rounding verdicts variables
    reading reading.problems reading.cells reading.stages
    reading.treatments reading.outcomes cleaning
    reading.opening reading.tables reading.codebook reading.columns reading.coherence
    cohort readings endpoints intake
    survival.arguments survival.observations survival.event_table survival.limits survival.curves
    survival.quantiles survival.restricted_means survival.spreading survival.allocations
    survival.side_by_side survival.log_rank survival.covariates survival.risk_sets
    survival.partial_likelihood survival.newton survival.firth survival.cox_fit survival.regression
    survival.proportional_hazards survival.competing_risks survival.gray survival.time_dependent
    survival.pooling survival.resampling survival.registry survival
    descriptive.summaries descriptive.table_one descriptive.exact_tests
    descriptive
    consistency.findings consistency.shares consistency.counts consistency.moments
    consistency.information consistency.hazards consistency.event_bounds consistency.wording
    consistency.products consistency.histories consistency.attainable consistency.mixtures
    consistency.medians consistency.comparisons consistency
    claims.claims_file claims.comparison claims.ledger_view claims.ledger claims
    figures.drawing figures.curves figures.patients figures.estimates figures.multiverse
    figures.counts figures.claims figures
    presentation.shown presentation.sentences presentation.tables presentation.pictures
    presentation
    exercises
    disclosure.rules disclosure.curves disclosure.releases disclosure
    rendering rendering.processes rendering.quick_imports rendering.kernels rendering.layout
    rendering.prose rendering.page rendering.publishing rendering.parameters rendering.execution
    render
    rendering.freshness rendering.index rendering.workers rendering.progress build
    rendering.compare
    own_cohort.study own_cohort.quality own_cohort.curves own_cohort.description
    own_cohort.groups own_cohort.models own_cohort.frame own_cohort own_cohort.report
    commands commands.audit commands.reports commands.cohorts __main__
""".split()


OFFERING = ["survival", "descriptive", "consistency", "claims", "figures", "disclosure"]


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py") if name_of(path)}


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
            names = (alias.name for alias in node.names)
            yield from (name.removeprefix("vlms.") for name in names if name.startswith("vlms"))


def test_every_module_has_its_place_and_every_place_a_module():
    assert sorted(ORDER) == sorted(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_stands_before_it(module):
    before = ORDER[: ORDER.index(module)]
    assert [name for name in imports_of(MODULES[module]) if name not in before] == []


@pytest.mark.parametrize("folder", OFFERING)
def test_what_a_folder_offers_is_imported_from_its_name(folder):
    """One way to import: the parts of a folder are its own affair."""
    for module, path in MODULES.items():
        if module.split(".")[0] != folder:
            assert [name for name in imports_of(path) if name.startswith(f"{folder}.")] == [], (
                module
            )


def test_the_package_itself_imports_nothing():
    assert list(imports_of(PACKAGE / "__init__.py")) == []


def test_the_command_line_starts_without_the_numerical_libraries():
    code = "import sys, vlms.__main__; print({'pandas', 'numpy', 'matplotlib'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
