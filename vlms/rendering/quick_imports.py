"""Keep a slow import that nothing here needs from happening; imported before nbformat.

jsonschema, with which nbformat checks notebooks, imports ``rfc3987_syntax`` where JupyterLab's
extras installed it, to check a format that no notebook uses. It compiles a grammar for almost a
second, most of what importing papermill costs.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # None makes the import fail, which is expected
