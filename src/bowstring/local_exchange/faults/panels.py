"""Which part of an exchange sees to which faults."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping

from bowstring.local_exchange.api.call import Faults
from bowstring.local_exchange.api.rest import Rest
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.api.ws_api import WsApi
from bowstring.local_exchange.clock import Clock
from bowstring.local_exchange.faults import kinds
from bowstring.local_exchange.faults.calls import CallFaults
from bowstring.local_exchange.faults.connections import ArrivalFaults, ConnectionFaults
from bowstring.local_exchange.faults.messages import StreamFaults
from bowstring.local_exchange.faults.reports import ReportFaults
from bowstring.local_exchange.faults.site import ClockFaults, KeyFaults, Restarts
from bowstring.local_exchange.faults.switch import Panel
from bowstring.local_exchange.port import Port
from bowstring.local_exchange.streams.hub import Hub, Publisher
from bowstring.local_exchange.streams.market_data import MarketData
from bowstring.local_exchange.streams.user_data import Tell


def panels(
    service: Service,
    *,
    rest: Rest,
    ws_api: WsApi,
    market_data: MarketData,
    hub: Hub,
    port: Port,
    clock: Clock,
    say_goodbye: Callable[[], Awaitable[None]],
    spawn: Callable[[Coroutine[None, None, None]], None],
    add: Callable[[kinds.Fault], object],
) -> Mapping[type[kinds.Fault], Panel]:
    """All of them. Where nothing goes wrong, nothing of them is in the way."""
    exchange, user_data = service.exchange, service.user_data

    def plug_calls(faults: Faults | None) -> None:
        rest.faults = ws_api.faults = faults

    def plug_reports(detour: Tell | None) -> None:
        user_data.detour = detour

    def plug_messages(publisher: Publisher) -> None:
        market_data.publisher = publisher

    arrivals = ArrivalFaults(port)
    return {
        kinds.CallFault: CallFaults(service, plug=plug_calls, add=add),
        kinds.ReportFault: ReportFaults(exchange, deliver=user_data.deliver, plug=plug_reports),
        kinds.StreamFault: StreamFaults(exchange, true=hub, plug=plug_messages),
        kinds.ConnectionFault: ConnectionFaults(exchange, port=port),
        kinds.IgnoreConnections: arrivals,
        kinds.SlowDrip: arrivals,
        kinds.ExpireKey: KeyFaults(exchange, keyring=service.keyring),
        kinds.SkewClock: ClockFaults(clock),
        kinds.Restart: Restarts(port, say_goodbye=say_goodbye, spawn=spawn),
    }
