# shim: removed at integration
"""What a notebook shows; it is in vlms.showing."""

from vlms.showing import card, image_format, say, show_figure, show_table, together

__all__ = ["card", "image_format", "say", "show_figure", "show_table", "together"]
