"""The whole course of a client's scores: every form that counts, by instrument, rater and session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.refusals import refused
from tests.harness import ANSWERS, Clinic, form, therapists_form

#: A fixture of the science page, as item means, with what RUP-1 says of it while nothing is known of the instrument.
MEANS = (4.0, 4.1, 4.0, 4.2, 4.1, 3.2, 4.0, 4.2)
Z = [None, None, -0.1185, 0.5869, 0.0527, -3.333, -0.328, 0.5681]


def long_form(session: int, mean: float) -> dict[str, Any]:
    """Make a form of trq with 20 of 24 answers, so that any mean in twentieths can be its total."""
    low, higher = divmod(round(mean * 20), 20)
    answers = {str(item): low + (item <= higher) for item in range(1, 21)}
    return form(instrument="trq", session_number=session, answers=answers)


def session_rating(session: int, mean: float) -> dict[str, Any]:
    """Make a form of srs, 0 to 10, that stands where a mean of 1 to 5 does; its total is a sum of four."""
    low, higher = divmod(round((mean - 1) * 100), 4)
    answers = {str(item): low + (item <= higher) for item in range(1, 5)}
    return form(instrument="srs", session_number=session, answers=answers)


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


def test_the_band_of_the_fixture(clinic: Clinic) -> None:
    """The z of the science page, session by session; at the sixth m* 4.0873 and s .2662."""
    made = [clinic.recorded(long_form(n, mean)) for n, mean in enumerate(MEANS, start=1)][-1]
    (series,) = read(clinic, made)
    band = series["band"]
    assert [point["session_number"] for point in band] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [point["z"] for point in band] == Z
    assert [point["insufficient_history"] for point in band] == [True, True, *[False] * 6]
    assert band[0] == {
        "session_number": 1, "baseline": None, "watch_below": None, "alert_below": None, "z": None,
        "insufficient_history": True, "calibrated": False,
    }  # fmt: skip
    # 4.0873 - 1.64 * .2662 and 4.0873 - 2.33 * .2662
    told = (band[5]["baseline"], band[5]["watch_below"], band[5]["alert_below"])
    assert told == pytest.approx((4.0873, 3.6507, 3.4671), abs=2e-4)


def test_the_band_is_in_the_unit_of_the_totals(clinic: Clinic) -> None:
    """The fixture on 0 to 10, as a sum of four: z stays, and 4.0873 of 1 to 5 is 30.873 of 0 to 40."""
    made = [clinic.recorded(session_rating(n, mean)) for n, mean in enumerate(MEANS, start=1)][-1]
    (series,) = read(clinic, made)
    place = [one["key"] for one in series["components"]].index("total")
    assert [point["values"][place] for point in series["points"]] == [30.0, 31.0, 30.0, 32.0, 31.0, 22.0, 30.0, 32.0]
    assert [point["z"] for point in series["band"]] == Z
    sixth = series["band"][5]
    told = (sixth["baseline"], sixth["watch_below"], sixth["alert_below"])
    assert told == pytest.approx((30.873, 26.507, 24.671), abs=2e-3)


def test_a_session_without_a_total_leaves_a_gap_in_the_band(clinic: Clinic) -> None:
    """It changes nothing: the session after it is held against those before."""
    for number, mean in ((1, 4.0), (2, 4.1), (4, 4.0)):
        clinic.recorded(long_form(number, mean))
    made = clinic.recorded(form(instrument="trq", session_number=3, answers={"1": 4}))
    (series,) = read(clinic, made)
    assert [point["z"] for point in series["band"]] == [None, None, None, -0.1185]
    assert [point["insufficient_history"] for point in series["band"]] == [True, True, False, False]
    assert series["band"][2]["baseline"] is None


def test_a_shape_counted_by_hand(clinic: Clinic) -> None:
    """3.0 3.2 3.4 3.6 3.8 rises .2 a session, .8 in all; beyond error are 1.96 sqrt(2) .2 = .5544."""
    made = [clinic.recorded(long_form(n, 2.8 + 0.2 * n)) for n in range(1, 5)][-1]
    (series,) = read(clinic, made)
    assert (series["shape"]["name"], series["shape"]["reason"]) == ("insufficient", "too_few_sessions")
    assert (series["shape"]["slope"], series["shape"]["sessions_used"]) == (None, 4)
    clinic.recorded(long_form(5, 3.8))
    (series,) = read(clinic, made)
    assert series["shape"] == {
        "name": "rising", "reason": None, "slope": 0.2, "sessions_used": 5, "first_session": 1, "last_session": 5,
        "limit": 0.5544, "calibrated": False, "parameters": "uncalibrated-1", "version": "SHP-1",
    }  # fmt: skip


def test_the_shape_of_a_fall_and_a_rise(clinic: Clinic) -> None:
    """A valley is told as one, and nothing of what comes next."""
    means = (4.5, 4.0, 3.4, 3.1, 3.0, 3.2, 3.5, 4.1, 4.4)
    made = [clinic.recorded(long_form(n, mean)) for n, mean in enumerate(means, start=1)][-1]
    (series,) = read(clinic, made)
    assert series["shape"]["name"] == "valley"


def test_shape_and_band_are_for_those_who_treat(clinic: Clinic) -> None:
    """A client's own key gets the series as they are; the therapist's gets both."""
    made = [clinic.recorded(long_form(n, mean)) for n, mean in enumerate(MEANS, start=1)][-1]
    (series,) = read(clinic.bound("client", "mrn-1042"), made)
    assert (series["shape"], series["band"], len(series["points"])) == (None, None, 8)
    (series,) = read(clinic.bound("therapist", "th-7"), made)
    assert [point["z"] for point in series["band"]] == Z
