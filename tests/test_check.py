"""What a reader is told of a table, by the commands."""

import json
import re

import pytest
from click.testing import CliRunner

from vlms.__main__ import main

GOOD = """\
patient_id,site,time_months,status,local_recurrence_months,distant_recurrence_months
P1,thigh,18,alive,,
P2,arm,30,dead_of_disease,12,20
P3,NA,40,dead_other,,
"""
BAD = """\
patient_id,time_months,status
P1,-3,alive
P2,30 \x1b[2J,dead
"""
ODD = """\
patient_id,time_months,status,chemotheraphy,Alter,mitoses,radiotherapy,grade,local_recurrence_months
P1,18,alive,yes,66,12,yes,2,
P2,30,dead_of_disease,no,50,3,,,12
P3,40,dead_other,no,71,4,no,,
"""
FOREIGN = """\
Pat-Nr;Alter;Geschlecht;Monate;Vitalstatus;Rezidiv;Tumorlage
1;66;1;18,5;0;;Bein
2;50;2;30;1;12;Arm
"""


@pytest.fixture
def table(tmp_path):
    def write(text, name="patients.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def told(*arguments):
    """Return the output of a check on one line."""
    return " ".join(run("check", *arguments).output.split())


def as_json(path, *options):
    return json.loads(run("check", "--json", path, *options).output)


# Sound or not


def test_a_sound_table_exits_0_with_patients_events_and_warnings(table):
    path = table(GOOD)
    assert run("check", path).exit_code == 0
    output = told(path)
    assert "3 patients, 6 columns; comma, UTF-8; times in months" in output
    for text in ["death of the disease: 1", "other death: 1", "Local recurrence (months): 1"]:
        assert text in output
    assert "1 warning site “NA”: kept as text" in output
    assert "line 4, patient P3 · read as NA" in output


def test_an_unsound_table_exits_1_with_every_problem(table):
    path = table(BAD)
    assert run("check", path).exit_code == 1
    output = told(path)
    assert "3 problems, so nothing is computed" in output
    assert "time_months “-3”: a time below 0 line 2, patient P1 · write the time" in output
    assert "dead, but of what? line 3, patient P2 · write dead_of_disease, dead_other or" in output


def test_problems_are_told_by_column_and_kind_and_each_stays_within_reach(table):
    codes = [("1", 165), ("2", 63)]
    rows = [f"P{code}{i},{i + 1},{code}" for code, n in codes for i in range(n)]
    path = table("\n".join(["patient_id,time_months,status", *rows]) + "\n")
    assert len(run("check", path).output.splitlines()) < 14
    output = told(path)
    assert "228 cells hold “1” (165), “2” (63): a code whose meaning is not known" in output
    assert "lines 2, 3, 4, …, patients P10, P11, P12, … · write alive" in output
    assert "--all lists every cell" in output
    every = run("check", path, "--all").output
    assert every.count("a code whose meaning is not known") == 228
    assert [problem["line"] for problem in as_json(path)["problems"]] == list(range(2, 230))


def test_problems_that_differ_in_their_numbers_only_are_one_kind(table):
    rows = "".join(f"P{i},{i + 10},dead_other,{i + 20}\n" for i in range(30))
    path = table("patient_id,time_months,status,local_recurrence_months\n" + rows)
    output = told(path)
    assert output.count("after the end of follow-up") == 1
    assert "30 cells hold “20”, “21”, “22”, …" in output


def test_no_cell_can_send_control_characters_to_the_terminal(table):
    for option in ([], ["--all"]):
        output = run("check", table(BAD), *option).output
        assert "\x1b" not in output
        assert "\\x1b[2J" in output


def test_what_to_do_is_never_cut(table):
    header = ",".join(f"column_{number}" for number in range(40))
    for option in ([], ["--all"]):
        output = told(table(header + "\n" + "1," * 39 + "1\n"), *option)
        assert "writes a study file that says which it is; the table has column_0" in output
        assert "column_39" in output.split("no column status")[-1]


def test_json_is_for_programs(table):
    bad, sound = as_json(table(BAD)), as_json(table(GOOD))
    assert bad["sound"] is False
    assert [problem["line"] for problem in bad["problems"]] == [2, 3, 3]
    assert (sound["sound"], sound["patients"]) == (True, 3)
    assert sound["warnings"][0]["raw"] == "NA"


@pytest.mark.parametrize(
    "path", ["https://example.org/x.csv", "/no/such.csv", "/", "/dev/zero", ""]
)
def test_what_is_no_file_exits_1_without_a_traceback(path):
    result = run("check", path)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "nothing is computed" in result.output


def test_separator_encoding_decimal_mark_and_unit_are_told_as_read(table):
    path = table(FOREIGN.replace("Bein", "größer"), encoding="latin-1")
    assert run("check", path).exit_code == 1
    study = table(
        '[study]\nbased_on = "sarcoma"\n[columns.patient_id]\nfrom = "Pat-Nr"\n'
        '[columns.time_months]\nfrom = "Monate"\nunit = "days"\n'
        '[columns.status]\nfrom = "Vitalstatus"\nlevels = { 0 = "alive", 1 = "dead_other" }\n'
        '[columns.relapse]\nfrom = "Rezidiv"\n',
        "other.toml",
    )
    options = ("--encoding", "latin-1", "--study", study)
    output = told(path, *options)
    assert "2 patients, 7 columns; semicolon, LATIN-1, decimal comma; times in days" in output
    assert as_json(path, *options)["read_as"] == {
        "rows": 2,
        "columns": 7,
        "separator": "semicolon",
        "encoding": "latin-1",
        "decimal_mark": "comma",
        "time_unit": "days",
        "study": study,
    }


def test_the_problems_of_a_study_name_the_study_and_the_line(table):
    study = table('[study]\nunit = "days"\n[columns.status]\nkind = "foo"\n', "other.toml")
    result = run("check", table(GOOD), "--study", study)
    assert result.exit_code == 1
    assert re.search("other.toml.*no kind “foo”.*line 4", result.output, re.DOTALL)


CODED = """\
patient_id,time,status,sex,age
1,5,dead,f,50
2,6,alive,m,60
"""
DECLARED = """\
[study]
unit = "days"
covariates = ["age per 10"]
[columns.patient_id]
kind = "id"
[columns.time]
kind = "duration"
[columns.status]
kind = "category"
order = ["alive", "dead"]
[columns.sex]
kind = "category"
order = ["f", "m"]
[columns.age]
kind = "number"
[endpoints.overall_survival]
event = { status = ["dead"] }
censored = { status = ["alive"] }
"""
GROUP = '[[groups]]\nname = "g"\n'


@pytest.mark.parametrize(
    ("was", "written", "says"),
    [
        ("age per 10", "age per 0", "line 3 · .*per 10"),
        ("age per 10", "sex per 10", "“sex per 10” is no unit of a number"),
        ('kind = "number"', 'kind = "number"\nknown = "later"', "known only after time zero"),
        ("[endpoints", GROUP + 'cut = "sex <= 1"\n[endpoints', "only a number can be cut"),
        (
            "[endpoints",
            GROUP + 'column = "sex"\nlevels = { a = ["x"] }\n[endpoints',
            "x is no level",
        ),
        (
            'event = { status = ["dead"] }\ncensored',
            'at = "age"\ncensored',
            "which counts all deaths",
        ),
    ],
)
def test_what_a_study_must_not_say_is_refused(table, was, written, says):
    table(DECLARED, "patients.study.toml")
    assert run("check", table(CODED)).exit_code == 0
    wrong = DECLARED.replace(was, written).replace('censored = { status = ["alive"] }',
        'censored = { status = ["alive", "dead"] }' if "at =" in written else
        'censored = { status = ["alive"] }')  # fmt: skip
    table(wrong, "patients.study.toml")
    result = run("check", table(CODED))
    assert result.exit_code == 1
    assert re.search(says, " ".join(result.output.split())), result.output


def test_scores_of_stains_are_told_as_a_report_takes_them(table):
    head = GOOD.splitlines()[0] + ",survivin_intensity_1,survivin_intensity_2\n"
    rows = [line + ",1,2\n" for line in GOOD.splitlines()[1:]]
    output = told(path := table(head + "".join(rows)))
    assert "scores of stains: 2 columns" in output
    assert "survivin" not in output + str(as_json(path)["warnings"])  # it is no outcome
    table(head + "".join(rows).replace(",1,2\n", ",7,2\n", 1))
    assert "survivin_intensity_1: not 0, 1, 2 or 3: P1 (7)" in told(path)


# What becomes of the columns


def test_every_column_that_is_not_used_is_named_with_the_known_one_it_resembles(table):
    path = table(ODD)
    output = told(path)
    assert "not used: chemotheraphy (resembles chemotherapy), Alter (resembles age_years)" in output
    assert "not used: mitoses; only if you name it as group or covariate" in output
    assert as_json(path)["ignored"] == [
        {"column": "chemotheraphy", "resembles": "chemotherapy"},
        {"column": "Alter", "resembles": "age_years"},
        {"column": "mitoses", "resembles": None},
    ]
    path = table(ODD.replace("Alter", "radiotherapy_2"))  # none that the table has
    assert {"column": "radiotherapy_2", "resembles": None} in as_json(path)["ignored"]


def test_optional_columns_that_are_absent_and_missing_values_are_told(table):
    path = table(ODD)
    found = as_json(path)
    assert found["absent"] == (
        "age_years sex site vessel size_cm t_stage n_stage m_stage margin chemotherapy"
        " distant_recurrence_months".split()
    )
    # A blank recurrence is none seen, not a missing value.
    assert "local_recurrence_months" not in found["missing"]
    assert (found["missing"]["radiotherapy"], found["missing"]["grade"]) == (1, 2)
    assert "missing values: grade 2, radiotherapy 1" in told(path)


def test_an_unsound_table_is_told_of_its_columns_too(table):
    path = table(ODD.replace("dead_other", "dead").replace("71,4,no,,", "71,4,no,9,"))
    assert "chemotheraphy (resembles chemotherapy)" in told(path)
    missing = as_json(path)["missing"]
    # A cell that is listed as a problem is not missing: only that of P2 is.
    assert (missing["status"], missing["grade"]) == (0, 1)


@pytest.mark.parametrize(
    ("header", "cells", "what"),
    [
        ("Name", "a b c", "a name"),
        ("Vor-Name", "a b c", "a name"),
        ("Prénom", "a b c", "a name"),
        ("pat_name", "a b c", "a name"),
        ("Initialen", "a b c", "a name"),
        ("Geburtsdatum", "1 2 3", "a date of birth"),
        ("DOB", "1 2 3", "a date of birth"),
        ("seen", "1948-02-03 12.07.1951 03/04/1939", "a date of birth"),
        ("seen", "1948 1951 1939", "a date of birth"),
        ("AHV-Nr.", "1 2 3", "a national number"),
        # 7 + 3*5 + 6 + 3*9 + 2 + 3*1 + 7 + 3*0 + 7 + 3*6 + 9 + 3*8 = 125, and 130 - 125 = 5
        ("key", "756.9217.0769.85 - -", "a national number"),
        ("key", "756.9217.0769.81 - -", None),
        ("key", "078-05-1120 - -", "a national number"),
        # 9*10 + 4*9 + 3*8 + 4*7 + 7*6 + 6*5 + 5*4 + 9*3 + 1*2 = 299 = 27*11 + 2, and 11 - 2 = 9;
        # 92 = 8*11 + 4, and 11 - 4 = 7; 208 = 18*11 + 10, and 11 - 10 = 1
        ("key", "9434765919 4010232137 1234567881", "a national number"),
        ("key", "9434765918 4010232136 1234567882", None),
        ("key", "311280-1234 010203-1234 241290-1111", "a national number"),
        # ISO 7064: from 10, add a digit, mod 10 (0 counts as 10), twice that, mod 11. Of 8609574271
        # that makes 5, 2, 4, 6, 2, 7, 2, 8, 10, 2, and 11 - 2 = 9; likewise
        # of 1000000000 it makes 2, 4, 8, 5, 10, 9, 7, 3, 6, 1, and 11 - 1 = 10, written 0;
        # of 2000000000 it makes 4, 8, 5, 10, 9, 7, 3, 6, 1, 2, and 11 - 2 = 9
        ("key", "86095742719 10000000000 20000000009", "a national number"),
        ("key", "86095742718 10000000001 20000000008", None),
        ("site", "left_thigh right_thigh arm", None),
        ("vessel_name", "a b c", None),
        ("operated", "1998-02-03 2001-07-12 1989-01-01", None),
        ("mitoses", "1950 3 4", None),
        ("phone", "4179123456 4179123457 4179123458", None),
    ],
)
def test_a_column_that_looks_personal_is_named_with_care(table, header, cells, what):
    rows = zip("123", [18, 30, 40], ["alive", "dead_other", "alive"], cells.split(), strict=True)
    lines = [",".join(map(str, row)) for row in rows]
    path = table("\n".join([f"patient_id,time_months,status,{header}", *lines]) + "\n")
    found = as_json(path)["looks_like"]
    assert [(row["column"], row["what"]) for row in found] == ([(header, what)] if what else [])
    if what:
        assert f"looks like {what}: {header} (by its " in told(path)


def test_identifiers_that_are_names_or_national_numbers_are_told(table):
    names = GOOD.replace("P1", "Anna Muster").replace("P2", "Jean Dupont").replace("P3", "Eva Ek")
    numbers = GOOD.replace("P1", "078-05-1120")
    for text, what in ((names, "a name"), (numbers, "a national number")):
        (found,) = as_json(table(text))["looks_like"]
        assert (found["column"], found["what"]) == ("patient_id", what)


@pytest.mark.parametrize(
    ("column", "count", "lines", "more", "listed"),
    [
        ("relapse", 40, 25, "--all lists every cell", "warnings"),
        ("gene", 300, 25, "and 286 more (--json lists all)", "ignored"),
    ],
)
def test_a_table_of_many_columns_or_kinds_fits_on_a_screen(
    table, column, count, lines, more, listed
):
    header = ",".join(["patient_id,time_months,status", *(f"{column}_{i}" for i in range(count))])
    path = table(f"{header}\nP1,12,alive{',1' * count}\nP2,13,dead_other{',0' * count}\n")
    assert len(run("check", path).output.splitlines()) < lines
    assert more in told(path)
    assert len(as_json(path)[listed]) == count


def test_rows_without_one_readable_cell_are_not_called_alike(table):
    header = "patient_id,age_years,sex,size_cm,time_months,status\n"
    rows = "".join(f"P{i},a{i},b{i},c{i},d{i},e{i}\n" for i in range(3))
    assert "the same as an earlier patient" not in run("check", table(header + rows)).output
    twice = "P1,66,f,5,18,alive\nP2,66,f,5,18,alive\n"
    assert "the same as an earlier patient" in run("check", table(header + twice)).output


def test_thousands_of_wrong_cells_of_many_kinds_fit_on_one_screen(table):
    header = (
        "patient_id,age_years,sex,size_cm,t_stage,n_stage,m_stage,grade,margin,time_months,status"
    )
    rows = "".join(f"P{i},a{i},x,big,T9,N7,M5,9,Rx1,-{i + 1},dead\n" for i in range(300))
    output = run("check", table(f"{header}\n{rows}")).output
    assert len(output.splitlines()) <= 24
    for column in header.split(",")[1:]:  # each kind is told, or its column named
        assert column in output
