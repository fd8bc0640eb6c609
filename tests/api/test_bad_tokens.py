"""Tokens that open nothing: every operation refuses each of them, and all alike."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey, OctKey

from app.access import access_token, jose
from app.access.authenticate import authenticate
from app.errors import Unauthenticated
from tests.api.operations import EVERY, Ids, call
from tests.api.refusals import nothing_stored, refused
from tests.api.test_access import problem_without_trace
from tests.api.test_oauth import claims_of, end
from tests.api.tokens import Backend, calling, client_id, signed
from tests.harness import Clinic, form


def part(document: dict[str, Any]) -> str:
    """Write a part of a token."""
    return urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def resigned(clinic: Clinic, token: str, /, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Sign changed claims with the service's own key, as only a fault of the service could; `...` removes one."""
    key = clinic.service.runtime.signing.signer(now=clinic.service.runtime.now()).private
    claims = {name: value for name, value in (claims_of(token) | changes).items() if value is not ...}
    return signed(claims, key, **{"alg": "ES256", "typ": "at+jwt"} | (header or {}))


def by_hand(claims: dict[str, Any], secret: bytes, key_id: str) -> str:
    """Sign with a public key as if it were a secret, which the library will not do."""
    text = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': key_id})}.{part(claims)}"
    return f"{text}.{urlsafe_b64encode(hmac.digest(secret, text.encode(), 'sha256')).rstrip(b'=').decode()}"


def bad_tokens(clinic: Clinic) -> dict[str, str]:
    """Make tokens from a good one, each wrong in one way."""
    other = clinic.service.clinic()
    good, foreign = Backend.of(clinic).token(), Backend.of(other).token()
    key = clinic.service.runtime.signing.signer(now=clinic.service.runtime.now()).private
    stranger, claims = ECKey.generate_key("P-256", {"kid": str(key.kid)}), claims_of(good)
    secret = OctKey.import_key(json.dumps(key.as_dict(private=False)).encode(), {"kid": str(key.kid)})
    keep = {"alg": "ES256", "typ": "at+jwt"}
    head, body, signature = good.split(".")
    return {
        "expired": resigned(clinic, good, iat=claims["iat"] - 300, exp=claims["iat"] - 1),
        "too long": resigned(clinic, good, exp=claims["iat"] + 301),
        "of the future": resigned(clinic, good, iat=claims["iat"] + 120, exp=claims["exp"] + 100),
        "no end": resigned(clinic, good, exp=...),
        "no beginning": resigned(clinic, good, iat=...),
        "another audience": resigned(clinic, good, aud="https://elsewhere.example"),
        "an organisation's audience": resigned(clinic, good, aud=f"{claims['iss']}/organisations/{claims['org']}"),
        "us among others": resigned(clinic, good, aud=[claims["iss"], "https://elsewhere.example"]),
        "no audience": resigned(clinic, good, aud=...),
        "another issuer": resigned(clinic, good, iss="https://elsewhere.example"),
        "no issuer": resigned(clinic, good, iss=...),
        "an identity token": resigned(clinic, good, header={"typ": "JWT"}),
        "no type": resigned(clinic, good, header={"typ": None}),
        "another organisation": resigned(clinic, good, org=str(other.organisation)),
        "another client": resigned(clinic, good, client_id=client_id(other)),
        "another client and organisation": resigned(
            clinic, good, client_id=client_id(other), sub=client_id(other), org=str(other.organisation), epoch=1
        ),
        "of an organisation's other application": resigned(
            clinic, good, client_id=f"{other.organisation.hex}.{clinic.application.hex}", org=str(other.organisation)
        ),
        "another epoch": resigned(clinic, good, epoch=1),
        "no epoch": resigned(clinic, good, epoch=...),
        "a key that is not there": resigned(clinic, good, key=str(uuid4())),
        "a key that is none": resigned(clinic, good, key="k"),
        "a client that is none": resigned(clinic, good, client="mrn-1042"),
        "no scope": resigned(clinic, good, scope=...),
        "none": f"{part({'alg': 'none', 'typ': 'at+jwt', 'kid': key.kid})}.{body}.",
        "none with a signature": f"{part({'alg': 'none', 'typ': 'at+jwt', 'kid': key.kid})}.{body}.{signature}",
        "symmetric with the public key": signed(claims, secret, alg="HS256", typ="at+jwt"),
        "symmetric with the public key as PEM": by_hand(claims, key.as_pem(private=False), str(key.kid)),
        "a foreign key": signed(claims, stranger, **keep),
        "a foreign key id": signed(claims, stranger, **keep | {"kid": "elsewhere"}),
        "our key under another id": resigned(clinic, good, header={"kid": "elsewhere"}),
        "no key id": resigned(clinic, good, header={"kid": None}),
        "a key in the header": signed(claims, stranger, **keep | {"jwk": stranger.as_dict(private=False)}),
        "a set in the header": signed(claims, stranger, **keep | {"jku": "https://elsewhere.example/jwks.json"}),
        "a certificate in the header": signed(claims, stranger, **keep | {"x5u": "https://elsewhere.example/x"}),
        "a path as key id": signed(claims, stranger, **keep | {"kid": "../signing"}),
        "critical": resigned(clinic, good, header={"crit": ["exp"], "exp": 1}),
        "swapped claims": f"{head}.{foreign.split('.')[1]}.{signature}",
        "swapped organisation": f"{head}.{part(claims | {'org': str(other.organisation)})}.{signature}",
        "more scopes": f"{head}.{part(claims | {'scope': 'admin'})}.{signature}",
        "cut off": good[:-2],
        "no signature": f"{head}.{body}.",
        "an assertion": Backend.of(clinic).assertion(),
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{signature}",
        "dots": "..",
        "endless": f"{head}.{'A' * 9000}.{signature}",
        "a text for claims": f"{head}.{urlsafe_b64encode(b'7').decode()}.{signature}",
    }


def test_every_operation_refuses_every_bad_token(clinic: Clinic) -> None:
    """401 before everything else, in one and the same body, and nothing is stored."""
    clinic.recorded(form())
    bad = bad_tokens(clinic)
    told = set()
    with nothing_stored(clinic):
        for name in EVERY:
            for kind, token in bad.items():
                answer = call(calling(clinic, token), name, Ids())
                assert (name, kind, answer.status_code) == (name, kind, 401)
                told.add(str(problem_without_trace(answer)))
    assert len(told) == 1


def test_every_operation_refuses_a_token_whose_time_is_over(clinic: Clinic) -> None:
    """It was good and known a moment ago: neither a signature nor what was kept of it helps."""
    token, runtime = Backend.of(clinic).token(), clinic.service.runtime
    clinic.service.portal.call(authenticate, runtime, token)
    later = replace(runtime, now=lambda: runtime.now() + timedelta(seconds=300))
    with pytest.raises(Unauthenticated):
        clinic.service.portal.call(authenticate, later, token)


def test_every_operation_refuses_a_revoked_token(clinic: Clinic) -> None:
    """The epoch is looked up at each request."""
    token = Backend.of(clinic).bearer()
    assert token.get("/v1/instruments").status_code == 200
    end(clinic)
    for name in EVERY:
        refused(call(token, name, Ids()), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("guard", "opened"),
    [
        ("signature", {"none", "a foreign key", "cut off", "symmetric with the public key"}),
        ("type", {"an identity token"}),
        ("audience", {"another audience", "no audience"}),
    ],
)
def test_the_walk_finds_a_guard_that_is_off(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, guard: str, opened: set[str]
) -> None:
    """Without the signature, the type or the audience some of these tokens would open something."""
    bad, proven = bad_tokens(clinic), jose.proven
    planted: dict[str, Any] = {
        "signature": lambda text, *_, **__: jose.peek(text),
        "type": lambda *given, **options: replace(proven(*given, **options), header={"typ": "at+jwt"}),
        "audience": lambda *given, **options: audience_put_right(proven(*given, **options)),
    }
    monkeypatch.setattr(access_token, "proven", planted[guard])
    found = {kind for kind, token in bad.items() if calling(clinic, token).get("/v1/instruments").status_code == 200}
    assert opened <= found


def audience_put_right(token: jose.Signed) -> jose.Signed:
    """Forget for whom a token was made."""
    return replace(token, claims={**token.claims, "aud": token.claims.get("iss")})
