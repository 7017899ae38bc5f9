"""Opening a file that may be anything: only a plain one, decoded strictly, line by bounded line.

What is a folder, a pipe, a device or an address on a network is refused before it is opened, so
that nothing is waited for, fetched or read without end.
"""

import io
import os
import re
import stat
from pathlib import Path

ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252")
LONGEST_LINE = 1_000_000  # characters; a longer one is damage or an attack

_NOT_TEXT = {
    b"PK\x03\x04": "an Excel or OpenDocument workbook, or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"SQLite": "a database",
}


def open_plain(path, findings):
    """Open a plain file for reading bytes; raise CohortError for anything else.

    Raises
    ------
    OSError
        If the system will not open it.
    """
    try:
        name = os.fsdecode(os.fsencode(path))
    except (TypeError, UnicodeError):
        name = ""
    if re.match(r"[a-z][a-z0-9+.-]+:/", name, re.IGNORECASE):
        findings.error(
            "an address on a network, which is never fetched", "save the file on this machine"
        )
    elif "\0" in name or not name:
        findings.error("not the path of a file", "give the path of a CSV file")
    findings.stop_if_any()
    kind = Path(name).stat().st_mode
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a device, pipe or socket"
        findings.error(f"{what}, not a file", "give the path of a CSV file")
        findings.stop_if_any()
    # Not to wait for ever, should the file turn into a pipe in between.
    descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        findings.error("changed while it was opened", "try again")
        findings.stop_if_any()
    return os.fdopen(descriptor, "rb")


def decode(binary, encoding, findings) -> io.TextIOWrapper:
    """Wrap bytes as text: UTF-8, or UTF-16 by its mark, unless another encoding is asked for."""
    start = binary.read(64)
    if start is None:  # a plain file in name only, such as a log of the kernel's
        findings.error("nothing can be read from it", "give the path of a CSV file")
        findings.stop_if_any()
    binary.seek(0)
    for magic, what in _NOT_TEXT.items():
        if start.startswith(magic):
            findings.error(f"{what}, not text", "save the sheet as CSV (UTF-8)")
    if not start:
        findings.error("the file is empty", "`vlms template` writes one to fill in")
    marked = None
    if start.startswith(b"\xef\xbb\xbf"):
        marked = "utf-8"
    elif start.startswith((b"\xff\xfe", b"\xfe\xff")):
        marked = "utf-16"
    asked = str(encoding or marked or "utf-8").casefold().replace("_", "-")
    asked = {"utf8": "utf-8", "utf-8-sig": "utf-8", "utf16": "utf-16"}.get(asked, asked)
    asked = {"latin1": "latin-1", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}.get(
        asked, asked
    )
    if asked not in ENCODINGS:
        findings.error(f"unknown encoding {encoding!r}", f"use one of {', '.join(ENCODINGS)}")
    elif marked and asked != marked:
        findings.error(
            f"asked to be read as {asked}, but it begins with the mark of {marked}",
            "leave the encoding out",
        )
    elif asked == "utf-16" and not marked:
        findings.error("UTF-16 without its mark", "save the file as UTF-8")
    findings.stop_if_any()
    codec = "utf-8-sig" if asked == "utf-8" else asked
    return io.TextIOWrapper(binary, encoding=codec, errors="strict", newline="")


def bounded_lines(text, findings):
    """Yield lines, never holding more than one of a bounded length."""
    number = 0
    try:
        while line := text.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE or "\0" in line:
                nul = "\0" in line[:LONGEST_LINE]
                findings.error(
                    "a NUL byte: damaged, or UTF-16 without its mark"
                    if nul
                    else f"a line of more than {LONGEST_LINE} characters",
                    "save the sheet as CSV (UTF-8)" if nul else "is this a table?",
                    line=number,
                )
                findings.stop_if_any()
            yield line
    except UnicodeError as error:
        read, start = getattr(error, "object", b""), getattr(error, "start", 0)
        found = read[start:][:4]
        # Text is decoded in blocks: the lines before the fault were not yielded yet.
        sound = read[:start].decode(getattr(error, "encoding", text.encoding), "ignore")
        number += len(re.findall("\r\n|\r|\n", sound))
        findings.error(
            f"not {text.encoding.replace('-sig', '').upper()}: the bytes {found!r}",
            "save the file as CSV (UTF-8), or say --encoding latin-1 if that is what it is",
            line=number + 1,
        )
        findings.stop_if_any()
