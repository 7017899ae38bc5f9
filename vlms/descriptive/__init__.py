"""What a cohort is made of, in one place to import it from.

Counts, shares, means and medians stand in `summaries`, Table 1 in `table_one`, tests and power of
small tables in `exact_tests`.
"""

from vlms.descriptive.exact_tests import cross_table, detectable_share, exact_power, fisher_test
from vlms.descriptive.summaries import (
    count_levels,
    difference_of_shares,
    events_per_variable,
    share_interval,
    summarise,
)
from vlms.descriptive.table_one import spread_groups, table_one

__all__ = [
    "count_levels",
    "cross_table",
    "detectable_share",
    "difference_of_shares",
    "events_per_variable",
    "exact_power",
    "fisher_test",
    "share_interval",
    "spread_groups",
    "summarise",
    "table_one",
]
