"""The export of everything held about a person, on the wire: written portion by portion, after one schema."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import Field

from app.invitations.invitation import InvitedRater, Status
from app.people.export import Export, ExportedEntry, ExportedEpisode, ExportedInvitation
from app.storage.documents import to_json
from app.storage.types import AnyRow
from app.web.scores_wire import SessionNumber
from app.web.signals_wire import SignalsOut, signals_out
from app.web.submissions_wire import StoredSubmissionOut, stored_submission_out
from app.web.told_form import View
from app.web.wire import Moment, Out

T = TypeVar("T")
Name = Annotated[str, Field(max_length=500)]

#: What an export of a client's own key, and of a parent, leaves out.
LEFT_OUT = ("forms of others", "signals", "stage", "recommendations", "notes", "acting persons", "reasons")


class ReferenceOut(Out):
    """What the organisation calls somebody; an empty system is its own."""

    system: Name
    value: Name


class StatementOut(Out):
    """Something that the client was told, or decided."""

    id: UUID
    subject: Literal["measurement", "research"]
    decision: Literal["informed", "given", "refused", "withdrawn"]
    text_version: Annotated[str, Field(max_length=40)]
    stated_at: Moment
    recorded_at: Moment


class ExportedEpisodeOut(Out):
    """An episode with its schedule."""

    id: UUID
    reference: Name | None
    therapist_id: UUID
    therapist: ReferenceOut | None
    opened_at: Moment
    ending: Literal["planned", "dropout", "transfer"] | None
    ended_session: SessionNumber | None
    ended_at: Moment | None
    expected_sessions: SessionNumber | None
    cadence_days: Annotated[int, Field(ge=1, le=365)] | None


class ExportedInvitationOut(Out):
    """A form to which the client, or the parent, was invited; not the token, which is kept nowhere."""

    id: UUID
    application: Annotated[str, Field(max_length=200)]
    therapist_id: UUID
    instrument: Annotated[str, Field(max_length=40)]
    instrument_version: Annotated[str, Field(max_length=20)]
    rater: InvitedRater
    session_number: SessionNumber
    status: Status
    made_at: Moment
    opens_at: Moment
    expires_at: Moment
    revoked_at: Moment | None
    renewals: Annotated[int, Field(ge=0, le=2_000_000_000)]
    submission_id: UUID | None = Field(description="The form that it has brought.")


class ExportedKeyOut(Out):
    """A key that opens this client only; not the key itself, which is kept nowhere."""

    id: UUID
    application: Annotated[str, Field(max_length=200)]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    status: Literal["alive", "expired", "revoked"]


class EntryOut(Out):
    """An entry of the log that names the client: what happened, or who had access.

    `access.read` is a look, `access.break_glass` one that was opened by break-glass, for the reason that was given.
    Looks at lists are among them; whom else they told of is not said.
    """

    id: UUID
    kind: Annotated[str, Field(max_length=40)]
    recorded_at: Moment
    application: Annotated[str, Field(max_length=200)] | None
    operation: Annotated[str, Field(max_length=100)] | None
    outcome: Annotated[str, Field(max_length=100)] | None
    reason: Annotated[str, Field(max_length=500)] | None


class ExportOut(Out):
    """Everything that is held about a person, but for safety checks, which have a desk of their own."""

    format: Literal["alliance-export-1"]
    client_id: UUID
    of: Literal["client", "parent"]
    made_at: Moment
    reference: ReferenceOut | None
    created_at: Moment
    legal_hold: bool
    left_out: Annotated[
        list[Annotated[str, Field(max_length=40)]],
        Field(max_length=10, description="What the organisation holds and this export, by whom it is for, lacks."),
    ]
    consents: Annotated[list[StatementOut], Field(max_length=1000)]
    episodes: Annotated[list[ExportedEpisodeOut], Field(max_length=10_000)]
    invitations: Annotated[list[ExportedInvitationOut], Field(max_length=100_000)]
    keys: Annotated[list[ExportedKeyOut], Field(max_length=100_000)]
    forms: Annotated[list[StoredSubmissionOut], Field(max_length=1_000_000)]
    signals: Annotated[list[SignalsOut], Field(max_length=10_000)]
    log: Annotated[list[EntryOut], Field(max_length=10_000_000)]


async def export_parts(found: Export, view: View) -> AsyncIterator[bytes]:
    """Write the document, portion by portion."""
    yield (to_json(_head(found))[:-1] + ',"forms":[').encode()
    async for part in _list(found.forms(), lambda fate: stored_submission_out(fate, view).model_dump_json()):
        yield part
    yield b'],"signals":['
    async for part in _list(found.signals(), lambda one: to_json(signals_out(one))):
        yield part
    yield b'],"log":['
    async for part in _list(found.log(), lambda one: to_json(_entry(one))):
        yield part
    yield b"]}"


async def _list(found: AsyncIterator[T], written: Callable[[T], str]) -> AsyncIterator[bytes]:
    comma = ""
    async for one in found:
        yield (comma + written(one)).encode()
        comma = ","


def _head(found: Export) -> Mapping[str, Any]:
    return {
        "format": "alliance-export-1",
        "client_id": found.client_id,
        "of": found.of,
        "made_at": found.made_at.astimezone(UTC),
        "reference": _reference(found.reference),
        "created_at": found.created_at,
        "legal_hold": found.is_held,
        "left_out": [] if found.is_whole else list(LEFT_OUT),
        "consents": [statement_out(row) for row in found.consents],
        "episodes": [_episode(one) for one in found.episodes],
        "invitations": [_invitation(one) for one in found.invitations],
        "keys": [_key(row, found.made_at) for row in found.keys],
    }


def statement_out(row: AnyRow) -> dict[str, Any]:
    """Write a statement, after StatementOut."""
    names = ("subject", "decision", "text_version", "stated_at", "recorded_at")
    return {"id": row.consent_id} | {name: getattr(row, name) for name in names}


def _reference(parts: tuple[str, str] | None) -> dict[str, str] | None:
    return None if parts is None else {"system": parts[0], "value": parts[1]}


def _episode(one: ExportedEpisode) -> dict[str, Any]:
    row = one.row
    ending = {
        name: getattr(row, name) if one.tells_ending else None for name in ("ending", "ended_session", "ended_at")
    }
    names = ("opened_at", "expected_sessions", "cadence_days")
    return {
        "id": row.episode_id,
        "reference": one.reference,
        "therapist_id": row.therapist_id,
        "therapist": _reference(one.therapist),
        **ending,
    } | {name: getattr(row, name) for name in names}


def _invitation(one: ExportedInvitation) -> dict[str, Any]:
    names = (
        "application", "therapist_id", "instrument", "instrument_version", "rater", "session_number",
        "made_at", "opens_at", "expires_at", "revoked_at", "renewals", "submission_id",
    )  # fmt: skip
    return {"id": one.row.invitation_id, "status": one.status} | {name: getattr(one.row, name) for name in names}


def _key(row: AnyRow, now: datetime) -> dict[str, Any]:
    is_over = row.expires_at is not None and row.expires_at <= now
    status = "revoked" if row.revoked_at is not None else "expired" if is_over else "alive"
    names = ("application", "created_at", "expires_at", "revoked_at")
    return {"id": row.key_id, "status": status} | {name: getattr(row, name) for name in names}


def _entry(one: ExportedEntry) -> dict[str, Any]:
    row = one.row
    return {
        "id": row.event_id,
        "kind": row.kind,
        "recorded_at": row.recorded_at,
        "application": row.application,
        "operation": row.subject.get("operation"),
        "outcome": row.subject.get("outcome"),
        "reason": one.reason,
    }
