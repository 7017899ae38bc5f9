"""The package as it is handed out: what it holds, and that it works where there is no clone."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
JUPYTER = str(Path(sys.prefix) / "share" / "jupyter")  # templates of nbconvert, borrowed too


def test_every_folder_of_the_package_is_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("vlms/**/__init__.py")}
    named = {".".join(folder.parts) for folder in folders} | {"vlms.data", "vlms.notebooks"}
    assert set(project["tool"]["setuptools"]["packages"]) == named


def run(*command, cwd, **environment):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "", "JUPYTER_PATH": JUPYTER, **environment},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist made from a copy of the project, and the wheel made from the sdist."""
    place = tmp_path_factory.mktemp("built")
    not_sources = shutil.ignore_patterns(".git", ".venv", ".?*_cache", "*.html", "*.egg-info")
    shutil.copytree(ROOT, place / "clone", ignore=not_sources)
    make = [sys.executable, "-m", "build", "--no-isolation", "--outdir", place]
    run(*make, place / "clone", cwd=place)  # both, the wheel from the sdist
    shutil.rmtree(place / "clone")
    return next(place.glob("*.tar.gz")), next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Python of an environment that holds the wheel, and borrows all other packages."""
    place = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=place)
    python = next(place.glob("[Bbs]*/python*"))
    packages = Path(
        run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=place).strip()
    )
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", packages]
    run(sys.executable, *install, built[1], cwd=place)
    return python


@pytest.mark.slow
def test_the_wheel_holds_all_but_the_solutions_of_the_lessons_which_the_sdist_holds(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    lessons = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/lessons/*.ipynb")}
    kept = ["Makefile", "requirements.lock", "CITATION.cff", "reports/README.md", ".zenodo.json"]
    assert lessons and lessons | set(kept) <= names
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
        held = {name: wheel.read(name) for name in wheel.namelist() if name.endswith(".ipynb")}
    here = [*ROOT.glob("vlms/**/*.*"), *ROOT.glob("data/*/*")]
    wanted = {p.relative_to(ROOT).as_posix() for p in here if "__pycache__" not in p.parts}
    wanted = {name if name.startswith("vlms/") else f"vlms/{name}" for name in wanted}
    assert wanted - names == set()
    students = {name for name in held if name.startswith("vlms/course/lessons/")}
    papers = {f"vlms/notebooks/{path.name}" for path in ROOT.glob("notebooks/*.ipynb")}
    assert held.keys() == students | papers
    assert [name for name, text in held.items() if b"BEGIN SOLUTION" in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("spawn", ["", "1"])
def test_the_wheel_renders_a_paper_a_lesson_and_a_cohort_without_a_clone(
    installed, tmp_path, spawn
):
    def vlms(*typed):
        return run(installed, "-P", "-m", "vlms", *typed, cwd=tmp_path, VLMS_SPAWN=spawn)

    where = "import vlms.cohort; print(vlms.cohort.DATA)"
    data = Path(run(installed, "-P", "-c", where, cwd=tmp_path).strip())
    assert data.is_relative_to(installed.parents[1]) and ROOT not in data.parents
    assert "roland2016: never built" in vlms("status")
    assert "1 built" in vlms("build", "roland2016")
    assert "roland2016: fresh" in vlms("status")
    verdicts = (tmp_path / "reports/roland2016_verdicts.csv").read_text(encoding="utf-8")
    ids = [line.partition(",")[0] for line in verdicts.splitlines()[1:]]
    assert len(ids) > 100
    page = (tmp_path / "reports/roland2016.html").read_text(encoding="utf-8")
    assert "not under version control" in page and str(tmp_path) not in page
    shutil.copy(data / "example_cohort" / "patients.csv", tmp_path / "own.csv")
    vlms("report", "own.csv")
    for kind in ("private", "preview"):
        (page,) = tmp_path.glob(f"reports/*own-{kind}.html")
        assert "</html>" in page.read_text(encoding="utf-8")
    vlms("lesson", "1", "--no-open")
    lesson = next(tmp_path.glob("01-*.ipynb"))
    vlms("render", lesson.name)
    assert list(tmp_path.glob("reports/01-*.html"))
    assert "in 24 patients is possible" in vlms("audit", "survival", "--n", "24", "88%", "58%")
    assert not list(data.parent.rglob(".releases"))
