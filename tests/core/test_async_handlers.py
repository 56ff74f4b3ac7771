"""Async handlers are ordinary asyncio code: on both loops, whoever publishes, and without touching the publisher."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from bowstring.core.queue import EventQueue
from tests.core.bots import Bot, Do, Doer, Tick, Witness, queue_of
from tests.core.conftest import OnLoop

PATIENCE_S = 30.0

variable: ContextVar[str] = ContextVar("variable", default="outside")

Handler = Callable[[Any], Awaitable[object]]


async def in_time(tick: Any) -> str:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.sleep(0)
    return "in time"


async def late(tick: Any) -> str:
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        return "late"
    return "in time"


async def grouped(tick: Any) -> str:
    async def part(text: str) -> str:
        await asyncio.sleep(0)
        return text

    async with asyncio.TaskGroup() as group:
        parts = [group.create_task(part(text)) for text in ("a", "b")]
    return "".join(task.result() for task in parts)


async def group_that_fails(tick: Any) -> str:
    async def fails() -> None:
        raise ValueError

    waiting: list[asyncio.Task[bool]] = []
    failed = False
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            waiting.append(group.create_task(asyncio.Event().wait()))
    except* ValueError:
        failed = True
    return f"failed: {failed}, cancelled: {waiting[0].cancelled()}"


async def set_and_reset(tick: Any) -> str:
    token = variable.set("inside")
    await asyncio.sleep(0)
    seen = variable.get()
    variable.reset(token)
    return f"{seen}, {variable.get()}"


async def shielded(tick: Any) -> str:
    return await asyncio.shield(asyncio.wait_for(asyncio.sleep(0, "shielded"), PATIENCE_S))


async def named(tick: Any) -> str:
    task = asyncio.current_task()
    assert task is not None
    before = task.get_name()
    await asyncio.sleep(0)
    assert asyncio.current_task() is task
    return "same" if before == task.get_name() else "other"


HANDLERS: list[tuple[Handler, str]] = [
    (in_time, "in time"),
    (late, "late"),
    (grouped, "ab"),
    (group_that_fails, "failed: True, cancelled: True"),
    (set_and_reset, "inside, outside"),
    (shielded, "shielded"),
    (named, "same"),
]


async def from_a_callback(queue: EventQueue) -> None:
    """Publish from a callback, where there is no current task."""
    done = asyncio.Event()

    def callback() -> None:
        assert asyncio.current_task() is None
        queue.publish(Tick())
        assert asyncio.current_task() is None
        done.set()

    asyncio.get_running_loop().call_soon(callback)
    await done.wait()


async def from_a_task(queue: EventQueue) -> None:
    """Publish from a task, which goes on as if nothing had happened."""
    task = asyncio.current_task()
    assert task is not None
    async with asyncio.timeout(PATIENCE_S):
        queue.publish(Tick())
        assert asyncio.current_task() is task
        assert variable.get() == "outside"
        await asyncio.sleep(0)
    assert task.cancelling() == 0


@pytest.mark.parametrize("publish", [from_a_callback, from_a_task])
@pytest.mark.parametrize(("handler", "expected"), HANDLERS)
def test_a_strategy_may_use_what_asyncio_offers(
    handler: Handler, expected: str, publish: Callable[[EventQueue], Awaitable[None]], on_loop: OnLoop
) -> None:
    async def handle(tick: Tick) -> Do:
        results.append(await handler(tick))
        return Do()

    async def main() -> None:
        await publish(queue)
        await queue.idle()

    results: list[object] = []
    witness, doer = Witness(), Doer()
    queue = queue_of(witness, Bot(handle), doer)
    on_loop(main())

    assert results == [expected]
    assert len(doer.given) == 1
    assert witness.failures == []


@pytest.mark.parametrize("publish", [from_a_callback, from_a_task])
@pytest.mark.parametrize(("handler", "expected"), HANDLERS)
def test_an_executor_may_use_what_asyncio_offers(
    handler: Handler, expected: str, publish: Callable[[EventQueue], Awaitable[None]], on_loop: OnLoop
) -> None:
    async def do(action: Do) -> None:
        results.append(await handler(action))

    async def main() -> None:
        await publish(queue)
        await queue.idle()

    results: list[object] = []
    witness = Witness()
    queue = queue_of(witness, Bot(lambda _: Do()), Doer(do))
    on_loop(main())

    assert results == [expected]
    assert witness.closings == [("ActionDone", "doer", "")]


@pytest.mark.parametrize("publish", [from_a_callback, from_a_task])
def test_an_async_generator_may_wait_between_its_actions(
    publish: Callable[[EventQueue], Awaitable[None]], on_loop: OnLoop
) -> None:
    async def handle(tick: Tick) -> AsyncIterator[Do]:
        for n, (handler, _expected) in enumerate(HANDLERS):
            await handler(tick)
            yield Do(n=n)

    async def main() -> None:
        await publish(queue)
        await queue.idle()

    doer = Doer()
    queue = queue_of(Bot(handle), doer)
    on_loop(main())

    assert [do.n for do in doer.given if isinstance(do, Do)] == list(range(len(HANDLERS)))


@pytest.mark.parametrize("publish", [from_a_callback, from_a_task])
def test_a_handler_may_send_a_request(publish: Callable[[EventQueue], Awaitable[None]], on_loop: OnLoop) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.query["n"])

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = runner.addresses[0]
        async with ClientSession(f"http://127.0.0.1:{address[1]}", timeout=ClientTimeout(PATIENCE_S)) as session:

            async def ask(tick: Tick) -> Do:
                async with session.get("/", params={"n": "7"}) as response:
                    return Do(n=int(await response.text()))

            bot.react = ask
            await publish(queue)
            await queue.idle()
        await runner.cleanup()

    witness, bot, doer = Witness(), Bot(), Doer()
    queue = queue_of(witness, bot, doer)
    on_loop(main())

    assert witness.failures == []
    assert [do.n for do in doer.given if isinstance(do, Do)] == [7]


@pytest.mark.parametrize("publish", [from_a_callback, from_a_task])
@pytest.mark.parametrize("waits", [False, True])
def test_a_handler_that_cancels_itself_cancels_nobody_else(
    waits: bool, publish: Callable[[EventQueue], Awaitable[None]], on_loop: OnLoop
) -> None:
    async def give_up(tick: Tick) -> None:
        task = asyncio.current_task()
        assert task is not None
        if waits:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)

    async def main() -> None:
        await publish(queue)
        await queue.idle()

    witness = Witness()
    queue = queue_of(witness, Bot(give_up))
    on_loop(main())

    assert witness.failures == [("bot", "strategy", True)]


@pytest.mark.parametrize("publish", [from_a_callback, from_a_task])
def test_a_handler_that_raises_fails_its_own_component_only(
    publish: Callable[[EventQueue], Awaitable[None]], on_loop: OnLoop
) -> None:
    async def fail(tick: Tick) -> None:
        raise ValueError("broken")

    async def main() -> None:
        await publish(queue)
        await queue.idle()

    witness, other = Witness(), Bot(name="other")
    queue = queue_of(witness, Bot(fail), other)
    on_loop(main())

    assert witness.failures == [("bot", "strategy", True)]
    assert len(other.seen) == 1


def test_what_a_handler_sets_in_its_context_stays_there(on_loop: OnLoop) -> None:
    async def leave_set(tick: Tick) -> None:
        seen.append(variable.get())
        variable.set("left")
        await asyncio.sleep(0)

    async def main() -> None:
        token = variable.set("published")
        queue.publish(Tick())
        queue.publish(Tick())
        await queue.idle()
        assert variable.get() == "published"
        variable.reset(token)

    seen: list[str] = []
    queue = queue_of(Bot(leave_set))
    on_loop(main())

    assert seen == ["published", "published"]


def test_each_message_is_handled_in_a_task_of_its_own(on_loop: OnLoop) -> None:
    async def note(tick: Tick) -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)

    async def main() -> None:
        queue.publish(Tick())
        queue.publish(Tick())
        await queue.idle()
        assert asyncio.current_task() not in tasks

    tasks: list[object] = []
    queue = queue_of(Bot(note))
    on_loop(main())

    assert len(set(tasks)) == 2
    assert None not in tasks


if sys.version_info >= (3, 12):  # tasks cannot begin at once before

    def test_a_handler_that_does_not_wait_is_done_before_publish_returns(on_loop: OnLoop) -> None:
        async def act(tick: Tick) -> Do:
            return Do()

        async def main() -> None:
            queue.publish(Tick())
            assert len(doer.given) == 1
            assert calls == ["do", "next"]

        calls: list[str] = []
        doer = Doer(lambda _: calls.append("do"))
        queue = queue_of(Bot(act), Bot(lambda _: calls.append("next"), name="next"), doer)
        on_loop(main())
