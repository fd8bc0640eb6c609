"""The whole course of a client's scores: every form that counts, by instrument, rater and session."""

from __future__ import annotations

from typing import Any

from tests.api.refusals import refused
from tests.harness import ANSWERS, Clinic, form, therapists_form


def read(clinic: Clinic, made: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    """Read the series of the client of a form."""
    answer = clinic.get(f"/v1/clients/{made['client_id']}/trajectory{query}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")
    body = answer.json()
    assert (body["client_id"], body["episode_id"]) == (made["client_id"], made["episode_id"])
    series: list[dict[str, Any]] = body["series"]
    return series


def test_each_form_stands_where_its_session_stands(clinic: Clinic) -> None:
    """A late one too, with its dates; the raters and instruments stand side by side."""
    made = clinic.recorded(form(session_number=2, session_date="2025-01-20", answers={**ANSWERS, "1": 5}))
    clinic.recorded(therapists_form(session_number=1))
    late = clinic.recorded(form(session_number=1, answers={**ANSWERS, "1": 3}))
    clinic.recorded(form(session_number=1, instrument="wai-sr", answers={str(n): 4 for n in range(1, 13)}))
    series = read(clinic, made)
    assert [(one["rater"], one["instrument"]) for one in series] == [
        ("client", "trq-s"), ("client", "wai-sr"), ("therapist", "trq-s-t"),
    ]  # fmt: skip
    own = series[0]
    assert own["components"][0] == {"key": "rapport", "min": 1.0, "max": 5.0}
    assert [point.pop("values")[0] for point in own["points"]] == [3.0, 5.0]
    assert [point.pop("pomps")[0] for point in own["points"]] == [50.0, 100.0]
    assert own["points"] == [
        {
            "submission_id": late["id"], "session_number": 1, "session_date": None, "version": "1.0.0",
            "completed_at": "2025-01-14T10:00:00Z",
        },
        {
            "submission_id": made["id"], "session_number": 2, "session_date": "2025-01-20", "version": "1.0.0",
            "completed_at": "2025-01-21T10:00:00Z",
        },
    ]  # fmt: skip


def test_what_was_not_scored_is_null_and_its_range_is_that_of_when_it_was(clinic: Clinic) -> None:
    """A component without a score in the latest form keeps its range; one that was never scored has none."""
    clinic.recorded(form(session_number=1, answers={**ANSWERS, "7": None}))
    made = clinic.recorded(form(session_number=2, answers={**ANSWERS, "1": None, "7": "not_applicable"}))
    (series,) = read(clinic, made)
    ranges = {one["key"]: (one["min"], one["max"]) for one in series["components"]}
    assert (ranges["rapport"], ranges["acceptance"]) == ((1.0, 5.0), (None, None))
    place = [one["key"] for one in series["components"]].index("rapport")
    assert [point["values"][place] for point in series["points"]] == [4.0, None]


def test_superseded_and_withdrawn_forms_are_not_in_it(clinic: Clinic) -> None:
    """Only the form that counts holds its place."""
    made = [clinic.recorded(form(session_number=n)) for n in (1, 2, 3)]
    corrected = clinic.correct(made[0]["id"], form(session_number=1, answers={**ANSWERS, "1": 1})).json()
    clinic.withdraw(made[1]["id"])
    (series,) = read(clinic, made[0])
    assert [point["submission_id"] for point in series["points"]] == [corrected["id"], made[2]["id"]]


def test_an_episode_is_named_or_is_the_latest(clinic: Clinic) -> None:
    """Another client's episode and an absent one are alike."""
    first = clinic.recorded(form(episode_ref="a"))
    second = clinic.recorded(form(episode_ref="b"))
    assert read(clinic, second)[0]["points"][0]["submission_id"] == second["id"]
    query = f"?episode_id={first['episode_id']}"
    assert read(clinic, first, query)[0]["points"][0]["submission_id"] == first["id"]
    other = clinic.recorded(form(client_ref="mrn-2"))
    refused(clinic.get(f"/v1/clients/{other['client_id']}/trajectory{query}"), 404, "not_found")


def test_it_is_cached_until_something_is_new(clinic: Clinic) -> None:
    """304 with the same strong ETag, until a form comes or goes."""
    made = clinic.recorded(form())
    path = f"/v1/clients/{made['client_id']}/trajectory"
    tag = clinic.get(path).headers["etag"]
    assert tag.startswith('"')
    same = clinic.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    clinic.recorded(form(session_number=2))
    assert clinic.get(path, headers={"If-None-Match": tag}).status_code == 200
