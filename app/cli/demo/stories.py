"""Stories of signals: a rupture, a slow drift, a relationship that was never good, and a false alarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.cli.demo.advice import print_advice
from app.cli.demo.courses import DRIFT, FALSE_ALARM, NEVER_GOOD, RUPTURE
from app.cli.demo.forms import client_name
from app.cli.demo.post import Answered, Posted, get
from app.cli.demo.signals import print_course, print_how, print_life
from app.cli.demo.words import heading

if TYPE_CHECKING:
    import httpx
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened to an invented client, and whether the advice or the calculation is shown."""

    number: int
    title: str
    says: str
    explained: bool = False

    @property
    def client(self) -> str:
        """The client's reference."""
        return client_name(self.number)


STORIES = (
    Story(
        number=RUPTURE,
        title="A rupture: found, acknowledged, repaired",
        says=(
            "Five sessions much alike, then one a whole point lower. Nobody had reported anything. The therapist "
            "acknowledged the signal and talked about it in the next session."
        ),
    ),
    Story(
        number=DRIFT,
        title="A slow drift",
        says=(
            "From one session to the next the total never falls by more than an eighth of a point, so no session falls "
            "out. The last three taken together lie below the first three."
        ),
    ),
    Story(
        number=NEVER_GOOD,
        title="Never good, and found at the second session",
        says="There were no good sessions to fall out of, so the rule looks at the level. The level is nobody's norm.",
    ),
    Story(
        number=FALSE_ALARM,
        title="A false alarm, and how it came about",
        says=(
            "One session lower than the others. The therapist asked: the client had slept badly, and all was well "
            "between them. It is acknowledged as a false alarm, and every number behind it can be looked at."
        ),
        explained=True,
    ),
)


def show_stories(console: Console, http: httpx.Client, posted: Posted) -> None:
    """Tell each story from what the API answers."""
    heading(console, "Signals: prompts to look at a relationship")
    console.print(
        "This measure has no norm here, so its signals are not calibrated: no more than a watch is reported, whatever "
        "the rule has found, and nobody can say how often it is wrong. Only a rupture that somebody reports is told as "
        "an alert, since it is a fact. A signal says neither why nor whose doing it is."
    )
    for story in STORIES:
        heading(console, f"{story.title}: {story.client}")
        console.print(f"{story.says}\n")
        _show(console, http, story, posted.clients[story.client])


def _show(console: Console, http: httpx.Client, story: Story, told: list[Answered]) -> None:
    series = [one for one in told if one.form["instrument"] == "trq-s"]
    client_id = series[0].answer["client_id"]
    signals = [one for one in get(http, f"/v1/clients/{client_id}/signals")["signals"] if one["instrument"] == "trq-s"]
    print_course(console, series)
    print_life(console, signals)
    if story.explained:
        for signal in signals:
            print_how(console, get(http, f"/v1/clients/{client_id}/signals/{signal['id']}/explanation"))
        return
    print_advice(console, _asked_for(next(one for one in series if one.opened)))


def _asked_for(one: Answered) -> list[dict[str, Any]]:
    """Pick the recommendations that a signal gave the reason for."""
    return [advice for advice in one.answer["recommendations"] if advice["because"][0]["rule"].startswith("signal.")]
