"""From one form and what came before it to everything that is said about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.change.since import Change, Earlier, since
from app.episodes.course import CourseForm, by_session
from app.instruments.model import Answer, Instrument, ItemId
from app.scoring.score import AnyScore, Score, score
from app.stages.criteria import Level, level
from app.stages.panel import StagePanel, panel
from app.stages.recommend import Recommendation, recommend


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is said about one form, at the time it came in."""

    scores: tuple[AnyScore, ...]
    change: dict[str, Change]
    stage: StagePanel
    recommendations: tuple[Recommendation, ...]


def assess(
    instrument: Instrument,
    answers: dict[ItemId, Answer],
    form: CourseForm,
    *,
    course: Sequence[CourseForm],
    earlier: Mapping[str, tuple[Earlier, Earlier]],
    levels: Sequence[Level],
) -> Assessment:
    """Score a form and place it in the course of its episode.

    Parameters
    ----------
    instrument, answers
        The definition and the checked answers.
    form
        What the course needs of this form.
    course
        The episode's stored forms, in the order they were received.
    earlier
        Component -> first and previous score of this form's own series.
    levels
        The earlier levels of the client's series that the criteria follow: of this form's own when the client filled
        it in.

    Returns
    -------
    Assessment
        The stage is that of this form's session, with all that is known of it and of the sessions before.
    """
    scores = score(instrument, answers)
    if form.rater == "client":
        pomps = {s.component: s.pomp for s in scores if isinstance(s, Score)}
        levels = [*levels, level(form.session_number, pomps, instrument.components)]
    stage = panel(by_session([*course, form]), levels, at=form.session_number)
    return Assessment(
        scores=scores,
        change=since(scores, earlier),
        stage=stage,
        recommendations=recommend(instrument, scores=scores, answers=answers, stage=stage.estimate),
    )
