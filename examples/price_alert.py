"""An alert: asks a REST feed for a price, and notifies when it has moved.

PRICE_URL and PRICE_EVERY_S point it at another feed; NOTIFY_URLS are where to, as apprise writes it: one or several
such as "tgram://bot-token/chat-id". Without them the alerts are only printed.
"""

import os
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

import bowstring as bs
from bowstring.collectors.rest import RestPoll
from bowstring.core.errors import BadMessage
from bowstring.core.messages import Delivery
from bowstring.executors.notify import Notifier, Notify

URL = "https://data-api.binance.vision/api/v3/ticker/price?symbol=BTCUSDT"
MOVE = Decimal("0.01")  # a share of the price


class Item(Struct):
    """What the feed says."""

    symbol: str
    price: Decimal


class Price(bs.Event, frozen=True):
    delivery: ClassVar[Delivery] = "latest"

    symbol: str
    price: Decimal


class Mover(bs.Strategy):
    """Tells whenever the price has moved since it told the last time, and when the feed is down."""

    last = Decimal(0)

    @bs.on(Price)
    def compare(self, now: Price) -> bs.Actions:
        change = (now.price - self.last) / self.last if self.last else None
        if change is None or abs(change) >= MOVE:
            self.last = now.price
            moved = "" if change is None else f", {change:+.2%}"
            yield Notify(f"{now.symbol} is at {now.price}{moved}", title="Price")

    @bs.on(bs.CollectorDown)
    def warn(self, down: bs.CollectorDown) -> bs.Actions:
        yield Notify(f"no prices: {down.reason}", title="Price feed", level="warning")


class Screen(bs.Executor):
    @bs.on(Notify)
    def show(self, note: Notify) -> None:
        print(note.text, flush=True)


def price(item: Item) -> Price:
    if not (item.price.is_finite() and item.price > 0):
        raise BadMessage(f"a price of {item.price}")
    return Price(item.symbol, item.price)


def main() -> None:
    url, every_s = os.environ.get("PRICE_URL", URL), float(os.environ.get("PRICE_EVERY_S", "5"))
    targets = os.environ.get("NOTIFY_URLS", "").split()
    bs.run(
        collectors=[RestPoll(url, item=Item, event=price, every_s=every_s)],
        strategies=[Mover()],
        guards=[],
        executors=[Screen(), *(Notifier(target) for target in targets)],
    )


if __name__ == "__main__":
    main()
