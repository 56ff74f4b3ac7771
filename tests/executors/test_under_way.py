import asyncio

from bowstring.executors.under_way import UnderWay
from bowstring.testing.simulation import simulate


def test_it_waits_until_nothing_is_under_way_and_says_whether_that_came_in_time() -> None:
    async def main() -> None:
        under_way = UnderWay()
        assert await under_way.ended(within_s=0)
        loop = asyncio.get_running_loop()
        for seconds in (1, 3):
            under_way.begin()
            loop.call_later(seconds, under_way.end)
        assert not await under_way.ended(within_s=2)
        assert await under_way.ended(within_s=2)
        assert loop.time() == 3

    simulate(main())


def test_what_begins_when_something_else_ends_is_waited_for_too() -> None:
    async def main() -> None:
        under_way = UnderWay()
        loop = asyncio.get_running_loop()
        under_way.begin()

        def end_and_let_the_next_begin() -> None:
            under_way.end()
            loop.call_soon(under_way.begin)
            loop.call_later(5, under_way.end)

        loop.call_later(1, end_and_let_the_next_begin)
        assert await under_way.ended(within_s=10)
        assert loop.time() == 6

    simulate(main())
