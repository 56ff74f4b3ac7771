"""Faults of the exchange as a whole: its clock, its keys, and whether it is there at all."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.api.keys import Keyring
from bowstring.local_exchange.clock import Clock
from bowstring.local_exchange.faults import kinds
from bowstring.local_exchange.faults.names import check_account
from bowstring.local_exchange.faults.switch import Switch
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.port import Port


class ClockFaults:
    """Skews add up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def check(self, fault: kinds.Fault) -> None:
        """It names nothing."""

    def on(self, switch: Switch) -> None:
        self._skew(switch, 1)
        switch.happened()

    def off(self, switch: Switch) -> None:
        self._skew(switch, -1)

    def _skew(self, switch: Switch, sign: int) -> None:
        assert isinstance(switch.fault, kinds.SkewClock)
        self._clock.skew_us += sign * round(switch.fault.seconds * 1_000_000)


class KeyFaults:
    """A key is good again when the last fault that expired it is cleared."""

    def __init__(self, exchange: Exchange, *, keyring: Keyring) -> None:
        self._exchange, self._keyring = exchange, keyring
        self._expired: dict[Switch, list[str]] = {}

    def check(self, fault: kinds.Fault) -> None:
        assert isinstance(fault, kinds.ExpireKey)
        check_account(self._exchange, fault.account, of=fault)
        if fault.key is not None and fault.key not in self._keys(fault):
            raise ConfigError(f"key of ExpireKey is {fault.key!r}, which is none of {fault.account}'s")

    def on(self, switch: Switch) -> None:
        fault = switch.fault
        assert isinstance(fault, kinds.ExpireKey)
        self._expired[switch] = self._keys(fault) if fault.key is None else [fault.key]
        for key in self._expired[switch]:
            self._keyring.expire(key)
        switch.happened(len(self._expired[switch]))

    def off(self, switch: Switch) -> None:
        restored = self._expired.pop(switch)
        still = {key for keys in self._expired.values() for key in keys}
        for key in restored:
            if key not in still:
                self._keyring.restore(key)

    def _keys(self, fault: kinds.ExpireKey) -> list[str]:
        return self._keyring.of(self._exchange.accounts[fault.account])


class Restarts:
    """``say_goodbye`` announces the shutdown and closes all connections; ``spawn`` owns what takes its time."""

    def __init__(
        self,
        port: Port,
        *,
        say_goodbye: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._port, self._say_goodbye, self._spawn = port, say_goodbye, spawn
        self._one_at_a_time = asyncio.Lock()

    def check(self, fault: kinds.Fault) -> None:
        """It names nothing."""

    def on(self, switch: Switch) -> None:
        assert isinstance(switch.fault, kinds.Restart)
        self._spawn(self._restart(switch, switch.fault))

    def off(self, switch: Switch) -> None:
        """Waited for in there."""

    async def _restart(self, switch: Switch, fault: kinds.Restart) -> None:
        async with self._one_at_a_time:
            self._port.close()
            if fault.announced:
                await self._say_goodbye()
            for wire in self._port.wires:
                wire.reset()
            await switch.wait(fault.down_s)
            await self._port.open()
            switch.happened()
