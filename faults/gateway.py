"""The gateway of this suite's bots: Binance's, with what is true of the local exchange, and it counts."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from bowstring.net.budget import WeightBudget
from bowstring.trading.gateway import OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance.budgets import CANCEL_RESERVE
from bowstring.venues.binance.gateway import BinanceGateway, OrdersOver
from bowstring.venues.binance.listing import Listing
from bowstring.venues.binance.markets import SPOT
from bowstring.venues.binance.signing import Keys, private_key_signer
from bowstring.venues.binance.snapshots import BinanceClient
from faults.exchange import Account, Addresses
from faults.gauge import Gauge

VENUE = "binance"
USED = "X-MBX-USED-WEIGHT-1M"

Answer = asyncio.Future[OrderReport]


class Truth(Struct, frozen=True, kw_only=True):
    """What is true of the local exchange: how late it may accept an order, and how late its queries show one.

    It checks the time window of a request when it reads it, and carries it out at once, but for those that a
    `DelayRequest` holds back, for ``held_s`` at most. Its queries lag only by `LagQueries`, by ``lag_s`` at most.
    """

    recv_window_s: float = 1.0
    held_s: float = 0.0
    lag_s: float = 0.0


class LocalGateway(BinanceGateway):
    """Counts in a ``gauge``, if there is one, which orders were sent and which were answered.

    ``before_report`` is called before each report of the private stream is passed on.
    """

    before_report: Callable[[], None] | None = None

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
        budget = WeightBudget(limit, reserve=CANCEL_RESERVE, header=USED) if limit else WeightBudget()
        open_client = partial(BinanceClient, addresses.rest, budget=budget, recorder=None)
        super().__init__(
            VENUE,
            keys=keys_of(account),
            listing=Listing(VENUE, market=SPOT, open_client=open_client),
            open_client=open_client,
            host=urlsplit(addresses.rest).netloc,
            budget=budget,
            ws_api_url=addresses.ws_api,
            recv_window_s=truth.recv_window_s,
            orders_over=orders_over,
        )
        self.validity_s = truth.recv_window_s + truth.held_s
        self.query_lag_s = truth.lag_s
        self.gauge = gauge

    def place(self, order: PlaceOrder) -> Answer:
        return self._counted(partial(super().place, order))

    def replace(self, old: OrderRef, order: PlaceOrder) -> Answer:
        return self._counted(partial(super().replace, old, order))

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        def noticed(one: Report) -> None:
            if self.before_report is not None:
                self.before_report()
            report(one)

        await super().stream(noticed, ready)

    def _counted(self, send: Callable[[], Answer]) -> Answer:
        answer = send()
        if (gauge := self.gauge) is not None:
            gauge["sent"] += 1
            answer.add_done_callback(lambda _answer: _count(gauge))
        return answer


def keys_of(account: Account) -> Keys:
    """The account's Ed25519 key."""
    assert account.ed25519_key
    assert account.ed25519_private_key_file
    return Keys(account.ed25519_key, signer=private_key_signer(Path(account.ed25519_private_key_file).read_bytes()))


def _count(gauge: Gauge) -> None:
    gauge["answered"] += 1
