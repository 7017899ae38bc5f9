"""Bring README, CITATION.cff, .zenodo.json and codecheck.yml in line with the data.

Run it after a verdict, a paper or the version changed; a test says when that is needed.

Counts of verdicts come from ``tests/expected/``, which a test holds equal to the reports; questions
that papers leave open from ``discrepancies.csv``; papers cited from the notebooks' metadata and
``data/<stem>/paper.toml``.
"""

import csv
import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import yaml

from vlms.printed import VERDICTS

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- from the data: .*? -->\n).*?(<!-- end -->)", re.S)


def read(path):
    """Text of a file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


def rows(path):
    """Rows of a CSV file; none where there is no file."""
    path = ROOT / path
    return list(csv.DictReader(path.open(encoding="utf-8", newline=""))) if path.exists() else []


def papers():
    """What each paper's notebook, or its paper.toml, says of it: stem, title, citation, doi."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        about = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("vlms", {})
        if about.get("kind") == "paper":
            found[path.stem] = about
    for path in sorted((ROOT / "data").glob("*/paper.toml")):
        about = tomllib.loads(path.read_text(encoding="utf-8"))
        found[path.parent.name] = {**found.get(path.parent.name, {}), **about}
    return dict(sorted(found.items(), key=lambda item: (item[1].get("order", 100), item[0])))


def found():
    """The table of verdicts, and the questions that matter to patients, as Markdown."""
    lines = [
        "| paper | claims | " + " | ".join(VERDICTS) + " |",
        "|---" * (2 + len(VERDICTS)) + "|",
    ]
    questions = []
    for stem, about in papers().items():
        counts = Counter(row["verdict"] for row in rows(f"tests/expected/{stem}_verdicts.csv"))
        if not counts:
            continue
        name = f"[{about['title'].partition(':')[0]}](https://doi.org/{about['doi']})"
        cells = [str(counts[verdict]) for verdict in VERDICTS]
        lines.append(f"| {name} | {counts.total()} | {' | '.join(cells)} |")
        open_ones = rows(f"data/{stem}/discrepancies.csv")
        titles = [row["title"] for row in open_ones if row["matters"] == "patient"]
        if titles:
            questions.append(
                f"{about['title'].partition(':')[0]} gives two answers to {len(open_ones)}"
                f" questions; {len(titles)} of them matter to a patient:\n"
                + "\n".join(f"- {title}" for title in titles)
            )
    return "\n".join(lines) + "\n\n" + "\n\n".join(questions) + "\n"


def reference(about):
    """An entry of CITATION.cff from ``Authors. Title. Journal year;volume(issue):start–end.``"""
    *authors, title, rest = re.split(r"[.?] (?=[A-Z])", about["citation"].rstrip("."))
    where = re.match(
        r"(.+?) ((?:19|20)\d\d)\b(?:;(\w+))?(?:\((\w+)\))?(?::(\w+))?(?:[-–](\w+))?", rest
    )
    if not where or len(authors) > 1:
        raise ValueError(f"not 'Authors. Title. Journal year;…': {about['citation']}")
    people = (authors or ["anonymous"])[0].split(", ")
    names = ("family-names", "given-names")
    places = zip(
        ("journal", "year", "volume", "issue", "start", "end"), where.groups(), strict=True
    )
    entry = {
        "type": "article",
        "title": title,
        "authors": [
            dict(zip(names, person.rsplit(" ", 1), strict=True))
            if " " in person and not person.endswith((" al", " Jr"))
            else {"name": person.replace("et al", "et al.")}
            for person in people
        ],
        **{name: int(place) if name == "year" else place for name, place in places if place},
    }
    return entry | ({"doi": about["doi"]} if "doi" in about else {})


def files():
    """Path → what the file is to hold."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    cited = yaml.safe_load(read("CITATION.cff"))
    known = {each.get("doi") or each["title"] for each in cited["references"]}
    published = [about for about in papers().values() if "citation" in about]
    cited["version"] = project["version"]
    cited["references"] += [
        entry
        for entry in map(reference, published)
        if (entry.get("doi") or entry["title"]) not in known
    ]
    as_yaml = {"sort_keys": False, "allow_unicode": True, "width": 100}
    related = [
        {
            "identifier": each["doi"],
            "relation": "isDerivedFrom",
            "resource_type": "publication-article",
        }
        for each in cited["references"]
        if "doi" in each
    ]
    zenodo = {
        "title": cited["title"],
        "description": cited["abstract"],
        "upload_type": "software",
        "version": project["version"],
        "license": "MIT",
        "access_right": "open",
        "language": "eng",
        "creators": [{"name": each["name"]} for each in cited["authors"]],
        "keywords": cited["keywords"],
        "related_identifiers": related,
    }
    manifest = [{"file": "reports/verdicts.csv", "comment": "Every verdict of every paper"}]
    for stem, about in papers().items():
        if (ROOT / f"tests/expected/{stem}_verdicts.csv").exists():
            title = about["title"].partition(":")[0]
            manifest += [
                {"file": f"reports/{stem}_verdicts.csv", "comment": f"Verdicts on {title}"},
                {"file": f"reports/{stem}.html", "comment": f"Report on {title}"},
            ]
    manifest.append({"file": "reports/overview.html", "comment": "The papers side by side"})
    check = {
        "version": "https://codecheck.org.uk/spec/config/1.0",
        "paper": {
            "title": cited["title"],
            "authors": [{"name": a["name"]} for a in cited["authors"]],
        },
        "manifest": manifest,
        "summary": "`make reports` makes every file of the manifest; `make certificate` makes them"
        " again in a clean clone and writes what agreed to reports/certificate.md.",
    }
    return {
        "README.md": BLOCK.sub(lambda mark: mark[1] + found() + mark[2], read("README.md")),
        "CITATION.cff": yaml.safe_dump(cited, **as_yaml),
        ".zenodo.json": json.dumps(zenodo, indent=2, ensure_ascii=False) + "\n",
        "codecheck.yml": yaml.safe_dump(check, **as_yaml),
    }


if __name__ == "__main__":
    for name, text in files().items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
