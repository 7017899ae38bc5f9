"""Turn an executed notebook into one HTML page that opens offline.

nbconvert renders the cells through the template beside this module; what it gives is sanitised,
because outputs may hold text of a cohort; then figures and tables are numbered, references to
them resolved, formulas written as MathML, and all is set into the page with its own style and
script, the only ones that the page's Content-Security-Policy lets run.
"""

import vlms.rendering.quick_imports  # noqa: F401

# isort: split

import html
import re
from pathlib import Path

import nh3
from nbconvert.exporters.templateexporter import TemplateExporter
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from vlms.rendering.layout import TEMPLATE, count_verdicts, fill
from vlms.rendering.prose import PageError, formula, gather_footnotes, markdown_to_html

# In what nh3 writes, attribute values stand in double quotes and may hold < and >.
_TAG = re.compile(r"""(<(?:"[^"]*"|[^"<>])*>)""")
_NAME = re.compile(r"</?([a-z0-9]+)")
_LABELLED = re.compile(
    r'<figure\b[^>]*?\bid="((fig|tbl)-[a-z0-9-]+)"(?:"[^"]*"|[^">])*>.*?<figcaption>', re.DOTALL
)
_REFERENCE = re.compile(r"(?<![\w@.])@((?:fig|tbl)-[a-z0-9]+(?:-[a-z0-9]+)*)")
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|\bdoi:\s*)(10\.\d{4,9}/[^\s<>&]*[^\s<>&.,;:)])")
_HEADING = re.compile(r'<h([23]) id="([^"]+)">(.*?) ?<a [^>]*class="anchor"', re.DOTALL)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")
_RIGHT = re.compile(r'(<t[hd]\b[^<>]*?) style="text-align:\s*right;?"')
_OWN_IDS = ("main", "verdict-summary", "all-claims", "cite", "how-this-page-was-made")
_KINDS = {"fig": "Figure", "tbl": "Table"}
_NOT_PROSE = {"a", "code", "pre", "math", "script", "style"}

_MATH_TAGS = set(
    "math mi mn mo ms mtext mspace mrow mfrac msqrt mroot mstyle menclose mpadded mphantom msub"
    " msup msubsup munder mover munderover mtable mtr mtd mfenced semantics".split()
)
_MATH_ATTRIBUTES = set(
    "display mathvariant stretchy fence form separator lspace rspace largeop movablelimits accent"
    " accentunder columnalign rowspacing columnspacing displaystyle scriptlevel linethickness width"
    " height depth minsize maxsize symmetric".split()
)
_TAGS = (
    nh3.ALLOWED_TAGS | _MATH_TAGS | {"section", "figure", "figcaption", "details", "summary", "kbd"}
)
_ANYWHERE = {"id", "class", "role", "tabindex", "lang", "aria-label", "aria-hidden", "title"}
_ATTRIBUTES = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    **dict.fromkeys(_MATH_TAGS, _MATH_ATTRIBUTES),
    "*": _ANYWHERE,
    "img": {"src", "alt", "width", "height"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
    "tr": {"data-verdict", "data-section"},
    "details": {"open"},
    "ol": {"start"},
}


def make_page(notebook, *, colophon, claims=(), root=None):
    """Convert an executed notebook to a complete HTML page.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With outputs. ``metadata.vlms`` may hold title, kind, citation, doi, description.
    colophon : dict
        What the page says of its own making: commit, versions, parameters, inputs, built.
    claims : list of dict, optional
        The rows of the ledger, for the summary of verdicts at the top.
    root : path-like, optional
        The project's folder, cut off wherever a path of this machine would show.

    Returns
    -------
    str
        HTML that needs no other file and makes no request.

    Raises
    ------
    PageError
        When the text refers to a figure or table that no cell shows, or two have one label.
    """
    about = {"kind": "report", "citation": "", "doi": "", **notebook.metadata.get("vlms", {})}
    # The policy lets no style attribute act; what tables say with one becomes a class.
    body = _RIGHT.sub(r'\1 class="right"', _Exporter().body(notebook))
    if root is not None:
        body = body.replace(f"{Path(root).resolve()}/", "").replace(f"{root}/", "")
    body = number_and_link(sanitise(body))
    body = body.replace(
        '<table class="vlms-ledger">', '<table class="vlms-ledger" id="all-claims">'
    )
    lead, heading, rest = body.partition("</h1>")
    if heading:  # the verdicts stand between the title and what follows it in the same cell
        lead, rest = f"{lead}</h1>\n</div>", f'<div class="prose">{rest}'
    else:
        lead, rest = "", body
    title = about.get("title") or _first_heading(body) or "Report"
    return fill(
        "page.html.j2",
        title=title,
        about=about,
        lead=lead,
        body=rest,
        contents=_HEADING.findall(body),
        verdicts=count_verdicts(claims),
        colophon=colophon,
    )


def sanitise(body):
    """Keep the markup that a report needs; drop scripts, styles, handlers and foreign images.

    Parameters
    ----------
    body : str
        HTML.

    Returns
    -------
    str
        HTML in the one way that the sanitiser writes it.

    Examples
    --------
    >>> sanitise('<p onclick="x()">5 &lt; 6<script>alert(1)</script></p>')
    '<p>5 &lt; 6</p>'
    >>> sanitise('<img src="https://example.org/a.png" alt="a">')
    '<img alt="a">'
    """
    return nh3.clean(
        body,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_safe_attribute,
        url_schemes={"http", "https", "mailto", "data"},
    )


def number_and_link(body):
    """Number figures and tables in reading order, and turn ``@fig-…`` and DOIs into links.

    Parameters
    ----------
    body : str
        Sanitised HTML.

    Returns
    -------
    str

    Raises
    ------
    PageError
        When a reference has no target, or two figures or tables have one label.

    Examples
    --------
    >>> print(number_and_link('<p>See @fig-km.</p><figure id="fig-km">'
    ...                       '<figcaption>Survival</figcaption></figure>'))
    <p>See <a class="xref" href="#fig-km">Figure 1</a>.</p><figure id="fig-km"><figcaption><span
    class="label">Figure 1.</span> Survival</figcaption></figure>
    """
    names = {}

    def number(match):
        label, kind = match[1], match[2]
        if label in names:
            raise PageError(f"Two figures or tables have the label {label!r}; give each its own.")
        count = sum(other.startswith(kind) for other in names) + 1
        names[label] = f"{_KINDS[kind]} {count}"
        return f'{match[0]}<span class="label">{names[label]}.</span> '

    def refer(match):
        label = match[1]
        if label not in names:
            known = ", ".join(f"@{name}" for name in names) or "none"
            raise PageError(f"The text refers to @{label}, which no cell shows. Shown: {known}.")
        return f'<a class="xref" href="#{label}">{names[label]}</a>'

    def link(text):
        text = _REFERENCE.sub(refer, text)
        return _DOI.sub(r'<a href="https://doi.org/\1" rel="noopener noreferrer">doi:\1</a>', text)

    return _map_prose(_LABELLED.sub(number, body), link)


class _Exporter(TemplateExporter):
    """nbconvert's exporter with the template, the filters and the Markdown of a report."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def __init__(self):
        super().__init__(
            template_name=TEMPLATE.name,
            template_file="index.html.j2",
            extra_template_basedirs=[str(TEMPLATE.parent)],
        )
        self.display_data_priority = [
            "text/html",
            "text/markdown",
            "image/svg+xml",
            "image/png",
            "image/jpeg",
            "text/latex",
            "text/plain",
        ]
        self._slugs = set(_OWN_IDS)

    def body(self, notebook):
        """Return the HTML of all cells."""
        notebook = gather_footnotes(notebook)
        return self.from_notebook_node(notebook)[0]

    def default_filters(self):
        yield from super().default_filters()
        lexer, formatter = PythonLexer(), HtmlFormatter()
        yield "highlight_code", lambda source: highlight(source, lexer, formatter)
        yield "markdown2html", self._markdown
        yield "without_addresses", lambda text: _ADDRESS.sub("", text)
        yield "math2html", lambda text: formula(text.strip().strip("$"), "block")

    def _markdown(self, source):
        return markdown_to_html(source, self._slugs)


def _map_prose(body, change):
    """Apply `change` to the text of a body that stands outside tags, links, code and formulas."""
    parts, closed = _TAG.split(body), 0
    for position, part in enumerate(parts):
        if position % 2:
            name = _NAME.match(part)
            if name and name[1] in _NOT_PROSE:
                closed += -1 if part.startswith("</") else 1
        elif not closed and ("@" in part or "10." in part):
            parts[position] = change(part)
    return "".join(parts)


def _safe_attribute(tag, name, value):
    """Data URLs only for images, and only images for data URLs."""
    if name == "src":
        return value if value.startswith("data:image/") else None
    if name == "href" and value.strip().lower().startswith("data:"):
        return None
    return value


def _first_heading(body):
    match = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
    return html.unescape(re.sub("<[^>]+>", "", match[1])).strip() if match else None
