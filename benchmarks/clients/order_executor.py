"""bowstring in `benchmarks.tick_to_trade` with its own `OrderExecutor`: intents, order states, deadlines and all.

With two more arguments, a durability and a path, intents are recorded in a file; with "memory" for a durability they
are not, but a human's commands are looked for beside that path.
"""

import asyncio
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import bowstring as bs
from benchmarks.clients.bot import BITCOIN, SYMBOL, Bidder
from benchmarks.clients.order import frame
from benchmarks.figures import TESTED, pin
from bowstring.core.clock import Clock
from bowstring.net.websocket import WebSocket, connect
from bowstring.trading.gateway import OrderReport
from bowstring.trading.journal.file import Durability, JournalFile
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import Journal
from bowstring.trading.paper.gateway import PaperGateway
from bowstring.venues.binance import Binance


class Gateway(PaperGateway):
    """Sends each order to the venue, and says at once that it is filled; for the rest, a paper account."""

    _websocket: WebSocket

    def __init__(self, url: str) -> None:
        super().__init__("binance", clock=Clock(), instruments=[BITCOIN], balances={})
        self._url = url

    async def open(self) -> Sequence[bs.Instrument]:
        self._websocket = await connect(f"{self._url}/orders", on_message=lambda _message: None)
        return await super().open()

    def place(self, order: bs.PlaceOrder) -> "asyncio.Future[OrderReport]":
        self._websocket.send(frame(client_order_id=order.client_order_id, price=order.price))
        answer: asyncio.Future[OrderReport] = asyncio.get_running_loop().create_future()
        answer.set_result(OrderReport(client_order_id=order.client_order_id, status="filled", filled=order.quantity))
        return answer


def main(url: str, journal: Journal) -> None:
    bs.run(
        collectors=[Binance("local", ws_url=url, instruments=[BITCOIN]).quotes(SYMBOL)],
        strategies=[Bidder()],
        guards=[bs.MaxNotional(Decimal(500))],
        executors=[bs.OrderExecutor(Gateway(url), journal=journal, on_stop="leave")],
    )


def journal_of(durability: str = "memory", path: str = "") -> Journal:
    """What the arguments say."""
    if durability == "memory":
        return MemoryJournal(control_file=path)
    return JournalFile(path, durability=cast("Durability", durability))


if __name__ == "__main__":
    pin(TESTED)
    main(sys.argv[1], journal_of(*sys.argv[2:]))
