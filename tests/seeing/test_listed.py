"""The list of what may be seen, field by field, and the lines of libraries."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from app.seeing.listed import ATTRIBUTES, FIELDS, keep_listed, told_of
from app.seeing.logs import log, write_lines
from tests.seeing.conftest import Written

CANARY = "canary-7361"


def test_a_field_off_the_list_is_dropped_and_counted(written: Written) -> None:
    """The planted fault: somebody logs a reference, under a name of its own or under a listed one."""
    log.info("request", client_ref=CANARY, code=CANARY, route=f"/v1/clients/{CANARY}", status=201)
    [line] = written.lines
    assert {name: value for name, value in line.items() if name != "at"} == {
        "level": "info", "event": "request", "status": 201, "dropped": 3,
    }  # fmt: skip
    assert CANARY not in str(written.raw)


def test_a_list_without_its_check_would_be_caught(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the guard off the canary is in the line: the assertion above is one that can fail."""
    monkeypatch.setattr("app.seeing.logs.keep_listed", lambda fields: (dict(fields), 0))
    log.info("request", client_ref=CANARY)
    assert CANARY in str(written.raw)


@pytest.mark.parametrize("event", [f"form of {CANARY}", CANARY, f"{CANARY}\n", ""])
def test_a_sentence_is_no_event(written: Written, event: str) -> None:
    """An event is a word; a sentence, which may have been put together, is not written."""
    log.warning(event)
    assert [line["event"] for line in written.lines] == ["unlisted"]
    assert CANARY not in str(written.raw)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("route", "/v1/clients/019a0000-0000-7000-8000-000000000000/progress"),
        ("route", "/v1/clients/mrn-1042/progress"),
        ("route", "/v1/caseload?limit=3"),
        ("route", "https://alliance.example/v1"),
        ("method", "smith"),
        ("method", ["GET"]),
        ("status", "201"),
        ("status", True),
        ("milliseconds", "12"),
        ("trace_id", "mrn-1042"),
        ("trace_id", "f" * 33),
        ("application_id", "mrn-1042"),
        ("organisation_id", 7),
        ("code", "Ann Smith"),
        ("code", "x" * 101),
        ("error", "ValueError: Ann"),
        ("causes", ["ValueError", "for Ann"]),
        ("frames", ["app.main:create_app:12", "raise ValueError(ann)"]),
        ("frames", "app.main:create_app:12"),
        ("place", "/home/ann/main.py:12"),
        ("event", {"ann": 1}),
        ("process", "7"),
        ("comment", "x"),
        ("acting", "x"),
        ("message", "x"),
    ],
)
def test_what_does_not_look_as_it_should_is_dropped(field: str, value: Any) -> None:
    """A listed name is no way in for another kind of value."""
    assert keep_listed({field: value}) == ({}, 1)


def test_what_is_listed_is_kept() -> None:
    """Each field, as it is in use."""
    fields = {
        "event": "request",
        "method": "POST",
        "route": "/v1/clients/{client_id}/scores/{score_id}/explanation",
        "status": 201,
        "milliseconds": 1.5,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "application_id": "019a0000-0000-7000-8000-000000000000",
        "organisation_id": "019a0000-0000-7000-8000-000000000000",
        "code": "validation_failed",
        "error": "sqlalchemy.exc.OperationalError",
        "causes": ["OSError"],
        "frames": ["app.main:create_app:12", "app.main:<module>:1"],
        "logger": "uvicorn.error",
        "place": "server:_serve:84",
        "process": 7,
    }
    assert keep_listed(fields) == (fields, 0)
    assert fields.keys() <= FIELDS.keys()
    assert keep_listed({"status": None}) == ({}, 0)


def test_the_lists_hold_no_more() -> None:
    """A new field or attribute is a decision: it is named here too."""
    assert FIELDS.keys() == {
        "event", "level", "at", "method", "route", "status", "milliseconds", "trace_id", "application_id",
        "organisation_id", "code", "error", "causes", "frames", "logger", "place", "process", "port", "dropped",
        "skipped",
    }  # fmt: skip
    assert ATTRIBUTES.keys() == {
        "http.request.method", "http.route", "http.response.status_code", "error.type", "db.system.name",
    }  # fmt: skip


def raise_with(text: str) -> None:
    """Fail with a message that repeats what was sent, because of another that does."""
    try:
        int(text)
    except ValueError as error:
        raise KeyError(text) from error


def test_of_an_error_type_and_way_are_told() -> None:
    """Never its message, and not that of what led to it."""
    with pytest.raises(KeyError, match=CANARY) as caught:
        raise_with(CANARY)
    told = told_of(caught.value)
    assert (told["error"], told["causes"]) == ("KeyError", ["ValueError"])
    assert told["frames"][-1].startswith("tests.seeing.test_listed:raise_with:")
    assert CANARY not in str(told)


def test_libraries_go_through_the_list(written: Written) -> None:
    """Where they said something, never what: not as a message, not as its arguments, not as an error's text."""
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.info("Started server process [%d]", 7)
    uvicorn.warning(f"Invalid something {CANARY}")
    logging.getLogger("sqlalchemy.pool").error("Lost %s", CANARY)
    logging.getLogger("uvicorn.access").info("GET /v1/clients/%s", CANARY)
    try:
        raise_with(CANARY)
    except KeyError:
        logging.getLogger("asyncio").exception("Task %r", CANARY)
    assert [(line["event"], line["level"], line["logger"]) for line in written.lines] == [
        ("server_process_started", "info", "uvicorn.error"),
        ("library", "warning", "uvicorn.error"),
        ("library", "error", "sqlalchemy.pool"),
        ("library", "error", "asyncio"),
    ]
    assert all(line["place"].startswith("test_listed:test_libraries") for line in written.lines)
    assert written.lines[-1]["error"] == "KeyError"
    assert CANARY not in str(written.raw)


def test_a_thread_that_fails_says_no_more_than_the_rest(written: Written) -> None:
    """The interpreter's own way would print the message."""
    thread = threading.Thread(target=raise_with, args=(CANARY,))
    thread.start()
    thread.join()
    assert [line["error"] for line in written.of("thread_failed")] == ["KeyError"]
    assert CANARY not in str(written.raw)


def test_a_level_leaves_the_lines_of_requests_out(written: Written) -> None:
    """From `warning` on only what an operator should look at is written."""
    write_lines(written.raw.append, level="warning")
    log.info("request")
    log.error("internal_error")
    assert [line["event"] for line in written.lines] == ["internal_error"]
