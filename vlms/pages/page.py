"""Turn an executed notebook into one HTML page that opens offline, and all of them into an index.

nbconvert renders the cells through the templates beside this module; what it gives is sanitised,
because outputs may hold text of a cohort; then figures and tables are numbered, references to
them resolved, formulas written as MathML, and all is set into the page with its own style and
script, the only ones that the page's Content-Security-Policy lets run.
"""

import base64
import functools
import hashlib
import html
import json
import re
from itertools import count, pairwise
from pathlib import Path

import jinja2
import nh3
from latex2mathml.converter import convert as mathml
from mistune.plugins.footnotes import footnotes
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_output, new_raw_cell
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from vlms.course import page_version
from vlms.printed import VERDICTS

TEMPLATE = Path(__file__).with_name("template")
CAPTION_MIME, CARD_MIME, FILES_MIME, LEDGER_MIME, TABLE_MIME = (
    f"application/vnd.vlms.{name}+json" for name in ("caption", "card", "files", "ledger", "table")
)

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
_ANSWER = re.compile('<div class="vlms-answer" id="answer-([a-z0-9-]+)"></div>')
_OWN_IDS = ("main", "verdict-summary", "all-claims", "cite", "how-this-page-was-made")
_KINDS = {"fig": "Figure", "tbl": "Table"}
_SECTION = re.compile(r'(?=<div class="prose">\s*<h[23] id=)')
_CODE = re.compile(r'<details class="code"><summary>.*?</summary>(.*?)</details>\n?', re.DOTALL)
_STALE = re.compile(r'<aside class="stale".*?</aside>\n', re.DOTALL)
_WIDE = re.compile(r'<img alt="([^"]*)" src="[^"]*" width="(\d+)"[^>]*>')
_WIDEST = 560  # pixels of a figure that a telephone can show whole
_EMPTY_CELL = re.compile(r'<div class="cell" id="cell-\d+">\s*</div>\n?')
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
_TAGS = nh3.ALLOWED_TAGS | _MATH_TAGS | set("section figure figcaption details summary kbd".split())
_ATTRIBUTES = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    **dict.fromkeys(_MATH_TAGS, _MATH_ATTRIBUTES),
    "*": {"id", "class", "role", "tabindex", "lang", "aria-label", "aria-hidden", "title"},
    "img": {"src", "alt", "width", "height"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
    "tr": {"data-verdict", "data-section"},
    "details": {"open"},
    "ol": {"start"},
}


class PageError(ValueError):
    """A notebook whose text and cells do not fit together; the message says which cell."""


def make_page(notebook, *, colophon, claims=()):
    """Convert an executed notebook to HTML that needs no other file and makes no request.

    Its ``metadata.vlms`` may hold title, kind, citation, doi and description; ``claims`` are rows
    of the ledger.

    Raises
    ------
    PageError
        When the text refers to a figure or table that no cell shows, two have one label, or a
        caption has nothing to stand under.
    """
    about = {"kind": "report", "citation": "", "doi": "", **notebook.metadata.get("vlms", {})}
    notebook, answers = notebook.copy(), {}
    if about["kind"] == "lesson":
        notebook, answers = page_version(notebook, about.get("lesson", ""))
    cells = [_with_caption(cell, at) for at, cell in enumerate(notebook.cells, start=1)]
    notebook.cells = list(_with_folds(_without_idle_sections(cells)))
    body = _Exporter().from_notebook_node(notebook)[0]
    # The policy lets no style attribute act; what tables say with one becomes a class.
    body = _RIGHT.sub(r'\1 class="right"', body)
    body = _number_and_link(_WIDE.sub(_in_a_region, _sanitise(body)))
    body = _ANSWER.sub(lambda place: _answer_field(place[1], answers[place[1]]), body)
    if about["kind"] == "lesson":  # whose reader follows the code cell by cell
        body = body.replace('<details class="code">', '<details class="code" open>')
    else:
        body = "".join(map(_with_one_fold, _SECTION.split(body)))
    ledger = '<table class="vlms-ledger"'
    body = body.replace(f"{ledger}>", f'{ledger} id="all-claims">')
    lead, heading, rest = body.partition("</h1>")
    if heading:  # the verdicts stand between the title and what follows it in the same cell
        lead, rest = f"{lead}</h1>\n</div>", f'<div class="prose">{rest}'
    else:
        lead, rest = "", body
    first = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
    return _fill(
        "page.html.j2",
        title=about.get("title") or (_plain(first[1]).strip() if first else "Report"),
        about=about,
        lead=lead,
        body=rest,
        contents=_HEADING.findall(body),
        verdicts=_count_verdicts(claims),
        colophon=colophon,
    )


def mark_stale(page, failure):
    """Say on top of a page when and why its last build failed; None where it is not of our making.

    ``failure`` holds ``when`` and ``why``; what an earlier one said is replaced.
    """
    start, main, rest = _STALE.sub("", page).partition('<main id="main" tabindex="-1">\n')
    said = _templates().get_template("stale.html.j2").render(failure=failure)
    return f"{start}{main}{said}\n{rest}" if main else None


def make_index(records, *, failures, built, subject, more=()):
    """Make the page that lists all reports on a subject: papers, lessons, cohorts, one ledger.

    What else there is, `more`, are pairs of a path and words.
    """
    records = sorted(records, key=lambda record: (record["order"], record["stem"]))
    records = [{**record, "counts": _count_verdicts(record["claims"])} for record in records]
    claims = [
        {**claim, "stem": record["stem"], "paper": record["title"]}
        for record in records
        for claim in record["claims"]
    ]

    def of(*kinds):
        return [record for record in records if record["kind"] in kinds]

    return _fill(
        "reports.html.j2",
        papers=of("paper", "overview", "report"),
        subject=subject[:1].upper() + subject[1:],
        series=of("series"),
        lessons=of("lesson"),
        cohorts=of("cohort"),
        claims=claims,
        totals=_count_verdicts(claims),
        totals_papers=sum(bool(record["claims"]) for record in records),
        failures=failures,
        more=more,
        titles={record["stem"]: record["title"] for record in records},
        built=built,
    )


def tables(notebook):
    """Yield label and CSV of every table that has a label, its own or that of its caption."""
    for cell in notebook.cells:
        shown = [output.get("data", {}) for output in cell.get("outputs", ())]
        caption = [data[CAPTION_MIME]["label"] for data in shown if CAPTION_MIME in data]
        for data in shown:
            if table := data.get(TABLE_MIME):
                for label in [table["label"]] if table["label"] else caption:
                    yield label, table["csv"]


# --- Captions, figures, tables --------------------------------------------------------------------


def _without_idle_sections(cells):
    """Yield the cells without sections whose code is all tagged ``optional`` and shows nothing."""
    starts = [at for at, cell in enumerate(cells) if cell.cell_type == "markdown"]
    for start, end in pairwise([0, *starts, len(cells)]):
        code = [cell for cell in cells[start:end] if cell.cell_type == "code"]
        idle = ("optional" in c.metadata.get("tags", ()) and not c.get("outputs") for c in code)
        if not code or not all(idle):
            yield from cells[start:end]


def _with_one_fold(section):
    """Gather the code of a section's cells in one fold at its end."""
    code = _CODE.findall(section)
    if not code:
        return section
    rest = _EMPTY_CELL.sub("", _CODE.sub("", section))
    cells = f"{len(code)} cells" if len(code) > 1 else "1 cell"
    return (
        f'{rest}<details class="code"><summary>Code of this section '
        f'<span class="count">({cells})</span></summary>{"".join(code)}</details>\n'
    )


def _with_folds(cells):
    """Fold what follows a heading whose cell has the tag "folded", up to the next one as high."""
    level = 0
    for cell in cells:
        heading = re.match(r"(#+) .*\n?", cell.source) if cell.cell_type == "markdown" else None
        if level and heading and len(heading[1]) <= level:
            yield new_raw_cell("</details>", metadata={"fold": True})
            level = 0
        if not (heading and "folded" in cell.metadata.get("tags", ())):
            yield cell
            continue
        level = len(heading[1])
        yield new_markdown_cell(heading[0])
        opening = '<details class="fold"><summary>Show this section</summary>'
        yield new_raw_cell(opening, metadata={"fold": True})
        if rest := cell.source[heading.end() :].strip():
            yield new_markdown_cell(rest)
    if level:
        yield new_raw_cell("</details>", metadata={"fold": True})


def _with_caption(cell, at):
    """Wrap what a cell shows where it published a caption."""
    outputs = cell.get("outputs", ())
    captions = [out.data[CAPTION_MIME] for out in outputs if CAPTION_MIME in out.get("data", {})]
    if not captions:
        return cell
    (caption,) = captions
    label = caption["label"]
    if "error" in caption:
        raise PageError(f"cell {at}, {label or 'caption'}: {caption['error']}.")
    is_figure = label.startswith("fig-")
    wraps, what = (_image, "image") if is_figure else (_table, "table")
    words = caption["alt"] if is_figure else caption["caption"]
    shown = [(out, markup) for out in outputs if (markup := wraps(out, words))]
    if len(shown) != 1:
        found = f"shows {len(shown)} {what}s" if shown else f"shows no {what}"
        raise PageError(f"cell {at}, {label}: the cell {found}; a label stands for one.")
    if is_figure and not caption["alt"].strip():
        raise PageError(f"cell {at}, {label}: no alt text; say in '#| alt:' what is to be seen.")
    ((own, markup),) = shown
    words = f"<figcaption>{html.escape(caption['caption'])}</figcaption>"
    inner = markup + words if is_figure else words + markup
    kind = "figure" if is_figure else "table"
    whole = f'<figure id="{label}" class="vlms-{kind}">{inner}</figure>'
    cell = cell.copy()
    cell.outputs = [
        new_output("display_data", {"text/html": whole}) if out is own else out
        for out in outputs
        if CAPTION_MIME not in out.get("data", {})
    ]
    return cell


def _image(output, alt):
    """The markup of an output that is an image, as wide as its metadata says; else nothing."""
    data = output.get("data", {})
    for mime in ("image/svg+xml", "image/png", "image/jpeg"):
        if mime in data:
            content = data[mime]
            if mime == "image/svg+xml":
                content = base64.b64encode(content.encode()).decode()
            size = output.get("metadata", {}).get(mime, {}).get("width")
            width = f' width="{int(size)}"' if size else ""
            source = f"data:{mime};base64,{content.replace(chr(10), '')}"
            return f'<img alt="{html.escape(alt)}" src="{source}"{width}>'
    return ""


def _in_a_region(image):
    """An image, in a region that scrolls sideways where it is too wide for a telephone."""
    if int(image[2]) <= _WIDEST:
        return image[0]
    region = f'<div class="figure-scroll" tabindex="0" role="region" aria-label="{image[1]}">'
    return f"{region}{image[0]}</div>"


def _plot(output):
    """The markup of an image that has no caption."""
    return _image(output, "Figure without a description").replace("<img", '<img class="plot"')


def _answer_field(name, answers):
    """A field for the answer to an exercise; the script unhides it, and checks what is typed."""
    answers = html.escape(json.dumps(answers))
    return (
        f'<div class="vlms-answer" id="answer-{name}" data-answers="{answers}" hidden>'
        f'<label>Your answer <input type="text" autocomplete="off" spellcheck="false"></label>'
        f'<button type="button">Check</button><output></output></div>'
        "<noscript><p>With JavaScript there is a field here that checks an answer.</p></noscript>"
    )


def _table(output, caption):
    """The markup of an output that is a table without a label of its own; else nothing."""
    markup = output.get("data", {}).get("text/html", "")
    if "<table" not in markup or "<figure" in markup:
        return ""
    return markup.replace('aria-label="Table"', f'aria-label="{html.escape(caption)}"', 1)


def _number_and_link(body):
    """Number figures and tables in reading order, and turn ``@fig-…`` and DOIs into links."""
    names = {}

    def number(match):
        label, kind = match[1], match[2]
        if label in names:
            raise PageError(f"Two figures or tables have the label {label!r}; give each its own.")
        names[label] = f"{_KINDS[kind]} {sum(name.startswith(kind) for name in names) + 1}"
        return f'{match[0]}<span class="label">{names[label]}.</span> '

    def refer(match):
        label = match[1]
        if label not in names:
            known = ", ".join(f"@{name}" for name in names) or "none"
            raise PageError(f"The text refers to @{label}, which no cell shows. Shown: {known}.")
        return f'<a class="xref" href="#{label}">{names[label]}</a>'

    parts, closed = _TAG.split(_LABELLED.sub(number, body)), 0
    for position, part in enumerate(parts):
        if position % 2:
            name = _NAME.match(part)
            if name and name[1] in _NOT_PROSE:
                closed += -1 if part.startswith("</") else 1
        elif not closed and ("@" in part or "10." in part):
            link = r'<a href="https://doi.org/\1" rel="noopener noreferrer">doi:\1</a>'
            parts[position] = _DOI.sub(link, _REFERENCE.sub(refer, part))
    return "".join(parts)


# --- Markup ---------------------------------------------------------------------------------------


def _sanitise(body):
    """Keep the markup that a report needs; drop scripts, styles, handlers and foreign images."""
    schemes = {"http", "https", "mailto", "data"}
    allowed = {"tags": _TAGS, "attributes": _ATTRIBUTES, "url_schemes": schemes}
    return nh3.clean(body, **allowed, attribute_filter=_safe_attribute)


def _safe_attribute(tag, name, value):
    """Data URLs only for images, and only images for data URLs."""
    if name == "src":
        return value if value.startswith("data:image/") else None
    if name == "href" and value.strip().lower().startswith("data:"):
        return None
    return value


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
        images = ["image/svg+xml", "image/png", "image/jpeg"]
        text = ["text/latex", "text/plain"]
        self.display_data_priority = ["text/html", "text/markdown", *images, *text]
        self._slugs, self._texts = set(_OWN_IDS), count(1)

    def default_filters(self):
        yield from super().default_filters()
        lexer, formatter = PythonLexer(), HtmlFormatter()
        yield "highlight_code", lambda source: highlight(source, lexer, formatter)
        yield "markdown2html", self._markdown
        yield "without_addresses", lambda text: _ADDRESS.sub("", text)
        yield "math2html", lambda text: _formula(text.strip().strip("$"))
        yield "plot2html", _plot

    def _markdown(self, source):
        """Convert Markdown; the notes of a text have ids of their own and stand below it."""
        markdown = MarkdownWithMath(renderer=_Renderer(self._slugs))
        footnotes(markdown)
        text = markdown.render(source)
        return re.sub(r'((?:id="|href="#)fn(?:ref)?-)', rf"\g<1>{next(self._texts)}-", text)


class _Renderer(IPythonRenderer):
    """Markdown whose headings have ids that stay, and whose formulas are MathML."""

    def __init__(self, slugs):
        super().__init__(escape=False, allow_harmful_protocols=False)
        self._slugs = slugs

    def heading(self, text, level, **attributes):
        name = _plain(text)
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "section"
        slugs = (f"{stem}-{number}" if number > 1 else stem for number in count(1))
        slug = next(slug for slug in slugs if slug not in self._slugs)
        self._slugs.add(slug)
        if level == 1:
            return f'<h1 id="{slug}">{text}</h1>\n'
        link = f'aria-label="Link to section {html.escape(name)}"'
        anchor = f'<a class="anchor" href="#{slug}" {link}>#</a>'
        return f'<h{level} id="{slug}">{text} {anchor}</h{level}>\n'

    def block_math(self, body):
        return _formula(body)

    def latex_environment(self, name, body):
        return _formula(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def inline_math(self, body):
        return mathml(body, display="inline")


def _formula(source):
    """Write a TeX formula as MathML, which browsers draw without help, in a block of its own."""
    label = html.escape(source.strip())
    return (
        f'<div class="math-block" tabindex="0" role="group" aria-label="{label}">'
        f"{mathml(source, display='block')}</div>"
    )


def _plain(markup):
    """The text of some markup."""
    return html.unescape(re.sub("<[^>]+>", "", markup))


# --- The page around it ---------------------------------------------------------------------------


def _fill(template, **values):
    """Fill a page template, with style, script and the policy that admits only them."""
    style, script = (
        (TEMPLATE / name).read_text(encoding="utf-8") for name in ("style.css", "page.js")
    )
    admitted = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (style, script)
    ]
    policy = (
        f"default-src 'none'; img-src data:; style-src {admitted[0]}; script-src {admitted[1]};"
        " base-uri 'none'; form-action 'none'"
    )
    page = _templates().get_template(template)
    return page.render(style=style, script=script, policy=policy, **values)


@functools.cache
def _templates():
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _count_verdicts(claims):
    """Count the claims under each verdict, in the order of the verdicts."""
    given = [claim["verdict"] for claim in claims]
    return {verdict: given.count(verdict) for verdict in VERDICTS if verdict in given}
