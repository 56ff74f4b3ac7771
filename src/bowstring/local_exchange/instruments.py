"""The instruments that a recording shows, for one without a recorded exchangeInfo.

They are the symbols of its messages. Tick and lot size are the decimals that occur in the prices and quantities of
trades, quotes and depth; of a symbol without these, in a snapshot of its book; without that, in what sums up trades, or
in mark prices, which may be finer than the tick. Base and quote are told by known quote assets. Minimum notional and
maximum sizes cannot be seen in market data: they are no limits.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct, field
from msgspec.json import Decoder

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.recording import MALFORMED, Recording
from bowstring.market.instrument import Instrument

QUOTE_ASSETS = ("FDUSD", "BUSD", "TUSD", "USDC", "USDP", "USDT", "BNB", "BRL", "BTC", "DAI", "ETH", "EUR", "GBP", "TRY")
_PRICED = re.compile(r"([^!@]+)@(trade|aggTrade|bookTicker|depth.*)")
_SUMMED_UP = re.compile(r"([^!@]+)@(kline|miniTicker|forceOrder|markPrice).*")

_Pairs = Iterator[tuple[str, str]]
"""Prices, each with a quantity; "" where there is none."""


class _Numbers(Struct):
    """The prices and quantities of a book ticker (b B a A), a trade (p q) or a depth message (the levels).

    In trades, b and a are ids.
    """

    b: str | list[tuple[str, str]] | int = 0
    a: str | list[tuple[str, str]] | int = 0
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []
    p: str = ""
    q: str = ""
    B: str = ""
    A: str = ""

    def pairs(self) -> _Pairs:
        """Each price with its quantity."""
        yield self.p, self.q
        for best, quantity in ((self.b, self.B), (self.a, self.A)):
            if isinstance(best, str):
                yield best, quantity
            elif isinstance(best, list):
                yield from best
        yield from self.bids
        yield from self.asks


class _Range(Struct):
    """What a candle and a mini-ticker have in common."""

    open: str = field(name="o")
    high: str = field(name="h")
    low: str = field(name="l")
    close: str = field(name="c")
    volume: str = field(name="v")

    def pairs(self) -> _Pairs:
        for price in (self.open, self.high, self.low, self.close):
            yield price, self.volume


class _Kline(Struct):
    k: _Range

    def pairs(self) -> _Pairs:
        return self.k.pairs()


class _ForceOrder(Struct):
    o: _Numbers

    def pairs(self) -> _Pairs:
        return self.o.pairs()


class _MarkPrice(Struct):
    p: str

    def pairs(self) -> _Pairs:
        yield self.p, ""


class _Priced(Protocol):
    def pairs(self) -> _Pairs: ...


_numbers = Decoder(_Numbers).decode
_summary: dict[str, Callable[[bytes], _Priced]] = {
    "kline": Decoder(_Kline).decode,
    "miniTicker": Decoder(_Range).decode,
    "forceOrder": Decoder(_ForceOrder).decode,
    "markPrice": Decoder(_MarkPrice).decode,
}


def _pairs(body: bytes, decode: Callable[[bytes], _Priced]) -> _Pairs:
    try:
        return decode(body).pairs()
    except MALFORMED as error:
        raise ConfigError(f"not Binance's format: {error} in {body[:80]!r}") from None


def derive_instruments(recording: Recording) -> tuple[Instrument, ...]:
    """The instruments that occur in the recording, by symbol, from one whole pass over it.

    Raises `ConfigError` at a malformed frame, and where prices or quantities are not in Binance's format.
    """
    live, summed_up = _Steps(), _Steps()
    for frame in recording.frames():
        if match := _PRICED.fullmatch(frame.stream):
            live.see(match[1].upper(), _pairs(frame.payload, _numbers))
        elif match := _SUMMED_UP.fullmatch(frame.stream):
            summed_up.see(match[1].upper(), _pairs(frame.payload, _summary[match[2]]))
    deep = _Steps()
    for symbol, body in _snapshots(recording):
        deep.see(symbol, _pairs(body, _numbers))
    # Only where nothing else is known: old orders deep in a book stand on the finer steps of earlier times.
    finest = summed_up.finest | deep.finest | live.finest
    return tuple(
        _instrument(symbol, tick=tick, lot=lot, futures=recording.futures)
        for symbol, (tick, lot) in sorted(finest.items())
    )


class _Steps:
    """By symbol, the most decimals of its prices and of its quantities."""

    def __init__(self) -> None:
        self.finest: dict[str, tuple[int, int]] = {}

    def see(self, symbol: str, pairs: _Pairs) -> None:
        tick, lot = self.finest.get(symbol, (0, 0))
        for price, quantity in pairs:
            tick, lot = max(tick, _decimals(price)), max(lot, _decimals(quantity))
        self.finest[symbol] = tick, lot


def _snapshots(recording: Recording) -> Iterator[tuple[str, bytes]]:
    for reply in recording.replies:
        url = urlsplit(reply.url)
        if url.path.endswith("/depth"):
            yield from ((symbol, reply.body) for symbol in parse_qs(url.query).get("symbol", ()))


def _decimals(number: str) -> int:
    return len(number.partition(".")[2].rstrip("0"))


def _instrument(venue_symbol: str, *, tick: int, lot: int, futures: bool) -> Instrument:
    quote = next((asset for asset in QUOTE_ASSETS if venue_symbol.endswith(asset)), venue_symbol[-3:])
    base = venue_symbol.removesuffix(quote)
    return Instrument(
        venue="binance",
        symbol=f"{base}/{quote}:{quote}" if futures else f"{base}/{quote}",
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        tick_size=Decimal(1).scaleb(-tick),
        lot_size=Decimal(1).scaleb(-lot),
    )
