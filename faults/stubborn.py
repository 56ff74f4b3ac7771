"""A bot that goes on placing orders, one at a time, also where they cannot be recorded."""

from decimal import Decimal

import bowstring as bs
from bowstring.trading.messages import Recovered
from faults.bot import Cast, Pulse, Say, Stage, Told

ATTEMPTS = 20  # after the first that failed


class Stubborn(bs.Strategy):
    """Places an order at each pulse, from ``go`` on, until so many have failed; then it says ``refused``.

    At ``cancel`` it cancels what is open, and says ``none`` when there is nothing any more.
    """

    def __init__(self) -> None:
        self._failed = 0
        self._cancels = False

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(Pulse)
    def place(self, _pulse: Pulse) -> bs.Actions:
        if self._failed < ATTEMPTS:
            yield bs.PlaceOrder(symbol="ETH/USDT", side="buy", quantity=Decimal("0.01"), price=Decimal(3000))

    @bs.on(bs.OrderUpdate)
    def count(self, update: bs.OrderUpdate) -> bs.Actions:
        if update.status == "failed":
            self._failed += 1
            if self._failed == ATTEMPTS:
                yield Say(line=f"refused {update.reason}")
        yield from self._none()

    @bs.on(Told)
    def clean_up(self, told: Told) -> bs.Actions:
        self._cancels = told.word == "cancel"
        if self._cancels:
            yield from (bs.CancelOrder(client_order_id=name) for name in [*self.orders])
            yield from self._none()

    def _none(self) -> bs.Actions:
        if self._cancels and not self.orders:
            self._cancels = False
            yield Say(line="none")


def cast(_stage: Stage) -> Cast:
    return Cast(strategies=[Stubborn()])
