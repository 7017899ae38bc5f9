"""One notebook to one page: what a cell shows, numbering, sanitising, parameters, publication."""

import base64
import hashlib
import html
import re
import shutil
import subprocess
import sys
import tempfile

import nbformat
import pytest
from nbformat.v4 import new_output, new_raw_cell
from report_project import CLAIMS, ROOT, code, notebook, paper, prose, simple

from vlms.pages import PublishingError, RenderError, publish, render
from vlms.pages.page import CAPTION_MIME, TABLE_MIME, PageError, make_page, tables
from vlms.provenance import commit

COLOPHON = {"Commit": "none", "inputs": {"a.csv": "0f"}, "built": "Built on a day."}
SVG = {"image/svg+xml": "<svg/>", "text/plain": "Figure"}
TABLE = {
    "text/html": '<div class="table-scroll"><table><tr><td>1</td></tr></table></div>',
    TABLE_MIME: {"label": "", "csv": "n\n1\n"},
}


def shows(*bundles, **metadata):
    """A cell with these outputs."""
    cell = code("shown()")
    cell.outputs = [new_output("display_data", bundle, metadata=metadata) for bundle in bundles]
    return cell


def says(label, caption="Survival.", alt="It falls.", **other):
    content = other or {"caption": caption, "alt": alt}
    return {CAPTION_MIME: {"label": label, **content}, "text/markdown": f"**{label}**"}


def figure(label):
    return shows(SVG, says(label))


def page_of(*cells, **about):
    for position, cell in enumerate(cells):
        if cell.cell_type == "code":
            cell.execution_count = position + 1
    return make_page(notebook(*cells, **about), colophon=COLOPHON)


def markup(text):
    """What a cell's HTML becomes on the page."""
    return re.search(
        r'<div class="output">(.*?)</main>', page_of(shows({"text/html": text})), re.S
    )[1]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("render")
    (folder / "claims.csv").write_text(CLAIMS, encoding="utf-8")
    nbformat.write(paper(), folder / "paper.ipynb")
    return render(folder / "paper.ipynb", parameters={"month": 24}, root=folder)


@pytest.fixture(scope="module")
def page(rendered):
    return rendered.files["paper.html"].decode()


def test_a_run_gives_page_verdicts_and_tables(rendered):
    assert sorted(rendered.files) == ["paper.html", "paper/tbl-age.csv", "paper_verdicts.csv"]
    header, *rows = rendered.files["paper_verdicts.csv"].decode().splitlines()
    assert header.startswith("id,section,statement,printed,unit,kind,recomputed,verdict")
    assert [row.split(",")[0] for row in rows] == ["patients", "women", "deaths"]
    assert rendered.about["title"] == "Twelve"


@pytest.mark.parametrize(
    "text",
    [
        "Survival to month 24.",
        "month = 24",
        "name = 'x'",
        '<img class="plot" alt="Figure without a description"',  # drawn the plain way
    ],
)
def test_parameters_and_plain_figures_reach_the_page(page, text):
    assert text in html.unescape(re.sub("</?(?!img)[^>]+>", "", page))


def test_the_versions_are_those_of_what_the_run_imported(page):
    versions = re.search(r"<dt>Versions</dt>\s*<dd>(.*?)</dd>", page)[1]
    ours = r" \(commit ([0-9a-f]{12} of|not under)" if (ROOT / ".git").exists() else ","
    assert re.match(r"Python [\d.]+, vlms \d+\.\d+\.\d+" + ours, versions)
    assert "pandas 2." in versions and "matplotlib 3." in versions
    assert not re.search("lifelines|seaborn|papermill|nbconvert", versions)


def test_the_versions_leave_out_what_was_loaded_before_the_run_or_not_at_all(tmp_path):
    """As in a forked kernel, whose parent has loaded what any report needs."""
    (tmp_path / "vlms").mkdir()
    shutil.copy(ROOT / "vlms/provenance.py", tmp_path / "vlms")
    own = "import click\n\ndef late():\n    import rich\n"
    (tmp_path / "vlms/own.py").write_text(own, encoding="utf-8")
    script = """
import click, jinja2, mistune, rich, vlms.own
from vlms.provenance import record_imports, versions
record_imports()
notebook = {"__name__": "__main__"}
for cell in ("from jinja2 import nodes", "import vlms.own", "vlms.own.late()"):
    exec(cell, notebook)
    print(*versions())
"""
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True).stdout
    assert said.splitlines() == [
        "Python vlms jinja2",
        "Python vlms click jinja2",
        "Python vlms click jinja2 rich",
    ]


def test_the_card_carries_its_figure_and_stays_off_the_page(rendered, page):
    assert rendered.card["findings"] == ["Four died."]
    assert rendered.card["image"]["alt"] == "It falls."
    assert rendered.card["image"]["src"].startswith("data:image/svg+xml;base64,")
    assert "Card for the index page" not in page


def test_every_internal_link_resolves_and_no_id_is_given_twice(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) - set(ids) == set()
    assert {"claim-women", "ledger-women", "all-claims", "all-claims-2"} <= set(ids)


def test_nothing_on_the_page_runs_or_is_fetched_but_its_own_style_and_script(page):
    assert "&lt;script&gt;b" in page
    fetched = r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="([^"]{0,11})'
    assert set(re.findall(fetched, page)) == {"data:image/"}
    assert "default-src &#39;none&#39;" in page
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in html.unescape(page)


def test_a_caption_makes_a_figure_of_the_image_of_its_cell():
    cell = shows(SVG, says("fig-km", "S < 1, see @tbl-n.", 'A "curve".'))
    cell.outputs[0].metadata = {"image/svg+xml": {"width": 320}}
    cells = [cell, shows(TABLE, says("tbl-n", "Counts.", "")), figure("fig-2")]
    found = page_of(prose("# T\n\n@fig-km"), *cells)
    assert re.findall('<span class="label">(.*?)\\.<', found) == ["Figure 1", "Table 1", "Figure 2"]
    assert (
        '<figure id="fig-km" class="vlms-figure"><img alt="A &quot;curve&quot;." src="data:image/'
        'svg+xml;base64,PHN2Zy8+" width="320"><figcaption><span class="label">Figure 1.</span> '
        'S &lt; 1, see <a class="xref" href="#tbl-n">Table 1</a>.</figcaption></figure>'
    ) in found
    assert (
        '<figure id="tbl-n" class="vlms-table"><figcaption><span class="label">Table 1.</span> '
        'Counts.</figcaption><div class="table-scroll"><table>'
    ) in found
    assert "**" not in found.partition("<script>")[0]


def test_the_label_of_a_caption_names_the_table():
    labelled = {**TABLE, TABLE_MIME: {"label": "tbl-own", "csv": "m\n2\n"}}
    cells = [shows(TABLE, says("tbl-n")), shows(labelled), shows(TABLE)]
    assert list(tables(notebook(*cells))) == [("tbl-n", "n\n1\n"), ("tbl-own", "m\n2\n")]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (shows(SVG, says("fig-km", error="no variable 'n'")), "cell 2, fig-km: no variable 'n'"),
        (shows(SVG, says("", error="no label")), "cell 2, caption: no label"),
        (shows(says("fig-km")), "cell 2, fig-km: the cell shows no image"),
        (shows(TABLE, says("fig-km")), "fig-km: the cell shows no image"),
        (shows(SVG, SVG, says("fig-km")), "cell 2, fig-km: the cell shows 2 images"),
        (shows(SVG, says("tbl-n")), "cell 2, tbl-n: the cell shows no table"),
        (shows(SVG, says("fig-km", alt=" ")), "cell 2, fig-km: no alt text"),
        (figure("fig-a"), "Two figures or tables have the label 'fig-a'"),
        (prose("See @fig-mk, not `@fig-code`."), "@fig-mk, which no cell shows. Shown: @fig-a."),
    ],
)
def test_a_caption_or_reference_that_does_not_fit_is_an_error(cell, message):
    with pytest.raises(PageError, match=message):
        page_of(prose("# T"), cell, figure("fig-a"))


@pytest.mark.parametrize(
    "harmful",
    [
        "<script>alert(1)</script>",
        '<img src="x" onerror="alert(1)" alt="">',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        '<iframe src="https://example.org"></iframe>',
        '<img src="https://example.org/a.png" alt="">',
        '<p style="background:url(https://example.org)">x</p>',
        '<svg onload="alert(1)"><script>alert(1)</script></svg>',
        "<style>@import 'https://example.org'</style>",
    ],
)
def test_what_could_run_or_fetch_is_taken_out(harmful):
    kept = markup(harmful)
    assert not re.search(r"alert|onerror|onload|example\.org|<iframe|<style|style=", kept)


def test_prose_has_formulas_links_notes_and_headings_with_ids_of_their_own():
    text = "# T\n\n## Age\n\n$\\frac{d}{n}$ doi:10.1186/1477-7819-8-103.[^b]\n\n[^b]: B.\n\n## Age"
    found = page_of(prose(text), prose("Two[^a].\n\n[^a]: A."), prose("## Cite"), citation="C")
    assert "<mfrac>" in found
    assert 'href="https://doi.org/10.1186/1477-7819-8-103"' in found
    ids = re.findall(r'\bid="([^"]+)"', found)
    assert len(ids) == len(set(ids))
    assert {"age", "age-2", "cite", "cite-2"} <= set(ids)
    notes = re.findall(r'<li id="(fn-\d-1)"><p>(.)\.<a href="#(fnref-\d-1)"', found)
    assert [note[1] for note in notes] == ["B", "A"]
    assert {part for note in notes for part in note[::2]} <= set(ids)


def test_no_address_and_no_path_of_this_machine_reaches_page_or_table(tmp_path):
    sources = """
import os, sys, tempfile, traceback
import pandas as pd
from vlms.showing import show_table
print(object(), os.getcwd(), __import__("pandas").__file__, sys.executable, tempfile.gettempdir())
f"file://{os.getcwd()}/x.csv, {os.path.expanduser('~')}/y, /usr/bin and (~)"
show_table(pd.DataFrame({"path": [os.getcwd() + "/z.csv"]}), label="tbl-a", caption="A.")
print("careful", file=sys.stderr)
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc(file=sys.stdout)
"""
    cells = [code(source) for source in re.split(r"\n(?! |except)", sources.strip())]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook(*cells, title="T"), tmp_path / "notebooks/a.ipynb")
    done = render(tmp_path / "notebooks/a.ipynb", root=tmp_path)
    files = {name: content.decode() for name, content in done.files.items()}
    assert set(files) == {"a.html", "a/tbl-a.csv"}
    assert files["a/tbl-a.csv"] == "path\nz.csv\n"
    main = re.search("<main.*</main>", files["a.html"], re.S)[0]
    shown = html.unescape("".join(re.findall('<pre class="stream"[^>]*>(.*?)</pre>', main, re.S)))
    assert "<object object> . python/pandas/__init__.py python/bin/python" in shown
    assert "'file://x.csv, ~/y, /usr/bin and (~)'" in shown
    assert 'File "cell", line 2, in <module>' in shown
    for path in (tmp_path, sys.prefix, tempfile.gettempdir()):
        assert str(path) not in main
    assert "careful" not in shown
    assert done.log == "cell 7: careful\n"


@pytest.mark.parametrize(
    ("made", "parameters", "message"),
    [
        (simple(), {"mouth": 24}, r"no parameter 'mouth'; it declares month"),
        (simple(), {"month": "24"}, r"month must be int, as in month = 36; found '24' \(str\)"),
        (simple(), {"month": True}, r"found True \(bool\)"),
        (notebook(code("month = 36")), {"month": 24}, "no cell tagged 'parameters'"),
        (
            notebook(code("1"), kernel="ir"),
            {},
            "asks for the kernel 'ir'; reports run on 'python3'",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(tmp_path, made, parameters, message):
    nbformat.write(made, tmp_path / "a.ipynb")
    with pytest.raises(RenderError, match=message):
        render(tmp_path / "a.ipynb", parameters=parameters)


def test_publishing_replaces_all_files_or_none(tmp_path):
    publish({"a.html": b"old", "b.csv": b"old"}, tmp_path)
    (tmp_path / "c").write_text("a file where a folder is needed", encoding="utf-8")
    with pytest.raises(PublishingError, match="Cannot write to"):
        publish({"a.html": b"new", "c/d.csv": b"new"}, tmp_path)
    assert (tmp_path / "a.html").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.csv", "c"]


def test_a_link_and_a_folder_in_the_place_of_a_page_are_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.html").touch()
    (tmp_path / "reports/a.html").mkdir(parents=True)
    (tmp_path / "reports/b.html").symlink_to(tmp_path / "elsewhere/a.html")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").touch()
    for folder, name, what in [
        ("reports", "a.html", "it is a folder"),
        ("reports", "b.html", "it is a link"),
        ("linked", "a.html", "it is a link"),
        ("file", "a.html", "it is a file"),
    ]:
        with pytest.raises(PublishingError, match=f"{what}. Remove it or move it away"):
            publish({name: b"new"}, tmp_path / folder)
    assert not (tmp_path / "elsewhere/a.html").read_bytes()


def test_a_folder_without_git_is_not_under_version_control(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) == "not under version control"


def test_the_code_of_a_section_stands_in_one_fold_at_its_end_but_in_a_lesson():
    cells = [prose("## One"), code("first"), code("second"), prose("## Two"), code("third")]
    page = page_of(*cells)
    assert page.count('<details class="code">') == 2
    assert page.count("(2 cells)") == page.count("(1 cell)") == 1
    places = [page.index(word) for word in ("first<", "second<", 'id="two"', "third<")]
    assert places == sorted(places)
    assert page_of(*cells, kind="lesson").count('<details class="code" open>') == 3


def test_a_section_whose_heading_is_tagged_is_folded_up_to_the_next_heading_as_high():
    folded = prose("## Words\n\nmany")
    folded.metadata["tags"] = ["folded"]
    cells = [prose("## One"), folded, prose("### Within\n\nmore"), prose("## Two\n\nlast")]
    page = page_of(*cells)
    start, end = page.index('<details class="fold">'), page.index('id="two"')
    inside = page[start : page.index("</details>", start)]
    assert page.count('<details class="fold">') == 1
    assert page.index('id="words"') < start < start + len(inside) < end
    assert all(word in inside for word in ("many", 'id="within"', "more"))
    assert "<p>raw</p>" not in page_of(prose("## One"), new_raw_cell("<p>raw</p>"))
