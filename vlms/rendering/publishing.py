# shim: removed at integration
"""`vlms.pages.build` and `vlms.provenance` under their earlier name."""

from vlms.pages.build import _sha256 as sha256  # noqa: F401
from vlms.pages.build import publish  # noqa: F401
from vlms.provenance import commit, versions  # noqa: F401
