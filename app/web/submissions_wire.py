"""A form on the wire, and what is answered to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Discriminator, Field, Tag

from app.instruments.model import Rater, answer_document
from app.stages.model import Ending, StageName
from app.submissions.form import Channel, Form, Reference, Reported, Source
from app.submissions.read import Fate
from app.submissions.stored import StoredSubmission, Withdrawal, WithdrawalReason
from app.submissions.withdraw import Withdrawn
from app.web.scores_wire import (
    ChangeOut,
    Key,
    RecommendationOut,
    Scores,
    SessionNumber,
    StageOut,
)
from app.web.signals_wire import SignalOut
from app.web.told_form import View, submission_out
from app.web.wire import AnswersIn, In, Moment, OptionalDate, Out, Text, Time

EXAMPLE: dict[str, Any] = {
    "instrument": "trq-s",
    "instrument_version": "1.0.0",
    "rater": "client",
    "client_ref": "mrn-1042",
    "therapist_ref": "th-7",
    "episode_ref": "2026-a",
    "session_number": 3,
    "planned_sessions": 12,
    "session_date": "2026-11-20",
    "completed_at": "2026-11-20T14:05:00+01:00",
    "locale": "en",
    "channel": "in_person",
    "modality": "cbt",
    "answers": {
        "1": 4, "2": 3, "3": 5, "4": 4, "5": 4, "6": 5, "7": None, "8": 4, "f1": 2, "f2": 4, "f3": 2, "f4": 1,
    },
    "reported": {"rupture": False, "wish_to_talk": False, "ending": None, "stage": None},
    "comment": None,
    "seen_by_therapist": True,
    "source": {"system": "https://ehr.example/forms", "id": "qr-889"},
}  # fmt: skip
SMALLEST_EXAMPLE: dict[str, Any] = {
    "instrument": "trq-s-t",
    "rater": "therapist",
    "client_ref": {"system": "https://ehr.example/patients", "value": "1042"},
    "therapist_ref": "th-7",
    "session_number": 1,
    "completed_at": "2026-11-06T13:05:00Z",
    "answers": {"1": 4, "2": 4, "3": 5, "4": 4, "5": "not_applicable", "6": 5, "7": 4, "8": 3},
}

ReferenceText = Annotated[Text, Field(min_length=1, max_length=200)]


class ReferenceIn(In):
    """What you call a person, in a system of yours."""

    system: Annotated[Text, Field(min_length=1, max_length=200)]
    value: ReferenceText


def _reference_kind(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<reference>"


PersonIn = Annotated[
    Annotated[ReferenceText, Tag("<text>")] | Annotated[ReferenceIn, Tag("<reference>")], Discriminator(_reference_kind)
]


class ReportedIn(In):
    """What was reported beside the answers."""

    rupture: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="The rater says that something went wrong between the two."
    )
    wish_to_talk: Annotated[bool, Field(strict=True)] | None = None
    ending: Ending | None = Field(default=None, description="How the course ended, if it did.")
    stage: StageName | None = Field(default=None, description="The therapist's own view of the stage.")


class SourceIn(In):
    """Your own name of the form: the same one under a new key answers the stored form."""

    system: Annotated[Text, Field(min_length=1, max_length=200)]
    id: Annotated[Text, Field(min_length=1, max_length=200)]


class SubmissionIn(In):
    """One form by one rater about one session."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE, SMALLEST_EXAMPLE]})

    instrument: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9-]+$")]
    instrument_version: Annotated[str, Field(max_length=20, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = Field(
        default=None, description="The newest one unless given."
    )
    rater: Rater
    client_ref: PersonIn = Field(description="What you call the client; never in a URL, stored as a keyed digest.")
    therapist_ref: PersonIn
    episode_ref: Annotated[Text, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="What you call this course of sessions. Without it: the open episode of the two, else a new one.",
    )
    session_number: Annotated[int, Field(strict=True, ge=1, le=2000)]
    planned_sessions: Annotated[int, Field(strict=True, ge=1, le=2000)] | None = Field(
        default=None, description="The last value stated at or before a session counts for it."
    )
    session_date: OptionalDate = None
    completed_at: Time
    locale: Annotated[str, Field(max_length=20, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    channel: Channel | None = None
    modality: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9][a-z0-9_-]*$")] | None = Field(
        default=None, description="As `cbt`. `group`, `couple`, `family`, `co-therapy` are refused (`not_modelled`)."
    )
    answers: AnswersIn
    reported: ReportedIn | None = None
    comment: Annotated[Text, Field(min_length=1, max_length=4000)] | None = Field(
        default=None, description="Free text, kept encrypted. Refused until the organisation allows it."
    )
    seen_by_therapist: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="The client was told that the therapist sees the answers."
    )
    source: SourceIn | None = None


class InstrumentRefOut(Out):
    """Which definition made the scores."""

    key: Key
    version: Key
    digest: Annotated[str, Field(max_length=80)]
    key_status: Literal["own", "verified", "secondary", "recall"]
    validated: bool
    scoring_version: Key


class SubmissionOut(Out):
    """A stored form with its scores and all that follows from them."""

    id: UUID
    client_id: UUID
    episode_id: UUID
    session_number: SessionNumber
    rater: Rater
    received_at: Moment
    supersedes: UUID | None
    instrument: InstrumentRefOut
    scores: Scores
    change: Annotated[dict[Key, ChangeOut], Field(max_length=60, description="By component; read `total` first.")]
    recomputed_later_sessions: Annotated[
        int,
        Field(
            ge=0,
            le=2000,
            description=(
                "How many later sessions of the episode were looked at again because of this form. 0 for a key that "
                "opens one client or a therapist's clients: the forms of some may not be for the reader's eyes."
            ),
        ),
    ]
    signals: Annotated[
        list[SignalOut],
        Field(
            max_length=20,
            description="Opened, open or closed at this form, in its series. Empty for a key that opens one client.",
        ),
    ]
    notes: Annotated[
        list[Literal["ceiling"]],
        Field(
            max_length=1,
            description=(
                "`ceiling`: the highest total there is. It says little: many people give only top marks, and nothing "
                "can rise from there. Empty for a key that opens one client."
            ),
        ),
    ]
    stage: StageOut | None = Field(
        description="null for a key that opens one client, and of a form that counts no longer for a therapist's key."
    )
    recommendations: Annotated[list[RecommendationOut], Field(max_length=3)]


class ReportedOut(Out):
    """What was reported beside the answers; null where nothing was said."""

    rupture: bool | None
    wish_to_talk: bool | None
    ending: Ending | None
    stage: StageName | None


class FormOut(Out):
    """The form as it was sent, without the references: those are kept as keyed digests only."""

    session_date: OptionalDate
    completed_at: Moment
    planned_sessions: SessionNumber | None
    locale: Annotated[str, Field(max_length=20)] | None
    channel: Channel | None
    modality: Annotated[str, Field(max_length=40)] | None
    seen_by_therapist: bool | None
    answers: AnswersIn
    reported: ReportedOut | None = Field(description="null for a key that opens one client.")
    comment: Annotated[str, Field(max_length=4000)] | None


class WithdrawalOut(Out):
    """That a form counts no longer."""

    reason: WithdrawalReason
    withdrawn_at: Moment
    recomputed_later_sessions: Annotated[int, Field(ge=0, le=2000)]


class StoredSubmissionOut(SubmissionOut):
    """A stored form, with what was sent, what is said about it now, and what became of it.

    Change, stage and recommendations are those of today: another than at first when an earlier session came in late or
    was corrected.
    """

    status: Literal["current", "superseded", "withdrawn"]
    superseded_by: UUID | None
    withdrawal: WithdrawalOut | None
    therapist_id: UUID
    form: FormOut


class WithdrawalIn(In):
    """Why a form counts no longer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "entered_in_error"}]})

    reason: WithdrawalReason


class WithdrawnOut(WithdrawalOut):
    """A withdrawn form. It stays readable, and its place is free for another one."""

    id: UUID
    status: Literal["withdrawn"]


def form_of(sent: SubmissionIn) -> Form:
    """Map what was sent to plain types."""
    reported = sent.reported or ReportedIn()
    return Form(
        instrument=sent.instrument,
        instrument_version=sent.instrument_version,
        rater=sent.rater,
        client_ref=reference_of(sent.client_ref),
        therapist_ref=reference_of(sent.therapist_ref),
        episode_ref=sent.episode_ref,
        session_number=sent.session_number,
        planned_sessions=sent.planned_sessions,
        session_date=sent.session_date,
        completed_at=sent.completed_at,
        locale=sent.locale,
        channel=sent.channel,
        modality=sent.modality,
        answers=sent.answers,
        reported=Reported(
            rupture=reported.rupture,
            wish_to_talk=reported.wish_to_talk,
            ending=reported.ending,
            stage=reported.stage,
        ),
        seen_by_therapist=sent.seen_by_therapist,
        source=Source(system=sent.source.system, id=sent.source.id) if sent.source else None,
        comment=sent.comment,
    )


def stored_submission_out(fate: Fate, view: View) -> StoredSubmissionOut:
    """Map a stored form to what is read back."""
    stored = fate.submission
    status = "current" if stored.current else "withdrawn" if fate.withdrawal is not None else "superseded"
    return StoredSubmissionOut(
        **submission_out(stored, view, is_concluded=fate.is_concluded),
        status=status,
        superseded_by=fate.superseded_by,
        withdrawal=None if fate.withdrawal is None else WithdrawalOut(**_withdrawal(stored, fate.withdrawal, view)),
        therapist_id=stored.therapist_id,
        form=_form_out(fate, view),
    )


def withdrawn_out(withdrawn: Withdrawn, view: View) -> WithdrawnOut:
    """Map a withdrawal to its answer."""
    return WithdrawnOut(
        id=withdrawn.form.submission_id, status="withdrawn", **_withdrawal(withdrawn.form, withdrawn.withdrawal, view)
    )


def _withdrawal(form: StoredSubmission, withdrawal: Withdrawal, view: View) -> dict[str, Any]:
    return {
        "reason": withdrawal.reason,
        "withdrawn_at": withdrawal.withdrawn_at,
        "recomputed_later_sessions": withdrawal.recomputed_later_sessions if view.sees(form, "recount") else 0,
    }


def _form_out(fate: Fate, view: View) -> FormOut:
    stored = fate.submission
    instrument = view.catalog.get(stored.instrument.key, stored.instrument.version)
    return FormOut(
        session_date=stored.session_date and stored.session_date.isoformat(),
        completed_at=stored.completed_at,
        planned_sessions=stored.planned_sessions,
        locale=stored.locale,
        channel=stored.channel,
        modality=stored.modality,
        seen_by_therapist=stored.seen_by_therapist,
        answers={item.id: answer_document(stored.answers.get(item.id)) for item in instrument.items},
        reported=ReportedOut(
            rupture=stored.reported.rupture,
            wish_to_talk=stored.reported.wish_to_talk,
            ending=stored.reported.ending,
            stage=stored.reported.stage,
        )
        if view.sees(stored, "reported")
        else None,
        comment=fate.comment if view.sees(stored, "comment") else None,
    )


def reference_of(sent: str | ReferenceIn) -> Reference:
    """Map a reference; a plain text is of the organisation's own system."""
    if isinstance(sent, str):
        return Reference(system=None, value=sent)
    return Reference(system=sent.system, value=sent.value)
