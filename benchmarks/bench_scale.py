"""A registry in Parquet, counted out of core: time and memory against pandas and a bare GROUP BY.

Each way runs in a process of its own on the same four files of made-up patients in four groups,
and its answers are compared before times are told. ``python benchmarks/bench_scale.py`` takes about
a minute and 1.5 GB; ``--quick`` uses a tenth of the rows.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROUNDS = 2  # the best of so many processes


def write_registry(folder, n, parts=4):
    """Write patients with whole months, a part at a time."""
    rng = np.random.default_rng(1)
    for part in range(parts):
        size = n // parts
        group = rng.integers(0, 4, size)
        died = rng.exponential(40 / (1 + 0.2 * group))
        censored = rng.uniform(5, 120, size)
        months = np.ceil(np.minimum(died, censored))
        frame = pd.DataFrame({"time": months, "event": died <= censored, "group": group})
        frame.to_parquet(Path(folder) / f"part-{part}.parquet")


def counts_of_vlms(folder):
    """Curves, log-rank test, restricted means and hazard ratios from counts."""
    from vlms.survival import (
        cox_from_table,
        event_table,
        kaplan_meier,
        log_rank,
        restricted_mean,
        survival_at,
    )

    table = event_table(f"{folder}/*.parquet", group="group")
    curve = kaplan_meier(table)
    means = restricted_mean(curve, 60)["rmst"]
    ratios = cox_from_table(table)["hazard_ratio"]
    return [*survival_at(curve, 36)["survival"], log_rank(table).statistic, *means, *ratios]


def pandas_and_lifelines(folder):
    """The same curves and test."""
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test

    frame = pd.read_parquet(folder)
    survival = [
        KaplanMeierFitter().fit(mine["time"], mine["event"]).predict(36)
        for _, mine in frame.groupby("group")
    ]
    test = multivariate_logrank_test(frame["time"], frame["group"], frame["event"])
    return [*survival, test.test_statistic]


def bare_group_by(folder):
    """What DuckDB needs for the counts alone."""
    import duckdb

    query = f"""SELECT "group", time, count(*), count(*) FILTER (event)
                FROM read_parquet('{folder}/*.parquet') GROUP BY ALL"""
    return [float(sum(row[2] for row in duckdb.sql(query).fetchall()))]


WAYS = {f.__name__: f for f in (counts_of_vlms, pandas_and_lifelines, bare_group_by)}


def work(way, folder):
    """Print seconds, memory added at the peak in MB, and the answers of one way."""
    import duckdb
    import lifelines.statistics

    import vlms.survival  # noqa: F401  (importing is not what is timed)

    assert duckdb and lifelines
    before, start = peak_memory(reset=True), time.perf_counter()
    answers = WAYS[way](folder)
    print(time.perf_counter() - start, peak_memory() - before, *answers)


def peak_memory(*, reset=False):
    """Peak memory of this process in MB; Linux can start the peak anew, others cannot."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work(*options.child)
        return
    n = 1_000_000 if options.quick else 10_000_000
    found = dict.fromkeys(WAYS)
    with tempfile.TemporaryDirectory() as folder:
        write_registry(folder, n)
        for way in [way for _ in range(ROUNDS) for way in WAYS]:
            run = [sys.executable, __file__, "--child", way, folder]
            done = subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ)
            one = [float(value) for value in done.stdout.split()]
            found[way] = one if found[way] is None else min(found[way], one)
    ours = found["counts_of_vlms"]
    np.testing.assert_allclose(ours[2:7], found["pandas_and_lifelines"][2:], rtol=1e-5)
    assert found["bare_group_by"][2] == n
    print(f"{n:,} rows in 4 groups, Parquet; {os.cpu_count()} cores; best of {ROUNDS}")
    for way, (seconds, memory, *_) in found.items():
        print(f"{way:<24}{seconds:8.2f} s {seconds / ours[0]:8.2f} x {memory:10,.0f} MB")


if __name__ == "__main__":
    main()
