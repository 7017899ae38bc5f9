"""A cohort of one's own, opened for a report: what may be analysed, and what may be shown.

`open_study` reads the cohort, checks every choice against its columns and applies the mode of
disclosure. Everything that the report shows goes through `table`, `figure` and `skipped` here:
they keep text from the cohort text, hand each table over as CSV and each figure as PNG (and as
SVG when everything is shown), and remember what was left out, and why.
"""

import base64
import re
from dataclasses import dataclass, field

import pandas as pd

from vlms.cohort import Cohort, read_cohort
from vlms.disclosure import Disclosure
from vlms.endpoints import ENDPOINTS, RECURRENCE_COLUMNS
from vlms.presentation import image_format, say, show_figure, show_table
from vlms.presentation.shown import Shown, one_line
from vlms.presentation.tables import TABLE_MIME
from vlms.reading.codebook import CANONICAL
from vlms.variables import holds_numbers, readable

FILES_MIME = "application/vnd.vlms.files+json"
COVARIATES = (
    "age_years",
    "sex",
    "site",
    "size_cm",
    "t_stage",
    "n_stage",
    "m_stage",
    "grade",
    "margin",
    "radiotherapy",
    "chemotherapy",
)
INTERVALS = ("log-log", "log", "plain", "beta-product", "beta-product-mid-p")
_LONGEST = 60


class StudyError(ValueError):
    """A choice that does not fit the cohort; the message says which would."""


@dataclass
class Study:
    """A cohort with the choices of its report.

    Attributes
    ----------
    cohort : Cohort
    rules : Disclosure
    endpoints : list of str
        Those asked for, or all, that the columns allow.
    landmark_months : list of float
    group_variables, covariates : list of str
        Columns.
    reference_levels : dict of str to str
    interval : str
        Of survival curves.
    made_up : bool
        Whether every row says that it is made up.
    left_out : list of tuple of str
        What was not shown, and why; it grows while the report is made.
    ran : dict of str to list
        Each analysis that ran, with its variants in order; the methods are written from it.
    """

    cohort: Cohort
    rules: Disclosure
    endpoints: list
    landmark_months: list
    group_variables: list
    covariates: list
    reference_levels: dict
    interval: str
    made_up: bool
    left_out: list = field(default_factory=list)
    ran: dict = field(default_factory=dict)

    def note(self, analysis, variant="") -> None:
        """Remember that an analysis (str) ran, in a variant (str)."""
        variants = self.ran.setdefault(analysis, [])
        if variant not in variants:
            variants.append(variant)

    @property
    def patients(self) -> pd.DataFrame:
        """The canonical frame."""
        return self.cohort.patients

    def label(self, name) -> str:
        """Return how a column (str) is called for a reader (str)."""
        labels = self.cohort.columns.set_index("name")["label"]
        return text(labels.get(name) or readable(name))


def open_study(
    cohort,
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
    encoding="",
) -> Study:
    """Read a cohort and check the choices of its report.

    Parameters
    ----------
    cohort : path-like
        A CSV file; an address on a network is refused.
    codebook : path-like
        Blank for none.
    endpoints : sequence of str
        Names in `vlms.endpoints.ENDPOINTS`; none for all that the columns allow.
    landmark_months : sequence of float
        Months at which survival is read off; the first is that of the landmark analysis.
    group_variables, covariates : sequence of str
        Columns of the cohort. Without covariates, those of `COVARIATES` that it has.
    reference_levels : dict of str to str
        Covariate → level that others are compared with. By default the most frequent.
    interval : str
        As in `vlms.survival.kaplan_meier`.
    disclosure : {"safe", "full"}
    min_count : int
        Threshold of safe mode.
    encoding : str
        As in `read_cohort`; blank for Unicode.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        When a choice does not fit the cohort.
    vlms.cohort.CohortError
        When the file cannot be used.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> study = open_study(DATA / "example_cohort" / "patients.csv")
    >>> study.made_up, len(study.endpoints)
    (True, 5)
    """
    rules = Disclosure(disclosure, min_count)
    read = read_cohort(cohort, codebook or None, encoding=encoding or None)
    patients = read.patients
    _one_of("interval", [interval], INTERVALS)
    _one_of("endpoint", endpoints, list(ENDPOINTS))
    _one_of("group variable", group_variables, list(patients.columns))
    _one_of("covariate", covariates, list(patients.columns))
    _one_of("column of a reference level", reference_levels or {}, list(patients.columns))
    months = sorted({float(month) for month in landmark_months})
    if not months or not all(0 < month < 1200 for month in months):
        raise StudyError(f"landmark months lie above 0; found {list(landmark_months)}")
    image_format("png" if rules.safe else "svg")
    study = Study(
        cohort=read,
        rules=rules,
        endpoints=[],
        landmark_months=months,
        group_variables=[name for name in group_variables if _describes(name)],
        covariates=list(covariates) or [name for name in COVARIATES if name in patients],
        reference_levels={name: str(level) for name, level in (reference_levels or {}).items()},
        interval=interval,
        made_up="provenance" in patients
        and bool((patients["provenance"].astype(str).str.casefold() == "made up").all()),
    )
    _choose_endpoints(study, endpoints)
    _check_groups(study)
    return study


def text(value, longest=_LONGEST) -> str:
    """Return text of a cohort as one short line that the page takes for nothing but text.

    Examples
    --------
    >>> text("see @fig-km"), text("a" * 100)[-2:]
    ('see @ fig-km', 'a…')
    """
    line = re.sub(r"@(?=fig-|tbl-)", "@ ", one_line(value))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def table(frame: pd.DataFrame, *, label, caption, **options) -> Shown:
    """Show a table and hand it over as ``<label>.csv``; options as `show_table` takes them."""
    words = [name for name in frame if not holds_numbers(frame[name])]
    frame = frame.assign(**{name: frame[name].map(_plain) for name in words})
    shown = show_table(frame, label=label, caption=caption, **options)
    content = shown.bundle.pop(TABLE_MIME)["csv"].encode()
    shown.bundle[FILES_MIME] = {"files": {f"{label}.csv": base64.b64encode(content).decode()}}
    return shown


def data_file(frame: pd.DataFrame, *, name) -> Shown:
    """Hand a frame over as a CSV file that the page does not show."""
    content = table(frame, label=name, caption=name).bundle[FILES_MIME]["files"]
    return files({name: base64.b64decode(data) for name, data in content.items()})


def files(contents: dict) -> Shown:
    """Hand files over (name → bytes) that the page does not show."""
    encoded = {name: base64.b64encode(data).decode() for name, data in contents.items()}
    return Shown({FILES_MIME: {"files": encoded}, "text/plain": f"Files: {', '.join(encoded)}"})


def figure(study: Study, drawn, *, label, caption, alt) -> Shown:
    """Show a figure and hand it over: pixels only, or as SVG too when everything is shown."""
    images = {}
    for form in ["png"] if study.rules.safe else ["png", "svg"]:
        image_format(form)
        shown = show_figure(drawn, label=label, caption=caption, alt=alt)
        source = re.search(r'src="data:[^;]*;base64,([^"]*)"', shown.bundle["text/html"])
        images[f"{label}.{form}"] = source[1]
    shown.bundle[FILES_MIME] = {"files": images}
    return shown


def skipped(study: Study, section: str, reason: str) -> Shown:
    """Say what is not shown, and why, and remember it for the list at the end."""
    entry = (text(section, 200), text(reason, 400))
    if entry not in study.left_out:
        study.left_out.append(entry)
    return say("*{section}* is not shown: {reason}.", section=entry[0], reason=entry[1])


def endpoint_name(endpoint) -> str:
    """Return how an endpoint is called in a sentence.

    Examples
    --------
    >>> endpoint_name("disease_specific_survival"), endpoint_name("local_recurrence")
    ('disease-specific survival', 'local recurrence')
    """
    return (
        readable(endpoint)
        .replace("disease specific", "disease-specific")
        .replace("recurrence free", "recurrence-free")
    )


def slug(name) -> str:
    """Return a name as part of a label: small letters, digits and hyphens.

    Examples
    --------
    >>> slug("Grade (FNCLCC)")
    'grade-fnclcc'
    """
    return re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[:40] or "x"


def is_numeric(study: Study, name) -> bool:
    """Whether a column enters as a number; a grade is a code."""
    return name != "grade" and holds_numbers(study.patients[name])


def _plain(value):
    return value if isinstance(value, bool) or pd.isna(value) else text(value, 400)


def _describes(name):
    if name in CANONICAL and (CANONICAL[name].outcome):
        raise StudyError(f"{name} is an outcome, so patients are not grouped by it")
    return True


def _choose_endpoints(study, asked):
    for endpoint in asked or ENDPOINTS:
        needed = (
            list(RECURRENCE_COLUMNS.values())
            if endpoint == "recurrence_free_survival"
            else [RECURRENCE_COLUMNS[endpoint]]
            if endpoint in RECURRENCE_COLUMNS
            else []
        )
        absent = [column for column in needed if column not in study.patients]
        if absent:
            skipped(study, endpoint_name(endpoint), f"the cohort has no column {', '.join(absent)}")
        else:
            study.endpoints.append(endpoint)


def _check_groups(study):
    for name in list(study.group_variables):
        if is_numeric(study, name) and study.patients[name].nunique() > 6:
            study.group_variables.remove(name)
            skipped(study, f"Groups by {study.label(name)}", "it is a number; group it first")
    for name in study.covariates:
        if name in CANONICAL and CANONICAL[name].outcome:
            raise StudyError(f"{name} is an outcome and cannot be a covariate")


def _one_of(what, given, known):
    if isinstance(given, str):
        raise StudyError(f"{what}: give a list, such as [{given!r}]")
    unknown = [one_line(name)[:_LONGEST] for name in given if name not in known]
    if unknown:
        raise StudyError(
            f"no {what} {', '.join(map(repr, unknown))}; there are {', '.join(map(str, known))}"
        )
