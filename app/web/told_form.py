"""A form as it is told: field by field, as far as it is for the eyes of who reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from app.access.visibility import OfForm, Sight
from app.change.watch import ceiling
from app.instruments.catalog import Catalog
from app.instruments.model import Instrument
from app.submissions.stored import StoredSubmission
from app.web.scores_wire import change_out, recommendation_out, score_out, stage_out
from app.web.signals_wire import signal_out


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """For whom an answer is written: what they may see, and in which language."""

    catalog: Catalog
    sight_of: Callable[[UUID], Sight]
    language: str

    def sees(self, form: StoredSubmission, field: OfForm) -> bool:
        """Say whether a field of a form is told."""
        return self.sight_of(form.therapist_id).sees_of(field, rater=form.rater, told=form.seen_by_therapist)


def instrument_ref_out(instrument: Instrument, *, digest: str, scoring_version: str) -> dict[str, Any]:
    """Write which definition made some scores, after InstrumentRefOut."""
    return {
        "key": instrument.key,
        "version": instrument.version,
        "digest": digest,
        "key_status": instrument.key_status,
        "validated": instrument.validated,
        "scoring_version": scoring_version,
    }


def submission_out(stored: StoredSubmission, view: View, *, is_concluded: bool = True) -> dict[str, Any]:
    """Write a stored form as the answer that its post got, after SubmissionOut; without what is concluded, if so."""
    sees, has_norm = partial(view.sees, stored), view.sees(stored, "norm")
    told = _concluded(stored, view) if is_concluded else NOTHING_CONCLUDED
    instrument = view.catalog.get(stored.instrument.key, stored.instrument.version)
    # In the definition's order, the total first: a JSON column of PostgreSQL does not keep the order of names.
    components = sorted((one.score.component for one in stored.scores), key=lambda component: component != "total")
    return {
        "id": stored.submission_id,
        "client_id": stored.client_id,
        "episode_id": stored.episode_id,
        "session_number": stored.session_number,
        "rater": stored.rater,
        "received_at": stored.received_at.astimezone(UTC),
        "supersedes": stored.supersedes,
        "instrument": instrument_ref_out(
            instrument, digest=stored.instrument.digest, scoring_version=stored.scores[0].score.scoring_version
        ),
        "scores": [
            score_out(one.score, one.score_id, stored.norm, has_norm=has_norm)
            for one in (stored.scores if sees("scores") else ())
        ],
        "change": {
            one: change_out(stored.change[one], has_norm=has_norm)
            for one in (components if sees("change") else ())
            if one in stored.change
        },
        **told,
    }


#: What is told of a form of which nothing that is concluded is told.
NOTHING_CONCLUDED: Final[Mapping[str, Any]] = MappingProxyType(
    {"recomputed_later_sessions": 0, "signals": (), "notes": (), "stage": None, "recommendations": ()}
)


def _concluded(stored: StoredSubmission, view: View) -> Mapping[str, Any]:
    """Write what is concluded from a form, as far as it is told."""
    sees = partial(view.sees, stored)
    return {
        "recomputed_later_sessions": stored.recomputed_later_sessions if sees("recount") else 0,
        "signals": [signal_out(one) for one in stored.signals] if sees("signals") else [],
        "notes": _notes(stored) if sees("notes") else [],
        "stage": stage_out(stored.stage) if view.sight_of(stored.therapist_id).sees("stage") else None,
        "recommendations": [recommendation_out(one, view.language) for one in stored.recommendations]
        if sees("recommendations")
        else [],
    }


def _notes(stored: StoredSubmission) -> list[str]:
    totals = (one.score for one in stored.scores if one.score.component == "total")
    return [note for total in totals if (note := ceiling(total))]
