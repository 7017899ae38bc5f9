"""For all tests and examples: figures of one are not open in the next."""

import os
import sys
import tempfile

import pytest

from vlms.provenance import sealed_environment

# Runs in an environment of its own, where the validator of crates is.
collect_ignore = ["tests/validate_crate.py"]

# Keys of releases that tests record are none of the user's.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="vlms-tests-")


# A command that runs within a test must not start this process again under a sealed environment.
os.environ.update(sealed_environment())


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test has drawn, and draw as at the start."""
    yield
    if "vlms.showing" in sys.modules:
        sys.modules["vlms.showing"].image_format("svg")
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
