"""Counting a long episode anew keeps nobody else waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from app.episodes import told
from app.submissions import open_episode
from tests.harness import Clinic, form


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event, list[bool]]]:
    """Let counting anew wait until it is told to go on: it began, it may go on, and whether it was told in time."""
    began, go_on, in_time = Event(), Event(), list[bool]()

    def slowly(rebuild: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def slow(forms: Any) -> Any:
            began.set()
            in_time.append(go_on.wait(10))
            return rebuild(forms)

        return slow

    for module in (told, open_episode):
        monkeypatch.setattr(module, "rebuild", slowly(module.rebuild))
    yield began, go_on, in_time
    go_on.set()


@pytest.mark.parametrize("what", ["read", "late form"])
def test_others_are_answered_while_an_episode_is_counted_anew(
    clinic: Clinic, counting: tuple[Event, Event, list[bool]], what: str
) -> None:
    """On PostgreSQL it ran on the loop that answers everybody: a few reads of a long episode stopped a whole worker."""
    began, go_on, in_time = counting
    client_id = clinic.recorded(form(session_number=3))["client_id"]
    clinic.recorded(form(session_number=4, seen_by_therapist=False))
    therapist = clinic.bound("therapist", "th-7")
    with ThreadPoolExecutor() as another:
        if what == "read":
            slow = another.submit(therapist.get, f"/v1/clients/{client_id}/progress")
        else:
            slow = another.submit(clinic.post, form(session_number=1))
        assert began.wait(10)
        assert clinic.service.request("GET", "/livez").status_code == 200
        go_on.set()
        assert slow.result().status_code in {200, 201}
    assert in_time[0]
