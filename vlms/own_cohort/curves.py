"""What becomes of the patients of a cohort: follow-up, endpoints, competing risks.

In safe mode every curve is one of `vlms.disclosure.curves`, and what is read off is read off that.
"""

import pandas as pd

from vlms.disclosure import (
    GRID_MONTHS,
    quantile_of_steps,
    safe_incidence,
    safe_survival,
)
from vlms.endpoints import RECURRENCE_COLUMNS, time_to_cause, time_to_event
from vlms.figures import plot_cumulative_incidence, plot_survival
from vlms.own_cohort.study import Study, data_file, endpoint_name, figure, skipped, slug, table
from vlms.presentation import say, together
from vlms.survival import (
    cumulative_incidence,
    kaplan_meier,
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
        Or one sentence (Shown) where too few survived to draw it.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> print(show_follow_up(study, label="fig-follow-up").shown[0])
    Median follow-up by the reverse Kaplan–Meier method: ...
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
    drawn = draw_survival(study, curve, "Still followed, had nobody died")
    coarse = " It is read from the steps below, so it may be late." if study.rules.safe else ""
    sentence = say(
        "Median follow-up by the reverse Kaplan–Meier method: {time} (95% interval {lower} to "
        "{upper})." + coarse,
        **{name: _months(middle[name]) for name in ("time", "lower", "upper")},
    )
    caption = f"Follow-up, by the reverse Kaplan–Meier method.{how_drawn(study)}"
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

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv", endpoints=["overall_survival"])
    >>> print(show_endpoints(study, label="fig-km").shown[0])
    Figure fig-km-overall-survival: Overall survival of all patients. ...
    """
    shown, rows = [], []
    for endpoint in study.endpoints:
        frame = time_to_event(study.patients, endpoint)
        curve = curve_of(study, frame, near=len(study.patients))
        if curve.empty:
            shown.append(skipped(study, title_of(endpoint), curve.attrs["reason"]))
            continue
        drawn = draw_survival(study, curve, height_of(endpoint))
        caption = f"{title_of(endpoint)} of all patients.{how_drawn(study)}"
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


def survival_text(study: Study, endpoint, month) -> str:
    """Return survival at a month as it may be printed, with the month it is read at.

    Parameters
    ----------
    study : Study
    endpoint : str
    month : float

    Returns
    -------
    str
    """
    curve = curve_of(study, time_to_event(study.patients, endpoint), near=len(study.patients))
    if curve.empty or month > curve["time"].max():
        return "–"
    if not study.rules.safe:
        return _share(curve.loc[curve["time"] <= month, "survival"].iloc[-1])
    reached, at = _last_step(curve, month)
    if reached is None:
        return "–"
    share = _share(reached["survival"])
    return share if at == f"{month:g}" else f"{share} (read at {at} months)"


def show_competing_risks(study: Study, *, label):
    """Show the cumulative incidence of recurrences, death without one competing.

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
    >>> study = open_study(DATA / "example_cohort" / "patients.csv", endpoints=["local_recurrence"])
    >>> print(show_competing_risks(study, label="fig-cr").shown[0])
    Figure fig-cr-local-recurrence: Cumulative incidence: local recurrence, death without it. ...
    """
    shown, rows = [], []
    for endpoint in [name for name in study.endpoints if name in RECURRENCE_COLUMNS]:
        frame = time_to_cause(study.patients, endpoint)
        causes = {code: name for code, name in frame.attrs["causes"].items() if code}
        curve, causes = _incidences(study, frame, causes, title_of(endpoint), shown)
        if curve is None:
            continue
        drawn = plot_cumulative_incidence(
            curve, causes=causes, interval=not study.rules.safe, times=_ticks(study, curve)
        )
        caption = (
            f"Cumulative incidence: {', '.join(causes.values())}. Deaths compete and are not "
            f"censored.{how_drawn(study, interval=not study.rules.safe)}"
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
        shown = [skipped(study, "Competing risks", "no recurrence is recorded or asked for")]
    return together(*shown)


def curve_of(study: Study, frame, *, group="all", near=None):
    """Estimate the curve of one group as it may be shown; empty where it may not.

    `near` is how many patients the group was said to have elsewhere.
    """
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
    if not curves:
        return None, kept
    stacked = pd.concat(curves, ignore_index=True)
    stacked.attrs = {"steps": {c["cause"].iloc[0]: c.attrs["steps"] for c in curves}}
    return stacked, kept


def draw_survival(study: Study, curve, ylabel, *, xlabel="Months"):
    """Draw curves with what the mode allows: censoring marks only when everything is shown."""
    marks = not study.rules.safe
    return plot_survival(
        curve,
        censoring_marks=marks,
        times=_ticks(study, curve),
        xlabel=xlabel,
        ylabel=ylabel,
    )


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
        for month in study.landmark_months:
            reached, at = _last_step(curve, month)
            rows.append(_row(endpoint, f"{month:g}", reached, at))
    else:
        middle = survival_quantile(curve).iloc[0]
        for _, found in survival_at(curve, study.landmark_months).iterrows():
            known = pd.notna(found["survival"])
            at = f"{found['time']:g}" if known else "beyond the curve"
            rows.append(_row(endpoint, f"{found['time']:g}", found if known else None, at))
    interval = f"{_months(middle['lower'])} to {_months(middle['upper'])}"
    median = {"survival": _months(middle["time"]), "interval": interval, "read at": "–"}
    return [*rows, {"endpoint": title_of(endpoint), "month": "median", **median}]


def _row(endpoint, month, found, at):
    row = {"endpoint": title_of(endpoint), "month": month}
    if found is None:
        return row | {"survival": "–", "interval": "–", "read at": at}
    interval = "–"
    if pd.notna(found["lower"]) or pd.notna(found["upper"]):
        interval = f"{_share(found['lower'])} to {_share(found['upper'])}"
    return row | {"survival": _share(found["survival"]), "interval": interval, "read at": at}


def _incidence_rows(study, curve, causes, endpoint):
    rows = []
    for code, name in causes.items():
        mine = curve[curve["cause"] == code]
        steps = curve.attrs.get("steps", {}).get(code)
        for month in study.landmark_months:
            if steps is not None:
                reached, at = _last_step(mine, month, steps=steps)
            else:
                within = month <= mine["time"].max()
                reached = mine[mine["time"] <= month].iloc[-1] if within else None
                at = f"{month:g}" if within else "beyond the curve"
            share = "–" if reached is None else _share(reached["incidence"])
            event = f"{title_of(endpoint)}: {name}"
            row = {"event": event, "month": f"{month:g}", "incidence": share, "read at": at}
            rows.append(row)
    return rows


def _last_step(curve, month, *, steps=None):
    """Return the row of a safe curve at a month, and the month of its last step until then."""
    if month > curve["time"].max():
        return None, "beyond the curve"
    at = [step for step in (steps or curve.attrs["steps"]) if step <= month]
    if not at:
        return None, "before the first step"
    return curve[curve["time"] <= month].iloc[-1], f"{at[-1]:g}"


def _share(value):
    return "–" if pd.isna(value) else f"{value:.0%}"


def _months(value):
    return "not reached" if pd.isna(value) else f"{value:.0f} months"


def title_of(endpoint) -> str:
    """Return the name of an endpoint as a sentence begins."""
    return endpoint_name(endpoint).capitalize()


def height_of(endpoint) -> str:
    """Return what the height of a curve of an endpoint is."""
    return f"Free of {endpoint_name(endpoint)}" if endpoint in RECURRENCE_COLUMNS else "Survival"


def how_drawn(study: Study, *, interval=True) -> str:
    """Return how a curve is to be read, for its caption."""
    if not study.rules.safe:
        return " Shaded: 95% interval; marks: end of follow-up; below: numbers at risk."
    least = study.rules.min_count
    shaded = "Shaded: 95% interval, rounded outwards. " if interval else ""
    return (
        f" Rules applied: at least {least} events a step, on a {GRID_MONTHS}-month grid, cut where "
        f"fewer than {least} are at risk. {shaded}Below: numbers at risk, rounded; one changes "
        f"when {least} have left."
    )


def _when(study):
    if not study.rules.safe:
        return ""
    return (
        " “Read at” is the month of the last step of the curve: what came after it is not shown. A "
        "median lies between the step that is given and the one before."
    )
