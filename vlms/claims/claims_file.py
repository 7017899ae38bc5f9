"""What a paper prints: its claims file, and what the text of a claim stands for.

``claims.csv`` has the columns ``id, section, statement, printed, unit, kind``. The kind says how
a recomputed value is compared with what is printed:

- ``count``, ``year``: exactly; 11 patients are not twelve by any rounding;
- ``share, mean, sd, median, survival, hazard_ratio, p, measure``: by rounding;
- ``range``, ``limits``: both ends by rounding (``22-78``);
- ``fraction``: counts exactly, the share by rounding (``22/63 (35)``);
- ``patients``: a list of patient numbers; ``text``: to the letter.
"""

import csv
import re

import pandas as pd

from vlms.rounding import Printed

COLUMNS = ("id", "section", "statement", "printed", "unit", "kind")
EXACT = {"count", "year"}
PAIRS = {"range", "limits"}
ROUNDED = {"share", "mean", "sd", "median", "survival", "hazard_ratio", "p", "measure"}
KINDS = frozenset(EXACT | PAIRS | ROUNDED | {"fraction", "patients", "text"})

_FRACTION = re.compile(
    r"(?P<count>\d+)(?:\s*(?:/|of)\s*(?P<total>\d+))?\s*(?:\((?P<share>[\d.]+)%?\))?"
)


class LedgerError(ValueError):
    """A claims file that cannot be read, or a verdict that its numbers do not support."""


def read_claims(path):
    """Read a claims file, and refuse it with every problem in it.

    Parameters
    ----------
    path : pathlib.Path
        A UTF-8 CSV file.

    Returns
    -------
    pandas.DataFrame
        Indexed by id: section, statement, printed, unit, kind; all text, as in the file.

    Raises
    ------
    LedgerError
        If the file cannot be read, a column is missing, an id repeats, or a printed value is not
        of its kind; the message names file and lines.

    Examples
    --------
    >>> from vlms.cohort import paper_folder
    >>> read_claims(paper_folder("tilkorn2010") / "claims.csv").loc["patients", "printed"]
    'twelve'
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LedgerError(f"{path}: cannot be read as a UTF-8 CSV file: {error}") from error
    if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
        raise LedgerError(f"{path}, line 1: column {', '.join(missing)} is missing")
    problems, seen = [], set()
    for line, row in rows:
        problems += [f"line {line}: {problem}" for problem in _problems(row, seen)]
        seen.add(row["id"])
    if problems:
        raise LedgerError(f"{path}: " + "; ".join(problems))
    return pd.DataFrame([row for _, row in rows], columns=list(COLUMNS)).set_index("id")


def parse_claim(text, kind):
    """Turn a printed cell into what its kind compares.

    Parameters
    ----------
    text : str
        As printed.
    kind : str
        One of `KINDS`.

    Returns
    -------
    Printed, tuple of two Printed, dict, list of int or str
        By kind: a number, a pair, the parts of a fraction, patient numbers, text.

    Raises
    ------
    ValueError
        If the text is not of that kind.

    Examples
    --------
    >>> parse_claim("2, 4 & 9", "patients")
    [2, 4, 9]
    """
    if kind == "text":
        return text
    if kind == "fraction":
        if (match := _FRACTION.fullmatch(text.strip())) is None:
            raise ValueError(f"{text!r} is not a count, its total and share such as 22/63 (35)")
        return match.groupdict()
    if kind == "patients":
        return sorted(int(number) for number in re.findall(r"\d+", text))
    if kind in PAIRS:
        ends = re.split(r"\s*(?:-|–|—|\bto\b|\band\b)\s*", text.strip())
        if len(ends) != 2:
            raise ValueError(f"{text!r} is not a pair such as 22-78")
        return tuple(Printed.parse(end) for end in ends)
    return Printed.parse(text)


def _problems(row, seen):
    if None in row or None in row.values():
        yield f"the header has {len(COLUMNS)} fields, this row has more or fewer"
        return
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["id"]):
        yield f"id {row['id']!r} must be lower-case letters, digits and hyphens"
    if row["id"] in seen:
        yield f"id {row['id']!r} stands twice"
    if row["kind"] not in KINDS:
        yield f"kind {row['kind']!r} is none of {', '.join(sorted(KINDS))}"
        return
    try:
        parse_claim(row["printed"], row["kind"])
    except ValueError as error:
        yield f"printed: {error}"
