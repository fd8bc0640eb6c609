"""Histories of an episode: forms, corrections and withdrawals in an order of arrival, and the state they end in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from hypothesis import strategies as st
from msgspec import to_builtins
from sqlalchemy import Connection, select

from app.episodes.course import rebuild
from app.episodes.history import read_forms, read_scores, read_state, with_scores
from app.progress.progress import progress
from app.progress.stage import stage
from app.progress.trajectory import trajectory
from app.storage.documents import to_json
from app.storage.tables import assessments, episodes, scores, signals, submissions
from app.storage.types import AnyRow
from app.submissions.intake import Recorded
from app.submissions.withdraw import withdraw
from tests.harness import Clinic
from tests.usecases.calling import caller_of, entry, record_all

EPISODE = "2026-a"
SERIES = {"trq-s": "client", "trq-s-t": "therapist", "wai-sr": "client"}
SESSIONS = 8
SPARE = range(SESSIONS + 1, SESSIONS + 9)
NUMBERS = ("component", "position", "value", "mean", "sum", "minimum", "maximum", "pomp", "prorated", "reason")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that arrives: a form, a correction of an earlier step's form, or its withdrawal."""

    label: str
    after: str | None = None
    changes: dict[str, Any] | None = None  # None: a withdrawal


ANSWERED = st.sampled_from([1, 3, 3, 5, None, "not_applicable"])
FOCUS = st.sampled_from([None, (5, 3, 1, 1), (2, 5, 2, 1), (1, 2, 5, 4), (1, None, 1, 1)])


@st.composite
def forms(draw: st.DrawFn, instrument: str, session: int) -> dict[str, Any]:
    """Draw what one form says; of the whole there are few kinds, so that ties and repeats happen."""
    items = 12 if instrument == "wai-sr" else 8
    answers: dict[str, Any] = {str(n): draw(st.sampled_from([2, 4])) for n in range(1, items + 1)}
    answers |= {draw(st.sampled_from(sorted(answers))): draw(ANSWERED) for _ in range(2)}
    focus = draw(FOCUS) if instrument == "trq-s" else None
    if focus is not None:
        answers |= {f"f{n}": answer for n, answer in enumerate(focus, start=1)}
    ending = draw(st.sampled_from([None, None, None, "planned", "dropout"]))
    return {
        "instrument": instrument,
        "rater": SERIES[instrument],
        "episode_ref": EPISODE,
        "session_number": session,
        "completed_at": f"2025-01-{session + 6:02}T10:0{draw(st.integers(0, 1))}:00Z",
        "planned_sessions": draw(st.sampled_from([None, 4, 9])),
        "answers": answers,
        "reported": {"rupture": draw(st.sampled_from([None, None, True])), "ending": ending},
    }


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Draw up to ten forms, and what becomes of some of them; no two forms ever want the same place."""
    last = draw(st.sampled_from([2, 3, 4, SESSIONS]))  # few sessions: several forms of each
    places = st.tuples(st.integers(1, last), st.sampled_from(sorted(SERIES)))
    taken = sorted(draw(st.sets(places, min_size=min(last, 3), max_size=min(3 * last, 10))))
    steps = [
        Step(label=f"{instrument} {session}", changes=draw(forms(instrument, session))) for session, instrument in taken
    ]
    spare = iter(SPARE)
    for number in range(draw(st.integers(0, 4))):
        open_ends = [one for one in steps if one.changes and one.label not in {other.after for other in steps}]
        if not open_ends:
            break
        target = draw(st.sampled_from(open_ends))
        changes = None
        if draw(st.integers(0, 2)):
            was = cast("dict[str, Any]", target.changes)
            session = next(spare) if draw(st.booleans()) else was["session_number"]
            changes = draw(forms(was["instrument"], session))
        steps.append(Step(label=f"{number}: {target.label}", after=target.label, changes=changes))
    return steps


@st.composite
def arrivals(draw: st.DrawFn, steps: list[Step]) -> list[list[Step]]:
    """Draw an order in which a history arrives, what changes a form after that form, and what comes in one call."""
    by_label = {one.label: one for one in steps}
    order: list[Step] = []
    for one in draw(st.permutations(steps)):
        chain = [one]
        while chain[-1].after is not None:
            chain.append(by_label[chain[-1].after])
        order += [link for link in reversed(chain) if link not in order]
    calls: list[list[Step]] = []
    for one in order:
        together = calls and one.after is None and calls[-1][-1].after is None and draw(st.booleans())
        if together:
            calls[-1].append(one)
        else:
            calls.append([one])
    return calls


def play(clinic: Clinic, client: str, calls: Sequence[Sequence[Step]]) -> dict[str, str]:
    """Let a history arrive, and return the label of every id: of the forms and of their scores."""
    ids: dict[str, UUID] = {}
    named: dict[str, str] = {}
    service, caller = clinic.service, caller_of(clinic)
    for call in calls:
        if call[0].changes is None:
            target = ids[cast("str", call[0].after)]
            out = partial(withdraw, service.runtime, caller, target, reason="other", key=f"{client} {call[0].label}")
            assert service.portal.call(out).created
            continue
        entries = [entry(f"{client} {one.label}", client_ref=client, **(one.changes or {})) for one in call]
        if call[0].after is not None:
            entries = [replace(entries[0], route="corrections", corrects=ids[call[0].after])]
        for one, outcome in zip(call, record_all(clinic, entries), strict=True):
            assert isinstance(outcome, Recorded), outcome
            assert outcome.created
            ids[one.label] = outcome.submission.submission_id
            named[str(outcome.submission.submission_id)] = one.label
            named |= {str(s.score_id): f"{one.label}: {s.score.component}" for s in outcome.submission.scores}
    return named


def state_of(clinic: Clinic, client: str, named: dict[str, str]) -> dict[str, Any]:
    """Read the state of the client's episode, rows and answers, with labels in place of ids."""
    ref = {"ref": client}
    client_id = UUID(clinic.request("POST", "/v1/clients/lookup", json=ref).json()["client_id"])
    episode, found = clinic.service.read(lambda c: _rows(c, clinic, client_id))
    service, caller = clinic.service, caller_of(clinic)
    asked: dict[str, Any] = {"client_id": client_id, "episode_id": None}
    told = [service.portal.call(partial(ask, service.runtime, caller, **asked)) for ask in (progress, trajectory)]
    if episode.course is not None:
        told.append(service.portal.call(partial(stage, service.runtime, caller, **asked)))
    raised = clinic.service.read(lambda c: _signals(c, clinic, episode.episode_id))
    own = {str(client_id): "client", str(episode.episode_id): "episode"}
    own |= {one["signal_id"]: f"{named.get(one['submission_id'])} {one['rule']}" for one in raised.values()}
    own[to_builtins(told[0])["opened_at"]] = "opened"
    ended = [episode.ending, episode.ended_session, episode.ended_at]
    state: dict[str, Any] = {
        "course": episode.course,
        "ended": ended,
        "forms": found,
        "told": [to_builtins(one) for one in told],
    }
    state["signals"] = raised
    labelled: dict[str, Any] = _labelled(state, named | own)
    return labelled


def check_rebuild(clinic: Clinic, client: str) -> None:
    """Check that what is kept of an episode, and what is said of each form, is what all its forms folded anew give."""
    lookup = clinic.request("POST", "/v1/clients/lookup", json={"ref": client})
    client_id = UUID(lookup.json()["client_id"])
    catalog, organisation = clinic.service.runtime.catalog, clinic.organisation

    def work(c: Connection) -> None:
        episode, found = _rows(c, clinic, client_id)
        course = to_json(episode.course) if episode.course is not None else None  # as the service reads it
        as_read = cast("AnyRow", SimpleNamespace(**{**episode._mapping, "course": course}))
        bare = cast("AnyRow", SimpleNamespace(**{**episode._mapping, "course": None}))
        kept = read_state(c, catalog, as_read, organisation=organisation)
        assert kept == read_state(c, catalog, bare, organisation=organisation)
        current = read_forms(c, catalog, organisation=organisation, episode_id=episode.episode_id)
        ids = [one.submission_id for one in current]
        state, told = rebuild(with_scores(current, read_scores(c, ids, organisation=organisation)))
        assert state == kept
        assert {str(one): found[str(one)]["told"] for one in told} == {
            str(one): [
                _plain(said.change),
                _plain(said.signals),
                _plain(said.stage),
                _plain(said.recommendations),
            ]
            for one, said in told.items()
        }
        in_order = sorted(current, key=lambda form: form.order)
        last = {str(one.signal_id): _plain(one) for form in in_order for one in told[form.submission_id].signals}
        assert _signals(c, clinic, episode.episode_id) == last

    clinic.service.read(work)


def _plain(thing: object) -> Any:
    return json.loads(json.dumps(to_builtins(thing)))


def _rows(connection: Connection, clinic: Clinic, client_id: UUID) -> tuple[AnyRow, dict[str, Any]]:
    of = clinic.organisation
    episode = connection.execute(
        select(episodes).where(episodes.c.organisation_id == of, episodes.c.client_id == client_id)
    ).one()
    current = connection.execute(
        select(submissions.c.submission_id, submissions.c.session_number, submissions.c.completed_at).where(
            submissions.c.organisation_id == of, submissions.c.client_id == client_id, submissions.c.current
        )
    ).all()
    found: dict[str, Any] = {
        str(row.submission_id): {"place": [row.session_number, row.completed_at], "scores": [], "told": []}
        for row in current
    }
    ids = [row.submission_id for row in current]
    ranked = select(scores).where(scores.c.organisation_id == of, scores.c.submission_id.in_(ids))
    for row in connection.execute(ranked.order_by(scores.c.position)):
        found[str(row.submission_id)]["scores"].append([getattr(row, name) for name in NUMBERS])
    newest = select(assessments).where(assessments.c.organisation_id == of, assessments.c.submission_id.in_(ids))
    for row in connection.execute(newest.order_by(assessments.c.revision)):
        found[str(row.submission_id)]["told"] = [row.change, row.signals, row.stage, row.recommendations]
    return episode, found


def _signals(connection: Connection, clinic: Clinic, episode_id: UUID) -> dict[str, Any]:
    """Read the signals that stand, without those that lost their ground: whether there were any goes by arrival."""
    rows = connection.execute(
        select(signals).where(signals.c.organisation_id == clinic.organisation, signals.c.episode_id == episode_id)
    )
    standing = [row for row in rows if row.state != "retracted"]
    assert all((row.state, row.level) == (row.detail["state"], row.detail["level"]) for row in standing)
    return {str(row.signal_id): row.detail for row in standing}


def _labelled(thing: Any, labels: dict[str, str]) -> Any:
    """Replace ids by labels, in keys too."""
    if isinstance(thing, dict):
        return {labels.get(key, key): _labelled(value, labels) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_labelled(one, labels) for one in thing]
    return labels.get(thing, thing) if isinstance(thing, str) else thing
