"""The reason for break-glass is found where it is opened on purpose, and in nothing that is kept or written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.audit import log
from tests.api.glass import BREAKING, OPENED, listed, on_call, utf8
from tests.api.operations import Ids, call
from tests.harness import Clinic
from tests.privacy.surfaces import Watched
from tests.seeing.conftest import Written

REASON, PERSON = "CANARY-reason-8842", "CANARY-person-8842"
SAID = BREAKING | {"Access-Reason": f"{REASON} \N{LATIN SMALL LETTER U WITH DIAERESIS}", "Acting-User": PERSON}


def leaks(clinic: Clinic, written: Written, spans: InMemorySpanExporter) -> Iterator[str]:
    """Open everything that is opened, be refused in every way, and name each place that holds a word of it."""
    ids, key = Ids.made(clinic), on_call(clinic)
    sent = utf8(SAID)
    answers = [call(key, name, ids, sent) for name in OPENED]
    assert {one.status_code for one in answers} == {200}
    path = f"/v1/clients/{ids.client_id}/progress"
    for by, more in ((clinic, b""), (key, b"\xff"), (key, b"x" * 500), (clinic.bound("client", "mrn-1042"), b"")):
        answers.append(by.get(path, headers=sent | {"Access-Reason": sent["Access-Reason"] + more}))
    answers.append(key.get(f"/v1/clients/{clinic.application}/progress", headers=sent))
    answers.append(clinic.service.application(clinic.organisation, scopes=("metrics:read",)).get("/metrics"))
    assert [one.status_code for one in answers[len(OPENED) :]] == [403, 400, 400, 400, 404, 200]
    yield from (f"answer: {mark}" for one in answers for mark in (REASON, PERSON) if mark in f"{one.headers}{one.text}")
    watched = Watched(clinic=clinic, desk=clinic, phone=clinic, callers={}, ids={})
    for name, content in watched.stored():
        yield from (f"stored in {name}: {mark}" for mark in (REASON, PERSON) if mark.encode() in content)
    for line, output in watched.printed():
        yield from (f"printed by {line}: {mark}" for mark in (REASON, PERSON) if mark in output)
    traced = " ".join(span.to_json() for span in spans.get_finished_spans())
    for where, text in (("logs", b"".join(written.raw).decode()), ("traces", traced)):
        assert "/v1/clients/{client_id}/progress" in text
        yield from (f"{where}: {mark}" for mark in (REASON, PERSON, "Access-Reason", "access-reason") if mark in text)


def test_a_reason_is_seen_nowhere_but_where_it_is_opened(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter
) -> None:
    """In no answer, row, file, line, trace, metric or printed table; the operator's list alone has all of them."""
    assert list(leaks(clinic, written, spans)) == []
    assert {(one.reason, one.acting) for one in listed(clinic)} == {(SAID["Access-Reason"], PERSON)}
    assert len(listed(clinic)) == len(OPENED)


def test_a_reason_that_is_not_sealed_is_found(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the reason stands in its entry as it was said. The table shows it, and so does the log taken out."""
    monkeypatch.setattr(log, "sealed_for_client", lambda _vault, _event, _client, **texts: texts)
    found = set(leaks(clinic, written, spans))
    assert f"stored in events: {REASON}" in found
    assert f"printed by audit export --org {clinic.organisation}: {REASON}" in found
