"""What guards are asked and told in tests, and a clock that is set by hand."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import count

from msgspec.structs import force_setattr

from bowstring.core.clock import Clock
from bowstring.core.components import Guard
from bowstring.core.messages import Event
from bowstring.core.tasks import as_list
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import InstrumentListed
from bowstring.trading.messages import (
    Balance,
    Fill,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
    Position,
    ReplaceOrder,
    Side,
)
from tests.trading.scripted import SYMBOL, instrument

Number = Decimal | str | int

S = 1_000_000_000
EPOCH_NS = 1_704_067_200 * S  # 2024-01-01, midnight

_seqs = count(1)


class Hand(Clock):
    """A clock that is set by hand: seconds since a midnight, exact."""

    def __init__(self) -> None:
        self.time_ns = 0
        self.epoch_ns = EPOCH_NS
        self.monotonic_ns = lambda: self.time_ns

    def set(self, seconds: Number) -> None:
        self.time_ns = int(Decimal(seconds) * S)


def by_hand(guard: Guard) -> Hand:
    """Give a guard a clock, and a name, as the engine does."""
    guard.clock = clock = Hand()
    guard.name = guard.name or type(guard).__name__
    return clock


def tell(guard: Guard, *events: Event) -> list[Event]:
    """Give a guard events as the engine does, and return its own."""
    answers: list[Event] = []
    for event in events:
        force_setattr(event, "seq", event.seq or next(_seqs))
        if not event.received_ns and hasattr(guard, "clock"):
            force_setattr(event, "received_ns", guard.clock.now_ns())
        for handler in guard.handlers():
            if isinstance(event, handler.type):
                answers += as_list(handler.call(event))
    return answers


def judged(guard: Guard, order: PlaceOrder | ReplaceOrder) -> str | None:
    """What a guard says to an action."""
    reasons = [handler.call(order) for handler in guard.handlers() if isinstance(order, handler.type)]
    (reason,) = reasons
    assert reason is None or isinstance(reason, str)
    return reason


def verdicts(guard: Guard, orders: Iterable[PlaceOrder | ReplaceOrder]) -> list[bool]:
    """Which of some orders pass, one after the other."""
    return [judged(guard, order) is None for order in orders]


def place(
    quantity: Number = 1,
    *,
    price: Number = 100,
    side: Side = "buy",
    symbol: str = SYMBOL,
    client_order_id: str = "1",
    strategy: str = "one",
    venue: str = "venue",
    cause: int = 0,
    reduces: bool = False,
) -> PlaceOrder:
    return PlaceOrder(
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        client_order_id=client_order_id,
        venue=venue,
        strategy=strategy,
        cause=cause,
        reduces=reduces,
    )


def replace(
    quantity: Number = 1,
    *,
    price: Number = 100,
    side: Side | None = "buy",
    client_order_id: str = "old",
    new_client_order_id: str = "new",
    symbol: str = SYMBOL,
) -> ReplaceOrder:
    return ReplaceOrder(
        symbol=symbol,
        client_order_id=client_order_id,
        new_client_order_id=new_client_order_id,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        venue="venue",
        strategy="one",
    )


def update(
    status: OrderStatus,
    *,
    quantity: Number = 1,
    filled: Number = 0,
    price: Number = 100,
    side: Side = "buy",
    client_order_id: str = "1",
    strategy: str = "one",
    symbol: str = SYMBOL,
    venue: str = "venue",
    cause: int = 0,
) -> OrderUpdate:
    return OrderUpdate(
        strategy=strategy,
        venue=venue,
        symbol=symbol,
        client_order_id=client_order_id,
        status=status,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        filled=Decimal(filled),
        cause=cause,
    )


def fill(
    quantity: Number = 1,
    *,
    price: Number = 100,
    side: Side = "buy",
    client_order_id: str = "1",
    strategy: str = "one",
    symbol: str = SYMBOL,
    venue: str = "venue",
    fee: Number = 0,
    fee_currency: str = "USDT",
    time_ns: int = 0,
) -> Fill:
    return Fill(
        strategy=strategy,
        venue=venue,
        symbol=symbol,
        client_order_id=client_order_id,
        trade_id="",
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal(fee),
        fee_currency=fee_currency,
        liquidity="maker",
        time_ns=time_ns,
    )


def position(quantity: Number, *, strategy: str = "one", symbol: str = SYMBOL, venue: str = "venue") -> Position:
    return Position(strategy=strategy, venue=venue, symbol=symbol, quantity=Decimal(quantity))


def balance(free: Number, locked: Number = 0, *, currency: str = "USDT", venue: str = "venue") -> Balance:
    return Balance(venue=venue, currency=currency, free=Decimal(free), locked=Decimal(locked))


def quote(bid: Number, ask: Number, *, symbol: str = SYMBOL, venue: str = "venue") -> Quote:
    return Quote(
        venue=venue,
        symbol=symbol,
        bid=Decimal(bid),
        bid_quantity=Decimal(1),
        ask=Decimal(ask),
        ask_quantity=Decimal(1),
    )


def trade(price: Number, *, symbol: str = SYMBOL, venue: str = "venue") -> Trade:
    return Trade(
        venue=venue, symbol=symbol, price=Decimal(price), quantity=Decimal(1), side="buy", trade_id=str(next(_seqs))
    )


def listing(symbol: str, *, seq: int = 0) -> InstrumentListed:
    return InstrumentListed(symbol=symbol, instrument=instrument("venue", symbol), seq=seq)
