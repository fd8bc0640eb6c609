"""The demo's stories of signals: whatever the seed, the rules say of its series what the demo tells."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from app.change.signal import Look, Parameters
from app.change.watch import START, look
from app.cli.demo.forms import forms
from app.instruments.catalog import shipped
from app.instruments.model import check_answers
from app.scoring.score import Score, score

TODAY = date(2026, 3, 2)

#: What a scale from 1 to 5 is held against where nothing is known: fractions of its range (section 5 of the science).
UNCALIBRATED = Parameters(version="1", calibrated=False, mu0=3.9, tau=0.6, s0=0.3, sem=0.2)

Told = dict[int, list[tuple[str, str, str, str]]]


def totals(client: str, instrument: str, *, seed: int) -> dict[int, float]:
    """Score a client's forms of one instrument: session -> total as item mean."""
    found = {}
    for sending in forms(seed, today=TODAY):
        if (sending.client, sending.form["instrument"]) == (client, instrument):
            definition = shipped().latest(instrument)
            total = score(definition, check_answers(definition, sending.form["answers"]))[-1]
            assert isinstance(total, Score)
            found[int(sending.form["session_number"])] = total.mean
    return found


def watched(series: dict[int, float]) -> Told:
    """Let the rules look at a series: session -> kind, what was detected, what is reported, and what became of it."""
    state = START
    told: Told = {}
    for session, mean in series.items():
        form = Look(
            submission_id=UUID(int=session),
            session_number=session,
            mean=mean,
            pomp=25 * (mean - 1),
            value=mean,
            reported_rupture=False,
            wish_to_talk=False,
            cut_offs=(),
            parameters=UNCALIBRATED,
        )
        state, signals = look(state, form)
        if signals:
            told[session] = [(one.kind, one.detected, one.level, one.state) for one in signals]
    return told


STORIES = [
    (
        "demo-client-03",
        [4.0, 4.125, 4.0, 4.25, 4.125, 3.125, 3.625, 4.125, 4.25],
        {
            6: [("rupture", "alert", "watch", "open")],
            7: [("rupture", "alert", "watch", "open")],
            8: [("rupture", "alert", "watch", "repaired")],
        },
    ),
    (
        "demo-client-06",
        [4.625, 4.5, 4.5, 4.375, 4.25, 4.125, 4.125, 4.0, 3.875, 3.75],
        {10: [("decline", "watch", "watch", "open")]},
    ),
    (
        "demo-client-05",
        [2.75, 2.5, 2.625, 2.5],
        {
            2: [("low", "watch", "watch", "open")],
            3: [("low", "watch", "watch", "open")],
            4: [("low", "watch", "watch", "open")],
        },
    ),
    (
        "demo-client-01",
        [4.25, 4.125, 4.25, 4.125, 4.375, 3.625, 4.25, 4.25],
        {6: [("rupture", "watch", "watch", "open")], 7: [("rupture", "watch", "watch", "repaired")]},
    ),
    ("demo-client-11", [3.375, 3.5, 3.375, 3.25, 3.5, 3.375, 3.25, 3.375], {}),
]


@pytest.mark.parametrize("seed", [0, 7, 19])
@pytest.mark.parametrize(("client", "means", "expected"), STORIES)
def test_the_rules_say_what_the_story_tells(client: str, means: list[float], expected: Told, seed: int) -> None:
    """A rupture and its repair, a slow drift, never good, a dip that was none, and two who differ without a signal."""
    series = totals(client, "trq-s", seed=seed)
    assert series == dict(enumerate(means, start=1))
    assert watched(series) == expected


@pytest.mark.parametrize("seed", [0, 7, 19])
def test_the_two_who_differ_do_so_at_every_session(seed: int) -> None:
    """Eight pairs, the therapist a point higher each time, and without following the client's ups and downs."""
    client, therapist = (totals("demo-client-11", instrument, seed=seed) for instrument in ("trq-s", "trq-s-t"))
    assert list(therapist.values()) == [4.5, 4.5, 4.625, 4.5, 4.625, 4.5, 4.625, 4.625]
    assert [therapist[session] - client[session] for session in range(1, 9)] == [
        *(1.125, 1.0, 1.25, 1.25, 1.125, 1.125, 1.375, 1.25)
    ]
