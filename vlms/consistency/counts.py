"""Counts of levels and of overlapping subgroups against their total.

Counts of subgroups restrict each other by inclusion-exclusion. That is decided here exactly, as an
integer programme over the cells of the Venn diagram, so that all the bounds named after Fréchet
and Bonferroni are in it at once.
"""

from itertools import product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from vlms.consistency.findings import Finding, whole
from vlms.rounding import print_share


def sum_check(parts, total, *, exclusive=True, exhaustive=True):
    """Check the counts of levels against their total.

    Parameters
    ----------
    parts : iterable of int, or mapping of label to int
        Patients at each level.
    total : int
        Patients in all.
    exclusive : bool
        Whether no patient can be at two levels: then the counts sum to the total at most.
    exhaustive : bool
        Whether every patient is at one level at least: then they sum to the total at least.

    Returns
    -------
    Finding

    Examples
    --------
    >>> print(sum_check([33, 13, 9, 9], 63).statement)
    The levels sum to 64, 1 more than the total of 63.
    >>> sum_check([15, 11, 8, 6, 7], 36, exclusive=False).verdict
    'consistent'
    """
    counts = list(parts.values()) if isinstance(parts, dict) else list(parts)
    counts = [whole(count, "count") for count in counts]
    total = whole(total, "total")
    summed = sum(counts)
    arithmetic = f"{' + '.join(map(str, counts))} = {summed}; total {total}."
    values = {"sum": summed, "total": total}
    assumptions = []
    if exclusive:
        assumptions.append("no patient is at two levels")
    if exhaustive:
        assumptions.append("every patient is at some level")
    if counts and max(counts) > total:
        statement = f"A level of {max(counts)} is larger than the total of {total}."
        return Finding("contradictory", statement, arithmetic, (), values)
    over, under = summed - total, total - summed
    if exclusive and over > 0:
        statement = f"The levels sum to {summed}, {over} more than the total of {total}."
        return Finding("contradictory", statement, arithmetic, tuple(assumptions), values)
    if exhaustive and under > 0:
        statement = f"The levels sum to {summed}, {under} fewer than the total of {total}."
        return Finding("contradictory", statement, arithmetic, tuple(assumptions), values)
    statement = f"The levels sum to {summed}, as a total of {total} allows."
    return Finding("consistent", statement, arithmetic, tuple(assumptions), values)


def overlap_check(counts, total, *, exhaustive=False):
    """Check counts of overlapping subgroups against each other and the total.

    Each patient lies in one cell of the Venn diagram of the subgroups. The counts can be true
    together exactly when the cells can be filled with whole numbers so that every printed count
    comes out; that is an integer programme with 2^k cells for k subgroups. It holds all the
    inclusion-exclusion (Fréchet, Bonferroni) bounds at once.

    Parameters
    ----------
    counts : mapping of str to int
        Expression to count. ``"chemo"`` counts all who had it, ``"chemo & ~radio"`` those
        without radiotherapy, ``"chemo | radio"`` those with either; ``&`` binds before ``|``.
    total : int
        Patients in all.
    exhaustive : bool
        Whether every patient is in one subgroup at least.

    Returns
    -------
    Finding
        When contradictory, `values` names a smallest set of counts that cannot be true together
        (removing any one of them resolves it).

    Examples
    --------
    >>> finding = overlap_check({"chemo": 22, "radio": 18, "chemo & radio": 9,
    ...                          "~chemo & ~radio": 33}, 63)
    >>> print(finding.statement)
    The counts chemo = 22, radio = 18, chemo & radio = 9, ~chemo & ~radio = 33 cannot all be \
true of 63 patients.
    """
    total = whole(total, "total")
    counts = {name: whole(count, f"count of {name!r}") for name, count in counts.items()}
    clauses = {name: _clauses(name) for name in counts}
    sets = list(dict.fromkeys(s for name in counts for c in clauses[name] for s, _ in c))
    if len(sets) > 12:
        raise ValueError(f"{len(sets)} subgroups are too many: 12 at most")
    cells = [dict(zip(sets, cell, strict=True)) for cell in product((0, 1), repeat=len(sets))]
    rows = {
        name: [any(all(cell[s] == v for s, v in c) for c in clauses[name]) for cell in cells]
        for name in counts
    }
    allowed = np.array([not exhaustive or any(cell.values()) for cell in cells], dtype=float)

    def possible(names):
        matrix = np.array([np.ones(len(cells)), *(rows[name] for name in names)], dtype=float)
        target = np.array([total, *(counts[name] for name in names)], dtype=float)
        answer = milp(
            np.zeros(len(cells)),
            constraints=LinearConstraint(matrix, target, target),
            integrality=np.ones(len(cells)),
            bounds=Bounds(0, allowed * total),
        )
        return answer.success

    assumptions = ("every count is of the same patients",) + (
        ("every patient is in some subgroup",) if exhaustive else ()
    )
    if possible(list(counts)):
        statement = f"The {len(counts)} counts can all be true of {total} patients."
        return Finding("consistent", statement, "", assumptions, {"total": total})
    conflict = list(counts)
    for name in counts:
        fewer = [other for other in conflict if other != name]
        if not possible(fewer):
            conflict = fewer
    listed = ", ".join(f"{name} = {counts[name]}" for name in conflict)
    return Finding(
        "contradictory",
        f"The counts {listed} cannot all be true of {total} patients.",
        f"No whole numbers in the {len(cells)} cells of the Venn diagram give these counts.",
        assumptions,
        {"total": total, "conflict": {name: counts[name] for name in conflict}},
    )


def overlap_bounds(first, second, total):
    """Return the fewest and most patients that can be in both of two subgroups.

    Parameters
    ----------
    first, second : int
        Patients in each.
    total : int
        Patients in all.

    Returns
    -------
    tuple of int
        Fréchet's bounds: max(0, first + second − total) and min(first, second).

    Examples
    --------
    >>> overlap_bounds(42, 37, 63)
    (16, 37)
    """
    first, second = whole(first, "count"), whole(second, "count")
    total = whole(total, "total")
    if max(first, second) > total:
        raise ValueError(f"{print_share(max(first, second), total)}: a subgroup is larger than all")
    return max(0, first + second - total), min(first, second)


def _clauses(expression):
    """Read ``a & ~b | c`` into clauses of (name, 1 or 0)."""
    clauses = []
    for clause in expression.split("|"):
        terms = [term.strip() for term in clause.split("&")]
        if not all(term.removeprefix("~").strip() for term in terms):
            raise ValueError(f"{expression!r} is not an expression such as 'a & ~b | c'")
        clauses.append([(t.removeprefix("~").strip(), int(not t.startswith("~"))) for t in terms])
    return clauses
