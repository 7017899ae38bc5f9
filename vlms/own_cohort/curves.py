"""What becomes of the patients of a cohort: follow-up, endpoints, competing risks.

In safe mode every curve is one of `vlms.disclosure.curves`; survival at a month and medians are
exact, and shown as bands.
"""

import numpy as np
import pandas as pd

from vlms.disclosure import (
    GRID_MONTHS,
    WITHHELD,
    band,
    band_limits,
    between_steps,
    lengthen,
    safe_incidence,
    safe_survival,
    shared_steps,
    withheld_at,
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
    else:
        curve = kaplan_meier(frame["time"], ~frame["event"], interval=study.interval)
    study.note("follow_up")
    middle = median_follow_up(frame["time"], frame["event"], interval=study.interval).iloc[0]
    time, interval = _median(study, curve, middle)
    drawn = draw_survival(study, curve, "Still followed, had nobody died")
    sentence = say(
        "Median follow-up by the reverse Kaplan–Meier method: {time} (95% interval {interval}).",
        time=time,
        interval=interval,
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
        study.note("kaplan_meier", endpoint)
        drawn = draw_survival(study, curve, height_of(endpoint))
        caption = f"{title_of(endpoint)} of all patients.{how_drawn(study)}"
        name = f"{label}-{slug(endpoint)}"
        alt = f"A curve of {endpoint_name(endpoint)}; its values are in the table that follows."
        shown.append(figure(study, drawn, label=name, caption=caption, alt=alt))
        rows += _read_off(study, frame, curve, endpoint)
        if not study.rules.safe:
            shown.append(data_file(curve, name=name.replace("fig-", "tbl-curve-", 1)))
    if rows:
        caption = f"Survival free of the event at chosen months, with 95% intervals.{_when(study)}"
        name = label.replace("fig-", "tbl-", 1)
        shown.append(table(pd.DataFrame(rows), label=name, caption=caption, grouped=True))
    return together(*shown)


def survival_text(study: Study, endpoint, month) -> str:
    """Return survival at a month as it may be printed.

    Parameters
    ----------
    study : Study
    endpoint : str
    month : float

    Returns
    -------
    str
    """
    frame = time_to_event(study.patients, endpoint)
    return _survival_at(study, frame, month)["survival"]


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
        study.note("cumulative_incidence", endpoint)
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
        rows += _incidence_rows(study, frame, causes, endpoint)
    if rows:
        caption = f"Cumulative incidence at chosen months.{_when(study)}"
        name = label.replace("fig-", "tbl-", 1)
        shown.append(table(pd.DataFrame(rows), label=name, caption=caption, grouped=True))
    if not shown:
        shown = [skipped(study, "Competing risks", "no recurrence is recorded or asked for")]
    return together(*shown)


def curve_of(study: Study, frame, *, group="all", near=None, steps=None):
    """Estimate the curve of one group as it may be shown; empty where it may not.

    `near` and `steps` as `safe_survival` takes them.
    """
    if study.rules.safe:
        return safe_survival(
            frame["time"],
            frame["event"],
            study.rules,
            group=group,
            interval=study.interval,
            near=near,
            steps=steps,
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
    near, kept, steps = len(study.patients), {}, None
    for _ in range(2):  # first each alone, to see which may be drawn; then all on shared steps
        drawn = {
            code: safe_incidence(
                frame["time"], frame["cause"], code, study.rules, near=near, steps=steps
            )
            for code in kept or causes
        }
        for code, curve in drawn.items():
            if curve.empty:
                reason = curve.attrs["reason"]
                shown.append(skipped(study, f"Incidence: {causes[code]}", reason))
        kept = {code: causes[code] for code, curve in drawn.items() if not curve.empty}
        if not kept:
            return None, kept
        steps = shared_steps(
            [(frame["time"], frame["cause"] == code) for code in kept], study.rules
        )
    return lengthen([drawn[code] for code in kept], study.rules), kept


def draw_survival(study: Study, curve, ylabel, *, xlabel="Months"):
    """Draw curves with what the mode allows: censoring marks only when everything is shown."""
    marks = not study.rules.safe
    if study.rules.safe:  # so that the last step of a curve is seen before it ends
        known = curve[curve["survival"].notna()]
        last = known.groupby("group", sort=False).tail(1)
        after = last.assign(time=last["time"] + GRID_MONTHS / 2)
        curve = pd.concat([known, after, curve[curve["survival"].isna()]])
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


def _read_off(study, frame, curve, endpoint):
    """Survival at each landmark month, and the median."""
    rows = []
    for month in study.landmark_months:
        found = _survival_at(study, frame, month)
        rows.append({"endpoint": title_of(endpoint), "month": f"{month:g}", **found})
    exact = kaplan_meier(frame["time"], frame["event"], interval=study.interval)
    middle, interval = _median(study, curve, survival_quantile(exact).iloc[0])
    median = {"survival": middle, "interval": interval}
    return [*rows, {"endpoint": title_of(endpoint), "month": "median", **median}]


def _survival_at(study, frame, month):
    """Survival at a month with its interval, as both may be printed, or why it is not."""
    rules, n = study.rules, len(frame)
    if rules.safe and (reason := withheld_at(frame["time"], frame["event"], month, rules)):
        return {"survival": WITHHELD, "interval": reason}
    curve = kaplan_meier(frame["time"], frame["event"], interval=study.interval)
    found = survival_at(curve, month).iloc[0]
    share, lower, upper = found["survival"], found["lower"], found["upper"]
    if pd.isna(share):
        return {"survival": "–", "interval": "beyond the last observation"}
    if rules.safe:
        return {"survival": band(share, n), "interval": band_limits(lower, upper, n)}
    known = pd.notna(lower) or pd.notna(upper)
    interval = f"{_share(lower)} to {_share(upper)}" if known else "–"
    return {"survival": _share(share), "interval": interval}


def _incidence_rows(study, frame, causes, endpoint):
    """Incidence of each cause at each landmark month, as it may be printed, or why it is not."""
    rules, exact = study.rules, cumulative_incidence(frame["time"], frame["cause"])
    last = frame["time"].max()
    for code, name in causes.items():
        mine = exact[exact["cause"] == code]
        for month in study.landmark_months:
            reason = "" if month <= last else "beyond the last observation"
            if rules.safe:
                reason = withheld_at(frame["time"], frame["cause"] == code, month, rules)
            share = mine.loc[mine["time"] <= month, "incidence"].iloc[-1]
            said = reason or (band(share, len(frame)) if rules.safe else _share(share))
            event = f"{title_of(endpoint)}: {name}"
            yield {"event": event, "month": f"{month:g}", "incidence": said}


def _median(study, curve, exact):
    """A median and its interval as both may be printed."""
    if not study.rules.safe:
        return (
            _months(exact["time"]),
            f"{_months(exact['lower'])} to {_months(exact['upper'])}",
        )
    after, by = between_steps(exact["time"], curve)
    lower, upper = between_steps(exact["lower"], curve)[0], between_steps(exact["upper"], curve)[1]
    return _span(after, by), _span(lower, upper)


def _span(after, by):
    """Months between two steps of a curve."""
    if pd.isna(after):
        return "not reached"
    if pd.isna(by) or np.isinf(by):
        return f"after month {after:g}" if after else "without limits"
    return f"{after:g} to {by:g} months" if after else f"by month {by:g}"


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
        " Rules applied: an estimate is computed at its month and shown as a band of a fixed grid, "
        "with limits outwards to it; a median is shown as the steps of the curve that it lies "
        "between."
    )
