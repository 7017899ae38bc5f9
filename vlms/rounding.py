# shim: removed at integration
"""Printed numbers under their old name."""

from vlms.printed import (  # noqa: F401
    Printed,
    agreement,
    print_interval,
    print_number,
    print_p,
    print_share,
)
