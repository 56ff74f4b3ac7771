"""New orders before their first byte: they are recorded, wait for that, and can be withdrawn."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bowstring.core.errors import Expired, NotSent, Refused
from bowstring.core.tasks import FAILURES
from bowstring.trading.desk import Desk
from bowstring.trading.messages import OrderStatus, OrderUpdate, PlaceOrder
from bowstring.trading.new_orders import NewOrder, flaw, new_id
from bowstring.trading.orders import intended

RECORD_S = 60.0  # no order waits longer for its record, however long it is valid
MAX_UNSENT = 1024  # as any executor lets wait

_STATUSES: dict[type[BaseException], OrderStatus] = {Expired: "expired", Refused: "refused"}

log = logging.getLogger(__name__)


class Unsent:
    """Orders that were admitted and not released yet. An order is released once, to be sent at once, or never."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._entries: dict[int, _Entry] = {}

    def admit(self, orders: Sequence[NewOrder]) -> None:
        """Record the intents of all orders, in one call. Never raises: what went wrong is told by `release`."""
        sound: list[_Entry] = []
        for order in orders:
            unfit = flaw(order) or _unnamed(order) or _baseless(order)
            entry = self._entries[order.seq] = _Entry(order, unfit, is_ready=bool(unfit))
            if len(self._entries) > MAX_UNSENT:
                entry.refuse(f"{MAX_UNSENT} orders wait to be sent to {self._desk.gateway.venue}")
            elif not unfit:
                sound.append(entry)
        if sound:
            self._record(sound)

    def is_ready(self, order: NewOrder) -> bool:
        """Whether `release` need not wait."""
        return self._entries[order.seq].is_ready

    async def ready(self, order: NewOrder) -> None:
        """Wait until the order is recorded, withdrawn or too late."""
        entry = self._entries[order.seq]
        await self._desk.until(lambda: entry.is_ready, timeout_s=min(order.valid_for_s, RECORD_S))

    def is_withdrawn(self, order: NewOrder) -> bool:
        """Whether it will not be released any more."""
        return bool(self._entries[order.seq].unfit)

    def withdraw(self, chosen: Callable[[NewOrder], bool], *, reason: str) -> bool:
        """See to it that the chosen orders are not released. False: there is none."""
        entries = [entry for entry in self._entries.values() if chosen(entry.order)]
        for entry in entries:
            entry.unfit = entry.unfit or reason
            entry.is_ready = True
        self._desk.notice()
        return bool(entries)

    def check(self, order: NewOrder) -> None:
        """Raise `NotSent`, `Refused` or `Expired`, with the reason, if the order may not be released any more."""
        entry = self._entries[order.seq]
        if entry.unfit:
            raise Refused(entry.unfit) if entry.is_refused else NotSent(entry.unfit)
        if not entry.is_ready:
            raise Expired("its intent was not recorded in time")

    def release(self, order: NewOrder) -> None:
        """Let an order go that was checked: it is sent now."""
        del self._entries[order.seq]

    def close(self, order: NewOrder, error: BaseException) -> None:
        """Have done with an order; unless it was released it was not sent, for that reason, which goes on record.

        Where its intent is not on record yet, that is when it is.
        """
        entry = self._entries.pop(order.seq, None)
        if entry is not None:
            entry.closed_by = error
            if entry.is_recorded:
                self._desk.keep([entry.end()])

    def _record(self, sound: "Sequence[_Entry]") -> None:
        try:
            pending = self._desk.journal.record([entry.order for entry in sound])
        except FAILURES as error:  # whatever the storage raises: these orders are not sent, cancels beside them are
            self._fail(sound, error)
            return
        if pending is not None:
            self._desk.own(self._finish(pending, sound))
            return
        self._note_recorded(sound)

    def _note_recorded(self, entries: "Sequence[_Entry]") -> None:
        self._desk.unrecorded = ""
        for entry in entries:
            entry.is_ready = entry.is_recorded = True

    async def _finish(self, pending: Awaitable[None], entries: "Sequence[_Entry]") -> None:
        try:
            await pending
        except FAILURES as error:
            self._fail(entries, error)
        else:
            self._note_recorded(entries)
            if closed := [entry.end() for entry in entries if entry.closed_by is not None]:
                self._desk.keep(closed)
        self._desk.notice()

    def _fail(self, entries: "Sequence[_Entry]", error: BaseException) -> None:
        log.error("%s: intents not recorded, %r", self._desk.gateway.venue, error)
        reason = str(error) if isinstance(error, NotSent) else f"its intent could not be recorded: {error!r}"
        self._desk.unrecorded = reason
        for entry in entries:
            entry.unfit = entry.unfit or reason
            entry.is_ready = True


def _unnamed(order: NewOrder) -> str:
    return "" if new_id(order) else "it has no client order id: place it from a bowstring.Strategy, or give it one"


def _baseless(order: NewOrder) -> str:
    if order.side is not None or isinstance(order, PlaceOrder):
        return ""
    return f"{order.client_order_id} is no open order of {order.strategy}"


class _Entry(Struct):
    """``unfit`` says why the order will not be sent; ``is_ready``: it is on record, or unfit.

    ``closed_by``: why it was closed, if it was.
    """

    order: NewOrder
    unfit: str
    is_ready: bool
    is_refused: bool = False
    is_recorded: bool = False
    closed_by: BaseException | None = None

    def end(self) -> OrderUpdate:
        """What became of it."""
        error = self.closed_by
        status = next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), "failed")
        return replace(intended(self.order), status=status, reason=str(error) or repr(error)).update()

    def refuse(self, reason: str) -> None:
        self.unfit, self.is_ready, self.is_refused = reason, True, True
