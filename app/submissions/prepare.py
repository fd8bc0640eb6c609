"""Check a form against its instrument and digest what identifies it, before any transaction is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.access.caller import Caller
from app.episodes.identify import Sitting
from app.errors import Fault, InvalidSubmission, NotFound
from app.instruments.model import Answer, Instrument, ItemId, check_answers
from app.storage.keyring import Keyed
from app.storage.runtime import Runtime
from app.submissions.form import Form, canonical_content, canonical_request

#: How far a sender's clock may run ahead of ours.
AHEAD = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A checked form with its digests and the id it will have."""

    submission_id: UUID
    form: Form
    instrument: Instrument
    answers: dict[ItemId, Answer]
    sitting: Sitting
    key: bytes
    fingerprint: bytes
    content: bytes
    source: Keyed | None


def prepare(runtime: Runtime, caller: Caller, form: Form, *, key: str, now: datetime) -> Prepared:
    """Check a form and digest its key, its content and its references, or raise InvalidSubmission."""
    instrument = _instrument(runtime, form)
    if form.rater not in instrument.raters:
        raise InvalidSubmission(Fault(pointer="/rater", code="wrong_rater"))
    _check_times(form, now)
    organisation, keys = caller.organisation, runtime.keys
    client = keys.reference("client", *form.client_ref.parts, organisation=organisation)
    source = form.source
    episode = form.episode_ref
    return Prepared(
        submission_id=runtime.new_id(),
        form=form,
        instrument=instrument,
        answers=check_answers(instrument, form.answers),
        sitting=Sitting(
            client=client,
            therapist=keys.reference("therapist", *form.therapist_ref.parts, organisation=organisation),
            episode=None if episode is None else keys.reference("episode", episode, organisation=organisation),
            session_number=form.session_number,
            completed_at=form.completed_at,
        ),
        key=keys.content("key", key, organisation=organisation),
        fingerprint=keys.content("request", canonical_request(form), organisation=organisation),
        content=keys.content("form", canonical_content(form), organisation=organisation),
        source=None
        if source is None
        else keys.reference("source", source.system, source.id, organisation=organisation),
    )


def _instrument(runtime: Runtime, form: Form) -> Instrument:
    if not runtime.catalog.versions(form.instrument):
        raise InvalidSubmission(Fault(pointer="/instrument", code="unknown_instrument"))
    try:
        return runtime.catalog.get(form.instrument, form.instrument_version)
    except NotFound:
        raise InvalidSubmission(Fault(pointer="/instrument_version", code="unknown_version")) from None


def _check_times(form: Form, now: datetime) -> None:
    latest = now + AHEAD
    late = [
        Fault(pointer=pointer, code="in_the_future")
        for pointer, is_late in (
            ("/completed_at", form.completed_at > latest),
            ("/session_date", form.session_date is not None and form.session_date > latest.date()),
        )
        if is_late
    ]
    if late:
        raise InvalidSubmission(*late)
