"""Tickers: the last price, the best prices, and what was traded in a day or in another window of time."""

import re
from collections.abc import Callable

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.public import chosen_markets, symbol_status, time_zone_us
from bowstring.local_exchange.api.refusals import illegal, missing_both
from bowstring.local_exchange.api.replies import Reply
from bowstring.local_exchange.matching.candles import DAY, HOUR, MINUTE, Candle, begin, end, quiet
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.matching.rules import UNIT, number
from bowstring.local_exchange.streams.payloads import Level
from bowstring.local_exchange.streams.tickers import best, statistics

MOST_SYMBOLS = 100
_KINDS = {"FULL": "FULL", "MINI": "MINI"}
_WINDOW = r"^(([1-9]|[1-5][0-9])m|([1-9]|1[0-9]|2[0-3])h|[1-7]d)$"
_LEGAL_WINDOW = re.compile(_WINDOW[1:-1])
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}
Describe = Callable[[Market], Reply]


def price(service: Context, call: Call) -> Reply | list[Reply]:
    """The last price."""
    return _of_each(
        service, call.parameters, lambda market: {"symbol": market.rules.symbol, "price": number(market.last_price)}
    )


def book(service: Context, call: Call) -> Reply | list[Reply]:
    """The best prices."""

    def describe(market: Market) -> Reply:
        bid, ask = best(market, is_bid=True), best(market, is_bid=False)
        return {"symbol": market.rules.symbol, **_best(bid, ask)}

    return _of_each(service, call.parameters, describe)


def day(service: Context, call: Call) -> Reply | list[Reply]:
    """The last 24 hours."""
    now_us, is_full = service.now_us(), _is_full(call.parameters)

    def describe(market: Market) -> Reply:
        of_day = statistics(market, DAY, now_us=now_us)
        mini = _mini(market, of_day.candle, open_us=now_us - DAY, close_us=now_us, call=call)
        if not is_full:
            return mini
        last = {"prevClosePrice": number(of_day.before), "lastQty": number(of_day.last_quantity)}
        return mini | _change(of_day.candle) | last | _best(of_day.bid, of_day.ask)

    return _of_each(service, call.parameters, describe)


def rolling(service: Context, call: Call) -> Reply | list[Reply]:
    """A window that ends now and begins on a minute."""
    now_us, is_full = service.now_us(), _is_full(call.parameters)
    text = call.parameters.optional("windowSize") or "1d"
    if not _LEGAL_WINDOW.fullmatch(text):
        raise illegal("windowSize", _WINDOW)
    length_us = int(text[:-1]) * _UNITS[text[-1]]

    def describe(market: Market) -> Reply:
        window = statistics(market, length_us, now_us=now_us)
        mini = _mini(market, window.candle, open_us=window.open_us, close_us=now_us, call=call)
        return mini | _change(window.candle) if is_full else mini

    return _of_chosen(service, call.parameters, describe)


def trading_day(service: Context, call: Call) -> Reply | list[Reply]:
    """The day that it is, in a time zone."""
    now_us, is_full = service.now_us(), _is_full(call.parameters)
    offset_us = time_zone_us(call.parameters)
    open_us = begin(now_us, "1d", offset_us=offset_us)
    close_us = end(open_us, "1d", offset_us=offset_us) + 999

    def describe(market: Market) -> Reply:
        today = market.candles.at(open_us, "1d", offset_us=offset_us) or quiet(
            open_us, price=market.last_price, last_id=-1
        )
        mini = _mini(market, today, open_us=open_us, close_us=close_us, call=call)
        return mini | _change(today) if is_full else mini

    return _of_chosen(service, call.parameters, describe)


def weight_of_some(parameters: Parameters) -> int:
    """2 for one symbol, 4 for more."""
    return 2 if parameters.values.get("symbol") else 4


def weight_of_day(parameters: Parameters) -> int:
    """By the number of symbols; all of them cost most."""
    if parameters.values.get("symbol"):
        return 2
    symbols = parameters.values.get("symbols", "").count(",") + 1 if parameters.values.get("symbols") else 1000
    return 2 if symbols <= 20 else 40 if symbols <= 100 else 80


def weight_of_each(parameters: Parameters) -> int:
    """4 for each symbol, 200 at most."""
    return min(200, 4 * (parameters.values.get("symbols", "").count(",") + 1))


def _of_each(service: Context, parameters: Parameters, describe: Describe) -> Reply | list[Reply]:
    """One description for one ``symbol``, a list for ``symbols`` or for all."""
    markets = chosen_markets(service, parameters)
    status = symbol_status(parameters)
    if "symbol" in parameters and markets:
        if status not in (None, "TRADING"):
            raise Refused(-1220, "The symbol's status does not match the requested symbolStatus.")
        return describe(markets[0])
    if status not in (None, "TRADING"):
        return []
    return [describe(market) for market in (service.exchange.markets.values() if markets is None else markets)]


def _of_chosen(service: Context, parameters: Parameters, describe: Describe) -> Reply | list[Reply]:
    """The same where symbols are mandatory."""
    if "symbol" not in parameters and "symbols" not in parameters:
        raise missing_both("symbol", "symbols")
    if len(parameters.symbols() or ()) > MOST_SYMBOLS:
        raise Refused(-1101, f"Too many values sent for parameter 'symbols', maximum allowed up to {MOST_SYMBOLS}.")
    return _of_each(service, parameters, describe)


def _is_full(parameters: Parameters) -> bool:
    return parameters.choice("type", _KINDS, Refused(-1139, "Invalid ticker type.")) != "MINI"


def _best(bid: Level, ask: Level) -> Reply:
    return {
        "bidPrice": number(bid[0]),
        "bidQty": number(bid[1]),
        "askPrice": number(ask[0]),
        "askQty": number(ask[1]),
    }


def _mini(market: Market, one: Candle, *, open_us: int, close_us: int, call: Call) -> Reply:
    """What all tickers of a window have."""
    return {
        "symbol": market.rules.symbol,
        "openPrice": number(one.open),
        "highPrice": number(one.high),
        "lowPrice": number(one.low),
        "lastPrice": number(one.close),
        "volume": number(one.base),
        "quoteVolume": number(one.quote),
        "openTime": call.time(open_us),
        "closeTime": call.time(close_us),
        "firstId": one.first_id if one.count else -1,
        "lastId": one.last_id if one.count else -1,
        "count": one.count,
    }


def _change(one: Candle) -> Reply:
    """What a full ticker adds."""
    change = one.close - one.open
    return {
        "priceChange": number(change),
        "priceChangePercent": f"{100 * change / one.open if one.open else 0:.3f}",
        "weightedAvgPrice": number(one.quote * UNIT // one.base if one.base else 0),
    }
