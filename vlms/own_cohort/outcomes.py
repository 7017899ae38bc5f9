"""What became of the patients: curves, comparisons of groups, competing risks, landmarks.

A test, curve or table covers all patients and says beside the number who is left out, or it is
withheld and the reason stands in its place.
"""

import numpy as np
import pandas as pd

from vlms.disclosure import (
    WITHHELD,
    Withheld,
    between_steps,
    estimate_at,
    incidence_curves,
    survival_curves,
)
from vlms.figures import plot_cumulative_incidence, plot_survival
from vlms.own_cohort.models import (
    FEWEST_IN_LEVEL,
    complete_case_ratios,
    model,
    ratio_text,
    sign,
    term_of,
)
from vlms.own_cohort.opening import OwnCohort, folded, slug, text
from vlms.own_cohort.patients import TOO_FEW_GROUPS, count_events
from vlms.showing import say, together
from vlms.survival import (
    at_landmark,
    cox,
    cumulative_incidence,
    gray_test,
    kaplan_meier,
    log_rank,
    survival_at,
    survival_quantile,
)


def show_summary(own: OwnCohort):
    """Say in a few sentences how many patients, events and years the report rests on."""
    endpoint = own.endpoints[0]
    frame = own.frame(endpoint)
    shown = [
        say(
            "**{n} patients**, {events} with the event of the primary endpoint, {name}: "
            "{definition}. Times are in {clock}.",
            n=own.rules.count(len(frame), near=len(own.patients)),
            events=count_events(own, endpoint),
            name=own.name(endpoint),
            definition=own.definition(endpoint),
            clock=_clock(own)[0].lower() + _clock(own)[1:],
        )
    ]
    read = [(f"{time:g}", *survival_of(own, frame, time)) for time in own.landmarks]
    told = [
        f"{share} ({limits}) at {time} {own.unit}"
        for time, share, limits in read
        if share not in (WITHHELD, "–")
    ]
    if told:
        sentence = "{height} (95% interval): {told}."
        shown.append(say(sentence, height=own.height(endpoint), told="; ".join(told)))
    return together(*shown)


def show_follow_up(own: OwnCohort, label="fig-follow-up"):
    """Show the median follow-up by the reverse Kaplan-Meier method."""
    endpoint, shown = own.of_death or own.endpoints[0], []
    frame = own.frame(endpoint)
    ended = frame["cause"] > 0 if "cause" in frame else frame["event"]
    with own.section("Follow-up", shown):
        reverse = frame.assign(event=~ended)
        curve, exact = _curves(own, reverse), survival_quantile(_exact(own, reverse)).iloc[0]
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
        shown.append(
            folded(
                "The curve of follow-up", [own.figure(drawn, label=label, caption=caption, alt=alt)]
            )
        )
    return together(*shown)


def show_endpoints(own: OwnCohort, label="fig-endpoints"):
    """Show the curve of each endpoint, and a table of survival at chosen times and medians."""
    shown, rows = [], []
    for endpoint in own.endpoints:
        frame, title = own.frame(endpoint), own.title(endpoint)
        with own.section(title, shown):
            curve = _curves(own, frame)
            own.note("kaplan_meier", endpoint)
            name = f"{label}-{slug(endpoint)}"
            caption = f"{title} of all patients.{_how_drawn(own)}"
            alt = f"A curve of {own.name(endpoint)}; its values are in the table that follows."
            drawn = _draw(own, curve, own.height(endpoint))
            shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
            shown += _curve_file(own, curve, name)
            numbers = (
                own.rules.count(len(frame), near=len(own.patients)),
                count_events(own, endpoint),
            )
            for time in own.landmarks:
                rows.append((title, *numbers, f"{time:g}", *survival_of(own, frame, time)))
            exact = survival_quantile(_exact(own, frame)).iloc[0]
            rows.append((title, *numbers, "median", *_median(own, exact, curve)))
    if rows:
        columns = ["endpoint", "patients", "events", own.unit, "survival", "interval"]
        caption = f"Survival free of the event at chosen times, with 95% intervals.{_banded(own)}"
        caption += " A median lies between two steps of the curve." if own.rules.safe else ""
        name = label.replace("fig-", "tbl-", 1)
        table = pd.DataFrame(rows, columns=columns)
        shown.append(own.table(table, label=name, caption=caption, grouped=True))
    return together(*shown)


def show_groups(own: OwnCohort, label="fig-groups"):
    """Show the curves of each group for each endpoint, with hazard ratios and the log-rank test.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort import open_cohort
    >>> own = open_cohort(
    ...     DATA / "example_cohort" / "patients.csv",
    ...     endpoints=["overall_survival"],
    ...     groups=["sex"],
    ... )
    >>> for shown in show_groups(own).shown:
    ...     print(shown)
    Figure fig-groups-sex-overall-survival: Overall survival by Sex. ...
    Log-rank test of all 2 levels as recorded (asymptotic): P ... Left out, as Sex is missing: <10.
    Table tbl-groups: ...
    """
    if not own.groups:
        return own.skipped("Curves by group", "no group was asked for: --group, or --cut")
    shown, rows = [], []
    for variable in own.groups:
        for place, endpoint in enumerate(own.endpoints):
            section = f"{own.title(endpoint)} by {own.label(variable)}"
            name = f"{label}-{slug(variable)}-{slug(endpoint)}"
            values, frame = own.patients[variable], own.frame(endpoint)
            found = _compare(own, frame, values, section, name, endpoint, column=variable)
            shown += [folded(section, found)] if place else found
            rows += _ratios(own, frame, variable, endpoint)
    if rows:
        data = pd.DataFrame(rows)
        counts = [] if own.rules.safe else ["patients", "events"]
        data = data.drop(columns=["patients", "events"]) if own.rules.safe else data
        table = data[["endpoint", "comparison", *counts]].assign(
            **{"HR (95% CI)": [ratio_text(row, level="") for row in rows]}
        )
        caption = "Hazard ratios of the groups, alone"
        if own.adjust:
            names = ", ".join(_in_unit(own, name) for name in own.adjust)
            caption += f", and adjusted for {names} (a cut not for the number that it is made of)"
            table["adjusted HR (95% CI)"] = data["adjusted"]
            table["complete cases"] = data["complete_cases"]
        caption += ". Fitted by Cox, or with Firth's penalty where events are few; see Methods."
        name = label.replace("fig-", "tbl-", 1)
        shown.append(own.table(table, label=name, caption=caption, data=data, grouped=True))
    return together(*shown)


def show_competing_risks(own: OwnCohort, label="fig-incidence"):
    """Show the cumulative incidence of each endpoint with which other events compete."""
    shown, rows = [], []
    chosen = [name for name in own.endpoints if "cause" in own.frame(name)]
    if not chosen:
        return own.idle("Competing risks", "no endpoint has an event that competes")
    for endpoint in chosen:
        frame, title = own.frame(endpoint), own.title(endpoint)
        with own.section(f"Incidence: {title}", shown):
            if "entry" in frame:
                raise Withheld("entry is delayed in this study")
            causes = _causes(frame)
            options = {"causes": list(causes), "size": len(own.patients)}
            curve = incidence_curves(frame["time"], frame["cause"], own.rules, **options)
            own.note("cumulative_incidence", endpoint)
            for code, reason in curve.attrs["withheld"].items():
                shown.append(own.skipped(f"{title}: incidence of {causes[code]}", reason))
            causes = {code: causes[code] for code in dict.fromkeys(curve["cause"])}
            caption = (
                f"{title}: cumulative incidence of {' and '.join(causes.values())}. Events that "
                f"compete are not censored.{_how_drawn(own)}"
            )
            caption = caption.replace("; marks: end of follow-up", "")
            alt = "Rising curves of the share of patients that has had each event."
            ticks = {"times": _ticks(own, curve), "xlabel": _clock(own)}
            drawn = plot_cumulative_incidence(curve, causes=causes, **ticks)
            name = f"{label}-{slug(endpoint)}"
            shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
            exact = cumulative_incidence(frame["time"], frame["cause"])
            for code, called in causes.items():
                for time in own.landmarks:
                    found = _incidence_at(own, frame, exact, code, time)
                    rows.append((title, called, f"{time:g}", *found))
            shown += [one for group in own.groups for one in _gray(own, frame, group, endpoint)]
    if rows:
        columns = ["endpoint", "event", own.unit, "incidence", "interval"]
        table = pd.DataFrame(rows, columns=columns)
        caption = f"Cumulative incidence at chosen times, with 95% intervals.{_banded(own)}"
        name = label.replace("fig-", "tbl-", 1)
        shown.append(own.table(table, label=name, caption=caption, grouped=True))
    return together(*shown)


def show_landmark(own: OwnCohort, label="fig-landmark"):
    """Show survival after a landmark, by what was known until then.

    Those still under observation at the first of the landmarks are sorted by what had happened
    until then, and their clock starts there (`vlms.survival.at_landmark`).
    """
    shown, endpoint = [], own.of_death
    if not endpoint or not (own.event_columns or own.later):
        return own.idle("Landmark analysis", "nothing is recorded that is known only later")
    frame, start = own.frame(endpoint), own.landmarks[0]
    if own.event_columns:
        columns = list(own.event_columns)
        name = " or ".join(own.event_columns.values())
        first = own.patients.loc[frame.index, columns].astype("float64").min(axis=1)
        later = at_landmark(frame.assign(first=first), start, happened={"until": "first"})
        sides = {True: f"{name} until then", False: f"no {name} until then"}
        values = pd.Categorical(later["until"].map(sides), [sides[False], sides[True]])
        values = pd.Series(values, later.index)
        shown += _from_landmark(own, later, values, f"{name} until then", f"{label}-event")
    for column in own.later:
        if own.is_numeric(column) and own.patients[column].nunique() > 6:
            shown.append(own.skipped(f"{own.label(column)} from a landmark", "it is a number"))
            continue
        later = at_landmark(frame, start)
        values, called = own.patients[column], own.label(column)
        shown += _from_landmark(own, later, values, called, f"{label}-{slug(column)}", column)
        shown.append(
            say(
                "When {name} became known is not recorded: the comparison holds only if it was "
                "settled by {unit} {start:g}.",
                name=called,
                unit=own.unit.rstrip("s"),
                start=start,
            )
        )
    return together(*shown)


def show_sensitivity(own: OwnCohort, label="tbl-sensitivity"):
    """Show what changes if unknown causes were all, or none, the event; and with complete cases."""
    shown, rows = [], []
    for endpoint in own.endpoints:
        unknown = len(own.frame(endpoint).attrs["unknown"])
        if not unknown:
            continue
        title = own.title(endpoint)
        with own.section(f"{title}: unknown causes", shown):
            if unknown < own.rules.least:
                raise Withheld(f"fewer than {own.rules.least} causes are unknown")
            for counted in ("event", "censored"):
                frame = own.frame(endpoint, counted)
                as_ = "all were the event" if counted == "event" else "none was the event"
                events = own.rules.count(frame["event"].sum())
                for time in own.landmarks:
                    told = survival_of(own, frame, time)
                    rows.append((title, as_, own.rules.count(unknown), events, f"{time:g}", *told))
            own.note("unknown_causes", endpoint)
    if rows:
        columns = "endpoint,the unknown causes,unknown,events".split(",")
        table = pd.DataFrame(rows, columns=[*columns, own.unit, "survival", "interval"])
        caption = f"Deaths of unknown cause: the truth lies between the two.{_banded(own)}"
        name = f"{label}-unknown"
        shown.append(own.table(table, label=name, caption=caption, grouped=True))
    endpoint = own.endpoints[0]
    if not own.patients[own.covariates].isna().any(axis=None):
        return together(*shown)
    with own.section(f"Complete cases: {own.title(endpoint)}", shown):
        table = complete_case_ratios(own, endpoint)
        own.note("complete_cases", endpoint)
        caption = (
            f"Univariable hazard ratios (95% CI) for {own.name(endpoint)}: of all patients of whom "
            "the covariate is known, and of those of whom all covariates are."
        )
        shown.append(own.table(table, label=f"{label}-complete", caption=caption))
    return together(*shown)


# Curves


def _curves(own, frame, **options):
    """Survival curves as they may be drawn, begun with the number of patients shown elsewhere."""
    if "entry" in frame:
        if own.rules.safe:
            raise Withheld("curves with delayed entry are shown in full only")
        return _exact(own, frame, options.get("group"))
    options = {"sizes": {"all": len(own.patients)}, "interval": own.interval, **options}
    return survival_curves(frame["time"], frame["event"], own.rules, **options)


def _exact(own, frame, group=None):
    """Survival curves as they are."""
    if group is not None:
        frame, group = frame[group.notna()], group[group.notna()]
    options = {"entry": frame.get("entry"), "interval": own.interval}
    return kaplan_meier(frame["time"], frame["event"], group, **options)


def _draw(own, curve, ylabel, xlabel="", title=""):
    """Draw curves; marks of censoring only where everything is shown."""
    drawn = plot_survival(
        curve,
        censoring_marks="censored" in curve,
        times=_ticks(own, curve),
        xlabel=xlabel or _clock(own),
        ylabel=ylabel,
    )
    if title:
        drawn.set_title(title.replace("$", r"\$"), loc="left", fontsize=9.5)
    return drawn


def _clock(own):
    """The axis of time: its unit, and from when."""
    zero = text(own.study.time_zero) if own.study.time_zero else ""
    return f"{own.unit.capitalize()}{f' from {zero}' if zero else ''}"


def _ticks(own, curve):
    """Times of the grid: only there is a number at risk that may be shown."""
    if not own.rules.safe:
        return None
    grid, last = own.grid, curve["time"].max()
    step = next(
        k * grid for k in (1, 2, 4, 6, 10, 20, 40, 100, 1000, 1e9) if last / k / grid <= 8.5
    )
    return list(np.arange(0, last + 1e-9, step))


def _curve_file(own, curve, name):
    """The numbers of exact curves, for whoever may see them."""
    label = name.replace("fig-", "tbl-curve-", 1)
    return [] if own.rules.safe else [own.data_file(curve, label=label)]


def _how_drawn(own):
    """How a curve is to be read, for its caption."""
    if not own.rules.safe:
        return " Shaded: 95% interval; marks: end of follow-up; below: numbers at risk."
    least = own.rules.least
    return (
        f" Rules applied: at least {least} events a step, on a grid of {own.grid:g} {own.unit}, "
        f"cut where fewer than {least} are at risk. Shaded: 95% interval, rounded outwards. Below: "
        f"numbers at risk, rounded; one changes when {least} have left."
    )


def _banded(own):
    """How estimates at a time are to be read, for the caption of their table."""
    if not own.rules.safe:
        return ""
    return (
        " Rules applied: an estimate is computed at its time and shown as a band of a fixed grid, "
        "with limits outwards to it."
    )


# Numbers read off them


def survival_of(own, frame, time):
    """Survival at a time with its interval, as both may be printed."""
    found = survival_at(_exact(own, frame), time).iloc[0][["survival", "lower", "upper"]]
    return estimate_at(time, tuple(found), frame["time"], frame["event"], own.rules)


def _incidence_at(own, frame, exact, code, time):
    """Incidence of a cause at a time with its interval, as both may be printed."""
    until = exact[(exact["cause"] == code) & (exact["time"] <= time)]
    found = tuple(until.iloc[-1][["incidence", "lower", "upper"]])
    if time > frame["time"].max():
        found = (np.nan,) * 3
    return estimate_at(time, found, frame["time"], frame["cause"] == code, own.rules)


def _median(own, exact, curve):
    """A median and its interval, as both may be printed."""
    if not own.rules.safe:
        middle, lower, upper = (
            "not reached" if pd.isna(exact[name]) else f"{_number(exact[name])} {own.unit}"
            for name in ("time", "lower", "upper")
        )
        return middle, f"{lower} to {upper}"
    after, by = between_steps(exact["time"], curve.attrs["steps"])
    lower = between_steps(exact["lower"], curve.attrs["steps"])[0]
    upper = between_steps(exact["upper"], curve.attrs["steps"])[1]
    return _span(own, after, by), _span(own, lower, upper)


def _number(time):
    """A time to three significant digits, and never fewer than its whole number."""
    return f"{time:.0f}" if time >= 100 or time % 1 == 0 else f"{time:.3g}"


def _span(own, after, by):
    """Times between two steps of a curve."""
    unit = own.unit.rstrip("s")
    if pd.isna(after):
        return "not reached"
    if pd.isna(by) or np.isinf(by):
        return f"after {unit} {after:g}" if after else "without limits"
    return f"{after:g} to {by:g} {own.unit}" if after else f"by {unit} {by:g}"


# Comparisons


def _compare(own, frame, values, section, name, endpoint, *, column="", landmark=None):
    """Draw the curves of all groups and test them against each other, or say why not.

    `values` are those of all patients, of whom `frame` may hold a part; `column` is theirs.
    """
    rules, shown, variable = own.rules, [], own.label(column) if column else ""
    recorded = rules.recorded(values).loc[frame.index]
    lacking = rules.count(recorded.isna().sum())
    tests, said = _tests(own, frame, recorded, section, column, lacking)
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
        caption = f"{section}.{_how_drawn(own)}"
        caption += " All groups step at the same times." if rules.safe else ""
        caption += f" Not drawn, as missing: {lacking}." if pooled.isna().any() else ""
        clock = ""
        if landmark is not None:
            gone = frame.attrs["events_before"] + frame.attrs["censored_before"]
            caption += f" Left out, as their follow-up had ended by then: {rules.count(gone)}."
            clock = f"{own.unit.capitalize()} after {own.unit.rstrip('s')} {landmark:g}"
        alt = " ".join([f"Survival curves of {len(names)} groups.", *(f"{t}." for t in tests)])
        drawn = _draw(own, curve, own.height(endpoint), xlabel=clock, title="\n".join(tests))
        shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
        shown += _curve_file(own, curve, name)
    return shown + said


def _tests(own, frame, recorded, section, column, lacking):
    """What stands on the figure of groups, and the sentences or reasons that stand below it."""
    told, said = [], []
    values = {"groups": _ordered(own, recorded, column)}
    plain = column and "landmark" not in frame.attrs
    with own.section(f"Hazard ratio: {section}", said):
        found = (
            model(own, frame, [column]) if plain else model(own, frame, ["groups"], values=values)
        )
        for row in found.rows.to_dict("records")[:3]:
            if row["may_show"]:
                against = f"{text(row['level'], 22)} vs {text(row['reference'], 22)}"
                told.append(f"HR {ratio_text(row)}, {against}")
        if not plain:
            said.append(say("Hazard ratio: {told}.", told="; ".join(told)))
    with own.section(f"Log-rank test: {section}", said):
        tests = _log_rank(own, frame, recorded, column)
        left = {"variable": own.label(column), "lacking": lacking} if column else {}
        left = left if lacking != "0" else {}
        sentence = "Log-rank test of all {levels} levels as recorded ({method}): P {p}."
        sentence += " {also}" if len(tests) > 1 else ""
        sentence += " Left out, as {variable} is missing: {lacking}." if left else ""
        (method, p), *others = tests
        also = " ".join(f"The {way} test gives P {sign(value)}." for way, value in others)
        left |= {"also": also} if others else {}
        levels = int(recorded.nunique())
        said.append(say(sentence, levels=levels, method=method, p=sign(p), **left))
        told.append(f"{'Log-rank' if method != 'score test' else 'Score'} P {sign(p)} ({method})")
    return told, said


def _ordered(own, recorded, column=""):
    """The levels that anybody has, the first of them the reference."""
    levels = [level for level in recorded.cat.categories if (recorded == level).any()]
    if column and levels:
        reference = own.reference(column, levels)
        levels.sort(key=lambda level: level != reference)
    return pd.Series(pd.Categorical(recorded, levels), recorded.index)


def _log_rank(own, frame, recorded, column):
    """Test all levels against each other; also from permutations where one has few events."""
    known = recorded.notna()
    groups = recorded[known].astype(str)
    events = frame["event"][known].groupby(groups).sum()
    if len(events) < 2 or not events.sum():
        raise Withheld("there is one level only, or no event")
    least = own.rules.least
    if events.min() < least:
        merge = own.rules.unlocked_by(column, events.rename("events").to_frame())
        why = f"a level has fewer than {least} events, and no part is tested without it"
        raise Withheld("; ".join(filter(None, [why, merge])))
    if "entry" in frame:
        fit = cox(frame[known].assign(g=groups), "g", entry="entry")
        own.note("log_rank", "score test")
        return [("score test", fit.attrs["score_test"]["p_value"])]
    time, event = frame["time"][known], frame["event"][known]
    tests = [("asymptotic", log_rank(time, event, groups).p_value)]
    if events.min() < FEWEST_IN_LEVEL:
        by_chance = log_rank(time, event, groups, method="permutation", resamples=20_000)
        tests.insert(0, ("permutation", by_chance.p_value))
    for method, _ in tests:
        own.note("log_rank", method)
    return tests


def _ratios(own, frame, name, endpoint):
    """Rows of the hazard ratios of a group, alone and adjusted."""
    try:
        alone = model(own, frame, [name])
    except Withheld:
        return []  # said beside the curves
    names = [name, *[other for other in own.adjust if other not in (name, own.made_of.get(name))]]
    adjusted, why = None, ""
    if len(names) > 1:
        try:
            adjusted = model(own, frame, names)
            own.note("adjusted", adjusted.method)
        except Withheld as reason:
            why = str(reason)
    rows = []
    for row in alone.rows[alone.rows["may_show"]].to_dict("records"):
        found = {"endpoint": own.title(endpoint), "group": own.label(name)}
        found["comparison"] = term_of(own, name, row)
        found["patients"] = own.rules.count(alone.n, near=len(frame))
        found["events"] = own.rules.count(alone.events)
        found |= {key: row[key] for key in ("hazard_ratio", "lower", "upper", "p_value")}
        found["method"] = alone.method
        if adjusted:
            same = (adjusted.rows["name"] == name) & (adjusted.rows["level"] == row["level"])
            of_level = adjusted.rows[same].iloc[0] if same.any() else {"hazard_ratio": np.nan}
            found["adjusted"] = ratio_text(of_level, level="")
            found |= {f"adjusted_{k}": of_level.get(k) for k in ("hazard_ratio", "lower", "upper")}
            found["complete_cases"] = own.rules.count(adjusted.n, near=alone.n)
        elif why:
            found |= {"adjusted": why, "complete_cases": ""}
        rows.append(found)
    return rows


def _causes(frame):
    """The event and what competes with it, in words; deaths of unknown cause are among these."""
    causes = {code: name for code, name in frame.attrs["causes"].items() if code}
    return causes | ({2: f"{causes[2]} or of unknown cause"} if frame.attrs["unknown"] else {})


def _in_unit(own, name):
    """A covariate with its unit of choice."""
    return (
        f"{own.label(name)} ({own.of_unit(name)[1]})" if own.is_numeric(name) else own.label(name)
    )


def _gray(own, frame, name, endpoint):
    """Gray's test of the incidence of each cause between groups, and the curves of the first."""
    shown, title = [], f"{own.title(endpoint)} by {own.label(name)}, competing risks"
    with own.section(f"Gray's test: {title}", shown):
        recorded = own.rules.recorded(own.patients[name]).loc[frame.index]
        known, lacking = recorded.notna(), own.rules.count(recorded.isna().sum())
        groups = _ordered(own, recorded[known])
        if groups.nunique() < 2:
            raise Withheld(TOO_FEW_GROUPS)
        counts = pd.crosstab(groups, frame["cause"][known]).reindex(columns=[1, 2], fill_value=0)
        if counts.to_numpy().min() < own.rules.least:
            raise Withheld(f"a group has fewer than {own.rules.least} events of a cause")
        tests = gray_test(frame["time"][known], frame["cause"][known], groups.astype(str))
        own.note("gray_test", endpoint)
        causes = _causes(frame)
        told = [f"{causes[row.cause]}: P {sign(row.p_value)}" for row in tests.itertuples()]
        left = f" Left out, as {own.label(name)} is missing: {lacking}." if lacking != "0" else ""
        sentence = "Gray's test by {name}: {told}." + " {left}" * bool(left)
        also = {"left": left.strip()} if left else {}
        said = say(sentence, name=own.label(name), told="; ".join(told), **also)
        if not own.rules.safe:
            parts = [frame[column][known] for column in ("time", "cause")]
            curve = cumulative_incidence(*parts, groups.astype(str))
            order = {level: place for place, level in enumerate(groups.cat.categories)}
            curve = curve.sort_values(["group", "time"], key=lambda c: c.map(order).fillna(c))
            drawn = plot_cumulative_incidence(curve, causes={1: causes[1]}, xlabel=_clock(own))
            drawn.set_title(
                f"Gray's test: P {sign(tests['p_value'].iloc[0])}", loc="left", size=9.5
            )
            caption = f"{title}: cumulative incidence of {causes[1]}.{_how_drawn(own)}"
            caption = caption.replace("; marks: end of follow-up", "")
            place = f"fig-incidence-{slug(endpoint)}-{slug(name)}"
            alt = "Rising curves of the share of each group that has had the event."
            figure = own.figure(drawn, label=place, caption=caption + left, alt=alt)
            shown.append(folded(title, [figure]))
        shown.append(said)
    return shown


def _from_landmark(own, later, values, by, name, column=""):
    """Compare those still under observation at the landmark, from there on."""
    start = own.landmarks[0]
    if later.empty:
        return [own.skipped("Landmark analysis", "nobody was followed beyond the landmark")]
    section = f"{own.title(own.of_death)} after {own.unit.rstrip('s')} {start:g} by {by}"
    own.note("landmark", f"{start:g}")
    return _compare(own, later, values, section, name, own.of_death, column=column, landmark=start)
