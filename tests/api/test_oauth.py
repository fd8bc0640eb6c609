"""Tokens are given to who proves who they are, narrowed, for minutes, and die with what they hang on."""

from __future__ import annotations

import json
import time
from base64 import b64encode, urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import OctKey, RSAKey

from app.access import access_token, jose
from app.access.administer import revoke_key
from app.access.administer_tokens import revoke_tokens, set_keys
from app.access.grant_token import Asked, grant_token
from app.errors import Misconfigured
from tests.api.refusals import refused
from tests.api.test_access import ended_key
from tests.api.test_supervisors import supervisor, team
from tests.api.tokens import JWT_BEARER, MAKERS, Backend, ask, ask_with_key, calling, client_id, signed, taken
from tests.harness import Clinic, form


def told(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Check that an answer is an error of OAuth that nobody keeps, and return it."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    body: dict[str, Any] = answer.json()
    return answer.status_code, body


def claims_of(token: str) -> dict[str, Any]:
    """Read a token's claims."""
    part = token.split(".")[1]
    read: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


@pytest.mark.parametrize("algorithm", list(MAKERS))
def test_an_assertion_brings_a_token_with_each_algorithm(clinic: Clinic, algorithm: str) -> None:
    """As SMART Backend Services has it: the answer is not kept, and the token opens what the key opens."""
    backend = Backend.of(clinic, algorithm)
    answer = backend.ask(scope="scores:read submissions:write")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "access_token": answer.json()["access_token"],
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "submissions:write scores:read",
    }
    token = calling(clinic, taken(answer))
    assert token.post(form()).status_code == 201
    assert refused(token.get("/v1/instruments"), 403, "missing_scope")["scope"] == "instruments:read"


def test_a_token_says_what_rfc_9068_wants(clinic: Clinic) -> None:
    """Type, issuer, audience, subject, client, times, id and scope, and nothing of a person."""
    token = Backend.of(clinic).token()
    header = json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))
    key = clinic.service.request("GET", "/.well-known/jwks.json").json()["keys"][0]
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": key["kid"]}
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == 300
    assert {**claims, "exp": 0, "iat": 0, "jti": ""} == {
        "iss": "http://127.0.0.1:8000",
        "aud": "http://127.0.0.1:8000",
        "sub": client_id(clinic),
        "client_id": client_id(clinic),
        "org": str(clinic.organisation),
        "exp": 0,
        "iat": 0,
        "jti": "",
        "scope": claims["scope"],
        "epoch": 0,
    }


@pytest.mark.parametrize("way", ["basic", "body"])
def test_a_small_site_gets_a_token_with_its_key(clinic: Clinic, way: str) -> None:
    """By HTTP Basic, both parts encoded as in a form, or in the form itself."""
    if way == "basic":
        both = f"{client_id(clinic)}:{clinic.api_key}".encode()
        answer = ask(clinic, headers={"Authorization": f"Basic {b64encode(both).decode()}"})
    else:
        answer = ask_with_key(clinic)
    assert calling(clinic, taken(answer)).post(form()).status_code == 201
    assert "key" in claims_of(taken(answer))


def test_a_tokens_public_keys_are_published(clinic: Clinic) -> None:
    """Anybody may keep them for minutes; the private half is nowhere."""
    answer = clinic.service.request("GET", "/.well-known/jwks.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=300")
    (key,) = answer.json()["keys"]
    assert {name: value for name, value in key.items() if name not in {"x", "y", "kid"}} == {
        "kty": "EC",
        "crv": "P-256",
        "use": "sig",
        "alg": "ES256",
    }


def test_scopes_are_narrowed_and_never_widened(clinic: Clinic) -> None:
    """What the application lacks is left out; when nothing is left, that is an error."""
    one = clinic.service.application(clinic.organisation, scopes=("scores:read", "caseload:read"))
    backend = Backend.of(one)
    assert backend.ask().json()["scope"] == "scores:read caseload:read"
    assert backend.ask(scope="caseload:read admin").json()["scope"] == "caseload:read"
    for scope in ("admin", "system/*.rs", "scores:write"):
        assert told(backend.ask(scope=scope)) == (400, {"error": "invalid_scope"})
    assert told(backend.ask(scope="scores:read  admin")) == (400, {"error": "invalid_scope"})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": ...}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"client_assertion_type": ...}, "invalid_request"),
        ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "invalid_request"),
        ({"client_secret": "alliance_x"}, "invalid_request"),
        ({"headers": {"Authorization": "Basic eDp5"}}, "invalid_request"),
        ({"headers": {"Content-Type": "application/json"}}, "invalid_request"),
        ({f"x{number}": "1" for number in range(20)}, "invalid_request"),
    ],
)
def test_a_request_that_is_none_is_told_in_the_words_of_oauth(
    clinic: Clinic, changes: dict[str, Any], error: str
) -> None:
    """RFC 6749, section 5.2."""
    assert told(Backend.of(clinic).ask(**changes)) == (400, {"error": error})


def test_a_field_that_stands_twice_is_refused(clinic: Clinic) -> None:
    """RFC 6749, section 3.2: which of the two is meant is not guessed."""
    body = f"grant_type=client_credentials&client_id={client_id(clinic)}&scope=a&scope=b&client_secret={clinic.api_key}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = clinic.service.request("POST", "/oauth/token", content=body, headers=headers)
    assert told(answer) == (400, {"error": "invalid_request"})


def bad_assertions(backend: Backend) -> dict[str, str]:
    """Sign assertions that prove nothing, each wrong in one way."""
    clock, other = int(backend.clinic.service.runtime.now().timestamp()), MAKERS["ES384"]()
    stranger = Backend.of(backend.clinic.service.clinic())
    good = backend.claims()
    changes: dict[str, dict[str, Any]] = {
        "expired": {"exp": clock - 60},
        "too far ahead": {"exp": clock + 400},
        "no end": {"exp": ...},
        "an end that is a text": {"exp": str(clock + 300)},
        "an end that is true": {"exp": True},
        "an end beyond time": {"exp": 1e30},
        "not yet": {"nbf": clock + 120},
        "made later": {"iat": clock + 120},
        "another audience": {"aud": "https://elsewhere.example/oauth/token"},
        "us and another": {"aud": ["http://127.0.0.1:8000", "https://elsewhere.example"]},
        "no audience": {"aud": ...},
        "audiences that are none": {"aud": []},
        "another subject": {"sub": stranger.client_id},
        "another issuer": {"iss": stranger.client_id},
        "another application": {"iss": stranger.client_id, "sub": stranger.client_id},
        "no issuer": {"iss": ..., "sub": ...},
        "an issuer that is none": {"iss": "ehr", "sub": "ehr"},
        "no id": {"jti": ...},
        "an id that is a number": {"jti": 7},
        "an endless id": {"jti": "x" * 201},
        "a person whose name grows when it is kept": {"client_ref": "\U0001d160" * 200},
        "two people": {"client_ref": "mrn-1", "therapist_ref": "th-1"},
        "a person that is a number": {"client_ref": 7},
        "a client that is null": {"client_ref": None},
        "a therapist that is null": {"therapist_ref": None},
        "a person with a control": {"client_ref": "mrn\n1"},
        "an actor that is a text": {"act": "th-1"},
        "an actor without a name": {"act": {}},
    }
    found = {name: backend.assertion(**change) for name, change in changes.items()}
    public = backend.key.as_dict(private=False)
    keep = {"alg": backend.algorithm, "typ": "JWT"}
    secret = OctKey.import_key(json.dumps(public).encode(), {"kid": str(backend.key.kid)})
    found |= {
        "signed by another": signed(good, other, **keep),
        "signed by another under our key id": signed(good, other, **keep | {"kid": backend.key.kid}),
        "another key in the header": signed(good, other, **keep | {"jwk": other.as_dict(private=False)}),
        "another set in the header": signed(good, other, **keep | {"jku": "https://elsewhere.example/jwks.json"}),
        "another certificate in the header": signed(good, other, **keep | {"x5u": "https://elsewhere.example/x"}),
        "none": f"{signed(good, backend.key, alg='none', typ='JWT').rpartition('.')[0]}.",
        "symmetric with the public key": signed(good, secret, alg="HS256", typ="JWT"),
        "an access token's type": signed(good, backend.key, **keep | {"typ": "at+jwt"}),
        "a foreign key id": signed(good, backend.key, **keep | {"kid": "elsewhere"}),
        "critical": signed(good, backend.key, **keep | {"crit": ["x"], "x": 1}),
        "cut": backend.assertion()[:-4],
        "an access token": backend.token(),
        "two parts": "e30.e30",
        "garbage": "a.b.c",
        "endless": f"{'A' * 9000}.e30.e30",
    }
    return found


def test_an_assertion_that_proves_nothing_is_refused_each_alike(clinic: Clinic) -> None:
    """401 `invalid_client`, and not why."""
    backend = Backend.of(clinic)
    for name, assertion in bad_assertions(backend).items():
        assert (name, *told(backend.ask(assertion))) == (name, 401, {"error": "invalid_client"})
    assert backend.ask().status_code == 200


def test_an_application_without_keys_and_one_that_is_not_there_are_refused_alike(clinic: Clinic) -> None:
    """Nobody learns which applications there are."""
    backend = Backend.of(clinic)
    without = Backend(clinic.service.application(clinic.organisation), backend.key, backend.algorithm)
    nobody = f"{clinic.organisation.hex}.{uuid4().hex}"
    answers = [without.ask(), backend.ask(backend.assertion(iss=nobody, sub=nobody))]
    assert [told(answer) for answer in answers] == [(401, {"error": "invalid_client"})] * 2


def test_an_assertion_is_good_for_one_token(clinic: Clinic) -> None:
    """The second time it is refused; another application may have used the same id."""
    backend = Backend.of(clinic)
    once = backend.assertion(jti="one")
    taken(backend.ask(once))
    assert told(backend.ask(once)) == (401, {"error": "invalid_client"})
    assert told(backend.ask(backend.assertion(jti="one"))) == (401, {"error": "invalid_client"})
    other = Backend.of(clinic.service.application(clinic.organisation))
    taken(other.ask(other.assertion(jti="one")))
    assert clinic.count("used_assertions") == 2


def test_of_one_assertion_at_once_one_is_taken(clinic: Clinic) -> None:
    """Eight at the same time get one token together."""
    backend = Backend.of(clinic)
    once = backend.assertion()
    with ThreadPoolExecutor(8) as threads:
        statuses = [answer.status_code for answer in threads.map(lambda _: backend.ask(once), range(8))]
    assert sorted(statuses) == [200, *[401] * 7]


def test_assertions_that_have_expired_are_swept_out(clinic: Clinic) -> None:
    """A row is kept for minutes more than its assertion could come again, and no longer."""
    backend = Backend.of(clinic)
    clock = clinic.service.runtime.now()
    for _ in range(3):
        backend.token(exp=int(clock.timestamp()) + 1)
    assert clinic.count("used_assertions") == 3
    for seconds, kept in ((330, 4), (332, 2)):
        later = replace(clinic.service.runtime, now=partial(clock.__add__, timedelta(seconds=seconds)))
        asked = Asked(scopes=(), assertion=backend.assertion(exp=int(clock.timestamp()) + 400))
        clinic.service.portal.call(grant_token, later, asked)
        assert clinic.count("used_assertions") == kept


@pytest.mark.parametrize(
    "wrong", ["id", "other organisation", "other application", "no id", "key", "revoked", "over", "scheme"]
)
def test_a_key_that_does_not_fit_brings_no_token(clinic: Clinic, wrong: str) -> None:
    """The key must live and be of the application that the client id names."""
    other, same = clinic.service.clinic(), clinic.service.application(clinic.organisation)
    all_of: dict[str, dict[str, Any]] = {
        "id": {"client_id": "ehr"},
        "other organisation": {"client_id": client_id(other)},
        "other application": {"client_id": client_id(same)},
        "no id": {"client_id": ...},
        "key": {"client_secret": "alliance_" + "A" * 86},
        "revoked": {},
        "over": {"client_secret": ended_key(clinic).api_key},
        "scheme": {"client_id": ..., "client_secret": ..., "headers": {"Authorization": f"Bearer {clinic.api_key}"}},
    }
    fields = all_of[wrong]
    if wrong == "revoked":
        revoke(clinic)
    assert told(ask_with_key(clinic, **fields)) == (401, {"error": "invalid_client"})


def revoke(clinic: Clinic) -> None:
    """Revoke the clinic's one key."""
    key_id = UUID(bytes=urlsafe_b64decode(clinic.api_key.removeprefix("alliance_") + "==")[16:32])
    work = partial(revoke_key, clinic.service.runtime, organisation=clinic.organisation, key_id=key_id)
    clinic.service.portal.call(work)


def end(clinic: Clinic) -> None:
    """End all tokens of the clinic's application."""
    work = partial(
        revoke_tokens, clinic.service.runtime, organisation=clinic.organisation, application=clinic.application
    )
    clinic.service.portal.call(work)


def test_a_token_dies_with_the_key_that_brought_it(clinic: Clinic) -> None:
    """The next request is refused, though the token's own time is not over; that of an assertion lives on."""
    by_key, by_assertion = calling(clinic, taken(ask_with_key(clinic))), Backend.of(clinic).bearer()
    assert [one.get("/v1/instruments").status_code for one in (by_key, by_assertion)] == [200, 200]
    revoke(clinic)
    refused(by_key.get("/v1/instruments"), 401, "unauthenticated")
    assert by_assertion.get("/v1/instruments").status_code == 200


def test_every_token_of_an_application_ends_at_once(clinic: Clinic) -> None:
    """Its keys and another application's tokens live on, and new tokens are good at once, also in the same second."""
    tokens = [calling(clinic, taken(ask_with_key(clinic))), Backend.of(clinic).bearer()]
    other = Backend.of(clinic.service.application(clinic.organisation)).bearer()
    for _ in range(2):
        end(clinic)
        for token in tokens:
            refused(token.get("/v1/instruments"), 401, "unauthenticated")
        tokens = [calling(clinic, taken(ask_with_key(clinic)))]
        assert [one.get("/v1/instruments").status_code for one in (clinic, other, *tokens)] == [200, 200, 200]


def test_a_token_of_a_bound_key_opens_the_same_person(clinic: Clinic) -> None:
    """Client or therapist carries over."""
    made = [clinic.recorded(form(client_ref=ref, therapist_ref=f"th of {ref}")) for ref in ("mrn-1", "mrn-2")]
    for kind, ref in (("client", "mrn-1"), ("therapist", "th of mrn-1")):
        token = calling(clinic, taken(ask_with_key(clinic.bound(kind, ref))))  # type: ignore[arg-type]
        answers = [token.get(f"/v1/clients/{one['client_id']}/progress").status_code for one in made]
        assert answers == [200, 404]


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("client_ref", "mrn-1"),
        ("client_ref", {"system": "https://ehr.example", "value": "7"}),
        ("therapist_ref", "th-1"),
    ],
)
def test_a_signed_claim_narrows_the_token_to_one_person(clinic: Clinic, claim: str, value: Any) -> None:
    """So a back end gets a phone's token for one client, who need not be known yet."""
    backend = Backend.of(clinic)
    phone = backend.bearer(**{claim: value})
    opened = clinic.recorded(form(**{"client_ref": "mrn-1", "therapist_ref": "th-1", claim: value}))
    other = clinic.recorded(form(client_ref="mrn-2", therapist_ref="th-2"))
    statuses = [phone.get(f"/v1/clients/{one['client_id']}/progress").status_code for one in (opened, other)]
    assert statuses == [200, 404]
    assert str(value) not in json.dumps(claims_of(phone.api_key))


def test_a_token_of_one_client_is_for_the_clients_eyes(clinic: Clinic) -> None:
    """No stage, and only the client's own forms."""
    phone = Backend.of(clinic).bearer(client_ref="mrn-1042")
    assert phone.recorded(form())["stage"] is None
    refused(phone.post(form(rater="therapist", instrument="trq-s-t")), 403, "rater_not_allowed")


def test_a_supervisors_application_says_which_supervisor(clinic: Clinic) -> None:
    """Their team's clients are open, others are not; without a person there is no token."""
    inside, outside = (clinic.recorded(form(client_ref=f"of {one}", therapist_ref=one)) for one in ("th-1", "th-2"))
    team(clinic, "North", members=("th-1",), supervisors=("sup",))
    backend = Backend.of(supervisor(clinic, "sup"))
    assert told(backend.ask()) == (400, {"error": "unauthorized_client"})
    token = backend.bearer(therapist_ref="sup")
    statuses = [token.get(f"/v1/clients/{one['client_id']}/progress").status_code for one in (inside, outside)]
    assert statuses == [200, 404]
    nobody = backend.bearer(therapist_ref="th-2")
    assert nobody.get(f"/v1/clients/{outside['client_id']}/progress").status_code == 404


def test_a_token_names_the_person_behind_it(clinic: Clinic) -> None:
    """The header may repeat that person and name no other."""
    token = Backend.of(clinic).bearer(act={"sub": "th-7"})
    assert claims_of(token.api_key)["act"] == {"sub": "th-7"}
    for acting, status in (("th-7", 200), ("th-8", 400)):
        assert token.get("/v1/instruments", headers={"Acting-User": acting}).status_code == status


@pytest.mark.parametrize("kind", ["private", "symmetric", "short", "encrypting"])
def test_keys_that_are_no_good_are_not_registered(clinic: Clinic, kind: str) -> None:
    """A private key is in the wrong hands already; the others can't verify a signature well."""
    keys: dict[str, Any] = {
        "private": MAKERS["ES256"]().as_dict(private=True),
        "symmetric": OctKey.generate_key(256).as_dict(private=True),
        "encrypting": {**MAKERS["ES256"]().as_dict(private=False), "use": "enc"},
    }
    if kind == "short":
        weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - weak on purpose
        keys["short"] = RSAKey(weak, weak).as_dict(private=False)
    work = partial(
        set_keys,
        clinic.service.runtime,
        organisation=clinic.organisation,
        application=clinic.application,
        jwks={"keys": [keys[kind]]},
        url=None,
    )
    with pytest.raises(Misconfigured):
        clinic.service.portal.call(work)


def test_a_token_that_comes_again_costs_no_signature(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature is looked at once, what the token hangs on each time."""
    token = Backend.of(clinic).bearer()
    seen: list[float] = []
    proven = jose.proven

    def counted(*args: Any, **options: Any) -> Any:
        seen.append(time.monotonic())
        return proven(*args, **options)

    monkeypatch.setattr(access_token, "proven", counted)
    assert {token.get("/v1/instruments").status_code for _ in range(5)} == {200}
    assert len(seen) == 1
    end(clinic)
    refused(token.get("/v1/instruments"), 401, "unauthenticated")
    assert len(seen) == 1
    assert JWT_BEARER.endswith("jwt-bearer")
