"""In production secrets are one's own: not those that development made, not readable to all, not guessed."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from app.errors import Misconfigured
from app.main import create_app
from app.settings import Settings
from app.storage.made_here import MARK, made_by_development
from app.storage.runtime import utc_now
from app.storage.signing_keys import add_signing_key
from tests.cli.conftest import Shell, plain

NAMES = ("api-key-pepper", "audit-key", "content-key", "master-key", "reference-key")
PRODUCTION = {"ALLIANCE_ENV": "production", "ALLIANCE_ISSUER": "https://alliance.example"}


def make_own(folder: Path) -> None:
    """Make secrets as the operators' page says."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in NAMES:
        (folder / name).write_text(secrets.token_hex(32))
        (folder / name).chmod(0o600)
    for key in folder.glob("signing/*.json"):
        key.unlink()
    add_signing_key(folder / "signing", now=utc_now())


def wrong(shell: Shell, **settings: str) -> dict[str, str]:
    """Ask doctor what is wrong in production."""
    told = json.loads(shell.run("doctor", "--json", **PRODUCTION | settings).out)
    return {one["name"]: one["wrong"] for one in told["checks"] if not one["ok"]}


def test_the_service_does_not_start_with_secrets_of_development(shell: Shell) -> None:
    """Neither by the command nor under another server; commands go on, and so does development."""
    shell.organisation()
    folder = shell.folder / "secrets"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    said = plain(shell.refused("serve", **PRODUCTION))
    assert "development has made these secrets: api-key-pepper, audit-key, content-key, master-key" in said
    assert f"remove the file {MARK}" in said
    settings = Settings(env="production", secrets_dir=folder, database_url=shell.database_url)
    with pytest.raises(Misconfigured, match="development has made"):
        create_app(settings=settings)
    assert "development has made" in wrong(shell)["secrets"]
    assert shell.run("orgs", "list", **PRODUCTION).code == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not any(path.read_text().strip() in (folder / MARK).read_text() for path in before if path.name != MARK)


def test_it_starts_with_ones_own(shell: Shell) -> None:
    """What was put in their place is another secret; so it is once the mark was taken away, by decision."""
    folder = shell.folder / "secrets"
    shell.organisation()
    assert made_by_development(folder) == [*NAMES, *(f"signing/{key.name}" for key in folder.glob("signing/*.json"))]
    make_own(folder)
    assert made_by_development(folder) == []
    assert wrong(shell) == {}
    (folder / MARK).unlink()
    assert made_by_development(folder) == []


def test_one_that_is_left_is_found(shell: Shell) -> None:
    """Of the master key each line, for the older one still opens what it wrapped."""
    folder = shell.folder / "secrets"
    shell.organisation()
    old = (folder / "master-key").read_text()
    make_own(folder)
    (folder / "master-key").write_text(f"{secrets.token_hex(32)}\n{old}\n")
    assert made_by_development(folder) == ["master-key"]


def test_doctor_finds_what_everybody_reads_what_is_guessed_and_an_address_in_the_clear(shell: Shell) -> None:
    """Each by its name; in development it asks for none of it."""
    folder = shell.folder / "secrets"
    make_own(folder)
    (folder / "audit-key").chmod(0o644)
    (folder / "api-key-pepper").write_text("00" * 32)
    assert wrong(shell, ALLIANCE_ISSUER="http://127.0.0.1:8000") == {
        "secrets": "api-key-pepper is no random secret: make another one; "
        "audit-key can be read by everybody on this machine: chmod 600",
        "issuer": "tokens name this address, and callers reach it without TLS: set ALLIANCE_ISSUER to the public "
        "https:// one",
    }
    assert shell.run("doctor").code == 0
