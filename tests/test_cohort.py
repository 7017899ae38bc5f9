"""Reading a cohort: dialects, encodings, broken files, cells against each other, studies."""

import os
import pickle
import threading

import pandas as pd
import pytest

from vlms.cohort import DATA, CohortError, Problems, read_cohort, read_paper, tables
from vlms.study import study_file

GOOD = """\
patient_id,age_years,site,time_months,status,local_recurrence_months
P1,66,thigh,18.5,alive,
P2,50,"arm, left",30,dead_of_disease,12.5
P3,71,thigh,40,dead_other,
"""
PLAIN = GOOD.replace('"arm, left"', "arm")
HEADER = "patient_id,time_months,status,local_recurrence_months\n"


@pytest.fixture
def read(tmp_path):
    """Write text or bytes to a file and read it as a cohort."""

    def read(content, study=None, **options):
        path = tmp_path / "patients.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        study_file(path).unlink(missing_ok=True)
        if study is not None:
            study_file(path).write_text(study, encoding="utf-8")
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


@pytest.fixture
def listed(read):
    """Read what is read with a doubt, and return the doubts as one text."""
    return lambda content, *arguments: " · ".join(read(content, *arguments).issues["problem"])


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


def follow_up(times):
    """Return a table of patients who are followed so long."""
    return HEADER + "".join(f"P{i},{t},alive,\n" for i, t in enumerate(times))


# What comes back


@pytest.mark.parametrize("table", [GOOD, PLAIN, PLAIN.rstrip("\n")])
def test_a_sound_table_comes_back_typed_and_without_issues(read, table):
    cohort = read(table)
    patients = cohort.patients
    assert patients["patient_id"].tolist() == ["P1", "P2", "P3"]
    assert patients["time_months"].tolist() == [18.5, 30, 40]
    assert patients["status"].tolist() == ["alive", "dead_of_disease", "dead_other"]
    assert patients["site"].tolist()[1] == ("arm, left" if table == GOOD else "arm")
    assert patients["local_recurrence_months"].isna().tolist() == [True, False, True]
    assert cohort.issues.empty
    assert list(cohort.issues) == ["line", "patient_id", "column", "raw", "problem", "action"]


def test_an_issue_names_line_patient_column_text_and_what_was_done(tmp_path):
    (tmp_path / "real.csv").write_text(with_cell("status", "NED"))
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")  # which is followed
    row = read_cohort(tmp_path / "link.csv").issues.iloc[0]
    said = [3, "P2", "status", "NED", "read as alive"]
    assert row[["line", "patient_id", "column", "raw", "action"]].tolist() == said


def test_further_columns_come_last_as_numbers_or_as_text(read):
    table = "note,mitoses,centre,status,time_months,patient_id\nx,12,007,alive,3,P1\n"
    patients = read(table + "n/a,3.5,010,dead_other,4,P2\n").patients
    assert list(patients)[:3] == ["patient_id", "time_months", "status"]
    assert patients["mitoses"].tolist() == [12, 3.5]
    assert patients["centre"].tolist() == ["007", "010"]
    assert patients["note"].tolist() == ["x", pd.NA]


# Dialects and encodings; whole valid tables in each are in test_cohort_properties.py


def test_latin_1_is_refused_unless_asked_for(read, refused, listed):
    table = GOOD.replace("thigh", "größer")
    assert "not UTF-8" in refused(table.encode("latin-1"))
    assert read(table.encode("latin-1"), encoding="latin-1").patients["site"][0] == "größer"
    assert "garbled" in " ".join(read(table.encode(), encoding="latin-1").issues["problem"])


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


@pytest.mark.parametrize(
    ("content", "encoding", "problem"),
    [
        (GOOD.encode("utf-16"), "latin-1", "begins with the mark"),
        (GOOD, "utf-7", "unknown encoding"),
        (GOOD, "nonsense", "unknown encoding"),
        (GOOD.encode("utf-16-le"), None, "NUL"),
        (GOOD.encode("utf-32"), None, "NUL"),
    ],
)
def test_an_encoding_that_does_not_fit_is_refused(refused, content, encoding, problem):
    assert problem in refused(content, encoding=encoding)


def test_the_separator_line_of_a_spreadsheet_is_followed(read, refused):
    cohort = read("sep=;\r\n" + with_cell("status", "NED").replace(",", ";"))
    assert cohort.patients["time_months"].tolist() == [20, 30, 40]
    assert cohort.issues["line"].tolist() == [4]
    assert read("sep=,\n" + GOOD.replace("alive", "NED")).issues["line"].tolist() == [3]
    assert "no column status" in refused("sep=;\n" + GOOD)


@pytest.mark.parametrize("table", [GOOD, PLAIN])
def test_empty_columns_and_rows_that_a_spreadsheet_leaves_are_dropped(read, table):
    rows = [line + ",," for line in table.replace("dead_other", "DOC").splitlines()]
    rows[1:1] = [",,,,,,,", "", " "]
    cohort = read("\n".join(rows) + "\n,,,,,,,\n\n,,,,,,,\n")
    assert cohort.patients["patient_id"].tolist() == ["P1", "P2", "P3"]
    assert "" not in cohort.patients.columns
    assert cohort.issues["line"].tolist() == [7]


def test_a_line_break_in_quotation_marks_does_not_shift_the_lines(read):
    table = GOOD.replace("thigh,18.5", '"thigh\nleft",18.5').replace("dead_other", "DOC")
    cohort = read(table)
    assert cohort.patients["site"][0] == "thigh\nleft"
    assert cohort.issues["line"].tolist() == [5]


def test_a_header_is_recognised_in_other_cases_and_spacings(read):
    header = "Patient-ID,Age (years),Site,TIME MONTHS,Status "
    columns = ["patient_id", "age_years", "site", "time_months", "status"]
    assert list(read(f"{header}\nP1,66,thigh,18,dead_other\n").patients) == columns


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
        (GOOD.replace("P3", '"P3"x'), "split into cells"),
        (GOOD + "P4,60\n", "2 fields, but the header has 6"),
        (PLAIN + "P4,60\n", "2 fields, but the header has 6"),
        (PLAIN.replace(".", ","), "7 fields, but the header has 6"),
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
        (PLAIN + f"P4,60,{'x' * 200_000},3,alive,\n", "field larger"),
        (",".join(f"c{i}" for i in range(3000)) + "\n", "3000 columns"),
        ("<html><body>patient_id</body></html>", "no column patient_id"),
        ('[{"patient_id": "P1"}]', "no column patient_id"),
    ],
)
def test_a_broken_file_is_refused_with_its_reason(refused, content, problem):
    assert problem in refused(content)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (GOOD.replace("P3", '"P3') + "P4,60,arm,3,alive,\n", 4),
        (GOOD.replace("arm, left", "arm\nleft").replace("dead_other", '"dead_other'), 5),
        (PLAIN.replace("arm", '"arm\nleft"').replace("dead_of", '"dead_of'), 4),
        (PLAIN.replace("thigh", '"thigh', 1) + 'P4,60,"arm",3,alive,\n', 2),
        # which takes in the row that follows, and is as wide as the header all the same
        ('patient_id,site,time_months,status\nP1,"leg,18,alive\nP2,arm",20,alive\n', 2),
    ],
)
def test_a_quotation_mark_left_open_is_reported_where_it_opens(read, table, line):
    with pytest.raises(CohortError) as error:
        read(table)
    assert error.value.problems["line"].tolist() == [line]


# What is no file


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        *[(f"{address}://e/x.csv", "never fetched") for address in ("https", "HTTP", "s3", "file")],
        *[(path, "") for path in ("", "a\0b", None, 5, "x" * 5000, "/no/such/file.csv", "\ud800")],
        ("/", "a folder"),
        ("endless.csv", "device"),
        ("loop.csv", "cannot be"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, monkeypatch, path, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(CohortError, match=problem or None):
        read_cohort(path)


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


def test_a_plain_file_that_gives_nothing_yet_is_refused():
    class Waiting:
        def read(self, size):
            return None  # as a file without blocking does, of which nothing can be read

    with pytest.raises(CohortError, match="nothing can be read"):
        tables._decode(Waiting(), None, Problems("waiting.csv"))


def test_an_endless_line_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.write(b"patient_id,time_months,status\nP1,")
        file.truncate(2_000_000_000)  # a sparse file: two gigabytes, without a line break
    with pytest.raises(CohortError, match="line 2"):
        read_cohort(path)


# How problems are told


def test_all_problems_are_collected_before_anything_stops(read):
    with pytest.raises(CohortError) as error:
        read(HEADER + "P1,-3,dead,0\np1 ,abc,1,12\nP3,4\n")
    problems = error.value.problems
    assert list(problems) == ["file", "line", "patient_id", "column", "raw", "problem", "remedy"]
    found = set(zip(problems["line"], problems["column"], strict=True))
    columns = ["time_months", "status", "local_recurrence_months", "patient_id"]
    assert found == {(2, c) for c in columns[:3]} | {(3, columns[3])} | {
        (3, c) for c in columns[:2]
    } | {(4, "")}
    assert (problems["remedy"].str.len() > 0).all()
    assert pickle.loads(pickle.dumps(error.value)).problems.equals(problems)


def test_the_message_quotes_each_kind_of_problem_with_its_first_line(read):
    rows = "".join(f"P{number},-3,dead,\n" for number in range(40))
    with pytest.raises(CohortError) as error:
        read(HEADER + rows)
    message = str(error.value)
    assert message.startswith("80 problems, so nothing is computed")
    where = "lines 2, 3, 4, …, patients P0, P1, P2, …, column time_months"
    assert f"{where}: 40 cells hold “-3” a time below 0; write the time" in message
    with pytest.raises(CohortError, match="line 2, patient P1, column time_months: “-3” a time"):
        read(HEADER + "P1,-3,alive,\n")
    with pytest.raises(CohortError, match="line 2, column status: no column status"):
        read("sep=,\n" + GOOD.replace("status", "vital"))


# Cells against each other


RECURRENCE = "local_recurrence_months"
SHORT = "patient_id,time_months,status"
DAYS = [18, 30, 12, 60, 7, 21, 39, 45, 540]
ALIKE = "66,thigh,18.5,dead_other,\n"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        *[
            (with_cell("patient_id", other), "same patient")
            for other in ("P1", "p1", " P1", "P 1", "P1\u200b", "'P1")
        ],
        (HEADER + "Mu\u0308ller,3,dead_other,\nM\u00fcller,4,alive,\n", "same patient"),
        (with_cell(RECURRENCE, "30.1"), "after the end of follow-up"),
        (with_cell(RECURRENCE, "0"), "code for none"),
        (with_cell(RECURRENCE, "0.0"), "code for none"),
        (follow_up(DAYS), "days among months"),
        # 70 + 600 / 12 = 120 years
        (f"{SHORT},age_years\nP1,600,alive,70\n", "120 years old"),
        (f"{SHORT},tnm,m_stage\nP1,3,alive,T2 N0 M1,M0\n", "gives M0 for m_stage, this one M1"),
        (f"{SHORT},t_stage,m_stage\nP1,3,alive,T2 N0 M1,M0\n", "says M1, but m_stage is M0"),
        ("patient_id;time_months;status;size_cm\nP1;1.234;alive;8,5\n", "thousands"),
        *[
            (GOOD.replace(RECURRENCE, name), "not quite local_recurrence_months")
            for name in ("local_recurrence", "local_recurence_months", "Local recurrence month")
        ],
    ],
)
def test_what_cannot_be_true_together_is_refused(refused, table, problem):
    assert problem in refused(table)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (GOOD.replace("18.5", '"18,5"'), "the comma is read as a decimal mark"),
        (GOOD.replace("site", "relapse"), "may be an outcome"),
        (f"{SHORT},mitoses\n" + "".join(f"P{m},9,alive,{m}\n" for m in "1234x"), "but not all"),
        (f"{SHORT},size_cm (mm)\nP1,12,dead_other,50\n", "not quite size_cm"),
        (f"{SHORT},age_years (months)\nP1,12,dead_other,50\n", "not quite age_years"),
        (with_cell(RECURRENCE, "30"), "on the day of death"),
        (with_cell(RECURRENCE, "1"), "nothing but 1"),
        (follow_up([540, 300, 420, 600, 700, 210]), "are they in days"),
        (follow_up([241, 12]), "more than 20 years"),
        (follow_up([0, 12]), "no follow-up at all"),
        (follow_up([0, 0]), "every follow-up time is 0"),
        (follow_up([3, 4]), "every patient is alive"),
        (
            with_cell("m_stage", "M1").replace("P2,30,dead_of_disease,12,", "P2,30,alive,12,20"),
            "M1 at diagnosis",
        ),
        (f"{SHORT},t_stage,m_stage\nP1,3,alive,T2 N0 M1,M1\n", "says N0 too"),
        (f"{GOOD.splitlines()[0]}\nP1,{ALIKE}P2,{ALIKE}", "as an earlier patient"),
    ],
)
def test_what_is_possible_but_unlikely_is_listed(listed, table, problem):
    assert problem in listed(table)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (with_cell(RECURRENCE, "30").replace("dead_of_disease", "alive"), "day of death"),
        (follow_up([0, 12]), "every follow-up time"),
        (follow_up([240, 12]), "more than 20 years"),
    ],
)
def test_what_is_only_near_the_unlikely_is_not_listed(listed, table, problem):
    assert problem not in listed(table)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("P01", "P1", 1), ("P-003", "P-3", 1), ("7.0", "7", 1), ("1", "01", 1)]
    + [("10", "1", 0), ("P10", "P1", 0), ("1.05", "1.5", 0)],
)
def test_identifiers_that_differ_in_how_their_number_is_written_are_listed(read, one, other, same):
    issues = read(HEADER + f"{one},12,alive,\n{other},12,dead_other,\n").issues
    assert issues["patient_id"].tolist() == [other] * same
    assert issues["problem"].str.contains("same number").all()


def test_a_tnm_column_fills_the_stages_that_have_no_column(read):
    stages = read(f"{SHORT},TNM\nP1,3,dead_other,T2 N0 M1 G3\n").patients.iloc[0]
    assert stages[["t_stage", "n_stage", "m_stage", "grade"]].tolist() == ["T2", "N0", "M1", 3]


# Studies

FOREIGN = "Pat;Alter;Tage;Vital;Rezidiv\n1;66;540;1;\n2;50;365,25;2;100\n"
STUDY = """\
[study]
based_on = "sarcoma"
[columns.patient_id]
from = "Pat"
[columns.age_years]
from = "Alter"
label = "Age"
[columns.time_months]
from = "Tage"
unit = "days"
[columns.status]
from = "Vital"
levels = { 1 = "alive", 2 = "dead_of_disease" }
[columns.local_recurrence_months]
from = "Rezidiv"
unit = "days"
"""
BASED = '[study]\nbased_on = "sarcoma"\n'


def test_a_study_maps_columns_codes_and_units(read):
    cohort = read(FOREIGN, STUDY)
    assert cohort.patients["status"].tolist() == ["alive", "dead_of_disease"]
    # 540 days of 365.25 / 12 days a month: 17.7413 months
    assert cohort.patients["time_months"].tolist() == pytest.approx([17.741273, 12.0])
    labels = cohort.columns.set_index("name")["label"]
    assert (labels["age_years"], labels["status"]) == ("Age", "Status")
    assert cohort.issues.empty
    doubted = FOREIGN.replace("365,25", "700").replace("540", "1.095")
    assert "decimal mark" in read(doubted, STUDY).issues["problem"].item()


def test_a_recurrence_that_only_one_of_two_columns_gives_is_listed(read):
    table = "Pat;Alter;Tage;Vital;Rezidiv;Zweites\n1;66;540;1;;487\n2;50;365;2;;\n"
    cohort = read(table, STUDY.replace('"Rezidiv"', '["Rezidiv", "Zweites"]'))
    assert cohort.issues["raw"].tolist() == ["487"]
    # 487 days of 30.4375 days a month
    assert cohort.patients["local_recurrence_months"][0] == pytest.approx(16)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"Alter"', '"Age"', "that the table does not have"),
        ('label = "Age"', 'kind = "foo"', "no kind"),
        ('from = "Vital"', 'from = "Vital"\nkind = "text"', "not how status is read"),
        ('"days"', '"fortnights"', "unknown unit"),
        ('from = "Vital"', 'from = "Vital"\nunit = "days"', "has no unit"),
        ('"alive", 2', '"", 2', "not a table of texts"),
        ("dead_of_disease", "dead", "of what"),
        ("dead_of_disease", "DOC", "not canonical"),
        ("2 =", "1 =", "duplicate"),
        ('from = "Vital"', 'from = "Vital"\nmissing = ["2"]', "both missing and a level"),
        (', 2 = "dead_of_disease"', "", "code whose meaning"),
        ('"alive", 2', '"? alive?", 2', "question is open"),
        ("columns.age_years", 'columns."Age Years"', "not a name"),
        ("columns.age_years", "columns.patient_id", "twice"),
        ("label =", "lable =", "unknown key"),
        ('"sarcoma"', '"sarkom"', "no study"),
    ],
)
def test_a_wrong_study_is_refused(refused, old, new, problem):
    assert problem in refused(FOREIGN, STUDY.replace(old, new))


def test_two_printed_columns_for_one_must_agree(read, refused):
    table = "patient_id,time_months,status,age,pair\nP1,3,alive,66,66/f\nP2,4,alive,50,{}/m\n"
    study = f'{BASED}[columns.age_years]\nfrom = ["age", "pair"]\n[columns.sex]\nfrom = "pair"\n'
    assert read(table.format(50), study).patients["sex"].tolist() == ["f", "m"]
    assert "another column gives 50.0 for age_years" in refused(table.format(51), study)


def test_columns_that_a_study_leaves_out_are_read_as_without_it(read):
    study = f'{BASED}[columns.time_months]\nfrom = "Tage"\nunit = "days"\n'
    patients = read("patient_id,Tage,status,note\nP1,365.25,alive,x\n", study).patients
    assert patients["time_months"].tolist() == pytest.approx([12.0])
    assert patients["note"].tolist() == ["x"]


@pytest.mark.parametrize("claimed", ["status", "mitoses"])
def test_a_study_and_a_header_cannot_both_claim_a_column(refused, claimed):
    table = "patient_id,time_months,status,mitoses,vital\nP1,3,alive,2,alive\n"
    assert "both this column and" in refused(table, f'{BASED}[columns.{claimed}]\nfrom = "vital"\n')


# The project's own tables


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


def test_the_made_up_cohort_says_so_in_every_row():
    cohort = read_cohort(DATA / "example_cohort" / "patients.csv")
    assert (cohort.patients["provenance"] == "made up").all()
    assert len(cohort.patients) == 150
