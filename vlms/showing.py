"""What a notebook shows: figures, tables and sentences whose words and numbers belong together.

Importing this module in a notebook teaches Jupyter three things. A matplotlib figure or axes (or
a seaborn grid) at the end of a cell is shown once, as SVG that is the same, byte for byte, on each
run; a DataFrame is shown rounded for the reader, with the whole numbers as CSV beside it; and the
comments at the head of a cell ::

    #| label: fig-survival
    #| caption: Overall survival of {n} patients with its {confidence:.0%}
    #|   interval.
    #| alt: A step curve with {deaths} falls.

are filled from the notebook's variables once the cell has run, and published under `CAPTION_MIME`
for the page, and as Markdown for a reader in JupyterLab. Fields are written as in `say`.

All text that comes from data is escaped: a cell of a cohort cannot become markup.
"""

import base64
import contextlib
import csv
import html
import io
import re
import string
import sys
from itertools import groupby
from operator import itemgetter

import numpy as np
import pandas as pd

from vlms.cohort import readable
from vlms.printed import print_number, print_p

TABLE_MIME = "application/vnd.vlms.table+json"
CARD_MIME = "application/vnd.vlms.card+json"
CAPTION_MIME = "application/vnd.vlms.caption+json"

# One salt for every figure: matplotlib's default is random, and so would be each file's bytes.
_SAVING = {"svg.hashsalt": "vlms", "svg.fonttype": "path", "savefig.facecolor": "white"}
_PNG_DPI, _QUICK = 128, {"compress_level": 1}
_MORE_FONTS = (
    "Noto Sans CJK JP|Noto Sans CJK SC|Noto Sans JP|Noto Sans SC|WenQuanYi Micro Hei"
    "|WenQuanYi Zen Hei|Droid Sans Fallback|Hiragino Sans|PingFang SC|Apple SD Gothic Neo|Yu Gothic"
    "|Microsoft YaHei|Malgun Gothic|Noto Emoji|Segoe UI Emoji|Apple Symbols|Symbola|Unifont"
).split("|")
_image = {"format": "svg"}

# A DataFrame with more rows than this, at the end of a cell, is shown cut short as pandas does.
_MOST_ROWS = 200

# What a spreadsheet would run as a formula.
_FORMULA = ("=", "+", "-", "@")


class Shown:
    """What one call shows: the same content under several MIME types, always ``text/plain``.

    Attributes
    ----------
    bundle : dict of str to object
    """

    def __init__(self, bundle):
        self.bundle = bundle

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.bundle

    def __str__(self):
        return self.bundle["text/plain"]

    __repr__ = __str__


class Several:
    """Several things that one cell shows, one below the other.

    Attributes
    ----------
    shown : list of Shown
    """

    def __init__(self, shown):
        self.shown = shown

    def _ipython_display_(self):
        from IPython.display import display  # a notebook has it loaded; a script has no need of it

        display(*self.shown)


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
    _check_text(sentence, "The sentence")
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
            "text/markdown": _Sentence(markdown=True).vformat(sentence, (), values),
            "text/plain": _Sentence(markdown=False).vformat(sentence, (), values),
        }
    )


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
    label = _check_label(label, "fig")
    caption = _check_text(caption, f"The caption of {label}")
    alt = _check_text(alt, f"The alt text of {label}")
    mime, data, width = _image_of(figure)
    source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    markup = (
        f'<figure id="{label}" class="vlms-figure"><img alt="{html.escape(alt)}" src="{source}"'
        f' width="{width}" style="max-width:100%;height:auto">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
    return Shown({"text/html": markup, "text/plain": f"Figure {label}: {caption} [{alt}]"})


def show_table(
    frame,
    *,
    label=None,
    caption=None,
    columns=None,
    formats=None,
    digits=None,
    missing="–",
    headers=None,
    grouped=False,
):
    """Show a frame as a table, its numbers rounded for the reader and kept whole in a CSV.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a line; the first column becomes the row headings. A named index becomes columns.
    label, caption : str, optional
        What the prose calls it by (``tbl-`` and lower-case letters, digits or hyphens), and what
        it holds. Leave both out where comments at the head of the cell say them.
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
    grouped : bool
        Write a heading that repeats in the first column once, beside all its rows, as in Table 1.

    Returns
    -------
    Shown
        An HTML table, within a ``figure`` where it has a label, and the CSV under `TABLE_MIME`.

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
    what = "This table"
    if label is not None or caption is not None:
        what = label = _check_label(label, "tbl")
        caption = _check_text(caption, f"The caption of {label}")
    by_column = [option for option in (formats, headers, digits, missing) if _is_map(option)]
    frame = _flat(frame, what, columns, [name for option in by_column for name in option])
    headings = [one_line((headers or {}).get(name, _heading(name))) for name in frame]
    numeric = [_is_number(frame[name]) for name in frame]
    cells = [_cells(frame[name], formats, digits, missing) for name in frame]
    rows = list(zip(*cells, strict=True))
    head = "".join(
        _cell("th", text, right, ' scope="col"')
        for text, right in zip(headings, numeric, strict=True)
    )
    body = "\n".join(_lines(rows, numeric, grouped))
    markup = (
        '<div class="table-scroll" tabindex="0" role="region"'
        f' aria-label="{html.escape(caption or "Table")}" style="overflow-x:auto"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
    lines = [" | ".join(row) for row in [headings, *rows]]
    if label:
        text = html.escape(caption)
        markup = (
            f'<figure id="{label}" class="vlms-table"><figcaption>{text}</figcaption>'
            f"{markup}</figure>"
        )
        lines = [f"Table {label}: {caption}", *lines]
    data = {"label": label or "", "csv": _csv(frame)}
    return Shown({"text/html": markup, "text/plain": "\n".join(lines), TABLE_MIME: data})


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
    >>> len(together(say("One."), say("Two.")).shown)
    2
    """
    return Several(list(shown))


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
        The card under `CARD_MIME`.

    Examples
    --------
    >>> print(card(patients=12, figure="fig-km", findings=["Four died."]))
    Card for the index page: 12 patients, fig-km, 1 finding
    """
    if isinstance(findings, str) or not 1 <= len(findings) <= 5:
        raise ValueError("A card has a list of one to five findings.")
    texts = [_check_text(str(finding), "A finding") for finding in findings]
    content = {"patients": int(patients), "figure": _check_label(figure, "fig"), "findings": texts}
    plural = "s" if len(texts) > 1 else ""
    summary = f"Card for the index page: {patients} patients, {figure}, {len(texts)} finding"
    return Shown({CARD_MIME: content, "text/plain": summary + plural})


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


def connect(shell=None):
    """Teach an IPython shell to show figures, frames and captions; harmless when done again.

    Importing this module in a notebook does it. A program that imports it first and starts a
    kernel afterwards, as the page builder does, calls it with the kernel's shell.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell, optional
        Default: the one that runs this code; outside IPython nothing happens.
    """
    shell = shell or _current_shell()
    if shell is None:
        return
    for old in list(shell.events.callbacks["post_run_cell"]):
        if (old.__module__, old.__name__) == (__name__, _publish_caption.__name__):
            shell.events.unregister("post_run_cell", old)  # of this module before a reload
    shell.events.register("post_run_cell", _publish_caption)
    # By name, so that matplotlib, seaborn and pandas are left to those who use them. The first is
    # asked before all others, also for the figures that the inline backend finds still open.
    drawn = shell.display_formatter.ipython_display_formatter
    drawn.for_type_by_name("matplotlib.figure", "Figure", _display_image)
    drawn.for_type_by_name("matplotlib.axes._axes", "Axes", _display_image)
    drawn.for_type_by_name("seaborn.axisgrid", "_BaseGrid", _display_image)
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type_by_name("pandas.core.frame", "DataFrame", _frame_bundle)


def one_line(text):
    """Return text without line breaks or signs that do not print, as one line.

    Examples
    --------
    >>> one_line("thigh,\\n left")
    'thigh, left'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


# --- Captions -------------------------------------------------------------------------------------


def _current_shell():
    """The shell that runs this code, or None outside IPython."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def _publish_caption(result):
    """Publish the caption of the cell that has just run; called by IPython after every cell."""
    if not result.success:
        return
    content = _caption(result.info.raw_cell, _current_shell().user_ns)
    if content is None:
        return
    from IPython.display import display

    words = content.get("error") or content["caption"]
    name = content["label"] or "Caption"
    bundle = {CAPTION_MIME: content, "text/plain": f"{name}: {words}"}
    bundle["text/markdown"] = f"**{_escape_markdown(name)}** {_escape_markdown(words)}"
    display(bundle, raw=True)


def _caption(source, namespace):
    """Return label, caption and alt text of a cell, or label and error; None without comments."""
    written = {}
    try:
        for key, text in _comments(source):
            if key in written:
                raise ValueError(f"'#| {key}:' is written twice; once will do")
            written[key] = text
        if not written:
            return None
        kind = written.get("label", "")[:3]
        label = _check_label(written.get("label"), kind if kind in ("fig", "tbl") else "fig")
        for key in ("caption", "alt") if kind == "fig" else ("caption",):
            if not written.get(key, "").strip():
                raise ValueError(f"there is no '#| {key}:' at the head of the cell; write one")
        fill = _Sentence(markdown=False).vformat
        filled = {key: one_line(fill(text, (), namespace)) for key, text in written.items()}
        return {"alt": "", **filled, "label": label}
    except KeyError as error:
        reason = f"no variable or item {error} in the notebook"
    except Exception as error:  # whatever it is, it is published, and the page is refused for it
        reason = f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return {"label": one_line(written.get("label", "")), "error": one_line(reason)}


def _comments(source):
    """Yield key and text of the comments ``#| key: text`` at the head of a cell."""
    key, texts, head = None, [], True
    for line in source.strip().splitlines():
        head = head and line.startswith("#|")
        if not line.startswith("#|"):
            continue
        if not head:
            raise ValueError(f"the comment {line!r} must stand at the head of the cell")
        begins = re.match(r"#\| ?(\w+):(.*)", line)
        if begins:
            if key:
                yield key, " ".join(texts)
            key, texts = begins[1], [begins[2].strip()]
            if key not in ("label", "caption", "alt"):
                raise ValueError(f"'#| {key}:' is none of label, caption, alt")
        elif key and (line.startswith("#|  ") or not line[2:].strip()):
            texts.append(line[2:].strip())
        else:
            raise ValueError(f"{line!r} is neither '#| key: text' nor continued by '#|   '")
    if key:
        yield key, " ".join(texts)


class _Sentence(string.Formatter):
    """`str.format` that knows missing values, lists and P values, and escapes text."""

    def __init__(self, *, markdown):
        self.markdown = markdown

    def escape(self, text):
        text = re.sub(r"@(?=(?:fig|tbl)-)", "@ ", text)  # text from data refers to no figure
        return _escape_markdown(text) if self.markdown else text

    def format_field(self, value, format_spec):
        spec, bar, instead = format_spec.partition("|")
        if isinstance(value, (list, tuple, set, pd.Series, pd.Index, np.ndarray)):
            items = sorted(value) if isinstance(value, set) else list(value)
            return _enumerate([self.format_field(item, format_spec) for item in items])
        if isinstance(value, Shown):
            return value.bundle.get("text/markdown", str(value)) if self.markdown else str(value)
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
        text = format(value, spec)
        return text.replace("-", "−") if _is_real(value) else self.escape(text)


def _escape_markdown(text):
    """Write every sign that Markdown or math could take up as a character reference."""
    return re.sub(
        r"[^\w\s.,;()%]", lambda m: f"&#{ord(m[0])};" if ord(m[0]) < 128 else m[0], one_line(text)
    ).replace("_", "&#95;")


def _enumerate(items):
    if len(items) < 2:
        return "".join(items) or "none"
    return f"{', '.join(items[:-1])} and {items[-1]}"


# --- Images ---------------------------------------------------------------------------------------


def _display_image(drawn):
    """Display a figure once, as Jupyter does with what `_ipython_display_` shows."""
    from IPython.display import display

    mime, data, width = _image_of(drawn)
    text = data.decode() if mime == "image/svg+xml" else base64.b64encode(data).decode()
    display({mime: text, "text/plain": "Figure"}, metadata={mime: {"width": width}}, raw=True)


def _image_of(drawn):
    """Save a figure, close it, and return the MIME type, the bytes and the width in CSS pixels."""
    from matplotlib import pyplot as plt

    figure, kind, payload = _figure_of(drawn), _image["format"], io.BytesIO()
    made = ["Date", "Creator", "Format", "Type"] if kind == "svg" else ["Software"]
    options = {"dpi": 72} if kind == "svg" else {"dpi": _PNG_DPI, "pil_kwargs": _QUICK}
    with plt.rc_context(_SAVING), _every_letter(figure, kind):
        figure.savefig(
            payload,
            format=kind,
            metadata=dict.fromkeys(made),
            bbox_inches="tight",
            pad_inches=0.05,
            **options,
        )
    plt.close(figure)
    if kind == "png":
        return _few_colours(payload)
    data = payload.getvalue()
    points = float(re.search(rb'<svg[^>]*? width="([0-9.]+)pt"', data).group(1))
    return "image/svg+xml", _slim(data), round(points / 72 * 96)


def _few_colours(payload):
    """A picture of a figure at a third of its size: 256 colours are more than one draws with."""
    from PIL import Image

    with Image.open(payload) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(content := io.BytesIO(), format="png")
    return "image/png", content.getvalue(), round(small.width / _PNG_DPI * 96)


@contextlib.contextmanager
def _every_letter(figure, kind):
    """Have letters drawn that matplotlib's own font lacks, such as Chinese and most emoji.

    In an SVG a text with such letters stays text, which the reader's browser draws in the fonts it
    has, so that the file is the same wherever it is made. Pixels take them from a font that is
    installed here; where there is none matplotlib warns of each letter.
    """
    import matplotlib as mpl
    from matplotlib import font_manager
    from matplotlib.backends import backend_svg
    from matplotlib.text import Text

    own = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()

    def lacks(text):
        return any(ord(letter) not in own for letter in text if not letter.isspace())

    if not any(lacks(text.get_text()) for text in figure.findobj(Text)):
        yield
        return
    installed = {font.name for font in font_manager.fontManager.ttflist}
    families = ["DejaVu Sans", *(name for name in _MORE_FONTS if name in installed)]
    plain = backend_svg.RendererSVG

    class Renderer(plain):
        def draw_text(self, gc, x, y, s, *more, **options):
            with mpl.rc_context({"svg.fonttype": "none" if lacks(s) else "path"}):
                super().draw_text(gc, x, y, s, *more, **options)

        def get_text_width_height_descent(self, s, prop, ismath):
            # Such letters are as wide as the type is high, as is a long dash.
            known = (letter if ord(letter) in own else "—" for letter in s)
            return super().get_text_width_height_descent("".join(known), prop, ismath)

    backend_svg.RendererSVG = Renderer
    try:
        with mpl.rc_context({} if kind == "svg" else {"font.sans-serif": families}):
            yield
    finally:
        backend_svg.RendererSVG = plain


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
    from matplotlib.figure import FigureBase

    if isinstance(drawn, FigureBase):
        return drawn.figure
    if isinstance(drawn, np.ndarray) and drawn.size:
        drawn = drawn.flat[0]
    figure = getattr(drawn, "figure", None)
    if not isinstance(figure, FigureBase):
        raise TypeError(f"show_figure takes a Figure or Axes of matplotlib, not {type(drawn)}.")
    return figure.figure


# --- Tables ---------------------------------------------------------------------------------------


def _frame_bundle(frame):
    """The bundle of a bare DataFrame; None leaves a long one to pandas, which cuts it short."""
    return show_table(frame).bundle if len(frame) <= _MOST_ROWS else None


def _lines(rows, numeric, grouped):
    """Yield the markup of each row; of a group of rows the first bears the heading of them all."""
    groups = [list(g) for _, g in groupby(rows, itemgetter(0))] if grouped else [[r] for r in rows]
    inner = "th" if grouped else "td"
    for group in groups:
        span = f' scope="rowgroup" rowspan="{len(group)}"' if len(group) > 1 else ' scope="row"'
        heading = _cell("th", group[0][0], numeric[0], span)
        for row in group:
            tags = [inner, *["td"] * (len(row) - 2)][: len(row) - 1]
            rest = map(_cell, tags, row[1:], numeric[1:])
            yield f"<tr>{heading}{''.join(rest)}</tr>"
            heading = ""


def _flat(frame, what, columns, named):
    """Return the columns to show; an index that carries a name or no numbers is one of them."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"{what}: a table is shown from a DataFrame, not {type(frame)}.")
    nested = frame.columns.nlevels > 1
    names = [" ".join(map(str, name)).strip() if nested else name for name in frame.columns]
    frame = frame.set_axis(names, axis=1)
    repeated = [name for name in frame.index.names if name is not None and name in names]
    if repeated:
        frame = frame.reset_index(level=repeated, drop=True)
    if any(name is not None for name in frame.index.names) or not _is_number(frame.index):
        frame = frame.reset_index()
    if not frame.columns.is_unique:
        raise ValueError(f"{what}: two columns have one name; there are {list(frame.columns)}.")
    absent = [name for name in [*(columns or []), *named] if name not in frame.columns]
    if absent:
        raise ValueError(f"{what}: no column {absent}; there are {list(frame.columns)}.")
    return frame[columns] if columns else frame


def _cells(column, formats, digits, missing):
    """Return the text of each cell of one column."""
    form = (formats or {}).get(column.name)
    places = digits.get(column.name) if isinstance(digits, dict) else digits
    absent = missing.get(column.name, "–") if isinstance(missing, dict) else missing
    if form is None:
        form = _default_format(column, places)
    return [one_line(_print_cell(value, form, absent)) for value in column]


def _print_cell(value, form, absent):
    if _is_missing(value):
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
    return "P" if name == "p_value" else readable(name)


def _cell(tag, text, right, scope=""):
    scope = scope or (' scope="row"' if tag == "th" else "")
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
    """Return text on one line, which csv does not see to for a carriage return, and disarmed."""
    if not isinstance(value, str):
        return value
    line = one_line(value)
    return f"'{line}" if line.startswith(_FORMULA) else line


# --- Checks ---------------------------------------------------------------------------------------


def _check_label(label, kind):
    """Return a label, or raise ValueError where it has not the form of its kind."""
    if not isinstance(label, str) or not re.fullmatch(rf"{kind}-[a-z0-9-]+", label):
        raise ValueError(
            f"A label is '{kind}-' and lower-case letters, digits or hyphens; found {label!r}."
        )
    return label


def _check_text(text, what):
    """Return text without the blanks around it, or raise ValueError where nothing is left."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{what} is empty: found {text!r}; write a sentence.")
    return text.strip()


def _is_real(value):
    """Whether a value is a number, which True and False are not."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))


def _is_number(column):
    kind = pd.api.types
    return kind.is_numeric_dtype(column) and not kind.is_bool_dtype(column)


def _is_map(option):
    return isinstance(option, dict)


def _is_missing(value):
    return np.ndim(value) == 0 and not isinstance(value, set) and bool(pd.isna(value))


connect()
