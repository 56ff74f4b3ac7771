"""A bot whose feed dies, stalls or is cut: it reconnects, its strategy is told, and no order leaves late."""

import asyncio
import signal
from collections.abc import Callable
from decimal import Decimal

import pytest

import bowstring as bs
from bowstring.venues.binance import Binance, line
from tests.integration.processes import playing

FEED = ("--generate", "BTCUSDT", "--rate", "200")
VALID_S = 0.2  # no break is shorter: the process that serves the feed has to start, or to be found silent


class Buyer(bs.Strategy):
    """Orders on every quote; notes what it is told of the feed."""

    def __init__(self) -> None:
        self.told: list[bs.Event] = []
        self.quotes = 0
        self.filled = 0
        self.changed = asyncio.Event()

    @bs.on(bs.Quote)
    def buy(self, quote: bs.Quote) -> bs.Actions:
        self.quotes += 1
        self.changed.set()
        yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=Decimal("0.001"), price=quote.ask)

    @bs.on(bs.Fill)
    def count(self, _fill: bs.Fill) -> None:
        self.filled += 1

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

    def downs(self) -> list[bs.CollectorDown]:
        return [event for event in self.told if isinstance(event, bs.CollectorDown)]

    def kinds(self) -> list[type[bs.Event]]:
        return [type(event) for event in self.told if getattr(event, "collector", "feed") != "orders binance"]


class Straggler(bs.Strategy):
    """Decides on its first quote before the feed breaks, and is done with that after it is back."""

    def __init__(self) -> None:
        self.is_back = asyncio.Event()
        self.end: bs.OrderUpdate | None = None
        self._has_decided = False

    @bs.on(bs.Quote)
    async def buy_late(self, quote: bs.Quote) -> bs.Actions:
        if self._has_decided:
            return []
        self._has_decided = True
        await self.is_back.wait()
        return [
            bs.PlaceOrder(
                symbol=quote.symbol, side="buy", quantity=Decimal("0.001"), price=quote.ask, valid_for_s=VALID_S
            )
        ]

    @bs.on(bs.OrderUpdate)
    def note(self, update: bs.OrderUpdate) -> None:
        self.end = update


async def run_until(
    buyer: Buyer, straggler: Straggler, venue: Binance, scenario: Callable[[], "asyncio.Future[None]"]
) -> None:
    """Run the bot; what was decided before the break must never leave after it, and everything else must."""
    engine = bs.Engine(
        collectors=[venue.quotes("BTC/USDT", stale_after_s=0.5)],
        strategies=[buyer, straggler],
        executors=[venue.executor()],
    )
    running = asyncio.ensure_future(engine.run())
    await scenario()
    engine.stop()
    await running

    assert straggler.end is not None
    assert straggler.end.status == "expired"
    assert straggler.end.reason.startswith(f"it was valid for {VALID_S} s and is ")
    assert buyer.filled > 20


async def test_a_killed_feed_is_told_and_found_again_at_the_same_address() -> None:
    buyer, straggler = Buyer(), Straggler()
    with playing(*FEED) as (process, rest_url, ws_url):
        port = rest_url.rpartition(":")[2]

        async def scenario() -> None:
            await buyer.until(lambda: buyer.quotes > 20)
            process.kill()
            process.wait()
            await buyer.until(lambda: bs.CollectorDown in buyer.kinds())
            quotes = buyer.quotes
            with playing(*FEED, "--port", port):
                straggler.is_back.set()
                await buyer.until(lambda: straggler.end and buyer.quotes > quotes + 20)

        venue = Binance("paper", rest_url=rest_url, ws_url=ws_url)
        await run_until(buyer, straggler, venue, lambda: asyncio.ensure_future(scenario()))

    kinds = buyer.kinds()
    assert kinds[0] is bs.CollectorUp
    assert kinds[1] is bs.CollectorDown
    assert kinds[-1] is bs.CollectorUp
    assert "1006" in buyer.downs()[0].reason


async def test_a_stalled_feed_with_an_open_socket_is_stale_then_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "IDLE_AFTER_S", 0.5)
    monkeypatch.setattr(line, "ANSWER_TIMEOUT_S", 0.5)
    buyer, straggler = Buyer(), Straggler()
    with playing(*FEED) as (process, rest_url, ws_url):

        async def scenario() -> None:
            await buyer.until(lambda: buyer.quotes > 20)
            process.send_signal(signal.SIGSTOP)
            await buyer.until(lambda: bs.CollectorDown in buyer.kinds())
            process.send_signal(signal.SIGCONT)
            quotes = buyer.quotes
            straggler.is_back.set()
            await buyer.until(lambda: straggler.end and buyer.quotes > quotes + 20)

        venue = Binance("paper", rest_url=rest_url, ws_url=ws_url)
        await run_until(buyer, straggler, venue, lambda: asyncio.ensure_future(scenario()))

    kinds = buyer.kinds()
    assert kinds.index(bs.StreamStale) < kinds.index(bs.CollectorDown)
    assert kinds[-1] is bs.CollectorUp
