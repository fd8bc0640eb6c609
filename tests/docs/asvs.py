"""docs/asvs.md from docs/security/asvs.csv: a row for each requirement, with what shows it.

Ids and levels (`asvs-ids.csv`) are those of the OWASP Application Security Verification Standard 5.0.0 (CC BY-SA 4.0),
levels 1 and 2 of all chapters and level 3 of V8, V9 and V16. What each is about is said in our own words.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATUSES = ("met", "not met", "operator", "does not apply")
#: In our own words, too.
CHAPTERS = {
    "V1": "encoding and cleaning", "V2": "validation and the rules of the domain", "V3": "browsers",
    "V4": "APIs", "V5": "files", "V6": "authentication", "V7": "sessions", "V8": "authorization",
    "V9": "self-contained tokens", "V10": "OAuth and OIDC", "V11": "cryptography", "V12": "transport",
    "V13": "configuration", "V14": "protection of data", "V15": "how it is built", "V16": "logs and errors",
    "V17": "WebRTC",
}  # fmt: skip
_HEAD = """\
# OWASP ASVS 5.0, row by row

Written by `make docs` from [security/asvs.csv](security/asvs.csv). Ids and levels are those of the [OWASP Application
Security Verification Standard](https://github.com/OWASP/ASVS) 5.0.0 (CC BY-SA 4.0): levels 1 and 2 of every chapter,
level 3 of V8, V9 and V16. What a row is about is said in few words of ours; the standard's own count. We have gone
through it ourselves; nobody else has verified it.

- **met**: the tests or documents that show it. A test stands for what it tries, not for all that could be meant.
- **not met**: with what is missing.
- **operator**: the service can't do it by itself; the document says what there is to do.
- **does not apply**: with the reason.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is said of one requirement."""

    id: str
    level: str
    about: str
    status: str
    shown_by: tuple[str, ...]
    note: str

    @property
    def chapter(self) -> str:
        """The chapter it belongs to."""
        return self.id.split(".", maxsplit=1)[0]


def levels() -> dict[str, str]:
    """Return the level of every requirement, in the standard's order."""
    with (ROOT / "docs" / "security" / "asvs-ids.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["level"] for row in csv.DictReader(file)}


def rows() -> list[Row]:
    """Read what is said of each."""
    level = levels()
    with (ROOT / "docs" / "security" / "asvs.csv").open(encoding="utf-8", newline="") as file:
        return [
            Row(
                id=row["id"],
                level=level.get(row["id"], ""),
                about=row["about"],
                status=row["status"],
                shown_by=tuple(row["shown_by"].split()),
                note=row["note"],
            )
            for row in csv.DictReader(file)
        ]


def page(said: list[Row]) -> str:
    """Write the page."""
    parts = [_HEAD, _counts(said)]
    for chapter, of in groupby(said, key=lambda row: row.chapter):
        lines = [
            f"\n## {chapter}: {CHAPTERS[chapter]}\n",
            "| id | level | about | status | shown by |",
            "|---|---|---|---|---|",
        ]
        lines += [f"| {row.id} | {row.level} | {row.about} | {_status(row)} | {_shown(row)} |" for row in of]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def _counts(said: list[Row]) -> str:
    counted = Counter((row.status, row.level) for row in said)
    lines = ["\n| status | level 1 | level 2 | level 3 | all |", "|---|---|---|---|---|"]
    for status in STATUSES:
        numbers = [counted[status, level] for level in "123"]
        lines.append(f"| {status} | {' | '.join(map(str, numbers))} | {sum(numbers)} |")
    return "\n".join(lines) + "\n"


def _status(row: Row) -> str:
    return f"**{row.status}**" if row.status == "not met" else row.status


def _shown(row: Row) -> str:
    said = [row.note] if row.note else []
    return "; ".join([*said, *map(_link, row.shown_by)])


def _link(shown: str) -> str:
    path, _, test = shown.partition("::")
    target = path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"
    return f"[{test or path.partition('#')[0]}]({target})"


if __name__ == "__main__":
    sys.stdout.write(page(rows()))
