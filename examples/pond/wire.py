"""Pond's messages: bytes to typed messages, and requests to bytes. Pure: no I/O, no clock."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, TypeVar

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder, decode, encode

from bowstring.core.errors import BadMessage
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderReport
from bowstring.trading.messages import OrderStatus, PlaceOrder, Side

T = TypeVar("T")

MS = 1_000_000
STATUSES: Mapping[str, OrderStatus] = {"live": "open", "done": "filled", "dead": "cancelled"}


class Answer(Struct, frozen=True, tag="answer"):
    """The result of request ``id``: read it as what was asked for, with `result`."""

    id: int
    result: Raw


class Refusal(Struct, frozen=True, tag="refusal"):
    """Pond says no to request ``id``."""

    id: int
    reason: str


class OrderData(Struct, frozen=True, tag="order"):
    number: int
    client_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    status: Literal["live", "done", "dead"]
    filled: Decimal
    time: int

    def report(self) -> OrderReport:
        return OrderReport(
            client_order_id=self.client_id,
            venue_order_id=str(self.number),
            status=STATUSES[self.status],
            filled=finite(self.filled),
            time_ns=self.time * MS,
        )

    def open_order(self) -> OpenOrder:
        return OpenOrder(
            symbol=unified(self.symbol),
            side=self.side,
            price=finite(self.price),
            quantity=finite(self.quantity),
            report=self.report(),
        )


class FillData(Struct, frozen=True, tag="fill"):
    trade: int
    client_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: tuple[Decimal, str]
    maker: bool
    time: int

    def report(self) -> FillReport:
        return FillReport(
            symbol=unified(self.symbol),
            client_order_id=self.client_id,
            trade_id=str(self.trade),
            side=self.side,
            price=finite(self.price),
            quantity=finite(self.quantity),
            fee=finite(self.fee[0]),
            fee_currency=self.fee[1],
            liquidity="maker" if self.maker else "taker",
            time_ns=self.time * MS,
        )


class QuoteData(Struct, frozen=True, tag="quote"):
    symbol: str
    bid: tuple[Decimal, Decimal]
    ask: tuple[Decimal, Decimal]

    def event(self, venue: str) -> Quote:
        bid, bid_quantity, ask, ask_quantity = map(finite, (*self.bid, *self.ask))
        return Quote(
            venue=venue,
            symbol=unified(self.symbol),
            bid=bid,
            bid_quantity=bid_quantity,
            ask=ask,
            ask_quantity=ask_quantity,
        )


class TradeData(Struct, frozen=True, tag="trade"):
    symbol: str
    number: int
    side: Side
    price: Decimal
    quantity: Decimal
    time: int

    def event(self, venue: str) -> Trade:
        return Trade(
            venue=venue,
            symbol=unified(self.symbol),
            trade_id=str(self.number),
            side=self.side,
            price=finite(self.price),
            quantity=finite(self.quantity),
            time_ns=self.time * MS,
        )


class MarketData(Struct, frozen=True):
    symbol: str
    tick: Decimal
    lot: Decimal

    def instrument(self, venue: str) -> Instrument:
        base, quote = self.symbol.split("-")
        return Instrument(
            venue=venue,
            symbol=unified(self.symbol),
            venue_symbol=self.symbol,
            base=base,
            quote=quote,
            tick_size=finite(self.tick),
            lot_size=finite(self.lot),
        )


Message = Answer | Refusal | OrderData | FillData | QuoteData | TradeData

_message: Decoder[Message] = Decoder(Message)


def parse(line: bytes) -> Message:
    """Raises `BadMessage`."""
    try:
        return _message.decode(line)
    except (DecodeError, UnicodeError) as error:
        raise BadMessage(f"{error} in {line[:200]!r}") from None


def result(raw: Raw, kind: type[T]) -> T:
    """What an answer holds. Raises `BadMessage`."""
    try:
        return decode(raw, type=kind)
    except (DecodeError, UnicodeError) as error:
        raise BadMessage(f"{error} in {bytes(raw)[:200]!r}") from None


def balances(held: Mapping[str, tuple[Decimal, Decimal]]) -> Sequence[BalanceReport]:
    return [
        BalanceReport(currency=currency, free=finite(free), locked=finite(locked))
        for currency, (free, locked) in held.items()
    ]


def request(number: int, do: str, **fields: str | int) -> bytes:
    return encode({"id": number, "do": do, **fields}) + b"\n"


def order_fields(order: PlaceOrder) -> dict[str, str]:
    """Numbers are written in full: ``str`` would make 1E-8 of the smallest."""
    return {
        "client_id": order.client_order_id,
        "side": order.side,
        "price": format(order.price, "f"),
        "quantity": format(order.quantity, "f"),
    }


def unified(symbol: str) -> str:
    """``STONE/SHELL`` for ``STONE-SHELL``."""
    return symbol.replace("-", "/")


def finite(number: Decimal) -> Decimal:
    """Decimals may be NaN and Infinity: no venue means that."""
    if not number.is_finite():
        raise BadMessage(f"a number is {number}")
    return number
