"""A small project in a folder of its own, for the tests of rendering and building."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
CLAIMS = """\
id,place,statement,printed,unit,kind,against,assuming,because
patients,abstract,Patients,12,patients,count,,,
women,results,Share of women,75%,,share,,,
deaths,results,Deaths,5,patients,count,patients,,12 − 8 = 4
"""


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


def paper(*more):
    """A report with all that a page can hold: prose, figure, table, ledger, card; wants CLAIMS."""
    words = "A sentence on the patients that is long enough to fill a line. " * 24
    return notebook(
        prose("# Twelve patients\n\nSee @fig-km and @tbl-age[^n].\n\n[^n]: doi:10.1000/182."),
        code("month = 36  # landmark\nname = 'x'", "parameters"),
        prose(f"## Patients\n\n{words}\n\n$$\\hat S(t)=\\prod_i(1-d_i/n_i)$$"),
        code(
            "import pandas as pd\nfrom matplotlib import pyplot as plt\n"
            "from vlms.ledger import Ledger\n"
            "from vlms.showing import card, show_table"
        ),
        code(
            "#| label: fig-km\n#| caption: Survival to month {month}.\n#| alt: It falls.\n"
            "figure, ax = plt.subplots()\nax.plot([0, month], [1, 0.5], marker='o');"
        ),
        code(
            "wide = pd.DataFrame([range(30)], columns=[f'column {n}' for n in range(30)])\n"
            "wide.insert(0, 'patient', '<script>b')\n"
            "show_table(wide, label='tbl-age', caption='A wide table.')"
        ),
        code("plt.plot([1, 2])\nplt.show()"),
        code(
            "ledger = Ledger.open('paper', path='claims.csv')\n"
            "ledger.check({'patients': 12, 'women': 0.75, 'deaths': 4})\nledger.show()"
        ),
        prose(f"## All claims\n\n{words}"),
        code("ledger.publish()"),
        code("card(patients=12, figure='fig-km', findings=['Four died.'])"),
        *more,
        title="Twelve",
        kind="paper",
        citation="A. Author, 2010.",
        doi="10.1000/182",
    )


class Project:
    """A folder with notebooks, and what the command line does in it."""

    def __init__(self, root):
        self.root = Path(root)
        (self.root / "notebooks").mkdir(parents=True, exist_ok=True)

    def write(self, stem, made):
        nbformat.write(made, self.root / "notebooks" / f"{stem}.ipynb")

    def file(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def report(self, stem):
        return (self.root / "reports" / f"{stem}.html").read_text(encoding="utf-8")

    def run(self, *arguments, **changes):
        process = self.start(*arguments, changes=changes, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, *arguments, command=None, changes=(), stderr=subprocess.STDOUT, **options):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict(changes)}
        return subprocess.Popen(
            command or [sys.executable, "-m", "vlms", *arguments],
            cwd=self.root,
            env={name: value for name, value in environment.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            **options,
        )

    def stray_files(self):
        return [str(path) for path in (self.root / "reports").rglob(".*-*") if path.is_file()]

    def processes(self):
        """Processes whose working folder is in this one: kernels run in the notebooks' folder."""
        found = [process.info for process in psutil.process_iter(["pid", "cwd", "status"])]
        return [
            info["pid"]
            for info in found
            if str(info["cwd"] or "").startswith(str(self.root))
            and info["status"] != psutil.STATUS_ZOMBIE
        ]
