"""The ledger: every number a paper prints, the value recomputed for it, and a verdict.

A claim is one printed number or statement. Each fact of ``data/<paper>/facts.csv`` is a claim under
its id; ``claims.csv`` holds the others, and says more of a fact where it repeats the id of one:

============  =============================================================================
id            lower-case letters, digits, hyphens and underscores
place         where in the paper it stands: ``abstract; table 1``
statement     what it says, in our words
printed       the number as text, so that a trailing zero counts
unit, kind    the kind says how a recomputed value is compared with what is printed (below)
against       what else is printed that cannot be true as well: claims, cells (``patient 11:
              m_stage``), readings
assuming      readings under which the numbers agree, where the paper does not say it
because       the arithmetic of a contradiction; the reason why a claim cannot be checked
============  =============================================================================

- ``count``, ``year``: exactly; 11 patients are not twelve by any rounding;
- ``share, mean, sd, median, survival, hazard_ratio, p, measure``: by rounding;
- ``range``, ``limits``: both ends by rounding (``22-78``);
- ``fraction``: counts exactly, the share by rounding (``22/63 (35)``);
- ``patients``: a list of patient numbers; ``text``: to the letter;
- ``statement``: true is supported, false impossible, NA not supported.

`Ledger.check` takes a function for each claim; the verdict (`vlms.printed`) follows from what it
returns. Nobody types a verdict, and a ledger with a claim left over cannot be published.

``readings.csv`` names readings (`vlms.readings`) of patients, and of conventions that the paper
does not state. Each claim is evaluated as printed, under each reading that changes what its
function reads, and under all their combinations. Which columns it reads is found out by taking each
away. A claim is

- *reproduced* or *rounding* if it agrees as printed (*rounding*: digits cut off, or half to even);
- *conditional* if it agrees under assumed readings only, and these break no other claim that
  agrees as printed, nor need the opposite of what another such claim needs; and if the check
  itself assumes what is not printed (a `vlms.consistency.Finding` says what);
- *contradicted* if it agrees only where another printed statement is followed, or never. A claim
  that agrees as printed is contradicted alike where it is declared to be `against` such a claim,
  and is false under the reading that makes that claim true;
- *not checkable* if nothing printed constrains it.

``discrepancies.csv`` (id, title, sides, matters, settle) gathers contradicted claims and cells to
what a reader has to decide; `sides` are separated by ``|``, what stands on one side by ``;``.
"""

import csv
import fnmatch
import inspect
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from markupsafe import escape

from vlms.cohort import paper_folder, read_paper
from vlms.consistency import Finding
from vlms.printed import VERDICTS, Printed, agreement, print_number, print_share, verdict_badge
from vlms.readings import MOST_COMBINATIONS, Worlds, read_readings

LEDGER_MIME = "application/vnd.vlms.ledger+json"

_EXACT = {"count", "year"}
_PAIRS = {"range", "limits"}
_ROUNDED = {"share", "mean", "sd", "median", "survival", "hazard_ratio", "p", "measure"}
_KINDS = _EXACT | _PAIRS | _ROUNDED | {"fraction", "patients", "text", "statement"}
_KIND_OF_FACT = dict.fromkeys(["n", "events", "censored", "at_risk"], "count") | {"p_value": "p"}

_REASONS = ("against", "assuming", "because")
_COLUMNS = ("id", "place", "statement", "printed", "unit", "kind")
_FRACTION = re.compile(
    r"(?P<count>\d+)(?:\s*(?:/|of)\s*(?P<total>\d+))?\s*(?:\((?P<share>[\d.]+)%?\))?"
)
_ID = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
_NOTHING = "nothing to compare"
_UNKNOWN = "not known"
_PLAIN = ("half up", "inequality")
_AS_PRINTED = frozenset()
_CELL = re.compile(r"patient (?P<patient>\S+): (?P<column>\w+)")
_MATTERS = ("patient", "analysis", "record")
_MOST_STEPS = 200
_NO_READINGS = pd.DataFrame(columns=["reading", "patient_id", "name", "value", "source", "where"])
_OF_FINDING = {"consistent": "half up", "rounding": "truncated", "contradictory": None}


class LedgerError(ValueError):
    """A claims file that cannot be read, or a verdict that its numbers do not support."""


class _NotKnown(LedgerError):
    """Yes or no is not known for some patient."""

    def __init__(self, message, unknown):
        super().__init__(message)
        self.unknown = unknown


@dataclass
class Ledger:
    """The claims of one paper and the verdicts given so far.

    Attributes
    ----------
    paper : str
        The stem of the paper, as in ``data/<paper>/``.
    claims : pandas.DataFrame
        One row a claim, indexed by id: the columns of the file, all text.
    readings : pandas.DataFrame, optional
        The readings, as `vlms.readings.read_readings` returns them.
    """

    paper: str
    claims: pd.DataFrame
    readings: pd.DataFrame = field(default_factory=_NO_READINGS.copy)
    _judged: dict = field(default_factory=dict, repr=False)
    _shown: dict = field(default_factory=dict, repr=False)
    _values: dict = field(default_factory=dict, repr=False)
    _read: dict = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, paper, *, path=None):
        """Open the claims of a paper.

        Parameters
        ----------
        paper : str
            The stem of the paper, for example ``"tilkorn2010"``.
        path : path-like, optional
            Another claims file than ``data/<paper>/claims.csv``.

        Returns
        -------
        Ledger

        Raises
        ------
        LedgerError
            If the file cannot be read, a column is missing, an id repeats, or a printed number is
            not of its kind; the message names the file and every line.

        Examples
        --------
        >>> ledger = Ledger.open("tilkorn2010")
        >>> ledger.check({"women": lambda p: p["sex"] == "f"})
        >>> ledger.frame.set_index("id").loc["women", ["recomputed", "verdict"]].tolist()
        ['9', 'reproduced']
        """
        if path is not None:
            ledger = cls(paper, _read_claims(path := Path(path)))
        else:
            path = paper_folder(paper) / "claims.csv"
            ledger = cls(paper, _read_claims(path, _read_facts(path.with_name("facts.csv"))))
            if path.with_name("readings.csv").exists():
                ledger.readings = read_readings(paper)
        if problems := list(ledger._unknown_names()):
            raise LedgerError(f"{path}: " + "; ".join(problems))
        return ledger

    @cached_property
    def patients(self):
        """The patients as the paper prints them, indexed by patient number."""
        patients = read_paper(self.paper).patients
        return patients.set_index("patient_id", drop=False).rename_axis(None)

    @cached_property
    def worlds(self):
        """The patients and conventions under the readings (`vlms.readings.Worlds`)."""
        of_patients = (self.readings["patient_id"] != "").any()
        return Worlds(read_paper(self.paper) if of_patients else None, self.readings)

    @cached_property
    def printed(self):
        """What is printed, by claim id: a whole number for a count, a `Printed` for any other.

        A pair for a range or limits, count and total for a fraction, a list of patient numbers as
        the patients are indexed by, text for text.
        """
        kinds = self.claims[["printed", "kind"]].itertuples()
        return {claim.Index: _parsed(claim.printed, claim.kind) for claim in kinds}

    def check(self, claims, **fields):
        """Compare recomputed values with what is printed, and enter the verdicts.

        Parameters
        ----------
        claims : mapping or sequence of str
            By claim id what recomputes it: a function of the patients, ``lambda p: …``, of the
            printed values, ``lambda printed: …``, of a convention that readings name, or of
            several; or the value itself. A value is a number (a share from 0 to 1), a pair for a
            range or limits, count and total for a fraction, patient numbers, or a finding of
            `vlms.consistency`; where it was made from printed numbers that are rounded themselves,
            the pair of its ends. Yes or no for each patient, ``p["sex"] == "f"``, and patient
            numbers are counted for a count; yes or no gives the share for a share, and is listed
            for a list of patients. An id with a ``*``
            stands for several claims and takes a Series, the index of which fills its place.

            A list of ids instead says that nothing which is published allows a check; there,
            ``*`` stands for all such claims that have no verdict yet.
        **fields
            What stands in ``{…}`` in the columns `assuming` and `because` of these claims: values,
            or functions as above. ``{recomputed}`` is there by itself, and so are ``{statement}``,
            ``{arithmetic}``, ``{assumptions}`` and ``{values[…]}`` of a finding.

        Raises
        ------
        LedgerError
            If a claim is unknown or has a verdict already; if a field has no value or a value no
            field. Nothing is entered then. Reasons that do not fit are refused by `show`.

        Examples
        --------
        >>> ledger = Ledger.open("tilkorn2010")
        >>> ledger.check({
        ...     "vascular-share-of-tumours": lambda p, printed:
        ...         len(p) / printed["soft-tissue-tumours"],
        ...     "age-*": lambda p: p["age_years"],
        ... })
        >>> ledger.check(["soft-tissue-tumours", "comparison-*"])
        >>> ledger.counts.set_index("verdict")["n"][["reproduced", "not checkable"]].tolist()
        [13, 10]
        """
        fields = {name: self._evaluate(value) for name, value in fields.items()}
        found, problems, used = {}, [], set()
        for claim_id, value in self._listed(claims):
            try:
                if claim_id in found:
                    raise LedgerError(f"claim {claim_id!r} stands twice in this check")
                found[claim_id] = self._judge(claim_id, value, fields, used)
            except LedgerError as error:
                problems.append(str(error))
        if idle := fields.keys() - used:
            problems.append(f"no reason of these claims has the field {', '.join(sorted(idle))}")
        if problems:
            raise LedgerError("\n".join(problems))
        self._judged |= found
        self._settled = None

    @property
    def frame(self):
        """The ledger so far: id, place, statement, printed, unit, kind, recomputed, verdict,
        assuming, against, because; the last five are empty where no verdict was given yet."""
        columns = ["recomputed", "verdict", "assuming", "against", "because"]
        settled = {claim_id: entry for claim_id, (entry, _) in self._settle().items()}
        given = pd.DataFrame.from_dict(settled, orient="index", columns=columns, dtype=object)
        claims = self.claims.drop(columns=list(_REASONS))
        return claims.join(given).fillna("").rename_axis("id").reset_index()

    @property
    def counts(self):
        """How many claims have each verdict: verdict, n."""
        n = self.frame["verdict"].value_counts().reindex(VERDICTS, fill_value=0)
        return n.rename_axis("verdict").rename("n").reset_index()

    @property
    def matrix(self):
        """What each claim is under each reading: claims × readings, one row each.

        Columns claim, readings (``as printed``, or the readings used, with ``+`` between them), n
        (how many), source (``printed`` if one of them is), recomputed and state: agrees, disagrees
        or not known. A reading that changes nothing which the claim's function reads has no row.
        """
        states = {None: "disagrees", _UNKNOWN: "not known", _NOTHING: "not known"}
        rows = [
            (claim_id, _together(world), len(world), self._source(world), found.text, state)
            for claim_id, judged in self._judged.items()
            if judged.rule != _NOTHING or len(judged.results) > 1
            for world, found in judged.results.items()
            for state in [states.get(found.rule, "agrees")]
        ]
        names = ["claim", "readings", "n", "source", "recomputed", "state"]
        return pd.DataFrame(rows, columns=names)

    def pins(self, column, *, step=1.0, within=(0, None)):
        """How far can each cell of a column move before a claim which holds breaks?

        A cell that a table records once cannot be checked, but it is pinned by the means, standard
        deviations, shares and survivals that were made from it. Every claim which holds, as printed
        or under the readings that it assumes, and reads the column takes part.

        Parameters
        ----------
        column : str
            A column of numbers.
        step : float
            By how much a cell moves at a time: one unit of the last printed place.
        within : pair
            The least and the largest value that is tried; None: 200 steps away.

        Returns
        -------
        pandas.DataFrame
            patient_id, value, lowest, highest (NA where no claim ends the way), by (the claims
            that end it).

        Examples
        --------
        >>> ledger = Ledger.open("tilkorn2010")
        >>> ledger.check({"age-mean": lambda p: p["age_years"].mean()})
        >>> ledger.pins("age_years").query("patient_id == '7'")[["lowest", "highest"]].values
        array([[38., 49.]])
        """
        settled = self._settle()
        held = [
            (claim_id, judged, world)
            for claim_id, judged in self._judged.items()
            if (world := settled[claim_id][1]) is not None
            and column in self._reads(judged.function)
        ]
        rows = []
        for patient, value in self.patients[column].dropna().items():
            ends = [
                self._pin(held, patient, column, float(value), sign * step, limit)
                for sign, limit in zip((-1, 1), within, strict=True)
            ]
            breaking = ", ".join(dict.fromkeys(name for _, names in ends for name in names))
            rows.append((patient, float(value), ends[0][0], ends[1][0], breaking))
        return pd.DataFrame(rows, columns=["patient_id", "value", "lowest", "highest", "by"])

    @cached_property
    def discrepancies(self):
        """Where the paper disagrees with itself, what matters to patients first.

        Columns id, title, sides (each a list of claims and cells), matters, settle, readings (those
        that change one of these cells, or make one of the claims agree).
        """
        path = paper_folder(self.paper) / "discrepancies.csv"
        return _read_discrepancies(path, self)

    def changes(self, measures, discrepancy=None):
        """What the readings of a discrepancy change, and by how much.

        Parameters
        ----------
        measures : mapping
            By name a function of the patients, as for `check`.
        discrepancy : str, optional
            Its id; all, if not given.

        Returns
        -------
        pandas.DataFrame
            discrepancy, readings, measure, as_printed, changed: one row for each reading that
            moves a measure.
        """
        chosen = self.discrepancies
        if discrepancy is not None:
            chosen = chosen[chosen["id"] == discrepancy]
        rows = [
            (found.id, _together(world), name, before, after)
            for found in chosen.itertuples()
            for world in self.worlds.combinations(found.readings) or []
            if world and not isinstance(self.worlds.under(world), str)
            for name, function in measures.items()
            if not _same(
                before := self._evaluate(function), after := self._evaluate(function, world)
            )
        ]
        names = ["discrepancy", "readings", "measure", "as_printed", "changed"]
        return pd.DataFrame(rows, columns=names)

    def cards(self, measures, ids=None, *, pictures=None):
        """Show discrepancies as cards: both sides, what changes and by how much, what settles it.

        Slips of the record are folded.

        Parameters
        ----------
        measures : mapping
            By name a function, as for `check`; a result from 0 to 1 is a share.
        ids : sequence of str, optional
            Which discrepancies; all, if not given.
        pictures : mapping, optional
            By id what stands in its card, such as `vlms.showing.show_figure` returns.

        Returns
        -------
        object
            Displays as one card each, what matters to patients first.
        """
        found, pictures = self.discrepancies, pictures or {}
        if unknown := {*(ids or []), *pictures} - set(found["id"]):
            raise LedgerError(f"{self.paper} has no discrepancy {', '.join(sorted(unknown))}")
        if ids is not None:
            found = found[found["id"].isin(ids)]
        cards = [
            (row.title, row.matters, self._card(row, measures), pictures.get(row.id))
            for row in found.itertuples()
        ]
        return _Cards(cards)

    def _card(self, row, measures):
        """The parts of a card by name, as text."""
        sides = [list(filter(None, map(self._side, side))) for side in row.sides]
        changes, moved = self.changes(measures, row.id), []
        for name, rows in changes.groupby("measure", sort=False):
            values = rows["changed"].sort_values().map(_as_measure)
            ends = " to ".join(dict.fromkeys([values.iloc[0], values.iloc[-1]]))
            before = _as_measure(rows["as_printed"].iloc[0])
            moved.append(f"{name}: {before} as printed, {ends} otherwise")
        return {
            "One side": "; ".join(sides[0]),
            "The other": "; ".join(text for side in sides[1:] for text in side),
            "Changes": "; ".join(moved) or "none of these figures",
            "Would settle it": row.settle,
        }

    def _side(self, item):
        """A claim, a cell or a convention in words; a reading of patients is none."""
        if match := _CELL.fullmatch(item):
            value = self.patients.at[match["patient"], match["column"]]
            value = "not clear" if pd.isna(value) else {True: "yes", False: "no"}.get(value, value)
            value = f"{value:g}" if isinstance(value, float) else value
            return f"the tables: {item.replace('_', ' ').replace(': ', ', ')}: {value}"
        if item in self.claims.index:
            claim = self.claims.loc[item]
            unit = claim["unit"] if claim["unit"] not in ("%", "patients", "patient") else ""
            return (
                f"{claim['statement']}: {claim['printed']} {unit}".strip() + f" ({claim['place']})"
            )
        return ""

    def show(self):
        """Show the verdicts given since the last call, one row a claim.

        What is reproduced is folded.

        Returns
        -------
        object
            Displays as a table in which each row can be linked to as ``#claim-<id>``.
        """
        new = [claim_id for claim_id in self._judged if claim_id not in self._shown]
        self._refuse_bad_reasons(new)
        frame = self.frame.set_index("id", drop=False).loc[new]
        self._shown.update(frame["verdict"])
        # The arithmetic of a check that agrees stands in the whole ledger.
        agrees = (frame["verdict"] == "conditional") & (self.claims.loc[new, "because"] == "")
        return _View(self.paper, frame.assign(because=frame["because"].mask(agrees, "")), False)

    def publish(self):
        """Show the whole ledger, and hand it to the report.

        Returns
        -------
        object

        Raises
        ------
        LedgerError
            If a claim has no verdict.
        """
        self._refuse_bad_reasons(self._judged)
        frame = self.frame
        if left := frame.loc[frame["verdict"] == "", "id"].tolist():
            raise LedgerError(
                f"{len(left)} claims of {self.paper} have no verdict: {', '.join(left)}; "
                "check each, or say in claims.csv, in `because`, why it cannot be checked"
            )
        now = frame.set_index("id")["verdict"]
        if moved := [name for name, verdict in self._shown.items() if now[name] != verdict]:
            raise LedgerError(
                f"a later check changed the verdict of {', '.join(moved)}, shown before it; "
                "check claims that exclude each other before either is shown"
            )
        return _View(self.paper, frame, whole=True)

    def _evaluate(self, value, world=_AS_PRINTED, patients=None):
        """Call a function with what it asks for, under readings if given; else it is the value."""
        if not callable(value):
            return value
        given = {"printed": self.printed}
        for name in self.worlds.conventions:
            given[name] = self.worlds.convention(world, name)
        asked = [p for p in inspect.signature(value).parameters.values() if p.default is p.empty]
        if patients is None and any(p.name not in given for p in asked):
            patients = self.worlds.under(world) if world else self.patients
        if (result := value(*(given.get(p.name, patients) for p in asked))) is None:
            raise LedgerError(f"{value.__name__} returns None; it must return a value")
        return result

    def _reads(self, function):
        """The columns and conventions that a function reads: taking each away changes it."""
        if not (callable(function) and self.worlds.cells):
            return frozenset()
        if function not in self._read:
            asked = set(inspect.signature(function).parameters)
            found = asked & self.worlds.conventions
            if asked - self.worlds.conventions - {"printed"}:
                before = self._evaluate(function)
                for column in self.patients.columns:
                    without = self.patients.drop(columns=column)
                    try:
                        after = self._evaluate(function, patients=without)
                    except (KeyError, AttributeError):
                        found |= {column}
                    else:
                        found |= set() if _same(before, after) else {column}
                found |= {"include"}
            self._read[function] = frozenset(found)
        return self._read[function]

    def _listed(self, claims):
        """List id and value of each claim that a check names, `*` spelled out."""
        if not isinstance(claims, Mapping):
            claims = dict.fromkeys([claims] if isinstance(claims, str) else claims)
        for name, value in claims.items():
            if "*" not in name:
                yield name, value
            elif value is None:
                matching = fnmatch.filter(self.claims.index, name)
                if not (left := [each for each in matching if each not in self._judged]):
                    raise LedgerError(f"{self.paper} has no open claim {name!r}; see claims.csv")
                yield from dict.fromkeys(left).items()
            else:
                found = self._evaluate(value)
                if not isinstance(found, Mapping | pd.Series):
                    raise LedgerError(f"{name!r} needs a Series, a value a claim, found {found!r}")
                for key, each in found.items():
                    of_key = _Entry(value, key) if callable(value) else each
                    yield name.replace("*", str(key)), of_key

    def _judge(self, claim_id, value, fields, used):
        """Evaluate one claim as printed and under the readings, and fill its reasons."""
        if claim_id not in self.claims.index:
            raise LedgerError(f"{self.paper} has no claim {claim_id!r}; see claims.csv")
        if claim_id in self._judged:
            raise LedgerError(
                f"claim {claim_id!r} of {self.paper} was checked before; if you ran this cell "
                "again, run the notebook from the cell that opens the ledger"
            )
        function, key = value if isinstance(value, _Entry) else (value, None)
        claim = self.claims.loc[claim_id]
        results, capped = self._under_readings(function, key, claim)
        found = results[_AS_PRINTED]
        reasons = {name: claim[name] for name in _REASONS}
        own = {"recomputed": found.text, "arithmetic": found.because, "assumptions": found.assumed}
        reasons["because"] = _fill(claim, fields | own | {"values": found.values}, used)
        return _Judged(function, key, reasons, results, capped)

    def _value(self, function, key, world=_AS_PRINTED):
        """The value of a claim under readings; a function of several claims is called once."""
        if not callable(function):
            return function
        if (function, world) not in self._values:
            self._values[function, world] = self._evaluate(function, world)
        value = self._values[function, world]
        return value if key is None else value[key]

    def _compared(self, value, claim):
        """Compare a value with its claim; what is not known can be decided by a reading only."""
        if isinstance(value, Finding):
            rule = _OF_FINDING.get(value.verdict, _NOTHING)
            words = {None: "impossible", _NOTHING: "not supported"}.get(rule, "supported")
            text = words if claim["kind"] == "statement" else value.statement
            assumed = "; ".join(value.assumptions) if rule != _NOTHING else ""
            return _Result(rule, text, assumed, value.arithmetic or value.statement, value.values)
        if value is None:
            return _Result(_NOTHING, "")
        missing = pd.api.types.is_scalar(value) and pd.isna(value)
        if missing and claim["kind"] != "statement":
            return _Result(_UNKNOWN, "not known")
        try:
            return _Result(*_compare(value, claim))
        except _NotKnown as error:
            return _Result(_UNKNOWN, f"not known for patient {_in_words(error.unknown)}")

    def _under_readings(self, function, key, claim):
        """Evaluate a claim as printed, and under every combination of what its function reads."""
        results = {_AS_PRINTED: self._compared(self._value(function, key), claim)}
        reads = self._reads(function)
        names = self.worlds.that_matter(reads, reads)
        sets = self.worlds.combinations(names)
        if capped := sets is None:
            sets = [frozenset([name]) for name in names]
        for world in sets:
            if world and not isinstance(self.worlds.under(world), str):
                try:
                    results[world] = self._compared(self._value(function, key, world), claim)
                except (KeyError, IndexError):  # the patient is left out
                    results[world] = _Result(_UNKNOWN, "not known")
        return results, capped

    def _settle(self):
        """By claim its entry, and the readings under which it holds (None: under none)."""
        if getattr(self, "_settled", None) is not None:
            return self._settled
        self._settled, self._problems = {}, {}
        holding = {n: j for n, j in self._judged.items() if _agrees(j.rule)}
        assumed = {
            name: [
                world
                for world in judged.results
                if judged.holds(world)
                and self._source(world) == "assumed"
                and all(other.holds(world, default=True) for other in holding.values())
            ]
            for name, judged in self._judged.items()
            if name not in holding
        }
        left = {n for n in assumed if assumed[n] or self._judged[n].rule != _NOTHING}
        excluded = {
            name: [
                other
                for other in left
                if other != name and assumed[other] and not self._both(name, other, assumed)
            ]
            for name in left
            if assumed[name]
        }
        contradicted = {n: excluded.get(n, []) for n in left if not assumed[n] or excluded[n]}
        for name, judged in self._judged.items():
            if name in contradicted:
                found = self._contradicted(name, judged, sorted(contradicted[name]))
            elif name in left:
                found = self._conditional(name, judged, assumed[name])
            elif name in holding and judged.reasons["against"]:
                found = self._alike(name, judged, contradicted)
            else:
                found = self._plain(name, judged)
            self._settled[name] = found
        return self._settled

    def _both(self, name, other, assumed):
        """Whether two claims can hold under one set of assumed readings."""
        return any(
            self._judged[name].holds(one | two) and self._judged[other].holds(one | two)
            for one in assumed[name]
            for two in assumed[other]
            if self.worlds.compatible(one | two)
        )

    def _plain(self, name, judged):
        """The entry of a claim that agrees as printed, or that nothing constrains."""
        found, reasons = judged.results[_AS_PRINTED], judged.reasons
        because = reasons["because"] or found.because
        values = f"printed {self.claims.at[name, 'printed']!r}, recomputed {found.text!r}"
        if found.rule == _NOTHING:
            verdict = "not checkable"
            if not because or reasons["against"] or reasons["assuming"]:
                self._problems[name] = (
                    f"claim {name!r}: a claim that cannot be checked needs the reason, `because` "
                    "in claims.csv, and nothing else"
                )
        else:
            verdict = "reproduced" if found.rule in _PLAIN else "rounding"
            if found.assumed:
                verdict = "conditional"
            if found.rule not in _PLAIN:
                because = f"{because} It agrees when {found.rule}.".strip()
            if reasons["against"] or reasons["assuming"]:
                self._problems[name] = (
                    f"claim {name!r}: {values} ({found.rule}), so nothing contradicts it and "
                    "nothing need be assumed; leave `against` and `assuming` blank in claims.csv"
                )
        given = {"assuming": found.assumed, "because": because}
        entry = {"recomputed": found.text, "verdict": verdict} | reasons | given
        return entry, None if found.rule == _NOTHING else _AS_PRINTED

    def _conditional(self, name, judged, worlds):
        """The entry of a claim that holds under assumed readings: the fewest, or those named."""
        named = frozenset(_items(judged.reasons["assuming"]))
        best = min(worlds, key=lambda world: (len(world), judged.results[world].rule != "half up"))
        if named and named not in worlds:
            self._problems[name] = f"claim {name!r} does not agree assuming {_together(named)}"
        if judged.reasons["against"]:
            self._problems[name] = (
                f"claim {name!r} agrees assuming {_together(best)}, so nothing contradicts it; "
                "leave `against` blank in claims.csv"
            )
        world = named if named in worlds else best
        found, because = judged.results[world], judged.reasons["because"]
        if found.rule not in _PLAIN:
            because = f"{because} It agrees when {found.rule}.".strip()
        assumed = [*(self._in_words(reading) for reading in sorted(world)), found.assumed]
        entry = {"recomputed": found.text, "verdict": "conditional"} | judged.reasons
        return entry | {"assuming": "; ".join(filter(None, assumed)), "because": because}, world

    def _contradicted(self, name, judged, excluded, fails=None):
        """The entry of a claim that holds only against another statement, or never."""
        found, reasons = judged.results[_AS_PRINTED], judged.reasons
        if all(result.rule == _UNKNOWN for result in judged.results.values()):
            self._problems[name] = (
                f"claim {name!r} is not known under any reading: say in readings.csv what may be "
                "assumed, or that it cannot be checked"
            )
        against = list(dict.fromkeys([*_items(reasons["against"]), *excluded]))
        because = reasons["because"] or found.because
        if not against or not because or reasons["assuming"]:
            self._problems[name] = (
                f"claim {name!r}: printed {self.claims.at[name, 'printed']!r}, recomputed "
                f"{found.text!r}: name in claims.csv what contradicts it, `against`, and "
                "the arithmetic, `because`; no assumption saves it"
            )
        taken = f"It is taken that {found.assumed}." if found.assumed and fails is None else ""
        because = " ".join(filter(None, [because, taken, self._tried(judged, fails)]))
        entry = {"recomputed": found.text, "verdict": "contradicted", "assuming": ""}
        return entry | {"against": "; ".join(against), "because": because}, None

    def _alike(self, name, judged, contradicted):
        """The entry of a claim that agrees as printed, and is the other side of one that fails."""
        for other in set(_items(judged.reasons["against"])) & contradicted.keys():
            theirs = self._judged[other]
            for world in theirs.fewest():
                if not judged.holds(world, default=True):
                    return self._contradicted(name, judged, [], fails=world & judged.reads)
        plain = self._plain(name, judged)
        self._problems[name] = (
            f"claim {name!r} agrees as printed, and under no reading that makes a claim in its "
            "`against` agree does it fail; leave `against` blank in claims.csv"
        )
        return plain

    def _tried(self, judged, fails=None):
        """Say which readings were tried, and under which a claim agrees, or fails."""
        if len(judged.results) == 1:
            return "No reading changes it." if self.worlds.cells else ""
        names = sorted({name for world in judged.results for name in world})
        under = [_together(world) for world in judged.fewest()]
        way = "alone" if judged.capped else "alone and together"
        tried = f"Tried {way}: {', '.join(names)}; "
        if judged.capped:
            tried = f"More than {MOST_COMBINATIONS:,} combinations. {tried}"
        if fails is not None:
            return f"{tried}it agrees as printed, and fails under {_together(fails)}."
        return tried + (
            "it agrees under none." if not under else f"agrees under {' or '.join(under)}."
        )

    def _source(self, world):
        """Whether a set of readings takes the side of another printed statement."""
        return "printed" if any(self.worlds.sources[n] == "printed" for n in world) else "assumed"

    def _in_words(self, reading):
        """A reading as an assumption: what is assumed, what it changes, and its name."""
        rows = self.readings[self.readings["reading"] == reading]
        cells = ", ".join(
            f"patient {row.patient_id}: {row.name} {row.value or 'not known'}"
            for row in rows.itertuples(index=False)
            if row.patient_id
        )
        where = rows["where"].iloc[0]
        return f"{cells} ({where}; reading {reading})" if cells else f"{where} (reading {reading})"

    def _pin(self, held, patient, column, value, step, limit):
        """Move a cell until a claim breaks: the last value that holds, and what broke."""
        last = value
        for count in range(1, _MOST_STEPS + 1):
            moved = round(value + count * step, 6)
            if limit is not None and (moved - limit) * step > 0:
                return last, []
            if broken := self._broken(held, patient, column, moved):
                return last, broken
            last = moved
        return pd.NA, []

    def _broken(self, held, patient, column, moved):
        """The claims that no longer agree with one cell moved."""
        values, broken = {}, []
        for name, judged, world in held:
            function = judged.function
            if (function, world) not in values:
                patients = (self.worlds.under(world) if world else self.patients).copy()
                if patient in patients.index:
                    patients.at[patient, column] = moved
                values[function, world] = self._evaluate(function, world, patients)
            value = values[function, world]
            value = value if judged.key is None else value[judged.key]
            rule = self._compared(value, self.claims.loc[name]).rule
            if not _agrees(rule) or (judged.results[world].rule in _PLAIN and rule not in _PLAIN):
                broken.append(name)
        return broken

    def _refuse_bad_reasons(self, names):
        """Raise what is wrong with the reasons of these claims."""
        self._settle()
        if problems := [self._problems[name] for name in names if name in self._problems]:
            raise LedgerError("\n".join(problems))

    def _unknown_names(self):
        """Yield what the reasons of claims name and nobody knows."""
        for claim_id, claim in self.claims.iterrows():
            for item in _items(claim["against"]):
                if not self._known(item):
                    yield f"{claim_id}: against: no claim, cell or reading {item!r}"
            for item in _items(claim["assuming"]):
                if item not in self.worlds.cells:
                    yield f"{claim_id}: assuming: no reading {item!r}"

    def _known(self, item):
        """Whether an item names a claim, a cell of the patients or a reading."""
        if match := _CELL.fullmatch(item):
            patients = self.patients
            return match["patient"] in patients.index and match["column"] in patients.columns
        return item in self.claims.index or item in self.worlds.cells


class _Entry(NamedTuple):
    """One claim of a function that gives several: the function, and the key of the claim."""

    function: object
    key: object


class _Result(NamedTuple):
    """A claim under readings: the rule by which it agrees (None: it does not), and why."""

    rule: str | None
    text: str
    assumed: str = ""
    because: str = ""
    values: object = None


@dataclass(frozen=True)
class _Judged:
    """What a claim's function gives as printed and under readings."""

    function: object
    key: object
    reasons: dict
    results: dict
    capped: bool

    @property
    def rule(self):
        """The rule by which it agrees as printed."""
        return self.results[_AS_PRINTED].rule

    @cached_property
    def reads(self):
        """The readings that matter to it."""
        return frozenset(name for world in self.results for name in world)

    def fewest(self):
        """The smallest sets of readings under which it agrees."""
        agreeing = [world for world in self.results if self.holds(world)]
        least = min(map(len, agreeing), default=0)
        return [world for world in agreeing if len(world) == least]

    def holds(self, world, *, default=False):
        """Whether it agrees under readings; `default` where they cannot be true together."""
        result = self.results.get(world & self.reads)
        return default if result is None else _agrees(result.rule)


def _agrees(rule):
    """Whether a rule of rounding leads from the value to what is printed."""
    return rule not in (None, _UNKNOWN, _NOTHING)


def _together(world):
    """Readings as one name."""
    return " + ".join(sorted(world)) or "as printed"


def _items(text):
    """The items of a cell that are separated by semicolons."""
    return [item for item in re.split(r";\s*", text.strip()) if item]


def _same(one, other):
    """Whether two results of a function are the same."""
    if isinstance(one, pd.Series | pd.DataFrame):
        return type(one) is type(other) and one.equals(other)
    if pd.api.types.is_scalar(one) and pd.isna(one):
        return pd.api.types.is_scalar(other) and pd.isna(other)
    same = one == other
    return (
        bool(same) if pd.api.types.is_scalar(same) and not pd.isna(same) else str(one) == str(other)
    )


def _read_discrepancies(path, ledger):
    """Read a paper's discrepancies, and refuse each that names what is not there."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise LedgerError(f"{path}: cannot be read as a UTF-8 CSV file: {error}") from error
    columns = ["id", "title", "sides", "matters", "settle"]
    if frame.columns.tolist() != columns:
        raise LedgerError(f"{path}, line 1: the columns are {', '.join(columns)}")
    frame["sides"] = [[_items(side) for side in text.split("|")] for text in frame["sides"]]
    problems = []
    for line, row in enumerate(frame.itertuples(), start=2):
        unknown = [item for side in row.sides for item in side if not ledger._known(item)]
        for wrong, problem in (
            (unknown, f"no claim, cell or reading {', '.join(map(repr, unknown))}"),
            (len(row.sides) < 2 or not all(row.sides), "name two sides, with | between them"),
            (row.matters not in _MATTERS, f"matters {row.matters!r}: write {', '.join(_MATTERS)}"),
            (not row.title or not row.settle, "a title, and what would settle it"),
            ((frame["id"] == row.id).sum() > 1, f"id {row.id!r} stands twice"),
        ):
            if wrong:
                problems.append(f"line {line}: {problem}")
    if problems:
        raise LedgerError(f"{path}: " + "; ".join(problems))
    frame["readings"] = [_readings_of(sides, ledger) for sides in frame["sides"]]
    rank = frame["matters"].map(_MATTERS.index)
    return frame.loc[rank.sort_values(kind="stable").index].reset_index(drop=True)


def _readings_of(sides, ledger):
    """The readings that a discrepancy names, or that change a cell which it names."""
    items = {item for side in sides for item in side}
    matches = [match for item in items if (match := _CELL.fullmatch(item))]
    cells = {(match["patient"], match["column"]) for match in matches}
    worlds = ledger.worlds
    return [n for n, changed in worlds.cells.items() if n in items or cells & changed.keys()]


def _read_facts(path):
    """Read a facts.csv as claims, by id the columns of a claims file; none where there is none."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {row["id"]: _as_claim({k: v or "" for k, v in row.items()}) for row in rows}


def _as_claim(fact):
    """A printed aggregate as a claim."""
    kind = _KIND_OF_FACT.get(fact["kind"], fact["kind"])
    printed, total = fact["value"], fact.get("total", "")
    if kind == "count" and printed.isdigit() and total:
        kind, printed = "fraction", f"{printed}/{total}"
    elif kind in ("minimum", "maximum"):
        kind = "text" if "-" in printed else "measure"  # a month
    topic = fact.get("variable") or fact.get("endpoint") or "patients"
    words = [topic + (f": {fact['level']}" if fact.get("level") else "")]
    words += [] if fact["kind"] in ("n", "count") else [fact["kind"]]
    words += [f"at {fact['at']}"] if fact.get("at") else []
    statement = f"{', '.join(words)} ({fact.get('group') or 'all'})".replace("_", " ")
    claim = {"place": fact.get("place", ""), "printed": printed, "unit": fact.get("unit", "")}
    return claim | {"statement": statement[0].upper() + statement[1:], "kind": kind}


def _read_claims(path, facts=()):
    """Read a claims file as text, indexed by id, and refuse it with every problem in it."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LedgerError(f"{path}: cannot be read as a UTF-8 CSV file: {error}") from error
    header = reader.fieldnames or []
    if missing := [column for column in _COLUMNS if column not in header]:
        raise LedgerError(f"{path}, line 1: column {', '.join(missing)} is missing")
    ids = [row["id"] for _, row in rows]
    problems = []
    for position, (line, row) in enumerate(rows):
        if (fact := dict(facts).get(row["id"])) and None not in row.values():
            row |= {name: row[name] or text for name, text in fact.items()}
            if fact["printed"].split("/")[0].casefold() not in row["printed"].casefold():
                problems.append(f"line {line}: printed: facts.csv has {fact['printed']!r}")
        found = _problems(row, len(header), ids[:position])
        problems += [f"line {line}: {problem}" for problem in found]
    if problems:
        raise LedgerError(f"{path}: " + "; ".join(problems))
    rows = [row for _, row in rows]
    rows += [{"id": name, **fact} for name, fact in dict(facts).items() if name not in ids]
    claims = pd.DataFrame(rows, columns=[*_COLUMNS, *_REASONS], dtype=object)
    return claims.fillna("").set_index("id")


def _problems(row, width, before):
    """Say what is wrong with one row of a claims file."""
    if None in row or None in row.values():
        yield f"the header has {width} fields, this row has more or fewer"
        return
    if not _ID.fullmatch(row["id"]):
        yield f"id {row['id']!r} must be lower-case letters, digits, hyphens and underscores"
    if row["id"] in before:
        yield f"id {row['id']!r} stands twice"
    try:
        list(string.Formatter().parse(row.get("because", "")))
    except ValueError as error:
        yield f"because: {error}; a brace that is no field is written twice"
    if row["kind"] not in _KINDS:
        yield f"kind {row['kind']!r} is none of {', '.join(sorted(_KINDS))}"
        return
    try:
        _parsed(row["printed"], row["kind"])
    except ValueError as error:
        yield f"printed: {error}"


def _parsed(text, kind):
    """Turn a printed cell into what its kind compares."""
    if kind in ("text", "statement"):
        return text
    if kind == "fraction":
        if (match := _FRACTION.fullmatch(text.strip())) is None:
            raise ValueError(f"{text!r} is not a count, its total and share such as 22/63 (35)")
        return int(match["count"]), int(match["total"]) if match["total"] else None
    if kind == "patients":
        return sorted(re.findall(r"\d+", text), key=int)
    if kind in _PAIRS:
        ends = re.split(r"\s*(?:-|–|—|\bto\b|\band\b)\s*", text.strip())
        if len(ends) != 2:
            raise ValueError(f"{text!r} is not a pair such as 22-78")
        return tuple(Printed.parse(end) for end in ends)
    number = Printed.parse(text)
    exact = kind in _EXACT and number.is_integer() and not number.comparator
    return int(number) if exact else number


def _compare(value, claim):
    """By which rule a value agrees with a claim (None: it does not), and the value as text."""
    kind, printed = claim["kind"], _parsed(claim["printed"], claim["kind"])
    if kind == "statement":
        if pd.isna(value):
            return _NOTHING, "not supported"
        return ("half up", "supported") if value else (None, "impossible")
    value = _of_patients(value, kind, claim.name)
    if kind == "text":
        return ("half up" if str(value) == printed else None), str(value)
    if kind == "patients":
        numbers = sorted(map(str, value), key=int)
        return ("half up" if numbers == printed else None), ", ".join(numbers) or "none"
    if kind == "fraction":
        count, total = map(int, value)
        share = _FRACTION.fullmatch(claim["printed"].strip())["share"]
        rule = agreement(Fraction(count, total), f"{share}%") if share else "half up"
        agrees = count == printed[0] and printed[1] in (None, total)
        return (rule if agrees else None), print_share(count, total, 1)
    if kind in _PAIRS:
        if len(ends := tuple(value)) != 2:
            raise LedgerError(f"claim {claim.name!r} needs a pair, found {value!r}")
        rules = [agreement(end, limit) for end, limit in zip(ends, printed, strict=True)]
        text = " to ".join(_as_text(end, p) for end, p in zip(ends, printed, strict=True))
        worst = next((rule for rule in rules if rule not in ("half up", "inequality")), rules[0])
        return (None if None in rules else worst), text
    if kind in _EXACT:
        number = pd.NA if pd.isna(value) else Fraction(value)
        rule = "half up" if number is not pd.NA and number == Fraction(printed) else None
        return rule, print_number(value, 0 if number is pd.NA or number.denominator == 1 else 1)
    if isinstance(value, tuple):  # made from numbers that are rounded themselves
        low, high = value
        text = " to ".join(dict.fromkeys(_as_text(end, printed) for end in value))
        if agreement(low, printed) == agreement(high, printed) == "half up":
            return "half up", text
        overlaps = low <= printed.upper and high >= printed.lower
        return ("made from rounded numbers" if overlaps else None), text
    return agreement(value, printed), _as_text(value, printed)


def _of_patients(value, kind, claim_id):
    """Turn yes or no for each patient, or patient numbers, into what the kind compares."""
    if isinstance(value, pd.Series) and pd.api.types.is_bool_dtype(value.dtype):
        if len(unknown := value.index[value.isna()]):
            raise _NotKnown(
                f"claim {claim_id!r}: not known for patient {_in_words(unknown)}; "
                "say in readings.csv what is assumed",
                unknown,
            )
        if kind == "share":
            return value.mean()
        value = (value.sum(), len(value)) if kind == "fraction" else value.index[value]
    return len(value) if kind in _EXACT and isinstance(value, list | set | pd.Index) else value


def _as_text(value, printed):
    """One digit more than is printed, so that the reader sees how it was rounded."""
    if printed.percent:
        return print_number(100 * value, printed.decimals + 1) + "%"
    return print_number(value, printed.decimals + 1, missing="not reached")


def _fill(claim, fields, used):
    """Fill the fields of `because`, and note which were used."""
    parts = string.Formatter().parse(claim["because"])
    names = {re.split(r"[.\[]", name)[0] for _, name, _, _ in parts if name}
    if lacking := names - fields.keys():
        raise LedgerError(
            f"claim {claim.name!r}: `because` in claims.csv has the field "
            f"{', '.join(sorted(lacking))}: give it to check by this name"
        )
    used |= names
    return claim["because"].format_map({name: _in_words(fields[name]) for name in names})


def _in_words(value):
    """A collection as a sentence lists it: 2, 4 and 9."""
    if not isinstance(value, list | tuple | set | pd.Series | pd.Index):
        return value
    items = [str(item) for item in (sorted(value) if isinstance(value, set) else value)]
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]])) or "none"


def _as_measure(value):
    """A result as a card prints it: a share from 0 to 1, a number, or the text that it is."""
    if isinstance(value, str) or float(value).is_integer():
        return f"{value:g}" if not isinstance(value, str) else value
    return f"{value:.1%}" if 0 <= value <= 1 else f"{value:.1f}"


@dataclass(frozen=True)
class _Cards:
    """Discrepancies as a notebook displays them: slips of the record are folded."""

    cards: list

    def _repr_mimebundle_(self, include=None, exclude=None):
        open_ = [card for card in self.cards if card[1] != "record"]
        folded = [card for card in self.cards if card[1] == "record"]
        html = "".join(map(self._html, open_))
        if folded:
            count = f"{len(folded)} slip{'s' * (len(folded) > 1)} of the record"
            html += (
                f"<details><summary>{count}</summary>{''.join(map(self._html, folded))}</details>"
            )
        plain = [
            line
            for title, _, parts, _ in self.cards
            for line in (title, *(f"  {name}: {text}" for name, text in parts.items()))
        ]
        return {"text/html": html, "text/plain": "\n".join(plain)}

    @staticmethod
    def _html(card):
        title, matters, parts, picture = card
        rows = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in parts.items())
        drawn = picture._repr_mimebundle_()["text/html"] if picture is not None else ""
        return (
            f'<div class="vlms-discrepancy"><p><strong>{escape(title)}</strong> '
            f"<small>matters to the {matters}</small></p>{drawn}<dl>{rows}</dl></div>"
        )


@dataclass(frozen=True)
class _View:
    """A ledger, or part of it, as a notebook displays it and a report takes it over."""

    paper: str
    frame: pd.DataFrame
    whole: bool

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/html": self._html(), "text/plain": self.frame.to_string(index=False)}
        if self.whole:
            published = self.frame.rename(columns={"place": "section"})
            claims = published.to_dict(orient="records")
            bundle[LEDGER_MIME] = {"paper": self.paper, "claims": claims}
        return bundle

    def _html(self):
        plain = self.frame["verdict"] == "reproduced"
        if self.whole or not plain.any():
            return self._table(self.frame)
        folded = (
            f"<details><summary>{plain.sum()} of {len(plain)} reproduced</summary>"
            f"{self._table(self.frame[plain])}</details>"
        )
        return folded if plain.all() else self._table(self.frame[~plain]) + folded

    def _table(self, frame):
        names = ("Printed", "Statement", "Recomputed", "Verdict", "Reasoning")
        head = "".join(f'<th scope="col">{name}</th>' for name in names)
        rows, why = [], ("verdict", *_REASONS)
        for key, group in groupby(frame.to_dict(orient="records"), key=itemgetter(*why)):
            claims = list(group)
            together = not self.whole and any(key[1:])  # one row for claims with one reasoning
            rows += [self._row(claims)] if together else [self._row([claim]) for claim in claims]
        name = "The whole ledger" if self.whole else "Verdicts"
        return (
            f'<div class="table-scroll" tabindex="0" role="region" aria-label="{name}">'
            f'<table class="{"vlms-ledger" if self.whole else "vlms-verdicts"}">'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )

    def _row(self, claims):
        """Claims that share verdict and reasoning, as one row."""
        claims = [{name: escape(text) for name, text in claim.items()} for claim in claims]
        first, own = claims[0], "ledger" if self.whole else "claim"
        reasons = (
            first["assuming"] and f"Assuming {first['assuming']}.",
            first["against"] and f"Against {first['against']}.",
            first["because"],
        )
        if len(claims) == 1:
            what = (
                f'<th scope="row">{_with_unit(first)}</th><td>{self._says(first)}</td>'
                f"<td>{first['recomputed']}</td>"
            )
        else:
            items = "".join(
                f'<li id="{own}-{claim["id"]}"><b>{_with_unit(claim)}</b> {self._says(claim)} '
                f"{claim['recomputed']}</li>"
                for claim in claims
            )
            what = f'<td colspan="3"><ul>{items}</ul></td>'
        here = f' id="{own}-{first["id"]}"' if len(claims) == 1 else ""
        return (
            f'<tr{here} data-verdict="{first["verdict"]}" data-section="{first["place"]}">{what}'
            f"<td>{verdict_badge(first['verdict'])}</td>"
            f'<td class="why">{" ".join(str(reason) for reason in reasons if reason)}</td></tr>'
        )

    def _says(self, claim):
        """The statement, where it stands, and a link to its other place in the report."""
        there, name = ("claim", "derivation") if self.whole else ("ledger", "ledger")
        link = f'<a href="#{there}-{claim["id"]}">{name}</a>'
        return f"{claim['statement']} <small>({claim['place']}; {link})</small>"


def _with_unit(claim):
    """A printed number and its unit."""
    return f"{claim['printed']} {claim['unit'] if claim['unit'] != '%' else ''}".strip()
