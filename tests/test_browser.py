"""The reports in a real browser, opened from disk; `make test-browser` runs this."""

import re
import shutil

import pytest
from report_project import CLAIMS, ROOT, Project, paper

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ROWS = "table.vlms-ledger tbody tr"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The project's own reports where they are built; else those of a small project."""
    own = ROOT / "reports"
    if (own / "index.html").exists() and len(list(own.glob("*.html"))) > 1:
        return own
    project = Project(tmp_path_factory.mktemp("browser") / "project")
    project.file("notebooks/claims.csv", CLAIMS)
    project.write("paper", paper())
    done = project.run("build")
    assert done.returncode == 0, done.stdout + done.stderr
    return project.root / "reports"


@pytest.fixture(scope="module")
def texts(reports):
    return {path.name: path.read_text("utf-8") for path in sorted(reports.glob("*.html"))}


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install chromium to run the browser tests")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, reports):
    """Open a report by file name, watching what it says and asks for."""
    contexts = []

    def opened(name, *, width=1280, scheme="light", scripts=True):
        view = {"width": width, "height": 900}
        context = browser.new_context(
            viewport=view, color_scheme=scheme, java_script_enabled=scripts, bypass_csp=False
        )
        contexts.append(context)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto((reports / name).as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def open_ledger(open_page, texts):
    """Open the first report that has a ledger."""
    name = next(n for n, text in texts.items() if n != "index.html" and 'id="all-claims"' in text)
    return lambda **options: open_page(name, **options)


def shown(page):
    return page.locator(f"{ROWS}:visible")


def test_every_page_is_light_opens_from_disk_in_silence_and_asks_for_nothing_else(open_page, texts):
    for name, text in texts.items():
        assert len(text) < 1_500_000, name
        page = open_page(name)
        page.wait_for_timeout(100)
        assert page.said == [], name
        assert [url[:7] for url in page.asked if not url.startswith("data:")] == ["file://"], name


def test_every_link_within_the_reports_resolves(texts, reports):
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    broken = []
    for name, text in texts.items():
        for href in re.findall(r'href="(?![a-z]+:)([^"]+)"', text):
            file, _, anchor = href.partition("#")
            file = file or name
            missing = not (reports / file).exists()
            if missing or (anchor and anchor not in ids.get(file, {anchor})):
                broken.append((name, href))
    assert broken == []


@pytest.mark.parametrize("width", [360, 1600])
def test_no_page_scrolls_sideways(open_page, texts, width):
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found = {name: open_page(name, width=width).evaluate(overflow) for name in texts}
    assert found == dict.fromkeys(texts, 0)


def test_the_columns_of_a_table_align_and_a_wide_figure_scrolls_on_a_telephone(open_page, texts):
    lefts = """[...document.querySelectorAll('table:has([scope=rowgroup])')].map((table) =>
        new Set([...table.tBodies[0].rows].map((row) => {
            const cell = row.cells[row.cells.length - table.tHead.rows[0].cells.length + 1];
            const inner = parseFloat(getComputedStyle(cell).paddingLeft);
            return Math.round(cell.getBoundingClientRect().left + inner);
        })).size)"""
    for name in texts:
        assert set(open_page(name).evaluate(lefts)) <= {1}, name
        page = open_page(name, width=360)
        shown = page.evaluate(
            "[...document.images].map((i) => i.clientWidth / (i.getAttribute('width') || 1))"
        )
        assert min(shown, default=1) > 0.6, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_of_wcag_2_2_aa(open_page, texts, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    found = []
    for name in texts:
        page = open_page(name, scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        for violation in axe.run(page, options=options).response["violations"]:
            found.append((name, violation["id"], violation["nodes"][0]["html"][:120]))
    assert found == []


def test_code_unfolds_all_at_once_and_cell_by_cell_by_keyboard(open_ledger):
    page = open_ledger()
    cells, unfolded = page.locator("details.code"), page.locator("details.code[open]")
    page.get_by_role("button", name="Show all code").click()
    assert unfolded.count() == cells.count() > 0
    page.get_by_role("button", name="Hide all code").click()
    assert unfolded.count() == 0
    cells.locator("> summary").first.focus()
    page.keyboard.press("Enter")
    assert unfolded.count() == 1


def test_the_first_tab_stop_skips_to_the_text(open_ledger):
    page = open_ledger()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"


def test_the_ledger_filters_by_verdict_and_text(open_ledger):
    page = open_ledger()
    every = page.locator(ROWS)
    form = page.get_by_role("search", name="Filter the ledger")
    verdict = every.first.get_attribute("data-verdict")
    form.get_by_label("Verdict").select_option(verdict)
    assert shown(page).count() == page.locator(f'{ROWS}[data-verdict="{verdict}"]').count()
    form.get_by_label("Text").fill("no claim says this")
    assert shown(page).count() == 0
    page.evaluate(f"location.hash = '#{every.first.get_attribute('id')}'")
    every.first.wait_for(state="visible", timeout=2000)  # a link to a hidden claim arrives
    form.get_by_role("button", name="Show all").click()
    page.wait_for_timeout(50)
    assert shown(page).count() == every.count()


def test_a_count_at_the_top_filters_the_ledger(open_ledger):
    page = open_ledger()
    link = page.locator(".summary a[data-filter]").last
    link.click()
    found = {row.get_attribute("data-verdict") for row in shown(page).all()}
    assert found == {link.get_attribute("data-filter")}


def test_the_index_searches_the_claims_of_all_papers(open_page):
    page = open_page("index.html")
    rows = page.locator(ROWS)
    word = rows.last.locator("td").nth(1).inner_text().split("(")[0].strip()
    page.get_by_role("search").get_by_label("Text").fill(word)
    assert 0 < shown(page).count() <= rows.count()


def test_the_contents_mark_the_section_in_view(open_ledger):
    page = open_ledger()
    target = page.locator(".contents a").nth(1).get_attribute("href")
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    page.evaluate(f"document.querySelector('{target}').scrollIntoView()")
    page.wait_for_timeout(200)
    assert page.locator(".contents a[aria-current]").get_attribute("href") == target


def test_the_page_is_dark_where_the_reader_prefers_it_and_white_in_print(open_ledger):
    background = "getComputedStyle(document.body).backgroundColor"

    def brightness(page):
        return sum(int(part) for part in re.findall(r"\d+", page.evaluate(background))[:3])

    dark = open_ledger(scheme="dark")
    assert brightness(dark) < 150 < 600 < brightness(open_ledger(scheme="light"))
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.locator(".contents").is_hidden() and dark.locator("form.filter").is_hidden()
    assert brightness(dark) == 3 * 255
    # Each heading is a bookmark; no row of a table breaks between two pages.
    pdf, headings = (
        dark.pdf(outline=True, tagged=True),
        dark.locator("main :is(h1, h2, h3)").count(),
    )
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Title") >= headings > 5
    rows = "[...document.querySelectorAll('tr')].map((r) => getComputedStyle(r).breakInside)"
    assert set(dark.evaluate(rows)) == {"avoid"}
    regions = dark.locator(".table-scroll").all()
    assert max(r.evaluate("(r) => r.scrollHeight - r.clientHeight") for r in regions) <= 1


def test_without_scripts_all_is_there_to_read(open_ledger):
    page = open_ledger(scripts=False)
    assert page.locator(ROWS).first.is_visible()
    assert page.locator(".contents a").first.is_visible()
    page.locator("details.code > summary").first.click()
    assert page.locator("details.code pre").first.is_visible()


def test_the_policy_stops_scripts_and_requests_that_are_not_ours(open_ledger):
    page = open_ledger()
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.intruded = true';
            document.body.append(script);
            const image = new Image();
            image.src = 'http://127.0.0.1:9/x.png';
            document.body.append(image);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.intruded") is None
    assert sum("Content Security Policy" in text for text in page.said) >= 2
