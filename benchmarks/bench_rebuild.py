"""Rebuilding cohorts: speed, a plain annealing beside it, and the coverage that ships.

``python benchmarks/bench_rebuild.py`` measures speed. ``--calibrate FOLDER`` measures coverage on
the CSV files (time, event, group) in FOLDER, which ``Rscript benchmarks/rebuild_cohorts.R FOLDER``
writes from R packages (their licences do not let them be copied here), and writes coverage.csv.
It takes about ten minutes of one core.
"""

import argparse
import math
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.rebuild import rebuild
from vlms.rebuild.cohorts import _chunk
from vlms.rebuild.problem import build_problem, split
from vlms.rebuild.statistics import measure

SIMPLE = [("n", "", "63"), ("events", "", "36"), ("survival", "12", "96%"),
          ("survival", "36", "57%"), ("survival", "60", "40%")]  # fmt: skip
GRID_STEPS = (0.05, 0.95)
COHORTS = 200
# Data sets of the part on which the mixture was chosen, of the one on which is decided; the rest.
CHOSEN_ON, DECIDED_ON = 22, 8


def simple_facts():
    facts = pd.DataFrame(SIMPLE, columns=["kind", "at", "value"], dtype=str)
    facts = facts.assign(endpoint="death", variable="")
    facts.loc[len(facts)] = ["maximum", "", "166", "", "follow_up"]
    return facts


def plain_annealing(rng, steps=20_000):
    """One cohort by annealing from a random start: n, events and three survivals."""
    boxes = [(12, 0.955, 0.965), (36, 0.565, 0.575), (60, 0.395, 0.405)]
    times, event = rng.uniform(0, 166, 63), np.arange(63) < 36
    rng.shuffle(event)

    def off(times, event):
        order = np.argsort(times)
        s = np.cumprod(np.where(event[order], 1 - 1 / (63 - np.arange(63)), 1.0))
        found = [s[max(np.searchsorted(times[order], at, "right") - 1, 0)] for at, *_ in boxes]
        return sum(
            max(low - v, v - high, 0) for v, (_, low, high) in zip(found, boxes, strict=True)
        )

    now = off(times, event)
    for step in range(steps):
        if now <= 0:
            return step
        heat, i, new = 0.05 * 0.01 ** (step / steps), rng.integers(63), times.copy()
        new[i] = rng.uniform(0, 166)
        then = off(new, event)
        if then <= now or rng.random() < math.exp(-(then - now) / heat):
            times, now = new, then
    return None


def speed():
    rebuild(simple_facts(), cohorts=5)
    started = time.perf_counter()
    drawn = rebuild(simple_facts(), cohorts=1000)
    seconds = time.perf_counter() - started
    print(f"1,000 cohorts of 63: {seconds:.2f} s, {drawn.attrs['independent']} independent")
    started, rng = time.perf_counter(), np.random.default_rng(0)
    found = [plain_annealing(rng) for _ in range(5)]
    each = (time.perf_counter() - started) / 5
    met = sum(step is not None for step in found)
    print(
        f"plain annealing: {met} of 5 found, {each:.2f} s each: {1000 * each / seconds:.0f} times"
    )


# --- Coverage -------------------------------------------------------------------------------------


def sample(folder, names, name, k):
    """A cohort of 12 to 300 patients of a data set, its printed times and longest time."""
    data = pd.read_csv(folder / f"{name}.csv")
    rng = np.random.default_rng([0, names.index(name), k, 0])
    n = min(int(np.exp(rng.uniform(np.log(12), np.log(300)))), len(data))
    if n == len(data) and n > 40:
        n = int(n * rng.uniform(0.6, 1))
    data = data.sample(n, random_state=int(rng.integers(1 << 31))).copy()
    data["time"] *= 150 / data["time"].max() * rng.uniform(0.8, 1.2)
    longest = data["time"].max()
    spans = ((0.08, 0.2), (0.25, 0.42), (0.48, 0.68))
    at = [float(np.round(longest * rng.uniform(*span))) for span in spans]
    # Ties: events first, and then at random.
    data["apart"] = data["time"] + np.where(data["event"] == 1, 0, 1e-6) + rng.random(n) * 1e-7
    return data, at, longest, int(rng.random() < 0.4), rng


def printed_facts(data, at, longest, decimals, rng):
    """The facts as a journal would print them; None where a survival is not estimated."""
    rows = [("n", "", str(len(data)), "death", "")]
    if rng.random() < 0.8:
        rows.append(("events", "", str(int(data["event"].sum())), "death", ""))
    time, event = arrays(data)
    for t in at:
        s = measure("survival", t, time, event)[0]
        if not np.isfinite(s):
            return None
        text = f"{np.floor(s * 100 * 10**decimals + 0.5) / 10**decimals:.{decimals}f}%"
        rows.append(("survival", f"{t:g}", text, "death", ""))
    rows.append(("maximum", "", f"{longest:.0f}", "", "follow_up"))
    return pd.DataFrame(rows, columns=["kind", "at", "value", "endpoint", "variable"])


def arrays(data):
    return data["apart"].to_numpy()[None], data["event"].to_numpy(bool)[None]


def guyot(data, longest):
    """A cohort from its curve to three decimals, n and events; censoring constant in time."""
    t, e = data["apart"].to_numpy(), data["event"].to_numpy(bool)
    n, order = len(data), np.argsort(t)
    s = np.cumprod(np.where(e[order], 1 - 1 / (n - np.arange(n)), 1.0))
    at = np.unique(data["time"].to_numpy()[e])
    steps = np.round(s[np.searchsorted(t[order], at + 2e-6) - 1], 3)
    best = None
    for censored in range(0, n - 1, max(1, n // 80)):
        leave = (np.arange(censored) + 0.5) / max(censored, 1) * longest
        left, before, times, flags, gone = n, 1.0, [], [], 0
        for a, step in zip(at, steps, strict=True):
            while gone < censored and leave[gone] < a and left > 1:
                times.append(leave[gone])
                flags.append(False)
                gone, left = gone + 1, left - 1
            k = min(int(round(left * (1 - step / before))) if before > 0 else 0, left)
            before = before * (1 - k / left) if k else before
            times, flags, left = times + [a] * k, flags + [True] * k, left - k
        while gone < censored and left > 0:
            times.append(leave[gone])
            flags.append(False)
            gone, left = gone + 1, left - 1
        times, flags = times + [longest] * left, flags + [False] * left
        off = abs(sum(flags) - e.sum())
        if best is None or off < best[0]:
            best = off, np.array(times), np.array(flags)
    _, times, flags = best
    return (times + np.arange(n) * 1e-9 + np.where(flags, 0, 1e-6))[None], flags[None]


def asked(at, longest):
    """Statistics that are not printed, with the words of the table."""
    first, middle, last = at
    return [
        ("survival", (first + middle) / 2, "survival between the first two printed times"),
        ("survival", (middle + last) / 2, "survival between the last two printed times"),
        ("survival", last + 0.4 * (longest - last), "survival beyond the last printed time"),
        ("std_error", first, "standard error at the first printed time"),
        ("std_error", last, "standard error at the last printed time"),
        ("at_risk", first, "at risk at the first printed time"),
        ("at_risk", last, "at risk at the last printed time"),
        ("events", middle, "events by the second printed time"),
        ("events", last, "events by the last printed time"),
        ("rmst", first, "restricted mean to the first printed time"),
        ("rmst", last, "restricted mean to the last printed time"),
        ("median", None, "median"),
        ("median_follow_up", None, "median follow-up (reverse Kaplan-Meier)"),
    ]


def measured(folder, names, some, samples):
    """One row for each statistic of each sample of these data sets."""
    rows, without = [], 0
    for name in some:
        for k in range(samples):
            data, at, longest, decimals, rng = sample(folder, names, name, k)
            if data["event"].sum() < 3 or len(data) < 12:
                continue
            facts = printed_facts(data, at, longest, decimals, rng)
            if facts is None:
                continue
            chains, _, _ = _chunk(split(build_problem(facts))[0], COHORTS, (7, k), 0.3)
            if chains is None:
                without += 1
                continue
            time, event, again = chains.time("death"), chains.event["death"], guyot(data, longest)
            for statistic, when, words in asked(at, longest):
                values = measure(statistic, when, time, event)
                values = np.where(np.isnan(values), np.inf, values)
                truth = measure(statistic, when, *arrays(data))[0]
                truth = truth if np.isfinite(truth) else np.inf
                low, high = np.quantile(values, GRID_STEPS, method="inverted_cdf")
                error = abs(measure(statistic, when, *again)[0] - truth)
                held = low - 1e-9 <= truth <= high + 1e-9
                rows.append((words, name, len(data), held, high - low, error))
    print(f"{len(some)} data sets, {without} samples without a cohort")
    columns = ["statistic", "data", "n", "covered", "width", "guyot"]
    return pd.DataFrame(rows, columns=columns).replace([np.inf, -np.inf], np.nan)


def summary(rows, decided):
    """The table that ships: each statistic in each data set and in all."""
    both = pd.concat([rows, rows.assign(data="all")])
    how = {"n": ("n", "median"), "samples": ("n", "size"), "covered": ("covered", "mean"),
           "width": ("width", "median"), "guyot": ("guyot", "median")}  # fmt: skip
    table = both.groupby(["statistic", "data"], sort=False).agg(**how).reset_index()
    table["offered"] = table["statistic"].map(offered(decided))
    table["n"] = table["n"].round().astype(int)
    table = table.sort_values(["statistic", "data"], ignore_index=True)
    return table.round({"covered": 3, "width": 4, "guyot": 4})


def offered(decided):
    """At least 87 % in all, and 80 % in every data set, on the part that decides."""
    each = decided.groupby(["statistic", "data"])["covered"].mean().groupby("statistic").min()
    return (decided.groupby("statistic")["covered"].mean() >= 0.87) & (each >= 0.8)


def calibrate(folder, samples=14):
    names = sorted(path.stem for path in folder.glob("*.csv"))
    order = list(np.random.default_rng(20161).permutation(names))
    decide, report = order[CHOSEN_ON : CHOSEN_ON + DECIDED_ON], order[CHOSEN_ON + DECIDED_ON :]
    decided = measured(folder, names, decide, samples)
    table = summary(measured(folder, names, report, samples), decided)
    print(table[table["data"] == "all"].to_string(index=False))
    table.to_csv(Path(__file__).parents[1] / "vlms/rebuild/coverage.csv", index=False)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--calibrate", type=Path)
    folder = parser.parse_args().calibrate
    speed() if folder is None else calibrate(folder)
