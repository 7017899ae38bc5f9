"""All papers at once: what each prints, what its audit says of it, and survival side by side.

A paper is a folder ``data/<stem>`` with a ``paper.toml`` (what the index and the overview say of
it) and a ``facts.csv`` (`vlms.consistency`). Nothing here knows any one paper.

Without the patients a printed survival has no standard error. Its narrowest is Greenwood's with
nobody censored before that time; the widest is the largest that any history can have which begins
with n patients and prints all survivals as printed, found by dynamic programming over the number
at risk. Neither is an estimate: they say what the print leaves open.

Sources: Kaplan and Meier, J Am Stat Assoc 1958;53:457; Hartung and Knapp, Stat Med 2001;20:3875;
Higgins, Thompson and Spiegelhalter, J R Stat Soc A 2009;172:137 (prediction).
"""

import math
import re
import tomllib

import numpy as np
import pandas as pd
from scipy.special import ndtri

from vlms.cohort import DATA, read_paper
from vlms.consistency import check_paper, printed_box, read_facts
from vlms.endpoints import time_to_event
from vlms.survival import kaplan_meier, pool_log_hazard_ratios, survival_at

RED = ("contradicted", "not reconcilable")
# From worst to best; the sign stands beside each number of the overview.
SIGNS = {"contradicted": "✗", "not reconcilable": "≠", "rounding": "≈", "reproduced": "✓"}
SIGNS |= {"possible": "○", "not checkable": "?"}
FEWEST_TO_PREDICT = 5  # series, for a prediction interval
FEWEST_FOR_A_CURVE = 5  # patients, for survival worked out from a published table

# What a clinician looks for: by topic the variables and endpoints of facts.csv.
_TOPICS = {
    "Patients": "sex age",
    "Site": "site location segment ivc_segment vessel",
    "Size": "size stage",
    "Grade": "grade",
    "Margins": "margin resection",
    "Treatment": "treatment surgery reconstruction chemotherapy radiotherapy treated operation_for",
    "Follow-up": "follow_up",
    "Recurrence": "recurrence relapse metastasis local_recurrence later_metastasis"
    " distant_metastasis disease_free_survival recurrence_free_survival metastasis_free_survival"
    " metastasis_at_diagnosis",
    "Survival": "overall_survival disease_specific_survival survival death outcome"
    " perioperative_death postoperative_death",
}
TOPICS = tuple(_TOPICS)
_TOPIC_OF = {word: topic for topic, words in _TOPICS.items() for word in words.split()}
_ENDPOINTS = {
    "overall_survival": "overall survival",
    "disease_specific_survival": "disease-specific survival",
    "survival": "survival, deaths not defined",
}
_STRATUM = ["endpoint", "time", "site", "patients", "clock"]
_GRID = 2e-5  # of the log survival, in the search for the widest error


def papers(*, data=DATA):
    """Describe every paper that there is: stem, name, design, read, years, … (its paper.toml).

    Examples
    --------
    >>> papers().set_index("stem").loc["teixeira2017", ["read", "design"]].tolist()
    ['abstract', 'cohort']
    """
    found = []
    for path in sorted(data.glob("*/paper.toml")):
        about = tomllib.loads(path.read_text(encoding="utf-8"))
        found.append({"stem": path.parent.name, "overlaps": "", **about})
    return pd.DataFrame(found).sort_values(["order", "stem"], ignore_index=True)


def audit_facts(stem, *, data=DATA):
    """Give each printed number of a paper the verdict of the audit of all of them together.

    *Contradicted* or, where only the abstract was read, *not reconcilable*: it belongs to a set
    that cannot hold together. *Reproduced*: its count and share agree. *Possible*: it was checked
    against others and can be true with them, under the assumptions given. *Not checkable*: nothing
    that was read constrains it.

    Returns
    -------
    pandas.DataFrame
        A row for each fact: id, topic, group, statement, printed, place, verdict, because.

    Examples
    --------
    >>> audit_facts("teixeira2017").query("verdict == 'not reconcilable'")["id"].tolist()
    ['n', 'dfs-36', 'dfs-60']
    """
    path = data / stem / "facts.csv"
    model, found = read_facts(path), check_paper(path)
    best = {fact.id: ("not checkable", "Nothing that was read constrains it.") for fact in model}
    order = list(SIGNS)
    findings = found.groupby(["verdict", "statement", "assumptions"], sort=False)["fact"]
    for (verdict, statement, assumed), ids in findings:
        facts = [model.facts[key] for key in ids]
        verdict = _verdict(verdict, statement, assumed, facts)
        if verdict is None:
            continue
        said = statement.removeprefix("Not reconcilable from the abstract: ")
        said = f"{said} It is taken that {assumed}." if assumed else said
        for key in ids:
            if order.index(verdict) < order.index(best[key][0]):
                best[key] = verdict, said
    rows = [
        (f.id, _topic(f), f.group, _statement(f), _printed(f), f.place, *best[f.id]) for f in model
    ]
    names = ["id", "topic", "group", "statement", "printed", "place", "verdict", "because"]
    return pd.DataFrame(rows, columns=names)


def overview_table(*, data=DATA):
    """Set all papers side by side: a row a paper, a column a topic, each number with its sign."""
    rows = []
    for about in papers(data=data).to_dict("records"):
        audited = audit_facts(about["stem"], data=data)
        facts = read_facts(data / about["stem"] / "facts.csv")
        sign = audited.set_index("id")["verdict"].map(SIGNS)
        shown = {"all", *about["groups"]}
        by_patient = _topics_of_patients(about["stem"], data)
        sizes = [f"{_grouped(f, f.value.text)} {sign[f.id]}" for f in facts.of_kind("n")]
        sizes = [t for t, f in zip(sizes, facts.of_kind("n"), strict=True) if f.group in shown]
        row = {"Series": about["name"], "Years": about["years"], "n": "; ".join(sizes)}
        for topic in TOPICS:
            told = [f for f in facts if _topic(f) == topic and f.group in shown and f.kind != "n"]
            told = [f for f in told if f.kind not in ("p_value", "hazard_ratio", "statement")]
            row[topic] = "; ".join(f"{_phrase(f)} {sign[f.id]}" for f in told)
            if not told and topic in by_patient:
                row[topic] = "printed by patient"
        sites = dict.fromkeys(group["site"] for group in about["groups"].values())
        row["Site"] = ": ".join(filter(None, ["; ".join(sites), row["Site"]]))
        rows.append(row)
    return pd.DataFrame(rows)


def reported_table(*, data=DATA):
    """Say for each paper which topics it reports at all: a row a paper, True or False.

    Beside the topics: the numbers that an interval, numbers at risk and a clock would give.
    """
    rows = []
    for about in papers(data=data).to_dict("records"):
        facts = read_facts(data / about["stem"] / "facts.csv")
        row = {"Series": about["name"]}
        told = {_topic(fact) for fact in facts} | _topics_of_patients(about["stem"], data)
        row |= {topic: topic in told for topic in TOPICS} | {"Site": True}
        survival = [fact for fact in facts if fact.endpoint.endswith("survival")]
        row["Interval of survival"] = any(
            f.lower is not None for f in survival if f.kind != "hazard_ratio"
        )
        row["Numbers at risk"] = any(fact.kind == "at_risk" for fact in facts)
        clocks = [group["clock"] for group in about["groups"].values()]
        row["Clock of survival"] = any(clock != "not printed" for clock in clocks)
        rows.append(row)
    return pd.DataFrame(rows).set_index("Series")


def survivals(times=(36, 60), *, data=DATA):
    """Collect printed survivals of all papers, and what can be said of their standard errors.

    Returns
    -------
    pandas.DataFrame
        A row for each paper, group, endpoint and time (months): name, design, site, patients,
        clock, n (NA where the group's size is not printed), printed, survival, narrowest and widest
        (standard errors, of cohorts; alike where at least five patients are published), source, red
        (whether the survival or n belongs to a set that cannot hold together).
    """
    rows = []
    for about in papers(data=data).to_dict("records"):
        stem, facts = about["stem"], read_facts(data / about["stem"] / "facts.csv")
        verdict = audit_facts(stem, data=data).set_index("id")["verdict"]
        table = (data / stem / "patients.csv").exists()
        patients = read_paper(stem, data=data).patients if table else None
        few = len(patients) < FEWEST_FOR_A_CURVE if table else None
        for group, of_group in about["groups"].items():
            size = next((f for f in facts.of_kind("n") if f.group == group), None)
            for endpoint, label in _ENDPOINTS.items():
                printed = {
                    f.at: f
                    for f in facts.of_kind("survival")
                    if (f.group, f.endpoint) == (group, endpoint)
                }
                for time in times:
                    row = {"stem": stem, "name": about["name"], "design": about["design"]}
                    row |= of_group | {"group": group, "endpoint": label, "time": time}
                    if few is False and group == "all" and endpoint != "survival":
                        rows.append(row | _of_patients(patients, endpoint, time))
                    elif time in printed:
                        red = [f for f in (printed[time], size) if f is not None]
                        row["red"] = any(verdict[f.id] in RED for f in red)
                        cohort = about["design"] == "cohort"
                        rows.append(row | _of_print(printed, size, time, cohort))
    return pd.DataFrame(rows).dropna(subset="survival").reset_index(drop=True)


def std_error_range(n, printed, time):
    """Narrowest and widest Greenwood error of a survival that n patients print.

    Parameters
    ----------
    n : int
        Patients at the start.
    printed : dict of float to str
        Time → survival as printed, of one curve; they all bind the history.
    time : float
        The time in question, one of these.

    Returns
    -------
    tuple of float
        NaN where no history of n patients prints them.

    Notes
    -----
    The estimate that is multiplied with Greenwood's sum is the middle of its rounding box.

    Examples
    --------
    >>> [round(error, 3) for error in std_error_range(4, {12: "50%"}, 12)]  # 2 of 4; 1 of 2
    [0.25, 0.354]
    """
    lowest = min(printed_box(text)[0] for text in printed.values())
    depth = round(-math.log(max(lowest, 1e-3)) / _GRID)
    size = depth + 2 * n + 2
    # By number at risk: Greenwood's sum of the history that has come to this survival.
    least = np.full((n + 1, size), np.inf)
    least[n, 0] = 0.0
    most = np.where(np.isfinite(least), 0.0, -np.inf)
    for at, text in sorted(printed.items()):
        counted = at <= time
        for risk in range(n, 0, -1):
            for deaths in range(1, risk + 1):
                if deaths == risk:
                    continue  # nobody left: survival 0, handled by the box of a printed 0%
                step = round(-math.log1p(-deaths / risk) / _GRID)
                if step >= size:
                    break
                added = deaths / (risk * (risk - deaths)) if counted else 0.0
                to = risk - deaths
                np.minimum(least[to, step:], least[risk, :-step] + added, out=least[to, step:])
                np.maximum(most[to, step:], most[risk, :-step] + added, out=most[to, step:])
            np.minimum(least[risk - 1], least[risk], out=least[risk - 1])  # one is censored
            np.maximum(most[risk - 1], most[risk], out=most[risk - 1])
        low, high = printed_box(text)
        inside = np.exp(-np.arange(size) * _GRID)
        outside = (inside < low - n * _GRID) | (inside >= high + n * _GRID)
        least[:, outside], most[:, outside] = np.inf, -np.inf
    low, high = printed_box(printed[time])
    survival = (max(low, 0) + min(high, 1)) / 2
    ends = least.min(), most.max()
    return tuple(survival * math.sqrt(end) if np.isfinite(end) else math.nan for end in ends)


def interval_of(rows, error):
    """Add lower and upper: the log-log 95% interval of each survival with this column as error.

    Of 100% it is the exact interval of n patients, as if none were censored.
    """
    survival, se = rows["survival"].astype(float), rows[error].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = ndtri(0.975) * se / (survival * np.abs(np.log(survival)))
        lower, upper = (survival ** np.exp(side * spread) for side in (1, -1))
    full = survival >= 1
    exact = 0.025 ** (1 / rows["n"].astype(float))
    return rows.assign(lower=lower.mask(full, exact), upper=upper.mask(full, 1.0))


def forest_rows(rows, error):
    """Order survivals by site for a forest plot: label (≠ where red), survival, lower, upper."""
    named = rows["name"] + rows["group"].where(rows["group"] != "all", "").radd(" ").str.rstrip()
    sizes = rows["n"].map(lambda n: "size not printed" if pd.isna(n) else f"{n:.0f}")
    red = rows["red"].astype(bool).map({True: " ≠", False: ""})
    labels = rows["site"] + ": " + named + " (" + sizes + ")" + red
    return interval_of(rows, error).assign(label=labels).sort_values("site", kind="stable")


def pool_survival(rows, error, *, confidence=0.95):
    """Pool survivals of one stratum: random effects (REML), Hartung and Knapp's interval.

    On the scale of the log cumulative hazard, log(−log S). A survival of 100% or 0% has none: half
    a patient is added on either side, as `vlms.survival.pool_proportions` does.

    Returns
    -------
    dict
        series (how many), survival, lower, upper, predicted_lower, predicted_upper (NA below five
        series), tau_squared, i_squared.

    Notes
    -----
    R: ``metafor::rma(yi = log(-log(S)), sei = se / (S * abs(log(S))), test = "knha")``.
    """
    survival, se = rows["survival"].to_numpy(float), rows[error].to_numpy(float)
    n = rows["n"].to_numpy(float)
    edge = (survival <= 0) | (survival >= 1)
    moved = (survival * n + 0.5) / (n + 1)
    survival = np.where(edge, moved, survival)
    se = np.where(edge, np.sqrt(moved * (1 - moved) / (n + 1)), se)
    hazard = np.log(-np.log(survival))
    found = pool_log_hazard_ratios(
        hazard,
        se / (survival * -np.log(survival)),
        study=rows["name"],
        hartung_knapp=True,
        confidence=confidence,
    )
    pooled, enough = found.iloc[-1], len(rows) >= FEWEST_TO_PREDICT
    ends = found.attrs["prediction"] if enough else [math.nan, math.nan]
    return {
        "series": len(rows),
        "survival": math.exp(-pooled["hazard_ratio"]),
        "lower": math.exp(-pooled["upper"]),
        "upper": math.exp(-pooled["lower"]),
        "predicted_lower": math.exp(-ends[1]),
        "predicted_upper": math.exp(-ends[0]),
        "tau_squared": found.attrs["tau_squared"],
        "i_squared": found.attrs["i_squared"],
    }


def pooled_table(rows, *, confidence=0.95):
    """Pool each stratum that may be pooled, and give the reason where it may not.

    A stratum shares endpoint, time, site, denominator and clock; registries, reviews and cohorts of
    other tumours stay out. Two rows a stratum, standard errors at their narrowest and widest.
    """
    found = []
    for stratum, of in rows[rows["design"] == "cohort"].groupby(_STRATUM, sort=False):
        usable = of[of["n"].notna() & of["widest"].notna()]
        row = dict(zip(_STRATUM, stratum, strict=True)) | {"of": "; ".join(of["name"])}
        if len(usable) < 2:
            why = "one series" if len(of) == 1 else "fewer than two print how many patients"
            found.append(row | {"series": len(usable), "error": "", "reason": f"not pooled: {why}"})
            continue
        for error in ("narrowest", "widest"):
            found.append(
                row
                | pool_survival(usable, error, confidence=confidence)
                | {"error": error, "reason": ""}
            )
    return pd.DataFrame(found)


def _verdict(verdict, statement, assumed, facts):
    """The verdict of one finding in the words of the shelf; None where it decides nothing."""
    if "Kaplan-Meier" in assumed and any("life table" in fact.note for fact in facts):
        return None
    if verdict == "contradictory":
        return "contradicted"
    if statement.startswith("Not reconcilable from the abstract"):
        return "not reconcilable"
    if verdict in ("undetermined", "rounding"):
        return "rounding" if verdict == "rounding" else None
    kinds = {fact.kind for fact in facts}
    if kinds == {"count", "share"} and not assumed:
        return "reproduced"
    return "possible" if len(facts) > 1 or "share" in kinds else None


def _topic(fact):
    """What a fact is about, in a clinician's words; "" for what the overview leaves out."""
    return _TOPIC_OF.get((fact.variable or fact.endpoint).replace(" ", "_"), "")


def _topics_of_patients(stem, data):
    """The topics on which a paper's table of patients has a column with values."""
    if not (data / stem / "patients.csv").exists():
        return set()
    patients = read_paper(stem, data=data).patients.dropna(axis="columns", how="all")
    words = {"time_months": "follow_up", "status": "survival", "m_stage": "metastasis"}
    names = (words.get(name, re.sub("_(cm|months|years)$", "", name)) for name in patients)
    return {_TOPIC_OF[name] for name in names if name in _TOPIC_OF}


def _printed(fact):
    """What is printed, its limits with it."""
    limits = f" ({fact.lower} to {fact.upper})" if fact.lower is not None else ""
    return f"{getattr(fact.value, 'text', fact.value)}{limits}"


def _statement(fact):
    """A fact in words, without its value and place."""
    what = " ".join(t for t in (fact.endpoint, fact.variable) if t).replace("_", " ")
    what = f"{what}: {fact.level}" if fact.level else what
    kind = "" if fact.kind in ("count", "share") else fact.kind.replace("_", " ")
    kind = {"n": "patients", "survival": "", "p value": "P"}.get(kind, kind)
    when = "" if math.isinf(fact.at) else f"at {fact.at:g} months"
    words = " ".join(t for t in (kind, what, when) if t)
    return words if fact.group == "all" else f"{words} ({fact.group})"


def _phrase(fact):
    """A fact with its value, as short as a table needs it."""
    value, unit = _printed(fact), f" {fact.unit}" if fact.unit and fact.kind != "survival" else ""
    total = f" of {fact.total}" if fact.total and fact.kind == "count" else ""
    short = fact.endpoint.replace("_", " ")
    if short.endswith(" survival"):  # overall survival: OS
        short = "".join(word[0] for word in short.replace("-", " ").split()).upper()
    if fact.kind == "survival":
        return _grouped(fact, f"{short} at {fact.at / 12:g} y {value}")
    kind = {"minimum": "from", "maximum": "to"}.get(fact.kind, fact.kind)
    kind = "" if kind in ("count", "share", "events") else kind
    variable = fact.variable if fact.variable not in ("size", "grade", "follow_up", "site") else ""
    words = [kind, short, variable.replace("_", " "), fact.level, f"{value}{total}{unit}"]
    return _grouped(fact, " ".join(word for word in words if word))


def _grouped(fact, text):
    return text if fact.group == "all" else f"{text} ({fact.group})"


def _of_patients(patients, endpoint, time):
    """Survival and its error from the patients that a paper publishes."""
    course = time_to_event(patients, endpoint)
    curve = kaplan_meier(course["time"], course["event"])
    error = curve.loc[curve["time"] <= time, "std_error"].iloc[-1]
    survival = survival_at(curve, [time])["survival"].iloc[0]
    found = {"n": len(course), "printed": "", "survival": survival, "narrowest": error}
    return found | {"widest": error, "source": "patients", "red": False}


def _of_print(printed, size, time, cohort):
    """Survival as printed, and the narrowest and widest error that it can have."""
    n = size.value.value if size is not None else math.nan
    text = printed[time].value.text
    found = {"n": n, "printed": text, "survival": float(printed[time].value), "source": "print"}
    curve = {at: fact.value.text for at, fact in printed.items()}
    known = cohort and size is not None
    ends = std_error_range(int(n), curve, time) if known else (math.nan, math.nan)
    return found | {"narrowest": ends[0], "widest": ends[1]}
