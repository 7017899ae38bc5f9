"""Hazard ratios: univariable and multivariable Cox models, subgroups, what happens on the way.

A model is fitted to all patients of whom its covariates are known, by Cox or, where events are few
or a level separates, with Firth's penalty. In safe mode the fit is the same; what is withheld are
the ratios of levels with few patients.
"""

import contextlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.stats import chi2

from vlms.disclosure import WITHHELD, Withheld, round_count, suppress
from vlms.figures import plot_forest
from vlms.own_cohort.opening import OwnCohort, folded, slug, text
from vlms.printed import print_number, print_p
from vlms.showing import together
from vlms.survival import cox, follow_up_intervals, proportional_hazards_test

FEWEST_EVENTS = 10  # for a coefficient; Peduzzi et al., J Clin Epidemiol 1995;48:1503
FEWEST_UNASKED = 5  # below it no multivariable model is fitted unless its covariates were chosen
FEWEST_IN_LEVEL = 5  # events, for Cox's fit and for the chi-square of a log-rank test
MOST_LEVELS = 6  # of a variable whose levels are subgroups
RATIO = ["hazard_ratio", "lower", "upper", "p_value"]


def model(own: OwnCohort, frame, names, *, values=None) -> SimpleNamespace:
    """Fit a Cox model to all patients of whom the covariates are known.

    Parameters
    ----------
    own : OwnCohort
    frame : pandas.DataFrame
        time, event and, with delayed entry, entry, of the patients that it is of.
    names : list of str
        Covariates: columns of the patients, or of `values`.
    values : dict of str to pandas.Series, optional
        Covariate → the level of each patient, the reference first.

    Returns
    -------
    types.SimpleNamespace
        rows (covariate, level, reference, hazard_ratio, lower, upper, p_value, may_show), method,
        n, events, left_out, events_per_variable, global_p, used (the frame fitted), fit.

    Raises
    ------
    Withheld
        Where nothing can be estimated, or nothing may be shown.
    """
    key = "model", id(frame), tuple(names)  # frames of endpoints are kept, so that ids last
    if values is None and any(frame is kept for kept in own.kept.values()):
        if key not in own.kept:
            own.kept[key] = _model(own, frame, names, {})
        return own.kept[key]
    return _model(own, frame, names, values or {})


def _model(own, frame, names, values):
    """Fit the model of `model`."""
    columns, used = {}, frame[[c for c in ("time", "event", "entry") if c in frame]].copy()
    for place, name in enumerate(names):
        columns[f"x{place}"] = name
        used = used.assign(**{f"x{place}": _covariate(own, name, frame, values)})
    complete = used.dropna()
    rows = []
    for x, name in columns.items():
        rows += _terms(own, complete, x, name)
    if not any(row["may_show"] for row in rows):
        raise Withheld(few(own))
    for x in columns:
        if isinstance(complete[x].dtype, pd.CategoricalDtype):
            complete = complete.assign(**{x: complete[x].cat.remove_unused_categories()})
    fit, method = _fit(complete, list(columns))
    own.note("cox", method)
    rows = pd.concat([pd.DataFrame(rows), fit[RATIO]], axis=1)
    rows.loc[~rows["may_show"], RATIO] = np.nan
    if own.rules.safe:
        enough = {"events": [own.rules.least], "n": [2 * own.rules.least]}  # `_terms` has counted
        absent = dict.fromkeys(RATIO, np.nan) | {"p_value": WITHHELD}
        released = [
            own.rules.release_ratio(*(row[key] for key in RATIO), **enough)
            if row["may_show"] and pd.notna(row["hazard_ratio"])
            else absent
            for row in rows.to_dict("records")
        ]
        rows = rows.drop(columns=RATIO).join(pd.DataFrame(released, index=rows.index)[RATIO])
    return SimpleNamespace(
        rows=rows,
        method=method,
        n=len(complete),
        events=int(complete["event"].sum()),
        left_out=len(frame) - len(complete),
        events_per_variable=fit.attrs["events_per_variable"],
        global_p=fit.attrs["likelihood_ratio_test"]["p_value"],
        used=complete,
        columns=columns,
        fit=fit,
    )


def few(own):
    """Why there is no hazard ratio."""
    if not own.rules.safe:
        return "there is one level only, or no event"
    return f"fewer than {own.rules.least} patients with the event or without it"


def term_of(own, name, row) -> str:
    """What a coefficient compares: a level with the reference, or a number by its unit."""
    if not row["reference"]:
        return f"{own.label(name)}, {row['level']}"
    return f"{own.label(name)}: {text(row['level'])} vs {text(row['reference'])}"


def ratio_text(row, *, level="95% CI ") -> str:
    """Print a hazard ratio with its limits, or that there is none."""
    if pd.isna(row["hazard_ratio"]):
        return "no estimate"
    limits = [print_number(row[side], 2, missing="?") for side in ("lower", "upper")]
    return f"{print_number(row['hazard_ratio'], 2)} ({level}{' to '.join(limits)})"


def show_hazard_ratios(own: OwnCohort, label="fig-hazard"):
    """Show univariable and multivariable hazard ratios side by side, for each endpoint.

    The first endpoint is shown open, the others behind a line that opens them.
    """
    shown = []
    for place, endpoint in enumerate(own.endpoints):
        found = _of_endpoint(own, endpoint, f"{label}-{slug(endpoint)}")
        if place and len(own.endpoints) > 1:
            found = [folded(f"Hazard ratios for {own.name(endpoint)}", found)]
        shown += found
    return together(*shown)


def _of_endpoint(own, endpoint, name):
    """The forest plot and the table of one endpoint."""
    title, shown, alone = f"Hazard ratios for {own.name(endpoint)}", [], {}
    frame, why = own.frame(endpoint), {}
    for covariate in own.covariates:
        try:
            alone[covariate] = model(own, frame, [covariate])
        except Withheld as reason:
            why.setdefault(str(reason), []).append(own.label(covariate))
    for reason, names in why.items():
        shown.append(own.skipped(f"{title}: {', '.join(names)}", reason))
    if not alone:
        shown.append(own.skipped(title, "no covariate has enough patients and events"))
        return shown
    together_ = None
    with own.section(f"Multivariable model for {own.name(endpoint)}", shown):
        names = [name for name in own.covariates if _estimable(own, frame, name)]
        together_ = _multivariable(own, frame, names)
    rows = _rows(own, endpoint, alone, together_)
    if endpoint == own.endpoints[0]:
        shown += _forest(own, title, rows, together_, name)
    label = name.replace("fig-", "tbl-", 1)
    caption = _caption(own, title, frame, alone, together_)
    shown.append(own.table(_shown(own, rows), label=label, caption=caption, data=rows))
    return shown


def _estimable(own, frame, name):
    """Whether a covariate has a univariable ratio, shown or not: both modes adjust for the same."""
    with contextlib.suppress(Withheld):
        known = frame[["event"]].assign(x=_covariate(own, name, frame, {})).dropna()
        levels = known["x"].dtype == "category"
        reference = not levels or (known["x"] == known["x"].cat.categories[0]).any()
        return bool(reference and known["event"].any() and known["x"].nunique() > 1)
    return False


def _forest(own, title, rows, all_, name):
    """The forest plot of the ratios that are known: with the others, or else alone."""
    kind = "adjusted_" if all_ else ""
    drawn = rows[["term"]].assign(**{key: rows[kind + key] for key in RATIO})
    drawn = drawn[drawn["hazard_ratio"].notna()]
    if drawn.empty:
        return []
    drawn["p_value"] = drawn["p_value"].map(_p)
    which = "each adjusted for the others" if all_ else "each covariate alone"
    caption = f"{title}, {which}. Reference levels and numbers are in the table that follows."
    caption += " Those withheld are not drawn." if len(drawn) < len(rows) else ""
    alt = "A forest plot of hazard ratios with 95% intervals; the table holds the same numbers."
    ax = plot_forest(drawn, columns={"p_value": "P"})
    return [own.figure(ax, label=name, caption=caption, alt=alt)]


def _multivariable(own, frame, names):
    """The model of all covariates together, or why there is none."""
    if len(names) < 2:
        raise Withheld("there is one covariate only")
    coefficients = sum(
        1 if own.is_numeric(n) else own.rules.recorded(own.patients[n]).nunique() - 1 for n in names
    )
    complete = own.patients.loc[frame.index, names].notna().all(axis=1)
    events = int(frame["event"][complete].sum())
    if not own.chosen and events < FEWEST_UNASKED * coefficients:
        raise Withheld(
            f"{own.rules.count(events)} events of patients of whom all covariates are known are "
            f"too few for {coefficients} coefficients; choose covariates (--covariate)"
        )
    found = model(own, frame, names)
    own.note("multivariable", found.method)
    return found


def _rows(own, endpoint, alone, all_):
    """One row a coefficient: alone, with the others, and the test of proportional hazards."""
    rows, total = [], int(own.frame(endpoint)["event"].sum())
    adjusted = all_.rows.set_index(["name", "level"]) if all_ else None
    for name, found in alone.items():
        events = found.events
        if own.rules.safe:  # they must not give those without the event away
            events = round_count(total if total - events < own.rules.least else events)
        shared = {
            "covariate": own.label(name),
            "left_out": own.rules.count(found.left_out),
            "method": found.method,
            "events_per_variable": f"{events / len(found.rows):.0f}",
            "proportional_p": proportional(own, found),
        }
        rarer = False
        for row in found.rows.to_dict("records"):
            level = row["level"]
            row |= shared | {"events": WITHHELD, "term": term_of(own, name, row)}
            if row["reference"]:
                if row["counted"]:
                    mine = found.used["event"] & (found.used["x0"] == level)
                    row["events"] = own.rules.count(mine.sum(), near=total)
            else:
                row["events"] = own.rules.count(found.events, near=total)
            if all_:
                other = adjusted.loc[(name, level)] if (name, level) in adjusted.index else {}
                row |= {f"adjusted_{key}": other.get(key, np.nan) for key in RATIO}
            if not row["may_show"]:
                if not row["named"]:
                    row["level"], row["term"] = "rarer levels", f"{own.label(name)}: rarer levels"
                    if rarer:
                        continue
                    rarer = True
                row["events"] = WITHHELD
            rows.append(row)
    columns = "term covariate level reference events left_out".split()
    columns += [*RATIO, "method", "events_per_variable"]
    columns += [f"adjusted_{key}" for key in RATIO] if all_ else []
    return pd.DataFrame(rows)[[*columns, "proportional_p"]]


def _shown(own, rows):
    """The table as it is read: ratios with their intervals in one cell."""
    wide = pd.DataFrame({"covariate": rows["term"], "events": rows["events"]})
    wide["missing"] = rows["left_out"]
    for kind, head in (("", "univariable"), ("adjusted_", "multivariable")):
        if f"{kind}p_value" in rows:
            part = rows[[kind + key for key in RATIO]].set_axis(RATIO, axis=1)
            absent = WITHHELD if own.rules.safe else "no estimate"
            told = [absent if pd.isna(r["hazard_ratio"]) else ratio_text(r, level="")
                    for r in part.to_dict("records")]  # fmt: skip
            wide[f"HR, {head} (95% CI)"] = told
            wide[f"P, {head}"] = part["p_value"].map(_p)
    wide["fit"], wide["EPV"] = rows["method"], rows["events_per_variable"]
    return wide.assign(PH=rows["proportional_p"])


def _caption(own, title, frame, alone, all_):
    """What the table of hazard ratios is of, and how it was made."""
    caption = (
        f"{title}. Events: with the level, or of all for a number; missing: patients left out of "
        "the univariable model; EPV: its events for each coefficient; PH: P of the score test of a "
        "ratio that changes with time (Kaplan–Meier transform)."
    )
    if any(found.method == "Firth" for found in [*alone.values(), *([all_] if all_ else [])]):
        caption += (
            f" Firth: the penalised fit, where a level has fewer than {FEWEST_IN_LEVEL} events, "
            f"there are fewer than {FEWEST_EVENTS} events for a coefficient or no other estimate."
        )
    if all_:
        total = int(frame["event"].sum())
        few_ = _fewest(all_.used, all_.columns) < own.rules.least
        per_variable = all_.events_per_variable
        if own.rules.safe:  # of the events as they are told
            known = total if total - all_.events < own.rules.least else all_.events
            per_variable *= round_count(known) / all_.events
        unseen = [own.label(name) for name in all_.columns.values() if name not in alone]
        whole = WITHHELD if few_ else sign(all_.global_p)
        caption += (
            f" Multivariable ({all_.method}): {own.rules.count(all_.n, near=len(frame))} complete "
            f"cases with {own.rules.count(all_.events, near=total)} events, "
            f"{own.rules.count(all_.left_out)} left out for a missing value; EPV "
            f"{per_variable:.0f}; likelihood-ratio test of all covariates: P "
            f"{whole}; proportional hazards of all: P "
            f"{proportional(own, all_, whole=True)}."
        )
        if unseen:
            caption += f" Adjusted also for {', '.join(unseen)}, whose ratios are withheld."
    if own.rules.safe:
        caption += (
            " Every fit is of all levels as recorded; a ratio is withheld where its level has "
            f"{few(own)}."
        )
    return caption


def show_subgroups(own: OwnCohort, label="fig-subgroups"):
    """Show the hazard ratio of each pair of groups within levels of the others.

    For the primary endpoint. Its P of interaction is of the likelihood-ratio test of all products.
    R: ``anova(coxph(s ~ g + x), coxph(s ~ g * x))``.
    """
    shown, endpoint = [], own.endpoints[0]
    frame = own.frame(endpoint)
    for name in own.groups:
        title = f"{own.title(endpoint)} by {own.label(name)} in subgroups"
        with own.section(title, shown):
            levels = own.rules.recorded(own.patients[name]).dropna().unique()
            if len(levels) != 2:
                raise Withheld("subgroups need two groups to compare")
            rows = [{"subgroup": "All patients"} | _within(own, frame, name)]
            others = dict.fromkeys([*own.groups, *own.covariates])
            for other in others:
                if other not in (name, own.made_of.get(name)) and name != own.made_of.get(other):
                    rows += _subgroups(own, frame, name, other)
            found = pd.DataFrame(rows)
            if found["hazard_ratio"].notna().sum() < 2:
                raise Withheld("no subgroup has enough patients and events")
            own.note("subgroups", endpoint)
            first, second = model(own, frame, [name]).rows.loc[0, ["reference", "level"]]
            caption = (
                f"{title}: hazard ratio of {text(second)} against {text(first)}. P: of interaction "
                "(likelihood-ratio test). None was adjusted for the number of subgroups; a "
                "difference between them is judged by the interaction, not by their own intervals."
            )
            drawn = found[found["hazard_ratio"].notna()].rename(columns={"subgroup": "term"})
            columns = {"interaction": "P interaction"}
            drawn = drawn.assign(interaction=drawn["interaction"].fillna(""))
            place = f"{label}-{slug(name)}"
            alt = "A forest plot of the hazard ratio in each subgroup; the table has its numbers."
            ax = plot_forest(drawn, columns=columns)
            table = found.assign(
                hazard_ratio=[_cell(own, row) for row in rows], p_value=found["p_value"].map(_p)
            )[["subgroup", "patients", "events", "hazard_ratio", "interaction"]].fillna("")
            table = table.rename(columns={"hazard_ratio": "HR (95% CI)"})
            if own.rules.safe:  # the ratios only: each count here cuts another one in two
                counts = ["patients", "events"]
                table, found = table.drop(columns=counts), found.drop(columns=counts)
            numbers = own.table(
                table, label=place.replace("fig-", "tbl-", 1), caption=caption, data=found
            )
            shown.append(own.figure(ax, label=place, caption=caption, alt=alt))
            shown.append(folded("The numbers of the subgroups", [numbers]))
    return together(*shown) if shown else own.idle("Subgroups", "no group was asked for")


def show_time_dependent(own: OwnCohort, label="tbl-time-dependent"):
    """Show hazard ratios of events on the way, which count from when they happened.

    R: ``coxph(Surv(tstart, tstop, died) ~ happened)`` of the rows of ``tmerge(..., tdc(time))``.
    """
    columns, shown, rows = own.event_columns, [], []
    if not columns or not own.of_death:
        return own.idle("Time-dependent covariates", "no event on the way is recorded")
    frame = own.frame(own.of_death)
    times = own.patients.loc[frame.index, list(columns)].astype("float64")
    happened = {f"{said}": times[name] for name, said in columns.items()}
    if len(columns) > 1:
        happened[f"first of {' or '.join(columns.values())}"] = times.min(axis=1)
    for said, when in happened.items():
        with own.section(f"Time-dependent: {said}", shown):
            if "entry" in frame:
                raise Withheld("entry is delayed in this study")
            followed = frame[frame["time"] > 0].assign(when=when)
            late = followed["when"] > followed["time"]
            if late.any():
                raise Withheld(f"{own.rules.count(late.sum())} happened after the end of follow-up")
            intervals = follow_up_intervals(followed, {"happened": "when"})
            side = pd.Categorical(np.where(intervals["happened"], "after", "before"))
            after = pd.Series(side.set_categories(["before", "after"]), intervals.index)
            found = model(own, intervals, ["happened"], values={"happened": after})
            own.note("time_dependent", said)
            row = found.rows.iloc[0].to_dict()
            rows.append(
                {
                    "event": said,
                    "patients": own.rules.count(intervals["happened"].sum()),
                    "deaths": own.rules.count((intervals["event"] & intervals["happened"]).sum()),
                    **{key: row[key] for key in RATIO},
                    "method": found.method,
                    "left_out": own.rules.count(len(frame) - len(followed)),
                }
            )
    if rows:
        data = pd.DataFrame(rows)
        told = data[["event", "patients"]].rename(columns={"event": "what happened"})
        told["patients followed after it"] = told.pop("patients")
        told["events after it"] = data["deaths"]
        told["HR (95% CI)"] = [_cell(own, row) for row in rows]
        told["P"], told["fit"] = data["p_value"].map(_p), data["method"]
        caption = (
            f"{own.title(own.of_death)} after an event on the way, as a time-dependent covariate: "
            "a patient counts as without it until it happens, and as with it from then on."
        )
        if (data["left_out"] != "0").any():
            caption += f" Left out, as followed for no time: {data['left_out'].iloc[0]}."
        shown.append(own.table(told, label=label, caption=caption, data=data))
    return together(*shown)


def complete_case_ratios(own, endpoint) -> pd.DataFrame:
    """Each univariable ratio of all of whom it is known, and of the complete cases only."""
    frame, rows = own.frame(endpoint), []
    complete = frame[own.patients.loc[frame.index, own.covariates].notna().all(axis=1)]
    lost = len(frame) - len(complete)
    if not lost or lost < own.rules.least:
        raise Withheld("hardly a value is missing" if own.rules.safe else "no value is missing")
    for name in own.covariates:
        try:
            known = own.patients.loc[frame.index, name].notna().sum()
            if 0 < known - len(complete) < own.rules.least:
                continue
            both = model(own, frame, [name]), model(own, complete, [name])
        except Withheld:
            continue
        few_ = both[1].rows.set_index("level")
        for row in both[0].rows[both[0].rows["may_show"]].to_dict("records"):
            if row["level"] in few_.index and few_.loc[row["level"], "may_show"]:
                term, other = term_of(own, name, row), few_.loc[row["level"]]
                rows.append((term, ratio_text(row, level=""), ratio_text(other, level="")))
    if not rows:
        raise Withheld(few(own))
    heads = [f"all known ({own.rules.count(len(frame))} at most)",
             f"complete cases ({own.rules.count(len(complete), near=len(frame))})"]  # fmt: skip
    return pd.DataFrame(rows, columns=["covariate", *heads])


# What a fit is made of


def _covariate(own, name, frame, values):
    """A covariate of these patients: in its unit of choice, or as levels, the reference first."""
    if name in values:
        return values[name].reindex(frame.index)
    if own.is_numeric(name):
        return own.patients[name].loc[frame.index].astype("float64") / own.of_unit(name)[0]
    recorded = own.rules.recorded(own.patients[name])
    levels = list(recorded.cat.categories[recorded.cat.categories.isin(recorded.loc[frame.index])])
    if len(levels) < 2:
        raise Withheld(few(own))
    reference = own.reference(name, levels)
    if reference not in levels:
        raise Withheld(f"the reference level {text(reference)} cannot be used")
    order = [reference, *[item for item in levels if item != reference]]
    return pd.Series(pd.Categorical(recorded.loc[frame.index], order), index=frame.index)


def _terms(own, complete, x, name):
    """The coefficients of a covariate, and what of each may be shown."""
    least, event = own.rules.least, complete["event"]
    if not isinstance(complete[x].dtype, pd.CategoricalDtype):
        enough = event.any() and min(event.sum(), (~event).sum()) >= least
        enough = bool(enough and complete[x].nunique() > 1)
        row = {"name": name, "level": own.of_unit(name)[1], "reference": "", "may_show": enough}
        return [row | {"counted": True, "named": True}]
    counts = pd.crosstab(complete[x], event).reindex(columns=[True, False], fill_value=0)
    order = [level for level in complete[x].cat.categories if level in counts.index]
    reference = complete[x].cat.categories[0]
    if reference not in order or len(order) < 2 or not event.any():
        raise Withheld(few(own))
    enough = [level for level in order if counts.loc[level].min() >= least]
    hidden = suppress(counts, least).any(axis=1)
    sizes = counts.sum(axis=1)
    if name in own.patients:
        sizes = own.rules.recorded(own.patients[name]).value_counts()
    return [
        {
            "name": name,
            "level": level,
            "reference": reference,
            "may_show": reference in enough and level in enough,
            "counted": not hidden[level],
            "named": sizes[level] >= least,
        }
        for level in order[1:]
    ]


def _fit(frame, columns):
    """Fit by Cox, or with Firth's penalty where events are few or there is no other estimate."""
    options = {"entry": "entry"} if "entry" in frame else {}
    fit = cox(frame, columns, **options)
    sparse = fit.attrs["events_per_variable"] < FEWEST_EVENTS
    if sparse or _fewest(frame, columns) < FEWEST_IN_LEVEL or fit["hazard_ratio"].isna().any():
        penalised = cox(frame, columns, penalty="firth", **options)
        if penalised["hazard_ratio"].notna().all():
            return penalised, "Firth"
    return fit, "Cox"


def _fewest(frame, columns):
    """The fewest events in a level of any of these covariates."""
    levels = [x for x in columns if isinstance(frame[x].dtype, pd.CategoricalDtype)]
    events = [frame["event"].groupby(frame[x], observed=False).sum().min() for x in levels]
    return min(events, default=np.inf)


def proportional(own, found, *, whole=False):
    """P of the score test of proportional hazards, as it may be printed."""
    if _fewest(found.used, found.columns) < own.rules.least:
        return WITHHELD
    options = {"entry": "entry"} if "entry" in found.used else {}
    p = proportional_hazards_test(found.used, list(found.columns), **options).iloc[-1]["p_value"]
    own.note("proportional_hazards")
    return sign(p) if whole else _p(p)


def sign(p):
    """A P value with its sign, as it stands after the letter."""
    told = _p(p)
    return told if told[0] in "<>–" else f"= {told}"


def _p(p):
    """A P value as text, or as what stands for it already."""
    return p if isinstance(p, str) else "–" if pd.isna(p) else print_p(p)


def _cell(own, row):
    """A ratio in a table."""
    if pd.isna(row["hazard_ratio"]):
        return WITHHELD if own.rules.safe else "no estimate"
    return ratio_text(row, level="")


def _within(own, frame, name):
    """The hazard ratio of two groups in some patients, or none with the counts that may be told."""
    absent = dict.fromkeys(RATIO, np.nan) | {"patients": "", "events": "", "interaction": None}
    try:
        found = model(own, frame, [name])
    except Withheld:
        return absent | ({"patients": WITHHELD, "events": WITHHELD} if own.rules.safe else {})
    row = found.rows.iloc[0].to_dict()
    counts = {"patients": own.rules.count(found.n), "events": own.rules.count(found.events)}
    return absent | {key: row[key] for key in RATIO} | counts


def _subgroups(own, frame, name, other):
    """The ratio within each level of another variable, and the test of their difference."""
    if own.is_numeric(other):
        return []
    recorded = own.rules.recorded(own.patients[other])
    sizes, recorded = recorded.value_counts(), recorded.loc[frame.index]
    levels = [level for level in recorded.cat.categories if (recorded == level).any()]
    if not 1 < len(levels) <= MOST_LEVELS:
        return []
    rows = []
    for level in levels:
        if sizes[level] < own.rules.least:
            continue  # whose name may be about one patient
        found = _within(own, frame[recorded == level], name)
        rows.append({"subgroup": f"{own.label(other)}: {text(level)}"} | found)
    known = [pd.notna(row["hazard_ratio"]) for row in rows]
    if not any(known):
        return []
    tested = all(known) and len(rows) == len(levels)
    rows[0]["interaction"] = _p(interaction(own, frame, name, other)) if tested else "–"
    return rows


def interaction(own, frame, name, other) -> float:
    """P of the likelihood-ratio test of the products of two covariates with levels."""
    used = frame[[c for c in ("time", "event", "entry") if c in frame]]
    used = used.assign(g=_covariate(own, name, frame, {}), x=_covariate(own, other, frame, {}))
    used = used.dropna()
    main = pd.get_dummies(used[["g", "x"]], drop_first=True, dtype=float)
    groups = [column for column in main if column.startswith("g_")]
    both = {
        f"{g} × {x}": main[g] * main[x] for g in groups for x in main if x not in groups
    }  # fmt: skip
    options = {"entry": "entry"} if "entry" in used else {}
    plain = used.drop(columns=["g", "x"])
    small = cox(plain.join(main), list(main), **options)
    large = cox(plain.join(main).assign(**both), [*main, *both], **options)
    if large["hazard_ratio"].isna().any():
        return np.nan
    gain = 2 * (large.attrs["log_likelihood"] - small.attrs["log_likelihood"])
    return float(chi2.sf(gain, len(both)))
