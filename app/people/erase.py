"""Erase one client on request."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from app.access.caller import Caller
from app.errors import NotFound
from app.people.erasure import Erasure, Order, carry_out
from app.storage.runtime import Runtime


async def erase(runtime: Runtime, caller: Caller, *, client_id: UUID) -> Erasure:
    """Erase everything about a client, in one transaction; a repeat answers what was erased then.

    It is the organisation that decides what it must keep: a key that is bound to anybody erases nobody.
    """
    if not caller.is_unbound:
        raise NotFound
    order = Order(
        organisation=caller.organisation,
        client_id=client_id,
        reason="requested",
        application=caller.application,
        acting=caller.acting,
    )
    work = partial(carry_out, runtime=runtime, order=order)
    made = await runtime.database.write(work, organisation=caller.organisation)
    await runtime.database.wipe()
    return made
