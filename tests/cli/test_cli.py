from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Shell, plain

COMMANDS = {
    (): {"serve", "migrate", "orgs", "apps", "instruments", "score", "demo", "doctor"},
    ("orgs",): {"create", "list"},
    ("apps",): {"create", "list", "keys", "add-key", "revoke-key"},
    ("instruments",): {"list", "show", "enable"},
    ("backup",): {"create", "keys", "verify", "restore", "finish"},
}


@pytest.mark.parametrize("group", COMMANDS)
def test_help_lists_every_command(bare: Shell, group: tuple[str, ...]) -> None:
    """Each command stands at the beginning of a line of its group's help."""
    done = bare.run(*group, "--help")
    assert done.code == 0
    starts = {words[0] for line in done.out.splitlines() if (words := line.strip("│| ").split())}
    assert COMMANDS[group] <= starts


@pytest.mark.parametrize(
    "words", [(*group, name) for group, names in COMMANDS.items() for name in names if (name,) not in COMMANDS]
)
def test_every_command_explains_itself(bare: Shell, words: tuple[str, ...]) -> None:
    """--help of each command ends well and touches nothing."""
    done = bare.run(*words, "--help")
    assert (done.code, "Usage" in done.out) == (0, True)
    assert list(bare.folder.iterdir()) == []


def test_help_loads_no_heavy_library() -> None:
    """What only commands need is imported by commands, so that --help is there at once."""
    listed = "import sys, app.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", listed], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"alembic", "fastapi", "httpx", "pydantic", "sqlalchemy", "uvicorn"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "words",
    [
        ("migrate",),
        ("orgs", "list"),
        ("instruments", "list"),
        ("instruments", "show", "wai-s"),
        ("doctor",),
        ("score", "wai-sr", "1=4"),
    ],
)
def test_json_is_all_that_stands_on_standard_output(shell: Shell, words: tuple[str, ...]) -> None:
    """A program can parse what --json prints, whatever the command has to say to a person."""
    assert isinstance(shell.data(*words), dict | list)


def test_migrating_twice_is_the_same_as_once(bare: Shell) -> None:
    """The second time there is nothing to do, and the data stays."""
    first = bare.data("migrate")
    organisation = bare.organisation()
    assert bare.data("migrate") == first
    assert [row["organisation_id"] for row in bare.data("orgs", "list")] == [organisation]
    assert f"The database is at {first['revision']}." in bare.run("migrate").err


def test_a_database_url_of_another_kind_is_refused(bare: Shell) -> None:
    """The sentence says which kinds there are, and does not repeat the URL."""
    said = bare.refused("migrate", ALLIANCE_DATABASE_URL="mysql://root:hunter2@db/x")
    assert "sqlite:// or postgresql://" in said
    assert "hunter2" not in said


def test_a_database_that_cannot_be_opened_is_a_sentence(bare: Shell) -> None:
    """A folder in the place of the file ends migrate without a traceback."""
    (bare.folder / "alliance.db").mkdir()
    assert "the database can't be migrated" in bare.refused("migrate")


@pytest.mark.parametrize(
    "words",
    [
        ("orgs", "list"),
        ("orgs", "create", "Clinic"),
        ("apps", "list", "--org", "0199aaaa-0000-7000-8000-000000000001"),
        ("serve",),
    ],
)
def test_without_a_schema_commands_name_migrate(bare: Shell, words: tuple[str, ...]) -> None:
    """Whoever forgot it is told what to run."""
    assert "run `alliance migrate`" in bare.refused(*words)


def test_a_setting_that_cannot_be_used_is_named_without_its_value(bare: Shell) -> None:
    """The name is enough to find it; a value may be a secret in the wrong place."""
    said = bare.refused("orgs", "list", ALLIANCE_ENV="hunter2")
    assert "the setting ALLIANCE_ENV can't be used" in said
    assert "hunter2" not in said


def test_in_production_missing_secrets_are_not_made(shell: Shell, tmp_path: Path) -> None:
    """A new secret would make every stored key and reference useless, so the command stops."""
    elsewhere = tmp_path / "elsewhere"
    said = shell.refused("orgs", "list", ALLIANCE_ENV="production", ALLIANCE_SECRETS_DIR=str(elsewhere))
    assert "api-key-pepper is missing" in said
    assert not elsewhere.exists()


def test_doctor_finds_nothing_wrong(shell: Shell) -> None:
    """A migrated database with its secrets passes every check, in both forms of the answer."""
    told = shell.data("doctor")
    assert told["checks"] == [
        {"name": "instruments", "ok": True, "wrong": None},
        {"name": "recommendations", "ok": True, "wrong": None},
        {"name": "secrets", "ok": True, "wrong": None},
        {"name": "issuer", "ok": True, "wrong": None},
        {"name": "database", "ok": True, "wrong": None},
    ]
    assert told["settings"]["ALLIANCE_ENV"] == "development"
    assert told["keys_that_end_soon"] == []
    done = shell.run("doctor")
    assert (done.code, "ALLIANCE_SECRETS_DIR" in done.out, "Something is wrong" in done.err) == (0, True, False)


def test_doctor_finds_a_database_without_schema(bare: Shell) -> None:
    """It ends with 1 and names the remedy; with --json the answer is still JSON."""
    done = bare.run("doctor")
    assert done.code == 1
    assert "run `alliance migrate`" in plain(done.out)
    machine = bare.run("doctor", "--json")
    assert json.loads(machine.out)["keys_that_end_soon"] is None
    wrong = {check["name"]: check["wrong"] for check in json.loads(machine.out)["checks"] if not check["ok"]}
    assert (machine.code, wrong) == (1, {"database": "no schema yet or an old one: run `alliance migrate`"})


@pytest.mark.parametrize("secret", ["audit-key", "master-key", "signing"])
def test_doctor_misses_each_secret(shell: Shell, secret: str) -> None:
    """The service would not start without it."""
    shell.organisation()
    there = shell.folder / "secrets" / secret
    there.rename(shell.folder / "elsewhere")
    done = shell.run("doctor", ALLIANCE_ENV="production")
    assert (done.code, secret in done.out) == (1, True)


def test_doctor_tells_of_a_database_that_is_none(shell: Shell) -> None:
    """In a word, without a traceback."""
    shell.organisation()
    (shell.folder / "alliance.db").write_bytes(b"no database" * 1000)
    done = shell.run("doctor")
    assert (done.code, "storage_unavailable" in done.out) == (1, True)


def test_doctor_hides_passwords(bare: Shell) -> None:
    """What is shown may end up in a ticket."""
    done = bare.run("doctor", ALLIANCE_DATABASE_URL="postgresql://alliance:hunter2@127.0.0.1:1/x")
    assert done.code == 1
    assert "alliance:***@127.0.0.1" in done.out
    assert "hunter2" not in done.out + done.err


def test_orgs_are_made_and_listed(shell: Shell) -> None:
    """The list holds what was made; a plain answer is the id alone."""
    first = shell.organisation()
    second = shell.run("orgs", "create", "Praxis Süd", "--plain").out.strip()
    listed = shell.data("orgs", "list")
    assert [(row["organisation_id"], row["name"]) for row in listed] == [(first, "Clinic"), (second, "Praxis Süd")]
    assert all(row["created_at"] for row in listed)
    table = shell.run("orgs", "list")
    assert (table.code, first in table.out, "Praxis Süd" in table.out) == (0, True, True)


@pytest.mark.parametrize("name", [" ", "x" * 201, "line\nbreak"])
def test_a_name_that_cannot_be_read_is_refused(shell: Shell, name: str) -> None:
    """Empty, endless and unprintable names stay out."""
    assert "a name has 1 to 200 printable characters" in shell.refused("orgs", "create", name)
    assert shell.data("orgs", "list") == []


def test_a_name_that_looks_like_markup_is_shown_as_it_is(shell: Shell) -> None:
    """Square brackets in a name neither vanish nor break the table."""
    done = shell.run("orgs", "create", "a[/b]c [bold]")
    assert (done.code, "a[/b]c [bold]" in done.out) == (0, True)
    assert shell.run("instruments", "show", "[/x]").code == 1
