"""What is unknown stays unknown until it is proven."""

import asyncio
import contextlib
from typing import Any

from msgspec.structs import replace

from bowstring.core.errors import Rejected
from bowstring.trading.blotter import Blotter
from bowstring.trading.cancelling import Canceller
from bowstring.trading.gateway import OrderReport
from bowstring.trading.journal.port import Remembered
from bowstring.trading.orders import Order
from bowstring.trading.resolution import Doubt, ref
from bowstring.trading.sending import Sender
from simulation.mutants.registry import DOUBTS, PATH, mutant

DENIED = "was failed, yet it is|failed, 0 filled then|the journal says failed"


@mutant("an order without an answer in time has failed", PATH + "Sender", by=DENIED)
class Hasty(Sender):
    def _take(self, outcome: OrderReport, *, request: Any = None) -> None:
        if "no answer within" in outcome.reason:
            outcome = replace(outcome, status="failed")
        super()._take(outcome, request=request)


@mutant("a connection that was reset has carried nothing", PATH + "Sender", by=DENIED)
class Sanguine(Sender):
    def _take(self, outcome: OrderReport, *, request: Any = None) -> None:
        if "reset" in outcome.reason:
            outcome = replace(outcome, status="failed")
        super()._take(outcome, request=request)


@mutant("an order that was not found three times has failed", *DOUBTS, by=DENIED)
class Impatient(Doubt):
    async def resolve(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0.2)
            with contextlib.suppress(Exception):
                shown = await self._desk.ask(self._desk.gateway.query(ref(self._order)))
                if shown is not None:
                    self._desk.take(shown)
                    return
        self._desk.take(OrderReport(client_order_id=self._order.client_order_id, status="failed", reason="not found"))


@mutant("absence is proved before the venue's window is over", *DOUBTS, by=DENIED)
class Early(Doubt):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._window_ns = int(self._desk.gateway.query_lag_s * 1e9)


@mutant("absence is proved without waiting for what replicas lag", *DOUBTS, by=DENIED)
class Shortsighted(Doubt):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._window_ns = int(self._desk.gateway.validity_s * 1e9)


@mutant("absence is proved while the request may still be made", PATH + "Sender", by=DENIED)
class Forgetful(Sender):
    async def _resolve(self, order: Order, request: object) -> None:
        del request
        await super()._resolve(order, None)


@mutant("a cancel that is refused proves that the order has ended", PATH + "Canceller", by="the journal says cancelled")
class Trusting(Canceller):
    def _take_answer(self, answer: Any) -> None:
        if not answer.cancelled() and isinstance(answer.exception(), Rejected):
            for name in list(self._under_way):
                self._desk.take(OrderReport(client_order_id=name, status="cancelled"))
        super()._take_answer(answer)


@mutant("what was pending at a crash was never sent", PATH + "Blotter", by="the journal says pending")
class Hopeful(Blotter):
    def restore(self, remembered: Remembered) -> None:
        live = [order for order in remembered.live if order.status != "pending"]
        gone = [replace(order, status="failed") for order in remembered.live if order.status == "pending"]
        super().restore(replace(remembered, live=live, finished=[*remembered.finished, *gone]))


@mutant("what was pending at a crash is forgotten", PATH + "Blotter", by="the journal says pending")
class Blank(Blotter):
    def restore(self, remembered: Remembered) -> None:
        super().restore(replace(remembered, live=[order for order in remembered.live if order.status != "pending"]))
