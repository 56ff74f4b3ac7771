"""A bot on paper for tests, as a process of its own: ``python -m tests.integration.paper_bot JOURNAL``.

Every 20 ms it places an order unless one is live. It says the state of each order and each state of risk, one a line.
"""

import sys
from decimal import Decimal
from functools import partial

import bowstring as bs
from bowstring.core.clock import Clock
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.messages import Recovered, RiskStateChanged
from bowstring.trading.paper.gateway import PaperGateway

say = partial(print, flush=True)

BITCOIN = bs.Instrument(
    venue="paper",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
)


class Bidder(bs.Strategy):
    @bs.on(Recovered)
    def begin(self, recovered: Recovered) -> None:
        say("recovered")

    @bs.on(bs.Elapsed)
    def bid(self, elapsed: bs.Elapsed) -> bs.Actions:
        if not self.orders:
            yield bs.PlaceOrder(symbol="BTC/USDT", side="buy", quantity=Decimal(1), price=Decimal(100))

    @bs.on(bs.OrderUpdate)
    def tell(self, update: bs.OrderUpdate) -> None:
        say(update.status)

    @bs.on(RiskStateChanged)
    def heed(self, changed: RiskStateChanged) -> None:
        say("risk", changed.state, changed.by)


if __name__ == "__main__":
    clock = Clock()
    gateway = PaperGateway("paper", clock=clock, instruments=[BITCOIN], balances={"USDT": Decimal(1000)})
    bs.run(
        collectors=[bs.Every(0.02)],
        strategies=[Bidder()],
        executors=[bs.OrderExecutor(gateway, journal=JournalFile(sys.argv[1]))],
    )
