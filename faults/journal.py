"""TEMPORARY."""

import json
from pathlib import Path

from msgspec.json import decode, encode

from bowstring.core.clock import Clock
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import Cursor
from bowstring.trading.messages import (
    Fill,
    GuardState,
    MismatchSettled,
    OrderUpdate,
    PlaceOrder,
    Position,
    ReconcileMismatch,
    ReplaceOrder,
    RiskStateChanged,
)

KINDS = (OrderUpdate, Fill, Position, Cursor, ReconcileMismatch, MismatchSettled, RiskStateChanged, GuardState)


class JournalFile(MemoryJournal):
    def __init__(self, path: Path, *, durability: str = "process") -> None:
        super().__init__()
        self.path = Path(path)
        self._file = None

    def open(self, clock: Clock) -> bool:
        names = {k.__name__: k for k in (*KINDS, PlaceOrder, ReplaceOrder)}
        if self.path.exists():
            for line in self.path.read_bytes().split(b"\n"):
                try:
                    kind, body = json.loads(line)
                except ValueError:
                    continue
                one = decode(body, type=names[kind])
                if isinstance(one, PlaceOrder | ReplaceOrder):
                    super().record([one])
                else:
                    super().write([one])
        self._file = self.path.open("ab", buffering=0)
        return super().open(clock)

    def record(self, orders, /):
        super().record(orders)
        self._put(orders)

    def write(self, news, /):
        super().write(news)
        self._put([n for n in news if isinstance(n, KINDS)])

    def _put(self, ones):
        if ones:
            self._file.write(
                "".join(json.dumps([type(one).__name__, encode(one).decode()]) + "\n" for one in ones).encode()
            )


class Kept:
    def __init__(self, path):
        j = JournalFile(path)
        fills = []
        names = {"Fill": Fill}
        j.open(Clock())
        r = j.recall("binance")
        self.orders = [*r.live, *r.finished]
        self.positions = r.positions
        seen = set()
        for line in Path(path).read_bytes().split(b"\n"):
            try:
                kind, body = json.loads(line)
            except ValueError:
                continue
            if kind == "Fill":
                f = decode(body, type=Fill)
                fills.append(f)
        self.fills = fills


def read(path):
    from faults import record as oracle

    k = Kept(path)
    return oracle.Kept(orders=k.orders, fills=k.fills, positions=k.positions)
