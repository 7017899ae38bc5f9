"""From a private cohort to frames that may be shown, and a ledger of what was.

`frames` makes counts, tables and curves safe before anything is drawn or printed; `releases` keeps
two reports from being subtracted from each other. Rules lower a risk; they do not make it nothing.
"""

from vlms.disclosure.attack import (
    Count,
    coded,
    find_quotes,
    read_counts,
    solve,
    to_withhold,
    true_counts,
)
from vlms.disclosure.frames import (
    GRID_MONTHS,
    MISSING,
    OTHER,
    RULES,
    WITHHELD,
    Disclosure,
    DisclosureError,
    Withheld,
    between_steps,
    declared_merges,
    estimate_at,
    incidence_curves,
    round_count,
    safe_table_one,
    suppress,
    survival_curves,
)
from vlms.disclosure.releases import FOLDER, ReleaseError, Releases, scratch

__all__ = [
    "FOLDER",
    "GRID_MONTHS",
    "MISSING",
    "OTHER",
    "RULES",
    "WITHHELD",
    "Count",
    "Disclosure",
    "DisclosureError",
    "ReleaseError",
    "Releases",
    "Withheld",
    "between_steps",
    "coded",
    "declared_merges",
    "estimate_at",
    "find_quotes",
    "incidence_curves",
    "read_counts",
    "round_count",
    "safe_table_one",
    "scratch",
    "solve",
    "suppress",
    "survival_curves",
    "to_withhold",
    "true_counts",
]
