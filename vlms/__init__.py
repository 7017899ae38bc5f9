"""Vascular leiomyosarcoma: two cohort papers re-derived, and tools for a cohort of your own."""
