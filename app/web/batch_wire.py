"""Many forms on the wire: each is checked for itself, and each has a result of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from app.errors import AllianceError, Fault, InvalidSubmission, KeyRepeated
from app.submissions.intake import Outcome, Recorded
from app.submissions.prepare import Entry
from app.web.problems import ProblemOut, faults_of, members, problem_body
from app.web.submissions_wire import SMALLEST_EXAMPLE, SubmissionIn, SubmissionOut, form_of
from app.web.told_form import View, submission_out
from app.web.wire import In, Out

MOST = 500


@dataclass(frozen=True, slots=True)
class Faulty:
    """A form that is not as the schema says; it does not keep the others out."""

    faults: Sequence[Fault]


def _form_or_faults(value: Any, handler: ValidatorFunctionWrapHandler) -> SubmissionIn:
    try:
        return cast("SubmissionIn", handler(value))
    except ValidationError as error:
        return cast("SubmissionIn", Faulty(faults_of([(one["loc"], one["type"]) for one in error.errors()], value)))


class BatchItemIn(In):
    """One form with its idempotency key."""

    key: Annotated[
        str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$", description="As `Idempotency-Key` of a post.")
    ]
    form: Annotated[SubmissionIn, WrapValidator(_form_or_faults)]


class BatchIn(In):
    """Up to 500 forms, in any order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{"key": "form-1", "form": SMALLEST_EXAMPLE}]}]}
    )

    items: Annotated[list[BatchItemIn], Field(min_length=1, max_length=MOST)]


class BatchItemOut(Out):
    """What became of one form: as a single post would be answered."""

    index: Annotated[int, Field(ge=0, lt=MOST, description="Its place in the batch.")]
    status: Annotated[int, Field(ge=200, le=599, description="The status that a single post would get.")]
    replayed: bool
    id: UUID | None = Field(description="The stored form.")
    submission: SubmissionOut | None = Field(description="null with a problem, and with `Prefer: return=minimal`.")
    problem: ProblemOut | None = Field(description="null when the form is stored. Pointers begin at the form.")


class BatchOut(Out):
    """One result for each form, in order."""

    items: Annotated[list[BatchItemOut], Field(max_length=MOST)]


def sent_items(batch: BatchIn) -> tuple[dict[int, Entry], dict[int, AllianceError]]:
    """Take a batch apart into forms to record and items that can't be, by their places."""
    entries: dict[int, Entry] = {}
    refused: dict[int, AllianceError] = {}
    keys: set[str] = set()
    for index, item in enumerate(batch.items):
        form: SubmissionIn | Faulty = item.form
        if item.key in keys:
            refused[index] = KeyRepeated()
        elif isinstance(form, Faulty):
            refused[index] = InvalidSubmission(*form.faults)
        else:
            entries[index] = Entry(form=form_of(form), key=item.key)
        keys.add(item.key)
    return entries, refused


def item_out(index: int, outcome: Outcome, view: View | None, trace_id: str) -> dict[str, Any]:
    """Write what became of one form, after BatchItemOut; without a view the stored form is left out."""
    if isinstance(outcome, Recorded):
        stored = outcome.submission
        return {
            "index": index,
            "status": 201 if outcome.created else 200,
            "replayed": outcome.replayed,
            "id": stored.submission_id,
            "submission": None if view is None else submission_out(stored, view),
            "problem": None,
        }
    problem = problem_body(**members(outcome, trace_id))
    return {
        "index": index,
        "status": problem["status"],
        "replayed": False,
        "id": None,
        "submission": None,
        "problem": problem,
    }
