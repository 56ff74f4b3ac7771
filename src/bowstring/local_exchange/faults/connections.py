"""Faults of connections: at the port and on the wires behind it."""

from bowstring.local_exchange.faults import kinds
from bowstring.local_exchange.faults.names import check_account
from bowstring.local_exchange.faults.switch import Switch
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.port import Port
from bowstring.local_exchange.wire import Wire


class ConnectionFaults:
    """Some are over at once, some last; those are reset when they are cleared."""

    def __init__(self, exchange: Exchange, *, port: Port) -> None:
        self._exchange, self._port = exchange, port
        self._met: dict[Switch, list[Wire]] = {}

    def check(self, fault: kinds.Fault) -> None:
        assert isinstance(fault, kinds.ConnectionFault)
        check_account(self._exchange, fault.account, of=fault)

    def on(self, switch: Switch) -> None:
        fault = switch.fault
        assert isinstance(fault, kinds.ConnectionFault)
        self._met[switch] = [wire for wire in self._port.wires if _is_met(fault, wire)]
        for wire in self._met[switch]:
            wire.mute() if isinstance(fault, kinds.MuteConnections) else wire.reset()
        switch.happened(len(self._met[switch]))

    def off(self, switch: Switch) -> None:
        for wire in self._met.pop(switch):
            wire.reset()


class ArrivalFaults:
    """What new connections meet; dripping is what all connections do."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._ignored: dict[Switch, list[Wire]] = {}
        self._drips: dict[Switch, kinds.SlowDrip] = {}

    def check(self, fault: kinds.Fault) -> None:
        """It names nothing."""

    def on(self, switch: Switch) -> None:
        if isinstance(switch.fault, kinds.SlowDrip):
            self._drips[switch] = switch.fault
            for wire in self._port.wires:
                _drip(wire, switch.fault)
        else:
            self._ignored[switch] = []
        self._port.guard = self._guard

    def off(self, switch: Switch) -> None:
        for wire in self._ignored.pop(switch, ()):
            wire.reset()
        if self._drips.pop(switch, None) is not None:
            for wire in self._port.wires:
                self._drip_again(wire)
        if not self._ignored and not self._drips:
            self._port.guard = None

    def _guard(self, wire: Wire) -> None:
        for switch, ignored in self._ignored.items():
            if switch.fires():
                ignored.append(wire)
                return wire.mute()
        return self._drip_again(wire)

    def _drip_again(self, wire: Wire) -> None:
        wire.pour()
        for fault in self._drips.values():  # the latest one stays
            _drip(wire, fault)


def _drip(wire: Wire, fault: kinds.SlowDrip) -> None:
    wire.pour()
    wire.drip(fault.bytes, every_s=fault.every_s, interface=fault.interface)


def _is_met(fault: kinds.ConnectionFault, wire: Wire) -> bool:
    return fault.interface in (None, wire.interface) and fault.account in (None, *wire.accounts())
