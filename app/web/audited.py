"""Every answer about a client is written down before it leaves; this is the one place where that happens.

An operation is about clients unless it stands in `ABOUT_NOBODY`. What it changed is told by the events of its own
transaction; everything else that it tells, and every refusal, gets an entry here.
"""

from __future__ import annotations

from asyncio import gather
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.access.caller import Caller
from app.audit.log import Access, AccessKind, log
from app.audit.seal_all import Sealer
from app.errors import ActingRequired, AllianceError
from app.web.break_glass import mark, opened, reason_given
from app.web.problem_table import PROBLEMS
from app.web.problems import WebProblem, members

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

#: Operations whose answers hold nothing of a client.
ABOUT_NOBODY: Final = frozenset(
    {
        "get_instruments",
        "get_instrument",
        "get_version",
        "post_score",
        "get_psychometrics",
        "get_safety_form",
        "get_invited_safety_form",
    }
)
#: Operations that write events of their own whenever they tell something, whether they change anything or not.
TELL_THEMSELVES: Final = frozenset(
    {
        "post_safety_check",
        "post_invited_safety_check",
        "get_safety_check",
        "post_safety_acknowledgement",
        "post_safety_closing",
    }
)
#: Ids in paths that an entry may name: what was asked, whether it is there or not.
_ASKED = ("client_id", "submission_id", "episode_id", "score_id", "signal_id", "invitation_id", "check_id")
#: What needs a person, where the organisation wants one named, without being a GET: it reads, or can't be undone.
NEEDING_A_PERSON: Final = frozenset({"post_lookup", "delete_client", "post_revocation"})
_REFUSED = frozenset({403, 404, 410})
#: Refusals of another kind that tell something of a client: which form is there, or that a hold stands.
_TELLING: Final = frozenset(
    {
        "already_exists",
        "episode_therapist_mismatch",
        "invitation_used",
        "later_episode_open",
        "legal_hold",
        "not_current",
        "precondition_failed",
        "safety_check_closed",
        "safety_check_unreadable",
        "session_already_rated",
        "source_conflict",
    }
)


@dataclass(slots=True)
class Telling:
    """What is said of an answer: whom it is about, whether events of its own tell it already, and why it was opened."""

    clients: dict[UUID, None] = field(default_factory=dict)
    is_list: bool = False
    has_events: bool = False
    refused: dict[tuple[str, str | None], None] = field(default_factory=dict)
    reason: str | None = None

    def refuse(self, error: Exception, trace_id: str) -> None:
        """Say that something was refused, with its code and the stored form that the refusal names."""
        found = _refusal(error, trace_id)
        if found is not None:
            self.refused[found] = None

    def about(self, *client_ids: UUID) -> None:
        """Say whom the answer is about."""
        self.clients.update(dict.fromkeys(client_ids))


def telling(request: Request) -> Telling:
    """Return what the operation says of its answer so far."""
    found: Telling = request.state.telling
    return found


async def audited(request: Request, operation: str, handler: Handler) -> Response:
    """Run an operation, and write down what it told or refused before anybody hears of it."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None or operation in ABOUT_NOBODY:
        return await handler(request)
    request.state.telling = told = Telling(has_events=operation in TELL_THEMSELVES)
    _note(request, caller)
    try:
        _admit(request, caller, operation, told)
        response = await handler(request)
    except Exception as error:
        told.refuse(error, request.state.trace_id)
        await _log_refusals(request, operation, told)
        raise
    await _log_refusals(request, operation, told)
    if not (told.has_events or (told.is_list and not told.clients)):
        if "client_id" in request.path_params:
            told.about(UUID(str(request.path_params["client_id"])))
        outcome = "not_modified" if response.status_code == 304 else "told"
        kind: AccessKind = "access.read" if told.reason is None else "access.break_glass"
        await _log(request, operation, kind, outcome, told)
    if told.reason is not None:
        mark(response)
    return response


def _note(request: Request, caller: Caller) -> None:
    """Have what is written sealed in a moment; without a running service nobody does."""
    sealer: Sealer | None = getattr(request.app.state, "sealer", None)
    if sealer is not None:
        sealer.note(organisation=caller.organisation)


def _admit(request: Request, caller: Caller, operation: str, told: Telling) -> None:
    """Refuse who reads or erases and names nobody, where that is wanted; break the glass for who may and says why."""
    told.reason = reason_given(request, caller, operation)
    if told.reason is not None:
        request.state.caller = opened(caller)
    if caller.lacks_a_person and (request.method == "GET" or operation in NEEDING_A_PERSON):
        raise ActingRequired


async def _log_refusals(request: Request, operation: str, told: Telling) -> None:
    """Write down every refusal of a request; a batch may have many, which share their transactions."""
    await gather(*(_log(request, operation, "access.denied", code, told, named=named) for code, named in told.refused))


async def _log(
    request: Request, operation: str, kind: AccessKind, outcome: str, told: Telling, *, named: str | None = None
) -> None:
    caller: Caller = request.state.caller
    access = Access(
        kind=kind,
        application_id=caller.application,
        operation=operation,
        outcome=outcome,
        client_ids=tuple(told.clients) if kind != "access.denied" else (),
        asked=(
            *_asked(request, skipped={"client_id"} if kind != "access.denied" else set()),
            *([] if named is None else [("named_submission_id", UUID(named))]),
            *_bound(caller, operation),
        ),
        acting=caller.acting,
        reason=told.reason if kind == "access.break_glass" else None,
    )
    await log(request.app.state.runtime, access, organisation=caller.organisation)


def _asked(request: Request, *, skipped: set[str]) -> list[tuple[str, UUID]]:
    """List the ids that the path names; what is no UUID is not repeated."""
    found = []
    for name in _ASKED:
        try:
            found.append((name, UUID(str(request.path_params[name]))))
        except (KeyError, ValueError):
            continue
    return [(name, asked) for name, asked in found if name not in skipped]


def _bound(caller: Caller, operation: str) -> list[tuple[str, UUID | str]]:
    """Name the one person whom the credential opens: an application gives each of its people one of their own.

    A parent is named by the client, and by `bound_as`. Not who tried to send a safety check: whose it is stands
    nowhere in the log.
    """
    if operation in TELL_THEMSELVES:
        return []
    bound: dict[str, UUID | str | None] = {
        "bound_client_id": caller.client_id,
        "bound_therapist_id": caller.therapist_id,
        "bound_as": None if caller.acts_as == "client" else caller.acts_as,
    }
    return [(name, person) for name, person in bound.items() if person is not None]


def _refusal(error: Exception, trace_id: str) -> tuple[str, str | None] | None:
    """Name the refusal that an error is answered with, and the stored form that it names; None: another answer."""
    code, named = None, None
    if isinstance(error, AllianceError):
        said = members(error, trace_id)
        code, named = str(said["code"]), said["submission_id"]
    elif isinstance(error, WebProblem):
        code = error.code
    elif isinstance(error, RequestValidationError):
        code = "not_found" if any(one["loc"][0] == "path" for one in error.errors()) else None
    elif isinstance(error, HTTPException):
        code = "not_found" if error.status_code == 404 else None
    if code is None or code not in PROBLEMS or not (PROBLEMS[code].status in _REFUSED or code in _TELLING):
        return None
    return code, named
