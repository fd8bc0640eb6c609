"""Let an organisation want to know who reads."""

from __future__ import annotations

from app.access.organisation import change_settings
from tests.harness import Clinic


def want_persons(clinic: Clinic) -> None:
    """Settle that a person has to be named, from the next request on."""
    clinic.service.in_service(
        lambda c: change_settings(
            c, {"acting_required": True}, organisation=clinic.organisation, at=clinic.service.runtime.now()
        ),
        organisation=clinic.organisation,
    )
