# shim: removed at integration
"""The verdicts under their old name."""

from vlms.printed import VERDICTS, verdict_badge  # noqa: F401
