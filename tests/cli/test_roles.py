"""The service does not run as a role that the second wall would not hold, and says how to mend it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.errors import Misconfigured
from app.main import create_app
from app.storage.database import parse_url
from app.storage.runtime import Runtime
from tests.cli.conftest import Shell
from tests.harness import (
    INSPECTOR,
    OWNER,
    admit,
    inspectors_url,
    looked_up,
    make_postgres_database,
    migrate,
    owners_url,
)

#: What each role is that the service must not be: how it is made, and what is said of it.
ROLES = {
    "superuser": ("SUPERUSER", "is a superuser"),
    "bypasses": ("BYPASSRLS IN ROLE alliance_service", "has BYPASSRLS"),
    "member of the owner": (f"IN ROLE alliance_service, {OWNER}", "owns acknowledgements, api_keys, "),
    "no member of the group": ("", "may not read acknowledgements, api_keys, "),
}


@pytest.fixture(scope="module")
def database(postgres_url: str) -> str:
    """A migrated database, by the URL of a login as it should be."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    return url


@pytest.fixture
def login(database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a login of some kind, which lives as long as the test."""
    name = f"role_{uuid4().hex}"
    make = f"CREATE ROLE {name} LOGIN PASSWORD 'alliance' {request.param}"
    looked_up(inspectors_url(database), lambda c: c.execute(text(make)).close())
    yield parse_url(database).set(drivername="postgresql", username=name).render_as_string(hide_password=False)
    looked_up(inspectors_url(database), lambda c: c.execute(text(f"DROP ROLE {name}")).close())


def changed(url: str, statement: str) -> None:
    """Change a database, or the server, by a URL."""
    looked_up(url, lambda c: c.execute(text(statement)).close())


@pytest.mark.parametrize(("login", "says"), ROLES.values(), ids=ROLES, indirect=["login"])
def test_a_role_too_strong_or_too_weak_does_not_serve(bare: Shell, login: str, says: str) -> None:
    """`serve` and the application itself end before they listen; `doctor` tells."""
    refused = " ".join(bare.refused("serve", ALLIANCE_DATABASE_URL=login).split())
    assert says in refused
    assert refused.endswith("member of alliance_service and owns nothing")
    found = bare.run("doctor", ALLIANCE_DATABASE_URL=login)
    assert (found.code, says in found.out) == (1, True)

    async def start(runtime: Runtime) -> None:
        app = create_app(runtime)
        async with app.router.lifespan_context(app):
            raise AssertionError("it serves")

    with pytest.raises(Misconfigured, match=says):
        bare.ask(start, database_url=login)


def test_the_owner_does_not_serve(bare: Shell, database: str) -> None:
    """Nor does a database without its wall."""
    assert "owns acknowledgements" in bare.refused("serve", ALLIANCE_DATABASE_URL=owners_url(database))


def test_a_role_as_it_should_be_is_fine(bare: Shell, database: str) -> None:
    """With the rights of the group and none of its own."""
    assert bare.run("doctor", ALLIANCE_DATABASE_URL=database).code == 0


def test_doctor_finds_keys_that_end_soon_behind_the_wall(bare: Shell, database: str) -> None:
    """Where the owner's login is known, who may list the organisations; nothing is said where it is not."""
    service = {"ALLIANCE_DATABASE_URL": database}
    organisation = bare.run("orgs", "create", "Clinic", "--plain", **service).out.strip()
    made = ("apps", "create", "ehr", "--org", organisation, "--scope", "scores:read", "--expires-in", "7", "--plain")
    assert bare.run(*made, **service).code == 0
    both = service | {"ALLIANCE_MIGRATION_DATABASE_URL": owners_url(database)}
    told = [json.loads(bare.run("doctor", "--json", **known).out)["keys_that_end_soon"] for known in (both, service)]
    assert ([(one["organisation_id"], one["application"]) for one in told[0]], told[1]) == (
        [(organisation, "ehr")], None,
    )  # fmt: skip


def test_a_wall_that_was_taken_down_stops_the_service(bare: Shell, postgres_url: str) -> None:
    """One table is enough."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    looked_up(owners_url(url), lambda c: c.execute(text("ALTER TABLE norms NO FORCE ROW LEVEL SECURITY")).close())
    refused = bare.refused("serve", ALLIANCE_DATABASE_URL=url)
    assert "finds no forced row-level security on norms: run `alliance migrate`" in " ".join(refused.split())


def test_temporary_tables_stop_the_service_until_the_owner_forbids_them(bare: Shell, postgres_url: str) -> None:
    """A database allows them to everybody until told otherwise: `migrate` tells it, and tells it again."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    name = parse_url(url).database
    assert bare.run("doctor", ALLIANCE_DATABASE_URL=url).code == 0
    for whom in ("PUBLIC", "alliance_test_service"):
        changed(inspectors_url(url), f"GRANT TEMPORARY ON DATABASE {name} TO {whom}")
        refused = " ".join(bare.refused("serve", ALLIANCE_DATABASE_URL=url).split())
        assert "alliance_test_service may make temporary tables, which can stand in for ours" in refused
        remedy = f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC, alliance_test_service"
        assert f"as the owner of the database, `{remedy}`" in refused
        if whom == "PUBLIC":
            migrate(url)
        else:
            changed(owners_url(url), remedy)
        assert bare.run("doctor", ALLIANCE_DATABASE_URL=url).code == 0


def test_a_database_of_somebody_else_is_migrated_and_refused(bare: Shell, postgres_url: str) -> None:
    """Whoever owns the tables, but not the database, can't forbid them: the service says who has to."""
    url = make_postgres_database(postgres_url)
    name = parse_url(url).database
    changed(inspectors_url(url), f"GRANT CREATE ON SCHEMA public TO {OWNER}")
    changed(inspectors_url(url), f"ALTER DATABASE {name} OWNER TO {INSPECTOR}")
    migrate(url)
    assert "may make temporary tables" in " ".join(bare.refused("serve", ALLIANCE_DATABASE_URL=url).split())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("CREATE POLICY door ON events USING (true)", "door on events"),
        ("CREATE POLICY door ON norms FOR SELECT TO alliance_service USING (true)", "door on norms"),
        ("ALTER POLICY bound_organisation ON norms USING (true)", "bound_organisation on norms"),
        ("ALTER POLICY bound_organisation ON norms WITH CHECK (true)", "bound_organisation on norms"),
    ],
)
def test_a_door_in_the_wall_stops_the_service(bare: Shell, postgres_url: str, change: str, told: str) -> None:
    """One policy that allows more is enough to see every organisation, though each table still has its wall."""
    url = make_postgres_database(postgres_url)
    migrate(url)
    looked_up(owners_url(url), lambda c: c.execute(text(change)).close())
    refused = bare.refused("serve", ALLIANCE_DATABASE_URL=url)
    assert f"is let through the wall by {told}" in " ".join(refused.split())


def test_two_urls_are_enough_for_an_operator(bare: Shell, postgres_url: str) -> None:
    """Migrated as the owner, run as the service; all organisations are listed by the owner only."""
    url = make_postgres_database(postgres_url)
    both = {"ALLIANCE_DATABASE_URL": url, "ALLIANCE_MIGRATION_DATABASE_URL": owners_url(url)}
    assert bare.run("migrate", **both).code == 0
    admit(url)
    made = [bare.run("orgs", "create", name, "--plain", ALLIANCE_DATABASE_URL=url).out.strip() for name in ("A", "B")]
    assert "only the owner of the tables sees all organisations" in bare.refused(
        "orgs", "list", ALLIANCE_DATABASE_URL=url
    )
    listed = bare.run("orgs", "list", **both).out
    assert [one in listed for one in made] == [True, True]
    assert json.loads(bare.run("keys", "rotate", "--json", **both).out)["organisations"] == 2
    created = bare.run("apps", "create", "ehr", "--org", made[0], "--scope", "scores:read", ALLIANCE_DATABASE_URL=url)
    assert (created.code, "alliance_" in created.out) == (0, True)
    assert bare.run("migrate", **both).code == 0
