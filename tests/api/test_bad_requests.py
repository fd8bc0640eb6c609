"""Around the body: the idempotency key, parameters, ids in paths, methods, paths that do not exist."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx
import pytest

from tests.api.refusals import CANARY, marked, nothing_stored, refused, silent, told
from tests.harness import Clinic, form, problem

ABSENT = "019a0000-0000-7000-8000-000000000000"
MALFORMED = ["CANARY-7361", "123", ABSENT[:-1], f"{ABSENT}0", f"{ABSENT}%00", "%20", "..%2f..", "null", "%F0%9F%98%80"]
UNKNOWN = [
    "/v1",
    "/v1/",
    "/v1/CANARY-7361",
    "/v1/submissions/",
    f"/v1/submissions/{ABSENT}/",
    "/v1/clients",
    "/v1/clients/lookup/CANARY-7361",
    "/v2/submissions",
    "/V1/instruments",
    "//v1/instruments",
    "/CANARY-7361",
    "/admin",
    "/redoc",
    "/docs/oauth2-redirect",
    "/.env",
    "/v1/instruments/%2e%2e/submissions",
    "/problemsCANARY-7361",
    "/assets",
    "/%00",
    "/%FF",
]
READS = ["/v1/submissions/{}", "/v1/clients/{}/progress", "/v1/clients/{}/trajectory", "/v1/clients/{}/stage"]
READS += ["/v1/clients/{}/scores/" + ABSENT + "/explanation", "/v1/clients/" + ABSENT + "/scores/{}/explanation"]


def post_under(clinic: Clinic, *keys: bytes) -> httpx.Response:
    """Post a valid form with Idempotency-Key headers as they are."""
    headers = [(b"Authorization", f"Bearer {clinic.api_key}".encode()), (b"Content-Type", b"application/json")]
    headers += [(b"Idempotency-Key", key) for key in keys]
    return clinic.service.request("POST", "/v1/submissions", content=json.dumps(marked()), headers=headers)


@pytest.mark.parametrize("keys", [[], [b""], [b"   "]], ids=["none", "empty", "blank"])
def test_a_post_needs_an_idempotency_key(clinic: Clinic, keys: list[bytes]) -> None:
    """Without one nothing is stored, since nobody could repeat the post safely."""
    with nothing_stored(clinic):
        refused(post_under(clinic, *keys), 400, "idempotency_key_missing")


@pytest.mark.parametrize(
    "key",
    [
        b"CANARY-7361" * 24,
        b"k" * 256,
        b'"' + b"k" * 256 + b'"',
        b'""',
        b"CANARY-7361 7361",
        "CANARY-7361-é".encode(),
        b"CANARY-7361\xe9",
        b"CANARY-7361\x00",
        b"CANARY-7361\t7361",
        b"CANARY-7361\x7f",
    ],
)
def test_an_idempotency_key_is_255_visible_characters_at_most(clinic: Clinic, key: bytes) -> None:
    """Too long, empty in its quotes, or with what is no visible ASCII: 400, and the key is not repeated."""
    with nothing_stored(clinic):
        refused(post_under(clinic, key), 400, "idempotency_key_invalid")


@pytest.mark.parametrize("key", [b"k", b'"' + b"k" * 255 + b'"', b"~!#$%&'*+/=?^_`{|}", b"k" * 255])
def test_every_other_idempotency_key_is_taken(clinic: Clinic, key: bytes) -> None:
    """1 to 255 visible ASCII characters, bare or in quotes."""
    assert post_under(clinic, key).status_code == 201


@pytest.mark.parametrize(
    "path",
    [
        "/v1/instruments",
        "/v1/instruments/trq-s",
        "/v1/instruments/trq-s/versions/1.0.0",
        f"/v1/submissions/{ABSENT}",
        f"/v1/clients/{ABSENT}/progress",
        f"/v1/clients/{ABSENT}/stage",
        f"/v1/clients/{ABSENT}/trajectory",
        f"/v1/clients/{ABSENT}/scores/{ABSENT}/explanation",
        "/livez",
        "/readyz",
    ],
)
def test_an_unknown_parameter_is_refused(clinic: Clinic, path: str) -> None:
    """Its name comes back when it is a plain one, its value never does."""
    for query, name in (("mood=CANARY-7361", "mood"), ("client_ref", "client_ref"), ("a%00b=1", "?"), ("=1", "?")):
        assert refused(clinic.get(f"{path}?{query}"), 400, "unknown_parameter")["parameter"] == name


def test_an_unknown_parameter_of_a_post_is_refused(clinic: Clinic) -> None:
    """Posts take no parameters."""
    headers = {"Idempotency-Key": "k"}
    with nothing_stored(clinic):
        answer = clinic.request("POST", "/v1/submissions?dry_run=CANARY-7361", json=marked(), headers=headers)
        assert refused(answer, 400, "unknown_parameter")["parameter"] == "dry_run"
    for path, sent in (("/v1/clients/lookup", {"ref": "a"}), ("/v1/instruments/trq-s/score", {"answers": {"1": 1}})):
        refused(clinic.request("POST", f"{path}?dry_run=CANARY-7361", json=sent), 400, "unknown_parameter")


@pytest.mark.parametrize("value", ["CANARY-7361", "", "123", "null", "a%00b"])
@pytest.mark.parametrize("part", ["progress", "trajectory", "stage", "discrepancy"])
def test_a_malformed_episode_is_refused(clinic: Clinic, part: str, value: str) -> None:
    """A parameter that is no id gets 400 with its name."""
    client = clinic.recorded(form())["client_id"]
    answer = clinic.get(f"/v1/clients/{client}/{part}?episode_id={value}")
    assert refused(answer, 400, "invalid_parameter")["parameter"] == "episode_id"


@pytest.mark.parametrize("path", READS)
def test_a_malformed_id_is_absent(clinic: Clinic, path: str) -> None:
    """404 with the very body that an unknown id gets."""
    absent = refused(clinic.get(path.format(ABSENT)), 404, "not_found") | {"trace_id": ""}
    for value in MALFORMED:
        assert refused(clinic.get(path.format(value)), 404, "not_found") | {"trace_id": ""} == absent


@pytest.mark.parametrize(
    "path",
    [
        "/v1/instruments/canary-7361",
        "/v1/instruments/CANARY-7361",
        "/v1/instruments/trq-s%00",
        "/v1/instruments/trq-s%0A",
        "/v1/instruments/" + "canary-7361" * 400,
        "/v1/instruments/trq-s/versions/9.9.9",
        "/v1/instruments/trq-s/versions/CANARY-7361",
        "/v1/instruments/trq-s/versions/1.0.0%0A",
        "/v1/instruments/trq-s/versions/" + "1" * 5_000 + ".0.0",
        "/v1/instruments/canary-7361/versions/1.0.0",
    ],
)
def test_an_instrument_that_is_not_there_is_absent(clinic: Clinic, path: str) -> None:
    """Unknown and malformed keys and versions are alike."""
    refused(clinic.get(path), 404, "not_found")


def test_scoring_with_an_instrument_that_is_not_there_is_absent(clinic: Clinic) -> None:
    """404 comes before the answers are looked at."""
    for key in ("canary-7361", "CANARY-7361"):
        refused(clinic.request("POST", f"/v1/instruments/{key}/score", json={"answers": {"1": 1}}), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/submissions", {"POST"}),
        ("PUT", "/v1/submissions", {"POST"}),
        ("DELETE", "/v1/submissions", {"POST"}),
        ("PATCH", "/v1/submissions", {"POST"}),
        ("OPTIONS", "/v1/submissions", {"POST"}),
        ("POST", f"/v1/submissions/{ABSENT}", {"GET", "PUT"}),
        ("DELETE", f"/v1/submissions/{ABSENT}", {"GET", "PUT"}),
        ("GET", "/v1/clients/lookup", {"POST"}),
        ("POST", f"/v1/clients/{ABSENT}/progress", {"GET"}),
        ("POST", f"/v1/clients/{ABSENT}/stage", {"GET"}),
        ("POST", f"/v1/clients/{ABSENT}/trajectory", {"GET"}),
        ("DELETE", f"/v1/submissions/{ABSENT}/withdrawal", {"POST"}),
        ("PUT", f"/v1/submissions/{ABSENT}/corrections", {"POST"}),
        ("POST", "/v1/instruments", {"GET"}),
        ("DELETE", "/v1/instruments/trq-s", {"GET"}),
        ("GET", "/v1/instruments/trq-s/score", {"POST"}),
        ("CANARY-7361", "/v1/submissions", {"POST"}),
        ("POST", "/livez", {"GET"}),
        ("DELETE", "/readyz", {"GET"}),
        ("POST", "/docs", {"GET"}),
    ],
)
def test_a_wrong_method_is_told_which_ones_are_right(clinic: Clinic, method: str, path: str, allowed: set[str]) -> None:
    """405 as a problem, with Allow."""
    answer = clinic.request(method, path)
    refused(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_an_unknown_path_says_nothing_without_credentials(clinic: Clinic) -> None:
    """401 without credentials, 404 with them: what exists is not told to strangers."""
    answers = {path: (told(clinic.service.request("GET", path)), told(clinic.get(path))) for path in UNKNOWN}
    assert answers == dict.fromkeys(UNKNOWN, ((401, "unauthenticated", []), (404, "not_found", [])))


def test_nothing_of_a_request_is_echoed_in_a_header(clinic: Clinic) -> None:
    """Marker values in every header come back nowhere, neither with a fault nor without one."""
    names = ["Prefer", "If-None-Match", "If-Match", "Accept", "Accept-Language", "User-Agent", "Cookie", "Origin"]
    names += ["Referer", "X-Request-Id", "X-Trace-Id", "traceparent", "tracestate", "X-Forwarded-For", "Forwarded"]
    headers = dict.fromkeys(names, CANARY) | {"Idempotency-Key": f"{CANARY}-{uuid4()}"}
    made = clinic.request("POST", "/v1/submissions", json=marked(), headers=headers)
    assert (made.status_code, silent(made)) == (201, True)
    again = clinic.request("POST", "/v1/submissions", json=marked(session_number=0), headers=headers)
    refused(again, 422, "validation_failed", ("/session_number", "out_of_range"))
    assert silent(clinic.get("/v1/instruments", headers=headers))


def test_a_trace_id_is_taken_over_when_it_is_one(clinic: Clinic) -> None:
    """A well-made traceparent names the request; anything else gets a fresh trace id."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for parent, taken in (
        (f"00-{trace}-00f067aa0ba902b7-01", True),
        (f"00-{trace.upper()}-00f067aa0ba902b7-01", False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (trace, False),
        (CANARY, False),
    ):
        answer = clinic.get("/v1/submissions/none", headers={"traceparent": parent})
        told = problem(answer)["trace_id"]
        assert (told == trace, told == answer.headers["x-trace-id"]) == (taken, True)
