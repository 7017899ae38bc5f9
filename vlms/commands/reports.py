"""The commands that make reports: ``vlms build · render · status · diff``."""

import ast
import os
import signal
import sys
from pathlib import Path

import click

from vlms.rendering.processes import fixed_environment

CELL_SECONDS = click.option(
    "--cell-seconds", default=600.0, show_default=True, help="Time limit for a cell."
)


@click.command()
@click.argument("only", nargs=-1, metavar="[REPORT]...")
@click.option("--kind", type=click.Choice(["paper", "overview", "lesson", "cohort"]))
@click.option("--force", is_flag=True, help="Build the fresh ones too.")
@click.option("--jobs", type=click.IntRange(min=1), help="Reports at a time.")
@CELL_SECONDS
def build(only, kind, force, jobs, cell_seconds):
    """Build the reports that are stale, all or those named, and the index."""
    with_fixed_environment()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from vlms.build import BuildError, build
    from vlms.rendering.progress import open_progress, write_line
    from vlms.rendering.publishing import PublishingError

    progress = open_progress()
    try:
        outcome = build(
            only=only,
            kind=kind,
            force=force,
            jobs=jobs,
            cell_seconds=cell_seconds,
            progress=progress,
        )
    except KeyboardInterrupt:
        progress.close()
        write_line("Stopped. Reports that were not finished are as they were before.")
        _leave(130)
    except (BuildError, PublishingError) as error:
        progress.close()
        write_line(f"Error: {error}")
        _leave(1)
    progress.close()
    for stem in outcome.removed:
        write_line(f"{stem}: removed, its notebook is gone")
    counts = f"{len(outcome.built)} built, {len(outcome.fresh)} fresh"
    if outcome.failed:
        write_line(f"{counts}, {len(outcome.failed)} FAILED: {', '.join(outcome.failed)}")
        _leave(1)
    write_line(f"{counts}: open reports/index.html")


@click.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False))
@click.option("-p", "--parameter", "given", nargs=2, multiple=True, metavar="NAME VALUE")
@click.option("-o", "--output", help="The HTML file; by default reports/<notebook>.html.")
@CELL_SECONDS
def render(notebook, given, output, cell_seconds):
    """Run one notebook under some parameters and write its report."""
    with_fixed_environment()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from vlms.render import render
    from vlms.rendering.parameters import RenderError
    from vlms.rendering.progress import kept_note, write_line
    from vlms.rendering.publishing import PublishingError, publish

    output = Path(output or f"reports/{Path(notebook).stem}.html")
    parameters = {name: _value(text) for name, text in given}
    try:
        rendered = render(notebook, output.stem, parameters=parameters, cell_seconds=cell_seconds)
        publish(rendered.files, output.parent)
    except KeyboardInterrupt:
        write_line("Stopped. The report is as it was before.")
        _leave(130)
    except (RenderError, PublishingError) as error:
        write_line(f"Error{kept_note(output.exists())}: {error}")
        _leave(1)
    write_line(f"wrote {output} in {rendered.seconds:.1f} s")


@click.command()
def status():
    """Say of each report whether it is fresh and, if not, which file changed."""
    from vlms.build import status

    for stem, reasons in status().items():
        click.echo(f"{stem}: {'; '.join(reasons) or 'fresh'}")


@click.command()
@click.argument("base", default="HEAD")
def diff(base):
    """Say which verdicts, values and tables changed since commit BASE."""
    from vlms.build import status
    from vlms.rendering.compare import CompareError, compare_with

    stale = [stem for stem, reasons in status().items() if reasons]
    if stale:
        raise click.ClickException(
            f"Not up to date: {', '.join(stale)}. Build the reports first (make reports)."
        )
    try:
        changes = compare_with(base)
    except CompareError as error:
        raise click.ClickException(str(error)) from None
    for name, found in changes.items():
        click.echo(f"{name}:")
        for change in found:
            click.echo(f"  {change}")
    count = sum(map(len, changes.values()))
    click.echo(f"Changes since {base}: {count}, files that differ: {len(changes)}.")


def with_fixed_environment():
    """Start again under the environment that makes reports reproducible, if this is another.

    The seed of hashes is read when the interpreter starts, so setting it here would be too late.
    """
    wanted = fixed_environment()
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        arguments = [sys.executable, "-m", "vlms", *sys.argv[1:]]
        os.execve(sys.executable, arguments, {**os.environ, **wanted})


def _value(text):
    """A literal of Python where the text is one, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _leave(status):
    """Exit without a second complaint where the reader of our output has gone."""
    sys.stdout.flush()
    raise SystemExit(status)
