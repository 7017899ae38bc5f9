"""Can these printed statistics be true together?

Every check takes numbers as a paper prints them and returns a `Finding`: a verdict that holds over
all true values that could have been printed like this, a sentence for a report, the arithmetic and
the assumptions. What a check needs and is not told leaves its verdict undetermined.
"""

from vlms.consistency.curves import (
    attainable_survival,
    curve_check,
    fitting_group_sizes,
    median_ratio_check,
    median_reading_check,
    mixture_check,
    pooled_median_check,
    survival_check,
    survival_ratio_check,
)
from vlms.consistency.facts import FactsError, read_facts
from vlms.consistency.finding import VERDICTS, Finding, printed_box, printed_share, together
from vlms.consistency.paper import check_paper, holds_together, paper_bounds, pinned
from vlms.consistency.ratios import (
    direction_check,
    events_needed,
    hazard_ratio_check,
    identical_rows,
    information_check,
    log_symmetry_check,
    narrowest_interval,
    possible_events,
    same_events_check,
    significance_check,
    smallest_p,
    wald_p_check,
    which_comparison,
)
from vlms.consistency.shares import (
    binary_sd_check,
    mean_check,
    overlap_bounds,
    overlap_check,
    percentage_check,
    possible_totals,
    sd_check,
    sum_check,
)

__all__ = [
    "VERDICTS", "FactsError", "Finding", "attainable_survival", "binary_sd_check",
    "check_paper", "curve_check", "direction_check", "events_needed", "fitting_group_sizes",
    "hazard_ratio_check", "holds_together", "identical_rows", "information_check",
    "log_symmetry_check",
    "mean_check", "median_ratio_check", "median_reading_check", "mixture_check",
    "narrowest_interval", "overlap_bounds", "overlap_check", "paper_bounds",
    "percentage_check", "pinned",
    "pooled_median_check", "possible_events", "possible_totals", "printed_box",
    "printed_share", "read_facts", "same_events_check", "sd_check", "significance_check",
    "smallest_p", "sum_check", "survival_check", "survival_ratio_check", "together",
    "wald_p_check", "which_comparison",
]  # fmt: skip
