"""One lock for everyone: the local environment, conda and Binder install the same packages."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
GROUPS = (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
DIRECT = [Requirement(text) for group in GROUPS for text in group]
PYTHONS = ("3.11", "3.12", "3.13")


def locked():
    """Each entry of the lock: its requirement and its hashes."""
    for entry in re.split(r"\n(?=[a-zA-Z0-9])", LOCK):
        lines = [line for line in entry.splitlines() if not line.lstrip().startswith("#")]
        requirement, *hashes = (line.rstrip(" \\").strip() for line in lines if line.strip())
        yield Requirement(requirement), hashes


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_one_version_of_each_direct_dependency_that_satisfies_it(system, python):
    machine = {
        "sys_platform": system,
        "python_version": python,
        "python_full_version": f"{python}.9",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    pins = {}
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate(machine):
            pins.setdefault(canonicalize_name(requirement.name), []).append(requirement.specifier)
    for wanted in DIRECT:
        ((pin,),) = pins[canonicalize_name(wanted.name)]
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version), wanted


def test_every_locked_package_carries_hashes_and_no_place_to_download_from():
    assert [str(requirement) for requirement, hashes in locked() if not hashes] == []
    assert all(h.startswith("--hash=sha256:") for _, hashes in locked() for h in hashes)
    assert re.findall(r"https?://|file:|--index|--find-links|--extra", LOCK) == []


def test_direct_dependencies_are_bounded_below_and_pandas_by_lifelines_above():
    assert [r.name for r in DIRECT if ">=" not in str(r.specifier)] == []
    bounds = {r.name: r.specifier for r in DIRECT}
    assert not bounds["lifelines"].contains("0.31")  # 0.30 does not run on pandas 3
    assert not bounds["pandas"].contains("3.0")


def test_conda_and_binder_install_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *plain, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock"]}
    assert sorted(plain) == ["make", "pip"], "every Python package comes from the lock"
    assert python.removeprefix("python=") in PYTHONS


@pytest.mark.slow
def test_a_wheel_holds_every_module_and_what_pages_are_made_from(tmp_path):
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "vlms", tmp_path / "project/vlms", ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "project")
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*wheel, "./project"], cwd=tmp_path, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    files = (tmp_path / "project/vlms").rglob("*")
    ours = {path.relative_to(tmp_path / "project").as_posix() for path in files if path.is_file()}
    assert ours == {n for n in zipfile.ZipFile(built).namelist() if n.startswith("vlms/")}
