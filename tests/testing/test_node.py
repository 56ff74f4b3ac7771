"""A node is killed, or stopped for a while: nothing of it runs, and all that it has sent goes on."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, cast

import pytest

from bowstring.core.tasks import start
from bowstring.testing.node import Killed, Node
from bowstring.testing.simulation import SimulatedLoop, simulate

ELSEWHERE = Context()


def loop() -> SimulatedLoop:
    return cast("SimulatedLoop", asyncio.get_running_loop())


class Careful:
    """Work that would go on for long, and cleans up; ``done`` has what it did."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def work(self) -> None:
        try:
            self.done.append("began")
            await asyncio.sleep(1000)
            self.done.append("went on")
        except BaseException:
            self.done.append("heard of it")
            raise
        finally:
            self.done.append("cleaned up")

    async def work_in_a_group(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.work())
            await self.work()

    async def work_in_a_handler(self) -> None:
        await start(self.work())

    async def clean_up_slowly(self) -> None:
        try:
            await self.work()
        finally:
            await asyncio.sleep(1)
            self.done.append("was slow")


@pytest.mark.parametrize(
    "way", [Careful.work, Careful.work_in_a_group, Careful.work_in_a_handler, Careful.clean_up_slowly]
)
def test_of_a_dead_node_nothing_runs_not_even_what_cleans_up(
    way: Callable[[Careful], Coroutine[Any, Any, None]],
) -> None:
    async def main() -> tuple[list[str], bool]:
        careful, node = Careful(), Node(loop())
        task = node.run(way(careful))
        await asyncio.sleep(1)
        node.kill()
        gc.collect()
        await asyncio.sleep(2000)
        done, has_ended = list(careful.done), task.done()
        node.bury()
        return done, has_ended

    done, has_ended = simulate(main())

    assert set(done) == {"began"}
    assert not has_ended


def test_what_a_dead_node_has_scheduled_does_not_happen_and_what_it_has_sent_does() -> None:
    happened: list[str] = []

    async def main() -> None:
        node = Node(loop())

        def schedule() -> None:
            loop().call_later(1, happened.append, "its timer")
            loop().call_later(1, happened.append, "what it sent", context=ELSEWHERE)
            node.kill()
            loop().call_soon(happened.append, "what it did in its last moment")

        node.call_soon(schedule)
        node.call_soon(happened.append, "its next step")
        await asyncio.sleep(2)

    simulate(main())

    assert happened == ["what it sent"]


def test_what_others_tell_a_dead_node_does_not_wake_it() -> None:
    careful = Careful()

    async def main() -> None:
        node = Node(loop())
        told = loop().create_future()

        async def listen() -> None:
            await told
            careful.done.append("woke")

        listening = node.run(listen())
        await asyncio.sleep(1)
        node.kill()
        told.set_result(None)
        await asyncio.sleep(1)
        assert not listening.done()
        node.bury()

    simulate(main())

    assert careful.done == []


@pytest.mark.parametrize("in_task", [True, False])
def test_a_node_may_die_in_the_middle_of_its_own_code(*, in_task: bool) -> None:
    reached: list[str] = []

    async def main() -> None:
        node = Node(loop())

        def write() -> None:
            reached.append("before")
            node.die()

        def call() -> None:
            write()
            reached.append("after")

        async def work() -> None:
            call()

        task = node.run(work()) if in_task else None
        if task is None:
            node.call_soon(call)
        await asyncio.sleep(1)
        node.bury()
        assert task is None or isinstance(task.exception(), Killed)

    simulate(main())

    assert reached == ["before"]


def test_nothing_of_a_stopped_node_runs_until_it_is_let_go_on_and_then_all_that_was_due_in_its_order() -> None:
    heard: list[tuple[float, str]] = []

    async def main() -> None:
        node = Node(loop())

        def hear(what: str) -> None:
            heard.append((loop().time(), what))

        node.call_soon(partial(loop().call_later, 2), hear, "first")
        node.call_soon(partial(loop().call_later, 3), hear, "second")
        await asyncio.sleep(1)
        node.pause()
        node.pause()
        node.call_soon(hear, "told")
        await asyncio.sleep(9)
        node.resume()
        await asyncio.sleep(1)
        node.resume()

    simulate(main())

    assert heard == [(10, "told"), (10, "first"), (10, "second")]


def test_what_is_cancelled_as_a_node_goes_on_does_not_happen() -> None:
    """As with a real loop: of what is due at once, the first may cancel the second."""
    heard: list[str] = []

    async def main() -> None:
        node = Node(loop())

        def schedule() -> None:
            timer = loop().call_later(2, heard.append, "the second")
            loop().call_later(1, timer.cancel)

        node.call_soon(schedule)
        await asyncio.sleep(0.5)
        node.pause()
        await asyncio.sleep(5)
        node.resume()
        await asyncio.sleep(5)

    simulate(main())

    assert heard == []


def test_a_subclass_is_asked_before_each_step_and_may_kill() -> None:
    steps: list[str] = []

    class Mortal(Node):
        def step(self) -> None:
            steps.append("asked")
            if len(steps) >= 5:
                self.kill()

    async def main() -> None:
        node = Mortal(loop())
        for _ in range(3):
            node.call_soon(steps.append, "done")
        await asyncio.sleep(1)

    simulate(main())

    assert steps == ["asked", "done", "asked", "done", "asked"]


def test_a_node_is_killed_alone() -> None:
    async def main() -> list[str]:
        one, other = Node(loop()), Node(loop())
        careful, fortunate = Careful(), Careful()
        dead = one.run(careful.work())
        task = other.run(fortunate.work())
        await asyncio.sleep(1)
        one.kill()
        await task
        assert not dead.done()
        one.bury()
        return fortunate.done

    assert simulate(main()) == ["began", "went on", "cleaned up"]


def test_a_block_takes_time_in_which_nothing_else_runs() -> None:
    async def main() -> list[float]:
        times: list[float] = []
        loop().call_later(1, lambda: times.append(loop().time()))
        loop().block(5)
        times.append(loop().time())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return times

    assert simulate(main()) == [5, 5]
