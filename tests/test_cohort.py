"""Reading a cohort: dialects, encodings, broken files, codebooks, alternative readings."""

import os
import pickle
import threading

import pandas as pd
import pytest

from vlms.cohort import DATA, CohortError, read_cohort, read_paper
from vlms.reading.opening import decode
from vlms.reading.problems import Findings
from vlms.readings import (
    choose_readings,
    combine_readings,
    read_readings,
    under_each_reading,
    with_readings,
)

GOOD = """\
patient_id,age_years,site,time_months,status,local_recurrence_months
P1,66,thigh,18.5,alive,
P2,50,"arm, left",30,dead_of_disease,12.5
P3,71,thigh,40,dead_other,
"""
HEADER = "patient_id,time_months,status,local_recurrence_months\n"


@pytest.fixture
def read(tmp_path):
    """Write text or bytes to a file and read it as a cohort."""

    def read(content, codebook=None, **options):
        path = tmp_path / "patients.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if codebook is not None:
            book = tmp_path / "codebook.csv"
            book.write_text(codebook, encoding="utf-8")
            return read_cohort(path, book, **options)
        return read_cohort(path, **options)

    return read


@pytest.fixture
def refused(read):
    """Read what must be refused, and return the problems as one text."""

    def refused(content, *arguments, **options):
        with pytest.raises(CohortError) as error:
            read(content, *arguments, **options)
        return " · ".join(error.value.problems["problem"])

    return refused


def good(separator=",", decimal="."):
    rows = GOOD.replace('"arm, left"', "arm").splitlines()
    return "\n".join(row.replace(",", separator).replace(".", decimal) for row in rows) + "\n"


def with_cell(column, text):
    """Return a table of three patients in which one cell holds `text`."""
    frame = pd.DataFrame(
        {
            "patient_id": ["P1", "P2", "P3"],
            "time_months": ["20", "30", "40"],
            "status": ["alive", "dead_of_disease", "dead_other"],
            "local_recurrence_months": ["", "12", ""],
            "distant_recurrence_months": ["", "", "30"],
            "m_stage": "M0",
        }
    )
    frame.loc[1, column] = text
    return frame.to_csv(index=False)


# What comes back


def test_a_sound_table_comes_back_typed_and_without_issues(read):
    cohort = read(GOOD)
    patients = cohort.patients
    assert patients["patient_id"].tolist() == ["P1", "P2", "P3"]
    assert patients["time_months"].tolist() == [18.5, 30, 40]
    assert patients["status"].tolist() == ["alive", "dead_of_disease", "dead_other"]
    assert patients["site"].tolist() == ["thigh", "arm, left", "thigh"]
    assert patients["local_recurrence_months"].isna().tolist() == [True, False, True]
    assert cohort.issues.empty
    assert list(cohort.issues) == ["line", "patient_id", "column", "raw", "problem", "action"]


def test_further_columns_are_kept_as_numbers_or_as_text(read):
    table = "patient_id,time_months,status,mitoses,centre,note\nP1,3,alive,12,007,x\n"
    patients = read(table + "P2,4,dead_other,3.5,010,y\n").patients
    assert patients["mitoses"].tolist() == [12, 3.5]
    assert patients["centre"].tolist() == ["007", "010"]
    assert patients["note"].tolist() == ["x", "y"]


def test_canonical_columns_come_first_whatever_their_order(read):
    patients = read("note,status,time_months,patient_id\nx,alive,3,P1\n").patients
    assert list(patients) == ["patient_id", "time_months", "status", "note"]


def test_an_issue_names_line_patient_column_text_and_what_was_done(read):
    issues = read(with_cell("status", "NED")).issues
    row = issues.iloc[0]
    assert (row["line"], row["patient_id"], row["column"], row["raw"]) == (3, "P2", "status", "NED")
    assert row["action"] == "read as alive"


# Dialects and encodings


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_separator_is_recognised(read, separator):
    assert read(good(separator)).patients["time_months"].tolist() == [18.5, 30, 40]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas_are_read_where_the_separator_leaves_them_free(read, separator):
    cohort = read(good(separator, decimal=","))
    assert cohort.patients["time_months"].tolist() == [18.5, 30, 40]
    assert cohort.issues.empty


def test_a_decimal_comma_that_splits_a_cell_is_refused(refused):
    assert "7 fields, but the header has 6" in refused(GOOD.replace("18.5", "18,5"))


def test_a_quoted_decimal_comma_in_a_comma_file_is_listed(read):
    cohort = read(GOOD.replace("18.5", '"18,5"'))
    assert cohort.patients["time_months"][0] == 18.5
    assert cohort.issues["problem"].tolist() == ["the comma is read as a decimal mark"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings_are_recognised_by_their_mark(read, encoding):
    table = GOOD.replace("thigh", "Oberschenkel größer")
    assert read(table.encode(encoding)).patients["site"][0] == "Oberschenkel größer"


def test_latin_1_is_refused_unless_asked_for(read, refused):
    table = GOOD.replace("thigh", "größer").encode("latin-1")
    assert "not UTF-8" in refused(table)
    assert read(table, encoding="latin-1").patients["site"][0] == "größer"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_byte_that_cannot_be_decoded_is_named_with_its_line(read, encoding):
    # far beyond the block of 8192 bytes in which the file is decoded
    rows = "".join(f"P{number},12,alive,\n" for number in range(3000))
    table = (HEADER + rows + "ü,12,alive,\nQ,12,alive,\n").encode(encoding)
    if encoding == "utf-16":  # half of a pair of surrogates
        table = table.replace("ü".encode("utf-16-le"), b"\x00\xd8")
    with pytest.raises(CohortError) as error:
        read(table)
    assert error.value.problems["line"].tolist() == [3002]  # the header and 3000 rows before it


def test_text_that_an_encoding_garbled_is_listed(read):
    cohort = read(GOOD.replace("thigh", "größer").encode(), encoding="latin-1")
    assert "garbled" in " ".join(cohort.issues["problem"])


def test_an_encoding_that_contradicts_the_files_mark_is_refused(refused):
    assert "begins with the mark" in refused(GOOD.encode("utf-16"), encoding="latin-1")


@pytest.mark.parametrize("encoding", ["utf-7", "rot13", "nonsense"])
def test_an_encoding_that_is_not_supported_is_refused(refused, encoding):
    assert "unknown encoding" in refused(GOOD, encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_other_wide_encodings_are_refused(refused, encoding):
    assert "NUL" in refused(GOOD.encode(encoding))


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
def test_every_line_end_is_read(read, ends):
    assert len(read(GOOD.replace("\n", ends)).patients) == 3


def test_the_last_line_needs_no_end(read):
    assert len(read(GOOD.rstrip("\n")).patients) == 3


def test_the_separator_line_of_a_spreadsheet_is_followed(read):
    cohort = read("sep=;\r\n" + with_cell("status", "NED").replace(",", ";"))
    assert cohort.patients["time_months"].tolist() == [20, 30, 40]
    assert cohort.issues["line"].tolist() == [4]


def test_a_separator_line_that_lies_is_refused(refused):
    assert "no column status" in refused("sep=;\n" + GOOD)


def test_empty_columns_and_rows_that_a_spreadsheet_leaves_are_dropped(read):
    table = "\n".join(line + ",," for line in GOOD.splitlines()) + "\n,,,,,,,\n\n,,,,,,,\n"
    cohort = read(table)
    assert len(cohort.patients) == 3
    assert "" not in cohort.patients.columns


def test_a_line_break_in_quotation_marks_does_not_shift_the_lines(read):
    table = GOOD.replace("thigh,18.5", '"thigh\nleft",18.5').replace("dead_other", "DOC")
    cohort = read(table)
    assert cohort.patients["site"][0] == "thigh\nleft"
    assert cohort.issues["line"].tolist() == [5]


@pytest.mark.parametrize(
    "header",
    [
        "Patient ID,Age (years),Site,TIME MONTHS,Status ",
        "patient-id,age_years,site,Time (months),STATUS",
    ],
)
def test_a_header_is_recognised_in_other_cases_and_spacings(read, header):
    rows = "\nP1,66,thigh,18,alive\nP2,50,arm,30,dead_other\n"
    columns = ["patient_id", "age_years", "site", "time_months", "status"]
    assert list(read(header + rows).patients) == columns


# Whole files that are refused


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "empty"),
        ("\ufeff", "no header"),
        ("\n\n", "no header"),
        (GOOD.splitlines()[0], "no patients"),
        (b"PK\x03\x04xx", "workbook"),
        (b"\xd0\xcf\x11\xe0xx", "old Excel"),
        (b"\x1f\x8bxx", "gzip"),
        (b"%PDF-1.4", "PDF"),
        (GOOD.replace("alive", "ali\0ve"), "NUL"),
        (GOOD + "\0\0\0", "NUL"),
        (GOOD.encode() + b"P4,\xff,x,3,alive,\n", "not UTF-8"),
        (GOOD.replace("P3", '"P3'), "split into cells"),
        (GOOD.replace("P3", '"P3"x'), "split into cells"),
        (GOOD + "P4,60\n", "2 fields, but the header has 6"),
        (GOOD + "P4,60,arm,3,alive,,\n", "7 fields, but the header has 6"),
        (GOOD.replace("age_years", "status"), "stands there twice"),
        (GOOD.replace("age_years", "Status"), "stands there twice"),
        (GOOD.replace("age_years", ""), "without a name"),
        (GOOD.replace("status", "vital"), "no column status"),
        (GOOD.replace("time_months", "time_days"), "no column time_months"),
        ("My cohort,,,,,\n" + GOOD, "no column patient_id"),
        (GOOD + GOOD, "same patient"),
        (GOOD + "Total,187,,88.5,,\n", "no status"),
        (GOOD.replace("\nP1", "\n,years,,months,,months\nP1"), "no patient identifier"),
        ("x" * 1_200_000, "more than 1000000 characters"),
        (GOOD + f'P4,60,"{"x" * 200_000}",3,alive,\n', "field larger"),
        (",".join(f"c{i}" for i in range(3000)) + "\n", "3000 columns"),
        ("<html><body>patient_id</body></html>", "no column patient_id"),
        ('[{"patient_id": "P1"}]', "no column patient_id"),
    ],
)
def test_a_broken_file_is_refused_with_its_reason(refused, content, problem):
    assert problem in refused(content)


def test_rows_swallowed_by_a_quotation_mark_are_refused(refused):
    table = 'patient_id,site,time_months,status\nP1,"leg,18,alive\nP2,arm",20,alive\n'
    assert "as if it held other rows" in refused(table)


@pytest.mark.parametrize(
    "name", ["local_recurrence", "local_recurence_months", "Local recurrence month"]
)
def test_a_header_that_is_nearly_a_recurrence_is_refused_lest_its_events_be_lost(refused, name):
    assert "not quite local_recurrence_months" in refused(
        GOOD.replace("local_recurrence_months", name)
    )


def test_a_header_that_may_be_an_outcome_is_listed(read):
    cohort = read(GOOD.replace("site", "relapse"))
    assert "may be an outcome" in " ".join(cohort.issues["problem"])


@pytest.mark.parametrize(
    "path",
    ["https://example.org/x.csv", "HTTP://x", "s3://b/x", "ftp://x/y", "file:///etc/hostname"],
)
def test_an_address_is_never_fetched(path):
    with pytest.raises(CohortError, match="never fetched"):
        read_cohort(path)


@pytest.mark.parametrize("path", ["", "a\0b", None, 5, "x" * 5000, "/no/such/file.csv", "\ud800"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(CohortError):
        read_cohort(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(CohortError, match="a folder"):
        read_cohort(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    raised = []

    def attempt():
        try:
            read_cohort(pipe)
        except CohortError as error:
            raised.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert raised and "pipe" in str(raised[0])


def test_a_link_to_an_endless_device_is_refused(tmp_path):
    link = tmp_path / "patients.csv"
    link.symlink_to("/dev/zero")
    with pytest.raises(CohortError, match="device"):
        read_cohort(link)


def test_a_plain_file_that_gives_nothing_yet_is_refused():
    class Waiting:
        def read(self, size):
            return None  # as a file without blocking does, of which nothing can be read

    with pytest.raises(CohortError, match="nothing can be read"):
        decode(Waiting(), None, Findings("waiting.csv"))


def test_a_link_to_a_table_is_followed(tmp_path):
    (tmp_path / "real.csv").write_text(GOOD)
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert len(read_cohort(tmp_path / "link.csv").patients) == 3


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(CohortError):
        read_cohort(tmp_path / "loop.csv")


def test_an_endless_line_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.write(b"patient_id,time_months,status\nP1,")
        file.truncate(2_000_000_000)  # a sparse file: two gigabytes, without a line break
    with pytest.raises(CohortError, match="line 2"):
        read_cohort(path)


# Cells against each other


def test_all_problems_are_collected_before_anything_stops(read):
    table = HEADER + "P1,-3,dead,0\np1 ,abc,1,12\nP3,4\n"
    with pytest.raises(CohortError) as error:
        read(table)
    problems = error.value.problems
    assert list(problems) == ["file", "line", "patient_id", "column", "raw", "problem", "remedy"]
    found = set(zip(problems["line"], problems["column"], strict=True))
    assert found == {
        (2, "time_months"),
        (2, "status"),
        (2, "local_recurrence_months"),
        (3, "patient_id"),
        (3, "time_months"),
        (3, "status"),
        (4, ""),
    }
    assert (problems["remedy"].str.len() > 0).all()


def test_the_message_quotes_every_problem_with_its_line(read):
    with pytest.raises(CohortError, match=r"line 2, patient P1, column time_months: “-3” a time"):
        read(HEADER + "P1,-3,alive,\n")


def test_an_error_survives_being_sent_between_processes(read):
    with pytest.raises(CohortError) as error:
        read(HEADER + "P1,-3,alive,\n")
    copy = pickle.loads(pickle.dumps(error.value))
    assert copy.problems.equals(error.value.problems)


@pytest.mark.parametrize("other", ["P1", "p1", " P1", "P 1", "P1\u200b"])
def test_a_repeated_patient_is_refused(refused, other):
    assert "same patient" in refused(with_cell("patient_id", other))


def test_a_letter_composed_in_two_ways_is_the_same_patient(refused):
    table = HEADER + "Mu\u0308ller,3,dead_other,\nM\u00fcller,4,alive,\n"
    assert "same patient" in refused(table)


def test_a_page_of_letters_in_a_stage_is_refused_at_once(refused):
    # Taken apart letter by letter it would keep the reader busy for hours.
    assert "far too long" in refused(with_cell("m_stage", "c" * 90_000))


def test_a_problem_of_the_header_names_its_line(read):
    with pytest.raises(CohortError) as error:
        read("sep=,\n" + GOOD.replace("status", "vital"))
    assert error.value.problems["line"].tolist() == [2]


def test_identifiers_that_differ_in_leading_zeros_are_listed(read):
    table = HEADER + "1,3,alive,\n01,4,dead_other,\n"
    assert "same number" in " ".join(read(table).issues["problem"])


@pytest.mark.parametrize(("one", "other"), [("P01", "P1"), ("P-003", "P-3"), ("7.0", "7")])
def test_identifiers_that_differ_in_how_their_number_is_written_are_listed(read, one, other):
    cohort = read(HEADER + f"{one},12,alive,\n{other},12,dead_other,\n")
    assert cohort.issues["patient_id"].tolist() == [other]
    assert "same number" in cohort.issues["problem"][0]


@pytest.mark.parametrize(("one", "other"), [("10", "1"), ("P10", "P1"), ("1.05", "1.5")])
def test_identifiers_whose_numbers_differ_are_read_without_doubt(read, one, other):
    assert read(HEADER + f"{one},12,alive,\n{other},12,dead_other,\n").issues.empty


def test_a_recurrence_after_the_end_of_follow_up_is_refused(refused):
    assert "after the end of follow-up" in refused(with_cell("local_recurrence_months", "30.1"))


def test_a_recurrence_at_the_end_of_follow_up_is_read(read):
    cohort = read(with_cell("local_recurrence_months", "30"))
    assert cohort.patients["local_recurrence_months"][1] == 30


@pytest.mark.parametrize("text", ["0", "0.0"])
def test_a_recurrence_at_0_months_is_refused_for_it_may_mean_none(refused, text):
    assert "code for none" in refused(with_cell("local_recurrence_months", text))


def test_a_recurrence_column_of_ones_is_listed(read):
    cohort = read(with_cell("local_recurrence_months", "1"))
    assert "nothing but 1" in " ".join(cohort.issues["problem"])


def test_a_row_of_totals_is_refused(refused):
    assert "row of totals" in refused(HEADER + "P1,12,dead_other,\nTotal,12,alive,\n")


def test_days_among_months_are_refused(refused):
    times = [18, 30, 12, 60, 7, 21, 39, 45, 540]
    rows = "".join(f"P{i},{t},alive,\n" for i, t in enumerate(times))
    assert "days among months" in refused(HEADER + rows)


def test_a_column_that_may_be_all_days_is_listed(read):
    times = [540, 300, 420, 600, 700, 210]
    rows = "".join(f"P{i},{t},alive,\n" for i, t in enumerate(times))
    assert "are they in days" in " ".join(read(HEADER + rows).issues["problem"])


def test_a_follow_up_beyond_a_human_life_is_refused(refused):
    table = "patient_id,age_years,time_months,status\nP1,70,600,alive\n"
    # 70 + 600 / 12 = 120 years
    assert "120 years old" in refused(table)


def test_a_first_metastasis_after_m1_is_listed(read):
    table = with_cell("m_stage", "M1").replace("P2,30,dead_of_disease,12,", "P2,30,alive,12,20")
    assert "M1 at diagnosis" in " ".join(read(table).issues["problem"])


def test_a_stage_that_contradicts_the_tnm_column_is_refused(refused):
    table = "patient_id,time_months,status,tnm,m_stage\nP1,3,alive,T2 N0 M1,M0\n"
    assert "gives M0 for m_stage, this one M1" in refused(table)


def test_a_tnm_column_fills_the_stages_that_have_no_column(read):
    table = "patient_id,time_months,status,TNM\nP1,3,dead_other,T2 N0 M1 G3\n"
    patients = read(table).patients
    assert patients.loc[0, ["t_stage", "n_stage", "m_stage", "grade"]].tolist() == [
        "T2",
        "N0",
        "M1",
        3,
    ]


def test_a_whole_tnm_in_the_column_of_one_stage_must_agree_with_the_others(refused):
    table = "patient_id,time_months,status,t_stage,m_stage\nP1,3,alive,T2 N0 M1,M0\n"
    assert "says M1, but m_stage is M0" in refused(table)


def test_patients_alike_in_everything_are_listed(read):
    row = "66,thigh,18.5,dead_other,\n"
    cohort = read(GOOD.splitlines()[0] + f"\nP1,{row}P2,{row}")
    assert "the same as an earlier patient" in " ".join(cohort.issues["problem"])


def test_a_time_of_zero_is_listed(read):
    cohort = read(HEADER + "P1,0,dead_other,\n")
    assert cohort.patients["time_months"][0] == 0
    assert "no follow-up" in " ".join(cohort.issues["problem"])


def test_a_point_that_may_mark_thousands_is_refused_beside_decimal_commas(refused):
    table = "patient_id;time_months;status;size_cm\nP1;1.234;alive;8,5\n"
    assert "thousands" in refused(table)


@pytest.mark.parametrize("name", ["size_cm (mm)", "age_years (months)"])
def test_a_header_with_another_unit_is_listed_and_not_taken_for_the_canonical_one(read, name):
    cohort = read(f"patient_id,time_months,status,{name}\nP1,12,dead_other,50\n")
    assert cohort.issues["problem"].str.startswith("not quite").tolist() == [True]
    assert list(cohort.patients)[3:] == [name]


# Codebooks

FOREIGN = "Pat;Alter;Tage;Vital;Rezidiv\n1;66;540;1;\n2;50;365,25;2;100\n"
BOOK = """\
printed,name,parser,unit,levels,missing,label,description
Pat,patient_id,,,,,,
Alter,age_years,,,,,Age,
Tage,time_months,,days,,,,
Vital,status,,,1=alive; 2=dead_of_disease,,,
Rezidiv,local_recurrence_months,,days,,,,
"""


def test_a_recurrence_that_a_codebook_misspells_is_listed(read):
    book = BOOK.replace("local_recurrence_months,", "local_recurence_months,parse_months")
    cohort = read(FOREIGN, book)
    assert cohort.issues["problem"].tolist() == ["not quite local_recurrence_months"]


def test_a_recurrence_that_only_one_of_two_columns_gives_is_listed(read):
    table = "Pat;Alter;Tage;Vital;Rezidiv;Zweites\n1;66;540;1;;487\n2;50;365;2;;\n"
    cohort = read(table, BOOK + "Zweites,local_recurrence_months,,days,,,,\n")
    assert cohort.issues["raw"].tolist() == ["487"]
    # 487 days of 30.4375 days a month
    assert cohort.patients["local_recurrence_months"][0] == pytest.approx(16)


def test_a_point_that_may_mark_thousands_is_listed_where_a_comma_could_mark_decimals(read):
    cohort = read(FOREIGN.replace("365,25", "700").replace("540", "1.095"), BOOK)
    assert cohort.issues["raw"].tolist() == ["1.095"]
    assert "decimal mark" in cohort.issues["problem"][0]


def test_a_codebook_maps_columns_codes_and_units(read):
    cohort = read(FOREIGN, BOOK)
    assert cohort.patients["status"].tolist() == ["alive", "dead_of_disease"]
    # 540 days of 365.25 / 12 days a month: 17.7413 months
    assert cohort.patients["time_months"].tolist() == pytest.approx([17.741273, 12.0])
    assert cohort.columns.set_index("name")["label"]["age_years"] == "Age"
    assert cohort.issues.empty


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Alter,", "Age,", "that the table does not have"),
        ("age_years,,", "age_years,parse_foo,", "unknown parser"),
        ("status,,", "status,parse_text,", "not how status is read"),
        ("days", "fortnights", "unknown unit"),
        ("1=alive; 2=dead_of_disease", "1=; 2=", "says not what it means"),
        ("2=dead_of_disease", "2=dead", "of what"),
        ("2=dead_of_disease", "1=dead_of_disease", "two meanings"),
        ("; 2=dead_of_disease", "", "code whose meaning"),
        ("Alter,age_years", "Alter,", "not said what it is"),
        ("Alter,age_years", "Alter,Age Years", "not a name"),
        ("Alter,age_years", "Pat,patient_id", "twice"),
        ("printed,name", "printed,nahme", "no column name"),
    ],
)
def test_a_wrong_codebook_is_refused(refused, old, new, problem):
    assert problem in refused(FOREIGN, BOOK.replace(old, new))


def test_two_printed_columns_for_one_must_agree(read, refused):
    table = "patient_id,time_months,status,age,pair\nP1,3,alive,66,66/f\nP2,4,alive,50,{}/m\n"
    book = "printed,name\nage,age_years\npair,age_years\npair,sex\n"
    patients = read(table.format(50), book).patients
    assert patients["sex"].tolist() == ["f", "m"]
    assert "another column gives 50.0 for age_years" in refused(table.format(51), book)


def test_columns_that_a_codebook_leaves_out_are_read_as_without_it(read):
    book = "printed,name,unit\nTage,time_months,days\n"
    table = "patient_id,Tage,status,note\nP1,365.25,alive,x\n"
    patients = read(table, book).patients
    assert patients["time_months"].tolist() == pytest.approx([12.0])
    assert patients["note"].tolist() == ["x"]


def test_a_codebook_and_a_header_cannot_both_claim_a_column(refused):
    book = "printed,name\nvital,status\n"
    table = "patient_id,time_months,status,vital\nP1,3,alive,alive\n"
    assert "both this column and" in refused(table, book)


# Papers and their readings


def test_the_twelve_patients_are_read_as_printed():
    patients = read_paper("tilkorn2010").patients.set_index("patient_id")
    assert len(patients) == 12
    assert patients.loc["1", "size_cm"] == 8.0  # 7.6 × 8 × 3.3
    assert patients.loc["12", "m_stage"] == "M1"  # T2N0 M1 (pulmo) G3
    assert patients.loc["9", "time_months"] == 28
    assert (patients["status"] == "dead_of_disease").sum() == 4  # patients 1, 2, 4, 9
    assert pd.isna(patients.loc["2", "local_recurrence_months"])  # tumor-progression


@pytest.mark.parametrize("stem", ["../tilkorn2010", "/etc", "", "a b", "https://x", None])
def test_a_paper_is_named_never_a_path(stem):
    with pytest.raises(CohortError):
        read_paper(stem)


def test_every_name_and_patient_of_the_readings_is_text():
    readings = read_readings("tilkorn2010")
    assert list(readings) == ["patient_id", "name", "reading", "value", "where"]
    assert readings["patient_id"].isin(read_paper("tilkorn2010").patients["patient_id"]).all()


READINGS = pd.DataFrame(
    [
        ("P2", "time_months", "table", "30", ""),
        ("P2", "time_months", "prose", "10", ""),
        ("P3", "status", "table", "dead_other", ""),
        ("P3", "status", "prose", "alive", ""),
        ("P3", "status", "abstract", "dead_of_disease", ""),
    ],
    columns=["patient_id", "name", "reading", "value", "where"],
)


def test_readings_combine_to_all_their_products_the_tables_first():
    combinations = combine_readings(READINGS)
    assert len(combinations) == 2 * 3
    assert combinations.iloc[0].tolist() == ["30", "dead_other"]


def test_a_reading_replaces_a_cell_and_is_listed(read):
    cohort = read(with_cell("local_recurrence_months", ""))
    other = with_readings(cohort, {("P2", "time_months"): "10"})
    assert other.patients["time_months"].tolist() == [20, 10, 40]
    assert cohort.patients["time_months"].tolist() == [20, 30, 40]
    assert other.issues["raw"].tolist() == ["10"]


def test_a_reading_that_contradicts_another_cell_is_refused(read):
    cohort = read(with_cell("local_recurrence_months", "12"))
    with pytest.raises(CohortError, match="after the end of follow-up"):
        with_readings(cohort, {("P2", "time_months"): "10"})


@pytest.mark.parametrize("choice", [("P9", "status"), ("P2", "nothing")])
def test_a_reading_of_nobody_or_nothing_is_refused(read, choice):
    with pytest.raises(CohortError, match="the cohort has no"):
        with_readings(read(with_cell("status", "alive")), {choice: "alive"})


def test_readings_are_chosen_by_patient_name_and_reading():
    chosen = choose_readings(READINGS, ["P2 time_months: prose", "P3 status: table"])
    assert chosen == {("P2", "time_months"): "10", ("P3", "status"): "dead_other"}


@pytest.mark.parametrize(
    "names", [["P2 time_months: nobody"], ["P3 status: table", "P3 status: prose"]]
)
def test_a_reading_that_is_not_there_or_two_of_one_fact_are_refused(names):
    with pytest.raises(ValueError, match="reading"):
        choose_readings(READINGS, names)


def test_patients_are_stacked_under_each_combination(read):
    cohort = read(with_cell("local_recurrence_months", ""))
    stacked = under_each_reading(cohort, READINGS)
    assert stacked.groupby("combination").size().tolist() == [3] * 6
    assert stacked.attrs["impossible"] == []
    p2 = stacked.loc[stacked["patient_id"] == "P2", "time_months"].tolist()
    assert p2 == [30, 30, 30, 10, 10, 10]


def test_combinations_that_cannot_be_true_together_are_left_out_and_listed(read):
    cohort = read(with_cell("local_recurrence_months", "12"))
    stacked = under_each_reading(cohort, READINGS)  # P2 recurs at 12, after a follow-up of 10
    assert stacked["combination"].unique().tolist() == [0, 1, 2]
    assert [combination for combination, _ in stacked.attrs["impossible"]] == [3, 4, 5]


def test_the_made_up_cohort_says_so_in_every_row():
    cohort = read_cohort(DATA / "example_cohort" / "patients.csv")
    assert (cohort.patients["provenance"] == "made up").all()
    assert len(cohort.patients) == 150
