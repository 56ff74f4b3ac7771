"""More broken classes: of what comes from outside, and of what strategies must not do to each other."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any
from unittest.mock import Mock, patch

from msgspec.structs import replace

import bowstring as bs
from bowstring.core.clock import Clock
from bowstring.core.errors import Disconnected, Rejected
from bowstring.core.messages import Event, Message
from bowstring.core.queue import EventQueue
from bowstring.core.subscriber import Subscriber
from bowstring.market.book import OrderBook
from bowstring.net.budget import WeightBudget
from bowstring.trading import sending
from bowstring.trading.blotter import Blotter
from bowstring.trading.gateway import FillReport, OrderReport
from bowstring.trading.guards.prices import PriceGuard
from bowstring.trading.messages import PlaceOrder
from bowstring.trading.orders import Order
from bowstring.trading.private_stream import PrivateStream
from bowstring.trading.sending import Sender
from bowstring.venues.binance.gateway import OrdersOver
from faults.exchange import Account, Addresses
from faults.gateway import Answer, LocalGateway, Truth
from faults.gauge import Gauge
from faults.parts import Mutant, Parts

PATIENCE_S = 0.5
OBEYS_AFTER_S = 0.2


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


class TellsAgain(Blotter):
    """Does not know which fills it has told."""

    def take_fill(self, report: FillReport, *, recovered: bool = False) -> list[Event]:
        self._trades.clear()
        return super().take_fill(report, recovered=recovered)


def _tell_again() -> None:
    patch("bowstring.trading.executor.Blotter", TellsAgain).start()


def _believe_the_latest() -> None:
    """What was reported last counts, whatever was known."""

    def latest(order: Order, report: OrderReport) -> Order:
        return replace(order, status=report.status, filled=report.filled, venue_order_id=report.venue_order_id)

    patch("bowstring.trading.blotter.advance", latest).start()


def _never_catch_up() -> None:
    async def nothing(_stream: PrivateStream) -> None:
        pass

    patch.object(PrivateStream, "_catch_up", nothing).start()


def _trade_while_down() -> None:
    """Takes new risk, whatever it does not see."""
    true = Sender.check

    def check(sender: Sender, order: PlaceOrder) -> None:
        desk = sender._desk  # pyright: ignore[reportPrivateUsage]  # to be broken
        with patch.object(desk, "down", ""):
            true(sender, order)

    patch.object(Sender, "check", check).start()


def _never_probe() -> None:
    """A silent connection is taken for a quiet one."""

    def wait(watch: Any) -> None:
        watch._handle = watch._loop.call_later(1e6, wait)

    patch("bowstring.net.websocket._Watch._look", wait).start()


def _ignore_gaps() -> None:
    patch("bowstring.market.book_sync._follows", Mock(return_value=True)).start()


def _read_lost_books() -> None:
    patch.object(OrderBook, "invalidate", Mock()).start()


def _trust_old_prices() -> None:
    """A price is as good as it was when it came."""
    patch.object(PriceGuard, "_is_fresh", Mock(return_value=True)).start()


def _send_late() -> None:
    """Nobody looks how old an order is, here or there."""
    true = Sender.check

    def check(sender: Sender, order: PlaceOrder) -> None:
        true(sender, replace(order, valid_for_s=1e6))

    patch.object(Sender, "check", check).start()
    patch("bowstring.venues.binance.gateway.window_of", Mock(return_value=None)).start()


def _read_the_wall() -> None:
    """What the system says is the time."""

    def now_ns(_clock: Clock) -> int:
        return time.time_ns()

    patch.object(Clock, "now_ns", now_ns).start()


def _ignore_limits() -> None:
    patch.object(WeightBudget, "obey", Mock()).start()


def _obey_late() -> None:
    """What the venue asks for is done, but not at once."""
    true = WeightBudget.obey

    def obey(budget: WeightBudget, status: int, pause_s: float | None, *, writes_only: bool = False) -> None:
        left_s = pause_s and max(0.0, pause_s - OBEYS_AFTER_S)
        late = partial(true, budget, status, left_s, writes_only=writes_only)
        asyncio.get_running_loop().call_later(OBEYS_AFTER_S, late)

    patch.object(WeightBudget, "obey", obey).start()


def _keep_no_reserve() -> None:
    patch("faults.gateway.CANCEL_RESERVE", 0).start()


def _stay_in_this_process() -> None:
    def here(strategy: bs.Strategy) -> bs.Strategy:
        return strategy

    patch.object(bs, "in_process", here).start()


def _act_halfway() -> None:
    """What a handler returned before it raised is done."""

    def halfway(results: Iterable[object] = ()) -> list[object]:
        found: list[object] = []
        with suppress(LookupError):
            for one in results:
                found.append(one)  # noqa: PERF402  # what comes before the error counts
        return found

    patch("bowstring.core.queue.list", halfway, create=True).start()


def _halt_all() -> None:
    """Who raises takes all other strategies along: nobody is told anything any more."""
    true = EventQueue.fail

    def fail(queue: EventQueue, subscriber: Subscriber, error: BaseException, *, cause: Message) -> None:
        true(queue, subscriber, error, cause=cause)
        for one in queue._wiring.subscribers:  # pyright: ignore[reportPrivateUsage]  # to be broken
            if one.role == "strategy":
                one.halted = True
                one.settle()

    patch.object(EventQueue, "fail", fail).start()


MUTANTS: dict[str, Mutant] = {
    "resends": Mutant(
        breaks="an intent is sent at most once", rows=("F4", "F5", "F6"), parts=Parts(gateway=Resends), shows="I1"
    ),
    "errors-are-no": Mutant(
        breaks="an error proves nothing", rows=("F5",), parts=Parts(gateway=TakesErrorsForNo), shows="class: "
    ),
    "silence-is-no": Mutant(
        breaks="no answer proves nothing",
        rows=("F4", "F6"),
        parts=Parts(install=_take_silence_for_no),
        shows="was failed",
        is_quick=True,
    ),
    "knows-no-delay": Mutant(
        breaks="what may still come is not absent",
        rows=("F6",),
        parts=Parts(gateway=KnowsNoDelay),
        shows="taken for absent",
    ),
    "never-probes": Mutant(
        breaks="a silent line is found", rows=("F7",), parts=Parts(install=_never_probe), shows="I11"
    ),
    "never-catches-up": Mutant(
        breaks="what was missed is asked for",
        rows=("F7", "F8"),
        parts=Parts(install=_never_catch_up),
        shows="fills missed",
    ),
    "trades-while-down": Mutant(
        breaks="no new risk while the private stream is down",
        rows=("F8",),
        parts=Parts(install=_trade_while_down),
        shows="I7",
    ),
    "tells-again": Mutant(
        breaks="a fill is told once",
        rows=("F8",),
        parts=Parts(install=_tell_again),
        shows="told twice",
        is_quick=True,
    ),
    "believes-the-latest": Mutant(
        breaks="an order never goes back", rows=("F9",), parts=Parts(install=_believe_the_latest), shows="I5"
    ),
    "ignores-gaps": Mutant(
        breaks="a book is valid while its ids chain", rows=("F10",), parts=Parts(install=_ignore_gaps), shows="I9"
    ),
    "reads-lost-books": Mutant(
        breaks="nobody reads an invalid book", rows=("F10",), parts=Parts(install=_read_lost_books), shows="I9"
    ),
    "trusts-old-prices": Mutant(
        breaks="new risk at a stale price is refused",
        rows=("F11",),
        parts=Parts(install=_trust_old_prices),
        shows="refused, after the budget's end",
    ),
    "same-process": Mutant(
        breaks="who burns a core does it elsewhere",
        rows=("F12",),
        parts=Parts(install=_stay_in_this_process),
        shows="beside slow ones",
    ),
    "acts-halfway": Mutant(
        breaks="a handler is atomic",
        rows=("F13",),
        parts=Parts(install=_act_halfway),
        shows="orders sent of handlers that raised",
    ),
    "halts-all": Mutant(
        breaks="a strategy that raises is alone in that",
        rows=("F13",),
        parts=Parts(install=_halt_all),
        shows="events missed by others",
    ),
    "sends-late": Mutant(
        breaks="no order is sent after its deadline",
        rows=("F15",),
        parts=Parts(install=_send_late),
        shows="past its deadline",
    ),
    "reads-the-wall": Mutant(
        breaks="a step of the system's clock changes nothing",
        rows=("F16",),
        parts=Parts(install=_read_the_wall),
        shows="accepted after a step",
    ),
    "ignores-limits": Mutant(
        breaks="when the venue asks for silence there is silence",
        rows=("F24",),
        parts=Parts(install=_ignore_limits),
        shows="limits: ",
    ),
    "obeys-late": Mutant(
        breaks="silence begins when it is asked for", rows=("F24",), parts=Parts(install=_obey_late), shows="limits: "
    ),
    "keeps-no-reserve": Mutant(
        breaks="cancels have room of their own", rows=("F24",), parts=Parts(install=_keep_no_reserve), shows="cancels"
    ),
}
