"""Instruments and frames that the tests of the Binance adapter share."""

from decimal import Decimal

from bowstring.market.instrument import Instrument


def instrument(symbol: str, *, venue: str = "binance") -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(
        venue=venue,
        symbol=symbol,
        venue_symbol=base + quote,
        base=base,
        quote=quote,
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.00001"),
    )


BTC, ETH = instrument("BTC/USDT"), instrument("ETH/USDT")

TICKER = '{"u":1,"s":"BTCUSDT","b":"99.50000000","B":"2.00000000","a":"100.50000000","A":"0.00000000"}'
TRADE = (
    '{"e":"trade","E":1672515782137,"s":"BTCUSDT","t":12345,"p":"100.10","q":"0.5",'
    '"T":1672515782136,"m":true,"M":true}'
)  # fmt: skip
AGG_TRADE = (
    '{"e":"aggTrade","E":1672515782137,"s":"BTCUSDT","a":777,"p":"100.10","q":"0.5","f":1,"l":3,'
    '"T":1672515782136,"m":false,"M":true}'
)  # fmt: skip


def combined(stream: str, payload: str) -> bytes:
    return f'{{"stream":"{stream}","data":{payload}}}'.encode()


TICKER_FRAME = combined("btcusdt@bookTicker", TICKER)
TRADE_FRAME = combined("btcusdt@trade", TRADE)
AGG_TRADE_FRAME = combined("btcusdt@aggTrade", AGG_TRADE)
