"""Turn an executed notebook into one HTML page that opens offline.

nbconvert renders the cells through the template beside this module; what it gives is sanitised,
because outputs may hold text of a cohort; then figures and tables are numbered, references to
them resolved, formulas written as MathML, and all is set into the page with its own style and
script, the only ones that the page's Content-Security-Policy lets run.
"""

import html
import re
from pathlib import Path

import nh3
from latex2mathml.converter import convert as mathml
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell

import vlms.quick_imports  # noqa: F401  # isort: split
from vlms.layout import TEMPLATE, count_verdicts, fill

# In what nh3 writes, attribute values stand in double quotes and may hold < and >.
_TAG = re.compile(r"""(<(?:"[^"]*"|[^"<>])*>)""")
_NAME = re.compile(r"</?([a-z0-9]+)")
_LABELLED = re.compile(
    r'<figure\b[^>]*?\bid="((fig|tbl)-[a-z0-9-]+)"(?:"[^"]*"|[^">])*>.*?<figcaption>', re.DOTALL
)
_REFERENCE = re.compile(r"(?<![\w@.])@((?:fig|tbl)-[a-z0-9]+(?:-[a-z0-9]+)*)")
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|\bdoi:\s*)(10\.\d{4,9}/[^\s<>&]*[^\s<>&.,;:)])")
_HEADING = re.compile(r'<h([23]) id="([^"]+)">(.*?) ?<a [^>]*class="anchor"', re.DOTALL)
_FOOTNOTE = re.compile(r"^\[\^([\w-]+)\]:[ \t]*(.+(?:\n(?:[ ]{2,}|\t).+)*)\n?", re.MULTILINE)
_FOOTNOTE_MARK = re.compile(r"\[\^([\w-]+)\](?!:)")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")
_RIGHT = re.compile(r'(<t[hd]\b[^<>]*?) style="text-align:\s*right;?"')
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


class PageError(ValueError):
    """A notebook whose text refers to something that it does not show."""


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
    body = body.replace('<table class="vlms-ledger">', '<table class="vlms-ledger" id="ledger">')
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
        self._slugs = set()

    def body(self, notebook):
        """Return the HTML of all cells."""
        notebook = _with_footnotes(notebook)
        return self.from_notebook_node(notebook)[0]

    def default_filters(self):
        yield from super().default_filters()
        yield "highlight_code", Highlight2HTML(pygments_lexer="ipython3")
        yield "markdown2html", self._markdown
        yield "without_addresses", lambda text: _ADDRESS.sub("", text)
        yield "math2html", lambda text: _formula(text.strip().strip("$"), "block")

    def _markdown(self, source):
        return MarkdownWithMath(renderer=_Renderer(self._slugs)).render(source)


class _Renderer(IPythonRenderer):
    """Markdown whose headings have ids that stay, and whose formulas are MathML."""

    def __init__(self, slugs):
        super().__init__(escape=False, allow_harmful_protocols=False)
        self._slugs = slugs

    def heading(self, text, level, **attributes):
        slug = stem = _slug(text)
        number = 1
        while slug in self._slugs:
            number += 1
            slug = f"{stem}-{number}"
        self._slugs.add(slug)
        if level == 1:
            return f'<h1 id="{slug}">{text}</h1>\n'
        name = html.escape(re.sub("<[^>]+>", "", text))
        anchor = f'<a class="anchor" href="#{slug}" aria-label="Link to section {name}">#</a>'
        return f'<h{level} id="{slug}">{text} {anchor}</h{level}>\n'

    def block_math(self, body):
        return _formula(body, "block")

    def latex_environment(self, name, body):
        return _formula(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def inline_math(self, body):
        return _formula(body, "inline")


def _formula(source, display):
    markup = mathml(source, display=display)
    if display == "inline":
        return markup
    label = html.escape(source.strip())
    return f'<div class="math-block" tabindex="0" role="group" aria-label="{label}">{markup}</div>'


def _with_footnotes(notebook):
    """Number the footnotes of all cells through, and gather their texts at the end."""
    texts, order = {}, []

    def collect(match):
        texts[match[1]] = " ".join(match[2].split())
        return ""

    def mark(match):
        key = match[1]
        if key not in texts:
            raise PageError(f"The text refers to footnote [^{key}], which no cell holds.")
        back = "" if key in order else f' id="fnref-{key}"'
        if key not in order:
            order.append(key)
        n = order.index(key) + 1
        return f'<sup{back}><a href="#fn-{key}" aria-label="Footnote {n}">{n}</a></sup>'

    cells = [cell.copy() for cell in notebook.cells]
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    for cell in prose:
        cell.source = _FOOTNOTE.sub(collect, cell.source)
    for cell in prose:
        cell.source = _FOOTNOTE_MARK.sub(mark, cell.source)
    if order:
        items = "".join(
            f'\n<li id="fn-{key}">\n\n{texts[key]} <a href="#fnref-{key}" '
            f'aria-label="Back to the text of footnote {order.index(key) + 1}">↩</a>\n\n</li>\n'
            for key in order
        )
        source = f'## Notes\n\n<ol class="footnotes">\n{items}\n</ol>'
        cells.append(new_markdown_cell(source, id="notes"))
    copy = notebook.copy()
    copy.cells = cells
    return copy


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


def _slug(text):
    plain = html.unescape(re.sub("<[^>]+>", "", text)).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "section"
