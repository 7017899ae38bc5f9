"""Validate a crate with roc-validator, without a network: ``validate_crate.py FOLDER CONTEXT``.

Runs in an environment of its own (rocrate-validator.lock). The validator looks the JSON-LD context
up on the network; here it gets CONTEXT, the copy that the rocrate library ships. Terms that this
copy knows and the context of RO-Crate 1.1 does not are defined in the crate itself.
"""

import sys
from pathlib import Path

from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.utils.http import HttpRequester

folder, context = sys.argv[1:]


class Answer:
    """The context, as a response."""

    status_code, ok, headers = 200, True, {"Content-Type": "application/ld+json"}
    # The copy is of RO-Crate 1.3, which moved these terms; the profile follows 1.1.
    text = Path(context).read_text("utf-8").replace("bioschemas.org/terms/", "bioschemas.org/")
    content = text.encode()

    def json(self):
        import json

        return json.loads(self.text)

    def raise_for_status(self):
        pass


def get(self, url, *args, **kwargs):
    if not url.startswith("https://w3id.org/ro/crate/"):
        raise OSError(f"the validator asks for {url}, which is not here")
    return Answer()


HttpRequester.get = HttpRequester.head = HttpRequester.fetch_fresh = get
settings = ValidationSettings(
    rocrate_uri=folder,
    profile_identifier="provenance-run-crate-0.5",
    requirement_severity=Severity.REQUIRED,
    abort_on_first=False,
)
result = services.validate(settings)
for issue in result.get_issues():
    print(f"{issue.check.identifier}: {issue.message} ({issue.violatingEntity})")
print(f"{len(result.get_issues())} problems, {len(result.executed_checks)} checks")
sys.exit(bool(result.get_issues()))
