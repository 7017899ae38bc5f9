# shim: removed at integration
"""What one call shows; it is in vlms.showing."""

from vlms.showing import Several, Shown, one_line
from vlms.showing import _is_real as is_real

__all__ = ["Several", "Shown", "is_real", "one_line"]
