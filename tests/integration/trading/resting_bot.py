"""A bot for tests, as a process: it has orders rest, says so, and what becomes of them.

``python -m tests.integration.trading.resting_bot REST WS OPTIONS``, of which ``blocks`` is how long a handler blocks
the event loop once the orders rest.
"""

import logging
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from msgspec import Struct
from msgspec.json import decode

import bowstring as bs
from bowstring.trading.executor import Policy
from bowstring.venues.binance import Binance

say = partial(print, flush=True)


class Options(Struct, kw_only=True):
    count: int = 5
    dead_man_s: float | None = None
    on_stop: Policy = "cancel"
    blocks: float = 0.0
    again: bool = False


class Resting(bs.Strategy):
    """Places its orders at once; ``again``: then one more each tenth of a second, and says why not."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._placed = 0
        self._is_ready = False

    @bs.on(bs.Elapsed)
    def place(self, _elapsed: bs.Elapsed) -> Iterator[bs.PlaceOrder]:
        many = self._options.count - self._placed if self._options.again is False or not self._is_ready else 1
        for _ in range(many):
            self._placed += 1
            yield bs.PlaceOrder(symbol="BTC/USDT", side="buy", quantity=Decimal("0.001"), price=Decimal(60_000))

    @bs.on(bs.OrderUpdate)
    def tell(self, update: bs.OrderUpdate) -> None:
        say(f"{update.status} {update.client_order_id} {update.reason}")
        is_open = [order for order in self.orders.values() if order.status == "open"]
        if len(is_open) == self._options.count and not self._is_ready:
            self._is_ready = True
            say("ready")
            if self._options.blocks:
                time.sleep(self._options.blocks)
                say("awake")


def main(rest_url: str, ws_url: str, options: Options) -> None:
    venue = Binance("local", rest_url=rest_url, ws_url=ws_url)
    executor = venue.executor(dead_man_s=options.dead_man_s, on_stop=options.on_stop)
    bs.run(collectors=[bs.Every(0.1)], strategies=[Resting(options)], executors=[executor])


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    main(sys.argv[1], sys.argv[2], decode(sys.argv[3], type=Options))
