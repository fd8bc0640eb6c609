"""Lanes: calls that arrive while one is under way share the next, and none of them is told what another one met."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.errors import KeyInProgress, StorageBusy, StorageUnavailable
from app.seeing.untold import is_untold, untold
from app.storage.together import Lanes, Work


class UnforeseenError(Exception):
    """A fault that nobody thought of."""


class Desk:
    """Work that notes what it is given, waits to be let go on, and fails where an item says so."""

    def __init__(self) -> None:
        self.lanes = Lanes()
        self.organisation = uuid4()
        self.shared: list[list[str]] = []
        self.busy = self.peak = 0
        self.go_on = asyncio.Event()
        self.fails: dict[str, Exception] = {}
        self.weights: dict[str, int] = {}

    async def work(self, items: Sequence[str]) -> list[str]:
        """Take what items are given, and answer each in upper case."""
        self.shared.append(list(items))
        self.busy += 1
        self.peak = max(self.peak, self.busy)
        try:
            await self.go_on.wait()
            await asyncio.sleep(0)
            for item in items:
                if item in self.fails:
                    raise self.fails[item]
        finally:
            self.busy -= 1
        return [item.upper() for item in items]

    def ask(self, *items: str, name: str = "desk", organisation: UUID | None = None) -> list[asyncio.Task[str]]:
        """Ask for some items at once, in their order."""
        return [asyncio.create_task(self.run(self.work, item, name=name, organisation=organisation)) for item in items]

    async def run(
        self, work: Work[str, str], item: str, *, name: str = "desk", organisation: UUID | None = None
    ) -> str:
        """Have one item worked on."""
        return await self.lanes.run(
            name,
            item,
            work,
            organisation=organisation or self.organisation,
            most=3,
            weigh=lambda one: self.weights.get(one, 1),
        )

    async def after_the_first(self, *items: str) -> list[str | BaseException]:
        """Ask for items while a first one is under way; returns what they are told."""
        first = self.ask("first")
        await settle()
        later = self.ask(*items)
        await settle()
        assert self.shared == [["first"]]
        self.go_on.set()
        assert await first[0] == "FIRST"
        return await asyncio.gather(*later, return_exceptions=True)


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(10):
        await asyncio.sleep(0)


def at_a_desk(test: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    """Run a test in an event loop, and check that no lane is left behind."""

    async def run() -> None:
        desk = Desk()
        async with asyncio.timeout(20):
            await test(desk)
            await settle()
        assert desk.lanes._lanes == {}

    asyncio.run(run())


def test_a_lone_call_waits_for_nobody() -> None:
    """On an idle lane a call is worked on by itself, and the next one after it too."""

    async def test(desk: Desk) -> None:
        desk.go_on.set()
        assert [await desk.ask(one)[0] for one in "ab"] == ["A", "B"]
        assert desk.shared == [["a"], ["b"]]

    at_a_desk(test)


def test_what_arrives_during_work_shares_the_next_one() -> None:
    """In the order of arrival and each with its own answer; nobody joins work that has begun."""

    async def test(desk: Desk) -> None:
        assert await desk.after_the_first("a", "b", "c") == ["A", "B", "C"]
        assert desk.shared == [["first"], ["a", "b", "c"]]

    at_a_desk(test)


def test_lanes_of_other_names_and_organisations_go_on() -> None:
    """A lane waits for its own work only."""

    async def test(desk: Desk) -> None:
        asked = desk.ask("a") + desk.ask("b", name="other") + desk.ask("c", organisation=uuid4())
        await settle()
        assert (desk.shared, desk.busy) == ([["a"], ["b"], ["c"]], 3)
        desk.go_on.set()
        assert await asyncio.gather(*asked) == ["A", "B", "C"]

    at_a_desk(test)


@pytest.mark.parametrize(
    ("weights", "shared"),
    [
        ({}, [["a", "b", "c"], ["d", "e"]]),
        ({"a": 3}, [["a"], ["b", "c", "d"], ["e"]]),
        ({"c": 2}, [["a", "b"], ["c", "d"], ["e"]]),
        ({"a": 500}, [["a"], ["b", "c", "d"], ["e"]]),
        ({"c": 500}, [["a", "b"], ["c"], ["d", "e"]]),
        ({"e": 500}, [["a", "b", "c"], ["d"], ["e"]]),
    ],
)
def test_work_has_a_limit_in_weight(weights: dict[str, int], shared: list[list[str]]) -> None:
    """Of weight 3 at most, in the order of arrival; what is heavier than that goes alone."""

    async def test(desk: Desk) -> None:
        desk.weights = weights
        assert await desk.after_the_first(*"abcde") == ["A", "B", "C", "D", "E"]
        assert desk.shared == [["first"], *shared]

    at_a_desk(test)


@pytest.mark.parametrize("error", [UnforeseenError(), KeyInProgress(), StorageBusy()])
def test_an_error_is_told_to_the_one_who_met_it(error: Exception) -> None:
    """Unforeseen, a lock that was not free, or lost races: the others are worked on again, each for itself."""

    async def test(desk: Desk) -> None:
        desk.fails = {"b": error}
        assert await desk.after_the_first("a", "b", "c") == ["A", error, "C"]
        assert desk.shared == [["first"], ["a", "b", "c"], ["a"], ["b"], ["c"]]

    at_a_desk(test)


def test_a_database_that_is_not_there_is_told_to_all() -> None:
    """It is not asked again for each of them."""

    async def test(desk: Desk) -> None:
        desk.fails = {"b": (error := StorageUnavailable())}
        assert await desk.after_the_first("a", "b", "c") == [error, error, error]
        assert desk.shared == [["first"], ["a", "b", "c"]]
        assert await desk.ask("d")[0] == "D"

    at_a_desk(test)


def test_what_waits_behind_a_fault_is_worked_on() -> None:
    """A lane goes on after an error of all, of one, and of one that was alone."""

    async def test(desk: Desk) -> None:
        desk.fails = {"a": (gone := StorageUnavailable()), "d": (odd := UnforeseenError()), "first": odd}
        first = desk.ask("first")
        await settle()
        later = desk.ask(*"abcdefg")
        desk.go_on.set()
        assert await asyncio.gather(*first, *later, return_exceptions=True) == [
            odd, gone, gone, gone, odd, "E", "F", "G",
        ]  # fmt: skip

    at_a_desk(test)


@pytest.mark.parametrize("gone", ["a", "b", "c", "abc"])
def test_a_caller_who_goes_away_stops_nobody(gone: str) -> None:
    """Its item is worked on all the same, with the others, and those are answered."""

    async def test(desk: Desk) -> None:
        first = desk.ask("first")
        await settle()
        later = dict(zip("abc", desk.ask(*"abc"), strict=True))
        await settle()
        for one in gone:
            later[one].cancel()
        desk.go_on.set()
        told = await asyncio.gather(*first, *later.values(), return_exceptions=True)
        assert [one for one in told if isinstance(one, str)] == ["FIRST", *(c.upper() for c in "abc" if c not in gone)]
        assert desk.shared == [["first"], ["a", "b", "c"]]

    at_a_desk(test)


@pytest.mark.parametrize("steps", range(6))
def test_no_lane_is_left_after_callers_who_went_away(steps: int) -> None:
    """However far they came: before the work began, in its midst, or alone on lanes of their own."""

    async def test(desk: Desk) -> None:
        asked = desk.ask("a", "b") + [desk.ask(str(n), organisation=uuid4())[0] for n in range(10)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for one in asked:
            one.cancel()
        await settle()
        desk.go_on.set()
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in told)

    at_a_desk(test)


def test_a_lane_never_does_two_works_at_once() -> None:
    """Six callers who come again and again, at any moment, one after another: one work at a time."""

    async def test(desk: Desk) -> None:
        desk.go_on.set()

        async def caller(number: int) -> list[str]:
            told = []
            for turn in range(20):
                told += await asyncio.gather(*desk.ask(f"{number}-{turn}"))
                for _ in range((number + turn) % 4):
                    await asyncio.sleep(0)
            return told

        told = await asyncio.gather(*(caller(number) for number in range(6)))
        assert told == [[f"{number}-{turn}" for turn in range(20)] for number in range(6)]
        assert desk.peak == 1
        assert sum(len(shared) for shared in desk.shared) == 120

    at_a_desk(test)


def test_those_who_are_split_are_worked_on_at_once() -> None:
    """One that waits three seconds for a lock again must not keep the others waiting; those who come next wait."""

    async def test(desk: Desk) -> None:
        desk.fails = {"b": (error := UnforeseenError())}
        assert await desk.after_the_first("a", "b", "c", "d") == ["A", error, "C", "D"]
        assert desk.shared == [["first"], ["a", "b", "c"], ["a"], ["b"], ["c"], ["d"]]
        assert desk.peak == 3

    at_a_desk(test)


def test_shared_work_is_told_unless_it_is_for_nobody_who_is() -> None:
    """What leaves no count by itself leaves none, and takes that of nobody else away."""

    async def test(desk: Desk) -> None:
        told: list[bool] = []

        async def work(items: Sequence[str]) -> list[str]:
            told.append(not is_untold())
            return await desk.work(items)

        desk.go_on.set()
        with untold():
            alone = [asyncio.create_task(desk.run(work, one)) for one in "ab"]
        await asyncio.gather(*alone)
        with untold():
            some = [asyncio.create_task(desk.run(work, one)) for one in "cd"]
        await asyncio.gather(*some, desk.run(work, "e"))
        assert (desk.shared, told) == ([["a", "b"], ["c", "d", "e"]], [False, True])

    at_a_desk(test)
