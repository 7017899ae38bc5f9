"""A cohort of one's own, opened for a report: what may be analysed, and what may be shown.

`open_cohort` reads the cohort, checks every choice against its columns and applies the mode of
disclosure. Everything that the report shows goes through the methods of `OwnCohort`: they keep
text from the cohort text, hand each table over as CSV (and for a manuscript each figure as a file),
and remember what ran, what was left out, and why.
"""

import base64
import contextlib
import html
import io
import re
from dataclasses import dataclass, field, replace

import matplotlib as mpl
import pandas as pd

from vlms.cohort import Cohort, holds_numbers, level_name, levels_of, read_cohort, readable
from vlms.disclosure import Disclosure, Withheld, declared_merges
from vlms.endpoints import time_to_event
from vlms.showing import (
    TABLE_MIME,
    Shown,
    image_format,
    one_line,
    say,
    show_figure,
    show_table,
    together,
)
from vlms.study import Study, StudyError, read_design, under_design
from vlms.survival import SurvivalInputError

FILES_MIME = "application/vnd.vlms.files+json"
YEARS = {"days": 365.25, "weeks": 365.25 / 7, "months": 12.0, "years": 1.0}
INTERVALS = ("log-log", "log", "plain", "beta-product", "beta-product-mid-p")
PER = {"age_years": (10.0, "per 10 years"), "size_cm": (1.0, "per cm")}
_CUT = re.compile(r"\s*(.+?)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")
_DAY = re.compile(r"\s*(\(.*\)|\b(am|datum|date|day|days|months|years))$", re.IGNORECASE)
_PER = re.compile(r"(.+?)\s+per\s+(\d+(?:\.\d+)?)\s*")
_CUTS = {
    "<=": ("≤ {}", "> {}", pd.Series.le),
    "<": ("< {}", "≥ {}", pd.Series.lt),
    ">=": ("≥ {}", "< {}", pd.Series.ge),
    ">": ("> {}", "≤ {}", pd.Series.gt),
}


class ChoiceError(ValueError):
    """A choice that does not fit the cohort; the message says which would."""


@dataclass
class OwnCohort:
    """A cohort with the choices of its report, and a record of what the report did."""

    cohort: Cohort
    rules: Disclosure
    patients: pd.DataFrame  # the canonical frame, and a column for each cut and declared group
    landmarks: list  # in the study's unit; landmark analyses start at the first
    interval: str = "log-log"  # of survival curves
    endpoints: list = field(default_factory=list)  # the first is the primary one
    groups: list = field(default_factory=list)
    covariates: list = field(default_factory=list)
    adjust: list = field(default_factory=list)
    chosen: bool = False  # whether the covariates were declared or asked for
    references: dict = field(default_factory=dict)  # covariate → level to compare with
    per: dict = field(default_factory=dict)  # number → units of its ratio, and in words
    labels: dict = field(default_factory=dict)  # made column → what it is called
    made_of: dict = field(default_factory=dict)  # made column → the column it is made of
    paper: bool = False  # whether files for a manuscript are made
    left_out: list = field(default_factory=list)  # what is not shown, and why
    ran: dict = field(default_factory=dict)  # analysis → its variants, for the methods
    tables: list = field(default_factory=list)  # label, caption, as shown, numbers
    drawn: list = field(default_factory=list)  # label and caption of each figure
    kept: dict = field(default_factory=dict)  # frames and models that are asked for again

    @property
    def made_up(self) -> bool:
        """Whether any row says that it is made up or synthetic."""
        return _made_up(self.patients)

    @property
    def study(self) -> Study:
        """What the cohort's study file declares."""
        return self.cohort.study

    @property
    def unit(self) -> str:
        """The unit of all times."""
        return self.study.unit

    @property
    def grid(self) -> float:
        """The steps of safe curves, in the unit of time."""
        return self.rules.grid

    def title(self, endpoint) -> str:
        """The endpoint's own name, as a sentence begins."""
        return text(self.study.endpoints[endpoint].label)

    def name(self, endpoint) -> str:
        """The endpoint's own name within a sentence."""
        return _within(self.title(endpoint))

    def height(self, endpoint) -> str:
        """What the height of a curve of an endpoint is."""
        title = self.title(endpoint)
        free = "survival" in title.lower() or "free" in title.lower()
        return title if free else f"Free of {self.name(endpoint)}"

    def frame(self, endpoint, unknown=None) -> pd.DataFrame:
        """Time, event and, where events compete, cause of an endpoint."""
        key = "frame", endpoint, unknown
        if key not in self.kept:
            self.kept[key] = time_to_event(self.patients, endpoint, self.study, unknown=unknown)
        return self.kept[key]

    def definition(self, endpoint) -> str:
        """What ends an endpoint; in safe mode without the number of unknown causes."""
        frame = self.frame(endpoint)
        if not self.rules.safe:
            return frame.attrs["definition"]
        said = self.study.endpoints[endpoint].definition
        return said + "; unknown causes counted as no events" * bool(frame.attrs["unknown"])

    @property
    def of_death(self) -> str:
        """The endpoint that no event on the way ends: such events are held against it."""
        ends = self.study.endpoints
        return next((name for name in self.endpoints if not ends[name].at), "")

    @property
    def event_columns(self) -> dict:
        """Column with the time of an event on the way, such as a recurrence → its name."""
        named = {n: _DAY.sub("", self.label(n)) for n in self.study.event_times}
        return {name: _within(said) for name, said in named.items() if name in self.patients}

    @property
    def later(self) -> list:
        """Columns known only after time zero whose time is not recorded."""
        known = [name for name, column in self.study.columns.items() if column.known == "later"]
        return [n for n in known if n in self.patients and n not in self.event_columns]

    def label(self, name) -> str:
        """How a column is called for a reader."""
        column = self.study.columns.get(name)
        said = self.labels.get(name) or self.study.words.get(name) or (column and column.label)
        return text(readable(said or name))

    def is_numeric(self, name) -> bool:
        """Whether a column enters as a number; a grade is a code."""
        return name != "grade" and holds_numbers(self.patients[name])

    def of_unit(self, name) -> tuple:
        """How many units the hazard ratio of a number is for, and in words."""
        return self.per.get(name) or PER.get(name, (1.0, "per unit"))

    def reference(self, name, levels) -> str:
        """The level that others are compared with: as asked, the first in order, or the largest."""
        if name in self.references:
            return self.references[name]
        if isinstance(self.patients[name].dtype, pd.CategoricalDtype):
            return levels[0]
        return self.rules.recorded(self.patients[name]).value_counts()[levels].idxmax()

    def note(self, analysis, variant="") -> None:
        """Remember that an analysis ran, in a variant."""
        variants = self.ran.setdefault(analysis, [])
        if variant not in variants:
            variants.append(variant)

    @contextlib.contextmanager
    def section(self, name, shown):
        """Show what follows under this name or, where it cannot be, append why to ``shown``."""
        try:
            yield
        except Withheld as reason:
            shown.append(self.skipped(name, str(reason)))
        except SurvivalInputError as error:
            why = "the data do not allow it" if self.rules.safe else str(error)
            shown.append(self.skipped(name, why))

    def skipped(self, name, reason) -> Shown:
        """Say what is not shown, and why, and remember it for the list at the end."""
        entry = (text(name, 400), text(reason, 400))
        if entry not in self.left_out:
            self.left_out.append(entry)
        return say("*{name}* is not shown: {reason}.", name=entry[0], reason=entry[1])

    def idle(self, name, reason):
        """Remember a section that does not concern this cohort, and show nothing in its place."""
        self.skipped(name, reason)
        return together()

    def table(self, frame, *, label, caption, data=None, grouped=False, manuscript=True) -> Shown:
        """Show a table and hand it over as ``<label>.csv``, with the numbers of `data` if given."""
        frame = _plain(frame)
        shown = show_table(frame, label=label, caption=caption, grouped=grouped)
        data = frame if data is None else _plain(data)
        if manuscript:
            self.tables.append((label, caption, frame, data))
        content = shown.bundle.pop(TABLE_MIME)["csv"]
        if data is not frame:
            content = show_table(data).bundle[TABLE_MIME]["csv"]
        shown.bundle[FILES_MIME] = files({f"{label}.csv": content.encode()}).bundle[FILES_MIME]
        return shown

    def data_file(self, frame, *, label) -> Shown:
        """Hand a frame over as ``<label>.csv``, which the page does not show."""
        content = show_table(_plain(frame)).bundle[TABLE_MIME]["csv"]
        return files({f"{label}.csv": content.encode()})

    def figure(self, ax, *, label, caption, alt) -> Shown:
        """Show a figure and hand it over; for a manuscript as PNG of 600 dpi, and, in full, PDF."""
        if self.made_up:
            style = {"fontsize": 16, "color": "#5f5f5f", "alpha": 0.4}
            where = {"transform": ax.transAxes, "ha": "center", "va": "center"}
            ax.text(0.5, 0.5, "made-up patients", **where, **style)
        self.drawn.append((label, caption))
        made = {}
        if self.paper:
            settings = {"svg.hashsalt": "vlms", "pdf.fonttype": 42}
            for form in ["png"] if self.rules.safe else ["png", "svg", "pdf"]:
                dated = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}[form]
                with mpl.rc_context(settings):
                    options = {"metadata": {dated: None}, "bbox_inches": "tight", "dpi": 600}
                    ax.figure.savefig(stored := io.BytesIO(), format=form, **options)
                made[f"{label}-600dpi.png" if form == "png" else f"{label}.{form}"] = stored
        shown = show_figure(ax, label=label, caption=caption, alt=alt)
        handed = {name: base64.b64encode(file.getvalue()).decode() for name, file in made.items()}
        form = image_format()
        if f"{label}.{form}" not in handed:
            source = re.search(r'src="data:[^;]*;base64,([^"]*)"', shown.bundle["text/html"])
            handed[f"{label}.{form}"] = source[1]
        shown.bundle[FILES_MIME] = {"files": handed}
        return shown


def open_cohort(
    path,
    *,
    study_file="",
    study="",
    endpoints=(),
    landmarks=(),
    groups=(),
    cuts=(),
    covariates=(),
    adjust=(),
    references=None,
    interval="log-log",
    disclosure="safe",
    min_count=10,
    paper=False,
    withhold=(),
    encoding="",
) -> OwnCohort:
    """Read a cohort and check the choices of its report.

    Parameters
    ----------
    path : path-like or Cohort
        A table of patients, or one that was read; an address on a network is refused.
    study_file : path-like
        Blank for none.
    study : str
        A paper whose design replaces the study's endpoints, groups, covariates and landmarks.
    endpoints : sequence of str
        Endpoints of the study; none for all that the columns allow. The first is the primary one.
    landmarks : sequence of float
        Times at which survival is read, in the study's unit; by default 1, 3 and 5 years. The
        landmark analyses start at the first.
    groups : sequence of str
        Columns whose groups are compared.
    cuts : sequence of str
        Further groups, made of a number: ``"age <= 55"``.
    covariates : sequence of str
        Columns for hazard ratios, a number with its unit of choice: ``"age per 10"``. By default
        those of the study.
    adjust : sequence of str
        Columns that the hazard ratio of each group is adjusted for.
    references : dict of str to str
        Covariate → level that others are compared with. By default the first where the study
        orders them, else the most frequent.
    interval : str
        As in `vlms.survival.kaplan_meier`.
    disclosure : {"safe", "full"}
    min_count : int
        Threshold of safe mode.
    paper : bool
        Make files for a manuscript; refused for patients that are made up.
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
        When a choice does not fit the cohort, or groups are asked for by what is known only after
        time zero.
    vlms.cohort.CohortError
        When the file cannot be used.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> own = open_cohort(DATA / "example_cohort" / "patients.csv", cuts=["age <= 55"])
    >>> own.groups, own.patients["age_years <= 55"].value_counts().to_dict()
    (['age_years <= 55'], {'> 55': 85, '≤ 55': 65})
    """
    rules = Disclosure(disclosure, min_count)
    cohort = path
    if not isinstance(path, Cohort):
        cohort = read_cohort(path, study_file or None, encoding=encoding or None)
    if study:
        try:
            cohort = replace(cohort, study=under_design(cohort.study, read_design(study)))
        except StudyError as error:
            raise ChoiceError(str(error)) from None
    own = OwnCohort(cohort, rules, cohort.patients, [], interval, paper=paper)
    if paper and own.made_up:
        raise ChoiceError("these patients are made up or synthetic: a manuscript is refused")
    _refuse_unknown("interval", [interval], INTERVALS)
    _refuse_unknown("endpoint", endpoints, list(own.study.endpoints))
    own.covariates = [_unit_of_choice(own, given) for given in _listed("covariate", covariates)]
    own.chosen = bool(own.covariates)
    if not own.covariates:
        own.chosen = bool(own.study.file and own.study.covariates)
        declared = [name for name in own.study.covariates if name.split(" per ")[0] in own.patients]
        own.covariates = [_unit_of_choice(own, name) for name in declared]
    own.adjust = [_unit_of_choice(own, given) for given in _listed("adjustment", adjust)]
    own.references = {
        _column(own, "column of a reference level", name): str(level)
        for name, level in (references or {}).items()
    }
    _refuse_outcomes(own, [*own.covariates, *own.adjust], "a covariate")
    for name in (_column(own, "group", given) for given in _listed("group", groups)):
        _refuse_outcomes(own, [name], "a group")
        if own.is_numeric(name) and own.patients[name].nunique() > 6:
            why = f'it is a number; cut it: --cut "{name} <= …"'
            own.skipped(f"Groups by {own.label(name)}", why)
            continue
        if own.is_numeric(name):  # groups are levels, wherever the column stands
            values = own.patients[name]
            named = {level: level_name(level) for level in levels_of(values)}
            levels = pd.Categorical(values.map(named), list(named.values()))
            own.patients = own.patients.assign(**{name: levels})
        own.groups.append(name)
    own.groups += [_cut(own, given) for given in _listed("cut", cuts)]
    if not own.groups:
        own.groups = [name for group in own.study.groups for name in _declared(own, group)]
    own.landmarks = sorted({float(time) for time in landmarks or own.study.landmarks})
    own.landmarks = own.landmarks or _landmarks(own)
    if not all(0 < time < 1e5 for time in own.landmarks):
        raise ChoiceError(f"landmarks lie above 0; found {list(landmarks)}")
    told = {"landmarks": tuple(own.landmarks), "grid": YEARS[own.unit] / 2}
    told |= {"merges": declared_merges(own.study), "withhold": tuple(withhold)}
    own.rules = replace(rules, **told)
    image_format("png" if rules.safe else "svg")
    for endpoint in endpoints or own.study.endpoints:
        needed = [*own.study.endpoints[endpoint].columns, own.study.time.end]
        if absent := [column for column in needed if column not in own.patients]:
            why = f"the cohort has no column {', '.join(dict.fromkeys(absent))}"
            own.skipped(own.title(endpoint), why)
        else:
            own.endpoints.append(endpoint)
    called = pd.Series({name: own.label(name) for name in own.patients})
    for name, label in called[called.duplicated(keep=False)].items():
        if readable(name) != label:
            own.labels[name] = f"{label} ({readable(name)})"
    if not own.endpoints:
        raise ChoiceError("; ".join(f"{name}: {why}" for name, why in own.left_out))
    return own


def files(contents: dict) -> Shown:
    """Hand files over (name → bytes) that the page does not show."""
    encoded = {name: base64.b64encode(data).decode() for name, data in contents.items()}
    return Shown({"text/plain": f"Files: {', '.join(encoded)}", FILES_MIME: {"files": encoded}})


def folded(summary, shown) -> Shown:
    """Show figures, tables and sentences behind a line that opens them."""
    handed, inside = {}, []
    for one in shown:
        handed |= one.bundle.get(FILES_MIME, {"files": {}})["files"]
        if "text/html" in one.bundle:
            inside.append(one.bundle["text/html"])
        elif "text/markdown" in one.bundle:
            inside.append(f"<p>{html.escape(str(one).replace('*', ''))}</p>")
    markup = f"<details><summary>{html.escape(summary)}</summary>\n" + "\n".join(inside)
    plain = "\n".join([summary, *map(str, shown)])
    bundle = {"text/html": f"{markup}</details>", "text/plain": plain}
    return Shown(bundle | ({FILES_MIME: {"files": handed}} if handed else {}))


def text(value, longest=60) -> str:
    """Return text of a cohort as one short line that the page takes for nothing but text.

    Examples
    --------
    >>> text("see @fig-km"), text("a" * 100)[-2:]
    ('see @ fig-km', 'a…')
    """
    line = re.sub(r"@(?=fig-|tbl-)", "@ ", one_line(value))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def slug(name) -> str:
    """Return a name as part of a label: small letters, digits and hyphens.

    Examples
    --------
    >>> slug("Grade (FNCLCC)"), slug("age_years <= 55")
    ('grade-fnclcc', 'age-years-upto-55')
    """
    signs = {"<=": " upto ", ">=": " from ", "<": " below ", ">": " above "}
    name = re.sub("<=|>=|<|>", lambda sign: signs[sign[0]], str(name).lower())
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:40] or "x"


def _made_up(patients):
    """Whether rows are marked as made up or synthetic: in a column, or by their identifiers."""
    marked = patients["patient_id"].astype(str).str.casefold().str.startswith("synthetic")
    if "provenance" in patients:
        marked |= patients["provenance"].astype(str).str.casefold().isin(["made up", "synthetic"])
    if "synthetic" in patients:
        said = patients["synthetic"].astype(str).str.casefold()
        marked |= ~said.isin(["no", "false", "0", "nan", "<na>", "none", ""])
    return bool(marked.any())


def _plain(frame):
    """A frame whose words stay text."""
    words = [name for name in frame if not holds_numbers(frame[name])]
    return frame.assign(**{name: frame[name].map(_plain_cell) for name in words})


def _plain_cell(value):
    """A cell of a table as text that stays text."""
    return value if isinstance(value, bool) or pd.isna(value) else text(value, 400)


def _within(label):
    """A label within a sentence: in small letters, unless it is an abbreviation."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _listed(what, given):
    """A list of choices; one text is not spelt out letter by letter."""
    if isinstance(given, str):
        raise ChoiceError(f"{what}: give a list, such as [{given!r}]")
    return given


def _column(own, what, given):
    """The column of this name, which may leave its unit out: age for age_years."""
    names = [str(name) for name in own.patients]
    without = [name for name in names if re.sub(r"_(years|cm|mm|months)$", "", name) == given]
    if given in names or len(without) != 1:
        _refuse_unknown(what, [given], names)
        return given
    return without[0]


def _unit_of_choice(own, given):
    """The column of a covariate; of ``age per 10`` the unit is remembered."""
    found = None if given in own.patients else _PER.fullmatch(given)
    name = _column(own, "covariate", found[1] if found else given)
    if found:
        if not own.is_numeric(name) or float(found[2]) <= 0:
            raise ChoiceError(f"{given}: {name} is no number that a unit could be chosen for")
        own.per[name] = (float(found[2]), f"per {found[2]}")
    return name


def _cut(own, given):
    """Add the column of two groups that a number is cut into, and return its name."""
    found = _CUT.fullmatch(given)
    if not found:
        raise ChoiceError(f'a cut is written "age <= 55", with <=, <, > or >=; found {given!r}')
    name, sign, number = _column(own, "column to cut", found[1]), found[2], found[3]
    _refuse_outcomes(own, [name], "a group")
    if not own.is_numeric(name):
        raise ChoiceError(f"{given}: {name} holds no numbers; compare its levels with --group")
    inside, outside, holds = _CUTS[sign]
    values = own.patients[name].astype("float64")
    levels = [inside.format(number), outside.format(number)]
    side = pd.Series(levels[1], index=values.index, dtype=object)
    side = side.mask(holds(values, float(number)), levels[0]).mask(values.isna())
    made, label = f"{name} {sign} {number}", own.label(name)
    own.patients = own.patients.assign(**{made: pd.Categorical(side, categories=levels)})
    own.labels[made], own.made_of[made] = f"{label} {levels[0]}", name
    return made


def _declared(own, group):
    """Add the column of a group that the study declares, and yield its name."""
    label = text(group.label or group.name)
    if group.column not in own.patients:
        own.skipped(f"Groups by {label}", f"the cohort has no column {group.column}")
    elif group.cut:
        own.labels[made := _cut(own, group.cut)] = label
        yield made
    else:
        _refuse_outcomes(own, [group.column], "a group")
        own.patients = own.patients.assign(**{group.name: group.of(own.patients)})
        own.labels[group.name], own.made_of[group.name] = label, group.column
        yield group.name


def _landmarks(own):
    """1, 3 and 5 years in the study's unit, or half the follow-up where that is shorter."""
    last = own.patients[own.study.time.end].max()
    years = [float(round(year * YEARS[own.unit])) for year in (1, 3, 5)]
    return years if years[0] < last else [float(f"{last / 2:.1g}")]


def _refuse_outcomes(own, names, what):
    """Raise for what is known only after time zero, and offer what does not give it free time."""
    issues = own.cohort.issues
    hints = issues[issues["problem"].astype(str).str.contains("outcome")]["column"]
    for name in names:
        if name in own.event_columns or name in own.later:
            timed = name in own.event_columns
            raise ChoiceError(
                f"{name} is known only after time zero and cannot be {what} as it stands: whoever "
                "has it lived until then, and curves from time zero would count that time in its "
                "favour (immortal time). The section on what is known only later compares it from "
                "a landmark (choose with --landmark)"
                f"{' and as a time-dependent covariate' if timed else ''}; leave it out here"
            )
        if name in own.study.columns and own.study.columns[name].never_shown:
            raise ChoiceError(f"{name} is declared never_shown and cannot be {what}")
        if name in own.study.later or name in set(hints):
            raise ChoiceError(f"{name} is an outcome and cannot be {what}")


def _refuse_unknown(what, given, known):
    """Raise for a choice that is none of those there are."""
    unknown = [one_line(name)[:60] for name in _listed(what, given) if name not in known]
    if unknown:
        raise ChoiceError(
            f"no {what} {', '.join(map(repr, unknown))}; there are {', '.join(map(str, known))}"
        )
