"""The report on a cohort of one's own: `opening` reads it and checks the choices, `sections` shows.

The cohort is opened with `open_cohort`, and each section takes what that gives. The report is
written once, whatever the disclosure: counts, tables and curves come from `vlms.disclosure`, which
makes them safe first, and are then drawn and tabulated by the same code. What may not be shown is
said in its place, and again in the list at the end.
"""

from vlms.own_cohort.opening import ChoiceError, OwnCohort, open_cohort
from vlms.own_cohort.sections import (
    show_card,
    show_comparison,
    show_competing_risks,
    show_disclosure,
    show_endpoints,
    show_flow,
    show_follow_up,
    show_groups,
    show_hazard_ratios,
    show_landmark,
    show_left_out,
    show_marks,
    show_methods,
    show_proportional_hazards,
    show_quality,
    show_table_one,
)

__all__ = [
    "ChoiceError",
    "OwnCohort",
    "open_cohort",
    "show_card",
    "show_comparison",
    "show_competing_risks",
    "show_disclosure",
    "show_endpoints",
    "show_flow",
    "show_follow_up",
    "show_groups",
    "show_hazard_ratios",
    "show_landmark",
    "show_left_out",
    "show_marks",
    "show_methods",
    "show_proportional_hazards",
    "show_quality",
    "show_table_one",
]
