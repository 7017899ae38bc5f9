"""What closes a report: the papers beside it, methods, what is not shown, disclosure, the card."""

import json

import pandas as pd

from vlms.cohort import DATA, read_paper, readable
from vlms.disclosure import RULES, WITHHELD, Disclosure, round_count, safe_table_one
from vlms.own_cohort.models import FEWEST_EVENTS, FEWEST_IN_LEVEL
from vlms.own_cohort.opening import OwnCohort, files, slug
from vlms.own_cohort.outcomes import survival_of
from vlms.own_cohort.tissue import MARKER_METHODS
from vlms.provenance import versions
from vlms.showing import card, say, together
from vlms.study import SARCOMA

DISEASE = SARCOMA.disease
_TOOLS = ("papermill", "nbconvert")  # they make the page, and no number of it


def show_comparison(own: OwnCohort, label="tbl-comparison"):
    """Show a cohort of the same disease beside those of the two papers."""
    if own.study.disease != DISEASE:
        return own.idle("Comparison with the two papers", "they are on another disease")
    tilkorn = read_paper("tilkorn2010")
    tilkorn = OwnCohort(tilkorn, Disclosure("full"), tilkorn.patients, [], own.interval)
    facts = pd.read_csv(DATA / "roland2016" / "facts.csv", dtype=str, comment="#").set_index("id")
    roland = pd.read_csv(DATA / "roland2016" / "characteristics.csv", dtype=str)
    roland = roland[roland["cohort"] == "localised"].set_index(["variable", "level"])["printed"]
    roland = roland.str.replace(")", "%)")  # the sign that a column of percentages leaves out
    survival = pd.read_csv(DATA / "roland2016" / "survival.csv", dtype=str)
    dss = "disease_specific_survival"
    wanted = "endpoint == @dss and time_months == '60' and group == 'all localised'"
    survived = survival.query(wanted)["printed"].iloc[0]
    size = [cohort.rules.count(len(cohort.patients)) for cohort in (own, tilkorn)]
    rows = [("patients", *size, "63 with localised disease")]
    for measure, name, level, theirs in (
        ("women", "sex", "f", roland["sex", "female"]),
        ("age (years)", "age_years", None, f"median {facts.at['age-median-all', 'value']}"),
        ("high grade (3)", "grade", "3", roland["grade", "high"]),
        ("radiotherapy", "radiotherapy", "yes", "–"),
        ("size (cm)", "size_cm", None, "–"),
    ):
        found = [_described(cohort, name, level) for cohort in (own, tilkorn)]
        rows.append((measure, *found, theirs))
    for endpoint, month, theirs in (("overall_survival", 36, "–"), (dss, 60, survived)):
        if endpoint in own.endpoints:
            found = [survival_of(c, c.frame(endpoint), month)[0] for c in (own, tilkorn)]
            rows.append((f"{own.name(endpoint)}, {month} months", *found, theirs))
    frame = pd.DataFrame(rows, columns=["measure", "this cohort", "Tilkorn 2010", "Roland 2016"])
    caption = (
        "This cohort beside the two published ones; those of Roland 2016 as that paper prints them."
    )
    return own.table(frame, label=label, caption=caption)


def show_methods(own: OwnCohort):
    """Write the methods of what ran so far as a paragraph for a manuscript, with versions."""
    return together(say("{methods}", methods=" ".join(_methods(own))), _made_with())


def methods_text(own) -> list[str]:
    """The same as plain sentences, for the files of a manuscript."""
    return [" ".join(_methods(own)), str(_made_with())]


def show_left_out(own: OwnCohort, label="tbl-left-out"):
    """List what the report does not show, and why."""
    if not own.left_out:
        return say("Nothing was left out.")
    frame = pd.DataFrame(own.left_out, columns=["section", "why it is not shown"])
    return own.table(frame, label=label, caption="What the columns or the rules did not allow.")


def show_disclosure(own: OwnCohort, label="tbl-rules"):
    """List the rules that were applied, and hand them over as ``disclosure.json``."""
    content = own.rules.as_json(
        made_up=own.made_up,
        unit=own.unit,
        grid=own.grid if own.rules.safe else None,
        left_out=[{"section": section, "why": why} for section, why in own.left_out],
    )
    data = json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
    first = say("No rule was applied: the disclosure of this report is full.")
    if own.rules.safe:
        rows = [(readable(name), rule) for name, rule in RULES.items()]
        frame = pd.DataFrame(rows, columns=["rule", "what it does"])
        caption = f"Rules applied, with a threshold of {own.rules.min_count} patients."
        first = own.table(frame, label=label, caption=caption)
    return together(first, files({"disclosure.json": data}))


def show_card(own: OwnCohort, figure=""):
    """Give the index page its card."""
    n = len(own.patients)
    figure = figure or f"fig-endpoints-{slug(own.endpoints[0])}"
    findings = [
        f"Disclosure: {own.rules.mode}.",
        f"Endpoints: {', '.join(own.name(name) for name in own.endpoints)}.",
    ]
    if own.made_up:
        findings.insert(0, "Made-up patients: an example of a report on a cohort of one's own.")
    return card(patients=round_count(n) if own.rules.safe else n, figure=figure, findings=findings)


def _made_with():
    """The versions of vlms and of the packages that were imported."""
    found = versions()
    return say(
        "Analyses were done with vlms {vlms}, Python {python} and the packages {packages}.",
        vlms=found.pop("vlms"),
        python=found.pop("Python"),
        packages=[f"{name} {version}" for name, version in found.items() if name not in _TOOLS],
    )


def _described(own, name, level):
    """What Table 1 says of one level, or the mean of a number."""
    if name not in own.patients:
        return "–"
    table = safe_table_one(own.patients, own.rules, columns=[name]).set_index("level")["summary"]
    if level is None:
        mean = table["mean (SD)"].split(" (")[0]
        return mean if mean == WITHHELD else f"mean {mean}"
    return table.get(level, WITHHELD if own.rules.safe else "–")


def _methods(own):
    """The sentences that fit what ran."""
    ran = own.ran
    variants = {(name, variant) for name, found in ran.items() for variant in found}
    if not ran.keys() - {"standardised_difference"}:
        yield "No survival analysis could be made."
    if "kaplan_meier" in ran:
        zero = own.study.time_zero or "the time zero of the cohort's follow-up"
        yield (
            f"Survival was estimated by the Kaplan–Meier method from {zero}, in {own.unit}; "
            f"pointwise 95% confidence intervals are on the {own.interval} scale."
        )
        for name in ran["kaplan_meier"]:
            yield f"{own.title(name)}: {own.definition(name)}."
    if "standardised_difference" in ran:
        yield "Groups were described with standardised mean differences."
    if "follow_up" in ran:
        yield "Median follow-up was estimated by the reverse Kaplan–Meier method."
    if ("log_rank", "asymptotic") in variants:
        yield "Groups were compared by the log-rank test of all levels as recorded."
    if ("log_rank", "permutation") in variants:
        yield (
            f"Where a group had fewer than {FEWEST_IN_LEVEL} events, the P value of the log-rank "
            "test was also estimated from permutations of the groups, by the observed less the "
            "expected events (in their covariance under permutation for more than two groups)."
        )
    if ("log_rank", "score test") in variants:
        yield "As entry is delayed, groups were compared by the score test of a Cox model."
    if "cumulative_incidence" in ran:
        yield (
            "Where other events compete, the cumulative incidence was estimated by the "
            "Aalen–Johansen method."
        )
    if "gray_test" in ran:
        yield "Cumulative incidences of groups were compared by Gray's test."
    if ("cox", "Cox") in variants:
        yield "Hazard ratios are of Cox models with Efron's handling of ties."
    if ("cox", "Firth") in variants:
        yield (
            f"Where there were fewer than {FEWEST_EVENTS} events for a coefficient, fewer than "
            f"{FEWEST_IN_LEVEL} with a level, or no finite estimate, Firth's penalty was used, "
            "with Breslow's handling of ties and profile likelihood limits."
        )
    if "multivariable" in ran:
        yield (
            "Multivariable models hold all covariates with an estimate of their own, not chosen "
            "by their P values, and are of the patients of whom all are known."
        )
    if "adjusted" in ran:
        names = ", ".join(own.label(name) for name in own.adjust)
        yield f"Hazard ratios of groups were also adjusted for {names}."
    if "proportional_hazards" in ran:
        yield "Proportional hazards were examined by the score test."
    if "subgroups" in ran:
        yield "Differences between subgroups were tested by likelihood-ratio tests of interaction."
    if "landmark" in ran:
        yield (
            "What became known later was compared from a landmark at "
            f"{' and '.join(ran['landmark'])} {own.unit}, among those still under observation."
        )
    if "time_dependent" in ran:
        yield f"Time-dependent covariates: {', '.join(ran['time_dependent'])}."
    if "unknown_causes" in ran:
        yield "Deaths of unknown cause were counted once as the event and once not."
    if "complete_cases" in ran:
        yield "Univariable ratios were repeated in complete cases."
    if {"log_rank", "cox", "proportional_hazards"} & set(ran):
        but = "" if "markers" not in ran else ", but for those of markers,"
        yield f"P values are two-sided and were{but} not adjusted for their number."
    if "markers" in ran:
        yield MARKER_METHODS
    if own.rules.safe:
        yield (
            f"Before release, counts below {own.rules.least} were withheld with their "
            "complements, other counts rounded to 5, and survival curves reduced to steps of at "
            f"least {own.rules.least} events on a grid of {own.grid:g} {own.unit}."
        )
