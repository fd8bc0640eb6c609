"""The keys that sign tokens: published before they sign, and gone when nothing of theirs lives."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.errors import Misconfigured
from app.storage.signing_keys import (
    SigningKeys,
    add_signing_key,
    open_signing_keys,
    read_signing_keys,
    rotate_signing_keys,
)

START = datetime(2026, 11, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Count minutes from the start."""
    return START + timedelta(minutes=minutes)


def ids(folder: Path) -> list[str]:
    """List the published keys, the oldest first."""
    return [key.key_id for key in read_signing_keys(folder)]


def test_the_first_key_signs_at_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    """One private JWK a file, 0600, in a folder of 0700."""
    folder = tmp_path / "signing"
    keys = open_signing_keys(folder, make=True, now=lambda: START)
    key = keys.signer(now=START)
    (file,) = folder.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    document = json.loads(file.read_text())
    assert (document["kty"], document["crv"], document["kid"], "d" in document) == ("EC", "P-256", key.key_id, True)
    assert "d" not in key.public()
    assert ids(folder) == [open_signing_keys(folder, make=True, now=lambda: at(1)).signer(now=at(1)).key_id]


def test_a_new_key_is_published_at_once_and_signs_after_ten_minutes(tmp_path: Path) -> None:
    """The old one is taken until its last token has expired, and is removed by a later rotation."""
    keys = open_signing_keys(tmp_path, make=True, now=lambda: START)
    first = keys.signer(now=START).key_id
    second, removed = rotate_signing_keys(tmp_path, now=at(60))
    assert (removed, ids(tmp_path)) == ([], [first, second])
    assert [keys.signer(now=at(minute)).key_id for minute in (60, 69.9, 70)] == [first, first, second]
    third, removed = rotate_signing_keys(tmp_path, now=at(79))
    assert (removed, keys.public(first) is None) == ([], False)
    fourth, removed = rotate_signing_keys(tmp_path, now=at(81))  # the second signs since 70; 5 minutes and some passed
    assert (removed, ids(tmp_path)) == ([first], [second, third, fourth])
    assert keys.public(first) is None


def test_every_worker_sees_a_new_key_without_a_restart(tmp_path: Path) -> None:
    """Also one that was written within a tick of the file system's clock."""
    workers = [open_signing_keys(tmp_path, make=True, now=lambda: START) for _ in range(2)]
    for minute in range(1, 4):
        made = add_signing_key(tmp_path, now=at(minute))
        assert [worker.public(made) is not None for worker in workers] == [True, True]
    assert len(workers[0].all()) == 4


def test_a_folder_that_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the folder's time is enough."""
    import os

    keys = open_signing_keys(tmp_path, make=True, now=lambda: START)
    os.utime(tmp_path, (1, 1))
    known = keys.all()
    monkeypatch.setattr("app.storage.signing_keys.read_signing_keys", lambda _: pytest.fail("read again"))
    assert keys.all() is known


def test_in_production_a_missing_key_stops_the_service(tmp_path: Path) -> None:
    """The command that makes one is named."""
    with pytest.raises(Misconfigured, match="rotate-signing"):
        open_signing_keys(tmp_path / "signing", make=False, now=lambda: START)
    rotate_signing_keys(tmp_path / "signing", now=START)
    assert isinstance(open_signing_keys(tmp_path / "signing", make=False, now=lambda: START), SigningKeys)


@pytest.mark.parametrize("change", [{"kid": "other"}, {"d": None}, {"crv": "P-384"}, {"x": "AA"}, {"made_at": "x"}])
def test_a_file_that_is_no_key_of_ours_stops_the_service(tmp_path: Path, change: dict[str, str | None]) -> None:
    """Nothing is signed with what is not understood."""
    open_signing_keys(tmp_path, make=True, now=lambda: START)
    (file,) = tmp_path.glob("*.json")
    document = json.loads(file.read_text()) | change
    file.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))
    with pytest.raises(Misconfigured):
        open_signing_keys(tmp_path, make=True, now=lambda: START)
