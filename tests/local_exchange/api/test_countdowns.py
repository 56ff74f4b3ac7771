"""The dead-man switch: when orders are cancelled that nobody asked to cancel."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import pytest

from bowstring.testing.simulation import simulate
from tests.local_exchange.api.floor import LIMIT_BUY, Floor, visiting

METHOD, PATH = "bowstring.countdownCancelAll", "/bowstring/v1/countdownCancelAll"
STOP: dict[str, Any] = {
    "symbol": "ETHUSDT",
    "side": "SELL",
    "type": "STOP_LOSS_LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "1000",
    "stopPrice": "1100",
    "newClientOrderId": "stop",
}


def simulated(test: Callable[[Floor], Awaitable[None]]) -> Callable[[], None]:
    """Run a test on virtual time, at an exchange with the switch, where Alice has an order in each of two symbols."""

    async def main() -> None:
        floor = Floor(cancel_after=True)
        floor.trade(price="3000", symbol="ETHUSDT")
        for name in ("alice", "bob"):
            floor.ask("order.place", name, **LIMIT_BUY)
        floor.ask("order.place", **STOP)
        await test(floor)

    @wraps(test)
    def run() -> None:
        simulate(main())

    del run.__wrapped__  # pytest would give it a floor
    return run


def open_orders(floor: Floor, name: str = "alice") -> list[str]:
    return [order["clientOrderId"] for order in floor.ask("openOrders.status", name)]


@simulated
async def test_when_the_countdown_ends_all_orders_of_the_account_are_cancelled(floor: Floor) -> None:
    answer = floor.ask(METHOD, countdownTime=2000)

    await asyncio.sleep(1.99)
    before = open_orders(floor)
    await asyncio.sleep(0.02)

    assert answer == {"countdownTime": "2000"}
    assert before == ["one", "stop"]
    assert open_orders(floor) == []
    assert floor.ask("order.status", symbol="ETHUSDT", origClientOrderId="stop")["status"] == "CANCELED"
    assert open_orders(floor, "bob") == ["one"]


@simulated
async def test_a_countdown_that_is_set_anew_counts_from_then_on(floor: Floor) -> None:
    for _ in range(3):
        floor.ask(METHOD, countdownTime=2000)
        await asyncio.sleep(1.5)
    before = open_orders(floor)
    await asyncio.sleep(0.6)

    assert before == ["one", "stop"]
    assert open_orders(floor) == []


@simulated
async def test_0_ends_the_countdown_and_another_accounts_goes_on(floor: Floor) -> None:
    floor.ask(METHOD, countdownTime=2000)
    floor.ask(METHOD, "bob", countdownTime=2000)
    answer = floor.ask(METHOD, countdownTime=0)
    await asyncio.sleep(10)

    assert answer == {"countdownTime": "0"}
    assert open_orders(floor) == ["one", "stop"]
    assert open_orders(floor, "bob") == []


@simulated
async def test_a_countdown_ends_once(floor: Floor) -> None:
    floor.ask(METHOD, countdownTime=1000)
    await asyncio.sleep(1.5)
    floor.ask("order.place", **LIMIT_BUY)
    await asyncio.sleep(10)

    assert open_orders(floor) == ["one"]


@simulated
async def test_an_exchange_that_is_closed_counts_no_more(floor: Floor) -> None:
    floor.ask(METHOD, countdownTime=1000)
    assert floor.service.countdowns is not None
    floor.service.countdowns.close()
    await asyncio.sleep(10)

    assert open_orders(floor) == ["one", "stop"]


@simulated
async def test_what_is_no_countdown_is_refused(floor: Floor) -> None:
    assert floor.refusal(METHOD)[:2] == (400, -1102)
    assert floor.refusal(METHOD, countdownTime="")[:2] == (400, -1105)
    assert floor.refusal(METHOD, countdownTime=-1)[:2] == (400, -1100)
    assert floor.refusal(METHOD, countdownTime=1000, symbol="BTCUSDT")[:2] == (400, -1104)


def test_it_has_to_be_switched_on() -> None:
    text = "This operation is not supported: start the exchange with --cancel-after."

    assert Floor().refusal(METHOD, countdownTime=1000) == (400, -1020, text)


@pytest.mark.parametrize("over", ["rest", "ws"])
async def test_it_is_asked_for_over_rest_and_over_the_websocket_api(over: str) -> None:
    ended = asyncio.Event()
    async with visiting(Floor(cancel_after=True)) as visitor:
        await visitor.sign("POST", "/api/v3/order", LIMIT_BUY)
        visitor.floor.service.clerk.listeners.append(lambda _happened: ended.set())
        if over == "rest":
            status, answer, _ = await visitor.sign("POST", PATH, {"countdownTime": 5})
        else:
            async with visitor.connect() as line:
                told = await line.ask(METHOD, **line.signed("alice", countdownTime=5))
            status, answer = told["status"], told["result"]
        async with asyncio.timeout(5):
            await ended.wait()

    assert (status, answer) == (200, {"countdownTime": "5"})
    assert open_orders(visitor.floor) == []
