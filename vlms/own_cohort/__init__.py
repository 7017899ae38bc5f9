"""The report on a cohort of one's own, in one place for its notebook to import from.

Opening and checking stands in `study`, the sections in `quality`, `description`, `curves`, `groups`
and `models`, what frames them in `frame`; `report` makes the report of a reader's file.
"""

from vlms.own_cohort.curves import show_competing_risks, show_endpoints, show_follow_up
from vlms.own_cohort.description import show_comparison, show_table_one
from vlms.own_cohort.frame import (
    report_name,
    show_card,
    show_disclosure,
    show_left_out,
    show_marks,
    show_methods,
    stem_of,
)
from vlms.own_cohort.groups import show_groups, show_landmark
from vlms.own_cohort.models import show_hazard_ratios, show_proportional_hazards
from vlms.own_cohort.quality import show_flow, show_quality
from vlms.own_cohort.study import Study, StudyError, open_study

__all__ = [
    "Study",
    "StudyError",
    "open_study",
    "report_name",
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
    "stem_of",
]
