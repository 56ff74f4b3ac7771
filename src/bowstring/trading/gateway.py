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
    """The venue's word on one order: ``filled`` is cumulative, in base units.

    ``client_order_id`` is the order's own, in a report of its cancel too. An order whose time in force ended it is
    ``expired``. ``time_ns`` is the venue's time, 0 where it gives none.
    """

    client_order_id: str
    status: OrderStatus
    filled: Decimal = Decimal(0)
    venue_order_id: str = ""
    reason: str = ""
    time_ns: int = 0


class FillReport(Struct, frozen=True, kw_only=True):
    """The venue's word on one execution. ``trade_id`` is unique in the account and symbol.

    Every number is the venue's, to the last digit, the fee in the currency in which it was taken. ``time_ns`` is the
    venue's time.
    """

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


class OpenOrder(Struct, frozen=True, kw_only=True):
    """An open order as the venue shows it, whoever placed it."""

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    report: OrderReport


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
    The awaitable's result is what the venue answered; fills and later changes come by ``stream``, and so does, again
    or for the first time, what was answered.

    `bowstring.testing.GatewayConformance` tests what is said here.
    """

    @property
    def venue(self) -> str:
        """The venue with its account: ``binance`` or ``binance:hedge``."""
        ...

    @property
    def account(self) -> str:
        """What the account is called at the venue, known once open: who trades on the same one gives the same.

        It names the venue's address too, and no secret. ``""``: the account is this gateway's own, as on paper.
        """
        ...

    @property
    def offers_cancel_after(self) -> bool:
        """Whether the venue cancels orders by itself when it hears nothing for some time."""
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
        """How long after a change at the venue, such as an order's acceptance, questions may not show it, at most."""
        ...

    @property
    def validity_s(self) -> float:
        """How long after its request time the venue may still accept a request (Binance: recvWindow)."""
        ...

    async def open(self) -> Sequence[Instrument]:
        """Connect, and return what can be traded. Raises what the venue or the network raises.

        It is called again where that may help: `Rejected` and `ConfigError` say that it does not, as of a bad key.
        Instruments carry ``venue``, unified symbols, and the rules that `place` holds orders to.
        """
        ...

    async def close(self) -> None:
        """Disconnect; nothing is sent afterwards, and requests raise `NotSent`. May be called twice."""
        ...

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        """Call ``ready`` once subscribed, then ``report`` for every private message in the order received.

        Whatever happens at the venue after ``ready`` was called is reported: what happened before is asked for.
        Returns or raises when the connection ends, and is cancelled to stop it; it can then be called again, without
        ``open``, and connects again.
        """
        ...

    def place(self, order: PlaceOrder) -> Awaitable[OrderReport]:
        """Send a new order, once, as it is: one that is against the rules is refused, never mended.

        What the venue cannot do, such as ``post_only`` where there is none, is refused too, with `NotSent`.
        """
        ...

    def replace(self, old: OrderRef, order: PlaceOrder) -> Awaitable[OrderReport]:
        """Send a native replace, once; the answer is the new order's. Raises Rejected if the old one lives on.

        If the old one was cancelled and the new one refused, the answer is the new order's, ``rejected``. The old one's
        end is reported by ``stream``.
        """
        ...

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        """Send a cancel; the answer is the order's. ``Rejected`` proves nothing about the order, and says nothing."""
        ...

    async def cancel_after(self, seconds: float) -> None:
        """Have the venue cancel all open orders of the account unless it is called again within so many seconds.

        All of them, others' too. 0: it shall not. It is the venue that counts, whatever becomes of this gateway. A
        return means that the venue has confirmed it. `NotSent` where it is not offered.
        """
        ...

    async def query(self, order: OrderRef) -> OrderReport | None:
        """The venue's present word on the order, or None if it shows none.

        ``venue_order_id`` may be ``""``: the order is found by its ``client_order_id`` alone.
        """
        ...

    async def open_orders(self) -> Sequence[OpenOrder]:
        """All open orders of the account, foreign ones included."""
        ...

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        """The account's fills in the symbol since that venue time, oldest first, each once."""
        ...

    async def balances(self) -> Sequence[BalanceReport]:
        """The account's balances, each currency once: what it holds, and what open orders lock."""
        ...

    async def time_ns(self) -> int:
        """The venue's clock, nanoseconds since the epoch. It does not go back."""
        ...
