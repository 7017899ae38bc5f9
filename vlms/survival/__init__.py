"""Every public statistical name of the package, in one place.

This module holds no code. It gathers the estimators and tests that the modules from `event_table`
to `registry` define, so that notebooks and later modules have one place to import from:
``from vlms.survival import kaplan_meier, cox``.
"""

# Counts, curves and tests on time and event
from vlms.survival.arguments import SurvivalInputError
from vlms.survival.competing_risks import (
    cause_specific,
    cumulative_incidence,
    naive_one_minus_kaplan_meier,
)
from vlms.survival.curves import (
    cumulative_hazard,
    kaplan_meier,
    kaplan_meier_from_table,
    numbers_at_risk,
    survival_at,
)
from vlms.survival.event_table import event_table
from vlms.survival.gray import gray_test
from vlms.survival.log_rank import LogRank, log_rank, log_rank_from_table, pairwise_log_rank
from vlms.survival.pooling import pool_log_hazard_ratios, pool_proportions

# Regression on time and event
from vlms.survival.quantiles import median_follow_up, survival_quantile
from vlms.survival.registry import event_table_from_dask, event_table_from_parquet
from vlms.survival.regression import (
    check_intervals,
    cox,
    cox_from_table,
    follow_up_intervals,
    proportional_hazards_test,
)
from vlms.survival.resampling import (
    bootstrap_hazard_ratio,
    bootstrap_survival,
    log_hazard_ratio_draws,
    log_hazard_ratios,
    survival_draws,
)
from vlms.survival.restricted_means import restricted_mean, restricted_mean_difference
from vlms.survival.time_dependent import at_landmark

__all__ = [
    "LogRank",
    "SurvivalInputError",
    "at_landmark",
    "bootstrap_hazard_ratio",
    "bootstrap_survival",
    "cause_specific",
    "check_intervals",
    "cox",
    "cox_from_table",
    "cumulative_hazard",
    "cumulative_incidence",
    "event_table",
    "event_table_from_dask",
    "event_table_from_parquet",
    "follow_up_intervals",
    "gray_test",
    "kaplan_meier",
    "kaplan_meier_from_table",
    "log_hazard_ratio_draws",
    "log_hazard_ratios",
    "log_rank",
    "log_rank_from_table",
    "median_follow_up",
    "naive_one_minus_kaplan_meier",
    "numbers_at_risk",
    "pairwise_log_rank",
    "pool_log_hazard_ratios",
    "pool_proportions",
    "proportional_hazards_test",
    "restricted_mean",
    "restricted_mean_difference",
    "survival_at",
    "survival_draws",
    "survival_quantile",
]
