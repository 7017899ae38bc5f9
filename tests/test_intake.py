"""Checking a table, the template and the draft of a codebook, from the command line."""

import io
import json

import pytest
from click.testing import CliRunner

from vlms.__main__ import main
from vlms.cohort import read_cohort
from vlms.intake import check_cohort, draft_codebook, write_codebook, write_template

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
FOREIGN = """\
Pat-Nr;Alter;Geschlecht;Monate;Vitalstatus;Rezidiv;Tumorlage
1;66;1;18,5;0;;Bein
2;50;2;30;1;12;Arm
"""


@pytest.fixture
def table(tmp_path):
    def write(text, name="patients.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_a_sound_table_exits_0_with_patients_events_and_warnings(table):
    result = run("check", table(GOOD))
    assert result.exit_code == 0
    for text in ["3 patients", "deaths of the disease: 1", "other deaths: 1", "warnings: 1"]:
        assert text in result.output
    assert "local recurrences: 1" in result.output


def test_an_unsound_table_exits_1_with_every_problem(table):
    result = run("check", table(BAD))
    assert result.exit_code == 1
    rows = [line for line in result.output.splitlines() if "patients.csv" in line][1:]
    assert len(rows) == 3  # a time below 0, no number, a death without its cause
    for text in ["line", "patient", "column", "raw", "problem", "write instead"]:
        assert text in result.output
    assert "dead_of_disease or dead_other" in result.output


def test_no_cell_can_send_control_characters_to_the_terminal(table):
    output = run("check", table(BAD)).output
    assert "\x1b" not in output
    assert "\\x1b[2J" in output


def test_a_long_path_ends_in_the_files_name_and_what_to_do_is_never_cut(table, tmp_path):
    folder = tmp_path / ("a" * 100)
    folder.mkdir()
    header = ",".join(f"column_{number}" for number in range(40))
    result = run("check", table(header + "\n" + "1," * 39 + "1\n", f"{folder.name}/patients.csv"))
    shown = [line for line in result.stdout.splitlines() if "no column status" in line]
    assert f"{'a' * 60}/patients.csv" in shown[0]
    assert "rename a column, or map it in a codebook" in shown[0]


def test_json_is_for_programs(table):
    result = run("check", "--json", table(BAD))
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["sound"] is False
    assert [problem["line"] for problem in found["problems"]] == [2, 3, 3]
    sound = json.loads(run("check", "--json", table(GOOD)).output)
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


def test_the_encoding_can_be_named(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_bytes(GOOD.replace("thigh", "größer").encode("latin-1"))
    assert run("check", str(path)).exit_code == 1
    assert run("check", str(path), "--encoding", "latin-1").exit_code == 0


def test_a_codebook_is_used(table):
    book = "printed,name,unit\nTage,time_months,days\n"
    path = table("patient_id,Tage,status\nP1,365.25,alive\n")
    assert run("check", path).exit_code == 1
    assert run("check", path, "--codebook", table(book, "book.csv")).exit_code == 0


def test_the_problems_of_a_codebook_name_the_codebook(table):
    book = table("printed,name,parser\nx,status,parse_foo\n", "book.csv")
    result = run("check", table(GOOD), "--codebook", book)
    assert result.exit_code == 1
    assert "book.csv" in result.output
    assert "unknown parser" in result.output


def test_the_template_is_an_empty_table_beside_a_sound_example(tmp_path):
    empty, example = write_template(tmp_path / "mine.csv")
    assert empty.read_text().count("\n") == 1
    assert example.read_text().startswith(empty.read_text())
    cohort = read_cohort(example)
    assert cohort.issues.empty
    assert set(cohort.patients["status"]) == {"alive", "dead_of_disease", "dead_other"}


@pytest.mark.parametrize("existing", ["mine.csv", "mine-example.csv"])
def test_the_template_overwrites_nothing(tmp_path, existing):
    (tmp_path / existing).write_text("precious")
    result = run("template", str(tmp_path / "mine.csv"))
    assert result.exit_code == 1
    assert "exists already" in result.output
    assert [path.name for path in tmp_path.iterdir()] == [existing]


@pytest.mark.parametrize("path", ["no/such/mine.csv", ".", ""])
def test_a_template_that_cannot_be_written_says_so_without_a_traceback(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    result = run("template", path)
    assert result.exit_code == 1
    assert "no file can be written" in result.output


def test_a_draft_names_what_is_well_known_and_leaves_outcomes_open(table):
    draft = draft_codebook(table(FOREIGN)).set_index("printed")
    assert draft.loc["Alter", "name"] == "age_years"
    assert draft.loc["Geschlecht", "name"] == "sex"
    assert draft.loc["Geschlecht", "levels"] == "1=; 2="
    assert draft.loc["Vitalstatus", "name"] == ""
    assert draft.loc["Vitalstatus", "levels"] == "0=; 1="
    for column in ["Monate", "Rezidiv"]:
        assert draft.loc[column, "name"] == ""


def test_a_draft_that_is_not_filled_in_is_refused(table, tmp_path):
    path = table(FOREIGN)
    book = tmp_path / "book.csv"
    assert run("codebook", path, "--output", str(book)).exit_code == 0
    found = check_cohort(path, book)
    assert not found.sound
    assert "not said what it is" in " ".join(found.problems["problem"])
    assert "says not what it means" in " ".join(found.problems["problem"])


def test_a_draft_that_is_filled_in_reads_the_table(table, tmp_path):
    path = table(FOREIGN)
    draft = draft_codebook(path).set_index("printed", drop=False)
    draft.loc["Pat-Nr", "name"] = "patient_id"
    draft.loc["Pat-Nr", "parser"] = ""
    draft.loc["Monate", ["name", "levels"]] = ["time_months", ""]
    draft.loc["Rezidiv", ["name", "levels"]] = ["local_recurrence_months", ""]
    draft.loc["Vitalstatus", ["name", "levels"]] = ["status", "0=alive; 1=dead_of_disease"]
    draft.loc["Geschlecht", "levels"] = "1=m; 2=f"
    book = tmp_path / "book.csv"
    with book.open("w", encoding="utf-8") as stream:
        write_codebook(draft, stream)
    patients = read_cohort(path, book).patients
    assert patients["time_months"].tolist() == [18.5, 30]
    assert patients["status"].tolist() == ["alive", "dead_of_disease"]
    assert patients["sex"].tolist() == ["m", "f"]


def test_a_draft_goes_to_the_terminal_unless_a_file_is_named(table):
    result = run("codebook", table(FOREIGN))
    assert result.exit_code == 0
    assert result.output.startswith("printed,name,parser,unit,levels,missing,label,description\n")


def test_a_draft_overwrites_nothing(table, tmp_path):
    book = tmp_path / "book.csv"
    book.write_text("precious")
    result = run("codebook", table(FOREIGN), "--output", str(book))
    assert result.exit_code == 1
    assert "exists already" in result.output
    assert book.read_text() == "precious"


def test_a_draft_holds_no_control_characters_and_no_code_that_cannot_be_seen(table):
    path = table("Name\x1b[2J,Verlauf,time_months,status\na,b,x\x07,\u200b\nc,d,1,q\n")
    draft = draft_codebook(path).set_index("printed")
    assert list(draft.index)[0] == "Name [2J"
    assert draft.loc["time_months", "levels"] == ""
    assert draft.loc["status", "levels"] == "q="


def test_a_draft_holds_no_formula_of_the_table(table):
    stream = io.StringIO()
    text = "patient_id,time_months,status,=cmd\nP1,3,=1+1,@x\n"
    write_codebook(draft_codebook(table(text)), stream)
    cells = stream.getvalue().replace("\n", ",").split(",")
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


# What becomes of the columns

ODD = """\
patient_id,time_months,status,chemotheraphy,Alter,mitoses,radiotherapy,grade,local_recurrence_months
P1,18,alive,yes,66,12,yes,2,
P2,30,dead_of_disease,no,50,3,,,12
P3,40,dead_other,no,71,4,no,,
"""


def about_columns(path, *options):
    """Return what JSON says of the columns, whatever the table's soundness."""
    return json.loads(run("check", "--json", path, *options).output)


def test_every_column_that_is_not_used_is_named_with_the_known_one_it_resembles(table):
    path = table(ODD)
    output = run("check", path).output
    assert "not used: chemotheraphy (resembles chemotherapy), Alter (resembles age_years)" in output
    assert "not used: mitoses; only if you name it as group or covariate" in output
    assert about_columns(path)["ignored"] == [
        {"column": "chemotheraphy", "resembles": "chemotherapy"},
        {"column": "Alter", "resembles": "age_years"},
        {"column": "mitoses", "resembles": None},
    ]


def test_a_column_resembles_none_that_the_table_has(table):
    path = table(ODD.replace("Alter", "radiotherapy_2"))
    assert {"column": "radiotherapy_2", "resembles": None} in about_columns(path)["ignored"]


def test_optional_columns_that_are_absent_and_missing_values_are_told(table):
    path = table(ODD)
    found = about_columns(path)
    assert found["absent"] == (
        "age_years sex site vessel size_cm t_stage n_stage m_stage margin chemotherapy"
        " distant_recurrence_months".split()
    )
    # A blank recurrence is none seen, not a missing value.
    assert "local_recurrence_months" not in found["missing"]
    assert (found["missing"]["radiotherapy"], found["missing"]["grade"]) == (1, 2)
    assert "missing values: grade 2, radiotherapy 1" in run("check", path).output


def test_an_unsound_table_is_told_of_its_columns_too(table):
    path = table(ODD.replace("dead_other", "dead").replace("71,4,no,,", "71,4,no,9,"))
    result = run("check", path)
    assert result.exit_code == 1
    assert "chemotheraphy (resembles chemotherapy)" in result.output
    missing = about_columns(path)["missing"]
    # A cell that is listed as a problem is not missing: only that of P2 is.
    assert (missing["status"], missing["grade"]) == (0, 1)


@pytest.mark.parametrize(
    ("header", "cells", "what"),
    [
        ("Name", "a b c", "a name"),
        ("Vor-Name", "a b c", "a name"),
        ("Prénom", "a b c", "a name"),
        ("Geburtsdatum", "1 2 3", "a date of birth"),
        ("DOB", "1 2 3", "a date of birth"),
        ("seen", "1948-02-03 12.07.1951 03/04/1939", "a date of birth"),
        ("seen", "1948 1951 1939", "a date of birth"),
        ("AHV-Nr.", "1 2 3", "a national number"),
        # 7 + 3*5 + 6 + 3*9 + 2 + 3*1 + 7 + 3*0 + 7 + 3*6 + 9 + 3*8 = 125, and 130 - 125 = 5
        ("key", "756.9217.0769.85 - -", "a national number"),
        ("key", "078-05-1120 - -", "a national number"),
        # 9*10 + 4*9 + 3*8 + 4*7 + 7*6 + 6*5 + 5*4 + 9*3 + 1*2 = 299 = 27*11 + 2, and 11 - 2 = 9;
        # 92 = 8*11 + 4, and 11 - 4 = 7; 208 = 18*11 + 10, and 11 - 10 = 1
        ("key", "9434765919 4010232137 1234567881", "a national number"),
        ("key", "9434765918 4010232136 1234567882", None),
        ("key", "311280-1234 010203-1234 241290-1111", "a national number"),
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
    found = about_columns(path)["looks_like"]
    assert [(row["column"], row["what"]) for row in found] == ([(header, what)] if what else [])
    if what:
        assert f"looks like {what}: {header} (by its " in run("check", path).output


def test_identifiers_that_are_names_or_national_numbers_are_told(table):
    names = GOOD.replace("P1", "Anna Muster").replace("P2", "Jean Dupont").replace("P3", "Eva Ek")
    assert about_columns(table(names))["looks_like"][0]["what"] == "a name"
    numbers = about_columns(table(GOOD.replace("P1", "078-05-1120")))["looks_like"]
    assert [(row["column"], row["what"]) for row in numbers] == [
        ("patient_id", "a national number")
    ]


def test_a_table_of_many_columns_still_fits_on_a_screen(table):
    names = [f"antigen_{number}" for number in range(300)]
    header = ",".join(["patient_id", "time_months", "status", *names])
    path = table(header + "\nP1,12,alive" + ",1" * 300 + "\nP2,13,dead_other" + ",0" * 300 + "\n")
    output = run("check", path).output
    assert len(output.splitlines()) < 24
    assert "and 286 more (--json lists all)" in " ".join(output.split())
    assert len(about_columns(path)["ignored"]) == 300
