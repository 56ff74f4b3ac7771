"""The books that a bot should have had, from what it received: its recording, followed by a few plain lines."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from msgspec import Struct, convert

TOP = 10
Levels = Sequence[tuple[str, str]]


class State(Struct, frozen=True):
    """A book from ``time_ns`` on; ``digest`` is of the best levels, None: nobody may read it, for this ``reason``."""

    time_ns: int
    update_id: int
    digest: int | None
    reason: str = ""


class Diff(Struct, rename={"first": "U", "last": "u", "bids": "b", "asks": "a", "symbol": "s"}):
    """A message with changes."""

    symbol: str
    first: int
    last: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Snapshot(Struct):
    """A whole book."""

    lastUpdateId: int  # noqa: N815  # Binance's name
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Replay:
    """Of one symbol. ``states`` are what the book was, one after the other; ``stale`` snapshots were of no use."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.messages_ns: list[int] = []
        self.stale = 0
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._id = 0
        self._is_valid = False
        self._waiting: list[Diff] = []

    @property
    def faults(self) -> Sequence[State]:
        """When the book was lost by a message."""
        return [state for state in self.states if state.reason]

    def take(self, time_ns: int, diff: Diff) -> None:
        self.messages_ns.append(time_ns)
        if not self._is_valid:
            self._waiting.append(diff)
        elif diff.last > self._id:
            self._follow(time_ns, diff)

    def take_snapshot(self, time_ns: int, snapshot: Snapshot) -> None:
        waiting = [diff for diff in self._waiting if diff.last > snapshot.lastUpdateId]
        if self._is_valid or (waiting and waiting[0].first > snapshot.lastUpdateId + 1):
            self.stale += not self._is_valid
            return  # nobody has asked for it, or it is older than what waits for one
        self._bids, self._asks = _side(snapshot.bids), _side(snapshot.asks)
        self._id, self._is_valid, self._waiting = snapshot.lastUpdateId, True, []
        for diff in waiting:
            self._follow(time_ns, diff)
        if not waiting:
            self._note(time_ns)

    def at(self, time_ns: int) -> State | None:
        """What the book was at a time."""
        index = bisect_right(self.states, time_ns, key=lambda state: state.time_ns)
        return self.states[index - 1] if index else None

    def _follow(self, time_ns: int, diff: Diff) -> None:
        if diff.first > self._id + 1:
            self._lose(time_ns, "gap")
            self._waiting.append(diff)
            return
        _change(self._bids, diff.bids)
        _change(self._asks, diff.asks)
        self._id = diff.last
        if self._bids and self._asks and max(self._bids) >= min(self._asks):
            self._lose(time_ns, "crossed")
        else:
            self._note(time_ns)

    def _lose(self, time_ns: int, reason: str) -> None:
        self._is_valid, self._waiting = False, []
        self.states.append(State(time_ns, self._id, None, reason))

    def _note(self, time_ns: int) -> None:
        bids = sorted(self._bids.items(), reverse=True)[:TOP]
        self.states.append(State(time_ns, self._id, digest(bids, sorted(self._asks.items())[:TOP])))


def replayed(recording: Path) -> Mapping[str, Replay]:
    """By symbol, from the files of a recording."""
    replays: dict[str, Replay] = {}
    for time_ns, symbol, message in _messages(recording):
        replay = replays.setdefault(symbol, Replay())
        if isinstance(message, Diff):
            replay.take(time_ns, message)
        else:
            replay.take_snapshot(time_ns, message)
    return replays


def digest(bids: Sequence[tuple[Decimal, Decimal]], asks: Sequence[tuple[Decimal, Decimal]]) -> int:
    """A number that tells whether two books have the same best levels."""
    sides = (
        " ".join(f"{price.normalize():f}@{quantity.normalize():f}" for price, quantity in side) for side in (bids, asks)
    )
    return crc32(" | ".join(sides).encode())


def _messages(recording: Path) -> Iterator[tuple[int, str, Diff | Snapshot]]:
    for path in sorted(recording.glob("*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            if "frame" in line:
                data = json.loads(line["frame"]).get("data", {})
                if data.get("e") == "depthUpdate":
                    yield line["time_ns"], data["s"], convert(data, Diff)
            elif "/depth?" in line.get("get", ""):
                symbol = parse_qs(urlsplit(str(line["get"])).query)["symbol"][0]
                yield line["time_ns"], symbol, convert(json.loads(line["body"]), Snapshot)


def _side(levels: Levels) -> dict[Decimal, Decimal]:
    side: dict[Decimal, Decimal] = {}
    _change(side, levels)
    return side


def _change(side: dict[Decimal, Decimal], levels: Levels) -> None:
    for price, quantity in levels:
        if Decimal(quantity):
            side[Decimal(price)] = Decimal(quantity)
        else:
            side.pop(Decimal(price), None)
