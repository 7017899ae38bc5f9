"""A cohort of patients: from the bytes of a table to typed, checked columns.

`tables` splits a file into cells of text, `plan` says which of the study's each column is, `cells`
reads a cell, `problems` collects what is wrong, `patients` puts it together and holds cells against
each other, `check` tells a reader about their table, `start` drafts its study, `variables` names
levels and groups.
"""
# ruff: noqa: F401

from vlms.cohort.check import Check, check_cohort
from vlms.cohort.patients import DATA, Cohort, incoherences, paper_folder, read_cohort, read_paper
from vlms.cohort.plan import CANONICAL
from vlms.cohort.problems import CohortError, Problems, printable
from vlms.cohort.start import start_study
from vlms.cohort.tables import plain_name, read_table
from vlms.cohort.variables import (
    EVERYONE,
    holds_numbers,
    level_name,
    levels_of,
    need_columns,
    readable,
    split_groups,
)
