"""A signal: a prompt to look at the relationship, with the rule and the numbers it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.instruments.model import CutOff

Kind = Literal["rupture", "decline", "low", "reported_rupture", "wish_to_talk", "cut_off"]
Level = Literal["watch", "alert"]
#: `passed`: a single dip, over at the next total without being back; `unresolved`: not repaired after five sessions,
#: and the new level is the baseline now; `retracted`: a late form or a correction took away what the signal rested on.
State = Literal["open", "repaired", "unresolved", "passed", "retracted"]
Evidence = Literal["design", "published", "reported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What the rules hold a series against, on the scale of the item mean: stored with a version, never edited.

    `mu0` and `tau` are mean and SD between persons, `s0` the SD within a person, `sem` the standard error of
    measurement.
    """

    version: str
    calibrated: bool
    mu0: float
    tau: float
    s0: float
    sem: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One form as the rules see it: its total as item mean, in percent, and by the instrument's convention.

    The three are None when the total was not scored. `cut_offs` are the published ones of the instrument's total.
    """

    submission_id: UUID
    session_number: int
    mean: float | None
    pomp: float | None
    value: float | None
    reported_rupture: bool
    wish_to_talk: bool
    cut_offs: tuple[CutOff, ...]
    parameters: Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of a series, as it stands after some form.

    `value`, `z`, `threshold`, `baseline` and `spread` are those of the form that opened it; a rule without such a
    number leaves it None. `threshold` is always in the unit of `value`: the bound that it is at or beyond, and where
    there is a z, `value` is z spreads from `baseline`. The unit is the item mean for a rupture and a decline (there the
    means of the first and the last sessions), POMP for `low`, the instrument's own convention for a cut-off; a report
    has none. `detected` is what the detector said, `level` what is reported: rule 12 caps it at `watch` while the
    instrument is not calibrated, and then no false-alarm rate is stated. A report is a fact and is never capped; its
    `component` is `report`.
    """

    signal_id: UUID
    submission_id: UUID
    rule: str
    version: str
    kind: Kind
    level: Level
    detected: Level
    component: str
    opened_session: int
    state: State
    closed_session: int | None
    value: float | None
    z: float | None
    threshold: float | None
    baseline: float | None
    spread: float | None
    drift: bool
    sessions_used: int
    parameters: Parameters
    expected_false_alarms: float | None
    evidence: Evidence

    @property
    def is_open(self) -> bool:
        """Say whether it still asks for attention."""
        return self.state == "open"

    @property
    def latency(self) -> int | None:
        """Sessions from the one that opened it to the one that closed it."""
        return None if self.closed_session is None else self.closed_session - self.opened_session
