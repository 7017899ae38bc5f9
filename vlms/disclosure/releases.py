"""A ledger of the safe reports on private cohorts, kept on this machine only.

Two reports that are each within the rules can together give a patient away: one on 150 patients
and one on 149 differ by that patient (an attack by differencing). So a report is refused whose
patients differ from those of an earlier one by fewer than the threshold, unless a reason is
recorded. Patients differ when one has been added, taken out, or changed in any cell.

The ledger holds, for each report, one keyed hash (HMAC-SHA256) of each patient's identifier and
one of the rest of the row, and the reason; the key lies beside it, readable by its owner alone.
Neither belongs with a report: whoever has both can test a guess at a row.

Source: OpenSAFELY, "Applying statistical disclosure control" (secondary disclosure by comparing
releases); Hundepool et al., *Statistical Disclosure Control*, Wiley 2012, chapter 4.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FOLDER = ".releases"
_LEDGER, _KEY, _LOCK = "ledger.json", "key", "lock"
_STALE = 120  # seconds after which a lock file was left behind: it is held for far less


class ReleaseError(ValueError):
    """A report that differs from an earlier one by too few patients."""


@dataclass(frozen=True)
class Fingerprint:
    """The patients of a cohort, as keyed hashes: of identifiers, and of all else in a row.

    Attributes
    ----------
    identifiers, rows : tuple of str
        Each sorted, so that the two cannot be put together.
    """

    identifiers: tuple
    rows: tuple


class Releases:
    """The ledger in a folder.

    Parameters
    ----------
    folder : path-like
        Made, closed to others and kept out of version control when something is recorded.
    """

    def __init__(self, folder=FOLDER):
        self.folder = Path(folder)

    @contextlib.contextmanager
    def locked(self, *, seconds=60):
        """Let no other report be checked, recorded or published meanwhile.

        Parameters
        ----------
        seconds : float
            How long to wait for another report.

        Raises
        ------
        ReleaseError
            When another report does not end in that time.
        """
        self._make_folder()
        path, until = self.folder / _LOCK, time.monotonic() + seconds
        while (release := _take(path)) is None:
            if time.monotonic() > until:
                raise ReleaseError(
                    f"Another report has been at work for {seconds:g} s, so this one cannot be "
                    f"compared with it. Wait until it has ended; if there is none, remove {path}."
                )
            time.sleep(0.05)
        try:
            yield
        finally:
            release()

    def fingerprint(self, patients: pd.DataFrame) -> Fingerprint:
        """Hash the patients with the key of this ledger, which is made when there is none.

        Parameters
        ----------
        patients : pandas.DataFrame
            The canonical frame.

        Returns
        -------
        Fingerprint
        """
        key = self._key()
        rest = patients.drop(columns="patient_id")
        rest = rest[sorted(rest.columns)]
        cells = zip(*(rest[name].map(_cell) for name in rest), strict=True)
        return Fingerprint(
            tuple(sorted(_hash(key, str(value)) for value in patients["patient_id"])),
            tuple(sorted(_hash(key, "\x1f".join(row)) for row in cells)),
        )

    def check(self, print_: Fingerprint, min_count: int, *, reason="") -> None:
        """Refuse a report that differs from an earlier one by fewer patients than the threshold.

        Parameters
        ----------
        print_ : Fingerprint
        min_count : int
        reason : str
            Why it is to be released all the same.

        Raises
        ------
        ReleaseError
        """
        if reason.strip():
            return
        for entry in self.entries():
            earlier = Fingerprint(tuple(entry["identifiers"]), tuple(entry["rows"]))
            differing = difference(earlier, print_)
            if 0 < differing < max(min_count, entry["min_count"]):
                raise ReleaseError(
                    f"The patients differ from those of the earlier report “{entry['name']}” by "
                    f"fewer than {max(min_count, entry['min_count'])}: together the two reports "
                    "could give those patients away. Report on the same patients as before, wait "
                    "until more have changed, or record with --reason why it is released."
                )

    def record(self, name: str, print_: Fingerprint, min_count: int, *, reason="") -> None:
        """Write a report into the ledger.

        Parameters
        ----------
        name : str
            Of the report.
        print_, min_count, reason
            As in `check`.
        """
        entries = self.entries()
        entry = {
            "name": name,
            "min_count": int(min_count),
            "reason": reason.strip(),
            "identifiers": list(print_.identifiers),
            "rows": list(print_.rows),
        }
        if entry not in entries:
            _write(self.folder / _LEDGER, json.dumps([*entries, entry], indent=1).encode())

    def entries(self) -> list:
        """Return what is recorded.

        Raises
        ------
        ReleaseError
            When the ledger cannot be read: without it nothing can be compared.
        """
        path = self.folder / _LEDGER
        if not path.exists():
            return []
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"{path} cannot be read ({error}), so this report cannot be compared with earlier "
                "ones. Restore it from a backup, or move it away if there is none."
            ) from None

    def _key(self) -> bytes:
        path = self.folder / _KEY
        if not path.exists():
            self._make_folder()
            _write(path, secrets.token_bytes(32))
        return path.read_bytes()

    def _make_folder(self):
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")


def difference(one: Fingerprint, other: Fingerprint) -> int:
    """Count the patients in whom two cohorts differ, when they are versions of one cohort.

    Parameters
    ----------
    one, other : Fingerprint

    Returns
    -------
    int
        Patients added or taken out, by identifier or, should patients have been renumbered, by
        their rows; where the identifiers are the same, patients who have changed. The smallest
        of these that is not 0.

    Examples
    --------
    >>> before = Fingerprint(("a", "b", "c"), ("1", "2", "3"))
    >>> difference(before, Fingerprint(("a", "b"), ("1", "2")))
    1
    >>> difference(before, Fingerprint(("a", "b", "c"), ("1", "2", "4")))
    1
    >>> difference(before, Fingerprint(("x", "y", "z"), ("1", "2", "3")))
    0
    """
    same = one.identifiers == other.identifiers
    by_identifier = sum(_unlike(one.identifiers, other.identifiers))
    by_row = max(_unlike(one.rows, other.rows))
    if by_row == 0 or same:
        return by_row
    return min(by_identifier, by_row)


def _unlike(one, other):
    """How many stand in one only, and in the other only."""
    first, second = Counter(one), Counter(other)
    return (first - second).total(), (second - first).total()


def _cell(value):
    return "" if pd.isna(value) else f"{value:.6f}" if isinstance(value, float) else str(value)


def _hash(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def _take(path):
    """Take the lock and return what gives it back, or None while another process has it.

    The system's own lock ends with its process, however that ends. Where there is none, the file
    itself is the lock, and one that was left behind is removed when it is old.
    """
    try:
        import fcntl
    except ImportError:
        return _take_by_file(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return lambda: os.close(handle)


def _take_by_file(path):
    """Take the lock by making its file, which fails while there is one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (FileExistsError, PermissionError):
        with contextlib.suppress(OSError):  # gone by now, or held open where that forbids it
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink()
        return None

    def release():
        os.close(handle)
        path.unlink(missing_ok=True)

    return release


def _write(path, content):
    """Write a file that only its owner can read, beside its place and then into it."""
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    beside.replace(path)
