"""Keys, assertions and tokens as an application's developer makes them, well and badly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.access.administer_tokens import set_keys
from app.access.client_id import spell_client_id
from tests.harness import Clinic

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: One key for each algorithm that an assertion may have.
MAKERS: dict[str, Callable[[], Key]] = {
    "ES256": lambda: ECKey.generate_key("P-256", {"kid": "ES256"}),
    "ES384": lambda: ECKey.generate_key("P-384", {"kid": "ES384"}),
    "RS384": lambda: RSAKey.generate_key(2048, {"kid": "RS384"}),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519", {"kid": "EdDSA"}),
}


class AnyAlgorithm(JWSRegistry):
    """Signs with whatever is asked, as an attacker's library does."""

    def get_alg(self, name: str) -> Any:
        """Return any algorithm."""
        return self.algorithms[name]

    def check_header(self, header: Any) -> None:
        """Take any header."""


def signed(claims: dict[str, Any], key: Key, **header: Any) -> str:
    """Sign claims with a key and any header."""
    whole = {"kid": key.kid, **header}
    return jwt.encode(whole, claims, key, registry=AnyAlgorithm(), default_type=None)


@dataclass(frozen=True)
class Backend:
    """An application that signs assertions with a key of its own."""

    clinic: Clinic
    key: Key
    algorithm: str

    @classmethod
    def of(cls, clinic: Clinic, algorithm: str = "ES384") -> Backend:
        """Make a key and register its public half with the clinic's application."""
        key = MAKERS[algorithm]()
        work = partial(
            set_keys,
            clinic.service.runtime,
            organisation=clinic.organisation,
            application=clinic.application,
            jwks={"keys": [key.as_dict(private=False)]},
            url=None,
        )
        assert clinic.service.portal.call(work) == 1
        return cls(clinic, key, algorithm)

    @property
    def client_id(self) -> str:
        """The application's client id."""
        return client_id(self.clinic)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Make the claims of a good assertion; changes replace them, `...` removes one."""
        clock = int(self.clinic.service.runtime.now().timestamp())
        usual = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": "http://127.0.0.1:8000/oauth/token",
            "exp": clock + 300,
            "iat": clock,
            "jti": uuid4().hex,
        }
        return {name: value for name, value in (usual | changes).items() if value is not ...}

    def assertion(self, **changes: Any) -> str:
        """Sign a good assertion, but for the changes."""
        return signed(self.claims(**changes), self.key, alg=self.algorithm, typ="JWT")

    def ask(self, assertion: str | None = None, **fields: Any) -> httpx.Response:
        """Ask for a token with an assertion."""
        form = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion or self.assertion()}
        return ask(self.clinic, **(form | fields))

    def token(self, **changes: Any) -> str:
        """Get a token; the changes are those of the assertion."""
        return taken(self.ask(self.assertion(**changes)))

    def bearer(self, **changes: Any) -> Clinic:
        """Get a token and call with it."""
        return replace(self.clinic, api_key=self.token(**changes))


def client_id(clinic: Clinic) -> str:
    """Spell the client id of a clinic's application."""
    return spell_client_id(organisation=clinic.organisation, application=clinic.application)


def ask(clinic: Clinic, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    """Ask for a token as a form has it; a field of `...` is left out."""
    form = {name: value for name, value in ({"grant_type": "client_credentials"} | fields).items() if value is not ...}
    return clinic.service.request("POST", "/oauth/token", data=form, headers=headers)


def ask_with_key(clinic: Clinic, **fields: Any) -> httpx.Response:
    """Ask for a token with the clinic's API key."""
    return ask(clinic, **({"client_id": client_id(clinic), "client_secret": clinic.api_key} | fields))


def taken(answer: httpx.Response) -> str:
    """Take the token out of an answer that must be good."""
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def calling(clinic: Clinic, token: str) -> Clinic:
    """Call with a token in the place of the API key."""
    return replace(clinic, api_key=token)
