"""What to do with a cohort of one's own: ``vlms check · template · codebook · report``."""

import signal
import sys

import click

from vlms.commands.reports import with_fixed_environment
from vlms.rendering.progress import write_line


@click.command()
@click.argument("path")
@click.option("--codebook", help="CSV that says what the columns and codes of the table mean.")
@click.option("--encoding", help="latin-1 or cp1252, where the file is not Unicode.")
@click.option("--all", "every_cell", is_flag=True, help="List every cell, not one line a kind.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs; every cell.")
def check(path, codebook, encoding, every_cell, as_json):
    """Check a cohort: how it was read, and all problems by kind; exit 1 if there are any."""
    import json
    import sys

    from vlms.cohort import check_cohort

    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know every letter
    found = check_cohort(path, codebook, encoding=encoding)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
    else:
        click.echo(found.as_text(every_cell=every_cell))
    raise SystemExit(0 if found.sound else 1)


@click.command()
@click.argument("path", default="cohort.csv")
def template(path):
    """Write an empty cohort with its header, and a filled example beside it."""
    from vlms.cohort import write_template

    try:
        written = write_template(path)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    for file in written:
        click.echo(f"wrote {file}")


@click.command()
@click.argument("path")
@click.option("--output", default="-", help="The file to write; by default the terminal.")
@click.option("--encoding", help="latin-1 or cp1252, where the file is not Unicode.")
def codebook(path, output, encoding):
    """Draft a codebook for a table; what its outcomes mean is left for you to fill in."""
    from vlms.cohort import CohortError, draft_codebook, write_codebook

    try:
        draft = draft_codebook(path, encoding=encoding)
        with click.open_file(output, "w" if output == "-" else "x", encoding="utf-8") as stream:
            write_codebook(draft, stream)
    except BrokenPipeError:
        raise  # whoever read the draft has seen enough
    except FileExistsError:
        problem = f"{output} exists already; name another file, or remove it"
        raise click.ClickException(problem) from None
    except (CohortError, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("path")
@click.option("--codebook", default="", help="CSV that says what columns and codes mean.")
@click.option("--encoding", default="", help="latin-1 or cp1252, where the file is not Unicode.")
@click.option("--name", default="", help="Name of the report; by default that of the file.")
@click.option(
    "--disclosure", default="safe", type=click.Choice(["safe", "full"]), show_default=True
)
@click.option("--min-count", default=10, show_default=True, help="Fewest patients of a number.")
@click.option("--reason", default="", help="Why a report much like an earlier one is released.")
@click.option("--endpoint", multiple=True, help="Only this endpoint; may be repeated.")
@click.option("--landmark", multiple=True, type=float, help="Month to read survival at; repeat.")
@click.option("--group", multiple=True, help="Column whose groups are compared; may be repeated.")
@click.option("--covariate", multiple=True, help="Column for a hazard ratio; may be repeated.")
@click.option("--reference", multiple=True, metavar="COLUMN=LEVEL", help="Reference level.")
@click.option("--interval", default="log-log", show_default=True, help="Scale of the intervals.")
@click.option("--output", default="reports", show_default=True, help="Folder to write to.")
def report(path, output, name, reason, encoding, **given):
    """Analyse a cohort of your own and write its report, safe to share by default."""
    with_fixed_environment()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from vlms.cohort import CohortError, printable
    from vlms.disclosure import DisclosureError, ReleaseError
    from vlms.own_cohort.report import Order, ReportError, report
    from vlms.own_cohort.study import StudyError
    from vlms.rendering.publishing import PublishingError

    order = Order(path, name, reason, encoding, _parameters(**given))
    try:
        page, folder = report(order, reports=output)
    except KeyboardInterrupt:
        write_line("Stopped. A report that was there is as it was before.")
        raise SystemExit(130) from None
    except CohortError as error:
        _tell_problems(path, error)
    except (StudyError, DisclosureError, ReleaseError, ReportError, PublishingError) as error:
        lines = (printable(line, 2000) for line in str(error).splitlines())
        write_line("Error, nothing was written: " + "\n".join(lines))
        raise SystemExit(1) from None
    if output == "reports":
        from vlms.build import write_index

        write_index()
    write_line(f"wrote {printable(page)}, and its tables and figures to {printable(folder)}")
    if given["disclosure"] == "full":
        write_line("Disclosure is full: do not share this report.")


def _parameters(*, endpoint, landmark, group, covariate, reference, **single):
    """The notebook's parameters, as lists and a dict."""
    references = {}
    for pair in reference:
        column, equals, level = pair.partition("=")
        if not equals or not column or not level:
            raise click.BadParameter(f"{pair!r}: write column=level", param_hint="--reference")
        references[column] = level
    lists = {"endpoints": endpoint, "group_variables": group, "covariates": covariate}
    return {
        **single,
        **{key: list(values) for key, values in lists.items()},
        "landmark_months": list(landmark) or [12, 36, 60],
        "reference_levels": references,
    }


def _tell_problems(path, error):
    """Tell the owner of the file what is wrong, cell by cell, as ``vlms check`` does."""
    from vlms.cohort import Check

    write_line(Check(path, problems=error.problems).as_text())
    sys.stdout.flush()
    raise SystemExit(1) from None
