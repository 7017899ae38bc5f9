# shim: removed at integration
"""Now in `vlms.cohort`."""

from vlms.cohort.tables import plain_name, read_table  # noqa: F401
