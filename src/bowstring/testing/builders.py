"""Builders: events for tests, with everything that a test does not care about filled in.

Numbers may be given as `int`, `str` or `Decimal`.
"""

from decimal import Decimal
from typing import Literal

from bowstring.core.errors import ConfigError
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument, InstrumentListed
from bowstring.trading.messages import Fill, OrderStatus, OrderUpdate, Position, Side

Number = int | str | Decimal

VENUE = "binance"


def quote(
    symbol: str, *, bid: Number, ask: Number, bid_quantity: Number = 1, ask_quantity: Number = 1, venue: str = VENUE
) -> Quote:
    """A quote. Raises `ConfigError` if its bid is not below its ask: no venue shows that."""
    if Decimal(bid) >= Decimal(ask):
        raise ConfigError(f"quote(bid={bid}, ask={ask}): let the bid be below the ask")
    return Quote(
        venue=venue,
        symbol=symbol,
        bid=Decimal(bid),
        bid_quantity=Decimal(bid_quantity),
        ask=Decimal(ask),
        ask_quantity=Decimal(ask_quantity),
    )


def trade(
    symbol: str, *, price: Number, quantity: Number = 1, side: Side = "buy", trade_id: str = "1", venue: str = VENUE
) -> Trade:
    """A public trade; ``side`` is the taker's."""
    return Trade(
        venue=venue, symbol=symbol, price=Decimal(price), quantity=Decimal(quantity), side=side, trade_id=trade_id
    )


def position(symbol: str, quantity: Number, *, strategy: str = "", venue: str = VENUE) -> Position:
    """The strategy's position in base units; `react` fills in its own strategy."""
    return Position(strategy=strategy, venue=venue, symbol=symbol, quantity=Decimal(quantity))


def fill(
    symbol: str,
    *,
    price: Number,
    quantity: Number = 1,
    side: Side = "buy",
    client_order_id: str = "1",
    trade_id: str = "1",
    fee: Number = 0,
    fee_currency: str = "",
    liquidity: Literal["maker", "taker"] = "maker",
    strategy: str = "",
    venue: str = VENUE,
) -> Fill:
    """One execution; the fee is in the quote currency unless you say otherwise."""
    return Fill(
        strategy=strategy,
        venue=venue,
        symbol=symbol,
        client_order_id=client_order_id,
        trade_id=trade_id,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal(fee),
        fee_currency=fee_currency or _currencies(symbol)[1],
        liquidity=liquidity,
    )


def order_update(
    symbol: str,
    status: OrderStatus,
    *,
    price: Number,
    quantity: Number = 1,
    filled: Number = 0,
    side: Side = "buy",
    client_order_id: str = "1",
    reason: str = "",
    strategy: str = "",
    venue: str = VENUE,
) -> OrderUpdate:
    """News of an order."""
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
        reason=reason,
    )


def instrument(
    symbol: str,
    *,
    tick_size: Number = "0.01",
    lot_size: Number = "0.00001",
    min_notional: Number = 0,
    venue: str = VENUE,
) -> InstrumentListed:
    """The news that an instrument with these steps is listed."""
    base, quote_currency = _currencies(symbol)
    listed = Instrument(
        venue=venue,
        symbol=symbol,
        venue_symbol=base + quote_currency,
        base=base,
        quote=quote_currency,
        tick_size=Decimal(tick_size),
        lot_size=Decimal(lot_size),
        min_notional=Decimal(min_notional),
    )
    return InstrumentListed(symbol=symbol, instrument=listed)


def _currencies(symbol: str) -> tuple[str, str]:
    base, _, rest = symbol.partition("/")
    return base, rest.partition(":")[0]
