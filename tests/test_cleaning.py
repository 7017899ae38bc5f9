"""Parsers of cells: what is read, what is read with a note, what is refused.

Expected values are read off the cell by eye; conversions show their arithmetic.
"""

import pytest

from vlms.cleaning import (
    PARSERS,
    clean_cell,
    parse_age,
    parse_dose,
    parse_grade,
    parse_identifier,
    parse_m_stage,
    parse_margin,
    parse_months,
    parse_n_stage,
    parse_number,
    parse_occurred,
    parse_sex,
    parse_size,
    parse_status,
    parse_t_stage,
    parse_text,
    parse_yes_no,
)
from vlms.reading.cells import CellError, Rules, tidy
from vlms.reading.stages import read_tnm

OUTCOME = Rules(outcome=True)
REQUIRED = Rules(outcome=True, required=True)
COMMA_FREE = Rules(comma_is_decimal=True)


def sure(parser, text, rules=None):
    """Return the value of a cell that is read without a note."""
    cell = parser(text, rules or Rules())
    assert cell.note == "", cell.note
    return cell.value


def noted(parser, text, rules=None):
    """Return the value of a cell that is read with a note."""
    cell = parser(text, rules or Rules())
    assert cell.note
    return cell.value


# Status


@pytest.mark.parametrize("text", ["alive", "Alive", " ALIVE ", "alive\u00a0", "\u200balive"])
def test_alive_is_read_in_any_case_and_spacing(text):
    assert sure(parse_status, text) == "alive"


@pytest.mark.parametrize(
    "text", ["dead_of_disease", "DOD", "Dead of disease", "died  of disease", "dead-of-disease"]
)
def test_death_of_disease_is_read_in_its_plain_spellings(text):
    assert sure(parse_status, text) == "dead_of_disease"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("alive with disease", "alive"),
        ("AWD", "alive"),
        ("NED", "alive"),
        ("no evidence of disease", "alive"),
        ("dead of other causes", "dead_other"),
        ("DOC", "dead_other"),
        ("dead of intercurrent disease", "dead_other"),
    ],
)
def test_a_known_phrase_for_a_status_is_read_with_a_note(text, value):
    assert noted(parse_status, text) == value


@pytest.mark.parametrize(
    "text",
    ["not dead", "not alive", "alive?", "alive/dead", "dead with disease", "never dead of disease"],
)
def test_a_status_that_only_contains_a_known_word_is_refused(text):
    with pytest.raises(CellError, match="not a status"):
        parse_status(text)


@pytest.mark.parametrize("text", ["dead", "deceased", "died", "Death"])
def test_a_death_without_its_cause_is_refused(text):
    with pytest.raises(CellError, match="of what"):
        parse_status(text)


@pytest.mark.parametrize("text", ["0", "1", "2", "1.0", "true", "yes", "N"])
def test_a_coded_status_is_refused(text):
    with pytest.raises(CellError, match="code whose meaning"):
        parse_status(text)


@pytest.mark.parametrize(
    "text", ["", "-", "NA", "unknown", "lost to follow-up", "censored", "alvie", "verstorben"]
)
def test_no_status_or_an_unknown_one_is_refused(text):
    with pytest.raises(CellError):
        parse_status(text)


# Times


@pytest.mark.parametrize(
    ("text", "months"),
    [("18", 18.0), ("18.5", 18.5), (" 18 ", 18.0), ("18 months", 18.0), ("5 mo.", 5.0), ("0", 0.0)],
)
def test_months_are_read_with_or_without_their_unit(text, months):
    assert sure(parse_months, text, REQUIRED) == months


@pytest.mark.parametrize("text", ["540 days", "2 years", "1.5y", "12 weeks"])
def test_an_outcome_in_another_unit_than_its_column_is_refused(text):
    with pytest.raises(CellError, match="but the column is in months"):
        parse_months(text, REQUIRED)


def test_days_become_months_of_a_twelfth_of_365_and_a_quarter_days():
    # 365.25 days are one year, twelve months
    assert sure(parse_months, "365.25", Rules(unit="days", outcome=True)) == pytest.approx(12)


def test_weeks_become_months():
    # 7 * 52.1786 = 365.25 days
    weeks = Rules(unit="weeks", outcome=True)
    assert sure(parse_months, "52.17857142857143", weeks) == pytest.approx(12)


def test_years_become_twelve_months_each():
    assert sure(parse_months, "1.5", Rules(unit="years", outcome=True)) == 18


@pytest.mark.parametrize("text", ["3-4 month", "3 – 4", "~18", "ca. 18", "18?", ">18", "<1", "18+"])
def test_an_uncertain_outcome_is_refused(text):
    with pytest.raises(CellError):
        parse_months(text, REQUIRED)


@pytest.mark.parametrize(
    ("text", "months"),
    [("3-4 month", 3.5), ("2years ?", 24.0), ("immediate", 0.0), ("2 month", 2.0), ("ca. 6", 6.0)],
)
def test_an_uncertain_time_that_is_no_outcome_is_read_with_its_best_value(text, months):
    assert parse_months(text).value == months


@pytest.mark.parametrize(
    "text",
    [
        "2019-03-12",
        "12.03.2019",
        "03/12/2019",
        "03/12/19",
        "12-Mar",
        "Mar-05",
        "05. Mai",
        "2019-03-12 00:00:00",
        "03/2019",
    ],
)
def test_a_date_in_place_of_a_time_is_refused(text):
    with pytest.raises(CellError, match="date"):
        parse_months(text, REQUIRED)


@pytest.mark.parametrize("text", ["-5", "\u22125", "-0.1"])
def test_a_time_below_zero_is_refused(text):
    with pytest.raises(CellError, match="below 0"):
        parse_months(text, REQUIRED)


@pytest.mark.parametrize("text", ["721", "2019", "43536", "1e9"])
def test_a_time_beyond_sixty_years_is_refused(text):
    with pytest.raises(CellError, match="more than 720"):
        parse_months(text, REQUIRED)


@pytest.mark.parametrize("text", ["", "-", "NA", "nan", "unknown", "?"])
def test_a_required_time_may_not_be_missing(text):
    with pytest.raises(CellError, match="no value"):
        parse_months(text, REQUIRED)


@pytest.mark.parametrize("text", ["-", "–", "none", "no"])
def test_a_recurrence_that_is_said_to_be_none_is_missing_with_a_note(text):
    assert noted(parse_months, text, OUTCOME) is None


@pytest.mark.parametrize("text", ["NA", "unknown", "?", "nan", "n/a"])
def test_a_recurrence_that_is_not_known_is_refused(text):
    with pytest.raises(CellError, match="none seen"):
        parse_months(text, OUTCOME)


# Numbers


@pytest.mark.parametrize(
    "text",
    [
        "l8",
        "1O",
        "18 5",
        "1_000",
        "0x12",
        "１８",
        "١٨",
        "½",
        "1½",
        "18%",
        "inf",
        "1..5",
        "=5+3",
        '="18"',
    ],
)
def test_what_is_not_a_plain_number_is_refused(text):
    with pytest.raises(CellError):
        parse_number(text)


@pytest.mark.parametrize("text", ["3..", "3 .", ".5."])
def test_a_point_ends_a_unit_that_is_cut_short_but_no_bare_number(text):
    assert sure(parse_months, "3 mo.", REQUIRED) == 3
    with pytest.raises(CellError, match="not a number"):
        parse_months(text, REQUIRED)


def test_a_decimal_comma_is_sure_where_the_separator_is_another():
    assert sure(parse_number, "8,5", COMMA_FREE) == 8.5


def test_a_decimal_comma_in_quotation_marks_is_noted_in_a_comma_file():
    assert noted(parse_number, "8,5") == 8.5


def test_a_comma_before_three_digits_is_refused_in_a_comma_file():
    with pytest.raises(CellError, match="thousands"):
        parse_number("1,234")


def test_a_comma_before_three_digits_is_noted_where_it_can_only_be_decimal():
    assert noted(parse_number, "1,234", COMMA_FREE) == 1.234


def test_a_point_before_three_digits_is_refused_where_commas_are_decimal():
    with pytest.raises(CellError, match="thousands"):
        parse_number("1.234", Rules(comma_is_decimal=True, comma_seen=True))


@pytest.mark.parametrize("text", ["1.234,5", "1,234.5", "1'234", "1 234", "1\u00a0234"])
def test_marks_of_thousands_are_refused(text):
    with pytest.raises(CellError):
        parse_number(text, COMMA_FREE)


@pytest.mark.parametrize(("text", "value"), [("1.23E+02", 123.0), ("+5", 5.0), ("'18", 18.0)])
def test_habits_of_spreadsheets_are_read_with_a_note(text, value):
    assert noted(parse_number, text) == value


@pytest.mark.parametrize("text", ["#N/A", "#VALUE!", "#REF!", "########", "#DIV/0!", "#WERT!"])
@pytest.mark.parametrize("parser", [parse_number, parse_text, parse_status])
def test_an_error_value_of_a_spreadsheet_is_refused_in_every_column(parser, text):
    with pytest.raises(CellError, match="spreadsheet"):
        clean_cell(text, parser)


def test_a_number_is_not_searched_for_in_a_page_of_text():
    with pytest.raises(CellError, match="too long"):
        parse_months("1 " * 50_000)


# Sizes, ages, sex


@pytest.mark.parametrize(
    ("text", "cm"),
    [
        ("7.6 × 8 × 3.3", 8.0),
        ("2.7×1.7×1.2", 2.7),
        ("10.1 x 7.5 x 5", 10.1),
        ("4*5*6", 6.0),
        ("10cm", 10.0),
        ("5 cm x 4 cm", 5.0),
    ],
)
def test_the_size_is_the_largest_diameter(text, cm):
    assert sure(parse_size, text) == cm


def test_millimetres_become_centimetres_with_a_note():
    assert noted(parse_size, "85 mm") == pytest.approx(8.5)
    assert noted(parse_size, "50 x 40 mm") == pytest.approx(5)


def test_a_size_in_a_column_of_millimetres_is_converted_without_doubt():
    assert sure(parse_size, "85", Rules(unit="mm")) == pytest.approx(8.5)


def test_a_range_of_sizes_is_read_as_its_middle_with_a_note():
    assert noted(parse_size, "5-6 cm") == 5.5


@pytest.mark.parametrize("text", ["0", "-3", "85", ">5", "7.6.2", "1x2x3x4", "large", "5 inch"])
def test_an_impossible_size_is_refused(text):
    with pytest.raises(CellError):
        parse_size(text)


def test_age_and_sex_are_read_out_of_one_cell():
    assert sure(parse_age, "66/f") == 66
    assert sure(parse_sex, "66/f") == "f"


@pytest.mark.parametrize("text", ["1950", "-1", "121", "sixty", ">60", "12.03.1950", "999"])
def test_an_impossible_age_is_refused(text):
    with pytest.raises(CellError):
        parse_age(text)


def test_an_age_that_is_often_a_code_is_noted():
    assert noted(parse_age, "99") == 99


@pytest.mark.parametrize(("text", "sex"), [("Female", "f"), ("F", "f"), ("male", "m"), ("M", "m")])
def test_male_is_not_found_in_female(text, sex):
    assert sure(parse_sex, text) == sex


@pytest.mark.parametrize("text", ["0", "1", "2", "f/m", "x", "fm"])
def test_a_coded_sex_is_refused(text):
    with pytest.raises(CellError):
        parse_sex(text)


# Stages, grade, margin


def test_a_tnm_cell_holds_four_columns():
    cell = "T2 N0 M0 G2"
    assert sure(parse_t_stage, cell) == "T2"
    assert sure(parse_n_stage, cell) == "N0"
    assert sure(parse_m_stage, cell) == "M0"
    assert sure(parse_grade, cell) == 2


def test_a_tnm_cell_may_name_the_place_of_the_metastases():
    assert sure(parse_m_stage, "T2 N0 M1 (lung, liver) G3") == "M1"
    assert sure(parse_grade, "T2N0 M1 (pulmo) G3") == 3


def test_prefixes_of_a_stage_are_dropped():
    assert read_tnm("ypT2b pN0 cM0 R0") == {"t": "2b", "n": "0", "m": "0", "g": None}


@pytest.mark.parametrize("text", ["T1/2", "T1-2", "T5", "T1 T2", "II", "T2 N0 M0 G2-3", "- – no"])
def test_a_stage_that_is_not_wholly_understood_is_refused(text):
    with pytest.raises(CellError):
        parse_t_stage(text)


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        (parse_m_stage, "M2"),
        (parse_m_stage, "T2 N0 M2"),
        (parse_n_stage, "N2"),
        (parse_m_stage, "3"),
    ],
)
def test_a_stage_that_these_tumours_do_not_have_is_refused(parser, text):
    with pytest.raises(CellError, match="no such"):
        parser(text)


def test_a_grade_out_of_a_tnm_cell_is_refused_where_there_is_none_and_noted_where_unknown():
    with pytest.raises(CellError, match="not a grade"):
        parse_grade("T2 N0 M0 G4")
    assert noted(parse_grade, "T2 N0 M0 GX") is None


def test_another_stage_in_the_column_is_refused():
    with pytest.raises(CellError, match="not T"):
        parse_t_stage("N0")


@pytest.mark.parametrize(("text", "grade"), [("1", 1), ("G2", 2), ("grade 3", 3), ("2.0", 2)])
def test_a_grade_is_read_with_or_without_its_letter(text, grade):
    assert sure(parse_grade, text) == grade


@pytest.mark.parametrize("text", ["0", "4", "2-3", "G2/3", "1.5"])
def test_an_impossible_grade_is_refused(text):
    with pytest.raises(CellError):
        parse_grade(text)


@pytest.mark.parametrize("text", ["0", "1", "positive", "R3", "close", "R0/R1"])
def test_a_margin_that_may_be_a_code_is_refused(text):
    with pytest.raises(CellError):
        parse_margin(text)


def test_a_margin_is_read_in_any_case():
    assert sure(parse_margin, "r 1") == "R1"


# Yes or no, dose, occurrence


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("N", False), ("TRUE", True)])
def test_yes_and_no_are_read(text, value):
    assert sure(parse_yes_no, text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [("60Gy", True), ("0 Gy", False), ("adjuvant", True), ("neo-adjuvant", True), ("1", True)],
)
def test_a_dose_a_purpose_or_a_code_is_read_as_yes_or_no_with_a_note(text, value):
    assert noted(parse_yes_no, text) is value


@pytest.mark.parametrize("text", ["2", "-1", "x", "refused", "planned", "yes?", "not yes"])
def test_what_is_neither_yes_nor_no_is_refused(text):
    with pytest.raises(CellError):
        parse_yes_no(text)


def test_a_dash_for_a_treatment_is_missing_with_a_note():
    assert noted(parse_yes_no, "-") is None


def test_a_dose_is_read_in_gray():
    assert sure(parse_dose, "60Gy") == 60
    assert sure(parse_dose, "72 Gy") == 72


@pytest.mark.parametrize(("text", "seen"), [("lung/ bone", True), ("-", False), ("5 months", True)])
def test_something_printed_means_that_it_was_seen(text, seen):
    assert sure(parse_occurred, text) is seen


@pytest.mark.parametrize("text", ["lung?", "no evidence", "suspected"])
def test_a_doubtful_occurrence_is_missing_with_a_note(text):
    assert noted(parse_occurred, text) is None


# Text


def test_a_vessel_called_na_stays_text_with_a_note():
    assert noted(parse_text, "NA") == "NA"


@pytest.mark.parametrize("text", ["=1+1", "@x", "+49", "-x", "<b>x</b>", "\x1b[31m", "KÃ¼ste"])
def test_dangerous_or_garbled_text_is_kept_with_a_note(text):
    assert noted(parse_text, text) == text


@pytest.mark.parametrize("text", ["", " ", "-", "—"])
def test_a_blank_or_a_dash_is_missing_text(text):
    assert sure(parse_text, text) is None


@pytest.mark.parametrize("text", ["", "-", "NA", "?", "\u200b"])
def test_an_identifier_may_not_be_missing(text):
    with pytest.raises(CellError, match="identifier"):
        parse_identifier(text)


@pytest.mark.parametrize("text", ["Total", "SUM:", "Summe", "Mean", "N = 12", "Grand total (3)"])
def test_a_row_of_totals_is_no_patient(text):
    with pytest.raises(CellError, match="row of totals"):
        parse_identifier(text)


@pytest.mark.parametrize("text", ["Summer", "N12", "SD", "Totalis", "Mean-1"])
def test_an_identifier_that_only_begins_like_a_total_is_read(text):
    assert sure(parse_identifier, text) == text


def test_an_identifier_keeps_its_zeros():
    assert sure(parse_identifier, "007") == "007"


# Codebook rules


def test_levels_come_before_the_parser():
    rules = Rules(levels={"2": "dead_of_disease"}, required=True)
    assert clean_cell(" 2 ", parse_status, rules).value == "dead_of_disease"


def test_a_missing_word_of_the_codebook_is_missing():
    rules = Rules(missing=frozenset({"tumor-progression"}), outcome=True)
    assert clean_cell("Tumor-progression", parse_months, rules) == (None, "")


def test_a_missing_word_cannot_empty_a_required_column():
    with pytest.raises(CellError):
        clean_cell("x", parse_status, Rules(missing=frozenset({"x"}), required=True))


def test_tidy_makes_dashes_and_times_signs_plain():
    assert tidy("a\u2013b \u00d7\u00a0c\ufeff") == "a-b x c"


@pytest.mark.parametrize("name", sorted(PARSERS))
@pytest.mark.parametrize("text", ["x" * 5000, "9" * 400, "((((", "\x00", "\ud800", "e", ",", "-.-"])
def test_no_parser_fails_otherwise_than_by_refusing(name, text):
    try:
        PARSERS[name](text)
    except CellError as error:
        assert error.problem and error.remedy
