"""Check a form against its instrument, score it and digest what identifies it, before any transaction is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.episodes.course import CourseForm, StoredScore
from app.episodes.identify import Sitting
from app.errors import (
    AllianceError,
    Fault,
    InstrumentKeyNotAvailable,
    InvalidSubmission,
    NotFound,
    RaterNotAllowed,
)
from app.instruments.model import Answer, Instrument, ItemId, check_answers
from app.scoring.many import score_forms
from app.scoring.score import AnyScore, score
from app.storage.runtime import Runtime
from app.submissions.form import Form, canonical_content, canonical_request
from app.submissions.modality import is_modelled
from app.submissions.sources import Sources, sources_of

#: How far a sender's clock may run ahead of ours.
AHEAD = timedelta(hours=24)

#: A key belongs to one of these; the same text on another route is another key.
Route = Literal["submissions", "put", "corrections", "withdrawals", "acknowledgements", "invitations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A form and how it came: its idempotency key; for a PUT the sender's id; for a correction the form to correct.

    `along` is done in the form's own transaction with the id that it has, or had; what it raises keeps the form out.
    """

    form: Form
    key: str
    route: Route = "submissions"
    submission_id: UUID | None = None
    corrects: UUID | None = None
    along: Callable[[Connection, UUID], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A form that its instrument can hold."""

    entry: Entry
    instrument: Instrument
    answers: dict[ItemId, Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A checked form with its scores and digests and the id it will have."""

    submission_id: UUID
    caller: Caller
    entry: Entry
    instrument: Instrument
    answers: dict[ItemId, Answer]
    scores: tuple[StoredScore, ...]
    sitting: Sitting
    key: bytes
    fingerprint: bytes
    content: bytes
    source: Sources | None
    course_form: CourseForm  # what the course of the episode needs of it

    @property
    def form(self) -> Form:
        """The form as it was sent."""
        return self.entry.form


def prepare(
    runtime: Runtime, caller: Caller, entries: Sequence[Entry], *, now: datetime
) -> tuple[dict[int, Prepared], dict[int, AllianceError]]:
    """Check, score and digest forms; those that can't be taken come back as errors, by their place in the call."""
    checked: dict[int, Checked] = {}
    errors: dict[int, AllianceError] = {}
    for index, entry in enumerate(entries):
        try:
            checked[index] = _check(runtime, caller, entry, now=now)
        except AllianceError as error:
            errors[index] = error
    scores = _score_all(checked)
    return {index: _digest(runtime, caller, one, scores[index]) for index, one in checked.items()}, errors


def key_digest(runtime: Runtime, caller: Caller, key: str, *, route: Route) -> bytes:
    """Digest an idempotency key: it belongs to an application, a route, and to whom the API key is bound."""
    text = "\n".join((key, route, str(caller.application), caller.client_named, str(caller.therapist_id)))
    return runtime.keys.content("key", text, organisation=caller.organisation)


def _check(runtime: Runtime, caller: Caller, entry: Entry, *, now: datetime) -> Checked:
    if not caller.may_send(entry.form.rater):
        raise RaterNotAllowed
    instrument = _instrument(runtime, entry.form)
    return Checked(entry=entry, instrument=instrument, answers=_answers(instrument, entry.form, now))


def _score_all(checked: dict[int, Checked]) -> dict[int, tuple[AnyScore, ...]]:
    """Score forms of one instrument together; one alone is quicker by itself."""
    by_digest: dict[str, list[int]] = {}
    for index, one in checked.items():
        by_digest.setdefault(one.instrument.digest, []).append(index)
    found: dict[int, tuple[AnyScore, ...]] = {}
    for indices in by_digest.values():
        instrument = checked[indices[0]].instrument
        if len(indices) == 1:
            found[indices[0]] = score(instrument, checked[indices[0]].answers)
        else:
            forms = [checked[index].answers for index in indices]
            found |= zip(indices, score_forms(instrument, forms), strict=True)
    return found


def _digest(runtime: Runtime, caller: Caller, checked: Checked, scores: tuple[AnyScore, ...]) -> Prepared:
    entry, form = checked.entry, checked.entry.form
    organisation, keys = caller.organisation, runtime.keys
    sitting = _sitting(runtime, caller, form)
    request = canonical_request(form, corrects=str(entry.corrects) if entry.corrects else None)
    content = canonical_content(form, version=checked.instrument.version)
    course_form = _course_form(
        checked,
        submission_id=entry.submission_id or runtime.new_id(),
        content=keys.content("form", content, organisation=organisation),
        scores=tuple(StoredScore(score_id=runtime.new_id(), score=one) for one in scores),
    )
    return Prepared(
        submission_id=course_form.submission_id,
        caller=caller,
        entry=entry,
        instrument=checked.instrument,
        answers=checked.answers,
        scores=course_form.scores,
        sitting=sitting,
        key=key_digest(runtime, caller, entry.key, route=entry.route),
        fingerprint=keys.content("request", request, organisation=organisation),
        content=course_form.content,
        source=None if form.source is None else sources_of(keys, caller, form.source, sitting),
        course_form=course_form,
    )


def _sitting(runtime: Runtime, caller: Caller, form: Form) -> Sitting:
    organisation, keys, episode = caller.organisation, runtime.keys, form.episode_ref
    return Sitting(
        client=keys.reference("client", *form.client_ref.parts, organisation=organisation),
        therapist=keys.reference("therapist", *form.therapist_ref.parts, organisation=organisation),
        episode=None if episode is None else keys.reference("episode", episode, organisation=organisation),
        session_number=form.session_number,
        completed_at=form.completed_at,
    )


def _course_form(
    checked: Checked, *, submission_id: UUID, content: bytes, scores: tuple[StoredScore, ...]
) -> CourseForm:
    form = checked.entry.form
    return CourseForm(
        submission_id=submission_id,
        session_number=form.session_number,
        instrument=checked.instrument,
        rater=form.rater,
        completed_at=form.completed_at,
        content=content,
        focus=checked.instrument.focus(checked.answers),
        planned_sessions=form.planned_sessions,
        ending=form.reported.ending,
        rupture=bool(form.reported.rupture),
        wish_to_talk=bool(form.reported.wish_to_talk),
        norm=None,
        answers=checked.answers,
        scores=scores,
    )


def _instrument(runtime: Runtime, form: Form) -> Instrument:
    if runtime.catalog.unavailable(form.instrument) is not None:
        raise InstrumentKeyNotAvailable
    if not runtime.catalog.versions(form.instrument):
        raise InvalidSubmission(Fault(pointer="/instrument", code="unknown_instrument"))
    try:
        return runtime.catalog.get(form.instrument, form.instrument_version)
    except NotFound:
        raise InvalidSubmission(Fault(pointer="/instrument_version", code="unknown_version")) from None


def _answers(instrument: Instrument, form: Form, now: datetime) -> dict[ItemId, Answer]:
    latest = now + AHEAD
    faults = [
        Fault(pointer=pointer, code=code)
        for pointer, code, is_wrong in (
            ("/rater", "wrong_rater", form.rater not in instrument.raters),
            ("/completed_at", "in_the_future", form.completed_at > latest),
            ("/session_date", "in_the_future", form.session_date is not None and form.session_date > latest.date()),
            ("/modality", "not_modelled", form.modality is not None and not is_modelled(form.modality)),
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
