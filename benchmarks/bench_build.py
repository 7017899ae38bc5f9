"""How long a cold build takes, as ratios to the same work done by hand.

``python benchmarks/bench_build.py`` makes small notebooks (pandas, scipy, seaborn, a figure, a
table) in a temporary folder and times, for each number of notebooks:

* this project's ``vlms build``, nothing cached;
* ``papermill`` then ``jupyter nbconvert``, one notebook after the other;
* ``jupyter nbconvert --execute`` on all of them;
* Jupyter Book, where a version of it is installed;
* the same computation as one plain Python script: the floor.

Times depend on the machine and what else it does, so the ratios are what counts.
``--own`` takes the project's own notebooks instead.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PROJECT = Path(__file__).resolve().parents[1]

CELLS = [
    "months = 36  # how far to look",
    "import numpy as np\nimport pandas as pd\nimport scipy.stats as stats\nimport seaborn as sns",
    "from matplotlib import pyplot as plt",
    "rng = np.random.default_rng({seed})",
    "frame = pd.DataFrame({{'time': rng.exponential(months, 60), 'group': np.arange(60) % 3}})",
    "frame.groupby('group')['time'].describe()",
    "stats.kruskal(*[part['time'] for _, part in frame.groupby('group')])",
    "figure, ax = plt.subplots(figsize=(6, 4))\nsns.ecdfplot(frame, x='time', hue='group', ax=ax)\n"
    "plt.show()",
    "figure, ax = plt.subplots(figsize=(6, 4))\nsns.boxplot(frame, y='time', x='group', ax=ax)\n"
    "plt.show()",
    "frame['time'].median()",
]


def main():
    """Time each way and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notebooks", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--own", action="store_true", help="the project's own notebooks")
    parser.add_argument("--repeat", type=int, default=1, help="take the quickest of so many")
    options = parser.parse_args()
    for count in [0] if options.own else options.notebooks:
        with tempfile.TemporaryDirectory(prefix="bench-build-") as folder:
            root = Path(folder)
            notebooks = own_notebooks(root) if options.own else made_up_notebooks(root, count)
            print(f"\n{len(notebooks)} notebooks", flush=True)
            report(root, notebooks, options.repeat)


def made_up_notebooks(root, count):
    """Write small notebooks, each with numbers of its own."""
    (root / "notebooks").mkdir()
    for seed in range(count):
        cells = [new_markdown_cell(f"# Notebook {seed}\n\nSome words on what follows.")]
        for source in CELLS:
            cells += [new_markdown_cell("A sentence that says what the next line does.")]
            cells += [new_code_cell(source.format(seed=seed))]
        cells[2].metadata["tags"] = ["parameters"]
        made = new_notebook(cells=cells)
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(made, root / "notebooks" / f"n{seed:02}.ipynb")
    return sorted((root / "notebooks").glob("*.ipynb"))


def own_notebooks(root):
    """Copy what the project's reports are made from."""
    for name in ("notebooks", "data", "vlms"):
        shutil.copytree(PROJECT / name, root / name)
    shutil.copy(PROJECT / "requirements.lock", root)
    return sorted((root / "notebooks").rglob("*.ipynb"))


def report(root, notebooks, repeat):
    """Time every way on the same notebooks and print each against the build."""
    ways = {
        "vlms build": vlms_build,
        "papermill, then nbconvert, one by one": one_by_one,
        "jupyter nbconvert --execute": nbconvert_execute,
        "Jupyter Book": jupyter_book,
        "one plain script": plain_script,
    }
    seconds = {name: best(way, root, notebooks, repeat) for name, way in ways.items()}
    ours = seconds["vlms build"]
    for name, taken in seconds.items():
        if taken is None:
            print(f"  {name:40} not available here")
        else:
            print(f"  {name:40} {taken:7.1f} s   {taken / ours:5.2f} x the build", flush=True)
    print(f"  the build is {ours / seconds['one plain script']:.2f} x the plain script")


def best(way, root, notebooks, repeat):
    """Seconds of the quickest of several runs; None where the tool is not there."""
    taken = []
    for _ in range(repeat):
        for name in ("reports", "out"):
            shutil.rmtree(root / name, ignore_errors=True)
        (root / "out").mkdir()
        started = time.perf_counter()
        if way(root, notebooks) is False:
            return None
        taken.append(time.perf_counter() - started)
    return min(taken)


def vlms_build(root, notebooks):
    """Build as `make reports` does."""
    run(root, sys.executable, "-m", "vlms", "build")


def one_by_one(root, notebooks):
    """Run each with papermill, then convert it."""
    for path in notebooks:
        done = root / "out" / path.name
        run(path.parent, sys.executable, "-m", "papermill", path, done, "--no-progress-bar")
        run(root, sys.executable, "-m", "nbconvert", "--to", "html", done)


def nbconvert_execute(root, notebooks):
    """Run and convert all with one call of nbconvert."""
    run(root, sys.executable, "-m", "nbconvert", "--to", "html", "--execute",
        "--output-dir", root / "out", *notebooks)  # fmt: skip


def jupyter_book(root, notebooks):
    """Build a book of all, with version 1 or 2, whichever is on the path.

    Its environment must have what the notebooks import; version 2 fetches its theme.
    """
    tool = shutil.which("jupyter-book", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if tool is None:
        return False
    book = root / "out" / "book"
    shutil.copytree(root / "notebooks", book)
    if run(book, tool, "--version").startswith("v2"):
        try:
            run(book, tool, "init", "--write-toc")
            run(book, tool, "build", "--execute", "--html")
        except SystemExit:  # without a network it has no theme
            return False
    else:
        (book / "_config.yml").write_text("execute: {execute_notebooks: force}\n")
        names = [path.stem for path in notebooks]
        chapters = "".join(f"  - file: {name}\n" for name in names[1:])
        (book / "_toc.yml").write_text(f"format: jb-book\nroot: {names[0]}\nchapters:\n{chapters}")
        run(root, tool, "build", book)
    return True


def plain_script(root, notebooks):
    """Run all code in one interpreter, and make what it shows into text."""
    sources = []
    for path in notebooks:
        cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        sources += [f"os.chdir({str(path.parent)!r})", "scope = {'__name__': '__main__'}"]
        sources += [f"run({cell.source!r}, scope)" for cell in cells]
    script = root / "out" / "plain.py"
    script.write_text(PLAIN + "\n".join(sources) + "\n", encoding="utf-8")
    run(root, sys.executable, script)


PLAIN = """
import ast, os
def show(value):
    if value is None:
        return
    if hasattr(value, "shown") and isinstance(value.shown, list):
        for part in value.shown:
            show(part)
    elif hasattr(value, "_repr_mimebundle_"):
        value._repr_mimebundle_()
    elif hasattr(value, "_repr_html_"):
        value._repr_html_()
    else:
        repr(value)
def run(source, scope):
    import matplotlib.pyplot as plt
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), scope)
    if last is not None:
        show(eval(compile(ast.Expression(last.value), "cell", "eval"), scope))
    for number in plt.get_fignums():
        plt.figure(number).savefig(os.devnull, format="png", bbox_inches="tight")
    plt.close("all")
"""


def run(folder, *command):
    """Run a command; show what it said when it fails."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "MPLBACKEND": "agg"}
    if "papermill" in command or "nbconvert" in command:
        del environment["MPLBACKEND"]  # kernels choose theirs
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
