"""Groups of a cohort compared: curves by group, and after a recurrence from a landmark on.

The curves of all groups are drawn, or none is. The test is of all levels as they were recorded, or
there is none. Patients whose group is not known are counted beside it.
"""

import pandas as pd

from vlms.disclosure import OTHER, lengthen, shared_steps
from vlms.endpoints import RECURRENCE_COLUMNS, time_to_event
from vlms.own_cohort.curves import curve_of, draw_survival, height_of, how_drawn, title_of
from vlms.own_cohort.study import Study, data_file, figure, skipped, slug, text
from vlms.presentation import say, together
from vlms.rounding import print_p
from vlms.survival import at_landmark, cox, log_rank

FEWEST_FOR_CHI_SQUARE = 5  # events in a group; with fewer, P is from permutations


def show_groups(study: Study, *, label):
    """Show the curves of each group variable for each survival endpoint, with the log-rank test.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Several
        Or one sentence (Shown) where there is nothing to compare.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(
    ...     DATA / "example_cohort" / "patients.csv",
    ...     endpoints=["overall_survival"],
    ...     group_variables=["sex"],
    ... )
    >>> print(show_groups(study, label="fig-by").shown[0])
    Figure fig-by-sex-overall-survival: Overall survival by sex. ...
    """
    if not study.group_variables:
        return skipped(study, "Curves by group", "no group variable was asked for")
    shown = []
    for variable in study.group_variables:
        values = study.patients[variable]
        for endpoint in study.endpoints:
            frame = time_to_event(study.patients, endpoint)
            section = f"{title_of(endpoint)} by {study.label(variable).lower()}"
            name = f"{label}-{slug(variable)}-{slug(endpoint)}"
            called = study.label(variable)
            shown += _compare(study, frame, values, section, name, endpoint, variable=called)
    return together(*shown)


def show_landmark(study: Study, *, label):
    """Show survival after a landmark of those with and without a recurrence before it.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Several
        Or one sentence (Shown) where there is nothing to compare.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv", landmark_months=[12])
    >>> print(show_landmark(study, label="fig-landmark").shown[0])
    Figure fig-landmark-recurrence: Survival after month 12 by recurrence until then. ...
    """
    month, patients = study.landmark_months[0], study.patients
    columns = [column for column in RECURRENCE_COLUMNS.values() if column in patients]
    if not columns:
        return skipped(study, "Landmark analysis", "the cohort records no recurrence")
    frame = time_to_event(patients, "overall_survival")
    first = patients.loc[frame.index, columns].astype("float64").min(axis=1)
    frame = at_landmark(frame.assign(first=first), month, happened={"recurred": "first"})
    if frame.empty:
        return skipped(study, "Landmark analysis", "nobody was followed beyond the landmark")
    group = frame["recurred"].map(
        {True: "recurrence until then", False: "no recurrence until then"}
    )
    section = f"Survival after month {month:g} by recurrence until then"
    shown = _compare(
        study, frame, group, section, f"{label}-recurrence", "overall_survival", start=month
    )
    return together(*shown)


def _compare(study, frame, values, section, name, endpoint, *, variable="", start=None):
    """Draw the curves of all groups and test them against each other, or say why not.

    `values` are those of all patients, of whom `frame` may hold a part.
    """
    rules = study.rules
    pooled = rules.levels(values)
    sizes = pooled.value_counts().to_dict()
    pooled = pooled.loc[frame.index]
    lacking = rules.count(values.loc[frame.index].isna().sum()) if variable else "0"
    shown = _curves(
        study,
        frame,
        pooled,
        sizes,
        lacking,
        section,
        name,
        endpoint,
        variable=variable,
        start=start,
    )
    drawn = len(shown) > 1 or "text/html" in shown[0].bundle
    recorded = rules.recorded(values).loc[frame.index]
    found, reason = _test(study, frame, recorded)
    left = "" if lacking == "0" else " Left out, as {variable} is missing: {lacking}."
    if reason:
        shown.append(skipped(study, f"Log-rank test: {section}", reason))
        return shown
    levels = int(recorded.nunique())
    printed = print_p(found.p_value)
    study.note("log_rank", found.method)
    if start is not None and drawn:
        study.note("landmark", f"{start:g}")
    sentence = "Log-rank test of all {levels} levels as recorded ({method}): P {p}." + left
    called = {"variable": variable, "lacking": lacking} if left else {}
    p = printed if printed[0] in "<>" else f"= {printed}"
    shown.append(say(sentence, levels=levels, method=found.method, p=p, **called))
    if start is not None:
        shown.append(_ratio(study, frame, recorded, section))
    return shown


def _curves(study, frame, pooled, sizes, lacking, section, name, endpoint, *, variable, start):
    """Draw the curves of all groups, or say why none is drawn."""
    rules = study.rules
    yes_no = set(pooled.cat.categories) <= {"yes", "no", OTHER}
    prefix = f"{variable}: " if yes_no and variable else ""
    groups = {c: frame[pooled == c] for c in pooled.cat.categories if (pooled == c).any()}
    if len(groups) < 2:
        return [skipped(study, section, "there are fewer than two groups that can be shown")]
    steps, curves = None, []
    for _ in range(2 if rules.safe else 1):  # first each alone, to see whether it may be drawn
        curves = [
            curve_of(study, mine, group=prefix + text(c), near=sizes.get(c), steps=steps)
            for c, mine in groups.items()
        ]
        reasons = [curve.attrs["reason"] for curve in curves if curve.empty]
        if reasons:
            why = f"not all groups can be drawn, and no part of them is ({reasons[0]} in one)"
            return [skipped(study, section, why)]
        if rules.safe:
            steps = shared_steps([(g["time"], g["event"]) for g in groups.values()], rules)
    clock = "Months" if start is None else f"Months after month {start:g}"
    stacked = lengthen(curves, rules) if rules.safe else pd.concat(curves, ignore_index=True)
    study.note("kaplan_meier", endpoint)
    if start is not None:
        study.note("landmark", f"{start:g}")
    drawn = draw_survival(study, stacked, height_of(endpoint), xlabel=clock)
    together_ = " All groups step in the same months." if rules.safe else ""
    out = "" if lacking == "0" or pooled.notna().all() else f" Not drawn, as missing: {lacking}."
    caption = f"{section}.{how_drawn(study)}{together_}{out}"
    alt = f"Survival curves of {len(curves)} groups; the test that compares them follows."
    shown = [figure(study, drawn, label=name, caption=caption, alt=alt)]
    if not rules.safe:
        shown.append(data_file(stacked, name=name.replace("fig-", "tbl-curve-", 1)))
    return shown


def _test(study, frame, recorded):
    """Test all levels against each other, or say why not."""
    known = recorded.notna()
    groups = recorded[known].astype(str)
    events = frame["event"][known].groupby(groups).sum()
    if len(events) < 2 or not events.sum():
        return None, "there is one level only, or no event"
    least = study.rules.min_count
    if study.rules.safe and events.min() < least:
        return None, f"a level has fewer than {least} events, and no part is tested without it"
    few = events.min() < FEWEST_FOR_CHI_SQUARE
    method = {"method": "permutation", "resamples": 20_000} if few else {}
    return log_rank(frame["time"][known], frame["event"][known], groups, **method), ""


def _ratio(study, frame, groups, section):
    """Say the hazard ratio of the second of two groups against the first."""
    least, counts = study.rules.min_count, pd.crosstab(groups, frame["event"])
    if study.rules.safe and (counts.shape != (2, 2) or counts.to_numpy().min() < least):
        reason = f"fewer than {least} patients of a group with the event or without it"
        return skipped(study, f"Hazard ratio: {section}", reason)
    one, other = [level for level in groups.cat.categories if (groups == level).any()]
    order = pd.Categorical(groups, categories=[one, other])
    fit = cox(frame.assign(group=order), "group").iloc[0]
    study.note("cox", "Cox")
    return say(
        "Hazard ratio of “{one}” against “{other}”: {hr:.2f|no estimate} "
        "(95% interval {lower:.2f|?} to {upper:.2f|?}).",
        one=str(other),
        other=str(one),
        hr=fit["hazard_ratio"],
        lower=fit["lower"],
        upper=fit["upper"],
    )
