"""The intake as a use case: many forms in one call, and the episode that each belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import to_builtins
from sqlalchemy import event, select

from app.errors import (
    AllianceError,
    EpisodeTherapistMismatch,
    InstrumentNotEnabled,
    InvalidSubmission,
    KeyReused,
    NotFound,
    SessionAlreadyRated,
    SourceConflict,
)
from app.storage.tables import clients, episodes, events
from app.submissions.intake import Outcome, Recorded
from app.submissions.prepare import Entry
from app.submissions.read import read
from app.submissions.stored import StoredSubmission
from tests.faults.accounting import faults
from tests.harness import ANSWERS, Clinic
from tests.usecases.calling import by_therapist, caller_of, entry, record_all, stored, writing_engine

SOURCE = {"system": "https://ehr.example/forms", "id": "qr-889"}


@pytest.fixture
def commits(clinic: Clinic) -> Iterator[list[str]]:
    """What ended the transactions of writes, in order."""
    seen: list[str] = []
    engine = writing_engine(clinic.service)
    ends = {"commit": lambda _: seen.append("commit"), "rollback": lambda _: seen.append("rollback")}
    for name, note in ends.items():
        event.listen(engine, name, note)
    yield seen
    for name, note in ends.items():
        event.remove(engine, name, note)


def said(outcomes: list[Outcome]) -> list[str]:
    """Spell outcomes in short: new, there already, replayed, or the code of a refusal."""
    return [
        ("replayed" if one.replayed else "new" if one.created else "there") if isinstance(one, Recorded) else one.code
        for one in outcomes
    ]


def content(outcomes: list[Outcome]) -> list[Any]:
    """Spell what outcomes say of their forms, without ids and times of receipt."""
    return [_content(one.submission) for one in outcomes if isinstance(one, Recorded)]


def newest(clinic: Clinic, outcomes: list[Outcome]) -> list[Any]:
    """Spell what is said of stored forms now."""
    service, caller = clinic.service, caller_of(clinic)
    ids = [one.submission.submission_id for one in outcomes if isinstance(one, Recorded)]
    return [_content(service.portal.call(read, service.runtime, caller, one).submission) for one in ids]


def _content(form: StoredSubmission) -> dict[str, Any]:
    own = ("submission_id", "client_id", "therapist_id", "episode_id", "received_at", "scores")
    fields = {name: to_builtins(getattr(form, name)) for name in form.__slots__ if name not in own}
    fields["signals"] = [one | {"signal_id": None, "submission_id": None} for one in fields["signals"]]
    return fields | {"scores": to_builtins(tuple(score.score for score in form.scores))}


def kinds(clinic: Clinic) -> Counter[str]:
    """Count the organisation's events by kind."""
    query = select(events.c.kind).where(events.c.organisation_id == clinic.organisation)
    return Counter(clinic.service.read(lambda c: list(c.execute(query).scalars())))


def whole(clinic: Clinic, outcomes: list[Outcome]) -> list[str]:
    """List what the accounting finds after a call."""
    told = [one.submission.submission_id for one in outcomes if isinstance(one, Recorded)]
    return clinic.service.read(lambda c: faults(c, told, organisation=clinic.organisation))


def test_forms_of_different_clients_are_stored_in_one_transaction(clinic: Clinic, commits: list[str]) -> None:
    """Six clients in one call: an outcome for each in the order of the call, with one commit."""
    outcomes = record_all(
        clinic, [entry(f"k-{n}", client_ref=f"mrn-{n}", answers={**ANSWERS, "1": n}) for n in (5, 1, 4, 2, 3)]
    )
    assert commits == ["commit"]
    assert [stored(one).answers for one in outcomes] == [{**ANSWERS, "1": n} for n in (5, 1, 4, 2, 3)]
    assert whole(clinic, outcomes) == []
    assert (clinic.count("clients"), clinic.count("therapists"), clinic.count("episodes")) == (5, 1, 5)
    assert kinds(clinic)["submission.recorded"] == 5


def test_sessions_of_one_client_build_on_each_other(clinic: Clinic, commits: list[str]) -> None:
    """Three sessions in one call: each is compared with the one before it and with the first."""
    outcomes = record_all(
        clinic, [entry(f"k-{n}", session_number=n, answers={**ANSWERS, "1": a}) for n, a in ((1, 3), (2, 5), (3, 4))]
    )
    assert commits == ["commit"]
    changes = [stored(one).change["rapport"] for one in outcomes]
    assert [(c.since_previous.value, c.since_first.value) for c in changes] == [(None, None), (2.0, 2.0), (-1.0, 1.0)]
    assert [stored(one).stage.estimate.session_number for one in outcomes] == [1, 2, 3]
    assert len({stored(one).episode_id for one in outcomes}) == 1
    assert (clinic.count("clients"), clinic.count("episodes"), clinic.count("submissions")) == (1, 1, 3)


def test_the_order_of_a_call_is_that_of_its_outcomes_not_that_of_sessions(clinic: Clinic) -> None:
    """Sessions sent backwards are all taken, earlier ones first, and answered where they were sent."""
    outcomes = record_all(clinic, [entry(f"k-{n}", session_number=n) for n in (3, 1, 2)])
    assert [stored(one).session_number for one in outcomes] == [3, 1, 2]
    previous = [stored(one).change["total"].since_previous.session_number for one in outcomes]
    assert previous == [2, None, 1]


def test_nothing_in_a_call_is_nothing_done(clinic: Clinic, commits: list[str]) -> None:
    """An empty call opens no transaction."""
    assert record_all(clinic, []) == []
    assert commits == []


def test_refused_forms_keep_no_other_out_and_leave_no_trace(clinic: Clinic) -> None:
    """One of each refusal among good forms: the good ones are stored, of the others not even a client is."""
    record_all(
        clinic,
        [
            entry("used", client_ref="a", session_number=1, source=SOURCE),
            entry("b-4", client_ref="b", session_number=4),
            entry("c-1", client_ref="c", episode_ref="2026-a"),
        ],
    )
    before = clinic.counts()
    refused: dict[int, tuple[type[AllianceError], Entry]] = {
        1: (InvalidSubmission, entry("k-1", client_ref="x-1", answers={"1": 6})),
        2: (KeyReused, entry("used", client_ref="x-2", therapist_ref="y-2")),
        3: (SourceConflict, entry("k-3", client_ref="x-3", therapist_ref="y-3", source=SOURCE)),
        5: (NotFound, replace(entry("k-5", client_ref="x-5"), route="corrections", corrects=uuid4())),
        6: (SessionAlreadyRated, entry("k-6", client_ref="b", session_number=4, answers={"1": 1})),
        7: (EpisodeTherapistMismatch, entry("k-7", client_ref="c", episode_ref="2026-a", therapist_ref="y-7")),
        8: (
            InstrumentNotEnabled,
            entry("k-8", client_ref="x-8", instrument="wai-s", answers={str(n): 4 for n in range(1, 13)}),
        ),
    }
    good = {0: entry("k-0", client_ref="g-0"), 4: entry("k-4", client_ref="g-4"), 9: entry("k-9", client_ref="g-9")}
    entries = [refused[n][1] if n in refused else good[n] for n in range(10)]
    outcomes = record_all(clinic, entries)
    assert {n: type(one) for n, one in enumerate(outcomes) if n in refused} == {
        n: kind for n, (kind, _) in refused.items()
    }
    assert said([outcomes[n] for n in good]) == ["new", "new", "new"]
    grown = {name: rows - before[name] for name, rows in clinic.counts().items() if rows != before[name]}
    assert grown == {
        "clients": 3, "client_keys": 3, "episodes": 3, "submissions": 3, "scores": 33, "assessments": 3,
        "idempotency_keys": 3, "events": 9, "series_statistics": 3,
    }  # fmt: skip
    assert whole(clinic, outcomes) == []


def test_a_refused_call_stores_nothing_and_binds_no_key(clinic: Clinic) -> None:
    """When every form is refused no table grows; mended, the same key is free."""
    stored(record_all(clinic, [entry("k-1", session_number=2)])[0])
    before = clinic.counts()
    assert said(
        record_all(clinic, [entry("k-2", session_number=2, answers={"1": 1}), entry("k-3", answers={"1": 9})])
    ) == [
        "session_already_rated",
        "validation_failed",
    ]
    assert clinic.counts() == before
    assert said(record_all(clinic, [entry("k-2", session_number=3), entry("k-3", session_number=4)])) == ["new", "new"]


def test_two_forms_for_one_place_in_one_call_are_settled_by_their_order(clinic: Clinic) -> None:
    """The first of two contents is stored and the other is told its id; the same content twice is one form."""
    outcomes = record_all(
        clinic,
        [entry("k-1"), entry("k-2", answers={**ANSWERS, "1": 1}), entry("k-3")],
    )
    assert said(outcomes) == ["new", "session_already_rated", "there"]
    assert isinstance(outcomes[1], SessionAlreadyRated)
    assert isinstance(outcomes[2], Recorded)
    first = stored(outcomes[0]).submission_id
    assert (UUID(outcomes[1].submission_id), outcomes[2].submission.submission_id) == (first, first)
    assert (clinic.count("submissions"), clinic.count("idempotency_keys")) == (1, 2)


def test_a_repeated_call_replays_and_takes_what_is_new(clinic: Clinic) -> None:
    """The same keys answer the same forms, mixed with a new one and one under another key."""
    first = record_all(clinic, [entry(f"k-{n}", session_number=n) for n in (1, 2)])
    again = record_all(
        clinic,
        [
            entry("k-3", session_number=3),
            entry("k-2", session_number=2),
            entry("other", session_number=1),
            entry("k-1", session_number=1),
        ],
    )
    assert said(again) == ["new", "replayed", "there", "replayed"]
    found = [one.submission for one in again if isinstance(one, Recorded)]
    assert found[1:] == [stored(first[1]), stored(first[0]), stored(first[0])]
    assert (clinic.count("submissions"), clinic.count("idempotency_keys")) == (3, 4)


def test_one_call_says_the_same_as_one_call_for_each_form(clinic: Clinic) -> None:
    """Two clients, both raters, missing answers, a rupture and an ending: what is said in the end is the same.

    Sent singly, the client's form of the last session is answered before the therapist's brings the ending, and told
    again afterwards; in one call it is told once, with the ending.
    """
    entries = [
        entry("a-1", client_ref="a", planned_sessions=6),
        by_therapist("a-1-t", client_ref="a"),
        entry("b-1", client_ref="b", episode_ref="2026-a", answers={**ANSWERS, "7": None, "f1": None}),
        entry("a-2", client_ref="a", session_number=2, reported={"rupture": True}),
        entry(
            "b-2", client_ref="b", episode_ref="2026-a", session_number=2, answers={**ANSWERS, "2": "not_applicable"}
        ),
        entry("a-3", client_ref="a", session_number=3, answers={**ANSWERS, "f4": 5}),
        by_therapist("a-3-t", client_ref="a", session_number=3, reported={"ending": "planned"}),
        entry("b-3", client_ref="b", therapist_ref="th-8"),
    ]
    other = clinic.service.clinic()
    together = record_all(clinic, entries)
    singly = [record_all(other, [one])[0] for one in entries]
    assert said(together) == said(singly) == ["new"] * 8
    assert content(together) == newest(other, singly)
    rows = other.counts()
    assert clinic.counts() == rows | {"assessments": rows["assessments"] - 1, "events": rows["events"] - 1}
    assert kinds(other) - kinds(clinic) == {"episode.recomputed": 1}


def test_without_a_reference_the_open_episode_is_used(clinic: Clinic) -> None:
    """Both raters and later sessions join the open episode; another therapist's is another one."""
    outcomes = [
        record_all(clinic, [one])[0]
        for one in (
            entry("1"),
            by_therapist("2"),
            entry("3", session_number=2),
            entry("4", therapist_ref="th-8"),
            entry("5", therapist_ref="th-8", session_number=2),
        )
    ]
    places = [stored(one).episode_id for one in outcomes]
    assert places[0] == places[1] == places[2] != places[3] == places[4]
    assert (clinic.count("episodes"), clinic.count("clients"), clinic.count("therapists")) == (2, 1, 2)


def test_without_a_reference_the_latest_open_episode_is_used_even_if_it_has_one(clinic: Clinic) -> None:
    """A form without episode_ref joins the open episode that another form gave a reference to."""
    first = stored(record_all(clinic, [entry("1", episode_ref="2026-a")])[0])
    then = stored(record_all(clinic, [entry("2", session_number=2)])[0])
    assert then.episode_id == first.episode_id


def test_after_an_ending_the_next_session_starts_a_new_episode(clinic: Clinic) -> None:
    """The ended episode keeps its ending, the next session is a new one's, and change starts anew there."""
    ended = stored(record_all(clinic, [entry("1", reported={"ending": "transfer"})])[0])
    after = stored(record_all(clinic, [entry("2", session_number=2)])[0])
    assert after.episode_id != ended.episode_id
    assert after.change["total"].since_previous.reason == "first_session"
    query = select(episodes).where(episodes.c.organisation_id == clinic.organisation)
    rows = {row.episode_id: row for row in clinic.service.read(lambda c: list(c.execute(query)))}
    assert (rows[ended.episode_id].ending, rows[ended.episode_id].ended_session) == ("transfer", 1)
    assert rows[ended.episode_id].ended_at == ended.completed_at
    assert rows[after.episode_id].ending is None
    assert kinds(clinic)["episode.ended"] == 1


def test_an_ended_episode_takes_the_other_raters_last_form_and_repeats(clinic: Clinic) -> None:
    """After the ending the therapist's form of that session and repeats of earlier forms still belong to it."""
    first = stored(record_all(clinic, [entry("1")])[0])
    ended = stored(record_all(clinic, [entry("2", session_number=2, reported={"ending": "planned"})])[0])
    late = stored(record_all(clinic, [by_therapist("3", session_number=2, completed_at="2025-01-25T10:00:00Z")])[0])
    again = record_all(clinic, [entry("4"), entry("5", session_number=2, reported={"ending": "planned"})])
    assert said(again) == ["there", "there"]
    assert late.episode_id == ended.episode_id == first.episode_id
    assert (clinic.count("episodes"), clinic.count("submissions")) == (1, 3)
    assert kinds(clinic)["episode.ended"] == 1


def test_the_first_report_of_an_ending_counts(clinic: Clinic) -> None:
    """The other rater's ending of the same session is kept with the form, but ends the episode no second time."""
    ended = stored(record_all(clinic, [entry("1", reported={"ending": "dropout"})])[0])
    other = stored(record_all(clinic, [by_therapist("2", reported={"ending": "planned"})])[0])
    assert (other.episode_id, other.reported.ending) == (ended.episode_id, "planned")
    query = select(episodes.c.ending).where(episodes.c.organisation_id == clinic.organisation)
    assert clinic.service.read(lambda c: list(c.execute(query).scalars())) == ["dropout"]
    assert kinds(clinic)["episode.ended"] == 1


def test_a_referenced_episode_stays_the_same_after_its_ending(clinic: Clinic) -> None:
    """Whoever names an episode means it, ended or not."""
    ended = stored(record_all(clinic, [entry("1", episode_ref="a", reported={"ending": "planned"})])[0])
    after = stored(record_all(clinic, [entry("2", episode_ref="a", session_number=2)])[0])
    assert after.episode_id == ended.episode_id


def test_a_reference_with_another_therapist_is_refused(clinic: Clinic) -> None:
    """A known episode_ref with another therapist is a mismatch and leaves no therapist behind."""
    stored(record_all(clinic, [entry("1", episode_ref="a")])[0])
    before = clinic.counts()
    (refused,) = record_all(clinic, [entry("2", episode_ref="a", therapist_ref="th-8", session_number=2)])
    assert isinstance(refused, EpisodeTherapistMismatch)
    assert clinic.counts() == before


def test_the_same_reference_of_another_client_is_another_episode(clinic: Clinic) -> None:
    """An episode_ref belongs to its client: together in one call or not, two clients have two episodes."""
    both = record_all(clinic, [entry("1", episode_ref="a"), entry("2", episode_ref="a", client_ref="mrn-2")])
    then = stored(record_all(clinic, [entry("3", episode_ref="a", client_ref="mrn-2", session_number=2)])[0])
    first, second = (stored(one) for one in both)
    assert first.episode_id != second.episode_id == then.episode_id
    assert first.therapist_id == second.therapist_id
    assert clinic.count("episodes") == 2


def test_the_same_words_in_two_organisations_are_two_people(clinic: Clinic) -> None:
    """Clients of two organisations have different ids and different digests of the same reference."""
    other = clinic.service.clinic()
    ours, theirs = (stored(record_all(where, [entry("k")])[0]) for where in (clinic, other))
    assert ours.client_id != theirs.client_id
    query = select(clients.c.reference).where(clients.c.client_id.in_([ours.client_id, theirs.client_id]))
    assert len(set(clinic.service.read(lambda c: list(c.execute(query).scalars())))) == 2
