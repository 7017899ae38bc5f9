"""Marks for submitted lessons: each is run in a process that may write to its own folder only.

What is marked is the value that the student's code arrived at. Check cells are put back as they
were handed out, so one that was changed or deleted makes no difference. The process refuses to
write or delete outside its folder, to start programs and to open connections, and its memory and
time are limited. It contains accidents and pranks and is no sandbox against an attacker: mark
strangers' work in a virtual machine.
"""

import ast
import contextlib
import csv
import html
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from vlms.course.exercises import LESSONS, canonical, feedback
from vlms.course.handouts import SOURCES, CourseError

COLUMNS = ["student", "lesson", "exercise", "points", "out_of", "feedback"]
CELL_SECONDS = 60
MEMORY = 4 * 2**30
LARGEST_FILE = 50 * 2**20

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = set(
    "os.remove os.rename os.rmdir os.mkdir os.truncate os.chmod os.chown os.link os.symlink"
    " os.utime os.setxattr".split()
)
_REFUSED = set(
    "os.system os.exec os.posix_spawn os.spawn os.fork os.forkpty os.startfile os.kill os.killpg"
    " subprocess.Popen pty.spawn socket.connect socket.bind socket.sendto webbrowser.open".split()
)
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}}
pre{{background:#f4f4f4;padding:.7rem;overflow-x:auto}}@media(prefers-color-scheme:dark){{
body{{background:#181818;color:#eee}}pre{{background:#2a2a2a}}}}</style>
<h1>{title}</h1><p><strong>{points:g} of {out_of:g} points.</strong> {remark}</p>{exercises}</html>
"""


def grade(submissions, folder="marks", *, cell_seconds=CELL_SECONDS, on_submission=None):
    """Run and mark every submitted lesson of a folder.

    Parameters
    ----------
    submissions : path-like
        Holds notebooks, ``name.ipynb``, or a folder a student with notebooks in it.
    folder : path-like
        Where ``marks.csv`` and a feedback page a submission are written.
    cell_seconds : float
        Time limit of a cell; a submission as a whole has five times as long.
    on_submission : callable, optional
        Called with student and lesson when one is marked.

    Returns
    -------
    list of dict
        The rows of ``marks.csv``: student, lesson, exercise (or ``total``), points, out_of,
        feedback.

    Raises
    ------
    CourseError
        When there is no notebook to mark.
    """
    submissions, folder = Path(submissions), Path(folder)
    found = [path for path in sorted(submissions.rglob("*.ipynb")) if ".ipynb_" not in str(path)]
    if not found:
        raise CourseError(f"{submissions}: no notebook to mark in it")
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="vlms-marks-") as scratch,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        tasks = [(path, submissions, Path(scratch) / str(at)) for at, path in enumerate(found)]
        marked = pool.map(lambda task: _mark_one(*task, cell_seconds), tasks)
        for student, lesson, results, remark, code in marked:
            if on_submission:
                on_submission(student, lesson)
            total = {key: sum(row[key] for row in results) for key in ("points", "out_of")}
            total = {"exercise": "total", **total, "feedback": remark}
            rows += [{"student": student, "lesson": lesson, **row} for row in [*results, total]]
            page = _page(student, lesson, results, total, code)
            (folder / _file_name(student, lesson)).write_text(page, encoding="utf-8")
    with (folder / "marks.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        # What a student typed must not act as a formula in a spreadsheet.
        writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)
    return rows


def _mark_one(path, submissions, scratch, cell_seconds):
    """Student, lesson, results, remark and code of one submission."""
    inner = path.relative_to(submissions)
    student = inner.parts[0] if len(inner.parts) > 1 else path.stem
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        lesson = str(notebook.metadata["vlms"]["lesson"])
        handed_out = nbformat.read(LESSONS / f"{Path(lesson).name}.ipynb", as_version=4)
    except Exception as error:  # nbformat raises several kinds
        reason = "names no lesson of this course" if isinstance(error, KeyError) else "unreadable"
        return student, path.stem, [], f"Not marked: {reason} ({type(error).__name__}).", {}
    asked = json.loads((LESSONS / f"{lesson}.json").read_text(encoding="utf-8"))
    cells, missing = _with_check_cells(notebook, handed_out)
    given, remark = _run(cells, asked, scratch, cell_seconds)
    if missing:
        remark = f"{remark} Put back where deleted: {', '.join(missing)}.".strip()
    results = []
    for name, exercise in asked.items():
        answer, problem = given.get(name, ("", "The run ended before this exercise."))
        right, said = feedback(exercise, answer) if not problem else (False, problem)
        points = exercise["points"] if right else 0
        out_of = {"points": points, "out_of": exercise["points"]}
        results.append({"exercise": name, **out_of, "feedback": said[:1].upper() + said[1:]})
    return student, lesson, results, remark, _solutions(notebook)


def _with_check_cells(notebook, handed_out):
    """A submission's code cells, check cells as handed out; and those that had to be put back."""

    def name(cell):
        return cell.metadata.get("nbgrader", {}).get("grade_id")

    locked = {name(cell): cell for cell in handed_out.cells if _is_check(cell)}
    cells, seen = [], set()
    for cell in notebook.cells:
        if cell.cell_type != "code" or (name(cell) in locked and name(cell) in seen):
            continue
        seen.add(name(cell))
        cells.append(locked.get(name(cell), cell))
    missing = [key for key in locked if key not in seen]
    return cells + [locked[key] for key in missing], missing


def _is_check(cell):
    """Whether a cell checks an answer: locked, and worth points."""
    about = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(about.get("grade")) and not about.get("solution")


def _run(cells, asked, scratch, cell_seconds):
    """Run code cells in a process of their own; exercise → (canonical answer, problem), remark."""
    scratch.mkdir(mode=0o700, parents=True)
    task = {"cells": [], "seconds": cell_seconds, "folder": str(scratch)}
    for cell in cells:
        answer = _asked_for(cell) if _is_check(cell) else None
        digits = asked[answer[0]]["digits"] if answer else None
        task["cells"].append([cell.source, answer, digits])
    (scratch / "task.json").write_text(json.dumps(task), encoding="utf-8")
    environment = {
        **os.environ,
        **dict.fromkeys(("HOME", "IPYTHONDIR", "MPLCONFIGDIR", "TMPDIR"), str(scratch)),
        "MPLBACKEND": "agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    answers = scratch.with_suffix(".answers")
    command = [sys.executable, "-m", "vlms.course.marks", str(scratch / "task.json"), str(answers)]
    nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    process = subprocess.Popen(
        command, cwd=scratch, env=environment, start_new_session=True, **nowhere
    )
    remark = ""
    try:
        process.wait(5 * cell_seconds)
    except subprocess.TimeoutExpired:
        remark = f"Stopped: it did not end within {5 * cell_seconds:g} s."
    finally:
        _end(process)
    lines = answers.read_text(encoding="utf-8").split("\n")[:-1] if answers.is_file() else []
    said = [json.loads(line) for line in lines]
    given = {found[0]: (found[1], found[2]) for found in said if found and found[0]}
    refused = dict.fromkeys(found[2] for found in said if found and not found[0])
    if not remark and [] not in said:
        remark = "The program ended before the last cell (exit, crash or out of memory)."
    return given, " ".join([*refused, remark]).strip()


def _end(process):
    """Kill a process and all that it started."""
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _asked_for(cell):
    """Exercise and expression of a check cell: ``check("exercise-1", survival)``."""
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 2:
            return ast.literal_eval(node.args[0]), ast.unparse(node.args[1])
    raise CourseError(f"a check cell without check(exercise, answer): {cell.source!r}")


def _inside(task_file, answers_file):
    """What the process of a submission does: run its cells, and report each answer."""
    from IPython.core.interactiveshell import InteractiveShell

    task = json.loads(Path(task_file).read_text(encoding="utf-8"))
    report = Path(answers_file).open("w", encoding="utf-8")  # noqa: SIM115
    shell = InteractiveShell.instance()
    _contain(task["folder"])

    limited = hasattr(signal, "SIGALRM")

    def too_long(*_):
        raise TimeoutError(f"The cell did not end within {task['seconds']:g} s.")

    if limited:
        signal.signal(signal.SIGALRM, too_long)
    problem = ""
    for source, asked, digits in task["cells"]:
        if limited:
            signal.setitimer(signal.ITIMER_REAL, task["seconds"])
        with contextlib.suppress(BaseException):
            result = shell.run_cell(source, store_history=False, silent=True)
            error = result.error_before_exec or result.error_in_exec
            if error and not asked:
                problem = f"{type(error).__name__}: {error}"[:300]
                if isinstance(error, PermissionError | TimeoutError | MemoryError | SystemExit):
                    report.write(json.dumps(["", "", problem]) + "\n")
        if limited:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if not asked:
            continue
        exercise, expression = asked
        try:
            found = [exercise, canonical(eval(expression, shell.user_ns), digits), ""]  # noqa: S307
            problem = problem if not found[1] else ""
        except BaseException as error:
            found, problem = [exercise, ""], problem or f"{type(error).__name__}: {error}"[:300]
        if problem:
            found = [exercise, "", f"The code did not run: {problem}"]
        report.write(json.dumps(found[:3]) + "\n")
        report.flush()
        problem = ""
    report.write("[]\n")
    report.close()
    os._exit(0)


def _contain(folder):
    """Refuse from here on to change anything outside a folder, to start or to connect anything."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    inside, sources = str(Path(folder).resolve()), str(SOURCES.resolve())

    def within(path, folder):
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str | os.PathLike):
            return isinstance(path, int)
        return (os.path.realpath(path) + os.sep).startswith(folder + os.sep)

    def refuse(event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITING
            if writes and path != os.devnull and not within(path, inside):
                raise PermissionError("a submission may write to its own folder only")
            if isinstance(path, str) and within(path, sources):
                raise PermissionError("the sources of the lessons are not for submissions")
            # Names relative to an open folder would be taken for names in this one.
            if mode is None and not within(path, inside) and os.path.isdir(path):  # noqa: PTH112
                raise PermissionError("a submission may open folders of its own folder only")
        elif event in _CHANGES:
            paths = [path for path in arguments[:2] if isinstance(path, str | bytes)]
            if not all(within(path, inside) for path in paths):
                raise PermissionError("a submission may change its own folder only")
        elif event in _REFUSED:
            raise PermissionError(f"a submission may not do this ({event})")

    sys.addaudithook(refuse)


def _solutions(notebook):
    """Exercise → the code that was submitted for it."""
    return {
        cell.metadata["nbgrader"]["grade_id"]: cell.source
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code"
    }


def _page(student, lesson, results, total, code):
    """The feedback page of one submission."""
    parts = []
    for row in results:
        shown = html.escape(code.get(row["exercise"], ""))
        parts.append(
            f"<h2>{html.escape(row['exercise'])}: {row['points']:g} of {row['out_of']:g}</h2>"
            f"<p>{html.escape(row['feedback'])}</p>{f'<pre>{shown}</pre>' if shown else ''}"
        )
    title = html.escape(f"{student}: {lesson}")
    given = {"points": total["points"], "out_of": total["out_of"]}
    return _PAGE.format(
        title=title, remark=html.escape(total["feedback"]), exercises="".join(parts), **given
    )


def _file_name(student, lesson):
    """A file name for a feedback page, whatever a student or file is called."""
    return re.sub(r"[^\w.-]+", "-", f"{student}-{lesson}").strip("-.")[:120] + ".html"


def _plain(value):
    """Text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@") else value


if __name__ == "__main__":
    _inside(*sys.argv[1:])
