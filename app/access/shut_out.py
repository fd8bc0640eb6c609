"""Shut out whoever is gone: an application, or a person, with everything that opens something for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access import shut_out_store as store
from app.access.administer_tokens import epoch_at
from app.access.binding import Binding, log
from app.access.store import find_person
from app.access.token_store import raise_epoch
from app.errors import NotFound
from app.storage.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How many credentials were ended; access tokens are not counted, since nobody keeps a list of them."""

    api_keys: int
    providers: int
    invitations: int


async def shut_out_application(runtime: Runtime, *, organisation: UUID, application: UUID) -> Ended:
    """End an application's keys, tokens, key set, providers and invitations, or raise NotFound."""
    now = runtime.now()

    def work(connection: Connection) -> Ended:
        epoch = raise_epoch(connection, organisation=organisation, application=application, at_least=epoch_at(now))
        if epoch is None:
            raise NotFound
        owner = {"application_id": application}
        store.drop_key_set(connection, organisation=organisation, application=application)
        ended = Ended(
            api_keys=store.revoke_keys(connection, owner, organisation=organisation, at=now),
            providers=store.revoke_issuers(connection, owner, organisation=organisation, at=now),
            invitations=store.revoke_invitations(connection, owner, organisation=organisation, at=now),
        )
        about = {"application_id": str(application)} | _counted(ended)
        log(connection, runtime, "application.shut_out", about, organisation=organisation, at=now)
        return ended

    return await runtime.database.write(work, organisation=organisation)


async def shut_out_person(runtime: Runtime, person: Binding, *, organisation: UUID) -> Ended:
    """End the keys that are bound to a person, a client's invitations and every access token, or raise NotFound.

    Nobody keeps a list of tokens, so those of all applications end: programs get themselves another one.
    """
    now = runtime.now()
    reference = runtime.keys.reference(person.kind, person.system or "", person.value, organisation=organisation)

    def work(connection: Connection) -> Ended:
        person_id = find_person(connection, person.kind, reference, organisation=organisation)
        if person_id is None:
            raise NotFound
        owner = {f"{person.kind}_id": person_id}
        for application in store.application_ids(connection, organisation=organisation):
            raise_epoch(connection, organisation=organisation, application=application, at_least=epoch_at(now))
        keys = store.revoke_keys(connection, owner, organisation=organisation, at=now)
        invited = 0  # whoever is invited is a client: a therapist's leaving must not keep clients from their forms
        if person.kind == "client":
            invited = store.revoke_invitations(connection, owner, organisation=organisation, at=now)
        ended = Ended(api_keys=keys, providers=0, invitations=invited)
        about = {f"{person.kind}_id": str(person_id)} | _counted(ended)
        log(connection, runtime, "person.shut_out", about, organisation=organisation, at=now)
        return ended

    return await runtime.database.write(work, organisation=organisation)


def _counted(ended: Ended) -> dict[str, str]:
    return {name: str(count) for name, count in asdict(ended).items()}
