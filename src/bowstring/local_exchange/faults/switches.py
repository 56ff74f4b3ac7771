"""All the switches of one exchange."""

import asyncio
from collections.abc import Iterable, Mapping

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import AnyFault, Fault, Mix, SwitchOn
from bowstring.local_exchange.faults.mix import members
from bowstring.local_exchange.faults.switch import Panel, State, Switch

MOST = 1000


class FaultSwitches:
    """Use it in the loop of the exchange. ``panels`` has one for each fault, by its class or one that it inherits."""

    def __init__(self, *, symbols: Iterable[str]) -> None:
        self.panels: Mapping[type[Fault], Panel] = {}
        self._symbols = tuple(symbols)
        self._switches: dict[int, Switch] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._last_id = 0

    def add(self, fault: Fault) -> State:
        """Switch a fault on. Raises `ConfigError` if it names something that there is not, or `MOST` are on."""
        return self._add(fault).state()

    def clear(self, number: int | None = None) -> None:
        """Switch one off, with what is part of it, or all. Raises `LookupError` if there is none of that id."""
        if number is None:
            chosen = [*self._switches]
        elif number in self._switches:
            chosen = [one.id for one in self._switches.values() if number in (one.id, one.mix)]
        else:
            raise LookupError(f"no fault has the id {number}")
        for one in chosen:
            self._clear(one)

    def listed(self) -> list[State]:
        """All that have not been cleared, oldest first."""
        return [switch.state() for switch in self._switches.values()]

    def state(self, number: int) -> State:
        """One of them. Raises `LookupError` if it was cleared, or never was."""
        if number not in self._switches:
            raise LookupError(f"no fault has the id {number}")
        return self._switches[number].state()

    def stop(self) -> None:
        """The exchange ends: nothing clears itself any more."""
        for timer in self._timers.values():
            timer.cancel()

    def _add(self, fault: Fault, *, mix: int | None = None) -> Switch:
        self._check(fault)
        self._make_room()
        self._last_id += 1
        switch = Switch(self._last_id, fault, mix=mix)
        if not isinstance(fault, Mix):
            self._panel(fault).on(switch)
        self._switches[switch.id] = switch
        if fault.for_s is not None:
            loop = asyncio.get_running_loop()
            self._timers[switch.id] = loop.call_later(fault.for_s, self._clear, switch.id)
        if isinstance(fault, Mix):
            for member in members(fault, self._symbols):
                self._add(member, mix=switch.id)
        return switch

    def _clear(self, number: int) -> None:
        switch = self._switches.pop(number, None)
        if timer := self._timers.pop(number, None):
            timer.cancel()
        if switch is None:
            return
        switch.cleared.set()
        if isinstance(switch.fault, Mix):
            for part in [one.id for one in self._switches.values() if one.mix == number]:
                self._clear(part)
        else:
            self._panel(switch.fault).off(switch)

    def _check(self, fault: Fault) -> None:
        if not isinstance(fault, AnyFault):
            raise ConfigError(f"{type(fault).__name__} is a kind of faults: switch one of them on")
        if isinstance(fault, SwitchOn):
            self._check(fault.switches)
        if isinstance(fault, Mix):
            members(fault, self._symbols)
        else:
            self._panel(fault).check(fault)

    def _panel(self, fault: Fault) -> Panel:
        return next(panel for kind, panel in self.panels.items() if isinstance(fault, kind))

    def _make_room(self) -> None:
        if len(self._switches) < MOST:
            return
        oldest = next((switch.id for switch in self._switches.values() if switch.is_done), None)
        if oldest is None:
            raise ConfigError(f"{MOST} faults are on: clear some")
        self._clear(oldest)
