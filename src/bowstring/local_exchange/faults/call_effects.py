"""What each fault of a call does."""

from collections.abc import Callable

from msgspec.structs import replace

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.faults import Answer, Lost
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.faults import kinds
from bowstring.local_exchange.faults.errors import failed, not_carried_out
from bowstring.local_exchange.faults.replica import Replica
from bowstring.local_exchange.faults.snapshots import Snapshots
from bowstring.local_exchange.faults.switch import Switch

Add = Callable[[kinds.Fault], object]


class Effect:
    """Of one switch; ``before`` and ``after`` as in `api.faults.Trouble`."""

    async def before(self, call: Call) -> None:
        """Nothing."""

    async def after(self, call: Call, answer: Answer) -> Answer | Lost:
        """The answer as it is."""
        return answer

    def end(self) -> None:
        """The switch was cleared."""


class _LoseReply(Effect):
    def __init__(self, then: kinds.Then) -> None:
        self._lost = Lost(then)

    async def after(self, call: Call, answer: Answer) -> Answer | Lost:
        return self._lost


class _LoseRequest(_LoseReply):
    async def before(self, call: Call) -> None:
        raise not_carried_out()


class _DelayRequest(Effect):
    def __init__(self, switch: Switch, seconds: float | None) -> None:
        self._switch, self._seconds = switch, seconds

    async def before(self, call: Call) -> None:
        await self._switch.wait(self._seconds)


class _DelayReply(Effect):
    def __init__(self, switch: Switch, seconds: float | None) -> None:
        self._switch, self._seconds = switch, seconds

    async def after(self, call: Call, answer: Answer) -> Answer | Lost:
        await self._switch.wait(self._seconds)
        return answer


class _FailCall(Effect):
    def __init__(self, fault: kinds.FailCall, service: Service) -> None:
        self._fault, self._service = fault, service

    async def before(self, call: Call) -> None:
        if not self._fault.accepted:
            self._service.write_down(call)
            raise not_carried_out()

    async def after(self, call: Call, answer: Answer) -> Answer | Lost:
        return failed(self._fault, call, answer, now_us=self._service.now_us())


class _LagQueries(Effect):
    def __init__(self, service: Service, lag_s: float | None) -> None:
        self._clerk = service.clerk
        self._replica = Replica(service.exchange, lag_s=lag_s)
        self._clerk.listeners.append(self._replica.take)

    async def before(self, call: Call) -> None:
        assert call.key is not None  # it is a query
        call.key = replace(call.key, account=self._replica.account(call.account))

    def end(self) -> None:
        self._clerk.listeners.remove(self._replica.take)


class _StaleSnapshot(Effect):
    def __init__(self, service: Service) -> None:
        self._snapshots = Snapshots(service.exchange)

    async def before(self, call: Call) -> None:
        call.endpoint = replace(call.endpoint, handler=self._snapshots.depth)


class _SwitchOn(Effect):
    def __init__(self, fault: kinds.Fault, add: Add) -> None:
        self._fault, self._add = fault, add

    async def before(self, call: Call) -> None:
        self._add(self._fault)


def effect(switch: Switch, *, service: Service, add: Add) -> Effect:
    """That of a switch which has just been switched on."""
    made: Effect
    match switch.fault:
        case kinds.LoseReply(then=then):
            made = _LoseReply(then)
        case kinds.LoseRequest(then=then):
            made = _LoseRequest(then)
        case kinds.DelayRequest(seconds=seconds):
            made = _DelayRequest(switch, seconds)
        case kinds.DelayReply(seconds=seconds):
            made = _DelayReply(switch, seconds)
        case kinds.FailCall() as fault:
            made = _FailCall(fault, service)
        case kinds.LagQueries(seconds=seconds):
            made = _LagQueries(service, seconds)
        case kinds.StaleSnapshot():
            made = _StaleSnapshot(service)
        case last:
            assert isinstance(last, kinds.SwitchOn)
            made = _SwitchOn(last.switches, add)
    return made
