"""What a consistency check finds, and the box of true values behind a printed number.

A check never says more than it can prove: it tries every true value that the printed numbers can
stand for, first under rounding, then under truncation as well, and calls a set of numbers
contradictory only when none of them fits. What it had to assume stands beside the verdict; where it
needs to know something that was not declared, the verdict is undetermined.
"""

from dataclasses import asdict, dataclass, field

import numpy as np

from vlms.printed import Printed

VERDICTS = ("consistent", "rounding", "undetermined", "contradictory")


@dataclass(frozen=True)
class Finding:
    """The outcome of one consistency check.

    `verdict`: ``"consistent"``, true values exist that round to all the printed numbers;
    ``"rounding"``, only if a number was truncated, or is one unit off; ``"undetermined"``, the
    numbers alone do not decide, and the statement says why; ``"contradictory"``, there are none,
    given the assumptions. `statement` is a sentence that a reviewer can paste into a report,
    `arithmetic` the calculation behind it, `assumptions` what must hold for the verdict to hold,
    `values` the computed numbers by name, `parts` the single checks, where several were made.

    Examples
    --------
    >>> finding = Finding("contradictory", "12 of 10 patients is more than all of them.")
    >>> finding.contradictory, bool(finding)
    (True, False)
    """

    verdict: str
    statement: str
    arithmetic: str = ""
    assumptions: tuple = ()
    values: dict = field(default_factory=dict)
    parts: tuple = ()

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} is none of {', '.join(VERDICTS)}")

    @property
    def contradictory(self):
        """Whether the printed numbers cannot be true together."""
        return self.verdict == "contradictory"

    def __bool__(self):
        return not self.contradictory

    def __str__(self):
        lines = [f"{self.verdict}: {self.statement}", self.arithmetic]
        if self.assumptions:
            lines.append("Assumes: " + "; ".join(self.assumptions) + ".")
        return "\n".join(line for line in lines if line)

    def to_dict(self):
        """Return the finding as plain dicts, lists, numbers and text, ready for JSON."""
        return _plain(asdict(self))


def together(findings):
    """Join several findings about one printed result: the gravest verdict and statement lead.

    Examples
    --------
    >>> fine, wrong = Finding("consistent", "Fits."), Finding("contradictory", "Cannot be.")
    >>> together([fine, wrong]).statement
    'Cannot be. Fits.'
    """
    parts = tuple(findings)
    if not parts:
        raise ValueError("there is no finding to join")
    ranked = sorted(parts, key=lambda part: -VERDICTS.index(part.verdict))
    return Finding(
        ranked[0].verdict,
        " ".join(part.statement for part in ranked),
        " ".join(part.arithmetic for part in ranked if part.arithmetic),
        tuple(dict.fromkeys(text for part in ranked for text in part.assumptions)),
        {name: value for part in parts for name, value in part.values.items()},
        parts,
    )


def printed_box(printed, *, truncated=False, smallest=-np.inf, largest=np.inf):
    """Return the lower and upper end of the true values that print as given.

    Parameters
    ----------
    printed : str or float or Printed
        Text as printed; a number is taken as Python prints it.
    truncated : bool
        Whether digits may also have been cut off instead of rounded: a truncated 1.14 stands for
        1.14 to 1.15, so the box becomes 1.135 to 1.15.
    smallest, largest : float
        Limits of what the quantity can be, such as 0 and 1 for a share.

    Examples
    --------
    >>> [round(end, 4) for end in printed_box("1.14")]
    [1.135, 1.145]
    >>> [round(end, 4) for end in printed_box("100%", truncated=True, largest=1)]
    [0.995, 1]
    """
    number = Printed.parse(printed)
    lower, upper = number.lower, number.upper
    if truncated and not number.comparator:
        # Truncation moves towards zero, so it widens the box on the far side of zero.
        if number.value >= 0:
            upper = max(upper, number.value + number.unit)
        if number.value <= 0:
            lower = min(lower, number.value - number.unit)
    lower, upper = max(lower, smallest), min(upper, largest)
    if lower > upper:
        raise ValueError(
            f"{number.text!r} cannot be printed for a value from {smallest:g} to {largest:g}"
        )
    return lower, upper


def printed_share(printed):
    """Read a printed share from 0 to 1; ``65`` in a column of percentages is read as ``65%``.

    A bare ``1``, which may be 1% or all, is refused.

    Examples
    --------
    >>> printed_share("65").value, printed_share("65%").value, printed_share(0.65).value
    (0.65, 0.65, 0.65)
    """
    number = Printed.parse(printed)
    if not number.percent:
        if number.value == 1 and number.decimals == 0:
            raise ValueError(f"{number.text!r} may mean 1% or 100%: write the percent sign")
        if number.value > 1 or number.decimals == 0:
            number = Printed.parse(number.text + "%")
    if not 0 <= number.value <= 1:
        raise ValueError(f"{number.text!r} is not a share from 0% to 100%")
    return number


# What the checks share; not offered by the folder.


def printed_ratio(printed, what="hazard ratio"):
    """Read a printed ratio, limit or time: a plain number that is not negative."""
    number = Printed.parse(printed)
    if number.comparator or number.percent or number.value < 0:
        raise ValueError(f"the {what} must be a plain number above 0, found {number.text!r}")
    if what == "hazard ratio" and number.value == 0 < number.upper:
        raise ValueError(
            f"the hazard ratio {number.text!r} may be anything below {number.upper:g}: give it "
            "with more decimals, or the reciprocals (the other group as reference)"
        )
    if number.upper <= 0:
        raise ValueError(f"the {what} must be above 0, found {number.text!r}")
    return number


def printed_limits(hr, lower, upper):
    """Read a ratio and its limits."""
    return printed_ratio(hr), printed_ratio(lower, "limit"), printed_ratio(upper, "limit")


def graded(fits):
    """Grade a test that is tried under rounding (`fits(False)`), then under truncation too."""
    if fits(False):
        return "consistent"
    return "rounding" if fits(True) else "contradictory"


def whole(number, what, *, least=0):
    """Return a count given as 12, "12" or 12.0 as an int, or say why it is none."""
    try:
        value = int(str(number).strip()) if isinstance(number, str) else int(number)
        same = isinstance(number, str) or value == number
    except (TypeError, ValueError, OverflowError):
        same = False
    if isinstance(number, bool) or not same or value < least:
        raise ValueError(f"the {what} must be a whole number of at least {least}, found {number!r}")
    return value


def one_of(word, words, what):
    """Return a word of a closed list, or say which there are."""
    if word not in words:
        allowed = f"{', '.join(map(repr, words[:-1]))} or {words[-1]!r}"
        raise ValueError(f"{what} must be {allowed}, found {word!r}")
    return word


def _plain(value):
    """Plain Python for numpy numbers and arrays, None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
