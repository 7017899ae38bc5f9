"""A cohort too large for memory: counted out of core, then reported from its counts.

`count_cohort` counts how many patients share the values of the columns that the endpoints and
groups are made of, by DuckDB or by a Dask cluster. `open_counts` reads those rows as a cohort, by
the same study file and the same checks; each row stands for its `patients`. Curves, log-rank tests,
hazard ratios of groups (stratified by `adjust`), restricted means and cumulative incidences follow
from the counts and equal those of the patients. What needs patients is listed as not run.
"""

import re
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from vlms.cohort import plain_name, read_cohort
from vlms.disclosure import Withheld, estimate_at
from vlms.figures import plot_cumulative_incidence, plot_survival
from vlms.own_cohort.models import ratio_text, sign
from vlms.own_cohort.opening import ChoiceError, OwnCohort, open_cohort, slug, text
from vlms.printed import print_interval, print_number
from vlms.showing import say, together
from vlms.study import SARCOMA, Column, Study, find_study, read_study
from vlms.survival import (
    count_rows,
    cox_from_table,
    cumulative_incidence,
    event_table,
    kaplan_meier,
    log_rank,
    open_parquet,
    restricted_mean,
    survival_at,
    survival_quantile,
)

Z = 1.959963984540054  # of a 95% interval
PATIENTS = "patients"  # the column that `count_rows` adds
_ENDS = ("with the event", "with a competing event", "censored")
MOST_ROWS = 2_000_000  # of counts: they are read, as a cohort, in memory
NOT_COUNTED = {
    "Table 1": "of columns other than those counted nothing is read",
    "Models of numbers or of several covariates": "they need each patient's values; see --adjust",
    "Proportional hazards, subgroups, landmark and time-dependent analyses": "they need patients",
    "Gray's test, permutation tests, median follow-up": "only what is listed above is counted",
    "Unknown causes of death counted as the event": "the curves count them as no event",
    "Safe mode, files for a manuscript and a release": "they are made from patients only",
    "Checks of cells against each other": "only those of the columns counted were made",
}


def count_cohort(path, *, study_file="", groups=(), cuts=(), adjust=(), scheduler=""):
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
    groups = [*groups, *(re.split("<|>", cut)[0].strip() for cut in cuts)]
    with open_parquet(path, scheduler) as (table, _):
        headers = {plain_name(name): name for name in table.columns}
        if PATIENTS in headers:
            raise ChoiceError(f"a column is called {PATIENTS}, which is kept for counts; rename it")
        wanted = [headers[key] for key in _keys(study, groups, adjust, headers)]
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


@contextmanager
def sample_rows(path):
    """Write 100,000 rows of Parquet files at random to a file of that name, for `start_study`."""
    with open_parquet(path) as (table, _), TemporaryDirectory() as folder:
        few = Path(folder) / f"{Path(path).stem}.parquet"
        table.query("everybody", "SELECT * FROM everybody USING SAMPLE 100000").df().to_parquet(few)
        yield few


def open_counts(path, *, study_file="", groups=(), cuts=(), adjust=(), **choices) -> OwnCohort:
    """Open counts, as `count_cohort` returns them and Parquet keeps them, for a report.

    The choices are those of `open_cohort`; of a table without the column ``patients`` each row is
    one.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> own = open_counts(DATA / "example_cohort" / "patients.csv", disclosure="full")
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
    if choices.get("disclosure", "safe") != "full":
        raise ChoiceError("a report from counts is made in full only: --disclosure full")
    own = open_cohort(cohort, groups=groups, cuts=cuts, adjust=adjust, **choices)
    for name in own.adjust:
        if own.is_numeric(name) and own.patients[name].nunique() > 6:
            raise ChoiceError(f"counts are stratified by levels, and {name} is a number")
    return own


def show_counted_flow(own: OwnCohort, label="tbl-flow"):
    """Show the way from the file to each endpoint, and what was read with a doubt, in patients."""
    columns, reasons, weight = {}, [], own.patients.set_index("patient_id")[PATIENTS]
    for endpoint in own.endpoints:
        frame, declared = own.frame(endpoint), own.study.endpoints[endpoint]
        n, cause = _weight(own, frame), frame.get("cause", frame["event"] * 1)
        left = pd.Series(dict(frame.attrs["left_out"]), dtype=object).map(text)
        why = weight.reindex(left.index).groupby("left out: " + left).sum()
        reasons += why.index.tolist()
        ends = dict(zip(_ENDS, (n[cause == code].sum() for code in (1, 2, 0)), strict=True))
        column = {"in the file": weight.sum(), **why, "analysed": n.sum(), **ends}
        column["of unknown cause, counted as no event"] = weight[frame.attrs["unknown"]].sum()
        title = own.title(endpoint)
        title = f"{title} ({endpoint})" if title in columns else title
        columns[title] = {k: f"{v:,.0f}" for k, v in column.items()} | {
            "event": declared.definition
        }
    order = ["in the file", *dict.fromkeys(reasons), "analysed", *_ENDS]
    flow = pd.DataFrame(columns).reindex([*order, "of unknown cause, counted as no event", "event"])
    flow = flow.fillna("0").rename_axis("step").reset_index()
    shown = [own.table(flow, label=label, caption="From the file to each endpoint: patients.")]
    by, doubts = ["column", "raw", "problem", "action"], own.cohort.issues
    cells = doubts[doubts["raw"].fillna("") != ""]
    if len(cells):  # lines of a Parquet file are its rows, from 1
        counted = own.cohort.source.endswith(".parquet")
        n = weight.to_numpy()[cells["line"].astype(int) - 1] if counted else 1
        cells = cells.assign(patients=n).groupby(by)[PATIENTS].sum().reset_index()
        caption = "Values that were read with a doubt, what was done, and of how many patients."
        shown.append(own.table(cells, label=f"{label}-doubts", caption=caption))
    return together(*shown)


def show_counted_curves(own: OwnCohort, label="fig-endpoints"):
    """Show the curve of each endpoint, and of each group with its tests, from counts."""
    shown, times, ratios, name = [], [], [], label.replace("fig-", "tbl-", 1)
    for endpoint, by in product(own.endpoints, [None, *own.groups]):
        section = own.title(endpoint) + (f" by {own.label(by)}" if by else "")
        with own.section(section, shown):
            table, left = _counts(own, endpoint, by)
            curve = kaplan_meier(table, interval=own.interval)
            times += _numbers(own, section, table, curve)
            caption = f"{section}. Shaded: 95% interval; below: numbers at risk."
            if by:
                found, said = _tests(own, endpoint, by, section, table)
                ratios += found
                shown.append(say("{section}: {said}.", section=section, said=said))
                caption += f" Left out, as {own.label(by)} is missing: {left:,.0f}." if left else ""
            words = {"xlabel": _clock(own), "ylabel": own.height(endpoint)}
            drawn = plot_survival(curve, censoring_marks=False, **words)
            place = f"{label}-{slug(endpoint)}" + (f"-{slug(by)}" if by else "")
            alt = "Survival curves; their values are in the table that follows."
            shown.append(own.figure(drawn, label=place, caption=caption, alt=alt))
            shown.append(own.data_file(curve, label=place.replace("fig-", "tbl-curve-", 1)))
    if times:
        columns = ["curve", "group", "patients", "events", own.unit, "survival", "interval"]
        caption = "Survival at chosen times, medians and restricted means, with 95% intervals."
        times = pd.DataFrame(times, columns=columns)
        shown.append(own.table(times, label=name, caption=caption, grouped=True))
    if ratios:
        caption = "Hazard ratios of the groups, by Cox's model with Efron's ties, from counts."
        data = pd.DataFrame(ratios)
        table = data[["curve", "comparison", "patients", "events"]].copy()
        table["HR (95% CI)"] = [ratio_text(row, level="") for row in ratios]
        place = f"{name}-ratios"
        shown.append(own.table(table, label=place, caption=caption, data=data, grouped=True))
    return together(*shown)


def show_counted_incidence(own: OwnCohort, label="fig-incidence"):
    """Show the cumulative incidence of endpoints with which other events compete, from counts."""
    shown, rows = [], []
    for endpoint in [name for name in own.endpoints if "cause" in own.frame(name)]:
        title, frame = own.title(endpoint), own.frame(endpoint)
        with own.section(f"Incidence: {title}", shown):
            causes = {code: called for code, called in frame.attrs["causes"].items() if code}
            curve = cumulative_incidence(
                {code: _counts(own, endpoint, cause=code)[0] for code in causes}
            )
            drawn = plot_cumulative_incidence(curve, causes=causes, xlabel=_clock(own))
            caption = f"{title}: cumulative incidence. Events that compete are not censored. "
            caption += "Shaded: 95% interval; below: numbers at risk."
            alt = "Rising curves of the share of patients that has had each event."
            place = f"{label}-{slug(endpoint)}"
            shown.append(own.figure(drawn, label=place, caption=caption, alt=alt))
            shown.append(own.data_file(curve, label=place.replace("fig-", "tbl-curve-", 1)))
            for (code, mine), time in product(curve.groupby("cause"), own.landmarks):
                found = mine[mine["time"] <= time].iloc[-1][["incidence", "lower", "upper"]]
                found = tuple(found) if time <= mine["time"].max() else (np.nan,) * 3
                told = estimate_at(time, found, frame["time"], frame["event"], own.rules)
                rows.append((title, causes[code], f"{time:g}", *told))
    if rows:
        columns = ["endpoint", "event", own.unit, "incidence", "interval"]
        caption = "Cumulative incidence at chosen times, with 95% intervals."
        rows, name = pd.DataFrame(rows, columns=columns), label.replace("fig-", "tbl-", 1)
        shown.append(own.table(rows, label=name, caption=caption, grouped=True))
    return together(*shown)


def show_not_counted(own: OwnCohort, label="tbl-left-out"):
    """List what counts do not allow, and what else was not run, with the reason."""
    rows = pd.DataFrame([*NOT_COUNTED.items(), *own.left_out], columns=["not shown", "because"])
    return own.table(rows, label=label, caption="What this report does not hold, and why.")


def _keys(study, groups, adjust, headers):
    """The plain names of the columns that the endpoints and groups are made of."""
    names = [study.time.end, study.time.start, study.time.entry, "provenance", "synthetic"]
    for end in study.endpoints.values():
        names += [*end.columns, *end.not_at_risk]
    names += [*(groups or [group.column for group in study.groups]), *adjust]
    names += ["tnm"] if study is SARCOMA or study.based_on else []
    keys = []
    for name in filter(None, names):
        column, found = study.columns.get(name), []
        sources = [plain_name(one) for one in (column.sources if column else ()) or (name,)]
        for key in sources:  # as `open_cohort` takes a name, without its unit
            shortened = [h for h in headers if re.sub("_(years|cm|mm|months)$", "", h) == key]
            found += [key] if key in headers else shortened
        if not found and name in (*groups, *adjust):
            raise ChoiceError(f"no column {name!r}; there are {', '.join(headers.values())}")
        keys += found
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
    base = study.based_on or "sarcoma" * (study is SARCOMA)
    return replace(study, columns=columns, generate_id=True, ignored=(), based_on=base)


def _check_identifiers(table, name):
    """Refuse a table in which an identifier is missing or stands twice."""
    if not hasattr(table, "to_delayed"):
        quoted = '"' + name.replace('"', '""') + '"'
        times = table.aggregate(f"{quoted} AS one, count(*) AS n").filter("n > 1 OR one IS NULL")
        bad, example = times.aggregate("sum(n), any_value(one)").fetchall()[0]
    else:
        times = table.groupby(name, dropna=False).size(split_out=table.npartitions)
        times = times.to_frame("n").map_partitions(lambda part: part.reset_index())
        odd = times.map_partitions(lambda part: part[(part["n"] > 1) | part[name].isna()])
        times = odd.compute()
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


def _counts(own, endpoint, by=None, cause=1, strata=()):
    """The event table of an endpoint, or one a stratum, and how many a blank leaves out."""
    frame, named = own.frame(endpoint), [*([by] if by else []), *strata]
    event = frame["event"] if cause == 1 else frame["cause"] == cause
    frame = frame.assign(event=event, **{PATIENTS: _weight(own, frame)})
    frame = frame.join(own.patients[named], rsuffix=" of the patients")
    known = frame[named].notna().all(axis=1)
    left, frame = frame.loc[~known, PATIENTS].sum(), frame[known]
    if frame.empty or (by and frame[by].nunique() < 2):
        raise Withheld("there are fewer than two groups" if by else "no patient was followed")
    options = {"entry": "entry" if "entry" in frame else None, "weight": PATIENTS}
    if not strata:
        return event_table(frame, group=by, **options), left
    parts = frame.groupby(list(strata), observed=True)
    return [event_table(part, group=by, **options) for _, part in parts], left


def _tests(own, endpoint, by, section, table):
    """The hazard ratios of a group, alone and stratified, as rows, and log-rank tests in words."""
    if table.attrs["delayed_entry"]:
        return [], "tests of groups with delayed entry need the patients"
    told, rows = [], []
    strata = [name for name in own.adjust if name not in (by, own.made_of.get(by))]
    for names in [[], strata] if strata else [[]]:
        tables, left = _counts(own, endpoint, by, strata=names) if names else (table, 0)
        of = f", stratified by {' and '.join(map(own.label, names))}" if names else ""
        lacking = f" ({left:,.0f} left out, as it is missing)" if left else ""
        fit = cox_from_table(tables)
        told.append(f"log-rank test{of}{lacking} P {sign(log_rank(tables).p_value)}")
        every = {str(level) for one in (tables if names else [table]) for level in one["group"]}
        first = (every - {term[6:-1] for term in fit["term"]}).pop()
        size = {"patients": fit.attrs["n"], "events": fit.attrs["events"]}
        for row in fit.to_dict("records"):
            level = row.pop("term")[6:-1]  # of group[…]
            rows.append({"curve": section + of, "comparison": f"{level} vs {first}"} | size | row)
        for note in fit.attrs["warnings"]:
            own.skipped(f"Hazard ratio: {section}{of}", note)
    return rows, "; ".join(told)


def _numbers(own, section, table, curve):
    """Rows of a table: survival at each landmark, the median, and the restricted mean."""
    rows, span, found = [], max(own.landmarks), survival_at(curve, own.landmarks)
    medians = survival_quantile(curve).set_index("group")
    span = min(span, curve.groupby("group")["time"].max().min())
    means = restricted_mean(curve, span).set_index("group")
    sums = table.groupby("group", sort=False)[["events", "censored"]].sum()
    for group, counted in sums.iterrows():
        start = section, text(group), f"{counted.sum():,.0f}", f"{counted['events']:,.0f}"
        mine = table[table["group"] == group]
        for at in found[found["group"] == group].itertuples():
            estimate = at.survival, at.lower, at.upper
            event = mine["events"] > 0
            rows.append((*start, f"{at.time:g}", *estimate_at(
                at.time, estimate, mine["time"], event, own.rules)))  # fmt: skip
        time, *limits = medians.loc[group, ["time", "lower", "upper"]]
        told = print_number(time, 1, missing="not reached")
        rows.append((*start, "median", told, print_interval(*limits, 1, missing="not reached")))
        mean, error = means.loc[group, ["rmst", "std_error"]]
        limits = print_interval(mean - Z * error, mean + Z * error, 1)
        rows.append((*start, f"restricted mean to {span:g}", print_number(mean, 1), limits))
    return rows


def _clock(own):
    """The axis of time."""
    zero = f" from {text(own.study.time_zero)}" if own.study.time_zero else ""
    return f"{own.unit.capitalize()}{zero}"
