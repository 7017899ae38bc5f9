"""Whatever the dialect, a valid table reads back as it was; no corrupted outcome passes unseen."""

import csv
import io
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlms.cohort import CohortError, read_cohort

MONTH_DAYS = 365.25 / 12
quick = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)

tenths = st.integers(1, 2400).map(lambda number: number / 10)
words = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"], exclude_characters="\u00ad"),
    max_size=12,
).map(lambda text: "v " + text)


@st.composite
def patient(draw):
    """Draw a valid patient: no recurrence after the end of follow-up, no impossible age."""
    time = draw(tenths)
    recurrence = st.none() | st.floats(0.1, 1).map(lambda share: max(0.1, round(time * share, 1)))
    return {
        "age_years": draw(st.none() | st.integers(18, 90)),
        "sex": draw(st.sampled_from(["f", "m", None])),
        "vessel": draw(st.none() | words),
        "size_cm": draw(st.none() | st.integers(1, 300).map(lambda number: number / 10)),
        "m_stage": draw(st.sampled_from(["M0", None])),
        "grade": draw(st.sampled_from([1, 2, 3, None])),
        "margin": draw(st.sampled_from(["R0", "R1", "R2", None])),
        "radiotherapy": draw(st.sampled_from([True, False, None])),
        "time_months": time,
        "status": draw(st.sampled_from(["alive", "dead_of_disease", "dead_other"])),
        "local_recurrence_months": draw(recurrence),
        "distant_recurrence_months": draw(recurrence),
    }


@st.composite
def cohort(draw):
    patients = draw(st.lists(patient(), min_size=1, max_size=9))
    frame = pd.DataFrame(patients, dtype=object)
    frame.insert(0, "patient_id", [f"P{number}" for number in range(len(frame))])
    order = draw(st.permutations(range(len(frame))))
    return frame.iloc[list(order)].reset_index(drop=True)


@st.composite
def dialect(draw):
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    return {
        "separator": separator,
        "decimal": "." if separator == "," else draw(st.sampled_from([".", ","])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        "line_end": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "days": draw(st.booleans()),
        "padding": draw(st.sampled_from(["", " ", "\u00a0"])),
        "columns": draw(st.randoms(use_true_random=False)),
    }


def cell(value, decimal):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value).replace(".", decimal) if isinstance(value, float) else str(value)


def write(frame, folder, how):
    """Write a table in a dialect, and a study where its unit is not the month."""
    columns = list(frame)
    how["columns"].shuffle(columns)
    frame = frame[columns].copy()
    book = None
    if how["days"]:
        names = [name for name in columns if name.endswith("_months")]
        for name in names:
            days = [None if months is None else months * MONTH_DAYS for months in frame[name]]
            frame[name] = pd.Series(days, dtype=object)
        lines = [f'[columns.{name}]\nunit = "days"' for name in names]
        book = folder / "other.toml"
        book.write_text("\n".join(['[study]\nbased_on = "sarcoma"', *lines]))
    stream = io.StringIO()
    writer = csv.writer(
        stream,
        delimiter=how["separator"],
        quoting=how["quoting"],
        lineterminator=how["line_end"],
    )
    writer.writerow(columns)
    for row in frame.itertuples(index=False):
        writer.writerow([how["padding"] + cell(value, how["decimal"]) for value in row])
    path = folder / "patients.csv"
    path.write_bytes(stream.getvalue().encode(how["encoding"]))
    return path, book


@quick
@given(cohort(), dialect())
def test_a_valid_table_in_any_dialect_reads_back_as_the_same_cohort(frame, how):
    with tempfile.TemporaryDirectory() as folder:
        path, book = write(frame, Path(folder), how)
        read = read_cohort(path, book).patients
    assert len(read) == len(frame)
    for name in frame:
        for expected, found in zip(frame[name], read[name], strict=True):
            if expected is None:
                assert pd.isna(found)
            elif isinstance(expected, float):
                assert found == pytest.approx(expected, rel=1e-12)
            elif name == "vessel":
                assert found == expected.strip().replace("\u00a0", " ")
            else:
                assert found == expected


OUTCOMES = ["patient_id", "time_months", "status", "local_recurrence_months"]
corruptions = st.one_of(
    st.sampled_from(
        "? 0 1 2 -1 -0.5 NA n/a nan dead deceased alife dood yes no true 2019-03-12 12.03.2019"
        " 1,234 1.234,5 540days 2years 3-4 >18 18+ ~18 1e9 43536 #N/A =1+1 l8 18;5 999 1O".split()
    ),
    st.sampled_from(["not dead", "alive?", "lost to follow-up", "dead with disease", "18 (lost)"]),
    st.text(max_size=8),
)


@quick
@given(cohort(), st.data(), corruptions)
def test_no_corrupted_outcome_changes_an_analysis_without_an_error_or_a_warning(frame, data, text):
    row = data.draw(st.integers(0, len(frame) - 1))
    column = data.draw(st.sampled_from(OUTCOMES))
    broken = frame.astype(object).map(lambda value: cell(value, "."))
    broken.loc[row, column] = text
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patients.csv"
        path.write_bytes(broken.to_csv(index=False).encode("utf-8", "surrogatepass"))
        try:
            read = read_cohort(path)
        except CohortError as error:
            assert len(error.problems)
            return
    found = read.patients[column][row]
    listed = column in set(read.issues["column"])
    as_written = text.strip().casefold() == cell(None if pd.isna(found) else found, ".").casefold()
    same_number = column.endswith("months") and text.strip(" \t\n\r0") == f"{found:g}".strip("0")
    identifier = column == "patient_id" and "".join(found.split()) in "".join(text.split())
    assert listed or as_written or same_number or identifier or is_plainly(text, found)


def is_plainly(text, found):
    """Say whether a text is another plain way to write what was found."""
    try:
        return float(text.replace(",", ".")) == float(found)
    except (TypeError, ValueError):
        return not text.strip() and pd.isna(found)


@quick
@given(st.binary(max_size=300))
def test_bytes_that_are_no_table_are_refused_and_nothing_else_happens(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patients.csv"
        path.write_bytes(content)
        with pytest.raises(CohortError):
            read_cohort(path)


@quick
@given(st.text(max_size=60), st.sampled_from(["site", *OUTCOMES]))
def test_any_text_in_any_cell_is_read_or_refused_and_nothing_else_happens(text, column):
    row = dict.fromkeys(["site", *OUTCOMES], "")
    row |= {"patient_id": "P1", "time_months": "20", "status": "alive", column: text}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patients.csv"
        table = pd.DataFrame([row]).to_csv(index=False)
        path.write_bytes(table.encode("utf-8", "replace"))
        try:
            assert len(read_cohort(path).patients) == 1
        except CohortError as error:
            assert str(error)
