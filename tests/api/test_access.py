"""Who may do what: credentials before everything else, one scope for each operation, one organisation for each key."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import update

from app.access.administer import NewKey, add_key, revoke_key
from app.access.caller import AUDIENCES, SCOPES_OF, Audience, allowed_scopes, check_scopes
from app.errors import LimitReached, Misconfigured, NotFound
from app.main import create_app
from app.storage.tables import api_keys
from app.web.auth import is_public
from tests.api.operations import (
    ABSENT,
    BY_INVITATION,
    INVITATION_SCOPE_OF,
    MAKING,
    PERSONAL,
    PUBLIC,
    SAFETY_SCOPE_OF,
    SCOPE_OF,
    UNLISTED,
    Ids,
    call,
    request,
    targets,
)
from tests.api.refusals import CANARY, marked, nothing_stored, refused
from tests.harness import SYSTEM_SCOPES, Clinic, Service, form, problem

MEBIBYTE = 1024 * 1024


def another_key(clinic: Clinic, days: int | None = None) -> NewKey:
    """Give the clinic's application another key, which may end after some days."""
    work = partial(add_key, organisation=clinic.organisation, application=clinic.application, days=days)
    made: NewKey = clinic.service.portal.call(partial(work, clinic.service.runtime))
    return made


def ended_key(clinic: Clinic) -> NewKey:
    """Give the clinic's application a key whose end has just come."""
    made = another_key(clinic, days=1)
    let_end(clinic, made.api_key)
    return made


def let_end(clinic: Clinic, api_key: str) -> None:
    """Let a key end now."""
    key_id, now = UUID(bytes=packed(api_key)[16:32]), clinic.service.runtime.now()
    ended = (
        update(api_keys)
        .where(api_keys.c.organisation_id == clinic.organisation, api_keys.c.key_id == key_id)
        .values(expires_at=now)
    )
    assert clinic.service.write(lambda c: c.execute(ended).rowcount) == 1


def revoke(clinic: Clinic, key: NewKey) -> None:
    """Revoke a key of the clinic's organisation."""
    work = partial(revoke_key, clinic.service.runtime, organisation=clinic.organisation, key_id=key.key_id)
    clinic.service.portal.call(work)


def packed(api_key: str) -> bytes:
    """Take an API key to its bytes: organisation, key id, secret."""
    return urlsafe_b64decode(api_key.removeprefix("alliance_") + "==")


def written(parts: bytes) -> str:
    """Write bytes as an API key."""
    return "alliance_" + urlsafe_b64encode(parts).rstrip(b"=").decode()


def unusable(clinic: Clinic) -> dict[str, str]:
    """Make Authorization headers that open nothing, from a living key."""
    key, other = clinic.api_key, clinic.service.clinic()
    parts, foreign = packed(key), packed(other.api_key)
    second = another_key(clinic)
    revoke(clinic, second)
    flipped = {
        f"bit {place} flipped": written(parts[:place] + bytes([parts[place] ^ 1]) + parts[place + 1 :])
        for place in (0, 15, 16, 31, 32, 47, 63)
    }
    last = "AQgw"["AQgw".index(key[-1]) - 1] if key[-1] in "AQgw" else "A"
    keys = flipped | {
        "no key": "",
        "garbage": CANARY,
        "long garbage": CANARY * 1_000,
        "wrong prefix": key.replace("alliance_", "Alliance_"),
        "no prefix": key.removeprefix("alliance_"),
        "prefix alone": "alliance_",
        "cut off": key[:-1],
        "one more": f"{key}A",
        "padded": f"{key}==",
        "upper case": f"alliance_{key[9:].upper()}",
        "another spelling of the last bits": key[:-1] + chr(ord(key[-1]) + 1),
        "another last letter": key[:-1] + last,
        "zeros": written(bytes(64)),
        "of nobody": written(bytes.fromhex(ABSENT.replace("-", "")) * 4),
        "revoked": second.api_key,
        "over": ended_key(clinic).api_key,
        "secret of the revoked one": written(parts[:32] + packed(second.api_key)[32:]),
        "secret of another organisation": written(parts[:32] + foreign[32:]),
        "id of another organisation": written(foreign[:16] + parts[16:]),
        "key id of another organisation": written(parts[:16] + foreign[16:32] + parts[32:]),
        "two keys": f"{key} {key}",
        "two keys in a list": f"{key}, {key}",
    }
    headers = {name: f"Bearer {text}" for name, text in keys.items()}
    return headers | {
        "empty": "",
        "scheme alone": "Bearer",
        "no scheme": key,
        "other scheme": f"Token {key}",
        "basic": f"Basic {b64encode(f'{key}:'.encode()).decode()}",
        "no blank": f"Bearer{key}",
    }


@pytest.mark.parametrize("name", SCOPE_OF)
def test_no_operation_opens_without_a_living_key(clinic: Clinic, name: str) -> None:
    """Missing, garbled, foreign, revoked, ended and forged credentials get 401 alike, and nothing is stored."""
    ids = Ids.made(clinic)
    headers = unusable(clinic)
    with nothing_stored(clinic):
        answers = {what: call(clinic, name, ids, {"Authorization": header}) for what, header in headers.items()}
        assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(headers, 401)
        for answer in answers.values():
            refused(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == 'Bearer realm="alliance"'
    assert call(clinic, name, ids).status_code in {200, 201}


@pytest.mark.parametrize("place", [0, 34, 85])
@pytest.mark.parametrize("letter", "!=%\u00e9")
def test_a_key_that_is_no_base64_is_no_key(service: Service, letter: str, place: int) -> None:
    """A text of the right length and beginning with other characters in it gets 401, wherever they stand."""
    text = "A" * place + letter * (86 - place)
    headers = [(b"Authorization", f"Bearer alliance_{text}".encode())]
    refused(service.request("GET", "/v1/instruments", headers=headers), 401, "unauthenticated")


def test_a_key_is_taken_from_one_place_only(clinic: Clinic) -> None:
    """Not from the address, where logs would keep it, nor from a cookie or another header."""
    key = clinic.api_key
    for path in (f"/v1/instruments?api_key={key}", f"/v1/instruments?access_token={key}"):
        refused(clinic.service.request("GET", path), 401, "unauthenticated")
    for name in ("X-Api-Key", "Cookie", "Proxy-Authorization"):
        refused(clinic.service.request("GET", "/v1/instruments", headers={name: key}), 401, "unauthenticated")


def test_the_scheme_may_be_written_in_any_case(clinic: Clinic) -> None:
    """Schemes are case-insensitive (RFC 9110)."""
    for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
        headers = {"Authorization": f"{scheme} {clinic.api_key}"}
        assert clinic.service.request("GET", "/v1/instruments", headers=headers).status_code == 200


@pytest.mark.parametrize("scope", SYSTEM_SCOPES)
def test_a_scope_opens_exactly_its_operations(clinic: Clinic, scope: str) -> None:
    """An application with one scope gets 403 with the scope's name for every operation of another."""
    ids = targets(clinic)
    one = clinic.service.application(clinic.organisation, scopes=(scope,))
    for name, needed in SCOPE_OF.items():
        answer = call(one, name, ids[name])
        if needed == scope:
            assert answer.status_code in {200, 201}, name
        else:
            assert refused(answer, 403, "missing_scope")["scope"] == needed


@pytest.mark.parametrize("scope", SYSTEM_SCOPES)
def test_every_other_scope_does_not_help(clinic: Clinic, scope: str) -> None:
    """An application with all scopes but one is kept out of exactly that one's operations."""
    ids = targets(clinic)
    rest = tuple(one for one in SYSTEM_SCOPES if one != scope)
    most = clinic.service.application(clinic.organisation, scopes=rest)
    assert {name for name in SCOPE_OF if call(most, name, ids[name]).status_code == 403} == {
        name for name, needed in SCOPE_OF.items() if needed == scope
    }


def test_the_scope_of_the_metrics_comes_with_no_audience(clinic: Clinic) -> None:
    """An operator names it, for a system of their own; nobody who supervises or reads safety checks can have it."""
    assert [audience for audience in AUDIENCES if "metrics:read" in SCOPES_OF[audience]] == []
    assert check_scopes(["metrics:read"], audience="system") == ["metrics:read"]
    others: tuple[Audience, ...] = ("supervisor", "safeguarding")
    for audience in others:
        assert allowed_scopes(audience, ["metrics:read"]) == frozenset()
        with pytest.raises(Misconfigured, match=f"not for the audience {audience}: metrics:read"):
            check_scopes(["metrics:read"], audience=audience)
    operators = clinic.service.application(clinic.organisation, scopes=("metrics:read",))
    for name in SCOPE_OF:
        assert refused(call(operators, name, Ids()), 403, "missing_scope")["scope"] == SCOPE_OF[name]


def test_a_missing_scope_is_told_before_what_is_there(clinic: Clinic) -> None:
    """Without the scope an absent and a malformed id, and a body with faults, look like a present one."""
    ids = Ids.made(clinic)
    for name, needed in SCOPE_OF.items():
        other = next(scope for scope in SYSTEM_SCOPES if scope != needed)
        without = clinic.service.application(clinic.organisation, scopes=(other,))
        malformed = Ids(submission_id="x", client_id="x", score_id="x", key="X", version="x")
        told = [problem_without_trace(call(without, name, one)) for one in (ids, Ids(), malformed)]
        assert told[0] == told[1] == told[2]
        assert told[0]["status"] == 403
    reader = clinic.service.application(clinic.organisation, scopes=("scores:read",))
    with nothing_stored(clinic):
        assert refused(reader.post(marked(session_number=0)), 403, "missing_scope")["scope"] == "submissions:write"


def problem_without_trace(answer: Any) -> dict[str, Any]:
    """Read a problem, but for what differs between any two requests."""
    body: dict[str, Any] = answer.json()
    return {name: value for name, value in body.items() if name != "trace_id"}


def test_credentials_come_before_every_other_check(clinic: Clinic) -> None:
    """401 where with a key there would be 400, 403, 404, 405, 409, 413, 415 or 422."""
    made = clinic.recorded(form())
    valid, bad = {"Content-Type": "application/json", "Idempotency-Key": "k"}, b'{"rater": "CANARY-7361"}'
    requests: list[tuple[str, str, dict[str, str], bytes]] = [
        ("GET", "/v1/nothing", {}, b""),
        ("GET", "/v1/submissions/x", {}, b""),
        ("GET", f"/v1/submissions/{made['id']}", {}, b""),
        ("GET", f"/v1/submissions/{ABSENT}", {}, b""),
        ("GET", f"/v1/clients/{made['client_id']}/progress?fields=x", {}, b""),
        ("GET", "/v1/instruments?x=1", {}, b""),
        ("DELETE", "/v1/submissions", {}, b""),
        ("OPTIONS", "/v1/submissions", {}, b""),
        ("POST", "/v1/submissions", valid, b""),
        ("POST", "/v1/submissions", valid, b"{"),
        ("POST", "/v1/submissions", valid, b"\xff"),
        ("POST", "/v1/submissions", valid, bad),
        ("POST", "/v1/submissions", valid, b"[" * 100_000),
        ("POST", "/v1/submissions", valid, b" " * (50 * MEBIBYTE)),
        ("POST", "/v1/submissions", {"Content-Type": "text/plain"}, bad),
        ("POST", "/v1/submissions", {"Content-Type": "application/json"}, bad),
        ("POST", "/v1/instruments/wai-s/score", valid, b'{"answers": {"1": 1}}'),
    ]
    with nothing_stored(clinic):
        for method, path, headers, body in requests:
            answer = clinic.service.request(method, path, headers=headers, content=body)
            refused(answer, 401, "unauthenticated")


@pytest.mark.parametrize("name", PERSONAL)
def test_another_organisations_ids_are_absent_ids(clinic: Clinic, name: str) -> None:
    """404 in place of what is another's, in every place of every operation, with the body of an absent id."""
    foreign, own = Ids.made(clinic.service.clinic()), Ids.made(clinic, "mrn-2")
    absent = problem_without_trace(call(clinic, name, Ids()))
    assert (absent["status"], absent["code"], absent["errors"]) == (404, "not_found", [])
    places = [place for place in ("submission_id", "client_id", "score_id", "signal_id") if f"{{{place}}}" in name]
    for place in places:
        for around in (own, foreign):
            ids = Ids(**(vars(around) | {place: vars(foreign)[place]}))
            with nothing_stored(clinic):
                answer = call(clinic, name, ids)
            assert problem_without_trace(answer) == absent
            assert not {*vars(foreign).values()} & {*answer.headers.values()} - {"trq-s", "1.0.0"}
    assert call(clinic, name, own).status_code == (201 if name in MAKING else 200)


def test_another_organisations_references_and_episodes_are_absent(clinic: Clinic) -> None:
    """What only another organisation knows cannot be looked up, nor asked for beside a client of one's own."""
    there = clinic.service.clinic().recorded(form())
    here = clinic.recorded(form(client_ref="mrn-2"))
    foreign = clinic.request("POST", "/v1/clients/lookup", json={"ref": "mrn-1042"})
    absent = clinic.request("POST", "/v1/clients/lookup", json={"ref": "nobody"})
    assert foreign.status_code == 404
    assert problem_without_trace(foreign) == problem_without_trace(absent)
    for part in ("progress", "trajectory", "stage", "discrepancy"):
        path = f"/v1/clients/{here['client_id']}/{part}?episode_id="
        answers = [clinic.get(f"{path}{episode}") for episode in (there["episode_id"], ABSENT)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert problem_without_trace(answers[0]) == problem_without_trace(answers[1])


def test_an_application_sees_what_others_of_its_organisation_stored(clinic: Clinic) -> None:
    """The organisation is the wall, not the application."""
    ids = targets(clinic)
    other = clinic.service.application(clinic.organisation)
    assert {name: call(other, name, ids[name]).status_code for name in SCOPE_OF} == dict.fromkeys(
        SCOPE_OF, 200
    ) | dict.fromkeys(MAKING, 201)


def test_two_keys_are_alive_at_a_time_and_a_revoked_one_is_dead_at_once(clinic: Clinic) -> None:
    """Both work until one is revoked; the other goes on, and a new one may be made."""
    second = another_key(clinic)
    keys = {"first": clinic.api_key, "second": second.api_key}

    def alive() -> set[str]:
        headers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
        return {
            name
            for name, header in headers.items()
            if clinic.service.request("GET", "/v1/instruments", headers=header).status_code == 200
        }

    assert alive() == {"first", "second"}
    with pytest.raises(LimitReached):
        another_key(clinic)
    revoke(clinic, second)
    assert alive() == {"first"}
    with pytest.raises(NotFound):
        revoke(clinic, second)
    keys["third"] = another_key(clinic).api_key
    assert alive() == {"first", "third"}


def test_an_organisation_cannot_revoke_anothers_key(clinic: Clinic) -> None:
    """The key stays alive."""
    other, key = clinic.service.clinic(), another_key(clinic)
    with pytest.raises(NotFound):
        revoke(other, key)
    headers = {"Authorization": f"Bearer {key.api_key}"}
    assert clinic.service.request("GET", "/v1/instruments", headers=headers).status_code == 200


def routes(service: Service) -> list[tuple[str, str]]:
    """Walk all routes of the application: method and path; a mounted folder has no method."""
    found = []
    for route in iter_route_contexts(create_app(service.runtime).routes):
        found += [(method, str(route.path).replace(":id}", "}")) for method in (route.methods or {""}) - {"HEAD"}]
    return sorted(found)


def test_every_route_is_public_or_has_a_scope(service: Service) -> None:
    """Deny by default: a route that is in neither list fails here before anybody finds it."""
    found, every = routes(service), SCOPE_OF | SAFETY_SCOPE_OF | INVITATION_SCOPE_OF
    assert {path for _, path in found if path in PUBLIC} == PUBLIC
    assert {f"{method} {path}" for method, path in found if path not in PUBLIC} == every.keys() | UNLISTED | set(
        BY_INVITATION
    )
    declared = create_app(service.runtime).openapi()["paths"]
    assert {
        f"{method.upper()} {path}": [list(one.items()) for one in operation.get("security", [])]
        for path, operations in declared.items()
        for method, operation in operations.items()
        if path not in PUBLIC
    } == {name: [[("bearer", [scope])]] for name, scope in every.items()} | {
        name: [[("invitation", [])]] for name in BY_INVITATION
    }


@pytest.mark.parametrize(("content", "media_type"), [(b"{", "application/json"), (b"", "text/plain"), (b"{}", "x/y")])
def test_a_missing_scope_comes_before_the_body(clinic: Clinic, content: bytes, media_type: str) -> None:
    """Who may not write is told that, whatever is wrong with what was sent."""
    reader = clinic.service.application(clinic.organisation, scopes=("scores:read",))
    answer = reader.post_bytes(content, media_type=media_type)
    told = problem(answer)
    assert (answer.status_code, told["code"], told["scope"]) == (403, "missing_scope", "submissions:write")


def test_a_missing_scope_comes_before_the_parameters(clinic: Clinic) -> None:
    """Who may not read the caseload is not told which parameters it has."""
    writer = clinic.service.application(clinic.organisation, scopes=("submissions:write",))
    for query in ("unknown=1", "limit=0", "limit=1&limit=2"):
        assert refused(writer.get(f"/v1/caseload?{query}"), 403, "missing_scope")["scope"] == "caseload:read"


def test_what_is_public_is_public_by_its_path(service: Service) -> None:
    """The service's own list and the contract's are one, and no operation hides behind a public beginning."""
    for path in PUBLIC - {"/assets", "/assets/swagger", "/oauth/token"}:
        assert is_public(path.format(code="not_found"))
        assert service.request("GET", path.format(code="not_found")).status_code < 400
    for path in ("/assets/alliance.css", "/assets/swagger/swagger-ui.css"):
        assert service.request("GET", path).status_code == 200
    assert is_public("/oauth/token")
    assert service.request("POST", "/oauth/token").json() == {"error": "invalid_request"}
    for name in SCOPE_OF | SAFETY_SCOPE_OF | INVITATION_SCOPE_OF:
        assert not is_public(request(name, Ids())[1])


@pytest.mark.parametrize(
    "path", ["/problems/../v1/instruments", "/assets/%2e%2e/v1/instruments", "/docs/../v1/instruments", "/docs%2fv1"]
)
def test_no_detour_leads_behind_the_wall(clinic: Clinic, path: str) -> None:
    """A path that begins as a public one and goes elsewhere opens nothing."""
    clinic.recorded(form())
    answer = clinic.service.request("GET", path)
    assert answer.status_code in {401, 404}
    assert "trq-s" not in answer.text


def test_a_key_that_is_made_up_is_refused_for_every_organisation(clinic: Clinic) -> None:
    """Guessing gets nowhere: random secrets for a known key id are refused, each time alike."""
    told = set()
    for _ in range(20):
        forged = written(packed(clinic.api_key)[:32] + uuid4().bytes + uuid4().bytes)
        answer = clinic.service.request("GET", "/v1/instruments", headers={"Authorization": f"Bearer {forged}"})
        told.add((answer.status_code, str(problem_without_trace(answer))))
    assert len(told) == 1
