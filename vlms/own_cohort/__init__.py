"""The report on a cohort of one's own, from its file to the files of a manuscript.

`opening` reads the cohort and checks the choices; each section takes what `open_cohort` gives:
`patients` who they are, `outcomes` what became of them, `models` hazard ratios, `closing` methods
and what is not shown, `manuscript` the files for a paper. The report is written once, whatever the
disclosure: counts, tables and curves come from `vlms.disclosure`, which makes them safe first, and
are then drawn and tabulated by the same code. What may not be shown is said in its place, and again
in the list at the end.
`counted` reports on a cohort too large for memory, from its counts.
`tissue` shows stained tissue, and the design of a paper that is followed.
"""
# ruff: noqa: F401

from vlms.own_cohort.closing import (
    show_card,
    show_comparison,
    show_disclosure,
    show_left_out,
    show_methods,
)
from vlms.own_cohort.counted import (
    count_cohort,
    open_counts,
    sample_rows,
    show_counted_curves,
    show_counted_flow,
    show_counted_incidence,
    show_not_counted,
)
from vlms.own_cohort.manuscript import show_manuscript
from vlms.own_cohort.models import show_hazard_ratios, show_subgroups, show_time_dependent
from vlms.own_cohort.opening import ChoiceError, OwnCohort, open_cohort
from vlms.own_cohort.outcomes import (
    show_competing_risks,
    show_endpoints,
    show_follow_up,
    show_groups,
    show_landmark,
    show_sensitivity,
    show_summary,
)
from vlms.own_cohort.patients import show_flow, show_marks, show_quality, show_table_one
from vlms.own_cohort.tissue import show_design, show_markers
