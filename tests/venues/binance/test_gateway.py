"""The gateway against a server on loopback that checks what it gets, and answers what a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal

import pytest

from bowstring.core.errors import BadMessage, Disconnected, NotSent, Rejected
from bowstring.trading.gateway import BalanceReport, FillReport, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance import Binance
from bowstring.venues.binance.gateway import BinanceGateway, OrdersOver
from tests.venues.binance.fake_account import FakeAccount, error, keys
from tests.venues.binance.facts import BTC

ORDER = PlaceOrder(
    symbol="BTC/USDT", client_order_id="a-1", side="buy", quantity=Decimal("0.5"), price=Decimal("100.10")
)
REF = OrderRef(symbol="BTC/USDT", client_order_id="a-1")


@pytest.fixture
async def account() -> AsyncIterator[FakeAccount]:
    async with FakeAccount() as fake:
        yield fake


def gateway_to(account: FakeAccount, *, orders_over: OrdersOver = "ws") -> BinanceGateway:
    venue = Binance(
        "local",
        rest_url=account.rest_url,
        ws_url=account.rest_url.replace("http", "ws"),
        instruments=[BTC],
    )
    return venue.gateway(keys=keys(), orders_over=orders_over)


class Bench:
    """A gateway that is open, with its stream if a test wants it; ``reports`` are what that brought."""

    def __init__(self, gateway: BinanceGateway) -> None:
        self.gateway = gateway
        self.reports: list[Report] = []
        self.ready = asyncio.Event()
        self.ended: BaseException | None = None
        self._changed = asyncio.Event()

    def report(self, report: Report) -> None:
        self.reports.append(report)
        self._changed.set()

    async def until(self, count: int) -> list[Report]:
        async with asyncio.timeout(10):
            while len(self.reports) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.reports

    async def stream(self) -> None:
        try:
            await self.gateway.stream(self.report, self.ready.set)
        except Exception as error:
            self.ended = error
            self._changed.set()


@asynccontextmanager
async def streaming(account: FakeAccount, *, orders_over: OrdersOver = "ws") -> AsyncIterator[Bench]:
    bench = Bench(gateway_to(account, orders_over=orders_over))
    await bench.gateway.open()
    async with asyncio.TaskGroup() as tasks:
        stream = tasks.create_task(bench.stream())
        async with asyncio.timeout(10):
            await bench.ready.wait()
        try:
            yield bench
        finally:
            stream.cancel()
            await asyncio.wait({stream})
            await bench.gateway.close()


async def test_an_order_is_one_frame_in_the_callers_stack_and_its_answer_a_report(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        answer = bench.gateway.place(ORDER)
        assert not answer.done()
        report = await answer

    assert report == OrderReport(
        client_order_id="a-1", status="open", venue_order_id="1", time_ns=1_700_000_000_002_000_000
    )
    (sent,) = account.asked("order.place")
    assert {name: sent[name] for name in sent if name not in ("apiKey", "signature", "timestamp")} == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.5",
        "price": "100.10",
        "newClientOrderId": "a-1",
        "newOrderRespType": "RESULT",
        "recvWindow": 2000,
    }


async def test_a_cancel_names_the_order_as_well_as_it_can(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        gateway = bench.gateway
        placed = [
            await gateway.place(ORDER),
            await gateway.place(PlaceOrder(**{**asdict(ORDER), "client_order_id": "a-2"})),
        ]
        by_name = await gateway.cancel(REF)
        by_id = await gateway.cancel(
            OrderRef(symbol="BTC/USDT", client_order_id="a-2", venue_order_id=placed[1].venue_order_id)
        )

    assert [(report.client_order_id, report.status) for report in (by_name, by_id)] == [
        ("a-1", "cancelled"),
        ("a-2", "cancelled"),
    ]
    assert [sent.get("origClientOrderId", sent.get("orderId")) for sent in account.asked("order.cancel")] == ["a-1", 2]


def asdict(order: PlaceOrder) -> dict[str, object]:
    return {name: getattr(order, name) for name in order.__struct_fields__}
