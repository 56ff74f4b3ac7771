"""Faults of calls: which call meets which."""

from collections.abc import Callable, Mapping

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.api.call import Call, Endpoint, Faults, Security
from bowstring.local_exchange.api.endpoints import BY_METHOD, by_path
from bowstring.local_exchange.api.faults import Answer, Lost, Trouble
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.faults.call_effects import Add, Effect, effect
from bowstring.local_exchange.faults.kinds import CallFault, Fault, LagQueries, StaleSnapshot
from bowstring.local_exchange.faults.names import check_account, check_symbol
from bowstring.local_exchange.faults.switch import Switch

_GROUPS: Mapping[str, Callable[[Endpoint], bool]] = {
    "any": lambda _: True,
    "orders": lambda endpoint: endpoint.security is Security.TRADE,
    "queries": lambda endpoint: endpoint.security is Security.USER_DATA,
    "public": lambda endpoint: endpoint.security is Security.NONE and endpoint.rest is not None,
    "session": lambda endpoint: endpoint.rest is None,
}
_BY_NAME: Mapping[str, Endpoint] = {
    **{f"{method} {path}": endpoint for (method, path), endpoint in by_path(with_legacy=True).items()},
    **BY_METHOD,
}
_ONLY: Mapping[type[CallFault], str] = {LagQueries: "queries", StaleSnapshot: "depth"}


class CallFaults:
    """``plug`` is given this while there is a fault that may happen, and else None."""

    def __init__(self, service: Service, *, plug: Callable[[Faults | None], None], add: Add) -> None:
        self._service, self._plug, self._add = service, plug, add
        self._effects: dict[Switch, Effect] = {}
        self._are_met: dict[Switch, Callable[[Call], bool]] = {}

    def check(self, fault: Fault) -> None:
        assert isinstance(fault, CallFault)
        check_account(self._service.exchange, fault.account, of=fault)
        check_symbol(self._service.exchange, fault.symbol, of=fault)
        only = _ONLY.get(type(fault), "any")
        if not _endpoints(fault, fault.calls) <= _endpoints(fault, only):
            raise ConfigError(f"calls of {type(fault).__name__} is {fault.calls!r}: it is for {only} only")

    def on(self, switch: Switch) -> None:
        fault = switch.fault
        assert isinstance(fault, CallFault)
        self._are_met[switch] = _matcher(fault)
        self._effects[switch] = effect(switch, service=self._service, add=self._add)
        self._replug()

    def off(self, switch: Switch) -> None:
        del self._are_met[switch]
        self._effects.pop(switch).end()
        self._replug()

    def meet(self, call: Call) -> Trouble | None:
        """Implements `api.call.Faults`; what is met is in the ledger."""
        met = [switch for switch, is_met in self._are_met.items() if is_met(call) and switch.fires()]
        if not met:
            return None
        for switch in met:
            self._write_down(call, switch)
        self._replug()
        return _InTrouble(call, [self._effects[switch] for switch in met])

    def _write_down(self, call: Call, switch: Switch) -> None:
        self._service.clerk.trouble(
            type(switch.fault).__name__,
            interface=call.interface,
            method=call.method,
            account=None if call.key is None else call.account,
            params=call.parameters.values,
        )

    def _replug(self) -> None:
        self._plug(None if all(switch.is_done for switch in self._are_met) else self)


class _InTrouble:
    """One call and what it has met."""

    def __init__(self, call: Call, effects: list[Effect]) -> None:
        self._call, self._effects = call, effects

    async def before(self) -> None:
        for one in self._effects:
            await one.before(self._call)

    async def after(self, answer: Answer) -> Answer | Lost:
        for one in self._effects:
            instead = await one.after(self._call, answer)
            if isinstance(instead, Lost):
                return instead
            answer = instead
        return answer


def _matcher(fault: CallFault) -> Callable[[Call], bool]:
    endpoints = _endpoints(fault, fault.calls)

    def is_met(call: Call) -> bool:
        return (
            id(call.endpoint) in endpoints
            and fault.interface in (None, call.interface)
            and (fault.account is None or (call.key is not None and call.account.name == fault.account))
            and fault.symbol in (None, call.parameters.values.get("symbol"))
        )

    return is_met


def _endpoints(fault: CallFault, calls: str) -> frozenset[int]:
    if belongs := _GROUPS.get(calls):
        return frozenset(id(endpoint) for endpoint in _BY_NAME.values() if belongs(endpoint))
    if endpoint := _BY_NAME.get(calls):
        return frozenset({id(endpoint)})
    groups, names = ", ".join(_GROUPS), ", ".join(sorted(BY_METHOD))
    raise ConfigError(f"calls of {type(fault).__name__} is {calls!r}: there are {groups}, and {names}")
