"""The course: exercises that check themselves, handouts without solutions, and marks.

Each lesson has one source, a notebook in ``notebooks/lessons`` with nbgrader's cell metadata. From
it come the page of the report, the student version (`handouts`) and the marks (`marks`). Answers
reach a student only as slow hashes (`exercises`).
"""

from vlms.course.exercises import LESSONS, Lesson, mark, mistaken_survival, open_lesson
from vlms.course.handouts import (
    SOURCES,
    CourseError,
    page_version,
    student_version,
    write_handouts,
    write_start_page,
)
from vlms.course.marks import grade

__all__ = [
    "LESSONS",
    "SOURCES",
    "CourseError",
    "Lesson",
    "grade",
    "mark",
    "mistaken_survival",
    "open_lesson",
    "page_version",
    "student_version",
    "write_handouts",
    "write_start_page",
]
