# shim: removed at integration
"""`vlms.pages.kernel` under its earlier name."""

from vlms.pages.kernel import RenderError, read_notebook  # noqa: F401
