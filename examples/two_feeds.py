"""Two synthetic feeds beside Binance's quotes, two executors, and a strategy between that buys into forced selling."""

import asyncio
import os
from decimal import Decimal
from itertools import cycle

import bowstring as bs
from bowstring.market.events import Liquidation
from bowstring.venues.binance import Binance

SYMBOL, SIZE = "BTC/USDT", Decimal("0.005")


class RiskLimit(bs.Event, frozen=True):
    max_position: Decimal  # in base units


class Notify(bs.Action, frozen=True):
    text: str


class Liquidations(bs.Collector):
    async def run(self, emit: bs.Emit) -> None:
        for quantity in cycle([Decimal("0.4"), Decimal("2.5"), Decimal("0.1")]):
            await asyncio.sleep(0.1)
            emit(Liquidation(venue="synthetic", symbol=SYMBOL, side="sell", price=Decimal(64000), quantity=quantity))


class RiskDesk(bs.Collector):
    async def run(self, emit: bs.Emit) -> None:
        for limit in cycle([Decimal("0.01"), Decimal(0), Decimal("0.02")]):
            emit(RiskLimit(limit))
            await asyncio.sleep(1)


class Absorber(bs.Strategy):
    symbols = frozenset({SYMBOL})
    ask = position = limit = Decimal(0)

    @bs.on(bs.Quote)
    def follow(self, quote: bs.Quote) -> None:
        self.ask = quote.ask

    @bs.on(Liquidation)
    def absorb(self, forced: Liquidation) -> bs.Actions:
        if forced.quantity > 1 and self.ask and not self.orders and self.position + SIZE <= self.limit:
            yield bs.PlaceOrder(symbol=SYMBOL, side="buy", quantity=SIZE, price=self.ask, time_in_force="ioc")

    @bs.on(RiskLimit)
    def obey(self, risk: RiskLimit) -> bs.Actions:
        self.limit = risk.max_position
        yield Notify(f"the limit is {self.limit}")

    @bs.on(bs.Position)
    def track(self, position: bs.Position) -> bs.Actions:
        self.position = position.quantity
        yield Notify(f"the position is {self.position}")


class Notifier(bs.Executor):
    @bs.on(Notify)
    def notify(self, note: Notify) -> None:
        print(note.text, flush=True)


def main() -> None:
    # Without Binance: `bowstring play --generate BTCUSDT --port 9000`, and the two variables as bidder.py tells.
    venue = Binance("paper", rest_url=os.environ.get("BINANCE_REST_URL"), ws_url=os.environ.get("BINANCE_WS_URL"))
    bs.run(
        collectors=[venue.quotes(SYMBOL), Liquidations(), RiskDesk()],
        strategies=[Absorber()],
        guards=[bs.MaxNotional(Decimal(500))],
        executors=[venue.executor(taker_fee=Decimal(0)), Notifier()],
    )


if __name__ == "__main__":
    main()
