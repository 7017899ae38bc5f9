# shim: removed at integration
"""Now in `vlms.cohort`."""

from vlms.cohort.check import Check as Intake  # noqa: F401
from vlms.cohort.check import check_cohort  # noqa: F401
from vlms.cohort.codebook import draft_codebook, write_codebook, write_template  # noqa: F401
