"""A bot whose feed dies, stalls or is cut: it reconnects, its strategy is told, and no order leaves late."""

import asyncio
import signal
from collections.abc import Callable
from decimal import Decimal

import pytest

import bowstring as bs
from bowstring.venues.binance import Binance, stream
from tests.integration.processes import playing

FEED = ("--generate", "BTCUSDT", "--rate", "200")


class Buyer(bs.Strategy):
    """Orders on every quote; notes what it is told of the feed, and how old each of its orders was when it arrived."""

    def __init__(self) -> None:
        self.told: list[bs.Event] = []
        self.quotes = 0
        self.changed = asyncio.Event()

    @bs.on(bs.Quote)
    def buy(self, quote: bs.Quote) -> bs.Actions:
        self.quotes += 1
        self.changed.set()
        yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=Decimal("0.001"), price=quote.ask)

    @bs.on(bs.CollectorDown)
    def note_down(self, down: bs.CollectorDown) -> None:
        self._note(down)

    @bs.on(bs.CollectorUp)
    def note_up(self, up: bs.CollectorUp) -> None:
        self._note(up)

    @bs.on(bs.StreamStale)
    def note_stale(self, stale: bs.StreamStale) -> None:
        self._note(stale)

    def _note(self, event: bs.Event) -> None:
        self.told.append(event)
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def kinds(self) -> list[type[bs.Event]]:
        return [type(event) for event in self.told if getattr(event, "collector", "feed") != "orders binance"]


class Sink(bs.Executor):
    """Takes orders and notes their age in seconds: how long after the receipt of their quote they came."""

    def __init__(self) -> None:
        self.ages_s: list[float] = []

    @bs.on(bs.PlaceOrder)
    def take(self, order: bs.PlaceOrder) -> None:
        self.ages_s.append((self.clock.now_ns() - order.received_ns) / 1e9)


async def run_until(buyer: Buyer, sink: Sink, venue: Binance, scenario: Callable[[], "asyncio.Future[None]"]) -> None:
    engine = bs.Engine(collectors=[venue.quotes("BTC/USDT", stale_after_s=0.5)], strategies=[buyer], executors=[sink])
    running = asyncio.ensure_future(engine.run())
    await scenario()
    engine.stop()
    await running


async def test_a_killed_feed_is_told_and_found_again_at_the_same_address() -> None:
    buyer, sink = Buyer(), Sink()
    with playing(*FEED) as (process, rest_url, ws_url):
        port = rest_url.rpartition(":")[2]

        async def scenario() -> None:
            await buyer.until(lambda: buyer.quotes > 20)
            process.kill()
            process.wait()
            await buyer.until(lambda: bs.CollectorDown in buyer.kinds())
            quotes = buyer.quotes
            with playing(*FEED, "--port", port):
                await buyer.until(lambda: buyer.quotes > quotes + 20)

        venue = Binance("paper", rest_url=rest_url, ws_url=ws_url)
        await run_until(buyer, sink, venue, lambda: asyncio.ensure_future(scenario()))

    kinds = buyer.kinds()
    assert kinds[0] is bs.CollectorUp
    assert kinds[1] is bs.CollectorDown
    assert kinds[-1] is bs.CollectorUp
    assert len(sink.ages_s) == buyer.quotes
    assert max(sink.ages_s) < 2.0


async def test_a_stalled_feed_with_an_open_socket_is_stale_then_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "IDLE_AFTER_S", 0.5)
    monkeypatch.setattr(stream, "ANSWER_TIMEOUT_S", 0.5)
    buyer, sink = Buyer(), Sink()
    with playing(*FEED) as (process, rest_url, ws_url):

        async def scenario() -> None:
            await buyer.until(lambda: buyer.quotes > 20)
            process.send_signal(signal.SIGSTOP)
            await buyer.until(lambda: bs.CollectorDown in buyer.kinds())
            process.send_signal(signal.SIGCONT)
            quotes = buyer.quotes
            await buyer.until(lambda: buyer.quotes > quotes + 20)

        venue = Binance("paper", rest_url=rest_url, ws_url=ws_url)
        await run_until(buyer, sink, venue, lambda: asyncio.ensure_future(scenario()))

    kinds = buyer.kinds()
    assert kinds.index(bs.StreamStale) < kinds.index(bs.CollectorDown)
    assert kinds[-1] is bs.CollectorUp
    assert max(sink.ages_s) < 2.0
