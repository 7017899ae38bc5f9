# shim: removed at integration
"""The ledger under its old name, with the calls of one claim at a time beside the new ones."""

from vlms.ledger import LEDGER_MIME, LedgerError
from vlms.ledger import Ledger as _Ledger

__all__ = ["LEDGER_MIME", "Ledger", "LedgerError"]


class Ledger(_Ledger):
    """Takes `check("id", value, because=…)` and `check_all` too; their reasons stand alone."""

    def check(self, claims, value=None, *, assuming=None, against=None, because=None, **fields):
        """Check one claim, or several as `vlms.ledger.Ledger.check` does."""
        if not isinstance(claims, str):
            return super().check(claims, **fields)
        against = against or []
        reasons = ["; ".join([against] if isinstance(against, str) else against)]
        reasons += [
            (text or "").replace("{", "{{").replace("}", "}}") for text in (assuming, because)
        ]
        kept = self.claims
        try:
            if claims in kept.index:
                self.claims = kept.copy()
                self.claims.loc[claims, ["against", "assuming", "because"]] = reasons
            super().check({claims: value})
        finally:
            self.claims = kept

    def check_all(self, values, **reasons):
        """Check several claims that share one line of reasoning."""
        pairs = values.items() if hasattr(values, "items") else ((name, None) for name in values)
        for claim_id, value in pairs:
            self.check(claim_id, value, **reasons)
