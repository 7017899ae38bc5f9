"""One lock for everyone: the local environment, conda and Binder install the same packages."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PLATFORMS = [
    (system, python) for system in ("linux", "darwin") for python in ("3.11", "3.12", "3.13")
]


def direct_requirements():
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for group in (PROJECT["dependencies"], *extras) for text in group]


def locked():
    """Each entry of the lock: its requirement and its hashes."""
    for entry in re.split(r"\n(?=[a-zA-Z0-9])", LOCK):
        lines = [line for line in entry.splitlines() if not line.lstrip().startswith("#")]
        requirement, *hashes = (line.rstrip(" \\").strip() for line in lines if line.strip())
        yield Requirement(requirement), hashes


@pytest.mark.parametrize(("system", "python"), PLATFORMS)
def test_the_lock_holds_one_version_of_each_direct_dependency_that_satisfies_it(system, python):
    machine = {
        "sys_platform": system,
        "python_version": python,
        "python_full_version": f"{python}.9",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    versions = {}
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate(machine):
            versions.setdefault(canonicalize_name(requirement.name), []).append(
                requirement.specifier
            )
    for wanted in direct_requirements():
        (pin,) = versions[canonicalize_name(wanted.name)]
        (specifier,) = pin
        assert specifier.operator == "=="
        assert wanted.specifier.contains(Version(specifier.version)), wanted


def test_every_locked_package_carries_hashes():
    without = [str(requirement) for requirement, hashes in locked() if not hashes]
    assert without == []
    assert all(h.startswith("--hash=sha256:") for _, hashes in locked() for h in hashes)


def test_the_lock_names_no_place_to_download_from():
    assert re.findall(r"https?://|file:|--index|--find-links|--extra", LOCK) == []


def test_every_direct_dependency_has_a_lower_bound():
    unbounded = [r.name for r in direct_requirements() if ">=" not in str(r.specifier)]
    assert unbounded == []


def test_conda_and_binder_install_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock"]
    assert sorted(plain) == ["make", "pip"], "every Python package comes from the lock"
    version = python.removeprefix("python=")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(version)
    assert ("linux", version) in PLATFORMS


def test_pandas_stays_below_3_as_long_as_lifelines_is_0_30():
    bounds = {r.name: r.specifier for r in direct_requirements()}
    assert not bounds["pandas"].contains("3.0")
    assert not bounds["lifelines"].contains("0.31")
