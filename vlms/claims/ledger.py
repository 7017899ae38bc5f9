"""The claims of one paper, and the verdicts given so far."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from vlms.claims.claims_file import LedgerError, read_claims
from vlms.claims.comparison import NOTHING, OF_FINDING, compare, verdict_of
from vlms.claims.ledger_view import LedgerView
from vlms.cohort import paper_folder
from vlms.consistency import Finding
from vlms.verdicts import VERDICTS


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
        return cls(paper, read_claims(path))

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
            rule, recomputed = OF_FINDING[value.verdict], value.statement
            because = because or value.arithmetic or value.statement
            if value.verdict != "undetermined":
                assuming = assuming or "; ".join(value.assumptions)
        elif value is None:
            rule, recomputed = NOTHING, ""
        else:
            rule, recomputed = compare(value, claim, claim_id)
        verdict = verdict_of(claim_id, claim, rule, recomputed, assuming, against, because)
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
