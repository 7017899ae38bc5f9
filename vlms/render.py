# shim: removed at integration
"""`vlms.pages.render` under its earlier name."""

from vlms.pages import render  # noqa: F401
