# shim: removed at integration
"""Now in `vlms.cohort`."""

from vlms.cohort.coherence import incoherences  # noqa: F401
