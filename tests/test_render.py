"""One notebook to one page: parameters, checks, numbering, sanitising, publication."""

import html
import re

import nbformat
import pytest
from nbformat.v4 import new_output
from report_project import code, notebook, prose, simple

from vlms.render import render
from vlms.rendering.layout import count_verdicts, fill
from vlms.rendering.page import make_page, number_and_link, sanitise
from vlms.rendering.parameters import (
    RenderError,
    check_parameters,
    declared_parameters,
    read_notebook,
)
from vlms.rendering.processes import can_fork
from vlms.rendering.prose import PageError, formula, markdown_to_html
from vlms.rendering.publishing import PublishingError, commit, publish

COLOPHON = {"Commit": "none", "inputs": {"a.csv": "0f"}, "built": "Built on a day."}


def page_of(*cells, claims=(), **about):
    for position, cell in enumerate(cells):
        if cell.cell_type == "code":
            cell.execution_count = position + 1
    return make_page(notebook(*cells, **about), colophon=COLOPHON, claims=claims)


def with_output(source, mime, content):
    cell = code(source)
    cell.outputs = [new_output("execute_result", {mime: content}, execution_count=1)]
    return cell


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A notebook with a figure, a table, a ledger and a card, rendered once."""
    folder = tmp_path_factory.mktemp("render")
    (folder / "claims.csv").write_text(
        "id,section,statement,printed,unit,kind\n"
        "patients,abstract,Patients,12,patients,count\n"
        "women,results,Share of women,75%,,share\n",
        encoding="utf-8",
    )
    made = notebook(
        prose("# Twelve patients\n\nSee @fig-km and @tbl-age."),
        code("month = 36  # landmark\nname = 'x'", "parameters"),
        code(
            "import pandas as pd\nfrom matplotlib import pyplot as plt\n"
            "from vlms.claims import Ledger\n"
            "from vlms.presentation import card, show_figure, show_table"
        ),
        code("figure, ax = plt.subplots()\nax.plot([0, month], [1, 0.5])"),
        code("show_figure(ax, label='fig-km', caption='Survival.', alt='It falls.')"),
        code(
            "ages = pd.DataFrame({'patient': ['a', '<script>b'], 'age_years': [61.5, 49.25]})\n"
            "show_table(ages, label='tbl-age', caption='Ages.')"
        ),
        code(
            "ledger = Ledger.open('paper', path='claims.csv')\n"
            "ledger.check('patients', 12)\nledger.check('women', 0.75)\nledger.show()"
        ),
        code("ledger.publish()"),
        code("card(patients=12, figure='fig-km', findings=['Four died.'])"),
        code("plt.plot([1, 2])\nplt.show()"),
        title="Twelve",
        order=3,
    )
    nbformat.write(made, folder / "paper.ipynb")
    return render(folder / "paper.ipynb", parameters={"month": 24}, root=folder)


def test_a_run_gives_page_verdicts_and_tables(rendered):
    assert sorted(rendered.files) == [
        "paper.html",
        "paper/tbl-age.csv",
        "paper_verdicts.csv",
    ]


def test_the_verdicts_are_the_rows_of_the_ledger(rendered):
    lines = rendered.files["paper_verdicts.csv"].decode().splitlines()
    assert lines[0].startswith("id,section,statement,printed,unit,kind,recomputed,verdict")
    assert [line.split(",")[0] for line in lines[1:]] == ["patients", "women"]


def test_the_parameters_given_reach_the_notebook_and_the_colophon(rendered):
    page = rendered.files["paper.html"].decode()
    assert "month = 24" in re.sub("<[^>]+>", "", page)
    assert "name = &#39;x&#39;" in page


def test_figures_drawn_the_plain_way_do_not_vanish(rendered):
    assert '<img class="plot"' in rendered.files["paper.html"].decode()


def test_the_card_carries_its_figure_and_stays_off_the_page(rendered):
    assert rendered.card["findings"] == ["Four died."]
    assert rendered.card["image"]["alt"] == "It falls."
    assert rendered.card["image"]["src"].startswith("data:image/svg+xml;base64,")
    assert "Card for the index page" not in rendered.files["paper.html"].decode()


def test_each_claim_links_to_its_derivation_and_back(rendered):
    page = rendered.files["paper.html"].decode()
    assert 'id="claim-women"' in page and 'href="#claim-women"' in page
    assert 'id="ledger-women"' in page and 'href="#ledger-women"' in page


def test_text_of_a_cohort_cannot_become_markup(rendered):
    page = rendered.files["paper.html"].decode()
    assert "&lt;script&gt;b" in page
    assert page.count("<script>") == 1


def test_every_internal_link_resolves(rendered):
    page = rendered.files["paper.html"].decode()
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) - ids == set()
    assert len(ids) == len(re.findall(r'\bid="([^"]+)"', page))


def test_a_page_names_no_address_that_a_browser_would_fetch(rendered):
    page = rendered.files["paper.html"].decode()
    fetched = re.findall(
        r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="([^"]{0,40})', page
    )
    assert [address for address in fetched if not address.startswith("data:image/")] == []
    assert "default-src &#39;none&#39;" in page


def test_figures_and_tables_are_numbered_apart_in_reading_order():
    body = "".join(
        f'<figure id="{label}"><figcaption>x</figcaption></figure>'
        for label in ("tbl-a", "fig-a", "fig-b")
    )
    found = re.findall(r'id="(.*?)".*?class="label">(.*?)\.<', number_and_link(body))
    assert found == [("tbl-a", "Table 1"), ("fig-a", "Figure 1"), ("fig-b", "Figure 2")]


def test_a_reference_within_code_is_left_alone():
    assert number_and_link("<p><code>@fig-km</code></p>") == "<p><code>@fig-km</code></p>"


def test_a_reference_to_nothing_is_an_error_that_lists_what_there_is():
    body = '<figure id="fig-km"><figcaption>x</figcaption></figure><p>@fig-mk</p>'
    with pytest.raises(PageError, match=r"@fig-mk, which no cell shows. Shown: @fig-km"):
        number_and_link(body)


def test_one_label_for_two_figures_is_an_error():
    figure = '<figure id="fig-km"><figcaption>x</figcaption></figure>'
    with pytest.raises(PageError, match="fig-km"):
        number_and_link(figure * 2)


def test_a_doi_in_the_text_becomes_a_link():
    linked = number_and_link("<p>World J Surg Oncol, doi:10.1186/1477-7819-8-103.</p>")
    assert '<a href="https://doi.org/10.1186/1477-7819-8-103"' in linked
    assert linked.endswith("</a>.</p>")


@pytest.mark.parametrize(
    "harmful",
    [
        "<script>alert(1)</script>",
        '<img src="x" onerror="alert(1)" alt="">',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        '<iframe src="https://example.org"></iframe>',
        '<p style="background:url(https://example.org)">x</p>',
        '<svg onload="alert(1)"><script>alert(1)</script></svg>',
        "<style>@import 'https://example.org'</style>",
    ],
)
def test_what_could_run_or_fetch_is_taken_out(harmful):
    kept = sanitise(harmful)
    assert not re.search(r"script|onerror|onload|example\.org|<iframe|<style|style=", kept)


def test_formulas_are_mathml():
    assert "<math" in formula(r"\hat S(t)=\prod_i(1-d_i/n_i)", "block")
    assert "$" not in markdown_to_html("The estimate $S(t)$.", set())
    assert "<mfrac>" in sanitise(formula(r"\frac{d}{n}", "inline"))


def test_two_headings_of_one_name_get_ids_of_their_own():
    slugs = set()
    text = markdown_to_html("## Age\n\n## Age", slugs)
    assert 'id="age"' in text and 'id="age-2"' in text


@pytest.mark.parametrize("title", ["All claims", "Main", "Cite", "How this page was made"])
def test_a_heading_cannot_take_an_id_of_the_page_itself(title):
    page = page_of(prose(f"# T\n\n## {title}"), with_output("x", "text/html", "x"), citation="C")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_footnotes_are_numbered_through_the_page_and_link_back():
    page = page_of(prose("# T\n\nOne[^b] two[^a].\n\n[^a]: Note A."), prose("[^b]: Note B."))
    notes = re.findall(r'<li id="fn-(\w)">\s*<p>(.*?) <a href="#fnref-\1"', page)
    assert notes == [("b", "Note B."), ("a", "Note A.")]


def test_a_footnote_that_is_not_there_is_an_error():
    with pytest.raises(PageError, match="absent"):
        page_of(prose("# T\n\nOne[^absent]."))


def test_a_memory_address_does_not_reach_the_page():
    page = page_of(with_output("f", "text/plain", "<function f at 0x7f10b1c2d3e0>"))
    assert "0x7f10" not in page
    assert "&lt;function f&gt;" in page


def test_a_folder_of_this_machine_does_not_reach_the_page(tmp_path):
    cell = with_output("path", "text/plain", f"{tmp_path}/data/x.csv")
    cell.execution_count = 1
    page = make_page(notebook(cell), colophon=COLOPHON, root=tmp_path)
    assert str(tmp_path) not in page
    assert "data/x.csv" in page


def test_verdicts_are_counted_in_their_order():
    claims = [{"verdict": name} for name in ("contradicted", "reproduced", "contradicted")]
    assert list(count_verdicts(claims).items()) == [("reproduced", 1), ("contradicted", 2)]


def test_style_and_script_match_what_the_policy_admits():
    import base64
    import hashlib

    page = fill("reports.html.j2", papers=[], lessons=[], cohorts=[], claims=[], totals={},
                totals_papers=0, built="Built on a day.")  # fmt: skip
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in html.unescape(page)


def test_declared_parameters_are_read_without_running_anything():
    cell = code("month = 36  # a\ndata: str = 'x.csv'  # b\nlater = month + 1", "parameters")
    declared = declared_parameters(notebook(cell))
    assert declared == {"month": 36, "data": "x.csv", "later": NotImplemented}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mouth": 24}, r"no parameter 'mouth'; it declares month"),
        ({"month": "24"}, r"month must be int, as in month = 36; found '24' \(str\)"),
        ({"month": True}, r"found True \(bool\)"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(parameters, message):
    with pytest.raises(RenderError, match=message):
        check_parameters(simple(), parameters, "a.ipynb")


def test_a_notebook_without_a_parameters_cell_takes_none():
    with pytest.raises(RenderError, match="no cell tagged 'parameters'"):
        check_parameters(notebook(code("month = 36")), {"month": 24}, "a.ipynb")


def test_what_is_not_a_notebook_is_refused(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}", encoding="utf-8")
    with pytest.raises(RenderError, match="not a Jupyter notebook"):
        read_notebook(tmp_path / "a.ipynb")


def test_publishing_replaces_all_files_or_none(tmp_path):
    publish({"a.html": b"old", "b.csv": b"old"}, tmp_path)
    (tmp_path / "c").write_text("a file where a folder is needed", encoding="utf-8")
    with pytest.raises(PublishingError, match="Cannot write to"):
        publish({"a.html": b"new", "c/d.csv": b"new"}, tmp_path)
    assert (tmp_path / "a.html").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.csv", "c"]


def test_a_folder_without_git_is_not_under_version_control(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) == "not under version control"


@pytest.mark.skipif(not can_fork(), reason="kernels are started afresh on this system anyway")
def test_a_kernel_started_afresh_gives_the_same_page_as_a_forked_one(tmp_path, monkeypatch):
    made = notebook(
        prose("# T"), code("from matplotlib import pyplot as plt\nplt.plot([1, 2])\nplt.show()")
    )
    nbformat.write(made, tmp_path / "a.ipynb")
    forked = render(tmp_path / "a.ipynb", root=tmp_path).files["a.html"].decode()
    monkeypatch.setenv("VLMS_SPAWN", "1")
    afresh = render(tmp_path / "a.ipynb", root=tmp_path).files["a.html"].decode()
    without = re.compile(r"Built on .*? s\.")
    assert without.sub("", forked) == without.sub("", afresh)
