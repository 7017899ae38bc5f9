"""A study, declared in a TOML file beside its table: what is measured, from when, and to what end.

``<table>.study.toml`` names the unit and the zero of time, the columns with their levels, the
endpoints, groups and covariates. `read_study` reads such a file and refuses it with every problem
in it; `find_study` looks for the one beside a table. Without one, a table is read as `SARCOMA`,
the cohort that both papers describe, whose file beside this module shows the format at work.

``[study]``       title, disease, time_zero, unit, id ("generate"), ignored, covariates, landmarks,
                  based_on
``[columns.x]``   from (a name or several that must agree), kind, label, description, unit, levels,
                  order, missing, extract, split with take, known = "later", never_shown, required
``[time]``        end; start, where both are dates; entry; rows ("patients", "intervals": rows from
                  start to end, or "events": a row for each patient and kind in the column `type`)
``[endpoints.x]`` label; event, or at, or first_of; competing, unknown, censored; not_at_risk;
                  alone = true, where a competing time equal to the event's makes it no event
``[[groups]]``    name, label, cut = "age <= 55", or column and levels = { name = [values] }
``[words]``       how a name or a level is called in sentences and on axes
``[[basis]]``     element, source ("printed" or "our reading"), place, alternatives: for a design
"""

import re
import tomllib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from vlms.provenance import PROJECT

DAYS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}
KINDS = (
    "number category yes-no date duration id text"  # for any study, and those of the sarcoma study
    " age sex size dose t-stage n-stage m-stage grade margin status occurred"
).split()
_TAKES = ("largest", "smallest", "first", "last", "age")
_ROWS = ("patients", "intervals", "events")
_WORDS = {
    "dead_of_disease": "death of the disease",
    "dead_other": "other death",
    "dead_unknown": "death of unknown cause",
    "dead": "death",
}
_NUMERIC = ("number", "age", "size", "dose", "grade", "duration", "date")
_OVERALL = ("overall_survival", "overall survival")
_TEXT, _TEXTS, _LEVELS = "a text", "a list of texts", "a table of texts"
_NUMBERS = "a list of numbers above 0"
_KEYS = {
    "": dict.fromkeys("study columns time endpoints words".split(), "a table")
    | dict.fromkeys(("groups", "basis"), "a list of tables"),
    "study": dict.fromkeys("title disease time_zero unit id based_on".split(), _TEXT)
    | dict.fromkeys(("ignored", "covariates"), _TEXTS)
    | {"landmarks": _NUMBERS},
    "columns": dict.fromkeys("kind label description unit extract split take known".split(), _TEXT)
    | {"from": "a text or a list", "levels": _LEVELS, "order": _TEXTS, "missing": _TEXTS}
    | dict.fromkeys(("never_shown", "required"), "true or false"),
    "time": dict.fromkeys("end start entry rows type".split(), _TEXT),
    "endpoints": {"label": _TEXT, "at": "a text or a list", "first_of": "a list of tables"}
    | {"competing": "a table or a list", "alone": "true or false"}
    | dict.fromkeys(("event", "unknown", "censored", "not_at_risk"), "a table of lists"),
    "groups": dict.fromkeys("name label cut column".split(), _TEXT) | {"levels": "a table"},
    "basis": dict.fromkeys("element source place".split(), _TEXT) | {"alternatives": _TEXTS},
}


class StudyError(ValueError):
    """A study file that cannot be used; ``problems`` lists (line or None, where, problem, remedy).

    ``file`` is its path.
    """

    def __init__(self, file, problems):
        self.file, self.problems = str(file), list(problems)
        told = (
            f"  {f'line {line}, ' if line else ''}{where}: {problem}; {remedy}"
            for line, where, problem, remedy in self.problems
        )
        super().__init__(f"{file} cannot be used:\n" + "\n".join(told))

    def __reduce__(self):
        return type(self), (self.file, self.problems)


@dataclass(frozen=True)
class Column:
    """What a column means, and how its cells are written."""

    name: str
    kind: str = "text"
    label: str = ""
    description: str = ""
    sources: tuple = ()  # headers in the table; none: its own name
    unit: str = ""  # of bare numbers, where it is not the study's
    levels: dict = field(default_factory=dict)  # text in the table → level
    order: tuple = ()  # of the levels
    missing: frozenset = frozenset()  # further texts that mean missing
    extract: str = ""  # a pattern with one group: the part of the cell that counts
    split: str = ""
    take: str = ""  # which of the parts
    known: str = ""  # "later": not known at time zero
    never_shown: bool = False
    required: bool = False  # a blank is refused
    outcome: bool = False  # a guess could move, make or lose an event


@dataclass(frozen=True)
class Time:
    """The names of the columns that hold the clock, and what a row of the table is."""

    end: str = "time"
    start: str = ""
    entry: str = ""
    rows: str = "patients"
    type: str = ""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint: what ends it, what competes with it, and who is censored.

    ``event``, ``competing``, ``unknown`` and ``censored`` are sets of levels of the column
    ``status``; ``at`` and ``competing_at`` are columns that hold the time of such an event. The
    first of all of them counts, the event where two fall together.
    """

    name: str
    label: str = ""
    status: str = ""
    event: frozenset = frozenset()
    at: tuple = ()
    competing: frozenset = frozenset()
    competing_at: tuple = ()
    unknown: frozenset = frozenset()
    censored: frozenset = frozenset()
    not_at_risk: dict = field(default_factory=dict)  # column → levels at time zero
    alone: bool = False  # a competing time equal to the event's makes it no event
    causes: tuple = ()  # of event and competing, in words
    definition: str = ""

    @property
    def columns(self) -> list[str]:
        """The columns of the patients that it is derived from, but for the clock."""
        return list(filter(None, [self.status, *self.at, *self.competing_at]))

    @property
    def competes(self) -> bool:
        """Whether another event can come before it."""
        return bool(self.competing or self.competing_at)


@dataclass(frozen=True)
class Group:
    """Groups of patients by a cut of a number ("age <= 55") or by named sets of levels."""

    name: str
    column: str
    label: str = ""
    cut: str = ""
    levels: dict = field(default_factory=dict)  # name → levels of the column

    def of(self, patients: pd.DataFrame) -> pd.Series:
        """Return the group of each patient, as ordered categories; missing stays missing."""
        values = patients[self.column]
        if not self.cut:
            groups = {level: name for name, levels in self.levels.items() for level in levels}
            kept = values.astype("string").map(groups)
            return pd.Series(pd.Categorical(kept, list(self.levels)), patients.index)
        _, sign, limit = _CUT.fullmatch(self.cut).groups()
        within = {"<=": values.le, "<": values.lt, ">=": values.ge, ">": values.gt}[sign]
        names = [f"{self.column} {mark} {limit}" for mark in (sign, _OTHER_SIDE[sign])]
        sides = within(float(limit)).map({True: names[0], False: names[1]}).where(values.notna())
        return pd.Series(pd.Categorical(sides, names), patients.index)


_CUT = re.compile(r"\s*(\w+)\s*(<=|<|>=|>)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*")
_OTHER_SIDE = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}


@dataclass(frozen=True)
class Study:
    """A study as its file declares it; see the head of this module."""

    title: str = ""
    disease: str = ""
    time_zero: str = ""
    unit: str = "months"
    generate_id: bool = False
    based_on: str = ""
    columns: dict = field(default_factory=dict)
    time: Time = Time()
    endpoints: dict = field(default_factory=dict)
    groups: tuple = ()
    covariates: tuple = ()
    landmarks: tuple = ()  # times at which survival is read
    ignored: tuple = ()
    words: dict = field(default_factory=dict)
    basis: tuple = ()
    file: str = ""

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint, or raise ValueError with those there are."""
        if name not in self.endpoints:
            raise ValueError(f"unknown endpoint {name!r}; use one of {', '.join(self.endpoints)}")
        return self.endpoints[name]

    @cached_property
    def later(self) -> frozenset:
        """The columns that are not known at time zero, so that they make no plain groups."""
        known = {c.name for c in self.columns.values() if c.known}
        ends = {name for e in self.endpoints.values() for name in e.columns}
        return frozenset(known | ends | {self.time.end})

    @cached_property
    def event_times(self) -> tuple:
        """The columns that hold the time of an event on the way, those of endpoints first."""
        ends = [n for e in self.endpoints.values() for n in (*e.at, *e.competing_at)]
        timed = [
            c.name for c in self.columns.values() if c.known and c.kind in ("date", "duration")
        ]
        outside = {*ends, *(e.status for e in self.endpoints.values()), self.time.end}
        return tuple(dict.fromkeys([*ends, *(n for n in timed if n not in outside)]))

    def word(self, name: str) -> str:
        """Return how a column or a level is called in a sentence."""
        column = self.columns.get(name)
        called = self.words.get(name) or (column.label if column else "") or _WORDS.get(name)
        return called or str(name).replace("_", " ")


def study_file(table) -> Path:
    """Return where the study of a table stands: ``my.xlsx`` → ``my.study.toml``."""
    return Path(table).with_suffix(".study.toml")


def find_study(table) -> Study:
    """Read the study beside a table, or return `SARCOMA` where there is none."""
    try:
        file = study_file(table)
        found = file.is_file()
    except (OSError, TypeError, ValueError):  # not a path: reading the table will say so
        return SARCOMA
    return read_study(file) if found else SARCOMA


def read_study(path) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        With every problem, its line where it has one, and what to write.

    Examples
    --------
    >>> study = SARCOMA
    >>> study.unit, study.time.end, list(study.endpoints)[:2]
    ('months', 'time_months', ['overall_survival', 'disease_specific_survival'])
    >>> study.endpoints["disease_specific_survival"].definition
    'death of the disease; censored at other death and at last contact'
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = re.fullmatch(r"(.*?)(?: \(at line ([0-9]+), column [0-9]+\))?", str(error))
        line = int(said[2]) if said[2] else None
        remedy = 'correct the line; texts stand in quotation marks: key = "text"'
        raise StudyError(path, [(line, "TOML", said[1].lower(), remedy)]) from None
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "not UTF-8"
        raise StudyError(path, [(None, "file", problem, "give a study file")]) from None
    return _Reader(path, text, told).study()


class _Reader:
    """One study file on its way to a `Study`; problems are collected, and raised at the end."""

    def __init__(self, path, text, told):
        self.path, self.lines, self.told = path, text.splitlines(), told
        self.problems = []

    def study(self):
        self._open_questions(self.told, [])
        self._stop()
        self._keys("", self.told, [])
        self._stop()
        head = self._keys("study", self.told.get("study", {}), ["study"])
        base = Study()
        if name := head.pop("based_on", ""):
            base = SARCOMA if name == "sarcoma" else base
            if name != "sarcoma":
                self._wrong(["study", "based_on"], f"no study “{name}”", 'write "sarcoma"')
        given_id = head.pop("id", "")
        if given_id not in ("", "generate"):
            remedy = 'write "generate", or declare the identifier: [columns.patient_id]'
            self._wrong(["study", "id"], f"“{given_id}” is no way to make one", remedy)
        if head.get("unit", "days") not in DAYS:
            self._wrong(["study", "unit"], "an unknown unit", f"use one of {', '.join(DAYS)}")
        columns = dict(base.columns)
        for name, told in self.told.get("columns", {}).items():
            columns[name] = self._column(name, told, base.columns.get(name))
        time = self._keys("time", self.told.get("time", {}), ["time"])
        time = replace(base.time, **time)
        if time.rows not in _ROWS:
            self._wrong(["time", "rows"], f"“{time.rows}”", f"use one of {', '.join(_ROWS)}")
        if time.rows == "events" and time.type in columns:  # each kind is the time of an event
            for kind in {*columns[time.type].levels.values()} - {"end", *columns}:
                columns[kind] = Column(kind, "duration", known="later")
        endpoints = {n: self._endpoint(n, e) for n, e in self.told.get("endpoints", {}).items()}
        study = Study(
            **{"title": base.title, "disease": base.disease, "time_zero": base.time_zero}
            | {"unit": base.unit, "covariates": base.covariates}
            | {key: tuple(v) if isinstance(v, list) else v for key, v in head.items()},
            generate_id=given_id == "generate",
            based_on=name if base.columns else "",
            columns=columns,
            time=time,
            endpoints=base.endpoints | endpoints,
            groups=tuple(self._group(k, g) for k, g in enumerate(self.told.get("groups", []))),
            words=base.words | self.told.get("words", {}),
            basis=tuple(self.told.get("basis", ())),
            file=str(self.path),
        )
        for place, basis in enumerate(study.basis):
            self._keys("basis", basis, ["basis"])
            if basis.get("source") not in ("printed", "our reading"):
                where = ["basis", str(basis.get("element", place))]
                self._wrong(where, "no source", 'write source = "printed" or "our reading"')
        self._stop()
        study = self._marked(study)
        self._check(study)
        self._stop()
        return replace(study, endpoints={n: _said(e, study) for n, e in study.endpoints.items()})

    # Parts

    def _column(self, name, told, before):
        where = ["columns", name]
        told = self._keys("columns", told, where)
        if not re.fullmatch(r"\w[\w.-]*", name):
            self._wrong(where, "not a name", "use letters, digits and underscores")
        kind = told.get("kind", before.kind if before else "text")
        if kind not in KINDS:
            self._wrong([*where, "kind"], f"no kind “{kind}”", f"use one of {', '.join(KINDS)}")
        if before and kind != before.kind:
            remedy = f'use "{before.kind}", or another name for the column'
            self._wrong([*where, "kind"], f"not how {name} is read", remedy)
        if told.get("known", "later") not in ("later", "zero"):
            self._wrong([*where, "known"], "not understood", 'write "later" or "zero"')
        age = told.get("take") == "age" and kind == "date"  # years from that day to time zero
        if not age and bool(told.get("split")) != bool(told.get("take")):
            remedy = 'write both, such as split = "x" and take = "largest"'
            self._wrong(where, "split and take go together", remedy)
        if told.get("take", "first") not in _TAKES:
            self._wrong([*where, "take"], "not understood", f"use one of {', '.join(_TAKES)}")
        if told.get("extract"):
            try:
                groups = re.compile(told["extract"]).groups
            except re.error as error:
                groups = f"the pattern is wrong: {error}"
            if groups != 1:
                problem = groups if isinstance(groups, str) else f"{groups} groups"
                self._wrong([*where, "extract"], problem, "write one group: ( … )")
        levels = {str(raw): str(level) for raw, level in told.pop("levels", {}).items()}
        sources = told.pop("from", ())
        told["known"] = told.get("known", "").replace("zero", "")
        told |= {"missing": frozenset(told["missing"])} if "missing" in told else {}
        told |= {"order": tuple(told["order"])} if "order" in told else {}
        if absent := set(levels.values()) - set(told.get("order") or levels.values()):
            remedy = f"add {', '.join(sorted(absent))}"
            self._wrong([*where, "order"], "not every level is in the order", remedy)
        told |= {"sources": tuple(_listed(sources)) or (name,)}
        return replace(before or Column(name), **told, levels=levels)

    def _endpoint(self, name, told):
        where = ["endpoints", name]
        told = self._keys("endpoints", told, where)
        ends = told.pop("first_of", [])
        ends += [{"at": at} for at in _listed(told.pop("at", []))]
        ends += [told.pop("event")] if "event" in told else []
        if not ends:
            remedy = 'write event = { status = [...] }, at = "column", or first_of = [...]'
            self._wrong(where, "nothing says when it is reached", remedy)
        statuses, parts = {}, {}
        for key, given in [("event", ends), *((k, told.get(k, [])) for k in _SETS[1:])]:
            levels, at = [], []
            for end in given if isinstance(given, list) else [given]:
                for column, values in end.items():
                    if column == "at" and isinstance(values, str):
                        at.append(values)
                    elif isinstance(values, list) and all(isinstance(v, str) for v in values):
                        levels += values
                        statuses.setdefault(column, key)
                    else:
                        self._wrong([*where, key], f"{column} is not a list", "write [ … ]")
            parts[key] = frozenset(levels)
            if at and key in ("event", "competing"):
                parts["at" if key == "event" else "competing_at"] = tuple(at)
        for a, b in ((a, b) for a in _SETS for b in _SETS if a < b):
            if both := parts[a] & parts[b]:
                problem = f"{', '.join(sorted(both))} is both {a} and {b}"
                self._wrong(where, problem, "name each status once")
        if len(statuses) > 1:
            problem = f"two columns of status: {', '.join(statuses)}"
            self._wrong(where, problem, "an endpoint has one; give the other as a time: at")
        label = told.get("label") or _hyphenated(name)
        away = {column: tuple(values) for column, values in told.get("not_at_risk", {}).items()}
        parts |= {"not_at_risk": away, "alone": told.get("alone", False)}
        return Endpoint(name, label, next(iter(statuses), ""), **parts)

    def _group(self, place, told):
        told = self._keys("groups", told, ["groups", told.get("name", str(place + 1))])
        where = ["groups", told.get("name", str(place + 1))]
        cut = _CUT.fullmatch(told.get("cut", ""))
        if not told.get("name") or bool(cut) == bool(told.get("levels") and told.get("column")):
            remedy = 'write name and cut = "age <= 55", or name, column and levels = { a = ["x"] }'
            self._wrong(where, "not a group", remedy)
            return Group("", "")
        if cut:
            told["column"] = cut[1]
        return Group(**told)

    # Checks

    def _marked(self, study):
        """Mark the columns that hold outcomes, and those that no patient may lack."""
        ends = {name for e in study.endpoints.values() for name in (*e.at, *e.competing_at)}
        states = {e.status for e in study.endpoints.values() if e.status}
        clock = {study.time.end, study.time.start} - {""}
        needed = {"patient_id"} | clock | states
        needed -= {"patient_id"} if study.generate_id else set()
        needed -= ends
        told = self.told.get("columns", {})
        marked = {}
        for name, column in study.columns.items():
            outcome = name in ends | needed | {study.time.entry}
            required = told.get(name, {}).get("required", name in needed)
            marked[name] = replace(column, outcome=outcome, required=required)
        return replace(study, columns=marked)

    def _check(self, study):
        """Report names that nothing declares, and statuses that an endpoint leaves open."""
        for name, endpoint in study.endpoints.items():
            for column in [*endpoint.columns, *endpoint.not_at_risk]:
                self._exists(study, ["endpoints", name], column)
            if name in self.told.get("endpoints", {}):
                study.endpoints[name] = self._complete(study, endpoint)
        for key in ("end", "start", "entry", "type"):
            if column := getattr(study.time, key):
                made = column == "time" and key == "end" and study.time.start
                if not made:
                    self._exists(study, ["time", key], column)
        for name, column in study.columns.items():
            if column.kind == "date" and not study.time.start:
                remedy = "write [time] start and end, both dates"
                self._wrong(["columns", name], "a date, but nothing says from which day", remedy)
        for name in study.covariates if not study.based_on else ():
            self._covariate(study, name)
        for group in study.groups:
            self._exists(study, ["groups", group.name], group.column)
            self._levels_of_group(study, group)
        if not study.endpoints and study.columns:
            remedy = "write [endpoints.overall_survival] with event and censored"
            self._wrong(["endpoints"], "no endpoint", remedy)

    def _covariate(self, study, name):
        """See that a covariate, "age" or "age per 10", is a column that is known at time zero."""
        where = ["study", "covariates"]
        column, _, unit = name.partition(" per ")
        self._exists(study, where, column)
        if not (declared := study.columns.get(column)):
            return
        if unit and (
            declared.kind not in _NUMERIC or not re.fullmatch(r"0*[1-9]\d*|\d+\.\d+", unit)
        ):
            self._wrong(where, f"“{name}” is no unit of a number", 'write such as "age per 10"')
        if column in study.later:
            problem = f"{column} is known only after time zero"
            self._wrong(
                where, problem, "leave it out: see the sections on what is known only later"
            )

    def _levels_of_group(self, study, group):
        """See that a group cuts a number, or names levels that its column has."""
        where, column = ["groups", group.name], study.columns.get(group.column)
        if not column or study.based_on:
            return
        if group.cut and column.kind not in _NUMERIC:
            problem = f"{group.column} is of the kind {column.kind}, and only a number can be cut"
            self._wrong(where, problem, 'give it kind = "number", or the group column and levels')
        held = {*column.levels.values(), *column.order}
        named = {level for levels in group.levels.values() for level in levels}
        if held and (unheard := sorted(named - held)):
            problem = f"{', '.join(unheard)} is no level of {group.column}"
            self._wrong(where, problem, f"use {', '.join(sorted(held))}")

    def _complete(self, study, endpoint):
        """Have every status event, competing, unknown or censored.

        One that an endpoint does not list, and that every other endpoint that lists it censors, is
        censored here too, where it says nothing of who is censored.
        """
        listed = frozenset().union(*(getattr(endpoint, key) for key in _SETS))
        column = study.columns.get(endpoint.status)
        levels = set(column.levels.values()) | set(column.order) if column else set()
        others = [e for e in study.endpoints.values() if e.status == endpoint.status]
        if not endpoint.censored:
            known = frozenset().union(*(e.censored for e in others))
            reached = frozenset().union(*(e.event | e.competing | e.unknown for e in others))
            endpoint = replace(endpoint, censored=known - reached - listed)
            listed |= endpoint.censored
        where = ["endpoints", endpoint.name]
        deaths = listed - endpoint.event
        deaths = sorted(level for level in deaths if re.match("dead|death|died", level.casefold()))
        if deaths and {endpoint.name, endpoint.label.casefold()} & set(_OVERALL):
            problem = (
                f"{', '.join(deaths)} is no event of overall survival, which counts all deaths"
            )
            self._wrong(where, problem, "list it as event, or name it disease_specific_survival")
        if left := sorted(levels - listed):
            remedy = "list each as event, competing, unknown or censored"
            self._wrong(where, f"the status {', '.join(left)} is not listed", remedy)
        if levels and (unheard := sorted(listed - levels)):
            problem = f"{', '.join(unheard)} is no level of {endpoint.status}"
            self._wrong(where, problem, f"use {', '.join(sorted(levels))}")
        return endpoint

    def _exists(self, study, where, column):
        if column not in study.columns:
            there = ", ".join(study.columns) or "none"
            problem = f"no column “{column}” is declared"
            self._wrong(where, problem, f"write [columns.{column}]; there are {there}")

    # Helpers

    def _keys(self, table, told, where):
        """Keep the keys of a table that are known and of the right type, and report the others."""
        known, kept = _KEYS[table], {}
        for key, value in (told if isinstance(told, dict) else {}).items():
            if key not in known:
                self._wrong([*where, key], "an unknown key", f"use {', '.join(known)}")
            elif not _FITS[known[key]](value):
                self._wrong([*where, key], f"not {known[key]}", f"write {known[key]}")
            else:
                kept[key] = value
        if not isinstance(told, dict):
            self._wrong(where, "not a table", f"write [{'.'.join(where)}]")
        return kept

    def _open_questions(self, told, where):
        """Report each value that `vlms start` left to be answered."""
        if isinstance(told, str) and told.startswith("?"):
            asked = told[1:].strip() or "not answered yet"
            self._wrong(where, "a question is open", asked)
        items = told.items() if isinstance(told, dict) else ()
        items = enumerate(told) if isinstance(told, list) else items
        for key, value in items:
            self._open_questions(value, [*where, str(key)])

    def _wrong(self, where, problem, remedy):
        self.problems.append((self._line(where), ".".join(where), problem, remedy))

    def _line(self, where):
        """Find the line of a key, or of the table that should hold it."""
        begins, inside = None, False
        heads = [".".join(where[:n]) for n in (2, 1) if len(where) >= n]
        for head in heads:
            for number, line in enumerate(self.lines, 1):
                bare = re.sub(r"[\s\"']", "", line.split("#")[0])
                if re.fullmatch(r"\[+.*\]+", bare) and "=" not in bare:
                    inside = bare.strip("[]") == head
                    begins = number if inside and begins is None else begins
                elif inside and any(bare.startswith(f"{key}=") for key in where[1:]):
                    return number
            if begins:
                return begins
        return None

    def _stop(self):
        if self.problems:
            raise StudyError(self.path, self.problems)


_SETS = ("event", "competing", "unknown", "censored")


def _of_texts(value):
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _of_tables(value):
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_FITS = {
    _TEXT: lambda value: isinstance(value, str),
    _TEXTS: _of_texts,
    _NUMBERS: lambda value: (
        isinstance(value, list) and all(type(v) in (int, float) and v > 0 for v in value)
    ),
    _LEVELS: lambda value: (
        isinstance(value, dict) and all(isinstance(v, str) and v for v in value.values())
    ),
    "a text or a list": lambda value: isinstance(value, str) or _of_texts(value),
    "true or false": lambda value: isinstance(value, bool),
    "a table": lambda value: isinstance(value, dict),
    "a list of tables": _of_tables,
    "a table or a list": lambda value: isinstance(value, dict) or _of_tables(value),
    "a table of lists": lambda value: (
        isinstance(value, dict) and all(map(_of_texts, value.values()))
    ),
}


def _listed(value):
    return [value] if isinstance(value, str) else value


def _hyphenated(name):
    """Write the name of an endpoint as its label: "Disease-specific survival"."""
    return re.sub(" (specific|free)", r"-\1", name.replace("_", " ")).capitalize()


def _said(endpoint, study):
    """Write an endpoint's definition and its causes from its parts."""
    states = _SETS[:3]
    deaths = {s for key in states for s in getattr(endpoint, key) if s.startswith("dead")}

    def called(statuses, at, death):
        names = [_recurrence(study.word(name)) for name in at]
        order = [s for s in _levels_in_order(endpoint, study) if s in statuses]
        if len(deaths) > 1 and deaths <= set(order):
            order = [s for s in order if s not in deaths]
            return [*names, *map(study.word, order), death]
        return [*names, *map(study.word, order)]

    reached = called(endpoint.event, endpoint.at, "death from any cause")
    others = called(endpoint.competing, endpoint.competing_at, "death")
    text = _joined(reached) + (", whichever is first" if len(reached) > 1 else "")
    where = [*others, "last contact"]
    text += f"; censored at {_joined(where, ' and at ')}"
    without = " without it" if endpoint.at and not endpoint.event and others == ["death"] else ""
    causes = (_joined(reached), _joined(others) + without) if others else (_joined(reached),)
    return replace(endpoint, definition=text, causes=causes)


def _levels_in_order(endpoint, study):
    column = study.columns.get(endpoint.status)
    listed = [s for key in _SETS for s in sorted(getattr(endpoint, key))]
    return list(dict.fromkeys([*(column.order or column.levels.values()), *listed]))


def _joined(texts, last=" or "):
    *first, end = texts or [""]
    return f"{', '.join(first)}{last}{end}" if first else end


def _recurrence(label):
    """The label of a time to an event, as the event is called in a sentence."""
    return re.sub(r"\s*\(.*\)$", "", label)[:1].lower() + re.sub(r"\s*\(.*\)$", "", label)[1:]


SARCOMA = Study()  # while its own file is read
SARCOMA = read_study(Path(__file__).with_name("sarcoma.study.toml"))
SARCOMA = replace(  # its columns are found by their names, and most may be absent
    SARCOMA, columns={n: replace(c, sources=()) for n, c in SARCOMA.columns.items()}
)
DESIGNS = PROJECT / "data"


def read_design(name: str) -> Study:
    """Read the design of a paper: what ``data/<name>/design.study.toml`` itself declares.

    Examples
    --------
    >>> list(read_design("tilkorn2010").endpoints)
    ['overall_survival']
    """
    there = sorted(file.parent.name for file in DESIGNS.glob("*/design.study.toml"))
    if name not in there:
        problem = f"no design “{name}”", f"use one of {', '.join(there)}"
        raise StudyError(name, [(None, "study", *problem)])
    file = DESIGNS / name / "design.study.toml"
    told, design = tomllib.loads(file.read_text(encoding="utf-8")), read_study(file)
    own = {key: design.endpoints[key] for key in told.get("endpoints", {})}
    return replace(design, endpoints=own)


def under_design(study: Study, design: Study) -> Study:
    """Put a paper's endpoints, groups, covariates and landmarks in place of a study's own.

    Columns, clock and unit stay those of the study; landmarks are converted to its unit.

    Raises
    ------
    StudyError
        When the study has a status that the design's endpoints do not list.

    Examples
    --------
    >>> study = under_design(replace(SARCOMA, unit="years"), read_design("tilkorn2010"))
    >>> study.landmarks, len(study.groups)
    ((3.0,), 0)
    """
    problems = []
    for end in design.endpoints.values():
        listed = end.event | end.competing | end.unknown | end.censored
        used = [e for e in study.endpoints.values() if e.status and e.status == end.status]
        found = frozenset().union(*(e.event | e.competing | e.unknown | e.censored for e in used))
        if unheard := ", ".join(sorted(found - listed)):
            remedy = f"map it to one of {', '.join(sorted(listed))}"
            problems.append((None, f"{end.name} of {design.title}", f"status {unheard}", remedy))
    if problems:
        raise StudyError(study.file or "the study", problems)
    scale = DAYS[design.unit] / DAYS[study.unit]
    parts = ("endpoints", "groups", "covariates", "basis", "file")
    return replace(
        study,
        **{part: getattr(design, part) for part in parts},
        landmarks=tuple(round(time * scale, 9) for time in design.landmarks),
        columns=design.columns | study.columns,
        words=design.words | study.words,
    )
