"""The thread that looks for a human's files, in bots on a real loop."""

import asyncio
from decimal import Decimal
from pathlib import Path
from threading import Event as Flag
from threading import enumerate as threads

from bowstring.collectors.timer import Elapsed, Every
from bowstring.core.clock import Clock
from bowstring.core.components import on
from bowstring.core.engine import Engine
from bowstring.core.messages import Actions
from bowstring.market.instrument import Instrument
from bowstring.trading.control.commands import Kill
from bowstring.trading.control.files import ControlFiles
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import OrderUpdate, PlaceOrder, RiskStateChanged
from bowstring.trading.paper.gateway import PaperGateway
from bowstring.trading.strategy import Strategy

BITCOIN = Instrument(
    venue="paper",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
)
PATIENCE_S = 60.0


class Bot(Engine):
    """Trades on paper; ``killed`` is set as soon as the kill switch has been heeded, in whatever thread."""

    def __init__(self, strategy: Strategy, journal: Path) -> None:
        self.killed = Flag()
        clock = Clock()
        gateway = PaperGateway("paper", clock=clock, instruments=[BITCOIN], balances={"USDT": Decimal(1000)})
        executor = OrderExecutor(gateway, journal=MemoryJournal(control_file=str(journal)))
        super().__init__(collectors=[Every(0.01)], strategies=[strategy], executors=[executor], clock=clock)

    def kill(self, reason: str, *, by: str) -> None:
        super().kill(reason, by=by)
        self.killed.set()

    def live(self) -> None:
        """Run it to its end."""

        async def main() -> None:
            async with asyncio.timeout(PATIENCE_S):
                await self.run()

        asyncio.run(main())


class Blocking(Strategy):
    """Pulls the kill switch, keeps the loop until that is heeded, and places an order nevertheless."""

    bot: Bot

    def __init__(self, journal: Path) -> None:
        self._files = ControlFiles(str(journal))
        self.updates: list[OrderUpdate] = []

    @on(Elapsed)
    def decide(self, elapsed: Elapsed) -> Actions:
        self._files.pull("look at that")
        self.bot.killed.wait(PATIENCE_S)
        yield PlaceOrder(symbol="BTC/USDT", side="buy", quantity=Decimal(1), price=Decimal(100))

    @on(OrderUpdate)
    def note(self, update: OrderUpdate) -> None:
        self.updates.append(update)

    @on(RiskStateChanged)
    def end(self, changed: RiskStateChanged) -> None:
        self.bot.stop()


def test_the_kill_switch_is_heeded_while_a_handler_keeps_the_loop(tmp_path: Path) -> None:
    strategy = Blocking(tmp_path / "bot.journal")
    strategy.bot = Bot(strategy, tmp_path / "bot.journal")
    strategy.bot.live()

    assert [(update.status, update.reason) for update in strategy.updates[:1]] == [
        ("refused", "the kill switch was pulled by the kill file: look at that")
    ]


class Idle(Strategy):
    """Ends its bot when trading is halted."""

    bot: Bot

    @on(RiskStateChanged)
    def end(self, changed: RiskStateChanged) -> None:
        self.bot.stop()


def test_a_command_wakes_a_bot_that_waits_and_no_thread_is_left(tmp_path: Path) -> None:
    files = ControlFiles(str(tmp_path / "bot.journal"))
    files.check_folder()
    files.give("1", Kill(operator="alice", why="look"))
    strategy = Idle()
    strategy.bot = Bot(strategy, tmp_path / "bot.journal")
    strategy.bot.live()
    answer = files.find_answer("1")

    assert answer is not None
    assert answer.text == "trading is halted"
    assert not [thread for thread in threads() if thread.name == "bowstring-control"]
    assert not files.is_running()
