"""Post the forms through the public API, and keep what it answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.cli.demo.forms import Sending

if TYPE_CHECKING:
    import httpx


class Refused(Exception):
    """The service answered something else than expected; the message names the problem's code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One form and what was answered to it."""

    form: dict[str, Any]
    answer: dict[str, Any]

    @property
    def session(self) -> int:
        """The number of the session."""
        return int(self.form["session_number"])

    @property
    def opened(self) -> list[dict[str, Any]]:
        """The signals that the form opened."""
        return [one for one in self.answer["signals"] if one["submission_id"] == self.answer["id"]]

    def score(self, component: str = "total") -> dict[str, Any]:
        """One component's score as answered."""
        return next(score for score in self.answer["scores"] if score["component"] == component)


@dataclass(slots=True, kw_only=True)
class Posted:
    """Every answer by client, in the order of sessions, and what was counted on the way."""

    clients: dict[str, list[Answered]] = field(default_factory=dict)
    replayed: int = 0

    @property
    def answers(self) -> list[Answered]:
        """Every answer."""
        return [one for told in self.clients.values() for one in told]

    @property
    def not_scored(self) -> int:
        """How many forms got no total."""
        return sum(one.score()["status"] == "not_scored" for one in self.answers)

    def last(self, client: str, instrument: str) -> Answered:
        """Find the answer to the client's last form of an instrument."""
        return next(one for one in reversed(self.clients[client]) if one.form["instrument"] == instrument)


def call(http: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Send one request; anything but success ends the demo with the problem's code."""
    response = http.request(method, path, **options)
    if not response.is_success:
        raise Refused(f"{method} {path} was answered with {response.status_code} {_code(response)}")
    return response


def get(http: httpx.Client, path: str) -> dict[str, Any]:
    """Read one resource."""
    found: dict[str, Any] = call(http, "GET", path).json()
    return found


def post_all(http: httpx.Client, sendings: Sequence[Sending]) -> Posted:
    """Post every form under its own idempotency key, and a few of them twice."""
    from rich.console import Console
    from rich.progress import track

    posted = Posted()
    for sending in track(sendings, description="Posting forms", console=Console(stderr=True)):
        response = _post(http, sending)
        if sending.twice:  # a sender that did not see the answer asks again, and gets the same one
            again = _post(http, sending)
            if "idempotent-replayed" not in again.headers or again.content != response.content:
                raise Refused("a form that was sent twice did not get its first answer again")
            posted.replayed += 1
        answered = Answered(form=sending.form, answer=response.json())
        posted.clients.setdefault(sending.client, []).append(answered)
        if sending.acknowledge is not None:
            _acknowledge(http, answered, reason=sending.acknowledge)
    return posted


def _post(http: httpx.Client, sending: Sending) -> httpx.Response:
    return call(http, "POST", "/v1/submissions", json=sending.form, headers={"Idempotency-Key": sending.key})


def _acknowledge(http: httpx.Client, answered: Answered, *, reason: str) -> None:
    """Say of the signals that a form has opened that its therapist looked at them, and why they need no more."""
    for signal in answered.opened:
        call(
            http,
            "POST",
            f"/v1/clients/{answered.answer['client_id']}/signals/{signal['id']}/acknowledgements",
            json={"acting": answered.form["therapist_ref"], "reason": reason},
            headers={"Idempotency-Key": f"seen/{signal['id']}"},
        )


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return "(no problem document)"
