"""An intent is on record before it is sent, and sent once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from bowstring.core.errors import Expired, NotSent
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.journal.port import Remembered
from bowstring.trading.messages import PlaceOrder, ReplaceOrder
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import Order
from bowstring.trading.replacing import Replacer
from bowstring.trading.sending import Sender, Sent
from bowstring.trading.unsent import Unsent
from simulation.disk import JournalOfProcess
from simulation.mutants.registry import EXECUTOR, JOURNAL, PATH, mutant


@mutant("an order whose outcome is unknown is sent again", EXECUTOR, by=r"I1: .* was sent \d+ times")
class Resending(OrderExecutor):
    def place(self, order: PlaceOrder) -> Sent:
        return self._insist(order, super().place(order))

    async def _insist(self, order: PlaceOrder, sent: Sent) -> None:
        if sent is not None:
            await sent
        now = self.blotter.find(order.client_order_id)
        if now is not None and now.status == "unknown":
            with contextlib.suppress(Exception):
                await self._gateway.place(order)


@mutant("an id that was used in an earlier life is sent again", JOURNAL, by=r"I1: .* was sent \d+ times")
class Amnesiac(JournalOfProcess):
    """It does not refuse it, and the blotter does not know it, as if it were long gone; none that has filled."""

    def recall(self, venue: str) -> Remembered:
        remembered = super().recall(venue)
        return replace(remembered, finished=[order for order in remembered.finished if order.filled])

    def _commit(self, orders: Sequence[NewOrder]) -> None:
        for order in orders:
            with contextlib.suppress(NotSent):
                super()._commit([order])


@mutant("an intent is recorded after its order was sent", PATH + "Unsent", by="I2: .* was sent, and is not on record")
class Hurried(Unsent):
    def _record(self, sound: Sequence[Any]) -> None:
        for entry in sound:
            entry.is_ready = True
        asyncio.get_running_loop().call_soon(self._record_late, sound)

    def _record_late(self, sound: Sequence[Any]) -> None:
        with contextlib.suppress(Exception):
            self._desk.journal.record([entry.order for entry in sound])


@mutant(
    "an order is sent although its intent could not be recorded",
    PATH + "Unsent",
    by="I2: .* was sent, and is not on record",
)
class Careless(Unsent):
    def _fail(self, entries: Sequence[Any], error: BaseException) -> None:
        for entry in entries:
            entry.is_ready = True


@mutant("orders are sent after their deadline", PATH + "Sender", by="was sent, too late")
class Late(Sender):
    def check(self, order: PlaceOrder) -> None:
        with contextlib.suppress(Expired):
            super().check(order)


@mutant(
    "a replacement is placed without waiting for the cancel", PATH + "Replacer", by="which it replaces, was cancelled"
)
class Overlapping(Replacer):
    async def _place_instead(
        self, action: ReplaceOrder, order: PlaceOrder, *, old: Order, cancelled: Awaitable[None]
    ) -> None:
        sent = self._sender.send(order, partial(self._desk.gateway.place, order), action=action)
        if sent is not None:
            await sent


@mutant(
    "what became of an order while its intent was recorded is not put on record",
    PATH + "Unsent",
    by="the journal says pending",
)
class Oblivious(Unsent):
    def close(self, order: NewOrder, error: BaseException) -> None:
        entry = self._entries.get(order.seq)
        if entry is None or entry.is_recorded:
            super().close(order, error)
        else:
            del self._entries[order.seq]
