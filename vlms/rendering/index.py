"""The index page: a card for each paper, lessons and own cohorts below, one ledger over all."""

from vlms.rendering.layout import count_verdicts, fill


def make_index(records, *, built):
    """Make the index page from what the builds recorded.

    Parameters
    ----------
    records : list of dict
        One a report, as `vlms.build` records them: stem, title, kind, order, card, claims, commit.
    built : str
        The line that says when this was built.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    records = sorted(records, key=lambda record: (record["order"], record["stem"]))
    for record in records:
        record["counts"] = count_verdicts(record["claims"])
    claims = [
        {**claim, "stem": record["stem"], "paper": record["title"]}
        for record in records
        for claim in record["claims"]
    ]
    return fill(
        "reports.html.j2",
        papers=[record for record in records if record["kind"] in ("paper", "overview", "report")],
        lessons=[record for record in records if record["kind"] == "lesson"],
        cohorts=[record for record in records if record["kind"] == "cohort"],
        claims=claims,
        totals=count_verdicts(claims),
        totals_papers=sum(bool(record["claims"]) for record in records),
        built=built,
    )
