"""From the bytes of a file to a table of text cells, or a list of everything that is wrong.

A file may be anything: only a plain one is opened, decoded strictly, line by bounded line, and
every row must have as many fields as the header. Nothing is typed here. A column is kept as its
distinct texts and a code per row, so that a million rows cost a parser no more than the few
thousand texts among them. The separator is the one under which the header names the columns that
are looked for, not the one that occurs most often: a decimal comma never decides it.
"""

import contextlib
import csv
import datetime
import functools
import gc
import io
import itertools
import operator
import os
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.cohort.problems import Problems

ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252")
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LONGEST_LINE = 1_000_000  # characters; a longer one is damage or an attack
_LONGEST_CELL = 100_000
_MOST_COLUMNS = 2_000
_MOST_ROWS = 5_000_000

_ENCODING_NAMES = {"utf8": "utf-8", "utf-8-sig": "utf-8", "utf16": "utf-16", "latin1": "latin-1"}
_ENCODING_NAMES |= {"iso-8859-1": "latin-1", "windows-1252": "cp1252"}
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_NOT_TEXT = {
    b"PK\x03\x04": "a workbook or another zip archive that does not end in .xlsx",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file that does not end in .parquet",
    b"SQLite": "a database",
}
_LINE_BREAK = re.compile("\r\n|\r|\n")
_WRITES_ONE = "write the names of the columns in the first line"


@dataclass
class TextColumn:
    """One column: its distinct texts, and for every row, which of them it holds."""

    texts: list[str]
    codes: np.ndarray

    def at(self, row: int) -> str:
        """Return the text of one row."""
        return self.texts[self.codes[row]]


@dataclass
class TextTable:
    """A file as text, and how it was read."""

    header: list[str]
    columns: list[TextColumn]
    lines: np.ndarray  # on which each row starts
    separator: str
    encoding: str


def read_table(path, problems: Problems, *, wanted=(), encoding=None) -> TextTable:
    """Read a delimited text file into columns of text, or raise `CohortError`.

    The header is recognised by the names that are ``wanted``. ``problems`` takes up each row that
    has too few or too many fields; such rows are left out.
    """
    try:
        with _open_plain(path, problems) as binary, uncollected():
            if Path(path).suffix.casefold() == ".xlsx":
                return _read_sheet(binary, problems)
            if Path(path).suffix.casefold() in (".parquet", ".pq"):
                return _read_parquet(binary, problems)
            text, encoding = _decode(binary, encoding, problems)
            return _read(_lines(text, problems), frozenset(wanted), encoding, problems)
    except OSError as error:
        problems.stop(f"cannot be read: {error.strerror or error}", "give the path of a CSV file")


@contextlib.contextmanager
def uncollected():
    """Keep the search for cyclic garbage from going through millions of short-lived rows."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def plain_name(printed: str) -> str:
    """Write a column's name in small letters and underscores, to recognise it by."""
    return re.sub(r"[\W_]+", "_", printed.casefold()).strip("_")


def _open_plain(path, problems):
    """Open a plain file, and neither wait for, fetch nor read without end what is none."""
    remedy = "give the path of a CSV file"
    try:
        name = os.fsdecode(os.fsencode(path))
    except (TypeError, UnicodeError):
        name = ""
    if re.match(r"[a-z][a-z0-9+.-]+:/", name, re.IGNORECASE):
        problem = "an address on a network, which is never fetched"
        problems.stop(problem, "save the file on this machine")
    if "\0" in name or not name:
        problems.stop("not the path of a file", remedy)
    kind = Path(name).stat().st_mode
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a device, pipe or socket"
        problems.stop(f"{what}, not a file", remedy)
    # Not to wait for ever, should the file turn into a pipe in between.
    descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        problems.stop("changed while it was opened", "try again")
    return os.fdopen(descriptor, "rb")


def _read_sheet(binary, problems) -> TextTable:
    """Read the first sheet of a workbook that holds anything; dates come as 2019-03-12."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(binary, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        problems.stop(f"no workbook: {error}", "save it again as .xlsx, or as CSV (UTF-8)")
    filled = []
    for sheet in book.worksheets:
        rows = [[_as_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        if any(map(any, rows)):
            filled.append((sheet.title, rows))
    if not filled:
        problems.stop("the workbook is empty", _WRITES_ONE)
    title, rows = filled[0]
    if others := [title for title, _ in filled[1:]]:
        problems.warn(
            f"the workbook has {len(others)} more sheets: {', '.join(others)}", "not used"
        )
    first = next(place for place, row in enumerate(rows) if any(row))
    problems.header_line = first + 1
    header, kept = rows[first], [(n, row) for n, row in enumerate(rows, 1) if any(row)][1:]
    _check_width(header, first + 1, problems)
    columns = [_column([row[place] for _, row in kept]) for place in range(len(header))]
    lines = np.array([line for line, _ in kept], dtype=int)
    return _drop_nameless(TextTable(header, columns, lines, "", f"Excel sheet “{title}”"), problems)


def _as_text(value) -> str:
    """Write the value of a cell of a workbook as a person would have typed it."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _read_parquet(binary, problems) -> TextTable:
    """Read a Parquet file; each distinct value is written as text once."""
    try:
        frame = pd.read_parquet(binary)
    except (ValueError, OSError, ImportError) as error:
        problems.stop(f"no Parquet file: {error}", "write it again, or save it as CSV (UTF-8)")
    columns = []
    for name in frame:
        codes, values = pd.factorize(frame[name], use_na_sentinel=True)
        texts = ["", *(_as_text(value) for value in values.tolist())]
        columns.append(TextColumn(texts, codes + 1))
    lines = np.arange(1, len(frame) + 1)  # rows: there is no line of names
    table = TextTable([str(name) for name in frame], columns, lines, "", "Parquet")
    return _drop_nameless(table, problems)


def _decode(binary, encoding, problems) -> tuple[io.TextIOWrapper, str]:
    """Wrap bytes as text: UTF-8, or UTF-16 by its mark, unless another encoding is asked for."""
    start = binary.read(64)
    if start is None:  # a plain file in name only, such as a log of the kernel's
        problems.stop("nothing can be read from it", "give the path of a CSV file")
    binary.seek(0)
    for magic, what in _NOT_TEXT.items():
        if start.startswith(magic):
            problems.error(f"{what}, not text", "save the sheet as CSV (UTF-8)")
    if not start:
        problems.error("the file is empty", _WRITES_ONE)
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    asked = str(encoding or marked or "utf-8").casefold().replace("_", "-")
    asked = _ENCODING_NAMES.get(asked, asked)
    if asked not in ENCODINGS:
        problems.error(f"unknown encoding {encoding!r}", f"use one of {', '.join(ENCODINGS)}")
    elif marked and asked != marked:
        problem = f"asked to be read as {asked}, but it begins with the mark of {marked}"
        problems.error(problem, "leave the encoding out")
    elif asked == "utf-16" and not marked:
        problems.error("UTF-16 without its mark", "save the file as UTF-8")
    problems.stop_if_any()
    codec = "utf-8-sig" if asked == "utf-8" else asked
    return io.TextIOWrapper(binary, encoding=codec, errors="strict", newline=""), asked


def _lines(text, problems) -> list[str]:
    """Read lines of bounded length, with their ends."""
    lines = []
    try:
        for line in iter(functools.partial(text.readline, _LONGEST_LINE + 1), ""):
            lines.append(line)
            if len(line) > _LONGEST_LINE or "\0" in line or len(lines) > _MOST_ROWS:
                break
    except UnicodeError as error:
        read, start = getattr(error, "object", b""), getattr(error, "start", 0)
        # Text is decoded in blocks: the lines before the fault were not read yet.
        sound = read[:start].decode(getattr(error, "encoding", text.encoding), "ignore")
        problems.stop(
            f"not {text.encoding.replace('-sig', '').upper()}: the bytes {read[start:][:4]!r}",
            "save the file as CSV (UTF-8), or say --encoding latin-1 if that is what it is",
            line=len(lines) + len(_LINE_BREAK.findall(sound)) + 1,
        )
    last, at = lines[-1] if lines else "", {"line": len(lines)}
    if "\0" in last[:_LONGEST_LINE]:
        problem = "a NUL byte: damaged, or UTF-16 without its mark"
        problems.stop(problem, "save the sheet as CSV (UTF-8)", **at)
    if len(last) > _LONGEST_LINE:
        problems.stop(f"a line of more than {_LONGEST_LINE} characters", "is this a table?", **at)
    if len(lines) > _MOST_ROWS:
        problems.stop(f"more than {_MOST_ROWS} lines", "is this a cohort?")
    return lines


def _read(lines, wanted, encoding, problems) -> TextTable:
    """Find the header and the separator, and split the lines into columns."""
    first, separator = 0, None
    if lines and (match := re.fullmatch(r'"?sep=(.)"?\s*', lines[0], re.IGNORECASE)):
        first, separator = 1, match[1]
        if separator not in SEPARATORS:
            problems.stop("an unknown separator", "use , ; tab or |", line=1, raw=separator)
    while first < len(lines) and not lines[first].strip(" \t\r\n,;|"):
        first += 1
    if first == len(lines):
        problems.stop("the file holds no header", _WRITES_ONE)
    problems.header_line = first + 1
    separator = separator or _choose_separator(lines[first], wanted)
    quoted = '"' in "".join(lines) or max(map(len, lines)) > _LONGEST_CELL
    split = _split_quoted if quoted else _split_plain
    header, columns, starts = split(lines, first, separator, problems)
    table = TextTable(header, columns, starts, separator, encoding)
    if quoted:
        _refuse_swallowed_rows(table, problems)
    return _drop_nameless(table, problems)


def _choose_separator(first: str, wanted: frozenset) -> str:
    """Choose the separator under which the header names most of what is looked for."""

    def worth(separator):
        try:
            names = next(csv.reader([first], delimiter=separator))
        except csv.Error:
            names = []
        return len(wanted.intersection(map(plain_name, names))), len(names)

    return max(SEPARATORS, key=worth)


def _split_plain(lines, first, separator, problems):
    """Split lines without a quotation mark: every separator separates, so pandas does it."""
    header = lines[first].rstrip("\r\n").split(separator)
    _check_width(header, first + 1, problems)
    kept, starts = lines[first + 1 :], np.arange(first + 2, len(lines) + 1)
    # Only a line that begins with a blank or a separator can be blank, and is then no row.
    widths = np.fromiter(map(str.count, kept, itertools.repeat(separator)), int, len(kept))
    filled = np.fromiter(map(str.isalnum, map(operator.itemgetter(0), kept)), bool, len(kept))
    odd = np.flatnonzero((widths != len(header) - 1) | ~filled)
    dropped = [
        place
        for place in odd
        if not _is_row(kept[place].rstrip("\r\n").split(separator), header, starts[place], problems)
    ]
    if dropped:
        starts = np.delete(starts, dropped)
        kept = [kept[line - first - 2] for line in starts]
    if not kept:
        return header, [TextColumn([], np.empty(0, dtype=int)) for _ in header], starts
    as_text = {"dtype": str, "na_filter": False, "quoting": csv.QUOTE_NONE}
    every = {"header": None, "index_col": False, "skip_blank_lines": False, "low_memory": False}
    frame = pd.read_csv(io.StringIO("".join(kept)), sep=separator, **as_text, **every)
    return header, [_column(frame[place]) for place in frame], starts


def _split_quoted(lines, first, separator, problems):
    """Split lines in which a quotation mark may join cells and lines."""
    rows, starts, begins = [], [], first + 1
    previous = csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(iter(lines[first:]), delimiter=separator, strict=True)
    try:
        header = next(reader)
        _check_width(header, begins, problems)
        begins = first + reader.line_num + 1
        for row in reader:
            if _is_row(row, header, begins, problems):
                rows.append(row)
                starts.append(begins)
            begins = first + reader.line_num + 1
    except csv.Error as error:
        never = "unexpected end of data" in str(error)
        what = "the quotation mark that opens here is never closed" if never else error
        problems.stop(
            f"cannot be split into cells: {what}",
            "check the quotation marks, and the length of the cells",
            line=_opening_line(lines, begins, first + reader.line_num, separator),
        )
    finally:
        csv.field_size_limit(previous)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return header, [_column(column) for column in columns], np.array(starts, dtype=int)


def _column(cells) -> TextColumn:
    """Keep the distinct texts of a column, in order of appearance, and a code per row."""
    codes, texts = pd.factorize(np.array(cells, dtype=object))
    return TextColumn(list(texts), codes)


def _check_width(header, line, problems):
    """Refuse a header of too many columns."""
    if len(header) > _MOST_COLUMNS:
        problems.stop(f"{len(header)} columns", f"at most {_MOST_COLUMNS} are read", line=line)


def _is_row(row, header, line, problems) -> bool:
    """Whether a row is not blank and has the width of the header; note one that has another."""
    if not " ".join(row).strip():
        return False
    if len(row) == len(header):
        return True
    names = list(map(plain_name, header))
    identifier = names.index("patient_id") if "patient_id" in names else 0
    raw = row[min(identifier, len(row) - 1)]
    problems.error(
        f"{len(row)} fields, but the header has {len(header)}",
        "is a separator, a decimal comma or a quotation mark too many or missing?",
        line=line,
        raw=raw,
        patient=raw.strip() or None,
    )
    return False


def _opening_line(lines, begins, ends, separator) -> int:
    """Find the line on which the quotation mark opens that was left open, or was misplaced."""
    text, mark = "".join(lines[begins - 1 : ends]), re.escape(separator)
    quoted, bare = r'"[^"]*(?:""[^"]*)*"', rf'[^"{mark}\r\n][^{mark}\r\n]*'
    cell = re.compile(rf"(?:{quoted}|{bare})?(?:{mark}|\r\n|\r|\n)")
    place = 0
    while match := cell.match(text, place):
        place = match.end()
    return begins + (len(_LINE_BREAK.findall(text[:place])) if place < len(text) else 0)


def _refuse_swallowed_rows(table: TextTable, problems):
    """Refuse a cell that took in the following rows, so that its own has the right width."""
    for name, column in zip(table.header, table.columns, strict=True):
        for code, text in enumerate(column.texts):
            breaks = len(_LINE_BREAK.findall(text)) if "\n" in text or "\r" in text else 0
            inside = text.count(table.separator) if breaks else 0
            if inside and inside == breaks * (len(table.header) - 1):
                problems.error(
                    "line breaks and separators as if it held other rows",
                    "close the quotation mark, or write the cell without line breaks",
                    line=table.lines[np.flatnonzero(column.codes == code)[0]],
                    column=name,
                    raw=text,
                )


def _drop_nameless(table: TextTable, problems) -> TextTable:
    """Drop columns that have neither name nor content, as spreadsheets leave behind."""
    kept, line = [], problems.header_line
    for place, (name, column) in enumerate(zip(table.header, table.columns, strict=True)):
        if plain_name(name):
            kept.append(place)
        elif place == 0 and len(column.texts) == len(table.lines) > 0 and not name.strip():
            problems.warn("a first column without a name: row numbers", "not used", line=line)
        elif name.strip() or any(text.strip() for text in column.texts):
            problems.error("a column without a name", "name it in the header", line=line, raw=name)
    names = pd.Series([plain_name(table.header[place]) for place in kept], dtype=object)
    for name in names[names.duplicated()].unique():
        problem = "a column name that stands there twice"
        problems.error(problem, "give each its own", line=line, column=name)
    table.header = [table.header[place].strip() for place in kept]
    table.columns = [table.columns[place] for place in kept]
    return table
