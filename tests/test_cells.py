"""Cells: what is read without doubt, what is read with a note, what is refused.

Expected values are read off the cell by eye; conversions show their arithmetic.
"""

import pytest

from vlms.cohort.cells import PARSERS, CellError, Use, read_tnm

PLAIN = {}
OUTCOME = {"outcome": True}
REQUIRED = {"outcome": True, "required": True}
COMMA_FREE = {"comma_is_decimal": True}


def clean(parser, text, **rules):
    return Use("x", parser, **rules).clean(text)


def cases(table):
    """Spread (parser, rules, texts, expected) over one case a text."""
    return [
        pytest.param(parser, rules, text, expected, id=f"{parser} {text!r}"[:40])
        for parser, rules, texts, expected in table
        for text in texts
    ]


SURE = [
    ("status", PLAIN, ["alive", " ALIVE ", "alive\u00a0", "\u200balive"], "alive"),
    ("status", PLAIN, ["DOD", "died  of disease", "dead-of-disease"], "dead_of_disease"),
    ("duration", REQUIRED, ["18", " 18 ", "18 months", "18 mo."], 18),
    ("duration", REQUIRED, ["18.5"], 18.5),
    ("duration", REQUIRED, ["0"], 0),
    ("duration", REQUIRED, ["12.000000001"], 12),
    # 365.25 days are one year; 7 * 52.17857142857143 = 365.25
    ("duration", {**OUTCOME, "unit": "days"}, ["365.25"], 12),
    ("duration", {**OUTCOME, "unit": "weeks"}, ["52.17857142857143"], 12),
    ("duration", {**OUTCOME, "unit": "years"}, ["1.5"], 18),
    ("duration", PLAIN, ["2 month"], 2),
    ("number", COMMA_FREE, ["8,5"], 8.5),
    ("size", PLAIN, ["7.6 × 8 × 3.3", "4*8*6"], 8),
    ("size", PLAIN, ["2.7×1.7×1.2"], 2.7),
    ("size", PLAIN, ["5 cm x 4 cm"], 5),
    ("size", {"unit": "mm"}, ["85"], 8.5),
    ("age", PLAIN, ["66", "66/f", "66.000000001"], 66),
    ("age", PLAIN, ["66.4"], 66.4),
    ("sex", PLAIN, ["66/f", "Female", "F"], "f"),
    ("sex", PLAIN, ["male", "M"], "m"),
    ("t-stage", PLAIN, ["T2 N0 M0 G2"], "T2"),
    ("n-stage", PLAIN, ["T2 N0 M0 G2"], "N0"),
    ("m-stage", PLAIN, ["T2 N0 M1 (lung, liver) G3", "T2N0 M1 (pulmo) G3"], "M1"),
    ("grade", PLAIN, ["T2 N0 M0 G2", "G2", "grade 2", "2.0", "2.000000001"], 2),
    ("margin", PLAIN, ["R1", "r 1"], "R1"),
    ("yes-no", PLAIN, ["yes", "TRUE", "ja"], True),
    ("yes-no", PLAIN, ["no", "N", "not given"], False),
    ("dose", PLAIN, ["60Gy", "60"], 60),
    ("occurred", PLAIN, ["lung/ bone", "5 months"], True),
    ("occurred", PLAIN, ["-", "no"], False),
    ("text", PLAIN, ["", " ", "-", "—", "n/a", "N/A"], None),
    ("text", PLAIN, [" left thigh"], "left thigh"),
    ("size", PLAIN, ["n/a", "NA", ""], None),
    ("id", PLAIN, ["007"], "007"),
    ("id", PLAIN, [" A 01 "], "A 01"),
    *[("id", PLAIN, [t], t) for t in ("Summer", "N12", "SD", "Totalis", "Mean-1")],
    # A study's levels come before the parser, and a code may have been exported as a number.
    ("status", {**REQUIRED, "codes": {"2": "dead_of_disease"}}, [" 2 ", "2.0"], "dead_of_disease"),
    (
        "months",
        {**OUTCOME, "missing": frozenset({"tumor-progression"})},
        ["Tumor-progression"],
        None,
    ),
]


@pytest.mark.parametrize(("parser", "rules", "text", "value"), cases(SURE))
def test_a_cell_without_doubt_is_read_without_a_note(parser, rules, text, value):
    cell = clean(parser, text, **rules)
    assert cell.note == ""
    assert cell.value == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)


NOTED = [
    ("status", PLAIN, ["alive with disease", "AWD", "NED", "no evidence of disease"], "alive"),
    (
        "status",
        PLAIN,
        ["dead of other causes", "DOC", "dead of intercurrent disease"],
        "dead_other",
    ),
    ("duration", PLAIN, ["3-4 month"], 3.5),
    ("duration", PLAIN, ["2years ?"], 24),
    ("duration", PLAIN, ["immediate"], 0),
    ("duration", PLAIN, ["ca. 6"], 6),
    ("duration", OUTCOME, ["-", "–", "none", "no"], None),
    ("number", PLAIN, ["8,5"], 8.5),
    ("number", COMMA_FREE, ["1,234", "1.234"], 1.234),
    ("number", PLAIN, ["1.23E+02"], 123),
    ("number", PLAIN, ["+18", "'18"], 18),
    ("size", PLAIN, ["85 mm"], 8.5),
    ("size", PLAIN, ["50 x 40 mm"], 5),
    ("size", PLAIN, ["5-6 cm"], 5.5),
    ("size", PLAIN, ["31"], 31),
    ("age", PLAIN, ["99"], 99),
    ("sex", PLAIN, ["w", "weiblich"], "f"),
    ("t-stage", PLAIN, ["2"], "T2"),
    ("grade", PLAIN, ["T2 N0 M0 GX", "x"], None),
    ("grade", PLAIN, ["high"], 3),
    ("margin", PLAIN, ["clear"], "R0"),
    ("yes-no", PLAIN, ["60Gy", "adjuvant", "neo-adjuvant", "1", "1.0"], True),
    ("yes-no", PLAIN, ["0 Gy", "0"], False),
    ("yes-no", PLAIN, ["-"], None),
    ("occurred", PLAIN, ["lung?", "no evidence", "suspected"], None),
    ("sex", PLAIN, ["unknown", "?"], None),
    ("text", PLAIN, ["NA"], "NA"),
    *[
        ("text", PLAIN, [text], text)
        for text in ("=1+1", "@x", "+49", "-x", "<b>x</b>", "\x1b[31m", "KÃ¼ste")
    ],
]


@pytest.mark.parametrize(("parser", "rules", "text", "value"), cases(NOTED))
def test_a_cell_that_takes_a_decision_is_read_with_a_note(parser, rules, text, value):
    cell = clean(parser, text, **rules)
    assert cell.note
    assert cell.value == (pytest.approx(value) if isinstance(value, float) else value)


NOT_NUMBERS = "l8|1O|18 5|1_000|0x12|１８|١٨|½|1½|18%|inf|1..5|=5+3".split("|") + ['="18"']
DATES = "2019-03-12|12.03.2019|03/12/19|12-Mar|Mar-05|05. Mai|2019-03-12 00:00:00|03/2019".split(
    "|"
)
REFUSED = [
    ("status", PLAIN, ["not dead", "alive?", "alive/dead", "dead with disease"], "not a status"),
    ("status", PLAIN, ["never dead of disease", "alvie", "verstorben", "NA", "-"], ""),
    ("status", PLAIN, ["lost to follow-up", "censored"], "not a status"),
    ("status", PLAIN, ["dead", "deceased", "Death"], "of what"),
    ("status", PLAIN, ["0", "1", "1.0", "true", "yes", "N"], "code whose meaning"),
    ("status", PLAIN, [""], "no status"),
    ("duration", REQUIRED, ["540 days", "2 years", "1.5y"], "but the column is in months"),
    (
        "duration",
        REQUIRED,
        ["3-4 month", "3 – 4", "~18", "ca. 18", "18?"],
        "not one certain number",
    ),
    ("duration", REQUIRED, [">18", "<1"], "not a number"),
    ("duration", REQUIRED, ["18+", "18.5 +"], "plus sign"),
    ("duration", REQUIRED, DATES, "date"),
    ("duration", REQUIRED, ["-5", "\u22125", "-0.1"], "below 0"),
    ("duration", REQUIRED, ["721", "2019", "43536", "1e9"], "more than 60 years"),
    ("duration", REQUIRED, ["", "-", "NA", "n/a", "unknown", "?"], "no value"),
    ("duration", OUTCOME, ["NA", "unknown", "?", "nan", "n/a"], "none seen"),
    ("duration", REQUIRED, ["3..", "3 .", ".5."], "not a number"),
    ("duration", PLAIN, ["1 " * 50_000], "too long"),
    ("number", PLAIN, NOT_NUMBERS, ""),
    ("number", PLAIN, ["1,234"], "thousands"),
    ("number", {**COMMA_FREE, "comma_seen": True}, ["1.234"], "thousands"),
    ("number", COMMA_FREE, ["1.234,5", "1,234.5", "1'234", "1 234", "1\u00a0234"], ""),
    *[
        (parser, PLAIN, ["#N/A", "#VALUE!", "########", "#DIV/0!", "#WERT!"], "spreadsheet")
        for parser in ("number", "text", "status")
    ],
    ("size", PLAIN, ["0", "-3", "85", ">5", "7.6.2", "1x2x3x4", "large", "5 inch"], ""),
    ("age", PLAIN, ["1950", "-1", "121", "sixty", ">60", "12.03.1950", "999"], ""),
    ("sex", PLAIN, ["0", "1", "2", "f/m", "x", "fm"], "not a sex"),
    ("t-stage", PLAIN, ["T1/2", "T1-2", "T5", "T1 T2", "II", "T2 N0 M0 G2-3", "- – no"], ""),
    ("t-stage", PLAIN, ["N0"], "not T"),
    ("t-stage", PLAIN, ["c" * 90_000], "too long"),
    ("m-stage", PLAIN, ["M2", "T2 N0 M2", "3"], "no such"),
    ("n-stage", PLAIN, ["N2"], "no such"),
    ("grade", PLAIN, ["T2 N0 M0 G4", "0", "4", "2-3", "G2/3", "1.5", "2."], "not a"),
    ("margin", PLAIN, ["0", "1", "positive", "R3", "close", "R0/R1"], "not a margin"),
    ("yes-no", PLAIN, ["2", "-1", "x", "refused", "planned", "yes?", "not yes"], "neither"),
    ("occurred", PLAIN, ["0", "1", "2"], "code without a meaning"),
    ("id", PLAIN, ["", "-", "NA", "?", "\u200b"], "identifier"),
    ("id", PLAIN, ["Total", "SUM:", "Mean", "N = 12", "Grand total (3)"], "row of totals"),
    ("status", {**REQUIRED, "missing": frozenset({"x"})}, ["x"], "is missing, by the study"),
    ("status", {**REQUIRED, "codes": {"1": "alive"}}, ["1,000"], "not a status"),
]


@pytest.mark.parametrize(("parser", "rules", "text", "problem"), cases(REFUSED))
def test_a_cell_that_could_only_be_guessed_is_refused(parser, rules, text, problem):
    with pytest.raises(CellError, match=problem or None):
        clean(parser, text, **rules)


def test_prefixes_of_a_stage_are_dropped():
    assert read_tnm("ypT2b pN0 cM0 R0") == {"t": "2b", "n": "0", "m": "0", "g": None}


@pytest.mark.parametrize("parser", sorted(PARSERS))
@pytest.mark.parametrize("text", ["x" * 5000, "9" * 400, "((((", "\x00", "\ud800", "e", ",", "-.-"])
def test_no_parser_fails_otherwise_than_by_refusing(parser, text):
    try:
        Use("x", parser).clean(text)
    except CellError as error:
        assert error.problem and error.remedy
