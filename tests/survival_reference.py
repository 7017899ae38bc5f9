"""Reads the reference values of R that stand under tests/reference (see its README)."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

REFERENCE = Path(__file__).parent / "reference"


@cache
def read(name):
    """One table of reference values; empty cells are R's NA."""
    text = {"group": str, "stratum": str, "group_a": str, "group_b": str}
    return pd.read_csv(REFERENCE / f"{name}.csv", dtype=text, keep_default_na=False, na_values=[""])


def data_set(name):
    """One data set; `entry` is None where nobody enters late."""
    frame = read("survival_data").query("dataset == @name").reset_index(drop=True)
    return frame, (None if frame["entry"].isna().all() else frame["entry"])


def values_of(name, dataset, **where):
    """The reference rows of one data set that have the given values."""
    frame = read(name)
    keep = frame["dataset"] == dataset
    for column, value in where.items():
        keep &= frame[column] == value
    return frame[keep].reset_index(drop=True)


def data_sets(*, entry=None, groups=1):
    """Names of the data sets, with or without late entry, of so many groups at least."""
    found = []
    for name, frame in read("survival_data").groupby("dataset", sort=False):
        late = not frame["entry"].isna().all()
        if (entry is None or late == entry) and frame["group"].nunique() >= groups:
            found.append(name)
    return found


def agree(ours, theirs, *, rtol=1e-9):
    """Same values, missing ones at the same places."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)
