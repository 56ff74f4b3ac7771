"""Coverage-guided fuzzing of the parsers: nothing but `BadMessage` may come out of them.

``make fuzz ARGS="--seconds 60"`` runs every target for so long; ``ARGS="frames --seconds 600"`` one of them. What is
found is written to build/fuzz/TARGET/, and the exit code is 1.
"""

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import atheris
from msgspec import structs

with atheris.instrument_imports(include=["bowstring"]):
    from bowstring.core.codec import decode
    from bowstring.core.errors import BadMessage
    from bowstring.core.messages import Event
    from bowstring.market.instrument import Instrument
    from bowstring.venues.binance.exchange_info import parse_exchange_info
    from bowstring.venues.binance.order_results import (
        parse_balances,
        parse_order,
        parse_orders,
        parse_replaced,
        parse_time,
        parse_trades,
    )
    from bowstring.venues.binance.payloads import KINDS
    from bowstring.venues.binance.refusal import read_pause_s, read_refusal
    from bowstring.venues.binance.snapshot import parse_snapshot
    from bowstring.venues.binance.user_data import Answer, parse_message
    from bowstring.venues.binance.wire import Parser, Stream, parse_error, stream_of

FOLDER = Path("build/fuzz")

SPOT = Instrument(
    venue="binance",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
)
PERPETUAL = structs.replace(SPOT, symbol="BTC/USDT:USDT")
PARSERS = [
    Parser([Stream(kind, instrument) for kind in KINDS], is_strict=is_strict)
    for instrument in (SPOT, PERPETUAL)
    for is_strict in (False, True)
]

SEEDS = {
    "frames": [
        b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1.0","B":"2.0","a":"1.5","A":"0.0"}}',
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":5,"p":"1","q":"2","T":1,"m":true,"M":true}}',
        b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[["1","2"]],"a":[]}}',
        b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}}',
        b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1,"T":2,"s":"BTCUSDT","i":"1m",'
        b'"o":"1","c":"1","h":"2","l":"1","v":"1","n":1,"x":false,"q":"1"}}}',
        b'{"stream":"btcusdt@markPrice","data":{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"1","i":"1","r":"","T":0}}',
        b'{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"SELL","ap":"1","z":"1","T":1}}}',
        b'{"error":{"code":2,"msg":"Invalid request"},"id":1}',
    ],
    "snapshot": [b'{"lastUpdateId":1,"bids":[["1","2"]],"asks":[["3","4"]]}'],
    "exchange-info": [
        b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":'
        b'[{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"10","tickSize":"0.01"}]}]}'
    ],
    "orders": [
        b'{"id":1,"status":200,"result":{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"a","status":"NEW","executedQty":"0"}}',
        b'{"id":1,"status":400,"error":{"code":-2022,"msg":"","data":{"newOrderResult":"FAILURE","newOrderResponse":{"code":-1}}}}',
        b'{"event":{"e":"executionReport","s":"BTCUSDT","c":"a","C":"","S":"BUY","x":"TRADE","X":"FILLED","r":"NONE","i":1,'
        b'"z":"1","l":"1","L":"1","n":"0","N":null,"T":1,"t":1,"m":true}}',
        b'{"event":{"e":"outboundAccountPosition","u":1,"B":[{"a":"BTC","f":"1","l":"0"}]}}',
        b'[{"id":1,"orderId":1,"price":"1","qty":"1","commission":"0","commissionAsset":"BTC","time":1,"isBuyer":true,'
        b'"isMaker":false}]',
        b'{"newOrderResponse":{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"a","status":"NEW","executedQty":"0"}}',
        b'{"balances":[{"asset":"BTC","free":"1","locked":"0"}]}',
        b'{"serverTime":1}',
    ],
    "messages": [b"\x82\xaaevent_type\xa5Quote\xa3seq\x01"],
}


def frames(data: bytes) -> None:
    for parser in PARSERS:
        try:
            parser.parse(data)
        except BadMessage:
            stream_of(data)
    parse_error(data)


def snapshot(data: bytes) -> None:
    parse_snapshot(data, limit=100)


def exchange_info(data: bytes) -> None:
    parse_exchange_info(data, venue="binance")


def orders(data: bytes) -> None:
    results = [data]
    with contextlib.suppress(BadMessage):
        told = parse_message(data, {"BTCUSDT": SPOT})
        if isinstance(told, Answer):
            results = [bytes(told.result), bytes(told.error)]
    for result in results:
        for parse in (parse_order, parse_replaced, parse_balances, parse_time, _orders, _trades):
            with contextlib.suppress(BadMessage):
                parse(result)
        read_refusal(result)
        read_pause_s(result)


def _orders(data: bytes) -> None:
    for order in parse_orders(data):
        order.report()


def _trades(data: bytes) -> None:
    for trade in parse_trades(data):
        trade.report("BTC/USDT", "a")


def messages(data: bytes) -> None:
    decode(data, Event)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "frames": frames,
    "snapshot": snapshot,
    "exchange-info": exchange_info,
    "orders": orders,
    "messages": messages,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each (default: %(default)s)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - TARGETS.keys():
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if arguments.here:
        fuzz(arguments.targets[0], seconds=arguments.seconds)
    else:  # each in a process of its own: libFuzzer ends the one that it runs in
        found = [name for name in arguments.targets or TARGETS if not is_sound(name, seconds=arguments.seconds)]
        print(f"found something: {', '.join(found)}" if found else "nothing found")
        sys.exit(bool(found))


def is_sound(target: str, *, seconds: int) -> bool:
    print(f"--- {target}", flush=True)
    command = [sys.executable, __file__, target, "--seconds", str(seconds), "--here"]
    return subprocess.run(command, check=False).returncode == 0


def fuzz(target: str, *, seconds: int) -> None:
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        (folder / f"seed-{number}").write_bytes(seed)

    def run(data: bytes) -> None:
        with contextlib.suppress(BadMessage):
            TARGETS[target](data)

    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/crash-",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
