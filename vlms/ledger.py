"""The ledger: every number a paper prints, the value recomputed for it, and a verdict.

A claim is one printed number about the paper's own cohort, a row of ``data/<paper>/claims.csv``:

============  =============================================================================
id            lower-case letters, digits and hyphens
place         where in the paper it stands: ``abstract; table 1``
statement     what it says, in our words
printed       the number as text, so that a trailing zero counts
unit, kind    the kind says how a recomputed value is compared with what is printed (below)
against       where the numbers disagree: what else is printed that cannot be true as well
assuming      what must be assumed for them to agree, where the paper does not say it
because       the arithmetic of a contradiction; the reason why a claim cannot be checked
============  =============================================================================

- ``count``, ``year``: exactly; 11 patients are not twelve by any rounding;
- ``share, mean, sd, median, survival, hazard_ratio, p, measure``: by rounding;
- ``range``, ``limits``: both ends by rounding (``22-78``);
- ``fraction``: counts exactly, the share by rounding (``22/63 (35)``);
- ``patients``: a list of patient numbers; ``text``: to the letter.

`Ledger.check` takes a function for each claim; the verdict (`vlms.printed`) follows from what it
returns. Nobody types a verdict: a contradiction is refused where the numbers agree, an assumption
does not excuse a value that disagrees, and a ledger with a claim left over cannot be published.
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
from pathlib import Path

import pandas as pd
from markupsafe import escape

from vlms.cohort import paper_folder, read_paper
from vlms.consistency import Finding
from vlms.printed import VERDICTS, Printed, agreement, print_number, print_share, verdict_badge

LEDGER_MIME = "application/vnd.vlms.ledger+json"

_EXACT = {"count", "year"}
_PAIRS = {"range", "limits"}
_ROUNDED = {"share", "mean", "sd", "median", "survival", "hazard_ratio", "p", "measure"}
_KINDS = _EXACT | _PAIRS | _ROUNDED | {"fraction", "patients", "text"}

_REASONS = ("against", "assuming", "because")
_COLUMNS = ("id", "place", "statement", "printed", "unit", "kind")
_FRACTION = re.compile(
    r"(?P<count>\d+)(?:\s*(?:/|of)\s*(?P<total>\d+))?\s*(?:\((?P<share>[\d.]+)%?\))?"
)
_NOTHING = "nothing to compare"
_OF_FINDING = {
    "consistent": "half up",
    "rounding": "truncated or one unit off",
    "contradictory": None,
    "undetermined": _NOTHING,
}


class LedgerError(ValueError):
    """A claims file that cannot be read, or a verdict that its numbers do not support."""


@dataclass
class Ledger:
    """The claims of one paper and the verdicts given so far.

    Attributes
    ----------
    paper : str
        The stem of the paper, as in ``data/<paper>/``.
    claims : pandas.DataFrame
        One row a claim, indexed by id: the columns of the file, all text.
    """

    paper: str
    claims: pd.DataFrame
    _verdicts: dict = field(default_factory=dict, repr=False)
    _shown: set = field(default_factory=set, repr=False)

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
        path = Path(path) if path is not None else paper_folder(paper) / "claims.csv"
        return cls(paper, _read_claims(path))

    @cached_property
    def patients(self):
        """The patients as the paper prints them, indexed by patient number."""
        patients = read_paper(self.paper).patients
        return patients.set_index("patient_id", drop=False).rename_axis(None)

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
            printed values, ``lambda printed: …``, or of both; or the value itself. A value is a
            number (a share from 0 to 1), a pair for a range or limits, count and total for a
            fraction, patient numbers, or a finding of `vlms.consistency`. Yes or no for each
            patient, ``p["sex"] == "f"``, and patient numbers are counted for a count; yes or no
            gives the share for a share, and is listed for a list of patients. An id with a ``*``
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
            If a claim is unknown or has a verdict already; if a value disagrees and the file does
            not name the other side, or names one where the numbers agree; if a field has no value
            or a value no field. Nothing is entered then.

        Examples
        --------
        >>> ledger = Ledger.open("tilkorn2010")
        >>> ledger.check({
        ...     "vascular-share-of-tumours": lambda p, printed:
        ...         len(p) / printed["soft-tissue-tumours"],
        ...     "age-*": lambda p: p["age_years"],
        ... })
        >>> ledger.check(["soft-tissue-tumours", "n-stage-*"])
        >>> ledger.counts.set_index("verdict")["n"][["reproduced", "not checkable"]].tolist()
        [13, 12]
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
        self._verdicts |= found

    @property
    def frame(self):
        """The ledger so far: id, place, statement, printed, unit, kind, recomputed, verdict,
        assuming, against, because; the last five are empty where no verdict was given yet."""
        columns = ["recomputed", "verdict", "assuming", "against", "because"]
        given = pd.DataFrame.from_dict(
            self._verdicts, orient="index", columns=columns, dtype=object
        )
        claims = self.claims.drop(columns=list(_REASONS))
        return claims.join(given).fillna("").rename_axis("id").reset_index()

    @property
    def counts(self):
        """How many claims have each verdict: verdict, n."""
        n = self.frame["verdict"].value_counts().reindex(VERDICTS, fill_value=0)
        return n.rename_axis("verdict").rename("n").reset_index()

    def show(self):
        """Show the verdicts given since the last call, one row a claim.

        Returns
        -------
        object
            Displays as a table in which each row can be linked to as ``#claim-<id>``.
        """
        new = [claim_id for claim_id in self._verdicts if claim_id not in self._shown]
        self._shown.update(new)
        return _View(self.paper, self.frame.set_index("id", drop=False).loc[new], whole=False)

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
        frame = self.frame
        if left := frame.loc[frame["verdict"] == "", "id"].tolist():
            raise LedgerError(
                f"{len(left)} claims of {self.paper} have no verdict: {', '.join(left)}; "
                "check each, or say in claims.csv, in `because`, why it cannot be checked"
            )
        return _View(self.paper, frame, whole=True)

    def _evaluate(self, value, patients=None):
        """Call a function with what it asks for, under a reading if given; else it is the value."""
        if not callable(value):
            return value
        given = {"printed": self.printed}
        asked = [p for p in inspect.signature(value).parameters.values() if p.default is p.empty]
        if any(p.name not in given for p in asked):
            patients = self.patients if patients is None else patients
        if (result := value(*(given.get(p.name, patients) for p in asked))) is None:
            raise LedgerError(f"{value.__name__} returns None; it must return a value")
        return result

    def _listed(self, claims):
        """List id and value of each claim that a check names, `*` spelled out."""
        if not isinstance(claims, Mapping):
            claims = dict.fromkeys([claims] if isinstance(claims, str) else claims)
        for name, value in claims.items():
            if "*" not in name:
                yield name, value
            elif value is None:
                matching = fnmatch.filter(self.claims.index, name)
                if not (left := [each for each in matching if each not in self._verdicts]):
                    raise LedgerError(f"{self.paper} has no open claim {name!r}; see claims.csv")
                yield from dict.fromkeys(left).items()
            else:
                value = self._evaluate(value)
                if not isinstance(value, Mapping | pd.Series):
                    raise LedgerError(f"{name!r} needs a Series, a value a claim, found {value!r}")
                yield from ((name.replace("*", str(key)), each) for key, each in value.items())

    def _judge(self, claim_id, value, fields, used):
        """Return the entry of one claim: its value as text, the verdict and the reasons."""
        if claim_id not in self.claims.index:
            raise LedgerError(f"{self.paper} has no claim {claim_id!r}; see claims.csv")
        if claim_id in self._verdicts:
            raise LedgerError(
                f"claim {claim_id!r} of {self.paper} was checked before; if you ran this cell "
                "again, run the notebook from the cell that opens the ledger"
            )
        claim, of_finding, value = self.claims.loc[claim_id], {}, self._evaluate(value)
        if isinstance(value, Finding):
            rule, recomputed = _OF_FINDING[value.verdict], value.statement
            of_finding["because"] = value.arithmetic or value.statement
            if value.verdict != "undetermined":
                of_finding["assuming"] = "; ".join(value.assumptions)
            fields = fields | {"statement": value.statement, "arithmetic": value.arithmetic}
            fields |= {"assumptions": "; ".join(value.assumptions), "values": value.values}
        elif value is None:
            rule, recomputed = _NOTHING, ""
        else:
            rule, recomputed = _compare(value, claim)
        reasons = {"against": claim["against"]}
        for name in ("assuming", "because"):
            text = _fill(claim, name, fields | {"recomputed": recomputed}, used)
            reasons[name] = text or of_finding.get(name, "")
        verdict = _verdict(claim, rule, recomputed, **reasons)
        if verdict == "rounding" and not reasons["because"]:
            reasons["because"] = f"agrees when {rule}"
        return {"recomputed": recomputed, "verdict": verdict, **reasons}


def _read_claims(path):
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
    problems = [
        f"line {line}: {problem}"
        for position, (line, row) in enumerate(rows)
        for problem in _problems(row, len(header), ids, position)
    ]
    if problems:
        raise LedgerError(f"{path}: " + "; ".join(problems))
    claims = pd.DataFrame([row for _, row in rows], columns=[*_COLUMNS, *_REASONS], dtype=object)
    return claims.fillna("").set_index("id")


def _problems(row, width, ids, position):
    """Say what is wrong with one row of a claims file."""
    if None in row or None in row.values():
        yield f"the header has {width} fields, this row has more or fewer"
        return
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["id"]):
        yield f"id {row['id']!r} must be lower-case letters, digits and hyphens"
    if row["id"] in ids[:position]:
        yield f"id {row['id']!r} stands twice"
    for name in re.split(r";\s*", row.get("against", "")):
        if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name) and name not in ids:
            yield f"against: no claim {name!r}"
    for name in ("assuming", "because"):
        try:
            list(string.Formatter().parse(row.get(name, "")))
        except ValueError as error:
            yield f"{name}: {error}; a brace that is no field is written twice"
    if row["kind"] not in _KINDS:
        yield f"kind {row['kind']!r} is none of {', '.join(sorted(_KINDS))}"
        return
    try:
        _parsed(row["printed"], row["kind"])
    except ValueError as error:
        yield f"printed: {error}"


def _parsed(text, kind):
    """Turn a printed cell into what its kind compares."""
    if kind == "text":
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
    return agreement(value, printed), _as_text(value, printed)


def _of_patients(value, kind, claim_id):
    """Turn yes or no for each patient, or patient numbers, into what the kind compares."""
    if isinstance(value, pd.Series) and pd.api.types.is_bool_dtype(value.dtype):
        if len(unknown := value.index[value.isna()]):
            raise LedgerError(
                f"claim {claim_id!r}: not known for patient {_in_words(unknown)}; "
                "say in the function what is assumed, such as `.fillna(False)`"
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


def _fill(claim, column, fields, used):
    """Fill the fields of a reason, and note which were used."""
    parts = string.Formatter().parse(claim[column])
    names = {re.split(r"[.\[]", name)[0] for _, name, _, _ in parts if name}
    if lacking := names - fields.keys():
        raise LedgerError(
            f"claim {claim.name!r}: `{column}` in claims.csv has the field "
            f"{', '.join(sorted(lacking))}: give it to check by this name"
        )
    used |= names
    return claim[column].format_map({name: _in_words(fields[name]) for name in names})


def _in_words(value):
    """A collection as a sentence lists it: 2, 4 and 9."""
    if not isinstance(value, list | tuple | set | pd.Series | pd.Index):
        return value
    items = [str(item) for item in (sorted(value) if isinstance(value, set) else value)]
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]])) or "none"


def _verdict(claim, rule, recomputed, *, against, assuming, because):
    """Return the verdict that a rule leads to, and refuse reasoning that does not fit it."""
    what, where = f"claim {claim.name!r}: ", "in claims.csv"
    values = f"printed {claim['printed']!r}, recomputed {recomputed!r}"
    if rule == _NOTHING:
        if not because or against or assuming:
            raise LedgerError(
                f"{what}a claim that cannot be checked needs the reason, `because` {where}, "
                "and nothing else"
            )
        return "not checkable"
    if rule is None:
        if not (against and because):
            raise LedgerError(
                f"{what}{values}: name {where} what contradicts it, `against`, and the "
                "arithmetic, `because`"
            )
        return "contradicted"
    if against:
        raise LedgerError(
            f"{what}{values} ({rule}), so nothing contradicts it; leave `against` blank {where}"
        )
    if assuming:
        return "conditional"
    return "reproduced" if rule in ("half up", "inequality") else "rounding"


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
        names = ("Printed", "Statement", "Recomputed", "Verdict", "Reasoning")
        head = "".join(f'<th scope="col">{name}</th>' for name in names)
        rows = "".join(self._row(claim) for claim in self.frame.to_dict(orient="records"))
        name = "The whole ledger" if self.whole else "Verdicts"
        return (
            f'<div class="table-scroll" tabindex="0" role="region" aria-label="{name}">'
            f'<table class="{"vlms-ledger" if self.whole else "vlms-verdicts"}">'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def _row(self, claim):
        claim = {column: escape(text) for column, text in claim.items()}
        here, there = f"claim-{claim['id']}", f"ledger-{claim['id']}"
        if self.whole:
            here, there = there, here
        reasons = (
            claim["assuming"] and f"Assuming {claim['assuming']}.",
            claim["against"] and f"Against {claim['against']}.",
            claim["because"],
            f'<a href="#{there}">{"derivation" if self.whole else "ledger"}</a>',
        )
        cells = (
            f"{claim['statement']} <small>({claim['place']})</small>",
            claim["recomputed"],
            verdict_badge(claim["verdict"]),
            " ".join(str(reason) for reason in reasons if reason),
        )
        body = "".join(f"<td>{cell}</td>" for cell in cells)
        unit = f" {claim['unit']}" if claim["unit"] not in ("", "%") else ""
        return (
            f'<tr id="{here}" data-verdict="{claim["verdict"]}" data-section="{claim["place"]}">'
            f'<th scope="row">{claim["printed"]}{unit}</th>{body}</tr>'
        )
