"""One lock for everyone: the local environment, conda and Binder install the same packages."""

import re
import tomllib
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
