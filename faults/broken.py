"""More broken classes: of answers, silence, breaks and clocks."""

import asyncio
from unittest.mock import patch

from bowstring.core.errors import Disconnected, Rejected
from bowstring.trading import sending
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance.gateway import OrdersOver
from faults.exchange import Account, Addresses
from faults.gateway import Answer, LocalGateway, Truth
from faults.gauge import Gauge
from faults.parts import Mutant, Parts

PATIENCE_S = 0.5


class Resends(LocalGateway):
    """Sends an order that had no answer again, with the same id: a venue refuses it while the first one is open."""

    def place(self, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._place_again(order))

    async def _place_again(self, order: PlaceOrder) -> OrderReport:
        first = super().place(order)
        try:
            return await asyncio.wait_for(asyncio.shield(first), PATIENCE_S)
        except (TimeoutError, Disconnected):
            return await super().place(order)


class TakesErrorsForNo(LocalGateway):
    """Takes whatever is no yes for a no."""

    def place(self, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._place(super().place(order)))

    async def _place(self, answer: Answer) -> OrderReport:
        try:
            return await answer
        except Disconnected as error:
            raise Rejected(str(error)) from None


def _take_silence_for_no() -> None:
    true = sending._outcome  # pyright: ignore[reportPrivateUsage]  # to be broken

    def outcome(client_order_id: str, error: BaseException) -> OrderReport:
        if isinstance(error, TimeoutError | Disconnected):
            return OrderReport(client_order_id=client_order_id, status="failed", reason=str(error))
        return true(client_order_id, error)

    patch.object(sending, "_outcome", outcome).start()


class KnowsNoDelay(LocalGateway):
    """Declares that the exchange carries everything out at once, and that its queries show it at once."""

    def __init__(
        self,
        addresses: Addresses,
        account: Account,
        *,
        truth: Truth,
        gauge: Gauge | None = None,
        limit: int | None = None,
        orders_over: OrdersOver = "ws",
    ) -> None:
        super().__init__(addresses, account, truth=truth, gauge=gauge, limit=limit, orders_over=orders_over)
        self.validity_s = self.query_lag_s = 0.0


MUTANTS: dict[str, Mutant] = {
    "resends": Mutant(breaks="an intent is sent at most once", rows=("F4", "F5", "F6"), parts=Parts(gateway=Resends)),
    "errors-are-no": Mutant(breaks="an error proves nothing", rows=("F5",), parts=Parts(gateway=TakesErrorsForNo)),
    "silence-is-no": Mutant(
        breaks="no answer proves nothing", rows=("F4", "F6"), parts=Parts(install=_take_silence_for_no)
    ),
    "knows-no-delay": Mutant(
        breaks="what may still come is not absent", rows=("F6",), parts=Parts(gateway=KnowsNoDelay)
    ),
}
