"""What the export of a therapist reads: what names the therapist, and what was done in somebody's name."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, or_, select, tuple_

from app.people.export_store import NEXT_ENTRIES
from app.storage.tables import acknowledgements, api_keys, applications, episodes, events, signals, submissions
from app.storage.tables import therapists as of_organisation
from app.storage.team_tables import memberships, teams
from app.storage.types import AnyRow

#: So many rows are held in memory at once.
PORTION: Final = 1000

_THERAPIST = select(of_organisation.c.therapist_id, of_organisation.c.created_at).where(
    of_organisation.c.organisation_id == bindparam("organisation"),
    of_organisation.c.therapist_id == bindparam("therapist"),
)
_OTHERS = select(of_organisation.c.therapist_id, of_organisation.c.sealed_reference).where(
    of_organisation.c.organisation_id == bindparam("organisation"),
    of_organisation.c.therapist_id != bindparam("therapist"),
    of_organisation.c.sealed_reference.is_not(None),
)
_TEAMS = (
    select(teams.c.team_id, teams.c.name, memberships.c.role, memberships.c.since)
    .join(
        memberships,
        (memberships.c.organisation_id == teams.c.organisation_id) & (memberships.c.team_id == teams.c.team_id),
    )
    .where(
        teams.c.organisation_id == bindparam("organisation"),
        memberships.c.organisation_id == bindparam("organisation"),
        memberships.c.therapist_id == bindparam("therapist"),
    )
    .order_by(memberships.c.since, teams.c.team_id, memberships.c.role)
)
_KEYS = (
    select(
        api_keys.c.key_id,
        api_keys.c.application_id,
        applications.c.name.label("application"),
        applications.c.audience,
        applications.c.scopes,
        api_keys.c.created_at,
        api_keys.c.expires_at,
        api_keys.c.revoked_at,
    )
    .join(
        applications,
        (applications.c.organisation_id == api_keys.c.organisation_id)
        & (applications.c.application_id == api_keys.c.application_id),
    )
    .where(
        api_keys.c.organisation_id == bindparam("organisation"),
        applications.c.organisation_id == bindparam("organisation"),
        api_keys.c.therapist_id == bindparam("therapist"),
    )
    .order_by(api_keys.c.created_at, api_keys.c.key_id)
)
_EPISODES = (
    select(episodes.c.episode_id, episodes.c.client_id, episodes.c.opened_at)
    .where(episodes.c.organisation_id == bindparam("organisation"), episodes.c.therapist_id == bindparam("therapist"))
    .order_by(episodes.c.opened_at, episodes.c.episode_id)
)
_SESSIONS = (
    select(
        submissions.c.episode_id,
        submissions.c.session_number,
        submissions.c.session_date,
        submissions.c.rater,
        submissions.c.seen_by_therapist,
    )
    .where(
        submissions.c.organisation_id == bindparam("organisation"),
        submissions.c.therapist_id == bindparam("therapist"),
        submissions.c.current,
    )
    .order_by(submissions.c.episode_id, submissions.c.session_number, submissions.c.submission_id)
)
_FORMS = (
    select(submissions.c.submission_id)
    .where(
        submissions.c.organisation_id == bindparam("organisation"),
        submissions.c.therapist_id == bindparam("therapist"),
        submissions.c.rater == "therapist",
        submissions.c.submission_id > bindparam("after"),
    )
    .order_by(submissions.c.submission_id)
    .limit(PORTION // 10)
)
_ACKNOWLEDGED = (
    select(acknowledgements, signals.c.client_id, signals.c.episode_id)
    .join(
        signals,
        (signals.c.organisation_id == acknowledgements.c.organisation_id)
        & (signals.c.signal_id == acknowledgements.c.signal_id),
    )
    .where(
        acknowledgements.c.organisation_id == bindparam("organisation"),
        signals.c.organisation_id == bindparam("organisation"),
        tuple_(acknowledgements.c.signal_id, acknowledgements.c.acknowledgement_id)
        > tuple_(
            bindparam("after_signal", type_=acknowledgements.c.signal_id.type),
            bindparam("after", type_=acknowledgements.c.acknowledgement_id.type),
        ),
    )
    .order_by(acknowledgements.c.signal_id, acknowledgements.c.acknowledgement_id)
    .limit(PORTION)
)
#: Whose name is sealed in an entry is known once it is opened: all entries that name a person are read.
_EVENTS = NEXT_ENTRIES.limit(PORTION).where(
    or_(
        events.c.subject["therapist_id"].as_string() == bindparam("named"),
        events.c.subject["bound_therapist_id"].as_string() == bindparam("named"),
        events.c.subject["acting"].as_string().is_not(None),
    )
)


def read_therapist(connection: Connection, therapist: UUID, *, organisation: UUID) -> AnyRow:
    """Read since when a therapist is known."""
    return connection.execute(_THERAPIST, {"organisation": organisation, "therapist": therapist}).one()


def read_others(connection: Connection, therapist: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read what the organisation's other therapists are called, sealed."""
    return list(connection.execute(_OTHERS, {"organisation": organisation, "therapist": therapist}))


def read_teams(connection: Connection, therapist: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read a therapist's parts in teams."""
    return list(connection.execute(_TEAMS, {"organisation": organisation, "therapist": therapist}))


def read_keys(connection: Connection, therapist: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read the keys that are bound to a therapist, dead ones too, without their digests."""
    return list(connection.execute(_KEYS, {"organisation": organisation, "therapist": therapist}))


def read_episodes(connection: Connection, therapist: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read a therapist's episodes: whose they are, and since when."""
    return list(connection.execute(_EPISODES, {"organisation": organisation, "therapist": therapist}))


def read_sessions(connection: Connection, therapist: UUID, *, organisation: UUID) -> list[AnyRow]:
    """Read of which sessions with a therapist there is a form, by whom, and whether the therapist may know of it."""
    return list(connection.execute(_SESSIONS, {"organisation": organisation, "therapist": therapist}))


def next_forms(connection: Connection, therapist: UUID, *, organisation: UUID, after: UUID) -> list[UUID]:
    """Name the next forms that a therapist filled in, those too that count no longer."""
    sent = {"organisation": organisation, "therapist": therapist, "after": after}
    return list(connection.execute(_FORMS, sent).scalars())


def next_acknowledgements(connection: Connection, after: tuple[UUID, UUID], *, organisation: UUID) -> list[AnyRow]:
    """Read the organisation's next acknowledgements, whoever made them: the person is sealed."""
    sent = {"organisation": organisation, "after_signal": after[0], "after": after[1]}
    return list(connection.execute(_ACKNOWLEDGED, sent))


def next_entries(connection: Connection, therapist: UUID, *, organisation: UUID, after: UUID) -> list[AnyRow]:
    """Read the next entries of the log that name a therapist, or anybody who acted."""
    sent = {"organisation": organisation, "named": str(therapist), "after": after}
    return list(connection.execute(_EVENTS, sent))
