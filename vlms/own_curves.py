"""What becomes of the patients of a cohort: follow-up, endpoints, groups, competing risks.

In safe mode every curve is one of `vlms.safe_curves`, and what is read off is read off that.
"""

import pandas as pd

from vlms.disclosure import OTHER
from vlms.endpoints import RECURRENCE_COLUMNS, time_to_cause, time_to_event
from vlms.figures import plot_cumulative_incidence, plot_survival
from vlms.own_study import Study, data_file, endpoint_name, figure, skipped, slug, table, text
from vlms.presentation import say, together
from vlms.rounding import print_p
from vlms.safe_curves import (
    GRID_MONTHS,
    lengthen,
    quantile_of_steps,
    safe_incidence,
    safe_survival,
)
from vlms.survival import (
    cox,
    cumulative_incidence,
    kaplan_meier,
    log_rank,
    median_follow_up,
    survival_at,
    survival_quantile,
)


def show_follow_up(study: Study, *, label):
    """Show the median follow-up by the reverse Kaplan-Meier method.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Several
    """
    frame = time_to_event(study.patients, "overall_survival")
    if study.rules.safe:
        curve = safe_survival(frame["time"], ~frame["event"], study.rules, near=len(study.patients))
        if curve.empty:
            return skipped(study, "Follow-up", curve.attrs["reason"].replace("events", "survivors"))
        middle = quantile_of_steps(curve)
    else:
        curve = kaplan_meier(frame["time"], ~frame["event"], interval=study.interval)
        middle = median_follow_up(frame["time"], frame["event"], interval=study.interval).iloc[0]
    drawn = _draw(study, curve, "Still followed, had nobody died")
    sentence = say(
        "Median follow-up by the reverse Kaplan–Meier method: {time} (95% interval {lower} to "
        "{upper}).",
        **{name: _months(middle[name]) for name in ("time", "lower", "upper")},
    )
    caption = f"Follow-up, by the reverse Kaplan–Meier method.{_how(study)}"
    alt = "A curve falling from 100% as patients reach the end of their follow-up."
    return together(sentence, figure(study, drawn, label=label, caption=caption, alt=alt))


def show_endpoints(study: Study, *, label):
    """Show the curve of each endpoint, and a table of what is read off them.

    Parameters
    ----------
    study : Study
    label : str
        ``fig-`` …; each figure has the endpoint after it, the table is ``tbl-`` ….

    Returns
    -------
    Several
    """
    shown, rows = [], []
    for endpoint in study.endpoints:
        frame = time_to_event(study.patients, endpoint)
        curve = _curve(study, frame, near=len(study.patients))
        if curve.empty:
            shown.append(skipped(study, _named(endpoint), curve.attrs["reason"]))
            continue
        drawn = _draw(study, curve, _ylabel(endpoint))
        caption = f"{_named(endpoint)} of all patients.{_how(study)}"
        name = f"{label}-{slug(endpoint)}"
        alt = f"A curve of {endpoint_name(endpoint)}; its values are in the table that follows."
        shown.append(figure(study, drawn, label=name, caption=caption, alt=alt))
        rows += _read_off(study, curve, endpoint)
        if not study.rules.safe:
            shown.append(data_file(curve, name=name.replace("fig-", "tbl-curve-", 1)))
    if rows:
        caption = f"Survival free of the event at chosen months, with 95% intervals.{_when(study)}"
        name = label.replace("fig-", "tbl-", 1)
        shown.append(table(pd.DataFrame(rows), label=name, caption=caption, grouped=True))
    return together(*shown)


def show_groups(study: Study, *, label):
    """Show the curves of each group variable for each survival endpoint, with the log-rank test.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Several
    """
    if not study.group_variables:
        return skipped(study, "Curves by group", "no group variable was asked for")
    shown = []
    for variable in study.group_variables:
        named = study.rules.levels(study.patients[variable])
        for endpoint in study.endpoints:
            frame = time_to_event(study.patients, endpoint)
            section = f"{_named(endpoint)} by {study.label(variable).lower()}"
            name = f"{label}-{slug(variable)}-{slug(endpoint)}"
            sizes = named.value_counts().to_dict()
            shown += _compare(study, frame, named, sizes, section, name, endpoint)
    return together(*shown)


def show_competing_risks(study: Study, *, label):
    """Show the cumulative incidence of recurrences, death without one competing.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Several
    """
    shown, rows = [], []
    for endpoint in [name for name in study.endpoints if name in RECURRENCE_COLUMNS]:
        frame = time_to_cause(study.patients, endpoint)
        causes = {code: name for code, name in frame.attrs["causes"].items() if code}
        curve, causes = _incidences(study, frame, causes, _named(endpoint), shown)
        if curve is None:
            continue
        drawn = plot_cumulative_incidence(
            curve, causes=causes, interval=not study.rules.safe, times=_ticks(study, curve)
        )
        caption = (
            f"Cumulative incidence: {', '.join(causes.values())}. Deaths compete and are not "
            f"censored.{_how(study)}"
        )
        alt = "Rising curves of the share of patients that has had each event."
        name = f"{label}-{slug(endpoint)}"
        shown.append(figure(study, drawn, label=name, caption=caption, alt=alt))
        rows += _incidence_rows(study, curve, causes, endpoint)
    if rows:
        caption = f"Cumulative incidence at chosen months.{_when(study)}"
        name = label.replace("fig-", "tbl-", 1)
        shown.append(table(pd.DataFrame(rows), label=name, caption=caption, grouped=True))
    if not shown:
        shown = [skipped(study, "Competing risks", "the cohort records no recurrence")]
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
    shown = _compare(study, frame, named, {}, section, name, "overall_survival", both=True)
    return together(*shown)


def _compare(study, frame, named, sizes, section, name, endpoint, *, both=False):
    """Draw the curves of all groups that may be shown, and test them against each other."""
    named = named.loc[frame.index]
    curves, tested = [], []
    for level in [c for c in named.cat.categories if c != OTHER]:
        mine = frame[named == level]
        curve = _curve(study, mine, group=text(level), near=sizes.get(level))
        if not curve.empty:
            curves.append(curve)
            tested.append(level)
    if len(curves) < 2:
        reason = "fewer than two groups have enough patients and events"
        return [skipped(study, section, reason)]
    stacked = lengthen(curves, study.rules) if study.rules.safe else pd.concat(curves)
    drawn = _draw(study, stacked, _ylabel(endpoint))
    caption = f"{section}.{_how(study)}"
    alt = f"Survival curves of {len(curves)} groups; the test that compares them follows."
    shown = [figure(study, drawn, label=name, caption=caption, alt=alt)]
    left = [text(c) for c in named.cat.categories if c not in tested and c != OTHER]
    if study.rules.safe and (left or OTHER in named.cat.categories):
        skipped(study, f"{section}: some groups", "too few patients or events in each")
    rows = named.isin(tested)
    groups = named[rows].astype(str)
    found = log_rank(frame["time"][rows], frame["event"][rows], groups, **_method(frame, groups))
    sentence = "Log-rank test of {groups} groups ({method}): P {sign} {p}."
    printed = print_p(found.p_value)
    shown.append(
        say(
            sentence,
            groups=len(tested),
            method=found.method,
            sign="" if printed[0] in "<>" else "=",
            p=printed,
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
        "({lower:.2f|?} to {upper:.2f|?}).",
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


def _curve(study, frame, *, group="all", near=None):
    if study.rules.safe:
        return safe_survival(
            frame["time"],
            frame["event"],
            study.rules,
            group=group,
            interval=study.interval,
            near=near,
        )
    if frame.empty:
        return pd.DataFrame().assign(time=[])
    curve = kaplan_meier(frame["time"], frame["event"], interval=study.interval)
    return curve.assign(group=group)


def _incidences(study, frame, causes, section, shown):
    """Return the curves of all causes that may be shown, and these causes."""
    if not study.rules.safe:
        if not (frame["cause"] > 0).any():
            shown.append(skipped(study, f"Incidence: {section}", "there was no event"))
            return None, causes
        curve = cumulative_incidence(frame["time"], frame["cause"])
        return curve, {code: name for code, name in causes.items() if code in set(curve["cause"])}
    near, curves, kept = len(study.patients), [], {}
    for code, name in causes.items():
        curve = safe_incidence(frame["time"], frame["cause"], code, study.rules, near=near)
        if curve.empty:
            shown.append(skipped(study, f"Incidence: {name}", curve.attrs["reason"]))
        else:
            curves.append(curve)
            kept[code] = name
    return (pd.concat(curves, ignore_index=True) if curves else None), kept


def _draw(study, curve, ylabel):
    marks = not study.rules.safe
    return plot_survival(curve, censoring_marks=marks, times=_ticks(study, curve), ylabel=ylabel)


def _ticks(study, curve):
    """Months of the grid: only there is a number at risk that may be shown."""
    if not study.rules.safe:
        return None
    last = float(curve["time"].max())
    step = next((s for s in (6, 12, 24, 36, 60, 120) if last / s <= 8.5), 240)
    return [float(month) for month in range(0, int(last) + 1, step)]


def _read_off(study, curve, endpoint):
    """Survival at each landmark month, and the median."""
    rows = []
    if study.rules.safe:
        middle = quantile_of_steps(curve)
        steps = [0.0, *curve.attrs["steps"]]
        for month in study.landmark_months:
            reached = curve[curve["time"] <= month].iloc[-1]
            beyond = month > curve["time"].max()
            at = max(step for step in steps if step <= month)
            rows.append(_row(endpoint, f"{month:g}", None if beyond else reached, f"{at:g}"))
    else:
        middle = survival_quantile(curve).iloc[0]
        for _, found in survival_at(curve, study.landmark_months).iterrows():
            known = found if pd.notna(found["survival"]) else None
            rows.append(_row(endpoint, f"{found['time']:g}", known, f"{found['time']:g}"))
    interval = f"{_months(middle['lower'])} to {_months(middle['upper'])}"
    median = {"survival": _months(middle["time"]), "interval": interval, "read at": "–"}
    return [*rows, {"endpoint": _named(endpoint), "month": "median", **median}]


def _row(endpoint, month, found, at):
    row = {"endpoint": _named(endpoint), "month": month}
    if found is None:
        return row | {"survival": "–", "interval": "–", "read at": "beyond the curve"}
    interval = "–"
    if pd.notna(found["lower"]) or pd.notna(found["upper"]):
        interval = f"{_share(found['lower'])} to {_share(found['upper'])}"
    return row | {"survival": _share(found["survival"]), "interval": interval, "read at": at}


def _incidence_rows(study, curve, causes, endpoint):
    rows = []
    for code, name in causes.items():
        mine = curve[curve["cause"] == code]
        for month in study.landmark_months:
            reached = mine[mine["time"] <= month].iloc[-1]
            beyond = month > mine["time"].max()
            share = "–" if beyond else _share(reached["incidence"])
            event = f"{_named(endpoint)}: {name}"
            rows.append({"event": event, "month": f"{month:g}", "incidence": share})
    return rows


def _share(value):
    return "–" if pd.isna(value) else f"{value:.0%}"


def _months(value):
    return "not reached" if pd.isna(value) else f"{value:.0f} months"


def _named(endpoint):
    return endpoint_name(endpoint).capitalize()


def _ylabel(endpoint):
    return f"Free of {endpoint_name(endpoint)}" if endpoint in RECURRENCE_COLUMNS else "Survival"


def _how(study):
    if not study.rules.safe:
        return " Shaded: 95% interval; marks: end of follow-up; below: numbers at risk."
    least = study.rules.min_count
    return (
        f" Rules applied: at least {least} events a step, on a {GRID_MONTHS}-month grid, cut where "
        f"fewer than {least} are at risk. Shaded: 95% interval, rounded outwards. Below: "
        "numbers at risk, rounded."
    )


def _when(study):
    if not study.rules.safe:
        return ""
    return " “Read at” is the month of the last step of the curve: what came after it is not shown."
