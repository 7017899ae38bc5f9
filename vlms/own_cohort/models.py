"""What goes with a longer or shorter life in a cohort: one covariate at a time.

Univariate only: a private cohort of a rare tumour seldom has the events for more, and the report
says how many each coefficient had. Where a fit separates, or has fewer than ten events for a
coefficient, Firth's penalty takes its place. In safe mode a level enters only if it may be shown,
and a hazard ratio only if level and reference each have a threshold of patients with the event
and of patients without.
"""

import pandas as pd

from vlms.disclosure import OTHER, round_count, suppress
from vlms.endpoints import time_to_event
from vlms.figures import plot_forest
from vlms.own_cohort.study import (
    Study,
    endpoint_name,
    figure,
    is_numeric,
    skipped,
    slug,
    table,
    text,
)
from vlms.presentation import together
from vlms.rounding import print_p
from vlms.survival import cox, proportional_hazards_test

FEWEST_EVENTS = 10  # for a coefficient; Peduzzi et al., J Clin Epidemiol 1995;48:1503
FEWEST_IN_LEVEL = 5
PER = {"age_years": (10, "per 10 years"), "size_cm": (1, "per cm")}


def show_hazard_ratios(study: Study, *, label):
    """Show a forest plot and a table of univariate hazard ratios for each endpoint.

    Parameters
    ----------
    study : Study
    label : str
        ``fig-`` …; the tables are ``tbl-`` ….

    Returns
    -------
    Several

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(
    ...     DATA / "example_cohort" / "patients.csv",
    ...     endpoints=["overall_survival"],
    ...     covariates=["sex"],
    ... )
    >>> print(show_hazard_ratios(study, label="fig-hr").shown[0])
    Figure fig-hr-overall-survival: Hazard ratios for overall survival. ...
    """
    shown, why = [], {}
    for endpoint in study.endpoints:
        rows, reasons = hazard_ratios(study, endpoint)
        for reason in reasons:
            why.setdefault(reason, []).append(endpoint_name(endpoint))
        if rows.empty:
            reason = "no covariate has enough patients and events"
            shown.append(skipped(study, f"Hazard ratios for {endpoint_name(endpoint)}", reason))
            continue
        drawn = plot_forest(rows, columns={"events": "Events", "p_value": "P"})
        how = "Each covariate alone. Reference levels and numbers are in the table that follows."
        caption = f"Hazard ratios for {endpoint_name(endpoint)}. {how}"
        alt = "A forest plot of hazard ratios with 95% intervals; the table holds the same numbers."
        name = f"{label}-{slug(endpoint)}"
        shown.append(figure(study, drawn, label=name, caption=caption, alt=alt))
        shown.append(_ratio_table(study, rows, endpoint, name.replace("fig-", "tbl-", 1)))
    for (name, reason), endpoints in why.items():
        skipped(study, f"Hazard ratios: {study.label(name)}", f"{reason} ({', '.join(endpoints)})")
    return together(*shown)


def show_proportional_hazards(study: Study, *, label):
    """Show for each endpoint and covariate whether its hazard ratio is constant over time.

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
    >>> study = open_study(
    ...     DATA / "example_cohort" / "patients.csv",
    ...     endpoints=["overall_survival"],
    ...     covariates=["sex"],
    ... )
    >>> print(show_proportional_hazards(study, label="tbl-ph"))
    Table tbl-ph: P values of the score test ...
    covariate | overall survival
    Sex | ...
    """
    rows = []
    for endpoint in study.endpoints:
        shown, _ = hazard_ratios(study, endpoint)
        for name in dict.fromkeys(shown["covariate"]):
            frame, _ = _frame(study, endpoint, name)
            found = proportional_hazards_test(frame, "x").iloc[-1]
            p = None if pd.isna(found["p_value"]) else print_p(found["p_value"])
            rows.append((study.label(name), endpoint_name(endpoint), p))
    if not rows:
        reason = "there is no hazard ratio to check"
        return skipped(study, "Check of proportional hazards", reason)
    wide = pd.DataFrame(rows, columns=["covariate", "endpoint", "p"])
    order = list(dict.fromkeys(wide["endpoint"]))
    wide = wide.pivot_table(
        index="covariate", columns="endpoint", values="p", aggfunc="first", sort=False, dropna=False
    )
    wide = wide[[name for name in order if name in wide]].reset_index().rename_axis(columns=None)
    caption = (
        "P values of the score test of a hazard ratio that changes with time (time by the "
        "Kaplan–Meier transform). A small one says that a single ratio is too simple."
    )
    return table(wide, label=label, caption=caption)


def hazard_ratios(study: Study, endpoint):
    """Fit each covariate alone.

    Parameters
    ----------
    study : Study
    endpoint : str

    Returns
    -------
    rows : pandas.DataFrame
        covariate, term, level, reference, events (text), hazard_ratio, lower, upper (NaN where
        there is no estimate), p_value (text), method, events_per_variable.
    reasons : list of (str, str)
        Covariates, or levels of them, that have none, and why.
    """
    rows, reasons = [], []
    for name in study.covariates:
        frame, reason = _frame(study, endpoint, name)
        if frame is None:
            reasons.append((name, reason))
            continue
        if reason:
            reasons.append((name, reason))
        total = int(time_to_event(study.patients, endpoint)["event"].sum())
        fit, method = _fit(frame)
        if study.rules.safe:
            fit = fit.round({"hazard_ratio": 2, "lower": 2, "upper": 2})
        for row in fit.itertuples():
            rows.append(_ratio_row(study, name, frame, row, method, total))
    columns = ["covariate", "term", "level", "reference", "events", "hazard_ratio", "lower"]
    columns += ["upper", "p_value", "method", "events_per_variable"]
    return pd.DataFrame(rows, columns=columns), reasons


def _frame(study, endpoint, name):
    """Time, event and the covariate as ``x``, of the patients who enter; or why none do."""
    frame = time_to_event(study.patients, endpoint)[["time", "event"]]
    rules = study.rules
    if is_numeric(study, name):
        scale, _ = PER.get(name, (1, ""))
        values = study.patients[name].astype("float64") / scale
        frame = frame.assign(x=values.loc[frame.index]).dropna()
        n, d = len(frame), int(frame["event"].sum())
        least = rules.min_count if rules.safe else 1
        if min(d, n - d if rules.safe else d) < least or frame["x"].nunique() < 2:
            return None, _few(study)
        return frame, ""
    named = study.rules.levels(study.patients[name])
    everyone = named.value_counts(sort=False)
    frame = frame.assign(x=named.loc[frame.index].astype(object))
    seen = set(frame["x"].dropna())
    levels = [level for level in named.cat.categories if level != OTHER and level in seen]
    reason = ""
    if rules.safe:
        kept = _shown_levels(frame, rules)
        if len(kept) < len(named.cat.categories):
            reason = f"for some levels, {_few(study)}"
        levels = [level for level in levels if level in kept]
    wanted = study.reference_levels.get(name)
    reference = wanted if wanted is not None else everyone.loc[levels].idxmax() if levels else None
    if reference not in levels or len(levels) < 2:
        lacking = wanted is not None and reference not in levels and len(levels) > 1
        why = f"the reference level {text(wanted)} cannot be used" if lacking else _few(study)
        return None, why
    order = [reference, *[level for level in levels if level != reference]]
    frame = frame[frame["x"].isin(order)]
    frame = frame.assign(x=pd.Categorical(frame["x"], categories=order))
    return frame, reason


def _shown_levels(frame, rules):
    """Levels of which patients with and without the event may both be counted."""
    level = frame["x"].where(frame["x"].notna(), "missing")
    counts = pd.crosstab(level, frame["event"]).reindex(columns=[True, False], fill_value=0)
    hidden = suppress(counts, rules.min_count, free=["missing"])
    shown = counts.index[~hidden.any(axis=1)]
    return [name for name in shown if name not in (OTHER, "missing")]


def _fit(frame):
    fit = cox(frame, "x")
    few = fit.attrs["events_per_variable"] < FEWEST_EVENTS or _sparse(frame)
    if few or fit["hazard_ratio"].isna().any():
        penalised = cox(frame, "x", penalty="firth")
        if penalised["hazard_ratio"].notna().all():
            return penalised, "Firth"
    return fit, "Cox"


def _sparse(frame):
    """Whether a level has hardly an event."""
    if not isinstance(frame["x"].dtype, pd.CategoricalDtype):
        return False
    return bool(frame["event"].groupby(frame["x"], observed=False).sum().min() < FEWEST_IN_LEVEL)


def _ratio_row(study, name, frame, row, method, total):
    level = reference = ""
    if is_numeric(study, name):
        level = PER.get(name, (1, "per unit"))[1]
        term = f"{study.label(name)}, {level}"
        events = frame["event"].sum()
    else:
        order = frame["x"].cat.categories
        level = next(item for item in order if row.term == f"x[{item}]")
        reference = order[0]
        term = f"{study.label(name)}: {text(level)} vs {text(reference)}"
        events = frame["event"][frame["x"] == level].sum()
    used = int(frame["event"].sum())
    if study.rules.safe:
        used = round_count(total if total - used < study.rules.min_count else used)
    coefficients = 1 if is_numeric(study, name) else len(frame["x"].cat.categories) - 1
    return {
        "covariate": name,
        "term": term,
        "level": level,
        "reference": reference,
        "events": study.rules.count(events, near=total),
        "hazard_ratio": row.hazard_ratio,
        "lower": row.lower,
        "upper": row.upper,
        "p_value": "–" if pd.isna(row.p_value) else print_p(row.p_value),
        "method": method,
        "events_per_variable": f"{used / coefficients:.0f}",
    }


def _ratio_table(study, rows, endpoint, label):
    caption = (
        f"Hazard ratios for {endpoint_name(endpoint)}, each covariate alone. Events: with the "
        "level, or of all for a number. Firth: the penalised fit, where a level has fewer than "
        f"{FEWEST_IN_LEVEL} events, there are fewer than "
        f"{FEWEST_EVENTS} events for a coefficient or no other estimate. EPV: events for each "
        "coefficient."
    )
    shown = rows.drop(columns="term").assign(covariate=rows["covariate"].map(study.label))
    headers = {"hazard_ratio": "HR", "events_per_variable": "EPV"}
    digits = {"hazard_ratio": 2, "lower": 2, "upper": 2}
    return table(shown, label=label, caption=caption, digits=digits, headers=headers, grouped=True)


def _few(study):
    least = study.rules.min_count
    if not study.rules.safe:
        return "there is one level only, or no event"
    return f"fewer than {least} patients with the event or without it"
