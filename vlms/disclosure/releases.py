"""A ledger of the released reports on private cohorts, kept on this machine only.

Two reports that are each within the rules can together give a patient away: one on 150 patients
and one on 149 differ by that patient, and so do all, the men, and the women less one. So a report
is refused where a sum or difference of releases is about fewer patients than the threshold, unless
a reason is recorded; its parameters must be those of the first release on the cohort; and what an
integer solver finds in the counts of all of them is withheld. Tables that were published elsewhere
count as well.

A cohort is known by the content of its columns. The ledger holds no copy of it: for each release,
keyed hashes (HMAC-SHA256) of each identifier, of the rest of each row, and of each cell together
with the identifier or with time and status, every list sorted by itself; numbers are hashed whole
as well as rounded. The key lies in the user's data folder, not in the project. Neither belongs with
a report: whoever has both can test a guess at a row.

Source: OpenSAFELY, "Applying statistical disclosure control" (secondary disclosure by comparing
releases); Hundepool et al., *Statistical Disclosure Control*, Wiley 2012, chapter 4.
"""

import contextlib
import fcntl
import hashlib
import hmac
import itertools
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from vlms.cohort import CANONICAL
from vlms.consistency import read_facts
from vlms.disclosure.attack import MEMBER, Count, solve, true_counts
from vlms.disclosure.frames import MISSING

FOLDER = ".releases"
_LEDGER, _LOCK = "ledger.json", "lock"
_FORMAT = 2
_KEY_BYTES = 32
_ALL_SUMS = 6  # of so many earlier releases every sum is looked at; of more, those of three


class ReleaseError(ValueError):
    """A report that may not be released, or not yet."""


class Releases:
    """The ledger in a folder.

    Parameters
    ----------
    folder : path-like
        Made, closed to others and kept out of version control when it is first used.
    key : path-like, optional
        The file of the key, made when it is first used; by default in the user's data folder.
    """

    def __init__(self, folder=FOLDER, *, key=None):
        self.folder = Path(folder)
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        self.key_file = Path(key) if key else Path(data) / "vlms" / "release-key"

    @contextlib.contextmanager
    def locked(self, *, seconds=600):
        """Let no other report be checked, recorded or published meanwhile.

        Raises
        ------
        ReleaseError
            When another report does not end within so many seconds.
        """
        self._make_folder()
        path, until = self.folder / _LOCK, time.monotonic() + seconds
        while (release := _take(path)) is None:
            if time.monotonic() > until:
                raise ReleaseError(
                    f"Another report has been at work for {seconds:g} s, so this one cannot be "
                    f"compared with it. Wait until it has ended."
                )
            time.sleep(0.05)
        try:
            yield
        finally:
            release()

    def fingerprint(self, patients: pd.DataFrame) -> dict:
        """Hash the patients in several ways, each a sorted list that no other can be put beside."""
        key, n = self._key(), len(patients)
        whole = {name: patients[name].map(_whole) for name in patients}
        rough = {name: patients[name].map(_rough) for name in patients}
        blank = pd.Series("", patients.index)
        clock = next((c for c in ("time", "time_months") if c in rough), "")
        core = rough.get(clock, blank) + "\x1f" + rough.get("status", blank)
        rest = sorted(set(patients) - {"patient_id"})
        before = [c for c in rest if c != clock and not getattr(CANONICAL.get(c), "outcome", False)]
        ways = {"id": rough.get("patient_id", blank)}
        for way, names in (("rows", rest), ("before", before)):
            ways[way] = pd.Series(
                ["\x1f".join(r) for r in zip(*(rough[c] for c in names), strict=True)], dtype=str
            )
        for name in rest:
            ways[f"{name} by core"] = core + "\x1f" + rough[name]
            ways[f"{name} by id"] = ways["id"] + "\x1f" + rough[name]
            if not whole[name].equals(rough[name]):
                ways[f"{name} whole"] = ways["id"] + "\x1f" + whole[name]
        texts = {way: [f"{way}\x1f{text}" for text in column] for way, column in ways.items()}
        return {way: sorted(_hash(key, t) for t in some) for way, some in texts.items() if n}

    def check(self, now: dict, pinned: dict, *, reason="") -> None:
        """Refuse a report that differs too little from earlier ones, or has other parameters.

        Parameters
        ----------
        now : dict
            As `fingerprint` gives it.
        pinned : dict
            As `Disclosure.pinned` gives it.
        reason : str
            Why it is to be released although few patients differ.

        Raises
        ------
        ReleaseError
        """
        related = _family(self.entries(), now)
        for name in pinned:
            for entry in related[:1]:
                if entry["pinned"][name] != pinned[name]:
                    raise ReleaseError(
                        f"{name} is {pinned[name]}; it was {entry['pinned'][name]} in the first "
                        f"release on these patients, “{entry['name']}”, and is the same in all: "
                        "numbers under several rules could be put together. Give that value."
                    )
        if reason.strip():
            return
        least = pinned["min_count"]
        if (n := len(now["rows"])) < least:
            raise ReleaseError(f"There are {n} patients, fewer than {least}.")
        for some, few in _sums([entry["hashes"] for entry in related], now):
            if 0 < few < least:
                names = " and ".join(f"“{related[place]['name']}”" for place in some)
                raise ReleaseError(
                    f"The patients differ from those of the earlier release {names} by fewer than "
                    f"{least}: together the reports could give those patients away. Report on the "
                    "same patients as before, wait until more have changed, or record with "
                    "--reason why it is released."
                )
        for entry in self.entries():
            if entry.get("published") and 0 < abs(entry["published"]["n"] - n) < least:
                raise ReleaseError(
                    f"The patients are {n}; “{entry['name']}”, which was published, has "
                    f"{entry['published']['n']}: who reads both could tell them apart. Report on "
                    "the patients of the publication, or record a --reason."
                )

    def attack(self, now: dict, counts: list, coded: pd.DataFrame, min_count: int) -> pd.DataFrame:
        """Solve what these counts, with those of earlier releases, give away and those do not.

        Parameters
        ----------
        now : dict
        counts : list of Count
            As `read_counts` gives them.
        coded : pandas.DataFrame
            What they are about.
        min_count : int

        Returns
        -------
        pandas.DataFrame
            As `solve`.
        """
        key = self._key()
        names = {_level(key, c, level): level for c in coded for level in coded[c].unique()}
        levels = {c: [_level(key, c, level) for level in coded[c].unique()] for c in coded}
        truth = true_counts(coded.apply(lambda column: column.map(_leveller(key, column.name))))
        entries = _family(self.entries(), now)
        patterns = _patterns([*(e["hashes"] for e in entries), now])
        earlier = []
        for place, entry in enumerate(entries):
            for where, of, low, high in entry["counts"]:
                levels |= {column: [] for column in of if column not in levels}
                of |= {MEMBER: [p for p in patterns if p[place]]} if len(patterns) > 1 else {}
                earlier.append(Count(of, f"{entry['name']}: {where}", low, high))
        for entry in self.entries():
            if entry.get("published") and entry["published"]["n"] == len(coded):
                earlier += _published(entry, coded, key)
        mine = []
        for count in self.keyed(counts):
            of = {MEMBER: [p for p in patterns if p[-1]]} if len(patterns) > 1 else {}
            mine.append(count._replace(of=count.of | of))
        given = {"patterns": patterns if len(patterns) > 1 else None, "truth": truth}
        try:
            found = solve([*mine, *earlier], levels, min_count, **given)
        except ArithmeticError:
            try:
                earlier, found = [], solve(mine, levels, min_count, **given)
            except ArithmeticError as error:
                raise ReleaseError(f"The report cannot be attacked: {error}.") from None
        if earlier and len(found):
            known = [str(of) for of in solve(earlier, levels, min_count, **given)["of"]]
            found = found[~found["of"].map(str).isin(known)]
        found["of"] = [
            {c: {names.get(level, "?") for level in some} for c, some in of.items() if c != MEMBER}
            for of in found["of"]
        ]
        return found

    def keyed(self, counts: list) -> list:
        """Return counts with hashes in place of the names of levels."""
        key = self._key()
        return [
            count._replace(
                of={c: sorted(_level(key, c, x) for x in xs) for c, xs in count.of.items()}
            )
            for count in counts
        ]

    def record(self, name: str, now: dict, pinned: dict, counts=(), *, reason="") -> None:
        """Enter a report that is about to be released; the same one only once."""
        counts = [[c.where, c.of, c.low, c.high] for c in self.keyed(counts)]
        entry = {"name": name, "pinned": pinned, "reason": reason.strip()}
        self._add(entry | {"hashes": now, "counts": counts})

    def add_published(self, path, name="") -> int:
        """Enter the counts of a facts.csv as an earlier release; return how many there are.

        Raises
        ------
        ReleaseError
            Where it has no number of all patients: without it nothing can be compared.
        vlms.consistency.FactsError, OSError
        """
        facts = [f for f in read_facts(path) if f.group == "all"]
        facts = [f for f in facts if f.kind in ("n", "events", "count")]
        size = [int(str(f.value)) for f in facts if f.kind == "n" and not f.endpoint]
        size = (
            size
            or [int(str(f.value)) for f in facts if f.kind == "n"]
            or [f.total for f in facts if f.total]
        )
        if not size:
            raise ReleaseError(f"{path}: no fact of kind n says how many patients there are in all")
        rows = [[f.kind, f.endpoint, f.variable, f.level, str(f.value)] for f in facts]
        entry = {"name": name or Path(path).parent.name or Path(path).stem, "reason": ""}
        self._add(
            entry | {"hashes": {}, "counts": [], "published": {"n": max(size), "facts": rows}}
        )
        return len(rows)

    def _add(self, entry):
        """Write an entry with its date; one that is there already stays."""
        self._make_folder()
        kept, alike = self.entries(), lambda e: {k: v for k, v in e.items() if k != "date"}
        if entry not in [alike(e) for e in kept]:
            entry = {"date": f"{datetime.now(UTC):%Y-%m-%d}", **entry}
            content = {
                "format": _FORMAT,
                "key": _hash(self._key(), "key"),
                "releases": [*kept, entry],
            }
            with self._writing():
                _write(self.folder / _LEDGER, json.dumps(content).encode())

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
            found = json.loads(path.read_text(encoding="utf-8"))
            key, entries = found["key"], found["releases"]
            parts = [entry.get("published") or entry["pinned"] for entry in entries]
            parts += [{**entry["hashes"], "": entry["counts"]} for entry in entries]
            if found["format"] != _FORMAT or not all(isinstance(part, dict) for part in parts):
                raise ValueError(f"it is of format {found['format']}, not {_FORMAT}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReleaseError(
                f"{path} cannot be read ({error}), so this report cannot be compared with earlier "
                "ones. Restore it from a backup, or move it away if there is none."
            ) from None
        if key != _hash(self._key(), "key"):
            raise ReleaseError(
                f"{self.key_file} is not the key that {path} was written with, so no release "
                "can be compared with earlier ones. Restore that key from a backup."
            )
        return entries

    def _key(self) -> bytes:
        """The key; it is made with the ledger, and never where there is a ledger without it."""
        try:
            if not (self.key_file.exists() or (self.folder / _LEDGER).exists()):
                self.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(self.key_file, secrets.token_bytes(_KEY_BYTES), replace=False)
            if len(key := self.key_file.read_bytes()) == _KEY_BYTES:
                return key
            why = "it is damaged"
        except OSError as error:
            why = error.strerror
        raise ReleaseError(
            f"The key of the releases, {self.key_file}, cannot be used ({why}). Restore it from a "
            "backup where there was one, or let XDG_DATA_HOME name a folder of yours that can be "
            "written."
        )

    def _make_folder(self):
        with self._writing():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (self.folder / ".gitignore").exists():
                (self.folder / ".gitignore").write_text("*\n", encoding="ascii")

    @contextlib.contextmanager
    def _writing(self):
        """Say that nothing can be released where the ledger cannot be written."""
        try:
            yield
        except OSError as error:
            raise ReleaseError(
                f"{self.folder} cannot be written ({error.strerror}), so nothing can be released."
            ) from None


@contextlib.contextmanager
def scratch(root):
    """Give a folder inside the project that only its owner can enter, and that is gone afterwards.

    What a killed process left behind is removed first: its lock is free.
    """
    place = Path(root) / ".scratch"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.chmod(0o700)
    (place / ".gitignore").write_text("*\n", encoding="ascii")
    for left in place.glob("*/"):
        with contextlib.suppress(OSError):
            if (release := _take(left / _LOCK)) is not None:
                release()
                shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(dir=place))  # 0700
    release = _take(folder / _LOCK)
    try:
        yield folder
    finally:
        release()
        shutil.rmtree(folder, ignore_errors=True)


def _related(one, other):
    """Whether two cohorts have patients in common: by rows, or by most columns."""
    if not one or not other:
        return False
    least = min(len(one["rows"]), len(other["rows"]))
    common = {way: _common(one[way], other[way]) / least for way in one if way in other}
    if max(common["rows"], common["before"]) >= 0.5:
        return True
    by = [[s for way, s in common.items() if way.endswith(end)] for end in (" by id", " by core")]
    return any(some and np.median(some) >= 0.5 for some in by)


def _family(entries, now):
    """Earlier releases on patients in common with this one, or with one that has: men and women."""
    found, known = [], [now]
    while more := [
        e for e in entries if e not in found and any(_related(e["hashes"], k) for k in known)
    ]:
        found, known = [e for e in entries if e in found or e in more], [e["hashes"] for e in more]
    return found


def _common(one, other):
    return (Counter(one) & Counter(other)).total()


def _sums(earlier, now):
    """Yield places of earlier releases, and of how few patients a sum with them is.

    Each release is added, subtracted or left out. A patient who is changed counts once.
    """
    places = range(len(earlier))
    most = len(earlier) if len(earlier) <= _ALL_SUMS else 3
    for size in range(1, most + 1):
        for some in itertools.combinations(places, size):
            fewest = []
            for way in set(now).intersection(*(earlier[place] for place in some)):
                if way == "id" and not all(_same_ids(earlier[place], now) for place in some):
                    continue
                index, parts = {}, [Counter(now[way]), *(Counter(earlier[p][way]) for p in some)]
                for part in parts:
                    for token in part:
                        index.setdefault(token, len(index))
                table = np.zeros((len(index), len(parts)), int)
                for j, part in enumerate(parts):
                    for token, n in part.items():
                        table[index[token], j] = n
                signs = np.array([(1, *s) for s in itertools.product((-1, 1), repeat=size)])
                sums = table @ signs.T
                few = np.maximum(np.clip(sums, 0, None).sum(0), np.clip(-sums, 0, None).sum(0))
                fewest += [int(n) for n in few if n]
            yield some, min(fewest, default=0)


def _same_ids(one, other):
    """Whether identifiers stand for the same patients: most of their cells agree."""
    shared = _common(one["id"], other["id"])
    by = [way for way in one if way.endswith(" by id") and way in other]
    return bool(by) and np.median([_common(one[way], other[way]) for way in by]) * 2 >= shared > 0


def _patterns(cohorts):
    """Of which releases patients are: each combination that occurs, by what they share most in."""
    ways = set.intersection(*(set(cohort) for cohort in cohorts)) - {"id"}
    best = max(
        sorted(ways), key=lambda way: sum(_common(c[way], cohorts[-1][way]) for c in cohorts)
    )
    tokens = [set(cohort[best]) for cohort in cohorts]
    return sorted({tuple(t in some for some in tokens) for t in set().union(*tokens)})


def _published(entry, coded, key):
    """The published facts that are about columns of the cohort, as exact counts."""
    by_name = {_plain(name): name for name in coded}
    for kind, endpoint, variable, level, value in entry["published"]["facts"]:
        column = by_name.get(_plain(variable or endpoint)) if kind != "n" else None
        wanted = "yes" if kind == "events" else level
        found = [x for x in coded[column].unique() if _plain(x) == _plain(wanted)] if column else []
        n = int(value) if value.isdigit() else None
        if n is not None and (found or (kind == "n" and n == entry["published"]["n"])):
            of = {column: [_level(key, column, x) for x in found]} if found else {}
            yield Count(of, entry["name"], n, n)


def _plain(text):
    """A name without its case, spaces and signs."""
    return re.sub(r"[^a-z0-9]+", "", str(text).casefold())


def _whole(value):
    """A cell as text, the same for a number however it was written."""
    if pd.isna(value):
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value).strip().casefold()


def _rough(value):
    """A cell as text, the same when its number is rounded to whole ones."""
    if isinstance(value, (float, np.floating)) and not pd.isna(value):
        return str(int(np.floor(round(value, 6) + 0.5)))
    return _whole(value)


def _level(key, column, level):
    return level if level == MISSING else _hash(key, f"{column}\x1f{level}")


def _leveller(key, column):
    return lambda level: _level(key, column, level)


def _hash(key, text):
    """A keyed hash of a text, cut to 80 bits."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:20]


def _take(path):
    """Take the lock and return what gives it back, or None while another process has it.

    It is the system's own, which ends with its process, however that ends.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return lambda: os.close(handle)


def _write(path, content, *, replace=True):
    """Write a file that only its owner can read, beside its place and then into it."""
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    if replace:
        beside.replace(path)
        return
    with contextlib.suppress(FileExistsError):  # another process was first: its file stays
        os.link(beside, path)
    beside.unlink()
