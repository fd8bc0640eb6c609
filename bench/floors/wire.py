"""What a floor takes and answers: a form of 12 items in, its three components and the total out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from uuid_utils.compat import uuid7

#: The components of wai-sr, as in its definition.
COMPONENTS = {
    "task": ("1", "2", "10", "12"),
    "bond": ("3", "5", "7", "9"),
    "goal": ("4", "6", "8", "11"),
}
NEEDED = {"task": 3, "bond": 3, "goal": 3, "total": 10}


class SubmissionIn(BaseModel):
    """The form, with the fields that the load generator sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instrument: Annotated[str, Field(max_length=40)]
    rater: Literal["client", "therapist"]
    client_ref: Annotated[str, Field(min_length=1, max_length=200)]
    therapist_ref: Annotated[str, Field(min_length=1, max_length=200)]
    session_number: Annotated[int, Field(ge=1, le=2000)]
    completed_at: datetime
    answers: dict[str, Annotated[int, Field(ge=1, le=5)] | None]


class ScoreOut(BaseModel):
    """One component."""

    component: str
    value: float | None
    sum: float | None
    pomp: float | None
    answered: int
    items: int


class SubmissionOut(BaseModel):
    """What is answered."""

    id: UUID
    session_number: int
    received_at: datetime
    scores: list[ScoreOut]


class ProgressOut(BaseModel):
    """A client's last totals."""

    client: str
    sessions: list[int]
    totals: list[float | None]


def scored(sent: SubmissionIn) -> SubmissionOut:
    """Score a form in plain Python."""
    scores = [_score(sent.answers, name, items) for name, items in COMPONENTS.items()]
    scores.append(_score(sent.answers, "total", tuple(sent.answers)))
    return SubmissionOut(id=uuid7(), session_number=sent.session_number, received_at=datetime.now(UTC), scores=scores)


def answer(body: BaseModel, *, status: int = 200) -> Response:
    """Send a body the shortest way that FastAPI has, which is also the service's own."""
    return Response(body.model_dump_json(), status_code=status, media_type="application/json")


def progress(client: str, rows: list[tuple[int, float | None]]) -> ProgressOut:
    """Lay out the rows of one select."""
    return ProgressOut(client=client, sessions=[row[0] for row in rows], totals=[row[1] for row in rows])


def _score(answers: dict[str, int | None], name: str, items: tuple[str, ...]) -> ScoreOut:
    numbers = [number for item in items if (number := answers.get(item)) is not None]
    if len(numbers) < NEEDED[name]:
        return ScoreOut(component=name, value=None, sum=None, pomp=None, answered=len(numbers), items=len(items))
    mean = sum(numbers) / len(numbers)
    return ScoreOut(
        component=name,
        value=mean,
        sum=len(items) * mean,
        pomp=100 * (mean - 1) / 4,
        answered=len(numbers),
        items=len(items),
    )
