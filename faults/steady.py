"""A bot that places as many orders as it is told to, of every kind, whatever goes wrong with them.

On BTC/USDT it takes from a counterparty's deep quotes, on ETH/USDT it makes a market far apart: so it never trades with
itself.
"""

from decimal import Decimal
from random import Random

import bowstring as bs
from bowstring.trading.messages import Recovered, Side
from bowstring.trading.orders import Order
from faults.bot import Cast, Pulse, Say, Stage, Told
from faults.crowd import ASK, BID
from faults.haste import hurry

TAKEN, MADE = "BTC/USDT", "ETH/USDT"
BUYS_AT, SELLS_AT = Decimal(3300), Decimal(3500)
AT_A_TIME = 4
MOST_UNDECIDED = 300
MOST_OPEN = 60
VALID_S = 2.0
TAKES, REPLACES = 0.5, 0.1  # of the orders
UNDECIDED = frozenset({"pending", "unknown"})


class Steady(bs.Strategy):
    """Told ``place 100`` it goes on until it has placed 100 more; it says ``placed``, and ``quiet`` once it knows what
    became of all. Told ``enough`` it places no more. It says ``up`` when its private stream is.
    """

    def __init__(self, *, seed: int, valid_for_s: float = VALID_S) -> None:
        self._random = Random(seed)
        self._valid_for_s = valid_for_s
        self._to_place = 0
        self._is_quiet = True

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(bs.CollectorUp)
    def rise(self, up: bs.CollectorUp) -> bs.Actions:
        if up.collector.startswith("orders "):
            yield Say(line="up")

    @bs.on(Told)
    def obey(self, told: Told) -> None:
        order, _, count = told.word.partition(" ")
        if order == "place":
            self._to_place += int(count)
            self._is_quiet = False
        elif order == "enough":
            self._to_place = 0

    @bs.on(Pulse)
    def press(self, _pulse: Pulse) -> bs.Actions:
        undecided = sum(order.status in UNDECIDED for order in self.orders.values())
        if self._to_place and undecided < MOST_UNDECIDED:
            yield from self._some(min(AT_A_TIME, self._to_place))
            if not self._to_place:
                yield Say(line="placed")
        elif not undecided and not self._is_quiet:
            self._is_quiet = True
            yield Say(line="quiet")

    def _some(self, count: int) -> bs.Actions:
        open_ = [order for order in self.orders.values() if order.status == "open"]
        self._to_place -= count
        for _ in range(count):
            yield self._order(open_)
        for order in open_[MOST_OPEN:]:
            yield bs.CancelOrder(client_order_id=order.client_order_id)

    def _order(self, open_: list[Order]) -> bs.Action:
        drawn = self._random.random()
        if drawn < TAKES:
            side = self._side()
            price = ASK if side == "buy" else BID
            return bs.PlaceOrder(
                symbol=TAKEN,
                side=side,
                quantity=Decimal("0.001"),
                price=price,
                time_in_force="ioc",
                valid_for_s=self._valid_for_s,
            )
        if drawn < TAKES + REPLACES and open_:
            old = open_.pop(self._random.randrange(len(open_)))
            return bs.ReplaceOrder(
                client_order_id=old.client_order_id,
                quantity=self._size(),
                price=self._price(old.side),
                valid_for_s=self._valid_for_s,
            )
        side = self._side()
        return bs.PlaceOrder(
            symbol=MADE, side=side, quantity=self._size(), price=self._price(side), valid_for_s=self._valid_for_s
        )

    def _side(self) -> Side:
        return self._random.choice(("buy", "sell"))

    def _size(self) -> Decimal:
        return Decimal(self._random.randint(20, 60)) / 1000

    def _price(self, side: Side) -> Decimal:
        away = Decimal(self._random.randint(0, 4000)) / 100
        return BUYS_AT - away if side == "buy" else SELLS_AT + away


def cast(stage: Stage) -> Cast:
    hurry(stage)
    valid_for_s = float(stage.script.words.get("valid_for_s", VALID_S))
    return Cast(strategies=[Steady(seed=stage.script.seed, valid_for_s=valid_for_s)], every_s=0.01)
