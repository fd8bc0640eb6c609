"""What races, strikes, probes and bad credentials must catch, planted into this process."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import event

from app.storage import database
from app.submissions import write
from app.web import audited
from tests.api.glass import OPENED
from tests.faults import (
    against_model,
    bad_credentials,
    foreign_ids,
    fuzzing,
    one_key,
    planted,
    sick_storage,
    struck_writes,
)
from tests.faults.counts import Counts
from tests.faults.ground import Ground
from tests.harness import Service


@contextmanager
def criterion_removed(service: Service, *, within: str = "") -> Iterator[None]:
    """Let every statement that reads one organisation's rows read those of all, or only those with some words."""
    opened: Any = service.runtime.database
    pattern = re.compile(r"(\w+\.organisation_id = (?:\?|\$\d+::UUID))")

    def before(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> tuple[str, Any]:
        is_meant = statement.startswith("SELECT") and within in statement
        return pattern.sub(r"(\1 OR 1 = 1)", statement) if is_meant else statement, parameters

    engines = [opened._writing, opened._reading]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", before, retval=True)
    yield
    for engine in engines:
        event.remove(engine, "before_cursor_execute", before)


def test_probes_find_a_tenant_criterion_that_was_removed(ground: Ground) -> None:
    """On SQLite, where no second wall stands behind the first; the second wall has a harness of its own."""
    if ground.database == "postgresql":
        return
    with ground.service() as service:
        sides = foreign_ids.Sides.made(service)
        with criterion_removed(service):  # but not the feed's: it waits until what it reads is sealed
            assert walked(sides, by="system", begins="GET /v1/clients/").foreign > 0


def walked(sides: foreign_ids.Sides, *, by: foreign_ids.Asker, begins: str = "") -> Counts:
    """Take every place of some operations in turn, which no dice decide."""
    first = [one for one in foreign_ids.walked(sides) if one.by == by and one.name.startswith(begins)]
    return foreign_ids.probe(sides, Random(1), cycles=len(first), first=first)


@pytest.mark.parametrize(
    ("read", "where"),
    [
        ("safety_checks.check_id = ", "/v1/safeguarding/{check_id}"),
        ("ORDER BY safety_checks.received_at", "GET /v1/safeguarding told"),
    ],
    ids=["one", "the list"],
)
def test_probes_find_a_read_of_safety_checks_without_its_criterion(ground: Ground, read: str, where: str) -> None:
    """On SQLite, as above: a check of another organisation does not open, but is no absent one either."""
    if ground.database == "postgresql":
        return
    with ground.service() as service:
        sides = foreign_ids.Sides.made(service)
        assert walked(sides, by="desk").wrong == 0
        with criterion_removed(service, within=read):
            counts = walked(sides, by="desk")
    assert counts.foreign > 0
    assert all(where in one for one in counts.says), counts.says


def test_probes_find_a_glass_that_opens_another_organisation(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """On both: who asks as the other organisation is bound to it, and there is no wall left."""
    with ground.service() as service:
        sides = foreign_ids.Sides.made(service)
        assert walked(sides, by="breaking").wrong == 0
        monkeypatch.setattr(
            audited, "opened", lambda caller: replace(caller, opened=True, organisation=sides.other.organisation)
        )
        counts = walked(sides, by="breaking")
    assert counts.foreign >= len(OPENED)
    assert {one.split(" told ")[0] for one in counts.says if " told " in one} <= {f"foreign: {one}" for one in OPENED}


def test_races_find_keys_that_were_forgotten(ground: Ground) -> None:
    """A form whose key is not kept is answered anew, not replayed."""
    with planted.planted(planted.keys_forgotten, write):
        counts = one_key.run(ground, seed=1, cycles=2, threads=8)
    assert counts.wrong_replays == 2
    assert counts.other_faults > 0


def two_transactions(service: Service) -> Callable[[], None]:
    """Commit what was written so far when a statement fails."""
    opened: Any = service.runtime.database
    engine = getattr(opened, "_writing", None) or opened._engine.sync_engine

    def rollback(connection: Any) -> None:
        connection.commit()

    def plant() -> None:
        engine.dialect.do_rollback = rollback

    return plant


def test_strikes_find_a_write_that_is_not_one_transaction(ground: Ground) -> None:
    """A rollback that commits leaves half a write."""
    if ground.database == "postgresql":
        return  # it does not commit a transaction in which a statement failed
    with ground.service() as service:
        with only_posts(service) as places:
            two_transactions(service)()
            counts = struck_writes.struck(service, Random(1), cycles=places)
        assert counts.told["places"] == places
        assert any("answered 500, and " in one for one in counts.says), counts.says


@contextmanager
def only_posts(service: Service) -> Iterator[int]:
    """Strike nothing but the post of a form, as it is while it is well, by an error; say how many places that has."""
    with pytest.MonkeyPatch.context() as kept:
        kept.setattr(struck_writes, "SCOPE_OF", {"POST /v1/submissions": "submissions:write"})
        found = struck_writes.writes(service)
        kept.setattr(struck_writes, "writes", lambda _: found)
        kept.setattr(struck_writes, "STRIKES", {service.runtime.database.name: {"error": struck_writes.fail}})
        yield found[0].statements


def test_bad_credentials_find_a_service_that_takes_any_secret(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys whose secret is not compared open every operation: of one, each credential is tried once."""
    monkeypatch.setattr(bad_credentials, "EVERY", ("GET /v1/submissions/{submission_id}",))
    with ground.service() as service:
        monkeypatch.setattr(hmac, "compare_digest", lambda *_: True)
        counts = bad_credentials.tried(service, Random(1), cycles=120)
    assert counts.told["credentials"] <= 120
    assert any("with secret of the revoked one: 200" in one for one in counts.says), counts.says


def test_strikes_find_events_that_are_skipped_the_second_time(ground: Ground) -> None:
    """A retry that writes less than a write without a fault is found, wherever it was struck."""
    with ground.service() as service, only_posts(service), planted.planted(planted.events_skipped, write):
        assert struck_writes.struck(service, Random(1), cycles=2).other_faults >= 2


def test_the_model_finds_keys_that_were_forgotten(ground: Ground) -> None:
    """What is replayed in the model is not in the service. These two steps are taken, whatever would be drawn."""
    with ground.service() as service, planted.planted(planted.keys_forgotten, write):
        model = against_model.Model(service.clinic(), Random(1))
        model.post()
        model.again()
        assert "again: (200, None), not (201, None)" in model.end()


def test_sicknesses_find_a_service_that_does_not_know_them(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the database that is not told as such is a 500."""
    monkeypatch.setattr(database, "_sqlite_error", lambda error: error)
    monkeypatch.setattr(database, "_sqlstate", lambda _: "")
    counts = sick_storage.run(ground, seed=1, cycles=1)
    assert any(one.endswith("answered 500") for one in counts.says), counts.says


def test_fuzzing_finds_what_a_parser_should_not_raise(ground: Ground) -> None:
    """Three bytes that chance would not hit; the input that did it is told."""
    if ground.database == "postgresql":
        return
    counts = fuzzing.run(ground, seed=1, cycles=200_000, targets=("planted",))
    assert counts.other_faults == 1
    assert "RuntimeError: planted" in counts.says[0]
    assert "7b7b7b" in counts.says[0]
