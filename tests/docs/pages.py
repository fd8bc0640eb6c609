"""The pages and their code blocks, and a place to run them in: a folder, a shell and a service on the defaults."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
#: The pages whose blocks are run. docs/instruments.md is written from the catalogue, docs/validation.md
#: by `make validation`, docs/asvs.md from its rows; they have none.
RUN = (README, *sorted((ROOT / "docs").glob("*.md")))
#: Where the pages say that the service is.
ADDRESS = "127.0.0.1:8000"


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line of its page where it begins."""

    page: str
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        """Page and line, as an editor opens them."""
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Read a page's fenced blocks, in order."""
    text = page.read_text("utf-8")
    name = str(page.relative_to(ROOT))
    return [
        Block(page=name, line=text.count("\n", 0, found.start()) + 1, language=found[1], text=found[2])
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


def keys_of_the_readme() -> Block:
    """Return the README's block that makes the organisation and the key: the other pages begin after it."""
    return next(block for block in blocks(README) if block.text.startswith("ORG="))


@dataclass(frozen=True)
class Exchange:
    """A request that a block sent, and its answer."""

    method: str
    url: str
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Workshop:
    """A folder that looks like a checkout, where blocks are run one after the other as a reader would."""

    folder: Path
    address: str
    said: str = ""
    _known: str | None = None

    def begin(self, page: Path) -> None:
        """Begin a page without answers: the README without variables, the others with those that it sets."""
        self._exchanges.write_text("")
        self._variables.write_text("")
        self.said = ""
        if page != README:
            if self._known is None:
                self.run(keys_of_the_readme())
                self._known = self._variables.read_text("utf-8")
            self._variables.write_text(self._known)

    @property
    def _variables(self) -> Path:
        return self.folder / ".variables"

    @property
    def _exchanges(self) -> Path:
        return self.folder / ".exchanges"

    def run(self, block: Block) -> None:
        """Run a block of shell or Python; its variables are there for the next one."""
        text = block.text.replace(ADDRESS, self.address)
        if block.language == "python":
            (self.folder / ".block.py").write_text(text, "utf-8")
            text = "python3 .block.py"
        script = f"set -a -e\n. ./.variables\n{text}\nexport -p > .variables\n"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.where}\n{done.stdout}\n{done.stderr}"
        self.said = done.stdout

    def last(self) -> Exchange:
        """Return the last answer that a block got with curl."""
        return Exchange(**json.loads(self._exchanges.read_text("utf-8").splitlines()[-1]))


def set_up(folder: Path) -> None:
    """Lay the folder out like a checkout after `make setup`, with our own curl before any other."""
    for name in ("app", "docs", "openapi", "tests"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / "path").mkdir()
    for place, module in ((".venv/bin", "app.cli.main"), ("path", "app.cli.main"), ("path", "tests.docs.curl")):
        name = "curl" if module.endswith("curl") else "alliance"
        _command(folder / place / name, f'exec "{sys.executable}" -m {module} "$@"')
    for place in (".venv/bin/python", "path/python3"):
        _command(folder / place, f'exec "{sys.executable}" "$@"')


def _command(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
    path.chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """Make the environment of a newcomer: none of our settings, and the commands of the folder first."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ALLIANCE_")}
    return inherited | {
        "PATH": f"{folder / 'path'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DOCS_EXCHANGES": str(folder / ".exchanges"),
    }


def lacking(shown: Any, answer: Any, at: str = "") -> list[str]:
    """List what is shown and does not stand in the answer; "..." stands for any text.

    Objects may show some of their fields. Objects in a list are matched by `component` or `key` where they have one,
    else by their place.
    """
    if isinstance(shown, dict):
        if not isinstance(answer, dict):
            return [f"{at}: {answer!r} is no object"]
        return [
            fault
            for name, value in shown.items()
            for fault in (lacking(value, answer[name], f"{at}/{name}") if name in answer else [f"{at}/{name}: absent"])
        ]
    if isinstance(shown, list) and isinstance(answer, list) and any(isinstance(one, dict) for one in shown):
        return [fault for place, one in enumerate(shown) for fault in _lacking_one(one, place, answer, at)]
    if shown == answer or (shown == "..." and isinstance(answer, str)):
        return []
    return [f"{at}: {shown!r} shown, {answer!r} answered"]


def _lacking_one(one: Any, place: int, answer: Sequence[Any], at: str) -> list[str]:
    name = next((name for name in ("component", "key") if name in one), None)
    if name is None:
        found = list(answer[place : place + 1])
    else:
        found = [other for other in answer if other.get(name) == one[name]]
    return lacking(one, found[0], f"{at}/{place}") if found else [f"{at}/{place}: absent"]
