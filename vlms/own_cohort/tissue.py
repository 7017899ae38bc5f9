"""The section on stained tissue: two readers, how far they agree, and what goes with it."""

import pandas as pd

from vlms.disclosure import WITHHELD
from vlms.markers import (
    FEWEST_IN_GROUP,
    STAINED_FROM,
    MarkerError,
    find_markers,
    marker_associations,
    reader_agreement,
    score_marker,
)
from vlms.own_cohort.models import ratio_text
from vlms.own_cohort.opening import OwnCohort, text
from vlms.printed import print_p
from vlms.showing import say, together
from vlms.study import read_study

READINGS = {
    "adjudicated": "as both saw them together",
    "low": "all low",
    "high": "all high",
}
MARKER_METHODS = (
    "Stains were scored by two readers, by intensity from 0 to 3 (0 also where less than "
    f"{STAINED_FROM}% of the tumour cells were stained; 2 and 3 high) or by the per cent of "
    f"positive nuclei (high from {STAINED_FROM}%). Scores one apart were averaged, those two or "
    "more apart were taken as both readers adjudicated them; so were the pairs 1 and 2 and per "
    "cents on two sides of the limit, which were also taken as all low and as all high. Agreement "
    "is kappa (for intensities linearly weighted, with the interval of Fleiss, Cohen and Everitt). "
    f"Hazard ratios are of univariable Cox models, with Firth's penalty where a group had fewer "
    f"than {FEWEST_IN_GROUP} events or there was no finite estimate; P values were adjusted for "
    "all tests of markers by the methods of Holm and of Benjamini and Hochberg."
)


def show_design(own: OwnCohort, label="tbl-design"):
    """Show what the design of a paper prints, what is our reading of it, and what else it may be.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort import open_cohort
    >>> example = DATA / "example_cohort" / "patients.csv"
    >>> print(show_design(open_cohort(example, study="tilkorn2010")).shown[0])
    This report follows *The design of Tilkorn 2010*, ...
    """
    if not own.study.basis:
        return own.idle("Design", "no design of a paper was asked for")
    design = read_study(own.study.file)
    first = say(
        "This report follows *{title}*, whose clock starts at: {zero}. The times of this table "
        "start at: {own}. A design is followed as far as the columns go; what they lack is listed "
        "at the end.",
        title=design.title,
        zero=design.time_zero,
        own=own.study.time_zero or "not said",
    )
    rows = [
        (
            one["element"],
            one["source"],
            one.get("place", ""),
            "; ".join(one.get("alternatives", [])),
        )
        for one in own.study.basis
    ]
    table = pd.DataFrame(rows, columns=["element", "source", "place", "other readings"])
    caption = "Each element of the design: printed in the paper, or our reading of it."
    return together(first, own.table(table, label=label, caption=caption))


def show_markers(own: OwnCohort, label="tbl-markers"):
    """Show the agreement of two readers and each marker's hazard ratio for each endpoint.

    Examples
    --------
    >>> from vlms.cohort import DATA
    >>> from vlms.own_cohort import open_cohort
    >>> example = DATA / "example_microarray" / "patients.csv"
    >>> print(show_markers(open_cohort(example, endpoints=["disease_specific_survival"])).shown[-1])
    7 tests were made of 7 markers and 1 endpoint in these patients, ...
    """
    shown = []
    try:
        markers = find_markers(own.patients)
        if markers.empty:
            return own.idle("Markers", "no column holds the score of a stain")
        scores = {name: score_marker(own.patients, name) for name in markers["marker"]}
    except MarkerError as error:
        reason = (
            "scores of stains have no meaning as they stand"
            if own.rules.safe
            else str(error).rstrip(".")
        )
        return own.skipped("Markers", reason)
    shown.append(_agreement(own, markers, scores, label))
    outcomes = {endpoint: own.frame(endpoint) for endpoint in own.endpoints}
    found = {split: marker_associations(own.patients, outcomes, split=split) for split in READINGS}
    main = found["adjudicated"]
    if not len(main) or not main.attrs["tests"]:
        return together(*shown, own.skipped("Markers and endpoints", "no test could be made"))
    own.note("markers")
    for row in main[main["why"] != ""].itertuples():
        section = f"{text(row.label)} for {own.name(row.endpoint)}"
        why = "there are too few patients or events" if own.rules.safe else row.why
        shown.append(own.skipped(section, why))
    shown.append(_associations(own, main, label))
    shown.append(_readings(own, found, f"{label}-readings"))
    return together(*shown, _tests(own, found, len(markers)))


def _agreement(own, markers, scores, label):
    """The table of readers: how many specimens, how often alike, kappa."""
    rows = []
    for marker in markers.itertuples():
        seen = scores[marker.marker]
        first, second, levels = seen["first"], seen["second"], (0, 1, 2, 3)
        if marker.scoring == "nuclear":
            first, second = ((x >= STAINED_FROM).mask(x.isna()) for x in (first, second))
            levels = (False, True)
        found = reader_agreement(first, second, levels=levels)
        n, alike = int(found["n"]), round(found["agree"] * found["n"]) if found["n"] else 0
        row = {"marker": text(marker.label), "scored_by": marker.scoring}
        row |= {"both_readers": own.rules.count(n), "alike": WITHHELD, "kappa": WITHHELD}
        if n and (min(alike, n - alike) >= own.rules.least):
            interval = "no interval"
            if pd.notna(found["lower"]):
                interval = f"{found['lower']:.2f} to {found['upper']:.2f}"
            row["alike"] = own.rules.share(alike, n)
            row["kappa"] = f"{found['kappa']:.2f} ({interval})" if pd.notna(found["kappa"]) else "–"
        if not own.rules.safe:
            how = seen["how"].value_counts()
            row |= {name.replace(" ", "_"): int(how.get(name, 0)) for name in _HOW}
        rows.append(row)
    caption = (
        "Two readers of each stain. Alike: the same intensity after the rule of "
        f"{STAINED_FROM}% of cells, or the same side of {STAINED_FROM}% of nuclei. Kappa: linearly "
        "weighted over the intensities 0 to 3, plain for nuclei, with its 95% interval (large "
        "samples; none where the readers never differ)."
    )
    return own.table(pd.DataFrame(rows), label=f"{label}-readers", caption=caption)


def _associations(own, found, label):
    """The table of hazard ratios under the reading that both readers adjudicated."""
    rows = []
    for row in found.itertuples():
        shown = {"marker": text(row.label), "endpoint": own.name(row.endpoint)}
        counts = ("n_low", "events_low", "n_high", "events_high")
        if _few(own, row):
            values = dict.fromkeys([*counts, "left_out", "HR_high_against_low"], WITHHELD)
            rows.append(shown | values | dict.fromkeys(("P", "Holm", "BH", "fit"), WITHHELD))
            continue
        shown |= {name: own.rules.count(getattr(row, name)) for name in (*counts, "left_out")}
        shown |= {"HR_high_against_low": _ratio(own, row), "P": _p(row.p_value)}
        rows.append(shown | {"Holm": _p(row.p_holm), "BH": _p(row.p_bh), "fit": row.method})
    caption = (
        "Hazard ratios of high against low expression, each marker alone, pairs that the printed "
        f"rule leaves open {READINGS['adjudicated']}. Holm, BH: P adjusted for the "
        f"{found.attrs['tests']} tests of this table. Left out: patients without a score of both "
        f"readers. Firth: the penalised fit, where a group has fewer than {FEWEST_IN_GROUP} events "
        "or there is no other estimate."
    )
    if own.rules.safe:
        caption += (
            f" Withheld where a group has fewer than {own.rules.least} patients with or without "
            "the event."
        )
    return own.table(pd.DataFrame(rows), label=label, caption=caption, grouped=True)


def _readings(own, found, label):
    """The table of the rows whose P is below .05 under a reading, all readings side by side."""
    first, rows = found["adjudicated"], []
    small = pd.concat([t["p_value"] < 0.05 for t in found.values()], axis=1).any(axis=1)
    for place in first.index[small]:
        row = {"marker": text(first["label"][place])}
        row["endpoint"], seen = own.name(first["endpoint"][place]), False
        for split, told in READINGS.items():
            one = found[split].loc[place]
            moved = abs(one[["n_low", "n_high"]] - first.loc[place, ["n_low", "n_high"]]).max()
            hidden = _few(own, one) or 0 < moved < own.rules.least
            row[told] = WITHHELD
            if not hidden:
                seen |= one["p_value"] < 0.05  # that a withheld one is so small is not told
                row[told] = f"{_ratio(own, one)}, P {_p(one['p_value'])}, Holm {_p(one['p_holm'])}"
        rows += [row] * bool(seen)
    if not rows:
        shown = " that may be shown" * own.rules.safe
        return say("Under no reading of the scores is a P value{shown} below .05.", shown=shown)
    caption = (
        "What the pairs decide on which the printed rule is silent: intensities 1 and 2, and "
        f"nuclear per cents on two sides of {STAINED_FROM}%. Hazard ratio with 95% interval under "
        "each reading, where P is below .05 under one of them."
    )
    return own.table(pd.DataFrame(rows), label=label, caption=caption, grouped=True)


def _tests(own, found, markers):
    """How many tests there were, and what is left of them."""
    tests = found["adjudicated"].attrs["tests"]
    left = [
        f"{(table['p_holm'] < 0.05).sum()} with these pairs {told}"
        for table, told in zip(found.values(), READINGS.values(), strict=True)
    ]
    return say(
        "{tests} tests were made of {markers} markers and {endpoints} in these patients, each "
        "marker alone; were nothing associated, {chance:.1f} of {tests} would be expected below "
        ".05. After Holm's correction these are below .05: {left}. Choosing a reading by its P "
        "value would be one more test that no correction here knows of.",
        tests=tests,
        markers=markers,
        endpoints=f"{len(own.endpoints)} endpoint{'s' * (len(own.endpoints) != 1)}",
        chance=0.05 * tests,
        left=left,
    )


def _few(own, row):
    """Whether a cell of expression and event has too few patients to be shown."""
    n, events = (row.n_low, row.n_high), (row.events_low, row.events_high)
    cells = [*events, *(a - b for a, b in zip(n, events, strict=True))]
    return min(cells) < own.rules.least


def _ratio(own, row):
    """A ratio of high against low, where `_few` allows it."""
    counts = {"events": (row.events_low, row.events_high), "n": (row.n_low, row.n_high)}
    values = (row.hazard_ratio, row.lower, row.upper, row.p_value)
    return ratio_text(own.rules.release_ratio(*values, **counts), level="") if row.method else "–"


def _p(value):
    return "–" if pd.isna(value) else print_p(value)


_HOW = ("averaged", "adjudicated", "not adjudicated", "one reader", "not scored")
