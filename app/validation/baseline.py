"""The baseline that the stage model has to beat: the session number and the planned end, learned from courses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.stages.model import STAGES
from app.validation.chance import Floats, Ints
from app.validation.courses import AFTER_THE_END, LONGEST, UNKNOWN, Courses

#: Added to every count, so that what was not seen is not impossible (Jeffreys).
SMOOTHING = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Shares of the stages by session and sessions left until the planned end (the last row: no end is known)."""

    shares: Floats

    def probabilities(self, courses: Courses) -> Floats:
        """Tell the four probabilities of every session [clients x 60 x 4]."""
        told: Floats = self.shares[_cells(courses)]
        return told


def learn(courses: Courses) -> Baseline:
    """Learn how often each stage occurs at a session with so many sessions left.

    Parameters
    ----------
    courses
        Courses whose stages are known; never those that the baseline is held against.

    Returns
    -------
    Baseline
        Shares that sum to 1 over the stages, for each session and each number of sessions left.

    Notes
    -----
    It looks at no form. Cells that were not seen tell the four stages alike.

    References
    ----------
    Design choice of this project, not validated.

    Examples
    --------
    >>> from app.validation.courses import CourseLaw, draw_courses
    >>> drawn = draw_courses(CourseLaw(), 50, seed=7, part=1)
    >>> learn(drawn).probabilities(drawn)[0, 0].argmax()
    np.int64(0)
    """
    counts = np.full((LONGEST, LONGEST + 2, len(STAGES)), SMOOTHING)
    at, left = _cells(courses)
    seen = courses.stages != AFTER_THE_END
    np.add.at(counts, (at[seen], left[seen], courses.stages[seen]), 1.0)
    return Baseline(shares=counts / counts.sum(axis=2, keepdims=True))


def _cells(courses: Courses) -> tuple[Ints, Ints]:
    """Place every session in the table: its number, and the sessions left or the last row."""
    at = np.broadcast_to(np.arange(LONGEST), courses.stages.shape)
    planned = courses.planned[:, None]
    return at, np.where(planned == UNKNOWN, LONGEST + 1, np.clip(planned - at, 0, LONGEST))
