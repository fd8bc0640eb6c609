"""The list of guards holds: each named test is there, each harness finds something, and a guard that is off is seen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request

from app.access import by_token, visibility
from app.access.authenticate import authenticate
from app.audit.log import log
from app.errors import StorageUnavailable
from app.submissions import sort_out
from app.web import audited, auth, boundary, rates
from tests.api import (
    test_access,
    test_audit,
    test_bad_bodies,
    test_bad_tokens,
    test_bound_keys,
    test_limits,
    test_untold_forms,
)
from tests.docs.test_security import is_there
from tests.faults.guards import GUARDS
from tests.faults.registry import BY_NAME
from tests.harness import Clinic
from tests.usecases import test_erasure

PROGRESS = "GET /v1/clients/{client_id}/progress"
SEEN_HERE = "tests/faults/test_guards.py::test_a_guard_that_is_off_turns_its_test_red"

Plant = Callable[[pytest.MonkeyPatch], None]
Red = Callable[[Clinic], None]


def _expiry(kept: pytest.MonkeyPatch) -> None:
    real = by_token._read

    def as_made(runtime: Any, text: str, claimed: Any, *, now: datetime) -> Any:
        made = datetime.fromtimestamp(claimed.claims["iat"], UTC)
        return real(runtime, text, claimed, now=min(now, made))

    kept.setattr(by_token, "_read", as_made)


def _scope(kept: pytest.MonkeyPatch) -> None:
    async def anybody(_self: object, request: Request) -> Any:
        return request.state.caller

    kept.setattr(auth._Opens, "__call__", anybody)


def _bound_key(kept: pytest.MonkeyPatch) -> None:
    async def unbound(*given: Any) -> Any:
        return replace(await authenticate(*given), client_id=None, therapist_id=None, supervised=None)

    kept.setattr(auth, "authenticate", unbound)


def _untold(kept: pytest.MonkeyPatch) -> None:
    kept.setattr(visibility, "MUST_BE_TOLD", frozenset())


def _entry(kept: pytest.MonkeyPatch) -> None:
    async def none(*_: object, **__: object) -> None:
        return None

    kept.setattr(audited, "log", none)


def _entry_before(kept: pytest.MonkeyPatch) -> None:
    async def forgotten(*given: Any, **named: Any) -> None:
        with suppress(StorageUnavailable):
            await log(*given, **named)

    kept.setattr(audited, "log", forgotten)


def _with_patches(test: Callable[..., None], *given: Any) -> Red:
    """Run a test that patches something itself."""

    def run(clinic: Clinic) -> None:
        with pytest.MonkeyPatch.context() as kept:
            test(clinic, kept, *given)

    return run


#: What is turned off here: how, and what must be red then.
OFF: dict[str, tuple[Plant, Red]] = {
    "expiry of a token": (_expiry, test_bad_tokens.test_every_operation_refuses_a_token_whose_time_is_over),
    "scope": (_scope, partial(test_access.test_a_scope_opens_exactly_its_operations, scope="signals:write")),
    "bound key": (
        _bound_key,
        partial(test_bound_keys.test_the_ids_of_others_are_absent_ids, name=PROGRESS, kind="therapist"),
    ),
    "untold forms": (
        _untold,
        test_untold_forms.test_the_feed_tells_no_ending_and_no_recount_of_an_untold_form,
    ),
    "size of a body": (
        lambda kept: kept.setattr(boundary, "MAX_BODY", 1 << 40),
        partial(test_bad_bodies.test_a_large_body_is_refused_by_its_declared_length, size=(1 << 20) + 1),
    ),
    "rate": (
        lambda kept: kept.setattr(rates.Counting, "hit", lambda *_: None),
        _with_patches(test_limits.test_too_much_is_refused_and_stores_nothing),
    ),
    "entry in the log": (_entry, partial(test_audit.test_every_access_to_a_client_has_an_entry, name=PROGRESS)),
    "entry before the answer": (
        _entry_before,
        _with_patches(test_audit.test_nothing_is_told_when_the_entry_cant_be_written, StorageUnavailable(), "progress"),
    ),
    "tombstone": (
        lambda kept: kept.setattr(sort_out, "_by_erasures", lambda *_, **__: None),
        test_erasure.test_replays_of_their_posts_bring_nobody_back,
    ),
}


@pytest.mark.parametrize("guard", OFF)
def test_a_guard_that_is_off_turns_its_test_red(clinic: Clinic, guard: str) -> None:
    """Turned off in this process, for as long as the test runs that must find it; which passes before."""
    plant, red = OFF[guard]
    red(clinic.service.clinic())
    with pytest.MonkeyPatch.context() as kept:
        plant(kept)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            red(clinic)


def test_each_test_of_the_list_is_there() -> None:
    """What is red is a harness or a test, what sees it is a test."""
    for name, guard in GUARDS.items():
        assert guard.red, name
        assert guard.turned_off_by, name
        for test in guard.turned_off_by:
            assert is_there(test), test
        for test in guard.red:
            assert test in BY_NAME or is_there(test), test


def test_what_is_turned_off_here_is_on_the_list() -> None:
    """Neither names a guard that the other has not."""
    assert {name for name, guard in GUARDS.items() if SEEN_HERE in guard.turned_off_by} == OFF.keys()


def test_every_harness_finds_something() -> None:
    """A harness that has never found a planted fault could not find any."""
    assert {one for guard in GUARDS.values() for one in guard.red if one in BY_NAME} == BY_NAME.keys()
