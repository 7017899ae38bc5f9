"""Checking a million patients, as a ratio to reading the same file as text with pandas.

Run ``python benchmarks/bench_reading.py [rows]``. The ratio is what to look at: seconds depend on
the machine and on what else it does.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.cohort import check_cohort, read_cohort


def write_cohort(path: Path, rows: int) -> None:
    """Write a made-up cohort with every canonical column and identifiers all different."""
    rng = np.random.default_rng(20)
    follow_up = rng.exponential(40, rows).clip(0.1, 230).round(1)
    recurs = rng.random(rows) < 0.3
    months = (follow_up * rng.uniform(0.1, 1, rows)).round(1).clip(0.1)
    pd.DataFrame(
        {
            "patient_id": np.char.add("P", np.arange(rows).astype(str)),
            "age_years": rng.integers(20, 80, rows),
            "sex": rng.choice(["f", "m"], rows),
            "site": rng.choice(["thigh", "arm", "retroperitoneum"], rows),
            "vessel": rng.choice(["femoral vein", "vena cava", ""], rows),
            "size_cm": rng.uniform(1, 20, rows).round(1),
            "t_stage": rng.choice(["T1", "T2"], rows),
            "n_stage": "N0",
            "m_stage": "M0",
            "grade": rng.integers(1, 4, rows),
            "margin": rng.choice(["R0", "R1", "R2"], rows),
            "radiotherapy": rng.choice(["yes", "no"], rows),
            "chemotherapy": rng.choice(["yes", "no"], rows),
            "time_months": follow_up,
            "status": rng.choice(["alive", "dead_of_disease", "dead_other"], rows),
            "local_recurrence_months": np.where(recurs, months, np.nan),
            "distant_recurrence_months": np.nan,
        }
    ).to_csv(path, index=False)


def seconds(function, *arguments, **options) -> float:
    """Return the shorter of two runs, in seconds."""
    runs = []
    for _ in range(2):
        start = time.perf_counter()
        function(*arguments, **options)
        runs.append(time.perf_counter() - start)
    return min(runs)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patients.csv"
        write_cohort(path, rows)
        text = seconds(pd.read_csv, path, dtype=str, keep_default_na=False)
        read = seconds(read_cohort, path)
        checked = seconds(check_cohort, path)
        size = path.stat().st_size / 1e6
    print(f"{rows} rows, {size:.0f} MB")
    print(f"pandas.read_csv as text  {text:6.2f} s")
    print(f"read_cohort              {read:6.2f} s, ratio {read / text:5.2f}")
    print(f"vlms check               {checked:6.2f} s, ratio {checked / text:5.2f} (at most 5)")


if __name__ == "__main__":
    main()
