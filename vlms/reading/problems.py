# shim: removed at integration
"""Now in `vlms.cohort`."""

from vlms.cohort.problems import CohortError, printable  # noqa: F401
from vlms.cohort.problems import Problems as Findings  # noqa: F401
