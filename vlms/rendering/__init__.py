# shim: removed at integration
"""`vlms.pages` under its earlier name."""
