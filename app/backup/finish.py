"""Finish a database whose data were restored: the newest keys, who was erased since erased again, all looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from app.audit.seal_all import seal_all
from app.audit.verify import KeptHead, verify
from app.backup.bundle import check_bundle, load_bundle
from app.keys.check import check
from app.people.replay_erasures import replay_erasures
from app.storage.runtime import Runtime


@dataclass(slots=True, kw_only=True)
class Finished:
    """What was done and found, over all organisations; `wrong` says what is not as it must be."""

    organisations: int = 0
    loaded: dict[str, int] = field(default_factory=dict)
    erased_again: int = 0
    opened: int = 0
    entries: int = 0
    wrong: list[str] = field(default_factory=list)


async def finish(
    runtime: Runtime, *, keys: Path | None, organisations: Sequence[UUID], kept: Mapping[UUID, KeptHead] | None = None
) -> Finished:
    """Bring in the newest keys, erase again who was erased since, prove each log, and open everything that is sealed.

    It may be run again: what is there already is replaced by the same. Without keys only the logs are proven.
    """
    done = Finished(organisations=len(organisations))
    if keys is not None:
        check_bundle(keys, keys=runtime.keys)
        loaded = await load_bundle(runtime, keys, organisations=organisations)
        for organisation in organisations:
            for table, rows in loaded[organisation].items():
                done.loaded[table] = done.loaded.get(table, 0) + rows
            again = await replay_erasures(runtime, organisation=organisation)
            done.erased_again += again["clients"]
            if again["clients"]:
                await seal_all(runtime, organisation=organisation)
            checked = await check(runtime, organisation=organisation)
            done.opened += checked.opened
            done.wrong += [f"does not open: {one}" for one in checked.broken]
    for organisation in organisations:
        verdict = await verify(runtime, organisation=organisation, kept=(kept or {}).get(organisation))
        done.entries += verdict.entries
        if verdict.fault is not None:
            done.wrong.append(f"the log of {organisation}: {verdict.fault} at entry {verdict.broken_at}")
    return done
