# shim: removed at integration
"""Old path of the checks of arguments."""

from vlms.survival.counts import (  # noqa: F401
    SurvivalInputError,
    check_number,
    checked_event,
    checked_times,
    describe,
    group_codes,
    one_dimensional,
    refuse_rows,
    sorted_positions,
)
