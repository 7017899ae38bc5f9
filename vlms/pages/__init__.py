"""From a notebook to a published page: `kernel` runs it, `page` writes HTML, `build` publishes.

jsonschema, with which nbformat checks notebooks, imports ``rfc3987_syntax`` where JupyterLab's
extras installed it, for a format that no notebook uses; it compiles a grammar for most of a second.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # None makes the import fail, which is expected
