"""Markdown as reports write it: stable heading ids, formulas as MathML, footnotes of the page."""

import vlms.rendering.quick_imports  # noqa: F401

# isort: split

import html
import re

from latex2mathml.converter import convert as mathml
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell

_FOOTNOTE = re.compile(r"^\[\^([\w-]+)\]:[ \t]*(.+(?:\n(?:[ ]{2,}|\t).+)*)\n?", re.MULTILINE)
_FOOTNOTE_MARK = re.compile(r"\[\^([\w-]+)\](?!:)")


class PageError(ValueError):
    """A notebook whose text refers to something that it does not show."""


def markdown_to_html(source, slugs):
    """Convert Markdown, with TeX between dollar signs.

    Parameters
    ----------
    source : str
    slugs : set of str
        The heading ids that the page has already; those of this text are added.

    Returns
    -------
    str

    Examples
    --------
    >>> markdown_to_html("# A title", set())
    '<h1 id="a-title">A title</h1>\\n'
    """
    return MarkdownWithMath(renderer=_Renderer(slugs)).render(source)


def formula(source, display):
    """Write a TeX formula as MathML, which browsers draw without help.

    Parameters
    ----------
    source : str
        TeX, without dollar signs.
    display : {"inline", "block"}

    Returns
    -------
    str

    Examples
    --------
    >>> "<msup><mi>S</mi><mn>2</mn></msup>" in formula("S^2", "inline")
    True
    """
    markup = mathml(source, display=display)
    if display == "inline":
        return markup
    label = html.escape(source.strip())
    return f'<div class="math-block" tabindex="0" role="group" aria-label="{label}">{markup}</div>'


def gather_footnotes(notebook):
    """Number the footnotes of all cells through, and gather their texts at the end.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its prose marks a note as ``[^key]`` and gives it as ``[^key]: text`` at a line's start.

    Returns
    -------
    nbformat.NotebookNode
        A copy, with a section for the notes where there are any.

    Raises
    ------
    PageError
        When a mark has no note.
    """
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
        return formula(body, "block")

    def latex_environment(self, name, body):
        return formula(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def inline_math(self, body):
        return formula(body, "inline")


def _slug(text):
    plain = html.unescape(re.sub("<[^>]+>", "", text)).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "section"
