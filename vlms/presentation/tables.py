"""Tables for the reader, their numbers rounded, and the same rows whole as CSV for a program."""

import csv
import html
import io
from itertools import groupby
from operator import itemgetter

import numpy as np
import pandas as pd

from vlms.presentation.shown import Shown, check_label, check_text, is_real, one_line
from vlms.rounding import print_number, print_p
from vlms.variables import readable

TABLE_MIME = "application/vnd.vlms.table+json"

# What a spreadsheet would run as a formula.
_FORMULA = ("=", "+", "-", "@")


def show_table(
    frame,
    *,
    label,
    caption,
    columns=None,
    formats=None,
    digits=None,
    missing="–",
    headers=None,
    grouped=False,
):
    """Show a frame as a table, its numbers rounded for the reader and kept whole in a CSV.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a line; the first column becomes the row headings. A named index becomes columns.
    label : str
        What the prose calls it by: ``tbl-`` and lower-case letters, digits or hyphens.
    caption : str
        What the table holds.
    columns : list of str, optional
        Which columns to show, in this order; the CSV holds the same.
    formats : dict, optional
        Column → a format specification (``".0%"``) or a function of one value.
    digits : int or dict, optional
        Decimals of all float columns, or column → decimals. Without it each column gets as many
        as its values need for three significant digits, and a column ``p_value`` is printed as P.
    missing : str or dict
        What stands for NA, for all columns or column → text (``{"time": "not reached"}``).
    headers : dict, optional
        Column → heading. Without it ``size_cm`` is headed "size (cm)".
    grouped : bool
        Write a heading that repeats in the first column once, beside all its rows, as in Table 1.

    Returns
    -------
    Shown
        An HTML ``figure`` with the table, and the CSV under ``application/vnd.vlms.table+json``.

    Raises
    ------
    ValueError
        When the label has another form, the caption is empty, or a named column is not there.

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": ["f", "m"], "n": [9, 3], "share": [0.75, 0.25]})
    >>> print(show_table(frame, label="tbl-sex", caption="Sex.", formats={"share": ".0%"}))
    Table tbl-sex: Sex.
    sex | n | share
    f | 9 | 75%
    m | 3 | 25%
    """
    label = check_label(label, "tbl")
    caption = check_text(caption, f"The caption of {label}")
    by_column = [option for option in (formats, headers, digits, missing) if _is_map(option)]
    frame = _flat(frame, label, columns, [name for option in by_column for name in option])
    headings = [one_line((headers or {}).get(name, _heading(name))) for name in frame]
    numeric = [_is_number(frame[name]) for name in frame]
    cells = [_cells(frame[name], formats, digits, missing) for name in frame]
    rows = list(zip(*cells, strict=True))
    head = "".join(
        _cell("th", text, right, ' scope="col"')
        for text, right in zip(headings, numeric, strict=True)
    )
    body = "\n".join(_lines(rows, numeric, grouped))
    markup = (
        f'<figure id="{label}" class="vlms-table"><figcaption>{html.escape(caption)}</figcaption>'
        '<div class="table-scroll" tabindex="0" role="region"'
        f' aria-label="{html.escape(caption)}" style="overflow-x:auto"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div></figure>"
    )
    plain = "\n".join([f"Table {label}: {caption}", *(" | ".join(r) for r in [headings, *rows])])
    return Shown(
        {
            "text/html": markup,
            "text/plain": plain,
            TABLE_MIME: {"label": label, "csv": _csv(frame)},
        }
    )


def _lines(rows, numeric, grouped):
    """Yield the markup of each row; of a group of rows the first bears the heading of them all."""
    groups = [list(g) for _, g in groupby(rows, itemgetter(0))] if grouped else [[r] for r in rows]
    inner = "th" if grouped else "td"
    for group in groups:
        span = f' scope="rowgroup" rowspan="{len(group)}"' if len(group) > 1 else ' scope="row"'
        heading = _cell("th", group[0][0], numeric[0], span)
        for row in group:
            tags = [inner, *["td"] * (len(row) - 2)][: len(row) - 1]
            rest = map(_cell, tags, row[1:], numeric[1:])
            yield f"<tr>{heading}{''.join(rest)}</tr>"
            heading = ""


def _flat(frame, label, columns, named):
    """Return the columns to show; an index that carries a name or text is one of them."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"{label}: a table is shown from a DataFrame, not {type(frame)}.")
    if any(frame.index.names) or frame.index.dtype == object:
        frame = frame.reset_index()
    if not frame.columns.is_unique:
        raise ValueError(f"{label}: two columns have one name; there are {list(frame.columns)}.")
    absent = [name for name in [*(columns or []), *named] if name not in frame.columns]
    if absent:
        raise ValueError(f"{label}: no column {absent}; there are {list(frame.columns)}.")
    return frame[columns] if columns else frame


def _cells(column, formats, digits, missing):
    """Return the text of each cell of one column."""
    form = (formats or {}).get(column.name)
    places = digits.get(column.name) if isinstance(digits, dict) else digits
    absent = missing.get(column.name, "–") if isinstance(missing, dict) else missing
    if form is None:
        form = _default_format(column, places)
    return [one_line(_print_cell(value, form, absent)) for value in column]


def _print_cell(value, form, absent):
    if not isinstance(value, (list, tuple, set, np.ndarray)) and pd.isna(value):
        return absent
    if callable(form):
        return form(value)
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return ", ".join(str(item) for item in value)
    text = format(value, form or "")
    return text.replace("-", "−") if is_real(value) else text


def _default_format(column, places):
    if not pd.api.types.is_float_dtype(column):
        return None
    if places is None and column.name == "p_value":
        return print_p
    if places is None:
        sizes = column.dropna().astype(float).abs()
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        whole = bool((sizes % 1 == 0).all())
        places = 0 if whole else int(np.clip(2 - np.floor(np.log10(sizes.median())), 0, 4))
    return lambda value: _print_float(value, places)


def _print_float(value, places):
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return print_number(value, places).replace("-", "−")


def _heading(name):
    return "P" if name == "p_value" else readable(name)


def _cell(tag, text, right, scope=None):
    scope = scope or (' scope="row"' if tag == "th" else "")
    side = "right" if right else "left"
    return f'<{tag}{scope} style="text-align:{side}">{html.escape(text)}</{tag}>'


def _csv(frame):
    """Return the frame as CSV in which no text begins as a spreadsheet formula does."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([_unarmed(str(name)) for name in frame])
    for row in frame.itertuples(index=False, name=None):
        writer.writerow(["" if _is_missing(value) else _unarmed(value) for value in row])
    return lines.getvalue()


def _unarmed(value):
    """Return text on one line, which csv does not see to for a carriage return, and disarmed."""
    if not isinstance(value, str):
        return value
    line = one_line(value)
    return f"'{line}" if line.startswith(_FORMULA) else line


def _is_number(column):
    kind = pd.api.types
    return kind.is_numeric_dtype(column) and not kind.is_bool_dtype(column)


def _is_map(option):
    return isinstance(option, dict)


def _is_missing(value):
    return np.ndim(value) == 0 and bool(pd.isna(value))
