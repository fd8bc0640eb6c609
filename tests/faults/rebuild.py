"""The state of an organisation, made anew from the answers that are stored, and compared with what the service says.

The fold is written here a second time on purpose; of the service only pure functions are used. It takes for granted
what the tests send: only the client's TRQ tells the stage anything but a rupture, and every item is answered.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, select

from app.change.norms import uncalibrated
from app.change.rupture import START_OF_RUPTURE, RuptureState, step
from app.change.signal import Level, Look
from app.change.watch import START, SeriesWatch, look
from app.instruments.catalog import Catalog
from app.instruments.model import Instrument, answer_from_document
from app.scoring.score import AnyScore, Score, score
from app.stages.criteria import level
from app.stages.model import STAGES, Session
from app.stages.panel import panel
from app.storage.tables import assessments, scores, submissions
from app.storage.types import AnyRow
from tests.harness import Clinic

NUMBERS = ("value", "mean", "sum", "minimum", "maximum", "pomp", "prorated", "answered", "items")
FOCUS = ("f1", "f2", "f3", "f4")


def differences(clinic: Clinic) -> list[str]:
    """List where stored rows and the answers of /stage and /progress differ from a rebuild."""
    catalog = clinic.service.runtime.catalog

    def tables(connection: Connection) -> tuple[list[AnyRow], list[AnyRow], list[AnyRow]]:
        def all_of(table: Table) -> list[AnyRow]:
            return list(connection.execute(select(table).where(table.c.organisation_id == clinic.organisation)))

        return all_of(submissions), all_of(scores), all_of(assessments)

    forms, stored_scores, stored_assessments = clinic.service.read(tables)
    newest = {row.submission_id: row for row in sorted(stored_assessments, key=lambda row: int(row.revision))}
    episodes: dict[tuple[UUID, UUID], list[AnyRow]] = defaultdict(list)
    found = _scores_differ(forms, stored_scores, catalog)
    for row in sorted(forms, key=_place):
        if row.current:
            episodes[row.client_id, row.episode_id].append(row)
    for (client, episode), rows in episodes.items():
        found += _changes_differ(rows, newest, catalog) + _stages_differ(rows, newest, catalog)
        query = f"/v1/clients/{client}/%s?episode_id={episode}"
        told = {part: clinic.get(query % part).json() for part in ("stage", "progress", "trajectory")}
        for part, said, folded in (
            ("stage", _stage_in(told["stage"]), _stage_of(rows, catalog)),
            ("progress", _lines_in(told["progress"]), _lines_of(rows, catalog)),
            ("progress, signals", _open_in(told["progress"]), _open_of(rows, catalog)),
            ("trajectory", _points_in(told["trajectory"]), _points_of(rows, catalog)),
        ):
            found += [f"/{part} of {episode}"] if said != folded else []
    return found


def _place(row: AnyRow) -> tuple[int, datetime, str, str]:
    """Where a form stands in its episode, however the forms arrived."""
    return (row.session_number, row.completed_at, row.rater, row.instrument)


def _instrument(row: AnyRow, catalog: Catalog) -> Instrument:
    return catalog.get(row.instrument, row.instrument_version)


def _rescored(row: AnyRow, catalog: Catalog) -> dict[str, AnyScore]:
    answers = {item: answer_from_document(answer) for item, answer in row.answers.items()}
    return {one.component: one for one in score(_instrument(row, catalog), answers)}


def _scores_differ(forms: list[AnyRow], stored: list[AnyRow], catalog: Catalog) -> list[str]:
    by_form: dict[UUID, dict[str, list[Any]]] = defaultdict(dict)
    sessions = {row.submission_id: row.session_number for row in forms}
    moved = [f"place of {row.submission_id}" for row in stored if row.session_number != sessions[row.submission_id]]
    for row in stored:
        by_form[row.submission_id][row.component] = [getattr(row, name) for name in NUMBERS]
    return moved + [
        f"scores of {row.submission_id}"
        for row in forms
        if by_form[row.submission_id]
        != {key: [getattr(one, name, None) for name in NUMBERS] for key, one in _rescored(row, catalog).items()}
    ]


def _changes_differ(rows: list[AnyRow], told: dict[UUID, AnyRow], catalog: Catalog) -> list[str]:
    """Fold each series by session: every form is compared with the one before it and with the first."""
    found = []
    series: dict[tuple[str, str], list[dict[str, AnyScore]]] = defaultdict(list)
    for row in sorted(rows, key=_place):
        earlier = series[row.instrument, row.rater]
        now = _rescored(row, catalog)
        expected = {
            key: [_difference(one, [form[key] for form in forms]) for forms in (earlier[-1:], earlier[:1])]
            for key, one in now.items()
        }
        change = told[row.submission_id].change
        if {
            key: [one["since_previous"]["value"], one["since_first"]["value"]] for key, one in change.items()
        } != expected:
            found.append(f"change of {row.submission_id}")
        earlier.append(now)
    return found


def _difference(now: AnyScore, then: list[AnyScore]) -> float | None:
    if not then:
        return None
    assert isinstance(now, Score)
    assert isinstance(then[0], Score), "these tests answer every item"
    return now.value - then[0].value


def _watched(rows: list[AnyRow], catalog: Catalog) -> tuple[dict[tuple[str, str], SeriesWatch], set[int]]:
    """Watch each series for itself, and name the sessions at which a rupture began."""
    series: dict[tuple[str, str], SeriesWatch] = defaultdict(lambda: START)
    found = set()
    for row in sorted(rows, key=_place):
        instrument, total = _instrument(row, catalog), _rescored(row, catalog)["total"]
        assert isinstance(total, Score), "these tests answer every item"
        known = series[row.instrument, row.rater]
        series[row.instrument, row.rater], _ = look(
            known,
            Look(
                submission_id=row.submission_id,
                session_number=row.session_number,
                mean=total.mean,
                pomp=total.pomp,
                value=total.value,
                reported_rupture=bool(row.reported_rupture),
                wish_to_talk=bool(row.wish_to_talk),
                cut_offs=(),
                parameters=uncalibrated(instrument.lowest, instrument.highest),
            ),
        )
        if series[row.instrument, row.rater].onset_session == row.session_number:
            found.add(int(row.session_number))
    return series, found


def _sessions(rows: list[AnyRow], catalog: Catalog) -> list[Session]:
    _, onsets = _watched(rows, catalog)
    own = {row.session_number: row for row in rows if row.instrument == "trq-s"}
    return [
        Session(
            number=number,
            focus=tuple(own[number].answers[item] for item in FOCUS),
            planned_sessions=own[number].planned_sessions,
            ending=own[number].ending,
            rupture=bool(own[number].reported_rupture) or number in onsets,
        )
        if number in own
        else Session(number=number, rupture=number in onsets)
        for number in sorted({row.session_number for row in rows})
    ]


def _stages_differ(rows: list[AnyRow], told: dict[UUID, AnyRow], catalog: Catalog) -> list[str]:
    """Compare the stage that each of the client's TRQs was answered with to that of the sessions up to it."""
    sessions = _sessions(rows, catalog)
    return [
        f"stage told with {row.submission_id}"
        for row in rows
        if row.instrument == "trq-s"
        and tuple(told[row.submission_id].stage["estimate"]["probabilities"])
        != panel(sessions, [], at=row.session_number).estimate.probabilities
    ]


def _stage_of(rows: list[AnyRow], catalog: Catalog) -> dict[str, Any]:
    own = [row for row in rows if row.rater == "client"]
    last_own = max(own, key=lambda row: (row.session_number, row.completed_at, row.instrument), default=None)
    leading = last_own.instrument if last_own is not None else None
    levels = []
    for row in sorted(own, key=lambda row: int(row.session_number)):
        if row.instrument == leading:
            pomps = {key: one.pomp for key, one in _rescored(row, catalog).items() if isinstance(one, Score)}
            levels.append(level(row.session_number, pomps, _instrument(row, catalog).components))
    last = max(row.session_number for row in rows)
    told = panel(_sessions(rows, catalog), levels, at=last)
    return {
        "session_number": last,
        "current": told.estimate.current or "uncertain",
        "basis": told.estimate.basis,
        "probabilities": dict(zip(STAGES, (round(p, 4) for p in told.estimate.probabilities), strict=True)),
        "criteria": [[one.id, one.met] for one in told.criteria],
    }


def _stage_in(answer: dict[str, Any]) -> dict[str, Any]:
    names = ("session_number", "current", "basis", "probabilities")
    return {name: answer[name] for name in names} | {"criteria": [[c["id"], c["met"]] for c in answer["criteria"]]}


def _lines_of(rows: list[AnyRow], catalog: Catalog) -> dict[tuple[str, str], Any]:
    lines: dict[tuple[str, str], Any] = {}
    for row in sorted(rows, key=_place):
        values = {key: round(one.value, 4) for key, one in _rescored(row, catalog).items() if isinstance(one, Score)}
        earlier = lines.get((row.instrument, row.rater), {"sessions": [], "totals": []})
        lines[row.instrument, row.rater] = {
            "sessions": [*earlier["sessions"], row.session_number],
            "totals": [*earlier["totals"], values["total"]],
            "latest": values,
        }
    return lines


def _open_of(rows: list[AnyRow], catalog: Catalog) -> tuple[int, list[tuple[str, int, Level]]]:
    """Count what is open, and pick the three that are told: alerts first, then the latest, then by series."""
    watched, _ = _watched(rows, catalog)
    series = sorted(watched, key=lambda name: (name[1], name[0]))
    found = [(str(one.signal_id), one.opened_session, one.level) for name in series for one in watched[name].open]
    return len(found), sorted(found, key=lambda one: (one[2], -one[1]))[:3]


def _open_in(answer: dict[str, Any]) -> tuple[int, list[tuple[str, int, str]]]:
    told = [(one["id"], one["opened_session"], one["level"]) for one in answer["open_signals"]]
    return answer["open_signals_count"], told


def _points_of(rows: list[AnyRow], catalog: Catalog) -> dict[tuple[str, str], Any]:
    series: dict[tuple[str, str], list[Any]] = defaultdict(list)
    charts: dict[tuple[str, str], RuptureState] = defaultdict(lambda: START_OF_RUPTURE)
    for row in sorted(rows, key=_place):
        scored = {key: one for key, one in _rescored(row, catalog).items() if isinstance(one, Score)}
        name, instrument = (row.instrument, row.rater), _instrument(row, catalog)
        charts[name], told = step(
            charts[name],
            scored["total"].mean,
            session_number=row.session_number,
            parameters=uncalibrated(instrument.lowest, instrument.highest),
        )
        values = {key: round(one.value, 4) for key, one in scored.items()}
        z = None if told.z is None else round(told.z, 4)
        series[name].append([str(row.submission_id), row.session_number, values, z])
    return series


def _points_in(answer: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {
        (line["instrument"], line["rater"]): [
            [
                point["submission_id"],
                point["session_number"],
                dict(zip([one["key"] for one in line["components"]], point["values"], strict=True)),
                drawn["z"],
            ]
            for point, drawn in zip(line["points"], line["band"], strict=True)
        ]
        for line in answer["series"]
    }


def _lines_in(answer: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {
        (line["instrument"], line["rater"]): {
            "sessions": line["sessions"],
            "totals": line["totals"],
            "latest": {one["component"]: one["value"] for one in line["latest"]},
        }
        for line in answer["series"]
    }
