"""Private events: what happened to the orders and balances of an account, told to those who have subscribed to it."""

from collections.abc import Callable
from itertools import count

from msgspec.json import encode

from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.record import Happened, Report
from bowstring.local_exchange.matching.rules import notional, number

ZERO = number(0)
NO_TRADE_GROUP = -1


class PrivateEvent:
    """One event of one account, encoded when somebody wants it: once for each unit of time.

    ``report`` is the change of an order that it tells of, if it does.
    """

    __slots__ = ("_describe", "_encoded", "kind", "report")

    def __init__(
        self, kind: str, describe: Callable[[int], dict[str, object]], *, report: Report | None = None
    ) -> None:
        self.kind, self.report = kind, report
        self._describe = describe
        self._encoded: dict[int, bytes] = {}

    def json(self, unit: int) -> bytes:
        """The event in JSON; ``unit`` is the us in one unit of its times, 1000 or 1."""
        encoded = self._encoded.get(unit)
        if encoded is None:
            encoded = self._encoded[unit] = encode({"e": self.kind, **self._describe(unit)})
        return encoded


Listener = Callable[[PrivateEvent], None]
Tell = Callable[[Account, PrivateEvent], None]


class UserData:
    """Takes what happened and delivers it, in order, before the call that made it happen is answered.

    A fault may stand in between: all events go to the ``detour`` then, and to ``deliver`` if and when it wants.
    """

    detour: Tell | None = None

    def __init__(self, *, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._listeners: dict[int, list[Listener]] = {}
        self._execution_ids = count(1)

    def subscribe(self, account: Account, listener: Listener) -> None:
        """Tell ``listener`` everything from now on."""
        self._listeners.setdefault(account.uid, []).append(listener)

    def unsubscribe(self, account: Account, listener: Listener) -> None:
        """Tell it nothing more."""
        listeners = self._listeners[account.uid]
        listeners.remove(listener)
        if not listeners:
            del self._listeners[account.uid]

    def take(self, happened: Happened) -> None:
        """Deliver the events of those who are listened to: reports in turn, then one of balances for each account."""
        if not self._listeners:
            return
        event_us, tell = self._now_us(), self.detour or self.deliver
        for change in happened.changes:
            if isinstance(change, Report):
                account, execution_id = change.order.account, next(self._execution_ids)
                if account.uid in self._listeners:
                    tell(account, execution_report(change, event_us=event_us, execution_id=execution_id))
        for account, assets in happened.touched:
            if assets and account.uid in self._listeners:
                tell(account, account_position(account, assets, event_us=event_us))

    def deliver(self, account: Account, event: PrivateEvent) -> None:
        """Tell those who listen now."""
        for listener in [*self._listeners.get(account.uid, ())]:
            listener(event)


def account_position(account: Account, assets: list[str], *, event_us: int) -> PrivateEvent:
    """The balances that may have changed, as they are now."""
    updated_us = account.updated_us
    balances = [
        {"a": asset, "f": number(account.balances[asset].free), "l": number(account.balances[asset].locked)}
        for asset in assets
    ]
    return PrivateEvent(
        "outboundAccountPosition", lambda unit: {"E": event_us // unit, "u": updated_us // unit, "B": balances}
    )


def stream_terminated(event_us: int) -> PrivateEvent:
    """A subscription has ended."""
    return PrivateEvent("eventStreamTerminated", lambda unit: {"E": event_us // unit})


def execution_report(report: Report, *, event_us: int, execution_id: int) -> PrivateEvent:
    """A change of an order."""
    fields = _fields(report, execution_id)
    order = report.order
    working_us = order.working_us

    def describe(unit: int) -> dict[str, object]:
        times: dict[str, object] = {
            "E": event_us // unit,
            "T": report.time_us // unit,
            "O": order.time_us // unit,
        }
        if report.is_working:
            times["W"] = working_us // unit
        return {**times, **fields}

    return PrivateEvent("executionReport", describe, report=report)


def _fields(report: Report, execution_id: int) -> dict[str, object]:
    """All but the times."""
    order, new = report.order, report.order.new
    return {
        "s": new.symbol,
        "c": report.client_order_id,
        "S": new.side,
        "o": new.type,
        "f": new.time_in_force,
        "q": number(order.quantity),
        "p": number(order.price),
        "P": number(new.stop_price),
        "F": ZERO,
        "g": -1,
        "C": report.original,
        "x": report.change,
        "X": report.status,
        "r": "NONE",
        "i": order.id,
        "z": number(report.executed),
        "I": execution_id,
        "w": report.is_working and report.status in ("NEW", "PARTIALLY_FILLED"),
        "M": report.fill is not None,
        "Z": number(report.quote_executed),
        "Q": number(new.quote_quantity),
        "V": new.prevention,
        **_last_fill(report),
        **_conditional(report),
    }


def _last_fill(report: Report) -> dict[str, object]:
    fill = report.fill
    if fill is None:
        return {"l": ZERO, "L": ZERO, "n": "0", "N": None, "t": -1, "m": False, "Y": ZERO}
    return {
        "l": number(fill.quantity),
        "L": number(fill.price),
        "n": number(fill.fee),
        "N": fill.fee_asset,
        "t": fill.trade_id,
        "m": fill.is_maker,
        "Y": number(fill.quote),
    }


def _conditional(report: Report) -> dict[str, object]:
    fields: dict[str, object] = {}
    new, prevented = report.order.new, report.prevented
    if new.strategy_id is not None:
        fields["j"] = new.strategy_id
    if new.strategy_type is not None:
        fields["J"] = new.strategy_type
    if report.expiry_reason:
        fields["eR"] = report.expiry_reason
    if prevented is not None:
        fields |= {
            "v": prevented.match_id,
            "A": number(prevented.total),
            "B": number(prevented.quantity),
            "u": NO_TRADE_GROUP,
            "U": prevented.other_order_id,
            "Cs": new.symbol,
            "pl": number(prevented.quantity),
            "pL": number(prevented.price),
            "pY": number(notional(prevented.price, prevented.quantity)),
        }
    return fields
