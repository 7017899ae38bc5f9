"""What a printed number means, and how numbers are printed.

A printed ``1.14`` stands for every true value from 1.135 to 1.145; a printed ``65%`` for every
share from 0.645 to 0.655. This module turns the text of a printed number into that box, says by
which rounding rule a computed value agrees with it, and is the one place where P values, shares
and intervals are turned into text.

All rounding is decimal arithmetic on the value to twelve significant digits, so that a share of
23/40 is the tie 57.5% that it is by hand and not the 57.499999… that it is in binary.
"""

import math
import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {word: number for number, word in enumerate(_UNITS)} | {
    word: 10 * number for number, word in enumerate(_TENS, start=2)
}
_WORDS |= {"no": 0, "none": 0, "both": 2}

_NUMBER = re.compile(
    r"(?P<comparator><=|>=|[<>≤≥])?\s*(?P<sign>[-−–+])?\s*"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*[.·]\d+|\d+)\s*(?P<percent>%)?"
)
_COMPARATORS = {"<": "<", ">": ">", "<=": "≤", "≤": "≤", ">=": "≥", "≥": "≥"}


@dataclass(frozen=True)
class Printed:
    """A number as a paper prints it.

    Attributes
    ----------
    text : str
        What is printed, trailing zeros included.
    value : float
        Its value; a share from 0 to 1 where the text ends in ``%``.
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
    >>> Printed.parse("65%").value
    0.65
    >>> Printed.parse("Twelve").value
    12.0
    """

    text: str
    value: float
    decimals: int
    percent: bool = False
    comparator: str = ""

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
        printed = str(text).strip()
        word = _number_word(printed)
        if word is not None:
            return cls(printed, float(word), 0)
        match = _NUMBER.fullmatch(printed)
        if match is None:
            raise ValueError(
                f"{printed!r} is not one printed number; write it as in the paper, "
                "for example 65%, 1.14, <.001 or twelve"
            )
        digits = match["digits"].replace(",", "").replace("·", ".")
        value = Decimal(digits) * (-1 if match["sign"] in ("-", "−", "–") else 1)
        decimals = len(digits.partition(".")[2])
        percent = match["percent"] is not None
        return cls(
            printed,
            float(value / 100 if percent else value),
            decimals,
            percent,
            _COMPARATORS.get(match["comparator"], ""),
        )

    @property
    def unit(self):
        """One unit in the last printed place (0.01 for ``1.14`` and for ``65%``)."""
        return float(Decimal(1).scaleb(-self.decimals) / (100 if self.percent else 1))

    @property
    def lower(self):
        """The smallest true value that rounds to what is printed."""
        if self.comparator in ("<", "≤"):
            return -math.inf
        return self.value if self.comparator else self._edge(-1)

    @property
    def upper(self):
        """The largest true value that rounds to what is printed."""
        if self.comparator in (">", "≥"):
            return math.inf
        return self.value if self.comparator else self._edge(+1)

    def _edge(self, side):
        half = Decimal(1).scaleb(-self.decimals) / 2
        return float((self._decimal() + side * half) / (100 if self.percent else 1))

    def _decimal(self):
        """The printed digits, in printed units (percent points where it is a percentage)."""
        scaled = Decimal(repr(self.value)) * (100 if self.percent else 1)
        return scaled.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_EVEN)


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
        ``"half up"`` (ties away from zero), else ``"half even"``, ``"truncated"`` or
        ``"one unit off"`` (in the last printed place); ``"inequality"`` where a printed
        ``<`` or ``>`` holds; None where no rule leads from the value to what is printed.

    Examples
    --------
    >>> agreement(42 / 63, "67%")
    'half up'
    >>> agreement(42 / 63, "66%")
    'truncated'
    >>> agreement(2.5, "2")
    'half even'
    >>> agreement(7.35, "7.2") is None
    True
    """
    printed = Printed.parse(printed)
    exact = _exact(value, percent=printed.percent)
    if exact is None:
        return None
    target = printed._decimal()
    if printed.comparator:
        holds = {
            "<": exact < target,
            ">": exact > target,
            "≤": exact <= target,
            "≥": exact >= target,
        }[printed.comparator]
        return "inequality" if holds else None
    quantum = Decimal(1).scaleb(-printed.decimals)
    for rule, mode in (
        ("half up", ROUND_HALF_UP),
        ("half even", ROUND_HALF_EVEN),
        ("truncated", ROUND_DOWN),
    ):
        if exact.quantize(quantum, mode) == target:
            return rule
    off_by = abs(exact.quantize(quantum, ROUND_HALF_UP) - target)
    return "one unit off" if off_by == quantum else None


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
    text = str(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
    return text.removeprefix("-") if Decimal(text) == 0 else text


def print_share(count, total, decimals=0):
    """Print a count, its total and the share as a percentage.

    Parameters
    ----------
    count, total : int
        Numerator and denominator.
    decimals : int
        Digits after the point of the percentage.

    Returns
    -------
    str

    Examples
    --------
    >>> print_share(5, 12)
    '5/12 (42%)'
    """
    if not total:
        return f"{count}/{total} (–)"
    return f"{count}/{total} ({print_number(Fraction(int(count), int(total)) * 100, decimals)}%)"


def print_interval(lower, upper, decimals=2, *, missing="–"):
    """Print the limits of an interval as ``lower to upper``.

    Parameters
    ----------
    lower, upper : float
        The limits; a limit that does not exist is NA.
    decimals : int
        Digits after the point.
    missing : str
        What stands for a limit that does not exist.

    Returns
    -------
    str

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
    if not math.isfinite(number):
        return None
    return Decimal(f"{number * scale:.12g}")


def _number_word(text):
    parts = text.lower().replace("-", " ").split()
    if not parts or any(part not in _WORDS for part in parts):
        return None
    if len(parts) == 1:
        return _WORDS[parts[0]]
    tens, unit = _WORDS[parts[0]], _WORDS[parts[1]]
    return tens + unit if len(parts) == 2 and tens >= 20 and 0 < unit < 10 else None
