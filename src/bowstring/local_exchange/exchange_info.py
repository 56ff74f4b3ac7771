"""Binance's ``exchangeInfo`` for a set of instruments, and the instruments that a recording shows.

A recording without a recorded exchangeInfo gets a derived one: the symbols that occur in its streams and REST
snapshots; tick and lot size from the decimals that occur in their prices and quantities; base and quote by known
quote assets. Minimum notional and maximum sizes cannot be seen in market data: they are no limits.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.recording import Recording
from bowstring.market.instrument import Instrument

QUOTE_ASSETS = ("FDUSD", "BUSD", "TUSD", "USDC", "USDP", "USDT", "BNB", "BRL", "BTC", "DAI", "ETH", "EUR", "GBP", "TRY")
_NO_MAXIMUM = Decimal(9_000_000_000)
_TOUCH_OR_DIFF = re.compile(r"([^!@]+)@(trade|aggTrade|bookTicker|depth.*)")

SPOT_ORDER_TYPES = [
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
]  # fmt: skip
FUTURES_ORDER_TYPES = [
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET",
]  # fmt: skip
SELF_TRADE_PREVENTION_MODES = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
_SPOT_LIMITS = [
    ("REQUEST_WEIGHT", "MINUTE", 1, 6000), ("ORDERS", "SECOND", 10, 100),
    ("ORDERS", "DAY", 1, 200000), ("RAW_REQUESTS", "MINUTE", 5, 300000),
]  # fmt: skip
_FUTURES_LIMITS = [("REQUEST_WEIGHT", "MINUTE", 1, 2400), ("ORDERS", "MINUTE", 1, 1200), ("ORDERS", "SECOND", 10, 300)]


def exchange_info(instruments: Iterable[Instrument], *, time_ms: int, futures: bool = False) -> dict[str, object]:
    """The body of ``GET /api/v3/exchangeInfo``, or, with ``futures``, of ``GET /fapi/v1/exchangeInfo``."""
    describe = _contract if futures else _pair
    limits = _FUTURES_LIMITS if futures else _SPOT_LIMITS
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return {
        "timezone": "UTC",
        "serverTime": time_ms,
        "rateLimits": [dict(zip(names, limit, strict=True)) for limit in limits],
        "exchangeFilters": [],
        "symbols": [describe(instrument) for instrument in instruments],
    }


def _pair(instrument: Instrument) -> dict[str, object]:
    precisions = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision")
    commissions = ("baseCommissionPrecision", "quoteCommissionPrecision")
    allowed = ("iceberg", "oco", "oto", "opo", "quoteOrderQtyMarket", "cancelReplace", "amend", "isSpotTrading")
    refused = ("allowTrailingStop", "pegInstructionsAllowed", "isMarginTradingAllowed")
    return {
        "symbol": instrument.venue_symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        **dict.fromkeys(precisions + commissions, 8),
        "orderTypes": SPOT_ORDER_TYPES,
        **{f"{feature}Allowed": True for feature in allowed},
        **dict.fromkeys(refused, False),
        "filters": [
            *_steps(instrument),
            {
                "filterType": "NOTIONAL",
                "minNotional": _number(instrument.min_notional),
                "applyMinToMarket": True,
                "maxNotional": _number(instrument.max_notional or _NO_MAXIMUM),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": SELF_TRADE_PREVENTION_MODES,
    }


def _contract(instrument: Instrument) -> dict[str, object]:
    return {
        "symbol": instrument.venue_symbol,
        "pair": instrument.venue_symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": _decimals(_number(instrument.tick_size)),
        "quantityPrecision": _decimals(_number(instrument.lot_size)),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.0125",
        "marketTakeBound": "0.05",
        "orderTypes": FUTURES_ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            *_steps(instrument),
            {"filterType": "MIN_NOTIONAL", "notional": _number(instrument.min_notional)},
        ],
    }


def _steps(instrument: Instrument) -> list[dict[str, str]]:
    """PRICE_FILTER first: clients read its tick size by position."""
    prices = {
        "minPrice": _number(instrument.min_price or instrument.tick_size),
        "maxPrice": _number(instrument.max_price or _NO_MAXIMUM),
        "tickSize": _number(instrument.tick_size),
    }
    quantities = {
        "minQty": _number(instrument.min_quantity or instrument.lot_size),
        "maxQty": _number(instrument.max_quantity or _NO_MAXIMUM),
        "stepSize": _number(instrument.lot_size),
    }
    return [
        {"filterType": "PRICE_FILTER", **prices},
        {"filterType": "LOT_SIZE", **quantities},
        {"filterType": "MARKET_LOT_SIZE", **quantities},
    ]


def _number(value: Decimal) -> str:
    return f"{value:.8f}"


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
    except DecodeError as error:
        raise ConfigError(f"not Binance's format: {error} in {body[:80]!r}") from None


def derive_instruments(recording: Recording) -> tuple[Instrument, ...]:
    """The instruments that occur in the recording, by symbol, from one whole pass over it.

    Raises `ConfigError` at a malformed frame, and where prices or quantities are not in Binance's format.
    """
    live = _finest(
        (match[1].upper(), frame.payload)
        for frame in recording.frames()
        if (match := _TOUCH_OR_DIFF.fullmatch(frame.stream))
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
