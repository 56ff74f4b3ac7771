"""The instruments that a recording shows, for one without a recorded exchangeInfo.

They are the symbols of its trade, quote and depth messages. Tick and lot size are the decimals that occur in their
prices and quantities, base and quote are told by known quote assets. Minimum notional and maximum sizes cannot be seen
in market data: they are no limits.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct
from msgspec.json import Decoder

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.recording import MALFORMED, Recording
from bowstring.market.instrument import Instrument

QUOTE_ASSETS = ("FDUSD", "BUSD", "TUSD", "USDC", "USDP", "USDT", "BNB", "BRL", "BTC", "DAI", "ETH", "EUR", "GBP", "TRY")
_PRICED = re.compile(r"([^!@]+)@(trade|aggTrade|bookTicker|depth.*)")


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

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each price with its quantity."""
        yield self.p, self.q
        for best, quantity in ((self.b, self.B), (self.a, self.A)):
            if isinstance(best, str):
                yield best, quantity
            elif isinstance(best, list):
                yield from best
        yield from self.bids
        yield from self.asks


_numbers = Decoder(_Numbers)


def _pairs(body: bytes) -> Iterator[tuple[str, str]]:
    try:
        return _numbers.decode(body).pairs()
    except MALFORMED as error:
        raise ConfigError(f"not Binance's format: {error} in {body[:80]!r}") from None


def derive_instruments(recording: Recording) -> tuple[Instrument, ...]:
    """The instruments that occur in the recording, by symbol, from one whole pass over it.

    Raises `ConfigError` at a malformed frame, and where prices or quantities are not in Binance's format.
    """
    live = _finest(
        (match[1].upper(), frame.payload) for frame in recording.frames() if (match := _PRICED.fullmatch(frame.stream))
    )
    # Only where nothing else is known: old orders deep in a book stand on the finer steps of earlier times.
    finest = _finest(_snapshots(recording)) | live
    return tuple(
        _instrument(symbol, tick=tick, lot=lot, futures=recording.futures)
        for symbol, (tick, lot) in sorted(finest.items())
    )


def _finest(bodies: Iterable[tuple[str, bytes]]) -> dict[str, tuple[int, int]]:
    """By symbol, the most decimals of its prices and of its quantities."""
    finest: dict[str, tuple[int, int]] = {}
    for symbol, body in bodies:
        tick, lot = finest.get(symbol, (0, 0))
        for price, quantity in _pairs(body):
            tick, lot = max(tick, _decimals(price)), max(lot, _decimals(quantity))
        finest[symbol] = tick, lot
    return finest


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
