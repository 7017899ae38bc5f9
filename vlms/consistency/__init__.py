"""Can these printed statistics be true together?

Every check takes numbers as a paper prints them and returns a `Finding`: a verdict that holds over
all true values that could have been printed like this, a sentence for a report, the arithmetic and
the assumptions. This module holds no code; it is the one place to import the checks from.
"""

from vlms.consistency.attainable import attainable_survival, fitting_group_sizes, survival_check
from vlms.consistency.comparisons import which_comparison
from vlms.consistency.counts import overlap_bounds, overlap_check, sum_check
from vlms.consistency.event_bounds import possible_events, same_events_check
from vlms.consistency.findings import VERDICTS, Finding, printed_box, printed_share, together
from vlms.consistency.hazards import (
    hazard_ratio_check,
    log_symmetry_check,
    wald_p_check,
)
from vlms.consistency.information import (
    events_needed,
    information_check,
    narrowest_interval,
    smallest_p,
)
from vlms.consistency.medians import (
    curve_check,
    median_ratio_check,
    median_reading_check,
    pooled_median_check,
)
from vlms.consistency.mixtures import mixture_check
from vlms.consistency.moments import binary_sd_check, mean_check, sd_check
from vlms.consistency.shares import percentage_check, possible_totals
from vlms.consistency.wording import direction_check, identical_rows, significance_check

__all__ = [
    "VERDICTS",
    "Finding",
    "attainable_survival",
    "binary_sd_check",
    "curve_check",
    "direction_check",
    "events_needed",
    "fitting_group_sizes",
    "hazard_ratio_check",
    "identical_rows",
    "information_check",
    "log_symmetry_check",
    "mean_check",
    "median_ratio_check",
    "median_reading_check",
    "mixture_check",
    "narrowest_interval",
    "overlap_bounds",
    "overlap_check",
    "percentage_check",
    "pooled_median_check",
    "possible_events",
    "possible_totals",
    "printed_box",
    "printed_share",
    "same_events_check",
    "sd_check",
    "significance_check",
    "smallest_p",
    "sum_check",
    "survival_check",
    "together",
    "wald_p_check",
    "which_comparison",
]
