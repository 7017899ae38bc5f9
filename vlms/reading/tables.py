"""From the bytes of a file to a table of text cells, or a list of everything that is wrong.

The file is opened only if it is a plain one, decoded strictly, and every row must have as many
fields as the header. Nothing is typed here. A column is kept as its distinct texts and a code per
row, so that a million rows cost a parser no more than the few thousand texts among them.

The separator is the one under which the header names the columns that are looked for, not the
one that occurs most often: a decimal comma never decides it.
"""

import contextlib
import csv
import gc
import itertools
import operator
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vlms.reading.opening import bounded_lines, decode, open_plain
from vlms.reading.problems import Findings

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
LONGEST_CELL = 100_000
MOST_COLUMNS = 2_000
MOST_ROWS = 5_000_000

_BLOCK = 2_000  # rows: few enough to stay in a processor's cache
_LINE_BREAK = re.compile("\r\n|\r|\n")


@dataclass
class TextColumn:
    """One column of a table.

    Attributes
    ----------
    texts : list of str
        The distinct texts.
    codes : numpy.ndarray of int, shape (rows,)
        For every row, which of them it holds.
    """

    texts: list[str]
    codes: np.ndarray

    def at(self, row: int) -> str:
        """Return the text of one row."""
        return self.texts[self.codes[row]]


@dataclass
class TextTable:
    """A file as text.

    Attributes
    ----------
    header : list of str
    columns : list of TextColumn
    lines : numpy.ndarray of int, shape (rows,)
        The line on which each row starts.
    separator : str
    """

    header: list[str]
    columns: list[TextColumn]
    lines: np.ndarray
    separator: str


def read_table(path, findings: Findings, *, wanted=(), encoding=None) -> TextTable:
    """Read a delimited text file into columns of text.

    Parameters
    ----------
    path : str or pathlib.Path
        A plain file on this machine; an address on the network is refused.
    findings : Findings
        Takes up each row that has too few or too many fields; such rows are left out.
    wanted : iterable of str
        Names by which the header is recognised, as `plain_name` writes them.
    encoding : str, optional
        One of `ENCODINGS`; by default UTF-8, or UTF-16 if the file begins with its mark.

    Returns
    -------
    TextTable

    Raises
    ------
    CohortError
        If the file cannot be opened, decoded or split at all.
    """
    try:
        with open_plain(path, findings) as binary, uncollected():
            text = decode(binary, encoding, findings)
            return _read(text, frozenset(wanted), findings)
    except OSError as error:
        findings.error(f"cannot be read: {error.strerror or error}", "give the path of a CSV file")
    findings.stop_if_any()
    raise AssertionError("a file that cannot be read has a problem")


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
    """Write a column's name in small letters and underscores, to recognise it by.

    Examples
    --------
    >>> plain_name(" Time (Months)")
    'time_months'
    """
    return re.sub(r"[\W_]+", "_", printed.casefold()).strip("_")


def _read(text, wanted, findings) -> TextTable:
    lines = bounded_lines(text, findings)
    skipped, declared, first = 0, None, next(lines, "")
    if match := re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE):
        skipped, declared, first = 1, match[1], next(lines, "")
        if declared not in SEPARATORS:
            findings.error("an unknown separator", "use , ; tab or |", line=1, raw=declared)
            findings.stop_if_any()
    while first and not first.strip(" \t\r\n,;|"):
        skipped, first = skipped + 1, next(lines, "")
    if not first:
        findings.error("the file holds no header", "`vlms template` writes one to fill in")
        findings.stop_if_any()
    findings.header_line = skipped + 1
    separator = declared or _choose_separator(first, wanted)
    previous = csv.field_size_limit(LONGEST_CELL)
    try:
        rows = csv.reader(itertools.chain([first], lines), delimiter=separator, strict=True)
        header, columns, starts = _split(rows, skipped, findings)
    except csv.Error as error:
        findings.error(
            f"cannot be split into cells: {error}",
            "check the quotation marks, and the length of the cells",
            line=skipped + rows.line_num,
        )
        findings.stop_if_any()
    finally:
        csv.field_size_limit(previous)
    table = TextTable(header, columns, starts, separator)
    _refuse_swallowed_rows(table, findings)
    return _drop_nameless(table, findings)


def _choose_separator(first: str, wanted: frozenset) -> str:
    def worth(separator):
        try:
            names = next(csv.reader([first], delimiter=separator))
        except csv.Error:
            names = []
        return len(wanted.intersection(map(plain_name, names))), len(names)

    return max(SEPARATORS, key=worth)


class _Codes(dict):
    """A number for each distinct text, given out in order of appearance."""

    def __missing__(self, text):
        self[text] = code = len(self)
        return code


def _split(rows, skipped, findings):
    header = next(rows)
    width = len(header)
    if width > MOST_COLUMNS:
        findings.error(f"{width} columns", f"at most {MOST_COLUMNS} are read", line=skipped + 1)
        findings.stop_if_any()
    seen = [_Codes() for _ in header]
    codes = [[] for _ in header]
    starts = [np.empty(0, dtype=np.int64)]
    begins = skipped + rows.line_num + 1
    while block := list(itertools.islice(rows, _BLOCK)):
        ends = skipped + rows.line_num + 1
        # A row a line, all of one width and none blank: no need to look at each of them.
        if (
            ends - begins == len(block)
            and {*map(len, block)} == {width}
            and all(map(str.strip, map(operator.itemgetter(0), block)))
        ):
            starts.append(np.arange(begins, ends))
        else:
            block, places = _sift(block, header, begins, findings)
            starts.append(np.array(places, dtype=np.int64))
        begins = ends
        for known, blocks, column in zip(seen, codes, zip(*block, strict=True), strict=False):
            found = map(known.__getitem__, column)
            blocks.append(np.fromiter(found, dtype=np.int32, count=len(block)))
        if begins > MOST_ROWS:
            findings.error(f"more than {MOST_ROWS} lines", "is this a cohort?")
            findings.stop_if_any()
    columns = [
        TextColumn(list(known), np.concatenate(blocks) if blocks else np.empty(0, np.int32))
        for known, blocks in zip(seen, codes, strict=True)
    ]
    return header, columns, np.concatenate(starts)


def _sift(block, header, begins, findings):
    """Keep the rows of the right width that are not blank, with the line each begins on."""
    kept, places = [], []
    width = len(header)
    names = list(map(plain_name, header))
    identifier = names.index("patient_id") if "patient_id" in names else 0
    for row in block:
        joined = " ".join(row)
        if joined.strip():
            if len(row) == width:
                kept.append(row)
                places.append(begins)
            else:
                place = min(identifier, len(row) - 1)
                findings.error(
                    f"{len(row)} fields, but the header has {width}",
                    "is a separator, a decimal comma or a quotation mark too many or missing?",
                    line=begins,
                    raw=row[place],
                    patient=row[place].strip() or None,
                )
        begins += 1 + len(_LINE_BREAK.findall(joined))
    return kept, places


def _refuse_swallowed_rows(table: TextTable, findings):
    """Refuse a cell that a quotation mark left open has filled with the rows that follow.

    The row then has the right number of fields all the same, for the cell took in exactly as
    many separators as the rows that it joins have.
    """
    for name, column in zip(table.header, table.columns, strict=True):
        rows = None
        for code, text in enumerate(column.texts):
            breaks = len(_LINE_BREAK.findall(text)) if "\n" in text or "\r" in text else 0
            inside = text.count(table.separator)
            if breaks and inside and inside == breaks * (len(table.header) - 1):
                rows = np.unique(column.codes, return_index=True)[1] if rows is None else rows
                findings.error(
                    "line breaks and separators as if it held other rows",
                    "close the quotation mark, or write the cell without line breaks",
                    line=table.lines[rows[code]],
                    column=name,
                    raw=text,
                )


def _drop_nameless(table: TextTable, findings) -> TextTable:
    """Drop columns that have neither name nor content, as spreadsheets leave behind."""
    kept, line = [], findings.header_line
    for place, (name, column) in enumerate(zip(table.header, table.columns, strict=True)):
        if plain_name(name):
            kept.append(place)
        elif name.strip() or any(text.strip() for text in column.texts):
            findings.error("a column without a name", "name it in the header", line=line, raw=name)
    names = pd.Series([plain_name(table.header[place]) for place in kept], dtype=object)
    for name in names[names.duplicated()].unique():
        findings.error(
            "a column name that stands there twice", "give each its own", line=line, column=name
        )
    table.header = [table.header[place].strip() for place in kept]
    table.columns = [table.columns[place] for place in kept]
    return table
