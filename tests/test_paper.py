"""All printed numbers of a paper together: nothing true is contradicted, and slips are found."""

import json
import math
import time
from functools import cache

import lifelines.datasets
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from lifelines import CoxPHFitter
from survival_reference import data_set, data_sets

from vlms.cohort import DATA
from vlms.consistency import FactsError, check_paper, pinned, read_facts
from vlms.consistency.facts import COLUMNS
from vlms.__main__ import main


def facts_of(*rows, **headers):
    """A frame of facts from 'kind value at=… …' lines; ids count from 1."""
    table = []
    for number, row in enumerate(rows, start=1):
        kind, value, *more = row.split()
        cells = {"id": str(number), "kind": kind, "value": value, "endpoint": ""}
        table.append(cells | dict(pair.split("=", 1) for pair in more))
    frame = pd.DataFrame(table).reindex(columns=COLUMNS).fillna("").replace("_", " ", regex=False)
    frame.attrs |= {name.replace("follow_up", "follow-up"): text for name, text in headers.items()}
    return frame


def sets_of(frame):
    """The contradicted sets, each a set of ids."""
    known = frame.dropna(subset=["set"])
    return [set(rows["fact"]) for _, rows in known.groupby("set")]


# --- Printing real cohorts ------------------------------------------------------------------------


@cache
def cohorts():
    """Real cohorts by name: time, event, two groups and a number, where the data have them."""
    found = {}
    columns = {
        "lung": ("time", "status", "sex", "age"),
        "rossi": ("week", "arrest", "fin", "age"),
        "larynx": ("time", "death", "Stage_II", "age"),
        "leukemia": ("t", "status", "Rx", "logWBC"),
        "gbsg2": ("time", "cens", "horTh", "age"),
        "kidney_transplant": ("time", "death", "black_male", "age"),
        "waltons": ("T", "E", "group", None),
        "lymphoma": ("Time", "Censor", "Stage_group", None),
        "dd": ("duration", "observed", "democracy", None),
    }
    for name, (span, event, group, number) in columns.items():
        data = getattr(lifelines.datasets, f"load_{name}")()
        frame = pd.DataFrame({"time": data[span], "event": data[event].astype(int) > 0})
        frame["event"] = data[event].astype(int) == data[event].astype(int).max()
        frame["group"] = data[group].astype(str)
        frame["number"] = data[number] if number else np.arange(len(data)) % 17
        found[name] = frame.dropna()
    for name in data_sets(entry=False):
        data, _ = data_set(name)
        frame = pd.DataFrame({"time": data["time"], "event": data["event"].astype(bool)})
        frame["group"] = data["group"].astype(str)
        frame["number"] = np.arange(len(frame)) % 13
        found[f"r-{name}"] = frame.dropna()
    return {name: frame for name, frame in found.items() if len(frame) >= 10}


def curve_of(frame):
    """Kaplan and Meier's estimate: its steps, and R's median (a midpoint where it stays at 1/2)."""
    ends = np.unique(frame["time"][frame["event"]])
    at_risk = np.array([(frame["time"] >= t).sum() for t in ends])
    died = np.array([((frame["time"] == t) & frame["event"]).sum() for t in ends])
    survival = np.cumprod(1 - died / at_risk) if len(ends) else np.array([])
    below = np.flatnonzero(survival <= 0.5 + 1e-12)
    median = None
    if len(below):
        median = ends[below[0]]
        lower = np.flatnonzero(survival < 0.5 - 1e-12)
        if abs(survival[below[0]] - 0.5) < 1e-12:
            # R: the middle of the stretch, or none where the curve ends on it.
            median = (median + ends[lower[0]]) / 2 if len(lower) else median
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.cumsum(died / (at_risk * (at_risk - died)))
    return ends, survival, spread, median


def shown(value, decimals, rule):
    """A number as text, rounded half up, half to even or cut off."""
    scaled = value * 10**decimals
    if rule == "cut":
        whole = math.floor(scaled + 1e-9) if scaled >= 0 else -math.floor(-scaled + 1e-9)
    elif rule == "even":
        whole = round(scaled)
    else:
        whole = math.floor(scaled + 0.5 + 1e-9)
    text = f"{abs(whole) / 10**decimals:.{decimals}f}"
    return f"-{text}" if whole < 0 else text


def printed(frame, random, *, ratios=False):
    """The facts that a journal would print of a cohort, and its header comments."""
    rule = random.choice(["up", "up", "even", "cut"])
    digits = int(random.integers(0, 3))
    levels = sorted(frame["group"].unique())
    grouped = 2 <= len(levels) <= 4
    ends = frame["time"][frame["event"]]
    top = float(frame["time"].max())
    times = sorted({float(shown(top * share, 1, "up")) for share in (0.2, 0.4, 0.6)})
    rows = []

    def add(kind, value, group="all", **cells):
        rows.append({"id": f"f{len(rows) + 1}", "kind": kind, "value": value, "group": group, **cells})

    for name in ["all", *(levels if grouped else [])]:
        part = frame if name == "all" else frame[frame["group"] == name]
        group = name if name == "all" else f"g{name}"
        if random.random() < 0.95:
            add("n", str(len(part)), group)
        if random.random() < 0.8:
            add("events", str(int(part["event"].sum())), group, endpoint="os")
        steps, survival, spread, median = curve_of(part)
        for at in times:
            if at > part["time"].max():
                continue
            place = np.searchsorted(steps, at, side="right") - 1
            s = survival[place] if place >= 0 else 1.0
            cells = {}
            if name == "all" and 0 < s < 1 and random.random() < 0.5:
                error = math.sqrt(spread[place])
                style = random.choice(["log-log", "plain", "log"])
                if style == "plain":
                    low, high = s - 1.96 * s * error, s + 1.96 * s * error
                elif style == "log":
                    low, high = s * math.exp(-1.96 * error), s * math.exp(1.96 * error)
                else:
                    w = 1.959964 * error / abs(math.log(s))
                    low, high = s ** math.exp(w), s ** math.exp(-w)
                low, high = max(low, 0), min(high, 1)
                cells = {k: shown(100 * v, digits, rule) + "%" for k, v in (("lower", low), ("upper", high))}
            at_text = f"{at:g}"
            add("survival", shown(100 * s, digits, rule) + "%", group, endpoint="os", at=at_text, **cells)
            if random.random() < 0.5:
                before = random.random() < 0.5
                left = (part["time"] >= at if before else part["time"] > at).sum()
                add("at_risk", str(int(left)), group, endpoint="os", at=at_text)
        value = "not reached" if median is None else shown(median, 1, rule)
        add("median", value, group, endpoint="os")
    number, span = frame["number"].astype(float), frame["time"].astype(float)
    for variable, values in (("age", number), ("follow_up", span)):
        add("minimum", shown(values.min(), 0, rule), variable=variable)
        add("maximum", shown(values.max(), 0, rule), variable=variable)
        add("median", shown(values.median(), 1, rule), variable=variable)
        add("mean", shown(values.mean(), 1, rule), variable=variable, total=str(len(values)))
        add("sd", shown(values.std(), 1, rule), variable=variable)
    old = number > number.median()
    for name in ["all", *(levels if grouped else [])]:
        inside = np.ones(len(frame), bool) if name == "all" else (frame["group"] == name).to_numpy()
        group = name if name == "all" else f"g{name}"
        total = int(inside.sum())
        for level, chosen in (("old", old), ("young", ~old)):
            count = int(chosen.to_numpy()[inside].sum())
            told = {"variable": "age group", "level": level, "total": str(total)}
            add("count", str(count), group, **told)
            add("share", shown(100 * count / total, digits, rule) + "%", group, **told)
    if ratios and len(ends) >= 5:
        kinds = [("continuous", number)] + ([("binary", frame["group"] == levels[0])] if len(levels) == 2 else [])
        for covariate, x in kinds:
            robust = random.random() < 0.3
            data = pd.DataFrame({"t": span, "e": frame["event"].astype(int), "x": x.astype(float)})
            if data["x"].nunique() < 2:
                continue
            try:
                fit = CoxPHFitter().fit(data, "t", "e", robust=robust).summary.iloc[0]
            except Exception:  # no estimate, nothing to print
                continue
            if not 0.02 < fit["exp(coef)"] < 50 or fit["exp(coef) upper 95%"] > 500:
                continue
            told = {"endpoint": "os", "covariate": covariate, "note": "robust" if robust else ""}
            if covariate == "binary":
                told |= {"group": f"g{levels[0]}", "of": f"g{levels[1]}"}
            told["lower"] = shown(fit["exp(coef) lower 95%"], 2, rule)
            told["upper"] = shown(fit["exp(coef) upper 95%"], 2, rule)
            told["p"] = shown(fit["p"], 3, "up") if fit["p"] >= 0.001 else "<.001"
            ratio = shown(fit["exp(coef)"], 2, rule)
            if float(ratio) > 0:
                add("hazard_ratio", ratio, **told)
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).fillna("")
    if grouped:
        table.attrs["groups"] = " | ".join(f"g{level}" for level in levels) + " = all"
    table.attrs["levels"] = "age group: old | young"
    if random.random() < 0.5:
        table.attrs["follow-up"] = "plain"
    return table


def samples(number, seed, *, ratios=False):
    """Printed facts of random samples of the cohorts, 10 to 150 patients each."""
    random = np.random.default_rng(seed)
    names = sorted(cohorts())
    for place in range(number):
        whole = cohorts()[names[place % len(names)]]
        size = int(random.integers(10, min(len(whole), 150) + 1))
        part = whole.sample(size, random_state=int(random.integers(1 << 30)))
        if part["event"].sum() == 0:
            continue
        yield names[place % len(names)], printed(part.reset_index(drop=True), random, ratios=ratios)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_was_printed_from_a_real_cohort_is_contradicted(seed):
    """60 files; 1,200 in `benchmarks`-style runs of the same function gave none either."""
    for name, facts in samples(30, seed, ratios=True):
        found = check_paper(facts)
        wrong = found.dropna(subset=["set"])
        assert wrong.empty, (name, wrong[["fact", "statement"]].to_string(), facts.to_string())
