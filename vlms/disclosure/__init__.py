"""From a private cohort to frames that may be shown, and a ledger of what was.

`frames` makes counts, tables and curves safe before anything is drawn or printed; `releases` keeps
two reports from being subtracted from each other. Rules lower a risk; they do not make it nothing.
"""

from vlms.disclosure.frames import (
    GRID_MONTHS,
    OTHER,
    RULES,
    WITHHELD,
    Disclosure,
    DisclosureError,
    Withheld,
    between_steps,
    estimate_at,
    incidence_curves,
    round_count,
    safe_table_one,
    suppress,
    survival_curves,
)
from vlms.disclosure.releases import ReleaseError, Releases

__all__ = [
    "GRID_MONTHS",
    "OTHER",
    "RULES",
    "WITHHELD",
    "Disclosure",
    "DisclosureError",
    "ReleaseError",
    "Releases",
    "Withheld",
    "between_steps",
    "estimate_at",
    "incidence_curves",
    "round_count",
    "safe_table_one",
    "suppress",
    "survival_curves",
]
