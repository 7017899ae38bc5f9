"""The draft of a study file: what a table shows, and questions where only its owner knows.

Nothing that concerns an outcome is guessed: which column is the follow-up and in what unit, which
is the status and what its codes mean. Without somebody to ask, each such place holds a text that
begins with "?", which `read_study` refuses with its line.
"""

import json
import re
import unicodedata
from pathlib import Path

from vlms.cohort.cells import CellError, Use, tidy, use_of
from vlms.cohort.check import looks_personal
from vlms.cohort.plan import CANONICAL, LIKE_AN_OUTCOME, SYNONYMS
from vlms.cohort.problems import Problems
from vlms.cohort.tables import TextTable, plain_name, read_table
from vlms.study import DAYS

_MOST_LEVELS = 12
_STATUSES = "alive, dead, dead_of_disease, dead_other, dead_unknown, or a word of your own"
_LATER = re.compile("recur|relaps|rezidiv|metasta|progress|adjuvant|transplant|response|death|died")
_CLOCK = re.compile("time|month|monat|day|tage|week|year|follow|surv|nachsorge|last|letzt|^t$|stop")
_STATE = re.compile("status|event|vital|dead|death|died|alive|verstorb|tod|cens|delta|stat$|^e$")


def start_study(path, *, encoding=None, ask=None) -> tuple[str, int]:
    """Draft the study of a table; the text of its file, and how many questions it leaves open.

    ``ask(question, choices, default)`` returns an answer, blank for none; without it every question
    is left open. Raises `CohortError` where the table cannot be read.
    """
    problems = Problems(str(path))
    table = read_table(path, problems, wanted=[*CANONICAL, *SYNONYMS], encoding=encoding)
    problems.stop_if_any()
    return _Draft(table, ask).text(path)


class _Draft:
    def __init__(self, table: TextTable, ask):
        self.table, self.ask, self.open, self.candidates = table, ask, 0, []
        self.columns = dict(zip(table.header, table.columns, strict=True))
        self.filled = {
            name: [text for text in map(str.strip, column.texts) if text]
            for name, column in self.columns.items()
        }
        self.dates = [name for name in self.columns if self._are(name, "date", 0.7)]
        self.numbers = [name for name in self.columns if self._are(name, "number", 1)]

    def text(self, path) -> tuple[str, int]:
        """Write the file, section by section."""
        identifier = self._identifier()
        rows = self._several_rows(identifier)
        clock, used = self._clock(rows)
        status, state = self._status(used)
        taken = {*used, status, identifier, *self.candidates}
        rest = [name for name in self.columns if name not in taken]
        personal = {name: what for name, what, _ in looks_personal(self.table) if name in rest}
        born = [n for n, what in personal.items() if what == "a date of birth" and n in self.dates]
        born = born if len(self.dates) >= 2 else []
        ignored = [name for name in personal if name not in born]
        late = [n for n in rest if _LATER.search(plain_name(n))]
        ignored += [n for n in rest if n in self.dates and n not in [*ignored, *late, *born]]
        covariates, sections = [], []
        for name in rest:
            if name in born:
                covariates.append("age")
                age = (
                    'kind = "date"',
                    'take = "age"  # at time zero, in years; the day is dropped',
                )
                sections.append(_section("age", name, *age))
            elif name not in ignored:
                sections.append(self._column(name, covariates))
        zero = self._free("From which day do the times count (such as diagnosis)?")
        unit = self._ask("In which unit are the times of the study?", [*DAYS], self._unit(used))
        lines = [
            "# What the columns of this table mean. A value that begins with “?” is a question;",
            "# answer it. Everything else is a draft: read it through, and correct it.",
            "",
            "[study]",
            f"title = {_q(Path(path).stem)}",
            f"time_zero = {_q(zero)}",
            f"unit = {_q(unit)}",
            *([] if identifier else ['id = "generate"  # no column identifies patients']),
            f"ignored = {_q(ignored)}" + self._why(ignored, personal),
            f"covariates = {_q(covariates)}  # known at time zero",
            "",
        ]
        if identifier:
            lines += ["[columns.patient_id]", f"from = {_q(identifier)}", 'kind = "id"', ""]
        lines += [*clock, *state, *(line for section in sections for line in section)]
        lines += _ENDPOINTS.format(**self.sets()).splitlines()
        keys = [section[0][9:-1] for section in sections if 'kind = "date"' in section]
        for key in (key for key in keys if key != "age"):
            lines += [
                "",
                f"# [endpoints.{key}]",
                f'# first_of = [{{ at = "{key}" }}, {{ status = [] }}]',
            ]
        return "\n".join(lines) + "\n", self.open

    # What is asked

    def _ask(self, question, choices=(), default=""):
        """Return the answer to a question, or the question, marked."""
        answer = self.ask(question, list(choices), default) if self.ask else ""
        if answer:
            return answer
        self.open += 1
        hint = f" It looks like {default}." if default else ""
        listed = f" One of: {', '.join(choices)}." if choices else ""
        return f"? {question}{listed}{hint}"

    def _free(self, question):
        """Ask what may stay blank."""
        return self.ask(question, [], "") if self.ask else ""

    def _one(self, question, choices):
        """Return the only choice there is, or ask; the choices of an open question stay free."""
        if len(choices) == 1:
            return choices[0]
        answer = self._ask(question, choices)
        self.candidates += choices if answer.startswith("?") else []
        return answer

    def _several_rows(self, identifier):
        """Find out how the rows of one patient differ: by interval, by kind of event, or not."""
        if not identifier or len(self.filled[identifier]) == len(self.table.lines):
            return ""
        column = self.columns[identifier]
        for name, other in self.columns.items():
            pairs = set(zip(column.codes.tolist(), other.codes.tolist(), strict=True))
            few = 2 <= len(self._distinct(name)) <= 4
            if few and len(pairs) == len(self.table.lines) and name != identifier:
                return name
        return "intervals"

    def _clock(self, rows):
        """Write what holds the time, and [time]; beside it, the columns that are used up."""
        plus = [n for n, texts in self.filled.items() if self._plus(texts)]
        pair = [n for n in self.columns if plain_name(n) in ("start", "tstart", "begin")]
        ends = [n for n in self.columns if plain_name(n) in ("stop", "tstop", "end")]
        if pair and ends and rows:
            lines = ["# A patient has several rows, from start to end; they become one.", "[time]"]
            lines += ['rows = "intervals"', 'start = "start"', 'end = "time"', ""]
            lines += _section("start", pair[0], 'kind = "duration"')
            lines += _section("time", ends[0], 'kind = "duration"')
            return lines, [pair[0], ends[0]]
        head = ["[time]", 'end = "time"', ""]
        if rows and rows != "intervals":
            head = ["# A patient has a row for each kind of event; they become one.", "[time]"]
            head += ['rows = "events"', f"type = {_q(_key(rows))}", 'end = "time"', ""]
            asked = "? Which kind? end: that of death or last contact; else such as recurrence"
            self.open += len(self._distinct(rows))
            levels = _pairs(dict.fromkeys(self._distinct(rows), asked))
            kind = _key(rows)
            head += [*_section(kind, rows, 'kind = "category"')[:-1], f"[columns.{kind}.levels]"]
            head += [*levels, ""]
            self.candidates.append(rows)
        personal = {name for name, *_ in looks_personal(self.table)}
        days = [n for n in self.dates if n not in personal and not _LATER.search(plain_name(n))]
        choices = [*days, *plus, *(n for n in self.numbers if self._many(n))]
        choices = [n for n in choices if n in plus or _CLOCK.search(plain_name(n))] or choices
        choices = [n for n in choices if plain_name(n) == "time"] or list(dict.fromkeys(choices))
        if len(days) >= 2:
            start = self._one("Which date is time zero?", days)
            end = self._one("Which date is that of death or last contact?", days)
            lines = ["[time]", 'start = "start"', 'end = "last_seen"', ""]
            lines += _section("start", start, 'kind = "date"')
            return lines + _section("last_seen", end, 'kind = "date"'), [start, end]
        if plus:
            pattern = r"extract = '([0-9.,]+)\s*\+?$'"
            return [*head, *_section("time", plus[0], 'kind = "duration"', pattern)], [plus[0]]
        name = self._one("Which column is the time to death or last contact?", choices)
        return [*head, *_section("time", name, 'kind = "duration"')], [name]

    def _status(self, used):
        """Write the column of the status, each code of which has to be given a meaning."""
        plus = [name for name in used if self._plus(self.filled.get(name, []))]
        if plus:
            self.levels = {"+": "censored", "": "event"}  # as `6+` says
            lines = _section("status", plus[0], 'kind = "category"', r"extract = '(\+)?$'")
            return "", [*lines[:-1], 'levels = { "+" = "censored", "" = "event" }', ""]
        few = [n for n in self.columns if len(self._distinct(n)) <= 6 and n not in used]
        choices = [n for n in few if _STATE.search(plain_name(n))] or few
        choices = [n for n in choices if n not in self.candidates]
        name = self._one("Which column says who had the event?", choices)
        codes = self._distinct(name) if name in self.columns else []
        self.levels = {}
        for code in codes[:_MOST_LEVELS]:
            question = f"{name}: what does “{code}” mean? {_STATUSES}"
            word = tidy(code).casefold().replace(" ", "_")
            plain = word if word in ("alive", "dead_of_disease", "dead_other") else ""
            self.levels[code] = plain or self._ask(question)
        lines = _section("status", name, 'kind = "category"')[:-1]
        return name, [*lines, "[columns.status.levels]", *_pairs(self.levels), ""]

    def sets(self):
        """Say which levels are the event, as far as their words do."""
        words = list(dict.fromkeys(self.levels.values()))
        events = [w for w in words if w.startswith("dead") or w in ("event", "died")]
        alive = [w for w in words if w in ("alive", "censored")]
        if self.levels and not set(words) - {*events, *alive} and events:
            return {"event": _q(events), "censored": _q(alive)}
        self.open += 2
        which = "Which levels of status are"
        return {
            "event": _q([f"? {which} the event?"]),
            "censored": _q([f"? {which} censored?"]),
        }

    # What is seen

    def _identifier(self):
        """Find the column that names the patients."""
        for name in self.columns:
            known = SYNONYMS.get(plain_name(name), plain_name(name)) == "patient_id"
            if known and all(map(str.strip, self.columns[name].texts)):
                return name
        return ""

    def _column(self, name, covariates):
        """Draft the section of one column that is no outcome of the study."""
        texts, key = self._distinct(name), _key(name)
        key += "_" if key in ("time", "status", "start", "last_seen", "patient_id", "age_") else ""
        later = bool(_LATER.search(key)) or key.endswith("status")
        lines = []
        as_is = [use_of(CANONICAL[key], printed=name)] if key in CANONICAL else []
        if name in self.dates:
            lines += ['kind = "date"']
        elif len(texts) <= 6 and {t.casefold() for t in texts} <= {
            "yes",
            "no",
            "ja",
            "nein",
            "y",
            "n",
        }:
            lines += ['kind = "yes-no"']
        elif self._are(name, "number", 1) and (len(texts) > 6 or any("." in t for t in texts)):
            lines += ['kind = "number"']
        elif len(texts) <= _MOST_LEVELS and len(texts) < len(self.table.lines):
            order = sorted(texts, key=_natural)
            lines += (
                ['kind = "category"', "# what do the codes mean?"]
                if _coded(order)
                else ['kind = "category"']
            )
            lines += [f"order = {_q(order)}"]
        elif as_is and all(map(as_is[0].reads, texts)):
            lines += [f"kind = {_q(CANONICAL[key].kind)}"]
        else:
            lines += ['kind = "text"', "never_shown = true  # free text"]
        if later or LIKE_AN_OUTCOME.search(key) and not self._are(name, "number", 1):
            lines += ['known = "later"  # not known at time zero? Else remove this line']
        elif lines[0] != 'kind = "text"':
            covariates.append(key)
        return _section(key, name, *lines)

    def _unit(self, used):
        """Guess the unit of the times, as a hint."""
        if any(name in self.dates for name in used):
            return "months"
        named = next((u for name in used for u in DAYS if u[:-1] in plain_name(name)), "")
        numbers = [_number(text) for name in used for text in self.filled.get(name, [])]
        largest = max((value for value in numbers if value is not None), default=0)
        return named or ("days" if largest > 480 else "")

    def _are(self, name, kind, share):
        """Whether the cells of a column are of a kind."""
        texts = self._distinct(name)[:2_000]
        free = self.table.separator not in (",", "")
        marks = {"comma_is_decimal": free, "unit": "dd/mm/yyyy" if kind == "date" else ""}
        use = Use(name, kind, **marks)
        return bool(texts) and sum(map(use.reads, texts)) >= share * len(texts)

    def _distinct(self, name):
        """The distinct texts of a column, those that mean missing left out."""
        known = [text for text in self.filled[name] if not _missing(text)]
        return list(dict.fromkeys(known))

    def _many(self, name):
        return len(self._distinct(name)) > min(6, len(self.table.lines) / 3)

    def _plus(self, texts):
        return any(re.fullmatch(r"[0-9.,]+\s*\+", text) for text in texts)

    def _why(self, ignored, personal):
        said = [f"{name} looks like {personal[name]}" for name in ignored if name in personal]
        return f"  # {'; '.join(said)}" if said else ""


_ENDPOINTS = """\
# In each endpoint, every status is event, competing, unknown or censored. Add further ones: event
# for a status, at = "column" for the time of a recurrence, first_of = [ … ] for both.
[endpoints.overall_survival]
event = {{ status = {event} }}
censored = {{ status = {censored} }}"""


def _section(name, printed, *lines):
    source = [f"from = {_q(printed)}"] if printed != name else []
    return [f"[columns.{name}]", *source, *lines, ""]


def _key(printed):
    """Write the name of a column as a bare key: small letters, digits and underscores."""
    plain = plain_name(printed).translate({228: "ae", 246: "oe", 252: "ue"})
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return plain if re.search("[a-z]", plain) else f"column_{plain}"


def _pairs(levels):
    return [f"{_q(code)} = {_q(level)}" for code, level in levels.items()]


def _q(value):
    return json.dumps(value, ensure_ascii=False)


def _missing(text):
    return Use("x", "category").clean(text).value is None if len(text) < 20 else False


def _number(text):
    try:
        return Use("x", "number", comma_is_decimal=True).clean(text.rstrip("+ ")).value
    except CellError:
        return None


def _natural(text):
    value = _number(text)
    return (value is None, value if value is not None else 0, text)


def _coded(texts):
    return all(re.fullmatch("[0-9]", text) for text in texts)
