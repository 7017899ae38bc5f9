"""Show how a build gets on: one live line a report on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import time


class PlainProgress:
    """A line for each thing that happens; for logs and pipes."""

    def __init__(self, write=None):
        self._write = write or write_line

    def stale(self, stem, reasons):
        """A report has to be built, for these reasons."""
        self._write(f"{stem}: to build: {shorten(reasons)}")

    def started(self, stem):
        """A worker began."""

    def at_cell(self, stem, at, of):
        """A worker is about to run a cell."""

    def done(self, stem, seconds):
        """A report is published."""
        self._write(f"{stem}: built in {seconds:.1f} s")

    def failed(self, stem, message, *, kept):
        """A report could not be built."""
        self._write(f"{stem}: FAILED{kept_note(kept)}\n{message}\n")

    def tick(self):
        """Time passes."""

    def close(self):
        """The build is over."""


class LiveProgress(PlainProgress):
    """A bar for each report that runs, drawn from the build's own loop.

    rich would draw from a thread; a process that forks is better off without any.
    """

    def __init__(self):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("cell {task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            console=Console(highlight=False),
            transient=True,
            auto_refresh=False,
        )
        super().__init__(write=self._print)
        self._tasks, self._drawn = {}, 0.0
        self._bars.start()

    def started(self, stem):
        """A worker began: add its bar."""
        self._tasks[stem] = self._bars.add_task(stem, total=1)

    def at_cell(self, stem, at, of):
        """A worker is about to run a cell: move its bar."""
        self._bars.update(self._tasks[stem], completed=at, total=of)

    def done(self, stem, seconds):
        """A report is published: its bar becomes a line."""
        self._bars.remove_task(self._tasks.pop(stem))
        super().done(stem, seconds)

    def failed(self, stem, message, *, kept):
        """A report could not be built: its bar becomes the message."""
        self._bars.remove_task(self._tasks.pop(stem))
        super().failed(stem, message, kept=kept)

    def tick(self):
        """Time passes: draw, at most ten times a second."""
        if time.monotonic() - self._drawn > 0.1:
            self._bars.refresh()
            self._drawn = time.monotonic()

    def close(self):
        """The build is over: leave the terminal as it was."""
        self._bars.stop()

    def _print(self, text):
        self._bars.console.print(text, markup=False, soft_wrap=True)


def open_progress():
    """Return the live display on a terminal, plain lines elsewhere."""
    return LiveProgress() if sys.stdout.isatty() else PlainProgress()


def write_line(text):
    """Write a line to standard output, which may be a pipe that nobody reads any more.

    Ctrl-C under ``make reports | tee log`` ends ``tee`` first.
    """
    try:
        print(text, flush=True)
    except OSError:
        silence = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError):
            os.dup2(silence, sys.stdout.fileno())


def shorten(reasons, most=3):
    """Join reasons, the first few of them.

    Examples
    --------
    >>> shorten(["a changed", "b changed", "c is new", "d is gone"])
    'a changed, b changed, c is new and 1 more'
    """
    more = len(reasons) - most
    return ", ".join(reasons[:most]) + (f" and {more} more" if more > 0 else "")


def kept_note(kept):
    """Say what is now at the place of the report that failed."""
    return " (the last good report is still there)" if kept else " (there is no report yet)"
