"""The command line: ``vlms build · render · status · diff · check · report · audit …``.

Each command imports what it needs when it is called, so that ``vlms --help`` is quick. Exit codes:
0 all is well, 1 it is not (a report failed, a table has problems, numbers contradict each other),
2 the command cannot be understood, 130 stopped by Ctrl-C.
"""

import ast
import contextlib
import functools
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import click

_HELP = {"help_option_names": ["-h", "--help"]}
_flag = functools.partial(click.option, is_flag=True)
_several = functools.partial(click.option, multiple=True)


def _with(*options):
    """One decorator for several, in the order in which the help is to show them."""
    return lambda function: functools.reduce(lambda made, add: add(made), options[::-1], function)


@click.group(context_settings=_HELP)
@click.version_option(package_name="vlms")
def main():
    """Re-derive cohort papers, check printed statistics, analyse a cohort of your own."""


# --- Reports --------------------------------------------------------------------------------------

_CELL_SECONDS = click.option(
    "--cell-seconds", default=600.0, show_default=True, help="Time limit for a cell."
)


@main.command()
@click.argument("only", nargs=-1, metavar="[REPORT]...")
@click.option("--kind", type=click.Choice(["paper", "series", "overview", "lesson", "cohort"]))
@_flag("--force", help="Build the fresh ones too.")
@_flag("--strict", help="A report whose notebook gives warnings has failed.")
@click.option("--jobs", type=click.IntRange(min=1), help="Reports at a time.")
@_CELL_SECONDS
def build(**options):
    """Build the reports that are stale, all or those named, and the index."""
    _start_notebooks()
    from vlms.pages import BuildError, PublishingError, build

    with _Progress() as progress:
        try:
            outcome = build(progress=progress, **options)
        except KeyboardInterrupt:
            _stop("Stopped. Reports that were not finished are as they were before.", 130)
        except (BuildError, PublishingError) as error:
            _stop(f"Error: {error}")
    for stem in outcome.removed:
        _say(f"{stem}: removed, its notebook is gone")
    counts = f"{len(outcome.built)} built, {len(outcome.fresh)} fresh"
    if outcome.failed:
        _stop(f"{counts}, {len(outcome.failed)} FAILED: {', '.join(outcome.failed)}")
    _say(f"{counts}: open reports/index.html")


@main.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False))
@click.option("-p", "--parameter", "given", nargs=2, multiple=True, metavar="NAME VALUE")
@click.option("-o", "--output", help="The HTML file; by default reports/<notebook>-<values>.html.")
@_CELL_SECONDS
def render(notebook, given, output, cell_seconds):
    """Run one notebook under some parameters and write a page beside its report, not over it.

    Parameters are those of the cell tagged so, with values as Python writes them:
    vlms render notebooks/tilkorn2010.ipynb -p confidence 0.9
    """
    values = re.sub(r"[^\w.]+", "-", "-".join(part for pair in given for part in pair))
    name = f"{Path(notebook).stem}-{values.strip('-.')[:60] or 'as-it-is'}"
    output = Path(output or f"reports/{name}.html")
    if output.suffix != ".html":
        _stop(f"Error: {output} is no name for a page; it ends in .html.", 2)
    if (Path("reports/.cache") / f"{output.stem}.json").exists() and output.parent == Path(
        "reports"
    ):
        _stop(f"Error: {output} is a report that `vlms build` writes; choose another name.", 2)
    _start_notebooks()
    from vlms.pages import PublishingError, RenderError, publish, render

    parameters = {name: _value(text) for name, text in given}
    try:
        rendered = render(notebook, output.stem, parameters=parameters, cell_seconds=cell_seconds)
        publish(rendered.files, output.parent)
    except KeyboardInterrupt:
        _stop("Stopped. Nothing was written.", 130)
    except (RenderError, PublishingError) as error:
        _stop(f"Error: {error}")
    if rendered.log:
        click.echo(f"The notebook gave warnings:\n{rendered.log}", err=True)
    _say(f"wrote {output} in {rendered.about['seconds']:.1f} s")


@main.command("new-paper")
@click.argument("stem")
@click.option("--patients/--aggregates", default=None, help="What the paper prints.")
def new_paper(stem, patients):
    """Begin a further paper: its data folder, and a notebook that already runs.

    vlms new-paper smith2020 --patients
    """
    from vlms.add_paper import new_paper

    if patients is None:
        raise click.UsageError("say what the paper prints: --patients or --aggregates")
    try:
        written = new_paper(stem, patients=patients)
    except ValueError as error:
        _stop(f"Error: {error}", 2)
    for path in written:
        click.echo(path)
    click.echo(f"Made-up numbers stand in them. What is left to do: vlms paper check {stem}")


@main.group("paper")
def paper_commands():
    """The data folder and the notebook of one paper."""


@paper_commands.command("check")
@click.argument("stem")
@click.option("--run/--no-run", default=True, help="Run the notebook, if all else is right.")
def paper_check(stem, run):
    """List all that is missing or disagrees: files, claims, notebook, verdicts.

    Exit code 0: nothing, 1: something is.
    """
    from vlms.add_paper import paper_problems

    if run:
        _start_notebooks()
    found = paper_problems(stem, run=run)
    for path, line, problem in found:
        click.echo(f"{path}{f':{line}' if line else ''}: {problem}")
    click.echo(f"{stem}: {len(found) or 'no'} problem{'s' * (len(found) != 1)}")
    raise SystemExit(int(bool(found)))


@main.command()
def status():
    """Say of each report whether it is fresh and, if not, which file changed."""
    from vlms.pages import status

    for stem, reasons in status().items():
        click.echo(f"{stem}: {'; '.join(reasons) or 'fresh'}")


@main.command()
@click.argument("base", default="HEAD")
def diff(base):
    """Say which verdicts, values and tables changed since commit BASE."""
    from vlms.pages import CompareError, compare_with, status

    if stale := ", ".join(stem for stem, reasons in status().items() if reasons):
        text = f"Not up to date: {stale}. Build the reports first (make reports)."
        raise click.ClickException(text)
    try:
        changes = compare_with(base)
    except CompareError as error:
        raise click.ClickException(str(error)) from None
    for name, found in changes.items():
        click.echo("\n  ".join([f"{name}:", *found]))
    count = sum(map(len, changes.values()))
    click.echo(f"Changes since {base}: {count}, files that differ: {len(changes)}.")


@main.command()
def crate():
    """Write where every verdict comes from, for machines: ro-crate-metadata.json."""
    _start_notebooks()
    from vlms.pages import METADATA, CrateError, write_crate

    try:
        n = write_crate()
    except CrateError as error:
        raise click.ClickException(str(error)) from None
    _say(f"wrote {METADATA}: {n} verdicts")


@main.command()
def certificate():
    """Make all reports again in a clean clone and write what agreed; exit 1 if any file differs."""
    _start_notebooks()
    from vlms.pages import CertificateError, certify

    try:
        different = certify()
    except CertificateError as error:
        raise click.ClickException(str(error)) from None
    _say("wrote reports/certificate.md")
    if different:
        _stop(f"Not as published: {', '.join(different)}")


class _Progress:
    """Show how a build gets on: a live line a report on a terminal, plain lines elsewhere.

    rich would draw from a thread; a process that forks is better off without any, so the bars are
    drawn from the build's own loop.
    """

    def __init__(self):
        self._bars, self._tasks, self._drawn = None, {}, 0.0

    def __enter__(self):
        if sys.stdout.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TimeElapsedColumn

            cells = "cell {task.completed:.0f} of {task.total:.0f}"
            columns = "{task.description}", BarColumn(30), cells, TimeElapsedColumn()
            drawn = {"transient": True, "auto_refresh": False}
            self._bars = Progress(*columns, console=Console(highlight=False), **drawn)
            self._bars.start()
        return self

    def __exit__(self, *error):
        if self._bars:
            self._bars.stop()

    def __call__(self, event, stem, content):
        if self._bars:
            self._draw(event, stem, content)
        if event == "stale":
            more = f" and {len(content) - 3} more" if len(content) > 3 else ""
            self._write(f"{stem}: to build: {', '.join(content[:3])}{more}")
        elif event == "done":
            self._write(f"{stem}: built in {content:.1f} s")
        elif event == "failed":
            message, kept = content
            self._write(f"{stem}: FAILED ({kept})\n{message}\n")
        elif event == "warned":
            self._write(f"{stem}: its notebook gave warnings, which are in {content}")

    def _draw(self, event, stem, content):
        if event == "started":
            self._tasks[stem] = self._bars.add_task(stem, total=1)
        elif event == "cell":
            self._bars.update(self._tasks[stem], completed=content[0], total=content[1])
        elif event in ("done", "failed"):
            self._bars.remove_task(self._tasks.pop(stem))
        elif time.monotonic() - self._drawn > 0.1:
            self._bars.refresh()
            self._drawn = time.monotonic()

    def _write(self, text):
        if self._bars:
            self._bars.console.print(text, markup=False, soft_wrap=True)
        else:
            _say(text)


def _start_notebooks():
    """Start again under what makes reports reproducible, if this is another environment.

    Python reads the seed of hashes, and a user's start-up files, before it gets here.
    """
    from vlms.provenance import sealed_environment

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    environment = sealed_environment()
    if os.environ.pop("VLMS_STARTED_AGAIN", "") or environment == dict(os.environ):
        return
    environment["VLMS_STARTED_AGAIN"] = "1"
    command = [sys.executable, "-P", "-m", "vlms", *sys.argv[1:]]
    if os.name == "posix":
        os.execve(sys.executable, command, environment)
    import subprocess

    with contextlib.suppress(KeyboardInterrupt):  # the other stops, too
        raise SystemExit(subprocess.call(command, env=environment))


def _value(text):
    """A literal of Python where the text is one, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _say(text):
    """Write to standard output, also where nobody reads any more: Ctrl-C ends ``tee`` first."""
    try:
        print(text, flush=True)
    except OSError:
        silence = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError):
            os.dup2(silence, sys.stdout.fileno())


def _stop(text, code=1):
    """Say why, and end with an exit code."""
    _say(text)
    raise SystemExit(code)


# --- A cohort of one's own ------------------------------------------------------------------------

_TABLE = click.argument("path")
_STUDY = click.option("--study", help="Study file; by default the one beside the table.")
_ENCODING = click.option("--encoding", help="latin-1 or cp1252, where the file is not Unicode.")


@main.command()
@_TABLE
@_STUDY
@_ENCODING
@_flag("--all", "every_cell", help="List every cell, not one line a kind.")
@_flag("--json", "as_json", help="Write JSON, for programs; every cell.")
def check(path, study, encoding, every_cell, as_json):
    """Check a cohort: how it was read, and all problems by kind; exit 1 if there are any."""
    from dataclasses import replace

    from vlms.cohort import check_cohort
    from vlms.markers import marker_columns, marker_problems

    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know every letter
    found = check_cohort(path, study, encoding=encoding)
    stains = marker_problems(found.frame)
    scores = {*marker_columns(found.frame)}  # which the report takes by their names
    if as_json:
        click.echo(json.dumps(found.as_dict() | {"markers": stains}, indent=2))
    else:
        rest = {
            part: {name: n for name, n in getattr(found, part).items() if name not in scores}
            for part in ("ignored", "missing")
        }
        click.echo(replace(found, **rest).as_text(every_cell=every_cell))
        if scores and not stains:
            _say(f"  scores of stains: {len(scores)} columns")
        if stains:
            _say("\nmarkers: a report leaves them out, as\n  " + "\n  ".join(stains))
    raise SystemExit(not found.sound)


@main.command()
@_TABLE
@_ENCODING
@_flag("--yes", help="Ask nothing: leave the questions in the file, marked.")
@_flag("--force", help="Replace a study file that is there.")
def start(path, encoding, yes, force):
    """Look at a table, ask what it cannot tell, and write its study file beside it."""
    from vlms.cohort import CohortError, start_study
    from vlms.study import study_file

    target = study_file(path)
    if (target.exists() or target.is_symlink()) and not force:
        raise click.ClickException(f"{target} exists already; edit it, or add --force")
    ask = None if yes or not sys.stdin.isatty() else _ask
    try:
        if large := _is_large(path):
            from vlms.own_cohort import sample_rows

            with sample_rows(path) as few:
                text, questions = start_study(few, ask=ask)
            _say("looked at 100,000 rows; a code that none of them holds is refused when counted")
        else:
            text, questions = start_study(path, encoding=encoding, ask=ask)
        target.write_text(text, encoding="utf-8")
    except (CohortError, OSError) as error:
        raise click.ClickException(str(error)) from None
    _say(f"wrote {target}: read it through, then vlms {'report' if large else 'check'} {path}")
    if questions:
        _say(f"{questions} lines hold a question, marked “?”: answer them first")


def _ask(question, choices, default):
    """Put a question on the terminal; an empty answer leaves it open, in the file."""
    listed = f" ({', '.join(choices)})" if choices else ""
    answer = click.prompt(f"{question}{listed}", default=default, show_default=bool(default))
    return answer.strip()


@main.command()
@_TABLE
@_ENCODING
@click.option("--name", default="", help="Name of the report; by default that of the file.")
@click.option(
    "--disclosure",
    default="",
    type=click.Choice(["", "safe", "full"]),
    help="Only the preview (safe), or only the private page (full).",
)
@click.option("--min-count", default=10, show_default=True, help="Fewest patients of a number.")
@click.option(
    "--study",
    default="",
    help="Study file, by default the one beside the table; or a paper's design: roland2016.",
)
@_several("--endpoint", "endpoints", help="Only this endpoint, the primary one first; repeat.")
@_several("--landmark", "landmarks", type=float, help="Time to read survival at; repeat. The "
          "landmark analyses start at the first.")  # fmt: skip
@_several("--group", "groups", help="Column whose groups are compared; repeat.")
@_several("--cut", "cuts", help='Groups made of a number, such as "age <= 55"; repeat.')
@_several("--covariate", "covariates", help='Column for a hazard ratio, "age per 10"; repeat.')
@_several("--adjust", help="Column that the hazard ratio of a group is adjusted for; repeat.")
@_several("--reference", metavar="COLUMN=LEVEL", help="Reference level.")
@click.option("--for", "paper", type=click.Choice(["paper"]), help="Files for a manuscript, too.")
@click.option("--interval", default="log-log", show_default=True, help="Scale of the intervals.")
@_flag("--counts", help="From counts, as of any folder of Parquet files and above 10⁶ rows.")
@click.option("--scheduler", default="", metavar="ADDRESS", help="Of a Dask cluster that counts.")
@click.option("--output", default="reports", show_default=True, help="Folder to write to.")
def report(path, output, name, encoding, counts, scheduler, **given):
    """Explore a cohort of your own: a private page, and a preview of the one to share."""
    _start_notebooks()
    from vlms.cohort import Check, CohortError, printable
    from vlms.cohort_report import Order, ReportError, report, report_counts
    from vlms.disclosure import DisclosureError
    from vlms.own_cohort import ChoiceError
    from vlms.pages import PublishingError
    from vlms.study import study_file
    from vlms.survival import SurvivalInputError

    design, beside = given.pop("study"), study_file(path)
    if design.endswith(".toml"):
        design, beside = "", Path(design)
    # A parameter of the notebook is of one type.
    given |= {"study": design, "study_file": str(beside.resolve()) if beside.is_file() else ""}
    order = Order(path, name, encoding or "", _study_parameters(**given))
    counts = counts or bool(scheduler) or _is_large(path)
    try:
        if counts:
            page = report_counts(order, scheduler=scheduler, reports=output)
            _say(f"wrote {printable(page)} from counts; it says what counts do not allow")
            return
        pages = report(order, reports=output)
    except KeyboardInterrupt:
        _stop("Stopped. A report that was there is as it was before.", 130)
    except CohortError as error:  # told cell by cell, as by `vlms check`
        if counts:
            _say(
                "Lines and cells are those of the counts: each stands for patients with such values"
            )
        _stop(Check(path, problems=error.problems).as_text())
    except (ImportError, SurvivalInputError) as error:
        if not counts:
            raise
        _stop(f"Error, nothing was written: {printable(str(error), 2000)}")
    except (ChoiceError, DisclosureError, ReportError, PublishingError) as error:
        lines = "\n".join(printable(line, 2000) for line in str(error).splitlines())
        _stop(f"Error, nothing was written: {lines}")
    for page in pages:
        _say(f"wrote {printable(page)}, with its tables and figures in the folder of that name")
    _say(f"Neither is for sharing. What is to be shared: vlms release {order.stem}")


def _is_large(path):
    """Whether a table is counted: a folder of Parquet files, or one of more than 10⁶ rows."""
    if Path(path).is_dir():
        return True
    if not Path(path).is_file() or Path(path).suffix.casefold() not in (".parquet", ".pq"):
        return False
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_metadata(path).num_rows > 1_000_000
    except (OSError, ValueError):
        return False  # reading it will say so


def _study_parameters(reference, **given):
    """The notebook's parameters, as lists and a dict."""
    references = {}
    for pair in reference:
        column, _, level = pair.partition("=")
        if not column or not level:
            raise click.BadParameter(f"{pair!r}: write column=level", param_hint="--reference")
        references[column] = level
    given = {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}
    given["paper"] = bool(given["paper"])
    if not given["disclosure"]:
        del given["disclosure"]
    return {**given, "references": references}


# --- The course -----------------------------------------------------------------------------------


@main.command()
@click.argument("number", type=click.IntRange(min=1))
@_flag("--no-open", help="Copy the lesson, and do not start JupyterLab.")
def lesson(number, no_open):
    """Open lesson NUMBER in JupyterLab; your copy of it is made in this folder."""
    from vlms.course import LESSONS

    found = {path.stem: path for path in sorted(LESSONS.glob("*.ipynb"))}
    source = next((path for stem, path in found.items() if stem.startswith(f"{number:02d}-")), None)
    if source is None:
        raise click.ClickException(f"There is no lesson {number}; there are {', '.join(found)}.")
    own = Path(source.name)
    if own.exists():
        _say(f"{own} is there already and is opened as it is.")
    else:
        own.write_bytes(source.read_bytes())
        _say(f"wrote {own}")
    if not no_open:
        import subprocess

        raise SystemExit(subprocess.run([sys.executable, "-m", "jupyterlab", own.name]).returncode)


@main.command()
@click.argument("folder", default="handouts")
def handout(folder):
    """Write the student version of every lesson, and a page to start from, into FOLDER."""
    _start_notebooks()
    from vlms.course import LESSONS, SOURCES, CourseError, write_handouts, write_start_page
    from vlms.pages import RenderError, execute

    try:
        if SOURCES.is_dir():  # in a clone the package's own copies are made anew, too
            write_handouts(LESSONS, execute=execute, on_lesson=lambda name: _say(f"running {name}"))
        page = write_start_page(folder)
    except (CourseError, RenderError) as error:
        raise click.ClickException(str(error)) from None
    _say(f"wrote {len(list(LESSONS.glob('*.ipynb')))} lessons: open {page}")


@main.command()
@click.argument("submissions", type=click.Path(exists=True, file_okay=False))
@click.option("--output", default="marks", show_default=True, help="Folder to write to.")
@click.option("--cell-seconds", default=60.0, show_default=True, help="Time limit for a cell.")
def grade(submissions, output, cell_seconds):
    """Run and mark the lessons in a folder: marks.csv, and a page of feedback each."""
    from vlms.course import CourseError, grade

    try:
        rows = grade(
            submissions,
            output,
            cell_seconds=cell_seconds,
            on_submission=lambda student, lesson: _say(f"marked {student}: {lesson}"),
        )
    except CourseError as error:
        raise click.ClickException(str(error)) from None
    totals = [row for row in rows if row["exercise"] == "total"]
    remarked = sum(bool(row["feedback"]) for row in totals)
    _say(f"{len(totals)} marked, {remarked} with a remark: see {Path(output) / 'marks.csv'}")


@main.command()
@click.argument("name")
@click.option("--reason", default="", help="Why a report much like an earlier one is released.")
@click.option("--output", default="reports", show_default=True, help="Folder of the reports.")
def release(name, reason, output):
    """Attack, record and write the page to share of a cohort that `vlms report` explored.

    Rules are applied, and the report is attacked together with all earlier releases. Whether it may
    be shared is for you to decide.
    """
    _start_notebooks()
    from vlms.cohort import Check, CohortError, printable
    from vlms.cohort_report import ReportError, release
    from vlms.disclosure import DisclosureError, ReleaseError
    from vlms.own_cohort import ChoiceError
    from vlms.pages import PublishingError, write_index

    try:
        page, withheld = release(name, reports=output, reason=reason)
    except KeyboardInterrupt:
        _stop("Stopped. A page that was there is as it was before.", 130)
    except CohortError as error:
        _stop(Check(name, problems=error.problems).as_text())
    except (ChoiceError, DisclosureError, ReleaseError, ReportError, PublishingError) as error:
        lines = "\n".join(printable(line, 2000) for line in str(error).splitlines())
        _stop(f"Error, nothing was written: {lines}")
    if output == "reports":
        write_index()
    for what in withheld:
        _say(f"withheld, as it could have been solved: {printable(what)}")
    _say(f"recorded, and wrote {printable(page)} with its tables and figures: rules applied")


@main.group(invoke_without_command=True, context_settings=_HELP)
@click.pass_context
def releases(context):
    """List what has been released, of which patients and under which rules."""
    if context.invoked_subcommand:
        return
    from vlms.cohort_report import ROOT
    from vlms.disclosure import FOLDER, ReleaseError, Releases

    try:
        entries = Releases(ROOT / FOLDER).entries()
    except ReleaseError as error:
        _stop(f"Error: {error}")
    for entry in entries:
        if known := entry.get("published"):
            said = f"published: {known['n']} patients, {len(known['facts'])} counts"
        else:
            rules = ", ".join(f"{name} {value}" for name, value in entry["pinned"].items())
            said = (
                f"{len(entry['hashes']['rows'])} patients, {len(entry['counts'])} counts; {rules}"
            )
        why = f"; reason: {entry['reason']}" if entry["reason"] else ""
        _say(f"{entry['date']}  {entry['name']}: {said}{why}")
    _say(f"{len(entries)} released")


@releases.command("add-published")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--name", default="", help="What it is called; by default its folder.")
def add_published(file, name):
    """Enter the counts of a publication (a facts.csv) as an earlier release."""
    from vlms.cohort_report import ROOT
    from vlms.consistency import FactsError
    from vlms.disclosure import FOLDER, ReleaseError, Releases

    try:
        n = Releases(ROOT / FOLDER).add_published(file, name)
    except (FactsError, ReleaseError, OSError) as error:
        _stop(f"Error, nothing was recorded: {error}")
    _say(f"recorded {n} counts of {file}")


@main.group(context_settings=_HELP)
def disclose():
    """Attack files that are to be shared."""


@disclose.command("check")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--against", required=True, help="The cohort that the files are about.")
@click.option("--min-count", default=10, show_default=True, help="Fewest patients of a number.")
@_ENCODING
def disclose_check(folder, against, min_count, encoding):
    """Search every byte for text of a patient, and solve the counts of all tables (CSV).

    Exit code 1 where something is found. What is found is told here only: it quotes patients.
    """
    from vlms.cohort import Check, CohortError
    from vlms.cohort_report import check_folder
    from vlms.disclosure import DisclosureError

    given = {"encoding": encoding or "", "min_count": min_count}
    try:
        quotes, solved, n = check_folder(folder, against, **given)
    except CohortError as error:
        _stop(Check(against, problems=error.problems).as_text())
    except (DisclosureError, OSError, ArithmeticError) as error:
        _stop(f"Error: {error}", 2)
    for path, found in quotes.items():
        _say(f"{path}: {len(found)} texts of single patients: {', '.join(found[:5])}")
    for of, low, high in solved.itertuples(index=False):
        of = ", ".join(f"{name}: {' or '.join(map(str, some))}" for name, some in of.items())
        _say(f"solved  {of}: {low if low == high else f'{low} to {high}'}")
    _stop(f"{n} counts read; {len(solved)} small ones solved, {len(quotes)} files quote a patient",
          bool(quotes or len(solved)))  # fmt: skip


# --- Can these printed statistics be true? --------------------------------------------------------

# A leading minus may be a number that is out of range, which deserves a message about numbers.
_NUMBERS = {"ignore_unknown_options": True, **_HELP}
# Days or months of each unit; weeks do not go into months, since a month may be printed as four.
_UNITS = {"d": (1, "days"), "day": (1, "days"), "w": (7, "days"), "week": (7, "days")}
_UNITS |= {"mo": (1, "months"), "month": (1, "months"), "y": (12, "months"), "year": (12, "months")}
_TIME = re.compile(r"(.*?)(?:(?<=[\d.])\s*(d|w|mo|y|days?|weeks?|months?|years?))?", re.DOTALL)


@main.group(context_settings=_HELP)
def audit():
    """Check printed statistics for consistency; exit code 1 when contradictory.

    Write numbers as the paper prints them: a trailing zero counts, and so does the percent sign.
    Verdicts hold over all true values that print alike, digits cut off included. Each check says
    what it assumes; what it needs and is not told leaves the answer undetermined (exit code 0).
    """
    global consistency
    from vlms import consistency


def _check(arguments):
    """Make a command of a function that takes these arguments and returns a Finding."""

    def decorate(function):
        @functools.wraps(function)
        def command(as_json, **given):
            try:
                finding = function(**given)
            except (ValueError, OverflowError) as error:
                raise click.UsageError(f"{error}.") from error
            whole = as_json and json.dumps(finding.to_dict(), ensure_ascii=False, indent=2)
            click.echo(whole or str(finding))
            raise SystemExit(int(finding.contradictory))

        json_too = _flag("--json", "as_json", help="Print the whole finding as JSON.")
        names = [(name.strip("."), -1 if name.endswith("...") else 1) for name in arguments.split()]
        taken = [click.argument(name, nargs=n, required=True) for name, n in names]
        command = _with(json_too, *taken)(command)
        return audit.command(function.__name__.rstrip("_"), context_settings=_NUMBERS)(command)

    return decorate


_confidence = click.option(
    "--confidence", default="95%", show_default=True, help="Level of the limits."
)
_TOTAL = click.option("--total", required=True, help="Patients in all.")
_robust = _flag("--robust", help="The variance is robust, cluster-robust, weighted or penalised.")
# What a hazard ratio and its limits are of.
_model = _with(
    click.option("--groups", nargs=2, help="Patients with and without the covariate: binary."),
    _flag(
        "--binary",
        help="The covariate has two values, or is a level against the reference level, and the "
        "variance is the model's own.",
    ),
    _flag("--continuous", help="The covariate is a number or a score."),
    _robust,
    _confidence,
    click.option(
        "--limits",
        type=click.Choice(["wald", "profile", "unknown"]),
        default="unknown",
        show_default=True,
        help="Kind of the limits.",
    ),
)


def _declared(groups, binary, continuous, robust, confidence, limits):
    """Return what the options of `_model` say as keywords of a check."""
    if continuous and (binary or groups):
        raise ValueError("--continuous contradicts --binary and --groups")
    covariate = "binary" if binary or groups else "continuous" if continuous else "unknown"
    said = {"groups": groups or None, "covariate": covariate, "robust": robust}
    return {**said, "confidence": _level(confidence), "limits": limits}


@_check("hazard_ratio lower upper")
@click.option("--p", help="P value as printed.")
@click.option("--events", help="The most events that there can have been.")
@click.option("--n", help="Patients in the model.")
@_model
@_flag("--wald", help="Limits and P value are the model's Wald ones.")
@click.option("--words", help="What the text says of the group: better, worse, improved …")
@click.option("--reference", help="The group with which the ratio compares that group.")
@click.option("--survival", nargs=2, help="Survival of group and reference at one time.")
def hr(hazard_ratio, lower, upper, p, events, n, wald, words, reference, survival, **model):
    """Hazard ratio, limits, P value, number of events, and words.

    vlms audit hr 1.80 1.20 2.70 --p 0.005 --events 40 --binary

    The number of events decides only for a covariate of two values (--binary or --groups) with the
    model's own variance, at most one event a patient and limits of the level given; by group, and
    to the last event, for Wald limits only (--limits wald). A ratio off the middle of its limits is
    wrong only for Wald limits, a P value that does not follow from them only for Wald's test
    (--wald says both), words that go against the ratio only where the reference is known
    (--reference) and the event is harmful. Undetermined otherwise. Survival of the two groups
    (--survival 40% 65%) is compared under proportional hazards and never contradicts.
    """
    test = "wald" if wald else "unknown"
    ratio = (hazard_ratio, lower, upper, p)
    told = {"events": events, "n": n, "test": test, **_declared(**model)}
    findings = [consistency.hazard_ratio_check(*ratio, **told)]
    if words is not None:
        findings.append(consistency.direction_check(hazard_ratio, words, reference=reference))
    if survival:
        findings.append(consistency.survival_ratio_check(*ratio[:3], *survival))
    return findings[0] if len(findings) == 1 else consistency.together(findings)


@_check("lower upper")
@click.option("--events", help="The most events that there can have been.", required=True)
@_model
def interval(lower, upper, events, **model):
    """Limits of a hazard ratio against the number of events.

    vlms audit interval 1.14 6.56 --events 15 --binary

    The number of events decides only for a covariate of two values (--binary or --groups) with the
    model's own variance, and limits of the level given; it is undetermined otherwise. By group, and
    to the last event, it decides only for Wald limits (--limits wald).
    """
    return consistency.information_check(lower, upper, events, **_declared(**model))


@_check("hazard_ratio lower upper")
@click.option("--groups", nargs=2, required=True, help="Patients in the group and the reference.")
@click.option("--most", help="The most events that there can have been.")
@_confidence
@_robust
@_flag("--untied", help="No two events at the same time; Wald limits.")
def events(hazard_ratio, lower, upper, groups, most, confidence, robust, untied):
    """How many events a hazard ratio can have had, given its two groups.

    vlms audit events 2.74 1.14 6.56 --groups 12 14 --most 15

    Assumes a Cox model of these two groups alone with its own variance (not --robust). The range of
    events is for untied times and Wald limits: unless these are declared (--untied), only a lower
    bound that needs neither can contradict.
    """
    result = {f"{hazard_ratio} ({lower} to {upper})": (hazard_ratio, lower, upper, groups)}
    told = {"confidence": _level(confidence), "robust": robust, "untied": untied or None}
    return consistency.same_events_check(result, most_events=most, **told)


@_check("printed...")
@click.option("--n", required=True, help="Patients at the start of the curve.")
@click.option("--most-censored", help="At most so many censored before the last time.")
@click.option("--most-events", help="At most so many events by the last time.")
def survival(printed, n, most_censored, most_events):
    """Kaplan-Meier survival at one time or more, in order, against the size of the group.

    vlms audit survival --n 24 88% 61%

    Assumes unweighted Kaplan-Meier estimates of n patients who are all observed from the start: no
    delayed entry, no life table by intervals, no curve adjusted or predicted by a model.
    """
    limits = {"most_censored": most_censored, "most_events": most_events}
    return consistency.survival_check(n, printed, **limits)


@_check("fraction printed")
def share(fraction, printed):
    """A percentage against its count and total.

    vlms audit share 31/40 78%

    Assumes that the percentage is of this count and total, and not weighted. One unit off in the
    last place is called rounding.
    """
    counts = _split(fraction, "/", "write the count and the total as 31/40")
    return consistency.percentage_check(printed, *counts)


@_check("counts...")
@_TOTAL
@click.option("--exclusive/--overlapping", default=None, help="Can a patient be at two levels?")
@click.option("--complete/--incomplete", default=None, help="Is every patient at some level?")
def sum_(counts, total, exclusive, complete):
    """Counts of levels against their total.

    vlms audit sum 22 41 --total 63 --exclusive --complete

    A sum above the total decides only where no patient is at two levels (--exclusive), one below
    it only where none is missing (--complete); it is undetermined otherwise.
    """
    return consistency.sum_check(counts, total, exclusive=exclusive, exhaustive=complete)


@_check("counts...")
@_TOTAL
def overlap(counts, total):
    """Counts of overlapping subgroups, as expressions with & | ~.

    vlms audit overlap 'chemo=22' 'radio=18' 'chemo & radio=9' '~chemo & ~radio=33' --total 63

    Assumes that every count is of the same patients, with nobody's answer missing.
    """
    pairs = [count.rpartition("=") for count in counts]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise ValueError("write each count as 'chemo & radio=9'")
    return consistency.overlap_check({name.strip(): count for name, _, count in pairs}, total)


@_check("printed")
@click.option("--n", required=True, help="Patients whose value is known.")
@click.option("--sd", help="Standard deviation as printed.")
@click.option("--smallest", type=int, help="Smallest value there can be.")
@click.option("--largest", type=int, help="Largest value there can be.")
@click.option("--integers/--fractions", default=None, help="Is every value a whole number?")
def mean(printed, n, sd, smallest, largest, integers):
    """Mean, and standard deviation, of whole numbers.

    vlms audit mean 58.8 --sd 10.7 --n 12 --integers

    A misfit decides only where every value is a whole number (--integers) and n patients have one;
    an age worked out from dates, or a size to the millimetre in cm, is not whole.
    """
    finding = consistency.mean_check(printed, n, integers=integers)
    if sd is None:
        return finding
    limits = {"smallest": smallest, "largest": largest, "integers": integers}
    return consistency.together([finding, consistency.sd_check(printed, sd, n, **limits)])


@audit.command("pinned", context_settings=_NUMBERS)
@click.argument("values", nargs=-1, required=True, type=float)
@click.option("--mean", help="Mean as printed.")
@click.option("--sd", help="Standard deviation as printed.")
@click.option("--share", help="Share as printed; the values are then 1 for yes and 0 for no.")
def pinned(values, mean, sd, share):
    """How far each value can move, alone, before the printed mean, SD or share breaks.

    vlms audit pinned 2 4 9 --mean 5.0

    Assumes that these are all the values, each of them known. Exit code 1 where not even the values
    themselves have what is printed.
    """
    try:
        ranges = consistency.pinned(values, mean=mean, sd=sd, share=share)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    given = {"mean": mean, "SD": sd, "share": share}
    told = " and ".join(f"{what} of {text}" for what, text in given.items() if text)
    if not told:
        raise click.UsageError("give --mean, --sd or --share")
    click.echo(f"Alone, the others as given, each value can lie so that a {told} still prints,")
    click.echo("rounded or cut off (none: not even as given):")
    click.echo(ranges.to_string(index=False, na_rep="none", float_format="{:g}".format))
    raise SystemExit(int(ranges["lowest"].isna().any()))


@_check("printed points...")
@click.option("--n", help="Patients; with --events, ask of whom the median is.")
@click.option("--events", help="Patients who had the event by the end of follow-up.")
def median(printed, points, n, events):
    """A median time against survival at other times, written time=survival.

    vlms audit median 43 24=66.7% 60=50%

    Times without a unit are in one unit; else each has its own (d, w, mo, y): vlms audit median
    43mo 5y=50%; a median may be 'not reached'. Assumes one Kaplan-Meier curve; its median is the
    first time at one half or below.
    """
    printed, unit = _time(printed)
    if not re.search(r"\d", printed):  # "not reached" is in the unit of the points
        unit = _time(points[0].partition("=")[0])[1]
    curve = _points(points, unit)
    if (n is None) != (events is None):
        raise ValueError("--n and --events go together")
    if n is not None and printed.lower() == "not reached":
        raise ValueError("--n and --events ask of whom a median is; this one was not reached")
    if n is None:
        return consistency.curve_check(curve, median=printed)
    return consistency.median_reading_check(printed, curve, n, events)


@_check("groups...")
@click.option("--whole", required=True, help="Size and survival of all, as 63:65%.")
@click.option("--most-censored", help="At most so many censored before that time.")
def mixture(groups, whole, most_censored):
    """Survival of subgroups, written size:survival, against survival of all.

    vlms audit mixture 21:100% 6:50% 16:65% 20:43.7% --whole 63:65%

    Assumes that the subgroups are all patients, each once, and that all are Kaplan-Meier estimates
    of one endpoint at one time, as for vlms audit survival.
    """
    named = {f"{i}: {text}": _sized(text) for i, text in enumerate(groups, start=1)}
    return consistency.mixture_check(named, _sized(whole), most_censored=most_censored)


@audit.command(context_settings=_HELP)
@click.argument("facts", type=click.Path(dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
def paper(facts, as_json):
    """All printed numbers of a paper together: which cannot all be true?

    vlms audit paper data/roland2016/facts.csv

    FACTS is a table of what is printed (columns id, group, endpoint, variable, level, kind, at,
    value, unit, lower, upper, p, total, of, covariate, place, note; what is absent is blank) under
    comments such as "# unit: months", "# groups: local | distant = all", "# endpoints:
    overall_survival <= disease_specific_survival". Each contradicted set is smallest: without any
    one of its numbers the others can be true.

    Assumes that all patients of a group are in each of its analyses (else give an n with that
    endpoint), once each; that survival is Kaplan-Meier from the start, without delayed entry; that
    groups, endpoints and levels are related as declared. Events decide about a hazard ratio only
    where its covariate is declared as binary. "# source: abstract" lets nothing be contradicted.

    Exit code 0: nothing is contradicted, 1: something is, 2: the file cannot be read.
    """
    started = time.perf_counter()
    try:
        found = consistency.check_paper(facts)
    except (consistency.FactsError, OSError) as error:
        problems = getattr(error, "problems", None) or [error.strerror or str(error)]
        listed = "\n".join(f"  {problem}" for problem in problems)
        _stop(f"Error: {facts} cannot be read:\n{listed}", 2)
    told = ["verdict", "statement", "assumptions"]
    # A finding is a run of rows: one for each of its facts.
    run = (found[["set", *told]].fillna(0) != found[["set", *told]].fillna(0).shift()).any(axis=1)
    findings = [
        {
            "set": None if rows["set"].isna().any() else int(rows["set"].iloc[0]),
            "facts": rows["fact"].tolist(),
            **rows[told].iloc[0].to_dict(),
        }
        for _, rows in found.groupby(run.cumsum(), sort=True)
    ]
    contradicted = [finding for finding in findings if finding["set"]]
    if as_json:
        click.echo(json.dumps({**found.attrs, "findings": findings}, ensure_ascii=False, indent=2))
        raise SystemExit(int(bool(contradicted)))
    seconds = time.perf_counter() - started
    click.echo(f"{found.attrs['name']}: {found.attrs['facts']} facts, ", nl=False)
    click.echo(f"{found.attrs['checks']} checks in {seconds:.1f} s")
    sets = "set" if len(contradicted) == 1 else "sets"
    click.echo(f"contradicted ({len(contradicted)} {sets})" if contradicted else "contradicted (0)")
    for finding in contradicted:
        click.echo(f"  {finding['set']}  facts {', '.join(finding['facts'])}")
        click.echo(f"     {finding['statement']}")
        if finding["assumptions"]:
            click.echo(f"     Assumes: {finding['assumptions']}.")
    for verdict in ("undetermined", "rounding"):
        alike = [finding for finding in findings if finding["verdict"] == verdict]
        click.echo(f"{verdict} ({len(alike)})")
        for finding in alike:
            click.echo(f"  facts {', '.join(finding['facts'])}: {finding['statement']}")
    fine = [finding for finding in findings if finding["verdict"] == "consistent"]
    assumed = sum(bool(finding["assumptions"]) for finding in fine)
    click.echo(f"consistent ({len(fine)}), of these {assumed} under a stated assumption")
    raise SystemExit(int(bool(contradicted)))


# --- Synthetic cohorts ----------------------------------------------------------------------------


@main.command("rebuild")
@click.argument("facts", type=click.Path(dir_okay=False))
@click.option("--cohorts", default=400, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), help="Workers; by default one a processor.")
@click.option("--effort", default=1.0, show_default=True, help="Multiplies the steps tried.")
@click.option("--change", nargs=2, multiple=True, metavar="ID VALUE",
              help="Another value for a fact; - leaves it out. May be repeated.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False), help="A Parquet file to write.")
def rebuild_cohorts(facts, cohorts, seed, jobs, effort, change, out):
    """Draw synthetic cohorts that print exactly what a paper printed.

    vlms rebuild facts.csv --cohorts 400 --out cohorts.parquet

    FACTS is a table as for `vlms audit paper`. Each cohort agrees with all that is demanded of it
    and is made up in all else: it is nobody's data, and is marked as synthetic. Where the facts
    contradict each other, the smallest sets are shown, and which single number, changed to what,
    would make each set possible.

    Exit code 0: cohorts were drawn, 1: the facts contradict each other or no cohort was found in
    the steps, 2: the file cannot be read.
    """
    from vlms.consistency import FactsError
    from vlms.rebuild import (
        InfeasibleError,
        RebuildError,
        rebuild,
        repaired,
        repairs,
        write_cohorts,
    )

    changes = {name: None if value == "-" else value for name, value in change}
    try:
        with _Found(cohorts) as progress:
            facts_used = repaired(facts, changes)
            drawn = rebuild(facts_used, cohorts=cohorts, seed=seed, jobs=jobs or os.cpu_count(),
                            effort=effort, progress=progress)  # fmt: skip
    except (FactsError, OSError) as error:
        problems = getattr(error, "problems", None) or [error.strerror or str(error)]
        listed = "\n".join(f"  {problem}" for problem in problems)
        _stop(f"Error: {facts} cannot be read:\n{listed}", 2)
    except InfeasibleError as error:
        _say(str(error))
        _say("single numbers that would make a set possible, nearest first:")
        for row in repairs(facts_used).itertuples():
            _say(f"  {row.set}  {row.fact}: {row.printed} to {row.becomes}")
        raise SystemExit(1) from None
    except RebuildError as error:
        _stop(f"Nothing was written: {error}.")
    about = drawn.attrs
    patients = drawn["patient"].nunique() // cohorts
    own = about["independent"]
    walked = f", {own} searched from the start and the others by walks from these"
    _say(f"{about['facts']}: {cohorts} cohorts of {patients} patients{walked * (own < cohorts)}")
    _say(f"each prints what is demanded, {about['rounding']}; {len(about['unused'])} facts demand "
         "nothing of a cohort")  # fmt: skip
    if out:
        try:
            write_cohorts(drawn, out)
        except OSError as error:
            _stop(f"Error: {out} cannot be written: {error.strerror or error}")
        _say(f"wrote {out}, marked as {about['mark']}")
    else:
        _say(f"{about['mark']}; --out FILE.parquet keeps them")


class _Found:
    """Show on a terminal how many cohorts were found."""

    def __init__(self, cohorts):
        self._bars, self._total = None, cohorts

    def __enter__(self):
        if sys.stdout.isatty():
            from rich.progress import Progress

            self._bars = Progress(transient=True)
            self._bars.start()
            self._task = self._bars.add_task("cohorts", total=self._total)
        return self

    def __exit__(self, *error):
        if self._bars:
            self._bars.stop()

    def __call__(self, found, total, chunk):
        if self._bars:
            self._bars.update(self._task, completed=found)


def _level(text):
    """Read a level of confidence."""
    level = consistency.printed_share(text).value
    if not 0 < level < 1:
        raise ValueError(f"the confidence must lie between 0% and 100%, found {text!r}")
    return level


def _time(text):
    """Split a time into its number, as printed, and its unit: (1, None) where it has none."""
    number, unit = _TIME.fullmatch(text.strip()).groups()
    return number, _UNITS[unit.removesuffix("s")] if unit else (1, None)


def _split(text, mark, how):
    """Split a text in two at a mark, or say how to write it."""
    left, found, right = text.partition(mark)
    if not found:
        raise ValueError(f"{how}, found {text!r}")
    return left, right


def _points(texts, unit):
    """Read time=survival into numbers in the given unit and printed survival."""
    points = {}
    for text in texts:
        time, printed = _split(text, "=", "write a time and its survival as 60=65%")
        number, own = _time(time)
        if own[1] != unit[1]:
            how = "days go into weeks, and months into years, but not weeks into months"
            raise ValueError(f"{time!r} and the median need one unit, or both none; {how}")
        try:
            points[float(number) * own[0] / unit[0]] = printed
        except ValueError:
            raise ValueError(f"{time!r} is not a time; write 60=65%") from None
    return points


def _sized(text):
    """Read size:survival."""
    return _split(text, ":", "write a size and its survival as 63:65%")
