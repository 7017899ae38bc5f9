"""Stained tissue: scores of two readers, their agreement, low and high, and what goes with them.

A tissue microarray is read by two pathologists. Each gives a core the intensity of its stain (0 to
3) and the per cent of tumour cells that are stained. From there to a hazard ratio a rule says
what counts as high and what is done where the readers differ. The rules here are those that
Roland et al. print (JAMA Surg 2016;151:347, methods):

- intensity: 0 (also where less than 10% of the tumour cells are stained), 1, 2, 3; 0 and 1 are
  low, 2 and 3 high. Readers one category apart (0 and 1, 2 and 3) are averaged, readers two or
  more apart look again together;
- nuclear stains (oestrogen and progesterone receptors, Ki-67, cyclin D1): less than 10% of
  positive nuclei is low, more is high, whatever the intensity.

Two things that paper does not print. The readers 1 and 2 average to 1.5, which is neither low nor
high; and no rule is given for nuclear per cents on two sides of 10%. What is done with both is
the argument ``split``, so that no answer hides the choice.

A patient is one row. The columns of a marker are ``igf1r_intensity_1``, ``igf1r_intensity_2``,
``igf1r_percent_1``, ``igf1r_percent_2`` (1 and 2 are the readers) and ``igf1r_adjudicated``, what
both saw together: an intensity, or for a nuclear stain a per cent.
"""

import re

import numpy as np
import pandas as pd
from scipy.special import ndtri
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests

from vlms.cohort import level_name
from vlms.survival import cox, cox_from_table, event_table

INTENSITIES = (0, 1, 2, 3)
HIGH_FROM = 2  # intensity
STAINED_FROM = 10  # per cent of cells
SPLITS = ("adjudicated", "low", "high", "mean")
# Events in each group for Cox's fit: ten a coefficient (Peduzzi, J Clin Epidemiol 1995;48:1503).
FEWEST_IN_GROUP = 5
_COLUMN = re.compile(r"(.+)_(intensity|percent)_([12])")

# The markers of Roland 2016: eighteen are listed, the two receptors of hormones only scored.
ROLAND_2016 = pd.DataFrame(
    [
        ("bcl2", "Bcl-2", "intensity", True),
        ("p53", "p53", "intensity", True),
        ("survivin", "Survivin", "intensity", True),
        ("egfr", "EGFR", "intensity", True),
        ("igf1r", "IGF-1R", "intensity", True),
        ("met", "MET", "intensity", True),
        ("pdgfa", "PDGF-A", "intensity", True),
        ("pdgfb", "PDGF-B", "intensity", True),
        ("pdgfrb", "PDGFR-β", "intensity", True),
        ("beta_catenin", "β-catenin, cytoplasmic", "intensity", True),
        ("axl", "AXL", "intensity", True),
        ("ki67", "Ki-67", "nuclear", True),
        ("cyclin_d1", "Cyclin D1", "nuclear", True),
        ("p16", "p16", "intensity", True),
        ("rb", "Rb", "intensity", True),
        ("mmp2", "MMP-2", "intensity", True),
        ("mmp9", "MMP-9", "intensity", True),
        ("vegf", "VEGF", "intensity", True),
        ("er", "Oestrogen receptor", "nuclear", False),
        ("pr", "Progesterone receptor", "nuclear", False),
    ],
    columns=["marker", "label", "scoring", "listed"],
)


class MarkerError(ValueError):
    """Scores that have no meaning; the message names column, patients, and what to do."""


def find_markers(patients):
    """Find the markers of a table by the names of their columns.

    Parameters
    ----------
    patients : DataFrame
        One row a patient.

    Returns
    -------
    DataFrame
        ``marker, label, scoring``. A marker of `ROLAND_2016` is scored as there; of others one
        with intensities is scored by intensity, one with per cents only as a nuclear stain.

    Raises
    ------
    MarkerError
        When the columns of one of two readers are absent.

    Examples
    --------
    >>> columns = ["igf1r_intensity_1", "igf1r_intensity_2", "cd34_percent_1", "cd34_percent_2"]
    >>> find_markers(pd.DataFrame(columns=columns))
      marker   label    scoring
    0  igf1r  IGF-1R  intensity
    1   cd34    cd34    nuclear
    """
    found = {}
    for column in map(str, patients.columns):
        if parts := _COLUMN.fullmatch(column):
            found.setdefault(parts[1], set()).add((parts[2], parts[3]))
    known, rows, problems = ROLAND_2016.set_index("marker"), [], []
    for marker, parts in found.items():
        kinds = {kind for kind, _ in parts}
        alone = [kind for kind in sorted(kinds) if len(parts & {(kind, "1"), (kind, "2")}) == 1]
        problems += [f"{marker}: {kind} of one reader only" for kind in alone]
        own = marker, "intensity" if "intensity" in kinds else "nuclear"
        label, scoring = known.loc[marker, ["label", "scoring"]] if marker in known.index else own
        if (need := {"nuclear": "percent"}.get(scoring, scoring)) not in kinds:
            problems.append(f"{marker}: scored by {need}, and there is no {marker}_{need}_1")
        rows.append((marker, label, scoring))
    _refuse(problems, "Add the columns, or rename those that are no marker's.")
    return pd.DataFrame(rows, columns=["marker", "label", "scoring"])


def marker_columns(patients) -> list[str]:
    """Name the columns that hold scores of a stain.

    Examples
    --------
    >>> marker_columns(pd.DataFrame(columns=["sex", "igf1r_intensity_1"]))
    ['igf1r_intensity_1']
    """
    scored = {part[1] for name in map(str, patients) if (part := _COLUMN.fullmatch(name))}
    together = {f"{marker}_adjudicated" for marker in scored}
    return [n for n in map(str, patients) if _COLUMN.fullmatch(n) or n in together]


def marker_problems(patients) -> list[str]:
    """Say what is wrong with the scores of stains; nothing where they can be used.

    Examples
    --------
    >>> marker_problems(pd.DataFrame(columns=["igf1r_intensity_1"]))[0]
    'igf1r: intensity of one reader only'
    """
    found = []
    try:
        for marker in find_markers(patients)["marker"]:
            try:
                score_marker(patients, marker)
            except MarkerError as error:
                found += str(error).splitlines()
    except MarkerError as error:
        found += str(error).splitlines()
    return list(dict.fromkeys(found))


def score_marker(patients, marker, *, scoring=None, split="adjudicated"):
    """Bring the scores of two readers together, and call each patient's tumour low or high.

    Parameters
    ----------
    patients : DataFrame
        One row a patient, with the marker's columns (see the head of `vlms.markers`).
    marker : str
    scoring : {"intensity", "nuclear"}, optional
        By default as `find_markers` says.
    split : {"adjudicated", "low", "high", "mean"}
        What to make of the intensities 1 and 2, and of nuclear per cents on two sides of 10: what
        both saw together, always low, always high, or (nuclear only) by the mean per cent.

    Returns
    -------
    DataFrame
        On the index of `patients`: ``first, second``, the readers' scores (0 to 3 after the rule
        of 10% of cells; for a nuclear stain per cents); ``score``, that of both; ``expression``,
        low or high, missing where it is not known; ``how``, one of *agree*, *averaged*,
        *adjudicated*, *two sides*, *not adjudicated*, *one reader*, *not scored*. For a nuclear
        stain *agree* means on the same side of 10%.

    Raises
    ------
    MarkerError
        For scores outside 0 to 3 or 0 to 100, shares for per cents, an intensity of 0 with 10% or
        more of the cells stained, or one above 0 with none.

    Examples
    --------
    >>> readers = {"igf1r_intensity_1": [0, 1, 0], "igf1r_intensity_2": [1, 2, 3]}
    >>> scores = pd.DataFrame({**readers, "igf1r_adjudicated": [None, None, 2]})
    >>> score_marker(scores, "igf1r", split="high")[["score", "expression", "how"]]
       score expression          how
    0    0.5        low     averaged
    1    1.5       high    two sides
    2    2.0       high  adjudicated
    """
    table = find_markers(patients).set_index("marker")
    if marker not in table.index:
        raise MarkerError(f"{marker}: no such marker; there are {', '.join(table.index) or 'none'}")
    scoring = scoring or table.loc[marker, "scoring"]
    nuclear = scoring == "nuclear"
    for name, value, allowed in (
        ("scoring", scoring, ("intensity", "nuclear")),
        ("split", split, SPLITS if nuclear else SPLITS[:-1]),
    ):
        if value not in allowed:
            raise MarkerError(f"{name}: {value!r}; for {marker} give one of {', '.join(allowed)}")
    first, second, together = _read(patients, marker, nuclear)
    low, high = np.minimum(first, second), np.maximum(first, second)
    border = STAINED_FROM if nuclear else HIGH_FROM
    sides = (low < border) & (high >= border) & (nuclear | (high - low < 2))
    again = (high - low >= 2) & (not nuclear)
    apart = sides & (split == "adjudicated") | again
    score = ((first + second) / 2).mask(apart, together)
    is_high = (score >= border).mask(sides & (split in ("low", "high")), split == "high")
    how = np.select(
        [
            first.isna() & second.isna(),
            first.isna() | second.isna(),
            apart & together.isna(),
            apart,
            sides,
            (first != second) & (not nuclear),
        ],
        ["not scored", "one reader", "not adjudicated", "adjudicated", "two sides", "averaged"],
        "agree",
    )
    expression = np.where(is_high, "high", "low").astype(object)
    expression[score.isna()] = None
    return pd.DataFrame(
        {
            "first": first,
            "second": second,
            "score": score,
            "expression": pd.Categorical(expression, ["low", "high"]),
            "how": how,
        },
        index=patients.index,
    )


def reader_agreement(first, second, *, levels=INTENSITIES, weights="linear", confidence=0.95):
    """Estimate how far two readers agree beyond chance: weighted kappa with its interval.

    Parameters
    ----------
    first, second : array-like, shape (n,)
        Each reader's level of the same specimens. Where one is missing, the pair is left out.
    levels : sequence
        All levels in their order, for the weights.
    weights : {"linear", "quadratic", None}
        Loss by how many levels they are apart, its square, or the same for all.
    confidence : float

    Returns
    -------
    Series
        ``n``, pairs; ``left_out``; ``agree``, share of equal pairs; ``kappa, std_error, lower,
        upper``. Limits are Wald's with the large-sample error of Fleiss, Cohen and Everitt
        (Psychol Bull 1969;72:323), cut at -1 and 1; too narrow for a few dozen specimens, and
        missing where the readers never differ, as the error is 0 then. Kappa is missing where
        both use one level only.

    Notes
    -----
    Computed by statsmodels. R: ``psych::cohen.kappa(cbind(first, second), w = abs(outer(0:3, 0:3,
    "-")))``; ``irr::kappa2(cbind(first, second), "equal")`` or ``"squared"`` for kappa alone.

    Examples
    --------
    >>> reader_agreement([0, 1, 2, 3, 3, 0], [0, 2, 2, 3, 2, 0])[["n", "agree", "kappa"]].round(3)
    n        6.000
    agree    0.667
    kappa    0.750
    dtype: float64
    """
    pairs = pd.DataFrame({"first": np.asarray(first), "second": np.asarray(second)})
    known = pairs.dropna()
    levels = list(levels)
    if strange := sorted(set(known.stack()) - set(levels), key=str):
        raise MarkerError(f"readers: {strange[:5]} is none of the levels {levels}")
    if weights not in ("linear", "quadratic", None):
        raise MarkerError(f"weights: {weights!r}; give linear, quadratic or None")
    codes = [pd.Categorical(known[name], levels).codes for name in known]
    table = np.zeros((len(levels), len(levels)))
    np.add.at(table, tuple(codes), 1)
    kappa = error = np.nan
    if np.count_nonzero(table.sum(axis=0) + table.sum(axis=1)) > 1:
        options = {} if weights is None else {"wt": weights}
        found = cohens_kappa(table, **options)
        kappa, error = float(found.kappa), float(np.sqrt(max(found.var_kappa, 0)))
    differs = np.trace(table) < table.sum()
    reach = ndtri((1 + confidence) / 2) * error if differs else np.nan
    return pd.Series(
        {
            "n": len(known),
            "left_out": len(pairs) - len(known),
            "agree": np.trace(table) / len(known) if len(known) else np.nan,
            "kappa": kappa,
            "std_error": error,
            "lower": np.maximum(kappa - reach, -1),
            "upper": np.minimum(kappa + reach, 1),
        }
    )


def marker_associations(patients, outcomes, *, markers=None, split="adjudicated", confidence=0.95):
    """Estimate the hazard ratio of high against low expression, marker by marker and endpoint.

    Parameters
    ----------
    patients : DataFrame
        One row a patient.
    outcomes : dict of str to DataFrame
        Endpoint → time and event, as `time_to_event` returns them for these patients.
    markers : list of str, optional
        By default all that `find_markers` finds.
    split
        As `score_marker`.
    confidence : float

    Returns
    -------
    DataFrame
        One row a marker and endpoint: ``marker, label, endpoint, n_low, n_high, events_low,
        events_high, left_out`` (of those with the endpoint: no score of both readers),
        ``hazard_ratio, lower, upper, p_value, p_holm, p_bh, method, why``. ``method`` is *Cox*
        (Wald's limits and P) or, with less than 5 events in a group or no finite
        estimate, *Firth* (profile limits, penalised likelihood ratio); ``why`` says why there is
        no estimate. ``p_holm`` (family-wise error) and ``p_bh`` (false discovery rate) are adjusted
        for ``.attrs["tests"]`` tests: all rows with a P value.

    Notes
    -----
    R: ``coxph(Surv(time, event) ~ high)``, ``coxphf(Surv(time, event) ~ high)``, ``p.adjust(p,
    "holm")``, ``p.adjust(p, "BH")``. Holm, Scand J Stat 1979;6:65; Benjamini and Hochberg, J R Stat
    Soc B 1995;57:289. Who tests other cut points, endpoints or readings too and picks among them
    made more tests than are counted here.

    Examples
    --------
    >>> scores = [0, 3, 1, 2, 3, 0, 1, 3]
    >>> patients = pd.DataFrame({"igf1r_intensity_1": scores, "igf1r_intensity_2": scores})
    >>> months = [60, 12, 48, 50, 20, 36, 15, 9]
    >>> course = pd.DataFrame({"time": months, "event": [0, 1, 0, 1, 1, 1, 1, 1]})
    >>> found = marker_associations(patients, {"overall_survival": course})
    >>> found[["events_low", "events_high", "method", "why"]]
       events_low  events_high method why
    0           2            4  Firth
    """
    known, rows = find_markers(patients).set_index("marker"), []
    for marker in known.index if markers is None else markers:
        expression = score_marker(patients, marker, split=split)["expression"]
        for endpoint, course in outcomes.items():
            rows.append(
                {"marker": marker, "label": known.loc[marker, "label"], "endpoint": endpoint}
                | _high_against_low(course, expression, confidence)
            )
    table = pd.DataFrame(rows)
    if rows:
        made = table["p_value"].notna()
        for column, method in (("p_holm", "holm"), ("p_bh", "fdr_bh")):
            table.insert(table.columns.get_loc("method"), column, np.nan)
            if made.any():
                adjusted = multipletests(table.loc[made, "p_value"], method=method)[1]
                table.loc[made, column] = adjusted
        table.attrs = {"tests": int(made.sum()), "split": split}
    return table


def _high_against_low(course, expression, confidence):
    """Numbers, events and hazard ratio of one marker for one endpoint."""
    frame = course[[name for name in ("entry", "time", "event") if name in course]].assign(
        high=expression.reindex(course.index)
    )
    used = frame.dropna(subset="high")
    high, event = used["high"] == "high", used["event"].astype(bool)
    row = {"n_low": int((~high).sum()), "n_high": int(high.sum())}
    row |= {"events_low": int(event[~high].sum()), "events_high": int(event[high].sum())}
    row |= {"left_out": len(frame) - len(used)}
    row |= dict.fromkeys(("hazard_ratio", "lower", "upper", "p_value"), np.nan)
    fewest = min(row["events_low"], row["events_high"])
    why = ""
    if not min(row["n_low"], row["n_high"]):
        why = f"no tumour is {'low' if not row['n_low'] else 'high'}"
    elif not event.any():
        why = "no event"
    if why:
        return row | {"method": "", "why": why}
    method, entry = "Cox", "entry" if "entry" in used else None
    options = {"entry": entry, "confidence": confidence}
    numbers = used.assign(high=high.astype(float), event=event)
    if entry:
        fit = cox(numbers, "high", **options)
    else:  # the same from counts, in a fraction of the time
        counts = event_table(used["time"], event, used["high"])
        fit = cox_from_table(counts, confidence=confidence)
    if fewest < FEWEST_IN_GROUP or fit["hazard_ratio"].isna().any():
        fit, method = cox(numbers, "high", penalty="firth", **options), "Firth"
    if fit["hazard_ratio"].isna().any():
        return row | {"method": "", "why": "; ".join(fit.attrs["warnings"])}
    estimate = fit.iloc[0][["hazard_ratio", "lower", "upper", "p_value"]].to_dict()
    return row | estimate | {"method": method, "why": ""}


def _read(patients, marker, nuclear):
    """Each reader's score of a marker, and what both saw together, checked."""
    problems, scores, names = [], [], patients.get("patient_id", pd.Series(patients.index)).array

    def numbers(part, allowed, said):
        column = f"{marker}_{part}"
        if column not in patients:
            return pd.Series(np.nan, index=patients.index)
        texts = patients[column]
        values = pd.to_numeric(texts, errors="coerce").astype("float64")
        bad = texts.notna() & ~values.map(allowed)
        if bad.any():
            note(column, bad, texts, f"not {said}")
        elif part.startswith("percent") and 0 < values.max() <= 1 and (values % 1 > 0).any():
            note(column, values.notna(), texts, "look like shares; write 0.4 as 40")
        return values

    def note(column, bad, values, wrong):
        rows = np.flatnonzero(bad)
        first = ", ".join(f"{names[row]} ({level_name(values.iloc[row])})" for row in rows[:5])
        problems.append(f"{column}: {wrong}: {first}{' …' if len(rows) > 5 else ''}, {len(rows)}×")

    whole = (lambda x: x in INTENSITIES), "0, 1, 2 or 3"
    cells = (lambda x: 0 <= x <= 100), "a per cent from 0 to 100"
    for reader in "12":
        percent, score = numbers(f"percent_{reader}", *cells), None
        if not nuclear:
            score = numbers(f"intensity_{reader}", *whole)
            stained = percent >= STAINED_FROM
            column = f"{marker}_intensity_{reader}"
            note_of = "{} of the cells are stained at an intensity"
            for bad, wrong in (
                ((score == 0) & stained, note_of.format("10% or more") + " of 0"),
                ((score > 0) & (percent == 0), note_of.format("none") + " above 0"),
            ):
                if bad.any():
                    note(column, bad, score, wrong)
            score = score.mask(percent < STAINED_FROM, 0)
            if f"{marker}_percent_{reader}" in patients:  # 10% may be reached or not
                score = score.mask((score > 0) & percent.isna())
        scores.append(percent if nuclear else score)
    together = numbers("adjudicated", *(cells if nuclear else whole))
    _refuse(problems, "Correct these cells, or leave blank what is not known.")
    return *scores, together


def _refuse(problems, remedy):
    """Raise for all problems together."""
    if problems:
        raise MarkerError("\n".join([*problems, remedy]))
