"""Forced selling of perpetuals and a risk desk: two feeds, two executors, and a strategy between that buys on Spot."""

import asyncio
from decimal import Decimal
from itertools import cycle
from os import environ

import bowstring as bs
from bowstring.market.events import Liquidation, MarkPrice
from bowstring.venues.binance import Binance, BinanceFutures

SYMBOL, PERPETUAL, SIZE = "BTC/USDT", "BTC/USDT:USDT", Decimal("0.005")


class RiskLimit(bs.Event, frozen=True):
    max_position: Decimal  # in base units


class Notify(bs.Action, frozen=True):
    text: str


class RiskDesk(bs.Collector):
    async def run(self, emit: bs.Emit) -> None:
        for limit in cycle([Decimal("0.01"), Decimal(0), Decimal("0.02")]):
            emit(RiskLimit(limit))
            await asyncio.sleep(1)


class Absorber(bs.Strategy):
    symbols = frozenset({SYMBOL, PERPETUAL})
    ask = position = limit = mark = Decimal(0)

    @bs.on(bs.Quote)
    def follow(self, quote: bs.Quote) -> None:
        self.ask = quote.ask

    @bs.on(MarkPrice)
    def compare(self, mark: MarkPrice) -> None:
        self.mark = mark.price

    @bs.on(Liquidation)
    def absorb(self, forced: Liquidation) -> bs.Actions:
        is_cheap = forced.side == "sell" and 0 < self.ask < self.mark * Decimal("1.01")
        if is_cheap and not self.orders and self.position + SIZE <= self.limit:
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
    # Without Binance: `bowstring play --generate BTCUSDT` twice, once with --futures, and variables as below.
    venue = Binance("paper", rest_url=environ.get("BINANCE_REST_URL"), ws_url=environ.get("BINANCE_WS_URL"))
    futures = BinanceFutures("live", rest_url=environ.get("FUTURES_REST_URL"), ws_url=environ.get("FUTURES_WS_URL"))
    forced = futures.stream(mark_prices=[PERPETUAL], liquidations=[PERPETUAL])
    bs.run(
        collectors=[venue.quotes(SYMBOL), forced, RiskDesk()],
        strategies=[Absorber()],
        guards=[bs.MaxNotional(Decimal(500))],
        executors=[venue.executor(taker_fee=Decimal(0)), Notifier()],
    )


if __name__ == "__main__":
    main()
