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
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test

from vlms.survival import (
    cox_from_table,
    event_table,
    event_table_from_parquet,
    kaplan_meier,
    kaplan_meier_from_table,
    log_hazard_ratio_draws,
    log_rank,
    log_rank_from_table,
    survival_at,
    survival_draws,
)

ROWS = []


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
    ROWS.append(what)
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


def with_r(seconds, scale=1.0):
    return {} if seconds is None else {"R": seconds * scale}


def large(n):
    for label, months in (("tied months", True), ("continuous", False)):
        time_, event, group = cohort(n, months=months)

        def lifelines_curve(time_=time_, event=event):
            return KaplanMeierFitter().fit(time_, event)

        def ours_curve(time_=time_, event=event):
            return kaplan_meier(time_, event)

        theirs, ours = lifelines_curve(), ours_curve()
        expected = theirs.survival_function_["KM_estimate"].to_numpy()
        at = np.searchsorted(theirs.survival_function_.index.to_numpy(), ours["time"], "right") - 1
        np.testing.assert_allclose(ours["survival"], expected[at], rtol=1e-7, atol=1e-9)
        mine, other = best_of([ours_curve, lifelines_curve])
        r = r_seconds(time_, event, group, "run <- function() survfit(Surv(time, event) ~ 1)")
        report(f"Kaplan-Meier, {n:,} rows, {label}", "time", mine, lifelines=other, **with_r(r))

        def lifelines_test(time_=time_, event=event, group=group):
            first = group == 0
            return logrank_test(time_[first], time_[~first], event[first], event[~first])

        def ours_test(time_=time_, event=event, group=group):
            return log_rank(time_, event, group)

        np.testing.assert_allclose(
            ours_test().statistic, lifelines_test().test_statistic, rtol=1e-5
        )
        mine, other = best_of([ours_test, lifelines_test])
        r = r_seconds(time_, event, group, "run <- function() survdiff(Surv(time, event) ~ group)")
        report(f"log-rank, {n:,} rows, {label}", "time", mine, lifelines=other, **with_r(r))


def large_cox(n):
    """A binary covariate: counts are enough. lifelines is timed once, it takes so long."""
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


def small():
    time_, event, group = cohort(12, months=False, seed=3)

    def theirs():
        return KaplanMeierFitter().fit(time_, event)

    def ours():
        return kaplan_meier(time_, event)

    np.testing.assert_allclose(
        ours()["survival"], theirs().survival_function_["KM_estimate"], rtol=1e-9
    )
    mine, other = best_of([ours, theirs], seconds=0.5)
    report("Kaplan-Meier, 12 patients", "time", mine, lifelines=other)


def resampling():
    time_, event, group = cohort(63, months=False, seed=5)
    draws, few = 400_000, 60
    rng = np.random.default_rng(1)

    def ours():
        return survival_draws(time_, event, 36, resamples=draws)

    def theirs():
        found = []
        for _ in range(few):
            rows = rng.integers(0, 63, 63)
            found.append(KaplanMeierFitter().fit(time_[rows], event[rows]).predict(36))
        return found

    point = survival_at(kaplan_meier(time_, event), 36)["survival"].item()
    assert abs(ours().mean() - point) < 0.002, "bootstrap mean is off the estimate"
    assert abs(np.mean(theirs()) - point) < 0.05
    mine, other = best_of([ours, theirs], seconds=1)
    code = """
        x <- factor(rep(1, 63)); y <- Surv(time, event)
        run <- function() for (i in 1:3000) { k <- sample.int(63, 63, TRUE)
          survival:::survfitKM(x, y[k], se.fit = FALSE) }
    """
    r = with_r(r_seconds(time_, event, group, code), draws / 3000)
    rate = {name: seconds / draws for name, seconds in r.items()}
    report("bootstrap S(36), 63 patients", "rate", mine / draws, lifelines=other / few, **rate)

    draws, few = 100_000, 20

    def ours_cox():
        return log_hazard_ratio_draws(time_, event, group, resamples=draws)

    def theirs_cox():
        for _ in range(few):
            rows = rng.integers(0, 63, 63)
            frame = pd.DataFrame({"t": time_[rows], "e": event[rows], "g": group[rows]})
            CoxPHFitter().fit(frame, "t", "e")

    whole = CoxPHFitter().fit(pd.DataFrame({"t": time_, "e": event, "g": group}), "t", "e")
    found = ours_cox()
    assert abs(np.median(found) - whole.params_["g"]) < 0.05, "bootstrap Cox is off the estimate"
    mine, other = best_of([ours_cox, theirs_cox], seconds=1)
    code = """
        y <- Surv(time, event); x <- matrix(group)
        run <- function() for (i in 1:3000) { k <- sample.int(63, 63, TRUE)
          survival:::coxph.fit(x[k, , drop = FALSE], y[k], NULL, NULL, NULL,
                               coxph.control(), NULL, "efron", NULL) }
    """
    rate = {n: s / 3000 for n, s in with_r(r_seconds(time_, event, group, code)).items()}
    report(
        "bootstrap Cox (Efron), 63 patients", "rate", mine / draws, lifelines=other / few, **rate
    )

    time_, event, group = cohort(26, months=False, seed=7)
    group = np.arange(26) % 2
    draws, few = 2_000_000, 60

    def ours_permutation():
        return log_rank(time_, event, group, method="permutation", resamples=draws)

    def theirs_permutation():
        for _ in range(few):
            first = rng.permutation(group) == 0
            logrank_test(time_[first], time_[~first], event[first], event[~first])

    exact = log_rank(time_, event, group, method="exact")
    assert abs(ours_permutation().p_value - exact.p_value) < 0.002, "permutation P is off exact P"
    mine, other = best_of([ours_permutation, theirs_permutation], seconds=1)
    code = """
        y <- Surv(time, event)
        run <- function() for (i in 1:3000) survival:::survdiff.fit(y, sample(group))
    """
    rate = {n: s / 3000 for n, s in with_r(r_seconds(time_, event, group, code)).items()}
    report("permutation log-rank, 26 patients", "rate", mine / draws, lifelines=other / few, **rate)
    (mine,) = best_of([lambda: log_rank(time_, event, group, method="exact")], seconds=0.5)
    print(f"{'exact log-rank, 26 patients':<48}{mine * 1000:>13,.2f} ms   "
          f"{exact.allocations:,} allocations")  # fmt: skip


def registry(n):
    """The same answer from Parquet by DuckDB and by pandas with lifelines, each in a process."""
    with tempfile.TemporaryDirectory() as folder:
        time_, event, group = cohort(n, months=True, groups=4)
        for part in range(4):
            rows = slice(part * n // 4, (part + 1) * n // 4)
            frame = pd.DataFrame({"time": time_[rows], "event": event[rows], "group": group[rows]})
            frame.to_parquet(Path(folder) / f"part-{part}.parquet")
        answers = {way: child(way, folder) for way in ("duckdb", "pandas")}
    ours, theirs = answers["duckdb"], answers["pandas"]
    np.testing.assert_allclose(ours[2:], theirs[2:], rtol=1e-5)
    report(f"registry, {n:,} rows, 4 groups, Parquet", "time", ours[0], pandas_lifelines=theirs[0])
    print(f"{'    memory added':<48}{ours[1]:>13,.0f} MB   against {theirs[1]:,.0f} MB")


def child(way, folder):
    run = [sys.executable, __file__, "--child", way, folder]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ)
    return [float(value) for value in done.stdout.split()]


def work(way, folder):
    """One registry analysis; prints seconds, added memory, S(36) by group, chi-square."""
    if way == "duckdb":
        import duckdb  # noqa: F401  (importing is not what is timed)
    before = peak_memory(reset=True)
    start = time.perf_counter()
    if way == "duckdb":
        table = event_table_from_parquet(f"{folder}/*.parquet", group="group")
        survival = survival_at(kaplan_meier_from_table(table), 36)["survival"].tolist()
        statistic = log_rank_from_table(table).statistic
    else:
        from lifelines.statistics import multivariate_logrank_test

        frame = pd.read_parquet(folder)
        survival = [
            KaplanMeierFitter().fit(mine["time"], mine["event"]).predict(36)
            for _, mine in frame.groupby("group")
        ]
        test = multivariate_logrank_test(frame["time"], frame["group"], frame["event"])
        statistic = test.test_statistic
    seconds = time.perf_counter() - start
    added = peak_memory() - before
    print(seconds, added, *survival, statistic)


def peak_memory(*, reset=False):
    """Peak memory of this process in MB; Linux can start the peak anew, others cannot."""
    if reset and sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work(*options.child)
        return
    part = 10 if options.quick else 1
    print(f"{os.cpu_count()} cores; results compared before times; best of several in turn")
    small()
    large(1_000_000 // part)
    large_cox(100_000 // part)
    resampling()
    registry(10_000_000 // part)


if __name__ == "__main__":
    main()
