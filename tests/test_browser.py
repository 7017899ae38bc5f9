"""The reports in a real browser, opened from disk; `make test-browser` runs this."""

import re
import shutil
from pathlib import Path

import pytest
from report_project import Project, code, notebook, prose

pytestmark = pytest.mark.browser

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        if (path := shutil.which(name))
    ),
    None,
)
REPORTS = Path(__file__).resolve().parents[1] / "reports"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The project's own reports where they are built; else those of a small project."""
    if (REPORTS / "index.html").exists() and len(list(REPORTS.glob("*.html"))) > 1:
        return REPORTS
    project = Project(tmp_path_factory.mktemp("browser") / "project")
    words = "A sentence on the patients that is long enough to fill a line. " * 4
    project.file(
        "notebooks/claims.csv",
        "id,section,statement,printed,unit,kind\n"
        "patients,abstract,Patients,12,patients,count\n"
        "women,results,Share of women,75%,,share\n"
        "deaths,results,Deaths,5,patients,count\n",
    )
    made = notebook(
        prose("# Twelve patients\n\nSee @fig-km and @tbl-age[^n].\n\n[^n]: doi:10.1000/182."),
        prose(f"## Parameters\n\n{words}"),
        code("month = 36  # landmark", "parameters"),
        prose(f"## Patients\n\n{words * 6}\n\n$$\\hat S(t)=\\prod_i(1-d_i/n_i)$$"),
        code(
            "import pandas as pd\nfrom matplotlib import pyplot as plt\n"
            "from vlms.claims import Ledger\n"
            "from vlms.presentation import card, show_figure, show_table"
        ),
        code("figure, ax = plt.subplots()\nax.plot([0, month], [1, 0.5])"),
        code("show_figure(ax, label='fig-km', caption='Survival.', alt='It falls.')"),
        code("wide = pd.DataFrame([range(30)], columns=[f'column {n}' for n in range(30)])"),
        code("show_table(wide, label='tbl-age', caption='A wide table.')"),
        code("ledger = Ledger.open('paper', path='claims.csv')"),
        code("ledger.check('patients', 12)\nledger.check('women', 0.75)"),
        code("ledger.check('deaths', 4, against='patients', because='12 − 8 = 4')\nledger.show()"),
        prose(f"## All claims\n\n{words * 6}"),
        code("ledger.publish()"),
        code("card(patients=12, figure='fig-km', findings=['Four died.'])"),
        title="Twelve patients",
        kind="paper",
        citation="A. Author, 2010.",
        doi="10.1000/182",
    )
    project.write("paper", made)
    done = project.run("build")
    assert done.returncode == 0, done.stdout + done.stderr
    return project.root / "reports"


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
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            bypass_csp=False,
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


@pytest.fixture(scope="module")
def names(reports):
    return sorted(path.name for path in reports.glob("*.html"))


@pytest.fixture(scope="module")
def with_ledger(reports, names):
    for name in names:
        if name != "index.html" and 'id="all-claims"' in (reports / name).read_text(
            encoding="utf-8"
        ):
            return name
    pytest.fail("no report has a ledger")


def test_every_page_opens_from_disk_in_silence_and_asks_for_nothing_else(open_page, names):
    for name in names:
        page = open_page(name)
        page.wait_for_timeout(100)
        assert page.said == [], name
        outside = [url for url in page.asked if not url.startswith("data:")]
        assert len(outside) == 1, (name, outside)
        assert outside[0].startswith("file://")


def test_every_link_within_the_reports_resolves(names, reports):
    texts = {name: (reports / name).read_text(encoding="utf-8") for name in names}
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    broken = []
    for name, text in texts.items():
        for href in re.findall(r'href="([^"]+)"', text):
            if re.match(r"[a-z]+:", href):
                continue
            file, _, anchor = href.partition("#")
            if (
                file
                and not (reports / file).exists()
                or anchor
                and anchor not in ids.get(file or name, {anchor})
            ):
                broken.append((name, href))
    assert broken == []


@pytest.mark.parametrize("width", [360, 1600])
def test_no_page_scrolls_sideways(open_page, names, width):
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert {
        name: open_page(name, width=width).evaluate(overflow) for name in names
    } == dict.fromkeys(names, 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_of_wcag_2_2_aa(open_page, names, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = {}
    for name in names:
        page = open_page(name, scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
        result = axe.run(page, options=options).response
        found[name] = [
            (violation["id"], violation["nodes"][0]["html"][:120])
            for violation in result["violations"]
        ]
    assert found == {name: [] for name in names}


def test_one_button_unfolds_all_code_and_folds_it_again(open_page, with_ledger):
    page = open_page(with_ledger)
    cells = page.locator("details.code").count()
    page.get_by_role("button", name="Show all code").click()
    assert page.locator("details.code[open]").count() == cells > 0
    page.get_by_role("button", name="Hide all code").click()
    assert page.locator("details.code[open]").count() == 0


def test_a_cell_unfolds_by_keyboard(open_page, with_ledger):
    page = open_page(with_ledger)
    page.locator("details.code > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.code").first.get_attribute("open") is not None


def test_the_first_tab_stop_skips_to_the_text(open_page, with_ledger):
    page = open_page(with_ledger)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"


def test_the_ledger_filters_by_verdict_and_text(open_page, with_ledger):
    page = open_page(with_ledger)
    rows = page.locator("table.vlms-ledger tbody tr")
    form = page.get_by_role("search", name="Filter the ledger")
    verdict = rows.first.get_attribute("data-verdict")
    alike = page.locator(f'table.vlms-ledger tbody tr[data-verdict="{verdict}"]').count()
    form.get_by_label("Verdict").select_option(verdict)
    assert page.locator("table.vlms-ledger tbody tr:visible").count() == alike
    form.get_by_label("Text").fill("no claim says this")
    assert page.locator("table.vlms-ledger tbody tr:visible").count() == 0
    form.get_by_role("button", name="Show all").click()
    page.wait_for_timeout(50)
    assert page.locator("table.vlms-ledger tbody tr:visible").count() == rows.count()


def test_a_count_at_the_top_filters_the_ledger(open_page, with_ledger):
    page = open_page(with_ledger)
    link = page.locator(".summary a[data-filter]").last
    verdict = link.get_attribute("data-filter")
    link.click()
    shown = page.locator("table.vlms-ledger tbody tr:visible")
    assert {row.get_attribute("data-verdict") for row in shown.all()} == {verdict}


def test_a_link_to_a_claim_that_the_filter_hides_still_arrives(open_page, with_ledger):
    page = open_page(with_ledger)
    row = page.locator("table.vlms-ledger tbody tr").first
    page.get_by_role("search").get_by_label("Text").fill("no claim says this")
    page.evaluate(f"location.hash = '#{row.get_attribute('id')}'")
    row.wait_for(state="visible", timeout=2000)


def test_the_index_searches_the_claims_of_all_papers(open_page, names):
    page = open_page("index.html")
    rows = page.locator("table.vlms-ledger tbody tr")
    assert rows.count() > 0
    word = rows.last.locator("td").nth(1).inner_text().split("(")[0].strip()
    page.get_by_role("search").get_by_label("Text").fill(word)
    assert 0 < page.locator("table.vlms-ledger tbody tr:visible").count() <= rows.count()


def test_the_contents_mark_the_section_in_view(open_page, with_ledger):
    page = open_page(with_ledger)
    link = page.locator(".contents a").nth(1)
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    target = link.get_attribute("href")
    page.evaluate(f"document.querySelector('{target}').scrollIntoView()")
    page.wait_for_timeout(200)
    assert page.locator(".contents a[aria-current]").get_attribute("href") == target


def test_the_page_is_dark_where_the_reader_prefers_it(open_page, with_ledger):
    def brightness(scheme):
        page = open_page(with_ledger, scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    assert brightness("dark") < 150 < 600 < brightness("light")


def test_print_shows_the_text_on_white_without_navigation(open_page, with_ledger):
    page = open_page(with_ledger, scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".contents").is_hidden()
    assert page.locator("form.filter").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


def test_without_scripts_all_is_there_to_read(open_page, with_ledger):
    page = open_page(with_ledger, scripts=False)
    assert page.locator("table.vlms-ledger tbody tr").first.is_visible()
    assert page.locator(".contents a").first.is_visible()
    page.locator("details.code > summary").first.click()
    assert page.locator("details.code pre").first.is_visible()


def test_the_policy_stops_scripts_styles_and_requests_that_are_not_ours(open_page, with_ledger):
    page = open_page(with_ledger)
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


def test_a_report_is_light(names, reports):
    assert {n for n in names if (reports / n).stat().st_size > 1_500_000} == set()
