"""What is on its way between a bot and a venue: requests, and reports on a private stream."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import TypeVar

from bowstring.core.errors import Rejected
from bowstring.trading.gateway import FillReport, OrderReport, Report
from simulation.exchange import Exchange
from simulation.fate import Fate
from simulation.process import Process
from simulation.venue_orders import No

T = TypeVar("T")
Answer = asyncio.Future[OrderReport]

WORLD = Context()
"""Where what has left the bot goes on, whatever becomes of its process."""


class Stream:
    """One connection of a private stream: in order, unless its fate is another."""

    def __init__(
        self, report: Callable[[Report], None], *, fate: Fate, process: Process, latency_s: Callable[[], float]
    ) -> None:
        self.report = report
        self._fate = fate
        self._process = process
        self._latency_s = latency_s
        self._loop = asyncio.get_running_loop()
        self.broken: asyncio.Future[None] = self._loop.create_future()
        self._is_over = False
        self._last_s = 0.0

    def hear(self, report: Report) -> None:
        """Have a report come, late, twice or never."""
        if self._fate.strikes("report dropped") or (
            isinstance(report, FillReport) and self._fate.strikes("fill dropped")
        ):
            return
        if self._fate.strikes("report late"):
            self._loop.call_later(
                self._fate.random.uniform(0, 4), self._receive, partial(self.report, report),
                context=self._process.context,
            )  # fmt: skip
        else:
            self.deliver(partial(self.report, report))
        if self._fate.strikes("report twice"):
            self.deliver(partial(self.report, report))

    def deliver(self, receive: Callable[[], None]) -> None:
        """Have something come after all that is on its way."""
        self._last_s = max(self._loop.time() + self._latency_s(), self._last_s + 1e-9)
        self._loop.call_at(self._last_s, self._receive, receive, context=self._process.context)

    def end(self, *, after_s: float = 0.0) -> None:
        """Nothing comes any more, which is noticed after some time."""
        self._is_over = True
        self._loop.call_later(
            after_s, fail, self.broken, ConnectionResetError("stream reset"), context=self._process.context
        )

    def _receive(self, receive: Callable[[], None]) -> None:
        if not self._is_over:
            receive()


class Request:
    """A request on its way: it is carried out when it arrives, if it is still valid then."""

    def __init__(
        self, carry_out: Callable[[], OrderReport], answer: Answer, exchange: Exchange, validity_s: float
    ) -> None:
        self.answer = answer
        self.said: OrderReport | Rejected | None = None
        self.reply: Callable[[], None] = lambda: None
        self._carry_out = carry_out
        self._exchange = exchange
        self._valid_until_ns = exchange.now_ns() + int(validity_s * 1e9)

    def arrive(self) -> None:
        """Reach the venue, if it is there, and have it reply."""
        if self._exchange.is_down:
            return
        self.said = self._carried_out()
        self.reply()

    def _carried_out(self) -> OrderReport | Rejected:
        if self._exchange.now_ns() > self._valid_until_ns:
            return Rejected("too late", code="-1021")
        try:
            return self._carry_out()
        except No as no:
            return Rejected(str(no), code="-2010")


def fail(answer: "asyncio.Future[T]", error: Exception) -> None:
    """Have an answer be an error, unless there is one already."""
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # whoever asked may be gone
