"""A small project in a folder of its own, for the tests of rendering and building."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]


def prose(text):
    return new_markdown_cell(text)


def code(source, *tags):
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def notebook(*cells, kernel="python3", **about):
    made = new_notebook(cells=list(cells))
    made.metadata.kernelspec = {"name": kernel, "display_name": "Python 3", "language": "python"}
    if about:
        made.metadata.vlms = about
    for position, cell in enumerate(made.cells):
        cell.id = f"cell-{position}"  # nbformat's own are random
    return made


def simple(text="first edition", **about):
    return notebook(
        prose("# A report\n\nSome words."),
        code("month = 36  # the landmark", "parameters"),
        code(f"print({text!r}, month)"),
        **about,
    )


class Project:
    """A folder with notebooks, and what the command line does in it."""

    def __init__(self, root):
        self.root = Path(root)
        (self.root / "notebooks").mkdir(parents=True)

    def write(self, stem, made):
        nbformat.write(made, self.root / "notebooks" / f"{stem}.ipynb")

    def file(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def report(self, stem):
        return (self.root / "reports" / f"{stem}.html").read_text(encoding="utf-8")

    def environment(self, **changes):
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER), **changes}
        return {name: value for name, value in environment.items() if value is not None}

    def command(self, *arguments):
        return [sys.executable, "-m", "vlms", *arguments]

    def run(self, *arguments, **changes):
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**changes),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    def start(self, *arguments, **options):
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            **options,
        )

    def stray_files(self):
        return [str(path) for path in (self.root / "reports").rglob(".*-*") if path.is_file()]


def processes_in(folder):
    """Processes whose working folder is in this one: kernels run in the notebooks' folder."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "cwd", "cmdline", "status"]):
        inside = str(process.info["cwd"] or "").startswith(str(folder))
        if inside and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info)
    return found
