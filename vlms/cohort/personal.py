"""Columns that look as if they named a person: names, dates of birth, national numbers.

By the words of the header, in a few languages, or by the shape of the cells: dates and years long
ago, and national numbers, with their check digits where they have any. It is a hint for whoever
holds the file: what is not found here may still name somebody.
"""

import re
import unicodedata
from collections.abc import Callable

from vlms.cohort.tables import TextTable

# Headers as small letters and digits, without accents.
_HEADERS = {
    "a name": "((pat|patients?|patienten|first|last|full|family|given|maiden|middle|birth)?names?"
    "|surname|forename|initial(s|en|es)|(vor|nach|familien)name|nom(defamille)?|prenom|nombre|apellidos?"
    "|cognome|nome|sobrenome|(achter|voor)?naam|(for|efter)navn|(for|efter)namn)",
    "a date of birth": "(dob|yob|birth(date|day|year)?|(date|day|year)ofbirth|born|geboren|jahrgang"
    "|geb(datum|dat|tag)?|geburts(datum|tag|jahr)|((date|annee)de)?naissance|ddn"
    "|((fecha|ano)de)?nacimiento|((data|anno)di)?nascita|datadenascimento|geboortedatum"
    "|fodselsdato|fodelsedatum)",
    "a national number": "(ahv|avs|ssn|socialsecurity|nhs|cpr|sv|sozialversicherungs|versicherten"
    "|nationalinsurance|insurance|passport|national|steuer|steueridentifikations)"
    "(nr|no|number|nummer|id)|ahv|avs|ssn|nhs|cpr|steueridnr|nir|insee|(numerode)?securitesociale"
    "|codicefiscale|dni|bsn|personnummer|fodselsnummer",
}
# A day or a year: its year is in the first or the second group.
_DAY = re.compile(
    r"(?:(\d{4})[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}))([ T].*)?", re.ASCII
)
_YEAR = re.compile(r"(1[89]\d\d|20\d\d)(?:\.0)?()", re.ASCII)
_LONG_AGO = 1975  # patients of today were born before it; what is recorded of them came later
_TWO_NAMES = re.compile(r"[^\W\d_][^\W\d_'-]+,? [^\W\d_][^\W\d_'.-]*( [^\W\d_][^\W\d_'-]+)?")
_SAMPLE = 2_000  # distinct texts of a column that are looked at one by one


def personal_columns(table: TextTable, canonical=()) -> list[tuple[str, str, str]]:
    """Find columns that look as if they named a person.

    Parameters
    ----------
    table : TextTable
    canonical : container of int
        Places of columns that are not to be judged by their header.

    Returns
    -------
    list of (str, str, str)
        The column, as what it looks, and why.
    """
    found = []
    for place, (printed, column) in enumerate(zip(table.header, table.columns, strict=True)):
        key = _bare(printed)
        headers = () if place in canonical else _HEADERS.items()
        looks = next((what for what, words in headers if re.fullmatch(words, key)), None)
        if looks:
            found.append((printed, looks, "by its header"))
        elif shape := _shape(column.texts, is_identifier=key == "patientid"):
            found.append((printed, *shape))
    return found


def _shape(texts: list[str], *, is_identifier: bool) -> tuple[str, str] | None:
    """Say as what the cells of a column look, and why."""
    for whose, (pattern, valid, alone) in _NATIONAL_NUMBERS.items():
        some = texts if alone else texts[:_SAMPLE]
        found = re.findall(rf"(?<![\d.-]){pattern}(?![\d.-])", "\n".join(some), re.ASCII)
        cells = [number for number in found if valid(re.sub(r"\D", "", number))]
        filled = sum(1 for text in some if text.strip()) if cells else 0
        if len(cells) >= (1 if alone else max(3, filled / 2)):
            return "a national number", f"by its cells: {whose}"
    some = [text for text in map(str.strip, texts[:_SAMPLE]) if text]
    if is_identifier and sum(map(_is_name, some)) > len(some) / 2:
        return "a name", "by its cells"
    for shape, what, share in ((_DAY, "dates", 0.5), (_YEAR, "years", 1)):
        years = sorted(int(match[1] or match[2]) for match in map(shape.fullmatch, some) if match)
        if years and len(years) >= share * len(some) and years[len(years) // 2] < _LONG_AGO:
            return "a date of birth", f"by its cells: {what} long ago"
    return None


def _bare(printed: str) -> str:
    plain = printed.casefold().translate(str.maketrans({"ø": "o", "æ": "ae"}))
    return "".join(char for char in unicodedata.normalize("NFKD", plain) if char.isalnum())


def _is_name(text: str) -> bool:
    return text.istitle() and _TWO_NAMES.fullmatch(text) is not None


def _ean(number: str) -> bool:
    """Whether the last of 13 digits is the check digit of the others, as in an AHV number."""
    return sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(number)) % 10 == 0


def _mod_11(number: str) -> bool:
    """Whether the last of 10 digits is the check digit of an NHS number."""
    total = sum(int(digit) * (10 - place) for place, digit in enumerate(number))
    return total % 11 == 0 and len(set(number)) > 1


def _mod_11_10(number: str) -> bool:
    """Whether the last of 11 digits is the check digit of a Steuer-ID (ISO 7064)."""
    product = 10
    for digit in number[:-1]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(number[-1]) and number[0] != "0"


# Whose number, its shape, its check, and whether one such cell is enough to say so.
_NATIONAL_NUMBERS: dict[str, tuple[str, Callable, bool]] = {
    "AHV, Switzerland": (r"756[.]?\d{4}[.]?\d{4}[.]?\d\d", _ean, True),
    "SSN, United States": (r"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}", bool, True),
    "CPR, Denmark": (r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d-?\d{4}", bool, False),
    "NHS, England": (r"\d{3}[ -]?\d{3}[ -]?\d{4}", _mod_11, False),
    "Steuer-ID, Germany": (r"\d\d(?: ?\d{3}){3}", _mod_11_10, False),
}
