"""A ledger, or part of it, as a notebook displays it and a report takes it over."""

from dataclasses import dataclass

import pandas as pd
from markupsafe import escape

from vlms.verdicts import verdict_badge

LEDGER_MIME = "application/vnd.vlms.ledger+json"


@dataclass(frozen=True)
class LedgerView:
    """A ledger, or part of it, as a notebook displays it.

    Attributes
    ----------
    paper : str
        The stem of the paper.
    frame : pandas.DataFrame
        The rows to show, as `Ledger.frame` has them.
    whole : bool
        Whether it is all of the ledger, to be handed to the report.
    """

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
