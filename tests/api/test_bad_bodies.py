"""The body as a whole is wrong: no JSON, no UTF-8, a key twice, too deep, too large, or not declared as JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.refusals import CANARY, marked, nothing_stored, refused, told
from tests.harness import Clinic

VALID = json.dumps(marked())
MEBIBYTE = 1024 * 1024

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "cut off": (VALID[:-1].encode(), "invalid_json"),
    "trailing text": (f"{VALID} {CANARY}".encode(), "invalid_json"),
    "twice": ((VALID + VALID).encode(), "invalid_json"),
    "lines": (f"{VALID}\n{VALID}\n".encode(), "invalid_json"),
    "NUL behind": (VALID.encode() + b"\0", "invalid_json"),
    "only blanks": (b" \r\n\t", "invalid_json"),
    "words": (CANARY.encode(), "invalid_json"),
    "single quotes": (VALID.replace('"', "'").encode(), "invalid_json"),
    "trailing comma": (VALID.replace("}", ",}").encode(), "invalid_json"),
    "comment": (f"/* {CANARY} */{VALID}".encode(), "invalid_json"),
    "a form": (f"client_ref={CANARY}&rater=client".encode(), "invalid_json"),
    "a raw line feed in a text": (VALID.replace(CANARY, f"{CANARY}\n").encode(), "invalid_json"),
    "a raw NUL in a text": (VALID.replace(CANARY, f"{CANARY}\0").encode(), "invalid_json"),
    "hexadecimal": (VALID.replace('"session_number": 1', '"session_number": 0x1').encode(), "invalid_json"),
    "leading zero": (VALID.replace('"session_number": 1', '"session_number": 01').encode(), "invalid_json"),
    "byte order mark": (b"\xef\xbb\xbf" + VALID.encode(), "invalid_json"),
    "UTF-16": (VALID.encode("utf-16"), "not_utf8"),
    "UTF-16 without a mark": (VALID.encode("utf-16-le"), "invalid_json"),
    "UTF-32": (VALID.encode("utf-32"), "not_utf8"),
    "Latin-1": (VALID.replace(CANARY, f"{CANARY} é").encode("latin-1"), "not_utf8"),
    "a surrogate in UTF-8": (VALID.replace(CANARY, "CUT").encode().replace(b"CUT", b"\xed\xa0\x80"), "not_utf8"),
    "an overlong NUL": (VALID.replace(CANARY, "CUT").encode().replace(b"CUT", b"\xc0\x80"), "not_utf8"),
    "compressed": (b"\x1f\x8b\x08\x00" + VALID.encode(), "not_utf8"),
}
NO_OBJECT: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "required"),
    "null": (b"null", "wrong_type"),
    "list": (b"[]", "wrong_type"),
    "list of a form": (f"[{VALID}]".encode(), "wrong_type"),
    "text": (f'"{CANARY}"'.encode(), "wrong_type"),
    "number": (b"7361", "wrong_type"),
    "NaN": (b"NaN", "wrong_type"),
    "true": (b"true", "wrong_type"),
}
REPEATED: dict[str, tuple[str, str, list[str]]] = {
    "at the top": ('"rater"', '"rater": "client", "rater"', ["/rater"]),
    "with the same value": ('"session_number": 1', '"session_number": 1, "session_number": 1', ["/session_number"]),
    "an answer": ('"1": 4', '"1": 4, "1": 5', ["/answers/1"]),
    "an answer, spelled otherwise": ('"1": 4', r'"1": 4, "\u0031": 5', ["/answers/1"]),
    "in a reference": ('"value":', f'"value": "{CANARY}", "value":', ["/therapist_ref/value"]),
    "in a list of what is unknown": ('"rater"', '"x": [0, {"a": 1, "a": 2}], "rater"', ["/x/1/a"]),
    "an odd name": ('"rater"', f'"{CANARY}\\u0000": 1, "{CANARY}\\u0000": 2, "rater"', ["/?"]),
    "at two places": ('"1": 4', '"1": 4, "1": 5}, "x": {"y": 1, "y": 1', ["/answers/1", "/x/y"]),
    "two names in one object": ('"1": 4, "2": 3', '"1": 4, "2": 3, "2": 3, "1": 4', ["/answers/1", "/answers/2"]),
    "whole objects": ('"answers": {', '"answers": {"1": 1, "1": 2}, "answers": {', ["/answers"]),
}


def test_a_body_that_is_no_json_in_utf_8_is_refused(clinic: Clinic) -> None:
    """400 with one of two codes, without a place, and no word of it comes back."""
    with nothing_stored(clinic):
        answers = {name: told(clinic.post_bytes(body)) for name, (body, _) in UNREADABLE.items()}
    assert answers == {name: (400, code, []) for name, (_, code) in UNREADABLE.items()}


def test_a_body_that_is_no_object_has_a_fault_at_its_root(clinic: Clinic) -> None:
    """The pointer to the whole body is the empty one (RFC 6901)."""
    with nothing_stored(clinic):
        answers = {name: told(clinic.post_bytes(body)) for name, (body, _) in NO_OBJECT.items()}
    assert answers == {name: (422, "validation_failed", [("", code)]) for name, (_, code) in NO_OBJECT.items()}


@pytest.mark.parametrize("name", REPEATED)
def test_a_key_that_stands_twice_is_named(clinic: Clinic, name: str) -> None:
    """Nobody guesses which of the two was meant, and the pointers lead to each."""
    old, new, pointers = REPEATED[name]
    body = VALID.replace(old, new, 1)
    assert body != VALID
    with nothing_stored(clinic):
        refused(clinic.post_bytes(body.encode()), 400, "duplicate_key", *((p, "duplicate_key") for p in pointers))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"k":', "}")])
@pytest.mark.parametrize("depth", [2_000, 9_000, 100_000])
def test_a_body_that_is_nested_too_deeply_is_refused(clinic: Clinic, depth: int, opening: str, closing: str) -> None:
    """Thousands of levels are neither a crash nor a fault of the service."""
    deep = opening * depth + "1" + closing * depth
    with nothing_stored(clinic):
        refused(clinic.post_bytes(f'{VALID[:-1]}, "x": {deep}}}'.encode()), 400, "nesting_too_deep")
        refused(clinic.post_bytes((opening * depth).encode()), 400, "nesting_too_deep")


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({f"n{number}": 1 for number in range(301)}),
        json.dumps({"items": [{f"n{number}": 1 for number in range(100)} for _ in range(501)]}),
    ],
    ids=["of one object", "of all objects"],
)
def test_a_body_with_more_names_than_any_form_is_refused(clinic: Clinic, body: str) -> None:
    """Each unknown name would be a fault to look at, and a worker would do nothing else for seconds."""
    with nothing_stored(clinic):
        refused(clinic.post_bytes(body.encode()), 400, "too_many_names")


@pytest.mark.parametrize("depth", [10, 500, 900, 940, 945, 950, 1_000, 2_000])
def test_a_repeated_key_beside_deep_nesting_is_no_fault_of_the_service(clinic: Clinic, depth: int) -> None:
    """Looking for the repeated key goes as deep as reading did: 400 at any depth."""
    body = f'{VALID[:-1]}, "x": 1, "x": 2, "y": {"[" * depth}{"]" * depth}}}'
    answer = clinic.post_bytes(body.encode())
    assert answer.status_code == 400
    assert answer.json()["code"] in {"duplicate_key", "nesting_too_deep"}


@pytest.mark.parametrize("size", [MEBIBYTE + 1, 50 * MEBIBYTE])
def test_a_large_body_is_refused_by_its_declared_length(clinic: Clinic, size: int) -> None:
    """413 before a byte of it is parsed."""
    with nothing_stored(clinic):
        refused(clinic.post_bytes(VALID.encode().ljust(size)), 413, "too_large")


@pytest.mark.parametrize("path", ["/v1/submissions", "/v1/clients/lookup", "/v1/instruments/trq-s/score"])
@pytest.mark.parametrize("declared", [None, "10", "-1", "1e3", "9" * 5_000])
def test_a_large_body_is_refused_while_it_comes_in(clinic: Clinic, path: str, declared: str | None) -> None:
    """A chunked body, or one that lies about its length, is cut off at 1 MiB."""
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(50):
            sent += 1
            yield CANARY.encode().ljust(MEBIBYTE)

    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    if declared is not None:
        headers["Content-Length"] = declared
    with nothing_stored(clinic):
        refused(clinic.request("POST", path, content=chunks(), headers=headers), 413, "too_large")
    assert sent <= 3


def test_a_body_of_just_the_limit_is_read(clinic: Clinic) -> None:
    """1 MiB is allowed, however it comes in."""

    async def chunks() -> AsyncIterator[bytes]:
        yield VALID.encode()
        yield b" " * (MEBIBYTE - len(VALID))

    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    assert clinic.post_bytes(VALID.encode().ljust(MEBIBYTE), key="k").status_code == 201
    assert clinic.request("POST", "/v1/submissions", content=chunks(), headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("media_type", "status", "code"),
    [
        ("text/plain", 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("multipart/form-data; boundary=CANARY-7361", 415, "unsupported_media_type"),
        ("application/xml", 415, "unsupported_media_type"),
        ("application/jsonx", 415, "unsupported_media_type"),
        ("application/fhir+json", 415, "unsupported_media_type"),
        ("application/x-ndjson", 415, "unsupported_media_type"),
        ("json", 415, "unsupported_media_type"),
        ("*/*", 415, "unsupported_media_type"),
        (CANARY, 415, "unsupported_media_type"),
        ("", 415, "unsupported_media_type"),
        ("application/json; charset=iso-8859-1", 400, "not_utf8"),
        ('application/json; charset="UTF-16"', 400, "not_utf8"),
    ],
)
def test_a_body_not_declared_as_json_in_utf_8_is_refused(
    clinic: Clinic, media_type: str, status: int, code: str
) -> None:
    """What the body holds is not guessed."""
    with nothing_stored(clinic):
        refused(clinic.post_bytes(VALID.encode(), media_type=media_type), status, code)


@pytest.mark.parametrize("path", ["/v1/submissions", "/v1/clients/lookup", "/v1/instruments/trq-s/score"])
def test_a_body_without_a_declared_type_is_refused(clinic: Clinic, path: str) -> None:
    """No Content-Type is not JSON either."""
    with nothing_stored(clinic):
        answer = clinic.request("POST", path, content=VALID.encode(), headers={"Idempotency-Key": "k"})
        assert "content-type" not in answer.request.headers
        refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json;v=1"]
)
def test_json_may_be_declared_in_several_ways(clinic: Clinic, media_type: str) -> None:
    """Upper case, quotes and other parameters change nothing."""
    assert clinic.post_bytes(VALID.encode(), media_type=media_type).status_code == 201


@pytest.mark.parametrize("path", ["/v1/clients/lookup", "/v1/instruments/trq-s/score"])
def test_the_other_bodies_are_read_as_strictly(clinic: Clinic, path: str) -> None:
    """Look-up and scoring read their bodies as intake does."""
    for body, code in UNREADABLE.values():
        sent: dict[str, Any] = {"content": body, "headers": {"Content-Type": "application/json"}}
        refused(clinic.request("POST", path, **sent), 400, code)


def test_the_other_bodies_hold_each_key_once(clinic: Clinic) -> None:
    """A repeated key is named in every body that is read."""
    bodies: dict[str, tuple[bytes, tuple[str, str]]] = {
        "/v1/clients/lookup": (b'{"ref": "a", "ref": "CANARY-7361"}', ("/ref", "duplicate_key")),
        "/v1/instruments/trq-s/score": (b'{"answers": {"1": 4, "1": 5}}', ("/answers/1", "duplicate_key")),
    }
    for path, (body, place) in bodies.items():
        sent: dict[str, Any] = {"content": body, "headers": {"Content-Type": "application/json"}}
        refused(clinic.request("POST", path, **sent), 400, "duplicate_key", place)
