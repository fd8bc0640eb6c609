"""What a form is told once an organisation's own norm is active: and only then, by name, and not behind its back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, insert, update

from app.change.norms import ComponentNorm, Norm
from app.storage.documents import to_json
from app.storage.statistics_tables import norms
from tests.api.test_signals import DIP, acknowledge, care, course, signals
from tests.harness import Clinic, form, scores_by_component
from tests.usecases.histories import check_rebuild

NORM_ID = "019aa000-0000-7000-8000-000000000001"
#: The worked example of the science page (SD 7.5, reliability .80), on sums of ten items from 1 to 5.
NORM = Norm(
    norm_id=NORM_ID,
    version=1,
    instrument="care",
    instrument_version="1.0.0",
    rater="client",
    population="Own clients of this organisation, all sessions pooled",
    clients=200,
    forms=1000,
    estimated_at=datetime(2026, 11, 1, tzinfo=UTC),
    source="estimated from own data",
    convention="sum",
    lowest=1.0,
    highest=5.0,
    components={
        "total": ComponentNorm(
            mean=38.0,
            sd=7.5,
            reliability=0.8,
            reliability_kind="internal_consistency",
            items=10,
            within_sd=3.0,
            between_sd=6.0,
        )
    },
)


def activate(clinic: Clinic, norm: Norm) -> None:
    """Put a norm in as the active one."""
    row = {
        "organisation_id": clinic.organisation,
        "norm_id": UUID(norm.norm_id),
        "instrument": norm.instrument,
        "instrument_version": norm.instrument_version,
        "rater": norm.rater,
        "number": norm.version,
        "estimated_at": norm.estimated_at,
        "active": True,
        "norm": json.loads(to_json(norm)),
    }

    def work(connection: Connection) -> None:
        ours = norms.c.organisation_id == clinic.organisation
        connection.execute(update(norms).where(ours).values(active=False))
        connection.execute(insert(norms), row)

    clinic.service.write(work)


def test_without_a_norm_nothing_is_claimed(clinic: Clinic) -> None:
    """No interval, no T score, no percentile, no reliable change: null, and the reason."""
    made = course(clinic, (32, 47))[1]
    total = scores_by_component(made)["total"]
    assert (total["interval"], total["interval_reason"], total["standing"]) == (None, "no_norm", None)
    change = made["change"]["total"]["since_previous"]
    assert (change["value"], change["reliable"], change["reason"], change["judged"]) == (15.0, None, "no_norm", None)


def test_with_a_norm_a_score_has_an_interval_and_a_change_is_judged(clinic: Clinic) -> None:
    """The worked example: SEM 3.3541, S_diff 4.7434, RC 3.1623, each with the norm and the reliability it rests on."""
    activate(clinic, NORM)
    made = course(clinic, (32, 47))[1]
    total = scores_by_component(made)["total"]
    assert total["interval"] == {"low": 40.426, "high": 53.574}
    label = f"{NORM_ID}@1"
    assert total["standing"] == {
        "t_score": 62.0, "percentile": 88.493, "percentile_method": "normal_approximation",
        "reliability": "internal_consistency", "norm": label, "norm_source": "estimated from own data",
    }  # fmt: skip
    change = made["change"]["total"]["since_previous"]
    assert (change["reliable"], change["reason"]) == (True, None)
    assert change["judged"] == {"rc": 3.1623, "limit": 9.2971, "norm": label, "reliability": "internal_consistency"}


def test_a_calibrated_instrument_may_alert_and_states_its_false_alarms(clinic: Clinic) -> None:
    """Rule 12 the other way round: the level is the detector's, with the simulated rate."""
    activate(clinic, NORM)
    [signal] = [one for one in course(clinic, DIP)[5]["signals"] if one["rule"] == "RUP-1"]
    told = (signal["level"], signal["calibrated"], signal["parameters"], signal["expected_false_alarms"])
    assert told == ("alert", True, f"{NORM_ID}@1", 0.016)


def test_a_form_keeps_the_norm_that_was_active_when_it_came(clinic: Clinic) -> None:
    """Another norm changes nothing that was said before, also when the series is looked at anew."""
    activate(clinic, NORM)
    first = course(clinic, (32, 47))
    other = replace(
        NORM,
        norm_id="019aa000-0000-7000-8000-000000000002",
        version=2,
        components={"total": replace(NORM.components["total"], sd=15.0)},
    )
    activate(clinic, other)
    later = clinic.recorded(care(4, 40))
    clinic.recorded(care(3, 45))
    before, after = (clinic.read_back(made["id"]) for made in (first[1], later))
    assert scores_by_component(before)["total"]["interval"] == {"low": 40.426, "high": 53.574}
    assert before["change"]["total"]["since_previous"]["judged"]["norm"] == f"{NORM_ID}@1"
    assert after["change"]["total"]["since_previous"]["judged"]["norm"] == f"{other.norm_id}@2"
    check_rebuild(clinic, "mrn-1042")


def test_a_norm_is_for_its_own_organisation_and_instrument(clinic: Clinic) -> None:
    """Another organisation and another instrument know nothing of it."""
    activate(clinic.service.clinic(), NORM)
    made = course(clinic, (32, 47))[1]
    assert scores_by_component(made)["total"]["standing"] is None


def test_a_correction_is_held_against_the_norm_of_what_it_corrects(clinic: Clinic) -> None:
    """Mending a slip in a form of before switches no norm."""
    made = course(clinic, (32, 47))
    activate(clinic, NORM)
    mended = clinic.correct(made[1]["id"], care(2, 46)).json()
    assert scores_by_component(mended)["total"]["standing"] is None
    assert scores_by_component(clinic.recorded(care(3, 40)))["total"]["standing"]["norm"] == f"{NORM_ID}@1"


def test_who_looked_at_a_watch_has_not_seen_the_alert_that_it_became(clinic: Clinic) -> None:
    """A late session makes the fall larger: the same signal is an alert now, and open for everybody again."""
    activate(clinic, NORM)
    first, _, low = (clinic.recorded(care(session, total)) for session, total in ((1, 42), (3, 42), (4, 33)))
    [watch] = [one for one in low["signals"] if one["rule"] == "RUP-1"]
    assert watch["level"] == "watch"
    assert acknowledge(clinic, first, watch["id"]).status_code == 201
    assert [one["standing"] for one in signals(clinic, first) if one["id"] == watch["id"]] == ["acknowledged"]
    clinic.recorded(care(2, 48))
    [alert] = [one for one in signals(clinic, first) if one["id"] == watch["id"]]
    assert (alert["level"], alert["standing"], len(alert["acknowledgements"])) == ("alert", "open", 1)
    assert [(turn["state"], turn["level"]) for turn in alert["history"]] == [("open", "watch"), ("open", "alert")]


def test_a_component_is_weaker_by_the_norms_own_error(clinic: Clinic) -> None:
    """SEM of 5 POMP each: the mean of the others must be above by 2.12805 sqrt(25 + 50/4) = 13.0316, by hand."""
    parts = {
        name: ComponentNorm(mean=4.0, sd=1.0, reliability=0.96, reliability_kind="internal_consistency", items=4)
        for name in ("task", "bond", "goal")
    }
    activate(clinic, replace(NORM, instrument="wai-sr", convention="mean", components=parts))
    answers = {str(item): 4 for item in range(1, 13)} | {"3": 3, "5": 3, "7": 3}
    made = clinic.recorded(form(instrument="wai-sr", instrument_version="1.0.0", answers=answers))
    [weaker] = [b for r in made["recommendations"] for b in r["because"] if b["component"] == "bond"]
    assert (weaker["rule"], weaker["value"], weaker["threshold"]) == ("component.weaker.sem.1", 18.75, 13.0316)
