"""What an operator may get wrong is said in a sentence, and nothing that is not there is found in order."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.storage.migrate import upgrade
from tests.cli.conftest import Shell, plain

NOBODY = str(UUID(int=0x019E00000000700080000000000000AB))


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "verify"),
        ("audit", "seal"),
        ("audit", "head"),
        ("audit", "export"),
        ("audit", "break-glass", "--acting", "auditor-1"),
        ("keys", "check"),
        ("keys", "rotate"),
        ("people", "holds", "--acting", "officer-9"),
        ("people", "replay-erasures"),
        ("retention", "run"),
        ("safeguarding", "retention", "run", NOBODY),
        ("safeguarding", "recipients", "list", NOBODY),
        ("apps", "list"),
        ("apps", "keys", "--app", NOBODY),
        ("issuers", "list"),
        ("teams", "list"),
    ],
    ids=" ".join,
)
def test_an_organisation_that_is_not_there_is_told(shell: Shell, words: tuple[str, ...]) -> None:
    """A mistyped id must not read as a log that is intact, or as keys that all open."""
    shell.organisation()
    named = () if words[-1] == NOBODY and "safeguarding" in words else ("--org", NOBODY)
    assert f"there is no organisation {NOBODY}" in plain(shell.refused(*words, *named))


def test_a_database_of_a_newer_version_is_not_migrated(shell: Shell) -> None:
    """It is left as it is, and the version that made it is what it needs."""
    shell.organisation()
    with closing(sqlite3.connect(shell.folder / "alliance.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '20991231'")
        connection.commit()
    assert "at 20991231, of a newer version" in plain(shell.refused("migrate"))


@pytest.mark.parametrize("words", [("orgs", "list"), ("migrate",), ("serve",), ("backup", "create", "--to", "nowhere")])
def test_a_file_that_is_no_database_is_told(shell: Shell, words: tuple[str, ...]) -> None:
    """In each command that opens it."""
    shell.organisation()
    (shell.folder / "alliance.db").write_bytes(b"no database" * 1000)
    assert "unavailable" in plain(shell.refused(*words))


@pytest.mark.parametrize("name", ["master-key", "reference-key"])
def test_a_secret_that_cant_be_read_is_named(shell: Shell, name: str) -> None:
    """A folder in its place stands for a file that the login may not read."""
    shell.organisation()
    file = shell.folder / "secrets" / name
    file.unlink()
    file.mkdir()
    for words in (("orgs", "list"), ("serve",), ("keys", "rotate", "--master")):
        assert f"the secret {name} can't be read" in plain(shell.refused(*words))


def test_a_new_database_is_read_by_its_owner_only(shell: Shell) -> None:
    """Whatever the umask is: answers are in it. One that is there keeps the mode that it was given."""
    file = shell.folder / "private" / "alliance.db"
    settings = {"ALLIANCE_DATABASE_URL": f"sqlite:///{file}"}
    assert shell.run("migrate", **settings).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE here (one int)")
        assert file.with_name("alliance.db-wal").stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    assert shell.run("migrate", **settings).code == 0
    assert file.stat().st_mode & 0o777 == 0o640


def older(url: str, file: Path) -> None:
    """Make a database of before logs had links, with an organisation whose one event has its number."""
    upgrade(url, revision="20261124c")
    organisation = uuid4().hex
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "INSERT INTO organisations VALUES (?, 'Older', '2026-11-01 00:00:00.000000')", (organisation,)
        )
        connection.execute(
            "INSERT INTO events (organisation_id, event_id, kind, subject, recorded_at, sequence) "
            "VALUES (?, ?, 'organisation.created', '{}', '2026-11-01 00:00:00.000000', 1)",
            (organisation, uuid4().hex),
        )
        connection.commit()


def test_a_log_of_before_there_were_links_goes_on_with_them(bare: Shell) -> None:
    """Once, when its database is migrated; without the secrets nothing is migrated."""
    older(bare.database_url, bare.folder / "alliance.db")
    assert "api-key-pepper is missing" in plain(bare.refused("migrate", ALLIANCE_ENV="production"))
    assert bare.run("migrate").code == 0
    (organisation,) = (one["organisation_id"] for one in bare.data("orgs", "list"))
    assert bare.run("apps", "create", "ehr", "--org", organisation, "--scope", "scores:read").code == 0
    (told,) = bare.data("audit", "verify")
    assert (told["intact"], told["without_link"], told["begins_at"], told["entries"]) == (True, 1, 2, 2)
