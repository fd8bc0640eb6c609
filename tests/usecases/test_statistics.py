"""Counts are kept with each form: exact after corrections, withdrawals and late forms, and with two at once."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import Connection, delete, select

from app.storage.statistics_tables import series_statistics, statistics
from app.submissions.recount import recount
from tests.harness import ANSWERS, Clinic, Service, form, therapists_form
from tests.usecases.counting import check_statistics, kept
from tests.usecases.histories import Step, arrivals, histories, play

_NUMBERS = count()


def rows(clinic: Clinic) -> dict[str, tuple[int, list[int]]]:
    """Read the organisation's counts by instrument."""
    of_all = select(statistics).where(statistics.c.organisation_id == clinic.organisation)
    found = clinic.service.read(lambda c: c.execute(of_all).all())
    return {row.instrument: (row.forms, list(row.counts)) for row in found}


def check(clinic: Clinic) -> None:
    """Check an organisation's counts against all its current forms."""
    catalog = clinic.service.runtime.catalog
    clinic.service.read(lambda c: check_statistics(c, catalog, clinic.organisation))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a history that fails
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories().flatmap(arrivals))
def test_counts_are_those_of_the_current_forms(service: Service, history: list[list[Step]]) -> None:
    """Whatever comes in whatever order, the rows are what a recount of all current forms gives."""
    clinic = service.clinic()
    play(clinic, f"client {next(_NUMBERS)}", history)
    check(clinic)


def test_only_complete_forms_are_counted(clinic: Clinic) -> None:
    """A form with an empty scored item is stored and scored, and counts nowhere; its correction does."""
    posted = clinic.recorded(form(answers={**ANSWERS, "7": None}))
    assert rows(clinic) == {}
    assert clinic.correct(posted["id"], form()).status_code == 201
    assert rows(clinic)["trq-s"][0] == 1
    check(clinic)


def test_a_withdrawn_form_leaves_no_trace(clinic: Clinic) -> None:
    """After the only form is withdrawn every integer is 0 again."""
    posted = clinic.recorded(form())
    forms, numbers = rows(clinic)["trq-s"]
    assert (forms, numbers[:8]) == (1, [4, 3, 5, 4, 4, 5, 4, 4])
    assert clinic.withdraw(posted["id"]).status_code == 201
    assert rows(clinic)["trq-s"] == (0, [0] * len(numbers))
    assert clinic.service.read(lambda c: kept(c, clinic.organisation)) == ({}, {})


def test_a_form_sent_again_counts_once(clinic: Clinic) -> None:
    """Neither a replay nor the same content under another key counts twice."""
    clinic.post(form(), key="once")
    clinic.post(form(), key="once")
    clinic.post(form(), key="another")
    assert rows(clinic)["trq-s"][0] == 1


def test_one_batch_of_both_raters(clinic: Clinic) -> None:
    """Forms of several series in one transaction add up per instrument, and per series."""
    sent: list[dict[str, Any]] = [form(session_number=n, client_ref=f"c{n % 3}") for n in range(1, 7)]
    sent += [therapists_form(session_number=n, client_ref=f"c{n % 3}") for n in range(1, 4)]
    assert clinic.post_batch([(f"key-{n}", one) for n, one in enumerate(sent)]).status_code == 200
    assert {key: forms for key, (forms, _) in rows(clinic).items()} == {"trq-s": 6, "trq-s-t": 3}
    check(clinic)


def test_organisations_are_counted_apart(service: Service) -> None:
    """The same form in two organisations counts once in each."""
    one, other = service.clinic(), service.clinic()
    one.recorded(form())
    other.recorded(form())
    assert rows(one)["trq-s"][0] == rows(other)["trq-s"][0] == 1


def test_series_are_counted_by_episode(clinic: Clinic) -> None:
    """Two sessions of one client: number, sum and sum of squares of the total of 33."""
    clinic.recorded(form(session_number=1))
    clinic.recorded(form(session_number=2))
    of_each = select(series_statistics).where(series_statistics.c.organisation_id == clinic.organisation)
    [row] = clinic.service.read(lambda c: c.execute(of_each).all())
    assert (row.forms, row.total, row.squares) == (2, 66, 2 * 33 * 33)


def test_forms_of_before_are_counted_once(clinic: Clinic) -> None:
    """Forms stored before there were counts are counted by the migration; corrections and withdrawals build on that."""
    made = [clinic.recorded(form(session_number=n)) for n in (1, 2, 3)]
    clinic.recorded(therapists_form())
    clinic.recorded(form(session_number=4, answers={**ANSWERS, "7": None}))
    forget(clinic)
    assert recounted(clinic) >= 1
    assert rows(clinic)["trq-s"][0] == 3
    check(clinic)
    assert recounted(clinic) == 0
    assert clinic.withdraw(made[0]["id"]).status_code == 201
    assert clinic.correct(made[1]["id"], form(session_number=2, answers={**ANSWERS, "1": 1})).status_code == 201
    check(clinic)


def recounted(clinic: Clinic) -> int:
    """Count anew as the migration does: as the owner."""
    with clinic.service.owned() as database:
        return clinic.service.portal.call(recount, database, clinic.service.runtime.catalog)


def forget(clinic: Clinic) -> None:
    """Leave an organisation's forms as they were before there were counts."""

    def work(connection: Connection) -> None:
        for table in (statistics, series_statistics):
            connection.execute(delete(table).where(table.c.organisation_id == clinic.organisation))

    clinic.service.write(work)
