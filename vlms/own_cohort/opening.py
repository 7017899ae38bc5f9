"""A cohort of one's own, opened for a report: what may be analysed, and what may be shown.

`open_cohort` reads the cohort, checks every choice against its columns and applies the mode of
disclosure. Everything that the report shows goes through the methods of `OwnCohort`: they keep
text from the cohort text, hand each table over as CSV and each figure as PNG (and as SVG when
everything is shown), and remember what ran, what was left out, and why.
"""

import base64
import contextlib
import re
from dataclasses import dataclass, field, replace

import pandas as pd

from vlms.cohort import CANONICAL, Cohort, holds_numbers, read_cohort, readable
from vlms.disclosure import Disclosure, Withheld, declared_merges
from vlms.endpoints import ENDPOINTS, RECURRENCE_COLUMNS, time_to_event
from vlms.showing import TABLE_MIME, Shown, image_format, one_line, say, show_figure, show_table

FILES_MIME = "application/vnd.vlms.files+json"
COVARIATES = (
    "age_years sex site size_cm t_stage n_stage m_stage grade margin radiotherapy chemotherapy"
).split()
INTERVALS = ("log-log", "log", "plain", "beta-product", "beta-product-mid-p")


class ChoiceError(ValueError):
    """A choice that does not fit the cohort; the message says which would."""


@dataclass
class OwnCohort:
    """A cohort with the choices of its report, and a record of what the report did.

    Attributes
    ----------
    cohort : Cohort
    rules : Disclosure
    landmark_months : list of float
    covariates : list of str
    reference_levels : dict of str to str
    interval : str
        Of survival curves.
    endpoints, group_variables : list of str
        Those asked for, or all, that the columns allow.
    left_out : list of tuple of str
        What was not shown, and why; it grows while the report is made.
    ran : dict of str to list
        Each analysis that ran, with its variants in order; the methods are written from it.
    """

    cohort: Cohort
    rules: Disclosure
    landmark_months: list
    covariates: list
    reference_levels: dict
    interval: str
    endpoints: list = field(default_factory=list)
    group_variables: list = field(default_factory=list)
    left_out: list = field(default_factory=list)
    ran: dict = field(default_factory=dict)

    @property
    def patients(self) -> pd.DataFrame:
        """The canonical frame."""
        return self.cohort.patients

    @property
    def made_up(self) -> bool:
        """Whether every row says that it is made up."""
        if "provenance" not in self.patients:
            return False
        said = self.patients["provenance"].astype(str).str.casefold()
        return bool((said == "made up").all())

    def frame(self, endpoint) -> pd.DataFrame:
        """Return time and event of an endpoint."""
        return time_to_event(self.patients, endpoint)

    def label(self, name) -> str:
        """Return how a column is called for a reader."""
        labels = self.cohort.columns.set_index("name")["label"]
        return text(labels.get(name) or readable(name))

    def is_numeric(self, name) -> bool:
        """Whether a column enters as a number; a grade is a code."""
        return name != "grade" and holds_numbers(self.patients[name])

    def note(self, analysis, variant="") -> None:
        """Remember that an analysis ran, in a variant."""
        variants = self.ran.setdefault(analysis, [])
        if variant not in variants:
            variants.append(variant)

    @contextlib.contextmanager
    def section(self, name, shown):
        """Show what follows under this name or, where it is withheld, append why to ``shown``."""
        try:
            yield
        except Withheld as reason:
            shown.append(self.skipped(name, str(reason)))

    def skipped(self, name, reason) -> Shown:
        """Say what is not shown, and why, and remember it for the list at the end."""
        entry = (text(name, 400), text(reason, 400))
        if entry not in self.left_out:
            self.left_out.append(entry)
        return say("*{name}* is not shown: {reason}.", name=entry[0], reason=entry[1])

    def table(self, frame, *, label, caption, **options) -> Shown:
        """Show a table and hand it over as ``<label>.csv``; options as `show_table` takes them."""
        words = [name for name in frame if not holds_numbers(frame[name])]
        frame = frame.assign(**{name: frame[name].map(_plain) for name in words})
        shown = show_table(frame, label=label, caption=caption, **options)
        content = shown.bundle.pop(TABLE_MIME)["csv"].encode()
        shown.bundle[FILES_MIME] = files({f"{label}.csv": content}).bundle[FILES_MIME]
        return shown

    def data_file(self, frame, *, label) -> Shown:
        """Hand a frame over as ``<label>.csv``, which the page does not show."""
        bundle = self.table(frame, label=label, caption=label).bundle
        return Shown({FILES_MIME: bundle[FILES_MIME], "text/plain": f"File: {label}.csv"})

    def figure(self, drawn, *, label, caption, alt) -> Shown:
        """Show a figure and hand it over: pixels only, or as SVG too when everything is shown."""
        images = {}
        for form in ["png"] if self.rules.safe else ["png", "svg"]:
            image_format(form)
            shown = show_figure(drawn, label=label, caption=caption, alt=alt)
            source = re.search(r'src="data:[^;]*;base64,([^"]*)"', shown.bundle["text/html"])
            images[f"{label}.{form}"] = source[1]
        shown.bundle[FILES_MIME] = {"files": images}
        return shown


def open_cohort(
    path,
    *,
    codebook="",
    endpoints=(),
    landmark_months=(12, 36, 60),
    group_variables=(),
    covariates=(),
    reference_levels=None,
    interval="log-log",
    disclosure="safe",
    min_count=10,
    withhold=(),
    encoding="",
) -> OwnCohort:
    """Read a cohort and check the choices of its report.

    Parameters
    ----------
    path : path-like
        A CSV file; an address on a network is refused.
    codebook : path-like
        Blank for none.
    endpoints : sequence of str
        Names in `vlms.endpoints.ENDPOINTS`; none for all that the columns allow.
    landmark_months : sequence of float
        Months at which survival is estimated; the first is that of the landmark analysis.
    group_variables, covariates : sequence of str
        Columns of the cohort. Without covariates, those of `COVARIATES` that it has.
    reference_levels : dict of str to str
        Covariate → level that others are compared with. By default the most frequent.
    interval : str
        As in `vlms.survival.kaplan_meier`.
    disclosure : {"safe", "full"}
    min_count : int
        Threshold of safe mode.
    withhold : sequence of str
        What an attack has solved, as `Disclosure` takes it.
    encoding : str
        As in `read_cohort`; blank for Unicode.

    Returns
    -------
    OwnCohort

    Raises
    ------
    ChoiceError
        When a choice does not fit the cohort.
    vlms.cohort.CohortError
        When the file cannot be used.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> own = open_cohort(DATA / "example_cohort" / "patients.csv")
    >>> own.made_up, len(own.endpoints)
    (True, 5)
    """
    rules = Disclosure(disclosure, min_count)
    read = read_cohort(path, codebook or None, encoding=encoding or None)
    columns = list(read.patients.columns)
    references = {name: str(level) for name, level in (reference_levels or {}).items()}
    for what, given, known in (
        ("interval", [interval], INTERVALS),
        ("endpoint", endpoints, list(ENDPOINTS)),
        ("group variable", group_variables, columns),
        ("covariate", covariates, columns),
        ("column of a reference level", references, columns),
    ):
        _refuse_unknown(what, given, known)
    _refuse_outcomes(group_variables, "so patients are not grouped by it")
    _refuse_outcomes(covariates, "and cannot be a covariate")
    months = sorted({float(month) for month in landmark_months})
    if not months or not all(0 < month < 1200 for month in months):
        raise ChoiceError(f"landmark months lie above 0; found {list(landmark_months)}")
    merges = declared_merges(read.study) if hasattr(read, "study") else {}
    rules = replace(rules, landmarks=tuple(months), merges=merges, withhold=tuple(withhold))
    image_format("png" if rules.safe else "svg")
    covariates = list(covariates) or [name for name in COVARIATES if name in columns]
    own = OwnCohort(read, rules, months, covariates, references, interval)
    for endpoint in endpoints or ENDPOINTS:
        absent = [column for column in _needed(endpoint) if column not in columns]
        if absent:
            own.skipped(endpoint_name(endpoint), f"the cohort has no column {', '.join(absent)}")
        else:
            own.endpoints.append(endpoint)
    for name in group_variables:
        if own.is_numeric(name) and own.patients[name].nunique() > 6:
            own.skipped(f"Groups by {own.label(name)}", "it is a number; group it first")
        else:
            own.group_variables.append(name)
    return own


def files(contents: dict) -> Shown:
    """Hand files over (name → bytes) that the page does not show."""
    encoded = {name: base64.b64encode(data).decode() for name, data in contents.items()}
    return Shown({"text/plain": f"Files: {', '.join(encoded)}", FILES_MIME: {"files": encoded}})


def text(value, longest=60) -> str:
    """Return text of a cohort as one short line that the page takes for nothing but text.

    Examples
    --------
    >>> text("see @fig-km"), text("a" * 100)[-2:]
    ('see @ fig-km', 'a…')
    """
    line = re.sub(r"@(?=fig-|tbl-)", "@ ", one_line(value))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def endpoint_name(endpoint) -> str:
    """Return how an endpoint is called in a sentence.

    Examples
    --------
    >>> endpoint_name("disease_specific_survival"), endpoint_name("local_recurrence")
    ('disease-specific survival', 'local recurrence')
    """
    return re.sub("(specific|free)", r"-\1", readable(endpoint)).replace(" -", "-")


def slug(name) -> str:
    """Return a name as part of a label: small letters, digits and hyphens.

    Examples
    --------
    >>> slug("Grade (FNCLCC)")
    'grade-fnclcc'
    """
    return re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[:40] or "x"


def _plain(value):
    """A cell of a table as text that stays text."""
    return value if isinstance(value, bool) or pd.isna(value) else text(value, 400)


def _needed(endpoint):
    """Columns that an endpoint needs beyond time and status."""
    if endpoint == "recurrence_free_survival":
        return list(RECURRENCE_COLUMNS.values())
    return [RECURRENCE_COLUMNS[endpoint]] if endpoint in RECURRENCE_COLUMNS else []


def _refuse_outcomes(names, why):
    """Raise for a column that is known only after time zero."""
    for name in names:
        if name in CANONICAL and CANONICAL[name].outcome:
            raise ChoiceError(f"{name} is an outcome, {why}")


def _refuse_unknown(what, given, known):
    """Raise for a choice that is none of those there are."""
    if isinstance(given, str):
        raise ChoiceError(f"{what}: give a list, such as [{given!r}]")
    unknown = [one_line(name)[:60] for name in given if name not in known]
    if unknown:
        raise ChoiceError(
            f"no {what} {', '.join(map(repr, unknown))}; there are {', '.join(map(str, known))}"
        )
