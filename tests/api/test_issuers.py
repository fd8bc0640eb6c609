"""Tokens of an organisation's own identity provider: taken for that organisation, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from joserfc.jwk import ECKey, Key, RSAKey

from app.access.administer_issuers import Claims, add_issuer, list_issuers, revoke_issuer
from app.access.administer_tokens import set_keys
from app.access.authenticate import authenticate
from app.access.shut_out import shut_out_application
from app.errors import FetchRefused, LimitReached, Misconfigured, NotFound
from app.outbound.key_sets import KeySets
from tests.api.operations import SCOPE_OF, Ids, call
from tests.api.refusals import nothing_stored, refused
from tests.api.test_oauth import end
from tests.api.tokens import MAKERS, Backend, calling, signed
from tests.harness import Clinic, Service, form

ISSUER = "https://login.example/realms/clinic"
#: Publishes the keys of whoever is asked for; tests put theirs in.
PUBLISHED: dict[str, list[dict[str, Any]]] = {}


async def fetch(url: str) -> bytes:
    """Publish key sets without a network."""
    if url not in PUBLISHED:
        raise FetchRefused("down")
    return json.dumps({"keys": PUBLISHED[url]}).encode()


@pytest.fixture
def service(service: Service) -> Iterator[Service]:
    """The service with a world of the test's own."""
    old = service.runtime.key_sets
    object.__setattr__(service.runtime, "key_sets", KeySets(fetch))
    yield service
    object.__setattr__(service.runtime, "key_sets", old)
    PUBLISHED.clear()


@pytest.fixture
def clinic(service: Service) -> Clinic:
    """A fresh organisation."""
    return service.clinic()


@dataclass(frozen=True)
class Provider:
    """An identity provider that is registered with an organisation."""

    clinic: Clinic
    key: Key
    issuer_id: UUID
    algorithm: str = "RS256"

    @classmethod
    def of(cls, clinic: Clinic, *, issuer: str = ISSUER, key: Key | None = None, **claims: Any) -> Provider:
        """Register a provider, whose tokens act as the clinic's application."""
        key = key or RSAKey.generate_key(2048, {"kid": "idp"})
        url = f"{issuer}/keys/{clinic.organisation}"
        PUBLISHED[url] = [key.as_dict(private=False)]
        work = partial(
            add_issuer,
            clinic.service.runtime,
            organisation=clinic.organisation,
            application=clinic.application,
            issuer=issuer,
            jwks_url=url,
            claims=Claims(**claims),
        )
        return cls(clinic, key, clinic.service.portal.call(work))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Make the claims of a good token; changes replace them, `...` removes one."""
        clock = int(self.clinic.service.runtime.now().timestamp())
        usual = {
            "iss": ISSUER,
            "sub": "user-7",
            "aud": ["account", f"http://127.0.0.1:8000/organisations/{self.clinic.organisation}"],
            "iat": clock,
            "exp": clock + 3600,
        }
        return {name: value for name, value in (usual | changes).items() if value is not ...}

    def token(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Sign a good token, but for the changes."""
        return signed(self.claims(**changes), self.key, **{"alg": self.algorithm, "typ": "JWT"} | (header or {}))

    def bearer(self, **changes: Any) -> Clinic:
        """Call with a token."""
        return calling(self.clinic, self.token(**changes))

    def revoke(self) -> None:
        """Revoke the provider."""
        work = partial(revoke_issuer, organisation=self.clinic.organisation, issuer_id=self.issuer_id)
        self.clinic.service.portal.call(partial(work, self.clinic.service.runtime))


@pytest.mark.parametrize("algorithm", ["RS256", *MAKERS])
def test_a_token_of_the_provider_acts_as_the_application(clinic: Clinic, algorithm: str) -> None:
    """With every algorithm of the list, and with the person's name for the audit."""
    key = MAKERS[algorithm]() if algorithm in MAKERS else None
    provider = replace(Provider.of(clinic, key=key), algorithm=algorithm)
    bearer = provider.bearer()
    assert bearer.post(form()).status_code == 201
    caller = clinic.service.portal.call(authenticate, clinic.service.runtime, bearer.api_key)
    assert (caller.application, caller.acting, caller.client_id) == (clinic.application, "user-7", None)


def test_a_therapists_token_opens_this_therapist(clinic: Clinic) -> None:
    """The claim holds the reference as forms have it; a token without it is refused, never unbound."""
    provider = Provider.of(clinic, therapist="employee", system="https://ehr.example/staff", acting="upn")
    ref = {"system": "https://ehr.example/staff", "value": "7"}
    bearer = provider.bearer(employee="7", upn="ann@clinic.example")
    assert bearer.get("/v1/caseload").json()["items"] == []  # nobody knows this therapist yet
    own, other = (clinic.recorded(form(client_ref=str(one), therapist_ref=one)) for one in (ref, "7"))
    statuses = [bearer.get(f"/v1/clients/{one['client_id']}/progress").status_code for one in (own, other)]
    assert statuses == [200, 404]
    for changes in ({"upn": "a"}, {"employee": "7"}, {"employee": 7, "upn": "a"}, {"employee": "7", "upn": "ä"}):
        refused(provider.bearer(**changes).get("/v1/caseload"), 401, "unauthenticated")


def test_scopes_come_from_a_claim_or_from_the_application(clinic: Clinic) -> None:
    """What the application lacks is never given; a token without the claim opens nothing."""
    one = clinic.service.application(clinic.organisation, scopes=("scores:read", "instruments:read"))
    provider = Provider.of(one, scope="scope")
    for claim, status in (
        ("instruments:read admin", 200), (["instruments:read"], 200), ("scores:read", 403), ("", 403), (..., 403),
        (7, 403),
    ):  # fmt: skip
        assert provider.bearer(scope=claim).get("/v1/instruments").status_code == status
    refused(provider.bearer(scope="admin").get("/v1/organisations/me/psychometrics"), 403, "missing_scope")


def bad_tokens(provider: Provider) -> dict[str, str]:
    """Make tokens that open nothing, each wrong in one way."""
    clock, ours = int(provider.clinic.service.runtime.now().timestamp()), provider.claims()["aud"][1]
    stranger = ECKey.generate_key("P-256", {"kid": "idp"})
    other = Provider.of(provider.clinic.service.clinic())
    changes: dict[str, dict[str, Any]] = {
        "expired": {"exp": clock - 1},
        "endless": {"exp": clock + 86_400},
        "no end": {"exp": ...},
        "no beginning": {"iat": ...},
        "not yet": {"nbf": clock + 120},
        "of the future": {"iat": clock + 120},
        "an identity token of its own client": {"aud": "account"},
        "for the service and no organisation": {"aud": "http://127.0.0.1:8000"},
        "for two organisations": {"aud": [ours, other.claims()["aud"][1]]},
        "for another organisation": {"aud": other.claims()["aud"]},
        "for an organisation in capitals": {
            "aud": ours.upper().replace("HTTP://127.0.0.1:8000/ORGANISATIONS", ours[:35])
        },
        "for nobody": {"aud": ...},
        "of an unknown issuer": {"iss": "https://elsewhere.example"},
        "of an issuer with another ending": {"iss": f"{ISSUER}/"},
        "of no issuer": {"iss": ...},
        "of the service": {"iss": "http://127.0.0.1:8000"},
        "of nobody": {"sub": ...},
    }
    claims, keep = provider.claims(), {"alg": "ES256", "typ": "JWT"}
    return {name: provider.token(**change) for name, change in changes.items()} | {
        "signed by another": signed(claims, stranger, **keep),
        "another key in the header": signed(claims, stranger, **keep | {"jwk": stranger.as_dict(private=False)}),
        "another set in the header": signed(claims, stranger, **keep | {"jku": "https://elsewhere.example"}),
        "another organisation's provider": signed(claims, other.key, alg="RS256", typ="JWT"),
        "none": f"{provider.token(header={'alg': 'none'}).rpartition('.')[0]}.",
        "another kind": provider.token(header={"typ": "logout+jwt"}),
        "another algorithm": provider.token(header={"alg": "PS256"}),
        "an unknown key": provider.token(header={"kid": "new"}),
    }


def test_every_operation_refuses_what_is_not_for_it(clinic: Clinic) -> None:
    """401, and nothing is stored."""
    provider = Provider.of(clinic)
    bad = bad_tokens(provider)
    clinic.recorded(form())
    with nothing_stored(clinic):
        for name in SCOPE_OF:
            for kind, token in bad.items():
                answer = call(calling(clinic, token), name, Ids())
                assert (name, kind, answer.status_code) == (name, kind, 401)
    assert provider.bearer().get("/v1/instruments").status_code == 200


def test_a_revoked_provider_is_refused_at_once_and_may_come_back(clinic: Clinic) -> None:
    """Tokens that were known a moment ago too; what was registered anew is another provider."""
    provider = Provider.of(clinic)
    bearer = provider.bearer()
    assert bearer.get("/v1/instruments").status_code == 200
    provider.revoke()
    refused(bearer.get("/v1/instruments"), 401, "unauthenticated")
    with pytest.raises(NotFound):
        provider.revoke()
    back = Provider.of(clinic, key=provider.key)
    assert back.bearer().get("/v1/instruments").status_code == 200
    work = partial(list_issuers, clinic.service.runtime, organisation=clinic.organisation)
    assert [row.issuer_id for row in clinic.service.portal.call(work)] == [back.issuer_id]


@pytest.mark.parametrize("ahead", [0, 25])
def test_the_end_of_an_applications_tokens_is_the_end_of_these_too(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """What the provider made before is refused, also by a clock ahead of ours; what it makes later is taken."""
    provider, runtime = Provider.of(clinic), clinic.service.runtime
    bearer = provider.bearer(iat=int(runtime.now().timestamp()) + ahead)
    assert bearer.get("/v1/instruments").status_code == 200
    end(clinic)
    refused(bearer.get("/v1/instruments"), 401, "unauthenticated")
    clock = runtime.now
    with monkeypatch.context() as patched:
        patched.setattr(type(runtime), "__setattr__", object.__setattr__)
        patched.setattr(runtime, "now", lambda: clock() + timedelta(seconds=40))
        later = int(runtime.now().timestamp())
        assert provider.bearer(iat=later, exp=later + 60).get("/v1/instruments").status_code == 200


def test_an_application_that_is_shut_out_has_no_provider(clinic: Clinic) -> None:
    """What the provider makes later is refused too."""
    provider = Provider.of(clinic)
    assert provider.bearer().get("/v1/instruments").status_code == 200
    work = partial(shut_out_application, organisation=clinic.organisation, application=clinic.application)
    assert clinic.service.portal.call(partial(work, clinic.service.runtime)).providers == 1
    later = int(clinic.service.runtime.now().timestamp()) + 2
    refused(provider.bearer(iat=later).get("/v1/instruments"), 401, "unauthenticated")


def test_a_provider_that_is_down_opens_nothing(clinic: Clinic) -> None:
    """Its keys can't be fetched: 401, and no fault of the service."""
    provider = Provider.of(clinic)
    PUBLISHED.clear()
    refused(provider.bearer().get("/v1/instruments"), 401, "unauthenticated")


def test_a_provider_is_registered_once_and_well(clinic: Clinic) -> None:
    """Not twice, not over http, not the service itself, not with two people, not for a stranger's application."""
    Provider.of(clinic)
    other = clinic.service.clinic()
    with pytest.raises(LimitReached):
        Provider.of(clinic)
    for issuer in ("http://login.example", "login", "https://user@login.example"):
        with pytest.raises(Misconfigured):
            Provider.of(clinic, issuer=issuer)
    with pytest.raises(Misconfigured):
        Provider.of(other, client="a", therapist="b")
    with pytest.raises(NotFound):
        Provider.of(replace(other, application=clinic.application))


def test_an_applications_key_set_may_be_behind_an_address(clinic: Clinic) -> None:
    """A new key there is known without a word to us."""
    backend = Backend.of(clinic)
    url, new = "https://ehr.example/jwks.json", MAKERS["ES384"]()
    PUBLISHED[url] = [backend.key.as_dict(private=False)]
    work = partial(
        set_keys,
        clinic.service.runtime,
        organisation=clinic.organisation,
        application=clinic.application,
        jwks=None,
        url=url,
    )
    assert clinic.service.portal.call(work) == 1
    assert backend.ask().status_code == 200
    PUBLISHED[url].append({**new.as_dict(private=False), "kid": "new"})
    object.__setattr__(clinic.service.runtime, "key_sets", KeySets(fetch))  # half a minute later
    renewed = replace(backend, key=ECKey.import_key(new.as_dict(private=True) | {"kid": "new"}))
    assert renewed.ask().status_code == 200
