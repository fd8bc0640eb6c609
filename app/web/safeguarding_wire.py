"""Safety checks on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import ConfigDict, Field

from app.safeguarding.check import ClientRef, Receipt, Standing, State, Step, StepKind, Turn
from app.safeguarding.form import (
    FORM,
    LONGEST,
    QUESTIONS,
    Happened,
    MayContact,
    Question,
    SafetyAnswers,
    SafetyForm,
)
from app.safeguarding.offer import Offered
from app.safeguarding.open_check import OpenedCheck
from app.safeguarding.read import Checks
from app.safeguarding.receive import SafetyCheck
from app.safeguarding.texts import Before
from app.web.lists import NextCursor
from app.web.scores_wire import Key, Prose
from app.web.submissions_wire import PersonIn
from app.web.wire import In, Moment, Out, Text, Time

Sentence = Annotated[str, Field(max_length=1000)]
Locale = Annotated[str, Field(max_length=20)]
_OPTIONS: dict[Question, tuple[str, ...]] = {"happened": get_args(Happened), "may_contact": get_args(MayContact)}
#: An example of all answers.
ASKED: dict[str, Any] = {
    "happened": "yes",
    "may_contact": "yes",
    "contact": "by text message to 0123, after six",
    "words": "Something was said that I did not want to hear.",
}


class BeforeOut(Out):
    """What the organisation says before the question: show all of it, before anything is asked."""

    who_reads: Sentence
    not_watched: Sentence
    in_a_crisis: Sentence


class SafetyOptionOut(Out):
    """One answer to choose."""

    value: Literal["no", "not_sure", "yes"]
    label: Annotated[str, Field(max_length=60)]


class SafetyQuestionOut(Out):
    """One question: options to choose one of, or none and a text of so many characters."""

    id: Question
    text: Prose
    options: Annotated[list[SafetyOptionOut], Field(max_length=3)]
    max_length: Annotated[int, Field(ge=1, le=4000)] | None
    required: bool


class SafetyFormOut(Out):
    """The safety check in one language, ready to be shown."""

    form: Key
    locale: Locale
    status: Literal["original", "draft"] = Field(description="`draft` until a second speaker has checked the form.")
    title: Annotated[str, Field(max_length=100)]
    before: BeforeOut
    questions: Annotated[list[SafetyQuestionOut], Field(max_length=10)]


class SafetyAnswersIn(In):
    """What the client answers. Only the first question needs an answer."""

    happened: Happened
    may_contact: MayContact | None = None
    contact: Annotated[Text, Field(max_length=LONGEST["contact"])] | None = Field(
        default=None, description="How to reach the client."
    )
    words: Annotated[Text, Field(max_length=LONGEST["words"])] | None = None


class SafetyCheckIn(In):
    """A safety check as it is sent. It has nothing to do with a session's form, and is never part of a score."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "form": FORM,
                    "client_ref": "mrn-1042",
                    "therapist_ref": "th-7",
                    "completed_at": "2026-11-20T14:06:00+01:00",
                    "answers": ASKED,
                }
            ]
        }
    )

    form: Literal["safety-1"]
    client_ref: PersonIn | None = Field(default=None, description="Left out by a key that is bound to the client.")
    therapist_ref: PersonIn | None = Field(
        default=None, description="Kept from reading it, as every therapist is whom a form has named with the client."
    )
    completed_at: Time
    answers: SafetyAnswersIn


class ReceiptOut(Out):
    """That it came in. It has no id, and nothing of what was said: nobody who sends checks can read them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "received": True,
                    "locale": "en",
                    "who_reads": "Two people of our complaints office. Your therapist does not.",
                    "in_a_crisis": "Call 112.",
                }
            ]
        }
    )

    received: Literal[True]
    locale: Locale
    who_reads: Sentence
    in_a_crisis: Sentence


class EscalationOut(Out):
    """Whose turn it is, and until when; null in both where nobody needs to look any more."""

    turn: Turn | None
    next_at: Moment | None = Field(description="When it goes to the next recipient; null: to nobody else.")


class SafetyStandingOut(Out):
    """How far a safety check is: nothing of what was said, and not whose it is."""

    id: UUID
    state: State
    readable: bool = Field(
        description="false: it was damaged where it is stored, and does not open. Tell the operator its id."
    )
    received_at: Moment
    escalation: EscalationOut


class SafetyChecksOut(Out):
    """A page of safety checks, the newest first."""

    items: Annotated[list[SafetyStandingOut], Field(max_length=200)]
    next_cursor: NextCursor


class SafetyAnswersOut(Out):
    """What the client has answered."""

    happened: Happened
    may_contact: MayContact | None
    contact: Annotated[str, Field(max_length=LONGEST["contact"])] | None
    words: Annotated[str, Field(max_length=LONGEST["words"])] | None


class ClientRefOut(Out):
    """What the sender calls the client."""

    system: Annotated[str, Field(max_length=200)] | None
    value: Annotated[str, Field(max_length=200)]


class SafetyStepOut(Out):
    """Something that was done, by whom, and why; an escalation is nobody's deed."""

    kind: StepKind
    acting: Annotated[str, Field(max_length=100)] | None
    reason: Annotated[str, Field(max_length=2000)] | None
    taken_at: Moment


class OpenedCheckOut(SafetyStandingOut):
    """A safety check, opened: for the named person only, and kept as a step of its own."""

    form: Key
    client_ref: ClientRefOut | None = Field(description="null where the key that sent it did not say.")
    completed_at: Moment
    locale: Locale
    answers: SafetyAnswersOut
    steps: Annotated[
        list[SafetyStepOut],
        Field(max_length=2000, description="All but openings, and of these the last 1000: the log has every one."),
    ]


class ClosingIn(In):
    """Why a safety check needs no more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Talked to the client; case 12 is open."}]})

    reason: Annotated[Text, Field(min_length=1, max_length=2000)] = Field(description="Sealed as the check itself is.")


def safety_check_of(sent: SafetyCheckIn) -> SafetyCheck:
    """Take a check off the wire."""
    return SafetyCheck(
        client_ref=_reference(sent.client_ref),
        therapist_ref=_reference(sent.therapist_ref),
        answers=safety_answers_of(sent.answers),
        completed_at=sent.completed_at,
    )


def safety_answers_of(sent: SafetyAnswersIn) -> SafetyAnswers:
    """Take the answers off the wire; an empty text is none."""
    return SafetyAnswers(
        happened=sent.happened,
        may_contact=sent.may_contact,
        contact=sent.contact or None,
        words=sent.words or None,
    )


def safety_form_out(found: Offered) -> SafetyFormOut:
    """Write the form with the organisation's sentences before it."""
    form = found.form
    return SafetyFormOut(
        form=FORM,
        locale=form.locale,
        status=form.status,
        title=form.title,
        before=before_out(found.before),
        questions=[_question_out(form, one) for one in QUESTIONS],
    )


def before_out(before: Before) -> BeforeOut:
    """Write what is said before the question."""
    return BeforeOut(who_reads=before.who_reads, not_watched=before.not_watched, in_a_crisis=before.in_a_crisis)


def receipt_out(receipt: Receipt) -> ReceiptOut:
    """Write a receipt."""
    return ReceiptOut(
        received=True, locale=receipt.locale, who_reads=receipt.who_reads, in_a_crisis=receipt.in_a_crisis
    )


def standing_out(one: Standing) -> SafetyStandingOut:
    """Write how far a check is."""
    return SafetyStandingOut(**_standing(one))


def checks_out(found: Checks) -> SafetyChecksOut:
    """Write a page of checks."""
    return SafetyChecksOut(items=[standing_out(one) for one in found.items], next_cursor=found.next_cursor)


def opened_out(found: OpenedCheck) -> OpenedCheckOut:
    """Write a check that is opened."""
    named, said = found.content.client_ref, found.content.answers
    return OpenedCheckOut(
        **_standing(found.standing),
        form=FORM,
        client_ref=None if named is None else ClientRefOut(system=named.system, value=named.value),
        completed_at=found.completed_at,
        locale=found.content.receipt.locale,
        answers=SafetyAnswersOut(
            happened=said.happened, may_contact=said.may_contact, contact=said.contact, words=said.words
        ),
        steps=[_step_out(step) for step in found.steps],
    )


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "id": one.check_id,
        "state": one.state,
        "readable": one.readable,
        "received_at": one.received_at,
        "escalation": EscalationOut(turn=one.turn, next_at=one.escalates_at),
    }


def _question_out(form: SafetyForm, question: Question) -> SafetyQuestionOut:
    labels = form.options.get(question, {})
    options = [{"value": value, "label": labels[value]} for value in _OPTIONS.get(question, ())]
    return SafetyQuestionOut(
        id=question,
        text=form.questions[question],
        options=[SafetyOptionOut.model_validate(one) for one in options],
        max_length=LONGEST.get(question),
        required=question == "happened",
    )


def _step_out(step: Step) -> SafetyStepOut:
    return SafetyStepOut(kind=step.kind, acting=step.acting, reason=step.reason, taken_at=step.taken_at)


def _reference(sent: PersonIn | None) -> ClientRef | None:
    if sent is None:
        return None
    if isinstance(sent, str):
        return ClientRef(system=None, value=sent)
    return ClientRef(system=sent.system, value=sent.value)
