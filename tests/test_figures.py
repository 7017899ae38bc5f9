"""What is drawn, read back from the axes: no pictures are compared."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from vlms import figures
from vlms.figures.drawing import PALETTE, plain
from vlms.presentation import show_figure
from vlms.survival import kaplan_meier

# Follow-up (months) and deaths of twelve patients.
TIME = [18, 15, 84, 10, 82, 78, 64, 43, 28, 7, 14, 14]
DIED = [1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


@pytest.fixture
def curve():
    return kaplan_meier(TIME, DIED)


@pytest.fixture
def two_curves():
    return kaplan_meier(TIME, DIED, ["R0", "R1"] * 6)


@pytest.fixture
def patients():
    return pd.DataFrame(
        {
            "patient_id": ["1", "2", "3"],
            "time_months": [18.0, 84.0, 7.0],
            "status": ["dead_of_disease", "alive", "dead_other"],
            "radiotherapy": pd.array([True, False, None], dtype="boolean"),
            "local_recurrence_months": [5.0, np.nan, np.nan],
            "distant_recurrence_months": [5.0, 45.0, np.nan],
        }
    )


@pytest.fixture
def ratios():
    return pd.DataFrame(
        {
            "term": ["age", "grade", "site"],
            "hazard_ratio": [1.02, 3.4, None],
            "lower": [0.99, 1.5, None],
            "upper": [1.05, 7.6, None],
            "p_value": ["0.2", "0.003", None],
        }
    )


@pytest.fixture
def universe():
    return pd.DataFrame(
        {
            "patient 4": ["table", "text", "table", "text"],
            "patient 9": ["table", "table", "text", "text"],
            "survival": [0.57, 0.49, 0.65, None],
            "lower": [0.25, 0.2, 0.3, None],
            "upper": [0.8, 0.7, 0.9, None],
        }
    )


def words(ax):
    return [text.get_text() for text in ax.texts]


def below_axis(ax, height):
    """The words that stand this many points below the axis, from left to right."""
    found = [text for text in ax.texts if text.get_position()[1] == height]
    return [text.get_text() for text in sorted(found, key=lambda text: text.xy[0])]


def test_a_survival_curve_falls_at_deaths_and_ends_at_last_follow_up(curve):
    line = figures.plot_survival(curve).get_lines()[0]
    x, y = line.get_data()
    assert (x[0], y[0]) == (0, 1)
    assert x[-1] == 84
    # the first death, at 10 months, is one of 11 at risk
    assert y[np.flatnonzero(x == 10)].tolist() == pytest.approx([1, 10 / 11])
    # 10/11 · 7/8 · 6/7 · 5/6 = 2100/3696
    assert y[-1] == pytest.approx(2100 / 3696)


def test_every_corner_of_a_survival_curve_is_square(two_curves):
    for line in figures.plot_survival(two_curves, censoring_marks=False).get_lines():
        x, y = line.get_data()
        assert not np.any((np.diff(x) != 0) & (np.diff(y) != 0))


def test_the_numbers_at_risk_stand_under_their_ticks(curve):
    ax = figures.plot_survival(curve, times=[0, 12, 36, 84, 96])
    assert ax.get_xticks().tolist() == [0, 12, 36, 84, 96]
    # counted by hand from TIME: 12 patients, 10 with 12 or more, 5 with 36 or more, one with 84
    assert below_axis(ax, -44) == ["At risk", "12", "10", "5", "1", "0"]


def test_numbers_at_risk_that_are_withheld_are_not_drawn(curve):
    withheld = curve.assign(at_risk=curve["at_risk"].astype("Int64").where(curve["at_risk"] > 5))
    ax = figures.plot_survival(withheld, times=[0, 36])
    assert below_axis(ax, -44) == ["At risk", "12", "–"]
    ax = figures.plot_survival(curve.assign(at_risk="<10"), times=[0])
    assert below_axis(ax, -44) == ["At risk", "<10"]


def test_a_curve_whose_frame_begins_later_still_begins_at_zero(curve):
    line = figures.plot_survival(curve[curve["time"] > 8]).get_lines()[0]
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (0, 1)


def test_each_group_has_its_row_of_numbers_at_risk_in_its_colour(two_curves):
    ax = figures.plot_survival(two_curves, times=[0, 20])
    # R0: 18, 84, 82, 64, 28, 14 months; R1: 15, 10, 78, 43, 7, 14
    assert below_axis(ax, -58) == ["R0", "6", "4"]
    assert below_axis(ax, -72) == ["R1", "6", "2"]
    colors = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
    assert colors["R0"].upper() == PALETTE[0]
    assert colors["R1"].upper() == PALETTE[1]


def test_groups_differ_by_dashes_as_well_as_by_colour(two_curves):
    ax = figures.plot_survival(two_curves, censoring_marks=False)
    first, second = ax.get_lines()
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_color() != second.get_color()


def test_censoring_marks_stand_on_the_curve_where_follow_up_ends(curve):
    marks = figures.plot_survival(curve).get_lines()[1]
    assert marks.get_marker() == "|"
    assert marks.get_xdata().tolist() == [7, 14, 43, 64, 78, 82, 84]
    assert len(figures.plot_survival(curve, censoring_marks=False).get_lines()) == 1


def test_the_band_spans_the_interval_and_can_be_left_out(curve):
    band = figures.plot_survival(curve).collections[0]
    edges = band.get_paths()[0].vertices
    at_last = edges[edges[:, 0] == 84][:, 1]
    last = curve.iloc[-1]
    assert [at_last.min(), at_last.max()] == pytest.approx([last["lower"], last["upper"]])
    assert not figures.plot_survival(curve, interval=False).collections


def test_the_band_ends_where_everybody_has_died():
    ax = figures.plot_survival(kaplan_meier([5, 9], [1, 1]))
    heights = ax.collections[0].get_paths()[0].vertices
    assert np.isfinite(heights).all()
    # limits do not exist at S = 0: the last step of the band is that of 5 months
    assert heights[:, 0].max() == 9
    assert heights[:, 1].min() > 0


def test_a_curve_without_a_death_is_drawn_at_one():
    line = figures.plot_survival(kaplan_meier([5, 9], [0, 0])).get_lines()[0]
    assert set(line.get_ydata()) == {1}


@pytest.mark.parametrize("last", [0, 0.5, 5, 1200])
def test_any_length_of_follow_up_gets_ticks_that_do_not_crowd(last):
    ax = figures.plot_survival(kaplan_meier([last], [True]), interval=False)
    assert 1 <= len(ax.get_xticks()) <= 9
    assert ax.get_xlim()[1] >= last
    ax.figure.draw_without_rendering()


def test_one_nameless_group_has_no_legend_and_two_have_one(curve, two_curves):
    assert figures.plot_survival(curve).get_legend() is None
    texts = figures.plot_survival(two_curves).get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["R0", "R1"]


def test_names_of_groups_are_drawn_as_they_stand():
    evil = ["_hidden", "$x_1$"]
    ax = figures.plot_survival(kaplan_meier([5, 9], [1, 1], evil))
    texts = [text.get_text().replace(r"\$", "$") for text in ax.get_legend().get_texts()]
    assert sorted(texts) == sorted(evil)
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize("text", ["$", "$$", "a$b$c", "\\$", "${}$", "$\\frac{$", "a\x00b\nc"])
def test_no_label_is_read_as_math_or_breaks_the_drawing(text):
    figure, ax = plt.subplots()
    ax.set_xlabel(plain(text))
    figure.draw_without_rendering()


def test_long_labels_are_cut():
    assert len(plain("x" * 500)) == 60


def test_a_frame_that_lacks_a_column_is_refused_by_name(curve):
    with pytest.raises(ValueError, match=r"survival curve needs columns \['at_risk'\]"):
        figures.plot_survival(curve.drop(columns="at_risk"))
    with pytest.raises(ValueError, match="no row"):
        figures.plot_survival(curve.head(0))


def test_a_plot_draws_where_it_is_told_and_leaves_the_settings_alone(curve):
    before = dict(plt.rcParams)
    _, ax = plt.subplots()
    assert figures.plot_survival(curve, ax=ax) is ax
    figures.plot_survival(curve)
    assert dict(plt.rcParams) == before


def test_the_palette_is_the_colour_blind_one_of_seaborn():
    from seaborn import color_palette

    assert {color.lower() for color in PALETTE} <= set(color_palette("colorblind").as_hex())


def test_an_incidence_has_a_line_for_each_cause_and_group():
    rising = pd.DataFrame(
        {
            "group": ["R0"] * 4 + ["R1"] * 4,
            "cause": [1, 1, 2, 2] * 2,
            "time": [0, 10] * 4,
            "at_risk": [5, 3] * 4,
            "incidence": [0, 0.1, 0, 0.2, 0, 0.3, 0, 0.4],
            "lower": 0.0,
            "upper": 0.5,
        }
    )
    ax = figures.plot_cumulative_incidence(rising, causes={2: "death", 1: "recurrence"})
    assert [line.get_ydata()[-1] for line in ax.get_lines()] == [0.2, 0.1, 0.4, 0.3]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "R0, death",
        "R0, recurrence",
        "R1, death",
        "R1, recurrence",
    ]
    with pytest.raises(ValueError, match=r"No cause \[3\]"):
        figures.plot_cumulative_incidence(rising, causes={3: "other"})


def test_a_curve_is_built_death_by_death_with_each_factor(curve):
    ax = figures.plot_death_by_death(curve)
    # at risk just before each death, by hand: 11 at 10 months, 8 at 15, 7 at 18, 6 at 28
    assert [word for word in words(ax) if "/" in word] == ["10/11", "7/8", "6/7", "5/6"]
    assert [word for word in words(ax) if "%" in word] == ["90.9%", "79.5%", "68.2%", "56.8%"]


def test_a_curve_of_two_groups_or_without_a_death_is_not_built_up(two_curves):
    with pytest.raises(ValueError, match=r"2 group\(s\)"):
        figures.plot_death_by_death(two_curves)
    with pytest.raises(ValueError, match="0 times"):
        figures.plot_death_by_death(kaplan_meier([5], [0]))


def test_a_swimmer_plot_has_a_bar_for_each_patient_the_longest_on_top(patients):
    ax = figures.plot_swimmer(patients)
    assert [bar.get_width() for bar in ax.patches] == [84, 18, 7]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["2", "1", "3"]
    assert ax.yaxis_inverted()
    given = figures.plot_swimmer(patients, order="given")
    assert [bar.get_width() for bar in given.patches] == [18, 84, 7]


def test_each_bar_ends_with_how_the_patient_was_last_seen(patients):
    ends = figures.plot_swimmer(patients).get_lines()[:3]
    assert [(line.get_xdata()[0], line.get_marker()) for line in ends] == [
        (84, ">"),
        (18, "X"),
        (7, "X"),
    ]
    assert ends[1].get_color() != ends[2].get_color()


def test_two_events_of_one_month_are_both_seen(patients):
    recurrence, metastasis = figures.plot_swimmer(patients).get_lines()[3:5]
    # the second line is patient 1, with both at 5 months
    assert recurrence.get_xdata()[1] == metastasis.get_xdata()[1] == 5
    assert recurrence.get_ydata()[1] < 1 < metastasis.get_ydata()[1]


def test_treatment_is_given_not_given_or_not_known(patients):
    signs = [word for word in words(figures.plot_swimmer(patients)) if word in "●○?"]
    assert signs == ["○", "●", "?"]


def test_a_swimmer_plot_refuses_an_unknown_status_and_a_missing_time(patients):
    with pytest.raises(ValueError, match=r"found \['lost'\]"):
        figures.plot_swimmer(patients.assign(status="lost"))
    with pytest.raises(ValueError, match=r"patients \['1', '2', '3'\]"):
        figures.plot_swimmer(patients.assign(time_months=np.nan))


def test_a_forest_plot_draws_each_ratio_on_a_log_axis_with_its_interval(ratios):
    ax = figures.plot_forest(ratios, columns={"p_value": "P"})
    assert ax.get_xscale() == "log"
    lines = [line for line in ax.get_lines() if line.get_marker() == "None"]
    spans = [line.get_xdata() for line in lines if len(set(line.get_ydata())) == 1]
    assert [list(span) for span in spans] == [[0.99, 1.05], [1.5, 7.6]]
    assert {"1.02 (0.99 to 1.05)", "P", "0.003", "–"} <= set(words(ax))


def test_a_term_without_an_estimate_says_so_in_its_row(ratios):
    ax = figures.plot_forest(ratios)
    note = next(text for text in ax.texts if text.get_text() == "no estimate")
    assert note.xy[1] == 2
    assert [text.get_text() for text in ax.get_yticklabels()] == ["age", "grade", "site"]


def test_an_interval_beyond_the_axis_ends_in_an_arrow(ratios):
    ax = figures.plot_forest(ratios.assign(upper=[1.05, np.inf, None]), limits=(0.5, 10))
    arrows = [line for line in ax.get_lines() if line.get_marker() == ">"]
    assert [line.get_xdata()[0] for line in arrows] == [10]


def test_an_estimate_beyond_the_axis_is_not_drawn_outside_it(ratios):
    ax = figures.plot_forest(ratios, limits=(0.5, 2))
    low, high = ax.get_xlim()
    drawn = np.concatenate([line.get_xdata() for line in ax.get_lines()]).astype(float)
    assert (low, high) == (0.5, 2)
    assert drawn.min() >= low
    assert drawn.max() <= high


def test_highlighted_rows_differ_by_colour_and_shape(ratios):
    ax = figures.plot_forest(ratios.assign(odd=[False, True, False]), highlight="odd")
    dots = [line for line in ax.get_lines() if line.get_marker() in ("o", "s")]
    assert [dot.get_marker() for dot in dots] == ["o", "s"]
    assert dots[0].get_color() != dots[1].get_color()


def test_a_ratio_of_zero_has_no_place_on_a_log_axis(ratios):
    with pytest.raises(ValueError, match="above 0"):
        figures.plot_forest(ratios.assign(hazard_ratio=0.0))


def test_intervals_of_several_methods_stand_below_each_other():
    table = pd.DataFrame(
        {"method": ["plain", "log"], "survival": 0.57, "lower": [0.28, 0.35], "upper": [0.86, 0.95]}
    )
    ax = figures.plot_intervals(table, printed=0.57)
    spans = [list(line.get_xdata()) for line in ax.get_lines() if len(line.get_xdata()) == 2]
    assert spans == [[0.57, 0.57], [0.28, 0.86], [0.35, 0.95]]
    assert {"57 (28 to 86)", "57 (35 to 95)", "printed"} <= set(words(ax))


def test_a_multiverse_rises_and_shows_which_reading_each_estimate_uses(universe):
    ax = figures.plot_multiverse(universe, readings=["patient 4", "patient 9"], printed=0.57)
    heights = ax.get_lines()[0].get_ydata()
    assert heights[:3].tolist() == [0.49, 0.57, 0.65]
    assert np.isnan(heights[3])
    matrix = ax.child_axes[0]
    names = [text.get_text() for text in matrix.get_yticklabels()]
    used = [line.get_xdata().tolist() for line in matrix.get_lines() if line.get_marker() == "o"]
    # in order: 49 % (text, table), 57 % (table, table), 65 % (table, text), none (text, text)
    assert dict(zip(zip(["p4"] * 2 + ["p9"] * 2, names, strict=True), used, strict=True)) == {
        ("p4", "text"): [0, 3],
        ("p4", "table"): [1, 2],
        ("p9", "table"): [0, 1],
        ("p9", "text"): [2, 3],
    }


def test_the_matrix_of_a_multiverse_shares_its_columns_with_the_estimates(universe):
    ax = figures.plot_multiverse(universe, readings=["patient 4"])
    ax.figure.draw_without_rendering()
    above, below = ax.get_window_extent(), ax.child_axes[0].get_window_extent()
    assert (above.x0, above.x1) == pytest.approx((below.x0, below.x1))
    assert below.y1 < above.y0


def test_values_in_the_box_of_a_printed_number_are_told_from_those_outside():
    table = pd.DataFrame({"survival": [0.5649, 0.565, 0.57, 0.575, 0.5751], "censored": 0})
    outside, inside = figures.plot_attainable(table, printed="57%").collections
    assert inside.get_offsets()[:, 0].tolist() == [0.565, 0.57, 0.575]
    assert outside.get_offsets()[:, 0].tolist() == [0.5649, 0.5751]


def test_values_too_close_to_tell_apart_are_drawn_once_but_never_across_the_edge_of_the_box():
    table = pd.DataFrame({"survival": [0.56499, 0.56501, 0.565012], "censored": 0})
    outside, inside = figures.plot_attainable(table, printed="57%").collections
    assert (len(outside.get_offsets()), len(inside.get_offsets())) == (1, 1)


def test_statements_that_agree_have_a_common_band_and_others_a_gap():
    table = pd.DataFrame({"statement": ["a", "b"], "lower": [0.1, None], "upper": [0.3, 0.2]})
    ax = figures.plot_claim_against(table)
    assert words(ax) == ["what all of them allow"]
    apart = figures.plot_claim_against(table.assign(upper=[0.3, 0.05]))
    assert words(apart) == ["no value satisfies all"]
    assert apart.patches[0].get_facecolor() != ax.patches[0].get_facecolor()
    band = apart.patches[0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.05, 0.1))


def test_parts_are_stacked_and_held_against_their_total():
    table = pd.DataFrame(
        {"variable": ["grade"] * 2 + ["site"] * 2, "level": ["1", "2"] * 2, "n": [5, 6, 5, 8]}
    )
    ax = figures.plot_parts(table, total=12)
    assert [(bar.get_x(), bar.get_width()) for bar in ax.patches] == [
        (0, 5),
        (5, 6),
        (0, 5),
        (5, 8),
    ]
    assert {"11 of 12: 1 too few", "13 of 12: 1 too many"} <= set(words(ax))
    with pytest.raises(ValueError, match="0 or more"):
        figures.plot_parts(table.assign(n=[5, None, 5, 8]))


def test_only_points_that_rise_beyond_rounding_are_joined():
    table = pd.DataFrame(
        {"time": [60, 36, 24], "lower": [0.595, 0.495, 0.595], "upper": [0.605, 0.505, 0.605]}
    )
    ax = figures.plot_printed_survival(table)
    joined = [line.get_xdata().tolist() for line in ax.get_lines() if line.get_linestyle() == "--"]
    # 60 % at 24 and at 60 months may be one value; 50 % at 36 cannot be followed by 60 %
    assert joined == [[36, 60]]


def test_points_of_different_groups_are_not_held_against_each_other():
    table = pd.DataFrame(
        {"time": [36, 60], "lower": [0.4, 0.6], "upper": [0.5, 0.7], "site": ["arm", "leg"]}
    )
    ax = figures.plot_printed_survival(table, group="site")
    assert not [line for line in ax.get_lines() if line.get_linestyle() == "--"]


def test_every_figure_is_stored_in_less_than_120_kilobytes(curve, patients, ratios, universe):
    drawn = [
        figures.plot_survival(curve),
        figures.plot_death_by_death(curve),
        figures.plot_swimmer(pd.concat([patients] * 4, ignore_index=True)),
        figures.plot_forest(pd.concat([ratios] * 3, ignore_index=True)),
        figures.plot_multiverse(universe, readings=["patient 4", "patient 9"]),
    ]
    for ax in drawn:
        page = show_figure(ax, label="fig-a", caption="A.", alt="A.").bundle["text/html"]
        assert len(page) < 120_000


def test_two_renders_of_a_survival_curve_are_the_same_bytes(two_curves):
    first, second = (
        show_figure(figures.plot_survival(two_curves), label="fig-a", caption="A.", alt="A.")
        for _ in range(2)
    )
    assert first.bundle == second.bundle
    assert re.search(r'src="data:image/svg', first.bundle["text/html"])


def test_the_theme_can_be_asked_for():
    with plt.rc_context():
        figures.use_theme()
        assert not plt.rcParams["axes.spines.top"]
