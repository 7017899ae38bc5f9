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
        "check": "vlms.commands.cohorts:check",
        "codebook": "vlms.commands.cohorts:codebook",
        "diff": "vlms.commands.reports:diff",
        "render": "vlms.commands.reports:render",
        "report": "vlms.commands.cohorts:report",
        "status": "vlms.commands.reports:status",
        "template": "vlms.commands.cohorts:template",
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


if __name__ == "__main__":
    main(prog_name="vlms")
