"""The caseload: its order against plain Python, pages of one moment, and what stands in a row."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update

from app.access.caller import Caller
from app.errors import InvalidParameter, NotFound
from app.progress.caseload import Caseload, Wanted, caseload
from app.progress.caseload_words import ABOUT, CODES, LANGUAGES, Why, why_of
from app.storage.tables import signals
from tests.harness import Clinic
from tests.usecases.calling import caller_of
from tests.usecases.caseloads import Made, drawn, expected, missed_after

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
Told = list[tuple[str, UUID, UUID | None]]


def page(clinic: Clinic, *, caller: Caller | None = None, now: datetime = NOW, **asked: Any) -> Caseload:
    """Read a page at a time of the test's choosing."""
    runtime = replace(clinic.service.runtime, now=lambda: now)
    wanted = {"therapist_id": None, "state": None, "limit": 200, "cursor": None} | asked
    found: Caseload = clinic.service.portal.call(partial(caseload, runtime, caller or caller_of(clinic), **wanted))
    return found


def told(found: Caseload) -> Told:
    """Sum a page up: state, episode and signal."""
    return [(one.attention, one.episode_id, one.signal_id) for one in found.cases]


def walked(clinic: Clinic, **asked: Any) -> Told:
    """Read all pages, one after the other."""
    found, whole = page(clinic, **asked), []
    while True:
        whole += told(found)
        if found.next_cursor is None:
            return whole
        found = page(clinic, **asked | {"cursor": found.next_cursor, "now": NOW + timedelta(days=40)})


@pytest.mark.parametrize("seed", range(4))
def test_the_order_is_that_of_a_plain_count(clinic: Clinic, seed: int) -> None:
    """Caseloads of chance, whole and by therapist, in pages of any size: the same rows in the same order."""
    rng = random.Random(seed)
    made = drawn(rng, clinic.organisation, number=150, now=NOW)
    made.write(clinic)
    drawn(rng, clinic.service.clinic().organisation, number=20, now=NOW).write(clinic)
    whole = expected(made, now=NOW)
    assert {state for state, *_ in whole} == {"alert", "watch", "missing_form", "acknowledged", "none"}
    assert told(page(clinic)) == whole
    assert walked(clinic, limit=rng.randrange(1, 30)) == whole
    one = made.therapists[0]["therapist_id"]
    assert walked(clinic, therapist_id=one, limit=7) == expected(made, now=NOW, of=[one])


def test_a_state_alone_is_a_part_of_the_whole(clinic: Clinic) -> None:
    """Each state, and those that need attention, in pages."""
    made = drawn(random.Random(9), clinic.organisation, number=120, now=NOW)
    made.write(clinic)
    whole = expected(made, now=NOW)
    wanted: dict[Wanted, set[str]] = {
        "alert": {"alert"},
        "watch": {"watch"},
        "missing_form": {"missing_form"},
        "acknowledged": {"acknowledged"},
        "none": {"none"},
        "needs_attention": {"alert", "watch", "missing_form"},
    }
    for state, states in wanted.items():
        assert walked(clinic, state=state, limit=11) == [row for row in whole if row[0] in states]


@pytest.mark.parametrize(("cadence", "days"), [(1, 4), (3, 6), (5, 8), (6, 9), (7, 10.5), (14, 21), (28, 42)])
def test_a_form_is_missing_after_half_a_cadence_and_three_days_at_least(
    clinic: Clinic, cadence: int, days: float
) -> None:
    """Weekly: after ten and a half days. To the second, and never without a cadence, a form or a session to come."""
    made = Made()
    therapist = made.add_therapist(clinic.organisation, NOW)
    last = NOW - timedelta(days=days)
    of = partial(made.add_episode, clinic.organisation, therapist, last_session=4, cadence_days=cadence)
    missing = of(last_completed_at=last)
    also = of(last_completed_at=last - timedelta(seconds=1), expected_sessions=5)
    of(last_completed_at=last + timedelta(seconds=1))
    of(last_completed_at=last, expected_sessions=4)
    of(last_completed_at=last, cadence_days=None)
    of(last_completed_at=None, last_session=None)
    of(last_completed_at=last, ending="planned")
    made.write(clinic)
    assert missed_after(cadence) == days * 86400
    found = page(clinic, state="missing_form")
    assert [one.episode_id for one in found.cases] == [also, missing]
    assert {one.next_expected_at for one in found.cases if one.episode_id == missing} == {
        last + timedelta(days=cadence)
    }


def test_a_walk_shows_the_moment_at_which_it_began(clinic: Clinic) -> None:
    """What is looked at, closed or opened between two pages changes no page: each episode is met exactly once."""
    made = Made()
    therapist = made.add_therapist(clinic.organisation, NOW)
    before = NOW - timedelta(days=3)
    made_of = [made.add_episode(clinic.organisation, therapist, opened_at=before) for _ in range(12)]
    for episode in made_of[:8]:
        made.add_signal(episode, opened_at=before)
    made.write(clinic)
    whole = expected(made, now=NOW)
    first = page(clinic, limit=3)
    later = Made(clients=made.clients, episodes=made.episodes)
    later.add_signal(made_of[11], opened_at=NOW + timedelta(seconds=5))

    def meanwhile(connection: Any) -> None:
        mine = signals.c.organisation_id == clinic.organisation
        at = NOW + timedelta(seconds=5)
        connection.execute(
            update(signals).where(mine, signals.c.episode_id == made_of[5]).values(acknowledged_at=at, changed_at=at)
        )
        connection.execute(
            update(signals).where(mine, signals.c.episode_id == made_of[6]).values(state="repaired", changed_at=at)
        )
        connection.execute(insert(signals), later.signals)

    clinic.service.write(meanwhile)
    rest, cursor = [], first.next_cursor
    while cursor is not None:
        found = page(clinic, limit=3, cursor=cursor, now=NOW + timedelta(minutes=1))
        rest += told(found)
        cursor = found.next_cursor
        assert found.as_of == NOW
    assert told(first) + rest == whole
    anew = {episode: state for state, episode, _ in walked(clinic, now=NOW + timedelta(minutes=1))}
    assert (anew[made_of[5]], anew[made_of[6]], anew[made_of[11]]) == ("acknowledged", "none", "alert")


def test_a_cursor_is_for_its_own_question_and_organisation(clinic: Clinic) -> None:
    """One that was changed, made up, or taken along to another list or clinic is refused."""
    made = drawn(random.Random(1), clinic.organisation, number=30, now=NOW)
    made.write(clinic)
    cursor = page(clinic, limit=2).next_cursor
    assert cursor is not None
    swapped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    wrong: list[dict[str, Any]] = [
        {"cursor": one} for one in (swapped, "A" * 40, "A", cursor[:-4], cursor + "AAAA", "é")
    ]
    wrong += [{"cursor": cursor, "state": "alert"}, {"cursor": cursor, "therapist_id": uuid4()}]
    for asked in wrong:
        with pytest.raises(InvalidParameter):
            page(clinic, limit=2, **asked)
    with pytest.raises(InvalidParameter):
        page(clinic.service.clinic(), cursor=cursor)
    assert page(clinic, limit=5, cursor=cursor).cases


def test_whom_a_key_opens_decides_what_is_read(clinic: Clinic) -> None:
    """A therapist reads their own, a supervisor those of their teams, a client finds no caseload at all."""
    made = drawn(random.Random(2), clinic.organisation, number=100, now=NOW)
    made.write(clinic)
    one, two, three = [row["therapist_id"] for row in made.therapists[:3]]
    caller = caller_of(clinic)
    own = replace(caller, therapist_id=one)
    assert told(page(clinic, caller=own)) == expected(made, now=NOW, of=[one])
    assert told(page(clinic, caller=own, therapist_id=two)) == []
    boss = replace(caller, therapist_id=three, supervised=frozenset({one, two}))
    assert told(page(clinic, caller=boss)) == expected(made, now=NOW, of=[one, two])
    assert told(page(clinic, caller=boss, therapist_id=two)) == expected(made, now=NOW, of=[two])
    for hidden in (three, uuid4()):
        assert told(page(clinic, caller=boss, therapist_id=hidden)) == []
    assert told(page(clinic, caller=replace(boss, supervised=frozenset()))) == []
    with pytest.raises(NotFound):
        page(clinic, caller=replace(caller, client_id=made.clients[0]["client_id"]))


def test_every_reason_is_one_line_in_every_language() -> None:
    """All codes are told, with the session of the signal; none says what somebody said, and a rule to come has one."""
    said = {code: [Why(code=code, session=6).told(language) for language in LANGUAGES] for code in CODES}
    assert said["rupture_alert"][0] == "Possible rupture at session 6, not yet looked at."
    assert said["missing_form"][2] == "Ein Bogen war vor einiger Zeit fällig, und keiner ist gekommen."
    for lines in said.values():
        assert len(set(lines)) == 3
        assert all("\n" not in line and "{" not in line and line.endswith(".") and len(line) <= 100 for line in lines)
    reports = {why_of("alert", rule=rule, session=1) for rule in ABOUT if rule.startswith("reported.")}
    assert reports == {Why(code="report_alert", session=1)}
    assert why_of("watch", rule="NEW-1", session=2).code == "signal_watch"
    assert why_of("missing_form", rule="RUP-1", session=2).code == "missing_form"
    used = {
        why_of(state, rule=r, session=1).code for r in [*ABOUT, "x"] for state in ("alert", "watch", "acknowledged")
    }
    assert used | {"missing_form", "no_attention"} == set(CODES)


def test_every_rule_of_the_watch_is_about_something() -> None:
    """A rule whose id is not on the list would be told as a signal without more."""
    from app.change.watch import RULES

    assert {rule.id for rule in RULES} == set(ABOUT)
