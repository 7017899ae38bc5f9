"""What a notebook shows: figures, tables, sentences, the card of the index page."""

import base64
import csv
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt

from vlms.presentation import card, image_format, say, show_figure, show_table, together


@pytest.fixture(autouse=True)
def svg_and_no_open_figures():
    image_format("svg")
    yield
    image_format("svg")
    plt.close("all")


def draw():
    figure, ax = plt.subplots()
    ax.plot([0, 1], [1, 0.5])
    ax.set_xlabel("Months")
    return ax


def shown_figure(**options):
    words = {"label": "fig-km", "caption": "Survival falls.", "alt": "A falling curve."}
    return show_figure(draw(), **(words | options))


def stored_image(shown):
    found = re.search(r'src="data:([^;]+);base64,([^"]+)"', shown.bundle["text/html"])
    return found[1], base64.b64decode(found[2])


class Cells(HTMLParser):
    """The tags and the unescaped text of a page, as a browser sees them."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def cells(shown):
    return [text for text in Cells(shown.bundle["text/html"]).texts if text.strip()]


def markdown(sentence, **values):
    return say(sentence, **values).bundle["text/markdown"]


def table(frame, **options):
    return show_table(frame, **({"label": "tbl-x", "caption": "Some rows."} | options))


def test_a_figure_carries_its_label_alt_text_and_caption():
    page = Cells(shown_figure(alt='Curve of "all" <12>').bundle["text/html"])
    tags = dict(page.tags)
    assert tags["figure"] == {"id": "fig-km", "class": "vlms-figure"}
    assert tags["img"]["alt"] == 'Curve of "all" <12>'
    assert page.texts == ["Survival falls."]


def test_two_renders_of_one_figure_are_the_same_bytes():
    assert stored_image(shown_figure()) == stored_image(shown_figure())


def test_a_stored_svg_holds_no_date_and_no_comment():
    mime, data = stored_image(shown_figure())
    assert mime == "image/svg+xml"
    assert data.lstrip().startswith(b"<?xml")
    assert b"<!--" not in data
    assert b"dc:date" not in data


def test_a_png_is_stored_where_asked_for_and_says_nothing_of_its_making():
    image_format("png")
    mime, data = stored_image(shown_figure())
    assert mime == "image/png"
    assert data.startswith(b"\x89PNG")
    assert b"tEXt" not in data
    assert b"matplotlib" not in data.lower()


def test_a_figure_is_closed_once_it_is_shown():
    shown_figure()
    assert plt.get_fignums() == []


def test_saving_leaves_the_settings_of_matplotlib_alone():
    before = dict(plt.rcParams)
    shown_figure()
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize(
    "options",
    [
        {"caption": " "},
        {"alt": ""},
        {"alt": None},
        {"label": "km"},
        {"label": "fig-KM"},
        {"label": 'fig-a"b'},
        {"label": "tbl-a"},
        {"label": "fig-a\n"},
    ],
)
def test_a_figure_without_words_or_with_another_label_is_refused(options):
    with pytest.raises(ValueError):
        shown_figure(**options)


def test_what_is_no_figure_is_refused():
    with pytest.raises(TypeError, match="Figure or Axes"):
        show_figure("curve.png", label="fig-a", caption="A.", alt="A.")


def test_an_unknown_image_format_is_refused():
    with pytest.raises(ValueError, match="'svg' or 'png'"):
        image_format("jpg")


def test_text_of_a_table_cannot_become_markup():
    evil = "<script>alert(1)</script>"
    shown = table(pd.DataFrame({evil: [evil], "n": [1]}), caption=evil)
    page = Cells(shown.bundle["text/html"])
    assert "script" not in [tag for tag, _ in page.tags]
    assert page.texts.count(evil) == 3


def test_the_first_column_heads_the_rows_and_the_names_head_the_columns():
    shown = table(pd.DataFrame({"sex": ["f"], "n": [9]}))
    scopes = [
        attrs.get("scope") for tag, attrs in Cells(shown.bundle["text/html"]).tags if tag == "th"
    ]
    assert scopes == ["col", "col", "row"]


def test_the_scrolling_region_has_a_name_and_takes_the_keyboard():
    page = Cells(table(pd.DataFrame({"n": [1]}), caption="All <12>").bundle["text/html"])
    region = next(attrs for tag, attrs in page.tags if tag == "div")
    assert region["tabindex"] == "0"
    assert (region["role"], region["aria-label"]) == ("region", "All <12>")


def test_floats_get_three_significant_digits_and_whole_ones_none():
    frame = pd.DataFrame({"a": [0.12345], "b": [12.345], "c": [1234.56], "d": [5.0]})
    assert cells(table(frame))[-4:] == ["0.123", "12.3", "1235", "5"]


def test_digits_hold_for_all_float_columns_or_for_those_named():
    frame = pd.DataFrame({"a": [1.25], "b": [1.25]})
    assert cells(table(frame, digits=1))[-2:] == ["1.3", "1.3"]
    assert cells(table(frame, digits={"a": 0}))[-2:] == ["1", "1.25"]


def test_a_p_value_is_printed_as_one_unless_another_format_is_given():
    frame = pd.DataFrame({"n": [1, 2], "p_value": [0.0004, 0.25]})
    assert "<0.001" in cells(table(frame))
    assert "0.00" in cells(table(frame, formats={"p_value": ".2f"}))


def test_missing_values_are_said_by_column():
    frame = pd.DataFrame({"n": [1], "time": [np.nan], "sex": pd.array([pd.NA], dtype="string")})
    assert cells(table(frame))[-2:] == ["–", "–"]
    shown = table(frame, missing={"time": "not reached"})
    assert cells(shown)[-2:] == ["not reached", "–"]


def test_true_and_false_are_yes_and_no():
    frame = pd.DataFrame({"n": [1, 2], "died": pd.array([True, None], dtype="boolean")})
    assert cells(table(frame))[-4:] == ["1", "yes", "2", "–"]


def test_headings_carry_units_and_can_be_replaced():
    frame = pd.DataFrame({"size_cm": [1], "time_months": [2], "std_error": [3]})
    assert cells(table(frame))[1:4] == ["size (cm)", "time (months)", "std error"]
    assert "SE" in cells(table(frame, headers={"std_error": "SE"}))


def test_a_named_index_becomes_the_first_column():
    frame = pd.DataFrame({"n": [9, 3]}, index=pd.Index(["f", "m"], name="sex"))
    assert cells(table(frame))[1:] == ["sex", "n", "f", "9", "m", "3"]


def test_a_heading_that_repeats_spans_its_rows_where_asked():
    frame = pd.DataFrame({"variable": ["sex", "sex", "age"], "level": ["f", "m", "mean"]})
    page = Cells(table(frame, grouped=True).bundle["text/html"])
    heads = [attrs for tag, attrs in page.tags if tag == "th"][2:]
    assert [(head["scope"], head.get("rowspan")) for head in heads] == [
        ("rowgroup", "2"),
        ("row", None),
        ("row", None),
        ("row", None),
        ("row", None),
    ]
    assert [text for text in page.texts if text in ("sex", "f", "m", "age", "mean")] == [
        "sex",
        "f",
        "m",
        "age",
        "mean",
    ]


def test_an_option_for_a_column_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"no column \['time'\]"):
        table(pd.DataFrame({"n": [1]}), missing={"time": "not reached"})


def test_the_csv_keeps_names_and_numbers_whole():
    shown = table(pd.DataFrame({"size_cm": [1 / 3, np.nan]}), digits=1)
    data = shown.bundle["application/vnd.vlms.table+json"]
    assert data["label"] == "tbl-x"
    rows = pd.read_csv(io.StringIO(data["csv"]), skip_blank_lines=False)
    assert rows["size_cm"].tolist()[0] == 1 / 3
    assert rows["size_cm"].isna().tolist() == [False, True]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1"])
def test_no_text_of_the_csv_is_a_formula_and_no_number_is_touched(text):
    shown = table(pd.DataFrame({"note": [text], "x": [-1.5]}))
    data = shown.bundle["application/vnd.vlms.table+json"]["csv"]
    assert list(csv.reader(io.StringIO(data, newline="")))[1] == [f"'{text.strip()}", "-1.5"]


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no column \['age'\]; there are \['n'\]"):
        table(pd.DataFrame({"n": [1]}), columns=["age"])


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two columns have one name"):
        table(pd.DataFrame([[1, 2]], columns=["n", "n"]))


def test_a_table_needs_a_caption_and_a_frame():
    with pytest.raises(ValueError, match="caption"):
        table(pd.DataFrame({"n": [1]}), caption="")
    with pytest.raises(TypeError, match="DataFrame"):
        table([1, 2])


def test_numbers_stand_in_a_sentence_as_their_format_says():
    assert markdown("Age {mean:.1f}, **{share:.0%}**.", mean=59.04, share=0.567) == (
        "Age 59.0, **57%**."
    )


def test_a_negative_number_has_a_minus_and_not_a_hyphen():
    assert markdown("{x:.1f}", x=-1.25) == "−1.2"


def test_text_in_a_sentence_cannot_become_markdown_html_math_or_a_reference():
    written = markdown("Site: {site}.", site="<b>*x*</b> $y$ [a](http://b) `c` @fig-km _d_ # | \\")
    assert not re.search(r"[<>*$\[\]`@_|\\/]", written.removeprefix("Site: "))


def test_escaped_text_reads_as_it_was_given():
    text = "<b>*x*</b> & $y$ [a](http://b) `c` @fig-km _d_ É"
    assert "".join(Cells(markdown("{site}", site=text)).texts) == text
    assert str(say("{site}", site=text)) == text


def test_line_breaks_in_a_value_do_not_start_a_heading():
    assert "\n" not in markdown("{x}", x="a\n# b\r\n\x00c")


def test_a_missing_value_needs_words_of_its_own():
    assert markdown("The median {m:.0f|is not reached}.", m=pd.NA) == ("The median is not reached.")
    assert markdown("{m:.0f|not reached}", m=12.4) == "12"
    with pytest.raises(ValueError, match="NA"):
        markdown("The median is {m:.0f}.", m=np.nan)


def test_lists_are_enumerated_and_each_item_is_formatted_and_escaped():
    assert markdown("{ids}", ids=[2, 4, 9]) == "2, 4 and 9"
    assert markdown("{x:.0%}", x=pd.Series([0.5, 0.25])) == "50% and 25%"
    assert markdown("{x}", x=["<a>"]) == "&#60;a&#62;"
    assert markdown("{x}", x=[]) == "none"


def test_a_p_value_is_printed_by_its_own_rule():
    assert str(say("P {p:p}", p=0.0004)) == "P <0.001"


def test_fields_and_values_of_a_sentence_must_match():
    with pytest.raises(ValueError, match=r"no value for \['b'\], no field for \['c'\]"):
        say("{a} {b}", a=1, c=2)


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


def test_jupyter_takes_every_bundle_as_it_is():
    formatter = DisplayFormatter()
    for shown, mime in [
        (say("{n}", n=1), "text/markdown"),
        (table(pd.DataFrame({"n": [1]})), "application/vnd.vlms.table+json"),
        (card(patients=1, figure="fig-a", findings=["A."]), "application/vnd.vlms.card+json"),
    ]:
        assert formatter.format(shown)[0] == shown.bundle
        assert mime in shown.bundle


def test_several_things_of_one_cell_are_displayed_one_by_one(monkeypatch):
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda *shown: seen.extend(shown))
    one, two = say("One."), say("Two.")
    together(one, two)._ipython_display_()
    assert seen == [one, two]
