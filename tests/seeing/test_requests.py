"""What is seen of requests: nothing that a form, a header or a path says of a person, whatever the answer is."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.main import create_app
from app.seeing.listed import ATTRIBUTES
from app.seeing.metrics import exposition
from app.settings import Settings
from app.storage.runtime import Runtime
from tests.harness import Clinic, Service, form, problem
from tests.seeing.conftest import Written

PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{PARENT}-00f067aa0ba902b7-01"

#: In every marker and in nothing else that is seen: letters, for times and counts are full of digits.
CANARY = "canary"

#: A marker for each place that may hold something of a person.
MARKERS = {name: f"{CANARY}{name}7361" for name in (
    "client", "therapist", "episode", "system", "source", "comment", "acting", "key", "query", "path", "agent", "item",
)}  # fmt: skip


def marked(**changes: Any) -> dict[str, Any]:
    """Make a form that has a marker wherever it may."""
    return form(
        client_ref={"system": f"https://{MARKERS['system']}.example", "value": MARKERS["client"]},
        therapist_ref=MARKERS["therapist"],
        episode_ref=MARKERS["episode"],
        source={"system": f"https://{MARKERS['system']}.example", "id": MARKERS["source"]},
        **changes,
    )


def headers_of() -> dict[str, str]:
    """Make headers that name people."""
    return {
        "Acting-User": MARKERS["acting"],
        "User-Agent": MARKERS["agent"],
        "Idempotency-Key": f"{MARKERS['key']}-{uuid4()}",
        "traceparent": TRACEPARENT,
        "tracestate": f"vendor={MARKERS['agent']}",
        "baggage": f"client={MARKERS['client']}",
    }


def ask_of_all_kinds(clinic: Clinic) -> list[httpx.Response]:
    """Post well, again, wrongly and without credentials; read with what is a person's in path and query."""
    headers = headers_of()
    stored = clinic.request("POST", "/v1/submissions", json=marked(), headers=headers)
    told = stored.json()
    client, episode = told["client_id"], told["episode_id"]
    return [
        stored,
        clinic.request("POST", "/v1/submissions", json=marked(), headers=headers),
        clinic.request("POST", "/v1/submissions", json=marked(comment=MARKERS["comment"]), headers=headers_of()),
        clinic.request("POST", "/v1/submissions", json=marked(answers={MARKERS["item"]: 1}), headers=headers_of()),
        clinic.request("POST", "/v1/submissions", json=marked(session_number=MARKERS["item"]), headers=headers_of()),
        clinic.post_batch([(MARKERS["key"], marked(session_number=2)), ("other", marked(rater=MARKERS["item"]))]),
        clinic.get(f"/v1/clients/{client}/progress", headers={"User-Agent": MARKERS["agent"]}),
        clinic.get(f"/v1/clients/{client}/progress?{MARKERS['query']}=1"),
        clinic.get(f"/v1/clients/{MARKERS['path']}/progress"),
        clinic.get(f"/v1/clients/{client}/episodes/{episode}/schedule"),
        clinic.get(f"/{MARKERS['path']}"),
        clinic.request(MARKERS["path"].upper(), "/v1/submissions"),
        clinic.request("POST", "/v1/clients/lookup", json={"ref": MARKERS["client"]}),
        clinic.service.request("GET", "/v1/caseload", headers={"Authorization": f"Bearer {MARKERS['key']}"}),
    ]


def everything(written: Written, spans: InMemorySpanExporter) -> str:
    """Put together all that was seen."""
    return " ".join((b"".join(written.raw).decode(), *(one.to_json() for one in spans.get_finished_spans()), counts()))


def counts() -> str:
    """Read the metrics."""
    return exposition().decode()


def count(name: str, **labels: str) -> float:
    """Read one count."""
    for line in counts().splitlines():
        found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
            return float(found[2])
    return 0.0


def test_nothing_of_a_person_is_seen(clinic: Clinic, written: Written, spans: InMemorySpanExporter) -> None:
    """For success, repeats and every kind of refusal: no marker, no key, no id of a client or of a form."""
    answers = ask_of_all_kinds(clinic)
    assert [answer.status_code for answer in answers] == [
        201, 201, 409, 422, 422, 200, 200, 400, 404, 200, 404, 405, 404, 401,
    ]  # fmt: skip
    seen = everything(written, spans)
    told = answers[0].json()
    ids = [told["id"], told["client_id"], told["episode_id"], *(score["id"] for score in told["scores"])]
    assert CANARY not in seen.lower()
    assert [one for one in ids if one in seen] == []
    assert clinic.api_key not in seen
    assert clinic.api_key.rpartition("_")[2][-20:] not in seen
    assert [line for line in written.lines if "dropped" in line] == []
    assert len(written.of("request")) == len(answers)


def test_a_request_has_one_line(clinic: Clinic, written: Written) -> None:
    """Method, template, status, time, trace, application and organisation; a refusal its code."""
    stored, refused = clinic.post(form()), clinic.post(form(rater="nobody"))
    clinic.service.request("GET", "/v1/caseload")
    first, second, third = written.of("request")
    assert {name: value for name, value in first.items() if name not in {"at", "milliseconds"}} == {
        "event": "request",
        "level": "info",
        "method": "POST",
        "route": "/v1/submissions",
        "status": 201,
        "trace_id": stored.headers["X-Trace-Id"],
        "application_id": str(clinic.application),
        "organisation_id": str(clinic.organisation),
    }
    assert first["milliseconds"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first["at"])
    assert (second["status"], second["code"], second["trace_id"]) == (
        422, "validation_failed", problem(refused)["trace_id"],
    )  # fmt: skip
    assert (third["status"], third["code"], third["route"]) == (401, "unauthenticated", "none")
    assert "application_id" not in third


def test_a_fault_of_ours_tells_its_way_and_no_value(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted fault whose message repeats the form: 500, and its type and frames in one line."""

    async def fail(_runtime: object, _caller: object, entries: Any) -> None:
        raise RuntimeError(f"could not take {entries!r} {MARKERS['client']}")

    monkeypatch.setattr("app.web.submissions.record", fail)
    answer = clinic.request("POST", "/v1/submissions", json=marked(), headers=headers_of())
    assert problem(answer)["code"] == "internal_error"
    [line] = written.of("internal_error")
    assert (line["level"], line["error"], line["trace_id"]) == ("error", "RuntimeError", PARENT)
    assert line["frames"][-1].startswith("tests.seeing.test_requests:fail:")
    assert CANARY not in everything(written, spans).lower()
    [span] = [one for one in spans.get_finished_spans() if one.name == "POST /v1/submissions"]
    assert (span.status.status_code.name, span.status.description, span.events) == ("ERROR", None, ())


def server_spans(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    """Those of requests."""
    return [one for one in spans.get_finished_spans() if one.kind.name == "SERVER"]


def test_a_trace_is_that_of_the_answer(clinic: Clinic, spans: InMemorySpanExporter) -> None:
    """With and without one that the caller names; the caller's other words are not taken over."""
    below = clinic.request("POST", "/v1/submissions", json=form(), headers=headers_of())
    alone = clinic.get("/v1/instruments")
    first, second = server_spans(spans)
    assert first.context is not None
    assert second.context is not None
    assert first.parent is not None
    assert (f"{first.context.trace_id:032x}", f"{first.parent.span_id:016x}") == (PARENT, "00f067aa0ba902b7")
    assert below.headers["X-Trace-Id"] == PARENT
    assert not first.context.trace_state
    assert (f"{second.context.trace_id:032x}", second.parent) == (alone.headers["X-Trace-Id"], None)


def test_spans_are_named_by_templates_and_hold_listed_attributes(clinic: Clinic, spans: InMemorySpanExporter) -> None:
    """A request and its parts; work that many share belongs to nobody's trace."""
    told = clinic.recorded(form())
    assert clinic.get(f"/v1/clients/{told['client_id']}/trajectory").status_code == 200
    assert clinic.get(f"/v1/submissions/{told['id']}").status_code == 200
    found = spans.get_finished_spans()
    assert {one.name for one in found} == {
        "POST /v1/submissions",
        "GET /v1/clients/{client_id}/trajectory",
        "GET /v1/submissions/{submission_id}",
        "wait audit",
        "wait keys",
        "wait record",
        "wait episodes",
        "database read",
    }
    assert {name for one in found for name in one.attributes or {}} <= ATTRIBUTES.keys()
    post = next(one for one in found if one.name == "POST /v1/submissions")
    assert dict(post.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/submissions",
        "http.response.status_code": 201,
    }
    wait = next(one for one in found if one.name == "wait record")
    assert (wait.parent and wait.parent.span_id) == (post.context and post.context.span_id)


def test_forms_and_requests_are_counted(clinic: Clinic) -> None:
    """By outcome and code, by template and status; each request once."""
    names: list[tuple[str, dict[str, str]]] = [
        ("alliance_forms_total", {"outcome": "recorded", "code": ""}),
        ("alliance_forms_total", {"outcome": "replayed", "code": ""}),
        ("alliance_forms_total", {"outcome": "there", "code": ""}),
        ("alliance_forms_total", {"outcome": "refused", "code": "session_already_rated"}),
        ("alliance_requests_total", {"method": "POST", "route": "/v1/submissions", "status": "201"}),
        ("alliance_requests_total", {"method": "POST", "route": "/v1/submissions", "status": "409"}),
        ("alliance_problems_total", {"route": "/v1/submissions", "code": "session_already_rated"}),
        ("alliance_problems_total", {"route": "/v1/submissions", "code": "validation_failed"}),
        ("alliance_request_seconds_count", {"method": "POST", "route": "/v1/submissions"}),
        ("alliance_forms_per_transaction_count", {}),
        ("alliance_database_seconds_count", {"kind": "write"}),
    ]
    before = [count(name, **labels) for name, labels in names]
    clinic.post(form(), key="one")
    clinic.post(form(), key="one")
    clinic.post(form(), key="two")
    clinic.post(form(answers={"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1, "7": 1, "8": 1}))
    clinic.post(form(rater="nobody"))
    grown = [count(name, **labels) - was for (name, labels), was in zip(names, before, strict=True)]
    assert grown[:9] == [1, 1, 1, 1, 2, 1, 1, 1, 5]
    assert grown[9] >= 1
    assert grown[10] >= grown[9]
    assert (count("alliance_requests_in_flight"), count("alliance_lane_waiting", lane="keys")) == (0, 0)
    assert count("alliance_database_under_way", kind="write") == 0


def test_labels_come_from_short_lists(clinic: Clinic) -> None:
    """Methods and paths that somebody makes up add no series; no organisation and no application is a label."""
    clinic.get("/v1/instruments")
    clinic.request("GOPHER", "/v1/instruments")
    clinic.get("/v1/none")
    before = set(re.findall(r"^alliance_\S+{", counts(), re.MULTILINE)), counts().count("\n")
    for number in range(20):
        clinic.request(f"GOPHER{number}", "/v1/instruments")
        clinic.get(f"/v1/none/{number}")
    after = counts()
    assert (set(re.findall(r"^alliance_\S+{", after, re.MULTILINE)), after.count("\n")) == before
    assert {name for line in after.splitlines() for name in re.findall(r'(\w+)="', line) if line[0] != "#"} <= {
        "method", "route", "status", "code", "outcome", "kind", "lane", "le",
        "implementation", "major", "minor", "patchlevel", "version",
    }  # fmt: skip


def test_metrics_are_the_operators(clinic: Clinic) -> None:
    """401 without credentials, 403 without their scope, 404 to one person's key, text for Prometheus with it."""
    assert clinic.service.request("GET", "/metrics").status_code == 401
    with_every_other = clinic.get("/metrics")  # `admin` too, which the organisation's own researchers have
    assert (with_every_other.status_code, problem(with_every_other)["scope"]) == (403, "metrics:read")
    operators = clinic.service.application(clinic.organisation, scopes=("metrics:read",))
    for kind in ("client", "therapist"):
        assert problem(operators.bound(kind, "one").get("/metrics"))["code"] == "not_found"
    answer = operators.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "# TYPE alliance_requests_total counter" in answer.text


def test_with_a_port_of_their_own_metrics_are_not_here(clinic: Clinic) -> None:
    """Then nobody's credentials open them on the main port."""
    operators = clinic.service.application(clinic.organisation, scopes=("metrics:read",))

    async def ask(runtime: Runtime) -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(replace(runtime), Settings(metrics_port=9464)))
        async with httpx.AsyncClient(transport=transport, base_url="http://alliance.test") as http:
            return await http.get("/metrics", headers={"Authorization": f"Bearer {operators.api_key}"})

    assert clinic.service.portal.call(ask, clinic.service.runtime).status_code == 404


def test_a_health_check_is_seen_too(service: Service, written: Written) -> None:
    """Its line has no application."""
    service.request("GET", "/livez", headers={"Authorization": base64.b64encode(b"7361").decode()})
    [line] = written.of("request")
    assert (line["route"], line["status"], "application_id" in line) == ("/livez", 200, False)
