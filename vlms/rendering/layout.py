"""Fill the page templates: style, script and the policy that admits no other.

A page is one file. Its Content-Security-Policy names its style and its script by their SHA-256
and forbids all else that could run or be fetched.
"""

import base64
import functools
import hashlib
from pathlib import Path

import jinja2

from vlms.verdicts import VERDICTS

TEMPLATE = Path(__file__).with_name("template")


def fill(template, **values):
    """Fill one of the page templates, with style, script and the policy that admits only them.

    Parameters
    ----------
    template : str
        The name of a file in the template folder.
    **values
        What the template uses.

    Returns
    -------
    str
    """
    style = (TEMPLATE / "style.css").read_text(encoding="utf-8")
    script = (TEMPLATE / "page.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}';"
        f" script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    page = _templates().get_template(template)
    return page.render(style=style, script=script, policy=policy, **values)


def count_verdicts(claims):
    """Count the claims under each verdict.

    Parameters
    ----------
    claims : iterable of dict
        Rows of a ledger.

    Returns
    -------
    dict of str to int
        In the order of the verdicts; empty when there are no claims.

    Examples
    --------
    >>> count_verdicts([{"verdict": "rounding"}, {"verdict": "reproduced"}])
    {'reproduced': 1, 'rounding': 1}
    """
    given = [claim["verdict"] for claim in claims]
    return {verdict: given.count(verdict) for verdict in VERDICTS if verdict in given}


def _digest(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _templates():
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
