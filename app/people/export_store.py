"""What an export reads, in portions: a client's forms, episodes, statements and what happened around them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Subquery, bindparam, select, union_all

from app.storage.dialects import in_both
from app.storage.event_tables import MANY
from app.storage.tables import api_keys, applications, episodes, events, submissions, therapists
from app.storage.token_tables import invitations
from app.storage.types import AnyRow

#: So many forms, or entries of the log, are held in memory at once.
PORTION: Final = 100
#: So many looks at lists are gone through in one read: whom each told of is a text of its own.
LOOKED_AT: Final = 2000
_LAST_ID: Final = UUID(int=2**128 - 1)

#: Who reported how an episode ended, of two reports at once the one that counts.
_ENDED_BY = (
    select(submissions.c.rater)
    .where(
        submissions.c.organisation_id == bindparam("organisation"),
        submissions.c.organisation_id == episodes.c.organisation_id,
        submissions.c.episode_id == episodes.c.episode_id,
        submissions.c.current,
        submissions.c.ending.is_not(None),
        submissions.c.session_number == episodes.c.ended_session,
        submissions.c.completed_at == episodes.c.ended_at,
    )
    .order_by(submissions.c.rater)
    .limit(1)
    .scalar_subquery()
)
_EPISODES = (
    select(episodes, therapists.c.sealed_reference.label("sealed_therapist"), _ENDED_BY.label("ended_by"))
    .join(
        therapists,
        (therapists.c.organisation_id == episodes.c.organisation_id)
        & (therapists.c.therapist_id == episodes.c.therapist_id),
    )
    .where(
        episodes.c.organisation_id == bindparam("organisation"),
        therapists.c.organisation_id == bindparam("organisation"),
        episodes.c.client_id == bindparam("client_id"),
    )
    .order_by(episodes.c.opened_at, episodes.c.episode_id)
)
_FORMS = in_both(
    lambda among: (
        select(submissions.c.submission_id)
        .where(
            submissions.c.organisation_id == bindparam("organisation"),
            among(submissions.c.episode_id, "episode_ids"),
            among(submissions.c.rater, "raters"),
            submissions.c.submission_id > bindparam("after"),
        )
        .order_by(submissions.c.submission_id)
        .limit(PORTION)
    )
)
#: The next entries of the log, with what the application of each is called; whose they are is each export's to say.
NEXT_ENTRIES: Final = (
    select(events, applications.c.name.label("application"))
    .join(
        applications,
        (applications.c.organisation_id == events.c.organisation_id)
        & (applications.c.application_id == events.c.application_id),
        isouter=True,
    )
    .where(events.c.organisation_id == bindparam("organisation"), events.c.event_id > bindparam("after"))
    .order_by(events.c.event_id)
)
_NEXT = select(events).where(
    events.c.organisation_id == bindparam("organisation"), events.c.event_id > bindparam("after")
)


def _next_of(*whom: ColumnElement[bool]) -> Subquery:
    return (
        _NEXT.where(
            *whom,
            events.c.event_id <= bindparam("until"),
            # Safety checks name no client in the log; were one to, it is not told here.
            events.c.kind.not_like("safe%"),
        )
        .order_by(events.c.event_id)
        .limit(bindparam("portion"))
        .subquery()
    )


_ALONE = events.c.client == bindparam("client")
#: A look at a list names all whom it told of, with commas: an id is found in no other one.
_AMONG = (events.c.client == MANY) & events.c.subject["client_ids"].as_string().contains(bindparam("client"))
_NAMED = union_all(select(_next_of(_ALONE)), select(_next_of(_AMONG))).subquery("named")
_EVENTS = (
    select(_NAMED, applications.c.name.label("application"))
    .join(
        applications,
        (applications.c.organisation_id == bindparam("organisation"))
        & (applications.c.application_id == _NAMED.c.application_id),
        isouter=True,
    )
    .order_by(_NAMED.c.event_id)
    .limit(bindparam("portion"))
)
#: The look at a list that is the last one to be gone through in one read.
_LAST_LOOK = (
    _NEXT.with_only_columns(events.c.event_id)
    .where(events.c.client == MANY)
    .order_by(events.c.event_id)
    .offset(bindparam("looks"))
    .limit(1)
)
#: Never a digest: neither of an invitation's token nor of a key's secret, nor what is sealed for the phone.
_INVITATIONS = in_both(
    lambda among: (
        select(
            *(column for column in invitations.c if column.name not in {"digest", "key", "sealed_form"}),
            applications.c.name.label("application"),
        )
        .join(
            applications,
            (applications.c.organisation_id == invitations.c.organisation_id)
            & (applications.c.application_id == invitations.c.application_id),
        )
        .where(
            invitations.c.organisation_id == bindparam("organisation"),
            invitations.c.client_id == bindparam("client_id"),
            among(invitations.c.rater, "raters"),
        )
        .order_by(invitations.c.made_at, invitations.c.invitation_id)
    )
)
_KEYS = (
    select(*(column for column in api_keys.c if column.name != "digest"), applications.c.name.label("application"))
    .join(
        applications,
        (applications.c.organisation_id == api_keys.c.organisation_id)
        & (applications.c.application_id == api_keys.c.application_id),
    )
    .where(
        api_keys.c.organisation_id == bindparam("organisation"),
        api_keys.c.client_id == bindparam("client_id"),
    )
    .order_by(api_keys.c.created_at, api_keys.c.key_id)
)


def read_episodes(connection: Connection, client_id: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read a client's episodes, each with what its therapist is called."""
    return list(connection.execute(_EPISODES, {"organisation": organisation, "client_id": client_id}))


def read_invitations(connection: Connection, client_id: UUID, raters: list[str], *, organisation: UUID) -> list[AnyRow]:
    """Read to which forms a client, or their parent, was invited; without what opens them."""
    sent = {"organisation": organisation, "client_id": client_id, "raters": raters}
    return list(connection.execute(_INVITATIONS[connection.dialect.name], sent))


def read_keys(connection: Connection, client_id: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read which keys open a client only, those that are revoked too; without their secrets' digests."""
    return list(connection.execute(_KEYS, {"organisation": organisation, "client_id": client_id}))


def next_forms(
    connection: Connection, episode_ids: list[UUID], raters: list[str], *, organisation: UUID, after: UUID
) -> list[UUID]:
    """Name the next forms of some episodes and raters, those too that count no longer."""
    sent = {"organisation": organisation, "episode_ids": episode_ids, "raters": raters, "after": after}
    return list(connection.execute(_FORMS[connection.dialect.name], sent).scalars())


def next_events(
    connection: Connection, client_id: UUID, *, organisation: UUID, after: UUID
) -> tuple[list[AnyRow], UUID | None]:
    """Read the next entries of the log that name a client, and say behind which one to go on; None: these are all."""
    sent: dict[str, Any] = {"organisation": organisation, "after": after}
    until = connection.execute(_LAST_LOOK, sent | {"looks": LOOKED_AT - 1}).scalar()
    sent |= {"client": str(client_id), "until": until or _LAST_ID, "portion": PORTION}
    rows = list(connection.execute(_EVENTS, sent))
    return rows, rows[-1].event_id if len(rows) == PORTION else until
