"""Forms of an older version of an instrument stay what they were when a newer one comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.storage.runtime import Runtime
from tests.harness import ANSWERS, Clinic, form, scores_by_component, therapists_form
from tests.usecases.histories import check_rebuild


def with_version(runtime: Runtime, version: str, **changes: Any) -> Runtime:
    """Add another version of trq-s to the catalogue of a service."""
    catalog = runtime.catalog
    newer = replace(catalog.latest("trq-s"), version=version, digest=f"sha256:{version}", **changes)
    return replace(runtime, catalog=replace(catalog, instruments=(*catalog.instruments, newer)))


@pytest.fixture(params=["same scale", "other scale"])
def newer(request: pytest.FixtureRequest, clinic: Clinic) -> Iterator[Clinic]:
    """The clinic, served with a second version: with other words only, or one that tells sums instead of means."""
    changes: dict[str, Any] = {"title": "TRQ-S, revised"}
    if request.param == "other scale":
        changes = {"convention": "sum"}
    runtime = with_version(clinic.service.runtime, "1.1.0", **changes)
    transport = httpx.ASGITransport(app=create_app(runtime), raise_app_exceptions=False)
    http = httpx.AsyncClient(transport=transport, base_url="http://alliance.test")
    service = replace(clinic.service, runtime=runtime, http=http)
    yield replace(clinic, service=service)
    clinic.service.portal.call(http.aclose)


def test_an_older_form_is_read_replayed_and_explained_with_its_own_version(clinic: Clinic, newer: Clinic) -> None:
    """Whatever is newest now: the answer of then, the definition of then, and every step with its numbers."""
    first = clinic.post(form(), key="k")
    again = newer.post(form(), key="k")
    assert (again.status_code, again.content) == (201, first.content)
    made = first.json()
    assert newer.read_back(made["id"])["instrument"]["version"] == "1.0.0"
    path = f"/v1/clients/{made['client_id']}/scores/{made['scores'][-1]['id']}/explanation"
    assert newer.get(path).json() == clinic.get(path).json()


def test_a_form_names_its_version_or_gets_the_newest(clinic: Clinic, newer: Clinic) -> None:
    """Phones that still hold the old one go on sending it; an unknown version is told."""
    old = newer.recorded(form(session_number=1, instrument_version="1.0.0"))
    new = newer.recorded(form(session_number=2))
    assert [one["instrument"]["version"] for one in (old, new)] == ["1.0.0", "1.1.0"]
    unknown = newer.post(form(session_number=3, instrument_version="9.0.0"))
    assert unknown.json()["errors"] == [{"pointer": "/instrument_version", "code": "unknown_version"}]
    assert newer.get("/v1/instruments/trq-s/versions/1.0.0").status_code == 200
    assert clinic.read_back(old["id"])["scores"] == old["scores"]


def test_a_change_is_told_across_versions_of_one_scale_only(newer: Clinic, request: pytest.FixtureRequest) -> None:
    """Means are compared with means; where the newer version tells sums, its series begins anew."""
    same = "same scale" in request.node.name
    newer.recorded(form(session_number=1, instrument_version="1.0.0", answers={**ANSWERS, "1": 2}))
    new = newer.recorded(form(session_number=3))
    late = newer.recorded(form(session_number=2, instrument_version="1.0.0", answers={**ANSWERS, "1": 3}))
    assert late["change"]["rapport"]["since_previous"]["value"] == 1.0
    told = newer.read_back(new["id"])
    since = told["change"]["rapport"]["since_previous"]
    assert (since["session_number"], since["value"]) == ((2, 1.0) if same else (None, None))
    total = scores_by_component(told)["total"]
    assert total["value"] == (4.125 if same else 33.0)
    check_rebuild(newer, "mrn-1042")
    last = newer.recorded(form(session_number=4))
    assert last["change"]["rapport"]["since_previous"]["session_number"] == 3


def test_progress_and_trajectory_name_the_versions(newer: Clinic) -> None:
    """Each point tells its version; the line tells that of the latest form."""
    made = newer.recorded(form(session_number=1, instrument_version="1.0.0"))
    newer.recorded(form(session_number=2))
    client = f"/v1/clients/{made['client_id']}"
    (line,) = newer.get(f"{client}/progress").json()["series"]
    (series,) = newer.get(f"{client}/trajectory").json()["series"]
    assert line["version"] == "1.1.0"
    assert [point["version"] for point in series["points"]] == ["1.0.0", "1.1.0"]


def test_the_band_goes_on_over_versions_of_one_scale_only(newer: Clinic, request: pytest.FixtureRequest) -> None:
    """Where the newer version tells sums, band and shape begin anew, and nothing is held against means."""
    same = "same scale" in request.node.name
    for session in (1, 2):
        made = newer.recorded(form(session_number=session, instrument_version="1.0.0"))
    newer.recorded(form(session_number=3))
    (series,) = newer.get(f"/v1/clients/{made['client_id']}/trajectory").json()["series"]
    assert [point["insufficient_history"] for point in series["band"]] == [True, True, not same]
    assert series["shape"]["sessions_used"] == (3 if same else 1)


def test_ratings_are_put_on_one_line_over_versions_of_one_scale_only(
    newer: Clinic, request: pytest.FixtureRequest
) -> None:
    """Each session is compared for itself; what follows the ratings over sessions begins anew."""
    same = "same scale" in request.node.name
    for session, version in ((1, "1.0.0"), (2, "1.0.0"), (3, "1.1.0")):
        newer.recorded(form(session_number=session, instrument_version=version))
        made = newer.recorded(therapists_form(session_number=session))
    (pair,) = newer.get(f"/v1/clients/{made['client_id']}/discrepancy").json()["pairs"]
    assert [one["differences"][0] for one in pair["sessions"]] == [0.0, 0.0, 0.0]
    assert pair["truth_and_bias"]["pairs"] == (3 if same else 1)


def test_a_correction_may_be_of_another_version(newer: Clinic) -> None:
    """The instrument stays the same; the form is scored with the version that the correction names."""
    made = newer.recorded(form(instrument_version="1.0.0"))
    corrected = newer.correct(made["id"], form())
    assert (corrected.status_code, corrected.json()["instrument"]["version"]) == (201, "1.1.0")
    assert newer.read_back(made["id"])["instrument"]["version"] == "1.0.0"
