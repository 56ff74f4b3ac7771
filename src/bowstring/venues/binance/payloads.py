"""What the streams of Binance carry, kind by kind: bytes in, market events out. Pure, as `wire` is.

A kind is what follows the symbol in a stream's name: ``bookTicker``, ``depth@100ms``, ``kline_1m``. Spot and USDⓈ-M
futures tell the same in nearly the same form. `KINDS` has the kinds: a new one is a struct, a reader and a line there.
The module is long because there are many kinds, each by itself.
"""

from collections.abc import Callable, Sequence
from decimal import Clamped, Context, Decimal, InvalidOperation, Overflow, Rounded, Subnormal
from functools import partial
from operator import lt
from typing import Annotated, Literal, Protocol, TypeVar, cast

from msgspec import Meta, Raw, Struct, convert, defstruct, field
from msgspec.json import Decoder

from bowstring.core.errors import BadMessage
from bowstring.market.book import Level
from bowstring.market.book_sync import Diff
from bowstring.market.events import Candle, DailyStats, Depth, Liquidation, MarketEvent, MarkPrice, Quote, Trade
from bowstring.market.instrument import Instrument

T = TypeVar("T", bound=Struct)

Frame = str | bytes
Milliseconds = Annotated[int, Meta(ge=0, lt=10**14)]  # the year 5138: microseconds are told from milliseconds
Id = Annotated[int, Meta(ge=0)]
Levels = list[tuple[Decimal, Decimal]]
Pairs = Sequence[tuple[Decimal, Decimal]]

# What a price or a quantity may be: 0, or between 1E-20 and 1E+21, with at most 40 digits. Everything else is absurd.
_sane = Context(prec=40, Emin=-20, Emax=20, traps=[Clamped, InvalidOperation, Overflow, Rounded, Subnormal]).plus
_ZERO, _INFINITY = Decimal(0), Decimal("Infinity")
_MS = 1_000_000  # ns


Told = tuple[MarketEvent | Diff, int]
"""What a payload tells, and its place in its stream, a number that never falls.

It grows with every message where the venue numbers them; else it is the time of the message in ms.
"""

Read = Callable[[Frame], Told | None]
"""What a payload tells; None if it says that there is nothing to tell.

Of a side without orders Binance tells price and quantity 0, and of a day without a trade nothing but 0, as its REST
tickers show; it does not document that. These are no prices, so there is no `Quote` and there are no `DailyStats`.
Raises `BadMessage`, and what msgspec raises on bytes that do not fit.
"""


class DecoderOf(Protocol):
    """How to decode a payload's struct; ``others`` names the fields that are documented besides, and not used."""

    def __call__(self, plain: type[T], /, *, others: str) -> Callable[[Frame | Raw], T]:
        """The function that decodes."""
        ...


def lenient(plain: type[T], /, *, others: str) -> Callable[[Frame | Raw], T]:  # noqa: ARG001  # as `strict`
    """Skips every other field, at little cost."""
    return Decoder[T](plain).decode


def strict(plain: type[T], /, *, others: str) -> Callable[[Frame | Raw], T]:
    """Refuses fields that were not documented when this was written: for tests."""
    unused = [(f"unused_{number}", Raw, field(name=name, default=Raw())) for number, name in enumerate(others.split())]
    whole = defstruct(f"Strict{plain.__name__}", unused, bases=(plain,), forbid_unknown_fields=True)
    return Decoder[T](cast("type[T]", whole)).decode


# --- best bid and ask ------------------------------------------------------------------------------------------------


class _BookTicker(Struct, gc=False):
    update_id: Id = field(name="u")
    symbol: str = field(name="s")
    bid: Decimal = field(name="b")
    bid_quantity: Decimal = field(name="B")
    ask: Decimal = field(name="a")
    ask_quantity: Decimal = field(name="A")
    time_ms: Milliseconds = field(name="T", default=0)  # futures only


def _quotes(instrument: Instrument, decoder_of: DecoderOf) -> Read:
    decode = decoder_of(_BookTicker, others="e E ps st")
    venue, symbol, venue_symbol = instrument.venue, instrument.symbol, instrument.venue_symbol

    def read(payload: Frame) -> Told | None:  # checked in place, as `number` takes as long for a quote as decoding
        ticker = decode(payload)
        bid, bid_quantity, ask, ask_quantity = ticker.bid, ticker.bid_quantity, ticker.ask, ticker.ask_quantity
        try:
            sane = (
                _ZERO < bid < ask < _INFINITY
                and _ZERO <= bid_quantity < _INFINITY
                and _ZERO <= ask_quantity < _INFINITY
                and ticker.symbol == venue_symbol
                and (_sane(bid), _sane(ask), _sane(bid_quantity), _sane(ask_quantity))
            )
        except ArithmeticError:  # as in `number`
            sane = False
        if not sane:
            _check_is_one_sided(ticker, venue_symbol)
            return None
        quote = Quote(
            venue=venue,
            symbol=symbol,
            bid=bid,
            bid_quantity=bid_quantity,
            ask=ask,
            ask_quantity=ask_quantity,
            time_ns=ticker.time_ms * _MS,
        )
        return quote, ticker.update_id

    return read


def _check_is_one_sided(ticker: _BookTicker, venue_symbol: str) -> None:
    """Raise `BadMessage`, by looking at one thing after the other, unless all is right but that a side is empty."""
    _check_symbol(ticker.symbol, venue_symbol)
    has_bid = _has_level(ticker.bid, ticker.bid_quantity, "bid")
    has_ask = _has_level(ticker.ask, ticker.ask_quantity, "ask")
    if has_bid and has_ask:
        raise BadMessage(f"bid {ticker.bid:f} is not below ask {ticker.ask:f}")


def _has_level(price: Decimal, quantity: Decimal, side: str) -> bool:
    if not number(quantity, f"{side} quantity") and not number(price, side):
        return False
    return bool(_positive(price, side))


# --- trades ----------------------------------------------------------------------------------------------------------


class _Trade(Struct, gc=False):
    symbol: str = field(name="s")
    price: Decimal = field(name="p")
    quantity: Decimal = field(name="q")
    time_ms: Milliseconds = field(name="T")
    buyer_is_maker: bool = field(name="m")
    trade_id: Id = field(name="t")


class _AggTrade(Struct, gc=False):
    symbol: str = field(name="s")
    price: Decimal = field(name="p")
    quantity: Decimal = field(name="q")
    time_ms: Milliseconds = field(name="T")
    buyer_is_maker: bool = field(name="m")
    trade_id: Id = field(name="a")


def _trades(instrument: Instrument, decoder_of: DecoderOf) -> Read:
    return _trade_reader(decoder_of(_Trade, others="e E M X a b st"), instrument)


def _agg_trades(instrument: Instrument, decoder_of: DecoderOf) -> Read:
    return _trade_reader(decoder_of(_AggTrade, others="e E f l M nq st"), instrument)


def _trade_reader(decode: Callable[[Frame], _Trade | _AggTrade], instrument: Instrument) -> Read:
    venue, symbol, venue_symbol = instrument.venue, instrument.symbol, instrument.venue_symbol

    def read(payload: Frame) -> Told:
        told = decode(payload)
        _check_symbol(told.symbol, venue_symbol)
        trade = Trade(
            venue=venue,
            symbol=symbol,
            price=_positive(told.price, "price"),
            quantity=_positive(told.quantity, "quantity"),
            side="sell" if told.buyer_is_maker else "buy",
            trade_id=str(told.trade_id),
            time_ns=told.time_ms * _MS,
        )
        return trade, told.trade_id

    return read


# --- the book --------------------------------------------------------------------------------------------------------


class _Diff(Struct, gc=False):
    symbol: str = field(name="s")
    first: Id = field(name="U")
    last: Id = field(name="u")
    bids: Levels = field(name="b")
    asks: Levels = field(name="a")
    event_time_ms: Milliseconds = field(name="E")
    previous: Id | None = field(name="pu", default=None)  # futures only
    time_ms: Milliseconds = field(name="T", default=0)  # futures only


class _SpotDepth(Struct, gc=False):
    update_id: Id = field(name="lastUpdateId")
    bids: Levels
    asks: Levels


def _diffs(instrument: Instrument, decoder_of: DecoderOf) -> Callable[[Frame], Told]:
    decode = decoder_of(_Diff, others="e ps st")
    venue_symbol = instrument.venue_symbol

    def read(payload: Frame) -> Told:
        told = decode(payload)
        _check_symbol(told.symbol, venue_symbol)
        if told.last < told.first:
            raise BadMessage(f"update {told.last} is not after {told.first}")
        check_levels(told.bids)
        check_levels(told.asks)
        diff = Diff(
            first=told.first,
            last=told.last,
            previous=told.previous,
            bids=told.bids,
            asks=told.asks,
            time_ns=(told.time_ms or told.event_time_ms) * _MS,
        )
        return diff, told.last

    return read


def _depth(instrument: Instrument, decoder_of: DecoderOf) -> Read:
    """Partial depth: of Spot without symbol and time; of futures in the form of a change, but whole."""
    if instrument.symbol.partition(":")[2]:
        read_whole = _diffs(instrument, decoder_of)

        def read_futures(payload: Frame) -> Told:
            diff, sequence = read_whole(payload)
            assert isinstance(diff, Diff)
            return _depth_of(instrument, diff.last, diff.bids, diff.asks, diff.time_ns), sequence

        return read_futures
    decode = decoder_of(_SpotDepth, others="")

    def read(payload: Frame) -> Told:
        told = decode(payload)
        check_levels(told.bids)
        check_levels(told.asks)
        return _depth_of(instrument, told.update_id, told.bids, told.asks, 0), told.update_id

    return read


def _depth_of(instrument: Instrument, update_id: int, bids: Pairs, asks: Pairs, time_ns: int) -> Depth:
    ascending = [*reversed(bids), *asks]
    if not all(quantity for _, quantity in ascending):
        raise BadMessage(f"levels of update {update_id} are empty")
    prices = [price for price, _ in ascending]
    if not all(map(lt, prices, prices[1:])):
        raise BadMessage(f"levels of update {update_id} are crossed or not in their order")
    return Depth(
        venue=instrument.venue,
        symbol=instrument.symbol,
        bids=tuple(map(Level._make, bids)),
        asks=tuple(map(Level._make, asks)),
        update_id=update_id,
        time_ns=time_ns,
    )


# --- candles and statistics ------------------------------------------------------------------------------------------


class _Kline(Struct, gc=False):
    symbol: str = field(name="s")
    time_ms: Milliseconds = field(name="E")
    candle: Raw = field(name="k")


class _Candle(Struct, gc=False):
    start_ms: Milliseconds = field(name="t")
    end_ms: Milliseconds = field(name="T")
    interval: str = field(name="i")
    open: Decimal = field(name="o")
    high: Decimal = field(name="h")
    low: Decimal = field(name="l")
    close: Decimal = field(name="c")
    volume: Decimal = field(name="v")
    quote_volume: Decimal = field(name="q")
    trades: Id = field(name="n")
    is_closed: bool = field(name="x")


class _MiniTicker(Struct, gc=False):
    symbol: str = field(name="s")
    time_ms: Milliseconds = field(name="E")
    open: Decimal = field(name="o")
    high: Decimal = field(name="h")
    low: Decimal = field(name="l")
    close: Decimal = field(name="c")
    volume: Decimal = field(name="v")
    quote_volume: Decimal = field(name="q")


def _candles(instrument: Instrument, decoder_of: DecoderOf, *, interval: str) -> Read:
    decode = decoder_of(_Kline, others="e ps st")
    decode_candle = decoder_of(_Candle, others="s f L V Q B")

    def read(payload: Frame) -> Told:
        told = decode(payload)
        _check_symbol(told.symbol, instrument.venue_symbol)
        candle = decode_candle(told.candle)
        if candle.interval != interval or candle.start_ms >= candle.end_ms:
            period = f"{candle.interval[:40]!r} from {candle.start_ms} to {candle.end_ms} ms"
            raise BadMessage(f"candle of {period} in a stream of {interval}")
        _check_range(candle)
        event = Candle(
            venue=instrument.venue,
            symbol=instrument.symbol,
            interval=candle.interval,
            start_ns=candle.start_ms * _MS,
            end_ns=candle.end_ms * _MS,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
            quote_volume=candle.quote_volume,
            trades=candle.trades,
            is_closed=candle.is_closed,
            time_ns=told.time_ms * _MS,
        )
        return event, told.time_ms

    return read


def _daily_stats(instrument: Instrument, decoder_of: DecoderOf) -> Read:
    decode = decoder_of(_MiniTicker, others="e ps st")

    def read(payload: Frame) -> Told | None:
        told = decode(payload)
        _check_symbol(told.symbol, instrument.venue_symbol)
        if not any((told.open, told.high, told.low, told.close, told.volume, told.quote_volume)):
            return None
        _check_range(told)
        event = DailyStats(
            venue=instrument.venue,
            symbol=instrument.symbol,
            open=told.open,
            high=told.high,
            low=told.low,
            close=told.close,
            volume=told.volume,
            quote_volume=told.quote_volume,
            time_ns=told.time_ms * _MS,
        )
        return event, told.time_ms

    return read


def _check_range(told: _Candle | _MiniTicker) -> None:
    low, high = _positive(told.low, "low"), _positive(told.high, "high")
    if not (low <= _positive(told.open, "open") <= high and low <= _positive(told.close, "close") <= high):
        raise BadMessage(f"open {told.open:f} or close {told.close:f} is not within {low:f} to {high:f}")
    number(told.volume, "volume")
    number(told.quote_volume, "quote volume")


# --- derivatives -----------------------------------------------------------------------------------------------------


class _MarkPrice(Struct, gc=False):
    symbol: str = field(name="s")
    time_ms: Milliseconds = field(name="E")
    price: Decimal = field(name="p")
    funding_rate: str = field(name="r")  # "" of a contract that is delivered
    next_funding_ms: Milliseconds = field(name="T")
    index_price: Decimal | None = field(name="i", default=None)  # missing or 0 where there is no index


class _ForceOrder(Struct, gc=False):
    time_ms: Milliseconds = field(name="E")
    order: Raw = field(name="o")


class _ForcedOrder(Struct, gc=False):
    symbol: str = field(name="s")
    side: Literal["BUY", "SELL"] = field(name="S")
    average_price: Decimal = field(name="ap")
    filled: Decimal = field(name="z")
    time_ms: Milliseconds = field(name="T")


def _mark_prices(instrument: Instrument, decoder_of: DecoderOf) -> Read:
    decode = decoder_of(_MarkPrice, others="e P ap ps st")

    def read(payload: Frame) -> Told:
        told = decode(payload)
        _check_symbol(told.symbol, instrument.venue_symbol)
        rate = convert(told.funding_rate, Decimal) if told.funding_rate else None
        if rate is not None:
            number(rate.copy_abs(), "funding rate")
        index = told.index_price
        event = MarkPrice(
            venue=instrument.venue,
            symbol=instrument.symbol,
            price=_positive(told.price, "mark price"),
            index_price=number(index, "index price") if index else None,
            funding_rate=rate,
            next_funding_ns=told.next_funding_ms * _MS,
            time_ns=told.time_ms * _MS,
        )
        return event, told.time_ms

    return read


def _liquidations(instrument: Instrument, decoder_of: DecoderOf) -> Read:
    decode = decoder_of(_ForceOrder, others="e ps st")
    decode_order = decoder_of(_ForcedOrder, others="o f q p X l ps st")

    def read(payload: Frame) -> Told:
        told = decode(payload)
        order = decode_order(told.order)
        _check_symbol(order.symbol, instrument.venue_symbol)
        event = Liquidation(
            venue=instrument.venue,
            symbol=instrument.symbol,
            side="buy" if order.side == "BUY" else "sell",
            price=_positive(order.average_price, "average price"),
            quantity=_positive(order.filled, "filled quantity"),
            time_ns=order.time_ms * _MS,
        )
        return event, told.time_ms

    return read


# --- all kinds -------------------------------------------------------------------------------------------------------

INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")

SPEEDS = ("", "@100ms", "@250ms", "@500ms", "@1000ms")
"""How often a depth stream tells, as its name says it: not all of both markets; "" is the slow one."""

DIFFS = tuple(f"depth{speed}" for speed in SPEEDS)
"""The kinds that tell how a book changes."""

KINDS: dict[str, Callable[[Instrument, DecoderOf], Read]] = {
    "bookTicker": _quotes,
    "trade": _trades,
    "aggTrade": _agg_trades,
    **dict.fromkeys(DIFFS, _diffs),
    **{f"depth{levels}{speed}": _depth for levels in (5, 10, 20) for speed in SPEEDS},
    **{f"kline_{interval}": partial(_candles, interval=interval) for interval in INTERVALS},
    "miniTicker": _daily_stats,
    "markPrice": _mark_prices,
    "markPrice@1s": _mark_prices,
    "forceOrder": _liquidations,
}
"""Stream kind -> what makes the reader of its payloads."""


# --- numbers ---------------------------------------------------------------------------------------------------------


def number(value: Decimal, what: str) -> Decimal:
    """The value itself. Raises `BadMessage` if it is negative, not finite or absurd."""
    try:
        if _ZERO <= value < _INFINITY:
            _sane(value)
            return value
    except ArithmeticError:  # comparing NaN, and every trap of _sane
        pass
    raise BadMessage(f"{what} {str(value)[:60]} is negative or absurd")


def check_levels(levels: Levels) -> None:
    """Raise `BadMessage` for a price or quantity of a book that cannot be."""
    try:
        for price, quantity in levels:
            if not (_ZERO < price < _INFINITY and _ZERO <= quantity < _INFINITY):
                break
            _sane(price)
            _sane(quantity)
        else:
            return
    except ArithmeticError:  # as in `number`
        pass
    for price, quantity in levels:
        _positive(price, "price of a level")
        number(quantity, "quantity of a level")


def _positive(value: Decimal, what: str) -> Decimal:
    if not number(value, what):
        raise BadMessage(f"{what} {value:f} is not positive")
    return value


def _check_symbol(symbol: str, expected: str) -> None:
    if symbol != expected:
        raise BadMessage(f"symbol {symbol[:40]!r} in a stream of {expected}")
