"""The course: what checks an answer, what a student gets, and what a submission is marked with.

Expected values are worked by hand on Tilkorn's twelve patients, or are counts of cells.
"""

import copy
import csv
import json
import os
import re
import subprocess
import venv
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from vlms.cohort import read_paper
from vlms.course import (
    LESSONS,
    SOURCES,
    CourseError,
    grade,
    mark,
    mistaken_survival,
    open_lesson,
    student_version,
    write_start_page,
)
from vlms.course.exercises import answers_of, canonical, feedback
from vlms.course.handouts import points_of
from vlms.endpoints import time_to_event
from vlms.pages import execute

FIRST = "01-survival-from-twelve-patients"
LESSON_NAMES = [path.stem for path in sorted(SOURCES.glob("*.ipynb"))]


def read(path):
    return nbformat.read(path, as_version=4)


def graded(name, *, solution=False, points=None):
    kind = {"solution": True, "grade": False} if solution else {"grade": True, "solution": False}
    about = {"grade_id": name, "schema_version": 3, "locked": not solution, "task": False, **kind}
    return {"nbgrader": about | ({"points": points} if points else {})}


# --- Answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer, digits, expected", [
    (25 / 44, 2, "0.57"), ("57 %", 2, "0.57"), ("57%", 2, "0.57"), ("0,57", 2, "0.57"),
    ("25/44", 2, "0.57"), (".568", 2, "0.57"), (0.125, 2, "0.13"), (-0.125, 2, "-0.13"),
    (-0.001, 2, "0.00"), ("−3", 0, "-3"), (True, 2, "true"), ("Yes", 2, "true"),
    ("nein", 2, "false"), ("  R0  First ", 2, "r0 first"), (None, 2, ""), ("", 2, ""),
    ("11; 8;7", 0, "11; 8; 7"), ("(11, 8)", 0, "11; 8"), (float("inf"), 2, "inf"),
    ("not reached", 2, "inf"), (pd.Series([1, 2.5]), 1, "1.0; 2.5"), ({"b": 2, "a": 1}, 0, "1; 2"),
])  # fmt: skip
def test_an_answer_is_compared_however_it_is_written(answer, digits, expected):
    assert canonical(answer, digits) == expected


def test_what_cannot_be_an_answer_is_told():
    with pytest.raises(ValueError, match="NaN"):
        canonical(float("nan"), 2)
    with pytest.raises(ValueError, match="give a number, a text or a table"):
        canonical(print, 2)


def test_the_first_lesson_tells_each_mistake_from_the_right_answer():
    """S(36) = 10/11 × 7/8 × 6/7 × 5/6 = 25/44; ignoring the censored gives 8/12."""
    check = open_lesson(FIRST)
    assert "right." in str(check("exercise-3", 25 / 44))
    assert "as if the censored had been seen to survive" in str(check("exercise-3", 8 / 12))
    assert "No common mistake" in str(check("exercise-3", 0.2))
    assert "per cent sign" in str(check("exercise-3", 57))
    assert "not answered yet" in str(check("exercise-3", None))
    assert "no answers to it" in str(check("exercise-99", 1))


def test_a_right_answer_earns_points_and_a_mistake_is_named():
    assert str(mark("factor", 0.75, 3 / 4, {"You doubled.": 1.5})) == "factor: right."
    with pytest.raises(AssertionError, match="factor: You doubled"):
        mark("factor", 1.5, 3 / 4, {"You doubled.": 1.5})
    with pytest.raises(AssertionError, match="factor"):
        mark("factor", None, 3 / 4)


def test_the_mistaken_survivals_of_the_twelve_patients():
    """Before month 36: 4 dead, 3 last seen alive (7, 14, 14); at risk 11, 8, 7, 6 at a death."""
    course = time_to_event(read_paper("tilkorn2010").patients, "overall_survival")
    found = mistaken_survival(course["time"], course["event"], 36)
    assert found["ignored"] == pytest.approx(8 / 12)
    assert found["dropped"] == pytest.approx(5 / 9)
    assert found["after"] == pytest.approx(9 / 10 * 6 / 7 * 5 / 6 * 4 / 5)


# --- What a student gets --------------------------------------------------------------------------


def test_a_student_version_has_no_solution_no_hidden_test_and_no_output():
    code = "share = None\n### BEGIN SOLUTION\nshare = secret()\n### END SOLUTION\nprint(share)"
    test = "check('a', share)\n### BEGIN HIDDEN TESTS\nmark('a', share, 1)\n### END HIDDEN TESTS"
    notes = "<!-- BEGIN SOLUTION -->\nFor the teacher.\n<!-- END SOLUTION -->"
    solved = new_code_cell(code, metadata=graded("a", solution=True), execution_count=3)
    solved.outputs = [nbformat.v4.new_output("stream", text="1")]
    checked = new_code_cell(test, metadata=graded("a-check", points=2))
    source = new_notebook(
        cells=[new_markdown_cell("Ask"), solved, checked, new_markdown_cell(notes)]
    )
    student = student_version(source)
    assert [cell.source for cell in student.cells] == [
        "Ask", "share = None\n# your code here\nprint(share)", "check('a', share)"
    ]  # fmt: skip
    assert student.cells[1].outputs == [] and student.cells[1].execution_count is None
    assert points_of(student) == {"a": 2}


@pytest.mark.parametrize("source, problem", [
    ("x\n### BEGIN SOLUTION\ny", "BEGIN SOLUTION without"), ("y\n### END SOLUTION", "END SOLUTION"),
    ("x = 1", "BEGIN SOLUTION is missing"),
])  # fmt: skip
def test_a_region_that_does_not_end_is_refused(source, problem):
    cell = new_code_cell(source, metadata=graded("a", solution=True))
    with pytest.raises(CourseError, match=problem):
        student_version(new_notebook(cells=[cell]))


@pytest.mark.parametrize("lesson", LESSON_NAMES)
def test_every_lesson_has_its_parts_and_its_student_version_is_that_of_its_source(lesson):
    source, shipped = read(SOURCES / f"{lesson}.ipynb"), read(LESSONS / f"{lesson}.ipynb")
    about, points = source.metadata["vlms"], points_of(source)
    assert about["lesson"] == lesson and 60 <= about["minutes"] <= 90 and len(about["aims"]) >= 3
    assert 4 <= len(points) <= 7
    assert [cell.source for cell in student_version(source).cells] == [
        cell.source for cell in shipped.cells
    ]
    answers = json.loads((LESSONS / f"{lesson}.json").read_text(encoding="utf-8"))
    assert {name: asked["points"] for name, asked in answers.items()} == points
    text = "\n".join(cell.source for cell in source.cells)
    assert "What you can say in a paper" in text and "Teacher's notes" in text
    for name in points:  # the right answer, and mistakes; a yes or no has one
        assert len(answers[name]["said"]) >= 2, name


def test_no_solution_stands_in_any_byte_that_a_student_gets():
    """Every line of a solution or hidden test that is not a line of the lesson as well."""
    regions = re.compile(r"BEGIN (SOLUTION|HIDDEN TESTS)\b.*?\n(.*?)\n[^\n]*END \1", re.DOTALL)
    handed_out = b"".join(path.read_bytes() for path in sorted(LESSONS.iterdir())).decode()
    lessons = [read(path) for path in sorted(SOURCES.glob("*.ipynb"))]
    texts = [cell.source for lesson in lessons for cell in lesson.cells]
    open_text = "\n".join(regions.sub("", text) for text in texts)
    secret = "\n".join(part for text in texts for _, part in regions.findall(text))
    for line in {line.strip() for line in secret.split("\n")}:
        if len(line) > 15 and line not in open_text:
            assert json.dumps(line, ensure_ascii=False)[1:-1] not in handed_out, line


def test_a_start_page_lists_each_lesson_and_spares_what_somebody_worked_in(tmp_path):
    page = write_start_page(tmp_path).read_text(encoding="utf-8")
    for lesson in LESSON_NAMES:
        assert f'href="{lesson}.ipynb"' in page
    write_start_page(tmp_path)
    worked = read(tmp_path / f"{FIRST}.ipynb")
    next(cell for cell in worked.cells if cell.cell_type == "code").execution_count = 1
    nbformat.write(worked, tmp_path / f"{FIRST}.ipynb")
    with pytest.raises(CourseError, match="has answers in it"):
        write_start_page(tmp_path)


# --- Marks ----------------------------------------------------------------------------------------


def totals(rows):
    return {row["student"]: row for row in rows if row["exercise"] == "total"}


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSON_NAMES)
def test_the_reference_solution_has_all_points_and_a_blank_lesson_none(lesson, tmp_path):
    source, student = read(SOURCES / f"{lesson}.ipynb"), read(LESSONS / f"{lesson}.ipynb")
    nbformat.write(source, tmp_path / "reference.ipynb")
    nbformat.write(student, tmp_path / "blank.ipynb")
    rows = grade(tmp_path, tmp_path / "marks")
    found, points = totals(rows), sum(points_of(source).values())
    assert found["reference"]["points"] == points == found["blank"]["out_of"]
    assert found["blank"]["points"] == 0
    blank = [row for row in rows if row["student"] == "blank" and row["exercise"] != "total"]
    assert {row["feedback"] for row in blank} == {"Not answered yet."}  # it ran to its end


@pytest.mark.slow
def test_a_submission_that_misbehaves_is_contained_and_marked_as_such(tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("two years")
    source = read(SOURCES / f"{FIRST}.ipynb")
    submitted = tmp_path / "submitted"
    submitted.mkdir()
    mischief = {
        "exits": ("import os; os._exit(3)", "ended before the last cell"),
        "hangs": ("while True: pass", "did not end within 15 s"),
        "deletes": (f"import shutil; shutil.rmtree({str(victim)!r})", "its own folder only"),
        "removes": (f"import os; os.remove({str(victim / 'thesis.txt')!r})", "its own folder only"),
        "shells": (f"!rm -rf {victim}", "may not do this"),
        "writes": (f"open({str(victim / 'x')!r}, 'w')", "may write to its own folder only"),
        "connects": (
            "import socket; socket.create_connection(('127.0.0.1', 9))",
            "may not do this",
        ),
        "peeks": (f"open({str(SOURCES / FIRST)!r} + '.ipynb')", "not for submissions"),
    }
    for student, (code, _) in mischief.items():
        submission = copy.deepcopy(source)
        submission.cells.insert(12, new_code_cell(code))
        nbformat.write(submission, submitted / f"{student}.ipynb")
    (submitted / "broken.ipynb").write_text("{")
    unchecked = copy.deepcopy(source)
    for cell in unchecked.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "print('right')"
    unchecked.cells[9].metadata = {}
    nbformat.write(unchecked, submitted / "unchecked.ipynb")
    found = totals(grade(submitted, tmp_path / "marks", cell_seconds=15))
    for student, (_, remark) in mischief.items():
        assert remark in found[student]["feedback"], student
    assert (victim / "thesis.txt").read_text() == "two years"
    assert found["exits"]["points"] < found["deletes"]["points"] == 12
    assert "unreadable" in found["broken"]["feedback"]
    assert found["unchecked"]["points"] == 12 and "Put back" in found["unchecked"]["feedback"]
    with (tmp_path / "marks" / "marks.csv").open(encoding="utf-8") as stream:
        assert {row["student"] for row in csv.DictReader(stream)} == set(found)


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSON_NAMES)
def test_each_recognised_mistake_gets_its_feedback_from_the_hashes_that_students_have(lesson):
    check, found = open_lesson(lesson), answers_of(execute(SOURCES / f"{lesson}.ipynb"))
    assert found.keys() == check.exercises.keys()
    for name, exercise in found.items():
        for answer, (verdict, words) in exercise["said"].items():
            right, said = feedback(check.exercises[name], answer)
            assert (right, words in said) == (verdict == "right", True), (name, answer)


@pytest.mark.slow
def test_nbgrader_itself_makes_student_versions_of_the_sources(tmp_path):
    """In an environment of its own, as locked; it installs from the network."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python, lock = environment / "bin" / "python", Path(__file__).with_name("nbgrader.lock")
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", lock]
    subprocess.run([python, *install], check=True)
    for lesson in LESSON_NAMES:
        folder = tmp_path / "course" / "source" / lesson
        folder.mkdir(parents=True)
        (folder / f"{lesson}.ipynb").write_bytes((SOURCES / f"{lesson}.ipynb").read_bytes())
    make = [environment / "bin" / "nbgrader", "generate_assignment", "--create"]
    path = {**os.environ, "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for lesson in LESSON_NAMES:
        done = subprocess.run(
            [*make, lesson], cwd=tmp_path / "course", env=path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        released = read(tmp_path / "course" / "release" / lesson / f"{lesson}.ipynb")
        text = "\n".join(cell.source for cell in released.cells)
        assert "YOUR CODE HERE" in text and "SOLUTION" not in text and "HIDDEN" not in text
