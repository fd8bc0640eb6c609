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
    answers = _check(instrument, form, now)
    organisation, keys = caller.organisation, runtime.keys
    client = keys.reference("client", *form.client_ref.parts, organisation=organisation)
    source = form.source
    episode = form.episode_ref
    return Prepared(
        submission_id=runtime.new_id(),
        form=form,
        instrument=instrument,
        answers=answers,
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


def _check(instrument: Instrument, form: Form, now: datetime) -> dict[ItemId, Answer]:
    latest = now + AHEAD
    faults = [
        Fault(pointer=pointer, code=code)
        for pointer, code, is_wrong in (
            ("/rater", "wrong_rater", form.rater not in instrument.raters),
            ("/completed_at", "in_the_future", form.completed_at > latest),
            ("/session_date", "in_the_future", form.session_date is not None and form.session_date > latest.date()),
        )
        if is_wrong
    ]
    try:
        answers = check_answers(instrument, form.answers)
    except InvalidSubmission as refused:
        if not faults:
            raise
        raise InvalidSubmission(*faults, *refused.faults) from None
    if faults:
        raise InvalidSubmission(*faults)
    return answers
