"""Binance Spot's public messages: bytes in, typed messages out. Pure: no I/O, no clock.

A frame of a combined stream is ``{"stream": "btcusdt@trade", "data": {...}}``; a raw one is the inner object alone.
`Parser` holds for each subscribed stream the function that reads its payload; `KINDS` makes them: a new kind of
stream is a payload struct, such a function and a line there.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Clamped, Context, Decimal, InvalidOperation, Overflow, Rounded, Subnormal
from typing import Annotated

from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType, field
from msgspec.json import Decoder

from bowstring.core.errors import BadMessage
from bowstring.market.events import MarketEvent, Quote, Trade
from bowstring.market.instrument import Instrument

LIST_SUBSCRIPTIONS = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'
"""A request that the venue answers on every connection, however quiet the markets."""

# What a price or a quantity may be: 0, or between 1E-20 and 1E+21, with at most 40 digits. Everything else is absurd.
_sane = Context(prec=40, Emin=-20, Emax=20, traps=[Clamped, InvalidOperation, Overflow, Rounded, Subnormal]).plus
_ZERO, _INFINITY = Decimal(0), Decimal("Infinity")

MALFORMED = (DecodeError, UnicodeError, RecursionError)
"""What msgspec raises on bad bytes."""

Milliseconds = Annotated[int, Meta(ge=0, lt=10**14)]  # the year 5138: microseconds are told from milliseconds
Id = Annotated[int, Meta(ge=0)]


class Stream(Struct, frozen=True):
    """A stream of one kind (a key of `KINDS`) for one instrument."""

    kind: str
    instrument: Instrument

    @property
    def name(self) -> str:
        """What the venue calls it: ``btcusdt@bookTicker``."""
        return f"{self.instrument.venue_symbol.lower()}@{self.kind}"


class Data(Struct, frozen=True):
    """A frame of a subscribed stream: the stream's name, and the event."""

    stream: str
    event: MarketEvent


class Reply(Struct, frozen=True):
    """An answer to a request; ``error`` is ``""`` if it was granted."""

    error: str


class ServerShutdown(Struct, frozen=True):
    """The venue is about to close the connection: make a new one."""


class Ignored(Struct, frozen=True):
    """A frame of a stream that was not subscribed or is not known here."""

    kind: str


Frame = str | bytes
Parsed = Data | Reply | ServerShutdown | Ignored


# --- payloads --------------------------------------------------------------------------------------------------------
# The plain structs hold what is used; msgspec skips the rest at little cost. The strict ones list every field that
# the venue documents, so that a new one is noticed.


class _BookTicker(Struct, gc=False):
    symbol: str = field(name="s")
    bid: Decimal = field(name="b")
    bid_quantity: Decimal = field(name="B")
    ask: Decimal = field(name="a")
    ask_quantity: Decimal = field(name="A")


class _StrictBookTicker(_BookTicker, forbid_unknown_fields=True, gc=False):
    update_id: Id = field(name="u")


class _AnyTrade(Struct, gc=False):
    symbol: str = field(name="s")
    price: Decimal = field(name="p")
    quantity: Decimal = field(name="q")
    time_ms: Milliseconds = field(name="T")
    buyer_is_maker: bool = field(name="m")


class _Trade(_AnyTrade, gc=False):
    trade_id: Id = field(name="t")


class _AggTrade(_AnyTrade, gc=False):
    trade_id: Id = field(name="a")


class _StrictTrade(_Trade, forbid_unknown_fields=True, gc=False):
    event: str = field(name="e")
    event_time_ms: Milliseconds = field(name="E")
    ignore: bool = field(name="M")


class _StrictAggTrade(_AggTrade, forbid_unknown_fields=True, gc=False):
    event: str = field(name="e")
    event_time_ms: Milliseconds = field(name="E")
    ignore: bool = field(name="M")
    first_trade_id: int = field(name="f")
    last_trade_id: int = field(name="l")


# --- kinds of streams ------------------------------------------------------------------------------------------------

_Read = Callable[[Frame], MarketEvent]


def _quotes(instrument: Instrument, strict: bool) -> _Read:
    decode = Decoder[_BookTicker](_StrictBookTicker if strict else _BookTicker).decode
    venue, symbol, venue_symbol = instrument.venue, instrument.symbol, instrument.venue_symbol

    def read(payload: Frame) -> Quote:  # checked in place, as `number` takes as long for a quote as decoding
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
            raise _bad_quote(ticker, venue_symbol)
        return Quote(venue=venue, symbol=symbol, bid=bid, bid_quantity=bid_quantity, ask=ask, ask_quantity=ask_quantity)

    return read


def _bad_quote(ticker: _BookTicker, venue_symbol: str) -> BadMessage:
    """What is wrong with it, found out by looking at one thing after the other."""
    try:
        _check_symbol(ticker.symbol, venue_symbol)
        number(ticker.bid_quantity, "bid quantity")
        number(ticker.ask_quantity, "ask quantity")
        bid, ask = _positive(ticker.bid, "bid"), _positive(ticker.ask, "ask")
    except BadMessage as error:
        return error
    return BadMessage(f"bid {bid:f} is not below ask {ask:f}")


def _trades(instrument: Instrument, strict: bool) -> _Read:
    return _trade_reader(Decoder[_Trade](_StrictTrade if strict else _Trade).decode, instrument)


def _agg_trades(instrument: Instrument, strict: bool) -> _Read:
    return _trade_reader(Decoder[_AggTrade](_StrictAggTrade if strict else _AggTrade).decode, instrument)


def _trade_reader(decode: Callable[[Frame], _Trade | _AggTrade], instrument: Instrument) -> _Read:
    venue, symbol, venue_symbol = instrument.venue, instrument.symbol, instrument.venue_symbol

    def read(payload: Frame) -> Trade:
        trade = decode(payload)
        _check_symbol(trade.symbol, venue_symbol)
        return Trade(
            venue=venue,
            symbol=symbol,
            price=_positive(trade.price, "price"),
            quantity=_positive(trade.quantity, "quantity"),
            side="sell" if trade.buyer_is_maker else "buy",
            trade_id=str(trade.trade_id),
            time_ns=trade.time_ms * 1_000_000,
        )

    return read


KINDS: dict[str, Callable[[Instrument, bool], _Read]] = {
    "bookTicker": _quotes,
    "trade": _trades,
    "aggTrade": _agg_trades,
}
"""Stream kind -> what makes the reader of its payloads, for an instrument, strict or not."""


def _check_symbol(symbol: str, expected: str) -> None:
    if symbol != expected:
        raise BadMessage(f"symbol {symbol[:40]!r} in a stream of {expected}")


def _positive(value: Decimal, what: str) -> Decimal:
    if not number(value, what):
        raise BadMessage(f"{what} {value:f} is not positive")
    return value


def number(value: Decimal, what: str) -> Decimal:
    """The value itself. Raises `BadMessage` if it is negative, not finite or absurd."""
    try:
        if _ZERO <= value < _INFINITY:
            _sane(value)
            return value
    except ArithmeticError:  # comparing NaN, and every trap of _sane
        pass
    raise BadMessage(f"{what} {str(value)[:60]} is negative or absurd")


# --- frames ----------------------------------------------------------------------------------------------------------


class _Envelope(Struct, gc=False):
    stream: str = ""
    data: Raw = Raw()


class _StrictEnvelope(_Envelope, forbid_unknown_fields=True, gc=False):
    pass


class _Error(Struct):
    code: int | UnsetType = UNSET
    msg: str = ""


class _Head(_Error):
    """What tells raw payloads and replies apart. A reply's error is inside of ``error`` or at the top."""

    event: str = field(name="e", default="")
    symbol: str = field(name="s", default="")
    ask_quantity: Raw = field(name="A", default=Raw())
    id: int | str | UnsetType | None = UNSET
    error: _Error | None = None


_decode_envelope = Decoder(_Envelope).decode
_decode_strict_envelope = Decoder(_StrictEnvelope).decode
_decode_head = Decoder(_Head).decode
_decode_error = Decoder(_Error).decode


def _decode_envelope_strictly(frame: Frame) -> _Envelope:
    envelope = _decode_envelope(frame)
    return _decode_strict_envelope(frame) if envelope.stream else envelope


class Parser:
    """Reads the frames of one connection's streams.

    ``strict`` refuses fields that the venue did not document when this was written: for tests.
    """

    def __init__(self, streams: Iterable[Stream], *, strict: bool = False) -> None:
        self._readers = {stream.name: KINDS[stream.kind](stream.instrument, strict) for stream in streams}
        self._open = _decode_envelope_strictly if strict else _decode_envelope

    def parse(self, frame: Frame) -> Parsed:
        """What the frame says. Raises `BadMessage` if it cannot be trusted, and nothing else."""
        try:
            envelope = self._open(frame)
            read = self._readers.get(envelope.stream)
            if read is None:
                return self._parse_other(envelope.stream, frame)
            return Data(envelope.stream, read(envelope.data))
        except MALFORMED as error:
            raise BadMessage(f"malformed: {error}") from None

    def _parse_other(self, stream: str, frame: Frame) -> Parsed:
        if stream:
            return ServerShutdown() if stream == "!serverShutdown" else _ignored(stream.partition("@")[2] or stream)
        head = _decode_head(frame)
        if head.event == "serverShutdown":
            return ServerShutdown()
        error = head.error or head
        if error.code is not UNSET:
            return Reply(f"{error.code} {error.msg}")
        return Reply("") if head.id is not UNSET else self._parse_raw(head, frame)

    def _parse_raw(self, head: _Head, frame: Frame) -> Parsed:
        kind = head.event or ("bookTicker" if head.ask_quantity else "unknown")
        stream = f"{head.symbol.lower()}@{kind}"
        read = self._readers.get(stream)
        return _ignored(kind) if read is None else Data(stream, read(frame))


def _ignored(kind: str) -> Ignored:
    return Ignored(kind[:40])


def stream_of(frame: Frame) -> str:
    """The stream that a frame names, however malformed it is; ``""`` if it names none."""
    found = re.search(r'"stream"\s*:\s*"([^"]{1,100})"', text_of(frame))
    return found[1] if found else ""


def text_of(frame: Frame) -> str:
    """The frame as text, however malformed it is."""
    return frame if isinstance(frame, str) else frame.decode(errors="replace")


def parse_error(body: bytes) -> tuple[int, str]:
    """Code and text of an HTTP refusal's body, ``{"code": -1121, "msg": "..."}``; 0 and an excerpt of anything else."""
    try:
        error = _decode_error(body)
    except MALFORMED:
        return 0, text_of(body[:200])
    return error.code or 0, error.msg
