"""What a bot learns of its orders when answers, connections and events are lost: over real connections."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from bowstring.core.components import Collector, Emit, on
from bowstring.core.engine import Engine
from bowstring.core.messages import Actions, Event
from bowstring.trading.messages import Fill, OrderUpdate, PlaceOrder
from bowstring.trading.strategy import Strategy
from bowstring.venues.binance import Binance
from tests.venues.binance.facts import BTC
from tests.venues.binance.fake_account import SILENCE, FakeAccount, Params, error, keys
from tests.venues.binance.test_gateway import account

__all__ = ["account"]  # the fixture


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.gateway.ENGINE_S", 0.1)
    monkeypatch.setattr("bowstring.venues.binance.gateway.BinanceGateway.query_lag_s", 0.1)


class Beat(Event, frozen=True):
    """There is something to do."""


class OneBeat(Collector):
    async def run(self, emit: Emit) -> None:
        emit(Beat())
        await asyncio.get_running_loop().create_future()


class Buyer(Strategy):
    """Buys once."""

    def __init__(self) -> None:
        self.told: list[OrderUpdate | Fill] = []
        self._changed = asyncio.Event()

    @on(Beat)
    def buy(self, beat: Beat) -> Actions:
        yield PlaceOrder(
            symbol="BTC/USDT", client_order_id="a-1", side="buy", quantity=Decimal(1), price=Decimal("100.00")
        )

    @on(OrderUpdate)
    def note_order(self, update: OrderUpdate) -> None:
        self._note(update)

    @on(Fill)
    def note_fill(self, fill: Fill) -> None:
        self._note(fill)

    @property
    def statuses(self) -> list[str]:
        return [update.status for update in self.told if isinstance(update, OrderUpdate)]

    @property
    def fills(self) -> list[Fill]:
        return [fill for fill in self.told if isinstance(fill, Fill)]

    async def until(self, status: str) -> None:
        async with asyncio.timeout(20):
            while status not in self.statuses:
                self._changed.clear()
                await self._changed.wait()

    def _note(self, event: OrderUpdate | Fill) -> None:
        self.told.append(event)
        self._changed.set()


@asynccontextmanager
async def trading(account: FakeAccount) -> AsyncGenerator[Buyer]:
    venue = Binance(
        "local", rest_url=account.rest_url, ws_url=account.rest_url.replace("http", "ws"), instruments=[BTC]
    )
    buyer = Buyer()
    engine = Engine(
        collectors=[OneBeat()], strategies=[buyer], executors=[venue.executor(keys=keys(), recv_window_s=0.5)]
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.run())
        yield buyer
        engine.stop()


def accepted_in_silence(account: FakeAccount) -> None:
    def place(params: Params) -> tuple[int, object]:
        account.handlers["POST /api/v3/order"](params)
        return SILENCE

    account.queue("order.place", place)


async def test_an_order_whose_answer_is_lost_with_the_connection_is_found_and_never_sent_again(
    account: FakeAccount,
) -> None:
    accepted_in_silence(account)
    async with trading(account) as buyer:
        await account.until(lambda: account.orders)
        await account.hang_up()
        await buyer.until("open")

    assert buyer.statuses == ["unknown", "open", "cancelled"]
    assert account.count()["order.place"] + account.count()["POST /api/v3/order"] == 1


async def test_an_order_that_never_arrived_is_failed_only_when_it_cannot_arrive_any_more(account: FakeAccount) -> None:
    account.queue("order.place", SILENCE)
    async with trading(account) as buyer:
        await account.until(lambda: account.asked("order.place"))
        lost_ms = account.now_ms()
        await account.hang_up()
        await buyer.until("failed")
        proved_ms = account.now_ms()

    assert buyer.statuses == ["unknown", "failed"]
    assert proved_ms - lost_ms >= 700  # the window of 0.5 s, the engine's 0.1 and the lag of 0.1
    assert account.count()["order.place"] + account.count()["POST /api/v3/order"] == 1


@pytest.mark.parametrize(
    ("status", "body"), [(400, error(-1007, "Send status unknown")), (503, error(-1008)), (500, "<html>")]
)
async def test_an_answer_that_leaves_it_open_is_followed_by_a_query(
    account: FakeAccount, status: int, body: object
) -> None:
    def place(params: Params) -> tuple[int, object]:
        account.handlers["POST /api/v3/order"](params)
        return status, body

    account.queue("order.place", place)
    async with trading(account) as buyer:
        await buyer.until("open")

    assert buyer.statuses == ["unknown", "open", "cancelled"]
    assert account.count()["order.place"] == 1


async def test_a_fill_that_was_missed_is_told_once(account: FakeAccount) -> None:
    async with trading(account) as buyer:
        await buyer.until("open")
        trade = {"symbol": "BTCUSDT", "id": 5, "orderId": 1, "price": "100.00", "qty": "1.00000000"}
        trade |= {"commission": "0.001", "commissionAsset": "BTC", "isBuyer": True, "isMaker": True}
        account.trades = [{**trade, "time": account.now_ms()}]
        account.open_orders.clear()
        account.handlers["GET /api/v3/order"] = lambda _: (
            200,
            account.order("a-1", status="FILLED", executedQty="1.00000000"),
        )
        await account.hang_up()
        await buyer.until("filled")
        opened = account.opened
        await account.hang_up()
        await account.until(lambda: account.opened > opened)

    assert [(fill.trade_id, fill.quantity, fill.recovered) for fill in buyer.fills] == [("5", Decimal(1), True)]
    assert buyer.statuses == ["open", "filled"]
