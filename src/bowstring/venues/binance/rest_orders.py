"""Orders on Binance Spot over REST, for when there is no session."""

from collections.abc import Callable
from functools import partial

from bowstring.core.errors import Rejected
from bowstring.trading.gateway import OrderReport
from bowstring.venues.binance.order_results import parse_order, parse_replaced
from bowstring.venues.binance.rest_account import RestAccount
from bowstring.venues.binance.signing import Params, Window

COUNTDOWN = "/bowstring/v1/countdownCancelAll"
"""The local exchange's own: Binance Spot has none."""


class RestOrders:
    """Sends orders, each once. Raises like `HttpClient.send`, and `BadMessage` for an answer that cannot be read."""

    def __init__(self, account: RestAccount) -> None:
        self._account = account

    async def place(self, params: Params, *, window: Window | None) -> OrderReport:
        """Place an order."""
        return parse_order(await self._account.write("POST", "/api/v3/order", params, window=window))

    async def replace(
        self, params: Params, on_rejected: Callable[[Rejected], OrderReport], *, window: Window | None
    ) -> OrderReport:
        """Cancel an order and place another; ``on_rejected`` makes the answer of a "no", or raises that."""
        try:
            return parse_replaced(
                await self._account.write("POST", "/api/v3/order/cancelReplace", params, window=window)
            )
        except Rejected as rejection:
            return on_rejected(rejection)

    async def cancel(self, params: Params) -> OrderReport:
        """Cancel an order; once more if that is refused for its time."""
        return await self._account.timely(partial(self._cancel, params))

    async def cancel_after(self, ms: int) -> None:
        """Have all orders of the account cancelled then; once more if that is refused for its time."""
        await self._account.timely(partial(self._count_down, {"countdownTime": ms}))

    async def _count_down(self, params: Params) -> None:
        await self._account.write("POST", COUNTDOWN, params, is_cancel=True)

    async def _cancel(self, params: Params) -> OrderReport:
        return parse_order(await self._account.write("DELETE", "/api/v3/order", params, is_cancel=True))
