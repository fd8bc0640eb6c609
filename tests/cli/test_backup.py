from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.backup.files import held
from tests.cli.conftest import Shell, plain


@pytest.fixture
def backup(shell: Shell) -> Path:
    """A backup of a database with one organisation; the keys are beside it."""
    shell.organisation()
    return Path(shell.data("backup", "create", "--to", str(shell.folder / "backups"))["folder"])


def test_a_backup_is_made_verified_and_restored(shell: Shell, backup: Path) -> None:
    """Each command tells what it did, to programs and to people."""
    keys = str(backup.parent / "keys-latest")
    verified = shell.data("backup", "verify", str(backup), "--keys", keys)
    assert (verified["ok"], verified["wrong"], verified["organisations"]) == (True, [], 1)
    assert verified["keys"] == {"client_keys": 0, "organisation_keys": 1, "erasures": 0}
    made = shell.folder / "restored" / "alliance.db"
    done = shell.run("backup", "restore", str(backup), "--keys", keys, "--to", f"sqlite:///{made}")
    assert (done.code, "organisations 1" in plain(done.out)) == (0, True)
    with closing(sqlite3.connect(made)) as connection:
        assert connection.execute("SELECT name FROM organisations").fetchall() == [("Clinic",)]
    assert shell.run("doctor", ALLIANCE_DATABASE_URL=f"sqlite:///{made}").code == 0


def test_the_keys_may_be_kept_elsewhere_and_written_alone(shell: Shell) -> None:
    """Then no keys are beside the data; written again, they take the place of those before."""
    shell.organisation()
    keys = shell.folder / "elsewhere" / "keys"
    made = shell.data("backup", "create", "--to", str(shell.folder / "backups"), "--keys", str(keys))
    assert made["keys"] == str(keys)
    assert not (shell.folder / "backups" / "keys-latest").exists()
    before = keys.read_bytes()
    told = shell.data("backup", "keys", "--to", str(keys))
    assert told["rows"] == {"client_keys": 0, "organisation_keys": 1, "erasures": 0}
    assert keys.read_bytes() != before
    assert sorted(path.name for path in keys.parent.iterdir()) == [".keys.lock", "keys"]
    with held(keys.with_name(".keys.lock")):
        assert "another backup" in plain(shell.refused("backup", "keys", "--to", str(keys)))
    assert shell.data("backup", "finish", "--keys", str(keys))["ok"] is True


def test_keys_are_not_replaced_by_those_of_an_empty_database(shell: Shell, backup: Path) -> None:
    """The database is lost and made anew: what opens every backup of before stays, until somebody gives it up."""
    keys, target = backup.parent / "keys-latest", shell.folder / "alliance.db"
    before, folder = keys.read_bytes(), sorted(backup.parent.iterdir())
    target.rename(shell.folder / "lost.db")
    assert shell.run("migrate").code == 0
    for words in (("create", "--to", str(backup.parent)), ("keys", "--to", str(keys))):
        said = plain(shell.refused("backup", *words))
        assert "knows what this database lacks: 1 organisation, 1 key of an organisation. Nothing was written" in said
        assert (keys.read_bytes(), sorted(backup.parent.iterdir())) == (before, folder)
        assert shell.run("backup", "verify", str(backup), "--keys", str(keys)).code == 0
    assert shell.data("backup", "keys", "--to", str(keys), "--replace-keys")["rows"]["organisation_keys"] == 0
    keys.write_bytes(before)
    assert shell.data("backup", "create", "--to", str(backup.parent), "--replace-keys")["rows"]["organisations"] == 0


def test_nothing_that_holds_rows_is_replaced_unasked(shell: Shell, backup: Path) -> None:
    """Without --force the database stays; with it, and nobody using it, it is what was backed up."""
    target = shell.folder / "alliance.db"
    words = ("backup", "restore", str(backup), "--keys", str(backup.parent / "keys-latest"), "--to", str(target))
    shell.data("orgs", "create", "Since then")
    assert "holds rows" in plain(shell.refused(*words))
    with closing(sqlite3.connect(target, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM organisations").fetchall()
        assert "is in use" in plain(shell.refused(*words, "--force"))
    assert shell.run(*words, "--force").code == 0
    assert [one["name"] for one in shell.data("orgs", "list")] == ["Clinic"]
    assert [path.name for path in shell.folder.glob("*alliance.db*")] == ["alliance.db"]


def test_what_a_killed_service_left_is_not_mixed_with_what_is_restored(shell: Shell, backup: Path) -> None:
    """A log without its database would be written into the new one; a database that can't be read is not replaced."""
    target = shell.folder / "new.db"
    words = ("backup", "restore", str(backup), "--keys", str(backup.parent / "keys-latest"), "--to", str(target))
    left = shell.folder / "new.db-wal"
    left.write_bytes(b"frames of another database")
    for force in ((), ("--force",)):
        assert "move it away" in plain(shell.refused(*words, *force))
        assert not target.exists()
    left.unlink()
    target.write_bytes(b"no database" * 100)
    for force in ((), ("--force",)):
        refused = plain(shell.refused(*words, *force))
        assert "can't be read (file is not a database)" in refused
        assert "(new.db-wal, new.db-shm, new.db-journal)" in refused
    target.unlink()
    assert shell.run(*words).code == 0


@pytest.mark.parametrize("secret", ["api-key-pepper", "reference-key", "content-key", "audit-key"])
def test_a_wrong_secret_is_told_before_anything_is_restored(shell: Shell, backup: Path, secret: str) -> None:
    """With one of them wrong the service would start, and find nobody or take no key: a drill has to show it."""
    keys = str(backup.parent / "keys-latest")
    (shell.folder / "secrets" / secret).write_text("ab" * 32)
    assert "other secrets" in plain(shell.refused("backup", "verify", str(backup), "--keys", keys))


def test_what_is_damaged_is_said_and_not_restored(shell: Shell, backup: Path) -> None:
    """A changed manifest, other secrets, no keys, no backup: a sentence, and nothing is made."""
    keys, target = str(backup.parent / "keys-latest"), str(shell.folder / "new.db")
    assert "no keys at" in shell.refused("backup", "restore", str(backup), "--keys", "nowhere", "--to", target)
    assert "is no backup" in shell.refused("backup", "verify", str(backup.parent), "--keys", keys)
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["manifest"]["rows"]["organisations"] = 2
    (backup / "manifest.json").write_text(json.dumps(manifest))
    for words in (("verify", str(backup)), ("restore", str(backup), "--keys", keys, "--to", target)):
        assert "was changed" in plain(shell.refused("backup", *words))
    assert not Path(target).exists()


def test_a_value_that_does_not_open_is_told_and_put_in_place_only_when_asked(shell: Shell) -> None:
    """Who restores after a disaster may take what is there."""
    organisation = shell.organisation()
    with closing(sqlite3.connect(shell.folder / "alliance.db")) as connection:
        connection.execute(
            "INSERT INTO therapists VALUES (?, ?, 'k', x'00', x'01', '2026-01-01 00:00:00')",
            (organisation.replace("-", ""), "0" * 32),
        )
        connection.commit()
    backup = shell.data("backup", "create", "--to", str(shell.folder / "b"))["folder"]
    target = shell.folder / "new.db"
    words = (
        "backup",
        "restore",
        backup,
        "--keys",
        str(shell.folder / "b" / "keys-latest"),
        "--to",
        str(target),
        "--json",
    )
    done = shell.run(*words)
    assert (done.code, json.loads(done.out)["wrong"]) == (
        1,
        ["does not open: therapists.sealed_reference 00000000-0000-0000-0000-000000000000"],
    )
    assert not target.exists()
    assert (shell.run(*words, "--anyway").code, target.exists()) == (1, True)


def test_postgres_has_its_own_tools(shell: Shell) -> None:
    """The commands that copy a file say what to use instead."""
    url = "postgresql://nobody@127.0.0.1:1/none"
    said = shell.refused("backup", "create", "--to", "b", ALLIANCE_DATABASE_URL=url)
    assert "pg_dump" in said
    assert "pg_restore" in shell.refused("backup", "restore", "b", "--keys", "k", "--to", url)


def test_files_that_can_not_be_used_are_said(shell: Shell) -> None:
    """A folder that is none, and a target that is no database."""
    (shell.folder / "none").write_text("text")
    assert "none" in shell.refused("backup", "create", "--to", str(shell.folder / "none"))
    words = ("backup", "restore", "b", "--keys", "k", "--to", str(shell.folder / "none"))
    assert "not a database" in shell.refused(*words)
