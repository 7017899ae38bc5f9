# shim: removed at integration
"""`vlms.pages` and `vlms.provenance` under their earlier name."""

import hashlib

from vlms.provenance import commit, versions  # noqa: F401


def publish(files, folder):
    """As `vlms.pages.publish`, which a notebook's kernel has no need to load."""
    from vlms.pages import publish

    publish(files, folder)


def sha256(content):
    """SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
