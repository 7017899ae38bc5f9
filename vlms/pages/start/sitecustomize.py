"""Python runs this at its start, in the place of one that a user may have."""
