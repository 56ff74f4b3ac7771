"""Load for a bot that is to be killed: orders of every kind, a certain number of them always in flight.

On BTC/USDT it takes from a counterparty's deep quotes, on ETH/USDT it makes a market far apart: so it never trades with
itself.
"""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import bowstring as bs
from bowstring.trading.messages import Recovered, Side
from bowstring.trading.orders import Order
from faults.bot import Cast, Pulse, Say, Stage, Told
from faults.crowd import ASK, BID
from faults.gauge import Gauge

TAKEN, MADE = "BTC/USDT", "ETH/USDT"
BUYS_AT, SELLS_AT = Decimal(3300), Decimal(3500)
AT_A_TIME = 10
MOST_OPEN = 60
IN_FLIGHT = 40


class Load(bs.Strategy):
    """From the word ``go`` on it keeps so many orders in flight.

    It says when it has ``recovered``, and when it is ``loaded``: when half as many are in flight for the first time.
    """

    def __init__(self, *, seed: int, gauge: Gauge, in_flight: int = IN_FLIGHT) -> None:
        self._random, self._gauge, self._in_flight = Random(seed), gauge, in_flight
        self._is_on = self._is_loaded = False

    @bs.on(Recovered)
    def greet(self, recovered: Recovered) -> bs.Actions:
        self._gauge["recovered_ns"] = self.clock.now_ns()
        yield Say(line=f"recovered {len(recovered.orders)}")

    @bs.on(Told)
    def obey(self, told: Told) -> None:
        self._is_on = told.word == "go"

    @bs.on(Pulse)
    def press(self, _pulse: Pulse) -> bs.Actions:
        if not self._is_on:
            return
        if not self._is_loaded and self._gauge.in_flight >= self._in_flight / 2:
            self._is_loaded = True
            yield Say(line="loaded")
        for _ in range(min(AT_A_TIME, self._in_flight - self._gauge.in_flight)):
            yield self._something()
        open_ = [order for order in self.orders.values() if order.status == "open"]
        if len(open_) > MOST_OPEN:
            yield from (bs.CancelOrder(client_order_id=order.client_order_id) for order in open_[:4])

    def _something(self) -> bs.Action:
        drawn = self._random.random()
        if drawn < 0.3:
            return self._take()
        if drawn < 0.5 and (changed := self._change()) is not None:
            return changed
        return self._make()

    def _take(self) -> bs.PlaceOrder:
        side = self._side()
        price = ASK if side == "buy" else BID
        return bs.PlaceOrder(symbol=TAKEN, side=side, quantity=Decimal("0.001"), price=price, time_in_force="ioc")

    def _make(self) -> bs.PlaceOrder:
        side = self._side()
        return bs.PlaceOrder(symbol=MADE, side=side, quantity=self._size(), price=self._price(side))

    def _change(self) -> bs.Action | None:
        order = next(self._open(), None)
        if order is None:
            return None
        name = order.client_order_id
        if self._random.random() < 0.5:
            return bs.CancelOrder(client_order_id=name)
        return bs.ReplaceOrder(client_order_id=name, quantity=self._size(), price=self._price(order.side))

    def _open(self) -> Iterator[Order]:
        candidates = [order for order in self.orders.values() if order.status == "open"]
        self._random.shuffle(candidates)
        return iter(candidates)

    def _side(self) -> Side:
        return self._random.choice(("buy", "sell"))

    def _size(self) -> Decimal:
        return Decimal(self._random.randint(20, 60)) / 1000

    def _price(self, side: Side) -> Decimal:
        away = Decimal(self._random.randint(0, 4000)) / 100
        return BUYS_AT - away if side == "buy" else SELLS_AT + away


def cast(stage: Stage) -> Cast:
    return Cast(strategies=[Load(seed=stage.script.seed, gauge=stage.gauge)])
