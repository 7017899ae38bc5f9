"""The ledger: every number a paper prints, the value recomputed for it, and a verdict.

A claim is one printed number about the paper's own cohort (``data/<paper>/claims.csv``). A
notebook recomputes it and calls :meth:`Ledger.check`; the verdict (`vlms.verdicts`) follows from
the comparison and is never typed. A claim of contradiction must name the other side and the
arithmetic, and is refused when the numbers in fact agree. A ledger with a claim left over cannot
be published.
"""

from vlms.claims.claims_file import KINDS, LedgerError, read_claims
from vlms.claims.ledger import Ledger
from vlms.claims.ledger_view import LEDGER_MIME

__all__ = ["KINDS", "LEDGER_MIME", "Ledger", "LedgerError", "read_claims"]
