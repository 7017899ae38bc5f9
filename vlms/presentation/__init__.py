"""How a notebook shows what it found, in one place to import it from.

Each function returns one object that Jupyter displays when it is the last expression of a cell;
`together` returns several at once. What they display is plain HTML or Markdown that reads well in
JupyterLab, and carries the labels that a report numbers and links (``@fig-km``, ``@tbl-one``).
All text that reaches the page is escaped, so that a cell of a cohort cannot become markup.
"""

from vlms.presentation.pictures import image_format, show_figure
from vlms.presentation.sentences import say
from vlms.presentation.shown import card, together
from vlms.presentation.tables import show_table

__all__ = ["card", "image_format", "say", "show_figure", "show_table", "together"]
