"""The export of a therapist as one JSON document, written portion by portion, an item on a line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC
from typing import Any, Final, TypeVar

from app.instruments.model import answer_document
from app.people.export_therapist import NamedEpisode, Part, TherapistExport
from app.storage.documents import to_json
from app.storage.types import AnyRow
from app.submissions.read import Fate
from app.web.scores_wire import score_out

T = TypeVar("T")

#: Another number, when a name goes or means something else.
FORMAT: Final = "alliance-therapist-export-1"
#: What the organisation holds and no such document has: the same in each of them, so that it tells of nobody.
LEFT_OUT: Final = (
    "what clients said, and what was concluded from it",
    "what clients and courses are called",
    "comments",
    "safety checks",
    "requests that named nobody",
)


async def document(found: TherapistExport) -> AsyncIterator[str]:
    """Write the document; one that breaks off is no JSON."""
    yield to_json(_head(found))[:-1] + ',\n"forms":['
    async for part in _list(found.forms(), _form):
        yield part
    yield '],\n"acknowledgements":['
    async for part in _list(found.acknowledgements(), _acknowledgement):
        yield part
    yield '],\n"log":['
    async for part in _list(found.log(), _entry):
        yield part
    yield "]}\n"


async def _list(found: AsyncIterator[T], written: Callable[[T], Mapping[str, Any]]) -> AsyncIterator[str]:
    comma = ""
    async for one in found:
        yield f"{comma}\n{to_json(written(one))}"
        comma = ","


def _head(found: TherapistExport) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "organisation_id": found.organisation,
        "therapist_id": found.therapist_id,
        "made_at": found.made_at.astimezone(UTC),
        "reference": {"system": found.person.system or "", "value": found.person.value},
        "acts_as": found.acts_as,
        "created_at": found.created_at,
        "left_out": LEFT_OUT,
        "teams": [_named(row, "team_id", "name", "role", "since") for row in found.teams],
        "keys": [_key(row) for row in found.keys],
        "episodes": [_episode(one) for one in found.episodes],
    }


def _key(row: AnyRow) -> Mapping[str, Any]:
    told = _named(row, "key_id", "application_id", "application", "audience", "scopes")
    return told | _named(row, "created_at", "expires_at", "revoked_at")


def _episode(one: NamedEpisode) -> Mapping[str, Any]:
    sessions = [{"number": number, "date": day} for number, day in sorted(one.sessions.items())]
    return {
        "id": one.row.episode_id,
        "client_id": one.row.client_id,
        "opened_at": one.row.opened_at,
        "sessions": sessions,
    }


def _form(fate: Fate) -> Mapping[str, Any]:
    form, withdrawal = fate.submission, fate.withdrawal
    return {
        "id": form.submission_id,
        "client_id": form.client_id,
        "episode_id": form.episode_id,
        "session_number": form.session_number,
        "session_date": form.session_date,
        "completed_at": form.completed_at,
        "received_at": form.received_at,
        "status": "current" if form.current else "superseded" if withdrawal is None else "withdrawn",
        "supersedes": form.supersedes,
        "superseded_by": fate.superseded_by,
        "withdrawal": withdrawal and {"reason": withdrawal.reason, "withdrawn_at": withdrawal.withdrawn_at},
        "instrument": {"key": form.instrument.key, "version": form.instrument.version},
        "planned_sessions": form.planned_sessions,
        "locale": form.locale,
        "channel": form.channel,
        "modality": form.modality,
        # Items in an order of their own: a JSON column of PostgreSQL keeps none.
        "answers": {
            item: answer_document(form.answers[item]) for item in sorted(form.answers, key=lambda one: (len(one), one))
        },
        "reported": {
            "rupture": form.reported.rupture,
            "wish_to_talk": form.reported.wish_to_talk,
            "ending": form.reported.ending,
            "stage": form.reported.stage,
        },
        "scores": [score_out(one.score, one.score_id, form.norm) for one in form.scores],
    }


def _acknowledgement(row: AnyRow) -> Mapping[str, Any]:
    told = _named(row, "signal_id", "client_id", "episode_id", "reason", "acknowledged_at")
    return {"id": row.acknowledgement_id} | told


def _entry(found: tuple[AnyRow, Part]) -> Mapping[str, Any]:
    row, part = found
    return {
        "id": row.event_id,
        "kind": row.kind,
        "recorded_at": row.recorded_at,
        "part": part,
        "application": row.application,
        "operation": row.subject.get("operation"),
        "outcome": row.subject.get("outcome"),
        "client_id": row.subject.get("client_id"),
    }


def _named(row: AnyRow, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
