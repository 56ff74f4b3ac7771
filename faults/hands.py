"""A bot that does what it is told, in groups of orders with names of one's own: ``make 3 x``: x-0, x-1 and x-2.

| word | does |
|---|---|
| make 3 x | places orders that rest far from the market |
| take 3 x | places orders that trade at once |
| cancel x | cancels those of x that are open |
| replace x y | replaces those of x that are open by orders named y-0, y-1, ... |
| clear | cancels all that are open |

It says ``up`` when its private stream is, ``closed x``, of a replacement ``closed y``, when all these actions have
ended, and ``quiet`` when the bot knows what became of all orders, once for each time it is asked: ``quiet``.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import bowstring as bs
from bowstring.core.messages import ActionClosed, CollectorUp
from bowstring.trading.messages import OrderUpdate, Recovered
from bowstring.trading.orders import Order
from faults.bot import Cast, Say, Stage, Told
from faults.crowd import ASK
from faults.haste import hurry

TAKEN, MADE = "BTC/USDT", "ETH/USDT"
PRICE, QUANTITY = Decimal(3000), Decimal("0.02")
UNDECIDED = frozenset({"pending", "unknown"})


class Hands(bs.Strategy):
    """Obeys."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[bs.Action]] = {}
        self._is_asked = False
        self._words: Mapping[str, Callable[..., Iterator[bs.Action]]] = {
            "make": self._make,
            "take": self._take,
            "cancel": self._cancel,
            "replace": self._replace,
            "clear": self._clear,
        }

    @bs.on(Recovered)
    def greet(self, _recovered: Recovered) -> bs.Actions:
        yield Say(line="recovered")

    @bs.on(CollectorUp)
    def rise(self, up: CollectorUp) -> bs.Actions:
        if up.collector.startswith("orders "):
            yield Say(line="up")

    @bs.on(Told)
    def obey(self, told: Told) -> bs.Actions:
        word, *rest = told.word.split()
        if word in self._words:
            actions, name = [*self._words[word](*rest)], rest[-1] if rest else word
            self._waiting[name] = [*actions]
            yield from actions
            yield from self._closed(name)
        self._is_asked = self._is_asked or word == "quiet"
        yield from self._quiet()

    @bs.on(ActionClosed)
    def note(self, closed: ActionClosed) -> bs.Actions:
        for name, actions in [*self._waiting.items()]:
            self._waiting[name] = [action for action in actions if action.seq != closed.action]
            yield from self._closed(name)

    @bs.on(OrderUpdate)
    def look(self, _update: OrderUpdate) -> bs.Actions:
        yield from self._quiet()

    def _closed(self, name: str) -> bs.Actions:
        if not self._waiting[name]:
            del self._waiting[name]
            yield Say(line=f"closed {name}")

    def _quiet(self) -> bs.Actions:
        if self._is_asked and all(order.status not in UNDECIDED for order in self.orders.values()):
            self._is_asked = False
            yield Say(line="quiet")

    def _make(self, count: str, name: str) -> Iterator[bs.Action]:
        for number in range(int(count)):
            yield bs.PlaceOrder(
                client_order_id=f"{name}-{number}", symbol=MADE, side="buy", quantity=QUANTITY, price=PRICE
            )

    def _take(self, count: str, name: str) -> Iterator[bs.Action]:
        for number in range(int(count)):
            yield bs.PlaceOrder(
                client_order_id=f"{name}-{number}",
                symbol=TAKEN,
                side="buy",
                quantity=Decimal("0.001"),
                price=ASK,
                time_in_force="ioc",
            )

    def _cancel(self, name: str) -> Iterator[bs.Action]:
        for order in self._open(name):
            yield bs.CancelOrder(client_order_id=order.client_order_id)

    def _replace(self, name: str, new: str) -> Iterator[bs.Action]:
        for number, order in enumerate(self._open(name)):
            yield bs.ReplaceOrder(
                client_order_id=order.client_order_id,
                quantity=QUANTITY,
                price=PRICE - 1,
                new_client_order_id=f"{new}-{number}",
            )

    def _clear(self) -> Iterator[bs.Action]:
        for order in self.orders.values():
            if order.status == "open":
                yield bs.CancelOrder(client_order_id=order.client_order_id)

    def _open(self, name: str) -> list[Order]:
        return [
            order
            for order in self.orders.values()
            if order.client_order_id.rpartition("-")[0] == name and order.status == "open"
        ]


def cast(stage: Stage) -> Cast:
    hurry(stage)
    return Cast(strategies=[Hands()])
