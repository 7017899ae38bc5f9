# shim: removed at integration
"""From the bytes of a table to typed cells; now `vlms.cohort`."""
