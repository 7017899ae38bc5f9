"""Groups of a cohort compared: curves by group, and after a recurrence from a landmark on.

A group is drawn and tested only if its curve may be shown; the rules are those of `curves`.
"""

import pandas as pd

from vlms.disclosure import OTHER, lengthen
from vlms.endpoints import RECURRENCE_COLUMNS, time_to_event
from vlms.own_cohort.curves import curve_of, draw_survival, height_of, how_drawn, title_of
from vlms.own_cohort.study import Study, figure, skipped, slug, text
from vlms.presentation import say, together
from vlms.rounding import print_p
from vlms.survival import cox, log_rank


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
        named = study.rules.levels(study.patients[variable])
        for endpoint in study.endpoints:
            frame = time_to_event(study.patients, endpoint)
            section = f"{title_of(endpoint)} by {study.label(variable).lower()}"
            name = f"{label}-{slug(variable)}-{slug(endpoint)}"
            sizes = named.value_counts().to_dict()
            called = study.label(variable)
            shown += _compare(study, frame, named, sizes, section, name, endpoint, variable=called)
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
    Figure fig-landmark-recurrence: Survival after month 12 by recurrence before it. ...
    """
    month, patients = study.landmark_months[0], study.patients
    columns = [column for column in RECURRENCE_COLUMNS.values() if column in patients]
    if not columns:
        return skipped(study, "Landmark analysis", "the cohort records no recurrence")
    frame = time_to_event(patients, "overall_survival")
    frame = frame[frame["time"] > month]
    if frame.empty:
        return skipped(study, "Landmark analysis", "nobody was followed beyond the landmark")
    first = patients.loc[frame.index, columns].astype("float64").min(axis=1)
    group = (first <= month).map({True: "recurrence before", False: "no recurrence before"})
    frame = frame.assign(time=frame["time"] - month)
    named = study.rules.levels(group)
    section = f"Survival after month {month:g} by recurrence before it"
    name = f"{label}-recurrence"
    shown = _compare(
        study, frame, named, {}, section, name, "overall_survival", both=True, start=month
    )
    return together(*shown)


def _compare(
    study, frame, named, sizes, section, name, endpoint, *, variable="", both=False, start=0
):
    """Draw the curves of all groups that may be shown, and test them against each other."""
    named = named.loc[frame.index]
    prefix = f"{variable}: " if set(named.cat.categories) <= {"yes", "no", OTHER} else ""
    curves, tested = [], []
    for level in [c for c in named.cat.categories if c != OTHER]:
        mine = frame[named == level]
        curve = curve_of(study, mine, group=prefix + text(level), near=sizes.get(level))
        if not curve.empty:
            curves.append(curve)
            tested.append(level)
    if len(curves) < 2:
        reason = "fewer than two groups have enough patients and events"
        return [skipped(study, section, reason)]
    stacked = lengthen(curves, study.rules) if study.rules.safe else pd.concat(curves)
    clock = f"Months after month {start:g}" if start else "Months"
    drawn = draw_survival(study, stacked, height_of(endpoint), xlabel=clock)
    caption = f"{section}.{how_drawn(study)}"
    alt = f"Survival curves of {len(curves)} groups; the test that compares them follows."
    shown = [figure(study, drawn, label=name, caption=caption, alt=alt)]
    left = [text(c) for c in named.cat.categories if c not in tested and c != OTHER]
    if study.rules.safe and (left or OTHER in named.cat.categories):
        skipped(study, f"{section}: some groups", "too few patients or events in each")
    rows = named.isin(tested)
    groups = named[rows].astype(str)
    found = log_rank(frame["time"][rows], frame["event"][rows], groups, **_method(frame, groups))
    sentence = "Log-rank test of {groups} groups ({method}): P {p}."
    printed = print_p(found.p_value)
    shown.append(
        say(
            sentence,
            groups=len(tested),
            method=found.method,
            p=printed if printed[0] in "<>" else f"= {printed}",
        )
    )
    if both and len(tested) == 2:
        shown.append(_ratio(frame[rows], groups, tested))
    return shown


def _ratio(frame, groups, tested):
    """Say the hazard ratio of two groups."""
    order = pd.Categorical(groups, categories=tested)
    fit = cox(frame.assign(group=order), "group").iloc[0]
    return say(
        "Hazard ratio of “{one}” against “{other}”: {hr:.2f|no estimate} "
        "(95% interval {lower:.2f|?} to {upper:.2f|?}).",
        one=str(tested[1]),
        other=str(tested[0]),
        hr=fit["hazard_ratio"],
        lower=fit["lower"],
        upper=fit["upper"],
    )


def _method(frame, groups):
    """Permute where a group has too few events for the chi-square approximation."""
    fewest = frame["event"].groupby(groups).sum().min()
    return {"method": "permutation", "resamples": 20_000} if fewest < 5 else {}
