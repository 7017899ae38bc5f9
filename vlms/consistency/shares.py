"""Percentages, counts, sums, overlaps, means and standard deviations: can they be true together?

A share of n patients takes n + 1 values only, the mean of n whole numbers is a multiple of 1/n, and
their sum of squares is a whole number as odd or even as their sum; counts of subgroups restrict
each other by inclusion and exclusion. So many printed numbers belong to no data of their size.
Sources: Brown and Heathers, Soc Psychol Personal Sci 2017;8:363 (GRIM); Anaya, PeerJ Preprints
2016;4:e2400 (GRIMMER); Heathers and Brown, DEBIT, 2019, osf.io/5vb3u.
"""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp

from vlms.consistency.finding import Finding, graded, printed_box, printed_share, whole
from vlms.printed import Printed, agreement, print_number, print_share

_RULES = {"half up": "consistent", "inequality": "consistent", None: "contradictory"}
_INTEGERS = ("every value is a whole number", "no value is missing")


def percentage_check(printed, numerator, denominator):
    """Check a printed percentage against the count and the total printed beside it.

    ``consistent`` when the share rounds (half up) to what is printed; ``rounding`` when it was
    truncated, rounded half to even, or is one unit off; else ``contradictory``, with the nearest
    total that would fit. The arithmetic is exact, so that a tie such as 23/40 is a tie.

    Examples
    --------
    >>> percentage_check("66%", 42, 63).verdict
    'rounding'
    >>> print(percentage_check("96%", 46, 58).statement)
    46 of 58 is 79.3%, not the printed 96%; 46 of 48 would print as 96%.
    """
    share = printed_share(printed)
    numerator, denominator = whole(numerator, "count"), whole(denominator, "total", least=1)
    if numerator > denominator:
        statement = f"{numerator} of {denominator} is more than all of them."
        values = {"numerator": numerator, "denominator": denominator}
        return Finding("contradictory", statement, f"{numerator} > {denominator}.", (), values)
    exact = Fraction(numerator, denominator)
    rule = agreement(exact, share)
    verdict = _RULES.get(rule, "rounding")
    places = share.decimals if share.percent else max(share.decimals - 2, 0)
    digits = places + (2 if verdict == "rounding" else 1)
    shown = share.text
    what = f"{numerator} of {denominator} is {float(exact):.{digits}%}"
    if verdict == "consistent":
        statement = f"{what}, which prints as {shown}."
    elif verdict == "rounding":
        how = {"half even": "by rounding half to even", "truncated": "by truncation"}
        statement = f"{what}, which prints as {shown} only {how.get(rule, 'one unit off')}."
    else:
        fitting = possible_totals(share, numerator, up_to=max(2 * denominator, 20))["total"]
        nearest = min(fitting, key=lambda total: abs(total - denominator), default=None)
        also = f"; {numerator} of {nearest} would print as {shown}" if nearest else ""
        statement = f"{what}, not the printed {shown}{also}."
    values = {
        "numerator": numerator,
        "denominator": denominator,
        "share": float(exact),
        "rule": rule,
    }
    arithmetic = f"{numerator}/{denominator} = {float(exact):.6f}."
    return Finding(verdict, statement, arithmetic, (), values)


def possible_totals(printed, numerator=None, *, up_to=200):
    """List the totals up to `up_to`, and counts out of them, whose share prints as given (GRIM).

    Where no `numerator` is given every count is tried. Returns a frame of total, count, share and
    rule (``half up``, ``half even`` or ``truncated``).

    Examples
    --------
    >>> fits = possible_totals("93.7%", up_to=20)
    >>> fits[["total", "count", "rule"]].values.tolist()
    [[16, 15, 'truncated']]
    """
    share = printed_share(printed)
    counts = range(up_to + 1) if numerator is None else [whole(numerator, "count")]
    rows = []
    for total in range(1, whole(up_to, "largest total", least=1) + 1):
        near = share.value * total
        for count in counts:
            # Only counts within one patient and one printed unit of the share can fit.
            far = abs(count - near) > 1 + share.unit * total and not share.comparator
            if far or count > total:
                continue
            rule = agreement(Fraction(count, total), share)
            if rule not in (None, "one unit off"):
                rows.append((total, count, count / total, rule))
    return pd.DataFrame(rows, columns=["total", "count", "share", "rule"])


def sum_check(parts, total, *, exclusive=None, exhaustive=None):
    """Check the counts of levels, a sequence or a mapping of label to count, against their total.

    Where no patient can be at two levels (`exclusive`) they sum to the total at most, where every
    patient is at one at least (`exhaustive`) to the total at least; where the sum misses the total
    and that is not declared, the verdict is ``undetermined``.

    Examples
    --------
    >>> print(sum_check([33, 13, 9, 9], 63, exclusive=True).statement)
    The levels sum to 64, 1 more than the total of 63.
    >>> sum_check([33, 13, 9, 9], 63).verdict, sum_check([33, 13, 9, 9], 65).verdict
    ('undetermined', 'undetermined')
    >>> sum_check([15, 11, 8, 6, 7], 36, exclusive=False).verdict
    'consistent'
    """
    counts = list(parts.values()) if isinstance(parts, dict) else list(parts)
    counts = [whole(count, "count") for count in counts]
    total, summed = whole(total, "total"), sum(counts)
    arithmetic = f"{' + '.join(map(str, counts))} = {summed}; total {total}."
    values = {"sum": summed, "total": total}
    assumptions = ("no patient is at two levels",) if exclusive else ()
    assumptions += ("every patient is at some level",) if exhaustive else ()
    if counts and max(counts) > total:
        statement = f"A level of {max(counts)} is larger than the total of {total}."
        return Finding("contradictory", statement, arithmetic, (), values)
    over, under = summed - total, total - summed
    verdict, statement = "consistent", f"The levels sum to {summed}, as a total of {total} allows."
    if over > 0 and exclusive is not False:
        verdict = "contradictory" if exclusive else "undetermined"
        statement = f"The levels sum to {summed}, {over} more than the total of {total}."
        if not exclusive:
            statement += (
                " That can be where a patient may be at two levels, which is not declared "
                "(exclusive; --exclusive or --overlapping)."
            )
    elif under > 0 and exhaustive is not False:
        verdict = "contradictory" if exhaustive else "undetermined"
        statement = f"The levels sum to {summed}, {under} fewer than the total of {total}."
        if not exhaustive:
            statement += (
                " That can be where patients are at no level or missing, which is not declared "
                "(exhaustive; --complete or --incomplete)."
            )
    return Finding(verdict, statement, arithmetic, assumptions, values)


def overlap_check(counts, total, *, exhaustive=False):
    """Check counts of overlapping subgroups against each other and the total.

    Each patient lies in one cell of the Venn diagram of the subgroups. The counts can be true
    together exactly when the cells can be filled with whole numbers so that every printed count
    comes out: an integer programme with 2^k cells for k subgroups, which holds all the
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
        When contradictory, `values` names a smallest set of counts that cannot be true together.

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
    inside = {
        name: [any(all(cell[s] == v for s, v in c) for c in clauses[name]) for cell in cells]
        for name in counts
    }
    allowed = np.array([not exhaustive or any(cell.values()) for cell in cells], dtype=float)

    def possible(names):
        matrix = np.array([np.ones(len(cells)), *(inside[name] for name in names)], dtype=float)
        target = np.array([total, *(counts[name] for name in names)], dtype=float)
        answer = milp(
            np.zeros(len(cells)),
            constraints=LinearConstraint(matrix, target, target),
            integrality=np.ones(len(cells)),
            bounds=Bounds(0, allowed * total),
        )
        return answer.status != 2  # 2: proven to be infeasible

    assumptions = ("every count is of the same patients",)
    assumptions += ("every patient is in some subgroup",) if exhaustive else ()
    if possible(list(counts)):
        statement = f"The {len(counts)} counts can all be true of {total} patients."
        return Finding("consistent", statement, "", assumptions, {"total": total})
    conflict = list(counts)
    for name in counts:
        fewer = [other for other in conflict if other != name]
        if not possible(fewer):
            conflict = fewer
    listed = ", ".join(f"{name} = {counts[name]}" for name in conflict)
    statement = f"The counts {listed} cannot all be true of {total} patients."
    arithmetic = (
        f"No whole numbers in the {len(cells)} cells of the Venn diagram give these counts."
    )
    values = {"total": total, "conflict": {name: counts[name] for name in conflict}}
    return Finding("contradictory", statement, arithmetic, assumptions, values)


def overlap_bounds(first, second, total):
    """Return the fewest and most of all patients that can be in both of two subgroups.

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


def mean_check(mean, n, *, items=1, integers=None):
    """Check that n patients with `items` whole numbers each can have the printed mean (GRIM).

    A misfit is ``undetermined`` unless it is declared that every value is whole (`integers`): an
    age worked out from dates is not.

    Examples
    --------
    >>> print(mean_check("58.9", 12).statement)
    A mean of 58.9 can come from 12 whole numbers, which then sum to 707.
    >>> mean_check("58.91", 12).verdict, mean_check("58.72", 12).verdict
    ('rounding', 'undetermined')
    >>> mean_check("58.72", 12, integers=True).verdict
    'contradictory'
    """
    mean, n = _number(mean, "mean"), whole(n, "number of patients", least=1)
    count = n * whole(items, "number of items", least=1)
    verdict = graded(lambda truncated: bool(_sums(mean, count, truncated)))
    near = math.floor(mean.value * count)
    nearest = " and ".join(
        f"{total}/{count} = {print_number(total / count, mean.decimals + 2)}"
        for total in (near, near + 1)
    )
    found = _sums(mean, count, verdict != "consistent")
    values = {"n": n, "sums": list(found[:20])}
    if verdict == "contradictory":
        statement = f"No {count} whole numbers have a mean of {mean.text}: nearest are {nearest}."
        return _of_integers(integers, statement, f"{nearest}.", _INTEGERS, values)
    only = " only if digits were cut off" if verdict == "rounding" else ""
    sums = str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
    statement = f"A mean of {mean.text} can come from {count} whole numbers{only}, which then sum "
    return Finding(verdict, f"{statement}to {sums}.", f"{nearest}.", _INTEGERS, values)


def sd_check(mean, sd, n, *, smallest=None, largest=None, integers=None):
    """Check that n whole numbers can have the printed mean and standard deviation (GRIMMER).

    With sum S and sum of squares Q, (n − 1) SD² = Q − S²/n; the divisor n is tried as well. Q must
    be a whole number, as odd or even as S, no smaller than when the values lie as close together
    as they can, and no larger than when they lie as far apart as `smallest` and `largest` let
    them. These conditions are necessary, not sufficient. `integers` is as for `mean_check`.

    Examples
    --------
    >>> sd_check("58.8", "10.7", 12).verdict
    'consistent'
    >>> sd_check("3.0", "0.20", 4, integers=True).verdict
    'contradictory'
    """
    mean, sd = _number(mean, "mean"), _number(sd, "standard deviation", least=0)
    n = _limited(n)
    verdict = graded(lambda truncated: _has_squares(mean, sd, n, smallest, largest, truncated))
    pair = f"mean {mean.text} and SD {sd.text}"
    assumptions = _INTEGERS
    if smallest is not None or largest is not None:
        assumptions += (f"the values lie from {smallest} to {largest}",)
    arithmetic = "Sum of squares = (n − 1) SD² + sum²/n must be a whole number, even as the sum is."
    if verdict == "contradictory":
        statement = f"No {n} whole numbers have {pair}."
        return _of_integers(integers, statement, arithmetic, assumptions, {"n": n})
    statement = f"Nothing speaks against {n} whole numbers with {pair}."
    if verdict == "rounding":
        statement = f"{n} whole numbers have {pair} only if digits were cut off."
    return Finding(verdict, statement, arithmetic, assumptions, {"n": n})


def binary_sd_check(share, sd, n):
    """Check the standard deviation of a yes/no variable of n patients against its share (DEBIT).

    SD = √(p (1 − p) n / (n − 1)) for p = k/n; the divisor n is tried as well.

    Examples
    --------
    >>> binary_sd_check("0.35", "0.48", 63).verdict, binary_sd_check("0.35", "0.40", 63).verdict
    ('consistent', 'contradictory')
    """
    share, sd = printed_share(share), _number(sd, "standard deviation", least=0)
    n = _limited(n)

    def fits(truncated):
        low, high = printed_box(share, truncated=truncated, smallest=0, largest=1)
        ends = printed_box(sd, truncated=truncated, smallest=0)
        return any(
            low - 1e-9 <= k / n <= high + 1e-9
            and any(
                ends[0] - 1e-9 <= math.sqrt(k * (n - k) / n / divisor) <= ends[1] + 1e-9
                for divisor in (n, n - 1)
            )
            for k in range(n + 1)
        )

    verdict = graded(fits)
    expected = math.sqrt(share.value * (1 - share.value) * n / (n - 1))
    arithmetic = f"√(p(1 − p) n/(n − 1)) = {expected:.4g}."
    pair = f"a share of {share.text} and SD {sd.text}"
    can = "cannot" if verdict == "contradictory" else "can"
    only = " only if digits were cut off" if verdict == "rounding" else ""
    statement = f"A yes/no variable of {n} patients {can} have {pair}{only}."
    return Finding(verdict, statement, arithmetic, ("the variable is yes/no",), {"sd": expected})


def _clauses(expression):
    """Read ``a & ~b | c`` into clauses of (name, 1 or 0)."""
    clauses = []
    for clause in expression.split("|"):
        terms = [term.strip() for term in clause.split("&")]
        if not all(term.removeprefix("~").strip() for term in terms):
            raise ValueError(f"{expression!r} is not an expression such as 'a & ~b | c'")
        clauses.append([(t.removeprefix("~").strip(), int(not t.startswith("~"))) for t in terms])
    return clauses


def _of_integers(integers, statement, arithmetic, assumptions, values):
    """A misfit of whole numbers: contradictory where they are declared to be whole."""
    if integers:
        return Finding("contradictory", statement, arithmetic, assumptions, values)
    if integers is None:
        statement += " That all values are whole is not declared (integers=True; --integers)."
    else:
        statement += " The values need not be whole."
    return Finding("undetermined", statement, arithmetic, (), values)


def _limited(n):
    """The number of patients, refused where it is too large to decide."""
    n = whole(n, "number of patients", least=2)
    if n > 10_000:
        raise ValueError(f"{n} patients can have nearly every SD: 10000 at most")
    return n


def _number(printed, what, least=-math.inf):
    """Read a printed mean or SD."""
    number = Printed.parse(printed)
    if number.comparator or number.percent or number.value < least:
        raise ValueError(f"the {what} must be a plain number, found {number.text!r}")
    return number


def _sums(mean, count, truncated):
    """The whole sums whose mean prints as given."""
    low, high = printed_box(mean, truncated=truncated)
    # A little slack keeps ties, which binary fractions would lose.
    return range(math.ceil(low * count - 1e-9), math.floor(high * count + 1e-9) + 1)


def _has_squares(mean, sd, n, smallest, largest, truncated):
    """Whether some sum and sum of squares print as this mean and SD."""
    low, high = printed_box(sd, truncated=truncated, smallest=0)
    for total in _sums(mean, n, truncated):
        if smallest is not None and total < n * smallest:
            continue
        if largest is not None and total > n * largest:
            continue
        base, extra = divmod(total, n)
        least = (n - extra) * base**2 + extra * (base + 1) ** 2
        most = _most_squares(total, n, smallest, largest)
        for divisor in (n - 1, n):
            start = max(least, math.ceil(divisor * low**2 + total**2 / n - 1e-6))
            end = min(most, math.floor(divisor * high**2 + total**2 / n + 1e-6))
            if start + (start - total) % 2 <= end:
                return True
    return False


def _most_squares(total, n, smallest, largest):
    """The largest sum of squares: all values at the limits but one."""
    if smallest is None or largest is None:
        return math.inf
    width = largest - smallest
    if width == 0:
        return n * smallest**2
    at_top, rest = divmod(total - n * smallest, width)
    if at_top >= n:
        return n * largest**2
    between = smallest + rest
    return at_top * largest**2 + between**2 + (n - at_top - 1) * smallest**2
