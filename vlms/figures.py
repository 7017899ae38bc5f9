"""The figures, in one place to import them from; each takes results and returns its Axes.

The drawing itself stands in `curve_figures`, `patient_figures`, `estimate_figures` and
`claim_figures`, their common look in `drawing`.
"""

from vlms.curve_figures import plot_survival
from vlms.drawing import use_theme
from vlms.estimate_figures import plot_forest, plot_intervals, plot_multiverse

__all__ = ["plot_forest", "plot_intervals", "plot_multiverse", "plot_survival", "use_theme"]
