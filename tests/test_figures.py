"""What is drawn, read back from the axes: no pictures are compared."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter, WeibullAFTFitter, WeibullFitter
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from seaborn import color_palette

from vlms import figures
from vlms.showing import show_figure
from vlms.survival import kaplan_meier

# Follow-up (months) and deaths of twelve patients.
TIME = [18, 15, 84, 10, 82, 78, 64, 43, 28, 7, 14, 14]
DIED = [1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


PATIENTS = pd.DataFrame(
    {"patient_id": ["1", "2", "3"], "time_months": [18.0, 84.0, 7.0]}
    | {"status": ["dead_of_disease", "alive", "dead_other"], "radiotherapy": [True, False, None]}
    | {"local_recurrence_months": [5.0, None, None]}
    | {"distant_recurrence_months": [5.0, 45.0, None]}
)
RATIOS = pd.DataFrame(
    {"term": ["age", "grade", "site"], "hazard_ratio": [1.02, 3.4, None]}
    | {"lower": [0.99, 1.5, None], "upper": [1.05, 7.6, None], "p_value": ["0.2", "0.003", None]}
)
READINGS = pd.DataFrame(
    {"patient 4": ["table", "text", "table", "text"]}
    | {"patient 9": ["table", "table", "text", "text"], "survival": [0.57, 0.49, 0.65, None]}
    | {"lower": [0.25, 0.2, 0.3, None], "upper": [0.8, 0.7, 0.9, None]}
)
PLAIN_WORDS = {"label": "fig-a", "caption": "A.", "alt": "A."}


@pytest.fixture(scope="module")
def curve():
    return kaplan_meier(TIME, DIED)


@pytest.fixture(scope="module")
def two_curves():
    return kaplan_meier(TIME, DIED, ["R0", "R1"] * 6)


def words(ax):
    return [text.get_text() for text in ax.texts]


def below_axis(ax, height):
    """The words that stand this many points below the axis, from left to right."""
    found = [text for text in ax.texts if text.get_position()[1] == height]
    return [text.get_text() for text in sorted(found, key=lambda text: text.xy[0])]


def spans(ax):
    """The ends of each horizontal line."""
    lines = [line.get_xdata() for line in ax.get_lines() if len(set(line.get_ydata())) == 1]
    return [list(x) for x in lines if len(x) == 2]


# --- Curves ---------------------------------------------------------------------------------------


def test_a_survival_curve_falls_in_square_steps_and_ends_at_last_follow_up(curve):
    line, marks = figures.plot_survival(curve).get_lines()
    x, y = line.get_data()
    assert (x[0], y[0], x[-1]) == (0, 1, 84)
    # the first death, at 10 months, is one of 11 at risk; 10/11 · 7/8 · 6/7 · 5/6 = 2100/3696
    assert y[np.flatnonzero(x == 10)].tolist() == pytest.approx([1, 10 / 11])
    assert y[-1] == pytest.approx(2100 / 3696)
    assert not np.any((np.diff(x) != 0) & (np.diff(y) != 0))
    assert marks.get_xdata().tolist() == [7, 14, 43, 64, 78, 82, 84]
    bare = figures.plot_survival(curve, censoring_marks=False, interval=False)
    assert (len(bare.get_lines()), len(bare.collections)) == (1, 0)


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


def test_each_group_has_its_legend_dashes_and_numbers_at_risk_in_its_colour(two_curves, curve):
    ax = figures.plot_survival(two_curves, times=[0, 20], censoring_marks=False)
    # R0: 18, 84, 82, 64, 28, 14 months; R1: 15, 10, 78, 43, 7, 14
    assert below_axis(ax, -58) == ["R0", "6", "4"]
    assert below_axis(ax, -72) == ["R1", "6", "2"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["R0", "R1"]
    lines = ax.get_lines()
    colors = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
    assert [to_hex(line.get_color()) for line in lines] == [colors["R0"], colors["R1"]]
    assert set(colors.values()) - {"#262626", "#5f5f5f"} <= set(
        color_palette("colorblind").as_hex()
    )
    assert lines[0].get_linestyle() != lines[1].get_linestyle()
    assert figures.plot_survival(curve).get_legend() is None


def test_a_long_name_of_a_group_stands_over_its_numbers():
    groups = ["inferior vena cava", "saphenous vein"]
    ax = figures.plot_survival(kaplan_meier([5, 9], [1, 1], groups), times=[0])
    assert [below_axis(ax, y) for y in (-58, -72, -86, -100)] == [
        ["inferior vena cava"],
        ["1"],
        ["saphenous vein"],
        ["1"],
    ]


def test_the_band_spans_the_interval_and_ends_where_everybody_has_died(curve):
    edges = figures.plot_survival(curve).collections[0].get_paths()[0].vertices
    at_last = edges[edges[:, 0] == 84][:, 1]
    last = curve.iloc[-1]
    assert [at_last.min(), at_last.max()] == pytest.approx([last["lower"], last["upper"]])
    # limits do not exist at S = 0: the last step of the band is that of 5 months
    dead = figures.plot_survival(kaplan_meier([5, 9], [1, 1])).collections[0].get_paths()[0]
    assert np.isfinite(dead.vertices).all()
    assert dead.vertices[:, 0].max() == 9
    assert dead.vertices[:, 1].min() > 0


def test_a_curve_begins_at_one_whatever_its_frame_begins_with(curve):
    line = figures.plot_survival(curve[curve["time"] > 8]).get_lines()[0]
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (0, 1)
    flat = figures.plot_survival(kaplan_meier([5, 9], [0, 0])).get_lines()[0]
    assert set(flat.get_ydata()) == {1}


@pytest.mark.parametrize("last", [0, 0.5, 5, 1200, 15_000, 10**6])
def test_any_length_of_follow_up_gets_ticks_that_do_not_crowd(last):
    ax = figures.plot_survival(kaplan_meier([last], [True]), interval=False)
    assert 1 <= len(ax.get_xticks()) <= 9
    assert ax.get_xlim()[1] >= last
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize(
    "text", ["_hidden", "$x_1$", "$", "$$", "\\$", "${}$", "$\\frac{$", "a\x00b\nc", "x" * 500]
)
def test_no_name_is_read_as_math_hidden_or_breaks_the_drawing(text):
    ax = figures.plot_survival(kaplan_meier([5, 9], [1, 1], [text, "b"]), ylabel=text)
    drawn = [words.get_text().replace(r"\$", "$") for words in ax.get_legend().get_texts()]
    shown = " ".join(text.replace("\x00", " ").split())
    assert (shown if len(shown) < 40 else "x" * 43 + "…") in drawn
    assert len(ax.get_ylabel()) <= 60
    ax.figure.draw_without_rendering()
    parts = figures.plot_parts(pd.DataFrame({"variable": [text], "level": [text], "n": [1]}))
    parts.figure.draw_without_rendering()


def test_a_fitted_estimator_of_lifelines_is_drawn_as_our_own_curve(curve):
    fitted = KaplanMeierFitter().fit(TIME, DIED)
    theirs = figures.plot_survival(fitted, times=[0, 12, 36, 84])
    line, marks = theirs.get_lines()
    ours = figures.plot_survival(curve).get_lines()
    np.testing.assert_allclose(line.get_data(), ours[0].get_data())
    np.testing.assert_allclose(marks.get_data(), ours[1].get_data())
    assert below_axis(theirs, -44) == ["At risk", "12", "10", "5", "1"]
    # the unit of the fit is not known
    assert theirs.get_xlabel() == "Time"
    assert theirs.get_legend() is None
    assert figures.plot_survival(fitted, xlabel="Days").get_xlabel() == "Days"


def test_numbers_at_risk_of_a_delayed_entry_are_those_just_before_the_time():
    fitted = KaplanMeierFitter().fit([4, 6, 9], [1, 0, 1], entry=[0, 2, 4])
    # just before 2: one patient; before 4: two, as the third enters at 4; before 9: one
    assert below_axis(figures.plot_survival(fitted, times=[2, 4, 9]), -44)[1:] == ["1", "2", "1"]


def test_several_estimators_of_lifelines_need_labels_and_no_other_model_is_a_curve():
    r0, r1 = (
        KaplanMeierFitter(label=name).fit(TIME[k::2], DIED[k::2])
        for k, name in enumerate(["R0", "R1"])
    )
    ax = figures.plot_survival([r0, r1], times=[0, 20])
    assert below_axis(ax, -58) == ["R0", "6", "4"]
    assert below_axis(ax, -72) == ["R1", "6", "2"]
    with pytest.raises(ValueError, match="labelled 'R0'"):
        figures.plot_survival([r0, r0])
    with pytest.raises(TypeError, match="not WeibullFitter"):
        figures.plot_survival(WeibullFitter().fit(TIME, DIED))
    with pytest.raises(ValueError, match="without a timeline"):
        figures.plot_survival(KaplanMeierFitter().fit(TIME, DIED, timeline=[0, 50, 90]))
    with pytest.raises(ValueError, match="has not been fitted"):
        figures.plot_survival(KaplanMeierFitter())


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


def test_an_incidence_has_a_line_for_each_cause_and_group():
    rising = pd.DataFrame(
        {"group": ["R0"] * 4 + ["R1"] * 4, "cause": [1, 1, 2, 2] * 2, "time": [0, 10] * 4}
        | {"at_risk": 3, "incidence": [0, 0.1, 0, 0.2, 0, 0.3, 0, 0.4], "lower": 0, "upper": 0.5}
    )
    ax = figures.plot_cumulative_incidence(rising, causes={2: "death", 1: "recurrence"})
    ends = {
        text.get_text(): line.get_ydata()[-1]
        for text, line in zip(ax.get_legend().get_texts(), ax.get_lines(), strict=True)
    }
    assert ends == {
        "R0, death": 0.2,
        "R0, recurrence": 0.1,
        "R1, death": 0.4,
        "R1, recurrence": 0.3,
    }
    with pytest.raises(ValueError, match=r"No cause \[3\]"):
        figures.plot_cumulative_incidence(rising, causes={3: "other"})


def test_a_curve_is_built_death_by_death_with_each_factor(curve, two_curves):
    ax = figures.plot_death_by_death(curve)
    # at risk just before each death, by hand: 11 at 10 months, 8 at 15, 7 at 18, 6 at 28
    assert [word for word in words(ax) if "/" in word] == ["10/11", "7/8", "6/7", "5/6"]
    assert [word for word in words(ax) if "%" in word] == ["90.9%", "79.5%", "68.2%", "56.8%"]
    with pytest.raises(ValueError, match=r"2 group\(s\)"):
        figures.plot_death_by_death(two_curves)
    assert figures.plot_death_by_death(kaplan_meier(range(1, 15), [True] * 14))
    for deaths, match in ((0, "0 times"), (15, "15 times")):
        with pytest.raises(ValueError, match=match):
            figures.plot_death_by_death(kaplan_meier(range(1, 16), np.arange(15) < deaths))


# --- Patients -------------------------------------------------------------------------------------


def test_a_swimmer_plot_has_a_bar_for_each_patient_the_longest_on_top():
    ax = figures.plot_swimmer(PATIENTS)
    assert [bar.get_width() for bar in ax.patches] == [84, 18, 7]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["2", "1", "3"]
    assert ax.yaxis_inverted()
    ends = ax.get_lines()[:3]
    assert [(e.get_xdata()[0], e.get_marker()) for e in ends] == [(84, ">"), (18, "X"), (7, "X")]
    assert ends[1].get_color() != ends[2].get_color()
    assert [word for word in words(ax) if word in "●○?"] == ["○", "●", "?"]


def test_two_events_of_one_month_are_both_seen():
    recurrence, metastasis = figures.plot_swimmer(PATIENTS).get_lines()[3:5]
    # the second line is patient 1, with both at 5 months
    assert recurrence.get_xdata()[1] == metastasis.get_xdata()[1] == 5
    assert recurrence.get_ydata()[1] < 1 < metastasis.get_ydata()[1]


def test_a_swimmer_plot_refuses_an_unknown_status_and_a_missing_time():
    with pytest.raises(ValueError, match=r"found \['lost'\]"):
        figures.plot_swimmer(PATIENTS.assign(status="lost"))
    with pytest.raises(ValueError, match=r"patients \['1', '2', '3'\]"):
        figures.plot_swimmer(PATIENTS.assign(time_months=np.nan))


# --- Estimates ------------------------------------------------------------------------------------


def test_a_forest_plot_draws_each_ratio_on_a_log_axis_with_its_interval():
    ax = figures.plot_forest(RATIOS, columns={"p_value": "P"})
    assert ax.get_xscale() == "log"
    assert spans(ax) == [[0.99, 1.05], [1.5, 7.6]]
    assert {"age", "1.02 (0.99 to 1.05)", "Ratio (95% CI)", "P", "0.003", "–"} <= set(words(ax))
    note = next(text for text in ax.texts if text.get_text() == "no estimate")
    assert note.xy[1] == 2
    eighty = RATIOS.copy()
    eighty.attrs["confidence"] = 0.8
    assert "Ratio (80% CI)" in words(figures.plot_forest(eighty))


def test_the_words_of_a_forest_plot_do_not_overlap_and_fit_its_width():
    long = "radiotherapy before or after the operation, as far as it is documented"
    table = pd.DataFrame({"term": ["age", long], "hazard_ratio": 2.0, "lower": 1.0, "upper": 1e6})
    ax = figures.plot_forest(table.assign(n=12), columns={"n": "events needed"})
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]
    assert max(box.x1 for box in boxes) <= ax.figure.bbox.x1
    # each label stands above the interval of its row, and no endless interval stretches the axis
    lines = [ax.transData.transform((1, row))[1] for row in range(2)]
    assert boxes[0].y0 > lines[0] > boxes[1].y1 > boxes[1].y0 > lines[1]
    assert ax.get_xlim() == (0.5, 20)


def test_an_interval_beyond_the_axis_ends_in_an_arrow_and_no_estimate_lies_outside():
    ax = figures.plot_forest(RATIOS.assign(upper=[1.05, np.inf, None]), limits=(0.5, 2))
    arrows = [line for line in ax.get_lines() if line.get_marker() == ">"]
    assert [line.get_xdata()[0] for line in arrows] == [2]
    open_end = figures.plot_forest(RATIOS.assign(upper=[1.05, None, None]), limits=(0.5, 5))
    assert spans(open_end)[1] == [1.5, 5]
    drawn = np.concatenate([line.get_xdata() for line in ax.get_lines()]).astype(float)
    assert (*ax.get_xlim(), drawn.min() >= 0.5, drawn.max() <= 2) == (0.5, 2, True, True)


def test_highlighted_rows_differ_by_colour_and_shape():
    ax = figures.plot_forest(RATIOS.assign(odd=[False, True, False]), highlight="odd")
    dots = [line for line in ax.get_lines() if line.get_marker() in ("o", "s")]
    assert [dot.get_marker() for dot in dots] == ["o", "s"]
    assert dots[0].get_color() != dots[1].get_color()


def test_a_ratio_of_zero_has_no_place_on_a_log_axis():
    with pytest.raises(ValueError, match="above 0"):
        figures.plot_forest(RATIOS.assign(hazard_ratio=0.0))


def test_a_summary_of_lifelines_is_drawn_with_its_own_level():
    frame = pd.DataFrame({"time": TIME, "event": DIED, "old": [0, 1, 1] * 4})
    fitted = CoxPHFitter(alpha=0.1).fit(frame, "time", "event")
    ax = figures.plot_forest(fitted.summary)
    low, high = fitted.summary[["exp(coef) lower 90%", "exp(coef) upper 90%"]].iloc[0]
    assert spans(ax) == [pytest.approx([low, high])]
    assert {"old", "Ratio (90% CI)"} <= set(words(ax))
    with pytest.raises(ValueError, match="not of a Cox model"):
        figures.plot_forest(WeibullAFTFitter().fit(frame, "time", "event").summary)
    with pytest.raises(TypeError, match="not CoxPHFitter"):
        figures.plot_forest(fitted)


def test_summaries_of_several_models_are_drawn_together_at_one_level():
    frame = pd.DataFrame({"time": TIME, "event": DIED, "old": [0, 1, 1] * 4})
    wide, narrow = (
        CoxPHFitter(alpha=alpha).fit(frame, "time", "event").summary for alpha in (0.05, 0.1)
    )
    both = figures.plot_forest(pd.concat({"Overall": wide, "Disease": wide}))
    assert {"Overall: old", "Disease: old"} <= set(words(both))
    with pytest.raises(ValueError, match="different levels of confidence"):
        figures.plot_forest(pd.concat({"95": wide, "90": narrow}))


def test_intervals_of_several_methods_stand_below_each_other():
    table = pd.DataFrame(
        {"method": ["plain", "log"], "survival": 0.57, "lower": [0.28, 0.35], "upper": [0.86, 0.95]}
    )
    ax = figures.plot_intervals(table, printed=0.57)
    assert spans(ax) == [[0.28, 0.86], [0.35, 0.95]]
    assert {"plain", "57 (28 to 86)", "57 (35 to 95)"} <= set(words(ax))
    assert ax.get_lines()[0].get_xdata() == [0.57, 0.57]
    assert ax.get_xlabel() == "Survival (dashed: as printed)"
    below = table.assign(survival=-0.2, lower=-0.5, upper=0.1)
    assert "−20 (−50 to 10)" in words(figures.plot_intervals(below))


def test_a_multiverse_rises_and_shows_which_reading_each_estimate_uses():
    ax = figures.plot_multiverse(READINGS, readings=["patient 4", "patient 9"], printed=0.57)
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
    ax.figure.draw_without_rendering()
    above, below = ax.get_window_extent(), matrix.get_window_extent()
    assert (above.x0, above.x1) == pytest.approx((below.x0, below.x1))
    assert below.y1 < above.y0


# --- Printed numbers ------------------------------------------------------------------------------


def test_values_in_the_box_of_a_printed_number_are_told_from_those_outside():
    table = pd.DataFrame({"survival": [0.5649, 0.565, 0.57, 0.575, 0.5751], "censored": 0})
    outside, inside = figures.plot_attainable(table, printed="57%").collections
    assert inside.get_offsets()[:, 0].tolist() == [0.565, 0.57, 0.575]
    assert outside.get_offsets()[:, 0].tolist() == [0.5649, 0.5751]
    # what is too close to tell apart is drawn once, but never across the edge of the box
    near = pd.DataFrame({"survival": [0.56499, 0.56501, 0.565012], "censored": 0})
    outside, inside = figures.plot_attainable(near, printed="57%").collections
    assert (len(outside.get_offsets()), len(inside.get_offsets())) == (1, 1)


def test_statements_that_agree_have_a_common_band_and_others_a_gap():
    table = pd.DataFrame({"statement": ["a", "b"], "lower": [0.1, None], "upper": [0.3, 0.2]})
    ax = figures.plot_claim_against(table)
    assert words(ax) == ["a", "b", "what all of them allow"]
    apart = figures.plot_claim_against(table.assign(upper=[0.3, 0.05]))
    assert words(apart) == ["a", "b", "no value satisfies all"]
    assert apart.patches[0].get_facecolor() != ax.patches[0].get_facecolor()
    band = apart.patches[0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.05, 0.1))
    points = figures.plot_claim_against(table.assign(upper=[0.1, 0.2])).get_lines()
    assert [line.get_xdata() for line in points if line.get_marker() == "D"] == [[0.1]]


def test_parts_are_stacked_and_held_against_their_total():
    table = pd.DataFrame(
        {"variable": ["grade"] * 2 + ["site"] * 2, "level": ["1", "2"] * 2, "n": [5, 6, 5, 8]}
    )
    ax = figures.plot_parts(table, total=12)
    bars = [(bar.get_x(), bar.get_width()) for bar in ax.patches]
    assert bars == [(0, 5), (5, 6), (0, 5), (5, 8)]
    assert {"grade", "11 of 12: 1 too few", "13 of 12: 1 too many", "■", "8"} <= set(words(ax))
    with pytest.raises(ValueError, match="0 or more"):
        figures.plot_parts(table.assign(n=[5, None, 5, 8]))


# --- As stored ------------------------------------------------------------------------------------


def test_every_figure_is_small_narrow_and_the_same_bytes_twice(curve):
    drawn = [
        figures.plot_survival(curve),
        figures.plot_survival(curve),
        figures.plot_swimmer(pd.concat([PATIENTS] * 4, ignore_index=True)),
        figures.plot_forest(pd.concat([RATIOS] * 3, ignore_index=True)),
        figures.plot_multiverse(READINGS, readings=["patient 4", "patient 9"]),
    ]
    pages = [show_figure(ax, **PLAIN_WORDS).bundle["text/html"] for ax in drawn]
    assert pages[0] == pages[1]
    assert max(map(len, pages)) < 90_000
    # letters of 9.5 points, 12.7 pixels, are at least 8.7 pixels high on a screen of 360
    assert max(int(page.split('width="')[1].split('"')[0]) for page in pages) <= 525


def test_a_matrix_of_verdicts_has_the_claims_that_move_and_the_readings_that_move_them():
    rows = [
        ("women", "as printed", 0, "agrees"),
        ("women", "man-12", 1, "disagrees"),
        ("women", "late", 1, "agrees"),
        ("relapses", "as printed", 0, "not known"),
        ("relapses", "yes", 1, "not known"),
        ("relapses", "yes + late", 2, "agrees"),
        ("still", "as printed", 0, "agrees"),
        ("still", "late", 1, "agrees"),
    ]
    matrix = pd.DataFrame(rows, columns=["claim", "readings", "n", "state"])
    ax = figures.plot_verdict_matrix(matrix)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["women", "relapses"]
    columns = [text.get_text() for text in ax.get_yticklabels()]
    assert columns == ["as printed", "man-12", "yes + late"]
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert drawn["agrees"] == [[0, 0], [1, 2]]
    assert drawn["disagrees"] == [[0, 1]]
    assert drawn["not known"] == [[1, 0]]
    with pytest.raises(ValueError, match="No reading moves any of these claims"):
        figures.plot_verdict_matrix(matrix[-2:])
