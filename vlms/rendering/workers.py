"""Render several reports at a time, each in a worker process of its own.

The parent imports what the notebooks import, then forks a worker for each report; the worker
forks the kernel (`vlms.rendering.kernels`), runs the notebook and hands the finished files back.
A worker dies with its parent and a kernel with its worker, so nothing is left behind, however a
build ends.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from multiprocessing.connection import wait

from vlms.rendering.kernels import preload
from vlms.rendering.processes import (
    can_fork,
    die_with_parent,
    fixed_environment,
    folder_for_sockets,
)

SECONDS_TO_STOP = 3


def run_reports(reports, root, *, jobs=None, cell_seconds=600):
    """Render reports in parallel, in the order given.

    Parameters
    ----------
    reports : list of (Plan, dict)
        Each with its inputs, path → SHA-256.
    root : pathlib.Path
        The project's folder.
    jobs : int, optional
        Reports at a time; by default one more than processors, since each waits now and then.
    cell_seconds : float
        Time limit for a cell.

    Yields
    ------
    plan : Plan
    event : {"started", "cell", "done", "failed", "waiting"}
        The last, with no plan, comes up to ten times a second.
    content
        None; number of the cell and of all cells; `vlms.render.Rendered`; the message.
    """
    _prepare([plan for plan, _ in reports], root)
    context = multiprocessing.get_context("fork" if can_fork() else "spawn")
    scratch = tempfile.mkdtemp(
        prefix="vlms-", dir=folder_for_sockets("/vlms-12345678/vlms-12345678/k-5")
    )
    waiting, running = list(reports), {}
    try:
        while waiting or running:
            while waiting and len(running) < (jobs or _processors() + 1):
                plan, inputs = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                order = (plan, inputs, root, cell_seconds, scratch, os.getpid(), theirs)
                worker = context.Process(target=_work, args=order)
                worker.start()
                theirs.close()
                running[ours] = (plan, worker)
                yield plan, "started", None
            for ours in wait(list(running), timeout=0.1):
                plan, worker = running[ours]
                event, content = _receive(ours, plan, worker)
                if event in ("done", "failed"):
                    del running[ours]
                    worker.join()
                yield plan, event, content
            yield None, "waiting", None
    finally:
        _stop([worker for _, worker in running.values()])
        shutil.rmtree(scratch, ignore_errors=True)


def _prepare(plans, root):
    """Import in this process what every worker and kernel will need."""
    os.environ.update(fixed_environment())
    if not can_fork():
        return
    from vlms.rendering.parameters import RenderError, read_notebook

    notebooks = []
    for plan in plans:
        with contextlib.suppress(RenderError):
            notebooks.append(read_notebook(root / plan.notebook))
    preload(notebooks)


def _work(plan, inputs, root, cell_seconds, scratch, parent, connection):
    """Render one report and send it to the parent. Runs in a worker."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers itself
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tempfile.tempdir = scratch
    from vlms.render import render
    from vlms.rendering.parameters import RenderError

    try:
        rendered = render(
            root / plan.notebook,
            plan.stem,
            parameters=plan.parameters,
            inputs=inputs,
            root=root,
            cell_seconds=cell_seconds,
            on_cell=lambda at, of: connection.send(("cell", (at, of))),
        )
        connection.send(("done", rendered))
    except RenderError as error:
        connection.send(("failed", str(error)))
    except Exception:  # a fault of ours: say where it happened
        connection.send(("failed", f"{plan.notebook}:\n{traceback.format_exc()}"))


def _receive(connection, plan, worker):
    """The next event of a worker, or that it ended without one."""
    try:
        return connection.recv()
    except EOFError:
        worker.join()
        return "failed", (
            f"{plan.notebook}: the process that ran it ended by itself (exit code"
            f" {worker.exitcode}): killed, or out of memory."
        )


def _stop(workers):
    """End workers, and with them their kernels."""
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + SECONDS_TO_STOP
    for worker in workers:
        worker.join(max(0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()


def _processors():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
