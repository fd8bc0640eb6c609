"""Erase again who was erased before and is there once more, after a backup of before was restored."""

from __future__ import annotations

from collections import Counter
from functools import partial
from uuid import UUID

from app.people.erasure import Order, carry_out
from app.people.store import list_risen
from app.storage.runtime import Runtime


async def replay_erasures(runtime: Runtime, *, organisation: UUID) -> dict[str, int]:
    """Erase every client of an organisation who has a tombstone and rows; return how many rows of which table it was.

    One transaction for each; what they had counted is subtracted. `clients` says how many they were.
    """
    risen = await runtime.database.read(
        lambda connection: list_risen(connection, organisation=organisation), organisation=organisation
    )
    counts: Counter[str] = Counter(clients=0)
    for client_id in risen:
        order = Order(organisation=organisation, client_id=client_id, reason="requested")
        again = partial(carry_out, runtime=runtime, order=order)
        made = await runtime.database.write(again, organisation=organisation)
        counts.update(made.erased)
    await runtime.database.wipe()
    return dict(counts)
