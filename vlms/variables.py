# shim: removed at integration
"""Now in `vlms.cohort`."""

from vlms.cohort.variables import (  # noqa: F401
    EVERYONE,
    holds_numbers,
    level_name,
    levels_of,
    need_columns,
    readable,
    split_groups,
)
