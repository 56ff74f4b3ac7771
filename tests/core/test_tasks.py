"""Tests of how handlers' results are told apart, of how work is started, and of turns."""

import asyncio
import sys
from collections.abc import AsyncIterator, Generator, Iterator

import pytest

from bowstring.core.tasks import TURN_EVENTS, TURN_NS, Turn, as_list, awaitable, start
from tests.core.bots import Do, FakeClock, Tick
from tests.core.conftest import OnLoop


class Ready:
    """An awaitable that is no coroutine."""

    def __await__(self) -> Generator[None, None, str]:
        yield from ()
        return "ready"


async def agenerator() -> AsyncIterator[int]:
    yield 1
    yield 2


def generator() -> Iterator[int]:
    yield 1
    yield 2


@pytest.mark.parametrize("result", [None, Do(), [], (), [Do()], "no", 7, generator()])
def test_a_result_that_is_there_is_not_awaited(result: object) -> None:
    assert awaitable(result) is None


def test_an_awaitable_is_awaited_as_it_is() -> None:
    ready = Ready()

    assert awaitable(ready) is ready


def test_an_async_generator_is_awaited_as_a_list() -> None:
    async def main() -> object:
        work = awaitable(agenerator())
        assert work is not None
        return await work

    assert asyncio.run(main()) == [1, 2]


def test_a_result_is_taken_as_a_list() -> None:
    one, two = Tick(n=1), Tick(n=2)

    assert as_list(None) == []
    assert as_list(one) == [one]
    assert as_list([one, two]) == [one, two]
    assert as_list((one, two)) == [one, two]
    assert as_list(tick for tick in (one, two)) == [one, two]
    assert as_list(7) == [7]


def test_a_coroutine_gets_a_task_of_its_own(on_loop: OnLoop) -> None:
    async def work() -> object:
        return asyncio.current_task()

    async def main() -> None:
        task = start(work())

        assert await task is task is not asyncio.current_task()

    on_loop(main())


def test_a_task_begins_at_once_where_python_can(on_loop: OnLoop) -> None:
    async def work() -> None:
        began.append(True)

    async def main() -> None:
        task = start(work())
        assert task.done() == bool(began) == (sys.version_info >= (3, 12))
        await task

    began: list[bool] = []
    on_loop(main())
    assert began == [True]


def test_other_awaitables_are_started_too(on_loop: OnLoop) -> None:
    async def main() -> None:
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        assert start(future) is future
        assert await start(Ready()) == "ready"

    on_loop(main())


def test_a_turn_is_over_after_1_000_messages() -> None:
    turn = Turn(FakeClock().monotonic_ns)

    assert TURN_EVENTS == 1000
    assert not any(turn.is_over() for _ in range(1000))
    assert turn.is_over()


def test_a_turn_is_over_after_5_ms() -> None:
    clock = FakeClock()
    turn = Turn(clock.monotonic_ns)

    clock.at_ns += TURN_NS
    assert TURN_NS == 5_000_000
    assert not turn.is_over()

    clock.at_ns += 1
    assert turn.is_over()
