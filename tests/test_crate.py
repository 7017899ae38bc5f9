"""Each verdict's cell, functions and data; the crate, the certificate, the front matter."""

import importlib.util
import json
import shutil
import subprocess
import venv
from pathlib import Path

import nbformat
import pytest
from report_project import Project, code, notebook, prose

from vlms.pages import CrateError, build, certify, write_crate
from vlms.pages.crate import Check, _watch

ROOT = Path(__file__).resolve().parents[1]

CELLS = """\
from vlms.consistency import percentage_check
from vlms.ledger import Ledger
from vlms.printed import print_number

ledger = Ledger.open("tilkorn2010")
---
def share(patients, printed):
    return len(patients) / printed["soft-tissue-tumours"]


def ages(patients):
    return patients["age_years"].map(lambda age: int(print_number(age, 0)))


ledger.check({
    "women": lambda p: p["sex"] == "f",
    "vascular-share-of-tumours": share,
})
ledger.check({"age-*": ages})
---
ledger.check(["soft-tissue-tumours"])
"""


def test_the_cell_the_functions_and_the_data_of_a_claim_are_watched(tmp_path):
    cells = [prose("# Paper"), *map(code, CELLS.split("---\n"))]
    path = tmp_path / "paper.ipynb"
    nbformat.write(notebook(*cells), path)
    published = [{"id": "women", "verdict": "reproduced"}]
    with pytest.raises(CrateError, match="gives other verdicts than its report"):
        _watch(path, published)
    checks = _watch(path, None)
    place = "data/tilkorn2010/patients.csv"
    assert checks["women"] == Check(3, "cell-2", "cell 3, line 10", [], [(place, "sex")], [])
    share = checks["vascular-share-of-tumours"]
    assert (share.code, share.printed) == ("cell 3, line 1", ["soft-tissue-tumours"])
    called = ["vlms.printed.print_number"]
    age = Check(3, "cell-2", "cell 3, line 5", called, [(place, "age_years")], [])
    assert checks["age-12"] == age
    assert checks["soft-tissue-tumours"] == Check(4, "cell-3", "", [], [], [])


def test_readme_citation_and_manifest_are_in_line_with_the_data():
    spec = importlib.util.spec_from_file_location("front_matter", ROOT / "docs/front_matter.py")
    front_matter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(front_matter)
    stale = [
        name
        for name, text in front_matter.files().items()
        if text != (ROOT / name).read_text(encoding="utf-8")
    ]
    assert stale == [], "run: python docs/front_matter.py"


@pytest.mark.slow
def test_a_crate_of_both_papers_is_valid_by_roc_validator(tmp_path):
    """In an environment of its own, as locked; it installs from the network."""
    others = [path.name for path in ROOT.glob("notebooks/[!rt]*")]  # but roland and tilkorn
    others += [path.name for path in ROOT.glob("notebooks/*-rebuilt.ipynb")]
    not_needed = shutil.ignore_patterns(".git", ".venv", ".?*_cache", "reports", *others)
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=not_needed)
    assert sorted(build(project).built) == ["roland2016", "tilkorn2010"]
    n = write_crate(project)
    crate = json.loads((project / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    by_id = {entity["@id"]: entity for entity in crate["@graph"]}
    verdicts = {name for name in by_id if name.startswith("#verdict/")}
    results = [entity.get("result", []) for entity in by_id.values()]
    made = {part["@id"] for result in results if isinstance(result, list) for part in result}
    made |= {result["@id"] for result in results if isinstance(result, dict)}
    assert len(verdicts) == n > 300 and verdicts <= made
    women = by_id["#verdict/tilkorn2010/women"]
    assert (women["value"], women["reviewRating"]["@id"]) == ("9", "#rating/reproduced")
    claim = by_id[women["itemReviewed"]["@id"]]
    assert (claim["value"], claim["pagination"]) == ("nine", "results; discussion")
    file, _, row = claim["identifier"][0].partition("#row=")
    line = (project / file).read_text(encoding="utf-8").splitlines()[int(row) - 1]
    assert line.startswith("women,")

    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python, here = environment / "bin" / "python", Path(__file__).parent
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]
    subprocess.run([python, *install, here / "rocrate-validator.lock"], check=True)
    context = next(environment.glob("lib/*/site-packages/rocrate/data/ro-crate.jsonld"))

    def validate():
        command = [python, here / "validate_crate.py", project, context]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")

    done = validate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("0 problems")
    del by_id["./"]["license"]  # the validator does look
    (project / "ro-crate-metadata.json").write_text(json.dumps(crate), encoding="utf-8")
    assert validate().returncode == 1


@pytest.mark.slow
def test_a_certificate_names_the_file_that_came_out_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # where the clone finds the package
    project = Project(tmp_path / "project")
    project.write("paper", notebook(
        prose("# Paper"),
        code("import pandas as pd\nfrom vlms.showing import show_table"),
        code("show_table(pd.DataFrame({'n': [1, 2]}), label='tbl-n', caption='Two numbers.')"),
    ))  # fmt: skip
    (project.root / "pyproject.toml").write_text(
        '[project]\nversion="1"\ndependencies=["pandas"]\n'
    )
    identity = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-qm", "A"]):
        subprocess.run([*identity, *arguments], cwd=project.root, check=True)
    assert project.run("build").returncode == 0
    certificate = project.root / "reports" / "certificate.md"
    assert certify(project.root) == []
    text = certificate.read_text(encoding="utf-8")
    assert "2 of 2 published files came out the same" in text and "pandas 2." in text
    assert str(tmp_path) not in text
    table = project.root / "reports" / "paper" / "tbl-n.csv"
    table.write_text(table.read_text().replace("2", "3"))
    assert certify(project.root) == ["reports/paper/tbl-n.csv"]
    assert "| **differs** |" in certificate.read_text(encoding="utf-8")
