"""Find everything that a request refers to by a digest, in one constant statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CompoundSelect,
    Connection,
    LargeBinary,
    Uuid,
    bindparam,
    cast,
    literal_column,
    null,
    select,
    union_all,
)

from app.storage.dialects import Among, in_both
from app.storage.keyring import Keyed
from app.storage.people_tables import erasures
from app.storage.statistics_tables import norms
from app.storage.tables import clients, idempotency_keys, sources, therapists


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundKey:
    """What an idempotency key was bound to."""

    submission_id: UUID
    fingerprint: bytes
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The digests to look up."""

    applications: Collection[UUID]
    routes: Collection[str]
    keys: Collection[bytes]
    sources: Collection[Keyed] = ()
    clients: Collection[Keyed] = ()
    therapists: Collection[Keyed] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is there, by digest."""

    keys: dict[bytes, BoundKey] = field(default_factory=dict)
    sources: dict[bytes, UUID] = field(default_factory=dict)
    clients: dict[bytes, UUID] = field(default_factory=dict)
    therapists: dict[bytes, UUID] = field(default_factory=dict)
    erased: set[bytes] = field(default_factory=set)  # clients whose earlier data were erased
    norms: list[UUID] = field(default_factory=list)  # those that are active


def find(connection: Connection, wanted: Wanted, *, organisation: UUID) -> Found:
    """Look the digests up; a reference made with another key of the key ring is another reference."""
    sent = {
        "organisation": organisation,
        "applications": list(wanted.applications),
        "routes": list(wanted.routes),
        "keys": list(wanted.keys),
    }
    for name, references in (
        ("sources", wanted.sources),
        ("clients", wanted.clients),
        ("therapists", wanted.therapists),
    ):
        sent[name] = [reference.digest for reference in references]
        sent[f"{name}_keys"] = _key_ids(references)
    found = Found()
    for row in connection.execute(_FIND[connection.dialect.name], sent):
        if row.kind == "norm":
            found.norms.append(row.id)
        elif row.kind == "erased":
            found.erased.add(row.digest)
        elif row.kind == "key":
            found.keys[row.digest] = BoundKey(
                submission_id=row.id, fingerprint=row.fingerprint, created=bool(row.created)
            )
        else:
            {"source": found.sources, "client": found.clients, "therapist": found.therapists}[row.kind][row.digest] = (
                row.id
            )
    return found


def _key_ids(references: Iterable[Keyed]) -> list[str]:
    return sorted({reference.key_id for reference in references})


def _statement(among: Among) -> CompoundSelect[tuple[str, bytes, UUID, bytes, bool]]:
    none = cast(null(), LargeBinary).label("fingerprint"), cast(null(), Boolean).label("created")
    keys = idempotency_keys.c
    bound = select(
        literal_column("'key'").label("kind"),
        keys.key.label("digest"),
        keys.submission_id.label("id"),
        keys.fingerprint.label("fingerprint"),
        keys.created.label("created"),
    ).where(
        keys.organisation_id == bindparam("organisation", type_=Uuid),
        among(keys.application_id, "applications"),
        among(keys.route, "routes"),
        among(keys.key, "keys"),
    )
    people = [
        select(
            literal_column(f"'{kind}'").label("kind"), columns[digest].label("digest"), columns[name].label("id"), *none
        ).where(
            columns.organisation_id == bindparam("organisation", type_=Uuid),
            among(columns[f"{digest}_key"], f"{kind}s_keys"),
            among(columns[digest], f"{kind}s"),
        )
        for kind, columns, digest, name in (
            ("source", sources.c, "source", "submission_id"),
            ("client", clients.c, "reference", "client_id"),
            ("therapist", therapists.c, "reference", "therapist_id"),
        )
    ]
    erased = select(
        literal_column("'erased'").label("kind"),
        erasures.c.reference.label("digest"),
        erasures.c.client_id.label("id"),
        *none,
    ).where(
        erasures.c.organisation_id == bindparam("organisation", type_=Uuid),
        among(erasures.c.reference_key, "clients_keys"),
        among(erasures.c.reference, "clients"),
    )
    active = select(
        literal_column("'norm'").label("kind"),
        cast(null(), LargeBinary).label("digest"),
        norms.c.norm_id.label("id"),
        *none,
    ).where(norms.c.organisation_id == bindparam("organisation", type_=Uuid), norms.c.active)
    return union_all(bound, *people, erased, active)


_FIND = in_both(_statement)
