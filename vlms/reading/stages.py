"""Stages and grades: read alone ("T2") or out of a whole TNM cell ("T2 N0 M1 (lung) G3")."""

import re

from vlms.reading.cells import LONGEST_TEXT, PLAIN, Cell, CellError, Rules, absence, tidy

_GRADES = {
    "1": 1,
    "2": 2,
    "3": 3,
    "i": 1,
    "ii": 2,
    "iii": 3,
    "low": 1,
    "intermediate": 2,
    "high": 3,
}


_UNGRADED = {"x": "not graded", None: ""}
_HIGHEST = {"t": 4, "n": 1, "m": 1}  # of soft tissue sarcomas


def parse_t_stage(text: str, rules: Rules = PLAIN) -> Cell:
    """Read the T of a stage, alone or out of a TNM cell such as "T2 N0 M0 G2".

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Such as "T2" or "Tis"; None without a T.

    Examples
    --------
    >>> parse_t_stage("T2 N0 M0 G2")
    Cell(value='T2', note='')
    """
    return _stage(text, rules, "t")


def parse_n_stage(text: str, rules: Rules = PLAIN) -> Cell:
    """Read the N of a stage, alone or out of a TNM cell.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Such as "N0"; None without an N.

    Examples
    --------
    >>> parse_n_stage("T2 N0 M0 G2")
    Cell(value='N0', note='')
    """
    return _stage(text, rules, "n")


def parse_m_stage(text: str, rules: Rules = PLAIN) -> Cell:
    """Read the M of a stage, alone or out of a TNM cell.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        Such as "M1"; None without an M.

    Examples
    --------
    >>> parse_m_stage("T2N0 M1 (pulmo) G3")
    Cell(value='M1', note='')
    """
    return _stage(text, rules, "m")


def parse_grade(text: str, rules: Rules = PLAIN) -> Cell:
    """Read a grade from 1 to 3, alone or out of a TNM cell.

    Parameters
    ----------
    text : str
    rules : Rules

    Returns
    -------
    Cell
        1, 2 or 3; None where it was not graded.

    Examples
    --------
    >>> parse_grade("T2 N0 M0 G2"), parse_grade("high")
    (Cell(value=2, note=''), Cell(value=3, note='a word for a grade'))
    """
    shown = tidy(text).casefold()
    if absent := absence(shown, rules):
        return absent
    if re.match(r"[pcyr]*[tnm]\s?[0-4x]", shown):
        grade = read_tnm(shown)["g"]
        if grade not in {"1", "2", "3", "x", None}:
            raise CellError("not a grade from 1 to 3", "write G1, G2 or G3")
        return Cell(int(grade)) if grade in {"1", "2", "3"} else Cell(None, _UNGRADED[grade])
    bare = re.sub(r"^(grade|grad|g)\s*|[.,]0+$", "", shown)
    if bare == "x":
        return Cell(None, "not graded")
    if bare not in _GRADES:
        raise CellError("not a grade from 1 to 3", "write 1, 2 or 3, or map the code in a codebook")
    return Cell(_GRADES[bare], "" if bare.isdigit() else "a word for a grade")


def read_tnm(text: str) -> dict:
    """Take a TNM cell apart; every character of it must be understood.

    Examples
    --------
    >>> read_tnm("pT2 N0 (0/3) M1")
    {'t': '2', 'n': '0', 'm': '1', 'g': None}
    """
    shown = tidy(text).casefold()
    if len(shown) > LONGEST_TEXT:
        raise CellError("far too long for a stage", "write it like T2 N0 M0 G2")
    parts = dict.fromkeys("tnmg")
    rest = re.sub(r"\([^()]*\)", " ", shown)
    rest = re.sub(r"\b[rlv][0-2x]\b", " ", rest)  # margins and invasion often stand there
    for letter, stage in re.findall(r"[pcyra]*([tnmg])\s?(is|[0-4][a-d]?|x)", rest):
        if parts[letter] is not None and parts[letter] != stage:
            raise CellError(f"two different {letter.upper()} stages", "write one stage of each")
        parts[letter] = stage
    rest = re.sub(r"[pcyra]*[tnmg]\s?(is|[0-4][a-d]?|x)", " ", rest)
    if rest.strip(" ,;/") or not any(parts.values()):
        raise CellError("not a stage that can be read", "write it like T2 N0 M0 G2")
    return parts


def _stage(text: str, rules: Rules, letter: str) -> Cell:
    shown = tidy(text).casefold()
    if absent := absence(shown, rules):
        return absent
    bare = re.fullmatch(r"[0-4][a-d]?", shown)
    stage = shown if bare else read_tnm(shown)[letter]
    if stage is None and len(shown) <= 4:
        raise CellError(f"not {letter.upper()}", f"write a stage such as {letter.upper()}1")
    if stage in {None, "x"}:
        return Cell(None, f"holds no {letter.upper()}")
    if stage[0].isdigit() and int(stage[0]) > _HIGHEST[letter]:
        raise CellError(
            f"no such {letter.upper()} in soft tissue sarcomas",
            f"write one from {letter.upper()}0 to {letter.upper()}{_HIGHEST[letter]}, or map it",
        )
    return Cell(letter.upper() + stage, "a stage without its letter" if bare else "")
