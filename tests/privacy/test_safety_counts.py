"""No figure of the metrics moves by a safety check, whoever sends, reads, seals or looks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.audit.seal_all import Sealer
from app.safeguarding import watch as watching
from app.safeguarding.escalate import escalate
from app.seeing.metrics import exposition
from app.seeing.untold import is_untold, untold
from app.storage import together
from app.web import seen
from tests.api.operations import BY_INVITATION, SAFETY_SCOPE_OF, Ids, call
from tests.api.safety import listed, offering, opened, post_check, taken
from tests.api.test_invitations import invited
from tests.api.test_invited_checks import check as bring_check
from tests.harness import Clinic

#: Those that may be told of nobody.
UNTOLD = [name for name in (*SAFETY_SCOPE_OF, *BY_INVITATION) if "/safe" in name]


def figures() -> dict[tuple[str, str], float]:
    """Read every figure of ours; those of the process and of Python tell nothing of the database."""
    return {
        (one.name, str(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(exposition().decode())
        for one in family.samples
        if one.name.startswith("alliance_") and not one.name.endswith("_created")
    }


def moved(by: Callable[[], object]) -> dict[tuple[str, str], float]:
    """Return which figures something moves, and by how much."""
    before = figures()
    by()
    return {name: value - before.get(name, 0.0) for name, value in figures().items() if value != before.get(name, 0.0)}


@contextmanager
def sealing(clinic: Clinic) -> Iterator[None]:
    """Let the service seal by itself, as it does wherever it is served; all is sealed at the end."""
    state = clinic.service.http._transport.app.state  # type: ignore[attr-defined]

    async def start() -> None:
        state.sealer = Sealer(clinic.service.runtime, pause=0.01)
        state.sealer.start()

    clinic.service.portal.call(start)
    try:
        yield
    finally:
        clinic.service.portal.call(state.sealer.close)
        del state.sealer


def all_about_checks(clinic: Clinic, desk: Clinic, phone: Clinic) -> list[int]:
    """Send, list, open, acknowledge and close; badly, too, and as somebody to whom nothing is open."""
    with sealing(clinic):
        answers = [
            clinic.get("/v1/safeguarding/form"),
            post_check(clinic, key="once"),
            post_check(clinic, key="once"),
            phone.get("/v1/invitations/mine/safety-check"),
            bring_check(phone),
            bring_check(phone, form="safety-0"),
        ]
        check_id = listed(desk, "officer-1")[-1]["id"]
        answers += [
            opened(desk, "officer-1", check_id),
            taken(desk, "officer-1", check_id, "acknowledgement"),
            taken(desk, "officer-1", check_id, "closing", reason="done"),
            *(call(clinic, name, Ids(check_id=check_id)) for name in UNTOLD),
            *(call(replace(phone, api_key="wrong"), name, Ids()) for name in UNTOLD),
        ]
    return [answer.status_code for answer in answers]


def test_no_figure_moves(clinic: Clinic) -> None:
    """Not those of the database either, nor by what is sealed a moment later."""
    desk, (_, phone) = offering(clinic), invited(clinic)
    answered: list[int] = []
    assert moved(lambda: answered.extend(all_about_checks(clinic, desk, phone))) == {}
    assert answered == [
        200, 201, 201, 200, 201, 422, 200, 201, 201,
        200, 201, 403, 403, 403, 403, 403, 403, *[401] * len(UNTOLD),
    ]  # fmt: skip
    assert clinic.count("safety_checks") == 3
    # What is told moves them: the comparison is one that can fail.
    names = {(name, labels) for name, labels in moved(lambda: clinic.get("/v1/instruments"))}
    assert ("alliance_database_seconds_count", "[('kind', 'read')]") in names


def test_work_on_the_database_knows_for_whom_it_is(clinic: Clinic) -> None:
    """On SQLite it is in another thread: a file that was busy for a check was counted there."""
    database, found = clinic.service.runtime.database, list[bool]()

    async def look() -> None:
        with untold():
            for run in (database.read, database.write):
                await run(lambda _: found.append(is_untold()), organisation=clinic.organisation)

    clinic.service.portal.call(look)
    assert found == [True, True]


def test_a_request_that_is_told_is_found(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: one way of sending is told as all else is."""
    _, phone = invited(clinic)
    offering(clinic)
    monkeypatch.setattr(seen, "UNTOLD", ("/v1/safeguarding",))
    found = moved(lambda: bring_check(phone))
    assert found["alliance_database_seconds_count", "[('kind', 'write')]"] >= 1


def test_a_feed_read_after_a_check_moves_no_more_than_without(clinic: Clinic) -> None:
    """What was not sealed when somebody asked for changes is sealed then, and not counted to the asker."""
    offering(clinic)
    counts = ("alliance_database_seconds_count", "alliance_database_under_way")

    def look(path: str) -> dict[tuple[str, str], float]:
        answers = list[int]()
        found = moved(lambda: answers.append(clinic.get(path).status_code))
        assert answers == [200]
        return {name: by for name, by in found.items() if name[0] in counts}

    for path in ("/v1/changes", "/v1/changes?after=0"):
        clinic.get(path)
        without = look(path)
        assert post_check(clinic).status_code == 201
        assert look(path) == without


def test_a_turn_that_passes_on_moves_no_figure(clinic: Clinic) -> None:
    """The service looks once a minute, and writes where nobody has looked at a check."""
    desk, runtime = offering(clinic, "officer-1", "officer-2"), clinic.service.runtime
    post_check(clinic)
    tomorrow = replace(runtime, now=lambda: runtime.now() + timedelta(days=1))

    async def look_a_while() -> None:
        task = asyncio.create_task(watching.watch(tomorrow, [clinic.organisation], every=0.01))
        while clinic.organisation not in escalated:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        task.cancel()

    escalated: list[object] = []

    async def noted(*args: object, **more: object) -> int:
        done = await escalate(*args, **more)  # type: ignore[arg-type]
        escalated.extend([more["organisation"]] if done else [])
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "escalate", noted)
        assert moved(lambda: clinic.service.portal.call(asyncio.wait_for, look_a_while(), 20)) == {}
    assert listed(desk, "officer-2")[0]["escalation"]["turn"] == "yours"


def test_shared_work_is_told_for_those_who_are_told(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: work that many share is told always. A check is found by the look-up of its key alone."""
    offering(clinic)
    monkeypatch.setattr(together, "is_untold", lambda: False)
    found = moved(lambda: post_check(clinic))
    assert found["alliance_database_seconds_count", "[('kind', 'read')]"] == 1
