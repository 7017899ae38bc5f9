"""From a file to a cohort: `vlms start --yes`, the lines to edit, `vlms check`; as R reads it.

Each cohort is public (lifelines carries it), or made up here; expected numbers are R's.
"""

import datetime

import openpyxl
import pytest
from click.testing import CliRunner
from lifelines import datasets

from vlms.__main__ import main
from vlms.cohort import CohortError, read_cohort
from vlms.endpoints import time_to_event

MOST_LINES = 10  # that a reader may have to edit
ENDS = {
    "event = ": 'event = { status = ["dead"] }',
    "censored = ": 'censored = { status = ["alive"] }',
}
ALIVE_0 = ENDS | {'"0" = ': '"0" = "alive"', '"1" = ': '"1" = "dead"'}
ALIVE_1 = ENDS | {'"1" = ': '"1" = "alive"', '"2" = ': '"2" = "dead"'}
PBC = ALIVE_0 | {'"1" = ': '"1" = "transplanted"', '"2" = ': '"2" = "dead"'}
PBC["censored = "] = 'censored = { status = ["alive"] }\ncompeting = { status = ["transplanted"] }'
# The kinds of event come first in the file, the codes of the status after them.
COLON = ENDS | {'"2" = "? Which': '"2" = "end"', '"1" = "? Which': '"1" = "recurrence"'}
COLON |= {'"1" = "? status': '"1" = "dead"', '"0" = "? status': '"0" = "alive"'}
COLON["censored = "] += """

[endpoints.recurrence]
at = "recurrence"
competing = { status = ["dead"] }"""

# What lifelines carries whole: the unit, the edits besides it, and patients, deaths and the sum of
# the times by R: library(survival); with(lung, c(nrow(lung), sum(status == 2), sum(time))), and so
# on. lifelines has lung's status as 0 and 1, and larynx (of KMsurv) with a column for each stage.
PUBLIC = {
    "lung": (datasets.load_lung, "days", ALIVE_0, (228, 165, 69593)),
    "larynx": (datasets.load_larynx, "years", ALIVE_0, (90, 50, 377.8)),
    "waltons": (datasets.load_waltons, "days", ALIVE_0, (163, 156, 8087)),
    # heart: each patient's last row, l <- heart[!duplicated(heart$id, fromLast = TRUE), ]
    "heart": (datasets.load_stanford_heart_transplants, "days", ALIVE_0, (103, 75, 31954)),
}

# The first rows of others, as write.csv(head(…), row.names = FALSE) of R writes them.
EXCERPTS = {
    # time and status: c(5, 4, 400 + 4500 + 1012 + 1925 + 1504); patient 5 had a transplant
    "pbc": (
        PBC,
        (5, 3, 9341),
        """\
"id","time","status","trt","age","sex","ascites","bili"
1,400,2,1,58.7652292950034,"f",1,14.5
2,4500,0,1,56.4462696783025,"f",0,1.1
3,1012,2,1,70.072553045859,"m",0,1.4
4,1925,2,NA,54.7405886379192,"f",0,1.8
5,1504,1,2,38.1054072553046,"f",0,3.4
""",
    ),
    # the rows of etype 2: 1521 + 3087 + 963 + 293; three deaths
    "colon": (
        COLON,
        (4, 3, 5864),
        """\
"id","study","rx","sex","age","status","time","etype"
1,1,"Lev+5FU",1,43,1,1521,2
1,1,"Lev+5FU",1,43,1,968,1
2,1,"Lev+5FU",1,63,0,3087,2
2,1,"Lev+5FU",1,63,0,3087,1
3,1,"Obs",0,71,1,963,2
3,1,"Obs",0,71,1,542,1
4,1,"Lev+5FU",0,66,1,293,2
4,1,"Lev+5FU",0,66,1,245,1
""",
    ),
    # of these, 72 + 411 + 228 + 126 + 25; the last is censored
    "veteran": (
        ALIVE_0,
        (5, 4, 862),
        """\
"trt","celltype","time","status","karno","diagtime","age","prior"
1,"squamous",72,1,60,7,69,0
1,"squamous",411,1,70,5,64,10
1,"squamous",228,1,60,3,38,0
1,"squamous",126,1,60,9,63,10
1,"squamous",25,0,80,9,52,10
""",
    ),
}


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def started(path, edits):
    """Draft the study of a table, edit the lines that begin so, and return the study's file."""
    result = run("start", path, "--yes")
    assert result.exit_code == 0, result.output
    study = path.with_suffix(".study.toml")
    assert len(edits) <= MOST_LINES
    lines = study.read_text(encoding="utf-8").split("\n")
    for begins, text in edits.items():
        (place, *_) = [n for n, line in enumerate(lines) if line.startswith(begins)] or [None]
        assert place is not None, f"{begins}\n{study.read_text()}"
        lines[place] = text
    study.write_text("\n".join(lines), encoding="utf-8")
    return study


def read(path, edits, endpoint="overall_survival"):
    """Read a cohort after its study is edited, and derive an endpoint."""
    started(path, edits)
    checked = run("check", path)
    assert checked.exit_code == 0, checked.output
    cohort = read_cohort(path)
    return cohort, time_to_event(cohort.patients, endpoint, cohort.study)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_cohort_is_read_as_r_reads_it(tmp_path, name):
    load, unit, edits, (patients, deaths, total) = PUBLIC[name]
    path = tmp_path / f"{name}.csv"
    load().to_csv(path, index=False)
    cohort, frame = read(path, {"unit = ": f'unit = "{unit}"', **edits})
    assert (len(frame), frame["event"].sum()) == (patients, deaths)
    assert frame["time"].sum() == pytest.approx(total)
    assert frame.attrs["unit"] == unit


@pytest.mark.parametrize("name", EXCERPTS)
def test_rows_of_a_public_cohort_are_read_as_they_stand(tmp_path, name):
    edits, (patients, deaths, total), text = EXCERPTS[name]
    path = tmp_path / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    cohort, frame = read(path, {"unit = ": 'unit = "days"', **edits})
    assert (len(frame), frame["event"].sum(), frame["time"].sum()) == (patients, deaths, total)
    if name == "colon":  # a row for each kind of event; patient 2 is without one
        first = time_to_event(cohort.patients, "recurrence", cohort.study)
        assert first["time"].tolist() == [968, 3087, 542, 245]
        assert first["cause"].tolist() == [1, 0, 1, 1]
    if name == "pbc":
        assert frame["cause"].tolist() == [1, 0, 1, 1, 2]
        assert cohort.patients["trt"].isna().tolist() == [False] * 3 + [True, False]


def test_a_german_sheet_with_dates_gives_months_and_keeps_no_date(tmp_path):
    book, day = openpyxl.Workbook(), datetime.datetime
    for row in [
        ["Pat-Nr", "Name", "Geburtsdatum", "OP-Datum", "Letzter Kontakt", "Status", "Rezidiv am"],
        [1, "Meier", day(1950, 3, 1), day(2015, 3, 1), day(2018, 3, 1), "lebt", None],
        [2, "Huber", day(1960, 6, 1), day(2016, 1, 10), day(2017, 1, 9), "tot", day(2016, 7, 10)],
        [3, "Kunz", day(1955, 2, 2), "12.03.2015", "12.03.2020", "lebt", None],
    ]:
        book.active.append(row)
    book.save(path := tmp_path / "klinik.xlsx")
    edits = {
        "unit = ": 'unit = "months"',
        'from = "? Which date is time zero': 'from = "OP-Datum"',
        'from = "? Which date is that': 'from = "Letzter Kontakt"',
        '"lebt"': '"lebt" = "alive"',
        '"tot"': '"tot" = "dead"',
        "# [endpoints.rezidiv_am]": "[endpoints.rezidiv_am]",
        "# first_of": 'first_of = [{ at = "rezidiv_am" }, { status = ["dead"] }]',
    }
    cohort, frame = read(path, edits | ENDS, "rezidiv_am")
    # 1096, 182 and 1827 days of 30.4375 days a month; the first patient was born 65 years, with
    # 16 leap days, before the operation
    assert frame["time"].tolist() == pytest.approx([36.0082, 5.9795, 60.0246], abs=1e-4)
    assert frame["event"].tolist() == [False, True, False]
    assert cohort.patients["age"][0] == pytest.approx(23741 / 365.25)
    assert {"start", "last_seen", "Name"}.isdisjoint(cohort.patients)
    assert "klinik.xlsx" in run("check", path).output


def test_a_plus_is_censored_and_a_table_without_identifiers_gets_some(tmp_path):
    path = tmp_path / "plus.csv"
    path.write_text("arm;weeks\nA;6+\nA;10\nB;7,5\n", encoding="utf-8")
    edits = {"unit = ": 'unit = "weeks"'}
    _, frame = read(path, edits)
    assert frame[["patient_id", "time", "event"]].values.tolist() == [
        ["1", 6.0, False],
        ["2", 10.0, True],
        ["3", 7.5, True],
    ]


def test_parquet_is_read_like_text(tmp_path):
    path = tmp_path / "lung.parquet"
    datasets.load_lung().to_parquet(path)
    _, frame = read(path, {"unit = ": 'unit = "days"', **ALIVE_0})
    assert (len(frame), frame["event"].sum(), frame["time"].sum()) == (228, 165, 69593)


def test_nothing_about_outcomes_is_guessed_and_no_study_is_overwritten(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,time,status\n1,5,1\n2,6,2\n3,9,1\n4,8,2\n", encoding="utf-8")
    assert run("start", path, "--yes").exit_code == 0
    with pytest.raises(CohortError) as error:
        read_cohort(path)
    assert set(error.value.problems["problem"]) == {"a question is open"}
    assert error.value.problems["line"].notna().all()
    again = run("start", path, "--yes")
    assert (again.exit_code, "exists already" in again.output) == (1, True)


def test_each_interval_follows_the_last(tmp_path):
    path = tmp_path / "rows.csv"
    text = "id,start,stop,event\n1,0,5,0\n1,6,9,1\n2,2,8,0\n"
    path.write_text(text, encoding="utf-8")
    edits = {"unit = ": 'unit = "days"', **ALIVE_0}
    study = started(path, edits)
    with pytest.raises(CohortError, match="does not begin where"):
        read_cohort(path)
    path.write_text(text.replace("1,6,", "1,5,"), encoding="utf-8")
    cohort = read_cohort(path, study)
    frame = time_to_event(cohort.patients, "overall_survival", cohort.study)
    assert frame[["time", "event", "entry"]].values.tolist() == [[9, True, 0], [8, False, 2]]
