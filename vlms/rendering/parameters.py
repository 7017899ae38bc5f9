# shim: removed at integration
"""`vlms.pages` under its earlier name."""

from vlms.pages import RenderError, read_notebook  # noqa: F401
