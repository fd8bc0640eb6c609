"""A canary in a safety check is found where a recipient opens it, and nobody else learns that there is one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.safeguarding.readers import Reader, Seen
from app.safeguarding.readers import opened as open_sealed
from app.storage.vault import OrganisationVault
from app.web import seen
from tests.api.safety import listed, opened
from tests.harness import Clinic
from tests.privacy.surfaces import CANARIES, CLIENT, CONTACT, WORDS, Watched
from tests.seeing.conftest import Written

#: Those for whom the planted faults are looked for.
FEW = ("system", "therapist who is a recipient")


def leaks(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter, *, only: Collection[str] = ()
) -> Iterator[str]:
    """Let a client send checks, look everywhere before and after, and name each place that tells of them."""
    watched = Watched.set_up(clinic, only=only)
    watched.look()  # what a first call changes (forms, acknowledgements) is changed by now
    before, counted = watched.look(), counts_of_safety(clinic)
    check_ids = watched.send()
    after = watched.look()
    yield from (f"differs: {place}" for place, told in after.items() if told != before[place])
    watched.look(check_ids[-1])
    yield from (f"metrics: {line}" for line in counts_of_safety(clinic) - counted)
    marks = (*CANARIES, *check_ids)
    yield from (f"answer: {mark}" for mark in marks if any(mark in one for one in watched.raw))
    for name, content in watched.stored():
        yield from (f"stored in {name}: {mark}" for mark in (*CANARIES, "not_sure") if mark.encode() in content)
    for line, output in watched.printed():
        # The log names the check, for it must show who opened it; and nobody it is about.
        hidden = CANARIES if line.startswith("audit export") else marks
        yield from (f"printed by {line}: {mark}" for mark in hidden if mark in output)
    lines = b"".join(written.raw).decode()
    traced = " ".join(span.to_json() for span in spans.get_finished_spans())
    for where, text in (("logs", lines), ("traces", traced)):
        yield from (f"{where}: {mark}" for mark in (*marks, "safeguarding", "safety") if mark in text)


def finds(expected: set[str], found: Iterator[str]) -> bool:
    """Go on only until all that is expected was found: each further look takes a while."""
    left = set(expected)
    for one in found:
        left.discard(one)
        if not left:
            return True
    return False


def counts_of_safety(clinic: Clinic) -> set[str]:
    """Read the metrics that tell of safety checks, with their numbers: what other tests have counted stays."""
    operators = clinic.service.application(clinic.organisation, scopes=("metrics:read",))
    answer = operators.get("/metrics")
    assert answer.status_code == 200
    return {line for line in answer.text.splitlines() if "safe" in line}


def test_a_safety_check_is_seen_nowhere(clinic: Clinic, written: Written, spans: InMemorySpanExporter) -> None:
    """By no audience, in no answer, row, file, line, trace, metric or printed table; all answers are as before."""
    assert list(leaks(clinic, written, spans)) == []


def test_a_recipient_finds_all_of_it_in_one_place(clinic: Clinic) -> None:
    """The list has the id and no word; the opening has the words, the contact and the person."""
    watched = Watched.set_up(clinic)
    check_ids = watched.send()
    items = listed(watched.desk, "officer-1")
    assert {one["id"] for one in items} == set(check_ids)
    assert not any(mark in str(items) for mark in CANARIES)
    for check_id in check_ids:
        told = opened(watched.desk, "officer-1", check_id).json()
        assert (told["answers"]["words"], told["answers"]["contact"], told["client_ref"]["value"]) == (
            WORDS, CONTACT, CLIENT,
        )  # fmt: skip
    assert listed(watched.desk, "th-7") == []


def test_a_check_that_is_not_sealed_is_found(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what is sealed is plain. It lies in the table's rows, and in the files of SQLite."""
    monkeypatch.setattr(OrganisationVault, "seal_safeguarding", lambda _self, text, _place: text.encode())
    monkeypatch.setattr(OrganisationVault, "open_safeguarding", lambda _self, sealed, _place: sealed.decode())
    expected = {f"stored in safety_checks: {mark}" for mark in (*CANARIES, "not_sure")}
    assert finds(expected, leaks(clinic, written, spans, only=FEW))


@pytest.mark.parametrize("path", ["/v1/safeguarding", "/v1/invitations/mine/safety-check"])
def test_a_request_that_is_seen_is_found(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Planted: requests for safety checks by one way leave lines, counts and traces as all others do."""
    monkeypatch.setattr(seen, "UNTOLD", tuple(one for one in seen.UNTOLD if one != path))
    found = set(leaks(clinic, written, spans, only=["invited"]))
    mark = "safeguarding" if path.endswith("safeguarding") else "safety"
    assert {f"logs: {mark}", f"traces: {mark}"} <= found
    assert any(one.startswith("metrics: ") for one in found)


def test_a_check_that_its_therapist_finds_is_found(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: every recipient reads every check."""

    def look(self: Reader, row: object) -> Seen:
        content = open_sealed(self.connection, self.runtime, row, organisation=self.organisation)  # type: ignore[arg-type]
        return Seen(row=row, content=content)  # type: ignore[arg-type]

    monkeypatch.setattr(Reader, "look", look)
    expected = {"differs: ('therapist who is a recipient', 'GET /v1/safeguarding')", f"answer: {WORDS}"}
    assert finds(expected, leaks(clinic, written, spans, only=FEW))


def test_a_client_who_becomes_known_by_a_check_is_found(
    clinic: Clinic, written: Written, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the event of a check names the client and is of a kind that the feed tells."""
    from app.safeguarding import receive
    from app.safeguarding.log import log_step

    def told(connection: object, runtime: object, _kind: str, **more: object) -> None:
        about = {"client_id": more.pop("check_id")}
        log_step(connection, runtime, "client.created", **more, **about)  # type: ignore[arg-type]

    monkeypatch.setattr(receive, "log_step", told)
    assert finds({"differs: ('system', 'changes')"}, leaks(clinic, written, spans, only=FEW))
