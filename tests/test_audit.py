import json
import math
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from vlms.__main__ import main
from vlms.printed import print_number, print_p


def run(*arguments):
    return CliRunner().invoke(main, ["audit", *arguments])


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        (
            "hr 1.80 1.20 2.70 --p 0.005 --events 40 --binary",
            1,
            "An interval from 1.20 to 2.70 needs at least 92 events, and at most 40 can have",
        ),
        ("survival --n 24 88% 61%", 0, "needs at least 1 of them censored"),
        ("survival --n 16 90% --most-censored 0", 1, "No history of 16 patients"),
        ("share 31/40 78%", 0, "31 of 40 is 77.5%, which prints as 78%"),
        ("share 46/58 96%", 1, "46 of 48 would print as 96%"),
        ("sum 33 13 9 9 --total 63 --exclusive", 1, "1 more than the total of 63"),
        ("sum 33 13 9 --total 63 --complete", 1, "8 fewer than the total of 63"),
        ("sum 15 11 8 6 7 --total 36 --overlapping", 0, "as a total of 36 allows"),
        ("mean 58.72 --n 12 --integers", 1, "No 12 whole numbers have a mean of 58.72"),
        (
            "mean 3.00 --sd 0.20 --n 4 --integers",
            1,
            "No 4 whole numbers have mean 3.00 and SD 0.20",
        ),
        ("median 43 60=65%", 1, "it is 50% at most"),
        ("median 24 60=65% --n 63 --events 42", 0, "only be the median among the 42"),
        ("mixture 20:90% 20:50% --whole 40:55% --most-censored 5", 1, "no censoring of up to 5"),
        ("interval 1.14 6.56 --events 15 --binary", 1, "needs at least 20 events"),
        ("events 2.74 1.14 6.56 --groups 12 14 --most 15", 1, "at most 15 can have occurred"),
        ("events 1.37 0.29 6.54 --groups 11 15", 0, "can be true with"),
        ("hr 2.13 0.99 4.62 --words improved --reference none", 1, "yet the text says improved"),
        ("median 43mo 5y=65%", 1, "Survival of 65% at 60 cannot be"),
        ("hr 2.13 0.99 4.62 --survival 40% 65%", 0, "2.03 to 2.24 under proportional hazards"),
        ("events 1.8 1.2 2.7 --groups 100 90 --most 80", 0, "can be true with 78 to 80 events"),
        ("events 1.8 1.2 2.7 --groups 100 90 --most 76", 1, "needs at least 77 events"),
        # 14.85 to 15.3 in all, so that each can move by 0.3 up and 0.15 down.
        ("pinned 2 4 9 --mean 5.0", 0, "2    1.85      2.3"),
        ("pinned 2 4 9 --mean 7.0", 1, "none"),
        ("pinned 1 0 0 --share 33%", 0, "share of 33%"),
        ("pinned 1 0 0 --share 50%", 1, "none"),
    ],
)
def test_the_verdict_is_a_sentence_and_an_exit_code(line, code, sentence):
    result = run(*line.split())
    assert (result.exit_code, sentence in result.output) == (code, True), result.output


# R: coxph(Surv(time, status) ~ age, lung): 1.019 (1.001 to 1.037), P 0.042, 165 events. True.
AGE = "hr 1.019 1.001 1.037 --p 0.04 --events 165 --n 228"


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        (AGE, 0, "not declared that the covariate has two values"),
        (f"{AGE} --continuous", 0, "the unit of a continuous covariate sets the width"),
        (f"{AGE} --binary", 1, "needs at least 45396 events"),
        (f"{AGE} --binary --robust", 0, "robust, cluster-robust, weighted or penalised"),
        (f"{AGE} --groups 114 114", 1, "in groups of 114 and 114"),
        (f"{AGE} --groups 114 114 --robust", 0, "robust, cluster-robust, weighted or penalised"),
        ("interval 1.14 6.56 --events 15", 0, "not declared that the covariate has two values"),
        ("interval 1.14 6.56 --events 15 --binary --robust", 0, "need not obey any bound"),
        ("events 2.74 1.14 6.56 --groups 12 14 --most 15 --robust", 0, "need not obey any bound"),
        ("events 2.74 1.14 6.56 --groups 12 14 --most 20", 0, "Events at the same time"),
        ("events 2.74 1.14 6.56 --groups 12 14 --most 20 --untied", 1, "needs at least 21 events"),
        # R: table(lung$ph.ecog): 63 113 50 1, of 228 patients; one is missing.
        ("sum 63 113 50 1 --total 228 --exclusive", 0, "at no level or missing"),
        ("sum 15 11 8 6 7 --total 36", 0, "a patient may be at two levels"),
        ("mean 58.72 --n 12", 0, "all values are whole is not declared"),
        ("hr 1.37 0.29 6.54 --survival 65% 40%", 0, "within 1.37 (0.29 to 6.54) and on the other"),
        ("hr 2.13 0.99 4.62 --words improved", 0, "Which group is the reference is not declared"),
        # √(1.14 × 7.56) = 2.94: no Wald interval, but a profile likelihood's may be so.
        ("hr 2.74 1.14 7.56", 0, "those of a profile likelihood or a bootstrap can"),
        ("hr 2.74 1.14 7.56 --limits profile", 0, "lies between its limits"),
        ("hr 2.74 1.14 7.56 --limits wald", 1, "not the middle of its limits on the log scale"),
        ("hr 2.74 1.14 7.56 --wald", 1, "not the middle of its limits on the log scale"),
        ("hr 2.74 1.14 6.56 --limits profile --wald --p .5", 0, "must come from another test"),
    ],
)
def test_what_a_check_needs_and_is_not_told_leaves_the_answer_undetermined(line, code, sentence):
    result = run(*line.split())
    assert (result.exit_code, sentence in result.output) == (code, True), result.output
    if not code and "--limits profile" not in line:
        assert result.output.startswith("undetermined")


def real_fits():
    """R's hazard ratios, and what is true of each as options of the command."""
    fits = pd.read_csv(Path(__file__).parent / "reference" / "hazard_ratios.csv")
    fits = fits.rename(columns={"with": "with_"})
    for row in fits.itertuples():
        true = ["--continuous" if row.kind == "continuous" else "--binary", "--limits", "wald"]
        true += ["--robust"] * (row.variance != "model")
        if row.kind == "binary" and row.events <= row.n:
            true += ["--groups", f"{row.with_:.0f}", f"{row.without:.0f}"]
        yield row, true


def test_hundreds_of_real_fits_are_never_contradictory_whatever_is_rightly_declared():
    fits = list(real_fits())
    assert len(fits) > 350
    for number, (row, true) in enumerate(fits):
        decimals, cut = (2, 3, 2, 1)[number % 4], number % 4 == 2
        ends = [row.hr, row.lower, row.upper]
        printed = [
            print_number(math.floor(end * 100) / 100 if cut else end, decimals) for end in ends
        ]
        if float(printed[0]) == 0 or float(printed[2]) == 0:
            continue
        line = ["hr", *printed, "--p", print_p(row.p).removeprefix(">"), "--events", row.events]
        line += ["--confidence", f"{row.confidence:.0%}"]
        for declared in ([], true, [*true, "--wald"]):
            result = run(*map(str, [*line, *declared]))
            assert result.exit_code == 0, (row, line, declared, result.output)


def test_overlaps_are_written_as_expressions():
    counts = ["chemo=22", "radio=18", "chemo & radio=9", "~chemo & ~radio=33"]
    result = run("overlap", *counts, "--total", "63")
    assert result.exit_code == 1
    assert "cannot all be true of 63 patients" in result.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("share 31/0 78%", "the total must be a whole number of at least 1, found '0'"),
        ("share 31 78%", "write the count and the total as 31/40"),
        ("share -1/40 78%", "found '-1'"),
        ("hr -1.8 1.2 2.7", "found '-1.8'"),
        ("hr 0.00 0 2", "may be anything below 0.005: give it with more decimals"),
        ("hr 1.8 1.2 2.7 --events 50 --n 40", "give patients with an event, or"),
        ("pinned 2 4 9", "give --mean, --sd or --share"),
        ("pinned 2 4 9 --share 50%", "write the values as 1 and 0"),
        ("hr 1.8 1.2 2.7 --continuous --groups 9 9", "--continuous contradicts"),
        ("hr 1.8 1.2 inf", "'inf' is not one printed number"),
        ("hr 1.8 1.2 2.7 --confidence 100%", "between 0% and 100%"),
        ("hr 1.8 1.2 2.7 --evnts 40", "--evnts"),
        ("hr nan nan nan", "not one printed number"),
        ("survival --n 0 88%", "at least 1, found '0'"),
        ("survival --n 24 188%", "not a share"),
        ("survival --n 24", "Missing argument"),
        ("mixture 20:90% --whole 40:55%", "not 40"),
        ("median 43 60", "write a time and its survival as 60=65%"),
        ("median 43 inf=50%", "a time must be a number"),
        ("median 43 60=50% --n 4", "go together"),
        ("median 43 5y=50%", "need one unit, or both none"),
        ("median 8w 6mo=50%", "not weeks into months"),
    ],
)
def test_what_cannot_be_read_ends_with_a_message_and_exit_code_2(line, message):
    result = run(*line.split())
    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_json_holds_the_whole_finding():
    result = run("hr", "1.80", "1.20", "2.70", "--events", "40", "--binary", "--json")
    finding = json.loads(result.output)
    assert result.exit_code == 1
    assert finding["verdict"] == "contradictory"
    assert finding["values"]["events_needed"] == 92
    assert len(finding["parts"]) == 2


def test_every_check_shows_an_example_and_what_it_assumes_in_its_help():
    listed = run("--help").output
    for name in "hr interval events survival share sum overlap mean median mixture pinned".split():
        assert name in listed
        shown = run(name, "--help").output
        assert f"vlms audit {name}" in shown
        assert any(word in shown for word in ("Assumes", "undetermined otherwise", "decides only"))


@pytest.mark.parametrize(
    "points, code, sentence",
    [
        ("24=80% 60=60%", 0, "a median that was not reached fit"),
        ("2y=80% 5y=50%", 0, "a median that was not reached fit"),
        ("60=45%", 1, "the median was not reached, so it is 50% at least"),
        ("60=65% --n 63 --events 20", 2, "this one was not reached"),
    ],
)
def test_a_median_may_be_printed_as_not_reached(points, code, sentence):
    result = run("median", "not reached", *points.split())
    assert (result.exit_code, sentence in result.output) == (code, True), result.output
