"""A short life with everything in it: orders of one handler, one that is rejected, fills, a replacement, a cancel.

It begins with the word ``go N``: the process ends at its N-th step from then on, wherever that is, also in its stop.
With the script's word ``recovering`` it ends at a step of its recovery.
"""

from decimal import Decimal

import bowstring as bs
from bowstring.trading.messages import Recovered
from faults import steps
from faults.bot import Cast, Say, Stage, Told
from faults.crowd import ASK, BID
from faults.gauge import Gauge


class Scripted(bs.Strategy):
    """Says when it has ``recovered``, and when it is ``done``; what it leaves open is for the stop to cancel."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._to_replace = self._to_cancel = ""

    @bs.on(Recovered)
    def greet(self, recovered: Recovered) -> bs.Actions:
        steps.STEPS.end()
        yield Say(line=f"recovered {len(recovered.orders)}")

    @bs.on(Told)
    def begin(self, told: Told) -> bs.Actions:
        steps.STEPS.begin(self._gauge, last=int(told.word.split()[1]))
        self._to_replace = f"{self.clock.new_prefix()}replace"
        yield _make(Decimal(3300), name=self._to_replace)
        yield bs.PlaceOrder(symbol="BTC/USDT", side="buy", quantity=Decimal("0.002"), price=ASK, time_in_force="ioc")
        yield bs.PlaceOrder(symbol="BTC/USDT", side="sell", quantity=Decimal("0.001"), price=BID, post_only=True)

    @bs.on(bs.OrderUpdate)
    def go_on(self, update: bs.OrderUpdate) -> bs.Actions:
        name = update.client_order_id
        if name == self._to_replace and update.status == "open" and not self._to_cancel:
            self._to_cancel = f"{self.clock.new_prefix()}cancel"
            yield bs.ReplaceOrder(
                client_order_id=name,
                quantity=Decimal("0.02"),
                price=Decimal(3290),
                new_client_order_id=self._to_cancel,
            )
        elif name == self._to_cancel and update.status == "open":
            yield bs.CancelOrder(client_order_id=name)
            yield _make(Decimal(3280))
        elif name == self._to_cancel and update.status == "cancelled":
            yield Say(line="done")


def _make(price: Decimal, *, name: str = "") -> bs.PlaceOrder:
    return bs.PlaceOrder(symbol="ETH/USDT", side="buy", quantity=Decimal("0.01"), price=price, client_order_id=name)


def cast(stage: Stage) -> Cast:
    steps.install(stage.gateway)
    if last := stage.script.words.get("recovering"):
        steps.STEPS.begin(stage.gauge, last=int(last))
    return Cast(strategies=[Scripted(stage.gauge)])
