# shim: removed at integration
"""What a cohort is made of; it is in vlms.describing."""

from vlms.describing import (
    difference_of_shares,
    exact_power,
    share_interval,
    spread_groups,
    table_one,
)

__all__ = [
    "difference_of_shares",
    "exact_power",
    "share_interval",
    "spread_groups",
    "table_one",
]
