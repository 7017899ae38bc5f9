"""Survival of one cohort or many: counts, curves, comparisons, small cohorts and regression.

What has no meaning is refused with a `SurvivalInputError` that names argument, rows and remedy.
"""

from vlms.survival.comparisons import LogRank, gray_test, log_rank, pairwise_log_rank
from vlms.survival.counts import (
    SurvivalInputError,
    count_rows,
    event_table,
    open_parquet,
)
from vlms.survival.curves import (
    at_landmark,
    cumulative_incidence,
    kaplan_meier,
    median_follow_up,
    restricted_mean,
    survival_at,
    survival_quantile,
)
from vlms.survival.pooling import pool_log_hazard_ratios, pool_proportions
from vlms.survival.regression import (
    cox,
    cox_from_table,
    follow_up_intervals,
    proportional_hazards_test,
)
from vlms.survival.small import (
    bootstrap_hazard_ratio,
    bootstrap_survival,
    log_hazard_ratios,
)

__all__ = [
    "LogRank", "SurvivalInputError", "at_landmark", "bootstrap_hazard_ratio",
    "bootstrap_survival", "count_rows", "cox", "cox_from_table",
    "cumulative_incidence", "event_table", "follow_up_intervals", "gray_test", "kaplan_meier",
    "log_hazard_ratios", "log_rank", "median_follow_up", "open_parquet", "pairwise_log_rank",
    "pool_log_hazard_ratios", "pool_proportions",
    "proportional_hazards_test", "restricted_mean", "survival_at", "survival_quantile",
]  # fmt: skip
