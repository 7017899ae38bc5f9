"""Speed of the survival functions against lifelines and R, as ratios in one run.

Every pair is given the same data, its results are compared before anything is timed, and the two
are timed in turn, best of several. R is measured when ``Rscript`` with the package survival is
there. ``python benchmarks/bench_survival.py`` takes about two minutes; ``--quick`` uses a tenth
of the rows.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test

from vlms.survival import (
    bootstrap_hazard_ratio,
    bootstrap_survival,
    event_table,
    kaplan_meier,
    log_rank,
)


def best_of(calls, seconds=2.0):
    """Best time of each call, taken in turn, so that a busy spell hits all alike."""
    best = [np.inf] * len(calls)
    end = time.perf_counter() + seconds * len(calls)
    rounds = 0
    while rounds < 3 or time.perf_counter() < end:
        for position, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[position] = min(best[position], time.perf_counter() - start)
        rounds += 1
        if rounds == 50:
            break
    return best


def report(what, unit, ours, **others):
    """Print one line: our figure and how many times as fast as each other."""
    ratios = "   ".join(f"{name} {seconds / ours:,.3g} x" for name, seconds in others.items())
    amount = f"{1 / ours:,.0f} /s" if unit == "rate" else f"{ours * 1000:,.2f} ms"
    print(f"{what:<48}{amount:>16}   as fast as: {ratios}", flush=True)


def cohort(n, *, months, seed=1, groups=2):
    """Made-up patients; times in whole months, or to five decimals: too coarse for noise ties."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    died = rng.exponential(40 / (1 + 0.2 * group), n)
    censored = rng.uniform(5, 120, n)
    time_ = np.minimum(died, censored)
    time_ = np.ceil(time_) if months else np.round(time_, 5)
    return time_, died <= censored, group


def r_seconds(time_, event, group, code):
    """Best of three times of an R expression, or None without R."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for name, values in (("time", time_), ("event", event), ("group", group)):
            np.asarray(values, dtype=float).tofile(Path(folder) / name)
        script = f"""
            suppressMessages(library(survival))
            read <- function(f) readBin(file.path("{folder}", f), "double", {len(time_)})
            time <- read("time"); event <- read("event"); group <- read("group")
            {code}
            cat(min(sapply(1:3, function(i) system.time(run())[["elapsed"]])))
        """
        done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True)
        return float(done.stdout) if done.returncode == 0 else None


def with_r(seconds):
    return {} if seconds is None else {"R": seconds}


def rival(what, ours, theirs, r=None, *, unit="time", seconds=2.0, parts=(1, 1)):
    """Time both in turn, each doing so many parts of the work, and R where it is installed."""
    mine, other = best_of([ours, theirs], seconds=seconds)
    report(what, unit, mine / parts[0], lifelines=other / parts[1], **with_r(r))


def small():
    for n in (12, 63):
        time_, event, group = cohort(n, months=False, seed=3)
        close(kaplan_meier(time_, event), KaplanMeierFitter().fit(time_, event))
        rival(
            f"Kaplan-Meier, {n} patients",
            lambda time_=time_, event=event: kaplan_meier(time_, event),
            lambda time_=time_, event=event: KaplanMeierFitter().fit(time_, event),
            seconds=0.5,
        )
    compare_two(63, "63 patients", months=False, seconds=0.5)
    # A thousand cohorts at once, as resampling and reconstruction make them.
    time_, event, _ = cohort(63_000, months=False, seed=4)
    number = np.repeat(np.arange(1000), 63)
    rows = [slice(start, start + 63) for start in range(0, 63 * 20, 63)]
    rival(
        "Kaplan-Meier, a thousand cohorts of 63",
        lambda: kaplan_meier(time_, event, number),
        lambda: [KaplanMeierFitter().fit(time_[mine], event[mine]) for mine in rows],
        unit="rate",
        parts=(1000, 20),
    )


def close(ours, theirs):
    """The two curves, ours at fewer times, are the same."""
    expected = theirs.survival_function_["KM_estimate"]
    at = np.searchsorted(expected.index.to_numpy(), ours["time"], "right") - 1
    np.testing.assert_allclose(ours["survival"], expected.to_numpy()[at], rtol=1e-7, atol=1e-9)


def compare_two(n, what, *, months, seconds=2.0):
    time_, event, group = cohort(n, months=months)
    first = group == 0

    def ours():
        return log_rank(time_, event, group)

    def theirs():
        return logrank_test(time_[first], time_[~first], event[first], event[~first])

    np.testing.assert_allclose(ours().statistic, theirs().test_statistic, rtol=1e-5)
    r = r_seconds(time_, event, group, "run <- function() survdiff(Surv(time, event) ~ group)")
    rival(f"log-rank, {what}", ours, theirs, r, seconds=seconds)


def large(n):
    for label, months in (("tied months", True), ("continuous", False)):
        time_, event, group = cohort(n, months=months)

        def theirs(time_=time_, event=event):
            return KaplanMeierFitter().fit(time_, event)

        def ours(time_=time_, event=event):
            return kaplan_meier(time_, event)

        close(ours(), theirs())
        r = r_seconds(time_, event, group, "run <- function() survfit(Surv(time, event) ~ 1)")
        rival(f"Kaplan-Meier, {n:,} rows, {label}", ours, theirs, r)
        compare_two(n, f"{n:,} rows, {label}", months=months)


def large_cox(n):
    """A binary covariate: counts are enough. lifelines is timed once, it takes so long."""
    from vlms.survival import cox_from_table

    for label, months in (("tied months", True), ("continuous", False)):
        time_, event, group = cohort(n, months=months)
        frame = pd.DataFrame({"t": time_, "e": event, "g": group})

        def ours(time_=time_, event=event, group=group):
            return cox_from_table(event_table(time_, event, group))

        start = time.perf_counter()
        theirs = CoxPHFitter().fit(frame, "t", "e")
        other = time.perf_counter() - start
        np.testing.assert_allclose(
            ours()["log_hazard_ratio"], theirs.params_, rtol=1e-4, err_msg="Cox"
        )
        (mine,) = best_of([ours])
        r = r_seconds(time_, event, group, "run <- function() coxph(Surv(time, event) ~ group)")
        report(f"binary Cox, {n:,} rows, {label}", "time", mine, lifelines=other, **with_r(r))


def resampling():
    """Draws per second; lifelines and R refit each resample."""
    rng = np.random.default_rng(1)
    time_, event, group = cohort(63, months=False, seed=5)
    few, shorter, _ = cohort(26, months=False, seed=7)
    halves = np.arange(26) % 2

    def survival():
        return bootstrap_survival(time_, event, 36, resamples=400_000)["survival"].item()

    def hazard_ratio():
        return bootstrap_hazard_ratio(time_, event, group, resamples=100_000)["hazard_ratio"].item()

    def permuted(method="permutation"):
        return log_rank(few, shorter, halves, method=method, resamples=2_000_000)

    def their_survival(rows):
        return KaplanMeierFitter().fit(time_[rows], event[rows]).predict(36)

    def their_ratio(rows):
        frame = pd.DataFrame({"t": time_[rows], "e": event[rows], "g": group[rows]})
        return CoxPHFitter().fit(frame, "t", "e").params_["g"]

    def their_test():
        one = rng.permutation(halves) == 0
        return logrank_test(few[one], few[~one], shorter[one], shorter[~one])

    everybody, exact = np.arange(63), permuted("exact")
    assert abs(survival() - their_survival(everybody)) < 0.005, "bootstrap mean is off the estimate"
    assert abs(np.log(hazard_ratio()) - their_ratio(everybody)) < 0.05, "bootstrap Cox is off"
    assert abs(permuted().p_value - exact.p_value) < 0.002, "permutation P is off exact P"
    sample = "k <- sample.int(63, 63, TRUE);"
    for what, ours, draws, theirs, code, data in (
        ("bootstrap S(36), 63 patients", survival, 400_000,
         lambda: their_survival(rng.integers(0, 63, 63)),
         f"{sample} survival:::survfitKM(factor(rep(1, 63)), y[k], se.fit = FALSE)",
         (time_, event, group)),
        ("bootstrap Cox (Efron), 63 patients", hazard_ratio, 100_000,
         lambda: their_ratio(rng.integers(0, 63, 63)),
         f"""{sample} survival:::coxph.fit(matrix(group)[k, , drop = FALSE], y[k], NULL, NULL, NULL,
                                           coxph.control(), NULL, "efron", NULL)""",
         (time_, event, group)),
        ("permutation log-rank, 26 patients", permuted, 2_000_000, their_test,
         "survival:::survdiff.fit(y, sample(group))", (few, shorter, halves)),
    ):  # fmt: skip
        loop = f"y <- Surv(time, event); run <- function() for (i in 1:3000) {{ {code} }}"
        r = r_seconds(*data, loop)
        mine, other = best_of([ours, lambda theirs=theirs: [theirs() for _ in range(20)]], 1)
        others = {"lifelines": other / 20, **with_r(None if r is None else r / 3000)}
        report(what, "rate", mine / draws, **others)
    (mine,) = best_of([lambda: permuted("exact")], seconds=0.5)
    ways = f"{exact.allocations:,} allocations"
    print(f"{'exact log-rank, 26 patients':<48}{mine * 1000:>13,.2f} ms   {ways}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    options = parser.parse_args()
    part = 10 if options.quick else 1
    print(f"{os.cpu_count()} cores; results compared before times; best of several in turn")
    small()
    large(1_000_000 // part)
    large_cox(100_000 // part)
    resampling()


if __name__ == "__main__":
    main()
