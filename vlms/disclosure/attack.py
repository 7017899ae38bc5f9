"""Attack what is to be released: which small counts follow from all that is out, what is quoted.

`read_counts` reads tables as anybody could: each printed count is an interval for a set of
patients, named by levels of columns as recorded. `solve` puts the intervals of all releases, and
what must add up, to an integer solver: a count below the threshold that is known more finely than a
rounded one is solved. `find_quotes` searches every byte for text of the cohort.

Of estimates, ratios and P values no equation is made: they have rules of their own. The levels that
were pooled are taken to be known, which is more than a reader knows.

Source: Hundepool et al., *Statistical Disclosure Control*, Wiley 2012, section 4.4 (the feasibility
interval of a suppressed cell by linear programming).
"""

import base64
import contextlib
import functools
import io
import itertools
import re
import struct
import zipfile
import zlib
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_array, csr_array, eye_array

from vlms.cohort import holds_numbers
from vlms.disclosure.frames import BASE, CODES, MISSING, Disclosure

_ENCODED = re.compile(rb"(?<=base64,)[A-Za-z0-9+/=]{8,}")
_COUNT = re.compile(r"(<?)(\d+)(?: \(\d+%\))?")
MEMBER = "release"  # a column of its own: of which releases a patient is
_SLACK = 1  # by which the answer in whole numbers is taken to differ at most
_SECONDS = 2  # for one question to the solver; what it cannot answer counts as open


class Count(NamedTuple):
    """A printed count: of whom (column → levels), where, and what it says."""

    of: dict
    where: str
    low: int
    high: int


def coded(patients: pd.DataFrame, events=None) -> pd.DataFrame:
    """Return what counts are about: levels as recorded, with the missing; `events` by endpoint."""
    rules, found = Disclosure("full"), {}
    for name in patients:
        if name == "patient_id":
            continue
        if name in CODES or not holds_numbers(patients[name]):
            if patients[name].nunique() < max(30, len(patients) / 4):
                found[name] = rules.recorded(patients[name]).astype(object)
        else:
            found[name] = pd.Series("known", patients.index).where(patients[name].notna())
    frame = pd.DataFrame(found).astype(object).where(lambda cells: cells.notna(), MISSING)
    for name, event in (events or {}).items():
        frame[name] = event.map({True: "yes", False: "no"}).reindex(frame.index).fillna("no")
    return frame


def read_counts(files: dict, patients, coded, rules: Disclosure, *, label=str, text=str) -> list:
    """Read the counts of tables, path → bytes, as intervals of sets of patients.

    Parameters
    ----------
    files : dict of str to bytes
        Those that end on ``.csv`` are read.
    patients, coded : pandas.DataFrame
        The cohort, and what `coded` makes of it.
    rules : Disclosure
        By which levels were pooled. In a table where some count is small or no multiple of 5 all
        are taken as exact.
    label, text : callable
        How a column and a level are printed.

    Returns
    -------
    list of Count
    """
    columns, found = {}, []
    for name in coded:
        columns[str(label(name))] = columns[name] = name

    @functools.cache
    def levels(name):
        """Printed level → levels as recorded, under the pools of the table."""
        held = {text(level): {level} for level in coded[name].unique()}
        if name in patients and rules.safe and name in coded:
            shown = rules.levels(patients[name]).astype(object)
            shown = shown.where(shown.notna(), MISSING)
            pools = {text(p): set(part.unique()) for p, part in coded[name].groupby(shown)}
            held |= {p: some for p, some in pools.items() if p not in held}
        return held | {MISSING: {MISSING}}

    for path, content in files.items():
        if not path.endswith(".csv"):
            continue
        try:
            table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        except (ValueError, UnicodeDecodeError):
            continue
        cells = [*_cells(path, table, columns, set(patients), coded, rules, levels)]
        plain = [int(m[2]) for _, cell, _ in cells if (m := _COUNT.fullmatch(cell)) and not m[1]]
        rounded = all(n % BASE == 0 and n >= rules.min_count for n in plain)
        base = BASE if rounded else 1
        for of, cell, near in cells:
            if parsed := _COUNT.fullmatch(cell):
                less, n = parsed[1], int(parsed[2])
                spread = 0 if less else base // 2
                low = 0 if less else max(n - spread - near, rules.min_count if base > 1 else 0)
                found.append(Count(of, path, low, n - 1 if less else n + spread))
    return found


def _cells(path, table, columns, patients, coded, rules, levels):
    """Yield of whom each cell of a table is, its text, and how far it may have been moved."""
    names, rows = list(table), table.to_dict("records")

    if names[:2] == ["variable", "level"]:
        groups = [name for name in names[2:] if name != "all"]
        listed = {columns.get(row["variable"]) for row in rows}
        fits = [n for n in coded if groups and set(groups) <= set(levels(n)) and n in patients]
        # Where several columns have such levels, such as yes and no: that whose sizes these are.
        sizes = [row for row in rows if row["variable"] == "Patients"]

        def apart(name):
            n = {group: coded[name].isin(levels(name)[group]).sum() for group in groups}
            told = ((n[g], _COUNT.fullmatch(row[g])) for row in sizes for g in groups)
            return sum(abs(int(m[2]) - k) for k, m in told if m and not m[1])

        by = min((name for name in fits if name not in listed), key=apart, default=None)
        for row in rows:
            name = columns.get(row["variable"])
            for group in names[2:]:
                of = {by: levels(by)[group]} if by and group != "all" else {}
                if group != "all" and not by:
                    continue
                if row["variable"] == "Patients":
                    yield of, row[group], 0
                elif name and row["level"] in levels(name):
                    yield of | {name: levels(name)[row["level"]]}, row[group], 0
    near = rules.min_count - 1
    for row in rows:
        name = columns.get(row.get("variable", row.get("covariate", row.get("column", ""))))
        if "missing" in names and name:
            yield {name: {MISSING}}, row["missing"], 0
        endpoint = row.get("endpoint", "").replace("-", " ").replace(" ", "_")
        if "events" in names and endpoint in coded:
            yield {endpoint: {"yes"}}, row["events"], 0
        endpoint = re.sub(r".*tbl-hazard-|\.csv", "", path).replace("-", "_")
        if {"events", "level"} <= set(names) and endpoint in coded and name:
            held = levels(name).get(row["level"])
            of = {endpoint: {"yes"}} | ({name: held} if held else {})
            if held or row["level"].startswith("per "):
                yield of, row["events"], near


def solve(counts, levels: dict, min_count: int, *, patterns=None, truth=None) -> pd.DataFrame:
    """Find the counts below the threshold that the printed ones give away.

    Parameters
    ----------
    counts : list of Count
        Of all releases; `of` may name `MEMBER` with patterns as levels.
    levels : dict of str to iterable
        Column → all its levels, into which every patient falls.
    min_count : int
    patterns : iterable, optional
        Levels of `MEMBER`.
    truth : callable, optional
        Of a cell (column → level) its true count: those at the threshold are not asked for.

    Returns
    -------
    pandas.DataFrame
        of (column → set of levels), low, high: each count that is below the threshold for
        certain and known to within fewer than four; of values that are missing, exactly.

    Examples
    --------
    Of 20 patients 15 are f, and 12 f and all 5 m are R0: so 3 f are R1, and no m is.

    >>> levels = {"sex": ["f", "m"], "margin": ["R0", "R1"]}
    >>> said = [({}, 20), ({"sex": {"f"}}, 15), ({"margin": {"R0"}}, 17)]
    >>> said += [({"sex": {"f"}, "margin": {"R0"}}, 12)]
    >>> counts = [Count(of, "table", n, n) for of, n in said]
    >>> found = solve(counts, levels, 10)
    >>> found[["low", "high"]].to_numpy().tolist()
    [[3, 3], [5, 5], [5, 5], [3, 3], [0, 0]]
    """
    levels = {name: list(some) for name, some in levels.items()}
    if patterns is not None:
        levels[MEMBER] = list(patterns)
    for name, some in ((name, some) for count in counts for name, some in count.of.items()):
        levels[name] += [level for level in some if level not in levels[name]]
    tuples = {tuple(sorted(count.of)) for count in counts}
    tuples |= {part for t in tuples for k in range(len(t)) for part in itertools.combinations(t, k)}
    tuples = sorted(tuples, key=lambda t: (len(t), t))
    place, size = {}, 0
    for names in tuples:
        for cell in itertools.product(*(levels[name] for name in names)):
            place[names, cell] = size
            size += 1
    rows, low, high = [], [], []

    def require(plus, at_least, at_most, minus=()):
        rows.append([*((p, 1) for p in plus), *((p, -1) for p in minus)])
        low.append(at_least)
        high.append(at_most)

    def cells(of):
        names = tuple(sorted(of))
        return [place[names, cell] for cell in itertools.product(*(of[name] for name in names))]

    for names in tuples:  # what adds up: summed over one column, a table is a smaller one
        for k, name in enumerate(names):
            rest = names[:k] + names[k + 1 :]
            for cell in itertools.product(*(levels[n] for n in rest)):
                of = {n: [level] for n, level in zip(rest, cell, strict=True)}
                require(cells(of | {name: levels[name]}), 0, 0, [place[rest, cell]])
    for count in counts:
        require(cells(count.of), count.low, count.high)
    if not counts:
        return pd.DataFrame(columns=["of", "low", "high"])
    index = [(i, p, sign) for i, row in enumerate(rows) for p, sign in row]
    i, j, sign = map(np.array, zip(*index, strict=True))
    whole = csr_array((sign, (i, j)), shape=(len(rows), size))

    def ask(goal, matrix=whole, at_least=low, at_most=high, top=np.inf, integers=1):
        system = LinearConstraint(matrix, at_least, at_most)
        given = {"bounds": Bounds(0, top), "options": {"time_limit": _SECONDS}}
        done = milp(goal, constraints=system, integrality=integers, **given)
        if done.status == 2:
            raise ArithmeticError("the counts contradict each other")
        return done

    def extreme(where, way):
        goal = np.zeros(size)
        goal[list(where)] = -way
        done = ask(goal)
        return round(way * -done.fun) if done.status == 0 else np.inf * way

    asked = [{n: {x} for n, x in zip(*one, strict=True)} for one in place if one[0]]
    asked += [count.of for count in counts if count.of]
    asked = {frozenset(cells(of)): of for of in reversed(asked)}
    left, caps, reached = {}, {}, True
    for where, of in reversed(asked.items()):
        n = truth(of) if truth and MEMBER not in of else min_count
        unknown = any(MISSING in some for some in of.values())
        if n < min_count or MEMBER in of or truth is None:
            left[where] = of
            caps[where] = min(min_count, n + (1 if unknown else BASE - 1)) + _SLACK
    while left and reached:  # in one solution, raise as many as can be far enough at once
        cap = np.array([caps[where] for where in left])
        k, ends = len(left), [(i, p) for i, where in enumerate(left) for p in where]
        i, j = map(np.array, zip(*ends, strict=True))
        sums = csr_array((np.ones(len(i)), (i, j)), shape=(k, size))
        matrix = block_array([[whole, None], [sums, -eye_array(k)]], format="csr")
        goal, top = np.repeat([0.0, -1.0], [size, k]), np.r_[np.full(size, np.inf), cap]
        done = ask(goal, matrix, [*low, *[0] * k], [*high, *[np.inf] * k], top, integers=0)
        high_enough = np.zeros(k, bool) if done.x is None else done.x[size:] > cap - 1e-6
        reached = high_enough.any()
        keep = zip(left.items(), high_enough, strict=True)
        left = dict(item for item, out in keep if not out)
    found = []
    for where, of in left.items():
        most, unknown = extreme(where, 1), any(MISSING in some for some in of.values())
        if most >= min_count or unknown > most:
            continue
        least = extreme(where, -1)
        if most - least < (1 if unknown else BASE - 1):
            found.append((of, least, most))
    return pd.DataFrame(found, columns=["of", "low", "high"])


def to_withhold(solved, columns) -> set:
    """What `Disclosure` is to withhold so that counts are solved no more: tables or variables."""
    names = set()
    for of in solved["of"]:
        mine = [name for name in of if name in columns]
        names |= {f"{a} by {b}" for a, b in itertools.permutations(mine, 2)} or set(mine)
    return names


def true_counts(coded: pd.DataFrame):
    """Return a function that counts the patients of a set, for `solve`."""

    def truth(of):
        inside = np.ones(len(coded), bool)
        for name, some in of.items():
            inside &= coded[name].isin(list(some)).to_numpy()
        return int(inside.sum())

    return truth


def find_quotes(files: dict, patients: pd.DataFrame, *, public=b"") -> dict:
    """Search all bytes, also those encoded or packed in others, for what is of single patients.

    Identifiers, times and other numbers with three decimals (two from ten on), dates, and text of
    four characters and more that fewer than ten patients share, unless it stands in `public`.

    Returns
    -------
    dict of str to list of str
        Path → what was found there.
    """
    secrets = set()
    for name in patients:
        column, often = patients[name].dropna(), patients[name].value_counts()
        for value in column.unique():
            if isinstance(value, (float, np.floating)):
                decimals = len(repr(float(value)).partition(".")[2])
                if decimals >= (2 if value >= 10 else 3):
                    secrets.add(repr(float(value)))
            elif not holds_numbers(column) and often[value] < 10 and not str(value).isdigit():
                secrets.add(str(value)[:60])
    words = {s.encode() for s in secrets if len(s) >= 4}
    words = {word for word in words if word not in public}
    number = re.compile(rb"(?<![\d.])\d+\.\d+(?!\d)")
    numbers = {word for word in words if number.fullmatch(word)}
    plain = b"|".join(map(re.escape, sorted(words - numbers, key=len, reverse=True)))
    plain = re.compile(
        rb"(?<![A-Za-z0-9])(?:" + plain + rb")(?![A-Za-z0-9])" if plain else rb"(?!)"
    )
    found = defaultdict(set)
    for path, content in files.items():
        for layer in _layers(content):
            found[path] |= set(plain.findall(layer)) | (numbers & set(number.findall(layer)))
    return {path: sorted(w.decode() for w in some) for path, some in found.items() if some}


def _layers(content):
    """The bytes of a file, and of what is encoded, packed or compressed in it, but for pixels."""
    if content[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(content)) as folder:
            for name in folder.namelist():
                yield name.encode()
                yield from _layers(folder.read(name))
    elif content[:4] == b"\x89PNG":
        place = 8
        while place < len(content):
            size, kind = struct.unpack(">I4s", content[place : place + 8])
            body = content[place + 8 : place + 8 + size]
            place += size + 12
            if kind != b"IDAT":
                yield body
            for start in (i + 1 for i in range(len(body)) if kind in (b"zTXt", b"iTXt")):
                with contextlib.suppress(zlib.error):
                    yield zlib.decompress(body[start:])
    else:
        yield _ENCODED.sub(b"", content)
        for encoded in _ENCODED.findall(content):
            yield from _layers(base64.b64decode(encoded + b"=" * (-len(encoded) % 4)))
