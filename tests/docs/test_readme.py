"""The README's commands, run as a newcomer would: make an organisation and a key, post, and post again."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
ALLIANCE = [sys.executable, "-m", "app.cli.main"]


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Do what `make serve` does, on a database and a port of the test's own."""
    folder = tmp_path_factory.mktemp("readme")
    environment = {
        **os.environ,
        "ALLIANCE_DATABASE_URL": f"sqlite:///{folder}/var/alliance.db",
        "ALLIANCE_SECRETS_DIR": f"{folder}/var/secrets",
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    subprocess.run([*ALLIANCE, "migrate"], cwd=ROOT, env=environment, check=True, capture_output=True)
    server = subprocess.Popen(
        [*ALLIANCE, "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url)
        yield url, environment
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_ready(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not become ready")


def _assigned(block: str, variables: dict[str, str], environment: dict[str, str]) -> None:
    """Run a block of NAME=$(.venv/bin/alliance ...) lines, as a shell would."""
    for line in re.findall(r"^\w+=\$\(.*?\)$", block.replace("\\\n", " "), re.MULTILINE):
        name, command = line[:-1].split("=$(.venv/bin/alliance ", 1)
        words = [variables.get(word.removeprefix("$"), word) for word in shlex.split(command)]
        run = subprocess.run([*ALLIANCE, *words], cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        variables[name] = run.stdout.strip()


def _posted(block: str, variables: dict[str, str], url: str) -> httpx.Response:
    """Send what the curl command sends."""
    words = shlex.split(block.replace("\\\n", " "))
    assert words[:2] == ["curl", "-sS"]
    target = words[2].replace("http://127.0.0.1:8000", url)
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    headers = {name: value.replace("$KEY", variables["KEY"]) for name, value in headers.items()}
    return httpx.post(target, headers=headers, content=words[words.index("-d") + 1])


def test_the_readmes_commands_end_in_the_readmes_answer(served: tuple[str, dict[str, str]]) -> None:
    """Two commands and one curl give 201 and, number for number, what the README shows; again, they give a replay."""
    url, environment = served
    make_serve, commands, curl = blocks("sh")
    assert make_serve == "make serve\n"
    variables: dict[str, str] = {}
    _assigned(commands, variables, environment)
    first = _posted(curl, variables, url)
    assert first.status_code == 201, first.text
    _assert_contains(first.json(), json.loads(blocks("json")[0]))
    again = _posted(curl, variables, url)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"


def _assert_contains(answer: Any, shown: Any) -> None:
    """Check that everything shown stands in the answer; lists of objects are matched by their component."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            _assert_contains(answer[name], value)
    elif isinstance(shown, list) and shown and isinstance(shown[0], dict):
        for number, one in enumerate(shown):
            found = (
                [a for a in answer if a.get("component") == one["component"]]
                if "component" in one
                else [answer[number]]
            )
            _assert_contains(found[0], one)
    else:
        assert answer == shown
