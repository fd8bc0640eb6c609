"""Where sealed values are kept, each with what it is bound to and whose key it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Table
from sqlalchemy.types import LargeBinary

from app.storage.people_tables import consents, erasures, legal_holds
from app.storage.safeguarding_tables import safeguarding_recipients, safety_checks, safety_steps
from app.storage.sealed import Place
from app.storage.tables import acknowledgements, clients, episodes, submissions, therapists
from app.storage.token_tables import invitations
from app.storage.types import AnyRow
from app.storage.vault import OrganisationVault, Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedColumn:
    """A column of sealed values; without a purpose they are of the key of the row's client.

    `was_of_organisation`: a version before sealed them with the organisation's key; a rotation seals them anew.
    """

    table: Table
    column: str
    row: str  # the column whose value the seal is bound to
    purpose: Purpose | None
    was_of_organisation: bool = False

    @property
    def values(self) -> Column[bytes]:
        """The column itself."""
        return self.table.c[self.column]

    def place(self, row: AnyRow) -> Place:
        """Say where the value of a row is kept."""
        return Place(table=self.table.name, column=self.column, row=row._mapping[self.row])  # noqa: SLF001 - the documented way to a column by name

    def opened(self, row: AnyRow, vault: OrganisationVault) -> str:
        """Open the value of a row that was read as `sealed_value`."""
        place = self.place(row)
        if self.purpose is not None:
            return vault.open(row.sealed_value, place)
        if self.was_of_organisation:
            return vault.open_for_or_of(row.client_id, row.sealed_value, place)
        return vault.open_for(row.client_id, row.sealed_value, place)


def _sealed(
    table: Table, column: str, row: str, purpose: Purpose | None, *, was_of_organisation: bool = False
) -> SealedColumn:
    return SealedColumn(table=table, column=column, row=row, purpose=purpose, was_of_organisation=was_of_organisation)


SEALED: Final = (
    _sealed(clients, "sealed_reference", "client_id", None),
    _sealed(episodes, "sealed_reference", "episode_id", None),
    _sealed(submissions, "sealed_comment", "submission_id", None),
    _sealed(invitations, "sealed_form", "invitation_id", None),
    _sealed(therapists, "sealed_reference", "therapist_id", "data"),
    _sealed(acknowledgements, "sealed_acting", "acknowledgement_id", "data"),
    _sealed(consents, "sealed_acting", "consent_id", "data"),
    _sealed(legal_holds, "sealed_reason", "hold_id", None, was_of_organisation=True),
    _sealed(erasures, "sealed_acting", "client_id", "data"),
    _sealed(safeguarding_recipients, "sealed_acting", "recipient_id", "safeguarding"),
    _sealed(safety_checks, "sealed", "check_id", "safeguarding"),
    _sealed(safety_steps, "sealed_acting", "step_id", "safeguarding"),
    _sealed(safety_steps, "sealed_reason", "step_id", "safeguarding"),
)


def is_sealed(column: Column[object]) -> bool:
    """Say whether a column holds sealed values, by its name."""
    return isinstance(column.type, LargeBinary) and column.name.startswith("sealed")
