"""The figures, in one place to import them from; each takes results and returns its Axes.

The drawing itself stands in `curves`, `patients`, `estimates`, `multiverse`, `counts` and `claims`,
their common look in `drawing`.
"""

from vlms.figures.claims import plot_attainable, plot_claim_against, plot_printed_survival
from vlms.figures.counts import plot_parts
from vlms.figures.curves import plot_cumulative_incidence, plot_death_by_death, plot_survival
from vlms.figures.drawing import use_theme
from vlms.figures.estimates import plot_forest, plot_intervals
from vlms.figures.multiverse import plot_multiverse
from vlms.figures.patients import plot_swimmer

__all__ = [
    "plot_attainable",
    "plot_claim_against",
    "plot_cumulative_incidence",
    "plot_death_by_death",
    "plot_forest",
    "plot_intervals",
    "plot_multiverse",
    "plot_parts",
    "plot_printed_survival",
    "plot_survival",
    "plot_swimmer",
    "use_theme",
]
