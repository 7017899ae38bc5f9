"""The command line: ``vlms build · render · status · check · report · audit``.

Each command imports what it needs when it is called, so that ``vlms --help`` is quick.
"""

import importlib

import click


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    commands_at = {
        "audit": "vlms.commands.audit:audit",
        "build": "vlms.commands.reports:build",
        "diff": "vlms.commands.reports:diff",
        "render": "vlms.commands.reports:render",
        "report": "vlms.own_command:report",
        "status": "vlms.commands.reports:status",
    }

    def list_commands(self, ctx):
        return sorted({*super().list_commands(ctx), *self.commands_at})

    def get_command(self, ctx, name):
        if name not in self.commands_at:
            return super().get_command(ctx, name)
        module, attribute = self.commands_at[name].split(":")
        return getattr(importlib.import_module(module), attribute)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vlms")
def main():
    """Re-derive cohort papers, check printed statistics, analyse a cohort of your own."""


@main.command()
@click.argument("path")
@click.option("--codebook", help="CSV that says what the columns and codes of the table mean.")
@click.option("--encoding", help="latin-1 or cp1252, where the file is not Unicode.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
def check(path, codebook, encoding, as_json):
    """Check a cohort: exit 0 and a summary, or exit 1 and a table of all problems."""
    import json
    import sys

    from vlms.intake import check_cohort

    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know every letter
    found = check_cohort(path, codebook, encoding=encoding)
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else found.as_text())
    raise SystemExit(0 if found.sound else 1)


@main.command()
@click.argument("path", default="cohort.csv")
def template(path):
    """Write an empty cohort with its header, and a filled example beside it."""
    from vlms.intake import write_template

    try:
        written = write_template(path)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    for file in written:
        click.echo(f"wrote {file}")


@main.command()
@click.argument("path")
@click.option("--output", default="-", help="The file to write; by default the terminal.")
@click.option("--encoding", help="latin-1 or cp1252, where the file is not Unicode.")
def codebook(path, output, encoding):
    """Draft a codebook for a table; what its outcomes mean is left for you to fill in."""
    from vlms.intake import draft_codebook, write_codebook
    from vlms.reading.problems import CohortError

    try:
        draft = draft_codebook(path, encoding=encoding)
        with click.open_file(output, "w" if output == "-" else "x", encoding="utf-8") as stream:
            write_codebook(draft, stream)
    except BrokenPipeError:
        raise  # whoever read the draft has seen enough
    except (CohortError, OSError) as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="vlms")
