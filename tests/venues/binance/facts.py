"""Instruments and frames that the tests of the Binance adapter share.

The payloads have the form of the examples in Binance's documents "WebSocket Streams" (Spot) and "Websocket Market
Streams" (USDⓈ-M futures).
"""

from decimal import Decimal

from bowstring.market.instrument import Instrument


def instrument(symbol: str, *, venue: str = "binance") -> Instrument:
    pair, _, _ = symbol.partition(":")
    base, quote = pair.split("/")
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
BTC_PERP = instrument("BTC/USDT:USDT", venue="binance_futures")

TICKER = '{"u":1,"s":"BTCUSDT","b":"99.50000000","B":"2.00000000","a":"100.50000000","A":"0.00000000"}'
TRADE = (
    '{"e":"trade","E":1672515782137,"s":"BTCUSDT","t":12345,"p":"100.10","q":"0.5",'
    '"T":1672515782136,"m":true,"M":true}'
)  # fmt: skip
AGG_TRADE = (
    '{"e":"aggTrade","E":1672515782137,"s":"BTCUSDT","a":777,"p":"100.10","q":"0.5","f":1,"l":3,'
    '"T":1672515782136,"m":false,"M":true}'
)  # fmt: skip
DIFF = (
    '{"e":"depthUpdate","E":1672515782136,"s":"BTCUSDT","U":157,"u":160,"b":[["99.50","10"],["99.40","0.00000000"]],'
    '"a":[["100.50","100"]]}'
)  # fmt: skip
DEPTH = '{"lastUpdateId":160,"bids":[["99.50","10"],["99.40","3"]],"asks":[["100.50","100"],["100.60","1"]]}'
KLINE = (
    '{"e":"kline","E":1672515782136,"s":"BTCUSDT","k":{"t":1672515780000,"T":1672515839999,"s":"BTCUSDT","i":"1m",'
    '"f":100,"L":200,"o":"100.10","c":"100.20","h":"100.30","l":"99.90","v":"1000","n":101,"x":false,"q":"100050",'
    '"V":"500","Q":"50000","B":"0"}}'
)  # fmt: skip
MINI_TICKER = (
    '{"e":"24hrMiniTicker","E":1672515782136,"s":"BTCUSDT","c":"100.25","o":"98.10","h":"101.00","l":"97.00",'
    '"v":"10000","q":"1000000"}'
)  # fmt: skip

FUTURES_TICKER = (
    '{"e":"bookTicker","u":400900217,"E":1568014460893,"T":1568014460891,"s":"BTCUSDT","b":"99.5","B":"31.21",'
    '"a":"100.5","A":"40.66","st":1}'
)  # fmt: skip
FUTURES_AGG_TRADE = (
    '{"e":"aggTrade","E":123456789,"s":"BTCUSDT","a":5933014,"p":"100.1","q":"100","nq":"100","f":100,"l":105,'
    '"T":123456785,"m":true,"st":1}'
)  # fmt: skip
FUTURES_DIFF = (
    '{"e":"depthUpdate","E":123456789,"T":123456788,"s":"BTCUSDT","U":157,"u":160,"pu":149,"b":[["99.5","10"]],'
    '"a":[["100.5","100"]]}'
)  # fmt: skip
FUTURES_DEPTH = (
    '{"e":"depthUpdate","E":1571889248277,"T":1571889248276,"s":"BTCUSDT","U":390497796,"u":390497878,"pu":390497794,'
    '"b":[["99.5","10"],["99.4","3"]],"a":[["100.5","100"],["100.6","1"]]}'
)  # fmt: skip
MARK_PRICE = (
    '{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15","i":"11784.62659091","P":"11784.25641265",'
    '"r":"-0.00038167","T":1562306400000}'
)  # fmt: skip
FORCE_ORDER = (
    '{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910",'
    '"ap":"9911","X":"FILLED","l":"0.014","z":"0.013","T":1568014460891}}'
)  # fmt: skip


def combined(stream: str, payload: str) -> bytes:
    return f'{{"stream":"{stream}","data":{payload}}}'.encode()


TICKER_FRAME = combined("btcusdt@bookTicker", TICKER)
TRADE_FRAME = combined("btcusdt@trade", TRADE)
AGG_TRADE_FRAME = combined("btcusdt@aggTrade", AGG_TRADE)

SPOT_PAYLOADS = {
    "bookTicker": TICKER,
    "trade": TRADE,
    "aggTrade": AGG_TRADE,
    "depth@100ms": DIFF,
    "depth": DIFF,
    "depth5": DEPTH,
    "depth20@100ms": DEPTH,
    "kline_1m": KLINE,
    "miniTicker": MINI_TICKER,
}
FUTURES_PAYLOADS = {
    "bookTicker": FUTURES_TICKER,
    "aggTrade": FUTURES_AGG_TRADE,
    "depth@100ms": FUTURES_DIFF,
    "depth10@100ms": FUTURES_DEPTH,
    "kline_1m": KLINE,
    "miniTicker": MINI_TICKER,
    "markPrice@1s": MARK_PRICE,
    "markPrice": MARK_PRICE,
    "forceOrder": FORCE_ORDER,
}
