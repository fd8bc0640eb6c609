"""Offer the safety check: the form, and before the question who reads it, that nobody watches, whom to call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.access.caller import Caller
from app.access.visibility import OWN
from app.errors import NotFound, SafeguardingNotConfigured
from app.safeguarding.check import EVERYBODY
from app.safeguarding.configure import texts_of
from app.safeguarding.form import SafetyForm, safety_forms
from app.safeguarding.people import therapist_digests
from app.safeguarding.readers import first_turn
from app.safeguarding.store import find_settings, live_recipients
from app.safeguarding.texts import Before, Texts
from app.storage.runtime import Runtime
from app.storage.types import AnyRow

#: Chooses one of some languages, or none of them.
Choose = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The form in one language with the organisation's own sentences."""

    form: SafetyForm
    before: Before


async def offer(runtime: Runtime, caller: Caller, *, choose: Choose) -> Offered:
    """Return the form for a client to fill in; it is not offered where nobody would read it."""
    check_may_post(caller)
    organisation = caller.organisation

    def work(connection: Connection) -> Offered:
        row, recipients = ready(connection, organisation=organisation)
        if caller.client_id is not None:
            kept_from = therapist_digests(connection, runtime, [caller.client_id], organisation=organisation)
            if first_turn(recipients, kept_from=kept_from) == EVERYBODY:
                raise SafeguardingNotConfigured
        return offered(texts_of(row), choose)

    return await runtime.database.read(work, organisation=organisation)


async def is_offered(runtime: Runtime, *, organisation: UUID) -> bool:
    """Say whether an organisation offers the form at all, whoever asks."""

    def work(connection: Connection) -> bool:
        try:
            ready(connection, organisation=organisation)
        except SafeguardingNotConfigured:
            return False
        return True

    return await runtime.database.read(work, organisation=organisation)


def check_may_post(caller: Caller) -> None:
    """Let through the client, a parent, and systems that act for clients.

    For those who treat and supervise there is no form.
    """
    if caller.eyes not in OWN | {"system"}:
        raise NotFound


def ready(connection: Connection, *, organisation: UUID) -> tuple[AnyRow, list[AnyRow]]:
    """Return what the organisation has settled and who reads, or say that the form is not offered."""
    row = find_settings(connection, organisation=organisation)
    recipients = live_recipients(connection, organisation=organisation)
    if row is None or not recipients:
        raise SafeguardingNotConfigured
    return row, recipients


def offered(texts: Texts, choose: Choose) -> Offered:
    """Choose the language: one that was asked for, else the organisation's own."""
    locale = choose(tuple(texts.texts)) or texts.default
    return Offered(form=safety_forms()[locale], before=texts.texts[locale])
