# shim: removed at integration
"""What the module of this name will offer to regression, from where it stands today."""

from difflib import get_close_matches

from vlms.survival.arguments import SurvivalInputError, check_number, checked_times, refuse_rows
from vlms.survival.event_table import event_table
from vlms.survival.observations import observations

__all__ = [
    "SurvivalInputError",
    "check_number",
    "checked_times",
    "event_table",
    "observations",
    "refuse_rows",
    "require_column",
]


def require_column(frame, name, role):
    """Refuse a column that the frame does not have, with the nearest name it does have."""
    if found := list(frame.columns).count(name):
        if found > 1:
            raise SurvivalInputError(f"{role}: {found} columns are named {name!r}. Rename them.")
        return
    near = get_close_matches(str(name), [str(column) for column in frame.columns], 1, 0.5)
    meant = f"; did you mean {near[0]!r}?" if near else "."
    raise SurvivalInputError(
        f"{role}: there is no column {name!r}{meant} "
        f"The columns are {', '.join(str(column) for column in frame.columns)}."
    )
