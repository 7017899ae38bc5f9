"""How long the audit of a paper takes, and attainable survival for groups of up to 100 patients.

Run: ``python benchmarks/bench_consistency.py``. Prints the slowest and the median time of random
pairs of percentages, true ones (from a simulated cohort) and made-up ones, by group size.
"""

import time

import numpy as np

from vlms.cohort import DATA
from vlms.consistency import check_paper, read_facts, survival_check

SIZES, PAIRS = (10, 24, 63, 100), 60


def true_pair(random, n, decimals):
    """Two Kaplan-Meier values of a random history, printed."""
    events = random.random(n) < 0.6
    survival = np.cumprod(1 - events / np.arange(n, 0, -1))
    cuts = np.sort(random.integers(0, n, size=2))
    return [f"{100 * survival[cut]:.{decimals}f}%" for cut in cuts]


def made_up_pair(random, decimals):
    """Two falling percentages."""
    return [f"{share:.{decimals}f}%" for share in np.sort(random.uniform(1, 99, size=2))[::-1]]


def audit_of_a_paper():
    """Time the audit of all facts of a paper, and as a ratio to reading them alone."""
    path = DATA / "roland2016" / "facts.csv"
    start = time.process_time()
    facts = read_facts(path)
    read = time.process_time() - start
    check_paper(path)
    whole = time.process_time() - start - read
    print(f"{len(facts)} facts of a paper: {whole:.2f} s, {whole / read:.0f} x as long as reading")


def main():
    """Time all of them and print a table."""
    audit_of_a_paper()
    random = np.random.default_rng(100)
    print(f"{'n':>4} {'decimals':>8} {'pairs':>8} {'median':>9} {'slowest':>9}  verdicts")
    for n in SIZES:
        for decimals in (0, 1, 2):
            for kind in ("true", "made up"):
                seconds, verdicts = [], {}
                for _ in range(PAIRS):
                    pair = (
                        true_pair(random, n, decimals)
                        if kind == "true"
                        else made_up_pair(random, decimals)
                    )
                    start = time.perf_counter()
                    verdict = survival_check(n, pair).verdict
                    seconds.append(time.perf_counter() - start)
                    verdicts[verdict] = verdicts.get(verdict, 0) + 1
                print(
                    f"{n:4} {decimals:8} {kind:>8} {np.median(seconds) * 1e3:7.1f}ms "
                    f"{max(seconds) * 1e3:7.1f}ms  {verdicts}"
                )


if __name__ == "__main__":
    main()
