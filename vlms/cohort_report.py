"""From a reader's file to reports: ``vlms report my.csv`` explores, ``vlms release my`` releases.

Exploring writes ``NAME-private.html`` with everything, ``NAME-preview.html`` as it would be shared,
and, within the private page, where the two differ. Nothing is recorded. A release is made anew from
the file under the lock of the ledger: compared with earlier ones, attacked with them, what is
solved withheld, recorded, and only then written as ``NAME-to-share.html``.

Each is rendered in a scratch folder of the project, which only its owner can enter and the next
start sweeps, and where the cohort has a neutral name, so that neither its path nor the checksum of
its content reaches the page. Where everything is not shown, a failing cell is told by its number
and the kind of error; what the error says could quote a patient.
"""

import contextlib
import hashlib
import html
import io
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.disclosure import (
    FOLDER,
    MISSING,
    Disclosure,
    ReleaseError,
    Releases,
    Withheld,
    coded,
    find_quotes,
    read_counts,
    scratch,
    solve,
    survival_curves,
    to_withhold,
    true_counts,
)
from vlms.own_cohort import ChoiceError, count_cohort, open_cohort, open_counts
from vlms.pages import RenderError, publish, read_notebook, render
from vlms.printed import print_p
from vlms.provenance import PACKAGE, PROJECT
from vlms.showing import one_line
from vlms.study import study_file
from vlms.survival import kaplan_meier

ROOT = Path.cwd() if PROJECT == PACKAGE else PROJECT  # where the releases are kept
NOTEBOOK = PROJECT / "notebooks" / "cohort.ipynb"
COUNTED = PROJECT / "notebooks" / "counted.ipynb"
_MARKS = {
    "private": " – PRIVATE, everything is shown",
    "preview": " – PREVIEW, not for sharing",
    "to-share": "",
}
_OPTIONS = {"study": "study", "covariates": "covariate", "references": "reference", "paper": "for"}
# The notebook's own values are those of the example.
_LISTS = "endpoints landmarks groups cuts covariates adjust".split()
_UNCHOSEN = {"references": {}, **{name: [] for name in _LISTS}}
_ROUNDS = 4  # of withholding what was solved
_KEYS = "variable level endpoint event covariate reference measure column comparison subgroup "
_KEYS = [*(_KEYS + "marker days weeks months years").split(), "what was done", "the unknown causes"]


class ReportError(RuntimeError):
    """A report that could not be made; the message may be shown to anybody."""


@dataclass
class Order:
    """What is asked for: the file, and the notebook's parameters by name.

    Attributes
    ----------
    cohort : str
        Path of the file.
    name, encoding : str
        Of the report; as `open_cohort` takes it. Blank for the file's name, Unicode.
    parameters : dict
        Name → value, for the notebook; as `open_cohort` takes them, but for ``disclosure``:
        ``"full"`` makes the private page alone, ``"safe"`` the preview, without it both are made.
    """

    cohort: str
    name: str = ""
    encoding: str = ""
    parameters: dict = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The name of the report's files."""
        return report_name(self.name or Path(str(self.cohort)).stem)


def report(order: Order, *, reports="reports", root=ROOT, on_cell=None) -> list[Path]:
    """Explore a cohort: make the private page, and the preview of the one to share.

    Parameters
    ----------
    order : Order
    reports : path-like
        The folder to write to.
    root : path-like
        The project's folder.
    on_cell : callable, optional
        As `vlms.pages.render` takes it.

    Returns
    -------
    list of pathlib.Path
        The pages; tables and figures are in folders of the same names.

    Raises
    ------
    vlms.cohort.CohortError, vlms.own_cohort.ChoiceError, vlms.disclosure.DisclosureError
        When the file or a choice cannot be used. Their messages are for the owner of the file.
    ReportError
        When the notebook fails.
    """
    chosen = order.parameters.get("disclosure", "")
    Disclosure(chosen or "safe", order.parameters.get("min_count", 10))
    _open(order, "full")
    before, made = _digest(order.cohort), {}
    with scratch(root) as folder:
        for kind, mode in (("preview", "safe"), ("private", "full")):
            if chosen in ("", mode):
                made[kind] = _render(order, kind, mode, folder, root, on_cell=on_cell)
    if _digest(order.cohort) != before:
        raise ReportError("The file changed while the report was made; make it again.")
    if len(made) == 2:
        found = [*_differences(made["private"], made["preview"]), *_curves_apart(order)]
        _say_differences(made["private"], f"{order.stem}-private", found)
    remembered = {**vars(order), "cohort": str(Path(order.cohort).resolve())}
    kept = f"{order.stem}-private/order.json"
    made.setdefault("private", {})[kept] = json.dumps(remembered).encode()
    for kind, files in made.items():
        _publish(files, f"{order.stem}-{kind}", reports, private=kind == "private")
    return [Path(reports) / f"{order.stem}-{k}.html" for k in ("private", "preview") if k in made
            and f"{order.stem}-{k}.html" in made[k]]  # fmt: skip


def report_counts(order: Order, *, scheduler="", reports="reports", root=ROOT, on_cell=None):
    """Report on a Parquet file or folder of any size from its counts; the private page alone.

    Parameters
    ----------
    order, reports, root, on_cell
        As `report` takes them.
    scheduler : str
        Address of a Dask cluster that counts; blank for DuckDB on this machine.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    vlms.own_cohort.ChoiceError
        When a choice needs the patients, or does not fit the cohort; else as `report`.
    """
    given = dict(order.parameters)
    for name in ("study", "covariates", "references", "paper"):
        if given.pop(name, None):
            raise ChoiceError(f"--{_OPTIONS[name]} needs the patients; counts do not hold it")
    given["disclosure"] = given.get("disclosure") or "full"
    given.pop("min_count", None)
    # Not what stands beside the counts.
    given["study_file"] = given.get("study_file") or str(study_file(Path(order.cohort).resolve()))
    given["study_file"] = given["study_file"] * Path(given["study_file"]).is_file()
    asked = {name: given.get(name, ()) for name in ("study_file", "groups", "cuts", "adjust")}
    counted = count_cohort(order.cohort, scheduler=scheduler, **asked)
    stem = f"{order.stem}-private"
    with scratch(root) as folder:
        counted.to_parquet(folder / "counted.parquet")
        open_counts(folder / "counted.parquet", **given)
        its = replace(order, cohort=str(folder / "counted.parquet"), name=order.stem, encoding="")
        its.parameters = given
        files = _render(its, "private", "full", folder, root, on_cell=on_cell, notebook=COUNTED)
    _publish(files, stem, reports, private=True)
    return Path(reports) / f"{stem}.html"


def release(
    name, *, reports="reports", releases=None, root=ROOT, reason="", on_cell=None
) -> tuple[Path, list[str]]:
    """Attack, record and write the page to share of a cohort that was explored under this name.

    Parameters
    ----------
    name : str
        As `report` was given it, or an `Order`.
    reports, root, on_cell
        As `report` takes them.
    releases : Releases, optional
        The ledger; by default that of the project.
    reason : str
        Why it is released although few patients differ from an earlier release.

    Returns
    -------
    tuple
        The page, and what is withheld as it could have been solved.

    Raises
    ------
    vlms.disclosure.ReleaseError
        When it may not be released; nothing was written or recorded then.
    ReportError
        When nothing was explored under this name, or the notebook fails.
    """
    order = name if isinstance(name, Order) else _remembered(name, reports)
    releases = Releases(Path(root) / FOLDER) if releases is None else releases
    stem, withheld = f"{order.stem}-to-share", []
    with releases.locked(), scratch(root) as folder:
        before, own = _digest(order.cohort), _open(order, "safe")
        now, pinned = releases.fingerprint(own.patients), own.rules.pinned()
        releases.check(now, pinned, reason=reason)
        about = _about(own)
        for _ in range(_ROUNDS):
            files = _render(order, "to-share", "safe", folder, root, withheld, on_cell)
            told = {"label": own.label, "text": _text}
            counts = read_counts(files, own.patients, about, own.rules, **told)
            solved = releases.attack(now, counts, about, own.rules.min_count)
            more = to_withhold(solved, own.patients) - set(withheld)
            if not more:
                break
            withheld += sorted(more)
        if len(solved):
            raise ReleaseError(
                "Together with what is out already, this report gives small counts away: "
                f"{'; '.join(_told(of) for of in solved['of'][:5])}. Leave these columns out of "
                "the choices, then make it again."
            )
        if _digest(order.cohort) != before:
            raise ReportError("The file changed while the report was made; make it again.")
        _check_bytes(files, own.patients)
        # Recorded first: a report that is out and not in the ledger could not be compared.
        releases.record(stem, now, pinned, counts, reason=reason)
        _publish(files, stem, reports)
    return Path(reports) / f"{stem}.html", withheld


def check_folder(folder, cohort, *, encoding="", min_count=10) -> tuple[dict, pd.DataFrame, int]:
    """Attack any folder of files with the cohort that they are about.

    Returns
    -------
    tuple
        File → text of single patients found in it; counts that its tables give away, as
        `vlms.disclosure.solve`; and how many counts were read.
    """
    own = open_cohort(cohort, encoding=encoding, min_count=min_count)
    paths = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    about = _about(own)
    counts = read_counts(files, own.patients, about, own.rules, label=own.label, text=_text)
    levels = {name: {*about[name], MISSING} for name in about}
    quotes = find_quotes(files, own.patients, public=_public())
    told, found = true_counts(about), []
    parts = [counts, *([c for c in counts if c.where == path] for path in files)]
    for part in parts:  # all together or, where they contradict each other, each table by itself
        with contextlib.suppress(ArithmeticError):
            found.append(solve(part, levels, min_count, truth=told))
            if part is counts:
                break
    return quotes, pd.concat(found) if found else pd.DataFrame(), len(counts)


def report_name(name) -> str:
    """Return a name for a report's files: small letters, digits and hyphens, never a path.

    Examples
    --------
    >>> report_name("../My cohort (2024).v2"), report_name("$(rm -rf)"), report_name("--output")
    ('my-cohort-2024-v2', 'rm-rf', 'output')
    >>> report_name("../.."), len(report_name("a" * 300))
    ('cohort', 60)
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in str(name).lower())
    return "-".join(filter(None, kept.split("-")))[:60].strip("-") or "cohort"


def _open(order, mode):
    """Open the cohort of an order in a mode."""
    given = {**order.parameters, "disclosure": mode}
    return open_cohort(order.cohort, encoding=order.encoding, **given)


def _about(own):
    """What counts of a report are about: levels of all columns, and events of endpoints."""
    return coded(own.patients, {name: own.frame(name)["event"] for name in own.endpoints})


def _remembered(name, reports):
    """The order under which a cohort was explored."""
    place = Path(reports) / f"{report_name(name)}-private" / "order.json"
    if not place.is_file():
        raise ReportError(
            f"There is no {place}: explore the cohort first, vlms report FILE --name {name}."
        )
    try:
        return Order(**json.loads(place.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise ReportError(f"{place} is damaged: explore the cohort again.") from None


def _render(order, kind, mode, folder, root, withheld=(), on_cell=None, notebook=NOTEBOOK):
    """Render in a folder where the files have neutral names; path → content."""
    source, stem = Path(order.cohort).resolve(), f"{order.stem}-{kind}"
    neutral = folder / f"cohort{source.suffix.lower()}"
    unchosen = _UNCHOSEN if notebook == NOTEBOOK else {}
    given = {**unchosen, **order.parameters, "cohort": neutral.name, "disclosure": mode}
    given |= {"withhold": list(withheld)} if withheld else {}
    neutral.unlink(missing_ok=True)
    if order.encoding:
        neutral.write_bytes(source.read_bytes().decode(order.encoding).encode("utf-8"))
    else:
        neutral.symlink_to(source)
    declared = Path(given.pop("study_file", "") or study_file(source))
    (folder / "cohort.study.toml").unlink(missing_ok=True)
    if declared.is_file():  # found there as beside any table
        (folder / "cohort.study.toml").symlink_to(declared.resolve())
    # The checksum of a private file would let others test whether they hold the same file.
    inputs = {f"notebooks/{notebook.name}": hashlib.sha256(notebook.read_bytes()).hexdigest()}
    notebook = read_notebook(notebook)
    title = f"{order.stem}{_MARKS[kind]}"
    notebook.metadata["vlms"] = {"kind": "cohort", "title": f"Cohort {title}"}
    heading = f"# Cohort *{order.stem}*{_MARKS[kind]}"
    notebook.cells[0].source = re.sub(r"\A# .*", heading, notebook.cells[0].source)
    path = folder / "cohort.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    try:
        found = render(path, stem, parameters=given, inputs=inputs, root=root, on_cell=on_cell)
    except RenderError as error:
        raise ReportError(_harmless(error) if mode == "safe" else str(error)) from None
    return dict(found.files)


def _text(value):
    """A level as a report prints it."""
    line = re.sub(r"@(?=fig-|tbl-)", "@ ", one_line(value))
    return line if len(line) <= 60 else f"{line[:59]}…"


def _told(of):
    """A set of patients in words for the owner."""
    parts = (f"{name}: {' or '.join(map(str, sorted(some)))}" for name, some in of.items())
    return ", ".join(parts)


def _digest(path):
    """Checksum of a file, or nothing where it is none: the reader says what is wrong with it."""
    path = Path(str(path))
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _harmless(error):
    """Say which cell failed and with what kind of error, and nothing that could quote a cell."""
    where = re.search(r"cell \d+", str(error))
    kind = re.findall(r"^(\w+(?:Error|Exception|Warning))\b", str(error), re.MULTILINE)
    return (
        f"The report failed at {where[0] if where else 'a step'} of the notebook"
        f"{f' ({kind[-1]})' if kind else ''}. What the error says is not shown, as it could quote "
        "the data; vlms report --disclosure full shows it, on this terminal."
    )


def _public():
    """All text of the project: what it says is nobody's secret."""
    places = [path for path in PACKAGE.rglob("*") if path.relative_to(PACKAGE).parts[0] != "data"]
    places += [NOTEBOOK, *(PROJECT / "data").glob("[!e]*/*.csv")]
    return b"\n".join(path.read_bytes() for path in places if path.is_file())


def _check_bytes(files, patients):
    """See that a page to share has no drawing but pixels, and quotes no patient."""
    page = next(content for path, content in files.items() if path.endswith(".html"))
    vector = [path for path in files if path.endswith((".svg", ".pdf"))]
    if vector or b"data:image/svg" in page or b"<svg" in page:
        raise ReportError("A figure of the report is a vector drawing; nothing was written.")
    if quotes := find_quotes(files, patients, public=_public()):
        n, where = sum(map(len, quotes.values())), ", ".join(quotes)
        raise ReportError(f"{n} texts of single patients stand in {where}; nothing was written.")


def _publish(files, stem, reports, *, private=False):
    """Write a report; remove tables and figures of an earlier run that this one does not make."""
    folder, kept = Path(reports) / stem, {Path(path).name for path in files}
    if folder.is_dir() and not folder.is_symlink() and f"{stem}.html" in files:
        for path in folder.iterdir():
            if path.suffix in (".csv", ".png", ".svg", ".json") and path.name not in kept:
                path.unlink()
    if private:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    publish(files, reports)
    for path in files if private else ():
        with contextlib.suppress(OSError):
            (Path(reports) / path).chmod(0o600)


def _tables(files):
    """The tables of a report: label → text frame."""
    for path, content in files.items():
        if path.endswith(".csv"):
            table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
            # The heads of the table of complete cases hold counts.
            yield Path(path).stem, table.rename(columns=lambda c: re.sub(r" \(.*\d.*\)$", "", c))


def _differences(private, preview):
    """Yield where tables of the two pages differ: table, of what, exact, as shown, by how much."""
    exact = dict(_tables(private))
    for label, shown in _tables(preview):
        if label in ("tbl-rules", "tbl-left-out", "tbl-quality") or label not in exact:
            continue
        keys = [name for name in shown if name in _KEYS and name in exact[label]]
        rest = [name for name in shown if name not in keys]
        if not keys:
            continue
        before = exact[label].drop_duplicates(keys).set_index(keys).to_dict("index")
        for row in shown.to_dict("records"):
            at = tuple(row[key] for key in keys)
            was = before.pop(at if len(at) > 1 else at[0], None)
            for name in rest:
                found = "not a row there" if was is None else was.get(name, "not a column there")
                if found != row[name] and not _same(name, found, row[name]):
                    yield label, ", ".join([*at, name]), found, row[name], _apart(found, row[name])
        for at in before:
            what = ", ".join(at) if isinstance(at, tuple) else at
            yield label, what, "a row", "no row", "merged or withheld"


def _same(name, exact, shown):
    """Whether both pages print the same, though the CSV of the private one has all digits."""
    with contextlib.suppress(ValueError):
        if name.endswith("p_value"):
            return print_p(float(exact)) == shown
        return "." in shown and f"{float(exact):.2f}" == f"{float(shown):.2f}"
    return exact == shown


def _apart(exact, shown):
    """By how much a number that is shown differs."""
    first = [re.match(r"-?\d+(?:\.\d+)?", value) for value in (exact, shown)]
    if not first[0]:
        return ""
    if re.search("–.*%| to |^(under|over|after|by) ", shown):
        return f"within {shown}" if shown[0].isdigit() else shown
    return f"{float(first[1][0]) - float(first[0][0]):+.4g}" if first[1] else "withheld"


def _curves_apart(order):
    """Yield for each endpoint how far the coarse curve is from the exact one at most."""
    own = _open(order, "safe")
    for endpoint in own.endpoints:
        frame, label = own.frame(endpoint), f"curve of {endpoint.replace('_', ' ')}"
        sizes = {"all": len(own.patients)}
        try:
            safe = survival_curves(frame["time"], frame["event"], own.rules, sizes=sizes)
        except Withheld as reason:
            yield "figures", label, "drawn", f"withheld: {reason}", ""
            continue
        exact = kaplan_meier(frame["time"], frame["event"])
        exact = exact[exact["time"] <= safe["time"].max()]
        # The coarse curve is furthest away just before it steps, or where the exact one falls.
        coarse = safe["survival"].to_numpy()[
            np.searchsorted(safe["time"], exact["time"], "right") - 1
        ]
        most = np.abs(coarse - exact["survival"]).max()
        yield (
            "figures",
            label,
            "exact steps",
            "steps of the grid",
            f"at most {100 * most:.0f} points",
        )


def _say_differences(files, stem, found):
    """Add the differences to the private page, and as a table to its folder."""
    header = ["table", "of", "exact", "as it would be shared", "by"]
    table = pd.DataFrame(found, columns=header)
    files[f"{stem}/differences.csv"] = table.to_csv(index=False).encode()
    rows = "".join(
        f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>"
        for row in [header, *found]
    )
    said = (
        '<section id="differences"><h2>Where the preview differs</h2><p>For you only: '
        f"{len(found)} numbers of this page are shown otherwise, or not at all, on the page to "
        f'share.</p><details><summary>All of them</summary><div class="table-scroll"><table>{rows}'
        "</table></div></details></section>"
    )
    page = files[f"{stem}.html"].decode()
    before, footer, after = page.rpartition('<footer class="colophon">')
    files[f"{stem}.html"] = f"{before}{said}{footer}{after}".encode()
