"""Client and therapist side by side: how far apart, how alike, how one follows the other; never their average."""

from __future__ import annotations

from typing import Any

from tests.api.refusals import refused
from tests.harness import ANSWERS, THERAPISTS_ANSWERS, Clinic, form, therapists_form

#: The check of the science page, as item means.
CLIENT = (4.0, 4.2, 3.8, 3.2, 3.9, 4.3)
THERAPIST = (3.8, 3.9, 3.6, 3.3, 3.6, 3.9)
KEYS = ["rapport", "empathy", "respect", "trust", "collaboration", "genuineness", "acceptance", "encouragement"]


def long_form(rater: str, session: int, mean: float, **changes: Any) -> dict[str, Any]:
    """Make a form of trq with 20 of 24 answers, so that any mean in twentieths can be its total."""
    low, higher = divmod(round(mean * 20), 20)
    answers = {str(item): low + (item <= higher) for item in range(1, 21)}
    instrument = "trq" if rater == "client" else "trq-t"
    return form(instrument=instrument, rater=rater, session_number=session, answers=answers, **changes)


def rated(clinic: Clinic, sessions: int = 6) -> dict[str, Any]:
    """Post both raters' forms of the check, and return the last answer."""
    for session, (own, theirs) in enumerate(zip(CLIENT[:sessions], THERAPIST, strict=False), start=1):
        clinic.recorded(long_form("client", session, own))
        made = clinic.recorded(long_form("therapist", session, theirs))
    return made


def read(clinic: Clinic, made: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    """Read the pairs of the client of a form."""
    answer = clinic.get(f"/v1/clients/{made['client_id']}/discrepancy{query}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")
    body = answer.json()
    assert (body["client_id"], body["episode_id"]) == (made["client_id"], made["episode_id"])
    pairs: list[dict[str, Any]] = body["pairs"]
    return pairs


def test_the_worked_example_of_the_science_page(clinic: Clinic) -> None:
    """Slope .578947; bias -.216667 of an item, which is 25 times as much in percent of 1 to 5."""
    (pair,) = read(clinic, rated(clinic))
    assert (pair["client_instrument"], pair["therapist_instrument"]) == ("trq", "trq-t")
    assert pair["truth_and_bias"] == {
        "component": "total", "pairs": 6, "slope": 0.5789, "bias": -5.4167, "reason": None,
    }  # fmt: skip
    assert pair["components"][0] == "total"
    # (3.8 - 4) * 25, (3.9 - 4.2) * 25 and so on
    assert [one["differences"][0] for one in pair["sessions"]] == [-5.0, -7.5, -5.0, 2.5, -7.5, -10.0]
    assert [one["session_number"] for one in pair["sessions"]] == [1, 2, 3, 4, 5, 6]
    assert pair["latest"] == pair["sessions"][-1]


def test_four_sessions_have_no_slope_and_five_have(clinic: Clinic) -> None:
    """Below five pairs it says why."""
    assert read(clinic, rated(clinic, 4))[0]["truth_and_bias"] == {
        "component": "total", "pairs": 4, "slope": None, "bias": None, "reason": "too_few_pairs",
    }  # fmt: skip
    clinic.recorded(long_form("client", 5, 3.9))
    (pair,) = read(clinic, clinic.recorded(long_form("therapist", 5, 3.6)))
    assert (pair["truth_and_bias"]["pairs"], pair["truth_and_bias"]["reason"]) == (5, None)


def test_a_session_counted_by_hand(clinic: Clinic) -> None:
    """Client 4 3 5 4 4 5 4 4, therapist 4 4 5 4 3 4 4 2: one item each, a step is 25 points.

    Client 75 50 100 75 75 100 75 75: mean 78.125, squares around it 1796.875, so the SD is sqrt(1796.875 / 8).
    Therapist 75 75 100 75 50 75 75 25: mean 68.75, squares 3437.5; products 781.25, so r = 781.25 / sqrt(6176757.8).
    """
    clinic.recorded(form())
    theirs = dict(zip(map(str, range(1, 9)), (4, 4, 5, 4, 3, 4, 4, 2), strict=True))
    (pair,) = read(clinic, clinic.recorded(therapists_form(answers=theirs)))
    assert pair["components"] == ["total", *KEYS, "relationship", "elements"]
    # relationship: rapport, empathy, respect 75 -> 83.3333; elements: trust, respect, collaboration 83.3333 -> 75
    assert pair["latest"]["differences"] == [-9.375, 0, 25, 0, 0, -25, -25, 0, -50, 8.3333, -8.3333]
    told = pair["latest"]["similarity"]
    assert told["components"] == KEYS
    assert (told["elevation"], told["reason"]) == (-9.375, None)
    assert (told["scatter_client"], told["scatter_therapist"]) == (14.987, 20.7289)
    assert (told["scatter_difference"], told["scatter_ratio"], told["correlation"]) == (5.7419, 1.3831, 0.3143)


def test_what_one_of_them_has_not_scored_is_null_and_never_0(clinic: Clinic) -> None:
    """The difference is left out, and so is the component in the profile; a flat profile has no form."""
    clinic.recorded(form(answers={**ANSWERS, "1": None}))
    flat = {item: 4 for item in THERAPISTS_ANSWERS if item != "2"}
    (pair,) = read(clinic, clinic.recorded(therapists_form(answers=flat)))
    assert pair["latest"]["differences"][1:4] == [None, None, -25.0]
    told = pair["latest"]["similarity"]
    assert told["components"] == KEYS[2:]
    assert (told["correlation"], told["reason"]) == (None, "no_scatter")


def test_an_instrument_without_components_has_a_total_and_no_profile(clinic: Clinic) -> None:
    """ARM-5 is one key for both raters; 5 5 3 5 5 is 5 of 1 to 7 with the third turned, 6 6 2 6 6 is 6."""
    answers = {"1": 5, "2": 5, "3": 3, "4": 5, "5": 5}
    clinic.recorded(form(instrument="arm-5", answers=answers))
    theirs = {"1": 6, "2": 6, "3": 2, "4": 6, "5": 6}
    (pair,) = read(clinic, clinic.recorded(form(instrument="arm-5", rater="therapist", answers=theirs)))
    assert (pair["client_instrument"], pair["therapist_instrument"]) == ("arm-5", "arm-5")
    assert (pair["components"], pair["latest"]["differences"]) == (["total"], [16.6667])
    assert pair["latest"]["similarity"]["reason"] == "too_few_components"


def test_without_a_pair_the_list_is_empty(clinic: Clinic) -> None:
    """Another session, another instrument, or the long form beside the short one: nothing is compared."""
    made = clinic.recorded(form(session_number=1))
    clinic.recorded(therapists_form(session_number=2))
    clinic.recorded(long_form("therapist", 1, 4.0))
    clinic.recorded(form(instrument="wai-sr", session_number=2, answers={str(n): 4 for n in range(1, 13)}))
    assert read(clinic, made) == []


def test_each_pair_of_series_stands_alone(clinic: Clinic) -> None:
    """The short and the long form, by the client's instrument; sessions that one of them missed are not in it."""
    rated(clinic, 2)
    clinic.recorded(form(session_number=2))
    made = clinic.recorded(therapists_form(session_number=2))
    clinic.recorded(form(session_number=3))
    pairs = read(clinic, made)
    assert [(one["client_instrument"], [s["session_number"] for s in one["sessions"]]) for one in pairs] == [
        ("trq", [1, 2]), ("trq-s", [2]),
    ]  # fmt: skip
    assert pairs[1]["latest"]["therapist_submission_id"] == made["id"]


def test_only_forms_that_count_are_compared(clinic: Clinic) -> None:
    """A corrected form is compared as it should have been, a withdrawn one not at all."""
    clinic.recorded(form())
    theirs = clinic.recorded(therapists_form())
    assert read(clinic, theirs)[0]["latest"]["differences"][1] == 0.0
    right = clinic.correct(theirs["id"], therapists_form(answers={**THERAPISTS_ANSWERS, "1": 5})).json()
    assert read(clinic, theirs)[0]["latest"]["differences"][1] == 25.0
    clinic.withdraw(right["id"])
    assert read(clinic, theirs) == []


def test_an_episode_is_named_or_is_the_latest(clinic: Clinic) -> None:
    """Another client's episode and an absent one are alike."""
    clinic.recorded(form(episode_ref="a"))
    first = clinic.recorded(therapists_form(episode_ref="a"))
    assert read(clinic, clinic.recorded(form(episode_ref="b"))) == []
    query = f"?episode_id={first['episode_id']}"
    assert len(read(clinic, first, query)) == 1
    other = clinic.recorded(form(client_ref="mrn-2"))
    refused(clinic.get(f"/v1/clients/{other['client_id']}/discrepancy{query}"), 404, "not_found")


def test_it_is_for_those_who_treat(clinic: Clinic) -> None:
    """Their therapist's key reads it; the client's and another therapist's do not."""
    made = rated(clinic, 1)
    assert len(read(clinic.bound("therapist", "th-7"), made)) == 1
    for stranger in (clinic.bound("client", "mrn-1042"), clinic.bound("therapist", "th-8")):
        refused(stranger.get(f"/v1/clients/{made['client_id']}/discrepancy"), 404, "not_found")


def test_it_is_cached_until_something_is_new(clinic: Clinic) -> None:
    """304 with the same strong ETag, until a form comes."""
    made = rated(clinic, 1)
    path = f"/v1/clients/{made['client_id']}/discrepancy"
    tag = clinic.get(path).headers["etag"]
    assert tag.startswith('"')
    same = clinic.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    rated_again = clinic.recorded(long_form("client", 2, 4.0))
    assert clinic.get(path, headers={"If-None-Match": tag}).status_code == 304, "nothing to compare it with yet"
    clinic.recorded(long_form("therapist", 2, 4.0))
    assert rated_again["client_id"] == made["client_id"]
    assert clinic.get(path, headers={"If-None-Match": tag}).status_code == 200
