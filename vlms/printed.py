"""What a printed number means, how numbers are printed, and the five verdicts.

A printed ``1.14`` stands for every true value from 1.135 to 1.145; a printed ``65%`` for every
share from 0.645 to 0.655. This module turns the text of a printed number into that box, says by
which rounding rule a computed value agrees with it, and is the one place where P values, shares
and intervals are turned into text.

All rounding is decimal arithmetic on the value to twelve significant digits, so that a share of
23/40 is the tie 57.5% that it is by hand and not the 57.499999… that it is in binary.

========================  ==========================================================
verdict                   means
========================  ==========================================================
reproduced                the recomputed value rounds to what is printed
rounding                  it agrees only by another rounding rule (cut off, half to even), or was
                          made from numbers already rounded
conditional               it agrees only under an assumption that the paper does not state
contradicted              it cannot hold together with something else that is printed
not checkable             nothing published allows a check
========================  ==========================================================
"""

import math
import re
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

VERDICTS = ("reproduced", "rounding", "conditional", "contradicted", "not checkable")

_SIGNS = dict(zip(VERDICTS, "✓≈◐✗?", strict=True))
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {word: number for number, word in enumerate(_ONES)} | {"no": 0, "none": 0, "both": 2}
_WORDS |= {word: 10 * number for number, word in enumerate(_TENS, start=2)}
_WORDS |= {f"{ten} {one}": _WORDS[ten] + _WORDS[one] for ten in _TENS for one in _ONES[1:10]}

_NUMBER = re.compile(
    r"(?P<comparator><=|>=|[<>≤≥])?\s*(?P<sign>[-−–+])?\s*"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*[.·]\d+|\d+)\s*(?P<percent>%)?"
)
_COMPARATORS = {"<=": "≤", ">=": "≥"}


class Printed(float):
    """A number as a paper prints it: its value, and what the text says about the true one.

    In arithmetic it is its value, a share from 0 to 1 where the text ends in ``%``; a check that
    takes printed numbers sees the text, trailing zeros included.

    Attributes
    ----------
    text : str
        What is printed.
    decimals : int
        Digits after the point as printed (``65%`` has 0, ``43.7%`` has 1).
    percent : bool
        Whether the text ends in ``%``.
    comparator : str
        ``""`` or one of ``<``, ``>``, ``≤``, ``≥``.

    Examples
    --------
    >>> hazard_ratio = Printed.parse("1.14")
    >>> round(hazard_ratio.lower, 6), round(hazard_ratio.upper, 6)
    (1.135, 1.145)
    >>> Printed.parse("Twelve") / Printed.parse("1,613") < Printed.parse("1%")
    True
    """

    @classmethod
    def parse(cls, text):
        """Read one printed number: digits, ``%``, ``<``, a leading point or a number word.

        Parameters
        ----------
        text : str or int or float or Printed
            The printed text. A number is read as Python prints it, so a trailing zero is lost:
            give text wherever the paper prints one.

        Returns
        -------
        Printed

        Raises
        ------
        ValueError
            If the text is not exactly one finite number.
        """
        if isinstance(text, cls):
            return text
        if isinstance(text, bool):
            raise ValueError(f"{text!r} is not a printed number")
        shown = str(text).strip()
        word = " ".join(shown.lower().replace("-", " ").split())
        if word in _WORDS:
            return cls._make(shown, Decimal(_WORDS[word]), 0, False, "")
        match = _NUMBER.fullmatch(shown)
        if match is None:
            raise ValueError(
                f"{shown!r} is not one printed number; write it as in the paper, "
                "for example 65%, 1.14, <.001 or twelve"
            )
        digits = match["digits"].replace(",", "").replace("·", ".")
        number = Decimal(digits) * (-1 if match["sign"] in ("-", "−", "–") else 1)
        comparator = match["comparator"] or ""
        comparator = _COMPARATORS.get(comparator, comparator)
        places = len(digits.partition(".")[2])
        return cls._make(shown, number, places, match["percent"] is not None, comparator)

    @classmethod
    def _make(cls, text, number, decimals, percent, comparator):
        """Put a value together with how it was printed; `number` is in printed units."""
        printed = cls(number / 100 if percent else number)
        printed.text, printed.decimals, printed.percent = text, decimals, percent
        printed.comparator, printed._number = comparator, number
        return printed

    @property
    def value(self):
        """The value as a plain float, a share from 0 to 1 where a percentage is printed."""
        return float(self)

    @property
    def unit(self):
        """One unit in the last printed place (0.01 for ``1.14`` and for ``65%``)."""
        return self._scaled(Decimal(1).scaleb(-self.decimals))

    @property
    def lower(self):
        """The smallest true value that rounds to what is printed."""
        if self.comparator in ("<", "≤"):
            return -math.inf
        return self.value if self.comparator else self._scaled(self._number - self._half)

    @property
    def upper(self):
        """The largest true value that rounds to what is printed."""
        if self.comparator in (">", "≥"):
            return math.inf
        return self.value if self.comparator else self._scaled(self._number + self._half)

    @property
    def _half(self):
        """Half a unit in the last printed place, in printed units."""
        return Decimal(1).scaleb(-self.decimals) / 2

    def _scaled(self, number):
        """Turn printed units into a float: per cent into a share."""
        return float(number / 100 if self.percent else number)

    def __repr__(self):
        return f"Printed({self.text!r})"

    def __str__(self):
        return self.text


def agreement(value, printed):
    """Name the rounding rule by which a value agrees with a printed number.

    Parameters
    ----------
    value : float or int or fractions.Fraction
        The recomputed value, a share from 0 to 1 where the printed number is a percentage.
    printed : str or Printed
        What the paper prints.

    Returns
    -------
    str or None
        ``"half up"`` (ties away from zero), else ``"half even"`` or ``"truncated"``;
        ``"inequality"`` where a printed ``<`` or ``>`` holds; None where no rule leads from the
        value to what is printed, be it but one unit off in the last place.

    Examples
    --------
    >>> agreement(42 / 63, "67%"), agreement(42 / 63, "66%"), agreement(2.5, "2")
    ('half up', 'truncated', 'half even')
    >>> agreement(7.35, "7.2") is None
    True
    """
    printed = Printed.parse(printed)
    exact, target = _exact(value, percent=printed.percent), printed._number
    if exact is None:
        return None
    if printed.comparator:
        holds = exact < target if printed.comparator in "<≤" else exact > target
        return "inequality" if holds or (printed.comparator in "≤≥" and exact == target) else None
    unit = Decimal(1).scaleb(-printed.decimals)
    rules = {"half up": ROUND_HALF_UP, "half even": ROUND_HALF_EVEN, "truncated": ROUND_DOWN}
    for rule, mode in rules.items():
        if exact.quantize(unit, mode) == target:
            return rule
    return None


def print_number(value, decimals=0, *, missing="–"):
    """Print a number with fixed decimals, ties away from zero.

    Parameters
    ----------
    value : float
        Any unit; NA gives `missing`.
    decimals : int
        Digits after the point.
    missing : str
        What stands for NA.

    Returns
    -------
    str

    Examples
    --------
    >>> print_number(7.45, 1), print_number(float("nan"))
    ('7.5', '–')
    """
    exact = _exact(value)
    if exact is None:
        return missing
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return str(rounded if rounded else abs(rounded))


def print_share(count, total, decimals=0):
    """Print a count, its total and the share as a percentage with so many decimals.

    Examples
    --------
    >>> print_share(5, 12)
    '5/12 (42%)'
    """
    share = Fraction(int(count), int(total)) * 100 if total else None
    return f"{count}/{total} ({print_number(share, decimals)}{'%' if total else ''})"


def print_interval(lower, upper, decimals=2, *, missing="–"):
    """Print the limits of an interval; a limit that does not exist is NA, printed as `missing`.

    Examples
    --------
    >>> print_interval(0.97, 29.3)
    '0.97 to 29.30'
    """
    ends = (print_number(end, decimals, missing=missing) for end in (lower, upper))
    return " to ".join(ends)


def print_p(value):
    """Print a P value: two decimals, three below 0.01 and near 0.05, ``<0.001`` below that.

    Parameters
    ----------
    value : float
        From 0 to 1; NA gives ``–``.

    Returns
    -------
    str

    Examples
    --------
    >>> [print_p(p) for p in (0.62, 0.049, 0.0042, 0.00002)]
    ['0.62', '0.049', '0.004', '<0.001']
    """
    exact = _exact(value)
    if exact is None:
        return "–"
    if not 0 <= exact <= 1:
        raise ValueError(f"a P value lies from 0 to 1, found {value}")
    if exact < Decimal("0.001"):
        return "<0.001"
    decimals = 3 if exact < Decimal("0.01") else 2
    # A printed 0.05 must not hide on which side of 0.05 the value falls.
    threshold = Decimal("0.05")
    while exact != threshold and decimals < 5 and round(exact, decimals) == threshold:
        decimals += 1
    text = print_number(exact, decimals)
    return ">0.99" if text == "1.00" else text


def verdict_badge(verdict):
    """Return the HTML badge of a verdict: a sign and the word, so that colour is not needed.

    Examples
    --------
    >>> verdict_badge("rounding")
    '<span class="verdict verdict-rounding"><span aria-hidden="true">≈</span> rounding</span>'
    """
    name = verdict.replace(" ", "-")
    sign = f'<span aria-hidden="true">{_SIGNS[verdict]}</span>'
    return f'<span class="verdict verdict-{name}">{sign} {verdict}</span>'


def _exact(value, *, percent=False):
    """Return a value as a decimal free of binary noise, in percent if asked; None for NA."""
    scale = 100 if percent else 1
    if isinstance(value, Decimal):
        return value * scale
    if isinstance(value, Fraction):
        return Decimal(value.numerator * scale) / Decimal(value.denominator)
    try:
        number = float(value)
    except (TypeError, ValueError):  # pandas.NA, None
        return None
    return Decimal(f"{number * scale:.12g}") if math.isfinite(number) else None
