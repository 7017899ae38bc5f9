# shim: removed at integration
"""Now in `vlms.cohort`."""

from vlms.cohort.columns import CANONICAL  # noqa: F401
