"""Broken classes, one for each promise: a row that does not find its mutant proves nothing.

They are put in the place of the true ones in the process of a bot, and nowhere else: the product knows nothing of them.
"""

import asyncio
import signal
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

from msgspec.structs import replace

import bowstring as bs
from bowstring.core.actions import NEVER_NS, ActionQueue
from bowstring.core.clock import Clock
from bowstring.core.errors import BowstringError, ConfigError, NotRecorded
from bowstring.core.watchdog import Watchdog
from bowstring.trading import recovery, sending
from bowstring.trading.blotter import Blotter
from bowstring.trading.desk import Desk
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import OrderRef, OrderReport
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.file_lock import FileLock
from bowstring.trading.journal.port import News, Remembered
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import Order
from bowstring.trading.resolution import Doubt
from faults import broken
from faults.parts import Mutant, Parts


class RecordsLater(JournalFile):
    """Writes an intent down when there is news, not before it is sent."""

    def record(self, orders: Sequence[NewOrder], /) -> None:
        self._later: list[NewOrder] = [*getattr(self, "_later", ()), *orders]

    def write(self, news: Sequence[News], /) -> None:
        later, self._later = getattr(self, "_later", []), []
        if later:
            super().record(later)
        super().write(news)


class WritesApart(JournalFile):
    """Has a transaction for each piece of news, what a fill brings about before the fill."""

    def write(self, news: Sequence[News], /) -> None:
        for one in reversed(news):
            super().write([one])


class ForgetsUnanswered(Blotter):
    """Takes an order that had no answer for one that was not sent."""

    def restore(self, remembered: Remembered) -> None:
        live = [order for order in remembered.live if order.status != "pending"]
        super().restore(replace(remembered, live=live))


class ForgetsTrades(Blotter):
    """Does not know after a restart which fills it has been told."""

    def restore(self, remembered: Remembered) -> None:
        super().restore(replace(remembered, trades=()))


class SendsUnrecorded(JournalFile):
    """Lets orders go where their intents cannot be recorded."""

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        with suppress(NotRecorded):
            return super().record(orders)
        return None


class BeginsAnew(JournalFile):
    """Where a file cannot be trusted it begins another one."""

    def open(self, clock: Clock) -> bool:
        try:
            return super().open(clock)
        except ConfigError:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.control_file}{suffix}").unlink(missing_ok=True)
            return super().open(clock)


class LeavesUnconfirmed(OrderExecutor):
    """Ends as soon as it has asked for the cancels."""

    async def _wind_up(self) -> list[Order]:
        ending = asyncio.ensure_future(super()._wind_up())
        await asyncio.sleep(0)
        ending.cancel()
        return []


class CancelsAll(OrderExecutor):
    """Cancels whatever is open on the account."""

    async def _wind_up(self) -> list[Order]:
        for order in await self._gateway.open_orders():
            report = order.report
            ref = OrderRef(
                symbol=order.symbol, client_order_id=report.client_order_id, venue_order_id=report.venue_order_id
            )
            with suppress(BowstringError):
                await self._gateway.cancel(ref)
        return await super()._wind_up()


class NamesAll(OrderExecutor):
    """Names every order that it knows of at its end, whatever became of it."""

    def _in_doubt(self) -> list[Order]:
        finished = self.blotter._finished.values()  # pyright: ignore[reportPrivateUsage]  # to be named all the same
        return [*super()._in_doubt(), *finished]


class HastyDoubt(Doubt):
    """Takes "not found" for proof."""

    def __init__(self, order: Order, *, desk: Desk, request: "asyncio.Future[OrderReport] | None" = None) -> None:
        super().__init__(order, desk=desk, request=request)
        self._window_ns = -1


def of(name: str) -> Parts:
    """The parts with which a mutant of that name runs, which are put in; ``""``: the true ones."""
    parts = MUTANTS[name].parts if name else Parts()
    if parts.install is not None:
        parts.install()
    return parts


def _with_blotter(blotter: type[Blotter]) -> type[OrderExecutor]:
    class Mutated(OrderExecutor):
        async def start(self, emit: bs.Emit) -> None:
            self.blotter = blotter(self.venue)
            await super().start(emit)

    return Mutated


def _doubt_hastily() -> None:
    for module in (recovery, sending):
        patch.object(module, "Doubt", HastyDoubt).start()


def _ignore_sigterm() -> None:
    """What a process does that has no handler of its own is done."""
    true = signal.signal

    def install(number: int, handler: Any) -> Any:
        return signal.SIG_DFL if number == signal.SIGTERM else true(number, handler)

    patch.object(signal, "signal", install).start()


def _lock_nothing() -> None:
    patch.object(FileLock, "acquire", Mock()).start()


def _never_look() -> None:
    patch.object(Watchdog, "look", Mock()).start()


def _trust_what_waited() -> None:
    """Only who is seen to block the loop can have made it late."""
    patch("bowstring.core.watchdog.LONG_S", 1e6).start()


def _await_the_heartbeat() -> None:
    """Nobody else looks whether the loop is late."""
    _never_look()
    never_ns = property(fget=Mock(return_value=NEVER_NS), fset=Mock())
    patch.object(ActionQueue, "late_from_ns", never_ns, create=True).start()


def _ignore_kills() -> None:
    patch.object(bs.Engine, "kill", Mock()).start()


MUTANTS: dict[str, Mutant] = {
    "records-later": Mutant(
        breaks="an intent is on record before it is sent",
        rows=("F1", "F2"),
        parts=Parts(journal=RecordsLater),
        shows="I2",
        is_quick=True,
    ),
    "writes-apart": Mutant(
        breaks="a fill, its order and its position go on record together",
        rows=("F2",),
        parts=Parts(journal=WritesApart),
        shows="I4",
    ),
    "forgets-unanswered": Mutant(
        breaks="an order without an answer is unknown",
        rows=("F1", "F2"),
        parts=Parts(executor=_with_blotter(ForgetsUnanswered)),
        shows="I4",
    ),
    "forgets-trades": Mutant(
        breaks="a fill is told once", rows=("F2",), parts=Parts(executor=_with_blotter(ForgetsTrades)), shows="I4"
    ),
    "hasty-doubt": Mutant(
        breaks="an order is absent only where that is proven",
        rows=("F6",),
        parts=Parts(install=_doubt_hastily),
        shows="taken for absent",
    ),
    "sends-unrecorded": Mutant(
        breaks="what cannot be recorded is not sent", rows=("F17",), parts=Parts(journal=SendsUnrecorded), shows="I2"
    ),
    "begins-anew": Mutant(
        breaks="a damaged journal is refused and left as it is",
        rows=("F17",),
        parts=Parts(journal=BeginsAnew),
        shows="start: ",
    ),
    "leaves-unconfirmed": Mutant(
        breaks="a stop confirms that orders are cancelled, or names them",
        rows=("F20",),
        parts=Parts(executor=LeavesUnconfirmed),
        shows="is not named",
    ),
    "cancels-all": Mutant(
        breaks="orders of others are left alone", rows=("F20",), parts=Parts(executor=CancelsAll), shows="foreign: "
    ),
    "ignores-sigterm": Mutant(
        breaks="SIGTERM is a stop in order",
        rows=("F20",),
        parts=Parts(install=_ignore_sigterm),
        shows="exit: ended with -15",
    ),
    "names-all": Mutant(
        breaks="only orders that may be alive are named at a stop",
        rows=("F20",),
        parts=Parts(executor=NamesAll),
        shows="is named, and has ended",
    ),
    "locks-nothing": Mutant(
        breaks="one process for an account and a journal",
        rows=("F21",),
        parts=Parts(install=_lock_nothing),
        shows="I1",
        is_quick=True,
    ),
    "never-looks": Mutant(
        breaks="what blocks the event loop is named",
        rows=("F14",),
        parts=Parts(install=_never_look),
        shows="nobody was told",
    ),
    "trusts-what-waited": Mutant(
        breaks="what waited while the loop did not run brings no new risk",
        rows=("F15",),
        parts=Parts(install=_trust_what_waited),
        shows="at a price gone for",
    ),
    "awaits-the-heartbeat": Mutant(
        breaks="nor does what comes before the heartbeat",
        rows=("F14",),
        parts=Parts(install=_await_the_heartbeat),
        shows="with new risk before all were told",
    ),
    "ignores-kills": Mutant(
        breaks="the kill switch stops new orders",
        rows=("F27",),
        parts=Parts(install=_ignore_kills),
        shows="to the last accepted order",
    ),
    "lets-errors-out": Mutant(
        breaks="what is malformed is a typed error", rows=("F28",), parts=Parts(), shows="tests/", is_quick=True
    ),  # `faults.loose_parser`
    **broken.MUTANTS,
}
