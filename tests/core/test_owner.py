import asyncio

import pytest

from bowstring.core.owner import Overdue, TaskOwner
from bowstring.testing.simulation import simulate
from tests.core.lifecycle import forever, left_over, now_s, stubborn


async def slow(log: list[str]) -> str:
    try:
        await asyncio.sleep(2)
        return "done"
    except asyncio.CancelledError:
        await asyncio.sleep(1)
        log.append(f"cleaned up at {now_s()}")
        raise


def test_what_ends_in_time_gives_its_result() -> None:
    assert simulate(TaskOwner().within(2.1, slow([]), complaint="slow")) == "done"


def test_what_does_not_is_cancelled_and_not_waited_for() -> None:
    log: list[str] = []

    async def main() -> None:
        owner = TaskOwner()
        with pytest.raises(Overdue, match=r"^slow$"):
            await owner.within(1, slow(log), complaint="slow")
        assert now_s() == 1
        owner.cancel_all()
        assert await owner.ended(within_s=0.5) == ["slow"]
        assert await owner.ended(within_s=10) == []
        assert now_s() == 2

    simulate(main())

    assert log == ["cleaned up at 2.0"]


def test_what_it_raises_is_raised() -> None:
    async def fail() -> None:
        raise TimeoutError("no answer")

    with pytest.raises(TimeoutError, match="no answer") as caught:
        simulate(TaskOwner().within(1, fail(), complaint="slow"))

    assert not isinstance(caught.value, Overdue)


def test_a_cancellation_of_its_own_is_no_cancellation_of_who_waits() -> None:
    async def cancel_itself() -> None:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="it was cancelled from within"):
        simulate(TaskOwner().within(1, cancel_itself(), complaint="slow"))


def test_a_cancellation_of_who_waits_is_passed_on() -> None:
    async def main() -> None:
        waiting = asyncio.ensure_future(TaskOwner().within(1, forever(), complaint="slow"))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        await asyncio.sleep(0.001)
        assert left_over() == []

    simulate(main())


def test_each_task_is_cancelled_once_whoever_asks() -> None:
    async def main() -> None:
        owner = TaskOwner()
        task = asyncio.ensure_future(stubborn(for_s=3))
        await asyncio.sleep(1)
        for _ in range(2):
            owner.cancel(owner.own(task, complaint="stubborn"))
            owner.cancel_all()
            assert task.cancelling() == 1
        assert await owner.ended(within_s=10) == []
        assert now_s() == 3

    simulate(main())
