"""Trading on Pond: a `Gateway` over one connection."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from msgspec import Raw

from bowstring.core.errors import Disconnected, NotSent
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from examples.pond import wire
from examples.pond.connection import Connection, Event


class PondGateway:
    """One account. Pond cannot replace, and answers every question from its books, at once."""

    offers_cancel_after = False
    replaces_natively = False
    keeps_order = True  # everything goes over one connection
    query_lag_s = 0.0
    validity_s = 5.0  # a request that is still under way then is lost

    def __init__(self, venue: str, *, host: str, port: int, account: str) -> None:
        self.venue = venue
        self.account = f"{account} at {host}:{port}"
        self._host, self._port, self._name = host, port, account
        self._connection: Connection | None = None
        self._report: Callable[[Report], None] | None = None
        self._instruments: dict[str, Instrument] = {}

    async def open(self) -> Sequence[Instrument]:
        markets = wire.result(await (await self._connect()).ask("markets"), list[wire.MarketData])
        self._instruments = {one.symbol: one for one in (market.instrument(self.venue) for market in markets)}
        return list(self._instruments.values())

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            await asyncio.shield(self._connection.lost)

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        """Connects anew if the connection has ended; raises `Disconnected` when it ends."""
        connection = self._connection
        if connection is None or connection.lost.done():
            connection = await self._connect()
        self._report = report
        try:
            await connection.ask("listen", account=self._name)
            ready()
            await asyncio.shield(connection.lost)
        finally:
            self._report = None
        raise Disconnected("Pond: the connection ended")

    def place(self, order: PlaceOrder) -> Awaitable[OrderReport]:
        """What Pond would refuse is not sent, nor what it has not."""
        instrument = self._instruments.get(order.symbol)
        if instrument is None:
            raise NotSent(f"Pond has no {order.symbol}")
        if order.time_in_force != "gtc" or order.post_only:
            raise NotSent(f"{order.client_order_id}: Pond has neither IOC, FOK nor post-only orders")
        if violation := instrument.violation(price=order.price, quantity=order.quantity):
            raise NotSent(f"{order.client_order_id}: {violation}")
        return _order(self._ask("place", **wire.order_fields(order)))

    def replace(self, old: OrderRef, order: PlaceOrder) -> Awaitable[OrderReport]:
        raise NotSent("Pond cannot replace")

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        return _order(self._ask("cancel", client_id=order.client_order_id))

    async def cancel_after(self, seconds: float) -> None:
        raise NotSent("Pond does not cancel orders by itself")

    async def query(self, order: OrderRef) -> OrderReport | None:
        shown = wire.result(await self._ask("order", client_id=order.client_order_id), list[wire.OrderData])
        return shown[0].report() if shown else None

    async def open_orders(self) -> Sequence[OpenOrder]:
        shown = wire.result(await self._ask("orders"), list[wire.OrderData])
        return [order.open_order() for order in shown]

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        fills = wire.result(await self._ask("fills", since=time_ns // wire.MS), list[wire.FillData])
        return [fill.report() for fill in fills if wire.unified(fill.symbol) == symbol]

    async def balances(self) -> Sequence[BalanceReport]:
        return wire.balances(wire.result(await self._ask("balances"), dict[str, tuple[Decimal, Decimal]]))

    async def time_ns(self) -> int:
        return wire.result(await self._ask("time"), int) * wire.MS

    async def _connect(self) -> Connection:
        self._connection = await Connection.open(self._host, self._port, self._on_event)
        return self._connection

    def _ask(self, do: str, **fields: str | int) -> "asyncio.Future[Raw]":
        if self._connection is None:
            raise NotSent("Pond: the gateway is not open")
        return self._connection.ask(do, account=self._name, **fields)

    def _on_event(self, event: Event) -> None:
        if self._report is not None and isinstance(event, wire.OrderData | wire.FillData):
            self._report(event.report())


async def _order(answer: "asyncio.Future[Raw]") -> OrderReport:
    return wire.result(await answer, wire.OrderData).report()
