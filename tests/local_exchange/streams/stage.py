"""A small exchange whose market data is published to clients that are no sockets."""

from collections import Counter
from itertools import count

from msgspec import Struct, convert
from msgspec.json import decode

from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.exchange import Cancel, Exchange
from bowstring.local_exchange.matching.orders import NewOrder, OrderType, Side, TimeInForce
from bowstring.local_exchange.matching.rules import UNIT, Rules
from bowstring.local_exchange.streams.hub import Hub
from bowstring.local_exchange.streams.market_data import MarketData
from bowstring.local_exchange.subscriptions import Subscriptions

SYMBOL = "BTCUSDT"
START_US = 1_700_000_000_123_456
MS = 1000
SECOND = 1_000_000
RICH: dict[str, int] = dict.fromkeys(("BTC", "ETH", "USDT"), 10**9 * UNIT)


class Message(Struct):
    """What a client of a combined connection got."""

    stream: str
    data: dict[str, object] | list[dict[str, object]]

    @property
    def fields(self) -> dict[str, object]:
        """The payload, if it is one object."""
        assert isinstance(self.data, dict)
        return self.data


class Client:
    """Takes frames as a connection does; ``texts`` are their payloads."""

    def __init__(self, *streams: str, combined: bool = True, unit: int = MS) -> None:
        self.subscriptions, self.unit = Subscriptions(streams, combined=combined), unit
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)

    @property
    def texts(self) -> list[bytes]:
        return [unframed(frame) for frame in self.frames]

    def take(self, stream: str = "") -> list[Message]:
        """What came since the last call, of one stream."""
        messages = [decode(text, type=Message) for text in self.texts]
        self.frames.clear()
        return [message for message in messages if stream in {"", message.stream}]

    def counts(self) -> Counter[str]:
        """How many messages came since the last call, by stream."""
        return Counter(message.stream for message in self.take())


class Stage:
    """Two rich accounts, ``maker`` and ``taker``, and a clock that is moved by hand. Amounts are in units of 1e-8."""

    def __init__(self, *symbols: str) -> None:
        self.now_us = START_US
        rules = [Rules.of(MARKETS[symbol].instrument) for symbol in symbols or (SYMBOL,)]
        self.exchange = Exchange(rules, now_us=lambda: self.now_us)
        self.market = self.exchange.markets[rules[0].symbol]
        self.maker, self.taker = (self.exchange.open_account(name, balances=RICH) for name in ("maker", "taker"))
        self.clerk, self.hub = Clerk(self.exchange), Hub()
        self.data = MarketData(self.exchange, self.hub, now_us=lambda: self.now_us)
        self.clerk.listeners.append(self.data.take)
        self._ids = count(1)

    def join(self, *streams: str, combined: bool = True, unit: int = MS) -> Client:
        """A client that has subscribed."""
        client = Client(*streams, combined=combined, unit=unit)
        self.hub.changed(client)
        return client

    def quote(self, side: Side, price: int, lots: int = 1, *, symbol: str = "") -> Order:
        """The maker's order, at a price in whole units of the quote currency."""
        return self._place("LIMIT", side, price=price * UNIT, lots=lots, symbol=symbol, account_name="maker")

    def take(self, side: Side, lots: int = 1, *, price: int = 0, symbol: str = "") -> Order:
        """What the taker gets at once, at no matter what price, or at this one."""
        price = price or (70_000 if side == "BUY" else 60_000)
        return self._place(
            "LIMIT", side, price=price * UNIT, lots=lots, symbol=symbol, account_name="taker", force="IOC"
        )

    def cancel(self, order: Order) -> None:
        """Cancel an open order."""
        name = str(next(self._ids))
        self.exchange.cancel(
            order.account, Cancel(symbol=order.new.symbol, order_id=order.id, new_client_order_id=name)
        )
        self.clerk.settle()

    def pass_time(self, us: int) -> None:
        """Let time pass, in steps of 100 ms, each with a tick."""
        end_us = self.now_us + us
        while self.now_us < end_us:
            self.now_us = min(end_us, self.now_us + 100 * MS)
            self.data.tick()

    def _place(
        self,
        kind: OrderType,
        side: Side,
        *,
        price: int,
        lots: int,
        symbol: str,
        account_name: str,
        force: TimeInForce = "GTC",
    ) -> Order:
        symbol = symbol or self.market.rules.symbol
        order = self.exchange.place(
            self.exchange.accounts[account_name],
            NewOrder(
                symbol=symbol,
                side=side,
                type=kind,
                client_order_id=str(next(self._ids)),
                quantity=lots * self.exchange.markets[symbol].rules.lot * 10,
                price=price,
                time_in_force=force,
            ),
        )
        self.clerk.settle()
        return order


def inner(value: object) -> dict[str, object]:
    """An object in a payload."""
    return convert(value, dict[str, object])


def unframed(frame: bytes) -> bytes:
    """The payload of a whole text frame from a server, by RFC 6455."""
    assert frame[0] == 0x81
    extra = {126: 2, 127: 8}.get(frame[1], 0)
    length = int.from_bytes(frame[2 : 2 + extra]) if extra else frame[1]
    assert len(frame) == 2 + extra + length
    return frame[2 + extra :]
