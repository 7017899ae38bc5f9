"""What a notebook shows: figures, tables, sentences, captions, the card of the index page."""

import base64
import csv
import io
import os
import re
from html.parser import HTMLParser

import nbformat.v4 as nbf
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from nbclient import NotebookClient

from vlms import showing
from vlms.showing import card, image_format, say, show_figure, show_table, together

CAPTION = "application/vnd.vlms.caption+json"
TABLE = "application/vnd.vlms.table+json"


@pytest.fixture(autouse=True)
def svg_and_no_open_figures():
    image_format("svg")
    yield
    image_format("svg")
    plt.close("all")


def shown_figure(**options):
    ax = plt.figure().add_subplot(xlabel="Months")
    ax.plot([0, 1], [1, 0.5])
    words = {"label": "fig-km", "caption": "Survival falls.", "alt": "A falling curve."}
    return show_figure(ax, **(words | options))


def stored_image(shown):
    found = re.search(r'src="data:([^;]+);base64,([^"]+)"', shown.bundle["text/html"])
    return found[1], base64.b64decode(found[2])


class Page(HTMLParser):
    """The tags and the unescaped text of a page, as a browser sees them."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def cells(frame, **options):
    """The text of each cell of a table, the headings first."""
    texts = Page(show_table(frame, **options).bundle["text/html"]).texts
    return [text for text in texts if text.strip()]


def markdown(sentence, **values):
    return say(sentence, **values).bundle["text/markdown"]


# --- In a notebook --------------------------------------------------------------------------------

IMPORTS = """\
import pandas as pd
import seaborn
from matplotlib import pyplot as plt
from vlms.showing import image_format, show_table
n, who = 12, "<b>*@fig-x*</b>" """


LABELLED = "#| label: fig-a\n#| caption: Of {n},\n#|   {who}.\n#| alt: {n} lines.\n"
CELLS = {
    "last": LABELLED + "figure, ax = plt.subplots()\nax",
    "left open": "plt.plot([1, 2]);",
    "figure": "figure",
    "grid": "seaborn.FacetGrid(pd.DataFrame({'x': [1, 2], 'k': ['a', 'b']}), col='k')",
    "pixels": "image_format('png')\nplt.plot([1, 2]);",
    "fails": "#| label: fig-b\n#| caption: Never.\n#| alt: Never.\n1 / 0",
    "no field": "#| label: tbl-b\n#| caption: {gone}\nn",
    "frame": "#| label: tbl-a\n#| caption: A.\npd.DataFrame({'x': [1 / 3], 'y': ['<i>']})",
    "long": "pd.DataFrame({'x': range(201)})",
    "unfit": "pd.DataFrame([[1, 2]], columns=['x', 'x'])",
}


@pytest.fixture(scope="module")
def notebook():
    """The outputs of each cell, run as papermill and nbclient do."""
    cells = [nbf.new_code_cell(text) for text in [IMPORTS, *CELLS.values()]]
    client = NotebookClient(nbf.new_notebook(cells=cells), kernel_name="python3", allow_errors=True)
    client.execute(env={name: v for name, v in os.environ.items() if name != "MPLBACKEND"})
    return {name: cell.outputs for name, cell in zip(CELLS, cells[1:], strict=True)}


def test_a_caption_is_published_after_the_cell_with_its_fields_filled(notebook):
    image, caption = notebook["last"]
    assert image.data["image/svg+xml"].startswith("<?xml")
    assert caption.output_type == "display_data"
    assert caption.data[CAPTION] == {
        "label": "fig-a",
        "caption": "Of 12, <b>*@ fig-x*</b>.",
        "alt": "12 lines.",
    }
    assert not re.search(r"[<>*@_]", caption.data["text/markdown"].replace("**", ""))


def test_a_caption_without_its_value_is_published_as_an_error_and_none_after_a_failure(notebook):
    assert notebook["no field"][-1].data[CAPTION] == {
        "label": "tbl-b",
        "error": "no variable or item 'gone' in the notebook",
    }
    assert [out.output_type for out in notebook["fails"]] == ["error"]


@pytest.mark.parametrize("cell", ["left open", "figure", "grid", "pixels"])
def test_a_figure_is_shown_once_in_the_chosen_format(notebook, cell):
    mime = "image/png" if cell == "pixels" else "image/svg+xml"
    assert [set(out.data) for out in notebook[cell]] == [{mime, "text/plain"}]


def test_a_frame_is_shown_rounded_and_handed_over_whole(notebook):
    table, caption = notebook["frame"]
    page = Page(table.data["text/html"])
    assert "0.333" in page.texts
    assert "i" not in [tag for tag, _ in page.tags]
    assert table.data[TABLE] == {"label": "", "csv": f"x,y\n{1 / 3},<i>\n"}
    assert caption.data[CAPTION]["label"] == "tbl-a"


def test_a_long_frame_is_left_to_pandas_and_one_that_cannot_be_shown_is_an_error(notebook):
    assert TABLE not in notebook["long"][0].data
    assert "201 rows" in notebook["long"][0].data["text/html"]
    assert showing._frame_bundle(pd.DataFrame({"x": range(200)}))
    errors = [out for out in notebook["unfit"] if out.output_type == "error"]
    assert "two columns have one name" in errors[0].evalue


def test_connecting_twice_publishes_a_caption_once():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    before = len(shell.events.callbacks["post_run_cell"])
    for _ in range(2):
        showing.connect(shell)
    assert len(shell.events.callbacks["post_run_cell"]) == before + 1


def test_a_cell_without_comments_has_no_caption():
    assert showing._caption("x = 1  #| label: fig-a\n", {}) is None


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("#| label: fig-a\n#| caption: {x:.0f}\n#| alt: A.", "is NA: write what to say instead"),
        ("#| label: fig-a\n#| caption: {x.gone}\n#| alt: A.", "AttributeError"),
        ("#| label: fig-a\n#| caption: {x:.0f\n#| alt: A.", "'"),
        ("#| label: fig-a\n#| caption: {}\n#| alt: A.", "IndexError"),
        ("#| label: fig-a\n#| caption: A.", "no '#| alt:'"),
        ("#| label: fig-a\n#| caption:\n#| alt: A.", "no '#| caption:'"),
        ("#| label: tbl-a", "no '#| caption:'"),
        ("#| label: km\n#| caption: A.", "A label is"),
        ("#| caption: A.", "A label is"),
        ("#| label: tbl-a\n#| label: tbl-b", "written twice"),
        ("#| label: tbl-a\n#| title: A.", "none of label, caption, alt"),
        ("#| label: tbl-a\n#| and more", "neither"),
        ("x = 1\n#| label: tbl-a", "at the head"),
    ],
)
def test_a_caption_that_cannot_be_filled_says_why(source, reason):
    found = showing._caption(source + "\nx", {"x": np.nan})
    assert set(found) == {"label", "error"}
    assert reason in found["error"]


# --- Figures --------------------------------------------------------------------------------------


def test_a_figure_carries_its_label_alt_text_and_caption_and_is_closed():
    page = Page(shown_figure(alt='Curve of "all" <12>').bundle["text/html"])
    tags = dict(page.tags)
    assert tags["figure"] == {"id": "fig-km", "class": "vlms-figure"}
    assert tags["img"]["alt"] == 'Curve of "all" <12>'
    assert page.texts == ["Survival falls."]
    assert plt.get_fignums() == []


def test_a_stored_svg_is_the_same_bytes_each_time_without_date_or_comment():
    before = dict(plt.rcParams)
    mime, data = stored_image(shown_figure())
    assert (mime, data) == stored_image(shown_figure())
    assert mime == "image/svg+xml"
    assert data.startswith(b"<?xml")
    assert b"<!--" not in data
    assert b"dc:date" not in data
    assert dict(plt.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_letters_that_the_font_lacks_stay_text_of_the_width_of_the_type():
    def drawn(title):
        figure, ax = plt.subplots()
        ax.set_title("Gefäße")
        ax.set_xlabel(title, fontsize=10)
        shown = show_figure(ax, label="fig-a", caption="A.", alt="A.")
        return stored_image(shown)[1].decode()

    svg = drawn("東京🧬")
    assert re.findall(r"<text[^>]*>(.*?)</text>", svg) == ["東京🧬"]
    assert "<text" not in drawn("Tokyo")
    # Each such letter is laid out as wide as the type is high, so a long label widens the figure.
    width = [float(re.search(r'width="([\d.]+)pt"', drawn("東" * n))[1]) for n in (60, 70)]
    assert width[1] - width[0] == pytest.approx(10 * 10, rel=0.02)


def test_a_png_is_stored_where_asked_for_and_says_nothing_of_its_making():
    image_format("png")
    mime, data = stored_image(shown_figure())
    assert mime == "image/png"
    assert data.startswith(b"\x89PNG")
    assert b"tEXt" not in data
    assert b"matplotlib" not in data.lower()


@pytest.mark.parametrize(
    "options",
    [{"caption": " "}, {"alt": ""}, {"alt": None}]
    + [{"label": label} for label in ("km", "fig-KM", 'fig-a"b', "tbl-a", "fig-a\n")],
)
def test_a_figure_without_words_or_with_another_label_is_refused(options):
    with pytest.raises(ValueError):
        shown_figure(**options)


def test_what_is_no_figure_or_no_format_is_refused():
    with pytest.raises(TypeError, match="Figure or Axes"):
        show_figure("curve.png", label="fig-a", caption="A.", alt="A.")
    with pytest.raises(ValueError, match="'svg' or 'png'"):
        image_format("jpg")


# --- Tables ---------------------------------------------------------------------------------------


def test_text_of_a_table_cannot_become_markup():
    evil = "<script>alert(1)</script>"
    frame = pd.DataFrame({evil: [evil], "n": [1]})
    page = Page(show_table(frame, label="tbl-x", caption=evil).bundle["text/html"])
    assert "script" not in [tag for tag, _ in page.tags]
    assert page.texts.count(evil) == 3


def test_a_table_has_row_and_column_headings_and_a_scrolling_region_with_a_name():
    shown = show_table(pd.DataFrame({"sex": ["f"], "n": [9]}), label="tbl-x", caption="All <12>")
    tags = Page(shown.bundle["text/html"]).tags
    assert [attrs["scope"] for tag, attrs in tags if tag == "th"] == ["col", "col", "row"]
    region = next(attrs for tag, attrs in tags if tag == "div")
    assert (region["role"], region["tabindex"]) == ("region", "0")
    assert region["aria-label"] == "All <12>"


@pytest.mark.parametrize(
    ("column", "options", "cell"),
    [
        ([0.12345], {}, "0.123"),
        ([12.345], {}, "12.3"),
        ([1234.56], {}, "1235"),
        ([5.0], {}, "5"),
        ([-0.5], {}, "−0.500"),
        ([np.inf], {}, "∞"),
        ([1.25], {"digits": 1}, "1.3"),
        ([1.25], {"digits": {"x": 0}}, "1"),
        ([0.25], {"formats": {"x": ".0%"}}, "25%"),
        ([np.nan], {}, "–"),
        (pd.array([pd.NA], dtype="string"), {}, "–"),
        ([np.nan], {"missing": {"x": "not reached"}}, "not reached"),
        (pd.array([True], dtype="boolean"), {}, "yes"),
        ([[2, 4]], {}, "2, 4"),
    ],
)
def test_a_cell_is_printed_for_the_reader(column, options, cell):
    assert cells(pd.DataFrame({"n": [1], "x": column}), **options)[-1] == cell


def test_a_p_value_is_printed_as_one_unless_another_format_is_given():
    frame = pd.DataFrame({"n": [1, 2], "p_value": [0.0004, 0.25]})
    assert {"P", "<0.001"} <= set(cells(frame))
    assert "0.00" in cells(frame, formats={"p_value": ".2f"})


def test_headings_carry_units_and_can_be_replaced():
    frame = pd.DataFrame({"size_cm": [1], "time_months": [2], "std_error": [3]})
    assert cells(frame)[:3] == ["size (cm)", "time (months)", "std error"]
    assert "SE" in cells(frame, headers={"std_error": "SE"})


def test_an_index_that_says_something_becomes_a_column():
    sexes = pd.DataFrame({"n": [9, 3]}, index=pd.Index(["f", "m"], name="sex"))
    assert cells(sexes) == ["sex", "n", "f", "9", "m", "3"]
    assert cells(sexes.rename_axis(None))[2:] == ["f", "9", "m", "3"]
    kept = pd.DataFrame({"id": [7], "n": [1]}).set_index("id", drop=False)
    assert cells(kept) == ["id", "n", "7", "1"]
    nested = pd.DataFrame([[1.5]], columns=pd.MultiIndex.from_tuples([("age", "mean")]))
    assert cells(nested) == ["age mean", "1.50"]


def test_a_heading_that_repeats_spans_its_rows_where_asked():
    frame = pd.DataFrame({"variable": ["sex", "sex", "age"], "level": ["f", "m", "mean"]})
    page = Page(show_table(frame, grouped=True).bundle["text/html"])
    heads = [(a["scope"], a.get("rowspan")) for tag, a in page.tags if tag == "th"][2:]
    assert heads == [("rowgroup", "2"), *[("row", None)] * 4]
    assert cells(frame, grouped=True)[2:] == ["sex", "f", "m", "age", "mean"]


def test_the_csv_keeps_names_and_numbers_whole():
    shown = show_table(pd.DataFrame({"size_cm": [1 / 3, np.nan]}), digits=1)
    rows = pd.read_csv(io.StringIO(shown.bundle[TABLE]["csv"]), skip_blank_lines=False)
    assert rows["size_cm"].tolist()[0] == 1 / 3
    assert rows["size_cm"].isna().tolist() == [False, True]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1"])
def test_no_text_of_the_csv_is_a_formula_and_no_number_is_touched(text):
    data = show_table(pd.DataFrame({"note": [text], "x": [-1.5]})).bundle[TABLE]["csv"]
    assert list(csv.reader(io.StringIO(data, newline="")))[1] == [f"'{text.strip()}", "-1.5"]


@pytest.mark.parametrize(
    ("frame", "options", "error"),
    [
        (pd.DataFrame({"n": [1]}), {"columns": ["age"]}, r"no column \['age'\]; there are \['n'\]"),
        (pd.DataFrame({"n": [1]}), {"missing": {"time": "–"}}, r"no column \['time'\]"),
        (pd.DataFrame([[1, 2]], columns=["n", "n"]), {}, "two columns have one name"),
        (pd.DataFrame({"n": [1]}), {"label": "tbl-x", "caption": ""}, "caption of tbl-x is empty"),
        (pd.DataFrame({"n": [1]}), {"label": "tbl-x"}, "caption of tbl-x is empty"),
        (pd.DataFrame({"n": [1]}), {"caption": "A."}, "A label is"),
        ([1, 2], {}, "DataFrame"),
    ],
)
def test_a_table_that_cannot_be_shown_says_why(frame, options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        show_table(frame, **options)


# --- Sentences and the card -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "value", "written"),
    [
        ("Age {x:.1f}.", 59.04, "Age 59.0."),
        ("**{x:.0%}**", 0.567, "**57%**"),
        ("{x:.1f}", -1.25, "−1.2"),
        ("P {x:p}", 0.0004, "P &#60;0.001"),
        ("{x:.0f|not reached}", pd.NA, "not reached"),
        ("{x:.0f|not reached}", 12.4, "12"),
        ("{x}", [2, 4, 9], "2, 4 and 9"),
        ("{x:.0%}", pd.Series([0.5, 0.25]), "50% and 25%"),
        ("{x}", ["<a>"], "&#60;a&#62;"),
        ("{x}", [], "none"),
        ("{x}", True, "yes"),
        ("{x[a].real}", {"a": 3}, "3"),
        ("{x}", say("{n} *lived*.", n=8), "8 *lived*."),
    ],
)
def test_a_value_stands_in_a_sentence_as_its_format_says(sentence, value, written):
    assert markdown(sentence, x=value) == written


def test_text_in_a_sentence_cannot_become_markdown_html_math_or_a_reference():
    text = "<b>*x*</b> & $y$ [a](http://b) `c` _d_ # | \\ É"
    written = markdown("{site}", site=text + " @fig-km")
    assert not re.search(r"[<>*$\[\]`@_|\\/]", written)
    assert "".join(Page(written).texts) == text + " @ fig-km"
    assert str(say("{site}", site=text)) == text
    assert "\n" not in markdown("{x}", x="a\n# b\r\n\x00c")


@pytest.mark.parametrize(
    ("sentence", "values", "error"),
    [
        ("{a} {b}", {"a": 1, "c": 2}, r"no value for \['b'\], no field for \['c'\]"),
        ("The median is {m:.0f}.", {"m": np.nan}, "NA"),
        (" ", {}, "empty"),
    ],
)
def test_a_sentence_that_cannot_be_said_says_why(sentence, values, error):
    with pytest.raises(ValueError, match=error):
        say(sentence, **values)


def test_a_card_says_patients_figure_and_findings():
    shown = card(patients=12, figure="fig-km", findings=["Four died.", say("{n} lived.", n=8)])
    assert shown.bundle["application/vnd.vlms.card+json"] == {
        "patients": 12,
        "figure": "fig-km",
        "findings": ["Four died.", "8 lived."],
    }


@pytest.mark.parametrize("findings", [[], ["a"] * 6, "Four died.", [" "]])
def test_a_card_has_one_to_five_findings_that_say_something(findings):
    with pytest.raises(ValueError):
        card(patients=12, figure="fig-km", findings=findings)


def test_several_things_of_one_cell_are_displayed_one_by_one(monkeypatch):
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda *shown: seen.extend(shown))
    one, two = say("One."), say("Two.")
    together(one, two)._ipython_display_()
    assert seen == [one, two]
