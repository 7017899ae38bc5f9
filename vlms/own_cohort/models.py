"""What goes with a longer or shorter life in a cohort: one covariate at a time.

Univariate only: a private cohort of a rare tumour seldom has the events for more, and the report
says how many each coefficient had. Where a fit separates, or has fewer than ten events for a
coefficient, Firth's penalty takes its place. A fit is of all levels as recorded, whatever may be
shown of it: in safe mode a hazard ratio is withheld unless its level and the reference each have a
threshold of patients with the event and of patients without.
"""

import pandas as pd

from vlms.disclosure import WITHHELD, round_count, suppress
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
        drawn = plot_forest(
            rows[rows["p_value"] != WITHHELD], columns={"events": "Events", "p_value": "P"}
        )
        how = "Each covariate alone. Reference levels and numbers are in the table that follows."
        how += " Those withheld are not drawn." if (rows["p_value"] == WITHHELD).any() else ""
        caption = f"Hazard ratios for {endpoint_name(endpoint)}. {how}"
        alt = "A forest plot of hazard ratios with 95% intervals; the table holds the same numbers."
        name = f"{label}-{slug(endpoint)}"
        shown.append(figure(study, drawn, label=name, caption=caption, alt=alt))
        shown.append(_ratio_table(study, rows, endpoint, name.replace("fig-", "tbl-", 1)))
    for (name, reason), endpoints in why.items():
        reason = f"{reason} ({', '.join(endpoints)})"
        shown.append(skipped(study, f"Hazard ratios: {study.label(name)}", reason))
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
            rows.append((study.label(name), endpoint_name(endpoint), _proportional(study, frame)))
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
    if study.rules.safe:
        caption += f" Withheld where a level has fewer than {study.rules.min_count} events."
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
        covariate, term, level, reference, events (text), left_out (text), hazard_ratio, lower,
        upper (NaN where there is no estimate), p_value (text), method, events_per_variable.
    reasons : list of (str, str)
        Covariates, or levels of them, that have none, and why.
    """
    rows, reasons = [], []
    for name in study.covariates:
        frame, reason = _frame(study, endpoint, name)
        if reason:
            reasons.append((name, reason))
        if frame is None:
            continue
        total = int(time_to_event(study.patients, endpoint)["event"].sum())
        fit, method = _fit(frame)
        study.note("cox", method)
        if study.rules.safe:
            fit = fit.round({"hazard_ratio": 2, "lower": 2, "upper": 2})
        rows += _ratio_rows(study, name, frame, fit, method, total)
    columns = ["covariate", "term", "level", "reference", "events", "left_out", "hazard_ratio"]
    columns += ["lower", "upper", "p_value", "method", "events_per_variable"]
    return pd.DataFrame(rows, columns=columns), reasons


def _frame(study, endpoint, name):
    """Time, event and the covariate as ``x``, of all of whom it is known.

    ``.attrs``: left_out, how many are not known, as text; may_show, levels whose ratio may be
    shown; shown_events, levels whose events may be counted. Or None, and why; a reason beside a
    frame says what is withheld of it.
    """
    frame = time_to_event(study.patients, endpoint)[["time", "event"]]
    rules = study.rules
    values = study.patients[name].loc[frame.index]
    if is_numeric(study, name):
        scale, _ = PER.get(name, (1, ""))
        frame = frame.assign(x=values.astype("float64") / scale).dropna()
        frame.attrs = {"left_out": rules.count(values.isna().sum())}
        n, d = len(frame), int(frame["event"].sum())
        least = rules.min_count if rules.safe else 1
        if min(d, n - d if rules.safe else d) < least or frame["x"].nunique() < 2:
            return None, _few(study)
        return frame, ""
    recorded = rules.recorded(study.patients[name])
    sizes = recorded.value_counts(sort=False)
    level = recorded.loc[frame.index]
    counts = pd.crosstab(level, frame["event"]).reindex(columns=[True, False], fill_value=0)
    levels = [item for item in recorded.cat.categories if item in counts.index]
    reference = study.reference_levels.get(name)
    if reference is not None and reference not in levels and len(levels) > 1:
        return None, f"the reference level {text(reference)} cannot be used"
    if reference is None and levels:
        reference = sizes.loc[levels].idxmax()
    least = rules.min_count if rules.safe else 0
    enough = [item for item in levels if counts.loc[item].min() >= least]
    if reference not in enough or len(enough) < 2 or not frame["event"].any():
        return None, _few(study)
    reason = "" if enough == levels else f"for some levels, {_few(study)}"
    order = [reference, *[item for item in levels if item != reference]]
    frame = frame.assign(x=pd.Categorical(level, categories=order)).dropna()
    counted = levels
    if rules.safe:
        hidden = suppress(counts, rules.min_count)
        counted = list(counts.index[~hidden.any(axis=1)])
    frame.attrs = {
        "left_out": rules.count(level.isna().sum()),
        "may_show": enough,
        "counted": counted,
        "named": [item for item in levels if sizes[item] >= least],
    }
    return frame, reason


def _proportional(study, frame):
    """P of the score test, as it may be printed."""
    if study.rules.safe and isinstance(frame["x"].dtype, pd.CategoricalDtype):
        events = frame["event"].groupby(frame["x"], observed=False).sum()
        if events.min() < study.rules.min_count:
            return WITHHELD
    found = proportional_hazards_test(frame, "x").iloc[-1]
    study.note("proportional_hazards")
    return None if pd.isna(found["p_value"]) else print_p(found["p_value"])


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


def _ratio_rows(study, name, frame, fit, method, total):
    """The rows of one covariate; those withheld say so, and those of rare levels are one."""
    rules, used = study.rules, int(frame["event"].sum())
    if rules.safe:
        used = round_count(total if total - used < rules.min_count else used)
    numeric = is_numeric(study, name)
    coefficients = 1 if numeric else len(frame["x"].cat.categories) - 1
    of_all = {
        "covariate": name,
        "left_out": frame.attrs["left_out"],
        "method": method,
        "events_per_variable": f"{used / coefficients:.0f}",
    }
    if numeric:
        level = PER.get(name, (1, "per unit"))[1]
        row = fit.iloc[0]
        events = rules.count(frame["event"].sum(), near=total)
        term = f"{study.label(name)}, {level}"
        found = {"term": term, "level": level, "reference": "", "events": events}
        return [of_all | found | _numbers(row)]
    reference, *levels = frame["x"].cat.categories
    rows, rare = [], False
    for row, level in zip(fit.to_dict("records"), levels, strict=True):
        named = level in frame.attrs["named"]
        term = f"{study.label(name)}: {text(level)} vs {text(reference)}"
        events = WITHHELD
        if level in frame.attrs["counted"]:
            events = rules.count(frame["event"][frame["x"] == level].sum(), near=total)
        found = {"term": term, "level": level, "reference": reference, "events": events}
        if level in frame.attrs["may_show"]:
            rows.append(of_all | found | _numbers(row))
        elif named or not rare:
            rare = rare or not named
            nothing = dict.fromkeys(["hazard_ratio", "lower", "upper"], float("nan"))
            found["level"] = level if named else "rarer levels"
            rows.append(of_all | found | nothing | {"events": WITHHELD, "p_value": WITHHELD})
    return rows


def _numbers(row):
    """What a fit says of one coefficient."""
    p = "–" if pd.isna(row["p_value"]) else print_p(row["p_value"])
    return {name: row[name] for name in ("hazard_ratio", "lower", "upper")} | {"p_value": p}


def _ratio_table(study, rows, endpoint, label):
    caption = (
        f"Hazard ratios for {endpoint_name(endpoint)}, each covariate alone. Events: with the "
        "level, or of all for a number. Left out: patients of whom the covariate is missing. "
        "Firth: the penalised fit, where a level has fewer than "
        f"{FEWEST_IN_LEVEL} events, there are fewer than "
        f"{FEWEST_EVENTS} events for a coefficient or no other estimate. EPV: events for each "
        "coefficient."
    )
    if study.rules.safe:
        least = study.rules.min_count
        caption += (
            " Every fit is of all levels as recorded; a ratio is withheld where its level has "
            f"fewer than {least} patients with the event or without it."
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
