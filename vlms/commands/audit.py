"""``vlms audit``: can these printed statistics be true?

Each command takes numbers as a paper prints them and prints a verdict with a sentence for a
report, the arithmetic and the assumptions. Exit code 1 when the numbers contradict each other,
0 when they do not, 2 when they cannot be read.
"""

import functools
import json

import click

import vlms.consistency as consistency

# A leading minus may be a number that is out of range, which deserves a message about numbers.
_NUMBERS = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def audit():
    """Check printed statistics for consistency; exit code 1 when contradictory.

    Write numbers as the paper prints them: a trailing zero counts, and so does the percent sign.
    Verdicts hold over all true values that print alike, digits cut off included.
    """


_ROBUST = "The variance is robust, cluster-robust, weighted or penalised."


def _variance(function):
    """Add the options that say what a hazard ratio and its limits are of."""
    for option in (
        click.option(
            "--limits",
            type=click.Choice(["wald", "profile", "unknown"]),
            default="unknown",
            show_default=True,
            help="How the limits were found.",
        ),
        click.option("--confidence", default="95%", show_default=True, help="Level of the limits."),
        click.option("--robust", is_flag=True, help=_ROBUST),
        click.option("--continuous", is_flag=True, help="The covariate is a number or a score."),
        click.option(
            "--binary",
            is_flag=True,
            help="The covariate has two values, or is a level "
            "against the reference level; the variance is the model's own.",
        ),
        click.option(
            "--groups",
            nargs=2,
            help="Patients with and without the covariate, which is then binary.",
        ),
    ):
        function = option(function)
    return function


def _declared(groups, binary, continuous, robust, confidence, limits):
    """What the options of `_variance` say, as keywords of a check."""
    if continuous and (binary or groups):
        raise ValueError("--continuous contradicts --binary and --groups")
    covariate = "binary" if binary or groups else "continuous" if continuous else "unknown"
    return {
        "groups": groups or None,
        "covariate": covariate,
        "robust": robust,
        "confidence": _level(confidence),
        "limits": limits,
    }


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


@_check
@click.argument("hazard_ratio")
@click.argument("lower")
@click.argument("upper")
@click.option("--p", help="P value as printed.")
@click.option("--events", help="The most events that there can have been.")
@click.option("--n", help="Patients in the model.")
@_variance
@click.option("--wald", is_flag=True, help="Limits and P value are the model's Wald ones.")
@click.option("--words", help="What the text says of the group: better, worse, improved …")
def hr(hazard_ratio, lower, upper, p, events, n, wald, words, **model):
    """Hazard ratio, limits, P value and number of events.

    vlms audit hr 1.80 1.20 2.70 --p 0.005 --events 40 --binary

    The number of events decides only for a covariate of two values (--binary or --groups) with the
    model's own variance, at most one event a patient and limits of the level given. A ratio off the
    middle of its limits is wrong only for Wald limits (--wald, or --limits wald); a P value that
    does not follow from them only for Wald's test (--wald). Undetermined otherwise.
    """
    finding = consistency.hazard_ratio_check(
        hazard_ratio,
        lower,
        upper,
        p,
        events=events,
        n=n,
        test="wald" if wald else "unknown",
        **_declared(**model),
    )
    if words is None:
        return finding
    return consistency.together([finding, consistency.direction_check(hazard_ratio, words)])


@_check
@click.argument("lower")
@click.argument("upper")
@click.option("--events", help="The most events that there can have been.", required=True)
@_variance
def interval(lower, upper, events, **model):
    """Limits of a hazard ratio against the number of events.

    vlms audit interval 1.14 6.56 --events 15 --binary

    The number of events decides only for a covariate of two values (--binary or --groups) with the
    model's own variance, and limits of the level given; it is undetermined otherwise.
    """
    return consistency.information_check(lower, upper, events, **_declared(**model))


@_check
@click.argument("hazard_ratio")
@click.argument("lower")
@click.argument("upper")
@click.option("--groups", nargs=2, required=True, help="Patients in the group and the reference.")
@click.option("--most", help="The most events that there can have been.")
@click.option("--confidence", default="95%", show_default=True, help="Level of the limits.")
@click.option("--robust", is_flag=True, help=_ROBUST)
def events(hazard_ratio, lower, upper, groups, most, confidence, robust):
    """How many events a hazard ratio can have had, given its two groups.

    vlms audit events 2.74 1.14 6.56 --groups 12 14 --most 15

    Assumes a Cox model of these two groups alone, Wald limits from its own variance (not --robust),
    and no two events at the same time.
    """
    result = {f"{hazard_ratio} ({lower} to {upper})": (hazard_ratio, lower, upper, groups)}
    level = _level(confidence)
    return consistency.same_events_check(result, most_events=most, confidence=level, robust=robust)


@_check
@click.argument("printed", nargs=-1, required=True)
@click.option("--n", required=True, help="Patients in the group.")
@click.option("--most-censored", help="At most so many censored before the last time.")
@click.option("--most-events", help="At most so many events by the last time.")
def survival(printed, n, most_censored, most_events):
    """Kaplan-Meier survival at one time or more, in order, against the size of the group.

    vlms audit survival --n 24 88% 61%
    """
    limits = {"most_censored": most_censored, "most_events": most_events}
    return consistency.survival_check(n, printed, **limits)


@_check
@click.argument("fraction")
@click.argument("printed")
def share(fraction, printed):
    """A percentage against its count and total.

    vlms audit share 31/40 78%
    """
    count, slash, total = fraction.partition("/")
    if not slash:
        raise ValueError(f"write the count and the total as 31/40, found {fraction!r}")
    return consistency.percentage_check(printed, count, total)


@_check
@click.argument("counts", nargs=-1, required=True)
@click.option("--total", required=True, help="Patients in all.")
@click.option("--overlapping", is_flag=True, help="A patient may be at several levels.")
@click.option("--incomplete", is_flag=True, help="A patient may be at no level.")
def sum_(counts, total, overlapping, incomplete):
    """Counts of levels against their total.

    vlms audit sum 22 41 --total 63
    """
    kind = {"exclusive": not overlapping, "exhaustive": not incomplete}
    return consistency.sum_check(counts, total, **kind)


@_check
@click.argument("counts", nargs=-1, required=True)
@click.option("--total", required=True, help="Patients in all.")
def overlap(counts, total):
    """Counts of overlapping subgroups, as expressions with & | ~.

    vlms audit overlap 'chemo=22' 'radio=18' 'chemo & radio=9' '~chemo & ~radio=33' --total 63
    """
    pairs = [count.rpartition("=") for count in counts]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise ValueError("write each count as 'chemo & radio=9'")
    return consistency.overlap_check({name.strip(): count for name, _, count in pairs}, total)


@_check
@click.argument("printed")
@click.option("--n", required=True, help="Patients.")
@click.option("--sd", help="Standard deviation as printed.")
@click.option("--smallest", type=int, help="Smallest value there can be.")
@click.option("--largest", type=int, help="Largest value there can be.")
def mean(printed, n, sd, smallest, largest):
    """Mean, and standard deviation, of whole numbers.

    vlms audit mean 58.8 --sd 10.7 --n 12
    """
    finding = consistency.mean_check(printed, n)
    if sd is None:
        return finding
    limits = {"smallest": smallest, "largest": largest}
    return consistency.together([finding, consistency.sd_check(printed, sd, n, **limits)])


@_check
@click.argument("printed")
@click.argument("points", nargs=-1, required=True)
@click.option("--n", help="Patients; with --events, ask of whom the median is.")
@click.option("--events", help="Patients who had the event by the end of follow-up.")
def median(printed, points, n, events):
    """A median time against survival at other times, written time=survival.

    vlms audit median 43 24=66.7% 60=50%
    """
    curve = _points(points)
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
    """
    named = {f"{i}: {text}": _sized(text) for i, text in enumerate(groups, start=1)}
    return consistency.mixture_check(named, _sized(whole), most_censored=most_censored)


def _level(text):
    level = consistency.printed_share(text).value
    if not 0 < level < 1:
        raise ValueError(f"the confidence must lie between 0% and 100%, found {text!r}")
    return level


def _points(texts):
    points = {}
    for text in texts:
        time, equals, printed = text.partition("=")
        if not equals:
            raise ValueError(f"write a time and its survival as 60=65%, found {text!r}")
        try:
            points[float(time)] = printed
        except ValueError:
            raise ValueError(f"{time!r} is not a time; write 60=65%") from None
    return points


def _sized(text):
    size, colon, printed = text.partition(":")
    if not colon:
        raise ValueError(f"write a size and its survival as 63:65%, found {text!r}")
    return size, printed
