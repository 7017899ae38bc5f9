"""What may leave a private cohort: rules for counts, curves and releases.

`rules` suppresses and rounds counts, `curves` draws survival in coarse steps, `releases` keeps a
ledger of what was released, so that two reports cannot be subtracted from each other. The rules
lower a risk; they do not make it nothing.
"""

from vlms.disclosure.curves import (
    GRID_MONTHS,
    at_risk_texts,
    band,
    band_limits,
    between_steps,
    lengthen,
    safe_incidence,
    safe_survival,
    shared_steps,
    withheld_at,
)
from vlms.disclosure.releases import ReleaseError, Releases
from vlms.disclosure.rules import (
    OTHER,
    RULES,
    WITHHELD,
    Disclosure,
    DisclosureError,
    round_count,
    safe_numbers,
    shown_levels,
    suppress,
)

__all__ = [
    "GRID_MONTHS",
    "OTHER",
    "RULES",
    "WITHHELD",
    "Disclosure",
    "DisclosureError",
    "ReleaseError",
    "Releases",
    "at_risk_texts",
    "band",
    "band_limits",
    "between_steps",
    "lengthen",
    "round_count",
    "safe_incidence",
    "safe_numbers",
    "safe_survival",
    "shared_steps",
    "shown_levels",
    "suppress",
    "withheld_at",
]
