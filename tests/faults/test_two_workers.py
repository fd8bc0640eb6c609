"""Two workers on one client's series: whoever wins, the end is that of the stored forms, folded anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update

from app.storage.tables import assessments, episodes, scores
from tests.faults.accounting import faults
from tests.faults.rebuild import differences
from tests.faults.running import RunningService
from tests.harness import Clinic, form

Post = Callable[[dict[str, Any], str], httpx.Response]

EPISODES = ("2026-a", "2026-b")
SERIES = (("trq-s", "client"), ("trq-s-t", "therapist"), ("wai-sr", "client"))
SESSIONS = 6
SEED = 20261123


def sent(episode: str, instrument: str, rater: str, session: int) -> dict[str, Any]:
    """Make a form whose answers follow from its place; only the client's TRQ tells the stage anything."""
    dice = Random(f"{SEED} {episode} {instrument} {session}")
    items = [str(n) for n in range(1, 13 if instrument == "wai-sr" else 9)]
    told: dict[str, Any] = {}
    if instrument == "trq-s":
        items += ["f1", "f2", "f3", "f4"]
        told = {"planned_sessions": 8, "reported": {"rupture": session == 3}}
    return form(
        instrument=instrument,
        rater=rater,
        episode_ref=episode,
        session_number=session,
        answers={item: dice.randint(1, 5) for item in items},
        **told,
    )


def through(clinic: Clinic) -> Post:
    """Post through a worker in this process."""
    return lambda form, key: clinic.post(form, key=key)


@pytest.fixture(params=["one process", "two processes"])
def posts(request: pytest.FixtureRequest, clinic: Clinic) -> Iterator[tuple[Post, Post]]:
    """Ways to post to two workers of one database: both in this process, or each in one of its own."""
    if request.param == "one process":
        second: Clinic = request.getfixturevalue("second_worker")
        yield through(clinic), through(second)
        return
    running: list[RunningService] = request.getfixturevalue("two_processes")
    with ExitStack() as stack:
        first, other = (
            _remote(stack.enter_context(httpx.Client(base_url=one.url, timeout=30)), clinic) for one in running
        )
        yield first, other


def _remote(http: httpx.Client, clinic: Clinic) -> Post:
    def post(form: dict[str, Any], key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {clinic.api_key}", "Idempotency-Key": key}
        return http.post("/v1/submissions", json=form, headers=headers)

    return post


def until_settled(post: Post, form: dict[str, Any], key: str) -> tuple[int, str | None]:
    """Post until the answer is final: 409 in_progress asks for another try."""
    for _ in range(200):
        response = post(form, key)
        code = response.json().get("code")
        if code != "in_progress":
            return response.status_code, code
    raise AssertionError("in progress for ever")


def test_two_workers_on_the_same_series_store_every_form_once(clinic: Clinic, posts: tuple[Post, Post]) -> None:
    """Both workers post all series in order, one with the same keys, one with others: nothing is lost or doubled."""

    def run(work: tuple[int, str, tuple[str, str], str]) -> Counter[tuple[int, str | None]]:
        worker, episode, (instrument, rater), key = work
        return Counter(
            until_settled(posts[worker], sent(episode, instrument, rater, n), f"{key}-{episode}-{instrument}-{n}")
            for n in range(1, SESSIONS + 1)
        )

    work = [(w, *place) for w in (0, 1) for place in product(EPISODES, SERIES, ("one", f"of-{w}"))]
    with ThreadPoolExecutor(len(work)) as pool:
        answers = sum(pool.map(run, work), Counter())
    assert set(answers) <= {(201, None), (200, None)}
    assert sum(answers.values()) == 4 * 36
    assert clinic.count("submissions") == 36
    assert clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation, keys_of_a_form=3)) == []
    assert (clinic.count("clients"), clinic.count("therapists"), clinic.count("episodes")) == (1, 1, 2)
    assert differences(clinic) == []


def test_two_workers_ahead_of_each_other_end_as_a_rebuild_does(clinic: Clinic, posts: tuple[Post, Post]) -> None:
    """One worker posts the odd sessions, the other the even ones: all are taken, late ones too, as a rebuild has it."""

    def run(work: tuple[int, str, tuple[str, str]]) -> list[tuple[int, str | None]]:
        worker, episode, (instrument, rater) = work
        return [
            until_settled(posts[worker], sent(episode, instrument, rater, n), f"{episode}-{instrument}-{n}")
            for n in range(1 + worker, SESSIONS + 1, 2)
        ]

    work = list(product((0, 1), EPISODES, SERIES))
    with ThreadPoolExecutor(len(work)) as pool:
        answers = Counter(answer for answers in pool.map(run, work) for answer in answers)
    assert answers == {(201, None): 36}
    assert clinic.count("submissions") == 36
    assert clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation)) == []
    assert (clinic.count("clients"), clinic.count("therapists"), clinic.count("episodes")) == (1, 1, 2)
    assert differences(clinic) == []


def test_first_forms_of_a_new_client_make_one_client_and_one_episode(clinic: Clinic, posts: tuple[Post, Post]) -> None:
    """Sixteen forms at once, without episode_ref, of a client and a therapist nobody has heard of, three times."""
    for round_ in range(3):

        def first(n: int, names: str = f"new-{round_}") -> tuple[int, str | None]:
            new = form(client_ref=names, therapist_ref=names, session_number=n + 1)
            return until_settled(posts[n % 2], new, f"{names}-{n}")

        with ThreadPoolExecutor(16) as pool:
            answers = Counter(pool.map(first, range(16)))
        assert answers == {(201, None): 16}
        made = round_ + 1
        assert (clinic.count("clients"), clinic.count("therapists"), clinic.count("episodes")) == (made, made, made)
    assert clinic.service.read(lambda c: faults(c, [], organisation=clinic.organisation)) == []
    assert differences(clinic) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": 1.25}, "scores of"),
        ({"session_number": 9}, "place of"),
    ],
)
def test_the_rebuild_finds_planted_faults(clinic: Clinic, change: dict[str, Any], says: str) -> None:
    """A stored total that does not follow from the answers is found, and so is one in another place."""
    told = UUID(clinic.recorded(form())["id"])
    assert differences(clinic) == []
    planted = update(scores).where(
        scores.c.organisation_id == clinic.organisation, scores.c.submission_id == told, scores.c.component == "total"
    )
    clinic.service.write(lambda c: c.execute(planted.values(**change)))
    assert any(one.startswith(says) for one in differences(clinic))


def test_the_rebuild_finds_a_state_that_does_not_follow(clinic: Clinic) -> None:
    """What an episode keeps is found when it tells something else than the forms do."""
    clinic.recorded(form())
    of = episodes.c.organisation_id == clinic.organisation
    course = clinic.service.read(lambda c: c.execute(select(episodes.c.course).where(of)).scalar_one())
    line = course["series"]["trq-s/client"] | {"totals": [1.25]}
    planted = update(episodes).where(of).values(course=course | {"series": {"trq-s/client": line}})
    clinic.service.write(lambda c: c.execute(planted))
    assert [one.split(" ")[0] for one in differences(clinic)] == ["/progress"]


def test_the_rebuild_finds_a_change_and_a_stage_that_were_told_wrongly(clinic: Clinic) -> None:
    """An assessment that belongs to other answers is found."""
    clinic.recorded(form(session_number=1))
    told = clinic.recorded(form(session_number=2))
    of = (assessments.c.organisation_id == clinic.organisation, assessments.c.submission_id == UUID(told["id"]))
    row = clinic.service.read(lambda c: c.execute(select(assessments).where(*of)).one())
    change = row.change | {
        "total": row.change["total"] | {"since_first": row.change["total"]["since_first"] | {"value": 9}}
    }
    stage = row.stage | {"estimate": row.stage["estimate"] | {"probabilities": [1.0, 0.0, 0.0, 0.0]}}
    planted = update(assessments).where(*of).values(change=change, stage=stage)
    clinic.service.write(lambda c: c.execute(planted))
    assert differences(clinic) == [f"change of {told['id']}", f"stage told with {told['id']}"]
