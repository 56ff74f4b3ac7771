"""Trading on Binance Spot: a `Gateway` over the WebSocket API, and over REST where that is down.

Orders are written in the caller's stack, on the connection that brings the account's events. Questions go over REST,
whose client waits and repeats. What an answer proves is decided in `session` and in `bowstring.net.http`. A little over
300 lines: all calls of the protocol, most of which only translate.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from math import ceil
from typing import Literal

from bowstring.core.clock import Clock
from bowstring.core.errors import Disconnected, NotSent, Rejected
from bowstring.core.supervision import cause_of
from bowstring.market.instrument import Instrument
from bowstring.net.budget import WeightBudget
from bowstring.net.http import HttpClient
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance.advice import how_to_mend_keys, how_to_reach
from bowstring.venues.binance.latest_balances import LatestBalances
from bowstring.venues.binance.listing import Listing
from bowstring.venues.binance.markets import SPOT
from bowstring.venues.binance.order_requests import Params, check, naming, placing, replacing
from bowstring.venues.binance.order_results import (
    parse_account,
    parse_order,
    parse_orders,
    parse_query,
    parse_replaced,
    parse_time,
)
from bowstring.venues.binance.order_window import window_of
from bowstring.venues.binance.refusal import ARCHIVED, KEY_REFUSED, NO_SUCH_ORDER, REPLACED_IN_PART, SKEWED
from bowstring.venues.binance.rest_account import RestAccount
from bowstring.venues.binance.rest_orders import RestOrders
from bowstring.venues.binance.session import Event, Session
from bowstring.venues.binance.sessions import Sessions
from bowstring.venues.binance.signing import Keys, Stamp
from bowstring.venues.binance.trade_history import OrderNames, TradeHistory
from bowstring.venues.binance.user_data import Execution, Holdings
from bowstring.venues.binance.venue_time import VenueTime

OrdersOver = Literal["ws", "rest"]

RECV_WINDOW_S = 2.0  # as long as an order is valid by default; the venue's default is 5 s, "5000 or less" its advice
ENGINE_S = 10.0  # so long the venue waits for its matching engine, which goes on with the order nevertheless
QUERY_LAG_S = 2.0
OPEN_ORDERS_WEIGHT, ORDER_WEIGHT, ACCOUNT_WEIGHT = 80, 4, 20

log = logging.getLogger(__name__)


class BinanceGateway:
    """One account of Binance Spot, at a ``host``. Its ``account`` is the number that the venue gave it, and the host.

    A request is checked against its time window before it is handed to the matching engine, which may take its time:
    the venue gives up on an answer after 10 s, the order lives on. So ``validity_s`` is ``recv_window_s`` and those.
    An order's own window is not longer than what is left of its life: what comes late nevertheless is refused.
    ``query_lag_s``: queries are answered from memory or a database, of which Binance says only that "some delay is
    normal"; 2 s is our allowance (docs/decisions/0018-until-when-binance-may-accept-an-order.md).

    ``mode`` is that of `Binance`, by which errors say what to do.

    Orders in symbols that are not among the ``listing``'s keep the venue's name for the symbol in reports.
    """

    replaces_natively = True
    query_lag_s = QUERY_LAG_S

    def __init__(
        self,
        venue: str,
        *,
        mode: str = "local",
        keys: Keys,
        listing: Listing,
        open_client: Callable[[], HttpClient],
        host: str,
        budget: WeightBudget,
        ws_api_url: str,
        recv_window_s: float = RECV_WINDOW_S,
        orders_over: OrdersOver = "ws",
        offers_cancel_after: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.venue = venue
        self._clock = clock or Clock()
        self.account = ""
        self.offers_cancel_after = offers_cancel_after
        self.validity_s = recv_window_s + ENGINE_S
        self._listing = listing
        self._open_client = open_client
        self._host = host
        self._budget = budget
        self._orders_over = orders_over
        self._unreachable = how_to_reach(mode)
        self._refused = how_to_mend_keys(mode, origin=keys.origin)
        self._stamp = Stamp(keys, window_ms=round(recv_window_s * 1000))
        self._instruments: dict[str, Instrument] = {}
        self._by_venue_symbol: dict[str, Instrument] = {}
        self._names = OrderNames()
        self._latest_ns = 0
        self._time = VenueTime(self._read_ns, name=venue)
        self._client: HttpClient | None = None
        self._rest: RestAccount | None = None
        self._sessions = Sessions(
            venue,
            ws_api_url,
            make=self._new_session,
            time=self._time,
            tell=self._tell,
            on_retired=self._on_retired,
        )
        self._report: Callable[[Report], None] = _nobody_listens
        self._under_way_elsewhere: set[asyncio.Future[OrderReport]] = set()  # orders not on the present connection
        self._balances = LatestBalances()

    @property
    def keeps_order(self) -> bool:
        """While all orders that are under way went over the present connection, and a cancel can follow them there."""
        session = self._session()
        return session is not None and session.can_send and not self._under_way_elsewhere

    async def open(self) -> Sequence[Instrument]:
        """Read the venue's clock, what it lists, and, to see that the key is good, the balances."""
        self._client = self._open_client()
        self._rest = RestAccount(self._client, stamp=self._stamp, time=self._time)
        try:
            await self._reach()
            instruments = await self._listing.wanted()
            await self.balances()
        except BaseException as error:
            await self._client.close()
            if not isinstance(error, Rejected):
                raise
            if error.code not in KEY_REFUSED:
                raise Disconnected(f"{error}; it may be asked again") from None
            raise Rejected(f"{error}; {self._refused}", code=error.code, body=error.body) from None
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._by_venue_symbol.update((instrument.venue_symbol, instrument) for instrument in instruments)
        return instruments

    async def _reach(self) -> None:
        try:
            await self._time.measure()
        except Disconnected as error:
            raise Disconnected(f"{error}; {self._unreachable}") from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        if self._sessions.current is not None:
            await self._sessions.current.close()

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        """Raises what `Sessions.run` raises."""
        self._report = report
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(self._time.keep())
                await self._sessions.run(ready)
                keeping.cancel()
        except BaseExceptionGroup as errors:
            raise cause_of(errors) from None
        finally:
            self._report = _nobody_listens

    # Writing

    def place(self, order: PlaceOrder) -> "asyncio.Future[OrderReport]":
        """An order that the venue is known to refuse is not sent."""
        instrument = self._checked(order)
        params, window = placing(order, instrument.venue_symbol), window_of(order, clock=self._clock)
        session = self._session()
        if session is None:
            return self._elsewhere(self._rest_orders().place(params, window=window))
        return session.send("order.place", params, kind="write", read=parse_order, window=window)

    def replace(self, old: OrderRef, order: PlaceOrder) -> "asyncio.Future[OrderReport]":
        """The new order is placed only if the old one could be cancelled."""
        instrument = self._checked(order)
        params, window = replacing(old, order, instrument.venue_symbol), window_of(order, clock=self._clock)
        on_rejected = partial(_refused_replacement, order.client_order_id)
        session = self._session()
        if session is None:
            return self._elsewhere(self._rest_orders().replace(params, on_rejected, window=window))
        return session.send(
            "order.cancelReplace", params, kind="write", read=parse_replaced, on_rejected=on_rejected, window=window
        )

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        """A cancel that is refused for its time is sent once more. One that cannot leave by one way takes the other."""
        params = naming(order, self._venue_symbol(order.symbol))
        session = self._session()
        if session is not None:
            with suppress(NotSent):
                return self._insist(session.send("order.cancel", params, kind="cancel", read=parse_order), params)
        return self._rest_orders().cancel(params)

    async def _insist(self, first: "asyncio.Future[OrderReport]", params: Params) -> OrderReport:
        try:
            return await first
        except Rejected as rejection:
            if rejection.code != SKEWED:
                raise
        await self._time.measure()
        return await self._rest_orders().cancel(params)

    def _elsewhere(self, request: Coroutine[object, object, OrderReport]) -> "asyncio.Future[OrderReport]":
        """Send an order beside the present connection."""
        answer = asyncio.get_running_loop().create_task(request)
        self._note_elsewhere(answer)
        return answer

    def _note_elsewhere(self, answer: "asyncio.Future[OrderReport]") -> None:
        self._under_way_elsewhere.add(answer)
        answer.add_done_callback(self._under_way_elsewhere.discard)

    def _session(self) -> Session | None:
        return self._sessions.current if self._orders_over == "ws" else None

    def _checked(self, order: PlaceOrder) -> Instrument:
        instrument = self._instruments.get(order.symbol)
        if instrument is None:
            raise NotSent(f"{self.venue} lists no {order.symbol}, or it was not asked for when the bot started")
        check(order, instrument)
        return instrument

    async def cancel_after(self, seconds: float) -> None:
        """The local exchange does that; Binance Spot does not."""
        if not self.offers_cancel_after:
            raise NotSent(f"{self.venue}: Binance Spot does not cancel orders by itself")
        await self._rest_orders().cancel_after(ceil(seconds * 1000))

    # Reading

    async def query(self, order: OrderRef) -> OrderReport | None:
        venue_symbol = self._venue_symbol(order.symbol)
        try:
            body = await self._account().read("/api/v3/order", naming(order, venue_symbol), weight=ORDER_WEIGHT)
        except Rejected as rejection:
            if rejection.code == NO_SUCH_ORDER:
                return None
            if rejection.code == ARCHIVED:
                reason = "it ended, unfilled, more than 90 days ago"
                return OrderReport(client_order_id=order.client_order_id, status="cancelled", reason=reason)
            raise
        shown = parse_query(body)
        self._names.learn(venue_symbol, str(shown.order_id), order.client_order_id)
        return shown.report(order.client_order_id)

    async def open_orders(self) -> Sequence[OpenOrder]:
        shown = parse_orders(await self._account().read("/api/v3/openOrders", {}, weight=OPEN_ORDERS_WEIGHT))
        for order in shown:
            self._names.learn(order.symbol, str(order.order_id), order.client_order_id)
        return [order.open_order(self._symbol(order.symbol)) for order in shown]

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        history = TradeHistory(self._account(), self._names)
        return await history.since(symbol, self._venue_symbol(symbol), time_ns, now_ms=self._time.now_ms())

    async def balances(self) -> Sequence[BalanceReport]:
        """Those that are not 0, and those that were not when last seen."""
        params: Params = {"omitZeroBalances": "true"}
        body = await self._account().read("/api/v3/account", params, weight=ACCOUNT_WEIGHT)
        uid, balances = parse_account(body)
        self.account = f"{uid} at {self._host}"
        return self._balances.complete(balances)

    async def time_ns(self) -> int:
        self._latest_ns = max(self._latest_ns, await self._read_ns())  # which another of its servers may be behind
        return self._latest_ns

    async def _read_ns(self) -> int:
        if self._client is None:
            raise self._not_open()
        return parse_time((await self._client.get("/api/v3/time")).body)

    def _rest_orders(self) -> RestOrders:
        return RestOrders(self._account())

    def _account(self) -> RestAccount:
        if self._rest is None:
            raise self._not_open()
        return self._rest

    def _not_open(self) -> NotSent:
        return NotSent(f"{self.venue}: the gateway was not opened")

    def _venue_symbol(self, symbol: str) -> str:
        instrument = self._instruments.get(symbol)
        return instrument.venue_symbol if instrument else SPOT.venue_symbol(symbol)

    def _symbol(self, venue_symbol: str) -> str:
        instrument = self._by_venue_symbol.get(venue_symbol)
        return instrument.symbol if instrument else venue_symbol

    # Hearing

    def _new_session(self, on_event: Callable[[Event], None]) -> Session:
        return Session(
            f"{self.venue} orders",
            stamp=self._stamp,
            time=self._time,
            budget=self._budget,
            symbols=self._by_venue_symbol,
            on_event=on_event,
        )

    def _on_retired(self, session: Session) -> None:
        for answer in session.unanswered():
            self._note_elsewhere(answer)

    def _tell(self, event: Execution | Holdings, is_newest: bool) -> None:
        if isinstance(event, Execution):
            for report in event.reports:
                if isinstance(report, OrderReport):
                    self._names.learn(event.symbol, report.venue_order_id, report.client_order_id)
                self._report(report)
            return
        for balance in self._balances.news(event, is_newest=is_newest):
            self._report(balance)


def _refused_replacement(client_order_id: str, rejection: Rejected) -> OrderReport:
    """The new order's end if the old one was cancelled for it. Raises the rejection if it was not."""
    if rejection.code != REPLACED_IN_PART:
        raise rejection
    return OrderReport(client_order_id=client_order_id, status="rejected", reason=str(rejection))


def _nobody_listens(report: Report) -> None:
    """There is no stream."""
