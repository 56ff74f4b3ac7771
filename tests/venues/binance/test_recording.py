"""Every file of a rotated recording can be played without the ones before."""

import asyncio
import math
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec import json

from bowstring.core.errors import Disconnected
from bowstring.local_exchange.play import PlayServer
from bowstring.local_exchange.recording import Recording, open_recording
from bowstring.market.book import Level, OrderBook
from bowstring.market.book_sync import Snapshot
from bowstring.market.events import BookChanged
from bowstring.market.instrument import Instrument
from bowstring.net.recorder import Line, Recorder
from bowstring.testing.simulation import simulate
from bowstring.venues.binance import Binance, books, snapshots
from bowstring.venues.binance.markets import SPOT
from bowstring.venues.binance.snapshots import Snapshots
from tests.venues.binance.facts import BTC, ETH, combined
from tests.venues.binance.fake import FakeBinance
from tests.venues.binance.feeds import Feed, running

FILES = 4


def diff(update_id: int) -> bytes:
    data = (
        f'{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":{update_id},"u":{update_id},"b":[["99","{update_id}"]],"a":[]}}'
    )
    return combined("btcusdt@depth@100ms", data)


def snapshot(update_id: int) -> str:
    return f'{{"lastUpdateId":{update_id},"bids":[["99","{update_id}"]],"asks":[["101","1"]]}}'


def shown(feed: Feed) -> OrderBook:
    return next(event.book for event in feed.events if isinstance(event, BookChanged))


class Prompt(Recorder):
    """Writes what it is given before it is given more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, max_bytes=10_000, max_files=FILES)
        self.snapshots = asyncio.Semaphore(0)
        self.new_files = 0
        self.on_new_file(self._count)

    def replied(self, url: str, body: bytes, *, lasting: bool = False) -> None:
        super().replied(url, body, lasting=lasting)
        if not lasting:
            self.snapshots.release()

    def _count(self) -> None:
        self.new_files += 1

    def _put(self, line: Line) -> None:
        super()._put(line)
        while not self._lines.empty():
            time.sleep(0)


async def record(binance: FakeBinance, folder: Path) -> None:
    """Record a book over several files, each of which is given the time for a snapshot."""
    with Prompt(folder) as recorder:
        venue = Binance("local", rest_url=binance.rest_url, ws_url=binance.ws_url, recorder=recorder)
        async with running(venue.books("BTC/USDT"), binance) as feed:
            update_id = snapshots_kept = 0
            while recorder.new_files < FILES + 2:
                update_id += 1
                binance.books["BTCUSDT"] = snapshot(update_id)
                await binance.send(diff(update_id))
                await feed.until(update_id)
                if snapshots_kept <= recorder.new_files:
                    await recorder.snapshots.acquire()
                    snapshots_kept += 1


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots are fetched soon."""
    monkeypatch.setattr(books, "QUIET_S", 0.05)
    monkeypatch.setattr(snapshots, "SPARE", 1e6)


async def played(recording: Recording, *, last: int) -> Level | None:
    """The bid that a bot has at that last update, when it is played this recording."""
    async with PlayServer(recording, speed=math.inf) as server:
        address = f"{server.host}:{server.port}"
        feed = Feed(Binance("local", rest_url=f"http://{address}", ws_url=f"ws://{address}").books("BTC/USDT"))
        try:
            await feed.until_seen(lambda events: events and shown(feed).update_id == last)
            return shown(feed).bid
        finally:
            feed.task.cancel()
            await asyncio.wait([feed.task])


@pytest.mark.usefixtures("_quickly")
async def test_each_file_of_a_rotated_recording_can_be_played_alone(binance: FakeBinance, tmp_path: Path) -> None:
    async with asyncio.timeout(10):
        await record(binance, tmp_path)
    files = sorted(tmp_path.glob("*"))  # noqa: ASYNC240  # small, and nobody waits

    for file in files:
        recording = open_recording(file)
        last = json.decode(list(recording.frames())[-1].payload, type=dict[str, Any])["u"]
        assert await played(recording, last=last) == Level(Decimal(99), Decimal(last))
        assert [urlsplit(reply.url).path for reply in recording.replies] == ["/api/v3/exchangeInfo", "/api/v3/depth"]
    assert [file.stem for file in files] == [f"recording-{number:06}" for number in range(4, 4 + FILES)]


@pytest.mark.usefixtures("_quickly")
async def test_what_files_repeat_is_read_once(binance: FakeBinance, tmp_path: Path) -> None:
    async with asyncio.timeout(10):
        await record(binance, tmp_path)

    paths = [urlsplit(reply.url).path for reply in open_recording(tmp_path).replies]
    assert sorted(paths) == ["/api/v3/depth"] * FILES + ["/api/v3/exchangeInfo"]


class Asked(Snapshots):
    """Notes when it is asked for what; the first time it has none."""

    def __init__(self, *, levels: int) -> None:
        super().__init__(None, market=SPOT, levels=levels)
        self.at_s: list[tuple[float, str]] = []

    async def fetch(self, instrument: Instrument) -> Snapshot:
        self.at_s.append((asyncio.get_running_loop().time(), instrument.symbol))
        if len(self.at_s) == 1:
            raise Disconnected("no way")
        return Snapshot(update_id=1, bids=(), asks=())


@pytest.mark.parametrize(("levels", "apart_s"), [(1000, 1.0), (5000, 5.0)])
def test_snapshots_for_a_recording_leave_half_of_the_weight_to_others(
    levels: int, apart_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked(levels=levels)

    simulate(asked.record([BTC, ETH, BTC]))

    assert asked.at_s == [(0, "BTC/USDT"), (apart_s, "ETH/USDT"), (2 * apart_s, "BTC/USDT")]
    assert "BTC/USDT: no snapshot for the recording, no way" in caplog.text
