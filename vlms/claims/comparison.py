"""By which rule a recomputed value agrees with a claim, and the verdict that follows."""

from fractions import Fraction

from vlms.claims.claims_file import EXACT, PAIRS, LedgerError, parse_claim
from vlms.rounding import agreement, print_number, print_share

NOTHING = "nothing to compare"
OF_FINDING = {
    "consistent": "half up",
    "rounding": "truncated or one unit off",
    "contradictory": None,
    "undetermined": NOTHING,
}


def compare(value, claim, claim_id):
    """By which rule a value agrees with a claim (None: it does not), and the value as text."""
    printed, kind = parse_claim(claim["printed"], claim["kind"]), claim["kind"]
    if kind == "text":
        return ("half up" if str(value) == printed else None), str(value)
    if kind == "patients":
        numbers = sorted(int(number) for number in value)
        text = ", ".join(map(str, numbers)) or "none"
        return ("half up" if numbers == printed else None), text
    if kind == "fraction":
        return _compare_fraction(value, printed)
    if kind in PAIRS:
        ends = tuple(value)
        if len(ends) != 2:
            raise LedgerError(f"claim {claim_id!r} needs a pair, found {value!r}")
        rules = [agreement(end, limit) for end, limit in zip(ends, printed, strict=True)]
        text = " to ".join(_as_text(end, p) for end, p in zip(ends, printed, strict=True))
        worst = next((rule for rule in rules if rule not in ("half up", "inequality")), rules[0])
        return (None if None in rules else worst), text
    if kind in EXACT:
        agrees = Fraction(value) == Fraction(printed.value)
        return ("half up" if agrees else None), print_number(value, 0 if value == int(value) else 1)
    return agreement(value, printed), _as_text(value, printed)


def verdict_of(claim_id, claim, rule, recomputed, assuming, against, because):
    """Return the verdict that a rule leads to, and refuse reasoning that does not fit it."""
    if rule == NOTHING:
        if not because or against or assuming:
            raise LedgerError(
                f"claim {claim_id!r}: a claim that cannot be checked needs the reason, "
                "`because=…`, and nothing else"
            )
        return "not checkable"
    if rule is None:
        if not (against and because):
            raise LedgerError(
                f"claim {claim_id!r}: printed {claim['printed']!r}, recomputed {recomputed!r}: "
                "name what contradicts it, `against=…`, and the arithmetic, `because=…`"
            )
        return "contradicted"
    if against:
        raise LedgerError(
            f"claim {claim_id!r}: printed {claim['printed']!r} agrees with {recomputed!r} "
            f"({rule}), so nothing contradicts it; leave out `against`"
        )
    if assuming:
        return "conditional"
    return "reproduced" if rule in ("half up", "inequality") else "rounding"


def _compare_fraction(value, printed):
    """A pair of count and total against ``22/63 (35)``: the counts exactly, the share rounded."""
    count, total = (int(part) for part in value)
    text = print_share(count, total, 1)
    if count != int(printed["count"]) or total != int(printed["total"] or total):
        return None, text
    if printed["share"] is None:
        return "half up", text
    return agreement(Fraction(count, total), f"{printed['share']}%"), text


def _as_text(value, printed):
    """One digit more than is printed, so that the reader sees how it was rounded."""
    if printed.percent:
        return print_number(100 * value, printed.decimals + 1) + "%"
    return print_number(value, printed.decimals + 1, missing="not reached")
