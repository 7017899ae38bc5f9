"""Where every verdict comes from, for machines: ``ro-crate-metadata.json``.

The crate follows the Provenance Run Crate profile (https://w3id.org/ro/wfrun/provenance): the build
is the workflow, each notebook a step and its tool, and each cell that checks claims an action. A
claim says where in the paper it stands and in which row of our data; its verdict, what was
recomputed, what that was read from, and which functions of the package computed it.

Which cell, functions, rows and columns these are is not told by anybody and not guessed from the
text: the notebook runs again, and each function that checks a claim is watched.
"""

import contextlib
import csv
import functools
import io
import itertools
import json
import mimetypes
import os
import re
from collections import namedtuple
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FunctionType

from vlms.ledger import Ledger
from vlms.pages.build import CACHE, publish, status
from vlms.pages.kernel import read_notebook
from vlms.printed import VERDICTS
from vlms.provenance import git_output

METADATA = "ro-crate-metadata.json"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# Terms of schema.org that the context of RO-Crate 1.1 lacks.
_SCHEMA = "Claim ClaimReview appearance claimReviewed itemReviewed reviewBody reviewRating sha256"
_WORKFLOW = "vlms/pages/build.py"
_LICENCE = "https://spdx.org/licenses/MIT"
_SHOWING = {"figures", "ledger", "showing"}  # rooms that compute no value
_media = mimetypes.MimeTypes(filenames=())
_media.add_type("application/x-ipynb+json", ".ipynb")
_media.add_type("text/markdown", ".md")

# How a claim was checked: number and id of the cell; where the notebook's own function begins that
# recomputes it; names of functions of the package; columns and conventions with their files; ids of
# printed values.
Check = namedtuple("Check", "cell cell_id code functions columns printed")


class CrateError(RuntimeError):
    """A crate that cannot be written; the message says what to do first."""


def write_crate(root="."):
    """Write ``ro-crate-metadata.json`` of all reports of the project's folder.

    Returns
    -------
    int
        How many verdicts.

    Raises
    ------
    CrateError
        When a report is stale, or a notebook that runs again gives another verdict than its report.
    """
    root = Path(root).resolve()
    if not (root / "vlms").is_dir():
        raise CrateError("A crate describes a clone of the project: run this in its folder.")
    stale = [stem for stem, reasons in status(root).items() if reasons]
    if stale:
        raise CrateError(f"Not up to date: {', '.join(stale)}. Build the reports first.")
    paths = sorted((root / CACHE).glob("*.json"))
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for path, record in zip(paths, records, strict=True):
        record["ended"] = datetime.fromtimestamp(int(path.stat().st_mtime), UTC).isoformat()
        record["notebook"] = next(name for name in record["inputs"] if name.endswith(".ipynb"))
        if record["claims"]:
            record["checks"] = _watch(root / record["notebook"], record["claims"])
            record["rows"] = _rows(root, record["stem"])
    metadata = _metadata(root, records)
    publish({METADATA: (json.dumps(metadata, indent=1, ensure_ascii=False) + "\n").encode()}, root)
    return sum(len(record["claims"]) for record in records)


# --- How each claim is checked --------------------------------------------------------------------


def _watch(notebook, published):
    """Run a notebook in this process; by claim id how it is checked. Compare with `published`."""
    notebook, checks, ledgers = Path(notebook), {}, []
    place, running, plain_check, plain_printed = [0, ""], [], Ledger.check, Ledger.printed

    def check(ledger, claims, **fields):
        before, read = set(ledger._judged), {}
        if isinstance(claims, Mapping):
            claims = {name: _watched(value, ledger, read) for name, value in claims.items()}
        plain_check(ledger, claims, **fields)
        ledgers.append(ledger)
        for claim_id in ledger._judged.keys() - before:
            function = ledger._judged[claim_id].function
            printed = sorted(read.get(function, ())) if callable(function) else []
            own = getattr(function, "__wrapped__", None)
            code = own.__code__ if own else running[0] if function is not None else None
            conventions = getattr(ledger.worlds, "conventions", ())
            reads = sorted(ledger._reads(function) - {"include"}) if own else []
            files = ["readings.csv" if name in conventions else "patients.csv" for name in reads]
            columns = [(f"data/{ledger.paper}/{f}", n) for f, n in zip(files, reads, strict=True)]
            called = _functions(code, own, names)
            checks[claim_id] = Check(*place, _begin(own, numbers), called, columns, printed)

    printed = functools.cached_property(lambda ledger: _Noting(plain_printed.func(ledger)))
    printed.__set_name__(Ledger, "printed")
    names, numbers = {"__name__": "__main__", "display": lambda *shown: None}, {}
    folder = Path.cwd()
    Ledger.check, Ledger.printed = check, printed
    try:
        os.chdir(notebook.parent)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            for number, cell in enumerate(read_notebook(notebook.name).cells, start=1):
                if cell.cell_type == "code":
                    place[:], numbers[cell.id] = (number, cell.id), number
                    running[:] = [compile(cell.source, cell.id, "exec")]
                    exec(running[0], names)
    except Exception as error:
        raise CrateError(f"{notebook.name}, cell {place[0]}: {error!r}") from error
    finally:
        os.chdir(folder)
        Ledger.check, Ledger.printed = plain_check, plain_printed
    found = ledgers[-1].frame.set_index("id")["verdict"].to_dict()
    if published and found != {claim["id"]: claim["verdict"] for claim in published}:
        raise CrateError(f"{notebook.name} gives other verdicts than its report; build it again.")
    return checks


class _Noting(dict):
    """Printed values that note which of them were read."""

    read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)


def _watched(value, ledger, read):
    """A function of claims that notes, under itself, which printed values it reads."""
    if not callable(value):
        return value

    @functools.wraps(value)
    def watched(*given):
        ledger.printed.read = read.setdefault(watched, set())
        return value(*given)

    return watched


def _begin(function, numbers):
    """Where a function of a notebook begins; blank for none, and for one of a library."""
    code = getattr(function, "__code__", None)
    number = code and numbers.get(code.co_filename)
    return f"cell {number}, line {code.co_firstlineno}" if number else ""


def _functions(code, function, names):
    """Names of the package's functions that some code of a notebook calls, also through its own.

    Where a value was handed over and no function, the code is that of the whole cell.
    """
    found, codes, seen = set(), [code] if code else [], set()
    inside = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    while codes:
        seen.add(code := codes.pop())
        codes += [const for const in code.co_consts if isinstance(const, CodeType)]
        for called in (*inside, *map(names.get, code.co_names)):
            called = getattr(called, "__wrapped__", called)
            module = getattr(called, "__module__", None) or ""
            if module.startswith("vlms.") and module.split(".")[1] not in _SHOWING:
                found |= (
                    {f"{module}.{called.__qualname__}"}
                    if hasattr(called, "__qualname__")
                    else set()
                )
            elif module == "__main__" and isinstance(called, FunctionType):
                codes += {called.__code__} - seen
    return sorted(found)


# --- What is written ------------------------------------------------------------------------------


def _rows(root, stem):
    """Where each claim of a paper stands in our data: its id → files and rows (RFC 7111)."""
    rows = {}
    for name in ("claims.csv", "facts.csv"):
        path = root / "data" / stem / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        head = len(list(itertools.takewhile(lambda line: line.startswith("#"), lines)))
        for number, row in enumerate(csv.DictReader(lines[head:]), start=head + 2):
            rows.setdefault(row["id"], []).append(f"data/{stem}/{name}#row={number}")
    return rows


def _metadata(root, records):
    """The crate as JSON-LD, with every input and every output of the reports."""
    try:
        from rocrate.model import ContextEntity
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise CrateError("Writing a crate needs the package rocrate; install it first.") from None
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms |= {name: f"http://schema.org/{name}" for name in _SCHEMA.split()}

    def add(entity, kind, **properties):
        listed = {"@type": kind, **properties}
        return crate.add(ContextEntity(crate, entity, properties=listed))

    ended = max(record["ended"] for record in records)
    _describe(root, crate, add, ended)
    digests = {}
    for record in records:
        digests |= record["inputs"] | record["outputs"]
    files = {}
    for path in sorted(digests):
        kind = ["File"] + ["SoftwareSourceCode"] * path.endswith((".py", ".ipynb"))
        kind += ["ComputationalWorkflow", "HowTo"] * (path == _WORKFLOW)
        about = {"@type": kind, "name": path, "sha256": digests[path]}
        about["encodingFormat"] = _media.guess_type(path)[0] or "text/plain"
        files[path] = crate.add_file(root / path, path, properties=about)
    workflow = files[_WORKFLOW]
    python = {"name": "Python", "version": records[0]["python"], "url": "https://www.python.org/"}
    workflow["programmingLanguage"] = add("#python", "ComputerLanguage", **python)
    crate.mainEntity = workflow
    engine = add("#vlms", "SoftwareApplication", name="vlms", version=records[0]["commit"])
    for verdict in VERDICTS:
        add(_id("rating", verdict), "Rating", name=verdict, alternateName=verdict)
    tools = dict.fromkeys(record["notebook"] for record in records)
    workflow["hasPart"] = [files[path] for path in tools]
    runs, controls = [], []
    for record in records:
        run, step = _add_run(record, files, add)
        workflow.append_to("step", step)
        controls.append(add(f"#control/{record['stem']}", "ControlAction", instrument=step))
        controls[-1]["object"] = run
        runs.append(run)
        if record["claims"]:
            _add_verdicts(root, record, files, add)
    whole = add("#run", "CreateAction", name="The build of all reports", instrument=workflow)
    whole["object"] = [files[path] for path in sorted(digests) if path.startswith("data/")]
    whole["result"] = [files[path] for path in sorted(digests) if path.startswith("reports/")]
    whole["endTime"] = ended
    organizing = add("#organize", "OrganizeAction", name="vlms build", instrument=engine)
    organizing["object"], organizing["result"] = controls, whole
    crate.root_dataset["mentions"] = [organizing, whole, *runs]
    return crate.metadata.generate()


def _id(*names):
    """An identifier: no space or comma may stand in one."""
    return "#" + re.sub("[ ,]+", "-", "/".join(names))


def _describe(root, crate, add, ended):
    """Say what the crate is, as .zenodo.json says it, and which profiles it follows."""
    about = json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))
    crate.name, crate.description = about["title"], about["description"]
    crate.keywords, crate.root_dataset["version"] = about["keywords"], about["version"]
    dated = git_output(root, "log", "-1", "--format=%cI") or ended
    crate.datePublished = datetime.fromisoformat(dated)
    crate.license = add(_LICENCE, "CreativeWork", name="MIT License", url=_LICENCE)
    crate.root_dataset["conformsTo"] = [
        add(address, "CreativeWork", name=name, version=address.rpartition("/")[2])
        for address, name in _PROFILES.items()
    ]


def _add_run(record, files, add):
    """The action that ran a notebook, and the step of the workflow that this was."""
    notebook, stem = files[record["notebook"]], record["stem"]
    run = add(f"#run/{stem}", "CreateAction", name=record["title"], instrument=notebook)
    run["object"] = [files[path] for path in record["inputs"] if path.startswith("data/")]
    run["result"] = [files[path] for path in record["outputs"]]
    run["endTime"] = record["ended"]
    run["description"] = f"Python {record['python']}, commit {record['commit']}"
    return run, add(f"#step/{stem}", "HowToStep", name=record["title"], workExample=notebook)


def _add_verdicts(root, record, files, add):
    """A claim and its verdict each, the cells that checked them, and what they read and called."""
    stem, rows, parts, by_cell = record["stem"], record["rows"], {}, {}

    def part(kind, name, file):
        if (kind, name, file) not in parts:
            about = {"name": name, "isPartOf": files[file], "version": record["commit"]}
            of_code = "CreativeWork" if kind == "column" else "SoftwareSourceCode"
            parts[kind, name, file] = add(_id(kind, file, name), of_code, **about)
        return parts[kind, name, file]

    about = read_notebook(root / record["notebook"]).metadata["vlms"]
    address = f"https://doi.org/{about['doi']}" if "doi" in about else f"#paper/{stem}"
    paper = add(address, "ScholarlyArticle", name=about.get("citation", stem))
    claims = {
        claim["id"]: add(
            f"#claim/{stem}/{claim['id']}",
            ["Claim", "PropertyValue"],
            name=claim["statement"],
            propertyID=claim["id"],
            value=claim["printed"],
            unitText=claim["unit"],
            appearance=paper,
            pagination=claim["section"],
            identifier=rows[claim["id"]],
            isPartOf=[files[row.partition("#")[0]] for row in rows[claim["id"]]],
        )
        for claim in record["claims"]
    }
    for claim in record["claims"]:
        check = record["checks"][claim["id"]]
        reasons = [f"Assuming {claim['assuming']}."] * bool(claim["assuming"])
        reasons += [f"Against {claim['against']}."] * bool(claim["against"])
        based = [claims[name] for name in check.printed if name in claims]
        based += [part("column", name, file) for file, name in check.columns]
        codes = [part("code", name, record["notebook"]) for name in [check.code] if name]
        for name in check.functions:
            file = re.sub(r"(\.[A-Z]\w*)?\.[^.]*$", "", name).replace(".", "/") + ".py"
            codes.append(part("function", name, file))
        verdict = add(
            f"#verdict/{stem}/{claim['id']}",
            ["ClaimReview", "PropertyValue"],
            name=f"{claim['id']}: {claim['verdict']}",
            propertyID=claim["id"],
            value=claim["recomputed"],
            claimReviewed=f"{claim['statement']}: {claim['printed']}",
            itemReviewed=claims[claim["id"]],
            reviewRating={"@id": _id("rating", claim["verdict"])},
            reviewBody=" ".join([*reasons, claim["because"]]).strip(),
            isBasedOn=[*based, *codes],
        )
        by_cell.setdefault((check.cell, check.cell_id), []).append((verdict, based))
    for (number, cell_id), found in sorted(by_cell.items()):
        cell = part("cell", f"cell {number}", record["notebook"])
        name = f"{record['notebook']}, cell {number}"
        run = add(f"#run/{stem}/{cell_id}", "CreateAction", name=name, instrument=cell)
        run["result"] = [verdict for verdict, _ in found]
        run["object"] = list({part.id: part for _, based in found for part in based}.values())
        run["endTime"] = record["ended"]
