"""What frames the sections: the marks at the top, the methods, what was left out, the card."""

import json
from pathlib import Path

import pandas as pd

from vlms.disclosure import GRID_MONTHS, RULES
from vlms.endpoints import ENDPOINTS
from vlms.own_cohort.description import card_count
from vlms.own_cohort.groups import FEWEST_FOR_CHI_SQUARE
from vlms.own_cohort.models import FEWEST_EVENTS, FEWEST_IN_LEVEL
from vlms.own_cohort.study import Study, endpoint_name, files, table
from vlms.presentation import card, say, together
from vlms.rendering.publishing import versions
from vlms.variables import readable

_TOOLS = ("papermill", "nbconvert")  # they make the page, and no number of it


def show_marks(study: Study):
    """Say at the top whether the patients are made up, and what the report may be used for.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Several

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv", disclosure="full")
    >>> print(show_marks(study).shown[1])
    **Disclosure: full. Do not share.** ...
    """
    shown = []
    if study.made_up:
        shown.append(
            say(
                "**Made-up patients.** Every row of this cohort says that it was made up. Nothing "
                "about the disease can be learnt from this report."
            )
        )
    if study.rules.safe:
        sentence = (
            "**Disclosure: safe.** Rules were applied to everything below: numbers about fewer "
            "than {least} patients are withheld, counts are rounded, curves are coarse. The rules "
            "are listed at the end. They lower the risk that a patient is recognised; whether the "
            "report may be shared is for you to decide."
        )
        shown.append(say(sentence, least=study.rules.min_count))
    else:
        shown.append(
            say(
                "**Disclosure: full. Do not share.** No rule was applied: this report holds rows, "
                "identifiers, exact times and small numbers of the patients."
            )
        )
    return together(*shown)


def show_methods(study: Study):
    """Write the methods of what ran so far as a paragraph for a manuscript, with versions.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Several

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> print(show_methods(study).shown[0])
    No survival analysis could be made.
    """
    said = [say(sentence, **values) for sentence, values in _methods(study)]
    third = (
        "Before release, counts below {least} were withheld with their complements, other counts "
        "rounded to 5, and survival curves reduced to steps of at least {least} events on a "
        "{grid}-month grid. "
        if study.rules.safe
        else ""
    )
    values = {"least": study.rules.min_count, "grid": GRID_MONTHS} if study.rules.safe else {}
    found = versions()
    packages = [name for name in found if name not in ("Python", "vlms", *_TOOLS)]
    last = say(
        third + "Analyses were done with vlms {vlms}, Python {python} and the packages {packages}.",
        **values,
        vlms=found["vlms"],
        python=found["Python"],
        packages=[f"{name} {found[name]}" for name in packages],
    )
    return together(*said, last)


def _methods(study):
    """A sentence and its values for each analysis that ran."""
    ran = study.ran
    if not ran:
        yield "No survival analysis could be made.", {}
    if "kaplan_meier" in ran:
        yield (
            "Survival was estimated by the Kaplan–Meier method from the time zero of the cohort's "
            "follow-up; pointwise 95% confidence intervals are on the {interval} scale. "
            "{endpoints}.",
            {
                "interval": study.interval,
                "endpoints": ". ".join(
                    f"{endpoint_name(name).capitalize()}: {ENDPOINTS[name]}"
                    for name in ran["kaplan_meier"]
                ),
            },
        )
    if "follow_up" in ran:
        yield "Median follow-up was estimated by the reverse Kaplan–Meier method.", {}
    if "asymptotic" in ran.get("log_rank", ()):
        yield "Groups were compared by the log-rank test of all levels as recorded.", {}
    if "permutation" in ran.get("log_rank", ()):
        sentence = (
            "Where a group had fewer than {fewest} events, the P value of the log-rank test was "
            "estimated from permutations."
        )
        yield sentence, {"fewest": FEWEST_FOR_CHI_SQUARE}
    if "cumulative_incidence" in ran:
        yield (
            "Recurrences were described by the cumulative incidence with death as a competing "
            "event (Aalen–Johansen).",
            {},
        )
    if "Cox" in ran.get("cox", ()):
        sentence = "Hazard ratios are of univariate Cox models with Efron's handling of ties."
        yield sentence, {}
    if "Firth" in ran.get("cox", ()):
        yield (
            "Where there were fewer than {fewest} events for a coefficient, fewer than {sparse} "
            "with a level, or no finite estimate, hazard ratios are of univariate Cox models with "
            "Firth's penalty and profile likelihood limits.",
            {"fewest": FEWEST_EVENTS, "sparse": FEWEST_IN_LEVEL},
        )
    if "proportional_hazards" in ran:
        yield "Proportional hazards were examined by the score test.", {}
    if "landmark" in ran:
        sentence = "Survival after a recurrence was compared from a landmark at {months} months."
        yield sentence, {"months": ran["landmark"]}
    if {"log_rank", "cox", "proportional_hazards"} & set(ran):
        yield "P values are two-sided and were not adjusted for their number.", {}


def show_left_out(study: Study, *, label):
    """List what the report does not show, and why.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Shown

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv", group_variables=["age_years"])
    >>> print(show_left_out(study, label="tbl-left-out"))
    Table tbl-left-out: What the columns or the rules did not allow.
    section | why it is not shown
    Groups by Age (years) | it is a number; group it first
    """
    if not study.left_out:
        return say("Nothing was left out.")
    frame = pd.DataFrame(study.left_out, columns=["section", "why it is not shown"])
    return table(frame, label=label, caption="What the columns or the rules did not allow.")


def show_disclosure(study: Study, *, label):
    """List the rules that were applied, and hand them over as ``disclosure.json``.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Several

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> print(show_disclosure(study, label="tbl-rules").shown[-1])
    Files: disclosure.json
    """
    content = study.rules.as_json(
        made_up=study.made_up,
        grid_months=GRID_MONTHS if study.rules.safe else None,
        left_out=[{"section": section, "why": why} for section, why in study.left_out],
    )
    data = json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
    handed = files({"disclosure.json": data})
    if not study.rules.safe:
        return together(say("No rule was applied: the disclosure of this report is full."), handed)
    rows = [(readable(name), rule) for name, rule in RULES.items()]
    caption = f"Rules applied, with a threshold of {study.rules.min_count} patients."
    return together(
        table(pd.DataFrame(rows, columns=["rule", "what it does"]), label=label, caption=caption),
        handed,
    )


def show_card(study: Study, *, figure):
    """Give the index page its card.

    Parameters
    ----------
    study : Study
    figure : str
        Label of the figure to show there.

    Returns
    -------
    Shown

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> print(show_card(study, figure="fig-km"))
    Card for the index page: 150 patients, fig-km, 3 findings
    """
    findings = [
        f"Disclosure: {study.rules.mode}.",
        f"Endpoints: {', '.join(endpoint_name(name) for name in study.endpoints)}.",
    ]
    if study.made_up:
        findings.insert(0, "Made-up patients: an example of a report on a cohort of one's own.")
    return card(patients=card_count(study), figure=figure, findings=findings)


def report_name(name) -> str:
    """Return a name for a report's files: small letters, digits and hyphens, never a path.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        At most 60 characters; "cohort" where nothing is left.

    Examples
    --------
    >>> report_name("../My cohort (2024).v2"), report_name("$(rm -rf)"), report_name("../..")
    ('my-cohort-2024-v2', 'rm-rf', 'cohort')
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in str(name).lower())
    return "-".join(filter(None, kept.split("-")))[:60].strip("-") or "cohort"


def stem_of(path) -> str:
    """Return the name that a report takes from its cohort's file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        As `report_name` makes it.

    Examples
    --------
    >>> stem_of("records/My cohort.csv")
    'my-cohort'
    """
    return report_name(Path(str(path)).stem)
