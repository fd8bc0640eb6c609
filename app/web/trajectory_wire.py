"""The whole course of a client's scores on the wire, with the numbers that a chart draws over them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from app.change.rupture import RULE, RUP_1
from app.change.shape import Name as ShapeName
from app.change.shape import Shape, WhyInsufficient
from app.instruments.model import Rater
from app.progress.chart import BandPoint
from app.progress.trajectory import Point, Series, Trajectory
from app.web.scores_wire import Key, SessionNumber
from app.web.wire import Moment, OptionalDate, Out, Rounded

_FORM = "019aa5f0-5c00-7000-8000-000000000000"
EXAMPLE: dict[str, Any] = {
    "client_id": "019aa5f0-5c00-7a1b-8c2d-3e4f5a6b7c8d",
    "episode_id": "019aa5f0-5c00-7b1b-8c2d-3e4f5a6b7c8d",
    "series": [
        {
            "instrument": "trq",
            "rater": "client",
            "components": [{"key": "total", "min": 1.0, "max": 5.0}],
            "points": [
                {
                    "submission_id": _FORM,
                    "session_number": 6,
                    "session_date": "2026-11-20",
                    "completed_at": "2026-11-20T13:05:00Z",
                    "version": "1.0.0",
                    "values": [3.2],
                    "pomps": [55.0],
                }
            ],
            "shape": {
                "name": "stable",
                "reason": None,
                "slope": -0.1086,
                "sessions_used": 6,
                "first_session": 1,
                "last_session": 6,
                "limit": 0.5544,
                "calibrated": False,
                "parameters": "uncalibrated-1",
                "version": "SHP-1",
            },
            "band": [
                {
                    "session_number": 6,
                    "baseline": 4.0873,
                    "watch_below": 3.6507,
                    "alert_below": 3.467,
                    "z": -3.333,
                    "insufficient_history": False,
                    "calibrated": False,
                }
            ],
        }
    ],
}


class PointOut(Out):
    """One form of a series. `values` and `pomps` stand in the order of the series' `components`; null: not scored."""

    submission_id: UUID
    session_number: SessionNumber
    session_date: OptionalDate
    completed_at: Moment
    version: Key
    values: Annotated[list[Rounded | None], Field(max_length=60)]
    pomps: Annotated[list[Rounded | None], Field(max_length=60)]


class ComponentRangeOut(Out):
    """A component with the range of its values in the latest version; null while it was never scored."""

    key: Key
    min: Rounded | None
    max: Rounded | None


class ShapeOut(Out):
    """The shape of the totals so far, never a prognosis. It needs five scored sessions; a choice of this project.

    Numbers are on the scale of the item mean, also where totals are sums.
    """

    name: ShapeName = Field(
        description=(
            "Beyond measurement error: `rising`, `falling`, `valley` (fell, then rose) or `peak`; within it: `stable`."
        )
    )
    reason: WhyInsufficient | None = Field(description="Why it is `insufficient`.")
    slope: Rounded | None = Field(description="Of the straight line, per session.")
    sessions_used: Annotated[int, Field(ge=0, le=2000)] = Field(
        description="Scored sessions since an instrument version last changed the scale."
    )
    first_session: SessionNumber | None
    last_session: SessionNumber | None
    limit: Rounded = Field(description="The smallest movement beyond error.")
    calibrated: bool = Field(description="Whether a norm stands behind the limit; otherwise it is a guess.")
    parameters: Key = Field(description="The version of the parameters.")
    version: Key


class BandPointOut(Out):
    """What the sessions before let one expect of this session's total, in the unit of the total in `values`."""

    session_number: SessionNumber
    baseline: Rounded | None = Field(
        description="The expected total; null while history is insufficient, or where the total was not scored."
    )
    watch_below: Rounded | None
    alert_below: Rounded | None = Field(description="While not calibrated, a signal is told as `watch` all the same.")
    z: Rounded | None = Field(description="Spreads of the total from the baseline.")
    insufficient_history: bool = Field(description="Fewer than two scored sessions before.")
    calibrated: bool = Field(description="Held against a norm; otherwise against fractions of the range.")


class SeriesOut(Out):
    """All forms of one instrument by one rater, by session. The raters are never averaged.

    `shape` and `band` are null for a client's own key.
    """

    instrument: Key
    rater: Rater
    components: Annotated[list[ComponentRangeOut], Field(max_length=60)]
    points: Annotated[list[PointOut], Field(max_length=2000)]
    shape: ShapeOut | None
    band: Annotated[list[BandPointOut], Field(max_length=2000)] | None = Field(
        description=(
            f"One for each point, by the rule {RULE}, version {RUP_1.version}. It starts anew where an instrument "
            "version changes the scale. A slow slide may raise a signal within the band, and a low total outside it is "
            "often no rupture."
        )
    )


class TrajectoryOut(Out):
    """Every series of one episode."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    client_id: UUID
    episode_id: UUID
    series: Annotated[list[SeriesOut], Field(max_length=100)]


def trajectory_out(found: Trajectory) -> TrajectoryOut:
    """Map the series of an episode."""
    return TrajectoryOut(
        client_id=found.client_id,
        episode_id=found.episode_id,
        series=[_series_out(line) for line in found.series],
    )


def _series_out(line: Series) -> SeriesOut:
    components = list(line.ranges)
    return SeriesOut(
        instrument=line.instrument,
        rater=line.rater,
        components=[ComponentRangeOut(key=key, min=low, max=high) for key, (low, high) in line.ranges.items()],
        points=[_point_out(point, components) for point in line.points],
        shape=_shape_out(line.chart.shape) if line.chart is not None else None,
        band=[_band_out(point) for point in line.chart.band] if line.chart is not None else None,
    )


def _point_out(point: Point, components: list[str]) -> PointOut:
    return PointOut(
        submission_id=point.submission_id,
        session_number=point.session_number,
        session_date=point.session_date and point.session_date.isoformat(),
        completed_at=point.completed_at,
        version=point.version,
        values=[point.values.get(key) for key in components],
        pomps=[point.pomps.get(key) for key in components],
    )


def _shape_out(found: Shape) -> ShapeOut:
    return ShapeOut(
        name=found.name,
        reason=found.insufficient_reason,
        slope=found.slope,
        sessions_used=found.sessions_used,
        first_session=found.first_session,
        last_session=found.last_session,
        limit=found.limit,
        calibrated=found.calibrated,
        parameters=found.parameters_version,
        version=found.version,
    )


def _band_out(point: BandPoint) -> BandPointOut:
    return BandPointOut(
        session_number=point.session_number,
        baseline=point.baseline,
        watch_below=point.watch_below,
        alert_below=point.alert_below,
        z=point.z,
        insufficient_history=point.insufficient_history,
        calibrated=point.calibrated,
    )
