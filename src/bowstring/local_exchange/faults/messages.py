"""Faults of market data: a publisher in front of the true one."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from msgspec.json import decode, encode

from bowstring.local_exchange.faults import kinds
from bowstring.local_exchange.faults.names import check_symbol
from bowstring.local_exchange.faults.switch import Switch
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.rules import number
from bowstring.local_exchange.streams.hub import Build, Publisher


class StreamFaults:
    """Publishes what is not lost. ``plug`` is given this while there is a fault that may happen, and else ``true``."""

    def __init__(self, exchange: Exchange, *, true: Publisher, plug: Callable[[Publisher], None]) -> None:
        self._exchange, self._true, self._plug = exchange, true, plug
        self._switches: dict[Switch, None] = {}

    def check(self, fault: kinds.Fault) -> None:
        if isinstance(fault, kinds.GapBook | kinds.CrossBook):
            check_symbol(self._exchange, fault.symbol, of=fault)

    def on(self, switch: Switch) -> None:
        self._switches[switch] = None
        self._replug()

    def off(self, switch: Switch) -> None:
        del self._switches[switch]
        self._replug()

    def wants(self, stream: str) -> bool:
        return self._true.wants(stream)

    def broadcast(self, stream: str, build: Build) -> None:
        self._true.broadcast(stream, build)

    def publish(self, stream: str, build: Build) -> None:
        for switch in self._switches:
            if _is_met(switch.fault, stream) and (instead := self._instead(switch, build)) is not build:
                self._replug()
                if instead is None:
                    return
                build = instead
        self._true.publish(stream, build)

    def _instead(self, switch: Switch, build: Build) -> Build | None:
        """What is sent instead; None: nothing."""
        if not isinstance(switch.fault, kinds.CrossBook):
            return None if switch.fires() else build
        rules = self._exchange.market(switch.fault.symbol).rules
        ask = self._exchange.market(switch.fault.symbol).book.asks.best
        if ask is None or not switch.fires():
            return build
        bid = [number(ask + rules.tick), number(rules.lot)]
        return lambda unit: _with_bid(build(unit), bid)

    def _replug(self) -> None:
        self._plug(self._true if all(switch.is_done for switch in self._switches) else self)


def _is_met(fault: kinds.Fault, stream: str) -> bool:
    if isinstance(fault, kinds.FreezeStream):
        return fnmatchcase(stream, fault.stream)
    assert isinstance(fault, kinds.GapBook | kinds.CrossBook)
    book = f"{fault.symbol.lower()}@depth"
    return stream in (book, f"{book}@100ms")


def _with_bid(payload: bytes, bid: list[str]) -> bytes:
    update = decode(payload, type=dict[str, object])
    bids = update["b"]
    assert isinstance(bids, list)
    return encode({**update, "b": [*bids, bid]})
