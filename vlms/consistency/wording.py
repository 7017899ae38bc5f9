"""What a paper says beside its numbers: direction, significance, and rows that are copies."""

from vlms.consistency.findings import Finding, printed_box
from vlms.consistency.information import printed_ratio
from vlms.rounding import Printed

_FAVOURABLE = ("better", "improved", "longer", "protective", "superior", "lower risk", "favourable")
_ADVERSE = ("worse", "inferior", "shorter", "poorer", "poor", "harmful", "higher risk", "reduced")


def direction_check(hr, words, *, named="the group named"):
    """Check the direction of a hazard ratio against the words used for it.

    Parameters
    ----------
    hr : str or float
        As printed.
    words : str
        What the text says of the group's outcome: ``"better"``, ``"improved"``, ``"longer"`` or
        ``"worse"``, ``"inferior"``, ``"shorter"`` and the like.
    named : str
        The group of whom it is said.

    Returns
    -------
    Finding
        With the reciprocal, which is what the other group as reference would give.

    Examples
    --------
    >>> print(direction_check("2.13", "improved", named="adjuvant therapy").statement)
    A hazard ratio of 2.13 means more events with adjuvant therapy, yet the text says improved; \
with the other group as reference it would be 0.47.
    """
    hr, said = printed_ratio(hr, "hazard ratio"), words.strip().lower()
    if said not in _FAVOURABLE + _ADVERSE:
        raise ValueError(
            f"{words!r} is no direction; say one of {', '.join(_FAVOURABLE + _ADVERSE)}"
        )
    low, high = printed_box(hr, truncated=True, smallest=1e-300)
    favourable = said in _FAVOURABLE
    assumptions = (f"the hazard is of a harmful event, of {named} against the others",)
    values = {"reciprocal": 1 / hr.value, "favourable": favourable}
    arithmetic = f"HR from {low:.4g} to {high:.4g} against 1; 1/{hr.text} = {1 / hr.value:.3g}."
    meaning = "more" if hr.value > 1 else "fewer"
    if (low > 1) if favourable else (high < 1):
        statement = (
            f"A hazard ratio of {hr.text} means {meaning} events with {named}, yet the text says "
            f"{said}; with the other group as reference it would be {1 / hr.value:.2f}."
        )
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    statement = (
        f"A hazard ratio of {hr.text} means {meaning} events with {named}, as the text says."
    )
    if low <= 1 <= high:
        statement = f"A hazard ratio of {hr.text} may lie on either side of 1."
    return Finding("consistent", statement, arithmetic, assumptions, values)


def significance_check(p, associated, *, level="0.05"):
    """Check words of association against the P value and the paper's own level.

    Parameters
    ----------
    p : str or float
        P value as printed.
    associated : bool
        Whether the text states an association (True) or that there is none (False).
    level : str or float
        The level below which the paper calls a result significant.

    Returns
    -------
    Finding
        ``undetermined`` when the printed P stands for values on either side of the level.

    Examples
    --------
    >>> print(significance_check(".69", True).statement)
    The text states an association, yet P = .69 is not below the paper's own level of 0.05.
    >>> significance_check(".05", True).verdict
    'undetermined'
    """
    p, level = Printed.parse(p), Printed.parse(level)
    low, high = printed_box(p, truncated=True, smallest=0, largest=1)
    said = f"P {p.text}" if p.comparator else f"P = {p.text}"
    states = "states an association" if associated else "states no association"
    assumptions = ("an association is stated only where P is below the level",)
    values = {"p_lower": low, "p_upper": high, "level": level.value}
    # The upper end of the box is open: a P that prints as .04, cut off or rounded, is below 0.05.
    below = high <= level.value + 1e-12 and p.comparator != "≤"
    above = low >= level.value - 1e-12
    if not below and not above:
        statement = f"{said} may lie on either side of the paper's own level of {level.text}."
        return Finding("undetermined", statement, "", assumptions, values)
    is_below = "is below" if below else "is not below"
    fits = below == associated
    statement = (
        f"The text {states}, {'and' if fits else 'yet'} {said} {is_below} "
        f"the paper's own level of {level.text}."
    )
    return Finding("consistent" if fits else "contradictory", statement, "", assumptions, values)


def identical_rows(frame, columns=("hazard_ratio", "lower", "upper")):
    """Find rows of different results that agree to the last printed digit.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row a result; printed text.
    columns : sequence of str
        What is compared; rows with a gap in any of them are left out.

    Returns
    -------
    Finding
        ``undetermined`` when there are such rows: a coincidence is possible, a copying error is
        likelier. `values["groups"]` lists the index labels.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"hazard_ratio": ["2.74", "1.37", "2.74"],
    ...     "lower": ["1.14", "0.29", "1.14"], "upper": ["6.56", "6.54", "6.56"]})
    >>> identical_rows(table).values["groups"]
    [[0, 2]]
    """
    known = frame.dropna(subset=list(columns)).astype(dict.fromkeys(columns, str))
    groups = [list(rows) for rows in known.groupby(list(columns)).groups.values() if len(rows) > 1]
    if not groups:
        statement = f"No two of {len(known)} results agree in all printed digits."
        return Finding("consistent", statement, values={"groups": []})
    shown = "; ".join(" = ".join(map(str, rows)) for rows in groups)
    return Finding(
        "undetermined",
        f"Different results are identical to the last digit ({shown}): possible by chance, "
        "more likely copied.",
        f"Compared in {', '.join(columns)}.",
        values={"groups": groups},
    )
