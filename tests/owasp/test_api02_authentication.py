"""API2:2023, broken authentication: what a stranger can make by hand opens nothing, and guessing is slowed.

Garbled, foreign, revoked and forged API keys stand in `tests/api/test_access.py`, too many wrong ones in
`tests/api/test_limits.py`.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from time import time
from typing import Any

from tests.api.operations import SCOPE_OF, Ids, call
from tests.api.refusals import nothing_stored, refused
from tests.harness import Clinic


def part(value: Any) -> str:
    """Write a part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def tokens(clinic: Clinic) -> dict[str, str]:
    """Make tokens by hand, as anybody can who knows the ids: unsigned ones, and signed with what is known."""
    claims = {
        "iss": "http://alliance.test",
        "aud": "http://alliance.test",
        "sub": str(clinic.application),
        "organisation": str(clinic.organisation),
        "scope": " ".join(SCOPE_OF.values()),
        "iat": int(time()),
        "exp": int(time()) + 300,
    }
    made = {}
    for algorithm in ("none", "None", "NONE", "", "HS256", "ES256", "EdDSA"):
        for kind in ("at+jwt", "JWT"):
            head = {"alg": algorithm, "typ": kind}
            made[f"{algorithm} {kind} unsigned"] = f"{part(head)}.{part(claims)}."
            made[f"{algorithm} {kind} zeros"] = f"{part(head)}.{part(claims)}.{part(bytes(64))}"
    for secret in (b"", b"secret", str(clinic.organisation).encode(), clinic.api_key.encode()):
        body = f"{part({'alg': 'HS256', 'typ': 'at+jwt'})}.{part(claims)}"
        made[f"HS256 by {secret[:8]!r}"] = f"{body}.{part(hmac.digest(secret, body.encode(), 'sha256'))}"
    own_key = {"kty": "oct", "k": part(b"secret")}
    for name, value in (("jwk", own_key), ("jku", "https://attacker.example/jwks"), ("kid", "../../dev/null")):
        body = f"{part({'alg': 'HS256', 'typ': 'at+jwt', name: value})}.{part(claims)}"
        made[f"brings its {name}"] = f"{body}.{part(hmac.digest(b'secret', body.encode(), 'sha256'))}"
    return made | {"dots": "..", "many dots": "." * 5_000, "parts of nothing": "e30.e30.e30"}


def test_a_token_made_by_hand_opens_nothing(clinic: Clinic) -> None:
    """Without a signature, with one by a known text, or with the key to check it brought along: 401."""
    for what, token in tokens(clinic).items():
        answer = clinic.service.request("GET", "/v1/caseload", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, what
        refused(answer, 401, "unauthenticated")


def test_a_token_made_by_hand_opens_no_operation(clinic: Clinic) -> None:
    """The best of them, at every operation; nothing is stored."""
    ids, made = Ids.made(clinic), tokens(clinic)
    with nothing_stored(clinic):
        for name in SCOPE_OF:
            for what in ("none at+jwt unsigned", "brings its jwk"):
                answer = call(clinic, name, ids, {"Authorization": f"Bearer {made[what]}"})
                assert answer.status_code == 401, (name, what)


def test_of_two_credentials_none_is_chosen(clinic: Clinic) -> None:
    """A proxy may look at the one and the service at the other: a request with two is a request with none."""
    for first, second in ((clinic.api_key, "alliance_x"), ("alliance_x", clinic.api_key), (clinic.api_key,) * 2):
        headers = [("Authorization", f"Bearer {first}"), ("Authorization", f"Bearer {second}")]
        refused(clinic.service.request("GET", "/v1/instruments", headers=headers), 401, "unauthenticated")


def test_of_two_people_none_is_chosen(clinic: Clinic) -> None:
    """A request that names two persons behind it is refused, also where they are the same."""
    for first, second in (("th-1", "th-2"), ("th-2", "th-1"), ("th-1", "th-1")):
        headers = [("Authorization", f"Bearer {clinic.api_key}"), ("Acting-User", first), ("Acting-User", second)]
        answer = clinic.service.request("GET", "/v1/instruments", headers=headers)
        assert refused(answer, 400, "invalid_parameter")["parameter"] == "Acting-User"
