"""The way from a bot to a simulated venue and back: what gets lost on it, comes late, or twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Literal, TypeVar

from bowstring.core.errors import NotSent, Rejected
from bowstring.market.instrument import Instrument
from bowstring.testing.simulation import SimulatedLoop
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from simulation.connection import WORLD, Answer, Request, Stream, fail
from simulation.exchange import Exchange
from simulation.fate import Fate
from simulation.process import Process
from simulation.traits import Traits
from simulation.venue_orders import Wanted

T = TypeVar("T")
Method = Literal["place", "replace", "cancel"]


class SimulatedGateway:
    """A `Gateway` of one process. ``on_send`` is called when it is handed a request, ``on_report`` when it
    is told something by the private stream, ``on_shown`` when it has shown open orders, with when it was asked;
    ``trace`` notes what passes. It ``was_asked`` something about the account.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        traits: Traits,
        fate: Fate,
        process: Process,
        who: str,
        on_send: Callable[[Method, PlaceOrder | OrderRef], None],
        on_report: Callable[[Report], None],
        on_shown: Callable[[int], None],
        trace: Callable[..., None],
    ) -> None:
        self.venue = exchange.venue
        self.account = f"simulated {exchange.venue}"
        self.offers_cancel_after = traits.offers_cancel_after
        self.replaces_natively = traits.replaces_natively
        self.keeps_order = traits.keeps_order
        self.query_lag_s = traits.query_lag_s
        self.validity_s = traits.validity_s
        self._exchange = exchange
        self._traits = traits
        self._fate = fate
        self._random: Random = fate.random
        self._process = process
        self._who = who
        self._on_send = on_send
        self._on_report = on_report
        self._on_shown = on_shown
        self._trace = trace
        self._is_closed = self.was_asked = False
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self._loop = loop
        self._last_arrival_s = 0.0
        self._arrivals: dict[str, float] = {}
        self._stream: Stream | None = None

    @property
    def is_guarded(self) -> bool:
        """Whether the venue would cancel orders if it heard nothing any more, where it offers that."""
        return self._exchange.is_armed or not self.offers_cancel_after

    def hear(self, report: Report) -> None:
        """The venue tells something on the private stream."""
        if self._stream is not None:
            self._stream.hear(report)

    def break_stream(self, *, silently: bool = False) -> None:
        """Have the private stream end, at once or only after some silence; what is on its way is lost."""
        if self._stream is not None:
            self._stream.end(after_s=self._random.uniform(5, 20) if silently else 0.0)

    def hush(self) -> None:
        """Have nobody told of orders of which something is on its way."""
        now_s = self._loop.time()
        self._exchange.untold.update(name for name, arrives_s in self._arrivals.items() if arrives_s > now_s)

    # The `Gateway`

    async def open(self) -> Sequence[Instrument]:
        return await self._ask("open", lambda _at_ns: self._exchange.instruments())

    async def close(self) -> None:
        self._is_closed = True
        self.break_stream()

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        self.was_asked = True
        await asyncio.sleep(self._latency_s())
        self._check_up()
        if self._fate.strikes("stream refused"):
            raise ConnectionRefusedError("no streams")

        def receive(told: Report) -> None:
            self._on_report(told)
            report(told)

        self._stream = stream = Stream(receive, fate=self._fate, process=self._process, latency_s=self._latency_s)
        self._trace("stream up", self.venue)
        stream.deliver(ready)
        try:
            await stream.broken
        finally:
            stream.end()

    def place(self, order: PlaceOrder) -> Awaitable[OrderReport]:
        wanted = _wanted(order)
        return self._request("place", order, lambda: self._exchange.place(wanted, by=self._who))

    def replace(self, old: OrderRef, order: PlaceOrder) -> Awaitable[OrderReport]:
        wanted, name = _wanted(order), old.client_order_id
        return self._request("replace", order, lambda: self._exchange.replace(name, wanted, by=self._who))

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        name = order.client_order_id
        return self._request("cancel", order, lambda: self._exchange.cancel(name, by=self._who))

    async def cancel_after(self, seconds: float) -> None:
        def arm(_at_ns: int) -> None:
            self._exchange.cancel_after(seconds)

        await self._ask("cancel after", arm)

    async def query(self, order: OrderRef) -> OrderReport | None:
        return await self._ask("query", lambda at_ns: self._exchange.shown(order.client_order_id, at_ns))

    async def open_orders(self) -> Sequence[OpenOrder]:
        asked_ns = self._loop.clock.now_ns()
        shown = await self._ask("open orders", lambda at_ns: list(self._exchange.shown_open(at_ns)))
        self._on_shown(asked_ns)
        return shown

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        return await self._ask("fills", lambda at_ns: self._exchange.shown_fills(symbol, time_ns, at_ns))

    async def balances(self) -> Sequence[BalanceReport]:
        return await self._ask("balances", self._exchange.shown_balances)

    async def time_ns(self) -> int:
        return await self._ask("time", lambda _at_ns: self._exchange.now_ns())

    # Requests

    def _request(
        self, method: Method, order: PlaceOrder | OrderRef, carry_out: Callable[[], OrderReport]
    ) -> Awaitable[OrderReport]:
        self._on_send(method, order)
        if self._traits.is_async:
            return self._request_later(method, order, carry_out)
        return self._send(method, order, carry_out)

    async def _request_later(
        self, method: Method, order: PlaceOrder | OrderRef, carry_out: Callable[[], OrderReport]
    ) -> OrderReport:
        if self._fate.strikes("request waits in the gateway"):
            await asyncio.sleep(self._random.choice([0.3, 12.0]))
        return await self._send(method, order, carry_out)

    def _send(self, method: Method, order: PlaceOrder | OrderRef, carry_out: Callable[[], OrderReport]) -> Answer:
        answer: Answer = self._loop.create_future()
        self._process.reach("socket")
        if self._is_closed or self._exchange.is_down:
            raise NotSent("not connected")
        if self._fate.strikes("request not sent"):
            if self._random.random() < 0.5:
                raise NotSent("not connected")
            self._later(self._random.uniform(0, 8), fail, answer, NotSent("given up before it was sent"))
            return answer
        self._trace("sent", self.venue, method, order.client_order_id)
        self._travel(Request(carry_out, answer, self._exchange, self.validity_s), order.client_order_id)
        self._process.reach("socket")
        if self._fate.strikes("connection reset at once"):
            raise ConnectionResetError("reset by peer")
        return answer

    def _travel(self, request: "Request", name: str) -> None:
        """Have a request arrive, or not, and its answer, or not."""
        fate, lost = self._fate, False
        arrives_s = self._latency_s()
        if fate.strikes("request late"):
            arrives_s = self._random.uniform(0, 1.2 * self.validity_s)
        if fate.strikes("request rejected"):
            lost = True
            self._later(2 * arrives_s, fail, request.answer, Rejected("not now", code="-1"))
        elif fate.strikes("connection reset under a request"):
            lost = self._random.random() < 0.3
            arrives_s = self._random.choice(
                [arrives_s, self._sometime_s(), self.validity_s - self._random.random() / 2]
            )
            reset_s = self._random.choice([0.0, 2.0]) * self._random.random()
            self._later(reset_s, fail, request.answer, ConnectionResetError("reset by peer"))
            if self._random.random() < 0.5:  # it is the connection that reports come on, too
                self.break_stream()
        elif not fate.strikes("reply lost"):
            late_s = self._random.uniform(0, 20) if fate.strikes("reply late") else 0.0
            request.reply = partial(self._later, self._latency_s() + late_s, self._answer, request)
        if not lost and not fate.strikes("request lost"):
            self._arrivals[name] = self._arrive(arrives_s, request)

    def _sometime_s(self) -> float:
        """Sometime while the request is valid."""
        return self._random.uniform(0, self.validity_s)

    def _arrive(self, after_s: float, request: "Request") -> float:
        """Have it arrive; returns when it will."""
        at_s = self._loop.time() + after_s
        if self.keeps_order:
            at_s = max(at_s, self._last_arrival_s + 1e-9)
            self._last_arrival_s = at_s
        self._loop.call_at(at_s, request.arrive, context=WORLD)
        return at_s

    def _answer(self, request: "Request") -> None:
        if isinstance(request.said, OrderReport):
            if self._stream is not None and self._fate.strikes("reply twice"):
                self._stream.deliver(partial(self._stream.report, request.said))
            if not request.answer.done():
                request.answer.set_result(request.said)
        elif request.said is not None:
            fail(request.answer, request.said)

    # Questions

    async def _ask(self, what: str, show: Callable[[int], T]) -> T:
        """Look at the venue when the question arrives, as a replica shows it that may be behind."""
        self.was_asked |= what != "open"
        await asyncio.sleep(self._latency_s())
        self._check_up()
        if self._fate.strikes("question unanswered") or (
            what == "cancel after" and self._fate.strikes("renewal unanswered")
        ):
            await self._loop.create_future()
        shown = show(self._exchange.now_ns() - int(self._behind_s() * 1e9))
        await asyncio.sleep(self._latency_s() + self._slow_s(what))
        if self._fate.strikes("question fails"):
            raise self._random.choice([ConnectionResetError("reset"), ValueError("an error page"), Rejected("busy")])
        self._trace("answered", self.venue, what, shown)
        return shown

    def _slow_s(self, what: str) -> float:
        """How long an answer takes besides."""
        is_slow = what == self._traits.slow_question and self._fate.strikes("one question slow")
        return self._random.uniform(0, 4) if is_slow or self._fate.strikes("question slow") else 0.0

    def _behind_s(self) -> float:
        """How far what is shown is behind: not at all, somewhat, or as far as it may be."""
        if not self._fate.strikes("replica behind"):
            return 0.0
        return self.query_lag_s * self._random.choice([0.999, self._random.random()])

    def _check_up(self) -> None:
        if self._is_closed:
            raise NotSent("closed")
        if self._exchange.is_down:
            raise ConnectionRefusedError("nobody listens")

    def _latency_s(self) -> float:
        return self._traits.latency_s * self._random.uniform(0.5, 1.5)

    def _later(self, after_s: float, call: Callable[..., None], *args: object) -> None:
        self._loop.call_later(after_s, call, *args, context=self._process.context)


def _wanted(order: PlaceOrder) -> Wanted:
    return Wanted(
        symbol=order.symbol,
        name=order.client_order_id,
        side=order.side,
        quantity=order.quantity,
        price=order.price,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
    )
