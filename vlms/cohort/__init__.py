"""A cohort of patients: from the bytes of a table to typed, checked columns.

`tables` splits a file into cells of text, `columns` says what each column is, `cells` reads a
cell, `coherence` holds cells against each other, `problems` collects what is wrong, `patients`
puts it together; `codebook` maps foreign tables, `check` and `personal` tell a reader about
theirs, `variables` names levels and groups.
"""

from vlms.cohort.check import Check, check_cohort
from vlms.cohort.codebook import draft_codebook, read_codebook, write_codebook, write_template
from vlms.cohort.coherence import incoherences
from vlms.cohort.columns import CANONICAL
from vlms.cohort.patients import DATA, Cohort, paper_folder, read_cohort, read_paper
from vlms.cohort.problems import CohortError, Problems, printable
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

__all__ = [
    "CANONICAL",
    "DATA",
    "EVERYONE",
    "Check",
    "Cohort",
    "CohortError",
    "Problems",
    "check_cohort",
    "draft_codebook",
    "holds_numbers",
    "incoherences",
    "level_name",
    "levels_of",
    "need_columns",
    "paper_folder",
    "plain_name",
    "printable",
    "read_codebook",
    "read_cohort",
    "read_paper",
    "read_table",
    "readable",
    "split_groups",
    "write_codebook",
    "write_template",
]
