"""A further paper: the folder and notebook to begin with, and all that is still wrong with them.

`new_paper` writes ``data/<stem>`` and a notebook that runs as it stands, on made-up numbers to be
replaced. `paper_problems` lists what is missing or disagrees, file by file and line by line: what
the tests would refuse one after the other. The rules of a notebook are in `notebook_problems`,
which the tests call as well.
"""

import ast
import csv
import json
import re
import tomllib
from pathlib import Path

from vlms.cohort import CohortError, paper_folder, read_cohort
from vlms.consistency import FactsError, read_facts
from vlms.ledger import Ledger, LedgerError
from vlms.study import StudyError

MAY_IMPORT = {"vlms", "pandas", "numpy", "seaborn", "matplotlib", "lifelines"}
# In a lesson students write what a report would have from the package.
IN_LESSONS = {"scipy", "math", "statistics", "itertools", "warnings"}
SAYING = {"say", "Exercise", "show_figure", "picture"}  # sentences, captions of a card's picture
LONGEST_TEXT = 12  # words of a text in code that is no sentence to be shown
KINDS = ("paper", "series", "overview", "lesson", "cohort")
_LOGIC = (ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)
_CALLS = {"fillna", "isin", "drop", "replace", "mask", "where", "clip", "assign"}
_UNITS = {12, 100}  # months in a year, per cent
_ABOUT = ("title", "name", "disease", "order", "design", "read", "years", "citation", "groups")
_HEADINGS = ("What it is", "What was read", "Licence", "How it was checked")

_README = """\
# {stem}: title of the paper

Authors. Title. Journal year;volume:pages.

**What it is:** a cohort; the years; the hospital.

**What was read:** the full text, or the abstract only.

**Licence:** that of the paper; what of it stands here: facts and figures, none of its sentences.

| file | one row for each |
|---|---|
{files}

**How it was checked:** transcribed twice by two people who did not see each other's copy; how many
cells differed, and how each was settled.
"""
_FILES = {
    "paper.toml": "what the index and the overview say of the paper",
    "patients.csv": "patient, cells as printed",
    "patients.study.toml": "column of `patients.csv`: what it means",
    "facts.csv": "printed aggregate; its head says how groups and levels belong together",
    "claims.csv": "printed number that is no fact, or a fact of which there is more to say",
    "readings.csv": "value under a reading: what the paper says twice, differently, or not at all",
    "discrepancies.csv": "disagreement of the paper with itself",
}
_PAPER = """\
title = "{stem}: title of the report"
name = "{stem}"
disease = "vascular leiomyosarcoma"
order = 50
design = "cohort"  # cohort, registry, review or comparison
read = "full text"  # or "abstract"
years = "not printed"
centres = "not printed"
citation = "Authors. Title. Journal year;volume:pages."
doi = ""

# Whose survival is printed: all patients, those resected, or those radically resected; from when.
[groups.all]
patients = "all"
site = "veins of any site"
clock = "not printed"
"""
_STUDY = """\
# How each column of patients.csv becomes one of the cohort.

[study]
based_on = "sarcoma"
title = "{stem}"
time_zero = "diagnosis"

[columns.patient_id]
from = "patient"

[columns.sex]
from = "sex"

[columns.age_years]
from = "age"

[columns.time_months]
from = "months"
unit = "months"

[columns.status]
from = "status"
levels = {{ "alive" = "alive", "dead of disease" = "dead_of_disease" }}
"""
_PATIENTS = """\
patient,sex,age,months,status
1,f,61,14,dead of disease
2,m,48,30,alive
3,f,55,41,alive
"""
_FACTS = """\
# unit: months
# levels: sex: female | male
id,variable,level,kind,value,total,place
n,,,n,3,,methods
women,sex,female,count,2,,results
women-share,sex,female,share,67%,3,results
"""
_CLAIMS = """\
id,place,statement,printed,unit,kind,against,assuming,because
hospital-years,methods,Years of the search,12,years,measure,,,Nothing else that is printed says it.
"""
_ALONE = """\
n,methods,Patients,3,patients,count,,,Nothing else that is printed counts all patients.
women,results,Women,2,patients,count,,,Nothing else that is printed counts the women.
"""
_READINGS = "reading,patient_id,name,value,source,where\n"
_DISCREPANCIES = "id,title,sides,matters,settle\n"

_CELLS = [
    ("markdown", "title", "# {title}\n\nWhat the paper asks, and what became of its numbers here."),
    ("code", "parameters", "confidence = 0.95  # level of every confidence interval"),
    (
        "code",
        "imports-patients",
        "from vlms.cohort import read_paper\nfrom vlms.endpoints import time_to_event\n"
        "from vlms.figures import plot_survival\nfrom vlms.ledger import Ledger\n"
        "from vlms.showing import card, say\nfrom vlms.survival import kaplan_meier",
    ),
    (
        "code",
        "imports-aggregates",
        "import seaborn as sns\n\nfrom vlms.ledger import Ledger\n"
        "from vlms.shelf import audit_facts\nfrom vlms.showing import card, say, show_table",
    ),
    ("code", "open", 'ledger = Ledger.open("{stem}")'),
    ("markdown", "patients", "## Patients\n\nEach printed number is recomputed where it can be."),
    (
        "code",
        "check-patients",
        'patients = read_paper("{stem}").patients\nledger.check({\n'
        '    "n": lambda p: len(p),\n    "women": lambda p: p["sex"] == "f",\n'
        '    "women-share": lambda p: p["sex"] == "f",\n})\nledger.check(["*"])\nledger.show()',
    ),
    (
        "code",
        "check-aggregates",
        "ledger.check({\n"
        '    "women-share": lambda printed: printed["women"] / printed["n"],\n})\n'
        'ledger.check(["*"])\nledger.show()',
    ),
    (
        "markdown",
        "survival-patients",
        "## Survival\n\nAll deaths count. @fig-survival has the curve with its interval.",
    ),
    (
        "code",
        "figure-patients",
        "#| label: fig-survival\n#| caption: Overall survival with its {confidence:.0%} interval.\n"
        "#| alt: A step curve that falls at each death.\n"
        'course = time_to_event(patients, "overall_survival")\n'
        'curve = kaplan_meier(course["time"], course["event"], confidence=confidence)\n'
        'plot_survival(curve, xlabel="Months")',
    ),
    (
        "markdown",
        "audit-aggregates",
        "## All printed numbers together\n\nWhich of them cannot be true at once? @fig-verdicts "
        "counts the verdicts.",
    ),
    (
        "code",
        "table-aggregates",
        "#| label: tbl-facts\n#| caption: What the audit says of each printed number.\n"
        'facts = audit_facts("{stem}")\n'
        'show_table(facts[["statement", "printed", "place", "verdict", "because"]])',
    ),
    (
        "code",
        "figure-aggregates",
        "#| label: fig-verdicts\n#| caption: Printed numbers by the verdict of the audit.\n"
        "#| alt: One bar a verdict.\n"
        'ax = sns.countplot(facts, y="verdict")\nax.set(xlabel="Printed numbers", ylabel="")\nax',
    ),
    ("markdown", "ledger", "## All claims"),
    ("code", "publish", "ledger.publish()"),
    (
        "code",
        "card-patients",
        'found = say("{n} patients are printed.", n=len(patients))\n'
        'card(patients=len(patients), figure="fig-survival", findings=[found])',
    ),
    (
        "code",
        "card-aggregates",
        'found = say("{n} numbers are printed.", n=len(facts))\n'
        'card(patients=ledger.printed["n"], figure="fig-verdicts", findings=[found])',
    ),
]


def new_paper(stem, *, patients, root="."):
    """Write the folder and the notebook of a further paper, and its expected verdicts.

    Parameters
    ----------
    stem : str
        Author and year in lower case: ``"smith2020"``.
    patients : bool
        Whether the paper prints its patients; else aggregates only.
    root : path-like
        The project's folder.

    Returns
    -------
    list of Path
        What was written, from the root.

    Raises
    ------
    ValueError
        When the stem has another form, or the paper is there already; nothing was written then.
    """
    root = Path(root)
    if not re.fullmatch(r"[a-z]+\d{4}[a-z]?", stem):
        raise ValueError(f"{stem!r}: write author and year in lower case, such as smith2020")
    folder, notebook = root / "data" / stem, root / "notebooks" / f"{stem}.ipynb"
    for path in (folder, notebook):
        if path.exists():
            raise ValueError(f"{path.relative_to(root)} is there already; nothing was written")
    texts = {"paper.toml": _PAPER, "facts.csv": _FACTS, "readings.csv": _READINGS}
    texts |= {"claims.csv": _CLAIMS if patients else _CLAIMS + _ALONE}
    texts |= {"discrepancies.csv": _DISCREPANCIES}
    if patients:
        texts |= {"patients.csv": _PATIENTS, "patients.study.toml": _STUDY}
    listed = [f"| `{name}` | {what} |" for name, what in _FILES.items() if name in texts]
    readme = _README.format(stem=stem, files="\n".join(listed))
    filled = {n: t.format(stem=stem) if n.endswith(".toml") else t for n, t in texts.items()}
    written = {folder / name: text for name, text in filled.items()}
    written |= {folder / "README.md": readme, notebook: _notebook(stem, patients)}
    agreed = [("n", "3"), ("women", "2"), ("women-share", "67%"), ("hospital-years", "12")]
    alone = {"hospital-years"} if patients else {"hospital-years", "n", "women"}
    lines = [f"{i},{v},{'not checkable' if i in alone else 'reproduced'}\n" for i, v in agreed]
    expected = root / "tests" / "expected" / f"{stem}_verdicts.csv"
    written[expected] = "id,printed,verdict\n" + "".join(lines)
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [path.relative_to(root) for path in written]


def paper_problems(stem, *, root=".", run=True):
    """List what is missing or disagrees of a paper: (file, line or None, problem), in this order.

    Its README, paper.toml, facts, patients, claims, readings, discrepancies; its notebook by the
    rules; then, with ``run``, the notebook's verdicts against those that were agreed on.
    """
    root = Path(root)
    folder, notebook = root / "data" / stem, root / "notebooks" / f"{stem}.ipynb"
    found = []

    def note(path, problem, line=None):
        found.append((path.relative_to(root).as_posix(), line, problem))

    if not folder.is_dir():
        note(folder, f"there is no such folder; vlms new-paper {stem} writes it")
        return found
    for line, problem in _readme_problems(folder):
        note(folder / "README.md", problem, line)
    for problem in _about_problems(folder / "paper.toml"):
        note(folder / "paper.toml", problem)
    facts = folder / "facts.csv"
    try:
        read_facts(facts)
    except FactsError as error:
        for problem in error.problems:
            line, _, rest = problem.partition(": ")
            at = int(line[5:]) if re.fullmatch(r"line \d+", line) else None
            note(facts, rest if at else problem, at)
    except FileNotFoundError:
        note(facts, "there is no such file; write each printed aggregate into it")
    if (folder / "patients.csv").exists():
        try:
            read_cohort(folder / "patients.csv")
        except (CohortError, StudyError) as error:
            for text in str(error).splitlines()[1:]:
                at = re.search(r"\bline (\d+), (.*)", text)
                name = "patients.study.toml" if isinstance(error, StudyError) else "patients.csv"
                note(folder / name, *((at[2], int(at[1])) if at else (text.strip(),)))
    if (folder / "claims.csv").exists():
        for problem in _claim_problems(stem, folder):
            note(folder / "claims.csv", problem, _line_of(folder / "claims.csv", problem))
    if not notebook.exists():
        if (folder / "claims.csv").exists():
            note(notebook, "there is no such notebook, and claims.csv wants one")
        return found
    for cell, problem in notebook_problems(notebook):
        note(notebook, f"cell {cell}: {problem}" if cell else problem)
    for cell, problem in _check_problems(notebook):
        note(notebook, f"cell {cell}: {problem}")
    expected = root / "tests" / "expected" / f"{stem}_verdicts.csv"
    if not expected.exists():
        note(expected, "there is no such file; put id, printed and verdict of each claim into it")
    if run and not found:
        for path, line, problem in _run_problems(stem, notebook, expected, root):
            note(path, problem, line)
    return found


def notebook_problems(path):
    """List how a notebook breaks the rules of the house: (number of the cell or None, problem)."""
    import nbformat

    path = Path(path)
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # whatever nbformat and JSON make of it
        return [(None, f"is no valid notebook: {str(error).splitlines()[0]}")]
    lesson, found = path.parent.name == "lessons", []
    if path.read_text(encoding="utf-8") != nbformat.writes(notebook) + "\n":
        found.append((None, "is not as JupyterLab saves it; open and save it there"))
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append((None, "its kernel is not python3"))
    about = notebook.metadata.get("vlms", {})
    if about.get("kind") not in KINDS:
        found.append((None, f"metadata vlms: kind is none of {', '.join(KINDS)}"))
    if not about.get("title"):
        found.append((None, "metadata vlms: no title"))
    data = path.parents[2 if lesson else 1] / "data"
    for name in about.get("data", []):
        if not list(data.glob(name)):
            found.append((None, f"metadata vlms: no data folder {name!r}"))
    if len({cell.id for cell in notebook.cells}) < len(notebook.cells):
        found.append((None, "two cells have one id"))
    importing, first = [], True
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            found.append((number, f"line {error.lineno}: {error.msg}"))
            continue
        if cell.outputs or cell.execution_count:
            found.append((number, "is stored with output; clear all outputs"))
        allowed = MAY_IMPORT | (IN_LESSONS if lesson else set())
        imported = {name.split(".")[0] for name in _imports(tree)}
        importing += [number] if imported else []
        if strange := sorted(imported - allowed):
            found.append(
                (number, f"imports {', '.join(strange)}; move what needs it to the package")
            )
        if not lesson:
            found += [(number, problem) for problem in _cell_problems(tree)]
            if first:
                found += [(number, problem) for problem in _parameter_problems(cell, tree)]
        if "plt.show" in cell.source:
            found.append((number, "plt.show: end the cell with the axes instead"))
        first = False
    if len(importing) > 1 and not lesson:
        found.append(
            (importing[1], f"imports, as cell {importing[0]} does; put them into one cell")
        )
    return [*found, *_label_problems(notebook)]


def typed_results(source):
    """List what the checks of a notebook take from literals instead of from the data."""
    tree = ast.parse(source)
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assigned = [n for n in tree.body if isinstance(n, ast.Assign)]
    functions |= {n.targets[0].id: n.value for n in assigned if isinstance(n.value, ast.Lambda)}
    literals = {
        target.id
        for node in assigned
        if _constant(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "ledger.check"):
            continue
        values = [v for arg in call.args if isinstance(arg, ast.Dict) for v in arg.values]
        for value in values:
            seen, waiting = set(), [value]
            if _constant(value) or (isinstance(value, ast.Name) and value.id in literals):
                found.append(ast.unparse(value))
            while waiting:
                node = waiting.pop()
                function = functions.get(node.id) if isinstance(node, ast.Name) else node
                if function is None or id(function) in seen:
                    continue
                seen.add(id(function))
                found += _typed_in(function, literals)
                used = (n for n in ast.walk(function) if isinstance(n, ast.Name))
                waiting += [n for n in used if n.id in functions]
    return found


# --- The folder -----------------------------------------------------------------------------------


def _notebook(stem, patients):
    """The first notebook of a paper, as JupyterLab saves it."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    made = new_notebook()
    made.metadata.kernelspec = {
        "name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python",
    }  # fmt: skip
    made.metadata.language_info = {"name": "python"}
    title = f"{stem}: title of the report"
    made.metadata.vlms = {"kind": "paper", "title": title, "data": [stem], "order": 50}
    other = "-aggregates" if patients else "-patients"
    for kind, name, source in _CELLS:
        if name.endswith(other):
            continue
        source = source.replace("{stem}", stem).replace("{title}", title)
        cell = (new_code_cell if kind == "code" else new_markdown_cell)(source)
        cell.id = name.removesuffix("-patients").removesuffix("-aggregates")
        if name == "parameters":
            cell.metadata.tags = ["parameters"]
        if name == "patients":
            cell.id = "numbers"
        made.cells.append(cell)
    return nbformat.writes(made) + "\n"


def _readme_problems(folder):
    """What the README does not say."""
    path = folder / "README.md"
    if not path.exists():
        return [(None, "there is no such file")]
    text = path.read_text(encoding="utf-8")
    found = []
    if "licen" not in text.lower():
        found.append((None, "says nothing of the licence; write under which the paper stands"))
    if not re.search(r"check", text, re.IGNORECASE):
        found.append((None, "says nothing of how the files were checked"))
    found += [
        (None, f"says nothing of {file.name}")
        for file in sorted([*folder.glob("*.csv"), *folder.glob("*.toml")])
        if file.name not in text and not file.name.endswith("design.study.toml")
    ]
    return found


def _about_problems(path):
    """What is wrong with a paper.toml."""
    try:
        about = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ["there is no such file; the index and the overview need it"]
    except ValueError as error:
        return [str(error)]
    found = [f"no {key}; write it" for key in _ABOUT if not about.get(key)]
    designs = ("cohort", "registry", "review", "comparison")
    if about.get("design") not in designs:
        found.append(f"design {about.get('design')!r}; write one of {', '.join(designs)}")
    if about.get("read") not in ("abstract", "full text"):
        found.append(f"read {about.get('read')!r}; write abstract or full text")
    for name, group in about.get("groups", {}).items():
        missing = [key for key in ("patients", "site", "clock") if not group.get(key)]
        found += [f"groups.{name}: no {key}; write it" for key in missing]
    return found


def _claim_problems(stem, folder):
    """What the ledger refuses of claims, readings and discrepancies."""
    ours = folder.resolve() == paper_folder(stem)
    try:
        ledger = Ledger.open(stem, path=None if ours else folder / "claims.csv")
        if ours and (folder / "discrepancies.csv").exists():
            _ = ledger.discrepancies
    except (LedgerError, CohortError, StudyError, ValueError) as error:
        text = str(error).replace(f"{folder}/", "").replace(f"{folder.resolve()}/", "")
        return [part.strip() for part in re.split(r"; |\n", text) if part.strip()]
    except OSError as error:
        return [f"{Path(error.filename or '').name}: {error.strerror}"]
    return []


def _line_of(path, problem):
    """The line of the claim that a problem begins with."""
    name = re.match(r"(?:claims\.csv: )?'?([a-z0-9_-]+)'?:", problem)
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            if name and row and row[0] == name[1]:
                return line
    return None


def _check_problems(path):
    """Checks of the notebook that rest on what is typed."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    code = [s for s, cell in zip(sources, cells, strict=True) if cell["cell_type"] == "code"]
    try:
        results = typed_results("\n".join(code))
    except SyntaxError:
        return
    for text in results:
        at = [n for n, s in enumerate(sources, 1) if text.split(" is bound")[0] in s]
        yield at[0] if at else "?", f"a check rests on a typed value: {text}"


def _run_problems(stem, notebook, expected, root):
    """What running the notebook shows: that it fails, or verdicts other than agreed on."""
    from vlms.pages import RenderError, render

    try:
        claims = render(notebook, stem, root=root).claims
    except RenderError as error:
        return [(notebook, None, str(error).strip().splitlines()[-1])]
    now = {claim["id"]: (claim["printed"], claim["verdict"]) for claim in claims}
    found = []
    with expected.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            was, is_now = (row["printed"], row["verdict"]), now.pop(row["id"], None)
            if is_now is None:
                found.append((expected, line, f"{row['id']}: no such claim"))
            elif was != is_now:
                moved = f"{row['id']}: {' '.join(was)} here, now {' '.join(is_now)}"
                found.append((expected, line, moved))
    found += [
        (expected, None, f"{name}: not here; the verdict is {v}") for name, (_, v) in now.items()
    ]
    return found


# --- The notebook ---------------------------------------------------------------------------------


def _imports(tree):
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def _cell_problems(tree):
    """Logic, long texts and unpacked dictionaries in a cell."""
    nodes = list(ast.walk(tree))
    logic = sorted({type(n).__name__ for n in nodes if isinstance(n, _LOGIC)})
    if logic:
        yield f"holds logic ({', '.join(logic)}); move it to the package"
    calls = [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) in SAYING]
    said = {id(part) for call in calls for part in ast.walk(call)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            if len(node.value.split()) > LONGEST_TEXT:
                yield f"line {node.lineno}: prose in code; put it into Markdown, or say() it"
        elif (
            isinstance(node, ast.keyword) and node.arg is None and isinstance(node.value, ast.Dict)
        ):
            yield f"line {node.value.lineno}: an unpacked dictionary; name the arguments"


def _parameter_problems(cell, tree):
    """Whether the first code cell holds the parameters, each explained."""
    if "parameters" not in cell.metadata.get("tags", []):
        yield "the first code cell is to hold the parameters, tagged so"
        return
    lines = cell.source.splitlines()
    for node in tree.body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            yield f"line {node.lineno}: parameters are assigned, nothing else"
        elif not any("#" in line for line in lines[max(node.lineno - 2, 0) : node.end_lineno]):
            yield f"line {node.lineno}: no comment explains it"


def _label_problems(notebook):
    """Labels that stand twice, and references and cards that lead nowhere."""
    label = re.compile(r'(?:label="|#\| label: )((?:fig|tbl)-[a-z0-9-]+)')
    refer = re.compile(r'(?:@|figure=")((?:fig|tbl)-[a-z0-9-]*[a-z0-9])')
    known = [(n, name) for n, c in enumerate(notebook.cells, 1) for name in label.findall(c.source)]
    names = [name for _, name in known]
    twice = [(n, name) for at, (n, name) in enumerate(known) if name in names[:at]]
    for number, name in twice:
        yield number, f"the label {name} stands twice"
    for number, cell in enumerate(notebook.cells, start=1):
        for name in sorted(set(refer.findall(cell.source)) - set(names)):
            yield number, f"refers to {name}, which no cell shows"


def _constant(node):
    """Whether an expression is made of literals alone."""
    names = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Lambda)
    return not any(isinstance(part, names) for part in ast.walk(node))


def _is_number(node):
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _results_of(function):
    """What a lambda or a function returns; both ends of `a if b else c`."""
    ends = [n.value for n in ast.walk(function) if isinstance(n, ast.Return)]
    ends = [function.body] if isinstance(function, ast.Lambda) else ends
    while any(isinstance(end, ast.IfExp) for end in ends):
        ends = [
            part
            for end in ends
            for part in ((end.body, end.orelse) if isinstance(end, ast.IfExp) else (end,))
        ]
    return ends


def _typed_in(function, literals):
    """Yield each literal that the result of a function rests on; a threshold is none."""
    for end in _results_of(function):
        if _constant(end) or (isinstance(end, ast.Name) and end.id in literals):
            yield ast.unparse(end)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in literals:
            yield f"{node.id} is bound to a literal"
        elif isinstance(node, ast.BinOp):
            for side in (node.left, node.right):
                scale = isinstance(node.op, ast.Mult | ast.Div) and _is_number(side)
                if _is_number(side) and not (scale and side.value in _UNITS):
                    yield ast.unparse(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = [*node.args, *(word.value for word in node.keywords)]
            if node.func.attr in _CALLS and any(_constant(each) for each in given):
                yield ast.unparse(node)
        elif isinstance(node, ast.IfExp):
            yield from (ast.unparse(e) for e in (node.body, node.orelse) if _constant(e))
