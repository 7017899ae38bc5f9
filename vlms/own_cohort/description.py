"""Who the patients of a cohort are: Table 1, and the cohort beside those of the papers.

Each function returns what a cell of the notebook shows. In safe mode every number has passed the
rules of `vlms.disclosure` before it is put into a table.
"""

import re

import pandas as pd

from vlms.cohort import DATA, read_paper
from vlms.descriptive import spread_groups, table_one
from vlms.disclosure import OTHER, WITHHELD, round_count, safe_numbers, suppress
from vlms.endpoints import time_to_event
from vlms.own_cohort.curves import survival_text
from vlms.own_cohort.study import Study, endpoint_name, is_numeric, skipped, table, text
from vlms.presentation import together
from vlms.reading.codebook import CANONICAL
from vlms.rounding import print_number
from vlms.survival import kaplan_meier, survival_at
from vlms.variables import split_groups

MISSING = "missing"


def show_table_one(study: Study, *, label):
    """Show Table 1: of all patients, then by each group variable that was asked for.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Several

    Examples
    --------
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> print(show_table_one(study, label="tbl-one").shown[0])
    Table tbl-one: Patients. ...
    variable | level | all
    Patients | | 150
    ...
    """
    columns = [name for name in CANONICAL if name in study.patients and not _is_outcome(name)]
    columns += [name for name in study.covariates + study.group_variables if name not in columns]
    columns = list(dict.fromkeys(columns))
    shown = []
    for by in study.group_variables or [None]:
        described = [name for name in columns if name != by]
        frame = _table_one(study, described, by)
        if frame is None:
            reason = f"no group of {study.label(by)} is large enough"
            shown.append(skipped(study, "Table 1 by group", reason))
            by, frame = None, _table_one(study, columns, None)
        of_group = f", by {study.label(by).lower()}" if by else ""
        shares = (
            " Counts are rounded to 5, shares are of all patients of the group."
            if study.rules.safe
            else " Shares are of the patients of whom the variable is known."
        )
        name = label if not shown else f"{label}-{len(shown) + 1}"
        caption = f"Patients{of_group}.{shares}{_absent(study, by)}"
        shown.append(table(frame, label=name, caption=caption, grouped=True))
    return together(*shown)


def show_comparison(study: Study, *, label):
    """Show the cohort beside those of the two papers.

    Parameters
    ----------
    study : Study
    label : str

    Returns
    -------
    Shown

    Examples
    --------
    >>> from vlms.own_cohort.study import open_study
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> print(show_comparison(study, label="tbl-comparison"))
    Table tbl-comparison: ...
    patients | 150 | 12 | 63 with localised disease
    ...
    """
    tilkorn, rules = read_paper("tilkorn2010").patients, study.rules
    printed = pd.read_csv(DATA / "roland2016" / "claims.csv", dtype=str).set_index("id")["printed"]
    counts = pd.read_csv(DATA / "roland2016" / "characteristics.csv", dtype=str)
    counts = counts[counts["cohort"] == "localised"].set_index(["variable", "level"])["printed"]
    mine = study.patients
    rows = [
        ("patients", rules.count(len(mine)), len(tilkorn), "63 with localised disease"),
        (
            "women",
            _share(study, "sex", "f"),
            _of(tilkorn, "sex", "f"),
            _printed(counts["sex", "female"]),
        ),
        (
            "age (years)",
            _average(study, "age_years"),
            f"mean {tilkorn['age_years'].mean():.1f}",
            f"median {printed['table1-age-median-localised']}",
        ),
        (
            "high grade (3)",
            _share(study, "grade", "3"),
            _of(tilkorn, "grade", 3),
            _printed(counts["grade", "high"]),
        ),
        (
            "radiotherapy",
            _share(study, "radiotherapy", "yes"),
            _of(tilkorn, "radiotherapy", True),
            "–",
        ),
        ("size (cm)", _average(study, "size_cm"), f"mean {tilkorn['size_cm'].mean():.1f}", "–"),
        *_outcomes(study, tilkorn),
    ]
    frame = pd.DataFrame(rows, columns=["measure", "this cohort", "Tilkorn 2010", "Roland 2016"])
    caption = (
        "This cohort beside the two published ones; those of Roland 2016 as that paper prints them."
    )
    return table(frame.astype(str), label=label, caption=caption)


def levels_table(study: Study, name, by=None):
    """Count patients by level and group; the true counts, for `suppress`.

    Parameters
    ----------
    study : Study
    name, by : str
        Columns.

    Returns
    -------
    pandas.DataFrame
        A row a shown level, a column a shown group; `OTHER`, or the missing, last.
    """
    level = _with_missing(study.rules.levels(study.patients[name]))
    if by is None:
        return level.value_counts(sort=False).to_frame("all")
    group = study.rules.levels(study.patients[by])
    if group.isna().any():
        group = _with_missing(group)
    return pd.crosstab(level, group, dropna=False)


def _is_outcome(name):
    return CANONICAL[name].outcome


def _table_one(study, columns, by):
    if not study.rules.safe:
        labels = {name: study.label(name) for name in columns}
        patients = study.patients.copy()
        for name in {*columns, *([by] if by else [])}:
            if not is_numeric(study, name):
                patients[name] = study.rules.levels(patients[name])
        shown = [c for c in columns if is_numeric(study, c) or patients[c].nunique() <= 30]
        wide = spread_groups(table_one(patients, columns=shown, by=by, labels=labels))
        sizes = {name: str(len(members)) for name, members in split_groups(patients, by).items()}
        first = {"variable": "Patients", "level": "", **sizes, "all": str(len(patients))}
        wide = pd.concat([pd.DataFrame([first]), wide], ignore_index=True)
        return wide.rename(columns={name: text(name) for name in wide})
    groups = {}
    if by is not None:
        named = study.rules.levels(study.patients[by])
        groups = {g: study.patients[named == g] for g in named.cat.categories}
        if len(groups) < 2:
            return None
        if named.isna().sum() >= study.rules.min_count:
            groups[MISSING] = study.patients[named.isna()]
    sizes = [study.rules.count(len(members)) for members in [*groups.values(), study.patients]]
    rows = [("Patients", "", *sizes)]
    for name in columns:
        make = _number_rows if is_numeric(study, name) else _level_rows
        rows += [(study.label(name), *row) for row in make(study, name, by, groups)]
    return pd.DataFrame(rows, columns=["variable", "level", *map(text, groups), "all"])


def _absent(study, by):
    """Say how many patients no column by group holds."""
    if by is None or not study.rules.safe:
        return ""
    n = int(study.rules.levels(study.patients[by]).isna().sum())
    if n >= study.rules.min_count or OTHER in study.rules.levels(study.patients[by]).cat.categories:
        return ""
    left = study.rules.count(n)
    return f" In no column but the last, as {study.label(by).lower()} is missing: {left}."


def _level_rows(study, name, by, groups):
    rules, total = study.rules, len(study.patients)
    everyone = levels_table(study, name)["all"]
    if list(everyone.index) == [OTHER]:
        return [("any", *[WITHHELD] * (len(groups) + 1))]
    parts = levels_table(study, name, by) if by else pd.DataFrame(index=everyone.index)
    hidden = parts.copy()
    if by:
        outside = [group for group in parts if group not in groups]
        hidden = suppress(parts, rules.min_count, withheld=outside, free=[MISSING])
    rows = []
    for level, n in everyone.items():
        cells = [
            WITHHELD if hidden.loc[level, g] else rules.share(parts.loc[level, g], len(groups[g]))
            for g in groups
        ]
        rows.append((text(level), *cells, rules.share(n, total)))
    return rows


def _number_rows(study, name, _, groups):
    rules = study.rules
    sets = [*groups.values(), study.patients]
    found = [safe_numbers(members[name], rules.min_count) for members in sets]
    rows = [
        ("mean (SD)", *[_two(f, "{mean} ({sd})") for f in found]),
        ("median (quartiles)", *[_two(f, "{median} ({q1}–{q3})") for f in found]),
    ]
    lacking = [rules.share(members[name].isna().sum(), len(members)) for members in sets]
    if groups:
        n = pd.DataFrame(
            {place: [s[name].isna().sum(), s[name].notna().sum()] for place, s in enumerate(sets)}
        )
        small = (n.iloc[:, :-1] < rules.min_count).to_numpy().any()
        lacking = [WITHHELD if small else cell for cell in lacking[:-1]] + lacking[-1:]
    return [*rows, (MISSING, *lacking)]


def _two(found, form):
    if found is None or any(name not in found for name in re.findall(r"{(\w+)}", form)):
        return WITHHELD
    decimals = found["decimals"]
    return form.format(**{k: print_number(v, decimals) for k, v in found.items()})


def _with_missing(level):
    """Name the missing as a level of their own, unless the pool holds them already."""
    if OTHER in level.cat.categories:
        return level
    return level.cat.add_categories(MISSING).fillna(MISSING)


def _share(study, name, level):
    if name not in study.patients:
        return "–"
    counts = levels_table(study, name)["all"]
    if level not in counts.index:
        return WITHHELD if study.rules.safe else "–"
    n, total = counts[level], len(study.patients)
    if study.rules.safe:
        return study.rules.share(n, total)
    return _ratio(n, int(study.patients[name].notna().sum()))


def _outcomes(study, tilkorn):
    """Survival at the months of which the papers speak."""
    printed = pd.read_csv(DATA / "roland2016" / "survival.csv", dtype=str)
    chosen = {
        "endpoint": "disease_specific_survival",
        "time_months": "60",
        "group": "all localised",
    }
    roland = printed.loc[(printed[list(chosen)] == pd.Series(chosen)).all(axis=1), "printed"].iloc[
        0
    ]
    for endpoint, month, theirs in (
        ("overall_survival", 36, "–"),
        ("disease_specific_survival", 60, roland),
    ):
        if endpoint in study.endpoints:
            frame = time_to_event(tilkorn, endpoint)
            found = survival_at(kaplan_meier(frame["time"], frame["event"]), month).iloc[0]
            known = f"{found['survival']:.0%}" if pd.notna(found["survival"]) else "–"
            mine = survival_text(study, endpoint, month)
            yield f"{endpoint_name(endpoint)}, {month} months", mine, known, theirs


def _printed(text_):
    """Write the sign that a column of percentages leaves out."""
    return text_.replace(")", "%)")


def _of(patients, name, value):
    known = patients[name].dropna() if name in patients else pd.Series(dtype=object)
    return _ratio(int((known == value).sum()), len(known))


def _ratio(n, total):
    return f"{n}/{total} ({n / total:.0%})" if total else "–"


def _average(study, name):
    if name not in study.patients:
        return "–"
    if study.rules.safe:
        return _two(safe_numbers(study.patients[name], study.rules.min_count), "mean {mean}")
    return f"mean {study.patients[name].mean():.1f}"


def card_count(study: Study) -> int:
    """Return how many patients the index page may say there are."""
    n = len(study.patients)
    return round_count(n) if study.rules.safe else n
