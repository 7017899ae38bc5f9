"""Figures for the reader: stored in the page, the same bytes each time, with words beside them."""

import base64
import html
import io
import re

import numpy as np
from matplotlib import pyplot as plt
from matplotlib import rc_context
from matplotlib.figure import FigureBase

from vlms.presentation.shown import Shown, check_label, check_text

# One salt for every figure: matplotlib's default is random, and so would be each file's bytes.
_SAVING = {"svg.hashsalt": "vlms", "svg.fonttype": "path", "savefig.facecolor": "white"}
_PNG_DPI = 128

_image = {"format": "svg"}


def image_format(name=None):
    """Choose how the figures that follow are stored, or ask how they are.

    Parameters
    ----------
    name : {"svg", "png"}, optional
        SVG is sharp at any size but holds every coordinate; PNG suits a report on private patients.

    Returns
    -------
    str
        The format in force.

    Examples
    --------
    >>> image_format("png")
    'png'
    >>> image_format("svg")
    'svg'
    """
    if name is not None:
        if name not in ("svg", "png"):
            raise ValueError(f"An image format is 'svg' or 'png', not {name!r}.")
        _image["format"] = name
    return _image["format"]


def show_figure(figure, *, label, caption, alt):
    """Show a figure with its number, caption and a text that stands in for it.

    Parameters
    ----------
    figure : matplotlib Figure or Axes
        It is closed afterwards, so that a notebook does not show it twice.
    label : str
        What the prose calls it by: ``fig-`` and lower-case letters, digits or hyphens.
    caption : str
        What is to be seen, in a sentence or two.
    alt : str
        What the picture says, for a reader who cannot see it.

    Returns
    -------
    Shown
        An HTML ``figure``.

    Raises
    ------
    ValueError
        When the label has another form, or the caption or the alt text is empty.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> figure, ax = plt.subplots()
    >>> print(show_figure(ax, label="fig-km", caption="Survival.", alt="A falling curve."))
    Figure fig-km: Survival. [A falling curve.]
    """
    label = check_label(label, "fig")
    caption = check_text(caption, f"The caption of {label}")
    alt = check_text(alt, f"The alt text of {label}")
    source, width = _image_source(_figure_of(figure))
    markup = (
        f'<figure id="{label}" class="vlms-figure">'
        f'<img alt="{html.escape(alt)}" src="{source}" width="{width}"'
        ' style="max-width:100%;height:auto">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
    return Shown({"text/html": markup, "text/plain": f"Figure {label}: {caption} [{alt}]"})


def _image_source(figure):
    """Save a figure and return it as a data URL, with its width in CSS pixels."""
    payload = io.BytesIO()
    kind = _image["format"]
    metadata = dict.fromkeys(
        ["Date", "Creator", "Format", "Type"] if kind == "svg" else ["Software"]
    )
    with rc_context(_SAVING):
        figure.savefig(
            payload,
            format=kind,
            metadata=metadata,
            dpi=_PNG_DPI if kind == "png" else 72,
            **({"pil_kwargs": {"optimize": True}} if kind == "png" else {}),
            bbox_inches="tight",
            pad_inches=0.05,
        )
    plt.close(figure)
    data = payload.getvalue()
    if kind == "svg":
        points = float(re.search(rb'<svg[^>]*? width="([0-9.]+)pt"', data).group(1))
        mime, width = "image/svg+xml", points / 72 * 96
        data = _slim(data)
    else:
        mime, width = "image/png", int.from_bytes(data[16:20], "big") / _PNG_DPI * 96
    return f"data:{mime};base64,{base64.b64encode(data).decode()}", round(width)


def _slim(svg):
    """Leave out what nobody sees: comments, indentation, more than a hundredth of a point."""
    svg = re.sub(rb"<!--.*?-->", b"", svg, flags=re.DOTALL)
    # Labels are most of a figure: each letter is drawn by a name and a place, both of them long.
    svg = re.sub(rb'transform="translate\(([\d.-]+) 0\)"/>', rb'x="\1"/>', svg)
    svg = svg.replace(b"DejaVuSans-", b"g")
    # A scale multiplies all within it, so that its digits count.
    svg = re.sub(rb"scale\([^)]*\)|(\d+\.\d\d)\d+", lambda m: m[1] or m[0], svg)
    return re.sub(rb"\s*\n\s*", b"\n", svg)


def _figure_of(drawn):
    if isinstance(drawn, FigureBase):
        return drawn.figure
    if isinstance(drawn, np.ndarray) and drawn.size:
        drawn = drawn.flat[0]
    figure = getattr(drawn, "figure", None)
    if not isinstance(figure, FigureBase):
        raise TypeError(f"show_figure takes a Figure or Axes of matplotlib, not {type(drawn)}.")
    return figure.figure
