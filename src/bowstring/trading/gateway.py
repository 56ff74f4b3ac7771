"""The `Gateway`: all that differs between venues when it comes to orders.

A gateway translates and transports; it decides nothing, retries no write and keeps no order state. Everything
hard is written once above it, in `bowstring.trading.executor`.
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Literal, Protocol

from msgspec import Struct

from bowstring.market.instrument import Instrument
from bowstring.trading.messages import OrderStatus, PlaceOrder, Side


class OrderReport(Struct, frozen=True, kw_only=True):
    """The venue's word on one order: ``filled`` is cumulative, in base units."""

    client_order_id: str
    status: OrderStatus
    filled: Decimal = Decimal(0)
    venue_order_id: str = ""
    reason: str = ""
    time_ns: int = 0


class FillReport(Struct, frozen=True, kw_only=True):
    """The venue's word on one execution. ``trade_id`` is unique in the account and symbol."""

    symbol: str
    client_order_id: str
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Literal["maker", "taker"]
    time_ns: int = 0


class BalanceReport(Struct, frozen=True, kw_only=True):
    """The account's absolute balance of one currency."""

    currency: str
    free: Decimal
    locked: Decimal


Report = OrderReport | FillReport | BalanceReport


class OrderRef(Struct, frozen=True, kw_only=True):
    """How to name an order to the venue."""

    symbol: str
    client_order_id: str
    venue_order_id: str = ""


class Gateway(Protocol):
    """What a venue's adapter must do for orders.

    Errors of every call: `NotSent` only where it is proven that not one byte left; `Rejected` only where the
    venue answered no; any other exception, and a deadline, means that the outcome is unknown.

    ``place``, ``replace`` and ``cancel`` write in the caller's stack where the transport can (a plain ``def`` that
    returns a future); ``async def`` is fine where it cannot. They raise `NotSent` directly or from the awaitable.
    The awaitable's result is what the venue answered; fills and later changes come by ``stream``.
    """

    @property
    def venue(self) -> str:
        """The venue with its account: ``binance`` or ``binance:hedge``."""
        ...

    @property
    def replaces_natively(self) -> bool:
        """Whether ``replace`` is one request that the venue carries out as a whole."""
        ...

    @property
    def keeps_order(self) -> bool:
        """Whether a cancel sent after an order reaches the venue after it, as on one connection."""
        ...

    @property
    def query_lag_s(self) -> float:
        """How long after the venue accepted an order a query may still not show it, at most."""
        ...

    @property
    def validity_s(self) -> float:
        """How long after its request time the venue may still accept a request (Binance: recvWindow)."""
        ...

    async def open(self) -> Sequence[Instrument]:
        """Connect, and return what can be traded. Raises what the venue or the network raises."""
        ...

    async def close(self) -> None:
        """Disconnect; nothing is sent afterwards."""
        ...

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        """Call ``ready`` once subscribed, then ``report`` for every private message in the order received.

        Returns or raises when the connection ends.
        """
        ...

    def place(self, order: PlaceOrder) -> Awaitable[OrderReport]:
        """Send a new order, once."""
        ...

    def replace(self, old: OrderRef, order: PlaceOrder) -> Awaitable[OrderReport]:
        """Send a native replace, once; the answer is the new order's. Raises Rejected if the old one lives on."""
        ...

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        """Send a cancel. ``Rejected`` proves nothing about the order."""
        ...

    async def query(self, order: OrderRef) -> OrderReport | None:
        """The venue's present word on the order, or None if it shows none."""
        ...

    async def open_orders(self) -> Sequence[tuple[str, OrderReport]]:
        """All open orders of the account as (symbol, report), foreign ones included."""
        ...

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        """The account's fills in the symbol since that venue time, oldest first, each once."""
        ...

    async def balances(self) -> Sequence[BalanceReport]:
        """The account's balances."""
        ...

    async def time_ns(self) -> int:
        """The venue's clock, nanoseconds since the epoch."""
        ...
