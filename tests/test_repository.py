"""What the repository must not hold, and what each data folder must say."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = {".py", ".md", ".csv", ".toml", ".yml", ".cff", ".lock", ".ipynb", ".css", ".js", ".R", ""}


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not under version control")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_generated_files_are_not_in_version_control():
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    assert [name for name in names if re.search(r"\.(html|pyc|egg-info)$|^\.venv/", name)] == []
    assert [n for n in names if n.startswith("reports/")] in ([], ["reports/README.md"])


def test_no_file_is_large():
    assert [path.name for path in tracked() if path.stat().st_size > 1_000_000] == []


def test_no_package_index_is_named():
    hosts = re.compile("py" + r"pi\.org|pythonhosted\.|registry\.np" + r"mjs|anaconda\.org")
    texts = (path for path in tracked() if path.suffix in TEXT or path.suffix == ".html")
    assert [p.name for p in texts if hosts.search(p.read_text("utf-8", errors="replace"))] == []


@pytest.mark.parametrize("folder", sorted({p.parent for p in (ROOT / "data").glob("*/*.csv")}))
def test_every_data_folder_says_where_its_files_come_from_and_under_which_licence(folder):
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "licen" in readme.lower()
    for path in folder.glob("*.csv"):
        assert path.name in readme, f"{folder.name}/README.md says nothing of {path.name}"
