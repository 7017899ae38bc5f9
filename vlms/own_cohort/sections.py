"""The sections of the report on a cohort of one's own, in the order in which they are read.

Each takes an `OwnCohort` and shows figures, tables and sentences, labelled as its argument says.
A test, curve or table covers all patients and says beside the number who is left out, or it is
withheld and the reason stands in its place.
"""

import contextlib
import json

import numpy as np
import pandas as pd

from vlms.cohort import CANONICAL, DATA, read_paper, readable
from vlms.describing import spread_groups
from vlms.disclosure import (
    GRID_MONTHS,
    OTHER,
    RULES,
    WITHHELD,
    Disclosure,
    Withheld,
    between_steps,
    estimate_at,
    incidence_curves,
    round_count,
    safe_table_one,
    suppress,
    survival_curves,
)
from vlms.endpoints import ENDPOINTS, RECURRENCE_COLUMNS, time_to_cause
from vlms.figures import plot_cumulative_incidence, plot_forest, plot_survival
from vlms.own_cohort.opening import OwnCohort, endpoint_name, files, slug, text
from vlms.printed import print_p
from vlms.provenance import versions
from vlms.showing import card, say, together
from vlms.survival import (
    at_landmark,
    cox,
    cumulative_incidence,
    kaplan_meier,
    log_rank,
    median_follow_up,
    proportional_hazards_test,
    survival_at,
    survival_quantile,
)

FEWEST_EVENTS = 10  # for a coefficient; Peduzzi et al., J Clin Epidemiol 1995;48:1503
FEWEST_IN_LEVEL = 5  # events, for Cox's fit and for the chi-square of a log-rank test
MOST_LEVELS = 30  # in Table 1
TOO_FEW_GROUPS = "there are fewer than two groups that can be shown"
PER = {"age_years": (10, "per 10 years"), "size_cm": (1, "per cm")}
# What is said of a problem in safe mode: the reader's own words may quote a cell.
_KINDS = {
    "turned into": "a unit was converted",
    "range": "a range was read as its middle",
    "dose": "a dose was read as yes or no",
    "kind of treatment": "a kind of treatment was read as yes",
    "three words": "a status was written in other words",
    "largest": "the largest of several diameters was taken",
    "not known": "a text may mean that the value is not known",
    "none was seen": "a text was read as none seen",
    "unusual age": "an unusual age",
    "outcome": "a further column may hold an outcome",
    "formula": "a text that a spreadsheet would run",
}
_TOOLS = ("papermill", "nbconvert")  # they make the page, and no number of it


def show_marks(own: OwnCohort):
    """Say at the top whether the patients are made up, and what the report may be used for."""
    made_up = say(
        "**Made-up patients.** Every row of this cohort says that it was made up. Nothing about "
        "the disease can be learnt from this report."
    )
    safe = say(
        "**Disclosure: safe.** Rules were applied to everything below: numbers about fewer than "
        "{least} patients are withheld, counts are rounded, curves are coarse. The rules are "
        "listed at the end. They lower the risk that a patient is recognised; whether the report "
        "may be shared is for you to decide.",
        least=own.rules.min_count,
    )
    full = say(
        "**Disclosure: full. Do not share.** No rule was applied: this report holds rows, "
        "identifiers, exact times and small numbers of the patients."
    )
    return together(*([made_up] if own.made_up else []), safe if own.rules.safe else full)


def show_quality(own: OwnCohort, label="tbl-quality"):
    """Show what was decided while the file was read, and what is missing."""
    issues = own.cohort.issues
    named = {*CANONICAL, *own.covariates, *own.group_variables}
    caption = "Every cell that was read with a doubt, and what was done."
    found = issues[["line", "patient_id", "column", "raw", "problem", "action"]]
    if own.rules.safe:
        columns = issues["column"].where(issues["column"].isin(named), "further columns")
        kinds = issues["problem"].map(_kind).astype(str)
        counted = issues.groupby([columns.astype(str), kinds]).size()
        rows = [
            (own.label(column) if column in named else column, kind, own.rules.count(n))
            for (column, kind), n in counted.items()
        ]
        found = pd.DataFrame(rows, columns=["column", "what was done", "cells"])
        caption = (
            "Cells that were read with a doubt, counted by column and kind. Which cells they are "
            "is not shown; “vlms check” lists them for whoever holds the file."
        )
    first = say("Every cell was read without a doubt.")
    if len(found):
        first = own.table(found, label=label, caption=caption)
    left = {"patient_id", "local_recurrence_months", "distant_recurrence_months"}
    names = [name for name in CANONICAL if name in own.patients and name not in left]
    names += own.covariates + own.group_variables
    lacking = own.patients[list(dict.fromkeys(names))].isna().sum()
    rows = [
        (own.label(name), own.rules.share(n, len(own.patients)))
        for name, n in lacking.items()
        if n or own.rules.safe
    ]
    missing = pd.DataFrame(rows, columns=["variable", "missing"])
    caption = "Patients of whom a value is not known, of all patients in the file."
    return together(first, own.table(missing, label=f"{label}-missing", caption=caption))


def show_flow(own: OwnCohort, label="tbl-flow"):
    """Show how many patients each endpoint leaves out, and how many events it has.

    Examples
    --------
    >>> from vlms.own_cohort import open_cohort
    >>> example = DATA / "example_cohort" / "patients.csv"
    >>> print(show_flow(open_cohort(example, endpoints=["overall_survival"])))
    Table tbl-flow: Patients and events of each endpoint.
    endpoint | patients | left out | why | analysed | events | definition
    overall survival | 150 | <10 | no status or follow-up time | 150 | ...
    """
    rules, everyone, rows = own.rules, len(own.patients), []
    for endpoint in own.endpoints:
        frame = own.frame(endpoint)
        why = {reason for _, reason in frame.attrs["left_out"]}
        if rules.safe:  # what may have been the reason, not what was
            first_ever = ("distant_recurrence", "recurrence_free_survival")
            spread = endpoint in first_ever and "m_stage" in own.patients
            why = {"no status or follow-up time", *(["M1 at time zero"] if spread else [])}
        rows.append(
            {
                "endpoint": endpoint_name(endpoint),
                "patients": rules.count(everyone),
                "left_out": rules.count(everyone - len(frame)),
                "why": "; ".join(sorted(why)),
                "analysed": rules.count(len(frame), near=everyone),
                "events": _events(own, endpoint, frame["event"]),
                "definition": ENDPOINTS[endpoint],
            }
        )
    caption = "Patients and events of each endpoint."
    return own.table(pd.DataFrame(rows), label=label, caption=caption)


def show_table_one(own: OwnCohort, label="tbl-one"):
    """Show Table 1: of all patients, or by each group variable that was asked for."""
    names = [n for n, c in CANONICAL.items() if n in own.patients and not c.outcome]
    names = list(dict.fromkeys(names + own.covariates + own.group_variables))
    many = [n for n in names if not own.is_numeric(n) and own.patients[n].nunique() > MOST_LEVELS]
    shown = [own.skipped(own.label(n), f"it has more than {MOST_LEVELS} levels") for n in many]
    shares = (
        "Counts are rounded to 5, shares are of all patients of the group."
        if own.rules.safe
        else "Shares are of the patients of whom the variable is known."
    )
    labels = {name: own.label(name) for name in names}
    groups = []
    for by in own.group_variables:
        if len(own.rules.levels(own.patients[by]).cat.categories) > 1:
            groups.append(by)
        else:
            shown.append(own.skipped(f"Table 1 by {own.label(by).lower()}", TOO_FEW_GROUPS))
    for place, by in enumerate(groups or [None]):
        columns = [name for name in names if name != by and name not in many]
        tidy = safe_table_one(own.patients, own.rules, columns=columns, by=by, labels=labels)
        caption = f"Patients{f', by {own.label(by).lower()}' if by else ''}. {shares}"
        pooled = any(str(group).endswith(OTHER) for group in tidy["group"])
        if by and not pooled and "missing" not in set(tidy["group"]):
            n = own.rules.count(own.rules.levels(own.patients[by]).isna().sum())
            if n != "0":
                caption += f" In the last column only, as {own.label(by)} is missing: {n}."
        wide = spread_groups(tidy).rename(columns=text)
        wide["level"] = wide["level"].map(text)
        name = f"{label}-{place + 1}" if place else label
        shown.append(own.table(wide, label=name, caption=caption, grouped=True))
    return together(*shown)


def show_follow_up(own: OwnCohort, label="fig-follow-up"):
    """Show the median follow-up by the reverse Kaplan-Meier method."""
    frame, shown = own.frame("overall_survival"), []
    with own.section("Follow-up", shown):
        curve = _curves(own, frame.assign(event=~frame["event"]))
        exact = median_follow_up(frame["time"], frame["event"], interval=own.interval).iloc[0]
        middle, interval = _median(own, exact, curve)
        own.note("follow_up")
        sentence = (
            "Median follow-up by the reverse Kaplan–Meier method: {middle} (95% interval "
            "{interval})."
        )
        caption = f"Follow-up, by the reverse Kaplan–Meier method.{_how_drawn(own)}"
        alt = "A curve falling from 100% as patients reach the end of their follow-up."
        drawn = _draw(own, curve, "Still followed, had nobody died")
        shown.append(say(sentence, middle=middle, interval=interval))
        shown.append(own.figure(drawn, label=label, caption=caption, alt=alt))
    return together(*shown)


def show_endpoints(own: OwnCohort, label="fig-endpoints"):
    """Show the curve of each endpoint, and a table of survival at chosen months and medians."""
    shown, rows = [], []
    for endpoint in own.endpoints:
        frame, title = own.frame(endpoint), _title(endpoint)
        with own.section(title, shown):
            curve = _curves(own, frame)
            own.note("kaplan_meier", endpoint)
            name = f"{label}-{slug(endpoint)}"
            caption = f"{title} of all patients.{_how_drawn(own)}"
            alt = f"A curve of {endpoint_name(endpoint)}; its values are in the table that follows."
            drawn = _draw(own, curve, _height(endpoint))
            shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
            shown += _curve_file(own, curve, name)
            exact = kaplan_meier(frame["time"], frame["event"], interval=own.interval)
            for month in own.landmark_months:
                share, interval = _survival_at(own, frame, month)
                rows.append((title, f"{month:g}", share, interval))
            rows.append((title, "median", *_median(own, survival_quantile(exact).iloc[0], curve)))
    if rows:
        table = pd.DataFrame(rows, columns=["endpoint", "month", "survival", "interval"])
        caption = f"Survival free of the event at chosen months, with 95% intervals.{_banded(own)}"
        caption += " A median lies between two steps of the curve." if own.rules.safe else ""
        name = label.replace("fig-", "tbl-", 1)
        shown.append(own.table(table, label=name, caption=caption, grouped=True))
    return together(*shown)


def show_groups(own: OwnCohort, label="fig-groups"):
    """Show the curves of each group variable for each endpoint, with the log-rank test.

    Examples
    --------
    >>> from vlms.own_cohort import open_cohort
    >>> own = open_cohort(
    ...     DATA / "example_cohort" / "patients.csv",
    ...     endpoints=["overall_survival"],
    ...     group_variables=["sex"],
    ... )
    >>> for shown in show_groups(own).shown:
    ...     print(shown)
    Figure fig-groups-sex-overall-survival: Overall survival by sex. ...
    Log-rank test of all 2 levels as recorded (asymptotic): P ... Left out, as Sex is missing: <10.
    """
    if not own.group_variables:
        return own.skipped("Curves by group", "no group variable was asked for")
    shown = []
    for variable in own.group_variables:
        for endpoint in own.endpoints:
            section = f"{_title(endpoint)} by {own.label(variable).lower()}"
            name = f"{label}-{slug(variable)}-{slug(endpoint)}"
            values, called = own.patients[variable], own.label(variable)
            frame = own.frame(endpoint)
            shown += _compare(own, frame, values, section, name, endpoint, variable=called)
    return together(*shown)


def show_competing_risks(own: OwnCohort, label="fig-incidence"):
    """Show the cumulative incidence of recurrences, death without one competing."""
    shown, rows = [], []
    for endpoint in [name for name in own.endpoints if name in RECURRENCE_COLUMNS]:
        frame, title = time_to_cause(own.patients, endpoint), _title(endpoint)
        with own.section(f"Incidence: {title}", shown):
            causes = {code: name for code, name in frame.attrs["causes"].items() if code}
            curve = incidence_curves(
                frame["time"],
                frame["cause"],
                own.rules,
                causes=list(causes),
                size=len(own.patients),
            )
            own.note("cumulative_incidence", endpoint)
            for code, reason in curve.attrs["withheld"].items():
                shown.append(own.skipped(f"Incidence: {causes[code]}", reason))
            causes = {code: causes[code] for code in dict.fromkeys(curve["cause"])}
            caption = (
                f"Cumulative incidence: {', '.join(causes.values())}. Deaths compete and are not "
                f"censored.{_how_drawn(own)}"
            )
            alt = "Rising curves of the share of patients that has had each event."
            drawn = plot_cumulative_incidence(curve, causes=causes, times=_ticks(own, curve))
            name = f"{label}-{slug(endpoint)}"
            shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
            exact = cumulative_incidence(frame["time"], frame["cause"])
            for code, called in causes.items():
                event = f"{title}: {called}"
                for month in own.landmark_months:
                    rows.append(
                        (event, f"{month:g}", *_incidence_at(own, frame, exact, code, month))
                    )
    if rows:
        table = pd.DataFrame(rows, columns=["event", "month", "incidence", "interval"])
        caption = f"Cumulative incidence at chosen months, with 95% intervals.{_banded(own)}"
        name = label.replace("fig-", "tbl-", 1)
        shown.append(own.table(table, label=name, caption=caption, grouped=True))
    nothing = "no recurrence is recorded or asked for"
    return together(*(shown or [own.skipped("Competing risks", nothing)]))


def show_hazard_ratios(own: OwnCohort, label="fig-hazard"):
    """Show a forest plot and a table of univariate hazard ratios for each endpoint.

    A private cohort of a rare tumour seldom has the events for more than one covariate at a time.
    Where a fit separates, or has few events, Firth's penalty takes its place.
    """
    shown = []
    for endpoint in own.endpoints:
        title, rows, why = f"Hazard ratios for {endpoint_name(endpoint)}", [], {}
        for name in own.covariates:
            try:
                rows += _hazard_ratios(own, endpoint, name)
            except Withheld as reason:
                why.setdefault(str(reason), []).append(own.label(name))
        for reason, names in why.items():
            shown.append(own.skipped(f"{title}: {', '.join(names)}", reason))
        found = pd.DataFrame(rows)
        if found.empty:
            shown.append(own.skipped(title, "no covariate has enough patients and events"))
            continue
        hidden = found["p_value"] == WITHHELD
        drawn = plot_forest(found[~hidden], columns={"p_value": "P"})
        caption = (
            f"{title}. Each covariate alone. Reference levels and numbers are in the table that "
            f"follows.{' Those withheld are not drawn.' if hidden.any() else ''}"
        )
        alt = "A forest plot of hazard ratios with 95% intervals; the table holds the same numbers."
        name = f"{label}-{slug(endpoint)}"
        shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
        shown.append(_ratio_table(own, found, title, name.replace("fig-", "tbl-", 1)))
    return together(*shown)


def show_proportional_hazards(own: OwnCohort, label="tbl-hazards"):
    """Show for each endpoint and covariate whether its hazard ratio is constant over time."""
    found = {}
    for endpoint in own.endpoints:
        for name in own.covariates:
            with contextlib.suppress(Withheld):  # said beside the hazard ratios
                p = _proportional(own, _fitted(own, endpoint, name))
                found.setdefault(own.label(name), {})[endpoint_name(endpoint)] = p
    if not found:
        reason = "there is no hazard ratio to check"
        return own.skipped("Check of proportional hazards", reason)
    wide = pd.DataFrame.from_dict(found, orient="index").reset_index(names="covariate")
    caption = (
        "P values of the score test of a hazard ratio that changes with time (time by the "
        "Kaplan–Meier transform). A small one says that a single ratio is too simple."
    )
    if own.rules.safe:
        caption += f" Withheld where a level has fewer than {own.rules.least} events."
    return own.table(wide, label=label, caption=caption)


def show_landmark(own: OwnCohort, label="fig-landmark"):
    """Show survival after a landmark of those with and without a recurrence until then.

    Those still under observation at the first of the landmark months are sorted by what had
    happened until then, and their clock starts there (`vlms.survival.at_landmark`).
    """
    month, patients = own.landmark_months[0], own.patients
    columns = [column for column in RECURRENCE_COLUMNS.values() if column in patients]
    if not columns:
        return own.skipped("Landmark analysis", "the cohort records no recurrence")
    frame = own.frame("overall_survival")
    first = patients.loc[frame.index, columns].astype("float64").min(axis=1)
    later = at_landmark(frame.assign(first=first), month, happened={"recurred": "first"})
    if later.empty:
        return own.skipped("Landmark analysis", "nobody was followed beyond the landmark")
    names = {True: "recurrence until then", False: "no recurrence until then"}
    section = f"Survival after month {month:g} by recurrence until then"
    group, name = later["recurred"].map(names), f"{label}-recurrence"
    return together(*_compare(own, later, group, section, name, "overall_survival", landmark=month))


def show_comparison(own: OwnCohort, label="tbl-comparison"):
    """Show the cohort beside those of the two papers."""
    tilkorn = OwnCohort(read_paper("tilkorn2010"), Disclosure("full"), [], [], {}, own.interval)
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
            found = [_survival_at(c, c.frame(endpoint), month)[0] for c in (own, tilkorn)]
            rows.append((f"{endpoint_name(endpoint)}, {month} months", *found, theirs))
    frame = pd.DataFrame(rows, columns=["measure", "this cohort", "Tilkorn 2010", "Roland 2016"])
    caption = (
        "This cohort beside the two published ones; those of Roland 2016 as that paper prints them."
    )
    return own.table(frame, label=label, caption=caption)


def show_methods(own: OwnCohort):
    """Write the methods of what ran so far as a paragraph for a manuscript, with versions."""
    found = versions()
    made_with = say(
        "Analyses were done with vlms {vlms}, Python {python} and the packages {packages}.",
        vlms=found.pop("vlms"),
        python=found.pop("Python"),
        packages=[f"{name} {version}" for name, version in found.items() if name not in _TOOLS],
    )
    return together(say(" ".join(_methods(own))), made_with)


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
        grid_months=GRID_MONTHS if own.rules.safe else None,
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


def show_card(own: OwnCohort, figure="fig-endpoints-overall-survival"):
    """Give the index page its card."""
    n = len(own.patients)
    findings = [
        f"Disclosure: {own.rules.mode}.",
        f"Endpoints: {', '.join(endpoint_name(name) for name in own.endpoints)}.",
    ]
    if own.made_up:
        findings.insert(0, "Made-up patients: an example of a report on a cohort of one's own.")
    return card(patients=round_count(n) if own.rules.safe else n, figure=figure, findings=findings)


def _kind(problem):
    """The kind of a problem, in words that quote nothing."""
    return next((said for sign, said in _KINDS.items() if sign in str(problem)), "another doubt")


def _events(own, endpoint, event):
    """Print a number of events; withheld where those without, or of another cause, are few."""
    n = int(event.sum())
    rest = [len(event) - n]
    if endpoint == "disease_specific_survival":
        rest.append(int((own.patients["status"] == "dead_other").sum()))
    return WITHHELD if min(rest) < own.rules.least <= n else own.rules.count(n)


def _described(own, name, level):
    """What Table 1 says of one level, or the mean of a number."""
    if name not in own.patients:
        return "–"
    table = safe_table_one(own.patients, own.rules, columns=[name]).set_index("level")["summary"]
    if level is None:
        mean = table["mean (SD)"].split(" (")[0]
        return mean if mean == WITHHELD else f"mean {mean}"
    return table.get(level, WITHHELD if own.rules.safe else "–")


def _curves(own, frame, **options):
    """Survival curves as they may be drawn, begun with the number of patients shown elsewhere."""
    options = {"sizes": {"all": len(own.patients)}, "interval": own.interval, **options}
    return survival_curves(frame["time"], frame["event"], own.rules, **options)


def _draw(own, curve, ylabel, xlabel="Months"):
    """Draw curves; marks of censoring only where everything is shown."""
    return plot_survival(
        curve,
        censoring_marks="censored" in curve,
        times=_ticks(own, curve),
        xlabel=xlabel,
        ylabel=ylabel,
    )


def _ticks(own, curve):
    """Months of the grid: only there is a number at risk that may be shown."""
    if not own.rules.safe:
        return None
    last = int(curve["time"].max())
    step = next((s for s in (6, 12, 24, 36, 60, 120) if last / s <= 8.5), 240)
    return [float(month) for month in range(0, last + 1, step)]


def _curve_file(own, curve, name):
    """The numbers of exact curves, for whoever may see them."""
    label = name.replace("fig-", "tbl-curve-", 1)
    return [] if own.rules.safe else [own.data_file(curve, label=label)]


def _survival_at(own, frame, month):
    """Survival at a month with its interval, as both may be printed."""
    curve = kaplan_meier(frame["time"], frame["event"], interval=own.interval)
    found = survival_at(curve, month).iloc[0][["survival", "lower", "upper"]]
    return estimate_at(month, tuple(found), frame["time"], frame["event"], own.rules)


def _incidence_at(own, frame, exact, code, month):
    """Incidence of a cause at a month with its interval, as both may be printed."""
    until = exact[(exact["cause"] == code) & (exact["time"] <= month)]
    found = tuple(until.iloc[-1][["incidence", "lower", "upper"]])
    if month > frame["time"].max():
        found = (np.nan,) * 3
    return estimate_at(month, found, frame["time"], frame["cause"] == code, own.rules)


def _median(own, exact, curve):
    """A median and its interval, as both may be printed."""
    if not own.rules.safe:
        middle, lower, upper = (
            "not reached" if pd.isna(exact[name]) else f"{exact[name]:.0f} months"
            for name in ("time", "lower", "upper")
        )
        return middle, f"{lower} to {upper}"
    after, by = between_steps(exact["time"], curve.attrs["steps"])
    lower = between_steps(exact["lower"], curve.attrs["steps"])[0]
    upper = between_steps(exact["upper"], curve.attrs["steps"])[1]
    return _span(after, by), _span(lower, upper)


def _span(after, by):
    """Months between two steps of a curve."""
    if pd.isna(after):
        return "not reached"
    if pd.isna(by) or np.isinf(by):
        return f"after month {after:g}" if after else "without limits"
    return f"{after:g} to {by:g} months" if after else f"by month {by:g}"


def _compare(own, frame, values, section, name, endpoint, *, variable="", landmark=None):
    """Draw the curves of all groups and test them against each other, or say why not.

    `values` are those of all patients, of whom `frame` may hold a part.
    """
    rules, shown = own.rules, []
    recorded = rules.recorded(values).loc[frame.index]
    lacking = rules.count(recorded.isna().sum())
    with own.section(section, shown):
        pooled = rules.levels(values, fewest=2 * rules.least)  # as many as a curve needs
        if len(pooled.cat.categories) < 2:
            raise Withheld(TOO_FEW_GROUPS)
        sizes, pooled = pooled.value_counts().to_dict(), pooled.loc[frame.index]
        prefix = f"{variable}: " if variable and {"yes", "no"} & set(pooled.cat.categories) else ""
        names = {level: prefix + text(level) for level in pooled.cat.categories}
        curve = _curves(own, frame, group=pooled, sizes=sizes)
        curve["group"] = curve["group"].map(names)
        own.note("kaplan_meier", endpoint)
        if landmark is not None:
            own.note("landmark", f"{landmark:g}")
        caption = f"{section}.{_how_drawn(own)}"
        caption += " All groups step in the same months." if rules.safe else ""
        caption += f" Not drawn, as missing: {lacking}." if pooled.isna().any() else ""
        if landmark is not None:
            gone = frame.attrs["events_before"] + frame.attrs["censored_before"]
            caption += f" Left out, as their follow-up had ended by then: {rules.count(gone)}."
        alt = f"Survival curves of {len(names)} groups; the test that compares them follows."
        clock = "Months" if landmark is None else f"Months after month {landmark:g}"
        drawn = _draw(own, curve, _height(endpoint), xlabel=clock)
        shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
        shown += _curve_file(own, curve, name)
    with own.section(f"Log-rank test: {section}", shown):
        test = _log_rank(own, frame, recorded)
        own.note("log_rank", test.method)
        p = print_p(test.p_value)
        p = p if p[0] in "<>" else f"= {p}"
        left = {"variable": variable, "lacking": lacking} if variable and lacking != "0" else {}
        sentence = "Log-rank test of all {levels} levels as recorded ({method}): P {p}."
        sentence += " Left out, as {variable} is missing: {lacking}." if left else ""
        levels = int(recorded.nunique())
        shown.append(say(sentence, levels=levels, method=test.method, p=p, **left))
        if landmark is not None:
            own.note("landmark", f"{landmark:g}")
            with own.section(f"Hazard ratio: {section}", shown):
                shown.append(_ratio_of_two(own, frame, recorded))
    return shown


def _log_rank(own, frame, recorded):
    """Test all levels against each other; from permutations where one has few events."""
    known = recorded.notna()
    groups = recorded[known].astype(str)
    events = frame["event"][known].groupby(groups).sum()
    if len(events) < 2 or not events.sum():
        raise Withheld("there is one level only, or no event")
    if events.min() < own.rules.least:
        least = own.rules.least
        raise Withheld(f"a level has fewer than {least} events, and no part is tested without it")
    few = events.min() < FEWEST_IN_LEVEL
    method = {"method": "permutation", "resamples": 20_000} if few else {}
    return log_rank(frame["time"][known], frame["event"][known], groups, **method)


def _ratio_of_two(own, frame, groups):
    """Say the hazard ratio of the second of two groups against the first."""
    counts = pd.crosstab(groups, frame["event"])
    if counts.size < 4 or counts.to_numpy().min() < own.rules.least:
        raise Withheld(_few(own))
    one, other = counts.index
    group = pd.Categorical(groups, categories=[one, other])
    fit = cox(frame.assign(group=group), "group").iloc[0]
    if pd.isna(fit["hazard_ratio"]):
        raise Withheld("the fit has no finite estimate")
    own.note("cox", "Cox")
    return say(
        "Hazard ratio of “{other}” against “{one}”: {hr:.2f} (95% interval "
        "{lower:.2f|?} to {upper:.2f|?}).",
        one=str(one),
        other=str(other),
        hr=fit["hazard_ratio"],
        lower=fit["lower"],
        upper=fit["upper"],
    )


def _fitted(own, endpoint, name):
    """Time, event and the covariate as ``x``, of all of whom it is known, or raise `Withheld`.

    ``.attrs``: left_out, how many it is not known of; shown, the levels whose ratio may be shown;
    counted, those whose events may be; named, those that may be named.
    """
    least, frame = own.rules.least, own.frame(endpoint)[["time", "event"]]
    values = own.patients[name].loc[frame.index]
    left_out = own.rules.count(values.isna().sum())
    if own.is_numeric(name):
        scale, _ = PER.get(name, (1, ""))
        frame = frame.assign(x=values.astype("float64") / scale).dropna()
        events = int(frame["event"].sum())
        if not events or min(events, len(frame) - events) < least or frame["x"].nunique() < 2:
            raise Withheld(_few(own))
        frame.attrs = {"left_out": left_out}
        return frame
    recorded = own.rules.recorded(own.patients[name])
    sizes, level = recorded.value_counts(sort=False), recorded.loc[frame.index]
    counts = pd.crosstab(level, frame["event"]).reindex(columns=[True, False], fill_value=0)
    levels = list(counts.index)
    reference = own.reference_levels.get(name, sizes[levels].idxmax() if levels else None)
    if reference not in levels and len(levels) > 1:
        raise Withheld(f"the reference level {text(reference)} cannot be used")
    enough = [item for item in levels if counts.loc[item].min() >= least]
    if reference not in enough or len(enough) < 2 or not counts[True].any():
        raise Withheld(_few(own))
    order = [reference, *[item for item in levels if item != reference]]
    frame = frame.assign(x=pd.Categorical(level, categories=order)).dropna()
    hidden = suppress(counts, least).any(axis=1)
    named = [item for item in levels if sizes[item] >= least]
    frame.attrs = {"left_out": left_out, "shown": enough, "named": named}
    frame.attrs["counted"] = list(counts.index[~hidden])
    return frame


def _hazard_ratios(own, endpoint, name):
    """The rows of one covariate; those withheld say so, and those of rare levels are one."""
    frame = _fitted(own, endpoint, name)
    fit, method = _fit(frame)
    own.note("cox", method)
    total, used = int(own.frame(endpoint)["event"].sum()), int(frame["event"].sum())
    if own.rules.safe:
        fit = fit.round({"hazard_ratio": 2, "lower": 2, "upper": 2})
        used = round_count(total if total - used < own.rules.least else used)
    of_all = {"covariate": name, "left_out": frame.attrs["left_out"], "method": method}
    of_all["events_per_variable"] = f"{used / len(fit):.0f}"
    if own.is_numeric(name):
        level, term = PER.get(name, (1, "per unit"))[1], own.label(name)
        events = own.rules.count(frame["event"].sum(), near=total)
        found = {"term": f"{term}, {level}", "level": level, "reference": "", "events": events}
        return [of_all | found | _estimates(fit.iloc[0])]
    reference, *levels = frame["x"].cat.categories
    rows = []
    for level, estimate in zip(levels, fit.to_dict("records"), strict=True):
        term = f"{own.label(name)}: {text(level)} vs {text(reference)}"
        row = of_all | {"term": term, "level": level, "reference": reference, "events": WITHHELD}
        if level in frame.attrs["counted"]:
            events = frame["event"][frame["x"] == level].sum()
            row["events"] = own.rules.count(events, near=total)
        if level not in frame.attrs["named"]:
            row["level"] = "rarer levels"
        if level in frame.attrs["shown"]:
            rows.append(row | _estimates(estimate))
        elif row["level"] not in [other["level"] for other in rows]:
            rows.append(row | _estimates({}) | {"events": WITHHELD, "p_value": WITHHELD})
    return rows


def _fit(frame):
    """Fit by Cox, or with Firth's penalty where events are few or there is no other estimate."""
    fit = cox(frame, "x")
    sparse = fit.attrs["events_per_variable"] < FEWEST_EVENTS
    if isinstance(frame["x"].dtype, pd.CategoricalDtype):
        events = frame["event"].groupby(frame["x"], observed=False).sum()
        sparse = sparse or events.min() < FEWEST_IN_LEVEL
    if sparse or fit["hazard_ratio"].isna().any():
        penalised = cox(frame, "x", penalty="firth")
        if penalised["hazard_ratio"].notna().all():
            return penalised, "Firth"
    return fit, "Cox"


def _estimates(found):
    """What a fit says of one coefficient, its P value as text."""
    p = found.get("p_value", np.nan)
    numbers = {name: found.get(name, np.nan) for name in ("hazard_ratio", "lower", "upper")}
    return numbers | {"p_value": "–" if pd.isna(p) else print_p(p)}


def _proportional(own, frame):
    """P of the score test, as it may be printed."""
    if isinstance(frame["x"].dtype, pd.CategoricalDtype):
        events = frame["event"].groupby(frame["x"], observed=False).sum()
        if events.min() < own.rules.least:
            return WITHHELD
    found = proportional_hazards_test(frame, "x").iloc[-1]["p_value"]
    own.note("proportional_hazards")
    return None if pd.isna(found) else print_p(found)


def _ratio_table(own, rows, title, label):
    """The numbers of a forest plot."""
    caption = (
        f"{title}, each covariate alone. Events: with the level, or of all for a number. Left out: "
        "patients of whom the covariate is missing. Firth: the penalised fit, where a level has "
        f"fewer than {FEWEST_IN_LEVEL} events, there are fewer than {FEWEST_EVENTS} events for a "
        "coefficient or no other estimate. EPV: events for each coefficient."
    )
    if own.rules.safe:
        caption += (
            " Every fit is of all levels as recorded; a ratio is withheld where its level has "
            f"{_few(own)}."
        )
    columns = "covariate level reference events left_out hazard_ratio lower upper p_value".split()
    shown = rows[[*columns, "method", "events_per_variable"]]
    shown = shown.assign(covariate=rows["covariate"].map(own.label))
    headers = {"hazard_ratio": "HR", "events_per_variable": "EPV"}
    digits = {"hazard_ratio": 2, "lower": 2, "upper": 2}
    return own.table(
        shown, label=label, caption=caption, digits=digits, headers=headers, grouped=True
    )


def _few(own):
    """Why there is no hazard ratio."""
    if not own.rules.safe:
        return "there is one level only, or no event"
    return f"fewer than {own.rules.least} patients with the event or without it"


def _title(endpoint):
    """The name of an endpoint as a sentence begins."""
    return endpoint_name(endpoint).capitalize()


def _height(endpoint):
    """What the height of a curve of an endpoint is."""
    name = endpoint_name(endpoint)
    return f"Free of {name}" if endpoint in RECURRENCE_COLUMNS else _title(endpoint)


def _how_drawn(own):
    """How a curve is to be read, for its caption."""
    if not own.rules.safe:
        return " Shaded: 95% interval; marks: end of follow-up; below: numbers at risk."
    least = own.rules.least
    return (
        f" Rules applied: at least {least} events a step, on a {GRID_MONTHS}-month grid, cut where "
        f"fewer than {least} are at risk. Shaded: 95% interval, rounded outwards. Below: numbers "
        f"at risk, rounded; one changes when {least} have left."
    )


def _banded(own):
    """How estimates at a month are to be read, for the caption of their table."""
    if not own.rules.safe:
        return ""
    return (
        " Rules applied: an estimate is computed at its month and shown as a band of a fixed grid, "
        "with limits outwards to it."
    )


def _methods(own):
    """The sentences that fit what ran."""
    ran = own.ran
    variants = {(name, variant) for name, found in ran.items() for variant in found}
    if not ran:
        yield "No survival analysis could be made."
    if "kaplan_meier" in ran:
        yield (
            "Survival was estimated by the Kaplan–Meier method from the time zero of the cohort's "
            f"follow-up; pointwise 95% confidence intervals are on the {own.interval} scale."
        )
        yield from (f"{_title(name)}: {ENDPOINTS[name]}." for name in ran["kaplan_meier"])
    if "follow_up" in ran:
        yield "Median follow-up was estimated by the reverse Kaplan–Meier method."
    if "log_rank" in ran:
        yield "Groups were compared by the log-rank test of all levels as recorded."
    if ("log_rank", "permutation") in variants:
        yield (
            f"Where a group had fewer than {FEWEST_IN_LEVEL} events, the P value of the log-rank "
            "test was estimated from permutations of the groups, by the observed less the expected "
            "events (in their covariance under permutation for more than two groups)."
        )
    if "cumulative_incidence" in ran:
        yield (
            "Recurrences were described by the cumulative incidence with death as a competing "
            "event (Aalen–Johansen)."
        )
    if ("cox", "Cox") in variants:
        yield "Hazard ratios are of univariate Cox models with Efron's handling of ties."
    if ("cox", "Firth") in variants:
        yield (
            f"Where there were fewer than {FEWEST_EVENTS} events for a coefficient, fewer than "
            f"{FEWEST_IN_LEVEL} with a level, or no finite estimate, hazard ratios are of "
            "univariate Cox models with Firth's penalty and profile likelihood limits."
        )
    if "proportional_hazards" in ran:
        yield "Proportional hazards were examined by the score test."
    if "landmark" in ran:
        yield (
            "Survival after a recurrence was compared from a landmark at "
            f"{' and '.join(ran['landmark'])} months."
        )
    if {"log_rank", "cox", "proportional_hazards"} & set(ran):
        yield "P values are two-sided and were not adjusted for their number."
    if own.rules.safe:
        yield (
            f"Before release, counts below {own.rules.least} were withheld with their "
            "complements, other counts rounded to 5, and survival curves reduced to steps of at "
            f"least {own.rules.least} events on a {GRID_MONTHS}-month grid."
        )
