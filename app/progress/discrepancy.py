"""How far apart a client and a therapist rate the same sessions: side by side, and never averaged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from uuid import UUID

from app.access.caller import Caller
from app.change.raters import (
    THERAPIST_VERSION,
    Pair,
    Profile,
    TruthAndBias,
    parallel,
    profile,
    side_by_side,
    truth_and_bias,
)
from app.change.raters import discrepancy as differences_of
from app.episodes.course import scale_of
from app.errors import NotFound
from app.instruments.catalog import Catalog
from app.instruments.model import Instrument
from app.progress.store import find_episode, read_trajectory
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDiscrepancy:
    """One session that both rated: therapist - client in POMP, None where one of the two was not scored."""

    session_number: int
    client_submission_id: UUID
    therapist_submission_id: UUID
    differences: dict[str, float | None]
    similarity: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOfSeries:
    """The sessions that both rated on instruments that ask both the same, by session; the last one is the latest.

    `components` has the total first. `total` follows the total over the sessions since a scale last changed.
    """

    client_instrument: str
    therapist_instrument: str
    components: tuple[str, ...]
    sessions: tuple[SessionDiscrepancy, ...]
    total: TruthAndBias


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """All pairs of series of one episode; empty while no session was rated by both."""

    client_id: UUID
    episode_id: UUID
    pairs: tuple[PairOfSeries, ...]


async def discrepancy(runtime: Runtime, caller: Caller, *, client_id: UUID, episode_id: UUID | None) -> Discrepancy:
    """Return how the raters of an episode compare, the client's latest unless one is named, or raise NotFound.

    A client does not read what the therapist rated, so a key of the client's own finds nothing.
    """
    episode = await find_episode(runtime, caller, client_id=client_id, episode_id=episode_id)
    sight = caller.sight_of(episode.therapist_id)
    if not sight.sees("discrepancy"):
        raise NotFound
    rows = await runtime.database.read(
        lambda c: read_trajectory(c, organisation=caller.organisation, episode_id=episode.episode_id),
        organisation=caller.organisation,
    )
    seen = [
        row
        for row in rows
        if sight.sees_of("scores", rater=row.rater, told=row.seen_by_therapist)
        and sight.sees_of("discrepancy", rater=row.rater, told=row.seen_by_therapist)
    ]
    return Discrepancy(client_id=client_id, episode_id=episode.episode_id, pairs=tuple(_pairs(seen, runtime.catalog)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """One form, with what of it was scored."""

    submission_id: UUID
    session_number: int
    instrument: Instrument
    pomps: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Both:
    """Two forms of one session, and the keys of what both ask with as many items."""

    client: _Form
    therapist: _Form
    shared: tuple[str, ...]
    pair: Pair

    @property
    def scales(self) -> tuple[str, str]:
        """What has to stay the same for sessions to be put on one line."""
        return scale_of(self.client.instrument), scale_of(self.therapist.instrument)


def _pairs(rows: Iterable[AnyRow], catalog: Catalog) -> Iterator[PairOfSeries]:
    """Pair each series of the client with each parallel one of the therapist."""
    series: dict[str, dict[str, dict[int, _Form]]] = {"client": defaultdict(dict), "therapist": defaultdict(dict)}
    for _, found in groupby(rows, key=lambda row: row.submission_id):
        of_one = list(found)
        if of_one[0].rater in series:
            form = _form(of_one, catalog)
            series[of_one[0].rater][form.instrument.key][form.session_number] = form
    for key, own in series["client"].items():
        for other in (key, key + THERAPIST_VERSION):
            theirs = series["therapist"].get(other, {})
            both = [_both(own[number], theirs[number]) for number in sorted(own.keys() & theirs.keys())]
            if both:
                yield _compared(both)


def _form(rows: Sequence[AnyRow], catalog: Catalog) -> _Form:
    first = rows[0]
    return _Form(
        submission_id=first.submission_id,
        session_number=first.session_number,
        instrument=catalog.get(first.instrument, first.instrument_version),
        pomps={row.component: row.pomp for row in rows if row.reason is None},
    )


def _both(client: _Form, therapist: _Form) -> _Both:
    items = {part.key: len(part.items) for part in therapist.instrument.components}
    shared = tuple(part.key for part in client.instrument.components if items.get(part.key) == len(part.items))
    return _Both(
        client=client,
        therapist=therapist,
        shared=shared,
        pair=Pair(
            session_number=client.session_number,
            client={key: client.pomps[key] for key in shared if key in client.pomps},
            therapist={key: therapist.pomps[key] for key in shared if key in therapist.pomps},
        ),
    )


def _compared(both: Sequence[_Both]) -> PairOfSeries:
    last = both[-1]
    # The latest version's order; what only older versions asked comes after it.
    known = dict.fromkeys(key for one in reversed(both) for key in one.shared)
    on_one_line = [one.pair for one in takewhile(lambda one: one.scales == last.scales, reversed(both))]
    return PairOfSeries(
        client_instrument=last.client.instrument.key,
        therapist_instrument=last.therapist.instrument.key,
        components=tuple(sorted(known, key=lambda key: key != TOTAL)),
        sessions=tuple(_session(one) for one in both),
        total=truth_and_bias(side_by_side(on_one_line, TOTAL)),
    )


def _session(both: _Both) -> SessionDiscrepancy:
    found = differences_of(both.pair)
    return SessionDiscrepancy(
        session_number=both.pair.session_number,
        client_submission_id=both.client.submission_id,
        therapist_submission_id=both.therapist.submission_id,
        differences={key: found.get(key) for key in both.shared},
        similarity=profile(both.pair, parallel(both.client.instrument, both.therapist.instrument)),
    )
