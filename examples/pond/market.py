"""Pond's market data: a collector of quotes and trades."""

import asyncio

from bowstring.core.components import Collector, Emit
from bowstring.core.errors import Disconnected
from examples.pond.connection import Connection, Event
from examples.pond.wire import QuoteData, TradeData, result


class PondMarket(Collector):
    """`Quote` whenever the best bid or ask changes, and every `Trade`."""

    def __init__(self, venue: str, *, host: str, port: int) -> None:
        self._venue, self._host, self._port = venue, host, port

    async def run(self, emit: Emit) -> None:
        """Raises `Disconnected` at the end of the connection; supervision then runs it again."""

        def publish(event: Event) -> None:
            if isinstance(event, QuoteData | TradeData):
                emit(event.event(self._venue))

        connection = await Connection.open(self._host, self._port, publish)
        try:
            for top in result(await connection.ask("watch"), list[QuoteData]):
                publish(top)
            await asyncio.shield(connection.lost)
        finally:
            connection.close()
            await asyncio.shield(connection.lost)
        raise Disconnected("Pond: the market connection ended")
