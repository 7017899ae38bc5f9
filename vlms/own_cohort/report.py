# shim: removed at integration
"""Moved to `vlms.cohort_report`."""

from vlms.cohort_report import Order, ReportError, report

__all__ = ["Order", "ReportError", "report"]
