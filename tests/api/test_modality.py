"""Groups, couples, families and co-therapy are refused until they are modelled, by every way in."""

from __future__ import annotations

import pytest

from app.submissions.modality import is_modelled
from tests.api.refusals import nothing_stored, refused
from tests.contract.validator import Contract
from tests.harness import Clinic, form

CONTRACT = Contract.committed()
NOT_MODELLED = [
    "group", "couple", "couples", "couples_therapy", "couples-therapy", "couplestherapy", "group_therapy", "cbt-group",
    "co-therapy", "co_therapy", "cotherapy", "emotion_focused_couples", "family-therapy", "family", "marital_therapy",
    "co-therapists", "gruppe", "paartherapie", "terapia-de-pareja", "coterapia", "Group", "CO-THERAPY", "group-2",
    "multifamily", "gruppenanalyse", "kotherapeut", "ifs-group", "internal-family-systems-couples",
]  # fmt: skip
MODELLED = [
    "cbt", "act", "psychodynamic", "person-centred", "cognitive-therapy", "cocoa-therapy", "schema_therapy",
    "regrouping", "individual", "eco-therapy", "m1", "0",
    "internal-family-systems", "internal_family_systems", "family-of-origin", "non-group",
]  # fmt: skip


@pytest.mark.parametrize("modality", NOT_MODELLED)
def test_a_code_that_says_so_is_not_modelled(modality: str) -> None:
    """However it is written, and among other words."""
    assert not is_modelled(modality)


@pytest.mark.parametrize("modality", MODELLED)
def test_any_other_code_is(modality: str) -> None:
    """A word that merely has the letters is another word."""
    assert is_modelled(modality)


@pytest.mark.parametrize("modality", ["group", "couple", "couples_therapy", "co-therapy"])
def test_what_is_not_modelled_is_refused(clinic: Clinic, modality: str) -> None:
    """By post, PUT, batch and correction, with the place and a code of its own; nothing is stored."""
    made = clinic.recorded(form(modality="cbt"))
    sent = form(session_number=2, modality=modality)
    with nothing_stored(clinic):
        for answer in (
            clinic.post(sent),
            clinic.put("019a0000-0000-7000-8000-00000000ab02", sent),
            clinic.correct(made["id"], form(modality=modality)),
        ):
            refused(answer, 422, "validation_failed", ("/modality", "not_modelled"))
            assert CONTRACT.faults(answer) == []
        [item] = clinic.post_batch([("a", sent)]).json()["items"]
        assert (item["status"], item["problem"]["errors"]) == (
            422, [{"pointer": "/modality", "code": "not_modelled"}],
        )  # fmt: skip
