"""Sort forms by what is known of them before any place is looked for: replayed, there already, refused, or fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from app.access.organisation import settings_of
from app.access.store import enabled
from app.errors import (
    AllianceError,
    AlreadyExists,
    ClientErased,
    Fault,
    InstrumentNotEnabled,
    InvalidSubmission,
    KeyReused,
    NotFound,
)
from app.submissions import store
from app.submissions.find import Found, Wanted, find
from app.submissions.prepare import Prepared
from app.submissions.read import not_current
from app.submissions.sources import by_source
from app.submissions.stored import StoredSubmission, sees


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A form that was there before this request."""

    submission_id: UUID
    created: bool
    replayed: bool


@dataclass(slots=True, kw_only=True)
class Sorted:
    """Forms by their place in the call. `targets` are the stored forms that corrections are about."""

    found: Found
    fresh: dict[int, Prepared]
    known: dict[int, Known] = field(default_factory=dict)
    errors: dict[int, AllianceError] = field(default_factory=dict)
    targets: dict[UUID, StoredSubmission] = field(default_factory=dict)

    def there(self, index: int, submission_id: UUID) -> None:
        """Say that the form is stored already, under another key."""
        self.known[index] = Known(submission_id=submission_id, created=False, replayed=False)

    def settle(self) -> None:
        """Take out of the fresh ones what a rule has decided."""
        decided = self.known.keys() | self.errors.keys()
        self.fresh = {index: form for index, form in self.fresh.items() if index not in decided}


def sort_out(connection: Connection, forms: Mapping[int, Prepared], *, organisation: UUID) -> Sorted:
    """Look everything up that forms of one organisation refer to, and sort them by it.

    Whom a key opens is looked at before anything is said about sources, ids and places.
    """
    found = find(connection, _wanted(forms), organisation=organisation)
    told = Sorted(found=found, fresh=dict(forms))
    _by_keys(told)
    _by_bounds(told)
    _by_erasures(connection, told, organisation=organisation)
    _by_sources(connection, told)
    _by_ids(connection, told, organisation=organisation)
    _by_instruments(connection, told, organisation=organisation)
    _by_comments(connection, told, organisation=organisation)
    return told


def _wanted(forms: Mapping[int, Prepared]) -> Wanted:
    all_of = forms.values()
    return Wanted(
        applications={form.caller.application for form in all_of},
        routes={form.entry.route for form in all_of},
        keys=[form.key for form in all_of],
        sources=[one for form in all_of if form.source is not None for one in form.source.all],
        clients=[form.sitting.client for form in all_of],
        therapists=[form.sitting.therapist for form in all_of],
    )


def _by_keys(told: Sorted) -> None:
    for index, form in told.fresh.items():
        bound = told.found.keys.get(form.key)
        if bound is None:
            continue
        if bound.fingerprint == form.fingerprint:
            told.known[index] = Known(submission_id=bound.submission_id, created=bound.created, replayed=True)
        elif form.entry.route == "put":
            told.errors[index] = AlreadyExists(submission_id=str(bound.submission_id))
        else:
            told.errors[index] = KeyReused()
    told.settle()


def _by_erasures(connection: Connection, told: Sorted, *, organisation: UUID) -> None:
    """Refuse what was filled in about somebody before they were erased: a late repeat must not bring them back."""
    late = {index: f for index, f in told.fresh.items() if f.sitting.client.digest in told.found.erased}
    if late:
        erased = store.read_erasures(
            connection, [f.sitting.client.digest for f in late.values()], organisation=organisation
        )
        for index, form in late.items():
            if form.sitting.completed_at <= erased[form.sitting.client.digest]:
                told.errors[index] = ClientErased()
        told.settle()


def _by_bounds(told: Sorted) -> None:
    """Refuse forms about others than the one whom a key opens as if those were not there."""
    clients, therapists = told.found.clients, told.found.therapists
    for index, form in told.fresh.items():
        caller, sitting = form.caller, form.sitting
        opened = (
            (caller.client_id, clients.get(sitting.client.digest)),
            (caller.therapist_id, therapists.get(sitting.therapist.digest)),
        )
        if any(bound not in {None, person} for bound, person in opened):
            told.errors[index] = NotFound()
    told.settle()


def _by_sources(connection: Connection, told: Sorted) -> None:
    """Look at forms whose sender's own id is known."""
    for index, form in told.fresh.items():
        if form.source is None:
            continue
        decided = by_source(
            connection,
            form.caller,
            form.source,
            told.found.sources,
            content=form.content,
            corrects=form.entry.corrects,
        )
        if isinstance(decided, AllianceError):
            told.errors[index] = decided
        elif decided is not None:
            told.there(index, decided)
    told.settle()


def _by_ids(connection: Connection, told: Sorted, *, organisation: UUID) -> None:
    """Look at forms under an id of the sender's own, and read what corrections are about."""
    ids = {f.submission_id for f in told.fresh.values() if f.entry.submission_id is not None}
    ids |= {f.entry.corrects for f in told.fresh.values() if f.entry.corrects is not None}
    told.targets = store.load(connection, ids, organisation=organisation)
    for index, form in told.fresh.items():
        there = told.targets.get(form.submission_id) if form.entry.submission_id is not None else None
        if there is None:
            continue
        if form.caller.sight_of(there.therapist_id).must_be_told and not sees(form.caller, there):
            told.errors[index] = NotFound()
        elif store.read_content(connection, there.submission_id, organisation=organisation) == form.content:
            if there.current:
                told.there(index, there.submission_id)
                continue
            successor, _ = store.read_fate(connection, there.submission_id, organisation=organisation)
            told.errors[index] = not_current(connection, form.caller, successor=successor)
        elif sees(form.caller, there):
            told.errors[index] = AlreadyExists(submission_id=str(there.submission_id))
        else:
            told.errors[index] = NotFound()
    told.settle()


def _by_instruments(connection: Connection, told: Sorted, *, organisation: UUID) -> None:
    guarded = {index: form.instrument.key for index, form in told.fresh.items() if form.instrument.needs_enabling}
    if guarded:
        allowed = enabled(connection, organisation=organisation)
        told.errors |= {index: InstrumentNotEnabled() for index, key in guarded.items() if key not in allowed}
        told.settle()


def _by_comments(connection: Connection, told: Sorted, *, organisation: UUID) -> None:
    commented = [index for index, form in told.fresh.items() if form.form.comment is not None]
    if commented and not settings_of(connection, organisation=organisation).comments_allowed:
        refused = InvalidSubmission(Fault(pointer="/comment", code="comment_not_allowed"))
        told.errors |= dict.fromkeys(commented, refused)
        told.settle()
