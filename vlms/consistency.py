"""Can these printed statistics be true together?

Every check takes numbers as a paper prints them and returns a `Finding`: a verdict that holds over
all true values that could have been printed like this, a sentence for a report, the arithmetic and
the assumptions. This module holds no code; it is the one place to import the checks from.
"""

from vlms.counts import overlap_bounds, overlap_check, sum_check
from vlms.findings import VERDICTS, Finding, together
from vlms.hazards import (
    direction_check,
    hazard_ratio_check,
    identical_rows,
    log_symmetry_check,
    wald_p_check,
)
from vlms.information import events_needed, information_check, narrowest_interval, smallest_p
from vlms.shares import percentage_check, possible_totals

__all__ = [
    "VERDICTS",
    "Finding",
    "direction_check",
    "events_needed",
    "hazard_ratio_check",
    "identical_rows",
    "information_check",
    "log_symmetry_check",
    "narrowest_interval",
    "overlap_bounds",
    "overlap_check",
    "percentage_check",
    "possible_totals",
    "smallest_p",
    "sum_check",
    "together",
    "wald_p_check",
]
