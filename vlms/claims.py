"""The ledger: every number a paper prints, the value recomputed for it, and a verdict.

A claim is one printed number about the paper's own cohort (``data/<paper>/claims.csv``). A
notebook recomputes it and calls :meth:`Ledger.check`; the verdict follows from the comparison and
is never typed:

========================  ==========================================================
reproduced                the recomputed value rounds to what is printed
rounding                  it agrees only by another rounding rule, or is one unit off
conditional               it agrees only under an assumption that the paper does not state
contradicted              it cannot hold together with something else that is printed
not checkable             nothing published allows a check
========================  ==========================================================

A claim of contradiction must name the other side and the arithmetic, and is refused when the
numbers in fact agree. A ledger with a claim left over cannot be published.
"""

import csv
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pandas as pd
from markupsafe import escape

from vlms.cohort import paper_folder
from vlms.findings import Finding
from vlms.rounding import Printed, agreement, print_number, print_share

VERDICTS = ("reproduced", "rounding", "conditional", "contradicted", "not checkable")
COLUMNS = ("id", "section", "statement", "printed", "unit", "kind")
LEDGER_MIME = "application/vnd.vlms.ledger+json"

_EXACT = {"count", "year"}
_PAIRS = {"range", "limits"}
_ROUNDED = {"share", "mean", "sd", "median", "survival", "hazard_ratio", "p", "measure"}
KINDS = frozenset(_EXACT | _PAIRS | _ROUNDED | {"fraction", "patients", "text"})
_FRACTION = re.compile(
    r"(?P<count>\d+)(?:\s*(?:/|of)\s*(?P<total>\d+))?\s*(?:\((?P<share>[\d.]+)%?\))?"
)

_FINDING_RULES = {
    "consistent": "half up",
    "rounding": "truncated or one unit off",
    "contradictory": None,
    "undetermined": "nothing to compare",
}
_SIGNS = dict(zip(VERDICTS, "✓≈◐✗?", strict=True))


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
        One row a claim, indexed by id: section, statement, printed, unit, kind (all text).
    """

    paper: str
    claims: pd.DataFrame
    _verdicts: dict = field(default_factory=dict)
    _shown: set = field(default_factory=set)

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
            If a column is missing, an id repeats, or a printed number cannot be read; the message
            names file and line.

        Examples
        --------
        >>> ledger = Ledger.open("tilkorn2010")
        >>> ledger.check("patients", 12)
        >>> ledger.frame.loc[ledger.frame["id"] == "patients", "verdict"].item()
        'reproduced'
        """
        path = Path(path) if path is not None else paper_folder(paper) / "claims.csv"
        return cls(paper, _read_claims(path))

    def check(self, claim_id, value=None, *, assuming=None, against=None, because=None):
        """Compare a recomputed value with what is printed and enter the verdict.

        Parameters
        ----------
        claim_id : str
            An id of the claims file.
        value : number, pair, collection of int, str or Finding, optional
            The recomputed value: a number (a share from 0 to 1), a pair for a range or limits, a
            count and its total for a fraction, the patient numbers for a list of patients, or a
            finding of ``vlms.consistency``. Left out where nothing published allows a check.
        assuming : str, optional
            What must be assumed for the verdict to hold, where the paper does not say it.
        against : str or sequence of str, optional
            What a contradicted claim cannot be true together with: ids of other claims, or words.
        because : str, optional
            The arithmetic of a contradiction; the reason why a claim cannot be checked.

        Raises
        ------
        LedgerError
            If the claim is unknown or has a verdict already; if the value disagrees and no other
            side is named; if a contradiction is claimed where the numbers agree.
        """
        claim = self._open_claim(claim_id)
        if isinstance(value, Finding):
            rule, recomputed = _FINDING_RULES[value.verdict], value.statement
            because = because or value.arithmetic or value.statement
            if value.verdict != "undetermined":
                assuming = assuming or "; ".join(value.assumptions)
        elif value is None:
            rule, recomputed = "nothing to compare", ""
        else:
            rule, recomputed = _compare(value, claim, claim_id)
        verdict = _verdict(claim_id, claim, rule, recomputed, assuming, against, because)
        if verdict == "rounding":
            because = because or f"agrees when {rule}"
        self._verdicts[claim_id] = {
            "recomputed": recomputed,
            "verdict": verdict,
            "assuming": assuming or "",
            "against": "; ".join([against] if isinstance(against, str) else against or []),
            "because": because or "",
        }

    def check_all(self, values, *, assuming=None, against=None, because=None):
        """Check several claims that share one line of reasoning.

        Parameters
        ----------
        values : mapping or pandas.Series or iterable of str
            Recomputed value by claim id; only ids where nothing can be checked.
        assuming, against, because : str, optional
            As in :meth:`check`, the same for all.
        """
        reasoning = {"assuming": assuming, "against": against, "because": because}
        pairs = values.items() if hasattr(values, "items") else ((name, None) for name in values)
        for claim_id, value in pairs:
            self.check(claim_id, value, **reasoning)

    @property
    def frame(self):
        """The ledger so far: id, section, statement, printed, unit, kind, recomputed, verdict,
        assuming, against, because; the last five are empty where no verdict was given yet."""
        verdicts = pd.DataFrame.from_dict(
            self._verdicts,
            orient="index",
            columns=["recomputed", "verdict", "assuming", "against", "because"],
            dtype=object,
        )
        return self.claims.join(verdicts).fillna("").rename_axis("id").reset_index()

    @property
    def counts(self):
        """How many claims have each verdict: verdict, n."""
        n = self.frame["verdict"].value_counts().reindex(VERDICTS, fill_value=0)
        return n.rename_axis("verdict").rename("n").reset_index()

    def show(self):
        """Show the verdicts given since the last call, one row a claim.

        Returns
        -------
        LedgerView
            Displays as a table in which each row can be linked to as ``#claim-<id>``.
        """
        new = [claim_id for claim_id in self._verdicts if claim_id not in self._shown]
        self._shown.update(new)
        frame = self.frame.set_index("id", drop=False).loc[new]
        return LedgerView(self.paper, frame, whole=False)

    def publish(self):
        """Show the whole ledger, and hand it to the report.

        Returns
        -------
        LedgerView

        Raises
        ------
        LedgerError
            If a claim has no verdict.
        """
        frame = self.frame
        left = frame.loc[frame["verdict"] == "", "id"].tolist()
        if left:
            raise LedgerError(
                f"{len(left)} claims of {self.paper} have no verdict: {', '.join(left)}; "
                "check each, or say with `because` why it cannot be checked"
            )
        return LedgerView(self.paper, frame, whole=True)

    def _open_claim(self, claim_id):
        if claim_id not in self.claims.index:
            raise LedgerError(f"{self.paper} has no claim {claim_id!r}; see claims.csv")
        if claim_id in self._verdicts:
            raise LedgerError(f"claim {claim_id!r} of {self.paper} was checked before")
        return self.claims.loc[claim_id]


@dataclass(frozen=True)
class LedgerView:
    """A ledger, or part of it, as a notebook displays it."""

    paper: str
    frame: pd.DataFrame
    whole: bool

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/html": self._html(), "text/plain": self.frame.to_string(index=False)}
        if self.whole:
            claims = self.frame.to_dict(orient="records")
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
        anchor = f"claim-{claim['id']}"
        place = f'data-verdict="{claim["verdict"]}" data-section="{claim["section"]}"'
        here, there = (
            (f"ledger-{claim['id']}", anchor) if self.whole else (anchor, f"ledger-{claim['id']}")
        )
        row = f'<tr id="{here}" {place}>'
        link = f'<a href="#{there}">{"derivation" if self.whole else "ledger"}</a>'
        reasons = [
            claim["assuming"] and f"Assuming {claim['assuming']}.",
            claim["against"] and f"Against {claim['against']}.",
            claim["because"],
            link,
        ]
        cells = (
            f"{claim['statement']} <small>({claim['section']})</small>",
            claim["recomputed"],
            verdict_badge(claim["verdict"]),
            " ".join(str(reason) for reason in reasons if reason),
        )
        body = "".join(f"<td>{cell}</td>" for cell in cells)
        unit = f" {claim['unit']}" if claim["unit"] not in ("", "%") else ""
        return f'{row}<th scope="row">{claim["printed"]}{unit}</th>{body}</tr>'


def verdict_badge(verdict):
    """Return the HTML badge of a verdict: a sign and the word, so that colour is not needed.

    Parameters
    ----------
    verdict : str
        One of :data:`VERDICTS`.

    Returns
    -------
    str

    Examples
    --------
    >>> verdict_badge("rounding")
    '<span class="verdict verdict-rounding"><span aria-hidden="true">≈</span> rounding</span>'
    """
    name = verdict.replace(" ", "-")
    sign = f'<span aria-hidden="true">{_SIGNS[verdict]}</span>'
    return f'<span class="verdict verdict-{name}">{sign} {verdict}</span>'


def _read_claims(path):
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
        _printed(row["printed"], row["kind"])
    except ValueError as error:
        yield f"printed: {error}"


def _printed(text, kind):
    """The printed cell as what its kind compares: Printed, two of them, numbers or text."""
    if kind == "text":
        return text
    if kind == "fraction":
        if (match := _FRACTION.fullmatch(text.strip())) is None:
            raise ValueError(f"{text!r} is not a count, its total and share such as 22/63 (35)")
        return match.groupdict()
    if kind == "patients":
        return sorted(int(number) for number in re.findall(r"\d+", text))
    if kind in _PAIRS:
        ends = re.split(r"\s*(?:-|–|—|\bto\b|\band\b)\s*", text.strip())
        if len(ends) != 2:
            raise ValueError(f"{text!r} is not a pair such as 22-78")
        return tuple(Printed.parse(end) for end in ends)
    return Printed.parse(text)


def _compare(value, claim, claim_id):
    """By which rule a value agrees with a claim (None: it does not), and the value as text."""
    printed, kind = _printed(claim["printed"], claim["kind"]), claim["kind"]
    if kind == "text":
        return ("half up" if str(value) == printed else None), str(value)
    if kind == "patients":
        numbers = sorted(int(number) for number in value)
        text = ", ".join(map(str, numbers)) or "none"
        return ("half up" if numbers == printed else None), text
    if kind == "fraction":
        return _compare_fraction(value, printed)
    if kind in _PAIRS:
        ends = tuple(value)
        if len(ends) != 2:
            raise LedgerError(f"claim {claim_id!r} needs a pair, found {value!r}")
        rules = [agreement(end, limit) for end, limit in zip(ends, printed, strict=True)]
        text = " to ".join(_as_text(end, p) for end, p in zip(ends, printed, strict=True))
        worst = next((rule for rule in rules if rule not in ("half up", "inequality")), rules[0])
        return (None if None in rules else worst), text
    if kind in _EXACT:
        agrees = Fraction(value) == Fraction(printed.value)
        return ("half up" if agrees else None), print_number(value, 0 if value == int(value) else 1)
    return agreement(value, printed), _as_text(value, printed)


def _compare_fraction(value, printed):
    """A pair of count and total against ``22/63 (35)``: the counts exactly, the share rounded."""
    count, total = (int(part) for part in value)
    text = print_share(count, total, 1)
    if count != int(printed["count"]) or total != int(printed["total"] or total):
        return None, text
    if printed["share"] is None:
        return "half up", text
    return agreement(Fraction(count, total), f"{printed['share']}%"), text


def _as_text(value, printed):
    """One digit more than is printed, so that the reader sees how it was rounded."""
    if printed.percent:
        return print_number(100 * value, printed.decimals + 1) + "%"
    return print_number(value, printed.decimals + 1, missing="not reached")


def _verdict(claim_id, claim, rule, recomputed, assuming, against, because):
    if rule == "nothing to compare":
        if not because or against or assuming:
            raise LedgerError(
                f"claim {claim_id!r}: a claim that cannot be checked needs the reason, "
                "`because=…`, and nothing else"
            )
        return "not checkable"
    if rule is None:
        if not (against and because):
            raise LedgerError(
                f"claim {claim_id!r}: printed {claim['printed']!r}, recomputed {recomputed!r}: "
                "name what contradicts it, `against=…`, and the arithmetic, `because=…`"
            )
        return "contradicted"
    if against:
        raise LedgerError(
            f"claim {claim_id!r}: printed {claim['printed']!r} agrees with {recomputed!r} "
            f"({rule}), so nothing contradicts it; leave out `against`"
        )
    if assuming:
        return "conditional"
    return "reproduced" if rule in ("half up", "inequality") else "rounding"
