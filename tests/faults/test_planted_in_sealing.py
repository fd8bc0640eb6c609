"""What the harness of sealed values must catch, planted into the sealing itself."""

from __future__ import annotations

from random import Random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from app.storage import sealed
from tests.faults import sealing
from tests.faults.ground import Ground


class Unproven:
    """AES-256-GCM that opens whatever it is given: it compares no tag."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encrypt(self, nonce: bytes, content: bytes, bound: bytes) -> bytes:
        """Seal as ever."""
        return AESGCM(self._key).encrypt(nonce, content, bound)

    def decrypt(self, nonce: bytes, content: bytes, _bound: bytes) -> bytes:
        """Open, and end before the tag is looked at."""
        return Cipher(AES(self._key), GCM(nonce)).decryptor().update(content[:-16])


def found(ground: Ground) -> tuple[dict[str, bool], bool]:
    """Try each way once, and the exchange of keys: of each, whether something was found."""
    chance = Random(1)
    with ground.service() as service:
        clinic, other = (sealing.commented(service.clinic(), at) for at in range(2))
        rows = sealing.read(clinic), sealing.read(other)
        ways = {way: bool(sealing.tampered(clinic, rows, chance, way)) for way in sealing.WAYS}
        return ways, bool(sealing.keys_exchanged(clinic, chance, number=0))


def test_what_is_sealed_well_is_not_found(ground: Ground) -> None:
    """Without a planted fault each way is refused."""
    assert found(ground) == (dict.fromkeys(sealing.WAYS, False), False)


def test_a_place_that_binds_nothing_is_found(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sealed for one form opens in another of the client's, and a key of one client in another's place."""
    monkeypatch.setattr(sealed.Place, "bound", lambda _self, **_: b"")
    assert found(ground) == (dict.fromkeys(sealing.WAYS, False) | {"of another form of the client": True}, True)


def test_a_tag_that_is_not_compared_is_found(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that was flipped or is longer opens, to other words or to none."""
    monkeypatch.setattr(sealed, "AESGCM", Unproven)
    ways, _ = found(ground)
    assert [way for way in ("with a flipped head", "with a flipped content", "longer") if ways[way]] == [
        "with a flipped content", "longer",
    ]  # fmt: skip
