# shim: removed at integration
"""`vlms.pages.build.render` under its earlier name."""

from vlms.pages.build import render  # noqa: F401
