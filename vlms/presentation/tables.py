# shim: removed at integration
"""Tables for the reader; they are in vlms.showing."""

from vlms.showing import TABLE_MIME, show_table

__all__ = ["TABLE_MIME", "show_table"]
