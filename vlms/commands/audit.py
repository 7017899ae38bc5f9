"""``vlms audit``: can these printed statistics be true?

Each command takes numbers as a paper prints them and prints a verdict with a sentence for a
report, the arithmetic and the assumptions. Exit code 1 when the numbers contradict each other,
0 when they do not, 2 when they cannot be read.
"""

import functools
import json
import re

import click

import vlms.consistency as consistency

# A leading minus may be a number that is out of range, which deserves a message about numbers.
_NUMBERS = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
# Days or months of each unit; weeks do not go into months, since a month may be printed as four.
_UNITS = {"d": (1, "days"), "day": (1, "days"), "w": (7, "days"), "week": (7, "days")}
_UNITS |= {"mo": (1, "months"), "month": (1, "months"), "y": (12, "months"), "year": (12, "months")}
_TIME = re.compile(r"(.*?)\s*(d|w|mo|y|days?|weeks?|months?|years?)?", re.DOTALL)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def audit():
    """Check printed statistics for consistency; exit code 1 when contradictory.

    Write numbers as the paper prints them: a trailing zero counts, and so does the percent sign.
    Verdicts hold over all true values that print alike, digits cut off included. Each check says
    what it assumes; what it needs and is not told leaves the answer undetermined (exit code 0).
    """


def _check(function):
    """Make a command of a function that returns a Finding."""

    @audit.command(name=function.__name__.rstrip("_"), context_settings=_NUMBERS)
    @click.option("--json", "as_json", is_flag=True, help="Print the whole finding as JSON.")
    @functools.wraps(function)
    def command(as_json, **given):
        try:
            finding = function(**given)
        except (ValueError, OverflowError) as error:
            raise click.UsageError(f"{error}.") from error
        if as_json:
            click.echo(json.dumps(finding.to_dict(), ensure_ascii=False, indent=2))
        else:
            click.echo(str(finding))
        raise SystemExit(int(finding.contradictory))

    return command


_confidence = click.option(
    "--confidence", default="95%", show_default=True, help="Level of the limits."
)
_robust = click.option(
    "--robust", is_flag=True, help="The variance is robust, cluster-robust, weighted or penalised."
)


def _model(function):
    """Add the options that say what a hazard ratio and its limits are of."""
    kinds = click.Choice(["wald", "profile", "unknown"])
    binary = "The covariate has two values, or is a level against the reference level, and the "
    options = [
        click.option("--groups", nargs=2, help="Patients with and without the covariate: binary."),
        click.option("--binary", is_flag=True, help=f"{binary}variance is the model's own."),
        click.option("--continuous", is_flag=True, help="The covariate is a number or a score."),
        _robust,
        _confidence,
        click.option(
            "--limits", type=kinds, default="unknown", show_default=True, help="Kind of the limits."
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _declared(groups, binary, continuous, robust, confidence, limits):
    """Return what the options of `_model` say as keywords of a check."""
    if continuous and (binary or groups):
        raise ValueError("--continuous contradicts --binary and --groups")
    covariate = "binary" if binary or groups else "continuous" if continuous else "unknown"
    said = {"groups": groups or None, "covariate": covariate, "robust": robust}
    return {**said, "confidence": _level(confidence), "limits": limits}


@_check
@click.argument("hazard_ratio")
@click.argument("lower")
@click.argument("upper")
@click.option("--p", help="P value as printed.")
@click.option("--events", help="The most events that there can have been.")
@click.option("--n", help="Patients in the model.")
@_model
@click.option("--wald", is_flag=True, help="Limits and P value are the model's Wald ones.")
@click.option("--words", help="What the text says of the group: better, worse, improved …")
@click.option("--reference", help="The group with which the ratio compares that group.")
def hr(hazard_ratio, lower, upper, p, events, n, wald, words, reference, **model):
    """Hazard ratio, limits, P value, number of events, and words.

    vlms audit hr 1.80 1.20 2.70 --p 0.005 --events 40 --binary

    The number of events decides only for a covariate of two values (--binary or --groups) with the
    model's own variance, at most one event a patient and limits of the level given; by group, and
    to the last event, for Wald limits only (--limits wald). A ratio off the middle of its limits is
    wrong only for Wald limits, a P value that does not follow from them only for Wald's test
    (--wald says both), words that go against the ratio only where the reference is known
    (--reference) and the event is harmful. Undetermined otherwise.
    """
    test = "wald" if wald else "unknown"
    ratio = (hazard_ratio, lower, upper, p)
    told = {"events": events, "n": n, "test": test, **_declared(**model)}
    finding = consistency.hazard_ratio_check(*ratio, **told)
    if words is None:
        return finding
    direction = consistency.direction_check(hazard_ratio, words, reference=reference)
    return consistency.together([finding, direction])


@_check
@click.argument("lower")
@click.argument("upper")
@click.option("--events", help="The most events that there can have been.", required=True)
@_model
def interval(lower, upper, events, **model):
    """Limits of a hazard ratio against the number of events.

    vlms audit interval 1.14 6.56 --events 15 --binary

    The number of events decides only for a covariate of two values (--binary or --groups) with the
    model's own variance, and limits of the level given; it is undetermined otherwise. By group, and
    to the last event, it decides only for Wald limits (--limits wald).
    """
    return consistency.information_check(lower, upper, events, **_declared(**model))


@_check
@click.argument("hazard_ratio")
@click.argument("lower")
@click.argument("upper")
@click.option("--groups", nargs=2, required=True, help="Patients in the group and the reference.")
@click.option("--most", help="The most events that there can have been.")
@_confidence
@_robust
@click.option("--untied", is_flag=True, help="No two events at the same time; Wald limits.")
def events(hazard_ratio, lower, upper, groups, most, confidence, robust, untied):
    """How many events a hazard ratio can have had, given its two groups.

    vlms audit events 2.74 1.14 6.56 --groups 12 14 --most 15

    Assumes a Cox model of these two groups alone with its own variance (not --robust). The range of
    events is for untied times and Wald limits: unless these are declared (--untied), only a lower
    bound that needs neither can contradict.
    """
    result = {f"{hazard_ratio} ({lower} to {upper})": (hazard_ratio, lower, upper, groups)}
    told = {"confidence": _level(confidence), "robust": robust, "untied": untied or None}
    return consistency.same_events_check(result, most_events=most, **told)


@_check
@click.argument("printed", nargs=-1, required=True)
@click.option("--n", required=True, help="Patients at the start of the curve.")
@click.option("--most-censored", help="At most so many censored before the last time.")
@click.option("--most-events", help="At most so many events by the last time.")
def survival(printed, n, most_censored, most_events):
    """Kaplan-Meier survival at one time or more, in order, against the size of the group.

    vlms audit survival --n 24 88% 61%

    Assumes unweighted Kaplan-Meier estimates of n patients who are all observed from the start: no
    delayed entry, no life table by intervals, no curve adjusted or predicted by a model.
    """
    limits = {"most_censored": most_censored, "most_events": most_events}
    return consistency.survival_check(n, printed, **limits)


@_check
@click.argument("fraction")
@click.argument("printed")
def share(fraction, printed):
    """A percentage against its count and total.

    vlms audit share 31/40 78%

    Assumes that the percentage is of this count and total, and not weighted. One unit off in the
    last place is called rounding.
    """
    count, slash, total = fraction.partition("/")
    if not slash:
        raise ValueError(f"write the count and the total as 31/40, found {fraction!r}")
    return consistency.percentage_check(printed, count, total)


@_check
@click.argument("counts", nargs=-1, required=True)
@click.option("--total", required=True, help="Patients in all.")
@click.option("--exclusive/--overlapping", default=None, help="Can a patient be at two levels?")
@click.option("--complete/--incomplete", default=None, help="Is every patient at some level?")
def sum_(counts, total, exclusive, complete):
    """Counts of levels against their total.

    vlms audit sum 22 41 --total 63 --exclusive --complete

    A sum above the total decides only where no patient is at two levels (--exclusive), one below
    it only where none is missing (--complete); it is undetermined otherwise.
    """
    return consistency.sum_check(counts, total, exclusive=exclusive, exhaustive=complete)


@_check
@click.argument("counts", nargs=-1, required=True)
@click.option("--total", required=True, help="Patients in all.")
def overlap(counts, total):
    """Counts of overlapping subgroups, as expressions with & | ~.

    vlms audit overlap 'chemo=22' 'radio=18' 'chemo & radio=9' '~chemo & ~radio=33' --total 63

    Assumes that every count is of the same patients, with nobody's answer missing.
    """
    pairs = [count.rpartition("=") for count in counts]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise ValueError("write each count as 'chemo & radio=9'")
    return consistency.overlap_check({name.strip(): count for name, _, count in pairs}, total)


@_check
@click.argument("printed")
@click.option("--n", required=True, help="Patients whose value is known.")
@click.option("--sd", help="Standard deviation as printed.")
@click.option("--smallest", type=int, help="Smallest value there can be.")
@click.option("--largest", type=int, help="Largest value there can be.")
@click.option("--integers/--fractions", default=None, help="Is every value a whole number?")
def mean(printed, n, sd, smallest, largest, integers):
    """Mean, and standard deviation, of whole numbers.

    vlms audit mean 58.8 --sd 10.7 --n 12 --integers

    A misfit decides only where every value is a whole number (--integers) and n patients have one;
    an age worked out from dates, or a size to the millimetre in cm, is not whole.
    """
    finding = consistency.mean_check(printed, n, integers=integers)
    if sd is None:
        return finding
    limits = {"smallest": smallest, "largest": largest, "integers": integers}
    return consistency.together([finding, consistency.sd_check(printed, sd, n, **limits)])


@_check
@click.argument("printed")
@click.argument("points", nargs=-1, required=True)
@click.option("--n", help="Patients; with --events, ask of whom the median is.")
@click.option("--events", help="Patients who had the event by the end of follow-up.")
def median(printed, points, n, events):
    """A median time against survival at other times, written time=survival.

    vlms audit median 43 24=66.7% 60=50%

    Times without a unit are in one unit; else each has its own (d, w, mo, y): vlms audit median
    43mo 5y=50%. Assumes one Kaplan-Meier curve; its median is the first time at one half or below.
    """
    printed, unit = _time(printed)
    curve = _points(points, unit)
    if (n is None) != (events is None):
        raise ValueError("--n and --events go together")
    if n is None:
        return consistency.curve_check(curve, median=printed)
    return consistency.median_reading_check(printed, curve, n, events)


@_check
@click.argument("groups", nargs=-1, required=True)
@click.option("--whole", required=True, help="Size and survival of all, as 63:65%.")
@click.option("--most-censored", help="At most so many censored before that time.")
def mixture(groups, whole, most_censored):
    """Survival of subgroups, written size:survival, against survival of all.

    vlms audit mixture 21:100% 6:50% 16:65% 20:43.7% --whole 63:65%

    Assumes that the subgroups are all patients, each once, and that all are Kaplan-Meier estimates
    of one endpoint at one time, as for vlms audit survival.
    """
    named = {f"{i}: {text}": _sized(text) for i, text in enumerate(groups, start=1)}
    return consistency.mixture_check(named, _sized(whole), most_censored=most_censored)


def _level(text):
    """Read a level of confidence."""
    level = consistency.printed_share(text).value
    if not 0 < level < 1:
        raise ValueError(f"the confidence must lie between 0% and 100%, found {text!r}")
    return level


def _time(text):
    """Split a time into its number, as printed, and its unit: (1, None) where it has none."""
    number, unit = _TIME.fullmatch(text.strip()).groups()
    return number, _UNITS[unit.removesuffix("s")] if unit else (1, None)


def _points(texts, unit):
    """Read time=survival into numbers in the given unit and printed survival."""
    points = {}
    for text in texts:
        time, equals, printed = text.partition("=")
        if not equals:
            raise ValueError(f"write a time and its survival as 60=65%, found {text!r}")
        number, own = _time(time)
        if own[1] != unit[1]:
            raise ValueError(
                f"{time!r} and the median need one unit, or both none; days go into weeks, and "
                "months into years, but not weeks into months"
            )
        try:
            points[float(number) * own[0] / unit[0]] = printed
        except ValueError:
            raise ValueError(f"{time!r} is not a time; write 60=65%") from None
    return points


def _sized(text):
    """Read size:survival."""
    size, colon, printed = text.partition(":")
    if not colon:
        raise ValueError(f"write a size and its survival as 63:65%, found {text!r}")
    return size, printed
