# shim: removed at integration
"""Moved to `vlms.own_cohort`."""

from vlms.own_cohort.opening import ChoiceError as StudyError

__all__ = ["StudyError"]
