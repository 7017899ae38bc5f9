"""Survival forensics: which planted slips does `check_paper` find, and does it ever cry wolf?

Run: ``python benchmarks/bench_forensics.py [--write]``. Results sections are
printed, in journal style, of subsamples (without replacement) of public cohorts: lifelines' data
sets alone, which offer groups enough. Each is checked as it is, and with exactly one slip in it. A
slip counts as provable where `exhaustive.py`, which shares no code with the checks, finds the
section impossible. `--write` puts the table into benchmarks/README.md.
"""

import argparse
import math
import textwrap
import time
import warnings
from pathlib import Path

import lifelines.datasets
import numpy as np
import pandas as pd
from exhaustive import impossible
from lifelines import CoxPHFitter, KaplanMeierFitter
from scipy import stats

from vlms.consistency import check_paper

BEGIN, END = "<!-- forensics: measured -->", "<!-- forensics: end -->"

# time, event, group, a number
COHORTS = {
    "dd": ("duration", "observed", "democracy", "start_year"),
    "gbsg2": ("time", "cens", "horTh", "age"),
    "kidney_transplant": ("time", "death", "black_male", "age"),
    "larynx": ("time", "death", "Stage_II", "age"),
    "leukemia": ("t", "status", "Rx", "logWBC"),
    "lung": ("time", "status", "sex", "age"),
    "lymphoma": ("Time", "Censor", "Stage_group", None),
    "rossi": ("week", "arrest", "fin", "age"),
    "waltons": ("T", "E", "group", None),
}
COLUMNS = ("id group endpoint variable level kind at value unit lower upper p total of covariate "
           "place note").split()  # fmt: skip
# How often a section leaves these out.
OMITTED = {"events": 0.15, "events of groups": 0.3, "at_risk": 0.4, "younger": 0.5, "share": 0.2,
           "median": 0.2}  # fmt: skip
SLIPS = (
    "patients", "events", "number at risk", "count", "share", "survival", "median", "hazard ratio",
    "limit", "P of the ratio", "P of the table", "survivals of two groups exchanged",
    "survival of another group", "ratio inverted, limits not",
)  # fmt: skip


def cohorts():
    """Public cohorts as frames of time, event, group and number."""
    for name, (span, event, group, number) in COHORTS.items():
        data = getattr(lifelines.datasets, f"load_{name}")()
        frame = pd.DataFrame({"time": data[span].astype(float), "group": data[group].astype(str)})
        frame["event"] = data[event].astype(int) == data[event].astype(int).max()
        frame["number"] = data[number].astype(float) if number else np.arange(len(data)) % 17
        yield name, frame.dropna()


def section(frame, random, *, big=False):
    """The rows of one results section, as a journal prints it."""
    digits, rule = int(random.integers(0, 2)), random.choice(["half up", "half up", "even", "cut"])
    risk_before = random.random() < 0.7
    levels = sorted(frame["group"].unique())
    times = [float(f"{frame['time'].max() * share:.0f}") for share in (0.25, 0.5)]
    times = sorted({t for t in times if t > 0})
    old = frame["number"] > frame["number"].median()
    left_out = {kind for kind, share in OMITTED.items() if random.random() < share}
    rows = []

    def shown(value, places):
        scaled = value * 10**places
        whole = {"half up": math.floor(scaled + 0.5 + 1e-9), "even": round(scaled)}
        return f"{whole.get(rule, math.floor(scaled + 1e-9)) / 10**places:.{places}f}"

    def add(kind, value, group="all", **cells):
        if kind in left_out or cells.get("level") in left_out:
            return
        if kind == "events" and group != "all" and "events of groups" in left_out:
            return
        rows.append({"id": f"f{len(rows)}", "kind": kind, "value": value, "group": group, **cells})

    for group in ["all", *levels]:
        inside = np.ones(len(frame), bool) if group == "all" else frame["group"].eq(group)
        part, name = frame[inside], group if group == "all" else f"g{group}"
        add("n", str(len(part)), name)
        add("events", str(part["event"].sum()), name, endpoint="os")
        curve = KaplanMeierFitter().fit(part["time"], part["event"])
        for at in times:
            if at <= part["time"].max():
                told, limits = {"endpoint": "os", "at": f"{at:g}"}, {}
                s, ends = curve.predict(at), curve.confidence_interval_.loc[:at].iloc[-1]
                if group == "all" and 0 < s < 1:
                    texts = [shown(100 * end, digits) + "%" for end in ends]
                    limits = dict(zip(("lower", "upper"), texts, strict=True))
                add("survival", shown(100 * s, digits) + "%", name, **told, **limits)
                left = part["time"] >= at if risk_before else part["time"] > at
                add("at_risk", str(left.sum()), name, **told)
        median = curve.median_survival_time_
        median = shown(median, 1) if np.isfinite(median) else "not reached"
        add("median", median, name, endpoint="os")
        for level, chosen in (("older", old), ("younger", ~old)):
            told = {"variable": "age", "level": level, "total": str(len(part))}
            count = int((chosen & inside).sum())
            add("count", str(count), name, **told)
            add("share", shown(100 * count / len(part), digits) + "%", name, **told)
    for what in ("min", "median", "max", "mean", "std"):
        kind = {"min": "minimum", "max": "maximum", "std": "sd"}.get(what, what)
        value = shown(getattr(frame["number"], what)(), 1)
        add(kind, value, variable="number", total=str(len(frame)))
    older = [r for r in rows if r["kind"] == "count" and r["level"] == "older"][1:]
    table = [[int(r["value"]), int(r["total"]) - int(r["value"])] for r in older]
    if older and np.sum(table, axis=0).min() > 0:
        p = stats.chi2_contingency(table, correction=False).pvalue
        told = {"of": ";".join(r["id"] for r in older), "note": "chi-square test"}
        add("p_value", shown(p, 3) if p >= 0.001 else "<.001", **told)
    group = {"of": f"g{levels[0]}", "group": f"g{levels[1]}", "covariate": "binary"}
    models = [(frame["number"], {"covariate": "continuous"}, random.random() < 0.5)]
    models += [(frame["group"].eq(levels[1]), group, False)] * (len(levels) == 2)
    for x, told, robust in models:
        data = frame[["time", "event"]].assign(x=x.astype(float))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fit = CoxPHFitter().fit(data, "time", "event", robust=robust).summary.iloc[0]
            except Exception:  # no estimate, nothing to print
                continue
        ratio, *ends = (fit[f"exp(coef){end}"] for end in ("", " lower 95%", " upper 95%"))
        if ends[0] > 0.05 and ends[1] < 50:
            limits = {"lower": shown(ends[0], 2), "upper": shown(ends[1], 2)}
            p = shown(fit["p"], 3) if fit["p"] >= 0.001 else "<.001"
            note = "Wald, robust" if robust else "Wald"
            add("hazard_ratio", shown(ratio, 2), endpoint="os", p=p, note=note, **told, **limits)
    return rows, levels


def another_digit(text, random):
    """The text with one digit changed, or None."""
    places = [i for i, sign in enumerate(text) if sign.isdigit()]
    if not places or "<" in text:
        return None
    i = int(random.choice(places))
    new = str((int(text[i]) + int(random.integers(1, 10))) % 10)
    return text[:i] + new + text[i + 1 :]


def slipped(rows, kind, random):
    """The rows with one slip of this kind, or None where there is no room for it."""
    rows = [dict(row) for row in rows]
    ratio = [r for r in rows if r["kind"] == "hazard_ratio"]
    kinds = {"patients": "n", "events": "events", "number at risk": "at_risk", "count": "count",
             "share": "share", "survival": "survival", "hazard ratio": "hazard_ratio",
             "P of the table": "p_value"}  # fmt: skip
    cell, column = None, "value"
    if kind == "median":
        cell = [r for r in rows if r["kind"] == "median" and r.get("endpoint")]
    elif kind in ("limit", "P of the ratio"):
        cell, column = ratio, "p" if kind[0] == "P" else str(random.choice(["lower", "upper"]))
    elif kind in kinds:
        cell = [r for r in rows if r["kind"] == kinds[kind]]
    if cell is not None:
        row = cell[int(random.integers(len(cell)))] if cell else {column: ""}
        new = another_digit(row[column], random)
        percent = new and new.endswith("%") and float(new[:-1]) > 100
        if not new or percent or (kind == "patients" and int(new) < 1):
            return None
        if row["kind"] == "hazard_ratio" and column != "p" and float(new) == 0:
            return None
        row[column] = new
        return rows
    if kind.startswith("ratio"):
        if not ratio or float(ratio[0]["value"]) == 0:
            return None
        inverted = f"{1 / float(ratio[0]['value']):.2f}"
        if inverted == ratio[0]["value"] or float(inverted) == 0:
            return None
        ratio[0]["value"] = inverted
        return rows
    curves = {}
    for row in rows:
        if row["kind"] == "survival" and row["group"] != "all":
            curves.setdefault(row["group"], {})[row["at"]] = row
    if len(curves) < 2:
        return None
    one, two = (curves[g] for g in random.choice(list(curves), 2, replace=False))
    shared = [at for at in one if at in two and one[at]["value"] != two[at]["value"]]
    if not shared or set(one) != set(two):
        return None
    if kind.startswith("survivals"):
        for at in one:
            one[at]["value"], two[at]["value"] = two[at]["value"], one[at]["value"]
    else:
        at = str(random.choice(shared))
        one[at]["value"] = two[at]["value"]
    return rows


def audited(rows, levels, seconds):
    """Whether the audit contradicts this section; its time is added to the list."""
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS).fillna("")
    frame.attrs |= {"levels": "age: older | younger"}
    frame.attrs |= {"groups": " | ".join(f"g{level}" for level in levels) + " = all"}
    started = time.perf_counter()
    found = check_paper(frame)["set"].notna().any()
    seconds.append(time.perf_counter() - started)
    return bool(found)


def samples(number, random):
    """Results sections: the name and size of the sample, its rows and groups."""
    data, made, turn = list(cohorts()), 0, 0
    while made < number:
        name, whole = data[turn % len(data)]
        turn += 1
        size = int(random.integers(12, 41)) if made % 6 else int(random.integers(60, 200))
        part = whole.sample(min(size, len(whole)), random_state=int(random.integers(1 << 30)))
        part = part[part["group"].isin(part["group"].value_counts().index[:4])]
        sizes = part["group"].value_counts()
        if len(sizes) < 2 or sizes.min() < 4 or not part.groupby("group")["event"].any().all():
            continue
        made += 1
        yield name, len(part), *section(part.reset_index(drop=True), random)


def main():
    """Print the table; with --write also into README.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sections", type=int, default=480)
    parser.add_argument("--slips", type=int, default=4, help="sections with a slip for each one")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--missed", action="store_true", help="list provable slips not found")
    parser.add_argument("--write", action="store_true", help="write the table into README.md")
    told = parser.parse_args()
    random, turn, wrong, judged_sections = np.random.default_rng(told.seed), 0, [], 0
    counts = {kind: np.zeros(4, int) for kind in SLIPS}  # planted, provable, of these found, found
    seconds, started = [], time.perf_counter()
    for name, size, rows, levels in samples(told.sections, random):
        # More than 40 patients are too many orders to list: only false alarms are counted there.
        judged = size <= 40
        judged_sections += judged
        wrong += [f"{name}, {size} patients"] * audited(rows, levels, seconds)
        if judged and impossible(rows):
            raise SystemExit(f"the judge calls a true section impossible: {name}, {size} patients")
        for _ in range(told.slips * judged):
            changed = None
            while changed is None or changed == rows:
                kind, turn = SLIPS[turn % len(SLIPS)], turn + 1
                changed = slipped(rows, kind, random)
            found, reason = audited(changed, levels, seconds), impossible(changed)
            counts[kind] += (1, bool(reason), bool(reason) and found, found)
            if told.missed and reason and not found:
                pairs = zip(rows, changed, strict=True)
                print(kind, name, size, reason, *([a, b] for a, b in pairs if a != b))
    text = report(told, counts, wrong, judged_sections, seconds, time.perf_counter() - started)
    print(text)
    if told.write:
        path = Path(__file__).with_name("README.md")
        before, mark, after = path.read_text(encoding="utf-8").partition(BEGIN)
        after = after.partition(END)[2]
        path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def report(told, counts, wrong, judged, seconds, whole):
    """The table, as Markdown."""
    planted, provable, proven, found = sum(counts.values())
    number = told.sections
    limit = stats.beta.ppf(0.95, len(wrong) + 1, number - len(wrong))
    rows = [
        f"{number} sections of 12 to 199 patients, as they are: {len(wrong)} called contradictory "
        f"(95% upper limit {limit:.1%}).",
        f"{planted} sections with one slip, from {judged} of at most 40 patients: {provable} of "
        f"the slips are provable, {proven} of these ({proven / provable:.0%}) were found; of the "
        f"other {planted - provable}, {found - proven} were found by an argument that the judge "
        "does not use.",
        f"An audit took {np.median(seconds):.2f} s, {max(seconds):.2f} s at most; the whole run "
        f"{whole / 60:.1f} min on one core.",
    ]
    lines = ["\n".join(textwrap.wrap(row, 105)) for row in rows]
    lines.append("| slip | planted | provable | of these found |\n|---|---|---|---|")
    for kind, (all_, sure, hits, _) in counts.items():
        share = f" ({hits / sure:.0%})" if sure else ""
        lines[-1] += f"\n| {kind} | {all_} | {sure} | {hits}{share} |"
    return "\n\n".join(lines)


if __name__ == "__main__":
    main()
