"""The five verdicts, and the badge that shows one.

========================  ==========================================================
reproduced                the recomputed value rounds to what is printed
rounding                  it agrees only by another rounding rule, or is one unit off
conditional               it agrees only under an assumption that the paper does not state
contradicted              it cannot hold together with something else that is printed
not checkable             nothing published allows a check
========================  ==========================================================
"""

VERDICTS = ("reproduced", "rounding", "conditional", "contradicted", "not checkable")

_SIGNS = dict(zip(VERDICTS, "✓≈◐✗?", strict=True))


def verdict_badge(verdict):
    """Return the HTML badge of a verdict: a sign and the word, so that colour is not needed.

    Parameters
    ----------
    verdict : str
        One of :data:`VERDICTS`.

    Returns
    -------
    str

    Examples
    --------
    >>> verdict_badge("rounding")
    '<span class="verdict verdict-rounding"><span aria-hidden="true">≈</span> rounding</span>'
    """
    name = verdict.replace(" ", "-")
    sign = f'<span aria-hidden="true">{_SIGNS[verdict]}</span>'
    return f'<span class="verdict verdict-{name}">{sign} {verdict}</span>'
