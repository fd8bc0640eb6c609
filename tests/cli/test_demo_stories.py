"""The demo's stories of signals: whatever the seed, the rules say of its series what the demo tells."""

from __future__ import annotations

from datetime import date
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from app.change.signal import Look, Parameters
from app.change.watch import START, look
from app.cli.demo.advice import print_advice
from app.cli.demo.forms import forms
from app.instruments.catalog import shipped
from app.instruments.model import check_answers
from app.scoring.score import Score, score
from tests.cli.conftest import Shell, plain

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


#: Who asks for attention, in any order: all forms come within seconds, so that nobody waits longer than another.
ASKING = [
    "demo-client-05 watch Low values at session 2, not yet looked at.",
    "demo-client-06 watch Slow decline, noticed at session 10, not yet looked at.",
    "demo-client-16 watch Possible rupture at session 9, not yet looked at.",
    "demo-client-19 watch A form of session 6 asks for a conversation, not yet looked at.",
]

#: What is printed of each story, in the order of the stories, with what every line rests on.
TOLD = [
    "4 of 18 open episodes have an open signal.",
    "A rupture: found, acknowledged, repaired: demo-client-03",
    "6 3.12 rupture: opened, as watch (3.12 where 4.11 was expected, z -3.65)",
    "7 3.62 rupture: still open",
    "8 4.12 rupture: repaired, after 2 sessions",
    "rupture of session 6: open, acknowledged by demo-therapist-1 (talked about it), repaired at session 8.",
    "Talk about the strain between you, in four steps Acknowledge:",
    "Because a signal is open: rupture (rule signal.rupture, opened with 3.12, at or beyond 3.48).",
    "A slow drift: demo-client-06",
    "10 3.75 decline: opened, as watch (3.88 where 4.54 was expected, z -2.72)",
    "decline of session 10: open.",
    "Look back together at what has changed",
    "Never good, and found at the second session: demo-client-05",
    "2 2.50 low: opened, as watch (37.5, from 40 downwards)",
    "low of session 2: open.",
    "Ask what is still missing between you",
    "A false alarm, and how it came about: demo-client-01",
    "6 3.62 rupture: opened, as watch (3.62 where 4.23 was expected, z -2.23)",
    "7 4.25 rupture: repaired, after 1 session",
    "rupture of session 6: open, acknowledged by demo-therapist-2 (false alarm), repaired at session 7.",
    "z = (3.625 - 4.2278) / 0.2699 = -2.2334",
    "Found: a watch, by this session's total.",
    "The instrument is not calibrated here: no more than a watch is reported, and no false-alarm rate.",
    "What it can't say: - A prompt for a conversation, never a diagnosis.",
    "Two who see it differently: demo-client-11",
    "No signal was raised: neither of them changed much.",
    "1 3.38 4.50 +28.1",
    "Over 8 sessions the therapist rates 29.7 POMP points higher than the client. The slope is 0.00",
]


def test_the_demo_tells_its_stories_as_the_api_answers_them(bare: Shell) -> None:
    """Found, acknowledged and repaired; drifting; never good; a false alarm explained; and two who differ."""
    done = bare.run("demo", "--exit", COLUMNS="100", PYTHONIOENCODING="utf-8")
    assert done.code == 0, done.err
    text = plain(done.out)
    assert [line for line in ASKING + TOLD if line not in text] == []
    places = [text.index(line) for line in TOLD]
    assert places == sorted(places)
    _, _, client_7 = text.partition("One client's story: demo-client-07")
    assert "Talk about the strain between you, in four steps" in client_7


@pytest.mark.parametrize(
    ("value", "threshold", "said"),
    [
        (3.125, 3.4818, "a signal is open: rupture (rule signal.rupture, opened with 3.12, at or beyond 3.48)"),
        (None, None, "this was said on the form: rupture (rule signal.rupture)"),
    ],
)
def test_a_signal_as_a_reason_is_not_told_as_a_weaker_part(
    value: float | None, threshold: float | None, said: str
) -> None:
    """Its component is the total or the report, which no others are compared with."""
    because: list[dict[str, Any]] = [
        {"rule": "signal.rupture", "component": "total", "items": [], "value": value, "threshold": threshold}
    ]
    console = Console(width=200, file=StringIO(), highlight=False)
    advice = {"title": "T", "text": "T", "because": because, "evidence": "design", "source": "S.", "language": "en"}
    print_advice(console, [advice | {"review_after_sessions": 1}])
    assert isinstance(console.file, StringIO)
    assert f"Because {said}." in console.file.getvalue()
