"""What Binance Spot answers about orders, trades and the account: bytes in, reports out. Pure: no I/O, no clock.

The WebSocket API and REST give the same results. `BadMessage` is raised for what cannot be trusted, and nothing else.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder

from bowstring.core.errors import BadMessage
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderReport
from bowstring.trading.messages import OrderStatus, Side
from bowstring.venues.binance.payloads import Frame, Id, Milliseconds, number
from bowstring.venues.binance.wire import MALFORMED

T = TypeVar("T")

STATUSES: Mapping[str, OrderStatus] = {
    "NEW": "open",
    "PENDING_NEW": "open",
    "PARTIALLY_FILLED": "open",
    "PENDING_CANCEL": "open",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",  # by self-trade prevention
}
"""What the venue calls a status. One that is not among these is taken for "open": the order may live."""

SIDES: Mapping[str, Side] = {"BUY": "buy", "SELL": "sell"}
MS = 1_000_000  # ns


class OrderResult(Struct, rename="camel", gc=False):
    """One order in the answer to a request. Of a cancel ``client_order_id`` is the cancel's own."""

    symbol: str
    order_id: Id
    client_order_id: str
    status: str
    executed_qty: Decimal
    orig_client_order_id: str = ""
    side: str = ""
    orig_qty: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    expiry_reason: str = ""
    transact_time: Milliseconds = 0
    update_time: Milliseconds = 0
    time: Milliseconds = 0

    def open_order(self, symbol: str) -> OpenOrder:
        """What it says of an open order. Raises `BadMessage` where it does not say what order it is."""
        if self.side not in SIDES:
            raise BadMessage(f"order {self.order_id} is on the side {self.side[:20]!r}")
        return OpenOrder(
            symbol=symbol,
            side=SIDES[self.side],
            quantity=number(self.orig_qty, "quantity of an order"),
            price=number(self.price, "price of an order"),
            report=self.report(),
        )

    def report(self, client_order_id: str = "") -> OrderReport:
        """What it says; ``client_order_id`` is the id that the order was placed with, if that is known."""
        return order_report(
            client_order_id or self.orig_client_order_id or self.client_order_id,
            self.status,
            filled=self.executed_qty,
            order_id=self.order_id,
            reason=self.expiry_reason,
            time_ms=self.transact_time or self.update_time or self.time,
        )


class TradeResult(Struct, rename="camel", gc=False):
    """One of the account's trades, which names its order only by the venue's id."""

    id: Id
    order_id: Id
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: Milliseconds
    is_buyer: bool
    is_maker: bool

    def report(self, symbol: str, client_order_id: str) -> FillReport:
        """What it says."""
        return FillReport(
            symbol=symbol,
            client_order_id=client_order_id,
            trade_id=str(self.id),
            side="buy" if self.is_buyer else "sell",
            price=number(self.price, "price of a trade"),
            quantity=number(self.qty, "quantity of a trade"),
            fee=signed(self.commission, "commission"),
            fee_currency=self.commission_asset,
            liquidity="maker" if self.is_maker else "taker",
            time_ns=self.time * MS,
        )


class _Replaced(Struct, rename="camel"):
    new_order_response: OrderResult


class _Balance(Struct, gc=False):
    asset: str
    free: Decimal
    locked: Decimal


class _Account(Struct):
    uid: Id
    balances: list[_Balance]


class _Time(Struct, rename="camel"):
    server_time: Milliseconds


_orders = Decoder(list[OrderResult])
_order = Decoder(OrderResult)
_replaced = Decoder(_Replaced)
_trades = Decoder(list[TradeResult])
_account = Decoder(_Account)
_time = Decoder(_Time)


def parse_order(result: Frame | Raw) -> OrderReport:
    """The answer to a new order, or to a cancel."""
    return _decode(_order, result, "order").report()


def parse_replaced(result: Frame | Raw) -> OrderReport:
    """The new order, in the answer to a cancel-replace."""
    return _decode(_replaced, result, "replaced order").new_order_response.report()


def parse_query(result: Frame | Raw) -> OrderResult:
    """The answer to a query for one order."""
    return _decode(_order, result, "order")


def parse_orders(result: Frame | Raw) -> list[OrderResult]:
    """Open orders, or all."""
    return _decode(_orders, result, "list of orders")


def parse_trades(result: Frame | Raw) -> list[TradeResult]:
    """The account's trades, oldest first."""
    return _decode(_trades, result, "list of trades")


def parse_account(result: Frame | Raw) -> tuple[int, list[BalanceReport]]:
    """The account's number and its balances."""
    account = _decode(_account, result, "account")
    return account.uid, [balance(one.asset, one.free, one.locked) for one in account.balances]


def parse_time(result: Frame | Raw) -> int:
    """The venue's time, nanoseconds since the epoch."""
    return _decode(_time, result, "time").server_time * MS


def _decode(decoder: Decoder[T], result: Frame | Raw, what: str) -> T:
    try:
        return decoder.decode(result)
    except MALFORMED as error:
        raise BadMessage(f"malformed {what}: {error}") from None


def order_report(
    client_order_id: str, status: str, *, filled: Decimal, order_id: int, reason: str, time_ms: int
) -> OrderReport:
    """The venue's word on an order, with its id for it and its name for the status."""
    known = STATUSES.get(status)
    return OrderReport(
        client_order_id=client_order_id,
        status=known or "open",
        filled=number(filled, "filled quantity"),
        venue_order_id=str(order_id),
        reason=reason if known else f"its status is {status[:40]!r}, which is not known here",
        time_ns=time_ms * MS,
    )


def balance(currency: str, free: Decimal, locked: Decimal) -> BalanceReport:
    """The venue's word on a balance."""
    return BalanceReport(currency=currency, free=number(free, "free balance"), locked=number(locked, "locked balance"))


def signed(value: Decimal, what: str) -> Decimal:
    """The value, which may be negative. Raises `BadMessage` if it is not finite or absurd."""
    number(value.copy_abs(), what)
    return value
