"""For all tests and examples: figures of one are not open in the next."""

import sys

import pytest


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test has drawn."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
