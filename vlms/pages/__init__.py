"""From a notebook to a published page: `kernel` runs it, `page` writes HTML, `build` publishes."""
# ruff: noqa: E402, F401

import importlib
import sys

# jsonschema, with which nbformat checks notebooks, imports this where JupyterLab's extras installed
# it, for a format that no notebook uses, and compiles a grammar for most of a second.
sys.modules.setdefault("rfc3987_syntax", None)  # None makes the import fail, which is expected

from vlms.pages.build import (
    BuildError,
    PublishingError,
    build,
    publish,
    render,
    status,
    write_index,
)
from vlms.pages.compare import CompareError, compare_folders, compare_with
from vlms.pages.kernel import RenderError, execute, read_notebook

# Imported when asked for, by one command each, so that no report depends on them.
_LATER = dict.fromkeys(("METADATA", "CrateError", "write_crate"), "crate")
_LATER |= dict.fromkeys(("CertificateError", "certify"), "certificate")


def __getattr__(name):
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
