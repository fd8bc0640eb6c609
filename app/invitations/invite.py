"""Invite a client to fill in a form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from app.access.administer import enabled_instruments
from app.access.binding import Binding, bind, log
from app.access.caller import Caller
from app.access.invitation_token import new_invitation_token
from app.episodes.named import check_named
from app.errors import (
    ClientErased,
    Fault,
    InstrumentKeyNotAvailable,
    InstrumentNotEnabled,
    InvalidSubmission,
    KeyReused,
    NotFound,
    RaterNotAllowed,
)
from app.instruments.model import Instrument
from app.invitations.invitation import LONGEST, USUAL, Due, Invitation, SealedForm, invitation_of, place_of
from app.invitations.store import find_by_key, find_invitation, insert_invitation
from app.storage.runtime import Runtime
from app.storage.types import AnyRow
from app.submissions.form import Reference
from app.submissions.prepare import key_digest


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Invited:
    """An invitation with its token, which is shown once: a repeat of the request does not have it."""

    invitation: Invitation
    token: str | None


async def invite(runtime: Runtime, caller: Caller, due: Due, *, key: str) -> Invited:
    """Make an invitation and return it; a repeat with the same key finds the same one."""
    now = runtime.now()
    if not caller.may_send(due.rater):  # who has the token brings the form
        raise RaterNotAllowed
    instrument = await _instrument(runtime, caller, due)
    opens_at, expires_at = checked_window(due.opens_at, due.expires_at, now=now)
    fingerprint = _fingerprint(runtime, caller, due)
    digest = key_digest(runtime, caller, key, route="invitations")

    def work(connection: Connection) -> Invited:
        there = find_by_key(connection, digest, organisation=caller.organisation)
        if there is not None:
            return _repeated(runtime, connection, there, fingerprint, now=now)
        ids = _people(connection, runtime, caller, due, at=now)
        made = partial(_make, connection, runtime, caller, due, instrument)
        return made(ids, window=(opens_at, expires_at), key=digest, fingerprint=fingerprint, now=now)

    return await runtime.database.write(work, organisation=caller.organisation)


def checked_window(
    opens_at: datetime | None, expires_at: datetime | None, *, now: datetime
) -> tuple[datetime, datetime]:
    """Return from when to when the form may be filled in, or say what is wrong with it."""
    opens = opens_at or now
    if opens > now + LONGEST:
        raise InvalidSubmission(Fault(pointer="/opens_at", code="out_of_range"))
    expires = expires_at or max(opens, now) + USUAL
    if not now < expires <= now + LONGEST:
        raise InvalidSubmission(Fault(pointer="/expires_at", code="out_of_range"))
    if not opens < expires:
        raise InvalidSubmission(Fault(pointer="/opens_at", code="out_of_range"))
    return opens, expires


async def _instrument(runtime: Runtime, caller: Caller, due: Due) -> Instrument:
    """Return the definition that the form will have: what can't be taken then is not asked for."""
    catalog = runtime.catalog
    if catalog.unavailable(due.instrument) is not None:
        raise InstrumentKeyNotAvailable
    if not catalog.versions(due.instrument):
        raise InvalidSubmission(Fault(pointer="/instrument", code="unknown_instrument"))
    try:
        instrument = catalog.get(due.instrument, due.instrument_version)
    except NotFound:
        raise InvalidSubmission(Fault(pointer="/instrument_version", code="unknown_version")) from None
    if due.rater not in instrument.raters:
        raise InvalidSubmission(Fault(pointer="/rater", code="wrong_rater"))
    if instrument.needs_enabling:
        allowed = await enabled_instruments(runtime, organisation=caller.organisation)
        if instrument.key not in allowed:
            raise InstrumentNotEnabled
    return instrument


def _fingerprint(runtime: Runtime, caller: Caller, due: Due) -> str:
    """Digest all that the idempotency key stands for; a time that was left out stays so."""
    content = msgspec.json.encode(
        [
            *due.client_ref.parts, *due.therapist_ref.parts, due.episode_ref, due.session_number, due.instrument,
            due.instrument_version, due.rater, due.locale, due.opens_at, due.expires_at,
        ]
    ).decode()  # fmt: skip
    return runtime.keys.content("request", content, organisation=caller.organisation).hex()


def _repeated(runtime: Runtime, connection: Connection, row: AnyRow, fingerprint: str, *, now: datetime) -> Invited:
    if open_form(runtime, connection, row).fingerprint != fingerprint:
        raise KeyReused
    return Invited(invitation=invitation_of(row, now=now), token=None)


def open_form(runtime: Runtime, connection: Connection, row: AnyRow) -> SealedForm:
    """Open what an invitation holds of its client."""
    vault = runtime.vault.of(connection, organisation=row.organisation_id)
    opened = vault.open_for(row.client_id, row.sealed_form, place_of(row.invitation_id))
    return msgspec.json.decode(opened, type=SealedForm)


def _people(connection: Connection, runtime: Runtime, caller: Caller, due: Due, *, at: datetime) -> dict[str, UUID]:
    """Find or make client and therapist; those of others are absent to a bound key."""

    def named(kind: str, reference: Reference) -> dict[str, UUID]:
        binding = Binding(
            kind="client" if kind == "client" else "therapist", system=reference.system, value=reference.value
        )
        return bind(connection, runtime, binding, organisation=caller.organisation, at=at)

    ids = named("therapist", due.therapist_ref)
    if caller.therapists is not None and ids["therapist_id"] not in caller.therapists:
        raise NotFound
    try:
        ids |= named("client", due.client_ref)
    except ClientErased:
        if caller.client_id is not None:  # the keys of who was erased are gone with them: it is somebody else
            raise NotFound from None
        raise
    if not caller.may_see(**ids):
        raise NotFound
    check_named(connection, caller, client_id=ids["client_id"], therapist_id=ids["therapist_id"])
    return ids


def _make(  # noqa: PLR0917 - one row, and all that stands in it
    connection: Connection,
    runtime: Runtime,
    caller: Caller,
    due: Due,
    instrument: Instrument,
    ids: dict[str, UUID],
    *,
    window: tuple[datetime, datetime],
    key: bytes,
    fingerprint: str,
    now: datetime,
) -> Invited:
    organisation, invitation_id = caller.organisation, runtime.new_id()
    token = new_invitation_token(invitation_id, organisation=organisation)
    form = SealedForm(
        client=due.client_ref.parts,
        therapist=due.therapist_ref.parts,
        episode=due.episode_ref,
        locale=due.locale,
        fingerprint=fingerprint,
    )
    vault = runtime.vault.of(connection, organisation=organisation)
    sealed = vault.seal_for(ids["client_id"], msgspec.json.encode(form).decode(), place_of(invitation_id))
    row = {
        "invitation_id": invitation_id,
        "application_id": caller.application,
        **ids,
        "instrument": instrument.key,
        "instrument_version": instrument.version,
        "rater": due.rater,
        "session_number": due.session_number,
        "sealed_form": sealed,
        "digest": runtime.keys.invitation(token.secret, organisation=organisation, invitation_id=invitation_id),
        "opens_at": window[0],
        "expires_at": window[1],
        "made_at": now,
        "renewals": 0,
        "revoked_at": None,
        "submission_id": None,
        "key": key,
    }
    insert_invitation(connection, row, organisation=organisation)
    about = {"invitation_id": str(invitation_id), "client_id": str(ids["client_id"])}
    log(
        connection, runtime, "invitation.made", about,
        organisation=organisation, at=now, application=caller.application, acting=caller.acting,
    )  # fmt: skip
    made = find_invitation(connection, invitation_id, organisation=organisation)
    if made is None:
        raise NotFound
    return Invited(invitation=invitation_of(made, now=now), token=token.text)
