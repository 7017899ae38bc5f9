"""From a lesson's source to what a student gets: no solution, no hidden test, no output.

A source is a notebook with nbgrader's cell metadata (``metadata.nbgrader``: solution, grade,
locked, points, grade_id). What stands between ``BEGIN SOLUTION`` and ``END SOLUTION``, and between
``BEGIN HIDDEN TESTS`` and ``END HIDDEN TESTS``, is the teacher's, in code and in Markdown alike.
"""

import html
import json
import re
from pathlib import Path

import nbformat

from vlms.course.exercises import LESSONS, answers_of, hashed
from vlms.provenance import PROJECT

SOURCES = PROJECT / "notebooks" / "lessons"  # in a clone only
STUB = "# your code here"

_START = """<!doctype html><html lang="en"><meta charset="utf-8">
<title>Cohort methods: lessons</title>
<meta name="viewport" content="width=device-width"><style>body{{font:17px/1.55 sans-serif;
max-width:44rem;margin:2rem auto;padding:0 1rem}}@media(prefers-color-scheme:dark){{body{{
background:#181818;color:#eee}}a{{color:#9cf}}}}</style>
<h1>Cohort methods on really published patients</h1>
<p>Each lesson is a Jupyter notebook. Open it in JupyterLab where the package <code>vlms</code> is
installed (<code>vlms lesson 1</code> does both), write your code where the comment says so, and run
the check below it. Answers are kept as slow hashes beside the notebook: this keeps you from reading
them by accident, not from searching for them.</p>
{lessons}</html>
"""

_REGION = re.compile(
    r"^[^\n]*BEGIN (SOLUTION|HIDDEN TESTS)[^\n]*\n.*?^[^\n]*END \1[^\n]*(?:\n|\Z)", re.M | re.S
)
_MARK = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)")


class CourseError(ValueError):
    """A lesson, handout or submission that cannot be used; the message says what to do."""


def student_version(source):
    """Return a lesson without its solutions.

    Parameters
    ----------
    source : nbformat.NotebookNode

    Returns
    -------
    nbformat.NotebookNode
        Without outputs; a cell that held nothing but a solution is left out, in other cells a
        comment stands where the solution was.

    Raises
    ------
    CourseError
        For a region that does not end, a check cell that hides nothing, or a repeated name.
    """
    cells, names = [], set()
    for at, cell in enumerate(source.cells, start=1):
        about = cell.metadata.get("nbgrader", {})
        if (name := about.get("grade_id")) and name in names:
            raise CourseError(f"cell {at}: a second cell is called {name!r}; rename one")
        names.add(name)
        text = _REGION.sub(lambda found, kind=cell.cell_type: _stub(found, kind), cell.source)
        if left := _MARK.search(text):
            raise CourseError(f"cell {at}: {left[0]} without its other end")
        if about.get("solution") and text == cell.source:
            raise CourseError(f"cell {at}: marked as a solution, but BEGIN SOLUTION is missing")
        if text.strip() in ("", STUB) and text != cell.source and not about.get("solution"):
            continue
        if cell.cell_type == "markdown" and not text.strip():
            continue
        copy = nbformat.from_dict({**cell, "source": text.strip("\n")})
        if copy.cell_type == "code":
            copy.update(outputs=[], execution_count=None)
            copy.metadata.pop("jupyter", None)
        cells.append(copy)
    metadata = {name: value for name, value in source.metadata.items() if name != "run"}
    student = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    student.nbformat_minor = source.nbformat_minor
    return student


def write_handouts(folder=LESSONS, *, sources=SOURCES, only=(), execute=None, on_lesson=None):
    """Write the student version of each lesson, and its answers as hashes.

    Parameters
    ----------
    folder : path-like
    sources : path-like
        The folder of the lessons' sources.
    only : sequence of str
        Lessons; none for all.
    execute : callable, optional
        Runs a notebook and returns it with outputs. Without it, answers are copied from those
        that the package holds.
    on_lesson : callable, optional
        Called with the name of each lesson before it is made.

    Returns
    -------
    list of pathlib.Path
        The notebooks.

    Raises
    ------
    CourseError
        When a source cannot be used, or an exercise has no answer.
    """
    folder, written = Path(folder), []
    for path in sorted(Path(sources).glob("*.ipynb")):
        if only and path.stem not in only:
            continue
        if on_lesson:
            on_lesson(path.stem)
        source = nbformat.read(path, as_version=4)
        try:
            student = student_version(source)
        except CourseError as error:
            raise CourseError(f"{path.name}: {error}") from None
        answers = hashed_answers(execute(path) if execute else None, path.stem, student)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / path.name
        nbformat.write(student, target)
        text = json.dumps(answers, indent=1, ensure_ascii=False) + "\n"
        target.with_suffix(".json").write_text(text, encoding="utf-8")
        written.append(target)
    return written


def write_start_page(folder):
    """Copy the student versions that the package holds, and write a page to start from.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    pathlib.Path
        The page, ``index.html``.

    Raises
    ------
    CourseError
        When a notebook of the folder was run: somebody may have worked in it.
    """
    folder, entries = Path(folder), []
    lessons = sorted(LESSONS.glob("*.ipynb"))
    places = [folder / path.name for path in lessons]
    changed = [place.name for place in places if place.exists() and _has_run(place)]
    if changed:
        raise CourseError(f"{folder}: {', '.join(changed)} has answers in it; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path in lessons:
        notebook = nbformat.read(path, as_version=4)
        about, points = notebook.metadata["vlms"], points_of(notebook)
        nbformat.write(notebook, folder / path.name)
        answers = path.with_suffix(".json")
        (folder / answers.name).write_bytes(answers.read_bytes())
        aims = "".join(f"<li>{html.escape(aim)}</li>" for aim in about["aims"])
        entries.append(
            f'<h2><a href="{path.name}" download>{html.escape(about["title"])}</a></h2>'
            f"<p>{about['minutes']} minutes, {len(points)} exercises, "
            f"{sum(points.values()):g} points. You will be able to</p><ul>{aims}</ul>"
        )
    page = folder / "index.html"
    page.write_text(_START.format(lessons="".join(entries)), encoding="utf-8")
    return page


def _has_run(path):
    """Whether a cell of a notebook was run: somebody worked in it."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception:  # nbformat raises several kinds
        return True
    return any(cell.get("execution_count") or cell.get("outputs") for cell in cells)


def hashed_answers(executed, lesson, student):
    """Hash each exercise's answers as a run gave them; without a run, as the package holds them."""
    if executed is None:
        answers = json.loads((LESSONS / f"{lesson}.json").read_text(encoding="utf-8"))
    else:
        given = answers_of(executed).items()
        answers = {name: hashed(found, lesson=lesson) for name, found in given}
    points = points_of(student)
    for name in points.keys() ^ answers.keys():
        raise CourseError(f"{lesson}: exercise {name} has points or answers, but not both")
    return {name: {**answers[name], "points": points[name]} for name in points}


def points_of(notebook):
    """Exercise → points, of the check cells of a lesson."""
    graded = (cell.metadata.get("nbgrader", {}) for cell in notebook.cells)
    return {
        about["grade_id"].removesuffix("-check"): about["points"]
        for about in graded
        if about.get("grade") and not about.get("solution")
    }


def page_version(executed, lesson):
    """Return an executed lesson as its page shows it, and the hashed answers of its exercises.

    What a cell with a solution showed is left out with the solution. In place of a check cell's
    output stands a place for the answer field, ``<div class="vlms-answer" id="answer-…">``.
    """
    given, answers, cells = answers_of(executed), {}, []
    for cell in executed.cells:
        text = _REGION.sub(lambda found, kind=cell.cell_type: _stub(found, kind), cell.source)
        if text != cell.source:
            found = answers_of(nbformat.v4.new_notebook(cells=[cell]))
            if text.strip() in ("", STUB) and not found:
                continue
            cell = nbformat.from_dict({**cell, "source": text.strip("\n")})
            if cell.cell_type == "code":
                places = "".join(f'<div class="vlms-answer" id="answer-{n}"></div>' for n in found)
                data = {"text/html": places, "text/plain": ""}
                shown = [nbformat.v4.new_output("display_data", data)]
                cell.outputs = shown if found else []
            for name in found:
                answers[name] = hashed(given[name], lesson=lesson)
        cells.append(cell)
    page = executed.copy()
    page.cells = cells
    return page, answers


def _stub(found, kind):
    """What stands where a region was."""
    return f"{STUB}\n" if found[1] == "SOLUTION" and kind == "code" else ""
