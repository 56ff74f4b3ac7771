"""Recorded traffic of both markets, read by the standard library alone, with no code of the adapter."""

import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

Happening = tuple[Decimal, str, bytes]
"""When, in seconds; the symbol of a snapshot, or "" of a frame; the bytes."""


class Recorded:
    """The recording of this stem, in the folder that ``BOWSTRING_RECORDINGS`` names."""

    def __init__(self, stem: str) -> None:
        self.path = Path(os.environ["BOWSTRING_RECORDINGS"]) / stem

    def frames(self) -> Iterator[Happening]:
        for line in self._lines("ws"):
            time, _, frame = line.partition(b": ")
            if time.replace(b".", b"").isdigit() and b'"stream"' in frame:  # else it answers a request
                yield Decimal(time.decode()), "", frame

    def snapshots(self) -> Iterator[Happening]:
        for line in self._lines("http"):
            url, _, answer = line.partition(b" -> ")
            time, _, body = answer.partition(b": ")
            symbol = re.search(rb"/depth\?(?:.*&)?symbol=(\w+)", url)
            if symbol is not None:
                yield Decimal(time.decode()), symbol[1].decode(), body

    def _lines(self, sort: str) -> Iterator[bytes]:
        for file in sorted(self.path.parent.glob(f"{self.path.name}.{sort}.*")):
            yield from filter(None, file.read_bytes().splitlines())


def stems() -> list[str]:
    """Of all recordings there are."""
    folder = os.environ.get("BOWSTRING_RECORDINGS")
    if folder is None:
        return ["none"]  # then no test that reads them is selected
    return sorted({file.name.partition(".ws.")[0] for file in Path(folder).glob("*.ws.*")})


def data_of(frame: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(frame)["data"]
    return data


def kind_of(frame: bytes) -> str:
    return str(json.loads(frame)["stream"]).split("@", 1)[1]


class RawBook:
    """A book out of raw JSON, in plain dicts, by the procedure that Binance documents for a local order book.

    ``bids`` and ``asks`` have quantities by price; ``update_id`` is the ``u`` of the last event in it. ``waiting`` has
    the events that no snapshot has come for.
    """

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.update_id = 0
        self.is_there = False
        self.gaps = 0
        self.waiting: list[dict[str, Any]] = []

    def snapshot(self, raw: dict[str, Any]) -> bool:
        """False: it is older than what was received, or than a gap."""
        at = raw["lastUpdateId"]
        waiting = [event for event in self.waiting if event["u"] > at]
        if waiting and not joins(waiting[0], at):
            return False
        self.bids = {Decimal(price): Decimal(quantity) for price, quantity in raw["bids"]}
        self.asks = {Decimal(price): Decimal(quantity) for price, quantity in raw["asks"]}
        self.update_id, self.is_there, self.waiting = at, True, []
        for event in waiting:
            self.event(event)
        return self.is_there

    def event(self, raw: dict[str, Any]) -> None:
        if not self.is_there:
            self.waiting.append(raw)
        elif raw["u"] <= self.update_id:
            pass
        elif not joins(raw, self.update_id):
            self.gaps += 1
            self.is_there, self.waiting = False, [raw]
        else:
            self._apply(self.bids, raw["b"])
            self._apply(self.asks, raw["a"])
            self.update_id = raw["u"]

    def _apply(self, side: dict[Decimal, Decimal], changes: list[list[str]]) -> None:
        for price, quantity in changes:
            side[Decimal(price)] = Decimal(quantity)
            if not Decimal(quantity):
                del side[Decimal(price)]


def joins(event: dict[str, Any], update_id: int) -> bool:
    """Spot: "U <= lastUpdateId + 1". Futures, where ids have holes: the event before ended at ``pu``."""
    return bool(event["pu"] <= update_id if "pu" in event else event["U"] <= update_id + 1)
