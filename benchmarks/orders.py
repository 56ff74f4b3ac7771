"""Orders for `benchmarks.durability`, and what a journal is told of them: open, then filled."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.trading.journal.port import News
from bowstring.trading.messages import Fill, PlaceOrder, Position
from bowstring.trading.orders import intended

PREFIX = Clock().new_prefix()
SIZE = Decimal("0.00100")
FEE = Decimal("0.00000100")


def order(number: int) -> PlaceOrder:
    """An order of a bot's."""
    return PlaceOrder(
        seq=number + 1,
        received_ns=1,
        strategy="Bidder",
        venue="binance",
        symbol="BTC/USDT",
        client_order_id=f"{PREFIX}{number}",
        side="buy",
        quantity=SIZE,
        price=Decimal("65000.10"),
    )


def life(action: PlaceOrder, number: int) -> Iterator[Sequence[News]]:
    """Call by call."""
    accepted = replace(intended(action), status="open", venue_order_id=str(10_000_000_000 + number), time_ns=1)
    yield [accepted.update()]
    fill = Fill(
        strategy=action.strategy,
        venue=action.venue,
        symbol=action.symbol,
        client_order_id=action.client_order_id,
        trade_id=str(number),
        side=action.side,
        price=action.price,
        quantity=action.quantity,
        fee=FEE,
        fee_currency="BTC",
        liquidity="maker",
        time_ns=2,
    )
    held = (action.quantity - FEE) * (number + 1)
    position = Position(strategy=action.strategy, venue=action.venue, symbol=action.symbol, quantity=held)
    yield [fill, position, replace(accepted, status="filled", filled=action.quantity, time_ns=2).update()]
