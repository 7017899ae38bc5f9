"""A cohort too large for memory: counted out of core, then reported from its counts.

`count_cohort` counts how many patients share the values of the columns that the endpoints and
groups are made of, by DuckDB or by a Dask cluster. `open_counts` reads those rows as a cohort, by
the same study file and the same checks; each row stands for its `patients`. Curves, log-rank tests,
hazard ratios of groups (stratified by `adjust`), restricted means and cumulative incidences follow
from the counts and equal those of the patients. What needs patients is listed as not run.
"""

import re
from dataclasses import replace
from itertools import product

import pandas as pd

from vlms.cohort import plain_name, read_cohort
from vlms.disclosure import Withheld
from vlms.figures import plot_cumulative_incidence, plot_survival
from vlms.own_cohort.opening import ChoiceError, OwnCohort, open_cohort, slug, text
from vlms.printed import print_number, print_p
from vlms.showing import say, together
from vlms.study import Column, Study, find_study, read_study
from vlms.survival import (
    cox_from_table,
    cumulative_incidence,
    event_table,
    kaplan_meier,
    log_rank,
    restricted_mean,
    survival_at,
    survival_quantile,
)
from vlms.survival.counts import PATIENTS, count_rows, open_parquet

MOST_ROWS = 2_000_000  # of counts: they are read, as a cohort, in memory
NOT_COUNTED = {
    "Table 1": "of columns other than those counted nothing is read",
    "Models of numbers or of several covariates": "they need each patient's values; see --adjust",
    "Proportional hazards, subgroups, landmark and time-dependent analyses": "they need patients",
    "Gray's test, permutation tests, median follow-up": "only what is listed above is counted",
    "Checks of cells against each other": "only those of the columns counted were made",
    "Files for a manuscript and a release": "they are made from patients only",
}


def count_cohort(path, study_file="", *, groups=(), cuts=(), adjust=(), scheduler=""):
    """Count the patients of a Parquet file or folder by what its report needs of them.

    Parameters
    ----------
    path : path-like
        A Parquet file, or a folder of them, a row each patient.
    study_file : path-like
        Blank for the one beside the table.
    groups, cuts, adjust : sequence of str
        As `open_cohort` takes them.
    scheduler : str
        Address of a Dask cluster that counts, whose workers can read the files; blank for DuckDB.

    Returns
    -------
    pandas.DataFrame
        The columns needed, under their names in the files, and ``patients``.

    Raises
    ------
    ChoiceError
        Where an identifier is missing or repeated, patients have several rows, or there are more
        than two million combinations of values.
    """
    study = read_study(study_file) if study_file else find_study(path)
    if study.time.rows != "patients":
        raise ChoiceError("counting takes a row each patient; this study has several")
    asked = [*groups, *adjust, *(re.split("<|>", cut)[0].strip() for cut in cuts)]
    with open_parquet(path, scheduler) as (table, _):
        headers = {plain_name(name): name for name in table.columns}
        if PATIENTS in headers:
            raise ChoiceError(f"a column is called {PATIENTS}, which is kept for counts; rename it")
        wanted = [headers[key] for key in _keys(study, asked, headers)]
        column = study.columns.get("patient_id", Column("patient_id"))
        for source in () if study.generate_id else column.sources or ("patient_id",):
            if plain_name(source) in headers:
                _check_identifiers(table, headers[plain_name(source)])
        counted = count_rows(table, wanted)
    if len(counted) > MOST_ROWS:
        raise ChoiceError(
            f"{len(counted):,} combinations of {', '.join(wanted)}: round the times to whole "
            f"{study.unit}, or ask for fewer groups"
        )
    return counted


def open_counts(path, *, study_file="", groups=(), cuts=(), adjust=(), **choices) -> OwnCohort:
    """Open counts, as `count_cohort` returns them and Parquet keeps them, for a report.

    The choices are those of `open_cohort`; of a table without the column ``patients`` each row is
    one.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> own = open_counts(DATA / "example_cohort" / "patients.csv", groups=["sex"])
    >>> int(own.patients["patients"].sum())
    150
    """
    study = read_study(study_file) if study_file else find_study(path)
    if str(path).endswith(".parquet"):
        study = _counted_study(study, pd.read_parquet(path).columns)
    cohort = read_cohort(path, study)
    if PATIENTS not in cohort.patients:
        cohort.patients[PATIENTS] = 1.0
    # Covariates are not counted, but for the strata.
    cohort = replace(cohort, study=replace(cohort.study, covariates=()))
    own = open_cohort(cohort, groups=groups, cuts=cuts, adjust=adjust, **choices)
    for name in own.adjust:
        if own.is_numeric(name) and own.patients[name].nunique() > 6:
            raise ChoiceError(f"counts are stratified by levels, and {name} is a number")
    return own


def show_counted_flow(own: OwnCohort, label="tbl-flow"):
    """Show the way from the file to each endpoint, in patients."""
    columns, reasons = {}, []
    weight = own.patients.set_index("patient_id")[PATIENTS]
    for endpoint in own.endpoints:
        frame, left = own.frame(endpoint), own.frame(endpoint).attrs["left_out"]
        n = _weight(own, frame)
        why = pd.Series([weight[one] for one, _ in left], [reason for _, reason in left])
        why = why.groupby(level=0).sum().add_prefix("left out: ")
        reasons += why.index.tolist()
        column = {"in the file": weight.sum(), **why, "analysed": n.sum()}
        column["with the event"] = n[frame["event"]].sum()
        competed = n[frame["cause"] == 2].sum() if "cause" in frame else 0
        column["with a competing event"] = competed
        column["censored"] = n.sum() - column["with the event"] - competed
        columns[own.title(endpoint)] = column
    order = ["in the file", *dict.fromkeys(reasons), "analysed", "with the event"]
    flow = pd.DataFrame(columns).fillna(0).reindex([*order, "with a competing event", "censored"])
    flow = flow.map(own.rules.count).rename_axis("step").reset_index()
    caption = "From the file to each endpoint: patients."
    return own.table(flow, label=label, caption=caption)


def show_counted_curves(own: OwnCohort, label="fig-endpoints"):
    """Show the curve of each endpoint, and of each group with its tests, from counts."""
    shown, times, ratios = [], [], []
    for endpoint in own.endpoints:
        for by in [None, *own.groups]:
            section = own.title(endpoint) + (f" by {own.label(by)}" if by else "")
            with own.section(section, shown):
                table, left = _counts(own, endpoint, by)
                curve, said = kaplan_meier(table, interval=own.interval), ""
                times += _numbers(own, section, table, curve)
                if by:
                    found, said = _tests(own, endpoint, by, section, table)
                    ratios += found
                    shown.append(say("{section}: {said}.", section=section, said=said))
                name = f"{label}-{slug(endpoint)}" + (f"-{slug(by)}" if by else "")
                drawn = plot_survival(curve, censoring_marks=False, xlabel=_clock(own),
                                      ylabel=own.height(endpoint))  # fmt: skip
                caption = f"{section}. Shaded: 95% interval; below: numbers at risk."
                caption += f" Left out, as {own.label(by)} is missing: {left:,.0f}." if left else ""
                alt = "Survival curves; their values are in the table that follows."
                shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
                shown.append(own.data_file(curve, label=name.replace("fig-", "tbl-curve-", 1)))
    name = label.replace("fig-", "tbl-", 1)
    if times:
        columns = ["curve", "group", "patients", "events", own.unit, "survival", "interval"]
        caption = "Survival at chosen times, medians and restricted means, with 95% intervals."
        table = pd.DataFrame(times, columns=columns)
        shown.append(own.table(table, label=name, caption=caption, grouped=True))
    if ratios:
        caption = "Hazard ratios of the groups, by Cox's model with Efron's ties, from counts."
        table = pd.concat(ratios)
        shown.append(own.table(table, label=f"{name}-ratios", caption=caption, grouped=True))
    return together(*shown)


def show_counted_incidence(own: OwnCohort, label="fig-incidence"):
    """Show the cumulative incidence of endpoints with which other events compete, from counts."""
    shown, rows = [], []
    for endpoint in [name for name in own.endpoints if "cause" in own.frame(name)]:
        with own.section(f"Incidence: {own.title(endpoint)}", shown):
            causes = {k: v for k, v in own.frame(endpoint).attrs["causes"].items() if k}
            tables = {code: _counts(own, endpoint, cause=code)[0] for code in causes}
            curve = cumulative_incidence(tables)
            drawn = plot_cumulative_incidence(curve, causes=causes, xlabel=_clock(own))
            caption = f"{own.title(endpoint)}: cumulative incidence. Events that compete are not "
            caption += "censored. Shaded: 95% interval; below: numbers at risk."
            alt = "Rising curves of the share of patients that has had each event."
            name = f"{label}-{slug(endpoint)}"
            shown.append(own.figure(drawn, label=name, caption=caption, alt=alt))
            for (code, mine), time in product(curve.groupby("cause"), own.landmarks):
                at = mine[mine["time"] <= time].iloc[-1]
                if time <= mine["time"].max():
                    share = print_number(100 * at["incidence"], 1) + "%"
                    said = _interval(100 * at["lower"], 100 * at["upper"], "%")
                    rows.append((own.title(endpoint), causes[code], f"{time:g}", share, said))
    if rows:
        columns = ["endpoint", "event", own.unit, "incidence", "interval"]
        caption = "Cumulative incidence at chosen times, with 95% intervals."
        name = label.replace("fig-", "tbl-", 1)
        table = pd.DataFrame(rows, columns=columns)
        shown.append(own.table(table, label=name, caption=caption, grouped=True))
    return together(*shown)


def show_not_counted(own: OwnCohort, label="tbl-left-out"):
    """List what counts do not allow, and what else was not run, with the reason."""
    rows = pd.DataFrame([*NOT_COUNTED.items(), *own.left_out], columns=["not shown", "because"])
    return own.table(rows, label=label, caption="What this report does not hold, and why.")


def _keys(study, asked, headers):
    """The plain names of the columns that the endpoints and groups are made of."""
    names = [study.time.end, study.time.start, study.time.entry, "provenance", "synthetic"]
    for end in study.endpoints.values():
        names += [*end.columns, *end.not_at_risk]
    names += asked or [group.column for group in study.groups]
    keys = []
    for name in filter(None, names):
        column = study.columns.get(name)
        sources = [plain_name(one) for one in (column.sources if column else ()) or (name,)]
        for key in sources:  # as `open_cohort` takes a name, without its unit
            keys += [one for one in headers if one == key] or [
                one for one in headers if re.sub("_(years|cm|mm|months)$", "", one) == key
            ]
    return list(dict.fromkeys(keys))


def _counted_study(study, headers) -> Study:
    """The study of the rows of counts: of its columns those that were counted."""
    headers = set(map(plain_name, headers))
    columns = {
        name: replace(column, required=False)
        for name, column in study.columns.items()
        if {name, *map(plain_name, column.sources)} & headers and name != "patient_id"
    }
    columns[PATIENTS] = Column(PATIENTS, "number", required=True)
    return replace(study, columns=columns, generate_id=True, ignored=())


def _check_identifiers(table, name):
    """Refuse a table in which an identifier is missing or stands twice."""
    if hasattr(table, "aggregate"):
        quoted = '"' + name.replace('"', '""') + '"'
        times = table.aggregate(f"{quoted} AS one, count(*) AS n").filter("n > 1 OR one IS NULL")
        bad, example = times.aggregate("sum(n), any_value(one)").fetchall()[0]
    else:
        times = table.groupby(name, dropna=False).size(split_out=table.npartitions)
        times = times.reset_index(name="n")
        times = times[(times["n"] > 1) | times[name].isna()].compute()
        bad, example = times["n"].sum(), next(iter(times[name].dropna()), None)
    if bad:
        said = f", such as {text(example)}" if example is not None else ""
        raise ChoiceError(
            f"{name}: {int(bad):,} rows have an identifier that is missing or stands twice{said}; "
            'a row each patient, or id = "generate" in the study'
        )


def _weight(own, frame):
    """How many patients each row of an endpoint's frame stands for."""
    return own.patients.loc[frame.index, PATIENTS].astype("float64")


def _frame(own, endpoint, columns=(), cause=1):
    """Time, event and weight of an endpoint, with further columns of the patients."""
    frame = own.frame(endpoint)
    event = frame["event"] if cause == 1 else frame["cause"] == cause
    kept = {"event": event, PATIENTS: _weight(own, frame)}
    return frame.assign(**kept, **{c: own.patients.loc[frame.index, c] for c in columns})


def _counts(own, endpoint, by=None, cause=1, strata=()):
    """The event table of an endpoint, or one a stratum, and how many a blank leaves out."""
    named = [by] if by else []
    frame = _frame(own, endpoint, [*named, *strata], cause)
    known = frame[[*named, *strata]].notna().all(axis=1)
    left, frame = frame.loc[~known, PATIENTS].sum(), frame[known]
    if frame.empty or (by and frame[by].nunique() < 2):
        raise Withheld("there are fewer than two groups" if by else "no patient was followed")
    entry = "entry" if "entry" in frame else None
    options = {"entry": entry, "weight": PATIENTS}
    if not strata:
        return event_table(frame, group=by, **options), left
    parts = frame.groupby(list(strata), observed=True)
    return [event_table(part, group=by, **options) for _, part in parts], left


def _tests(own, endpoint, by, section, table):
    """The log-rank test and hazard ratios of a group, alone and stratified, as rows and in words."""
    if table.attrs["delayed_entry"]:
        return [], "tests of groups with delayed entry need the patients"
    told, found = [], []
    strata = [name for name in own.adjust if name not in (by, own.made_of.get(by))]
    for names in [(), strata] if strata else [()]:
        tables, left = _counts(own, endpoint, by, strata=names) if names else (table, 0)
        called = " and ".join(own.label(name) for name in names)
        test, fit = log_rank(tables), cox_from_table(tables)
        of = f", stratified by {called}" if names else ""
        lacking = f" ({left:,.0f} left out, as it is missing)" if left else ""
        told.append(f"log-rank test{of}{lacking} P {print_p(test.p_value)}")
        shown = fit[["term", "hazard_ratio", "lower", "upper", "p_value"]].copy()
        first = (tables[0] if names else table)["group"].iloc[0]
        levels = shown.pop("term").str.removeprefix("group[").str.removesuffix("]")
        shown.insert(0, "comparison", [f"{level} vs {first}" for level in levels])
        shown.insert(0, "of", section + of)
        shown["patients"], shown["events"] = fit.attrs["n"], fit.attrs["events"]
        found.append(shown)
        for note in fit.attrs["warnings"]:
            own.skipped(f"Hazard ratio: {section}{of}", note)
    return found, "; ".join(told)


def _numbers(own, section, table, curve):
    """Rows of a table: survival at each landmark, the median, and the restricted mean."""
    rows, span = [], max(own.landmarks)
    sums = table.groupby("group", sort=False, observed=True)[["events", "censored"]].sum()
    found = survival_at(curve, own.landmarks)
    medians = survival_quantile(curve).set_index("group")
    last = curve.groupby("group", sort=False)["time"].max()
    means = restricted_mean(curve, span).set_index("group") if span <= last.min() else None
    for group, counted in sums.iterrows():
        start = section, text(group), f"{counted.sum():,.0f}", f"{counted['events']:,.0f}"
        for at in found[found["group"] == group].itertuples():
            share = [100 * value for value in (at.survival, at.lower, at.upper)]
            told = print_number(share[0], 1) + ("%" if pd.notna(share[0]) else "")
            rows.append((*start, f"{at.time:g}", told, _interval(*share[1:], "%")))
        middle = medians.loc[group]
        told = print_number(middle["time"], 1, missing="not reached")
        rows.append((*start, "median", told, _interval(middle["lower"], middle["upper"])))
        if means is not None:
            mean, half = means.loc[group, "rmst"], 1.959964 * means.loc[group, "std_error"]
            name = f"restricted mean to {span:g}"
            said = _interval(mean - half, mean + half)
            rows.append((*start, name, print_number(mean, 2), said))
    if means is None:
        own.skipped(f"Restricted mean: {section}", f"a curve ends before {own.unit} {span:g}")
    return rows


def _interval(lower, upper, mark=""):
    """An interval as a table prints it."""
    ends = [print_number(end, 1, missing="?") + mark * pd.notna(end) for end in (lower, upper)]
    return " to ".join(ends)


def _clock(own):
    """The axis of time."""
    zero = f" from {text(own.study.time_zero)}" if own.study.time_zero else ""
    return f"{own.unit.capitalize()}{zero}"
