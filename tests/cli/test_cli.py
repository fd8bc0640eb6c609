"""The command line, as an operator uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Shell:
    """Runs `alliance` on a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "COLUMNS": "160",
            "ALLIANCE_DATABASE_URL": f"sqlite:///{folder / 'alliance.db'}",
            "ALLIANCE_SECRETS_DIR": str(folder / "secrets"),
        }

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command."""
        return subprocess.run(
            [sys.executable, "-m", "app.cli.main", *words],
            cwd=ROOT,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def data(self, *words: str) -> Any:
        """Run one command with --json and parse its standard output."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell on a migrated database."""
    made = Shell(tmp_path)
    assert made.run("migrate").returncode == 0
    return made


def test_an_organisation_gets_an_application_with_two_keys_at_most(shell: Shell) -> None:
    """A third living key is refused; after a revocation there is room again."""
    org = shell.data("orgs", "create", "Clinic")["organisation_id"]
    made = shell.data("apps", "create", "ehr", "--org", org, "--scope", "scores:read")
    assert made["api_key"].startswith("alliance_")
    app = made["application_id"]
    second = shell.data("apps", "add-key", "--org", org, "--app", app)
    third = shell.run("apps", "add-key", "--org", org, "--app", app)
    assert (third.returncode, "at most 2 keys alive" in third.stderr) == (1, True)
    assert shell.data("apps", "revoke-key", second["key_id"], "--org", org)["revoked"] is True
    assert shell.run("apps", "add-key", "--org", org, "--app", app).returncode == 0
    assert [a["keys_alive"] for a in shell.data("apps", "list", "--org", org)] == [2]


def test_an_unknown_scope_is_refused_by_name(shell: Shell) -> None:
    """The sentence names the scope and those that exist."""
    org = shell.data("orgs", "create", "Clinic")["organisation_id"]
    done = shell.run("apps", "create", "ehr", "--org", org, "--scope", "everything")
    assert done.returncode == 1
    assert "unknown scope: everything" in done.stderr


def test_instruments_are_listed_and_enabled(shell: Shell) -> None:
    """Only an instrument from recall can be enabled, with what it was checked against."""
    org = shell.data("orgs", "create", "Clinic")["organisation_id"]
    assert [i["key"] for i in shell.data("instruments", "list")] == ["trq-s", "trq-s-t", "wai-s", "wai-sr"]
    enabled = shell.data("instruments", "enable", "wai-s", "--org", org, "--checked-against", "our copy")
    assert enabled == {"instrument": "wai-s", "enabled": True}
    assert shell.run("instruments", "enable", "trq-s", "--org", org, "--checked-against", "x").returncode == 1


def test_answers_are_scored_without_a_database(tmp_path: Path) -> None:
    """Pairs and standard input give the same scores; a bad item is named without its value."""
    shell = Shell(tmp_path)
    pairs = shell.data("score", "wai-sr", "1=4,2=4,3=5,4=3,5=4,6=4,7=5,9=4,10=3,11=4,12=4")
    assert {s["component"]: s["sum"] for s in pairs["scores"]}["goal"] == 14.6667
    answers = {"answers": {"1": 4, "99": 4321}}
    bad = shell.run("score", "trq-s", "-", stdin=json.dumps(answers))
    assert (bad.returncode, "/answers/99 unknown_item" in bad.stderr, "4321" in bad.stderr) == (1, True, False)


def test_an_unmigrated_database_is_said_to_be_one(tmp_path: Path) -> None:
    """Commands name `alliance migrate`, and the doctor finds it too."""
    shell = Shell(tmp_path)
    done = shell.run("orgs", "list")
    assert (done.returncode, "alliance migrate" in done.stderr) == (1, True)
    assert shell.run("doctor").returncode == 1
    assert shell.run("migrate").returncode == 0
    assert [check["ok"] for check in shell.data("doctor")["checks"]] == [True, True, True, True]


def test_the_demo_runs_to_its_end(tmp_path: Path) -> None:
    """Twenty clients are posted through the API and shown, with replays, a total not scored, stages and advice."""
    done = Shell(tmp_path).run("demo", "--exit")
    assert done.returncode == 0, done.stderr
    for shown in ("Invented data", "demo-client-20", "termination", "uncertain", "ending.planned", "POMP = 100 x"):
        assert shown in done.stdout
    assert not list(tmp_path.iterdir())
