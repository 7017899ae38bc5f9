"""What is stale is decided by content, and a build says why it builds."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from report_project import CLAIMS, ROOT, Project, code, notebook, paper, prose, simple

from vlms.cli import main
from vlms.pages import BuildError, PublishingError, build, status, write_index

# The line in the Makefile by which a no-op costs what make costs.
SHELL = (
    "find data notebooks vlms requirements.lock reports -type f ! -name '.*'"
    " ! -path '*/__pycache__/*' ! -path '*/.*/*' -exec sha256sum {} + 2>/dev/null"
    " | LC_ALL=C sort | cmp -s - reports/.cache/checksums"
)
FRESH = {"one": [], "two": []}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project with two reports and a package of its own, built once."""
    project = Project(tmp_path_factory.mktemp("build") / "my project")
    project.write("one", simple(data=["one", "shared"]))
    project.write("two", notebook(code("from vlms.provenance import commit")))
    for name in ("one", "two", "shared"):
        project.file(f"data/{name}/patients.csv", "id\n1\n")
    # Only hashed: the commands run from the tests' package, by PYTHONSAFEPATH.
    project.file("vlms/provenance.py", "import vlms.behind\n")
    project.file("vlms/pages/__init__.py", "from vlms.pages.page import make_page\n")
    for path in ("__init__.py", "behind.py", "cli.py", "pages/page.py", "pages/template/page.js"):
        project.file(f"vlms/{path}", "")
    project.file("requirements.lock", "pandas==2.3\n")
    project.done = project.run("build", PYTHONSAFEPATH="1")
    return project


@pytest.fixture
def project(built, tmp_path):
    """A copy of the built project, to change."""
    shutil.copytree(built.root, tmp_path / "copy of it")
    return Project(tmp_path / "copy of it")


def test_the_first_build_builds_all_and_says_why(built):
    assert built.done.returncode == 0, built.done.stdout + built.done.stderr
    assert "one: to build: never built" in built.done.stdout
    assert "2 built, 0 fresh: open reports/index.html" in built.done.stdout
    assert status(built.root) == FRESH


def test_touching_every_file_leaves_all_fresh(project):
    for path in project.root.rglob("*"):
        os.utime(path)
    assert status(project.root) == FRESH


@pytest.mark.parametrize(
    ("path", "stale"),
    [
        ("data/one/patients.csv", ["one"]),
        ("data/two/patients.csv", ["two"]),
        ("data/shared/patients.csv", ["one"]),
        ("requirements.lock", ["one", "two"]),
        ("vlms/provenance.py", ["two"]),
        ("vlms/behind.py", ["two"]),
        ("vlms/pages/page.py", ["one", "two"]),
        ("vlms/pages/template/page.js", ["one", "two"]),
        ("vlms/cli.py", []),
    ],
)
def test_a_changed_file_makes_stale_what_depends_on_it_and_is_named(project, path, stale):
    before = (project.root / path).read_text(encoding="utf-8")
    project.file(path, before + "\n# changed\n")
    assert status(project.root) == FRESH | {stem: [f"{path} changed"] for stem in stale}
    project.file(path, before)
    assert status(project.root) == FRESH


def test_new_and_lost_inputs_and_harmed_and_lost_pages_are_named(project):
    project.file("data/one/readings.csv", "id\n")
    project.file("reports/one.html", "<html>half")
    for lost in ("data/one/patients.csv", "reports/two.html"):
        (project.root / lost).unlink()
    new, gone = "data/one/readings.csv is new", "data/one/patients.csv is gone"
    harmed, lost = "reports/one.html is not as it was built", "reports/two.html is missing"
    assert status(project.root) == {"one": [new, gone, harmed], "two": [lost]}


def test_make_sees_what_the_build_saw(project):
    if not shutil.which("sha256sum"):
        pytest.skip("sha256sum is not there; make takes shasum -a 256 instead")
    assert subprocess.run(["sh", "-c", SHELL], cwd=project.root).returncode == 0
    project.file("data/one/patients.csv", "id\n3\n")
    assert subprocess.run(["sh", "-c", SHELL], cwd=project.root).returncode == 1


def test_only_the_stale_report_is_built_and_a_lost_notebook_takes_its_report(project, monkeypatch):
    project.write("one", simple("second edition", data=["one", "shared"]))
    (project.root / "notebooks/two.ipynb").unlink()
    monkeypatch.chdir(project.root)
    assert CliRunner().invoke(main, "status").output == "one: notebooks/one.ipynb changed\n"
    done = project.run("build", PYTHONSAFEPATH="1")
    assert "one: to build: notebooks/one.ipynb changed" in done.stdout
    assert "two: removed, its notebook is gone" in done.stdout
    assert "second edition" in project.report("one")
    assert not (project.root / "reports/two.html").exists()
    pages = list((project.root / "reports").glob("*.html"))
    before = [path.stat().st_mtime_ns for path in pages]
    assert "0 built, 1 fresh" in project.run("build", PYTHONSAFEPATH="1").stdout
    assert [path.stat().st_mtime_ns for path in pages] == before


def test_what_cannot_be_built_is_refused(project, tmp_path):
    with pytest.raises(BuildError, match="No report three; there are one, two"):
        build(project.root, only=["three"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BuildError, match="has no folder notebooks/"):
        build(tmp_path / "empty")
    (project.root / "reports").rename(tmp_path / "elsewhere")
    (project.root / "reports").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PublishingError, match="reports: it is a link. Remove it or move it away"):
        build(project.root)
    write_index(tmp_path / "empty")
    assert (tmp_path / "empty/reports/index.html").exists()


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("notebooks/one.ipynb", "is no name for a page; it ends in .html"),
        ("reports/two.html", "is a report that `vlms build` writes"),
    ],
)
def test_render_writes_over_no_notebook_and_no_report(project, monkeypatch, output, why):
    monkeypatch.chdir(project.root)
    before = (project.root / output).read_bytes()
    done = CliRunner().invoke(main, ["render", "notebooks/one.ipynb", "-o", output])
    assert (done.exit_code, done.output) == (
        2,
        f"Error: {output} {why}.\n"
        if "no name" in why
        else f"Error: {output} {why}; choose another name.\n",
    )
    assert (project.root / output).read_bytes() == before


SITE = "open({mark!r}, 'a').write(__name__)\n"


def user_settings(folder):
    """A home whose owner has set all that might change a report, and a log of what of it ran."""
    mark = str(folder / "ran")
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for path in (
        "path/sitecustomize.py",
        f".local/lib/{python}/site-packages/usercustomize.py",
        "startup.py",
        ".ipython/profile_default/startup/00.py",
        ".ipython/profile_default/ipython_kernel_config.py",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(SITE.format(mark=mark), encoding="utf-8")
    # Where processes cannot fork there are no locks of POSIX either.
    (folder / "path/fcntl.py").write_text("raise ImportError('not on this system')\n")
    rc = "axes.facecolor: red\nsvg.fonttype: none\nfont.size: 20\n"
    for path in (".config/matplotlib/matplotlibrc", "matplotlibrc"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(rc)
    paths = {"PYTHONPATH": f"{folder / 'path'}:{ROOT}", "PYTHONSTARTUP": str(folder / "startup.py")}
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": None, "MATPLOTLIBRC": str(folder)}
    return {**paths, **own, "VLMS_SPAWN": "1", "PYTHONHASHSEED": "7", "PYTHONWARNINGS": "ignore"}


@pytest.mark.slow
def test_two_builds_differ_in_the_one_line_that_says_when(tmp_path):
    """In other folders, with the settings of a user, and where nothing forks or locks as POSIX."""
    found = []
    for name, settings in (("first", {}), ("second/somewhere else", user_settings(tmp_path))):
        project = Project(tmp_path / name)
        project.file("notebooks/claims.csv", CLAIMS)
        sites = "{'thigh', 'vena cava', 'arm', 'retroperitoneum', 'neck'}"
        more = (sites, "import os\nprint(os.getcwd())", "object()", "hash('a')")
        project.write("paper", paper(*map(code, more)))
        project.write("other", notebook(prose("# Other"), code("1")))
        done = project.run("build", "--strict", **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search(re.escape(str(tmp_path)), project.report("paper"))
        reports = project.root / "reports"
        found.append(
            {
                path.relative_to(reports).as_posix(): path.read_text(encoding="utf-8").splitlines()
                for path in sorted(reports.rglob("*"))
                if path.is_file() and ".cache" not in path.parts
            }
        )
    # Python runs them before it is told not to; that process computes nothing.
    ran = (tmp_path / "ran").read_text() if (tmp_path / "ran").exists() else ""
    assert ran in ("", "sitecustomize", "usercustomize", "sitecustomizeusercustomize")
    first, second = found
    assert list(first) == list(second)
    assert "paper/tbl-age.csv" in first
    for name, lines in first.items():
        differ = [line for line, other in zip(lines, second[name], strict=True) if line != other]
        assert [line for line in differ if 'class="built' not in line] == []
        assert sum('class="built"' in line for line in lines) == name.endswith(".html")
