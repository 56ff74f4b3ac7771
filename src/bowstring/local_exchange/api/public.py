"""What everybody may ask: the time, the rules, books, trades and candles."""

from collections.abc import Iterable

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import bad_combination, illegal, invalid, missing
from bowstring.local_exchange.api.replies import Reply
from bowstring.local_exchange.exchange_info import trading_rules
from bowstring.local_exchange.matching.candles import HOUR, INTERVALS, MINUTE, Candle, end, without_gaps
from bowstring.local_exchange.matching.market import Aggregate, Market
from bowstring.local_exchange.matching.orders import Refused, Trade
from bowstring.local_exchange.matching.rules import number

MOST_LEVELS = 5000
STATUSES = {"TRADING": "TRADING", "HALT": "HALT", "BREAK": "BREAK"}
_INTERVALS = {interval: interval for interval in INTERVALS}
_EAST_US, _WEST_US = 14 * HOUR, -12 * HOUR


def ping(service: Context, call: Call) -> Reply:
    """Whether anybody is there."""
    return {}


def time(service: Context, call: Call) -> Reply:
    """The exchange's time."""
    return {"serverTime": call.time(service.now_us())}


def exchange_info(service: Context, call: Call) -> Reply:
    """The rules of the symbols."""
    parameters = call.parameters
    status = symbol_status(parameters)
    chosen = chosen_markets(service, parameters)
    permissions = _permissions(parameters)
    if chosen is not None and (status is not None or permissions is not None):
        raise bad_combination()
    markets = list(service.exchange.markets.values()) if chosen is None else chosen
    if status not in (None, "TRADING") or (permissions is not None and "SPOT" not in permissions):
        markets = []
    symbols = [trading_rules(market.rules) for market in markets]
    if not parameters.boolean("showPermissionSets", default=True):
        for symbol in symbols:
            symbol["permissionSets"] = []
    return {
        "timezone": "UTC",
        "serverTime": call.time(service.now_us()),
        "rateLimits": service.usage.described(),
        "exchangeFilters": [],
        "symbols": symbols,
    }


def depth(service: Context, call: Call) -> Reply:
    """The best levels of a book."""
    market = one_market(service, call.parameters)
    book, levels = market.book, call.parameters.limit(default=100, most=MOST_LEVELS)
    return {
        "lastUpdateId": book.update_id,
        "bids": [[number(price), number(quantity)] for price, quantity in book.depth(levels, is_bid=True)],
        "asks": [[number(price), number(quantity)] for price, quantity in book.depth(levels, is_bid=False)],
    }


def depth_weight(parameters: Parameters) -> int:
    """What a book costs, by the number of levels."""
    text = parameters.values.get("limit", "")
    levels = int(text) if text.isascii() and text.isdigit() else 100
    return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if levels <= most), 250)


def trades(service: Context, call: Call) -> list[Reply]:
    """The latest trades."""
    market = one_market(service, call.parameters)
    return [_trade(one, call) for one in list(market.trades)[-call.parameters.limit() :]]


def historical_trades(service: Context, call: Call) -> list[Reply]:
    """Trades from a trade on, or the latest."""
    market = one_market(service, call.parameters)
    first, limit = call.parameters.integer("fromId"), call.parameters.limit()
    if first is None:
        return [_trade(one, call) for one in list(market.trades)[-limit:]]
    return [_trade(one, call) for one in [one for one in market.trades if one.id >= first][:limit]]


def aggregate_trades(service: Context, call: Call) -> list[Reply]:
    """What each taker traded at each price."""
    parameters = call.parameters
    market = one_market(service, parameters)
    first, limit = parameters.integer("fromId"), parameters.limit()
    since, until = parameters.time_us("startTime"), parameters.time_us("endTime", is_end=True)
    if first is not None and (since is not None or until is not None):
        raise bad_combination()

    def is_wanted(one: Aggregate) -> bool:
        return (
            (first is None or one.id >= first)
            and (since is None or one.time_us >= since)
            and (until is None or one.time_us <= until)
        )

    wanted = [one for one in market.aggregates if is_wanted(one)]
    counts_from_start = first is not None or since is not None
    return [_aggregate(one, call) for one in (wanted[:limit] if counts_from_start else wanted[-limit:])]


def candles(service: Context, call: Call) -> list[list[object]]:
    """The candles of an interval, oldest first."""
    parameters = call.parameters
    market = one_market(service, parameters)
    interval = parameters.choice("interval", _INTERVALS, Refused(-1120, "Invalid interval."))
    if interval is None:
        raise missing("interval")
    offset_us, limit = time_zone_us(parameters), parameters.limit()
    since, until = parameters.time_us("startTime"), parameters.time_us("endTime", is_end=True)
    every = without_gaps(
        market.candles.of(interval, offset_us=offset_us), interval, now_us=service.now_us(), offset_us=offset_us
    )
    wanted = [
        one for one in every if (since is None or one.open_us >= since) and (until is None or one.open_us <= until)
    ]
    chosen = wanted[-limit:] if since is None else wanted[:limit]
    return [_candle(one, interval, offset_us=offset_us, call=call) for one in chosen]


def average_price(service: Context, call: Call) -> Reply:
    """The mean price of the last five minutes."""
    market = one_market(service, call.parameters)
    last = market.trades[-1].time_us if market.trades else 0
    return {"mins": 5, "price": number(market.mean_price(service.now_us())), "closeTime": call.time(last)}


def one_market(service: Context, parameters: Parameters) -> Market:
    """The market of the mandatory ``symbol``. Raises `Refused`."""
    market = service.exchange.market(parameters.symbol())
    if symbol_status(parameters) not in (None, "TRADING"):
        raise Refused(-1220, "The symbol's status does not match the requested symbolStatus.")
    return market


def chosen_markets(service: Context, parameters: Parameters) -> list[Market] | None:
    """The markets of ``symbol`` or ``symbols``; None if neither was sent. Raises `Refused`."""
    symbols = parameters.symbols()
    if "symbol" in parameters:
        if symbols is not None:
            raise bad_combination()
        symbols = [parameters.symbol()]
    return None if symbols is None else [service.exchange.market(symbol) for symbol in symbols]


def symbol_status(parameters: Parameters) -> str | None:
    """The status that symbols shall have; all are TRADING here."""
    return parameters.choice("symbolStatus", STATUSES, Refused(-1122, "Invalid symbolStatus."))


def time_zone_us(parameters: Parameters) -> int:
    """How far east of UTC the time zone is."""
    text = parameters.optional("timeZone") or "0"
    sign = -1 if text.startswith("-") else 1
    hours, _, minutes = text.lstrip("+-").partition(":")
    digits = hours + minutes
    if not digits.isascii() or not digits.isdigit() or len(hours) > 2 or len(minutes) > 2 or int(minutes or 0) > 59:
        raise illegal("timeZone", r"^[+-]?[0-9]{1,2}(:[0-9]{2})?$")
    offset_us = sign * (int(hours or 0) * HOUR + int(minutes or 0) * MINUTE)
    if not _WEST_US <= offset_us <= _EAST_US:
        raise invalid("timeZone")
    return offset_us


def _permissions(parameters: Parameters) -> Iterable[str] | None:
    text = parameters.optional("permissions")
    return None if text is None else [word.strip(' "[]') for word in text.split(",")]


def _trade(trade: Trade, call: Call) -> Reply:
    return {
        "id": trade.id,
        "price": number(trade.price),
        "qty": number(trade.quantity),
        "quoteQty": number(trade.quote),
        "time": call.time(trade.time_us),
        "isBuyerMaker": trade.is_buyer_maker,
        "isBestMatch": True,
    }


def _aggregate(one: Aggregate, call: Call) -> Reply:
    return {
        "a": one.id,
        "p": number(one.price),
        "q": number(one.quantity),
        "f": one.first_id,
        "l": one.last_id,
        "T": call.time(one.time_us),
        "m": one.is_buyer_maker,
        "M": True,
    }


def _candle(candle: Candle, interval: str, *, offset_us: int, call: Call) -> list[object]:
    close_us = end(candle.open_us, interval, offset_us=offset_us) + 999
    prices = (candle.open, candle.high, candle.low, candle.close, candle.base)
    return [
        call.time(candle.open_us),
        *map(number, prices),
        call.time(close_us),
        number(candle.quote),
        candle.count,
        number(candle.taker_base),
        number(candle.taker_quote),
        "0",
    ]
