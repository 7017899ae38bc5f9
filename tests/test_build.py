"""What is stale is decided by content, and a build says why it builds."""

import os
import shutil
import subprocess

import pytest
from report_project import PACKAGE_FOLDER, Project, code, notebook, simple

from vlms.build import status
from vlms.rendering.freshness import hash_files, inputs_of, plan_reports

# The line in the Makefile by which a no-op costs what make costs.
SHELL = (
    "find data notebooks vlms requirements.lock reports -type f ! -name '.*'"
    " ! -path '*/__pycache__/*' ! -path '*/.*/*' -exec sha256sum {} + 2>/dev/null"
    " | LC_ALL=C sort | cmp -s - reports/.cache/checksums"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project with two reports and a package of its own, built once."""
    project = Project(tmp_path_factory.mktemp("build") / "my project")
    project.write("one", simple(data=["one"]))
    project.write("two", notebook(code("from vlms.rounding import Printed\nPrinted")))
    project.file("data/one/patients.csv", "id\n1\n")
    project.file("data/two/patients.csv", "id\n2\n")
    project.file("vlms/__init__.py", "")
    shutil.copy(PACKAGE_FOLDER / "vlms/rounding.py",
                project.root / "vlms/rounding.py")  # fmt: skip
    project.file("vlms/render.py", "from vlms.rendering.page import make_page\n")
    project.file("vlms/rendering/page.py", "")
    project.file("vlms/commands/audit.py", "")
    project.file("requirements.lock", "pandas==2.3\n")
    # The commands run from the tests' package: the stand-in above is only hashed.
    project.done = project.run("build", PYTHONSAFEPATH="1")
    return project


@pytest.fixture
def project(built, tmp_path):
    """A copy of the built project, to change."""
    copy = Project.__new__(Project)
    copy.root = tmp_path / "copy of it"
    shutil.copytree(built.root, copy.root)
    return copy


def test_the_first_build_builds_all_and_says_why(built):
    assert built.done.returncode == 0, built.done.stdout + built.done.stderr
    assert "one: to build: never built" in built.done.stdout
    assert "2 built, 0 fresh" in built.done.stdout


def test_a_build_is_fresh_afterwards(built):
    assert status(built.root) == {"one": [], "two": []}


def test_touching_every_file_leaves_all_fresh(project):
    for path in project.root.rglob("*"):
        os.utime(path)
    assert status(project.root) == {"one": [], "two": []}


@pytest.mark.parametrize(
    ("path", "stale"),
    [
        ("data/one/patients.csv", ["one"]),
        ("data/two/patients.csv", ["two"]),
        ("requirements.lock", ["one", "two"]),
        ("vlms/rounding.py", ["two"]),
        ("vlms/rendering/page.py", ["one", "two"]),
        ("vlms/commands/audit.py", []),
    ],
)
def test_a_changed_file_makes_stale_what_depends_on_it_and_is_named(project, path, stale):
    before = (project.root / path).read_text(encoding="utf-8")
    project.file(path, before + "\n# changed\n")
    assert status(project.root) == {
        stem: [f"{path} changed"] if stem in stale else [] for stem in ("one", "two")
    }
    project.file(path, before)
    assert status(project.root) == {"one": [], "two": []}


def test_a_new_and_a_lost_input_are_named(project):
    project.file("data/one/readings.csv", "id\n")
    (project.root / "data/one/patients.csv").unlink()
    assert status(project.root)["one"] == [
        "data/one/readings.csv is new",
        "data/one/patients.csv is gone",
    ]


def test_only_the_stale_report_is_built_and_a_lost_notebook_takes_its_report(project):
    project.write("one", simple("second edition", data=["one"]))
    (project.root / "notebooks/two.ipynb").unlink()
    done = project.run("build", PYTHONSAFEPATH="1")
    assert "one: to build: notebooks/one.ipynb changed" in done.stdout
    assert "two: removed, its notebook is gone" in done.stdout
    assert "second edition" in project.report("one")
    assert not (project.root / "reports/two.html").exists()


def test_a_build_of_nothing_stale_writes_nothing(project):
    pages = list((project.root / "reports").glob("*.html"))
    before = [path.stat().st_mtime_ns for path in pages]
    done = project.run("build", PYTHONSAFEPATH="1")
    assert "0 built, 2 fresh" in done.stdout
    assert [path.stat().st_mtime_ns for path in pages] == before


def test_the_shell_sees_what_the_build_saw(project):
    if not shutil.which("sha256sum"):
        pytest.skip("sha256sum is not there; make takes shasum -a 256 instead")
    assert subprocess.run(["sh", "-c", SHELL], cwd=project.root).returncode == 0
    project.file("data/one/patients.csv", "id\n3\n")
    assert subprocess.run(["sh", "-c", SHELL], cwd=project.root).returncode == 1


def test_status_names_the_file_that_changed(project):
    project.file("requirements.lock", "pandas==2.2\n")
    said = project.run("status", PYTHONSAFEPATH="1").stdout.splitlines()
    assert said == ["one: requirements.lock changed", "two: requirements.lock changed"]


def test_an_unknown_report_is_refused(project):
    done = project.run("build", "three", PYTHONSAFEPATH="1")
    assert done.returncode == 1
    assert "No report three; there are one, two" in done.stdout


def test_a_folder_without_notebooks_is_refused(tmp_path):
    project = Project(tmp_path / "empty")
    (project.root / "notebooks").rmdir()
    done = project.run("build")
    assert done.returncode == 1
    assert "has no folder notebooks/" in done.stdout


def test_a_notebook_names_the_data_that_it_reads(tmp_path):
    project = Project(tmp_path / "p")
    project.file("data/a/x.csv", "1")
    project.file("data/b/x.csv", "1")
    project.write("overview", notebook(code("1"), data=["a", "b"]))
    (plan,) = plan_reports(project.root)
    inputs = inputs_of(plan, project.root, hash_files(project.root))
    assert list(inputs) == ["data/a/x.csv", "data/b/x.csv", "notebooks/overview.ipynb"]
