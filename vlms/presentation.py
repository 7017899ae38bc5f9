"""How a notebook shows what it found: figures, tables, sentences and the card of the index page.

Each function returns one object that Jupyter displays when it is the last expression of a cell;
`together` returns several at once. What they display is plain HTML or Markdown that reads well in
JupyterLab, and carries the labels that a report numbers and links (``@fig-km``, ``@tbl-one``).
All text that reaches the page is escaped here, so that a cell of a cohort cannot become markup.
"""

import base64
import csv
import html
import io
import re
import string

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib import rc_context
from matplotlib.figure import FigureBase

from vlms.rounding import print_number, print_p

__all__ = ["card", "image_format", "say", "show_figure", "show_table", "together"]

TABLE_MIME = "application/vnd.vlms.table+json"
CARD_MIME = "application/vnd.vlms.card+json"

# One salt for every figure: matplotlib's default is random, and so would be each file's bytes.
_SAVING = {"svg.hashsalt": "vlms", "svg.fonttype": "path", "savefig.facecolor": "white"}
_PNG_DPI = 160
_UNITS = {"months": "months", "years": "years", "cm": "cm", "mm": "mm", "gy": "Gy"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_image = {"format": "svg"}


class Shown:
    """What one call shows: a bundle of the same content under several MIME types."""

    def __init__(self, bundle):
        self.bundle = bundle

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.bundle

    def __str__(self):
        return self.bundle["text/plain"]

    __repr__ = __str__


class Several:
    """Several things that one cell shows, one below the other."""

    def __init__(self, shown):
        self.shown = shown

    def _ipython_display_(self):
        from IPython.display import display  # a notebook has it loaded; a script has no need of it

        display(*self.shown)


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
    label = _label(label, "fig")
    caption = _text(caption, f"The caption of {label}")
    alt = _text(alt, f"The alt text of {label}")
    source, width = _image_source(_figure_of(figure))
    markup = (
        f'<figure id="{label}" class="vlms-figure">'
        f'<img alt="{html.escape(alt)}" src="{source}" width="{width}"'
        ' style="max-width:100%;height:auto">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
    return Shown({"text/html": markup, "text/plain": f"Figure {label}: {caption} [{alt}]"})


def show_table(
    frame, *, label, caption, columns=None, formats=None, digits=None, missing="–", headers=None
):
    """Show a frame as a table, its numbers rounded for the reader and kept whole in a CSV.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a line; the first column becomes the row headings. A named index becomes columns.
    label : str
        What the prose calls it by: ``tbl-`` and lower-case letters, digits or hyphens.
    caption : str
        What the table holds.
    columns : list of str, optional
        Which columns to show, in this order; the CSV holds the same.
    formats : dict, optional
        Column → a format specification (``".0%"``) or a function of one value.
    digits : int or dict, optional
        Decimals of all float columns, or column → decimals. Without it each column gets as many
        as its values need for three significant digits, and a column ``p_value`` is printed as P.
    missing : str or dict
        What stands for NA, for all columns or column → text (``{"time": "not reached"}``).
    headers : dict, optional
        Column → heading. Without it ``size_cm`` is headed "size (cm)".

    Returns
    -------
    Shown
        An HTML ``figure`` with the table, and the CSV under ``application/vnd.vlms.table+json``.

    Raises
    ------
    ValueError
        When the label has another form, the caption is empty, or a named column is not there.

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": ["f", "m"], "n": [9, 3], "share": [0.75, 0.25]})
    >>> print(show_table(frame, label="tbl-sex", caption="Sex.", formats={"share": ".0%"}))
    Table tbl-sex: Sex.
    sex | n | share
    f | 9 | 75%
    m | 3 | 25%
    """
    label = _label(label, "tbl")
    caption = _text(caption, f"The caption of {label}")
    frame = _flat(frame, label, [*(columns or []), *(formats or {}), *(headers or {})], columns)
    headings = [_escape_lines((headers or {}).get(name, _heading(name))) for name in frame]
    numeric = [_is_number(frame[name]) for name in frame]
    cells = [_cells(frame[name], formats, digits, missing) for name in frame]
    rows = list(zip(*cells, strict=True))
    head = "".join(
        _cell("th", text, right, ' scope="col"')
        for text, right in zip(headings, numeric, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + _cell("th", row[0], numeric[0], ' scope="row"')
        + "".join(
            _cell("td", text, right) for text, right in zip(row[1:], numeric[1:], strict=True)
        )
        + "</tr>"
        for row in rows
    )
    markup = (
        f'<figure id="{label}" class="vlms-table"><figcaption>{html.escape(caption)}</figcaption>'
        '<div class="table-scroll" tabindex="0" role="region"'
        f' aria-label="{html.escape(caption)}" style="overflow-x:auto"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div></figure>"
    )
    plain = "\n".join([f"Table {label}: {caption}", *(" | ".join(r) for r in [headings, *rows])])
    return Shown(
        {
            "text/html": markup,
            "text/plain": plain,
            TABLE_MIME: {"label": label, "csv": _csv(frame)},
        }
    )


def say(sentence, **values):
    """Write a sentence whose numbers come from code.

    Parameters
    ----------
    sentence : str
        Markdown with fields as `str.format` has them. Beyond its format specifications there are
        ``{p:p}`` for a P value and ``{time:.0f|not reached}``, the text for NA after the bar.
        A list, Series or array is written as "2, 4 and 9", each item by the same specification.
    **values
        What stands in the fields. Text is escaped: it cannot become Markdown, HTML or math.

    Returns
    -------
    Shown
        Markdown; as text, the sentence alone.

    Raises
    ------
    ValueError
        When a field has no value, a value has no field, or a value is NA and nothing is given
        to say instead.

    Examples
    --------
    >>> print(say("Survival is {share:.0%}; the median {median:.0f|is not reached}.",
    ...           share=0.567, median=None))
    Survival is 57%; the median is not reached.
    >>> print(say("Patients {ids} died.", ids=[2, 4, 9]))
    Patients 2, 4 and 9 died.
    """
    _text(sentence, "The sentence")
    fields = {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}
    fields = {re.split(r"[.\[]", name, maxsplit=1)[0] for name in fields}
    if fields != set(values):
        lacking, idle = sorted(fields - set(values)), sorted(set(values) - fields)
        raise ValueError(
            f"Fields and values of the sentence differ: no value for {lacking},"
            f" no field for {idle}, in {sentence!r}."
        )
    return Shown(
        {
            "text/markdown": _Sentence(escape=_escape_markdown).vformat(sentence, (), values),
            "text/plain": _Sentence(escape=str).vformat(sentence, (), values),
        }
    )


def card(*, patients, figure, findings):
    """Give the index page what it shows of this report: patients, a figure, the main findings.

    Parameters
    ----------
    patients : int
        How many patients the report is about.
    figure : str
        Label of the figure that stands for the report.
    findings : list of str or of what `say` returns
        One to five sentences.

    Returns
    -------
    Shown
        The card under ``application/vnd.vlms.card+json``.

    Examples
    --------
    >>> print(card(patients=12, figure="fig-km", findings=["Four died."]))
    Card for the index page: 12 patients, fig-km, 1 finding
    """
    if isinstance(findings, str) or not 1 <= len(findings) <= 5:
        raise ValueError("A card has a list of one to five findings.")
    texts = [_text(str(finding), "A finding") for finding in findings]
    content = {"patients": int(patients), "figure": _label(figure, "fig"), "findings": texts}
    plural = "s" if len(texts) > 1 else ""
    summary = f"Card for the index page: {patients} patients, {figure}, {len(texts)} finding"
    return Shown({CARD_MIME: content, "text/plain": summary + plural})


def together(*shown):
    """Show several figures, tables or sentences from one cell.

    Parameters
    ----------
    *shown
        What `show_figure`, `show_table`, `say` returned, in reading order.

    Returns
    -------
    Several

    Examples
    --------
    >>> both = together(say("One."), say("Two."))
    >>> len(both.shown)
    2
    """
    return Several(list(shown))


class _Sentence(string.Formatter):
    """`str.format` that knows missing values, lists and P values, and escapes text."""

    def __init__(self, *, escape):
        self.escape = escape

    def format_field(self, value, format_spec):
        spec, bar, instead = format_spec.partition("|")
        if isinstance(value, (list, tuple, set, pd.Series, pd.Index, np.ndarray)):
            items = sorted(value) if isinstance(value, set) else list(value)
            return _enumerate([self.format_field(item, format_spec) for item in items])
        if isinstance(value, Shown):
            return value.bundle.get("text/markdown", str(value))
        if pd.isna(value):
            if not bar:
                raise ValueError(
                    "A value of the sentence is NA: write what to say instead after a bar,"
                    " as in {median:.0f|not reached}."
                )
            return instead
        if isinstance(value, (bool, np.bool_)) and not spec:
            return "yes" if value else "no"
        if spec == "p":
            return self.escape(print_p(value))
        if isinstance(value, str):
            return self.escape(format(value, spec))
        return format(value, spec).replace("-", "−") if _is_real(value) else format(value, spec)


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
            bbox_inches="tight",
            pad_inches=0.05,
        )
    plt.close(figure)
    data = payload.getvalue()
    if kind == "svg":
        points = float(re.search(rb'<svg[^>]*? width="([0-9.]+)pt"', data).group(1))
        mime, width = "image/svg+xml", points / 72 * 96
    else:
        mime, width = "image/png", int.from_bytes(data[16:20], "big") / _PNG_DPI * 96
    return f"data:{mime};base64,{base64.b64encode(data).decode()}", round(width)


def _figure_of(drawn):
    if isinstance(drawn, FigureBase):
        return drawn.figure
    if isinstance(drawn, np.ndarray) and drawn.size:
        drawn = drawn.flat[0]
    figure = getattr(drawn, "figure", None)
    if not isinstance(figure, FigureBase):
        raise TypeError(f"show_figure takes a Figure or Axes of matplotlib, not {type(drawn)}.")
    return figure.figure


def _flat(frame, label, named, columns):
    """Return the columns to show; an index that carries a name or text is one of them."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"{label}: a table is shown from a DataFrame, not {type(frame)}.")
    if any(frame.index.names) or frame.index.dtype == object:
        frame = frame.reset_index()
    absent = [name for name in named if name not in frame.columns]
    if absent:
        raise ValueError(f"{label}: no column {absent}; there are {list(frame.columns)}.")
    return frame[columns] if columns else frame


def _cells(column, formats, digits, missing):
    """Return the text of each cell of one column."""
    form = (formats or {}).get(column.name)
    places = digits.get(column.name) if isinstance(digits, dict) else digits
    absent = missing.get(column.name, "–") if isinstance(missing, dict) else missing
    if form is None:
        form = _default_format(column, places)
    return [_escape_lines(_print_cell(value, form, absent)) for value in column]


def _print_cell(value, form, absent):
    if not isinstance(value, (list, tuple, set, np.ndarray)) and pd.isna(value):
        return absent
    if callable(form):
        return form(value)
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return ", ".join(str(item) for item in value)
    text = format(value, form or "")
    return text.replace("-", "−") if _is_real(value) else text


def _default_format(column, places):
    if not pd.api.types.is_float_dtype(column):
        return None
    if places is None and column.name == "p_value":
        return print_p
    if places is None:
        sizes = column.dropna().astype(float).abs()
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        whole = bool((sizes % 1 == 0).all())
        places = 0 if whole else int(np.clip(2 - np.floor(np.log10(sizes.median())), 0, 4))
    return lambda value: _print_float(value, places)


def _print_float(value, places):
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return print_number(value, places).replace("-", "−")


def _heading(name):
    words = str(name).split("_")
    if len(words) > 1 and words[-1] in _UNITS:
        return f"{' '.join(words[:-1])} ({_UNITS[words[-1]]})"
    return {"p value": "P"}.get(" ".join(words), " ".join(words))


def _cell(tag, text, right, scope=""):
    side = "right" if right else "left"
    return f'<{tag}{scope} style="text-align:{side}">{html.escape(text)}</{tag}>'


def _csv(frame):
    """Return the frame as CSV in which no text begins as a spreadsheet formula does."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([_unarmed(str(name)) for name in frame])
    for row in frame.itertuples(index=False, name=None):
        writer.writerow(["" if _is_missing(value) else _unarmed(value) for value in row])
    return lines.getvalue()


def _unarmed(value):
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _label(label, kind):
    if not isinstance(label, str) or not re.fullmatch(rf"{kind}-[a-z0-9-]+", label):
        raise ValueError(
            f"A label is '{kind}-' and lower-case letters, digits or hyphens; found {label!r}."
        )
    return label


def _text(text, what):
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{what} is empty: found {text!r}; write a sentence.")
    return text.strip()


def _escape_markdown(text):
    """Write every sign that Markdown or math could take up as a character reference."""
    return re.sub(
        r"[^\w\s.,;()%]", lambda m: f"&#{ord(m[0])};" if ord(m[0]) < 128 else m[0], _one_line(text)
    ).replace("_", "&#95;")


def _escape_lines(text):
    return _one_line(str(text))


def _one_line(text):
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _enumerate(items):
    if len(items) < 2:
        return "".join(items) or "none"
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _is_number(column):
    kind = pd.api.types
    return kind.is_numeric_dtype(column) and not kind.is_bool_dtype(column)


def _is_real(value):
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))


def _is_missing(value):
    return np.ndim(value) == 0 and bool(pd.isna(value))
