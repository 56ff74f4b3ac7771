"""Faults of private events: between what happened and those who are told."""

import asyncio
from collections import deque
from collections.abc import Callable

from bowstring.local_exchange.faults import kinds
from bowstring.local_exchange.faults.names import check_account, check_symbol
from bowstring.local_exchange.faults.switch import Switch
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.streams.user_data import PrivateEvent, Tell


class ReportFaults:
    """``plug`` is given the detour while there is a fault that may happen, and else None."""

    def __init__(self, exchange: Exchange, *, deliver: Tell, plug: Callable[[Tell | None], None]) -> None:
        self._exchange, self._deliver, self._plug = exchange, deliver, plug
        self._keepers: dict[Switch, _Keeper] = {}

    def check(self, fault: kinds.Fault) -> None:
        assert isinstance(fault, kinds.ReportFault)
        check_account(self._exchange, fault.account, of=fault)
        check_symbol(self._exchange, fault.symbol, of=fault)

    def on(self, switch: Switch) -> None:
        fault = switch.fault
        assert isinstance(fault, kinds.ReportFault)
        self._keepers[switch] = _keeper(fault, self._deliver)
        self._replug()

    def off(self, switch: Switch) -> None:
        self._keepers.pop(switch).release()
        self._replug()

    def tell(self, account: Account, event: PrivateEvent) -> None:
        """The detour: the first fault that an event meets decides what becomes of it."""
        for switch, keeper in self._keepers.items():
            fault = switch.fault
            assert isinstance(fault, kinds.ReportFault)
            if _is_met(fault, account, event) and keeper.wants(switch):
                keeper.take(account, event)
                return self._replug()
        return self._deliver(account, event)

    def _replug(self) -> None:
        may_happen = any(not switch.is_done or keeper.is_waiting for switch, keeper in self._keepers.items())
        self._plug(self.tell if may_happen else None)


class _Keeper:
    """What is done with the events that a switch meets: of itself, nothing, for good."""

    def __init__(self, fault: kinds.ReportFault, deliver: Tell) -> None:
        self.deliver = deliver

    @property
    def is_waiting(self) -> bool:
        """Whether it takes the next event even if its switch is done."""
        return False

    def wants(self, switch: Switch) -> bool:
        return self.is_waiting or switch.fires()

    def take(self, account: Account, event: PrivateEvent) -> None:
        pass

    def release(self) -> None:
        """It was cleared: what is kept is told."""


class _Duplicate(_Keeper):
    def take(self, account: Account, event: PrivateEvent) -> None:
        self.deliver(account, event)
        self.deliver(account, event)


class _Delay(_Keeper):
    """Events stay in their order."""

    def __init__(self, fault: kinds.DelayReport, deliver: Tell) -> None:
        super().__init__(fault, deliver)
        self._seconds = fault.seconds
        self._kept: deque[tuple[Account, PrivateEvent]] = deque()

    def take(self, account: Account, event: PrivateEvent) -> None:
        self._kept.append((account, event))
        if self._seconds is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._next)

    def release(self) -> None:
        while self._kept:
            self._next()

    def _next(self) -> None:
        if self._kept:
            self.deliver(*self._kept.popleft())


class _Reorder(_Keeper):
    """Once a group is begun, it takes what belongs to it without asking the switch."""

    def __init__(self, fault: kinds.ReorderReports, deliver: Tell) -> None:
        super().__init__(fault, deliver)
        self._order = fault.order or tuple(reversed(range(fault.size)))
        self._kept: list[tuple[Account, PrivateEvent]] = []

    @property
    def is_waiting(self) -> bool:
        return bool(self._kept)

    def take(self, account: Account, event: PrivateEvent) -> None:
        self._kept.append((account, event))
        if len(self._kept) == len(self._order):
            self.release()

    def release(self) -> None:
        kept, self._kept = self._kept, []
        for position in self._order:
            if position < len(kept):
                self.deliver(*kept[position])


def _keeper(fault: kinds.ReportFault, deliver: Tell) -> _Keeper:
    match fault:
        case kinds.DuplicateReport():
            return _Duplicate(fault, deliver)
        case kinds.DelayReport():
            return _Delay(fault, deliver)
        case kinds.ReorderReports():
            return _Reorder(fault, deliver)
        case _:
            return _Keeper(fault, deliver)


def _is_met(fault: kinds.ReportFault, account: Account, event: PrivateEvent) -> bool:
    report = event.report
    return (
        fault.account in (None, account.name)
        and fault.event in (None, event.kind)
        and (fault.symbol is None or (report is not None and report.order.new.symbol == fault.symbol))
        and (fault.change is None or (report is not None and report.change == fault.change))
    )
