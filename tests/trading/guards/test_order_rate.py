"""No window of time ever holds more orders than the limit, and none is refused for less."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError
from bowstring.core.messages import ActionRefused
from bowstring.trading.guards.order_rate import OrderRate
from tests.trading.bot import Bot, buy, simulated
from tests.trading.guards.told import Hand, by_hand, judged, place, replace, tell, update, verdicts


def rated(limit: int, *, per_s: float) -> tuple[OrderRate, Hand]:
    guard = OrderRate(limit, per_s=per_s)
    return guard, by_hand(guard)


@given(st.integers(1, 4), st.lists(st.integers(0, 6), max_size=40))
def test_no_window_ever_holds_more_orders_than_the_limit_and_none_is_refused_for_less(
    limit: int, pauses: Sequence[int]
) -> None:
    guard, clock = rated(limit, per_s=10e-9)
    passed: list[int] = []
    for pause_ns in pauses:
        clock.time_ns += pause_ns
        refused = judged(guard, place()) is not None

        recent = [time_ns for time_ns in passed if clock.time_ns - time_ns < 10]
        assert refused == (len(recent) >= limit)
        if not refused:
            passed.append(clock.time_ns)


@pytest.mark.parametrize(("after_ns", "refused"), [(999_999_999, True), (1_000_000_000, False), (1_000_000_001, False)])
def test_the_window_is_open_again_after_exactly_its_length(after_ns: int, refused: bool) -> None:
    guard, clock = rated(2, per_s=1.0)
    assert verdicts(guard, [place(), replace()]) == [True, True]
    clock.time_ns = after_ns

    reason = "2 orders were placed within 1.0 s already"
    assert judged(guard, replace()) == (reason if refused else None)


def test_what_reduces_is_held_to_the_rate_too() -> None:
    guard, _clock = rated(1, per_s=1.0)

    assert verdicts(guard, [place(), place(reduces=True)]) == [True, False]


def test_what_was_refused_in_the_end_gives_back_its_place() -> None:
    guard, _clock = rated(2, per_s=1.0)
    assert verdicts(guard, [place(client_order_id="1"), place(client_order_id="2")]) == [True, True]
    tell(guard, update("refused", client_order_id="1"), update("refused", client_order_id="1"))

    assert verdicts(guard, [place(client_order_id="3"), place(client_order_id="4")]) == [True, False]


@pytest.mark.parametrize("status", ["open", "rejected", "failed", "unknown", "filled"])
def test_what_was_tried_counts_whatever_became_of_it(status: str) -> None:
    guard, _clock = rated(1, per_s=1.0)
    judged(guard, place())
    tell(guard, update(status))  # type: ignore[arg-type]

    assert judged(guard, place(client_order_id="2")) is not None


@pytest.mark.parametrize(("limit", "per_s"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0), (1, float("nan"))])
def test_a_rate_that_is_none_is_a_mistake(limit: int, per_s: float) -> None:
    with pytest.raises(ConfigError, match="at least one order"):
        OrderRate(limit, per_s=per_s)


@simulated
async def test_the_rate_is_that_of_the_engines_clock() -> None:
    async with Bot(guards=[OrderRate(2, per_s=3.0)]) as bot:
        bot.do(buy(), buy(), buy())
        await asyncio.sleep(2.9)
        bot.place()
        assert len(bot.events(ActionRefused)) == 2

        await asyncio.sleep(0.2)
        bot.place()
        assert len(bot.events(ActionRefused)) == 2


def test_it_keeps_no_more_than_the_limit() -> None:
    guard, clock = rated(3, per_s=1.0)
    for _ in range(100):
        clock.time_ns += 300_000_000
        judged(guard, place(Decimal(1)))

    assert len(guard._passed) <= 3  # pyright: ignore[reportPrivateUsage]
